"""The findings the project knows: names, synonyms, codes, and which finding is a kind of which other.

Single findings are rows of `terminology.csv`. Findings with a territory ("inferior t wave changes") or an age ("old
inferior myocardial infarction") are composed from the rows that say so in their column `composed_with`.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from modeling_supreme.condition_names import fold_spelling
from modeling_supreme.query_grammar import normalize_name

from .measured_findings import load_measured_findings
from .tables import LIST_SEPARATOR, read_table


TERMINOLOGY_PATH = Path(__file__).with_name("terminology.csv")
# Labels of corpora that are no wording of a report: read as synonyms, "ST" or "AF" would be found in any text, and
# corpora differ in what they call "AF". Columns: config_name, empty for labels that mean the same in every corpus (and
# for second SNOMED CT codes); label; finding.
CORPUS_LABELS_PATH = Path(__file__).with_name("corpus_labels.csv")

# Territory -> the wider territory it counts as. PTB-XL's diagnostic_subclass does the same: an inferolateral
# infarction is an inferior one, an anterolateral an anterior one (Wagner et al. 2020, scp_statements.csv).
TERRITORIES = {
    "anterior": "",
    "anteroseptal": "anterior",
    "anterolateral": "anterior",
    "septal": "",
    "lateral": "",
    "high lateral": "lateral",
    "inferior": "",
    "inferolateral": "inferior",
    "inferoseptal": "inferior",
    "inferoposterior": "inferior",
    "inferoposterolateral": "inferior",
    "posterior": "",
    "posterolateral": "posterior",
    "apical": "",
    "extensive": "",
    "extensive anterior": "anterior",
    "limb": "",
    "precordial": "",
}
INFARCTION_AGES = ("acute", "recent", "old")
# The verdicts over a whole strip, as reports end with them and as everything that asks "is it normal?" names them.
NORMAL_FINDING, ABNORMAL_FINDING = "normal ecg", "abnormal ecg"


SHORTEST_WORDING = 6  # letters of a label of one word that is no abbreviation


def _is_wording(label: str) -> bool:
    """Whether a label is a name in words rather than an abbreviation."""
    return " " in label or (label.islower() and len(label) >= SHORTEST_WORDING)


@dataclass(frozen=True)
class Finding:
    """One entry of the terminology.

    Attributes:
        name (`str`):
            Canonical English name, lower case.
        synonyms (`tuple[str, ...]`):
            Other wordings and abbreviations of the same finding.
        snomed_ct (`str`):
            SNOMED CT code, empty where none is beyond doubt.
        scp_code (`str`):
            SCP-ECG code as PTB-XL spells it, empty where none is beyond doubt.
        ptb_xl (`tuple[str, ...]`):
            PTB-XL classes that ask for this finding, such as `"superclass:MI"` or `"all:IMI"`.
        parents (`tuple[str, ...]`):
            Names of the findings of which this one is a kind.
        description (`str`):
            What the finding is, in one clause.
    """

    name: str
    synonyms: tuple[str, ...] = ()
    snomed_ct: str = ""
    scp_code: str = ""
    ptb_xl: tuple[str, ...] = ()
    parents: tuple[str, ...] = ()
    description: str = ""


class Terminology:
    """Findings by name, with look-up by synonym, code or label and the closure over "is a kind of".

    Args:
        findings (`Iterable[Finding]`):
            Entries in order of precedence: where two share a synonym or code, the first one answers to it.
        corpus_labels (`Mapping[str, str]`, *optional*):
            Name of the finding that a label asks for, in one configuration of a corpus or in all, as in
            `{"abnormalities:ST": "sinus tachycardia", "QTIE": "prolonged qt interval"}`.
        measured_findings (`Iterable[Finding]`, *optional*):
            Findings that a number decides.

    Raises:
        ValueError: If a name occurs twice, a parent is missing, the parents form a circle, or a label asks for a
            finding that is not there.

    Measured findings ("heart rate above 100 per minute") answer to their names as other findings do, but are left out
    where all findings are listed or text is looked up: they are asked of a strip, not read from a report.

    Example:
        >>> terminology = load_terminology()
        >>> terminology.find("LBBB").name
        'left bundle branch block'
        >>> terminology.ancestors("inferior myocardial infarction")
        ('myocardial infarction',)
    """

    def __init__(
        self,
        findings: Iterable[Finding],
        corpus_labels: Mapping[str, str] | None = None,
        *,
        measured_findings: Iterable[Finding] = (),
    ) -> None:
        self._findings: dict[str, Finding] = {}
        for finding in findings:
            if finding.name in self._findings:
                raise ValueError(
                    f"The terminology lists {finding.name!r} twice. Merge the two entries in {TERMINOLOGY_PATH.name}."
                )
            self._findings[finding.name] = finding
        self._by_wording = self._index_wordings()
        self._by_spelling = self._index_spellings(corpus_labels or {})
        self._by_label = {label: finding for finding in self for label in finding.ptb_xl}
        self._by_label |= self._index_corpus_labels(corpus_labels or {})
        self._by_bare_label = self._index_bare_labels(corpus_labels or {})
        self._by_code = self._index_codes()
        self._labels_of: dict[str, list[str]] = {}
        for label, finding in self._by_label.items():
            self._labels_of.setdefault(finding.name, []).append(label.rpartition(":")[2])
        self._ancestors = {name: self._climb(name) for name in self._findings}
        self._measured = {finding.name: finding for finding in measured_findings}

    def __getitem__(self, name: str) -> Finding:
        """The finding of this canonical name."""
        if name not in self:
            raise KeyError(f"The terminology has no finding named {name!r}. Look synonyms up with `find`.")
        return self._findings.get(name) or self._measured[name]

    def __contains__(self, name: object) -> bool:
        return name in self._findings or name in self._measured

    def __iter__(self) -> Iterator[Finding]:
        return iter(self._findings.values())

    def __len__(self) -> int:
        return len(self._findings)

    def find(self, text: str) -> Finding | None:
        """The finding whose name or synonym the text is, or the name that a corpus published; `None` if there is none.

        Case, hyphens, singular or plural and British or American spelling make no difference.
        """
        return self._by_wording.get(normalize_name(text)) or self._by_spelling.get(fold_spelling(text))

    def find_label(self, label: str, *, config_name: str | None = None) -> Finding:
        """The finding that a corpus' label asks for.

        Args:
            label (`str`):
                Name of a `ClassLabel`: a PTB-XL class (`"IMI"`, `"superclass:MI"`), a label of `corpus_labels.csv`, a
                code, a name or a synonym.
            config_name (`str`, *optional*):
                Configuration of the corpus; tells PTB-XL's superclass `STTC` from its subclass `STTC`.

        Returns:
            `Finding`: The one finding.

        Raises:
            ValueError: If nothing in the terminology answers to the label.
        """
        finding = self._look_up(label, config_name)
        if finding is None:
            place = f" of configuration {config_name!r}" if config_name else ""
            raise ValueError(
                f"No finding answers to the label {label!r}{place}. Add it to {CORPUS_LABELS_PATH.name} or to the"
                f" synonyms of its finding in {TERMINOLOGY_PATH.name}, or name the label after a finding."
            )
        return finding

    def _look_up(self, label: str, config_name: str | None = None) -> Finding | None:
        """The finding that a corpus' label asks for, if there is one."""
        for key in (f"{config_name}:{label}", label, f"all:{label}"):
            if key in self._by_label:
                return self._by_label[key]
        finding = self._by_code.get(label) or self.find(label) or self._measured.get(label)
        for key in (f"superclass:{label}", f"subclass:{label}"):
            finding = finding or self._by_label.get(key)
        return finding or self._by_bare_label.get(label)

    def ancestors(self, name: str) -> tuple[str, ...]:
        """Names of all findings of which this one is a kind, nearest first."""
        return self._ancestors[name] if name in self._ancestors else self._ancestors.get(self[name].name, ())

    def close_upward(self, names: Iterable[str]) -> set[str]:
        """The names together with all their ancestors."""
        closed: set[str] = set()
        for name in names:
            closed.update((name, *self.ancestors(name)))
        return closed

    def wordings(self, name: str) -> tuple[str, ...]:
        """The name, its synonyms and its description: the ways in which a query may ask for the finding."""
        finding = self[name]
        wordings = (finding.name, *finding.synonyms, finding.description)
        return tuple(dict.fromkeys(wording for wording in wordings if wording))

    def other_names(self, name: str) -> tuple[str, ...]:
        """Synonyms, codes and labels of corpora that stand for a finding, and for no other, wherever they are used.

        Example:
            >>> "426177001" in load_terminology().other_names("sinus bradycardia")
            True
        """
        finding = self[name]
        given = [*finding.synonyms, finding.scp_code, finding.snomed_ct, *self._labels_of.get(finding.name, ())]
        return tuple(each for each in dict.fromkeys(given) if each and self._is_name_of(each, finding))

    def _is_name_of(self, label: str, finding: Finding) -> bool:
        """Whether a label that is not the finding's own name asks for it."""
        if normalize_name(label) == normalize_name(finding.name):
            return False
        # Labels of corpora do not ask for what a number decides
        return self._look_up(label) is (None if finding.name in self._measured else finding)

    def _index_wordings(self) -> dict[str, Finding]:
        """Normalised names first, so that no synonym hides another finding's name."""
        by_wording = {normalize_name(finding.name): finding for finding in self}
        for finding in self:
            for synonym in finding.synonyms:
                by_wording.setdefault(normalize_name(synonym), finding)
        return by_wording

    def _index_spellings(self, corpus_labels: Mapping[str, str]) -> dict[str, Finding]:
        """Folded names, then synonyms, then what corpora call a finding, abbreviations left out."""
        by_spelling: dict[str, Finding] = {}
        for finding in self:
            by_spelling.setdefault(fold_spelling(finding.name), finding)
        for finding in self:
            for synonym in finding.synonyms:
                by_spelling.setdefault(fold_spelling(synonym), finding)
        for label, name in corpus_labels.items():
            wording = label.partition(":")[2] or label
            if _is_wording(wording) and name in self._findings:
                by_spelling.setdefault(fold_spelling(wording), self._findings[name])
        return by_spelling

    def _index_corpus_labels(self, corpus_labels: Mapping[str, str]) -> dict[str, Finding]:
        """Findings by `config_name:label`."""
        lost = [label for label, name in corpus_labels.items() if name not in self._findings]
        if lost:
            raise ValueError(
                f"The label {lost[0]!r} asks for {corpus_labels[lost[0]]!r}, which is no finding of the terminology."
                f" Correct {CORPUS_LABELS_PATH.name}."
            )
        return {label: self._findings[name] for label, name in corpus_labels.items()}

    def _index_bare_labels(self, corpus_labels: Mapping[str, str]) -> dict[str, Finding]:
        """Labels without their configuration, where they mean the same in all."""
        meant: dict[str, set[str]] = {}
        for label, name in corpus_labels.items():
            meant.setdefault(label.partition(":")[2], set()).add(name)
        return {label: self._findings[names.pop()] for label, names in meant.items() if label and len(names) == 1}

    def _index_codes(self) -> dict[str, Finding]:
        """SCP and SNOMED CT codes; of several findings that carry a code, the first listed owns it."""
        by_code: dict[str, Finding] = {}
        for finding in self:
            for code in (finding.scp_code, finding.snomed_ct):
                if code:
                    by_code.setdefault(code, finding)
        return by_code

    def _climb(self, name: str) -> tuple[str, ...]:
        """Ancestors of a finding in breadth-first order; refuses unknown parents and circles."""
        found: dict[str, None] = {}
        level = [name]
        while level:
            parents = [parent for child in level for parent in self._findings[child].parents]
            for parent in parents:
                if parent not in self._findings or parent == name:
                    problem = "is its own ancestor" if parent == name else f"has the unknown parent {parent!r}"
                    raise ValueError(f"Finding {name!r} {problem}. Correct its parents in {TERMINOLOGY_PATH.name}.")
            level = [parent for parent in dict.fromkeys(parents) if parent not in found]
            found.update(dict.fromkeys(parents))
        return tuple(found)


@lru_cache(maxsize=1)
def load_terminology() -> Terminology:
    """Read the tables, compose the findings with a territory or an age, and keep the result."""
    rows = read_table(TERMINOLOGY_PATH)
    findings = {row["name"]: _read_row(row) for row in rows}
    for row in rows:
        stem = findings[row["name"]]
        if "territories" in row["composed_with"]:
            _add_new(findings, (_in_territory(stem, territory) for territory in TERRITORIES))
        if "ages" in row["composed_with"]:
            located = [findings[f"{territory} {stem.name}"] for territory in TERRITORIES]
            aged = {age: findings[f"{age} {stem.name}"] for age in INFARCTION_AGES}
            _add_new(findings, (_of_age(finding, age, stem=aged[age]) for finding in located for age in aged))
    labels = {
        ":".join(filter(None, (row["config_name"], row["label"]))): row["finding"]
        for row in read_table(CORPUS_LABELS_PATH)
    }
    # Reports do not name what a number decides; simulated corpora have it as labels.
    measured = [Finding(finding.name, finding.wordings) for finding in load_measured_findings().values()]
    return Terminology(findings.values(), labels, measured_findings=measured)


def _read_row(row: dict[str, str]) -> Finding:
    """One row of the table as a finding."""
    synonyms, ptb_xl, parents = (
        tuple(part for part in row[column].split(LIST_SEPARATOR) if part)
        for column in ("synonyms", "ptb_xl", "parents")
    )
    return Finding(
        row["name"], synonyms, row["snomed_ct"], row["scp_code"], ptb_xl, parents, description=row["description"]
    )


def _add_new(findings: dict[str, Finding], composed: Iterable[Finding]) -> None:
    """Add composed findings; rows of the table, which know more, stay as they are."""
    for finding in composed:
        findings.setdefault(finding.name, finding)


def _in_territory(stem: Finding, territory: str) -> Finding:
    """A finding of one territory; a kind of the same finding in the wider territory."""
    wider = TERRITORIES[territory]
    parent = f"{wider} {stem.name}" if wider else stem.name
    place = "in most leads" if territory == "extensive" else f"in the {territory} leads"
    # A code without a territory stays true of a form finding (PTB-XL codes "TAB_" wherever the T wave is abnormal);
    # infarctions, ischemia and injury have a code per territory, listed in the table.
    is_form_finding = bool(stem.scp_code) and not stem.name.startswith("myocardial")
    return Finding(
        f"{territory} {stem.name}",
        synonyms=tuple(f"{wording} {place}" for wording in (stem.name, *_written_out(stem.synonyms)[:2])),
        scp_code=stem.scp_code if is_form_finding else "",
        parents=(parent,),
        description=f"{stem.description}, {place}",
    )


def _written_out(synonyms: Iterable[str]) -> list[str]:
    """The synonyms that are no abbreviations and fit before a place."""
    return [text for text in synonyms if " " in text and text == text.lower() and not text.startswith("non")]


def _of_age(located: Finding, age: str, *, stem: Finding) -> Finding:
    """An acute, recent or old infarction of one territory, with the code of the territory."""
    territory = located.name.removesuffix(" myocardial infarction")
    place = "in most leads" if territory == "extensive" else f"in the {territory} leads"
    return Finding(
        f"{age} {located.name}",
        synonyms=(f"{age} {territory} infarct", f"{age} {territory} MI"),
        scp_code=located.scp_code,
        parents=(located.name, stem.name),
        description=f"{stem.description}, {place}",
    )
