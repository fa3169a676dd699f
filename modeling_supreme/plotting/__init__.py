"""An ECG on paper, and the colours of every picture and page; whoever needs the colours alone loads no matplotlib."""

import importlib
from typing import TYPE_CHECKING, Any


if TYPE_CHECKING:
    from .comparison import plot_comparison
    from .evidence_sheet import plot_evidence
    from .sheet import plot_strip
    from .timeline import plot_timeline


__all__ = ["plot_comparison", "plot_evidence", "plot_strip", "plot_timeline"]

_MODULES = {
    "plot_comparison": "comparison",
    "plot_evidence": "evidence_sheet",
    "plot_strip": "sheet",
    "plot_timeline": "timeline",
}


def __getattr__(name: str) -> Any:
    """A function that draws, whose module is loaded when it is first asked for."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f".{_MODULES[name]}", __name__), name)
