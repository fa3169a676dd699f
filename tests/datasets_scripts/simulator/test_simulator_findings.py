"""Measured findings are decided by numbers of one table; annotations and patients agree with the strips."""

import re

import numpy as np
import pytest
from scipy.signal import resample

from datasets_scripts.simulator import SimulatorSettings, label_names, simulate_record
from datasets_scripts.simulator.patient.diagnosis import ABNORMAL_ACTIVATION
from datasets_scripts.simulator.truth.annotations import P_WAVE, QRS_COMPLEX, T_WAVE
from datasets_scripts.simulator.truth.waves import measure_qrs
from datasets_scripts.terminology import measured_findings as findings
from datasets_scripts.terminology.findings import load_terminology
from datasets_scripts.terminology.measured_findings import find_measured, load_measured_findings
from modeling_supreme.leads import STANDARD_LEADS


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


def test_q_r_and_s_of_a_lead_are_measured_by_their_place():
    qrs = np.zeros((12, 50))
    qrs[STANDARD_LEADS.index("II"), :20] = -0.2  # 40 ms
    qrs[STANDARD_LEADS.index("II"), 20:40] = 0.5
    qrs[STANDARD_LEADS.index("II"), 40:] = -0.1

    waves = {name: values[STANDARD_LEADS.index("II")] for name, values in measure_qrs(qrs, step_ms=2.0).items()}

    assert (waves["q_mv"], waves["q_ms"], waves["r_mv"], waves["s_mv"]) == (0.2, 40.0, 0.5, 0.1)
    assert waves["q_excess"] == pytest.approx(40 / 30)


def test_annotations_are_in_order_and_close_what_they_open(records):
    for_each = [[mark.sample for mark in record.annotations] for record in records]
    marks = [mark for record in records for mark in record.annotations if 600 < mark.sample < 4400]

    assert all(samples == sorted(samples) for samples in for_each)
    assert {mark.symbol for mark in marks if mark.wave == P_WAVE} <= {"(", ")", "p", "x"}
    assert {mark.symbol for mark in marks if mark.wave == T_WAVE} <= {")", "t"}


def test_every_beat_of_the_strip_is_annotated_with_its_kind():
    record = simulate_record(2, seed=1, condition="ventricular bigeminy", settings=CLEAN)
    symbols = [mark.symbol for mark in record.annotations if mark.wave == QRS_COMPLEX and mark.symbol in "NV"]

    assert len(symbols) in (len(record.rhythm.seen_beats), len(record.rhythm.seen_beats) + 1)
    assert {"NV" in "".join(symbols), "NN" in "".join(symbols)} == {True, False}


@pytest.mark.parametrize(
    ("condition", "note"),
    [
        ("ectopic atrial rhythm", "(EAR"),
        ("atrial bigeminy", "(AB"),
        ("ventricular bigeminy", "(B"),
        ("complete av block", "(B3"),
        ("ventricular tachycardia", "(VT"),
        ("non-sustained ventricular tachycardia", "(N"),
    ],
)
def test_the_rhythm_is_annotated_as_wfdb_writes_it(condition, note):
    record = simulate_record(2, seed=1, condition=condition, settings=CLEAN)

    assert [mark.aux_note for mark in record.annotations if mark.symbol == "+"] == [note]


def test_recordings_of_a_patient_share_the_shape_of_the_beat():
    healthy = [index for index in range(0, 160, 2) if simulate_record(index, seed=8).diagnosis.is_healthy][:20]
    shapes = [
        [simulate_record(index + n, seed=8, settings=CLEAN).tracing.beat.qrs(500) for n in (0, 1)] for index in healthy
    ]
    alike = [np.corrcoef(*(shape[:, :38].ravel() for shape in pair))[0, 1] for pair in shapes]
    strange = [np.corrcoef(shapes[i][0][:, :38].ravel(), shapes[i - 1][0][:, :38].ravel())[0, 1] for i in range(20)]

    assert np.median(alike) > 0.93
    assert np.median(alike) > np.median(strange)


def test_infarcts_grow_old_from_one_recording_to_the_next():
    pairs = [
        [simulate_record(2 * patient + n, seed=4).diagnosis.repolarization for n in (0, 1)] for patient in range(250)
    ]
    acute = [later for first, later in pairs if first == "acute infarction"]

    assert len(acute) >= 3
    assert set(acute) <= {"recent infarction", "normal repolarization"}


def test_without_variety_healthy_hearts_of_one_torso_are_nearly_alike():
    settings = SimulatorSettings(
        noise_scale=0.0, variety=0.0, rotation=0.0, lead_field=0.0, has_patient_priors=False, has_comorbidity=False
    )
    beats = [simulate_record(i, seed=6, condition="normal ecg", settings=settings).tracing.beat for i in (0, 2, 4, 6)]
    complexes = [beat.qrs(500) for beat in beats]
    shapes = [resample(qrs, 40, axis=1).ravel() for qrs in complexes]  # QRS lasts 72 to 90 ms

    assert min(np.corrcoef(shapes[0], shape)[0, 1] for shape in shapes) > 0.9
