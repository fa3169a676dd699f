"""A checkpoint as a folder that runs without this package and without torch, whole or not at all."""

import copy
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np
import torch
from transformers.utils import logging

from ..ecg_index.encoder import fingerprint_model, load_classifier
from ..modeling_supreme import SupremeModel, find_circular
from ..output_files.atomic_files import usual_mode
from ..output_files.disk import told_when_refused
from ..queries import encode_queries
from .agreement import TOLERANCE, check_agreement
from .answers import compare_answers, find_records, format_answers, read_labelled
from .formats import FORMATS, OPSET, Runner, check_packages, open_part, write_part
from .int8 import quantize
from .page import EMBEDS_FILENAME, describe_checkpoint, describe_part, write_page
from .parts import Part, make_ecg_part, make_text_part


logger = logging.get_logger(__name__)

MANIFEST_FILENAME = "manifest.json"
MOST_TEXT_TOKENS = 512  # of encoders that do not say
NUM_DRAWN_QUERIES = 17  # of a checkpoint that was trained on none


@dataclass(frozen=True)
class Export:
    """What was exported.

    Attributes:
        folder (`Path`):
            Where it lies.
        manifest (`dict`):
            What `manifest.json` says.
    """

    folder: Path
    manifest: dict[str, Any]

    def summary(self) -> str:
        """For people: files and sizes, how far they agree with torch, and what eight bits changed."""
        lines = [str(self.folder)]
        for part in self.manifest["parts"].values():
            size = sum(part["bytes"].values()) / 1e6
            worst = max(part["largest_difference_from_torch"].values())
            lines.append(f"  {part['files'][0]:16}{size:8.1f} MB   differs from torch by {worst:.1e} at most")
        int8 = self.manifest["int8"]
        if int8 is None:
            return "\n".join(lines)
        lines += [f"  in float before: {', '.join(f'{size / 1e6:.1f} MB' for size in int8['float_bytes'].values())}"]
        for name, report in int8["answers"].items():
            lines.append(f"{name}: {format_answers(report)}")
        return "\n".join(lines)


def export_checkpoint(
    model: str | Any,
    output: str | Path,
    *,
    format: str = "onnx",  # noqa: A002 - the word of the command line
    int8: bool = False,
    records: str | Path | None = None,
    revision: str | None = None,
) -> Export:
    """Write a checkpoint as files that other programs run, after comparing them with torch.

    Args:
        model (`str` or pipeline):
            Folder or Hub id of a checkpoint of [`SupremeModel`], or a pipeline that holds one.
        output (`str` or `Path`):
            Folder to write, absent or empty.
        format (`str`):
            `"onnx"`, `"torchscript"` or `"openvino"`.
        int8 (`bool`):
            Whether to store weights in eight bits (ONNX alone), and to compare answers with the model's.
        records (`str` or `Path`, *optional*):
            Prepared corpus with labels on which they are compared; by default records are simulated for it.
        revision (`str`, *optional*):
            Branch, tag or commit on the Hub.

    Returns:
        [`Export`]: The folder has a file each for the ECG side and for the text tower, the embeddings of the trained
        queries, the tokenizer, manifest.json and README.md.

    Raises:
        ValueError: If the format is unknown, has no eight bits, the folder holds something, or the checkpoint is
            another kind of model.
        ImportError: If a library is missing.
        RuntimeError: If a part cannot be written, or differs from torch by more than 1e-4: nothing is left then.
    """
    output = Path(output)
    _check_request(output, format, int8)
    classify = load_classifier(model, revision=revision, device="cpu")
    if not isinstance(classify.model, SupremeModel):
        raise ValueError(
            f"The checkpoint is a {type(classify.model).__name__}, and `SupremeModel` is what can be exported."
        )
    output.parent.mkdir(parents=True, exist_ok=True)
    with told_when_refused("The export", output, "Nothing of it is left. Make room, or choose another folder."):
        unfinished = Path(mkdtemp(prefix=f".{output.name}.", dir=output.parent))
        try:
            manifest = _Writer(classify, unfinished, format).write(int8=int8, records=records)
            _open_to_others(unfinished)
            unfinished.replace(output)  # an empty folder gives way
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
    return Export(output, manifest)


def _check_request(output: Path, format: str, int8: bool) -> None:  # noqa: A002
    """Refuse what cannot be done before anything is loaded."""
    if format not in FORMATS:
        raise ValueError(f"`format` is {format!r}. Choose one of {', '.join(FORMATS)}.")
    if int8 and format != "onnx":
        raise ValueError(
            f"`--int8` does not go with `--format {format}`: weights are brought to eight bits by onnxruntime, and"
            " OpenVINO's own tool, nncf, is no part of this. Take `--format onnx`."
        )
    if output.is_file() or (output.is_dir() and any(output.iterdir())):
        raise ValueError(f"`--output` {output} is not empty. Choose another folder, or remove it.")
    check_packages(format)


class _Writer:
    """Writes a checkpoint to an empty folder."""

    def __init__(self, classify: Any, folder: Path, format: str) -> None:  # noqa: A002
        self.classify, self.folder, self.format = classify, folder, format
        self.model = _as_float32(classify.model)
        self.queries: list[str] = list(self.model.config.trained_queries)
        self.query_embeds = self._embed()

    def write(self, *, int8: bool, records: str | Path | None) -> dict[str, Any]:
        """All files; returns the manifest."""
        parts = [make_ecg_part(self.model, self.query_embeds), make_text_part(self.model, max_tokens=self.max_tokens)]
        entries, runners = {}, {}
        for part in parts:
            entries[part.name], runners[part.name] = self._write_part(part)
        report = self._quantize(parts, entries, records) if int8 else None
        if self.queries:
            np.save(self.folder / EMBEDS_FILENAME, self.query_embeds.numpy())
        self.classify.tokenizer.save_pretrained(self.folder)
        manifest = {
            **describe_checkpoint(self.classify, fingerprint=fingerprint_model(self.classify)),
            "format": self.format,
            "opset": OPSET if self.format == "onnx" else None,
            "tolerance": TOLERANCE,
            "parts": entries,
            "int8": report,
        }
        text = json.dumps(manifest, indent=2, ensure_ascii=False, allow_nan=False)
        (self.folder / MANIFEST_FILENAME).write_text(text + "\n", encoding="utf-8")
        write_page(self.folder, manifest)
        return manifest

    @property
    def max_tokens(self) -> int:
        """Of a query, by the tokenizer and the positions of the text encoder."""
        config: Any = self.model.config.text_config
        positions = getattr(config, "max_position_embeddings", None) or MOST_TEXT_TOKENS
        return int(min(self.classify.tokenizer.model_max_length, positions))

    def _embed(self) -> torch.Tensor:
        """Queries of training, or vectors of their size for a checkpoint without any."""
        if not self.queries:
            generator = torch.Generator().manual_seed(0)
            config: Any = self.model.config.text_config
            return torch.randn(NUM_DRAWN_QUERIES, config.hidden_size, generator=generator)
        with torch.no_grad():
            return encode_queries(self.model, self.classify.tokenizer, self.queries).detach().clone()

    def _write_part(self, part: Part) -> tuple[dict[str, Any], Runner]:
        """A file, compared with torch."""
        written = write_part(part, self.format, self.folder)
        circular = find_circular(self.model.config.measurements)
        differences = check_agreement(part, written.runner, circular=circular)
        return describe_part(part, self.folder, written.files, differences), written.runner

    def _quantize(self, parts: Sequence[Part], entries: dict[str, Any], records: str | Path | None) -> dict[str, Any]:
        """Bring the files to eight bits, and compare answers."""
        float_bytes = {part.name: sum(entries[part.name]["bytes"].values()) for part in parts}
        runners = {}
        for part in parts:
            files = entries[part.name]["files"]
            quantize(self.folder / files[0])
            runners[part.name] = open_part(self.folder / files[0], part.axes)
            differences = check_agreement(part, runners[part.name], tolerance=np.inf)
            entries[part.name] = describe_part(part, self.folder, files, differences)
        answers: dict[str, Any] = {}
        if self.queries:
            found_embeds = self._embed_with(runners["text"])
            with find_records(records) as (folder, source):
                strips = read_labelled(folder, self.classify.feature_extractor, source=source)
            for name, embeds in (
                ("stored queries", self.query_embeds),
                ("embedded in int8", found_embeds),
            ):
                answers[name] = compare_answers(
                    parts[0],
                    runners["ecg"],
                    strips,
                    self.queries,
                    query_embeds=self.query_embeds,
                    found_embeds=embeds,
                )
        return {"float_bytes": float_bytes, "answers": answers}

    def _embed_with(self, runner: Runner) -> torch.Tensor:
        """The queries of training by a file of the text tower."""
        return encode_queries(_WrittenTower(runner), self.classify.tokenizer, self.queries)


class _WrittenTower:
    """A file of a text tower in the place of a model."""

    device = torch.device("cpu")

    def __init__(self, runner: Runner) -> None:
        self._runner = runner

    def get_query_embeds(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """As the model's method."""
        return torch.from_numpy(self._runner({"input_ids": input_ids, "attention_mask": attention_mask})[0])


def _as_float32(model: SupremeModel) -> SupremeModel:
    """The model on the CPU, in full precision and evaluation mode; a copy where it is not so already."""
    if model.device.type == "cpu" and model.dtype == torch.float32 and not model.training:
        return model
    own: Any = copy.deepcopy(model)
    return own.to("cpu", torch.float32).eval()


def _open_to_others(folder: Path) -> None:
    """Give a folder and its files the permissions that this user's have; temporary ones are closed to others."""
    mode = usual_mode()
    folder.chmod(mode | 0o111)
    for path in folder.iterdir():
        path.chmod(mode)


__all__ = ["Export", "export_checkpoint"]
