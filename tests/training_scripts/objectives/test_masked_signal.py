"""An encoder completes hidden stretches of strips, sees nothing of them, and is what other objectives begin with."""

import pytest
import torch
from helpers.training_runs import are_equal, read_weights, train, train_in_two_parts
from transformers import AutoFeatureExtractor, AutoModel

from modeling_supreme import SupremeEcgConfig, SupremeEcgModel
from modeling_supreme.command_line import CommandLineError
from training_scripts.arguments import DataArguments, ModelArguments, ObjectiveArguments, RunArguments, TrainArguments
from training_scripts.objectives import find_objective
from training_scripts.objectives.masked_signal import SignalCompleter, draw_spans


pytestmark = pytest.mark.usefixtures("tiny_preset")


@pytest.fixture(scope="module")
def masked_flags(voltage_dir):
    return [
        *("--objective", "masked_signal", "--dataset_name", str(voltage_dir), "--ecg_encoder", "vit_tiny"),
        *("--per_device_train_batch_size", "4", "--max_train_steps", "4", "--learning_rate", "0.002"),
    ]


@pytest.fixture(scope="module")
def run_dir(masked_flags, tmp_path_factory, tiny_preset):
    folder = tmp_path_factory.mktemp("masked") / "run"
    train(folder, masked_flags)
    return folder


def make_completer():
    torch.manual_seed(0)
    return SignalCompleter(SupremeEcgModel(SupremeEcgConfig.from_preset("vit_tiny"))).eval()


def check(**fields):
    data = fields.pop("train_file", [])
    arguments = RunArguments(
        ModelArguments(**fields),
        DataArguments(dataset_name=["simulated"], train_file=data),
        ObjectiveArguments(objective="masked_signal"),
        TrainArguments(output_dir="runs/test"),
    )
    find_objective("masked_signal").check_arguments(arguments)


class TestHiddenSpans:
    def test_their_share_is_what_was_asked_for(self):
        spans = torch.stack([draw_spans((12, 25), 0.4, seed) for seed in range(400)])[:, :, 1:]

        assert spans.float().mean().item() == pytest.approx(0.4, abs=0.01)
        # In half of them all leads are hidden; that all 12 leads are by themselves, too, is next to impossible
        assert spans.all(dim=1).float().mean().item() == pytest.approx(0.2, abs=0.02)

    def test_the_first_is_never_hidden(self):
        assert not draw_spans((12, 25), 0.9, 0)[:, 0].any()

    def test_they_follow_from_the_seed(self):
        assert torch.equal(draw_spans((12, 25), 0.4, 3), draw_spans((12, 25), 0.4, 3))
        assert not torch.equal(draw_spans((12, 25), 0.4, 3), draw_spans((12, 25), 0.4, 4))


class TestCompletion:
    @torch.no_grad()
    def test_what_is_hidden_is_not_seen(self):
        model, signal = make_completer(), torch.randn(2, 12, 5000)
        lead_mask, sample_mask = torch.ones(2, 12, dtype=torch.bool), torch.ones(2, 5000, dtype=torch.bool)
        is_hidden = torch.zeros(2, 12, 5000, dtype=torch.bool)
        is_hidden[:, 3, 1000:2000], is_hidden[:, :, 3000:3500] = True, True

        other = torch.where(is_hidden, 100.0, signal)

        assert torch.equal(
            model(signal, lead_mask, sample_mask, is_hidden), model(other, lead_mask, sample_mask, is_hidden)
        )

    @torch.no_grad()
    def test_a_token_writes_its_own_stretch_of_every_lead(self):
        model = make_completer()
        torch.nn.init.zeros_(model.decoder.weight)
        stride, bias = model.ecg_model.config.token_stride, model.decoder.bias
        bias.copy_(torch.arange(len(bias)))  # leads one after the other

        every_lead, every_sample = torch.ones(1, 12, dtype=torch.bool), torch.ones(1, 5000, dtype=torch.bool)
        found = model(torch.randn(1, 12, 5000), every_lead, every_sample, torch.zeros(1, 12, 5000, dtype=torch.bool))

        assert found.shape == (1, 12, 5000)
        assert found[0, 0, :stride].tolist() == list(range(stride))
        assert torch.equal(found[0, 5, stride : 2 * stride], found[0, 0, :stride] + 5 * stride)


class TestRun:
    def test_it_leaves_an_encoder_and_what_prepares_its_strips(self, run_dir):
        model = AutoModel.from_pretrained(run_dir)

        assert type(model).__name__ == "SupremeEcgModel"
        assert AutoFeatureExtractor.from_pretrained(run_dir).sampling_rate == 500
        assert not [name for name in read_weights(run_dir) if "decoder" in name]

    def test_broken_off_and_resumed_it_ends_with_the_same_weights(self, run_dir, masked_flags, tmp_path):
        train_in_two_parts(tmp_path / "resumed", masked_flags, step=3)

        assert are_equal(read_weights(tmp_path / "resumed"), read_weights(run_dir))

    def test_it_learns_what_is_hidden(self, masked_flags, tmp_path):
        flags = [*masked_flags, "--max_train_steps", "150", "--learning_rate", "0.02"]

        results = train(tmp_path / "learnt", flags)

        # Half of the strips are ten times as high as the others: the same voltage for all would explain .40
        assert results["validation_explained"] > 0.5

    def test_the_others_begin_with_its_encoder(self, run_dir, model_flags, voltage_dir, tmp_path):
        flags = [*model_flags, "--dataset_name", str(voltage_dir), "--min_positives", "1", "--max_train_steps", "1"]

        train(tmp_path / "asked", [*flags, "--ecg_model_name_or_path", str(run_dir), "--learning_rate", "0"])

        learnt, begun = read_weights(run_dir), read_weights(tmp_path / "asked")
        assert all(torch.equal(begun[f"ecg_model.{name}"], weight) for name, weight in learnt.items())

    def test_a_probe_takes_it_as_any_checkpoint(self, run_dir, voltage_dir, tmp_path):
        flags = ["--objective", "classification", "--freeze_encoder", "--dataset_name", str(voltage_dir)]
        flags += ["--min_positives", "1", "--max_train_steps", "1", "--model_name_or_path", str(run_dir)]

        train(tmp_path / "probe", flags)

        learnt, begun = read_weights(run_dir), read_weights(tmp_path / "probe")
        assert all(torch.equal(begun[f"ecg_model.{name}"], weight) for name, weight in learnt.items())


class TestRefusals:
    @pytest.mark.parametrize(
        "fields",
        [
            {"train_file": ["reports.txt"]},
            {"freeze_encoder": True},
            {"measurement_head": "beats"},
            {"ecg_model_name_or_path": "runs/other"},
        ],
        ids=lambda fields: next(iter(fields)),
    )
    def test_what_it_has_no_use_for_is_refused(self, fields):
        with pytest.raises(CommandLineError, match=rf"takes no `--{next(iter(fields))}`.*Leave it out"):
            check(**fields)

    def test_two_checkpoints_to_begin_with_are_refused(self):
        with pytest.raises(ValueError, match=r"`--ecg_model_name_or_path` is for a new model.*Leave one of them out"):
            ModelArguments(model_name_or_path="a", ecg_model_name_or_path="b")
