"""Labels that training never named: marked as such, and answered by rules where that is asked for."""

import pytest
from helpers.scores import TASK, approx, make_strip
from transformers import pipeline

from modeling_supreme import STANDARD_LEADS, pipeline_zero_shot_ecg


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
