"""`python -m datasets_scripts.overlap`: patients and strips on two sides of a split are found, within and between."""

import json

import numpy as np
import pytest
from datasets import Dataset
from helpers.corpus_rows import make_corpus_row

from datasets_scripts.overlap import main
from datasets_scripts.prepare.overlap import find_overlap, hash_strip
from datasets_scripts.schema import corpus_features


ALL_LEADS = [True] * 12


@pytest.fixture
def write_corpus(tmp_path):
    """A function that writes a prepared folder from rows by split: `write_corpus("a", train=[row, ...])`."""

    def write(name, *, corpus=None, **splits):
        folder = tmp_path / name
        folder.mkdir()
        for split, rows in splits.items():
            dataset = Dataset.from_list(rows, features=corpus_features(["normal ecg"]))
            dataset.to_parquet(folder / f"{split}-00000-of-00001.parquet")
        (folder / "build_report.json").write_text(json.dumps({"corpus": corpus or name}))
        return folder

    return write


def make_signal(seed):
    """Noise of 12 leads, in microvolts; another seed gives another strip."""
    return np.random.default_rng(seed).integers(-1000, 1000, (12, 5000), dtype=np.int16)


def make_row(record_id, patient_id=None, *, seed=None, signal=None, lead_mask=ALL_LEADS, num_samples=5000):
    seed = int.from_bytes(record_id.encode(), "big") if seed is None else seed
    signal = make_signal(seed) if signal is None else signal
    columns = {"lead_mask": lead_mask, "num_samples": num_samples, "num_samples_original": num_samples}
    return make_corpus_row(record_id, signal, patient_id=patient_id, **columns)


def summarise(overlap):
    """Each pair as kind, sides, what is shared, and whether it is a leak."""
    return [
        (
            pair["kind"],
            pair["first"]["folder"].rsplit("/", 1)[-1] + " " + pair["first"]["split"],
            pair["second"]["folder"].rsplit("/", 1)[-1] + " " + pair["second"]["split"],
            pair["shared"],
            pair["is_leak"],
        )
        for pair in overlap["pairs"]
    ]


class TestPatients:
    def test_a_patient_in_two_splits_is_a_leak(self, write_corpus):
        folder = write_corpus("a", train=[make_row("1", "p1"), make_row("2", "p2")], test=[make_row("3", "p1")])

        overlap = find_overlap([folder])

        assert summarise(overlap) == [("patient", "a test", "a train", ["p1"], True)]
        assert overlap["num_leaks"] == 1

    def test_a_patient_with_several_records_in_one_split_is_none(self, write_corpus):
        folder = write_corpus("a", train=[make_row("1", "p1"), make_row("2", "p1")], test=[make_row("3", "p3")])

        assert find_overlap([folder])["pairs"] == []

    def test_unknown_patients_are_not_one_patient(self, write_corpus):
        folder = write_corpus("a", train=[make_row("1")], test=[make_row("2")])

        assert find_overlap([folder])["pairs"] == []

    def test_the_same_id_in_another_corpus_is_another_patient(self, write_corpus):
        first = write_corpus("a", train=[make_row("1", "p1")])
        second = write_corpus("b", test=[make_row("2", "p1")])

        assert find_overlap([first, second])["pairs"] == []

    def test_two_folders_of_one_corpus_share_their_patients(self, write_corpus):
        first = write_corpus("a", corpus="ptb_xl", train=[make_row("1", "p1")])
        second = write_corpus("b", corpus="ptb_xl", test=[make_row("2", "p1")])

        assert summarise(find_overlap([first, second])) == [("patient", "a train", "b test", ["p1"], True)]


class TestStrips:
    def test_a_copy_in_another_split_is_a_leak_even_under_another_name(self, write_corpus):
        folder = write_corpus("a", train=[make_row("1", seed=7), make_row("2")], test=[make_row("9", seed=7)])

        assert summarise(find_overlap([folder])) == [("strip", "a test", "a train", [["9", "1"]], True)]

    def test_a_copy_in_another_corpus_is_found(self, write_corpus):
        first = write_corpus("a", train=[make_row("1"), make_row("2", seed=7)])
        second = write_corpus("b", test=[make_row("A2", seed=7), make_row("A3")])

        assert summarise(find_overlap([first, second])) == [("strip", "a train", "b test", [["2", "A2"]], True)]

    def test_copies_on_the_same_side_are_listed_but_no_leak(self, write_corpus):
        first = write_corpus("a", train=[make_row("1", seed=7), make_row("2", seed=7)])
        second = write_corpus("b", train=[make_row("A2", seed=7)])

        overlap = find_overlap([first, second])

        assert summarise(overlap) == [
            ("strip", "a train", "a train", [["1", "2"]], False),
            ("strip", "a train", "b train", [["1", "A2"], ["2", "A2"]], False),
        ]
        assert overlap["num_leaks"] == 0

    def test_strips_without_voltage_are_counted_and_not_compared(self, write_corpus):
        blank = np.zeros((12, 5000), dtype=np.int16)
        folder = write_corpus("a", train=[make_row("1", signal=blank)], test=[make_row("2", signal=blank)])

        overlap = find_overlap([folder])

        assert overlap["pairs"] == []
        assert [side["num_blank"] for side in overlap["sides"]] == [1, 1]

    def test_what_was_compared_is_told(self, write_corpus):
        folder = write_corpus("a", train=[make_row("1", "p1"), make_row("2", "p1")])

        assert find_overlap([folder])["sides"] == [
            {"folder": str(folder), "split": "train", "corpus": "a"}
            | {"num_strips": 2, "num_blank": 0, "num_patients": 1}
        ]


class TestHash:
    def hash_of(self, signal, lead_mask=ALL_LEADS, num_samples=5000):
        return hash_strip(signal, lead_mask=np.array(lead_mask), num_samples=num_samples)

    def test_one_microvolt_makes_another_strip(self):
        changed = make_signal(1)
        changed[11, 4999] += 1

        assert self.hash_of(changed) != self.hash_of(make_signal(1))

    def test_padding_and_leads_that_were_not_recorded_do_not_count(self):
        lead_mask = [True] * 11 + [False]
        other = make_signal(1)
        other[:, 4000:] = 5
        other[11] = 5

        assert self.hash_of(other, lead_mask, 4000) == self.hash_of(make_signal(1), lead_mask, 4000)

    def test_the_same_voltages_in_another_lead_are_another_strip(self):
        signal = np.tile(make_signal(1)[0], (12, 1))

        only_i, only_v1 = ([lead == kept for lead in range(12)] for kept in (0, 6))

        assert self.hash_of(signal, only_i) != self.hash_of(signal, only_v1)

    def test_a_shorter_strip_is_another_one(self):
        assert self.hash_of(make_signal(1), num_samples=4999) != self.hash_of(make_signal(1))


class TestCommand:
    @pytest.fixture
    def leaking(self, write_corpus):
        return write_corpus("leaking", train=[make_row("1", "p1", seed=7)], test=[make_row("9", "p1", seed=7)])

    def test_a_table_is_printed_and_a_file_written(self, leaking, tmp_path, caplog):
        caplog.set_level("INFO")

        main([str(leaking), "--output", str(tmp_path / "overlap.json")])

        assert "LEAK  1 patient" in caplog.text
        assert "9 = 1" in caplog.text
        assert "2 leaks." in caplog.text
        assert json.loads((tmp_path / "overlap.json").read_text()) == find_overlap([leaking])

    def test_leaks_can_stop_a_script(self, leaking, tmp_path):
        with pytest.raises(SystemExit, match="1"):
            main([str(leaking), "--output", str(tmp_path / "overlap.json"), "--fail_on_overlap"])

    def test_without_leaks_a_script_goes_on(self, write_corpus, tmp_path, caplog):
        caplog.set_level("INFO")
        folder = write_corpus("sound", train=[make_row("1", "p1")], test=[make_row("2", "p2")])

        main([str(folder), "--output", str(tmp_path / "overlap.json"), "--fail_on_overlap"])

        assert "No leak." in caplog.text

    def test_a_folder_without_a_corpus_is_refused(self, tmp_path):
        with pytest.raises(ValueError, match=r"holds no prepared corpus\. Pass a folder written by `python -m"):
            find_overlap([tmp_path])

    def test_a_folder_is_not_compared_with_itself(self, leaking):
        with pytest.raises(ValueError, match=r"leaking is listed twice\. Name every folder once"):
            find_overlap([leaking, leaking / ".." / "leaking"])

    def test_help_says_what_cannot_be_found(self, capsys):
        with pytest.raises(SystemExit, match="0"):
            main(["--help"])

        assert "It cannot find a copy that was" in capsys.readouterr().out
