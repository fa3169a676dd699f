"""What answers a label: its own query where training named it, else its definition, its measurements, or a guess."""

from types import SimpleNamespace

import pytest
import torch

from modeling_supreme.composition import Composition, define_rules
from modeling_supreme.definitions import Measured


def define(condition, expression, *names, reviewed=True):
    return {
        "condition": condition,
        "names": list(names),
        "expression": expression,
        "source": "Textbook 1999",
        "is_reviewed": reviewed,
    }


DEFINITIONS = [
    define("sinus tachycardia", '"fast" and "p waves" and not "irregular"', "STACH", "rapid sinus rhythm"),
    define("st depression", '"low st" or "side st"'),
    define("broad complexes", "qrs_ms > 130", "BC"),
    define("slow broad rhythm", '"broad complexes" and not "fast"'),
    define("odd rhythm", '"irregular"', reviewed=False),
]
TRAINED = ["fast", "p waves", "irregular", "low st", "st depression", "normal ecg"]
MEASUREMENTS = ["qrs_ms", "rate_per_min"]


def compose(labels, composed="auto", *, trained=TRAINED, definitions=DEFINITIONS, measurements=MEASUREMENTS):
    return Composition(labels, composed, trained_queries=trained, definitions=definitions, measurements=measurements)


def measure(qrs_ms, rate_per_min):
    """One record whose numbers are known without error."""
    values = torch.tensor([[qrs_ms, rate_per_min]])
    return Measured(("qrs_ms", "rate_per_min"), values, 0 * values, torch.ones(1, 2), torch.zeros(2, 1))


class TestWhatAnswers:
    @pytest.mark.parametrize(
        ("label", "source"),
        [
            ("normal ecg", "query"),
            ("ST Depression", "query"),
            ("sinus tachycardia", 'composed: "fast" and "p waves" and not "irregular"'),
            ("Rapid_sinus-rhythm", 'composed: "fast" and "p waves" and not "irregular"'),
            ("BC", "composed: qrs_ms > 130"),
            ("slow broad rhythm", 'composed: "broad complexes" and not "fast"'),
            ("wide QRS > 140 ms and HR < 60", "measured: qrs_ms > 140 and rate_per_min < 60"),
            ("irregular and QRS > 140 ms", 'measured: "irregular" and qrs_ms > 140'),
            ("broad complexes or HR > 100", 'measured: "broad complexes" or rate_per_min > 100'),
            ("gout", "query"),
            ("QRS > 140 bananas", "query"),
            ("PR > 200 ms", "query"),
            ("odd rhythm", 'composed: "irregular", together with its own query'),
        ],
    )
    def test_auto_takes_the_first_that_can_answer(self, label, source):
        assert compose([label]).sources == [source]

    @pytest.mark.parametrize("label", ["sinus tachycardia", "QRS > 140 ms", "BC"])
    def test_false_asks_by_name_only(self, label):
        assert compose([label], False).answers[0].expression is None

    @pytest.mark.parametrize("label", ["QRS > 140 ms", "broad complexes", "slow broad rhythm"])
    def test_without_a_head_what_takes_numbers_is_a_name(self, label):
        assert compose([label], measurements=[]).sources == ["query"]

    def test_without_the_findings_a_definition_is_a_name(self):
        assert compose(["sinus tachycardia"], trained=["fast"]).sources == ["query"]

    def test_a_synonym_of_a_trained_condition_is_asked_by_name(self):
        definitions = [define("st depression", '"low st"', "STD")]

        composition = compose(["STD", "ST-segment depressions?"], definitions=definitions)

        assert composition.sources == ["query: st depression"] * 2
        assert composition.queries == ("st depression",)
        assert composition.seen == [True, True]

    def test_true_answers_trained_conditions_by_their_definition_too(self):
        definitions = [define("st depression", '"low st"')]

        assert compose(["st depression"], True, definitions=definitions).sources == ['composed: "low st"']

    def test_training_is_told_from_the_name(self):
        labels = ["Normal-ECG", "sinus tachycardia", "QRS > 140 ms"]

        assert compose(labels).seen == [True, False, False]
        assert compose(labels, trained=[]).seen == [None, None, None]


class TestWhatCannotAnswer:
    @pytest.mark.parametrize(
        ("label", "message"),
        [
            ("gout", r"no definition of 'gout', and it asks for no measurement: 'gout' is no query.*composed='auto'"),
            ("QRS > 140 bananas", r"no definition of 'QRS > 140 bananas'.*at character 10"),
            (
                "st depression",
                r"definition of 'st depression' uses 'side st', which .* not trained on.*composed=False",
            ),
            ("PR > 200 ms", r"question of 'PR > 200 ms' uses `pr_ms`, which this checkpoint does not measure\. Ask"),
        ],
    )
    def test_true_says_why(self, label, message):
        with pytest.raises(ValueError, match=message):
            compose([label], True)

    def test_a_checkpoint_without_a_head_says_so(self):
        with pytest.raises(ValueError, match=r"`qrs_ms`, which this checkpoint does not measure: it has no .* head"):
            compose(["broad complexes"], True, measurements=[])

    def test_another_choice_is_refused(self):
        with pytest.raises(ValueError, match=r"`composed` is 'yes'.*'auto'"):
            compose(["normal ecg"], "yes")


class TestScores:
    def test_they_stand_at_the_place_of_their_label(self):
        composition = compose(["normal ecg", "sinus tachycardia"])
        probabilities = torch.tensor([[0.1, 0.5, 0.8, 0.25], [0.9, 1.0, 1.0, 0.0]])

        assert (composition.queries, composition.findings) == (("normal ecg",), ("fast", "p waves", "irregular"))
        torch.testing.assert_close(composition.evaluate(probabilities), torch.tensor([[0.1, 0.3], [0.9, 1.0]]))

    def test_false_returns_the_queries_own(self):
        composition = compose(["sinus tachycardia", "normal ecg"], False)

        assert composition.findings == ()
        torch.testing.assert_close(composition.evaluate(torch.tensor([0.2, 0.7])), torch.tensor([0.2, 0.7]))

    def test_numbers_answer_beside_findings(self):
        composition = compose(["slow broad rhythm", "HR > 100"])

        assert (composition.queries, composition.findings, composition.is_measured) == ((), ("fast",), True)
        scores = composition.evaluate(torch.tensor([[0.25]]), measure(140.0, 50.0))
        torch.testing.assert_close(scores, torch.tensor([[0.75, 0.0]]))

    def test_an_unreviewed_definition_counts_as_much_as_the_name(self):
        composition = compose(["odd rhythm"])

        assert (composition.queries, composition.findings) == (("odd rhythm",), ("irregular",))
        torch.testing.assert_close(composition.evaluate(torch.tensor([[0.16, 0.64]])), torch.tensor([[0.32]]))

    def test_a_score_does_not_depend_on_what_else_is_asked(self):
        alone = compose(["BC"]).evaluate(torch.zeros(1, 0), measure(140.0, 50.0))
        beside = compose(["HR > 100", "BC"]).evaluate(torch.zeros(1, 0), measure(140.0, 50.0))

        assert beside[0, 1] == alone[0, 0]


class TestOwnDefinitions:
    """A user's definitions go before those of the checkpoint, and may build on them."""

    config = SimpleNamespace(trained_queries=TRAINED, definitions=DEFINITIONS, measurements=MEASUREMENTS)

    @pytest.mark.parametrize(
        ("label", "source"),
        [
            ("broad complexes", "composed: qrs_ms > 150"),
            ("slow broad rhythm", 'composed: "broad complexes" and not "fast"'),
            ("my rhythm", 'composed: "sinus tachycardia" and qrs_ms > 120'),
        ],
    )
    def test_they_go_first(self, label, source):
        own = {"broad complexes": "QRS > 150 ms", "my rhythm": "sinus tachycardia and QRS > 120 ms"}

        assert Composition.of(self.config, [label], definitions=own).sources == [source]

    def test_a_wrong_one_is_refused_by_name(self):
        with pytest.raises(ValueError, match=r"'my rhythm' in `definitions`: .*at character 6"):
            Composition.of(self.config, ["my rhythm"], definitions={"my rhythm": "QRS > bananas"})


class TestOldRules:
    """`composed_rules` of old checkpoints are definitions."""

    def test_alternatives_of_findings_that_are_there_or_not(self):
        alternatives = [
            {"findings": ["low st", "not wide"], "source": "Thygesen et al. 2018"},
            {"findings": ["side st"], "source": "Thygesen et al. 2018"},
        ]

        assert define_rules([{"condition": "st depression", "names": ["STD_"], "alternatives": alternatives}]) == [
            {
                "condition": "st depression",
                "names": ["STD_"],
                "expression": '("low st" and not "wide") or "side st"',
                "source": "Thygesen et al. 2018",
                "is_reviewed": True,
            }
        ]
