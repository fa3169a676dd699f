"""Reports of simulated records: a cart's wording, which the rules of road 2 read back to the truth."""

import pytest

from datasets_scripts.extraction.rules import read_statement
from datasets_scripts.extraction.terminology import load_terminology
from datasets_scripts.simulator import CONDITIONS, SimulatorSettings, label_names, reports, simulate_record


COMPLETE = SimulatorSettings(report_omission_rate=0.0)
PURE = SimulatorSettings(report_omission_rate=0.0, has_comorbidity=False)
TERRITORIES = ("anterior", "anteroseptal", "inferior", "lateral", "posterior")
# Carts name the extent where the terminology names the kind: "extensive st-t changes".
READ_AS_SOMETHING_WIDER = {"nondiagnostic st-t changes"}

WORDINGS = [
    (condition, wording)
    for table in (reports.WORDINGS, reports.HEDGED_WORDINGS)
    for condition, wordings in table.items()
    if condition not in READ_AS_SOMETHING_WIDER
    for wording in wordings
]
RHYTHM_WORDINGS = [
    (condition, wording)
    for condition, wordings in reports.RHYTHM_WORDINGS.items()
    if condition != "second degree av block"
    for wording in wordings
]
JOINED_WORDINGS = [
    *((name, f"Sinus rhythm with {word}") for name, words in reports.JOINED_WORDINGS.items() for word in words),
    *(
        ("second degree av block", f"Sinus rhythm with {w}")
        for words in reports.BLOCK_WORDINGS.values()
        for w in words
    ),
    *(("paced rhythm", word) for words in reports.PACING_WORDINGS.values() for word in words),
]
INFARCT_WORDINGS = (
    *reports.INFARCT_WORDINGS,
    *reports.HEDGED_INFARCT_WORDINGS,
    *reports.ACUTE_INFARCT_WORDINGS,
)


def findings_of(*statements):
    """Findings that the rules read, whatever their certainty, closed upward."""
    entities = [entity.entity for text in statements for entity in read_statement(text).entities]
    return load_terminology().close_upward(entities)


@pytest.mark.parametrize(("condition", "wording"), WORDINGS + RHYTHM_WORDINGS + JOINED_WORDINGS)
def test_a_wording_is_read_back_to_its_condition(condition, wording):
    assert condition in findings_of(wording)


@pytest.mark.parametrize("wording", INFARCT_WORDINGS)
@pytest.mark.parametrize("territory", TERRITORIES)
def test_an_infarct_is_read_back_with_its_territory(territory, wording):
    assert f"{territory} myocardial infarction" in findings_of(wording.format(territory=territory))


@pytest.mark.parametrize(
    "wording",
    [
        *reports.ISCHEMIA_WORDINGS,
        *reports.ISCHEMIA_WITH_ST_WORDINGS,
        *reports.ISCHEMIA_WITH_T_WORDINGS,
    ],
)
def test_an_ischemia_is_read_back(wording):
    assert "myocardial ischemia" in findings_of(wording.format(territory="lateral"))


@pytest.mark.parametrize("condition", [name for name in CONDITIONS if name not in READ_AS_SOMETHING_WIDER])
def test_the_rules_find_a_forced_condition_or_its_kind_in_the_report(condition):
    record = simulate_record(2, seed=5, condition=condition, settings=PURE)

    kinds = {condition, *load_terminology().ancestors(condition)}

    assert kinds & findings_of(*record.report)


def test_little_is_read_that_is_not_true():
    records = [simulate_record(index, seed=3) for index in range(150)]

    false = [len((findings_of(*record.report) & set(label_names())) - record.conditions) for record in records]

    assert sum(false) / len(false) < 0.15


def test_complete_reports_name_nearly_everything():
    records = [simulate_record(index, seed=3, settings=COMPLETE) for index in range(150)]

    missed = [len((record.conditions & set(CONDITIONS)) - findings_of(*record.report)) for record in records]

    assert sum(missed) / len(missed) < 0.2


def test_omission_drops_findings_but_never_the_rhythm_and_the_verdict():
    everything_omitted = SimulatorSettings(report_omission_rate=1.0)
    reports_of_block = [
        simulate_record(index, seed=1, condition="left bundle branch block", settings=everything_omitted).report
        for index in range(10)
    ]

    assert {len(report) for report in reports_of_block} == {2}


def test_the_verdict_comes_last():
    records = [simulate_record(index, seed=9) for index in range(80)]

    assert all("ECG" in record.report[-1].upper() for record in records)


@pytest.mark.parametrize(
    ("condition", "verdicts"),
    [
        ("first degree av block", {"borderline ecg"}),
        ("left bundle branch block", {"abnormal ecg"}),
        ("atrial fibrillation", {"abnormal ecg"}),
        ("acute", {"abnormal ecg"}),
        ("normal ecg", {"normal ecg"}),
        ("sinus bradycardia", {"normal ecg except for rate", "otherwise normal ecg"}),
    ],
)
def test_the_verdict_fits_the_findings(condition, verdicts):
    asked = "st elevation" if condition == "acute" else condition
    report = simulate_record(6, seed=4, condition=asked, settings=PURE).report

    assert report[-1].lower().rstrip(".") in verdicts


def test_a_normal_ecg_is_reported_as_rhythm_and_verdict():
    record = simulate_record(0, seed=4, condition="normal ecg", settings=PURE)

    assert len(record.report) == 2
    assert findings_of(*record.report) == {"sinus rhythm", "normal ecg"}


def test_a_fast_atrial_fibrillation_has_a_rapid_ventricular_response():
    records = [simulate_record(index, seed=2, condition="atrial fibrillation", settings=PURE) for index in range(12)]

    stated = ["rapid ventricular response" in record.report[0].lower() for record in records]
    is_fast = [record.rhythm.ventricular_rate_per_min > 105 for record in records]

    assert stated == is_fast
    assert any(is_fast)


def test_some_reports_are_in_capitals_and_some_statements_end_with_a_full_stop():
    all_reports = [simulate_record(index, seed=6).report for index in range(80)]

    assert 2 <= sum(report[-1].isupper() for report in all_reports) <= 25
    assert 2 <= sum(all(text.endswith(".") for text in report) for report in all_reports) <= 30


def test_capitals_keep_the_plural_of_abbreviations():
    texts = [
        simulate_record(index, seed=6, condition="premature ventricular contraction").report[0] for index in range(60)
    ]

    assert not any("PVCS" in text for text in texts)
