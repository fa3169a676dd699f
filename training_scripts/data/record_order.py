"""Which records each optimiser step learns from: a function of the seed and the step, of nothing else.

A run that was broken off therefore goes on with the step it had reached, on any number of processes, and several
processes together learn from the records that one process would.
"""

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np


class StepRecords(NamedTuple):
    """The records of one optimiser step.

    Attributes:
        corpora (`np.ndarray` of shape `(num_records,)`):
            Which corpus each record is from.
        indices (`np.ndarray` of shape `(num_records,)`):
            Its index in that corpus.
    """

    corpora: np.ndarray
    indices: np.ndarray

    def __len__(self) -> int:
        return len(self.corpora)


class RecordOrder:
    """The records of every step of a run.

    A single corpus is passed through once in an epoch, in an order of its own; the last step of an epoch takes what is
    left. With several corpora every step holds the same share of each, which begins again by itself where it ends. An
    endless corpus never does.

    Args:
        sizes (`Sequence[int]`):
            Records of each corpus.
        step_size (`int`):
            Records of a step, those of all processes and accumulated batches together.
        weights (`Sequence[float]`, *optional*):
            Share of each corpus in a step, of any sum; by default as many as it has records.
        is_endless (`Sequence[bool]`, *optional*):
            Corpora that have a record for every index, in an order that needs no shuffling.
        seed (`int`, defaults to 0):
            Seed of all orders.

    Raises:
        ValueError: If a corpus has no share.
    """

    def __init__(
        self,
        sizes: Sequence[int],
        *,
        step_size: int,
        weights: Sequence[float] | None = None,
        is_endless: Sequence[bool] | None = None,
        seed: int = 0,
    ) -> None:
        self.sizes, self.step_size, self.seed = tuple(sizes), step_size, seed
        self.is_endless = tuple(is_endless or [False] * len(sizes))
        self.shares = share_out(step_size, list(weights or sizes))
        self._orders: dict[int, tuple[int, np.ndarray]] = {}

    @property
    def steps_per_epoch(self) -> int:
        """Steps that learn from as many records as all corpora have."""
        return math.ceil(sum(self.sizes) / self.step_size)

    def state_dict(self) -> dict[str, object]:
        """What the order depends on."""
        names = ("sizes", "step_size", "shares", "is_endless", "seed")
        return {name: list(value) if isinstance(value := getattr(self, name), tuple) else value for name in names}

    def step(self, step: int) -> StepRecords:
        """The records of a step, counted from 0."""
        if len(self.sizes) == 1 and not self.is_endless[0]:
            epoch, number = divmod(step, self.steps_per_epoch)
            indices = self._order(0, epoch)[number * self.step_size : (number + 1) * self.step_size]
            return StepRecords(np.zeros(len(indices), dtype=int), indices)
        corpora = np.repeat(np.arange(len(self.sizes)), self.shares)
        indices = np.concatenate([self._take(corpus, step) for corpus in range(len(self.sizes))])
        # Else one process would have the records of one corpus, and a normalised batch those of another.
        mixed = np.random.default_rng((self.seed, step)).permutation(self.step_size)
        return StepRecords(corpora[mixed], indices[mixed])

    def _take(self, corpus: int, step: int) -> np.ndarray:
        """Indices of a corpus' share of a step."""
        share, size = self.shares[corpus], self.sizes[corpus]
        positions = np.arange(step * share, (step + 1) * share)
        if self.is_endless[corpus]:
            return positions
        epochs, places = np.divmod(positions, size)
        indices = np.empty(share, dtype=int)
        for epoch in np.unique(epochs):
            indices[epochs == epoch] = self._order(corpus, int(epoch))[places[epochs == epoch]]
        return indices

    def _order(self, corpus: int, epoch: int) -> np.ndarray:
        """All records of a corpus in the order of an epoch; the latest is kept."""
        if corpus not in self._orders or self._orders[corpus][0] != epoch:
            rng = np.random.default_rng((self.seed, corpus, epoch))
            self._orders[corpus] = (epoch, rng.permutation(self.sizes[corpus]))
        return self._orders[corpus][1]


def share_out(total: int, weights: Sequence[float]) -> tuple[int, ...]:
    """Split a number by weights, the largest remainders rounded up.

    Raises:
        ValueError: If a weight is not positive, or too small for a single one.

    Example:
        >>> share_out(64, [0.7, 0.3])
        (45, 19)
    """
    shares = np.asarray(weights, dtype=float) / math.fsum(weights) * total
    counts = np.floor(shares).astype(int)
    counts[np.argsort(counts - shares, kind="stable")[: total - counts.sum()]] += 1
    if counts.min() < 1:
        raise ValueError(
            f"With weights {', '.join(f'{weight:g}' for weight in weights)} a corpus has no share of the {total}"
            " strips of a step. Raise its `--dataset_weights`, or `--per_device_train_batch_size`."
        )
    return tuple(int(count) for count in counts)


def split_step(num_records: int, *, batch_size: int, num_processes: int) -> list[list[np.ndarray]]:
    """Divide the records of a step among batches and processes, as evenly as can be.

    Args:
        num_records (`int`):
            Records of the step.
        batch_size (`int`):
            Most records of a batch of one process.
        num_processes (`int`):
            Processes.

    Returns:
        `list[list[np.ndarray]]`: Positions within the step, by batch and process. A process may have none.

    Example:
        >>> split_step(5, batch_size=2, num_processes=2)
        [[array([0, 1]), array([2])], [array([3]), array([4])]]
    """
    num_batches = math.ceil(num_records / (batch_size * num_processes))
    parts = iter(np.array_split(np.arange(num_records), num_batches * num_processes))
    return [[next(parts) for _ in range(num_processes)] for _ in range(num_batches)]


class ProcessBatches:
    """The batches of one process, from a step on and without end: what a `DataLoader` takes as `batch_sampler`.

    Args:
        order (`RecordOrder`):
            The records of every step.
        first_step (`int`):
            Step to begin with.
        batch_size (`int`):
            Most records of a batch.
        num_processes (`int`, defaults to 1):
            Processes that share a step.
        process_index (`int`, defaults to 0):
            Which of them this is.
    """

    def __init__(
        self, order: RecordOrder, first_step: int, *, batch_size: int, num_processes: int = 1, process_index: int = 0
    ) -> None:
        self.order, self.first_step, self.batch_size = order, first_step, batch_size
        self.num_processes, self.process_index = num_processes, process_index

    def positions(self, step: int) -> list[np.ndarray]:
        """Positions, within a step, of the records of each batch of this process."""
        num_records = len(self.order.step(step))
        parts = split_step(num_records, batch_size=self.batch_size, num_processes=self.num_processes)
        return [batch[self.process_index] for batch in parts]

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        """Corpus and index of the records of each batch; the first record of the step where there is none."""
        step = self.first_step
        while True:
            records = self.order.step(step)
            for positions in self.positions(step):
                chosen = positions if len(positions) else [0]
                yield [(int(records.corpora[position]), int(records.indices[position])) for position in chosen]
            step += 1
