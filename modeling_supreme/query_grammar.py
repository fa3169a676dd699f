"""A small language for questions about a strip: numbers with units, leads, logic, and findings by name.

"wide QRS > 120 ms and no P waves" is a question of two measurements and their logic; what the language cannot read
is a name, and is left to the text encoder. `parse_query` turns text into an `Expression`, `str` prints it in one
canonical way that parses to the same. `docs/queries.md` is the manual.
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from itertools import pairwise, product
from math import inf, isfinite
from typing import Any, NamedTuple, NoReturn

from .leads import STANDARD_LEADS


GRAMMAR_VERSION = 1
MAX_CHARACTERS, MAX_DEPTH = 4000, 40  # of a text, and of brackets and negations within each other
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
        wordings (`str`):
            What people call it, with bars between.
        is_per_lead (`bool`):
            Whether there is one of every lead, under keys such as `st_mv_V2`.
        is_count (`bool`):
            Whether it is 0 where there is nothing to measure; others have no value there, and no comparison is true.
    """

    name: str
    unit: str
    wordings: str
    is_per_lead: bool = False
    is_count: bool = False

    @property
    def phrases(self) -> tuple[str, ...]:
        """What people call it, in lower case."""
        return tuple(self.wordings.split("|"))

    @property
    def is_whole(self) -> bool:
        """Whether it is a whole number, such as one of beats."""
        return self.is_count and self.unit in ("1", "beats")


_WITHOUT_QRS = "blocked p waves|p waves without a qrs complex|dropped beats|non-conducted p waves|nonconducted p waves"
_DISSOCIATED = "av dissociation|atrioventricular dissociation|p waves unrelated to the qrs complexes"
_SAW_TEETH = "flutter waves|flutter rate|flutter wave rate|saw-tooth atrial waves|saw-tooth waves|sawtooth waves"
_FIBRILLATION = "fibrillation waves|fibrillatory waves|fine irregular atrial waves|undulating baseline"
_WIDE_BEATS = (
    "early wide beats|early and wide|wide and early|premature and wide|wide premature beats|premature wide beats"
    "|early broad beats|premature wide qrs complexes|early wide qrs complexes|early wide complexes"
)
_NARROW_BEATS = "early narrow beats|early and narrow|narrow premature beats|premature narrow beats"
_NARROW_BEATS += "|premature narrow qrs complexes|early beats of normal width"
MEASUREMENTS: Mapping[str, Measurement] = {
    measurement.name: measurement
    for measurement in (
        Measurement("rate_per_min", "1/min", "heart rate|ventricular rate|rate|hr"),
        Measurement("atrial_rate_per_min", "1/min", "atrial rate|p wave rate"),
        Measurement("flutter_per_min", "1/min", _SAW_TEETH, is_count=True),
        Measurement("rr_variation", "1", "rr variation|rr variability"),
        Measurement("longest_rr_s", "s", "longest rr interval|longest rr|longest pause|interval between two beats"),
        Measurement("p_ms", "ms", "p duration|p wave duration|p width"),
        Measurement("pr_ms", "ms", "pr interval|pr|pq interval|pq|pr duration"),
        Measurement("pr_range_ms", "ms", "pr range|range of the pr interval|pr interval that varies"),
        Measurement("qrs_ms", "ms", "qrs duration|qrs width|qrs|qrs complex"),
        Measurement("qt_ms", "ms", "qt interval|qt|uncorrected qt"),
        Measurement("qtc_ms", "ms", "corrected qt interval|corrected qt|qtc interval|qtc|bazett qtc|qtcb"),
        Measurement("qtc_fridericia_ms", "ms", "fridericia qtc|qtc fridericia|qtcf"),
        Measurement("axis_deg", "deg", "qrs axis|electrical axis|axis|frontal axis"),
        Measurement("delta_wave_ms", "ms", "delta wave duration", is_count=True),
        Measurement("limb_voltage_mv", "mV", "limb lead voltage|largest qrs of the limb leads|limb voltage"),
        Measurement("chest_voltage_mv", "mV", "chest lead voltage|largest qrs of the chest leads|chest voltage"),
        Measurement("sokolow_lyon_mv", "mV", "sokolow-lyon sum|sokolow-lyon index|sokolow-lyon|sokolow"),
        Measurement("cornell_mv", "mV", "cornell sum|cornell voltage|cornell index|cornell"),
        Measurement("cornell_ratio", "limit of the sex", "cornell ratio"),
        Measurement("num_p_waves", "1", "p waves|number of p waves|p waves before the qrs complexes|p", is_count=True),
        Measurement("num_blocked_p_waves", "1", _WITHOUT_QRS, is_count=True),
        Measurement("is_dissociated", "1", _DISSOCIATED, is_count=True),
        Measurement("is_fibrillating", "1", _FIBRILLATION, is_count=True),
        Measurement("num_early_wide", "beats", _WIDE_BEATS, is_count=True),
        Measurement("num_early_narrow", "beats", _NARROW_BEATS, is_count=True),
        Measurement("early_period", "beats", "period of the early beats", is_count=True),
        Measurement("longest_wide_run", "beats", "wide beats in a row|longest run of wide beats", is_count=True),
        Measurement("num_ventricular_spikes", "1", "ventricular pacing spikes", is_count=True),
        Measurement("num_atrial_spikes", "1", "atrial pacing spikes", is_count=True),
        Measurement("p_mv", "mV", "p amplitude|p wave amplitude|p height", is_per_lead=True),
        Measurement("p_net_mv", "mV", "net p wave|larger part of p", is_per_lead=True),
        Measurement("p_terminal_force_mv_ms", "mV ms", "p terminal force|p wave terminal force", is_per_lead=True),
        Measurement("q_mv", "mV", "q amplitude|q depth", is_per_lead=True),
        Measurement("q_ms", "ms", "q duration|q wave duration|q width", is_per_lead=True),
        Measurement("q_excess", "limit", "q excess", is_per_lead=True),
        Measurement("r_mv", "mV", "r amplitude|r wave amplitude|r height", is_per_lead=True),
        Measurement("broad_r_ms", "ms", "wholly positive qrs duration", is_per_lead=True),
        Measurement("late_r_mv", "mV", "late r wave|terminal r wave", is_per_lead=True),
        Measurement("r_prime_mv", "mV", "r' amplitude", is_per_lead=True),
        Measurement("r_to_s", "1", "r/s ratio|r to s ratio|r/s|r:s ratio|r:s", is_per_lead=True),
        Measurement("s_mv", "mV", "s amplitude|s depth", is_per_lead=True),
        Measurement("s_ms", "ms", "s duration|s wave duration|s width", is_per_lead=True),
        Measurement("j_mv", "mV", "j point|j", is_per_lead=True),
        Measurement("st_mv", "mV", "st segment|st level|st|st deviation", is_per_lead=True),
        Measurement("st_elevation_ratio", "limit of the lead", "st elevation ratio", is_per_lead=True),
        Measurement("t_mv", "mV", "t wave|t amplitude|t|t wave amplitude", is_per_lead=True),
        Measurement("t_size_mv", "mV", "t size|t wave size", is_per_lead=True),
        Measurement("t_high_mv", "mV", "highest part of t", is_per_lead=True),
        Measurement("t_low_mv", "mV", "lowest part of t", is_per_lead=True),
        Measurement("u_mv", "mV", "u amplitude", is_per_lead=True),
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

    def __str__(self) -> str:
        sign, size = "-" if self.weight < 0 else "", abs(self.weight)
        return sign + (self.key if size == 1 else f"{_print_number(size)} * {self.key}")


@dataclass(frozen=True)
class Comparison:
    """A weighted sum of measurements lies between two exclusive limits, in their unit.

    Attributes:
        terms (`tuple[Term, ...]`):
            One for "QRS > 120 ms", two for "R in V1 larger than S in V1".
        above, below (`float`):
            Limits; infinite where there is none.

    Raises:
        ValueError: If there is no term, no limit, or no number between the limits.
    """

    terms: tuple[Term, ...]
    above: float = -inf
    below: float = inf

    def __post_init__(self) -> None:
        if not self.terms or not self.above < self.below or (self.above, self.below) == (-inf, inf):
            raise ValueError(
                f"No comparison of {len(self.terms)} measurements with the limits {self.above} and {self.below}."
                " Give at least one measurement, and limits of which the first is smaller."
            )

    def __str__(self) -> str:
        left = " + ".join(map(str, self.terms)).replace("+ -", "- ")
        if isfinite(self.above) and isfinite(self.below):
            return f"{left} between {_print_number(self.above)} and {_print_number(self.below)}"
        sign, limit = (">", self.above) if isfinite(self.above) else ("<", self.below)
        return f"{left} {sign} {_print_number(limit)}"


@dataclass(frozen=True)
class Present:
    """There is something to measure: `Present("p_ms")` where P waves are."""

    key: str

    def __str__(self) -> str:
        return f"{self.key} present"


@dataclass(frozen=True)
class Finding:
    """A finding that is asked for by its name, which is folded by [`normalize_name`]."""

    name: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", normalize_name(self.name))

    def __str__(self) -> str:
        return '"' + self.name.replace('"', '""') + '"'


@dataclass(frozen=True)
class Not:
    """The part is not true."""

    part: "Expression"

    def __str__(self) -> str:
        return f"not {_bracket(self.part, Not | AllOf | AnyOf | InLeads)}"


@dataclass(frozen=True)
class AllOf:
    """Every one of two parts or more is true."""

    parts: tuple["Expression", ...]

    def __post_init__(self) -> None:
        _check_parts(self, 2)

    def __str__(self) -> str:
        return " and ".join(_bracket(part, AllOf | AnyOf) for part in self.parts)


@dataclass(frozen=True)
class AnyOf:
    """At least one of two parts or more is true."""

    parts: tuple["Expression", ...]

    def __post_init__(self) -> None:
        _check_parts(self, 2)

    def __str__(self) -> str:
        return " or ".join(_bracket(part, AllOf | AnyOf | Not) for part in self.parts)


@dataclass(frozen=True)
class AtLeast:
    """So many of the parts are true."""

    count: int
    parts: tuple["Expression", ...]

    def __post_init__(self) -> None:
        _check_parts(self, max(1, self.count))

    def __str__(self) -> str:
        return f"at least {self.count} of ({', '.join(_bracket(part, AllOf | AnyOf) for part in self.parts)})"


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
            Whether these must lie side by side: in aVL, I; in II, aVF, III; or in V1 to V6. aVR does not count.
    """

    part: "Expression"
    leads: tuple[str, ...]
    count: int
    are_contiguous: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.count <= len(self.leads) or (self.are_contiguous and not _runs(self.leads, self.count)):
            raise ValueError(
                f"There are no {self.count} such leads in {', '.join(self.leads)}. Ask for fewer of them."
            )

    def __str__(self) -> str:
        contiguous = "contiguous " if self.are_contiguous else ""
        part = _bracket(self.part, Not | AllOf | AnyOf | AtLeast)
        return f"{part} in at least {self.count} {contiguous}of {', '.join(self.leads)}"


Expression = Comparison | Present | Finding | Not | AllOf | AnyOf | AtLeast | InLeads


def normalize_name(text: str) -> str:
    """Fold case, blanks, hyphens, underscores and typographic apostrophes, so that spellings of a name compare equal.

    Example:
        >>> normalize_name("  Wolff-Parkinson_White   pattern ")
        'wolff parkinson white pattern'
    """
    return " ".join(text.lower().translate(_FOLDS).split())


def find_measurement(key: str) -> Measurement | None:
    """The measurement of a key, which has a lead exactly where there is one number of every lead."""
    name, _, lead = key.rpartition("_")
    found = MEASUREMENTS.get(name if lead in STANDARD_LEADS else key)
    return found if found is not None and found.is_per_lead == (lead in STANDARD_LEADS) else None


def _print_number(value: float) -> str:
    return repr(float(value)).removesuffix(".0")


def _bracket(part: Expression, kinds: Any) -> str:
    """Print a part, in brackets if it is one of these kinds."""
    return f"({part})" if isinstance(part, kinds) else str(part)


def _check_parts(whole: AllOf | AnyOf | AtLeast, least: int) -> None:
    if len(whole.parts) < least:
        raise ValueError(f"{type(whole).__name__} of {len(whole.parts)} parts. Give at least {least}.")


def _runs(leads: Sequence[str], count: int) -> list[tuple[str, ...]]:
    """Every row of so many of the leads that lie side by side."""
    rows = (("aVL", "I"), ("II", "aVF", "III"), STANDARD_LEADS[6:])
    runs = [row[start : start + count] for row in rows for start in range(len(row) - count + 1)]
    return [run for run in runs if set(run) <= set(leads)]


def expand(expression: Expression) -> Expression:
    """Write statements about leads as logic of statements about keys: without `InLeads`.

    Example:
        >>> print(expand(parse_query("st depression in two of II, III and aVF")))
        at least 2 of (st_mv_II < -0.05, st_mv_III < -0.05, st_mv_aVF < -0.05)
    """
    match expression:
        case InLeads(part, leads, count, are_contiguous):
            runs = _runs(leads, count) if are_contiguous else []
            if runs:
                return _any_of([_all_of([_at(part, lead) for lead in run]) for run in runs])
            parts = [_at(part, lead) for lead in leads]
            if count == 1:
                return _any_of(parts)
            return _all_of(parts) if count == len(parts) else AtLeast(count, tuple(parts))
        case Not(part):
            return Not(expand(part))
        case AllOf(parts) | AnyOf(parts):
            return type(expression)(tuple(map(expand, parts)))
        case AtLeast(count, parts):
            return AtLeast(count, tuple(map(expand, parts)))
    return expression


def keys_of(expression: Expression) -> tuple[str, ...]:
    """Keys of all measurements that an expression asks for, each once."""
    keys = (
        key
        for atom in _atoms(expand(expression))
        for key in (
            [term.key for term in atom.terms] if isinstance(atom, Comparison) else [getattr(atom, "key", None)]
        )
    )
    return tuple(dict.fromkeys(key for key in keys if key))


def findings_of(expression: Expression) -> tuple[str, ...]:
    """Names of all findings that an expression asks for, each once."""
    return tuple(dict.fromkeys(atom.name for atom in _atoms(expression) if isinstance(atom, Finding)))


def _atoms(expression: Expression) -> Iterator[Comparison | Present | Finding]:
    match expression:
        case Not(part) | InLeads(part):
            yield from _atoms(part)
        case AllOf(parts) | AnyOf(parts) | AtLeast(_, parts):
            for part in parts:
                yield from _atoms(part)
        case _:
            yield expression


def _all_of(parts: Sequence[Expression]) -> Expression:
    return AllOf(tuple(parts)) if len(parts) > 1 else parts[0]


def _any_of(parts: Sequence[Expression]) -> Expression:
    return AnyOf(tuple(parts)) if len(parts) > 1 else parts[0]


def _at(expression: Expression, lead: str) -> Expression:
    """A statement about one lead, about this one."""

    def key_at(key: str) -> str:
        return f"{key}_{lead}" if key in MEASUREMENTS and MEASUREMENTS[key].is_per_lead else key

    match expression:
        case Comparison(terms, above, below):
            return Comparison(tuple(Term(key_at(key), weight) for key, weight in terms), above, below)
        case Present(key):
            return Present(key_at(key))
        case Not(part):
            return Not(_at(part, lead))
        case AllOf(parts) | AnyOf(parts):
            return type(expression)(tuple(_at(part, lead) for part in parts))
        case AtLeast(count, parts):
            return AtLeast(count, tuple(_at(part, lead) for part in parts))
    return expression


class Wording(NamedTuple):
    """A phrase that says more than the name of a measurement.

    Attributes:
        wordings (`str`):
            Phrases, with bars between.
        meaning (`str`):
            What it says without a limit of its own, in canonical form.
        measure (`str`):
            What a limit of its own is about, if not the measurement of `meaning`, whose other limit then stays: behind
            "+" and "-", how far it lies above and below zero.
        source (`str`):
            Of the limit.
    """

    wordings: str
    meaning: str
    measure: str
    source: str


_EARLY = "num_early_wide + num_early_narrow"
_SPIKES = "num_ventricular_spikes + num_atrial_spikes"
_OWN, _KNILANS, _SURAWICZ, _PRIORI = (
    "Own choice",
    "Surawicz & Knilans 2008",
    "Surawicz et al. 2009",
    "Priori et al. 2015",
)
_THYGESEN, _RAUTAHARJU, _HANCOCK = "Thygesen et al. 2018", "Rautaharju et al. 2009", "Hancock et al. 2009"
_PAGE, _KUSUMOTO, _CHINITZ = "Page et al. 2016", "Kusumoto et al. 2019", "Chinitz et al. 2008"
_IEC = "IEC 60601-2-51:2003 (smallest wave)"
WORDINGS = tuple(
    Wording(*row)
    for row in (
        ("fast heart rate|fast rate|rapid heart rate|rapid rate|short rr intervals", "rate_per_min > 100", "", _PAGE),
        ("very fast heart rate|very fast rate|very short rr intervals", "rate_per_min > 140", "", _OWN),
        ("slow heart rate|slow rate", "rate_per_min < 60", "", _KNILANS),
        ("very slow heart rate|very slow rate", "rate_per_min < 50", "", _KUSUMOTO),
        ("normal heart rate|normal rate|usual ventricular rate", "rate_per_min between 60 and 100", "", _KNILANS),
        (
            "irregular rhythm|irregular rr intervals|irregular rr|irregular rate|rhythm irregular|irregularly timed qrs complexes|varying intervals between beats",
            "rr_variation > 0.1",
            "",
            _OWN,
        ),
        (
            "regular rhythm|regular rr intervals|regular rr|regular rate|rhythm regular|evenly timed qrs complexes|constant intervals between beats",
            "rr_variation < 0.05",
            "",
            _OWN,
        ),
        ("pause|ventricular pause|long pause", "longest_rr_s > 2", "longest_rr_s", _OWN),
        ("p waves|p wave|p", "num_p_waves present", "num_p_waves", "By definition"),
        (
            "broad p wave|wide p wave|prolonged p wave|long p wave|long p wave duration|broad p wave in lead ii",
            "p_ms > 120",
            "",
            _HANCOCK,
        ),
        ("tall p wave|high p wave|peaked p wave|high pointed p wave|high p amplitude", "p_mv > 0.25", "", _HANCOCK),
        (
            "negative p wave|inverted p wave|p wave inverted|p wave negative|negative p|inverted p",
            "p_net_mv < -0.02",
            "-p_net_mv",
            _OWN,
        ),
        ("positive p wave|upright p wave|p wave upright|p wave positive", "p_net_mv > 0.02", "+p_net_mv", _OWN),
        ("retrograde p waves", "p_net_mv_II < -0.02 and p_net_mv_aVF < -0.02", "", _KNILANS),
        (
            "large negative end of p|deep terminal p wave|negative terminal p wave|abnormal p terminal force",
            "p_terminal_force_mv_ms > 4",
            "",
            "Morris et al. 1964",
        ),
        (
            "long pr interval|long pr|prolonged pr interval|prolonged pr|pr prolongation|long interval between p wave and qrs complex",
            "pr_ms > 200",
            "",
            _KUSUMOTO,
        ),
        (
            "short pr interval|short pr|shortened pr interval|short interval between p wave and qrs complex",
            "pr_ms < 120",
            "",
            _SURAWICZ,
        ),
        ("normal pr interval|normal pr", "pr_ms between 120 and 200", "", _KUSUMOTO),
        ("changing pr interval|varying pr interval|variable pr interval|changing pr", "pr_range_ms > 40", "", _OWN),
        (
            "wide qrs|wide qrs complex|broad qrs|broad qrs complex|prolonged qrs|prolonged qrs duration|qrs prolongation|qrs wide|qrs broad",
            "qrs_ms > 120",
            "",
            _SURAWICZ,
        ),
        ("slightly wide qrs complex|slightly wide qrs", "qrs_ms between 100 and 120", "", _OWN),
        ("narrow qrs|narrow qrs complex|qrs narrow", "qrs_ms < 120", "", _PAGE),
        ("normal qrs duration|normal qrs width", "qrs_ms < 110", "", _SURAWICZ),
        (
            "long qt|long qt interval|prolonged qt|prolonged qt interval|prolonged qtc|long qtc|prolonged qtc interval|long qtc interval|qt prolongation|long qt for the heart rate",
            "qtc_ms > 480",
            "",
            _PRIORI,
        ),
        ("slightly long qt for the heart rate|slightly long qt", "qtc_ms > 450", "", _RAUTAHARJU),
        ("very long qt for the heart rate|very long qt", "qtc_ms > 500", "", "Drew et al. 2010"),
        (
            "short qt|short qt interval|shortened qt interval|short qtc|short qt for the heart rate",
            "qtc_ms < 350",
            "",
            "Gollob et al. 2011",
        ),
        (
            "left axis|left axis deviation|axis deviated to the left|axis to the left|axis to the upper left|left qrs axis",
            "axis_deg between -90 and -30",
            "",
            _SURAWICZ,
        ),
        (
            "right axis|right axis deviation|axis deviated to the right|axis to the right|axis to the lower right|right qrs axis",
            "axis_deg between 90 and 180",
            "",
            _SURAWICZ,
        ),
        ("normal axis|normal qrs axis|axis normal", "axis_deg between -30 and 90", "", _SURAWICZ),
        (
            "extreme axis|extreme axis deviation|northwest axis|right superior axis|qrs axis in the upper right quadrant",
            "axis_deg between -180 and -90",
            "",
            "By definition",
        ),
        ("low voltage|low qrs voltage", "limb_voltage_mv < 0.5 or chest_voltage_mv < 1", "", _CHINITZ),
        (
            "low voltage in the limb leads|low voltage of the limb leads|low limb voltage|limb low qrs voltage|low qrs voltage in limb leads|small qrs complexes in the limb leads",
            "limb_voltage_mv < 0.5",
            "",
            _CHINITZ,
        ),
        (
            "low voltage in the chest leads|low voltage of the chest leads|low voltage in precordial leads|precordial low qrs voltage|low qrs voltage in precordial leads",
            "chest_voltage_mv < 1",
            "",
            _CHINITZ,
        ),
        (
            "high voltage in the limb leads|high voltage of the limb leads",
            "limb_voltage_mv > 2",
            "",
            "Romhilt & Estes 1968",
        ),
        (
            "sokolow-lyon criterion|positive sokolow-lyon|sokolow-lyon positive|large r in v5 and deep s in v1",
            "sokolow_lyon_mv > 3.5",
            "",
            _HANCOCK,
        ),
        (
            "cornell criterion|cornell sum above its limit|positive cornell|large r in avl and deep s in v3",
            "cornell_ratio > 1",
            "cornell_mv",
            _HANCOCK,
        ),
        (
            "delta wave|slow start of the qrs complex|slow start of the qrs|slurred start of the qrs|slurred initial qrs|delta wave at the onset of qrs",
            "delta_wave_ms > 20",
            "",
            _OWN,
        ),
        (
            "q wave|q|pathological q wave|pathological q|pathologic q wave|abnormal q wave|significant q wave|deep q wave|deep q|pathological q or qs|initial negative deflection",
            "q_excess > 1",
            "q_mv",
            _THYGESEN,
        ),
        ("small q wave|any q wave|septal q wave", "q_mv > 0.03", "", _IEC),
        ("r wave|r", "r_mv > 0.03", "r_mv", _IEC),
        (
            "qs complex|qs wave|qs|qs pattern|wholly negative qrs|wholly negative qrs complex",
            "r_mv < 0.03",
            "r_mv",
            _THYGESEN,
        ),
        ("small r wave|low r wave", "r_mv < 0.3", "", "Zema & Kligfield 1982 (V3)"),
        (
            "dominant r wave|dominant r|predominant r wave|positive qrs|mainly positive qrs|upright qrs|qrs positive",
            "r_to_s > 1",
            "",
            _HANCOCK,
        ),
        ("tall r wave in v1|tall r in v1", "r_to_s_V1 > 1", "", _HANCOCK),
        (
            "dominant s wave|dominant s|negative qrs|mainly negative qrs|qrs negative",
            "r_to_s < 1",
            "",
            "By definition",
        ),
        (
            "broad r wave|broad r|broad r wave without q or s|wholly positive qrs|wholly positive wide qrs|notched broad r|monophasic r wave",
            "broad_r_ms > 100",
            "",
            _OWN,
        ),
        (
            "second r wave|r'|r' wave|rsr'|rsr' pattern|rsr' complex|rsr|rsr pattern|late positive deflection of the qrs",
            "r_prime_mv > 0.05",
            "r_prime_mv",
            _OWN,
        ),
        ("s wave|s", "s_mv > 0.03", "s_mv", _IEC),
        ("deep s wave|deep s", "s_mv > 1.5", "", _OWN),
        (
            "broad s wave|broad s|slurred s wave|slurred s|broad terminal s wave|wide s wave",
            "s_ms > 40",
            "",
            _SURAWICZ,
        ),
        (
            "st elevation|st segment elevation|elevated st segment|raised st segment|st segment raised|st elevated|st raised|st above the baseline|st segment above the baseline",
            "st_elevation_ratio > 1",
            "+st_mv",
            _THYGESEN,
        ),
        (
            "st depression|st segment depression|depressed st segment|lowered st segment|st segment lowered|st depressed|st lowered|st below the baseline|st segment below the baseline",
            "st_mv < -0.05",
            "-st_mv",
            _THYGESEN,
        ),
        (
            "j point elevation|raised j point|elevated j point|j point elevated|raised end of qrs|j point above the baseline",
            "j_mv > 0.1",
            "+j_mv",
            "Macfarlane et al. 2015",
        ),
        (
            "t inversion|t wave inversion|inverted t wave|inverted t|negative t wave|negative t|t wave inverted|t inverted|t wave negative|t negative",
            "t_mv < -0.1",
            "-t_mv",
            _RAUTAHARJU,
        ),
        (
            "upright t wave|positive t wave|t wave upright|t wave positive|upright t|positive t",
            "t_mv > 0.1",
            "+t_mv",
            _RAUTAHARJU,
        ),
        (
            "flat t wave|low t wave|low amplitude t wave|flattened t wave|flat t|low t|t wave flat|t wave flattening",
            "t_size_mv < 0.1",
            "",
            _RAUTAHARJU,
        ),
        ("tall t wave|very tall t wave|high t wave|peaked t wave|tall t|peaked t", "t_mv > 1", "", _OWN),
        ("biphasic t wave|biphasic t|t wave biphasic", "t_high_mv > 0.1 and t_low_mv < -0.1", "", _RAUTAHARJU),
        ("u wave|u|large u wave|prominent u wave", "u_mv > 0.1", "u_mv", "Weaver & Burchell 1960 (V3)"),
        (
            "early beats|premature beats|early complexes",
            "num_early_wide present or num_early_narrow present",
            _EARLY,
            _KNILANS,
        ),
        (
            "every second beat early|every other beat early|bigeminal grouping|beats in pairs of a usual and an early one",
            "early_period between 1.5 and 2.5",
            "early_period",
            "By definition",
        ),
        (
            "every third beat early|trigeminal grouping|beats in groups of three with an early one",
            "early_period between 2.5 and 3.5",
            "early_period",
            "By definition",
        ),
        (
            "run of wide beats|run of wide complexes|salvo of broad beats|salvo of wide beats",
            "longest_wide_run > 2.5",
            "longest_wide_run",
            "Al-Khatib et al. 2018",
        ),
        (
            "pacing spikes|pacemaker spikes|pacer spikes",
            "num_ventricular_spikes present or num_atrial_spikes present",
            _SPIKES,
            "By definition",
        ),
    )
)
_TIME, _RATE, _VOLTAGE, _FORCE, _ANGLE, _COUNT, _PART = "time", "rate", "voltage", "force", "angle", "count", "part"
# What a unit is of, and how much of the base: ms, 1/min, mV, mV ms, degrees, beats, 1. On paper at 25 mm/s, 10 mm/mV.
UNITS: Mapping[str, Mapping[str, float]] = {
    "ms|msec|millisecond|milliseconds": {_TIME: 1.0},
    "s|sec|second|seconds": {_TIME: 1000.0},
    "small square|small box": {_TIME: 40.0, _VOLTAGE: 0.1},
    "large square|large box|big square|big box": {_TIME: 200.0, _VOLTAGE: 0.5},
    "mv|millivolt": {_VOLTAGE: 1.0},
    "uv|\u00b5v|\u03bcv|microvolt": {_VOLTAGE: 0.001},
    "mm|millimeter|millimetre": {_VOLTAGE: 0.1},
    "/min|/minute|per minute|per min|bpm|beats per minute|beats/min|beats/minute|1/min": {_RATE: 1.0},
    "hz|hertz|per second|/s": {_RATE: 60.0},
    "mv ms|mv*ms": {_FORCE: 1.0},
    "mm ms|mm*ms": {_FORCE: 0.1},
    "mm s|mm*s|mm sec": {_FORCE: 100.0},
    "deg|degree|\u00b0": {_ANGLE: 1.0},
    "beat|complex|qrs complex": {_COUNT: 1.0},
    "%|percent|per cent": {_PART: 0.01},
    "% of beats|% of all beats|percent of beats|percent of all beats|% of qrs complexes|% beats": {_PART: 0.01},
}
_UNIT_OF_MEASUREMENTS = {"1/min": _RATE, "s": _TIME, "ms": _TIME, "mV": _VOLTAGE, "mV ms": _FORCE, "deg": _ANGLE}
# What else a phrase may be about, by what the unit is of
_ALTERNATIVES = {
    "num_p_waves": {_VOLTAGE: "p_mv", _TIME: "p_ms", _RATE: "atrial_rate_per_min"},
    "q_mv": {_TIME: "q_ms"},
    "s_mv": {_TIME: "s_ms"},
    "r_mv": {_TIME: "broad_r_ms"},
}
STRIP_S = 10.0  # in which the beats of a share are counted
_CHEST = STANDARD_LEADS[6:]
LEAD_GROUPS: Mapping[str, tuple[str, ...]] = {
    "inferior": ("II", "III", "aVF"),
    "lateral": ("I", "aVL", "V5", "V6"),
    "high lateral": ("I", "aVL"),
    "low lateral|left precordial|left chest": ("V5", "V6"),
    "septal|first chest": ("V1", "V2"),
    "anteroseptal|right precordial|right chest": ("V1", "V2", "V3"),
    "anterior": ("V1", "V2", "V3", "V4"),
    "anterolateral": ("I", "aVL", "V3", "V4", "V5", "V6"),
    "inferolateral": ("II", "III", "aVF", "I", "aVL", "V5", "V6"),
    "chest|precordial": _CHEST,
    "limb|frontal|extremity": STANDARD_LEADS[:6],
    "12|twelve": STANDARD_LEADS,
}
_NO_AVR = tuple(lead for lead in STANDARD_LEADS if lead != "aVR")
# Where a statement about one lead is looked at that names none: leads, and how many; the others must name one.
DEFAULT_LEADS: Mapping[str, tuple[tuple[str, ...], int]] = {
    **dict.fromkeys(("p_mv", "p_net_mv"), (("II",), 1)),
    **dict.fromkeys(("r_prime_mv", "late_r_mv"), (("V1", "V2"), 1)),
    **dict.fromkeys(("st_mv", "st_elevation_ratio", "j_mv", "q_excess", "q_mv", "q_ms"), (_NO_AVR, 2)),
    **dict.fromkeys(("t_mv", "t_size_mv", "t_high_mv", "t_low_mv"), (_NO_AVR, 2)),
    "p_terminal_force_mv_ms": (("V1",), 1),
    "u_mv": (("V2", "V3", "V4"), 1),
}
_NUMBERS = {word: float(n) for n, word in enumerate("one two three four five six seven eight nine ten".split(), 1)}
_OPERATORS = {
    ">|above|over|more than|greater than|larger than|longer than|higher than|wider than|broader than|taller than"
    "|bigger than|faster than|exceeding|exceeds|in excess of": ">",
    ">=|\u2265|=>|at least|no less than|not less than|not below|minimum": ">=",
    "<|below|under|less than|smaller than|shorter than|lower than|narrower than|slower than|fewer than"
    "|more negative than": "<",
    "<=|\u2264|=<|at most|up to|no more than|not more than|not above|not exceeding|maximum": "<=",
    "=|==|equal to|equals|exactly": "=",
    "deeper than": "deep",
    "left of": "left",
    "right of": "right",
}
_SUFFIXES = {
    "or more|or greater|or longer|or above|or higher|or over|or wider|or deeper|or larger|and above|and more": ">=",
    "or less|or fewer|or shorter|or below|or lower|or smaller|and below|and less": "<=",
}
_FLIPPED = {">": "<", ">=": "<=", "<": ">", "<=": ">=", "=": "="}
_LINKS = {
    "and|with|but|&|together with|along with|as well as|combined with|in combination with|in the presence of": "and",
    "or|and/or": "or",
}
_NEGATIONS = {
    "not": "not",
    "no|without|absence of|absent|missing|lack of|loss of|in the absence of|in absence of|free of": "no",
}
_QUANTIFIERS = {
    "all|all of|each|each of|every|every one of|both|both of": 0,
    "any|any of|any one of|a|an|one of|some|either|either of|at least one of": 1,
}
_CONTIGUOUS = "contiguous|adjacent|neighbouring|neighboring|consecutive"
# Words without meaning here
_FILLERS = {"the", "is", "are", "was", "were", "be", "visible", "has", "have", "having", "there", "these", "those"}
_BY_LOWER_KEY = {
    key.lower(): key
    for measurement in MEASUREMENTS.values()
    for key in (measurement.name, *(f"{measurement.name}_{lead}" for lead in STANDARD_LEADS * measurement.is_per_lead))
}
_LEADS = {lead.lower(): lead for lead in STANDARD_LEADS}


class QuerySyntaxError(ValueError):
    """A text is no query of this language.

    Attributes:
        text (`str`):
            What was to be read.
        position (`int`):
            Of the character, from 0, from which on it could not be read.
    """

    def __init__(self, text: str, position: int, problem: str, remedy: str) -> None:
        start = max(0, position - 40)
        shown = f"{'…' * (start > 0)}{text[start : position + 40]}{'…' * (position + 40 < len(text))}"
        super().__init__(f"{shown!r} is no query: at character {position}, {problem}. {remedy}")
        self.text, self.position = text, position


class _Token(NamedTuple):
    """A piece of a text: its kind (number, word, key, name, mark, end), what it says, and where it lies."""

    kind: str
    text: str
    start: int
    end: int


# One character for one, so that positions stay
_SAME = str.maketrans(
    "\u2212\u2010\u2011\u2012\u2013\u2014\u2019\u2018\u201c\u201d\u00d7\u00b7\u200b\ufeff", "------''\"\"**  "
)
_TOKEN = re.compile(
    r'"(?P<name>(?:[^"]|"")+)"|(?P<number>(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)(?:e[+-]?[0-9]+)?)'
    r"|(?P<word>[^\W\d_][\w']*)|(?P<mark>>=|<=|==|=>|=<|\S)",
    re.IGNORECASE,
)
_GLUED = re.compile(r"([pqrstuj])(v[1-6]|av[rlf])", re.IGNORECASE)  # SV1, RaVL


def _stem(word: str) -> str:
    """A word in lower case and in the singular."""
    if len(word) < 4 or not word.endswith("s") or word.endswith(("ss", "us", "is")):
        return word
    return word[:-2] if word.endswith("xes") else word[:-1]


def _tokenize(text: str) -> Iterator[_Token]:
    """Cut a text into tokens; hyphens within words are blanks."""
    for match in _TOKEN.finditer(text):
        kind, start, end = match.lastgroup or "mark", *match.span()
        if kind == "word":
            yield from _split_word(text, start, end)
        elif kind == "name":
            yield _Token(kind, match["name"].replace('""', '"'), start, end)
        elif (
            match[0] != "-"
            or not re.match(r"[^\W\d]-[^\W\d]", text[start - 1 : start + 2])
            or _is_lead_range(text, start)
        ):
            yield _Token(kind, match[0], start, end)


def _is_lead_range(text: str, hyphen: int) -> bool:
    before, after = re.search(r"\w*$", text[:hyphen]), re.match(r"\w*", text[hyphen + 1 :])
    return all(match is not None and match[0].lower() in _LEADS for match in (before, after))


def _split_word(text: str, start: int, end: int) -> Iterator[_Token]:
    """A key, or words without underscores, without a lead stuck to them, and without fillers."""
    word = text[start:end].lower()
    glued = _GLUED.fullmatch(word)
    if word in _BY_LOWER_KEY and "_" in word:
        yield _Token("key", _BY_LOWER_KEY[word], start, end)
    elif glued:
        yield _Token("word", glued[1], start, start + 1)
        yield _Token("word", glued[2], start + 1, end)
    else:
        for part in re.finditer("[^_]+", word):
            if part[0] not in _FILLERS:
                yield _Token("word", _stem(part[0]), start + part.start(), start + part.end())


def _table(phrases: Mapping[str, Any]) -> dict[str, Any]:
    """By phrase, as [`_tokenize`] leaves it, what a mapping has by phrases with bars between."""
    return {
        " ".join(token.text for token in _tokenize(phrase)): value
        for joined, value in phrases.items()
        for phrase in joined.split("|")
    }


class _Subject(NamedTuple):
    """What a statement is about, what it says without a limit, and how a limit is meant."""

    terms: tuple[Term, ...]
    meaning: Expression | None = None
    sign: str = ""  # how far below zero "-", or above "+"
    is_literal: bool = False


class _Limit(NamedTuple):
    """Limits as written, whether they count themselves, and their unit with its place."""

    operator: str
    above: float = -inf
    below: float = inf
    unit: Mapping[str, float] | None = None
    place: _Token | None = None


class _Where(NamedTuple):
    """Leads, and in how many of them; 0: in all, none: as the rule says."""

    leads: tuple[str, ...]
    count: int | None
    are_contiguous: bool = False
    is_group: bool = False


_UNIT_TABLE, _OPERATOR_TABLE, _SUFFIX_TABLE, _LINK_TABLE = map(_table, (UNITS, _OPERATORS, _SUFFIXES, _LINKS))
_NEGATION_TABLE, _QUANTIFIER_TABLE, _GROUP_TABLE = map(_table, (_NEGATIONS, _QUANTIFIERS, LEAD_GROUPS))


@lru_cache(maxsize=1)
def _subject_table() -> dict[str, _Subject]:
    """What phrases are about."""
    subjects = {
        "|".join(measurement.phrases): _Subject((Term(name),), Present(name) if measurement.is_count else None)
        for name, measurement in MEASUREMENTS.items()
    }
    for wordings, meaning, measure, _ in WORDINGS:
        expression = _Parser(meaning, ()).read(is_closed=False)
        terms = expression.terms if isinstance(expression, Comparison) else ()
        if measure:
            terms = tuple(Term(key) for key in measure.strip("+-").split(" + "))
        sign = measure[0] if measure[:1] in ("+", "-") else "" if measure else "="
        subjects[wordings] = _Subject(terms, expression, sign)
    return _table(subjects)


class _Parser:
    """A recursive descent over the tokens of a text."""

    def __init__(self, text: str, names: Collection[str]) -> None:
        self.text, self.names = text, sorted(filter(None, names), key=len, reverse=True)
        self.folded = text.translate(_SAME)
        self.tokens = [*_tokenize(self.folded), _Token("end", "", len(text), len(text))]
        self.index = self.depth = 0
        self.is_denied = self.was_denied = False
        self.places: dict[Expression, _Token] = {}

    @property
    def token(self) -> _Token:
        return self.tokens[self.index]

    def fail(self, problem: str, remedy: str, token: _Token | None = None) -> NoReturn:
        raise QuerySyntaxError(self.text, (token or self.token).start, problem, remedy)

    def accept(self, *texts: str) -> bool:
        is_here = self.token.kind != "name" and self.token.text in texts
        self.index += is_here
        return is_here

    def phrase(self, table: Mapping[str, Any]) -> Any:
        """Read the longest phrase of a table."""
        for end in range(min(self.index + 12, len(self.tokens) - 1), self.index, -1):
            words = self.tokens[self.index : end]
            key = " ".join(token.text for token in words)
            if key in table and not any(token.kind in ("name", "key") for token in words):
                self.index = end
                return table[key]
        return None

    def is_at(self, table: Mapping[str, Any]) -> bool:
        start = self.index
        found = self.phrase(table) is not None
        self.index = start
        return found

    def read(self, *, is_closed: bool = True) -> Expression:
        """The whole text."""
        expression = self.expression()
        if self.token.kind != "end":
            self.fail(f"{self.token.text!r} does not belong", self.suggest('Go on with "and", "or", or a limit.'))
        return self.close(expression) if is_closed else expression

    def suggest(self, remedy: str) -> str:
        """What may have been meant."""
        close = get_close_matches(self.token.text, _vocabulary(), 1, 0.75)
        return f"Did you mean {close[0]!r}? {remedy}" if close else remedy

    def expression(self) -> Expression:
        parts, links, denied = [self.unary()], [], [self.was_denied]
        while link := self.link():
            links.append(link)
            parts.append(self.unary())
            denied.append(self.was_denied)
        return self.join(parts, links, denied)

    def link(self) -> tuple[str, _Token] | None:
        token = self.token
        comma = self.accept(",", ";")
        word = self.phrase(_LINK_TABLE)
        if not word and not comma:
            word = "and" if token.text == "without" or (token.text == "in" and self.is_at(_NEGATION_TABLE)) else None
        return (word or ",", token) if word or comma else None

    def join(self, parts: list[Expression], links: list[tuple[str, _Token]], denied: list[bool]) -> Expression:
        """Parts and what stands between them: "and" binds closer than "or", a comma is the next word behind it."""
        words = [word for word, _ in links]
        if set(words) == {",", "and", "or"}:
            self.fail("a comma beside 'and' and 'or' can be read in two ways", "Use brackets.", links[0][1])
        either = "or" if "or" in words else "and"
        words = [either if word == "," else word for word in words]
        groups = [[parts[0]]]
        for place, (word, part) in enumerate(zip(words, parts[1:], strict=True)):
            if word == "or" and denied[place] and not denied[place + 1]:
                self.fail(
                    "'no … or …' can be read in two ways", "Write 'neither … nor …', or use brackets.", links[place][1]
                )
            groups[-1:] = [[*groups[-1], part]] if word == "and" else [groups[-1], [part]]
        return _any_of([_all_of(group) for group in groups])

    def unary(self) -> Expression:
        """A statement, negated or not, or a finding: what takes more of the text."""
        start, depth = self.token, self.depth
        self.depth += 1
        if self.depth > MAX_DEPTH:
            self.fail(f"brackets lie within each other more than {MAX_DEPTH} deep", "Ask several questions.")
        name, end = self.find_name()
        try:
            expression = self.negation()
        except QuerySyntaxError:
            if not name:
                raise
            expression = None
        if name and (expression is None or end >= self.index):
            self.index, expression, self.was_denied = end, Finding(name), False
        self.depth = depth
        self.places.setdefault(expression, start)
        return expression

    def find_name(self) -> tuple[str, int]:
        """The longest name of a finding that starts here, and the token behind it."""
        start = self.token.start
        for name in self.names:
            words = name.split()
            if self.folded[start : start + len(words[0])].lower() == words[0]:
                pattern = r"[\s_-]+".join(map(re.escape, words)) + r"(?![\w'])"
                found = re.compile(pattern, re.IGNORECASE).match(self.folded, start)
                if found:
                    stop = found.end()
                    return name, next(i for i, token in enumerate(self.tokens) if token.start >= stop)
        return "", 0

    def negation(self) -> Expression:
        self.accept("either")
        if self.accept("neither"):
            return self.neither()
        kind = None if self.is_at(_OPERATOR_TABLE) else self.phrase(_NEGATION_TABLE)
        if not kind:
            self.was_denied = False
            return self.primary()
        outer, self.is_denied = self.is_denied, kind == "no"
        part = self.unary()
        self.is_denied, self.was_denied = outer, kind == "no"
        return Not(part)

    def neither(self) -> Expression:
        outer, self.is_denied = self.is_denied, True
        parts = [Not(self.unary())]
        while self.accept("nor"):
            parts.append(Not(self.unary()))
        if len(parts) < 2:
            self.fail("'neither' has no 'nor'", "Write 'neither … nor …'.")
        self.is_denied, self.was_denied = outer, False
        return AllOf(tuple(parts))

    def primary(self) -> Expression:
        start, token = self.index, self.token
        if token.kind == "name":
            self.index += 1
            return Finding(token.text)
        if self.accept("("):
            expression = self.expression()
            self.expect(")")
            where = self.where() if self.token.text == "in" else None
            return self.spread(expression, where, token) if where else expression
        is_least = self.phrase(_OPERATOR_TABLE) == ">="
        count = self.number()
        if (is_least or self.phrase(_SUFFIX_TABLE) == ">=") and count and self.accept("of") and self.accept("("):
            return self.at_least(int(count), token)
        self.index = start
        return self.statement()

    def expect(self, mark: str) -> None:
        if not self.accept(mark):
            self.fail(f"{mark!r} is missing", f"Put {mark!r} here, or go on with 'and' or 'or'.")

    def at_least(self, count: int, start: _Token) -> Expression:
        parts = [self.unary()]
        while self.link():
            parts.append(self.unary())
        self.expect(")")
        if not 1 <= count <= len(parts):
            self.fail(f"{count} of {len(parts)} statements cannot be true", "Ask for fewer.", start)
        return AtLeast(count, tuple(parts))

    def statement(self) -> Expression:
        """One of a measurement, or of a few that are added or compared."""
        start, where = self.token, self.where()
        if where:
            self.accept(":", ",") or self.accept("with", "show", "showing")
        limit = self.limit(is_first=True)
        if limit:
            self.accept("of")
        operands = self.operands()
        state = self.state()
        limit = self.limit_after(limit, operands)
        if limit is None and state is None and (compared := self.compare(operands)):
            core, inner = compared
        else:
            core, inner = self.core(operands, limit, start, is_present=state is not None)
        where = where or inner or self.where()
        state = state or self.state()
        if state == "absent":
            core = Not(core)
        core = self.spread(core, where, start) if where else core
        self.places.setdefault(core, start)
        return core

    def state(self) -> str | None:
        if self.accept("present", "seen"):
            return "present"
        return "absent" if self.accept("absent", "missing") else None

    def number(self) -> float | None:
        start = self.index
        sign = -1.0 if self.accept("-") else 1.0 * (self.accept("+") or 1)
        value = _NUMBERS.get(self.token.text)
        if self.token.kind == "number":
            value = float(self.token.text)
            if not isfinite(value):
                self.fail(f"{self.token.text} is too large", "Give a number that can be measured.")
        if value is None:
            self.index = start
            return None
        self.index += 1
        return sign * value

    def unit(self) -> tuple[Mapping[str, float] | None, _Token]:
        token = self.token
        return self.phrase(_UNIT_TABLE), token

    def limit(self, *, is_first: bool = False) -> _Limit | None:
        """Limits with their unit, if there are some here."""
        start = self.index
        if not is_first:
            self.accept("of", "at", "by", "from", "with")
        if self.accept("between") or (is_first and self.accept("from")):
            return self.span(self.number())
        operator = self.phrase(_OPERATOR_TABLE)
        low = self.number()
        if low is None:
            self.index = start
            return None
        if operator is None and self.token.text in ("-", "to"):
            return self.span(low)
        early = self.phrase(_SUFFIX_TABLE)
        unit, place = self.unit()
        if operator is None and self.token.text in ("-", "to"):
            return self.span(low)
        operator = operator or early or self.phrase(_SUFFIX_TABLE)
        if operator is None and is_first:
            operator = _FLIPPED.get(self.token.text)
            self.index += operator is not None
        return self.limits_of(operator or "bare", low, unit, place)

    def span(self, low: float | None) -> _Limit:
        """The rest of "between 60 and 100 /min"."""
        own = self.phrase(_UNIT_TABLE)
        self.accept("and", "to", "-") or self.fail("the second limit is missing", "Write 'between 60 and 100'.")
        high = self.number()
        unit, place = self.unit()
        if low is None or high is None:
            self.fail("a number is missing", "Write 'between 60 and 100'.")
        if own and own != unit:
            self.fail("the limits have two units", "Write both in one.", place)
        return _Limit("between", low, high, unit, place)

    def limits_of(self, operator: str, value: float, unit: Mapping[str, float] | None, place: _Token) -> _Limit:
        if operator in (">", ">=", "deep", "bare"):
            return _Limit(operator, value, inf, unit, place)
        if operator in ("<", "<="):
            return _Limit(operator, -inf, value, unit, place)
        above, below = {"left": (-90.0, value), "right": (value, 180.0), "=": (value, value)}[operator]
        return _Limit(operator, above, below, unit, place)

    def limit_after(self, first: _Limit | None, operands: Sequence[Any]) -> _Limit | None:
        """The limits behind what they are about, or before and behind, or two joined by "and"."""
        limit = self.limit()
        if first and limit:
            return self.both(first, limit)
        start = self.index
        if limit and self.accept("and", "but", ","):
            second = self.limit() if self.is_at(_OPERATOR_TABLE) else None
            ends = ("", ")", ",", ";", "and", "or", "in", "with", "without", "but")
            if second and self.token.text in ends and self.tokens[self.index - 1].text != "of":
                return self.both(limit, second)
        self.index = start
        return limit or first

    def both(self, one: _Limit, other: _Limit) -> _Limit:
        if one.above > -inf and other.above > -inf or one.below < inf and other.below < inf:
            self.fail("there are two limits on one side", "Give one above and one below.", other.place)
        unit, place = (other.unit, other.place) if other.unit else (one.unit, one.place)
        return _Limit("between", max(one.above, other.above), min(one.below, other.below), unit, place)

    def operands(self) -> list[tuple[float, _Subject, list[_Where] | None]]:
        """Measurements that are added: "S in V1 + R in V5"."""
        operands = [self.operand()]
        while True:
            start, sign = self.index, 0
            if self.accept("+", "plus"):
                sign = 1
            elif self.accept("-", "minus"):
                sign = -1
            if not sign:
                break
            operands.append(self.operand(sign))
        if operands[-1][2] and self.accept("and"):
            try:
                second = self.operand()
                place = self.index
                if second[2] and self.limit():
                    self.index = place
                    return [*operands, second]
            except QuerySyntaxError:
                pass
            self.index = start
        return operands

    def operand(self, sign: float = 1.0) -> tuple[float, _Subject, list[_Where] | None]:
        start = self.index
        factor = self.number()
        if factor is None:
            factor = -1.0 if self.accept("-") else 1.0
        elif not self.accept("*"):
            self.index, factor = start, 1.0
        if self.token.kind == "key":
            subject = _Subject((Term(self.token.text),), is_literal=True)
            self.index += 1
        else:
            subject = self.phrase(_subject_table())
        if not subject:
            what = f"{self.token.text!r} is no measurement" if self.token.text else "a statement is missing"
            self.fail(what, self.suggest("Write such as 'QRS > 120 ms', or the name of a known finding."))
        return sign * factor, subject, self.where() if self.token.text != "of" else None

    def compare(self, left: list[Any]) -> tuple[Expression, list[_Where] | None] | None:
        """One measurement against another."""
        start = self.index
        operator = self.phrase(_OPERATOR_TABLE)
        is_ratio = not operator and self.accept("/")
        if not is_ratio and operator not in _FLIPPED:
            self.index = start
            return None
        right, factor = self.operands(), 1.0
        if is_ratio:
            limit = self.limit()
            if limit is None or operator == "between":
                self.fail("the ratio has no limit", "Write such as 'R/S in V1 > 1'.")
            operator, factor = (">", limit.above) if limit.above > -inf else ("<", limit.below)
        operands = [*left, *((-factor * weight, subject, where) for weight, subject, where in right)]
        limits = {"above": 0.0} if operator in (">", ">=") else {"below": 0.0}
        return self.combine(operands, _Limit(operator, **limits))

    def core(
        self, operands: list[Any], limit: _Limit | None, start: _Token, *, is_present: bool
    ) -> tuple[Expression, list[_Where] | None]:
        """What a statement says, before it is said in which leads."""
        if len(operands) > 1 or operands[0][0] != 1:
            if limit is None:
                self.fail("the sum has no limit", "Write such as '> 3.5 mV'.")
            return self.combine(operands, limit)
        _, subject, where = operands[0]
        if limit:
            return self.compared(subject, limit, start), where
        if subject.meaning is None:
            if is_present:
                return Present(subject.terms[0].key), where
            self.fail(
                f"{self.text[start.start : self.tokens[self.index - 1].end]!r} has no limit",
                "Write such as '> 120 ms' or 'between 60 and 100'.",
            )
        meaning = subject.meaning
        if where and meaning == Present("num_p_waves"):
            meaning = Comparison((Term("p_mv"),), above=0.02)
        return meaning, where

    def compared(self, subject: _Subject, limit: _Limit, start: _Token) -> Expression:
        """A subject within limits of its own."""
        terms, sign = subject.terms, subject.sign
        if not terms:
            self.fail("this wording takes no limit of its own", "Leave the number out.", limit.place)
        base = MEASUREMENTS.get(terms[0].key) or MEASUREMENTS[terms[0].key.rpartition("_")[0]]
        unit = limit.unit or {}
        for dimension, key in _ALTERNATIVES.get(base.name, {}).items():
            if dimension in unit and dimension not in self.units_of(base):
                base, terms = MEASUREMENTS[key], (Term(key),)
        if _PART in unit and base.unit == "beats":
            share = -limit.above if limit.above > -inf else -limit.below
            terms = (*terms, Term("rate_per_min", share * unit[_PART] * STRIP_S / 60))
            return self.comparison(
                terms, 0.0 if limit.above > -inf else -inf, 0.0 if limit.below < inf else inf, start
            )
        factor = self.factor(base, limit)
        above, below = limit.above * factor, limit.below * factor
        if limit.operator in ("left", "right") and base.name != "axis_deg":
            self.fail("only the axis lies left or right of a number", "Write 'above' or 'below'.", start)
        if limit.operator == "bare" and not sign and not base.is_whole:
            self.fail(
                "a number without comparison asks for one exact value", "Write such as '> 120 ms' or '60–100'.", start
            )
        if base.is_whole:
            return self.counted(terms, limit, subject)
        if limit.operator == "=":
            self.fail("no measured number equals another exactly", "Write 'between … and …'.", start)
        if sign == "=" and isinstance(subject.meaning, Comparison):
            above = subject.meaning.above if above == -inf else above
            below = subject.meaning.below if below == inf else below
        elif sign in ("+", "-"):
            above = max(above, 0.0)
        elif limit.operator == "deep" and base.name in ("t_mv", "st_mv", "j_mv", "p_net_mv"):
            sign = "-"
        if sign == "-":
            above, below = -below, -above
        if base.name == "axis_deg" and above > below:
            if above - below > 180:
                return AnyOf((Comparison(terms, above=above), Comparison(terms, below=below)))
            above, below = below, above
        return self.comparison(terms, above, below, start)

    def units_of(self, base: Measurement) -> str:
        """What the numbers of a measurement are of."""
        return _UNIT_OF_MEASUREMENTS.get(base.unit, _COUNT if base.is_whole else _PART)

    def factor(self, base: Measurement, limit: _Limit) -> float:
        """What a number in the unit of a limit is multiplied with."""
        if not limit.unit:
            return 1.0
        kind = self.units_of(base)
        if kind not in limit.unit:
            self.fail(
                f"{limit.place.text!r} is no unit of {base.name}", f"Write the number in {base.unit}.", limit.place
            )
        return limit.unit[kind] / (1000.0 if base.unit == "s" else 1.0)

    def counted(self, terms: tuple[Term, ...], limit: _Limit, subject: _Subject) -> Expression:
        """Limits of whole numbers lie half-way between them, those of keys where they are written."""
        above, below, operator = limit.above, limit.below, limit.operator
        if operator in (">=", "<=", "=", "bare", "between") and not (subject.is_literal and operator == "between"):
            above, below = above - 0.5, below + 0.5
        elif not subject.is_literal:
            above, below = above + 0.5, below - 0.5
        if subject.is_literal or not 0 <= above <= 0.5 and above != -inf and above >= 0 or below not in (0.5, inf):
            return self.comparison(terms, above, below, self.token)
        there = _any_of([Present(term.key) for term in terms])
        return Not(there) if below == 0.5 else there

    def comparison(self, terms: tuple[Term, ...], above: float, below: float, start: _Token) -> Comparison:
        if not above < below:
            self.fail(f"no number lies above {above:g} and below {below:g}", "Give the smaller limit first.", start)
        return Comparison(terms, above, below)

    def combine(self, operands: list[Any], limit: _Limit) -> tuple[Expression, list[_Where] | None]:
        """A sum of measurements, of the same lead or each of its own."""
        shared = operands[-1][2]
        if any(where for _, _, where in operands[:-1]):
            shared = None
        sets = [None if shared or not where else where for _, _, where in operands]
        bases = [self.base_of(subject) for _, subject, _ in operands]
        if len({base.unit for base in bases}) > 1 and limit.unit:
            self.fail("measurements of different units are added", "Add amplitudes to amplitudes.", limit.place)
        factor = self.factor(bases[0], limit)
        choices = [[lead for where in found for lead in where.leads] if found else [""] for found in sets]
        parts = []
        for leads in product(*choices):
            terms = tuple(
                Term(f"{term.key}_{lead}" if lead else term.key, weight * term.weight)
                for lead, (weight, subject, _) in zip(leads, operands, strict=True)
                for term in subject.terms
            )
            parts.append(self.comparison(terms, limit.above * factor, limit.below * factor, self.token))
        is_all = any(where.count == 0 for found in sets if found for where in found)
        return (_all_of(parts) if is_all else _any_of(parts)), shared

    def base_of(self, subject: _Subject) -> Measurement:
        if not subject.terms:
            self.fail("this wording is no number", "Add measurements, such as 'S in V1 + R in V5'.")
        key = subject.terms[0].key
        return MEASUREMENTS.get(key) or MEASUREMENTS[key.rpartition("_")[0]]

    def where(self) -> list[_Where] | None:
        """Leads, if some are named here."""
        start = self.index
        self.accept("in", "of", "at", "over", "across", "for", "on")
        self.accept("lead")
        count = self.quantifier()
        are_contiguous = self.accept(*_CONTIGUOUS.split("|"))
        self.accept("of")
        found = self.lead_sets(count, are_contiguous=are_contiguous)
        if not found:
            self.index = start
        return found

    def quantifier(self) -> int | None:
        """In how many leads: 0 for all."""
        start = self.index
        quantifier = self.phrase(_QUANTIFIER_TABLE)
        if quantifier is not None:
            return quantifier
        operator = self.phrase(_OPERATOR_TABLE)
        number = self.number()
        if number is None or operator not in (None, ">=") or number % 1:
            self.index = start
            return None
        self.phrase(_SUFFIX_TABLE)
        return int(number)

    def lead_sets(self, count: int | None, *, are_contiguous: bool) -> list[_Where] | None:
        start, items, words = self.token, [], set()
        if (count is not None or are_contiguous) and self.accept("lead"):
            items = [(STANDARD_LEADS, True)]
        elif item := self.lead_item():
            items = [item]
            while item := self.next_item(words):
                items.append(item)
        if not items:
            return None
        if {"and", "or"} <= words:
            self.fail("leads beside 'and' and 'or' can be read in two ways", "Write two statements.", start)
        leads = tuple(dict.fromkeys(lead for group, _ in items for lead in group))
        is_group = any(is_group for _, is_group in items)
        if are_contiguous:
            return [_Where(leads, count or 2, True)]
        if count is not None or "or" in words:
            least = min(2, len(leads)) if is_group else 1
            return [_Where(leads, count if count is not None else least)]
        single = tuple(lead for group, is_group in items if not is_group for lead in group)
        groups = [_Where(group, None, is_group=True) for group, is_group in items if is_group]
        return [*groups, *([_Where(tuple(dict.fromkeys(single)), None)] if single else [])]

    def lead_item(self) -> tuple[tuple[str, ...], bool] | None:
        """A lead, a row of leads or a group."""
        self.accept("lead")
        group = self.phrase(_GROUP_TABLE)
        if group:
            self.accept("lead")
            return group, True
        first = _LEADS.get(self.token.text) if self.token.kind == "word" else None
        if not first:
            return None
        self.index += 1
        start = self.index
        if self.accept("to", "-", "through"):
            last = _LEADS.get(self.token.text)
            if last:
                self.index += 1
                low, high = sorted(map(STANDARD_LEADS.index, (first, last)))
                return STANDARD_LEADS[low : high + 1], False
            self.index = start
        self.accept("lead")
        return (first,), False

    def next_item(self, words: set[str]) -> tuple[tuple[str, ...], bool] | None:
        start = self.index
        self.accept(",", "/")
        word = next((word for word in ("and", "or") if self.accept(word)), "")
        item = self.lead_item()
        if not item or self.is_at(_subject_table()):
            self.index = start
            return None
        words.update({word} - {""})
        return item

    def spread(self, core: Expression, where: list[_Where], start: _Token) -> Expression:
        """A statement about one lead, in the leads that are named."""
        if not any(_is_open(atom) for atom in _atoms(core)):
            self.fail("there is one such number of all leads", "Leave the leads out.", start)
        about_t = all(key.startswith("t_") for atom in _atoms(core) for key in _keys(atom))
        parts = []
        for leads, count, are_contiguous, is_group in where:
            if about_t and is_group and leads == LEAD_GROUPS["anterior"]:
                leads = leads[1:]
            if count is None and len(leads) == 1:
                parts.append(_at(core, leads[0]))
                continue
            if count is None:
                count = 1 if self.is_denied else min(2, len(leads)) if is_group else len(leads)
            try:
                parts.append(InLeads(core, leads, count or len(leads), are_contiguous))
            except ValueError as error:
                self.fail(str(error).partition(". ")[0], "Ask for fewer.", start)
        return _all_of(parts)

    def close(self, expression: Expression) -> Expression:
        """Give statements about one lead that name none the leads they are looked at by default."""
        match expression:
            case InLeads():
                return expression
            case Not(part):
                return Not(self.close(part))
            case AtLeast(count, parts):
                return AtLeast(count, tuple(map(self.close, parts)))
            case AllOf(parts) | AnyOf(parts):
                if not all(map(_is_open, parts)):
                    return type(expression)(tuple(map(self.close, parts)))
        if not _is_open(expression):
            return expression
        leads, count = DEFAULT_LEADS.get(next(iter(_keys(next(_atoms(expression))))), ((), 0))
        if not leads:
            self.fail(
                "the leads are missing", "Say in which, such as 'in V1'.", self.places.get(expression, self.tokens[0])
            )
        return InLeads(expression, leads, count, count > 1) if len(leads) > 1 else _at(expression, leads[0])


def _keys(atom: Expression) -> tuple[str, ...]:
    if isinstance(atom, Comparison):
        return tuple(key for key, _ in atom.terms)
    return (atom.key,) if isinstance(atom, Present) else ()


def _is_open(expression: Expression) -> bool:
    """Whether a key of a lead lacks its lead."""
    return not isinstance(expression, InLeads) and any(
        key in MEASUREMENTS and MEASUREMENTS[key].is_per_lead for atom in _atoms(expression) for key in _keys(atom)
    )


@lru_cache(maxsize=1)
def _vocabulary() -> list[str]:
    tables = (_subject_table(), _OPERATOR_TABLE, _LINK_TABLE, _NEGATION_TABLE, _GROUP_TABLE)
    return sorted({word for table in tables for phrase in table for word in phrase.split() if len(word) > 3})


def parse_query(text: str, names: Collection[str] = ()) -> Expression:
    """Read a question about a strip.

    Args:
        text (`str`):
            Such as "wide QRS > 120 ms and no P waves".
        names (`Collection[str]`):
            Findings that may be asked for by name, folded by [`normalize_name`].

    Returns:
        `Expression`: Its tree; `Finding` if the text as a whole is one of the names.

    Raises:
        QuerySyntaxError: If it is no query, with the position from which on it could not be read.

    Example:
        >>> print(parse_query("wide QRS > 130 ms and no P waves"))
        qrs_ms > 130 and not num_p_waves present
    """
    name = normalize_name(text)
    if name in names:
        return Finding(name)
    if len(text) > MAX_CHARACTERS:
        raise QuerySyntaxError(
            text, MAX_CHARACTERS, f"it is longer than {MAX_CHARACTERS} characters", "Ask several questions."
        )
    return _Parser(text, names).read()
