"""The realism page: simulated and real strips side by side, and their measurements, as one HTML file."""

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from datasets_scripts.page import (
    STYLE,
    columns,
    encode_png,
    figure_to_svg,
    key_figures,
    section,
    table,
    write_document,
)
from datasets_scripts.schema import SAMPLING_RATE
from modeling_supreme.leads import STANDARD_LEADS
from modeling_supreme.plotting.palette import INK, ORANGE

from .pairs import REAL, SIDES, SIMULATED, Pair, strip_file_name
from .strip_features import BAND_EDGES_HZ, BEAT_SAMPLES, BEFORE_R_S


COLOURS = {REAL: INK, SIMULATED: ORANGE}
BEATS_DPI = 80
NUM_TELLTALES = 25
# Shown as histograms: what a cardiologist measures first.
SHOWN = (
    *("rate_per_min", "rr_spread_share", "p_peak_to_qrs_ms", "qrs_ms", "qrs_onset_to_t_peak_ms", "qrs_turns"),
    *("qrs_axis_deg", "t_axis_deg", "p_size_mv", "II_r_mv", "V1_s_mv", "V2_s_mv"),
    *("V5_r_mv", "aVL_r_mv", "II_t_mv", "V2_t_mv", "V6_t_mv", "V2_st_mv"),
    *("beat_to_beat_mv", "fast_noise_mv", "wander_mv"),
)


def write_realism_page(path: Path, figures: Mapping[str, Any], pairs: Sequence[Pair], *, strips_dir: Path) -> None:
    """Write the page.

    Args:
        path (`Path`):
            The page.
        figures (`Mapping`):
            What realism.json holds.
        pairs (`Sequence[Pair]`):
            The strips as measured.
        strips_dir (`Path`):
            Folder of the drawn strips.
    """
    parts = [
        "<header><h1>Simulated and real ECGs</h1><p class=muted>Each record of PTB-XL beside a simulated one with the"
        " same main finding. Simulator " + f"{figures['simulator_version']}, seed {figures['seed']}.</p></header>",
        _key_figures(figures),
        _telltales(figures["measurements"]),
        section(
            "Distributions",
            _plot_distributions(pairs),
            note="Dark: real. Orange: simulated. Both sides are measured by the same code, and have the same main"
            " findings equally often; what else they have differs.",
        ),
        section(
            "Spectra", _plot_spectra(pairs), note="Power in the bands of each lead: median, 5th and 95th percentile."
        ),
        _conditions_table(figures["conditions"]),
        *(_condition(name, entry, pairs, strips_dir) for name, entry in figures["conditions"].items()),
    ]
    write_document(path, title="Realism of the simulated corpus", parts=parts)


def _key_figures(figures: Mapping[str, Any]) -> str:
    """The AUROC of each test with its interval."""
    tests = []
    for name, test in figures["two_sample_auroc"].items():
        if test["auroc"] is not None:
            low, high = test["auroc_ci95"]
            tests.append((f"{test['auroc']:.3f}", f"AUROC, {name} ({low:.3f} to {high:.3f})"))
    counts = [(f"{figures['num_pairs']:,}", "pairs"), (f"{figures['num_left_out']:,}", "real records left out")]
    explained = "AUROC of classifiers that tell simulated from real strips, cross-validated by patient: 0.5 is alike."
    return key_figures([*tests, *counts]) + f"<p class=note>{explained}</p>"


def _telltales(measurements: Mapping[str, Any]) -> str:
    """The measurements that separate best by themselves."""
    ordered = sorted(measurements, key=lambda name: -abs(measurements[name]["auroc"] - 0.5))[:NUM_TELLTALES]
    rows = [
        [name, f"{measurements[name]['auroc']:.2f}", *(_spread(measurements[name][side]) for side in SIDES)]
        for name in ordered
    ]
    return section(
        "What gives simulated strips away",
        table(["measurement", "AUROC", "real: median (5 to 95 %)", "simulated"], rows),
        note="AUROC of one measurement alone: above 0.5 the simulated values are higher, below it lower.",
    )


def _spread(quantiles: Sequence[float]) -> str:
    low, median, high = quantiles
    return f"{median:.3g} ({low:.3g} to {high:.3g})"


def _conditions_table(conditions: Mapping[str, Any]) -> str:
    rows = [
        [
            name,
            f"{entry['num_pairs']}",
            "-" if entry["mean_beat_difference_mv"] is None else f"{1000 * entry['mean_beat_difference_mv']:.0f}",
            entry["largest_in_lead"] or "",
        ]
        for name, entry in conditions.items()
    ]
    header = ["main finding", "pairs", "difference of mean beats, µV rms", "largest in"]
    return section("Conditions", table(header, rows))


def _condition(name: str, entry: Mapping[str, Any], pairs: Sequence[Pair], strips_dir: Path) -> str:
    """Two strips and the mean beats of a condition."""
    strips = [section(side, _image(strips_dir / strip_file_name(name, side), f"{side} ECG, {name}")) for side in SIDES]
    beats = encode_png(_plot_beats([pair for pair in pairs if pair.condition == name]), dpi=BEATS_DPI)
    return section(
        name,
        f'<img alt="mean beats, {name}" src="data:image/png;base64,{beats}">',
        note=f"{entry['num_pairs']} pairs. Mean beat, and one standard deviation of the beats around it.",
    ) + columns(*strips)


def _image(path: Path, description: str) -> str:
    return f'<img alt="{description}" src="data:image/png;base64,{base64.b64encode(path.read_bytes()).decode()}">'


def _plot_beats(pairs: Sequence[Pair]) -> Figure:
    """Mean beats of real and simulated strips in the twelve leads."""
    times = 1000 * (np.arange(BEAT_SAMPLES) / SAMPLING_RATE - BEFORE_R_S)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(13, 4.6), layout="constrained")
        panels = figure.subplots(2, 6, sharex=True)
        for side in SIDES:
            beats = np.stack([getattr(pair, side).features.beat for pair in pairs])
            mean, spread = beats.mean(axis=0), beats.std(axis=0)
            for lead, axes in enumerate(panels.ravel()):
                axes.plot(times, mean[lead], color=COLOURS[side], linewidth=1.2, label=side)
                axes.fill_between(
                    times, mean[lead] - spread[lead], mean[lead] + spread[lead], color=COLOURS[side], alpha=0.15, lw=0
                )
                axes.set_title(STANDARD_LEADS[lead], loc="left", fontsize=10)
                axes.grid(axis="both")
        panels[0, 0].legend(frameon=False, fontsize=8)
        figure.supxlabel("ms from the steepest moment of QRS", fontsize=9)
        figure.supylabel("mV", fontsize=9)
    return figure


def _plot_distributions(pairs: Sequence[Pair]) -> str:
    """Histograms of the measurements in `SHOWN`."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(10.4, 12), layout="constrained")
        for name, axes in zip(SHOWN, figure.subplots(7, 3).ravel(), strict=True):
            _draw_histogram(axes, name, pairs)
        return figure_to_svg(figure)


def _draw_histogram(axes: Axes, name: str, pairs: Sequence[Pair]) -> None:
    values = {side: np.array([getattr(pair, side).features.figures[name] for pair in pairs]) for side in SIDES}
    low, high = np.quantile(np.concatenate(list(values.values())), [0.005, 0.995])
    bins = np.linspace(low, high if high > low else low + 1, 31).tolist()
    for side, numbers in values.items():
        axes.hist(np.clip(numbers, bins[0], bins[-1]), bins, histtype="step", color=COLOURS[side], linewidth=1.4)
    axes.set_title(name, loc="left", fontsize=10)
    axes.set_yticks([])


def _plot_spectra(pairs: Sequence[Pair]) -> str:
    """Band powers of the twelve leads."""
    middles = np.sqrt(BAND_EDGES_HZ[1:] * BAND_EDGES_HZ[:-1])
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(10.4, 6), layout="constrained")
        for lead, axes in enumerate(figure.subplots(3, 4, sharex=True, sharey=True).ravel()):
            for side in SIDES:
                powers = np.stack([getattr(pair, side).features.spectrum[lead] for pair in pairs])
                low, median, high = np.quantile(powers, [0.05, 0.5, 0.95], axis=0)
                axes.plot(middles, median, color=COLOURS[side], linewidth=1.4)
                axes.fill_between(middles, low, high, color=COLOURS[side], alpha=0.15, linewidth=0)
            axes.set_xscale("log")
            axes.set_title(STANDARD_LEADS[lead], loc="left", fontsize=10)
        figure.supxlabel("Hz", fontsize=9)
        figure.supylabel("log10 mV²", fontsize=9)
        return figure_to_svg(figure)
