"""`supreme labels`: what a checkpoint can be asked."""

import json
import sys

from ..command_line.hub import load_config
from ..decisions import OPERATING_POINTS, Decision, parse_decisions
from .arguments import LabelsArguments


def list_labels(arguments: LabelsArguments) -> None:
    """List trained findings, definitions, other names of both, measurements and decisions."""
    config = load_config(arguments.model, revision=arguments.revision)
    listed = {
        "trained": list(getattr(config, "trained_queries", ())),
        "defined": {each["condition"]: each["expression"] for each in getattr(config, "definitions", ())},
        "names": getattr(config, "condition_names", None) or {},
        "measured": list(getattr(config, "measurements", ())),
        "decided": getattr(config, "decisions", None) or {},
    }
    if arguments.json:
        sys.stdout.write(json.dumps(listed, ensure_ascii=False) + "\n")
        return
    for heading, entries in listed.items():
        sys.stdout.write(f"{heading} ({len(entries)})\n")
        if heading == "decided":
            entries = {name: _describe(decision) for name, decision in parse_decisions(entries).items()}
        elif heading == "names":
            entries = {name: ", ".join(others) for name, others in entries.items()}
        told = (f"{name}: {entries[name]}" if isinstance(entries, dict) else name for name in entries)
        sys.stdout.writelines(f"  {entry}\n" for entry in told)


def _describe(decision: Decision) -> str:
    """Thresholds of a condition, and on what they were chosen."""
    phrases = [
        f"{meaning} {point.threshold:.3f} (sensitivity {point.sensitivity:.2f}, specificity {point.specificity:.2f})"
        for meaning, point in zip(
            ("present from", "with few false alarms from"), map(decision.thresholds.get, OPERATING_POINTS), strict=True
        )
        if point
    ]
    fitted = f"fitted on {decision.num_records} {decision.records} records, {decision.num_positives} of them positive"
    return "; ".join([*phrases, fitted, *([f"takes {' and '.join(decision.leads)}"] if decision.leads else [])])
