"""Stretches of recordings: read alone where the kind allows that, and the same in every kind."""

import h5py
import numpy as np
import pandas as pd
import pytest
import torch
from helpers.strips import HOLTER_LEADS, make_long_strip, write_holter

from modeling_supreme.long_recordings import sources
from modeling_supreme.long_recordings.sources import open_recording
from modeling_supreme.recordings import EcgRecording, NothingRecordedError


RATE = 100
STRIP = np.round(make_long_strip(40), 3)
OPTIONS = {"sampling_rate": RATE, "leads": HOLTER_LEADS}


def write_kinds(folder):
    """The same 40 s as everything that holds a recording."""
    folder.mkdir()
    np.save(folder / "rec.npy", STRIP)
    table = pd.DataFrame(STRIP.T, columns=list(HOLTER_LEADS))
    table.to_csv(folder / "rec.csv", index=False)
    with h5py.File(folder / "rec.h5", "w") as file:
        file["ecg"] = STRIP
    return {
        "WFDB": write_holter(folder, STRIP),
        "npy": folder / "rec.npy",
        "csv": str(folder / "rec.csv"),
        "HDF5": folder / "rec.h5",
        "array": STRIP,
        "memory map": np.load(folder / "rec.npy", mmap_mode="r"),
        "tensor": torch.tensor(STRIP),
        "nested lists": STRIP.tolist(),
        "table": table,
        "dictionary": {"array": STRIP, "sampling_rate": RATE, "leads": HOLTER_LEADS},
        "recording": EcgRecording(sampling_rate=RATE, leads=HOLTER_LEADS, strip_mv=STRIP),
        "microvolts": EcgRecording(
            sampling_rate=RATE, leads=HOLTER_LEADS, microvolts=np.rint(STRIP * 1000).astype(np.int16)
        ),
    }


KINDS = ("WFDB", "npy", "csv", "HDF5", "array", "memory map", "tensor", "nested lists", "table", "dictionary")
KINDS += ("recording", "microvolts")


@pytest.fixture(scope="module")
def kinds(tmp_path_factory):
    return write_kinds(tmp_path_factory.mktemp("kinds") / "kinds")


@pytest.mark.parametrize("kind", KINDS)
def test_a_stretch_is_the_same_in_every_kind(kinds, kind):
    recording = open_recording(kinds[kind], **OPTIONS)

    part = recording.read(1203, 2203)

    assert (recording.num_samples, recording.sampling_rate, recording.seconds) == (4000, RATE, 40.0)
    assert part.leads == HOLTER_LEADS
    np.testing.assert_allclose(part.strip_mv, STRIP[:, 1203:2203], atol=1e-6)


def test_of_a_single_lead_an_array_has_one_dimension():
    recording = open_recording(STRIP[0], sampling_rate=RATE, leads=["II"])

    np.testing.assert_allclose(recording.read(100, 300).strip_mv, STRIP[:1, 100:300], atol=1e-6)


@pytest.mark.parametrize("kind", ["WFDB", "npy", "HDF5"])
def test_of_a_file_no_more_is_read_than_was_asked_for(kinds, kind, monkeypatch):
    read, asked = sources.read_ecg, []

    def spy(path, **options):
        asked.append(options["max_seconds"])
        return read(path, **options)

    monkeypatch.setattr(sources, "read_ecg", spy)
    recording = open_recording(kinds[kind], **OPTIONS)
    parts = [recording.read(first, first + 1000).num_samples for first in (0, 1000, 2000, 3000)]

    assert parts == [1000] * 4
    assert max(asked) == 10.0


def test_a_table_is_read_once_and_kept_as_32_bit_floats(kinds, monkeypatch):
    read, paths = sources.load_recording, []

    def spy(recording, **options):
        paths.append(recording)
        return read(recording, **options)

    monkeypatch.setattr(sources, "load_recording", spy)
    recording = open_recording(kinds["csv"], **OPTIONS)
    parts = [recording.read(first, first + 1000) for first in (0, 1000, 2000, 3000)]

    assert paths == [kinds["csv"]]
    assert {part.account.source for part in parts} == {kinds["csv"]}


def test_of_an_array_only_stretches_are_taken():
    class Spied(np.ndarray):
        asked = []

        def __getitem__(self, key):
            if isinstance(key, tuple) and key[0] is Ellipsis:
                self.asked.append((key[1].start, key[1].stop))
            return super().__getitem__(key)

    open_recording(STRIP.view(Spied), **OPTIONS).read(500, 1500)

    assert Spied.asked == [(500, 1500)]


class TestLateBeginnings:
    """Electrodes that were put on after the recorder was started."""

    strip = np.concatenate([np.full((3, 3000), np.nan, np.float32), STRIP], axis=1)

    @pytest.mark.parametrize("kind", ["WFDB", "csv", "array"])
    def test_time_counts_from_the_beginning_of_the_file(self, tmp_path, kind):
        pd.DataFrame(self.strip.T, columns=list(HOLTER_LEADS)).to_csv(tmp_path / "rec.csv", index=False, na_rep="nan")
        given = {"WFDB": write_holter(tmp_path, self.strip), "csv": tmp_path / "rec.csv", "array": self.strip}[kind]
        recording = open_recording(given, **OPTIONS)

        part = recording.read(3500, 4500)

        assert recording.seconds == 70.0
        np.testing.assert_allclose(part.strip_mv, STRIP[:, 500:1500], atol=1e-6)

    @pytest.mark.parametrize("kind", ["WFDB", "csv", "array"])
    def test_before_there_is_nothing(self, tmp_path, kind):
        pd.DataFrame(self.strip.T, columns=list(HOLTER_LEADS)).to_csv(tmp_path / "rec.csv", index=False, na_rep="nan")
        given = {"WFDB": write_holter(tmp_path, self.strip), "csv": tmp_path / "rec.csv", "array": self.strip}[kind]

        with pytest.raises(NothingRecordedError, match=r"holds no (recorded )?sample"):
            open_recording(given, **OPTIONS).read(1000, 2000)


class TestRefusals:
    def test_an_array_without_a_rate(self):
        with pytest.raises(ValueError, match=r"without `sampling_rate` or `leads`\. Pass both"):
            open_recording(STRIP)

    def test_a_path_without_a_file(self, tmp_path):
        with pytest.raises(FileNotFoundError, match="missing"):
            open_recording(tmp_path / "missing")

    def test_a_recording_of_no_known_kind(self):
        with pytest.raises(TypeError, match="given as int"):
            open_recording(5)

    def test_a_table_turned_on_its_side(self):
        recording = open_recording(STRIP.T, **OPTIONS)

        with pytest.raises(ValueError, match=r"It looks transposed: pass `strip\.T`"):
            recording.read(0, recording.num_samples)
