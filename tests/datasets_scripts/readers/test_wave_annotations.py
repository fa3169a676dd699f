"""Annotations of waves: limits stand beside their peaks, and intervals are medians over the beats of the strip."""

import numpy as np
import pytest
import wfdb

from datasets_scripts.readers.wave_annotations import WAVE_KEYS, find_waves, measure_waves, read_wave_measurements
from datasets_scripts.simulator import simulate_record


# A beat as LUDB annotates it, in milliseconds from its start: P 80 ms, PR 150 ms, QRS 100 ms, QT 400 ms
BEAT = ((0, "("), (40, "p"), (80, ")"), (150, "("), (200, "N"), (250, ")"), (400, "("), (480, "t"), (550, ")"))
BEAT_MEASURED = {"p_ms": 80, "pr_ms": 150, "qrs_ms": 100, "qt_ms": 400}


def repeat_beat(num_beats, *, beat=BEAT, rr_ms=800):
    """Marks of a regular rhythm, in milliseconds."""
    return [(rr_ms * number + ms, symbol) for number in range(num_beats) for ms, symbol in beat]


def measure(marks_ms):
    """What marks in milliseconds measure, rounded to microseconds."""
    measured = measure_waves(find_waves([(ms / 1000, symbol) for ms, symbol in marks_ms]))
    return {key: value if value is None else round(value, 3) for key, value in measured.items()}


def write_annotations(folder, marks_ms, *, extension="q1c", sampling_rate=500, states_rate=True, has_header=True):
    """A record with annotations beside it; returns its path without an extension."""
    samples = np.array([round(ms * sampling_rate / 1000) for ms, _ in marks_ms])
    rate = sampling_rate if states_rate else None
    wfdb.wrann("r1", "written", samples, [symbol for _, symbol in marks_ms], fs=rate, write_dir=str(folder))
    (folder / "r1.written").rename(folder / f"r1.{extension}")  # the library writes no names with digits
    if has_header:
        wfdb.wrsamp(
            "r1",
            fs=sampling_rate,
            units=["mV"],
            sig_name=["II"],
            p_signal=np.zeros((10 * sampling_rate, 1)),
            fmt=["16"],
            write_dir=str(folder),
        )
    return folder / "r1"


class TestWaves:
    def test_intervals_are_those_between_the_limits(self):
        assert measure(repeat_beat(3)) == {"rate_per_min": 75, **BEAT_MEASURED}

    def test_the_rate_is_the_mean_over_all_beats(self):
        assert measure([(0, "N"), (500, "V"), (1500, "N")])["rate_per_min"] == 80  # 2 beats in 1.5 s

    def test_intervals_are_medians(self):
        wide = [(ms, symbol) for ms, symbol in repeat_beat(1, beat=((0, "("), (90, "V"), (180, ")")))]
        marks = [*repeat_beat(2), *((ms + 1600, symbol) for ms, symbol in wide)]

        assert measure(marks)["qrs_ms"] == 100

    @pytest.mark.parametrize(
        ("absent", "unknown"),
        [
            (0, {"p_ms", "pr_ms"}),
            (2, {"p_ms"}),
            (3, {"pr_ms", "qrs_ms", "qt_ms"}),
            (5, {"qrs_ms"}),
            (6, set()),  # QTDB often lacks the onset of T
            (8, {"qt_ms"}),
        ],
    )
    def test_what_lacks_a_limit_is_not_known(self, absent, unknown):
        measured = measure(repeat_beat(2, beat=[mark for place, mark in enumerate(BEAT) if place != absent]))

        assert {key for key, value in measured.items() if value is None} == unknown

    def test_marks_that_are_no_part_of_a_wave_are_passed_over(self):
        between = [(195, "^"), (199, "+"), (201, "~")]

        measured = measure(sorted([*repeat_beat(2), *between]))

        assert measured == measure(repeat_beat(2))

    def test_a_p_wave_that_is_not_conducted_begins_no_pr_interval(self):
        blocked = ((90, "("), (110, "x"), (130, ")"))

        assert measure(sorted([*repeat_beat(1), *blocked]))["pr_ms"] == 150

    def test_the_p_wave_and_the_t_wave_are_those_of_their_beat(self):
        without_p, without_t = BEAT[3:], BEAT[:6]
        marks = [*repeat_beat(1, beat=without_t), *((ms + 800, symbol) for ms, symbol in without_p)]

        measured = measure(marks)

        assert (measured["pr_ms"], measured["qt_ms"]) == (150, 400)

    def test_nothing_tells_nothing(self):
        assert measure([]) == dict.fromkeys(WAVE_KEYS)

    @pytest.mark.parametrize("index", range(8))
    def test_they_measure_what_the_simulator_has_measured(self, index):
        record = simulate_record(index)

        measured = measure_waves(find_waves([(mark.sample / 500, mark.symbol) for mark in record.annotations]))

        for key in ("qrs_ms", "qt_ms", "pr_ms"):
            if measured[key] is not None and key in record.measurements:
                assert measured[key] == pytest.approx(record.measurements[key], abs=12)


class TestFiles:
    def test_times_count_at_the_rate_of_the_file(self, tmp_path):
        path = write_annotations(tmp_path, repeat_beat(5), has_header=False)

        measured = read_wave_measurements(path, ["q1c"], start_s=0, stop_s=10)

        assert measured == pytest.approx({"rate_per_min": 75, **BEAT_MEASURED})

    def test_or_of_the_header_beside_it(self, tmp_path):
        path = write_annotations(tmp_path, repeat_beat(5), states_rate=False)

        assert read_wave_measurements(path, ["q1c"], start_s=0, stop_s=10)["qrs_ms"] == pytest.approx(100)

    def test_a_file_without_a_rate_is_refused(self, tmp_path):
        path = write_annotations(tmp_path, repeat_beat(5), states_rate=False, has_header=False)

        with pytest.raises(ValueError, match=r"r1\.q1c does not say at which rate it counts.*Put the record's header"):
            read_wave_measurements(path, ["q1c"], start_s=0, stop_s=10)

    def test_what_lies_outside_the_strip_is_not_looked_at(self, tmp_path):
        wide = [(ms + 10_000, symbol) for ms, symbol in repeat_beat(20, beat=((0, "("), (90, "V"), (180, ")")))]
        path = write_annotations(tmp_path, [*repeat_beat(5), *wide])

        assert read_wave_measurements(path, ["q1c"], start_s=0, stop_s=10)["qrs_ms"] == pytest.approx(100)
        assert read_wave_measurements(path, ["q1c"], start_s=10, stop_s=20)["qrs_ms"] == pytest.approx(180)

    def test_of_several_files_the_median_counts(self, tmp_path):
        for extension, end in (("i", 240), ("ii", 250), ("iii", 290)):
            beat = [(end, ")") if mark == (250, ")") else mark for mark in BEAT]
            path = write_annotations(tmp_path, repeat_beat(3, beat=beat), extension=extension)

        measured = read_wave_measurements(path, ["i", "ii", "iii", "absent"], start_s=0, stop_s=10)

        assert measured["qrs_ms"] == pytest.approx(100)

    def test_a_record_without_a_file_has_no_measurements(self, tmp_path):
        assert read_wave_measurements(tmp_path / "r1", ["q1c"], start_s=0, stop_s=10) == dict.fromkeys(WAVE_KEYS)

    def test_a_file_that_is_none_is_named(self, tmp_path):
        (tmp_path / "r1.q1c").write_bytes(b"\xff")

        with pytest.raises(ValueError, match=r"r1\.q1c is no readable WFDB annotation file .*Copy it again"):
            read_wave_measurements(tmp_path / "r1", ["q1c"], start_s=0, stop_s=10)
