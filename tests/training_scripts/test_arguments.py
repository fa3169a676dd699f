"""Arguments of training: what is said of several corpora, what cannot be meant, and that all is explained."""

import dataclasses
from functools import partial
from typing import get_args, get_type_hints

import pytest

from modeling_supreme import ECG_PRESETS
from modeling_supreme.command_line import parse_arguments
from training_scripts.arguments import DataArguments, ModelArguments, ObjectiveArguments, TrainArguments


CLASSES = (ModelArguments, DataArguments, ObjectiveArguments, TrainArguments)
REQUIRED = ["--dataset_name", "ptb_xl", "--output_dir", "runs/mini"]
MIXED = ["--dataset_name", "simulated", "ptb_xl", "--output_dir", "runs/mixed"]


class TestMistakesInFlags:
    @pytest.mark.parametrize(
        ("flags", "message"),
        [
            (["--output_dir", "o"], r"`--dataset_name` is missing\. Name a corpus: ptb_xl, simulated"),
            (["--dataset_name", "ptb_xl"], r"`--output_dir` is missing\. Name a folder"),
            ([*REQUIRED, "--uncertain_label", "1.5"], r"`--uncertain_label` is 1\.5\..*choose 0 to 1"),
            ([*REQUIRED, "--uncertain_label", "nan"], r"`--uncertain_label` is nan\..*choose 0 to 1"),
            ([*REQUIRED, "--num_train_epochs", "0"], r"`--num_train_epochs` is 0\. It must be at least 1"),
            ([*REQUIRED, "--per_device_train_batch_size", "-4"], r"`--per_device_train_batch_size` is -4\."),
            ([*REQUIRED, "--gradient_accumulation_steps", "0"], r"`--gradient_accumulation_steps` is 0\."),
            ([*REQUIRED, "--checkpoints_total_limit", "0"], r"`--checkpoints_total_limit` is 0\."),
            ([*REQUIRED, "--logging_steps", "0"], r"`--logging_steps` is 0\."),
            ([*REQUIRED, "--push_to_hub"], r"`--push_to_hub` needs `--hub_model_id owner/name`"),
            ([*REQUIRED, "--gain", "0.6"], r"`--gain` is 0\.6\. Choose a number from 0 to 0\.5"),
            ([*REQUIRED, "--noise_mv", "nan"], r"`--noise_mv` is nan\. Choose a number from 0 to 1"),
            ([*REQUIRED, "--ema_decay", "1"], r"`--ema_decay` is 1\.0\. Choose a share between 0 and 1"),
            ([*REQUIRED, "--early_stopping_patience", "3"], r"`--early_stopping_patience` .*`--eval_steps`"),
            ([*REQUIRED, "--on_the_fly"], r"`--on_the_fly` simulates records, but `--dataset_name` is ptb_xl"),
            ([*REQUIRED, "--num_records", "9"], r"`--num_records` is for the corpus simulated.*`--max_train_samples`"),
            ([*MIXED, "--data_dir", "a", "b", "c"], r"`--data_dir` has 3 values for 2 corpora\. Give one each"),
            ([*MIXED, "--dataset_config_name", "all"], r"`--dataset_config_name` has 1 values for 2 corpora"),
            ([*MIXED, "--dataset_weights", "1", "0"], r"`--dataset_weights` are 1, 0\. Each must be above 0"),
            ([*MIXED, "--streaming"], r"`--streaming` reads one corpus, not the 2 of `--dataset_name`"),
            (
                [*MIXED, "--on_the_fly", "--report_labels", "a.parquet", "none"],
                r"`--report_labels` has no labels of records that `--on_the_fly` makes\. Write none",
            ),
        ],
        ids=lambda value: " ".join(value) if isinstance(value, list) else "",
    )
    def test_the_flag_and_its_remedy_are_named(self, flags, message):
        with pytest.raises(ValueError, match=message):
            parse_arguments(CLASSES, flags)

    @pytest.mark.parametrize(
        ("arguments", "choices"),
        [
            (partial(ModelArguments, ecg_encoder="vit_huge"), r"`--ecg_encoder` is vit_huge\. Choose one of vit_tiny"),
            (partial(ModelArguments, text_pooling="max"), r"`--text_pooling` is max\. Choose one of cls, mean"),
            (partial(DataArguments, ["ptb_xl"], on_error="ignore"), r"`--on_error` is ignore\. .*raise, skip"),
            (partial(ObjectiveArguments, loss_type="hinge"), r"`--loss_type` is hinge\. .* bce, focal, asymmetric"),
            (partial(TrainArguments, "o", report_to="email"), r"`--report_to` is email\. .* tensorboard, wandb"),
            (partial(TrainArguments, "o", lr_scheduler_type="cosin"), r"`--lr_scheduler_type` is cosin\. .*, cosine,"),
        ],
        ids=["ecg_encoder", "text_pooling", "on_error", "loss_type", "report_to", "lr_scheduler_type"],
    )
    def test_a_word_that_is_no_choice_is_refused(self, arguments, choices):
        with pytest.raises(ValueError, match=choices):
            arguments()

    def test_every_preset_of_the_encoder_is_a_choice(self):
        assert get_args(get_type_hints(ModelArguments)["ecg_encoder"]) == tuple(ECG_PRESETS)


@pytest.mark.parametrize(
    "field",
    [field for part in CLASSES for field in dataclasses.fields(part)],
    ids=lambda field: field.name,
)
def test_every_flag_is_explained_in_one_sentence(field):
    text = field.metadata["help"]

    assert text[0].isupper() or text.startswith(("labels.parquet", "no, fp16"))
    assert text.endswith(".")
    assert "\n" not in text
