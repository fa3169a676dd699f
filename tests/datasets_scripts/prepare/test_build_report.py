"""The build report: what is counted is what was written, and the page shows it without any other file."""

import json
import re
import shutil

import numpy as np
import pandas as pd
import pytest
from helpers.records.mimic_iv_ecg_records import write_mimic_corpus
from helpers.records.ptb_xl_records import PTB_XL_LEADS, make_microvolts, write_ptb_xl_record

from datasets_scripts import load_corpus
from datasets_scripts.prepare.corpus import prepare_corpus
from datasets_scripts.ptb_xl import PtbXl


V6 = PTB_XL_LEADS.index("V6")


@pytest.fixture(scope="module")
def odd_dir(ptb_xl_dir, tmp_path_factory):
    """A copy of the small corpus with defects in the training split.

    Records 4 and 11 are absent; in 1, lead V6 is flat; in 2, V6 is at its limit for 35 samples of each 500; 3 has
    no V6; in 5, lead II is 50 µV too high; 7 lasts 4 s.
    """
    folder = shutil.copytree(ptb_xl_dir, tmp_path_factory.mktemp("odd") / "ptb-xl")
    records = folder / "records500/00000"
    for ecg_id in (4, 11):
        (records / f"{ecg_id:05d}_hr.dat").unlink()
    flat, clipped, shifted = make_microvolts(1), make_microvolts(2), make_microvolts(5)
    flat[:, V6] = 3
    clipped[:, V6] = np.tile(2000 * np.cos(np.arange(500) * 2 * np.pi / 500), 10).clip(-1950, 2000)
    # The sines of the small corpus are 100, 200 and 300 µV in I, II and III: I + III - II is a sine of 200 µV.
    shifted[:, 1] = shifted[:, 0] + shifted[:, 2] + 50
    write_ptb_xl_record(records / "00001_hr", flat, sampling_rate=500)
    write_ptb_xl_record(records / "00002_hr", clipped, sampling_rate=500)
    write_ptb_xl_record(records / "00003_hr", make_microvolts(3)[:, :V6], sampling_rate=500, leads=PTB_XL_LEADS[:V6])
    write_ptb_xl_record(records / "00005_hr", shifted, sampling_rate=500)
    write_ptb_xl_record(records / "00007_hr", make_microvolts(7)[:2000], sampling_rate=500)
    return folder


@pytest.fixture(scope="module")
def odd(odd_dir, tmp_path_factory):
    """Report and page of the corpus with defects."""
    folder = tmp_path_factory.mktemp("prepared") / "out"
    report = prepare_corpus("ptb_xl", output_dir=folder, data_dir=str(odd_dir), on_error="skip", records_per_shard=5)
    return report, (folder / "build_report.html").read_text(encoding="utf-8")


@pytest.fixture
def quality(odd):
    return odd[0]["signal_quality"]


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """Report, page and rows of the twelve recordings of a cart, of which two have faults."""
    folder = tmp_path_factory.mktemp("mimic")
    write_mimic_corpus(folder)
    path = folder / "machine_measurements.csv"
    table = pd.read_csv(path)
    table["qrs_end"] = [100, 29999, *range(250, 350, 10)]
    table.to_csv(path, index=False)
    report = prepare_corpus("mimic_iv_ecg", output_dir=folder / "out", data_dir=str(folder))
    page = (folder / "out" / "build_report.html").read_text(encoding="utf-8")
    return report, page, load_corpus(str(folder / "out"), split="train+validation+test")


class TestCounts:
    def test_records_patients_and_labels_are_counted(self, odd):
        report, _ = odd

        assert (report["corpus"], report["config_name"]) == ("ptb_xl", "superclass")
        assert report["splits"]["test"] == {
            "num_rows": 2,
            "num_records": 2,
            "num_patients": 2,
            "num_reports": 2,
            "labels": {
                "NORM": {"num_positives": 2, "num_known": 2, "prevalence": 1.0},
                **{
                    name: {"num_positives": 0, "num_known": 2, "prevalence": 0.0}
                    for name in ("MI", "STTC", "CD", "HYP")
                },
            },
            "num_skipped": 0,
        }

    def test_prevalence_is_positives_by_known_rows(self, odd):
        labels = odd[0]["splits"]["train"]["labels"]

        # 12 records: folds 1 to 8 twice, without two that have no diagnosis and two that are absent.
        assert labels["MI"] == {"num_positives": 4, "num_known": 12, "prevalence": 0.333333}

    def test_unknown_labels_do_not_count(self, tmp_path, ptb_xl_dir, monkeypatch):
        read_known = PtbXl._read_columns
        masks = iter([[True] * 5, [True] * 4 + [False]] * 10)
        monkeypatch.setattr(
            PtbXl, "_read_columns", lambda self, row: {**read_known(self, row), "label_mask": next(masks)}
        )

        report = prepare_corpus("ptb_xl", output_dir=tmp_path / "out", data_dir=str(ptb_xl_dir))

        assert report["splits"]["test"]["labels"]["HYP"] == {"num_positives": 0, "num_known": 1, "prevalence": 0.0}

    def test_records_left_out_are_listed_with_the_reason(self, odd):
        report, _ = odd

        assert [(record["record_id"], record["split"]) for record in report["skipped"]] == [
            ("4", "train"),
            ("11", "train"),
        ]
        assert report["skipped"][0]["reason"].endswith("00004_hr.dat does not exist. Complete the download.")
        assert [split["num_skipped"] for split in report["splits"].values()] == [2, 0, 0]

    def test_rows_of_one_recording_are_one_record(self, odd_dir, tmp_path):
        long_dir = shutil.copytree(odd_dir, tmp_path / "long")
        microvolts = np.concatenate([make_microvolts(10)] * 3)
        write_ptb_xl_record(long_dir / "records500/00000/00010_hr", microvolts, sampling_rate=500)
        options = {"data_dir": str(long_dir), "on_error": "skip", "window": "all"}

        report = prepare_corpus("ptb_xl", output_dir=tmp_path / "out", **options)

        assert (report["splits"]["test"]["num_rows"], report["splits"]["test"]["num_records"]) == (4, 2)
        assert sum(report["recordings"]["num_records_by_sampling_rate_hz"].values()) == 16
        assert report["recordings"]["duration_s"]["max"] == 30.0


class TestPeopleAndRecordings:
    def test_ages_and_sexes_are_counted_by_record(self, odd):
        people = odd[0]["people"]

        # Odd numbers are women. Of 1 to 20, without 6 and 16 (no diagnosis), 4 and 11, seven even numbers are left.
        assert people["num_records_by_sex"] == {"female": 9, "male": 7}
        # Record 1 is 90, 2 unknown; 3, 5, 7, 8 and 9 are in their forties; 10 is 50 and so on until 20 with 60.
        assert people["age_years"]["num_unknown"] == 1
        assert people["age_years"]["histogram"]["counts"] == [0, 0, 0, 0, 5, 8, 1, 0, 0, 1, 0]

    def test_lengths_are_those_of_the_files(self, odd):
        durations = odd[0]["recordings"]["duration_s"]

        assert (durations["min"], durations["median"], durations["max"]) == (4.0, 10.0, 10.0)
        assert durations["histogram"]["lower_edges"] == [0.0, 2.5, 5.0, 7.5, 9.5, 10.5, 15.0, 30.0, 60.0, 120.0]
        assert durations["histogram"]["counts"] == [0, 1, 0, 0, 15, 0, 0, 0, 0, 0]

    def test_rates_are_those_of_the_files(self, odd_dir, tmp_path):
        report = prepare_corpus("ptb_xl", output_dir=tmp_path / "out", data_dir=str(odd_dir), sampling_rate=100)

        assert report["recordings"]["num_records_by_sampling_rate_hz"] == {"100": 18}


class TestMeasurements:
    def test_rows_keep_them(self, measured):
        qrs_ms = [row["qrs_ms"] for row in measured[2]["measurements"]]

        assert qrs_ms == [None, None, *range(80, 180, 10)]

    def test_they_are_counted(self, measured):
        assert measured[0]["measurements"]["qrs_ms"] == {"num_known": 10, "p5": 84.5, "median": 125.0, "p95": 165.5}

    def test_what_is_not_there_in_a_row_is_not_known(self, tmp_path):
        report = prepare_corpus("simulated", output_dir=tmp_path / "out", num_records=20, has_measurements=True)

        # one of the twenty strips has early beats that come regularly
        assert report["measurements"]["early_period"] == {"num_known": 1, "p5": 3.0, "median": 3.0, "p95": 3.0}
        assert report["measurements"]["qrs_ms"]["num_known"] == 20

    def test_what_was_left_out_is_said(self, measured):
        remark = {"remark": "qrs_ms not from 30 to 400 ms", "num_records": 1}

        assert measured[0]["losses"]["other_remarks"] == [remark]
        assert "qrs_ms not from 30 to 400 ms" in measured[1]

    def test_the_page_shows_them(self, measured):
        assert re.search(r"Measurements</h2>.*qrs_ms</td><td[^>]*>10</td><td[^>]*>84.5<", measured[1], re.DOTALL)

    def test_a_corpus_without_any_says_nothing_of_them(self, odd):
        assert odd[0]["measurements"] == {}
        assert "Measurements" not in odd[1]


class TestSignalQuality:
    def test_shares_of_leads_are_by_strip(self, quality):
        v6 = quality["leads"]["V6"]

        assert quality["num_strips"] == 16
        # A lead that is flat counts as not recorded.
        assert (v6["share_missing"], v6["share_flat"], v6["share_clipped"]) == (2 / 16, 0, 1 / 16)
        assert quality["leads"]["V5"]["share_flat"] == 0.0
        assert quality["share_of_strips"] == {
            "missing_lead": 2 / 16,
            "flat_lead": 0.0,
            "clipped_lead": 1 / 16,
        }

    def test_voltages_are_medians_over_the_strips_that_have_the_lead(self, quality):
        # Amplitudes of 100 µV in lead I to 1100 µV in V5, peak to peak twice that.
        assert quality["leads"]["I"]["peak_to_peak_mv"]["median"] == 0.2
        assert quality["leads"]["V5"]["peak_to_peak_mv"]["median"] == 2.2

    def test_shares_of_samples_are_by_what_was_recorded(self, quality):
        # cos(x) <= -0.975 within 17.8 samples of each of ten minima; 14 strips of 12 leads, one of them 4 s long, and
        # two of 11.
        num_recorded = 5000 * (13 * 12 + 2 * 11) + 2000 * 12
        assert quality["share_of_samples"]["clipped"] == pytest.approx(350 / num_recorded, rel=0.01)
        # 3000 samples of padding; every sine of the small corpus is zero where it begins.
        assert quality["share_of_samples"]["missing"] == pytest.approx(3000 / 80_000, rel=0.1)

    def test_the_sum_of_the_limb_leads_is_judged_by_strip(self, quality):
        residual = quality["limb_residual_uv"]

        # The mean of a rectified sine of 200 µV is 400 / pi; one strip is off by 50 µV.
        assert residual["median"] == pytest.approx(400 / np.pi, abs=1)
        assert residual["num_strips"] == 16
        assert residual["histogram"]["counts"] == [0, 0, 0, 0, 0, 0, 0, 1, 15, 0, 0, 0]
        assert residual["share_above_20"] == 1.0

    def test_records_to_look_at_are_named(self, quality):
        examples = quality["examples"]

        assert (examples["flat_lead"], examples["clipped_lead"], examples["missing_lead"]) == ([], ["2"], ["1", "3"])
        assert len(examples["limb_leads_disagree"]) == 10


class TestEmptyCorpus:
    @pytest.fixture
    def empty(self, ptb_xl_dir, tmp_path):
        folder = shutil.copytree(ptb_xl_dir, tmp_path / "ptb-xl")
        shutil.rmtree(folder / "records500")
        report = prepare_corpus("ptb_xl", output_dir=tmp_path / "out", data_dir=str(folder), on_error="skip")
        return report, (tmp_path / "out" / "build_report.html").read_text(encoding="utf-8")

    def test_a_share_of_nothing_is_none(self, empty):
        report, _ = empty

        assert report["splits"]["train"]["labels"]["MI"] == {"num_positives": 0, "num_known": 0, "prevalence": None}
        assert report["signal_quality"] == {"num_strips": 0}
        assert report["recordings"]["duration_s"]["median"] is None

    def test_the_page_lists_what_was_left_out(self, empty):
        assert "18 could not be read." in empty[1]


class TestPage:
    def test_it_needs_no_other_file(self, odd):
        page = odd[1]

        assert re.findall(r'(?:src|href)="(?!data:|#)[^"]*"', page) == []
        assert "@import" not in page
        assert "<script" not in page

    def test_every_plot_is_there(self, odd):
        page = odd[1]

        assert page.count("<svg ") == 6
        assert page.count("data:image/png;base64,") == 1
        assert [
            text for text in ("% of rows", "mV, peak to peak", "% of strips", "seconds", "years") if text not in page
        ] == []

    def test_the_figures_of_the_report_are_on_it(self, odd):
        page = odd[1]

        assert "<b>16</b><span>records</span>" in page
        assert "<b>2</b><span>records left out</span>" in page
        assert "00004_hr.dat does not exist. Complete the download." in page
        assert "<td>MI</td><td class=number>4</td><td class=number>33 %</td>" in page

    def test_texts_of_a_corpus_cannot_break_it(self, ptb_xl_dir, tmp_path):
        folder = shutil.copytree(ptb_xl_dir, tmp_path / "<b>ptb & xl")
        (folder / "records500/00000/00004_hr.dat").unlink()

        prepare_corpus("ptb_xl", output_dir=tmp_path / "out", data_dir=str(folder), on_error="skip")

        page = (tmp_path / "out" / "build_report.html").read_text(encoding="utf-8")
        assert "<b>ptb" not in page
        assert "&lt;b&gt;ptb &amp; xl" in page

    def test_a_record_whose_every_lead_is_flat_is_listed(self, ptb_xl_dir, tmp_path):
        folder = shutil.copytree(ptb_xl_dir, tmp_path / "ptb-xl")
        flat = np.zeros((5000, 12), dtype=np.int16)
        write_ptb_xl_record(folder / "records500/00000/00001_hr", flat, sampling_rate=500)

        report = prepare_corpus("ptb_xl", output_dir=tmp_path / "out", data_dir=str(folder), on_error="skip")

        assert [record["record_id"] for record in report["skipped"]] == ["1"]
        assert "every lead is flat" in (tmp_path / "out" / "build_report.html").read_text(encoding="utf-8")


class TestLosses:
    """What of the records that were read was not used."""

    def test_losses_are_counted_by_kind(self, odd):
        losses = odd[0]["losses"]

        # The sines of the small corpus contradict the identities of the limb leads, but for record 5.
        assert losses["num_records"] == losses["suspected_exchanges"]["num_records"] == 16
        assert losses["channels_left_out"] == {
            "num_records": 1,
            "most_frequent": [{"channel": "V6", "reason": "flat or not recorded", "num_records": 1}],
        }
        assert losses["gaps_masked"] == {"num_records": 0, "lead_seconds": 0}

    def test_they_are_told_in_a_sentence(self, odd):
        _, page = odd

        assert "Of 16 records not all was used: channels left out (1), suspected exchanges (16)." in page
        assert "V6 left out" in page

    def test_each_record_has_a_line_without_its_report(self, odd_dir, tmp_path):
        prepare_corpus("ptb_xl", output_dir=tmp_path / "out", data_dir=str(odd_dir), on_error="skip")

        text = (tmp_path / "out" / "accounts.jsonl").read_text(encoding="utf-8")
        first = json.loads(text.splitlines()[0])
        assert (first["split"], first["record_id"], list(first["left_out"])) == ("train", "1", ["V6"])
        assert "sinus rhythm" not in text

    def test_the_list_does_not_depend_on_the_number_of_processes_or_shards(self, odd_dir, tmp_path):
        options = {"data_dir": str(odd_dir), "on_error": "skip"}
        prepare_corpus("ptb_xl", output_dir=tmp_path / "one", **options)
        prepare_corpus("ptb_xl", output_dir=tmp_path / "two", num_proc=2, records_per_shard=3, **options)

        lists = [(tmp_path / name / "accounts.jsonl").read_bytes() for name in ("one", "two")]
        assert lists[0] == lists[1]


class TestTiming:
    def test_rates_follow_from_records_and_seconds(self, odd):
        timing = odd[0]["timing"]

        assert (timing["num_records_read"], timing["num_records_kept_from_earlier_runs"]) == (18, 0)
        assert timing["wall_s"] > timing["reading_s"] > timing["seconds_of_work"]
        assert timing["records_per_s"] == pytest.approx(18 / timing["reading_s"], rel=0.01)
        assert timing["records_per_s_per_process"] == pytest.approx(18 / timing["seconds_of_work"], rel=0.01)

    def test_the_report_is_plain_json(self, odd):
        assert json.loads(json.dumps(odd[0])) == odd[0]


@pytest.mark.data
def test_real_records_have_plausible_voltages_and_consistent_limb_leads(data_dir, tmp_path):
    report = prepare_corpus(
        "ptb_xl", output_dir=tmp_path / "out", data_dir=str(data_dir / "ptb-xl"), on_error="skip", max_records=30
    )

    quality = report["signal_quality"]
    assert 0.5 < quality["leads"]["II"]["peak_to_peak_mv"]["median"] < 2.5
    # PTB-XL rounds each lead to 1 µV: the sum of three is off by 1.5 µV at most
    assert quality["limb_residual_uv"]["max"] <= 1.5
