"""`is_grounded`: a finding passes in the statement's words or their clinical name; one that is not said does not."""

import json
import random

import pytest

from datasets_scripts.extraction.readings.grounding import is_grounded
from datasets_scripts.extraction.readings.rules import read_statement
from datasets_scripts.terminology.findings import load_terminology


@pytest.mark.parametrize(
    ("statement", "name"),
    [
        ("LBBB", "left bundle branch block"),
        ("VPCs", "premature ventricular contraction"),
        ("Afib with RVR", "atrial fibrillation"),
        ("1st degree AVB", "first degree atrioventricular block"),
        ("Repolarization abnormality", "st-t changes"),
        ("T waves are inverted in v4,5,6", "t wave inversion"),
        ("T waves are inverted in v4,5,6", "t wave inversion in v4-v6"),
        ("Inferior infarct", "myocardial infarction"),
        ("Inferior/lateral T wave changes", "inferolateral t wave changes"),
        ("Ant/septal and lateral ST changes", "lateral st changes"),
        ("Abnormal T, consider ischemia, anterior leads", "anterior myocardial ischemia"),
        ("Lateral infarct - possibly acute", "acute lateral myocardial infarction"),
        ("recent ischaemic episode", "ischemia"),
        ("Linksschenkelblock", "left bundle branch block"),
        ("akuter Hinterwandinfarkt", "acute inferior myocardial infarction"),
        ("Osborn waves", "osborn wave"),
        ("Myxomatous mitral valve", "myxomatous mitral valve disease"),
    ],
)
def test_abbreviations_renamings_and_territories_pass(statement, name):
    assert is_grounded(name, statement)


@pytest.mark.parametrize(
    ("statement", "name"),
    [
        ("Sinus rhythm", "atrial fibrillation"),
        ("Sinus rhythm", "normal ecg"),
        ("Sinus tachycardia", "sinus bradycardia"),
        ("Left axis deviation, right bundle branch block", "left bundle branch block"),
        ("RBBB", "incomplete right bundle branch block"),
        ("First degree A-V block", "complete av block"),
        ("Inferior infarct", "acute inferior myocardial infarction"),
        ("Inferior infarct", "anterior myocardial infarction"),
        ("Hinterwandinfarkt", "anterior myocardial infarction"),
        ("LVH", "right ventricular hypertrophy"),
        ("LVH with strain", "st depression"),
        ("hyperkalemia", "hypokalemia"),
        ("Prolonged QT", "short qt interval"),
        ("Low voltage", "high qrs voltage"),
        ("post infarction", "posterior myocardial infarction"),
        ("Lead V2 missing", "atrial fibrillation"),
        ("Sinus rhythm", "abnormal finding"),
    ],
)
def test_a_finding_that_is_not_said_does_not_pass(statement, name):
    assert not is_grounded(name, statement)
    assert not is_grounded(name, statement, quote=name)


def test_a_quote_vouches_where_the_word_list_knows_nothing():
    assert is_grounded("brugada pattern", "Brugadamönster i V1", quote="Brugadamönster")


@pytest.mark.parametrize(
    "quote",
    ["", "V1", "Brugada pattern", "brugadamuster", "sinusrytm"],
    ids=["none", "no word", "not in the statement", "misspelt", "a known finding"],
)
def test_another_quote_does_not_vouch(quote):
    assert not is_grounded("brugada pattern", "sinusrytm, Brugadamönster i V1", quote=quote)


@pytest.mark.parametrize(
    ("statement", "name", "quote"),
    [
        ("LAD, LBBB", "left bundle branch block", "LAD"),
        ("no ischemia, sinus rhythm", "myocardial ischemia", "sinus rhythm"),
        ("Artifact in lead V2", "lead v2", "V2"),
        ("Artifact in lead V2", "artifact", "Artifact"),
        ("New LBBB compared to prior", "new", "New"),
        ("New LBBB compared to prior", "prior tracing", "prior"),
    ],
)
def test_a_finding_needs_its_own_quote_and_a_remark_is_none(statement, name, quote):
    assert not is_grounded(name, statement, quote=quote)


@pytest.mark.parametrize(
    ("statement", "name", "quote"),
    [
        ("FA avec RVR", "atrial fibrillation", "FA"),
        ("\u5fc3\u623f\u98a4\u52a8", "atrial fibrillation", "\u5fc3\u623f\u98a4\u52a8"),
        ("rythme irr\u00e9gulier", "irregular rhythm", "irr\u00e9gulier"),
        ("LAD, LBBB", "left bundle branch block", "lbbb"),
        ("Inferior and lateral ST changes", "inferior st changes", "Inferior and lateral ST changes"),
    ],
)
def test_abbreviations_accents_and_other_scripts_are_words(statement, name, quote):
    assert is_grounded(name, statement, quote=quote)


@pytest.mark.data
def test_all_annotated_findings_pass(data_dir):
    lines = (data_dir / "mimic-iv-ecg" / "annotated_examples.jsonl").read_text(encoding="utf-8").splitlines()
    examples = [json.loads(line) for line in lines]

    refused = [
        (example["statement"], entity["entity"])
        for example in examples
        for entity in example["entities"]
        if not is_grounded(entity["entity"], example["statement"])
    ]

    assert refused == []


@pytest.mark.data
def test_findings_drawn_at_random_hardly_ever_pass(data_dir):
    statements = (data_dir / "mimic-iv-ecg" / "statements.txt").read_text(encoding="utf-8").splitlines()
    draw = random.Random(0)
    terminology = load_terminology()
    names = [finding.name for finding in terminology]
    pairs = [(statement, draw.choice(names)) for statement in draw.sample(statements, 2000)]

    invented = [pair for pair in pairs if pair[1] not in close_upward(pair[0])]
    passed = [pair for pair in invented if is_grounded(pair[1], pair[0])]

    assert len(invented) > 1900
    assert len(passed) / len(invented) < 0.003


def close_upward(statement):
    """What the rules read in a statement, and all that it is a kind of."""
    return load_terminology().close_upward(entity.entity for entity in read_statement(statement).entities)
