"""Names of the 12 standard leads, and what follows from them: order, aliases, exact limb leads."""

import re
from collections.abc import Sequence

import numpy as np


STANDARD_LEADS = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")

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
_BIPOLAR_LEADS = ("I", "II", "III")

# DI, DII and DIII are the names of Latin America, as in CODE-15 %.
_CANONICAL = {lead.upper(): lead for lead in STANDARD_LEADS} | {"DI": "I", "DII": "II", "DIII": "III"}
# "Lead I", "LEAD_I" and, in HL7 aECG and DICOM, "MDC_ECG_LEAD_I".
_PREFIX = re.compile(r"^(MDC_ECG_)?LEAD[ _-]?")


def standardize_lead_name(name: str) -> str:
    """Spell a lead as in `STANDARD_LEADS`.

    Args:
        name (`str`):
            A lead as a record's header spells it, in upper or lower case. Modified leads (`"MLII"`) and inverted
            leads (`"-aVR"`) are other signals, so they are refused.

    Returns:
        `str`: The name in `STANDARD_LEADS`.

    Raises:
        ValueError: If the name is not one of the 12 standard leads.

    Example:
        >>> standardize_lead_name("AVR"), standardize_lead_name("lead_ii")
        ('aVR', 'II')
    """
    canonical = _find_lead(name)
    if canonical is None:
        raise ValueError(
            f"Unknown lead {name!r}: the 12 standard leads are {', '.join(STANDARD_LEADS)}."
            " Leave the row out of the strip, or rename it if it is one of these leads."
        )
    return canonical


def is_standard_lead(name: str) -> bool:
    """Whether a name is one of the 12 standard leads, however it is spelled.

    Example:
        >>> is_standard_lead("avr"), is_standard_lead("vx")
        (True, False)
    """
    return _find_lead(name) is not None


def standardize_lead_names(leads: Sequence[str], *, record_id: str | None = None) -> tuple[str, ...]:
    """Spell the rows of a strip as in `STANDARD_LEADS`, refusing unknown and repeated leads.

    Args:
        leads (`Sequence[str]`):
            Names of the rows, as the record's header spells them.
        record_id (`str`, *optional*):
            Named in the error message.

    Returns:
        `tuple[str, ...]`: One name of `STANDARD_LEADS` per row, in the order given.

    Raises:
        TypeError: If `leads` is one string, which would be read letter by letter.
        ValueError: If a name is not a standard lead, or stands twice.

    Example:
        >>> standardize_lead_names(["i", "AVF", "v6"])
        ('I', 'aVF', 'V6')
    """
    if isinstance(leads, str):
        raise TypeError(f"`leads` is the string {leads!r}, not a list of names. Write `leads=[{leads!r}]`.")
    where = f"Record {record_id}: " if record_id is not None else ""
    try:
        names = tuple(standardize_lead_name(lead) for lead in leads)
    except ValueError as error:
        raise ValueError(f"{where}{error}") from error
    repeated = sorted({name for name in names if names.count(name) > 1}, key=STANDARD_LEADS.index)
    if repeated:
        raise ValueError(
            f"{where}Lead {', '.join(repeated)} stands more than once in `leads` ({', '.join(leads)})."
            " Name every row once and leave out the rows that repeat."
        )
    return names


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
    rows = {_find_lead(lead): row for row, lead in reversed(list(enumerate(leads)))}
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
    sources = [lead for lead in _BIPOLAR_LEADS if lead in leads][:2]
    absent = [lead for lead in LIMB_LEADS if lead not in leads]
    if len(sources) < 2 or not absent:
        return strip, tuple(leads)
    source_rows = strip[[list(leads).index(lead) for lead in sources]]  # (2, num_samples)
    from_i_and_ii = np.array([LIMB_LEADS[lead] for lead in sources])
    weights = np.array([LIMB_LEADS[lead] for lead in absent]) @ np.linalg.inv(from_i_and_ii)  # (num_derived, 2)
    derived = weights.astype(strip.dtype) @ source_rows
    return np.concatenate([strip, derived]), (*leads, *absent)


def _find_lead(name: str) -> str | None:
    """The standard spelling of a lead, or `None` where the name is no standard lead."""
    return _CANONICAL.get(_PREFIX.sub("", str(name).strip().upper()))
