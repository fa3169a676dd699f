"""A user's own folder: files of any format become rows, `metadata.csv` says what is known about them."""

import logging
import sys

import numpy as np
import pandas as pd
import pytest
from helpers.corpus_rows import rows_by_id
from helpers.ecg_file_writers import WRITERS, make_microvolts, write_edf, write_muse_xml, write_scp
from helpers.records.ptb_xl_records import write_ptb_xl_record

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
        write_scp(folder / "x.scp", make_microvolts(), STANDARD_LEADS)
        builder = EcgFolder(data_dir=str(folder), sampling_rate=500, cache_dir=str(tmp_path / "cache"))

        builder.download_and_prepare()

        assert [path.name for path in builder.unknown_files] == ["x.scp"]

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

    def test_columns_named_as_measurements_are_measurements(self, folder):
        columns = {"qrs_ms": [96.5, None], "ST_mV_V2": [-0.15, 900.0]}
        pd.DataFrame({"file_name": ["é.edf", "t.csv"], **columns}).to_csv(folder / "metadata.csv", index=False)

        rows = load_rows(folder)

        assert rows["é.edf"]["measurements"] == pytest.approx({"qrs_ms": 96.5, "st_mv_V2": -0.15})
        assert rows["t.csv"]["measurements"] == {"qrs_ms": None, "st_mv_V2": None}  # 900 mV is no voltage of a heart
        assert rows["Jahr 2020/r1"]["measurements"] == {"qrs_ms": None, "st_mv_V2": None}

    def test_without_such_a_column_there_are_no_measurements(self, folder):
        write_metadata(folder, [{"file_name": "é.edf", "age": 50}])

        assert "measurements" not in load_rows(folder)["é.edf"]

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
            ([{"file": "é.edf"}], r"metadata\.csv has no column file_name .*Its columns may be file_name, record_id"),
            ([{"labels": "AF"}], r"metadata\.csv has no column file_name"),
            ([{"file_name": "é.edf"}, {"file_name": None, "age": 1}], r"metadata\.csv, line 3: .*file_name is empty"),
            ([{"file_name": "t.csv"}] * 2, r"metadata\.csv, line 3: file_name 't\.csv' stands in line 2 already"),
            (
                [{"file_name": "Jahr 2020/r1"}, {"file_name": "Jahr 2020/r1.dat"}],
                r"line 3: file_name 'Jahr 2020/r1\.dat' stands for what line 2 describes\. Keep one",
            ),
            (
                [{"file_name": name, "record_id": "r"} for name in ("é.edf", "t.csv")],
                r"line 3: record_id 'r' stands for what line 2 describes.*give each file an id",
            ),
            ([{"file_name": "é.edf", "sex": "q"}], r"line 2: column sex: 'q' is none of male.*Correct the cell"),
            (
                [{"file_name": "é.edf", "qrs_ms": "wide"}],
                r"line 2: column qrs_ms: 'wide' is no number.*Correct the cell",
            ),
            ([{"file_name": "é.edf", "age": "old"}], r"line 2: column age: 'old' is no age.*Correct the cell"),
            (
                [{"file_name": "é.edf", "split": "valid"}],
                r"line 2: column split: the split 'valid' is none of train, validation",
            ),
            (
                [
                    {"file_name": "é.edf", "patient_id": "p1", "split": "train"},
                    {"file_name": "t.csv", "patient_id": "p1", "split": "test"},
                ],
                r"line 3: patient p1 has records in test here and in train in line 2\. State the same split",
            ),
            ([{"file_name": "../é.edf"}], r"line 2: column file_name: .*é\.edf does not lie in"),
        ],
    )
    def test_a_table_that_cannot_be_right_is_refused(self, folder, rows, message):
        write_metadata(folder, rows)

        with pytest.raises(ValueError, match=message):
            load_rows(folder)

    def test_a_record_id_of_the_table_may_not_be_that_of_another_file(self, folder):
        write_metadata(folder, [{"file_name": "é.edf", "record_id": "t.csv"}])

        with pytest.raises(ValueError, match=r"record_id t\.csv stands for more than one file\. Give each file"):
            load_rows(folder)

    @pytest.mark.parametrize(
        "rows",
        [
            [{"file_name": "é.edf"}, {"file_name": "t.csv", "age": "old"}],
            [{"file_name": "é.edf"}, {"file_name": "t.csv", "sex": "q"}],
            [{"file_name": "é.edf"}, {"file_name": "t.csv", "split": "valid"}],
            [{"file_name": n, "patient_id": "p", "split": s} for n, s in (("é.edf", "test"), ("t.csv", "train"))],
        ],
    )
    def test_a_row_that_cannot_be_right_costs_its_own_record(self, folder, tmp_path, rows):
        write_metadata(folder, rows)
        builder = EcgFolder(
            data_dir=str(folder), sampling_rate=500, on_error="skip", cache_dir=str(tmp_path / "cache")
        )

        builder.download_and_prepare()

        assert sorted(rows_by_id(builder.as_dataset())) == ["Jahr 2020/r1", "Jahr 2020/r2", "é.edf"]
        assert [skipped["record_id"] for skipped in builder.skipped_records] == ["t.csv"]
        assert "metadata.csv, line 3" in builder.skipped_records[0]["reason"]

    def test_a_quote_that_is_not_closed_costs_its_own_row(self, folder):
        (folder / "metadata.csv").write_text('file_name,report\né.edf,"Sinus rhythm\nt.csv,AF\nJahr 2020/r1,SR\n')

        rows = load_rows(folder, on_error="skip")

        assert {name: rows[name]["report"] for name in RECORD_IDS} == {
            "é.edf": None,
            "t.csv": "AF",
            "Jahr 2020/r1": "SR",
            "Jahr 2020/r2": None,
        }

    @pytest.mark.parametrize(
        "content",
        [
            "file_name;age\nt.csv;50,5\n",
            "file_name\tage\nt.csv\t50.5\n",
            "File Name,Age\nt.csv,50.5 years\n",
            "\ufefffile_name,age\nt.csv,50.5\n",
            "file_name,age,site,remark\nt.csv,50.5,X,\n",
        ],
    )
    def test_the_dialects_of_the_world_are_read(self, folder, content):
        (folder / "metadata.csv").write_text(content, encoding="utf-8")

        assert load_rows(folder)["t.csv"]["age"] == 50.5

    def test_files_may_be_named_as_windows_does(self, folder):
        write_metadata(folder, [{"file_name": "Jahr 2020\\r1", "age": 50}])

        assert load_rows(folder)["Jahr 2020/r1"]["age"] == 50.0

    @pytest.mark.parametrize("name", ["metadata.tsv", "metadata.xlsx", "Metadata.CSV"])
    def test_the_table_may_be_of_another_kind(self, folder, name):
        table = pd.DataFrame([{"file_name": "t.csv", "age": 50}])
        write = table.to_excel if name.endswith("xlsx") else table.to_csv
        write(folder / name, index=False)

        assert load_rows(folder)["t.csv"]["age"] == 50.0

    def test_two_tables_are_refused(self, folder):
        write_metadata(folder, [{"file_name": "t.csv"}])
        (folder / "metadata.tsv").write_text("file_name\n")

        with pytest.raises(ValueError, match=r"holds metadata\.csv and metadata\.tsv\. Keep the one that you mean"):
            load_rows(folder)

    def test_further_columns_are_named_and_not_used(self, folder, caplog, monkeypatch):
        write_metadata(folder, [{"file_name": "t.csv", "label": "AF", "site": "X"}])
        monkeypatch.setattr(logging.getLogger("datasets"), "propagate", True)

        assert load_rows(folder)["t.csv"]["labels"] == []
        assert "columns label, site are not used" in caplog.text
        assert "is label to be labels?" in caplog.text

    def test_words_for_nothing_mean_the_same_in_every_spelling(self, folder):
        cells = {"é.edf": "AF", "t.csv": "NONE", "Jahr 2020/r1": "None", "Jahr 2020/r2": "Unknown"}
        write_metadata(folder, [{"file_name": name, "labels": cell, "sex": "unknown"} for name, cell in cells.items()])

        rows = load_rows(folder)

        assert {name: (rows[name]["labels"], rows[name]["label_mask"]) for name in cells} == {
            "é.edf": (["AF"], [True]),
            "t.csv": ([], [True]),
            "Jahr 2020/r1": ([], [True]),
            "Jahr 2020/r2": ([], [False]),
        }
        assert {rows[name]["sex"] for name in cells} == {None}

    @pytest.mark.parametrize(("cell", "labels"), [("AF,LBBB", ["AF", "LBBB"]), ("AF|LBBB", ["AF", "LBBB"])])
    def test_labels_may_stand_between_other_separators(self, folder, cell, labels):
        write_metadata(folder, [{"file_name": "t.csv", "labels": cell}])

        assert load_rows(folder)["t.csv"]["labels"] == labels

    def test_commas_within_names_are_said_to_be_that(self, folder, caplog, monkeypatch):
        write_metadata(folder, [{"file_name": "t.csv", "labels": "infarction, old"}])
        monkeypatch.setattr(logging.getLogger("datasets"), "propagate", True)

        assert load_rows(folder)["t.csv"]["labels"] == ["infarction, old"]
        assert "commas in column labels were taken for parts of names. Put `;`" in caplog.text

    def test_a_table_that_is_no_utf_8_is_read_and_that_is_said(self, folder, caplog, monkeypatch):
        (folder / "metadata.csv").write_bytes("file_name,report\né.edf,Überleitung\n".encode("latin-1"))
        monkeypatch.setattr(logging.getLogger("datasets"), "propagate", True)

        assert load_rows(folder)["é.edf"]["report"] == "Überleitung"
        assert "metadata.csv is not in UTF-8 (line 2) and was read as Windows-1252" in caplog.text


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


def mistake_unit(folder):
    write_ptb_xl_record(folder / "Jahr 2020" / "r2", make_microvolts(2500).T, sampling_rate=250, gain=1.0)


def mistake_rate(folder):
    write_ptb_xl_record(folder / "Jahr 2020" / "r2", make_microvolts(2500).T, sampling_rate=5)


DAMAGE = {
    "missing .dat": (remove_dat, r"r2\.hea needs .*r2\.dat, which does not exist"),
    "truncated .dat": (truncate_dat, r"r2\.hea: the record cannot be read"),
    "0-byte header": (empty_header, r"r2\.hea: the record cannot be read"),
    "non-UTF-8 header": (non_utf8_header, r"r2\.hea: the record cannot be read"),
    "flat leads": (flatten_leads, r"r2\.hea: every lead is flat, so nothing was recorded"),
    "wrong unit": (mistake_unit, r"r2\.hea: the median peak-to-peak voltage is 1\.3e\+03 mV.*Pass `unit=`"),
    "wrong rate": (mistake_rate, r"`sampling_rate` is 5 Hz, outside 50 to 20000 Hz"),
}


class TestPresence:
    def test_a_long_gap_is_masked_in_time_at_every_rate(self, folder):
        microvolts = make_microvolts(2500).T.copy()
        microvolts[100:200, 3] = -32768  # WFDB's mark of a sample that was not recorded
        write_ptb_xl_record(folder / "Jahr 2020" / "r2", microvolts, sampling_rate=250)

        row = load_rows(folder)["Jahr 2020/r2"]

        assert (row["lead_mask"], row["not_recorded"]) == ([True] * 12, [[3, 199, 400]])

    def test_a_rate_that_is_no_whole_number_is_read(self, folder):
        path = folder / "Jahr 2020" / "r2.hea"
        path.write_text(path.read_text().replace(" 250 ", " 249.89 "))

        row = load_rows(folder)["Jahr 2020/r2"]

        assert (row["sampling_rate_original"], row["num_samples"]) == (250, 5000)


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
