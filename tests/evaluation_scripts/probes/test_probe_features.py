"""What probes and baselines see: age and sex, an encoder of random weights, and each record once."""

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from datasets import Dataset
from helpers.records.suite_records import CPSC2018, SETS

from evaluation_scripts.arguments import EvaluationArguments
from evaluation_scripts.passes.kept_shards import hash_weights
from evaluation_scripts.probes.features import FeatureReader, make_random_encoder, read_demographics
from evaluation_scripts.protocols.corrected import read_corrected_table
from evaluation_scripts.protocols.merl import read_merl_table
from evaluation_scripts.suites.records import load_suite_records


SPLITS = ["train", "validation", "test"]


def test_demographics_are_age_and_a_column_per_sex():
    rows = Dataset.from_dict({"age": [71.0, None, 30.0], "sex": ["male", "female", None]})

    found = read_demographics(rows)

    np.testing.assert_array_equal(found, [[71, 1, 0], [np.nan, 0, 1], [30, 0, 0]])


def test_a_random_encoder_is_the_same_for_a_seed_and_never_that_of_the_checkpoint(tiny_model):
    names = [hash_weights(make_random_encoder(tiny_model, seed)) for seed in (1, 1, 2)]

    assert names[0] == names[1]
    assert len({*names, hash_weights(tiny_model.ecg_model)}) == 3


def test_making_it_leaves_the_random_numbers_of_the_run_alone(tiny_model):
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    make_random_encoder(tiny_model, 1)

    assert torch.rand(1) == expected


@pytest.fixture
def reader(tiny_model, tiny_processor):
    return FeatureReader(tiny_model.eval(), tiny_processor, EvaluationArguments(), Accelerator(cpu=True))


def test_features_of_a_long_recording_are_the_mean_of_its_windows(reader, suite_root):
    table = read_corrected_table(CPSC2018, suite_root / "CPSC_2018")
    records, _ = load_suite_records(table, SPLITS, data_dir=suite_root / "CPSC_2018")
    names = list(dict.fromkeys(records.rows["record_id"]))
    rows = records.rows.filter(lambda row: row["record_id"] == "A0003")

    found = reader.read("probe", records)

    windows = reader._compute("probe", rows, "")
    assert len(windows) > 1
    assert found[names.index("A0003")] == pytest.approx(windows.mean(axis=0), abs=1e-5)
    assert len(found) == len(names)


def test_a_record_is_read_once_for_all_sets_of_its_corpus(reader, suite_root, split_dir, monkeypatch):
    asked = []
    compute = FeatureReader._compute
    monkeypatch.setattr(
        FeatureReader,
        "_compute",
        lambda self, source, rows, name: asked.extend(rows["record_id"]) or compute(self, source, rows, name),
    )

    for name in ("ptb_xl/rhythm", "ptb_xl/form"):
        table = read_merl_table(SETS[name], split_dir)
        records, _ = load_suite_records(table, SPLITS, data_dir=suite_root / "ptb-xl" / "1.0.3")
        reader.read("demographics", records)

    assert len(asked) == len(set(asked)) == 20
