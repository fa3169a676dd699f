"""Leaks: patients on two sides of a split, and strips that occur twice, within a corpus or between corpora.

Two strips are the same if their int16 microvolts are, in all samples and in the leads that were recorded.
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations, groupby
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow.parquet as pq
from datasets.utils.tqdm import tqdm

from .report import REPORT_FILENAME


DIGEST_SIZE = 16  # bytes: that two different ones of a billion strips share a hash has a chance of 1 in 10^20
ROWS_PER_BATCH = 256
COLUMNS = ["record_id", "patient_id", "signal", "lead_mask", "num_samples"]


class Side(NamedTuple):
    """One split of one prepared folder; `corpus` is what the folder was made from."""

    folder: str
    split: str
    corpus: str


def find_overlap(folders: Sequence[str | Path]) -> dict[str, Any]:
    """Compare all splits of prepared corpora with each other; holds one hash per strip in memory, but no signals.

    Args:
        folders (`Sequence[str]`):
            Folders written by `datasets_scripts.prepare`.

    Returns:
        `dict`: `sides` (what each split holds), `pairs` and `num_leaks`. A pair has `kind` (`"patient"` or `"strip"`),
        `first` and `second` (folder and split), `num_shared`, `is_leak` and `shared`: patient ids, or for each strip
        of the first side that the second has too, the record ids `[first, second]`.

    Raises:
        ValueError: If a folder holds no Parquet file or is listed twice.
    """
    strips: dict[bytes, list[tuple[Side, str]]] = defaultdict(list)
    patients: dict[Side, set[str]] = {}
    sides = []
    for side, paths in _list_sides([Path(folder) for folder in folders]).items():
        patients[side] = set()
        num_strips, num_blank = 0, 0
        for record_id, patient_id, digest in _read_strips(side, paths):
            num_strips += 1
            num_blank += digest is None
            if patient_id is not None:
                patients[side].add(patient_id)
            if digest is not None:
                strips[digest].append((side, record_id))
        sides.append(
            {**side._asdict(), "num_strips": num_strips, "num_blank": num_blank, "num_patients": len(patients[side])}
        )
    pairs = [*_compare_patients(patients), *_compare_strips(strips.values())]
    return {"sides": sides, "pairs": pairs, "num_leaks": sum(pair["is_leak"] for pair in pairs)}


def hash_strip(signal: np.ndarray, *, lead_mask: np.ndarray, num_samples: int) -> bytes | None:
    """Hash of what was recorded of a strip; `None` where no lead has a voltage.

    Args:
        signal (`np.ndarray` of shape `(12, 5000)`):
            `int16` voltages, in microvolts.
        lead_mask (`np.ndarray` of shape `(12,)`):
            True for the leads that were recorded. The same voltages in other leads are another strip.
        num_samples (`int`):
            Samples before the padding.
    """
    strip = np.ascontiguousarray(signal[lead_mask, :num_samples], dtype="<i2")
    if not strip.any():
        return None
    digest = hashlib.blake2b(strip.data, digest_size=DIGEST_SIZE)
    digest.update(np.packbits(lead_mask).data)
    return digest.digest()


def _list_sides(folders: Sequence[Path]) -> dict[Side, list[Path]]:
    """The Parquet files of each split of each folder."""
    sides: dict[Side, list[Path]] = {}
    for position, folder in enumerate(folders):
        if folder.resolve() in [other.resolve() for other in folders[:position]]:
            raise ValueError(f"{folder} is listed twice. Name every folder once.")
        paths = sorted(folder.glob("*-*-of-*.parquet"))
        if not paths:
            raise ValueError(
                f"{folder} holds no prepared corpus. Pass a folder written by `python -m datasets_scripts.prepare`."
            )
        report = folder / REPORT_FILENAME
        corpus = json.loads(report.read_text(encoding="utf-8"))["corpus"] if report.is_file() else str(folder)
        for split, files in groupby(paths, key=lambda path: path.name.split("-")[0]):
            sides[Side(str(folder), split, corpus)] = list(files)
    return sides


def _read_strips(side: Side, paths: Sequence[Path]) -> Iterator[tuple[str, str | None, bytes | None]]:
    """Record id, patient id and hash of every row."""
    files = [pq.ParquetFile(path) for path in paths]
    with tqdm(total=sum(file.metadata.num_rows for file in files), desc=f"{side.folder} {side.split}") as bar:
        for batch in (batch for file in files for batch in file.iter_batches(ROWS_PER_BATCH, columns=COLUMNS)):
            signals = batch["signal"].to_numpy(zero_copy_only=False)  # (num_rows, 12, 5000)
            others = batch.drop_columns(["signal"]).to_pylist()
            for signal, row in zip(signals, others, strict=True):
                lead_mask = np.array(row["lead_mask"], dtype=bool)
                digest = hash_strip(signal, lead_mask=lead_mask, num_samples=row["num_samples"])
                yield row["record_id"], row["patient_id"], digest
            bar.update(len(others))


def _compare_patients(patients: Mapping[Side, set[str]]) -> Iterator[dict[str, Any]]:
    """Pairs of sides of one corpus that have patients in common."""
    for first, second in combinations(patients, 2):
        shared = sorted(patients[first] & patients[second]) if first.corpus == second.corpus else []
        if shared:
            yield _pair("patient", first, second, shared)


def _compare_strips(groups: Iterable[Sequence[tuple[Side, str]]]) -> Iterator[dict[str, Any]]:
    """Pairs of sides, or one side with itself, that have strips in common; a group lists the places of one strip."""
    shared: dict[tuple[Side, Side], list[list[str]]] = defaultdict(list)
    for group in groups:
        records: dict[Side, list[str]] = defaultdict(list)
        for side, record_id in group:
            records[side].append(record_id)
        for side, (first_record, *others) in records.items():
            shared[side, side] += [[first_record, other] for other in others]
        for first, second in combinations(records, 2):
            shared[first, second] += [[record, records[second][0]] for record in records[first]]
    for (first, second), pairs in sorted(shared.items()):
        if pairs:
            yield _pair("strip", first, second, pairs)


def _pair(kind: str, first: Side, second: Side, shared: list) -> dict[str, Any]:
    return {
        "kind": kind,
        "first": {"folder": first.folder, "split": first.split},
        "second": {"folder": second.folder, "split": second.split},
        "num_shared": len(shared),
        "is_leak": first.split != second.split,
        "shared": shared,
    }


def format_overlap(overlap: Mapping[str, Any]) -> str:
    """The result as a table for people: what was compared, then what is shared, leaks first."""
    sides = [
        [side["folder"], side["split"], *(f"{side[key]:,}" for key in ("num_strips", "num_patients", "num_blank"))]
        for side in overlap["sides"]
    ]
    pairs = [
        [
            "LEAK" if pair["is_leak"] else "same side",
            f"{pair['num_shared']:,} {pair['kind']}{'s' if pair['num_shared'] > 1 else ''}",
            *(f"{pair[end]['folder']} {pair[end]['split']}" for end in ("first", "second")),
            ", ".join(" = ".join(entry) if isinstance(entry, list) else entry for entry in pair["shared"][:3]),
        ]
        for pair in sorted(overlap["pairs"], key=lambda pair: not pair["is_leak"])
    ]
    lines = _align([["folder", "split", "strips", "patients", "without voltage"], *sides])
    lines += ["", *(_align([["", "shared", "between", "and", "for example"], *pairs]) if pairs else [])]
    return "\n".join([*lines, f"{overlap['num_leaks']} leaks." if overlap["num_leaks"] else "No leak."])


def _align(rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of a table whose columns are as wide as their widest cell."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
