"""Who has a condition meets its textbook criterion on the noiseless strip; who does not have it does not.

One table says for every condition what must be read off the strip, and where that comes from. Where the criterion is
necessary but does not prove the condition, the table says why, and only its presence is tested. Limits that the source
leaves open (how small a q is none, how early an early P wave) are those of the simulator's own criteria.
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
from strip_reader import CHEST, LIMB, SAMPLING_RATE, WAVE_MV, StripReader
from textbook_signs import (
    ALL_BUT_AVR,
    ALL_BUT_SEPTAL,
    INFERIOR,
    LATERAL,
    SITES,
    alternates,
    any_infarct,
    any_of,
    at,
    has_delay,
    has_double_spikes,
    has_early_repolarization,
    has_ectopic_p,
    has_every,
    has_fibrillation,
    has_flat_t,
    has_flutter_waves,
    has_growing_pr,
    has_hyperkalemia,
    has_interpolated_beat,
    has_left_anterior_block,
    has_left_bundle_branch_block,
    has_left_posterior_block,
    has_left_strain,
    has_low_t,
    has_missing_cycle,
    has_no_conducted_p,
    has_no_early_p,
    has_paroxysm,
    has_pericarditis,
    has_poor_r,
    has_posterior_sign,
    has_pre_excitation,
    has_right_bundle_branch_block,
    has_right_hypertrophy,
    has_right_strain,
    has_sinus_p,
    has_sinus_pause,
    has_tall_t,
    has_u,
    has_voltage,
    has_wide_tachycardia,
    in_a_wall,
    is_all_conducted,
    is_dissociated,
    is_infarct_of,
    is_junctional,
    is_normal,
    is_own_junction,
    is_second_degree,
    lacks_p_in_pause,
    longest_drop,
    longest_run,
    num,
    num_shapes,
    paces_atria,
    paces_ventricles,
    q_waves,
    runs,
    st_down,
    st_up,
    t_down,
)

from datasets_scripts.simulator import SimulatorSettings, simulate_record
from datasets_scripts.simulator.truth.catalogue import CONDITIONS


CLEAN = SimulatorSettings(noise_scale=0.0)
SEED = 17
NUM_NATURAL = 1500
NUM_WANTED = 100

SURAWICZ = "Surawicz et al. 2009, J Am Coll Cardiol 53:976"
HANCOCK = "Hancock et al. 2009, J Am Coll Cardiol 53:992"
RAUTAHARJU = "Rautaharju et al. 2009, J Am Coll Cardiol 53:982"
THYGESEN = "Thygesen et al. 2018, Circulation 138:e618, Tables 2 and 3"
ZEMA = "Zema & Kligfield 1982, Arch Intern Med 142:1145"
MACFARLANE = "Macfarlane et al. 2015, J Am Coll Cardiol 66:470"
IMAZIO = "Imazio & Gaita 2015, Heart 101:1159"
WILDE = "Wilde et al. 2002, Eur Heart J 23:1648"
GOLLOB = "Gollob et al. 2011, J Am Coll Cardiol 57:802"
KUSUMOTO = "Kusumoto et al. 2019, Circulation 140:e382, Table 3"
PAGE = "Page et al. 2016, Circulation 133:e506, Table 3"
JANUARY = "January et al. 2014, Circulation 130:e199"
AL_KHATIB = "Al-Khatib et al. 2018, Circulation 138:e272, Table 4"
CHOU = "Surawicz & Knilans 2008, Chou's Electrocardiography in Clinical Practice, 6th ed."

# In whom the shape of QRS and ST-T tells nothing of the rest: beats of the ventricles or of a pacemaker, leads that do
# not look at their walls, pre-excitation; in left bundle branch block this is true of voltage, Q, ST and T.
OTHER_BEATS = frozenset(
    {
        *("ventricular pacing", "av sequential pacing", "biventricular pacing", "ventricular tachycardia"),
        *("accelerated idioventricular rhythm", "complete av block", "dextrocardia", "exchanged arm electrodes"),
    }
)
UNREADABLE_QRS = OTHER_BEATS | {"wolff-parkinson-white pattern"}
UNREADABLE_ST = UNREADABLE_QRS | {"left bundle branch block"}
WIDE_QRS = UNREADABLE_ST | {"right bundle branch block", "intraventricular conduction delay"}


@dataclass(frozen=True)
class Criterion:
    """What a strip with a condition shows, and what none without it shows.

    Attributes:
        is_met: What every strip with the condition shows.
        source: Where that comes from.
        is_proof: What no strip without the condition shows; none where nothing on a strip proves the condition.
        unless: Conditions in which the proof does not count.
        why: Why nothing proves it.
    """

    is_met: Callable[[StripReader], bool]
    source: str
    is_proof: Callable[[StripReader], bool] | None = None
    unless: frozenset[str] = frozenset()
    why: str = ""


def proof(is_met, source, *, sharper=None, unless=frozenset()):
    """A criterion that proves its condition, by itself or in a sharper form."""
    return Criterion(is_met, source, sharper or is_met, frozenset(unless))


def sign(is_met, source, why):
    """A criterion that is necessary but does not prove its condition."""
    return Criterion(is_met, source, why=why)


def shows_nothing(r):
    """Normal, and no other criterion of the table that proves anything is met."""
    others = (name for name in PROVING if name not in ALLOWED_IN_NORMAL)
    return is_normal(r) and not any(CRITERIA[name].is_proof(r) for name in others)


RHYTHM_CRITERIA = {
    "sinus rhythm": proof(
        lambda r: has_sinus_p(r) and 60 <= r.sinus_rate <= 100,
        KUSUMOTO,
        sharper=lambda r: has_sinus_p(r) and 60 <= r.sinus_rate <= 100 and len(r.pp_s) > 4 and np.ptp(r.pp_s) < 0.1,
        unless={"sinus arrhythmia", "paced rhythm"},
    ),
    "sinus bradycardia": proof(
        lambda r: has_sinus_p(r) and r.sinus_rate < 60,
        KUSUMOTO,
        sharper=lambda r: has_sinus_p(r) and r.sinus_rate < 58 and is_all_conducted(r) and r.rate < 58,
    ),
    "sinus tachycardia": proof(lambda r: has_sinus_p(r) and r.sinus_rate > 100, PAGE),
    "sinus arrhythmia": proof(
        lambda r: has_sinus_p(r) and np.ptp(np.diff(r.seen_p)) > 0.12,
        CHOU,
        sharper=lambda r: has_sinus_p(r) and len(r.pp_s) > 0 and np.ptp(r.pp_s) > 0.12,
        unless={"sinus pause", "sinoatrial block", "supraventricular tachycardia"},
    ),
    "atrial fibrillation": proof(has_fibrillation, JANUARY),
    "atrial flutter": proof(has_flutter_waves, PAGE),
    "supraventricular tachycardia": sign(
        lambda r: 60 / r.rr_s.min() > 100, PAGE, "the rate is that of every tachycardia"
    ),
    "paroxysmal supraventricular tachycardia": proof(
        has_paroxysm,
        PAGE,
        sharper=lambda r: has_paroxysm(r) and longest_run(r) == 0 and has_no_early_p(r) and len(r.pr_ms) >= 2,
    ),
    "atrial tachycardia": proof(
        lambda r: has_ectopic_p(r) and r.rate > 100, PAGE, unless={"dextrocardia", "exchanged arm electrodes"}
    ),
    "ectopic atrial rhythm": proof(
        lambda r: has_ectopic_p(r) and r.rate <= 100,
        CHOU,
        sharper=lambda r: has_ectopic_p(r) and r.rate <= 100 and r.mean_pr_ms >= 120,
        unless={"dextrocardia", "exchanged arm electrodes", "paced rhythm"},
    ),
    "junctional rhythm": proof(lambda r: is_junctional(r, 40, 100), CHOU, sharper=is_own_junction),
    "accelerated junctional rhythm": proof(
        lambda r: is_junctional(r, 60, 130),
        PAGE,
        sharper=lambda r: is_own_junction(r) and r.rate > 60,
    ),
    "ventricular tachycardia": proof(
        has_wide_tachycardia,
        AL_KHATIB,
        sharper=lambda r: longest_run(r) >= 3 or (has_wide_tachycardia(r) and is_dissociated(r)),
    ),
    "accelerated idioventricular rhythm": proof(
        lambda r: r.qrs_ms >= 120 and 50 <= r.rate <= 120 and has_no_conducted_p(r),
        AL_KHATIB,
        sharper=lambda r: r.qrs_ms >= 120 and 50 <= r.rate <= 100 and is_dissociated(r) and not len(r.spikes),
    ),
    "paced rhythm": proof(lambda r: paces_ventricles(r) or paces_atria(r), KUSUMOTO),
    "atrial pacing": proof(lambda r: paces_atria(r) and not paces_ventricles(r), KUSUMOTO),
    "ventricular pacing": proof(
        lambda r: paces_ventricles(r) and not paces_atria(r), KUSUMOTO, unless={"biventricular pacing"}
    ),
    "av sequential pacing": proof(lambda r: paces_ventricles(r) and paces_atria(r), KUSUMOTO),
    "biventricular pacing": proof(lambda r: paces_ventricles(r) and has_double_spikes(r), KUSUMOTO),
    "second degree av block": proof(
        is_second_degree, KUSUMOTO, unless={"blocked premature atrial contraction", "premature atrial contraction"}
    ),
    "mobitz type i second degree av block": proof(lambda r: is_second_degree(r) and has_growing_pr(r), KUSUMOTO),
    "mobitz type ii second degree av block": proof(
        lambda r: is_second_degree(r) and r.pr_range_ms < 40 and longest_drop(r) == 1,
        KUSUMOTO,
        sharper=lambda r: (
            is_second_degree(r) and r.pr_range_ms < 40 and longest_drop(r) == 1 and not alternates(r.is_followed)
        ),
        unless={"premature atrial contraction"},
    ),
    "2:1 av block": proof(lambda r: is_second_degree(r) and alternates(r.is_followed), KUSUMOTO),
    "high degree av block": proof(lambda r: is_second_degree(r) and longest_drop(r) >= 2, KUSUMOTO),
    "complete av block": proof(lambda r: is_dissociated(r) and r.rate < 60 and len(r.seen_p) > len(r.seen), KUSUMOTO),
    "first degree av block": proof(
        lambda r: r.mean_pr_ms > 200 and r.has_p_before_qrs and is_all_conducted(r),
        KUSUMOTO,
        unless={"second degree av block"},
    ),
    "prolonged pr interval": proof(
        lambda r: r.mean_pr_ms > 200,
        KUSUMOTO,
        sharper=lambda r: r.mean_pr_ms > 200 and r.has_p_before_qrs,
        unless={"av block"},
    ),
    "sinus pause": proof(has_sinus_pause, KUSUMOTO, unless=OTHER_BEATS | {"atrial fibrillation", "atrial flutter"}),
    "sinoatrial block": proof(has_missing_cycle, KUSUMOTO, sharper=lacks_p_in_pause, unless={"sinus pause"}),
    "rapid ventricular response": proof(
        lambda r: r.rate > 100 and not len(r.seen_p),
        JANUARY,
        sharper=lambda r: r.rate > 100 and (has_fibrillation(r) or has_flutter_waves(r)),
    ),
    "slow ventricular response": proof(
        lambda r: r.rate < 60 and not len(r.seen_p),
        JANUARY,
        sharper=lambda r: r.rate < 60 and (has_fibrillation(r) or has_flutter_waves(r)),
    ),
}
ECTOPY_CRITERIA = {
    "premature atrial contraction": proof(lambda r: r.is_early_p.any(), PAGE),
    "blocked premature atrial contraction": proof(lambda r: r.is_early_p.any() and (~r.is_followed).any(), CHOU),
    "atrial bigeminy": proof(lambda r: has_every(r.is_early_p, 2), PAGE),
    "atrial trigeminy": proof(lambda r: has_every(r.is_early_p, 3), PAGE),
    "premature ventricular contraction": proof(lambda r: r.is_wide_early.any(), AL_KHATIB),
    "multifocal premature ventricular contractions": proof(lambda r: num_shapes(r) >= 2, AL_KHATIB),
    "interpolated premature ventricular contractions": proof(has_interpolated_beat, CHOU),
    "ventricular couplet": proof(lambda r: 2 in runs(r.is_wide_early), AL_KHATIB),
    "ventricular bigeminy": proof(lambda r: has_every(r.is_wide_early, 2), AL_KHATIB),
    "ventricular trigeminy": proof(lambda r: has_every(r.is_wide_early, 3), AL_KHATIB),
    "non-sustained ventricular tachycardia": proof(lambda r: longest_run(r) >= 3, AL_KHATIB),
}
QRS_CRITERIA = {
    "left bundle branch block": proof(has_left_bundle_branch_block, SURAWICZ, unless=UNREADABLE_QRS),
    "incomplete left bundle branch block": sign(
        lambda r: 110 <= r.qrs_ms < 120 and all(-r.q(lead).peak_mv < 0.06 for lead in ("I", "V5", "V6")),
        SURAWICZ,
        "a thick wall may widen QRS and take q away as well",
    ),
    "right bundle branch block": proof(has_right_bundle_branch_block, SURAWICZ, unless=UNREADABLE_QRS),
    "incomplete right bundle branch block": proof(
        lambda r: r.qrs_ms < 120 and r.second_r("V1") >= 0.08,
        CHOU,
        sharper=lambda r: 100 <= r.qrs_ms < 120 and r.second_r("V1") >= 0.08,
        unless=UNREADABLE_QRS,
    ),
    "left anterior fascicular block": proof(has_left_anterior_block, SURAWICZ, unless=UNREADABLE_QRS),
    "left posterior fascicular block": sign(
        has_left_posterior_block,
        SURAWICZ,
        "an upright heart and a thick right ventricle must be excluded by other means",
    ),
    "bifascicular block": proof(
        lambda r: has_right_bundle_branch_block(r) and -90 <= r.axis <= -45, SURAWICZ, unless=UNREADABLE_QRS
    ),
    "wolff-parkinson-white pattern": proof(
        has_pre_excitation,
        SURAWICZ,
        sharper=lambda r: has_pre_excitation(r) and has_sinus_p(r),
        unless=OTHER_BEATS,
    ),
    "intraventricular conduction delay": proof(
        has_delay, SURAWICZ, sharper=lambda r: has_delay(r, above_ms=120), unless=UNREADABLE_QRS | {"hyperkalemia"}
    ),
    "left ventricular hypertrophy": sign(has_voltage, HANCOCK, "voltage alone is no thick wall"),
    "left ventricular hypertrophy by voltage": proof(has_voltage, HANCOCK, unless=UNREADABLE_ST),
    "left ventricular strain": sign(has_left_strain, HANCOCK, "ischaemia and digitalis look the same"),
    "right ventricular hypertrophy": proof(
        has_right_hypertrophy,
        HANCOCK,
        unless=WIDE_QRS
        | {"incomplete right bundle branch block", "left posterior fascicular block", "septal hypertrophy"}
        | {"myocardial infarction"},
    ),
    "right ventricular strain": sign(has_right_strain, HANCOCK, "anterior ischaemia looks the same"),
    "septal hypertrophy": sign(
        lambda r: num(LATERAL, lambda lead: r.q(lead).peak_mv < -0.25 and r.q(lead).ms <= 45) >= 2,
        CHOU,
        "infarcts and tall R waves go with such Q waves",
    ),
    "left atrial enlargement": proof(lambda r: r.p_ms >= 120, HANCOCK),
    "right atrial enlargement": proof(lambda r: r.p("II") > 0.25, HANCOCK),
    "q waves": proof(in_a_wall(q_waves), THYGESEN, unless=UNREADABLE_ST),
    "abnormal qrs": sign(
        lambda r: in_a_wall(q_waves)(r) or has_poor_r(r), THYGESEN, "readers write it where they name no cause"
    ),
    "poor r wave progression": proof(has_poor_r, ZEMA, unless=UNREADABLE_ST),
    "limb low qrs voltage": proof(lambda r: r.span(LIMB) < 0.5, HANCOCK, unless=OTHER_BEATS),
    "precordial low qrs voltage": proof(lambda r: r.span(CHEST) < 1, HANCOCK, unless=OTHER_BEATS),
    "high qrs voltage": proof(lambda r: r.span(LIMB) > 2 or r.span(CHEST) > 4, HANCOCK, unless=UNREADABLE_ST),
    "left axis deviation": proof(lambda r: -90 <= r.axis < -30, SURAWICZ, unless=OTHER_BEATS),
    "right axis deviation": proof(lambda r: 90 < r.axis < 180, SURAWICZ, unless=OTHER_BEATS),
    "dextrocardia": proof(
        lambda r: r.net("I") < 0 and r.height("V6") < r.depth("V6"),
        CHOU,
        sharper=lambda r: r.net("I") < 0 and r.height("V6") < r.depth("V6") and has_sinus_p(r) and r.p("I") < -WAVE_MV,
    ),
    "exchanged arm electrodes": proof(
        lambda r: r.p("I") < 0 or r.net("I") < 0,
        CHOU,
        sharper=lambda r: has_sinus_p(r) and r.p_axis > 102 and r.net("I") < 0 and r.height("V6") > r.depth("V6"),
        unless={"dextrocardia", "atrial tachycardia", "ectopic atrial rhythm"},
    ),
}
NOT_ONLY_INFARCTS = "other diseases give such Q, ST and R waves: tested as q waves, st elevation and r progression"
NOT_ONLY_ISCHEMIA = "other diseases lower ST and T: tested as st depression and t wave inversion"
SITE_CRITERIA = {
    **{f"{site} myocardial infarction": sign(is_infarct_of(site), THYGESEN, NOT_ONLY_INFARCTS) for site in SITES},
    "posterior myocardial infarction": sign(has_posterior_sign, THYGESEN, NOT_ONLY_INFARCTS),
    "acute myocardial infarction": sign(
        any_of(*(at(site, counted) for site in SITES for counted in (st_up, st_down))), THYGESEN, NOT_ONLY_INFARCTS
    ),
    "st elevation myocardial infarction": sign(
        any_of(*(at(site, st_up) for site in SITES)), THYGESEN, NOT_ONLY_INFARCTS
    ),
    "recent myocardial infarction": sign(any_infarct, THYGESEN, NOT_ONLY_INFARCTS),
    "old myocardial infarction": proof(
        any_infarct,
        THYGESEN,
        sharper=in_a_wall(q_waves),
        unless=WIDE_QRS
        | {"myocardial infarction", "hypertrophy", "left anterior fascicular block"}
        | {"incomplete left bundle branch block", "incomplete right bundle branch block", "left axis deviation"},
    ),
    "myocardial ischemia": sign(
        lambda r: st_down(r, ALL_BUT_AVR) >= 2 or t_down(r, ALL_BUT_AVR) >= 2,
        THYGESEN,
        NOT_ONLY_ISCHEMIA,
    ),
    **{
        f"{site} myocardial ischemia": sign(any_of(at(site, st_down), at(site, t_down)), THYGESEN, NOT_ONLY_ISCHEMIA)
        for site in ("anterior", "anteroseptal", "anterolateral", "lateral", "inferior", "inferolateral")
    },
    **{
        f"{site} myocardial injury": sign(
            at(site, lambda r, leads: st_down(r, leads, 0.1)), THYGESEN, NOT_ONLY_ISCHEMIA
        )
        for site in ("anteroseptal", "anterolateral", "lateral", "inferior", "inferolateral")
    },
}
ST_T_CRITERIA = {
    "secondary st-t changes": sign(
        any_of(has_left_strain, has_right_strain), RAUTAHARJU, "only the thick wall makes them secondary"
    ),
    "st changes": sign(
        lambda r: num(ALL_BUT_AVR, lambda lead: -0.15 <= r.st(lead) <= -0.02) >= 2,
        RAUTAHARJU,
        "slight changes have many causes",
    ),
    "st elevation": proof(in_a_wall(st_up), THYGESEN, unless=UNREADABLE_ST | {"early repolarization"}),
    "st depression": proof(in_a_wall(st_down), THYGESEN, unless=UNREADABLE_ST),
    "t wave inversion": proof(
        lambda r: any(t_down(r, wall) >= 2 for wall in (INFERIOR, LATERAL, ("V2", "V3", "V4"))),
        RAUTAHARJU,
        unless=UNREADABLE_ST | {"right bundle branch block"},
    ),
    "low amplitude t waves": proof(
        lambda r: num(("I", "II", "V3", "V4", "V5", "V6"), lambda lead: abs(r.t(lead)) < 0.1) >= 2,
        RAUTAHARJU,
        sharper=has_flat_t,
        unless=UNREADABLE_ST,
    ),
    "nonspecific t wave changes": sign(has_low_t, RAUTAHARJU, "they are those that have no other name"),
    "nondiagnostic t wave abnormality": sign(has_low_t, RAUTAHARJU, "they are those that have no other name"),
    "tall t waves": proof(has_tall_t, CHOU, unless=UNREADABLE_ST),
    "u waves": proof(has_u, RAUTAHARJU, unless=UNREADABLE_ST),
    "hypokalemia": proof(has_u, CHOU, unless=UNREADABLE_ST),
    "prolonged qt interval": proof(
        lambda r: r.qtc_ms > 460,
        RAUTAHARJU,
        sharper=lambda r: r.qtc_linear_ms > 480,
        unless=WIDE_QRS | {"hypocalcemia", "hypokalemia"},
    ),
    "short qt interval": proof(
        lambda r: r.qtc_ms < 350, GOLLOB, unless=OTHER_BEATS | {"hypercalcemia", "digitalis effect"}
    ),
    "hypercalcemia": sign(lambda r: r.qtc_ms < 360, CHOU, "a short QT has other causes: tested as short qt interval"),
    "hypocalcemia": sign(
        lambda r: r.qtc_ms > 460, CHOU, "a long QT has other causes: tested as prolonged qt interval"
    ),
    "early repolarization": sign(has_early_repolarization, MACFARLANE, "infarcts and pericarditis raise J as well"),
    "digitalis effect": sign(
        lambda r: st_down(r, ALL_BUT_SEPTAL, 0.04) >= 2 and r.qtc_ms < 450, CHOU, "ischaemia looks the same"
    ),
    "hyperkalemia": sign(has_hyperkalemia, CHOU, "tall T waves have other causes: tested as tall t waves"),
    "acute pericarditis": proof(
        has_pericarditis,
        IMAZIO,
        sharper=lambda r: has_pericarditis(r, mv=0.1),
        unless=WIDE_QRS | {"myocardial infarction", "early repolarization", "hypertrophy", "tachycardia"},
    ),
    "brugada pattern": proof(
        lambda r: num(("V1", "V2"), lambda lead: r.j(lead) >= 0.2 and r.t_lowest(lead) < 0) >= 1,
        WILDE,
        unless=UNREADABLE_ST,
    ),
}
CRITERIA = {
    "normal ecg": proof(is_normal, f"{SURAWICZ}; {RAUTAHARJU}", sharper=shows_nothing),
    **RHYTHM_CRITERIA,
    **ECTOPY_CRITERIA,
    **QRS_CRITERIA,
    **SITE_CRITERIA,
    **ST_T_CRITERIA,
}
PROVING = [name for name, criterion in CRITERIA.items() if criterion.is_proof is not None]
ALLOWED_IN_NORMAL = {
    *("normal ecg", "sinus rhythm", "sinus bradycardia", "sinus tachycardia", "sinus arrhythmia", "high qrs voltage")
}
# Names for what other conditions have in common.
WITHOUT_CRITERION = {"nondiagnostic st-t changes"}


@dataclass(frozen=True)
class Seen:
    """A record of the natural corpus: its conditions, and the criteria and proofs that its strip meets."""

    conditions: frozenset[str]
    met: frozenset[str]
    proven: frozenset[str]


def see(record):
    reader = StripReader(record)
    met = frozenset(name for name, criterion in CRITERIA.items() if criterion.is_met(reader))
    return Seen(record.conditions, met, frozenset(name for name in PROVING if CRITERIA[name].is_proof(reader)))


@pytest.fixture(scope="module")
def corpus():
    """Records with all their co-morbidity, as they are drawn."""
    return [see(simulate_record(index, seed=SEED, settings=CLEAN)) for index in range(NUM_NATURAL)]


def wanted_records(condition):
    """Records of different patients, asked for with a condition."""
    return (simulate_record(2 * i, seed=SEED, condition=condition, settings=CLEAN) for i in range(NUM_WANTED))


def test_every_condition_has_a_criterion_or_is_a_name_for_others():
    assert set(CONDITIONS) == set(CRITERIA) | WITHOUT_CRITERION


def test_every_criterion_has_a_source_and_proves_its_condition_or_says_why_not():
    assert all(
        criterion.source and bool(criterion.why) == (criterion.is_proof is None) for criterion in CRITERIA.values()
    )


def share_left(reader):
    """How much of the voltage within the QRS complexes remains when the beats are taken away from the strip."""
    starts = [round(time * SAMPLING_RATE) for time in reader.seen[1:-1]]
    left = [np.abs(reader.atrial[:, start : start + reader.qrs.shape[1]]).mean() for start in starts]
    return np.median(left) / np.abs(reader.qrs).mean()


@pytest.mark.parametrize("condition", ["normal ecg", "left bundle branch block", "junctional rhythm"])
def test_the_strip_repeats_the_beat_that_is_read(condition):
    shares = [share_left(StripReader(record)) for record in itertools.islice(wanted_records(condition), 20)]

    assert np.median(shares) < 0.05
    assert max(shares) < 0.3


@pytest.mark.slow
@pytest.mark.parametrize("condition", CRITERIA)
def test_who_has_the_condition_meets_its_criterion(corpus, condition):
    wanted = [CRITERIA[condition].is_met(StripReader(record)) for record in wanted_records(condition)]
    drawn = [condition in seen.met for seen in corpus if condition in seen.conditions]

    assert np.mean(wanted + drawn) >= 0.99


@pytest.mark.slow
@pytest.mark.parametrize("condition", PROVING)
def test_who_does_not_have_it_does_not_meet_it(corpus, condition):
    excluded = CRITERIA[condition].unless | {condition}
    others = [condition in seen.proven for seen in corpus if not seen.conditions & excluded]

    assert len(others) > NUM_NATURAL / 4
    assert np.mean(others) <= 0.01
