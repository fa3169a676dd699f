"""The other names of conditions, which a finished checkpoint takes from the terminology of today."""

import json
from pathlib import Path

from datasets_scripts.terminology.definition_table import names_for_checkpoint
from modeling_supreme.output_files.atomic_files import write_text


def refresh_names(folder: str | Path) -> Path:
    """Write `condition_names` of a checkpoint anew; its weights, definitions and decisions stay.

    Args:
        folder (`str` or `Path`):
            Of the checkpoint.

    Returns:
        `Path`: The configuration that was written.

    Raises:
        FileNotFoundError: If there is none.
    """
    path = Path(folder) / "config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    config["condition_names"] = names_for_checkpoint(config["trained_queries"], config["definitions"])
    write_text(path, json.dumps(config, indent=2, ensure_ascii=False) + "\n")
    return path
