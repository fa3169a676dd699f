"""MELP and MERL behind the interface of objectives: levels, pairs, processes, resumed runs, calibrated scores."""

import json
import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from datasets import Dataset
from helpers.corpus_rows import make_corpus_row
from helpers.repository import ROOT
from helpers.tiny_models import make_melp
from helpers.training_runs import are_equal, find_port, read_weights, run_python, train, train_in_two_parts
from transformers import AutoModel, AutoTokenizer

from datasets_scripts.schema import corpus_features
from modeling_supreme.command_line import CommandLineError
from training_scripts.arguments import (
    DataArguments,
    ModelArguments,
    ObjectiveArguments,
    RunArguments,
    TrainArguments,
)
from training_scripts.objectives import find_objective
from training_scripts.objectives.gathering import RowGatherer
from training_scripts.objectives.melp import (
    MOST_SENTENCES,
    PairedReports,
    contrast,
    contrast_beats,
    fit_scores,
    freeze_unused,
    join_sentences,
    list_sentences,
)
from training_scripts.run.log import read_lines


# Losses and gradients of five pairs, one of which has no report, in one process and in two that have three and two.
TWO_PROCESSES = """
import json, os, sys
from pathlib import Path

root, folder, port = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
sys.path.insert(0, root)
import torch
from torch.nn.functional import normalize
from modeling_supreme import MelpConfig
from training_scripts.objectives.gathering import RowGatherer
from training_scripts.objectives.melp import contrast, contrast_beats


def measure(start, stop, num_sentences):
    torch.manual_seed(0)
    ecgs, reports, beats, sentences = (torch.randn(5, *shape) for shape in ((8,), (8,), (3, 8), (4, 8)))
    mask = torch.arange(4) < torch.tensor([2, 2, 1, 4, 3])[:, None]
    sentences = sentences * mask[..., None]
    scale = torch.tensor(2.0, requires_grad=True)
    parts = (ecgs, reports, beats, sentences[:, :num_sentences])
    parts = [part[start:stop].clone().requires_grad_() for part in parts]
    own = [normalize(part, dim=-1) for part in parts]
    gatherer = RowGatherer(torch.tensor([True, True, True, False, True])[start:stop])
    outputs = type("Outputs", (), {"beat_embeds": own[2], "sentence_embeds": own[3]})()
    outputs.sentence_mask = mask[start:stop, :num_sentences]
    losses = [contrast(own[0], own[1], gatherer, scale), contrast_beats(outputs, gatherer, MelpConfig())]
    sum(loss.sum() for loss in losses).backward()
    grads = [part.grad.tolist() for part in parts]
    grads[3] = [row + [[0.0] * 8] * (4 - num_sentences) for row in grads[3]]
    return {"losses": [loss.tolist() for loss in losses], "grads": grads, "scale": scale.grad.item()}


def run(rank):
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=port)
    torch.distributed.init_process_group("gloo", rank=rank, world_size=2)
    # the first process has sentences up to the second only
    found = measure(0, 3, 2) if rank == 0 else measure(3, 5, 4)
    (folder / f"{rank}.json").write_text(json.dumps(found))
    torch.distributed.destroy_process_group()


pids = []
for rank in (0, 1):
    pids.append(os.fork())
    if not pids[-1]:
        run(rank)
        os._exit(0)
assert [os.waitpid(pid, 0)[1] for pid in pids] == [0, 0]
(folder / "one.json").write_text(json.dumps(measure(0, 5, 4)))
"""


@pytest.fixture(scope="module")
def report_dir(tmp_path_factory):
    """Eight records, of 0.2 mV or, with hypertrophy, of 2 mV, whose reports say so; the last has none."""
    folder = tmp_path_factory.mktemp("reports")
    names = ["left ventricular hypertrophy", "hypertrophy"]
    wave = np.sin(2 * np.pi * 1.2 * np.arange(5000) / 500) ** 2
    said = (["sinus rhythm", "normal"], ["sinus rhythm", "left block", "infarction"])
    rows = [
        make_corpus_row(
            f"r{number}",
            np.tile(wave * (200, 2000)[number % 2] * (1 + number / 20), (12, 1)).astype(np.int16),
            report=". ".join(said[number % 2]) if number < 7 else "",
            statements=said[number % 2] if number < 5 else [],
            labels=[0, 1] * (number % 2),
            label_mask=[True, True],
        )
        for number in range(8)
    ]
    corpus = Dataset.from_list(rows, features=corpus_features(names))
    corpus.to_parquet(folder / "train-00000-of-00001.parquet")
    corpus.to_parquet(folder / "validation-00000-of-00001.parquet")
    return folder


@pytest.fixture(scope="module")
def melp_flags(report_dir, text_encoder_dir, tiny_preset):
    return [
        *("--text_model_name_or_path", str(text_encoder_dir), "--text_pooling", "mean", "--ecg_encoder", "vit_tiny"),
        *("--dataset_name", str(report_dir), "--min_positives", "1", "--max_report_tokens", "32"),
        *("--projection_size", "16", "--decoder_hidden_size", "16", "--num_decoder_layers", "1"),
        *("--num_caption_queries", "4", "--num_beat_queries", "3", "--freeze_text_encoder", "False"),
        *("--per_device_train_batch_size", "4", "--max_train_steps", "4", "--learning_rate", "0.002"),
        *("--num_frozen_text_layers", "1", "--eval_steps", "2"),
    ]


@pytest.fixture(scope="module")
def run(melp_flags, tmp_path_factory):
    """A run of melp in one piece."""
    folder = tmp_path_factory.mktemp("runs") / "melp"
    results = train(folder, ["--objective", "melp", *melp_flags])
    return SimpleNamespace(folder=folder, results=results)


def make_arguments(objective="melp", *, model=None, data=None, **fields):
    return RunArguments(
        ModelArguments(**(model or {})),
        DataArguments(**{"dataset_name": ["simulated"], **(data or {})}),
        ObjectiveArguments(objective=objective, **fields),
        TrainArguments(output_dir="runs/test"),
    )


class TestReports:
    def test_statements_are_sentences_and_else_the_report_is_cut(self):
        assert list_sentences({"report": "A. B", "statements": ["sinus rhythm ", ""]}) == ["sinus rhythm"]
        assert list_sentences({"report": "Sinus rhythm. PR 0.2 s\nNormal", "statements": []}) == [
            "Sinus rhythm.",
            "PR 0.2 s",
            "Normal",
        ]
        assert list_sentences({"report": None, "statements": []}) == []

    def test_every_token_belongs_to_its_sentence(self, text_encoder_dir):
        collator = PairedReports(
            None, None, AutoTokenizer.from_pretrained(text_encoder_dir), max_tokens=32, min_words=2
        )

        found = collator.read_reports([["atrial flutter", "normal"], [], ["sinus"]])

        # [CLS] atrial flutter . normal . [SEP]
        assert found["sentence_ids"][0].tolist() == [-1, 0, 0, 0, 1, 1, -1]
        assert found["sentence_ids"][1].tolist() == [-1] * 7
        assert found["report_mask"].sum(dim=1).tolist() == [7, 2, 4]
        assert found["is_paired"].tolist() == [True, False, False]

    def test_a_long_report_is_cut_and_its_last_sentence_takes_the_rest(self, text_encoder_dir):
        collator = PairedReports(None, None, AutoTokenizer.from_pretrained(text_encoder_dir), max_tokens=40)

        found = collator.read_reports([["sinus"] * 30])

        assert found["report_ids"].shape == (1, 40)
        assert found["sentence_ids"].max() == MOST_SENTENCES - 1

    def test_joined_sentences_begin_where_it_says(self):
        text, starts = join_sentences(["sinus rhythm", "normal?", "af"])

        assert [text[start:][:2] for start in starts] == ["si", "no", "af"]


class TestLosses:
    def test_both_directions_are_told_among_all_pairs(self):
        first, second = (torch.nn.functional.normalize(torch.randn(3, 4), dim=-1) for _ in range(2))

        found = contrast(first, second, RowGatherer(torch.ones(3).bool()), 5.0)

        logits, places = 5 * first @ second.T, torch.arange(3)
        there = torch.nn.functional.cross_entropy(logits, places, reduction="none")
        back = torch.nn.functional.cross_entropy(logits.T, places, reduction="none")
        torch.testing.assert_close(found, (there + back) / 2)

    def test_two_processes_have_the_losses_and_gradients_of_one(self, tmp_path):
        run_python(tmp_path, "-c", TWO_PROCESSES, ROOT, tmp_path, find_port())
        one, *both = (json.loads((tmp_path / f"{name}.json").read_text()) for name in ("one", "0", "1"))

        for level, expected in enumerate(one["losses"]):
            assert both[0]["losses"][level] + both[1]["losses"][level] == pytest.approx(expected, rel=1e-5, abs=1e-6)
        for part, expected in enumerate(one["grads"]):
            grads = np.array(both[0]["grads"][part] + both[1]["grads"][part])
            np.testing.assert_allclose(grads, np.array(expected), rtol=1e-4, atol=1e-6)
        assert both[0]["scale"] + both[1]["scale"] == pytest.approx(one["scale"], rel=1e-4)

    @pytest.mark.parametrize(
        ("level", "measure"),
        [
            (
                "global",
                lambda found, pairs, _: contrast(found.ecg_embeds, found.report_embeds, pairs, found.logit_scale),
            ),
            ("local", contrast_beats),
            ("view", lambda found, pairs, config: contrast(*found.view_embeds, pairs, config.view_temperature)),
        ],
    )
    def test_each_level_alone_learns_to_tell_eight_pairs(self, text_encoder_dir, level, measure):
        model = make_melp(text_encoder_dir, num_decoder_layers=0, has_views=level == "view").train()
        freeze_unused(model, {level: 1.0})
        tokens = torch.randint(44, 90, (8, 6), generator=torch.Generator().manual_seed(0))
        seconds = torch.arange(1000) / 100
        strips = torch.stack([torch.sin(6.28 * (1 + number) * seconds).expand(12, -1) for number in range(8)])
        optimizer = torch.optim.AdamW([each for each in model.parameters() if each.requires_grad], lr=3e-3)
        gatherer, sentence_ids = RowGatherer(torch.ones(8).bool()), torch.arange(6).expand(8, -1) // 3
        for _ in range(40):
            outputs = model(strips, report_ids=tokens, sentence_ids=sentence_ids)
            loss = measure(outputs, gatherer, model.config).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

        assert loss.item() < 0.5 * math.log(8)
        unmoved = [name for name, each in model.named_parameters() if each.requires_grad and each.grad is None]
        assert unmoved == []

    @pytest.mark.parametrize(
        "levels", [["caption"], ["global", "caption", "local"], ["global", "view"], ["local"], ["view"]], ids="+".join
    )
    def test_whatever_learns_has_a_gradient_for_which_no_process_waits(self, text_encoder_dir, levels):
        model = make_melp(
            text_encoder_dir, has_views="view" in levels, num_decoder_layers=int("caption" in levels)
        ).train()
        freeze_unused(model, dict.fromkeys(levels, 1.0))
        gatherer, tokens = RowGatherer(torch.ones(3).bool()), torch.randint(44, 90, (3, 6))

        outputs = model(torch.randn(3, 12, 1000), report_ids=tokens, sentence_ids=torch.arange(6).expand(3, -1) // 3)
        losses = {
            "global": lambda: contrast(outputs.ecg_embeds, outputs.report_embeds, gatherer, outputs.logit_scale),
            "caption": lambda: outputs.caption_losses,
            "local": lambda: contrast_beats(outputs, gatherer, model.config),
            "view": lambda: contrast(*outputs.view_embeds, gatherer, model.config.view_temperature),
        }
        sum(losses[level]().sum() for level in levels).backward()

        waiting = [name for name, each in model.named_parameters() if each.requires_grad and each.grad is None]
        assert waiting == []


class TestRun:
    def test_every_level_is_logged_and_validated(self, run):
        (line, *_) = read_lines(run.folder / "train_log.jsonl")
        levels = {name for name in line if name.startswith("loss_")}

        assert levels == {"loss_global", "loss_caption", "loss_local"}
        weighed = line["loss_global"] + 2 * line["loss_caption"] + 0.2 * line["loss_local"]
        assert line["loss"] == pytest.approx(weighed, rel=1e-4)
        assert run.results["level_weights"] == {"global": 1.0, "caption": 2.0, "local": 0.2}
        assert 0 <= run.results["validation_auroc_macro"] <= 1
        validated = [run.results[f"validation_{name}"] for name in sorted(levels)]
        assert run.results["validation_loss"] == pytest.approx(np.dot([2, 1, 0.2], validated), rel=1e-4)

    def test_it_leaves_a_checkpoint_that_answers_with_calibrated_scores(self, run):
        model = AutoModel.from_pretrained(run.folder)

        assert model.config.score_scale == run.results["score_scale"] > 0
        assert model.config.trained_queries == ["left ventricular hypertrophy", "hypertrophy"]
        assert "arXiv 2506.21803" in (run.folder / "README.md").read_text(encoding="utf-8")

    def test_broken_off_and_resumed_it_ends_with_the_same_weights(self, run, melp_flags, tmp_path):
        train_in_two_parts(tmp_path / "resumed", ["--objective", "melp", *melp_flags], step=3)

        assert are_equal(read_weights(tmp_path / "resumed"), read_weights(run.folder))
        lines = (read_lines(folder / "train_log.jsonl") for folder in (tmp_path / "resumed", run.folder))
        assert next(lines) == next(lines)

    def test_merl_learns_two_views_and_no_captions(self, melp_flags, tmp_path):
        results = train(tmp_path / "merl", ["--objective", "merl", *melp_flags, "--max_train_steps", "1"])

        assert results["level_weights"] == {"global": 1.0, "view": 1.0}
        model = AutoModel.from_pretrained(tmp_path / "merl")
        assert (model.decoder, model.config.has_views) == (None, True)

    def test_a_checkpoint_goes_on_and_one_without_the_part_does_not(self, run, melp_flags, tmp_path):
        flags = [*melp_flags, "--max_train_steps", "1", "--model_name_or_path", str(run.folder)]
        train(tmp_path / "more", ["--objective", "melp", "--local_weight", "0", *flags])

        with pytest.raises(CommandLineError, match="has no part for `--view_weight`: it was trained without"):
            train(tmp_path / "merl", ["--objective", "merl", *flags])

    def test_a_new_model_begins_with_the_encoder_of_another(self, run, melp_flags, tmp_path):
        flags = [*melp_flags, "--max_train_steps", "1", "--ecg_model_name_or_path", str(run.folder)]

        train(tmp_path / "warm", ["--objective", "merl", *flags, "--learning_rate", "0"])

        learnt, begun = read_weights(run.folder), read_weights(tmp_path / "warm")
        encoder = [name for name in learnt if name.startswith("ecg_model.")]
        assert encoder
        assert all(torch.equal(learnt[name], begun[name]) for name in encoder)

    def test_without_labels_it_learns_from_reports_and_validates_by_losses(self, melp_flags, tmp_path):
        flags = [*melp_flags, "--max_train_steps", "1", "--min_positives", "100"]
        flags += ["--metric_for_best_model", "validation_loss"]

        results = train(tmp_path / "unlabelled", ["--objective", "melp", *flags])

        assert results["validation_auroc_macro"] is None
        assert results["validation_loss"] > 0
        assert AutoModel.from_pretrained(tmp_path / "unlabelled").config.trained_queries == []


class TestCalibration:
    def test_it_finds_the_scale_and_bias_that_made_the_labels(self):
        cosines = torch.rand(4000, 3, generator=torch.Generator().manual_seed(0)) * 2 - 1
        chances = torch.sigmoid(6 * cosines - 2)
        labels = torch.bernoulli(chances, generator=torch.Generator().manual_seed(1))
        labels[0, 0] = float("nan")

        assert fit_scores(cosines, labels) == pytest.approx((6, -2), abs=0.25)

    def test_of_one_kind_of_label_there_is_none(self):
        assert fit_scores(torch.rand(3, 2), torch.zeros(3, 2)) is None
        assert fit_scores(torch.rand(3, 2), torch.full((3, 2), float("nan"))) is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            make_arguments(global_weight=0.0, caption_weight=0.0, local_weight=0.0),
            "are all 0: nothing would be learnt",
        ),
        (make_arguments(model={"freeze_encoder": True}), "`--freeze_encoder` is for a linear probe"),
        (
            make_arguments(model={"measurement_head": "beats"}),
            "`--measurement_head beats` is for `--objective zero_shot`",
        ),
        (make_arguments(data={"train_file": ["a.txt"]}), "`--train_file` has texts, for `--objective mlm`"),
    ],
)
def test_what_does_not_fit_is_refused_before_a_corpus_is_loaded(arguments, message):
    with pytest.raises(CommandLineError, match=message):
        find_objective("melp").check_arguments(arguments)
