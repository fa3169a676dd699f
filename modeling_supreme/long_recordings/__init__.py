"""Recordings of any length: windows over all of them, in constant memory; see docs/long_recordings.md."""

from .answers import Answerer, scan_recordings


__all__ = ["Answerer", "scan_recordings"]
