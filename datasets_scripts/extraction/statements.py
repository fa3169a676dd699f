"""Reports cut into statements, the key of a statement, and the spelling in which the rules read it."""

import re
import unicodedata

from .spelling import AV_BLOCK_GRADE, LEAD_LIST, LETTER_FOLDS, REWRITES, name_av_block


# PTB-XL appends what its annotators wrote to some reports; these are labels, not report text.
_EDITOR_NOTE = re.compile(r"\bEdit:.*", re.DOTALL)
# A sentence ends at a full stop before a blank, but not after the abbreviations of PTB-XL's German reports.
_SENTENCE_END = re.compile(
    r"(?<!\bca)(?<!unbest)(?<!chron)(?<!path)(?<!indiff)(?<!intraventr)(?<!rep)[.;](?=\s|$)(?!\s*grade)"
)
_TYPOGRAPHIC_MARKS = str.maketrans(
    dict.fromkeys("\u2018\u2019\u00b4`", "'")
    | dict.fromkeys("\u201c\u201d\u201e", '"')
    | dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212", "-")
    | {"\u00ba": "\u00b0", "\u2265": ">=", "\u2264": "<=", "\u00ad": None}
)
_ORNAMENTS = " .,;:!-"  # around a statement: final punctuation, dashes, the hyphen of a continuation line


def split_report(report: str) -> list[str]:
    """Cut a report into its statements: one per line, and one per sentence.

    Args:
        report (`str`):
            Free text in any language; the layout of a MIMIC-IV-ECG report is one statement a line.

    Returns:
        `list[str]`: Statements in order, without the blanks around them, without empty ones and without the notes of
        PTB-XL's annotators ("Edit: ..."). A continuation line ("- first degree A-V block") keeps its hyphen.

    Example:
        >>> split_report("sinus rhythm. t waves are flat in v4,5,6. no change since 12.9.91. Edit: NORM 100")
        ['sinus rhythm', 't waves are flat in v4,5,6', 'no change since 12.9.91']
    """
    lines = _EDITOR_NOTE.sub("", report).splitlines()
    parts = [part for line in lines for part in _SENTENCE_END.split(line)]
    return [" ".join(part.split()) for part in parts if re.search(r"\w", part)]


def statement_key(statement: str) -> str:
    """What all spellings of one statement share: each key needs to be read, and paid for, once.

    Folds letter case, line wraps and blanks, typographic marks, "(s)", asterisks, the dashes around a statement, the
    hyphen of a continuation line and final punctuation; nothing that a reader could need.

    Args:
        statement (`str`):
            A statement as the report has it.

    Returns:
        `str`: The key; empty if the statement holds no letter or digit.

    Example:
        >>> [statement_key(text) for text in ("*** SINUS RHYTHM ***", "Sinus  rhythm.", "Sinus rhythm?")]
        ['sinus rhythm', 'sinus rhythm', 'sinus rhythm?']
    """
    text = unicodedata.normalize("NFC", statement).translate(_TYPOGRAPHIC_MARKS).lower()
    text = text.replace("(s)", "s").replace("*", " ")
    text = re.sub(r"\s*([,;])\s*", r"\1 ", " ".join(text.split()))
    text = re.sub(r"\s+(?=[.:)])|(?<=\()\s+", "", text)
    return _strip_ornaments(text) if re.search(r"\w", text) else ""


def _strip_ornaments(text: str) -> str:
    """The text without the marks around it; a hyphen that is a sign ("-30", "+/-") stays."""
    headless = text.lstrip(_ORNAMENTS)
    sign = "-" if text[: -len(headless)].endswith("-") and headless[0].isdigit() else ""
    bare = headless.rstrip(_ORNAMENTS)
    tail = headless[len(bare) :]
    return sign + bare + ("-" if tail.startswith("-") and not tail.startswith("--") else "")


def normalize_statement(statement: str) -> str:
    """Bring a statement into the one spelling that the rules read.

    Args:
        statement (`str`):
            A statement as the report has it.

    Returns:
        `str`: Lower case, without umlauts; usual abbreviations written out; each list of leads replaced by `_leads`.

    Example:
        >>> normalize_statement("*** ST depr V4-V6, prob. ischaemia ***")
        'st depression _leads, probable ischemia'
    """
    text = statement.lower().translate(LETTER_FOLDS)
    text = AV_BLOCK_GRADE.sub(name_av_block, " ".join(text.split()))
    text = LEAD_LIST.sub(" _leads ", text)
    for pattern, replacement in REWRITES:
        text = pattern.sub(replacement, text)
    return re.sub(r"\s+(?=[,.])", "", " ".join(text.split())).lstrip("- ").strip()
