"""`simulate_record`: reproducible, consistent among the leads, and true to its list of conditions."""

import numpy as np
import pytest

from datasets_scripts.simulator import CONDITIONS, SimulatorSettings, condition_names, label_names, simulate_record
from datasets_scripts.simulator.heart.criteria import axis_deg, extremes_of, hypertrophy_ratio
from datasets_scripts.simulator.heart.kernels import bell
from datasets_scripts.simulator.patient.body import limb_lead_matrix, precordial_bump, rotation_matrix
from datasets_scripts.simulator.patient.patient import draw_patient
from datasets_scripts.simulator.recording.noise import draw_noise
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


def test_the_augmented_leads_add_up_to_zero():
    augmented = limb_lead_matrix()[[ROW["aVR"], ROW["aVL"], ROW["aVF"]]]

    assert np.abs(augmented.sum(axis=0)).max() == 0


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


def test_records_of_a_patient_share_age_sex_and_id(records):
    by_patient = {record.patient_id: (record.age, record.sex) for record in records}

    assert len(by_patient) == 100
    assert all(by_patient[record.patient_id] == (record.age, record.sex) for record in records)


def test_age_and_sex_look_like_a_hospital(records):
    ages = [record.age for record in records]

    assert 18 <= min(ages) <= max(ages) <= 95
    assert 50 < np.mean(ages) < 68
    assert {record.sex for record in records} == {"male", "female"}


def test_the_diseased_are_older_than_the_healthy(records):
    healthy = [record.age for record in records if record.diagnosis.is_healthy]
    diseased = [record.age for record in records if not record.diagnosis.is_healthy]

    assert np.mean(diseased) > np.mean(healthy) + 8


def test_without_noise_the_line_between_beats_is_flat():
    strip = simulate_record(3, seed=2, condition="complete av block", settings=CLEAN).strip

    assert np.median(np.abs(np.diff(strip, axis=1))) < 0.001


def test_noise_leaves_labels_alone():
    quiet, loud = (simulate_record(5, seed=7, settings=SimulatorSettings(noise_scale=scale)) for scale in (0.0, 1.0))

    assert (quiet.labels, quiet.annotations) == (loud.labels, loud.annotations)
    assert not np.array_equal(quiet.strip, loud.strip)


def test_noise_scales():
    rngs = (np.random.default_rng(3) for _ in range(2))

    half, whole = (draw_noise(rng, 5000, scale) for rng, scale in zip(rngs, (0.5, 1.0), strict=True))

    np.testing.assert_allclose(whole, 2 * half, rtol=1e-5)


def test_a_precordial_bump_is_highest_under_its_electrode():
    weights = precordial_bump(3.0, 1.0)

    assert weights[:2].tolist() == [0.0, 0.0]
    assert weights[4] == 1.0
    assert weights[3] == pytest.approx(np.exp(-0.5))


def test_a_quarter_turn_in_the_frontal_plane_moves_left_to_down():
    turned = rotation_matrix(np.pi / 2, 0.0, 0.0) @ [1.0, 0.0, 0.0]

    np.testing.assert_allclose(turned, [0.0, 1.0, 0.0], atol=1e-12)


def test_a_bell_has_a_width_on_each_side():
    heights = bell(np.array([-10.0, 0.0, 20.0]), 0.0, 10.0, 20.0)

    np.testing.assert_allclose(heights, [np.exp(-0.5), 1.0, np.exp(-0.5)])


def test_the_axis_of_equal_i_and_avf_is_45_degrees():
    # aVF = II - I / 2; in the frontal plane aVF has to be scaled by 2 / sqrt(3).
    lead_ii = 0.5 + np.sqrt(3) / 2

    assert axis_deg(1.0, lead_ii) == pytest.approx(45)


def test_the_sokolow_lyon_sum_counts_s_in_v1_and_r_in_v5():
    qrs = np.zeros((12, 2))
    qrs[ROW["V1"], 0], qrs[ROW["V5"], 1] = -1.5, 2.0

    assert hypertrophy_ratio(extremes_of(qrs), "male") == pytest.approx(1.0)


def test_the_cornell_limit_depends_on_sex():
    qrs = np.zeros((12, 2))
    qrs[ROW["V3"], 0], qrs[ROW["aVL"], 1] = -1.4, 1.4

    assert hypertrophy_ratio(extremes_of(qrs), "female") == pytest.approx(1.4)
    assert hypertrophy_ratio(extremes_of(qrs), "male") == pytest.approx(1.0)
