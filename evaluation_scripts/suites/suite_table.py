"""What a suite prints at its end: one line per set, what is missing, and the figures that others published."""

from collections.abc import Mapping, Sequence
from typing import Any

from evaluation_scripts.metrics import format_figure
from evaluation_scripts.protocols.label_sets import MERL


def format_suite(
    results: Mapping[str, Mapping[str, Any]],
    overall: Mapping[str, Any],
    *,
    protocol: str,
    missing: Mapping[str, str],
    published: Sequence[Mapping[str, Any]] = (),
) -> str:
    """The sets of a suite, for people.

    Args:
        results (`Mapping[str, Mapping]`):
            What [`compile_set`] gives, by "corpus/configuration/split".
        overall (`Mapping`):
            What [`average_sets`] gives.
        protocol (`str`):
            Name of the protocol, which stands in every line.
        missing (`Mapping[str, str]`):
            Why other sets were not tested, by name of the set.
        published (`Sequence[Mapping]`, *optional*):
            What [`read_published`] gives.

    Returns:
        `str`: Lines that end in a line break.
    """
    header = [
        "set",
        "protocol",
        "records",
        "AUROC",
        "95 % interval",
        "unseen",
        "null line",
        "understood",
        "conditions",
    ]
    rows = [header, *(_format_set(name, result, protocol) for name, result in results.items())]
    rows.append(_format_mean(overall, protocol))
    lines = _line_up(rows)
    lines += _format_fitted(results)
    lines += [f"Not tested: {name}: {reason}." for name, reason in missing.items()]
    if published:
        lines.append(
            f"Published by others under the protocol {MERL}, quoted and not measured here"
            + (":" if protocol == MERL else f" (not comparable with the figures above, which are {protocol}):")
        )
        lines += _line_up([_format_published(row) for row in published])
    return "\n".join(lines) + "\n"


def _format_set(name: str, result: Mapping[str, Any], protocol: str) -> list[str]:
    """The cells of one set."""
    unseen, understood = result["unseen"] or {}, result["understood"]
    null_line = (unseen.get("null") or {}).get("auroc_macro")
    return [
        name,
        protocol,
        str(result["num_records"]),
        format_figure(result["auroc_macro"]),
        _format_interval(result["auroc_macro_ci95"]),
        format_figure(unseen.get("auroc_macro")),
        format_figure(null_line),
        _format_understood(understood),
        f"{result['num_conditions']} averaged, {len(result['skipped_conditions'])} not",
    ]


def _format_mean(overall: Mapping[str, Any], protocol: str) -> list[str]:
    """The cells of the mean over sets."""
    return [
        f"mean of {overall['num_sets']} sets",
        protocol,
        "",
        format_figure(overall["auroc_macro"]),
        _format_interval(overall["auroc_macro_ci95"]),
        "",
        "",
        _format_understood(overall["understood"]),
        f"{overall['num_conditions']} averaged",
    ]


def list_fitted(result: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """What was fitted on the training split of a set, by source: the probe of the encoder first, then baselines."""
    return {**({"probe": result["probe"]} if "probe" in result else {}), **result.get("baselines", {})}


def _format_fitted(results: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Probes and baselines beside the system, one line per set, and what shares of the labels are worth."""
    fitted = {name: list_fitted(result) for name, result in results.items()}
    sources = list(dict.fromkeys(source for own in fitted.values() for source in own))
    if not sources:
        return []
    rows = [["set", "zero-shot", *(f"{source} (zero-shot less it)" for source in sources)]]
    for name, own in fitted.items():
        cells = [format_gain(own[source]) if source in own else "-" for source in sources]
        rows.append([name, format_figure(results[name]["auroc_macro"]), *cells])
    lines = ["Fitted on the training split, on the same records (macro AUROC)", *_line_up(rows)]
    for name, own in fitted.items():
        for source, entry in own.items():
            curve = [f"{point['percent']:g} %: {format_point(point)}" for point in entry.get("curve", ())]
            lines += [f"{name}, {source} by share of the training labels: {', '.join(curve)}"] if curve else []
    return lines


def format_gain(entry: Mapping[str, Any]) -> str:
    """What was reached, and by how much the system is better; a star where the interval excludes 0."""
    gain, interval = entry["system_less_this"], entry["system_less_this_ci95"]
    star = "*" if interval and (interval[0] > 0 or interval[1] < 0) else ""
    return format_figure(entry["auroc_macro"]) + ("" if gain is None else f" ({gain:+.3f}{star})")


def format_point(point: Mapping[str, Any]) -> str:
    """The mean over draws of a share of the labels, and their standard deviation."""
    spread = point["auroc_macro_sd"]
    return format_figure(point["auroc_macro"]) + ("" if spread is None else f" ± {format_figure(spread)}")


def _format_published(row: Mapping[str, Any]) -> list[str]:
    """The cells of a published system."""
    return [
        row["system"],
        *(format_figure(figure) for figure in row["auroc_macro"].values()),
        format_figure(row["mean"]),
    ]


def _format_interval(interval: Sequence[float] | None) -> str:
    """Both bounds of an interval."""
    return " to ".join(map(format_figure, interval)) if interval else "-"


def _format_understood(understood: Mapping[str, Any] | None) -> str:
    """How many of how many."""
    return f"{understood['num_understood']} of {understood['num_conditions']}" if understood else "-"


def _line_up(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows as lines whose cells stand below each other."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
