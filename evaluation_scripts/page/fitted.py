"""What of the page concerns fitted systems: probes and baselines beside the system, and transfer between corpora."""

from collections.abc import Mapping, Sequence
from typing import Any

from datasets_scripts.page import section, table
from evaluation_scripts.metrics import format_figure
from evaluation_scripts.suites.suite_table import format_gain, format_point, list_fitted


FITTED_NOTE = (
    "Macro AUROC of logistic regressions, fitted on the training split and tested on the same records; the strength of"
    " regularisation was chosen on validation. In brackets: the system of this page less that, * where the 95 %"
    " interval of the paired difference excludes 0."
)
TRANSFER_NOTE = (
    "The linear probe that learnt one corpus, on the findings that another shares with it by name or code; beside it"
    " the probe that learnt the tested corpus itself."
)
NAMES = {
    "probe": "linear probe",
    "random": "random encoder, probed",
    "demographics": "age and sex",
    "intervals": "heart rate and intervals",
}


def show_fitted(report: Mapping[str, Any]) -> str:
    """Probes and baselines of every set, and what shares of the labels are worth; nothing where none was fitted."""
    fitted = {name: list_fitted(result) for name, result in report["results"].items()}
    sources = list(dict.fromkeys(source for own in fitted.values() for source in own))
    if not sources:
        return ""
    rows = [
        [
            name,
            report["results"][name]["protocol"],
            format_figure(report["results"][name]["auroc_macro"]),
            *(format_gain(own[source]) if source in own else "-" for source in sources),
        ]
        for name, own in fitted.items()
    ]
    header = ["set", "protocol", "zero-shot", *(NAMES[source] for source in sources)]
    content = _scroll(table(header, rows)) + _list_curves(fitted) + _tell_failures(fitted)
    return section("Fitted on the training labels", content, note=FITTED_NOTE)


def _list_curves(fitted: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> str:
    """Macro AUROC by share of the training labels."""
    curves = [
        (name, source, {point["percent"]: format_point(point) for point in entry["curve"]})
        for name, own in fitted.items()
        for source, entry in own.items()
        if "curve" in entry
    ]
    if not curves:
        return ""
    percents = list(dict.fromkeys(percent for *_, points in curves for percent in points))
    rows = [
        [name, NAMES[source], *(points.get(percent, "-") for percent in percents)] for name, source, points in curves
    ]
    header = ["set", "", *(f"{percent:g} % of labels" for percent in percents)]
    return (
        "<p class=note>By share of the training labels; mean and standard deviation over draws. A condition without a"
        f" positive record among those drawn counts as .5.</p>{_scroll(table(header, rows))}"
    )


def _tell_failures(fitted: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> str:
    """Records in which nothing could be measured."""
    counts = {
        name: entry["num_unmeasured_records"]
        for name, own in fitted.items()
        for entry in own.values()
        if entry.get("num_unmeasured_records")
    }
    told = ", ".join(f"{count:,} of {name}" for name, count in counts.items())
    return f"<p class=note>Records in which neurokit2 measured nothing: {told}.</p>" if told else ""


def show_transfer(entries: Sequence[Mapping[str, Any]]) -> str:
    """One line per pair of sets; nothing where none was tried."""
    if not entries:
        return ""
    rows = [
        [
            entry["learnt"],
            entry["tested"],
            format_figure(entry["auroc_macro"]),
            " to ".join(map(format_figure, entry["auroc_macro_ci95"])) if entry["auroc_macro_ci95"] else "-",
            format_figure(entry["auroc_macro_own"]),
            str(entry["num_conditions"]),
            ", ".join(condition["label"] for condition in entry["conditions"]) or "-",
        ]
        for entry in entries
    ]
    header = ["learnt", "tested", "AUROC", "95 % interval", "learnt on its own", "averaged", "shared conditions"]
    return section("Transfer across corpora", _scroll(table(header, rows)), note=TRANSFER_NOTE)


def _scroll(content: str) -> str:
    """What may be wider than a phone."""
    return f'<div class="scroll">{content}</div>'
