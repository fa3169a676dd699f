"""Simulated records that are made while a model trains on them: none is stored, none is seen twice."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from datasets import Features

from datasets_scripts.schema import corpus_features
from datasets_scripts.simulated import make_row, measurement_features
from datasets_scripts.simulator import FOLDS_OF_SPLIT, PATIENTS_PER_FOLD_CYCLE, RECORDS_PER_PATIENT, label_names


# A record that must not be used is replaced by one from so far away that no run gets there.
REDRAW_STRIDE = 2**32
MAX_REDRAWS = 1000


@dataclass(frozen=True)
class SimulatedRecords:
    """A split of the corpus `simulated` that goes on beyond its last record.

    The first `len()` positions are the split of the prepared corpus of the same size and seed, in its order; whatever
    comes after is new. Training never meets a patient of the other splits.

    Attributes:
        split (`"train"` or `"validation"`):
            Which patients.
        num_records (`int`):
            Records of one pass.
        seed (`int`, defaults to 0):
            Seed of the corpus; another one gives other patients.
        hidden_labels (`frozenset[int]`):
            Labels that no record may have; others take the place of records that have one.

    Example:
        >>> records = SimulatedRecords.of_corpus(2000, "train")
        >>> len(records), records[1600]["record_id"]
        (1600, 'sim0-r0002000')
    """

    split: Literal["train", "validation"]
    num_records: int
    seed: int = 0
    hidden_labels: frozenset[int] = frozenset()

    @classmethod
    def of_corpus(
        cls, num_records: int, split: Literal["train", "validation"], *, seed: int = 0
    ) -> "SimulatedRecords":
        """The split of a corpus of so many records, of all splits together."""
        folds = np.arange(num_records) // RECORDS_PER_PATIENT % PATIENTS_PER_FOLD_CYCLE
        return cls(split, int(np.isin(folds, _folds(split)).sum()), seed)

    @property
    def features(self) -> Features:
        """Columns of a row, with the names of labels and measurements."""
        return corpus_features(label_names(), measurements=measurement_features())

    def __len__(self) -> int:
        return self.num_records

    def __getitem__(self, position: int) -> dict[str, Any]:
        """The record of a position, which may lie beyond the last one.

        Raises:
            ValueError: If no record without a hidden label was found.
        """
        for attempt in range(MAX_REDRAWS):
            row = make_row(self._record_index(position + attempt * REDRAW_STRIDE), seed=self.seed)
            if self.hidden_labels.isdisjoint(row["labels"]):
                return row
        hidden = ", ".join(label_names()[label] for label in sorted(self.hidden_labels))
        raise ValueError(
            f"{MAX_REDRAWS} simulated records in a row have one of {hidden}. Hold out fewer findings with"
            " `--held_out_findings`."
        )

    def __getitems__(self, positions: Sequence[int]) -> list[dict[str, Any]]:
        """Several records."""
        return [self[position] for position in positions]

    def select(self, indices: range) -> "SimulatedRecords":
        """The first records of every pass."""
        return replace(self, num_records=len(indices))

    def without_labels(self, labels: Collection[int]) -> "SimulatedRecords":
        """The same records, those with one of the labels replaced by others."""
        return replace(self, hidden_labels=self.hidden_labels | frozenset(labels))

    def _record_index(self, position: int) -> int:
        """Number of a record in the corpus, of whose patients only some belong to the split."""
        folds = _folds(self.split)
        patient, record = divmod(position, RECORDS_PER_PATIENT)
        cycle, place = divmod(patient, len(folds))
        return (cycle * PATIENTS_PER_FOLD_CYCLE + folds[place]) * RECORDS_PER_PATIENT + record


def _folds(split: Literal["train", "validation"]) -> list[int]:
    """Which of ten patients in a row belong to a split."""
    return list(FOLDS_OF_SPLIT[split])
