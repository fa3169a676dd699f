"""What is true of a strip: its diagnoses, as far as the strip shows them, and what the measurements say."""

from collections.abc import Mapping, Sequence

import numpy as np

from datasets_scripts.simulator.patient.body import UPRIGHT_T_LEADS
from datasets_scripts.simulator.patient.diagnosis import ABNORMAL_ACTIVATION, INFARCTIONS, Diagnosis
from datasets_scripts.simulator.population import priors
from datasets_scripts.simulator.rhythm.timeline import Rhythm
from datasets_scripts.terminology.findings import NORMAL_FINDING, load_terminology
from datasets_scripts.terminology.measured_findings import is_measured

from .catalogue import NORMAL_VARIANTS
from .textbook_criteria import (
    CONDUCTION_CRITERIA,
    HYPERTROPHY_CRITERIA,
    LEADS_OF_SITE,
    REPOLARIZATION_CRITERIA,
    SITE_CRITERIA,
    count_leads,
    has_dextrocardia,
    has_early_repolarization,
    has_hypokalemia,
    has_left_anterior_fascicular_block,
    has_left_posterior_fascicular_block,
    has_left_ventricular_strain,
    has_left_ventricular_voltage,
    has_right_ventricular_strain,
    has_slight_st_change,
    has_slight_t_change,
    has_tall_t,
    is_seen_at,
)


BLOCK_NAMES = {
    "wenckebach": "mobitz type i second degree av block",
    "mobitz ii": "mobitz type ii second degree av block",
    "2:1": "2:1 av block",
    "high degree": "high degree av block",
}
PACING_NAMES = {
    "atrial": "atrial pacing",
    "ventricular": "ventricular pacing",
    "dual": "av sequential pacing",
    "biventricular": "biventricular pacing",
}
ECTOPY_NAMES = {
    "multifocal ventricular": "multifocal premature ventricular contractions",
    "interpolated ventricular": "interpolated premature ventricular contractions",
    "ventricular couplets": "ventricular couplet",
    "ventricular run": "non-sustained ventricular tachycardia",
    "ventricular bigeminy": "ventricular bigeminy",
    "ventricular trigeminy": "ventricular trigeminy",
    "atrial bigeminy": "atrial bigeminy",
    "atrial trigeminy": "atrial trigeminy",
}
INFARCT_AGE_NAMES = {
    "old infarction": "old myocardial infarction",
    "recent infarction": "recent myocardial infarction",
    "acute infarction": "acute myocardial infarction",
}
# Voltage of a chest lead, from peak to peak, that counts as high: our choice.
HIGH_CHEST_VOLTAGE_MV = 4.0
UPRIGHT_T_MV = 0.03
PAUSE_CYCLES = 1.6
INFARCT_LIKE_CONDUCTION = frozenset({"normal conduction", "left anterior fascicular block"})
MEASURED_WALLS = ("inferior", "lateral", "anterior")


def missing_claims(diagnosis: Diagnosis, measurements: Mapping[str, float]) -> list[str]:
    """Fields of a diagnosis whose textbook criterion the beat does not meet, however the heart was drawn.

    Args:
        diagnosis (`Diagnosis`):
            What the beat was drawn for.
        measurements (`Mapping[str, float]`):
            Of the beat that was drawn.

    Returns:
        `list[str]`: Among `"conduction"`, `"hypertrophy"`, `"repolarization"` and `"position"`.
    """
    if diagnosis.has_dextrocardia and not has_dextrocardia(measurements):
        return ["position"]
    if diagnosis.is_ventricular or diagnosis.is_mirrored:
        return []
    missing = []
    for name, table in (
        ("conduction", CONDUCTION_CRITERIA),
        ("hypertrophy", HYPERTROPHY_CRITERIA),
        ("repolarization", REPOLARIZATION_CRITERIA),
    ):
        criterion = table.get(getattr(diagnosis, name))
        if criterion is not None and not criterion(measurements):
            missing.append(name)
    site_criterion = SITE_CRITERIA.get(diagnosis.repolarization)
    if site_criterion is not None and not all(site_criterion(measurements, site) for site in diagnosis.territories):
        missing.append("repolarization")
    return missing


def unclaimed(diagnosis: Diagnosis, measurements: Mapping[str, float]) -> list[str]:
    """Conditions that a reader would see in the beat although nobody drew them."""
    has_other_start = diagnosis.conduction == "wolff-parkinson-white pattern"  # looks like anything, and is known to
    if diagnosis.is_ventricular or diagnosis.is_mirrored or has_other_start:
        return []
    seen = [
        name
        for name in ("left bundle branch block", "right bundle branch block", "incomplete right bundle branch block")
        if diagnosis.conduction not in (name, "bifascicular block") and CONDUCTION_CRITERIA[name](measurements)
    ]
    if diagnosis.conduction not in ("left anterior fascicular block", "bifascicular block"):
        is_blocked = has_left_anterior_fascicular_block(measurements)
        seen += ["left anterior fascicular block"] if is_blocked else []
    # An upright heart or a thick right ventricle looks like left posterior fascicular block.
    is_upright = diagnosis.axis_deviation is not None or diagnosis.hypertrophy != "none"
    if diagnosis.conduction != "left posterior fascicular block" and not is_upright:
        is_blocked = has_left_posterior_fascicular_block(measurements)
        seen += ["left posterior fascicular block"] if is_blocked else []
    has_usual_start = diagnosis.conduction in ("normal conduction", "right bundle branch block")
    if has_usual_start and diagnosis.hypertrophy == "none" and diagnosis.repolarization not in INFARCTIONS:
        sites = ("anteroseptal", "inferior", "lateral")
        seen += [
            site for site in sites if count_leads(measurements, "q_excess", LEADS_OF_SITE[site], at_least=1.0) >= 2
        ]
    if diagnosis.is_healthy:
        seen += _unhealthy(diagnosis, measurements)
    return seen


def _unhealthy(diagnosis: Diagnosis, measurements: Mapping[str, float]) -> list[str]:
    """What a healthy heart must not show."""
    seen = _voltage_conditions(measurements, diagnosis)
    if diagnosis.has_high_voltage:
        seen -= {"high qrs voltage", "left ventricular hypertrophy by voltage"}
    seen |= _st_t_conditions(diagnosis, measurements)
    if count_leads(measurements, "t_mv", UPRIGHT_T_LEADS, at_least=UPRIGHT_T_MV) < len(UPRIGHT_T_LEADS):
        seen.add("t wave changes")
    if diagnosis.repolarization != "early repolarization" and has_early_repolarization(measurements):
        seen.add("early repolarization")
    return sorted(seen)


def find_conditions(diagnosis: Diagnosis, rhythm: Rhythm, measurements: Mapping[str, float]) -> frozenset[str]:
    """Name everything that is true of a strip.

    Args:
        diagnosis (`Diagnosis`):
            What it was drawn from.
        rhythm (`Rhythm`):
            Its events.
        measurements (`Mapping[str, float]`):
            Of the noiseless strip.

    Returns:
        `frozenset[str]`: Names of the terminology, closed upward; with `normal ecg` if nothing is abnormal.
    """
    found = _rhythm_conditions(diagnosis, rhythm) | _ectopy_conditions(diagnosis, rhythm)
    found |= _atrial_conditions(diagnosis, measurements)
    if not diagnosis.is_ventricular and not diagnosis.is_mirrored:
        missing = missing_claims(diagnosis, measurements)
        found |= _structural_conditions(diagnosis, measurements, missing=missing)
        found |= _voltage_conditions(measurements, diagnosis)
        found |= _st_t_conditions(diagnosis, measurements)
    found |= _position_conditions(diagnosis, measurements)
    if found <= NORMAL_VARIANTS and not diagnosis.has_dextrocardia:
        found.add(NORMAL_FINDING)
    return frozenset(load_terminology().close_upward(found))


def _rhythm_conditions(diagnosis: Diagnosis, rhythm: Rhythm) -> set[str]:
    """The rhythm, its rate, its blocks and its pauses."""
    found = {diagnosis.rhythm}
    rate = rhythm.ventricular_rate_per_min
    if diagnosis.rhythm == "second degree av block":
        found |= {"sinus rhythm", BLOCK_NAMES[rhythm.av_block]}
    if diagnosis.rhythm == "paced rhythm":
        found.add(PACING_NAMES[diagnosis.pacing])
    if diagnosis.rhythm == "sinus arrhythmia" and rate < 60 and diagnosis.pause == "none":
        found.add("sinus bradycardia")
    if diagnosis.rhythm == "junctional rhythm" and rate > 60:
        found.add("accelerated junctional rhythm")
    if diagnosis.rhythm in ("atrial fibrillation", "atrial flutter"):
        found |= (
            {"rapid ventricular response"} if rate > 100 else {"slow ventricular response"} if rate < 60 else set()
        )
    if diagnosis.has_first_degree_block:
        found |= {"first degree av block", "prolonged pr interval"}
    if diagnosis.pause != "none" and rhythm.rr_s.max() > PAUSE_CYCLES * np.median(rhythm.rr_s):
        found.add(diagnosis.pause)
    if rate > 100:
        found.add("tachycardia")
    elif rate < 60:
        found.add("bradycardia")
    return found


def _ectopy_conditions(diagnosis: Diagnosis, rhythm: Rhythm) -> set[str]:
    """Early beats that lie within the strip, and their pattern where the strip shows it."""
    num_early = rhythm.num_premature
    found: set[str] = set()
    if diagnosis.ectopy == "blocked atrial":
        early = [wave for wave in rhythm.p_waves if wave.kind == "ectopic" and 0.3 < wave.time < 9.0]
        return {"blocked premature atrial contraction"} if early else found
    if not num_early:
        return found
    is_atrial = diagnosis.ectopy.startswith("atrial")
    found.add("premature atrial contraction" if is_atrial else "premature ventricular contraction")
    needed = {"ventricular couplets": 2, "multifocal ventricular": 2, "ventricular run": 3}.get(diagnosis.ectopy, 1)
    foci = {beat.focus for beat in rhythm.early_beats}
    is_shown = num_early >= (3 if "geminy" in diagnosis.ectopy else needed)
    is_shown &= diagnosis.ectopy != "multifocal ventricular" or len(foci) > 1
    if diagnosis.ectopy in ECTOPY_NAMES and is_shown:
        found.add(ECTOPY_NAMES[diagnosis.ectopy])
    if is_atrial and num_early >= priors.FREQUENT_ATRIAL_ECTOPY:
        found.add("supraventricular arrhythmia")
    return found


def _atrial_conditions(diagnosis: Diagnosis, measurements: Mapping[str, float]) -> set[str]:
    """Enlarged atria, where the P wave shows them."""
    found = set()
    if diagnosis.has_left_atrial_enlargement and measurements.get("p_ms", 0.0) > 120:
        found.add("left atrial enlargement")
    if diagnosis.has_right_atrial_enlargement and measurements.get("p_mv_II", 0.0) > 0.25:
        found.add("right atrial enlargement")
    return found


def _structural_conditions(diagnosis: Diagnosis, measurements: Mapping[str, float], *, missing: list[str]) -> set[str]:
    """Conduction, chambers, infarcts and repolarisation patterns as the diagnosis names them."""
    found: set[str] = set()
    if diagnosis.conduction != "normal conduction" and "conduction" not in missing:
        found.add(diagnosis.conduction)
        if diagnosis.conduction == "bifascicular block":
            found |= {"right bundle branch block", "left anterior fascicular block"}
    if diagnosis.hypertrophy != "none" and "hypertrophy" not in missing:
        found.add(diagnosis.hypertrophy)
        found |= _strain_conditions(diagnosis, measurements)
    if "repolarization" in missing:
        return found
    pattern = diagnosis.repolarization
    if pattern in REPOLARIZATION_CRITERIA and not pattern.startswith("nonspecific"):
        found.add(pattern)
    for site in diagnosis.territories:
        if pattern in INFARCTIONS:
            found |= {f"{site} myocardial infarction", INFARCT_AGE_NAMES[pattern]}
            is_elevated = pattern == "acute infarction" and site != "posterior"
            found |= {"st elevation myocardial infarction"} if is_elevated else set()
        else:
            disease = "myocardial injury" if pattern == "injury" else "myocardial ischemia"
            found.add(f"{site} {disease}".strip())
            # Injury of the inner layer without ST elevation is what a non-ST-elevation infarct shows.
            found |= {"acute myocardial infarction"} if pattern == "injury" else set()
    return found


def _strain_conditions(diagnosis: Diagnosis, measurements: Mapping[str, float]) -> set[str]:
    """ST-T of thick walls; marked, it counts as ischaemia, which often comes too (Okin et al. 2001, JACC 38:514)."""
    if diagnosis.hypertrophy == "right ventricular hypertrophy":
        has_strain = has_right_ventricular_strain(measurements)
        return {"right ventricular strain", "secondary st-t changes"} if has_strain else set()
    is_left = diagnosis.hypertrophy == "left ventricular hypertrophy"
    if not is_left or not has_left_ventricular_strain(measurements):
        return set()
    found = {"left ventricular strain", "secondary st-t changes"}
    marked = count_leads(measurements, "t_mv", LEADS_OF_SITE["lateral"], at_most=-0.05) >= 2
    return found | ({"myocardial ischemia"} if marked else set())


def _voltage_conditions(measurements: Mapping[str, float], diagnosis: Diagnosis) -> set[str]:
    """Axis, voltage, Q waves and R progression by their criteria, unless abnormal activation explains them."""
    found = set()
    if is_measured("qrs axis left of -30 degrees", measurements):
        found.add("left axis deviation")
    if is_measured("qrs axis right of 90 degrees", measurements):
        found.add("right axis deviation")
    if is_measured("qrs below 0.5 mV in all limb leads", measurements):
        found.add("limb low qrs voltage")
    if is_measured("qrs below 1 mV in all chest leads", measurements):
        found.add("precordial low qrs voltage")
    if diagnosis.conduction in ABNORMAL_ACTIVATION:
        return found
    if has_left_ventricular_voltage(measurements):
        found.add("left ventricular hypertrophy by voltage")
    if (
        is_measured("qrs above 2 mV in a limb lead", measurements)
        or measurements["chest_voltage_mv"] > HIGH_CHEST_VOLTAGE_MV
    ):
        found.add("high qrs voltage")
    sites = ("anterior", "inferior", "lateral")
    has_q = any(is_seen_at(measurements, "q_excess", site, at_least=1.0) for site in sites)
    is_poor = is_measured("r wave in v3 below 0.3 mV", measurements)
    found |= {"q waves"} if has_q else set()
    found |= {"poor r wave progression"} if is_poor else set()
    # "QRS abnormal" is what readers write of an infarct's QRS that no block and no thick wall explains.
    is_explained = diagnosis.conduction not in INFARCT_LIKE_CONDUCTION or diagnosis.hypertrophy != "none"
    has_infarct = diagnosis.repolarization in INFARCTIONS and (has_q or is_poor)
    if not is_explained and (has_q or has_infarct):
        found.add("abnormal qrs")
    return found


def _st_t_conditions(diagnosis: Diagnosis, measurements: Mapping[str, float]) -> set[str]:
    """ST and T by the criteria, unless abnormal activation explains them."""
    if diagnosis.conduction in ABNORMAL_ACTIVATION:
        return set()
    found = _st_conditions(diagnosis, measurements) | _t_conditions(diagnosis, measurements)
    has_cause = diagnosis.repolarization in INFARCTIONS or diagnosis.repolarization in SITE_CRITERIA
    is_unexplained = not has_cause and diagnosis.hypertrophy == "none"
    if is_unexplained and found & {"st depression", "t wave inversion"} and not _is_explained(diagnosis):
        found.add("st-t changes")
    return found


def _is_met(finding: str, walls: Sequence[str], measurements: Mapping[str, float]) -> bool:
    """Whether a measured finding is true of one of several walls."""
    return any(is_measured(finding.format(wall), measurements) for wall in walls)


def _is_explained(diagnosis: Diagnosis) -> bool:
    """Whether the pattern of ST and T has a name of its own that is no kind of ST-T change."""
    return diagnosis.repolarization in ("brugada pattern", "acute pericarditis", "early repolarization")


def _st_conditions(diagnosis: Diagnosis, measurements: Mapping[str, float]) -> set[str]:
    """ST elevation, ST depression and slight changes of ST."""
    found = set()
    is_normal_variant = diagnosis.repolarization == "early repolarization"
    if not is_normal_variant and _is_met("st elevation in two {} leads", MEASURED_WALLS, measurements):
        found.add("st elevation")
    if _is_met("st depression in two {} leads", MEASURED_WALLS, measurements):
        found.add("st depression")
    if diagnosis.repolarization == "nonspecific st change" and has_slight_st_change(measurements):
        found |= {"st changes"}
    return found


def _t_conditions(diagnosis: Diagnosis, measurements: Mapping[str, float]) -> set[str]:
    """Inverted, flat, slightly changed and tall T waves."""
    found = set()
    has_right_block = diagnosis.conduction in ("right bundle branch block", "bifascicular block")
    if _is_met("t inversion in two {} leads", MEASURED_WALLS[:2] if has_right_block else MEASURED_WALLS, measurements):
        found.add("t wave inversion")
    upright = ("I", "II", "V3", "V4", "V5", "V6")
    if count_leads(measurements, "t_mv", upright, at_least=-0.05, at_most=0.08) >= 2:
        found.add("low amplitude t waves")
    if has_tall_t(measurements):
        found.add("tall t waves")
    if has_hypokalemia(measurements):
        found.add("u waves")
    if diagnosis.repolarization == "nonspecific t change" and has_slight_t_change(measurements):
        found |= {"nondiagnostic t wave abnormality", "nonspecific t wave changes"}
    return found


def _position_conditions(diagnosis: Diagnosis, measurements: Mapping[str, float]) -> set[str]:
    """A mirrored heart, exchanged electrodes."""
    is_mirrored = diagnosis.has_dextrocardia and has_dextrocardia(measurements)
    found = {"dextrocardia"} if is_mirrored else set()
    return found | ({"exchanged arm electrodes"} if diagnosis.has_exchanged_arms else set())
