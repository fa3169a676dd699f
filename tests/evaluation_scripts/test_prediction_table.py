"""`predictions.parquet`: one row per record, which says where it comes from."""

import numpy as np
import pandas as pd
from helpers.made_predictions import CONDITIONS, make_predictions

from evaluation_scripts.prediction_table import locate_records, tabulate_predictions


def test_predictions_are_one_row_per_record_with_unknown_labels_missing():
    predictions = make_predictions()
    predictions.labels[0, 1] = np.nan

    table = tabulate_predictions(predictions, CONDITIONS)

    assert len(table) == 80
    assert table["score_IMI"].tolist() == predictions.scores[:, 2].tolist()
    assert pd.isna(table["label_CLBBB"][0])
    assert table["label_NORM"][:2].tolist() == [1, 0]


def test_a_record_of_an_unknown_patient_is_a_patient_of_its_own():
    records = pd.DataFrame({"record_id": ["r1", "r2"], "patient_id": ["p1", None]})

    located = locate_records(records, corpus="ptb_xl", config_name="rhythm", split=["test", "train"])

    assert located["patient_id"].tolist() == ["p1", "record r2"]
    assert located["split"].tolist() == ["test", "train"]
    assert located.columns.tolist() == ["record_id", "patient_id", "corpus", "config", "split"]
