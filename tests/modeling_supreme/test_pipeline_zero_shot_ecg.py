"""`pipeline("zero-shot-ecg-classification")`: any recording and any findings in, probabilities of presence out."""

import json
import time
from collections.abc import Iterator
from itertools import permutations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import wfdb
from datasets import Array2D, Dataset, Features, List, Value
from helpers.ecg_file_writers import WRITERS
from transformers import AutoModel, AutoProcessor, pipeline

from datasets_scripts import load_corpus
from modeling_supreme import STANDARD_LEADS, ZeroShotEcgClassificationPipeline, pipeline_zero_shot_ecg
from modeling_supreme.pipeline_zero_shot_ecg import check_labels


TASK = "zero-shot-ecg-classification"
LABELS = ["atrial fibrillation", "left bundle branch block", "normal ecg"]


@pytest.fixture(scope="module")
def classify(tiny_checkpoint_dir):
    return pipeline(TASK, model=str(tiny_checkpoint_dir))


@pytest.fixture(scope="module")
def paths(ptb_xl_dir):
    """Paths of seven records, without extension."""
    return [ptb_xl_dir / f"records500/00000/{ecg_id:05d}_hr" for ecg_id in range(1, 8)]


@pytest.fixture(scope="module")
def corpus(ptb_xl_dir):
    return load_corpus("ptb_xl", "superclass", data_dir=ptb_xl_dir)["test"]


def make_strip(sampling_rate=500, num_leads=12):
    """Ten seconds in which every lead is another sum of two sines between 1 and 9 Hz, in mV."""
    seconds = np.arange(10 * sampling_rate) / sampling_rate
    leads = np.arange(1, num_leads + 1)[:, None]
    return 0.4 * np.sin(2 * np.pi * (1 + leads % 5) * seconds) + 0.1 * leads * np.cos(
        2 * np.pi * (leads % 9 + 1) * seconds
    )


def scores_of(results):
    """Scores in the order of `LABELS`."""
    scores = {result["label"]: result["score"] for result in results}
    return [scores[label] for label in LABELS]


def approx(scores):
    return pytest.approx(scores, abs=1e-5)


class TestScores:
    def test_scores_are_the_sigmoid_of_the_models_logits(self, classify, tiny_checkpoint_dir):
        model, processor = (cls.from_pretrained(tiny_checkpoint_dir) for cls in (AutoModel, AutoProcessor))
        inputs = processor(make_strip(), LABELS, sampling_rate=500, leads=STANDARD_LEADS, return_tensors="pt")
        logits = model(**inputs).logits_per_ecg[0].detach().double().numpy()

        results = classify(make_strip(), candidate_labels=LABELS, sampling_rate=500, leads=STANDARD_LEADS)

        assert scores_of(results) == approx((1 / (1 + np.exp(-logits))).tolist())

    def test_scores_are_no_softmax_over_the_labels(self, classify, paths):
        alone = [classify(paths[0], candidate_labels=[label])[0]["score"] for label in LABELS]

        together = classify(paths[0], candidate_labels=LABELS)

        assert scores_of(together) == approx(alone)

    @pytest.mark.parametrize("labels", list(permutations(LABELS)), ids=str)
    def test_the_order_of_the_labels_does_not_change_the_result(self, classify, paths, labels):
        expected = classify(paths[0], candidate_labels=LABELS)

        results = classify(paths[0], candidate_labels=labels)

        assert [result["label"] for result in results] == [result["label"] for result in expected]
        assert scores_of(results) == approx(scores_of(expected))

    def test_the_best_label_comes_first(self, classify, paths):
        results = classify(paths[0], candidate_labels=LABELS)

        scores = [result["score"] for result in results]
        assert scores == sorted(scores, reverse=True)
        assert sorted(result["label"] for result in results) == sorted(LABELS)

    def test_different_recordings_have_different_scores(self, classify, paths):
        first, second = classify(paths[:2], candidate_labels=LABELS)

        assert abs(first[0]["score"] - second[0]["score"]) > 1e-4

    def test_labels_may_be_written_in_one_string(self, classify, paths):
        assert classify(paths[0], candidate_labels=" normal ecg,atrial fibrillation , left bundle branch block") == (
            classify(paths[0], candidate_labels=["normal ecg", "atrial fibrillation", "left bundle branch block"])
        )

    @pytest.mark.parametrize("leads", [STANDARD_LEADS[::-1], STANDARD_LEADS[6:] + STANDARD_LEADS[:6]])
    def test_the_order_of_the_leads_does_not_change_a_score(self, classify, leads):
        strip, rows = make_strip(), [STANDARD_LEADS.index(lead) for lead in leads]
        expected = classify(strip, candidate_labels=LABELS, sampling_rate=500, leads=STANDARD_LEADS)

        results = classify(strip[rows], candidate_labels=LABELS, sampling_rate=500, leads=leads)

        assert results == expected

    @pytest.mark.parametrize("sampling_rate", [250, 360, 500, 1000])
    def test_the_sampling_rate_changes_a_score_by_no_more_than_resampling_errs(self, classify, sampling_rate):
        at_model_rate = classify(make_strip(100), candidate_labels=LABELS, sampling_rate=100, leads=STANDARD_LEADS)

        resampled = classify(
            make_strip(sampling_rate), candidate_labels=LABELS, sampling_rate=sampling_rate, leads=STANDARD_LEADS
        )

        assert scores_of(resampled) == pytest.approx(scores_of(at_model_rate), abs=2e-4)

    def test_a_strip_at_a_wrong_sampling_rate_scores_differently(self, classify):
        right, wrong = (
            classify(make_strip(500), candidate_labels=LABELS, sampling_rate=sampling_rate, leads=STANDARD_LEADS)
            for sampling_rate in (500, 480)
        )

        assert max(abs(np.subtract(scores_of(right), scores_of(wrong)))) > 2e-3

    def test_limb_leads_that_follow_from_others_need_not_be_given(self, classify):
        strip = make_strip()
        strip[2:6] = [
            strip[1] - strip[0],
            -(strip[0] + strip[1]) / 2,
            strip[0] - strip[1] / 2,
            strip[1] - strip[0] / 2,
        ]
        given = [0, 1, *range(6, 12)]
        arguments = {"candidate_labels": LABELS, "sampling_rate": 500}

        reduced = classify(strip[given], leads=[STANDARD_LEADS[row] for row in given], **arguments)

        assert scores_of(reduced) == approx(scores_of(classify(strip, leads=STANDARD_LEADS, **arguments)))


class TestInputs:
    @pytest.mark.parametrize("suffix", ["", ".hea", ".dat"])
    @pytest.mark.parametrize("kind", [str, Path])
    def test_a_record_is_given_by_its_path(self, classify, paths, suffix, kind):
        results = classify(kind(f"{paths[0]}{suffix}"), candidate_labels=LABELS)

        assert results == classify(paths[0], candidate_labels=LABELS)

    @pytest.mark.parametrize("name", WRITERS)
    def test_a_file_of_a_clinical_format_scores_as_its_array(self, classify, tmp_path, name):
        microvolts = np.rint(make_strip() * 1000).astype(np.int16)
        WRITERS[name](tmp_path / name, microvolts, STANDARD_LEADS)

        results = classify(tmp_path / name, candidate_labels=LABELS)

        expected = classify(microvolts / 1000, candidate_labels=LABELS, sampling_rate=500, leads=STANDARD_LEADS)
        assert scores_of(results) == approx(scores_of(expected))

    def test_a_file_that_does_not_say_takes_rate_and_leads_from_the_options(self, classify, tmp_path):
        np.save(tmp_path / "rec.npy", make_strip())
        arguments = {"candidate_labels": LABELS, "sampling_rate": 500, "leads": STANDARD_LEADS}

        results = classify(str(tmp_path / "rec.npy"), **arguments)

        assert scores_of(results) == approx(scores_of(classify(make_strip(), **arguments)))

    def test_an_array_is_given_with_rate_and_leads(self, classify):
        strip = make_strip(num_leads=2)

        results = classify(strip, candidate_labels=LABELS, sampling_rate=500, leads=["I", "II"])

        swapped = classify(strip[::-1], candidate_labels=LABELS, sampling_rate=500, leads=["II", "I"])
        assert scores_of(results) == approx(scores_of(swapped))

    @pytest.mark.parametrize("key", ["array", "strip", "signal"])
    def test_a_dictionary_says_what_it_holds(self, classify, key):
        recording = {key: make_strip(), "sampling_rate": 500, "leads": STANDARD_LEADS}

        results = classify(recording, candidate_labels=LABELS)

        assert results == classify(make_strip(), candidate_labels=LABELS, sampling_rate=500, leads=STANDARD_LEADS)

    def test_what_a_dictionary_says_goes_before_what_holds_for_all(self, classify):
        recordings = [{"array": make_strip(250), "sampling_rate": 250}, {"array": make_strip()}]

        own, common = classify(recordings, candidate_labels=LABELS, sampling_rate=500, leads=STANDARD_LEADS)

        assert scores_of(own) == pytest.approx(scores_of(common), abs=2e-4)

    def test_a_tensor_is_an_array(self, classify):
        arguments = {"candidate_labels": LABELS, "sampling_rate": 500, "leads": STANDARD_LEADS}

        assert classify(torch.from_numpy(make_strip()), **arguments) == classify(make_strip(), **arguments)

    @pytest.mark.parametrize("data_format", [None, "numpy", "torch"])
    def test_a_row_of_a_corpus_scores_as_its_file(self, classify, corpus, ptb_xl_dir, data_format):
        row = corpus.with_format(data_format)[0]
        path = ptb_xl_dir / f"records500/00000/{int(row['record_id']):05d}_hr"

        results = classify(row, candidate_labels=LABELS)

        assert scores_of(results) == approx(scores_of(classify(path, candidate_labels=LABELS)))

    def test_a_list_gives_a_list_of_results(self, classify, paths):
        results = classify(paths[:3], candidate_labels=LABELS)

        assert results == [classify(path, candidate_labels=LABELS) for path in paths[:3]]

    def test_a_tuple_is_a_list(self, classify, paths):
        assert classify(tuple(paths[:2]), candidate_labels=LABELS) == classify(paths[:2], candidate_labels=LABELS)

    def test_an_empty_list_gives_an_empty_list(self, classify):
        assert classify([], candidate_labels=LABELS) == []

    def test_a_list_may_mix_kinds(self, classify, paths, corpus):
        recordings = [str(paths[0]), {"array": make_strip(), "sampling_rate": 500, "leads": STANDARD_LEADS}, corpus[0]]

        results = classify(recordings, candidate_labels=LABELS, batch_size=2)

        alone = [scores_of(classify(recording, candidate_labels=LABELS)) for recording in recordings]
        np.testing.assert_allclose([scores_of(result) for result in results], alone, atol=1e-5)

    def test_a_generator_gives_an_iterator_of_the_same_results(self, classify, paths):
        results = classify((path for path in paths[:3]), candidate_labels=LABELS)

        assert isinstance(results, Iterator)
        assert list(results) == classify(paths[:3], candidate_labels=LABELS)

    def test_a_generator_is_read_as_results_are_asked_for(self, classify, paths):
        read = []
        results = classify((read.append(path) or path for path in paths), candidate_labels=LABELS)

        next(iter(results))

        assert len(read) < len(paths)

    @pytest.mark.parametrize("batch_size", [2, 3, 16])
    def test_the_size_of_a_batch_does_not_change_a_score(self, classify, paths, batch_size):
        one_by_one = classify(paths, candidate_labels=LABELS, batch_size=1)

        in_batches = classify(paths, candidate_labels=LABELS, batch_size=batch_size)

        expected = np.array([scores_of(results) for results in one_by_one])
        np.testing.assert_allclose([scores_of(results) for results in in_batches], expected, atol=1e-5)

    def test_strips_of_several_lengths_go_into_one_batch(self, classify):
        strips = [make_strip()[:, :num_samples] for num_samples in (5000, 3210, 1500)]
        arguments = {"candidate_labels": LABELS, "sampling_rate": 500, "leads": STANDARD_LEADS}

        together = classify(strips, batch_size=3, **arguments)

        alone = [scores_of(classify(strip, **arguments)) for strip in strips]
        np.testing.assert_allclose([scores_of(results) for results in together], alone, atol=1e-5)


class Streamed(torch.utils.data.IterableDataset):
    """Recordings that cannot be counted."""

    def __init__(self, recordings):
        self.recordings = recordings

    def __iter__(self):
        return iter(self.recordings)


@pytest.fixture(scope="module")
def expected(classify):
    """Scores of the plain array."""
    return classify(make_strip(), candidate_labels=LABELS, sampling_rate=500, leads=STANDARD_LEADS)


class TestAnyArray:
    """Whatever holds a strip gives the score that the plain array gives."""

    options = {"candidate_labels": LABELS, "sampling_rate": 500, "leads": STANDARD_LEADS}

    @pytest.mark.parametrize(
        "convert",
        [
            np.ndarray.tolist,
            lambda strip: tuple(map(tuple, strip)),
            list,
            lambda strip: strip.astype(">f8"),
            lambda strip: np.ma.masked_array(strip),
            lambda strip: torch.tensor(strip, requires_grad=True),
            lambda strip: [torch.tensor(row) for row in strip],
            lambda strip: pd.DataFrame(strip.T, columns=STANDARD_LEADS),
            lambda strip: pd.DataFrame(strip.T, columns=STANDARD_LEADS, index=np.arange(5000) / 500),
        ],
        ids=["lists", "tuples", "rows", "big-endian", "masked", "gradient", "tensors", "frame", "timed frame"],
    )
    def test_a_strip_comes_in_any_array(self, classify, expected, convert):
        assert scores_of(classify(convert(make_strip()), **self.options)) == approx(scores_of(expected))

    def test_a_frame_names_its_leads_and_may_hold_more(self, classify, expected, caplog):
        frame = pd.DataFrame(make_strip().T, columns=[f"{lead} (mV)" for lead in STANDARD_LEADS]).assign(pulse=7.0)

        results = classify(frame, candidate_labels=LABELS, sampling_rate=500)

        assert scores_of(results) == approx(scores_of(expected))
        assert "pulse left out (none of the 12 standard leads)" in caplog.text

    def test_microvolts_come_with_their_unit(self, classify, expected):
        microvolts = np.rint(make_strip() * 1000).astype(np.int16)

        assert scores_of(classify(microvolts, unit="uV", **self.options)) == pytest.approx(
            scores_of(expected), abs=1e-3
        )

    def test_a_record_that_wfdb_read_is_a_recording(self, classify, paths):
        record = wfdb.rdrecord(str(paths[0]))

        assert scores_of(classify(record, candidate_labels=LABELS)) == approx(
            scores_of(classify(paths[0], candidate_labels=LABELS))
        )

    @pytest.mark.parametrize("data_format", [None, "numpy", "torch", "pandas", "arrow"])
    def test_a_row_of_anybodys_data_set_is_a_recording(self, classify, expected, data_format):
        features = Features(
            {"signal": Array2D((12, 5000), "float64"), "sampling_rate": Value("int64"), "leads": List(Value("string"))}
        )
        row = {"signal": make_strip(), "sampling_rate": 500, "leads": list(STANDARD_LEADS)}
        dataset = Dataset.from_list([row], features=features)
        if data_format in ("pandas", "arrow"):
            dataset = Dataset.from_list([dataset[0]], features=features)
            data_format = None

        results = classify(dataset.with_format(data_format)[0], candidate_labels=LABELS)

        assert scores_of(results) == approx(scores_of(expected))

    @pytest.mark.parametrize("stream", [False, True], ids=["counted", "streamed"])
    def test_a_data_set_itself_is_a_list_of_recordings(self, classify, corpus, stream):
        dataset = corpus.select(range(1))

        results = classify(dataset.to_iterable_dataset() if stream else dataset, candidate_labels=LABELS)

        (scores,) = list(results)
        assert scores_of(scores) == approx(scores_of(classify(corpus[0], candidate_labels=LABELS)))

    def test_a_data_set_of_torch_is_one_too(self, classify, paths):
        results = classify(Streamed(paths[:2]), candidate_labels=LABELS)

        assert list(results) == classify(paths[:2], candidate_labels=LABELS)

    @pytest.mark.parametrize("contain", [np.array, pd.Series, pd.Index, tuple], ids=lambda kind: kind.__name__)
    def test_paths_come_in_any_container(self, classify, paths, contain):
        names = [str(path) for path in paths[:2]]

        assert classify(contain(names), candidate_labels=LABELS) == classify(names, candidate_labels=LABELS)

    def test_a_stack_of_strips_is_a_list_of_them(self, classify, expected):
        first, second = classify(np.stack([make_strip()] * 2), **self.options)

        assert first == second
        assert scores_of(first) == approx(scores_of(expected))

    @pytest.mark.parametrize("contain", [np.array, pd.Series, pd.Index, tuple, dict.fromkeys], ids=str)
    def test_labels_come_in_any_container(self, classify, paths, contain):
        assert classify(paths[0], candidate_labels=contain(LABELS)) == classify(paths[0], candidate_labels=LABELS)

    def test_labels_may_stand_second(self, classify, paths):
        assert classify(paths[0], LABELS) == classify(paths[0], candidate_labels=LABELS)

    def test_a_folder_gives_the_results_of_its_files(self, classify, paths):
        results = classify(paths[0].parent, candidate_labels=LABELS)

        of_first = next(answers for answers in results if answers[0]["record"] == f"{paths[0].name}.hea")
        assert scores_of(of_first) == approx(scores_of(classify(paths[0], candidate_labels=LABELS)))


class TestAccount:
    """What of a recording was used is returned on request, and logged where it is not all."""

    def test_a_whole_recording_is_accounted_for_and_nothing_is_logged(self, classify, paths, caplog):
        results = classify(paths[0], candidate_labels=LABELS, return_details=True)

        account = results[0]["account"]
        assert (account["leads_used"], account["left_out"]) == (list(STANDARD_LEADS), {})
        assert (account["seconds_found"], account["seconds_used"], account["sampling_rate_found"]) == (10, 10, 500)
        assert account["source"] == f"{paths[0]}.hea"
        assert json.loads(json.dumps(account)) == account
        assert "left out" not in caplog.text

    def test_it_is_not_returned_unasked(self, classify, paths):
        assert all("account" not in result for result in classify(paths[0], candidate_labels=LABELS))

    @pytest.mark.parametrize("batch_size", [1, 3])
    def test_every_recording_has_its_own(self, classify, batch_size):
        strips = [make_strip()[:, : 500 * seconds] for seconds in (8, 9, 10)]
        options = {"candidate_labels": LABELS, "sampling_rate": 500, "leads": STANDARD_LEADS}

        results = classify(strips, return_details=True, batch_size=batch_size, **options)

        assert [answers[0]["account"]["seconds_used"] for answers in results] == [8, 9, 10]
        assert [answers[0]["account"]["source"] for answers in results] == [f"Recording {i}" for i in range(3)]

    def test_a_suspected_exchange_is_logged(self, classify, caplog):
        strip = make_strip()
        strip[2:6] = strip[1] - strip[0], -(strip[0] + strip[1]) / 2, strip[0] - strip[1] / 2, strip[1] - strip[0] / 2
        strip[[4, 5]] = strip[[5, 4]]

        classify(strip, candidate_labels=LABELS, sampling_rate=500, leads=STANDARD_LEADS)

        assert "as if aVL and aVF were exchanged" in caplog.text


class TestRecordsThatCannotBeUsed:
    """One bad recording stops the rest only if it is asked to."""

    options = {"candidate_labels": LABELS, "sampling_rate": 500, "leads": STANDARD_LEADS}

    def test_the_error_names_its_place(self, classify):
        with pytest.raises(ValueError, match=r"Recording 2: every lead is flat"):
            classify([make_strip(), make_strip(), np.zeros((12, 5000))], **self.options)

    @pytest.mark.parametrize("batch_size", [1, 2, 3])
    @pytest.mark.parametrize("wrap", [list, iter, Streamed], ids=["list", "generator", "stream"])
    def test_it_is_skipped_said_and_the_others_keep_their_places(self, classify, caplog, wrap, batch_size):
        recordings = [make_strip(), np.zeros((12, 5000)), make_strip()]

        first, bad, last = classify(wrap(recordings), on_error="skip", batch_size=batch_size, **self.options)

        assert bad is None
        assert scores_of(first) == approx(scores_of(last))
        assert scores_of(first) == approx(scores_of(classify(make_strip(), **self.options)))
        assert "Recording 1 was skipped: Recording 1: every lead is flat" in caplog.text

    def test_a_missing_file_is_skipped_by_name(self, classify, paths, tmp_path, caplog):
        results = classify([tmp_path / "s0001", paths[0]], candidate_labels=LABELS, on_error="skip")

        assert results == [None, classify(paths[0], candidate_labels=LABELS)]
        assert f"{tmp_path}/s0001 was skipped: There is no ECG record" in caplog.text

    def test_a_mistake_of_the_caller_is_no_bad_recording(self, classify, paths):
        with pytest.raises(ValueError, match=r"There are no `candidate_labels`"):
            classify([paths[0]], on_error="skip")


class TestSeen:
    """A label that training never named is marked, and spoken of once."""

    strip = {"array": make_strip(), "sampling_rate": 500, "leads": STANDARD_LEADS}

    def test_spelling_does_not_matter(self, classify_by_rules):
        labels = ["Atrial-Fibrillation", "atrial  flutter"]

        results = classify_by_rules(self.strip, candidate_labels=labels)

        assert {result["label"]: result["seen"] for result in results} == {labels[0]: True, labels[1]: False}

    def test_a_checkpoint_that_does_not_say_what_it_was_trained_on_leaves_it_open(self, classify_silent):
        assert classify_silent(self.strip, candidate_labels=["pacing"])[0]["seen"] is None

    def test_the_first_such_label_is_warned_about_once(self, classify_by_rules, caplog, monkeypatch):
        monkeypatch.setattr(pipeline_zero_shot_ecg, "_warned_of_unseen", False)

        for labels in (["atrial fibrillation"], ["xyzzy", "gout"], ["plugh"]):
            classify_by_rules(self.strip, candidate_labels=labels)

        warnings = [record.getMessage() for record in caplog.records if "never named" in record.getMessage()]
        assert len(warnings) == 1
        assert warnings[0].startswith("Training never named 'xyzzy': its score is a guess")


class TestOptions:
    @pytest.mark.parametrize(
        ("option", "hint"), [("top_n", "`top_k`"), ("lead", "`leads`"), ("candidate_label", "`candidate_labels`")]
    )
    def test_an_unknown_option_is_refused_with_the_nearest(self, classify, paths, option, hint):
        with pytest.raises(TypeError, match=rf"no option `{option}`\. Did you mean {hint}"):
            classify(paths[0], candidate_labels=LABELS, **{option: 1})

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"top_k": "3"}, r"`top_k` is '3', not a whole number"),
            ({"top_k": 1.5}, r"`top_k` is 1\.5, not a whole number"),
            ({"threshold": "0.5"}, r"`threshold` is '0\.5', not a number"),
            ({"hypothesis_template": 7}, r"`hypothesis_template` is a int"),
        ],
    )
    def test_an_option_of_a_wrong_kind_is_refused(self, classify, paths, options, message):
        with pytest.raises(TypeError, match=message):
            classify(paths[0], candidate_labels=LABELS, **options)

    @pytest.mark.parametrize(("name", "value"), [("on_error", "ignore"), ("composed", "always")])
    def test_an_option_of_a_wrong_value_is_refused(self, classify, paths, name, value):
        with pytest.raises(ValueError, match=rf"`{name}` is '{value}'\. Pass"):
            classify(paths[0], candidate_labels=LABELS, **{name: value})

    def test_top_k_keeps_the_best(self, classify, paths):
        assert (
            classify(paths[0], candidate_labels=LABELS, top_k=2) == (classify(paths[0], candidate_labels=LABELS)[:2])
        )

    def test_a_top_k_beyond_the_labels_keeps_all(self, classify, paths):
        assert len(classify(paths[0], candidate_labels=LABELS, top_k=10)) == 3

    def test_a_threshold_keeps_scores_from_there_on(self, classify, paths):
        results = classify(paths[0], candidate_labels=LABELS)

        kept = classify(paths[0], candidate_labels=LABELS, threshold=results[1]["score"])

        assert kept == results[:2]

    def test_a_threshold_of_one_leaves_nothing(self, classify, paths):
        assert classify(paths[0], candidate_labels=LABELS, threshold=1) == []

    def test_the_template_makes_the_query_but_not_the_label(self, classify, paths):
        results = classify(paths[0], candidate_labels=["atrial flutter"], hypothesis_template="ecg with {}")

        expected = classify(paths[0], candidate_labels=["ecg with atrial flutter"])
        assert [(result["label"], result["score"]) for result in results] == [("atrial flutter", expected[0]["score"])]

    def test_options_may_be_given_once_for_all_calls(self, tiny_checkpoint_dir, classify, paths):
        set_up = pipeline(TASK, model=str(tiny_checkpoint_dir), candidate_labels=LABELS, top_k=1)

        assert set_up(paths[0]) == classify(paths[0], candidate_labels=LABELS, top_k=1)

    def test_options_of_a_call_go_before_those_of_the_pipeline(self, tiny_checkpoint_dir, paths):
        set_up = pipeline(TASK, model=str(tiny_checkpoint_dir), candidate_labels=LABELS, top_k=1)

        assert [result["label"] for result in set_up(paths[0], candidate_labels=["pacing"])] == ["pacing"]

    @pytest.mark.parametrize("batch_size", [1, 2])
    def test_attention_is_a_share_for_every_token(self, classify, paths, batch_size):
        results = classify(paths[:2], candidate_labels=LABELS, return_attention=True, batch_size=batch_size)

        attention = np.array([[result["attention"] for result in each] for each in results])
        assert attention.shape == (2, 3, 25)  # 1,000 samples, one token every 5 * 2 * 2 * 2
        np.testing.assert_allclose(attention.sum(axis=-1), 1.0, atol=1e-5)

    def test_attention_says_how_far_apart_tokens_are(self, classify, paths):
        results = classify(paths[0], candidate_labels=LABELS, return_attention=True)

        assert [result["attention_step_s"] for result in results] == [0.4] * 3  # 40 samples at 100 Hz

    def test_attention_belongs_to_its_label(self, classify, paths):
        together = classify(paths[0], candidate_labels=LABELS, return_attention=True)

        alone = classify(paths[0], candidate_labels=[together[-1]["label"]], return_attention=True)
        assert together[-1]["attention"] == pytest.approx(alone[0]["attention"], abs=1e-6)

    def test_asking_for_attention_does_not_change_a_score(self, classify, paths):
        results = classify(paths[0], candidate_labels=LABELS, return_attention=True)

        assert scores_of(results) == approx(scores_of(classify(paths[0], candidate_labels=LABELS)))

    def test_queries_are_embedded_once_for_all_recordings(self, tiny_checkpoint_dir, paths):
        classify, calls = pipeline(TASK, model=str(tiny_checkpoint_dir)), []
        classify.model.text_model.register_forward_hook(lambda *_: calls.append(1))

        classify(paths, candidate_labels=LABELS)
        classify(paths[0], candidate_labels=LABELS)

        assert len(calls) == 1

    def test_other_queries_are_embedded_anew(self, classify, paths):
        before = classify(paths[0], candidate_labels=LABELS)

        classify(paths[0], candidate_labels=["atrial flutter"])

        assert classify(paths[0], candidate_labels=LABELS) == before

    def test_a_pipeline_in_bf16_stays_close(self, tiny_checkpoint_dir, classify, paths):
        narrow = pipeline(TASK, model=str(tiny_checkpoint_dir), dtype=torch.bfloat16)

        results = narrow(paths[0], candidate_labels=LABELS, return_attention=True)

        assert scores_of(results) == pytest.approx(scores_of(classify(paths[0], candidate_labels=LABELS)), abs=0.02)


class TestLoading:
    def test_a_folder_makes_the_pipeline_of_this_package(self, classify):
        assert type(classify) is ZeroShotEcgClassificationPipeline
        assert not classify.model.training

    def test_a_saved_pipeline_gives_the_same_scores(self, classify, paths, tmp_path):
        classify.save_pretrained(tmp_path)

        reloaded = pipeline(TASK, model=str(tmp_path))

        expected = scores_of(classify(paths[0], candidate_labels=LABELS))
        assert scores_of(reloaded(paths[0], candidate_labels=LABELS)) == approx(expected)

    def test_the_parts_may_be_given_one_by_one(self, classify, tiny_checkpoint_dir, paths):
        model, processor = (cls.from_pretrained(tiny_checkpoint_dir) for cls in (AutoModel, AutoProcessor))

        built = pipeline(
            TASK, model=model, feature_extractor=processor.feature_extractor, tokenizer=processor.tokenizer
        )

        expected = scores_of(classify(paths[0], candidate_labels=LABELS))
        assert scores_of(built(paths[0], candidate_labels=LABELS)) == approx(expected)


class TestRefusals:
    @pytest.mark.parametrize("labels", [{}, {"candidate_labels": None}, {"candidate_labels": []}], ids=str)
    def test_no_labels_are_refused(self, classify, paths, labels):
        with pytest.raises(ValueError, match=r"There are no `candidate_labels`\. Name the findings to score, as in"):
            classify(paths[0], **labels)

    @pytest.mark.parametrize(
        ("labels", "place"),
        [(["normal ecg", ""], "1 of 2"), (["  ", "normal ecg"], "0 of 2"), ("normal ecg,,", "1 of 3"), ("", "0 of 1")],
    )
    def test_an_empty_label_is_refused_with_its_place(self, classify, paths, labels, place):
        with pytest.raises(ValueError, match=f"Candidate label {place} is empty. Remove it or name a finding"):
            classify(paths[0], candidate_labels=labels)

    @pytest.mark.parametrize("labels", [["pacing", "normal ecg", "pacing"], ["pacing", " pacing "], "pacing,pacing"])
    def test_a_repeated_label_is_refused_by_name(self, classify, paths, labels):
        with pytest.raises(
            ValueError, match=r"Candidate label 'pacing' is given more than once\. Give each label once"
        ):
            classify(paths[0], candidate_labels=labels)

    def test_a_label_with_half_a_character_is_refused(self, classify, paths):
        with pytest.raises(ValueError, match=r"label 'pacing\\udc80' holds half a character.*Decode the text"):
            classify(paths[0], candidate_labels=["normal ecg", "pacing\udc80"])

    def test_ten_thousand_labels_are_checked_at_once(self):
        started = time.perf_counter()

        check_labels([f"finding {number}" for number in range(10_000)])

        assert time.perf_counter() - started < 1  # comparing every two of them takes seconds

    @pytest.mark.parametrize(("label", "kind"), [(7, "int"), (None, "NoneType"), (b"pacing", "bytes")])
    def test_a_label_that_is_no_string_is_refused(self, classify, paths, label, kind):
        with pytest.raises(TypeError, match=rf"The candidate label {label!r} is a {kind}\. Labels are strings"):
            classify(paths[0], candidate_labels=["normal ecg", label])

    def test_labels_of_a_generator_are_taken(self, classify, paths):
        assert len(classify(paths[0], candidate_labels=(label for label in LABELS))) == 3

    @pytest.mark.parametrize("top_k", [0, -1])
    def test_a_top_k_below_one_is_refused(self, classify, paths, top_k):
        with pytest.raises(ValueError, match=rf"`top_k` is {top_k}\. Ask for at least one label, or leave it out"):
            classify(paths[0], candidate_labels=LABELS, top_k=top_k)

    @pytest.mark.parametrize("threshold", [2, -0.1, 50])
    def test_a_threshold_that_is_no_probability_is_refused(self, classify, paths, threshold):
        with pytest.raises(
            ValueError, match=rf"`threshold` is {threshold}\. Scores are probabilities: .* from 0 to 1"
        ):
            classify(paths[0], candidate_labels=LABELS, threshold=threshold)

    def test_a_template_without_a_place_for_the_label_is_refused(self, classify, paths):
        with pytest.raises(ValueError, match=r"`hypothesis_template` 'This is an ECG' has no \{\}.*Write \{\} where"):
            classify(paths[0], candidate_labels=LABELS, hypothesis_template="This is an ECG")

    def test_options_are_checked_when_the_pipeline_is_made(self, tiny_checkpoint_dir):
        with pytest.raises(ValueError, match=r"`top_k` is 0\. Ask for at least one label"):
            pipeline(TASK, model=str(tiny_checkpoint_dir), top_k=0)

    @pytest.mark.parametrize("many", [False, True])
    def test_a_missing_file_is_reported_with_its_path(self, classify, paths, tmp_path, many):
        missing = tmp_path / "s0001"

        with pytest.raises(
            FileNotFoundError, match=rf"no ECG record at {missing}: {missing}\.hea does not exist.*Give"
        ):
            classify([paths[0], missing] if many else missing, candidate_labels=LABELS)

    def test_a_missing_header_is_reported_under_the_name_given(self, classify, tmp_path):
        with pytest.raises(FileNotFoundError, match=r"no ECG record at \S+/s0001\.hea: \S+/s0001\.hea does not exist"):
            classify(tmp_path / "s0001.hea", candidate_labels=LABELS)

    def test_an_unreadable_file_is_reported_with_its_path(self, classify, tmp_path):
        (tmp_path / "s0001.hea").write_text("no header\n", encoding="utf-8")

        with pytest.raises(ValueError, match=r"s0001\.hea: the record cannot be read.*Download its files again"):
            classify(tmp_path / "s0001", candidate_labels=LABELS)

    @pytest.mark.parametrize(
        "known", [{}, {"sampling_rate": 500}, {"leads": STANDARD_LEADS}], ids=["neither", "rate only", "leads only"]
    )
    @pytest.mark.parametrize("wrap", [lambda strip: strip, lambda strip: {"array": strip}], ids=["array", "dict"])
    def test_an_array_without_rate_or_leads_is_refused(self, classify, known, wrap):
        with pytest.raises(ValueError, match=r"without `sampling_rate` or `leads`\. Pass both: they cannot be told"):
            classify(wrap(make_strip()), candidate_labels=LABELS, **known)

    def test_a_dictionary_without_a_strip_is_refused_with_its_keys(self, classify):
        with pytest.raises(
            ValueError, match=r"dictionary with the keys ecg, rate\. Pass `array`, `sampling_rate` and"
        ):
            classify({"ecg": make_strip(), "rate": 500}, candidate_labels=LABELS)

    @pytest.mark.parametrize(("recording", "kind"), [(5, "int"), (None, "NoneType"), ({1, 2}, "set")])
    def test_a_recording_of_another_kind_is_refused(self, classify, recording, kind):
        with pytest.raises(
            TypeError, match=rf"given as {kind}\. Pass the path of an ECG file, an array, a dictionary"
        ):
            classify(recording, candidate_labels=LABELS)

    @pytest.mark.parametrize("shape", [(2, 2, 12, 5000), (5000,)])
    def test_an_array_that_is_not_one_strip_is_refused(self, classify, shape):
        with pytest.raises(
            ValueError, match=r"array of shape \(.*\) is not one strip.*\(num_leads, num_samples\).*list"
        ):
            classify(np.ones(shape), candidate_labels=LABELS, sampling_rate=500, leads=STANDARD_LEADS)

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda row: {**row, "signal": row["signal"] * 0}, "Record 10: every lead is flat"),
            (
                lambda row: {**row, "signal": row["signal"] * 0 + 1, "lead_mask": [True] * 12},
                "Record 10: every lead is",
            ),
        ],
    )
    def test_a_row_that_cannot_be_used_is_reported_by_its_record(self, classify, corpus, change, message):
        row = {**corpus.with_format("numpy")[0], "record_id": "10"}

        with pytest.raises(ValueError, match=message + ".*Leave the record out"):
            classify(change(row), candidate_labels=LABELS)


RULES = [
    {
        "condition": "sinus tachycardia",
        "names": ["STACH"],
        "alternatives": [{"findings": ["fast heart rate", "not p waves absent"], "source": "Page et al. 2016"}],
    },
    {
        "condition": "left bundle branch block",
        "names": ["LBBB"],
        "alternatives": [{"findings": ["wide qrs complex"], "source": "Surawicz et al. 2009"}],
    },
]


@pytest.fixture(scope="module")
def classify_by_rules(make_tiny_model, tiny_processor):
    """A pipeline whose model carries rules, one of which uses a finding that it was not trained on."""
    trained = ["atrial fibrillation", "fast heart rate", "p waves absent"]
    model = make_tiny_model("hybrid", trained_queries=trained, composed_rules=RULES).eval()
    return pipeline(
        TASK, model=model, feature_extractor=tiny_processor.feature_extractor, tokenizer=tiny_processor.tokenizer
    )


@pytest.fixture(scope="module")
def classify_silent(make_tiny_model, tiny_processor):
    """A pipeline whose model does not say what it was trained on."""
    model = make_tiny_model("hybrid", trained_queries=[]).eval()
    return pipeline(
        TASK, model=model, feature_extractor=tiny_processor.feature_extractor, tokenizer=tiny_processor.tokenizer
    )


class TestComposedRules:
    """`composed` answers by rules over findings, only on request, and says so."""

    strip = {"array": make_strip(), "sampling_rate": 500, "leads": STANDARD_LEADS}

    def ask(self, classify, *labels, **options):
        return {result["label"]: result for result in classify(self.strip, candidate_labels=list(labels), **options)}

    def test_by_default_every_label_is_answered_by_its_query(self, classify_by_rules):
        plain = classify_by_rules(self.strip, candidate_labels=["STACH", "atrial fibrillation"])

        assert all(set(result) == {"label", "score", "seen", "source"} for result in plain)
        assert all(result["source"] == "query" for result in plain)

    def test_a_rule_is_the_product_of_the_scores_of_its_findings(self, classify_by_rules):
        findings = self.ask(classify_by_rules, "fast heart rate", "p waves absent")
        fast, absent = (findings[name]["score"] for name in ("fast heart rate", "p waves absent"))

        composed = self.ask(classify_by_rules, "STACH", composed=True)["STACH"]

        assert composed["score"] == approx(fast * (1 - absent))
        assert composed["source"] == "composed: fast heart rate and not p waves absent"

    def test_auto_composes_what_was_not_trained_and_asks_for_the_rest(self, classify_by_rules):
        labels = ["STACH", "atrial fibrillation", "left bundle branch block"]

        answers = self.ask(classify_by_rules, *labels, composed="auto")
        plain = self.ask(classify_by_rules, *labels)

        assert [answers[label]["source"].split(":")[0] for label in labels] == ["composed", "query", "query"]
        assert answers["atrial fibrillation"]["score"] == approx(plain["atrial fibrillation"]["score"])

    def test_the_choice_can_be_made_once_for_the_pipeline(self, classify_by_rules):
        model, processor = classify_by_rules.model, classify_by_rules
        composing = pipeline(
            TASK,
            model=model,
            feature_extractor=processor.feature_extractor,
            tokenizer=processor.tokenizer,
            composed="auto",
        )

        assert self.ask(composing, "STACH")["STACH"]["source"].startswith("composed: ")

    def test_the_template_goes_around_labels_but_not_around_findings(self, classify_by_rules):
        options = {"hypothesis_template": "an ECG with {}"}

        bare = self.ask(classify_by_rules, "STACH", composed=True)["STACH"]["score"]
        framed = self.ask(classify_by_rules, "STACH", composed=True, **options)["STACH"]["score"]

        assert framed == approx(bare)

    @pytest.mark.parametrize(
        ("label", "message"),
        [("gout", "no rule for 'gout'"), ("LBBB", "rule of 'LBBB' uses 'wide qrs complex'.*not trained on")],
    )
    def test_a_rule_that_cannot_be_evaluated_is_refused(self, classify_by_rules, label, message):
        with pytest.raises(ValueError, match=message):
            self.ask(classify_by_rules, label, composed=True)

    def test_a_checkpoint_without_rules_says_so(self, classify):
        with pytest.raises(ValueError, match=r"no rule for 'sinus tachycardia'"):
            self.ask(classify, "sinus tachycardia", composed=True)

    def test_attention_of_a_rule_is_refused(self, classify_by_rules):
        with pytest.raises(ValueError, match=r"`return_attention` and `composed`.*attention of its findings"):
            self.ask(classify_by_rules, "STACH", composed=True, return_attention=True)

    def test_rules_are_saved_with_the_checkpoint(self, classify_by_rules, tmp_path):
        classify_by_rules.model.config.save_pretrained(tmp_path)

        assert type(classify_by_rules.model.config).from_pretrained(tmp_path).composed_rules == RULES
