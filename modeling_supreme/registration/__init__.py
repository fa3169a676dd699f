"""How transformers gets to know the classes of this package, without loading them before they are needed."""

from .load_watcher import LoadWatcher


__all__ = ["LoadWatcher"]
