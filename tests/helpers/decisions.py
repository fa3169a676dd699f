"""Entries of `config.decisions` for tests."""

TWO_POINTS = {
    "youden": {"threshold": 0.4, "sensitivity": 0.9, "specificity": 0.8},
    "specificity_90": {"threshold": 0.6, "sensitivity": 0.7, "specificity": 0.9},
}


def make_decision(**fields):
    """An entry that leaves scores as they are, with thresholds .4 and .6."""
    entry = {
        "slope": 1.0,
        "offset": 0.0,
        "answered_by": "query",
        "num_positives": 120,
        "num_records": 1000,
        "records": "simulated",
        "leads": [],
        "leads_reason": "",
    }
    return {**entry, **TWO_POINTS, **fields}


def set_threshold(threshold):
    """Both thresholds of an entry, for `make_decision(**set_threshold(0.0))`."""
    return {name: {**point, "threshold": threshold} for name, point in TWO_POINTS.items()}
