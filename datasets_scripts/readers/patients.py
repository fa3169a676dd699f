"""Age and sex of a patient as the corpora write them; one rule for ages that a source hides."""

import math


SEXES = {"m": "male", "male": "male", "f": "female", "female": "female"}
# PTB-XL writes 300 for every age above 89 years, so that nobody can be recognised, and so do the copies of it in the
# PhysioNet Challenges; rows of this package hold 90.
AGE_CODE_OVER_89 = 300
AGE_OVER_89 = 90.0
# Negative ages occur where none is known. Nobody on record lived longer than 122 years.
MAX_AGE = 122


def age_in_years(value: float | str) -> float | None:
    """An age as a table states it; 90 for the code that hides ages above 89, `None` where it is no age.

    Raises:
        ValueError: If the value is a text that is no number.

    Example:
        >>> age_in_years("85"), age_in_years(300), age_in_years(float("nan")), age_in_years(-1)
        (85.0, 90.0, None, None)
    """
    age = float(value)
    if age == AGE_CODE_OVER_89:
        return AGE_OVER_89
    return age if math.isfinite(age) and 0 <= age <= MAX_AGE else None


def parse_age(text: str) -> float | None:
    """An age in years; `None` where the text states none.

    Example:
        >>> parse_age("85"), parse_age("300"), parse_age("NaN"), parse_age("unknown")
        (85.0, 90.0, None, None)
    """
    try:
        return age_in_years(text)
    except ValueError:
        return None


def parse_sex(text: str) -> str | None:
    """`"male"`, `"female"`, or `None` where the text states neither.

    Example:
        >>> parse_sex("Male"), parse_sex("F"), parse_sex("Unknown")
        ('male', 'female', None)
    """
    return SEXES.get(text.strip().lower())
