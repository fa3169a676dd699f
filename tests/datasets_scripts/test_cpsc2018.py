"""CPSC2018: the original layout and that of the Challenge say the same; nine labels; MERL's splits on request."""

import numpy as np
import pandas as pd
import pytest
import scipy.io
from helpers.records.challenge_records import write_challenge_record
from helpers.records.ptb_xl_records import make_microvolts

from datasets_scripts import cpsc2018, load_corpus
from datasets_scripts.cpsc2018 import LABEL_NAMES, LABEL_OF_CODE, read_ecg_struct
from datasets_scripts.terminology.findings import load_terminology


# Name -> (labels in the order of the source, age, sex).
RECORDS = {
    "A0001": (["RBBB"], 74, "Male"),
    "A0002": (["PVC", "AF"], 49, "Female"),
    "A0003": (["STE", "PAC", "Normal"], None, "Female"),
}
MERL_COLUMNS = dict(
    zip(LABEL_NAMES, ["NORM", "AFIB", "1AVB", "CLBBB", "CRBBB", "PAC", "VPC", "STD", "STE"], strict=True)
)
MERL_FILES = {"train": "train", "validation": "val", "test": "test"}


def write_ecg_struct(path, microvolts, *, age, sex):
    """Write a record as CPSC2018 does: a MATLAB struct with the voltages in millivolts."""
    path.parent.mkdir(parents=True, exist_ok=True)
    ecg = {"sex": sex, "age": np.zeros((0, 0)) if age is None else np.array([[age]]), "data": microvolts / 1000}
    scipy.io.savemat(f"{path}.mat", {"ECG": ecg})


def write_reference(folder, labels):
    """Write REFERENCE.csv; `labels` are lists of numbers by record."""
    rows = [[name, *numbers, *[None] * (3 - len(numbers))] for name, numbers in labels.items()]
    columns = ["Recording", "First_label", "Second_label", "Third_label"]
    pd.DataFrame(rows, columns=columns).astype({"Second_label": "Int64", "Third_label": "Int64"}).to_csv(
        folder / "REFERENCE.csv", index=False
    )


@pytest.fixture
def original_dir(tmp_path):
    """Three records in two folders of the original layout."""
    for position, (name, (_, age, sex)) in enumerate(RECORDS.items()):
        write_ecg_struct(
            tmp_path / f"TrainingSet{1 + position // 2}" / name, make_microvolts(position).T, age=age, sex=sex
        )
    write_reference(
        tmp_path, {name: [LABEL_NAMES.index(label) + 1 for label in row[0]] for name, row in RECORDS.items()}
    )
    return tmp_path


@pytest.fixture
def challenge_dir(tmp_path_factory):
    """The same records in the layout of the Challenge."""
    folder = tmp_path_factory.mktemp("challenge")
    codes = {label: code for code, label in LABEL_OF_CODE.items()}
    for position, (name, (labels, age, sex)) in enumerate(RECORDS.items()):
        write_challenge_record(
            folder / "g1" / name,
            make_microvolts(position).T,
            codes=",".join(codes[label] for label in labels),
            age=age or "NaN",
            sex=sex,
        )
    return folder


@pytest.fixture
def split_dir(tmp_path):
    """Tables that put one record into each split."""
    folder = tmp_path / "splits"
    folder.mkdir()
    for name, ending in zip(RECORDS, ("test", "train", "val"), strict=True):
        pd.DataFrame({"filename": [name], "scp_codes": ["{}"]}).to_csv(folder / f"icbeb_{ending}.csv", index=False)
    return folder


def load(folder, **options):
    """All rows by record, whatever their split."""
    return {
        row["record_id"]: row for rows in load_corpus("cpsc2018", data_dir=folder, **options).values() for row in rows
    }


def label_names(row):
    return [LABEL_NAMES[label] for label in row["labels"]]


class TestLabels:
    def test_nine_labels_stand_in_the_order_of_their_numbers(self):
        assert LABEL_NAMES == ("Normal", "AF", "I-AVB", "LBBB", "RBBB", "PAC", "PVC", "STD", "STE")

    @pytest.mark.parametrize(
        ("label", "finding"),
        [
            ("Normal", "normal ecg"),
            ("AF", "atrial fibrillation"),
            ("I-AVB", "first degree av block"),
            ("LBBB", "left bundle branch block"),
            ("RBBB", "right bundle branch block"),
            ("PAC", "premature atrial contraction"),
            ("PVC", "premature ventricular contraction"),
            ("STD", "st depression"),
            ("STE", "st elevation"),
        ],
    )
    def test_every_label_asks_for_its_finding(self, label, finding):
        assert load_terminology().find_label(label, config_name="default").name == finding

    @pytest.mark.parametrize("code", [code for code, label in LABEL_OF_CODE.items() if label != "Normal"])
    def test_the_codes_of_the_challenge_ask_for_the_finding_of_their_label(self, code):
        terminology = load_terminology()

        assert terminology.find_label(code).name == terminology.find_label(LABEL_OF_CODE[code]).name


class TestLayouts:
    def test_the_original_layout_is_read(self, original_dir):
        rows = load(original_dir)

        assert {name: label_names(row) for name, row in rows.items()} == {
            "A0001": ["RBBB"],
            "A0002": ["AF", "PVC"],
            "A0003": ["Normal", "PAC", "STE"],
        }
        np.testing.assert_array_equal(rows["A0002"]["signal"], make_microvolts(1).T)

    def test_the_order_of_the_labels_is_kept(self, original_dir):
        assert {name: row["diagnoses"] for name, row in load(original_dir).items()} == {
            name: labels for name, (labels, _, _) in RECORDS.items()
        }

    def test_age_and_sex_stand_in_the_file(self, original_dir):
        assert {name: (row["age"], row["sex"]) for name, row in load(original_dir).items()} == {
            "A0001": (74.0, "male"),
            "A0002": (49.0, "female"),
            "A0003": (None, "female"),
        }

    def test_both_layouts_say_the_same(self, original_dir, challenge_dir):
        original, challenge = load(original_dir), load(challenge_dir)

        for row in (*original.values(), *challenge.values()):
            row.pop("filename")
        assert original == challenge

    def test_the_table_may_lie_beside_the_records(self, original_dir):
        (original_dir / "REFERENCE.csv").rename(original_dir / "TrainingSet1" / "REFERENCE.csv")

        assert set(load(original_dir)) == set(RECORDS)

    def test_a_changed_table_is_not_served_from_the_cache(self, original_dir):
        load(original_dir)
        write_reference(original_dir, {"A0001": [4]})

        assert {name: label_names(row) for name, row in load(original_dir).items()} == {"A0001": ["LBBB"]}

    def test_a_longer_recording_gives_windows_on_request(self, original_dir):
        long = np.concatenate([make_microvolts(0).T, make_microvolts(1).T], axis=1)
        write_ecg_struct(original_dir / "TrainingSet1" / "A0001", long, age=74, sex="Male")

        corpus = load_corpus("cpsc2018", data_dir=original_dir, window="all")

        starts = [row["window_start_s"] for rows in corpus.values() for row in rows if row["record_id"] == "A0001"]
        assert starts == [0.0, 10.0]


class TestSplits:
    def test_published_tables_set_the_splits(self, original_dir, split_dir):
        corpus = load_corpus("cpsc2018", data_dir=original_dir, split_dir=str(split_dir))

        assert {split: rows["record_id"][:] for split, rows in corpus.items()} == {
            "train": ["A0002"],
            "validation": ["A0003"],
            "test": ["A0001"],
        }

    def test_a_record_that_the_corpus_lacks_is_named(self, original_dir, split_dir):
        pd.DataFrame({"filename": ["A0001", "A6877"]}).to_csv(split_dir / "icbeb_test.csv", index=False)

        with pytest.raises(
            ValueError, match=r"lists 1 records that .* lacks, first A6877\. Complete.*--on_error skip"
        ):
            load(original_dir, split_dir=str(split_dir))

    def test_records_that_the_corpus_lacks_can_be_left_out(self, original_dir, split_dir):
        pd.DataFrame({"filename": ["A0001", "A6877"]}).to_csv(split_dir / "icbeb_test.csv", index=False)

        assert set(load(original_dir, split_dir=str(split_dir), on_error="skip")) == set(RECORDS)

    def test_a_missing_table_of_splits_is_named(self, original_dir, split_dir):
        (split_dir / "icbeb_val.csv").unlink()

        with pytest.raises(FileNotFoundError, match=r"holds no table \*_val\.csv\. Let `split_dir`"):
            load(original_dir, split_dir=str(split_dir))


def spoil_table(**cells):
    """Overwrite cells of the row of A0002."""

    def spoil(folder):
        path = folder / "REFERENCE.csv"
        table = pd.read_csv(path, dtype=str)
        table.loc[table["Recording"] == "A0002", list(cells)] = list(cells.values())
        table.to_csv(path, index=False)

    return spoil


def drop_column(folder):
    path = folder / "REFERENCE.csv"
    pd.read_csv(path).drop(columns="Third_label").to_csv(path, index=False)


BROKEN_TABLES = {
    "unknown label": (
        spoil_table(Second_label="10"),
        r"REFERENCE\.csv, line 3: record 'A0002' has the unknown label '10', not .* 1 to 9\. Correct",
    ),
    "label in words": (spoil_table(First_label="PVC"), r"line 3: record 'A0002' has the unknown label 'PVC'.*Correct"),
    "empty cells": (spoil_table(First_label=None, Second_label=None), r"line 3: record 'A0002' has no label.*Correct"),
    "listed twice": (spoil_table(Recording="A0001"), r"line 3: Recording 'A0001' stands in line 2 already\. Keep one"),
    "no column": (drop_column, r"REFERENCE\.csv has no column Third_label .*Download"),
}


def truncate(path):
    path.write_bytes(path.read_bytes()[:5000])


def empty(path):
    path.write_bytes(b"")


def garble(path):
    path.write_bytes(b"<html>404</html>" * 100)


def store_challenge_form(path):
    scipy.io.savemat(path, {"val": make_microvolts(1).T}, format="4")


def lose_a_lead(path):
    write_ecg_struct(path.with_suffix(""), make_microvolts(1).T[:11], age=49, sex="Female")


def mistake_sex(path):
    write_ecg_struct(path.with_suffix(""), make_microvolts(1).T, age=49, sex="7")


BROKEN_RECORDS = {
    "truncated": (truncate, r"A0002\.mat is no readable MATLAB file.*Download it again"),
    "0 bytes": (empty, r"A0002\.mat is no readable MATLAB file.*Download it again"),
    "garbled": (garble, r"A0002\.mat is no readable MATLAB file.*Download it again"),
    "other layout": (store_challenge_form, r"A0002\.mat is no readable.*KeyError.*take REFERENCE\.csv away"),
    "11 leads": (lose_a_lead, r"A0002\.mat holds data of shape \(11, 5000\).*Download"),
    "other sex": (mistake_sex, r"A0002\.mat: '7' is none of male, female.*Correct the struct"),
    "missing": (lambda path: path.unlink(), r"A0002\.mat does not exist\. Complete the download"),
}


class TestBrokenFiles:
    @pytest.mark.parametrize("part", ["_read_struct", "_text", "admit"])
    def test_a_mistake_in_our_own_code_is_not_taken_for_a_damaged_record(self, original_dir, monkeypatch, part):
        def mistaken(*args, **options):
            raise AttributeError("our own mistake")

        monkeypatch.setattr(cpsc2018, part, mistaken)

        with pytest.raises(AttributeError, match="our own mistake"):
            read_ecg_struct(original_dir / "TrainingSet1" / "A0002.mat")

    @pytest.mark.parametrize(("spoil", "message"), BROKEN_TABLES.values(), ids=BROKEN_TABLES)
    def test_a_broken_table_is_refused(self, original_dir, spoil, message):
        spoil(original_dir)

        with pytest.raises(ValueError, match=message):
            load(original_dir)

    @pytest.mark.parametrize("name", ["unknown label", "label in words", "empty cells"])
    def test_a_row_that_cannot_be_right_can_be_left_out_and_is_listed(self, original_dir, tmp_path, name):
        BROKEN_TABLES[name][0](original_dir)
        builder = cpsc2018.Cpsc2018(data_dir=str(original_dir), on_error="skip", cache_dir=str(tmp_path / "cache"))

        builder.download_and_prepare()

        assert sum(split.num_rows for split in builder.as_dataset().values()) == 2
        assert [skipped["record_id"] for skipped in builder.skipped_records] == ["A0002"]
        assert "REFERENCE.csv, line 3" in builder.skipped_records[0]["reason"]

    def test_lost_samples_are_bridged(self, original_dir):
        strip = make_microvolts(1).T.astype(float)
        strip[3, 100:103] = np.nan
        write_ecg_struct(original_dir / "TrainingSet1" / "A0002", strip, age=49, sex="Female")

        row = load(original_dir)["A0002"]

        assert (row["lead_mask"], row["not_recorded"]) == ([True] * 12, [])

    @pytest.mark.parametrize(("spoil", "message"), BROKEN_RECORDS.values(), ids=BROKEN_RECORDS)
    def test_a_broken_record_is_named_with_reason_and_remedy(self, original_dir, spoil, message):
        spoil(original_dir / "TrainingSet1" / "A0002.mat")

        with pytest.raises(ValueError, match=rf'A0002 of cpsc2018 cannot be read.*{message}.*on_error="skip"'):
            load(original_dir)

    @pytest.mark.parametrize("spoil", [spoil for spoil, _ in BROKEN_RECORDS.values()], ids=BROKEN_RECORDS)
    def test_a_broken_record_can_be_left_out(self, original_dir, spoil):
        spoil(original_dir / "TrainingSet1" / "A0002.mat")

        assert set(load(original_dir, on_error="skip")) == {"A0001", "A0003"}

    def test_a_code_of_another_corpus_is_refused(self, challenge_dir):
        write_challenge_record(challenge_dir / "g1" / "Q0001", make_microvolts(1).T, codes="427084000")

        with pytest.raises(ValueError, match=r'Q0001\.hea lists the code 427084000.*as "challenge2021"'):
            load(challenge_dir)

    def test_a_folder_without_either_layout_is_refused(self, tmp_path):
        with pytest.raises(FileNotFoundError, match=r"holds no WFDB headers.*--data_dir"):
            load(tmp_path)


@pytest.fixture(scope="module")
def real(data_dir):
    return load(data_dir / "cpsc2018")


@pytest.mark.data
class TestRealRecords:
    def test_the_first_record_is_what_its_file_says(self, real):
        row = real["A1980"]

        assert (label_names(row), row["diagnoses"]) == (["PAC"], ["PAC"])
        assert (row["age"], row["sex"], row["num_samples_original"]) == (52.0, "male", 5000)
        assert row["filename"] == "TrainingSet1/A1980"

    def test_the_last_record_is_what_its_file_says(self, real):
        row = real["A1989"]

        assert (label_names(row), row["snomed_ct_codes"]) == (["I-AVB"], ["270492004"])
        assert (row["age"], row["sex"], row["num_samples_original"]) == (34.0, "female", 8500)

    def test_signals_equal_the_matlab_struct_in_microvolts(self, real, data_dir):
        files = [scipy.io.loadmat(data_dir / "cpsc2018" / f"{row['filename']}.mat") for row in real.values()]

        strips = np.stack([file["ECG"]["data"][0, 0][:, :5000] for file in files])

        assert len(real) == 10
        np.testing.assert_array_equal(np.stack([row["signal"] for row in real.values()]), np.rint(strips * 1000))

    def test_the_whole_recording_is_read(self, data_dir):
        microvolts = read_ecg_struct(data_dir / "cpsc2018" / "TrainingSet1" / "A1988.mat")[0].microvolts

        # 54.3 s; leads II = I + III within rounding.
        assert microvolts.shape == (12, 27157)
        np.testing.assert_allclose(microvolts[1], microvolts[0].astype(int) + microvolts[2], atol=2)

    @pytest.mark.parametrize("split", ["train", "validation", "test"])
    def test_splits_and_labels_equal_those_of_merl(self, data_dir, split):
        folder = data_dir / "merl_splits" / "icbeb"
        table = pd.read_csv(folder / f"icbeb_{MERL_FILES[split]}.csv").set_index("filename")

        rows = load_corpus(
            "cpsc2018", data_dir=data_dir / "cpsc2018", split=split, split_dir=str(folder), on_error="skip"
        )

        ours = {row["record_id"]: {MERL_COLUMNS[name] for name in label_names(row)} for row in rows}
        theirs = table.loc[table.index.str.fullmatch(r"A198\d"), list(MERL_COLUMNS.values())]
        assert ours == {
            name: set(theirs.columns[row == 1]) for name, row in zip(theirs.index, theirs.to_numpy(), strict=True)
        }
