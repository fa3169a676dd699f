"""What a visitor brings and gets: files in a folder that is deleted when the visit ends, or when the server stops."""

import shutil
import threading
import time
import zipfile
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PureWindowsPath
from typing import Any
from uuid import uuid4

from ..ecg_files import find_recordings


MOST_ARCHIVED = 200  # files in a ZIP archive
MOST_NAMED = 5
IDLE_S = 3600.0  # a visit without a request for so long is over, should the browser not have said so
BYTES_PER_MB = 10**6


@dataclass
class Visit:
    """One open page.

    Attributes:
        folder (`Path`):
            For all that is kept of it.
        uploads (`set[Path]`):
            Files that the server received for it, elsewhere.
        shown (`dict[str, Any]`):
            What the page shows: recordings and answers, by the part of the page.
        last_s (`float`):
            When something was last asked.
    """

    folder: Path
    uploads: set[Path] = field(default_factory=set)
    shown: dict[str, Any] = field(default_factory=dict)
    last_s: float = field(default_factory=time.monotonic)

    def make_folder(self) -> Path:
        """A new, empty folder."""
        folder = self.folder / uuid4().hex
        folder.mkdir(parents=True)
        return folder

    def close(self) -> None:
        """Delete all files of it."""
        shutil.rmtree(self.folder, ignore_errors=True)
        for path in self.uploads:
            path.unlink(missing_ok=True)
        self.shown.clear()


class Visits:
    """The open pages, by the name that the server gives each.

    Args:
        root (`Path`):
            Folder for the files of all of them.
    """

    def __init__(self, root: Path) -> None:
        self.root, self._open, self._lock = root, dict[str, Visit](), threading.Lock()

    def find(self, name: str) -> Visit:
        """The visit of a name, which begins if there is none; those that nobody has used for long end."""
        now = time.monotonic()
        with self._lock:
            forgotten = [each for each, visit in self._open.items() if now - visit.last_s > IDLE_S and each != name]
            ended = [self._open.pop(each) for each in forgotten]
            visit = self._open.setdefault(name, Visit(self.root / uuid4().hex))
            visit.last_s = now
        for each in ended:
            each.close()
        return visit

    def end(self, name: str) -> None:
        """Delete what a visitor brought and got."""
        with self._lock:
            visit = self._open.pop(name, None)
        if visit is not None:
            visit.close()

    def __len__(self) -> int:
        return len(self._open)


def gather_recording(uploads: Sequence[Path], folder: Path, *, most_mb: int) -> Path:
    """Put uploaded files side by side, as the parts of a WFDB record must lie, and find the recording in them.

    Args:
        uploads (`Sequence[Path]`):
            One file of any kind, the files of one WFDB record, or a ZIP archive of these.
        folder (`Path`):
            An empty folder, for copies.
        most_mb (`int`):
            How much the files may hold together, packed and unpacked, in megabytes.

    Returns:
        `Path`: What to read.

    Raises:
        ValueError: If there is no file, no recording among several, or more than one; or if they are too large.
    """
    if not uploads:
        raise ValueError("There is no recording yet. Drop an ECG file on the page, or pick an example.")
    size_mb = sum(upload.stat().st_size for upload in uploads) / BYTES_PER_MB
    if size_mb > most_mb:
        raise ValueError(
            f"{_list(uploads)} hold {size_mb:.0f} MB together, and this page takes {most_mb} MB. Drop one recording"
            " alone."
        )
    for upload in uploads:
        if upload.suffix.lower() == ".zip" and zipfile.is_zipfile(upload):
            _unpack(upload, folder, most_mb=most_mb)
        else:
            shutil.copyfile(upload, folder / upload.name)
    files = sorted(folder.iterdir())
    if len(files) == 1:
        return files[0]  # whatever it is: reading it says what is wrong
    found = find_recordings(folder)
    if len(found) == 1:
        return found[0]
    if found:
        raise ValueError(
            f"{len(uploads)} files hold {len(found)} recordings ({_list(found)}). Drop one recording at a time, or"
            " score many with `supreme classify FOLDER`."
        )
    raise ValueError(
        f"None of the files ({_list(files)}) is an ECG of a known kind. Of a WFDB record, drop the header (.hea) and"
        " the signal file (.dat) together."
    )


def _unpack(archive_path: Path, folder: Path, *, most_mb: int) -> None:
    """The files of an archive, without its folders, whose names could lead anywhere."""
    with zipfile.ZipFile(archive_path) as archive:
        entries = [entry for entry in archive.infolist() if not entry.is_dir() and _is_kept(entry.filename)]
        size_mb = sum(entry.file_size for entry in entries) / BYTES_PER_MB
        if len(entries) > MOST_ARCHIVED or size_mb > most_mb:
            raise ValueError(
                f"{archive_path.name} holds {len(entries)} files of {size_mb:.0f} MB together, and this page takes"
                f" {MOST_ARCHIVED} files and {most_mb} MB. Pack one recording alone."
            )
        for entry in entries:
            try:
                content = archive.read(entry)
            except (zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError, OSError, EOFError) as error:
                raise ValueError(
                    f"{archive_path.name}: {entry.filename} cannot be unpacked ({error}). Pack it again, without a"
                    " password, or drop the files themselves."
                ) from error
            (folder / PureWindowsPath(entry.filename).name).write_bytes(content)


def _is_kept(name: str) -> bool:
    """Whether an entry of an archive is more than what a file manager adds."""
    path = PureWindowsPath(name)  # which parts names at either slash
    return not path.name.startswith(".") and bool(path.name) and "__MACOSX" not in path.parts


def _list(paths: Iterable[Path]) -> str:
    """The names of some files."""
    names = [path.name for path in paths]
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return f"{', '.join(names[:MOST_NAMED])}{more}"
