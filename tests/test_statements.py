"""Statements: reports are cut where they should be, and spellings of the same thing become one."""

import pytest

from datasets_scripts.extraction.statements import normalize_statement, split_report


@pytest.mark.parametrize(
    ("report", "statements"),
    [
        ("Sinus rhythm\nLeft axis deviation", ["Sinus rhythm", "Left axis deviation"]),
        ("sinus rhythm. normal ecg.", ["sinus rhythm", "normal ecg"]),
        ("t waves are flat in v5,6. this may be ischaemia", ["t waves are flat in v5,6", "this may be ischaemia"]),
        ("no change since 12.9.91. otherwise normal", ["no change since 12.9.91", "otherwise normal"]),
        ("inferiorer infarkt     alter unbest. linkstyp", ["inferiorer infarkt alter unbest. linkstyp"]),
        ("av-block 1. grades", ["av-block 1. grades"]),
        ("Atrial flutter\n- 2:1 A-V block", ["Atrial flutter", "- 2:1 A-V block"]),
        (" \n .\n", []),
    ],
    ids=["lines", "sentences", "leads", "date", "abbreviation", "ordinal", "continuation", "empty"],
)
def test_a_report_is_cut_into_lines_and_sentences(report, statements):
    assert split_report(report) == statements


def test_notes_of_annotators_are_no_part_of_the_report():
    assert split_report("sinus rhythm. Edit: NORM 100, (NORM 100)") == ["sinus rhythm"]


@pytest.mark.parametrize(
    ("statement", "normal"),
    [
        ("*** ANTERIOR INFARCT ***", "anterior infarct"),
        ("- 1st degree A-V block", "first degree av block"),
        ("(9@128) suggests early repolarization", "suggests early repolarization"),
        ("PVC(s)", "pvc"),
        ("Myocardial ischaemia", "myocardial ischemia"),
        ("S-T depr, diffuse lds", "st depression, diffuse leads"),
        ("ST-T changes", "st t changes"),
        ("LVH w/ repol abnrm", "lvh with repolarization abnormality"),
        ("Q waves in II, III, aVF", "q waves _leads"),
        ("ST depression V1-V3", "st depression _leads"),
        ("Mobitz II block", "mobitz ii block"),
        ("QT-VERLÄNGERUNG", "qt verlaengerung"),
        ("amplitudenkriterien f#r linkshypertrophie", "amplitudenkriterien fuer linkshypertrophie"),
    ],
)
def test_spellings_of_the_same_statement_become_one(statement, normal):
    assert normalize_statement(statement) == normal


@pytest.mark.parametrize("statement", ["SINUS RHYTHM", "Sinus rhythm", "- sinus  rhythm", "*** Sinus rhythm ***"])
def test_case_blanks_and_ornaments_do_not_matter(statement):
    assert normalize_statement(statement) == "sinus rhythm"


def test_normalizing_twice_changes_nothing():
    once = normalize_statement("Borderline ST-T changes in V1-V3, prob. 2nd degree A-V block")

    assert normalize_statement(once) == once
