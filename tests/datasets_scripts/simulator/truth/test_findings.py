"""Measured findings are decided by the numbers of one table."""

import re

import pytest

from datasets_scripts.simulator import SimulatorSettings, label_names, simulate_record
from datasets_scripts.simulator.patient.diagnosis import ABNORMAL_ACTIVATION
from datasets_scripts.terminology import measured_findings as findings
from datasets_scripts.terminology.findings import load_terminology
from datasets_scripts.terminology.measured_findings import find_measured, load_measured_findings


TABLE = load_measured_findings()
CLEAN = SimulatorSettings(noise_scale=0.0, has_comorbidity=False)


@pytest.fixture(scope="module")
def records():
    return [simulate_record(index, seed=21) for index in range(400)]


@pytest.mark.parametrize("name", TABLE)
def test_a_finding_is_measured_and_has_a_unit_a_source_and_other_wordings(records, name):
    finding = TABLE[name]

    assert any(set(finding.keys) <= set(record.measurements) for record in records)
    assert finding.unit
    assert finding.source
    assert len(finding.wordings) >= 2


@pytest.mark.parametrize("name", TABLE)
def test_a_source_is_a_work_that_the_module_lists_or_says_whose_choice_it_is(name):
    works = re.findall(r"[A-Z][\w-]+ (?:et al\.|& [A-Z]\w+) \d{4}", TABLE[name].source)
    listed = " ".join(str(findings.__doc__).split())

    assert works or TABLE[name].source.startswith(("Own choice", "By definition"))
    assert [work for work in works if work not in listed] == []


def test_findings_share_no_wording_and_no_name_with_the_terminology():
    wordings = [wording for finding in TABLE.values() for wording in (finding.name, *finding.wordings)]

    assert len(set(wordings)) == len(wordings)
    assert [name for name in TABLE if load_terminology().find(name)] == []


def test_nearly_every_finding_occurs_and_none_always(records):
    counts = {name: sum(name in record.findings for record in records) for name in TABLE}

    assert [name for name, count in counts.items() if count == len(records)] == []
    assert len([name for name, count in counts.items() if count == 0]) <= 4


@pytest.mark.parametrize(
    ("name", "key", "limit"),
    [
        ("heart rate above 100 per minute", "rate_per_min", 100),
        ("pr interval above 200 ms", "pr_ms", 200),
        ("qrs below 0.5 mV in all limb leads", "limb_voltage_mv", 0.5),
        ("sokolow-lyon sum above 3.5 mV", "sokolow_lyon_mv", 3.5),
    ],
)
def test_a_finding_is_true_on_one_side_of_its_limit_only(name, key, limit):
    sides = [name in find_measured({key: limit + step}) for step in (-0.01, 0.0, 0.01)]

    assert sorted(sides) == [False, False, True]
    assert sides[1] is False


@pytest.mark.parametrize(
    ("condition", "finding"),
    [
        ("left axis deviation", "qrs axis left of -30 degrees"),
        ("right axis deviation", "qrs axis right of 90 degrees"),
        ("poor r wave progression", "r wave in v3 below 0.3 mV"),
        ("limb low qrs voltage", "qrs below 0.5 mV in all limb leads"),
        ("precordial low qrs voltage", "qrs below 1 mV in all chest leads"),
    ],
)
def test_a_condition_and_the_finding_that_decides_it_have_one_limit(records, condition, finding):
    diagnoses = [record.diagnosis for record in records]
    readable = [
        record
        for record, diagnosis in zip(records, diagnoses, strict=True)
        if not diagnosis.is_ventricular | diagnosis.is_mirrored and diagnosis.conduction not in ABNORMAL_ACTIVATION
    ]

    assert any(condition in record.conditions for record in readable)
    assert all((condition in record.conditions) == (finding in record.findings) for record in readable)


def test_two_leads_of_a_wall_are_needed():
    measured = {"t_mv_II": -0.3, "t_mv_III": 0.2, "t_mv_aVF": 0.1}

    assert find_measured(measured) == frozenset()
    assert find_measured({**measured, "t_mv_III": -0.2}) == {"t inversion in two inferior leads"}


def test_what_cannot_be_measured_is_not_found():
    assert find_measured({}) == frozenset()


def test_labels_are_conditions_and_findings(records):
    assert all(record.labels == record.conditions | record.findings for record in records)
    assert all(record.labels <= set(label_names()) for record in records)
