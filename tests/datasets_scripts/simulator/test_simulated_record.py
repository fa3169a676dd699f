"""`simulate_record`: reproducible, consistent among the leads, and true to its list of conditions."""

import numpy as np
import pytest

from datasets_scripts.simulator import CONDITIONS, SimulatorSettings, condition_names, label_names, simulate_record
from datasets_scripts.simulator.patient.individual import draw_patient
from datasets_scripts.terminology.findings import load_terminology
from modeling_supreme.leads import STANDARD_LEADS


ROW = {lead: row for row, lead in enumerate(STANDARD_LEADS)}
CLEAN = SimulatorSettings(noise_scale=0.0, has_comorbidity=False)


@pytest.fixture(scope="module")
def records():
    """The first 200 records of a seed, as the corpus holds them."""
    return [simulate_record(index, seed=7) for index in range(200)]


def test_a_record_depends_on_its_seed_and_number_only(records):
    again = simulate_record(123, seed=7)

    assert again.strip.tobytes() == records[123].strip.tobytes()
    assert (again.report, again.conditions, again.age) == (
        records[123].report,
        records[123].conditions,
        records[123].age,
    )


def test_another_seed_gives_another_strip(records):
    assert not np.array_equal(simulate_record(123, seed=8).strip, records[123].strip)


def test_a_strip_is_12_leads_of_10_s_at_500_hz(records):
    assert {record.strip.shape for record in records} == {(12, 5000)}
    assert {record.strip.dtype for record in records} == {np.dtype("float32")}


def test_voltages_are_finite_and_within_20_mv(records):
    assert all(np.isfinite(record.strip).all() for record in records)
    assert max(np.abs(record.strip).max() for record in records) < 20


def test_voltages_are_whole_microvolts(records):
    microvolts = records[0].strip.astype(np.float64) * 1000

    assert np.allclose(microvolts, np.rint(microvolts), atol=1e-3)


def test_lead_i_plus_iii_is_ii_to_the_microvolt(records):
    microvolts = np.rint(records[1].strip.astype(np.float64) * 1000)

    assert np.array_equal(microvolts[ROW["I"]] + microvolts[ROW["III"]], microvolts[ROW["II"]])


@pytest.mark.parametrize(
    ("lead", "first", "second"), [("aVR", (-0.5, "I"), (-0.5, "II")), ("aVL", (0.5, "I"), (-0.5, "III"))]
)
def test_goldbergers_leads_follow_from_two_limb_leads_within_one_microvolt(records, lead, first, second):
    microvolts = np.rint(records[2].strip.astype(np.float64) * 1000)
    expected = first[0] * microvolts[ROW[first[1]]] + second[0] * microvolts[ROW[second[1]]]

    assert np.abs(microvolts[ROW[lead]] - expected).max() <= 1


@pytest.mark.parametrize("condition", condition_names())
def test_every_label_can_be_asked_for(condition):
    record = simulate_record(4, seed=1, condition=condition)

    assert condition in record.conditions
    assert record.strip.shape == (12, 5000)


def test_a_condition_can_be_asked_for_where_other_recordings_of_the_patient_exclude_it():
    assert draw_patient(1, 1).background.repolarization == "brugada pattern"  # of records 2 and 3

    assert "left bundle branch block" in simulate_record(3, seed=1, condition="left bundle branch block").conditions


@pytest.mark.parametrize("condition", CONDITIONS)
def test_without_comorbidity_few_diagnoses_stand_beside_a_condition(condition):
    record = simulate_record(4, seed=1, condition=condition, settings=CLEAN)

    leaves = record.conditions & set(CONDITIONS) - {"sinus rhythm"}

    assert len(leaves) <= 13
    assert condition in record.conditions


def test_an_unknown_condition_is_refused_with_the_list_of_known_ones():
    with pytest.raises(ValueError, match=r"no condition 'broken heart'.*Ask for one of: normal ecg, sinus rhythm"):
        simulate_record(0, condition="broken heart")


def test_conditions_are_labels_and_closed_upward(records):
    terminology = load_terminology()

    assert all(record.conditions <= set(condition_names()) for record in records)
    assert all(record.conditions == terminology.close_upward(record.conditions) for record in records)


def test_label_names_start_with_the_conditions_and_hold_every_ancestor():
    terminology = load_terminology()

    assert condition_names()[: len(CONDITIONS)] == CONDITIONS
    assert set(condition_names()) == terminology.close_upward(CONDITIONS)
    assert len(set(label_names())) == len(label_names()) > len(condition_names())


def test_a_quarter_to_two_fifths_of_the_records_are_normal(records):
    share = np.mean(["normal ecg" in record.conditions for record in records])

    assert 0.22 < share < 0.42


def test_a_normal_ecg_has_no_other_diagnosis(records):
    allowed = {
        "normal ecg",
        "sinus rhythm",
        "sinus bradycardia",
        "sinus tachycardia",
        "sinus arrhythmia",
        "early repolarization",
        "bradycardia",
        "tachycardia",
        "high qrs voltage",
        "left ventricular hypertrophy by voltage",
    }

    assert all(record.conditions <= allowed for record in records if "normal ecg" in record.conditions)


def test_many_records_have_several_diagnoses(records):
    counts = [len(record.conditions & set(CONDITIONS)) for record in records]

    assert np.mean(np.array(counts) >= 3) > 0.25


def test_without_noise_the_line_between_beats_is_flat():
    strip = simulate_record(3, seed=2, condition="complete av block", settings=CLEAN).strip

    assert np.median(np.abs(np.diff(strip, axis=1))) < 0.001


def test_noise_leaves_labels_alone():
    quiet, loud = (simulate_record(5, seed=7, settings=SimulatorSettings(noise_scale=scale)) for scale in (0.0, 1.0))

    assert (quiet.labels, quiet.annotations) == (loud.labels, loud.annotations)
    assert not np.array_equal(quiet.strip, loud.strip)
