"""Release files of SNOMED CT and of the UMLS, for users who have a licence: codes and parents of further findings.

The files have gigabytes. They are read line by line, and only what concerns the names that are looked up is kept.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from modeling_supreme.query_grammar import normalize_name

from .findings import Finding, load_terminology


# Codes in the tab-separated files of a release. Source: SNOMED CT Release File Specifications, chapter 4.2.
IS_A = "116680003"
FULLY_SPECIFIED_NAME = "900000000000003001"
FINDING_TAGS = ("finding", "disorder")  # of a fully specified name: "Atrial fibrillation (disorder)"
# Positions in MRCONSO.RRF. Source: UMLS Reference Manual, chapter 3, table "Concept Names and Sources".
UMLS_CONCEPT, UMLS_LANGUAGE, UMLS_SOURCE, UMLS_CODE, UMLS_NAME, UMLS_SUPPRESSED = 0, 1, 11, 13, 14, 16
UMLS_NUM_FIELDS = 18
UMLS_SNOMED_CT = "SNOMEDCT_US"


def find_in_snomed_ct(folder: Path, names: Collection[str], *, show_progress: bool = False) -> dict[str, Finding]:
    """Look names up among the active descriptions of a SNOMED CT release.

    Args:
        folder (`Path`):
            An unpacked release; of its files, `sct2_Description_Snapshot*.txt`, `sct2_Concept_Snapshot*.txt` and
            `sct2_Relationship_Snapshot*.txt` are read.
        names (`Collection[str]`):
            Names to look up, in any case and hyphenation.
        show_progress (`bool`):
            Whether to show a progress bar per file.

    Returns:
        `dict[str, Finding]`: What was found, by normalised name: a finding of the terminology where that has the same
        code, else a new one with the code and, as parents, the nearest findings of the terminology above it. A name of
        several concepts is left out, unless just one of them is a finding or disorder.

    Raises:
        FileNotFoundError: If a file of the release is missing.
        ValueError: If a file has other columns.
    """
    descriptions = _release_files(folder, "Description")
    named = _find_concepts(_read_rows(descriptions, ("conceptId", "typeId", "term"), show_progress), names)
    candidates = {concept for concepts in named.values() for concept in concepts}
    rows = _read_rows(_release_files(folder, "Concept"), ("id",), show_progress)
    candidates = {concept for (concept,) in rows if concept in candidates}
    tags = {
        concept: term.rpartition("(")[2].rstrip(")")
        for concept, kind, term in _read_rows(descriptions, ("conceptId", "typeId", "term"), show_progress)
        if kind == FULLY_SPECIFIED_NAME and concept in candidates
    }
    chosen = {}
    for name, concepts in named.items():
        concepts = concepts & candidates
        concept = _only(concepts) or _only({one for one in concepts if tags.get(one) in FINDING_TAGS})
        if concept:
            chosen[name] = concept
    parents = _find_parents(_release_files(folder, "Relationship"), set(chosen.values()), show_progress)
    return {name: _finding_of(name, concept, parents[concept]) for name, concept in chosen.items()}


def find_in_umls(path: Path, names: Collection[str], *, show_progress: bool = False) -> dict[str, Finding]:
    """Look names up among the English names of the UMLS.

    Args:
        path (`Path`):
            `MRCONSO.RRF`, or a folder that holds it.
        names (`Collection[str]`):
            Names to look up, in any case and hyphenation.
        show_progress (`bool`):
            Whether to show a progress bar.

    Returns:
        `dict[str, Finding]`: What was found, by normalised name: a finding of the terminology where that has the
        SNOMED CT code of the concept, else a new one with the code. A name of several concepts, or of one that has no
        SNOMED CT code or several, is left out.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it has other columns.
    """
    wanted = set(map(normalize_name, names))
    named: dict[str, set[str]] = {}
    for row in _read_umls(path, show_progress):
        name = normalize_name(row[UMLS_NAME]) if row[UMLS_LANGUAGE] == "ENG" else ""
        if name in wanted:
            named.setdefault(name, set()).add(row[UMLS_CONCEPT])
    candidates = {concept for concepts in named.values() for concept in concepts}
    codes_of: dict[str, set[str]] = {}
    for row in _read_umls(path, show_progress):
        if row[UMLS_SOURCE] == UMLS_SNOMED_CT and row[UMLS_CONCEPT] in candidates:
            codes_of.setdefault(row[UMLS_CONCEPT], set()).add(row[UMLS_CODE])
    codes = {name: _only(codes_of.get(_only(concepts) or "", set())) for name, concepts in named.items()}
    return {name: _finding_of(name, code, ()) for name, code in codes.items() if code}


def _only(values: set[str]) -> str | None:
    """The one value, if it is one."""
    return next(iter(values)) if len(values) == 1 else None


def _finding_of(name: str, code: str, parents: Sequence[str]) -> Finding:
    """The finding of the terminology that has the code, or a new one."""
    known = _findings_by_code().get(code)
    return known or Finding(normalize_name(name), snomed_ct=code, parents=tuple(parents))


def _findings_by_code() -> Mapping[str, Finding]:
    """Findings by SNOMED CT code; the first one that carries a code owns it."""
    return {finding.snomed_ct: finding for finding in reversed(list(load_terminology())) if finding.snomed_ct}


def _find_concepts(rows: Iterable[Sequence[str]], names: Collection[str]) -> dict[str, set[str]]:
    """Concepts that a description calls by each name; the tag of a fully specified name is not part of it."""
    wanted = set(map(normalize_name, names))
    named: dict[str, set[str]] = {}
    for concept, kind, term in rows:
        name = normalize_name(term.rpartition(" (")[0] if kind == FULLY_SPECIFIED_NAME else term)
        if name in wanted:
            named.setdefault(name, set()).add(concept)
    return named


def _find_parents(files: Sequence[Path], concepts: set[str], show_progress: bool) -> dict[str, tuple[str, ...]]:
    """Nearest findings of the terminology above each concept."""
    if not concepts:
        return {}
    rows = _read_rows(files, ("sourceId", "destinationId", "typeId"), show_progress)
    is_a = ((int(child), int(parent)) for child, parent, kind in rows if kind == IS_A)
    edges = np.fromiter(is_a, dtype=np.dtype((np.int64, 2)))  # (num_edges, 2): child and parent
    edges = edges[np.argsort(edges[:, 0], kind="stable")]
    known = {int(code): finding.name for code, finding in _findings_by_code().items() if code.isdigit()}
    return {concept: tuple(_climb(int(concept), edges, known)) for concept in concepts}


def _climb(concept: int, edges: np.ndarray, known: Mapping[int, str]) -> list[str]:
    """Names of the first known concepts on every way up."""
    names: dict[str, None] = {}
    seen, level = {concept}, [concept]
    while level:
        above = []
        for child in level:
            first, last = np.searchsorted(edges[:, 0], [child, child + 1])
            above += [parent for parent in edges[first:last, 1].tolist() if parent not in seen]
        seen.update(above)
        names.update(dict.fromkeys(known[parent] for parent in above if parent in known))
        level = [parent for parent in dict.fromkeys(above) if parent not in known]
    return list(names)


def _release_files(folder: Path, kind: str) -> list[Path]:
    """Snapshot files of one kind, below the folder."""
    files = sorted(folder.rglob(f"sct2_{kind}_Snapshot*.txt"))
    if not files:
        raise FileNotFoundError(
            f"{folder} has no file sct2_{kind}_Snapshot*.txt. Give the folder of an unpacked SNOMED CT release (RF2)"
            " that has a Snapshot with `--snomed_ct_dir`."
        )
    return files


def _read_rows(files: Sequence[Path], columns: Sequence[str], show_progress: bool) -> Iterator[list[str]]:
    """The wanted columns of the active rows of tab-separated files."""
    for path in files:
        with path.open(encoding="utf-8", newline="") as file:
            header = file.readline().rstrip("\r\n").split("\t")
            missing = [column for column in ("active", *columns) if column not in header]
            if missing:
                raise ValueError(
                    f"{path} has no column {', '.join(missing)}. Unpack the SNOMED CT release again; its files are"
                    " used as they are."
                )
            active, *positions = (header.index(column) for column in ("active", *columns))
            for line in tqdm(file, desc=path.name, unit=" lines", disable=not show_progress):
                fields = line.rstrip("\r\n").split("\t")
                if len(fields) != len(header):
                    raise ValueError(
                        f"{path}: a line has {len(fields)} fields instead of {len(header)}. Unpack the SNOMED CT"
                        " release again."
                    )
                if fields[active] == "1":
                    yield [fields[position] for position in positions]


def _read_umls(path: Path, show_progress: bool) -> Iterator[list[str]]:
    """Rows of MRCONSO.RRF that are not suppressed."""
    file_path = path / "MRCONSO.RRF" if path.is_dir() else path
    if not file_path.is_file():
        raise FileNotFoundError(
            f"There is no {file_path}. Give MRCONSO.RRF of a UMLS release, or its folder, with `--umls_file`."
        )
    with file_path.open(encoding="utf-8", newline="") as file:
        for line in tqdm(file, desc=file_path.name, unit=" lines", disable=not show_progress):
            fields = line.rstrip("\r\n").split("|")
            if len(fields) < UMLS_NUM_FIELDS:
                raise ValueError(
                    f"{file_path}: a line has {len(fields)} fields instead of {UMLS_NUM_FIELDS}. Give MRCONSO.RRF as"
                    " the UMLS Metathesaurus is released."
                )
            if fields[UMLS_SUPPRESSED] == "N":
                yield fields
