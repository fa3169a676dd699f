"""The textbook criterion of every condition that the shape of the waves decides, in terms of the measurements.

A record claims such a condition only where the noiseless strip meets its criterion. The patterns are those of the
sources; voltages and durations that these do not state, such as how small a q is none, are our choice. Sources:

- conduction, axis: Surawicz et al. 2009, J Am Coll Cardiol 53:976; incomplete right bundle branch block counts from
  100 ms (110 ms there), pre-excitation from 110 ms (120 ms there)
- hypertrophy: Hancock et al. 2009, ibid. 53:992; of the septum: Surawicz & Knilans 2008
- T, U, QT: Rautaharju et al. 2009, J Am Coll Cardiol 53:982 (QTc from 460 ms in women, 450 ms in men; 460 ms here)
- short QT: Gollob et al. 2011, J Am Coll Cardiol 57:802
- infarction, ischaemia: Thygesen et al. 2018, Circulation 138:e618, Tables 2 and 3; loss of R: Zema & Kligfield 1982,
  Arch Intern Med 142:1145
- early repolarisation: Macfarlane et al. 2015, J Am Coll Cardiol 66:470; with the raised ST in V2 to V4 that they no
  longer count, but readers do
- Brugada pattern: Wilde et al. 2002, Eur Heart J 23:1648 (one lead is enough here)
- pericarditis: Imazio & Gaita 2015, Heart 101:1159
- hypokalemia: Weaver & Burchell 1960, Circulation 21:505
- digitalis, other electrolytes: Surawicz & Knilans 2008, Chou's Electrocardiography in Clinical Practice, 6th ed.
"""

from collections.abc import Callable, Mapping, Sequence

from datasets_scripts.simulator.patient.body import UPRIGHT_T_LEADS
from datasets_scripts.terminology.measured_findings import is_measured, load_measured_findings

from .beat_measurements import key_of
from .qrs_waves import WAVE_MV


Measurements = Mapping[str, float]
Criterion = Callable[[Measurements], bool]

TALL_T_MV = load_measured_findings()["t waves above 1 mV in two chest leads"].above
SMALL_Q_MV = 0.06  # a q below it counts as none
INFERIOR_LEADS, LATERAL_LEADS = ("II", "III", "aVF"), ("I", "aVL", "V5", "V6")
RIGHT_CHEST_LEADS = ("V1", "V2", "V3")
# Leads that look at a site.
LEADS_OF_SITE = {
    "": ("I", "II", "aVL", "aVF", "V3", "V4", "V5", "V6"),
    "anterior": ("V1", "V2", "V3", "V4"),
    "anteroseptal": RIGHT_CHEST_LEADS,
    "anterolateral": ("V1", "V2", "V3", "V4"),
    "apical": ("V3", "V4", "V5", "V6"),
    "inferior": INFERIOR_LEADS,
    "inferolateral": INFERIOR_LEADS,
    "inferoposterior": INFERIOR_LEADS,
    "lateral": LATERAL_LEADS,
    "high lateral": ("I", "aVL"),
    "posterior": (),
}
# Sites that reach a second wall, one lead of which must agree.
SECOND_WALL = {"anterolateral": LATERAL_LEADS, "inferolateral": LATERAL_LEADS}
INFERIOR_OR_LATERAL = ("I", "II", "aVL", "aVF", "V4", "V5", "V6")
CHEST_LEADS = ("V1", "V2", "V3", "V4", "V5", "V6")


def count_leads(
    measurements: Measurements,
    name: str,
    leads: Sequence[str],
    *,
    at_least: float = float("-inf"),
    at_most: float = float("inf"),
) -> int:
    """Number of leads in which a measurement lies within limits."""
    return sum(at_least <= measurements[key_of(name, lead)] <= at_most for lead in leads)


def is_seen_at(
    measurements: Measurements,
    name: str,
    site: str,
    *,
    at_least: float = float("-inf"),
    at_most: float = float("inf"),
    needed: int = 2,
) -> bool:
    """Whether a measurement lies within limits in two leads of a site, and in one of the second wall it reaches."""
    if count_leads(measurements, name, LEADS_OF_SITE[site], at_least=at_least, at_most=at_most) < needed:
        return False
    return site not in SECOND_WALL or (
        count_leads(measurements, name, SECOND_WALL[site], at_least=at_least, at_most=at_most) >= 1
    )


def has_left_bundle_branch_block(m: Measurements) -> bool:
    """QRS of 120 ms or more, V1 mainly negative, R without q and without a broad S in I and V6."""
    is_left = m["r_to_s_V1"] < 0.5 and m["r_to_s_V6"] > 1.5 and m["r_to_s_I"] > 1 and m["r_mv_I"] >= 0.1
    is_positive = all(m[f"q_mv_{lead}"] < SMALL_Q_MV and m[f"s_ms_{lead}"] < 40 for lead in ("I", "V6"))
    return m["qrs_ms"] >= 120 and is_left and is_positive


def has_right_bundle_branch_block(m: Measurements) -> bool:
    """QRS of 120 ms or more, a late R in V1, S of more than 40 ms in I and V6."""
    return m["qrs_ms"] >= 120 and m["late_r_mv_V1"] >= 0.1 and m["s_ms_I"] >= 40 and m["s_ms_V6"] >= 40


def has_incomplete_right_bundle_branch_block(m: Measurements) -> bool:
    """R' in V1 with a QRS of 100 to 119 ms."""
    return 100 <= m["qrs_ms"] < 120 and m["r_prime_mv_V1"] >= 0.08


def has_incomplete_left_bundle_branch_block(m: Measurements) -> bool:
    """QRS of 110 to 119 ms without q in I, V5 and V6."""
    return (
        110 <= m["qrs_ms"] < 120
        and all(m[f"q_mv_{lead}"] < SMALL_Q_MV for lead in ("I", "V5", "V6"))
        and m["r_to_s_V6"] > 1
    )


def has_intraventricular_delay(m: Measurements) -> bool:
    """QRS of more than 110 ms that fits neither bundle branch."""
    return m["qrs_ms"] > 110 and not has_left_bundle_branch_block(m) and not has_right_bundle_branch_block(m)


def has_left_anterior_fascicular_block(m: Measurements) -> bool:
    """Axis from -45 to -90 degrees, rS in III and aVF, and R larger than q in aVL."""
    is_rs = all(m[f"s_mv_{lead}"] > m[f"r_mv_{lead}"] > WAVE_MV for lead in ("III", "aVF"))
    is_rs = is_rs and all(m[f"q_mv_{lead}"] < SMALL_Q_MV for lead in ("III", "aVF"))
    return (
        is_measured("qrs axis left of -30 degrees", m)
        and m["axis_deg"] <= -45
        and is_rs
        and m["r_mv_aVL"] > m["q_mv_aVL"]
    )


def has_left_posterior_fascicular_block(m: Measurements) -> bool:
    """Axis from 90 to 180 degrees, rS in I and aVL, R larger than q in III and aVF."""
    is_rs = all(m[f"s_mv_{lead}"] > m[f"r_mv_{lead}"] > WAVE_MV for lead in ("I", "aVL"))
    return is_measured("qrs axis right of 90 degrees", m) and is_rs and m["r_mv_III"] > m["q_mv_III"]


def has_pre_excitation(m: Measurements) -> bool:
    """A delta wave before a QRS of more than 110 ms."""
    return m["delta_wave_ms"] >= 20 and m["qrs_ms"] > 110


def has_left_ventricular_voltage(m: Measurements) -> bool:
    """Sokolow-Lyon or Cornell."""
    return is_measured("sokolow-lyon sum above 3.5 mV", m) or is_measured("cornell sum above its limit", m)


def has_right_ventricular_hypertrophy(m: Measurements) -> bool:
    """R larger than S in V1, S of more than 0.2 mV in V6, axis to the right."""
    return m["r_to_s_V1"] > 1 and m["s_mv_V6"] > 0.2 and is_measured("qrs axis right of 90 degrees", m)


def has_septal_hypertrophy(m: Measurements) -> bool:
    """Deep, narrow q waves in two of I, aVL, V5 and V6."""
    leads = [lead for lead in LATERAL_LEADS if m[f"q_mv_{lead}"] > 0.25 and m[f"q_ms_{lead}"] <= 45]
    return len(leads) >= 2


def has_left_ventricular_strain(m: Measurements) -> bool:
    """ST depression of 0.05 mV and an inverted T in two lateral leads."""
    has_st = count_leads(m, "st_mv", LATERAL_LEADS, at_most=-0.05) >= 2
    return has_st and count_leads(m, "t_mv", LATERAL_LEADS, at_most=-WAVE_MV) >= 2


def has_right_ventricular_strain(m: Measurements) -> bool:
    """T inverted in two of V1, V2 and V3."""
    return count_leads(m, "t_mv", RIGHT_CHEST_LEADS, at_most=-0.1) >= 2


def has_dextrocardia(m: Measurements) -> bool:
    """QRS mainly negative in I and in V6."""
    return m["r_to_s_I"] < 1 and m["r_to_s_V6"] < 1


def has_infarct_qrs(m: Measurements, site: str) -> bool:
    """Pathological Q or QS in two leads of a site; over the front wall also R lost; over the back wall R in V1."""
    if site == "posterior":
        return m["r_to_s_V1"] >= 1 or (m["r_to_s_V2"] >= 1 and m["r_mv_V2"] >= 0.3)
    if not site.startswith("ant"):
        return is_seen_at(m, "q_excess", site, at_least=1.0)
    is_poor = is_measured("r wave in v3 below 0.3 mV", m)
    is_lost = is_poor or (m["r_mv_V2"] < m["r_mv_V1"] - 0.03 and m["r_mv_V3"] < 0.5)
    return is_seen_at(m, "q_excess", site, at_least=1.0, needed=0 if is_lost else 2)


def has_acute_infarct(m: Measurements, site: str) -> bool:
    """ST elevation in two leads of a site; ST depression in V1 to V3 for the back wall."""
    if site == "posterior":
        return count_leads(m, "st_mv", RIGHT_CHEST_LEADS, at_most=-0.05) >= 2
    return is_seen_at(m, "st_elevation_ratio", site, at_least=1.0)


def has_ischemia(m: Measurements, site: str) -> bool:
    """ST depression of 0.05 mV or T inversion of 0.1 mV in two leads of a site."""
    return is_seen_at(m, "st_mv", site, at_most=-0.05) or is_seen_at(m, "t_mv", site, at_most=-0.1)


def has_injury(m: Measurements, site: str) -> bool:
    """ST depression of 0.1 mV in two leads of a site."""
    return is_seen_at(m, "st_mv", site, at_most=-0.1)


def has_early_repolarization(m: Measurements) -> bool:
    """J point of 0.1 mV in two inferior or lateral leads, or ST of 0.15 mV in two of V2 to V4 with tall T."""
    has_j = count_leads(m, "j_mv", INFERIOR_OR_LATERAL, at_least=0.1) >= 2
    front = ("V2", "V3", "V4")
    return has_j or (
        count_leads(m, "st_mv", front, at_least=0.15) >= 2 and count_leads(m, "t_mv", front, at_least=0.3) >= 2
    )


def has_pericarditis(m: Measurements) -> bool:
    """ST of 0.05 mV in five of seven leads of all walls but the septum, lowered in aVR."""
    return count_leads(m, "st_mv", INFERIOR_OR_LATERAL, at_least=0.05) >= 5 and m["st_mv_aVR"] < -0.03


def has_brugada_pattern(m: Measurements) -> bool:
    """J point of 0.2 mV or more in V1 or V2, followed by a negative T."""
    return any(m[f"j_mv_{lead}"] >= 0.2 and m[f"t_low_mv_{lead}"] < -0.05 for lead in ("V1", "V2"))


def has_tall_t(m: Measurements) -> bool:
    """T of more than 1 mV in a chest lead."""
    return max(m[key_of("t_mv", lead)] for lead in CHEST_LEADS) > TALL_T_MV


def has_hyperkalemia(m: Measurements) -> bool:
    """T of more than 1 mV in a chest lead or 0.5 mV in two limb leads."""
    limb = count_leads(m, "t_mv", ("I", "II", "III", "aVL", "aVF"), at_least=0.5)
    return limb >= 2 or has_tall_t(m)


def has_hypokalemia(m: Measurements) -> bool:
    """U of 0.1 mV in one of V2 to V4 and higher than T there."""
    return any(m[f"u_mv_{lead}"] >= 0.1 and m[f"u_mv_{lead}"] > m[f"t_mv_{lead}"] for lead in ("V2", "V3", "V4"))


def has_digitalis_effect(m: Measurements) -> bool:
    """ST depression in two lateral or inferior leads without a long QT."""
    return count_leads(m, "st_mv", INFERIOR_OR_LATERAL, at_most=-0.04) >= 2 and m["qtc_ms"] < 450


def has_slight_t_change(m: Measurements) -> bool:
    """T under 0.1 mV in two leads where it should be upright."""
    return count_leads(m, "t_mv", UPRIGHT_T_LEADS, at_most=0.1) >= 2


def has_slight_st_change(m: Measurements) -> bool:
    """ST from 0.02 to 0.15 mV below the line in two leads."""
    return count_leads(m, "st_mv", INFERIOR_OR_LATERAL, at_least=-0.15, at_most=-0.02) >= 2


CONDUCTION_CRITERIA: dict[str, Criterion] = {
    "left bundle branch block": has_left_bundle_branch_block,
    "right bundle branch block": has_right_bundle_branch_block,
    "bifascicular block": lambda m: has_right_bundle_branch_block(m) and has_left_anterior_fascicular_block(m),
    "incomplete left bundle branch block": has_incomplete_left_bundle_branch_block,
    "incomplete right bundle branch block": has_incomplete_right_bundle_branch_block,
    "intraventricular conduction delay": has_intraventricular_delay,
    "left anterior fascicular block": has_left_anterior_fascicular_block,
    "left posterior fascicular block": has_left_posterior_fascicular_block,
    "wolff-parkinson-white pattern": has_pre_excitation,
}
HYPERTROPHY_CRITERIA: dict[str, Criterion] = {
    "left ventricular hypertrophy": has_left_ventricular_voltage,
    "right ventricular hypertrophy": has_right_ventricular_hypertrophy,
    "septal hypertrophy": has_septal_hypertrophy,
}
REPOLARIZATION_CRITERIA: dict[str, Criterion] = {
    "prolonged qt interval": lambda m: m["qtc_ms"] > 460,
    "short qt interval": lambda m: m["qtc_ms"] < 350,
    "hypercalcemia": lambda m: m["qtc_ms"] < 360,
    "hypocalcemia": lambda m: m["qtc_ms"] > 460,
    "early repolarization": has_early_repolarization,
    "digitalis effect": has_digitalis_effect,
    "hyperkalemia": has_hyperkalemia,
    "hypokalemia": has_hypokalemia,
    "acute pericarditis": has_pericarditis,
    "brugada pattern": has_brugada_pattern,
    "nonspecific t change": has_slight_t_change,
    "nonspecific st change": has_slight_st_change,
}
SITE_CRITERIA: dict[str, Callable[[Measurements, str], bool]] = {
    "old infarction": has_infarct_qrs,
    "recent infarction": has_infarct_qrs,
    "acute infarction": has_acute_infarct,
    "ischemia": has_ischemia,
    "injury": has_injury,
}
