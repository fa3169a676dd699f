"""An ECG on paper, and the colours of every picture and page; whoever needs the colours alone loads no matplotlib."""

from typing import TYPE_CHECKING, Any


if TYPE_CHECKING:
    from .sheet import plot_strip


__all__ = ["plot_strip"]


def __getattr__(name: str) -> Any:
    """The function that draws, whose module is loaded when it is first asked for."""
    if name != "plot_strip":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from .sheet import plot_strip

    return plot_strip
