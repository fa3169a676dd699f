"""`supreme`: what a checkpoint is used for, from the shell, with answers for people, for programs and as tables."""

import json
import re
import shutil

import pandas as pd
import pytest
from helpers.decisions import make_decision, set_threshold
from transformers import pipeline

from modeling_supreme.command_line import run_command
from modeling_supreme.ecg_index.build import write_index
from modeling_supreme.supreme_command import recordings
from modeling_supreme.supreme_command.main import COMMANDS, main
from modeling_supreme.supreme_command.recordings import tell_score


LABELS = "atrial fibrillation, a block of the left bundle branch"


@pytest.fixture(scope="module")
def files_dir(ptb_xl_dir, tmp_path_factory):
    """Three WFDB records, and a table that is no ECG."""
    folder = tmp_path_factory.mktemp("files")
    for path in (ptb_xl_dir / "records500" / "00000").glob("0000[123]_hr.*"):
        shutil.copy(path, folder)
    (folder / "notes.csv").write_text("I,II\n1,2\n3,4\n")
    return folder


@pytest.fixture(scope="module")
def index_dir(files_dir, tiny_checkpoint_dir, tmp_path_factory):
    """An index of the three records."""
    folder = tmp_path_factory.mktemp("index")
    write_index([files_dir], output=folder, model=str(tiny_checkpoint_dir), on_error="skip")
    return folder


@pytest.fixture(scope="module")
def deciding_dir(make_checkpoint):
    """A random model that calls every ECG normal and none fibrillating."""
    decisions = {
        "normal ecg": make_decision(**set_threshold(0.0), leads=["two limb leads"], leads_reason="it has an axis"),
        "atrial fibrillation": make_decision(**set_threshold(1.0)),
    }
    return make_checkpoint(trained_queries=["normal ecg", "atrial fibrillation"], decisions=decisions)


def refuse(words, capsys):
    """What a command says that ends with exit code 2."""
    with pytest.raises(SystemExit, match="2"):
        run_command(main, words, refusals=(OSError, ValueError, TypeError))
    return capsys.readouterr().err


class TestClassify:
    def test_lines_of_json_hold_what_the_pipeline_returns(self, files_dir, tiny_checkpoint_dir, capsys):
        path = str(files_dir / "00001_hr")

        main(["classify", path, "--model", str(tiny_checkpoint_dir), "--labels", LABELS, "--json"])

        (line,) = capsys.readouterr().out.splitlines()
        classify = pipeline("zero-shot-ecg-classification", model=str(tiny_checkpoint_dir), device="cpu")
        assert json.loads(line) == {"record": path, "answers": classify(path, candidate_labels=LABELS)}

    def test_a_folder_becomes_a_table_and_names_what_was_left_out(
        self, files_dir, tiny_checkpoint_dir, tmp_path, capsys
    ):
        words = ["classify", str(files_dir), "--model", str(tiny_checkpoint_dir), "--labels", LABELS]

        main([*words, "--csv", str(tmp_path / "out.csv"), "--on_error", "skip"])

        table = pd.read_csv(tmp_path / "out.csv")
        assert table["record"].tolist() == ["00001_hr"] * 2 + ["00002_hr"] * 2 + ["00003_hr"] * 2 + ["notes.csv"]
        assert table["score"].isna().tolist() == [False] * 6 + [True]
        said = capsys.readouterr().err
        assert "1 of 4 recordings were left out: notes.csv." in said
        assert f"Wrote {tmp_path / 'out.csv'}. Next: to ask more of the same recordings" in said

    def test_a_journal_of_another_question_is_refused(self, files_dir, tiny_checkpoint_dir, tmp_path, capsys):
        (tmp_path / ".out.csv.journal").mkdir()
        (tmp_path / ".out.csv.journal" / "asked.json").write_text('{"asked": {}}')
        (tmp_path / ".out.csv.journal" / "000000000.jsonl").write_text("{}")
        words = ["classify", str(files_dir), "--model", str(tiny_checkpoint_dir), "--labels", LABELS]

        said = refuse([*words, "--csv", str(tmp_path / "out.csv")], capsys)

        assert re.search(r"out\.csv\.journal is of an interrupted run that asked something else.*Delete it", said)

    def test_a_sheet_is_drawn_of_each_recording(self, files_dir, tiny_checkpoint_dir, tmp_path):
        words = ["classify", str(files_dir / "00001_hr"), "--model", str(tiny_checkpoint_dir), "--labels", LABELS]

        main([*words, "--plot", str(tmp_path / "sheets")])

        (sheet,) = (tmp_path / "sheets").glob("*.png")
        assert sheet.name.startswith("00000_")
        assert sheet.name.endswith("_00001_hr.png")

    def test_explained_answers_say_what_carries_them_and_are_drawn(self, files_dir, make_checkpoint, tmp_path, capsys):
        checkpoint = make_checkpoint("hybrid", measurements=["qrs_ms", "pr_ms", "qt_ms"])
        words = ["classify", str(files_dir / "00001_hr"), "--model", str(checkpoint), "--labels", "qrs > 120 ms"]

        main([*words, "--explain", "--plot", str(tmp_path)])
        main([*words, "--explain", "--json"])

        *printed, last = capsys.readouterr().out.splitlines()
        evidence = json.loads(last)["answers"][0]["evidence"]
        assert any(line.endswith(evidence["statements"][0]["statement"]) for line in printed)
        assert len(list(tmp_path.glob("*.png"))) == 1

    def test_why_the_first_answer_to_many_labels_takes_a_while_is_said(
        self, files_dir, tiny_checkpoint_dir, capsys, monkeypatch
    ):
        monkeypatch.setattr(recordings, "MANY_LABELS", 2)

        main(["classify", str(files_dir / "00001_hr"), "--model", str(tiny_checkpoint_dir), "--labels", LABELS])

        assert "2 labels are read once, some milliseconds each, before the first answer." in capsys.readouterr().err

    def test_where_a_query_answers_the_line_below_says_what_the_definition_would(self):
        answer = {"label": "lvh", "score": 0.02, "source": "query", "evidence": {"by_definition": 0.968}}

        assert tell_score(answer)[-1].split(maxsplit=1) == ["0.97", "by its definition; its own query answers"]

    def test_labels_are_needed(self, capsys):
        assert "Name findings with `--labels" in refuse(["classify", "a.csv", "--model", "m"], capsys)


class TestDecisions:
    labels = "normal ecg, atrial fibrillation, gout"

    @pytest.fixture
    def words(self, files_dir, deciding_dir):
        """A command without what becomes of the answers."""
        return ["classify", str(files_dir / "00001_hr"), "--model", str(deciding_dir), "--labels", self.labels]

    def test_they_are_printed_with_the_reason_of_what_is_left_open(self, words, capsys):
        main(words)

        said = capsys.readouterr().out
        assert re.search(r"^  0\.\d{3}  (present|\?) +normal ecg$", said, re.MULTILINE)
        assert re.search(r"^  0\.\d{3}  \? +gout\n +not understood: .*guess from the wording\.$", said, re.MULTILINE)

    @pytest.mark.parametrize("suffix", ["csv", "parquet"])
    def test_a_table_has_columns_for_them(self, words, tmp_path, suffix):
        path = tmp_path / f"out.{suffix}"

        main([*words, f"--{suffix}", str(path)])

        table = (pd.read_csv if suffix == "csv" else pd.read_parquet)(path).set_index("label")
        assert table.columns.tolist() == ["record", "score", "seen", "source", "present", "reason"]
        assert table["reason"]["gout"].startswith("not understood: ")
        assert pd.isna(table["present"]["gout"])

    def test_json_has_them(self, words, capsys):
        main([*words, "--json"])

        (line,) = capsys.readouterr().out.splitlines()
        assert {answer["label"]: answer["present"] for answer in json.loads(line)["answers"]}["gout"] is None

    def test_labels_says_from_where_on_and_on_what(self, deciding_dir, capsys):
        main(["labels", str(deciding_dir)])

        assert (
            "decided (2)\n"
            "  atrial fibrillation: present from 1.000 (sensitivity 0.90, specificity 0.80); with few false alarms"
            " from 1.000 (sensitivity 0.70, specificity 0.90); fitted on 1000 simulated records, 120 of them"
            " positive\n"
            "  normal ecg: present from 0.000 (sensitivity 0.90, specificity 0.80); with few false alarms from 0.000"
            " (sensitivity 0.70, specificity 0.90); fitted on 1000 simulated records, 120 of them positive; takes two"
            " limb leads\n"
        ) in capsys.readouterr().out


class TestMeasure:
    def test_a_table_has_a_row_for_every_number(self, files_dir, make_checkpoint, tmp_path):
        checkpoint = make_checkpoint("hybrid", measurements=["qrs_ms", "axis_deg"])
        words = ["measure", str(files_dir / "00001_hr"), "--model", str(checkpoint)]

        main([*words, "--csv", str(tmp_path / "numbers.csv")])

        table = pd.read_csv(tmp_path / "numbers.csv")
        assert table["measurement"].tolist() == ["qrs_ms", "axis_deg"]
        assert table["unit"].tolist() == ["ms", "deg"]
        classify = pipeline("zero-shot-ecg-classification", model=str(checkpoint), device="cpu")
        assert table["value"][0] == pytest.approx(classify.measure(str(files_dir / "00001_hr"))["qrs_ms"]["value"])


class TestLooks:
    def test_info_says_what_of_a_file_was_read(self, files_dir, capsys):
        main(["info", str(files_dir / "00001_hr"), "--json"])

        account = json.loads(capsys.readouterr().out)
        assert account["leads_used"][:3] == ["I", "II", "III"]
        assert account["seconds_used"] == 10.0
        assert set(account["voltages_mv"]) == set(account["leads_used"])

    def test_plot_draws_a_file(self, files_dir, tmp_path, capsys):
        main(["plot", str(files_dir / "00001_hr"), "--output", str(tmp_path / "strip.png")])

        assert (tmp_path / "strip.png").read_bytes()[1:4] == b"PNG"
        assert capsys.readouterr().out.strip() == str(tmp_path / "strip.png")

    def test_labels_lists_what_training_named(self, tiny_checkpoint_dir, capsys):
        main(["labels", str(tiny_checkpoint_dir), "--json"])

        assert json.loads(capsys.readouterr().out)["trained"] == ["atrial fibrillation", "normal ecg"]

    @pytest.mark.parametrize("command", [["classify", "rec", "--labels", "AF", "--model"], ["labels"]])
    def test_a_checkpoint_that_is_not_there_is_named_with_the_flag(self, command, tmp_path, capsys):
        said = refuse([*command, str(tmp_path / "nowhere")], capsys)

        assert re.search(r"The checkpoint \S+/nowhere cannot be loaded.*Correct its name \(`--model`\)", said)

    def test_a_file_that_is_not_there_is_named(self, capsys):
        assert re.search(r"error: There is no ECG record at none\.csv", refuse(["info", "none.csv"], capsys))


class TestAsk:
    def test_the_best_records_are_printed_with_their_scores(self, index_dir, capsys):
        main(["ask", str(index_dir), "normal ecg", "--top", "2"])

        heading, *rows = capsys.readouterr().out.splitlines()
        assert heading == "normal ecg   (query)"
        assert all(re.fullmatch(r"  0\.\d{3}  0000\d_hr   0000\d_hr\.hea", row) for row in rows)
        assert len(rows) == 2

    def test_a_file_gets_every_record(self, index_dir, tmp_path):
        main(["ask", str(index_dir), "normal ecg", "a new name", "--csv", str(tmp_path / "out.csv")])

        table = pd.read_csv(tmp_path / "out.csv")
        assert table["query"].tolist() == ["normal ecg"] * 3 + ["a new name"] * 3
        assert table["score"].between(0, 1).all()

    def test_a_count_has_an_interval(self, index_dir, capsys):
        main(["ask", str(index_dir), "normal ecg", "--count"])

        assert re.search(r"\d\.\d of 3 records, 95% interval \d to \d; \d+\.\d\d%", capsys.readouterr().out)

    def test_the_best_are_drawn_in_their_order(self, index_dir, tmp_path, capsys):
        main(["ask", str(index_dir), "normal ecg", "--top", "2", "--plot", str(tmp_path)])

        order = re.findall(r"0\.\d{3}  (\w+)", capsys.readouterr().out)
        assert sorted(path.name for path in tmp_path.iterdir()) == [
            f"{rank:05d}_{name}.png" for rank, name in enumerate(order, start=1)
        ]

    def test_a_question_is_needed(self, index_dir, capsys):
        assert "Give the folder of an index, and what to ask" in refuse(["ask", str(index_dir)], capsys)


def test_help_lists_every_command(capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])

    text = capsys.readouterr().out
    assert all(f"    {name} " in text and command.summary in text for name, command in COMMANDS.items())


def test_a_command_must_be_named(capsys):
    assert "No command is named. Begin with one of classify, measure" in refuse([], capsys)
