"""Rows of a corpus, made and read, and a table of report labels."""

import numpy as np
import pandas as pd


def make_corpus_row(record_id, signal, **columns):
    """A row of a corpus: ten seconds of all leads at 500 Hz, without a label of the only one; or the columns given."""
    return {
        "record_id": record_id,
        "patient_id": record_id,
        "signal": signal,
        "lead_mask": [True] * 12,
        "not_recorded": [],
        "num_samples": 5000,
        "sampling_rate_original": 500,
        "num_samples_original": 5000,
        "window_start_s": 0.0,
        "age": 50.0,
        "sex": "female",
        "report": "",
        "statements": [],
        "labels": [],
        "label_mask": [True],
        **columns,
    }


def rows_by_id(corpus):
    """Rows of all splits by record id, with labels as names and signals as arrays."""
    names = corpus["train"].features["labels"].feature.names
    return {
        row["record_id"]: row
        | {"split": split, "labels": [names[label] for label in row["labels"]], "signal": np.array(row["signal"])}
        for split, rows in corpus.items()
        for row in rows
    }


def write_report_labels(path, records):
    """A labels.parquet as the extraction writes it; `{record_id: (positive, uncertain, negative)}`, or fewer lists."""
    rows = [(record_id, *stated, *[[]] * (3 - len(stated))) for record_id, stated in records.items()]
    pd.DataFrame(rows, columns=["record_id", "positive", "uncertain", "negative"]).to_parquet(path)
    return path


def signals(dataset):
    return dataset.with_format("numpy", columns=["signal"], dtype=np.int16)["signal"][:]
