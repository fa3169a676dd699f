"""The keys and values of the fixed part of a prompt: a local model reads that part once, however much it is asked."""

import copy
from collections.abc import Sequence
from itertools import takewhile
from typing import Any

import torch
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer


FEWEST_TOKENS = 16  # of a shared beginning: to keep less is not worth a copy


class PromptCache:
    """Keeps what a model made of the tokens with which its prompts begin.

    Args:
        network (`PreTrainedModel`):
            A causal language model. One that does not keep the keys and values of all tokens (a sliding window, a
            state space) reads each prompt from its beginning.

    Attributes:
        num_reused (`int`):
            Tokens of prompts that were not read again, so far.
    """

    def __init__(self, network: Any) -> None:
        self.num_reused = 0
        self._network = network
        self._tokens: list[int] = []
        self._cache = DynamicCache(config=network.config)
        self._keeps_all = all(type(layer) is DynamicLayer for layer in self._cache.layers)

    def fetch(self, rows: Sequence[Sequence[int]]) -> tuple[DynamicCache | None, int]:
        """What is known of the beginning that some prompts share.

        Args:
            rows (`Sequence`):
                Tokens of each prompt, without padding.

        Returns:
            `tuple[DynamicCache | None, int]`: Keys and values for a batch of these prompts, which may be written on,
            and the number of tokens that they stand for; `None` and 0 if too little is shared.
        """
        # The last token of a prompt has to be read, as the answer begins with what follows it
        shared = min(len(rows[0]) - 1, *(min(len(row) - 1, count_shared(rows[0], row)) for row in rows))
        if not self._keeps_all or shared < FEWEST_TOKENS:
            return None, 0
        known = min(count_shared(self._tokens, rows[0]), shared)
        if known < shared / 2:  # another prompt, and not only the letters with which some questions happen to begin
            self._read(rows[0][:shared])
            self.num_reused -= shared
            known = shared
        self.num_reused += known * len(rows)
        cache = copy.deepcopy(self._cache)
        cache.crop(known - len(self._tokens))
        cache.batch_repeat_interleave(len(rows))
        return cache, known

    def _read(self, tokens: Sequence[int]) -> None:
        """Have the model read a beginning, in place of the one that was kept."""
        self._tokens, self._cache = list(tokens), DynamicCache(config=self._network.config)
        input_ids = torch.tensor([self._tokens], device=self._network.device)
        self._network(input_ids=input_ids, past_key_values=self._cache, use_cache=True, logits_to_keep=1)


def count_shared(first: Sequence[int], second: Sequence[int]) -> int:
    """Number of tokens with which both begin.

    Example:
        >>> count_shared([5, 6, 7], [5, 6, 8, 9])
        2
    """
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(first, second, strict=False)))
