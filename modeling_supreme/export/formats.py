"""Files that other programs run: ONNX, OpenVINO's, and TorchScript's, written and read back.

ONNX is written by the exporter that follows the graph (`torch.export`), OpenVINO's files are made from that.
TorchScript is what `torch.jit.trace` writes: PyTorch calls it deprecated, and still loads it in C++ and on phones; new
projects take ONNX.
"""

import importlib.util
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
import torch

from .parts import Inputs, Part


OPSET = 20
# Names are those of `pip install`, too
PACKAGES = {
    "onnx": ("onnx", "onnxscript", "onnxruntime"),
    "torchscript": (),
    "openvino": ("onnx", "onnxscript", "openvino"),
}
FORMATS = tuple(PACKAGES)
CHATTY_LOGGERS = ("", "torch.onnx", "onnxscript", "onnx_ir", "torch.export")  # the first is the root
DTYPES = {torch.float32: "float32", torch.bool: "bool", torch.int64: "int64"}

Outputs = Sequence[np.ndarray]
Runner = Callable[[Inputs], Outputs]


class WrittenPart(NamedTuple):
    """A part in a folder.

    Attributes:
        files (`tuple[str, ...]`):
            Names of its files; the first is the one to open.
        runner (`Callable`):
            Runs it on inputs by name.
    """

    files: tuple[str, ...]
    runner: Runner


def check_packages(format: str) -> None:  # noqa: A002 - the word of the command line
    """Refuse a format whose libraries are not installed.

    Raises:
        ImportError: If one is missing; the message says how to get it.
    """
    missing = [name for name in PACKAGES[format] if importlib.util.find_spec(name) is None]
    if missing:
        raise ImportError(
            f"`--format {format}` needs {', '.join(missing)}, not installed here: `pip install {' '.join(missing)}`,"
            f" or `pip install '.[{'openvino' if format == 'openvino' else 'export'}]'` in a clone of this package."
        )


def write_part(part: Part, format: str, folder: Path) -> WrittenPart:  # noqa: A002
    """Write a part and open what was written.

    Args:
        part (`Part`):
            What to write.
        format (`str`):
            One of [`FORMATS`].
        folder (`Path`):
            Where to.

    Raises:
        RuntimeError: If the library finds no graph in it, such as in a text encoder that branches on its input.
    """
    with quietly(), torch.no_grad():
        try:
            files = _WRITERS[format](part, folder)
        except (RuntimeError, ValueError, TypeError, NotImplementedError, AttributeError) as error:
            cause = str(error).strip().partition("\n")[0]
            raise RuntimeError(
                f"The part {part.name!r} of the checkpoint ({type(part.module).__name__}) cannot be written as"
                f" {format}: {cause} Try another `--format`, or report the type of its encoder."
            ) from error
    return WrittenPart(files, open_part(folder / files[0], part.axes))


def open_part(path: Path, axes: Mapping[str, Any], *, num_threads: int | None = None) -> Runner:
    """What runs a file that [`write_part`] wrote.

    Args:
        path (`Path`):
            The file.
        axes (`Mapping`):
            Has the names of its inputs, in their order.
        num_threads (`int`, *optional*):
            Of the library; by default as many as it takes.
    """
    if path.suffix == ".onnx":
        return _open_onnx(path, num_threads)
    if path.suffix == ".xml":
        return _open_openvino(path, tuple(axes), num_threads)
    return _open_torchscript(path, tuple(axes))


def write_onnx(part: Part, path: Path) -> None:
    """Write the graph of a part, with every input and output by its name."""
    dims: dict[str, Any] = {
        name: torch.export.Dim(name, min=least, max=most) for name, (least, most) in part.bounds.items()
    }
    shapes = {
        name: {place: dims[size] for place, size in enumerate(axes) if isinstance(size, str)}
        for name, axes in part.axes.items()
    }
    exported = torch.export.export(part.module, part.example, dynamic_shapes=shapes, strict=False)
    program: Any = torch.onnx.export(
        exported.run_decompositions(_decompositions()),
        input_names=list(part.axes),
        output_names=list(part.outputs),
        opset_version=OPSET,
        dynamo=True,
        verbose=False,
    )
    program.save(path, external_data=False)


def _decompositions() -> dict[Any, Callable[..., Any]]:
    """What ONNX and its runtime lack, in terms of what they have; each gives the same to the last bit."""
    return {torch.ops.aten.nanmedian.dim: nan_median, torch.ops.aten.where.self: choose_by_logic}


def nan_median(values: torch.Tensor, dim: int, keepdim: bool = False) -> tuple[torch.Tensor, torch.Tensor]:
    """The lower median of what is not NaN, by sorting, and its place in that order; as `torch.nanmedian`.

    Example:
        >>> nan_median(torch.tensor([4.0, torch.nan, 1.0, 2.0, 3.0]), dim=0)[0]
        tensor(2.)
    """
    is_there = ~values.isnan()
    ordered = values.masked_fill(~is_there, torch.inf).sort(dim=dim).values
    num_there = is_there.sum(dim=dim, keepdim=True)
    place = (num_there - 1).clamp(min=0) // 2
    median = ordered.gather(dim, place).masked_fill(num_there == 0, torch.nan)
    return (median, place) if keepdim else (median.squeeze(dim), place.squeeze(dim))


def choose_by_logic(condition: torch.Tensor, chosen: torch.Tensor, other: torch.Tensor) -> Any:
    """`torch.where` between truths, which onnxruntime does not choose between; of numbers, nothing is replaced."""
    if chosen.dtype != torch.bool or other.dtype != torch.bool:
        return NotImplemented
    return (condition & chosen) | (~condition & other)


def _write_onnx_file(part: Part, folder: Path) -> tuple[str, ...]:
    write_onnx(part, folder / f"{part.name}.onnx")
    return (f"{part.name}.onnx",)


def _write_openvino(part: Part, folder: Path) -> tuple[str, ...]:
    import openvino

    with TemporaryDirectory() as temporary:
        path = Path(temporary) / "graph.onnx"
        write_onnx(part, path)
        openvino.save_model(openvino.convert_model(path), folder / f"{part.name}.xml", compress_to_fp16=False)
    return f"{part.name}.xml", f"{part.name}.bin"


def _write_torchscript(part: Part, folder: Path) -> tuple[str, ...]:
    traced: Any = torch.jit.trace(part.module, part.example, check_trace=False)
    torch.jit.save(torch.jit.freeze(traced), folder / f"{part.name}.pt")
    return (f"{part.name}.pt",)


_WRITERS: dict[str, Callable[[Part, Path], tuple[str, ...]]] = {
    "onnx": _write_onnx_file,
    "torchscript": _write_torchscript,
    "openvino": _write_openvino,
}


def _open_onnx(path: Path, num_threads: int | None) -> Runner:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    if num_threads:
        options.intra_op_num_threads = num_threads
    session: Any = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    # A graph may have lost an input that it does not need
    names = [each.name for each in session.get_inputs()]
    return lambda inputs: session.run(None, {name: inputs[name].numpy() for name in names})


def _open_openvino(path: Path, names: Sequence[str], num_threads: int | None) -> Runner:
    import openvino

    options: dict[str, Any] = {"INFERENCE_PRECISION_HINT": "f32"}  # some processors have bfloat16, which is 1e-2
    if num_threads:
        options["INFERENCE_NUM_THREADS"] = num_threads
    compiled = openvino.compile_model(path, "CPU", options)

    def run(inputs: Inputs) -> Outputs:
        found = compiled({name: inputs[name].numpy() for name in names})
        return [found[place] for place in range(len(compiled.outputs))]

    return run


def _open_torchscript(path: Path, names: Sequence[str]) -> Runner:
    with quietly():
        module = torch.jit.load(path)

    @torch.no_grad()
    def run(inputs: Inputs) -> Outputs:
        return [each.numpy() for each in module(*(inputs[name] for name in names))]

    return run


@contextmanager
def quietly() -> Iterator[None]:
    """Without what the exporters say of themselves."""
    loggers = [logging.getLogger(name) for name in CHATTY_LOGGERS]
    known = [each.level for each in loggers]
    for each in loggers:
        each.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for each, level in zip(loggers, known, strict=True):
            each.setLevel(level)
