"""What eight bits cost: answers and AUROC of a model and of its file, on records whose findings are known."""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import torch

from ..definitions import normalize_name
from ..ecg_index.sources import CorpusSource, open_source
from .agreement import run_module
from .formats import Runner
from .parts import Inputs, Part


# Other patients than those of any recipe
SIMULATION = ("-m", "datasets_scripts.prepare", "simulated", "--config_name", "conditions", "--seed", "990017")
NUM_SIMULATED = 400
MIN_POSITIVES = 5  # fewer, and as many without it, say little
RECORDS_AT_ONCE = 16
MASKS = ("signal", "lead_mask", "sample_mask", "recorded_mask")


@dataclass(frozen=True)
class LabelledStrips:
    """Strips as the model takes them, and what they show.

    Attributes:
        batches (`list[Inputs]`):
            `signal` and masks, some records at once.
        names (`list[str]`):
            Findings.
        truth (`np.ndarray` of shape `(num_records, num_findings)`):
            1 present, 0 absent, NaN unknown.
        source (`str`):
            Where they come from, in words.
    """

    batches: list[Inputs]
    names: list[str]
    truth: np.ndarray
    source: str


@contextmanager
def find_records(records: str | Path | None) -> Iterator[tuple[Path, str]]:
    """The corpus that was named, or a new one of simulated records for as long as it is needed.

    Yields:
        `tuple`: Its folder, and what to call it.

    Raises:
        RuntimeError: If records cannot be simulated here.
    """
    if records is not None:
        yield Path(records), Path(records).name
        return
    with TemporaryDirectory(prefix="supreme_export_") as folder:
        words = [*SIMULATION, "--num_records", str(NUM_SIMULATED), "--output_dir", folder]
        done = subprocess.run([sys.executable, *words], check=False, capture_output=True, text=True)
        if done.returncode:
            reason = done.stderr.strip().rpartition("\n")[2]
            raise RuntimeError(
                f"`--int8` compares answers on {NUM_SIMULATED} simulated records, which could not be made: {reason}"
                " Name a prepared corpus with labels in `--records`."
            )
        yield Path(folder), f"{NUM_SIMULATED} simulated records that no recipe trains on"


def read_labelled(folder: Path, extractor: Any, *, source: str) -> LabelledStrips:
    """Records of a prepared corpus: of its test split where it has one.

    Args:
        folder (`Path`):
            What `datasets_scripts.prepare` wrote.
        extractor (`SupremeEcgFeatureExtractor`):
            Prepares strips.
        source (`str`):
            What to call them.

    Raises:
        ValueError: If it is no prepared corpus with labels.
    """
    from datasets import Features

    from ..recordings import recording_from_row

    files = [str(path) for path in sorted(folder.glob("test-*.parquet"))]
    opened = open_source(files or [folder])
    if not isinstance(opened, CorpusSource):
        raise ValueError(f"{folder} holds ECG files without labels. Give a prepared corpus in `--records`.")
    paths = [opened.root / name for name in opened.names]
    features: Any = Features.from_arrow_schema(pq.read_schema(paths[0]))
    if "labels" not in features or "label_mask" not in features:
        raise ValueError(f"{paths[0]} has no column of labels. Give a prepared corpus with labels in `--records`.")
    names = list(features["labels"].feature.names)
    rows = [row for path in paths for row in pq.read_table(path, columns=["labels", "label_mask"]).to_pylist()]
    recordings = (recording_from_row(record.recording) for record in opened.read(0, opened.num_records))
    return LabelledStrips(list(_prepare(recordings, extractor)), names, _to_truth(rows, len(names)), source)


def compare_answers(
    part: Part,
    runner: Runner,
    strips: LabelledStrips,
    queries: Sequence[str],
    *,
    query_embeds: torch.Tensor,
    found_embeds: torch.Tensor,
) -> dict[str, Any]:
    """What a file of eight bits answers, against the model.

    Args:
        part (`Part`):
            The ECG side of the model.
        runner (`Callable`):
            Runs the file.
        strips ([`LabelledStrips`]):
            What is asked about.
        queries (`Sequence[str]`):
            Findings of training.
        query_embeds (`torch.Tensor` of shape `(num_queries, text_hidden_size)`):
            As the model embeds them.
        found_embeds (`torch.Tensor`):
            As the file of the text tower embeds them, or the same, where they are stored.

    Returns:
        `dict`: `records`, `num_records`; `probabilities`, the mean and the largest difference; `measurements`, their
        median difference in standard deviations that the model states, null where it measures nothing; `auroc`, one
        entry for each finding of training with enough records with and without it; and `auroc_macro`, the means and
        their difference, null where there is no such finding.
    """
    pairs = [
        (
            run_module(part, {**batch, "query_embeds": query_embeds}),
            runner({**batch, "query_embeds": found_embeds}),
        )
        for batch in strips.batches
    ]
    ours, theirs = (_sigmoid(np.concatenate([outputs[0] for outputs in each])) for each in zip(*pairs, strict=True))
    difference = np.abs(ours - theirs)
    entries = list(_score(ours, theirs, strips, queries))
    shifts = [np.abs(first[1] - second[1]) / first[2] for first, second in pairs if len(first) > 1]
    return {
        "records": strips.source,
        "num_records": len(ours),
        "probabilities": {"mean_difference": float(difference.mean()), "largest_difference": float(difference.max())},
        "measurements": {"median_difference_in_sd": float(np.median(np.concatenate(shifts)))} if shifts else None,
        "auroc_macro": _average(entries),
        "auroc": entries,
    }


def format_answers(report: dict[str, Any]) -> str:
    """The comparison as a table for people, findings that lose most first."""
    differences = report["probabilities"]
    lines = [
        f"{report['num_records']} records ({report['records']}); probabilities differ by"
        f" {differences['mean_difference']:.4f} in the mean, by {differences['largest_difference']:.4f} at most"
    ]
    if not report["auroc"]:
        return f"{lines[0]}\nno trained finding has {MIN_POSITIVES} records with and without it: no AUROC"
    lines.append(f"{'AUROC':40}{'positives':>9}{'torch':>8}{'int8':>8}{'change':>9}")
    for entry in sorted(report["auroc"], key=lambda entry: entry["change"]):
        lines.append(
            f"{entry['finding'][:39]:40}{entry['num_positives']:>9}{entry['torch']:>8.3f}{entry['int8']:>8.3f}"
            f"{entry['change']:>+9.4f}"
        )
    macro = report["auroc_macro"]
    lines.append(f"{'mean':49}{macro['torch']:>8.3f}{macro['int8']:>8.3f}{macro['change']:>+9.4f}")
    return "\n".join(lines)


def _prepare(recordings: Iterator[Any], extractor: Any) -> Iterator[Inputs]:
    """Batches for the model."""
    waiting = list(recordings)
    for start in range(0, len(waiting), RECORDS_AT_ONCE):
        features = extractor.prepare(waiting[start : start + RECORDS_AT_ONCE], return_tensors="pt")
        yield {name: features[name] for name in MASKS}


def _to_truth(rows: Sequence[dict[str, Any]], num_findings: int) -> np.ndarray:
    """Labels of rows as numbers."""
    truth = np.zeros((len(rows), num_findings))
    for place, row in enumerate(rows):
        truth[place, row["labels"]] = 1
        truth[place, ~np.asarray(row["label_mask"], dtype=bool)] = np.nan
    return truth


def _score(
    ours: np.ndarray, theirs: np.ndarray, strips: LabelledStrips, queries: Sequence[str]
) -> Iterator[dict[str, Any]]:
    """AUROC of both for each finding of training that the records have often enough."""
    from sklearn.metrics import roc_auc_score

    columns = {normalize_name(name): column for column, name in enumerate(strips.names)}
    for place, query in enumerate(queries):
        column = columns.get(normalize_name(query))
        if column is None:
            continue
        truth = strips.truth[:, column]
        is_known = ~np.isnan(truth)
        num_positives = int((truth == 1).sum())
        if min(num_positives, int((truth == 0).sum())) < MIN_POSITIVES:
            continue
        torch_auroc, int8_auroc = (
            float(roc_auc_score(truth[is_known], scores[is_known, place])) for scores in (ours, theirs)
        )
        yield {
            "finding": query,
            "num_positives": num_positives,
            "torch": torch_auroc,
            "int8": int8_auroc,
            "change": int8_auroc - torch_auroc,
        }


def _average(entries: Sequence[dict[str, Any]]) -> dict[str, float] | None:
    if not entries:
        return None
    return {name: float(np.mean([entry[name] for entry in entries])) for name in ("torch", "int8", "change")}


def _sigmoid(logits: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-logits.astype(np.float64)))
