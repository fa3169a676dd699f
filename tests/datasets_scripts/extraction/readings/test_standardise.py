"""Entities become findings: by name or spelling, by a neighbour that no word tells apart, or as new ones."""

import numpy as np
import pytest

from datasets_scripts.extraction.readings.distinctions import find_distinctions
from datasets_scripts.extraction.readings.neighbours import NameEncoder, find_neighbours
from datasets_scripts.extraction.readings.reading import Entity, Reading
from datasets_scripts.extraction.readings.standardise import StandardisationArguments, standardise
from datasets_scripts.terminology.findings import load_terminology


def read(*statements):
    """A reading per statement, given as lists of names or of names with certainties."""
    pairs = [[(one, "positive") if isinstance(one, str) else one for one in names] for names in statements]
    return {
        str(number): Reading(tuple(Entity(name, certainty, "", "") for name, certainty in names), True, "endpoint")
        for number, names in enumerate(pairs)
    }


def entities_of(standardised, key="0"):
    """Findings and certainties of a statement."""
    return [entity[:2] for entity in standardised.readings[key].entities]


def names_of(standardised, key="0"):
    """Findings of a statement."""
    return [name for name, _ in entities_of(standardised, key)]


def encode_by_letters(names):
    """Vectors of length 1 that count letters: likely to take names of like spelling for each other."""
    counts = np.array([[name.lower().count(letter) for letter in "abcdefghijklmnopqrstuvwxyz"] for name in names])
    return counts / np.linalg.norm(counts, axis=1, keepdims=True)


@pytest.mark.parametrize(
    ("name", "findings"),
    [
        ("Left-Bundle Branch Block", ["left bundle branch block"]),
        ("LBBB", ["left bundle branch block"]),
        ("ventricular premature complexes", ["premature ventricular contraction"]),
        ("marked ST segment depression in anterior leads", ["anterior st depression"]),
        ("non-specific inferior T wave changes", ["inferior t wave changes"]),
        ("inferior and lateral ST elevation", ["inferior st elevation", "lateral st elevation"]),
        ("myocardial ischaemia", ["myocardial ischemia"]),
    ],
)
def test_a_name_in_any_spelling_is_its_finding(name, findings):
    assert names_of(standardise(read([name]))) == findings


@pytest.mark.parametrize(
    "name",
    ["atrial appendage thrombus", "old left bundle branch block", "no st elevation", "borderline st elevation"],
    ids=["unknown word", "an age that would be lost", "negation", "hedge"],
)
def test_a_name_that_would_lose_a_word_is_a_new_finding(name):
    standardised = standardise(read([name]))

    assert names_of(standardised) == [name]
    assert standardised.find_codes()[name] == ("", "")
    assert standardised.matches[0].step == "new finding"


def test_codes_are_attached():
    standardised = standardise(read(["AFib"]))

    assert standardised.readings["0"].entities == (Entity("atrial fibrillation", "positive", "164889003", "AFIB"),)


def test_codes_can_be_left_as_they_were_given():
    standardised = standardise(read(["AFib"]), StandardisationArguments(attach_codes=False))

    assert standardised.readings["0"].entities[0][2:] == ("", "")


def test_a_finding_named_twice_has_the_strongest_certainty():
    readings = read([("LBBB", "uncertain"), ("sinus rhythm", "positive"), ("left bundle branch block", "positive")])

    merged, kept = (
        standardise(readings, StandardisationArguments(merge_duplicates=switch)) for switch in (True, False)
    )

    assert entities_of(merged) == [("left bundle branch block", "positive"), ("sinus rhythm", "positive")]
    assert len(names_of(kept)) == 3


def test_who_read_a_statement_is_kept():
    readings = {"0": Reading((), False, "endpoint", "a model", "a prompt", "a problem")}

    assert standardise(readings).readings == readings


def test_spellings_of_a_new_finding_are_one():
    standardised = standardise(read(["Cardiac-Sarcoidosis"], ["cardiac sarcoidosis"], ["cardiac  sarcoidosis"]))

    assert len({name for key in "012" for name in names_of(standardised, key)}) == 1


def test_new_findings_can_be_left_out():
    standardised = standardise(
        read(["cardiac sarcoidosis", "LBBB"]), StandardisationArguments(keep_new_findings=False)
    )

    assert names_of(standardised) == ["left bundle branch block"]
    assert {match.name: match.step for match in standardised.matches}["cardiac sarcoidosis"] == "left out"


def test_ancestors_are_those_of_the_terminology():
    closed, stated = (
        standardise(read(["inferior MI"]), StandardisationArguments(add_parents=on)) for on in (True, False)
    )

    assert closed.find_ancestors("inferior myocardial infarction") == ("myocardial infarction",)
    assert stated.find_ancestors("inferior myocardial infarction") == ()


def test_findings_come_before_what_they_are_kinds_of_the_most_frequent_first():
    findings = standardise(read(["LBBB", "sinus rhythm"], ["sinus rhythm", "old inferior infarct"])).findings

    assert list(findings) == [
        *("sinus rhythm", "left bundle branch block", "old inferior myocardial infarction"),
        *load_terminology().ancestors("left bundle branch block"),
        *load_terminology().ancestors("old inferior myocardial infarction"),
    ]


class TestReport:
    readings = read(["LBBB", "left bundle branch block", "odd thing"], ["inferior MI"])

    def steps(self, **options):
        """Steps by name."""
        return {step.name: step for step in standardise(self.readings, StandardisationArguments(**options)).steps}

    def test_each_step_is_counted_before_and_after(self):
        steps = self.steps()

        # Four entities of four names; two names are one finding; codes for three; one merged; MI and BBB and CD added.
        assert steps["name, synonym or spelling"][1:] == (True, 3, (4, 4), (4, 3))
        assert steps["new findings kept"][1:] == (True, 1, (4, 4), (3, 3))
        assert steps["codes attached"][1:] == (True, 3, (4, 4), (3, 3))
        assert steps["duplicates merged"][1:] == (True, 1, (4, 3), (3, 3))
        assert steps["parents added"][1:] == (True, 3, (3, 6), (3, 6))

    @pytest.mark.parametrize(
        ("switch", "step"),
        [
            ("match_names", "name, synonym or spelling"),
            ("attach_codes", "codes attached"),
            ("merge_duplicates", "duplicates merged"),
            ("add_parents", "parents added"),
        ],
    )
    def test_a_step_that_is_off_changes_nothing(self, switch, step):
        off = self.steps(**{switch: False})[step]

        assert (off.is_on, off.num_changed) == (False, 0)
        assert off.entities[0] == off.entities[1]
        assert off.names[0] == off.names[1]

    def test_the_ancestors_of_a_negative_finding_are_not_added(self):
        standardised = standardise(read([("inferior MI", "negative")]))

        assert standardised.steps[-1].entities == (1, 1)


class TestNeighbours:
    def test_a_near_name_is_taken_for_the_finding(self):
        options = StandardisationArguments(min_similarity=0.95)

        standardised = standardise(read(["Left ventricular hyprtropy"]), options, encode=encode_by_letters)

        assert names_of(standardised) == ["left ventricular hypertrophy"]
        assert standardised.matches[0].step == "nearest neighbour"

    def test_a_name_below_the_threshold_is_new_and_its_neighbour_is_told(self):
        options = StandardisationArguments(min_similarity=1.0)

        standardised = standardise(read(["Left ventricular hyprtropy"]), options, encode=encode_by_letters)

        match = standardised.matches[0]
        assert (match.step, match.nearest) == ("new finding", "left ventricular hypertrophy")
        assert 0.95 < match.similarity < 1

    @pytest.mark.parametrize(
        ("name", "other"),
        [
            ("left bundle branch block", "right bundle branch block"),
            ("anterior myocardial infarction", "inferior myocardial infarction"),
            ("lateral myocardial infarction", "infero-lateral myocardial infarction"),
            ("lateral myocardial infarction", "anteroinferior myocardial infarction"),
            ("first degree av block", "second degree av block"),
            ("mobitz type i second degree av block", "mobitz type ii second degree av block"),
            ("2:1 av block", "3:1 av block"),
            ("right bundle branch block", "incomplete right bundle branch block"),
            ("complete av block", "incomplete av block"),
            ("acute myocardial infarction", "old myocardial infarction"),
            ("st elevation", "st depression"),
            ("st elevation", "no st elevation"),
            ("tall p waves", "tall t waves"),
            ("low qrs voltage", "high qrs voltage"),
            ("hyperkalemia", "hypokalemia"),
            ("sinus tachycardia", "sinus bradycardia"),
            ("atrial premature complex", "ventricular premature complex"),
            ("prolonged qt interval", "short qt interval"),
            ("atrial fibrillation", "possible atrial fibrillation"),
            ("LAFB", "LPFB"),
            ("LVH", "RVH"),
        ],
    )
    def test_words_that_tell_findings_apart_are_not_exchanged(self, name, other):
        assert find_distinctions(name) != find_distinctions(other)

    @pytest.mark.parametrize(
        ("name", "other"),
        [
            ("LBBB", "left bundle-branch block"),
            ("previous anterior wall infarct", "old anterior myocardial infarction"),
            ("1st degree heart block", "first degree block"),
            ("atrial fibrilation", "atrial fibrillation"),
            ("diffuse st elevation in V1-V6", "extensive st elevation"),
        ],
    )
    def test_other_words_may_be(self, name, other):
        assert find_distinctions(name) == find_distinctions(other)

    def test_the_nearest_finding_is_refused_where_a_word_tells_it_apart(self):
        neighbours = find_neighbours(
            ["left bundle branch delay"], encode=lambda names: np.ones((len(names), 1)), min_similarity=0.5
        )

        # Every wording is equally near; that of a finding with the same distinctive words is none of the blocks.
        assert "block" not in neighbours["left bundle branch delay"].finding

    @pytest.mark.parametrize("pooling", ["cls", "mean"])
    def test_names_are_embedded_as_vectors_of_length_one(self, text_encoder_dir, pooling):
        embeds = NameEncoder(str(text_encoder_dir), pooling=pooling)(["atrial flutter", "sinus rhythm"])

        np.testing.assert_allclose(np.linalg.norm(embeds, axis=1), 1, rtol=1e-5)

    def test_the_encoder_is_not_loaded_where_every_name_is_known(self):
        options = StandardisationArguments(text_model_name_or_path="no such encoder")

        assert names_of(standardise(read(["LBBB"]), options)) == ["left bundle branch block"]

    def test_a_name_is_nearest_to_itself_whatever_it_is_embedded_with(self, text_encoder_dir):
        names = ["atrial flutter", "sinus rhythm", "an electrocardiogram that shows a normal sinus rhythm"]
        encode = NameEncoder(str(text_encoder_dir), pooling="mean")

        alone = np.concatenate([encode([name]) for name in names])

        np.testing.assert_allclose(encode(names), alone, atol=1e-5)

    def test_an_encoder_that_is_not_there_is_reported_with_the_flag(self, tmp_path):
        options = StandardisationArguments(text_model_name_or_path=str(tmp_path))

        with pytest.raises(ValueError, match=r"text encoder .* cannot be loaded .*--text_model_name_or_path"):
            standardise(read(["odd thing"]), options)
