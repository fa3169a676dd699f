"""Simulated people beside recorded ones: who counts, what is expected, and what is written."""

import json
import math

import pytest

from datasets_scripts.simulator.realism.population import (
    Count,
    Labelled,
    common_conditions,
    compare_populations,
    count_company,
    describe_condition,
    name_stratum,
    read_recorded,
)
from datasets_scripts.terminology.tables import read_table


FIBRILLATION, BLOCK = "atrial fibrillation", "left bundle branch block"
ROWS = """ecg_id,age,sex,scp_codes,strat_fold
1,300,1,"{'AFIB': 0.0, 'CLBBB': 100.0}",1
2,50.0,0,"{'NORM': 100.0, 'SR': 0.0}",8
3,,0,"{'ASMI': 15.0}",10
"""


def make_people(number, age, sex, *names):
    """A number of recordings that show the same."""
    return [Labelled(age, sex, frozenset(names))] * number


@pytest.fixture
def table(tmp_path):
    (tmp_path / "ptbxl_database.csv").write_text(ROWS, encoding="utf-8")
    return tmp_path / "ptbxl_database.csv"


@pytest.fixture(scope="module")
def people():
    """Of 10 young women 4 fibrillate and 5 have a block, of 20 old men 10 and 10; 8 have both."""
    return [
        *make_people(1, 30, "female", FIBRILLATION, BLOCK),
        *make_people(3, 30, "female", FIBRILLATION),
        *make_people(4, 30, "female", BLOCK),
        *make_people(2, 30, "female", "u waves"),
        *make_people(7, 85, "male", FIBRILLATION, BLOCK),
        *make_people(3, 85, "male", FIBRILLATION),
        *make_people(3, 85, "male", BLOCK),
        *make_people(7, 85, "male", "u waves"),
    ]


def test_codes_count_whatever_their_likelihood_and_hidden_ages_are_90(table):
    first, second = read_recorded(table, folds=range(1, 9))

    assert (first.age, first.sex) == (90.0, "female")
    assert {FIBRILLATION, BLOCK, "conduction disturbance"} <= first.conditions
    assert (second.age, second.sex) == (50.0, "male")


def test_an_age_that_is_not_known_stays_unknown(table):
    (only,) = read_recorded(table, folds=[10])

    assert only.age is None
    assert "anterior myocardial infarction" in only.conditions


def test_folds_without_a_record_are_refused(table):
    with pytest.raises(ValueError, match=r"ptbxl_database\.csv has no record in the folds \[3\].*--folds"):
        read_recorded(table, folds=[3])


def test_company_is_expected_within_ages_and_sexes(people):
    counts = {(count.finding, count.given): count for count in count_company(people, [FIBRILLATION, BLOCK])}

    # 4 * 5 / 10 young women and 10 * 10 / 20 old men
    assert counts[FIBRILLATION, BLOCK][2:] == (15, 8, 7.0)
    assert counts[BLOCK, FIBRILLATION][2:] == (14, 8, 7.0)


def test_ages_and_sexes_are_expected_to_have_what_all_have(people):
    counts = {(count.finding, count.given): count for count in count_company(people, [FIBRILLATION, BLOCK])}

    assert counts[FIBRILLATION, "male from 80"][2:] == (20, 10, pytest.approx(20 * 14 / 30, abs=0.01))
    assert (FIBRILLATION, "female under 40") not in counts  # 10 * 14 / 30 is fewer than five


def test_normal_recordings_and_unknown_ages_are_not_counted(people):
    others = [*make_people(50, 85, "male", "normal ecg"), *make_people(50, None, "male", FIBRILLATION)]

    assert count_company([*people, *others], [FIBRILLATION, BLOCK]) == count_company(people, [FIBRILLATION, BLOCK])


def test_a_kind_beside_its_kind_is_no_company(people):
    assert all("block" not in count.given for count in count_company(people, [BLOCK, "bundle branch block"]))


def test_nobody_gives_no_counts():
    assert count_company(make_people(3, 50, "male", "normal ecg"), [FIBRILLATION]) == []


@pytest.mark.parametrize(("observed", "expected", "ratio"), [(0, 5.0, 0.5), (25, 5.0, 3.0), (7, 7.0, 1.0)])
def test_a_ratio_is_drawn_towards_one_by_five_records(observed, expected, ratio):
    assert Count("atrial flutter", "male from 80", 100, observed, expected).ratio == ratio


@pytest.mark.parametrize(
    ("age", "stratum"),
    [(39, "female under 40"), (40, "female 40 to 49"), (79, "female 70 to 79"), (80, "female from 80")],
)
def test_decades_begin_with_their_round_number(age, stratum):
    assert name_stratum(age, "female") == stratum


def test_few_recordings_have_a_share_but_no_age(people):
    assert describe_condition(people, "u waves")["share"] == 0.3
    assert describe_condition(people, "u waves")["age_median"] is None


def test_only_what_ptb_xl_has_a_label_for_is_compared():
    assert {FIBRILLATION, "av block", "myocardial infarction"} <= set(common_conditions())
    assert not {"tachycardia", "bundle branch block", "brugada pattern"} & set(common_conditions())


def test_a_population_does_not_differ_from_itself(people, tmp_path):
    compare_populations(9 * people, 9 * people, tmp_path)

    summary = json.loads((tmp_path / "population.json").read_text(encoding="utf-8"))
    assert (summary["num_recorded"], summary["num_by_age_and_sex"], summary["num_pairs"]) == (270, 4, 1)
    assert summary["by_age_and_sex_log2"] == summary["beside_log2"] == 0
    # nine times 8 observed and 7 expected, and 5 for both
    assert summary["beside_recorded_log2"] == pytest.approx(math.log2(77 / 68), abs=0.001)


def test_differences_are_said_and_written(people, tmp_path):
    younger = [each._replace(age=each.age - 10) for each in 9 * people]

    said = compare_populations(9 * people, younger, tmp_path)

    rows = read_table(tmp_path / "conditions.csv")
    (row,) = [row for row in rows if row["condition"] == FIBRILLATION]
    assert (row["recorded_age_median"], row["simulated_age_median"]) == ("85.0", "75.0")
    assert f"median age with {FIBRILLATION}: 85 years, simulated 75" in said
