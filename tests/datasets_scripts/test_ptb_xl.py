"""PTB-XL: exact signals, the labels and folds of its benchmark, and clear words about broken files."""

import ast
import logging
import re
import shutil

import numpy as np
import pandas as pd
import pytest
import wfdb
from helpers.corpus_rows import signals
from helpers.records.ptb_xl_records import PTB_XL_LEADS, make_microvolts, write_ptb_xl_record

from datasets_scripts import load_corpus
from datasets_scripts.ptb_xl import LABEL_NAMES, PtbXl, check_statements, labels_of
from datasets_scripts.readers.ptb_xl_layout import ALL_CODES, DIAGNOSTIC_CODES, FORM_CODES, RHYTHM_CODES


# MERL's tables are those of PTB-XL 1.0.3, which lacks 38 records of the first release; these are 12 of them.
WITHDRAWN = {"137", "139", "140", "141", "142", "143", "145", "456", "458", "459", "461", "462"}

# Columns that MERL named anew.
MERL_NAMES = {"NST_": "NST", "NT_": "NT", "STD_": "STD", "STE_": "STE", "TAB_": "TAB", "ISC_": "ISC", "_AVB": "AVB"}
MERL_FOLDERS = {"superclass": "super_class", "subclass": "sub_class", "form": "form", "rhythm": "rhythm"}
MERL_FILES = {"train": "train", "validation": "val", "test": "test"}


@pytest.fixture
def changed_dir(ptb_xl_dir, tmp_path):
    """A copy of the small corpus that a test may spoil."""
    return shutil.copytree(ptb_xl_dir, tmp_path / "ptb-xl")


@pytest.fixture(scope="module")
def small_corpus(ptb_xl_dir):
    return load_corpus("ptb_xl", "all", data_dir=ptb_xl_dir)


@pytest.fixture(scope="module")
def real_dir(data_dir):
    return data_dir / "ptb-xl"


@pytest.fixture(scope="module")
def real(real_dir):
    return load_corpus("ptb_xl", "all", data_dir=real_dir)


def change_table(folder, **columns):
    """Overwrite columns of the database table; a dict changes the records whose `ecg_id` it names."""
    path = folder / "ptbxl_database.csv"
    table = pd.read_csv(path).set_index("ecg_id", drop=False)
    for column, values in columns.items():
        table.loc[list(values), column] = list(values.values())
    table.to_csv(path, index=False)


def label_names_of(dataset):
    """Names of the labels of every row, by record."""
    names = dataset.features["labels"].feature.names
    return {
        record_id: {names[index] for index in labels}
        for record_id, labels in zip(dataset["record_id"], dataset["labels"], strict=True)
    }


class TestLabels:
    @pytest.mark.parametrize(
        ("config_name", "num_labels"),
        [
            *[("superclass", 5), ("subclass", 23), ("diagnostic", 44), ("form", 19), ("rhythm", 12), ("all", 71)],
            ("hierarchy", 99),
        ],
    )
    def test_a_configuration_has_the_number_of_labels_of_the_benchmark(self, config_name, num_labels):
        assert len(set(LABEL_NAMES[config_name])) == len(LABEL_NAMES[config_name]) == num_labels

    def test_the_configurations_of_the_builder_are_those_with_labels(self):
        assert list(PtbXl.builder_configs) == list(LABEL_NAMES)

    def test_the_names_of_the_labels_are_known_without_data(self, tmp_path):
        builder = PtbXl(config_name="superclass", cache_dir=str(tmp_path))

        assert builder.info.features["labels"].feature.names == ["NORM", "MI", "STTC", "CD", "HYP"]

    @pytest.mark.parametrize(
        ("codes", "config_name", "labels"),
        [
            (["NORM", "SR"], "superclass", ["NORM"]),
            (["LAFB", "IMI", "ASMI"], "superclass", ["MI", "CD"]),
            (["LAFB", "LPFB"], "subclass", ["LAFB/LPFB"]),
            (["INJAS"], "subclass", ["AMI"]),
            (["3AVB"], "subclass", ["_AVB"]),
            (["NDT", "PVC", "SR"], "form", ["NDT", "PVC"]),
            (["NDT", "PVC", "SR"], "diagnostic", ["NDT"]),
            (["NDT", "PVC", "SR"], "rhythm", ["SR"]),
            (["SR"], "superclass", []),
            (["LVH"], "hierarchy", ["superclass:HYP", "subclass:LVH", "LVH"]),
        ],
    )
    def test_codes_become_the_labels_of_a_configuration(self, codes, config_name, labels):
        assert labels_of(codes, config_name) == labels

    def test_labels_come_in_the_order_of_their_indices(self):
        assert labels_of(["SR", "PVC", "IMI"], "all") == ["IMI", "PVC", "SR"]

    def test_a_code_counts_whatever_its_likelihood(self, small_corpus):
        labels = label_names_of(small_corpus["train"])

        assert labels["3"] == {"ASMI", "LAFB", "AFIB"}

    def test_all_labels_of_a_row_are_known(self, small_corpus):
        assert all(len(mask) == 71 and all(mask) for mask in small_corpus["train"]["label_mask"])

    def test_a_record_without_a_label_of_the_configuration_is_left_out(self, ptb_xl_dir):
        superclass = load_corpus("ptb_xl", "superclass", data_dir=ptb_xl_dir)

        assert superclass["train"]["record_id"][:] == [
            *("1", "2", "3", "4", "5", "7", "8"),
            *("11", "12", "13", "14", "15", "17", "18"),
        ]


class TestTables:
    def test_folds_1_to_8_train_9_validate_and_10_test(self, small_corpus):
        assert {split: sorted(set(rows["strat_fold"])) for split, rows in small_corpus.items()} == {
            "train": [1, 2, 3, 4, 5, 6, 7, 8],
            "validation": [9],
            "test": [10],
        }

    def test_rows_follow_the_table(self, small_corpus):
        assert small_corpus["test"]["record_id"][:] == ["10", "20"]

    def test_patients_have_their_number_without_a_decimal_point(self, small_corpus):
        assert small_corpus["train"][0]["patient_id"] == "1001"

    @pytest.mark.parametrize(("row", "age"), [(0, 90.0), (1, None), (2, 43.0)], ids=["over 89", "unknown", "known"])
    def test_ages_over_89_read_90_and_unknown_ages_are_empty(self, small_corpus, row, age):
        assert small_corpus["train"][row]["age"] == age

    def test_sex_is_a_word(self, small_corpus):
        assert small_corpus["train"]["sex"][:2] == ["female", "male"]

    def test_likelihoods_are_kept_beside_the_codes(self, small_corpus):
        assert small_corpus["train"][1]["scp_codes"] == [
            {"code": "IMI", "likelihood": 80.0},
            {"code": "1AVB", "likelihood": 100.0},
            {"code": "SR", "likelihood": 0.0},
        ]

    def test_the_report_is_kept_as_it_is_and_cut_into_statements(self, small_corpus):
        row = small_corpus["train"][0]

        assert row["report"] == "sinus rhythm. left axis deviation.\nqrs 0.12 s."
        assert row["statements"] == ["sinus rhythm", "left axis deviation", "qrs 0.12 s"]

    def test_labels_that_annotators_wrote_into_a_report_are_no_statements(self, changed_dir):
        change_table(changed_dir, report={10: "sinus rhythm. Edit: NORM 100"})

        row = load_corpus("ptb_xl", data_dir=changed_dir, split="test")[0]

        assert row["report"] == "sinus rhythm. Edit: NORM 100"
        assert row["statements"] == ["sinus rhythm"]

    def test_a_record_without_a_report_has_no_statements(self, changed_dir):
        table = pd.read_csv(changed_dir / "ptbxl_database.csv").assign(report=None)
        table.to_csv(changed_dir / "ptbxl_database.csv", index=False)

        row = load_corpus("ptb_xl", data_dir=changed_dir, split="test")[0]

        assert (row["report"], row["statements"]) == (None, [])

    def test_a_code_outside_the_scheme_is_refused(self, changed_dir):
        change_table(changed_dir, scp_codes={4: "{'XYZ': 100.0}"})

        with pytest.raises(ValueError, match=r"csv, line 8: column scp_codes: .*unknown code 'XYZ'.*official"):
            load_corpus("ptb_xl", data_dir=changed_dir)

    def test_a_record_listed_twice_is_refused(self, changed_dir):
        change_table(changed_dir, ecg_id={4: 5})

        with pytest.raises(ValueError, match=r"csv, line 10: ecg_id '5' stands in line 8 already\. Keep one"):
            load_corpus("ptb_xl", data_dir=changed_dir)

    def test_a_table_without_folds_is_refused(self, changed_dir):
        path = changed_dir / "ptbxl_database.csv"
        pd.read_csv(path).drop(columns="strat_fold").to_csv(path, index=False)

        with pytest.raises(ValueError, match=r"ptbxl_database.csv has no column strat_fold .*Download"):
            load_corpus("ptb_xl", data_dir=changed_dir)

    def test_a_table_that_groups_codes_in_another_way_is_refused(self, changed_dir):
        path = changed_dir / "scp_statements.csv"
        path.write_text(path.read_text().replace("MI,IMI", "MI,AMI", 1))

        with pytest.raises(ValueError, match=r"scp_statements.csv differs.* in IMI\. Use the file"):
            load_corpus("ptb_xl", data_dir=changed_dir)

    @pytest.mark.parametrize("filename", ["ptbxl_database.csv", "scp_statements.csv"])
    def test_a_missing_table_is_named_with_its_path(self, changed_dir, filename):
        (changed_dir / filename).unlink()

        with pytest.raises(FileNotFoundError, match=rf"ptb-xl/{filename} does not exist.*--data_dir"):
            load_corpus("ptb_xl", data_dir=changed_dir)

    def test_without_a_folder_the_answer_says_which_one_is_needed(self, tmp_path):
        with pytest.raises(ValueError, match=r"no folder was given.*data_dir.*holds scp_statements.csv"):
            load_corpus("ptb_xl", "superclass", cache_dir=tmp_path)


BAD_CELLS = {
    "no patient": ({"patient_id": None}, r"the cell of patient_id is empty\. Fill it"),
    "patient in words": ({"patient_id": "x"}, r"column patient_id: 'x' is no whole number\. Correct"),
    "codes that are no dictionary": (
        {"scp_codes": "NORM"},
        r"column scp_codes: 'NORM' is no dictionary of codes and likelihoods.*Correct",
    ),
    "codes without likelihoods": ({"scp_codes": "{'NORM'}"}, r"column scp_codes: \"{'NORM'}\" is no dictionary"),
    "no codes": ({"scp_codes": None}, r"column scp_codes: '' is no dictionary"),
    "age in words": ({"age": "old"}, r"column age: 'old' is no age"),
    "another sex": ({"sex": "7"}, r"column sex: '7' is none of male, female, M, F, 0, 1"),
    "a fold too many": ({"strat_fold": "11"}, r"column strat_fold: 11 is no fold of 1 to 10"),
    "no file": ({"filename_hr": None}, r"the cell of filename_hr is empty"),
}


class TestBadCells:
    """Record 4 stands in lines 8 and 9: every report has a line break."""

    def spoil(self, folder, cells):
        path = folder / "ptbxl_database.csv"
        table = pd.read_csv(path, dtype=object)
        table.loc[3, list(cells)] = list(cells.values())
        table.to_csv(path, index=False)

    @pytest.mark.parametrize(("cells", "message"), BAD_CELLS.values(), ids=BAD_CELLS)
    def test_a_cell_that_cannot_be_right_is_named_by_file_and_line(self, changed_dir, cells, message):
        self.spoil(changed_dir, cells)

        with pytest.raises(ValueError, match=rf'ptbxl_database\.csv, line 8: {message}.*on_error="skip"'):
            load_corpus("ptb_xl", data_dir=changed_dir)

    @pytest.mark.parametrize("cells", [cells for cells, _ in BAD_CELLS.values()], ids=BAD_CELLS)
    def test_its_row_can_be_left_out_and_is_listed(self, changed_dir, tmp_path, cells):
        self.spoil(changed_dir, cells)
        builder = PtbXl(data_dir=str(changed_dir), on_error="skip", cache_dir=str(tmp_path / "cache"))

        builder.download_and_prepare()

        assert "4" not in builder.as_dataset("train")["record_id"][:]
        assert len(builder.as_dataset("train")) == 13
        assert [(skipped["split"], skipped["record_id"]) for skipped in builder.skipped_records] == [("train", "4")]
        assert "line 8" in builder.skipped_records[0]["reason"]

    def test_two_processes_leave_out_the_same_row(self, changed_dir, tmp_path):
        self.spoil(changed_dir, {"age": "old"})
        options = {"data_dir": changed_dir, "split": "train", "on_error": "skip"}

        one = load_corpus("ptb_xl", cache_dir=tmp_path / "one", **options)
        two = load_corpus("ptb_xl", cache_dir=tmp_path / "two", num_proc=2, **options)

        assert two["record_id"][:] == one["record_id"][:]

    def test_a_table_in_latin_1_is_read_and_that_is_said(self, changed_dir, caplog, monkeypatch):
        path = changed_dir / "ptbxl_database.csv"
        pd.read_csv(path, dtype=object).assign(report="Überleitung").to_csv(path, index=False, encoding="latin-1")
        monkeypatch.setattr(logging.getLogger("datasets"), "propagate", True)

        rows = load_corpus("ptb_xl", data_dir=changed_dir, split="test")

        assert set(rows["report"]) == {"Überleitung"}
        assert "ptbxl_database.csv is not in UTF-8 (line 2) and was read as Windows-1252" in caplog.text

    def test_the_separator_and_the_slashes_may_be_those_of_windows(self, changed_dir):
        path = changed_dir / "ptbxl_database.csv"
        table = pd.read_csv(path, dtype=object)
        table.assign(filename_hr=table["filename_hr"].str.replace("/", "\\")).to_csv(path, index=False, sep=";")

        assert load_corpus("ptb_xl", data_dir=changed_dir, split="test")["record_id"][:] == ["10", "20"]


class TestPresence:
    """What of a record was not used is masked in its row and told in its account."""

    def record_4(self, folder, tmp_path):
        builder = PtbXl(data_dir=str(folder), cache_dir=str(tmp_path / "cache"))
        builder.download_and_prepare()
        (row,) = (row for row in builder.as_dataset("train") if row["record_id"] == "4")
        (account,) = (account for account in builder.accounts if account["record_id"] == "4")
        return row, account

    def test_an_electrode_that_was_off_for_four_seconds_is_masked_in_time(self, changed_dir, tmp_path):
        microvolts = make_microvolts(4)
        microvolts[1000:3000, 6] = 0
        write_ptb_xl_record(changed_dir / "records500/00000/00004_hr", microvolts, sampling_rate=500)

        row, account = self.record_4(changed_dir, tmp_path)

        ((lead, start, stop),) = row["not_recorded"]
        assert (lead, row["lead_mask"]) == (6, [True] * 12)
        assert (start, stop) == pytest.approx((1000, 3000), abs=3)  # the waves beside it may begin at 0
        assert account["seconds_missing"] == {"V1": pytest.approx(4.0, abs=0.01)}

    def test_a_name_that_is_no_lead_is_left_out_with_the_reason(self, changed_dir, tmp_path):
        edit_hea(" V6", " VX")(changed_dir / "records500/00000/00004_hr")

        row, account = self.record_4(changed_dir, tmp_path)

        assert row["lead_mask"] == [True] * 11 + [False]
        assert list(account["left_out"]) == ["VX"]

    def test_a_lost_sample_is_bridged_and_counted(self, changed_dir, tmp_path):
        microvolts = make_microvolts(4)
        microvolts[100, 3] = -32768
        write_ptb_xl_record(changed_dir / "records500/00000/00004_hr", microvolts, sampling_rate=500)

        row, account = self.record_4(changed_dir, tmp_path)

        assert (row["lead_mask"], row["not_recorded"]) == ([True] * 12, [])
        assert account["num_bridged_samples"] == 1

    def test_what_was_not_used_is_told_in_one_line(self, changed_dir, caplog, monkeypatch):
        edit_hea(" V6", " VX")(changed_dir / "records500/00000/00004_hr")
        monkeypatch.setattr(logging.getLogger("datasets"), "propagate", True)

        load_corpus("ptb_xl", data_dir=changed_dir)

        # The sines of all these records contradict the identities of the limb leads.
        told = r"ptb_xl: of 18 records not all was used: channels left out \(1\), suspected exchanges \(18\)\. All are"
        assert re.search(told, caplog.text)


class TestSignals:
    def test_stored_integers_are_the_microvolts_of_the_row(self, small_corpus):
        expected = np.stack([make_microvolts(10).T, make_microvolts(20).T])

        np.testing.assert_array_equal(signals(small_corpus["test"]), expected)

    def test_records_at_100_hz_are_resampled_to_500_hz(self, ptb_xl_dir):
        test = load_corpus("ptb_xl", "all", data_dir=ptb_xl_dir, sampling_rate=100)["test"]

        within = slice(250, -250)
        np.testing.assert_allclose(signals(test)[0][:, within], make_microvolts(10).T[:, within], atol=3)
        assert test[0]["sampling_rate_original"] == 100
        assert test[0]["filename"] == "records100/00000/00010_lr"

    def test_leads_are_ordered_by_name_not_by_position(self, changed_dir):
        microvolts = make_microvolts(10)
        write_ptb_xl_record(
            changed_dir / "records500/00000/00010_hr", microvolts[:, ::-1], sampling_rate=500, leads=PTB_XL_LEADS[::-1]
        )

        test = load_corpus("ptb_xl", "all", data_dir=changed_dir, split="test")

        np.testing.assert_array_equal(signals(test)[0], microvolts.T)

    def test_a_lead_that_the_header_lacks_is_masked(self, changed_dir):
        path = changed_dir / "records500/00000/00010_hr"
        write_ptb_xl_record(path, make_microvolts(10)[:, :11], sampling_rate=500, leads=PTB_XL_LEADS[:11])

        row = load_corpus("ptb_xl", "all", data_dir=changed_dir, split="test")[0]

        assert row["lead_mask"] == [True] * 11 + [False]
        assert not np.any(row["signal"][11])

    def test_a_lead_without_a_recorded_sample_is_masked(self, changed_dir):
        microvolts = make_microvolts(10)
        microvolts[:, 0] = -32768
        write_ptb_xl_record(changed_dir / "records500/00000/00010_hr", microvolts, sampling_rate=500)

        row = load_corpus("ptb_xl", "all", data_dir=changed_dir, split="test")[0]

        assert row["lead_mask"] == [False] + [True] * 11
        assert not np.any(row["signal"][0])

    def test_another_gain_is_applied(self, changed_dir):
        path = changed_dir / "records500/00000/00010_hr"
        write_ptb_xl_record(path, make_microvolts(10), sampling_rate=500, gain=200.0)

        test = load_corpus("ptb_xl", "all", data_dir=changed_dir, split="test")

        np.testing.assert_array_equal(signals(test)[0], 5 * make_microvolts(10).T)

    def test_only_the_two_released_rates_can_be_asked_for(self, ptb_xl_dir):
        with pytest.raises(ValueError, match=r"not at 250 Hz.*sampling_rate=500"):
            load_corpus("ptb_xl", data_dir=ptb_xl_dir, sampling_rate=250)


def remove_dat(path):
    path.with_suffix(".dat").unlink()


def remove_hea(path):
    path.with_suffix(".hea").unlink()


def truncate_dat(path):
    path.with_suffix(".dat").write_bytes(path.with_suffix(".dat").read_bytes()[:1000])


def empty_hea(path):
    path.with_suffix(".hea").write_text("")


def garble_hea(path):
    path.with_suffix(".hea").write_text("<html>404</html>")


def edit_hea(old, new):
    def edit(path):
        header = path.with_suffix(".hea")
        header.write_text(header.read_text().replace(old, new))

    return edit


BROKEN = {
    "no .dat": (remove_dat, r"00004_hr\.dat does not exist\. Complete the download"),
    "no .hea": (remove_hea, r"00004_hr\.hea does not exist\. Complete the download"),
    "short .dat": (truncate_dat, r"00004_hr\.hea: the record cannot be read"),
    "empty .hea": (empty_hea, r"00004_hr\.hea: the record cannot be read"),
    "garbled .hea": (garble_hea, r"00004_hr\.hea: the record cannot be read"),
    "other rate": (edit_hea("12 500 5000", "12 250 5000"), r"states 250 Hz, not 500 Hz\. Pass the rate"),
    "no rate": (edit_hea("12 500 5000", "12"), r"states 250 Hz, not 500 Hz\. Pass the rate"),
    "other unit": (edit_hea("/mV", "/mmHg"), r"no lead that can be used \(I: in mmHg, no voltage.*Correct it"),
}


class TestBrokenRecords:
    @pytest.mark.parametrize(("spoil", "message"), BROKEN.values(), ids=BROKEN)
    def test_a_broken_record_is_named_with_reason_and_remedy(self, changed_dir, spoil, message):
        spoil(changed_dir / "records500/00000/00004_hr")

        with pytest.raises(ValueError, match=rf'Record 4 of ptb_xl cannot be read.*{message}.*on_error="skip"'):
            load_corpus("ptb_xl", data_dir=changed_dir)

    @pytest.mark.parametrize("spoil", [spoil for spoil, _ in BROKEN.values()], ids=BROKEN)
    def test_a_broken_record_can_be_left_out_and_is_listed(self, changed_dir, tmp_path, spoil):
        spoil(changed_dir / "records500/00000/00004_hr")
        builder = PtbXl(data_dir=str(changed_dir), on_error="skip", cache_dir=str(tmp_path / "cache"))

        builder.download_and_prepare()

        assert "4" not in builder.as_dataset("train")["record_id"][:]
        assert [(skipped["split"], skipped["record_id"]) for skipped in builder.skipped_records] == [("train", "4")]


@pytest.mark.data
class TestRealRecords:
    def test_the_codes_of_this_module_are_those_of_the_official_table(self, real_dir):
        table = pd.read_csv(real_dir / "scp_statements.csv", index_col=0)

        check_statements(real_dir / "scp_statements.csv")
        assert set(ALL_CODES) == set(table.index)
        assert set(FORM_CODES) == set(table.index[table.form == 1])
        assert set(RHYTHM_CODES) == set(table.index[table.rhythm == 1])
        assert set(DIAGNOSTIC_CODES) == set(table.diagnostic_class.dropna())

    def test_all_500_records_are_read(self, real):
        assert {split: rows.num_rows for split, rows in real.items()} == {"train": 353, "validation": 81, "test": 66}

    def test_signals_equal_what_wfdb_reads(self, real, real_dir):
        physical = np.stack([wfdb.rdsamp(str(real_dir / name))[0].T for name in real["test"]["filename"]])

        np.testing.assert_array_equal(signals(real["test"]), np.rint(physical * 1000))

    def test_the_release_at_100_hz_tells_the_same_voltages(self, real, real_dir):
        resampled = load_corpus("ptb_xl", "all", data_dir=real_dir, sampling_rate=100, max_records=20)["test"]

        reference = signals(real["test"].select(range(20))).astype(float)
        error = signals(resampled) - reference

        assert np.sqrt((error**2).mean()) < 0.15 * reference.std()

    @pytest.mark.parametrize("split", ["train", "validation", "test"])
    @pytest.mark.parametrize("config_name", MERL_FOLDERS)
    def test_splits_and_labels_equal_those_of_merl(self, real_dir, data_dir, config_name, split):
        rows = load_corpus("ptb_xl", config_name, data_dir=real_dir, split=split)
        merl = read_merl(data_dir, config_name, split, max_ecg_id=500)

        ours = {
            record_id: {MERL_NAMES.get(name, name) for name in names}
            for record_id, names in label_names_of(rows).items()
            if record_id not in WITHDRAWN
        }

        assert ours == merl

    def test_the_records_that_merl_lacks_are_those_withdrawn_since_the_first_release(self, real_dir, data_dir):
        parts = [read_merl(data_dir, name, split, max_ecg_id=10**6) for name in MERL_FOLDERS for split in MERL_FILES]
        merl = set().union(*parts)

        ours = set(pd.read_csv(real_dir / "ptbxl_database.csv")["ecg_id"].astype(str))

        assert len(merl) == 21799  # the size of version 1.0.3
        assert ours - merl == WITHDRAWN


def read_merl(data_dir, config_name, split, *, max_ecg_id):
    """Names of the positive columns of MERL's table, by record."""
    folder = data_dir / "merl_splits" / "ptbxl" / MERL_FOLDERS[config_name]
    table = pd.read_csv(next(folder.glob(f"*_{MERL_FILES[split]}.csv"))).set_index("ecg_id")
    table = table[table.index <= max_ecg_id].iloc[:, 5:]
    return {
        str(ecg_id): set(table.columns[row == 1]) for ecg_id, row in zip(table.index, table.to_numpy(), strict=True)
    }


def test_the_small_corpus_writes_codes_as_the_official_table_does(ptb_xl_dir):
    codes = pd.read_csv(ptb_xl_dir / "ptbxl_database.csv")["scp_codes"].map(ast.literal_eval)

    assert codes[0] == {"NORM": 100.0, "SR": 0.0}
