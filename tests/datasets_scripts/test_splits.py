"""`assign_split`: a split follows from the key alone, in every process and version, in shares of 80, 10 and 10 %."""

import hashlib
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasets_scripts.splits import assign_split, read_split_tables


def test_the_split_is_the_last_decimal_digit_of_the_digest():
    digest = int(hashlib.sha256(b"E07507").hexdigest(), 16)

    assert str(digest)[-1] == "9"
    assert assign_split("E07507") == "test"


# Rows of published tables hang on these: never change them.
@pytest.mark.parametrize(
    ("key", "split"), [("JS00001", "train"), ("JS20000", "validation"), ("JS20002", "test"), ("A1987", "validation")]
)
def test_known_keys_keep_their_split(key, split):
    assert assign_split(key) == split


def test_splits_hold_80_10_and_10_percent():
    counts = Counter(assign_split(f"A{number:04d}") for number in range(10_000))

    assert counts["train"] == pytest.approx(8000, abs=4 * 40)  # 4 standard deviations
    assert counts["validation"] == pytest.approx(1000, abs=4 * 30)
    assert counts["test"] == pytest.approx(1000, abs=4 * 30)


@given(st.text(min_size=1).filter(lambda key: key.isprintable()))
def test_every_key_has_a_split(key):
    assert assign_split(key) in ("train", "validation", "test")


def test_an_empty_key_is_refused():
    with pytest.raises(ValueError, match=r"key of a split is empty\. Pass the patient id"):
        assign_split("")


@pytest.fixture
def tables(tmp_path):
    """One record per split, as MERL lists Chapman-Shaoxing-Ningbo."""
    for ending, name in (("train", "JS00003"), ("val", "JS00002"), ("test", "JS00001")):
        path = f"/chapman/WFDBRecords/01/010/{name}.mat"
        (tmp_path / f"chapman_{ending}.csv").write_text(f"ecg_path,age\n{path},12\n")
    return tmp_path


class TestPublishedTables:
    def test_records_go_where_the_tables_list_them(self, tables):
        assert read_split_tables(tables) == {"JS00003": "train", "JS00002": "validation", "JS00001": "test"}

    def test_records_may_be_listed_by_name(self, tables):
        (tables / "chapman_val.csv").write_text("ecg_id,filename\n1,A0001\n2,\n3,A0003\n")

        assert read_split_tables(tables) == {
            "JS00003": "train",
            "A0001": "validation",
            "A0003": "validation",
            "JS00001": "test",
        }

    def test_a_record_in_two_splits_is_refused(self, tables):
        (tables / "chapman_test.csv").write_text("filename\nJS00003\n")

        with pytest.raises(ValueError, match=r"chapman_test\.csv lists JS00003, which stands in train already\. Keep"):
            read_split_tables(tables)

    def test_a_table_without_names_is_refused(self, tables):
        (tables / "chapman_test.csv").write_text("ecg_id\n1\n")

        with pytest.raises(ValueError, match=r"chapman_test\.csv has no column filename or ecg_path\. Download"):
            read_split_tables(tables)

    def test_two_tables_for_a_split_are_refused(self, tables):
        (tables / "icbeb_test.csv").write_text("filename\nA0001\n")

        with pytest.raises(ValueError, match=r"holds chapman_test\.csv and icbeb_test\.csv\. Keep the one"):
            read_split_tables(tables)

    def test_a_missing_table_is_named(self, tables):
        (tables / "chapman_test.csv").unlink()

        with pytest.raises(FileNotFoundError, match=r"holds no table \*_test\.csv\. Let `split_dir`"):
            read_split_tables(tables)


@pytest.mark.data
@pytest.mark.parametrize(
    ("folder", "counts"),
    [
        ("icbeb", {"train": 4950, "validation": 551, "test": 1376}),
        ("chapman", {"train": 16546, "validation": 1860, "test": 4620}),
    ],
)
def test_the_tables_of_merl_have_the_published_sizes(data_dir, folder, counts):
    assert Counter(read_split_tables(data_dir / "merl_splits" / folder).values()) == counts
