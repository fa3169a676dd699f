"""What the strips of some conditions show beside the criteria that `test_textbook_criteria.py` reads of all of them.

Every record here is clean and has one condition; what is measured uses the times of the events, not the labels.
"""

import numpy as np
import pytest

from datasets_scripts.simulator import SimulatorSettings, simulate_record
from modeling_supreme.leads import STANDARD_LEADS


SAMPLING_RATE = 500
RECORD_INDICES = range(6)
CLEAN = SimulatorSettings(noise_scale=0.0, has_comorbidity=False)
ROW = {lead: row for row, lead in enumerate(STANDARD_LEADS)}
INFERIOR = [ROW[lead] for lead in ("II", "III", "aVF")]
LATERAL = [ROW[lead] for lead in ("I", "aVL", "V5", "V6")]


def clean_records(condition):
    """Six clean records of different patients with one condition."""
    return [simulate_record(2 * index, seed=11, condition=condition, settings=CLEAN) for index in RECORD_INDICES]


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


def t_extreme(record):
    """The voltage of T that is farthest from zero, in each lead."""
    t_wave = cut_beat(record, until_ms=record.qt_ms)[:, int((record.qrs_duration_ms + 95) / 2) :]
    return t_wave[np.arange(12), np.abs(t_wave).argmax(axis=1)]


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


@pytest.mark.parametrize(
    "condition",
    ["left bundle branch block", "right bundle branch block", "intraventricular conduction delay"],
)
def test_a_block_widens_the_qrs_complex(condition):
    wide = [qrs_width_ms(record) for record in clean_records(condition)]
    narrow = [qrs_width_ms(record) for record in clean_records("normal ecg")]

    assert np.mean(wide) > np.mean(narrow) + 12


def test_left_bundle_branch_block_has_discordant_t_waves():
    t_waves = [t_extreme(record) for record in clean_records("left bundle branch block")]

    assert all(t_mv[ROW["V1"]] > 0 > t_mv[LATERAL].min() for t_mv in t_waves)


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
