"""`classify(…, aggregate=…)`: every window answers as the pipeline does for that stretch alone."""

import sys
from collections.abc import Iterator

import numpy as np
import pytest
from helpers.scores import TASK, approx
from helpers.strips import HOLTER_LEADS, make_long_strip, write_holter
from transformers import pipeline

from modeling_supreme import SupremeEcgFeatureExtractor
from modeling_supreme.decisions import Decision, Threshold
from modeling_supreme.long_recordings import scan, sources


LABELS = ["normal ecg", "atrial fibrillation"]
OPTIONS = {"candidate_labels": LABELS, "sampling_rate": 100, "leads": HOLTER_LEADS}
READING = {"sampling_rate": 100, "leads": HOLTER_LEADS}
STRIP = make_long_strip(43)
STARTS_S = [0, 10, 20, 30, 33]


def by_label(answers):
    return {answer["label"]: answer for answer in answers}


def score_alone(classify, part, **options):
    """Scores of a stretch cut out by hand."""
    return {each["label"]: each["score"] for each in classify(part, **OPTIONS | options)}


@pytest.fixture(scope="module")
def alone(classify):
    """Scores of each window cut out by hand, by label."""
    parts = [score_alone(classify, STRIP[:, 100 * start : 100 * start + 1000]) for start in STARTS_S]
    return {label: [part[label] for part in parts] for label in LABELS}


class TestTimeline:
    def test_each_window_scores_as_it_does_alone(self, classify, alone):
        answers = by_label(classify(STRIP, **OPTIONS, aggregate="timeline"))

        for label in LABELS:
            assert answers[label]["timeline"] == approx(alone[label])

    @pytest.mark.parametrize("rate", [128, 250, 500])
    @pytest.mark.parametrize("filters", [{}, {"do_bandpass": True}, {"do_remove_baseline": True}])
    def test_at_other_rates_and_with_filters_too(self, classify, rate, filters):
        extractor = SupremeEcgFeatureExtractor(sampling_rate=100, num_samples=1000, **filters)
        filtering = pipeline(TASK, model=classify.model, feature_extractor=extractor, tokenizer=classify.tokenizer)
        strip, options = make_long_strip(24, sampling_rate=rate), OPTIONS | {"sampling_rate": rate}

        answers = by_label(filtering(strip, **options, aggregate="timeline"))

        parts = [strip[:, first : first + 10 * rate] for first in (0, 10 * rate, 14 * rate)]
        expected = [{each["label"]: each["score"] for each in filtering(part, **options)} for part in parts]
        assert answers["normal ecg"]["timeline"] == approx([each["normal ecg"] for each in expected])

    @pytest.mark.parametrize("batch_size", [1, 2, 64])
    def test_scores_do_not_depend_on_how_many_windows_go_through_at_once(self, classify, alone, batch_size):
        answers = by_label(classify(STRIP, **OPTIONS, aggregate="timeline", batch_size=batch_size))

        assert answers["normal ecg"]["timeline"] == approx(alone["normal ecg"])

    def test_it_says_when_windows_begin_and_what_answers(self, classify):
        answers = classify(STRIP, **OPTIONS, aggregate="timeline")

        keys = {"label", "score", "seen", "source", "at_s", "timeline", "start_s", "window_s", "stride_s"}
        assert all(set(answer) == keys | {"threshold", "episodes"} for answer in answers)
        assert answers[0]["start_s"] == STARTS_S
        assert (answers[0]["window_s"], answers[0]["stride_s"]) == (10.0, 10.0)

    def test_labels_come_best_first_by_their_highest_score(self, classify, alone):
        answers = classify(STRIP, **OPTIONS, aggregate="timeline")

        assert [answer["label"] for answer in answers] == sorted(LABELS, key=lambda label: -max(alone[label]))
        assert answers[0]["score"] == max(answers[0]["timeline"])

    def test_episodes_are_those_of_the_scores(self, classify):
        # Between the third and the second highest score of five windows
        usual = by_label(classify(STRIP, **OPTIONS, aggregate="timeline"))["normal ecg"]
        third, second = sorted(usual["timeline"])[2:4]

        answer = by_label(classify(STRIP, **OPTIONS, aggregate="timeline", threshold=(second + third) / 2))[
            "normal ecg"
        ]

        above = [start for start, score in zip(STARTS_S, answer["timeline"], strict=True) if score >= second]
        covered = [any(each["start_s"] <= start < each["end_s"] for each in answer["episodes"]) for start in above]
        assert covered == [True, True]
        assert usual["threshold"] == 0.5
        assert answer["threshold"] == (second + third) / 2

    def test_the_threshold_does_not_leave_a_label_out(self, classify):
        assert len(classify(STRIP, **OPTIONS, aggregate="timeline", threshold=1.0)) == 2

    def test_strides_may_be_shorter_than_windows(self, classify, alone):
        answers = by_label(classify(STRIP, **OPTIONS, aggregate="timeline", stride_s=5))

        assert answers["normal ecg"]["start_s"] == [0, 5, 10, 15, 20, 25, 30, 33]
        assert answers["normal ecg"]["timeline"][::2] == approx(alone["normal ecg"][:4])

    def test_windows_may_be_shorter_than_strips(self, classify):
        answers = by_label(classify(STRIP, **OPTIONS, aggregate="timeline", window_s=4))

        expected = score_alone(classify, STRIP[:, 800:1200])
        assert answers["normal ecg"]["timeline"][2] == approx(expected["normal ecg"])


class TestThresholds:
    """Of an episode: the caller's, else the checkpoint's, else 0.5."""

    decision = Decision(
        slope=1.0,
        offset=0.0,
        answered_by="query",
        thresholds={"youden": Threshold(0.2, 0.9, 0.8), "specificity_90": Threshold(0.9, 0.5, 0.9)},
        num_positives=20,
        num_records=100,
        records="simulated",
    )

    def threshold(self, classify, decisions, monkeypatch, **options):
        composition = classify._compose(LABELS, "auto", None)
        monkeypatch.setattr(composition, "decisions", decisions, raising=False)
        answers = by_label(classify(STRIP, **OPTIONS, aggregate="timeline", **options))
        return [answers[label]["threshold"] for label in LABELS]

    def test_a_checkpoint_has_one_for_each_condition_that_was_fitted(self, classify, monkeypatch):
        assert self.threshold(classify, [None, self.decision], monkeypatch) == [0.5, 0.2]

    def test_the_caller_goes_first(self, classify, monkeypatch):
        assert self.threshold(classify, [None, self.decision], monkeypatch, threshold=0.7) == [0.7, 0.7]


class TestOneScore:
    @pytest.mark.parametrize("aggregate", ["max", "mean", "timeline"])
    @pytest.mark.parametrize("seconds", [10, 7])
    def test_of_a_strip_it_is_that_of_the_strip(self, classify, aggregate, seconds):
        part = STRIP[:, : 100 * seconds]
        plain = classify(part, **OPTIONS)

        answers = classify(part, **OPTIONS, aggregate=aggregate)

        assert [{key: answer[key] for key in plain[0]} for answer in answers] == plain

    def test_the_highest_says_when_it_was(self, classify, alone):
        answers = by_label(classify(STRIP, **OPTIONS, aggregate="max"))

        for label in LABELS:
            assert answers[label]["score"] == approx(max(alone[label]))
            assert answers[label]["at_s"] == STARTS_S[int(np.argmax(alone[label]))]

    def test_the_mean_is_over_windows(self, classify, alone):
        answers = by_label(classify(STRIP, **OPTIONS, aggregate="mean"))

        assert answers["normal ecg"]["score"] == approx(sum(alone["normal ecg"]) / 5)
        assert set(answers["normal ecg"]) == {"label", "score", "seen", "source"}

    def test_the_threshold_and_the_best_are_chosen_by_it(self, classify):
        assert classify(STRIP, **OPTIONS, aggregate="max", threshold=1.0) == []
        assert len(classify(STRIP, **OPTIONS, aggregate="mean", top_k=1)) == 1

    def test_questions_of_numbers_are_answered_window_by_window(self, classify):
        options = OPTIONS | {"candidate_labels": ["qrs > 96 ms"]}

        (answer,) = classify(STRIP, **options, aggregate="max")

        expected = [classify(STRIP[:, 100 * s : 100 * s + 1000], **options)[0]["score"] for s in STARTS_S]
        assert answer["score"] == approx(max(expected))
        assert answer["source"] == "measured: qrs_ms > 96"


class TestGaps:
    def test_a_window_without_a_signal_has_no_score(self, classify, alone):
        strip = STRIP.copy()
        strip[:, 1000:2000] = np.nan

        answers = by_label(classify(strip, **OPTIONS, aggregate="timeline", return_details=True))

        timeline = answers["normal ecg"]["timeline"]
        assert timeline[1] is None
        assert timeline[2:] == approx(alone["normal ecg"][2:])
        assert answers["normal ecg"]["account"]["seconds_used"] == 33.0
        assert answers["normal ecg"]["account"]["remarks"] == [
            "1 of 5 windows without a score (holds no recorded sample)"
        ]

    def test_one_of_electrodes_that_are_off_has_none_either(self, classify):
        strip = STRIP.copy()
        strip[:, 1000:2000] = 0.003  # mV

        answers = by_label(classify(strip, **OPTIONS, aggregate="timeline"))

        assert [score is None for score in answers["normal ecg"]["timeline"]] == [False, True, False, False, False]

    def test_one_of_a_loose_cable_does_not_end_the_recording(self, classify, caplog):
        strip = STRIP.copy()
        strip[:, 1000:2000] *= 100  # up to 100 mV

        answers = by_label(classify(strip, **OPTIONS, aggregate="timeline"))

        assert answers["normal ecg"]["timeline"][1] is None
        assert "looks like microvolts or raw ADC units" in caplog.text

    def test_a_window_with_a_gap_scores_as_alone(self, classify):
        strip = STRIP.copy()
        strip[:, 1300:1700] = np.nan

        answers = by_label(classify(strip, **OPTIONS, aggregate="timeline"))

        expected = score_alone(classify, strip[:, 1000:2000])
        assert answers["normal ecg"]["timeline"][1] == approx(expected["normal ecg"])

    def test_a_lead_that_comes_later_is_used_from_then_on(self, classify):
        strip = STRIP.copy()
        strip[1, :2000] = np.nan

        (answer, _) = classify(strip, **OPTIONS, aggregate="max", return_details=True)

        assert answer["account"]["leads_used"] == ["II", "V1", "V5"]
        assert answer["account"]["seconds_missing"] == {"V1": 20.0}

    def test_a_recording_of_nothing_is_refused(self, classify):
        with pytest.raises(ValueError, match=r"none of its 5 windows can be scored \(holds no recorded sample\)"):
            classify(np.full_like(STRIP, np.nan), **OPTIONS, aggregate="max")


class TestFiles:
    def test_a_record_scores_as_its_array(self, classify, tmp_path):
        strip = np.round(STRIP, 3)
        path = write_holter(tmp_path, strip)

        answers = by_label(classify(path, candidate_labels=LABELS, aggregate="timeline"))

        expected = by_label(classify(strip, **OPTIONS, aggregate="timeline"))
        assert answers["normal ecg"]["timeline"] == approx(expected["normal ecg"]["timeline"])

    def test_the_account_is_of_the_whole_file(self, classify, tmp_path):
        path = write_holter(tmp_path, STRIP)

        account = classify(path, candidate_labels=LABELS, aggregate="max", return_details=True)[0]["account"]

        assert (account["source"], account["leads_used"]) == (str(path), list(HOLTER_LEADS))
        assert (account["seconds_found"], account["seconds_used"], account["remarks"]) == (43.0, 43.0, [])

    def test_memory_holds_a_batch_of_windows_and_no_more(self, classify, tmp_path, monkeypatch):
        path, held, most = write_holter(tmp_path, make_long_strip(400)), set(), []
        prepare, ask = classify.prepare_inputs, classify.forward

        def prepare_and_count(recording, place=""):
            held.add(len(held) + sum(most))
            return prepare(recording, place)

        def ask_and_count(inputs, **options):
            most.append(len(held))
            held.clear()
            return ask(inputs, **options)

        monkeypatch.setattr(classify, "prepare_inputs", prepare_and_count)
        monkeypatch.setattr(classify, "forward", ask_and_count)
        classify(path, candidate_labels=LABELS, aggregate="max", batch_size=8)

        assert most == [8] * 5

    def test_of_a_record_without_a_score_in_reach_its_whole_is_looked_at(self, classify, tmp_path, monkeypatch):
        monkeypatch.setattr(sources, "PROBES_S", (10.0, None))
        strip = STRIP.copy()
        strip[:, :2500] = np.nan

        answer = classify(write_holter(tmp_path, strip), candidate_labels=LABELS, aggregate="timeline")[0]

        assert [score is None for score in answer["timeline"]] == [True, True, False, False, False]


class TestSeveral:
    def test_a_list_for_a_list(self, classify):
        answers = classify([STRIP, STRIP[:, :2000]], **OPTIONS, aggregate="max")

        assert answers == [classify(each, **OPTIONS, aggregate="max") for each in (STRIP, STRIP[:, :2000])]

    def test_an_iterator_for_a_generator_which_reads_as_it_is_asked(self, classify):
        seen = []

        def recordings():
            for number in range(3):
                seen.append(number)
                yield STRIP

        answers = classify(recordings(), **OPTIONS, aggregate="max")

        assert isinstance(answers, Iterator)
        next(answers)
        assert seen == [0]

    def test_of_a_folder_each_is_named(self, classify, tmp_path):
        for name in ("a", "b"):
            write_holter(tmp_path, STRIP, name=name)

        answers = classify(tmp_path, candidate_labels=LABELS, aggregate="max")

        assert [answer[0]["record"] for answer in answers] == ["a.hea", "b.hea"]

    def test_nothing_for_nothing(self, classify):
        assert classify([], **OPTIONS, aggregate="max") == []

    def test_a_bad_one_is_skipped_on_request(self, classify, tmp_path, caplog):
        answers = classify([tmp_path / "missing", STRIP], **OPTIONS, aggregate="max", on_error="skip")

        assert (answers[0], len(answers[1])) == (None, 2)
        assert "missing was skipped" in caplog.text

    def test_else_it_is_an_error(self, classify, tmp_path):
        with pytest.raises(FileNotFoundError, match="missing"):
            classify([tmp_path / "missing", STRIP], **OPTIONS, aggregate="max")


class TestMeasure:
    def test_each_window_is_measured_as_it_is_alone(self, classify):
        measured = classify.measure(STRIP, **READING, aggregate="timeline")

        parts = [classify.measure(STRIP[:, 100 * s : 100 * s + 1000], **READING) for s in STARTS_S]
        for name, key in (("timeline", "value"), ("timeline_sd", "sd"), ("timeline_measurable", "measurable")):
            expected = [part["rate_per_min"][key] for part in parts]
            assert measured["rate_per_min"][name] == pytest.approx(expected, rel=1e-4)
        assert measured["rate_per_min"]["start_s"] == STARTS_S

    def test_the_value_is_the_median_of_windows_with_something_to_measure(self, classify):
        for entry in classify.measure(STRIP, **READING, aggregate="timeline").values():
            known = [
                value
                for value, measurable in zip(entry["timeline"], entry["timeline_measurable"], strict=True)
                if measurable >= 0.5
            ]
            assert entry["value"] == (pytest.approx(float(np.median(known)), rel=1e-5) if known else None)

    def test_what_was_not_recorded_has_no_number(self, classify):
        strip = STRIP.copy()
        strip[:, 1000:2000] = np.nan

        measured = classify.measure(strip, **READING, aggregate="timeline", return_details=True)

        assert measured["qrs_ms"]["timeline"][1] is None
        assert measured["account"]["seconds_used"] == 33.0


class TestRefusals:
    @pytest.mark.parametrize("option", ["window_s", "stride_s"])
    def test_windows_without_a_purpose(self, classify, option):
        with pytest.raises(ValueError, match=r"Pass `aggregate=\"max\"`"):
            classify(STRIP, **OPTIONS, **{option: 10})

    def test_attention_of_many_strips(self, classify):
        with pytest.raises(ValueError, match=r"`return_attention` explains one strip.*`at_s`"):
            classify(STRIP, **OPTIONS, aggregate="max", return_attention=True)

    def test_labels_are_looked_at_before_anything_is_read(self, classify):
        with pytest.raises(ValueError, match="no `candidate_labels`"):
            classify("no such file", aggregate="max")

    def test_a_slip_in_the_name_of_an_option(self, classify):
        with pytest.raises(TypeError, match=r"no option `agregate`\. Did you mean `aggregate`"):
            classify(STRIP, **OPTIONS, agregate="max")

    def test_numbers_of_a_checkpoint_that_measures_nothing(self, make_tiny_model, tiny_processor):
        parts = {"feature_extractor": tiny_processor.feature_extractor, "tokenizer": tiny_processor.tokenizer}
        silent = pipeline(TASK, model=make_tiny_model("hybrid").eval(), **parts)

        with pytest.raises(ValueError, match="no measurement head"):
            silent.measure(STRIP, **READING, aggregate="timeline")

    def test_without_the_package_it_is_said_what_to_install(self, classify, monkeypatch):
        monkeypatch.setitem(sys.modules, "modeling_supreme.long_recordings", None)

        with pytest.raises(ImportError, match=r"`aggregate=` takes the package `modeling_supreme`"):
            classify(STRIP, **OPTIONS, aggregate="max")


class TestDefaults:
    def test_they_can_be_chosen_once_for_the_pipeline(self, classify):
        scanning = pipeline(
            TASK,
            model=classify.model,
            feature_extractor=classify.feature_extractor,
            tokenizer=classify.tokenizer,
            aggregate="timeline",
            stride_s=5,
        )

        answers = scanning(STRIP, **OPTIONS)

        assert answers[0]["start_s"] == [0, 5, 10, 15, 20, 25, 30, 33]

    def test_without_it_the_first_strip_answers_and_the_remedy_is_named(self, classify, caplog):
        answers = classify(STRIP, **OPTIONS)

        assert by_label(answers)["normal ecg"]["score"] == approx(score_alone(classify, STRIP[:, :1000])["normal ecg"])
        assert '10.00 of 43.00 s used; `aggregate="timeline"` answers for all of it' in caplog.text

    def test_of_a_strip_no_remedy_is_named(self, classify, caplog):
        strip = STRIP[:, :1000].copy()
        strip[0, 300:600] = np.nan

        classify(strip, **OPTIONS)

        assert "not recorded for 3.00 s" in caplog.text
        assert "aggregate" not in caplog.text


def test_progress_counts_windows(classify):
    seen = []
    follow = lambda windows, done, total: seen.extend([done, total, *windows])  # noqa: E731

    scan.scan(
        classify,
        STRIP,
        scan.Plan("max", 10.0, 10.0),
        reading=READING,
        asking={"candidate_labels": LABELS},
        batch_size=2,
        follow=follow,
    )

    assert seen == [0, 5, 2, 2, 1]
