"""Texts to learn from: a function of the seed, of every kind, and silent about what is held out."""

import random
import re
import sys

import pytest

from datasets_scripts.terminology.measured_findings import load_measured_findings
from modeling_supreme.command_line import CommandLineError
from modeling_supreme.query_grammar import normalize_name
from training_scripts.text_tower.texts import (
    Text,
    TextWriter,
    compile_hidden,
    expand_pattern,
    load_concepts,
    load_sources,
    misspell,
    set_loosely,
)


WORDS = ("house", "river", "green", "walk")


@pytest.fixture(scope="module")
def texts():
    return TextWriter(load_sources(WORDS)).write(5000, seed=0)


class TestWriter:
    def test_the_same_seed_writes_the_same(self, texts):
        assert TextWriter(load_sources(WORDS)).write(100, seed=0) == texts[:100]

    def test_another_seed_writes_something_else(self, texts):
        assert TextWriter(load_sources(WORDS)).write(100, seed=1) != texts[:100]

    @pytest.mark.parametrize(
        "kind",
        [["left bundle branch block"], load_measured_findings(), ["Sinus rhythm"], ["normales EKG"], ["house"]],
        ids=["a finding", "a measured finding", "a statement", "a German statement", "a word"],
    )
    def test_every_kind_of_text_is_written(self, texts, kind):
        assert any(text.lower() in written.lower() for written in texts for text in kind)

    def test_questions_with_numbers_are_written(self, texts):
        assert any(" > " in text and text.split(" > ")[1][:1].isdigit() for text in texts)

    def test_medical_concepts_are_written(self, texts):
        concepts = {concept.lower() for concept in load_concepts()}

        assert sum(text.lower() in concepts for text in texts) > 100

    def test_what_is_abbreviated_or_misspelt_means_the_full_form(self):
        texts = TextWriter(load_sources(WORDS)).write_texts(5000, seed=0)

        for short, full in (("AF", "atrial fibrillation"), ("LBBB", "left bundle branch block")):
            said = [text.meant.lower() for text in texts if re.search(rf"\b{short}\b", text.written)]
            assert any(full in meant for meant in said)
        # Whatever is not changed means itself
        assert 0.1 < sum(text.written != text.meant for text in texts) / len(texts) < 0.35

    def test_a_negation_is_kept_in_what_is_meant(self):
        texts = TextWriter(load_sources(WORDS)).write_texts(5000, seed=0)

        denied = [text for text in texts if text.meant.startswith("no ") and text.written != text.meant]
        assert denied
        assert isinstance(denied[0], Text)

    def test_no_text_is_empty(self, texts):
        assert all(text.strip() for text in texts)


class TestHeldOutFindings:
    def test_no_text_has_any_of_their_wordings(self):
        writer = TextWriter(load_sources(WORDS, held_out_findings=["atrial fibrillation", "LVH"]))

        written = [normalize_name(text) for text in writer.write(5000, seed=0)]

        wordings = re.compile(r"atrial fibrillation|left ventricular hypertrophy|\b(af|lvh)\b")
        assert [text for text in written if wordings.search(text)] == []

    def test_a_short_wording_is_found_as_a_word_alone(self):
        hidden = compile_hidden(["atrial fibrillation"])

        assert [bool(hidden.search(text)) for text in ("af?", "leaf", "acute atrial fibrillations")] == [
            True,
            False,
            True,
        ]

    def test_nothing_is_hidden_unless_asked(self):
        assert compile_hidden([]) is None

    def test_what_is_no_finding_is_refused(self):
        with pytest.raises(CommandLineError, match=r"names 'banana', which is no finding\. Write a name or synonym"):
            compile_hidden(["banana"])


def test_the_package_with_the_concepts_is_named_where_it_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "pydicom.sr._concepts_dict", None)

    with pytest.raises(CommandLineError, match=r"pydicom, which is not installed\. Run `pip install"):
        load_concepts()


class TestChanges:
    @pytest.mark.parametrize("seed", range(8))
    def test_a_mistake_of_typing_changes_one_place(self, seed):
        written = misspell("atrial flutter", random.Random(seed))

        assert abs(len(written) - len("atrial flutter")) <= 1
        assert written[:1] + written[-1:] == "ar" or len(set(written) ^ set("atrial flutter")) <= 2

    def test_what_is_too_short_has_no_mistake(self):
        assert misspell("AF", random.Random(0)) == "AF"

    @pytest.mark.parametrize("seed", range(12))
    def test_loose_setting_keeps_the_words(self, seed):
        written = set_loosely("old inferior infarct", random.Random(seed))

        assert normalize_name(written).strip('.?!"* ') == "old inferior infarct"

    def test_a_pattern_has_one_of_its_alternatives_and_may_lack_what_is_optional(self):
        written = {expand_pattern("no|without clear? p_wave", random.Random(seed)) for seed in range(40)}

        assert written == {"no p wave", "without p wave", "no clear p wave", "without clear p wave"}


def test_what_stands_for_a_word_is_looked_up_in_lower_case():
    pairs = [each.partition("=") for each in load_sources(WORDS).phrases["abbreviation"]]

    assert all(long == long.lower() and short for long, _, short in pairs)
