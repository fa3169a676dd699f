"""What training does with a GPU: speed, use of the card, memory, and a run of some minutes with its curves.

    python benchmarks/gpu.py --output_dir runs/gpu

For each encoder in bfloat16, with and without `torch.compile`, a training step with 300 queries: ECG/s, model FLOP
utilisation (MFU), peak memory, and the loader's share, by which steps over a simulated corpus take longer than steps
over one batch on the card.

    MFU = floating-point operations of a step per strip x ECG/s / the card's peak

with the operations that `benchmarks/flops.py` counts and the peaks it lists; `--peak_tflops` gives that of another
card. Then train.py pretrains ViT-tiny on the simulated corpus for about `--pretraining_minutes`, into `pretraining/`
with training_curves.png; a run that was cut short goes on when the command is given again. `--output_dir` receives
gpu_results.json.

It runs on a CPU too, to be tried: `--device cpu --num_steps 2 --batch_sizes 2 2 2 --modes eager --num_records 20`.
"""

import argparse
import json
import logging
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast


sys.path.insert(0, str(Path(__file__).parents[1]))

import torch
import yaml
from command_line import make_parser, start_logging, write_report
from flops import count_flops, find_peak_tflops
from loading import iterate_strips, simulate_corpus
from steps import Batch, make_batch, make_model, make_query_step


TRAINING_SCRIPT = Path(__file__).parents[1] / "train.py"
ENCODERS = ("vit_tiny", "vit_small", "vit_base")
NUM_QUERIES = 300
NUM_WARM_STEPS = 5
BYTES_PER_GIB = 2**30

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class StepFigures:
    """What a training step does with the device.

    Attributes:
        encoder (`str`), mode (`str`), batch_size (`int`):
            What was measured.
        ecg_per_s (`float`):
            Strips per second over one batch on the device.
        gflops_per_ecg (`float`):
            Operations of a step, per strip.
        mfu (`float`, *optional*):
            Share of the card's peak; None where that is not known.
        peak_memory_gib (`float`, *optional*):
            Memory of the card, None on a CPU.
        loader_share (`float`):
            Share of a step over the corpus that a step over one batch does not take.
        loaded_step_s (`float`):
            Seconds of a step over the corpus.
    """

    encoder: str
    mode: str
    batch_size: int
    ecg_per_s: float
    gflops_per_ecg: float
    mfu: float | None
    peak_memory_gib: float | None
    loader_share: float
    loaded_step_s: float


def measure_steps(
    encoder: str,
    mode: str,
    batch_size: int,
    *,
    strips: Iterator[dict[str, torch.Tensor]],
    arguments: argparse.Namespace,
) -> StepFigures:
    """Time steps over one batch and over the corpus."""
    device = torch.device(arguments.device)
    model = make_model(encoder).to(cast(Any, device))
    flops = count_flops(model, batch_size=batch_size, num_queries=NUM_QUERIES)
    if mode == "compiled":
        model.compile()
    step = make_query_step(model)
    cached = make_batch(model, batch_size=batch_size, num_queries=NUM_QUERIES, device=device)
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    with torch.autocast(device.type, torch.bfloat16, enabled=arguments.mixed_precision == "bf16"):
        cached_s = time_steps(lambda: step(cached), arguments.num_steps, device)
        loaded_s = time_steps(
            lambda: step(Batch(next(strips), cached.query_embeds, cached.labels)), arguments.num_steps, device
        )
    peak_tflops = arguments.peak_tflops or find_peak_tflops(describe_device(device))
    return StepFigures(
        encoder,
        mode,
        batch_size,
        ecg_per_s=batch_size / cached_s,
        gflops_per_ecg=flops / 1e9,
        mfu=flops * batch_size / cached_s / (peak_tflops * 1e12) if peak_tflops else None,
        peak_memory_gib=torch.cuda.max_memory_allocated(device) / BYTES_PER_GIB if device.type == "cuda" else None,
        loader_share=1 - cached_s / loaded_s,
        loaded_step_s=loaded_s,
    )


def time_steps(run: Callable[[], None], num_steps: int, device: torch.device) -> float:
    """Seconds of a step, the device's work included, after some to warm up."""
    for _ in range(min(NUM_WARM_STEPS, num_steps)):
        run()
    synchronize(device)
    began = time.perf_counter()
    for _ in range(num_steps):
        run()
    synchronize(device)
    return (time.perf_counter() - began) / num_steps


def synchronize(device: torch.device) -> None:
    """Wait until the device has done its work."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def describe_device(device: torch.device) -> str:
    """Name of the card, or `cpu`."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def measure_encoders(arguments: argparse.Namespace) -> list[StepFigures]:
    """A line for every encoder and mode."""
    figures = []
    logger.info(f"{'encoder':<11}{'mode':<10}{'batch':>6}{'ECG/s':>9}{'MFU':>7}{'GiB':>7}{'loader':>8}")
    with tempfile.TemporaryDirectory(prefix="gpu_") as folder:
        corpus = simulate_corpus(Path(folder), num_records=arguments.num_records, num_workers=arguments.num_workers)
        for encoder, batch_size in zip(arguments.encoders, arguments.batch_sizes, strict=True):
            for mode in arguments.modes:
                strips = iterate_strips(
                    corpus, batch_size=batch_size, num_workers=arguments.num_workers, device=arguments.device
                )
                line = measure_steps(encoder, mode, batch_size, strips=strips, arguments=arguments)
                figures.append(line)
                mfu = "-" if line.mfu is None else f"{line.mfu:.1%}"
                memory = "-" if line.peak_memory_gib is None else f"{line.peak_memory_gib:.1f}"
                logger.info(
                    f"{encoder:<11}{mode:<10}{batch_size:>6}{line.ecg_per_s:>9.0f}{mfu:>7}{memory:>7}"
                    f"{line.loader_share:>8.1%}"
                )
    return figures


def pretrain(step_s: float, arguments: argparse.Namespace) -> dict[str, Any]:
    """Run train.py as long as the arguments say, or go on with the run that is there; returns its results."""
    output_dir = arguments.output_dir / "pretraining"
    written = output_dir / "train_arguments.yaml"
    num_steps = max(1, round(60 * arguments.pretraining_minutes / step_s))
    if written.is_file():
        num_steps = yaml.safe_load(written.read_text(encoding="utf-8"))["max_train_steps"]
    command = [sys.executable, str(TRAINING_SCRIPT), *pretraining_flags(num_steps, output_dir, arguments)]
    subprocess.run(command, check=True)
    return json.loads((output_dir / "train_results.json").read_text(encoding="utf-8"))


def pretraining_flags(num_steps: int, output_dir: Path, arguments: argparse.Namespace) -> list[str]:
    """Flags of train.py."""
    interval = str(max(1, num_steps // 20))
    flags = {
        "dataset_name": "simulated",
        "num_records": arguments.num_pretraining_records,
        "ecg_encoder": "vit_tiny",
        "text_model_name_or_path": "sentence-transformers/all-MiniLM-L6-v2",
        "text_pooling": "mean",
        "per_device_train_batch_size": arguments.batch_sizes[0],
        "per_device_eval_batch_size": arguments.batch_sizes[0],
        "max_train_steps": num_steps,
        "eval_steps": interval,
        "checkpointing_steps": interval,
        "mixed_precision": arguments.mixed_precision,
        "dataloader_num_workers": arguments.num_workers,
        "resume_from_checkpoint": "latest",
        "output_dir": output_dir,
    }
    if arguments.num_workers > 1:
        flags["preprocessing_num_workers"] = arguments.num_workers
    return [word for name, value in flags.items() for word in (f"--{name}", str(value))]


def parse_arguments(argv: list[str] | None) -> argparse.Namespace:
    """Flags of the command line."""
    num_workers = max(1, (os.cpu_count() or 1) - 2)
    parser = make_parser(__doc__)
    parser.add_argument("--encoders", nargs="+", default=list(ENCODERS), help="Presets to measure.")
    parser.add_argument(
        "--batch_sizes", nargs="+", type=int, default=[1024, 512, 256], help="Strips of a step, one for each encoder."
    )
    parser.add_argument(
        "--modes", nargs="+", choices=("eager", "compiled"), default=["eager", "compiled"], help="How the model runs."
    )
    parser.add_argument("--mixed_precision", choices=("no", "bf16"), default="bf16", help="Precision of the steps.")
    parser.add_argument("--num_steps", type=int, default=50, help="Steps that are timed.")
    parser.add_argument("--num_records", type=int, default=4000, help="Records of the corpus for the loader's share.")
    parser.add_argument("--num_workers", type=int, default=num_workers, help="Processes that read and prepare strips.")
    parser.add_argument("--peak_tflops", type=float, help="The card's peak in dense bfloat16, in TFLOP/s.")
    parser.add_argument(
        "--pretraining_minutes", type=float, default=12.0, help="Length of the pretraining run; 0 for none."
    )
    parser.add_argument(
        "--num_pretraining_records", type=int, default=20_000, help="Records of the corpus of the pretraining run."
    )
    parser.add_argument("--device", default="cuda", help="cuda, or cpu.")
    parser.add_argument("--output_dir", type=Path, required=True, help="Folder that receives figures and curves.")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    """Measure, print, pretrain, write."""
    start_logging(logger)
    arguments = parse_arguments(argv)
    if arguments.device == "cuda" and not torch.cuda.is_available():
        raise SystemExit("There is no GPU here. Start this on a machine that has one, or try it with `--device cpu`.")
    torch.manual_seed(0)
    device = describe_device(torch.device(arguments.device))
    logger.info(f"{device}, PyTorch {torch.__version__}")
    arguments.output_dir.mkdir(parents=True, exist_ok=True)
    steps = measure_encoders(arguments)
    figures: dict[str, Any] = {"device": device, "steps": [asdict(line) for line in steps]}
    write_report(arguments.output_dir / "gpu_results.json", arguments, **figures)
    if arguments.pretraining_minutes:
        figures["pretraining"] = pretrain(steps[0].loaded_step_s, arguments)
        write_report(arguments.output_dir / "gpu_results.json", arguments, **figures)


if __name__ == "__main__":
    main()
