"""Diagnoses that lead to a condition somebody asks for."""

from dataclasses import fields, replace

import numpy as np

from datasets_scripts.simulator.population import priors
from datasets_scripts.simulator.population.chance import pick
from datasets_scripts.terminology.findings import NORMAL_FINDING

from .diagnosis import Diagnosis, draw_diseased, draw_healthy, draw_territories, reconcile
from .person import Person


_SINUS = {"rhythm": "sinus rhythm"}
_NO_BLOCK = {"conduction": "normal conduction", "hypertrophy": "none"}
_CONDUCTED = {"rhythm": "sinus rhythm", "has_dextrocardia": False}
_FIELDS_OF_CONDITION: dict[str, dict[str, object]] = {
    "premature atrial contraction": {"ectopy": "atrial", **_SINUS},
    "blocked premature atrial contraction": {"ectopy": "blocked atrial", **_SINUS},
    "premature ventricular contraction": {"ectopy": "ventricular", **_SINUS},
    "multifocal premature ventricular contractions": {"ectopy": "multifocal ventricular", **_SINUS},
    "interpolated premature ventricular contractions": {"ectopy": "interpolated ventricular", **_SINUS},
    "ventricular couplet": {"ectopy": "ventricular couplets", **_SINUS},
    "non-sustained ventricular tachycardia": {"ectopy": "ventricular run", **_SINUS},
    "sinus pause": {"pause": "sinus pause", "ectopy": "none", **_SINUS},
    "sinoatrial block": {"pause": "sinoatrial block", "ectopy": "none", **_SINUS},
    "mobitz type i second degree av block": {"av_block_type": "wenckebach", "rhythm": "second degree av block"},
    "mobitz type ii second degree av block": {"av_block_type": "mobitz ii", "rhythm": "second degree av block"},
    "2:1 av block": {"av_block_type": "2:1", "rhythm": "second degree av block"},
    "high degree av block": {"av_block_type": "high degree", "rhythm": "second degree av block"},
    "atrial pacing": {"pacing": "atrial", "rhythm": "paced rhythm"},
    "ventricular pacing": {"pacing": "ventricular", "rhythm": "paced rhythm"},
    "av sequential pacing": {"pacing": "dual", "rhythm": "paced rhythm"},
    "biventricular pacing": {"pacing": "biventricular", "rhythm": "paced rhythm"},
    "accelerated junctional rhythm": {"rhythm": "junctional rhythm"},
    "rapid ventricular response": {"rhythm": "atrial fibrillation", "ventricular_response": "rapid"},
    "slow ventricular response": {"rhythm": "atrial fibrillation", "ventricular_response": "slow"},
    "first degree av block": {"has_first_degree_block": True, **_SINUS},
    "prolonged pr interval": {"has_first_degree_block": True, **_SINUS},
    "left ventricular strain": {"hypertrophy": "left ventricular hypertrophy", **_CONDUCTED},
    "left ventricular hypertrophy by voltage": {"hypertrophy": "left ventricular hypertrophy", **_CONDUCTED},
    "high qrs voltage": {"hypertrophy": "left ventricular hypertrophy", **_CONDUCTED},
    "secondary st-t changes": {"hypertrophy": "left ventricular hypertrophy", **_CONDUCTED},
    "right ventricular strain": {"hypertrophy": "right ventricular hypertrophy", **_CONDUCTED},
    "left atrial enlargement": {"has_left_atrial_enlargement": True, **_SINUS},
    "right atrial enlargement": {"has_right_atrial_enlargement": True, **_SINUS},
    "st elevation": {"repolarization": "acute infarction", **_NO_BLOCK, **_CONDUCTED},
    "st elevation myocardial infarction": {"repolarization": "acute infarction", **_NO_BLOCK, **_CONDUCTED},
    "st depression": {"repolarization": "ischemia", **_NO_BLOCK, **_CONDUCTED},
    "t wave inversion": {"repolarization": "ischemia", **_NO_BLOCK, **_CONDUCTED},
    "nondiagnostic st-t changes": {"repolarization": "nonspecific t change", **_NO_BLOCK, **_CONDUCTED},
    "nondiagnostic t wave abnormality": {"repolarization": "nonspecific t change", **_NO_BLOCK, **_CONDUCTED},
    "low amplitude t waves": {"repolarization": "nonspecific t change", **_NO_BLOCK, **_CONDUCTED},
    "nonspecific t wave changes": {"repolarization": "nonspecific t change", **_NO_BLOCK, **_CONDUCTED},
    "st changes": {"repolarization": "nonspecific st change", **_NO_BLOCK, **_CONDUCTED},
    "tall t waves": {"repolarization": "hyperkalemia", **_NO_BLOCK, **_CONDUCTED},
    "u waves": {"repolarization": "hypokalemia", **_NO_BLOCK, **_CONDUCTED},
    "q waves": {"repolarization": "old infarction", **_NO_BLOCK, **_CONDUCTED},
    "abnormal qrs": {"repolarization": "old infarction", **_NO_BLOCK, **_CONDUCTED},
    "poor r wave progression": {"repolarization": "old infarction", **_NO_BLOCK, **_CONDUCTED},
    "limb low qrs voltage": {"has_low_voltage": True, **_NO_BLOCK, **_CONDUCTED},
    "precordial low qrs voltage": {"has_low_voltage": True, **_NO_BLOCK, **_CONDUCTED},
    "left axis deviation": {"axis_deviation": "left", **_NO_BLOCK, **_CONDUCTED},
    "right axis deviation": {"axis_deviation": "right", **_NO_BLOCK, **_CONDUCTED},
    "dextrocardia": {"has_dextrocardia": True, **_SINUS},
    "exchanged arm electrodes": {"has_exchanged_arms": True, **_CONDUCTED},
}
_TABLES = {
    "rhythm": priors.RHYTHM_WEIGHTS,
    "conduction": priors.CONDUCTION_WEIGHTS,
    "hypertrophy": priors.HYPERTROPHY_WEIGHTS,
    "repolarization": priors.REPOLARIZATION_WEIGHTS,
    "ectopy": priors.ECTOPY_WEIGHTS,
}
_AGES = {"acute": "acute infarction", "recent": "recent infarction", "old": "old infarction"}


def diagnose(
    rng: np.random.Generator, condition: str, person: Person, *, background: Diagnosis | None, has_comorbidity: bool
) -> Diagnosis:
    """Draw diagnoses that lead to a given condition.

    Args:
        rng (`np.random.Generator`):
            Source of everything that the condition leaves open.
        condition (`str`):
            One of `truth.catalogue.CONDITIONS`.
        person (`Person`):
            Weighs what else there is.
        background (`Diagnosis`, *optional*):
            What the patient has in other recordings.
        has_comorbidity (`bool`):
            Whether the rest is drawn as for any patient; otherwise the rest is normal.

    Returns:
        `Diagnosis`: Usually with the condition. A measured finding, such as ST elevation, may still miss its
        criterion, and a drawn co-morbidity may exclude the condition: the caller looks and draws again.
    """
    if condition == NORMAL_FINDING:
        return draw_healthy(rng, person) if has_comorbidity else Diagnosis(is_healthy=True)
    start = Diagnosis()
    if has_comorbidity:
        start = background or draw_diseased(rng, person)
    wanted = _fields_of(rng, condition)
    changed = {name: value for name, value in wanted.items() if name in {field.name for field in fields(Diagnosis)}}
    return reconcile(rng, replace(start, is_healthy=False, **changed))  # type: ignore[arg-type]


def _fields_of(rng: np.random.Generator, condition: str) -> dict[str, object]:
    """Fields of a diagnosis that bring a condition about."""
    if condition in _FIELDS_OF_CONDITION:
        fields_of = dict(_FIELDS_OF_CONDITION[condition])
        if "repolarization" in fields_of:
            fields_of["territories"] = draw_territories(rng, str(fields_of["repolarization"]))
        return fields_of
    for field_name, table in _TABLES.items():
        if condition in table:
            return _with_company(field_name, condition)
    for disease in ("infarction", "ischemia", "injury"):
        if condition.endswith(f"myocardial {disease}"):
            return _fields_of_territory(rng, condition.removesuffix(f"myocardial {disease}").strip(), disease)
    raise ValueError(
        f"The simulator has no diagnosis for {condition!r}. Add it to `_FIELDS_OF_CONDITION` in patient/request.py."
    )


def _with_company(field_name: str, condition: str) -> dict[str, object]:
    """A key of one of the tables of `priors`, with what it needs to be seen."""
    company: dict[str, object] = {}
    if field_name in ("conduction", "hypertrophy", "repolarization"):
        company.update(_CONDUCTED)
    if field_name == "ectopy":
        company.update(_SINUS)
    if field_name == "repolarization":
        company.update(_NO_BLOCK)
    return {**company, field_name: condition}


def _fields_of_territory(rng: np.random.Generator, place: str, disease: str) -> dict[str, object]:
    """An infarct of some age, an ischaemia or an injury of some wall."""
    repolarization = disease
    if disease == "infarction":
        repolarization = _AGES.get(place) or pick(
            rng, {age: priors.REPOLARIZATION_WEIGHTS[age] for age in _AGES.values()}
        )
    territory = None if place in _AGES or (disease != "ischemia" and not place) else place
    return {
        "repolarization": repolarization,
        "territories": draw_territories(rng, repolarization, territory),
        "conduction": "normal conduction",
        "hypertrophy": "none",
        **_CONDUCTED,
    }
