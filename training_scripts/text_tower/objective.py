"""Distillation: a small text encoder learns to embed every text as a large one does.

The small one begins with some layers and some embeddings of the large one. On texts without end it learns the pooled
embedding, and, where both cut a text into the same pieces, every token of the last layer, in which a text says more
than in their mean. A text that is abbreviated or misspelt is to be embedded as the large one embeds what is meant. The
large one runs in every step: texts are short, and no text comes twice.
"""

import itertools
from collections.abc import Generator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, cast

import numpy as np
import torch
from accelerate import Accelerator
from scipy.stats import spearmanr
from torch.nn.functional import cosine_similarity, normalize
from transformers import AutoTokenizer

from modeling_supreme.checkpoints import half_floats, load_text_encoder
from modeling_supreme.modeling_supreme_ecg import masked_mean
from modeling_supreme.queries import find_text_encoder
from training_scripts.card import CardStyle
from training_scripts.objectives.objective import Objective, ValidationFigures
from training_scripts.objectives.pretrained import check_text_encoder
from training_scripts.steps import TrainingBatch

from .arguments import TowerArguments, TowerRunArguments
from .student import choose_neurons, make_student
from .texts import Text, TextWriter, load_sources
from .vocabulary import check_word_piece, choose_pieces, count_pieces, list_words, trim_tokenizer


TOWER_CARD = Path(__file__).parents[1] / "cards" / "text_tower.md"
# Streams of texts: no two uses draw the same ones
COUNTED, WATCHED, VALIDATED, LEARNT = range(4)
NUM_WATCHED, WATCHED_BATCH = 1024, 64  # texts by which neurons are chosen
NUM_COMPARED = 500  # validation texts that are compared each with each
LONGEST_TEXT = 64  # tokens; most queries have ten


class TextSteps:
    """Gives the batches of texts of one process, step by step; a `StepSource`.

    The texts of a step are sorted by length and dealt out, so that a batch has little padding; with more than one
    batch a step (`--gradient_accumulation_steps`), batches of short texts cost less.

    Args:
        writer (`TextWriter`):
            Draws the texts.
        tokenizer, teacher_tokenizer (`PreTrainedTokenizerBase`):
            Of the small and the large encoder.
        piece_ids (`Sequence[int]`):
            Id of each piece of the small vocabulary in the large one.
        batch_size (`int`):
            Texts of a batch.
        batches_per_step (`int`):
            Batches of a step, of each process.
        seed (`int`):
            Seed of the texts.
        num_validation_texts (`int`):
            Texts of a validation.
        process_index, num_processes (`int`):
            This process, and how many there are.
    """

    def __init__(
        self,
        writer: TextWriter,
        tokenizer: Any,
        teacher_tokenizer: Any,
        *,
        piece_ids: Sequence[int],
        batch_size: int,
        batches_per_step: int,
        seed: int,
        num_validation_texts: int,
        process_index: int = 0,
        num_processes: int = 1,
    ) -> None:
        self.writer, self.tokenizer, self.teacher_tokenizer = writer, tokenizer, teacher_tokenizer
        self.piece_ids = torch.tensor(list(piece_ids))
        self.batch_size, self.batches_per_step, self.seed = batch_size, batches_per_step, seed
        self.num_validation_texts = num_validation_texts
        self.process_index, self.num_processes = process_index, num_processes

    @property
    def steps_per_epoch(self) -> int:
        """Texts have no end, so that an epoch is a step."""
        return 1

    @property
    def step_size(self) -> int:
        """Texts of a step, of all processes together."""
        return self.batch_size * self.batches_per_step * self.num_processes

    @property
    def num_validation_records(self) -> int:
        """Validation texts of all processes together."""
        return self.num_validation_texts

    def state_dict(self) -> dict[str, Any]:
        """What the order of the texts depends on."""
        return {"seed": self.seed, "step_size": self.step_size}

    def steps(self, first_step: int) -> Generator[list[TrainingBatch], None, None]:
        """The batches of every step from a step on, without end."""
        for step in itertools.count(first_step):
            texts = self.writer.write_texts(self.step_size, seed=stream_seed(self.seed, LEARNT, step))
            batches = self._deal(texts)
            yield batches[self.process_index :: self.num_processes]

    def validation_batches(self) -> Iterator[TrainingBatch]:
        """The batches of the validation texts, as many for every process."""
        texts = self.writer.write_texts(self.num_validation_texts, seed=stream_seed(self.seed, VALIDATED))
        batches = self._deal(texts)
        filling = -len(batches) % self.num_processes
        batches += [batches[-1]._replace(record_ids=()) for _ in range(filling)]
        yield from batches[self.process_index :: self.num_processes]

    def _deal(self, texts: Sequence[Text]) -> list[TrainingBatch]:
        """Batches of texts of about one length, the short ones first."""
        ordered = sorted(texts, key=lambda text: len(text.written))
        starts = range(0, len(ordered), self.batch_size)
        return [self.tokenize(ordered[start : start + self.batch_size], start) for start in starts]

    def tokenize(self, texts: Sequence[Text], start: int = 0) -> TrainingBatch:
        """Texts as both encoders take them: the small one as they are written, the large one as they are meant.

        Args:
            texts (`Sequence[Text]`):
                The texts.
            start (`int`):
                Place of the first one in its step.
        """
        options = {"padding": True, "truncation": True, "max_length": LONGEST_TEXT, "return_tensors": "pt"}
        own = self.tokenizer([text.written for text in texts], **options)
        teachers = self.teacher_tokenizer([text.meant for text in texts], **options)
        inputs = {
            "input_ids": own["input_ids"],
            "attention_mask": own["attention_mask"],
            "teacher_input_ids": teachers["input_ids"],
            "teacher_attention_mask": teachers["attention_mask"],
            "is_aligned": self._find_aligned(own["input_ids"], teachers["input_ids"]),
        }
        return TrainingBatch(inputs, tuple(text.written for text in texts), torch.arange(start, start + len(texts)))

    def _find_aligned(self, input_ids: torch.Tensor, teacher_input_ids: torch.Tensor) -> torch.Tensor:
        """Which texts both tokenizers cut into the same pieces, `(batch_size,)`."""
        length = min(input_ids.shape[1], teacher_input_ids.shape[1])
        equal = (self.piece_ids[input_ids[:, :length]] == teacher_input_ids[:, :length]).all(dim=1)
        pads = (input_ids[:, length:] == self.tokenizer.pad_token_id).all(dim=1)
        teacher_pads = (teacher_input_ids[:, length:] == self.teacher_tokenizer.pad_token_id).all(dim=1)
        return equal & pads & teacher_pads


def stream_seed(seed: int, stream: int, step: int = 0) -> int:
    """The seed of the texts of a step, for one use."""
    return int(np.random.SeedSequence((seed, stream, step)).generate_state(1, np.uint64)[0])


class TextTowerObjective(Objective):
    """A text encoder is distilled into a smaller one."""

    name = "text_tower"
    next_step = "begin a model with it: `train.py … --text_model_name_or_path {folder}`"
    item = "text"
    metrics: ClassVar[Mapping[str, bool]] = {"validation_cosine": True, "validation_loss": False}
    card = CardStyle(TOWER_CARD, task="feature-extraction", pipeline_tag="feature-extraction", has_code=False)

    @classmethod
    def check_sources(cls, arguments: TowerRunArguments) -> None:  # type: ignore[override]
        """Look for the text encoder that is distilled."""
        check_text_encoder(arguments.tower.text_model_name_or_path, revision=arguments.tower.revision)

    def __init__(self, arguments: TowerRunArguments, accelerator: Accelerator) -> None:  # type: ignore[override]
        self.arguments, self.accelerator = arguments.tower, accelerator
        training = arguments.training
        source = find_text_encoder(self.arguments.text_model_name_or_path)
        teacher_tokenizer = AutoTokenizer.from_pretrained(source, revision=self.arguments.revision)
        check_word_piece(teacher_tokenizer)
        vocabulary = teacher_tokenizer.get_vocab()
        writer = TextWriter(load_sources(list_words(vocabulary), held_out_findings=self.arguments.held_out_findings))
        pieces = choose_tower_pieces(teacher_tokenizer, writer, self.arguments, seed=training.seed)
        piece_ids = [vocabulary[piece] for piece in pieces]
        self.tokenizer = trim_tokenizer(teacher_tokenizer, pieces)
        self.teacher = load_text_encoder(source, revision=self.arguments.revision, dtype=torch.float32)
        self.teacher.eval().requires_grad_(False).to(accelerator.device)
        self.model = self._make_student(writer, teacher_tokenizer, piece_ids, seed=training.seed)
        if self.model.pooler is not None:
            self.model.pooler.requires_grad_(False)  # no embedding goes through it
        self.model.to(accelerator.device)
        if accelerator.device.type == "cpu":
            for model in (self.teacher, self.model):
                model.set_attn_implementation("eager")  # of texts this short, four times as fast backward as SDPA
        self.loss_weights = {"text": 1.0, "token": self.arguments.token_weight}
        self.source = TextSteps(
            writer,
            self.tokenizer,
            teacher_tokenizer,
            piece_ids=piece_ids,
            batch_size=training.per_device_train_batch_size,
            batches_per_step=training.gradient_accumulation_steps,
            seed=training.seed,
            num_validation_texts=self.arguments.num_validation_texts,
            process_index=accelerator.process_index,
            num_processes=accelerator.num_processes,
        )

    def draw(self, batches: Sequence[TrainingBatch], generator: torch.Generator) -> None:
        """Nothing: the texts are drawn by their step."""

    def count(self, batch: TrainingBatch, drawn: None) -> dict[str, float]:
        """Texts, and tokens of texts that both encoders cut alike."""
        mask = batch.inputs["attention_mask"] * batch.inputs["is_aligned"][:, None]
        return {"text": float(len(batch.record_ids)), "token": float(mask.sum())}

    def compute_losses(self, model: Any, batch: TrainingBatch, drawn: None) -> dict[str, torch.Tensor]:
        """Squared distance to the teacher's embedding, relative to its square, of texts and of tokens."""
        inputs = batch.inputs
        mask, teacher_mask = inputs["attention_mask"], inputs["teacher_attention_mask"]
        wanted = self._read_teacher(inputs)
        hidden_states = model(input_ids=inputs["input_ids"], attention_mask=mask).last_hidden_state.float()
        pooled, wanted_pooled = self._pool(hidden_states, mask), self._pool(wanted, teacher_mask)
        text_loss = relative_distance(pooled, wanted_pooled).sum()
        is_aligned = inputs["is_aligned"]
        num_tokens = int(mask[is_aligned].sum(dim=1).max()) if is_aligned.any() else 0
        kept = (mask[is_aligned][:, :num_tokens]).bool()
        tokens, wanted_tokens = (states[is_aligned][:, :num_tokens][kept] for states in (hidden_states, wanted))
        return {"text": text_loss, "token": relative_distance(tokens, wanted_tokens).sum()}

    def predict(self, model: Any, batch: TrainingBatch) -> dict[str, torch.Tensor]:
        """The embedding of each text by both encoders."""
        inputs = batch.inputs
        mask = inputs["attention_mask"]
        hidden_states = model(input_ids=inputs["input_ids"], attention_mask=mask).last_hidden_state.float()
        wanted = self._pool(self._read_teacher(inputs), inputs["teacher_attention_mask"])
        return {"embeds": self._pool(hidden_states, mask), "teacher_embeds": wanted}

    def score(self, predictions: Mapping[str, torch.Tensor]) -> ValidationFigures:
        """How near the embeddings are to the teacher's, and whether the same texts are similar."""
        embeds, wanted = predictions["embeds"], predictions["teacher_embeds"]
        return ValidationFigures(
            {
                "validation_loss": float(relative_distance(embeds, wanted).mean()),
                "validation_cosine": float(cosine_similarity(embeds, wanted).mean()),
                "validation_rank_agreement": rank_agreement(embeds, wanted),
            },
            {},
        )

    def save(self, model: Any, folder: Path) -> None:
        """Write weights of 16 bits, read as 32, configuration and tokenizer."""
        model.save_pretrained(folder, state_dict=half_floats(model.state_dict()))
        self.tokenizer.save_pretrained(folder)

    def describe(self) -> dict[str, Any]:
        """What it is made of."""
        return {
            "vocab_size": len(self.tokenizer),
            "num_hidden_layers": self.model.config.num_hidden_layers,
            "text_hidden_size": self.model.config.hidden_size,
            "held_out_findings": self.arguments.held_out_findings,
        }

    def announce(self) -> str:
        """What is learnt from what."""
        return (
            f"Distilling {self.arguments.text_model_name_or_path} into {self.model.config.num_hidden_layers} layers"
            f" and {len(self.tokenizer)} pieces: {self.model.num_parameters() / 1e6:.1f} million parameters."
        )

    def _make_student(self, writer: TextWriter, tokenizer: Any, piece_ids: Sequence[int], *, seed: int) -> Any:
        """The small encoder as it begins."""
        layers, size = self.arguments.layers, self.arguments.intermediate_size
        if size is None:
            return make_student(self.teacher, layers=layers, piece_ids=piece_ids)
        texts = writer.write(NUM_WATCHED, seed=stream_seed(seed, WATCHED))
        batches = (texts[start : start + WATCHED_BATCH] for start in range(0, NUM_WATCHED, WATCHED_BATCH))
        options = {"padding": True, "truncation": True, "max_length": LONGEST_TEXT, "return_tensors": "pt"}
        encodings = (tokenizer(batch, **options).to(self.accelerator.device) for batch in batches)
        neurons = choose_neurons(self.teacher, encodings, layers=layers, size=size)
        return make_student(self.teacher, layers=layers, piece_ids=piece_ids, neurons=neurons)

    def _pool(self, hidden_states: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """The embedding of each text, as the model takes it of its text encoder."""
        return hidden_states[:, 0] if self.arguments.text_pooling == "cls" else masked_mean(hidden_states, mask)

    @torch.no_grad()
    def _read_teacher(self, inputs: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Tokens of the teacher's last layer, `(batch_size, num_tokens, text_hidden_size)`."""
        ids, mask = inputs["teacher_input_ids"], inputs["teacher_attention_mask"]
        with self.accelerator.autocast():
            return self.teacher(input_ids=ids, attention_mask=mask).last_hidden_state.float()


def choose_tower_pieces(tokenizer: Any, writer: TextWriter, arguments: TowerArguments, *, seed: int) -> list[str]:
    """The pieces of the small vocabulary: those that the texts need most."""
    texts = writer.write(arguments.num_counted_texts, seed=stream_seed(seed, COUNTED))
    return choose_pieces(tokenizer.get_vocab(), count_pieces(tokenizer, texts), arguments.vocab_size)


def relative_distance(embeds: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """Squared distance of each row to the wanted one, in squared lengths of the latter.

    Example:
        >>> relative_distance(torch.tensor([[3.0, 0.0]]), torch.tensor([[2.0, 0.0]]))
        tensor([0.2500])
    """
    return (embeds - wanted).square().sum(dim=-1) / wanted.square().sum(dim=-1)


def rank_agreement(embeds: torch.Tensor, wanted: torch.Tensor, *, most: int = NUM_COMPARED) -> float:
    """Spearman's correlation of the cosines between texts, by one encoder and by the other.

    Args:
        embeds (`torch.Tensor` of shape `(num_texts, text_hidden_size)`):
            Embeddings of texts by one encoder.
        wanted (`torch.Tensor` of shape `(num_texts, text_hidden_size)`):
            Those of the same texts by the other.
        most (`int`):
            Texts that are compared each with each, evenly taken of all.

    Example:
        >>> embeds = torch.tensor([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0]])
        >>> round(rank_agreement(embeds, 2 * embeds), 3)
        1.0
    """
    chosen = torch.linspace(0, len(embeds) - 1, min(most, len(embeds))).round().long()
    first, second = torch.triu_indices(len(chosen), len(chosen), offset=1)
    directions = [normalize(each[chosen]) for each in (embeds, wanted)]
    one, other = ((each @ each.T)[first, second].numpy() for each in directions)
    return float(cast(Any, spearmanr(one, other)).statistic)
