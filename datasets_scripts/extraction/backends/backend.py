"""What every reader of statements has in common: its interface, its flags, and what becomes of a failure."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Protocol
from urllib.parse import urlsplit

from datasets_scripts.extraction.readings.reading import Reading
from datasets_scripts.extraction.readings.rules import read_statement

from .costs import Cost


BackendName = Literal["rules", "endpoint", "transformers"]
# Hosts that take a Hugging Face token. No other server is ever sent one.
HUGGING_FACE_HOSTS = ("huggingface.co", "huggingface.cloud", "hf.space")
# Begins the `problem` of a statement that was never put to the model: the next run asks for it.
NOT_ASKED = "not asked: "


class BackendError(RuntimeError):
    """A backend cannot go on, whatever the statement: no server, no key, no model."""


class Refusal(NamedTuple):
    """The answers to a statement that could not be taken: they were paid for, and are not asked for again.

    Attributes:
        num_answers (`int`):
            How many there were.
        problem (`str`):
            What was wrong with the last one, without any text of it.
        reason (`str`):
            The same in words for the model.
    """

    num_answers: int
    problem: str
    reason: str


class Journal(Protocol):
    """Where a backend that is paid notes an answer as soon as it has it, from any thread."""

    def note_reading(self, statement: str, reading: Reading) -> None:
        """Keep the reading of a statement."""
        ...

    def note_refusal(self, statement: str, refusal: Refusal) -> None:
        """Keep that an answer could not be taken."""
        ...

    def find_refusal(self, statement: str) -> Refusal | None:
        """What is known of earlier answers to a statement that has no reading."""
        ...


class Backend(Protocol):
    """Reads statements.

    Attributes:
        name (`str`):
            As given with `--backend`.
        model (`str`):
            Name of the language model; empty for rules.
        prompt_version (`str`):
            Changes whenever the same statement may be read differently.
    """

    name: BackendName
    model: str
    prompt_version: str

    @property
    def cost(self) -> Cost:
        """What was spent so far."""
        ...

    def read(self, statements: Sequence[str]) -> Iterator[tuple[str, Reading]]:
        """Each statement once with its reading, in any order; a statement that fails is read by rules and marked.

        Raises:
            BackendError: If no statement can be read at all.
        """
        ...

    def estimate(self, statements: Sequence[str]) -> Cost:
        """What it would cost to read these statements."""
        ...


def fall_back(statement: str, problem: str) -> Reading:
    """The reading by rules of a statement that another backend could not read, marked with the reason."""
    return read_statement(statement)._replace(problem=problem)


@dataclass
class BackendArguments:
    """Flags that choose and configure a backend."""

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
    batch_size: int = field(default=8, metadata={"help": "Statements that a local model reads at a time."})
    dry_run: bool = field(default=False, metadata={"help": "Say what reading would cost, ask nothing and stop."})
    retry_failed: bool = field(
        default=False, metadata={"help": "Ask again for statements that an earlier run had to leave to the rules."}
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
