"""Simulated people beside recorded ones: how often, at which ages, in which sex and beside what a condition is met."""

import csv
import json
import math
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import lru_cache, partial
from itertools import permutations
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from tqdm import tqdm

from datasets_scripts.readers.cells import parse_whole
from datasets_scripts.readers.patients import parse_age, parse_sex
from datasets_scripts.readers.ptb_xl_layout import SEX_OF_CODE, parse_scp_codes
from datasets_scripts.readers.tables import TableFile
from datasets_scripts.simulator.simulated_record import SIMULATOR_VERSION, simulate_record
from datasets_scripts.simulator.truth.catalogue import condition_names
from datasets_scripts.terminology.findings import NORMAL_FINDING, load_terminology


OFFICIAL_TABLE = "Download ptbxl_database.csv of PTB-XL again."
COLUMNS = ("ecg_id", "age", "sex", "scp_codes", "strat_fold")
CONDITIONS_FILENAME, COMPANY_FILENAME, SUMMARY_FILENAME = "conditions.csv", "company.csv", "population.json"
MIN_EXPECTED = 5.0  # of what is rarer a count says nothing, not even that there is none
MIN_EXPECTED_OF_MEANS = 20.0  # of what enters a mean: rarer counts differ by chance alone
MIN_DESCRIBED = 50  # records of which quartiles of age are given
NUM_SHOWN = 12  # of the differences in age and in sex, twice as many of those beside other conditions
AGE_LIMITS_YEARS = (40, 50, 60, 70, 80)
# Records as expected that are added to both sides of a ratio: our choice. A count of a few records says little.
PSEUDO_COUNT = 5.0


class Labelled(NamedTuple):
    """A recording as far as it says who has what.

    Attributes:
        age (`float` or `None`): Years.
        sex (`str` or `None`): `"male"` or `"female"`.
        conditions (`frozenset[str]`): Names of the terminology, closed upward.
    """

    age: float | None
    sex: str | None
    conditions: frozenset[str]


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


COMPANY_COLUMNS = (
    *(*Count._fields, "ratio"),
    *("simulated_num_given", "simulated_observed", "simulated_expected", "simulated_ratio"),
)


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
def common_conditions() -> tuple[str, ...]:
    """Conditions that the simulator shows and that PTB-XL has a code or a class for, in the simulator's order.

    What only follows from codes is none of them: a fibrillation has no code for its rate, and so no "tachycardia".
    """
    terminology = load_terminology()
    return tuple(name for name in condition_names() if terminology[name].ptb_xl)


@lru_cache(maxsize=1_000)
def _name_code(code: str) -> str:
    return load_terminology().find_label(code, config_name="all").name


def read_recorded(path: Path, *, folds: Collection[int]) -> list[Labelled]:
    """Recordings of PTB-XL, by their SCP-ECG codes alone.

    A code counts whatever its likelihood, since 0 means "not stated". Ages above 89 years are hidden there and are
    taken as 90.

    Args:
        path (`Path`):
            ptbxl_database.csv, or any table with its columns `COLUMNS`.
        folds (`Collection[int]`):
            Folds to read, from 1 to 10.

    Raises:
        ValueError: If a cell cannot be right, or no recording is in these folds.
    """
    terminology = load_terminology()
    labelled = []
    for row in TableFile(path, required=COLUMNS, id_column="ecg_id", remedy=OFFICIAL_TABLE):
        row.check()
        if row.read("strat_fold", parse_whole) in folds:
            named = map(_name_code, row.read("scp_codes", parse_scp_codes))
            sex = row.read("sex", partial(parse_sex, codes=SEX_OF_CODE))
            labelled.append(Labelled(row.read("age", parse_age), sex, frozenset(terminology.close_upward(named))))
    if not labelled:
        raise ValueError(f"{path} has no record in the folds {sorted(folds)}. Name folds from 1 to 10 with `--folds`.")
    return labelled


def simulate_labelled(num_records: int, *, seed: int) -> list[Labelled]:
    """Recordings of the simulated corpus, by the conditions that their strips show."""
    indices = tqdm(range(num_records), desc="Simulating", unit=" records")
    records = (simulate_record(index, seed=seed) for index in indices)
    return [Labelled(record.age, record.sex, record.conditions) for record in records]


def describe_condition(recordings: Sequence[Labelled], condition: str) -> dict[str, Any]:
    """Share of the recordings, quartiles of age and share of men of a condition; `None` where too few have it.

    Example:
        >>> people = [Labelled(20 + n, "male" if n < 15 else "female", frozenset({"u waves"})) for n in range(61)]
        >>> describe_condition(people, "u waves")
        {'count': 61, 'share': 1.0, 'age_q25': 35.0, 'age_median': 50.0, 'age_q75': 65.0, 'share_of_men': 0.246}
    """
    chosen = [each for each in recordings if condition in each.conditions]
    ages = [each.age for each in chosen if each.age is not None]
    sexes = [each.sex for each in chosen if each.sex is not None]
    is_enough = min(len(ages), len(sexes)) >= MIN_DESCRIBED
    quartiles = np.quantile(ages, [0.25, 0.5, 0.75]).tolist() if is_enough else [None] * 3
    return {
        "count": len(chosen),
        "share": round(len(chosen) / len(recordings), 4),
        **dict(zip(("age_q25", "age_median", "age_q75"), quartiles, strict=True)),
        "share_of_men": round(sexes.count("male") / len(sexes), 3) if is_enough else None,
    }


def count_company(recordings: Iterable[Labelled], names: Sequence[str]) -> list[Count]:
    """Count conditions by age and sex, and beside each other, in recordings that are not normal.

    Recordings of an unknown age or sex are left out, and so are pairs of which one is a kind of the other.

    Args:
        recordings (`Iterable`):
            Recordings.
        names (`Sequence[str]`):
            Conditions to count.

    Returns:
        `list[Count]`: Those of which at least `MIN_EXPECTED` are expected.
    """
    abnormal = [each for each in recordings if NORMAL_FINDING not in each.conditions]
    known = [(name_stratum(each.age, each.sex), each) for each in abnormal if each.age is not None and each.sex]
    has = np.array([[name in each.conditions for name in names] for _, each in known], dtype=float)
    has = has.reshape(-1, len(names))  # also where nobody is left
    strata = np.array([stratum for stratum, _ in known])
    counts, expected_beside = [], np.zeros((len(names), len(names)))
    for stratum in sorted(set(strata)):
        members = has[strata == stratum]
        totals = members.sum(axis=0)
        expected_beside += np.outer(totals, totals) / len(members)
        for index, name in enumerate(names):
            expected = float(has[:, index].mean() * len(members))
            counts.append(Count(name, str(stratum), len(members), int(totals[index]), round(expected, 2)))
    observed, totals = has.T @ has, has.sum(axis=0)
    for i, j in permutations(range(len(names)), 2):
        if not _is_related(names[i], names[j]):
            expected = round(float(expected_beside[i, j]), 2)
            counts.append(Count(names[i], names[j], int(totals[j]), int(observed[i, j]), expected))
    return [count for count in counts if count.expected >= MIN_EXPECTED]


def _is_related(first: str, second: str) -> bool:
    """Whether one condition is a kind of the other."""
    ancestors = load_terminology().ancestors
    return first in ancestors(second) or second in ancestors(first)


def compare_populations(recorded: Sequence[Labelled], simulated: Sequence[Labelled], output_dir: Path) -> list[str]:
    """Write how simulated people differ from recorded ones.

    Args:
        recorded (`Sequence[Labelled]`):
            Recordings of real people.
        simulated (`Sequence[Labelled]`):
            Recordings of simulated ones.
        output_dir (`Path`):
            Receives conditions.csv (share, ages and sex of each condition), company.csv (each condition by age and
            sex, and beside each other one) and population.json.

    Returns:
        `list[str]`: The largest differences, in words.
    """
    output_dir.mkdir(parents=True, exist_ok=True)
    names = common_conditions()
    described = [
        {"condition": name}
        | {f"recorded_{key}": value for key, value in describe_condition(recorded, name).items()}
        | {f"simulated_{key}": value for key, value in describe_condition(simulated, name).items()}
        for name in names
    ]
    company = list(_compare_company(count_company(recorded, names), count_company(simulated, names)))
    _write_rows(output_dir / CONDITIONS_FILENAME, described, columns=list(described[0]))
    _write_rows(output_dir / COMPANY_FILENAME, company, columns=COMPANY_COLUMNS)
    summary = {
        "simulator_version": SIMULATOR_VERSION,
        "num_recorded": len(recorded),
        "num_simulated": len(simulated),
        "num_recorded_without_age_or_sex": sum(each.age is None or each.sex is None for each in recorded),
        **summarize(company),
    }
    (output_dir / SUMMARY_FILENAME).write_text(json.dumps(summary, indent=1) + "\n", encoding="utf-8")
    return list(_say_differences(summary, described, company))


def _compare_company(recorded: Iterable[Count], simulated: Iterable[Count]) -> Iterator[dict[str, Any]]:
    """Rows of company.csv: what is counted often enough on both sides."""
    of_simulated = {(count.finding, count.given): count for count in simulated}
    for real in recorded:
        other = of_simulated.get((real.finding, real.given))
        if other is not None:
            simulated_counts = (other.num_given, other.observed, other.expected, round(other.ratio, 3))
            yield dict(zip(COMPANY_COLUMNS, (*real, round(real.ratio, 3), *simulated_counts), strict=True))


def summarize(company: Sequence[dict[str, Any]]) -> dict[str, float | None]:
    """Mean distance of the ratios of both sides, and of the recorded ratios from 1, as factors in powers of two.

    By the second, a population in which age, sex and company decided nothing would be off.

    Example:
        >>> row = {"finding": "atrial fibrillation", "given": "male from 80", "expected": 50.0, "ratio": 2.0}
        >>> summarize([row | {"simulated_expected": 20.0, "simulated_ratio": 0.5}])["by_age_and_sex_log2"]
        2.0
    """
    common = [row for row in company if min(row["expected"], row["simulated_expected"]) >= MIN_EXPECTED_OF_MEANS]
    pairs = _pairs(common)
    strata = [row for row in common if row["given"] not in set(common_conditions())]
    return {
        "num_by_age_and_sex": len(strata),
        "by_age_and_sex_log2": _mean(abs(_ratio_difference(row)) for row in strata),
        "by_age_and_sex_recorded_log2": _mean(abs(math.log2(row["ratio"])) for row in strata),
        "num_pairs": len(pairs),
        "beside_log2": _mean(abs(_ratio_difference(row)) for row in pairs),
        "beside_recorded_log2": _mean(abs(math.log2(row["ratio"])) for row in pairs),
    }


def _mean(numbers: Iterable[float]) -> float | None:
    found = list(numbers)
    return round(sum(found) / len(found), 3) if found else None


def _age_difference(row: dict[str, Any]) -> float:
    return row["simulated_age_median"] - row["recorded_age_median"]


def _sex_difference(row: dict[str, Any]) -> float:
    return row["simulated_share_of_men"] - row["recorded_share_of_men"]


def _ratio_difference(row: dict[str, Any]) -> float:
    return math.log2(row["simulated_ratio"] / row["ratio"])


def _pairs(company: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each pair of conditions once."""
    names = set(common_conditions())
    return [row for row in company if row["given"] in names and row["finding"] < row["given"]]


def _say_differences(
    summary: dict[str, Any], described: Sequence[dict[str, Any]], company: Sequence[dict[str, Any]]
) -> Iterator[str]:
    """The means, then the largest differences of each kind."""
    yield "\n".join(f"{name}: {value}" for name, value in summary.items())
    both = [row for row in described if None not in (row["recorded_age_median"], row["simulated_age_median"])]
    for row in sorted(both, key=lambda row: -abs(_age_difference(row)))[:NUM_SHOWN]:
        yield (
            f"median age with {row['condition']}: {row['recorded_age_median']:.0f} years, simulated"
            f" {row['simulated_age_median']:.0f}"
        )
    for row in sorted(both, key=lambda row: -abs(_sex_difference(row)))[:NUM_SHOWN]:
        yield (
            f"men among those with {row['condition']}: {row['recorded_share_of_men']:.0%}, simulated"
            f" {row['simulated_share_of_men']:.0%}"
        )
    for row in sorted(_pairs(company), key=lambda row: -abs(_ratio_difference(row)))[: 2 * NUM_SHOWN]:
        yield (
            f"{row['finding']} beside {row['given']}: {row['ratio']:.2f} times as often as by chance, simulated"
            f" {row['simulated_ratio']:.2f}"
        )


def _write_rows(path: Path, rows: Sequence[dict[str, Any]], *, columns: Sequence[str]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
