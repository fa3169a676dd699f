"""SPH: recordings from HDF5, AHA statements with their modifiers as labels, splits by patient."""

import h5py
import numpy as np
import pandas as pd
import pytest
from helpers.corpus_rows import rows_by_id

from datasets_scripts import load_corpus
from datasets_scripts.sph import MODIFIERS, STATEMENTS, Sph, statements_of
from datasets_scripts.splits import assign_split
from datasets_scripts.terminology.findings import load_terminology


RECORDS = {
    "A00001": {"AHA_Code": "22;23", "Patient_ID": "S00001", "Age": 55, "Sex": "M", "N": 5000},
    "A00002": {"AHA_Code": "50+346;147+367+310", "Patient_ID": "S00002", "Age": 32, "Sex": "F", "N": 6000},
    "A00003": {"AHA_Code": "1", "Patient_ID": "S00001", "Age": None, "Sex": None, "N": 4000},
}


def make_strip(record_id, num_samples):
    """`(12, num_samples)` millivolts as float16; whole multiples of 1/1024 mV, which float16 holds exactly."""
    steps = np.arange(num_samples) % 100 + np.arange(12)[:, None] * 50 + int(record_id[-1])
    return (steps / 1024).astype(np.float16)


def write_strip(path, strip, name="ecg"):
    with h5py.File(path, "w") as file:
        file[name] = strip


def write_tables(folder, records=RECORDS, codes=None):
    table = pd.DataFrame([{"ECG_ID": name, **cells, "Date": "2020-03-04"} for name, cells in records.items()])
    table.to_csv(folder / "metadata.csv", index=False)
    codes = codes or [("A", code, text) for code, text in STATEMENTS.items()] + [
        ("Modifier", code, text) for code, text in MODIFIERS.items()
    ]
    pd.DataFrame(codes, columns=["Category", "Code", "Description"]).to_csv(folder / "code.csv", index=False)


@pytest.fixture
def folder(tmp_path):
    """Three recordings of two patients, in a folder with a blank and an umlaut in its name."""
    folder = tmp_path / "SPH ü"
    (folder / "records").mkdir(parents=True)
    write_tables(folder)
    for record_id, cells in RECORDS.items():
        write_strip(folder / "records" / f"{record_id}.h5", make_strip(record_id, cells["N"]))
    return folder


def load_rows(folder, **options):
    return rows_by_id(load_corpus("sph", data_dir=folder, **options))


def test_signals_are_the_stored_millivolts_in_microvolts(folder):
    row = load_rows(folder)["A00001"]

    # Lead I begins with 1/1024 mV, V6 with (11 * 50 + 1)/1024 mV.
    assert (row["signal"][0, 0], row["signal"][11, 0]) == (1, 538)
    expected = np.rint(make_strip("A00001", 5000).astype(np.float64) * 1000)
    np.testing.assert_array_equal(row["signal"], expected)


def test_a_long_recording_gives_its_first_10_s_and_a_short_one_is_padded(folder):
    rows = load_rows(folder)

    assert [rows[name]["num_samples_original"] for name in RECORDS] == [5000, 6000, 4000]
    assert [rows[name]["num_samples"] for name in RECORDS] == [5000, 5000, 4000]
    assert not rows["A00003"]["signal"][:, 4000:].any()


def test_a_statement_counts_whatever_its_modifiers_and_all_codes_are_kept(folder):
    rows = load_rows(folder)

    assert rows["A00001"]["labels"] == ["Sinus bradycardia", "Sinus arrhythmia"]
    assert rows["A00002"]["labels"] == ["Atrial fibrillation", "T-wave abnormality"]
    assert rows["A00003"]["labels"] == ["Normal ECG"]
    assert rows["A00002"]["aha_codes"] == ["50+346", "147+367+310"]
    assert rows["A00001"]["label_mask"] == [True] * 44


def test_age_sex_and_date_come_from_the_table(folder):
    rows = load_rows(folder)

    assert [(row["age"], row["sex"], row["date"]) for row in map(rows.get, RECORDS)] == [
        (55.0, "male", "2020-03-04"),
        (32.0, "female", "2020-03-04"),
        (None, None, "2020-03-04"),
    ]


def test_recordings_of_a_patient_share_the_split_of_the_patient(folder):
    rows = load_rows(folder)

    assert rows["A00001"]["split"] == rows["A00003"]["split"] == assign_split("S00001")
    assert rows["A00002"]["split"] == assign_split("S00002")


@pytest.mark.parametrize(
    ("cell", "statements"),
    [
        ("1", ["Normal ECG"]),
        ("23;22", ["Sinus bradycardia", "Sinus arrhythmia"]),
        ("60+310+341", ["Ventricular premature complex(es)"]),
        ("145+362;145+363", ["ST deviation"]),
        (" 50 + 346 ; 22 ", ["Sinus bradycardia", "Atrial fibrillation"]),
    ],
)
def test_cells_of_codes_are_read(cell, statements):
    assert statements_of(cell) == statements


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("999", "'999' in '999' is an unknown AHA code"),
        ("50+999", r"'999' in '50\+999' is an unknown AHA code"),
        ("346", "'346' in '346' is a modifier without a statement"),
        ("22;", "'' in '22;' is an unknown AHA code"),
        ("22+23", r"'23' in '22\+23' is an unknown AHA code"),
    ],
)
def test_a_code_that_makes_no_statement_is_refused_with_record_and_remedy(folder, cell, message):
    write_tables(folder, RECORDS | {"A00002": RECORDS["A00002"] | {"AHA_Code": cell}})

    with pytest.raises(ValueError, match=rf"metadata\.csv, line 3: column AHA_Code: {message}\. Correct the cell"):
        load_corpus("sph", data_dir=folder)


def remove_file(path):
    path.unlink()


def empty_file(path):
    path.write_bytes(b"")


def truncate_file(path):
    path.write_bytes(path.read_bytes()[:-1000])


def rename_dataset(path):
    write_strip(path, make_strip("A00002", 6000), name="signal")


def drop_leads(path):
    write_strip(path, make_strip("A00002", 6000)[:8])


def shorten_strip(path):
    write_strip(path, make_strip("A00002", 5999))


DAMAGE = {
    "missing file": (remove_file, r"A00002\.h5 does not exist\. Complete the download"),
    "0-byte file": (empty_file, r"A00002\.h5 is not a readable HDF5 file.*Download it again"),
    "truncated file": (truncate_file, r"A00002\.h5 is not a readable HDF5 file.*Download it again"),
    "other dataset": (rename_dataset, r"A00002\.h5 has no dataset 'ecg', only signal"),
    "8 leads": (drop_leads, r"A00002\.h5 has shape \(8, 6000\), not 12 leads by samples"),
    "too short": (shorten_strip, r"A00002\.h5 holds 5999 samples, but metadata\.csv states 6000"),
}


@pytest.mark.parametrize(("damage", "message"), DAMAGE.values(), ids=DAMAGE)
def test_a_broken_file_stops_the_reading_with_its_name_and_a_remedy(folder, damage, message):
    damage(folder / "records" / "A00002.h5")

    with pytest.raises(ValueError, match=rf"(?s)Record A00002 of sph cannot be read: .*{message}.*--on_error skip"):
        load_corpus("sph", data_dir=folder)


@pytest.mark.parametrize("damage", [damage for damage, _ in DAMAGE.values()], ids=DAMAGE)
def test_a_broken_file_can_be_skipped(folder, damage):
    damage(folder / "records" / "A00002.h5")

    assert sorted(load_rows(folder, on_error="skip")) == ["A00001", "A00003"]


def test_a_lead_that_was_not_connected_is_masked(folder):
    strip = make_strip("A00001", 5000)
    strip[11] = 0
    write_strip(folder / "records" / "A00001.h5", strip)

    assert load_rows(folder)["A00001"]["lead_mask"] == [True] * 11 + [False]


BROKEN_TABLES = {
    "column": (lambda table: table.drop(columns="AHA_Code"), r"metadata\.csv has no column AHA_Code"),
    "record twice": (
        lambda table: pd.concat([table, table[:1]]),
        r"metadata\.csv, line 5: ECG_ID 'A00001' stands in line 2 already",
    ),
    "no code": (
        lambda table: table.assign(AHA_Code=["1", None, "1"]),
        r"metadata\.csv, line 3: the cell of AHA_Code is empty\. Fill it",
    ),
    "age": (
        lambda table: table.assign(Age=["55", "old", "32"]),
        r"metadata\.csv, line 3: column Age: 'old' is no age.*Correct the cell",
    ),
}


@pytest.mark.parametrize(("change", "message"), BROKEN_TABLES.values(), ids=BROKEN_TABLES)
def test_a_broken_table_is_refused(folder, change, message):
    change(pd.read_csv(folder / "metadata.csv", dtype=str)).to_csv(folder / "metadata.csv", index=False)

    with pytest.raises(ValueError, match=message):
        load_corpus("sph", data_dir=folder)


def test_a_row_that_cannot_be_right_can_be_left_out_and_is_listed(folder, tmp_path):
    table = pd.read_csv(folder / "metadata.csv", dtype=str)
    table.assign(Age=["55", "old", "32"]).to_csv(folder / "metadata.csv", index=False)
    builder = Sph(data_dir=str(folder), on_error="skip", cache_dir=str(tmp_path / "cache"))

    builder.download_and_prepare()

    assert sum(split.num_rows for split in builder.as_dataset().values()) == 2
    assert [skipped["record_id"] for skipped in builder.skipped_records] == ["A00002"]
    assert "metadata.csv, line 3: column Age: 'old'" in builder.skipped_records[0]["reason"]


def test_a_longer_gap_is_masked_in_time(folder):
    strip = make_strip("A00002", 6000)
    strip[3, 2000:2100] = np.nan
    write_strip(folder / "records" / "A00002.h5", strip)

    row = load_rows(folder)["A00002"]

    assert (row["lead_mask"], row["not_recorded"]) == ([True] * 12, [[3, 2000, 2100]])


@pytest.mark.parametrize(
    ("codes", "differing"),
    [
        ([("A", "1", "Normal ECG")], "101, 102"),
        ([("A", code, text.replace("Normal", "Odd")) for code, text in STATEMENTS.items()], "1, 308"),
    ],
)
def test_another_table_of_codes_is_refused(folder, codes, differing):
    write_tables(folder, codes=codes)

    with pytest.raises(ValueError, match=rf"code\.csv differs from the official table in {differing}.*Use that one"):
        load_corpus("sph", data_dir=folder)


# Statements that say less, more or something else than every finding of the terminology.
WITHOUT_FINDING = {"AV conduction ratio N:D", "ST-T change due to ventricular hypertrophy"}
FINDINGS = {
    "Atrial premature complex(es)": "premature atrial contraction",
    "Atrial premature complexes, nonconducted": "blocked premature atrial contraction",
    "Junctional premature complex(es)": "junctional premature complexes",
    "Junctional escape complex(es)": "junctional escape complexes",
    "Ventricular premature complex(es)": "premature ventricular contraction",
    "Second-degree AV block, Mobitz type I (Wenckebach)": "mobitz type i second degree av block",
    "Second-degree AV block, Mobitz type II": "mobitz type ii second degree av block",
    "AV block, varying conduction": "variable av block",
    "AV block, advanced (high-grade)": "high degree av block",
    "AV block, complete (third-degree)": "complete av block",
    "Left bundle-branch block": "left bundle branch block",
    "Incomplete right bundle-branch block": "incomplete right bundle branch block",
    "Right bundle-branch block": "right bundle branch block",
    "Ventricular preexcitation": "wolff-parkinson-white pattern",
    "Right-axis deviation": "right axis deviation",
    "Left-axis deviation": "left axis deviation",
    "Low voltage": "low qrs voltage",
    "ST deviation": "st changes",
    "ST deviation with T-wave change": "st-t changes",
    "T-wave abnormality": "t wave changes",
    "TU fusion": "t-u fusion",
    "Anterior MI": "anterior myocardial infarction",
    "Inferior MI": "inferior myocardial infarction",
    "Anteroseptal MI": "anteroseptal myocardial infarction",
    "Extensive anterior MI": "extensive anterior myocardial infarction",
}


@pytest.mark.parametrize("label", sorted(set(STATEMENTS.values()) - WITHOUT_FINDING))
def test_every_label_asks_for_its_finding(label):
    finding = load_terminology().find_label(label, config_name="statements")

    assert finding.name == FINDINGS.get(label, label.lower())


@pytest.mark.parametrize("label", sorted(WITHOUT_FINDING))
def test_labels_that_no_finding_equals_stay_without_one(label):
    with pytest.raises(ValueError, match=r"No finding answers to the label"):
        load_terminology().find_label(label, config_name="statements")


@pytest.fixture(scope="module")
def real_rows(data_dir):
    return load_rows(data_dir / "sph")


@pytest.mark.data
class TestRealRecords:
    """Three records of the corpus."""

    # From metadata.csv, by hand.
    FACTS = {
        "A00001": (["Sinus bradycardia", "Sinus arrhythmia"], "S00001", 55.0, "male", 5000, "2020-03-04"),
        "A00002": (["Normal ECG"], "S00002", 32.0, "male", 6000, "2019-09-03"),
        "A00003": (["Normal ECG"], "S00003", 63.0, "male", 6500, "2020-07-16"),
    }

    @pytest.mark.parametrize("record_id", FACTS)
    def test_columns_are_those_of_the_table(self, real_rows, record_id):
        row = real_rows[record_id]

        columns = ("labels", "patient_id", "age", "sex", "num_samples_original", "date")
        assert tuple(row[column] for column in columns) == self.FACTS[record_id]
        assert row["split"] == assign_split(row["patient_id"])

    @pytest.mark.parametrize("record_id", FACTS)
    def test_signals_equal_the_stored_millivolts(self, real_rows, data_dir, record_id):
        with h5py.File(data_dir / "sph" / "records" / f"{record_id}.h5") as file:
            millivolts = file["ecg"][:, :5000].astype(np.float64)

        np.testing.assert_allclose(real_rows[record_id]["signal"] / 1000, millivolts, atol=0.0005)

    @pytest.mark.parametrize("record_id", FACTS)
    def test_the_limb_leads_obey_einthoven(self, real_rows, record_id):
        lead_i, lead_ii, lead_iii = real_rows[record_id]["signal"][:3].astype(int)

        assert np.abs(lead_ii - lead_i - lead_iii).max() <= 3  # µV, from float16 and from rounding each lead
