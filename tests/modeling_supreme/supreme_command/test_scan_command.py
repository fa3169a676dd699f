"""`supreme classify --aggregate` and `supreme measure --aggregate`: long recordings from the shell."""

import json

import pandas as pd
import pytest
from helpers.strips import make_long_strip, write_holter
from helpers.tiny_models import TINY_MEASUREMENTS
from transformers import pipeline

from modeling_supreme.command_line import run_command
from modeling_supreme.long_recordings.episodes import clock
from modeling_supreme.supreme_command.lists import read_list
from modeling_supreme.supreme_command.main import main
from modeling_supreme.supreme_command.recordings import tell_score


LABELS = "normal ecg, qrs > 96 ms"


@pytest.fixture(scope="module")
def checkpoint(make_checkpoint):
    return str(make_checkpoint("hybrid", trained_queries=["normal ecg"], measurements=list(TINY_MEASUREMENTS)))


@pytest.fixture(scope="module")
def record(tmp_path_factory):
    """43 s of three leads, of which nothing was recorded for 10 s."""
    strip = make_long_strip(43)
    strip[:, 1000:2000] = float("nan")
    return str(write_holter(tmp_path_factory.mktemp("holter"), strip))


@pytest.fixture(scope="module")
def expected(checkpoint, record):
    """What the pipeline returns."""
    classify = pipeline("zero-shot-ecg-classification", model=checkpoint, device="cpu")
    return classify(record, candidate_labels=LABELS, aggregate="timeline")


def test_json_holds_what_the_pipeline_returns(checkpoint, record, expected, capsys):
    main(["classify", record, "--model", checkpoint, "--labels", LABELS, "--aggregate", "timeline", "--json"])

    assert json.loads(capsys.readouterr().out)["answers"] == expected


def test_the_conditions_of_a_list_can_be_asked(checkpoint, record, capsys):
    main(["classify", record, "--model", checkpoint, "--list", "ptb_xl_rhythm", "--aggregate", "max", "--json"])

    answers = json.loads(capsys.readouterr().out)["answers"]
    assert {answer["label"] for answer in answers} == set(read_list("ptb_xl_rhythm"))


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_table_has_a_row_for_each_label_and_window(checkpoint, record, expected, tmp_path, kind):
    path = tmp_path / f"out.{kind}"

    main(
        [
            "classify",
            record,
            "--model",
            checkpoint,
            "--labels",
            LABELS,
            "--aggregate",
            "timeline",
            f"--{kind}",
            str(path),
        ]
    )

    table = pd.read_csv(path) if kind == "csv" else pd.read_parquet(path)
    assert list(table) == ["record", "label", "start_s", "end_s", "score", "seen", "source"]
    assert table["label"].tolist() == [answer["label"] for answer in expected for _ in range(5)]
    assert table["start_s"].tolist() == [0, 10, 20, 30, 33] * 2
    assert table["end_s"].tolist() == [10, 20, 30, 40, 43] * 2
    assert table["score"].isna().tolist() == [False, True, False, False, False] * 2
    assert table["score"].dropna().tolist() == pytest.approx(
        [score for answer in expected for score in answer["timeline"] if score is not None], abs=1e-6
    )


def test_the_highest_comes_with_its_time(checkpoint, record, expected, tmp_path):
    words = ["classify", record, "--model", checkpoint, "--labels", LABELS, "--aggregate", "max"]

    main([*words, "--csv", str(tmp_path / "out.csv")])

    table = pd.read_csv(tmp_path / "out.csv")
    assert table["at_s"].tolist() == [answer["at_s"] for answer in expected]


def test_people_read_times_and_episodes(checkpoint, record, expected, capsys):
    words = ["classify", record, "--model", checkpoint, "--labels", LABELS, "--aggregate", "timeline"]

    main([*words, "--threshold", "0.0"])

    lines = capsys.readouterr().out.splitlines()
    assert lines[1] == f"  {expected[0]['score']:.3f}  at {clock(expected[0]['at_s'])}  {expected[0]['label']}"
    assert lines[2].startswith("         0:00:00 to 0:00:10, up to ")
    assert lines[3].startswith("         0:00:20 to 0:00:43, up to ")


def test_a_timeline_is_drawn(checkpoint, record, tmp_path, capsys):
    words = ["classify", record, "--model", checkpoint, "--labels", LABELS, "--aggregate", "timeline"]

    main([*words, "--stride_s", "5", "--plot", str(tmp_path / "plots"), "--json"])

    said = capsys.readouterr()
    assert len(json.loads(said.out)["answers"][0]["timeline"]) == 8
    assert f"Wrote {tmp_path / 'plots'}. Next: look at the sheets in {tmp_path / 'plots'}." in said.err
    assert [path.suffix for path in (tmp_path / "plots").iterdir()] == [".png"]


def test_numbers_have_a_row_for_each_window(checkpoint, record, tmp_path):
    main(["measure", record, "--model", checkpoint, "--aggregate", "timeline", "--csv", str(tmp_path / "out.csv")])

    table = pd.read_csv(tmp_path / "out.csv")
    rates = table[table["measurement"] == "rate_per_min"]
    assert list(table)[:4] == ["record", "measurement", "start_s", "end_s"]
    assert rates["start_s"].tolist() == [0, 10, 20, 30, 33]
    assert rates["value"].isna().tolist() == [False, True, False, False, False]
    assert set(rates["unit"]) == {"1/min"}


def test_people_read_medians_of_numbers(checkpoint, record, capsys):
    main(["measure", record, "--model", checkpoint, "--aggregate", "timeline"])

    assert "rate_per_min" in capsys.readouterr().out


def test_many_windows_have_a_progress_bar(checkpoint, tmp_path, capsys):
    path = str(write_holter(tmp_path, make_long_strip(20)))

    main(["classify", path, "--model", checkpoint, "--labels", LABELS, "--aggregate", "max", "--stride_s", "0.1"])

    assert "101/101" in capsys.readouterr().err


def test_a_recording_that_cannot_be_used_is_listed_on_request(checkpoint, record, tmp_path, capsys):
    words = ["classify", record, str(tmp_path / "missing.hea"), "--model", checkpoint, "--labels", LABELS]

    main([*words, "--aggregate", "max", "--csv", str(tmp_path / "out.csv"), "--on_error", "skip"])

    assert pd.read_csv(tmp_path / "out.csv")["score"].isna().tolist() == [False, False, True]
    assert "1 of 2 recordings were left out" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--stride_s", "5"], "Pass `aggregate="),
        (["--aggregate", "max", "--stride_s", "0"], "`stride_s` is 0"),
        (["--aggregate", "max", "--window_s", "60"], "this model reads strips of 10 s"),
    ],
)
def test_windows_that_make_no_sense_are_refused(checkpoint, record, words, message, capsys):
    with pytest.raises(SystemExit, match="2"):
        run_command(
            main,
            ["classify", record, "--model", checkpoint, "--labels", LABELS, *words],
            refusals=(OSError, ValueError, TypeError),
        )

    assert message in capsys.readouterr().err


class TestTellScore:
    answer = {"label": "axis < -30 degrees", "score": 0.25, "seen": False, "source": "query", "at_s": 70.0}

    def test_what_is_decided_is_said_of_windows_too(self):
        assert tell_score({**self.answer, "present": False}) == ["  0.250  at 0:01:10  absent   axis < -30 degrees"]

    def test_what_is_left_open_is_said_with_its_reason(self):
        lines = tell_score({**self.answer, "present": None, "reason": "it takes two limb leads."})

        assert lines == ["  0.250  at 0:01:10  ?        axis < -30 degrees", "         it takes two limb leads."]
