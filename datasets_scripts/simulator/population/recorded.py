"""Counts of recorded people: what they have at which age and sex, and what they have beside what else.

`recorded.csv` holds them, one count a line, over the records of PTB-XL that are not coded as normal (folds 1 to 8 of
11,315 records of version 1.0.3; Wagner et al. 2020, Sci Data 7:154; CC BY 4.0). It was written by
`python -m datasets_scripts.simulator population`. The simulator may draw by it in place of `priors`: only by how much
more or less often a finding is met at an age, in a sex or beside another, never by how often it is met at all, which
says who was sent for an ECG there.
"""

import math
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from datasets_scripts.terminology.tables import read_table


RECORDED_PATH = Path(__file__).with_name("recorded.csv")
AGE_LIMITS_YEARS = (40, 50, 60, 70, 80)
# Records as expected that are added to both sides of a ratio: our choice. A count of a few records says little.
PSEUDO_COUNT = 5.0
# Under which of the counted findings a diagnosis goes, where its name is another one. PTB-XL does not tell the ages of
# infarcts, nor the kinds of early beats.
RECORDED_AS = {
    **dict.fromkeys(("old infarction", "recent infarction", "acute infarction"), "myocardial infarction"),
    "ischemia": "myocardial ischemia",
    "nonspecific st change": "st changes",
    "nonspecific t change": "nondiagnostic t wave abnormality",
    **dict.fromkeys(("hyperkalemia", "hypokalemia", "hypercalcemia", "hypocalcemia"), "electrolyte disturbance"),
    "bifascicular block": "right bundle branch block",
    **dict.fromkeys(
        (
            *("ventricular", "multifocal ventricular", "interpolated ventricular", "ventricular couplets"),
            *("ventricular run", "ventricular bigeminy", "ventricular trigeminy"),
        ),
        "premature ventricular contraction",
    ),
    **dict.fromkeys(
        ("atrial", "blocked atrial", "atrial bigeminy", "atrial trigeminy"), "premature atrial contraction"
    ),
    "low voltage": "low qrs voltage",
}
ANTERIOR, INFERIOR = "anterior myocardial infarction", "inferior myocardial infarction"


class Count(NamedTuple):
    """How many records show a finding among those with something given.

    Attributes:
        finding, given (`str`):
            Names of the terminology; `given` may also be an age and sex, as `name_stratum` writes them.
        num_given (`int`):
            Records with what is given.
        observed (`int`):
            Those of them with the finding.
        expected (`float`):
            How many would have it if what is given said nothing about it. Beside another finding: at the same ages
            and in the same sex.
    """

    finding: str
    given: str
    num_given: int
    observed: int
    expected: float

    @property
    def ratio(self) -> float:
        """How many times as often as expected the finding is met, drawn towards 1 where few records say so.

        Example:
            >>> Count("atrial flutter", "left bundle branch block", 100, 0, 5.0).ratio
            0.5
        """
        return (self.observed + PSEUDO_COUNT) / (self.expected + PSEUDO_COUNT)


def name_stratum(age: float, sex: str) -> str:
    """The ages and the sex that are counted together.

    Example:
        >>> name_stratum(17, "male"), name_stratum(50, "female"), name_stratum(90, "male")
        ('male under 40', 'female 50 to 59', 'male from 80')
    """
    lowest, *_, highest = AGE_LIMITS_YEARS
    if age < lowest:
        return f"{sex} under {lowest}"
    if age >= highest:
        return f"{sex} from {highest}"
    start = max(limit for limit in AGE_LIMITS_YEARS if limit <= age)
    return f"{sex} {start} to {start + 9}"


@lru_cache(maxsize=1)
def load_recorded() -> Mapping[tuple[str, str], Count]:
    """The counts by finding and what is given."""
    return {
        (row["finding"], row["given"]): Count(
            row["finding"], row["given"], int(row["num_given"]), int(row["observed"]), float(row["expected"])
        )
        for row in read_table(RECORDED_PATH)
    }


@lru_cache(maxsize=1)
def counted_findings() -> frozenset[str]:
    """Findings of which anything is counted."""
    return frozenset(finding for finding, _ in load_recorded())


@lru_cache(maxsize=10_000)
def weigh_as_recorded(name: str, stratum: str, beside: tuple[str, ...]) -> float | None:
    """By how much more often a finding is met in people of an age and sex who have other findings already.

    Args:
        name (`str`):
            A finding as the tables of `priors` name it.
        stratum (`str`):
            Age and sex; see `name_stratum`.
        beside (`tuple[str, ...]`):
            What else they have, named likewise.

    Returns:
        `float` or `None`: A factor of its weight: the product of the ratios; `None` where nothing is counted.
    """
    finding = RECORDED_AS.get(name, name)
    if finding not in counted_findings():
        return None
    counts = load_recorded()
    givens: Iterable[str] = (stratum, *(RECORDED_AS.get(other, other) for other in beside))
    return math.prod(counts[finding, given].ratio for given in givens if (finding, given) in counts)


@lru_cache(maxsize=1)
def share_of_two_walls() -> float:
    """Of the records with an anterior or an inferior infarct, the share with both.

    With 30 anterior and 40 inferior infarcts, 10 of which are both, it is 10 of 60.
    """
    counts = load_recorded()
    anterior, inferior = counts[INFERIOR, ANTERIOR].num_given, counts[ANTERIOR, INFERIOR].num_given
    both = counts[INFERIOR, ANTERIOR].observed
    return both / (anterior + inferior - both)
