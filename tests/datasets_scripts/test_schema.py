"""Rows of all corpora have one format: 12 standard leads, 500 Hz, 10 s, `int16` microvolts, named labels."""

import numpy as np
import pytest
from datasets import Array2D, ClassLabel, Dataset, Value

from datasets_scripts.schema import account_of_rows, corpus_features, signal_windows, to_microvolts
from modeling_supreme.leads import STANDARD_LEADS
from modeling_supreme.recordings import Account, EcgRecording, recording_from_row


MIMIC_LEADS = ("I", "II", "III", "aVR", "aVF", "aVL", "V1", "V2", "V3", "V4", "V5", "V6")


def make_microvolts(leads=STANDARD_LEADS, num_samples=5000):
    """Rows filled with the position of their lead in `STANDARD_LEADS`, counted from 1."""
    rows = [np.full(num_samples, STANDARD_LEADS.index(lead) + 1, dtype=np.int16) for lead in leads]
    return np.stack(rows)


def make_sine(sampling_rate, num_samples, *, offset=0.0):
    """A sine of 5 Hz and 1000 µV in all leads, in microvolts."""
    sine = 1000 * np.sin(2 * np.pi * 5 * np.arange(num_samples) / sampling_rate) + offset
    return np.tile(np.rint(sine), (12, 1)).astype(np.int16)


def signal_columns(microvolts, *, leads, sampling_rate, record_id):
    """Signal columns of the first 10 s."""
    (columns,) = signal_windows(
        EcgRecording(microvolts=microvolts, leads=leads, sampling_rate=sampling_rate), record_id=record_id
    )
    return columns


def test_the_columns_come_in_one_order_and_the_codes_of_a_corpus_follow():
    features = corpus_features(["NORM", "MI"], scp_codes=Value("string"))

    assert list(features) == [
        *("record_id", "patient_id", "signal", "lead_mask", "not_recorded", "num_samples", "sampling_rate_original"),
        *("num_samples_original", "window_start_s"),
        *("age", "sex", "report", "statements", "labels", "label_mask", "scp_codes"),
    ]


def test_the_signal_is_12_leads_of_10_seconds_at_500_hz_in_int16():
    assert corpus_features(["NORM"])["signal"] == Array2D((12, 5000), "int16")


def test_labels_are_named_in_the_order_of_their_indices():
    features = corpus_features(["NORM", "MI"])

    assert features["labels"].feature == ClassLabel(names=["NORM", "MI"])
    assert features["label_mask"].length == 2


@pytest.mark.parametrize(
    ("millivolts", "microvolts"),
    [(1.0, 1000), (-0.0014, -1), (0.0016, 2), (32.767, 32767), (33.0, 32767), (-40.0, -32768)],
)
def test_millivolts_become_the_nearest_microvolts_within_int16(millivolts, microvolts):
    stored = to_microvolts(np.array([[millivolts]]))

    assert stored.dtype == np.int16
    assert stored.tolist() == [[microvolts]]


def test_float32_millivolts_are_rounded_not_cut():
    stored = to_microvolts(np.float32([[0.123, -0.123]]))

    assert stored.tolist() == [[123, -123]]


@pytest.mark.parametrize(
    "leads", [STANDARD_LEADS, MIMIC_LEADS, STANDARD_LEADS[::-1]], ids=["standard", "mimic", "reversed"]
)
def test_rows_take_the_standard_order_whatever_the_order_of_the_record(leads):
    columns = signal_columns(make_microvolts(leads), leads=leads, sampling_rate=500, record_id="1")

    assert columns["signal"][:, 0].tolist() == list(range(1, 13))
    assert columns["lead_mask"].all()


def test_leads_are_recognised_in_upper_case():
    leads = [lead.upper() for lead in STANDARD_LEADS]

    columns = signal_columns(make_microvolts(), leads=leads, sampling_rate=500, record_id="1")

    assert columns["signal"][:, 0].tolist() == list(range(1, 13))


def test_a_lead_that_was_not_recorded_is_zero_and_masked():
    leads = ("V6", "I", "II")

    columns = signal_columns(make_microvolts(leads), leads=leads, sampling_rate=500, record_id="1")

    assert columns["signal"][:, 0].tolist() == [1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 12]
    assert np.flatnonzero(columns["lead_mask"]).tolist() == [0, 1, 11]


def test_integers_at_500_hz_are_stored_unchanged():
    noise = np.random.default_rng(0).integers(-32768, 32767, size=(12, 5000), dtype=np.int16, endpoint=True)

    columns = signal_columns(noise, leads=STANDARD_LEADS, sampling_rate=500, record_id="1")

    np.testing.assert_array_equal(columns["signal"], noise)


def test_the_first_10_seconds_of_a_longer_recording_are_kept():
    ramp = np.tile(np.arange(6000, dtype=np.int16), (12, 1))

    columns = signal_columns(ramp, leads=STANDARD_LEADS, sampling_rate=500, record_id="1")

    assert columns["signal"][0, [0, -1]].tolist() == [0, 4999]
    assert columns["num_samples"] == 5000


def test_a_shorter_recording_is_followed_by_zeros():
    columns = signal_columns(make_microvolts(num_samples=3000), leads=STANDARD_LEADS, sampling_rate=500, record_id="1")

    assert columns["signal"].shape == (12, 5000)
    assert columns["signal"][0, [2999, 3000]].tolist() == [1, 0]
    assert columns["num_samples"] == 3000


@pytest.mark.parametrize("sampling_rate", [100, 250, 257, 400, 1000])
def test_10_seconds_at_any_rate_become_5000_samples(sampling_rate):
    columns = signal_columns(
        make_sine(sampling_rate, 10 * sampling_rate), leads=STANDARD_LEADS, sampling_rate=sampling_rate, record_id="1"
    )

    assert columns["num_samples"] == 5000
    assert columns["sampling_rate_original"] == sampling_rate


@pytest.mark.parametrize("sampling_rate", [100, 250, 400, 1000])
def test_a_sine_keeps_its_voltage_and_phase_when_resampled(sampling_rate):
    columns = signal_columns(
        make_sine(sampling_rate, 10 * sampling_rate), leads=STANDARD_LEADS, sampling_rate=sampling_rate, record_id="1"
    )

    within = slice(250, -250)
    np.testing.assert_allclose(columns["signal"][:, within], make_sine(500, 5000)[:, within], atol=2)


def test_a_baseline_offset_does_not_ring_at_the_ends():
    offset = np.full((12, 1000), 2000, dtype=np.int16)

    columns = signal_columns(offset, leads=STANDARD_LEADS, sampling_rate=100, record_id="1")

    np.testing.assert_allclose(columns["signal"], 2000, atol=1)


def test_a_recording_without_samples_is_refused():
    with pytest.raises(ValueError, match=r"Record 00017 has no samples.*leave it out"):
        signal_columns(np.zeros((12, 0), np.int16), leads=STANDARD_LEADS, sampling_rate=500, record_id="00017")


def test_a_lead_listed_twice_is_refused():
    with pytest.raises(ValueError, match=r"Record 00017.*Lead I stands more than once.*leave out"):
        signal_columns(np.zeros((2, 10), np.int16), leads=["I", "i"], sampling_rate=500, record_id="00017")


def test_a_lead_with_an_unknown_name_is_refused():
    with pytest.raises(ValueError, match=r"Record 00017.*Unknown lead 'V7'.*Leave the row out"):
        signal_columns(np.zeros((1, 10), np.int16), leads=["V7"], sampling_rate=500, record_id="00017")


def test_the_documented_format_reads_int16_and_leaves_the_other_columns_alone():
    row = dict.fromkeys(corpus_features(["NORM"]))
    row |= signal_columns(make_microvolts(), leads=STANDARD_LEADS, sampling_rate=500, record_id="1")
    dataset = Dataset.from_list([row | {"age": 63.5}], features=corpus_features(["NORM"]))

    read = dataset.with_format("numpy", columns=["signal"], dtype=np.int16, output_all_columns=True)[0]

    assert read["signal"].dtype == np.int16
    assert read["signal"][:, 0].tolist() == list(range(1, 13))
    assert read["age"] == 63.5


@pytest.mark.parametrize(
    ("num_samples", "window", "starts_s", "lengths"),
    [
        (5000, "all", [0], [5000]),
        (12000, "first", [0], [5000]),
        (12000, "center", [7], [5000]),
        (12000, "all", [0, 10, 20], [5000, 5000, 2000]),
        (11000, "all", [0, 10], [5000, 5000]),
        (3000, "center", [0], [3000]),
    ],
)
def test_a_long_recording_gives_the_windows_asked_for(num_samples, window, starts_s, lengths):
    recording = EcgRecording(
        microvolts=make_microvolts(num_samples=num_samples), leads=STANDARD_LEADS, sampling_rate=500
    )

    rows = signal_windows(recording, record_id="1", window=window)

    assert [row["window_start_s"] for row in rows] == starts_s
    assert [row["num_samples"] for row in rows] == lengths
    assert {row["num_samples_original"] for row in rows} == {num_samples}


def test_the_second_window_goes_on_where_the_first_ends():
    ramp = np.tile(np.arange(10000, dtype=np.int16), (12, 1))

    first, second = signal_windows(
        EcgRecording(microvolts=ramp, leads=STANDARD_LEADS, sampling_rate=500), record_id="1", window="all"
    )

    assert (first["signal"][0, -1], second["signal"][0, 0]) == (4999, 5000)


def make_gappy(gaps, *, num_samples=5000, sampling_rate=500, leads=STANDARD_LEADS):
    """A recording of 1000 µV in all leads that lacks some stretches: `(row, first sample, one after)`."""
    is_recorded = np.ones((len(leads), num_samples), dtype=bool)
    for row, start, stop in gaps:
        is_recorded[row, start:stop] = False
    return EcgRecording(
        microvolts=np.where(is_recorded, 1000, 0).astype(np.int16),
        is_recorded=is_recorded,
        leads=leads,
        sampling_rate=sampling_rate,
        account=Account(seconds_found=num_samples / sampling_rate),
    )


class TestPresenceInTime:
    def test_stretches_that_leads_lack_are_listed_by_lead_and_time(self):
        (row,) = signal_windows(make_gappy([(3, 10, 20), (0, 4000, 5000), (3, 30, 31)]), record_id="1")

        assert row["not_recorded"] == [[0, 4000, 5000], [3, 10, 20], [3, 30, 31]]
        assert row["lead_mask"].all()
        assert (row["signal"][3, 9:21] == [1000, *[0] * 10, 1000]).all()

    def test_places_are_those_of_the_standard_order(self):
        (row,) = signal_windows(make_gappy([(0, 10, 20)], leads=("V6", "I")), record_id="1")

        assert row["not_recorded"] == [[11, 10, 20]]

    def test_a_whole_recording_lists_none(self):
        (row,) = signal_windows(make_gappy([]), record_id="1")

        assert row["not_recorded"] == []

    def test_every_window_has_its_own_part(self):
        first, second = signal_windows(make_gappy([(3, 4990, 5010)], num_samples=10000), record_id="1", window="all")

        assert (first["not_recorded"], second["not_recorded"]) == ([[3, 4990, 5000]], [[3, 0, 10]])

    def test_a_lead_that_has_nothing_in_a_window_is_masked_there(self):
        first, second = signal_windows(make_gappy([(3, 100, 5000)], num_samples=10000), record_id="1", window="all")
        later = signal_windows(make_gappy([(3, 4000, 10000)], num_samples=10000), record_id="1", window="all")[1]

        assert (first["lead_mask"][3], first["not_recorded"]) == (True, [[3, 100, 5000]])
        assert second["lead_mask"].all()
        assert (later["lead_mask"][3], later["not_recorded"]) == (False, [])

    def test_a_window_in_which_no_lead_was_recorded_is_no_row(self):
        gaps = [(lead, 5000, 10000) for lead in range(12)]

        rows = signal_windows(make_gappy(gaps, num_samples=15000), record_id="1", window="all")

        assert [row["window_start_s"] for row in rows] == [0.0, 20.0]
        with pytest.raises(ValueError, match=r"Record 1 has no lead that was recorded in the 10 s taken.*window"):
            signal_windows(make_gappy(gaps, num_samples=15000), record_id="1", window="center")

    @pytest.mark.parametrize(
        ("sampling_rate", "gap", "span"),
        [
            (250, (10, 20), [19, 40]),  # samples at 2 per sample: 18 lies on 9, which is there, 40 on 20
            (1000, (10, 20), [5, 10]),
            (1000, (11, 20), [6, 10]),  # 5 lies on 10, which is there
            (100, (0, 10), [0, 50]),
            (400, (100, 200), [124, 250]),  # 124 lies between 99, which is there, and 100
        ],
    )
    def test_stretches_keep_their_place_in_time_at_every_rate(self, sampling_rate, gap, span):
        (row,) = signal_windows(
            make_gappy([(3, *gap)], num_samples=10 * sampling_rate, sampling_rate=sampling_rate), record_id="1"
        )

        assert row["not_recorded"] == [[3, *span]]

    def test_resampling_smears_nothing_over_the_edges_of_a_gap(self):
        (row,) = signal_windows(make_gappy([(3, 100, 900)], num_samples=1000, sampling_rate=250), record_id="1")

        values = row["signal"][3, : row["num_samples"]]
        assert set(values[199:1800]) == {0}
        np.testing.assert_allclose(np.delete(values, range(199, 1800)), 1000, atol=2)

    @pytest.mark.parametrize("sampling_rate", [500, 250, 249.89])
    def test_a_row_read_back_lacks_the_same_stretches(self, sampling_rate):
        recording = make_gappy([(3, 100, 300)], num_samples=2500, sampling_rate=sampling_rate)
        (row,) = signal_windows(recording, record_id="1")

        read = recording_from_row(row)

        lost_s = (~read.is_recorded[3]).sum() / 500
        assert lost_s == pytest.approx(200 / sampling_rate, abs=0.005)
        assert read.is_recorded[[lead for lead in range(12) if lead != 3]].all()

    def test_rows_are_stored_and_read_as_columns(self):
        row = dict.fromkeys(corpus_features(["NORM"]))
        (columns,) = signal_windows(make_gappy([(3, 10, 20), (5, 0, 7)]), record_id="1")

        dataset = Dataset.from_list([row | columns], features=corpus_features(["NORM"]))

        assert dataset[0]["not_recorded"] == [[3, 10, 20], [5, 0, 7]]


class TestRates:
    def test_a_rate_that_is_no_whole_number_is_resampled_and_stored_rounded(self):
        (row,) = signal_windows(make_gappy([], num_samples=2499, sampling_rate=249.89), record_id="1")

        assert (row["sampling_rate_original"], row["num_samples_original"]) == (250, 2499)
        assert row["num_samples"] == 5000

    def test_a_rate_that_an_xml_format_rounded_is_taken_for_500_hz(self):
        recording = EcgRecording(microvolts=make_sine(500, 5000), leads=STANDARD_LEADS, sampling_rate=499.98)

        (row,) = signal_windows(recording, record_id="1")

        np.testing.assert_array_equal(row["signal"], make_sine(500, 5000))


class TestAccountOfRows:
    def account(self, recording, **options):
        return account_of_rows(recording, signal_windows(recording, record_id="1", **options))

    @pytest.mark.parametrize(("window", "seconds"), [("first", 10.0), ("center", 10.0), ("all", 25.0)])
    def test_it_says_how_much_of_the_time_became_rows(self, window, seconds):
        account = self.account(make_gappy([], num_samples=12500), window=window)

        assert (account.seconds_found, account.seconds_used) == (25.0, seconds)

    def test_it_says_which_share_stands_at_the_largest_voltage_of_a_row(self):
        microvolts = make_sine(500, 5000)
        microvolts[0, :6] = 32767
        recording = EcgRecording(microvolts=microvolts, leads=STANDARD_LEADS, sampling_rate=500)

        assert self.account(recording).share_clipped == 6 / 60_000
