"""Wordings: training asks for a finding in many words, of which none names what is held out."""

import pytest
import torch

from datasets_scripts.terminology.findings import load_terminology, normalize_name
from training_scripts.data.filter import is_hidden
from training_scripts.objectives.wordings import QueryWordings, query_wordings


class TestQueryWordings:
    def test_the_name_comes_first(self):
        assert query_wordings("atrial flutter")[0] == "atrial flutter"

    def test_synonyms_description_and_sentences_follow(self):
        finding = load_terminology()["atrial flutter"]

        wordings = query_wordings("atrial flutter")

        assert {*finding.synonyms, finding.description, "an ECG showing atrial flutter"} <= set(wordings)

    @pytest.mark.parametrize("finding", [finding.name for finding in load_terminology()][:60])
    def test_no_wording_is_given_twice(self, finding):
        wordings = query_wordings(finding)

        assert len(wordings) == len(set(wordings))

    def test_a_wording_that_names_a_held_out_finding_is_left_out(self):
        # "left bundle branch block pattern with a qrs complex under 120 ms" describes the incomplete block
        description = load_terminology()["incomplete left bundle branch block"].description

        wordings = query_wordings("incomplete left bundle branch block", held_out=["left bundle branch block"])

        assert description in query_wordings("incomplete left bundle branch block")
        assert description not in wordings

    def test_a_synonym_inside_another_word_hides_nothing(self):
        # the synonym "MI" of myocardial infarction is not in "minimal"
        assert query_wordings("low r waves", held_out=["myocardial infarction"]) == query_wordings("low r waves")

    @pytest.mark.parametrize("held_out", ["atrial fibrillation", "left ventricular hypertrophy", "sinus tachycardia"])
    def test_no_other_finding_is_described_in_the_words_of_a_held_out_one(self, held_out):
        hidden = load_terminology()[held_out]
        phrases = [f" {normalize_name(text)} " for text in (hidden.name, *hidden.synonyms)]
        # names are kept: a finding cannot be asked for without its own
        others = [other.name for other in load_terminology() if not is_hidden(other.name, [held_out])]

        leaks = [
            wording
            for name in others
            for wording in query_wordings(name, held_out=[held_out])
            if name not in wording and any(phrase in f" {normalize_name(wording)} " for phrase in phrases)
        ]

        assert leaks == []

    def test_a_finding_the_terminology_does_not_know_is_asked_for_by_its_name(self):
        assert query_wordings("vapours") == (
            "vapours",
            "an ECG showing vapours",
            "this ECG shows vapours",
            "electrocardiogram with vapours",
        )


@pytest.fixture
def wordings():
    """Three findings with 1, 3 and 2 wordings, embedded as 10; 20, 21, 22; 30, 31."""
    return torch.tensor([[10.0], [20.0], [21.0], [22.0], [30.0], [31.0]]), [1, 3, 2]


def draw(wordings, name_probability, num_draws=400):
    """The wordings drawn, `(num_draws, 3)`."""
    sampler = QueryWordings(*wordings, name_probability=name_probability)
    generator = torch.Generator().manual_seed(0)
    return torch.stack([sampler.sample(generator)[:, 0] for _ in range(num_draws)])


def test_names_are_the_first_wording_of_each_finding(wordings):
    assert QueryWordings(*wordings).names.tolist() == [[10.0], [20.0], [30.0]]


def test_a_name_probability_of_one_draws_names_only(wordings):
    assert draw(wordings, 1.0).unique(dim=0).tolist() == [[10.0, 20.0, 30.0]]


def test_a_name_probability_of_zero_draws_names_only_where_there_is_nothing_else(wordings):
    drawn = draw(wordings, 0.0)

    assert [column.unique().tolist() for column in drawn.T] == [[10.0], [21.0, 22.0], [31.0]]


def test_the_name_is_drawn_as_often_as_asked(wordings):
    drawn = draw(wordings, 0.7, num_draws=2000)

    # The standard error of a share of 0.7 in 2,000 draws is 0.01.
    assert (drawn[:, 1] == 20.0).float().mean().item() == pytest.approx(0.7, abs=0.04)


def test_other_wordings_are_drawn_equally_often(wordings):
    drawn = draw(wordings, 0.0, num_draws=2000)

    assert (drawn[:, 1] == 21.0).float().mean().item() == pytest.approx(0.5, abs=0.04)


def test_findings_draw_independently_of_each_other(wordings):
    drawn = draw(wordings, 0.5, num_draws=2000)

    both_names = ((drawn[:, 1] == 20.0) & (drawn[:, 2] == 30.0)).float().mean().item()
    assert both_names == pytest.approx(0.25, abs=0.04)
