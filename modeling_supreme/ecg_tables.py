"""Tables of voltages in any dialect: what stands between the cells, where the numbers begin, and what they are."""

import codecs
import csv
import gzip
import itertools
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from .admission import MAX_SAMPLING_RATE, MIN_SAMPLING_RATE, admit, is_voltage, name_channels, parse_rate
from .leads import is_standard_lead
from .recordings import DamagedFileError, EcgRecording, Options, TruncatedFileError, library_call


SEPARATORS = (";", "\t", "|", ",", None)  # `None` stands for blanks
MISSING_CELLS = frozenset(("", "na", "n/a", "#n/a", "nan", "null", "none", "nil", "-", "--", "?", "."))
NOT_NUMBERS = "#%/; \t\r\n"  # a line that begins with one of these may be a comment, or blank
COMMENT = re.compile(r"#|%|//|;(?=[^;]*$)(?=\s*[A-Za-z])")
# Enough to see where the numbers of a table begin
HEAD_LINES, SNIFFED_CHARACTERS = 400, 2**18

# What the lines above a table say, as watches, recorders and converters write it in the languages they speak.
RATE_KEY = re.compile(
    r"sampl\w*[ _-]*(?:rate|freq\w*)|\bfs\b|^freq(?:uency|uenz|uence)?\b|^rate\b|abtast|[ée]chantillonnage|muestreo"
    r"|campionamento|amostragem|bemonster|дискретизац|采样|サンプル",
    re.IGNORECASE,
)
OTHER_RATES = re.compile(r"filter|notch|cut|pass|mains|line|heart|bpm|average|pulse|band", re.IGNORECASE)
INTERVAL = re.compile(
    r"sampl\w*[ _-]*(?:interval|period|step)\D*(\d+(?:\.\d+)?)\s*(m?s)|(\d+(?:\.\d+)?)\s*(m?s)(?:ec)?\s*/\s*sample",
    re.IGNORECASE,
)
NUMBER = re.compile(r"\d+(?:[.,]\d+)?")
KEY_AND_VALUE = re.compile(r"(.*?)\s*([:=,;|\t])\s*(.*)")
UNIT_KEY = re.compile(r"\b(?:units?|einheit(?:en)?|unit[ée]s?|unidade?s?|unità)\b", re.IGNORECASE)
LEAD_KEY = re.compile(
    r"(?:leads?|channels?|ableitung(?:en)?|d[ée]rivations?|derivaci[oó]n(?:es)?|derivazion[ei])(?: names?)?",
    re.IGNORECASE,
)

# Columns that count time, and what their units are in seconds. Of a column that names none, the step between its lines
# tells: of all units only one gives the rate of an ECG.
SECONDS = {
    "s": 1.0,
    "sec": 1.0,
    "seconds": 1.0,
    "ms": 1e-3,
    "msec": 1e-3,
    "us": 1e-6,
    "µs": 1e-6,
    "μs": 1e-6,
    "ns": 1e-9,
}
TIME_NAME = re.compile(
    r"(?:\w+ )?(?:time ?(?:stamps?)?|t|zeit|temps|tiempo|tempo|seconds|secs?|msec)"
    r"(?:[ _]*[\[(]?(?P<unit>s|sec|seconds|ms|msec|us|µs|μs|ns|hh:mm\S*)[\])]?)?",
    re.IGNORECASE,
)
INDEX_NAME = re.compile(
    r"|unnamed: ?0|index|idx|samples?(?:[ _]?(?:#|no\.?|number|index|interval|id))?|#|nr\.?|row", re.IGNORECASE
)
CLOCK = re.compile(
    r"(?:(?P<day>\d{4}-\d\d-\d\d)[T ])?(?:(?P<hours>\d{1,3}):)?(?P<minutes>\d{1,3}):(?P<seconds>\d{1,2}(?:[.,]\d+)?)Z?"
)
UNIT_BEHIND = re.compile(r"[\[(]([^\[\]()]+)[\])]\s*$")
MAX_RATE_ERROR = 0.01  # between the rate that is passed and that of a column of time
MAX_SPREAD = 10  # samples that a column of time may claim for each line


@dataclass(frozen=True)
class Stated:
    """What a file says of its numbers, as far as it does.

    Attributes:
        rate (`float`, *optional*):
            Samples per second, in Hz.
        unit (`str`, *optional*):
            Of all voltages.
        leads (`Sequence[str]`, *optional*):
            Names of the channels.
    """

    rate: float | None = None
    unit: str | None = None
    leads: Sequence[str] | None = None


@dataclass(frozen=True)
class Table:
    """Numbers of a table, or of its beginning.

    Attributes:
        values (`np.ndarray` of shape `(num_columns, num_lines)`):
            NaN where a cell is empty or says that there is no number.
        names (`Sequence[str]`, *optional*), units (`Sequence[str]`, *optional*):
            Of the columns, from one line and the line below it.
        stated ([`Stated`]), num_lines (`int`):
            What the lines above say, and how many lines of numbers the whole table has.
        left_out (`Mapping[str, str]`):
            Columns without numbers, and what they are.
    """

    values: np.ndarray
    names: Sequence[str] | None
    units: Sequence[str] | None
    stated: Stated
    num_lines: int
    left_out: Mapping[str, str]


@dataclass(frozen=True)
class _Layout:
    """The dialect of a table: its separator, where its numbers begin, counted from 0, and what stands above them."""

    separator: str | None
    first: int
    names: list[str] | None
    units: list[str] | None
    stated: Stated
    has_rows: bool = False  # a line for each lead, which begins with its name


def read_table_file(path: Path, options: Options) -> EcgRecording:
    """Read the leads of a table; `read_ecg` says what the arguments mean.

    Raises:
        DamagedFileError: If it is no table of numbers.
        PermissionError: If this user may not read it.
        ValueError: If it has no standard lead, or neither it nor the caller says its rate or its leads.
    """
    num_lines = None
    if options.max_seconds is not None:
        _, rate, _, _ = _find_rate(parse_table(path, num_lines=HEAD_LINES), path, options.sampling_rate)
        num_lines = math.ceil((options.start_s + options.max_seconds) * rate)
    table = parse_table(path, num_lines=num_lines)
    if not table.values.size:
        raise TruncatedFileError("it has no line of voltages")
    return _admit_table(table, path, options)


def is_table(path: Path, *, of_any_numbers: bool) -> bool:
    """Whether a file is a table that names a lead or an ECG or, if `of_any_numbers`, that names nothing.

    Raises:
        PermissionError: If this user may not read it.
    """
    try:
        with library_call(path), _open_text(path) as file:
            lines = file.read(SNIFFED_CHARACTERS).splitlines()
            layout = _find_layout(lines[: -1 if file.read(1) and len(lines) > 1 else None][:HEAD_LINES])
    except DamagedFileError:
        return False
    first = lines[layout.first] if layout.first < len(lines) else None
    if (
        first is not None
        and not layout.has_rows
        and not _are_numbers(split_cells(first, layout.separator), layout.separator)
    ):
        return False
    if layout.has_rows or layout.stated.leads:
        return True
    if layout.names is None:
        return of_any_numbers
    return any(is_standard_lead(name) or re.fullmatch(r"(?i)e[ck]g([ _]*[\[(].*)?", name) for name in layout.names)


def find_encoding(start: bytes) -> str | None:
    r"""The encoding of a text that begins with these bytes; `None` if it is none.

    Example:
        >>> find_encoding("I,II".encode("utf-16-le")), find_encoding(b"I (\xb5V)"), find_encoding(bytes(8))
        ('utf-16-le', 'latin-1', None)
    """
    marks = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
    for mark, encoding in marks.items():
        if start.startswith(mark):
            return encoding
    if b"\0" in start:  # every other byte of Latin letters and digits in UTF-16
        even, odd = (start[offset::2].count(0) * 2 > 0.9 * len(start) for offset in (0, 1))
        return None if even == odd else "utf-16-be" if even else "utf-16-le"
    try:
        codecs.getincrementaldecoder("utf-8")().decode(start)
    except UnicodeDecodeError:
        return "latin-1"
    return "utf-8"


def _open_text(path: Path) -> TextIO:
    """Open a text in any encoding, packed by gzip or not."""
    is_packed = path.suffix.lower() == ".gz"
    with gzip.open(path) if is_packed else path.open("rb") as file:
        encoding = find_encoding(file.read(2**16))
    if encoding is None:
        raise DamagedFileError("it is no text")
    if is_packed:
        return gzip.open(path, "rt", encoding=encoding, errors="replace")
    return path.open(encoding=encoding, errors="replace")


def parse_table(path: Path, *, num_lines: int | None = None) -> Table:
    """Read a table of numbers in any dialect, or its first lines.

    Args:
        path (`Path`):
            A text, also one packed by gzip.
        num_lines (`int`, *optional*):
            How many lines of numbers to read; all by default.

    Raises:
        DamagedFileError: If there is no line of numbers, a line has another number of cells, or a cell is no number.
        PermissionError: If this user may not read it.
    """
    with library_call(path), _open_text(path) as file:
        lines = list(itertools.islice(file, HEAD_LINES))
        layout = _find_layout(lines)
        is_part = num_lines is not None and not layout.has_rows
        lines += itertools.islice(file, max(0, layout.first + (num_lines or 0) - len(lines)) if is_part else None)
        num_rest = sum(part.count("\n") for part in iter(lambda: file.read(2**20), ""))
    places: Sequence[int] = range(layout.first, len(lines))
    if any(line[0] in NOT_NUMBERS for line in lines[layout.first :]):
        places = [place for place in places if not lines[place].isspace() and not COMMENT.match(lines[place])]
    used = places[:num_lines] if is_part else places
    if layout.has_rows:
        return _read_rows(lines, used, layout, num_lines)
    return _read_columns(lines, used, layout, len(places) + num_rest)


def _find_layout(lines: Sequence[str]) -> _Layout:
    """Find the dialect of a table in its first lines."""
    texts = [(index, line.strip("\ufeff\r\n")) for index, line in enumerate(lines) if line.strip("\ufeff\r\n\t ")]
    if not texts:
        raise TruncatedFileError("it has no line of voltages")
    stated = _read_stated([text for _, text in texts])
    contents = [text for _, text in texts if not COMMENT.match(text)]
    separator, num_columns = _find_separator(contents, stated)
    names, units, has_leads = None, None, False
    for index, text in texts:
        comment = COMMENT.match(text)
        cells = split_cells(text[comment.end() :] if comment else text, separator)
        is_first = not comment and (has_leads or len(cells) == num_columns) and _are_numbers(cells, separator)
        if not comment and len(cells) > 2 and is_standard_lead(cells[0]) and _are_numbers(cells[1:], separator):
            return _Layout(separator, index, None, None, stated, has_rows=True)
        if names is not None and len(cells) == len(names) and any(is_voltage(cell.strip("[]()")) for cell in cells):
            units = [cell.strip("[]() ") for cell in cells]
        elif not is_first and _name_leads(cells, num_columns, separator):
            names, has_leads = cells, True
        elif is_first or (has_leads and not comment):  # whatever else stands in the line will be named
            is_named = has_leads or not stated.leads
            return _Layout(separator, index, names if is_named else None, units, stated)
        elif not has_leads and len(cells) == num_columns:
            names = cells
    if not has_leads:
        raise DamagedFileError("it has no line of numbers")
    return _Layout(separator, len(lines), names, units, stated)


def _name_leads(cells: Sequence[str], num_columns: int, separator: str | None) -> bool:
    """Whether a line names leads, and is not one that says something else of them."""
    filled = [cell for cell in cells if cell]
    num_leads = sum(map(is_standard_lead, filled))
    if not num_leads or LEAD_KEY.fullmatch(cells[0]) or any(_are_numbers([cell], separator) for cell in filled):
        return False
    return num_columns - 1 <= len(filled) <= num_columns if num_columns else 2 * num_leads >= len(filled)


def _find_separator(lines: Sequence[str], stated: Stated) -> tuple[str | None, int]:
    """What stands between the cells, and how many there are in a line of numbers: 0 if there is no such line.

    It is what makes numbers of most lines and, of equals, several of each; only the numbers of a single lead may have
    decimal commas without anything between them. Where no line is one of numbers, it is what splits most names.
    """
    has_one_lead = stated.leads is not None and len(stated.leads) == 1
    scores: list[tuple[tuple[int, bool], str | None, int]] = []
    for separator in SEPARATORS:
        split = [split_cells(line, separator) for line in lines[-8:]]
        counts = Counter(len(cells) for cells in split if _are_numbers(cells[len(cells) > 2 :], separator))
        num_columns, num_lines = counts.most_common(1)[0] if counts else (0, 0)
        scores.append(((num_lines, (num_columns == 1) == has_one_lead), separator, num_columns))
    (num_lines, _), separator, num_columns = max(scores, key=lambda entry: entry[0])
    if num_lines:
        return separator, num_columns
    names = [
        [max(sum(map(is_standard_lead, split_cells(line, mark))) for line in lines[:30]), mark] for mark in SEPARATORS
    ]
    return max(names, key=lambda entry: entry[0])[1], 0


def _read_stated(texts: Sequence[str]) -> Stated:
    """What the lines of a text say of its numbers, where they say it as a key and a value."""
    found, num_others = Stated(), 0
    for text in texts:
        if len(text) > 1000 or not re.search(r"[^\W\d_]", text):
            num_others += 1
            if num_others > 2:  # the numbers have begun
                break
            continue
        text = COMMENT.sub("", text, count=1).strip()
        match = KEY_AND_VALUE.match(text) or re.fullmatch(r"(.*?)(\s*)(\S*)", text)
        key, _, value = (part.strip(" \"'[]()") for part in match.groups()) if match else ("", "", "")
        rate = found.rate or _stated_rate(text)
        unit = found.unit or (value if UNIT_KEY.search(key) and is_voltage(value) else None)
        leads = found.leads or (_stated_leads(value) if LEAD_KEY.fullmatch(key) else None)
        found = Stated(rate, unit, leads)
    return found


def _stated_rate(text: str) -> float | None:
    """The sampling rate in a line that says it, or the time between samples, in Hz."""
    interval, rate = INTERVAL.search(text), RATE_KEY.search(text)
    if interval is not None:
        number, unit = (part for part in interval.groups() if part is not None)
        return (1000.0 if unit.lower() == "ms" else 1.0) / (float(number) or math.inf)
    number = NUMBER.search(text, rate.end()) if rate and not OTHER_RATES.search(text[: rate.start()]) else None
    if number is None:
        return None
    return float(number[0].replace(",", ".")) * (1000 if re.search("(?i)khz", text) else 1)


def _stated_leads(value: str) -> list[str] | None:
    """Names of leads in a value that lists them."""
    value = re.sub(rf"(?i)^{LEAD_KEY.pattern}\s+", "", value)
    for names in ([value], re.split(r"\s*[,;|\t]\s*", value.strip(",;|")), value.split()):
        if all(map(is_standard_lead, names)):
            return list(names)
    return None


def split_cells(line: str, separator: str | None) -> list[str]:
    """Cells of a line, without blanks and quotes around them."""
    if '"' in line:
        cells = next(csv.reader([line.strip()], delimiter=separator or " ", skipinitialspace=True), [])
    else:
        cells = line.split() if separator is None else line.strip(" \r\n").split(separator)
    return [cell.strip().strip("'").strip() for cell in cells]


def _to_number(cell: str, separator: str | None) -> float:
    """The number in a cell: NaN if it says that there is none, seconds of a time; `ValueError` for anything else."""
    try:
        return float(cell if separator == "," else cell.replace(",", "."))
    except ValueError:
        if cell.lower() in MISSING_CELLS:
            return math.nan
    clock = CLOCK.fullmatch(cell)
    if clock is None:
        raise ValueError(cell)
    day_s = datetime.fromisoformat(f"{clock['day']}T00:00+00:00").timestamp() if clock["day"] else 0.0
    seconds = float(clock["seconds"].replace(",", "."))
    return day_s + 3600 * int(clock["hours"] or 0) + 60 * int(clock["minutes"]) + seconds


def _are_numbers(cells: Sequence[str], separator: str | None) -> bool:
    """Whether cells hold numbers, and nothing else but missing ones."""
    try:
        numbers = [_to_number(cell, separator) for cell in cells]
    except ValueError:
        return False
    return not all(map(math.isnan, numbers))


def _read_columns(lines: Sequence[str], places: Sequence[int], layout: _Layout, num_lines: int) -> Table:
    """The numbers of a table with a column per lead, from some of the lines of a file."""
    separator, names, units = layout.separator, layout.names, layout.units
    if not places:
        return Table(np.empty((len(names or ()), 0)), names, units, layout.stated, num_lines, {})
    samples = [split_cells(lines[place], separator) for place in places[:5]]
    num_columns = len(samples[0])
    has_end = not any(cells[-1] for cells in samples)  # a separator behind the last number
    if names is not None and len(names) == num_columns - 1 and not has_end:
        # Tables of R do not name the column of row names
        names, units = (["", *names], ["", *units] if units else None) if _count_on(samples) else (None, None)
    names = None if names is None else [*names, *[""] * num_columns][: num_columns - has_end]
    units = None if units is None else [*units, *[""] * num_columns]
    words = [
        column
        for column in range(num_columns - has_end)
        if any(cells[column : column + 1] > [""] for cells in samples)
        and not any(_are_numbers(cells[column : column + 1], separator) for cells in samples)
        and not (names and is_standard_lead(names[column]))
    ]
    kept = [column for column in range(num_columns - has_end) if column not in words]
    texts = [lines[place] for place in places]
    values = _read_fast(texts, separator, num_columns, kept)
    if values is None:
        values = _read_slowly(texts, places, separator, num_columns, kept, names)
    return Table(
        values,
        names and [names[column] for column in kept],
        units and [units[column] for column in kept],
        layout.stated,
        num_lines,
        {names[column] or f"column {column + 1}": "a column of words" for column in words} if names else {},
    )


def _count_on(samples: Sequence[Sequence[str]]) -> bool:
    """Whether the first cells of the first lines are words, or numbers that count the lines."""
    first = [cells[0] for cells in samples if cells]
    if not _are_numbers(first, ","):
        return True
    return bool((np.diff([_to_number(cell, ",") for cell in first]) == 1).all())


def _read_fast(
    texts: Sequence[str], separator: str | None, num_columns: int, columns: Sequence[int]
) -> np.ndarray | None:
    """Numbers `(num_columns, num_lines)` of a table without a flaw; `None` if it has one."""
    if not columns:
        return None
    if separator != "," and "," in texts[0]:
        texts = [text.replace(",", ".") for text in texts]
    some = None if len(columns) == num_columns else columns
    try:  # 60,000 cells take 5 ms; one by one, 40 ms
        table = np.loadtxt(texts, delimiter=separator, comments=None, usecols=some, ndmin=2)
    except ValueError:  # missing cells, and whatever is to be named
        return None
    return table.T if table.shape[1] == len(columns) else None


def _read_slowly(
    texts: Sequence[str],
    places: Sequence[int],
    separator: str | None,
    num_columns: int,
    columns: Sequence[int],
    names: Sequence[str] | None,
) -> np.ndarray:
    """Numbers `(num_columns, num_lines)` cell by cell; a cell that holds none is named, with its line."""
    values = np.empty((len(columns), len(texts)))
    for row, (text, place) in enumerate(zip(texts, places, strict=True)):
        cells = split_cells(text, separator)
        if len(cells) != num_columns:
            raise DamagedFileError(f"line {place + 1} has {len(cells)} cells, not {num_columns}")
        for target, column in enumerate(columns):
            try:
                values[target, row] = _to_number(cells[column], separator)
            except ValueError as error:
                name = f"column {(names and names[column]) or column + 1}"
                raise DamagedFileError(f"line {place + 1}, {name}: the cell {cells[column]!r} is no number") from error
    return values


def _read_rows(lines: Sequence[str], places: Sequence[int], layout: _Layout, num_samples: int | None) -> Table:
    """The numbers of a table with a line per lead."""
    names, rows = [], []
    for place in places:
        name, *cells = split_cells(lines[place], layout.separator)
        cells = cells[:-1] if cells and not cells[-1] else cells
        if rows and len(cells) != len(rows[0]):
            raise DamagedFileError(f"line {place + 1} has {len(cells)} numbers, not {len(rows[0])}")
        if name in names:
            raise DamagedFileError(f"line {place + 1} names {name} once more; give a line or a column for each lead")
        try:
            rows.append([_to_number(cell, layout.separator) for cell in cells])
        except ValueError as error:
            raise DamagedFileError(f"line {place + 1}, {name}: the cell {error.args[0]!r} is no number") from error
        names.append(name)
    values = np.array(rows)
    return Table(values[:, :num_samples], names, None, layout.stated, values.shape[1], {})


def _admit_table(table: Table, path: Path, options: Options) -> EcgRecording:
    """The leads of a table as a recording."""
    _, leads, unit, start_s, _ = options
    axes, rate, positions, remarks = _find_rate(table, path, options.sampling_rate, leads)
    columns = [column for column in range(len(table.values)) if column not in axes]
    values = table.values[columns] if axes else table.values
    called = table.names or [""] * len(table.values)
    left_out = {called[column] or f"column {column + 1}": why for column, why in axes.items()}
    if table.names is None:
        names = table.stated.leads if len(table.stated.leads or ()) in values.shape else leads
        values = values.T if has_leads_in_columns(values.shape, names, path) else values
        units = [""] * len(values)
    else:
        names = [called[column] for column in columns]
        units = [_unit_of(called[column]) or (table.units[column] if table.units else "") for column in columns]
        names = name_channels(names, leads, place=str(path), units=units, left_out=left_out)
    units = [own if is_voltage(own) else table.stated.unit or "" for own in units]
    num_found = table.num_lines if table.num_lines > table.values.shape[1] else None
    if positions is not None:
        spread = np.full((len(values), positions[-1] + 1), np.nan)
        spread[:, positions] = values
        values, num_found = spread, num_found and max(num_found, spread.shape[1])
    first = round(start_s * rate)
    return admit(
        values[:, first:],
        names=names or (),
        sampling_rate=rate,
        unit=[own or unit or "mV" for own in units],
        unit_from="file" if any(units) else "argument" if unit else "default",
        source=str(path),
        num_samples_found=num_found or values.shape[1],
        start_s=first / rate,
        left_out={name: why for name, why in {**left_out, **table.left_out}.items() if why},
        remarks=remarks,
    )


def has_leads_in_columns(shape: Sequence[int], leads: Sequence[str] | None, path: Path) -> bool:
    """Whether an array of a shape has a column for each lead, not a row; refuses one that has neither."""
    if leads is None:
        raise ValueError(
            f"{path} does not name its leads. Pass `leads=`: the names of its {min(shape)} leads in order."
        )
    if len(leads) not in shape:
        raise ValueError(
            f"{path} holds an array of shape {tuple(shape)}, but `leads` names {len(leads)} leads"
            f" ({', '.join(leads)}). Name every lead of the file in its order."
        )
    return shape[0] != len(leads)


def _unit_of(name: str) -> str:
    """The unit in brackets behind the name of a column; empty where there is none."""
    return found[1] if (found := UNIT_BEHIND.search(name)) else ""


def _find_rate(
    table: Table, path: Path, sampling_rate: Any, leads: Sequence[str] | None = None
) -> tuple[dict[int, str], float, np.ndarray | None, list[str]]:
    """The columns that count time or lines, the sampling rate, and where in time the lines are if some are missing."""
    axes = _find_axes(table, leads)
    counted, positions, counter = None, None, ""
    for column in axes:
        name = table.names[column] if table.names else ""
        unit = (table.units[column] if table.units else "") or _unit_of(name)
        counted, positions = _read_axis(table.values[column], SECONDS.get(unit.lower()))
        if counted is not None:
            counter = f"column {name or column + 1}"
            break
    stated, passed = table.stated.rate, None if sampling_rate is None else parse_rate(sampling_rate, place=str(path))
    rate = stated or passed or counted
    if rate is None:
        raise ValueError(f"{path} does not state its sampling rate. Pass `sampling_rate=`, in Hz.")
    if counted is not None and abs(counted / rate - 1) > MAX_RATE_ERROR:
        remedy = "Correct what is wrong in the file." if stated else "Leave `sampling_rate` out, or correct it."
        raise ValueError(f"{path}: its {counter} counts {counted:g} Hz, not {rate:g} Hz. {remedy}")
    remarks = []
    if rate == counted and not passed:
        remarks.append(f"{rate:g} Hz counted by its {counter}")
    if stated and passed and stated != passed:
        remarks.append(f"{stated:g} Hz as the file states, not {passed:g} Hz")
    if positions is not None:
        remarks.append(f"{positions[-1] + 1 - len(positions)} samples skipped by its {counter}")
    return axes, rate, positions, remarks


def _find_axes(table: Table, leads: Sequence[str] | None) -> dict[int, str]:
    """Columns that count time or lines, by their names or, without names, as one column more than there are leads."""
    if table.names is None:
        num_leads = len(table.stated.leads or leads or ())
        is_axis = num_leads == len(table.values) - 1 > 0 and _steps_evenly(table.values[0])
        return {0: "counts its lines"} if is_axis else {}
    axes = {}
    for column, (name, values) in enumerate(zip(table.names, table.values, strict=True)):
        words = re.sub(r"[ _-]+", " ", name).strip()
        if TIME_NAME.fullmatch(words):
            axes[column] = "a column of time"
        elif INDEX_NAME.fullmatch(words) and (np.isnan(values).all() or _steps_evenly(values)):
            axes[column] = "counts its lines" if name or not np.isnan(values).all() else ""
    return axes


def _steps_evenly(values: np.ndarray) -> bool:
    """Whether every number is larger than the one before by the same."""
    steps = np.diff(values)
    return len(steps) > 0 and bool(steps[0] > 0) and bool((np.abs(steps - steps.mean()) < 0.5 * steps.mean()).all())


def _read_axis(times: np.ndarray, unit_s: float | None) -> tuple[float | None, np.ndarray | None]:
    """The rate that a column of time counts, in Hz, and the places of its lines in time where some are missing.

    Nothing is returned where time does not go on evenly, or where more than one unit would give the rate of an ECG.
    """
    steps = np.diff(times)
    step = float(np.median(steps)) if len(steps) else 0.0
    units = [unit_s] if unit_s else [1.0, 1e-3]
    units = [unit for unit in units if step > 0 and MIN_SAMPLING_RATE <= 1 / (step * unit) <= MAX_SAMPLING_RATE]
    if len(units) != 1 or (not unit_s and step == 1):  # which counts lines as well as milliseconds
        return None, None
    step = float(steps[steps < 1.5 * step].mean())
    ideal = times[0] + step * np.arange(len(times))
    error, positions = float(np.abs(times - ideal).max()), None
    if error > step:
        places = np.rint((times - times[0]) / step).astype(np.int64)
        if (np.diff(places) < 1).any() or places[-1] > MAX_SPREAD * len(places):
            return None, None
        positions, error = places, step / 2
    rate = 1 / (step * units[0])
    tolerance = max(1e-6, 2 * error / float(times[-1] - times[0]))  # times are rounded
    return (round(rate) if abs(rate / round(rate) - 1) <= tolerance else rate), positions
