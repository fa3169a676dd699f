"""Reports in the wording of ECG carts: short statements in a fixed order, then a verdict.

Wordings are those of the machine statements of MIMIC-IV-ECG (Gow et al. 2023, PhysioNet), which come from carts of
several makers. A report says less than is true: hedged wordings, findings left out, and no word on noise.
"""

from collections.abc import Sequence

import numpy as np

from datasets_scripts.simulator.diagnosis import Diagnosis
from datasets_scripts.simulator.rhythm import Rhythm


HEDGE_PROBABILITY = 0.2
HEDGED_INFARCT_PROBABILITY = 0.4
CAPITALS_PROBABILITY = 0.12
FULL_STOP_PROBABILITY = 0.15
JOINED_PROBABILITY = 0.6
NON_SINUS_RAPID_PER_MIN = 105
NON_SINUS_SLOW_PER_MIN = 60

RHYTHM_WORDINGS = {
    "sinus rhythm": ("Sinus rhythm", "Sinus rhythm", "Normal sinus rhythm"),
    "sinus bradycardia": ("Sinus bradycardia", "Sinus bradycardia", "Marked sinus bradycardia"),
    "sinus tachycardia": ("Sinus tachycardia",),
    "sinus arrhythmia": ("Sinus arrhythmia",),
    "atrial fibrillation": ("Atrial fibrillation", "Atrial fibrillation", "Probable atrial fibrillation"),
    "atrial flutter": ("Atrial flutter", "Atrial flutter", "Possible atrial flutter"),
    "supraventricular tachycardia": ("Supraventricular tachycardia", "Probable supraventricular tachycardia"),
    "second degree av block": ("Sinus rhythm",),
    "complete av block": ("Complete A-V block", "AV block, complete (third degree)", "Complete AV block"),
}
SLOW_ARRHYTHMIA_WORDINGS = ("Sinus bradycardia with sinus arrhythmia",)
BLOCK_WORDINGS = {
    "wenckebach": ("2nd degree A-V block, Mobitz I (Wenckebach)", "varying 2nd degree A-V block"),
    "mobitz ii": ("2nd degree A-V block, Mobitz II", "varying 2nd degree A-V block"),
    "2:1": ("2nd degree A-V block, Mobitz II", "2nd degree A-V block"),
}
PACING_WORDINGS = {
    (True, False): (
        "Ventricular pacing",
        "Ventricular-paced complexes",
        "Demand ventricular pacing",
        "Pacemaker rhythm",
    ),
    (True, True): (
        "A-V sequential pacing",
        "Atrial-ventricular dual-paced complexes",
        "Electronic ventricular pacemaker",
    ),
    (False, True): ("Atrial pacing", "Atrial-paced complexes", "Demand atrial pacing"),
    (False, False): ("Pacemaker rhythm",),
}
JOINED_WORDINGS = {
    "premature ventricular contraction": ("PVCs", "PVC(s)", "frequent PVCs"),
    "premature atrial contraction": ("PACs", "PAC(s)", "occasional PACs"),
    "first degree av block": ("1st degree A-V block", "borderline 1st degree A-V block"),
}
# Findings in the order in which a report lists them.
WORDINGS = {
    "premature ventricular contraction": (
        "Premature ventricular contractions",
        "Ventricular premature complex",
        "Frequent premature ventricular contractions",
    ),
    "premature atrial contraction": ("Premature atrial contractions", "Atrial premature complex", "Frequent PACs"),
    "first degree av block": ("First degree A-V block", "1st degree A-V block", "First degree AV block"),
    "wolff-parkinson-white pattern": (
        "WPW pattern",
        "Wolff-Parkinson-White pattern",
        "Ventricular preexcitation(WPW)",
    ),
    "left bundle branch block": ("Left bundle branch block", "LBBB"),
    "incomplete left bundle branch block": ("Incomplete left bundle branch block", "Incomplete LBBB"),
    "right bundle branch block": ("Right bundle branch block", "RBBB"),
    "incomplete right bundle branch block": ("Incomplete right bundle branch block", "Incomplete RBBB"),
    "intraventricular conduction delay": (
        "Intraventricular conduction defect",
        "IV conduction defect",
        "Nonspecific intraventricular conduction delay",
        "Extensive IVCD",
    ),
    "left axis deviation": ("Left axis deviation", "Marked left axis deviation"),
    "right axis deviation": ("Right axis deviation", "Marked right axis deviation"),
    "left anterior fascicular block": ("Left anterior fascicular block", "LAFB"),
    "left posterior fascicular block": ("Left posterior fascicular block", "LPFB"),
    "left atrial enlargement": ("Left atrial abnormality", "Left atrial enlargement"),
    "right atrial enlargement": ("Right atrial abnormality", "Right atrial enlargement"),
    "left ventricular hypertrophy": ("Left ventricular hypertrophy", "LVH"),
    "right ventricular hypertrophy": ("Right ventricular hypertrophy", "RVH", "RVH with repolarization abnormality"),
    "st elevation": ("ST elevation", "ST elevation also present", "Nonspecific ST elevation"),
    "st depression": ("Nonspecific ST depression", "ST depression", "ST junctional depression"),
    "t wave inversion": ("T wave inversion", "T wave inversion also present", "Inverted T waves"),
    "nondiagnostic st-t changes": (
        "Nonspecific ST-T changes",
        "Nonspecific ST-T changes",
        "Extensive ST-T changes are nonspecific",
        "Nonspecific T abnormalities, diffuse leads",
        "Nonspecific repol abnormality, diffuse leads",
    ),
    "digitalis effect": ("Lateral ST-T changes are probably due to digitalis effect", "Digitalis effect"),
    "early repolarization": (
        "Early repolarization",
        "Normal early repolarization pattern",
        "Anterior ST elevation suggests early repolarization",
    ),
    "prolonged qt interval": ("Prolonged QT interval", "Long QTc interval"),
    "low qrs voltage": (
        "Low QRS voltages in limb leads",
        "Low voltage, extremity leads",
        "Generalized low QRS voltages",
    ),
}
HEDGED_WORDINGS = {
    "wolff-parkinson-white pattern": ("Possible WPW pattern", "Consider Wolff-Parkinson-White pattern type B"),
    "left anterior fascicular block": (
        "Possible left anterior fascicular block",
        "LAD, consider left anterior fascicular block",
    ),
    "left posterior fascicular block": ("Possible left posterior fascicular block",),
    "left atrial enlargement": ("Possible left atrial abnormality", "Consider left atrial enlargement"),
    "right atrial enlargement": ("Possible right atrial abnormality", "Consider right atrial enlargement"),
    "left ventricular hypertrophy": (
        "Possible left ventricular hypertrophy",
        "Probable left ventricular hypertrophy",
    ),
    "right ventricular hypertrophy": (
        "Possible right ventricular hypertrophy",
        "Consider right ventricular hypertrophy",
    ),
    "left axis deviation": ("Borderline left axis deviation",),
    "right axis deviation": ("Borderline right axis deviation",),
    "prolonged qt interval": ("Borderline prolonged QT interval",),
    "st elevation": ("Borderline ST elevation",),
    "intraventricular conduction delay": ("Borderline intraventricular conduction delay",),
}
INFARCT_WORDINGS = (
    "{territory} infarct - age undetermined",
    "{territory} infarct, age indeterminate",
    "Old {territory} infarct",
    "{territory} infarct, old",
)
HEDGED_INFARCT_WORDINGS = (
    "Possible {territory} infarct - age undetermined",
    "Probable {territory} infarct, age indeterminate",
    "Consider {territory} infarct",
)
ACUTE_INFARCT_WORDINGS = (
    "Acute {territory} infarct",
    "{territory} infarct, acute",
    "{territory} infarct - possibly acute",
)
ACUTE_INFARCT_WITH_ST_WORDINGS = (*ACUTE_INFARCT_WORDINGS, "{territory} ST elevation, CONSIDER ACUTE INFARCT")
ISCHEMIA_WORDINGS = (
    "Repol abnrm suggests ischemia, {territory} leads",
    "Repol abnrm, prob ischemia, {territory} leads",
    "{territory} ST-T changes may be due to myocardial ischemia",
)
ISCHEMIA_WITH_ST_WORDINGS = (
    "ST depression, consider ischemia, {territory} leads",
    "ST depr, consider ischemia, {territory} leads",
)
ISCHEMIA_WITH_T_WORDINGS = (
    "Abnormal T, consider ischemia, {territory} leads",
    "Abnormal T, probable ischemia, {territory} leads",
)

# With nothing beyond these the verdict is "Borderline ECG".
MILD_FINDINGS = frozenset(
    {
        "first degree av block",
        "incomplete right bundle branch block",
        "left axis deviation",
        "right axis deviation",
        "left atrial enlargement",
        "low qrs voltage",
        "nondiagnostic st-t changes",
        "premature atrial contraction",
    }
)
UNREMARKABLE = frozenset(
    {"sinus rhythm", "sinus bradycardia", "sinus tachycardia", "sinus arrhythmia", "early repolarization"}
)
NORMAL_VERDICTS = ("Normal ECG",)
NORMAL_EXCEPT_RATE_VERDICTS = ("Normal ECG except for rate", "Otherwise normal ECG")
BORDERLINE_VERDICTS = ("Borderline ECG",)
ABNORMAL_VERDICTS = ("Abnormal ECG",)


def choose(rng: np.random.Generator, wordings: Sequence[str]) -> str:
    """Draw one wording."""
    return wordings[int(rng.integers(len(wordings)))]


def _rhythm_statement(rng: np.random.Generator, diagnosis: Diagnosis, rhythm: Rhythm) -> str:
    """The first statement: the rhythm with its rate and its block."""
    if diagnosis.rhythm == "paced rhythm":
        return choose(rng, PACING_WORDINGS[rhythm.is_ventricular_paced, rhythm.is_atrial_paced])
    rate = rhythm.ventricular_rate_per_min
    if diagnosis.rhythm == "sinus arrhythmia" and rate < 60:
        return choose(rng, SLOW_ARRHYTHMIA_WORDINGS)
    statement = choose(rng, RHYTHM_WORDINGS[diagnosis.rhythm])
    if diagnosis.rhythm == "second degree av block":
        return f"{statement} with {choose(rng, BLOCK_WORDINGS[rhythm.av_block])}"
    if diagnosis.rhythm in ("atrial fibrillation", "atrial flutter"):
        if rate > NON_SINUS_RAPID_PER_MIN:
            return f"{statement} with rapid ventricular response"
        if rate < NON_SINUS_SLOW_PER_MIN:
            return f"{statement} with slow ventricular response"
    return statement


def _territory_wordings(rng: np.random.Generator, diagnosis: Diagnosis, conditions: frozenset[str]) -> Sequence[str]:
    """Wordings for the walls of an infarct or an ischaemia that agree with the ST segment and the T wave."""
    if diagnosis.repolarization == "infarction":
        return HEDGED_INFARCT_WORDINGS if rng.random() < HEDGED_INFARCT_PROBABILITY else INFARCT_WORDINGS
    if diagnosis.repolarization == "acute infarction":
        return ACUTE_INFARCT_WITH_ST_WORDINGS if "st elevation" in conditions else ACUTE_INFARCT_WORDINGS
    with_st = ISCHEMIA_WITH_ST_WORDINGS if "st depression" in conditions else ()
    with_t = ISCHEMIA_WITH_T_WORDINGS if "t wave inversion" in conditions else ()
    return (*ISCHEMIA_WORDINGS, *with_st, *with_t)


def _territory_statements(rng: np.random.Generator, diagnosis: Diagnosis, conditions: frozenset[str]) -> list[str]:
    """One statement for each wall of an infarct or an ischaemia."""
    if not diagnosis.territories:
        return []
    wordings = _territory_wordings(rng, diagnosis, conditions)
    statements = [choose(rng, wordings).format(territory=territory) for territory in diagnosis.territories]
    return [statement[0].upper() + statement[1:] for statement in statements]


def _verdict(rng: np.random.Generator, conditions: frozenset[str], findings: Sequence[str]) -> str:
    """The last statement."""
    if "normal ecg" in conditions:
        has_usual_rate = not conditions & {"sinus bradycardia", "sinus tachycardia"}
        return choose(rng, NORMAL_VERDICTS if has_usual_rate else NORMAL_EXCEPT_RATE_VERDICTS)
    is_sinus = bool(conditions & UNREMARKABLE) and not conditions & {"second degree av block"}
    is_mild = (
        is_sinus and set(findings) <= MILD_FINDINGS | UNREMARKABLE and "st-t changes" not in conditions - set(findings)
    )
    return choose(rng, BORDERLINE_VERDICTS if is_mild else ABNORMAL_VERDICTS)


def _finding_statement(rng: np.random.Generator, finding: str) -> str:
    """A finding in one of its wordings, hedged now and then."""
    hedged = HEDGED_WORDINGS.get(finding)
    return choose(rng, hedged if hedged and rng.random() < HEDGE_PROBABILITY else WORDINGS[finding])


def write_report(
    rng: np.random.Generator,
    diagnosis: Diagnosis,
    rhythm: Rhythm,
    conditions: frozenset[str],
    *,
    omission_rate: float,
) -> tuple[str, ...]:
    """Write the report of a record.

    Args:
        rng (`np.random.Generator`):
            Source of the wording.
        diagnosis (`Diagnosis`):
            What the record was made from.
        rhythm (`Rhythm`):
            Its events.
        conditions (`frozenset[str]`):
            What is true of the strip.
        omission_rate (`float`):
            Probability that a finding other than the rhythm is left out.

    Returns:
        `tuple[str, ...]`: Statements: the rhythm, the findings, the verdict.
    """
    findings = [name for name in WORDINGS if name in conditions]
    if not diagnosis.repolarization.startswith("nonspecific") and "nondiagnostic st-t changes" in findings:
        findings.remove("nondiagnostic st-t changes")  # there only as the parent of something more precise
    reported = [name for name in findings if rng.random() >= omission_rate]
    first = _rhythm_statement(rng, diagnosis, rhythm)
    statements = []
    for finding in reported:
        if finding in JOINED_WORDINGS and rng.random() < JOINED_PROBABILITY:
            first = f"{first} with {choose(rng, JOINED_WORDINGS[finding])}"
        else:
            statements.append(_finding_statement(rng, finding))
    walls = [text for text in _territory_statements(rng, diagnosis, conditions) if rng.random() >= omission_rate]
    verdict = _verdict(rng, conditions, [*findings, *walls])
    return _set_in_type(rng, [first, *statements, *walls, verdict])


def _set_in_type(rng: np.random.Generator, statements: list[str]) -> tuple[str, ...]:
    """Give all statements of a report the look of one maker: capitals, full stops or neither."""
    look = rng.random()
    if look < CAPITALS_PROBABILITY:
        return tuple(text.upper().replace("PVCS", "PVCs").replace("PACS", "PACs") for text in statements)
    if look < CAPITALS_PROBABILITY + FULL_STOP_PROBABILITY:
        return tuple(f"{text}." for text in statements)
    return tuple(statements)
