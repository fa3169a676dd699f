"""ECG files of any kind as strips in millivolts."""

import csv
import re
import struct
import tokenize
import warnings
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from transformers.utils import logging

from .leads import STANDARD_LEADS, is_standard_lead


logger = logging.get_logger(__name__)

# Rows of a corpus, see datasets_scripts/schema.py; a checkpoint takes this file along, but not that one.
ROW_SAMPLING_RATE = 500  # Hz
MILLIVOLTS_PER_MICROVOLT = np.float32(1e-3)
MILLIVOLTS_PER_UNIT = {"mv": 1.0, "uv": 1e-3, "µv": 1e-3, "v": 1e3}

# Endings under which the header of a WFDB record is looked for: the record's name, its header, its signal file.
WFDB_SUFFIXES = ("", ".hea", ".dat", ".mat")
CSV_SEPARATORS = (";", "\t", ",")

# What wfdb, numpy, scipy, h5py and ecgdatakit raise on damaged files; none of them has one exception for it.
DAMAGE_ERRORS = (
    *(OSError, ValueError, EOFError, LookupError, TypeError, AttributeError, ArithmeticError, NotImplementedError),
    *(MemoryError, NameError, RuntimeError, SyntaxError, struct.error, tokenize.TokenError, zlib.error),
)


def forbidden(path: str | Path, error: PermissionError) -> PermissionError:
    """The error for a file, or for the one that the system names, which this user may not read."""
    return PermissionError(
        f"{error.filename or path} cannot be read: this user lacks the permission. Change it (`chmod u+r`), or run as"
        " the file's owner."
    )


@dataclass(frozen=True)
class EcgRecording:
    """One recording.

    Attributes:
        strip (`np.ndarray` of shape `(num_leads, num_samples)`):
            Voltages, in millivolts.
        sampling_rate (`float`):
            Samples per second, in Hz.
        leads (`tuple[str, ...]`):
            Names of the rows, as the file spells them.
    """

    strip: np.ndarray
    sampling_rate: float
    leads: tuple[str, ...]


def read_ecg(
    path: str | Path,
    *,
    sampling_rate: float | None = None,
    leads: Sequence[str] | None = None,
    unit: str = "mV",
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
        return _read_array_file(path, sampling_rate=sampling_rate, leads=leads, unit=unit)
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
                cells = _split_line(file.readline())
        except PermissionError:
            return True  # whoever reads it will be told
        return any(map(is_standard_lead, cells)) or all(map(_is_number, cells))
    if suffix in _ARRAY_READERS:
        return True
    try:
        from ecgdatakit import FileParser
    except ImportError:
        return False
    try:
        return FileParser.detect_format(path) is not None
    except DAMAGE_ERRORS:
        return False


def read_wfdb(path: str | Path) -> EcgRecording:
    """Read the standard leads of a WFDB record.

    Args:
        path (`str` or `Path`):
            The record's header, its signal file, or either without the extension.

    Returns:
        `EcgRecording`: Its 12-lead part; other channels of the record, such as Frank leads, are left out.

    Raises:
        ImportError: If `wfdb` is not installed.
        FileNotFoundError: If there is no header at `path`.
        ValueError: If the record cannot be read, has no standard lead, or is not in volts.
    """
    try:
        import wfdb  # not needed for arrays, and a checkpoint must load without it
    except ImportError as error:
        raise ImportError(f"Reading {path} needs the package wfdb: `pip install wfdb`, or pass an array.") from error
    path = Path(path)
    header_path = path.with_suffix(".hea")  # a WFDB record has no dot in its name
    if not header_path.is_file():
        raise FileNotFoundError(
            f"There is no ECG record at {path}: {header_path} does not exist."
            " Give the path of a WFDB record, with or without `.hea`."
        )
    try:
        record: Any = wfdb.rdrecord(str(header_path.with_suffix("")))
    except PermissionError as error:
        raise forbidden(header_path, error) from error
    except DAMAGE_ERRORS as error:
        raise ValueError(
            f"{header_path}: the record cannot be read ({type(error).__name__}: {error}). Download its files again."
        ) from error
    rows = [row for row, name in enumerate(record.sig_name) if is_standard_lead(name)]
    if not rows:
        raise ValueError(
            f"{header_path}: none of its signals ({', '.join(record.sig_name)}) is a standard lead."
            " Rename them in the header, or pass an array with `leads`."
        )
    strip = np.stack([record.p_signal[:, row] * _millivolts(record.units[row], header_path) for row in rows])
    return EcgRecording(strip, float(record.fs), tuple(record.sig_name[row] for row in rows))


def recording_from_row(row: Mapping[str, Any]) -> EcgRecording:
    """The recorded part of a row of a corpus.

    Args:
        row (`Mapping[str, Any]`):
            At least `signal`, `(12, 5000)` in microvolts, `lead_mask` and `num_samples`, in any format of `datasets`.

    Returns:
        `EcgRecording`: Without the leads that were not recorded and without padding.
    """
    is_recorded = np.asarray(row["lead_mask"], dtype=bool)
    microvolts = np.asarray(row["signal"])[is_recorded, : int(row["num_samples"])]
    leads = tuple(lead for lead, recorded in zip(STANDARD_LEADS, is_recorded, strict=True) if recorded)
    return EcgRecording(microvolts.astype(np.float32) * MILLIVOLTS_PER_MICROVOLT, ROW_SAMPLING_RATE, leads)


def _millivolts(unit: str, header_path: Path) -> float:
    """Millivolts in one unit of a header."""
    if unit.lower() not in MILLIVOLTS_PER_UNIT:
        raise ValueError(f"{header_path}: a lead is stored in {unit}, not mV. Correct the unit in the header.")
    return MILLIVOLTS_PER_UNIT[unit.lower()]


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
    except PermissionError as error:
        raise forbidden(path, error) from error
    except DAMAGE_ERRORS as error:
        raise ValueError(
            f"{path} cannot be read ({type(error).__name__}: {error}). Copy the file again, or repair it."
        ) from error
    named = {row: name.strip() for row, name in enumerate(names or ()) if is_standard_lead(name)}
    if named:
        voltages, names = voltages[list(named)], tuple(named.values())
    elif leads is None:
        raise ValueError(
            f"{path} does not name its leads. Pass `leads=`: the names of its {min(voltages.shape)} leads in order."
        )
    else:
        voltages, names = _put_leads_first(voltages, leads, path), tuple(leads)
    with np.errstate(all="ignore"):  # what a damaged file holds in place of voltages
        return EcgRecording(voltages * MILLIVOLTS_PER_UNIT[unit.lower()], float(sampling_rate), names)


def _put_leads_first(voltages: np.ndarray, leads: Sequence[str], path: Path) -> np.ndarray:
    """Turn an array so that its rows are leads, which their number tells."""
    if len(leads) not in voltages.shape:
        raise ValueError(
            f"{path} holds an array of shape {voltages.shape}, but `leads` names {len(leads)} leads"
            f" ({', '.join(leads)}). Name every lead of the file in its order."
        )
    return voltages if voltages.shape[0] == len(leads) else voltages.T


def _read_csv(path: Path) -> tuple[np.ndarray, list[str] | None]:
    """A table as `(num_columns, num_lines)` and, where its first line is not of numbers, the names of the columns."""
    lines = path.read_text(encoding="utf-8-sig", errors="replace").splitlines()
    cells = [_split_line(line) for line in lines if line.strip()]
    names = None if all(map(_is_number, cells[0] if cells else ())) else cells.pop(0)
    if not cells:
        raise ValueError("it has no line of voltages")
    uneven = [number for number, line in enumerate(cells, start=1) if len(line) != len(names or cells[0])]
    if uneven:
        raise ValueError(
            f"line {uneven[0]} of its voltages has {len(cells[uneven[0] - 1])} cells, not {len(names or cells[0])}"
        )
    # An empty cell is a sample that was not recorded.
    voltages = np.array([[float(cell.strip() or "nan") for cell in line] for line in cells])
    return voltages.T, names


def _split_line(line: str) -> list[str]:
    """Cells of a line, without the `#` that NumPy puts before names; between semicolons, commas are decimal points."""
    separator = next((mark for mark in CSV_SEPARATORS if mark in line), ",")
    if separator == ";":
        line = line.replace(",", ".")
    return next(csv.reader([line.strip("# \r\n")], delimiter=separator), [])


def _is_number(cell: str) -> bool:
    """Whether a cell of a table is a number or empty."""
    try:
        float(cell.strip() or "nan")
    except ValueError:
        return False
    return True


def _read_npy(path: Path) -> tuple[np.ndarray, None]:
    """The array of a `.npy`; objects are refused, since reading them would run code from the file."""
    with path.open("rb") as file:
        return _only_array({"array": np.lib.format.read_array(file, allow_pickle=False)}), None


def _read_mat(path: Path) -> tuple[np.ndarray, None]:
    """The only two-dimensional array of a MATLAB file, alone or in a struct."""
    try:
        from scipy.io import loadmat
        from scipy.io.matlab import MatReadError
    except ImportError as error:  # a build of scipy without it
        raise ImportError(f"Reading {path} needs scipy.io: `pip install scipy`.") from error
    try:
        # Of files with damaged bytes, SciPy's compiled reader refuses most but crashes on some (tried with 1.17).
        return _only_array(loadmat(path, simplify_cells=True)), None
    except (MatReadError, NotImplementedError) as error:  # the second: version 7.3, which is HDF5
        raise ValueError(f"{error}; save it with `-v7` if it is of version 7.3") from error


def _read_hdf5(path: Path) -> tuple[np.ndarray, None]:
    """The only two-dimensional dataset of an HDF5 file."""
    try:
        import h5py
    except ImportError as error:
        raise ImportError(f"Reading {path} needs the package h5py: `pip install h5py`, or pass an array.") from error
    with h5py.File(path, "r") as file:
        arrays = {str(item.name).lstrip("/"): item for item in _hdf5_items(file) if isinstance(item, h5py.Dataset)}
        return _only_array({name: item[()] for name, item in arrays.items() if len(item.shape) == 2}), None


def _hdf5_items(file: Any) -> set[Any]:
    """Groups and datasets of an HDF5 file, other files left out; `visititems` never ends on some damaged ones."""
    import h5py

    found, unseen = set(), [file]
    while unseen:
        item = unseen.pop()
        if item in found:
            continue
        found.add(item)
        if isinstance(item, h5py.Group):
            unseen += [item[name] for name in item if isinstance(item.get(name, getlink=True), h5py.HardLink)]
    return found


def _only_array(content: Mapping[str, Any]) -> np.ndarray:
    """The one two-dimensional array of numbers in a file."""
    found = dict(_matrices(content))
    if len(found) != 1:
        names = f"it holds {len(found)} arrays of two dimensions ({', '.join(found) or 'none'})"
        raise ValueError(f"{names}, so the strip cannot be told; load it yourself and pass an array")
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
            record: Any = FileParser.parse(path)
        except ImportError as error:
            raise ImportError(f"{path} cannot be read without another package: {error}") from error
        except PermissionError as error:
            raise forbidden(path, error) from error
        except (ECGDataKitError, *DAMAGE_ERRORS) as error:
            raise ValueError(
                f"{path} cannot be read ({type(error).__name__}: {_without_values(str(error))})."
                " Copy the file again, or convert it."
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
    return EcgRecording(
        np.stack([lead.samples for lead in leads]), float(stated_rate), tuple(lead.label for lead in leads)
    )


_ARRAY_READERS: dict[str, Callable[[Path], tuple[np.ndarray, Sequence[str] | None]]] = {
    ".csv": _read_csv,
    ".tsv": _read_csv,
    ".npy": _read_npy,
    ".mat": _read_mat,
    ".h5": _read_hdf5,
    ".hdf5": _read_hdf5,
}
