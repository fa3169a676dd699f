"""Asking an indexed corpus: time and memory of a question, extrapolated to 800,000 records, and agreement in bits.

    python benchmarks/questions/ask_corpus.py --model runs/demo/checkpoint
    python benchmarks/questions/ask_corpus.py --num_encoded 5000 --num_records 50000

Simulated strips are encoded once; their shards are then listed as often as it takes to make a larger corpus, which the
index reads as it would read others. Without `--model`, a hybrid encoder of random weights stands in for a trained one.
Every question runs in a process of its own, whose largest memory is what the system says of it.
"""

import json
import logging
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from modeling_supreme.command_line import parse_arguments, run_command


logger = logging.getLogger("benchmarks.questions.ask_corpus")

TARGET_RECORDS, TARGET_S, TARGET_MIB = 800_000, 120.0, 1024.0
MIB = 2**20
MEASUREMENTS = ("rate_per_min", "pr_ms", "qrs_ms", "qt_ms", "qtc_ms", "axis_deg")
TRAINED = [f"finding number {place}" for place in range(100)]
NEW_NAMES = [f"a new name, number {place}" for place in range(16)]


@dataclass
class BenchmarkArguments:
    """What is measured."""

    model: str | None = field(default=None, metadata={"help": "Checkpoint; a random hybrid encoder otherwise."})
    num_encoded: int = field(default=1000, metadata={"help": "Records that are encoded."})
    num_records: int = field(default=50_000, metadata={"help": "Records that are asked."})
    num_compared: int = field(default=20, metadata={"help": "Records that the pipeline is asked about too."})
    num_proc: int = field(default=2, metadata={"help": "Processes that encode."})
    work_dir: str | None = field(default=None, metadata={"help": "Folder to keep; a temporary one otherwise."})


def make_checkpoint(folder: Path) -> Path:
    """A hybrid encoder with a measurement head, whose random weights let queries differ."""
    from transformers import AutoTokenizer

    from modeling_supreme import SupremeEcgConfig, SupremeEcgFeatureExtractor, SupremeModel, SupremeProcessor
    from modeling_supreme.queries import find_text_encoder

    torch.manual_seed(0)
    name = find_text_encoder("sentence-transformers/all-MiniLM-L6-v2")
    fields = {"text_pooling": "mean", "fusion_hidden_size": 96}
    model = SupremeModel.from_text_pretrained(
        name,
        ecg_config=SupremeEcgConfig.from_preset("hybrid"),
        trained_queries=TRAINED,
        measurements=list(MEASUREMENTS),
        **fields,
    )
    for part in (model.ecg_model, model.fusion):
        for weight in part.parameters():
            if weight.ndim > 1:
                torch.nn.init.normal_(weight, std=0.08)
    model.save_pretrained(folder)
    SupremeProcessor(SupremeEcgFeatureExtractor(), AutoTokenizer.from_pretrained(name)).save_pretrained(folder)
    return folder


def choose_questions(checkpoint: str) -> dict[str, list[str]]:
    """A question of each kind, among them a name that this checkpoint was trained on, and names that it was not."""
    from transformers import AutoConfig

    trained = AutoConfig.from_pretrained(checkpoint).trained_queries
    return {
        "measured": ["qtc_ms > 500 and not pr_ms > 200"],
        **({"trained": list(trained[:1])} if trained else {}),
        "1 new name": NEW_NAMES[:1],
        "16 new names": NEW_NAMES,
    }


def write_corpus(folder: Path, num_records: int) -> None:
    """Simulated strips as rows of a corpus."""
    from datasets_scripts.simulator import simulate_record

    folder.mkdir(parents=True)
    schema = pa.schema(
        {
            "record_id": pa.string(),
            "patient_id": pa.string(),
            "signal": pa.list_(pa.list_(pa.int16())),
            "lead_mask": pa.list_(pa.bool_()),
            "num_samples": pa.int32(),
        }
    )
    with pq.ParquetWriter(folder / "train-00000-of-00001.parquet", schema, compression="zstd") as writer:
        for start in range(0, num_records, 128):
            rows = []
            for seed in range(start, min(start + 128, num_records)):
                strip_mv = np.asarray(simulate_record(seed).strip)
                microvolts = np.clip(np.round(strip_mv * 1000), -32768, 32767).astype(np.int16)
                names = {"record_id": f"{seed:06d}", "patient_id": f"{seed:06d}"}
                rows.append(names | {"signal": list(microvolts), "lead_mask": [True] * 12, "num_samples": 5000})
            writer.write_table(pa.Table.from_pylist(rows, schema))


def multiply_index(source: Path, target: Path, num_records: int) -> None:
    """An index of more records: shards of another, by links, as often as it takes."""
    manifest = json.loads((source / "manifest.json").read_text(encoding="utf-8"))
    target.mkdir(parents=True)
    for name in ("config.json", "measurement_head.safetensors"):
        if (source / name).is_file():
            shutil.copy(source / name, target)
    shards, known = [], 0
    while known < num_records:
        place = len(shards)
        original = place % len(manifest["shards"])
        shutil.copytree(
            source / "shards" / f"{original:05d}", target / "shards" / f"{place:05d}", copy_function=os.link
        )
        shards.append(manifest["shards"][original])
        known += shards[-1]["num_records"]
    (target / "manifest.json").write_text(json.dumps(manifest | {"shards": shards}), encoding="utf-8")


def ask_once(folder: str, queries: Sequence[str]) -> dict[str, float]:
    """Seconds and memory of one question, in this process."""
    from modeling_supreme import EcgIndex

    began, began_cpu = time.perf_counter(), time.process_time()
    index = EcgIndex(folder, device="cpu")
    index.tabulate(index.score(list(queries)), top=50)
    return {
        "wall_s": time.perf_counter() - began,
        "cpu_s": time.process_time() - began_cpu,
        "peak_mib": measure_peak_mib(),
    }


def measure_peak_mib() -> float:
    """Largest memory of this process, in MiB.

    Linux counts into `ru_maxrss` what the process that started this one held then; its own peak stands in /proc.
    """
    status = Path("/proc/self/status")
    lines = status.read_text(encoding="utf-8").splitlines() if status.is_file() else []
    peaks = [int(line.split()[1]) for line in lines if line.startswith("VmHWM:")]
    return (peaks[0] if peaks else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) / 1024


def ask_in_process(folder: Path, queries: Sequence[str]) -> dict[str, float]:
    """Seconds and memory of one question, in a process of its own."""
    code = "import json, sys; from ask_corpus import ask_once; print(json.dumps(ask_once(*json.loads(sys.argv[1]))))"
    place = Path(__file__).parent
    environment = os.environ | {"PYTHONPATH": f"{place}:{place.parents[1]}"}
    done = subprocess.run(
        [sys.executable, "-c", code, json.dumps([str(folder), list(queries)])],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
    )
    return json.loads(done.stdout.splitlines()[-1])


def compare_with_pipeline(
    index_dir: Path, corpus_dir: Path, checkpoint: str, labels: Sequence[str], *, num_records: int
) -> float:
    """Largest difference between scores of the index and of the pipeline, each record alone."""
    from modeling_supreme import EcgIndex
    from modeling_supreme.ecg_index.encoder import load_classifier
    from modeling_supreme.ecg_index.sources import open_source

    classify = load_classifier(checkpoint, device="cpu")
    scores = EcgIndex(index_dir).score(list(labels)).scores
    largest = 0.0
    for place, record in enumerate(open_source([corpus_dir]).read(0, num_records)):
        for query, score in zip(labels, scores[:, place].tolist(), strict=True):
            (answer,) = classify(record.recording, candidate_labels=[query])
            largest = max(largest, abs(answer["score"] - score))
    return largest


def main(argv: Sequence[str] | None = None) -> None:
    """Encode, multiply, ask."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    (arguments,) = parse_arguments([BenchmarkArguments], argv, description=__doc__)
    with tempfile.TemporaryDirectory(prefix="ask_corpus_") as temporary:
        run(arguments, Path(arguments.work_dir or temporary))


def run(arguments: BenchmarkArguments, folder: Path) -> None:
    """Measure in a folder."""
    from modeling_supreme.ecg_index.build import write_index

    checkpoint = arguments.model or str(make_checkpoint(folder / "checkpoint"))
    if not (folder / "corpus").is_dir():
        write_corpus(folder / "corpus", arguments.num_encoded)
    began = time.perf_counter()
    manifest = write_index(
        [folder / "corpus"], output=folder / "index", model=checkpoint, num_proc=arguments.num_proc, device="cpu"
    )
    rate = manifest.num_records / (time.perf_counter() - began)
    size = sum(file.size for shard in manifest.shards for file in shard.files.values()) / manifest.num_records
    logger.info(
        f"encoded {manifest.num_records} records at {rate:.0f}/s with {arguments.num_proc} processes;"
        f" {size / 1024:.1f} KiB a record on disk, {size * TARGET_RECORDS / 2**30:.1f} GiB for {TARGET_RECORDS:,}"
    )
    questions = choose_questions(checkpoint)
    largest = compare_with_pipeline(
        *(folder / "index", folder / "corpus", checkpoint),
        list(dict.fromkeys(query for queries in questions.values() for query in queries)),
        num_records=arguments.num_compared,
    )
    logger.info(f"largest difference to the pipeline over {arguments.num_compared} records: {largest:g}")
    sizes = (arguments.num_records // 5, arguments.num_records)
    for number in sizes:
        shutil.rmtree(folder / f"index_{number}", ignore_errors=True)
        multiply_index(folder / "index", folder / f"index_{number}", number)
    heading = f"{'question':14}" + "".join(f"{number:>11,}" for number in sizes)
    logger.info(f"{heading} records{'':6}{TARGET_RECORDS:,} records by the line through both")
    for name, queries in questions.items():
        found = [ask_in_process(folder / f"index_{number}", queries) for number in sizes]
        logger.info(describe(name, sizes, found))


def describe(name: str, sizes: Sequence[int], found: Sequence[dict[str, float]]) -> str:
    """Times and memory at two sizes, and on the line through both at the target."""
    (small, large), (first, second) = sizes, found
    at_target = {
        kind: second[kind] + (second[kind] - first[kind]) * (TARGET_RECORDS - large) / (large - small)
        for kind in ("wall_s", "cpu_s", "peak_mib")
    }
    times = "".join(f"{each['wall_s']:9.2f} s" for each in found)
    memory = f"{first['peak_mib']:.0f} and {second['peak_mib']:.0f} MiB"
    return (
        f"{name:14}{times} ({second['cpu_s']:.1f} s of processor), {memory:20}"
        f"   {at_target['wall_s']:.0f} s of {TARGET_S:.0f},"
        f" {at_target['cpu_s']:.0f} s of processor, {at_target['peak_mib']:.0f} MiB of {TARGET_MIB:.0f}"
    )


if __name__ == "__main__":
    run_command(main, refusals=(OSError, ValueError))
