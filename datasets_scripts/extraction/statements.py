"""Reports cut into statements, and statements brought into one spelling."""

import re
import unicodedata


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
_LETTER_FOLDS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "å": "a", "é": "e", "\u2019": "'"})

_LEAD = r"(?:v\s?[1-9]r?|av[rlf]|iii|ii|i)"
_LEAD_LIST = re.compile(
    rf"(?<!mobitz )(?<!type )(?<!typ )(?<!block )(?<!grade )(?<![\w'])"
    rf"(?:(?:leads?|in) )?(?:v\s?[1-9]r?|av[rlf]|iii|(?<=in )i|i(?=\s*,)|ii)"
    rf"(?:\s*(?:,|/|-|\+|\bor\b|\band\b|\bund\b)*\s*(?:{_LEAD}|(?<=[,-])\s*[1-9]))*(?![\w:'])"
)

# Spellings, abbreviations and notations, in this order; a lead list must be folded before hyphens are.
_REWRITES = [
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"\(\d+@\d+\)", " "),
        (r"\b\d{1,2}[.:/]\d{1,2}[.:/,]\d{2,4}\b", " "),
        (r"\((?:s|es|n|a|er)\)", ""),
        (r"\((?:lad|lcx|rca)\)", " "),
        (r"f#r\b", "fuer"),
        (r"#bergang", "uebergang"),
        (r"\*+", " "),
        (r"-{2,}", " "),
        (r"isch?aem", "ischem"),
        (r"kalaem", "kalem"),
        (r"calcaem", "calcem"),
        (r"\baemia\b", "emia"),
        (r"\bqrs ?\(t\)", "qrst"),
        (r"\ba[-.]? ?v\.?(?=[- ](?:block|dis|junc|seq|dual|nodal|conduction))", "av"),
        (r"\b[li]\. ?v\. ", "iv "),
        (r"\bl\.?v\b(?= conduction)", "iv"),
        (r"\bst[-./ ]*(?:&|and|und|\+)? ?t\b", "st t"),
        (r"\bs-t\b", "st"),
        (r"\bst ?j\b", "st"),
        (r"\b(?:st|t|q|r|p)-(?=wave|segment)", lambda match: match[0][:-1] + " "),
        (r"\bw/", "with "),
        (r"\band ?/ ?or\b", "or"),
        (r"\b1(?:st|\.|°)? ?(?:deg\b\.?|degree\b)", "first degree"),
        (r"\b2(?:nd|\.|°)? ?(?:deg\b\.?|degree\b)", "second degree"),
        (r"\b3(?:rd|\.|°)? ?(?:deg\b\.?|degree\b)", "third degree"),
        (r"\bdeg\b\.?", "degree"),
        (r"\bavb\b", "av block"),
        (r"\blds\b", "leads"),
        (r"\bdepr\b\.?", "depression"),
        (r"\belev\b\.?", "elevation"),
        (r"\babnrm t\b", "abnormal t"),
        (r"\bt-u or t-p fusion", "t-u fusion or t-p fusion"),
        (r"\babnrm\b\.?|\babn\b\.?", "abnormality"),
        (r"\brepol\b\.?", "repolarization"),
        (r"\brepolaris", "repolariz"),
        (r"\bprob\b\.?", "probable"),
        (r"\bposs\b\.?", "possible"),
        (r"\bvent\b\.?", "ventricular"),
        (r"\bsupraven\b\.?|\bsv(?= complex)", "supraventricular"),
        (r"\bv-(?=rate|paced)", "ventricular "),
        (r"\baccess'y\b|\bacces'y\b", "accessory"),
        (r"\bpre-?excita?t?'n\b", "preexcitation"),
        (r"\bpre[- ](?=excit)", "pre"),
        (r"\bsino-?atrial\b", "sinoatrial"),
        (r"\bafib ?/ ?flut\w*", "atrial fibrillation / atrial flutter"),
        (r"\ba-?(?=flutter|fib)", "atrial "),
        (r"\batrial flutter ?/ ?fibrillation", "atrial flutter / atrial fibrillation"),
        (r"\batrial fibrillation ?/ ?flutter", "atrial fibrillation / atrial flutter"),
        (
            r"\bsinus (?:or |\(\? ?)((?:paroxysmal |ectopic )?atrial)\)? (tachycardia|rhythm|bradycardia)",
            r"sinus \2 or \1 \2",
        ),
        (r"\bant(?=\s*/|\s+[qrst]\b|\.)", "anterior"),
        (r"\blat(?=\s*/|\s+[qrst]\b|\.)", "lateral"),
        (r"\binf(?=\s*/|\s+[qrst]\b|\.)", "inferior"),
        (r"\bt waves? (?:are|is|remains?|now|generally|still)(?: (?:now|generally|still|slightly))* ", "t waves "),
        (r"\bst segments? (?:are|is|remains?|now|still)(?: (?:now|still|slightly))* ", "st segments "),
        (r"\b(t waves|st segments) no longer ", r"no \1 "),
        (r"\b(?!high lateral)(tall|low|high|deep|broad) ((?:in|an|la|se|po)\w+(?:al|or|er)) (?=[pqrst]\b)", r"\2 \1 "),
        (r"(?<=[a-z])-(?=[a-z])", " "),
    )
]


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
    text = statement.lower().translate(_LETTER_FOLDS)
    text = " ".join(text.split())
    text = _LEAD_LIST.sub(" _leads ", text)
    for pattern, replacement in _REWRITES:
        text = pattern.sub(replacement, text)
    return re.sub(r"\s+(?=[,.])", "", " ".join(text.split())).lstrip("- ").strip()
