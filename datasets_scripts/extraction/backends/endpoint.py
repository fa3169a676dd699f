"""The `endpoint` backend: an OpenAI-compatible server answers the questions.

Questions go to the server that was named and nowhere else. No text of a question or of an answer is logged or put into
the message of an error.
"""

import logging
import random
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import islice
from typing import Generic
from urllib.parse import urlsplit

from .backend import NO_REFUSAL, NOT_ASKED, BackendArguments, BackendError, BackendName, Journal, Refusal
from .chat_client import ChatClient, RequestFailed, make_response_formats
from .costs import Cost, CostMeter, estimate_tokens
from .task import AnswerRefused, Asked, Question, Result, Task, sample_again


logger = logging.getLogger(__name__)

ACCESS_STATUSES = (401, 402, 403)
ADDRESS_STATUSES = (301, 302, 303, 307, 308, 404, 405)
MAX_WAIT_S = 300.0  # the longest pause that a server may ask for
MAX_FAILURES_IN_A_ROW = 25  # questions, before the server counts as gone
MAX_REFUSED_AT_FIRST = 100  # questions, before a model that never gave a usable answer counts as unfit


class Halted(Exception):  # noqa: N818 (a decision, not an error)
    """No more is asked in this run."""


class EndpointBackend(Generic[Question, Result]):
    """Asks a server, several questions at a time.

    A request that fails is repeated after a growing, random pause, or after the one that the server asks for. An
    answer that is refused is asked for again with the reason. A question for which neither helps gets the stopgap of
    its task.

    Args:
        arguments (`BackendArguments`):
            The flags.
        task (`Task`):
            What is asked for.
    """

    name: BackendName = "endpoint"

    def __init__(self, arguments: BackendArguments, task: Task[Question, Result]) -> None:
        self.model = arguments.model or ""
        self.prompt_version = task.prompt_version
        self.journal: Journal[Question, Result] | None = None
        self._arguments = arguments
        self._task = task
        self._asked = Asked(self.name, self.model, self.prompt_version)
        self._meter = CostMeter(
            input_price=arguments.input_price or 0.0,
            output_price=arguments.output_price or 0.0,
            max_cost=arguments.max_cost,
        )
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._halt_reason = ""
        self._resume_at = 0.0  # on the monotonic clock: no request before this moment
        self._num_answered = 0  # questions to which the server sent something
        self._num_read = 0
        self._num_failed_in_a_row = 0
        self._told: set[str] = set()  # what is worth a line in the log once

    @property
    def cost(self) -> Cost:
        """What was spent so far."""
        return self._meter.spent

    def estimate(self, questions: Sequence[Question]) -> Cost:
        """What it would cost to ask these questions if every first answer is a good one."""
        texts = (message["content"] for question in questions for message in self._task.messages(question))
        input_tokens = sum(estimate_tokens(text) for text in texts)
        output_tokens = self._task.output_tokens * len(questions)
        amount = self._meter.price(input_tokens, output_tokens)
        return Cost(len(questions), input_tokens, output_tokens, amount, is_estimated=True)

    def read(self, questions: Sequence[Question]) -> Iterator[tuple[Question, Result]]:
        """Each question with its answer, as they come.

        An answer is in the journal as soon as it has arrived, one that could not be taken too. If the run is killed,
        what is asked again are the requests under way at that moment, as many as there may be at a time.

        Raises:
            BackendError: If the server cannot be reached or used; after all answers under way have been handed on.
        """
        arguments, waiting, failure = self._arguments, iter(questions), None
        self._stop.clear()
        client = ChatClient(
            arguments.base_url or "",
            api_key=arguments.api_key,
            timeout_s=arguments.request_timeout_s,
            max_connections=arguments.max_concurrency,
            response_formats=make_response_formats(self._task.schema_name, self._task.schema),
            has_answered=bool(self._num_answered),
        )
        with client, ThreadPoolExecutor(arguments.max_concurrency) as pool:
            running: dict[Future[Result], Question] = {}
            try:
                while True:
                    if failure is None:
                        free = islice(waiting, arguments.max_concurrency - len(running))
                        running |= {pool.submit(self._read_one, client, question): question for question in free}
                    if not running:
                        break
                    for future in wait(running, return_when=FIRST_COMPLETED).done:
                        question = running.pop(future)
                        if future.exception() is None:
                            yield question, future.result()
                        else:
                            failure = failure or future.exception()
                            self._stop.set()
            finally:
                self._stop.set()
        if failure is not None:
            raise failure

    def _read_one(self, client: ChatClient, question: Question) -> Result:
        """The answer to one question, in the journal unless nobody was asked."""
        result = self._ask_until_read(client, question)
        if self.journal is not None and not result.problem.startswith(NOT_ASKED):
            self.journal.note_result(question, result)
        return result

    def _ask_until_read(self, client: ChatClient, question: Question) -> Result:
        """Ask one question until there is a good answer; take the stopgap if there is none."""
        known = self.journal.find_refusals(question) if self.journal is not None else ()
        refused = known[-1] if known else NO_REFUSAL
        num_rounds, num_left = divmod(refused.num_answers, self._task.max_answers)
        problem, last_answer = refused.problem, self._task.max_answers * (num_rounds + 1)
        if known and not num_left and not self._arguments.retry_failed:
            return self._task.fall_back(question, problem)  # killed after the last answer and before it was noted
        for attempt in range(self._arguments.max_retries + 1):
            try:
                result = self._ask(client, question, refused)
            except Halted as halt:
                return self._task.fall_back(question, f"{NOT_ASKED}{halt}")
            except AnswerRefused as error:
                problem, refused = str(error), refused.add(error)
                self._note_answer()
                if self.journal is not None:
                    self.journal.note_refusal(question, refused)
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
                return result
        self._check_fitness(problem)
        return self._task.fall_back(question, problem)

    def _ask(self, client: ChatClient, question: Question, refused: Refusal) -> Result:
        """One paid question."""
        messages = self._task.messages(question, refusal=refused.reason)
        usual = self._task.sampling(question)
        sampling = sample_again(usual, refused.num_answers)
        if sampling != usual:
            self._tell_once(
                "The answers to some %s were refused twice: further ones are drawn at temperature %g.",
                self._task.questions,
                sampling.temperature,
            )
        max_tokens = self._arguments.max_new_tokens
        input_tokens = sum(estimate_tokens(message["content"]) for message in messages)
        self._stop.wait(max(0.0, self._resume_at - time.monotonic()))
        reserved = self._reserve(input_tokens, max_tokens)
        output_tokens, is_estimated = 0, True
        try:
            answer = client.ask(
                messages,
                model=self.model,
                max_tokens=max_tokens,
                sampling=sampling,
                num_asked=refused.num_answers,
            )
            is_estimated = answer.input_tokens is None or answer.output_tokens is None
            output_tokens = estimate_tokens(answer.text) if answer.output_tokens is None else answer.output_tokens
            input_tokens = input_tokens if answer.input_tokens is None else answer.input_tokens
            self._check_form(client, answer.text)
            return self._task.accept(answer.text, question, self._asked)
        except AnswerRefused:
            output_tokens = output_tokens or max_tokens  # paid for, whatever it was
            raise
        except RequestFailed as failure:
            is_paid = failure.status is None and not failure.is_unreachable  # the model may have answered, too late
            input_tokens, is_estimated = input_tokens * is_paid, is_paid
            raise
        finally:
            self._meter.settle(reserved, input_tokens, output_tokens, is_estimated=is_estimated)

    def _check_form(self, client: ChatClient, text: str) -> None:
        """Say once that a server takes a JSON schema and does not keep to it."""
        if client.response_format is not None and not text.lstrip().startswith("{"):
            self._tell_once(
                "%s answers without the JSON schema that it was sent, so it ignores `response_format`. Answers are"
                " checked all the same, but more of them are refused; vLLM, SGLang, Ollama and llama.cpp keep to it.",
                self._address,
            )

    def _tell_once(self, message: str, *values: object) -> None:
        """Warn of something that holds for the whole run."""
        with self._lock:
            is_news = message not in self._told
            self._told.add(message)
        if is_news:
            logger.warning(message, *values)

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
                questions, fate = self._task.questions, self._task.fate
                logger.warning("Stopped asking: %s. The other %s are %s, and marked.", reason, questions, fate)

    def _wait_before_retry(self, attempt: int, retry_after_s: float | None) -> None:
        """Pause after a failure; what the server asks for holds for all requests."""
        if retry_after_s is not None:
            with self._lock:
                self._resume_at = max(self._resume_at, time.monotonic() + min(retry_after_s, MAX_WAIT_S))
            return
        pause = min(self._arguments.retry_wait_s * 2**attempt, MAX_WAIT_S)
        self._stop.wait(pause * random.uniform(0.5, 1.0))  # random, so that workers do not come back all at once

    def _note_answer(self, *, is_read: bool = False) -> None:
        """Count a question to which the server sent something."""
        with self._lock:
            self._num_answered += 1
            self._num_read += is_read
            self._num_failed_in_a_row = 0

    def _note_failure(self, problem: str) -> None:
        """Count a question that got no answer; give a server up that is gone."""
        with self._lock:
            self._num_failed_in_a_row += 1
            is_gone = self._num_failed_in_a_row >= MAX_FAILURES_IN_A_ROW
        if is_gone and not self._num_answered:
            raise BackendError(
                f"{self._address} answered none of {MAX_FAILURES_IN_A_ROW} {self._task.questions}, the last one"
                f" because of: {problem}. Look at the log of the server, or name another one with `--base_url`."
            )
        if is_gone:
            self._halt(f"no answer to {MAX_FAILURES_IN_A_ROW} {self._task.questions} in a row ({problem})")

    def _check_access(self, failure: RequestFailed, *, is_last: bool) -> None:
        """Stop for good where no question can be asked: no key, no such model, no server."""
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
        if not self._num_read and self._num_answered >= MAX_REFUSED_AT_FIRST * self._task.max_answers:
            raise BackendError(
                f"Not one answer of model {self.model!r} to {MAX_REFUSED_AT_FIRST} {self._task.questions} could be"
                f" used, the last one because of: {problem}. Try another `--model`, or a server that enforces a JSON"
                " schema."
            )

    @property
    def _address(self) -> str:
        """The server without path and credentials, for messages."""
        parts = urlsplit(self._arguments.base_url or "")
        return f"{parts.scheme}://{parts.hostname}" + (f":{parts.port}" if parts.port else "")
