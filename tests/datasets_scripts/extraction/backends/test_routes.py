"""Rules first: a language model is asked where words are left over, several statements at a time, and grounded."""

import json

import pytest

from datasets_scripts.extraction.backends.backend import NO_REFUSAL, BackendArguments
from datasets_scripts.extraction.backends.correction_task import CorrectionTask, DoubtTask, GroupReading
from datasets_scripts.extraction.backends.costs import Cost
from datasets_scripts.extraction.backends.doubts import find_nearest, make_doubt
from datasets_scripts.extraction.backends.grouped import GroupedBackend
from datasets_scripts.extraction.backends.make_backend import make_backend
from datasets_scripts.extraction.backends.reading_cache import CachedBackend
from datasets_scripts.extraction.backends.routes import RouteArguments, RoutedBackend, correct_reading
from datasets_scripts.extraction.backends.task import AnswerRefused, Asked
from datasets_scripts.extraction.readings.reading import Entity, Reading
from datasets_scripts.extraction.readings.rules import read_statement


TASK = CorrectionTask.load("corrections_v1", statements_per_call=3)
ASKED = Asked("endpoint", "m", TASK.prompt_version)


def find(statement, *findings):
    """A model's reading: triples of quote, name and certainty."""
    entities = tuple(Entity(name, certainty, "", "") for _, name, certainty in findings)
    quotes = tuple((name, quote) for quote, name, _ in findings)
    return Reading(entities, True, *ASKED, quotes=quotes)


def list_findings(reading):
    """Findings with their certainty."""
    return [(entity.entity, entity.certainty) for entity in reading.entities]


class MadeModel:
    """Answers groups with made JSON, and notes what it was asked."""

    name, model, prompt_version, cost = "endpoint", "m", TASK.prompt_version, Cost()

    def __init__(self, entities_of):
        self.entities_of = entities_of
        self.groups = []

    def estimate(self, groups):
        return Cost(len(groups))

    def read(self, groups):
        for group in groups:
            self.groups.append([doubt.statement for doubt in group])
            readings = [
                {"number": number, "entities": self.entities_of(doubt.statement, len(group))}
                for number, doubt in enumerate(group, start=1)
            ]
            try:
                yield group, TASK.accept(json.dumps({"readings": readings}), group, ASKED)
            except AnswerRefused as refused:
                yield group, TASK.fall_back(group, str(refused))


def name(quote, entity, certainty="positive"):
    return {"quote": quote, "entity": entity, "certainty": certainty}


class TestCorrections:
    def test_a_finding_in_the_words_left_over_is_added_and_the_statement_counts_as_read(self):
        doubt = make_doubt("Sinus rhythm, grimbly QT")
        answer = find(doubt.statement, ("grimbly QT", "prolonged qt interval", "positive"))

        corrected = correct_reading(doubt, answer)

        assert list_findings(corrected) == [("sinus rhythm", "positive"), ("prolonged qt interval", "positive")]
        assert corrected.entities[1].scp_code == "LNGQT"
        assert corrected.is_read
        assert corrected.backend == "endpoint"

    def test_a_finding_of_the_rules_stays_whatever_the_model_says_of_words_that_they_know(self):
        doubt = make_doubt("Sinus rhythm, LBBB, gremlins")
        answer = find(doubt.statement, ("LBBB", "right bundle branch block", "positive"), ("LBBB", "LBBB", "negative"))

        assert correct_reading(doubt, answer) == doubt.rules

    def test_a_word_left_over_may_change_a_certainty(self):
        doubt = make_doubt("LBBB absentish")
        answer = find(doubt.statement, ("LBBB absentish", "left bundle branch block", "negative"))

        assert list_findings(correct_reading(doubt, answer)) == [("left bundle branch block", "negative")]

    def test_where_the_quotes_leave_a_word_over_the_statement_is_still_not_read(self):
        doubt = make_doubt("grimbly QT, gremlins")
        answer = find(doubt.statement, ("grimbly QT", "prolonged qt interval", "positive"))

        assert not correct_reading(doubt, answer).is_read


class TestRoutes:
    def test_statements_that_the_rules_read_are_not_asked_about(self):
        model = MadeModel(lambda statement, size: [name("gremlins", "fusion complexes")])
        routed = RoutedBackend("leftover", GroupedBackend(model, statements_per_call=3))

        readings = dict(routed.read(["Sinus rhythm", "LBBB", "Flutter, gremlins"]))

        assert model.groups == [["Flutter, gremlins"]]
        assert readings["LBBB"] == read_statement("LBBB")
        assert list_findings(readings["Flutter, gremlins"]) == [
            ("atrial flutter", "positive"),
            ("fusion complexes", "positive"),
        ]

    def test_an_audit_asks_about_all_and_changes_nothing(self):
        model = MadeModel(lambda statement, size: [])
        routed = RoutedBackend("audit", GroupedBackend(model, statements_per_call=3))

        (reading,) = dict(routed.read(["LBBB"])).values()

        assert reading == read_statement("LBBB")._replace(opinion=())

    def test_a_dry_run_counts_the_questions_of_the_route(self):
        routed = RoutedBackend("leftover", GroupedBackend(MadeModel(None), statements_per_call=2))

        assert routed.estimate(["LBBB", *(f"gremlins {letter}{letter}" for letter in "abcde")]).num_requests == 3

    @pytest.mark.parametrize(
        ("flags", "reason"),
        [
            ({"statements_per_call": 11}, r"`--statements_per_call` is 11\. Choose 1 to 10"),
            ({"seconds_per_answer": 0.0}, r"`--seconds_per_answer` \(0\.0\) must be above 0"),
        ],
    )
    def test_flags_that_make_no_sense_are_refused(self, flags, reason):
        with pytest.raises(ValueError, match=reason):
            RouteArguments(**flags)


class TestGroups:
    def test_a_statement_whose_part_of_an_answer_is_refused_is_asked_alone_and_the_others_are_taken(self):
        def entities_of(statement, size):
            invented = size > 1 and "gnomes" in statement
            return [name(statement, "pericarditis")] if invented else [name(statement.split()[-1], "qt changes")]

        model = MadeModel(entities_of)
        readings = dict(
            GroupedBackend(model, statements_per_call=3).read(
                [make_doubt(text) for text in ("lbbb gnomes", "gremlins", "grimblies")]
            )
        )

        assert model.groups[1:] == [["lbbb gnomes"]]
        assert {doubt.statement: reading.problem for doubt, reading in readings.items()} == {
            "lbbb gnomes": "",
            "gremlins": "",
            "grimblies": "",
        }

    def test_a_statement_that_is_refused_alone_too_is_left_to_the_rules(self):
        model = MadeModel(lambda statement, size: [name("", "pericarditis")])
        grouped = GroupedBackend(model, statements_per_call=1)

        ((doubt, reading),) = grouped.read([make_doubt("LBBB gremlins")])

        assert reading == doubt.rules._replace(problem="a finding of the answer is not in the statement")

    def test_what_was_answered_is_on_file_for_each_statement_and_never_asked_again(self, tmp_path):
        model = MadeModel(lambda statement, size: [name("gremlins", "fusion complexes")])
        doubts = [make_doubt(f"gremlins {letter * 2}") for letter in "abc"]

        for _ in range(2):
            grouped = GroupedBackend(model, statements_per_call=2)
            grouped.journal = CachedBackend(grouped, DoubtTask(), tmp_path / "readings.jsonl")
            readings = dict(grouped.journal.read(doubts))

        assert len(model.groups) == 2
        assert {reading.quotes for reading in readings.values()} == {(("fusion complexes", "gremlins"),)}

    def test_after_a_break_the_statements_of_a_refused_group_are_asked_alone(self, tmp_path):
        model = MadeModel(lambda statement, size: [])
        grouped = GroupedBackend(model, statements_per_call=2)
        grouped.journal = CachedBackend(grouped, DoubtTask(), tmp_path / "readings.jsonl")
        group = tuple(make_doubt(text) for text in ("gremlins aa", "gremlins bb"))
        with grouped.journal._open() as grouped.journal._file:
            grouped.note_refusal(group, NO_REFUSAL._replace(num_answers=1, problem="no JSON"))

        list(grouped.read(group))

        assert model.groups == [["gremlins aa"], ["gremlins bb"]]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("Sorry", "not JSON"),
        ('{"entities": []}', 'one key "readings"'),
        ('{"readings": [{"number": 3, "entities": []}]}', "no statement's, or stands twice"),
        ('{"readings": [{"number": 1, "entities": []}, {"number": 1, "entities": []}]}', "stands twice"),
        ('{"readings": [{"number": true, "entities": []}]}', "no statement's"),
        ('{"readings": []}', "says nothing of a statement"),
    ],
)
def test_answers_of_another_form_are_refused(answer, reason):
    with pytest.raises(AnswerRefused, match=reason):
        TASK.accept(answer, (make_doubt("LBBB"), make_doubt("RBBB")), ASKED)


def test_an_answer_that_was_cut_off_keeps_the_readings_that_are_whole():
    whole = '{"readings":[{"number":1,"entities":[]}'

    assert TASK.close(whole + ',{"number":2,"enti') == whole + "]}"


def test_group_readings_survive_the_file():
    reading = GroupReading((find("x", ("x", "lbbb", "positive")), None), "")

    assert TASK.read(json.loads(json.dumps(TASK.write(reading)))) == reading


def test_a_question_tells_of_the_rules_of_the_words_left_over_and_of_names_like_them():
    *_, question = TASK.messages((make_doubt("LBBB, pericardittis?"),))

    assert json.loads(question["content"])["statements"] == [
        {
            "number": 1,
            "statement": "LBBB, pericardittis?",
            "rules": [["left bundle branch block", "positive"], ["pericarditis", "uncertain"]],
            "left_over": [],
            "nearest": [],
        }
    ]
    assert "pericarditis" in find_nearest(("perykardittis",))


def test_a_dry_run_needs_no_model(tmp_path):
    arguments = BackendArguments(backend="transformers", model=str(tmp_path / "nothing"), dry_run=True)

    backend = make_backend(arguments, tmp_path, routing=RouteArguments(route="leftover", statements_per_call=5))

    assert backend.estimate(["gremlins aa", "gremlins bb", "LBBB"]).num_requests == 1
