"""What an evaluation of several sets leaves: figures by set, their mean, and the files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from evaluation_scripts.conditions import Condition
from evaluation_scripts.load import LabelledRecords
from evaluation_scripts.prediction_table import Predictions, tabulate_predictions
from evaluation_scripts.result_table import format_result
from evaluation_scripts.results import write_results

from .figures import compile_set, flatten_conditions, select_records
from .overall import SetScores, average_sets
from .suite_table import format_suite


CONDITIONS_FILENAME = "conditions.csv"


@dataclass
class EvaluatedSets:
    """Sets as they are evaluated, one after the other.

    Args:
        protocol (`str`):
            Name of the protocol.
        splits (`Sequence[str]`):
            The splits that are tested.
        min_positives (`int`):
            Conditions with fewer positive records are listed, not averaged.
        num_bootstrap_samples (`int`), seed (`int`):
            Of the intervals.
        results (`dict[str, dict]`), predictions (`dict[str, tuple]`):
            Figures, and conditions with scores, by "corpus/configuration/split".
        missing (`dict[str, str]`):
            Why other sets are not tested.
        recordings (`dict[str, LabelledRecords]`):
            The recordings of the sets where they were read, by "corpus/configuration/split".
    """

    protocol: str
    splits: Sequence[str]
    min_positives: int
    num_bootstrap_samples: int
    seed: int
    results: dict[str, dict[str, Any]] = field(default_factory=dict)
    predictions: dict[str, tuple[Sequence[Condition], Predictions]] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    recordings: dict[str, LabelledRecords] = field(default_factory=dict)

    def add(self, name: str, conditions: Sequence[Condition], predictions: Predictions, **notes: Any) -> None:
        """Compile the figures of one set.

        Args:
            name (`str`):
                "corpus/configuration".
            conditions (`Sequence[Condition]`):
                The columns of `predictions`.
            predictions ([`Predictions`]):
                Scores of one row per record, those of validation included.
            notes:
                What else the result says of the set.
        """
        result = compile_set(
            predictions,
            conditions,
            splits=self.splits,
            protocol=self.protocol,
            min_positives=self.min_positives,
            num_bootstrap_samples=self.num_bootstrap_samples,
            seed=self.seed,
        )
        key = f"{name}/{'+'.join(self.splits)}"
        self.results[key] = {**notes, **result}
        self.predictions[key] = (conditions, predictions)

    def average(self) -> dict[str, Any]:
        """The mean over sets, with its interval."""
        sets = []
        for key, (_, predictions) in self.predictions.items():
            tested = self.tested(key)
            averaged = [entry["is_averaged"] for entry in self.results[key]["conditions"]]
            included = np.array(averaged, dtype=bool)
            corpus = predictions.records["corpus"].iloc[0]
            patients = tested.records["patient_id"].tolist()
            sets.append(SetScores(corpus, patients, tested.scores[:, included], tested.labels[:, included]))
        return average_sets(self.results, sets, num_bootstrap_samples=self.num_bootstrap_samples, seed=self.seed)

    def tested(self, key: str) -> Predictions:
        """Scores of the records of a set that are tested, without those of validation."""
        predictions = self.predictions[key][1]
        return select_records(predictions, predictions.records["split"].isin(self.splits).to_numpy())

    def write(
        self,
        output_dir: str | Path,
        *,
        model: str,
        protocol: Mapping[str, Any],
        published: Sequence[Mapping[str, Any]] = (),
        further: Mapping[str, Any] | None = None,
    ) -> tuple[list[Path], str]:
        """Write eval_results.json, predictions.parquet and conditions.csv.

        Args:
            output_dir (`str` or `Path`):
                Folder that receives them.
            model (`str`):
                Name of the system.
            protocol (`Mapping`):
                What the figures depend on.
            published (`Sequence[Mapping]`, *optional*):
                What others published for the same sets.
            further (`Mapping`, *optional*):
                What else eval_results.json says.

        Returns:
            `tuple`: The files, and the tables for people.
        """
        overall = self.average()
        beside = {"overall": overall, "missing": self.missing, "published": list(published), **(further or {})}
        tables = [tabulate_predictions(predictions, own) for own, predictions in self.predictions.values()]
        paths = write_results(
            output_dir,
            model=model,
            protocol=protocol,
            results=self.results,
            tables=tables or [pd.DataFrame()],
            further=beside,
        )
        conditions = Path(output_dir) / CONDITIONS_FILENAME
        pd.DataFrame(flatten_conditions(self.results)).to_csv(conditions, index=False)
        texts = [format_result(f"{name} (protocol {self.protocol})", result) for name, result in self.results.items()]
        suite = format_suite(self.results, overall, protocol=self.protocol, missing=self.missing, published=published)
        return [*paths, conditions], "\n".join([*texts, suite])
