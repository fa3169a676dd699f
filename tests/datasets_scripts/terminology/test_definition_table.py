"""The table of composed rules: cited, over findings that exist, true of simulated records, carried by checkpoints."""

import re

import pytest
import torch

from datasets_scripts.simulator import SimulatorSettings, simulate_record
from datasets_scripts.terminology import rule_table
from datasets_scripts.terminology.findings import load_terminology
from datasets_scripts.terminology.measured_findings import load_measured_findings
from datasets_scripts.terminology.rule_table import load_composed_rules, rules_for_checkpoint
from modeling_supreme.composed_rules import evaluate_rule, read_rules


PURE = SimulatorSettings(has_comorbidity=False)


def truth_of(name, record):
    """Whether a rule of the table holds of a simulated record."""
    rule = read_rules(load_composed_rules())[name]
    return evaluate_rule(rule, {key: torch.tensor(float(key in record.findings)) for key in rule.findings}).item() == 1


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
    monkeypatch.setattr(rule_table, "RULES_PATH", tmp_path / "rules.csv")

    with pytest.raises(ValueError, match=rf"rules.csv, line 2, has .*{problem}.*Correct"):
        load_composed_rules.__wrapped__()
