"""The table and the plot of measurements: one line per measurement, the leads of one together."""

import numpy as np
from matplotlib.image import imread

from evaluation_scripts.measurement_errors import MeasurementPairs, compare_measurements
from evaluation_scripts.measurement_table import format_measurements, plot_measurements


KEYS = ["qrs_ms", "axis_deg", "st_mv_V1", "st_mv_V2"]


def make_measured(num_records=60):
    generator = np.random.default_rng(0)
    reference = generator.normal([100, 30, 0.1, 0.1], [20, 40, 0.1, 0.1], (num_records, 4))
    value = reference + generator.normal(0, [5, 10, 0.02, 0.04], (num_records, 4))
    return MeasurementPairs(KEYS, value, np.ones_like(value), np.ones_like(value), reference)


def compare(measured):
    patients = list(range(len(measured.reference)))
    return compare_measurements(measured, patients, num_bootstrap_samples=20)


def cells_of(table, name):
    (line,) = (line for line in table.splitlines() if line.startswith(name))
    return [cell.strip() for cell in line.split("  ") if cell.strip()]


def test_a_measurement_of_the_strip_has_a_line_with_its_interval():
    entries = compare(make_measured())

    cells = cells_of(format_measurements(entries), "qrs_ms")

    low, high = entries[0]["mean_absolute_error_ci95"]
    assert cells[:5] == ["qrs_ms", "ms", "60", f"{entries[0]['mean_absolute_error']:.3g}", f"{low:.3g} to {high:.3g}"]


def test_the_leads_of_a_measurement_share_a_line_with_their_mean():
    entries = compare(make_measured())

    cells = cells_of(format_measurements(entries), "st_mv")

    mean = (entries[2]["mean_absolute_error"] + entries[3]["mean_absolute_error"]) / 2
    assert cells[:5] == ["st_mv, 2 leads", "mV", "60", f"{mean:.3g}", "-"]


def test_the_columns_line_up_and_are_explained():
    lines = format_measurements(compare(make_measured())).splitlines()

    assert lines[1][lines[0].index("unit") :].startswith("ms")
    assert lines[3][lines[0].index("unit") :].startswith("mV")
    assert lines[4].startswith("MAE: mean absolute error")


def test_the_plot_has_a_panel_for_each_line(tmp_path):
    measured = make_measured()

    plot_measurements(tmp_path / "new" / "measurements.png", measured, compare(measured))

    strips = np.array_split(imread(tmp_path / "new" / "measurements.png")[..., 0], 20, axis=1)
    assert [bool((strips[place] < 0.9).any()) for place in (3, 8, 13, 18)] == [True, True, True, False]


def test_very_many_points_are_drawn_in_no_time(tmp_path):
    measured = make_measured(num_records=100_000)

    plot_measurements(tmp_path / "measurements.png", measured, compare(make_measured()))

    assert (tmp_path / "measurements.png").stat().st_size < 300_000
