"""What patients have: by the textbook, or by counts of recorded people."""

import numpy as np
import pytest

from datasets_scripts.simulator import SimulatorSettings, simulate_record
from datasets_scripts.simulator.patient import diagnosis
from datasets_scripts.simulator.patient.diagnosis import Diagnosis, draw_diseased, reconcile, weigh
from datasets_scripts.simulator.patient.person import Person, draw_person
from datasets_scripts.simulator.population.recorded import load_recorded


WEIGHTS = {"atrial fibrillation": 0.1, "brugada pattern": 0.2}
BESIDE = ("digitalis effect",)


def draw_sites(monkeypatch, share, *, by_counts=True):
    """Sites of the infarcts of 200 patients, a share of which have two walls where they are drawn by counts."""
    monkeypatch.setattr(diagnosis, "share_of_two_walls", lambda: share)
    rng = np.random.default_rng(0)
    drawn = [draw_diseased(rng, Person(is_drawn_by_counts=by_counts)) for _ in range(200)]
    return [each.territories for each in drawn if each.repolarization in diagnosis.INFARCTIONS]


def test_the_textbook_does_not_ask_what_else_there_is():
    assert weigh(WEIGHTS, Person(age=85), BESIDE) == weigh(WEIGHTS, Person(age=85))


def test_counts_replace_the_textbook_where_there_are_any():
    weighed = weigh(WEIGHTS, Person(age=85, is_drawn_by_counts=True), BESIDE)

    by_age, by_company = (load_recorded()["atrial fibrillation", given].ratio for given in ("male from 80", *BESIDE))
    assert weighed["atrial fibrillation"] == pytest.approx(0.1 * by_age * by_company)
    assert weighed["brugada pattern"] == weigh(WEIGHTS, Person(age=85))["brugada pattern"]


def test_the_healthy_are_not_drawn_by_counts():
    people = [draw_person(np.random.default_rng(seed), has_counts=True) for seed in range(50)]

    assert {(person.is_healthy, person.is_drawn_by_counts) for person in people} == {(True, False), (False, True)}


def test_a_second_wall_is_the_other_large_one(monkeypatch):
    sites = draw_sites(monkeypatch, 1.0)
    large = [site for site in sites if site[0].startswith(("anter", "infer"))]

    assert len(large) >= 30
    assert all({name[:5] for name in site} == {"anter", "infer"} for site in large)


@pytest.mark.parametrize(("share", "by_counts"), [(0.0, True), (1.0, False)], ids=["never", "by the textbook"])
def test_otherwise_an_infarct_has_one_site(monkeypatch, share, by_counts):
    assert {len(site) for site in draw_sites(monkeypatch, share, by_counts=by_counts)} == {1}


def test_a_strip_shows_both_walls(monkeypatch):
    monkeypatch.setattr(diagnosis, "share_of_two_walls", lambda: 1.0)
    settings = SimulatorSettings(has_recorded_company=True)
    records = (simulate_record(index, seed=1917, settings=settings) for index in range(200))

    shown = next(record for record in records if len(record.diagnosis.territories) == 2)
    assert {"anterior myocardial infarction", "inferior myocardial infarction"} <= shown.conditions


@pytest.mark.parametrize("conduction", ["left anterior fascicular block", "incomplete right bundle branch block"])
def test_a_scar_of_two_walls_hides_what_either_hides(conduction):
    both = Diagnosis(conduction=conduction, repolarization="old infarction", territories=("anteroseptal", "inferior"))
    kept = [reconcile(np.random.default_rng(seed), both) for seed in range(10)]

    assert all(each.conduction == "normal conduction" or not each.territories for each in kept)
