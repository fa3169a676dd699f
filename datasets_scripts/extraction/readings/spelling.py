"""Spellings, abbreviations and notations of reports, and the one spelling that the rules read."""

import re

from modeling_supreme.query_words import APOSTROPHE_FOLD


_UNACCENTED = {
    "a": "áàâãå",
    "c": "ç",
    "e": "éèêë",
    "i": "íìîïⅰ",
    "n": "ñ",
    "o": "óòôõ",
    "u": "úùû",
    "ii": "ⅱ",
    "iii": "ⅲ",
}
_FULL_WIDTH = dict(zip("\uff0c\u3002\uff1b\uff1a\u3001\uff08\uff09\uff1f\uff0f", ",.;:,()?/", strict=True))
LETTER_FOLDS = str.maketrans(
    {"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"}
    | {accented: bare for bare, letters in _UNACCENTED.items() for accented in letters}
    | _FULL_WIDTH
    | APOSTROPHE_FOLD
)

# Han characters, which no blank parts, stand apart from Latin letters and figures.
HAN = "\u3400-\u4dbf\u4e00-\u9fff"
HAN_BORDER = re.compile(rf"(?<=[{HAN}])(?=[a-z0-9])|(?<=[a-z0-9])(?=[{HAN}])")
# "II grado", "BAV III", "\u2161\u5ea6": roman numbers that are no leads.
ROMAN_GRADE = re.compile(
    r"\b(iii|ii|i)\.?[o\u00b0\u00ba]?(?= ?(?:grado|grau|degre|graad|\u5ea6|\u578b))"
    r"|(?<=grado )(iii|ii|i)\b|(?<=grau )(iii|ii|i)\b|(?<=graad )(iii|ii|i)\b"
    r"|(?<=\bbav )(iii|ii|i)\b|(?<=\bbloqueo av )(iii|ii|i)\b|(?<=\bbloqueio av )(iii|ii|i)\b"
    r"|(?<=\bblocco av )(iii|ii|i)\b|(?<=\bav blok )(iii|ii|i)\b"
)


def name_grade(match: re.Match[str]) -> str:
    """A roman number as a figure."""
    return str(len(next(filter(None, match.groups()))))


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


_MEASURED = (
    r"(qtc?|pr|pq|qrs)(?: ?-?(?:interval|duration|zeit|tid|time))?(?: is| was| of|:)? ?[=~<>]? ?\d{2,3}"
    r"(?: ?(?:ms|msec))?"
)
_LENGTHENED = r"((?:borderline |mildly |markedly )?(?:prolonged|long|short|wide|broad))\b"
_MEASUREMENTS = (
    (
        rf"\b{_MEASURED} ?(?:,|-|\()? ?{_LENGTHENED}\)?",
        r"\2 \1",
    ),
    (rf"\b{_MEASURED}(?![\w/])", " _measured "),
    (
        r"\b(?:(?:ventricular|atrial|heart|hr)? ?rate|hr|hf|herzfrequenz|frequenz)"
        r"(?: is| of| in the|:)? ?[=~<>]? ?(?:about |approx\.? |ca\.? )?\d{2,3}s?(?: ?-? ?\d{2,3}s?)?"
        r"(?: ?(?:bpm|beats per minute|per minute|/ ?min(?:ute)?|min-1))?(?![\w/])",
        " _measured ",
    ),
    (
        r"(?<![\w:.])\d{2,3} ?(?:bpm|lpm|cpm|ppm|/ ?min(?:ut\w*)?\b|slagen/min|bat/min|latidos por minuto)",
        " _measured ",
    ),
    (r"(?<=\b[123])[\u00b0\u00ba\u00aa](?= ?(?:grado|grau|degre|graad))", ""),
)
# How clinicians write: "AF w RVR", "s/p MI", "2/2 LVH", "T waves have normalised".
_MONTHS = "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec"
_SHORTHAND = (
    (r"\bqt/qtc?:? ?=? ?\d{3} ?/ ?\d{3}(?: ?ms)?", " _measured "),
    (r"\b([pqrstu])'s\b(?: waves?\b)?", r"\1 waves"),
    (r"\b(peaked|inverted|flipped|retrograde|tall|flat|biphasic|hyperacute|upright|deep) ([pt])s\b", r"\1 \2 waves"),
    (r"\babnl\b\.?", "abnormal"),
    (r"\bnl\b\.?", "normal"),
    (r"\binterp\b\.?", "interpretation"),
    (r"\b(rapid|fast|slow|controlled) vr\b", r"\1 ventricular response"),
    (r" ?[-=]+> ?(?=(?:nsr|sr|sinus|normal sinus)\b)", " converted to "),
    (r"\b([rl]bbb) ?/ ?(?=l[ap](?:f|h)b\b)", r"\1 and "),
    (r"\btach(?:y)?\b", "tachycardia"),
    (r"\bbrady\b", "bradycardia"),
    (r"\b(tri|bi)fasc\b\.?", r"\1fascicular"),
    (r"\bventric\b\.?", "ventricular"),
    (r"\b2(?:nd)?ary\b", "secondary"),
    (r"\bj[- ]?pt\b", "j point"),
    (r"\bdz\b", "disease"),
    (r"\bami\b", "acute mi"),
    (r"\bromi\b", "rule out mi"),
    (r"\b(?:cause|due to|secondary to) ?\?", "possibly due to"),
    (r": (?=(?:not (?:present|seen|found)|absent|(?:un)?likely|possible|probable|resolved|no)(?: today| now)?$)", " "),
    (r"\bacute mi ?/ ?(?=stemi\b)", "acute mi and "),
    (r"\bfib ?/ ?flut(?:ter)?\b", "atrial fibrillation / atrial flutter"),
    (r"\b(t(?: waves?)?) inv\b\.?", r"\1 inversion"),
    (r"\brecip\b\.?", "reciprocal"),
    (r"\baxis ?[:=]? ?(?:[-+]\d{1,3}|\d{2,3})(?: ?(?:\u00b0|deg\w*))?(?![\w.])", " _measured "),
    (r"\b\d+(?:\.\d+)? ?mm\b(?!hg)", " "),
    (rf"\b\d{{1,2}}[-. ](?:{_MONTHS})[a-z]*[-., ]{{1,2}}\d{{2,4}}(?: \d\d:\d\d)?\b", " "),
    (r"\bnsst[- ]?tw\w*\b", "nssttw"),
    (
        r"\b((?:inferior|inf|lateral|septal|deep|pathologic(?:al)?|narrow|small|significant|insignificant)) qs\b"
        r"(?! (?:complex|wave|pattern|deflection))",
        r"\1 q waves",
    ),
    (
        r"\bmore (consistent with|c/w|suggestive of|typical of|likely) ([\w ]{1,40}?) than\b",
        r"more \1 \2 rather than",
    ),
    (
        r"\b(qtc?|pr|qrs)(?: interval| duration)?(?: is| was)? not (prolonged|long|short|wide|widened)\b",
        r"no \2 \1 interval",
    ),
    (r"\bborderline (qtc?|pr)\b(?: interval)?(?! prol)", r"borderline prolonged \1 interval"),
    (
        r"\b(qtc?|pr)(?: interval)?(?: is| was| appears)? (borderline|possibly|probably) (?=(?:prolonged|long)\b)"
        r"(prolonged|long)",
        r"\2 \3 \1 interval",
    ),
    (r"\b(?:lv)?ef ?[=:~<]? ?\d{2} ?%?", " _measured "),
    (r"\b(axis|intervals?|rhythm): ", r"\1 "),
    (r"\b(distinguish|differentiate|tell) ([\w ]{1,60}?) from ", r"\1 \2 or "),
    (
        r"\bmobitz (?:type )?(?:i|1) (or|vs\.?|versus|/) +(?:mobitz )?(?:type )?(?:ii|2|_leads)(?!\w)",
        r"mobitz i \1 mobitz ii",
    ),
    (r"\b(?:previously|formerly) (inverted|negative|flat(?:tened)?)\b(?! t)", r"no \1 t waves"),
    (r"\b(?:previously|formerly) (depressed|elevated)\b(?! st)", r"no \1 st segments"),
    (
        r"(^|, )(?:was|previously|formerly)(?: in)? (?=(?:nsr|sinus|sr|af|afib|a-?fib|atrial|flutter|paced|svt|vt"
        r"|normal|[lr]bbb|junctional)\b)",
        r"\1no longer ",
    ),
    (r"\brh?yth?e?m(s?)\b", r"rhythm\1"),
    (r"(?<![\d.,])(?<![\d] )\bstd\b(?![.])", "st depression"),
    (
        r"\bvoltages? in (?:the )?(limb|chest) leads? (?:is|are) at (?:the )?upper limit\b",
        r"borderline high \1 lead voltage",
    ),
    (
        r"\b(ekg|ecg|tracing)(?: is)? (wahrscheinlich|moeglicherweise|probably|possibly|likely|presumably) normal\b",
        r"\2 normal ecg",
    ),
    (r"\bpart\. ?(?=[rl]sb|rechtss|linkss|schenkel|[rl]bbb)", "partieller "),
    (r"\b(brady|tachy)cardic sinus rhythm\b", r"sinus \1cardia"),
    (r"\bimi\b", "inferior mi"),
    (r"\basmi\b", "anteroseptal mi"),
    (r"\bverd\.? ?a(?:uf\b|\.)", "verdacht auf"),
    (r"\bstemi,? \(?((?:in|an|la|se|po)\w+(?:al|or|er))\b\)?", r"\1 stemi"),
    (r"\bnon-?stemi\b", "nstemi"),
    (r"\bw/o\b", "without"),
    (r"(?<![/\w])w/? (?=[a-z])", "with "),
    (r"\bs/p\b", "status post"),
    (r"\bh/o\b", "history of"),
    (r"\bc/w\b", "consistent with"),
    (r"\be/o\b", "evidence of"),
    (r"\bd/t\b|\b2/2\b|\b2\u00b0 to\b", "due to"),
    (r"\bddx?\b:?(?= )", "differential diagnosis"),
    (r"\bcan'?t (?=rule|exclude|r/o)", "cannot "),
    (r"\bcannot r/o\b", "cannot rule out"),
    (r"(?<![\w?])\?{1,3} ?(?=[a-z])", "? "),
    (r"\(\?+\)|(?<=\w)\?{1,3}(?=$|[\s.,;)/])|(?<=\w) \?{1,3}(?=$|[.,;)/])", " _query "),
    (r"\bwellen'?s'?(?: (?:syndrome|sign|pattern|type|warning))?\b(?! ?und)", "wellens syndrome"),
    (r"\bfailure to (sense|capture) (and|or|and/or) (sense|capture)\b", r"failure to \1 \2 failure to \3"),
    (
        r"\b(?:the )?(?:previously|formerly|earlier) (inverted|negative|flat|flattened|low|depressed|elevated)"
        r" (t waves?|st segments?) (?:is|are|has|have|was|were) (?:now |become |again |once more )*"
        r"(?:upright|positive|normal|isoelectric|normali[sz]ed|back to normal)\b",
        r"no \1 \2",
    ),
    (
        r"\b(t waves?|st segments?|st-t changes|qtc?|qrs)(?: interval)? (?:has|have|is|are)"
        r" (?:now |since )?(?:normali[sz]ed|back to normal|returned to normal)\b",
        lambda match: f"{_NORMALISED[match[1].rstrip('s')]} has resolved",
    ),
)
_NORMALISED = {
    "t wave": "t wave changes",
    "st segment": "st changes",
    "st-t change": "st-t changes",
    "qt": "prolonged qt interval",
    "qtc": "prolonged qt interval",
    "qr": "prolonged qrs duration",
}
# German and Swedish compounds of which a part is written once: "vorhofflimmern/-flattern", "rechts- oder
# linksschenkelblock"; and hyphens that a blank follows: "st- hebung".
_FIRST_PARTS = r"(vorhof|kammer|foermaks|links|rechts|vorder|hinter|myokard|perikard|sinus)"
_COMPOUNDS = (
    (
        rf"\b{_FIRST_PARTS}(\w{{4,}}) ?(/|,|oder|und|bzw\.?|resp\.?|eller|och) ?-(?=\w{{4}})",
        lambda match: f"{match[1]}{match[2]} {_CONNECTIVES.get(match[3], match[3])} {match[1]}",
    ),
    (
        rf"\b{_FIRST_PARTS}s?- ?(/|,|oder|und|bzw\.?|resp\.?|eller|och) ?{_FIRST_PARTS}(\w{{4,}})",
        lambda match: f"{match[1]}{match[4]} {_CONNECTIVES.get(match[2], match[2])} {match[3]}{match[4]}",
    ),
    (r"\b(st|t|r|q|p|s|u|av|sa|pq|qt|st-t)- (?=[a-z]{4})", r"\1 "),
    (r"\babnorm(?:e[srnm]?)?\b", "abnormal"),
    (r"\bvorhofs?(?:ueber(?:be)?lastung|belastung)", "vorhofsueberlastung"),
    (r"\b4\.46 +u\w*(?: b\w*)?$", "unbestaetigter bericht"),
)
_CONNECTIVES = {"bzw.": "bzw", "resp.": "oder", "resp": "oder"}


# Spellings, abbreviations and notations, in this order; a lead list must be folded before hyphens are.
REWRITES = [
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"\(\d+@\d+\)", " "),
        *_MEASUREMENTS,
        *_SHORTHAND,
        *_COMPOUNDS,
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
        (r"\b(onderwand|voorwand|achterwand|zijwand)(?=infarct)", r"\1 "),
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
        (r"\bdepr?\b\.?", "depression"),
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
        (r"\bant(?=\s*[/+&]|\s+(?:[qrst]|leads?|wall|mi|isch\w*|inf\w+|st\w*|twi|q waves?|and)\b|\.|$)", "anterior"),
        (r"\blat(?=\s*[/+&]|\s+(?:[qrst]|leads?|wall|mi|isch\w*|inf\w+|st\w*|twi|q waves?)\b|\.|$)", "lateral"),
        (r"\binf(?=\s*[/+&]|\s+(?:[qrst]|leads?|wall|mi|isch\w*|inf\w+|st\w*|twi|q waves?)\b|\.)", "inferior"),
        (r"\bt waves? (?:are|is|remains?|now|generally|still)(?: (?:now|generally|still|slightly))* ", "t waves "),
        (r"\bst segments? (?:are|is|remains?|now|still)(?: (?:now|still|slightly))* ", "st segments "),
        (r"\b(t waves|st segments) no longer ", r"no \1 "),
        (r"\b(?!high lateral)(tall|low|high|deep|broad) ((?:in|an|la|se|po)\w+(?:al|or|er)) (?=[pqrst]\b)", r"\2 \1 "),
        (r"(?<=[a-z0-9])-(?=[a-z])", " "),
    )
]
