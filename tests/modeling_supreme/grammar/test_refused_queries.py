"""What is no query is refused at once, with the place where it stops to be one and what to do."""

import time

import pytest

from modeling_supreme.query_grammar import MAX_CHARACTERS, QuerySyntaxError, parse_query


REFUSED = [
    # text, position, problem, remedy
    ("", 0, "a statement is missing at the end", "Write such as 'QRS > 120 ms'"),
    ("hello", 0, "'hello' is no measurement", "name of a known finding"),
    ("sinus rhythm", 0, "'sinus' is no measurement", "name of a known finding"),
    ("wide QSR", 0, "'wide' is no measurement", "QRS"),
    ("QRS", 3, "the limit is missing before the end", "> 120 ms"),
    ("QRS >", 5, "a statement is missing at the end", "QRS > 120 ms"),
    ("QRS > 120 kg", 10, "'kg' is no unit", "ms, s, mV, mm"),
    ("QRS > 120 /min", 10, "'/' is no unit of qrs_ms", "Write the number in ms"),
    ("HR > 100 ms", 9, "'ms' is no unit of rate_per_min", "Write the number in 1/min"),
    ("axis > 1 mV", 9, "'mV' is no unit of axis_deg", "Write the number in deg"),
    ("ST elevation > 20 ms in V2", 18, "'ms' is no unit of st_mv", "Write the number in mV"),
    ("at least 3 mm early wide beats", 11, "'mm' is no unit of num_early_wide", "Write the number in beats"),
    ("PR 210 ms", 7, "no measured number has one exact value", "> 120 ms"),
    ("QRS = 120 ms", 10, "no measured number has one exact value", "60 to 100"),
    ("QRS between 120 and 100 ms", 0, "above 120 and below 100", "smaller limit first"),
    ("QRS between 120", 15, "the second limit is missing before the end", "between 60 and 100"),
    ("QRS > 100 ms and > 120 ms", 23, "two limits on one side", "one above and one below"),
    ("QRS between 0.1 s and 120 ms", 26, "two units", "Write both in one"),
    ("R > 1,5 mV in V1", 4, "'1' is no number here", "decimal point"),
    ("HR > 1e999", 5, "'1e999' is no number here", "less digits"),
    ("QRS left of 90", 14, "only the axis lies left", "'above' or 'below'"),
    ("R > 1 mV", 0, "the leads are missing", "in V1"),
    ("QRS > 120 ms in V1", 0, "one such number of all leads", "Leave the leads out"),
    ("wide QRS and", 12, "a statement is missing at the end", "QRS > 120 ms"),
    ("and wide QRS", 0, "'and' is no measurement", "name of a known finding"),
    ("wide QRS wide QRS", 9, "'wide' does not belong here", "'and' or 'or'"),
    ("(wide QRS", 9, "')' is missing before the end", "Put it here"),
    ("wide QRS)", 8, "')' does not belong here", "'and' or 'or'"),
    ("()", 1, "')' is no measurement", "QRS > 120 ms"),
    ("not", 3, "a statement is missing at the end", "QRS > 120 ms"),
    ("neither wide QRS", 16, "'neither' has no 'nor'", "neither … nor …"),
    ("no P waves or wide QRS", 11, "'no … or …' can be read in two ways", "neither … nor …"),
    ("left axis without P waves or wide QRS", 26, "can be read in two ways", "brackets"),
    ("no P waves, wide QRS or left axis", 10, "can be read in two ways", "brackets"),
    ("wide QRS, left axis and HR > 90 or HR < 40", 8, "a comma beside 'and' and 'or'", "brackets"),
    ("T inversion in V1 and V2 or V3", 12, "leads beside 'and' and 'or'", "two statements"),
    ("ST elevation in 4 inferior leads", 0, "no 4 such leads among II, III, aVF", "fewer leads"),
    ("ST elevation in two contiguous leads of I and II", 37, "does not belong", "and"),
    ("ST elevation in contiguous leads I and II", 0, "no 2 such leads among I, II", "fewer leads"),
    ("at least 3 of (wide QRS, left axis)", 0, "there are 2 statements, not 3", "fewer"),
    ("at least 2.5 of (wide QRS, left axis, no P waves)", 0, "there are 3 statements, not 2.5", "fewer"),
    ("at most 2 of (wide QRS, left axis)", 13, "'(' is no measurement", ""),
    ("retrograde P waves > 2 mm", 25, "takes no limit of its own", "Leave the number out"),
    ("R in V1 + QRS > 35 mm", 19, "several units", "amplitudes to amplitudes"),
    ("R in V1 = S in V1", 8, "not compared by '='", "larger than"),
    ("S in V1 + R in V5", 17, "the limit is missing", "> 120 ms"),
    ("ireggular rhythm", 0, "'ireggular' is no measurement", "Did you mean 'irregular'?"),
    ("wide QRS nad no P waves", 9, "'nad' does not belong here", ""),
    ("no wide QRS whithout P waves", 12, "'whithout'", ""),
    ('""', 0, "is no measurement", ""),
    ('" - "', 0, "is no measurement", ""),
    ("qrs_width_ms > 120", 10, "the limit is missing before 'ms'", ""),
    ("drop table records;", 0, "'drop' is no measurement", ""),
    ("5", 1, "a statement is missing", ""),
    (".", 0, "'.' is no measurement", ""),
    ("\u0663 < HR", 0, "is no measurement", ""),
]


@pytest.mark.parametrize(("text", "position", "problem", "remedy"), REFUSED, ids=[text for text, *_ in REFUSED])
def test_nonsense_is_refused_with_its_position(text, position, problem, remedy):
    with pytest.raises(QuerySyntaxError, match=r"is no query: at character \d+, .+\. \w") as caught:
        parse_query(text)

    assert caught.value.position == position
    assert caught.value.text == text
    assert problem in str(caught.value)
    assert remedy in str(caught.value)


PATHOLOGICAL = {
    "brackets": "(" * 10_000 + "wide qrs" + ")" * 10_000,
    "open brackets": "(" * 3000,
    "negations": "not " * 900 + "wide qrs",
    "commas": "," * 4000,
    "a long word": "a" * 4000,
    "a long number": "9" * 4000,
    "a megabyte": "wide qrs and " * 80_000,
    "quotes": '"' * 3999,
    "conjunctions": "hr > 1 and " * 360,
    "sums": "r + " * 1000,
    "sums of leads": "r in v1, v2, v3, v4, v5 or v6 + " * 100 + "s > 1",
    "sums joined by and": "s in v1 and " * 330,
    "nested counts": "at least 2 of (" * 200,
    "nested negations": "neither " * 500,
    "numbers": "1 " * 2000,
    "prepositions": "in " * 1300,
    "leads": "ii, " * 1000,
    "quantifiers": "in at least two of " * 200,
    "signs": "-" * 4000,
    "controls": "\0" * 4000,
}


@pytest.mark.parametrize("text", PATHOLOGICAL.values(), ids=PATHOLOGICAL)
@pytest.mark.parametrize("names", [(), frozenset({"hr", "s in", "wide qrs", "no", "a" * 50})], ids=["bare", "names"])
def test_a_text_made_to_take_long_is_refused_within_two_seconds(text, names):
    start = time.process_time()
    with pytest.raises(QuerySyntaxError, match="is no query"):
        parse_query(text + "(", names)

    assert time.process_time() - start < 2


def test_the_message_shows_the_surroundings_of_a_long_text():
    text = "wide QRS and " * 100 + "nonsense" + " and wide QRS" * 50
    with pytest.raises(QuerySyntaxError, match=r"^'….{35,45}nonsense.*…' is no query: at character 1300") as caught:
        parse_query(text)

    assert len(str(caught.value)) < 300


def test_brackets_may_lie_within_each_other_as_deep_as_people_write():
    assert parse_query("(" * 39 + "wide QRS" + ")" * 39) == parse_query("wide QRS")
    with pytest.raises(QuerySyntaxError, match=r"at character 40, brackets.*more than 40 deep.*several questions"):
        parse_query("(" * 41 + "wide QRS" + ")" * 41)


def test_a_text_may_be_so_long_and_not_longer():
    text = "wide QRS and " * 300 + "wide QRS"

    assert parse_query(text.ljust(MAX_CHARACTERS))
    with pytest.raises(
        QuerySyntaxError, match=r"at character 4000, it goes on beyond 4000 characters.*several questions"
    ):
        parse_query(text.ljust(MAX_CHARACTERS + 1))
