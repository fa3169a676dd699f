"""`train.py`: a recipe and a corpus in, a checkpoint that says what it learned out; no interruption leaves a trace."""

import json
import logging
from itertools import chain
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from helpers.corpus_rows import write_report_labels
from helpers.repository import ROOT
from helpers.training_runs import (
    TINY_VIT,
    are_equal,
    load_ptb_xl,
    read_weights,
    record_batches,
    run_python,
    script,
    train,
    train_in_two_parts,
    without_dropout,
)
from huggingface_hub import ModelCard
from safetensors.torch import load_file
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from transformers import AutoModel, AutoProcessor, BertModel

from modeling_supreme import ECG_PRESETS, STANDARD_LEADS, SupremeModel, SupremeProcessor
from training_scripts.objectives import supervised
from training_scripts.run import loop


pytestmark = pytest.mark.usefixtures("tiny_preset")


def text_weights(weights):
    return {name.removeprefix("text_model."): value for name, value in weights.items() if name.startswith("text_")}


@pytest.fixture(scope="module")
def trained(flags, tmp_path_factory):
    """Four steps of the hybrid, the encoder that also keeps statistics of batches, with a state after each step."""
    output_dir = tmp_path_factory.mktemp("trained")
    flags = [*flags, "--ecg_encoder", "hybrid", "--max_train_steps", "4", "--checkpointing_steps", "1"]
    return SimpleNamespace(flags=flags, output_dir=output_dir, results=train(output_dir, flags))


class TestWhatARunLeaves:
    def test_the_auto_classes_load_the_checkpoint(self, trained):
        model = AutoModel.from_pretrained(trained.output_dir)
        processor = AutoProcessor.from_pretrained(trained.output_dir)

        assert isinstance(model, SupremeModel)
        assert isinstance(processor, SupremeProcessor)

    def test_the_checkpoint_lists_the_findings_it_was_trained_on(self, trained):
        queries = AutoModel.from_pretrained(trained.output_dir).config.trained_queries

        # 16 codes of the training records, 4 subclasses and 4 superclasses that are no code of their own
        assert len(queries) == trained.results["num_findings"] == 24
        assert {"normal ecg", "anterior myocardial infarction", "myocardial infarction"} <= set(queries)
        assert "left atrial enlargement" not in queries  # of the validation records only

    def test_the_results_count_steps_strips_and_records(self, trained):
        names = ("num_steps", "num_strips", "num_train_records", "num_validation_records")

        assert [trained.results[name] for name in names] == [4, 16, 16, 2]

    def test_the_parameters_that_are_not_trained_are_those_of_the_text_encoder(self, trained, text_encoder_dir):
        num_frozen = BertModel.from_pretrained(text_encoder_dir).num_parameters()

        assert trained.results["num_parameters"] - trained.results["num_trained_parameters"] == num_frozen

    def test_the_validation_loss_is_that_of_the_saved_model(self, trained, ptb_xl_dir):
        data = load_ptb_xl(ptb_xl_dir)
        validation = data.corpora[0].validation.with_format("numpy")
        model = AutoModel.from_pretrained(trained.output_dir)
        processor = AutoProcessor.from_pretrained(trained.output_dir)

        inputs = processor(
            list(validation["signal"][:] / 1000),
            data.findings,
            sampling_rate=500,
            leads=STANDARD_LEADS,
            return_tensors="pt",
        )
        targets = torch.from_numpy(data.labels.targets([validation[0], validation[1]], [0, 0]))
        loss = model(**inputs, labels=targets).loss.item()

        assert trained.results["validation_loss"] == pytest.approx(loss, rel=1e-4)

    def test_an_auroc_without_two_classes_is_null(self, trained):
        # both validation records have the same labels
        assert trained.results["validation_auroc_macro"] is None
        assert trained.results["num_validated_findings"] == 0

    def test_the_arguments_are_a_recipe_of_the_same_run(self, trained, tmp_path):
        train(tmp_path, [str(trained.output_dir / "train_arguments.yaml")])

        assert are_equal(read_weights(tmp_path), read_weights(trained.output_dir))

    def test_the_card_carries_the_metadata_of_the_hub(self, trained):
        data = ModelCard.load(trained.output_dir / "README.md").data

        assert (data.library_name, data.license) == ("transformers", "apache-2.0")
        assert "zero-shot-ecg-classification" in data.tags

    def test_only_the_last_states_are_kept(self, trained):
        states = sorted(path.name for path in (trained.output_dir / "checkpoints").iterdir())

        assert states == ["step_00000003", "step_00000004"]

    def test_weights_are_safetensors_alone(self, trained):
        names = {path.name for path in trained.output_dir.iterdir() if path.suffix in {".safetensors", ".bin", ".pt"}}

        assert names == {"model.safetensors"}


class TestResuming:
    @pytest.mark.parametrize(
        ("batch_size", "num_accumulated", "step"),
        [(4, 1, 3), (4, 1, 4), (2, 2, 3), (3, 4, 3)],
        ids=["in an epoch", "after an epoch", "accumulating", "accumulating unevenly"],
    )
    def test_a_resumed_run_ends_with_the_weights_of_an_uninterrupted_one(
        self, flags, tmp_path, batch_size, num_accumulated, step
    ):
        flags = [*flags, "--max_train_steps", "6", "--eval_steps", "2"]
        flags += ["--per_device_train_batch_size", str(batch_size)]
        flags += ["--gradient_accumulation_steps", str(num_accumulated)]
        train(tmp_path / "whole", flags)

        results = train_in_two_parts(tmp_path / "resumed", flags, step)

        assert results["num_steps"] == 6
        assert (tmp_path / "resumed" / "train_log.jsonl").read_text() == (
            tmp_path / "whole" / "train_log.jsonl"
        ).read_text()
        assert are_equal(read_weights(tmp_path / "resumed"), read_weights(tmp_path / "whole"))

    def test_a_state_can_be_named(self, trained, tmp_path):
        state_dir = trained.output_dir / "checkpoints" / "step_00000003"

        results = train(tmp_path, [*trained.flags, "--resume_from_checkpoint", str(state_dir)])

        assert results["num_strips"] == 4
        assert are_equal(read_weights(tmp_path), read_weights(trained.output_dir))

    def test_a_finished_run_has_nothing_left_to_do(self, trained, tmp_path):
        state_dir = trained.output_dir / "checkpoints" / "step_00000004"

        results = train(tmp_path, [*trained.flags, "--resume_from_checkpoint", str(state_dir)])

        assert (results["num_strips"], results["train_loss"]) == (0, None)
        assert are_equal(read_weights(tmp_path), read_weights(trained.output_dir))

    def test_latest_without_a_state_starts_afresh_and_says_so(self, flags, tmp_path, caplog):
        with caplog.at_level(logging.WARNING):
            results = train(tmp_path, [*flags, "--resume_from_checkpoint", "latest"])

        assert results["num_steps"] == 1
        assert "to resume from. Starting from the beginning." in caplog.text

    def test_a_missing_state_is_an_error(self, flags, tmp_path):
        with pytest.raises(FileNotFoundError, match=r"no state .*step_7 to resume from.*`latest`"):
            train(tmp_path, [*flags, "--resume_from_checkpoint", str(tmp_path / "step_7")])


def count_calls(patch, owner, name):
    """Count the calls of a method."""
    calls = []
    method = getattr(owner, name)
    patch.setattr(owner, name, lambda *args, **kwargs: calls.append(1) or method(*args, **kwargs))
    return calls


class TestSteps:
    def test_an_epoch_sees_every_record_once_in_an_order_of_its_own(self, flags, tmp_path, monkeypatch):
        batches = record_batches(monkeypatch)

        train(tmp_path, [*flags, "--max_train_steps", "8", "--max_eval_samples", "0"])

        first, second = list(chain(*batches[:4])), list(chain(*batches[4:8]))
        assert sorted(first) == sorted(second) == sorted(set(first))
        assert len(first) == 16
        assert first != second

    def test_accumulated_batches_make_one_step(self, flags, tmp_path):
        # 16 records are 6 batches of at most 3: an epoch is a step of four batches and a step of two
        flags = [*flags, "--per_device_train_batch_size", "3", "--gradient_accumulation_steps", "4"]
        steps = flags.index("--max_train_steps")

        results = train(tmp_path, [*flags[:steps], *flags[steps + 2 :], "--num_train_epochs", "2"])

        assert results["num_steps"] == 4

    def test_accumulated_batches_learn_what_one_large_batch_learns(self, flags, tmp_path, monkeypatch):
        monkeypatch.setitem(ECG_PRESETS, "vit_tiny", {**TINY_VIT, "dropout": 0.0})
        monkeypatch.setattr(SupremeModel, "from_text_pretrained", without_dropout(SupremeModel))
        flags = [*flags, "--lr_scheduler_type", "constant"]

        train(tmp_path / "large", [*flags, "--per_device_train_batch_size", "16"])
        train(tmp_path / "accumulated", [*flags, "--gradient_accumulation_steps", "4"])

        # a step of AdamW is 2e-3 however small the gradient, so that rounding shows where it is near zero
        large, accumulated = read_weights(tmp_path / "large"), read_weights(tmp_path / "accumulated")
        assert max((large[name] - accumulated[name]).abs().max().item() for name in large) < 1e-4

    def test_the_learning_rate_rises_then_falls_to_zero(self, flags, tmp_path, monkeypatch):
        rates = []
        schedule = loop.get_scheduler

        def watch(*args, **kwargs):
            scheduler = schedule(*args, **kwargs)
            step = scheduler.step
            scheduler.step = lambda: (step(), rates.append(scheduler.get_last_lr()[0]))
            return scheduler

        monkeypatch.setattr(loop, "get_scheduler", watch)
        train(tmp_path, [*flags, "--max_train_steps", "4", "--num_warmup_steps", "2"])

        # half a cosine over the two steps after the warm-up
        assert rates == pytest.approx([0.001, 0.002, 0.001, 0.0])

    def test_the_text_encoder_does_not_run_in_a_step(self, flags, tmp_path, monkeypatch):
        calls = count_calls(monkeypatch, BertModel, "forward")
        train(tmp_path / "one", flags)
        num_calls = len(calls)

        train(tmp_path / "four", [*flags, "--max_train_steps", "4"])

        assert num_calls > 0
        assert len(calls) == 2 * num_calls

    def test_the_frozen_text_encoder_keeps_its_weights_and_the_rest_learns(
        self, flags, text_encoder_dir, tmp_path, monkeypatch
    ):
        build_model, started = supervised.build_zero_shot_model, []

        def build_and_note(arguments):
            model, processor = build_model(arguments)
            started.append({name: value.clone() for name, value in model.named_parameters()})
            return model, processor

        monkeypatch.setattr(supervised, "build_zero_shot_model", build_and_note)
        train(tmp_path, [*flags, "--max_train_steps", "2"])

        weights = read_weights(tmp_path)
        kept = {name for name, value in started[0].items() if torch.equal(value, weights[name])}
        assert kept == {name for name in started[0] if name.startswith("text_model.")}
        assert are_equal(text_weights(weights), load_file(text_encoder_dir / "model.safetensors"))

    def test_a_loss_that_is_no_number_stops_the_run_and_names_the_step(self, flags, tmp_path):
        flags = [*flags, "--learning_rate", "1e30", "--warmup_ratio", "0", "--lr_scheduler_type", "constant"]

        with pytest.raises(FloatingPointError, match=r"The loss is nan at step \d\. Its records are .*Lower"):
            train(tmp_path, [*flags, "--max_train_steps", "5"])


def test_a_tiny_model_learns_eight_strips(model_flags, voltage_dir, tmp_path):
    flags = [*model_flags, "--dataset_name", str(voltage_dir), "--min_positives", "1", "--learning_rate", "0.01"]

    results = train(tmp_path, [*flags, "--max_train_steps", "120", "--per_device_train_batch_size", "8"])

    # knowing only that half of the strips have the findings leaves a loss of ln 2 = 0.69
    assert results["train_loss"] < 0.3
    assert results["validation_auroc_macro"] == 1.0


class TestData:
    def test_findings_with_few_positives_are_not_asked_for(self, ptb_xl_dir):
        data = load_ptb_xl(ptb_xl_dir, min_positives=3)

        # every code but SR is in two of the sixteen records
        assert set(data.findings) == {
            "sinus rhythm",
            "myocardial infarction",
            "conduction disturbance",
            "st-t changes",
        }

    def test_too_many_positives_asked_for_is_an_error(self, ptb_xl_dir):
        with pytest.raises(
            ValueError, match=r"has 17 positive or uncertain training records\. Lower `--min_positives`"
        ):
            load_ptb_xl(ptb_xl_dir, min_positives=17)

    def test_the_first_records_are_taken(self, ptb_xl_dir):
        data = load_ptb_xl(ptb_xl_dir, max_train_samples=3, max_eval_samples=1)

        assert list(data.corpora[0].train["record_id"]) == ["1", "2", "3"]
        assert list(data.corpora[0].validation["record_id"]) == ["9"]

    def test_no_training_records_is_an_error(self, ptb_xl_dir):
        with pytest.raises(ValueError, match=r"ptb_xl has no training records\. Look at its build report"):
            load_ptb_xl(ptb_xl_dir, max_train_samples=0)

    def test_records_of_a_held_out_finding_leave_both_splits(self, ptb_xl_dir):
        # records 3 and 13 have atrial fibrillation, 9 and 19, of the validation fold, left atrial enlargement
        data = load_ptb_xl(ptb_xl_dir, held_out_findings=["AF", "left atrial enlargement"])

        assert data.held_out == ("atrial fibrillation", "left atrial enlargement")
        assert len(data.corpora[0].train) == 14
        assert not {"3", "13"} & set(data.corpora[0].train["record_id"])
        assert len(data.corpora[0].validation) == 0

    def test_a_held_out_finding_is_not_asked_for(self, ptb_xl_dir):
        # the anteroseptal infarctions and fascicular blocks of records 3 and 13 go with their records
        findings = load_ptb_xl(ptb_xl_dir).findings
        remaining = load_ptb_xl(ptb_xl_dir, held_out_findings=["AF"]).findings

        assert set(findings) - set(remaining) == {
            "atrial fibrillation",
            "anteroseptal myocardial infarction",
            "anterior myocardial infarction",
            "left anterior fascicular block",
            "fascicular block",
        }

    def test_a_kind_of_a_held_out_finding_is_held_out_too(self, ptb_xl_dir):
        # no label of this configuration is myocardial infarction itself; 2, 3, 12 and 13 have kinds of it
        data = load_ptb_xl(ptb_xl_dir, "diagnostic", held_out_findings=["myocardial infarction"])

        assert not {"2", "3", "12", "13"} & set(data.corpora[0].train["record_id"])
        assert not [finding for finding in data.findings if "infarction" in finding]

    def test_records_of_a_held_out_finding_can_stay_without_its_name(self, ptb_xl_dir):
        everything = load_ptb_xl(ptb_xl_dir)
        data = load_ptb_xl(ptb_xl_dir, held_out_findings=["AF"], held_out_records="keep")

        assert list(data.corpora[0].train["record_id"]) == list(everything.corpora[0].train["record_id"])
        assert set(everything.findings) - set(data.findings) == {"atrial fibrillation"}

    def test_an_unknown_held_out_finding_is_an_error(self, ptb_xl_dir):
        with pytest.raises(ValueError, match=r"`--held_out_findings` names 'vapours'.*terminology\.csv"):
            load_ptb_xl(ptb_xl_dir, held_out_findings=["vapours"])

    def test_labels_from_reports_take_the_place_of_the_corpus_own(self, ptb_xl_dir, tmp_path):
        records = {"1": (["inferior myocardial infarction"],), "2": ([], ["myocardial infarction"])}
        path = write_report_labels(tmp_path / "labels.parquet", records)

        data = load_ptb_xl(ptb_xl_dir, report_labels=[str(path)], uncertain_label=0.7)

        assert data.findings == ("inferior myocardial infarction", "myocardial infarction")
        targets = data.labels.targets([{"record_id": name} for name in "123"], [0, 0, 0])
        np.testing.assert_allclose(targets, [[1, 1], [0, 0.7], [np.nan, np.nan]], rtol=1e-6)

    def test_what_a_report_does_not_mention_may_be_unknown(self, ptb_xl_dir, tmp_path):
        records = {"1": (["atrial flutter"], [], ["paced rhythm"]), "2": (["paced rhythm"],)}
        path = write_report_labels(tmp_path / "labels.parquet", records)

        data = load_ptb_xl(ptb_xl_dir, report_labels=[str(path)], unmentioned="unknown")

        columns = [data.findings.index(name) for name in ("atrial flutter", "paced rhythm")]
        targets = data.labels.targets([{"record_id": name} for name in "12"], [0, 0])[:, columns]
        np.testing.assert_array_equal(targets, [[1, 0], [np.nan, 1]])

    def test_an_uncertain_record_of_a_held_out_finding_leaves_too(self, ptb_xl_dir, tmp_path):
        records = {"1": (["normal ecg"],), "2": (["sinus rhythm"], ["atrial flutter"])}
        path = write_report_labels(tmp_path / "labels.parquet", records)

        data = load_ptb_xl(ptb_xl_dir, report_labels=[str(path)], held_out_findings=["atrial flutter"])

        assert "2" not in set(data.corpora[0].train["record_id"])
        assert data.findings == ("normal ecg",)


class TestOptions:
    def test_held_out_findings_reach_neither_queries_nor_results(self, flags, tmp_path):
        results = train(tmp_path, [*flags, "--held_out_findings", "LVH", "atrial fibrillation"])

        queries = AutoModel.from_pretrained(tmp_path).config.trained_queries
        assert not {"left ventricular hypertrophy", "atrial fibrillation"} & set(queries)
        assert results["held_out_findings"] == ["left ventricular hypertrophy", "atrial fibrillation"]
        assert results["num_train_records"] == 12

    def test_held_out_wordings_do_not_reach_the_text_encoder(self, flags, tmp_path, monkeypatch):
        texts = []
        encode_queries = supervised.encode_queries
        monkeypatch.setattr(
            supervised,
            "encode_queries",
            lambda model, tokenizer, labels: texts.extend(labels) or encode_queries(model, tokenizer, labels),
        )

        train(tmp_path, [*flags, "--held_out_findings", "atrial fibrillation"])

        assert len(texts) > 24
        assert not [text for text in texts if "atrial fibrillation" in text.lower()]

    def test_an_empty_validation_split_has_no_figures(self, flags, tmp_path):
        results = train(tmp_path, [*flags, "--max_eval_samples", "0"])

        assert (results["validation_loss"], results["validation_auroc_macro"]) == (None, None)
        assert "macro AUROC over 0 findings | undefined" in (tmp_path / "README.md").read_text(encoding="utf-8")

    def test_training_goes_on_from_a_checkpoint(self, flags, trained, tmp_path):
        go_on = ["--model_name_or_path", str(trained.output_dir), "--learning_rate", "0"]

        train(tmp_path, [*flags, *go_on])

        weights, others = read_weights(tmp_path), read_weights(trained.output_dir)
        parameters = [name for name in others if "running" not in name and "tracked" not in name]
        assert all(torch.equal(weights[name], others[name]) for name in parameters)

    def test_a_checkpoint_that_goes_on_has_seen_what_it_saw_before(self, model_flags, trained, voltage_dir, tmp_path):
        flags = [*model_flags, "--dataset_name", str(voltage_dir), "--min_positives", "1", "--max_train_steps", "1"]

        train(tmp_path, [*flags, "--model_name_or_path", str(trained.output_dir)])

        queries = AutoModel.from_pretrained(tmp_path).config.trained_queries
        assert queries == AutoModel.from_pretrained(trained.output_dir).config.trained_queries

    def test_tensorboard_receives_losses_and_rates(self, flags, tmp_path):
        report = ["--report_to", "tensorboard", "--logging_steps", "1", "--eval_steps", "1"]

        train(tmp_path, [*flags, *report, "--max_train_steps", "2"])

        events = EventAccumulator(str(tmp_path / "modeling_supreme")).Reload()
        assert {"train_loss", "grad_norm", "learning_rate", "ecg_per_s", "validation_loss"} <= set(
            events.Tags()["scalars"]
        )
        assert [event.step for event in events.Scalars("train_loss")] == [1, 2]

    def test_gradient_checkpointing_changes_no_weight(self, flags, tmp_path):
        train(tmp_path / "plain", flags)
        train(tmp_path / "checkpointed", [*flags, "--gradient_checkpointing"])

        assert are_equal(read_weights(tmp_path / "checkpointed"), read_weights(tmp_path / "plain"))

    def test_bf16_leaves_weights_in_full_precision(self, flags, tmp_path):
        train(tmp_path, [*flags, "--mixed_precision", "bf16"])

        assert {value.dtype for value in read_weights(tmp_path).values()} == {torch.float32}


class TestCommandLine:
    def test_help_lists_the_flags_and_the_commands(self, capsys):
        with pytest.raises(SystemExit, match="0"):
            script.main(["--help"])

        text = capsys.readouterr().out
        assert "accelerate launch train.py configs/ptb_xl_mini.yaml" in text
        assert all(f"--{flag} " in text for flag in ("dataset_name", "output_dir", "resume_from_checkpoint", "seed"))

    @pytest.mark.slow
    def test_accelerate_launches_the_script(self, flags, tmp_path):
        launch = ["-m", "accelerate.commands.launch", "--cpu", "--num_processes", "1", str(ROOT / "train.py")]
        preset = ["--ecg_encoder", "hybrid", "--output_dir", str(tmp_path / "run")]

        run_python(tmp_path, *launch, *flags, *preset, cwd=tmp_path)

        assert json.loads((tmp_path / "run" / "train_results.json").read_text(encoding="utf-8"))["num_steps"] == 1
