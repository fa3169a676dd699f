"""Which records belong to one patient, and which patients to which split."""

from datasets_scripts.splits import SplitName


RECORDS_PER_PATIENT = 2
# Of ten patients in a row eight are for training, one for validation and one for testing.
PATIENTS_PER_FOLD_CYCLE = 10
FOLDS_OF_SPLIT: dict[SplitName, range] = {"train": range(8), "validation": range(8, 9), "test": range(9, 10)}


def fold_of(record_index: int) -> int:
    """Number from 0 to 9 that all records of a patient share.

    Example:
        >>> [fold_of(index) for index in (0, 1, 2, 19, 20)]
        [0, 0, 1, 9, 0]
    """
    return record_index // RECORDS_PER_PATIENT % PATIENTS_PER_FOLD_CYCLE
