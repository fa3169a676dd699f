"""The feature extractor: strips of any source become one `signal`, and voltages keep their meaning.

Lead order, sampling rate and length are made equal; what cannot be millivolts of a 12-lead ECG is refused.
"""

import logging

import numpy as np
import pytest
import torch
import transformers.dynamic_module_utils
import wfdb
from helpers.strips import INDEPENDENT_LEADS, edit, make_strip, spike_train
from transformers import AutoFeatureExtractor

from modeling_supreme.feature_extraction_supreme import SupremeEcgFeatureExtractor
from modeling_supreme.leads import STANDARD_LEADS
from modeling_supreme.signal_processing import resample_strip


MIMIC_LEADS = ("I", "II", "III", "aVR", "aVF", "aVL", "V1", "V2", "V3", "V4", "V5", "V6")
UPPER_CASE_LEADS = tuple(lead.upper() for lead in STANDARD_LEADS)


class TestShapes:
    @pytest.mark.parametrize(
        "convert",
        [
            lambda strip: torch.tensor(strip, requires_grad=True),
            lambda strip: strip.astype(">f4"),
            lambda strip: np.asfortranarray(strip.astype(np.float64)),
            lambda strip: strip.astype(np.longdouble),
            lambda strip: np.ma.masked_array(strip, mask=False),
            lambda strip: tuple(map(tuple, strip.tolist())),
            lambda strip: list(strip),
            lambda strip: [torch.tensor(row) for row in strip],
            lambda strip: strip.astype(object),
        ],
        ids=["gradient", "big-endian", "fortran", "long", "masked", "tuples", "rows", "tensors", "objects"],
    )
    def test_any_array_is_taken(self, extractor, convert):
        features = extractor(convert(make_strip()), sampling_rate=500, leads=STANDARD_LEADS)

        np.testing.assert_allclose(features["signal"][0], make_strip(), atol=1e-6)

    def test_a_masked_sample_is_a_missing_one(self, extractor):
        is_masked = np.zeros((12, 5000), dtype=bool)
        is_masked[3, 700:800] = True

        features = extractor(np.ma.masked_array(make_strip(), mask=is_masked), sampling_rate=500, leads=STANDARD_LEADS)

        np.testing.assert_array_equal(features["recorded_mask"][0], ~is_masked)

    @pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
    def test_a_tensor_of_any_precision_is_taken(self, extractor, dtype):
        tensor = torch.tensor(make_strip()).to(dtype)

        signal = extractor(tensor, sampling_rate=500, leads=STANDARD_LEADS)["signal"][0]

        np.testing.assert_array_equal(signal, tensor.float().numpy())

    def test_integers_are_taken_with_their_unit(self, extractor):
        microvolts = np.rint(make_strip() * 1000).astype(np.int16)

        signal = extractor(microvolts, sampling_rate=500, leads=STANDARD_LEADS, unit="uV")["signal"][0]

        np.testing.assert_allclose(signal, microvolts / 1000, atol=1e-6)

    @pytest.mark.parametrize("leads", [np.array(STANDARD_LEADS), ", ".join(STANDARD_LEADS), iter(STANDARD_LEADS)])
    def test_names_of_leads_come_in_any_container(self, extractor, leads):
        features = extractor(make_strip(), sampling_rate=500, leads=leads)

        np.testing.assert_array_equal(features["signal"][0], make_strip())

    def test_one_strip_becomes_a_batch_of_one(self, extractor):
        features = extractor(make_strip().astype(np.float64), sampling_rate=500, leads=STANDARD_LEADS)

        assert list(features) == extractor.model_input_names
        assert {name: (str(array.dtype), array.shape) for name, array in features.items()} == {
            "signal": ("float32", (1, 12, 5000)),
            "lead_mask": ("bool", (1, 12)),
            "sample_mask": ("bool", (1, 5000)),
            "recorded_mask": ("bool", (1, 12, 5000)),
        }

    @pytest.mark.parametrize(
        "convert",
        [np.asarray, torch.tensor, lambda strip: strip.tolist(), lambda strip: [row.tolist() for row in strip]],
        ids=["array", "tensor", "nested-list", "list-of-rows"],
    )
    def test_a_strip_may_be_an_array_a_tensor_or_lists(self, extractor, convert):
        strip = make_strip()

        features = extractor(convert(strip), sampling_rate=500, leads=STANDARD_LEADS)

        np.testing.assert_array_equal(features["signal"][0], strip)

    @pytest.mark.parametrize(
        "convert", [list, np.stack, lambda strips: torch.from_numpy(np.stack(strips))], ids=["list", "array", "tensor"]
    )
    def test_a_batch_row_equals_its_strip_alone(self, extractor, convert):
        strips = [make_strip(), -0.5 * make_strip()]

        batch = extractor(convert(strips), sampling_rate=500, leads=STANDARD_LEADS)
        alone = extractor(strips[1], sampling_rate=500, leads=STANDARD_LEADS)

        assert batch["signal"].shape == (2, 12, 5000)
        np.testing.assert_array_equal(batch["signal"][1], alone["signal"][0])

    def test_strips_of_one_batch_may_differ_in_length(self, extractor):
        strips = [make_strip(duration_s=duration_s) for duration_s in (4, 10, 12)]

        features = extractor(strips, sampling_rate=500, leads=STANDARD_LEADS)

        assert features["sample_mask"].sum(axis=1).tolist() == [2000, 5000, 5000]

    @pytest.mark.parametrize(
        ("return_tensors", "kind"), [(None, np.ndarray), ("np", np.ndarray), ("pt", torch.Tensor)]
    )
    def test_tensors_are_returned_as_asked(self, extractor, return_tensors, kind):
        features = extractor(make_strip(), sampling_rate=500, leads=STANDARD_LEADS, return_tensors=return_tensors)

        assert {type(value) for value in features.values()} == {kind}

    def test_the_input_is_not_changed(self, extractor):
        strip = make_strip() * 9
        before = strip.copy()

        extractor(strip, sampling_rate=500, leads=STANDARD_LEADS)

        np.testing.assert_array_equal(strip, before)


class TestLeads:
    @pytest.mark.parametrize(
        "leads",
        [STANDARD_LEADS, MIMIC_LEADS, STANDARD_LEADS[::-1], UPPER_CASE_LEADS, [lead.lower() for lead in MIMIC_LEADS]],
        ids=["standard", "mimic", "reversed", "upper-case", "lower-case-mimic"],
    )
    def test_rows_are_ordered_by_name(self, extractor, leads):
        features = extractor(make_strip(leads), sampling_rate=500, leads=leads)

        np.testing.assert_array_equal(features["signal"][0], make_strip(STANDARD_LEADS))
        assert features["lead_mask"].all()

    @pytest.mark.parametrize("absent", [("III", "aVR", "aVL", "aVF"), ("II", "aVR", "aVL", "aVF"), ("I", "aVL")])
    def test_absent_limb_leads_are_computed_exactly(self, extractor, absent):
        leads = [lead for lead in STANDARD_LEADS if lead not in absent]

        features = extractor(make_strip(leads), sampling_rate=500, leads=leads)

        np.testing.assert_allclose(features["signal"][0], make_strip(), atol=1e-6)
        assert features["lead_mask"].all()

    def test_leads_that_cannot_be_had_are_zero_and_masked(self, extractor):
        leads = ("II", "V1", "V5")

        features = extractor(make_strip(leads), sampling_rate=500, leads=leads)

        np.testing.assert_array_equal(features["signal"][0, [1, 6, 10]], make_strip(leads))
        assert features["lead_mask"][0].nonzero()[0].tolist() == [1, 6, 10]
        assert not features["signal"][0, ~features["lead_mask"][0]].any()

    def test_eight_leads_give_what_twelve_give_even_filtered(self):
        extractor = SupremeEcgFeatureExtractor(do_bandpass=True)
        leads = INDEPENDENT_LEADS

        eight = extractor(make_strip(leads, sampling_rate=400), sampling_rate=400, leads=leads)
        twelve = extractor(make_strip(sampling_rate=400), sampling_rate=400, leads=STANDARD_LEADS)

        np.testing.assert_allclose(eight["signal"], twelve["signal"], atol=1e-5)

    def test_a_model_may_have_fewer_leads_in_its_own_order(self):
        extractor = SupremeEcgFeatureExtractor(leads=["V5", "aVF"], scale_mv=1.0)

        features = extractor(make_strip(), sampling_rate=500, leads=STANDARD_LEADS)

        np.testing.assert_array_equal(features["signal"][0], make_strip(["V5", "aVF"]))

    def test_a_strip_without_any_lead_of_the_model_is_refused(self):
        extractor = SupremeEcgFeatureExtractor(leads=["V5"])

        with pytest.raises(
            ValueError, match=r"Strip 0: none of the model's leads \(V5\) .* from II, V1.*at least one"
        ):
            extractor(make_strip(["II", "V1"]), sampling_rate=500, leads=["II", "V1"])

    def test_an_unknown_lead_is_refused(self, extractor):
        with pytest.raises(ValueError, match=r"Unknown lead 'vx'.*Leave the row out of the strip"):
            extractor(make_strip(["I", "II"]), sampling_rate=500, leads=["I", "vx"])

    def test_a_repeated_lead_is_refused(self, extractor):
        with pytest.raises(ValueError, match=r"Lead aVR stands more than once.*leave out the rows that repeat"):
            extractor(make_strip(["I", "II"]), sampling_rate=500, leads=["aVR", "AVR"])


class TestSamplingRate:
    @pytest.mark.parametrize("sampling_rate", [100, 125, 250, 257, 360, 400, 500.0, 976.5625, 1000])
    def test_the_same_wave_at_any_rate_gives_the_same_signal(self, extractor, sampling_rate):
        strip = make_strip(sampling_rate=sampling_rate)

        signal = extractor(strip, sampling_rate=sampling_rate, leads=STANDARD_LEADS)["signal"][0]

        inner = slice(100, 4800)  # without the first and last 0.2 s, where the resampling filter sees the ends
        np.testing.assert_allclose(signal[:, inner], make_strip()[:, inner], atol=0.005)

    @pytest.mark.parametrize("sampling_rate", [100, 250, 1000])
    def test_ten_seconds_fill_the_input_at_any_rate(self, extractor, sampling_rate):
        features = extractor(
            make_strip(sampling_rate=sampling_rate), sampling_rate=sampling_rate, leads=STANDARD_LEADS
        )

        assert features["sample_mask"].all()

    @pytest.mark.data
    def test_a_real_record_gives_the_same_signal_from_both_its_files(self, data_dir):
        extractor = SupremeEcgFeatureExtractor(do_bandpass=True)
        low, high = (data_dir / "ptb-xl" / path for path in ("records100/00000/00001_lr", "records500/00000/00001_hr"))

        signals = [
            extractor(record.p_signal.T, sampling_rate=record.fs, leads=record.sig_name)["signal"][0]
            for record in (wfdb.rdrecord(str(low)), wfdb.rdrecord(str(high)))
        ]

        # The publisher's file at 100 Hz differs from the one at 500 Hz by its own anti-aliasing filter.
        correlations = [np.corrcoef(*rows)[0, 1] for rows in zip(*signals, strict=True)]
        assert min(correlations) > 0.95

    @pytest.mark.parametrize("sampling_rate", [0, -500, 0.5, 500_000, float("nan"), float("inf")])
    def test_an_impossible_rate_is_refused(self, extractor, sampling_rate):
        with pytest.raises(ValueError, match=r"`sampling_rate` is .* Hz, outside 50 to 20000 Hz.*record's header"):
            extractor(make_strip(), sampling_rate=sampling_rate, leads=STANDARD_LEADS)

    @pytest.mark.parametrize(
        "sampling_rate", ["500", " 500.0", np.float32(500), np.array(500), np.array([500]), torch.tensor(500), b"500"]
    )
    def test_a_rate_is_any_number(self, extractor, sampling_rate):
        features = extractor(make_strip(), sampling_rate=sampling_rate, leads=STANDARD_LEADS)

        np.testing.assert_array_equal(features["signal"][0], make_strip())

    @pytest.mark.parametrize("sampling_rate", ["five hundred", True, [500], {}, np.array([500, 250])])
    def test_a_rate_that_is_no_number_is_refused(self, extractor, sampling_rate):
        with pytest.raises(TypeError, match=r"`sampling_rate` is .*, not a number.*record's header"):
            extractor(make_strip(), sampling_rate=sampling_rate, leads=STANDARD_LEADS)

    @pytest.mark.parametrize("missing", ["sampling_rate", "leads"])
    def test_rate_and_leads_are_never_guessed(self, extractor, missing):
        keywords = {"sampling_rate": 500, "leads": STANDARD_LEADS}
        del keywords[missing]

        with pytest.raises(TypeError, match=missing):
            extractor(make_strip(), **keywords)


class TestLength:
    def test_a_strip_of_less_than_a_second_is_refused(self, extractor):
        with pytest.raises(ValueError, match=r"s0001: the longest lead lasts 0\.10 s.*at least 1 s.*5 s for rhy"):
            extractor(make_strip()[:, :50], sampling_rate=500, leads=STANDARD_LEADS, record_id="s0001")

    def test_a_strip_too_short_for_a_rhythm_says_so(self, extractor, caplog):
        with caplog.at_level(logging.WARNING):
            extractor(make_strip(duration_s=2.5), sampling_rate=500, leads=STANDARD_LEADS)

        assert "2.50 s show the shapes of waves; a rhythm takes 5 s" in caplog.text

    def test_what_a_long_strip_loses_is_in_the_account(self, extractor):
        features = extractor(make_strip(duration_s=12), sampling_rate=500, leads=STANDARD_LEADS)

        (account,) = features.accounts
        assert (account.seconds_found, account.seconds_used) == (12, 10)
        assert "10.00 of 12.00 s used" in account.line()

    def test_a_long_strip_loses_its_end(self, extractor):
        features = extractor(make_strip(duration_s=12), sampling_rate=500, leads=STANDARD_LEADS)

        np.testing.assert_array_equal(features["signal"][0], make_strip(duration_s=12)[:, :5000])
        assert features["sample_mask"].all()

    def test_a_short_strip_is_followed_by_zeros(self, extractor):
        features = extractor(make_strip(duration_s=7), sampling_rate=500, leads=STANDARD_LEADS)

        np.testing.assert_array_equal(features["signal"][0, :, :3500], make_strip(duration_s=7))
        assert not features["signal"][0, :, 3500:].any()
        assert features["sample_mask"][0].tolist() == [True] * 3500 + [False] * 1500

    def test_what_follows_the_first_ten_seconds_changes_nothing_at_another_rate(self, extractor):
        strip = make_strip(sampling_rate=400, duration_s=60)
        resampled_whole = resample_strip(strip, 400, 500)[:, :5000]

        signal = extractor(strip, sampling_rate=400, leads=STANDARD_LEADS)["signal"][0]

        np.testing.assert_allclose(signal, resampled_whole, atol=2e-4)

    @pytest.mark.parametrize("settings", [{"do_bandpass": True}, {"do_remove_baseline": True}])
    def test_filters_never_see_padding(self, settings):
        extractor = SupremeEcgFeatureExtractor(**settings)
        strip = make_strip(sampling_rate=250, duration_s=6) + 2

        padded = extractor(strip, sampling_rate=250, leads=STANDARD_LEADS)
        extractor.num_samples = 3000
        exact = extractor(strip, sampling_rate=250, leads=STANDARD_LEADS)

        np.testing.assert_array_equal(padded["signal"][..., :3000], exact["signal"])
        assert not padded["signal"][..., 3000:].any()


class TestVoltage:
    def test_one_unit_is_the_scale(self):
        extractor = SupremeEcgFeatureExtractor(scale_mv=0.25)

        signal = extractor(make_strip(), sampling_rate=500, leads=STANDARD_LEADS)["signal"][0]

        np.testing.assert_allclose(signal, 4 * make_strip(), rtol=1e-6)

    @pytest.mark.parametrize("settings", [{}, {"do_bandpass": True}, {"do_remove_baseline": True}])
    def test_twice_the_voltage_is_twice_the_signal(self, settings):
        extractor = SupremeEcgFeatureExtractor(**settings)

        once = extractor(make_strip(sampling_rate=250), sampling_rate=250, leads=STANDARD_LEADS)["signal"]
        twice = extractor(2 * make_strip(sampling_rate=250), sampling_rate=250, leads=STANDARD_LEADS)["signal"]

        np.testing.assert_allclose(twice, 2 * once, rtol=1e-5, atol=1e-5)

    def test_voltages_are_cut_at_the_clip(self):
        extractor = SupremeEcgFeatureExtractor(scale_mv=0.5, clip_mv=4.0)
        strip = make_strip()
        strip[10, :3] = [30.0, -30.0, 3.9]

        signal = extractor(strip, sampling_rate=500, leads=STANDARD_LEADS)["signal"]

        np.testing.assert_allclose(signal[0, 10, :3], [8.0, -8.0, 7.8], rtol=1e-6)

    def test_a_strip_in_volts_is_refused(self, extractor):
        with pytest.raises(ValueError, match=r"Record s0001: .* mV, which looks like volts.*multiply by 1000"):
            extractor(make_strip() / 1000, sampling_rate=500, leads=STANDARD_LEADS, record_id="s0001")

    @pytest.mark.parametrize("units_per_mv", [1000, 200, 4880])
    def test_a_strip_in_microvolts_or_raw_units_is_refused(self, extractor, units_per_mv):
        with pytest.raises(ValueError, match=r"Strip 0: .* looks like microvolts or raw ADC units.*by the gain"):
            extractor(make_strip() * units_per_mv, sampling_rate=500, leads=STANDARD_LEADS)

    @pytest.mark.parametrize("dtype", [np.int16, np.int64, bool])
    def test_samples_that_are_no_floats_are_refused(self, extractor, dtype):
        strip = (make_strip() * 1000).astype(dtype)

        with pytest.raises(TypeError, match=r"Strip 0: samples are .*not millivolts.*`strip / 1000` for microvolts"):
            extractor(strip, sampling_rate=500, leads=STANDARD_LEADS)

    def test_half_precision_is_taken(self, extractor):
        strip = make_strip().astype(np.float16)

        signal = extractor(strip, sampling_rate=500, leads=STANDARD_LEADS)["signal"][0]

        np.testing.assert_array_equal(signal, strip.astype(np.float32))

    @pytest.mark.parametrize("factor", [0.05, 4.0], ids=["low-voltage", "hypertrophy"])
    def test_true_extremes_of_voltage_pass(self, extractor, factor):
        assert extractor(factor * make_strip(), sampling_rate=500, leads=STANDARD_LEADS)["lead_mask"].all()

    def test_one_defective_lead_of_thirty_millivolts_passes(self, extractor):
        strip = edit(make_strip(), 10, 15 * np.sign(make_strip()[10]))

        signal = extractor(strip, sampling_rate=500, leads=STANDARD_LEADS)["signal"][0]

        np.testing.assert_array_equal(signal[:10], make_strip()[:10])


class TestFilters:
    def test_drift_and_mains_go_and_the_heart_stays(self):
        extractor = SupremeEcgFeatureExtractor(do_bandpass=True, scale_mv=1.0)
        time = np.arange(5000) / 500
        beats = np.sin(2 * np.pi * 10 * time)
        strip = np.tile(beats + np.sin(2 * np.pi * 0.1 * time) + 0.2 * np.sin(2 * np.pi * 60 * time) + 3, (12, 1))

        signal = extractor(strip, sampling_rate=500, leads=STANDARD_LEADS)["signal"][0]

        np.testing.assert_allclose(signal[:, 250:-250], np.tile(beats, (12, 1))[:, 250:-250], atol=0.05)

    def test_the_signal_is_the_strip_without_its_baseline(self):
        extractor = SupremeEcgFeatureExtractor(do_remove_baseline=True, scale_mv=1.0)

        signal = extractor(spike_train() + 3, sampling_rate=500, leads=["V2"])["signal"]

        np.testing.assert_allclose(signal[0, 7], spike_train()[0], atol=1e-6)


class TestWrongInput:
    def test_samples_by_leads_looks_transposed(self, extractor):
        with pytest.raises(ValueError, match=r"Strip 0: a strip of shape \(5000, 12\).*transposed: pass `strip.T`"):
            extractor(make_strip().T, sampling_rate=500, leads=STANDARD_LEADS)

    def test_rows_that_do_not_fit_the_leads_are_refused_with_the_strip(self, extractor):
        strips = [make_strip(), make_strip()[:11]]

        with pytest.raises(
            ValueError, match=r"Strip 1: a strip of shape \(11, 5000\) has not the 12 rows.*one row per"
        ):
            extractor(strips, sampling_rate=500, leads=STANDARD_LEADS)

    def test_one_row_may_have_one_dimension_if_one_lead_is_named(self, extractor):
        features = extractor(make_strip()[1], sampling_rate=500, leads="II")

        np.testing.assert_array_equal(features["signal"][0, 1], make_strip()[1])

    def test_one_row_for_several_leads_is_refused(self, extractor):
        with pytest.raises(ValueError, match=r"Strip 0: a strip has one dimension, not two.*`strip\[None\]`"):
            extractor(make_strip()[0], sampling_rate=500, leads=["I", "II"])

    @pytest.mark.parametrize("strips", [np.zeros((1, 1, 12, 50)), 3.0, "00001_hr"])
    def test_other_dimensions_are_refused(self, extractor, strips):
        with pytest.raises(ValueError, match=r"`strips` has \d dimensions. Give a strip of shape"):
            extractor(strips, sampling_rate=500, leads=STANDARD_LEADS)

    def test_rows_of_different_lengths_are_refused(self, extractor):
        with pytest.raises(ValueError, match=r"Strip 0: its rows differ in length.*Cut or pad"):
            extractor([[0.1, 0.2], [0.3]], sampling_rate=500, leads=["I", "II"])

    def test_an_empty_list_is_refused(self, extractor):
        with pytest.raises(ValueError, match=r"`strips` is empty. Give at least one strip"):
            extractor([], sampling_rate=500, leads=STANDARD_LEADS)

    def test_a_strip_without_samples_is_refused(self, extractor):
        with pytest.raises(ValueError, match=r"Record s0001: the strip has no samples.*read it again"):
            extractor(np.zeros((12, 0)), sampling_rate=500, leads=STANDARD_LEADS, record_id="s0001")

    def test_messages_name_the_record_of_the_strip(self, extractor):
        strips = [make_strip(), make_strip() / 1000]

        with pytest.raises(ValueError, match=r"^Record s0002: .*volts"):
            extractor(strips, sampling_rate=500, leads=STANDARD_LEADS, record_id=["s0001", "s0002"])

    def test_every_strip_needs_its_own_record_id(self, extractor):
        with pytest.raises(ValueError, match=r"`record_id` names 1 records, but there are 2 strips. Name each strip"):
            extractor([make_strip()] * 2, sampling_rate=500, leads=STANDARD_LEADS, record_id="s0001")


class TestSettings:
    @pytest.mark.parametrize("setting", ["num_samples", "scale_mv", "clip_mv"])
    def test_sizes_are_above_zero(self, setting):
        with pytest.raises(ValueError, match=rf"`{setting}` is 0. Give a number above 0"):
            SupremeEcgFeatureExtractor(**{setting: 0})

    @pytest.mark.parametrize(("low", "high"), [(0, 40), (40, 0.5), (0.5, 250)])
    def test_a_band_must_exist_at_the_sampling_rate(self, low, high):
        with pytest.raises(ValueError, match=r"does not exist at 500 Hz. Choose 0 < low < high < 250 Hz"):
            SupremeEcgFeatureExtractor(low_cutoff_hz=low, high_cutoff_hz=high)

    def test_an_unknown_lead_of_the_model_is_refused(self):
        with pytest.raises(ValueError, match=r"Unknown lead 'vx'.*Leave the row out"):
            SupremeEcgFeatureExtractor(leads=["I", "vx"])


class TestSaving:
    settings = {
        "leads": ("II", "V1"),
        "sampling_rate": 250,
        "num_samples": 2500,
        "do_bandpass": True,
        "low_cutoff_hz": 0.67,
        "high_cutoff_hz": 100.0,
        "do_remove_baseline": True,
        "scale_mv": 0.5,
        "clip_mv": 3.0,
    }

    @pytest.mark.parametrize("settings", [{}, settings], ids=["default", "all-changed"])
    def test_a_reloaded_extractor_is_equal(self, tmp_path, settings):
        extractor = SupremeEcgFeatureExtractor(**settings)

        extractor.save_pretrained(tmp_path)
        reloaded = SupremeEcgFeatureExtractor.from_pretrained(tmp_path)

        assert reloaded.to_dict() == extractor.to_dict()

    def test_every_setting_is_saved(self):
        saved = SupremeEcgFeatureExtractor(**self.settings).to_dict()

        assert saved == self.settings | {
            "leads": ["II", "V1"],
            "feature_extractor_type": "SupremeEcgFeatureExtractor",
        }

    def test_the_code_travels_with_the_checkpoint(self, tmp_path, monkeypatch):
        monkeypatch.setattr(SupremeEcgFeatureExtractor, "_auto_class", "AutoFeatureExtractor")
        monkeypatch.setattr(transformers.dynamic_module_utils, "HF_MODULES_CACHE", str(tmp_path / "modules"))
        monkeypatch.syspath_prepend(tmp_path / "modules")
        extractor = SupremeEcgFeatureExtractor(**self.settings)

        extractor.save_pretrained(tmp_path / "checkpoint")
        reloaded = AutoFeatureExtractor.from_pretrained(tmp_path / "checkpoint", trust_remote_code=True)

        assert (tmp_path / "checkpoint" / "leads.py").exists()
        strip = make_strip(["II", "V1"])
        np.testing.assert_array_equal(
            reloaded(strip, sampling_rate=500, leads=["II", "V1"])["signal"],
            extractor(strip, sampling_rate=500, leads=["II", "V1"])["signal"],
        )
