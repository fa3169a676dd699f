"""The terminology: one finding per PTB-XL class, codes as published, and kinds that follow clinical sense."""

import csv
import re

import pytest

from datasets_scripts.terminology.findings import (
    CORPUS_LABELS_PATH,
    Finding,
    Terminology,
    load_terminology,
    normalize_name,
)


SUPERCLASSES = ("NORM", "MI", "STTC", "CD", "HYP")
SIMULATED_CONDITIONS = re.split(
    r",\s*",
    "sinus rhythm, sinus bradycardia, sinus tachycardia, sinus arrhythmia, atrial fibrillation, atrial flutter,"
    " supraventricular tachycardia, paced rhythm, premature atrial contraction, premature ventricular contraction,"
    " first degree av block, second degree av block, complete av block, left bundle branch block,"
    " right bundle branch block, incomplete right bundle branch block, left anterior fascicular block,"
    " left posterior fascicular block, wolff-parkinson-white pattern, intraventricular conduction delay,"
    " left ventricular hypertrophy, right ventricular hypertrophy, left atrial enlargement, right atrial enlargement,"
    " anterior myocardial infarction, anteroseptal myocardial infarction, inferior myocardial infarction,"
    " lateral myocardial infarction, anterior myocardial ischemia, inferior myocardial ischemia,"
    " lateral myocardial ischemia, st elevation, st depression, t wave inversion, prolonged qt interval,"
    " early repolarization, low qrs voltage, left axis deviation, right axis deviation, normal ecg",
)


@pytest.fixture(scope="module")
def terminology():
    return load_terminology()


@pytest.fixture
def scp_rows(data_dir):
    with (data_dir / "ptb-xl" / "scp_statements.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.mark.data
def test_each_of_the_99_ptb_xl_classes_is_asked_for_by_exactly_one_finding(terminology, scp_rows):
    codes = {f"all:{row['']}" for row in scp_rows}
    subclasses = {f"subclass:{row['diagnostic_subclass']}" for row in scp_rows if row["diagnostic_subclass"]}
    superclasses = {f"superclass:{row['diagnostic_class']}" for row in scp_rows if row["diagnostic_class"]}

    asked_for = sorted(label for finding in terminology for label in finding.ptb_xl)

    assert len(asked_for) == 99
    assert asked_for == sorted(codes | subclasses | superclasses)


@pytest.mark.data
def test_scp_codes_are_spelled_as_ptb_xl_spells_them(terminology, scp_rows):
    known = {row[""] for row in scp_rows} | {""}

    assert {finding.scp_code for finding in terminology} - known == set()


@pytest.mark.data
def test_the_wording_of_ptb_xl_finds_every_form_and_rhythm_code(terminology, scp_rows):
    rows = [row for row in scp_rows if row["form"] or row["rhythm"]]
    unfound = [row["description"] for row in rows if terminology.find(row["description"]) is None]

    assert unfound == []


@pytest.mark.data
def test_snomed_codes_agree_with_the_challenge_tables(terminology, data_dir):
    path = data_dir / "chapman-shaoxing-ningbo" / "condition_names.csv"
    with path.open(encoding="utf-8") as file:
        published = {row["acronym"]: row["snomed_ct"] for row in csv.DictReader(file)}
    expected = {
        "1AVB": "first degree av block",
        "AFIB": "atrial fibrillation",
        "AF": "atrial flutter",
        "ALS": "left axis deviation",
        "LBBB": "left bundle branch block",
        "LVQRSAL": "low qrs voltage",
        "PVC": "premature ventricular contraction",
        "STDD": "st depression",
        "WPW": "wolff-parkinson-white pattern",
    }

    assert {name: terminology[name].snomed_ct for name in expected.values()} == {
        name: published[acronym] for acronym, name in expected.items()
    }


@pytest.mark.parametrize("name", SIMULATED_CONDITIONS)
def test_every_simulated_condition_is_a_finding_of_its_own(terminology, name):
    assert terminology[name].name == name


@pytest.mark.parametrize(
    ("label", "config_name", "name"),
    [
        ("STTC", "superclass", "st-t changes"),
        ("STTC", "subclass", "nondiagnostic st-t changes"),
        ("superclass:HYP", "hierarchy", "hypertrophy"),
        ("IMI", "hierarchy", "inferior myocardial infarction"),
        ("LAFB/LPFB", "subclass", "fascicular block"),
        ("1AVB", "diagnostic", "first degree av block"),
        ("PACE", "rhythm", "paced rhythm"),
        ("164889003", None, "atrial fibrillation"),
        ("VPC", None, "premature ventricular contraction"),
        ("sinus rhythm", "default", "sinus rhythm"),
        ("HYP", None, "hypertrophy"),
    ],
)
def test_a_label_of_a_corpus_leads_to_its_finding(terminology, label, config_name, name):
    assert terminology.find_label(label, config_name=config_name).name == name


def test_labels_of_every_corpus_hide_no_ptb_xl_class_and_stand_once(terminology):
    with CORPUS_LABELS_PATH.open(encoding="utf-8", newline="") as file:
        labels = [row["label"] for row in csv.DictReader(file) if not row["config_name"]]

    classes = {label.partition(":")[2] for finding in terminology for label in finding.ptb_xl}
    assert set(labels) & classes == set()
    assert len(labels) == len(set(labels))


def test_a_label_without_a_finding_is_refused_with_a_remedy(terminology):
    with pytest.raises(ValueError, match=r"'XYZ' of configuration 'form'.*terminology\.csv"):
        terminology.find_label("XYZ", config_name="form")


def test_a_label_means_what_its_configuration_says(terminology):
    findings = [Finding("sinus tachycardia"), Finding("st changes", synonyms=("ST",))]
    small = Terminology(findings, {"code15:ST": "sinus tachycardia"})

    assert small.find_label("ST", config_name="code15").name == "sinus tachycardia"
    assert small.find_label("ST").name == "st changes"
    assert terminology.find("ST") is None


def test_a_label_that_asks_for_an_unknown_finding_is_refused():
    with pytest.raises(ValueError, match=r"label 'code15:ST' asks for 'sinus tachi', .*Correct corpus_labels\.csv"):
        Terminology([Finding("sinus tachycardia")], {"code15:ST": "sinus tachi"})


def test_an_unknown_name_is_refused(terminology):
    with pytest.raises(KeyError, match=r"no finding named 'lbbb'.*find"):
        terminology["lbbb"]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Wolff-Parkinson-White syndrome", "wolff-parkinson-white pattern"),
        ("complete  LEFT bundle-branch block", "left bundle branch block"),
        ("AF", "atrial fibrillation"),
        ("ventricular premature complex", "premature ventricular contraction"),
        ("old inferior myocardial infarction", "old inferior myocardial infarction"),
        ("Inferior T-wave changes", "inferior t wave changes"),
        ("t wave changes in the inferior leads", "inferior t wave changes"),
    ],
)
def test_names_and_synonyms_are_found_whatever_their_spelling(terminology, text, name):
    assert terminology.find(text).name == name


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("inferior ischaemia", "inferior myocardial ischemia"),
        ("lateral ischaemia", "lateral myocardial ischemia"),
        ("premature ventricular contractions", "premature ventricular contraction"),
        ("ventricular ectopics", "premature ventricular contraction"),
        ("Junctional premature complex(es)", "junctional premature complexes"),
        ("left ventricular high voltage", "left ventricular hypertrophy by voltage"),
        ("mobitz type i wenckebach atrioventricular block", "mobitz type i second degree av block"),
        ("qwave abnormal", "q waves"),
        ("s t changes", "st changes"),
        ("3 degree atrioventricular block", "complete av block"),
        ("Atrial premature complexes, nonconducted", "blocked premature atrial contraction"),
        ("hyperkalaemia", "hyperkalemia"),
    ],
)
def test_published_names_are_found_british_or_american_singular_or_plural(terminology, text, name):
    assert terminology.find(text).name == name
    assert terminology.find_label(text).name == name


@pytest.mark.data
def test_every_published_name_of_a_table_with_codes_is_a_finding(terminology, data_dir):
    with (data_dir / "chapman-shaoxing-ningbo" / "ConditionNames_SNOMED-CT.csv").open(encoding="utf-8-sig") as file:
        names = [row["Full Name"] for row in csv.DictReader(file)]

    assert len(names) > 50
    assert [name for name in names if terminology.find(name) is None] == []


def test_an_unknown_wording_finds_nothing(terminology):
    assert terminology.find("baseline wander in lead v1") is None


@pytest.mark.parametrize(
    ("name", "ancestors"),
    [
        ("anteroseptal myocardial infarction", {"anterior myocardial infarction", "myocardial infarction"}),
        ("left bundle branch block", {"bundle branch block", "conduction disturbance"}),
        ("left anterior fascicular block", {"fascicular block", "conduction disturbance"}),
        ("left ventricular hypertrophy", {"ventricular hypertrophy", "hypertrophy"}),
        ("prolonged qt interval", {"nondiagnostic st-t changes", "st-t changes"}),
        ("inferolateral t wave changes", {"inferior t wave changes", "t wave changes"}),
        (
            "old inferior myocardial infarction",
            {"inferior myocardial infarction", "old myocardial infarction", "myocardial infarction"},
        ),
    ],
)
def test_ancestors_are_all_findings_of_which_it_is_a_kind(terminology, name, ancestors):
    assert set(terminology.ancestors(name)) == ancestors


@pytest.mark.data
def test_parents_of_diagnostic_codes_reach_the_superclass_of_ptb_xl(terminology, scp_rows):
    # Subendocardial injury is no infarction, though PTB-XL groups it with them.
    rows = [row for row in scp_rows if row["diagnostic_class"] and not row[""].startswith("INJ")]
    reached = {row[""]: terminology.close_upward([terminology.find_label(row[""]).name]) for row in rows}
    expected = {
        row[""]: terminology.find_label(row["diagnostic_class"], config_name="superclass").name for row in rows
    }

    assert [code for code, name in expected.items() if name not in reached[code]] == []


@pytest.mark.data
def test_form_only_findings_are_no_kind_of_a_diagnostic_class(terminology, scp_rows):
    form_only = [row[""] for row in scp_rows if row["form"] and not row["diagnostic_class"]]
    superclasses = {terminology.find_label(name, config_name="superclass").name for name in SUPERCLASSES}

    reached = terminology.close_upward(terminology.find_label(code).name for code in form_only)

    assert reached & superclasses == set()


def test_closing_upward_keeps_the_names_and_adds_their_ancestors(terminology):
    closed = terminology.close_upward(["left anterior fascicular block", "sinus rhythm"])

    assert closed == {
        "left anterior fascicular block",
        "fascicular block",
        "conduction disturbance",
        "sinus rhythm",
    }


def test_every_name_is_normal_lower_case_and_described(terminology):
    assert [finding.name for finding in terminology if finding.name != finding.name.strip().lower()] == []
    assert [finding.name for finding in terminology if not finding.description] == []


def test_no_wording_belongs_to_two_rows(terminology):
    wordings = [
        (normalize_name(wording), finding.name)
        for finding in terminology
        for wording in {normalize_name(text) for text in (finding.name, *finding.synonyms)}
    ]

    assert [pair for pair in wordings if terminology.find(pair[0]).name != pair[1]] == []


def test_wordings_are_the_name_the_synonyms_and_the_description(terminology):
    wordings = terminology.wordings("atrial flutter")

    assert wordings[0] == "atrial flutter"
    assert "AFLT" in wordings
    assert wordings[-1] == terminology["atrial flutter"].description


def test_wordings_do_not_repeat():
    terminology = Terminology([Finding("u waves", synonyms=("u waves", "u wave"), description="u wave")])

    assert terminology.wordings("u waves") == ("u waves", "u wave")


@pytest.mark.parametrize(
    ("name", "wording"),
    [
        ("anterior st elevation", "st segment elevation in the anterior leads"),
        ("anterior st elevation", "st segment above the baseline, in the anterior leads"),
        ("old septal myocardial infarction", "old septal infarct"),
        ("acute septal myocardial infarction", "st elevation of a fresh coronary occlusion, in the septal leads"),
    ],
)
def test_a_composed_finding_has_composed_wordings(terminology, name, wording):
    assert wording in terminology.wordings(name)


def test_a_circle_of_parents_is_refused():
    findings = [Finding("a", parents=("b",)), Finding("b", parents=("a",))]

    with pytest.raises(ValueError, match=r"'a' is its own ancestor.*Correct its parents"):
        Terminology(findings)


def test_an_unknown_parent_is_refused():
    with pytest.raises(ValueError, match=r"'a' has the unknown parent 'b'.*Correct its parents"):
        Terminology([Finding("a", parents=("b",))])


def test_a_name_listed_twice_is_refused():
    with pytest.raises(ValueError, match=r"lists 'a' twice.*Merge"):
        Terminology([Finding("a"), Finding("a")])


def test_iteration_and_length_agree(terminology):
    assert len(list(terminology)) == len(terminology)
    assert "atrial flutter" in terminology


def test_a_measured_finding_answers_to_its_name_as_a_label_but_is_not_looked_up_in_text():
    terminology = load_terminology()
    name = "heart rate above 100 per minute"

    assert terminology.find_label(name).name == name
    assert terminology.wordings(name)[1] == "fast heart rate"
    assert terminology.ancestors(name) == ()
    assert terminology.find(name) is None
    assert name not in {finding.name for finding in terminology}
