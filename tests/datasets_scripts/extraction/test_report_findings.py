"""What a report says: one certainty per finding, the strongest one; who has a finding has all it is a kind of."""

import pytest

from datasets_scripts.extraction.readings.reading import Entity, Reading
from datasets_scripts.extraction.readings.rules import read_statement
from datasets_scripts.extraction.report_findings import join_readings


INFERIOR, INFARCTION = "inferior myocardial infarction", "myocardial infarction"


def join(*entities, **options):
    """Labels of a record with a statement for each pair of finding and certainty."""
    readings = [Reading((Entity(name, certainty, "", ""),), is_read=True) for name, certainty in entities]
    return join_readings(readings, **options)


@pytest.mark.parametrize(
    ("statements", "joined"),
    [
        (["Possible LVH", "LVH"], (["left ventricular hypertrophy"], [], [])),
        (["no LVH", "Possible LVH"], ([], ["left ventricular hypertrophy"], [])),
        (["no LVH", "LVH"], (["left ventricular hypertrophy"], [], [])),
        (["no LVH", "PVCs"], (["premature ventricular contraction"], [], ["left ventricular hypertrophy"])),
        ([], ([], [], [])),
    ],
)
def test_positive_beats_uncertain_beats_negative(statements, joined):
    labels = join_readings(map(read_statement, statements), find_ancestors=lambda name: ())

    assert tuple(map(list, labels[:3])) == joined


def test_a_positive_finding_makes_its_ancestors_positive():
    assert join((INFERIOR, "positive")).positive == (INFERIOR, INFARCTION)


def test_an_uncertain_finding_makes_no_ancestor_positive():
    labels = join((INFERIOR, "uncertain"))

    assert labels.positive == ()
    assert labels.uncertain == (INFERIOR, INFARCTION)


def test_an_uncertain_finding_leaves_a_positive_ancestor_positive():
    labels = join((INFERIOR, "uncertain"), (INFARCTION, "positive"))

    assert (labels.positive, labels.uncertain) == ((INFARCTION,), (INFERIOR,))


@pytest.mark.parametrize("certainty", ["uncertain", "negative"])
def test_a_positive_finding_overrides_the_doubt_or_denial_of_its_ancestor(certainty):
    labels = join((INFERIOR, "positive"), (INFARCTION, certainty))

    assert labels[:3] == ((INFERIOR, INFARCTION), (), ())


def test_an_uncertain_finding_overrides_the_denial_of_its_ancestor():
    labels = join((INFERIOR, "uncertain"), (INFARCTION, "negative"))

    assert labels[:3] == ((), (INFERIOR, INFARCTION), ())


def test_a_negative_finding_denies_nothing_above_it():
    assert join((INFERIOR, "negative")).negative == (INFERIOR,)


def test_a_finding_outside_the_terminology_stays_alone():
    assert join(("electrical alternans of the soul", "positive")).positive == ("electrical alternans of the soul",)


def test_a_finding_stated_in_two_ways_is_noted_as_overruled():
    assert join((INFERIOR, "negative"), (INFERIOR, "positive"), ("q waves", "positive")).overruled == (INFERIOR,)


@pytest.mark.parametrize("finding", ["sinus bradycardia", "right bundle branch block"])
def test_a_normal_ecg_may_stand_beside_other_findings(finding):
    assert {"normal ecg", finding} <= set(join(("normal ecg", "positive"), (finding, "positive")).positive)


@pytest.mark.parametrize(
    ("normal", "abnormal", "expected"),
    [
        ("positive", "positive", (("abnormal ecg",), (), ("normal ecg",))),
        ("uncertain", "positive", (("abnormal ecg",), (), ("normal ecg",))),
        ("positive", "uncertain", (("normal ecg",), (), ("abnormal ecg",))),
        ("uncertain", "uncertain", ((), ("abnormal ecg", "normal ecg"), ())),
        ("negative", "positive", (("abnormal ecg",), (), ("normal ecg",))),
    ],
)
def test_an_ecg_is_not_both_normal_and_abnormal(normal, abnormal, expected):
    assert join(("normal ecg", normal), ("abnormal ecg", abnormal))[:3] == expected


def test_what_has_replaced_a_rhythm_leaves_no_positive_of_the_old_one():
    labels = join_readings(map(read_statement, ["atrial fibrillation has replaced sinus rhythm", "sinus rhythm"]))

    assert "atrial fibrillation" in labels.positive
    assert labels.overruled == ("sinus rhythm",)
