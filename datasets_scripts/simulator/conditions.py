"""Which conditions the simulator can produce, under their names in the terminology."""

from functools import lru_cache

from datasets_scripts.extraction.terminology import load_terminology


CONDITIONS = (
    "normal ecg",
    "sinus rhythm",
    "sinus bradycardia",
    "sinus tachycardia",
    "sinus arrhythmia",
    "atrial fibrillation",
    "atrial flutter",
    "supraventricular tachycardia",
    "paced rhythm",
    "premature atrial contraction",
    "premature ventricular contraction",
    "first degree av block",
    "second degree av block",
    "complete av block",
    "left bundle branch block",
    "incomplete left bundle branch block",
    "right bundle branch block",
    "incomplete right bundle branch block",
    "left anterior fascicular block",
    "left posterior fascicular block",
    "wolff-parkinson-white pattern",
    "intraventricular conduction delay",
    "left ventricular hypertrophy",
    "right ventricular hypertrophy",
    "left atrial enlargement",
    "right atrial enlargement",
    "anterior myocardial infarction",
    "anteroseptal myocardial infarction",
    "inferior myocardial infarction",
    "lateral myocardial infarction",
    "posterior myocardial infarction",
    "anterior myocardial ischemia",
    "inferior myocardial ischemia",
    "lateral myocardial ischemia",
    "st elevation",
    "st depression",
    "t wave inversion",
    "nondiagnostic st-t changes",
    "prolonged qt interval",
    "early repolarization",
    "digitalis effect",
    "low qrs voltage",
    "left axis deviation",
    "right axis deviation",
)

RHYTHM_CONDITIONS = CONDITIONS[1:9]

# A record with nothing but these is a normal ECG: a rate or a variant, not a disease.
NORMAL_VARIANTS = frozenset(
    {"sinus rhythm", "sinus bradycardia", "sinus tachycardia", "sinus arrhythmia", "early repolarization"}
)


@lru_cache(maxsize=1)
def label_names() -> tuple[str, ...]:
    """Names of all labels of the corpus: `CONDITIONS`, then their ancestors in alphabetical order."""
    ancestors = load_terminology().close_upward(CONDITIONS) - set(CONDITIONS)
    return (*CONDITIONS, *sorted(ancestors))


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
        raise ValueError(f"The simulator has no condition {name!r}. Ask for one of: {', '.join(label_names())}.")
    return meant
