"""Evidence on a sheet lies where it was found: times and voltages are true to scale, and no text lies on another."""

from itertools import combinations

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from modeling_supreme.leads import STANDARD_LEADS
from modeling_supreme.plotting import plot_evidence, plot_strip


SIGNAL_LEFT, COLUMN, MM_PER_S = 31.0, 62.5, 25.0
BEATS = [0.5 + beat for beat in range(10)]
MARKS = {
    "beat_s": BEATS,
    "p_onset_s": [beat - 0.2 for beat in BEATS],
    "qrs_onset_s": [beat - 0.04 for beat in BEATS],
    "qrs_end_s": [beat + 0.04 for beat in BEATS],
    "t_end_s": [beat + 0.36 for beat in BEATS],
}


def make_statement(statement="r amplitude in V1 0.50 mV, above 0.3 mV", **changes):
    spans = [[beat - 0.04, beat + 0.04] for beat in BEATS]
    return {
        "statement": statement,
        "asked": "r_mv_V1 > 0.3",
        "probability": 0.9,
        "leads": ["V1"],
        "span_s": spans[0],
        "spans_s": spans,
        "amplitudes": [{"lead": "V1", "wave": "R", "mv": 0.5}],
        **changes,
    }


def make_result(label="tall r", score=0.9, *, statements=None, drops=None, lead_drops=None):
    deletion = {"drop": 1.0, "random_drop": 0.0, "share_beaten": 1.0}
    windows = [[half / 2, half / 2 + 0.5] for half in range(20)]
    time = None if drops is None else {"faithful": True, "deletion": deletion, "windows_s": windows, "drops": drops}
    leads = None if lead_drops is None else {"faithful": True, "deletion": deletion, "drops": lead_drops}
    return {
        "label": label,
        "score": score,
        "evidence": {
            "statements": [make_statement()] if statements is None else statements,
            "marks": MARKS,
            "occlusion": {"leads": leads, "time": time},
            "attention": None,
            "faithful": {"leads": leads is not None, "time": time is not None, "attention": False},
        },
    }


def make_strip():
    """12 leads at 0.2 mV: what is drawn lies on the baseline."""
    return np.full((12, 5000), 0.2)


def draw(*results, strip=None):
    return plot_evidence(
        make_strip() if strip is None else strip, sampling_rate=500, leads=STANDARD_LEADS, results=results
    )


def find_boxes(figure, gid):
    """Shades and bars of one kind, as `(left, bottom, width, height)` in mm."""
    return [patch.get_bbox().bounds for patch in figure.axes[0].patches if patch.get_gid() == gid]


def find_lines(figure, gid):
    return [line.get_xydata() for line in figure.axes[0].lines if line.get_gid() == gid]


def baseline_of(figure, lead):
    (line,) = find_lines(figure, f"trace {lead}")
    return line[0, 1]


class TestSpans:
    def test_a_span_is_shaded_at_its_time_in_the_column_of_its_lead(self):
        boxes = find_boxes(draw(make_result()), "span V1")

        # V1 stands in the third column, which shows 5 to 7.5 s: the beats at 5.5 and 6.5 s
        lefts = [SIGNAL_LEFT + 2 * COLUMN + (beat - 0.04 - 5.0) * MM_PER_S for beat in (5.5, 6.5)]
        assert [box[0] for box in boxes[:2]] == pytest.approx(lefts)
        assert [box[2] for box in boxes[:2]] == pytest.approx([0.08 * MM_PER_S] * 2)

    def test_a_span_is_cut_where_the_column_ends(self):
        statement = make_statement(spans_s=[[7.0, 8.0]], span_s=[7.0, 8.0])

        (box,) = find_boxes(draw(make_result(statements=[statement])), "span V1")

        assert box[0] + box[2] == pytest.approx(SIGNAL_LEFT + 3 * COLUMN)
        assert box[2] == pytest.approx(0.5 * MM_PER_S)

    def test_without_a_lead_the_rhythm_strip_is_shaded(self):
        figure = draw(make_result(statements=[make_statement(leads=[], amplitudes=[])]))

        boxes = find_boxes(figure, "span II")
        assert [box[0] for box in boxes] == pytest.approx([SIGNAL_LEFT + (beat - 0.04) * MM_PER_S for beat in BEATS])

    def test_what_is_absent_is_not_shaded(self):
        statement = make_statement(asked="not r_mv_V1 > 0.3")

        assert find_boxes(draw(make_result(statements=[statement])), "span V1") == []

    def test_a_rhythm_is_a_line_from_beat_to_beat(self):
        statement = make_statement(leads=[], span_s=[0.0, 10.0], spans_s=[[0.0, 10.0]], amplitudes=[])

        figure = draw(make_result(statements=[statement]))

        (line,) = find_lines(figure, "rhythm")
        assert line[:, 0].tolist() == pytest.approx([SIGNAL_LEFT + second * MM_PER_S for second in (0.5, 9.5)])
        assert len(find_lines(figure, "beat")) == 10


class TestHeights:
    def test_a_height_is_marked_from_the_level_before_qrs(self):
        figure = draw(make_result())

        (line,) = find_lines(figure, "height")
        assert line[:, 1].tolist() == pytest.approx([baseline_of(figure, "V1") + 0.5 * 10] * 2)
        assert line[:, 0].mean() == pytest.approx(SIGNAL_LEFT + 2 * COLUMN + 0.5 * MM_PER_S)
        assert "R 0.50" in [text.get_text() for text in figure.axes[0].texts]

    def test_it_follows_the_gain_of_the_sheet(self):
        strip = make_strip()
        strip[0, 700] = 4.0  # which the sheet shows at half the gain

        figure = draw(make_result(), strip=strip)

        (line,) = find_lines(figure, "height")
        assert line[0, 1] == pytest.approx(baseline_of(figure, "V1") + 0.5 * 5)

    def test_its_number_keeps_off_the_trace(self):
        strip = make_strip()
        strip[:, 2770:2900] = 0.7  # where the number beside the mark at .5 mV would stand

        figure = draw(make_result(), strip=strip)

        (number,) = [text for text in figure.axes[0].texts if text.get_text() == "R 0.50"]
        (line,) = find_lines(figure, "height")
        assert abs(number.get_position()[1] - line[0, 1]) >= 1.5


class TestMarks:
    def test_the_ruler_has_qrs_and_the_ends_of_p_and_t(self):
        figure = draw(make_result())

        first = min(find_lines(figure, "qrs"), key=lambda line: line[0, 0])
        assert first[:, 0].tolist() == pytest.approx([SIGNAL_LEFT + second * MM_PER_S for second in (0.46, 0.54)])
        whole = min(find_lines(figure, "interval"), key=lambda line: line[0, 0])
        assert whole[:, 0].tolist() == pytest.approx([SIGNAL_LEFT + second * MM_PER_S for second in (0.3, 0.86)])

    @pytest.mark.parametrize(("name", "second"), [("P", 0.3), ("Q", 0.46), ("J", 0.54), ("T", 0.86)])
    def test_one_beat_is_named(self, name, second):
        (line,) = find_lines(draw(make_result()), f"mark {name}")

        assert line[0, 0] == pytest.approx(SIGNAL_LEFT + second * MM_PER_S)


class TestMaps:
    def test_a_window_has_a_bar_below_its_time_as_high_as_its_share_of_the_largest(self):
        drops = [0.0] * 20
        drops[4], drops[7] = 2.0, 1.0

        figure = draw(make_result(drops=drops))

        first, second = find_boxes(figure, "time map")
        assert first[0] == pytest.approx(SIGNAL_LEFT + 2.0 * MM_PER_S)
        assert second[3] == pytest.approx(first[3] / 2)
        assert first[1] + first[3] < figure.axes[0].patches[0].get_bbox().y0  # below the paper

    def test_a_lead_has_a_bar_as_long_as_its_share_of_the_largest(self):
        figure = draw(make_result(lead_drops={"V1": 2.0, "V2": 1.0, "I": -1.0}))

        (one,), (two,) = find_boxes(figure, "lead map V1"), find_boxes(figure, "lead map V2")
        assert two[2] == pytest.approx(one[2] / 2)
        assert find_boxes(figure, "lead map I") == []

    def test_what_was_withheld_is_named(self):
        texts = [text.get_text() for text in draw(make_result()).axes[0].texts]

        assert "Not faithful: map of leads, time, attention" in texts


class TestPage:
    def test_where_a_query_answers_the_sheet_says_what_the_definition_would(self):
        result = make_result(score=0.02)
        result["evidence"]["by_definition"] = 0.968

        texts = [text.get_text() for text in draw(result).axes[0].texts]

        assert "By its definition 0.97; its own query answers" in texts

    def test_texts_do_not_lie_on_each_other(self):
        long = "t wave in V3 -0.05 mV, not below -0.1 mV (V3 comes nearest of 12 leads), and more of it"
        statements = [make_statement(long) for _ in range(7)]
        heights = [{"lead": "V1", "wave": wave, "mv": 0.5} for wave in ("R", "S", "ST")]
        statements[0]["amplitudes"] = heights
        results = [
            make_result(f"a finding with a rather long name {number}", 0.9, statements=statements)
            for number in range(3)
        ]
        figure = draw(*results)
        renderer = FigureCanvasAgg(figure).get_renderer()

        boxes = [text.get_window_extent(renderer) for text in figure.axes[0].texts if text.get_text().strip()]

        assert not [pair for pair in combinations(boxes, 2) if pair[0].shrunk(0.98, 0.7).overlaps(pair[1])]
        assert all(box.x1 <= figure.bbox.x1 and box.y0 >= 0 for box in boxes)

    def test_one_unit_is_still_a_millimetre(self):
        figure = draw(make_result(drops=[1.0] * 20))

        assert figure.axes[0].get_xlim() == pytest.approx((0, 297))
        assert figure.axes[0].get_ylim()[1] == pytest.approx(figure.get_size_inches()[1] * 25.4)

    def test_of_likely_findings_three_are_drawn_and_of_unlikely_ones_the_first(self):
        likely = draw(*(make_result(f"finding {number}", 0.9 - number / 100) for number in range(5)))
        unlikely = draw(make_result("a", 0.1), make_result("b", 0.2))

        assert sum(text.get_gid() == "statement" and text.get_weight() == "bold" for text in likely.axes[0].texts) == 3
        assert "A  b  0.20" in [text.get_text() for text in unlikely.axes[0].texts]

    def test_what_was_decided_chooses_the_findings_and_not_their_scores(self):
        decided = [
            make_result("rare", score=0.3) | {"present": True},
            make_result("common", score=0.7) | {"present": False},
            make_result("open", score=0.6) | {"present": None},
        ]

        headings = [text.get_text() for text in draw(*decided).axes[0].texts if text.get_weight() == "bold"]

        assert [heading for heading in headings if heading[:3] in ("A  ", "B  ", "C  ")] == [
            "A  open  0.60",
            "B  rare  0.30",
        ]

    def test_an_expression_stands_whole_above_its_statements(self):
        label = "ST depression >= 1 mm in two contiguous leads and no left bundle branch block"

        texts = draw(make_result(label, 0.9)).axes[0].texts

        heading = [text.get_text().strip() for text in texts if text.get_weight() == "bold"]
        assert f"A  {label}  0.90" in " ".join(heading)

    def test_without_evidence_it_is_refused(self):
        with pytest.raises(ValueError, match=r"'tall r' has no `evidence`\. Classify with `explain=True`"):
            draw({"label": "tall r", "score": 0.5})

    def test_a_sheet_without_evidence_is_drawn_as_before(self):
        figure = plot_strip(make_strip(), sampling_rate=500, leads=STANDARD_LEADS)

        assert not [text for text in figure.axes[0].texts if text.get_gid() == "legend"]
