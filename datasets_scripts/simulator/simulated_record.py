"""One simulated record: a patient, a strip, the conditions it shows and the report a cart would print."""

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from datasets_scripts.simulator.heart.beat import BeatTemplate
from datasets_scripts.simulator.patient.body import exchange_arms, mirror_heart, place_electrodes
from datasets_scripts.simulator.patient.diagnosis import Diagnosis, draw_diagnosis
from datasets_scripts.simulator.patient.individual import Patient, draw_patient
from datasets_scripts.simulator.patient.request import diagnose
from datasets_scripts.simulator.population import priors
from datasets_scripts.simulator.population.folds import RECORDS_PER_PATIENT
from datasets_scripts.simulator.recording.acquisition import acquire, to_standard_leads
from datasets_scripts.simulator.recording.noise import draw_noise
from datasets_scripts.simulator.recording.tracing import Tracing, lay_out
from datasets_scripts.simulator.recording.wave_templates import Setting, draw_beat, draw_p_templates
from datasets_scripts.simulator.rhythm.arrhythmias import draw_rhythm
from datasets_scripts.simulator.rhythm.timeline import Rhythm
from datasets_scripts.simulator.truth.annotations import Annotation, annotate
from datasets_scripts.simulator.truth.beat_measurements import measure_beat, measure_p_wave
from datasets_scripts.simulator.truth.catalogue import conditions_meant_by
from datasets_scripts.simulator.truth.rhythm_measurements import measure_rhythm
from datasets_scripts.simulator.truth.shown_conditions import find_conditions, missing_claims, unclaimed
from datasets_scripts.terminology.measured_findings import find_measured

from .report_writer import ReportStyle, write_report


# Raise it with every change of a simulated voltage, label or report: it is part of the key of cached corpora.
SIMULATOR_VERSION = "2.4.0"
RECORD_STREAM = 2
MAX_ATTEMPTS = 100
MAX_BEAT_DRAWS = 12


@dataclass(frozen=True)
class SimulatorSettings:
    """What can be switched off in a simulated corpus.

    Attributes:
        noise_scale (`float`):
            Multiplies the noise; 0 gives clean strips.
        has_comorbidity (`bool`):
            Whether the ventricles may have several diagnoses at once, and a condition somebody asks for comes with
            others.
        variety (`float`):
            How much the beats of hearts with the same diagnosis differ; 0: no notches, no jitter, a pure dipole.
        rotation (`float`):
            How much the position of the heart differs between patients.
        lead_field (`float`):
            How much torsos and the places of the electrodes differ.
        has_patient_priors (`bool`):
            Whether age, sex and diseases decide what patients have.
        report (`ReportStyle`):
            Language of the reports, and how far they are from the truth.
    """

    noise_scale: float = 1.0
    has_comorbidity: bool = True
    variety: float = 1.0
    rotation: float = 1.0
    lead_field: float = 1.0
    has_patient_priors: bool = True
    report: ReportStyle = field(default_factory=ReportStyle)


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
            Exact numbers of the noiseless strip, as the modules of `truth` list them: `rate_per_min`, `pr_ms`,
            `qrs_ms`, `qt_ms`, `qtc_ms`, `axis_deg`, `st_mv_V2`, `t_mv_V2`, `r_mv_V5`, `sokolow_lyon_mv` ...; absent
            where a wave is missing.
        findings (`frozenset[str]`):
            Names of the measured findings that are true of the strip: rows of `measured_findings.csv`.
        tracing (`Tracing`):
            The parts of the noiseless strip.
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
    tracing: Tracing = field(repr=False)

    @cached_property
    def annotations(self) -> tuple[Annotation, ...]:
        """Onset, peak and offset of every P, QRS and T of the strip, in the order of their samples."""
        return annotate(self.tracing, self.rhythm, self.conditions)

    @property
    def labels(self) -> frozenset[str]:
        """Conditions and measured findings: all of `label_names()` that is true of the strip."""
        return self.conditions | self.findings


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
            A condition the record must show: one of `condition_names()`.
        settings (`SimulatorSettings`, *optional*):
            Noise, co-morbidity and reports; by default those of the corpus.

    Returns:
        `SimulatedRecord`: Strip, conditions and report.

    Raises:
        ValueError: If the condition is not known, or was not shown in many attempts.

    Example:
        >>> record = simulate_record(3, seed=1, condition="left bundle branch block")
        >>> record.strip.shape, "conduction disturbance" in record.conditions
        ((12, 5000), True)
    """
    settings = settings or SimulatorSettings()
    patient_index, number = divmod(record_index, RECORDS_PER_PATIENT)
    patient = draw_patient(
        patient_index,
        seed,
        has_priors=settings.has_patient_priors,
        rotation=settings.rotation,
        lead_field=settings.lead_field,
    )
    record_id = f"sim{seed}-r{record_index:07d}"
    if condition is None:
        rng = np.random.default_rng([RECORD_STREAM, seed, record_index])
        diagnosis = draw_diagnosis(
            rng,
            patient.person,
            patient.background,
            is_first=number == 0,
            has_comorbidity=settings.has_comorbidity,
        )
        return _simulate(rng, diagnosis, patient, record_id=record_id, settings=settings)
    return _simulate_condition(condition, patient, record_index, seed=seed, record_id=record_id, settings=settings)


def _simulate_condition(
    condition: str, patient: Patient, record_index: int, *, seed: int, record_id: str, settings: SimulatorSettings
) -> SimulatedRecord:
    """Simulate records of a patient until one shows the condition."""
    meant = conditions_meant_by(condition)
    for attempt in range(MAX_ATTEMPTS):
        rng = np.random.default_rng([RECORD_STREAM, seed, record_index, attempt])
        cause = meant[int(rng.integers(len(meant)))]
        # What the patient has elsewhere may exclude the condition: every other attempt is made without it.
        company = patient.background if attempt % 2 == 0 else None
        diagnosis = diagnose(rng, cause, patient.person, background=company, has_comorbidity=settings.has_comorbidity)
        another = replace(patient, heart_seed=(*patient.heart_seed, attempt))
        record = _simulate(rng, diagnosis, another, record_id=record_id, settings=settings)
        if condition in record.conditions:
            return record
    raise ValueError(
        f"Record {record_index} of seed {seed} did not show {condition!r} in {MAX_ATTEMPTS} attempts."
        " Use another record number or seed."
    )


def _draw_credible_beat(setting: Setting) -> tuple[BeatTemplate, np.ndarray, dict[str, float]]:
    """Draw the usual beat; one that misses its criteria, or shows what nobody drew, is drawn again.

    Returns:
        `tuple`: The beat, the factors of its voltage, and its measurements.
    """
    # The recordings of a heart start from the same numbers: the same diagnoses give the same beat.
    heart = np.random.default_rng(setting.patient.heart_seed)
    draws = []
    for _ in range(MAX_BEAT_DRAWS):
        beat, factors = draw_beat(heart, setting)
        measurements = measure_beat(beat, rr_s=setting.rhythm.usual_rr_s, person=setting.patient.person)
        faults = 2 * len(missing_claims(setting.diagnosis, measurements))
        faults += len(unclaimed(setting.diagnosis, measurements))
        draws.append((faults, beat, factors, measurements))
        if faults == 0:
            break
    best = min(draws, key=lambda draw: draw[0])
    return best[1:]


def _simulate(
    rng: np.random.Generator, diagnosis: Diagnosis, patient: Patient, *, record_id: str, settings: SimulatorSettings
) -> SimulatedRecord:
    """Simulate a record of a patient with a diagnosis."""
    rhythm = draw_rhythm(rng, diagnosis)
    setting = Setting(diagnosis, rhythm, patient, _lead_field(rng, diagnosis, patient, settings), settings.variety)
    beat, factors, measurements = _draw_credible_beat(setting)
    p_waves = draw_p_templates(rng, setting, factors)
    tracing = lay_out(rng, setting, beat, factors=factors, p_waves=p_waves)
    measurements |= measure_rhythm(rhythm, qrs_ms=beat.qrs_duration_ms)
    if p_waves:
        measurements |= measure_p_wave(next(iter(p_waves.values())))
    findings = find_measured(measurements)
    conditions = find_conditions(diagnosis, rhythm, measurements)
    strip = draw_noise(rng, tracing.leads.shape[1], settings.noise_scale)
    strip += tracing.leads
    return SimulatedRecord(
        record_id=record_id,
        patient_id=patient.patient_id,
        strip=to_standard_leads(acquire(rng, strip, scale=settings.noise_scale)),
        conditions=conditions,
        report=write_report(rng, conditions, findings=findings, style=settings.report),
        age=patient.person.age,
        sex=patient.person.sex,
        diagnosis=diagnosis,
        rhythm=rhythm,
        qrs_duration_ms=beat.qrs_duration_ms,
        qt_ms=beat.qt_ms,
        axis_deg=measurements["axis_deg"],
        measurements=measurements,
        findings=findings,
        tracing=tracing,
    )


def _lead_field(
    rng: np.random.Generator, diagnosis: Diagnosis, patient: Patient, settings: SimulatorSettings
) -> np.ndarray:
    """Lead field of one recording: the patient's, with the electrodes as they were placed this time."""
    voltage = patient.voltage * float(np.exp(rng.normal(0, priors.SERIAL_VOLTAGE_LOG_SD)))
    torso = mirror_heart(patient.torso, patient.position) if diagnosis.has_dextrocardia else patient.torso
    placed = place_electrodes(rng, torso, variety=settings.lead_field) * voltage
    return exchange_arms(placed) if diagnosis.has_exchanged_arms else placed
