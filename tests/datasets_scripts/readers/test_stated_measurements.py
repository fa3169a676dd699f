"""Numbers that a source states: its columns under the names of the measurements, and nothing that no heart can do."""

import math

import pytest

from datasets_scripts.readers.stated_measurements import (
    MEASUREMENT_KEYS,
    keep_possible,
    measurements_of_cart,
    read_measurements,
)
from datasets_scripts.readers.tables import TableFile
from datasets_scripts.simulator import simulate_record
from datasets_scripts.simulator.export.export_mimic_iv_ecg import machine_figures


NOTHING = dict.fromkeys(
    ("rr_interval", "p_onset", "p_end", "qrs_onset", "qrs_end", "t_end", "p_axis", "qrs_axis", "t_axis")
)


def write_table(folder, *lines):
    path = folder / "table.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return TableFile(path)


def test_every_number_of_the_simulator_has_a_name():
    known = set(MEASUREMENT_KEYS)

    assert all(simulate_record(index).measurements.keys() <= known for index in range(20))


class TestCart:
    def test_intervals_are_differences_of_its_marks(self):
        marks = {"p_onset": 40, "p_end": 128, "qrs_onset": 170, "qrs_end": 258, "t_end": 518}

        measured = measurements_of_cart({**NOTHING, **marks, "rr_interval": 600, "qrs_axis": -30})

        assert measured == {
            "rate_per_min": 100.0,
            "p_ms": 88,
            "pr_ms": 130,
            "qrs_ms": 88,
            "qt_ms": 348,
            "axis_deg": -30,
        }

    @pytest.mark.parametrize(
        ("mark", "lost"),
        {
            "rr_interval": {"rate_per_min"},
            "p_onset": {"p_ms", "pr_ms"},
            "p_end": {"p_ms"},
            "qrs_onset": {"pr_ms", "qrs_ms", "qt_ms"},
            "qrs_end": {"qrs_ms"},
            "t_end": {"qt_ms"},
            "qrs_axis": {"axis_deg"},
        }.items(),
    )
    def test_what_lacks_a_mark_is_not_known(self, mark, lost):
        figures = dict.fromkeys(NOTHING, 100.0) | {mark: None}

        measured = measurements_of_cart(figures)

        assert {key for key, value in measured.items() if value is None} == lost

    def test_an_interval_of_zero_between_beats_is_none(self):
        assert measurements_of_cart({**NOTHING, "rr_interval": 0})["rate_per_min"] is None

    @pytest.mark.parametrize("index", range(5))
    def test_they_are_what_an_exported_record_was_made_with(self, index):
        record = simulate_record(index)
        figures = {name: math.nan if value == 29999 else value for name, value in machine_figures(record).items()}

        measured = measurements_of_cart(figures)

        stated = {key: value for key, value in measured.items() if value is not None and key != "rate_per_min"}
        for key, value in stated.items():
            known = record.measurements.get(key, math.nan)
            assert value == pytest.approx(known, abs=4, nan_ok=True)  # marks stand on steps of 4 ms
        assert "qrs_ms" in stated

    def test_beats_without_a_p_wave_have_nothing_to_measure_there(self):
        marks = {"p_onset": math.nan, "p_end": math.nan, "qrs_onset": 170, "qrs_end": 258, "t_end": math.nan}

        measured = measurements_of_cart({**NOTHING, **marks})

        assert math.isnan(measured["p_ms"])
        assert math.isnan(measured["pr_ms"])
        assert (measured["qrs_ms"], measured["qt_ms"]) == (88, None)

    @pytest.mark.parametrize("marks", [{"p_onset": 40}, {"p_end": None}, {"qrs_onset": math.nan}])
    def test_what_a_cart_did_not_find_with_the_beat_is_not_known(self, marks):
        figures = dict.fromkeys(NOTHING, 100.0) | {"p_onset": math.nan, "p_end": math.nan} | marks

        assert measurements_of_cart(figures)["p_ms"] is None


class TestPossible:
    @pytest.mark.parametrize(
        ("key", "value", "remark"),
        [
            ("rate_per_min", 6000.0, "rate_per_min not from 10 to 400 1/min"),
            ("pr_ms", -20.0, "pr_ms not from 40 to 800 ms"),
            ("qrs_ms", 0.0, "qrs_ms not from 30 to 400 ms"),
            ("axis_deg", 999.0, "axis_deg not from -360 to 360 deg"),
            ("st_mv_V2", 150.0, "st_mv_V2 not from -20 to 20 mV"),
        ],
    )
    def test_what_no_heart_can_do_is_left_out_and_said_without_the_number(self, key, value, remark):
        assert keep_possible({key: value}) == ({key: None}, [remark])

    @pytest.mark.parametrize("value", [None, math.inf])
    def test_what_is_not_stated_is_no_fault(self, value):
        assert keep_possible({"qrs_ms": value}) == ({"qrs_ms": None}, [])

    def test_that_there_is_nothing_to_measure_stays_said(self):
        kept, remarks = keep_possible({"pr_ms": math.nan})

        assert math.isnan(kept["pr_ms"])
        assert remarks == []

    @pytest.mark.parametrize(("stated", "kept"), [(180, 180), (-180, 180), (270, -90), (-270, 90), (-30, -30)])
    def test_an_axis_has_one_way_to_be_written(self, stated, kept):
        assert keep_possible({"axis_deg": stated})[0] == {"axis_deg": kept}


class TestTables:
    def test_columns_have_the_names_that_the_table_gives_them(self, tmp_path):
        (row,) = write_table(tmp_path, "QRSDuration;st", "96;-0,15")

        assert read_measurements(row, {"qrs_ms": "QRSDuration", "st_mv_V2": "st"}) == {"qrs_ms": 96, "st_mv_V2": -0.15}

    @pytest.mark.parametrize("cell", ["", "NaN", "unknown", "-"])
    def test_a_cell_without_a_number_is_not_known(self, tmp_path, cell):
        (row,) = write_table(tmp_path, "name,qrs_ms", f"a,{cell}")

        assert read_measurements(row, {"qrs_ms": "qrs_ms", "pr_ms": "pr_ms"}) == {"qrs_ms": None, "pr_ms": None}

    @pytest.mark.parametrize("cell", ["none", "None", "KEINE"])
    def test_a_cell_may_say_that_there_is_nothing_to_measure(self, tmp_path, cell):
        (row,) = write_table(tmp_path, "name,pr_ms", f"a,{cell}")

        assert math.isnan(read_measurements(row, {"pr_ms": "pr_ms"})["pr_ms"])

    def test_a_cell_that_is_no_number_is_named(self, tmp_path):
        (row,) = write_table(tmp_path, "name,qrs_ms", "a,wide")

        with pytest.raises(ValueError, match=r"table\.csv, line 2: column qrs_ms: 'wide' is no number\. Correct"):
            read_measurements(row, {"qrs_ms": "qrs_ms"})
