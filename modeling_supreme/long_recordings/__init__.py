"""Recordings of any length: windows over all of them, in constant memory; see docs/long_recordings.md."""

from .answers import scan_recordings


__all__ = ["scan_recordings"]
