"""Files of scores for the records of the made-up suite, as other systems leave them."""

import json

import numpy as np
import pandas as pd
from helpers.repository import load_script

from evaluation_scripts.protocols.label_sets import MERL, SUPREME6
from evaluation_scripts.protocols.read import read_suite


script = load_script("evaluate")


def read_truth(split_dir):
    """`record_id` and a 0/1 column `<configuration>:<label>` per condition of every set, under MERL's protocol."""
    truth = None
    for table in read_suite(SUPREME6, MERL, split_dir=split_dir, needs_signals=False).tables:
        columns = [f"{table.label_set.config_name}:{name}" for name in table.label_names]
        own = pd.DataFrame(table.labels, columns=columns).assign(record_id=table.records["record_id"].to_numpy())
        truth = own if truth is None else truth.merge(own, on="record_id", how="outer")
    return truth


def score_suite(scores, split_dir, output_dir, *flags):
    """Run the script on a table of scores under MERL's protocol; returns both files it leaves."""
    output_dir.mkdir(parents=True, exist_ok=True)
    path = output_dir / "scores.csv"
    scores.to_csv(path, index=False)
    script.main(
        [
            *("--predictions", str(path), "--suite", "supreme6", "--protocol", "merl", "--split_dir", str(split_dir)),
            *("--output_dir", str(output_dir), "--num_bootstrap_samples", "20", *flags),
        ]
    )
    results = json.loads((output_dir / "eval_results.json").read_text(encoding="utf-8"))
    return results, pd.read_parquet(output_dir / "predictions.parquet")


def replace_scores(truth, make):
    """A table like the truth with other values: `make(array)` gives them."""
    columns = [column for column in truth if column != "record_id"]
    values = make(truth[columns].to_numpy(dtype=np.float64))
    return pd.DataFrame(values, columns=columns).assign(record_id=truth["record_id"])
