"""`train.py --streaming`: what is learned from shards, and that no interruption leaves a trace there either."""

import json
from itertools import chain

import pytest
from datasets import Dataset
from helpers.corpus_rows import write_report_labels
from helpers.training_runs import (
    TINY_VIT,
    are_equal,
    load_ptb_xl,
    read_weights,
    record_batches,
    run_two_processes,
    train,
    train_in_two_parts,
)

from datasets_scripts import load_corpus
from training_scripts.arguments import DataArguments
from training_scripts.data.training_data import load_data


pytestmark = pytest.mark.usefixtures("tiny_preset")

# The script in a process of its own, with the encoder of `tiny_preset`
TRAIN_TINY = f"""
import runpy
from modeling_supreme import ECG_PRESETS
ECG_PRESETS["vit_tiny"] = {TINY_VIT}
runpy.run_path("train.py", run_name="__main__")
"""


@pytest.fixture(scope="module")
def shards_dir(ptb_xl_dir, tmp_path_factory):
    """The sixteen training records in two shards and six row groups, and the two to validate on."""
    folder = tmp_path_factory.mktemp("shards")
    corpus = load_corpus("ptb_xl", "hierarchy", data_dir=ptb_xl_dir)
    for name, rows in (("train-00000", range(9)), ("train-00001", range(9, 16)), ("validation-00000", range(2))):
        table = corpus[name.partition("-")[0]].select(rows).flatten_indices()
        table.to_parquet(folder / f"{name}-of-00002.parquet", batch_size=3)
    return folder


@pytest.fixture(scope="module")
def stream_flags(model_flags, shards_dir):
    """Four batches of four strips an epoch, in windows of five records."""
    return [
        *model_flags,
        *("--streaming", "--dataset_name", str(shards_dir), "--dataset_config_name", "hierarchy"),
        *("--min_positives", "1", "--per_device_train_batch_size", "4", "--shuffle_buffer_size", "5"),
    ]


@pytest.mark.parametrize(
    ("batch_size", "num_accumulated", "num_workers", "step"),
    [(4, 1, 0, 3), (4, 1, 0, 4), (2, 2, 2, 3), (3, 4, 0, 3), (2, 3, 2, 2)],
    ids=["in an epoch", "after an epoch", "accumulating", "accumulating unevenly", "unevenly with workers"],
)
def test_a_resumed_run_ends_with_the_weights_of_an_uninterrupted_one(
    stream_flags, tmp_path, batch_size, num_accumulated, num_workers, step
):
    flags = [*stream_flags, "--max_train_steps", "6", "--eval_steps", "2"]
    flags += ["--per_device_train_batch_size", str(batch_size), "--dataloader_num_workers", str(num_workers)]
    flags += ["--gradient_accumulation_steps", str(num_accumulated)]
    train(tmp_path / "whole", flags)

    train_in_two_parts(tmp_path / "resumed", flags, step)

    assert are_equal(read_weights(tmp_path / "resumed"), read_weights(tmp_path / "whole"))


def test_every_record_is_learned_once_in_an_epoch(stream_flags, tmp_path, monkeypatch):
    batches = record_batches(monkeypatch)

    train(tmp_path, [*stream_flags, "--num_train_epochs", "2", "--max_eval_samples", "0"])

    epochs = [list(chain.from_iterable(batches[start : start + 4])) for start in (0, 4)]
    assert len(batches) == 8
    assert (
        sorted(epochs[0])
        == sorted(epochs[1])
        == sorted(str(number) for number in range(1, 19) if number % 10 not in (9, 0))
    )
    assert epochs[0] != epochs[1]


def test_results_count_what_the_map_style_path_counts(stream_flags, flags, tmp_path):
    streamed = train(tmp_path / "streamed", [*stream_flags, "--max_train_steps", "4", "--learning_rate", "0"])
    loaded = train(tmp_path / "loaded", [*flags, "--max_train_steps", "4", "--learning_rate", "0"])

    differing = {"train_runtime_s", "train_loss", "train_ecg_per_s", "loader_share"}
    assert {key: value for key, value in streamed.items() if key not in differing} == {
        key: value for key, value in loaded.items() if key not in differing
    }


def test_the_length_of_an_epoch_is_known_beforehand(stream_flags, tmp_path):
    results = train(tmp_path, [*stream_flags, "--num_train_epochs", "2", "--gradient_accumulation_steps", "3"])

    # four batches: a step after three and one after the last
    assert (results["num_steps"], results["num_train_records"]) == (4, 16)


def test_a_state_is_refused_by_a_run_with_another_order(stream_flags, tmp_path):
    flags = [*stream_flags, "--checkpointing_steps", "1"]
    train(tmp_path, [*flags, "--max_train_steps", "1"])

    with pytest.raises(ValueError, match=r"shuffle_buffer_size 5 \(now 6\).*Resume with the same setting"):
        train(tmp_path, [*flags, "--resume_from_checkpoint", "latest", "--shuffle_buffer_size", "6"])


def test_held_out_records_leave_the_stream(shards_dir, ptb_xl_dir):
    options = {"held_out_findings": ["AF", "left atrial enlargement"], "max_train_samples": 13}
    streamed = load_data(DataArguments([str(shards_dir)], ["hierarchy"], streaming=True, min_positives=1, **options))
    loaded = load_ptb_xl(ptb_xl_dir, **options)

    ids = [batch["record_id"] for batch in streamed.corpora[0].train.iter_columns(["record_id"])]
    assert list(chain.from_iterable(ids)) == list(loaded.corpora[0].train["record_id"])
    assert streamed.findings == loaded.findings
    assert len(streamed.corpora[0].validation) == 0


def test_labels_from_reports_need_no_labels_in_the_shards(shards_dir, tmp_path):
    unlabelled = tmp_path / "unlabelled"
    unlabelled.mkdir()
    Dataset.from_parquet(str(shards_dir / "train-00000-of-00002.parquet"), cache_dir=str(tmp_path)).remove_columns(
        ["labels", "label_mask"]
    ).to_parquet(unlabelled / "train-00000-of-00001.parquet")
    path = write_report_labels(tmp_path / "labels.parquet", {"1": (["sinus rhythm"],), "2": ()})

    data = load_data(DataArguments([str(unlabelled)], streaming=True, report_labels=[str(path)], min_positives=1))

    assert data.findings == ("sinus rhythm",)


def test_missing_labels_are_an_error(shards_dir, tmp_path):
    Dataset.from_parquet(str(shards_dir / "train-00000-of-00002.parquet"), cache_dir=str(tmp_path)).remove_columns(
        ["label_mask"]
    ).to_parquet(tmp_path / "train-00000-of-00001.parquet")

    with pytest.raises(ValueError, match=r"train-00000.* has no column label_mask.*--report_labels"):
        load_data(DataArguments([str(tmp_path)], streaming=True))


@pytest.mark.parametrize("option", ["data_dir", "num_records"])
def test_options_of_builders_are_refused(option):
    with pytest.raises(ValueError, match=rf"`--streaming` .* takes no `--{option}`\. Leave it out"):
        DataArguments(["simulated"], streaming=True, **{option: ["1"]})


@pytest.mark.slow
def test_two_processes_find_the_validation_loss_of_one(stream_flags, ptb_xl_dir, tmp_path, monkeypatch):
    monkeypatch.setenv("ACCELERATE_USE_CPU", "true")
    # five records to validate on: two for one process, three for the other
    train_split = load_corpus("ptb_xl", "hierarchy", data_dir=ptb_xl_dir)["train"]
    train_split.to_parquet(tmp_path / "train-00000-of-00001.parquet")
    train_split.select(range(3, 8)).flatten_indices().to_parquet(tmp_path / "validation-00000-of-00001.parquet")
    flags = [*stream_flags, "--dataset_name", str(tmp_path), "--learning_rate", "0"]
    flags += ["--max_train_steps", "2", "--dataloader_num_workers", "1"]

    run_two_processes(tmp_path, "-c", TRAIN_TINY, *flags, "--output_dir", tmp_path / "two")

    results = json.loads((tmp_path / "two" / "train_results.json").read_text(encoding="utf-8"))
    expected = train(tmp_path / "one", flags)["validation_loss"]
    assert results["num_strips"] == 2 * 2 * 4
    assert results["validation_loss"] == pytest.approx(expected, rel=1e-5)
