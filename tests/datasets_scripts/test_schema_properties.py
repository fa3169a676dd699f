"""`signal_windows` for any rate, length and set of leads: nothing is invented, lost or moved."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from datasets_scripts.schema import MIN_REMAINDER_S, NUM_SAMPLES, signal_windows
from modeling_supreme.leads import STANDARD_LEADS
from modeling_supreme.recordings import EcgRecording


RATES = st.sampled_from([100, 128, 250, 257, 360, 400, 500, 1000])
LEADS = st.lists(st.sampled_from(STANDARD_LEADS), min_size=1, max_size=12, unique=True)
WINDOWS = st.sampled_from(["first", "center", "all"])


def make_recording(leads, sampling_rate, num_samples):
    """A slow wave whose amplitude tells the lead, so that every rate shows the same voltages."""
    wave = np.sin(2 * np.pi * np.arange(num_samples) / sampling_rate)
    amplitudes = [100 * (1 + STANDARD_LEADS.index(lead)) for lead in leads]
    microvolts = np.rint(np.outer(amplitudes, wave)).astype(np.int16)
    return EcgRecording(microvolts=microvolts, leads=leads, sampling_rate=sampling_rate)


@given(leads=LEADS, sampling_rate=RATES, num_samples=st.integers(1, 12000), window=WINDOWS)
def test_a_lead_is_recorded_or_masked_and_zero(leads, sampling_rate, num_samples, window):
    rows = signal_windows(make_recording(leads, sampling_rate, num_samples), record_id="1", window=window)

    assert all(row["lead_mask"].tolist() == [lead in leads for lead in STANDARD_LEADS] for row in rows)
    assert not any(row["signal"][~row["lead_mask"]].any() for row in rows)
    assert not any(row["signal"][:, row["num_samples"] :].any() for row in rows)


@given(leads=LEADS, num_samples=st.integers(1, 30000))
def test_all_windows_together_are_the_recording_but_for_a_short_end(leads, num_samples):
    recording = make_recording(leads, 500, num_samples)

    rows = signal_windows(recording, record_id="1", window="all")

    present = [STANDARD_LEADS.index(lead) for lead in leads]
    joined = np.concatenate([row["signal"][present, : row["num_samples"]] for row in rows], axis=1)
    np.testing.assert_array_equal(joined, recording.microvolts[:, : joined.shape[1]])
    assert num_samples - joined.shape[1] < MIN_REMAINDER_S * 500


@given(sampling_rate=RATES, seconds=st.integers(1, 30), window=WINDOWS)
def test_the_duration_does_not_depend_on_the_rate(sampling_rate, seconds, window):
    (*_, last) = rows = signal_windows(
        make_recording(["I"], sampling_rate, seconds * sampling_rate), record_id="1", window=window
    )

    assert all(row["num_samples"] == NUM_SAMPLES for row in rows[:-1])
    assert last["num_samples"] == min(NUM_SAMPLES, seconds * 500) or window == "all"
    assert {row["num_samples_original"] for row in rows} == {seconds * sampling_rate}


@given(sampling_rate=st.sampled_from([100, 250, 257, 400, 1000]))
def test_a_slow_wave_keeps_its_voltages_at_every_rate(sampling_rate):
    (row,) = signal_windows(make_recording(STANDARD_LEADS, sampling_rate, 5 * sampling_rate), record_id="1")

    middle = slice(500, 2000)  # the filter has no samples before the start and after the end
    expected = make_recording(STANDARD_LEADS, 500, 2500).microvolts[:, middle]
    assert np.abs(row["signal"][:, middle] - expected).max() <= 6  # of 1200 µV, 0.5 %
