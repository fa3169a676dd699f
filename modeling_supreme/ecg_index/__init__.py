"""A corpus that can be asked: its records are read once, and every later question is answered without a signal."""

from typing import TYPE_CHECKING, Any


if TYPE_CHECKING:
    from .index import EcgIndex


__all__ = ["EcgIndex"]


def __getattr__(name: str) -> Any:
    """The index, whose module is loaded when it is first asked for."""
    if name != "EcgIndex":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from .index import EcgIndex

    return EcgIndex
