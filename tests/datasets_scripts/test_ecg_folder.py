"""A user's own folder: files of any format become rows, `metadata.csv` says what is known about them."""

import logging
import sys

import numpy as np
import pandas as pd
import pytest
from helpers.corpus_rows import rows_by_id
from helpers.ecg_file_writers import WRITERS, make_microvolts, write_edf, write_muse_xml
from helpers.ptb_xl_records import write_ptb_xl_record

from datasets_scripts import load_corpus
from datasets_scripts.ecg_folder import EcgFolder
from datasets_scripts.splits import assign_split
from modeling_supreme.leads import STANDARD_LEADS


@pytest.fixture
def folder(tmp_path):
    """Two WFDB records, an EDF and a CSV file, in folders with blanks and umlauts in their names."""
    folder = tmp_path / "meine EKGs ü"
    write_ptb_xl_record(folder / "Jahr 2020" / "r1", make_microvolts(5000).T, sampling_rate=500)
    write_ptb_xl_record(folder / "Jahr 2020" / "r2", make_microvolts(5000).T[::2], sampling_rate=250)
    write_edf(folder / "é.edf", make_microvolts(6000), STANDARD_LEADS)
    np.savetxt(folder / "t.csv", make_microvolts(2000).T / 1000, delimiter=",", header=",".join(STANDARD_LEADS))
    return folder


RECORD_IDS = ["Jahr 2020/r1", "Jahr 2020/r2", "t.csv", "é.edf"]


def write_metadata(folder, rows):
    pd.DataFrame(rows).to_csv(folder / "metadata.csv", index=False)


def load_rows(folder, **options):
    return rows_by_id(load_corpus("ecg_folder", data_dir=folder, **{"sampling_rate": 500, **options}))


class TestFiles:
    def test_every_ecg_file_below_the_folder_becomes_a_row(self, folder):
        rows = load_rows(folder)

        assert sorted(rows) == RECORD_IDS
        assert [rows[name]["file_name"] for name in RECORD_IDS] == [
            "Jahr 2020/r1.hea",
            "Jahr 2020/r2.hea",
            "t.csv",
            "é.edf",
        ]

    def test_signals_are_the_stored_voltages_in_microvolts(self, folder):
        rows = load_rows(folder)

        np.testing.assert_array_equal(rows["Jahr 2020/r1"]["signal"], make_microvolts(5000))
        np.testing.assert_array_equal(rows["é.edf"]["signal"], make_microvolts(6000)[:, :5000])
        np.testing.assert_array_equal(rows["t.csv"]["signal"][:, :2000], make_microvolts(2000))

    def test_rate_and_length_of_each_file_are_kept(self, folder):
        rows = load_rows(folder)

        assert [rows[name]["sampling_rate_original"] for name in RECORD_IDS] == [500, 250, 500, 500]
        assert [rows[name]["num_samples_original"] for name in RECORD_IDS] == [5000, 2500, 2000, 6000]
        assert [rows[name]["num_samples"] for name in RECORD_IDS] == [5000, 5000, 2000, 5000]

    @pytest.mark.parametrize("name", WRITERS)
    def test_clinical_formats_are_read(self, tmp_path, name):
        WRITERS[name](tmp_path / name, make_microvolts(), STANDARD_LEADS)

        row = load_rows(tmp_path)[name]

        np.testing.assert_array_equal(row["signal"][:, :1000], make_microvolts())

    def test_leads_that_a_file_lacks_are_masked(self, tmp_path):
        write_muse_xml(tmp_path / "rec.xml", make_microvolts(num_leads=2), ["V1", "I"])

        row = load_rows(tmp_path)["rec.xml"]

        assert [lead for lead, known in zip(STANDARD_LEADS, row["lead_mask"], strict=True) if known] == ["I", "V1"]
        np.testing.assert_array_equal(row["signal"][[6, 0], :1000], make_microvolts(num_leads=2))

    def test_arrays_are_read_with_the_options(self, tmp_path):
        np.save(tmp_path / "rec.npy", make_microvolts(1000)[:2])

        row = load_rows(tmp_path, sampling_rate=250, leads="V6, V5", unit="uV")["rec.npy"]

        assert (row["sampling_rate_original"], row["num_samples"]) == (250, 2000)
        np.testing.assert_array_equal(row["signal"][[11, 10], :2000:2], make_microvolts(1000)[:2])

    def test_a_recording_becomes_several_windows(self, tmp_path):
        write_edf(tmp_path / "rec.edf", make_microvolts(10000), STANDARD_LEADS)

        corpus = load_corpus("ecg_folder", data_dir=tmp_path, window="all", split="train+validation+test")

        assert corpus["record_id"][:] == ["rec.edf", "rec.edf"]
        assert corpus["window_start_s"][:] == [0.0, 10.0]

    def test_other_files_are_listed_and_hidden_ones_passed_over(self, folder, tmp_path, caplog, monkeypatch):
        (folder / "notes.txt").write_text("Leads were swapped in r2.")
        (folder / "Jahr 2020" / "page.pdf").write_bytes(b"%PDF-1.7")
        (folder / ".DS_Store").write_bytes(b"x")
        (folder / "Jahr 2020" / "r1.atr").write_bytes(b"x")
        builder = EcgFolder(data_dir=str(folder), sampling_rate=500, cache_dir=str(tmp_path / "cache"))
        monkeypatch.setattr(logging.getLogger("datasets"), "propagate", True)

        builder.download_and_prepare()

        assert [path.name for path in builder.unknown_files] == ["page.pdf", "notes.txt"]
        assert "2 files are no ECG files of a known kind" in caplog.text
        assert "Jahr 2020/page.pdf, notes.txt." in caplog.text

    def test_without_ecgdatakit_its_formats_are_listed(self, folder, tmp_path, monkeypatch):
        monkeypatch.setitem(sys.modules, "ecgdatakit", None)
        builder = EcgFolder(data_dir=str(folder), sampling_rate=500, cache_dir=str(tmp_path / "cache"))

        builder.download_and_prepare()

        assert [path.name for path in builder.unknown_files] == ["é.edf"]

    def test_a_file_that_arrives_later_is_read(self, folder):
        assert len(load_rows(folder)) == 4

        write_edf(folder / "new.edf", make_microvolts(), STANDARD_LEADS)

        assert len(load_rows(folder)) == 5

    def test_two_processes_read_the_same_rows_as_one(self, folder, tmp_path):
        options = {"data_dir": folder, "sampling_rate": 500, "split": "train+validation+test"}
        one = load_corpus("ecg_folder", cache_dir=tmp_path / "one", **options)
        two = load_corpus("ecg_folder", cache_dir=tmp_path / "two", num_proc=2, **options)

        assert two[:] == one[:]


class TestMetadata:
    def test_all_columns_reach_the_rows(self, folder):
        write_metadata(
            folder,
            [
                {
                    "file_name": "é.edf",
                    "record_id": "e1",
                    "patient_id": "007",
                    "age": 61.5,
                    "sex": "F",
                    "report": "Sinus rhythm. Left bundle branch block.",
                    "labels": "LBBB; SR",
                    "split": "test",
                }
            ],
        )

        row = load_rows(folder)["e1"]

        assert (row["patient_id"], row["age"], row["sex"], row["split"]) == ("007", 61.5, "female", "test")
        assert row["report"] == "Sinus rhythm. Left bundle branch block."
        assert row["statements"] == ["Sinus rhythm", "Left bundle branch block"]
        assert (row["labels"], row["label_mask"]) == (["LBBB", "SR"], [True, True])

    def test_labels_are_the_names_that_occur_sorted(self, folder):
        write_metadata(
            folder, [{"file_name": "é.edf", "labels": "b;a"}, {"file_name": "t.csv", "labels": " c ; none;;a"}]
        )
        builder = EcgFolder(data_dir=str(folder))

        assert builder.info.features["labels"].feature.names == ["a", "b", "c"]

    def test_an_empty_cell_is_unknown_and_none_is_none_of_the_labels(self, folder):
        write_metadata(
            folder,
            [
                {"file_name": "é.edf", "labels": "AF"},
                {"file_name": "t.csv", "labels": None},
                {"file_name": "Jahr 2020/r1", "labels": "none"},
            ],
        )

        rows = load_rows(folder)

        assert [rows[name]["labels"] for name in RECORD_IDS] == [[], [], [], ["AF"]]
        assert [rows[name]["label_mask"] for name in RECORD_IDS] == [[True], [False], [False], [True]]

    @pytest.mark.parametrize("name", ["Jahr 2020/r1", "Jahr 2020/r1.hea", "Jahr 2020/r1.dat"])
    def test_a_wfdb_record_may_be_named_in_three_ways(self, folder, name):
        write_metadata(folder, [{"file_name": name, "patient_id": "p1"}])

        rows = load_rows(folder)

        assert sorted(rows) == RECORD_IDS
        assert [rows[name]["patient_id"] for name in RECORD_IDS] == ["p1", None, None, None]

    def test_files_without_a_line_are_read_and_listed(self, folder, caplog, monkeypatch):
        write_metadata(folder, [{"file_name": "é.edf"}, {"file_name": "t.csv"}])
        monkeypatch.setattr(logging.getLogger("datasets"), "propagate", True)

        assert sorted(load_rows(folder)) == RECORD_IDS
        assert "2 files are ECG files without a line in metadata.csv" in caplog.text

    def test_records_are_split_by_patient_or_else_by_record(self, folder):
        write_metadata(folder, [{"file_name": name, "patient_id": "p1"} for name in ("é.edf", "t.csv")])

        rows = load_rows(folder)

        assert rows["é.edf"]["split"] == rows["t.csv"]["split"] == assign_split("p1")
        assert rows["Jahr 2020/r1"]["split"] == assign_split("Jahr 2020/r1")

    def test_a_changed_table_is_read_again(self, folder):
        write_metadata(folder, [{"file_name": "é.edf", "labels": "AF"}])
        before = load_rows(folder)["é.edf"]["labels"]

        write_metadata(folder, [{"file_name": "é.edf", "labels": "SR"}])

        assert (before, load_rows(folder)["é.edf"]["labels"]) == (["AF"], ["SR"])

    @pytest.mark.parametrize(
        ("rows", "message"),
        [
            (
                [{"file": "é.edf"}],
                r"metadata\.csv has the unknown column file\. Its columns may be file_name, record_id",
            ),
            ([{"labels": "AF"}], r"metadata\.csv has no column file_name"),
            (
                [{"file_name": "é.edf", "Labels": "AF"}],
                r"metadata\.csv has the unknown column Labels\. Its columns may be",
            ),
            ([{"file_name": "é.edf"}, {"file_name": None, "age": 1}], r"metadata\.csv, line 3: .*file_name is empty"),
            ([{"file_name": "t.csv"}] * 2, r"metadata\.csv describes the file t\.csv more than once"),
            (
                [{"file_name": "Jahr 2020/r1"}, {"file_name": "Jahr 2020/r1.dat"}],
                r"describes the file Jahr 2020/r1\.dat more than once",
            ),
            (
                [{"file_name": name, "record_id": "r"} for name in ("é.edf", "t.csv")],
                r"record_id r stands for more than one file\. Give each file",
            ),
            ([{"file_name": "é.edf", "sex": "x"}], r"file é\.edf: the sex 'x' is none of male.*Correct the cell"),
            ([{"file_name": "é.edf", "age": "old"}], r"file é\.edf: .*'old'.*Correct the cell"),
            (
                [{"file_name": "é.edf", "split": "valid"}],
                r"file é\.edf: the split 'valid' is none of train, validation",
            ),
            (
                [
                    {"file_name": "é.edf", "patient_id": "p1", "split": "train"},
                    {"file_name": "t.csv", "patient_id": "p1", "split": "test"},
                ],
                r"patient p1 has records in test and train\. State the same split",
            ),
        ],
    )
    def test_a_table_that_cannot_be_right_is_refused(self, folder, rows, message):
        write_metadata(folder, rows)

        with pytest.raises(ValueError, match=message):
            load_rows(folder)

    def test_a_table_that_is_no_utf_8_is_refused(self, folder):
        (folder / "metadata.csv").write_bytes("file_name,report\né.edf,Überleitung\n".encode("latin-1"))

        with pytest.raises(ValueError, match=r"metadata\.csv is not a readable table .*Save it as CSV in UTF-8"):
            load_rows(folder)


def remove_dat(folder):
    (folder / "Jahr 2020" / "r2.dat").unlink()


def truncate_dat(folder):
    path = folder / "Jahr 2020" / "r2.dat"
    path.write_bytes(path.read_bytes()[:100])


def empty_header(folder):
    (folder / "Jahr 2020" / "r2.hea").write_bytes(b"")


def non_utf8_header(folder):
    (folder / "Jahr 2020" / "r2.hea").write_bytes("Ärger\n".encode("latin-1"))


def flatten_leads(folder):
    write_ptb_xl_record(folder / "Jahr 2020" / "r2", np.zeros((2500, 12), dtype=np.int16), sampling_rate=250)


def lose_samples(folder):
    microvolts = make_microvolts(2500).T.copy()
    microvolts[100:110, 3] = -32768  # WFDB's mark of a sample that was not recorded
    write_ptb_xl_record(folder / "Jahr 2020" / "r2", microvolts, sampling_rate=250)


def mistake_unit(folder):
    write_ptb_xl_record(folder / "Jahr 2020" / "r2", make_microvolts(2500).T, sampling_rate=250, gain=1.0)


def mistake_rate(folder):
    write_ptb_xl_record(folder / "Jahr 2020" / "r2", make_microvolts(2500).T, sampling_rate=5)


DAMAGE = {
    "missing .dat": (remove_dat, r"r2\.hea: the record cannot be read .*Download its files again"),
    "truncated .dat": (truncate_dat, r"r2\.hea: the record cannot be read"),
    "0-byte header": (empty_header, r"r2\.hea: the record cannot be read"),
    "non-UTF-8 header": (non_utf8_header, r"r2\.hea: the record cannot be read"),
    "flat leads": (flatten_leads, r"r2\.hea: every lead is flat, so nothing was recorded"),
    "missing samples": (lose_samples, r"r2\.hea lacks 10 of 30000 samples"),  # 12 leads of 2500 samples
    "wrong unit": (mistake_unit, r"r2\.hea: the median peak-to-peak voltage is 1\.3e\+03 mV.*Pass `unit=`"),
    "wrong rate": (mistake_rate, r"`sampling_rate` is 5\.0 Hz, outside 50 to 20000 Hz"),
}


class TestBrokenRecords:
    @pytest.mark.parametrize(("damage", "message"), DAMAGE.values(), ids=DAMAGE)
    def test_a_broken_record_stops_the_reading_with_its_name_and_a_remedy(self, folder, damage, message):
        damage(folder)

        with pytest.raises(ValueError, match=rf"(?s)Record Jahr 2020/r2 of ecg_folder .*{message}.*--on_error skip"):
            load_rows(folder)

    @pytest.mark.parametrize("damage", [damage for damage, _ in DAMAGE.values()], ids=DAMAGE)
    def test_a_broken_record_can_be_skipped(self, folder, damage):
        damage(folder)

        assert sorted(load_rows(folder, on_error="skip")) == ["Jahr 2020/r1", "t.csv", "é.edf"]

    def test_a_file_that_the_table_names_and_nobody_has_is_reported(self, folder):
        write_metadata(folder, [{"file_name": "lost.edf"}])

        with pytest.raises(ValueError, match=r"Record lost\.edf of ecg_folder .*lost\.edf: the file does not exist"):
            load_rows(folder)

    def test_a_table_of_voltages_without_a_rate_is_reported(self, folder):
        with pytest.raises(
            ValueError, match=r"Record t\.csv .*does not state its sampling rate\. Pass `sampling_rate=`"
        ):
            load_rows(folder, sampling_rate=None)

    def test_no_folder_and_a_missing_folder_are_reported(self, tmp_path):
        with pytest.raises(ValueError, match=r"No folder was given\. Pass `data_dir=`"):
            load_corpus("ecg_folder")
        with pytest.raises(FileNotFoundError, match=r"folder \S+/lost does not exist\. Correct `data_dir`"):
            load_corpus("ecg_folder", data_dir=tmp_path / "lost")


@pytest.mark.data
class TestRealFiles:
    def test_the_wfdb_exams_of_code15_are_a_folder(self, data_dir):
        rows = load_rows(data_dir / "code15" / "wfdb")

        assert sorted(rows) == ["1111", "1111004", "1111009", "111102", "111193"]
        assert {row["sampling_rate_original"] for row in rows.values()} == {400}

    def test_a_folder_of_records_equals_their_corpus(self, data_dir):
        """SPH's files state neither rate nor leads, but hold one matrix each."""
        as_folder = load_rows(data_dir / "sph" / "records", leads=list(STANDARD_LEADS))
        as_corpus = load_corpus("sph", data_dir=data_dir / "sph", split="train+validation+test")

        assert sorted(as_folder) == ["A00001.h5", "A00002.h5", "A00003.h5"]
        np.testing.assert_array_equal(
            [as_folder[f"{record_id}.h5"]["signal"] for record_id in as_corpus["record_id"]],
            np.array(as_corpus["signal"][:]),
        )
