"""ECG files of any kind as recordings: which reader a file needs, and the reader of files that hold arrays."""

import errno
import importlib
import io
import math
import re
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .admission import admit, is_voltage, parse_rate
from .ecg_formats import find_clinical_reader
from .ecg_tables import has_leads_in_columns, is_table, read_table_file
from .leads import is_standard_lead, list_lead_names
from .recordings import DamagedFileError, EcgRecording, Options, TruncatedFileError, forbidden, library_call
from .wfdb_files import header_of, read_wfdb


# Endings under which the header of a WFDB record is looked for: the record's name, its header, its signal file.
WFDB_SUFFIXES = ("", ".hea", ".dat", ".mat")
TABLE_SUFFIXES = (".csv", ".tsv")
SNIFFED_BYTES = 4096
LONGEST_NAME_SHOWN = 200  # characters of a name that cannot be
# A packed file that states more than this many times its bytes is damaged; below the latter it does not matter. Ours.
MAX_PACKING, SMALL_FILE = 1000, 2**27

# How files begin that hold no ECG, or none that is read here, what they are, and what to do.
OTHER_KINDS = (
    (b"%PDF", "a PDF", "Export the voltages from where it was printed."),
    (rb"\x89PNG|\xff\xd8\xff|GIF8|II\*\0|MM\0\*", "a picture", "Export the voltages from where it was drawn."),
    (rb"PK\x03\x04", "a ZIP archive or an Excel workbook", "Unpack it, or save the sheet as CSV."),
    (rb"\xd0\xcf\x11\xe0", "an old Office document", "Save the sheet as CSV."),
    (rb"\x1f\x8b", "packed by gzip", "Unpack it."),
    (rb"ALIVE", "an AliveCor ATC file", "Export the recording as EDF or CSV."),
    (rb"version https://git-lfs", "a pointer of Git LFS", "Fetch the file with `git lfs pull`."),
    (rb"\s*<(?:!doctype )?html", "a web page", "Download the file again."),
    (rb"\s*[{\[]", "JSON", "Write its voltages as CSV, a column per lead."),
    (rb"$", "empty", "Download or copy the file again."),
)
TABLE_REMEDY = "Correct the line, or save the table anew."
CONVERT = "Convert it, for example to WFDB or EDF; if it belongs to a WFDB record, put the header (`.hea`) beside it."
MORE_FORMATS = " Formats of carts need `pip install '.[formats]'` in a clone of this package."

# Names under which files of arrays keep the strip, its rate, its leads and its unit, in small letters without marks.
STRIP_NAMES = frozenset(
    ("val", "ecg", "signal", "signals", "data", "ecgdata", "psignal", "strip", "tracings", "feats")
)
RATE_NAMES = frozenset(
    ("fs", "samplingrate", "samplingfrequency", "samplerate", "samplefrequency", "sfreq", "srate", "freq", "frequency")
)
LEAD_NAMES = frozenset(
    (
        "lead",
        "leads",
        "leadnames",
        "channels",
        "channelnames",
        "chnames",
        "signame",
        "signames",
        "signalnames",
        "names",
    )
)
UNIT_NAMES = frozenset(("unit", "units", "physicalunit", "physicalunits"))


def read_ecg(
    path: str | PathLike[str],
    *,
    sampling_rate: Any = None,
    leads: Any = None,
    unit: str | None = None,
    start_s: float = 0.0,
    max_seconds: float | None = None,
) -> EcgRecording:
    """Read the standard leads of an ECG file of any kind.

    What a file states about itself wins; `sampling_rate`, `leads` and `unit` are for files that do not say.

    Args:
        path (`str` or `Path`):
            - a WFDB record: its header, its signal file (`.dat`, `.mat`), or either without the extension;
            - a table with a column or a line per lead, in any dialect of text, also packed (`.csv.gz`);
            - an array (`.npy`, `.npz`, `.mat`, `.h5`, `.hdf5`): the one in the file that is a strip;
            - EDF and BDF, ISHNE, DICOM, HL7 aECG, GE MUSE XML, and with `ecgdatakit` SCP-ECG, Philips, Mortara, MFER.
        sampling_rate (`float`, *optional*):
            Samples per second, in Hz.
        leads (`Sequence[str]` or `str`, *optional*):
            Names of the leads in their order; one string is cut at its commas.
        unit (`str`, *optional*, defaults to `"mV"`):
            Unit of the voltages: `"mV"`, `"uV"`, `"V"` or `"nV"`.
        start_s (`float`, *optional*, defaults to 0):
            Where to begin, in seconds.
        max_seconds (`float`, *optional*):
            How much to read from there, in seconds; all by default. Of WFDB, EDF, ISHNE, `.npy` and HDF5 files no
            more gets into memory, and of tables what comes before.

    Returns:
        `EcgRecording`: Its 12-lead part, with the account of what was left out, and why.

    Raises:
        ImportError: If the package that reads this kind of file is not installed.
        FileNotFoundError: If there is no file at `path`.
        PermissionError: If this user may not read it.
        ValueError: If the file is damaged or of no known kind, has no standard lead, or lacks what was not passed.
    """
    path = Path(path)
    if unit is not None and not is_voltage(unit):
        raise ValueError(f"`unit` is {unit!r}, and {path} is in no other. Pass one of mV, uV, V, nV.")
    if max_seconds is not None and not max_seconds > 0:
        raise ValueError(f"`max_seconds` is {max_seconds!r}. Give a time in seconds, or leave it out to read all.")
    if not (math.isfinite(start_s) and start_s >= 0):
        raise ValueError(f"`start_s` is {start_s!r}. Give a time in seconds from the beginning of {path}.")
    names = None if leads is None else list_lead_names(leads)
    _refuse_impossible_name(path)
    if _is_wfdb(path):
        return read_wfdb(path, leads=names, start_s=start_s, max_seconds=max_seconds)
    reader = _find_reader(path)
    if reader is None:
        raise _unknown(path)
    try:
        return reader.read(path, Options(sampling_rate, names, unit, start_s, max_seconds))
    except TruncatedFileError as error:
        raise ValueError(f"{path} cannot be read ({error}). Download or copy the file again.") from error
    except DamagedFileError as error:
        raise ValueError(f"{path} cannot be read ({error}). {reader.remedy}") from error


def is_ecg_file(path: Path) -> bool:
    """Whether `read_ecg` knows this kind of file; the voltages are not looked at.

    A table counts if it names a lead or an ECG, or if it ends in `.csv` or `.tsv` and holds numbers only. Formats
    count if the package that reads them is installed.
    """
    if path.suffix.lower() == ".hea":
        return True
    try:
        reader = _find_reader(path)
        if reader is None or not _is_installed(reader.package):
            return False
        return not _is_named_table(path) or is_table(path, of_any_numbers=True)
    except PermissionError:
        return path.suffix.lower() in (*TABLE_SUFFIXES, *ARRAY_READERS)  # whoever reads it will be told
    except FileNotFoundError:
        return False


def reads_parts(path: str | PathLike[str]) -> bool:
    """Whether `read_ecg` reads a part of a file without the rest: of WFDB, EDF, BDF, ISHNE, `.npy` and HDF5 files.

    Raises:
        FileNotFoundError: If there is no file at `path`.
        PermissionError: If this user may not read it.
    """
    path = Path(path)
    if _is_wfdb(path):
        return True
    reader = _find_reader(path)
    return reader is not None and reader.reads_parts


def find_recordings(folder: Path) -> list[Path]:
    """ECG files below a folder, sorted, without hidden ones; of a WFDB record, its header."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return [
        path
        for path in paths
        if not any(part.startswith(".") for part in path.relative_to(folder).parts)
        and not is_companion(path)
        and is_ecg_file(path)
    ]


def is_companion(path: Path) -> bool:
    """Whether a file belongs to the WFDB header beside it: signals, annotations."""
    return path.suffix.lower() != ".hea" and path.with_suffix(".hea").is_file()


class _Reader(NamedTuple):
    """How a kind of file is read, what to do about a damaged one, and whether a part is read without the rest."""

    read: Callable[[Path, Options], EcgRecording]
    remedy: str
    package: str | None = None  # that it needs
    reads_parts: bool = False


def is_folder(path: str | PathLike[str]) -> bool:
    """Whether there is a folder of this name; a name that no file system takes is none, nor is an empty one."""
    try:
        return str(path) != "" and Path(path).is_dir()
    except OSError:
        return False


def _refuse_impossible_name(path: Path) -> None:
    """Say of a name that no file has, such as the content of a file, that there is no record."""
    reason = "" if path.name else "the name is that of no file"
    try:
        Path(f"{path}.hea").exists()
    except OSError as error:
        if error.errno in (errno.ENAMETOOLONG, errno.ELOOP):  # who may not read it is told by the reader
            reason = (error.strerror or "there is no such name").lower()
    if reason:
        raise FileNotFoundError(
            f"There is no ECG record at {str(path)[:LONGEST_NAME_SHOWN]}: {reason}. Give the path of an ECG file, or"
            " of a WFDB record with or without `.hea`; voltages go in as an array."
        )


def _is_wfdb(path: Path) -> bool:
    """Whether a path names a WFDB record: it has a header, or nothing else is there."""
    return path.suffix.lower() in WFDB_SUFFIXES and (header_of(path).is_file() or not path.exists())


def _find_reader(path: Path) -> _Reader | None:
    """The reader for a file that is no WFDB record, by its content before its name; `None` if there is none."""
    if not path.is_file():
        kind = "that is a folder" if path.is_dir() else "the file does not exist"
        raise FileNotFoundError(
            f"There is no ECG record at {path}: {kind}. Give the path of an ECG file, or of a WFDB record with or"
            " without `.hea`."
        )
    try:
        with path.open("rb") as file:
            start = file.read(SNIFFED_BYTES)
    except PermissionError as error:
        raise forbidden(path, error) from error
    suffix = path.suffix.lower()
    read_arrays = _array_reader(path, start, suffix)
    if read_arrays is not None:
        is_cut = read_arrays in (_open_npy, _open_hdf5_content)
        return _Reader(
            lambda path, options: _read_arrays(path, read_arrays, options), "Save the array anew.", reads_parts=is_cut
        )
    if _is_named_table(path):
        is_other = suffix != ".gz" and _other_kind(start)
        return None if is_other else _Reader(read_table_file, TABLE_REMEDY)
    clinical = find_clinical_reader(path, start)
    if clinical is not None:
        remedy = "Export it again, or convert it to WFDB, EDF or CSV."
        return _Reader(clinical.read, remedy, clinical.package, clinical.reads_parts)
    return _Reader(read_table_file, TABLE_REMEDY) if is_table(path, of_any_numbers=False) else None


def _is_named_table(path: Path) -> bool:
    """Whether a file is called as tables are."""
    name = path.name.lower()
    return name.endswith(TABLE_SUFFIXES) or name.endswith(tuple(f"{suffix}.gz" for suffix in TABLE_SUFFIXES))


def _is_installed(package: str | None) -> bool:
    """Whether a package can be imported."""
    try:
        return package is None or bool(importlib.import_module(package))
    except ImportError:
        return False


def _other_kind(start: bytes) -> tuple[str, str] | None:
    """What a file is that begins with these bytes, and what to do, if it is a known kind without an ECG."""
    matches = ((kind, remedy) for mark, kind, remedy in OTHER_KINDS if re.match(mark, start, re.IGNORECASE))
    return next(matches, None)


def _unknown(path: Path) -> ValueError:
    """What is said of a file that no reader takes."""
    with path.open("rb") as file:
        kind, remedy = _other_kind(file.read(SNIFFED_BYTES)) or (None, CONVERT)
    remedy += "" if kind or _is_installed("ecgdatakit") else MORE_FORMATS
    return ValueError(f"{path} is no ECG file of a known kind{f', it is {kind}' if kind else ''}. {remedy}")


@dataclass
class _Content:
    """What lies in a file of arrays, by its path within the file.

    Attributes:
        arrays (`dict[str, Any]`):
            Arrays of numbers with at least one dimension, or datasets that can be cut like them.
        texts (`dict[str, list[str]]`):
            Words and lists of words.
        numbers (`dict[str, float]`):
            Single numbers.
    """

    arrays: dict[str, Any] = field(default_factory=dict)
    texts: dict[str, list[str]] = field(default_factory=dict)
    numbers: dict[str, float] = field(default_factory=dict)

    def add(self, name: str, value: Any) -> None:
        """Sort a value in; what is no number and no word is passed over."""
        if isinstance(value, Mapping):
            for inner, item in value.items():
                self.add(f"{name}.{inner}" if name else str(inner), item)
            return
        array = np.asarray(value)
        if array.dtype.kind in "iuf" and array.size == 1:
            self.numbers[name] = float(array.reshape(()))
        elif array.dtype.kind in "iuf" and array.ndim:
            self.arrays[name] = np.squeeze(array)
        elif array.dtype.kind in "USO" and array.size:
            words = [
                word.decode("utf-8", "replace") if isinstance(word, bytes) else word for word in array.reshape(-1)
            ]
            if all(isinstance(word, str) for word in words):
                self.texts[name] = [word.strip() for word in words]

    def find(self, entries: Mapping[str, Any], names: frozenset[str]) -> dict[str, Any]:
        """The entries whose last word is one of some names."""
        return {path: entry for path, entry in entries.items() if _last_word(path) in names}


def _last_word(path: str) -> str:
    """The last part of a path within a file, in small letters without marks."""
    return re.sub(r"[^a-z]", "", re.split(r"[./@]", path)[-1].lower())


def _array_reader(path: Path, start: bytes, suffix: str) -> Callable[[Path], Any] | None:
    """What opens a file of arrays, which its first bytes tell, or else its name; `None` for other files."""
    for mark, kind in ((rb"\x93NUMPY", ".npy"), (rb"(?s:.{512})?\x89HDF\r\n\x1a\n", ".h5"), (rb"MATLAB 5", ".mat")):
        if re.match(mark, start):
            return ARRAY_READERS[kind]
    return ARRAY_READERS.get(suffix)


def _read_arrays(path: Path, open_content: Callable[[Path], Any], options: Options) -> EcgRecording:
    """Read the array of a file that is a strip."""
    with open_content(path) as content:
        stated_rates = content.find(content.numbers, RATE_NAMES)
        rate = next(iter(stated_rates.values()), options.sampling_rate)
        if rate is None:
            raise ValueError(f"{path} does not state its sampling rate. Pass `sampling_rate=`, in Hz.")
        rate = parse_rate(rate, place=str(path))
        lists = content.find(content.texts, LEAD_NAMES).values()
        names = next((words for words in lists if any(map(is_standard_lead, words))), options.leads)
        name, array, others = _choose_array(content, names)
        names = names if names is not None and len(names) in array.shape else options.leads
        is_turned = has_leads_in_columns(array.shape, names, path)
        first = round(options.start_s * rate)
        stop = None if options.max_seconds is None else first + math.ceil(options.max_seconds * rate)
        values = _take(array, path, slice(first, stop), is_turned)
    units = next(
        (words for words in content.find(content.texts, UNIT_NAMES).values() if all(map(is_voltage, words))), []
    )
    return admit(
        values,
        names=names or (),
        sampling_rate=rate,
        unit=(units if len(units) == len(values) else units[0]) if units else options.unit or "mV",
        unit_from="file" if units else "argument" if options.unit else "default",
        source=str(path),
        num_samples_found=array.shape[0 if is_turned else 1],
        start_s=first / rate,
        left_out=dict.fromkeys(others, f"beside the strip, {name}"),
    )


def _choose_array(content: _Content, names: Sequence[str] | None) -> tuple[str, Any, list[str]]:
    """The strip of a file, its name, and the names of other matrices.

    It is the only matrix, or the only one that has a row or a column for each name, or the only one of these that is
    called as strips are; a file without a matrix may have one lead.
    """
    found = {name: array for name, array in content.arrays.items() if len(array.shape) == 2}
    if not found:
        found = {name: array for name, array in content.arrays.items() if len(array.shape) == 1}
        found = {name: array[None] for name, array in (found if len(found) == 1 else {}).items()}
    fitting = {name: array for name, array in found.items() if names is not None and len(names) in array.shape}
    called = content.find(fitting or found, STRIP_NAMES)
    for chosen in (found, fitting, called):
        if len(chosen) == 1:
            ((name, array),) = chosen.items()
            return name, array, [other for other in found if other != name]
    shapes = [f"{name} {'x'.join(map(str, array.shape))}" for name, array in content.arrays.items()]
    listed = ", ".join(found) or ", ".join(shapes) or "none"
    raise DamagedFileError(
        f"it holds {len(found)} arrays of two dimensions ({listed}), so the strip cannot be told; load it yourself and"
        " pass an array"
    )


def _take(array: Any, path: Path, wanted: slice, is_turned: bool) -> np.ndarray:
    """Samples of an array as floats, `(num_leads, num_samples)`."""
    with library_call(path), np.errstate(all="ignore"):  # what a damaged file holds in place of voltages
        part = array[wanted].T if is_turned else array[:, wanted]
        return np.asarray(part).astype(np.float64)


@contextmanager
def _open_npy(path: Path) -> Iterator[_Content]:
    """The array of a `.npy`, not read yet; objects are refused, since reading them would run code from the file."""
    with library_call(path):
        with path.open("rb") as file:
            _check_npy(file, path.stat().st_size)
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    content = _Content()
    if array.dtype.names:
        content.add("names", list(array.dtype.names))
        array = np.stack([array[name].reshape(-1) for name in array.dtype.names])
    content.arrays["array"] = np.squeeze(array)
    yield content


@contextmanager
def _open_npz(path: Path) -> Iterator[_Content]:
    """The arrays of a `.npz`."""
    content = _Content()
    with library_call(path, zipfile.BadZipFile), zipfile.ZipFile(path) as archive:
        for entry in archive.infolist():
            if entry.file_size > MAX_PACKING * entry.compress_size + SMALL_FILE:
                raise DamagedFileError(
                    f"its array {entry.filename} states {entry.file_size} bytes, which it does not hold"
                )
            with archive.open(entry) as file:
                _check_npy(file, entry.file_size)
            with archive.open(entry) as file:
                content.add(entry.filename.removesuffix(".npy"), np.lib.format.read_array(file, allow_pickle=False))
    yield content


def _check_npy(file: Any, size: int) -> None:
    """Refuse objects, and more numbers than a file of some bytes holds, from the header of a `.npy`."""
    version = np.lib.format.read_magic(file)
    read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read_header(file)
    if dtype.hasobject:
        raise DamagedFileError(
            "it holds objects of Python, which allow_pickle=False keeps from running code; save numbers"
        )
    if math.prod(shape) * dtype.itemsize > size:
        raise TruncatedFileError(f"it states {math.prod(shape)} numbers and holds {size} bytes")


def load_mat(path: Path) -> dict[str, Any]:
    """The variables of a MATLAB file; structs are dictionaries, and values of one element are no arrays.

    Raises:
        DamagedFileError: If the file cannot be read.
        FileNotFoundError: If there is no such file.
        ImportError: If this build of scipy has no `scipy.io`.
        PermissionError: If this user may not read the file.
    """
    try:
        from scipy.io import loadmat
        from scipy.io.matlab import MatReadError
    except ImportError as error:
        raise ImportError(f"Reading {path} needs scipy.io: `pip install scipy`.") from error
    with library_call(path):
        content = io.BytesIO(path.read_bytes())  # given a path, scipy leaves the file open
    with library_call(path, MatReadError):
        # Of files with damaged bytes, SciPy's compiled reader refuses most but crashes on some (tried with 1.17).
        return loadmat(content, simplify_cells=True)


@contextmanager
def _open_mat(path: Path) -> Iterator[_Content]:
    """The variables of a MATLAB file of a version before 7.3."""
    content = _Content()
    content.add("", load_mat(path))
    yield content


def open_hdf5(path: Path) -> Any:
    """Open an HDF5 file for reading; use the result as a context, or close it.

    Raises:
        DamagedFileError: If the file is no readable HDF5 file.
        FileNotFoundError: If there is no such file.
        ImportError: If `h5py` is not installed.
        PermissionError: If this user may not read the file.
    """
    try:
        import h5py
    except ImportError as error:
        raise ImportError(
            f"Reading {path} needs the package h5py: `pip install h5py`, or for all formats `pip install '.[formats]'`"
            " in a clone of this package."
        ) from error
    with library_call(path):
        return h5py.File(path, "r")


@contextmanager
def _open_hdf5_content(path: Path) -> Iterator[_Content]:
    """The datasets of an HDF5 file, not read yet, and its attributes; MATLAB writes such files as version 7.3."""
    content = _Content()
    with open_hdf5(path) as file:
        for item in _hdf5_items(file, path):
            with library_call(path):
                name = str(item.name).lstrip("/").replace("/", ".")
                for key, value in item.attrs.items():
                    if not key.startswith("MATLAB_"):
                        content.add(f"{name}@{key}", value)
                _add_dataset(content, name, item, file)
        yield content


def _add_dataset(content: _Content, name: str, item: Any, file: Any) -> None:
    """Sort a dataset in; groups, and what MATLAB keeps for itself, are passed over."""
    if not hasattr(item, "shape") or name.startswith("#refs#"):
        return
    kind = item.attrs.get("MATLAB_class", b"")
    if item.nbytes > MAX_PACKING * item.id.get_storage_size() + SMALL_FILE:
        raise DamagedFileError(f"its dataset {name} states {item.nbytes} bytes, which it does not hold")
    if kind == b"char":
        content.texts[name] = [_matlab_word(item)]
    elif kind == b"cell":
        cells = [file[reference] for reference in item[()].reshape(-1)]
        content.texts[name] = [_matlab_word(cell) for cell in cells if cell.attrs.get("MATLAB_class", b"") == b"char"]
    elif item.dtype.kind in "iuf" and item.size > 1 and sum(length > 1 for length in item.shape) == item.ndim:
        content.arrays[name] = item
    elif item.size < SMALL_FILE:
        content.add(name, item.asstr()[()] if item.dtype.kind == "O" else item[()])


def _matlab_word(dataset: Any) -> str:
    """A word, of which MATLAB stores the letters as numbers."""
    return "".join(map(chr, dataset[()].reshape(-1)))


def _hdf5_items(file: Any, path: Path) -> list[Any]:
    """Groups and datasets of an HDF5 file, other files left out; `visititems` never ends on some damaged ones."""
    found, unseen = {}, [file]
    while unseen:
        item = unseen.pop()
        with library_call(path):  # h5py looks into the file to compare items, too
            is_known = item in found
            members = [] if is_known else _hdf5_members(item)
        if not is_known:
            found[item] = item
            unseen += members
    return list(found.values())


def _hdf5_members(item: Any) -> list[Any]:
    """What lies in a group itself, not behind a link to elsewhere; nothing in a dataset."""
    import h5py

    if not isinstance(item, h5py.Group):
        return []
    return [item[name] for name in item if isinstance(item.get(name, getlink=True), h5py.HardLink)]


ARRAY_READERS: dict[str, Callable[[Path], Any]] = {
    ".npy": _open_npy,
    ".npz": _open_npz,
    ".mat": _open_mat,
    ".h5": _open_hdf5_content,
    ".hdf5": _open_hdf5_content,
}
