"""`report.html`: one file that shows what was read, what needs a look first, and no statement as HTML."""

import html.parser
import json
import re

import pytest

from datasets_scripts.extraction.backends.costs import Cost
from datasets_scripts.extraction.checks.audit import make_audit, write_audit
from datasets_scripts.extraction.extract import LabelArguments, extract_labels
from datasets_scripts.extraction.readings.reading import Entity, Reading
from datasets_scripts.extraction.readings.rules import read_statement


HOSTILE = "</script><script>alert('x')</script><img src=x onerror=alert(1)> & sinus rhythm"


class Model:
    """A language model that reads some statements in its own way, the others as the rules do."""

    name, model, prompt_version = "endpoint", "tiny", "findings_v1"
    cost = Cost(5, 1000, 100, 0.25)

    def __init__(self, **answers):
        self.answers = {name.replace("_", " "): reading for name, reading in answers.items()}

    def read(self, statements):
        for statement in statements:
            own = read_statement(statement)._replace(backend=self.name, model=self.model, prompt_version="findings_v1")
            yield statement, self.answers.get(statement, own)


def answer(*names):
    """What the model says: positive findings."""
    return Reading(tuple(Entity(name, "positive", "", "") for name in names), True, "endpoint", "tiny", "findings_v1")


FAILED = read_statement("PVCs")._replace(problem="no answer")
REPORTS = [
    ("1", ["Sinus rhythm", "PVCs", "Normal ECG"]),
    ("2", ["Sinus rhythm", "LVH", "lorem ipsum", "Abnormal ECG", "Normal ECG"]),
    ("3", ["SINUS RHYTHM", "odd"]),
]


def extract(tmp_path, reports=REPORTS, **answers):
    """An extraction by `Model`."""
    return extract_labels(lambda: reports, tmp_path, backend=Model(**answers))


@pytest.fixture
def audit(tmp_path):
    """LVH is missed, PVCs not answered, and something is found that nobody knows."""
    return make_audit(extract(tmp_path, LVH=answer(), PVCs=FAILED, odd=answer("sorrow of the heart")))


def test_disagreements_with_the_rules_come_first_then_failures_then_what_is_unread(audit):
    shown = [(row["statement"], row["status"]) for row in audit["statements"]]

    assert shown[:5] == [
        ("LVH", "disagrees"),
        ("odd", "disagrees"),
        ("PVCs", "failed"),
        ("lorem ipsum", "unread"),
        ("Sinus rhythm", "read"),
    ]


def test_a_disagreement_shows_both_readings(audit):
    row = audit["statements"][0]

    assert (row["entities"], row["other"]) == ([], ("rules", [("left ventricular hypertrophy", "positive")]))


def test_spellings_are_one_row_with_the_sum_of_their_counts(audit):
    row = next(row for row in audit["statements"] if row["statement"] == "Sinus rhythm")

    assert (row["count"], row["num_spellings"]) == (3, 2)


def test_unmatched_entities_problems_and_cost_are_listed(audit):
    assert [match["name"] for match in audit["unmatched"]] == ["sorrow of the heart"]
    assert audit["problems"] == [("no answer", 1)]
    assert "5 requests" in audit["cost"]


def test_contradictions_within_a_report_are_counted(audit):
    assert audit["overruled"] == [("normal ecg", 1)]
    assert dict(audit["beside_normal"]) == {
        "sinus rhythm": 1,
        "premature ventricular contraction": 1,
        "premature complexes": 1,
    }


def test_of_very_many_statements_the_first_ones_are_listed(tmp_path, monkeypatch):
    monkeypatch.setattr("datasets_scripts.extraction.checks.audit.MAX_STATEMENTS", 2)

    page = write_page(tmp_path)

    # "Abnormal ECG", "Normal ECG", "LVH", "PVCs", "Sinus rhythm", "lorem ipsum", "odd"
    assert "The first 2 of 7 are listed here" in page


def test_the_rules_are_not_compared_with_themselves(tmp_path):
    audit = make_audit(extract(tmp_path, PVCs=FAILED))

    assert all(row["other"] is None for row in audit["statements"])


def test_rare_findings_are_counted_but_not_shown(tmp_path):
    extraction = extract_labels(lambda: REPORTS, tmp_path, backend=Model(), labels=LabelArguments(min_records=3))

    audit = make_audit(extraction)

    assert [row["finding"] for row in audit["findings"]] == ["sinus rhythm"]
    assert audit["num_rare"] > 0


class Tags(html.parser.HTMLParser):
    """Counts the elements of a page and collects what they load."""

    def __init__(self):
        super().__init__()
        self.names, self.loaded = [], []

    def handle_starttag(self, tag, attributes):
        self.names.append(tag)
        self.loaded += [value for name, value in attributes if name in ("src", "href")]


def write_page(tmp_path, reports=REPORTS, **answers):
    """The page of an extraction, as text."""
    write_audit(extract(tmp_path, reports, **answers), tmp_path)
    return (tmp_path / "report.html").read_text(encoding="utf-8")


def parse(page):
    """The elements of a page."""
    tags = Tags()
    tags.feed(page)
    return tags


def test_a_statement_is_never_taken_for_html(tmp_path):
    hostile = write_page(tmp_path, [("1", [HOSTILE])], **{HOSTILE: answer(HOSTILE, "<b>bold</b>")})
    plain = "script script alert x script img src x onerror alert sinus rhythm"  # as many words left over
    harmless = write_page(tmp_path, [("1", [plain])], **{plain: answer("one thing", "another thing")})

    assert parse(hostile).names == parse(harmless).names
    assert "<b>bold" not in hostile
    assert "alert(1)>" not in hostile


def test_the_script_gets_the_statement_as_it_is_written(tmp_path):
    page = write_page(tmp_path, [("1", [HOSTILE])])

    data = re.search(r'<script type="application/json" id="statements-data">(.*?)</script>', page, re.DOTALL)[1]
    assert json.loads(data)[0][1] == HOSTILE


def test_the_page_loads_nothing(tmp_path):
    page = write_page(tmp_path)

    assert parse(page).loaded == []
    assert "http" not in page


@pytest.mark.parametrize("reports", [[], [("1", [])]], ids=["no record", "an empty report"])
def test_a_corpus_without_statements_has_a_page_too(tmp_path, reports):
    assert "No report names a finding" in write_page(tmp_path, reports)


def test_words_left_over_are_counted_over_all_spellings(tmp_path):
    reports = [("1", ["LBBB, gremlins"]), ("2", ["LBBB, Gremlins", "LBBB"]), ("3", ["LBBB, gremlins"])]
    audit = make_audit(extract(tmp_path, reports))

    assert audit["left_over"] == [("gremlins", 3)]
    assert "<td>gremlins</td>" in write_page(tmp_path, reports)


def find_row(audit, statement):
    """The row of a statement."""
    return next(row for row in audit["statements"] if row["statement"] == statement)


def test_names_outside_the_terminology_are_told_apart(audit):
    assert audit["outside"] == ["sorrow of the heart"]
    assert "left bundle branch block" in audit["names"]


def test_a_finding_for_which_only_its_quote_vouches_is_to_be_reviewed(tmp_path):
    believed = answer("fusion complexes")._replace(
        quotes=(("fusion complexes", "Gremlins"),), review=("fusion complexes",)
    )
    row = find_row(make_audit(extract(tmp_path, [("1", ["gremlins"])], gremlins=believed)), "gremlins")

    assert (row["review"], row["spans"]) == (("fusion complexes",), [(0, 8)])


def test_the_words_that_say_a_finding_are_pointed_out(tmp_path):
    row = find_row(make_audit(extract(tmp_path, [("1", ["Sinus rhythm, LBBB"])])), "Sinus rhythm, LBBB")

    assert row["spans"] == [(0, 12), (14, 18)]


def test_an_opinion_that_differs_is_shown_and_changes_nothing(tmp_path):
    asked = read_statement("LVH")._replace(opinion=answer("RVH").entities)
    row = find_row(make_audit(extract(tmp_path, [("1", ["LVH"])], LVH=asked)), "LVH")

    assert row["entities"] == [("left ventricular hypertrophy", "positive")]
    assert (row["status"], row["other"]) == ("disagrees", ("model", [("right ventricular hypertrophy", "positive")]))


def test_the_page_has_what_a_person_needs_to_correct_it(tmp_path):
    page = write_page(tmp_path)

    assert "Export corrections" in page
    assert "--corrections" in page
    assert 'id="names-data"' in page
