"""The sets of a suite under a protocol, and where the corpora lie that they need."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from datasets_scripts.readers.ptb_xl_layout import DATABASE_FILENAME

from .corrected import read_corrected_table
from .folds import apply_folds, read_fold_table
from .label_sets import CORRECTED, LabelSet
from .label_table import LabelTable
from .merl import read_merl_table


# How people call the folders of the corpora, in small letters without blanks, hyphens and underscores
FOLDER_NAMES = {
    "ptb_xl": ("ptbxl",),
    "cpsc2018": ("cpsc2018", "cpsc", "icbeb2018", "icbeb"),
    "chapman_shaoxing_ningbo": (
        "chapmanshaoxingningbo",
        "chapmanshaoxing",
        "ecgarrhythmia",
        "chapman",
        "ningbo",
        "csn",
    ),
}
# What lies in the folder that a builder reads
MARKS = {
    "ptb_xl": (DATABASE_FILENAME,),
    "cpsc2018": ("REFERENCE.csv", "TrainingSet1", "g1", "RECORDS", "A0001.hea"),
    "chapman_shaoxing_ningbo": ("WFDBRecords", "g1", "RECORDS", "Diagnostics.xlsx", "Diagnostics.csv"),
}
DEPTH = 2  # folders below that of the corpus, as in ptb-xl/1.0.3 or ecg-arrhythmia/1.0.0


@dataclass
class SuiteTables:
    """What of a suite can be tested.

    Args:
        tables (`list[LabelTable]`):
            The sets that are there.
        folders (`dict[str, Path]`):
            Where the corpora lie that were found.
        missing (`dict[str, str]`):
            Why the other sets cannot be tested, by name of the set.
    """

    tables: list[LabelTable] = field(default_factory=list)
    folders: dict[str, Path] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)


def read_suite(
    sets: Sequence[LabelSet],
    protocol: str,
    *,
    data_root: str | Path | None = None,
    split_dir: str | Path | None = None,
    fold_table: str | Path | None = None,
    needs_signals: bool = True,
) -> SuiteTables:
    """Read the labels of every set that is there, and say of the others why they are not.

    Args:
        sets (`Sequence[LabelSet]`):
            A suite.
        protocol (`str`):
            `"merl"` or `"corrected"`.
        data_root (`str` or `Path`, *optional*):
            Folder that holds the folders of the corpora.
        split_dir (`str` or `Path`, *optional*):
            MERL's folder of tables.
        fold_table (`str` or `Path`, *optional*):
            Folds in place of the splits of the protocol.
        needs_signals (`bool`, defaults to `True`):
            Whether a set counts as missing where its recordings are, though its labels are known.

    Raises:
        ValueError: If a patient is in two splits, or the folds are none.
    """
    suite = SuiteTables()
    folds = None if fold_table is None else read_fold_table(fold_table)
    for label_set in sets:
        folder = None if data_root is None else find_corpus(label_set.corpus, data_root)
        if folder is not None:
            suite.folders[label_set.corpus] = folder
        elif needs_signals or protocol == CORRECTED:
            names = " or ".join(FOLDER_NAMES[label_set.corpus][:2])
            suite.missing[label_set.name] = f"no folder of {label_set.corpus} (such as {names}) is below {data_root}"
            continue
        try:
            table = _read(label_set, protocol, folder=folder, split_dir=split_dir)
        except FileNotFoundError as error:
            suite.missing[label_set.name] = str(error)
            continue
        if folds is not None:
            table = apply_folds(table, folds, source=str(fold_table))
        suite.tables.append(table)
    return suite


def _read(label_set: LabelSet, protocol: str, *, folder: Path | None, split_dir: str | Path | None) -> LabelTable:
    """The table of one set; `folder` is there where the protocol needs it."""
    if protocol == CORRECTED and folder is not None:
        return read_corrected_table(label_set, folder)
    if split_dir is None:
        raise FileNotFoundError("MERL's tables are not at hand. Name their folder with `--split_dir`.")
    return read_merl_table(label_set, split_dir)


def find_corpus(corpus: str, data_root: str | Path) -> Path | None:
    """The folder of a corpus below a root, by its usual names and by what lies in it; `None` where there is none.

    Args:
        corpus (`str`):
            Name of its builder.
        data_root (`str` or `Path`):
            Folder of the corpora; or the corpus itself.
    """
    root = Path(data_root)
    if not root.is_dir():
        return None
    starts = [path for path in (root, *sorted(root.iterdir())) if path.is_dir() and _is_named(path.name, corpus)]
    found = (folder for start in starts for folder in _walk(start, DEPTH) if _is_marked(folder, corpus))
    return next(found, None)


def _walk(folder: Path, depth: int) -> Iterator[Path]:
    """A folder and those within it, the nearer first."""
    level = [folder]
    for _ in range(depth + 1):
        yield from level
        level = [path for upper in level for path in sorted(upper.iterdir()) if path.is_dir()]


def _is_named(name: str, corpus: str) -> bool:
    """Whether a folder is called as people call the corpus."""
    plain = "".join(letter for letter in name.lower() if letter.isalnum())
    return any(plain == usual or plain.startswith(usual) for usual in FOLDER_NAMES[corpus])


def _is_marked(folder: Path, corpus: str) -> bool:
    """Whether a folder has what the builder of the corpus reads."""
    return any((folder / mark).exists() for mark in MARKS[corpus])
