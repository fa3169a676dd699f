"""A checkpoint for where neither this package nor torch is: ONNX, TorchScript or OpenVINO, checked against torch."""

from importlib import import_module
from typing import TYPE_CHECKING, Any


if TYPE_CHECKING:
    from .checkpoint import export_checkpoint


__all__ = ["export_checkpoint"]


def __getattr__(name: str) -> Any:
    """The function, whose module is loaded when it is first asked for."""
    if name != "export_checkpoint":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return import_module(".checkpoint", __name__).export_checkpoint
