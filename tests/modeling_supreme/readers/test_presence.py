"""When a lead was recorded: gaps, flat stretches, printed sheets, rails and offsets, as the extractor treats them."""

import logging
import re

import numpy as np
import pytest
from helpers.strips import edit, make_strip, spike_train

from modeling_supreme.feature_extraction_supreme import SupremeEcgFeatureExtractor
from modeling_supreme.leads import STANDARD_LEADS


MIMIC_LEADS = ("I", "II", "III", "aVR", "aVF", "aVL", "V1", "V2", "V3", "V4", "V5", "V6")
UPPER_CASE_LEADS = tuple(lead.upper() for lead in STANDARD_LEADS)


class TestFlatLeads:
    def test_a_flat_lead_is_masked_and_named_in_a_warning(self, extractor, caplog):
        strip = edit(make_strip(), STANDARD_LEADS.index("V3"), -0.4)

        with caplog.at_level(logging.WARNING):
            features = extractor(strip, sampling_rate=500, leads=STANDARD_LEADS, record_id="s0001")

        assert np.flatnonzero(~features["lead_mask"][0]).tolist() == [8]
        assert not features["signal"][0, 8].any()
        assert re.search(r"Record s0001: 11 leads \(.*V2, V4.*V3 left out \(flat or not recorded\)", caplog.text)

    def test_every_strip_with_a_flat_lead_has_its_line(self, extractor, caplog):
        strips = [edit(make_strip(), 6, 0.0), make_strip(), edit(make_strip(), 11, 0.0)]

        with caplog.at_level(logging.WARNING):
            extractor(strips, sampling_rate=500, leads=STANDARD_LEADS)

        lines = [record.getMessage() for record in caplog.records]
        assert [line.split(":")[0] for line in lines] == ["Strip 0", "Strip 2"]
        assert [line.split("; ")[1] for line in lines] == [f"V{n} left out (flat or not recorded)" for n in (1, 6)]

    def test_nothing_is_computed_from_a_flat_lead(self, extractor):
        leads = ("I", "II", "V1")

        features = extractor(edit(make_strip(leads), 0, 0.0), sampling_rate=500, leads=leads)

        assert features["lead_mask"][0].nonzero()[0].tolist() == [1, 6]

    def test_a_flat_limb_lead_is_computed_from_two_others_and_said_to_be(self, extractor):
        features = extractor(edit(make_strip(), 2, 0.0), sampling_rate=500, leads=STANDARD_LEADS)

        (account,) = features.accounts
        np.testing.assert_allclose(features["signal"][0, 2], make_strip()[1] - make_strip()[0], atol=1e-6)
        assert (account.leads_derived, account.left_out) == (("III",), {"III": "flat or not recorded"})

    @pytest.mark.parametrize("noise_mv", [0.0, 0.008])
    def test_an_electrode_that_was_off_for_four_seconds_is_masked_then(self, extractor, noise_mv):
        strip = make_strip()
        strip[7, 1000:3000] = noise_mv / 2 * np.cos(np.arange(2000))

        features = extractor(strip, sampling_rate=500, leads=STANDARD_LEADS)

        is_recorded = features["recorded_mask"][0]
        assert is_recorded[7].sum() == pytest.approx(3000, abs=5)
        assert not is_recorded[7, 1010:2990].any()
        assert np.delete(is_recorded, 7, axis=0).all()
        assert not features["signal"][0, 7, 1010:2990].any()

    def test_a_rest_between_two_slow_beats_is_not_flat(self, extractor):
        beats = spike_train()[:, :500]
        strip = np.concatenate([beats, np.zeros((1, 450)), beats], axis=1)

        features = extractor(strip, sampling_rate=500, leads=["II"])

        assert features["recorded_mask"][0, 1, :1450].all()

    def test_a_lead_at_the_rail_is_masked_while_it_is_there(self, extractor):
        strip = make_strip()
        strip[9, 2000:2400] = 4.0

        is_recorded = extractor(strip, sampling_rate=500, leads=STANDARD_LEADS)["recorded_mask"][0]

        assert np.flatnonzero(~is_recorded[9]).tolist() == list(range(2000, 2400))

    def test_a_strip_whose_leads_are_all_flat_is_refused(self, extractor):
        with pytest.raises(ValueError, match=r"Record s0001: every lead is flat.*Leave the record out"):
            extractor(np.full((12, 5000), 0.3), sampling_rate=500, leads=STANDARD_LEADS, record_id="s0001")


class TestGaps:
    @pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e30])
    def test_a_short_gap_becomes_a_straight_line(self, extractor, value):
        strip, line = make_strip(), make_strip()
        strip[7, 123:143] = value  # 40 ms
        line[7, 122:144] = np.linspace(strip[7, 122], strip[7, 143], 22)

        features = extractor(strip, sampling_rate=500, leads=STANDARD_LEADS)

        np.testing.assert_allclose(features["signal"][0], line, atol=1e-6)
        assert features["recorded_mask"].all()
        assert features.accounts[0].num_bridged_samples == 20

    def test_a_longer_gap_is_masked_and_what_surrounds_it_stays(self, extractor):
        strip = make_strip()
        strip[7, 123:153] = np.nan  # 60 ms

        features = extractor(strip, sampling_rate=500, leads=STANDARD_LEADS)

        assert np.flatnonzero(~features["recorded_mask"][0, 7]).tolist() == list(range(123, 153))
        np.testing.assert_array_equal(features["signal"][0, 7], np.nan_to_num(strip[7]))
        assert features.accounts[0].seconds_missing == {"V2": pytest.approx(0.06)}

    @pytest.mark.parametrize("rest", [0.0, np.nan], ids=["zeros", "nan"])
    @pytest.mark.parametrize("sampling_rate", [500, 250, 360])
    def test_a_printed_sheet_counts_as_what_it_is(self, extractor, rest, sampling_rate):
        strip = make_strip(sampling_rate=sampling_rate)
        column = round(2.5 * sampling_rate)
        sheet = np.full_like(strip, rest)
        for lead in range(12):
            shown = slice(lead // 3 * column, (lead // 3 + 1) * column)
            sheet[lead, shown] = strip[lead, shown]
        sheet[1] = strip[1]

        features = extractor(sheet, sampling_rate=sampling_rate, leads=STANDARD_LEADS)

        seconds = features["recorded_mask"][0].sum(axis=1) / 500
        np.testing.assert_allclose(seconds, [2.5, 10.0, *[2.5] * 10], atol=0.02)
        assert features["sample_mask"].all()
        assert set(features.accounts[0].seconds_missing) == set(STANDARD_LEADS) - {"II"}

    @pytest.mark.parametrize("offset_mv", [6.0, -40.0, 300.0])
    @pytest.mark.parametrize("settings", [{}, {"do_bandpass": True}], ids=str)
    def test_an_offset_beyond_the_clip_is_removed_and_said(self, settings, offset_mv):
        extractor = SupremeEcgFeatureExtractor(scale_mv=1.0, **settings)
        plain = extractor(make_strip(), sampling_rate=500, leads=STANDARD_LEADS)

        features = extractor(make_strip() + offset_mv, sampling_rate=500, leads=STANDARD_LEADS)

        medians = np.median(make_strip(), axis=1)[:, None] * (not settings)
        np.testing.assert_allclose(features["signal"][0] + medians, plain["signal"][0], atol=0.02)
        assert features.accounts[0].offsets_removed_mv["V1"] == pytest.approx(offset_mv, abs=0.5)
        assert features.accounts[0].share_clipped == 0

    def test_what_the_clip_cuts_off_is_counted(self, extractor):
        strip = make_strip()
        strip[10, :60] = 9.0 + np.arange(60) / 100

        features = extractor(strip, sampling_rate=500, leads=STANDARD_LEADS)

        assert features.accounts[0].share_clipped == pytest.approx(60 / 60_000)
        assert "0.10% of the samples cut off" in features.accounts[0].line()
