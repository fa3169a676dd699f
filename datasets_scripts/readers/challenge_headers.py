"""What the headers of the PhysioNet/CinC Challenges say about a patient, and where a folder keeps its records."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .cells import parse_labels
from .patients import parse_age, parse_sex


RECORDS_FILENAME = "RECORDS"
SIGNAL_SUFFIXES = (".mat", ".dat")
LISTED_SUFFIX = re.compile(r"\.(hea|mat|dat)$")

# "#Age: 85" (ecg-arrhythmia) and "# Age: 84" (Challenge 2021); PTB writes "# age: 81".
COMMENT = re.compile(r"#\s*(?P<name>Age|Sex|Dx)\s*:\s*(?P<value>.*?)\s*", re.IGNORECASE)
# Source: SNOMED CT Technical Implementation Guide, identifiers have 6 to 18 digits; 368009 is one of 6.
SNOMED_CT_CODE = re.compile(r"\d{6,18}")


@dataclass(frozen=True)
class HeaderComments:
    """The comments of a header.

    Attributes:
        age (`float`, *optional*):
            In years; 90 stands for every age that the source hides because it is above 89.
        sex (`str`, *optional*):
            `"male"` or `"female"`.
        snomed_ct_codes (`tuple[str, ...]`):
            The diagnoses in the order of the header, each once.
        is_labelled (`bool`):
            Whether these are all: false where the header says that they are not known.
    """

    age: float | None
    sex: str | None
    snomed_ct_codes: tuple[str, ...]
    is_labelled: bool = True


def read_comments(path: Path) -> HeaderComments:
    """Read the comments of a header.

    Args:
        path (`Path`):
            The `.hea` file, in UTF-8 or, failing that, Latin-1.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the header has no line of diagnoses, one that lists something else than SNOMED CT codes, or an
            age or a sex that is none.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise FileNotFoundError(f"{path} does not exist. Complete the download.") from error
    try:
        return parse_comments(content.decode("utf-8"), source=str(path))
    except UnicodeDecodeError:
        return parse_comments(content.decode("latin-1"), source=str(path))


def parse_comments(header: str, *, source: str) -> HeaderComments:
    r"""Find age, sex and diagnoses in the text of a header, in either dialect.

    Example:
        >>> parse_comments("#Age: 85\n#Sex: Male\n#Dx: 164889003,59118001", source="JS00001.hea")
        HeaderComments(age=85.0, sex='male', snomed_ct_codes=('164889003', '59118001'), is_labelled=True)
        >>> parse_comments("# Age: NaN\n# Sex: Unknown\n# Dx: Unknown", source="E00001.hea")
        HeaderComments(age=None, sex=None, snomed_ct_codes=(), is_labelled=False)
    """
    matches = [match for match in map(COMMENT.fullmatch, header.splitlines()) if match]
    values = {match["name"].lower(): match["value"] for match in reversed(matches)}
    if "dx" not in values:
        raise ValueError(
            f"{source} has no line `#Dx:`, so it is no header of a PhysioNet Challenge or of ecg-arrhythmia. Read the"
            ' record as one of "ecg_folder", or download its header again.'
        )
    labels = parse_labels(values["dx"], separator=",")
    strange = [code for code in labels.names if not SNOMED_CT_CODE.fullmatch(code)]
    if strange:
        raise ValueError(
            f"{source} lists the diagnosis {strange[0]!r}, which is no SNOMED CT code. Correct its `#Dx:`."
        )
    try:
        age, sex = parse_age(values.get("age")), parse_sex(values.get("sex"))
    except ValueError as error:
        raise ValueError(f"{source}: {error}. Correct its `#Age:` or `#Sex:`.") from error
    return HeaderComments(age, sex, labels.names, labels.is_known)


def find_headers(folder: Path, *, absent_folders: list[Path] | None = None) -> list[Path]:
    """The headers of a folder: those that its file `RECORDS` lists; all of it and its sub-folders where there is none.

    Args:
        folder (`Path`):
            Its `RECORDS` may list records, with or without an extension, or folders, which are treated alike.
        absent_folders (`list[Path]`, *optional*):
            Takes the listed folders that are absent, which are an error otherwise.

    Returns:
        `list[Path]`: Paths of `.hea` files, in the order of the lists, or sorted. A listed file may be absent.

    Raises:
        FileNotFoundError: If a folder is absent.
    """
    if not folder.is_dir():
        if absent_folders is None:
            raise FileNotFoundError(
                f"{folder} does not exist, though it is listed. Complete the download, or go without it:"
                ' `on_error="skip"` (`--on_error skip`).'
            )
        absent_folders.append(folder)
        return []
    headers, folders = _listed(folder) if (folder / RECORDS_FILENAME).is_file() else _present(folder)
    return [*headers, *(header for inner in folders for header in find_headers(inner, absent_folders=absent_folders))]


def _listed(folder: Path) -> tuple[list[Path], list[Path]]:
    """Headers and folders that the file `RECORDS` of a folder lists."""
    headers, folders = [], []
    for line in (folder / RECORDS_FILENAME).read_text(encoding="utf-8", errors="replace").splitlines():
        entry = line.strip()
        if entry.endswith("/") or (entry and (folder / entry).is_dir()):
            folders.append(folder / entry)
        elif entry:
            headers.append(folder / f"{LISTED_SUFFIX.sub('', entry)}.hea")
    return headers, folders


def _present(folder: Path) -> tuple[list[Path], list[Path]]:
    """Headers and folders of a folder."""
    return sorted(folder.glob("*.hea")), sorted(path for path in folder.iterdir() if path.is_dir())


def signal_path(header: Path) -> Path:
    """The signal file of a record, by its usual name; a `.mat` file where there is none yet."""
    candidates = [header.with_suffix(suffix) for suffix in SIGNAL_SUFFIXES]
    return next((path for path in candidates if path.is_file()), candidates[0])


def header_states(folder: Path) -> Iterator[tuple[str, int, int]]:
    """Place, size in bytes and time of change of every header below a folder, which tell whether labels changed."""
    for place, folders, filenames in os.walk(folder):
        folders.sort()
        for filename in sorted(filenames):
            if filename.endswith(".hea") or filename == RECORDS_FILENAME:
                state = Path(place, filename).stat()
                yield str(Path(place, filename).relative_to(folder)), state.st_size, state.st_mtime_ns
