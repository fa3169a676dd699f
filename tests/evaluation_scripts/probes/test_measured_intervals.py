"""Heart rate and intervals by `neurokit2`: those of a strip made by it, and nothing where nothing is."""

import numpy as np
import pytest

from evaluation_scripts.probes.intervals import INTERVAL_NAMES, IntervalCollator, measure_intervals


nk = pytest.importorskip("neurokit2")


def make_lead(rate_per_min, seconds=10):
    return nk.ecg_simulate(
        duration=seconds, sampling_rate=500, heart_rate=rate_per_min, noise=0.01, heart_rate_std=0, random_state=0
    )


def measure(lead_mv):
    return dict(zip(INTERVAL_NAMES, measure_intervals(lead_mv), strict=True))


@pytest.mark.parametrize("rate_per_min", [50, 70, 110])
def test_the_heart_rate_is_that_of_the_strip(rate_per_min):
    assert measure(make_lead(rate_per_min))["rate_per_min"] == pytest.approx(rate_per_min, abs=3)


def test_qt_is_the_longest_interval_and_qtc_is_bazetts():
    found = measure(make_lead(70))

    assert min(found[name] for name in ("p_ms", "pr_ms", "qrs_ms")) > 0
    assert max(found[name] for name in ("p_ms", "pr_ms", "qrs_ms")) < found["qt_ms"]
    assert found["qtc_ms"] == pytest.approx(found["qt_ms"] / np.sqrt(60 / found["rate_per_min"]), rel=1e-5)


@pytest.mark.parametrize("lead_mv", [np.zeros(5000), np.zeros(3), np.full(5000, np.nan)], ids=["flat", "short", "nan"])
def test_where_there_is_no_beat_nothing_is_measured(lead_mv):
    assert np.isnan(measure_intervals(lead_mv)).all()


def make_row(leads):
    signal = np.zeros((12, 5000), dtype=np.int16)
    signal[list(leads)] = np.round(1000 * make_lead(70))
    return {"signal": signal, "lead_mask": np.isin(np.arange(12), list(leads)), "num_samples": 5000}


def test_lead_ii_is_measured_and_lead_i_where_it_was_not_recorded():
    found = IntervalCollator()([make_row({1}), make_row({0})])["features"]

    assert found.shape == (2, 7)
    assert found[:, 0].tolist() == pytest.approx([70, 70], abs=3)


def test_padding_after_the_end_of_a_strip_is_no_part_of_it():
    row = make_row({1}) | {"num_samples": 2500}
    row["signal"][:, 2500:] = 0

    assert IntervalCollator()([row])["features"][0, 0].item() == pytest.approx(70, abs=4)
