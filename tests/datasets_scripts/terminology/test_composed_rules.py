"""Composed rules: conditions as cited rules over findings that the checkpoint was trained on."""

import re

import pytest
import torch

from datasets_scripts.simulator import SimulatorSettings, simulate_record
from datasets_scripts.terminology import composed_rules as composition
from datasets_scripts.terminology.composed_rules import load_composed_rules, rules_for_checkpoint
from datasets_scripts.terminology.findings import load_terminology
from datasets_scripts.terminology.measured_findings import load_measured_findings
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
PURE = SimulatorSettings(has_comorbidity=False)
TRAINED = ["fast", "p waves", "irregular", "low st", "st depression", "normal ecg"]


def compose(labels, composed, *, trained=TRAINED):
    return Composition(labels, composed, stored_rules=RULES, trained_queries=trained)


def score(name, **probabilities):
    """Score of a rule of `RULES` under probabilities of findings; underscores stand for blanks."""
    values = {key.replace("_", " "): torch.tensor(value) for key, value in probabilities.items()}
    return evaluate_rule(read_rules(RULES)[name], values).item()


def truth_of(name, record):
    """Whether a rule of the table holds of a simulated record."""
    rule = read_rules(load_composed_rules())[name]
    return evaluate_rule(rule, {key: torch.tensor(float(key in record.findings)) for key in rule.findings}).item() == 1


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


def test_every_rule_uses_measured_findings_only_and_is_cited():
    findings = {name for rule in read_rules(load_composed_rules()).values() for name in rule.findings}
    sources = [alternative["source"] for rule in load_composed_rules() for alternative in rule["alternatives"]]

    assert findings <= set(load_measured_findings())
    assert all(any(character.isdigit() for character in source) for source in sources)


def test_a_work_is_cited_alike_by_all_rules():
    sources = [alternative["source"] for rule in load_composed_rules() for alternative in rule["alternatives"]]
    citations = [re.findall(r"([A-Z][\w-]+ (?:et al\.|& [A-Z]\w+) \d{4}), ([^,;]+)", source) for source in sources]
    works = {citation for found in citations for citation in found}

    assert [source for source, found in zip(sources, citations, strict=True) if not found] == []
    assert len({name for name, _ in works}) == len(works)


def test_every_rule_answers_for_a_finding_of_the_terminology():
    assert {rule["condition"] for rule in load_composed_rules()} <= {finding.name for finding in load_terminology()}


@pytest.mark.parametrize(
    "condition",
    [
        "sinus tachycardia",
        "sinus bradycardia",
        "atrial fibrillation",
        "atrial flutter",
        "complete av block",
        "left bundle branch block",
        "right bundle branch block",
        "premature ventricular contraction",
        "left axis deviation",
        "low qrs voltage",
        "ventricular pacing",
    ],
)
def test_rules_hold_of_simulated_records_with_the_condition_and_not_of_normal_ones(condition):
    with_it = [
        truth_of(condition, simulate_record(2 * index, condition=condition, settings=PURE)) for index in range(12)
    ]
    without = [
        truth_of(condition, simulate_record(2 * index, condition="normal ecg", settings=PURE)) for index in range(12)
    ]

    assert sum(with_it) >= 9
    assert sum(without) <= (2 if condition.startswith("sinus") else 0)


def test_a_checkpoint_carries_the_rules_it_was_trained_for():
    carried = {rule["condition"] for rule in rules_for_checkpoint(["heart rate above 100 per minute"])}

    assert "sinus tachycardia" in carried
    assert "low qrs voltage" not in carried
    assert rules_for_checkpoint(["atrial fibrillation"]) == []


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("gout,p waves present,Textbook 1999", "unknown finding 'gout'"),
        ("sinus tachycardia,not fever,Textbook 1999", "unknown finding 'fever'"),
        ("sinus tachycardia,p waves present,", "no source"),
    ],
)
def test_a_bad_row_is_refused(tmp_path, monkeypatch, row, problem):
    (tmp_path / "rules.csv").write_text(f"condition,findings,source\n{row}\n", encoding="utf-8")
    monkeypatch.setattr(composition, "RULES_PATH", tmp_path / "rules.csv")

    with pytest.raises(ValueError, match=rf"rules.csv, line 2, has .*{problem}.*Correct"):
        load_composed_rules.__wrapped__()
