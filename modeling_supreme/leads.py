"""Names of the 12 standard leads, and what follows from them: order, aliases, exact limb leads."""

import itertools
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np


STANDARD_LEADS = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")

# What people call several leads, with bars between the names
LEAD_GROUPS: Mapping[str, tuple[str, ...]] = {
    "inferior": ("II", "III", "aVF"),
    "lateral": ("I", "aVL", "V5", "V6"),
    "high lateral": ("I", "aVL"),
    "low lateral|left precordial|left chest": ("V5", "V6"),
    "septal|first chest|first two chest": ("V1", "V2"),
    "anteroseptal|right precordial|right chest": ("V1", "V2", "V3"),
    "anterior": ("V1", "V2", "V3", "V4"),
    "anterolateral": ("I", "aVL", "V3", "V4", "V5", "V6"),
    "inferolateral": ("II", "III", "aVF", "I", "aVL", "V5", "V6"),
    "chest|precordial": STANDARD_LEADS[6:],
    "limb|frontal|extremity": STANDARD_LEADS[:6],
    "12|twelve": STANDARD_LEADS,
}
# Leads that lie side by side; -aVR, which lies between I and II, is not recorded. Source: Thygesen et al. 2018,
# Circulation 138:e618.
NEIGHBOURS = (("aVL", "I"), ("II", "aVF", "III"), STANDARD_LEADS[6:])
_BY_LOWER_NAME = {lead.lower(): lead for lead in STANDARD_LEADS}
_BY_GROUP = {name: leads for names, leads in LEAD_GROUPS.items() for name in names.split("|")}
_COUNTS = ("one", "two", "three", "four", "five", "six")
_HOW_MANY = re.compile(
    r"(?:(?:in|of|at|over|across|for|on) )?(?:lead )?"
    r"(?:(?P<all>all|each|every one|every|both) |(?P<any>any one|any|an?|some|either) "
    rf"|(?:(?:at least|>=|\u2265) )?(?P<number>[1-9][0-9]?|{'|'.join(_COUNTS)}) (?:or more )?)?"
    r"(?:of )?(?P<side>(?:contiguous|adjacent|neighbou?ring|consecutive) )?(?:of )?"
)
_LEADS = re.compile(
    rf"(?:lead )?(?:(?P<first>{(names := '|'.join(_BY_LOWER_NAME))}) (?:(?:to|-|through) (?P<last>{names}) )?"
    rf"|(?P<group>{'|'.join(sorted(_BY_GROUP, key=len, reverse=True))}) )(?:lead )?"
)
_NEXT_LEAD = re.compile(r"(?:[,/] )?(?:(and|or) )?")

# A lead is a voltage between electrodes, so two bipolar limb leads fix the other four: lead = a * I + b * II.
# Source: Einthoven 1908 (II = I + III); Goldberger 1942 (augmented leads).
LIMB_LEADS = {
    "I": (1.0, 0.0),
    "II": (0.0, 1.0),
    "III": (-1.0, 1.0),
    "aVR": (-0.5, -0.5),
    "aVL": (1.0, -0.5),
    "aVF": (-0.5, 1.0),
}
BIPOLAR_LEADS = ("I", "II", "III")

# Share of the energy of the limb leads that may contradict the identities, and how much less of it an exchange must
# leave to be suspected: see `benchmarks/presence.py` for what real records have. Ours.
MAX_CONTRADICTION, BETTER_SHARE = 0.02, 0.1
ARMS_CORRELATION = -0.6

# How the world spells the twelve, besides upper and lower case. One name per line of a source:
# - DI, DII, DIII, D1 ...: Latin America and Portugal, as in CODE-15 %; LI, L1 ...: older carts and EDF exports;
# - C1 to C6: IEC 60601-2-25:2011, table of lead designations, the second code beside AHA's V1 to V6;
# - Roman numerals of Unicode fold to letters by NFKC.
_SPELLINGS = {
    **{lead.upper(): lead for lead in STANDARD_LEADS},
    **{f"{prefix}{number}": lead for prefix in "DL" for number, lead in zip("123", STANDARD_LEADS, strict=False)},
    **{f"{prefix}{lead}": lead for prefix in "DL" for lead in ("I", "II", "III")},
    **{f"C{number}": f"V{number}" for number in range(1, 7)},
}
# Electrodes moved from the limbs to the torso, as in the MIT-BIH records (Mason and Likar 1966), bipolar in place of
# unipolar chest leads (Marriott and Fogg 1970), and VR, VL, VF, which carts print for the augmented leads though
# Wilson's were a third smaller: near the standard lead, and said to be another.
_MODIFIED = {
    **{f"ML{lead}": lead for lead in ("I", "II", "III")},
    **{f"{prefix}{number}": f"V{number}" for prefix in ("MV", "MCL") for number in range(1, 7)},
    **{lead[1:].upper(): lead for lead in ("aVR", "aVL", "aVF")},
}
# Frank's orthogonal leads, by the names of PTB (vx) and of vectorcardiographs (X).
_FRANK = {"X", "Y", "Z", "VX", "VY", "VZ", "FRANKX", "FRANKY", "FRANKZ"}
# Electrode places that the 12 leads do not have: right and posterior chest leads, Cabrera's electrodes.
_OTHER_LEADS = re.compile(r"V[1-9]R|C[1-9]R|V[789]|C[789]|RV[1-6]|E?A[IS]|ES")
# With one of these in the file, C3 and C4 are the scalp's. Source: the 10-20 system.
_SCALP = re.compile(
    r"(?:FP[12Z]|F[3478Z]|O[12Z]|P[34Z]|T[3-6]|CZ|[AM][12]|C[34][-:/ ]?[AM][12])(?:[-:/ ].*)?|E[EO]G.*"
)
# What stands around a name: "Lead I", "ECG I", "EKG_V1", "MDC_ECG_LEAD_I" (HL7 aECG, DICOM), "V1-REF", "I [mV]".
_PREFIX = re.compile(
    r"^(?:MDC[ _]?)?(?:(?:12[ _-]?L(?:EAD)?|ECG|EKG|ELEC|CHANNEL|CH)[ _:.-]*)?(?:(?:LEADS?|DERIVATION|ABL)[ _:.-]*)?"
)
_SUFFIX = re.compile(r"(?:[ _:.-]*(?:REF(?:ERENCE)?|AVG|WCT|LEAD|ECG|EKG|SIGNAL|RAW))$")
_UNIT = re.compile(
    r"[ _]*(?:[\[({]\s*(?P<bracketed>[NMUµ]?V(?:OLTS?)?|(?:MILLI|MICRO)VOLTS?)\s*[\])}]|[ _](?P<bare>[MUµ]V))\s*$",
    re.IGNORECASE,
)
# Hyphen, minus sign and en dash
_SIGN = re.compile("^(?:[-\u2212\u2013][ _]?|(?:MINUS|INVERTED|INV|NEG(?:ATIVE)?)[ _-])")
_SIGN_AFTER = re.compile(r"[ _-]*[({\[]?(?:INVERTED|INV|NEG(?:ATIVE)?)[)}\]]?$")


class NamedLeads(NamedTuple):
    """Leads as a sentence names them.

    Attributes:
        leads (`tuple[str, ...]`):
            Standard names.
        count (`int`, *optional*):
            In how many of them something is looked for, 0 in all; none where the sentence does not say.
        are_contiguous (`bool`):
            Whether these lie side by side.
        is_group (`bool`):
            Whether they were named by one word, such as "inferior".
    """

    leads: tuple[str, ...]
    count: int | None = None
    are_contiguous: bool = False
    is_group: bool = False


def read_leads(words: Sequence[str], is_statement: Callable[[int], bool]) -> tuple[list[NamedLeads], int]:
    """Read the leads with which words begin: "in at least two of II, III and aVF", "inferior leads", "V1 to V3".

    Args:
        words (`Sequence[str]`):
            In lower case and in the singular.
        is_statement (`Callable`):
            Whether something other than leads begins at a word: what is named before it belongs to that.

    Returns:
        `tuple[list[NamedLeads], int]`: What is named, each for itself where "and" joins groups, and how many words
        that takes; nothing where no lead is named.

    Raises:
        ValueError: If both "and" and "or" stand between leads.

    Example:
        >>> read_leads("in at least two of ii , iii and avf".split(), lambda place: False)
        ([NamedLeads(leads=('II', 'III', 'aVF'), count=2, are_contiguous=False, is_group=False)], 10)
    """
    text = " ".join(words) + " "
    how_many = _HOW_MANY.match(text)
    place, items, links = how_many.end() if how_many else 0, [], set()
    link = None
    while found := _LEADS.match(text, link.end() if link else place):
        if link and is_statement(text.count(" ", 0, found.end())):
            break
        items.append(found)
        links |= {link[1]} - {None} if link else set()
        place = found.end()
        link = _NEXT_LEAD.match(text, place)
    count, is_side = _count_of(how_many), bool(how_many and how_many["side"])
    if not items and (count is not None or is_side) and text.startswith("lead ", place):
        return [NamedLeads(STANDARD_LEADS, count or 2 * is_side, is_side)], text.count(" ", 0, place) + 1
    if len(links) > 1:
        raise ValueError("leads beside 'and' and 'or' can be read in two ways")
    if not items:
        return [], 0
    return _join_leads(items, count, is_side, is_any="or" in links), text.count(" ", 0, place)


def _count_of(how_many: re.Match[str] | None) -> int | None:
    """In how many leads: 0 for all."""
    if how_many is None or not (how_many["all"] or how_many["any"] or how_many["number"]):
        return None
    number = how_many["number"] or ""
    return int(number) if number.isdigit() else _COUNTS.index(number) + 1 if number else int(bool(how_many["any"]))


def _join_leads(
    items: Sequence[re.Match[str]], count: int | None, are_contiguous: bool, *, is_any: bool
) -> list[NamedLeads]:
    named = []
    for item in items:
        first, last = (_BY_LOWER_NAME.get(item[name] or item["first"]) for name in ("first", "last"))
        low, high = sorted(STANDARD_LEADS.index(lead) if lead else 0 for lead in (first, last))
        named.append(_BY_GROUP.get(item["group"]) or STANDARD_LEADS[low : high + 1])
    leads = tuple(dict.fromkeys(itertools.chain(*named)))
    has_groups = any(item["group"] for item in items)
    if are_contiguous:
        return [NamedLeads(leads, count or 2, True)]
    if count is not None or is_any:
        default = min(2, len(leads)) if has_groups else 1
        return [NamedLeads(leads, default if count is None else count, is_group=has_groups and len(items) == 1)]
    groups = [NamedLeads(leads, is_group=True) for leads, item in zip(named, items, strict=True) if item["group"]]
    single = [leads for leads, item in zip(named, items, strict=True) if not item["group"]]
    return [*groups, *([NamedLeads(tuple(dict.fromkeys(itertools.chain(*single))))] if single else [])]


def find_runs(leads: Sequence[str], count: int) -> list[tuple[str, ...]]:
    """Every row of so many of the leads that lie side by side.

    Example:
        >>> find_runs(["II", "III", "aVF", "V1"], 2)
        [('II', 'aVF'), ('aVF', 'III')]
    """
    runs = [row[start : start + count] for row in NEIGHBOURS for start in range(len(row) - count + 1)]
    return [run for run in runs if set(run) <= set(leads)]


@dataclass(frozen=True)
class LeadName:
    """What a record's name of a channel means.

    Attributes:
        name (`str`):
            As the record spells it.
        lead (`str`, *optional*):
            The name in `STANDARD_LEADS`; `None` where the channel is none of the twelve.
        sign (`int`):
            -1 where the channel is the lead turned upside down, as Cabrera's `-aVR`.
        unit (`str`, *optional*):
            The unit in brackets behind the name, as in `"I (mV)"`.
        remark (`str`, *optional*):
            What a reader should know: why the channel is no lead, or that it is a modified one.
    """

    name: str
    lead: str | None
    sign: int = 1
    unit: str | None = None
    remark: str | None = None


@lru_cache(maxsize=4096)
def read_lead_name(name: str) -> LeadName:
    """Understand the name of one channel, in any of the spellings that records use.

    Example:
        >>> read_lead_name("MDC_ECG_LEAD_AVR").lead, read_lead_name("EKG V1-REF").lead, read_lead_name("D2").lead
        ('aVR', 'V1', 'II')
        >>> read_lead_name("-aVR"), read_lead_name("I (mV)").unit
        (LeadName(name='-aVR', lead='aVR', sign=-1, unit=None, remark='turned upside down'), 'mV')
        >>> read_lead_name("vx").remark
        "one of Frank's orthogonal leads, which is none of the 12"
    """
    name = str(name)
    word = unicodedata.normalize("NFKC", name).replace("\u03bc", "\u00b5").strip().strip("\"'").strip()
    unit = _UNIT.search(word)
    stated = unit and (unit["bracketed"] or unit["bare"])
    word = (word[: unit.start()] if unit else word).strip().upper()
    word, sign = _take_sign(word)
    key = _PREFIX.sub("", word) or word
    key, sign = _take_sign(key, sign)
    key = re.sub(r"[\s_]", "", _SUFFIX.sub("", key) or key)
    if key in _SPELLINGS:
        remark = "turned upside down" if sign < 0 else None
        return LeadName(name, _SPELLINGS[key], sign, stated, remark)
    if key in _MODIFIED:
        lead = _MODIFIED[key]
        return LeadName(name, lead, sign, stated, f"a modified lead, taken for {lead}")
    if key.replace("-", "") in _FRANK:
        return LeadName(name, None, remark="one of Frank's orthogonal leads, which is none of the 12")
    if _OTHER_LEADS.fullmatch(key):
        return LeadName(name, None, remark="an ECG lead, but none of the 12")
    return LeadName(name, None, remark="none of the 12 standard leads")


def read_lead_names(names: Iterable[str]) -> list[LeadName]:
    """Understand the names of all channels of a record together.

    Together, since C3 and C4 are chest leads in an ECG and places of the scalp in a sleep study, and since a lead that
    comes twice is taken once: the plain one before a modified or inverted one, else the first.

    Args:
        names (`Iterable[str]`):
            One per channel, in order.

    Returns:
        `list[LeadName]`: One per channel, in order; each standard lead at most once.

    Example:
        >>> [read.lead for read in read_lead_names(["C3", "C4", "O1", "ECG II"])]
        [None, None, None, 'II']
        >>> [read.lead for read in read_lead_names(["MLII", "II"])]
        [None, 'II']
    """
    return list(_read_together(tuple(map(str, names))))


def list_lead_names(leads: Any) -> list[str]:
    """Names of leads from whatever holds them: a list, an array, a column of a table, one string with commas.

    Example:
        >>> list_lead_names("I, II"), list_lead_names(np.array(["V1"]))
        (['I', 'II'], ['V1'])
    """
    if isinstance(leads, str):
        return [name.strip() for name in leads.split(",")]
    if isinstance(leads, Mapping) or not isinstance(leads, Iterable):
        raise TypeError(f"`leads` is a {type(leads).__name__}, not a list of names. Write `leads=['I', 'II']`.")
    return [name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name) for name in leads]


def require_leads(names: Sequence[str], *, record_id: str | None = None) -> list[str]:
    """Refuse names that somebody gave to rows if one of them is no standard lead, or stands twice.

    Returns:
        `list[str]`: The names as given; inverted and modified leads among them.

    Raises:
        ValueError: If a name is not a standard lead, or stands twice.
    """
    where = f"{record_id}: " if record_id is not None else ""
    read = [read_lead_name(name) for name in names]
    for entry in read:
        if entry.lead is None:
            raise ValueError(f"{where}{_unknown_lead(entry)}")
    leads = [str(entry.lead) for entry in read]
    repeated = sorted({lead for lead in leads if leads.count(lead) > 1}, key=STANDARD_LEADS.index)
    if repeated:
        raise ValueError(
            f"{where}Lead {', '.join(repeated)} stands more than once in `leads` ({', '.join(names)})."
            " Name every row once and leave out the rows that repeat."
        )
    return list(names)


def standardize_lead_names(leads: Sequence[str] | str, *, record_id: str | None = None) -> tuple[str, ...]:
    """Spell the rows of a strip as in `STANDARD_LEADS`, refusing unknown and repeated leads.

    Args:
        leads (`Sequence[str]` or `str`):
            Names of the rows, as the record's header spells them; in one string, with commas between them.
        record_id (`str`, *optional*):
            Named in the error message.

    Returns:
        `tuple[str, ...]`: One name of `STANDARD_LEADS` per row, in the order given.

    Raises:
        TypeError: If `leads` holds no names.
        ValueError: If a name is not a standard lead, or stands twice.

    Example:
        >>> standardize_lead_names(["i", "AVF", "v6"])
        ('I', 'aVF', 'V6')
    """
    names = list_lead_names(leads)
    place = None if record_id is None else f"Record {record_id}"
    require_leads(names, record_id=place)
    try:
        return tuple(standardize_lead_name(name) for name in names)
    except ValueError as error:
        raise ValueError(f"{place}: {error}" if place else str(error)) from error


def select_leads(
    strip: np.ndarray, leads: Sequence[str], wanted_leads: Sequence[str], *, record_id: str
) -> np.ndarray:
    """Put the rows of a strip in a wanted lead order.

    Args:
        strip (`np.ndarray` of shape `(num_leads, num_samples)`):
            Voltages, in millivolts.
        leads (`Sequence[str]`):
            Names of the rows of `strip`, as the record's header lists them. Rows that are no standard lead, such as
            the Frank leads of PTB, are passed over.
        wanted_leads (`Sequence[str]`):
            Names of the rows to return, in order.
        record_id (`str`):
            Named in the error message.

    Returns:
        `np.ndarray` of shape `(len(wanted_leads), num_samples)`: A copy, in millivolts.

    Raises:
        ValueError: If the record lacks one of `wanted_leads`.

    Example:
        >>> strip = np.array([[1.0, 1.0], [2.0, 2.0]])
        >>> select_leads(strip, ["AVF", "AVL"], ["aVL"], record_id="s0001")
        array([[2., 2.]])
    """
    rows = {read_lead_name(lead).lead: row for row, lead in reversed(list(enumerate(leads)))}
    wanted = [standardize_lead_name(lead) for lead in wanted_leads]
    missing = [lead for lead in wanted if lead not in rows]
    if missing:
        raise ValueError(
            f"Record {record_id} has no lead {', '.join(missing)}: its header lists {', '.join(leads)}."
            " Ask for leads that it has, or leave the record out."
        )
    return strip[[rows[lead] for lead in wanted]]


def derive_limb_leads(strip: np.ndarray, leads: Sequence[str]) -> tuple[np.ndarray, tuple[str, ...]]:
    """Add the limb leads that follow exactly from two of the leads I, II and III.

    Args:
        strip (`np.ndarray` of shape `(num_leads, num_samples)`):
            Voltages as floats, in millivolts. All rows must have been recorded: a lead that was off is not a source.
        leads (`Sequence[str]`):
            Names of the rows, spelled as in `STANDARD_LEADS`.

    Returns:
        `tuple[np.ndarray, tuple[str, ...]]`: The strip, of shape `(num_leads + num_derived, num_samples)`, and the
        names of its rows. Given rows come first and keep their values. Nothing is added where fewer than two of I, II
        and III are given.

    Example:
        >>> strip, leads = derive_limb_leads(np.array([[1.0], [3.0]]), ["I", "II"])
        >>> dict(zip(leads, strip[:, 0].tolist()))
        {'I': 1.0, 'II': 3.0, 'III': 2.0, 'aVR': -2.0, 'aVL': -0.5, 'aVF': 2.5}
    """
    sources = [lead for lead in BIPOLAR_LEADS if lead in leads][:2]
    absent = [lead for lead in LIMB_LEADS if lead not in leads]
    if len(sources) < 2 or not absent:
        return strip, tuple(leads)
    source_rows = strip[[list(leads).index(lead) for lead in sources]]  # (2, num_samples)
    from_i_and_ii = np.array([LIMB_LEADS[lead] for lead in sources])
    weights = np.array([LIMB_LEADS[lead] for lead in absent]) @ np.linalg.inv(from_i_and_ii)  # (num_derived, 2)
    derived = weights.astype(strip.dtype) @ source_rows
    return np.concatenate([strip, derived]), (*leads, *absent)


@lru_cache(maxsize=256)  # the records of a corpus have the same names
def _read_together(names: tuple[str, ...]) -> tuple[LeadName, ...]:
    """What [`read_lead_names`] returns."""
    read = [read_lead_name(name) for name in names]
    if any(_SCALP.fullmatch(entry.name.strip().upper()) for entry in read):
        read = [_unless_of_the_scalp(entry) for entry in read]
    kept: dict[str, int] = {}
    for place, entry in enumerate(read):
        if entry.lead is not None:
            best = kept.setdefault(entry.lead, place)
            kept[entry.lead] = best if read[best].remark is None or entry.remark is not None else place
    return tuple(
        entry
        if entry.lead is None or kept[entry.lead] == place
        else replace(entry, lead=None, remark=f"lead {entry.lead} once more")
        for place, entry in enumerate(read)
    )


def standardize_lead_name(name: str) -> str:
    """Spell a lead as in `STANDARD_LEADS`.

    Args:
        name (`str`):
            A lead as a record's header spells it. Inverted leads (`"-aVR"`) are other voltages, which this function
            does not turn, so they are refused here.

    Returns:
        `str`: The name in `STANDARD_LEADS`.

    Raises:
        ValueError: If the name is not one of the 12 standard leads.

    Example:
        >>> standardize_lead_name("AVR"), standardize_lead_name("lead_ii")
        ('aVR', 'II')
    """
    read = read_lead_name(name)
    if read.lead is None or read.sign < 0:
        raise ValueError(_unknown_lead(read))
    return read.lead


def is_standard_lead(name: str) -> bool:
    """Whether a name is one of the 12 standard leads, however it is spelled.

    Example:
        >>> is_standard_lead("avr"), is_standard_lead("vx")
        (True, False)
    """
    return read_lead_name(name).lead is not None


def _unknown_lead(entry: LeadName) -> str:
    """What to say of a name that stands for no lead, or for one upside down where only upright ones are taken."""
    return (
        f"Unknown lead {entry.name!r} ({entry.remark}): the 12 standard leads are {', '.join(STANDARD_LEADS)}."
        " Leave the row out of the strip, or rename it if it is one of these leads."
    )


def _take_sign(word: str, sign: int = 1) -> tuple[str, int]:
    """A name without its minus, and the sign with it."""
    for pattern in (_SIGN, _SIGN_AFTER):
        if found := pattern.search(word):
            return (word[: found.start()] + word[found.end() :]).strip(), -sign
    return word, sign


def _unless_of_the_scalp(entry: LeadName) -> LeadName:
    """A channel of a sleep study: C3 and C4 are the scalp's."""
    if entry.lead is None or "C" not in entry.name.upper().removeprefix("ECG"):
        return entry
    return replace(entry, lead=None, sign=1, remark="a place on the scalp")


def suspect_leads(strip: np.ndarray, leads: Sequence[str]) -> list[str]:
    """What the arithmetic of the limb leads says against the names of the rows: leads exchanged or upside down.

    Six limb leads come from two voltages. Rows that do not obey, but would with two names exchanged or one row turned
    over, are suspected of just that. An exchange of the arm electrodes obeys, and turns lead I over: it then runs
    against V6, while aVR points upwards.

    Args:
        strip (`np.ndarray` of shape `(num_leads, num_samples)`):
            Voltages, in any one unit, without missing samples; every tenth sample of a recording is enough.
        leads (`Sequence[str]`):
            Names of the rows, spelled as in `STANDARD_LEADS`.

    Returns:
        `list[str]`: Suspicions in words; empty where there is none.

    Source:
        Einthoven 1908 and Goldberger 1942 for the identities; Kligfield et al. 2007, J Am Coll Cardiol 49:1109, for
        what exchanged arm electrodes look like.
    """
    centred = strip - strip.mean(axis=1, keepdims=True, dtype=np.float64)
    rows = [row for row, lead in enumerate(leads) if lead in LIMB_LEADS]
    limb_leads = tuple(leads[row] for row in rows)
    suspicions = []
    if len(limb_leads) >= 3:
        products = centred[rows] @ centred[rows].T
        total = float(np.trace(products))
        projections, explanations = _limb_hypotheses(limb_leads)
        shares = np.einsum("hij,ij->h", projections, products) / total if total > 0 else np.zeros(1)
        if shares[0] > MAX_CONTRADICTION:
            fitting = [
                text for share, text in zip(shares[1:], explanations, strict=True) if share < shares[0] * BETTER_SHARE
            ]
            which = " or ".join(fitting[:3]) or "a limb lead is none"
            suspicions.append(f"the limb leads contradict each other, as if {which}")
    return suspicions or _suspect_arms(centred, leads)


def is_suspicion(remark: str) -> bool:
    """Whether a remark is one of those of [`suspect_leads`]."""
    return ", as if " in remark


def _suspect_arms(centred: np.ndarray, leads: Sequence[str]) -> list[str]:
    """Whether lead I runs against the left chest leads while aVR points upwards."""
    rows = {lead: centred[row] for row, lead in enumerate(leads)}
    if not {"I", "V6"} <= set(rows):
        return []
    a_v_r = rows.get("aVR", -(rows["I"] + rows["II"]) / 2 if "II" in rows else -rows["I"])
    scale = float(np.linalg.norm(rows["I"]) * np.linalg.norm(rows["V6"]))
    runs_against = scale > 0 and float(rows["I"] @ rows["V6"]) / scale < ARMS_CORRELATION
    if runs_against and a_v_r.max() > -a_v_r.min():
        return ["lead I is upside down, as if the arm electrodes were exchanged (or the heart lay on the right)"]
    return []


@lru_cache(maxsize=32)
def _limb_hypotheses(leads: tuple[str, ...]) -> tuple[np.ndarray, list[str]]:
    """What limb leads cannot show under the names given and under each alternative.

    Returns:
        `tuple[np.ndarray, list[str]]`: Projections `(1 + num_alternatives, num_leads, num_leads)` onto voltages that
        contradict the identities, the first for the names as given, and the alternatives in words.
    """
    weights = np.array([LIMB_LEADS[lead] for lead in leads])
    alternatives, explanations = [weights], []
    for first, second in itertools.combinations(range(len(leads)), 2):
        order = list(range(len(leads)))
        order[first], order[second] = second, first
        alternatives.append(weights[order])
        explanations.append(f"{leads[first]} and {leads[second]} were exchanged")
    for row, lead in enumerate(leads):
        turned = weights.copy()
        turned[row] *= -1
        alternatives.append(turned)
        explanations.append(f"{lead} was upside down")
    identity = np.eye(len(leads))
    return np.stack([identity - matrix @ np.linalg.pinv(matrix) for matrix in alternatives]), explanations
