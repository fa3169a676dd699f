"""Reports cut into statements, the key of a statement, and the spelling in which the rules read it."""

import re
import unicodedata
from collections.abc import Callable, Iterator

from modeling_supreme.query_words import APOSTROPHE_FOLD

from .spelling import (
    AV_BLOCK_GRADE,
    HAN_BORDER,
    LEAD_LIST,
    LETTER_FOLDS,
    REWRITES,
    ROMAN_GRADE,
    name_av_block,
    name_grade,
)


# PTB-XL appends what its annotators wrote to some reports; these are labels, not report text.
_EDITOR_NOTE = re.compile(r"\bEdit:.*", re.DOTALL)
# A sentence ends at a full stop before a blank, but not after the usual abbreviations ("unbest.", "V.a.", "vs.").
_SENTENCE_END = re.compile(r"[.;](?=\s|$)(?!\s*grade)|[\u3002\uff1b]", re.IGNORECASE)
_ABBREVIATION = re.compile(
    r"\b(?:(?:in|un)?kompl|(?:un)?vollst|unbest|unspez|chron|path|indiff|intraventr|rep|evtl|ca|bds|vgl|ggf|bzw|abl|vs"
    r"|amplitudkrit|prob|poss|approx|dr|resp|moegl|m\u00f6gl|fragl|wahrsch|supraventr|ventr|vent|freq|occ|abnl|ant|post|lat|inf|sept|repol|beh|pat|verd|bzgl|sog|part|[aedhnvz])$",
    re.IGNORECASE,
)
_LONGEST_ABBREVIATION = 13  # characters, with the one before
# A line goes on in the next one if it ends like this, or if the next one is indented or follows a full line.
_OPEN_END = re.compile(
    r"(?:[,/+&]|\b(?:and|or|with|without|to|of|for|the|an?|in|due|secondary|consistent|compatible|suggests?|may|might"
    r"|could|cannot|be|is|are|possibl[ey]|probabl[ey]|consider|und|oder|mit|ohne|bei|auf|f\u00fcr|med|och|eller))$",
    re.IGNORECASE,
)
_FULL_LINE = 60  # characters
_TYPOGRAPHIC_MARKS = str.maketrans(
    APOSTROPHE_FOLD
    | dict.fromkeys("\u2018\u00b4`", "'")
    | dict.fromkeys("\u201c\u201d\u201e", '"')
    | dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212", "-")
    | {"\u00ba": "\u00b0", "\u2265": ">=", "\u2264": "<=", "\u00ad": None}
)
# A letter with the marks that combine with it, as some systems write umlauts.
_CLUSTER = re.compile(r".[\u0300-\u036f]*", re.DOTALL)
_BLANKS = re.compile(r"(?:\s|_(?!leads\b|query\b|measured\b))+")  # the underscore marks what the rules have folded
_NEEDLESS = re.compile(r"\s+(?=[,.])|^[- ]+|\s+$")
_ORNAMENTS = " .,;:!-"  # around a statement: final punctuation, dashes, the hyphen of a continuation line


def split_report(report: str) -> list[str]:
    """Cut a report into its statements: one per line, and one per sentence; wrapped lines are joined first.

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
    lines = _join_wrapped_lines(_EDITOR_NOTE.sub("", report).splitlines())
    parts = [part for line in lines for part in _split_sentences(line)]
    return [" ".join(part.split()) for part in parts if re.search(r"\w", part)]


def _split_sentences(line: str) -> list[str]:
    """The sentences of a line, without their full stops."""
    sentences, start = [], 0
    for end in _SENTENCE_END.finditer(line):
        if not _ABBREVIATION.search(line[max(end.start() - _LONGEST_ABBREVIATION, 0) : end.start()]):
            sentences.append(line[start : end.start()])
            start = end.end()
    return [*sentences, line[start:]]


def _join_wrapped_lines(lines: list[str]) -> list[str]:
    """Lines of a report, those that only go on with a statement joined to the line before."""
    joined: list[str] = []
    indents: list[int] = []
    has_capitals = any(character.isupper() for line in lines for character in line)
    for line in lines:
        indent, text = len(line) - len(line.lstrip()), line.strip()
        if joined and text and _is_continued(joined[-1], text, has_capitals, indent > indents[-1]):
            joined[-1] += " " + text
        else:
            joined.append(text)
            indents.append(indent)
    return joined


def _is_continued(line: str, following: str, has_capitals: bool, is_indented: bool) -> bool:
    """Whether the following line goes on with a statement; lines such as "- 2:1 A-V block" stand alone."""
    if not line or line[-1] in ".;:!?" or following.startswith("-"):
        return False
    if _OPEN_END.search(line):
        return True
    is_full = has_capitals and len(line) >= _FULL_LINE
    return (is_indented or is_full) and following[0].islower() and not following.startswith("with ")


def statement_key(statement: str) -> str:
    """What all spellings of one statement share: each key needs to be read, and paid for, once.

    Folds letter case, line wraps and blanks, typographic marks, "(s)", asterisks, the dashes around a statement, the
    hyphen or "with" of a continuation line and final punctuation; nothing that a reader could need.

    Args:
        statement (`str`):
            A statement as the report has it.

    Returns:
        `str`: The key; empty if the statement holds no letter or digit.

    Example:
        >>> [statement_key(text) for text in ("*** SINUS RHYTHM ***", "Sinus  rhythm.", "Sinus rhythm?")]
        ['sinus rhythm', 'sinus rhythm', 'sinus rhythm?']
    """
    text = unicodedata.normalize("NFC", statement.translate(_TYPOGRAPHIC_MARKS).lower())
    text = re.sub(r"\s*([,;])\s*", r"\1 ", " ".join(text.replace("*", " ").split()))
    text = re.sub(r"\s+(?=[.:)])|(?<=\()\s+", "", text)
    text = re.sub(r"(?<=\w)\(s\)", "s", text)
    return re.sub(r"^(?:with )+", "", _strip_ornaments(text)) if re.search(r"\w", text) else ""


def _strip_ornaments(text: str) -> str:
    """The text without the marks around it; a hyphen that is a sign ("-30", "+/-") stays."""
    headless = text.lstrip(_ORNAMENTS)
    sign = "-" if text[: -len(headless)].endswith("-") and headless[0].isdigit() else ""
    bare = headless.rstrip(_ORNAMENTS)
    tail = headless[len(bare) :]
    return sign + bare + ("-" if tail.startswith("-") and not tail.startswith("--") else "")


class TracedText:
    """A text under rewriting that knows which characters of the original each of its characters stands for.

    Args:
        original (`str`):
            The text before anything was folded.

    Attributes:
        text (`str`):
            The text as it stands: lower case, without umlauts.
        origins (`list[tuple[int, int]]`):
            For each character of `text`, start and end of what it stands for in the original.

    Example:
        >>> traced = TracedText("ST depr V4")
        >>> traced.rewrite(re.compile("depr"), "depression")
        >>> traced.text, traced.locate(3, 13)
        ('st depression v4', (3, 7))
    """

    def __init__(self, original: str) -> None:
        self.origins: list[tuple[int, int]] = [(start, start + 1) for start in range(len(original))]
        if original.isascii():
            self.text = original.lower()
            return
        pieces: list[str] = []
        self.origins = []
        for match in _CLUSTER.finditer(original):
            piece = unicodedata.normalize("NFC", match[0]).lower().translate(LETTER_FOLDS)
            pieces.append(piece)
            self.origins += [match.span()] * len(piece)
        self.text = "".join(pieces)

    def rewrite(self, pattern: re.Pattern[str], replacement: str | Callable[[re.Match[str]], str]) -> None:
        """Replace what the pattern matches, as `re.sub` does."""
        pieces: list[str] = []
        origins: list[tuple[int, int]] = []
        end = 0
        for match in pattern.finditer(self.text):
            piece = match.expand(replacement) if isinstance(replacement, str) else replacement(match)
            pieces += (self.text[end : match.start()], piece)
            origins += (*self.origins[end : match.start()], *self._trace(match, piece))
            end = match.end()
        if pieces:
            self.text = "".join((*pieces, self.text[end:]))
            self.origins = [*origins, *self.origins[end:]]

    def _trace(self, match: re.Match[str], piece: str) -> Iterator[tuple[int, int]]:
        """Origins of what replaces a match: what is the same at its ends stays, the rest stands for all between."""
        matched, start = match[0], match.start()
        shorter = min(len(matched), len(piece))
        head = next((position for position in range(shorter) if matched[position] != piece[position]), shorter)
        rest = range(1, shorter - head + 1)
        tail = next((back - 1 for back in rest if matched[-back] != piece[-back]), shorter - head)
        yield from self.origins[start : start + head]
        middle = self.origins[start + head : match.end() - tail] or self.origins[max(start + head - 1, 0) :][:1]
        if middle:
            yield from [(middle[0][0], middle[-1][1])] * (len(piece) - head - tail)
        yield from self.origins[match.end() - tail : match.end()] if tail else ()

    def locate(self, start: int, end: int) -> tuple[int, int]:
        """Start and end in the original of a stretch of the text."""
        return self.origins[start][0], self.origins[end - 1][1]


def trace_statement(statement: str) -> TracedText:
    """Bring a statement into the one spelling that the rules read, and keep where each character comes from.

    Args:
        statement (`str`):
            A statement as the report has it.

    Returns:
        `TracedText`: Lower case, without umlauts; usual abbreviations written out; each list of leads replaced by
        `_leads`.
    """
    traced = TracedText(statement)
    traced.rewrite(_BLANKS, " ")
    traced.rewrite(AV_BLOCK_GRADE, name_av_block)
    traced.rewrite(HAN_BORDER, " ")
    traced.rewrite(ROMAN_GRADE, name_grade)
    traced.rewrite(LEAD_LIST, " _leads ")
    for pattern, replacement in REWRITES:
        traced.rewrite(pattern, replacement)
    traced.rewrite(_BLANKS, " ")
    traced.rewrite(_NEEDLESS, "")
    return traced


def normalize_statement(statement: str) -> str:
    """The one spelling of a statement that the rules read.

    Example:
        >>> normalize_statement("*** ST depr V4-V6, prob. ischaemia ***")
        'st depression _leads, probable ischemia'
    """
    return trace_statement(statement).text
