"""The texts that a text tower learns from: wordings of ECGs, of medicine, and of everything else, drawn without end.

A user may ask for anything. Most texts are names, synonyms and descriptions of findings, statements of reports, and
questions with numbers, in the frames, spellings and abbreviations that people write; the others are medical concepts
and plain English, so that a text of another kind keeps its place too. No text comes from a record.
"""

import importlib
import random
import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, cast

import numpy as np

from datasets_scripts.extraction.readings.lexicon import WORDINGS_PATH
from datasets_scripts.simulator.report_templates import Language, load_templates, ranks_of_conditions
from datasets_scripts.simulator.report_writer import ReportStyle, write_report
from datasets_scripts.terminology.findings import CORPUS_LABELS_PATH, load_terminology
from datasets_scripts.terminology.measured_findings import load_measured_findings
from datasets_scripts.terminology.tables import LIST_SEPARATOR, read_table
from modeling_supreme.command_line import CommandLineError
from modeling_supreme.leads import STANDARD_LEADS
from modeling_supreme.query_grammar import MEASUREMENTS, normalize_name


PHRASES_PATH = Path(__file__).with_name("phrases.csv")
SLOT = "{}"
LANGUAGES: tuple[Language, ...] = ("en", "de")
SHORT_WORD = re.compile(r"[^\W\d_]{1,5}")
SHORTEST_HIDDEN = 4  # letters of a wording by which a hidden finding is found within a text
# Of every text drawn, how likely it is that
PAIRED, ABBREVIATED, MISSPELT, LOOSELY_SET, FRAMED = 0.12, 0.2, 0.06, 0.1, 0.55
LETTERS = "abcdefghijklmnopqrstuvwxyz"
# Words of a vocabulary come in the order of how common they are: a word at share x of it is drawn with x ** 1.5.
COMMON_WORDS = 1.5


class Text(NamedTuple):
    """A text as people write it.

    Attributes:
        written (`str`):
            With abbreviations, mistakes of typing and marks about it.
        meant (`str`):
            The same without them: the large encoder, which knows few of a cardiologist's abbreviations, reads this.
    """

    written: str
    meant: str

    @classmethod
    def plain(cls, text: str) -> "Text":
        """A text that is written as it is meant."""
        return cls(text, text)


@dataclass(frozen=True)
class TextSources:
    """Everything that texts are made of.

    Attributes:
        findings (`tuple[Text, ...]`):
            Names, synonyms and descriptions of findings, measured ones and labels of corpora among them. A synonym of
            one short word, mostly an abbreviation, means the name.
        statements (`tuple[str, ...]`):
            Statements of the report writer, in English and German.
        patterns (`tuple[str, ...]`):
            Wordings of reports as `report_wordings.csv` has them, with alternatives.
        concepts (`tuple[str, ...]`):
            Medical concepts of every kind.
        words (`tuple[str, ...]`):
            English words, the common ones first.
        phrases (`dict[str, tuple[str, ...]]`):
            Rows of `phrases.csv`, by kind.
        hidden (`re.Pattern`, *optional*):
            Finds what no text may say.
    """

    findings: tuple[Text, ...]
    statements: tuple[str, ...]
    patterns: tuple[str, ...]
    concepts: tuple[str, ...]
    words: tuple[str, ...]
    phrases: dict[str, tuple[str, ...]] = field(repr=False)
    hidden: re.Pattern[str] | None = None


def load_sources(words: Sequence[str], *, held_out_findings: Collection[str] = ()) -> TextSources:
    """Read the tables.

    Args:
        words (`Sequence[str]`):
            English words, the common ones first.
        held_out_findings (`Collection[str]`):
            Findings that no text may name, in none of their wordings.

    Raises:
        CommandLineError: If one of them is no finding, or the package with medical concepts is not installed.
    """
    terminology = load_terminology()
    names = [*(finding.name for finding in terminology), *load_measured_findings()]
    findings = [
        Text(wording, name if SHORT_WORD.fullmatch(wording) else wording)
        for name in names
        for wording in terminology.wordings(name)
    ]
    findings += [Text.plain(row["label"]) for row in read_table(CORPUS_LABELS_PATH)]
    statements = [template.text for language in LANGUAGES for template in load_templates(language)]
    phrases: dict[str, tuple[str, ...]] = {}
    for row in read_table(PHRASES_PATH):
        phrases[row["kind"]] = (*phrases.get(row["kind"], ()), row["text"])
    return TextSources(
        findings=tuple(dict.fromkeys(findings)),
        statements=tuple(dict.fromkeys(statements)),
        patterns=tuple(row["wording"] for row in read_table(WORDINGS_PATH)),
        concepts=load_concepts(),
        words=tuple(words),
        phrases=phrases,
        hidden=compile_hidden(held_out_findings),
    )


def load_concepts() -> tuple[str, ...]:
    """Names of the concepts that DICOM uses: diseases, anatomy, drugs, procedures, devices, species, units.

    Raises:
        CommandLineError: If pydicom is not installed.
    """
    try:
        tables = importlib.import_module("pydicom.sr._concepts_dict").concepts
    except ModuleNotFoundError as error:
        raise CommandLineError(
            'The medical concepts come with pydicom, which is not installed. Run `pip install ".[formats]"`.'
        ) from error
    names = {meaning for scheme in tables.values() for codes in scheme.values() for meaning, _ in codes.values()}
    return tuple(sorted(names))


def compile_hidden(names: Collection[str]) -> re.Pattern[str] | None:
    """A pattern that finds the wordings of findings in a normalised text; `None` where there are none to hide.

    Raises:
        CommandLineError: If a name is no finding.
    """
    if not names:
        return None
    terminology = load_terminology()
    wordings: set[str] = set()
    for name in names:
        finding = terminology.find(name)
        if finding is None:
            raise CommandLineError(
                f"`--held_out_findings` names {name!r}, which is no finding. Write a name or synonym of the"
                " terminology."
            )
        wordings |= {normalize_name(wording) for wording in (finding.name, *finding.synonyms)}
    within = "|".join(sorted(re.escape(wording) for wording in wordings if len(wording) >= SHORTEST_HIDDEN))
    alone = "|".join(sorted(re.escape(wording) for wording in wordings if len(wording) < SHORTEST_HIDDEN))
    return re.compile(rf"\b(?:{within})|\b(?:{alone})\b" if alone else rf"\b(?:{within})")


class TextWriter:
    """Draws texts.

    Args:
        sources (`TextSources`):
            What they are made of.

    Example:
        >>> writer = TextWriter(load_sources(["house", "river"]))
        >>> writer.write(3, seed=0) == writer.write(3, seed=0)
        True
    """

    def __init__(self, sources: TextSources) -> None:
        self.sources = sources
        self._kinds: dict[Callable[[random.Random], Text], float] = {
            self._finding: 0.36,
            self._statement: 0.1,
            self._report: 0.08,
            self._pattern: 0.06,
            self._expression: 0.08,
            self._concept: 0.16,
            self._plain: 0.16,
        }
        self._conditions = {language: sorted(ranks_of_conditions(language)) for language in LANGUAGES}
        self._abbreviations = [
            (long, short) for long, _, short in (each.partition("=") for each in self._phrases("abbreviation"))
        ]

    def write(self, number: int, *, seed: int) -> list[str]:
        """So many texts, as they are written; a function of the seed alone."""
        return [text.written for text in self.write_texts(number, seed=seed)]

    def write_texts(self, number: int, *, seed: int) -> list[Text]:
        """The same texts with what they mean."""
        rng = random.Random(seed)
        hidden = self.sources.hidden
        texts: list[Text] = []
        while len(texts) < number:
            text = self._draw(rng)
            if hidden is None or not any(hidden.search(normalize_name(form)) for form in text):
                texts.append(text)
        return texts

    def _draw(self, rng: random.Random) -> Text:
        """One text, or two that are joined, as people write it."""
        text = self._draw_one(rng)
        if rng.random() < PAIRED:
            text = _fill(self._choose(rng, "pair"), [text, self._draw_one(rng)])
        if rng.random() < MISSPELT:
            text = text._replace(written=misspell(text.written, rng))
        if rng.random() < LOOSELY_SET:
            text = text._replace(written=set_loosely(text.written, rng))
        return text

    def _draw_one(self, rng: random.Random) -> Text:
        (draw,) = rng.choices(list(self._kinds), list(self._kinds.values()))
        return draw(rng)

    def _finding(self, rng: random.Random) -> Text:
        """A finding, in a frame or alone."""
        finding = rng.choice(self.sources.findings)
        is_plain = finding.written == finding.meant
        return self._frame(self._abbreviate(finding.written, rng) if is_plain else finding, rng)

    def _statement(self, rng: random.Random) -> Text:
        """A statement of a report."""
        return self._abbreviate(rng.choice(self.sources.statements), rng)

    def _report(self, rng: random.Random) -> Text:
        """One or more statements of a report of some conditions that need not go together."""
        language = rng.choice(LANGUAGES)
        conditions = load_terminology().close_upward(rng.sample(self._conditions[language], rng.randint(1, 4)))
        style = ReportStyle(hedge_rate=0.3, false_rate=0.0, language=language)
        numbers = np.random.default_rng(rng.getrandbits(64))
        written = write_report(numbers, frozenset(conditions), style=style)
        if not written:
            return self._statement(rng)
        return Text.plain(rng.choice([", ", ". ", " / ", "; "]).join(written[: rng.choice((1, 1, 2, 3))]))

    def _pattern(self, rng: random.Random) -> Text:
        """A wording of a report, one of its alternatives."""
        return self._frame(Text.plain(expand_pattern(rng.choice(self.sources.patterns), rng)), rng)

    def _expression(self, rng: random.Random) -> Text:
        """A question with a number, of leads, or of two such parts."""
        measurement = rng.choice(list(MEASUREMENTS.values()))
        name = rng.choice(measurement.phrases)
        if rng.random() < 0.35:
            text = f"{self._choose(rng, 'quality')} {name}"
        else:
            number = rng.choice((str(rng.randint(1, 500)), f"{rng.uniform(0, 5):.1f}", f"{rng.uniform(0, 1):.2f}"))
            text = f"{name} {self._choose(rng, 'comparison')} {number} {self._choose(rng, 'unit')}"
        if measurement.is_per_lead or rng.random() < 0.2:
            leads = " and ".join(rng.sample(STANDARD_LEADS, rng.choice((1, 1, 2))))
            text += f" in {leads}" if rng.random() < 0.6 else f" {self._choose(rng, 'lead_group')}"
        return self._frame(Text.plain(text), rng) if rng.random() < 0.3 else Text.plain(text)

    def _concept(self, rng: random.Random) -> Text:
        """A medical concept; what kind it is, which SNOMED CT puts in brackets, stays or goes."""
        name = rng.choice(self.sources.concepts)
        return self._frame(Text.plain(re.sub(r" \([^)]*\)$", "", name) if rng.random() < 0.7 else name), rng)

    def _plain(self, rng: random.Random) -> Text:
        """Plain English: a sentence, or words in a frame."""
        kind = rng.random()
        if kind < 0.2:
            return Text.plain(self._choose(rng, "sentence"))
        frame = SLOT if kind < 0.4 else self._choose(rng, "plain_frame")
        return _fill(frame, [Text.plain(self._word(rng)) for _ in range(frame.count(SLOT))])

    def _word(self, rng: random.Random) -> str:
        return self.sources.words[int(len(self.sources.words) * rng.random() ** COMMON_WORDS)]

    def _frame(self, text: Text, rng: random.Random) -> Text:
        """The text as it is, or in a frame."""
        return _fill(self._choose(rng, "frame"), [text]) if rng.random() < FRAMED else text

    def _abbreviate(self, text: str, rng: random.Random) -> Text:
        """The text, now and then with one of its words in another form."""
        if rng.random() >= ABBREVIATED:
            return Text.plain(text)
        folded = text.lower()
        fitting = [(long, short) for long, short in self._abbreviations if long in folded]
        if not fitting:
            return Text.plain(text)
        long, short = rng.choice(fitting)
        return Text(re.sub(rf"\b{re.escape(long)}\b", lambda _: short, folded, count=1), text)

    def _choose(self, rng: random.Random, kind: str) -> str:
        return rng.choice(self._phrases(kind))

    def _phrases(self, kind: str) -> tuple[str, ...]:
        return self.sources.phrases[kind]


def _fill(frame: str, parts: Sequence[Text]) -> Text:
    """A frame with its slots filled, in order."""
    pieces = frame.split(SLOT)
    written, meant = (
        "".join(piece + part for piece, part in zip(pieces, [*forms, ""], strict=True))
        for forms in zip(*parts, strict=True)
    )
    return Text(written, meant)


def expand_pattern(pattern: str, rng: random.Random) -> str:
    """One of the wordings of a pattern: `|` between alternatives, `?` after what may be missing, `_` for a blank.

    Example:
        >>> expand_pattern("voltage_criteria of", random.Random(0))
        'voltage criteria of'
    """
    words = []
    for part in pattern.split(" "):
        is_optional = part.endswith("?") and len(part) > 1
        choices = part.removesuffix("?").split(LIST_SEPARATOR)
        if not (is_optional and rng.random() < 0.5):
            words.append(rng.choice(choices).replace("_", " "))
    return " ".join(words).strip() or pattern


def misspell(text: str, rng: random.Random) -> str:
    """A text with one mistake of typing: a letter left out, doubled, replaced, or two exchanged.

    Example:
        >>> len(misspell("atrial", random.Random(1))) in (5, 6, 7)
        True
    """
    places = [place for place, character in enumerate(text) if character.isalpha()]
    if len(places) < 4:
        return text
    place = rng.choice(places)
    kinds = ("", text[place] * 2, rng.choice(LETTERS), text[place : place + 2][::-1])
    kind = rng.randrange(len(kinds))
    return text[:place] + kinds[kind] + text[place + (2 if kind == 3 else 1) :]


def set_loosely(text: str, rng: random.Random) -> str:
    """A text with other marks around or between its words."""
    changes: tuple[Callable[[str], str], ...] = (
        lambda words: f"{words}.",
        lambda words: f"{words}?",
        lambda words: f"{words}!",
        lambda words: f"- {words}",
        lambda words: f'"{words}"',
        lambda words: f"*** {words} ***",
        lambda words: words.replace("-", " "),
        lambda words: words.replace(" ", "-"),
        lambda words: words.replace(" ", "_"),
        lambda words: words.replace(" ", "  "),
        lambda words: words.replace(",", ""),
    )
    return cast(str, rng.choice(changes)(text))
