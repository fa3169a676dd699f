"""What tests of the pipeline ask, of which strip, and how they compare the answers."""

import numpy as np
import pytest


TASK = "zero-shot-ecg-classification"
LABELS = ["atrial fibrillation", "left bundle branch block", "normal ecg"]


def make_strip(sampling_rate=500, num_leads=12):
    """Ten seconds in which every lead is another sum of two sines between 1 and 9 Hz, in mV."""
    seconds = np.arange(10 * sampling_rate) / sampling_rate
    leads = np.arange(1, num_leads + 1)[:, None]
    return 0.4 * np.sin(2 * np.pi * (1 + leads % 5) * seconds) + 0.1 * leads * np.cos(
        2 * np.pi * (leads % 9 + 1) * seconds
    )


def scores_of(results):
    """Scores in the order of `LABELS`."""
    scores = {result["label"]: result["score"] for result in results}
    return [scores[label] for label in LABELS]


def approx(scores):
    return pytest.approx(scores, abs=1e-5)
