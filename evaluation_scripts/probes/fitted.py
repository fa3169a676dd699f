"""The sets of a suite with their features, and what is fitted on the training records of each."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from evaluation_scripts.metrics import mean_or_none, score_conditions
from evaluation_scripts.prediction_table import Predictions
from evaluation_scripts.protocols.label_table import LabelTable
from evaluation_scripts.suites.records import SuiteRecords, locate_table

from .arguments import TRAINING_SPLIT
from .regression import Probe, draw_share, fit_probe


VALIDATION_SPLIT = "validation"
WHOLE = 100.0  # percent


@dataclass(frozen=True)
class ProbedSet:
    """Records, labels and features of one set, one row per record.

    Args:
        key (`str`):
            "corpus/configuration/split", as results are called.
        table ([`LabelTable`]):
            Records of all splits, with their labels.
        features (`dict[str, np.ndarray]`, each of shape `(num_records, num_features)`):
            By source.
        splits (`Sequence[str]`):
            The splits that are tested.
        included (`np.ndarray` of shape `(num_conditions,)`, boolean):
            Conditions that are averaged.
    """

    key: str
    table: LabelTable
    features: dict[str, np.ndarray]
    splits: Sequence[str]
    included: np.ndarray

    @classmethod
    def of(cls, key: str, records: SuiteRecords, features: dict[str, np.ndarray], **about: Any) -> "ProbedSet":
        """One row per record of a set whose long recordings have several."""
        first = np.unique(pd.factorize(np.array(records.rows["record_id"][:]))[0], return_index=True)[1]
        return cls(key, records.table.select(first), features, **about)

    def places(self, *splits: str) -> np.ndarray:
        """Places of the records of some splits."""
        return np.flatnonzero(self.table.records["split"].isin(splits).to_numpy())

    @property
    def train(self) -> np.ndarray:
        """Places of the records to fit on."""
        return self.places(TRAINING_SPLIT)

    @property
    def validation(self) -> np.ndarray:
        """Places of the records that choose, none where they are tested themselves."""
        return self.places(VALIDATION_SPLIT) if VALIDATION_SPLIT not in self.splits else np.empty(0, dtype=np.int64)

    @property
    def tested(self) -> np.ndarray:
        """Places of the records that are tested."""
        return self.places(*self.splits)

    def fit(self, source: str, train: np.ndarray | None = None) -> Probe:
        """Regressions on the features of a source, of all training records or of some."""
        train = self.train if train is None else train
        return fit_probe(self.features[source], self.table.labels, train=train, validation=self.validation)

    def predict(self, source: str, probe: Probe) -> Predictions:
        """Scores of the records of validation and of those tested."""
        places = np.concatenate([self.validation, self.tested])
        own = self.table.select(places)
        return Predictions(locate_table(own), own.labels, probe.predict(self.features[source][places]), {})

    def trace_curve(
        self, source: str, whole: Probe, percents: Sequence[float], *, num_seeds: int, seed: int
    ) -> list[dict[str, Any]]:
        """What some shares of the training labels are worth.

        Args:
            source (`str`):
                Whose features.
            whole ([`Probe`]):
                What all training records teach.
            percents (`Sequence[float]`):
                Shares of the training records, in percent. All of them are drawn once, a part `num_seeds` times.
            num_seeds (`int`):
                Draws.
            seed (`int`):
                Seed of the first draw; the others follow.

        Returns:
            `list[dict]`: `percent`, `num_train_records`, `auroc_macro` (the mean over draws), `auroc_macro_sd` (their
            standard deviation, `None` of one draw), `auroc_macro_by_seed`, `strengths`, and `num_unlearnt`, the
            conditions of which each draw has no positive or no negative record: they count as one half.
        """
        entries = []
        for percent in percents:
            probes = [whole]
            if percent < WHOLE:
                draws = [draw_share(self.train, percent, seed=seed + number) for number in range(num_seeds)]
                probes = [self.fit(source, draw) for draw in draws]
            macros = [self._measure(source, probe) for probe in probes]
            known = np.array([macro for macro in macros if macro is not None], dtype=np.float64)
            entries.append(
                {
                    "percent": percent,
                    "num_train_records": probes[0].num_train_records,
                    "auroc_macro": mean_or_none(known),
                    "auroc_macro_sd": float(known.std(ddof=1)) if len(known) > 1 else None,
                    "auroc_macro_by_seed": macros,
                    "strengths": [probe.strength for probe in probes],
                    "num_unlearnt": [len(probe.name_unlearnt(self.table.label_names)) for probe in probes],
                }
            )
        return entries

    def _measure(self, source: str, probe: Probe) -> float | None:
        """Macro AUROC of the averaged conditions on the records tested."""
        scores, labels = probe.predict(self.features[source][self.tested]), self.table.labels[self.tested]
        return mean_or_none(score_conditions(scores, labels, num_bootstrap_samples=0).auroc[self.included])
