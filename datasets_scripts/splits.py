"""The split of a record or patient for corpora whose publisher gives none."""

import hashlib
from typing import Literal


SplitName = Literal["train", "validation", "test"]

NUM_BUCKETS = 10
TEST_BUCKET = 9
VALIDATION_BUCKET = 8


def assign_split(key: str) -> SplitName:
    """The split in which everything with this key belongs: 80 % train, 10 % validation, 10 % test.

    The split depends on the key alone: the SHA-256 digest of the key, read as a number, modulo 10; 8 validates, 9
    tests. A record keeps its split when others are added or left out, on every machine and in every version.

    Args:
        key (`str`):
            Patient id, so that no patient is on two sides; the record id where the corpus names no patient. Ids of
            several sources in one corpus need the source in front, as in `"georgia/E07500"`.

    Returns:
        `"train"`, `"validation"` or `"test"`.

    Raises:
        ValueError: If the key is empty, which would put all such records into one split.

    Example:
        >>> [assign_split(key) for key in ("JS00001", "JS20000", "JS20007")]
        ['train', 'validation', 'test']
    """
    if not key:
        raise ValueError("The key of a split is empty. Pass the patient id, or the record id where there is none.")
    bucket = int.from_bytes(hashlib.sha256(key.encode("utf-8")).digest(), "big") % NUM_BUCKETS
    if bucket == TEST_BUCKET:
        return "test"
    return "validation" if bucket == VALIDATION_BUCKET else "train"
