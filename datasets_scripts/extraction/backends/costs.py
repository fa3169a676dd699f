"""What it costs to have statements read: requests, tokens and money, counted while they are spent."""

import threading
from typing import NamedTuple


# English and JSON take about four bytes a token, German and abbreviations fewer: three errs on the expensive side.
BYTES_PER_TOKEN = 3
TOKENS_PER_MESSAGE = 4
TOKENS_PER_PRICE = 1_000_000


class Cost(NamedTuple):
    """What was, or would be, spent.

    Attributes:
        num_requests (`int`):
            Requests to the model, repeated ones included.
        input_tokens (`int`):
            Tokens of the prompts.
        output_tokens (`int`):
            Tokens of the answers.
        amount (`float`):
            Money, in the currency of the prices; 0 if no prices were given.
        is_estimated (`bool`):
            Whether a part of the tokens was estimated from the length of the text, because the server did not say.
    """

    num_requests: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    amount: float = 0.0
    is_estimated: bool = False

    def __str__(self) -> str:
        about = "about " if self.is_estimated else ""
        amount = f", {about}{self.amount:.4f} in the currency of the prices" if self.amount else ""
        tokens = f"{about}{self.input_tokens} input tokens, {about}{self.output_tokens} output tokens"
        return f"{self.num_requests} requests, {tokens}{amount}"


def estimate_tokens(*texts: str) -> int:
    """Tokens of some messages, rather too many than too few.

    Example:
        >>> estimate_tokens("Sinus rhythm")
        8
    """
    return sum(-(-len(text.encode("utf-8", "replace")) // BYTES_PER_TOKEN) + TOKENS_PER_MESSAGE for text in texts)


class CostMeter:
    """Adds up what requests cost and says when the limit is reached; safe to share between threads.

    Args:
        input_price (`float`):
            Price of a million input tokens.
        output_price (`float`):
            Price of a million output tokens.
        max_cost (`float`, *optional*):
            What may be spent at most; `None` is no limit.
    """

    def __init__(self, *, input_price: float = 0.0, output_price: float = 0.0, max_cost: float | None = None) -> None:
        self.input_price = input_price
        self.output_price = output_price
        self.max_cost = max_cost
        self._spent = Cost()
        self._reserved = 0.0
        self._num_reserved = 0
        self._lock = threading.Condition()

    @property
    def spent(self) -> Cost:
        """The sum of all requests so far."""
        with self._lock:
            return self._spent

    def price(self, input_tokens: int, output_tokens: int) -> float:
        """What so many tokens cost."""
        return (input_tokens * self.input_price + output_tokens * self.output_price) / TOKENS_PER_PRICE

    def reserve(self, amount: float) -> bool:
        """Set money aside for a request; False if it could exceed the limit.

        Waits for requests under way, which as a rule cost less than was set aside for them.
        """
        with self._lock:
            while self.max_cost is not None and self._spent.amount + self._reserved + amount > self.max_cost:
                if not self._num_reserved:
                    return False
                self._lock.wait()
            self._reserved += amount
            self._num_reserved += 1
            return True

    def settle(self, reserved: float, input_tokens: int, output_tokens: int, *, is_estimated: bool) -> None:
        """Release what was set aside for a request, and count what it cost."""
        with self._lock:
            self._num_reserved -= 1
            self._reserved = self._reserved - reserved if self._num_reserved else 0.0
            self._spent = Cost(
                self._spent.num_requests + 1,
                self._spent.input_tokens + input_tokens,
                self._spent.output_tokens + output_tokens,
                self._spent.amount + self.price(input_tokens, output_tokens),
                self._spent.is_estimated or is_estimated,
            )
            self._lock.notify_all()
