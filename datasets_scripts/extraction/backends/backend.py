"""What everybody who is asked has in common: an interface, flags, and a place to note answers in."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Protocol
from urllib.parse import urlsplit

from .costs import Cost
from .task import AnswerRefused, Question, QuestionIn, ResultIn, ResultOut


BackendName = Literal["rules", "endpoint", "transformers"]
# Hosts that take a Hugging Face token. No other server is ever sent one.
HUGGING_FACE_HOSTS = ("huggingface.co", "huggingface.cloud", "hf.space")
# Begins the `problem` of a question that was never put to the model: the next run asks for it.
NOT_ASKED = "not asked: "


class BackendError(RuntimeError):
    """A backend cannot go on, whatever the question: no server, no key, no model."""


class Refusal(NamedTuple):
    """An answer to a question that could not be taken: it was paid for, and is not asked for again.

    Attributes:
        num_answers (`int`):
            How many there were with it.
        problem (`str`):
            What was wrong with it, without any text of it.
        reason (`str`):
            The same in words for the model.
        position (`int`, *optional*):
            Character at which its text goes wrong, from 0, where a grammar says so.
        text (`str`):
            That text.
    """

    num_answers: int
    problem: str
    reason: str
    position: int | None = None
    text: str = ""

    def add(self, error: AnswerRefused) -> "Refusal":
        """The refusal of the next answer."""
        return Refusal(self.num_answers + 1, str(error), error.reason, error.position, error.text)


NO_REFUSAL = Refusal(0, "", "")


class Journal(Protocol[QuestionIn, ResultIn]):
    """Where a backend that is paid notes an answer as soon as it has it, from any thread."""

    def note_result(self, question: QuestionIn, result: ResultIn) -> None:
        """Keep the answer to a question."""
        ...

    def note_refusal(self, question: QuestionIn, refusal: Refusal) -> None:
        """Keep that an answer could not be taken."""
        ...

    def find_refusals(self, question: QuestionIn) -> tuple[Refusal, ...]:
        """Earlier answers to a question that could not be taken, the last one last."""
        ...


class Backend(Protocol[Question, ResultOut]):
    """Answers the questions of a task.

    Attributes:
        name (`str`):
            As given with `--backend`.
        model (`str`):
            Name of the language model; empty for rules.
        prompt_version (`str`):
            Changes whenever the same question may be answered differently.
    """

    name: BackendName
    model: str
    prompt_version: str

    @property
    def cost(self) -> Cost:
        """What was spent so far."""
        ...

    def read(self, questions: Sequence[Question]) -> Iterator[tuple[Question, ResultOut]]:
        """Each question once with its answer, in any order; one that fails gets the task's stopgap, marked.

        Raises:
            BackendError: If no question can be answered at all.
        """
        ...

    def estimate(self, questions: Sequence[Question]) -> Cost:
        """What it would cost to ask these questions."""
        ...


@dataclass
class BackendArguments:
    """Flags that choose and configure a backend, those of statements."""

    backend: BackendName = field(
        default="rules",
        metadata={"help": "Who reads a statement: word list and scope, a server, or a local language model."},
    )
    model: str | None = field(
        default=None, metadata={"help": "Name of the language model on the server or Hub, or a folder that holds one."}
    )
    base_url: str | None = field(
        default=None,
        metadata={"help": "Address of an OpenAI-compatible server, such as http://localhost:8000/v1. Its key is read"
                  " from OPENAI_API_KEY, or from HF_TOKEN if the host is Hugging Face's."},
    )  # fmt: skip
    prompt_version: str = field(
        default="findings_v1", metadata={"help": "Name of a prompt of this package, or a YAML file with your own."}
    )
    max_concurrency: int = field(default=8, metadata={"help": "Requests under way at a time."})
    request_timeout_s: float = field(default=60.0, metadata={"help": "Seconds that an answer may take."})
    max_retries: int = field(default=5, metadata={"help": "How often a failed request is repeated."})
    retry_wait_s: float = field(
        default=1.0, metadata={"help": "Seconds before the first repetition; doubled before each further one."}
    )
    max_new_tokens: int = field(default=1024, metadata={"help": "Tokens that an answer may have."})
    max_cost: float | None = field(
        default=None, metadata={"help": "Stop asking before this is spent, in the currency of the prices."}
    )
    input_price: float | None = field(default=None, metadata={"help": "Price of a million input tokens."})
    output_price: float | None = field(default=None, metadata={"help": "Price of a million output tokens."})
    batch_size: int = field(default=8, metadata={"help": "Questions that a local model answers at a time."})
    dry_run: bool = field(default=False, metadata={"help": "Say what it would cost, ask nothing and stop."})
    retry_failed: bool = field(
        default=False, metadata={"help": "Ask again what an earlier run got no usable answer to."}
    )

    def __post_init__(self) -> None:
        if self.backend != "rules" and not self.model:
            raise ValueError(f"`--backend {self.backend}` needs a language model. Name one with `--model`.")
        if self.backend == "endpoint":
            self._check_base_url()
        if self.max_cost is not None and not (self.input_price or self.output_price):
            raise ValueError(
                f"`--max_cost` ({self.max_cost}) cannot be kept without prices. Give `--input_price` and"
                " `--output_price`, per million tokens."
            )
        self._check_numbers()

    def _check_base_url(self) -> None:
        """Refuse what is no address of a server."""
        parts = urlsplit(self.base_url or "")
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(
                f"`--backend endpoint` needs the address of a server, not {self.base_url!r}. Give it with"
                " `--base_url`, such as http://localhost:8000/v1."
            )

    def _check_numbers(self) -> None:
        """Refuse counts, times and prices that make no sense, by the name of the flag."""
        for name, lowest in (("max_concurrency", 1), ("max_new_tokens", 1), ("batch_size", 1), ("max_retries", 0)):
            if getattr(self, name) < lowest:
                raise ValueError(f"`--{name}` ({getattr(self, name)}) must be at least {lowest}.")
        if self.request_timeout_s <= 0:
            raise ValueError(f"`--request_timeout_s` ({self.request_timeout_s}) must be above 0.")
        for name in ("retry_wait_s", "max_cost", "input_price", "output_price"):
            if (getattr(self, name) or 0) < 0:
                raise ValueError(f"`--{name}` ({getattr(self, name)}) must not be negative.")

    @property
    def api_key(self) -> str | None:
        """The key of the server, from the environment: a Hugging Face token is for Hugging Face's hosts only."""
        host = urlsplit(self.base_url or "").hostname or ""
        is_hugging_face = any(host == name or host.endswith(f".{name}") for name in HUGGING_FACE_HOSTS)
        return os.environ.get("HF_TOKEN" if is_hugging_face else "OPENAI_API_KEY") or None
