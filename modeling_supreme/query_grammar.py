"""A small language for questions about a strip: numbers with units, leads, logic, and findings by name.

"wide QRS > 120 ms and no P waves" is a question of two measurements and their logic; what the language cannot read
is a name, and is left to the text encoder. `parse_query` turns text into an `Expression`, `str` prints it in one
canonical way that parses to the same.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import NamedTuple

from .leads import STANDARD_LEADS


GRAMMAR_VERSION = 1
# The apostrophe of word processors and that of keyboards: "rsR\u2019 complex" is "rsR' complex".
APOSTROPHE_FOLD = {"\u2019": "'"}
_FOLDS = str.maketrans({"-": " ", "_": " "} | APOSTROPHE_FOLD)


class Measurement(NamedTuple):
    """What a number of the strip is called, and how it is asked for.

    Attributes:
        name (`str`):
            As the simulator calls it; of a number of every lead, without the lead.
        unit (`str`):
            In which it is learnt and printed.
        phrases (`tuple[str, ...]`):
            What people call it, in lower case.
        is_per_lead (`bool`):
            Whether there is one of every lead, under keys such as `st_mv_V2`.
        is_count (`bool`):
            Whether it is 0 where there is nothing to measure; others have no value there, and no comparison is true.
    """

    name: str
    unit: str
    phrases: tuple[str, ...]
    is_per_lead: bool = False
    is_count: bool = False


MEASUREMENTS: Mapping[str, Measurement] = {
    measurement.name: measurement
    for measurement in (
        Measurement("rate_per_min", "1/min", ("heart rate", "ventricular rate", "rate", "hr")),
        Measurement("atrial_rate_per_min", "1/min", ("atrial rate", "p wave rate")),
        Measurement("flutter_per_min", "1/min", ("flutter rate", "flutter wave rate"), is_count=True),
        Measurement("rr_variation", "1", ("rr variation", "rr variability")),
        Measurement("longest_rr_s", "s", ("longest rr interval", "longest pause", "pause")),
        Measurement("p_ms", "ms", ("p duration", "p wave duration")),
        Measurement("pr_ms", "ms", ("pr interval", "pr", "pq interval", "pq")),
        Measurement("pr_range_ms", "ms", ("pr range", "range of the pr interval")),
        Measurement("qrs_ms", "ms", ("qrs duration", "qrs width", "qrs")),
        Measurement("qt_ms", "ms", ("qt interval", "qt")),
        Measurement("qtc_ms", "ms", ("corrected qt interval", "qtc interval", "qtc")),
        Measurement("qtc_fridericia_ms", "ms", ("fridericia qtc", "qtcf")),
        Measurement("axis_deg", "deg", ("qrs axis", "electrical axis", "axis")),
        Measurement("delta_wave_ms", "ms", ("delta wave duration", "delta wave"), is_count=True),
        Measurement("limb_voltage_mv", "mV", ("limb lead voltage", "largest qrs of the limb leads")),
        Measurement("chest_voltage_mv", "mV", ("chest lead voltage", "largest qrs of the chest leads")),
        Measurement("sokolow_lyon_mv", "mV", ("sokolow-lyon sum", "sokolow-lyon index", "sokolow-lyon")),
        Measurement("cornell_mv", "mV", ("cornell sum", "cornell voltage")),
        Measurement("cornell_ratio", "limit of the sex", ("cornell ratio",)),
        Measurement("num_p_waves", "1", ("p waves", "number of p waves"), is_count=True),
        Measurement("num_blocked_p_waves", "1", ("blocked p waves", "p waves without a qrs complex"), is_count=True),
        Measurement("is_dissociated", "1", ("av dissociation",), is_count=True),
        Measurement("is_fibrillating", "1", ("fibrillation waves",), is_count=True),
        Measurement("num_early_wide", "beats", ("early wide beats", "wide premature beats"), is_count=True),
        Measurement("num_early_narrow", "beats", ("early narrow beats", "narrow premature beats"), is_count=True),
        Measurement("early_period", "beats", ("period of the early beats",), is_count=True),
        Measurement("longest_wide_run", "beats", ("wide beats in a row", "longest run of wide beats"), is_count=True),
        Measurement("num_ventricular_spikes", "1", ("ventricular pacing spikes",), is_count=True),
        Measurement("num_atrial_spikes", "1", ("atrial pacing spikes",), is_count=True),
        Measurement("p_mv", "mV", ("p wave", "p amplitude", "p"), is_per_lead=True),
        Measurement("p_net_mv", "mV", ("net p wave", "larger part of p"), is_per_lead=True),
        Measurement("p_terminal_force_mv_ms", "mV ms", ("p terminal force",), is_per_lead=True),
        Measurement("q_mv", "mV", ("q wave", "q amplitude", "q"), is_per_lead=True),
        Measurement("q_ms", "ms", ("q duration", "q wave duration"), is_per_lead=True),
        Measurement("q_excess", "limit", ("q excess",), is_per_lead=True),
        Measurement("r_mv", "mV", ("r wave", "r amplitude", "r"), is_per_lead=True),
        Measurement("broad_r_ms", "ms", ("wholly positive qrs duration",), is_per_lead=True),
        Measurement("late_r_mv", "mV", ("late r wave",), is_per_lead=True),
        Measurement("r_prime_mv", "mV", ("r' wave", "r'", "second r wave"), is_per_lead=True),
        Measurement("r_to_s", "1", ("r/s ratio", "r to s ratio"), is_per_lead=True),
        Measurement("s_mv", "mV", ("s wave", "s amplitude", "s"), is_per_lead=True),
        Measurement("s_ms", "ms", ("s duration", "s wave duration"), is_per_lead=True),
        Measurement("j_mv", "mV", ("j point", "j"), is_per_lead=True),
        Measurement("st_mv", "mV", ("st segment", "st level", "st"), is_per_lead=True),
        Measurement("st_elevation_ratio", "limit of the lead", ("st elevation ratio",), is_per_lead=True),
        Measurement("t_mv", "mV", ("t wave", "t amplitude", "t"), is_per_lead=True),
        Measurement("t_size_mv", "mV", ("t size", "t wave size"), is_per_lead=True),
        Measurement("t_high_mv", "mV", ("highest part of t",), is_per_lead=True),
        Measurement("t_low_mv", "mV", ("lowest part of t",), is_per_lead=True),
        Measurement("u_mv", "mV", ("u wave", "u amplitude", "u"), is_per_lead=True),
    )
}


class Term(NamedTuple):
    """A measurement and what it is multiplied with.

    Attributes:
        key (`str`):
            `qrs_ms`, or with its lead `st_mv_V2`; within `InLeads` without it.
        weight (`float`):
            Factor.
    """

    key: str
    weight: float = 1.0


@dataclass(frozen=True)
class Comparison:
    """A weighted sum of measurements lies between two exclusive limits, in their unit.

    Attributes:
        terms (`tuple[Term, ...]`):
            One for "QRS > 120 ms", two for "R in V1 larger than S in V1".
        above, below (`float`):
            Limits; infinite where there is none.
    """

    terms: tuple[Term, ...]
    above: float = -inf
    below: float = inf


@dataclass(frozen=True)
class Present:
    """There is something to measure: `Present("p_ms")` where P waves are."""

    key: str


@dataclass(frozen=True)
class Finding:
    """A finding that is asked for by its name."""

    name: str


@dataclass(frozen=True)
class Not:
    """The part is not true."""

    part: "Expression"


@dataclass(frozen=True)
class AllOf:
    """Every part is true."""

    parts: tuple["Expression", ...]


@dataclass(frozen=True)
class AnyOf:
    """One part or more is true."""

    parts: tuple["Expression", ...]


@dataclass(frozen=True)
class AtLeast:
    """So many of the parts are true."""

    count: int
    parts: tuple["Expression", ...]


@dataclass(frozen=True)
class InLeads:
    """A statement about one lead is true in so many of the leads.

    Attributes:
        part (`Expression`):
            Its keys have no lead.
        leads (`tuple[str, ...]`):
            Standard names.
        count (`int`):
            In how many of them at least.
        are_contiguous (`bool`):
            Whether these must lie side by side: in aVL, I, -aVR, II, aVF, III and in V1 to V6.
    """

    part: "Expression"
    leads: tuple[str, ...]
    count: int
    are_contiguous: bool = False


Expression = Comparison | Present | Finding | Not | AllOf | AnyOf | AtLeast | InLeads


def normalize_name(text: str) -> str:
    """Fold case, blanks, hyphens, underscores and typographic apostrophes, so that spellings of a name compare equal.

    Example:
        >>> normalize_name("  Wolff-Parkinson_White   pattern ")
        'wolff parkinson white pattern'
    """
    return " ".join(text.lower().translate(_FOLDS).split())


def find_measurement(key: str) -> Measurement | None:
    """The measurement of a key, which names the lead where there is one of every lead; `None` if there is none.

    Example:
        >>> find_measurement("st_mv_V2").name, find_measurement("st_mv"), find_measurement("qrs_ms_V2")
        ('st_mv', None, None)
    """
    name, _, lead = key.rpartition("_")
    found = MEASUREMENTS.get(name if lead in STANDARD_LEADS else key)
    return found if found is not None and found.is_per_lead == (lead in STANDARD_LEADS) else None


def check_measurement_keys(keys: Sequence[str]) -> None:
    """Refuse keys that name no measurement, and those that stand twice.

    Raises:
        ValueError: If there are any; the message names the first.
    """
    for place, key in enumerate(keys):
        if find_measurement(key) is None:
            raise ValueError(
                f"`measurements` names {key!r}, which is no measurement. Write one such as 'qrs_ms', or with its lead"
                " 'st_mv_V2'."
            )
        if key in keys[:place]:
            raise ValueError(f"`measurements` names {key!r} twice. Name each measurement once.")
