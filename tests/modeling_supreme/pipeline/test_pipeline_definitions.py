"""Labels that training never named: marked as such, and answered by their definition where there is one."""

from math import pi, sqrt

import pytest
from helpers.scores import TASK, approx, make_strip
from helpers.tiny_models import TINY_MEASUREMENTS, settle_measurements
from scipy.stats import logistic
from transformers import pipeline

from modeling_supreme import STANDARD_LEADS, pipeline_zero_shot_ecg


# As checkpoints carried them before there were definitions
RULES = [
    {
        "condition": "sinus tachycardia",
        "names": ["STACH"],
        "alternatives": [{"findings": ["fast heart rate", "not p waves absent"], "source": "Page et al. 2016"}],
    },
    {
        "condition": "left bundle branch block",
        "names": ["LBBB"],
        "alternatives": [{"findings": ["broad complexes"], "source": "Surawicz et al. 2009"}],
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


@pytest.fixture(scope="module")
def measuring(make_tiny_model, tiny_processor):
    """A pipeline whose model measures."""
    keys = list(TINY_MEASUREMENTS)
    model = settle_measurements(make_tiny_model("hybrid", trained_queries=["normal ecg"], measurements=keys)).eval()
    parts = {"feature_extractor": tiny_processor.feature_extractor, "tokenizer": tiny_processor.tokenizer}
    return pipeline(TASK, model=model, **parts)


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


class TestDefinitions:
    """`composed` chooses whether labels are answered by their definition; results say so."""

    strip = {"array": make_strip(), "sampling_rate": 500, "leads": STANDARD_LEADS}

    def ask(self, classify, *labels, **options):
        return {result["label"]: result for result in classify(self.strip, candidate_labels=list(labels), **options)}

    def test_on_request_every_label_is_answered_by_its_query(self, classify_by_rules):
        plain = classify_by_rules(self.strip, candidate_labels=["STACH", "atrial fibrillation"], composed=False)

        assert all(set(result) == {"label", "score", "seen", "source"} for result in plain)
        assert all(result["source"] == "query" for result in plain)

    def test_a_conjunction_is_the_product_of_the_scores_of_its_findings(self, classify_by_rules):
        findings = self.ask(classify_by_rules, "fast heart rate", "p waves absent")
        fast, absent = (findings[name]["score"] for name in ("fast heart rate", "p waves absent"))

        composed = self.ask(classify_by_rules, "STACH", composed=True)["STACH"]

        assert composed["score"] == approx(fast * (1 - absent))
        assert composed["source"] == 'composed: "fast heart rate" and not "p waves absent"'

    def test_by_default_what_was_not_trained_is_composed_and_the_rest_asked_for(self, classify_by_rules):
        labels = ["STACH", "atrial fibrillation", "left bundle branch block"]

        answers = self.ask(classify_by_rules, *labels)
        plain = self.ask(classify_by_rules, *labels, composed=False)

        assert [answers[label]["source"].split(":")[0] for label in labels] == ["composed", "query", "query"]
        assert answers["atrial fibrillation"]["score"] == approx(plain["atrial fibrillation"]["score"])

    def test_the_choice_can_be_made_once_for_the_pipeline(self, classify_by_rules):
        model, processor = classify_by_rules.model, classify_by_rules
        composing = pipeline(
            TASK,
            model=model,
            feature_extractor=processor.feature_extractor,
            tokenizer=processor.tokenizer,
            composed=False,
        )

        assert self.ask(composing, "STACH")["STACH"]["source"] == "query"

    def test_the_template_goes_around_labels_but_not_around_findings(self, classify_by_rules):
        options = {"hypothesis_template": "an ECG with {}"}

        bare = self.ask(classify_by_rules, "STACH", composed=True)["STACH"]["score"]
        framed = self.ask(classify_by_rules, "STACH", composed=True, **options)["STACH"]["score"]

        assert framed == approx(bare)

    @pytest.mark.parametrize(
        ("label", "message"),
        [("gout", "no definition of 'gout'"), ("LBBB", "definition of 'LBBB' uses 'broad complexes'.*not trained on")],
    )
    def test_a_definition_that_cannot_be_evaluated_is_refused(self, classify_by_rules, label, message):
        with pytest.raises(ValueError, match=message):
            self.ask(classify_by_rules, label, composed=True)

    def test_a_checkpoint_without_definitions_says_so(self, classify):
        with pytest.raises(ValueError, match=r"no definition of 'sinus tachycardia'"):
            self.ask(classify, "sinus tachycardia", composed=True)

    def test_attention_of_expressions_is_refused_where_all_are_demanded(self, classify_by_rules):
        with pytest.raises(ValueError, match=r"`return_attention` and `composed=True`.*attention of its findings"):
            self.ask(classify_by_rules, "STACH", composed=True, return_attention=True)

    def test_an_expression_among_queries_has_no_attention(self, classify_by_rules):
        answers = self.ask(classify_by_rules, "STACH", "atrial fibrillation", return_attention=True)

        assert answers["STACH"]["attention"] is None
        assert sum(answers["atrial fibrillation"]["attention"]) == approx(1)

    def test_definitions_are_saved_with_the_checkpoint(self, classify_by_rules, tmp_path):
        classify_by_rules.model.config.save_pretrained(tmp_path)

        saved = type(classify_by_rules.model.config).from_pretrained(tmp_path)
        assert saved.definitions == classify_by_rules.model.config.definitions
        assert saved.definitions[0]["expression"] == '"fast heart rate" and not "p waves absent"'

    def test_own_definitions_go_first(self, classify_by_rules, tmp_path):
        path = tmp_path / "own.yaml"
        path.write_text("STACH: fast heart rate\n", encoding="utf-8")
        fast = self.ask(classify_by_rules, "fast heart rate")["fast heart rate"]["score"]

        for own in ({"stach": '"fast heart rate"'}, path, str(path)):
            answer = self.ask(classify_by_rules, "STACH", definitions=own)["STACH"]
            assert (answer["source"], answer["score"]) == ('composed: "fast heart rate"', approx(fast))

    def test_a_wrong_definition_is_refused_before_a_record_is_read(self, classify_by_rules):
        with pytest.raises(ValueError, match=r"'STACH' in `definitions`: .*at character 6"):
            classify_by_rules("no such file", candidate_labels=["STACH"], definitions={"STACH": "QRS > bananas"})


class TestMeasuredLabels:
    """A label that asks for numbers is answered from the measurements; without a head it is a name."""

    strip = {"array": make_strip(), "sampling_rate": 500, "leads": STANDARD_LEADS}

    def test_it_is_the_probability_of_the_predicted_distribution(self, measuring):
        qrs = measuring.measure(self.strip)["qrs_ms"]
        expected = qrs["measurable"] * logistic.sf(120, loc=qrs["value"], scale=qrs["sd"] * sqrt(3) / pi)

        (answer,) = measuring(self.strip, candidate_labels=["wide QRS > 120 ms"])

        assert answer["score"] == approx(expected)
        assert (answer["source"], answer["seen"]) == ("measured: qrs_ms > 120", False)

    def test_it_stands_beside_names_and_in_batches(self, measuring):
        labels = ["normal ecg", "QRS > 120 ms"]

        together = measuring([self.strip] * 3, candidate_labels=labels, batch_size=2)

        assert together[2] == [result | {"score": approx(result["score"])} for result in together[0]]
        assert {result["source"] for result in together[0]} == {"query", "measured: qrs_ms > 120"}

    def test_nothing_is_said_of_guesses(self, measuring, caplog, monkeypatch):
        monkeypatch.setattr(pipeline_zero_shot_ecg, "_warned_of_unseen", False)

        measuring(self.strip, candidate_labels=["QRS > 120 ms"])

        assert "never named" not in caplog.text

    def test_without_a_head_it_is_a_name(self, classify_by_rules):
        (answer,) = classify_by_rules(self.strip, candidate_labels=["QRS > 120 ms"])

        assert answer["source"] == "query"

    def test_without_a_head_it_cannot_be_demanded(self, classify_by_rules):
        with pytest.raises(ValueError, match=r"'QRS > 120 ms' uses `qrs_ms`, .* no measurement head"):
            classify_by_rules(self.strip, candidate_labels=["QRS > 120 ms"], composed=True)


class TestMeasure:
    """`measure` returns every number with its uncertainty, for the recordings that the pipeline takes."""

    strip = {"array": make_strip(), "sampling_rate": 500, "leads": STANDARD_LEADS}

    def test_one_recording(self, measuring):
        measured = measuring.measure(self.strip)

        assert list(measured) == list(TINY_MEASUREMENTS)
        assert {key: entry["unit"] for key, entry in measured.items()} == {
            "rate_per_min": "1/min",
            "pr_ms": "ms",
            "qrs_ms": "ms",
            "axis_deg": "deg",
            "st_mv_V2": "mV",
            "num_early_wide": "beats",
        }
        assert all(set(entry) == {"value", "sd", "measurable", "unit"} for entry in measured.values())

    def test_a_list_for_a_list_and_an_iterator_for_a_generator(self, measuring):
        alone = measuring.measure(self.strip)["qrs_ms"]["value"]

        listed = measuring.measure([self.strip] * 3, batch_size=2)
        drawn = list(measuring.measure(strip for strip in [self.strip] * 2))

        assert [entry["qrs_ms"]["value"] for entry in listed + drawn] == approx([alone] * 5)
        assert measuring.measure([]) == []

    def test_a_bad_recording_is_skipped_on_request(self, measuring, tmp_path):
        results = measuring.measure([self.strip, tmp_path / "missing"], on_error="skip")

        assert (results[0] is None, results[1]) == (False, None)

    def test_else_it_is_an_error(self, measuring, tmp_path):
        with pytest.raises(FileNotFoundError, match="missing"):
            measuring.measure(tmp_path / "missing")

    def test_the_account_on_request(self, measuring):
        assert "account" in measuring.measure(self.strip, return_details=True)

    @pytest.mark.parametrize("option", ["candidate_labels", "composed", "top_k"])
    def test_options_of_labels_are_refused(self, measuring, option):
        with pytest.raises(TypeError, match=rf"`measure` has no option `{option}`"):
            measuring.measure(self.strip, **{option: 1})

    def test_a_checkpoint_without_a_head_says_so(self, classify_by_rules):
        with pytest.raises(ValueError, match=r"no measurement head.*trained with measurements"):
            classify_by_rules.measure(self.strip)


class TestSkippedNumbers:
    """Labels that ask for no number do not wait for all numbers of the strip."""

    strip = {"array": make_strip(), "sampling_rate": 500, "leads": STANDARD_LEADS}

    @pytest.mark.parametrize(("labels", "expected"), [(["normal ecg"], 0), (["normal ecg", "QRS > 120 ms"], 1)])
    def test_the_head_is_asked_where_a_label_needs_it(self, measuring, labels, expected):
        calls = []
        handle = measuring.model.measurement_head.register_forward_hook(lambda *_: calls.append(1))

        results = measuring(self.strip, candidate_labels=labels)

        handle.remove()
        assert len(calls) == expected
        assert len(results) == len(labels)

    def test_the_answer_to_a_name_is_the_same_with_and_without(self, measuring):
        (alone,) = measuring(self.strip, candidate_labels=["normal ecg"])
        both = measuring(self.strip, candidate_labels=["normal ecg", "QRS > 120 ms"])

        assert alone["score"] == next(each["score"] for each in both if each["label"] == "normal ecg")
