"""The command: a model writes each definition once, the grammar refuses with the position, a person decides."""

import json
import logging

import pytest
import yaml
from helpers.language_models import save_language_model
from helpers.servers.chat_server import answer_with, complete, fail_with, serve_chat

from datasets_scripts.extraction.definitions.__main__ import main
from datasets_scripts.extraction.definitions.conditions_file import other_names
from modeling_supreme.command_line import CommandLineError, run_command


GOOD = {
    "sinus tachycardia": "rate_per_min > 100 and P waves",
    "left bundle branch block": "wide QRS > 120 ms and broad_r_ms > 100 in at least 2 of I, V6",
}


def answer(condition, expression, **changes):
    """The body of an answer."""
    content = {"condition": condition, "rationale": "Because.", "expression": expression, "source": "Chou 2008"}
    return complete(json.dumps({**content, **changes}))


def say(expression):
    """A behaviour that defines any condition by one expression."""
    return answer_with(lambda condition: answer(condition, expression))


RIGHT = answer_with(lambda condition: answer(condition, GOOD[condition]))


@pytest.fixture
def server():
    """A server that defines every condition well."""
    with serve_chat(RIGHT) as server:
        yield server


@pytest.fixture(autouse=True)
def no_keys(monkeypatch):
    """Keys of the machine play no part."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("HF_TOKEN", raising=False)


@pytest.fixture
def run(server, tmp_path):
    """A function that runs the command on some conditions, and returns its definitions and its lines."""

    def run(conditions=GOOD, *flags, corrections=None):
        (tmp_path / "conditions.txt").write_text("\n".join(conditions), encoding="utf-8")
        words = ["--conditions", str(tmp_path / "conditions.txt"), "--output_dir", str(tmp_path / "out")]
        words += ["--model", "tiny", "--base_url", server.base_url, "--num_simulated", "30", "--retry_wait_s", "0.01"]
        if corrections is not None:
            path = tmp_path / "corrections.jsonl"
            path.write_text("\n".join(map(json.dumps, corrections)), encoding="utf-8")
            words += ["--corrections", str(path)]
        main([*words, *flags])
        return read(tmp_path / "out")

    return run


def read(output_dir):
    """Definitions by condition, and lines by condition."""
    definitions = yaml.safe_load((output_dir / "definitions.yaml").read_text(encoding="utf-8"))
    lines = [json.loads(line) for line in (output_dir / "definitions.jsonl").read_text(encoding="utf-8").splitlines()]
    return {each["condition"]: each for each in definitions}, {line["condition"]: line for line in lines}


def test_every_condition_gets_an_unreviewed_definition_from_two_samples(run, server, tmp_path):
    definitions, lines = run()

    assert definitions["sinus tachycardia"] == {
        "condition": "sinus tachycardia",
        "names": list(other_names("sinus tachycardia")),
        "expression": "rate_per_min > 100 and num_p_waves present",
        "source": "Chou 2008",
        "reviewed": False,
    }
    assert list(definitions) == list(GOOD)
    assert {line["status"] for line in lines.values()} == {"samples agree"}
    assert server.count_answers() == dict.fromkeys(GOOD, 2)
    assert "definitions-data" in (tmp_path / "out" / "definitions.html").read_text(encoding="utf-8")


def test_the_two_samples_are_asked_for_differently_and_with_the_schema(run, server):
    run(["sinus tachycardia"])

    payloads = [entry["payload"] for entry in server.log]
    assert sorted((payload["temperature"], payload["seed"]) for payload in payloads) == [(0.0, 0), (0.7, 1)]
    schema = payloads[0]["response_format"]["json_schema"]
    assert (schema["name"], schema["strict"]) == ("definition", True)
    assert schema["schema"]["required"] == ["condition", "rationale", "expression", "source"]


def test_a_wrong_expression_is_given_back_with_its_position_once(run, server):
    server.scripts["sinus tachycardia"] = [say("rate_per_min > 100 and wobbly"), say("rate_per_min > 100")]

    _, lines = run(["sinus tachycardia"], "--max_concurrency", "1")

    questions = [entry["question"] for entry in server.log]
    assert 'An earlier answer was refused: The expression \\"rate' not in questions[0]
    assert "at character 23, 'wobbly' is no measurement" in questions[1]
    first = lines["sinus tachycardia"]["samples"][0]
    assert (first["expression"], first["problem"]) == ("rate_per_min > 100", "")
    assert [(each["position"], each["text"]) for each in first["refusals"]] == [(23, "rate_per_min > 100 and wobbly")]


def test_what_is_wrong_twice_is_left_without_a_definition_and_marked(run, server, caplog):
    caplog.set_level(logging.INFO)
    server.scripts["sinus tachycardia"] = [say("wobbly")]

    definitions, lines = run()

    assert list(definitions) == ["left bundle branch block"]
    assert lines["sinus tachycardia"]["status"] == "failed"
    problems = {sample["problem"] for sample in lines["sinus tachycardia"]["samples"]}
    assert problems == {"the expression does not parse at character 0"}
    assert [entry["subject"] for entry in server.log].count("sinus tachycardia") == 4
    assert "2 conditions (1 failed, 1 samples agree); 1 have a definition." in caplog.text
    assert "1 conditions lack a usable answer: `problem` in definitions.jsonl says why, and `--retry" in caplog.text


def test_what_failed_is_asked_again_only_on_request(run, server):
    server.scripts["sinus tachycardia"] = [*[say("wobbly")] * 4, RIGHT]
    run()
    _, kept = run()
    _, retried = run(GOOD, "--retry_failed")

    assert kept["sinus tachycardia"]["status"] == "failed"
    assert retried["sinus tachycardia"]["status"] == "samples agree"
    assert len(server.log) == 2 + 4 + 2


def test_what_may_be_spent_is_not_exceeded_and_the_rest_is_left_for_another_run(run, server):
    prices = ("--input_price", "1", "--output_price", "1", "--max_concurrency", "1")

    _, lines = run(GOOD, *prices, "--max_cost", "0.006")

    assert 0 < len(server.log) < 4
    problems = [sample["problem"] for line in lines.values() for sample in line["samples"] if sample["problem"]]
    assert problems == ["not asked: the next answer could exceed `--max_cost` (0.006)"] * (4 - len(server.log))

    run()

    assert server.count_answers() == dict.fromkeys(GOOD, 2)


def test_samples_that_differ_are_marked(run, server):
    server.scripts["sinus tachycardia"] = [say("rate_per_min > 100"), say("rate_per_min > 90")]

    _, lines = run(["sinus tachycardia"])

    line = lines["sinus tachycardia"]
    assert line["status"] == "samples differ"
    assert line["trial"]["num_equal"] < line["trial"]["num_records"]


def test_a_second_run_asks_nothing_and_writes_the_same(run, server, tmp_path):
    run()
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    num_asked = len(server.log)

    run()

    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before
    assert len(server.log) == num_asked


def test_a_condition_that_is_added_is_all_that_is_asked(run, server):
    run(["sinus tachycardia"])
    run()

    assert server.count_answers() == dict.fromkeys(GOOD, 2)


def test_a_correction_comes_before_the_model(run, server):
    correction = {
        "condition": "Sinus-Tachycardia", "expression": "HR > 110 bpm", "source": "Own choice", "is_confirmed": True,
    }  # fmt: skip

    definitions, lines = run(corrections=[correction])

    assert definitions["sinus tachycardia"]["expression"] == "rate_per_min > 110"
    assert definitions["sinus tachycardia"]["reviewed"] is True
    assert lines["sinus tachycardia"]["status"] == "confirmed"
    assert server.count_answers() == {"left bundle branch block": 2}


def test_where_corrections_settle_everything_no_server_is_needed(run, server):
    server.server_close()
    correction = {"condition": "x", "expression": "HR > 110 bpm", "source": "me", "is_confirmed": False}

    definitions, lines = run(["x"], corrections=[correction])

    assert definitions["x"]["reviewed"] is False
    assert lines["x"]["status"] == "corrected"


def test_a_wrong_correction_stops_the_run_before_anything_is_asked(run, server):
    correction = {"condition": "x", "expression": "HR >> 110", "source": "me", "is_confirmed": True}

    with pytest.raises(ValueError, match=r"corrections\.jsonl, line 1: the definition of 'x' cannot.*character 4"):
        run(corrections=[correction])
    assert server.log == []


def test_a_correction_of_no_condition_and_repeated_names_are_told(run, caplog):
    correction = {"condition": "x", "expression": "HR > 110 bpm", "source": "me", "is_confirmed": True}

    run([*GOOD, "Sinus-Tachycardia"], corrections=[correction])

    assert "1 corrections are of conditions that are not in the file: 'x'." in caplog.text
    assert "'Sinus-Tachycardia' in line 3 is 'sinus tachycardia' of line 1, and is asked once." in caplog.text


def test_a_dry_run_counts_and_neither_asks_nor_writes(run, server, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    correction = {"condition": "x", "expression": "HR > 110 bpm", "source": "me", "is_confirmed": True}

    with pytest.raises(FileNotFoundError, match=r"definitions\.yaml"):  # which a dry run does not write
        run([*GOOD, "x"], "--dry_run", "--input_price", "1", corrections=[correction])

    assert "3 conditions, of which corrections settle 1. Asking for 2 samples of each of the others" in caplog.text
    assert "would take 4 requests, about " in caplog.text
    assert server.log == []
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--backend", "rules"], r"`--backend` is rules\..*Choose one of endpoint, transformers"),
        (["--num_simulated", "0"], r"`--num_simulated` is 0\. Give a number of records"),
        (["--prompt_version", "none"], r"There is no prompt 'none'\. `--prompt_version` takes definitions_v1"),
    ],
)
def test_flags_that_make_no_sense_are_refused(run, flags, message):
    with pytest.raises((CommandLineError, FileNotFoundError), match=message):
        run(GOOD, *flags)


def test_a_server_that_cannot_be_used_is_told_in_a_sentence(run, server, tmp_path, capsys):
    server.default = [fail_with(401)]

    with pytest.raises(SystemExit, match="2"):
        run_command(lambda _: run(GOOD), [], refusals=(RuntimeError,))
    assert "refuses access (HTTP 401)" in capsys.readouterr().err
    assert not (tmp_path / "out" / "definitions.yaml").exists()


def test_nothing_but_the_name_of_a_condition_and_the_prompt_leaves(run, server):
    run(["sinus tachycardia"])

    assert {entry["question"] for entry in server.log} == {'{"condition": "sinus tachycardia"}'}


class TestLocalModel:
    @pytest.fixture
    def run_locally(self, tmp_path):
        """A function that runs the command with a model that knows nothing."""
        pytest.importorskip("llguidance")
        model_dir = save_language_model(tmp_path / "model", seed=1)
        (tmp_path / "conditions.txt").write_text("\n".join(GOOD), encoding="utf-8")

        def run_locally(*flags):
            words = ["--conditions", str(tmp_path / "conditions.txt"), "--output_dir", str(tmp_path / "out")]
            words += ["--backend", "transformers", "--model", str(model_dir), "--num_simulated", "30"]
            main([*words, "--max_new_tokens", "60", *flags])
            return read(tmp_path / "out")

        return run_locally

    def test_what_it_writes_is_refused_and_never_a_definition(self, run_locally):
        definitions, lines = run_locally()

        assert definitions == {}
        assert {line["status"] for line in lines.values()} == {"failed"}
        refusals = [sample["refusals"] for line in lines.values() for sample in line["samples"]]
        assert [len(refused) for refused in refusals] == [2, 2, 2, 2]

    def test_a_second_run_does_not_ask_it_again(self, run_locally, monkeypatch):
        run_locally()
        monkeypatch.setattr("datasets_scripts.extraction.backends.local_model.LocalModelBackend.answer", None)

        _, lines = run_locally()

        assert {line["status"] for line in lines.values()} == {"failed"}

    def test_good_answers_of_it_are_definitions(self, run_locally, monkeypatch):
        drawn = []

        def answer_well(backend, conversations, samplings):
            drawn.extend(samplings)
            conditions = [json.loads(messages[-1]["content"])["condition"] for messages in conversations]
            bodies = [json.loads(answer(condition, GOOD[condition])) for condition in conditions]
            return [LocalAnswer(body["choices"][0]["message"]["content"], True) for body in bodies]

        from datasets_scripts.extraction.backends.local_model import LocalAnswer

        monkeypatch.setattr("datasets_scripts.extraction.backends.local_model.LocalModelBackend.answer", answer_well)

        definitions, _ = run_locally()

        assert list(definitions) == list(GOOD)
        assert sorted(sampling.temperature for sampling in drawn) == [0.0, 0.0, 0.7, 0.7]
