"""The tables that an evaluation prints: conditions, with what their controls mean, and measurements."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .explanations import format_explanations
from .measurement_table import format_measurements
from .metrics import format_figure


EXPLANATION = (
    "Two controls do not know the name of the condition: `normal` ranks records by how little they look like a",
    "normal ECG, `random` by query vectors without meaning. * = among the records that are not labelled normal.",
    "A condition that training never named is recognised only where its AUROC beats both controls, above all under *.",
)
# Of controls in the head of the table, where their names are long
SHORT_NAMES = {"normal_ecg": "normal", "random_queries": "random"}
VERDICTS = {True: "yes", False: "no", None: "-"}


def format_result(name: str, result: dict[str, Any]) -> str:
    """Tables of the conditions and measurements for people to read, best read in a wide terminal.

    Args:
        name (`str`):
            "corpus/configuration/split".
        result (`dict`):
            What [`compile_result`] gives, with `robustness`, `measurements` and `explanations` where they were asked
            for.

    Returns:
        `str`: Lines that end in a line break.
    """
    title = f"{name}: {result['num_records']} records of {result['num_patients']} patients"
    tables = [_format_conditions(result)] if result["conditions"] else []
    if result.get("robustness"):
        tables.append(_format_robustness(result["robustness"]))
    if "measurements" in result:
        tables.append(format_measurements(result["measurements"]))
    if "explanations" in result:
        tables.append(format_explanations(result["explanations"]))
    return "\n".join([title, *tables])


def _format_conditions(result: dict[str, Any]) -> str:
    """The lines of the conditions and of their averages."""
    entries = result["conditions"]
    with_controls = [entry for entry in entries if entry.get("controls")]
    controls = list(with_controls[0]["controls"]) if with_controls else []
    header = ["condition", "query", "training", "AUROC", "95 % interval", "AUPRC", "positives"]
    if controls:
        names = [SHORT_NAMES.get(name, name) for name in controls]
        header += [*names, "AUROC*", *(f"{name}*" for name in names), "beats them*"]
    rows = [header, *(_format_condition(entry, controls, len(header)) for entry in entries)]
    rows += [_format_macro("mean of all", result["num_conditions"], result, controls, len(header))]
    rows += [
        _format_macro(f"mean of {group}", result[group]["num_conditions"], result[group], controls, len(header))
        for group in ("seen", "unseen")
        if result[group] and result[group]["num_conditions"]
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(header))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    lines = [*lines[: len(entries) + 1], "-" * max(map(len, lines)), *lines[len(entries) + 1 :]]
    if result["skipped_conditions"]:
        reasons = "; ".join(f"{label} ({reason})" for label, reason in result["skipped_conditions"].items())
        lines.append(f"Not averaged: {reasons}.")
    lines += _tell_understood(result)
    return "\n".join([*lines, *(EXPLANATION if controls else ())]) + "\n"


def _tell_understood(result: dict[str, Any]) -> list[str]:
    """How many conditions were understood, and which."""
    understood = result["understood"]
    if understood is None:
        return []
    names = f": {', '.join(understood['labels'])}" if understood["labels"] else ""
    return [
        f"Understood: {understood['num_understood']} of {understood['num_conditions']} conditions that training is not"
        f" known to have named{names}. (The query beats its best control, 95 % interval of the difference, among *.)"
    ]


def _format_condition(entry: dict[str, Any], controls: list[str], num_cells: int) -> list[str]:
    """The cells of one condition."""
    training = {True: "seen", False: "UNSEEN", None: "unknown"}[entry["seen"]]
    query = "" if entry["query"] == entry["label"] else entry["query"]
    cells = [entry["label"], query, training, *_format_figures(entry, "auroc", "auprc")]
    cells.append(f"{entry['num_positives']}{'' if entry['is_averaged'] else ' (not averaged)'}")
    if controls and entry.get("controls"):
        cells += _format_controls(entry, controls, "auroc", lambda figure: figure)
        cells.append(VERDICTS[(entry["among_non_normal"] or {}).get("understood")])
    return cells + [""] * (num_cells - len(cells))


def _format_macro(
    title: str, num_conditions: int, figures: dict[str, Any], controls: list[str], num_cells: int
) -> list[str]:
    """The cells of an average."""
    cells = [
        title,
        f"{num_conditions} condition{'s' * (num_conditions != 1)}",
        "",
        *_format_figures(figures, "auroc_macro", "auprc_macro"),
        "",
    ]
    if controls and "controls" in figures:
        cells += _format_controls(figures, controls, "auroc_macro", lambda macro: macro["auroc_macro"])
    return cells + [""] * (num_cells - len(cells))


def _format_figures(figures: dict[str, Any], auroc: str, auprc: str) -> list[str]:
    """AUROC, its interval and AUPRC."""
    interval = figures[f"{auroc}_ci95"]
    return [
        format_figure(figures[auroc]),
        " to ".join(map(format_figure, interval)) if interval else format_figure(None),
        format_figure(figures[auprc]),
    ]


def _format_controls(
    figures: dict[str, Any], names: list[str], auroc: str, get: Callable[[Any], float | None]
) -> list[str]:
    """The controls, then AUROC and controls among records that are not normal."""
    controls, specific = figures["controls"] or {}, figures["among_non_normal"] or {}
    specific_controls = specific.get("controls", {})
    return [
        *(format_figure(get(controls[name])) if controls else "-" for name in names),
        format_figure(specific.get(auroc)),
        *(format_figure(get(specific_controls[name])) if specific_controls else "-" for name in names),
    ]


def _format_robustness(curves: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    """Lines for people: the macro AUROC at each level, a family in each line."""
    width = max(map(len, curves))
    lines = ["Macro AUROC of disturbed recordings:"]
    for family, levels in curves.items():
        figures = ", ".join(f"{level['level']} {format_figure(level['auroc_macro'])}" for level in levels)
        lines.append(f"{family.ljust(width)}  {figures}")
    return "\n".join(lines) + "\n"
