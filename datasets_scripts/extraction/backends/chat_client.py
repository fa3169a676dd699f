"""One question to an OpenAI-compatible server, and its answer or what became of it."""

import hashlib
import json
import threading
import time
from collections.abc import Mapping, Sequence
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple

import httpx2
from huggingface_hub import (
    ChatCompletionOutput,
    ChatCompletionOutputComplete,
    ChatCompletionOutputMessage,
    InferenceClient,
)

from .prompts import Message
from .task import AnswerRefused, Sampling


MAX_ANSWER_BYTES = 1_000_000
FIRST_ANSWER_FACTOR = 5  # a server that loads its model, or reads a long prompt for the first time, takes longer
NO_COMPLETION = "the server sent no chat completion in UTF-8 JSON"
MAX_TOKENS_COUNTED = 10_000_000  # a server that claims more for one request is not believed
TEMPORARY_STATUSES = (408, 409, 425, 429, 500, 502, 503, 504, 529)
FORMAT_STATUSES = (400, 422)  # what servers answer to a `response_format` that they do not know
LIKELIEST = Sampling()


class RequestFailed(RuntimeError):  # noqa: N818 (what happened, not a fault of this program)
    """A request without a usable answer; the message holds no text of the request or answer.

    Args:
        problem (`str`):
            What happened.
        status (`int`, *optional*):
            HTTP status, if the server sent one.
        is_temporary (`bool`):
            Whether the same request may succeed later.
        is_unreachable (`bool`):
            Whether there was no connection at all.
        retry_after_s (`float`, *optional*):
            How long the server asks to wait.
    """

    def __init__(
        self,
        problem: str,
        *,
        status: int | None = None,
        is_temporary: bool = True,
        is_unreachable: bool = False,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(problem)
        self.status = status
        self.is_temporary = is_temporary
        self.is_unreachable = is_unreachable
        self.retry_after_s = retry_after_s


class ChatAnswer(NamedTuple):
    """What a model wrote, and the tokens that the server counted; `None` where it did not."""

    text: str
    input_tokens: int | None
    output_tokens: int | None


class ChatClient(InferenceClient):
    """`InferenceClient` for text that must stay private, and for answers that may be hostile.

    It differs from its parent in the way a request is sent:
    - no redirect is followed: questions reach the server that was named and no other;
    - without a key none is sent, where the parent would send the Hugging Face token of the machine;
    - the request passes no hook that writes its body to a log (the parent does so under `HF_DEBUG`);
    - an answer may be 1 MB large and must be complete within the time limit, where the parent reads any amount, and
      waits as long as there is a byte now and then;
    - `response_format` is sent as it is, where the parent rewrites it for text-generation-inference;
    - the same question has the same `Idempotency-Key`, by which a server that knows it answers once what it is asked
      twice.

    Args:
        base_url (`str`):
            Address of the server.
        api_key (`str`, *optional*):
            Its key.
        timeout_s (`float`):
            Seconds that an answer may take; the first one of a server may take five times as long.
        max_connections (`int`):
            Requests that may be under way at a time.
        response_formats (`Sequence`):
            Ways to ask for JSON under a schema, as `make_response_formats` lists them.
        has_answered (`bool`):
            Whether the server has answered before.
    """

    def __init__(
        self,
        base_url: str,
        *,
        api_key: str | None,
        timeout_s: float,
        max_connections: int,
        response_formats: Sequence[dict[str, Any] | None],
        has_answered: bool = False,
    ) -> None:
        super().__init__(base_url=base_url, api_key=api_key or "none", timeout=timeout_s)
        self._has_key = api_key is not None
        self._timeout_s = timeout_s
        self._has_answered = has_answered
        limits = httpx2.Limits(max_connections=max_connections, max_keepalive_connections=max_connections)
        self._session = self.exit_stack.enter_context(
            httpx2.Client(follow_redirects=False, timeout=timeout_s, limits=limits)
        )
        self._response_formats = response_formats
        self._format_index = 0
        self._is_format_proven = False
        self._lock = threading.Lock()
        self._asked = threading.local()  # what the parent does not hand on to `_inner_post`

    @property
    def response_format(self) -> dict[str, Any] | None:
        """How JSON is asked for at present."""
        return self._response_formats[self._format_index]

    def ask(
        self,
        messages: list[Message],
        *,
        model: str,
        max_tokens: int,
        sampling: Sampling = LIKELIEST,
        num_asked: int = 0,
    ) -> ChatAnswer:
        """Send a conversation and return the answer.

        Args:
            messages (`list[dict[str, str]]`):
                The conversation.
            model (`str`):
                Name of the model on the server.
            max_tokens (`int`):
                Tokens that the answer may have.
            sampling (`Sampling`):
                How the model chooses them.
            num_asked (`int`):
                Answers there were before, of which this one is to be another.

        Raises:
            RequestFailed: If there is no answer.
            AnswerRefused: If the answer is too large or no chat completion.
        """
        while True:
            index = self._format_index
            try:
                self._asked.number = num_asked
                return self._complete(messages, model, max_tokens, sampling)
            except RequestFailed as failure:
                if failure.status not in FORMAT_STATUSES or not self._try_next_format(index):
                    raise

    def _complete(self, messages: list[Message], model: str, max_tokens: int, sampling: Sampling) -> ChatAnswer:
        """One request."""
        conversation = [dict(message) for message in messages]
        try:
            completion = self.chat_completion(
                conversation,
                model=model,
                max_tokens=max_tokens,
                temperature=sampling.temperature,
                seed=sampling.seed,
            )
        except AnswerRefused:
            raise
        except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
            # The library takes any JSON for a completion and stumbles, each time otherwise, over what it is not.
            raise AnswerRefused(NO_COMPLETION) from None
        answer = _read_completion(completion)
        self._is_format_proven = True
        return answer

    def _try_next_format(self, index: int) -> bool:
        """Whether the request can be repeated with another way to ask for JSON than the one of this index."""
        with self._lock:
            if self._is_format_proven:
                return False
            if self._format_index == index and index + 1 < len(self._response_formats):
                self._format_index += 1
            return self._format_index > index

    def _inner_post(self, request_parameters: Any, *, stream: bool = False) -> bytes:
        """Send a request and read the whole answer; the place where the parent does so."""
        payload = dict(request_parameters.json)
        if self.response_format is not None:
            payload["response_format"] = self.response_format
        headers = {**request_parameters.headers, "accept-encoding": "identity"}
        if not self._has_key:
            headers.pop("authorization", None)
        timeout_s = self._timeout_s * (1 if self._has_answered else FIRST_ANSWER_FACTOR)
        deadline = time.monotonic() + timeout_s
        try:
            content = json.dumps(payload).encode("ascii")
            headers["idempotency-key"] = make_key(content, getattr(self._asked, "number", 0))
            options = {"content": content, "headers": headers, "timeout": timeout_s}
            with self._session.stream("POST", request_parameters.url, **options) as response:
                if response.status_code != httpx2.codes.OK:
                    raise _describe_status(response)
                body = _read_body(response, deadline)
                self._has_answered = True
                return body
        except httpx2.TimeoutException:
            raise RequestFailed(f"no answer within {timeout_s:g} s") from None
        except httpx2.ConnectError:
            raise RequestFailed("no connection to the server", is_unreachable=True) from None
        except httpx2.RequestError:
            raise RequestFailed("the connection broke off") from None


def make_response_formats(name: str, schema: Mapping[str, Any]) -> tuple[dict[str, Any] | None, ...]:
    """Ways to ask for JSON under a schema, best first.

    OpenAI's (vLLM, SGLang, Ollama), that of text-generation-inference, and none at all (`transformers serve` refuses
    any).
    """
    named = {"name": name, "schema": schema, "strict": True}
    return {"type": "json_schema", "json_schema": named}, {"type": "json_object", "value": schema}, None


def make_key(content: bytes, num_asked: int) -> str:
    """The key of a question: the same in every run, another one for another answer to it."""
    return hashlib.sha256(content + str(num_asked).encode()).hexdigest()


def _read_completion(completion: ChatCompletionOutput) -> ChatAnswer:
    """Text and tokens of a completion, whose fields the library has filled with whatever the server sent."""
    choice = completion.choices[0] if isinstance(completion.choices, list) and completion.choices else None
    message = choice.message if isinstance(choice, ChatCompletionOutputComplete) else None
    if not isinstance(message, ChatCompletionOutputMessage):
        raise AnswerRefused(NO_COMPLETION)
    if not isinstance(message.content, str):
        raise AnswerRefused("the answer has no text")
    usage = completion.usage if isinstance(completion.usage, dict) else {}
    return ChatAnswer(
        message.content, _read_count(usage.get("prompt_tokens")), _read_count(usage.get("completion_tokens"))
    )


def _read_body(response: httpx2.Response, deadline: float) -> bytes:
    """The bytes of an answer; refuses one that is too large before it is in memory, and one that never ends."""
    chunks, size = [], 0
    for chunk in response.iter_raw():
        size += len(chunk)
        if size > MAX_ANSWER_BYTES:
            raise AnswerRefused(f"the answer is larger than {MAX_ANSWER_BYTES} bytes")
        if time.monotonic() > deadline:
            raise httpx2.ReadTimeout("The answer was not complete in time.")
        chunks.append(chunk)
    return b"".join(chunks)


def _describe_status(response: httpx2.Response) -> RequestFailed:
    """What an HTTP status other than 200 means; the body may repeat the question and is not read."""
    status = response.status_code
    return RequestFailed(
        f"HTTP {status}",
        status=status,
        is_temporary=status in TEMPORARY_STATUSES,
        retry_after_s=read_retry_after(response.headers.get("retry-after", "")),
    )


def read_retry_after(value: str) -> float | None:
    """Seconds to wait according to a `Retry-After` header, which holds seconds or a date; `None` if it is neither.

    Source: RFC 9110, section 10.2.3.

    Example:
        >>> read_retry_after("2"), read_retry_after("Wed, 21 Oct 2015 07:28:00 GMT"), read_retry_after("soon")
        (2.0, 0.0, None)
    """
    if value.strip().isascii() and value.strip().isdigit():
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(moment.timestamp() - time.time(), 0.0)


def _read_count(value: object) -> int | None:
    """A number of tokens, if it is one."""
    is_count = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < MAX_TOKENS_COUNTED
    return value if is_count else None  # type: ignore[return-value]
