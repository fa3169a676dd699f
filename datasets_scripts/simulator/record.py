"""One simulated record: a patient, a strip, the conditions it shows and the report a cart would print."""

from dataclasses import dataclass

import numpy as np

from datasets_scripts.extraction.terminology import load_terminology
from datasets_scripts.schema import SAMPLING_RATE
from datasets_scripts.simulator import criteria, priors
from datasets_scripts.simulator.annotations import Annotation
from datasets_scripts.simulator.body import place_electrodes
from datasets_scripts.simulator.conditions import NORMAL_VARIANTS, conditions_meant_by
from datasets_scripts.simulator.diagnosis import ABNORMAL_ACTIVATION, Diagnosis, diagnose, draw_diagnosis
from datasets_scripts.simulator.findings import find_measured
from datasets_scripts.simulator.noise import draw_noise
from datasets_scripts.simulator.patient import Patient, draw_patient
from datasets_scripts.simulator.recording import (
    DominantBeat,
    draw_dominant_beat,
    draw_independent_leads,
    to_standard_leads,
)
from datasets_scripts.simulator.reports import write_report
from datasets_scripts.simulator.rhythm import Rhythm, draw_rhythm


# Raise it with every change of a simulated voltage, label or report: it is part of the key of cached corpora.
SIMULATOR_VERSION = "1.0.0"
RECORD_STREAM = 2
MAX_ATTEMPTS = 100


@dataclass(frozen=True)
class SimulatorSettings:
    """What can be switched off in a simulated corpus.

    Attributes:
        noise_scale (`float`):
            Multiplies the noise; 0 gives clean strips.
        has_comorbidity (`bool`):
            Whether a forced condition comes with other diagnoses.
        report_omission_rate (`float`):
            Probability that a report leaves out a finding other than the rhythm.
    """

    noise_scale: float = 1.0
    has_comorbidity: bool = True
    report_omission_rate: float = 0.05


@dataclass(frozen=True)
class SimulatedRecord:
    """A simulated recording with its ground truth.

    Attributes:
        record_id, patient_id (`str`):
            Keys; a patient has a few records.
        strip (`np.ndarray` of shape `(12, 5000)`):
            Millivolts at 500 Hz in the order of `STANDARD_LEADS`, `float32`, in steps of 1 µV.
        conditions (`frozenset[str]`):
            Names of the terminology that are true of the strip, closed upward.
        report (`tuple[str, ...]`):
            Statements, as a cart prints them.
        age (`float`):
            Years.
        sex (`str`):
            `"male"` or `"female"`.
        diagnosis (`Diagnosis`):
            What the strip was made from.
        rhythm (`Rhythm`):
            When what happens.
        qrs_duration_ms, qt_ms, axis_deg (`float`):
            Truth about the dominant beat.
        measurements (`dict[str, float]`):
            Exact numbers of the noiseless strip, as `measurements.py` lists them: `rate_per_min`, `pr_ms`,
            `qrs_ms`, `qt_ms`, `qtc_ms`, `axis_deg`, `st_mv_V2`, `t_mv_V2`, `r_mv_V5`, `sokolow_lyon_mv` ...; absent
            where a wave is missing.
        findings (`frozenset[str]`):
            Names of the measured findings that are true of the strip: rows of `measured_findings.csv`.
        annotations (`tuple[Annotation, ...]`):
            Onset, peak and offset of every P, QRS and T of the strip, in the order of their samples.
    """

    record_id: str
    patient_id: str
    strip: np.ndarray
    conditions: frozenset[str]
    report: tuple[str, ...]
    age: float
    sex: str
    diagnosis: Diagnosis
    rhythm: Rhythm
    qrs_duration_ms: float
    qt_ms: float
    axis_deg: float
    measurements: dict[str, float]
    findings: frozenset[str]
    annotations: tuple[Annotation, ...]


def simulate_record(
    record_index: int, *, seed: int = 0, condition: str | None = None, settings: SimulatorSettings | None = None
) -> SimulatedRecord:
    """Simulate the record of a number: the same for the same arguments, whatever was simulated before.

    Args:
        record_index (`int`):
            Number of the record in the corpus.
        seed (`int`):
            Seed of the corpus.
        condition (`str`, *optional*):
            A condition the record must show: one of `label_names()`.
        settings (`SimulatorSettings`, *optional*):
            Noise, co-morbidity and omissions; by default those of the corpus.

    Returns:
        `SimulatedRecord`: Strip, conditions and report.

    Raises:
        ValueError: If the condition cannot be simulated.

    Example:
        >>> record = simulate_record(3, seed=1, condition="left bundle branch block")
        >>> record.strip.shape, "conduction disturbance" in record.conditions
        ((12, 5000), True)
    """
    settings = settings or SimulatorSettings()
    patient = draw_patient(record_index // priors.RECORDS_PER_PATIENT, seed)
    if condition is None:
        rng = np.random.default_rng([RECORD_STREAM, seed, record_index])
        diagnosis = draw_diagnosis(rng, is_healthy=patient.is_healthy)
        return _simulate(rng, diagnosis, patient, record_index=record_index, seed=seed, settings=settings)
    meant = conditions_meant_by(condition)
    for attempt in range(MAX_ATTEMPTS):
        rng = np.random.default_rng([RECORD_STREAM, seed, record_index, attempt])
        cause = meant[int(rng.integers(len(meant)))]
        diagnosis = diagnose(rng, cause, has_comorbidity=settings.has_comorbidity)
        record = _simulate(rng, diagnosis, patient, record_index=record_index, seed=seed, settings=settings)
        if condition in record.conditions:
            return record
    raise ValueError(
        f"Record {record_index} of seed {seed} did not show {condition!r} in {MAX_ATTEMPTS} attempts."
        " Use another record number or seed."
    )


def _simulate(
    rng: np.random.Generator,
    diagnosis: Diagnosis,
    patient: Patient,
    *,
    record_index: int,
    seed: int,
    settings: SimulatorSettings,
) -> SimulatedRecord:
    """Simulate a record of a patient with a diagnosis."""
    field = place_electrodes(rng, patient.torso) * patient.voltage
    rhythm = draw_rhythm(rng, diagnosis)
    beat = draw_dominant_beat(rng, diagnosis, rhythm, patient=patient, field=field, sampling_rate=SAMPLING_RATE)
    leads = draw_independent_leads(rng, diagnosis, rhythm, beat, field=field, sampling_rate=SAMPLING_RATE)
    noise = draw_noise(rng, leads.shape[1], settings.noise_scale)
    conditions = find_conditions(diagnosis, rhythm, beat, patient.sex)
    measurements = {
        "rate_per_min": rhythm.ventricular_rate_per_min,
        "qrs_ms": beat.template.qrs_duration_ms,
        "qt_ms": beat.template.qt_ms,
        "axis_deg": beat.axis_deg,
    }
    return SimulatedRecord(
        record_id=f"sim{seed}-r{record_index:07d}",
        patient_id=patient.patient_id,
        strip=to_standard_leads(leads + noise),
        conditions=conditions,
        report=write_report(rng, diagnosis, rhythm, conditions, omission_rate=settings.report_omission_rate),
        age=patient.age,
        sex=patient.sex,
        diagnosis=diagnosis,
        rhythm=rhythm,
        qrs_duration_ms=beat.template.qrs_duration_ms,
        qt_ms=beat.template.qt_ms,
        axis_deg=beat.axis_deg,
        measurements=measurements,
        findings=find_measured(measurements),
        annotations=(),
    )


def find_conditions(diagnosis: Diagnosis, rhythm: Rhythm, beat: DominantBeat, sex: str) -> frozenset[str]:
    """Name everything that is true of a strip: its diagnoses and what the criteria find on the dominant beat.

    Returns:
        `frozenset[str]`: Names of the terminology, closed upward; with `normal ecg` if nothing is abnormal.
    """
    found = _rhythm_conditions(diagnosis, rhythm) | _structural_conditions(diagnosis)
    if not diagnosis.is_ventricular:
        found |= _measured_conditions(diagnosis, beat, sex)
    if found <= NORMAL_VARIANTS:
        found.add("normal ecg")
    rate = rhythm.ventricular_rate_per_min
    if rate > 100:
        found.add("tachycardia")
    elif rate < 60:
        found.add("bradycardia")
    return frozenset(load_terminology().close_upward(found))


def _rhythm_conditions(diagnosis: Diagnosis, rhythm: Rhythm) -> set[str]:
    """The rhythm, its blocks and the premature beats that lie within the strip."""
    found = {diagnosis.rhythm}
    if diagnosis.rhythm == "second degree av block":
        found.add("sinus rhythm")
    if diagnosis.rhythm == "sinus arrhythmia" and rhythm.ventricular_rate_per_min < 60:
        found.add("sinus bradycardia")
    if diagnosis.has_first_degree_block:
        found.add("first degree av block")
    if rhythm.num_premature:
        is_atrial = diagnosis.ectopy.startswith("atrial")
        found.add("premature atrial contraction" if is_atrial else "premature ventricular contraction")
    return found


def _structural_conditions(diagnosis: Diagnosis) -> set[str]:
    """Conduction, chambers, infarcts and repolarisation patterns as the diagnosis names them."""
    found = set()
    if diagnosis.conduction == "bifascicular block":
        found |= {"right bundle branch block", "left anterior fascicular block"}
    elif diagnosis.conduction != "normal conduction":
        found.add(diagnosis.conduction)
    if diagnosis.hypertrophy != "none":
        found.add(diagnosis.hypertrophy)
    if diagnosis.has_left_atrial_enlargement:
        found.add("left atrial enlargement")
    if diagnosis.has_right_atrial_enlargement:
        found.add("right atrial enlargement")
    disease = "myocardial ischemia" if diagnosis.repolarization == "ischemia" else "myocardial infarction"
    found |= {f"{territory} {disease}" for territory in diagnosis.territories}
    if diagnosis.repolarization in ("prolonged qt interval", "early repolarization", "digitalis effect"):
        found.add(diagnosis.repolarization)
    if diagnosis.repolarization.startswith("nonspecific"):
        found.add("nondiagnostic st-t changes")
    return found


def _measured_conditions(diagnosis: Diagnosis, beat: DominantBeat, sex: str) -> set[str]:
    """Axis, voltage, ST and T by the criteria, unless abnormal activation explains them."""
    found = set()
    if -90 <= beat.axis_deg < -30:
        found.add("left axis deviation")
    if 90 < beat.axis_deg < 180:
        found.add("right axis deviation")
    if criteria.limb_voltage_mv(beat.qrs(SAMPLING_RATE)) < criteria.LOW_LIMB_VOLTAGE_MV:
        found.add("low qrs voltage")
    if diagnosis.conduction in ABNORMAL_ACTIVATION:
        return found
    st_mv, t_mv = beat.st_mv(SAMPLING_RATE), beat.t_mv(SAMPLING_RATE)
    if (
        criteria.territories(criteria.has_st_elevation(st_mv, sex))
        and diagnosis.repolarization != "early repolarization"
    ):
        found.add("st elevation")
    if criteria.territories(st_mv <= criteria.ST_DEPRESSION_MV):
        found.add("st depression")
    if set(criteria.territories(t_mv <= criteria.T_INVERSION_MV)) - _expected_t_inversion(diagnosis):
        found.add("t wave inversion")
    return found


def _expected_t_inversion(diagnosis: Diagnosis) -> set[str]:
    """Groups of leads in which an inverted T belongs to the conduction disorder."""
    has_right_block = diagnosis.conduction in ("right bundle branch block", "bifascicular block")
    return {"anterior"} if has_right_block else set()
