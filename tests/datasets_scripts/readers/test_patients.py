"""Age and sex, however they are written: the same text means the same in every table and every header."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasets_scripts.readers.cells import NONE, NOT_KNOWN
from datasets_scripts.readers.patients import OTHER_SEXES, parse_age, parse_sex


@pytest.mark.parametrize(
    ("text", "age"),
    [
        *(("0", 0.0), ("1.5", 1.5), ("89", 89.0), ("58.0", 58.0), (" 58 ", 58.0), ("58,5", 58.5), ("+7", 7.0)),
        *((43, 43.0), (300.0, 90.0), ("300", 90.0), ("300.0", 90.0)),
        *(("065Y", 65.0), ("065M", 65 / 12), ("003W", 21 / 365.25), ("003D", 3 / 365.25)),
        *(("58 years", 58.0), ("58 yrs.", 58.0), ("58y.o.", 58.0), ("58 years old", 58.0), ("6 months", 0.5)),
        *(("58 Jahre", 58.0), ("58 J.", 58.0), ("6 Monate", 0.5), ("58 år", 58.0), ("10 Tage", 10 / 365.25)),
    ],
)
def test_an_age_is_a_number_with_or_without_a_unit(text, age):
    assert parse_age(text) == pytest.approx(age)


@pytest.mark.parametrize("text", [">89", "> 89", ">=90", "≥ 90", "90+", "89+", "over 89", "über 89", "90 or older"])
def test_an_age_that_a_source_hides_is_90(text):
    assert parse_age(text) == 90.0


@pytest.mark.parametrize("text", ["-1", -1, "-9", "123", "999", "inf", "-inf", "1e9", float("nan"), None])
def test_a_number_that_is_no_age_is_not_known(text):
    assert parse_age(text) is None


@pytest.mark.parametrize("text", ["old", "85Z", "60-65", ">40", "18+", "58 mV", "65Y 3M", "M", "58;F", "True"])
def test_what_is_no_age_is_refused_with_its_value(text):
    with pytest.raises(ValueError, match=r"is no age in years, such as 58, 065Y or >89") as refusal:
        parse_age(text)

    assert repr(text) in str(refusal.value)


@given(years=st.integers(0, 122), form=st.sampled_from(["{}", "{}.0", "{:03d}Y", "{} years", " {}y ", "{},0"]))
def test_every_spelling_of_a_number_of_years_says_the_same(years, form):
    assert parse_age(form.format(years)) == years


@pytest.mark.parametrize(
    ("text", "sex"),
    [
        *(("Male", "male"), ("M", "male"), ("m.", "male"), ("man", "male"), ("männlich", "male")),
        *(("FEMALE", "female"), (" f ", "female"), ("Woman", "female"), ("weiblich", "female"), ("W", "female")),
        *(("kvinna", "female"), ("manlig", "male"), ("femenino", "female"), ("Homme", "male")),
    ],
)
def test_a_sex_is_a_word_or_its_first_letter(text, sex):
    assert parse_sex(text) == sex


@pytest.mark.parametrize("text", [*sorted(OTHER_SEXES), "O", "U", "Other"])
def test_another_sex_is_neither(text):
    assert parse_sex(text) is None


@pytest.mark.parametrize("spell", [str, str.upper, str.title, lambda word: f" {word.replace(' ', '_')} "])
@pytest.mark.parametrize("word", sorted(NOT_KNOWN | NONE))
def test_no_word_for_nothing_is_an_age_or_a_sex(word, spell):
    assert (parse_age(spell(word)), parse_sex(spell(word))) == (None, None)


def test_a_number_is_a_sex_only_where_the_corpus_says_which():
    codes = {"0": "male", "1": "female"}

    assert [parse_sex(value, codes=codes) for value in ("0", "1.0", 1, "M", "nan")] == [
        *("male", "female", "female", "male", None)
    ]
    with pytest.raises(ValueError, match=r"'1' is none of male, female, M, F or unknown"):
        parse_sex("1")
    with pytest.raises(ValueError, match=r"'2' is none of male, female, M, F, 0, 1 or unknown"):
        parse_sex("2", codes=codes)


def test_a_text_that_slipped_into_the_cell_is_not_quoted_whole():
    with pytest.raises(ValueError, match=r"'left axis deviation,? ?\.\.\.' is none of"):
        parse_sex("left axis deviation, old infarction of Mrs X")
