"""An ECG on paper, and the colours of every picture and page."""

from .sheet import plot_strip


__all__ = ["plot_strip"]
