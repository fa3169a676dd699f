"""How transformers gets to know what this package brings, without loading it before it is needed."""

from .load_watcher import LoadWatcher
from .shipped import DEFAULT_FOLDER, default_checkpoint


__all__ = ["DEFAULT_FOLDER", "LoadWatcher", "default_checkpoint"]
