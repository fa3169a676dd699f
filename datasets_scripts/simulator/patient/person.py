"""Who is recorded: age, sex and diseases."""

import math
from dataclasses import dataclass

import numpy as np

from datasets_scripts.simulator.population import priors
from datasets_scripts.simulator.population.chance import draw_number


@dataclass(frozen=True)
class Person:
    """Who is recorded, as far as it decides what they have.

    Attributes:
        age (`float`): Years.
        sex (`str`): `"male"` or `"female"`.
        is_healthy (`bool`): Whether the heart is healthy in all recordings.
        diseases (`frozenset[str]`): Keys of `priors.DISEASE_PROBABILITY`.
    """

    age: float = 65.0
    sex: str = "male"
    is_healthy: bool = False
    diseases: frozenset[str] = frozenset()


def draw_person(rng: np.random.Generator, *, has_priors: bool = True) -> Person:
    """Draw who is recorded; without priors nobody has diseases, and age and sex decide nothing."""
    is_healthy = bool(rng.random() < priors.HEALTHY_PROBABILITY)
    if not has_priors:
        return Person(age=priors.PATIENT_AGE_YEARS.mean, sex="female", is_healthy=is_healthy)
    age = round(draw_number(rng, priors.HEALTHY_AGE_YEARS if is_healthy else priors.PATIENT_AGE_YEARS))
    sex = "female" if rng.random() < priors.FEMALE_PROBABILITY else "male"
    diseases = set()
    for name, probability in priors.DISEASE_PROBABILITY.items():
        log_odds = math.log(probability / (1 - probability))
        log_odds += priors.DISEASE_LOG_ODDS_PER_DECADE[name] * (age - priors.PATIENT_AGE_YEARS.mean) / 10
        log_odds += priors.MALE_DISEASE_LOG_ODDS[name] * (0.5 if sex == "male" else -0.5)
        if rng.random() < 1 / (1 + math.exp(-log_odds)) and not is_healthy:
            diseases.add(name)
    return Person(age=float(age), sex=sex, is_healthy=is_healthy, diseases=frozenset(diseases))
