"""Age and sex as the corpora write them: one rule for all of them."""

import pytest

from datasets_scripts.readers.patients import age_in_years, parse_age, parse_sex


@pytest.mark.parametrize(
    ("text", "age"),
    [
        *(("0", 0.0), ("1.5", 1.5), ("89", 89.0), ("300", 90.0), ("NaN", None), ("", None), ("Unknown", None)),
        *(("-1", None), ("123", None), ("inf", None), ("85Y", None)),
    ],
)
def test_an_age_is_a_number_of_years_or_unknown(text, age):
    assert parse_age(text) == age


@pytest.mark.parametrize(
    ("text", "sex"),
    [
        *(("Male", "male"), ("M", "male"), ("m", "male"), ("FEMALE", "female"), (" f ", "female")),
        *(("Unknown", None), ("NaN", None), ("", None), ("U", None), ("1", None)),
    ],
)
def test_a_sex_is_male_female_or_unknown(text, sex):
    assert parse_sex(text) == sex


@pytest.mark.parametrize(
    ("value", "age"), [(85, 85.0), (300, 90.0), (300.0, 90.0), (float("nan"), None), ("43", 43.0), (-1, None)]
)
def test_an_age_of_a_table_follows_the_same_rule(value, age):
    assert age_in_years(value) == age


def test_a_word_in_place_of_an_age_is_refused():
    with pytest.raises(ValueError, match="'old'"):
        age_in_years("old")
