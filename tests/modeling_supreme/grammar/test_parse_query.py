"""`parse_query`: limits with units, leads, logic and names, each by its rule."""

import pytest

from modeling_supreme.leads import LEAD_GROUPS
from modeling_supreme.query_grammar import (
    AllOf,
    AnyOf,
    Comparison,
    Finding,
    InLeads,
    Not,
    Present,
    QuerySyntaxError,
    Term,
    parse_query,
)
from modeling_supreme.query_words import MEASUREMENTS


def above(limit, *keys):
    return Comparison(tuple(map(Term, keys)), above=limit)


class TestLimits:
    @pytest.mark.parametrize(
        ("text", "limit"),
        [
            ("PR > 210", 210),
            ("PR > 210 ms", 210),
            ("PR > 0.21 s", 210),
            ("PR > 0.21 sec", 210),
            ("PR > 1 large square", 200),
            ("PR > 5 small squares", 200),
            ("longest_rr_s > 2", 2),
            ("pause > 2 s", 2),
            ("pause > 2100 ms", 2.1),
            ("HR > 1.5 Hz", 90),
            ("HR > 90 beats per minute", 90),
            ("Sokolow-Lyon > 35 mm", 3.5),
            ("Sokolow-Lyon > 3500 uV", 3.5),
            ("Sokolow-Lyon > 7 large squares", 3.5),
            ("p terminal force in V1 > 0.04 mm s", 4),
            ("p terminal force in V1 > 4 mV ms", 4),
            ("axis > 90 degrees", 90),
            ("rr variation > 10 %", 0.1),
        ],
    )
    def test_a_limit_is_brought_to_the_unit_of_the_measurement(self, text, limit):
        assert parse_query(text).above == limit

    @pytest.mark.parametrize(
        "words",
        [
            "above",
            "over",
            "more than",
            "greater than",
            "longer than",
            "exceeding",
            "at least",
            "of more than",
            ">",
            ">=",
        ],
    )
    def test_words_for_more(self, words):
        assert parse_query(f"QRS {words} 120 ms") == above(120, "qrs_ms")

    @pytest.mark.parametrize("words", ["below", "under", "less than", "shorter than", "at most", "up to", "<", "<="])
    def test_words_for_less(self, words):
        assert parse_query(f"QRS {words} 120 ms") == Comparison((Term("qrs_ms"),), below=120)

    @pytest.mark.parametrize(
        "text",
        ["between 60 and 100", "from 60 to 100", "60 to 100/min", "60-100 bpm", ">= 60 and <= 100", "of 60-100"],
    )
    def test_two_limits(self, text):
        assert parse_query(f"heart rate {text}") == Comparison((Term("rate_per_min"),), 60, 100)

    @pytest.mark.parametrize(
        ("text", "low", "high"),
        [
            ("at least 3 early wide beats", 2.5, float("inf")),
            ("more than 3 early wide beats", 3.5, float("inf")),
            ("3 early wide beats", 2.5, float("inf")),
            ("exactly 3 early wide beats", 2.5, 3.5),
            ("fewer than 3 early wide beats", -float("inf"), 2.5),
            ("at most 3 early wide beats", -float("inf"), 3.5),
            ("early wide beats between 2 and 4", 1.5, 4.5),
            ("early wide beats > 2.5", 2.5, float("inf")),
            ("at least 1.2 early wide beats", 1.5, float("inf")),
            ("early wide beats < 3.7", -float("inf"), 3.5),
        ],
    )
    def test_limits_of_whole_numbers_lie_half_way_between_two(self, text, low, high):
        assert parse_query(text) == Comparison((Term("num_early_wide"),), low, high)

    def test_limits_of_a_key_stay_as_they_are_written(self):
        assert parse_query("num_early_wide > 3").above == 3
        assert parse_query("num_early_wide >= 3").above == 2.5

    @pytest.mark.parametrize("text", ["at least one early wide beat", "early wide beats > 0", "early wide beats"])
    def test_one_or_more_is_there(self, text):
        assert parse_query(text) == Present("num_early_wide")

    @pytest.mark.parametrize("text", ["no early wide beats", "fewer than 1 early wide beat", "early wide beats = 0"])
    def test_none_is_not_there(self, text):
        assert parse_query(text) == Not(Present("num_early_wide"))

    def test_a_share_is_of_the_beats_that_the_rate_makes_in_ten_seconds(self):
        # At 90 per minute a strip has 15 beats: 20 % are 3.
        query = parse_query("more than 20 % of beats early and wide")

        assert query.above == 0
        assert [(term.key, term.weight * 90) for term in query.terms] == [
            ("num_early_wide", 90),
            ("rate_per_min", pytest.approx(-3)),
        ]

    @pytest.mark.parametrize(
        ("text", "low", "high"),
        [
            ("wide QRS", 120, float("inf")),
            ("wide QRS > 150 ms", 150, float("inf")),
            ("wide QRS < 150 ms", 120, 150),
            ("narrow QRS > 90 ms", 90, 120),
            ("narrow QRS of 100 ms", -float("inf"), 100),
        ],
    )
    def test_a_limit_beside_a_wording_replaces_its_own_on_that_side(self, text, low, high):
        assert parse_query(text) == Comparison((Term("qrs_ms"),), low, high)

    @pytest.mark.parametrize(
        ("text", "low", "high"),
        [
            ("T inversion in V2", -float("inf"), -0.1),
            ("T inversion > 3 mm in V2", -float("inf"), -0.3),
            ("T inversion of 3 mm in V2", -float("inf"), -0.3),
            ("T inversion < 3 mm in V2", -0.3, 0),
            ("T deeper than 3 mm in V2", -float("inf"), -0.3),
            ("T < 3 mm in V2", -float("inf"), 0.3),
        ],
    )
    def test_a_depth_is_measured_downwards(self, text, low, high):
        assert parse_query(text) == Comparison((Term("t_mv_V2"),), low, high)

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("axis left of -30", "axis_deg between -90 and -30"),
            ("axis right of 90", "axis_deg between 90 and 180"),
            ("axis between -90 and -180", "axis_deg between -180 and -90"),
            ("axis between 150 and -150", "axis_deg > 150 or axis_deg < -150"),
        ],
    )
    def test_the_axis_goes_the_shorter_way_around(self, text, expected):
        assert str(parse_query(text)) == expected

    @pytest.mark.parametrize(
        ("text", "key"),
        [
            ("P > 120 ms", "p_ms"),
            ("Q > 40 ms in III", "q_ms_III"),
            ("S > 40 ms in I", "s_ms_I"),
            ("P > 90/min", "atrial_rate_per_min"),
        ],
    )
    def test_the_unit_says_which_number_of_a_wave_is_meant(self, text, key):
        assert parse_query(text).terms == (Term(key),)


class TestLeads:
    @pytest.mark.parametrize(
        ("words", "leads", "count"),
        [
            ("II, III and aVF", "II III aVF", 3),
            ("II, III, aVF", "II III aVF", 3),
            ("II III aVF", "II III aVF", 3),
            ("leads II, III and aVF", "II III aVF", 3),
            ("II, III or aVF", "II III aVF", 1),
            ("any of II, III and aVF", "II III aVF", 1),
            ("at least two of II, III and aVF", "II III aVF", 2),
            ("2 of II, III and aVF", "II III aVF", 2),
            ("two or more of II, III and aVF", "II III aVF", 2),
            ("both I and aVL", "I aVL", 2),
            ("V1 to V3", "V1 V2 V3", 3),
            ("V1-V3", "V1 V2 V3", 3),
            ("V1 through V3 and aVL", "V1 V2 V3 aVL", 4),
            ("at least two of V1 to V4", "V1 V2 V3 V4", 2),
            ("inferior leads", "II III aVF", 2),
            ("the inferior leads", "II III aVF", 2),
            ("two inferior leads", "II III aVF", 2),
            ("all inferior leads", "II III aVF", 3),
            ("an inferior lead", "II III aVF", 1),
            ("the high lateral leads", "I aVL", 2),
            ("any chest lead", "V1 V2 V3 V4 V5 V6", 1),
            ("inferior or high lateral leads", "II III aVF I aVL", 2),
        ],
    )
    def test_leads_and_how_many_of_them(self, words, leads, count):
        expected = InLeads(above(0.1, "st_mv"), tuple(leads.split()), count)

        assert parse_query(f"ST > 1 mm in {words}") == expected

    def test_groups_joined_by_and_are_each_looked_at(self):
        inferior, lateral = (InLeads(above(0.1, "st_mv"), LEAD_GROUPS[name], 2) for name in ("inferior", "lateral"))

        assert parse_query("ST > 1 mm in inferior and lateral leads") == AllOf((inferior, lateral))

    def test_one_lead_becomes_part_of_the_key(self):
        assert parse_query("ST > 1 mm in lead aVL") == above(0.1, "st_mv_aVL")

    @pytest.mark.parametrize("text", ["V2 ST > 1 mm", "in V2: ST > 1 mm", "ST in V2 > 1 mm", "ST V2 > 1 mm"])
    def test_the_lead_stands_anywhere(self, text):
        assert parse_query(text) == above(0.1, "st_mv_V2")

    def test_contiguous_leads_lie_side_by_side(self):
        query = parse_query("ST > 1 mm in two contiguous chest leads")

        assert query == InLeads(above(0.1, "st_mv"), LEAD_GROUPS["chest|precordial"], 2, are_contiguous=True)

    @pytest.mark.parametrize(
        ("text", "part", "count"),
        [
            ("no Q waves in II, III and aVF", "q_excess > 1", 1),
            ("without Q waves in the inferior leads", "q_excess > 1", 1),
            ("not Q waves in II, III and aVF", "q_excess > 1", 3),
            ("no Q waves in two inferior leads", "q_excess > 1", 2),
        ],
    )
    def test_behind_no_leads_mean_any_of_them(self, text, part, count):
        assert str(parse_query(text)) == f"not ({part} in at least {count} of II, III, aVF)"

    def test_t_waves_are_looked_at_in_anterior_leads_without_v1(self):
        assert parse_query("T inversion in anterior leads").leads == ("V2", "V3", "V4")
        assert parse_query("ST elevation in anterior leads").leads == ("V1", "V2", "V3", "V4")

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("SV1 + RV5 > 35 mm", "s_mv_V1 + r_mv_V5 > 3.5"),
            ("S in V1 and R in V5 > 35 mm", "s_mv_V1 + r_mv_V5 > 3.5"),
            ("S in V1 and R in V5", "s_mv_V1 > 0.03 and r_mv_V5 > 0.03"),
            ("S in V1 + R in V5 or V6 > 35 mm", "s_mv_V1 + r_mv_V5 > 3.5 or s_mv_V1 + r_mv_V6 > 3.5"),
            ("S in V1 + R in V5 and V6 > 35 mm", "s_mv_V1 + r_mv_V5 > 3.5 and s_mv_V1 + r_mv_V6 > 3.5"),
            ("R larger than S in V1", "r_mv_V1 - s_mv_V1 > 0"),
            ("R in V1 smaller than S in V2", "r_mv_V1 - s_mv_V2 < 0"),
            ("R larger than S in V1 or V2", "r_mv - s_mv > 0 in at least 1 of V1, V2"),
            ("R in V1 > 2 * S in V1", "r_mv_V1 - 2 * s_mv_V1 > 0"),
        ],
    )
    def test_waves_are_added_and_compared(self, text, expected):
        assert str(parse_query(text)) == expected


class TestLogic:
    WIDE, NO_P, LEFT = map(parse_query, ("wide QRS", "no P waves", "left axis"))

    @pytest.mark.parametrize(
        "text",
        [
            "wide QRS and no P waves",
            "wide QRS without P waves",
            "wide QRS, no P waves",
            "wide QRS but no P waves",
            "wide QRS with no P waves",
            "wide QRS; no P waves",
            "(wide QRS) and (P waves absent)",
            "both wide QRS and absence of P waves",
        ],
    )
    def test_words_for_and(self, text):
        assert parse_query(text) == AllOf((self.WIDE, self.NO_P))

    def test_and_binds_closer_than_or(self):
        assert parse_query("left axis or wide QRS and no P waves") == AnyOf((self.LEFT, AllOf((self.WIDE, self.NO_P))))

    def test_a_comma_is_the_word_behind_it(self):
        assert parse_query("left axis, wide QRS and no P waves") == AllOf((self.LEFT, self.WIDE, self.NO_P))
        assert parse_query("either left axis, wide QRS or no P waves") == AnyOf((self.LEFT, self.WIDE, self.NO_P))

    def test_not_binds_closest(self):
        assert parse_query("not wide QRS and left axis") == AllOf((Not(self.WIDE), self.LEFT))
        assert parse_query("not (wide QRS and left axis)") == Not(AllOf((self.WIDE, self.LEFT)))

    def test_neither_nor(self):
        assert parse_query("neither wide QRS nor left axis") == AllOf((Not(self.WIDE), Not(self.LEFT)))

    def test_brackets_keep_what_they_hold_together(self):
        assert parse_query("(left axis and wide QRS) and no P waves") == AllOf(
            (AllOf((self.LEFT, self.WIDE)), self.NO_P)
        )


class TestNames:
    NAMES = ("sinus rhythm", "no p waves", "st elevation", "atrial fibrillation", "atrial fibrillation and flutter")

    @pytest.mark.parametrize("text", ["ST elevation", "st-elevation", " ST_Elevation ", "no P waves"])
    def test_a_text_that_is_a_name_is_that_finding(self, text):
        assert isinstance(parse_query(text, self.NAMES), Finding)
        assert not isinstance(parse_query(text), Finding)

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("Sinus rhythm and QRS > 120 ms", '"sinus rhythm" and qrs_ms > 120'),
            ("not sinus-rhythm, HR > 100", 'not "sinus rhythm" and rate_per_min > 100'),
            ("ST elevation and HR > 100", '"st elevation" and rate_per_min > 100'),
            ("ST elevation in V2 and HR > 100", "st_elevation_ratio_V2 > 1 and rate_per_min > 100"),
            ("ST elevation > 2 mm in V2", "st_mv_V2 > 0.2"),
            ("HR > 90, no P waves", 'rate_per_min > 90 and "no p waves"'),
            ("atrial fibrillation and flutter or HR > 100", '"atrial fibrillation and flutter" or rate_per_min > 100'),
            ("atrial fibrillation and HR > 100", '"atrial fibrillation" and rate_per_min > 100'),
            ('"Anything at all" and HR > 100', '"anything at all" and rate_per_min > 100'),
        ],
    )
    def test_inside_a_query_the_longest_reading_counts_and_a_name_wins_a_draw(self, text, expected):
        assert str(parse_query(text, self.NAMES)) == expected

    @pytest.mark.parametrize("text", ["sinus rhythms and HR > 100", "sinus rhythm's and HR > 100"])
    def test_a_name_ends_where_a_word_ends(self, text):
        with pytest.raises(QuerySyntaxError, match=r"at character 0, 'sinus' is no measurement.*known finding"):
            parse_query(text, self.NAMES)

    def test_a_name_is_not_looked_for_in_leads(self):
        with pytest.raises(QuerySyntaxError, match=r"at character 13, 'in' does not belong here.*'and' or 'or'"):
            parse_query("sinus rhythm in V1", self.NAMES)


def test_every_measurement_answers_to_its_phrases_and_its_key():
    queries = {
        name: [f"{phrase} > 7{' in V1' * measurement.is_per_lead}" for phrase in (name, *measurement.phrases)]
        for name, measurement in MEASUREMENTS.items()
    }

    keys = {name: {key for text in texts for key, _ in parse_query(text).terms} for name, texts in queries.items()}

    assert keys == {
        name: {f"{name}_V1" if measurement.is_per_lead else name} for name, measurement in MEASUREMENTS.items()
    }
