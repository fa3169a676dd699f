"""What people type stands for the condition that training named, in any spelling, by synonym, code or corpus label."""

import pytest
import torch

from modeling_supreme.composition import Composition
from modeling_supreme.condition_names import ConditionNames, fold_spelling


TRAINED = ["sinus bradycardia", "premature atrial contraction", "inferior myocardial infarction", "st depression"]
NAMES = {"sinus bradycardia": ["SB", "426177001"], "atrial flutter": ["AFL"], "st depression": ["STD"]}
FLUTTER = {
    "condition": "atrial flutter",
    "names": [],
    "expression": "rate_per_min > 140",
    "source": "Textbook 1999",
    "is_reviewed": True,
}


def compose(*labels, composed="auto"):
    return Composition(
        labels,
        composed,
        trained_queries=TRAINED,
        definitions=[FLUTTER],
        measurements=["rate_per_min"],
        condition_names=NAMES,
    )


class TestSpelling:
    @pytest.mark.parametrize(
        ("written", "meant"),
        [
            ("premature atrial complexes", "atrial premature beat"),
            ("ventricular ectopics", "premature ventricular contractions"),
            ("supraventricular extrasystole", "premature supraventricular complex"),
            ("First-degree heart block", "1st degree atrioventricular block"),
            ("old anterior MI", "old anterior myocardial infarct"),
            ("complete LBBB", "complete left bundle-branch block"),
            ("ST-segment depression", "ST depressions"),
            ("normal EKG", "normal electrocardiogram"),
            ("an ECG showing atrial fibrillation", "This ECG shows atrial fibrillation."),
            ("afib?", "A-fib"),
            ("ischaemia", "ischemia"),
        ],
    )
    def test_one_question_has_one_spelling(self, written, meant):
        assert fold_spelling(written) == fold_spelling(meant)

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("premature atrial contraction", "premature ventricular contraction"),
            ("atrial ectopic rhythm", "atrial ectopic beat"),
            ("first degree av block", "second degree av block"),
            ("left bundle branch block", "right bundle branch block"),
            ("st elevation", "st depression"),
            ("myocardial ischemia", "myocardial infarction"),
        ],
    )
    def test_what_differs_in_meaning_stays_apart(self, one, other):
        assert fold_spelling(one) != fold_spelling(other)


class TestPrecedence:
    def test_a_condition_answers_to_its_own_name_before_a_synonym_of_another(self):
        names = ConditionNames([("tachycardia", ["fast rhythm", "ST"]), ("fast rhythm", ["ST"])])

        assert names.find("fast rhythm") == "fast rhythm"
        assert names.find("ST") == "tachycardia"

    def test_as_it_is_written_goes_before_another_spelling(self):
        names = ConditionNames([("first", ["st segment depression"]), ("second", ["st depression"])])

        assert names.find("ST depression") == "second"


class TestAnswers:
    @pytest.mark.parametrize("label", ["SB", "426177001", "Sinus bradycardias?"])
    def test_a_trained_condition_under_any_name_is_seen_and_asked_by_the_name_of_training(self, label):
        composition = compose(label)

        assert composition.queries == ("sinus bradycardia",)
        assert composition.sources == ["query: sinus bradycardia"]
        assert composition.seen == [True]

    def test_its_own_name_is_a_query_like_any(self):
        assert compose("Sinus Bradycardia").sources == ["query"]

    def test_names_of_one_condition_share_one_query_and_one_score(self):
        composition = compose("inferior MI", "SB", "inferior myocardial infarct")

        assert composition.queries == ("inferior myocardial infarction", "sinus bradycardia")
        assert composition.evaluate(torch.tensor([0.25, 0.75])).tolist() == [0.25, 0.75, 0.25]

    def test_a_defined_condition_answers_to_its_other_names(self):
        composition = compose("AFL", "atrial flutters")

        assert composition.sources == ["composed: rate_per_min > 140"] * 2
        assert composition.seen == [False, False]

    def test_within_an_expression_too(self):
        composition = compose("SB and HR < 40")

        assert composition.findings == ("sinus bradycardia",)

    def test_without_composition_a_label_is_asked_in_its_own_words(self):
        composition = compose("SB", composed=False)

        assert composition.queries == ("SB",)
        assert composition.seen == [True]

    def test_what_nobody_knows_stays_a_guess(self):
        composition = compose("SNR")

        assert composition.sources == ["query"]
        assert composition.seen == [False]
