"""Statements say what of a definition carries an answer: in words true to the number, strongest first."""

import pytest
from helpers.explained_models import make_measured

from modeling_supreme.evidence.heartbeats import Heartbeats
from modeling_supreme.evidence.statements import StatementReader
from modeling_supreme.query_grammar import parse_query


BEATS = Heartbeats(0.0, 10.0, (0.5, 1.5, 2.1), (False, False, True), (True, True, False), {"qrs": 0.1, "pr": 0.16})


def read(question, *, findings=None, sd=1e-3, measurable=1.0, **values):
    measured = make_measured(sd=sd, measurable=measurable, **values) if values else None
    names = tuple(findings or {})
    return StatementReader(measured, findings or {}, BEATS).read(parse_query(question, names))


class TestNumbers:
    def test_a_comparison_says_what_was_read_off_and_where(self):
        (statement,) = read("qrs > 120 ms", qrs_ms=148.2, sd=6.1)

        assert statement["statement"] == "qrs duration 148 ms, above 120 ms"
        assert statement["asked"] == "qrs_ms > 120"
        assert statement["probability"] == pytest.approx(0.9998, abs=2e-4)  # logistic, scale 6.1 * sqrt(3) / pi
        assert (statement["measurement"], statement["unit"]) == ("qrs_ms", "ms")
        assert statement["value"] == pytest.approx(148.2)
        assert statement["sd"] == pytest.approx(6.1)
        assert statement["span_s"] == [0.45, 0.55]
        assert statement["spans_s"] == [[0.45, 0.55], [1.45, 1.55]]

    def test_words_are_true_to_a_number_that_does_not_fit(self):
        (statement,) = read("qrs > 120 ms", qrs_ms=98.0)

        assert statement["statement"] == "qrs duration 98 ms, not above 120 ms"
        assert statement["probability"] < 0.01

    @pytest.mark.parametrize(
        ("question", "values", "words"),
        [
            ("heart rate 60 to 100", {"rate_per_min": 72.4}, "heart rate 72/min, between 60 and 100/min"),
            ("axis < -30 degrees", {"axis_deg": -45.0}, "qrs axis -45 degrees, below -30 degrees"),
            ("st elevation >= 1 mm in V2", {"st_mv_V2": 0.183}, "st segment in V2 0.18 mV, above 0.1 mV"),
            ("R/S in V1 > 1", {"r_to_s_V1": 1.42}, "r/s ratio in V1 1.42, above 1"),
            ("at least 2 early wide beats", {"num_early_wide": 3.2}, "early wide beats 3.2, at least 2"),
            ("not qrs > 120 ms", {"qrs_ms": 90.0}, "qrs duration 90 ms, not above 120 ms"),
            (
                "S in V1 + R in V5 > 35 mm",
                {"s_mv_V1": 2.0, "r_mv_V5": 1.9},
                "s amplitude in V1 + r amplitude in V5 3.90 mV, above 3.5 mV",
            ),
            (
                "R in V1 larger than S in V1",
                {"r_mv_V1": 0.52, "s_mv_V1": 0.3},
                "r amplitude in V1 0.52 mV, larger than s amplitude in V1 0.30 mV",
            ),
        ],
    )
    def test_every_kind_of_limit_has_its_words(self, question, values, words):
        assert [each["statement"] for each in read(question, **values)] == [words]

    def test_errors_of_a_sum_add_up(self):
        (statement,) = read("S in V1 + R in V5 > 35 mm", s_mv_V1=2.0, r_mv_V5=1.9, sd=0.3)

        assert statement["value"] == pytest.approx(3.9)
        assert statement["sd"] == pytest.approx(0.3 * 2**0.5)

    def test_what_is_not_there_is_not_given_a_number(self):
        (statement,) = read("pr > 200 ms", pr_ms=180.0, measurable=0.1)

        assert statement["statement"] == "pr interval not measurable"
        assert statement["value"] is None

    def test_of_a_sum_over_leads_every_height_can_be_marked(self):
        (statement,) = read("sokolow-lyon sum > 35 mm", sokolow_lyon_mv=3.8, s_mv_V1=1.3, r_mv_V5=2.5)

        assert statement["amplitudes"] == [
            {"lead": "V1", "wave": "S", "mv": -1.3},
            {"lead": "V5", "wave": "R", "mv": 2.5},
        ]

    def test_heights_that_a_sheet_can_mark_are_signed(self):
        (statement,) = read("R/S in V1 > 1", r_to_s_V1=1.4, r_mv_V1=0.7, s_mv_V1=0.5)

        assert statement["amplitudes"] == [
            {"lead": "V1", "wave": "R", "mv": 0.7},
            {"lead": "V1", "wave": "S", "mv": -0.5},
        ]


class TestFindings:
    def test_a_finding_that_must_not_be_there_is_said_to_be_absent(self):
        statements = read('"paced" and not "wide"', findings={"paced": 0.9, "wide": 0.2})

        assert [(each["statement"], each["probability"]) for each in statements] == [
            ("paced", pytest.approx(0.9)),
            ("wide absent", pytest.approx(0.8)),
        ]

    def test_a_finding_whose_name_can_be_measured_has_its_number(self):
        findings = {"qrs duration above 120 ms": 0.9}

        (statement,) = read('"qrs duration above 120 ms"', findings=findings, qrs_ms=148.0)

        assert statement["statement"] == "qrs duration above 120 ms (148 ms measured)"
        assert (statement["measurement"], statement["value"]) == ("qrs_ms", pytest.approx(148))

    def test_a_number_without_a_unit_is_named(self):
        findings = {"irregular rr intervals": 0.9}

        (statement,) = read('"irregular rr intervals"', findings=findings, rr_variation=0.14)

        assert statement["statement"] == "irregular rr intervals (rr variation 0.14 measured)"

    @pytest.mark.parametrize(
        ("name", "chance", "values", "words"),
        [
            (
                "irregular rr intervals",
                0.65,
                {"rr_variation": 0.01},
                "irregular rr intervals (rr variation 0.01 measured, not above 0.1)",
            ),
            (
                "qrs duration above 120 ms",
                0.2,
                {"qrs_ms": 148.0},
                "qrs duration above 120 ms absent (148 ms measured, above 120 ms)",
            ),
        ],
    )
    def test_a_number_that_contradicts_the_name_says_what_it_fails(self, name, chance, values, words):
        (statement,) = read(f'"{name}"', findings={name: chance}, **values)

        assert statement["statement"] == words

    def test_waves_that_are_missing_are_absent(self):
        (statement,) = read("no P waves", num_p_waves=0.0, measurable=0.02)

        assert statement["statement"] == "p waves absent"
        assert statement["probability"] == pytest.approx(0.98)
        assert statement["span_s"] == pytest.approx([0.29, 0.4])


class TestSupport:
    def test_of_alternatives_the_likely_one_is_given(self):
        statements = read('"a" or "b" or "c"', findings={"a": 0.1, "b": 0.8, "c": 0.2})

        assert [each["statement"] for each in statements] == ["b"]

    def test_of_alternatives_of_which_none_is_likely_the_nearest_is_given(self):
        (statement,) = read('"a" or "b"', findings={"a": 0.1, "b": 0.3})

        assert (statement["statement"], statement["probability"]) == ("b absent", pytest.approx(0.3))

    def test_leads_that_show_it_are_given_and_no_others(self):
        values = {f"st_mv_V{number}": 0.2 if number in (2, 3) else 0.0 for number in range(1, 7)}

        statements = read("st > 1 mm in at least 2 contiguous of V1 to V6", **values)

        assert sorted(each["leads"][0] for each in statements) == ["V2", "V3"]

    def test_of_leads_that_do_not_show_it_the_nearest_speaks_for_all(self):
        values = {"t_mv_V2": 0.4, "t_mv_V3": -0.05, "t_mv_V4": 0.3}

        (statement,) = read("no t wave inversion in V2 to V4", **values)

        assert statement["statement"] == "t wave in V3 -0.05 mV, not below -0.1 mV (V3 comes nearest of 3 leads)"
        assert statement["leads"] == ["V2", "V3", "V4"]

    def test_a_rhythm_spans_the_strip_and_early_beats_themselves(self):
        (rate,) = read("heart rate < 50", rate_per_min=45.0)
        (early,) = read("at least 1 early wide beat", num_early_wide=1.0)

        assert rate["spans_s"] == [[0.0, 10.0]]
        assert early["spans_s"] == [pytest.approx([2.02, 2.18])]
