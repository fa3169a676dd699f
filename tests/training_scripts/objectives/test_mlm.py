"""Masked language modelling hides whole words, learns reports, and leaves a text encoder for the other objectives."""

import math

import numpy as np
import pandas as pd
import pytest
import torch
from datasets import Dataset
from helpers.corpus_rows import make_corpus_row
from helpers.tiny_models import make_melp, make_tokenizer, save_text_encoder
from helpers.training_runs import are_equal, read_weights, train, train_in_two_parts
from transformers import AutoModel, AutoTokenizer

from datasets_scripts.schema import corpus_features
from modeling_supreme.checkpoints import load_text_encoder
from modeling_supreme.command_line import CommandLineError
from training_scripts.arguments import (
    DataArguments,
    ModelArguments,
    ObjectiveArguments,
    RunArguments,
    TrainArguments,
)
from training_scripts.objectives import find_objective
from training_scripts.objectives.mlm import load_texts
from training_scripts.steps import TrainingBatch


REPORTS = ["sinus rhythm", "atrial flutter", "left bundle branch block", "normal sinus rhythm", "atrial fibrillation"]


@pytest.fixture(scope="module")
def masking_encoder_dir(tmp_path_factory):
    """A tiny BERT whose tokenizer has a token for what is hidden."""
    tokenizer = make_tokenizer()
    tokenizer.add_special_tokens({"mask_token": "[MASK]"})
    return save_text_encoder(tmp_path_factory.mktemp("masking"), tokenizer, num_layers=2)


@pytest.fixture(scope="module")
def text_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("texts") / "reports.txt"
    path.write_text("\n".join([*REPORTS, "", *REPORTS[:2]]), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def mlm_flags(masking_encoder_dir, text_file):
    return [
        *("--objective", "mlm", "--text_model_name_or_path", str(masking_encoder_dir), "--train_file", str(text_file)),
        *("--per_device_train_batch_size", "2", "--max_train_steps", "4", "--learning_rate", "0.002"),
        *("--mlm_probability", "0.4"),
    ]


@pytest.fixture(scope="module")
def run_dir(mlm_flags, tmp_path_factory):
    folder = tmp_path_factory.mktemp("mlm") / "run"
    train(folder, mlm_flags)
    return folder


def make_arguments(encoder_dir, **data):
    return RunArguments(
        ModelArguments(text_model_name_or_path=str(encoder_dir)),
        DataArguments(**data),
        ObjectiveArguments(objective="mlm", mlm_probability=0.5),
        TrainArguments(output_dir="runs/test"),
    )


@pytest.fixture(scope="module")
def objective(masking_encoder_dir, text_file):
    from accelerate import Accelerator

    return find_objective("mlm")(
        make_arguments(masking_encoder_dir, train_file=[str(text_file)]), Accelerator(cpu=True)
    )


def make_batch(objective, texts, positions):
    inputs = objective.source.collator([{"record_id": text, "text": text} for text in texts])
    return TrainingBatch(inputs, tuple(texts), torch.tensor(positions))


class TestHiddenWords:
    def test_a_word_is_hidden_with_all_its_pieces_or_not_at_all(self, objective):
        # rhythm is six pieces, sinus one
        batch = make_batch(objective, ["sinus rhythm"] * 40, range(40))

        hidden = objective.hide_words(batch, torch.arange(40))

        is_hidden = hidden.labels >= 0
        assert {tuple(row) for row in is_hidden[:, 2:8].tolist()} == {(False,) * 6, (True,) * 6}
        assert not is_hidden[:, [0, -1]].any()
        assert (hidden.input_ids[is_hidden] == objective.tokenizer.mask_token_id).all()
        assert torch.equal(hidden.labels[is_hidden], batch.inputs["input_ids"][is_hidden])

    def test_what_a_text_hides_depends_on_its_place_in_the_step_alone(self, objective):
        together = make_batch(objective, REPORTS, range(5))
        apart = make_batch(objective, REPORTS[1:2], [1])

        drawn = objective.draw([together, apart], torch.Generator().manual_seed(3))

        length = apart.inputs["input_ids"].shape[1]
        assert torch.equal(drawn[apart.record_ids].labels[0], drawn[together.record_ids].labels[1, :length])

    def test_the_loss_counts_hidden_tokens_alone(self, objective):
        batch = make_batch(objective, REPORTS, range(5))
        drawn = objective.draw([batch], torch.Generator().manual_seed(3))

        objective.model.eval()
        with torch.no_grad():
            loss = objective.compute_losses(objective.model, batch, drawn)["tokens"]
            logits = objective.model(drawn[batch.record_ids].input_ids, batch.inputs["attention_mask"]).logits

        labels = drawn[batch.record_ids].labels
        wanted = torch.log_softmax(logits, dim=-1)[labels >= 0].gather(1, labels[labels >= 0][:, None])
        assert objective.count(batch, drawn) == {"tokens": float((labels >= 0).sum())}
        assert loss.item() == pytest.approx(-wanted.sum().item(), rel=1e-4)


class TestTexts:
    def test_they_are_distinct_and_none_is_learnt_and_validated_on(self, masking_encoder_dir, text_file):
        learnt, validated = load_texts(make_arguments(masking_encoder_dir, train_file=[str(text_file)]))

        assert (learnt, validated) == (REPORTS[1:], REPORTS[:1])

    def test_a_table_has_a_column_of_them(self, masking_encoder_dir, tmp_path):
        pd.DataFrame({"id": [1, 2, 3], "report": ["sinus  rhythm", None, "af"]}).to_csv(tmp_path / "a.csv")

        learnt, validated = load_texts(make_arguments(masking_encoder_dir, train_file=[str(tmp_path / "a.csv")]))

        assert validated + learnt == ["sinus rhythm", "af"]

    def test_a_table_without_is_refused(self, masking_encoder_dir, tmp_path):
        pd.DataFrame({"id": [1]}).to_csv(tmp_path / "a.csv", index=False)

        with pytest.raises(CommandLineError, match=r"a\.csv has the columns id, none of which is report or text"):
            load_texts(make_arguments(masking_encoder_dir, train_file=[str(tmp_path / "a.csv")]))

    def test_reports_of_a_corpus_are_learnt_and_those_of_validation_alone_validated(
        self, masking_encoder_dir, tmp_path
    ):
        for split, reports in {"train": ["a b", "c", ""], "validation": ["c", "d"]}.items():
            signal = np.zeros((12, 5000), dtype=np.int16)
            rows = [make_corpus_row(f"{split}{number}", signal, report=text) for number, text in enumerate(reports)]
            corpus = Dataset.from_list(rows, features=corpus_features(["sinus rhythm"]))
            corpus.to_parquet(tmp_path / f"{split}-00000-of-00001.parquet")

        found = load_texts(make_arguments(masking_encoder_dir, dataset_name=[str(tmp_path)]))

        assert found == (["a b", "c"], ["d"])


class TestRun:
    def test_it_leaves_an_encoder_that_the_others_take(self, run_dir):
        model = AutoModel.from_pretrained(run_dir)

        assert type(model).__name__ == "BertModel"
        assert AutoTokenizer.from_pretrained(run_dir).mask_token == "[MASK]"
        weights = load_text_encoder(str(run_dir)).state_dict()
        melp = make_melp(run_dir).text_model.state_dict()
        assert all(torch.equal(melp[name], weight) for name, weight in weights.items() if "pooler" not in name)

    def test_broken_off_and_resumed_it_ends_with_the_same_weights(self, run_dir, mlm_flags, tmp_path):
        train_in_two_parts(tmp_path / "resumed", mlm_flags, step=3)

        assert are_equal(read_weights(tmp_path / "resumed"), read_weights(run_dir))

    def test_from_random_weights_it_begins_at_chance_and_learns(self, mlm_flags, tmp_path):
        flags = [*mlm_flags, "--text_weights", "random", "--max_train_steps", "60", "--logging_steps", "5"]

        results = train(tmp_path / "random", [*flags, "--per_device_train_batch_size", "4", "--learning_rate", "0.01"])

        assert results["train_loss"] < 0.8 * math.log(90)


def test_a_tokenizer_without_a_mask_is_refused(text_encoder_dir, text_file):
    with pytest.raises(CommandLineError, match="has no mask token"):
        find_objective("mlm")(make_arguments(text_encoder_dir, train_file=[str(text_file)]), None)


@pytest.mark.parametrize(
    "data", [{"on_the_fly": True, "dataset_name": ["simulated"]}, {"streaming": True, "dataset_name": ["a"]}]
)
def test_streams_are_refused(masking_encoder_dir, data):
    with pytest.raises(CommandLineError, match="is for objectives that learn from strips"):
        find_objective("mlm").check_arguments(make_arguments(masking_encoder_dir, **data))
