"""`pipeline("zero-shot-ecg-classification")`: any recording and any findings in, probabilities of presence out."""

import time
from itertools import permutations

import numpy as np
import pytest
import torch
from helpers.scores import LABELS, TASK, approx, make_strip, scores_of
from transformers import AutoModel, AutoProcessor, pipeline

from modeling_supreme import STANDARD_LEADS, ZeroShotEcgClassificationPipeline
from modeling_supreme.pipeline_zero_shot_ecg import check_labels


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

    @pytest.mark.parametrize("labels", [["x" * 1_000_000] * 2, ["\udc80" * 1_000_000]], ids=["repeated", "broken"])
    def test_of_a_label_of_a_megabyte_a_message_has_the_beginning(self, labels):
        with pytest.raises(
            ValueError, match=r"andidate label '(x|\\udc80){3}.*(Give each label once|Decode the text)"
        ) as refused:
            check_labels(labels)

        assert len(str(refused.value)) < 1000

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

    @pytest.mark.parametrize(
        ("name", "reason"), [("0 " * 5000, r"0 0 0 .*: file name too long"), ("", r"\.: the name is that of no file")]
    )
    def test_a_name_that_no_file_has_is_no_record(self, classify, name, reason):
        with pytest.raises(FileNotFoundError, match=rf"no ECG record at {reason}\. Give the path"):
            classify(name, candidate_labels="normal ecg")

    def test_a_missing_header_is_reported_under_the_name_given(self, classify, tmp_path):
        with pytest.raises(FileNotFoundError, match=r"no ECG record at \S+/s0001\.hea: \S+/s0001\.hea does not exist"):
            classify(tmp_path / "s0001.hea", candidate_labels=LABELS)

    def test_an_unreadable_file_is_reported_with_its_path(self, classify, tmp_path):
        (tmp_path / "s0001.hea").write_text("no header\n", encoding="utf-8")

        with pytest.raises(
            ValueError, match=r"s0001\.hea: .*begins with 'no header', which is no record line.*Correct"
        ):
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
                "Record 10: every lead is flat",
            ),
        ],
    )
    def test_a_row_that_cannot_be_used_is_reported_by_its_record(self, classify, corpus, change, message):
        row = {**corpus.with_format("numpy")[0], "record_id": "10"}

        with pytest.raises(ValueError, match=message + ".*Leave the record out"):
            classify(change(row), candidate_labels=LABELS)
