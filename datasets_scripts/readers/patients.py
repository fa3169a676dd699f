"""Age and sex of a patient, however a table or a header writes them: the same text means the same in every corpus."""

import math
import re
from collections.abc import Mapping
from typing import Any

from .cells import fold, is_unknown, shorten


# PTB-XL writes 300 for every age above 89 years, so that nobody can be recognised, and so do the copies of it in the
# PhysioNet Challenges; rows of this package hold 90.
AGE_CODE_OVER_89 = 300
AGE_OVER_89 = 90.0
# Negative ages and ages such as 999 occur where none is known. Nobody on record lived longer than 122 years.
MAX_AGE = 122

DAYS_PER_YEAR = 365.25
# Years of one unit; letters as in DICOM's age strings. Source: DICOM PS3.5, section 6.2, value representation AS.
UNITS = {
    **dict.fromkeys(("", "y", "yr", "yrs", "year", "years", "yo", "y/o", "years old", "j", "jahr", "jahre"), 1.0),
    **dict.fromkeys(("a", "år"), 1.0),
    **dict.fromkeys(("m", "mo", "mos", "month", "months", "monat", "monate", "månad", "månader"), 1 / 12),
    **dict.fromkeys(("w", "wk", "wks", "week", "weeks", "woche", "wochen", "vecka", "veckor"), 7 / DAYS_PER_YEAR),
    **dict.fromkeys(("d", "day", "days", "tag", "tage", "dag", "dagar"), 1 / DAYS_PER_YEAR),
}
AGE = re.compile(r"(?P<number>[-+]?(?:\d+(?:[.,]\d*)?|[.,]\d+)(?:e[-+]?\d+)?)\s*(?P<unit>[^\W\d_]\D*)?")
# "> 89", "90+", "over 89", "90 or older": an age that is hidden; the lowest bound that anybody hides is 89.
HIDDEN_AGE = re.compile(
    r"(?:(?:>=?|\u2265|over|above|more than|\u00fcber|\u00e4lter als|\u00f6ver)\s*(89|9\d|1[01]\d)"
    r"|(89|9\d|1[01]\d)\s*(?:\+|(?:and|or) (?:older|more|above|over)))\s*(?:y|yrs?|years?(?: old)?|jahre|\u00e5r)?"
)

SEXES = {
    **dict.fromkeys(("m", "male", "man", "men", "masculine"), "male"),
    **dict.fromkeys(("f", "female", "woman", "women", "w", "feminine"), "female"),
    **dict.fromkeys(("männlich", "mann", "manlig"), "male"),
    **dict.fromkeys(("weiblich", "frau", "kvinna", "kvinnlig"), "female"),
    **dict.fromkeys(("masculino", "hombre", "homem", "masculin", "homme"), "male"),
    **dict.fromkeys(("femenino", "feminino", "mujer", "mulher", "féminin", "femme"), "female"),
}
# Neither, or not said: DICOM's O, HL7's U, UN and UNK, the words of forms.
OTHER_SEXES = frozenset({"o", "other", "u", "un", "undifferentiated", "ambiguous", "d", "divers", "diverse", "x"})


def parse_age(value: Any) -> float | None:
    """An age in years; `None` where none is known, and 90 for every age that a source hides since it is above 89.

    Args:
        value (`float` or `str`):
            A number, or a text: years, with a unit where it is another one.

    Raises:
        ValueError: If a text is neither an age nor a word for one that is not known.

    Example:
        >>> [parse_age(text) for text in ("58.0", "58 years", "065Y", "300", ">89", "90+")]
        [58.0, 58.0, 65.0, 90.0, 90.0, 90.0]
        >>> [parse_age(text) for text in ("006M", "-1", "unknown", "NaN", "None")]
        [0.5, None, None, None, None]
    """
    if is_unknown(value):
        return None
    word = fold(value)
    if HIDDEN_AGE.fullmatch(word):
        return AGE_OVER_89
    if word.lstrip("+-") in ("inf", "infinity"):
        return None
    stated = AGE.fullmatch(word)
    unit = UNITS.get((stated["unit"] or "").replace(".", "").strip()) if stated else None
    if stated is None or unit is None:
        raise ValueError(f"{shorten(value)} is no age in years, such as 58, 065Y or >89")
    age = float(stated["number"].replace(",", ".")) * unit
    if age == AGE_CODE_OVER_89:
        return AGE_OVER_89
    return age if math.isfinite(age) and 0 <= age <= MAX_AGE else None


def parse_sex(value: Any, *, codes: Mapping[str, str] | None = None) -> str | None:
    """`"male"`, `"female"`, or `None` where the text states neither.

    Args:
        value (`str` or number):
            A word or its first letter, in English, German, Swedish, French, Portuguese or Spanish.
        codes (`Mapping[str, str]`, *optional*):
            What the numbers of this corpus mean. Without them a number is refused: 0 is male in one corpus, and
            female, or not known, in another.

    Raises:
        ValueError: If the text is neither a sex nor a word for one that is not known.

    Example:
        >>> parse_sex("Male"), parse_sex("w"), parse_sex("Unknown"), parse_sex(1.0, codes={"0": "male", "1": "female"})
        ('male', 'female', None, 'female')
    """
    if is_unknown(value):
        return None
    word = fold(value).rstrip(".")
    code = word.removesuffix(".0")
    if codes and code in codes:
        return codes[code]
    if word in SEXES:
        return SEXES[word]
    if word in OTHER_SEXES:
        return None
    known = f"male, female, M, F{''.join(f', {name}' for name in codes or ())}"
    raise ValueError(f"{shorten(value)} is none of {known} or unknown")
