"""What an exported folder says of itself: manifest.json for programs, README.md for people."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
import transformers

from ..query_grammar import find_measurement
from .agreement import largest
from .formats import DTYPES
from .parts import Part


EMBEDS_FILENAME = "query_embeds.npy"
SCHEMA_VERSION = 1
PREPARATION = ("leads", "sampling_rate", "num_samples", "scale_mv", "clip_mv")
FILTERS = {
    "do_remove_baseline": "subtract each lead's baseline (running medians over 0.2 s and 0.6 s)",
    "do_bandpass": "band-pass filter from `low_cutoff_hz` to `high_cutoff_hz` without phase shift",
}
OUTPUTS = {
    "logits": "the sigmoid is the probability that the finding is present, each query for itself",
    "value": "of each entry of `measurements`, in its unit",
    "sd": "standard deviation of the error of `value`, in the same unit",
    "measurable": "probability that there is something to measure",
    "query_embeds": "rows for the input of this name of the ECG side",
}

PAGE = """# {name} as {format}

Made from a checkpoint of `modeling_supreme`, and compared with it on strips of several lengths, leads and numbers:
{agreement}. Not a medical device.

| file | holds |
|---|---|
| `{ecg}` | strips and embeddings of queries in, logits{measured} out |
| `{text}` | tokens of queries in, their embeddings out |
| `tokenizer.json` | turns a query into tokens |
{embeds}| `manifest.json` | every input and output, how a strip is prepared, checksums |

## Run it

{code}

What a strip needs before: {preparation}. Strips of 1 s to {seconds:g} s are taken as they are; of longer ones, give
windows. Leads that were not recorded are zero in `signal` and false in `lead_mask`; padding after the end is false in
`sample_mask`; what a lead lacks in between is false in `recorded_mask`. Another finding is another query: its tokens
go through `{text}`, padded with `attention_mask` 0, and the row that comes out is a query like the others.
{int8}"""
CODE = """```python
import json
from pathlib import Path
import numpy as np
import onnxruntime
manifest = json.loads(Path("manifest.json").read_text())
session = onnxruntime.InferenceSession("ecg.onnx")
queries, query_embeds = manifest["trained_queries"], np.load("query_embeds.npy")
strip_mv = np.load("strip.npy")  # millivolts, (num_leads, num_samples), leads and rate as in manifest["preparation"]
prepared = manifest["preparation"]
signal = np.clip(strip_mv, -prepared["clip_mv"], prepared["clip_mv"]) / prepared["scale_mv"]
there = {"lead_mask": np.ones((1, len(signal)), bool), "sample_mask": np.ones((1, signal.shape[1]), bool)}
inputs = {"signal": signal[None].astype(np.float32), **there, "recorded_mask": np.ones((1, *signal.shape), bool)}
logits, *measured = session.run(None, {**inputs, "query_embeds": query_embeds})
for query, logit in zip(queries, logits[0]):
    print(f"{1 / (1 + np.exp(-logit)):.3f}  {query}")
```"""
OTHER_CODE = {
    "openvino": 'With OpenVINO: `openvino.compile_model("ecg.xml", "CPU")`, called with a dictionary of the inputs by'
    " name.",
    "torchscript": 'With torch: `torch.jit.load("ecg.pt")`, called with the inputs in the order of the manifest.'
    " PyTorch calls TorchScript deprecated; it still loads in C++. For anything new take `--format onnx`.",
}


def describe_checkpoint(classify: Any, *, fingerprint: str) -> dict[str, Any]:
    """What the manifest says of the checkpoint and of what it expects.

    Args:
        classify (`ZeroShotEcgClassificationPipeline`):
            Holds model, feature extractor and tokenizer.
        fingerprint (`str`):
            Of all that decides about an answer.
    """
    config: Any = classify.model.config
    extractor = classify.feature_extractor.to_dict()
    filters = {name: extractor[name] for name in FILTERS}
    cutoffs = ("low_cutoff_hz", "high_cutoff_hz") if filters["do_bandpass"] else ()
    units = {key: measurement.unit for key in config.measurements if (measurement := find_measurement(key))}
    return {
        "schema_version": SCHEMA_VERSION,
        "checkpoint": Path(str(config._name_or_path)).name,
        "fingerprint": fingerprint,
        "made_with": {"torch": torch.__version__, "transformers": transformers.__version__},
        "preparation": {name: extractor[name] for name in (*PREPARATION, *cutoffs)} | filters,
        "trained_queries": list(config.trained_queries),
        "measurements": [{"key": key, "unit": unit} for key, unit in units.items()],
        "decisions": config.to_dict().get("decisions"),
        "text_pooling": config.text_pooling,
    }


def describe_part(
    part: Part, folder: Path, files: Sequence[str], differences: Mapping[str, Mapping[str, float]]
) -> dict[str, Any]:
    """What the manifest says of a file.

    Args:
        part (`Part`):
            What it was made from.
        folder (`Path`):
            Where it lies.
        files (`Sequence[str]`):
            Its names.
        differences (`Mapping`):
            From torch, by case and output.
    """
    inputs = part.example
    return {
        "files": list(files),
        "bytes": {name: (folder / name).stat().st_size for name in files},
        "sha256": {name: checksum(folder / name) for name in files},
        "inputs": [
            {"name": name, "dtype": DTYPES[each.dtype], "shape": list(axes)}
            for (name, axes), each in zip(part.axes.items(), inputs, strict=True)
        ],
        "outputs": [
            {"name": name, "dtype": "float32", "shape": list(axes), "meaning": OUTPUTS[name]}
            for name, axes in part.outputs.items()
        ],
        "bounds": {name: list(bounds) for name, bounds in part.bounds.items()},
        "compared_with_torch": list(differences),
        "largest_difference_from_torch": largest(differences),
    }


def write_page(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Write README.md."""
    preparation, parts = manifest["preparation"], manifest["parts"]
    differences = {name: part["largest_difference_from_torch"] for name, part in parts.items()}
    steps = [text for name, text in FILTERS.items() if preparation[name]]
    steps.append(f"cut off beyond ±{preparation['clip_mv']:g} mV and divide by {preparation['scale_mv']:g} mV")
    where = f"{preparation['sampling_rate']} Hz, leads {', '.join(preparation['leads'])}"
    is_float = manifest["int8"] is None
    queries = f"| `{EMBEDS_FILENAME}` | the trained queries, embedded: the text tower need not run |\n"
    code = OTHER_CODE.get(manifest["format"], CODE)
    if not manifest["trained_queries"] and manifest["format"] == "onnx":
        code = f"The checkpoint names no trained query: embed your own with the text tower first.\n\n{CODE}"
    page = PAGE.format(
        name=manifest["checkpoint"],
        format=manifest["format"] + ("" if is_float else ", weights in eight bits"),
        agreement="; ".join(
            f"the {name} part differs by at most {max(each.values()):.1e}" for name, each in differences.items()
        ),
        ecg=parts["ecg"]["files"][0],
        text=parts["text"]["files"][0],
        measured=" and measurements" if manifest["measurements"] else "",
        embeds=queries if manifest["trained_queries"] else "",
        code=code,
        preparation=f"{where}; {', then '.join(steps)}",
        seconds=preparation["num_samples"] / preparation["sampling_rate"],
        int8="" if is_float else f"\n## What eight bits cost\n\n{_describe_int8(manifest['int8'])}\n",
    )
    (folder / "README.md").write_text(page, encoding="utf-8")


def _describe_int8(report: Mapping[str, Any]) -> str:
    """Sizes and changes as a table."""
    sizes = ", ".join(f"{name} {size / 1e6:.1f} MB" for name, size in report["float_bytes"].items())
    lines = [
        f"In float: {sizes}.",
        "",
        "| queries | probabilities, mean difference | AUROC in float | change |",
    ]
    lines.append("|---|---|---|---|")
    for name, answers in report["answers"].items():
        macro = answers["auroc_macro"]
        figures = ("", "") if macro is None else (f"{macro['torch']:.4f}", f"{macro['change']:+.4f}")
        difference = f"{answers['probabilities']['mean_difference']:.4f}"
        lines.append(f"| {' | '.join((name, difference, *figures))} |")
    return "\n".join(lines)


def checksum(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
