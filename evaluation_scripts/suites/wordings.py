"""The same conditions in several wordings: the worst of them, and how far they lie apart."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from evaluation_scripts.arguments import EvaluationArguments
from evaluation_scripts.metrics import mean_or_none, number_or_none, score_conditions
from evaluation_scripts.prediction_table import Predictions


# By name; by the mean of name, synonyms and description; by the description alone
WORDINGS = ("names", "wordings", "descriptions")


def ask_in(arguments: EvaluationArguments, wording: str) -> EvaluationArguments:
    """The same evaluation in other words."""
    return replace(arguments, prompts=wording, query_wording="name", answer_by="auto")


def add_wordings(result: dict[str, Any], tested: Mapping[str, Predictions]) -> None:
    """Say in a result what the wordings reach.

    Args:
        result (`dict`):
            What [`compile_set`] gives. Each entry of `conditions` receives `wordings` (AUROC by wording),
            `auroc_worst_wording` and `wording_spread` (the best less the worst); the result their means over the
            averaged conditions, as `auroc_macro_worst_wording` and `wording_spread_macro`.
        tested (`Mapping[str, Predictions]`):
            Scores of the records tested, by wording.
    """
    figures = {
        wording: score_conditions(own.scores, own.labels, num_bootstrap_samples=0).auroc
        for wording, own in tested.items()
    }
    stacked = np.stack(list(figures.values()))
    worst, spread = stacked.min(axis=0), stacked.max(axis=0) - stacked.min(axis=0)
    for index, entry in enumerate(result["conditions"]):
        entry["wordings"] = {wording: number_or_none(own[index]) for wording, own in figures.items()}
        entry["auroc_worst_wording"] = number_or_none(worst[index])
        entry["wording_spread"] = number_or_none(spread[index])
    included = np.array([entry["is_averaged"] for entry in result["conditions"]], dtype=bool)
    conditions = result.pop("conditions")
    result["auroc_macro_worst_wording"] = mean_or_none(worst[included])
    result["wording_spread_macro"] = mean_or_none(spread[included])
    result["conditions"] = conditions
