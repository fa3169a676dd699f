"""Which leads a condition takes: shown with 12, left open with II alone, and a rhythm is seen in any one lead."""

import pytest

from datasets_scripts.terminology.definition_table import load_definitions
from datasets_scripts.terminology.findings import load_terminology
from datasets_scripts.terminology.lead_needs import find_lead_needs, load_lead_needs
from datasets_scripts.terminology.measured_findings import load_measured_findings
from modeling_supreme.decisions import has_leads
from modeling_supreme.leads import STANDARD_LEADS


LIMB = STANDARD_LEADS[:6]
# One condition or more of every group of the table
GROUPS = {
    "axis": ["left axis deviation", "rightward axis", "s1s2s3 pattern"],
    "fascicles": ["left anterior fascicular block", "bifascicular block"],
    "bundle branches": ["left bundle branch block", "incomplete right bundle branch block", "rsr' pattern"],
    "ventricles": ["left ventricular hypertrophy", "right ventricular hypertrophy", "biventricular hypertrophy"],
    "strain": ["left ventricular strain", "right ventricular strain", "pulmonary embolism", "s1q3t3 pattern"],
    "atria": ["left atrial enlargement", "right atrial enlargement", "abnormal p wave terminal force"],
    "low voltage": ["low qrs voltage", "limb low qrs voltage", "precordial low qrs voltage"],
    "r progression": ["poor r wave progression", "late transition", "clockwise rotation"],
    "patterns": ["brugada pattern", "wellens syndrome", "de winter pattern", "early repolarization"],
    "electrodes": ["dextrocardia", "exchanged arm electrodes"],
    "pericardium": ["acute pericarditis"],
    "infarction": ["acute myocardial infarction", "st elevation myocardial infarction", "q waves"],
    "st and t": ["st elevation", "st depression", "t wave inversion", "st-t changes"],
    "territories": [
        *("inferior myocardial infarction", "acute anterior myocardial infarction", "septal myocardial infarction"),
        *("lateral myocardial ischemia", "posterior myocardial infarction", "high lateral st elevation"),
        *("inferolateral t wave inversion", "anteroseptal st-t changes", "apical myocardial infarction"),
        *("extensive anterior myocardial infarction", "posterolateral myocardial injury", "limb q waves"),
    ],
    "measured": ["st elevation in two inferior leads", "qrs axis left of -30 degrees", "second r wave in v1"],
    "normal": ["normal ecg"],
}
ANY_LEAD = [
    *("atrial fibrillation", "atrial flutter", "sinus tachycardia", "ventricular tachycardia", "sinus rhythm"),
    *("first degree av block", "complete av block", "premature ventricular contraction", "atrial bigeminy"),
    *("paced rhythm", "ventricular pacing", "prolonged qt interval", "wolff-parkinson-white pattern", "sinus pause"),
    *("intraventricular conduction delay", "irregular rr intervals", "qrs duration above 120 ms"),
]


def is_shown(condition, leads):
    return all(has_leads(need, leads) for need in find_lead_needs(condition).leads)


@pytest.mark.parametrize("condition", [name for names in GROUPS.values() for name in names])
class TestWhatTakesSeveralLeads:
    def test_twelve_show_it(self, condition):
        assert is_shown(condition, STANDARD_LEADS)

    def test_lead_ii_alone_does_not_for_a_reason(self, condition):
        assert not is_shown(condition, ["II"])
        assert find_lead_needs(condition).reason


class TestWhatOneLeadShows:
    @pytest.mark.parametrize("condition", ANY_LEAD)
    def test_a_rhythm_takes_any(self, condition):
        assert find_lead_needs(condition).leads == ()

    @pytest.mark.parametrize("condition", ["brugada pattern", "rsr' pattern", "right ventricular hypertrophy"])
    def test_v1_shows_the_right_ventricle(self, condition):
        assert is_shown(condition, ["V1"])

    @pytest.mark.parametrize(
        ("condition", "is_seen"),
        [
            ("left axis deviation", True),
            ("inferior myocardial infarction", True),
            ("high lateral myocardial infarction", True),
            ("anterior myocardial infarction", False),
            ("left bundle branch block", False),
        ],
    )
    def test_six_limb_leads_show_the_frontal_plane(self, condition, is_seen):
        assert is_shown(condition, LIMB) == is_seen


class TestTable:
    def test_twelve_leads_show_every_finding(self):
        names = [finding.name for finding in load_terminology()] + list(load_measured_findings())

        assert [name for name in names if not is_shown(name, STANDARD_LEADS)] == []

    def test_a_name_goes_before_a_territory(self):
        assert find_lead_needs("left anterior fascicular block").leads == ("two limb leads",)

    def test_a_long_territory_goes_before_a_short_one(self):
        assert find_lead_needs("high lateral q waves").leads == ("two high lateral leads",)

    def test_every_territory_of_the_terminology_is_there(self):
        _, by_territory = load_lead_needs()
        q_waves = [finding.name for finding in load_terminology() if finding.name.endswith(" q waves")]

        assert {name.removesuffix(" q waves") for name in q_waves} <= by_territory.keys()

    def test_every_defined_condition_with_a_territory_takes_leads(self):
        _, by_territory = load_lead_needs()
        conditions = [entry["condition"] for entry in load_definitions()]

        named = [name for name in conditions if any(f"{territory} " in name for territory in by_territory)]
        assert [name for name in named if not find_lead_needs(name).leads] == []
