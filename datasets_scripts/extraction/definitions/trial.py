"""Expressions on trial: on which simulated records each is true, whose numbers and conditions are known exactly."""

from collections.abc import Mapping, Sequence
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

from tqdm import tqdm

from datasets_scripts.simulator.simulated_record import simulate_record
from datasets_scripts.simulator.truth.catalogue import condition_names
from datasets_scripts.terminology.exact_truth import is_true
from datasets_scripts.terminology.findings import load_terminology
from modeling_supreme.query_grammar import Expression, keys_of


NUM_SHOWING = 20  # records that are made to show a condition
MAX_DIFFERENCES = 3  # records shown on which two expressions differ
MAX_VALUES = 8  # measurements shown of each


class KnownRecord(NamedTuple):
    """What is known of a simulated record: its measurements by key, and the names of its findings."""

    record_id: str
    measurements: Mapping[str, float]
    labels: frozenset[str]


class Trial(NamedTuple):
    """What one or two expressions say of simulated records.

    Attributes:
        num_records (`int`):
            Records as they come.
        num_true (`tuple[int, ...]`):
            On how many of them each expression is true.
        num_equal (`int`):
            On how many all expressions are equally true.
        num_showing (`int`):
            Records that were made to show the condition; 0 where the simulator does not know it.
        num_true_showing (`tuple[int, ...]`):
            On how many of those each expression is true.
        num_equal_showing (`int`):
            On how many of those all expressions are equally true.
        differences (`tuple[dict, ...]`):
            Some records on which they differ: `record_id`, `is_true` (of each expression) and `measurements`.
    """

    num_records: int
    num_true: tuple[int, ...]
    num_equal: int
    num_showing: int
    num_true_showing: tuple[int, ...]
    num_equal_showing: int
    differences: tuple[dict[str, Any], ...]

    @property
    def is_equal(self) -> bool:
        """Whether no record tells the expressions apart."""
        return self.num_equal == self.num_records and self.num_equal_showing == self.num_showing

    @property
    def is_ever_true(self) -> bool:
        """Whether an expression is true of any record."""
        return any(self.num_true) or any(self.num_true_showing)


class SimulatedRecords:
    """Records to try expressions on, simulated when the first one is tried.

    Args:
        num_records (`int`):
            Records as they come, from the first of the corpus with seed 0.
        show_progress (`bool`):
            Whether to show a progress bar.
    """

    def __init__(self, num_records: int, *, show_progress: bool = False) -> None:
        self.num_records = num_records
        self._show_progress = show_progress

    @cached_property
    def records(self) -> tuple[KnownRecord, ...]:
        """Records as they come."""
        numbers = tqdm(
            range(self.num_records), desc="simulating", unit=" records", disable=not self._show_progress, leave=False
        )
        return tuple(map(_simulate, numbers))

    def try_expressions(self, expressions: Sequence[Expression], condition: str) -> Trial:
        """Evaluate expressions that define one condition.

        Args:
            expressions (`Sequence[Expression]`):
                One or two of them.
            condition (`str`):
                What they define.

        Returns:
            `Trial`: What they say.
        """
        common, showing = self.records, simulate_showing(condition)
        truths, truths_showing = _evaluate(expressions, common), _evaluate(expressions, showing)
        differing = [
            (record, truth)
            for record, truth in zip((*showing, *common), (*truths_showing, *truths), strict=True)
            if len(set(truth)) > 1
        ]
        keys = tuple(dict.fromkeys(key for expression in expressions for key in keys_of(expression)))
        return Trial(
            num_records=len(common),
            num_true=_count_true(truths, len(expressions)),
            num_equal=sum(len(set(truth)) == 1 for truth in truths),
            num_showing=len(showing),
            num_true_showing=_count_true(truths_showing, len(expressions)),
            num_equal_showing=sum(len(set(truth)) == 1 for truth in truths_showing),
            differences=tuple(_describe(record, truth, keys) for record, truth in differing[:MAX_DIFFERENCES]),
        )


@lru_cache(maxsize=1024)
def simulate_showing(condition: str) -> tuple[KnownRecord, ...]:
    """Records that show a condition of the simulator; none of any other condition."""
    finding = load_terminology().find(condition)
    if finding is None or finding.name not in condition_names():
        return ()
    found = []
    for number in range(NUM_SHOWING):
        try:
            # Of another seed than the records as they come: no record counts twice
            found.append(_simulate(number, seed=1, condition=finding.name))
        except ValueError:  # a patient whose heart does not allow it
            continue
    return tuple(found)


def _simulate(number: int, *, seed: int = 0, condition: str | None = None) -> KnownRecord:
    """A record without its strip, which is large."""
    record = simulate_record(number, seed=seed, condition=condition)
    return KnownRecord(record.record_id, record.measurements, record.labels)


def _evaluate(expressions: Sequence[Expression], records: Sequence[KnownRecord]) -> list[tuple[bool, ...]]:
    """Of each record, whether each expression is true."""
    return [
        tuple(is_true(expression, record.measurements, record.labels) for expression in expressions)
        for record in records
    ]


def _count_true(truths: Sequence[tuple[bool, ...]], num_expressions: int) -> tuple[int, ...]:
    return tuple(sum(truth[place] for truth in truths) for place in range(num_expressions))


def _describe(record: KnownRecord, truth: tuple[bool, ...], keys: Sequence[str]) -> dict[str, Any]:
    """A record on which expressions differ, with the numbers that decide."""
    values = {key: float(f"{record.measurements[key]:.4g}") for key in keys if key in record.measurements}
    return {
        "record_id": record.record_id,
        "is_true": list(truth),
        "measurements": dict(list(values.items())[:MAX_VALUES]),
    }
