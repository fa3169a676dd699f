"""Patients: the heart and the diseases that their recordings share, and how old and which sex they are."""

import numpy as np
import pytest
from scipy.signal import resample

from datasets_scripts.simulator import SimulatorSettings, simulate_record


CLEAN = SimulatorSettings(noise_scale=0.0, has_comorbidity=False)


@pytest.fixture(scope="module")
def records():
    """The first 200 records of a seed, as the corpus holds them."""
    return [simulate_record(index, seed=7) for index in range(200)]


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
