"""Statements: reports are cut where they should be, and spellings of the same thing become one."""

import re
from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasets_scripts.extraction.readings.rules import read_statement
from datasets_scripts.extraction.readings.statements import normalize_statement, split_report, statement_key


@pytest.mark.parametrize(
    ("report", "statements"),
    [
        ("Sinus rhythm\nLeft axis deviation", ["Sinus rhythm", "Left axis deviation"]),
        ("sinus rhythm. normal ecg.", ["sinus rhythm", "normal ecg"]),
        ("t waves are flat in v5,6. this may be ischaemia", ["t waves are flat in v5,6", "this may be ischaemia"]),
        ("no change since 12.9.91. otherwise normal", ["no change since 12.9.91", "otherwise normal"]),
        ("inferiorer infarkt     alter unbest. linkstyp", ["inferiorer infarkt alter unbest. linkstyp"]),
        ("av-block 1. grades", ["av-block 1. grades"]),
        ("Atrial flutter\n- 2:1 A-V block", ["Atrial flutter", "- 2:1 A-V block"]),
        ("ST-T changes\n may be due to ischemia", ["ST-T changes may be due to ischemia"]),
        ("Q waves, possibly due to\nLVH\nLAE", ["Q waves, possibly due to LVH", "LAE"]),
        ("Atrial flutter\n with PVCs", ["Atrial flutter", "with PVCs"]),
        ("  sinus rhythm\n  atrial flutter", ["sinus rhythm", "atrial flutter"]),
        ("V.a. Perikarditis. Steiltyp", ["V.a. Perikarditis", "Steiltyp"]),
        ("ischemia vs. LVH. Sinus rhythm", ["ischemia vs. LVH", "Sinus rhythm"]),
        (" \n .\n", []),
    ],
    ids=[
        "lines",
        "sentences",
        "leads",
        "date",
        "abbreviation",
        "ordinal",
        "continuation",
        "indented wrap",
        "open end",
        "addition",
        "indented report",
        "suspicion",
        "versus",
        "empty",
    ],
)
def test_a_report_is_cut_into_lines_and_sentences(report, statements):
    assert split_report(report) == statements


def test_a_line_filled_to_its_end_goes_on_in_the_next():
    full_line = "Left ventricular hypertrophy with repolarization abnormality, cannot rule out"

    assert split_report(f"{full_line}\nmyocardial ischemia") == [f"{full_line} myocardial ischemia"]


def test_notes_of_annotators_are_no_part_of_the_report():
    assert split_report("sinus rhythm. Edit: NORM 100, (NORM 100)") == ["sinus rhythm"]


@pytest.mark.parametrize(
    ("statement", "normal"),
    [
        ("*** ANTERIOR INFARCT ***", "anterior infarct"),
        ("- 1st degree A-V block", "first degree av block"),
        ("(9@128) suggests early repolarization", "suggests early repolarization"),
        ("PVC(s)", "pvc"),
        ("Myocardial ischaemia", "myocardial ischemia"),
        ("S-T depr, diffuse lds", "st depression, diffuse leads"),
        ("ST-T changes", "st t changes"),
        ("LVH w/ repol abnrm", "lvh with repolarization abnormality"),
        ("Q waves in II, III, aVF", "q waves _leads"),
        ("ST depression V1-V3", "st depression _leads"),
        ("Mobitz II block", "mobitz ii block"),
        ("QT-VERLÄNGERUNG", "qt verlaengerung"),
        ("amplitudenkriterien f#r linkshypertrophie", "amplitudenkriterien fuer linkshypertrophie"),
    ],
)
def test_spellings_of_the_same_statement_become_one(statement, normal):
    assert normalize_statement(statement) == normal


@pytest.mark.parametrize("statement", ["SINUS RHYTHM", "Sinus rhythm", "- sinus  rhythm", "*** Sinus rhythm ***"])
def test_case_blanks_and_ornaments_do_not_matter(statement):
    assert normalize_statement(statement) == "sinus rhythm"


def test_normalizing_twice_changes_nothing():
    once = normalize_statement("Borderline ST-T changes in V1-V3, prob. 2nd degree A-V block")

    assert normalize_statement(once) == once


@pytest.mark.parametrize(
    "spelling",
    [
        "SINUS RHYTHM WITH PVCS",
        "Sinus rhythm with PVC(s).",
        "*** sinus rhythm with PVCs ***",
        "--- Sinus rhythm with PVCs ---*",
        "- sinus rhythm\n  with PVCs ;",
        "Sinus rhythm\u00a0with PVCs -",
    ],
    ids=["case", "plural", "asterisks", "dashes", "continuation", "no-break blank"],
)
def test_spellings_of_one_statement_share_a_key(spelling):
    assert statement_key(spelling) == "sinus rhythm with pvcs"


@pytest.mark.parametrize(
    ("statement", "other"),
    [
        ("2:1 A-V block", "3:1 A-V block"),
        ("ST elevation in V1", "ST elevation in V2"),
        ("Septal infarct", "Septal infarct?"),
        ("PR > 200 ms", "PR < 200 ms"),
        ("QRS axis -30", "QRS axis 30"),
        ("-30 degrees", "30 degrees"),
        ("t in III +/-", "t in III +"),
        ("possible RVH", "RVH, possible"),
    ],
)
def test_what_changes_the_meaning_changes_the_key(statement, other):
    assert statement_key(statement) != statement_key(other)


def test_a_continuation_line_shares_the_key_of_the_finding_alone():
    assert statement_key("with PVC(s)") == statement_key("- PVCs") == statement_key("PVCS.")


@pytest.mark.parametrize("statement", ["", " \n", "***", "- . -", "---"])
def test_a_statement_without_a_word_has_no_key(statement):
    assert statement_key(statement) == ""


@pytest.fixture
def mimic_spellings(data_dir):
    """Spellings of each key among the 3,862 distinct lines of MIMIC-IV-ECG's reports."""
    spellings = defaultdict(list)
    for line in (data_dir / "mimic-iv-ecg" / "statements.txt").read_text(encoding="utf-8").splitlines():
        spellings[statement_key(line)].append(line)
    return spellings


@pytest.mark.data
def test_a_quarter_of_the_distinct_lines_of_mimic_iv_ecg_need_not_be_read(mimic_spellings):
    assert sum(len(lines) for lines in mimic_spellings.values()) == 3862
    assert 2800 < len(mimic_spellings) <= 2950


@pytest.mark.data
def test_all_spellings_of_a_key_are_read_alike(mimic_spellings):
    readings = {key: {read_statement(text) for text in (key, *lines)} for key, lines in mimic_spellings.items()}
    read_differently = [key for key, distinct in readings.items() if len(distinct) > 1]

    assert read_differently == []


@given(st.text())
def test_the_key_of_a_key_is_itself(text):
    key = statement_key(text)

    assert statement_key(key) == key


@given(st.text(alphabet="ab:;.,-*() \n1?", max_size=30))
def test_letters_digits_and_question_marks_are_in_the_key_in_their_order(text):
    key = statement_key(text)

    kept = re.sub(r"[^ab1?]", "", text)
    assert re.sub(r"[^ab1?]", "", key) == (kept if re.search(r"\w", text) else "")


@given(st.text(alphabet="av block1.()/?- °'"))
def test_no_text_stops_the_rules(text):
    assert read_statement(text).backend == "rules"
