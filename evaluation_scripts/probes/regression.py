"""Logistic regressions, one for each condition: fitted on training records, and how strongly chosen on validation."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from evaluation_scripts.metrics import mean_or_none, score_conditions


# Inverse strengths of regularisation that are tried, the strongest first, and what is taken without validation
STRENGTHS = (0.001, 0.01, 0.1, 1.0)
USUAL_STRENGTH = 0.1
MAX_STEPS = 2000


@dataclass(frozen=True)
class Probe:
    """What was learnt of some conditions.

    Args:
        prepare (`Pipeline`):
            Fills in what is not known and scales, by the mean and spread of the training records.
        regressions (`tuple`, one per condition):
            `None` where the training records lack positives or negatives.
        strength (`float`):
            The inverse strength of regularisation.
        num_train_records (`int`):
            Records it was fitted on.
    """

    prepare: Pipeline
    regressions: tuple[LogisticRegression | None, ...]
    strength: float
    num_train_records: int

    def predict(self, features: np.ndarray) -> np.ndarray:
        """Probabilities of presence, `(num_records, num_conditions)`; one half where nothing was learnt."""
        scores = np.full((len(features), len(self.regressions)), 0.5)
        if len(features):
            prepared = self.prepare.transform(features)
            for column, regression in enumerate(self.regressions):
                if regression is not None:
                    scores[:, column] = regression.predict_proba(prepared)[:, 1]
        return scores

    def name_unlearnt(self, label_names: Sequence[str]) -> list[str]:
        """The conditions of which nothing was learnt."""
        return [name for name, own in zip(label_names, self.regressions, strict=True) if own is None]


def fit_probe(
    features: np.ndarray, labels: np.ndarray, *, train: np.ndarray, validation: np.ndarray | None = None
) -> Probe:
    """Fit a logistic regression for each condition.

    Args:
        features (`np.ndarray` of shape `(num_records, num_features)`):
            NaN where a feature is not known: its mean stands for it, beside a column that says so.
        labels (`np.ndarray` of shape `(num_records, num_conditions)`):
            1 positive, 0 negative, NaN unknown. Of other records than `train` and `validation`, none is looked at.
        train (`np.ndarray`):
            Places of the records to fit on.
        validation (`np.ndarray`, *optional*):
            Places of the records on whose macro AUROC the strength of regularisation is chosen; of equally good ones
            the strongest. Without them, or where they can rank nothing, it is `USUAL_STRENGTH`.

    Returns:
        [`Probe`]

    Raises:
        ValueError: If there is no record to fit on.
    """
    if not len(train):
        raise ValueError("There is no training record to fit a probe on. Let the training split be under the root.")
    prepare = make_pipeline(SimpleImputer(add_indicator=True, keep_empty_features=True), StandardScaler())
    prepared = prepare.fit_transform(features[train])
    if validation is not None and len(validation):
        probes = [_fit(prepare, prepared, labels[train], strength) for strength in STRENGTHS]
        reached = [_rank(probe, features[validation], labels[validation]) for probe in probes]
        known = [figure for figure in reached if figure is not None]
        if len(known) == len(probes):
            return probes[int(np.argmax(known))]
    return _fit(prepare, prepared, labels[train], USUAL_STRENGTH)


def _rank(probe: Probe, features: np.ndarray, labels: np.ndarray) -> float | None:
    """Macro AUROC on some records."""
    return mean_or_none(score_conditions(probe.predict(features), labels, num_bootstrap_samples=0).auroc)


def _fit(prepare: Any, prepared: np.ndarray, labels: np.ndarray, strength: float) -> Probe:
    """Regressions of one strength."""
    regressions = []
    for column in labels.T:
        known = ~np.isnan(column)
        is_learnable = 0 < column[known].sum() < known.sum()
        model = LogisticRegression(C=strength, max_iter=MAX_STEPS)
        regressions.append(model.fit(prepared[known], column[known]) if is_learnable else None)
    return Probe(prepare, tuple(regressions), strength, len(prepared))


def draw_share(train: np.ndarray, percent: float, *, seed: int) -> np.ndarray:
    """Some of the training records, at least one; those of a smaller share are among those of a larger one.

    Example:
        >>> sorted(set(draw_share(np.arange(50), 10, seed=0)) - set(draw_share(np.arange(50), 20, seed=0)))
        []
    """
    count = max(1, round(len(train) * percent / 100))
    return np.sort(np.random.default_rng(seed).permutation(train)[:count])
