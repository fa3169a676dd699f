"""What the page says of answers: numbers with thresholds, verdicts with reasons, and no words of a visitor as code."""

import re

import numpy as np
import pytest

from modeling_supreme.browser_app import words
from modeling_supreme.browser_app.desk import Case, Reply
from modeling_supreme.recordings import Account, EcgRecording


def make_case(name="strip.csv"):
    return Case(None, name, EcgRecording(sampling_rate=500, leads=["II"], strip_mv=np.zeros((1, 10))))


def make_reply(*findings, leads=(), name="strip.csv"):
    return Reply(make_case(name), leads, list(findings), Account())


def make_finding(label="atrial fibrillation", score=0.83, threshold=0.4, **fields):
    return {"label": label, "score": score, "threshold": threshold, "source": "query", "present": True, **fields}


def read(html):
    """The text of a page."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html)).strip()


class TestFindings:
    @pytest.mark.parametrize(
        ("fields", "told"),
        [
            ({"present": True}, "0.83 present from 0.40 present"),
            ({"present": False}, "0.83 present from 0.40 absent"),
            (
                {"present": None, "reason": "it takes two limb leads: x.", "threshold": 0.4},
                "0.83 present from 0.40 left open it takes two limb leads: x.",
            ),
            (
                {"present": None, "reason": "not understood: nobody knows 'x'.", "threshold": None},
                "0.83 no threshold not understood nobody knows 'x'.",
            ),
        ],
        ids=["present", "absent", "open", "not understood"],
    )
    def test_a_row_has_probability_threshold_and_verdict(self, fields, told):
        text = read(words.tell_findings(make_reply(make_finding(**fields)))).replace("&#x27;", "'")

        assert text.endswith(f"atrial fibrillation {told}")

    def test_a_checkpoint_without_decisions_decides_nothing(self):
        finding = make_finding(threshold=None)
        del finding["present"]

        assert read(words.tell_findings(make_reply(finding))).endswith("0.83 no threshold not decided")

    def test_what_answers_is_said_where_it_is_no_query(self):
        finding = make_finding("qrs > 120 ms", source="measured: qrs_ms > 120")

        assert "measured: qrs_ms &gt; 120" in words.tell_findings(make_reply(finding))

    def test_fewer_leads_stand_beside_all(self):
        html = words.tell_findings(make_reply(make_finding(), leads=("II",)), make_reply(make_finding(score=0.9)))

        assert "0.83 these leads, present from 0.40 0.90 all leads, present from 0.40" in read(html)

    def test_episodes_are_listed_with_their_times(self):
        episodes = [{"start_s": 40.0, "end_s": 60.0, "max_score": 0.95}]

        text = read(words.tell_findings(make_reply(make_finding(timeline=[0.1], at_s=50.0, episodes=episodes))))

        assert text.endswith("highest at 0:00:50; 1 episode 0:00:40 to 0:01:00, up to 0.95")

    @pytest.mark.parametrize("text", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>'])
    def test_nothing_of_a_visitor_is_code(self, text):
        finding = make_finding(text, source=text, present=None, reason=text)
        pages = [
            words.tell_findings(make_reply(finding, name=text)),
            words.tell_comparison(make_reply(finding, name=text), make_reply(finding, name=text)),
            words.tell_account(make_case(text), Account(remarks=(text,), leads_found=(text,)), {}),
            words.tell_error(text),
            words.tell_progress(text),
            words.show_picture("data:", text),
        ]

        assert not [page for page in pages if "<script" in page or "<img src=x" in page]


def test_where_a_query_answers_the_page_says_what_the_definition_would():
    evidence = {"statements": [], "by_definition": 0.968, "faithful": {}}

    text = read(words.tell_evidence(make_finding(evidence=evidence), ""))

    assert "By its definition 0.97; the finding's own query answers." in text


class TestAccount:
    def test_losses_come_first_as_warnings(self):
        account = Account(leads_used=("II",), leads_found=("II", "X"), left_out={"X": "none of the 12 leads"})

        text = read(words.tell_account(make_case(), account, {}))

        assert text.startswith("Mind: X left out (none of the 12 leads) File strip.csv Leads II (of II, X)")

    def test_measurements_have_their_spread_and_unit(self):
        measured = {
            "rate_per_min": {"value": 71.6, "sd": 1.6, "unit": "1/min"},
            "qtc_ms": {"value": 431.2, "sd": 14.0, "unit": "ms"},
            "axis_deg": {"value": -3.0, "sd": 4.0, "unit": "deg"},
        }

        text = read(words.tell_account(make_case(), Account(), measured))

        assert "heart rate 72 ± 2/min; QTc 431 ± 14 ms; axis -3 ± 4°" in text


class TestPlace:
    def test_a_space_says_whose_machine_it_is(self, monkeypatch):
        monkeypatch.setenv("SPACE_ID", "somebody/space")

        assert "machine of Hugging Face. Drop no recordings of patients" in words.tell_privacy()

    def test_elsewhere_recordings_stay(self, monkeypatch):
        monkeypatch.delenv("SPACE_ID", raising=False)

        assert "stay on the machine that serves this page" in words.tell_privacy()
