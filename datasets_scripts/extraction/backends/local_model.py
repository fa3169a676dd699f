"""The `transformers` backend: a local causal language model that can write nothing but answers of the right form.

Source: token masks from a JSON schema by llguidance (github.com/guidance-ai/llguidance), the library that vLLM and
SGLang offer for structured output.
"""

import json
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    GenerationConfig,
    LogitsProcessor,
    LogitsProcessorList,
)

from datasets_scripts.extraction.readings.reading import Reading

from .answers import ANSWER_SCHEMA, AnswerRefused, parse_answer
from .backend import BackendArguments, BackendError, BackendName, fall_back
from .costs import Cost, estimate_tokens
from .prompts import Message, Prompt


MAX_ANSWERS = 2  # a model that is always asked for its likeliest answer seldom betters it twice
OUTPUT_TOKENS_PER_STATEMENT = 60  # for estimates: two findings


class LocalAnswer(NamedTuple):
    """What the model wrote: JSON of the form `ANSWER_SCHEMA`, closed by us if it was cut off."""

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


class LocalModelBackend:
    """Reads statements with a causal language model on this machine, several at a time.

    Args:
        arguments (`BackendArguments`):
            The flags.
        prompt (`Prompt`):
            How statements are put to the model.

    Raises:
        BackendError: If llguidance is not installed or the model cannot be loaded.
    """

    name: BackendName = "transformers"

    def __init__(self, arguments: BackendArguments, prompt: Prompt) -> None:
        self.model = arguments.model or ""
        self.prompt_version = prompt.version
        self._arguments = arguments
        self._prompt = prompt
        self._cost = Cost()
        llguidance = _import_llguidance()
        try:
            self._tokenizer: Any = AutoTokenizer.from_pretrained(self.model, padding_side="left")
            self._network: Any = AutoModelForCausalLM.from_pretrained(
                self.model, dtype="auto", device_map="auto", use_safetensors=True
            )
        except (OSError, ValueError) as error:
            raise BackendError(
                f"The language model {self.model!r} cannot be loaded. Give `--model` the name of a causal language"
                f" model on the Hub, or a folder that holds one as safetensors with its tokenizer. ({error})"
            ) from error
        self._network.eval()
        if self._tokenizer.pad_token_id is None:
            self._tokenizer.pad_token = self._tokenizer.eos_token
        ends = self._network.generation_config.eos_token_id or self._tokenizer.eos_token_id
        self._eos_token_ids: list[int] = [ends] if isinstance(ends, int) else list(ends)
        self._byte_tokenizer = llguidance.hf.from_tokenizer(
            self._tokenizer, n_vocab=self._network.config.get_text_config().vocab_size, eos_token=self._eos_token_ids
        )
        grammar = llguidance.LLMatcher.grammar_from_json_schema(
            ANSWER_SCHEMA, overrides={"whitespace_flexible": False}
        )
        self._matcher = llguidance.LLMatcher(self._byte_tokenizer, grammar, log_level=0)

    @property
    def cost(self) -> Cost:
        """What was generated so far."""
        return self._cost

    def estimate(self, statements: Sequence[str]) -> Cost:
        """How much would be read and written; it costs no money."""
        texts = (message["content"] for statement in statements for message in self._prompt.messages(statement))
        input_tokens = sum(estimate_tokens(text) for text in texts)
        return Cost(len(statements), input_tokens, OUTPUT_TOKENS_PER_STATEMENT * len(statements), is_estimated=True)

    def read(self, statements: Sequence[str]) -> Iterator[tuple[str, Reading]]:
        """Each statement with its reading, batch by batch, short ones first."""
        ordered = sorted(statements, key=len)
        for start in range(0, len(ordered), self._arguments.batch_size):
            yield from self._read_batch(ordered[start : start + self._arguments.batch_size])

    def answer(self, conversations: Sequence[Sequence[Message]]) -> list[LocalAnswer]:
        """Let the model answer some conversations, each with its likeliest answer.

        Args:
            conversations (`Sequence`):
                Messages as `Prompt.messages` gives them.

        Returns:
            `list[LocalAnswer]`: One answer per conversation; every one parses under `ANSWER_SCHEMA`.
        """
        inputs = self._tokenize(conversations)
        config = GenerationConfig(
            max_new_tokens=self._arguments.max_new_tokens,
            do_sample=False,
            eos_token_id=self._eos_token_ids,
            pad_token_id=self._tokenizer.pad_token_id,
        )
        processor = SchemaLogitsProcessor(self._matcher, self._eos_token_ids)
        with torch.inference_mode():
            outputs = self._network.generate(
                **inputs, generation_config=config, logits_processor=LogitsProcessorList([processor])
            )
        prompt_length = inputs["input_ids"].shape[1]
        answers = [self._decode(row[prompt_length:].tolist()) for row in outputs]
        self._cost = Cost(
            self._cost.num_requests + len(conversations),
            self._cost.input_tokens + int(inputs["attention_mask"].sum()),
            self._cost.output_tokens + sum(num_tokens for _, num_tokens in answers),
        )
        return [answer for answer, _ in answers]

    def _read_batch(self, statements: Sequence[str]) -> Iterator[tuple[str, Reading]]:
        """Ask about some statements, again with the reason where an answer is refused; rules read what is left."""
        refusals = dict.fromkeys(statements, "")
        problems: dict[str, str] = {}
        for _ in range(MAX_ANSWERS):
            asked = list(refusals)
            conversations = [self._prompt.messages(statement, refusal=refusals[statement]) for statement in asked]
            for statement, answer in zip(asked, self.answer(conversations) if asked else [], strict=True):
                try:
                    entities = parse_answer(answer.text, statement)
                    if not answer.is_complete:
                        raise AnswerRefused(f"the answer is longer than {self._arguments.max_new_tokens} tokens")
                except AnswerRefused as refused:
                    refusals[statement], problems[statement] = refused.reason, str(refused)
                    continue
                del refusals[statement]
                yield statement, Reading(entities, True, self.name, self.model, self.prompt_version)
        for statement in refusals:
            yield statement, fall_back(statement, problems[statement])

    def _tokenize(self, conversations: Sequence[Sequence[Message]]) -> Any:
        """`input_ids` and `attention_mask`, `(batch_size, num_tokens)`, padded on the left."""
        if self._tokenizer.chat_template:
            texts = [
                self._tokenizer.apply_chat_template(list(messages), tokenize=False, add_generation_prompt=True)
                for messages in conversations
            ]
        else:
            texts = [_write_plainly(messages) for messages in conversations]
        has_special_tokens = bool(self._tokenizer.chat_template)
        inputs = self._tokenizer(
            texts,
            return_tensors="pt",
            padding=True,
            add_special_tokens=not has_special_tokens,
            return_token_type_ids=False,
        )
        return inputs.to(self._network.device)

    def _decode(self, tokens: Sequence[int]) -> tuple[LocalAnswer, int]:
        """The answer in a row of output, and its number of tokens."""
        length = next((index for index, token in enumerate(tokens) if token in self._eos_token_ids), len(tokens))
        text = self._byte_tokenizer.decode_bytes(list(tokens[:length])).decode("utf-8", "replace")
        closed = close_answer(text)
        return LocalAnswer(closed, is_complete=closed == text), length


def close_answer(text: str) -> str:
    """Complete an answer that was cut off: the entities that are whole stay.

    Args:
        text (`str`):
            The beginning of an answer of the form `ANSWER_SCHEMA`, without blanks between its parts.

    Returns:
        `str`: JSON of that form; the text itself if it was whole.

    Example:
        >>> close_answer('{"entities":[{"quote":"LVH","entity":"lvh","certainty":"positive"},{"quote":"wi')
        '{"entities":[{"quote":"LVH","entity":"lvh","certainty":"positive"}]}'
    """
    try:
        json.loads(text)
    except ValueError:
        pass
    else:
        return text
    start = text.find("[") + 1
    end = start
    while start:
        try:
            _, end = json.JSONDecoder().raw_decode(text, end + (text[end : end + 1] == ","))
        except ValueError:
            break
    return (text[:end] or '{"entities":[') + "]}"


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
