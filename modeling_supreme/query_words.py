"""The words of queries: measurements, units, leads and phrases, and how a text is cut into them.

`query_grammar` reads with them; `docs/queries.md` lists them.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from difflib import get_close_matches
from functools import lru_cache
from math import inf, isfinite
from typing import Any, NamedTuple, NoReturn

from .leads import STANDARD_LEADS, NamedLeads, read_leads


# The apostrophe of word processors and that of keyboards: "rsR\u2019 complex" is "rsR' complex".
APOSTROPHE_FOLD = {"\u2019": "'"}
_FOLDS = str.maketrans({"-": " ", "_": " "} | APOSTROPHE_FOLD)


class Measurement(NamedTuple):
    """What a number of the strip is called, and how it is asked for."""

    name: str  # as the simulator calls it; of a number of every lead, without the lead
    unit: str  # in which it is learnt and printed
    wordings: str  # what people call it, with bars between
    is_per_lead: bool = False  # there is one of every lead, under keys such as `st_mv_V2`
    is_count: bool = False  # 0 where there is nothing to measure; others have no value there

    @property
    def phrases(self) -> tuple[str, ...]:
        """What people call it, in lower case."""
        return tuple(self.wordings.split("|"))

    @property
    def is_whole(self) -> bool:
        """Whether it is a whole number, such as one of beats."""
        return self.is_count and self.unit in ("1", "beats")

    @property
    def dimension(self) -> str:
        """What its unit is of: a key of the values of `UNITS`."""
        return "count" if self.is_whole else DIMENSIONS.get(self.unit, "part")


_EARLY_WIDE = (
    "early wide beats|early broad beats|wide premature beats|premature wide beats|early wide complexes|early and wide"
    "|premature wide qrs complexes|wide and early|premature and wide|pvc|premature ventricular contractions"
)
_EARLY_NARROW = (
    "early narrow beats|narrow premature beats|premature narrow beats|premature narrow qrs complexes|early and narrow"
    "|early beats of normal width|pac|premature atrial contractions"
)
_VENTRICULAR_SPIKES = "ventricular pacing spikes|ventricular pacemaker spikes|pacing spikes before the qrs complexes"
_ATRIAL_SPIKES = "atrial pacing spikes|atrial pacemaker spikes|pacing spikes before the p waves"
_BLOCKED = "blocked p waves|p waves without a qrs complex|dropped beats|non-conducted p waves|nonconducted p waves"
_DISSOCIATED = "av dissociation|atrioventricular dissociation|p waves unrelated to the qrs complexes"
_FLUTTER = "flutter waves|flutter rate|flutter wave rate|saw-tooth atrial waves|saw-tooth waves|sawtooth waves"
_FIBRILLATION = "fibrillation waves|fibrillatory waves|fine irregular atrial waves"
MEASUREMENTS: Mapping[str, Measurement] = {
    measurement.name: measurement
    for measurement in (
        Measurement("rate_per_min", "1/min", "heart rate|ventricular rate|rate|hr"),
        Measurement("atrial_rate_per_min", "1/min", "atrial rate|p wave rate"),
        Measurement("flutter_per_min", "1/min", _FLUTTER, is_count=True),
        Measurement("rr_variation", "1", "rr variation|rr variability"),
        Measurement("longest_rr_s", "s", "longest rr interval|longest rr|longest pause"),
        Measurement("p_ms", "ms", "p duration|p wave duration|p width"),
        Measurement("pr_ms", "ms", "pr interval|pr|pq interval|pq|pr duration"),
        Measurement(
            "pr_range_ms",
            "ms",
            "pr range|range of the pr interval|pr interval that varies|pr varies|pr interval varies",
        ),
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
        Measurement("num_blocked_p_waves", "1", _BLOCKED, is_count=True),
        Measurement("is_dissociated", "1", _DISSOCIATED, is_count=True),
        Measurement("is_fibrillating", "1", _FIBRILLATION, is_count=True),
        Measurement("num_early_wide", "beats", _EARLY_WIDE, is_count=True),
        Measurement("num_early_narrow", "beats", _EARLY_NARROW, is_count=True),
        Measurement("early_period", "beats", "period of the early beats", is_count=True),
        Measurement("longest_wide_run", "beats", "wide beats in a row|longest run of wide beats", is_count=True),
        Measurement("num_ventricular_spikes", "1", _VENTRICULAR_SPIKES, is_count=True),
        Measurement("num_atrial_spikes", "1", _ATRIAL_SPIKES, is_count=True),
        Measurement("p_mv", "mV", "p amplitude|p wave amplitude|p height", is_per_lead=True),
        Measurement("p_net_mv", "mV", "net p wave|larger part of p", is_per_lead=True),
        Measurement("p_terminal_force_mv_ms", "mV ms", "p terminal force|p wave terminal force", is_per_lead=True),
        Measurement("q_mv", "mV", "q amplitude|q depth", is_per_lead=True),
        Measurement("q_ms", "ms", "q duration|q wave duration|q width", is_per_lead=True),
        Measurement("q_excess", "limit", "q excess", is_per_lead=True),
        Measurement("r_mv", "mV", "r amplitude|r wave amplitude|r height", is_per_lead=True),
        Measurement("broad_r_ms", "ms", "wholly positive qrs duration", is_per_lead=True),
        Measurement("late_r_mv", "mV", "late r wave|late r|terminal r wave|terminal r", is_per_lead=True),
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
# What a unit is of, and how much of ms, 1/min, mV, mV ms, degrees, beats or 1 it is. On paper: 25 mm/s and 10 mm/mV.
UNITS: Mapping[str, Mapping[str, float]] = {
    "ms|msec|millisecond": {"time": 1},
    "s|sec|second": {"time": 1000},
    "small square|small box": {"time": 40, "voltage": 0.1},
    "large square|large box|big square|big box": {"time": 200, "voltage": 0.5},
    "mv|millivolt": {"voltage": 1},
    "uv|\u00b5v|\u03bcv|microvolt": {"voltage": 0.001},
    "mm|millimeter|millimetre": {"voltage": 0.1},
    "/min|/minute|per minute|per min|a minute|bpm|beats per minute|beats/min|beats/minute": {"rate": 1},
    "hz|hertz|per second|/s": {"rate": 60},
    "mv ms|mv*ms": {"force": 1},
    "mm ms|mm*ms": {"force": 0.1},
    "mm s|mm*s|mm sec": {"force": 100},
    "deg|degree|\u00b0": {"angle": 1},
    "beat|complex|qrs complex": {"count": 1},
    "%|percent|per cent|% of beats|percent of beats|% of all beats|% of qrs complexes": {"part": 0.01},
}
DIMENSIONS = {"ms": "time", "s": "time", "1/min": "rate", "mV": "voltage", "mV ms": "force", "deg": "angle"}
STRIP_S = 10.0  # in which the beats of a share are counted
SMALLEST_WAVE_MV = 0.03  # IEC 60601-2-51:2003, Annex GG.5
# Where a statement about one lead is looked at that names none: leads, and in how many side by side. Others must name
# one: an R wave of 1 mV says nothing without its lead.
DEFAULT_LEADS: Mapping[str, tuple[tuple[str, ...], int]] = {
    **dict.fromkeys(("st_mv", "st_elevation_ratio", "j_mv", "q_excess", "q_mv", "q_ms"), (STANDARD_LEADS, 2)),
    **dict.fromkeys(("t_mv", "t_size_mv", "t_high_mv", "t_low_mv"), (STANDARD_LEADS, 2)),
    **dict.fromkeys(("p_mv", "p_net_mv"), (("II",), 1)),
    **dict.fromkeys(("r_prime_mv", "late_r_mv"), (("V1", "V2"), 1)),
    "p_terminal_force_mv_ms": (("V1",), 1),
    "u_mv": (("V2", "V3", "V4"), 1),
}


# What a phrase says without a limit of its own; in brackets, what a limit of its own is about, if not the measurement
# of the meaning, whose other limit then stays: behind "+" and "-", how far it lies above and below zero; the source of
# the limit (`measured_findings.py` of the terminology has the works in full); the phrases.
_WORDINGS = """
rate_per_min > 100 ; Page et al. 2016 ; fast heart rate|fast rate|rapid heart rate|rapid rate|short rr intervals
rate_per_min > 140 ; Own choice ; very fast heart rate|very fast rate|very short rr intervals
rate_per_min < 60 ; Surawicz & Knilans 2008 ; slow heart rate|slow rate
rate_per_min < 50 ; Kusumoto et al. 2019 ; very slow heart rate|very slow rate|very long rr intervals
rate_per_min between 60 and 100 ; Surawicz & Knilans 2008 ; normal heart rate|normal rate|usual ventricular rate
rr_variation > 0.1 ; Own choice ; irregular rhythm|irregular rr intervals|irregular rr|irregular rate|rhythm irregular
    |rr irregular|irregularly irregular rhythm|irregularly timed qrs complexes
rr_variation < 0.05 ; Own choice ; regular rhythm|regular rr intervals|regular rr|regular rate|rhythm regular
    |rr regular|evenly timed qrs complexes
longest_rr_s > 2 [longest_rr_s] ; Own choice ; pause|ventricular pause|long pause
num_p_waves present [num_p_waves] ; By definition ; p waves|p|p waves before the qrs complexes
p_ms > 120 ; Hancock et al. 2009 ; broad p wave|wide p wave|prolonged p wave|long p wave|long p wave duration
p_mv > 0.25 ; Hancock et al. 2009 ; tall p wave|tall p|high p wave|peaked p wave|high pointed p wave|high p amplitude
p_net_mv < -0.02 [-p_net_mv] ; Own choice ; negative p wave|negative p|inverted p wave|inverted p|p wave inverted
p_net_mv > 0.02 [+p_net_mv] ; Own choice ; positive p wave|positive p|upright p wave|upright p|p wave upright
p_net_mv_II < -0.02 and p_net_mv_aVF < -0.02 ; Surawicz & Knilans 2008 ; retrograde p waves
p_terminal_force_mv_ms > 4 ; Morris et al. 1964 ; large negative end of p|deep terminal p wave|negative terminal p wave
pr_ms > 200 ; Kusumoto et al. 2019 ; long pr interval|long pr|prolonged pr interval|prolonged pr|pr prolongation
pr_ms < 120 ; Surawicz et al. 2009 ; short pr interval|short pr|shortened pr interval
pr_ms between 120 and 200 ; Kusumoto et al. 2019 ; normal pr interval|normal pr
pr_range_ms > 40 ; Own choice ; changing pr interval|changing pr|varying pr interval|varying pr|variable pr interval
qrs_ms > 120 ; Surawicz et al. 2009 ; wide qrs|wide qrs complex|broad qrs|broad qrs complex|prolonged qrs|qrs wide
    |prolonged qrs duration|qrs prolongation|qrs broad|wide complexes|broad complexes
qrs_ms between 100 and 120 ; Own choice ; slightly wide qrs complex|slightly wide qrs
qrs_ms < 120 ; Page et al. 2016 ; narrow qrs|narrow qrs complex|qrs narrow|narrow complexes
qrs_ms < 110 ; Surawicz et al. 2009 ; normal qrs duration|normal qrs width
qtc_ms > 480 ; Priori et al. 2015 ; long qt|long qt interval|prolonged qt|prolonged qt interval|long qtc|prolonged qtc
    |long qtc interval|prolonged qtc interval|qt prolongation|long qt for the heart rate
qtc_ms > 450 ; Rautaharju et al. 2009 (men) ; slightly long qt|slightly long qt for the heart rate
qtc_ms > 500 ; Drew et al. 2010 ; very long qt|very long qt for the heart rate
qtc_ms < 350 ; Gollob et al. 2011 ; short qt|short qt interval|shortened qt interval|short qt for the heart rate
axis_deg between -90 and -30 ; Surawicz et al. 2009 ; left axis|left axis deviation|left qrs axis|axis to the left
    |axis deviated to the left|axis to the upper left
axis_deg between 90 and 180 ; Surawicz et al. 2009 ; right axis|right axis deviation|right qrs axis|axis to the right
    |axis deviated to the right|axis to the lower right
axis_deg between -30 and 90 ; Surawicz et al. 2009 ; normal axis|normal qrs axis|axis normal
axis_deg between -180 and -90 ; By definition ; extreme axis|extreme axis deviation|northwest axis|right superior axis
    |qrs axis in the upper right quadrant
limb_voltage_mv < 0.5 or chest_voltage_mv < 1 ; Chinitz et al. 2008 ; low voltage|low qrs voltage
limb_voltage_mv < 0.5 ; Chinitz et al. 2008 ; low voltage in the limb leads|low voltage of the limb leads
    |limb low qrs voltage|low qrs voltage in the limb leads
chest_voltage_mv < 1 ; Chinitz et al. 2008 ; low voltage in the chest leads|low voltage of the chest leads
    |low voltage in precordial leads|precordial low qrs voltage|low qrs voltage in precordial leads
limb_voltage_mv > 2 ; Romhilt & Estes 1968 ; high voltage in the limb leads|high voltage of the limb leads
sokolow_lyon_mv > 3.5 ; Hancock et al. 2009 ; sokolow-lyon criterion|positive sokolow-lyon|sokolow-lyon positive
cornell_ratio > 1 [cornell_mv] ; Hancock et al. 2009 ; cornell criterion|positive cornell|cornell sum above its limit
delta_wave_ms > 20 ; Own choice ; delta wave|slow start of the qrs complex|slow start of the qrs|slurred initial qrs
    |slurred start of the qrs|slurred start of the qrs complex|delta wave at the onset of qrs
q_excess > 1 [q_mv] ; Thygesen et al. 2018 ; q wave|q|pathological q wave|pathological q|pathologic q wave|pathologic q
    |abnormal q wave|significant q wave|deep q wave|deep q|pathological q or qs|initial negative deflection
q_mv > 0.03 ; IEC 60601-2-51:2003 ; small q wave|small q|any q wave|septal q wave|septal q
r_mv > 0.03 [r_mv] ; IEC 60601-2-51:2003 ; r wave|r
r_mv < 0.03 ; Thygesen et al. 2018 ; qs complex|qs wave|qs|qs pattern|wholly negative qrs|wholly negative qrs complex
r_mv < 0.3 ; Zema & Kligfield 1982 ; small r wave|small r|low r wave|low r
r_to_s > 1 ; Hancock et al. 2009 ; dominant r wave|dominant r|predominant r wave|predominant r|positive qrs
    |mainly positive qrs|upright qrs|qrs positive
r_to_s_V1 > 1 ; Hancock et al. 2009 ; tall r wave in v1|tall r in v1
r_to_s < 1 ; By definition ; dominant s wave|dominant s|negative qrs|mainly negative qrs|qrs negative
broad_r_ms > 100 ; Own choice ; broad r wave|broad r|broad r wave without q or s|wholly positive wide qrs
    |wholly positive qrs|notched broad r|monophasic r wave|monophasic r
r_prime_mv > 0.05 [r_prime_mv] ; Own choice ; r'|r' wave|second r wave|rsr'|rsr' pattern|rsr' complex|rsr|rsr pattern
    |late positive deflection of the qrs
s_mv > 0.03 [s_mv] ; IEC 60601-2-51:2003 ; s wave|s
s_mv > 1.5 ; Own choice ; deep s wave|deep s
s_ms > 40 ; Surawicz et al. 2009 ; broad s wave|broad s|wide s wave|wide s|slurred s wave|slurred s
st_elevation_ratio > 1 [+st_mv] ; Thygesen et al. 2018 ; st elevation|st segment elevation|ste|elevated st segment
    |raised st segment|st segment raised|st segment elevated|st elevated|elevated st|st above the baseline
    |st segment above the baseline
st_mv < -0.05 [-st_mv] ; Thygesen et al. 2018 ; st depression|st segment depression|std|depressed st segment
    |lowered st segment|st segment lowered|st segment depressed|st depressed|depressed st|st below the baseline
    |st segment below the baseline
j_mv > 0.1 [+j_mv] ; Macfarlane et al. 2015 ; j point elevation|raised j point|elevated j point|j point elevated
    |raised end of qrs|j point above the baseline
t_mv < -0.1 [-t_mv] ; Rautaharju et al. 2009 ; t inversion|t wave inversion|twi|inverted t wave|inverted t
    |negative t wave|negative t|t wave inverted|t inverted|t wave negative|t negative
t_mv > 0.1 [+t_mv] ; Rautaharju et al. 2009 ; upright t wave|upright t|positive t wave|positive t|t wave upright
t_size_mv < 0.1 ; Rautaharju et al. 2009 ; flat t wave|flat t|low t wave|low t|low amplitude t wave|flattened t wave
    |t wave flat|t wave flattening|t wave flattened
t_mv > 1 ; Own choice ; tall t wave|tall t|very tall t wave|high t wave|peaked t wave|peaked t
t_high_mv > 0.1 and t_low_mv < -0.1 ; Rautaharju et al. 2009 ; biphasic t wave|biphasic t|t wave biphasic
u_mv > 0.1 [u_mv] ; Weaver & Burchell 1960 ; u wave|u|large u wave|prominent u wave
num_early_wide present or num_early_narrow present [num_early_wide + num_early_narrow] ; Surawicz & Knilans 2008 ;
     early beats|premature beats|early complexes|premature complexes|ectopic beats
early_period between 1.5 and 2.5 ; By definition ; every second beat early|every other beat early|bigeminal grouping
early_period between 2.5 and 3.5 ; By definition ; every third beat early|trigeminal grouping
longest_wide_run > 2.5 ; Al-Khatib et al. 2018 ; run of wide beats|run of wide complexes|salvo of broad beats
num_ventricular_spikes present or num_atrial_spikes present [num_ventricular_spikes + num_atrial_spikes] ;
     By definition ; pacing spikes|pacemaker spikes|pacer spikes
"""


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


class Wording(NamedTuple):
    """A row of the table above. The sign of its measure, or "=" beside the limits of the meaning where it has none."""

    meaning: str
    measure: str
    source: str
    phrases: tuple[str, ...]


def _read_wording(line: str) -> Wording:
    found = re.fullmatch(r"(.*?)(?: \[(.*)\])? ?; ?(.*?) ?; ?(.*)", line)
    meaning, measure, source, phrases = found.groups("") if found else [""] * 4
    return Wording(meaning, measure, source, tuple(phrases.split("|")))


WORDINGS = tuple(map(_read_wording, re.sub(r"\n +", "", _WORDINGS).strip().splitlines()))
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
_FLIPPED = {">": "<", ">=": "<=", "\u2265": "<=", "<": ">", "<=": ">=", "\u2264": ">="}
_LINKS = {
    "and|with|but|&|together with|along with|as well as|combined with|in combination with|in the presence of": "and",
    "or|and/or": "or",
}
_NEGATIONS = {
    "not": "not",
    "no|without|absence of|absent|missing|lack of|loss of|in the absence of|in absence of|free of": "no",
}
_NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
# Words that say nothing here
_FILLERS = {"the", "is", "are", "was", "were", "be", "visible", "has", "have", "having", "there", "these", "those"}
# What else a phrase may be about, by what the unit is of
DIMENSION_NAMES = {
    "num_p_waves": {"voltage": "p_mv", "time": "p_ms", "rate": "atrial_rate_per_min"},
    "qrs_ms": {"voltage": "r_mv + s_mv"},
    "q_mv": {"time": "q_ms"},
    "r_mv": {"time": "broad_r_ms"},
    "s_mv": {"time": "s_ms"},
}
SIGNED = ("t_mv", "st_mv", "j_mv", "p_net_mv")  # negative downwards; Q and S are positive
_KEYS = {
    key.lower(): key
    for name, measurement in MEASUREMENTS.items()
    for key in (name, *(f"{name}_{lead}" for lead in STANDARD_LEADS * measurement.is_per_lead))
}
_BOUNDARIES = ("", ")", ",", ";", "and", "or", "in", "with", "without", "but")  # behind a whole limit


class QuerySyntaxError(ValueError):
    """A text is no query of this language: from the character `position` on, from 0, `text` could not be read."""

    def __init__(self, text: str, position: int, problem: str, remedy: str) -> None:
        start, stop = max(0, position - 40), position + 40
        shown = f"{'…' * (start > 0)}{text[start:stop]}{'…' * (stop < len(text))}"
        super().__init__(f"{shown!r} is no query: at character {position}, {problem}. {remedy}")
        self.text, self.position = text, position


class Token(NamedTuple):
    """A piece of a text: its kind (number, word, key, name, mark, end), what it says, and where it lies."""

    kind: str
    text: str
    start: int
    end: int


# One character for one, so that positions stay
_SAME = str.maketrans("\u2212\u2010\u2011\u2012\u2013\u2014\u2019\u2018\u201c\u201d\u00d7\u00b7", "------''\"\"**")
_TOKEN = re.compile(
    r'"(?P<name>(?:[^"]|"")+)"|(?P<number>(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)(?:e[+-]?[0-9]+)?)'
    r"|(?P<word>[^\W\d_][\w']*)|(?P<mark>>=|<=|==|=>|=<|\S)",
    re.IGNORECASE,
)
_PARTS = re.compile(r"^[pqrstuj](?=(?:v[1-6]|av[rlf])$)|(?<=^[pqrstuj])(?:v[1-6]|av[rlf])$|[^_]+")  # SV1, RaVL
_FIRST_WORD = re.compile(r"[^\W_]+|\S")
# A hyphen within words is a blank, one between leads or before a key is not
_HYPHEN = re.compile(r"(?<=\w)-(?=[^\W\d_])(?!(?:a?v[1-6rlf]|i{1,3})\b)", re.IGNORECASE)


def _tokenize(text: str) -> Iterator[Token]:
    """Cut a text into tokens."""
    for match in _TOKEN.finditer(text):
        kind, start, end = match.lastgroup or "mark", *match.span()
        if kind == "word":
            yield from _split_word(text[start:end].lower(), start)
        elif kind == "name":
            yield Token(kind, match["name"].replace('""', '"'), start, end)
        elif not _HYPHEN.match(text, start):
            yield Token(kind, match[0].lower(), start, end)


def _split_word(word: str, start: int) -> Iterator[Token]:
    """A key, or words in the singular, without underscores, fillers, and a lead stuck to them."""
    if "_" in word and word in _KEYS:
        yield Token("key", _KEYS[word], start, start + len(word))
        return
    for part in _PARTS.finditer(word):
        if part[0] not in _FILLERS:
            yield Token("word", _to_singular(part[0]), start + part.start(), start + part.end())


def _to_singular(word: str) -> str:
    if len(word) < 4 or not word.endswith("s") or word.endswith(("ss", "us", "is")):
        return word
    return word[:-2] if word.endswith("xes") else word[:-1]


def _table(values: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Values of phrases, which stand with bars between, by the first word of a phrase and then the phrase."""
    table: dict[str, dict[str, Any]] = {}
    for phrases, value in values.items():
        for phrase in phrases.split("|"):
            words = [token.text for token in _tokenize(phrase)]
            table.setdefault(words[0], {})[" ".join(words)] = value
    return table


OPERATORS, SUFFIXES, LINKS, NEGATIONS = map(_table, (_OPERATORS, _SUFFIXES, _LINKS, _NEGATIONS))
_UNIT_TABLE = _table(UNITS)
PHRASES = _table(
    {measurement.wordings: measurement for measurement in MEASUREMENTS.values()}
    | {"|".join(wording.phrases): wording for wording in WORDINGS}
)


class Limit(NamedTuple):
    """Limits as they are written, whether they count themselves, and their unit with its place."""

    above: float = -inf
    below: float = inf
    closes_above: bool = False
    closes_below: bool = False
    unit: Mapping[str, float] | None = None
    place: Token | None = None
    operator: str = ""


@lru_cache(maxsize=8)
def _by_first_word(names: frozenset[str]) -> dict[str, list[str]]:
    """Names that begin with a word, the longest first."""
    index: dict[str, list[str]] = {}
    for name in sorted(filter(_FIRST_WORD.match, names), key=len, reverse=True):
        index.setdefault(_FIRST_WORD.findall(name)[0], []).append(name)
    return index


class WordReader:
    """Tokens of a text, read from left to right: words of tables, numbers and limits."""

    def __init__(self, text: str, names: Collection[str]) -> None:
        self.names = _by_first_word(frozenset(names))
        self.text, self.folded = text, text.translate(_SAME)
        self.tokens = [*_tokenize(self.folded), Token("end", "", len(text), len(text))]
        self.index = 0

    @property
    def token(self) -> Token:
        """The next one."""
        return self.tokens[self.index]

    def fail(self, problem: str, remedy: str, token: Token | None = None) -> NoReturn:
        """Refuse the text at a token; `{}` in the problem stands for it."""
        token = token or self.token
        shown = repr(self.text[token.start : min(token.end, token.start + 40)]) if token.text else "the end"
        raise QuerySyntaxError(self.text, token.start, problem.replace("{}", shown), remedy)

    def accept(self, *texts: str) -> bool:
        """Read one of these words or marks, if it is next."""
        is_next = self.token.kind in ("word", "mark") and self.token.text in texts
        self.index += is_next
        return is_next

    def phrase(self, table: Mapping[str, Any]) -> Any:
        """Read the longest phrase of a table that is next; `None` if there is none."""
        phrases = {} if self.token.kind == "name" else table.get(self.token.text, {})
        for end in range(min(self.index + 12 * bool(phrases), len(self.tokens) - 1), self.index, -1):
            key = " ".join(token.text for token in self.tokens[self.index : end])
            if key in phrases:
                self.index = end
                return phrases[key]
        return None

    def is_next(self, table: Mapping[str, Any], offset: int = 0) -> bool:
        """Whether a phrase of a table is next, or so many words behind it."""
        start = self.index
        self.index = min(start + offset, len(self.tokens) - 1)
        found = self.phrase(table) is not None
        self.index = start
        return found

    def suggest(self, remedy: str) -> str:
        """The remedy, behind the word that may have been meant by the next."""
        known = " ".join(
            word for table in (PHRASES, OPERATORS, LINKS) for rows in table.values() for word in rows
        ).split()
        words = sorted({word for word in known if len(word) > 3} - {self.token.text})
        close = get_close_matches(self.token.text, words, 1, 0.75)
        return f"Did you mean {close[0]!r}? {remedy}" if close else remedy

    def link(self) -> tuple[str, Token] | None:
        """What joins two statements, if it is next; "without" is "and" and a negation, which stays."""
        token = self.token
        comma = "," if self.accept(",", ";") else None
        word = self.phrase(LINKS) or comma
        if not word and token.text in ("without", "in") and self.is_next(NEGATIONS):
            word = "and"
        return (word, token) if word else None

    def find_name(self) -> tuple[str, int]:
        """The longest name of a finding that is next, and the place of the token behind it."""
        start = self.token.start
        first = _FIRST_WORD.match(self.folded, start)
        for name in self.names.get(first[0].lower(), ()) if first else ():
            pattern = r"[\s_-]+".join(map(re.escape, name.split())) + r"(?![\w'])"
            found = re.compile(pattern, re.IGNORECASE).match(self.folded, start)
            if found:
                return name, next(i for i, token in enumerate(self.tokens) if token.start >= found.end())
        return "", 0

    def number(self) -> float | None:
        """A number in digits or in words, if it is next."""
        start = self.index
        sign = -1.0 if self.accept("-") else 1.0 + 0 * self.accept("+")
        token = self.token
        if token.kind != "number" and token.text not in _NUMBERS:
            self.index = start
            return None
        value = float(token.text) if token.kind == "number" else float(_NUMBERS.index(token.text))
        self.index += 1
        if not isfinite(value) or re.match(r",\d", self.folded[token.end : token.end + 2]):
            self.fail("{} is no number here", "Write a decimal point, a blank behind a comma, or less digits.", token)
        return sign * value

    def limit(self, *, is_first: bool = False) -> Limit | None:
        """Limits with their unit, if they are next; before what they are about, "60 <" is "> 60"."""
        start, operator, filler = self.index, self.phrase(OPERATORS), ""
        if operator is None and not is_first:
            filler = next((word for word in ("in", "of", "at", "by", "from") if self.accept(word)), "")
            operator = self.phrase(OPERATORS)
        is_between = operator is None and self.accept("between", *["from"] * is_first)
        low, suffix, place = self.number(), self.phrase(SUFFIXES), self.token
        unit = self.phrase(_UNIT_TABLE)
        if low is None or self.token.text == "*" or (filler == "in" and "part" not in (unit or {})):
            self.index = start
            return None
        if is_between or (operator is None and self.token.text in ("-", "to")):
            return self.second_limit(low, unit)
        operator = operator or suffix or self.phrase(SUFFIXES)
        if operator is None and is_first and self.token.text in _FLIPPED:
            operator = _FLIPPED[self.token.text]
            self.index += 1
        above = low if operator not in ("<", "<=", "left") else -90.0 if operator == "left" else -inf
        below = low if operator in ("<", "<=", "left", "=") else 180.0 if operator == "right" else inf
        closes = operator not in ("<", ">")
        return Limit(above, below, closes, closes, unit, place, operator or "bare")

    def second_limit(self, low: float, own_unit: Mapping[str, float] | None) -> Limit:
        """The rest of "between 60 and 100 /min"."""
        high = self.number() if self.accept("-", "to", "and") else None
        if high is None:
            self.fail("the second limit is missing before {}", "Write such as 'between 60 and 100'.")
        place = self.token
        unit = self.phrase(_UNIT_TABLE) or own_unit
        if own_unit not in (None, unit):
            self.fail("the limits have two units", "Write both in one.", place)
        return Limit(low, high, True, True, unit, place, "between")

    def limits(self, first: Limit | None) -> Limit | None:
        """The limits behind a measurement, together with one before it, or two with "and" between."""
        limit, start = self.limit(), self.index
        if limit and not first:
            joined = self.accept("and", "but", ",") and self.is_next(OPERATORS) and self.limit()
            if joined and self.token.text in _BOUNDARIES:
                first, limit = limit, joined
            else:
                self.index = start
        if not first or not limit:
            return first or limit
        if (first.above > -inf) == (limit.above > -inf) or (first.below < inf) == (limit.below < inf):
            self.fail("there are two limits on one side", "Give one above and one below.", limit.place)
        low, high = (first, limit) if first.above > -inf else (limit, first)
        closes = low.closes_above, high.closes_below
        return Limit(low.above, high.below, *closes, limit.unit or first.unit, limit.place, "between")

    def where(self) -> list[NamedLeads] | None:
        """Leads, if they are next."""
        words = [re.sub(r"\s", "_", token.text) for token in self.tokens[self.index : self.index + 60]]
        try:
            named, num_words = read_leads(words, lambda place: self.is_next(PHRASES, place))
        except ValueError as error:
            self.fail(str(error), "Write two statements.")
        self.index += num_words
        return named or None

    def scaled(self, limit: Limit, measurement: Measurement) -> tuple[float, float]:
        """Limits in the unit of a measurement, if they have none of their own."""
        if not limit.unit:
            return limit.above, limit.below
        if measurement.dimension not in limit.unit:
            remedy = f"Write the number in {measurement.unit}."
            self.fail(f"{{}} is no unit of {measurement.name}", remedy, limit.place)
        factor = limit.unit[measurement.dimension] / (1000 if measurement.unit == "s" else 1)
        return round(limit.above * factor, 10), round(limit.below * factor, 10)
