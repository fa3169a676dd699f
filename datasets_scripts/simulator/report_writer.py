"""Reports in the wording of ECG carts: short statements in a fixed order, then a verdict.

What separates a report from the truth is in `ReportStyle`; the wordings are those of `report_templates`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np

from datasets_scripts.terminology.findings import INFARCTION_AGES, NORMAL_FINDING, TERRITORIES, load_terminology

from .report_templates import Language, Template, ranks_of_conditions, templates_by_condition, templates_by_place


MAX_STATEMENTS = 8
INFARCTION = "myocardial infarction"

# How statements are laid out: findings of the rhythm joined to it by "with", listed below it, or stated by themselves.
LAYOUTS = ("joined", "joined", "listed", "separate", "separate")
JOINING_WORDS = {"en": " with ", "de": " mit "}
CAPITALS_PROBABILITY, FULL_STOP_PROBABILITY = 0.12, 0.15
REMARK_PROBABILITY = 0.04
# PTB-XL's reports went through an encoding that left capital umlauts within words in lower case.
CAPITAL_UMLAUTS_PROBABILITY = 0.7
CAPITAL_UMLAUTS = str.maketrans("äöü", "ÄÖÜ")

# With nothing beyond these the verdict is "Borderline ECG".
MILD_FINDINGS = frozenset(
    {
        "first degree av block",
        "prolonged pr interval",
        "incomplete right bundle branch block",
        "left axis deviation",
        "right axis deviation",
        "left atrial enlargement",
        "low qrs voltage",
        "nondiagnostic st-t changes",
        "premature atrial contraction",
    }
)
UNREMARKABLE = frozenset(
    {"sinus rhythm", "sinus bradycardia", "sinus tachycardia", "sinus arrhythmia", "early repolarization"}
)
UNUSUAL_RATES = frozenset({"sinus bradycardia", "sinus tachycardia"})
# What carts seldom state beside a diagnosis that explains it.
EXPLAINED_BY = {
    "q waves": ("myocardial infarction", "septal hypertrophy"),
    "abnormal qrs": ("myocardial infarction", "conduction disturbance", "ventricular hypertrophy"),
    "poor r wave progression": ("myocardial infarction", "left ventricular hypertrophy"),
    "high qrs voltage": ("ventricular hypertrophy",),
    "left ventricular hypertrophy by voltage": ("left ventricular hypertrophy",),
    "secondary st-t changes": ("ventricular hypertrophy", "conduction disturbance"),
    "st elevation": ("myocardial infarction", "acute pericarditis", "early repolarization"),
    "st depression": ("myocardial ischemia", "myocardial injury", "ventricular hypertrophy"),
    "t wave inversion": ("myocardial ischemia", "myocardial infarction", "ventricular hypertrophy"),
    "low amplitude t waves": ("myocardial ischemia", "electrolyte disturbance"),
    "t wave changes": ("st-t changes", "electrolyte disturbance"),
}
# Measured findings of two leads of a wall, and what a report says of the wall. Where two walls have it, so has the
# larger one between them.
WALL_FINDINGS = {
    "st elevation in two {wall} leads": ("st elevation", "st elevation"),
    "st depression in two {wall} leads": ("st depression", "st depression"),
    "t inversion in two {wall} leads": ("t wave inversion", "t wave inversion"),
}
WALLS_OF_TERRITORY = {
    "inferior": ("inferior",),
    "lateral": ("lateral",),
    "anterior": ("anterior",),
    "anterolateral": ("anterior", "lateral"),
    "inferolateral": ("inferior", "lateral"),
}


@dataclass(frozen=True)
class ReportStyle:
    """How reports are written, and how far they are from the truth.

    Attributes:
        omission_rate (`float`):
            Probability that a finding other than the rhythm is left out.
        explained_omission_rate (`float`):
            The same where a diagnosis of the strip explains the finding, such as Q waves beside an infarct.
        hedge_rate (`float`):
            Probability that a finding is stated as possible only, where there is a wording for it.
        false_rate (`float`):
            Probability that a report states a finding that is not there.
        language (`str`):
            `"en"` as carts print in MIMIC-IV-ECG, or `"de"` as readers wrote in PTB-XL.
    """

    omission_rate: float = 0.05
    explained_omission_rate: float = 0.6
    hedge_rate: float = 0.2
    false_rate: float = 0.01
    language: Language = "en"

    def scale(self, factor: float) -> "ReportStyle":
        """The same language with all rates multiplied, none above 1.

        Example:
            >>> ReportStyle(omission_rate=0.05).scale(0.0)
            ReportStyle(omission_rate=0.0, explained_omission_rate=0.0, hedge_rate=0.0, false_rate=0.0, language='en')
        """
        if factor < 0:
            raise ValueError(
                f"`report_noise` is {factor}. Give 0 for complete reports, 1 for the usual ones, or more."
            )
        names = [field.name for field in fields(self) if field.name.endswith("_rate")]
        return replace(self, **{name: min(factor * getattr(self, name), 1.0) for name in names})


def locate_findings(conditions: frozenset[str], findings: frozenset[str]) -> set[str]:
    """Conditions together with walls of ST and T and with the age of an infarct in its place, closed upward.

    Args:
        conditions (`frozenset[str]`):
            What is true of a strip.
        findings (`frozenset[str]`):
            Its measured findings.

    Returns:
        `set[str]`: All that a statement may say of the strip.

    Example:
        >>> located = locate_findings(frozenset({"st depression"}), frozenset({"st depression in two lateral leads"}))
        >>> sorted(located)
        ['lateral st depression', 'lateral st-t changes', 'st depression', 'st-t changes']
    """
    true = set(conditions)
    for pattern, (condition, located) in WALL_FINDINGS.items():
        if condition not in conditions:
            continue
        for territory, walls in WALLS_OF_TERRITORY.items():
            if all(pattern.format(wall=wall) in findings for wall in walls):
                true |= {f"{territory} {located}", f"{territory} st-t changes"}
                if located.startswith("t "):
                    true.add(f"{territory} t wave changes")
    terminology = load_terminology()
    ages = [age for age in INFARCTION_AGES if f"{age} {INFARCTION}" in conditions]
    for condition in conditions - {name for other in conditions for name in terminology.ancestors(other)}:
        territory, _, disease = condition.partition(" myocardial ")
        if disease == "ischemia" and territory in TERRITORIES:
            true.add(f"{territory} st-t changes")
        if disease == "infarction" and territory in TERRITORIES:
            true |= {f"{age} {condition}" for age in ages}
    return terminology.close_upward(true)


def write_report(
    rng: np.random.Generator,
    conditions: frozenset[str],
    *,
    findings: frozenset[str] = frozenset(),
    style: ReportStyle | None = None,
) -> tuple[str, ...]:
    """Write the report of a record.

    Args:
        rng (`np.random.Generator`):
            Source of the wording.
        conditions (`frozenset[str]`):
            What is true of the strip, closed upward.
        findings (`frozenset[str]`):
            Its measured findings, for the walls of ST and T.
        style (`ReportStyle`, *optional*):
            Language and noise.

    Returns:
        `tuple[str, ...]`: Up to eight statements: the rhythm, the findings, the verdict.
    """
    style = style or ReportStyle()
    true = locate_findings(conditions, findings)
    wanted = _most_precise(conditions, true, style.language)
    chosen = _choose_wordings(rng, wanted, true, style)
    false = _choose_false_wording(rng, true, style)
    statements = _lay_out(rng, [*chosen, *false], style.language)
    verdict = _write_verdict(rng, conditions, wanted, has_false_finding=bool(false), language=style.language)
    return _set_in_type(rng, [*statements[: MAX_STATEMENTS - len(verdict)], *verdict], style.language)


def _most_precise(conditions: frozenset[str], true: set[str], language: Language) -> list[str]:
    """Conditions, infarcts with their age, that no other one implies; in the order of the table."""
    terminology, ranks = load_terminology(), ranks_of_conditions(language)
    dated = {name for name in true if name.startswith(INFARCTION_AGES) and name.endswith(INFARCTION)}
    known = (conditions | dated) & ranks.keys()
    implied = {name for condition in known for name in terminology.ancestors(condition)}
    return sorted(known - implied, key=ranks.__getitem__)


def _choose_wordings(
    rng: np.random.Generator, wanted: Sequence[str], true: set[str], style: ReportStyle
) -> list[Template]:
    """One wording for each condition that is neither left out nor stated along with another."""
    worded = templates_by_condition(style.language)
    layout = LAYOUTS[int(rng.integers(len(LAYOUTS)))]
    chosen: list[Template] = []
    stated: set[str] = set()
    for condition in wanted:
        is_explained = not true.isdisjoint(EXPLAINED_BY.get(condition, ()))
        is_omitted = rng.random() < (style.explained_omission_rate if is_explained else style.omission_rate)
        if condition in stated or (is_omitted and worded[condition][0].place != "rhythm"):
            continue
        fitting = [template for template in worded[condition] if template.names <= true]
        is_hedged = bool(rng.random() < style.hedge_rate)
        fitting = [template for template in fitting if template.is_hedged == is_hedged] or fitting
        place = "statement" if layout == "separate" else "added"
        fitting = [template for template in fitting if template.place in ("rhythm", place)] or fitting
        template = fitting[int(rng.integers(len(fitting)))]
        stated |= template.names
        chosen.append(template)
    return [_list_below(template) if layout == "listed" else template for template in chosen]


def _list_below(template: Template) -> Template:
    """A finding of the rhythm on a line of its own."""
    return template._replace(place="statement", text=f"- {template.text}") if template.place == "added" else template


def _choose_false_wording(rng: np.random.Generator, true: set[str], style: ReportStyle) -> list[Template]:
    """Now and then a statement of which nothing is true."""
    if rng.random() >= style.false_rate:
        return []
    terminology = load_terminology()
    false = [
        template
        for template in templates_by_place(style.language)["statement"]
        if not template.is_hedged and true.isdisjoint(terminology.close_upward(template.names))
    ]
    return [false[int(rng.integers(len(false)))]]


def _lay_out(rng: np.random.Generator, templates: Iterable[Template], language: Language) -> list[str]:
    """Statements in their order, what belongs to the rhythm joined to it."""
    rhythm: list[str] = []
    others: list[str] = []
    for template in templates:
        if template.place == "added" and rhythm:
            rhythm[-1] += JOINING_WORDS[language] + template.text
        elif template.place == "rhythm":
            rhythm.append(template.text)
        else:
            others.append(template.text)
    remark = _choose_at(rng, "remark", language) if rng.random() < REMARK_PROBABILITY else []
    return [*remark, *rhythm, *others]


def _write_verdict(
    rng: np.random.Generator,
    conditions: frozenset[str],
    wanted: Sequence[str],
    *,
    has_false_finding: bool,
    language: Language,
) -> list[str]:
    """The last statement; German readers leave it out unless the ECG is normal."""
    if NORMAL_FINDING in conditions and not has_false_finding:
        place = "normal-except-rate" if conditions & UNUSUAL_RATES else "verdict"
    else:
        is_mild = not has_false_finding and set(wanted) <= MILD_FINDINGS | UNREMARKABLE
        place = "borderline" if is_mild else "abnormal"
    return _choose_at(rng, place, language)


def _choose_at(rng: np.random.Generator, place: str, language: Language) -> list[str]:
    """One of the wordings that stand at a place, none where the language has none."""
    templates = templates_by_place(language).get(place, [])
    return [templates[int(rng.integers(len(templates)))].text] if templates else []


def _set_in_type(rng: np.random.Generator, statements: list[str], language: Language) -> tuple[str, ...]:
    """Give all statements of a report the look of one maker."""
    look = rng.random()
    if language == "de":
        has_capital_umlauts = look < CAPITAL_UMLAUTS_PROBABILITY
        return tuple(text.translate(CAPITAL_UMLAUTS) if has_capital_umlauts else text for text in statements)
    if look < CAPITALS_PROBABILITY:
        return tuple(text.upper().replace("PVCS", "PVCs").replace("PACS", "PACs") for text in statements)
    if look < CAPITALS_PROBABILITY + FULL_STOP_PROBABILITY:
        return tuple(f"{text}." for text in statements)
    return tuple(statements)
