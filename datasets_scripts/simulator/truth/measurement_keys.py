"""The names of all numbers that are measured on a simulated record."""

from functools import lru_cache

from modeling_supreme.leads import STANDARD_LEADS
from modeling_supreme.query_grammar import MEASUREMENTS

from .beat_measurements import key_of


# What is measured in some leads only
OWN_LEADS = {"p_terminal_force_mv_ms": ("V1",)}


@lru_cache(maxsize=1)
def measurement_keys() -> tuple[str, ...]:
    """Keys that `SimulatedRecord.measurements` may have, in the order of the table of measurements.

    Example:
        >>> len(measurement_keys()), measurement_keys()[0], measurement_keys()[-1]
        (270, 'rate_per_min', 'u_mv_V6')
    """
    keys: list[str] = []
    for name, measurement in MEASUREMENTS.items():
        leads = OWN_LEADS.get(name, STANDARD_LEADS)
        keys += [key_of(name, lead) for lead in leads] if measurement.is_per_lead else [name]
    return tuple(keys)
