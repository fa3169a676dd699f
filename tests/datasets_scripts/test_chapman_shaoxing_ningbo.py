"""Chapman-Shaoxing-Ningbo: both dialects of its headers, acronyms for findings, the classes of MERL put right."""

import csv

import numpy as np
import pandas as pd
import pytest
import scipy.io
from helpers.records.challenge_records import edit_header, write_challenge_record
from helpers.records.ptb_xl_records import make_microvolts

from datasets_scripts import load_corpus
from datasets_scripts.chapman_shaoxing_ningbo import (
    LABEL_NAMES,
    LABEL_OF_CODE,
    MERL_LABELS,
    TABLE_LABELS,
    ChapmanShaoxingNingbo,
)
from datasets_scripts.terminology.findings import load_terminology
from modeling_supreme.leads import STANDARD_LEADS


# Acronyms of the publisher that mean something else elsewhere -> the label that is used instead.
RENAMED = {"AF": "AFL", "VEB": "VEsB", "STE": "STIAb"}
# Acronyms of the publisher that share a code with a more general one, which is the label.
MERGED = {
    "LBBBB": "LBBB",
    "LFBBB": "LBBB",
    "IVB": "IDC",
    "WAVN": "SAAWR",
    "MIBW": "MI",
    "MIFW": "MI",
    "MILW": "MI",
    "MISW": "MI",
}
# No finding answers to these: the words ("left back bundle branch block") and the code (left bundle branch block)
# disagree. They are no labels.
WITHOUT_FINDING = {"LBBBB", "LFBBB"}


@pytest.fixture
def folder(tmp_path):
    """Three records in two leaf folders, listed as the publisher lists them."""
    microvolts = {name: make_microvolts(int(name[2:])).T for name in ("JS00001", "JS00002", "JS00101")}
    first, second = tmp_path / "WFDBRecords" / "01" / "010", tmp_path / "WFDBRecords" / "01" / "011"
    write_challenge_record(first / "JS00001", microvolts["JS00001"], codes="164889003,59118001,164934002")
    write_challenge_record(
        first / "JS00002", microvolts["JS00002"], codes="426177001", age="84", sex="Female", dialect="challenge"
    )
    write_challenge_record(
        second / "JS00101", microvolts["JS00101"], codes="427172004,123456789", age="NaN", sex="Unknown"
    )
    (tmp_path / "RECORDS").write_text("WFDBRecords/01/010/\nWFDBRecords/01/011/\n")
    (first / "RECORDS").write_text("JS00001\nJS00002\n")
    (second / "RECORDS").write_text("JS00101\n")
    return tmp_path


def load(folder, config_name=None, **options):
    """All rows by record, whatever their split."""
    corpus = load_corpus("chapman_shaoxing_ningbo", config_name, data_dir=folder, **options)
    return {row["record_id"]: row for rows in corpus.values() for row in rows}


def label_names(row, config_name="default"):
    return [LABEL_NAMES[config_name][label] for label in row["labels"]]


class TestLabels:
    def test_a_code_has_one_label(self):
        assert len(LABEL_NAMES["default"]) == len(set(LABEL_NAMES["default"]))
        assert set(LABEL_OF_CODE.values()) == set(LABEL_NAMES["default"])

    def test_merl_has_38_classes_which_are_labels(self):
        assert len(set(MERL_LABELS)) == 38
        assert set(MERL_LABELS) <= set(TABLE_LABELS)
        assert list(ChapmanShaoxingNingbo.builder_configs) == ["default", "merl"]

    @pytest.mark.parametrize(
        ("codes", "config_name", "labels"),
        [
            ("164889003,59118001,164934002", "default", ["RBBB", "TWC", "AFIB"]),
            ("164889003", "merl", ["AFIB"]),
            ("270492004", "merl", ["1AVB"]),
            ("17338001,427172004", "default", ["VPB"]),
            ("195101003,17366009", "default", ["SAAWR"]),
            ("426177001", "merl", []),
            ("999999999", "default", []),
        ],
        ids=[
            *("three", "fibrillation is no flutter", "1AVB is no AVB", "one finding", "two codes of one rhythm"),
            *("no class of MERL", "unknown code"),
        ],
    )
    def test_codes_become_labels(self, tmp_path, codes, config_name, labels):
        write_challenge_record(tmp_path / "JS00001", make_microvolts(1).T, codes=codes)

        row = load(tmp_path, config_name)["JS00001"]

        assert label_names(row, config_name) == labels

    @pytest.mark.parametrize(
        ("label", "finding"),
        [
            ("AFL", "atrial flutter"),
            ("AFIB", "atrial fibrillation"),
            ("VEsB", "ventricular escape"),
            ("STIAb", "st interval abnormality"),
            ("STTU", "st elevation"),
            ("STDD", "st depression"),
            ("ST", "sinus tachycardia"),
            ("SA", "sinus arrhythmia"),
            ("AT", "atrial tachycardia"),
            ("TWO", "t wave inversion"),
            ("AQW", "q waves"),
            ("IDC", "intraventricular conduction delay"),
            ("AcuteMI", "acute myocardial infarction"),
            ("PR", "paced rhythm"),
            ("VB", "ventricular bigeminy"),
            ("CR", "clockwise rotation"),
        ],
    )
    def test_labels_ask_for_the_right_finding_with_and_without_the_configuration(self, label, finding):
        terminology = load_terminology()

        assert terminology.find_label(label, config_name="default").name == finding
        assert terminology.find_label(label).name == finding

    # The publisher says "ST-T change", the Challenge "nonspecific ST-T abnormality".
    def test_labels_and_their_codes_ask_for_the_same_finding_but_for_sttc(self):
        terminology = load_terminology()

        differing = {
            label
            for code, label in LABEL_OF_CODE.items()
            if terminology.find_label(code).name != terminology.find_label(label).name
        }

        assert differing == {"STTC"}


class TestRows:
    def test_both_dialects_are_read(self, folder):
        rows = load(folder)

        assert {name: (label_names(row), row["age"], row["sex"]) for name, row in rows.items()} == {
            "JS00001": (["RBBB", "TWC", "AFIB"], 85.0, "male"),
            "JS00002": (["SB"], 84.0, "female"),
            "JS00101": (["VPB"], None, None),
        }

    def test_signals_are_the_stored_integers(self, folder):
        np.testing.assert_array_equal(load(folder)["JS00101"]["signal"], make_microvolts(101).T)

    def test_all_codes_of_a_record_are_kept(self, folder):
        assert load(folder)["JS00101"]["snomed_ct_codes"] == ["427172004", "123456789"]

    def test_every_record_is_of_another_patient(self, folder):
        assert load(folder)["JS00101"]["patient_id"] == "JS00101"

    def test_headers_state_no_measurements(self, folder):
        row = next(iter(load(folder).values()))

        assert row["measurements"].keys() >= {"rate_per_min", "qrs_ms", "axis_deg"}
        assert set(row["measurements"].values()) == {None}

    def test_two_processes_read_the_same_rows(self, folder):
        assert load(folder, num_proc=2) == load(folder)

    def test_classes_of_merl_are_labels_on_request(self, folder):
        rows = load(folder, "merl")

        assert {name: label_names(row, "merl") for name, row in rows.items()} == {
            "JS00001": ["RBBB", "AFIB", "TWC"],
            "JS00002": [],
            "JS00101": ["VPB"],
        }

    def test_published_tables_set_the_splits(self, folder, tmp_path):
        for name, ending in (("JS00001", "test"), ("JS00002", "val"), ("JS00101", "train")):
            path = tmp_path / f"chapman_{ending}.csv"
            pd.DataFrame({"ecg_path": [f"/chapman/WFDBRecords/01/010/{name}.mat"]}).to_csv(path, index=False)

        corpus = load_corpus("chapman_shaoxing_ningbo", data_dir=folder, split_dir=str(tmp_path))

        assert {split: rows["record_id"][:] for split, rows in corpus.items()} == {
            "train": ["JS00101"],
            "validation": ["JS00002"],
            "test": ["JS00001"],
        }


def garble_record_line(path):
    edit_header(path, "JS00002 12 500 5000", "JS00002 12")


def drop_lead_one(path):
    edit_header(path, f"JS00002.mat 16+24 1000/mV 16 0 {make_microvolts(2)[0, 0]} 0 0 I\n", "")


def change_rate(path):
    edit_header(path, "12 500 5000", "12 250 5000")


BROKEN = {
    "garbled record line": (garble_record_line, r"states 250 Hz, not 500 Hz|the record cannot be read"),
    "no lead I": (drop_lead_one, r"JS00002\.hea: the record cannot be read"),
    "other rate": (change_rate, r"states 250 Hz, not 500 Hz\. Pass the rate"),
}


class TestBrokenRecords:
    @pytest.mark.parametrize(("spoil", "message"), BROKEN.values(), ids=BROKEN)
    def test_a_broken_record_is_named_with_reason(self, folder, spoil, message):
        spoil(folder / "WFDBRecords" / "01" / "010" / "JS00002")

        with pytest.raises(ValueError, match=rf"JS00002 of chapman_shaoxing_ningbo cannot be read.*({message})"):
            load(folder)

    @pytest.mark.parametrize("spoil", [spoil for spoil, _ in BROKEN.values()], ids=BROKEN)
    def test_a_broken_record_can_be_left_out(self, folder, spoil):
        spoil(folder / "WFDBRecords" / "01" / "010" / "JS00002")

        assert set(load(folder, on_error="skip")) == {"JS00001", "JS00101"}

    def test_a_channel_that_is_no_lead_is_left_out(self, folder):
        edit_header(folder / "WFDBRecords" / "01" / "010" / "JS00002", " V6", " X6")

        assert load(folder)["JS00002"]["lead_mask"] == [True] * 11 + [False]

    def test_a_partial_download_can_be_read(self, folder):
        (folder / "RECORDS").write_text("WFDBRecords/01/010/\nWFDBRecords/01/011/\nWFDBRecords/01/012/\n")
        (folder / "WFDBRecords" / "01" / "011" / "RECORDS").write_text("JS00101\nJS00102\n")

        assert set(load(folder, on_error="skip")) == {"JS00001", "JS00002", "JS00101"}

    def test_a_partial_download_is_refused_unless_asked_for(self, folder):
        (folder / "RECORDS").write_text("WFDBRecords/01/010/\nWFDBRecords/01/012/\n")

        with pytest.raises(FileNotFoundError, match=r"WFDBRecords/01/012 does not exist, though it is listed"):
            load(folder)


@pytest.fixture
def csv_dir(tmp_path):
    """Two records in the older layout."""
    table = pd.DataFrame(
        {
            "FileName": ["MUSE_20180111_155115_19000", "MUSE_20180111_155154_74000"],
            "Rhythm": ["AF", "SB"],
            "Beat": ["RBBB TWC JPS", "NONE"],
            "PatientAge": [85, 59],
            "Gender": ["MALE", "FEMALE"],
            "VentricularRate": [117, 52],
            "AtrialRate": [234, 52],
            "QRSDuration": [114, 92],
            "QTInterval": [356, None],
            "QTCorrected": [496, 4320],
            "RAxis": [81, 270],
            "TAxis": [-27, 39],
        }
    )
    table.to_csv(tmp_path / "Diagnostics.csv", index=False)
    for folder in ("ECGData", "ECGDataDenoised"):
        (tmp_path / folder).mkdir()
    for position, name in enumerate(table["FileName"]):
        strip = pd.DataFrame(make_microvolts(position), columns=STANDARD_LEADS)
        strip.to_csv(tmp_path / "ECGData" / f"{name}.csv", index=False)
        (strip + 0.3).to_csv(tmp_path / "ECGDataDenoised" / f"{name}.csv", index=False, header=False)
    return tmp_path


BROKEN_TABLES = {
    "0 bytes": ("", r"74000\.csv"),
    "words": ("I,II\nnone,none\n", r"74000\.csv"),
    "11 leads": (",".join(["1"] * 11) + "\n", r"74000\.csv .*11.*12 leads"),
    "names only": (",".join(STANDARD_LEADS) + "\n", r"74000\.csv"),
}


class TestOlderLayout:
    def test_labels_age_and_sex_follow_the_table(self, csv_dir):
        rows = load(csv_dir)

        assert {name: (label_names(row), row["age"], row["sex"]) for name, row in rows.items()} == {
            "MUSE_20180111_155115_19000": (["RBBB", "TWC", "AFL"], 85.0, "male"),
            "MUSE_20180111_155154_74000": (["SB"], 59.0, "female"),
        }

    def test_what_the_cart_measured_stands_under_the_names_of_the_measurements(self, csv_dir):
        rows = load(csv_dir)

        assert rows["MUSE_20180111_155115_19000"]["measurements"] == {
            "rate_per_min": 117,
            "atrial_rate_per_min": 234,
            "qrs_ms": 114,
            "qt_ms": 356,
            "qtc_ms": 496,
            "axis_deg": 81,
        }

    def test_what_it_did_not_or_cannot_have_measured_is_null(self, csv_dir):
        measured = load(csv_dir)["MUSE_20180111_155154_74000"]["measurements"]

        assert (measured["qt_ms"], measured["qtc_ms"], measured["axis_deg"]) == (None, None, -90)

    def test_a_table_without_measurements_is_read(self, csv_dir):
        path = csv_dir / "Diagnostics.csv"
        pd.read_csv(path)[["FileName", "Rhythm", "Beat", "PatientAge", "Gender"]].to_csv(path, index=False)

        assert set(load(csv_dir)["MUSE_20180111_155115_19000"]["measurements"].values()) == {None}

    def test_acronyms_are_kept_as_they_stand_in_the_table(self, csv_dir):
        assert load(csv_dir)["MUSE_20180111_155115_19000"]["diagnoses"] == ["AF", "RBBB", "TWC", "JPS"]

    def test_raw_signals_are_microvolts_under_lead_names(self, csv_dir):
        row = load(csv_dir)["MUSE_20180111_155154_74000"]

        np.testing.assert_array_equal(row["signal"], make_microvolts(1).T)

    def test_denoised_signals_have_no_lead_names(self, csv_dir):
        row = load(csv_dir, signals="denoised")["MUSE_20180111_155154_74000"]

        np.testing.assert_array_equal(row["signal"], make_microvolts(1).T)  # written with 0.3 µV more

    def test_columns_are_ordered_by_name(self, csv_dir):
        path = csv_dir / "ECGData" / "MUSE_20180111_155154_74000.csv"
        pd.read_csv(path)[list(STANDARD_LEADS[::-1])].to_csv(path, index=False)

        row = load(csv_dir)["MUSE_20180111_155154_74000"]

        np.testing.assert_array_equal(row["signal"], make_microvolts(1).T)

    @pytest.mark.parametrize(("content", "message"), BROKEN_TABLES.values(), ids=BROKEN_TABLES)
    def test_a_broken_record_is_named_with_reason_and_remedy(self, csv_dir, content, message):
        (csv_dir / "ECGData" / "MUSE_20180111_155154_74000.csv").write_text(content)

        with pytest.raises(ValueError, match=rf"74000 of chapman_shaoxing_ningbo cannot be read.*{message}"):
            load(csv_dir)

    def test_a_missing_record_is_named(self, csv_dir):
        (csv_dir / "ECGData" / "MUSE_20180111_155154_74000.csv").unlink()

        with pytest.raises(ValueError, match=r"ECGData/MUSE_20180111_155154_74000\.csv does not exist\. Complete"):
            load(csv_dir)

    def test_a_table_without_a_column_is_refused(self, csv_dir):
        path = csv_dir / "Diagnostics.csv"
        pd.read_csv(path).drop(columns="Beat").to_csv(path, index=False)

        with pytest.raises(ValueError, match=r"Diagnostics\.csv has no column Beat .*Download"):
            load(csv_dir)

    def test_a_changed_table_is_not_served_from_the_cache(self, csv_dir):
        load(csv_dir)
        path = csv_dir / "Diagnostics.csv"
        path.write_text(path.read_text().replace(",SB,", ",SI,"))

        assert label_names(load(csv_dir)["MUSE_20180111_155154_74000"]) == ["SA"]


@pytest.fixture(scope="module")
def real_dir(data_dir):
    return data_dir / "chapman-shaoxing-ningbo"


@pytest.fixture(scope="module")
def real(real_dir):
    return load(real_dir)


@pytest.fixture
def published(real_dir):
    """Rows of the publisher's table and of the codes beyond it."""
    with (real_dir / "condition_names.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def has_finding(label):
    try:
        return bool(load_terminology().find_label(label).name)
    except ValueError:
        return False


@pytest.mark.data
class TestPublishedNames:
    def test_every_code_has_the_label_of_its_acronym(self, published):
        expected = {
            row["snomed_ct"]: MERGED.get(row["acronym"], RENAMED.get(row["acronym"], row["acronym"]))
            for row in published
            if row["snomed_ct"]
        }
        expected["427172004"] = "VPB"  # PVC counts as the same diagnosis

        assert {code: LABEL_OF_CODE[code] for code in expected} == expected

    def test_acronyms_that_ask_for_no_finding_are_listed(self, published):
        acronyms = {RENAMED.get(row["acronym"], row["acronym"]) for row in published}

        assert {acronym for acronym in acronyms if not has_finding(acronym)} == WITHOUT_FINDING

    def test_every_code_asks_for_a_finding(self, published):
        terminology = load_terminology()

        assert all(terminology.find_label(row["snomed_ct"]).name for row in published if row["snomed_ct"])

    @pytest.mark.parametrize(
        ("acronym", "finding"),
        [
            ("MIBW", "posterior myocardial infarction"),
            ("MIFW", "anterior myocardial infarction"),
            ("MILW", "inferior myocardial infarction"),
            ("MISW", "lateral myocardial infarction"),
            ("JPS", "j point shift"),
            ("LRRI", "long rr interval"),
        ],
    )
    def test_acronyms_that_are_no_labels_ask_for_the_right_finding(self, acronym, finding):
        assert load_terminology().find_label(acronym).name == finding


@pytest.mark.data
class TestRealRecords:
    def test_the_first_record_is_what_its_files_say(self, real):
        row = real["JS00001"]

        assert label_names(row) == ["RBBB", "TWC", "AFIB"]
        assert row["snomed_ct_codes"] == ["164889003", "59118001", "164934002"]
        assert (row["age"], row["sex"], row["filename"]) == (85.0, "male", "WFDBRecords/01/010/JS00001")
        assert [lead[0] for lead in row["signal"]] == [-254, 264, 517, -5, -386, 390, -98, -312, -98, 810, 810, 527]

    def test_the_last_record_is_what_its_files_say(self, real):
        row = real["JS20019"]

        assert label_names(row) == ["APB", "TWC", "ST"]
        assert row["snomed_ct_codes"] == ["284470004", "164934002", "427084000"]
        assert (row["age"], row["sex"], row["patient_id"]) == (70.0, "male", "JS20019")

    def test_signals_equal_the_matlab_variable_in_microvolts(self, real, real_dir):
        values = [scipy.io.loadmat(real_dir / f"{row['filename']}.mat")["val"] for row in real.values()]

        assert len(real) == 19
        np.testing.assert_array_equal(np.stack([row["signal"] for row in real.values()]), np.stack(values))

    def test_all_codes_of_these_records_have_a_label(self, real):
        codes = {code for row in real.values() for code in row["snomed_ct_codes"]}

        assert codes - set(LABEL_OF_CODE) == set()

    def test_splits_and_labels_equal_the_diagnoses_of_merl(self, real_dir, data_dir):
        folder = data_dir / "merl_splits" / "chapman"
        table = pd.read_csv(folder / "chapman_train.csv", index_col="ecg_path")["diagnose"]
        table.index = table.index.str.extract(r"(JS\d+)")[0]

        rows = load_corpus(
            "chapman_shaoxing_ningbo", "merl", data_dir=real_dir, split_dir=str(folder), on_error="skip"
        )

        ours = {row["record_id"]: set(label_names(row, "merl")) for row in rows["train"]}
        theirs = {
            name: {RENAMED.get(part, part) for part in table[name].split(",")} & set(MERL_LABELS) for name in ours
        }
        assert (len(ours), rows["validation"].num_rows, rows["test"].num_rows) == (8, 0, 0)
        assert ours == theirs

    def test_the_classes_of_merl_are_those_of_its_tables(self, data_dir):
        table = pd.read_csv(data_dir / "merl_splits" / "chapman" / "chapman_test.csv", nrows=1)

        assert [RENAMED.get(name, name) for name in table.columns[3:]] == list(MERL_LABELS)
