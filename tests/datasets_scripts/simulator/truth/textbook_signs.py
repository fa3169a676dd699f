"""The signs of the textbooks, each a predicate on what `strip_reader.StripReader` reads off a strip."""

import numpy as np
from strip_reader import CHEST, LEADS, LIMB, WAVE_MV


INFERIOR, LATERAL, ANTERIOR = ("II", "III", "aVF"), ("I", "aVL", "V5", "V6"), ("V1", "V2", "V3", "V4")
RIGHT_CHEST = ("V1", "V2", "V3")
WALLS = (INFERIOR, LATERAL, ANTERIOR)
# Two leads of the first wall, one of the second.
SITES = {
    "anterior": (ANTERIOR, ()),
    "anteroseptal": (RIGHT_CHEST, ()),
    "anterolateral": (ANTERIOR, LATERAL),
    "apical": (("V3", "V4", "V5", "V6"), ()),
    "inferior": (INFERIOR, ()),
    "inferolateral": (INFERIOR, LATERAL),
    "inferoposterior": (INFERIOR, ()),
    "lateral": (LATERAL, ()),
    "high lateral": (("I", "aVL"), ()),
}
ALL_BUT_SEPTAL = ("I", "II", "aVL", "aVF", "V4", "V5", "V6")
ALL_BUT_AVR = tuple(lead for lead in LEADS if lead != "aVR")
UPRIGHT_T = ("I", "II", "V4", "V5", "V6")


def num(leads, is_so):
    return sum(bool(is_so(lead)) for lead in leads)


def st_down(r, leads, mv=0.05):
    return num(leads, lambda lead: r.st(lead) <= -mv)


def st_up(r, leads):
    """Leads with ST elevation: 0.1 mV, in V2 and V3 0.15 mV in women, 0.2 mV in men, and 0.25 mV in men under 40."""
    septal = 0.15 if r.sex == "female" else 0.25 if r.age < 40 else 0.2
    return num(leads, lambda lead: r.st(lead) >= (septal if lead in ("V2", "V3") else 0.1))


def t_down(r, leads):
    return num(leads, lambda lead: r.t(lead) <= -0.1)


def is_q(r, lead):
    """A Q of 30 ms (V2 and V3: 20 ms), 0.1 mV and a quarter of R, as in Thygesen 2018 and the Minnesota code."""
    q = r.q(lead)
    return q.ms >= (20 if lead in ("V2", "V3") else 30) and -q.peak_mv >= max(0.1, 0.25 * r.height(lead))


def q_waves(r, leads):
    return num(leads, lambda lead: is_q(r, lead))


def has_poor_r(r):
    return r.height("V3") <= 0.3


def has_lost_r(r):
    return has_poor_r(r) or (r.height("V2") < r.height("V1") and r.height("V3") < 0.5)


def at(site, counted):
    """Whether two leads of a site, and one of the second wall that it reaches, show what is counted."""
    first, second = SITES[site]
    return lambda r: counted(r, first) >= 2 and (not second or counted(r, second) >= 1)


def in_a_wall(counted):
    return lambda r: any(counted(r, wall) >= 2 for wall in WALLS)


def any_of(*criteria):
    return lambda r: any(criterion(r) for criterion in criteria)


# QRS


def has_left_bundle_branch_block(r):
    """Broad R without q or S in V6 and I or aVL, and small r in V1."""
    is_broad = r.r_fall_ms("V6") > 60 and max(r.r_fall_ms("I"), r.r_fall_ms("aVL")) > 60
    is_plain = all(-r.q(lead).peak_mv < 0.06 and r.s_ms(lead) < 40 for lead in ("I", "V6"))
    is_left = r.height("I") > max(0.1, r.depth("I")) and r.height("V6") > 1.5 * r.depth("V6")
    return r.qrs_ms >= 120 and is_broad and is_plain and is_left and r.height("V1") < 0.5 * r.depth("V1")


def has_right_bundle_branch_block(r):
    return r.qrs_ms >= 120 and r.late_r("V1") >= 0.1 and all(r.s_ms(lead) >= 40 for lead in ("I", "V6"))


def is_rs(r, lead):
    return r.depth(lead) > r.height(lead) > WAVE_MV


def has_left_anterior_block(r):
    is_r_first = all(is_rs(r, lead) and -r.q(lead).peak_mv < 0.06 for lead in ("III", "aVF"))
    return -90 <= r.axis <= -45 and is_r_first and r.height("aVL") > -r.q("aVL").peak_mv


def has_left_posterior_block(r):
    is_right = 90 <= r.axis <= 180 and r.height("III") > -r.q("III").peak_mv
    return is_right and is_rs(r, "I") and is_rs(r, "aVL")


def has_pre_excitation(r):
    """PR under 120 ms, where there is a P wave, before a QRS of more than 110 ms."""
    return r.qrs_ms > 110 and (not len(r.pr_ms) or r.pr_ms.min() < 120)


def has_delay(r, *, above_ms=110):
    return r.qrs_ms > above_ms and not has_left_bundle_branch_block(r) and not has_right_bundle_branch_block(r)


def has_voltage(r):
    """Sokolow-Lyon of 3.5 mV or Cornell of 2.8 mV in men and 2.0 mV in women."""
    sokolow_lyon = r.depth("V1") + max(r.height("V5"), r.height("V6"))
    return sokolow_lyon > 3.5 or r.height("aVL") + r.depth("V3") > (2.8 if r.sex == "male" else 2.0)


def has_right_hypertrophy(r):
    return r.height("V1") > r.depth("V1") and r.depth("V6") > 0.2 and 90 < r.axis < 180


def has_left_strain(r):
    return st_down(r, LATERAL) >= 2 and num(LATERAL, lambda lead: r.t(lead) < 0) >= 2


def has_right_strain(r):
    return t_down(r, RIGHT_CHEST) >= 2


def has_posterior_sign(r):
    is_r = any(r.height(lead) >= r.depth(lead) for lead in ("V1", "V2"))
    return is_r or st_down(r, RIGHT_CHEST) >= 2


def is_infarct_of(site):
    """Q or, over the front wall, loss of R; or ST elevation; in two leads of the site and one of a second wall."""
    has_q, has_st = at(site, q_waves), at(site, st_up)

    def is_met(r):
        second = SITES[site][1]
        is_lost = site.startswith("ant") and has_lost_r(r) and (not second or q_waves(r, second) >= 1)
        return has_q(r) or has_st(r) or is_lost

    return is_met


any_infarct = any_of(*map(is_infarct_of, SITES), has_posterior_sign)


# ST, T, QT


def has_tall_t(r, mv=1.0):
    return num(CHEST, lambda lead: r.t(lead) >= mv) >= 1


def has_flat_t(r):
    return num(("I", "II", "V3", "V4", "V5", "V6"), lambda lead: -0.05 <= r.t(lead) <= 0.08) >= 2


def has_low_t(r):
    return num(UPRIGHT_T, lambda lead: r.t(lead) <= 0.1) >= 2


def has_u(r):
    return num(("V2", "V3", "V4"), lambda lead: r.u(lead) >= 0.1 and r.u(lead) > r.t(lead)) >= 1


def has_early_repolarization(r):
    front = ("V2", "V3", "V4")
    has_front = num(front, lambda lead: r.st(lead) >= 0.1) >= 2 and num(front, lambda lead: r.t(lead) >= 0.3) >= 2
    return has_front or num(ALL_BUT_SEPTAL, lambda lead: r.j(lead) >= 0.1) >= 2


def has_pericarditis(r, *, mv=0.05):
    return num(ALL_BUT_SEPTAL, lambda lead: r.st(lead) >= mv) >= 5 and r.st("aVR") < -0.03


def has_hyperkalemia(r):
    return has_tall_t(r) or num(LIMB, lambda lead: r.t(lead) >= 0.5) >= 2


# Rhythm


def has_sinus_p(r):
    """P before QRS with an axis from 0 to 75 degrees, or its mirror image where lead I is turned over."""
    return r.has_p_before_qrs and 0 <= min(r.p_axis, 180 - r.p_axis) <= 78


def has_ectopic_p(r):
    return r.has_p_before_qrs and not 0 <= r.p_axis <= 75


def has_no_conducted_p(r):
    return not len(r.seen_p) or r.pr_range_ms > 120 or r.mean_pr_ms > 450


def is_dissociated(r):
    """Regular QRS complexes at all distances from the P waves."""
    return len(r.seen_p) > 2 and not r.is_irregular and (r.pr_range_ms > 120 or r.mean_pr_ms > 450)


def has_flutter_waves(r):
    return r.f_wave_mv > 0.003 and r.flutter_share > 0.6


def has_fibrillation(r):
    return r.is_irregular and not len(r.seen_p) and r.f_wave_mv > 0.001 and not has_flutter_waves(r)


def has_junctional_p(r):
    """None to be seen, or upside down in II and aVF and near QRS."""
    return not len(r.seen_p) or (r.p("II") < 0 and r.p("aVF") < 0)


def is_junctional(r, low, high):
    return not r.is_irregular and low <= r.rate <= high and has_junctional_p(r)


def is_own_junction(r):
    """Narrow beats without atrial waves or with P waves turned over right before or after them."""
    is_narrow = r.qrs_ms < 120 and not has_flutter_waves(r) and not len(r.spikes)
    is_near = (len(r.seen_p) > 0 and r.mean_pr_ms < 120) or r.mean_pr_ms > 450
    return is_narrow and is_junctional(r, 40, 100) and (is_near or r.f_wave_mv < 0.002)


def has_paroxysm(r):
    return 60 / r.rr_s.min() > 140 and 60 / r.rr_s.max() <= 100 and len(r.seen_p) > 0


def has_wide_tachycardia(r):
    return longest_run(r) >= 3 or (r.qrs_ms >= 120 and r.rate > 100)


def longest_run(r):
    return max(runs(r.is_wide_early), default=0)


def runs(mask):
    """Lengths of what is true in a row."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(int), [0]])))
    return (edges[1::2] - edges[::2]).tolist()


def is_second_degree(r):
    return (~r.is_followed).any() and r.is_followed.any() and not is_dissociated(r)


def longest_drop(r):
    return max(runs(~r.is_followed), default=0)


def has_growing_pr(r):
    """From beat to beat PR grows, or is shorter after a dropped beat; it never stays."""
    steps = np.diff(r.pr_ms)
    return (np.abs(steps) > 10).all() and (steps > 10).any()


def alternates(mask):
    return bool((np.diff(mask.astype(int)) != 0).all())


def is_all_conducted(r):
    """Every P wave but early ones is followed by QRS."""
    return (~r.is_followed).sum() <= r.is_early_p.sum()


def has_sinus_pause(r):
    return r.rr_s.max() > 2 and is_all_conducted(r) and has_no_early_p(r)


def has_missing_cycle(r):
    return abs(r.rr_s.max() / np.median(r.rr_s) - 2) < 0.2


def lacks_p_in_pause(r):
    """One P-P interval is twice the others, with P before every QRS."""
    is_twice = len(r.pp_s) > 3 and abs(r.pp_s.max() / np.median(r.pp_s) - 2) < 0.2
    return is_twice and r.has_p_before_qrs and is_all_conducted(r) and r.rr_s.max() <= 2


# Early beats


def has_every(mask, period):
    """Three early ones at least, always as many beats apart."""
    gaps = np.diff(np.flatnonzero(mask))
    return len(gaps) >= 2 and bool((gaps == period).all())


def num_shapes(r):
    cuts = [r.cut_qrs(time) for time in r.times[r.is_wide_early]]
    return 1 + any(np.corrcoef(cuts[0], cut)[0, 1] < 0.9 for cut in cuts[1:]) if cuts else 0


def has_interpolated_beat(r):
    """A wide beat between two usual ones that are no farther apart than usual."""
    inner = [place for place in np.flatnonzero(r.is_wide_early) if 0 < place < len(r.times) - 1]
    spans = [r.times[at + 1] - r.times[at - 1] for at in inner if r.is_usual[at - 1] and r.is_usual[at + 1]]
    return any(span < 1.25 * r.usual_rr_s for span in spans)


# Pacing


def paces_ventricles(r):
    return r.has_spikes_before(r.seen)


def paces_atria(r):
    return r.has_spikes_before(r.seen_p)


def has_double_spikes(r):
    gaps = np.diff(r.spikes)
    return ((gaps > 0.006) & (gaps < 0.03)).sum() >= 0.8 * len(r.seen) - 1


def has_no_early_p(r):
    return not r.is_early_p.any()


def is_normal(r):
    """Sinus rhythm with usual intervals, axis, R waves, ST and T, and nothing early or dropped."""
    is_conducted = (
        has_sinus_p(r) and has_no_early_p(r) and r.pr_ms.min() >= 120 and r.pr_ms.max() <= 200 and is_all_conducted(r)
    )
    is_qrs = r.qrs_ms <= 112 and -30 <= r.axis <= 90 and not in_a_wall(q_waves)(r) and not has_poor_r(r)
    is_st_t = not in_a_wall(st_down)(r) and not any(t_down(r, wall) >= 2 for wall in (INFERIOR, LATERAL))
    return is_conducted and is_qrs and is_st_t and r.qtc_linear_ms < 460 and r.is_usual.all()
