"""Which condition a label stands for: its name in another spelling, a synonym, a code, a label of some corpus.

A checkpoint was trained on one name of each finding, and people type another: "AFib?", "first-degree heart block",
"premature atrial complexes", "426177001". All of these are one question, and have one answer.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

from .query_grammar import normalize_name


# Pieces of names that mean the same, in the order in which they are folded; the texts are normalised before
_CHAMBER = "(atrial|ventricular|supraventricular|junctional|nodal|av junctional)"
_BEAT = "(?:contraction|complex|beat|depolari[sz]ation|extrasystole|extra systole|ectopic(?: beat| complex)?)"
_FOLDS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), folded)
    for pattern, folded in (
        (r"\((?:e?s)\)|[(),?!.;:](?= |$)|[(),]", " "),
        (r"\s+", " "),
        (r"^ | $", ""),
        (r"^(?:(?:an?|the|this|12 lead) )*(?:ecg|ekg|electrocardiogram) (?:shows|showing|with|of) (?:an? )?", ""),
        (r"\b(?:ekg|electrocardiogram)\b", "ecg"),
        (r"aemi", "emi"),
        (r"oedem", "edem"),
        (r"isation", "ization"),
        (r"ised", "ized"),
        (r"haem", "hem"),
        (r"xes\b", "x"),
        (r"abnormalities", "abnormality"),
        (r"(?<=[a-z]{3})(?<![sui])s\b", ""),
        (r"\batrio ?ventricular\b|\ba v (?=block)", "av"),
        (r"\bheart block\b", "av block"),
        (r"\b(?:1st|i) degree\b", "first degree"),
        (r"\b(?:2nd|ii) degree\b", "second degree"),
        (r"\b(?:3rd|iii) degree\b", "third degree"),
        (r"\bmyocardial (?=ischemi|infarct)", ""),
        (r"\binfarct\b|\bmi\b", "infarction"),
        (r"\bst segment\b", "st"),
        (r"\blbbb\b", "left bundle branch block"),
        (r"\brbbb\b", "right bundle branch block"),
        (r"\blvh\b", "left ventricular hypertrophy"),
        (r"\brvh\b", "right ventricular hypertrophy"),
        (r"\ba fib\b", "afib"),
        (rf"\b(?:premature {_CHAMBER}|{_CHAMBER} premature) {_BEAT}$", r"premature \1\2 contraction"),
        (rf"\b{_CHAMBER} (?:extra ?systole|ectopic(?: beat| complex)?)$", r"premature \1 contraction"),
    )
)


@lru_cache(maxsize=1 << 16)
def fold_spelling(text: str) -> str:
    """A name with all that people write one and the same name by: number, spelling, long forms, order of words.

    Example:
        >>> fold_spelling("Inferior ischaemia") == fold_spelling("inferior myocardial ischemia")
        True
        >>> fold_spelling("Atrial premature complex(es)"), fold_spelling("abnormal Q waves")
        ('premature atrial contraction', 'abnormal q wave')
        >>> fold_spelling("First-degree heart block"), fold_spelling("This ECG shows an inferior MI.")
        ('first degree av block', 'inferior infarction')
    """
    folded = normalize_name(text)
    for pattern, replacement in _FOLDS:
        folded = pattern.sub(replacement, folded)
    return folded


class ConditionNames:
    """Conditions by everything that they are called.

    A condition answers to its own name before all others; a name as it is written goes before one in another spelling;
    and of two conditions that share a name, the first one answers to it.

    Args:
        names (`Iterable[tuple[str, Sequence[str]]]`):
            Conditions, each with its other names.

    Attributes:
        names (`frozenset[str]`):
            All of them as they are written, folded by `normalize_name`.

    Example:
        >>> names = ConditionNames([("sinus bradycardia", ["SB", "426177001"]), ("st elevation", [])])
        >>> names.find("SB"), names.find("ST-segment elevations?"), names.find("ST")
        ('sinus bradycardia', 'st elevation', None)
    """

    def __init__(self, names: Iterable[tuple[str, Sequence[str]]]) -> None:
        given = [(condition, tuple(others)) for condition, others in names]
        self._written = {normalize_name(condition): normalize_name(condition) for condition, _ in given}
        self._spelt: dict[str, str] = {}
        for condition, _ in given:
            self._spelt.setdefault(fold_spelling(condition), normalize_name(condition))
        for condition, others in given:
            for name in others:
                self._written.setdefault(normalize_name(name), normalize_name(condition))
                self._spelt.setdefault(fold_spelling(name), normalize_name(condition))
        self.names = frozenset(self._written)

    def find(self, label: str) -> str | None:
        """The condition that a label stands for, its spelling folded by `normalize_name`; `None` if there is none."""
        return self._written.get(normalize_name(label)) or self._spelt.get(fold_spelling(label))

    @classmethod
    def of(
        cls, conditions: Iterable[str], others: Mapping[str, Sequence[str]], more: Iterable[tuple[str, Sequence[str]]]
    ) -> "ConditionNames":
        """The names of some conditions, and `more` behind them.

        Args:
            conditions (`Iterable[str]`):
                What a checkpoint was trained on.
            others (`Mapping[str, Sequence[str]]`):
                `config.condition_names`.
            more (`Iterable[tuple[str, Sequence[str]]]`):
                Conditions that are defined, with the names given there.
        """
        return cls([*((name, ()) for name in conditions), *more, *others.items()])
