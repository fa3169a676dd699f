"""`assign_split`: a split follows from the key alone, in every process and version, in shares of 80, 10 and 10 %."""

import hashlib
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasets_scripts.splits import assign_split


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
