"""`measure_quality`: flat, clipped and missing are told apart, and healthy strips have none of them."""

import numpy as np
import pytest

from datasets_scripts.prepare.quality import measure_quality, stack_measurements


ALL_LEADS = np.ones(12, dtype=bool)
V1 = 6


def make_strip():
    """Sines of 100, 300 and 200 µV in I, II and III, so that I + III = II; cosines of 2000 µV in the others; 1 Hz."""
    phase = 2 * np.pi * np.arange(5000) / 500
    limb_leads = np.array([100, 300, 200])[:, None] * np.sin(phase)
    return np.rint(np.concatenate([limb_leads, np.tile(2000 * np.cos(phase), (9, 1))])).astype(np.int16)


def without(*leads):
    mask = ALL_LEADS.copy()
    mask[list(leads)] = False
    return mask


def measure(strip, lead_mask=ALL_LEADS, num_samples=5000):
    return measure_quality(strip, lead_mask=lead_mask, num_samples=num_samples)


def test_a_healthy_strip_has_no_defect():
    quality = measure(make_strip())

    assert quality["peak_to_peak_uv"].tolist() == [200, 600, 400] + [4000] * 9
    assert not quality["num_clipped"].any()
    assert quality["num_missing"] == 0


def test_a_flat_lead_has_no_voltage_and_one_that_was_not_recorded_less_than_none():
    strip = make_strip()
    strip[V1] = 17
    strip[V1 + 1] = 0

    quality = measure(strip, without(V1 + 1))

    assert quality["peak_to_peak_uv"][[V1, V1 + 1]].tolist() == [0, -1]
    assert not quality["num_clipped"].any()


def test_an_amplifier_at_its_limit_is_counted_in_samples():
    strip = make_strip()
    strip[V1] = strip[V1].clip(-1900, 32767)
    num_limited = int((strip[V1] == -1900).sum())

    assert measure(strip)["num_clipped"].tolist() == [0] * V1 + [num_limited] + [0] * 5
    assert num_limited == 10 * 51  # cos(x) <= -0.95 within 25.3 samples of each of ten minima


@pytest.mark.parametrize(("num_samples", "num_clipped"), [(9, 0), (10, 10)])
def test_a_peak_of_under_20_ms_is_no_clipping(num_samples, num_clipped):
    strip = make_strip()
    strip[V1, 100 : 100 + num_samples] = 2500

    assert measure(strip)["num_clipped"][V1] == num_clipped


def test_a_plateau_below_1_mv_is_no_clipping():
    strip = make_strip()
    strip[0, 100:200] = 999

    assert measure(strip)["num_clipped"][0] == 0


@pytest.mark.parametrize("limit", [32767, -32768])
def test_single_samples_at_the_limit_of_storage_are_clipped(limit):
    strip = make_strip()
    strip[V1, [5, 700]] = limit

    assert measure(strip)["num_clipped"][V1] == 2


def test_the_range_of_int16_does_not_overflow():
    strip = make_strip()
    strip[V1, :2] = [-32768, 32767]

    assert measure(strip)["peak_to_peak_uv"][V1] == 65535


def test_padding_and_blank_samples_are_missing():
    strip = make_strip()
    strip[:, 1010:1110] = 0
    strip[:, 4010:] = 0  # padding

    assert measure(strip, num_samples=4010)["num_missing"] == 990 + 100


def test_a_strip_that_holds_its_last_voltages_ends_there():
    strip = make_strip()
    strip[:, 4900:] = strip[:, 4899:4900]

    quality = measure(strip)

    assert quality["num_missing"] == 100
    assert not quality["num_clipped"].any()


def test_a_strip_without_leads_is_missing_as_a_whole():
    quality = measure(np.zeros((12, 5000), np.int16), np.zeros(12, dtype=bool))

    assert quality["num_missing"] == 5000
    assert np.isnan(quality["limb_residual_uv"])


def test_the_limb_leads_agree_where_i_and_iii_add_up_to_ii():
    strip = make_strip()
    disagreeing = strip.copy()
    disagreeing[1] += 50

    assert measure(strip)["limb_residual_uv"] < 1  # rounding
    assert measure(disagreeing)["limb_residual_uv"] == pytest.approx(50, abs=1)


@pytest.mark.parametrize("lead", [0, 1, 2])
def test_without_one_of_the_three_nothing_is_said_of_their_sum(lead):
    assert np.isnan(measure(make_strip(), without(lead))["limb_residual_uv"])


def test_measurements_of_many_rows_are_stacked():
    stacked = stack_measurements([measure(make_strip())] * 3)

    assert {name: values.shape for name, values in stacked.items()} == {
        "peak_to_peak_uv": (3, 12),
        "num_clipped": (3, 12),
        "num_masked": (3, 12),
        "num_missing": (3,),
        "limb_residual_uv": (3,),
    }


def test_no_rows_give_empty_arrays():
    assert stack_measurements([])["peak_to_peak_uv"].shape == (0, 12)


class TestNotRecorded:
    """Stretches that a lead lacks are counted, and count for nothing else."""

    def measure(self, strip, *spans):
        strip = strip.copy()
        for lead, start, stop in spans:
            strip[lead, start:stop] = 0
        return measure_quality(strip, lead_mask=ALL_LEADS, num_samples=5000, not_recorded=spans)

    def test_they_are_counted_by_lead(self):
        quality = self.measure(make_strip(), (V1, 100, 300), (V1, 4000, 5000), (0, 0, 50))

        assert quality["num_masked"].tolist() == [50, *[0] * 5, 1200, *[0] * 5]

    def test_zeros_in_them_are_no_voltage(self):
        strip = make_strip()
        strip[V1] += 5000

        quality = self.measure(strip, (V1, 0, 300), (V1, 4000, 5000))

        assert quality["peak_to_peak_uv"][V1] == 4000

    def test_nor_are_they_clipped(self):
        strip = make_strip()
        strip[V1, 999:] = 2000  # held at the highest voltage of the lead, but not recorded

        assert self.measure(strip, (V1, 1001, 5000))["num_clipped"][V1] == 0

    def test_the_limb_leads_are_compared_where_all_three_were_recorded(self):
        quality = self.measure(make_strip(), (0, 0, 1000), (2, 4000, 5000))

        assert quality["limb_residual_uv"] <= 1

    def test_limb_leads_that_were_never_recorded_together_are_not_compared(self):
        assert np.isnan(self.measure(make_strip(), (0, 0, 2500), (1, 2500, 5000))["limb_residual_uv"])
