"""From scores and truth to a line on the logit, two thresholds, and how well that does on other records."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from scipy.optimize import minimize
from scipy.special import expit, logit

from datasets_scripts.terminology.lead_needs import find_lead_needs
from modeling_supreme.decisions import OPERATING_POINTS, Decision, Threshold

from .score import Scores


# Where records say little, the line stays near the identity: standard deviations of the logarithm of its slope and of
# its offset before any record was seen. Ours.
SLOPE_SPREAD, OFFSET_SPREAD = 0.7, 3.0
MOST_LOGIT = 20.0  # of a score that is fitted; 2e-9 of absence, which no number of records can tell from less
WANTED_SPECIFICITY = 0.9
SHARE_FITTED = 2 / 3
LEAST_OF_EACH = 5  # positive and negative records among those that are fitted
NUM_BINS = 10
SEED = 17


class Fitted(NamedTuple):
    """A decision, and how it does on records that were not fitted.

    Attributes:
        decision ([`Decision`]):
            As it is kept.
        before, after (`np.ndarray` of shape `(num_checked,)`):
            Scores of the other records, and their probabilities.
        truth (`np.ndarray` of shape `(num_checked,)`):
            1 present, 0 absent.
    """

    decision: Decision
    before: np.ndarray
    after: np.ndarray
    truth: np.ndarray

    def describe(self) -> dict[str, Any]:
        """Figures of the records that were not fitted."""
        figures: dict[str, Any] = {
            "num_positives": int(self.truth.sum()),
            "num_records": len(self.truth),
            "ece_before": calibration_error(self.before, self.truth),
            "ece_after": calibration_error(self.after, self.truth),
        }
        for name, point in self.decision.thresholds.items():
            figures[name] = judge(self.after, self.truth, point.threshold)._asdict()
        return figures


def fit_line(scores: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    """Slope and offset on the logit of scores that make probabilities of them (Platt 1999).

    Logistic regression whose slope is above 0 and which, the fewer records there are, stays the nearer to the
    identity.

    Args:
        scores (`np.ndarray` of shape `(num_records,)`):
            From 0 to 1.
        truth (`np.ndarray` of shape `(num_records,)`):
            1 present, 0 absent.

    Returns:
        `tuple[float, float]`: For `expit(slope * logit(score) + offset)`.
    """
    logits = np.clip(logit(np.asarray(scores, dtype=float)), -MOST_LOGIT, MOST_LOGIT)
    signs = 2.0 * truth - 1.0

    def cost(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        log_slope, offset = parameters
        slope = np.exp(log_slope)
        margins = signs * (slope * logits + offset)
        pulls = -signs * expit(-margins)
        prior = np.array([log_slope / SLOPE_SPREAD**2, offset / OFFSET_SPREAD**2])
        value = np.logaddexp(0.0, -margins).sum() + 0.5 * float(parameters @ prior)
        return float(value), np.array([slope * (pulls @ logits), pulls.sum()]) + prior

    found = minimize(cost, np.zeros(2), jac=True, method="L-BFGS-B", bounds=[(-5.0, 5.0), (-50.0, 50.0)])
    return float(np.exp(found.x[0])), float(found.x[1])


def choose_thresholds(probabilities: np.ndarray, truth: np.ndarray) -> dict[str, Threshold] | None:
    """The two operating points; `None` where no threshold has nine of ten records without the condition below it.

    Args:
        probabilities (`np.ndarray` of shape `(num_records,)`):
            Of presence.
        truth (`np.ndarray` of shape `(num_records,)`):
            1 present, 0 absent; both occur.

    Source:
        Youden 1950, Cancer 3:32, for the sum of sensitivity and specificity.

    Example:
        >>> choose_thresholds(np.array([0.9, 0.8, 0.3, 0.2]), np.array([1, 1, 0, 0]))["youden"].threshold
        0.8
    """
    order = np.argsort(-probabilities, kind="stable")
    ranked, hits = probabilities[order], truth[order].astype(bool)
    ends = np.flatnonzero(np.append(np.diff(ranked) != 0, True))  # equal scores are called alike
    sensitivity = np.cumsum(hits)[ends] / hits.sum()
    num_negatives = (~hits).sum()
    specificity = (num_negatives - np.cumsum(~hits)[ends]) / num_negatives
    specific = np.flatnonzero(specificity >= WANTED_SPECIFICITY)
    if not len(specific):
        return None
    chosen = {"youden": int(np.argmax(sensitivity + specificity)), "specificity_90": int(specific[-1])}
    return {
        name: Threshold(float(ranked[ends[place]]), float(sensitivity[place]), float(specificity[place]))
        for name, place in chosen.items()
    }


def judge(probabilities: np.ndarray, truth: np.ndarray, threshold: float) -> Threshold:
    """What a threshold does on records; NaN where none of them has the condition, or all have."""
    is_present, is_called = truth.astype(bool), probabilities >= threshold
    rates = (
        float(np.mean(right)) if len(right) else float("nan")
        for right in (is_called[is_present], ~is_called[~is_present])
    )
    return Threshold(threshold, *rates)


def calibration_error(probabilities: np.ndarray, truth: np.ndarray) -> float:
    """Expected calibration error over `NUM_BINS` bins of equally many records.

    Source:
        Naeini et al. 2015, AAAI 29:2901; bins of equally many records after Nixon et al. 2019, since most records of
        a rare condition would share the first of ten equally wide ones.

    Example:
        >>> round(calibration_error(np.full(100, 0.8), np.tile([1, 1, 1, 0, 0], 20)), 6)
        0.2
    """
    order = np.argsort(probabilities, kind="stable")
    bins = [each for each in np.array_split(order, NUM_BINS) if len(each)]
    gaps = [len(each) * abs(float(probabilities[each].mean()) - float(truth[each].mean())) for each in bins]
    return sum(gaps) / len(order)


def split_patients(patients: np.ndarray) -> np.ndarray:
    """Which records are fitted, `(num_records,)`: those of two thirds of the patients, drawn by chance."""
    names, owners = np.unique(patients, return_inverse=True)
    drawn = np.random.default_rng(SEED).permutation(len(names))
    return drawn[owners] < round(SHARE_FITTED * len(names))


def fit_conditions(scores: Scores, *, records: str, min_positives: int) -> tuple[dict[str, Fitted], Mapping[str, str]]:
    """Fit every condition that enough records show.

    Args:
        scores ([`Scores`]):
            Of all records.
        records (`str`):
            `"real"` or `"simulated"`.
        min_positives (`int`):
            Fewest positive records of all.

    Returns:
        `tuple`: What was fitted, by condition, and for the others why not.
    """
    is_fitted = split_patients(scores.patients)
    fitted, reasons = {}, {}
    for place, condition in enumerate(scores.conditions):
        truth = scores.truth[:, place]
        num_positives = int(np.nansum(truth))
        found = None
        if num_positives < min_positives:
            reasons[condition] = f"{num_positives} {records} records show it, fewer than {min_positives}"
        else:
            found = _fit_condition(scores, place, is_fitted, records)
        if found is not None:
            fitted[condition] = found
        else:
            reasons.setdefault(condition, f"no threshold separates the {records} records")
    return fitted, reasons


def _fit_condition(scores: Scores, place: int, is_fitted: np.ndarray, records: str) -> Fitted | None:
    """A condition that enough records show; `None` where no threshold tells them from the others."""
    truth, answers = scores.truth[:, place], scores.scores[:, place]
    is_known = ~np.isnan(truth)
    used, checked = is_known & is_fitted, is_known & ~is_fitted
    counts = truth[used].sum(), (1 - truth[used]).sum()
    if min(counts) < LEAST_OF_EACH or not checked.any():
        return None
    slope, offset = fit_line(answers[used], truth[used])
    needs = find_lead_needs(scores.conditions[place])
    decision = Decision(
        slope=slope,
        offset=offset,
        answered_by=scores.sources[place],
        thresholds=dict.fromkeys(OPERATING_POINTS, Threshold(0.5, 0.0, 0.0)),
        num_positives=int(counts[0]),
        num_records=int(used.sum()),
        records=records,
        leads=needs.leads,
        leads_reason=needs.reason,
    )
    # As the pipeline computes them, so that the record at a threshold is on its right side there
    probabilities = decision.calibrate(torch.from_numpy(answers)).numpy()
    thresholds = choose_thresholds(probabilities[used], truth[used])
    if thresholds is None:
        return None
    decision = decision._replace(thresholds=thresholds)
    return Fitted(decision, answers[checked], probabilities[checked], truth[checked])
