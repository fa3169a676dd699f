"""What the objectives share that learn findings of strips: data, changes to strips, loss, and AUROC on validation."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, cast

import torch
from accelerate import Accelerator
from transformers import AutoFeatureExtractor

from evaluation_scripts.metrics import mean_or_none, score_conditions
from modeling_supreme import SupremeEcgConfig, SupremeEcgFeatureExtractor, SupremeEcgModel
from modeling_supreme.command_line import CommandLineError
from modeling_supreme.modeling_supreme_ecg import multilabel_loss
from training_scripts.arguments import ModelArguments, ObjectiveArguments, RunArguments
from training_scripts.data.batches import LabelledStrips, LoaderSettings, make_steps
from training_scripts.data.training_data import TrainingData, count_labels, load_data
from training_scripts.steps import TrainingBatch

from .augmentation import Augmentation, StripDraws, make_noise_bank
from .losses import LOSSES, MultilabelLoss, weigh_positives
from .objective import Objective, ValidationFigures


class MultilabelDraws(NamedTuple):
    """What is random in a step.

    Attributes:
        strips (`StripDraws`):
            Changes to the strips.
        model_inputs (`dict[str, torch.Tensor]`):
            What the model is given beside the strips.
        loss (`MultilabelLoss`):
            What a mistake costs, for the findings that are asked for.
        asked (`torch.Tensor` of shape `(num_asked,)`, *optional*):
            Positions of these findings among all, ascending; None for all of them.
    """

    strips: StripDraws
    model_inputs: dict[str, torch.Tensor]
    loss: MultilabelLoss
    asked: torch.Tensor | None = None

    def select(self, labels: torch.Tensor) -> torch.Tensor:
        """The labels of the findings that are asked for, `(batch_size, num_asked)`."""
        return labels if self.asked is None else labels[:, self.asked.to(labels.device)]


class MultilabelObjective(Objective):
    """Findings that strips have or have not, learnt by binary cross-entropy.

    A subclass builds the model, and says what it is given beside strips and where its logits are.
    """

    metrics = {"validation_auroc_macro": True, "validation_loss": False}
    loss_weights = {"labels": 1.0}
    needs_findings = True

    def __init__(self, arguments: RunArguments, accelerator: Accelerator) -> None:
        self.arguments, self.accelerator = arguments, accelerator
        with accelerator.main_process_first():
            self.data = load_data(
                arguments.data,
                seed=arguments.training.seed,
                has_measurements=self.wants_measurements(arguments.model),
                needs_findings=self.needs_findings,
            )
        self.model, self.feature_extractor = self.build_model(arguments.model)
        self.model.to(accelerator.device)
        self.collator = self.make_collator()
        self.source = make_steps(
            [corpus.train for corpus in self.data.corpora],
            [corpus.validation for corpus in self.data.corpora],
            self.collator,
            LoaderSettings.of_run(arguments.training, accelerator),
            weights=self.data.weights,
        )
        self.loss = build_loss(self.data, arguments.objective, accelerator.device)
        self.augmentation = make_augmentation(arguments.objective, self.feature_extractor)
        self.noise_bank = make_noise_bank(accelerator.device)

    @classmethod
    def check_arguments(cls, arguments: RunArguments) -> None:
        """Refuse texts without strips."""
        super().check_arguments(arguments)
        if arguments.data.train_file:
            raise CommandLineError(
                "`--train_file` has texts, for `--objective mlm`. Name a corpus with `--dataset_name` instead."
            )

    @abstractmethod
    def build_model(self, arguments: ModelArguments) -> tuple[Any, SupremeEcgFeatureExtractor]:
        """The model for the findings of `self.data`, and what prepares its strips."""

    @classmethod
    def wants_measurements(cls, arguments: ModelArguments) -> bool:
        """Whether numbers of the strips are learnt, too."""
        return False

    def make_collator(self) -> LabelledStrips:
        """What makes batches of rows."""
        return LabelledStrips(self.feature_extractor, self.data.labels)

    @abstractmethod
    def read_logits(self, outputs: Any) -> torch.Tensor:
        """Logits `(batch_size, num_asked)` in what the model returned."""

    @property
    def validation_inputs(self) -> dict[str, torch.Tensor]:
        """What the model is given beside the strips when every finding is asked for."""
        return {}

    def draw(self, batches: Sequence[TrainingBatch], generator: torch.Generator) -> MultilabelDraws:
        """Changes to the strips of the step."""
        return MultilabelDraws(self.augmentation.draw(self.source.step_size, generator), {}, self.loss)

    def count(self, batch: TrainingBatch, drawn: MultilabelDraws) -> dict[str, float]:
        """Labels that are known, of what is asked for."""
        return {"labels": int((~torch.isnan(drawn.select(batch.inputs["labels"]))).sum())}

    def compute_losses(self, model: Any, batch: TrainingBatch, drawn: MultilabelDraws) -> dict[str, torch.Tensor]:
        """Cross-entropy over the labels of strips that were changed a little."""
        outputs = model(**self.change_strips(batch, drawn), **drawn.model_inputs)
        return self.read_losses(outputs, batch, drawn)

    def change_strips(self, batch: TrainingBatch, drawn: MultilabelDraws) -> dict[str, torch.Tensor]:
        """The strips of a batch as the model is given them in training."""
        names = ("signal", "lead_mask", "sample_mask")
        changed = self.augmentation.apply(
            *(batch.inputs[name] for name in names),
            draws=drawn.strips,
            positions=batch.positions,
            noise_bank=self.noise_bank,
        )
        return dict(zip(names, changed, strict=True))

    def read_losses(self, outputs: Any, batch: TrainingBatch, drawn: MultilabelDraws) -> dict[str, torch.Tensor]:
        """The parts of the loss, by what the model returned."""
        return {"labels": drawn.loss.sum_losses(self.read_logits(outputs), drawn.select(batch.inputs["labels"]))}

    def predict(self, model: Any, batch: TrainingBatch) -> dict[str, torch.Tensor]:
        """Logits and labels, both `(batch_size, num_findings)`."""
        inputs = {name: batch.inputs[name] for name in ("signal", "lead_mask", "sample_mask")}
        return self.read_predictions(model(**inputs, **self.validation_inputs), batch)

    def read_predictions(self, outputs: Any, batch: TrainingBatch) -> dict[str, torch.Tensor]:
        """What a validation compares, by what the model returned."""
        return {"logits": self.read_logits(outputs).float(), "labels": batch.inputs["labels"]}

    def score(self, predictions: Mapping[str, torch.Tensor]) -> ValidationFigures:
        """Loss and macro AUROC, and the AUROC of every finding that has records of both kinds."""
        loss, auroc_macro, auroc = None, None, {}
        if predictions:
            logits, labels = predictions["logits"], predictions["labels"]
            # Uncertain findings are neither positive nor negative: they take no part in the AUROC.
            certain = torch.where((labels == 0) | (labels == 1), labels, torch.nan)
            scores = score_conditions(logits.double().numpy(), certain.numpy(), num_bootstrap_samples=0)
            loss, auroc_macro = multilabel_loss(logits, labels).item(), mean_or_none(scores.auroc)
            found = zip(self.data.findings, scores.auroc, strict=True)
            auroc = {finding: float(value) for finding, value in found if value == value}
        summary = {
            "validation_loss": loss,
            "validation_auroc_macro": auroc_macro,
            "num_validated_findings": len(auroc),
        }
        return ValidationFigures(summary, details={"auroc": auroc})

    def describe(self) -> dict[str, Any]:
        """Records, findings and sampling rate."""
        corpora = self.data.corpora
        return {
            "num_train_records": sum(len(corpus.train) for corpus in corpora),
            "num_validation_records": sum(len(corpus.validation) for corpus in corpora),
            "num_findings": len(self.data.findings),
            "held_out_findings": list(self.data.held_out),
            "sampling_rate": self.feature_extractor.sampling_rate,
        }

    def announce(self) -> str:
        """How many records, and how many findings."""
        counts = self.describe()
        return (
            f"Training on {counts['num_train_records']} records, validating on {counts['num_validation_records']},"
            f" with {counts['num_findings']} findings."
        )


def build_loss(data: TrainingData, arguments: ObjectiveArguments, device: torch.device) -> MultilabelLoss:
    """What a mistake costs; with `--positive_weighting`, weights of shape `(num_findings,)` on the device."""
    loss = LOSSES[arguments.loss_type]
    if arguments.positive_weighting == "none":
        return loss
    num_positive, num_known = (torch.from_numpy(counts).float() for counts in count_labels(data))
    weights = weigh_positives(num_positive, num_known, arguments.positive_weighting)
    return loss._replace(positive_weights=cast(torch.Tensor, weights).to(device))


def make_augmentation(arguments: ObjectiveArguments, extractor: SupremeEcgFeatureExtractor) -> Augmentation:
    """How strips are changed, in the units of the extractor's signals."""
    return Augmentation(
        extractor.leads,
        extractor.sampling_rate,
        extractor.scale_mv,
        lead_dropout=arguments.lead_dropout,
        noise_mv=arguments.noise_mv,
        time_shift_s=arguments.time_shift_s,
        gain=arguments.gain,
        baseline_wander_mv=arguments.baseline_wander_mv,
        rate_jitter=arguments.rate_jitter,
        sheet_probability=arguments.sheet_probability,
        lead_set_probability=arguments.lead_set_probability,
    )


def choose_encoder(arguments: ModelArguments) -> tuple[SupremeEcgConfig, SupremeEcgFeatureExtractor]:
    """The ECG encoder of a new model, and what prepares its strips: those of a checkpoint, or of a preset."""
    path = arguments.ecg_model_name_or_path
    if path is not None:
        return SupremeEcgConfig.from_pretrained(path), cast(Any, AutoFeatureExtractor.from_pretrained(path))
    config = SupremeEcgConfig.from_preset(arguments.ecg_encoder)
    return config, make_feature_extractor(config, arguments)


def warm_start(model: Any, arguments: ModelArguments) -> None:
    """Give a new model the weights of the checkpoint that its ECG encoder is to begin with, if there is one."""
    path = arguments.ecg_model_name_or_path
    if path is not None:
        ecg_model = SupremeEcgModel.from_pretrained(path, use_safetensors=True)
        model.ecg_model.load_state_dict(ecg_model.state_dict())


def make_feature_extractor(config: SupremeEcgConfig, arguments: ModelArguments) -> SupremeEcgFeatureExtractor:
    """What prepares strips for a new encoder."""
    return SupremeEcgFeatureExtractor(
        leads=config.leads,
        sampling_rate=config.sampling_rate,
        num_samples=config.num_samples,
        do_bandpass=arguments.do_bandpass,
    )
