"""Weights in eight bits, by onnxruntime: smaller files, other answers.

Ranges of activations are found anew with every input (dynamic quantisation). With ranges from calibration strips and
convolutions in eight bits too, probabilities moved twice as much and no strip was read faster: onnxruntime has fast
kernels of eight bits for images, not for one dimension.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

from .formats import quietly


QUANTIZED_OPERATIONS = ("MatMul", "Gemm", "Gather")  # the last holds the words of a text encoder


def quantize(path: Path) -> None:
    """Replace an ONNX file by one with weights of eight bits."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with TemporaryDirectory(dir=path.parent) as folder, quietly():
        written = Path(folder) / path.name
        quantize_dynamic(
            path,
            written,
            op_types_to_quantize=list(QUANTIZED_OPERATIONS),
            per_channel=True,
            weight_type=QuantType.QInt8,
        )
        written.replace(path)
