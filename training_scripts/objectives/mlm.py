"""Masked language modelling: a text encoder learns the language of reports before strips are held against them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, cast

import pandas as pd
import torch
from accelerate import Accelerator
from datasets import Dataset
from transformers import AutoConfig, AutoModelForMaskedLM, AutoTokenizer, DataCollatorForLanguageModeling

from modeling_supreme.checkpoints import load_text_encoder
from modeling_supreme.command_line import CommandLineError
from modeling_supreme.queries import find_text_encoder
from training_scripts.arguments import RunArguments
from training_scripts.card import PLAIN_CARD, CardStyle
from training_scripts.data.batches import LoaderSettings, make_steps
from training_scripts.data.records import iterate_columns
from training_scripts.data.training_data import load_data
from training_scripts.steps import TrainingBatch

from .objective import Objective, ValidationFigures


TEXT_COLUMNS = ("report", "text")
# Where no validation record has a text of its own, every so many-th text is one to validate on
VALIDATED_EVERY = 20
LARGEST_SEED = 2**31


class MaskedBatch(NamedTuple):
    """A batch with hidden words.

    Attributes:
        input_ids (`torch.Tensor` of shape `(batch_size, num_tokens)`):
            Tokens, those of hidden words replaced.
        labels (`torch.Tensor` of shape `(batch_size, num_tokens)`):
            The hidden tokens; -100 elsewhere.
    """

    input_ids: torch.Tensor
    labels: torch.Tensor


class ReportTexts:
    """The inputs of an objective that learns from texts alone.

    Args:
        tokenizer (`PreTrainedTokenizerFast`):
            The text encoder's own.
        max_tokens (`int`):
            Longest text, in tokens.
    """

    def __init__(self, tokenizer: Any, *, max_tokens: int) -> None:
        self.tokenizer, self.max_tokens = tokenizer, max_tokens

    def columns(self, corpus: int) -> list[str]:
        """Columns that a batch is made from."""
        return ["record_id", "text"]

    def __call__(self, rows: Sequence[dict[str, Any]]) -> dict[str, torch.Tensor]:
        """`input_ids`, `attention_mask`, `special_tokens_mask`, and `offset_mapping`, which tells words."""
        encoding = self.tokenizer(
            [row["text"] for row in rows],
            padding=True,
            truncation=True,
            max_length=self.max_tokens,
            return_special_tokens_mask=True,
            return_offsets_mapping=True,
            return_tensors="pt",
        )
        names = ("input_ids", "attention_mask", "special_tokens_mask", "offset_mapping")
        return {name: encoding[name] for name in names}


class MlmObjective(Objective):
    """Hidden words of reports are foretold from the others."""

    name = "mlm"
    next_step = "begin a model with it: `train.py … --text_model_name_or_path {folder}`"
    item = "text"
    metrics: ClassVar[Mapping[str, bool]] = {"validation_loss": False, "validation_accuracy": True}
    card = CardStyle(PLAIN_CARD, task="fill-mask", pipeline_tag="feature-extraction", has_code=False)
    loss_weights = {"tokens": 1.0}

    def __init__(self, arguments: RunArguments, accelerator: Accelerator) -> None:
        self.arguments, self.accelerator = arguments, accelerator
        self.model, self.tokenizer = build_language_model(arguments)
        self.model.to(accelerator.device)
        with accelerator.main_process_first():
            self.texts = load_texts(arguments)
        self.masker = DataCollatorForLanguageModeling(
            self.tokenizer,
            whole_word_mask=True,
            mlm_probability=arguments.objective.mlm_probability,
            mask_replace_prob=1.0,
            random_replace_prob=0.0,
        )
        max_tokens = min(arguments.objective.max_report_tokens, self.tokenizer.model_max_length)
        train, validation = ([as_records(texts)] for texts in self.texts)
        self.source = make_steps(
            train,
            validation,
            ReportTexts(self.tokenizer, max_tokens=max_tokens),
            LoaderSettings.of_run(arguments.training, accelerator),
        )

    @classmethod
    def check_arguments(cls, arguments: RunArguments) -> None:
        """Refuse what other objectives have, and streams, whose reports would be read through their strips."""
        super().check_arguments(arguments)
        data, model = arguments.data, arguments.model
        refused = [name for name in ("streaming", "on_the_fly", "dataset_weights") if getattr(data, name)]
        refused += [name for name in ("model_name_or_path", "ecg_model_name_or_path") if getattr(model, name)]
        if refused:
            raise CommandLineError(
                f"`--{refused[0]}` is for objectives that learn from strips; mlm learns from the reports of corpora"
                " that are prepared, from `--train_file`, and goes on from `--text_model_name_or_path`. Leave it out."
            )

    def draw(self, batches: Sequence[TrainingBatch], generator: torch.Generator) -> dict[tuple[str, ...], MaskedBatch]:
        """Which words are hidden, by the texts of each batch: a text hides the same ones in any batch."""
        seeds = torch.randint(LARGEST_SEED, (self.source.step_size,), generator=generator)
        return {batch.record_ids: self.hide_words(batch, seeds[batch.positions]) for batch in batches}

    def hide_words(self, batch: TrainingBatch, seeds: torch.Tensor) -> MaskedBatch:
        """Hide words of every text, each by a seed of its own, `(batch_size,)`."""
        input_ids = batch.inputs["input_ids"].clone()
        labels = torch.full_like(input_ids, -100)
        for row, seed in enumerate(seeds.tolist()):
            length = int(batch.inputs["attention_mask"][row].sum())
            self.masker.generator = cast(Any, torch.Generator().manual_seed(seed))
            parts = {name: batch.inputs[name][row : row + 1, :length] for name in batch.inputs}
            hidden, wanted = self.masker.torch_mask_tokens(
                parts["input_ids"].clone(),
                special_tokens_mask=parts["special_tokens_mask"],
                offset_mapping=parts["offset_mapping"],
            )
            input_ids[row, :length], labels[row, :length] = hidden[0], wanted[0]
        return MaskedBatch(input_ids, labels)

    def count(self, batch: TrainingBatch, drawn: dict[tuple[str, ...], MaskedBatch]) -> dict[str, float]:
        """Hidden tokens."""
        return {"tokens": float((drawn[batch.record_ids].labels >= 0).sum())}

    def compute_losses(
        self, model: Any, batch: TrainingBatch, drawn: dict[tuple[str, ...], MaskedBatch]
    ) -> dict[str, torch.Tensor]:
        """Cross-entropy of the hidden tokens."""
        input_ids, labels = (part.to(self.accelerator.device) for part in drawn[batch.record_ids])
        logits = model(input_ids=input_ids, attention_mask=batch.inputs["attention_mask"]).logits
        loss = torch.nn.functional.cross_entropy(logits.float().transpose(1, 2), labels, reduction="sum")
        return {"tokens": loss}

    def predict(self, model: Any, batch: TrainingBatch) -> dict[str, torch.Tensor]:
        """Of every text, hidden by its place: cross-entropy, hidden tokens, and those that were foretold."""
        here = TrainingBatch({name: value.cpu() for name, value in batch.inputs.items()}, (), batch.positions)
        input_ids, labels = (part.to(self.accelerator.device) for part in self.hide_words(here, batch.positions))
        logits = model(input_ids=input_ids, attention_mask=batch.inputs["attention_mask"]).logits.float()
        losses = torch.nn.functional.cross_entropy(logits.transpose(1, 2), labels, reduction="none")
        is_hidden = labels >= 0
        is_right = (logits.argmax(dim=-1) == labels) & is_hidden
        return {"loss": losses.sum(dim=1), "hidden": is_hidden.sum(dim=1), "right": is_right.sum(dim=1)}

    def score(self, predictions: Mapping[str, torch.Tensor]) -> ValidationFigures:
        """Mean cross-entropy of hidden tokens, and the share that was foretold."""
        num_hidden = float(predictions["hidden"].sum()) if predictions else 0.0
        loss, right = (
            float(predictions[name].double().sum()) / num_hidden if num_hidden else None for name in ("loss", "right")
        )
        return ValidationFigures({"validation_loss": loss, "validation_accuracy": right}, details={})

    def save(self, model: Any, folder: Path) -> None:
        """Write an encoder that `AutoModel` loads, without what foretells words, and its tokenizer."""
        model.base_model.save_pretrained(folder)
        self.tokenizer.save_pretrained(folder)

    def describe(self) -> dict[str, Any]:
        """How many texts."""
        return {"num_train_records": len(self.texts[0]), "num_validation_records": len(self.texts[1])}

    def announce(self) -> str:
        """How many texts."""
        return f"Training on {len(self.texts[0])} distinct texts, validating on {len(self.texts[1])}."


def build_language_model(arguments: RunArguments) -> tuple[Any, Any]:
    """A text encoder, or its architecture with random weights, that foretells hidden words, and its tokenizer.

    Raises:
        CommandLineError: If its tokenizer has no token for a hidden word, or does not say where words are.
    """
    name, revision = arguments.model.text_model_name_or_path, arguments.model.revision
    source = find_text_encoder(name)
    tokenizer = AutoTokenizer.from_pretrained(source, revision=revision)
    if tokenizer.mask_token is None or not tokenizer.is_fast:
        raise CommandLineError(
            f"The tokenizer of {name} has no mask token, or does not say where words are. Choose a text encoder such"
            " as BERT with a tokenizer.json."
        )
    if arguments.model.text_weights == "random":
        return AutoModelForMaskedLM.from_config(AutoConfig.from_pretrained(source, revision=revision)), tokenizer
    encoder = load_text_encoder(source, revision=revision, dtype=torch.float32)
    model = AutoModelForMaskedLM.from_config(encoder.config)
    model.base_model.load_state_dict(encoder.state_dict(), strict=False)  # but for a pooler, which it has not
    return model, tokenizer


def load_texts(arguments: RunArguments) -> tuple[list[str], list[str]]:
    """The distinct texts of files and of the reports of corpora, to learn from, and others to validate on.

    Raises:
        CommandLineError: If there is none to learn from.
    """
    train = [text for path in arguments.data.train_file for text in read_text_file(Path(path))]
    validation: list[str] = []
    if arguments.data.dataset_name:
        data = load_data(arguments.data, seed=arguments.training.seed, needs_findings=False)
        for corpus in data.corpora:
            train += list_reports(corpus.train)
            validation += list_reports(corpus.validation)
    train = [text for text in dict.fromkeys(train) if text]
    learnt = {"", *train}
    validation = [text for text in dict.fromkeys(validation) if text not in learnt]
    if not validation:
        validation = train[::VALIDATED_EVERY]
        train = [text for place, text in enumerate(train) if place % VALIDATED_EVERY]
    if not train:
        raise CommandLineError(
            "There is no text to learn from: the corpora have no reports, or `--train_file` holds too few. Name"
            " others."
        )
    return train, validation


def list_reports(records: Any) -> list[str]:
    """The reports of a split, without blanks around them."""
    found = iterate_columns(records, ("report",))
    return [" ".join(str(report or "").split()) for columns in found for report in columns["report"]]


def read_text_file(path: Path) -> list[str]:
    """The texts of a file, one a line or one a row.

    Raises:
        FileNotFoundError: If there is no such file.
        CommandLineError: If a table has no column of texts, or the file is of another kind.
    """
    if not path.is_file():
        raise FileNotFoundError(f"`--train_file` names {path}, which is no file.")
    if path.suffix == ".txt":
        return [" ".join(line.split()) for line in path.read_text(encoding="utf-8").splitlines()]
    readers: dict[str, Any] = {".csv": pd.read_csv, ".parquet": pd.read_parquet}
    if path.suffix not in readers:
        raise CommandLineError(f"`--train_file` names {path}. Give a .txt, a .csv or a .parquet.")
    table = readers[path.suffix](path)
    column = next((name for name in TEXT_COLUMNS if name in table), None)
    if column is None:
        raise CommandLineError(
            f"{path} has the columns {', '.join(map(str, table.columns))}, none of which is report or text. Rename the"
            " one with texts."
        )
    return [" ".join(str(text).split()) for text in table[column].dropna()]


def as_records(texts: Sequence[str]) -> Dataset:
    """Texts as rows that are read like those of a corpus."""
    return Dataset.from_dict({"record_id": [str(place) for place in range(len(texts))], "text": list(texts)})
