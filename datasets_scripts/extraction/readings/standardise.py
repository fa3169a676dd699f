"""Entities become findings of the terminology: one name per finding, with its codes and with what it is a kind of."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from datasets_scripts.terminology.findings import INFARCTION_AGES, Finding, load_terminology
from datasets_scripts.terminology.vocabularies import find_in_snomed_ct, find_in_umls
from modeling_supreme.query_grammar import normalize_name

from .lexicon import load_lexicon
from .reading import CERTAINTIES, NEGATIVE, POSITIVE, Entity, Reading
from .rules import read_statement
from .statements import normalize_statement


# Words that the annotation of ECG statements drops from a name: frequency, degree, and "nonspecific".
DROPPED_WORDS = {"a", "an", "the", "in", "of", "non", "specific", "nonspecific", "frequent", "occasional", "multiple"}
DROPPED_WORDS |= {"predominant", "predominantly", "paroxysmal", "minimal", "mild", "moderate", "marked", "severe"}


@dataclass
class StandardisationArguments:
    """Which steps are taken to bring the entities of a backend into the terminology."""

    match_names: bool = field(
        default=True, metadata={"help": "Match entities to names, synonyms and spellings of the terminology."}
    )
    snomed_ct_dir: Path | None = field(
        default=None, metadata={"help": "Unpacked SNOMED CT release (RF2) in which to look up unmatched entities."}
    )
    umls_file: Path | None = field(
        default=None, metadata={"help": "MRCONSO.RRF of a UMLS release in which to look up unmatched entities."}
    )
    text_model_name_or_path: str | None = field(
        default=None,
        metadata={"help": "Text encoder in whose space unmatched entities are compared with the terminology."},
    )
    text_pooling: Literal["cls", "mean"] = field(
        default="cls", metadata={"help": "What stands for a text: its first token, or the mean over its tokens."}
    )
    min_similarity: float = field(
        default=0.9, metadata={"help": "Smallest cosine, from 0 to 1, at which two names may mean the same finding."}
    )
    keep_new_findings: bool = field(
        default=True, metadata={"help": "Keep entities that match nothing as findings of their own, without codes."}
    )
    attach_codes: bool = field(default=True, metadata={"help": "Attach SNOMED CT and SCP codes to the findings."})
    merge_duplicates: bool = field(
        default=True, metadata={"help": "Name a finding once per statement, with the strongest certainty."}
    )
    add_parents: bool = field(
        default=True, metadata={"help": "Give a record all that its findings are kinds of, in labels.parquet."}
    )

    def __post_init__(self) -> None:
        if not 0 <= self.min_similarity <= 1:
            raise ValueError(f"`--min_similarity` is {self.min_similarity}. It is a cosine: choose 0 to 1.")


class NameMatch(NamedTuple):
    """What became of a name that a backend gave.

    Attributes:
        name (`str`):
            As the backend gave it.
        findings (`tuple[str, ...]`):
            What it stands for: one finding, several ("inferior and lateral st depression"), or none if it was left
            out.
        step (`str`):
            The step that found them; `"new finding"` or `"left out"` if none did.
        count (`int`):
            Statements that name it.
        nearest (`str`):
            Nearest finding in the text encoder's space, if it was compared.
        similarity (`float`, *optional*):
            Its cosine.
    """

    name: str
    findings: tuple[str, ...]
    step: str
    count: int
    nearest: str = ""
    similarity: float | None = None


class Step(NamedTuple):
    """One step of the standardisation, counted over the distinct statements.

    Attributes:
        name (`str`):
            What the step does.
        is_on (`bool`):
            Whether it was taken.
        num_changed (`int`):
            Names that it matched, or entities that it added, coded or took away.
        entities (`tuple[int, int]`):
            Entities before and after.
        names (`tuple[int, int]`):
            Distinct names before and after.
    """

    name: str
    is_on: bool
    num_changed: int
    entities: tuple[int, int]
    names: tuple[int, int]


@dataclass(frozen=True)
class Standardised:
    """Readings in the terminology.

    Attributes:
        readings (`dict[str, Reading]`):
            The readings, under the keys under which they were given.
        findings (`dict[str, Finding]`):
            Everything named by a reading or above something named, by name.
        matches (`tuple[NameMatch, ...]`):
            What became of each name, the most frequent first.
        steps (`tuple[Step, ...]`):
            What each step changed.
        adds_parents (`bool`):
            Whether records get what their findings are kinds of.
    """

    readings: dict[str, Reading]
    findings: dict[str, Finding]
    matches: tuple[NameMatch, ...]
    steps: tuple[Step, ...]
    adds_parents: bool = True

    def find_ancestors(self, name: str) -> tuple[str, ...]:
        """What a record with this finding gets too."""
        return find_ancestors(self.findings[name]) if self.adds_parents else ()

    def find_codes(self) -> dict[str, tuple[str, str]]:
        """SNOMED CT and SCP code of each finding."""
        return {name: (finding.snomed_ct, finding.scp_code) for name, finding in self.findings.items()}


def find_ancestors(finding: Finding) -> tuple[str, ...]:
    """Names of all findings of which this one is a kind, also for one that is not in the terminology."""
    terminology = load_terminology()
    if finding.name in terminology:
        return terminology.ancestors(finding.name)
    return tuple(sorted(terminology.close_upward(finding.parents)))


def standardise(
    readings: Mapping[str, Reading],
    options: StandardisationArguments | None = None,
    *,
    encode: Callable[[Sequence[str]], np.ndarray] | None = None,
    show_progress: bool = False,
) -> Standardised:
    """Bring the entities of all readings into the terminology.

    Args:
        readings (`Mapping[str, Reading]`):
            What a backend read from each distinct statement.
        options (`StandardisationArguments`, *optional*):
            Which steps to take.
        encode (`Callable`, *optional*):
            Embeds names; in place of the encoder that `options` name, which is loaded only if a name needs it.
        show_progress (`bool`):
            Whether to show a progress bar while release files are read.

    Returns:
        `Standardised`: The readings with findings for entities, and a report of the steps.

    Raises:
        FileNotFoundError: If a release file is missing.
        ValueError: If a release file has other columns.
    """
    options = options or StandardisationArguments()
    counts = Counter(entity.entity for reading in readings.values() for entity in reading.entities)
    resolver = _Resolver(counts)
    resolver.match("name, synonym or spelling", options.match_names, match_spellings)
    snomed_ct_dir, umls_file = options.snomed_ct_dir, options.umls_file
    resolver.match(
        "SNOMED CT release",
        snomed_ct_dir,
        lambda names: _each_alone(find_in_snomed_ct, snomed_ct_dir, names, show_progress),
    )
    resolver.match("UMLS release", umls_file, lambda names: _each_alone(find_in_umls, umls_file, names, show_progress))
    resolver.match(
        "nearest neighbour",
        encode or options.text_model_name_or_path,
        lambda names: resolver.match_neighbours(names, options, encode),
    )
    resolver.settle(keep_new=options.keep_new_findings)
    return _rewrite(readings, resolver, options)


class _Resolver:
    """Finds out, step by step, what each name stands for."""

    def __init__(self, counts: Mapping[str, int]) -> None:
        self.counts = counts
        self.findings: dict[str, tuple[Finding, ...]] = {}
        self.step_of: dict[str, str] = {}
        self.nearest: dict[str, tuple[str, float]] = {}
        self.steps: list[Step] = []

    @property
    def unmatched(self) -> list[str]:
        """Names that no step has matched, the most frequent first."""
        names = (name for name in self.counts if name not in self.findings)
        return sorted(names, key=lambda name: (-self.counts[name], name))

    def match(self, step: str, is_on: object, find: Callable[[list[str]], Mapping[str, tuple[Finding, ...]]]) -> None:
        """Take a step, unless it is off or nothing is left to match."""
        before, names = self._tally(), self.unmatched
        found = find(names) if is_on and names else {}
        self.findings |= found
        self.step_of |= dict.fromkeys(found, step)
        self._report(step, bool(is_on), len(found), before)

    def match_neighbours(
        self,
        names: list[str],
        options: StandardisationArguments,
        encode: Callable[[Sequence[str]], np.ndarray] | None,
    ) -> dict[str, tuple[Finding, ...]]:
        """Names with a near neighbour; the nearest one of the others is remembered for the report."""
        from .neighbours import NameEncoder, find_neighbours  # its encoder needs torch, which no other step does

        encode = encode or NameEncoder(str(options.text_model_name_or_path), pooling=options.text_pooling)
        neighbours = find_neighbours(names, encode=encode, min_similarity=options.min_similarity)
        self.nearest = {name: (one.finding, one.similarity) for name, one in neighbours.items()}
        terminology = load_terminology()
        return {name: (terminology[one.finding],) for name, one in neighbours.items() if one.is_same}

    def settle(self, *, keep_new: bool) -> None:
        """Make findings of the names that match nothing, one per normalised name, or leave them out."""
        before, names = self._tally(), self.unmatched
        made: dict[str, Finding] = {}
        for name in names:
            made.setdefault(normalize_name(name), Finding(" ".join(name.lower().split())))
        self.findings |= {name: (made[normalize_name(name)],) if keep_new else () for name in names}
        self.step_of |= dict.fromkeys(names, "new finding" if keep_new else "left out")
        self._report("new findings kept", keep_new, len(names), before)

    def _tally(self) -> tuple[int, int]:
        """Entities and distinct names as things stand."""
        standing = {
            name: [finding.name for finding in self.findings[name]] if name in self.findings else [name]
            for name in self.counts
        }
        num_entities = sum(count * len(standing[name]) for name, count in self.counts.items())
        return num_entities, len({name for names in standing.values() for name in names})

    def _report(self, step: str, is_on: bool, num_changed: int, before: tuple[int, int]) -> None:
        self.steps.append(Step(step, is_on, num_changed, *_before_and_after(before, self._tally())))

    def describe_matches(self) -> tuple[NameMatch, ...]:
        """What became of each name, the most frequent first."""
        matches = []
        for name, count in self.counts.items():
            names = tuple(finding.name for finding in self.findings[name])
            nearest, similarity = self.nearest.get(name, ("", None))
            matches.append(NameMatch(name, names, self.step_of[name], count, nearest, similarity))
        return tuple(sorted(matches, key=lambda match: (-match.count, match.name)))


def match_spellings(names: Iterable[str]) -> dict[str, tuple[Finding, ...]]:
    """Names that are a name or synonym of a finding, or a spelling of one that the rules read without a rest.

    Example:
        >>> [finding.name for finding in match_spellings(["marked ST-segment depression, anterior"]).popitem()[1]]
        ['anterior st depression']
    """
    found = {name: _match_spelling(name) for name in names}
    return {name: findings for name, findings in found.items() if findings}


@lru_cache(maxsize=100_000)
def _match_spelling(name: str) -> tuple[Finding, ...]:
    """The findings that a name spells, none if a word of it is unknown or would be lost."""
    terminology = load_terminology()
    known = terminology.find(name)
    if known is not None:
        return (known,)
    tokens = load_lexicon().tokenize(normalize_statement(name))
    if any(token.kind == "word" and token.text not in DROPPED_WORDS for token in tokens):
        return ()
    entities = read_statement(name).entities
    words = {word for entity in entities for word in entity.entity.split()}
    is_age_lost = any(
        token.kind == "age" and token.value in INFARCTION_AGES and token.value not in words for token in tokens
    )
    if is_age_lost or any(entity.certainty != POSITIVE for entity in entities):
        return ()
    return tuple(terminology[entity.entity] for entity in entities)


def _each_alone(
    find: Callable[..., Mapping[str, Finding]], source: Path | None, names: Sequence[str], show_progress: bool
) -> dict[str, tuple[Finding, ...]]:
    """What a look-up in release files finds, by the names that were looked up."""
    found = find(source, names, show_progress=show_progress)
    return {name: (found[normalize_name(name)],) for name in names if normalize_name(name) in found}


def _rewrite(
    readings: Mapping[str, Reading], resolver: "_Resolver", options: StandardisationArguments
) -> Standardised:
    """Put findings in place of names, with their codes, each once per statement, and count what parents will add."""
    named = {key: list(_replace_names(reading, resolver.findings)) for key, reading in readings.items()}
    num_coded = sum(bool(finding.snomed_ct or finding.scp_code) for pairs in named.values() for _, finding in pairs)
    entities = {
        key: [_name_entity(entity, finding, attach_codes=options.attach_codes) for entity, finding in pairs]
        for key, pairs in named.items()
    }
    before = _count_entities(entities)
    coded = Step(
        "codes attached", options.attach_codes, num_coded * options.attach_codes, *_before_and_after(before, before)
    )
    if options.merge_duplicates:
        entities = {key: merge_duplicates(given) for key, given in entities.items()}
    after = _count_entities(entities)
    merged = Step(
        "duplicates merged", options.merge_duplicates, before[0] - after[0], *_before_and_after(before, after)
    )
    findings = _gather_findings(resolver.findings.values())
    return Standardised(
        {key: _rename(reading, entities[key], resolver.findings) for key, reading in readings.items()},
        findings,
        resolver.describe_matches(),
        (*resolver.steps, coded, merged, _count_parents(entities, findings, is_on=options.add_parents)),
        options.add_parents,
    )


def _rename(reading: Reading, entities: Iterable[Entity], findings: Mapping[str, tuple[Finding, ...]]) -> Reading:
    """A reading with its findings, and with their names where it says more of them."""
    quotes = tuple((finding.name, quote) for name, quote in reading.quotes for finding in findings.get(name, ()))
    review = tuple(finding.name for name in reading.review for finding in findings.get(name, ()))
    return reading._replace(entities=tuple(entities), quotes=quotes, review=review)


def _replace_names(reading: Reading, findings: Mapping[str, tuple[Finding, ...]]) -> Iterator[tuple[Entity, Finding]]:
    """Each entity with each finding that its name stands for."""
    for entity in reading.entities:
        for finding in findings[entity.entity]:
            yield entity, finding


def _name_entity(entity: Entity, finding: Finding, *, attach_codes: bool) -> Entity:
    """The entity under the name of its finding, with the codes of that or its own."""
    codes = (finding.snomed_ct, finding.scp_code) if attach_codes else (entity.snomed_ct, entity.scp_code)
    return Entity(finding.name, entity.certainty, *codes)


def merge_duplicates(entities: Iterable[Entity]) -> list[Entity]:
    """Each finding once, in the order of first mention, with the strongest certainty.

    Example:
        >>> merge_duplicates([Entity("q waves", "uncertain", "", ""), Entity("q waves", "positive", "", "")])
        [Entity(entity='q waves', certainty='positive', snomed_ct='', scp_code='')]
    """
    merged: dict[str, Entity] = {}
    for entity in entities:
        other = merged.get(entity.entity, entity)
        merged[entity.entity] = min(other, entity, key=lambda one: CERTAINTIES.index(one.certainty))
    return list(merged.values())


def _gather_findings(found: Iterable[Iterable[Finding]]) -> dict[str, Finding]:
    """The findings, then their ancestors, by name; in the same order whenever the same is read."""
    terminology = load_terminology()
    findings = {finding.name: finding for some in found for finding in some}
    above = [name for finding in findings.values() for name in find_ancestors(finding)]
    return findings | {name: terminology[name] for name in above}


def _count_parents(entities: Mapping[str, Sequence[Entity]], findings: Mapping[str, Finding], *, is_on: bool) -> Step:
    """What ancestors add, had each statement a record to itself; negative findings have no say about theirs."""
    before = _count_entities(entities)
    if not is_on:
        return Step("parents added", is_on, 0, *_before_and_after(before, before))
    ancestors = {name: find_ancestors(finding) for name, finding in findings.items()}
    closed = []
    for given in entities.values():
        names = {entity.entity for entity in given}
        stated = [entity.entity for entity in given if entity.certainty != NEGATIVE]
        closed.append(names.union(*(ancestors[name] for name in stated)))
    after = sum(map(len, closed)), len(set().union(*closed))
    return Step("parents added", is_on, after[0] - before[0], *_before_and_after(before, after))


def _count_entities(entities: Mapping[str, Sequence[Entity]]) -> tuple[int, int]:
    """Entities and distinct names."""
    names = [entity.entity for given in entities.values() for entity in given]
    return len(names), len(set(names))


def _before_and_after(before: tuple[int, int], after: tuple[int, int]) -> tuple[tuple[int, int], tuple[int, int]]:
    """Entities before and after, and names before and after."""
    return (before[0], after[0]), (before[1], after[1])
