"""Reports of simulated records: wordings of carts, each read back to what it was written for, and chosen noise."""

import functools

import numpy as np
import pytest

from datasets_scripts.extraction.readings.rules import read_statement
from datasets_scripts.simulator import SimulatorSettings, simulate_record
from datasets_scripts.simulator.report_templates import load_templates
from datasets_scripts.simulator.report_writer import (
    JOINING_WORDS,
    MAX_STATEMENTS,
    UNREMARKABLE,
    ReportStyle,
    locate_findings,
    write_report,
)
from datasets_scripts.simulator.truth.catalogue import CONDITIONS
from datasets_scripts.terminology.findings import load_terminology


EXACT = ReportStyle(omission_rate=0.0, explained_omission_rate=0.0, hedge_rate=0.0, false_rate=0.0)
TEMPLATES = [(language, template) for language in JOINING_WORDS for template in load_templates(language)]
RHYTHMS = {"en": "Sinus rhythm", "de": "sinusrhythmus"}
# No wording of German readers that the rules could read is known.
NOT_IN_GERMAN = {"hypercalcemia", "hypocalcemia", "exchanged arm electrodes", "precordial low qrs voltage"}


@functools.cache
def records():
    """What the reports are written on; made when asked for, as every worker collects every test."""
    return [simulate_record(index, seed=5) for index in range(150)]


def certainties_of(statement):
    return {entity.entity: entity.certainty for entity in read_statement(statement).entities}


def positives_of(report):
    found = {name for text in report for name, certainty in certainties_of(text).items() if certainty == "positive"}
    return load_terminology().close_upward(found) & set(CONDITIONS)


def rewrite(record, style, *, seed=0):
    return write_report(np.random.default_rng(seed), record.conditions, findings=record.findings, style=style)


def compare(style):
    """Shares of the true conditions that the rules miss in the reports, and false ones per report."""
    reports = [rewrite(record, style, seed=seed) for seed, record in enumerate(records())]
    pairs = [
        (record.conditions & set(CONDITIONS), positives_of(report))
        for record, report in zip(records(), reports, strict=True)
        if len(report) < MAX_STATEMENTS
    ]
    missed = sum(len(true - read) for true, read in pairs) / sum(len(true) for true, _ in pairs)
    return missed, sum(len(read - true) for true, read in pairs) / len(pairs)


@pytest.mark.parametrize(("language", "template"), TEMPLATES)
def test_the_rules_read_of_a_wording_exactly_what_it_was_written_for(language, template):
    is_added = template.place == "added"
    text = RHYTHMS[language] + JOINING_WORDS[language] + template.text if is_added else template.text
    said = {name: "positive" if is_certain else "uncertain" for name, is_certain in template.says if name}

    assert certainties_of(text) == said | ({"sinus rhythm": "positive"} if is_added else {})


@pytest.mark.parametrize("language", ["en", "de"])
def test_every_condition_has_a_wording(language):
    worded = {template.condition for template in load_templates(language) if template.condition}
    unworded = set(CONDITIONS) - load_terminology().close_upward(worded)

    assert unworded <= (NOT_IN_GERMAN if language == "de" else set())


def test_without_noise_the_rules_read_the_truth():
    reports = [(record, rewrite(record, EXACT)) for record in records()]
    read = [positives_of(report) for record, report in reports if len(report) < MAX_STATEMENTS]
    true = [record.conditions & set(CONDITIONS) for record, report in reports if len(report) < MAX_STATEMENTS]

    assert sum(map(len, true)) > 300
    assert read == true


def test_omission_loses_as_many_findings_as_its_rate_says():
    few, _ = compare(ReportStyle(omission_rate=0.1, explained_omission_rate=0.1, hedge_rate=0, false_rate=0))
    many, _ = compare(ReportStyle(omission_rate=0.5, explained_omission_rate=0.5, hedge_rate=0, false_rate=0))

    # The rhythm and a normal verdict are never left out: less is lost than the rates.
    assert 0.02 < few < 0.15 < many < 0.5


def test_a_false_rate_of_one_adds_a_finding_to_every_report():
    missed, false = compare(ReportStyle(omission_rate=0, explained_omission_rate=0, hedge_rate=0, false_rate=1))

    assert 0.6 < false < 2.5
    assert missed < 0.2


def test_a_hedge_rate_of_one_hedges_all_that_can_be_hedged():
    record = simulate_record(0, seed=1, condition="left ventricular hypertrophy")

    certain = certainties_of(" ".join(f"{text}. " for text in rewrite(record, EXACT)))
    hedged = [certainties_of(text) for text in rewrite(record, ReportStyle(0, 0, 1.0, 0))]

    assert certain["left ventricular hypertrophy"] == "positive"
    assert {"left ventricular hypertrophy": "uncertain"} in hedged


def test_the_default_noise_misses_some_and_states_little_that_is_false():
    missed, false = compare(ReportStyle())

    assert 0.02 < missed < 0.35
    assert false < 0.1


def test_a_report_has_one_to_eight_statements():
    lengths = {len(rewrite(record, style)) for record in records() for style in (EXACT, ReportStyle(language="de"))}

    assert min(lengths) >= 1
    assert max(lengths) <= MAX_STATEMENTS


def test_omission_never_drops_the_rhythm_and_the_verdict():
    record = simulate_record(0, seed=1, condition="left bundle branch block")

    report = rewrite(record, ReportStyle(omission_rate=1, explained_omission_rate=1, hedge_rate=0, false_rate=0))

    assert report[-1].lower().endswith(("abnormal ecg", "abnormal ecg."))


@pytest.mark.parametrize(
    ("conditions", "verdicts"),
    [
        ({"sinus rhythm", "normal ecg"}, {"normal ecg"}),
        ({"sinus bradycardia", "sinus rhythm", "normal ecg"}, {"normal ecg except for rate", "otherwise normal ecg"}),
        ({"sinus rhythm", "first degree av block"}, {"borderline ecg"}),
        ({"sinus rhythm", "left bundle branch block"}, {"abnormal ecg"}),
        ({"atrial fibrillation"}, {"abnormal ecg"}),
    ],
)
def test_the_verdict_fits_the_findings(conditions, verdicts):
    report = write_report(np.random.default_rng(3), frozenset(conditions), style=EXACT)

    assert report[-1].lower().rstrip(".").removeprefix("summary: ") in verdicts


def test_findings_of_the_rhythm_are_joined_listed_or_stated_by_themselves():
    conditions = frozenset({"sinus rhythm", "premature ventricular contraction"})
    reports = [write_report(np.random.default_rng(seed), conditions, style=EXACT) for seed in range(60)]

    second = [report[1].lower() for report in reports]

    assert any(" with " in report[0].lower() for report in reports)
    assert any(text.startswith("- ") for text in second)
    assert any(text.startswith(("ventricular premature", "premature", "multiple")) for text in second)


def test_the_looks_of_carts_are_kept_throughout_a_report():
    reports = [rewrite(record, EXACT, seed=index) for index, record in enumerate(records())]

    num_capitals = sum(all(text.replace("Cs", "CS").isupper() for text in report) for report in reports)
    num_full_stops = sum(all(text.endswith(".") for text in report) for report in reports)

    assert 5 < num_capitals < 40
    assert 5 < num_full_stops < 50


def test_capitals_keep_the_plural_of_abbreviations():
    conditions = frozenset({"sinus rhythm", "premature ventricular contraction"})
    texts = {" ".join(write_report(np.random.default_rng(seed), conditions, style=EXACT)) for seed in range(100)}

    assert any("PVCs" in text and "SINUS" in text for text in texts)
    assert not any("PVCS" in text for text in texts)


def test_german_reports_end_with_a_verdict_only_if_the_ecg_is_normal():
    german = ReportStyle(0, 0, 0, 0, language="de")
    reports = {record.record_id: rewrite(record, german) for record in records()}

    normal = {record.record_id for record in records() if "normal ecg" in record.conditions}

    assert {key for key, report in reports.items() if report[-1].endswith("normales ekg")} == normal


def test_walls_of_st_and_t_come_from_the_measured_findings():
    conditions = frozenset({"t wave inversion", "t wave changes", "st-t changes"})
    findings = frozenset({"t inversion in two anterior leads", "t inversion in two lateral leads"})

    located = locate_findings(conditions, findings)

    assert {"anterolateral t wave inversion", "lateral t wave inversion", "anterolateral t wave changes"} <= located
    assert "inferior t wave inversion" not in located


def test_an_infarct_takes_its_age_where_it_is_most_precise():
    infarcts = ["old myocardial infarction", "anteroseptal myocardial infarction", "anterior myocardial infarction"]

    located = locate_findings(frozenset({*infarcts, "myocardial infarction"}), frozenset())

    assert "old anteroseptal myocardial infarction" in located
    assert "old anterior myocardial infarction" not in located


def test_the_same_random_numbers_give_the_same_report():
    assert rewrite(records()[3], ReportStyle(), seed=4) == rewrite(records()[3], ReportStyle(), seed=4)


def test_the_style_is_part_of_the_settings_of_the_simulator():
    german = SimulatorSettings(report=ReportStyle(language="de"))
    texts = [simulate_record(index, seed=4, condition="normal ecg", settings=german).report[-1] for index in range(5)]

    assert all(text.endswith("normales ekg") for text in texts)


def test_unremarkable_conditions_alone_are_not_abnormal():
    report = write_report(np.random.default_rng(0), UNREMARKABLE | {"normal ecg"}, style=EXACT)

    assert "abnormal" not in report[-1].lower()
