"""Spellings, abbreviations and notations of reports, and the one spelling that the rules read."""

import re

from modeling_supreme.names import APOSTROPHE_FOLD


LETTER_FOLDS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "å": "a", "é": "e"} | APOSTROPHE_FOLD)

_LEAD = r"(?:v\s?[1-9]r?|av[rlf]|iii|ii|i)"
LEAD_LIST = re.compile(
    rf"(?<!mobitz )(?<!type )(?<!typ )(?<!block )(?<!grade )(?<![\w'])"
    rf"(?:(?:leads?|in) )?(?:v\s?[1-9]r?|av[rlf]|iii|(?<=in )i|i(?=\s*,)|ii)"
    rf"(?:\s*(?:,|/|-|\+|\bor\b|\band\b|\bund\b)*\s*(?:{_LEAD}|(?<=[,-])\s*[1-9]))*(?![\w:'])"
)
_ORDINALS = {"1": "first", "i": "first", "2": "second", "ii": "second", "3": "third", "iii": "third"}
AV_BLOCK_GRADE = re.compile(
    r"\ba[-.]?v[-. ]?block,? \(?(?:(?:grade?|degree) )?(iii|ii|i|[123])(?![\w:])\.?(?: ?°)?"
    r"(?: ?grade?s?\b\.?| ?degree\b)?\)?"
)


def _name_mobitz(match: re.Match[str]) -> str:
    """The usual name of "second degree AV block, type 1"."""
    return f"mobitz type {match[1].replace('1', 'i').replace('2', 'ii')} second degree av block"


def name_av_block(match: re.Match[str]) -> str:
    """The usual name of "AV-Block I. Grades"."""
    return f"{_ORDINALS[match[1]]} degree av block"


# Spellings, abbreviations and notations, in this order; a lead list must be folded before hyphens are.
REWRITES = [
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"\(\d+@\d+\)", " "),
        (r"(?<=\w)\?(?=$|[\s.,;)])", " _query "),
        (r"\br/o\b", "rule out"),
        (r"\b(unspez|evtl|ev|(?:in)?kompl|(?:un)?vollst|ggf|bzw|ca)\.", r"\1 "),
        (r"(?<=[a-z])'s\b", "s"),
        (r"\bvs\.", "versus"),
        (r"/-(?=[a-z])", "/ "),
        (r"\bst ?\u2191", "st elevation "),
        (r"\bst ?\u2193", "st depression "),
        (
            r"\b(?:the )?(?:cause|reason) (?:of|for) ([\w ]{1,60}?) is"
            r" (?:not evident|not clear|unclear|unknown|uncertain)\b",
            r"\1",
        ),
        (
            r"\b(st|t)(?:[ -](?:segment|wave))? (\w+) (or|and|nor) (slight )?(?=(?:elevation|depression|inversion)\b)",
            r"\1 \2 \3 \4\1 ",
        ),
        (r"\b(qtc?|pr)(?: interval)? is borderline(?: prolonged)?\b", r"borderline prolonged \1 interval"),
        (r"\b(vorderwand|hinterwand|seitenwand|vorderseitenwand|hinterseitenwand|septum)(?=[a-z])", r"\1 "),
        (r"\b([vz])\. ?([an])\.", r"\1\2 "),
        (r"\ba\. ?e\.", "am ehesten "),
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
        (r"\ba[-.]? ?v\.?(?=[- ](?:block|dis|junc|seq|dual|nodal|node|conduction|pac|re-?en|heart))", "av"),
        (r"\batrioventricular(?= (?:block|dis|junc|seq|dual|nodal|node|conduction|pac|re-?en|heart))", "av"),
        (r"\bs-?a\b(?= block)", "sa"),
        (r"\b[li]\. ?v\. ", "iv "),
        (r"\bl\.?v\b(?= conduction)", "iv"),
        (r"\bst[-./ ]*(?:&|and|und|\+)? ?t\b", "st t"),
        (r"\bs-t\b", "st"),
        (r"\bst ?j\b", "st"),
        (r"\b(?:st|t|q|r|p)-(?=wave|segment)", lambda match: match[0][:-1] + " "),
        (r"\bw/", "with "),
        (r"\band ?/ ?or\b", "or"),
        (r"\b1(?:st|\.|°)?[- ]?(?:deg\b\.?|degree\b)", "first degree"),
        (r"\b2(?:nd|\.|°)?[- ]?(?:deg\b\.?|degree\b)", "second degree"),
        (r"\b3(?:rd|\.|°)?[- ]?(?:deg\b\.?|degree\b)", "third degree"),
        (r"\bdeg\b\.?", "degree"),
        (r"\b([123])°(?= ?a)", lambda match: _ORDINALS[match[1]] + " degree"),
        (r"\bavb\b", "av block"),
        (r"\bav block,? \(?(first|second|third)[- ]degree\)?", r"\1 degree av block"),
        (
            r"\bsecond[- ]degree av block,? \(?(?:mobitz )?(?:type )?(ii?|[12])\b\)?(?:,? \(?wenckebach\)?)?",
            _name_mobitz,
        ),
        (
            r"\b(?:acute )?((?:in|an|la|se|po)\w+(?:al|or|er)) (?:wall )?"
            r"(?:stemi|st(?:[- ]segment)?[- ]elevation (?:mi\b|myocardial inf\w+))",
            r"acute \1 myocardial infarction and acute stemi",
        ),
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
        (r"(?<=[a-z0-9])-(?=[a-z])", " "),
    )
]
