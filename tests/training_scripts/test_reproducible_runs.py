"""A seed decides about a whole run: the same one leaves the same checkpoint, bit for bit, and another one another."""

import json

import pytest
from helpers.training_runs import are_equal, read_weights, train


pytestmark = pytest.mark.usefixtures("tiny_preset")


@pytest.fixture(scope="module")
def seeded_flags(model_flags):
    """All that is random takes part: simulated strips, changes to them, dropout, wordings, queries, a head."""
    return [
        *model_flags,
        *("--dataset_name", "simulated", "--num_records", "40", "--on_the_fly", "--per_device_train_batch_size", "4"),
        *("--max_train_steps", "3", "--measurement_head", "beats", "--num_calibration_records", "0"),
        *("--num_queries_per_step", "20", "--gain", "0.1", "--sheet_probability", "0.5", "--ema_decay", "0.9"),
    ]


@pytest.fixture(scope="module")
def run_dir(seeded_flags, tmp_path_factory, tiny_preset):
    folder = tmp_path_factory.mktemp("seeded") / "run"
    train(folder, [*seeded_flags, "--seed", "1"])
    return folder


def read_config(folder):
    return json.loads((folder / "config.json").read_text(encoding="utf-8"))


def test_the_same_seed_leaves_the_same_checkpoint(run_dir, seeded_flags, tmp_path):
    train(tmp_path / "again", [*seeded_flags, "--seed", "1"])

    assert are_equal(read_weights(tmp_path / "again"), read_weights(run_dir))
    settings = (
        json.loads((folder / "config.json").read_text(encoding="utf-8")) for folder in (tmp_path / "again", run_dir)
    )
    assert next(settings) == next(settings)


def test_another_seed_leaves_another(run_dir, seeded_flags, tmp_path):
    train(tmp_path / "other", [*seeded_flags, "--seed", "2"])

    assert not are_equal(read_weights(tmp_path / "other"), read_weights(run_dir))


def test_dropout_of_the_fusion_network_is_what_was_asked_for(seeded_flags, run_dir, tmp_path):
    train(tmp_path / "none", [*seeded_flags, "--max_train_steps", "1", "--fusion_dropout", "0"])

    asked = [read_config(folder)["fusion_dropout"] for folder in (tmp_path / "none", run_dir)]
    assert asked == [0.0, 0.1]
