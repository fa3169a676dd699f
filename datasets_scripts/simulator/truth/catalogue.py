"""Which conditions the simulator can produce, under their names in the terminology."""

from functools import lru_cache

from datasets_scripts.terminology.findings import NORMAL_FINDING, load_terminology
from datasets_scripts.terminology.measured_findings import load_measured_findings
from modeling_supreme.command_line import suggest


RHYTHM_CONDITIONS = (
    "sinus rhythm",
    "sinus bradycardia",
    "sinus tachycardia",
    "sinus arrhythmia",
    "atrial fibrillation",
    "atrial flutter",
    "supraventricular tachycardia",
    "paroxysmal supraventricular tachycardia",
    "atrial tachycardia",
    "ectopic atrial rhythm",
    "junctional rhythm",
    "accelerated junctional rhythm",
    "ventricular tachycardia",
    "accelerated idioventricular rhythm",
    "paced rhythm",
    "atrial pacing",
    "ventricular pacing",
    "av sequential pacing",
    "biventricular pacing",
    "second degree av block",
    "mobitz type i second degree av block",
    "mobitz type ii second degree av block",
    "2:1 av block",
    "high degree av block",
    "complete av block",
    "first degree av block",
    "prolonged pr interval",
    "sinus pause",
    "sinoatrial block",
    "rapid ventricular response",
    "slow ventricular response",
)
ECTOPY_CONDITIONS = (
    "premature atrial contraction",
    "blocked premature atrial contraction",
    "atrial bigeminy",
    "atrial trigeminy",
    "premature ventricular contraction",
    "multifocal premature ventricular contractions",
    "interpolated premature ventricular contractions",
    "ventricular couplet",
    "ventricular bigeminy",
    "ventricular trigeminy",
    "non-sustained ventricular tachycardia",
)
INFARCT_CONDITIONS = (
    *(
        f"{site} myocardial infarction"
        for site in (
            *("anterior", "anteroseptal", "anterolateral", "apical", "inferior", "inferolateral", "inferoposterior"),
            *("lateral", "high lateral", "posterior"),
        )
    ),
    "acute myocardial infarction",
    "recent myocardial infarction",
    "old myocardial infarction",
    "st elevation myocardial infarction",
)
ISCHEMIA_CONDITIONS = (
    "myocardial ischemia",
    *(
        f"{site} myocardial ischemia"
        for site in ("anterior", "anteroseptal", "anterolateral", "lateral", "inferior", "inferolateral")
    ),
    *(
        f"{site} myocardial injury"
        for site in ("anteroseptal", "anterolateral", "lateral", "inferior", "inferolateral")
    ),
)
CONDITIONS = (
    NORMAL_FINDING,
    *RHYTHM_CONDITIONS,
    *ECTOPY_CONDITIONS,
    "left bundle branch block",
    "incomplete left bundle branch block",
    "right bundle branch block",
    "incomplete right bundle branch block",
    "left anterior fascicular block",
    "left posterior fascicular block",
    "bifascicular block",
    "wolff-parkinson-white pattern",
    "intraventricular conduction delay",
    "left ventricular hypertrophy",
    "left ventricular hypertrophy by voltage",
    "left ventricular strain",
    "right ventricular hypertrophy",
    "right ventricular strain",
    "septal hypertrophy",
    "left atrial enlargement",
    "right atrial enlargement",
    *INFARCT_CONDITIONS,
    *ISCHEMIA_CONDITIONS,
    "secondary st-t changes",
    "st changes",
    "st elevation",
    "st depression",
    "t wave inversion",
    "low amplitude t waves",
    "nonspecific t wave changes",
    "tall t waves",
    "u waves",
    "nondiagnostic t wave abnormality",
    "nondiagnostic st-t changes",
    "prolonged qt interval",
    "short qt interval",
    "early repolarization",
    "digitalis effect",
    "hyperkalemia",
    "hypokalemia",
    "hypercalcemia",
    "hypocalcemia",
    "acute pericarditis",
    "brugada pattern",
    "q waves",
    "abnormal qrs",
    "poor r wave progression",
    "limb low qrs voltage",
    "precordial low qrs voltage",
    "high qrs voltage",
    "left axis deviation",
    "right axis deviation",
    "dextrocardia",
    "exchanged arm electrodes",
)

# A record with nothing but these is a normal ECG: a rate or a variant, not a disease.
NORMAL_VARIANTS = frozenset(
    {
        "sinus rhythm",
        "sinus bradycardia",
        "sinus tachycardia",
        "sinus arrhythmia",
        "early repolarization",
        "tachycardia",
        "bradycardia",
        "high qrs voltage",
        "left ventricular hypertrophy by voltage",
    }
)


@lru_cache(maxsize=1)
def condition_names() -> tuple[str, ...]:
    """Names of the conditions, then their ancestors in alphabetical order."""
    ancestors = load_terminology().close_upward(CONDITIONS) - set(CONDITIONS)
    return (*CONDITIONS, *sorted(ancestors))


@lru_cache(maxsize=1)
def label_names() -> tuple[str, ...]:
    """Names of all labels of the corpus: the conditions, their ancestors, then the measured findings."""
    return (*condition_names(), *load_measured_findings())


def conditions_meant_by(name: str) -> tuple[str, ...]:
    """The simulated conditions that carry a label: the condition itself, or all those below an ancestor.

    Raises:
        ValueError: If no simulated condition carries the label.
    """
    if name in CONDITIONS:
        return (name,)
    terminology = load_terminology()
    meant = tuple(condition for condition in CONDITIONS if name in terminology.ancestors(condition))
    if not meant:
        names = condition_names()
        raise ValueError(
            f"The simulator has no condition {name!r}.{suggest([name], names)} Ask for one of: {', '.join(names)}."
        )
    return meant
