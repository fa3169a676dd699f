"""The build report as one HTML page with plots, to look at a corpus before anything is trained on it."""

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from datasets_scripts.page import columns, key_figures, percent, section, table, write_document
from datasets_scripts.readers.losses import tell_losses
from datasets_scripts.schema import MICROVOLTS_PER_MILLIVOLT, SAMPLING_RATE

from .labels import are_known, count_labels, tell_next
from .plots import DEFECT_COLOURS, draw_first_strip, plot_defects, plot_histogram, plot_labels, plot_voltages
from .quality import MIN_PLATEAU, MIN_PLATEAU_UV
from .report import MAX_RESIDUAL_UV


PAGE_FILENAME = "build_report.html"
MAX_LABELS = 40  # drawn as bars; the table lists all
MAX_SKIPPED = 50
QUANTILES = ("p5", "median", "p95")


def write_page(report: Mapping[str, Any], path: Path, *, files: Mapping[str, Sequence[Path]]) -> None:
    """Write the report as a page that needs no other file and no network.

    Args:
        report (`Mapping`):
            What build_report.json holds.
        path (`Path`):
            The page to write.
        files (`Mapping[str, Sequence[Path]]`):
            Parquet files of each split; the first row of the first one is drawn.
    """
    parts = [_heading(report), _key_figures(report), _splits(report["splits"])]
    if report["signal_quality"]["num_strips"]:
        quality = report["signal_quality"]
        parts += [
            _first_strip(next(file for split in files for file in files[split])),
            _labels(report["splits"], corpus=report["corpus"], folder=str(path.parent)),
            columns(_voltages(quality), _defects(quality)),
            columns(_limb_leads(quality["limb_residual_uv"]), _recordings(report["recordings"])),
            columns(_ages(report["people"]), _build(report)),
            _measurements(report["measurements"]),
        ]
    else:
        parts.append(_build(report))
    parts += [_losses(report), _skipped(report["skipped"])]
    write_document(path, title=f"{report['corpus']}, {report['config_name']}", parts=parts)


def _heading(report: Mapping[str, Any]) -> str:
    name = f"{escape(report['corpus'])} <span class=muted>· {escape(report['config_name'])}</span>"
    return f"<header><h1>{name}</h1><p class=muted>What the prepared corpus holds, and how good it is.</p></header>"


def _key_figures(report: Mapping[str, Any]) -> str:
    """The figures that a reader wants first."""
    splits, timing = list(report["splits"].values()), report["timing"]
    totals = {
        key: sum(split[key] for split in splits) for key in ("num_records", "num_patients", "num_rows", "num_skipped")
    }
    figures = [
        (f"{totals['num_records']:,}", "records"),
        (f"{totals['num_patients']:,}", "patients"),
        (f"{totals['num_rows']:,}", "rows of 10 s"),
        (f"{len(splits[0]['labels'])}" if are_known(report["splits"]) else "none yet", "labels"),
        (f"{totals['num_skipped']:,}", "records left out"),
        (_duration(timing["wall_s"]), f"at {timing['records_per_s']:,.0f} records/s"),
    ]
    return key_figures(figures, alarms=["records left out"] if totals["num_skipped"] else [])


def _splits(splits: Mapping[str, Any]) -> str:
    keys = ("num_records", "num_patients", "num_rows", "num_skipped")
    rows = [[name, *(f"{split[key]:,}" for key in keys)] for name, split in splits.items()]
    return section("Splits", table(["split", "records", "patients", "rows", "left out"], rows))


def _first_strip(file: Path) -> str:
    drawn = draw_first_strip(file)
    if drawn is None:
        return ""
    record_id, image = drawn
    return section(
        "The first strip",
        f'<img alt="ECG of record {escape(record_id)}" src="data:image/png;base64,{image}">',
        note="Do amplitudes and leads look like an ECG? Wrong units or swapped leads show here first.",
    )


def _labels(splits: Mapping[str, Any], *, corpus: str, folder: str) -> str:
    """Prevalence of each label, as bars for the most frequent ones and as a table for all."""
    if not are_known(splits):
        told = escape(tell_next(splits, corpus, folder=folder))
        return section("Labels", f"<p>No labels yet: of no row is any label known. {told}</p>")
    filled = {name: split["labels"] for name, split in splits.items() if split["num_rows"]}
    totals = count_labels(splits)
    ordered = sorted(totals, key=lambda label: -totals[label])
    drawn = [label for label in ordered if totals[label]][:MAX_LABELS]
    absent = sum(not total for total in totals.values())
    header = ["label", *(cell for name in filled for cell in (f"positive in {name}", "of known"))]
    rows = [[label, *(cell for split in filled.values() for cell in _label_cells(split[label]))] for label in ordered]
    return section(
        "Labels",
        (plot_labels(filled, drawn) if drawn else "<p>No label is positive in any row.</p>")
        + f"<details><summary>All {len(ordered)} labels as a table</summary>{table(header, rows)}</details>",
        note="Of the rows for which a label is known, the share in which it is positive. Splits should agree; a label"
        " with under five positives in a split can hardly be evaluated there."
        + (f" {absent} labels are positive in no row." if absent else "")
        + (f" The {MAX_LABELS} most frequent ones are drawn." if len(ordered) - absent > MAX_LABELS else ""),
    )


def _label_cells(label: Mapping[str, Any]) -> tuple[str, str]:
    return f"{label['num_positives']:,}", percent(label["prevalence"])


def _voltages(quality: Mapping[str, Any]) -> str:
    return section(
        "Voltage of each lead",
        plot_voltages(quality["leads"]),
        note="Peak to peak: the dot is the median, the line goes from the 5th to the 95th percentile. Medians between"
        " 0.5 and 2.5 mV are usual; a thousand times more or less is a wrong unit.",
    )


def _defects(quality: Mapping[str, Any]) -> str:
    """Leads that are missing, flat or clipped, and records to look at."""
    leads, samples = quality["leads"], quality["share_of_samples"]
    rows = [[name.replace("_", " "), ", ".join(ids)] for name, ids in quality["examples"].items() if ids]
    plateau_ms, plateau_mv = 1000 * MIN_PLATEAU / SAMPLING_RATE, MIN_PLATEAU_UV / MICROVOLTS_PER_MILLIVOLT
    is_clean = not any(lead[f"share_{defect}"] for lead in leads.values() for defect in DEFECT_COLOURS)
    examples = f"<details><summary>Records to look at</summary>{table(['', 'first records'], rows)}</details>"
    return section(
        "Defects of leads",
        ("<p>No lead is missing, flat or clipped in any strip.</p>" if is_clean else plot_defects(leads))
        + f"<p class=note>Of the samples, {percent(samples['clipped'])} are clipped, {percent(samples['masked'])}"
        f" masked, since they were not recorded, and {percent(samples['missing'])} missing: padding, 0 in every lead,"
        " or held until the end.</p>" + (examples if rows else ""),
        note=f"Missing: not recorded. Flat: one voltage throughout. Clipped: for {plateau_ms:g} ms or longer at the"
        f" lead's own limit, {plateau_mv:g} mV or more from zero, or beyond ±32.767 mV.",
    )


def _limb_leads(residual: Mapping[str, Any]) -> str:
    title = "Do the limb leads agree?"
    if not residual["num_strips"]:
        return section(title, "<p>In no strip were leads I, II and III all recorded.</p>")
    return section(
        title,
        plot_histogram(residual["histogram"], unit="mean |I + III - II|, µV", counted="strips")
        + f"<p class=note>Median {residual['median']:g} µV, 95th percentile {residual['p95']:g} µV, largest"
        f" {residual['max']:g} µV; above {MAX_RESIDUAL_UV} µV in {percent(residual['share_above_20'])} of the"
        " strips.</p>",
        note="I + III = II at every moment (Einthoven). Rounding leaves about 1 µV; more says that leads were filtered"
        " apart, swapped, or are defective.",
    )


def _recordings(recordings: Mapping[str, Any]) -> str:
    """Length and rate before resampling, cutting and padding."""
    durations = recordings["duration_s"]
    rates = [f"{count:,} at {rate} Hz" for rate, count in recordings["num_records_by_sampling_rate_hz"].items()]
    return section(
        "Length and rate as recorded",
        plot_histogram(durations["histogram"], unit="seconds", counted="records")
        + f"<p class=note>Median {durations['median']:g} s, from {durations['min']:g} to {durations['max']:g} s."
        f" Records: {', '.join(rates)}.</p>",
        note="Rows are at 500 Hz and hold 10 s; shorter recordings are padded.",
    )


def _ages(people: Mapping[str, Any]) -> str:
    ages = people["age_years"]
    sexes = ", ".join(f"{count:,} {sex}" for sex, count in people["num_records_by_sex"].items())
    is_known = ages["median"] is not None
    return section(
        "Age and sex",
        (plot_histogram(ages["histogram"], unit="years", counted="records") if is_known else "<p>No age is known.</p>")
        + f"<p class=note>Records: {sexes}; of unknown age {ages['num_unknown']:,}.</p>",
        note="Counted by record, not by patient.",
    )


def _measurements(measurements: Mapping[str, Any]) -> str:
    """The numbers that the source states."""
    if not measurements:
        return ""
    rows = [
        [key, f"{entry['num_known']:,}", *(f"{entry[name]:g}" if entry["num_known"] else "-" for name in QUANTILES)]
        for key, entry in measurements.items()
    ]
    return section(
        "Measurements",
        table(["", "rows", "5 %", "median", "95 %"], rows),
        note="Numbers that the source states; the unit stands in the name. What no heart can do was left out.",
    )


def describe_losses(report: Mapping[str, Any]) -> str:
    """What of the records that were read was not used, in a sentence."""
    told = tell_losses(report["losses"])
    return f"{told[0].upper()}{told[1:]}"


def _losses(report: Mapping[str, Any]) -> str:
    """What of the records that were read was not used."""
    losses = report["losses"]
    if not losses["num_records"]:
        return ""
    rows = [
        *([f"{entry['channel']} left out", entry] for entry in losses["channels_left_out"]["most_frequent"]),
        *([entry["remark"], entry] for entry in losses["other_remarks"]),
    ]
    suspected = losses["suspected_exchanges"]
    if suspected["num_records"]:
        reason = f"first {', '.join(suspected['first'])}"
        rows.append(["exchanged leads suspected", {"num_records": suspected["num_records"], "reason": reason}])
    cells = [[what, entry.get("reason", ""), f"{entry['num_records']:,}"] for what, entry in rows]
    return section(
        "What was not used",
        f"<p>{escape(describe_losses(report))}</p>" + (table(["", "", "records"], cells) if cells else ""),
        note="Of records that were read. accounts.jsonl has a line for each of them.",
    )


def _skipped(skipped: Sequence[Mapping[str, str]]) -> str:
    if not skipped:
        return ""
    rows = [[entry["split"], entry["record_id"], entry["reason"]] for entry in skipped[:MAX_SKIPPED]]
    rest = f" The first {MAX_SKIPPED} are shown, build_report.json lists all." if len(skipped) > MAX_SKIPPED else ""
    note = f"{len(skipped):,} could not be read.{rest}"
    return section("Records left out", table(["split", "record", "reason"], rows), note=note)


def _build(report: Mapping[str, Any]) -> str:
    timing = report["timing"]
    per_process = timing["records_per_s_per_process"]
    rows = [
        *([name, str(value)] for name, value in report["options"].items()),
        ["processes", str(timing["num_proc"])],
        ["this run", f"{_duration(timing['wall_s'])}, {timing['records_per_s']:,.0f} records/s"],
        ["all work", f"{_duration(timing['seconds_of_work'])}, {per_process or 0:,.0f} records/s per process"],
        ["from earlier runs", f"{timing['num_records_kept_from_earlier_runs']:,} records"],
        ["fingerprint", report["fingerprint"]],
    ]
    return section("How it was built", table(["", ""], rows))


def _duration(seconds: float) -> str:
    """Seconds for people: "4.2 s", "48 s", "3 min 05 s", "2 h 10 min"."""
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"
