"""One recording in either unit, and the recorded part of a row of a corpus."""

import numpy as np
import pytest

from datasets_scripts import load_corpus
from modeling_supreme.recordings import EcgRecording, recording_from_row


def test_integers_in_microvolts_arrive_unchanged():
    microvolts = np.arange(-32768, 32768, dtype=np.int16)[None]

    recording = EcgRecording(microvolts=microvolts, leads=["II"], sampling_rate=500)

    assert recording.microvolts is microvolts
    np.testing.assert_allclose(recording.strip_mv, microvolts / 1000, rtol=1e-6)


def test_floats_in_millivolts_arrive_unchanged():
    strip_mv = np.array([[0.123456789, -1.0, 40.0]])

    recording = EcgRecording(strip_mv=strip_mv, leads=["II"], sampling_rate=500)

    assert recording.strip_mv is strip_mv
    assert recording.microvolts.tolist() == [[123, -1000, 32767]]


@pytest.mark.parametrize("voltages", [{}, {"strip_mv": np.zeros((1, 2)), "microvolts": np.zeros((1, 2), np.int16)}])
def test_a_recording_has_voltages_in_one_unit(voltages):
    with pytest.raises(TypeError, match=r"in one unit\. Pass either `strip_mv` or `microvolts`"):
        EcgRecording(leads=["II"], sampling_rate=500, **voltages)


@pytest.fixture
def row():
    """Lead n holds n µV; III and V6 were not recorded, and the strip lasts 3000 samples."""
    lead_mask = [True] * 12
    lead_mask[2] = lead_mask[11] = False
    return {
        "signal": np.arange(12, dtype=np.int16)[:, None] * np.ones(5000, dtype=np.int16),
        "lead_mask": lead_mask,
        "num_samples": 3000,
    }


def test_a_row_gives_its_recorded_leads_without_padding(row):
    recording = recording_from_row(row)

    assert recording.leads == ("I", "II", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5")
    assert (recording.strip_mv.shape, recording.sampling_rate) == ((10, 3000), 500)


def test_microvolts_of_a_row_become_millivolts(row):
    recording = recording_from_row(row)

    np.testing.assert_allclose(recording.strip_mv[:, 0], np.array([0, 1, 3, 4, 5, 6, 7, 8, 9, 10]) / 1000, rtol=1e-6)


@pytest.mark.parametrize(
    "change",
    [
        {"lead_mask": [True] * 11},
        {"signal": np.zeros((5000, 12), np.int16)},
        {"signal": np.zeros((12, 2000), np.int16)},
        {"num_samples": -1},
        {"num_samples": 0},
    ],
)
def test_a_row_whose_parts_do_not_fit_is_refused_by_its_record(row, change):
    with pytest.raises(
        ValueError, match=r"Record r1: `signal` has shape .*`num_samples` is -?\d+\. A row has 12 leads"
    ):
        recording_from_row({**row, "record_id": "r1", **change})


@pytest.mark.parametrize("data_format", [None, "numpy", "torch"])
def test_rows_of_a_corpus_are_read_in_every_format(ptb_xl_dir, data_format):
    corpus = load_corpus("ptb_xl", "superclass", data_dir=ptb_xl_dir)["test"]
    microvolts = corpus.with_format("numpy")[0]["signal"]

    recording = recording_from_row(corpus.with_format(data_format)[0])

    np.testing.assert_allclose(recording.strip_mv, microvolts / 1000, rtol=1e-6)
