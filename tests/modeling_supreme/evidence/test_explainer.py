"""Maps of importance find what an answer is known to stand on, and only maps that pass their test are shown."""

import pytest
import torch
from helpers.explained_models import KnownModel, make_beats_strip, make_inputs
from helpers.tiny_models import make_tokenizer

from modeling_supreme.composition import Composition
from modeling_supreme.evidence import Explainer


LABEL = "fibrillation"


def explain(model, *, strip=None, show_all=False, inputs=None):
    composition = Composition.of(model.config, [LABEL])
    explainer = Explainer(model, make_tokenizer(), composition)
    (found,) = explainer.explain(
        inputs or make_inputs(make_beats_strip() + 0.1 if strip is None else strip), show_all=show_all
    )
    return found[LABEL]


class TestLeads:
    def test_an_answer_that_stands_on_one_lead_falls_without_it_and_without_no_other(self):
        found = explain(KnownModel(["V1"]))["occlusion"]["leads"]

        assert found["faithful"]
        assert found["drops"].pop("V1") > 0.5
        assert set(found["drops"].values()) == {0.0}

    def test_of_fewer_than_four_leads_there_is_no_map(self):
        inputs = make_inputs(make_beats_strip())
        inputs["lead_mask"][:, 3:] = False

        evidence = explain(KnownModel(["I"]), inputs=inputs)

        assert evidence["occlusion"]["leads"] is None
        assert evidence["faithful"]["leads"] is None


class TestTime:
    model = KnownModel(["II"], seconds=(4.0, 5.0), looks_at=(4.0, 5.0))

    def test_an_answer_that_stands_on_one_beat_falls_without_its_window(self):
        found = explain(self.model)["occlusion"]["time"]

        largest = max(range(20), key=lambda place: found["drops"][place])
        first, last = found["windows_s"][largest]
        assert first < 4.5 < last
        assert found["faithful"]
        assert found["deletion"]["drop"] > found["deletion"]["random_drop"]

    def test_attention_to_that_time_is_faithful(self):
        found = explain(self.model)["attention"]

        assert found["faithful"]
        assert sum(found["shares"]) == pytest.approx(1.0)
        assert max(found["shares"]) > 0.4

    def test_attention_elsewhere_is_not_shown_and_said_to_be_unfaithful(self):
        model = KnownModel(["II"], seconds=(4.0, 5.0), looks_at=(8.0, 9.0))

        evidence = explain(model)

        assert evidence["attention"] is None
        assert evidence["faithful"] == {"leads": True, "time": True, "attention": False}


class TestNothing:
    def test_an_answer_that_stands_on_nothing_has_no_map(self):
        evidence = explain(KnownModel([]))

        assert evidence["occlusion"] == {"leads": None, "time": None}
        assert set(evidence["faithful"].values()) == {False}

    def test_on_request_it_has_and_the_map_says_so(self):
        evidence = explain(KnownModel([]), show_all=True)

        assert evidence["occlusion"]["time"]["faithful"] is False
        assert set(evidence["occlusion"]["leads"]["drops"].values()) == {0.0}


class TestStatements:
    def test_a_name_without_definition_has_none(self):
        assert explain(KnownModel(["V1"]))["statements"] == []

    def test_a_trained_name_is_explained_by_its_definition(self):
        entry = {
            "condition": LABEL,
            "names": [],
            "expression": '"waves" and not "regular"',
            "source": "By hand",
            "is_reviewed": True,
        }
        model = KnownModel(["V1"], trained_queries=(LABEL, "waves", "Regular"), definitions=[entry])

        statements = explain(model)["statements"]

        assert [each["asked"] for each in statements] == ['"waves"', 'not "regular"']
        assert sum(each["probability"] for each in statements) == pytest.approx(1.0)  # both have the same logit

    def test_where_its_own_query_answers_its_definition_has_a_probability_of_its_own(self):
        entry = {"names": [], "expression": '"waves" and not "regular"', "source": "By hand", "is_reviewed": True}
        findings = {"trained_queries": ("waves", "regular"), "definitions": [entry | {"condition": LABEL}]}
        named = findings | {"trained_queries": (LABEL, *findings["trained_queries"])}

        evidence = explain(KnownModel(["V1"], **named))

        of_waves, of_no_regular = (each["probability"] for each in evidence["statements"])
        assert evidence["by_definition"] == pytest.approx(of_waves * of_no_regular)
        assert explain(KnownModel(["V1"], **findings))["by_definition"] is None  # the definition itself answers
        unreviewed = [entry | {"condition": LABEL, "is_reviewed": False}]  # answers together with the query
        assert explain(KnownModel(["V1"], **findings | {"definitions": unreviewed}))["by_definition"] is None
        assert explain(KnownModel(["V1"]))["by_definition"] is None  # there is none

    def test_the_marks_of_the_beats_come_along(self):
        assert explain(KnownModel(["V1"]))["marks"]["beat_s"] == pytest.approx(
            [0.5 + beat for beat in range(10)], abs=0.02
        )


def test_a_batch_is_explained_record_by_record():
    model = KnownModel(["V1"])
    explainer = Explainer(model, make_tokenizer(), Composition.of(model.config, [LABEL]))
    strips = [make_inputs(make_beats_strip() * size) for size in (1.0, 2.0)]
    batch = {name: torch.cat([each[name] for each in strips]) for name in strips[0]}

    assert explainer.explain(batch) == [explainer.explain(each)[0] for each in strips]
