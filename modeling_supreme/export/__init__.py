"""A checkpoint for where neither this package nor torch is: ONNX, TorchScript or OpenVINO, checked against torch."""

from typing import Any


__all__ = ["export_checkpoint"]


def __getattr__(name: str) -> Any:
    """The function, whose module is loaded when it is first asked for."""
    if name != "export_checkpoint":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from .checkpoint import export_checkpoint

    return export_checkpoint
