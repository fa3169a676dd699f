"""`supreme labels`: what a checkpoint can be asked."""

import json
import sys
from typing import Any

from transformers import AutoConfig

from .arguments import LabelsArguments


def list_labels(arguments: LabelsArguments) -> None:
    """List trained findings, definitions and measurements."""
    config: Any = AutoConfig.from_pretrained(arguments.model, revision=arguments.revision)
    listed = {
        "trained": list(getattr(config, "trained_queries", ())),
        "defined": {each["condition"]: each["expression"] for each in getattr(config, "definitions", ())},
        "measured": list(getattr(config, "measurements", ())),
    }
    if arguments.json:
        sys.stdout.write(json.dumps(listed, ensure_ascii=False) + "\n")
        return
    for heading, entries in listed.items():
        sys.stdout.write(f"{heading} ({len(entries)})\n")
        told = (f"{name}: {entries[name]}" if isinstance(entries, dict) else name for name in entries)
        sys.stdout.writelines(f"  {entry}\n" for entry in told)
