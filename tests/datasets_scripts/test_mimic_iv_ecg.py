"""MIMIC-IV-ECG: leads by name, reports cell by cell, splits by patient, gaps counted or masked, labels on request."""

import math
import shutil

import numpy as np
import pandas as pd
import pytest
import wfdb
from helpers.corpus_rows import write_report_labels
from helpers.records.mimic_iv_ecg_records import (
    FIGURES,
    MIMIC_LEADS,
    STANDARD_ROWS,
    STUDIES,
    make_units,
    write_mimic_corpus,
    write_signal,
)

from datasets_scripts import load_corpus
from datasets_scripts.mimic_iv_ecg import MimicIvEcg, MimicRecord, read_records
from datasets_scripts.simulator import simulate_record
from datasets_scripts.terminology.findings import load_terminology


FIRST = "files/p1000/p10000032/s40689238/40689238"


@pytest.fixture(scope="module")
def mimic_dir(tmp_path_factory):
    """The small corpus, under a path with a blank and an umlaut. Copy the folder before changing it."""
    folder = tmp_path_factory.mktemp("MIMIC IV für EKG")
    write_mimic_corpus(folder)
    return folder


@pytest.fixture
def changed_dir(mimic_dir, tmp_path):
    """A copy of the small corpus that a test may spoil."""
    return shutil.copytree(mimic_dir, tmp_path / "mimic")


@pytest.fixture(scope="module")
def corpus(mimic_dir):
    return load_corpus("mimic_iv_ecg", data_dir=mimic_dir)


def change_cells(folder, filename, **columns):
    """Overwrite cells of a table: `column={study_id: value}`."""
    path = folder / filename
    table = pd.read_csv(path, dtype=object).set_index("study_id", drop=False)
    for column, values in columns.items():
        for study_id, value in values.items():
            table.loc[str(study_id), column] = value
    table.to_csv(path, index=False)


def first_row(folder, **options):
    return load_corpus("mimic_iv_ecg", data_dir=folder, split="train", max_records=1, **options)[0]


class TestRows:
    def test_the_first_record_is_that_of_the_tables(self, corpus):
        row = corpus["train"][0]
        row.pop("signal")

        statements = ["POSSIBLE ATRIAL FLUTTER", "LEFT AXIS DEVIATION", "ABNORMAL ECG"]
        assert row == {
            "record_id": "40689238",
            "patient_id": "10000032",
            "lead_mask": [True] * 12,
            "not_recorded": [],
            "num_samples": 5000,
            "sampling_rate_original": 500,
            "num_samples_original": 5000,
            "window_start_s": 0.0,
            "age": None,
            "sex": None,
            "report": "\n".join(statements),
            "statements": statements,
            "labels": [],
            "label_mask": [False] * len(load_terminology()),
            "ecg_time": "2180-07-01 08:44:00",
            "cart_id": "6848296",
            "bandwidth": "0.005-150 Hz",
            "filtering": "60 Hz notch Baseline filter",
            **FIGURES,
            # 60,000 / 659 beats; 128 - 40, 170 - 40, 258 - 170 and 518 - 170 ms
            "measurements": {
                "rate_per_min": pytest.approx(91.0470),
                "p_ms": 88,
                "pr_ms": 130,
                "qrs_ms": 88,
                "qt_ms": 348,
                "axis_deg": 77,
            },
            "num_bridged_samples": 0,
            "filename": FIRST,
        }

    def test_the_last_record_is_that_of_the_tables(self, corpus):
        row = corpus["test"][-1]

        assert (row["record_id"], row["patient_id"]) == ("40689249", "10000030")
        assert row["statements"] == ["Normal sinus rhythm", "Normal ECG"]
        assert row["filename"] == "files/p1000/p10000030/s40689249/40689249"

    def test_a_patient_is_in_one_split_only(self, corpus):
        patients = {split: sorted(set(rows["patient_id"])) for split, rows in corpus.items()}

        assert patients == {
            "train": ["10000031", "10000032", "10000033", "10000034"],
            "validation": ["10000041"],
            "test": ["10000030"],
        }

    def test_the_rows_do_not_depend_on_the_number_of_processes(self, corpus, mimic_dir, tmp_path):
        parallel = load_corpus("mimic_iv_ecg", data_dir=mimic_dir, num_proc=2, cache_dir=tmp_path)

        assert parallel["train"][:] == corpus["train"][:]

    def test_the_number_of_records_can_be_limited(self, mimic_dir):
        rows = load_corpus("mimic_iv_ecg", data_dir=mimic_dir, max_records=1)

        assert {split: part["record_id"][:] for split, part in rows.items()} == {
            "train": ["40689238"],
            "validation": ["40689246"],
            "test": ["40689248"],
        }


class TestSignals:
    def test_leads_are_ordered_by_name(self, corpus):
        expected = make_units(0).T[list(STANDARD_ROWS)] * 5  # 5 µV per unit at 200 units per mV

        np.testing.assert_array_equal(corpus["train"][0]["signal"], expected)

    def test_voltages_equal_what_wfdb_reads(self, corpus, mimic_dir):
        physical, fields = wfdb.rdsamp(str(mimic_dir / FIRST))

        by_name = dict(zip(fields["sig_name"], physical.T, strict=True))
        np.testing.assert_allclose(corpus["train"][0]["signal"][4], 1000 * by_name["aVL"], atol=1e-6)
        np.testing.assert_allclose(corpus["train"][0]["signal"][5], 1000 * by_name["aVF"], atol=1e-6)

    def test_voltages_are_those_of_the_patient_to_half_a_unit(self, corpus):
        strip = simulate_record(0).strip

        assert np.abs(np.array(corpus["train"][0]["signal"]) - 1000 * strip).max() <= 2.5 + 1e-3

    def test_a_lead_that_the_header_lacks_is_masked(self, changed_dir):
        write_signal(changed_dir / FIRST, make_units(0)[:, :11], leads=MIMIC_LEADS[:11])

        row = first_row(changed_dir)

        assert row["lead_mask"] == [True] * 11 + [False]


def write_with_gaps(folder, *gaps):
    """Write the first record without the samples of some stretches: `(lead, first, last + 1)`."""
    units = make_units(0)
    for lead, start, stop in gaps:
        units[start:stop, MIMIC_LEADS.index(lead)] = -32768
    write_signal(folder / FIRST, units)


class TestMissingSamples:
    def test_a_gap_of_40_ms_becomes_a_straight_line_and_is_counted(self, changed_dir):
        write_with_gaps(changed_dir, ("aVF", 100, 120))
        before, after = 5 * make_units(0)[[99, 120], 4].astype(float)

        row = first_row(changed_dir)

        line = before + (after - before) * np.arange(1, 21) / 21
        np.testing.assert_allclose(row["signal"][5][100:120], line, atol=2.5)  # rounded to the unit of 5 µV
        assert (row["num_bridged_samples"], all(row["lead_mask"])) == (20, True)

    def test_a_longer_gap_is_masked_in_time(self, changed_dir):
        write_with_gaps(changed_dir, ("aVF", 100, 121))

        row = first_row(changed_dir)

        assert (row["lead_mask"], row["not_recorded"]) == ([True] * 12, [[5, 100, 121]])
        assert (np.any(row["signal"][5][100:121]), row["num_bridged_samples"]) == (False, 0)

    def test_samples_around_a_gap_stay_what_they_are(self, changed_dir):
        write_with_gaps(changed_dir, ("aVF", 100, 101), ("V6", 4990, 5000))

        signal = np.array(first_row(changed_dir)["signal"])

        expected = make_units(0).T[list(STANDARD_ROWS)] * 5
        changed = np.argwhere(signal != expected)
        assert set(map(tuple, changed)) <= {(5, 100), *((11, sample) for sample in range(4990, 5000))}

    def test_what_no_lead_has_at_the_end_is_padding(self, changed_dir):
        write_with_gaps(changed_dir, *((lead, 4000, 5000) for lead in MIMIC_LEADS))

        row = first_row(changed_dir)

        assert (row["num_samples"], all(row["lead_mask"]), row["num_bridged_samples"]) == (4000, True, 0)

    def test_a_recording_without_samples_is_refused(self, changed_dir):
        write_with_gaps(changed_dir, *((lead, 0, 5000) for lead in MIMIC_LEADS))

        with pytest.raises(
            ValueError, match=r"Record 40689238 of mimic_iv_ecg .*holds no recorded sample\. Leave the record out"
        ):
            first_row(changed_dir)


class TestMeasurements:
    @pytest.mark.parametrize("stand_in", [29999, 32767, -32768, 65535, 65534, 61440])
    def test_a_figure_that_stands_for_none_is_null(self, changed_dir, stand_in):
        change_cells(changed_dir, "machine_measurements.csv", p_onset={40689238: stand_in})

        row = first_row(changed_dir)

        assert (row["p_onset"], row["p_end"]) == (None, 128)

    @pytest.mark.parametrize("stand_in", [29999, 32767, None])
    def test_what_is_made_of_such_a_figure_is_null(self, changed_dir, stand_in):
        change_cells(changed_dir, "machine_measurements.csv", p_onset={40689238: stand_in})

        measured = first_row(changed_dir)["measurements"]

        assert (measured["pr_ms"], measured["p_ms"], measured["qrs_ms"]) == (None, None, 88)

    def test_a_beat_without_marks_of_p_has_no_p_to_measure(self, changed_dir):
        marks = {name: {40689238: 29999} for name in ("p_onset", "p_end", "t_end")}
        change_cells(changed_dir, "machine_measurements.csv", **marks)

        measured = first_row(changed_dir)["measurements"]

        assert math.isnan(measured["pr_ms"])
        assert math.isnan(measured["p_ms"])
        assert (measured["qrs_ms"], measured["qt_ms"]) == (88, None)

    def test_what_no_heart_can_do_is_left_out_and_said(self, changed_dir, tmp_path):
        change_cells(changed_dir, "machine_measurements.csv", qrs_end={40689238: 100})
        builder = MimicIvEcg(data_dir=str(changed_dir), cache_dir=str(tmp_path / "cache"))

        builder.download_and_prepare()

        row = builder.as_dataset("train")[0]
        assert (row["measurements"]["qrs_ms"], row["qrs_end"]) == (None, 100)
        assert builder.accounts == [
            {**builder.accounts[0], "record_id": "40689238", "remarks": ["qrs_ms not from 30 to 400 ms"]}
        ]

    def test_empty_cells_are_null(self, changed_dir):
        empty = {name: {40689238: None} for name in ("rr_interval", "t_axis", "cart_id", "bandwidth", "ecg_time")}
        change_cells(changed_dir, "machine_measurements.csv", **empty)

        row = first_row(changed_dir)

        assert [row[name] for name in ("rr_interval", "t_axis", "cart_id", "bandwidth")] == [None] * 4

    def test_the_time_is_that_of_the_list_of_records(self, changed_dir):
        change_cells(changed_dir, "machine_measurements.csv", ecg_time={40689238: "2181-01-01 00:00:00"})

        assert first_row(changed_dir)["ecg_time"] == "2180-07-01 08:44:00"

    def test_statements_follow_the_numbers_of_their_cells(self, changed_dir):
        cells = {
            "report_0": None,
            "report_2": " Tenth \n",
            "report_10": "Eleventh",
            "report_9": "  ",
            "report_4": None,
        }
        change_cells(
            changed_dir, "machine_measurements.csv", **{name: {40689238: text} for name, text in cells.items()}
        )
        path = changed_dir / "machine_measurements.csv"
        table = pd.read_csv(path, dtype=object)
        table[["report_10", *(name for name in table if name != "report_10")]].to_csv(path, index=False)

        assert first_row(changed_dir)["statements"] == ["Tenth", "Eleventh"]

    def test_a_record_without_statements_has_no_report(self, changed_dir):
        empty = {f"report_{number}": {40689238: None} for number in range(18)}
        change_cells(changed_dir, "machine_measurements.csv", **empty)

        row = first_row(changed_dir)

        assert (row["report"], row["statements"]) == (None, [])

    def test_a_record_that_was_not_measured_has_no_report(self, changed_dir):
        path = changed_dir / "machine_measurements.csv"
        pd.read_csv(path, dtype=object)[1:].to_csv(path, index=False)

        row = first_row(changed_dir)

        assert [row[name] for name in ("record_id", "report", "cart_id", "qrs_axis")] == ["40689238", None, None, None]
        assert set(row["measurements"].values()) == {None}


class TestLabels:
    def test_without_extracted_labels_every_finding_is_unknown(self, corpus):
        names = corpus["train"].features["labels"].feature.names

        assert names == [finding.name for finding in load_terminology()]
        assert not np.any(corpus["train"]["label_mask"])

    def test_extracted_labels_are_joined_by_record(self, mimic_dir, tmp_path):
        labels = write_report_labels(
            tmp_path / "labels.parquet",
            {
                "40689239": (),
                "40689238": (["inferior myocardial infarction"], ["left ventricular hypertrophy"]),
            },
        )

        rows = load_corpus("mimic_iv_ecg", data_dir=mimic_dir, split="train", report_labels=str(labels))

        names = rows.features["labels"].feature.names
        assert names == [
            *("hypertrophy", "inferior myocardial infarction", "left ventricular hypertrophy"),
            *("myocardial infarction", "ventricular hypertrophy"),
        ]
        assert [[names[label] for label in row] for row in rows["labels"][:3]] == [
            ["inferior myocardial infarction", "myocardial infarction"],
            [],
            [],
        ]
        assert rows["label_mask"][:3] == [[False, True, False, True, False], [True] * 5, [False] * 5]

    def test_other_labels_are_not_served_from_the_cache(self, mimic_dir, tmp_path):
        path = write_report_labels(tmp_path / "labels.parquet", {"40689238": (["atrial flutter"],)})
        before = first_row(mimic_dir, report_labels=str(path), cache_dir=tmp_path / "cache")
        write_report_labels(path, {"40689238": ([], ["atrial flutter"])})

        after = first_row(mimic_dir, report_labels=str(path), cache_dir=tmp_path / "cache")

        assert all(before["label_mask"])
        assert (after["labels"], any(after["label_mask"])) == ([], False)

    def test_labels_of_another_corpus_are_refused(self, mimic_dir, tmp_path):
        labels = write_report_labels(tmp_path / "labels.parquet", {"1": (["atrial flutter"],)})

        with pytest.raises(ValueError, match=r"None of 12 records .* report labels\. Extract labels from the reports"):
            first_row(mimic_dir, report_labels=str(labels))

    def test_labels_that_do_not_exist_are_named(self, mimic_dir, tmp_path):
        with pytest.raises(FileNotFoundError, match=r"no labels at .*none\.parquet\. Write them with"):
            first_row(mimic_dir, report_labels=str(tmp_path / "none.parquet"))


def drop_column(filename, column):
    def spoil(folder):
        pd.read_csv(folder / filename, dtype=object).drop(columns=column).to_csv(folder / filename, index=False)

    return spoil


def set_cell(filename, column, value):
    def spoil(folder):
        change_cells(folder, filename, **{column: {40689239: value}})

    return spoil


def write_bytes(filename, content):
    def spoil(folder):
        (folder / filename).write_bytes(content)

    return spoil


SPOILED_TABLES = {
    "no column": (drop_column("record_list.csv", "path"), r"record_list\.csv has no column path .*Download"),
    "no report": (drop_column("machine_measurements.csv", "report_0"), r"no column report_0 .*Download"),
    "0 bytes": (write_bytes("record_list.csv", b""), r"record_list\.csv is empty\. Download"),
    "no table": (
        write_bytes("record_list.csv", b"subject_id,\xff\n1,2\n"),
        r"record_list\.csv has no column .*Download",
    ),
}
SPOILED_ROWS = {
    "no patient": (
        set_cell("record_list.csv", "subject_id", None),
        r"record_list\.csv, line 3: .*subject_id: it is empty",
    ),
    "no path": (set_cell("record_list.csv", "path", None), r"record_list\.csv, line 3: the cell of path is empty"),
    "no number": (
        set_cell("machine_measurements.csv", "p_axis", "north"),
        r"machine_measurements\.csv, line 3: column p_axis: 'north' is no number",
    ),
    "record twice": (
        set_cell("record_list.csv", "study_id", "40689238"),
        r"record_list\.csv, line 3: study_id '40689238' stands in line 2",
    ),
    "other patient": (
        set_cell("machine_measurements.csv", "subject_id", "10000033"),
        r"gives study_id 40689239 to another subject_id than record_list\.csv does\. Download both",
    ),
}


class TestSpoiledTables:
    @pytest.mark.parametrize(("spoil", "message"), SPOILED_TABLES.values(), ids=SPOILED_TABLES)
    def test_a_table_that_is_not_the_official_one_is_refused(self, changed_dir, spoil, message):
        spoil(changed_dir)

        with pytest.raises(ValueError, match=message):
            load_corpus("mimic_iv_ecg", data_dir=changed_dir, on_error="skip")

    @pytest.mark.parametrize(("spoil", "message"), SPOILED_ROWS.values(), ids=SPOILED_ROWS)
    def test_a_row_that_cannot_be_right_stops_with_its_line(self, changed_dir, spoil, message):
        spoil(changed_dir)

        with pytest.raises(ValueError, match=rf'{message}.*on_error="skip"'):
            load_corpus("mimic_iv_ecg", data_dir=changed_dir)

    @pytest.mark.parametrize("spoil", [spoil for spoil, _ in SPOILED_ROWS.values()], ids=SPOILED_ROWS)
    def test_or_costs_its_own_recording(self, changed_dir, tmp_path, spoil):
        spoil(changed_dir)
        builder = MimicIvEcg(data_dir=str(changed_dir), on_error="skip", cache_dir=str(tmp_path / "cache"))

        builder.download_and_prepare()

        kept = [study_id for study_id in STUDIES[:8] if study_id != 40689239]
        assert builder.as_dataset("train")["record_id"][:] == [str(study_id) for study_id in kept]
        assert len(builder.skipped_records) == 1

    def test_a_report_that_stands_twice_is_named(self, changed_dir):
        set_cell("machine_measurements.csv", "study_id", "40689238")(changed_dir)

        with pytest.raises(
            ValueError, match=r"measurements\.csv, line 3: study_id '40689238' stands in line 2 already"
        ):
            load_corpus("mimic_iv_ecg", data_dir=changed_dir)

    @pytest.mark.parametrize("filename", ["record_list.csv", "machine_measurements.csv"])
    def test_a_missing_table_is_named_with_its_path(self, changed_dir, filename):
        (changed_dir / filename).unlink()

        with pytest.raises(FileNotFoundError, match=rf"mimic/{filename} does not exist.*--data_dir"):
            load_corpus("mimic_iv_ecg", data_dir=changed_dir)

    def test_a_record_may_lie_anywhere_in_the_other_table(self, changed_dir, corpus):
        path = changed_dir / "machine_measurements.csv"
        pd.read_csv(path, dtype=object)[::-1].to_csv(path, index=False)

        assert load_corpus("mimic_iv_ecg", data_dir=changed_dir)["train"][:] == corpus["train"][:]


def cut_dat(path):
    path.with_suffix(".dat").write_bytes(path.with_suffix(".dat").read_bytes()[:1000])


def empty_dat(path):
    path.with_suffix(".dat").write_bytes(b"")


def remove_hea(path):
    path.with_suffix(".hea").unlink()


def empty_hea(path):
    path.with_suffix(".hea").write_bytes(b"")


def garble_hea(path):
    path.with_suffix(".hea").write_bytes(b"\xff\xfe\x00h\xe4\n")


def change_rate(path):
    path.with_suffix(".hea").write_text(path.with_suffix(".hea").read_text().replace("12 500 5000", "12 250 5000"))


BROKEN = {
    "short .dat": (cut_dat, "the record cannot be read"),
    "0-byte .dat": (empty_dat, "the record cannot be read"),
    "no .hea": (remove_hea, r"40689238\.hea does not exist\. Complete the download"),
    "0-byte .hea": (empty_hea, "the record cannot be read"),
    "header of another encoding": (garble_hea, "the record cannot be read"),
    "other rate": (change_rate, r"states 250 Hz, not 500 Hz"),
}


class TestBrokenRecords:
    @pytest.mark.parametrize(("spoil", "message"), BROKEN.values(), ids=BROKEN)
    def test_a_broken_record_is_named_with_its_reason(self, changed_dir, spoil, message):
        spoil(changed_dir / FIRST)

        with pytest.raises(ValueError, match=rf'Record 40689238 of mimic_iv_ecg .*{message}.*on_error="skip"'):
            first_row(changed_dir)

    def test_of_a_partial_download_the_records_that_are_there_are_read(self, changed_dir, tmp_path):
        shutil.rmtree(changed_dir / "files/p1000/p10000031")
        builder = MimicIvEcg(data_dir=str(changed_dir), on_error="skip", cache_dir=str(tmp_path / "cache"))

        builder.download_and_prepare()

        kept = [study_id for study_id in STUDIES[:8] if study_id not in STUDIES[2:4]]
        assert builder.as_dataset("train")["record_id"][:] == [str(study_id) for study_id in kept]
        assert [skipped["record_id"] for skipped in builder.skipped_records] == ["40689240", "40689241"]


@pytest.mark.data
class TestRealTables:
    """The one row of the official tables that is at hand; its signal is not, so a simulated one takes its place."""

    @pytest.fixture
    def real_dir(self, data_dir, tmp_path):
        folder = shutil.copytree(data_dir / "mimic-iv-ecg", tmp_path / "mimic", copy_function=shutil.copyfile)
        folder.chmod(0o755)
        write_signal(folder / FIRST, make_units(0))
        return folder

    def test_the_row_is_that_of_the_tables(self, real_dir):
        row = first_row(real_dir)

        assert (row["record_id"], row["patient_id"]) == ("40689238", "10000032")
        assert row["statements"] == ["Sinus rhythm", "Possible right atrial abnormality", "Borderline ECG"]
        assert (row["ecg_time"], row["cart_id"]) == ("2180-07-23 08:44:00", "6848296")
        assert {name: row[name] for name in FIGURES} == FIGURES

    def test_the_tables_are_read_into_one_record(self, real_dir):
        records = read_records(real_dir / "record_list.csv", real_dir / "machine_measurements.csv")

        assert records == [
            MimicRecord(
                study_id=40689238,
                subject_id=10000032,
                path=FIRST,
                ecg_time="2180-07-23 08:44:00",
                settings=("6848296", "0.005-150 Hz", "60 Hz notch Baseline filter"),
                figures=(659, 40, 128, 170, 258, 518, 81, 77, 79),
                statements=("Sinus rhythm", "Possible right atrial abnormality", "Borderline ECG"),
            )
        ]

    def test_the_columns_of_the_data_dictionary_are_all_kept(self, real_dir):
        described = pd.read_csv(real_dir / "machine_measurements_data_dictionary.csv", encoding="latin-1")["Variable"]

        named_otherwise = {"subject_id": "patient_id", "study_id": "record_id", "report_#": "statements"}
        assert {named_otherwise.get(name, name) for name in described} <= set(first_row(real_dir))
