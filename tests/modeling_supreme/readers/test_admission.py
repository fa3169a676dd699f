"""`admit`: whatever a reader found becomes standard leads in millivolts, and the account says what was not used."""

import numpy as np
import pytest
from helpers.strips import make_strip

from modeling_supreme.admission import admit, parse_rate
from modeling_supreme.leads import STANDARD_LEADS


LIMB_AND_ONE = ("I", "II", "V1")


def admit_strip(strip, names, **keywords):
    return admit(strip, names=names, sampling_rate=500, source="a.dat", **keywords)


class TestChannels:
    def test_what_is_no_lead_is_left_out_with_its_reason(self):
        strip = np.concatenate([make_strip(LIMB_AND_ONE), np.random.default_rng(0).normal(size=(2, 5000))])

        recording = admit_strip(strip, [*LIMB_AND_ONE, "vx", "SpO2"])

        assert recording.leads == LIMB_AND_ONE
        assert recording.account.left_out == {
            "vx": "one of Frank's orthogonal leads, which is none of the 12",
            "SpO2": "none of the 12 standard leads",
        }

    def test_a_source_without_leads_is_refused_with_what_each_channel_is(self):
        with pytest.raises(
            ValueError, match=r"a\.dat has no standard lead .*vx: one of Frank's.*EEG C3: none.*Rename.*`leads`"
        ):
            admit_strip(np.ones((2, 5000)), ["vx", "EEG C3"])

    def test_an_inverted_lead_is_turned_and_said(self):
        recording = admit_strip(-make_strip(["aVR"]), ["-aVR"])

        np.testing.assert_array_equal(recording.strip_mv, make_strip(["aVR"]))
        assert recording.account.remarks == ("-aVR is turned upside down",)

    def test_an_inverted_lead_of_integers_is_turned_without_overflow(self):
        microvolts = np.array([[-32767, 5] + [7, -9] * 300], np.int16)

        assert admit_strip(microvolts, ["-V1"]).microvolts[0, :3].tolist() == [32767, -5, -7]


class TestUnits:
    @pytest.mark.parametrize(
        ("unit", "factor"), [("mV", 1), ("uV", 1e3), ("\u00b5V", 1e3), ("\u03bcV", 1e3), ("V", 1e-3), ("nV", 1e6)]
    )
    def test_every_unit_becomes_millivolts(self, unit, factor):
        recording = admit_strip(make_strip() * factor, STANDARD_LEADS, unit=unit)

        np.testing.assert_allclose(recording.strip_mv, make_strip(), rtol=1e-6)
        assert (recording.account.unit, recording.account.unit_from) == (unit, "file")

    def test_millivolts_in_single_precision_stay_as_they_are(self):
        strip = make_strip().astype(np.float32)

        recording = admit_strip(strip, STANDARD_LEADS)

        assert recording.strip_mv.dtype == np.float32
        np.testing.assert_array_equal(recording.strip_mv, strip)

    @pytest.mark.parametrize("dtype", [">f4", np.int32])
    def test_other_numbers_become_floats_of_this_machine(self, dtype):
        strip = make_strip() * 1000

        recording = admit_strip(strip.astype(dtype), STANDARD_LEADS, unit="uV")

        assert recording.strip_mv.dtype == np.float64
        np.testing.assert_allclose(recording.strip_mv, make_strip(), atol=1e-3)

    def test_a_unit_behind_a_name_goes_before_what_the_caller_says(self):
        names = [f"{lead} (uV)" for lead in STANDARD_LEADS]

        recording = admit_strip(make_strip() * 1000, names, unit="mV", unit_from="default")

        np.testing.assert_allclose(recording.strip_mv, make_strip(), rtol=1e-6)
        assert (recording.account.unit, recording.account.unit_from) == ("uV", "name")

    def test_another_unit_is_refused_with_the_lead(self):
        with pytest.raises(ValueError, match=r"a\.dat: lead II is stored in 'mmHg', not mV.*V and nV are read"):
            admit_strip(make_strip(["I", "II"]), ["I", "II"], unit=["mV", "mmHg"])


class TestPresence:
    def test_what_no_lead_has_at_the_ends_is_cut_off_and_said(self):
        strip = make_strip()
        strip[:, :100] = strip[:, 4000:] = np.nan

        recording = admit_strip(strip, STANDARD_LEADS)

        np.testing.assert_array_equal(recording.strip_mv, make_strip()[:, 100:4000])
        assert "7.80 of 10.00 s used" in recording.account.losses()

    def test_a_lead_that_was_hardly_recorded_is_left_out(self):
        strip = make_strip()
        strip[6, 300:] = np.nan

        account = admit_strip(strip, STANDARD_LEADS).account

        assert account.left_out == {"V1": "recorded for 0.60 s only"}

    def test_a_source_without_a_sample_is_refused(self):
        with pytest.raises(ValueError, match=r"a\.dat holds no recorded sample.*read it again"):
            admit_strip(np.full((12, 5000), np.nan), STANDARD_LEADS)

    def test_integers_and_floats_are_treated_alike(self):
        microvolts = np.rint(make_strip() * 1000).astype(np.int16)
        is_missing = np.zeros(microvolts.shape, dtype=bool)
        is_missing[3, 100:110] = is_missing[7, 2000:2500] = True
        as_floats = np.where(is_missing, np.nan, microvolts / 1000)

        integers = admit_strip(microvolts, STANDARD_LEADS, is_missing=is_missing)
        floats = admit_strip(as_floats, STANDARD_LEADS)

        np.testing.assert_array_equal(integers.microvolts, floats.microvolts)
        np.testing.assert_array_equal(integers.is_recorded, floats.is_recorded)
        assert integers.account == floats.account

    @pytest.mark.parametrize("sampling_rate", [50, 128, 257, 1000])
    def test_a_gap_is_as_long_at_any_rate(self, sampling_rate):
        strip = make_strip(sampling_rate=sampling_rate)
        short, long = int(0.04 * sampling_rate), int(0.1 * sampling_rate)
        strip[0, 20 : 20 + short] = strip[1, 20 : 20 + long] = np.nan

        recording = admit(strip, names=STANDARD_LEADS, sampling_rate=sampling_rate)

        assert np.flatnonzero(~recording.is_recorded.all(axis=1)).tolist() == [1]
        assert recording.account.num_bridged_samples == short

    def test_what_stands_for_a_missing_sample_hides_no_offset(self):
        microvolts = np.rint(make_strip() * 1000).astype(np.int16) + np.int16(4000)
        is_missing = np.zeros(microvolts.shape, dtype=bool)
        is_missing[4, 1000:1545] = True  # with -32768 there, the mean of the lead is about zero
        stored = np.where(is_missing, np.int16(-32768), microvolts)

        recording = admit_strip(stored, STANDARD_LEADS, is_missing=is_missing)

        assert set(recording.account.offsets_removed_mv) == set(STANDARD_LEADS)

    def test_a_recording_is_left_as_it_was(self):
        strip = make_strip() + 6
        strip[3, 100:105] = np.nan
        before = strip.copy()

        admit_strip(strip, STANDARD_LEADS)

        np.testing.assert_array_equal(strip, before)


class TestAccount:
    def test_a_source_that_is_used_whole_has_no_losses(self):
        account = admit_strip(make_strip(), STANDARD_LEADS).account

        assert account.losses() == []
        assert account.line() == f"a.dat: 12 leads ({', '.join(STANDARD_LEADS)}), 10.00 s at 500 Hz"

    def test_the_whole_file_counts_where_only_its_beginning_was_read(self):
        account = admit_strip(make_strip(), STANDARD_LEADS, num_samples_found=43_200_000).account

        assert account.losses() == ["10.00 of 86400.00 s used"]


@pytest.mark.parametrize(
    ("rate", "expected"), [("249.89", 249.89), (np.float32(250), 250), (np.array([500]), 500), (" 1000 ", 1000)]
)
def test_a_rate_is_any_number(rate, expected):
    assert parse_rate(rate) == expected


@pytest.mark.parametrize("rate", [None, True, "fast", [], {}, np.array([250, 500])])
def test_what_is_no_number_is_no_rate(rate):
    with pytest.raises(TypeError, match=r"a\.dat: `sampling_rate` is .*, not a number.*record's header"):
        parse_rate(rate, place="a.dat")


@pytest.mark.parametrize("rate", [0, -500, 0.5, 1e6, float("nan"), float("inf"), "0.002"])
def test_what_no_recorder_has_is_no_rate(rate):
    with pytest.raises(ValueError, match=r"`sampling_rate` is \S+ Hz, outside 50 to 20000 Hz.*not kHz"):
        parse_rate(rate)
