"""Challenge 2021: any folder of the Challenge, SNOMED CT codes as labels, exact signals, wrong gains put right."""

import numpy as np
import pytest
import scipy.io
from helpers.corpus_rows import signals
from helpers.records.challenge_records import edit_header, write_challenge_record
from helpers.records.ptb_xl_records import make_microvolts

from datasets_scripts import load_corpus
from datasets_scripts.challenge2021 import (
    EQUIVALENT_CODES,
    LABEL_NAMES,
    SCORED_CODES,
    UNSCORED_CODES,
    Challenge2021,
    gain_corrections,
    labels_of,
)
from datasets_scripts.terminology.findings import load_terminology


RECORDS = {
    "E00001": {"codes": "426783006,59118001", "dialect": "ecg-arrhythmia"},
    "E00002": {"codes": "164873001", "dialect": "challenge", "age": "NaN", "sex": "Female"},
    "E00003": {"codes": "17338001,999999999", "dialect": "challenge", "sex": "Unknown"},
}


@pytest.fixture
def folder(tmp_path):
    """Three records in a folder whose name holds blanks and umlauts."""
    folder = tmp_path / "Georgia, größter Satz"
    for position, (name, comments) in enumerate(RECORDS.items()):
        write_challenge_record(folder / "g1" / name, make_microvolts(position).T, **comments)
    return folder


def load(folder, config_name=None, **options):
    """All rows by record, whatever their split."""
    corpus = load_corpus("challenge2021", config_name, data_dir=folder, **options)
    return {row["record_id"]: row for rows in corpus.values() for row in rows}


def label_names(row, config_name="scored"):
    return [LABEL_NAMES[config_name][label] for label in row["labels"]]


class TestLabels:
    def test_26_diagnoses_are_scored_and_129_known(self):
        assert len(set(LABEL_NAMES["scored"])) == 26
        assert len(set(LABEL_NAMES["all"])) == len(LABEL_NAMES["all"]) == 129
        assert list(Challenge2021.builder_configs) == ["scored", "all"]

    # The four pairs of the Challenge's own table.
    @pytest.mark.parametrize(
        ("code", "counts_as"),
        [
            ("59118001", "713427006"),
            ("164909002", "733534002"),
            ("63593006", "284470004"),
            ("17338001", "427172004"),
        ],
    )
    def test_two_codes_of_one_diagnosis_are_one_label(self, code, counts_as):
        assert labels_of([code], "scored") == labels_of([code, counts_as], "all") == [counts_as]

    def test_codes_that_are_not_scored_are_labels_of_all(self):
        assert labels_of(["164873001", "426783006"], "scored") == ["426783006"]
        assert labels_of(["164873001", "426783006"], "all") == ["426783006", "164873001"]

    def test_every_label_asks_for_a_finding(self):
        terminology = load_terminology()

        assert [name for name in LABEL_NAMES["all"] if not terminology.find_label(name).name] == []

    def test_equivalent_codes_ask_for_the_same_finding(self):
        terminology = load_terminology()

        assert {
            code
            for code, other in EQUIVALENT_CODES.items()
            if terminology.find_label(code).name != terminology.find_label(other).name
        } == set()

    @pytest.mark.parametrize(
        ("code", "finding"),
        [
            ("713427006", "right bundle branch block"),
            ("733534002", "left bundle branch block"),
            ("164890007", "atrial flutter"),
            ("164884008", "premature ventricular contraction"),
            ("426783006", "sinus rhythm"),
            ("75532003", "ventricular escape"),
            ("10370003", "paced rhythm"),
            ("251166008", "av nodal reentrant tachycardia"),
        ],
    )
    def test_codes_ask_for_the_right_finding(self, code, finding):
        assert load_terminology().find_label(code, config_name="all").name == finding

    def test_abbreviations_of_scored_codes_ask_for_the_finding_of_the_code(self):
        terminology = load_terminology()

        assert {
            abbreviation
            for code, abbreviation in SCORED_CODES.items()
            if terminology.find_label(abbreviation).name != terminology.find_label(code).name
        } == set()

    def test_scored_and_other_codes_do_not_overlap(self):
        assert set(SCORED_CODES) & set(UNSCORED_CODES) == set()
        assert set(EQUIVALENT_CODES) & set(LABEL_NAMES["all"]) == set()


class TestRows:
    def test_signals_are_the_stored_integers(self, folder):
        rows = load(folder)

        np.testing.assert_array_equal(rows["E00001"]["signal"], make_microvolts(0).T)
        np.testing.assert_array_equal(rows["E00003"]["signal"], make_microvolts(2).T)

    def test_labels_and_all_codes_of_a_record_are_kept(self, folder):
        row = load(folder)["E00003"]

        assert label_names(row) == ["427172004"]
        assert row["snomed_ct_codes"] == ["17338001", "999999999"]

    def test_a_record_without_a_scored_code_is_kept_without_labels(self, folder):
        row = load(folder)["E00002"]

        assert (row["labels"], row["label_mask"]) == ([], [True] * 26)

    @pytest.mark.parametrize(
        ("name", "age", "sex"),
        [("E00001", 85.0, "male"), ("E00002", None, "female"), ("E00003", 85.0, None)],
    )
    def test_age_and_sex_follow_the_header(self, folder, name, age, sex):
        row = load(folder)[name]

        assert (row["age"], row["sex"], row["patient_id"], row["report"]) == (age, sex, None, None)

    def test_the_place_of_the_record_is_kept(self, folder):
        assert load(folder)["E00001"]["filename"] == "g1/E00001"

    def test_other_rates_are_resampled_and_other_channels_left_out(self, tmp_path):
        leads = ("vx", "i", "ii", "iii", "avr", "avl", "avf", "v1", "v2", "v3", "v4", "v5", "v6")
        seconds = np.arange(38400) / 1000
        sine = np.rint(500 * np.sin(2 * np.pi * seconds)).astype(np.int16)
        write_challenge_record(tmp_path / "S0001", np.tile(sine, (13, 1)), leads=leads, sampling_rate=1000)

        row = load(tmp_path)["S0001"]

        assert (row["sampling_rate_original"], row["num_samples_original"], row["num_samples"]) == (1000, 38400, 5000)
        np.testing.assert_allclose(np.array(row["signal"])[:, 100:4900], np.tile(sine[200:9800:2], (12, 1)), atol=2)

    def test_records_of_half_an_hour_at_257_hz_become_windows(self, tmp_path):
        write_challenge_record(tmp_path / "I0001", np.tile(np.arange(257 * 25) % 100, (12, 1)), sampling_rate=257)

        corpus = load_corpus("challenge2021", data_dir=tmp_path, window="all")

        rows = [row for rows in corpus.values() for row in rows]
        assert [(row["window_start_s"], row["num_samples"]) for row in rows] == [(0, 5000), (10, 5000), (20, 2500)]


class TestGains:
    @pytest.mark.parametrize(
        ("name", "gain"), [("E00001", "4880/mV"), ("HR00001", "200/mv"), ("S0001", "2000000(0)/mV")]
    )
    def test_gains_of_early_headers_are_put_right(self, tmp_path, name, gain):
        write_challenge_record(tmp_path / name, make_microvolts(1).T)
        edit_header(tmp_path / name, "1000/mV", gain)

        np.testing.assert_array_equal(load(tmp_path)[name]["signal"], make_microvolts(1).T)

    def test_the_same_gain_in_another_corpus_is_believed(self, tmp_path):
        write_challenge_record(tmp_path / "JS00001", make_microvolts(1).T)
        edit_header(tmp_path / "JS00001", "1000/mV", "200/mV")

        np.testing.assert_array_equal(load(tmp_path)["JS00001"]["signal"], 5 * make_microvolts(1).T)

    def test_an_impossible_gain_in_another_corpus_is_refused(self, tmp_path):
        write_challenge_record(tmp_path / "A0001", make_microvolts(1).T)
        edit_header(tmp_path / "A0001", "1000/mV", "2000000/mV")

        with pytest.raises(ValueError, match=r"A0001.* states a gain of 2000000/mV.*Correct the gain"):
            load(tmp_path)

    @pytest.mark.parametrize("name", ["E1", "E000011", "HR001", "S00001", "e00001", "XE00001"])
    def test_only_names_of_these_corpora_have_known_wrong_gains(self, name):
        assert gain_corrections(name) == {}


class TestSplits:
    def test_the_split_follows_from_the_name_of_the_record(self, tmp_path):
        for name in ("JS20000", "JS20001", "JS20002"):  # validation, train, test
            write_challenge_record(tmp_path / name, make_microvolts(1).T)

        corpus = load_corpus("challenge2021", data_dir=tmp_path)

        assert {split: rows["record_id"][:] for split, rows in corpus.items()} == {
            "train": ["JS20001"],
            "validation": ["JS20000"],
            "test": ["JS20002"],
        }


def truncate(path):
    signals = path.with_suffix(".mat")
    signals.write_bytes(signals.read_bytes()[:-1000])


def empty_signals(path):
    path.with_suffix(".mat").write_bytes(b"")


def empty_header(path):
    path.with_suffix(".hea").write_bytes(b"")


def remove_signals(path):
    path.with_suffix(".mat").unlink()


def edit(old, new):
    return lambda path: edit_header(path, old, new)


BROKEN = {
    "short .mat": (truncate, r"E00002\.hea: the record cannot be read"),
    "0-byte .mat": (empty_signals, r"E00002\.hea: the record cannot be read"),
    "0-byte .hea": (empty_header, r"E00002\.hea: the record cannot be read"),
    "no .mat": (remove_signals, r"E00002\.mat does not exist\. Complete the download"),
    "another file named": (edit("E00002.mat", "E00009.mat"), r"E00009\.mat does not exist\. Complete the download"),
    "lead missing": (edit("E00002.mat 16+24 1000/mV 16 0 0 0 0 V6\n", ""), r"E00002\.hea: the record cannot be read"),
    "no Dx": (edit("# Dx:", "# Diagnosis:"), r"E00002\.hea has no line `#Dx:`"),
    "unknown code": (edit("164873001", "LVH"), r"lists the diagnosis 'LVH', which is no SNOMED CT code\. Correct"),
    "other unit": (edit("/mV", "/mmHg"), r"no lead that can be used \(I: in mmHg, no voltage.*Correct it"),
}


class TestBrokenRecords:
    @pytest.mark.parametrize(("spoil", "message"), BROKEN.values(), ids=BROKEN)
    def test_a_broken_record_is_named_with_reason_and_remedy(self, folder, spoil, message):
        spoil(folder / "g1" / "E00002")

        with pytest.raises(ValueError, match=rf'E00002 of challenge2021 cannot be read.*{message}.*on_error="skip"'):
            load(folder)

    @pytest.mark.parametrize("spoil", [spoil for spoil, _ in BROKEN.values()], ids=BROKEN)
    def test_a_broken_record_can_be_left_out(self, folder, spoil):
        spoil(folder / "g1" / "E00002")

        assert set(load(folder, on_error="skip")) == {"E00001", "E00003"}

    def test_a_header_in_latin_1_is_read(self, folder):
        header = folder / "g1" / "E00002.hea"
        header.write_bytes(header.read_bytes() + "# Hx: naïf\n".encode("latin-1"))

        assert load(folder)["E00002"]["sex"] == "female"

    def test_a_record_found_twice_is_refused(self, folder):
        write_challenge_record(folder / "g2" / "E00001", make_microvolts(1).T)

        with pytest.raises(
            ValueError, match=r"E00001 is listed twice: .*g1/E00001\.mat and .*g2/E00001\.mat\. Remove"
        ):
            load(folder)

    def test_a_listed_record_that_is_absent_is_named(self, folder):
        (folder / "g1" / "RECORDS").write_text("E00001\nE00009\n")

        with pytest.raises(ValueError, match=r"E00009 of challenge2021 cannot be read.*E00009\.hea does not exist"):
            load(folder)

    def test_listed_folders_that_are_absent_can_be_left_out(self, folder):
        (folder / "RECORDS").write_text("g1/\ng2/\n")

        assert set(load(folder, on_error="skip")) == set(RECORDS)

    def test_a_folder_without_headers_is_refused(self, tmp_path):
        with pytest.raises(FileNotFoundError, match=r"holds no WFDB headers.*--data_dir.*complete the download"):
            load(tmp_path)

    def test_a_missing_folder_is_refused(self, tmp_path):
        with pytest.raises(FileNotFoundError, match=r"nowhere is no folder\. Let `data_dir`"):
            load(tmp_path / "nowhere")

    def test_without_a_folder_the_answer_says_which_one_is_needed(self, tmp_path):
        with pytest.raises(ValueError, match=r"no folder was given\. Pass `data_dir=`"):
            load_corpus("challenge2021", cache_dir=tmp_path)

    def test_a_changed_header_is_not_served_from_the_cache(self, folder):
        load(folder)
        edit_header(folder / "g1" / "E00002", "164873001", "426783006")

        assert label_names(load(folder)["E00002"]) == ["426783006"]


@pytest.fixture(scope="module")
def georgia(data_dir):
    return load(data_dir / "georgia", "all")


@pytest.mark.data
class TestRealRecords:
    def test_the_first_record_is_what_its_files_say(self, georgia):
        row = georgia["E07500"]

        assert row["snomed_ct_codes"] == ["67741000119109", "426177001"]
        assert label_names(row, "all") == ["426177001", "67741000119109"]
        assert (row["age"], row["sex"], row["filename"]) == (78.0, "male", "g8/E07500")
        assert (row["num_samples"], row["sampling_rate_original"], row["lead_mask"]) == (5000, 500, [True] * 12)
        assert [lead[0] for lead in row["signal"]] == [-68, -58, 9, 63, -39, -24, 156, 97, -146, -68, -48, -156]

    def test_the_last_record_is_what_its_files_say(self, georgia):
        row = georgia["E07519"]

        assert row["snomed_ct_codes"] == label_names(row, "all") == ["164873001"]
        assert (row["age"], row["sex"], row["filename"]) == (73.0, "female", "g8/E07519")

    def test_signals_equal_the_matlab_variable_in_microvolts(self, georgia, data_dir):
        values = {
            name: scipy.io.loadmat(data_dir / "georgia" / f"{row['filename']}.mat") for name, row in georgia.items()
        }

        assert len(georgia) == 20
        np.testing.assert_array_equal(
            np.stack([row["signal"] for row in georgia.values()]),
            np.stack([value["val"] for value in values.values()]),
        )

    def test_records_of_chapman_have_the_same_split_as_in_their_own_corpus(self, data_dir):
        folder = data_dir / "chapman-shaoxing-ningbo"

        here, there = (load_corpus(name, data_dir=folder) for name in ("challenge2021", "chapman_shaoxing_ningbo"))

        assert {split: rows["record_id"][:] for split, rows in here.items()} == {
            split: rows["record_id"][:] for split, rows in there.items()
        }
        np.testing.assert_array_equal(signals(here["test"]), signals(there["test"]))
