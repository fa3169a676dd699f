"""How fast long recordings are answered, and how much memory that takes, in processes of their own.

    python -m benchmarks.questions.long_recordings --model runs/demo/checkpoint
    python -m benchmarks.questions.long_recordings --model runs/demo/checkpoint --hours 24      the whole day

Writes WFDB records of some hours of II, V1 and V5 at 250 Hz, tiled from simulated strips, asks for a timeline of 12
findings and measurements, and prints for each: windows/s, the time that a day of 24 h would take, which should be at
most 10 minutes on two cores, and the peak of the process's own memory while the windows went through, beyond that with
the model loaded. Between 1 h and 4 h it should not grow. Pages of files do not count, which the system takes back when
it needs them; on other systems than Linux no memory is measured.
"""

import argparse
import json
import logging
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import torch

from datasets_scripts.simulator import simulate_record
from modeling_supreme.command_line.scripts import ScriptParser
from modeling_supreme.ecg_index.encoder import load_classifier
from modeling_supreme.leads import STANDARD_LEADS
from modeling_supreme.signal_processing import resample_strip


LEADS, RATE, STRIP_S = ("II", "V1", "V5"), 250, 10
NUM_STRIPS = 48  # that are tiled
DAY_S = 86_400
AIM_S = 600
LABELS = (
    "atrial fibrillation, atrial flutter, ventricular tachycardia, premature ventricular complex, sinus bradycardia,"
    " sinus tachycardia, left bundle branch block, st depression, pacing, normal ecg, rate > 150/min, qrs > 120 ms"
)
ROOT = Path(__file__).parents[2]
STATUS = Path("/proc/self/status")
SAMPLING_INTERVAL_S = 0.01

logger = logging.getLogger(__name__)


def make_strip(index: int, *, seed: int = 0) -> np.ndarray:
    """A simulated strip of the leads of a Holter, in millivolts."""
    rows = [STANDARD_LEADS.index(lead) for lead in LEADS]
    return resample_strip(np.asarray(simulate_record(index, seed=seed).strip, np.float32)[rows], 500, RATE)


def write_record(folder: Path, hours: float, *, seed: int = 0) -> Path:
    """A WFDB record of tiled strips, written strip by strip; returns its header."""
    rng = np.random.default_rng(seed)
    strips = [np.rint(1000 * make_strip(index, seed=seed)) for index in range(NUM_STRIPS)]
    num_strips = max(1, round(hours * 3600 / STRIP_S))
    header = folder / f"holter_{hours:g}h.hea"
    with header.with_suffix(".dat").open("wb") as file:
        for _ in range(num_strips):
            strip = strips[int(rng.integers(NUM_STRIPS))].clip(-32_000, 32_000)
            file.write(strip.T.astype("<i2").tobytes())
    lines = [f"{header.stem}.dat 16 1000/mV 16 0 0 0 0 {lead}" for lead in LEADS]
    first = f"{header.stem} {len(LEADS)} {RATE} {num_strips * STRIP_S * RATE}"
    header.write_text("\n".join([first, *lines]) + "\n", encoding="utf-8")
    return header


def own_memory_mb() -> float:
    """Memory of this process without pages of files, in MB; 0 where the system does not say."""
    lines = STATUS.read_text(encoding="ascii").splitlines() if STATUS.exists() else []
    return next((int(line.split()[1]) / 1000 for line in lines if line.startswith("RssAnon")), 0.0)


def scan(model: str, path: str, *, batch_size: int) -> dict[str, float]:
    """Windows, seconds, and memory that one recording takes in this process."""
    classify = load_classifier(model, device="cpu")
    options = {"candidate_labels": LABELS, "aggregate": "timeline", "batch_size": batch_size}
    strip = np.tile(make_strip(0), 2 * batch_size)
    classify(strip, sampling_rate=RATE, leads=LEADS, **options)  # embeds the queries, and makes room for a batch
    before, peak, done = own_memory_mb(), [0.0], threading.Event()

    def watch() -> None:
        while not done.wait(SAMPLING_INTERVAL_S):
            peak[0] = max(peak[0], own_memory_mb())

    watcher = threading.Thread(target=watch)
    watcher.start()
    began = time.perf_counter()
    answers = classify(path, **options)
    seconds = time.perf_counter() - began
    done.set()
    watcher.join()
    num_windows = len(answers[0]["timeline"])
    return {
        "windows": num_windows,
        "seconds": seconds,
        "windows_per_s": num_windows / seconds,
        "day_s": DAY_S / STRIP_S * seconds / num_windows,
        "loaded_mb": before,
        "peak_mb": max(peak[0], before),
    }


def scan_elsewhere(arguments: argparse.Namespace, path: Path) -> dict[str, float]:
    """The same in a process of its own, which nothing has grown before."""
    command = [
        sys.executable,
        "-m",
        "benchmarks.questions.long_recordings",
        "--model",
        arguments.model,
        "--scan",
        str(path),
    ]
    command += ["--num_threads", str(arguments.num_threads), "--batch_size", str(arguments.batch_size)]
    run = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    return json.loads(run.stdout.splitlines()[-1])


def main(argv: list[str] | None = None) -> None:
    """Write the records, measure, print."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    logger.setLevel(logging.INFO)
    parser = ScriptParser(__doc__)
    parser.add_argument("--model", required=True, help="Folder or Hub id of a checkpoint.")
    parser.add_argument("--hours", type=float, nargs="+", default=[1.0, 4.0], help="Lengths of the recordings.")
    parser.add_argument("--batch_size", type=int, default=64, help="Windows at once.")
    parser.add_argument("--num_threads", type=int, default=2, help="Threads of PyTorch.")
    parser.add_argument("--output_file", type=Path, help="JSON file that receives the figures.")
    parser.add_argument("--scan", help=argparse.SUPPRESS)
    arguments = parser.parse_args(argv)
    torch.set_num_threads(arguments.num_threads)
    if arguments.scan:
        figures = scan(arguments.model, arguments.scan, batch_size=arguments.batch_size)
        sys.stdout.write(json.dumps(figures) + "\n")
        return
    found = {}
    logger.info(f"{'hours':>6}{'windows':>9}{'windows/s':>11}{'24 h take':>11}{'loaded':>9}{'peak':>9}")
    with tempfile.TemporaryDirectory(prefix="long_recordings_") as name:
        for hours in arguments.hours:
            figures = scan_elsewhere(arguments, write_record(Path(name), hours))
            found[f"{hours:g}"] = figures
            logger.info(
                f"{hours:>6g}{figures['windows']:>9.0f}{figures['windows_per_s']:>11.1f}"
                f"{figures['day_s'] / 60:>7.1f} min{figures['loaded_mb']:>6.0f} MB{figures['peak_mb']:>6.0f} MB"
            )
    slowest = max(figures["day_s"] for figures in found.values())
    logger.info(f"a day takes {slowest / 60:.1f} of {AIM_S / 60:g} minutes")
    if arguments.output_file is not None:
        report = {"torch": torch.__version__, "num_threads": arguments.num_threads, "hours": found}
        arguments.output_file.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
