"""Can a classifier tell simulated strips from real ones? The classifier two-sample test of a simulator.

An AUROC of 0.5 says that the classifier sees no difference, 1 that every strip gives itself away. Each figure is a
lower bound on what could be seen, and falls as the simulator improves.

Source: Lopez-Paz and Oquab 2017, Revisiting Classifier Two-Sample Tests, ICLR.
"""

from typing import Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from evaluation_scripts.metrics import percentile_interval, score_conditions


NUM_FOLDS = 5


def compare_samples(
    features: np.ndarray, is_simulated: np.ndarray, patient_ids: np.ndarray, *, is_linear: bool, seed: int = 0
) -> dict[str, Any]:
    """Cross-validated AUROC of a classifier that looks for the simulated rows.

    Args:
        features (`np.ndarray` of shape `(num_records, num_features)`):
            Measurements, one row per record.
        is_simulated (`np.ndarray` of shape `(num_records,)`):
            What the classifier has to tell.
        patient_ids (`np.ndarray` of shape `(num_records,)`):
            Patient of every record: no patient is in two folds, and the interval draws patients.
        is_linear (`bool`):
            Logistic regression instead of gradient boosted trees.
        seed (`int`):
            Seed of folds, trees and bootstrap.

    Returns:
        `dict`: `auroc` and `auroc_ci95`, both `None` where there are too few patients for the folds.
    """
    num_patients = min(len(set(patient_ids[is_simulated == side])) for side in (True, False))
    if num_patients < NUM_FOLDS:
        return {"auroc": None, "auroc_ci95": None}
    if is_linear:
        classifier = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=2000))
    else:
        classifier = HistGradientBoostingClassifier(max_iter=150, random_state=seed)
    folds = StratifiedGroupKFold(NUM_FOLDS, shuffle=True, random_state=seed)
    probabilities = np.asarray(
        cross_val_predict(classifier, features, is_simulated, groups=patient_ids, cv=folds, method="predict_proba")
    )
    labels = is_simulated.astype(float)[:, None]
    measured = score_conditions(probabilities[:, 1:], labels, patient_ids=patient_ids.tolist(), seed=seed)
    return {"auroc": float(measured.auroc[0]), "auroc_ci95": percentile_interval(measured.auroc_resamples[:, 0])}


def separate_by_each(features: np.ndarray, is_simulated: np.ndarray) -> np.ndarray:
    """AUROC of every feature alone, above 0.5 where simulated records have the higher values; `(num_features,)`."""
    return np.array([roc_auc_score(is_simulated, column) for column in features.T])
