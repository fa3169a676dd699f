"""What a report makes of findings it does not mention: absent, or unknown unless the report denies them."""

import pytest

from datasets_scripts.extraction.report_findings import ReportFindings
from datasets_scripts.extraction.unmentioned import Denials, ReportJudge, Verdict


NAMES = (
    "myocardial infarction",
    "inferior myocardial infarction",
    "left bundle branch block",
    "sinus bradycardia",
)


def test_a_denied_finding_denies_its_kinds_but_nothing_above_it():
    denials = Denials(NAMES)

    assert denials.find(ReportFindings((), (), ("myocardial infarction",))) == set(NAMES[:2])
    assert denials.find(ReportFindings((), (), ("inferior myocardial infarction",))) == {NAMES[1]}


def test_a_normal_ecg_denies_what_the_superclasses_of_ptb_xl_stand_for():
    assert Denials(NAMES).find(ReportFindings(("normal ecg",), ())) == set(NAMES[:3])


def test_what_the_report_names_is_not_denied():
    stated = ReportFindings(("left bundle branch block", "normal ecg"), ("inferior myocardial infarction",))

    assert Denials(NAMES).find(stated) == {"myocardial infarction"}


# One finding affirmed, one doubted, one denied, one not mentioned.
STATED = ReportFindings(("left bundle branch block",), ("inferior myocardial infarction",), ("sinus bradycardia",))


def verdicts(stated, **options):
    """Names of the verdicts on `NAMES`."""
    return [Verdict(verdict).name for verdict in ReportJudge(NAMES, **options).judge(stated)]


def test_what_is_not_mentioned_is_absent():
    assert verdicts(STATED) == ["ABSENT", "UNCERTAIN", "PRESENT", "ABSENT"]


def test_what_is_not_mentioned_may_be_unknown_unless_it_is_denied():
    assert verdicts(STATED, unmentioned="unknown") == ["UNKNOWN", "UNCERTAIN", "PRESENT", "ABSENT"]


def test_a_normal_ecg_leaves_open_only_what_is_no_disease():
    normal = ReportFindings(("normal ecg",), ())

    assert verdicts(normal, unmentioned="unknown") == ["ABSENT", "ABSENT", "ABSENT", "UNKNOWN"]


@pytest.mark.parametrize("unmentioned", ["absent", "unknown"])
def test_a_record_without_a_report_is_unknown(unmentioned):
    assert verdicts(None, unmentioned=unmentioned) == ["UNKNOWN"] * 4


def test_what_is_affirmed_is_neither_doubted_nor_denied():
    name = ("sinus bradycardia",)

    assert verdicts(ReportFindings(name, name, name), unmentioned="unknown")[-1] == "PRESENT"
    assert verdicts(ReportFindings((), name, name), unmentioned="unknown")[-1] == "UNCERTAIN"


def test_findings_that_nobody_asks_for_are_passed_over():
    assert ReportJudge(["pause"]).judge(STATED).tolist() == [Verdict.ABSENT]


@pytest.mark.parametrize(
    ("unmentioned", "mask"), [("absent", [True, False, True, True]), ("unknown", [False, False, True, True])]
)
def test_the_columns_of_a_row_name_what_is_present_and_mark_what_is_known(unmentioned, mask):
    columns = ReportJudge(NAMES, unmentioned=unmentioned).label_columns(STATED)

    assert columns == {"labels": ["left bundle branch block"], "label_mask": mask}


def test_a_record_without_a_report_has_no_label_and_none_is_known():
    assert ReportJudge(NAMES).label_columns(None) == {"labels": [], "label_mask": [False] * 4}


def test_another_choice_is_refused():
    with pytest.raises(ValueError, match=r"`unmentioned` is 'maybe'\. Say with 'absent' or 'unknown'"):
        ReportJudge(NAMES, unmentioned="maybe")
