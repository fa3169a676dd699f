"""Measured findings: statements about a strip that are true by a number, each with its threshold and source.

The one table is `measured_findings.csv`. A row names a measurement of the simulator, the leads it is looked at in
(`min_leads` of them must agree), and the limits, which are exclusive. A checkpoint without a measurement head answers
definitions by these findings.

A source behind "Own choice" or after a semicolon has another limit, or one for a part of the finding only. The works:
Surawicz et al. 2009, J Am Coll Cardiol 53:976; Rautaharju et al. 2009, ibid. 53:982; Hancock et al. 2009, ibid.
53:992; Gollob et al. 2011, ibid. 57:802; Macfarlane et al. 2015, ibid. 66:470; Weaver & Burchell 1960, Circulation
21:505; Morris et al. 1964, ibid. 29:242; Drew et al. 2010, ibid. 121:1047; Page et al. 2016, ibid. 133:e506; Al-Khatib
et al. 2018, ibid. 138:e272; Thygesen et al. 2018, ibid. 138:e618; Kusumoto et al. 2019, ibid. 140:e382; Priori et al.
2015, Eur Heart J 36:2793; Romhilt & Estes 1968, Am Heart J 75:752; Zema & Kligfield 1982, Arch Intern Med 142:1145;
Chinitz et al. 2008, J Electrocardiol 41:281; Surawicz & Knilans 2008, Chou's Electrocardiography in Clinical Practice,
6th ed.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from .tables import LIST_SEPARATOR, read_table


MEASURED_FINDINGS_PATH = Path(__file__).with_name("measured_findings.csv")


@dataclass(frozen=True)
class MeasuredFinding:
    """A statement that a number decides.

    Attributes:
        name (`str`):
            What a query asks for.
        wordings (`tuple[str, ...]`):
            Other ways to ask for the same.
        measurement (`str`):
            What is measured, without a lead.
        keys (`tuple[str, ...]`):
            Measurements that are looked at: the name of one, or one per lead, as in `"st_mv_II"`.
        min_keys (`int`):
            How many of them must lie within the limits.
        above, below (`float`):
            Exclusive limits in `unit`; infinite where there is none.
        unit (`str`):
            Unit of the measurement.
        source (`str`):
            Where the limits come from.
    """

    name: str
    wordings: tuple[str, ...]
    measurement: str
    keys: tuple[str, ...]
    min_keys: int
    above: float
    below: float
    unit: str
    source: str

    def is_met(self, measurements: Mapping[str, float]) -> bool:
        """Whether the statement is true; what could not be measured does not count."""
        above, below, num_needed = self.above, self.below, self.min_keys
        for key in self.keys:
            # A number that is not there lies within no limits: nothing is smaller or larger than "not a number".
            if above < measurements.get(key, math.nan) < below:
                num_needed -= 1
                if num_needed == 0:
                    return True
        return False


@lru_cache(maxsize=1)
def load_measured_findings() -> Mapping[str, MeasuredFinding]:
    """All rows of the table by name, in its order."""
    return {row["name"]: _read_row(row) for row in read_table(MEASURED_FINDINGS_PATH)}


def _read_row(row: Mapping[str, str]) -> MeasuredFinding:
    """One row of the table."""
    leads = row["leads"].split(LIST_SEPARATOR) if row["leads"] else []
    return MeasuredFinding(
        name=row["name"],
        wordings=tuple(row["wordings"].split(LIST_SEPARATOR)),
        measurement=row["measurement"],
        keys=tuple(f"{row['measurement']}_{lead}" for lead in leads) or (row["measurement"],),
        min_keys=int(row["min_leads"] or 1),
        above=float(row["above"] or "-inf"),
        below=float(row["below"] or "inf"),
        unit=row["unit"],
        source=row["source"],
    )


def is_measured(name: str, measurements: Mapping[str, float]) -> bool:
    """Whether one measured finding, by its name in the table, is true."""
    return load_measured_findings()[name].is_met(measurements)


def find_measured(measurements: Mapping[str, float]) -> frozenset[str]:
    """Names of the measured findings that are true.

    Args:
        measurements (`Mapping[str, float]`):
            What was measured, by name; absent where it cannot be measured, such as PR without P waves.

    Returns:
        `frozenset[str]`: Names of the table.

    Example:
        >>> sorted(find_measured({"rate_per_min": 140.5}))
        ['heart rate above 100 per minute', 'heart rate above 140 per minute']
    """
    return frozenset(name for name, finding in load_measured_findings().items() if finding.is_met(measurements))
