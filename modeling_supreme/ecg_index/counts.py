"""How many records show a finding, from the probability of each: the expected number, and an interval."""

from typing import NamedTuple

import numpy as np
from scipy.stats import poisson


COVERAGE = 0.95


class Count(NamedTuple):
    """An estimated number of records.

    Attributes:
        expected (`float`):
            Sum of the probabilities.
        low, high (`int`):
            Between which the number lies with a probability of [`COVERAGE`], both included.
        num_records (`int`):
            Records that were asked.
    """

    expected: float
    low: int
    high: int
    num_records: int


def count_present(probabilities: np.ndarray) -> Count:
    """Estimate how many records show a finding.

    If each probability is right and records are independent, the number is a sum of as many unequal coins, a Poisson
    binomial: its mean is the sum of the probabilities `p`, its variance that of `p (1 - p)`. The interval is that of a
    Poisson distribution moved to that mean and variance. It does not know how well the probabilities are calibrated,
    nor that strips of one patient are alike.

    Source: Röllin 2007, Translated Poisson approximation using exchangeable pair couplings, section 3.

    Args:
        probabilities (`np.ndarray` of shape `(num_records,)`):
            Of presence, calibrated.

    Example:
        >>> count_present(np.full(10_000, 0.01))
        Count(expected=100.0, low=81, high=120, num_records=10000)
    """
    probabilities = np.asarray(probabilities, np.float64)
    expected = float(probabilities.sum())
    variance = float((probabilities * (1 - probabilities)).sum())
    shift = int(np.floor(expected - variance + 1e-9))
    spread = expected - shift  # the variance, and less than one more
    low, high = (shift + int(poisson.ppf(share, spread)) for share in ((1 - COVERAGE) / 2, (1 + COVERAGE) / 2))
    return Count(round(expected, 6), max(0, low), min(len(probabilities), high), len(probabilities))
