"""Statements as cardiologists type them: shorthand, hedges, changes since the last tracing, devices, children."""

import pytest

from datasets_scripts.extraction.readings.rules import read_statement
from datasets_scripts.extraction.readings.statements import split_report


MARKS = {"positive": "", "uncertain": "?", "negative": "-"}  # before the name of a finding


def read(statement):
    """Findings of a statement that is read whole, each marked by its certainty."""
    readings = [read_statement(part) for part in split_report(statement)]
    assert all(reading.is_read for reading in readings)
    return {MARKS[entity.certainty] + entity.entity for reading in readings for entity in reading.entities}


@pytest.mark.parametrize(
    ("statement", "findings"),
    [
        ("Converted to NSR post DCCV", {"sinus rhythm"}),
        ("AF has converted to sinus rhythm", {"-atrial fibrillation", "sinus rhythm"}),
        ("AFib -> NSR", {"-atrial fibrillation", "sinus rhythm"}),
        ("Has been replaced by AF", {"atrial fibrillation"}),
        ("Rhythm now atrial flutter, was NSR", {"atrial flutter", "-sinus rhythm"}),
        ("Was in AF, now NSR", {"-atrial fibrillation", "sinus rhythm"}),
        ("T waves now upright in V2-4, previously inverted", {"-t wave inversion"}),
        ("ST depression has improved", {"st depression"}),
        ("T wave inversion now evident in anterior leads", {"anterior t wave inversion"}),
        ("When compared with ECG of 12-MAY-2015, LBBB is new", {"left bundle branch block"}),
    ],
)
def test_what_has_been_replaced_is_denied_and_what_replaced_it_is_there(statement, findings):
    assert read(statement) == findings


@pytest.mark.parametrize(
    ("statement", "findings"),
    [
        ("RV strain absent", {"-right ventricular strain"}),
        ("Brugada sign: not present today", {"-brugada pattern"}),
        ("QTc not prolonged", {"-prolonged qt interval"}),
        ("Unlikely to represent ischemia", {"-myocardial ischemia"}),
        ("Tremor mimics AFL", {"-atrial flutter"}),
        ("Computer read of AF is incorrect", {"-atrial fibrillation"}),
        ("More c/w pericarditis than STEMI", {"?pericarditis", "-st elevation myocardial infarction"}),
    ],
)
def test_a_denial_may_follow_or_stand_in_another_phrase(statement, findings):
    assert read(statement) == findings


@pytest.mark.parametrize(
    ("statement", "findings"),
    [
        ("Wide complex tachycardia, VT until proven otherwise", {"wide qrs tachycardia", "?ventricular tachycardia"}),
        ("LBBB precludes interpretation of ischemia", {"left bundle branch block", "?myocardial ischemia"}),
        ("In the setting of LBBB, ischemia cannot be assessed", {"left bundle branch block", "?myocardial ischemia"}),
        ("QTc borderline prolonged at 460", {"?prolonged qt interval"}),
        ("Borderline QT", {"?prolonged qt interval"}),
        ("Prolonged QT, cause? hypokalaemia", {"prolonged qt interval", "?hypokalemia"}),
        ("T wave changes, ?NSTEMI ?CVA", {"t wave changes", "?non-st elevation myocardial infarction",
                                          "?cerebrovascular accident"}),
        ("Can't distinguish Mobitz I from II", {"?mobitz type i second degree av block",
                                                "?mobitz type ii second degree av block"}),
    ],
)  # fmt: skip
def test_doubt_is_kept_wherever_it_stands(statement, findings):
    assert read(statement) == findings


@pytest.mark.parametrize(
    ("statement", "findings"),
    [
        ("ST-T changes may be rate related or due to ischemia", {"st-t changes", "?myocardial ischemia"}),
        ("Poor RWP - lead placement vs old anterior MI", {"poor r wave progression",
                                                          "?old anterior myocardial infarction"}),
        ("Dextrocardia vs lead reversal", {"?dextrocardia"}),
        ("Limb lead reversal suspected", set()),
    ],
)  # fmt: skip
def test_a_technical_cause_may_be_the_alternative(statement, findings):
    assert read(statement) == findings


@pytest.mark.parametrize(
    ("statement", "findings"),
    [
        ("RBBB/LPFB", {"right bundle branch block", "left posterior fascicular block"}),
        ("Acute MI / STEMI", {"acute myocardial infarction", "st elevation myocardial infarction"}),
        ("A flutter 2:1 @150", {"atrial flutter", "2:1 av block"}),
        ("Probable atrial flutter w/ 4:1 conduction", {"?atrial flutter", "4:1 av block"}),
        ("Fib/flutter", {"?atrial fibrillation", "?atrial flutter"}),
        ("Inferior-posterior infarct, old", {"old inferoposterior myocardial infarction"}),
        ("ST depr inf + lat", {"inferior st depression", "lateral st depression"}),
        ("Inferior Qs, lat TWI", {"inferior q waves", "lateral t wave inversion"}),
        ("Age-indeterminate inferior infarct, old records not available", {"inferior myocardial infarction"}),
    ],
)
def test_findings_and_places_that_belong_together_are_joined(statement, findings):
    assert read(statement) == findings


@pytest.mark.parametrize(
    ("statement", "findings"),
    [
        ("NSR 72, nl axis and intervals", {"sinus rhythm"}),
        ("Rhythm: sinus. Axis: left. Intervals: normal. LVH.", {"sinus rhythm", "left axis deviation",
                                                               "left ventricular hypertrophy"}),
        ("AF with slow VR, ? dig tox", {"atrial fibrillation", "slow ventricular response", "?digitalis effect"}),
        ("LVH w/ 2ndary repol abnl", {"left ventricular hypertrophy", "secondary st-t changes"}),
        ("Peaked T's, flipped Ts", {"tall t waves", "t wave inversion"}),
        ("J pt elev, STE 2 mm, recip STD", {"j point shift", "st elevation", "st depression"}),
        ("Regular WCT at 180", {"wide qrs tachycardia"}),
        ("ROMI", {"?myocardial infarction"}),
        ("axis +110, RAD", {"right axis deviation"}),
        ("Vent. rate has decreased by 30 bpm", set()),
    ],
)  # fmt: skip
def test_shorthand_is_written_out(statement, findings):
    assert read(statement) == findings


@pytest.mark.parametrize(
    ("statement", "findings"),
    [
        ("DDD pacer, appropriate sensing & capture", {"av sequential pacing"}),
        ("Pacer spikes w/o capture - r/o lead dislodgement", {"paced rhythm", "pacemaker failure to capture"}),
        ("PPM in situ, 100% V paced", {"paced rhythm", "ventricular pacing"}),
        ("Newborn, RAD appropriate for age", {"right axis deviation", "normal variant"}),
        ("RAE and RVH c/w pulm HTN", {"right atrial enlargement", "right ventricular hypertrophy",
                                      "?pulmonary hypertension"}),
        ("s/p TOF repair with RBBB", {"congenital heart disease", "right bundle branch block"}),
        ("ST-elevatoin ant leads, ?aneurysm", {"anterior st elevation", "?ventricular aneurysm"}),
        ("Electrical alternans, activate cath lab", {"electrical alternans"}),
    ],
)  # fmt: skip
def test_devices_children_and_diseases_are_read(statement, findings):
    assert read(statement) == findings
