"""A statement in French, Spanish, Portuguese, Italian, Dutch or Chinese is read whole, or not at all."""

# ruff: noqa: RUF001 (Chinese punctuation)

from collections import defaultdict

import pytest

from datasets_scripts.extraction.readings.languages import tokenize_statement
from datasets_scripts.extraction.readings.lexicon import (
    ANY_LANGUAGE,
    FOREIGN_LANGUAGES,
    FOREIGN_WORDINGS_PATH,
    expand_wording,
    split_words,
)
from datasets_scripts.extraction.readings.rules import account_for, read_statement
from datasets_scripts.extraction.readings.statements import normalize_statement, split_report
from datasets_scripts.terminology.findings import load_terminology
from datasets_scripts.terminology.tables import read_table


def read(statement):
    """Findings of a statement, each marked with "?" if uncertain and with "-" if negative."""
    marks = {"positive": "", "uncertain": "?", "negative": "-"}
    return [marks[entity.certainty] + entity.entity for entity in read_statement(statement).entities]


@pytest.mark.parametrize(
    ("statement", "findings"),
    [
        ("Rythme sinusal, bloc de branche droit complet", ["sinus rhythm", "right bundle branch block"]),
        ("Séquelle d'infarctus antérieur", ["old anterior myocardial infarction"]),
        ("BAV du 1er degré", ["first degree av block"]),
        ("Ondes T négatives en latéral", ["lateral t wave inversion"]),
        ("pas de fibrillation auriculaire", ["-atrial fibrillation"]),
        ("Suspicion d'embolie pulmonaire", ["?pulmonary embolism"]),
        ("L'infarctus ne peut être exclu", ["?myocardial infarction"]),
        (
            "Fibrilación auricular con respuesta ventricular rápida",
            ["atrial fibrillation", "rapid ventricular response"],
        ),
        ("Infarto agudo de miocardio inferior", ["acute inferior myocardial infarction"]),
        ("Bloqueo AV de segundo grado tipo Mobitz I", ["mobitz type i second degree av block"]),
        ("Taquicardia sinusal, sin cambios isquémicos", ["sinus tachycardia", "-myocardial ischemia"]),
        ("No se puede descartar isquemia inferior", ["?inferior myocardial ischemia"]),
        ("Supradesnivelamento do segmento ST em parede inferior", ["inferior st elevation"]),
        ("BAV de 1º grau", ["first degree av block"]),
        ("fibrilação atrial, sem isquemia", ["atrial fibrillation", "-myocardial ischemia"]),
        ("Isquemia não pode ser excluída", ["?myocardial ischemia"]),
        ("Blocco AV di III grado", ["complete av block"]),
        ("Pregresso infarto inferiore", ["old inferior myocardial infarction"]),
        ("ritmo sinusale, assenza di ischemia", ["sinus rhythm", "-myocardial ischemia"]),
        ("Ischemia inferiore non esclusa", ["?inferior myocardial ischemia"]),
        ("Oud onderwandinfarct", ["old inferior myocardial infarction"]),
        ("Sinusritme, linkerbundeltakblok", ["sinus rhythm", "left bundle branch block"]),
        ("geen tekenen van ischemie", ["-myocardial ischemia"]),
        ("Ischemie niet uit te sluiten", ["?myocardial ischemia"]),
        ("窦性心律，完全性右束支传导阻滞", ["sinus rhythm", "right bundle branch block"]),
        ("II、III、aVF导联ST段抬高，考虑急性下壁心肌梗死", ["st elevation", "?acute inferior myocardial infarction"]),
        ("Ⅱ度Ⅰ型房室传导阻滞", ["mobitz type i second degree av block"]),
        ("无LBBB", ["-left bundle branch block"]),
        ("心肌缺血待排", ["?myocardial ischemia"]),
    ],
)
def test_findings_negations_and_hedges_are_read(statement, findings):
    assert read(statement) == findings
    assert read_statement(statement).is_read


@pytest.mark.parametrize(
    "statement",
    [
        "pas de fibrillation auriculaire ni gremlins",
        "sin signos de isquemia gremlins",
        "geen ischemie gremlins",
        "无 LBBB gremlins",
        "нет LVH",
        "bez cech niedokrwienia, LVH",
        "ikke tegn til iskemi, LBBB",
    ],
)
def test_a_statement_with_one_unknown_word_or_in_another_language_is_not_half_read(statement):
    account = account_for(statement)

    assert account.reading.entities == ()
    assert not account.reading.is_read
    assert account.left_over


def test_of_two_languages_that_share_words_the_one_with_the_longer_wordings_is_taken():
    assert read("Bradicardia sinusale") == ["sinus bradycardia"]  # Spanish has the words, but not the two together


def test_spans_point_at_the_characters_of_the_statement():
    statement = "可能为急性前壁心肌梗死"
    (((start, end),),) = account_for(statement).spans.values()

    assert statement[start:end] == "急性前壁心肌梗死"


def test_a_chinese_report_is_cut_at_its_full_stops():
    assert split_report("窦性心律。ST段压低；T波倒置") == ["窦性心律", "ST段压低", "T波倒置"]


@pytest.mark.parametrize("statement", ["no ischemia", "kein Vorhofflimmern", "inga ischemitecken"])
def test_english_german_and_swedish_are_no_foreign_languages(statement):
    tokens, is_known = tokenize_statement(normalize_statement(statement))

    assert is_known
    assert "foreign" not in {token.kind for token in tokens}


@pytest.mark.parametrize("language", FOREIGN_LANGUAGES)
def test_no_wording_of_a_language_means_two_things(language):
    meanings = defaultdict(set)
    for row in read_table(FOREIGN_WORDINGS_PATH):
        if row["language"] in (language, ANY_LANGUAGE):
            for text in expand_wording(row["wording"]):
                meanings[" ".join(split_words(text))].add((row["kind"], row["value"]))

    assert {text: found for text, found in meanings.items() if len(found) > 1} == {}


@pytest.mark.parametrize("language", FOREIGN_LANGUAGES)
def test_every_language_has_the_commonest_findings_negations_and_hedges(language):
    rows = [row for row in read_table(FOREIGN_WORDINGS_PATH) if row["language"] == language]
    findings = {row["value"] for row in rows if row["kind"] == "finding"}

    assert len(findings) >= 60
    assert findings <= {finding.name for finding in load_terminology()}
    assert {"negation", "negation_after", "hedge", "hedge_after", "age", "territory"} <= {row["kind"] for row in rows}


def test_wordings_are_written_as_statements_are_read():
    wordings = [text for row in read_table(FOREIGN_WORDINGS_PATH) for text in expand_wording(row["wording"])]
    changed = [text for text in wordings if split_words(normalize_statement(text)) not in ([], split_words(text))]

    assert changed == []
