"""The `endpoint` backend: an OpenAI-compatible server (vLLM, SGLang, TGI, Ollama, ...) reads the statements.

Statements go to the server that was named and nowhere else. No text of a statement or of an answer is logged or put
into the message of an error.
"""

import logging
import random
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import islice
from urllib.parse import urlsplit

from datasets_scripts.extraction.readings.reading import Entity, Reading

from .answers import AnswerRefused, parse_answer
from .backend import NOT_ASKED, BackendArguments, BackendError, BackendName, Journal, Refusal, fall_back
from .chat_client import ChatClient, RequestFailed
from .costs import Cost, CostMeter, estimate_tokens
from .prompts import Prompt


logger = logging.getLogger(__name__)

ACCESS_STATUSES = (401, 402, 403)
ADDRESS_STATUSES = (301, 302, 303, 307, 308, 404, 405)
MAX_WAIT_S = 300.0  # the longest pause that a server may ask for
MAX_ANSWERS = 3  # to one statement: an answer that was refused twice is not paid for again and again
MAX_FAILURES_IN_A_ROW = 25  # statements, before the server counts as gone
MAX_REFUSED_AT_FIRST = 100  # statements, before a model that never gave a usable answer counts as unfit
OUTPUT_TOKENS_PER_STATEMENT = 60  # for estimates: two findings


class Halted(Exception):  # noqa: N818 (a decision, not an error)
    """No more is asked in this run."""


class EndpointBackend:
    """Reads statements through a server, several at a time.

    A request that fails is repeated after a growing, random pause, or after the one that the server asks for. An
    answer that is refused is asked for again with the reason. A statement for which neither helps is read by rules.

    Args:
        arguments (`BackendArguments`):
            The flags.
        prompt (`Prompt`):
            How statements are put to the model.
    """

    name: BackendName = "endpoint"

    def __init__(self, arguments: BackendArguments, prompt: Prompt) -> None:
        self.model = arguments.model or ""
        self.prompt_version = prompt.version
        self.journal: Journal | None = None
        self._arguments = arguments
        self._prompt = prompt
        self._meter = CostMeter(
            input_price=arguments.input_price or 0.0,
            output_price=arguments.output_price or 0.0,
            max_cost=arguments.max_cost,
        )
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._halt_reason = ""
        self._resume_at = 0.0  # on the monotonic clock: no request before this moment
        self._num_answered = 0  # statements to which the server sent something
        self._num_read = 0
        self._num_failed_in_a_row = 0

    @property
    def cost(self) -> Cost:
        """What was spent so far."""
        return self._meter.spent

    def estimate(self, statements: Sequence[str]) -> Cost:
        """What it would cost to read these statements if every first answer is a good one."""
        texts = (message["content"] for statement in statements for message in self._prompt.messages(statement))
        input_tokens = sum(estimate_tokens(text) for text in texts)
        output_tokens = OUTPUT_TOKENS_PER_STATEMENT * len(statements)
        amount = self._meter.price(input_tokens, output_tokens)
        return Cost(len(statements), input_tokens, output_tokens, amount, is_estimated=True)

    def read(self, statements: Sequence[str]) -> Iterator[tuple[str, Reading]]:
        """Each statement with its reading, as they are answered.

        An answer is in the journal as soon as it has arrived, one that could not be taken too. If the run is killed,
        what is asked again are the requests under way at that moment, as many as there may be at a time.

        Raises:
            BackendError: If the server cannot be reached or used; after all readings under way have been handed on.
        """
        arguments, waiting, failure = self._arguments, iter(statements), None
        self._stop.clear()
        client = ChatClient(
            arguments.base_url or "",
            api_key=arguments.api_key,
            timeout_s=arguments.request_timeout_s,
            max_connections=arguments.max_concurrency,
        )
        with client, ThreadPoolExecutor(arguments.max_concurrency) as pool:
            running: dict[Future[Reading], str] = {}
            try:
                while True:
                    if failure is None:
                        free = islice(waiting, arguments.max_concurrency - len(running))
                        running |= {pool.submit(self._read_one, client, statement): statement for statement in free}
                    if not running:
                        break
                    for future in wait(running, return_when=FIRST_COMPLETED).done:
                        statement = running.pop(future)
                        if future.exception() is None:
                            yield statement, future.result()
                        else:
                            failure = failure or future.exception()
                            self._stop.set()
            finally:
                self._stop.set()
        if failure is not None:
            raise failure

    def _read_one(self, client: ChatClient, statement: str) -> Reading:
        """The reading of one statement, in the journal unless nobody was asked."""
        reading = self._ask_until_read(client, statement)
        if self.journal is not None and not reading.problem.startswith(NOT_ASKED):
            self.journal.note_reading(statement, reading)
        return reading

    def _ask_until_read(self, client: ChatClient, statement: str) -> Reading:
        """Ask about one statement until there is a good answer; leave it to the rules if there is none."""
        known = self.journal.find_refusal(statement) if self.journal is not None else None
        refused = known or Refusal(0, "", "")
        num_rounds, num_left = divmod(refused.num_answers, MAX_ANSWERS)
        problem, last_answer = refused.problem, MAX_ANSWERS * (num_rounds + 1)
        if known and not num_left and not self._arguments.retry_failed:
            return fall_back(statement, problem)  # a run was killed after the last answer and before its reading
        for attempt in range(self._arguments.max_retries + 1):
            try:
                entities = self._ask(client, statement, refused)
            except Halted as halt:
                return fall_back(statement, f"{NOT_ASKED}{halt}")
            except AnswerRefused as error:
                problem, refused = str(error), Refusal(refused.num_answers + 1, str(error), error.reason)
                self._note_answer()
                if self.journal is not None:
                    self.journal.note_refusal(statement, refused)
                if refused.num_answers == last_answer:
                    break
            except RequestFailed as failure:
                problem = str(failure)
                is_last = attempt == self._arguments.max_retries or not failure.is_temporary
                self._check_access(failure, is_last=is_last)
                if is_last:
                    self._note_failure(problem)
                    break
                self._wait_before_retry(attempt, failure.retry_after_s)
            else:
                self._note_answer(is_read=True)
                return Reading(entities, True, self.name, self.model, self.prompt_version)
        self._check_fitness(problem)
        return fall_back(statement, problem)

    def _ask(self, client: ChatClient, statement: str, refused: Refusal) -> tuple[Entity, ...]:
        """One paid question."""
        messages = self._prompt.messages(statement, refusal=refused.reason)
        max_tokens = self._arguments.max_new_tokens
        input_tokens = sum(estimate_tokens(message["content"]) for message in messages)
        self._stop.wait(max(0.0, self._resume_at - time.monotonic()))
        reserved = self._reserve(input_tokens, max_tokens)
        output_tokens, is_estimated = 0, True
        try:
            answer = client.ask(messages, model=self.model, max_tokens=max_tokens, num_asked=refused.num_answers)
            is_estimated = answer.input_tokens is None or answer.output_tokens is None
            output_tokens = estimate_tokens(answer.text) if answer.output_tokens is None else answer.output_tokens
            input_tokens = input_tokens if answer.input_tokens is None else answer.input_tokens
            return parse_answer(answer.text, statement)
        except AnswerRefused:
            output_tokens = output_tokens or max_tokens  # paid for, whatever it was
            raise
        except RequestFailed as failure:
            is_paid = failure.status is None and not failure.is_unreachable  # the model may have answered, too late
            input_tokens, is_estimated = input_tokens * is_paid, is_paid
            raise
        finally:
            self._meter.settle(reserved, input_tokens, output_tokens, is_estimated=is_estimated)

    def _reserve(self, input_tokens: int, output_tokens: int) -> float:
        """Set aside what a question can cost at most."""
        if self._stop.is_set():
            raise Halted(self._halt_reason or "the run was stopped")
        reserved = self._meter.price(input_tokens, output_tokens)
        if not self._halt_reason and not self._meter.reserve(reserved):
            self._halt(f"the next answer could exceed `--max_cost` ({self._arguments.max_cost:g})")
        if self._halt_reason:
            raise Halted(self._halt_reason)
        return reserved

    def _halt(self, reason: str) -> None:
        """Ask nothing more in this run."""
        with self._lock:
            if not self._halt_reason:
                self._halt_reason = reason
                logger.warning("Stopped asking: %s. The other statements are left to the rules, and marked.", reason)

    def _wait_before_retry(self, attempt: int, retry_after_s: float | None) -> None:
        """Pause after a failure; what the server asks for holds for all requests."""
        if retry_after_s is not None:
            with self._lock:
                self._resume_at = max(self._resume_at, time.monotonic() + min(retry_after_s, MAX_WAIT_S))
            return
        pause = min(self._arguments.retry_wait_s * 2**attempt, MAX_WAIT_S)
        self._stop.wait(pause * random.uniform(0.5, 1.0))  # random, so that workers do not come back all at once

    def _note_answer(self, *, is_read: bool = False) -> None:
        """Count a statement to which the server sent something."""
        with self._lock:
            self._num_answered += 1
            self._num_read += is_read
            self._num_failed_in_a_row = 0

    def _note_failure(self, problem: str) -> None:
        """Count a statement that got no answer; give a server up that is gone."""
        with self._lock:
            self._num_failed_in_a_row += 1
            is_gone = self._num_failed_in_a_row >= MAX_FAILURES_IN_A_ROW
        if is_gone and not self._num_answered:
            raise BackendError(
                f"{self._address} answered none of {MAX_FAILURES_IN_A_ROW} statements, the last one because of:"
                f" {problem}. Look at the log of the server, or name another one with `--base_url`."
            )
        if is_gone:
            self._halt(f"no answer to {MAX_FAILURES_IN_A_ROW} statements in a row ({problem})")

    def _check_access(self, failure: RequestFailed, *, is_last: bool) -> None:
        """Stop for good where no statement can be read: no key, no such model, no server."""
        if failure.status in ACCESS_STATUSES:
            raise BackendError(
                f"{self._address} refuses access ({failure}). Put its key into the environment variable"
                " OPENAI_API_KEY, or HF_TOKEN for a server of Hugging Face."
            )
        if self._num_answered:
            return
        if failure.status in ADDRESS_STATUSES:
            raise BackendError(
                f"{self._address} has no chat completions of model {self.model!r} at this address ({failure})."
                " Correct `--base_url`, which usually ends in /v1, or `--model`. Redirects are not followed."
            )
        if failure.is_unreachable and is_last:
            raise BackendError(
                f"There is no connection to {self._address}. Start the server, or correct `--base_url`."
            )

    def _check_fitness(self, problem: str) -> None:
        """Stop for good where a model never gives a usable answer."""
        if not self._num_read and self._num_answered >= MAX_REFUSED_AT_FIRST * MAX_ANSWERS:
            raise BackendError(
                f"Not one answer of model {self.model!r} to {MAX_REFUSED_AT_FIRST} statements could be used, the last"
                f" one because of: {problem}. Try another `--model`, or a server that enforces a JSON schema."
            )

    @property
    def _address(self) -> str:
        """The server without path and credentials, for messages."""
        parts = urlsplit(self._arguments.base_url or "")
        return f"{parts.scheme}://{parts.hostname}" + (f":{parts.port}" if parts.port else "")
