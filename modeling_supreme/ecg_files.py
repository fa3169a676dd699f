"""ECG files of any kind as strips in millivolts."""

import csv
import io
import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from transformers.utils import logging

from .admission import admit
from .leads import is_standard_lead, list_lead_names
from .recordings import LIBRARY_ERRORS, MILLIVOLTS_PER_UNIT, DamagedFileError, EcgRecording, library_call
from .wfdb_files import read_wfdb


logger = logging.get_logger(__name__)

# Endings under which the header of a WFDB record is looked for: the record's name, its header, its signal file.
WFDB_SUFFIXES = ("", ".hea", ".dat", ".mat")
CSV_SEPARATORS = (";", "\t", ",")


def read_ecg(
    path: str | Path,
    *,
    sampling_rate: float | None = None,
    leads: Sequence[str] | None = None,
    unit: str | None = None,
) -> EcgRecording:
    """Read the standard leads of an ECG file of any kind.

    What a file states about itself wins; `sampling_rate`, `leads` and `unit` are for files that do not say.

    Args:
        path (`str` or `Path`):
            - a WFDB record: its header, its signal file (`.dat`, `.mat`), or either without the extension;
            - a table (`.csv`, `.tsv`) with a column per lead, whose first line may name the leads;
            - an array (`.npy`, `.mat`, `.h5`, `.hdf5`): the only two-dimensional one in the file;
            - whatever `ecgdatakit` reads: HL7 aECG, SCP-ECG, DICOM, EDF, GE MUSE, Philips, Mortara, ISHNE, MFER.
        sampling_rate (`float`, *optional*):
            Samples per second, in Hz; tables and arrays need it.
        leads (`Sequence[str]`, *optional*):
            Names of the leads in their order; arrays need them, and tables without names.
        unit (`str`, defaults to `"mV"`):
            Unit of the voltages in tables and arrays: `"mV"`, `"uV"` or `"V"`.

    Returns:
        `EcgRecording`: Its 12-lead part; other channels, such as Frank leads, are left out.

    Raises:
        ImportError: If the package that reads this kind of file is not installed.
        FileNotFoundError: If there is no file at `path`.
        ValueError: If the file is damaged or of no known kind, has no standard lead, or lacks what was not passed.
    """
    path = Path(path)
    has_header = path.with_suffix(".hea").is_file()
    if path.suffix.lower() in WFDB_SUFFIXES and (has_header or not path.is_file()):
        return read_wfdb(path)
    if not path.is_file():
        raise FileNotFoundError(
            f"There is no ECG record at {path}: the file does not exist. Give the path of an ECG file, or of a WFDB"
            " record with or without `.hea`."
        )
    if path.suffix.lower() in _ARRAY_READERS:
        return _read_array_file(path, sampling_rate=sampling_rate, leads=leads, unit=unit or "mV")
    return _read_with_ecgdatakit(path, sampling_rate=sampling_rate)


def is_ecg_file(path: Path) -> bool:
    """Whether `read_ecg` knows this kind of file; the voltages are not looked at.

    A table counts if its first line names a standard lead or holds numbers only. Without `ecgdatakit`, the formats
    that it reads do not count.
    """
    suffix = path.suffix.lower()
    if suffix == ".hea":
        return True
    if suffix in (".csv", ".tsv"):
        try:
            with path.open(encoding="utf-8-sig", errors="replace") as file:
                (cells,) = _split_lines([file.readline()])
        except PermissionError:
            return True  # whoever reads it will be told
        except DamagedFileError:
            return False
        return any(map(is_standard_lead, cells)) or all(map(_is_number, cells))
    if suffix in _ARRAY_READERS:
        return True
    try:
        from ecgdatakit import FileParser
    except ImportError:
        return False
    try:
        return FileParser.detect_format(path) is not None
    except LIBRARY_ERRORS:
        return False


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


def _read_array_file(
    path: Path, *, sampling_rate: float | None, leads: Sequence[str] | None, unit: str
) -> EcgRecording:
    """Read a table or an array, which states neither its rate nor its unit and often not its leads."""
    if unit.lower() not in MILLIVOLTS_PER_UNIT:
        raise ValueError(f"`unit` is {unit!r}, and {path} is in no other. Pass one of mV, uV, V.")
    if sampling_rate is None:
        raise ValueError(f"{path} does not state its sampling rate. Pass `sampling_rate=`, in Hz.")
    try:
        voltages, names = _ARRAY_READERS[path.suffix.lower()](path)
    except DamagedFileError as error:
        raise ValueError(f"{path} cannot be read ({error}). Copy the file again, or repair it.") from error
    if names is None or not any(map(is_standard_lead, names)):
        if leads is None:
            raise ValueError(
                f"{path} does not name its leads. Pass `leads=`: the names of its {min(voltages.shape)} leads in"
                " order."
            )
        names = list_lead_names(leads)
        voltages = _put_leads_first(voltages, names, path)
    return admit(voltages, names=names, sampling_rate=sampling_rate, unit=unit, unit_from="default", source=str(path))


def _put_leads_first(voltages: np.ndarray, leads: Sequence[str], path: Path) -> np.ndarray:
    """Turn an array so that its rows are leads, which their number tells."""
    if len(leads) not in voltages.shape:
        raise ValueError(
            f"{path} holds an array of shape {voltages.shape}, but `leads` names {len(leads)} leads"
            f" ({', '.join(leads)}). Name every lead of the file in its order."
        )
    return voltages if voltages.shape[0] == len(leads) else voltages.T


def read_table(path: Path) -> tuple[np.ndarray, list[str] | None]:
    """Read a table of numbers with a column per signal.

    Args:
        path (`Path`):
            A text file; its first line tells whether commas, tabs or semicolons stand between the cells. Between
            semicolons, commas are decimal points.

    Returns:
        `tuple[np.ndarray, list[str] | None]`: Numbers of shape `(num_columns, num_lines)`, NaN in empty cells, and the
        names of the columns where the first line is not of numbers.

    Raises:
        DamagedFileError: If there is no line, a line has another number of cells, or a cell is no number.
        PermissionError: If this user may not read the file.
    """
    with library_call(path):
        text = path.read_text(encoding="utf-8-sig", errors="replace")
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines:
        raise DamagedFileError("it has no line of voltages")
    (first,) = _split_lines(lines[:1])
    names = None if all(map(_is_number, first)) else first
    lines = lines if names is None else lines[1:]
    if not lines:
        return np.empty((len(first), 0)), names
    return _numbers(lines, num_columns=len(first)).T, names


def _numbers(lines: list[str], *, num_columns: int) -> np.ndarray:
    """Lines of cells as `(num_lines, num_columns)`."""
    separator = _separator(lines[0])
    if separator != ";":
        try:  # 60,000 cells take 10 ms; one by one, as below, 65 ms
            table = np.loadtxt(lines, delimiter=separator, comments=None, ndmin=2)
        except ValueError:  # empty cells, and whatever is to be named below
            pass
        else:
            if table.shape[1] == num_columns:
                return table
    cells = _split_lines(lines)
    for number, line in enumerate(cells, start=1):
        if len(line) != num_columns:
            raise DamagedFileError(f"line {number} of its voltages has {len(line)} cells, not {num_columns}")
        for cell in line:
            if not _is_number(cell):
                raise DamagedFileError(f"line {number} of its voltages has the cell {cell!r}, which is no number")
    return np.array([[float(cell.strip() or "nan") for cell in line] for line in cells])


def _read_csv(path: Path) -> tuple[np.ndarray, list[str] | None]:
    """A table with at least one line of voltages."""
    voltages, names = read_table(path)
    if not voltages.size:
        raise DamagedFileError("it has no line of voltages")
    return voltages, names


def _separator(line: str) -> str:
    """What stands between the cells of a line."""
    return next((mark for mark in CSV_SEPARATORS if mark in line), ",")


def _split_lines(lines: list[str]) -> list[list[str]]:
    """Cells of each line, without the `#` that NumPy puts before names; semicolons make commas decimal points."""
    split = []
    for line in lines:
        separator = _separator(line)
        content = line.strip("# \r\n")
        content = content.replace(",", ".") if separator == ";" else content
        try:
            split.append(next(csv.reader([content], delimiter=separator), []))
        except csv.Error as error:
            raise DamagedFileError(f"it is no table: {error}") from error
    return split


def _is_number(cell: str) -> bool:
    """Whether a cell of a table is a number or empty."""
    try:
        float(cell.strip() or "nan")
    except ValueError:
        return False
    return True


def _read_npy(path: Path) -> tuple[np.ndarray, None]:
    """The array of a `.npy`; objects are refused, since reading them would run code from the file."""
    with library_call(path), path.open("rb") as file:
        array = np.lib.format.read_array(file, allow_pickle=False)
    return _only_array({"array": array}), None


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


def _read_mat(path: Path) -> tuple[np.ndarray, None]:
    """The only two-dimensional array of a MATLAB file, alone or in a struct."""
    try:
        variables = load_mat(path)
    except DamagedFileError as error:
        if isinstance(error.__cause__, NotImplementedError):  # version 7.3, which is HDF5
            raise DamagedFileError(f"{error}; save it with `-v7`") from error
        raise
    return _only_array(variables), None


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


def _read_hdf5(path: Path) -> tuple[np.ndarray, None]:
    """The only two-dimensional dataset of an HDF5 file."""
    matrices = {}
    with open_hdf5(path) as file:
        for item in _hdf5_items(file, path):
            with library_call(path):
                if len(getattr(item, "shape", ())) == 2:  # groups have no shape
                    matrices[str(item.name).lstrip("/")] = item[()]
    return _only_array(matrices), None


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


def _only_array(content: Mapping[str, Any]) -> np.ndarray:
    """The one two-dimensional array of numbers in a file."""
    found = dict(_matrices(content))
    if len(found) != 1:
        names = f"it holds {len(found)} arrays of two dimensions ({', '.join(found) or 'none'})"
        raise DamagedFileError(f"{names}, so the strip cannot be told; load it yourself and pass an array")
    with np.errstate(all="ignore"):  # what a damaged file holds in place of voltages
        return next(iter(found.values())).astype(np.float64)


def _matrices(content: Mapping[str, Any]) -> Iterator[tuple[str, np.ndarray]]:
    """Two-dimensional arrays of numbers, also those within a struct."""
    for name, value in content.items():
        if isinstance(value, Mapping):
            yield from ((f"{name}.{inner}", matrix) for inner, matrix in _matrices(value))
        elif isinstance(value, np.ndarray) and value.ndim == 2 and value.size and value.dtype.kind in "iuf":
            yield name, value


def _read_with_ecgdatakit(path: Path, *, sampling_rate: float | None) -> EcgRecording:
    """Read any format that `ecgdatakit` recognises by its content."""
    try:
        from ecgdatakit import ECGDataKitError, FileParser
    except ImportError as error:
        raise ImportError(
            f"Reading {path} needs the package ecgdatakit: `pip install ecgdatakit`, or pass an array."
        ) from error
    if not is_ecg_file(path):
        raise ValueError(
            f"{path} is no ECG file of a known kind. Convert it, for example to WFDB or EDF; if it belongs to a WFDB"
            " record, put the header (`.hea`) beside it."
        )
    with warnings.catch_warnings(record=True) as remarks:
        warnings.simplefilter("always")
        try:
            with library_call(path, ECGDataKitError):
                record: Any = FileParser.parse(path)
        except ImportError as error:
            raise ImportError(f"{path} cannot be read without another package: {error}") from error
        except DamagedFileError as error:
            raise ValueError(
                f"{path} cannot be read ({_without_values(str(error))}). Copy the file again, or convert it."
            ) from error
    for remark in remarks:
        logger.warning(f"{path}: {_without_values(str(remark.message))}")
    return _from_ecgdatakit(
        [lead for lead in record.leads if is_standard_lead(lead.label)], record, path, sampling_rate
    )


def _without_values(message: str) -> str:
    """A message without what it quotes from the file, which may be a patient's name."""
    return re.sub(r"(['\"]).*\1", "'…'", message, flags=re.DOTALL)


def _from_ecgdatakit(leads: list[Any], record: Any, path: Path, sampling_rate: float | None) -> EcgRecording:
    """The standard leads of a record of `ecgdatakit`, which must agree in unit, rate and length."""
    if not leads:
        names = ", ".join(lead.label for lead in record.leads)
        raise ValueError(f"{path}: none of its signals ({names}) is a standard lead. Pass an array with `leads`.")
    for lead in leads:
        if lead.is_raw or lead.units != "mV":
            raise ValueError(
                f"{path}: lead {lead.label} is stored without a scale to mV ({lead.units or 'raw integers'})."
                " Scale it yourself and pass an array."
            )
    shapes = {(lead.sampling_rate, len(lead.samples)) for lead in leads}
    if len(shapes) > 1:
        listed = ", ".join(f"{lead.label} {len(lead.samples)} at {lead.sampling_rate} Hz" for lead in leads)
        raise ValueError(f"{path}: its leads differ in rate or length ({listed}). Resample them and pass an array.")
    stated_rate = leads[0].sampling_rate or sampling_rate
    if not stated_rate:
        raise ValueError(f"{path} does not state its sampling rate. Pass `sampling_rate=`, in Hz.")
    return admit(
        np.stack([lead.samples for lead in leads]),
        names=[lead.label for lead in leads],
        sampling_rate=stated_rate,
        source=str(path),
    )


_ARRAY_READERS: dict[str, Callable[[Path], tuple[np.ndarray, Sequence[str] | None]]] = {
    ".csv": _read_csv,
    ".tsv": _read_csv,
    ".npy": _read_npy,
    ".mat": _read_mat,
    ".h5": _read_hdf5,
    ".hdf5": _read_hdf5,
}
