"""Reports of any source are read as records with statements, in batches, and without quoting them in errors."""

import gzip
import tracemalloc

import datasets
import pandas as pd
import pytest
from datasets import Dataset, DatasetDict

from datasets_scripts.extraction import report_tables
from datasets_scripts.extraction.report_tables import iterate_reports


@pytest.fixture
def corpus(tmp_path):
    """A folder that `load_dataset` knows: Parquet files named after their splits."""
    splits = {
        "train": Dataset.from_dict({"record_id": ["a", "b"], "report": ["sinus rhythm. pvcs", ""]}),
        "test": Dataset.from_dict({"record_id": ["c"], "report": ["atrial flutter"]}),
    }
    for name, split in splits.items():
        split.to_parquet(tmp_path / "corpus" / f"{name}-00000-of-00001.parquet")
    return tmp_path / "corpus"


def test_a_compressed_csv_file_is_read_like_a_plain_one(tmp_path):
    path = tmp_path / "machine_measurements.csv.gz"
    path.write_bytes(gzip.compress(b"study_id,report_0,report_1\n1,Sinus rhythm,\n"))

    assert list(iterate_reports(path)) == [("1", ["Sinus rhythm"])]


def test_a_quoted_report_may_hold_line_breaks_and_commas(tmp_path):
    path = tmp_path / "reports.csv"
    path.write_text('record_id,report\n1,"Sinus rhythm\nLVH, old infarct"\n2,PVCs\n', encoding="utf-8")

    assert list(iterate_reports(path)) == [("1", ["Sinus rhythm", "LVH, old infarct"]), ("2", ["PVCs"])]


def test_words_that_other_readers_take_for_missing_stay(tmp_path):
    path = tmp_path / "reports.csv"
    path.write_text("record_id,report\nNA,None\n", encoding="utf-8")

    assert list(iterate_reports(path)) == [("NA", ["None"])]


def test_numbers_of_records_in_parquet_become_text(tmp_path):
    path = tmp_path / "reports.parquet"
    pd.DataFrame({"ecg_id": [7], "report": ["sinus rhythm"]}).to_parquet(path)

    assert list(iterate_reports(path)) == [("7", ["sinus rhythm"])]


def test_a_batch_that_is_full_goes_on_in_the_next(tmp_path, monkeypatch):
    monkeypatch.setattr(report_tables, "ROWS_PER_BATCH", 2)
    path = tmp_path / "reports.parquet"
    frame = pd.DataFrame({"record_id": list("abc"), "report_0": ["x", None, "y"], "report_1": ["y", "x", " "]})
    frame.to_parquet(path)

    assert list(iterate_reports(path)) == [("a", ["x", "y"]), ("b", ["x"]), ("c", ["y"])]


def test_one_split_of_a_data_set_is_read(corpus):
    assert list(iterate_reports(corpus, split="train")) == [("a", ["sinus rhythm", "pvcs"]), ("b", [])]


def test_a_folder_without_a_split_is_read_whole(corpus):
    assert sorted(record_id for record_id, _ in iterate_reports(corpus)) == ["a", "b", "c"]


def test_a_name_of_the_hub_is_loaded(monkeypatch):
    loaded = DatasetDict(train=Dataset.from_dict({"record_id": [1], "report": ["sinus rhythm"]}))
    monkeypatch.setattr(datasets, "load_dataset", lambda name, config_name, split: loaded)

    assert list(iterate_reports("group/corpus")) == [("1", ["sinus rhythm"])]


def test_a_data_set_that_cannot_be_loaded_is_reported(monkeypatch):
    def refuse(*arguments, **options):
        raise ConnectionError("offline")

    monkeypatch.setattr(datasets, "load_dataset", refuse)

    with pytest.raises(
        FileNotFoundError, match=r"no data set of that name could be loaded \(ConnectionError\).*split"
    ):
        list(iterate_reports("group/corpus"))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"record_id,report\n1,patient seen,twice\n", r"reports\.csv, line 2: it has 3 cells, but .* 2 columns"),
        (
            b'record_id,report\n1,SR\n2,"patient seen\n3,AF\n',
            r"line 3: a quote that opens here is never closed",
        ),
        (b'record_id,report\n1,"patient seen\n2,"AF"\n', r"line 2: a quote opens here and ends within a cell"),
        (b'record_id,report\n1,"patient seen\n2,AF"\n3,SR\n', r"line 2: a quote .* closed only behind other rows"),
        (
            b"record_id,report\n1,patient seen\n2,SR\n1,AF\n",
            r"line 4: the record_id of line 2 stands here",
        ),
        (b"\x00\x01\xff\xfe\x00", r"reports\.csv is no text"),
    ],
    ids=["columns", "open quote", "quote in a cell", "swallowed row", "two reports", "no text"],
)
def test_a_broken_csv_file_is_refused_without_quoting_a_report(tmp_path, content, reason):
    path = tmp_path / "reports.csv"
    path.write_bytes(content)

    with pytest.raises(ValueError, match=reason) as refusal:
        list(iterate_reports(path))

    assert "patient" not in str(refusal.value)


@pytest.mark.parametrize(
    "content",
    [
        "record_id;report\n1;Überleitung, lang\n".encode("latin-1"),
        "record_id\treport\n1\tÜberleitung, lang\n".encode("utf-16"),
        "\ufeffRecord ID;Report;further\n1;Überleitung, lang;x\n".encode(),
    ],
)
def test_the_dialects_of_the_world_are_read(tmp_path, content):
    path = tmp_path / "reports.csv"
    path.write_bytes(content)

    assert list(iterate_reports(path)) == [("1", ["Überleitung, lang"])]


@pytest.mark.parametrize(
    "content",
    ['Report\nSinus rhythm\n\n"LVH, PVCs"\n', "report\nSinus rhythm\nLVH and PVCs\n"],
    ids=["quoted", "plain"],
)
def test_the_rows_of_a_table_of_nothing_but_reports_are_numbered(tmp_path, content):
    path = tmp_path / "reports.csv"
    path.write_text(content, encoding="utf-8")

    assert [record_id for record_id, _ in iterate_reports(path)] == ["1", "2"]


def test_the_names_of_columns_may_be_in_any_case(tmp_path):
    path = tmp_path / "reports.csv"
    path.write_text("STUDY_ID,Report_0,REPORT_1\n7,Sinus rhythm,PVCs\n", encoding="utf-8")
    pd.DataFrame({"Ecg_ID": [7], "REPORT": ["sinus rhythm"]}).to_parquet(tmp_path / "reports.parquet")

    assert list(iterate_reports(path)) == [("7", ["Sinus rhythm", "PVCs"])]
    assert list(iterate_reports(tmp_path / "reports.parquet")) == [("7", ["sinus rhythm"])]


@pytest.mark.parametrize("content", ["record_id,report\n", "report\n", "record_id,report\n\n\n"])
def test_a_file_with_nothing_but_names_of_columns_is_refused(tmp_path, content):
    path = tmp_path / "reports.csv"
    path.write_text(content, encoding="utf-8")

    with pytest.raises(ValueError, match=r"reports\.csv holds no report.*below the names.*Fill it"):
        list(iterate_reports(path))


def test_an_excel_sheet_is_read(tmp_path):
    path = tmp_path / "reports.xlsx"
    pd.DataFrame({"Record_ID": ["a"], "Report": ["Sinus rhythm. PVCs"]}).to_excel(path, index=False)

    assert list(iterate_reports(path)) == [("a", ["Sinus rhythm", "PVCs"])]


def test_each_text_file_of_a_folder_is_a_report(tmp_path, caplog):
    (tmp_path / "old").mkdir()
    (tmp_path / "a.txt").write_text("Sinus rhythm.\nPVCs", encoding="utf-8")
    (tmp_path / "b.txt").write_bytes("Überleitung".encode("utf-16"))
    (tmp_path / "old" / "c.txt").write_bytes("Überleitung".encode("latin-1"))

    records = list(iterate_reports(tmp_path))

    assert records == [("a", ["Sinus rhythm", "PVCs"]), ("b", ["Überleitung"]), ("old/c", ["Überleitung"])]
    assert "1 files are not in UTF-8 and were read as Windows-1252" in caplog.text


def test_lines_of_json_are_read_with_and_without_identifiers(tmp_path):
    path = tmp_path / "reports.jsonl"
    path.write_text(
        '{"Record_ID": "a", "Report": "Sinus rhythm. PVCs"}\n\n{"statements": ["LVH", " "]}\n', encoding="utf-8"
    )

    assert list(iterate_reports(path)) == [("a", ["Sinus rhythm", "PVCs"]), ("3", ["LVH"])]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("patient seen", r"line 2: it is no JSON object"),
        ('{"text": "patient seen"}', r"line 2: it has no text statements or report.*--report_column"),
        ('{"record_id": "a", "report": "patient seen"}', r"line 2: the identifier of line 1 stands here again"),
    ],
)
def test_a_broken_line_of_json_is_named_and_not_quoted(tmp_path, line, reason):
    path = tmp_path / "reports.jsonl"
    path.write_text('{"record_id": "a", "report": "LVH"}\n' + line + "\n", encoding="utf-8")

    with pytest.raises(ValueError, match=reason) as refusal:
        list(iterate_reports(path))

    assert "patient" not in str(refusal.value)


def test_a_report_that_stands_in_several_rows_of_its_record_is_one_report(tmp_path, monkeypatch):
    monkeypatch.setattr(report_tables, "SEEN_REPORTS", 2)
    path = tmp_path / "reports.csv"
    path.write_text("record_id,report\n" + "1,SR\n2,AF\n" * 5, encoding="utf-8")

    assert list(iterate_reports(path)) == [("1", ["SR"]), ("2", ["AF"])] * 5


def test_memory_does_not_grow_with_the_number_of_records(tmp_path):
    peaks = [peak_memory(tmp_path, num_records) for num_records in (60_000, 240_000)]

    assert peaks[1] <= 1.2 * peaks[0]


def peak_memory(folder, num_records):
    """Most bytes that Python holds while the reports of so many records are gone through."""
    path = folder / f"{num_records}.csv"
    path.write_text("record_id,report_0\n" + "1,Sinus rhythm\n" * num_records, encoding="utf-8")
    tracemalloc.start()
    for _ in iterate_reports(path):
        pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak
