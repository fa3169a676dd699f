"""The tables of findings and the grammar say the same: names stay names, and what parses means its row."""

import random

import pytest

from datasets_scripts.simulator import simulate_record
from datasets_scripts.terminology.exact_truth import is_true
from datasets_scripts.terminology.findings import TERMINOLOGY_PATH, load_terminology
from datasets_scripts.terminology.measured_findings import load_measured_findings
from datasets_scripts.terminology.tables import LIST_SEPARATOR, read_table
from modeling_supreme.query_grammar import Finding, QuerySyntaxError, normalize_name, parse_query


TERMINOLOGY = load_terminology()
NAMES = frozenset(normalize_name(text) for finding in TERMINOLOGY for text in (finding.name, *finding.synonyms))

# Wordings of the table that the grammar cannot say, and why.
UNREADABLE = {
    "a description": {
        "varying intervals between beats",
        "constant intervals between beats",
        "interval of more than 2 s between two beats",
        "long interval between p wave and qrs complex",
        "short interval between p wave and qrs complex",
        "pr that grows from beat to beat",
        "atrioventricular dissociation on the strip",
        "independent p waves and qrs complexes",
        "regular flutter waves of the baseline",
        "undulating baseline without p waves",
        "early broad beats without a p wave",
        "beats in pairs of a usual and an early one",
        "beats in groups of three with an early one",
        "stimulus artefact before each qrs",
        "stimulus artefact before each p wave",
        "r waves that fail to grow in the chest leads",
        "slurred initial qrs with a short pr interval",
        "wave after the t wave in v2 or v3",
        "broad terminal s wave in the lateral leads",
        "broad p wave in lead ii",
    },
    "a word is left out": {"qrs positive in i and negative in ii", "qrs negative in i and positive in avf"},
    "a number in words of its own": {"qrs of two and a half to three small squares"},
    "a limit that depends on the sex": {"r in avl and s in v3 above 28 mm in men and 20 mm in women"},
    "large or small without a limit that all agree on": {
        "large r in v5 and deep s in v1",
        "large r in avl and deep s in v3",
        "small qrs complexes in i ii and iii",
        "small qrs complexes in v1 to v6",
        "large qrs complexes in i ii or iii",
    },
    "also the name of one long interval": {"long rr intervals"},
}
# Wordings that the grammar reads as another question than their row of the table, and what differs.
DIFFERENT = {
    "the row counts a duration of 119.5 ms, which carts print as 120, as wide": {
        "qrs duration above 120 ms",
        "wide qrs complex",
        "qrs of more than three small squares",
        "qrs duration from 100 to 120 ms",
        "slightly wide qrs complex",
    },
    "what is not wide is narrow, as in Page et al. 2016; the row has 100 ms, its own choice": {"narrow qrs complex"},
    "110 ms, as in Surawicz et al. 2009; the row has 100 ms, its own choice": {"normal qrs duration"},
    "the row counts 240 and 340 too": {"flutter waves at 240 to 340 per minute"},
    "any flutter waves": {"saw-tooth atrial waves"},
    "two of the three inferior leads; the row looks at II and aVF": {"negative p waves in the inferior leads"},
    "leads in a list are all meant; the row asks for two of them": {
        "raised st segment in ii iii and avf",
        "raised st segment in i avl v5 and v6",
        "raised st segment in v1 to v4",
        "lowered st segment in ii iii and avf",
        "lowered st segment in i avl v5 and v6",
        "lowered st segment in v1 to v4",
        "negative t wave in ii iii and avf",
        "negative t wave in i avl v5 and v6",
        "negative t wave in v2 to v4",
        "low t wave in ii iii and avf",
        "low t wave in i avl v5 and v6",
        "low t wave in v2 to v4",
        "pathological q in ii iii and avf",
        "pathological q in i avl v5 and v6",
        "pathological q or qs in v1 to v4",
    },
    "a T below 0.1 mV may be negative; the row asks for a flat one": {
        "t below 0.1 mV in inferior leads",
        "t below 0.1 mV in lateral leads",
        "t below 0.1 mV in anterior leads",
    },
    "two of a group of leads; the row looks at one or two of them": {
        "broad r wave without q or s in the lateral leads",
        "deep s waves in the first chest leads",
    },
    "contiguous leads, since none are named": {"very tall t waves", "j point above the baseline"},
    "R in V1 to V3; the row looks at V3": {"small r waves in v1 to v3"},
    "R and S of each lead; the row has the axis": {"qrs positive in i and ii", "qrs negative in i and avf"},
    "S alone; the row counts Q too": {
        "r larger than s in v1",
        "s in v1 and r in v5 or v6 above 35 mm",
        "qrs below 0.5 mV in all limb leads",
        "qrs below 1 mV in all chest leads",
        "qrs above 2 mV in a limb lead",
    },
}


@pytest.fixture(scope="module")
def records():
    return [simulate_record(index).measurements for index in range(60)]


def answers(finding, text, records):
    """Answers of the table and of the grammar on strips, half of which lie close to the limits of the finding."""
    rng = random.Random(text)
    is_whole = finding.unit in ("1", "beats") and finding.keys[0].startswith(("num", "is", "early", "longest"))
    strips = list(records)
    for _ in range(120):
        limit = rng.choice([limit for limit in (finding.above, finding.below) if abs(limit) < 1e9])
        steps = [-1, 0, 1, 2] if is_whole else [-0.003, -0.001, 0.001, 0.003]
        values = {key: limit + rng.choice(steps) * (1 if is_whole else max(1, abs(limit))) for key in finding.keys}
        strips.append(rng.choice(records) | {key: max(0, int(v)) if is_whole else v for key, v in values.items()})
    expression = parse_query(text)
    return [(finding.is_met(strip), is_true(expression, strip)) for strip in strips]


WORDINGS = [
    (finding, text) for finding in load_measured_findings().values() for text in (finding.name, *finding.wordings)
]


@pytest.mark.parametrize(("finding", "text"), WORDINGS, ids=[text for _, text in WORDINGS])
def test_a_wording_of_the_table_means_its_row(finding, text, records):
    if any(text in texts for texts in UNREADABLE.values()):
        with pytest.raises(QuerySyntaxError, match=r"is no query: at character \d+, .*\. \w"):
            parse_query(text)
        return
    found = answers(finding, text, records)

    assert {is_met for is_met, _ in found} == {True, False}
    assert any(is_met != is_said for is_met, is_said in found) == any(text in texts for texts in DIFFERENT.values())


def test_a_name_of_the_terminology_stays_a_name():
    assert len(NAMES) > 2000
    assert [name for name in NAMES if parse_query(name, NAMES) != Finding(name)] == []


# What the grammar reads in names and synonyms of `terminology.csv` where nobody says that they are names.
MEANINGS = {
    "st elevation": {"st_elevation_ratio > 1 in at least 2 contiguous of 12 leads"},
    "st depression": {"st_mv < -0.05 in at least 2 contiguous of 12 leads"},
    "inferior st depression": {"st_mv < -0.05 in at least 2 of II, III, aVF"},
    "t wave inversion": {"t_mv < -0.1 in at least 2 contiguous of 12 leads"},
    "low amplitude t waves": {"t_size_mv < 0.1 in at least 2 contiguous of 12 leads"},
    "tall t waves": {"t_mv > 1 in at least 2 contiguous of 12 leads"},
    "biphasic t waves": {"(t_high_mv > 0.1 and t_low_mv < -0.1) in at least 2 contiguous of 12 leads"},
    "u waves": {"u_mv > 0.1 in at least 1 of V2, V3, V4"},
    "j point shift": {"j_mv > 0.1 in at least 2 contiguous of 12 leads"},  # "j point elevation"
    "q waves": {"q_excess > 1 in at least 2 contiguous of 12 leads"},
    "rsr' pattern": {"r_prime_mv > 0.05 in at least 1 of V1, V2"},
    "prolonged qrs duration": {"qrs_ms > 120"},
    "prolonged qt interval": {"qtc_ms > 480"},
    "short qt interval": {"qtc_ms < 350"},
    "low qrs voltage": {"limb_voltage_mv < 0.5 or chest_voltage_mv < 1"},
    "limb low qrs voltage": {"limb_voltage_mv < 0.5"},
    "precordial low qrs voltage": {"chest_voltage_mv < 1"},
    "limb high qrs voltage": {"limb_voltage_mv > 2"},
    "tall p waves": {"p_mv_II > 0.25"},
    "broad p waves": {"p_ms > 120"},
    "retrograde p waves": {"p_net_mv_II < -0.02 and p_net_mv_aVF < -0.02"},
    "prolonged pr interval": {"pr_ms > 200"},
    "short pr interval": {"pr_ms < 120"},
    "av dissociation": {"is_dissociated present"},
    "left axis deviation": {"axis_deg between -90 and -30"},
    "right axis deviation": {"axis_deg between 90 and 180"},
    "extreme axis deviation": {"axis_deg between -180 and -90"},
    "tachycardia": {"rate_per_min > 100"},  # "fast heart rate"
    "bradycardia": {"rate_per_min < 60"},  # "slow heart rate"
    "irregular rhythm": {"rr_variation > 0.1"},
    "regular rhythm": {"rr_variation < 0.05"},
    "premature complexes": {"num_early_wide present or num_early_narrow present"},
    "premature atrial contraction": {"num_early_narrow present"},
    "premature ventricular contraction": {"num_early_wide present"},
    "delta wave": {"delta_wave_ms > 20"},
}


def read(text):
    """The canonical form of a text, or none."""
    try:
        return {str(parse_query(text))}
    except QuerySyntaxError:
        return set()


TABLE = {
    row["name"]: {row["name"], *filter(None, row["synonyms"].split(LIST_SEPARATOR))}
    for row in read_table(TERMINOLOGY_PATH)
}


@pytest.mark.parametrize(("name", "texts"), TABLE.items(), ids=TABLE)
def test_where_nobody_says_that_it_is_a_name_it_is_read_as_what_it_says(name, texts):
    assert set().union(*map(read, texts)) == MEANINGS.get(name, set())
