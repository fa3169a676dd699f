"""The table of definitions: cited, over what exists, for all published conditions, true of simulated records."""

import csv
import re
from collections import Counter

import pytest
import torch

from datasets_scripts.simulator import SimulatorSettings, measurement_keys, simulate_record
from datasets_scripts.terminology import definition_table
from datasets_scripts.terminology.definition_table import (
    definitions_for_checkpoint,
    load_definitions,
    names_for_checkpoint,
)
from datasets_scripts.terminology.findings import TERMINOLOGY_PATH, load_terminology
from datasets_scripts.terminology.measured_findings import load_measured_findings
from modeling_supreme.composition import Composition
from modeling_supreme.definitions import Measured, evaluate_expression
from modeling_supreme.query_grammar import find_measurement, normalize_name, parse_query


PURE = SimulatorSettings(has_comorbidity=False)
KEYS = tuple(measurement_keys())
# Conditions of the terminology without a definition, by why numbers on ten seconds of ECG do not tell them.
WITHOUT_DEFINITION = {
    "known from before, or from elsewhere than the strip": (
        "chronic myocardial ischemia",
        "drug effect",
        "chronic atrial fibrillation",
        "paroxysmal atrial fibrillation",
        "congenital incomplete av block",
        "intermittent conduction defect",
        "transient ischemic attack",
        "hypertension",
        "pulmonary hypertension",
        "congenital heart disease",
        "cardiac surgery",
        "cardiomyopathy",
        "heart failure",
        "myocarditis",
        "metabolic abnormality",
        "ischemic heart disease",
        "acute coronary syndrome",
        "coronary occlusion",
        "valvular heart disease",
        "mitral valve disease",
        "postoperative pericarditis",
        "arrhythmogenic right ventricular cardiomyopathy",
    ),
    "a shape that is not measured": (
        "fragmented qrs",
        "st interval abnormality",
        "t-u fusion",
        "t-p fusion",
        "hypothermia",
        "osborn waves",
        "epsilon wave",
        "pr depression",
        "low terminal qrs spatial velocity",
        "low maximum qrs spatial velocity",
        "clockwise or counterclockwise vectorcardiographic loop",
        "posterior axis",
    ),
    "single beats whose shapes are not measured": (
        "multifocal premature ventricular contractions",
        "interpolated premature ventricular contractions",
        "multifocal interpolated premature ventricular contractions",
        "atrial couplet",
        "fusion complexes",
        "aberrantly conducted supraventricular complexes",
        "aberrant complexes",
        "electrical alternans",
        "r on t phenomenon",
        "pacemaker failure to capture",
        "pacemaker failure to sense",
    ),
    "there are no beats to measure": (
        "ventricular fibrillation",
        "ventricular flutter",
        "asystole",
        "torsades de pointes",
        "polymorphic ventricular tachycardia",
    ),
    "a verdict of the reader": ("normal variant", "indeterminate axis", "undetermined rhythm"),
}


def measure_exactly(records):
    """What simulated records measure, without error."""
    values = torch.tensor(
        [[record.measurements.get(key, float("nan")) for key in KEYS] for record in records], dtype=torch.float64
    )
    counts = torch.tensor([find_measurement(key).is_count for key in KEYS])
    is_there = values.isfinite() & ~(counts & (values.nan_to_num() == 0))
    values = values.nan_to_num()
    return Measured(KEYS, values, torch.zeros_like(values), is_there.double(), torch.zeros(len(KEYS), 1))


def truths_of(condition, records):
    """Whether the definition of a condition holds of simulated records."""
    composition = Composition([condition], definitions=load_definitions(), measurements=KEYS)
    return evaluate_expression(composition.answers[0].expression, measure_exactly(records), {}) > 0.5


def simulate(condition, num_records=12):
    return [simulate_record(2 * index, condition=condition, settings=PURE) for index in range(num_records)]


def test_every_definition_is_cited():
    assert all(re.search(r"\d{4}", entry["source"]) for entry in load_definitions())


def test_a_work_is_cited_alike_by_all():
    pattern = r"([A-Zd][\w-]+(?: [A-Z]\w+| de \w+)* (?:et al\.|& [A-Z]\w+) \d{4}), ([^,;]+)"
    works = {citation for entry in load_definitions() for citation in re.findall(pattern, entry["source"])}

    assert len({name for name, _ in works}) == len(works)


def test_what_a_reader_confirmed_has_a_criterion_of_its_source():
    vague = [entry for entry in load_definitions() if "not measured" in entry["source"] and entry["is_reviewed"]]

    assert vague == []


def test_every_condition_of_the_terminology_is_defined_or_said_why_not():
    with TERMINOLOGY_PATH.open(encoding="utf-8", newline="") as file:
        names = [row["name"] for row in csv.DictReader(file)]
    left_out = [name for group in WITHOUT_DEFINITION.values() for name in group]

    assert sorted([*left_out, *(entry["condition"] for entry in load_definitions())]) == sorted(names)


# The label sets of the six published test sets, as their split files spell them
PUBLISHED = {
    "superclass": "NORM MI STTC CD HYP",
    "subclass": "AMI LAFB/LPFB LVH STTC IMI SEHYP CRBBB WPW LAO/LAE NORM ISC_ _AVB RAO/RAE LMI ISCI ISCA NST_ CLBBB"
    " ILBBB IRBBB PMI RVH IVCD",
    "form": "PAC DIG HVOLT STD_ LPR QWAVE VCLVH NDT TAB_ LOWT ABQRS LNGQT PRC(S) NT_ STE_ NST_ PVC INVT LVOLT",
    "rhythm": "SVARR BIGU STACH SARRH SBRAD TRIGU AFIB SR SVTAC PSVT AFLT PACE",
    "cpsc2018": "AFIB PVC NORM 1AVB CRBBB STE PAC CLBBB STD",
    "chapman": "AQW UW SR WPW 2AVB AT VB ARS STTC SA STE VPB TWO STTU ALS APB 2AVB1 PRIE CCR CR AF AVB QTIE LBBB VEB"
    " SVT RBBB 1AVB STDD MI AFIB TWC PWC ERV RVH LVH ST JEB",
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_every_condition_of_the_published_test_sets_is_defined(name):
    defined = {entry["condition"] for entry in load_definitions()}
    config_name = name if name in ("superclass", "subclass", "rhythm", "form") else None

    asked = {
        label: load_terminology().find_label(label, config_name=config_name).name for label in PUBLISHED[name].split()
    }

    assert {label: finding for label, finding in asked.items() if finding not in defined} == {}


def test_a_measuring_checkpoint_can_evaluate_all():
    assert len(definitions_for_checkpoint([], KEYS)) == len(load_definitions())


@pytest.mark.parametrize(
    "condition",
    [
        "sinus tachycardia",
        "sinus bradycardia",
        "atrial fibrillation",
        "atrial flutter",
        "first degree av block",
        "complete av block",
        "left bundle branch block",
        "right bundle branch block",
        "incomplete right bundle branch block",
        "left anterior fascicular block",
        "wolff-parkinson-white pattern",
        "premature ventricular contraction",
        "ventricular bigeminy",
        "left axis deviation",
        "left ventricular hypertrophy",
        "right ventricular hypertrophy",
        "low qrs voltage",
        "ventricular pacing",
        "av sequential pacing",
        "inferior myocardial infarction",
        "hypokalemia",
        "brugada pattern",
        "acute pericarditis",
    ],
)
def test_definitions_hold_of_simulated_records_with_the_condition_and_not_of_normal_ones(condition):
    with_it = truths_of(condition, simulate(condition)).sum()
    without = truths_of(condition, simulate("normal ecg")).sum()

    assert with_it >= 8
    assert without <= (2 if condition.startswith("sinus") else 1)


def test_a_checkpoint_without_a_head_carries_what_its_measured_findings_say():
    carried = {
        entry["condition"]: entry["expression"] for entry in definitions_for_checkpoint(list(load_measured_findings()))
    }

    assert carried["sinus tachycardia"].startswith('"heart rate above 100 per minute" and "p waves present" and not ')
    assert carried["low qrs voltage"] == '"qrs below 0.5 mv in all limb leads" or "qrs below 1 mv in all chest leads"'
    assert carried["paced rhythm"] == (
        '"pacing spikes before the qrs complexes" or "pacing spikes before the p waves"'
    )
    assert "left anterior fascicular block" not in carried


def test_a_measuring_checkpoint_asks_for_rhythm_by_findings_and_measures_waves():
    findings = list(load_measured_findings())
    carried = {entry["condition"]: entry["expression"] for entry in definitions_for_checkpoint(findings, KEYS)}

    assert carried["premature ventricular contraction"] == '"early wide beats"'
    assert carried["first degree av block"] == '"pr interval above 200 ms" and not "p waves without a qrs complex"'
    assert carried["prolonged qrs duration"] == "qrs_ms > 120"
    assert len(carried) == len(load_definitions())


def test_a_checkpoint_carries_the_definitions_it_was_trained_for():
    carried = {entry["condition"] for entry in definitions_for_checkpoint(["heart rate above 100 per minute"])}

    assert carried == {"tachycardia"}
    assert definitions_for_checkpoint(["atrial fibrillation", "rapid atrial fibrillation"]) == []


def test_conditions_are_known_by_synonyms_codes_and_labels_of_corpora():
    trained = ["sinus bradycardia", "heart rate below 60 per minute", "a finding of somebody's own"]

    names = names_for_checkpoint(trained, definitions_for_checkpoint(trained[1:2]))

    assert {"SBRAD", "426177001", "SB", "sinus brady"} <= set(names["sinus bradycardia"])
    assert "slow heart rate" in names["bradycardia"]
    assert "a finding of somebody's own" not in names


def test_no_name_stands_for_two_conditions_of_a_checkpoint():
    trained = [finding.name for finding in load_terminology()]

    names = names_for_checkpoint(trained, ())
    folded = Counter(normalize_name(name) for others in names.values() for name in {*map(normalize_name, others)})

    assert [name for name, count in folded.items() if count > 1] == []
    assert folded.keys() & set(map(normalize_name, trained)) == set()


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ("{condition: gout, expression: p waves, source: Textbook 1999}", "no finding 'gout'"),
        ("{condition: u waves, expression: '\"fever\"', source: Textbook 1999}", "no finding 'fever'"),
        ("{condition: u waves, expression: p waves, source: ''}", "'u waves': `source` is no text"),
    ],
)
def test_a_bad_entry_is_refused(tmp_path, monkeypatch, entry, problem):
    (tmp_path / "definitions.yaml").write_text(f"- {entry}\n", encoding="utf-8")
    monkeypatch.setattr(definition_table, "DEFINITIONS_PATH", tmp_path / "definitions.yaml")

    with pytest.raises(ValueError, match=problem):
        load_definitions.__wrapped__()


def test_expressions_are_stored_in_canonical_form():
    assert all(str(parse_query(entry["expression"])) == entry["expression"] for entry in load_definitions())
