"""Masked signals: an ECG encoder learns to complete strips of which stretches are hidden, before anything is named.

What it leaves is an encoder alone, which other objectives begin with (`--ecg_model_name_or_path`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, cast

import torch
from accelerate import Accelerator
from torch import nn
from transformers import AutoFeatureExtractor

from datasets_scripts.collator import StripCollator
from modeling_supreme import SupremeEcgConfig, SupremeEcgFeatureExtractor, SupremeEcgModel
from modeling_supreme.command_line import CommandLineError
from training_scripts.arguments import ModelArguments, RunArguments
from training_scripts.card import PLAIN_CARD, CardStyle
from training_scripts.data.batches import LoaderSettings, make_steps
from training_scripts.data.training_data import load_data
from training_scripts.steps import TrainingBatch

from .multilabel import make_feature_extractor
from .objective import Objective, ValidationFigures


SPAN_S = 0.4  # about as long as a QRS complex with its T wave
LARGEST_SEED = 2**31


class SignalCompleter(nn.Module):
    """An ECG encoder, and what makes voltages of its tokens, which is left behind when it has learnt."""

    def __init__(self, ecg_model: SupremeEcgModel) -> None:
        super().__init__()
        config = ecg_model.config
        self.ecg_model, self.num_leads = ecg_model, len(config.leads)
        self.layer_norm = nn.LayerNorm(config.hidden_size)
        self.decoder = nn.Linear(config.hidden_size, self.num_leads * config.token_stride)

    def forward(
        self, signal: torch.Tensor, lead_mask: torch.Tensor, sample_mask: torch.Tensor, is_hidden: torch.Tensor
    ) -> torch.Tensor:
        """Voltages, `(batch_size, num_leads, num_samples)`, by what is not hidden: the encoder sees nothing else."""
        outputs = self.ecg_model(signal, lead_mask, sample_mask, recorded_mask=~is_hidden)
        pieces = self.decoder(self.layer_norm(outputs.last_hidden_state))  # (batch_size, num_tokens, leads x stride)
        return pieces.unflatten(-1, (self.num_leads, -1)).transpose(1, 2).flatten(2)[..., : signal.shape[-1]]


class PlainStrips:
    """The inputs of an objective that learns from strips alone.

    Args:
        feature_extractor (`SupremeEcgFeatureExtractor`):
            The checkpoint's own.
    """

    def __init__(self, feature_extractor: SupremeEcgFeatureExtractor) -> None:
        self.strips = StripCollator(feature_extractor)

    def columns(self, corpus: int) -> list[str]:
        """Columns that a batch is made from."""
        return list(self.strips.columns)

    def __call__(self, rows: Sequence[dict[str, Any]]) -> dict[str, torch.Tensor]:
        """`signal`, `lead_mask` and `sample_mask`."""
        return self.strips(rows)


class MaskedSignalObjective(Objective):
    """Hidden stretches of strips are completed: half of them of all leads at a time, half of one lead each.

    Strips are changed in no other way: what is hidden has to be found as it was recorded.
    """

    name = "masked_signal"
    metrics: ClassVar[Mapping[str, bool]] = {"validation_loss": False, "validation_explained": True}
    card = CardStyle(PLAIN_CARD, task="time-series-forecasting", pipeline_tag="feature-extraction")
    loss_weights = {"signal": 1.0}
    needs_text_encoder = False
    next_step = "begin a model with it: `train.py … --ecg_model_name_or_path {folder}`"

    def __init__(self, arguments: RunArguments, accelerator: Accelerator) -> None:
        self.arguments, self.accelerator = arguments, accelerator
        with accelerator.main_process_first():
            self.data = load_data(arguments.data, seed=arguments.training.seed, needs_findings=False)
        ecg_model, self.feature_extractor = build_encoder(arguments.model)
        self.model = SignalCompleter(ecg_model).to(accelerator.device)
        self.source = make_steps(
            [corpus.train for corpus in self.data.corpora],
            [corpus.validation for corpus in self.data.corpora],
            PlainStrips(self.feature_extractor),
            LoaderSettings.of_run(arguments.training, accelerator),
            weights=self.data.weights,
        )

    @classmethod
    def check_arguments(cls, arguments: RunArguments) -> None:
        """Refuse texts, and what other models have."""
        super().check_arguments(arguments)
        model = arguments.model
        asked = {
            "train_file": arguments.data.train_file,
            "freeze_encoder": model.freeze_encoder,
            "measurement_head": model.measurement_head not in (None, "none"),
            "ecg_model_name_or_path": model.ecg_model_name_or_path,
        }
        refused = [name for name, value in asked.items() if value]
        if refused:
            raise CommandLineError(
                f"`--objective masked_signal` takes no `--{refused[0]}`: it trains an ECG encoder on strips alone, and"
                " goes on from the one of `--model_name_or_path`. Leave it out."
            )

    def draw(self, batches: Sequence[TrainingBatch], generator: torch.Generator) -> torch.Tensor:
        """A seed for each place of the step: what a strip hides does not depend on the batch it is in."""
        return torch.randint(LARGEST_SEED, (self.source.step_size,), generator=generator)

    def count(self, batch: TrainingBatch, drawn: torch.Tensor) -> dict[str, float]:
        """Hidden samples."""
        return {"signal": float(self.hide(batch, drawn[batch.positions]).sum())}

    def compute_losses(self, model: Any, batch: TrainingBatch, drawn: torch.Tensor) -> dict[str, torch.Tensor]:
        """Squared errors of the hidden samples."""
        return {"signal": self._measure(model, batch, drawn[batch.positions])["error"].sum()}

    def predict(self, model: Any, batch: TrainingBatch) -> dict[str, torch.Tensor]:
        """Of every strip, by its place: squared error of what is hidden, its squared voltage, and samples."""
        return self._measure(model, batch, batch.positions)

    def score(self, predictions: Mapping[str, torch.Tensor]) -> ValidationFigures:
        """Mean squared error of hidden samples, and the share of their squared voltage that was foretold."""
        sums = {name: float(values.double().sum()) for name, values in predictions.items()}
        loss = sums["error"] / sums["hidden"] if sums.get("hidden") else None
        explained = 1 - sums["error"] / sums["energy"] if sums.get("energy") else None
        return ValidationFigures({"validation_loss": loss, "validation_explained": explained}, details={})

    def hide(self, batch: TrainingBatch, seeds: torch.Tensor) -> torch.Tensor:
        """Which samples of a batch are hidden, `(batch_size, num_leads, num_samples)`, of those that were recorded."""
        signal = batch.inputs["signal"]
        span = round(SPAN_S * self.feature_extractor.sampling_rate)
        shape = (signal.shape[1], -(-signal.shape[2] // span))
        share = self.arguments.objective.mask_probability
        spans = torch.stack([draw_spans(shape, share, int(seed)) for seed in seeds]).to(signal.device)
        is_hidden = spans.repeat_interleave(span, dim=-1)[..., : signal.shape[2]]
        return is_hidden & batch.inputs["lead_mask"][..., None] & batch.inputs["sample_mask"][:, None]

    def _measure(self, model: Any, batch: TrainingBatch, seeds: torch.Tensor) -> dict[str, torch.Tensor]:
        """Squared errors, squared voltages and number of the hidden samples of every strip, `(batch_size,)` each."""
        is_hidden = self.hide(batch, seeds)
        strips = {name: batch.inputs[name] for name in ("signal", "lead_mask", "sample_mask")}
        found = model(**strips, is_hidden=is_hidden).float()
        truth = torch.where(is_hidden, strips["signal"].float(), 0.0)
        errors = torch.where(is_hidden, found - truth, 0.0)
        energy, error = (values.square().sum(dim=(1, 2)) for values in (truth, errors))
        return {"error": error, "energy": energy, "hidden": is_hidden.sum(dim=(1, 2))}

    def save(self, model: SignalCompleter, folder: Path) -> None:
        """Write an encoder that `AutoModel` loads, and what prepares its strips."""
        model.ecg_model.save_pretrained(folder)
        self.feature_extractor.save_pretrained(folder)

    def describe(self) -> dict[str, Any]:
        """Records and sampling rate."""
        return {
            "num_train_records": sum(len(corpus.train) for corpus in self.data.corpora),
            "num_validation_records": sum(len(corpus.validation) for corpus in self.data.corpora),
            "sampling_rate": self.feature_extractor.sampling_rate,
        }

    def announce(self) -> str:
        """How many records."""
        counts = self.describe()
        return (
            f"Training on {counts['num_train_records']} records, validating on {counts['num_validation_records']},"
            f" of which {self.arguments.objective.mask_probability:.0%} are hidden."
        )


def build_encoder(arguments: ModelArguments) -> tuple[SupremeEcgModel, SupremeEcgFeatureExtractor]:
    """The encoder of a checkpoint to go on from, or a new one."""
    path = arguments.model_name_or_path
    if path is not None:
        model = SupremeEcgModel.from_pretrained(path, use_safetensors=True)
        return model, cast(Any, AutoFeatureExtractor.from_pretrained(path))
    config = SupremeEcgConfig.from_preset(arguments.ecg_encoder)
    return SupremeEcgModel(config), make_feature_extractor(config, arguments)


def draw_spans(shape: tuple[int, int], share: float, seed: int) -> torch.Tensor:
    """Which spans of a strip are hidden, `(num_leads, num_spans)`; never the first, so that something is left.

    Args:
        shape (`tuple[int, int]`):
            Leads and spans.
        share (`float`):
            How much is hidden: half of it in all leads at a time, the rest lead by lead.
        seed (`int`):
            Decides which.
    """
    generator = torch.Generator().manual_seed(seed)
    in_all = torch.rand((1, shape[1]), generator=generator) < share / 2
    in_one = torch.rand(shape, generator=generator) * (1 - share / 2) < share / 2
    spans = in_all | in_one
    spans[:, 0] = False
    return spans
