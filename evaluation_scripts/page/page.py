"""The page of an evaluation: what was reached, against which controls, by which protocol, and what went wrong."""

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from datasets_scripts.page import key_figures, section, table, write_document
from evaluation_scripts.load import LabelledRecords
from evaluation_scripts.metrics import format_figure
from evaluation_scripts.suites.evaluated import EvaluatedSets

from .fitted import show_fitted, show_transfer
from .plots import count_errors, plot_curves, plot_errors, plot_forest, plot_reliability, plot_robustness
from .worst import draw_mistake, find_worst


STYLE = """<style>
h1, h2, p, figcaption { overflow-wrap: anywhere; }
.scroll { overflow-x: auto; } .scroll table { width: max-content; min-width: 100%; }
.scroll th, .scroll td { overflow-wrap: normal; white-space: nowrap; }
.scroll td:last-child { white-space: normal; min-width: 12em; }
.plots { columns: 2 400px; column-gap: 20px; } figure { margin: 0 0 14px; break-inside: avoid; }
figcaption { font-size: 14px; color: var(--muted); }
@media (max-width: 480px) { main { padding: 14px 8px 40px; } section { padding: 14px 12px; } }
@media print { body { background: none; } main { max-width: none; padding: 0; } details { display: block; }
  section, .figure { break-inside: auto; border-color: var(--axis); } svg, img, tr, figure { break-inside: avoid; }
  h2 { break-after: avoid; } .scroll { overflow: visible; } table { font-size: 9px; }
  .scroll table { width: 100%; } .scroll th, .scroll td { white-space: normal; padding-right: 6px; }
  .scroll th, .scroll td:first-child { overflow-wrap: anywhere; } .scroll td:last-child { min-width: 0; }
  .scroll td.number { white-space: nowrap; } }
</style>"""
FOREST_NOTE = (
    "Point and bar: AUROC and its 95 % interval over patients. Upright lines: what is reached without the name of the"
    " condition. Grey marks: what was fitted on the training labels. * = understood: the query beats its best control"
    " among records that are not normal, lower bound of the paired interval above 0. A number in brackets: positives"
    " of a condition that is not averaged."
)
ERROR_NOTE = (
    "Of the records in which the condition of the row is present, the percentage in which that of the column is"
)
MAX_DIFFERENCES = 40


def write_page(
    path: str | Path,
    report: Mapping[str, Any],
    sets: EvaluatedSets,
    *,
    recordings: Mapping[str, LabelledRecords] | None = None,
    differences: Mapping[str, Any] | None = None,
) -> None:
    """Write the page.

    Args:
        path (`str` or `Path`):
            The HTML file.
        report (`Mapping`):
            What eval_results.json holds.
        sets ([`EvaluatedSets`]):
            The scores behind it.
        recordings (`Mapping[str, LabelledRecords]`, *optional*):
            Recordings by "corpus/configuration/split", to draw the worst errors.
        differences (`Mapping`, *optional*):
            What [`compare_labels`] found.
    """
    protocol = report["protocol"]["name"]
    parts = [STYLE, _heading(report), _key_figures(report), _list_sets(report)]
    if report["published"]:
        parts.append(_list_published(report["published"], protocol))
    parts += [show_fitted(report), show_transfer(report.get("transfer", ()))]
    for name in report["results"]:
        parts.append(_describe_set(name, report["results"][name], sets, protocol))
    parts.append(_show_worst(sets, recordings or {}))
    parts.append(_list_differences(differences))
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    write_document(target, title=f"Evaluation of {report['model']}", parts=parts)


def _heading(report: Mapping[str, Any]) -> str:
    """System, protocol, and what the protocol means."""
    name, split, description = (escape(report["protocol"][key]) for key in ("name", "split", "description"))
    title = f"{escape(Path(report['model']).name)} <span class=muted>· protocol {name}</span>"
    return f"<header><h1>{title}</h1><p class=muted>{description} Split: {split}.</p></header>"


def _key_figures(report: Mapping[str, Any]) -> str:
    """The figures that a reader wants first."""
    overall = report["overall"]
    understood = overall["understood"]
    counted = f"{understood['num_understood']} of {understood['num_conditions']}" if understood else "-"
    figures = [
        (format_figure(overall["auroc_macro"]), f"AUROC, mean of {overall['num_sets']} sets"),
        (_interval(overall["auroc_macro_ci95"]), "95 % interval over patients"),
        (str(overall["num_conditions"]), "conditions averaged"),
        (counted, "unseen conditions understood"),
    ]
    missing = len(report["missing"])
    return key_figures([*figures, (str(missing), "sets not tested")], alarms=["sets not tested"] if missing else [])


def _list_sets(report: Mapping[str, Any]) -> str:
    """One line per set."""
    header = ["set", "protocol", "records", "AUROC", "95 % interval", "AUPRC", "F1", "sensitivity", "specificity"]
    header += ["ECE", "unseen", "null line", "understood"]
    rows = []
    for name, result in report["results"].items():
        unseen, understood = result["unseen"] or {}, result["understood"]
        names = ("auprc_macro", "f1_macro", "sensitivity_macro", "specificity_macro", "ece_macro")
        rows.append(
            [
                name,
                result["protocol"],
                f"{result['num_records']:,}",
                format_figure(result["auroc_macro"]),
                _interval(result["auroc_macro_ci95"]),
                *(format_figure(result[key]) for key in names),
                format_figure(unseen.get("auroc_macro")),
                format_figure((unseen.get("null") or {}).get("auroc_macro")),
                f"{understood['num_understood']} of {understood['num_conditions']}" if understood else "-",
            ]
        )
    note = (
        "F1, sensitivity and specificity at thresholds that the validation split chose. The null line is the best"
        " control of each unseen condition: what no language is needed for."
    )
    missing = "".join(
        f"<p class=note>Not tested: {escape(name)}: {escape(reason)}.</p>"
        for name, reason in report["missing"].items()
    )
    return section("Sets", _scroll(table(header, rows)) + missing, note=note)


def _list_published(published: Sequence[Mapping[str, Any]], protocol: str) -> str:
    """What others published, marked as such."""
    names = list(published[0]["auroc_macro"])
    rows = [
        [
            row["system"],
            row["protocol"],
            *(format_figure(figure) for figure in row["auroc_macro"].values()),
            format_figure(row["mean"]),
            row["source"],
        ]
        for row in published
    ]
    comparable = "" if protocol == "merl" else f" They are not comparable with the figures of this page ({protocol})."
    return section(
        "Published by others",
        _scroll(table(["system", "protocol", *names, "mean", "source"], rows)),
        note=f"Quoted, not measured here; zero-shot macro AUROC under MERL's protocol.{comparable}",
    )


def _describe_set(name: str, result: Mapping[str, Any], sets: EvaluatedSets, protocol: str) -> str:
    """Forest plot, curves, reliability and errors of one set."""
    tested, entries = sets.tested(name), result["conditions"]
    included = np.array([entry["is_averaged"] for entry in entries], dtype=bool)
    plots = [_figure(plot_forest(entries), "AUROC of each condition")]
    if included.any():
        roc, precision = plot_curves(tested.scores[:, included], tested.labels[:, included])
        plots.append(_figure(roc, "ROC curves, and their mean"))
        plots.append(_figure(precision, "Precision and recall, and their mean"))
    if result["reliability"]:
        plots.append(
            _figure(plot_reliability(result["reliability"]), "Reliability of all averaged conditions together")
        )
    thresholds = np.array([np.nan if entry["threshold"] is None else entry["threshold"] for entry in entries])
    errors = count_errors(tested.scores, tested.labels, thresholds, [entry["label"] for entry in entries])
    if errors is not None:
        plots.append(_figure(plot_errors(*errors), f"{ERROR_NOTE} called though absent"))
    title = f"{name} · protocol {protocol}"
    listed = f"<details><summary>All conditions in figures</summary>{_scroll(_list_conditions(entries))}</details>"
    body = f'<div class="plots">{"".join(plots)}</div>' + listed + _tell_robustness(result)
    return section(title, body, note=FOREST_NOTE)


def _tell_robustness(result: Mapping[str, Any]) -> str:
    """What other wordings and disturbances make of a set, where they were tried."""
    told = ""
    if "wording_spread_macro" in result:
        worst, spread = result["auroc_macro_worst_wording"], result["wording_spread_macro"]
        told = (
            f"<p class=note>In three wordings: the worst of each condition has a mean AUROC of {format_figure(worst)};"
            f" best and worst lie {format_figure(spread)} apart on average.</p>"
        )
    curves = [
        _figure(plot_robustness(levels), f"{name}: AUROC of each condition, and the mean")
        for name, levels in (result.get("robustness") or {}).items()
    ]
    return told + (f'<div class="plots">{"".join(curves)}</div>' if curves else "")


def _list_conditions(entries: Sequence[Mapping[str, Any]]) -> str:
    """The figures of every condition as a table."""
    header = [
        "condition",
        "query",
        "training",
        "positives",
        "AUROC",
        "95 % interval",
        "AUPRC",
        "threshold",
        "F1",
        "ECE",
    ]
    header += ["best control*", "query less control*", "understood"]
    words = {True: "yes", False: "no", None: "-"}
    training = {True: "named", False: "not named", None: "unknown"}
    rows = []
    for entry in entries:
        specific = entry.get("among_non_normal") or {}
        rows.append(
            [
                entry["label"],
                entry["query"],
                training[entry["seen"]],
                str(entry["num_positives"]),
                format_figure(entry["auroc"]),
                _interval(entry["auroc_ci95"]),
                *(format_figure(entry[key]) for key in ("auprc", "threshold", "f1", "ece")),
                (specific.get("best_control") or "-").replace("_", " "),
                _interval(specific.get("margin_ci95")),
                words[specific.get("understood")],
            ]
        )
    return table(header, rows)


def _show_worst(sets: EvaluatedSets, recordings: Mapping[str, LabelledRecords]) -> str:
    """The errors that the system is surest of."""
    mistakes = find_worst(sets)
    rows = [
        [
            mistake.set_name,
            mistake.record_id,
            mistake.label,
            "present" if mistake.is_present else "absent",
            format_figure(mistake.score),
            f"{100 * (1 - mistake.distance if mistake.is_present else mistake.distance):.0f} %",
        ]
        for mistake in mistakes
    ]
    strips = []
    for mistake in mistakes:
        image = draw_mistake(mistake, recordings)
        if image is not None:
            caption = (
                f"{mistake.set_name}, record {mistake.record_id}: {mistake.label} is"
                f" {'present' if mistake.is_present else 'absent'}, score {mistake.score:.3f}"
            )
            picture = f'<img alt="{escape(caption)}" src="data:image/png;base64,{image}">'
            strips.append(f"<figure>{picture}<figcaption>{escape(caption)}</figcaption></figure>")
    content = _scroll(table(["set", "record", "condition", "truth", "score", "of records score lower"], rows))
    note = (
        "The records ranked furthest from where they belong, one of each condition." if mistakes else "There are none."
    )
    return section("Worst errors", content + "".join(strips), note=note)


def _list_differences(differences: Mapping[str, Any] | None) -> str:
    """What the two protocols disagree about."""
    if differences is None:
        note = "Name MERL's tables with `--split_dir` to count where their labels differ from the corpora's own."
        return section("Protocol differences", "", note=note)
    header = ["set", "class", "compared with", "true", "table", "true, test", "table, test", "reason"]
    keys = ("num_true", "num_table", "num_true_test", "num_table_test")
    rows = [
        [row["set"], row["label"], row["against"], *(f"{row[key]:,}" for key in keys), row["reason"]]
        for row in differences["labels"][:MAX_DIFFERENCES]
    ]
    notes = "".join(
        f"<p class=note>{escape(note['set'])}: {escape(note['what'])} ({note['num_records']:,} records,"
        f" {note['num_test_records']:,} of them test).</p>"
        for note in differences["signals"]
    )
    return section(
        "Protocol differences",
        _scroll(table(header, rows)) + notes,
        note="Positive records by MERL's tables and in truth.",
    )


def _figure(drawing: str, caption: str) -> str:
    """A drawing with what it shows."""
    return f"<figure>{drawing}<figcaption>{escape(caption)}</figcaption></figure>"


def _scroll(content: str) -> str:
    """What may be wider than a phone."""
    return f'<div class="scroll">{content}</div>'


def _interval(interval: Sequence[float] | None) -> str:
    """Both bounds."""
    return " to ".join(map(format_figure, interval)) if interval else "-"
