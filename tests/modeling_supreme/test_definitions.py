"""Composed rules: a condition is answered by a rule over findings that the checkpoint was trained on."""

import pytest
import torch

from modeling_supreme.composed_rules import Composition, evaluate_rule, read_rules


RULES = [
    {
        "condition": "sinus tachycardia",
        "names": ["STACH", "rapid sinus rhythm"],
        "alternatives": [{"findings": ["fast", "p waves", "not irregular"], "source": "Page et al. 2016"}],
    },
    {
        "condition": "st depression",
        "names": [],
        "alternatives": [{"findings": [f"{wall} st"], "source": "Thygesen et al. 2018"} for wall in ("low", "side")],
    },
]
TRAINED = ["fast", "p waves", "irregular", "low st", "st depression", "normal ecg"]


def compose(labels, composed, *, trained=TRAINED):
    return Composition(labels, composed, stored_rules=RULES, trained_queries=trained)


def score(name, **probabilities):
    """Score of a rule of `RULES` under probabilities of findings; underscores stand for blanks."""
    values = {key.replace("_", " "): torch.tensor(value) for key, value in probabilities.items()}
    return evaluate_rule(read_rules(RULES)[name], values).item()


def test_a_conjunction_is_the_product_of_its_findings_and_of_what_must_be_absent():
    assert score("sinus tachycardia", fast=0.5, p_waves=0.8, irregular=0.25) == pytest.approx(0.5 * 0.8 * 0.75)


def test_of_alternatives_the_largest_counts():
    assert score("st depression", low_st=0.3, side_st=0.6) == pytest.approx(0.6)


def test_rules_answer_to_synonyms_in_any_spelling():
    assert compose(["Rapid_sinus-rhythm", "stach"], True).sources == 2 * [
        "composed: fast and p waves and not irregular"
    ]


def test_composed_scores_stand_at_the_place_of_their_label():
    composition = compose(["normal ecg", "sinus tachycardia"], "auto")
    probabilities = torch.tensor([[0.1, 0.5, 0.8, 0.25], [0.9, 1.0, 1.0, 0.0]])

    assert (composition.queries, composition.findings) == (("normal ecg",), ("fast", "p waves", "irregular"))
    torch.testing.assert_close(composition.evaluate(probabilities), torch.tensor([[0.1, 0.3], [0.9, 1.0]]))


def test_auto_leaves_alone_what_was_trained_what_has_no_rule_and_what_cannot_be_evaluated():
    labels = ["st depression", "gout", "sinus tachycardia"]

    assert compose(labels, "auto").sources[:2] == ["query", "query"]
    assert compose(labels, "auto", trained=["fast"]).sources == ["query", "query", "query"]


def test_false_asks_every_label_by_its_own_query():
    composition = compose(["sinus tachycardia", "normal ecg"], False)

    assert composition.findings == ()
    torch.testing.assert_close(composition.evaluate(torch.tensor([0.2, 0.7])), torch.tensor([0.2, 0.7]))


def test_a_label_without_a_rule_is_refused():
    with pytest.raises(ValueError, match=r"no rule for 'gout'.*composed='auto'"):
        compose(["gout"], True)


def test_a_rule_over_an_untrained_finding_is_refused():
    with pytest.raises(ValueError, match=r"rule of 'st depression' uses 'side st'.*not trained on.*composed=False"):
        compose(["st depression"], True)


def test_another_choice_is_refused():
    with pytest.raises(ValueError, match=r"`composed` is 'yes'.*'auto'"):
        compose(["normal ecg"], "yes")
