"""The `transformers` backend: a local causal language model that can write nothing but answers of the right form.

Source: token masks from a JSON schema by llguidance (github.com/guidance-ai/llguidance), the library that vLLM and
SGLang offer for structured output.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from typing import Any, Generic, NamedTuple

import numpy as np
import torch
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    GenerationConfig,
    LogitsProcessor,
    LogitsProcessorList,
)

from .backend import NO_REFUSAL, BackendArguments, BackendError, BackendName, Journal, Refusal
from .costs import Cost, estimate_tokens
from .prompt_cache import PromptCache
from .prompts import Message
from .task import AnswerRefused, Asked, Question, Result, Sampling, Task, sample_again


MAX_ANSWERS = 2  # a model that is always asked for its likeliest answer seldom betters it twice
LIKELIEST = Sampling()


class LocalAnswer(NamedTuple):
    """What the model wrote, JSON under the schema of its task; closed by the task if it was cut off."""

    text: str
    is_complete: bool


class SchemaLogitsProcessor(LogitsProcessor):
    """Leaves each row of a batch only the tokens that continue an answer of the right form.

    Args:
        matcher (`llguidance.LLMatcher`):
            At the beginning of an answer; copied for every row.
        eos_token_ids (`Sequence[int]`):
            Tokens that end an answer.
    """

    def __init__(self, matcher: Any, eos_token_ids: Sequence[int]) -> None:
        self._matcher = matcher
        self._eos_token_ids = list(eos_token_ids)
        self._rows: list[Any] = []

    def __call__(self, input_ids: torch.LongTensor, scores: torch.FloatTensor) -> torch.FloatTensor:
        """Scores `(batch_size, vocab_size)` with minus infinity for all other tokens."""
        if self._rows:
            for row, token in zip(self._rows, input_ids[:, -1].tolist(), strict=True):
                if not row.is_stopped():
                    row.consume_token(token)
        else:
            self._rows = [self._matcher.deep_copy() for _ in range(len(input_ids))]
        allowed = np.stack([self._allow_tokens(row, scores.shape[-1]) for row in self._rows])
        return scores.masked_fill(~torch.from_numpy(allowed).to(scores.device), -torch.inf)  # type: ignore[return-value]

    def _allow_tokens(self, row: Any, vocab_size: int) -> np.ndarray:
        """`(vocab_size,)`: which tokens may come next; behind the end, only another end."""
        if row.is_stopped():
            allowed = np.zeros(vocab_size, dtype=bool)
            allowed[self._eos_token_ids] = True
            return allowed
        bits = np.unpackbits(np.frombuffer(row.compute_bitmask(), dtype=np.uint8), bitorder="little")
        return bits[:vocab_size].astype(bool)


class DrawnTokens(LogitsProcessor):
    """Lets greedy search draw: to each row's scores over its temperature comes Gumbel noise of the row's own.

    The token with the largest sum is one drawn with the probabilities of a softmax. A row draws the same in any
    company, which `do_sample` does not promise.

    Args:
        samplings (`Sequence[Sampling]`):
            One per row; at temperature 0 the likeliest token stays the largest.
        names (`Sequence[str]`):
            What tells the rows apart that have one seed.

    Source: Maddison et al. 2014, A* sampling, section 2.
    """

    def __init__(self, samplings: Sequence[Sampling], names: Sequence[str]) -> None:
        self._rows = [
            (row, sampling.temperature, np.random.default_rng([sampling.seed, *_digest(name)]))
            for row, (sampling, name) in enumerate(zip(samplings, names, strict=True))
            if sampling.temperature > 0
        ]

    def __call__(self, input_ids: torch.LongTensor, scores: torch.FloatTensor) -> torch.FloatTensor:
        """Scores `(batch_size, vocab_size)` of which the largest is drawn."""
        for row, temperature, generator in self._rows:
            noise = torch.from_numpy(generator.gumbel(size=scores.shape[-1])).to(scores)
            scores[row] = scores[row] / temperature + noise
        return scores


def _digest(name: str) -> bytes:
    """A few numbers from 0 to 255 that stand for a text."""
    return hashlib.sha256(name.encode("utf-8", "replace")).digest()[:8]


class LocalModelBackend(Generic[Question, Result]):
    """Asks a causal language model on this machine, several questions at a time.

    Args:
        arguments (`BackendArguments`):
            The flags.
        task (`Task`):
            What is asked for.

    Raises:
        BackendError: If llguidance is not installed or the model cannot be loaded.
    """

    name: BackendName = "transformers"

    def __init__(self, arguments: BackendArguments, task: Task[Question, Result]) -> None:
        self.model = arguments.model or ""
        self.prompt_version = task.prompt_version
        self.journal: Journal[Question, Result] | None = None
        self._arguments = arguments
        self._task = task
        self._cost = Cost()
        if not arguments.dry_run:
            self._load()

    def _load(self) -> None:
        """Load the model, and the grammar of answers."""
        llguidance = _import_llguidance()
        try:
            self._tokenizer: Any = AutoTokenizer.from_pretrained(self.model)
            self._network: Any = AutoModelForCausalLM.from_pretrained(
                self.model, dtype="auto", device_map="auto", use_safetensors=True
            )
        except (OSError, ValueError) as error:
            raise BackendError(
                f"The language model {self.model!r} cannot be loaded. Give `--model` the name of a causal language"
                f" model on the Hub, or a folder that holds one as safetensors with its tokenizer. ({error})"
            ) from error
        self._network.eval()
        self._prompts = PromptCache(self._network)
        if self._tokenizer.pad_token_id is None:
            self._tokenizer.pad_token = self._tokenizer.eos_token
        ends = self._network.generation_config.eos_token_id or self._tokenizer.eos_token_id
        self._eos_token_ids: list[int] = [ends] if isinstance(ends, int) else list(ends)
        self._byte_tokenizer = llguidance.hf.from_tokenizer(
            self._tokenizer, n_vocab=self._network.config.get_text_config().vocab_size, eos_token=self._eos_token_ids
        )
        grammar = llguidance.LLMatcher.grammar_from_json_schema(
            dict(self._task.schema), overrides={"whitespace_flexible": False}
        )
        self._matcher = llguidance.LLMatcher(self._byte_tokenizer, grammar, log_level=0)

    @property
    def cost(self) -> Cost:
        """What was generated so far."""
        return self._cost

    def estimate(self, questions: Sequence[Question]) -> Cost:
        """How much would be read and written; it costs no money."""
        texts = (message["content"] for question in questions for message in self._task.messages(question))
        input_tokens = sum(estimate_tokens(text) for text in texts)
        return Cost(len(questions), input_tokens, self._task.output_tokens * len(questions), is_estimated=True)

    def read(self, questions: Sequence[Question]) -> Iterator[tuple[Question, Result]]:
        """Each question with its answer, batch by batch, short ones first."""
        ordered = sorted(questions, key=lambda question: len(self._task.messages(question)[-1]["content"]))
        for start in range(0, len(ordered), self._arguments.batch_size):
            yield from self._read_batch(ordered[start : start + self._arguments.batch_size])

    def answer(
        self, conversations: Sequence[Sequence[Message]], samplings: Sequence[Sampling] = ()
    ) -> list[LocalAnswer]:
        """Let the model answer some conversations.

        Args:
            conversations (`Sequence`):
                Messages as `Prompt.messages` gives them.
            samplings (`Sequence[Sampling]`):
                How the words of each answer are chosen; by default the likeliest.

        Returns:
            `list[LocalAnswer]`: One answer per conversation; every whole one parses under the schema of the task.
        """
        rows = self._tokenize(conversations)
        config = GenerationConfig(
            max_new_tokens=self._arguments.max_new_tokens,
            do_sample=False,
            eos_token_id=self._eos_token_ids,
            pad_token_id=self._tokenizer.pad_token_id,
        )
        names = [json.dumps(list(messages)) for messages in conversations]
        processors = LogitsProcessorList(
            [
                SchemaLogitsProcessor(self._matcher, self._eos_token_ids),
                DrawnTokens(samplings or [LIKELIEST] * len(names), names),
            ]
        )
        with torch.inference_mode():
            cache, num_known = self._prompts.fetch(rows)
            inputs = self._pad(rows, num_known)
            outputs = self._network.generate(
                **inputs, past_key_values=cache, generation_config=config, logits_processor=processors
            )
        prompt_length = inputs["input_ids"].shape[1]
        answers = [self._decode(row[prompt_length:].tolist()) for row in outputs]
        self._cost = Cost(
            self._cost.num_requests + len(conversations),
            self._cost.input_tokens + sum(map(len, rows)),
            self._cost.output_tokens + sum(num_tokens for _, num_tokens in answers),
        )
        return [answer for answer, _ in answers]

    def _read_batch(self, questions: Sequence[Question]) -> Iterator[tuple[Question, Result]]:
        """Ask some questions, again with the reason where an answer is refused; what is left gets its stopgap."""
        asked = Asked(self.name, self.model, self.prompt_version)
        refusals = dict.fromkeys(questions, NO_REFUSAL)
        for _ in range(min(MAX_ANSWERS, self._task.max_answers)):
            open_questions = list(refusals)
            for question, answer in zip(open_questions, self._ask(open_questions, refusals), strict=True):
                try:
                    result = self._task.accept(answer.text, question, asked)
                    if not answer.is_complete:
                        raise AnswerRefused(f"the answer is longer than {self._arguments.max_new_tokens} tokens")
                except AnswerRefused as refused:
                    refusals[question] = refusals[question].add(refused)
                    if self.journal is not None:
                        self.journal.note_refusal(question, refusals[question])
                    continue
                del refusals[question]
                yield question, result
        for question, refusal in refusals.items():
            yield question, self._task.fall_back(question, refusal.problem)

    def _ask(self, questions: Sequence[Question], refusals: dict[Question, Refusal]) -> list[LocalAnswer]:
        """One answer per question."""
        if not questions:
            return []
        conversations = [self._task.messages(question, refusal=refusals[question].reason) for question in questions]
        samplings = [
            sample_again(self._task.sampling(question), refusals[question].num_answers) for question in questions
        ]
        return self.answer(conversations, samplings)

    def _tokenize(self, conversations: Sequence[Sequence[Message]]) -> list[list[int]]:
        """The tokens of each conversation."""
        if self._tokenizer.chat_template:
            texts = [
                self._tokenizer.apply_chat_template(list(messages), tokenize=False, add_generation_prompt=True)
                for messages in conversations
            ]
        else:
            texts = [_write_plainly(messages) for messages in conversations]
        return self._tokenizer(texts, add_special_tokens=not self._tokenizer.chat_template)["input_ids"]

    def _pad(self, rows: Sequence[Sequence[int]], num_known: int) -> dict[str, torch.Tensor]:
        """`input_ids` and `attention_mask`, `(batch_size, num_tokens)`, padded behind the tokens that are known."""
        longest = max(map(len, rows))
        input_ids, mask = torch.full((2, len(rows), longest), self._tokenizer.pad_token_id)
        mask[:] = 1
        for index, row in enumerate(rows):
            start = num_known + longest - len(row)
            input_ids[index, :num_known] = torch.tensor(row[:num_known])
            input_ids[index, start:] = torch.tensor(row[num_known:])
            mask[index, num_known:start] = 0
        device = self._network.device
        return {"input_ids": input_ids.to(device), "attention_mask": mask.to(device)}

    def _decode(self, tokens: Sequence[int]) -> tuple[LocalAnswer, int]:
        """The answer in a row of output, and its number of tokens."""
        length = next((index for index, token in enumerate(tokens) if token in self._eos_token_ids), len(tokens))
        text = self._byte_tokenizer.decode_bytes(list(tokens[:length])).decode("utf-8", "replace")
        closed = self._task.close(text)
        return LocalAnswer(closed, is_complete=closed == text), length


def _write_plainly(messages: Sequence[Message]) -> str:
    """A conversation for a model without a chat template."""
    return "".join(f"{message['role']}: {message['content']}\n\n" for message in messages) + "assistant: "


def _import_llguidance() -> Any:
    """The library that turns a JSON schema into masks of tokens."""
    try:
        import llguidance
        import llguidance.hf
    except ImportError as error:
        raise BackendError(
            "`--backend transformers` needs llguidance, which is not installed. Install it with"
            ' `pip install ".[llm]"` in a clone of this package.'
        ) from error
    return llguidance
