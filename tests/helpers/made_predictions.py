"""Made-up scores of eighty records with seen, unseen, rare and normal conditions."""

import numpy as np
import pandas as pd

from evaluation_scripts.conditions import Condition
from evaluation_scripts.prediction_table import Predictions
from evaluation_scripts.results import compile_result


NORMAL = Condition("NORM", "normal ecg", "normal ecg", seen=True)
SEEN = Condition("CLBBB", "left bundle branch block", "left bundle branch block", seen=True)
UNSEEN = Condition("IMI", "inferior myocardial infarction", "inferior myocardial infarction", seen=False)
RARE = Condition("WPW", "wolff-parkinson-white pattern", "wolff-parkinson-white pattern", seen=False)
CONDITIONS = (NORMAL, SEEN, UNSEEN, RARE)


def make_predictions(num_records=80, num_conditions=4, *, seed=0):
    """Two records per patient; every other record is normal and has no other label; `RARE` is positive twice."""
    generator = np.random.default_rng(seed)
    labels = (generator.random((num_records, num_conditions)) < 0.4).astype(float)
    labels[::2] = np.eye(num_conditions)[0]
    labels[1::2, 0] = 0.0
    labels[:, 3:] = 0.0
    labels[1:5:2, 3:] = 1.0
    records = pd.DataFrame(
        {
            "record_id": [f"r{index}" for index in range(num_records)],
            "patient_id": [f"p{index // 2}" for index in range(num_records)],
            "corpus": "simulated",
            "config": "default",
            "split": "test",
        }
    )
    draws = {name: generator.random(labels.shape) for name in ("scores", "normal_ecg", "random_queries")}
    return Predictions(records, labels, draws.pop("scores"), draws)


def compile_quickly(predictions, conditions=CONDITIONS, **options):
    return compile_result(predictions, conditions, num_bootstrap_samples=20, **options)
