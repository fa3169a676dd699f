"""Pairs of a real and a simulated strip: the main finding is the rarest, and the counterpart shows it."""

from datasets_scripts.simulator.realism.pairs import choose_main_findings, simulate_counterpart


def test_the_main_finding_is_the_rarest():
    findings = [{"sinus rhythm"}, {"sinus rhythm", "left bundle branch block"}, {"sinus rhythm"}, set()]

    assert choose_main_findings(findings) == ["sinus rhythm", "left bundle branch block", "sinus rhythm", None]


def test_a_counterpart_shows_the_condition():
    record = simulate_counterpart(3, "atrial fibrillation", {"atrial fibrillation"}, seed=0)

    assert "atrial fibrillation" in record.conditions
