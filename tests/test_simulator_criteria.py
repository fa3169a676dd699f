"""A simulated strip meets the textbook criterion of its condition, measured on the voltages alone.

Every record here is clean and has one condition; what is measured uses the times of the events, not the labels.
"""

import itertools

import numpy as np
import pytest
from scipy.signal import find_peaks

from datasets_scripts.simulator import SimulatorSettings, simulate_record
from datasets_scripts.simulator.atria import draw_fibrillation_waves
from datasets_scripts.simulator.body import DOWER_MATRIX
from modeling_supreme.leads import STANDARD_LEADS


SAMPLING_RATE = 500
RECORD_INDICES = range(6)
CLEAN = SimulatorSettings(noise_scale=0.0, has_comorbidity=False)
ROW = {lead: row for row, lead in enumerate(STANDARD_LEADS)}
INFERIOR = [ROW[lead] for lead in ("II", "III", "aVF")]
ANTERIOR = [ROW[lead] for lead in ("V2", "V3", "V4")]
LATERAL = [ROW[lead] for lead in ("I", "aVL", "V5", "V6")]


def clean_records(condition):
    """Six clean records of different patients with one condition."""
    return [simulate_record(2 * index, seed=11, condition=condition, settings=CLEAN) for index in RECORD_INDICES]


def find_beats(strip, *, share=0.35):
    """QRS complexes, in samples: peaks of the slope summed over the leads, of at least a share of the highest."""
    slope = np.abs(np.diff(strip, axis=1)).sum(axis=0)
    energy = np.convolve(slope, np.ones(40) / 40, "same")
    return find_peaks(energy, height=share * energy.max(), distance=100)[0]


def rate_per_min(record):
    return 60 / (np.diff(find_beats(record.strip)).mean() / SAMPLING_RATE)


def cut_beat(record, *, before_ms=0, until_ms=None):
    """Second conducted beat of a strip from QRS onset to the end of QRS, relative to the level before it."""
    onset = [beat.time for beat in record.rhythm.beats if not beat.is_early and 0.5 < beat.time < 8][1]
    start = round((onset - before_ms / 1000) * SAMPLING_RATE)
    stop = round((onset + (until_ms or record.qrs_duration_ms) / 1000) * SAMPLING_RATE)
    level = record.strip[:, round((onset - 0.016) * SAMPLING_RATE), None]
    return record.strip[:, start:stop] - level


def qrs_width_ms(record):
    """Time for which the slope summed over the leads stays above 12 % of its peak, around the QRS complex."""
    slope = np.abs(np.diff(cut_beat(record, before_ms=30, until_ms=220), axis=1)).sum(axis=0)
    steep = np.flatnonzero(slope > 0.12 * slope.max())
    return (steep[-1] - steep[0] + 1) * 1000 / SAMPLING_RATE


def axis_deg(record):
    """Electrical axis from the areas of leads I and aVF, whose scale differs by 2 / sqrt(3)."""
    area = cut_beat(record).sum(axis=1)
    return np.degrees(np.arctan2(area[ROW["aVF"]] * 2 / np.sqrt(3), area[ROW["I"]]))


def st_level(record):
    """Voltage 60 ms after the end of QRS, in millivolts."""
    return cut_beat(record, until_ms=record.qrs_duration_ms + 62)[:, -1]


def t_extreme(record):
    """The voltage of T that is farthest from zero, in each lead."""
    t_wave = cut_beat(record, until_ms=record.qt_ms)[:, int((record.qrs_duration_ms + 95) / 2) :]
    return t_wave[np.arange(12), np.abs(t_wave).argmax(axis=1)]


def rr_intervals(record, *, share=0.35):
    return np.diff(find_beats(record.strip, share=share)) / SAMPLING_RATE


def pr_intervals(record):
    """From each P wave to the next QRS, in seconds."""
    beats = np.array([beat.time for beat in record.rhythm.beats])
    onsets = [wave.time for wave in record.rhythm.p_waves if 0 < wave.time < 9]
    return np.array([beats[beats > onset].min() - onset for onset in onsets])


@pytest.mark.parametrize(
    ("condition", "low", "high"),
    [
        ("sinus rhythm", 60, 100),
        ("sinus bradycardia", 35, 60),
        ("sinus tachycardia", 100, 155),
        ("supraventricular tachycardia", 140, 220),
        ("complete av block", 25, 55),
        ("atrial flutter", 45, 175),
    ],
)
def test_the_rate_lies_in_the_range_of_the_rhythm(condition, low, high):
    rates = [rate_per_min(record) for record in clean_records(condition)]

    assert low <= min(rates)
    assert max(rates) <= high


def test_sinus_arrhythmia_varies_by_more_than_120_ms():
    assert all(np.ptp(rr_intervals(record)) > 0.12 for record in clean_records("sinus arrhythmia"))


def test_the_beats_of_atrial_fibrillation_are_irregular_and_have_no_p_wave():
    records = clean_records("atrial fibrillation")

    assert all(rr_intervals(record).std() / rr_intervals(record).mean() > 0.06 for record in records)
    assert not any(record.rhythm.p_waves for record in records)


def test_most_of_the_power_of_fibrillation_waves_lies_between_3_and_20_hz():
    waves = draw_fibrillation_waves(np.random.default_rng(0), DOWER_MATRIX, 5000)

    power = (np.abs(np.fft.rfft(waves)) ** 2).sum(axis=0)  # 0.1 Hz per bin

    assert power[30:200].sum() > 0.9 * power.sum()


def test_flutter_waves_conduct_in_whole_ratios():
    for_each = [
        np.diff([beat.time for beat in record.rhythm.beats]) * record.rhythm.flutter_hz
        for record in clean_records("atrial flutter")
    ]

    assert all(np.allclose(ratios, np.rint(ratios)) and ratios.min() > 1.5 for ratios in for_each)


def test_flutter_waves_are_seen_240_to_336_times_per_minute():
    record = simulate_record(0, seed=1, condition="atrial flutter", settings=CLEAN)
    spectrum = np.abs(np.fft.rfft(record.strip[INFERIOR].sum(axis=0)))

    sidebands = spectrum[38:58]  # 0.1 Hz per bin

    assert 3.8 + sidebands.argmax() / 10 == pytest.approx(record.rhythm.flutter_hz, abs=0.15)


def spike_height(record):
    """Largest deflection that is back where it came from after 4 ms, in millivolts."""
    step = np.diff(record.strip, axis=1)
    there, back = step[:, :-2], -step[:, 2:]
    return max(np.minimum(there, back).max(), np.minimum(-there, -back).max())


def test_a_paced_strip_has_spikes_and_others_have_none():
    paced = [spike_height(record) for record in clean_records("paced rhythm")]
    usual = [spike_height(record) for record in clean_records("left bundle branch block")]

    assert min(paced) > 0.3
    assert max(usual) < 0.1


@pytest.mark.parametrize(
    ("condition", "low", "high"),
    [("first degree av block", 0.2, 0.33), ("wolff-parkinson-white pattern", 0.08, 0.12), ("normal ecg", 0.12, 0.2)],
)
def test_the_pr_interval_fits_the_condition(condition, low, high):
    intervals = np.concatenate([pr_intervals(record) for record in clean_records(condition)])

    assert low <= intervals.min()
    assert intervals.max() <= high


def test_second_degree_block_drops_beats():
    records = clean_records("second degree av block")

    assert all(len(record.rhythm.p_waves) > len(record.rhythm.beats) for record in records)


def test_complete_block_has_no_fixed_pr_interval():
    assert all(np.ptp(pr_intervals(record)) > 0.1 for record in clean_records("complete av block"))


@pytest.mark.parametrize(
    "condition",
    ["left bundle branch block", "right bundle branch block", "intraventricular conduction delay"],
)
def test_a_block_widens_the_qrs_complex(condition):
    wide = [qrs_width_ms(record) for record in clean_records(condition)]
    narrow = [qrs_width_ms(record) for record in clean_records("normal ecg")]

    assert np.mean(wide) > np.mean(narrow) + 12


def test_left_bundle_branch_block_is_negative_in_v1_and_positive_without_q_in_v6():
    beats = [cut_beat(record) for record in clean_records("left bundle branch block")]

    assert all(beat[ROW["V1"]].sum() < 0 < beat[ROW["V6"]].sum() for beat in beats)
    assert all(beat[ROW["V6"], :15].min() > -0.1 for beat in beats)


def test_left_bundle_branch_block_has_discordant_t_waves():
    t_waves = [t_extreme(record) for record in clean_records("left bundle branch block")]

    assert all(t_mv[ROW["V1"]] > 0 > t_mv[LATERAL].min() for t_mv in t_waves)


def test_right_bundle_branch_block_ends_with_r_prime_in_v1_and_s_in_the_lateral_leads():
    ends = [cut_beat(record)[:, -24:] for record in clean_records("right bundle branch block")]

    assert all(end[ROW["V1"]].max() > 0.1 for end in ends)
    assert all(end[[ROW["I"], ROW["V6"]]].min() < -0.05 for end in ends)


def test_incomplete_right_bundle_branch_block_has_a_narrow_r_prime_in_v1():
    records = clean_records("incomplete right bundle branch block")

    assert all(cut_beat(record)[ROW["V1"], 33:50].max() > 0.05 for record in records)
    assert all(record.qrs_duration_ms < 120 for record in records)


@pytest.mark.parametrize(
    ("condition", "low", "high"),
    [
        ("left anterior fascicular block", -90, -40),
        ("left posterior fascicular block", 90, 180),
        ("right ventricular hypertrophy", 90, 180),
        ("left axis deviation", -90, -30),
        ("right axis deviation", 90, 180),
        ("normal ecg", -30, 95),
    ],
)
def test_the_axis_lies_in_the_range_of_the_condition(condition, low, high):
    axes = [axis_deg(record) for record in clean_records(condition)]

    assert low <= min(axes)
    assert max(axes) <= high


def test_left_anterior_fascicular_block_is_rs_in_the_inferior_leads():
    beats = [cut_beat(record)[ROW["III"]] for record in clean_records("left anterior fascicular block")]

    assert all(beat[:20].max() > 0.02 and -beat.min() > beat.max() for beat in beats)


def test_left_ventricular_hypertrophy_meets_sokolow_lyon_or_cornell():
    records = clean_records("left ventricular hypertrophy")
    beats = [cut_beat(record) for record in records]

    sokolow_lyon = [beat[LATERAL[2:]].max() - beat[ROW["V1"]].min() for beat in beats]
    cornell = [beat[ROW["aVL"]].max() - beat[ROW["V3"]].min() for beat in beats]
    limits = [2.0 if record.sex == "female" else 2.8 for record in records]

    assert all(s >= 3.4 or c >= 0.97 * limit for s, c, limit in zip(sokolow_lyon, cornell, limits, strict=True))


def test_right_ventricular_hypertrophy_has_a_tall_r_in_v1_and_a_deep_s_in_v6():
    beats = [cut_beat(record) for record in clean_records("right ventricular hypertrophy")]

    assert all(beat[ROW["V1"]].max() > -beat[ROW["V1"]].min() for beat in beats)
    assert all(beat[ROW["V6"]].min() < -0.2 for beat in beats)


def test_the_p_wave_of_right_atrial_enlargement_is_high_in_the_inferior_leads():
    records = clean_records("right atrial enlargement")
    onsets = [round(record.rhythm.p_waves[3][0] * SAMPLING_RATE) for record in records]
    heights = [
        np.ptp(record.strip[INFERIOR, onset : onset + 45], axis=1).max()
        for record, onset in zip(records, onsets, strict=True)
    ]

    assert min(heights) > 0.2


def test_low_voltage_stays_under_half_a_millivolt_in_the_limb_leads():
    beats = [cut_beat(record) for record in clean_records("limb low qrs voltage")]

    assert all(np.ptp(beat[:6], axis=1).max() < 0.5 for beat in beats)


@pytest.mark.parametrize(
    ("condition", "rows"),
    [("inferior myocardial infarction", INFERIOR), ("anteroseptal myocardial infarction", [6, 7, 8])],
)
def test_an_infarct_starts_with_a_negative_deflection_or_has_lost_its_r_wave(condition, rows):
    beats = [cut_beat(record)[rows] for record in clean_records(condition)]

    start = [np.sort(beat[:, :22].min(axis=1))[1] for beat in beats]

    assert np.median(start) < -0.1


def test_st_elevation_is_a_millimetre_in_two_leads():
    levels = [st_level(record) for record in clean_records("st elevation")]

    assert all((np.sort(level)[-2:] > 0.08).all() for level in levels)


def test_st_depression_is_half_a_millimetre_in_two_leads():
    levels = [st_level(record) for record in clean_records("st depression")]

    assert all((np.sort(level)[:2] < -0.04).all() for level in levels)


def test_t_wave_inversion_is_a_millimetre_in_two_leads_beside_avr():
    lowest = [
        cut_beat(record, until_ms=record.qt_ms)[:, int(record.qrs_duration_ms / 2) + 20 :].min(axis=1)
        for record in clean_records("t wave inversion")
    ]

    assert all((np.sort(np.delete(t_mv, ROW["aVR"]))[:2] < -0.08).all() for t_mv in lowest)


@pytest.mark.parametrize(
    ("condition", "rows"),
    [("inferior myocardial ischemia", INFERIOR), ("lateral myocardial ischemia", LATERAL)],
)
def test_ischemia_lowers_st_or_t_over_its_wall(condition, rows):
    ischemic = [(st_level(record) + t_extreme(record))[rows].mean() for record in clean_records(condition)]
    normal = [(st_level(record) + t_extreme(record))[rows].mean() for record in clean_records("normal ecg")]

    assert np.mean(ischemic) < np.mean(normal) - 0.1


def test_early_repolarization_raises_the_j_point_over_the_chest():
    levels = [st_level(record)[ANTERIOR].max() for record in clean_records("early repolarization")]

    assert np.mean(levels) > 0.1


def test_the_corrected_qt_interval_is_long_only_where_it_should_be():
    long = [record.qt_ms / np.sqrt(rr_intervals(record).mean()) for record in clean_records("prolonged qt interval")]
    normal = [record.qt_ms / np.sqrt(rr_intervals(record).mean()) for record in clean_records("normal ecg")]

    assert min(long) > 475
    assert max(normal) < 475


def test_t_ends_where_the_record_says():
    record = simulate_record(0, seed=11, condition="prolonged qt interval", settings=CLEAN)
    after_t = cut_beat(record, until_ms=record.qt_ms + 30)

    assert np.abs(after_t[:, -3:]).max() < 0.2 * np.abs(t_extreme(record)).max()


@pytest.mark.parametrize("condition", ["premature ventricular contraction", "premature atrial contraction"])
def test_a_premature_beat_shortens_one_interval(condition):
    intervals = [rr_intervals(record, share=0.2) for record in clean_records(condition)]

    assert all(seconds.min() < 0.88 * seconds.max() for seconds in intervals)


def test_the_t_waves_of_a_normal_ecg_point_up_in_i_and_v4_to_v6():
    t_waves = [t_extreme(record) for record in clean_records("normal ecg")]

    assert all(t_mv[[ROW["I"], ROW["V4"], ROW["V5"], ROW["V6"]]].min() > 0 for t_mv in t_waves)


def test_the_pause_after_a_ventricular_premature_beat_compensates():
    for_each = [record.rhythm.seen_beats for record in clean_records("premature ventricular contraction")]
    sinus = [60 / record.measurements["atrial_rate_per_min"] for record in clean_records("sinus rhythm")]
    spans = [
        later.time - earlier.time
        for beats in for_each
        for earlier, early, later in zip(beats, beats[1:], beats[2:], strict=False)
        if early.is_early and not earlier.is_early and not later.is_early
    ]

    assert min(spans) > 1.8 * min(sinus)


def test_every_second_beat_of_ventricular_bigeminy_is_early_and_wide():
    patterns = [[beat.is_early for beat in r.rhythm.seen_beats] for r in clean_records("ventricular bigeminy")]

    assert all(first != second for pattern in patterns for first, second in itertools.pairwise(pattern))


def test_the_pr_interval_grows_until_a_beat_is_dropped_in_mobitz_i():
    records = clean_records("mobitz type i second degree av block")
    grows = [
        second.time - second.p_time > first.time - first.p_time
        for record in records
        for first, second in itertools.pairwise(record.rhythm.seen_beats)
        if second.p_time - first.p_time < 1.2
    ]

    assert np.mean(grows) > 0.95


@pytest.mark.parametrize("condition", ["exchanged arm electrodes", "dextrocardia"])
def test_a_mirrored_heart_or_exchanged_arms_turn_lead_i_over(condition):
    beats = [cut_beat(record) for record in clean_records(condition)]

    assert np.mean([beat[ROW["I"]].sum() < 0 for beat in beats]) > 0.8


def test_only_a_mirrored_heart_turns_the_lateral_chest_leads_over():
    exchanged = [cut_beat(record)[ROW["V6"]].sum() for record in clean_records("exchanged arm electrodes")]
    mirrored = [cut_beat(record)[ROW["V6"]].sum() for record in clean_records("dextrocardia")]

    assert np.median(exchanged) > 0 > np.median(mirrored)


@pytest.mark.parametrize(
    ("condition", "low", "high"),
    [
        ("ventricular tachycardia", 120, 220),
        ("accelerated idioventricular rhythm", 50, 100),
        ("junctional rhythm", 38, 92),
        ("atrial tachycardia", 110, 195),
    ],
)
def test_other_rhythms_keep_their_rates(condition, low, high):
    rates = [record.measurements["rate_per_min"] for record in clean_records(condition)]

    assert low <= min(rates)
    assert max(rates) <= high
