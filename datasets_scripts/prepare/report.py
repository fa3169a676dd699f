"""What a prepared corpus holds, in numbers: records, labels, people, recordings and the quality of the signals."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from datasets_scripts.readers.losses import summarize_accounts
from datasets_scripts.schema import MICROVOLTS_PER_MILLIVOLT, NUM_SAMPLES
from modeling_supreme.leads import STANDARD_LEADS

from .shards import Shard


REPORT_FILENAME = "build_report.json"
MAX_EXAMPLES = 10  # records named per kind of defect
# Rounding to microvolts explains 1 µV, resampling a little more; beyond this the leads do not belong together. Ours.
MAX_RESIDUAL_UV = 20
RESIDUAL_EDGES_UV = (0.0, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0)
DURATION_EDGES_S = (0.0, 2.5, 5.0, 7.5, 9.5, 10.5, 15.0, 30.0, 60.0, 120.0)
AGE_EDGES_YEARS = tuple(range(0, 101, 10))
RECORD_COLUMNS = ["record_id", "sampling_rate_original", "num_samples_original", "age", "sex"]


def make_report(
    features: Mapping[str, Any], plan: Mapping[str, Sequence[Shard]], files: Mapping[str, Sequence[Path]]
) -> dict[str, Any]:
    """Summarise a finished build; reads every column but the signals.

    Args:
        features (`Mapping`):
            Features of the rows; the names of the labels are taken from them.
        plan (`Mapping[str, Sequence[Shard]]`):
            The finished shards of each split, with what was measured while they were written.
        files (`Mapping[str, Sequence[Path]]`):
            The Parquet files of each split, in the order of the shards that have rows.

    Returns:
        `dict`: `splits` (counts and labels of each), `skipped`, `losses` (what of other records was not used),
        `people`, `recordings`, `measurements` and `signal_quality`. Shares are fractions of 1; a share of nothing is
        `None`.
    """
    label_names = features["labels"].feature.names
    paths = [path for split in files for path in files[split]]
    skipped = {split: [entry for shard in shards for entry in shard.skipped_records] for split, shards in plan.items()}
    rows = _read_rows(paths)
    records = rows.drop_duplicates("record_id")
    return {
        "splits": {
            split: _describe_split(files[split], label_names) | {"num_skipped": len(skipped[split])} for split in plan
        },
        "skipped": [
            {"split": split, "record_id": entry["record_id"], "reason": entry["reason"]}
            for split, entries in skipped.items()
            for entry in entries
        ],
        "losses": summarize_accounts(
            account for shards in plan.values() for shard in shards for account in shard.accounts
        ),
        "people": _describe_people(records),
        "recordings": _describe_recordings(records),
        "measurements": _describe_measurements(paths, features.get("measurements", ())),
        "signal_quality": _describe_quality(
            _gather_quality([shard for shards in plan.values() for shard in shards]),
            record_ids=rows["record_id"].to_numpy(),
        ),
    }


def _read_rows(paths: Sequence[Path]) -> pd.DataFrame:
    """What the tables of people and recordings are made from, one line per row of the corpus."""
    tables = [pq.read_table(path, columns=RECORD_COLUMNS) for path in paths]
    return pa.concat_tables(tables).to_pandas() if tables else pd.DataFrame({name: [] for name in RECORD_COLUMNS})


def _describe_split(paths: Sequence[Path], label_names: Sequence[str]) -> dict[str, Any]:
    """Numbers of rows, records, patients and positives; a label that is not known of a row does not count in it."""
    num_rows = num_reports = 0
    num_positives, num_known = np.zeros((2, len(label_names)), dtype=np.int64)
    ids: dict[str, set[str]] = {"record_id": set(), "patient_id": set()}
    for path in paths:
        table = pq.read_table(path, columns=["labels", "label_mask", "report", *ids])
        num_rows += table.num_rows
        num_reports += int((table["report"].to_pandas().fillna("") != "").sum())
        positives = table["labels"].combine_chunks().flatten().to_numpy(zero_copy_only=False).astype(np.int64)
        num_positives += np.bincount(positives, minlength=len(label_names))
        known = table["label_mask"].combine_chunks().flatten().to_numpy(zero_copy_only=False)
        num_known += known.astype(np.int64).reshape(table.num_rows, len(label_names)).sum(axis=0)
        for name, seen in ids.items():
            seen.update(table[name].drop_null().to_pylist())
    return {
        "num_rows": num_rows,
        "num_records": len(ids["record_id"]),
        "num_patients": len(ids["patient_id"]),
        "num_reports": num_reports,
        "labels": {
            name: {
                "num_positives": int(num_positives[index]),
                "num_known": int(num_known[index]),
                "prevalence": _share(num_positives[index], num_known[index]),
            }
            for index, name in enumerate(label_names)
        },
    }


def _describe_people(records: pd.DataFrame) -> dict[str, Any]:
    """Sex and age, counted per record: a patient with three records counts three times."""
    ages = records["age"].astype(float)
    known = ages.dropna()
    return {
        "num_records_by_sex": {
            str(sex): int(count) for sex, count in records["sex"].fillna("unknown").value_counts().sort_index().items()
        },
        "age_years": {
            "num_unknown": int(ages.isna().sum()),
            "median": _rounded(known.median()),
            "histogram": _histogram(known.to_numpy(), AGE_EDGES_YEARS),
        },
    }


def _describe_recordings(records: pd.DataFrame) -> dict[str, Any]:
    """Rates and lengths as they were recorded, before resampling, cutting and padding."""
    rates = records["sampling_rate_original"].astype(float)
    durations = (records["num_samples_original"].astype(float) / rates).to_numpy()
    return {
        "num_records_by_sampling_rate_hz": {
            f"{rate:g}": int(count) for rate, count in rates.value_counts().sort_index().items()
        },
        "duration_s": _quantiles(durations, min=0, median=50, max=100)
        | {"histogram": _histogram(durations, DURATION_EDGES_S)},
    }


def _describe_measurements(paths: Sequence[Path], keys: Collection[str]) -> dict[str, Any]:
    """How many rows have each number that the source states, and what it is there, in its own unit."""
    tables = [pq.read_table(path, columns=["measurements"]).flatten() for path in paths] if keys else []
    described = {}
    for key in keys:
        stated = [table[f"measurements.{key}"].drop_null().to_numpy() for table in tables]
        values = np.concatenate([np.empty(0), *stated])
        values = values[np.isfinite(values)]
        described[key] = {"num_known": len(values), **_quantiles(values, p5=5, median=50, p95=95)}
    return described


def _gather_quality(shards: Sequence[Shard]) -> dict[str, np.ndarray]:
    """The measurements of all rows, in order."""
    measured = [shard.quality for shard in shards]
    return {name: np.concatenate([part[name] for part in measured]) for name in measured[0]} if measured else {}


def _describe_quality(quality: Mapping[str, np.ndarray], *, record_ids: np.ndarray) -> dict[str, Any]:
    """Shares of strips, leads and samples with a defect, voltages, and records to look at."""
    num_strips = len(record_ids)
    if not num_strips:
        return {"num_strips": 0}
    peak_to_peak, num_clipped = quality["peak_to_peak_uv"], quality["num_clipped"]  # both (num_strips, 12)
    missing, flat, clipped = peak_to_peak < 0, peak_to_peak == 0, num_clipped > 0
    residual = quality["limb_residual_uv"]
    known_residual = residual[~np.isnan(residual)]
    num_recorded_samples = ((NUM_SAMPLES - quality["num_missing"]) * (~missing).sum(axis=1)).sum()
    defects = {"missing_lead": missing.any(axis=1), "flat_lead": flat.any(axis=1), "clipped_lead": clipped.any(axis=1)}
    disagree = np.nan_to_num(residual) > MAX_RESIDUAL_UV
    return {
        "num_strips": num_strips,
        "leads": {
            lead: {
                "share_missing": _share(missing[:, row].sum(), num_strips),
                "share_flat": _share(flat[:, row].sum(), num_strips),
                "share_clipped": _share(clipped[:, row].sum(), num_strips),
                "share_masked_in_part": _share((quality["num_masked"][:, row] > 0).sum(), num_strips),
                "peak_to_peak_mv": _quantiles(
                    peak_to_peak[~missing[:, row], row] / MICROVOLTS_PER_MILLIVOLT, p5=5, median=50, p95=95
                ),
            }
            for row, lead in enumerate(STANDARD_LEADS)
        },
        "share_of_strips": {name: _share(found.sum(), num_strips) for name, found in defects.items()},
        "share_of_samples": {
            "clipped": _share(num_clipped.sum(), num_recorded_samples),
            "missing": _share(quality["num_missing"].sum(), num_strips * NUM_SAMPLES),
            "masked": _share(quality["num_masked"].sum(), num_recorded_samples),
        },
        "limb_residual_uv": {
            "num_strips": len(known_residual),
            "share_above_20": _share(disagree.sum(), len(known_residual)),
            **_quantiles(known_residual, median=50, p95=95, max=100),
            "histogram": _histogram(known_residual, RESIDUAL_EDGES_UV),
        },
        "examples": {
            name: [str(record_id) for record_id in dict.fromkeys(record_ids[found])][:MAX_EXAMPLES]
            for name, found in {**defects, "limb_leads_disagree": disagree}.items()
        },
    }


def _histogram(values: np.ndarray, edges: Sequence[float]) -> dict[str, list]:
    """Counts between the edges, lower edge included; the last count is of what reaches the last edge."""
    counts, _ = np.histogram(values, bins=[*edges, np.inf])
    return {"lower_edges": list(edges), "counts": counts.tolist()}


def _quantiles(values: np.ndarray, **percentiles: float) -> dict[str, float | None]:
    """Percentiles by name; `None` where there are no values."""
    return {name: _rounded(np.percentile(values, q)) if len(values) else None for name, q in percentiles.items()}


def _share(part: Any, whole: Any) -> float | None:
    return round(int(part) / int(whole), 6) if whole else None


def _rounded(value: Any) -> float | None:
    return None if np.isnan(value) else round(float(value), 3)
