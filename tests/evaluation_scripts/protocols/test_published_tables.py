"""The published protocol: MERL's tables as they are, class by class as the literature counts them."""

import pytest
from helpers.records.suite_records import CHAPMAN, SETS, write_merl_tables

from evaluation_scripts.protocols.label_sets import SUPREME6
from evaluation_scripts.protocols.merl import read_merl_table


# Records of train, validation and test, and positives of the test split. Source: counted from MERL's repository with
# other tools, and equal to the tables of MELP and DERI.
SIZES = {
    "ptb_xl/superclass": (17084, 2146, 2158),
    "ptb_xl/subclass": (17084, 2146, 2158),
    "ptb_xl/form": (7197, 901, 880),
    "ptb_xl/rhythm": (16832, 2100, 2098),
    "cpsc2018/default": (4950, 551, 1376),
    "chapman_shaoxing_ningbo/merl": (16546, 1860, 4620),
}
TEST_POSITIVES = {
    "ptb_xl/superclass": "NORM 963, MI 550, STTC 521, CD 496, HYP 262",
    "ptb_xl/subclass": "NORM 963, IMI 327, AMI 306, STTC 222, LVH 214, LAFB/LPFB 179, ISC 128, IRBBB 112, ISCA 93,"
    " AVB 82, IVCD 79, NST 77, CRBBB 54, CLBBB 54, LAO/LAE 42, ISCI 40, LMI 20, RVH 12, RAO/RAE 10, WPW 8, ILBBB 8,"
    " SEHYP 2, PMI 2",
    "ptb_xl/form": "ABQRS 322, NDT 182, PVC 114, STD 101, VCLVH 87, NST 77, QWAVE 55, LOWT 44, NT 42, PAC 40, LPR 34,"
    " INVT 29, DIG 18, LVOLT 18, LNGQT 11, HVOLT 6, TAB 3, STE 3, PRC(S) 1",
    "ptb_xl/rhythm": "SR 1674, AFIB 152, STACH 82, SARRH 77, SBRAD 64, PACE 28, SVARR 14, BIGU 8, AFLT 7, SVTAC 3,"
    " TRIGU 2, PSVT 2",
    "cpsc2018/default": "CRBBB 357, AFIB 250, NORM 184, STD 162, 1AVB 155, VPC 143, PAC 120, CLBBB 49, STE 38",
    "chapman_shaoxing_ningbo/merl": "SR 1404, ST 1281, AF 987, TWC 968, SA 536, AFIB 297, TWO 232, ALS 210, STTC 186,"
    " VB 169, AVB 169, APB 136, SVT 128, 1AVB 126, ARS 114, AQW 112, STE 93, RBBB 93, STDD 91, ERV 68, CR 50, VPB 43,"
    " AT 42, LBBB 42, CCR 38, STTU 36, QTIE 32, LVH 22, MI 15, WPW 14, PWC 11, UW 10, PRIE 8, VEB 5, RVH 5, JEB 5,"
    " 2AVB 4, 2AVB1 1",
}


def parse_counts(text):
    return {name: int(count) for name, count in (entry.rsplit(" ", 1) for entry in text.split(", "))}


def test_the_suite_asks_for_106_conditions():
    assert sum(label_set.num_conditions for label_set in SUPREME6) == 106


@pytest.mark.data
@pytest.mark.parametrize("name", SIZES)
def test_the_counts_of_the_full_tables_are_those_of_the_literature(data_dir, name):
    table = read_merl_table(SETS[name], data_dir / "merl_splits")

    sizes = table.records["split"].value_counts()
    assert (sizes["train"], sizes["validation"], sizes["test"]) == SIZES[name]
    assert table.of_splits(["test"]).count_positives() == parse_counts(TEST_POSITIVES[name])


def test_classes_are_taken_by_name_though_the_tables_differ_in_their_order(split_dir):
    table = read_merl_table(SETS["ptb_xl/subclass"], split_dir)

    assert table.label_names[:4] == ("AMI", "LAFB/LPFB", "LVH", "STTC")
    assert table.of_splits(["train"]).count_positives()["ISC"] == 8
    assert table.of_splits(["test"]).count_positives()["NORM"] == 1


def test_a_class_that_the_corpus_spells_otherwise_asks_for_the_same(split_dir):
    table = read_merl_table(SETS["ptb_xl/subclass"], split_dir)

    asked = dict(zip(table.label_names, table.corpus_labels, strict=True))
    assert (asked["ISC"], asked["AVB"], asked["NST"], asked["IMI"]) == ("ISC_", "_AVB", "NST_", "IMI")


def test_substrings_count_as_the_published_tables_count_them(split_dir):
    table = read_merl_table(CHAPMAN, split_dir).of_splits(["test"])

    positives = table.count_positives()
    assert (positives["AFIB"], positives["AF"], positives["ST"], positives["STDD"]) == (1, 2, 1, 1)


def test_a_record_is_normal_by_its_superclass_or_where_sinus_rhythm_is_all(split_dir):
    rhythm = read_merl_table(SETS["ptb_xl/rhythm"], split_dir).records
    chapman = read_merl_table(CHAPMAN, split_dir).records.set_index("record_id")["is_normal"]

    assert rhythm.loc[rhythm["is_normal"], "record_id"].astype(int).max() == 10
    assert chapman.to_dict() == {
        "JS00001": False,
        "JS00002": True,
        "JS00003": False,
        "JS00004": True,
        "JS00005": False,
    }


def test_a_patient_in_two_splits_is_refused_by_name(tmp_path):
    rows = [
        {"record_id": "1", "patient_id": 15709, "split": "train", "positives": ["MI"]},
        {"record_id": "2", "patient_id": 15709, "split": "test", "positives": ["MI"]},
    ]
    write_merl_tables(tmp_path, SETS["ptb_xl/superclass"], rows)

    with pytest.raises(
        ValueError, match=r"patient 15709 is in train and test \(records 1, 2\).*Give every patient one"
    ):
        read_merl_table(SETS["ptb_xl/superclass"], tmp_path)


def test_tables_with_other_classes_are_refused(split_dir, tmp_path):
    write_merl_tables(tmp_path, SETS["ptb_xl/rhythm"], [])
    path = tmp_path / "ptbxl/rhythm/ptbxl_rhythm_test.csv"
    path.write_text(path.read_text().replace("PACE", "PACED"))

    with pytest.raises(ValueError, match=r"rhythm.*12 classes.*see PACE, PACED.*as MERL publishes"):
        read_merl_table(SETS["ptb_xl/rhythm"], tmp_path)


def test_a_folder_without_the_tables_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"icbeb_train\.csv does not exist\. Let `--split_dir` be"):
        read_merl_table(SETS["cpsc2018/default"], tmp_path)
