"""The extraction command: from a table of reports to statements, labels and a vocabulary."""

import contextlib
import errno
import json
import logging

import pandas as pd
import pytest

from datasets_scripts.extraction import extract
from datasets_scripts.extraction.__main__ import REFUSALS, main
from datasets_scripts.extraction.backends import rules_backend
from datasets_scripts.extraction.labels_file import load_labels_table
from datasets_scripts.extraction.readings.reading import Entity, Reading
from datasets_scripts.extraction.report_tables import iterate_reports
from modeling_supreme.command_line import run_command


MIMIC_TABLE = """subject_id,study_id,report_0,report_1,report_2,report_10
7,101,Sinus rhythm,,Possible LVH,Abnormal ECG
7,102,Sinus rhythm,Q in septal lead. ,,
8,103,,,,
"""


@pytest.fixture
def mimic_table(tmp_path):
    path = tmp_path / "machine_measurements.csv"
    path.write_text(MIMIC_TABLE, encoding="utf-8")
    return path


def write_csv(path, **columns):
    """A CSV file with the given columns."""
    pd.DataFrame(columns).to_csv(path, index=False)
    return path


def run(reports, output_dir, *flags):
    """Run the command on a table."""
    run_command(main, ["--reports", str(reports), "--output_dir", str(output_dir), *flags], refusals=REFUSALS)


def read_labels(output_dir):
    """Columns of the labels that a run wrote."""
    return load_labels_table(output_dir).to_pydict()


def test_each_filled_cell_of_mimic_iv_ecg_is_one_statement(mimic_table):
    assert list(iterate_reports(mimic_table)) == [
        ("101", ["Sinus rhythm", "Possible LVH", "Abnormal ECG"]),
        ("102", ["Sinus rhythm", "Q in septal lead."]),
        ("103", []),
    ]


def test_the_cells_of_mimic_iv_ecg_keep_the_order_of_their_numbers(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("study_id,report_10,report_9\n1,last,first\n", encoding="utf-8")

    assert list(iterate_reports(path)) == [("1", ["first", "last"])]


def test_a_free_text_is_cut_into_statements(tmp_path):
    path = write_csv(tmp_path / "ptbxl_database.csv", ecg_id=[5], report=["sinus rhythm. normal ecg."])

    assert list(iterate_reports(path)) == [("5", ["sinus rhythm", "normal ecg"])]


def test_lists_of_statements_in_parquet_are_taken_as_they_are(tmp_path):
    path = tmp_path / "corpus" / "train-00000-of-00001.parquet"
    path.parent.mkdir()
    table = pd.DataFrame({"record_id": ["a", "b"], "report": ["x", "y"], "statements": [["Sinus rhythm", "PVCs"], []]})
    table.to_parquet(path)

    assert list(iterate_reports(path.parent)) == [("a", ["Sinus rhythm", "PVCs"]), ("b", [])]


def test_columns_can_be_named(tmp_path):
    path = write_csv(tmp_path / "table.csv", number=[1], record_id=[9], befund=["vorhofflimmern"])

    records = iterate_reports(path, record_id_column="number", report_column="befund")

    assert list(records) == [("1", ["vorhofflimmern"])]


def test_a_missing_file_is_reported_with_its_path(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no file or folder .*none\.csv.*--reports"):
        list(iterate_reports(tmp_path / "none.csv"))


def test_a_folder_without_parquet_files_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"holds no Parquet file.*datasets_scripts\.prepare"):
        list(iterate_reports(tmp_path))


def test_a_table_without_identifiers_is_refused(tmp_path):
    path = write_csv(tmp_path / "table.csv", number=[1], report=["sinus rhythm"])

    with pytest.raises(
        ValueError, match=r"no column record_id or study_id or ecg_id: it has number, report.*--record_id"
    ):
        list(iterate_reports(path))


def test_a_table_without_reports_is_refused(tmp_path):
    path = write_csv(tmp_path / "table.csv", record_id=[1], text=["sinus rhythm"])

    with pytest.raises(ValueError, match=r"no column report_0, statements or report: .*--report_column"):
        list(iterate_reports(path))


def test_a_row_without_identifier_is_refused(tmp_path):
    path = write_csv(tmp_path / "table.csv", record_id=["1", None], report=["sinus rhythm", "vt"])

    with pytest.raises(ValueError, match=r"table\.csv, line 3: the cell of record_id is empty\. Fill it"):
        list(iterate_reports(path))


def test_an_unknown_format_is_refused(tmp_path):
    path = tmp_path / "table.docx"
    path.touch()

    with pytest.raises(ValueError, match=r"'\.docx' is no known format.*CSV"):
        list(iterate_reports(path))


def test_a_full_disk_is_told_in_words(mimic_table, tmp_path, monkeypatch, capsys):
    def fill(*arguments, **options):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("datasets_scripts.extraction.extract.write_labels", fill)

    with pytest.raises(SystemExit, match="2"):
        run(mimic_table, tmp_path / "out")

    said = capsys.readouterr().err
    assert "error: The findings could not be written to" in said
    assert "the disk is full" in said
    assert "What a language model has read is kept. Make room, and repeat the command.\n" in said


def test_the_command_writes_one_line_per_distinct_statement(mimic_table, tmp_path):
    run(mimic_table, tmp_path / "out")

    lines = [json.loads(line) for line in (tmp_path / "out" / "statements.jsonl").read_text("utf-8").splitlines()]
    assert [(line["statement"], line["count"]) for line in lines] == [
        ("Sinus rhythm", 2),
        ("Possible LVH", 1),
        ("Abnormal ECG", 1),
        ("Q in septal lead.", 1),
    ]
    assert lines[1]["entities"] == [
        {
            "entity": "left ventricular hypertrophy",
            "certainty": "uncertain",
            "snomed_ct": "164873001",
            "scp_code": "LVH",
        }
    ]
    assert (lines[0]["backend"], lines[0]["model"], lines[0]["is_read"]) == ("rules", "", True)
    assert (lines[1]["spans"], lines[1]["left_over"]) == ({"left ventricular hypertrophy": [[9, 12]]}, [])


def test_the_command_writes_the_labels_of_every_record(mimic_table, tmp_path):
    run(mimic_table, tmp_path / "out", "--backend", "rules")

    assert read_labels(tmp_path / "out") == {
        "record_id": ["101", "102", "103"],
        "positive": [["abnormal ecg", "sinus rhythm"], ["q waves", "septal q waves", "sinus rhythm"], []],
        "uncertain": [["hypertrophy", "left ventricular hypertrophy", "ventricular hypertrophy"], [], []],
        "negative": [[], [], []],
    }


def test_the_command_writes_the_vocabulary_with_counts(mimic_table, tmp_path):
    run(mimic_table, tmp_path / "out")

    table = pd.read_csv(tmp_path / "out" / "findings.csv", dtype=str, keep_default_na=False)
    assert table.iloc[0].tolist()[:6] == ["sinus rhythm", "426783006", "SR", "2", "0", "0"]
    assert table.query("finding == 'septal q waves'")["parents"].tolist() == ["q waves"]
    assert len(table) == 7


WORDS = ("sinus", "septal", "lvh", "abnormal ecg", "zyzzyva")


def log_of_run(caplog, capfd, reports, output_dir, *flags):
    """All that a run logs at any level of any logger, or writes to the terminal, in lower case."""
    with caplog.at_level(logging.NOTSET), contextlib.suppress(SystemExit):
        logging.getLogger().setLevel(1)
        run(reports, output_dir, *flags)
    return (caplog.text + "".join(capfd.readouterr())).lower()


def test_no_text_of_a_report_is_logged_at_any_level(mimic_table, tmp_path, caplog, capfd):
    log = log_of_run(caplog, capfd, mimic_table, tmp_path / "out")

    assert "3 records, 4 distinct statements" in log
    assert [word for word in WORDS if word in log] == []


@pytest.mark.parametrize(
    "flags",
    [
        ("--report_column", "none"),
        ("--record_id_column", "report_0"),
        ("--snomed_ct_dir", "missing"),
        ("--text_model_name_or_path", "missing"),
    ],
    ids=lambda flags: flags[0],
)
def test_no_text_of_a_report_is_logged_when_a_run_fails(tmp_path, caplog, capfd, monkeypatch, flags):
    statements = ["Sinus rhythm zyzzyva", None]
    reports = write_csv(tmp_path / "table.csv", record_id=[1, 2], report_0=statements, report_1=statements[::-1])
    monkeypatch.setattr(
        rules_backend, "read_statement", lambda text: Reading((Entity(text, "positive", "", ""),), True)
    )

    log = log_of_run(caplog, capfd, reports, tmp_path / "out", *flags)

    assert flags[1] in log
    assert [word for word in WORDS if word in log] == []


def test_a_problem_ends_the_command_with_a_message_and_no_traceback(tmp_path, capsys):
    with pytest.raises(SystemExit, match="2"):
        run(tmp_path / "none.csv", tmp_path / "out")

    assert "Check the path given with `--reports`" in capsys.readouterr().err


def test_a_backend_that_is_not_there_is_no_choice(mimic_table, tmp_path, capsys):
    with pytest.raises(SystemExit, match="2"):
        run(mimic_table, tmp_path / "out", "--backend", "oracle")

    assert "`--backend` is oracle. Choose one of rules, endpoint, transformers." in capsys.readouterr().err


def test_a_dry_run_says_what_reading_would_cost_and_writes_nothing(mimic_table, tmp_path, caplog):
    run(mimic_table, tmp_path / "out", "--dry_run")

    assert "3 records hold 5 statements, of which 4 are distinct" in caplog.text
    assert not (tmp_path / "out").exists()


def test_the_first_records_can_be_read_alone(mimic_table, tmp_path):
    run(mimic_table, tmp_path / "out", "--max_records", "2")

    assert read_labels(tmp_path / "out")["record_id"] == ["101", "102"]


def test_one_split_of_a_data_set_can_be_read(tmp_path):
    train, test = (pd.DataFrame({"record_id": [name], "report": ["sinus rhythm"]}) for name in ("train", "test"))
    train.to_parquet(tmp_path / "train-00000-of-00001.parquet")
    test.to_parquet(tmp_path / "test-00000-of-00001.parquet")

    run(tmp_path, tmp_path / "out", "--split", "test")

    assert read_labels(tmp_path / "out")["record_id"] == ["test"]


@pytest.mark.parametrize(
    ("flag", "value"), [("max_records", "0"), ("min_records", "-1"), ("min_prevalence", "2"), ("min_similarity", "-1")]
)
def test_numbers_that_cannot_be_meant_are_refused(mimic_table, tmp_path, capsys, flag, value):
    with pytest.raises(SystemExit, match="2"):
        run(mimic_table, tmp_path / "out", f"--{flag}", value)

    assert f"`--{flag}` is {value}" in capsys.readouterr().err


def test_spellings_of_one_statement_are_read_once_and_listed_each(tmp_path, caplog):
    reports = write_csv(
        tmp_path / "table.csv", record_id=[1, 2, 3], report_0=["SINUS RHYTHM", "Sinus rhythm.", "PVCs"]
    )

    run(reports, tmp_path / "out")

    lines = [json.loads(line) for line in (tmp_path / "out" / "statements.jsonl").read_text("utf-8").splitlines()]
    assert [line["statement"] for line in lines] == ["SINUS RHYTHM", "Sinus rhythm.", "PVCs"]
    assert lines[0]["entities"] == lines[1]["entities"]
    assert "3 records, 2 distinct statements in 3 spellings" in caplog.text


def test_rare_findings_can_be_left_out(mimic_table, tmp_path):
    run(mimic_table, tmp_path / "out", "--min_records", "2")

    labels = read_labels(tmp_path / "out")
    assert labels["positive"] == [["sinus rhythm"], ["sinus rhythm"], []]
    assert labels["uncertain"] == [[], [], []]
    assert pd.read_csv(tmp_path / "out" / "findings.csv")["finding"].tolist() == ["sinus rhythm"]


def test_ancestors_are_added_unless_they_are_switched_off(tmp_path):
    reports = write_csv(tmp_path / "table.csv", record_id=[1], report_0=["Inferior infarct"])

    run(reports, tmp_path / "closed")
    run(reports, tmp_path / "stated", "--no_add_parents")

    positive = [read_labels(tmp_path / name)["positive"][0] for name in ("closed", "stated")]
    assert positive == [
        ["inferior myocardial infarction", "myocardial infarction"],
        ["inferior myocardial infarction"],
    ]


def test_a_statement_names_what_it_says_and_not_the_ancestors(tmp_path):
    reports = write_csv(tmp_path / "table.csv", record_id=[1], report_0=["Inferior infarct"])

    run(reports, tmp_path / "out")

    line = json.loads((tmp_path / "out" / "statements.jsonl").read_text("utf-8"))
    assert [entity["entity"] for entity in line["entities"]] == ["inferior myocardial infarction"]


def test_a_folder_that_cannot_be_made_is_reported_without_a_traceback(mimic_table, tmp_path, capsys):
    (tmp_path / "out").touch()

    with pytest.raises(SystemExit, match="2"):
        run(mimic_table, tmp_path / "out")

    assert str(tmp_path / "out") in capsys.readouterr().err


def test_a_statement_without_letters_is_listed_as_not_read(tmp_path):
    reports = write_csv(tmp_path / "table.csv", record_id=[1], report_0=["***"], report_1=["Sinus rhythm"])

    run(reports, tmp_path / "out")

    lines = [json.loads(line) for line in (tmp_path / "out" / "statements.jsonl").read_text("utf-8").splitlines()]
    assert {line["statement"]: line["is_read"] for line in lines} == {"***": False, "Sinus rhythm": True}


def test_a_run_that_fails_leaves_the_files_of_the_last_one(mimic_table, tmp_path, monkeypatch):
    run(mimic_table, tmp_path / "out")
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    monkeypatch.setattr(extract, "write_labels", lambda *_, **__: 1 / 0)

    with pytest.raises(ZeroDivisionError, match="division"):
        run(mimic_table, tmp_path / "out")

    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before


def test_labels_that_were_never_written_are_missed_with_a_remedy(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no labels at .*labels\.parquet.*datasets_scripts\.extraction"):
        load_labels_table(tmp_path)


@pytest.mark.data
def test_the_reports_of_ptb_xl_are_read(data_dir, tmp_path):
    run(data_dir / "ptb-xl" / "ptbxl_database.csv", tmp_path)

    labels = read_labels(tmp_path)
    assert len(labels["record_id"]) == 500
    assert labels["record_id"][0] == "1"
    assert labels["positive"][0] == ["limb low qrs voltage", "low qrs voltage", "sinus rhythm"]
