"""The `endpoint` backend: whatever a server does, every statement ends read or marked, and none is paid for twice."""

import json
import logging
import os
import subprocess
import sys
import time
import traceback

import pandas as pd
import pytest
from helpers.servers.chat_server import answer_with, complete, fail_with, serve_chat

from datasets_scripts.extraction.backends.answers import ANSWER_SCHEMA
from datasets_scripts.extraction.backends.backend import BackendArguments, BackendError
from datasets_scripts.extraction.backends.chat_client import make_response_formats
from datasets_scripts.extraction.backends.endpoint import EndpointBackend
from datasets_scripts.extraction.backends.statement_task import StatementTask
from datasets_scripts.extraction.readings.rules import read_statement


TASK = StatementTask.load("findings_v1")
RESPONSE_FORMATS = make_response_formats("findings", ANSWER_SCHEMA)
STATEMENTS = ["Sinus rhythm", "LBBB", "Possible LVH", "Atrial fibrillation with RVR", "PVCs"]


def correct(statement):
    """The answer that the rules would give, as a model words it."""
    entities = [
        {"quote": statement, "entity": entity.entity, "certainty": entity.certainty}
        for entity in read_statement(statement).entities
    ]
    return json.dumps({"entities": entities}, ensure_ascii=False)


def drop(handler, statement):
    """Close the connection without a word."""
    handler.close_connection = True
    return False


def stop_halfway(handler, statement):
    """Promise a longer body than is sent."""
    handler.send(200, complete(correct(statement)), content_length=100_000)
    handler.close_connection = True
    return False


def hang(handler, statement):
    """Say nothing until the server is closed."""
    handler.server.is_closing.wait(30)
    return False


def drip(handler, statement):
    """Send a byte now and then, so that the connection never seems to be idle."""
    handler.send(200, b"{", content_length=1000)
    while not handler.server.is_closing.wait(0.1):
        handler.wfile.write(b" ")
        handler.wfile.flush()
    return False


def never_end(handler, statement):
    """Send an answer without an end."""
    handler.send(200, b"{", content_length=10**12)
    while not handler.server.is_closing.is_set():
        handler.wfile.write(b" " * 100_000)
    return True


ANSWER = answer_with(lambda statement: complete(correct(statement)))
INVENTED = '{"entities":[{"quote":"%s","entity":"ventricular fibrillation","certainty":"positive"}]}'
EXTRA_KEY = '{"entities":[{"quote":"","entity":"sinus rhythm","certainty":"positive","icd":"I48"}],"note":"%s"}'
BAD_ANSWERS = {
    "truncated JSON": answer_with(lambda statement: complete(correct(statement)[:-9])),
    "no JSON": answer_with(lambda statement: complete(f"The finding is {statement}.")),
    "extra keys": answer_with(lambda statement: complete(EXTRA_KEY % statement)),
    "invented finding": answer_with(lambda statement: complete(INVENTED % statement)),
    "10 MB": answer_with(lambda statement: complete(correct(statement), padding="x" * 10_000_000)),
    "endless": never_end,
    "latin-1": answer_with(lambda statement: complete(f"Rhythmusstörung: {statement}").decode().encode("latin-1")),
    "invalid UTF-8": answer_with(lambda statement: complete(correct(statement))[:-1] + b"\xff\xfe}"),
    "UTF-16": answer_with(lambda statement: complete(correct(statement)).decode().encode("utf-16")),
    "lone surrogate": answer_with(lambda _: complete('{"entities":[{"entity":"\\ud800","certainty":"positive"}]}')),
    "no choices": answer_with(lambda _: b'{"choices": []}'),
    "a list": answer_with(lambda _: b"[1, 2]"),
    "deep nesting": answer_with(lambda _: b"[" * 100_000),
    "no text": answer_with(lambda _: complete(None)),
    "empty": answer_with(lambda _: b""),
}
FAILURES = {
    "hangs": hang,
    "drips": drip,
    "429": fail_with(429, retry_after="0"),
    "500": fail_with(500),
    "503": fail_with(503, retry_after="soon"),
    "drops": drop,
    "stops halfway": stop_halfway,
    "400": fail_with(400),
}


@pytest.fixture
def server():
    """A running `ChatServer` that answers as the rules would."""
    with serve_chat(ANSWER) as server:
        yield server


@pytest.fixture(autouse=True)
def no_keys(monkeypatch):
    """Keys of the machine play no part."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("HF_TOKEN", raising=False)


def make_backend(server, **flags):
    """The backend with short pauses."""
    defaults = {"model": "tiny", "base_url": server.base_url, "max_retries": 3, "retry_wait_s": 0.01}
    arguments = BackendArguments(backend="endpoint", **{**defaults, "request_timeout_s": 20.0, **flags})
    return EndpointBackend(arguments, TASK)


def read(server, statements=STATEMENTS, **flags):
    """Readings by statement."""
    return dict(make_backend(server, **flags).read(statements))


def test_every_statement_is_read_once(server):
    readings = read(server)

    assert {statement: reading.backend for statement, reading in readings.items()} == dict.fromkeys(
        STATEMENTS, "endpoint"
    )
    assert server.count_answers() == dict.fromkeys(STATEMENTS, 1)


def test_a_reading_names_model_and_prompt(server):
    reading = read(server, ["PVCs"])["PVCs"]

    assert reading.entities == (("premature ventricular contraction", "positive", "", ""),)
    assert (reading.model, reading.problem) == ("tiny", "")
    assert reading.prompt_version == TASK.prompt_version


def test_a_request_is_deterministic_and_asks_for_the_schema(server):
    read(server, ["PVCs"])

    payload = server.log[0]["payload"]
    assert (payload["model"], payload["temperature"], payload["seed"]) == ("tiny", 0.0, 0)
    assert payload["response_format"] == RESPONSE_FORMATS[0]


@pytest.mark.parametrize("behaviour", BAD_ANSWERS.values(), ids=BAD_ANSWERS)
def test_a_bad_answer_is_asked_for_again(server, behaviour):
    server.scripts["LBBB"] = [behaviour, ANSWER]

    readings = read(server)

    assert readings["LBBB"].backend == "endpoint"
    assert readings["LBBB"].entities == (("left bundle branch block", "positive", "", ""),)


@pytest.mark.parametrize(
    ("kind", "problem"),
    [
        ("truncated JSON", "the answer is not JSON, or was cut off"),
        ("no JSON", "the answer is not JSON, or was cut off"),
        ("extra keys", 'the answer is not a JSON object with the one key "entities"'),
        ("invented finding", "a finding of the answer is not in the statement"),
        ("10 MB", "the answer is larger than 1000000 bytes"),
        ("endless", "the answer is larger than 1000000 bytes"),
        ("latin-1", "the server sent no chat completion in UTF-8 JSON"),
        ("invalid UTF-8", "the server sent no chat completion in UTF-8 JSON"),
        ("UTF-16", "the server sent no chat completion in UTF-8 JSON"),
        ("lone surrogate", "an entity has characters that cannot be printed"),
        ("no choices", "the server sent no chat completion in UTF-8 JSON"),
        ("a list", "the server sent no chat completion in UTF-8 JSON"),
        ("deep nesting", "the server sent no chat completion in UTF-8 JSON"),
        ("no text", "the answer has no text"),
        ("empty", "the server sent no chat completion in UTF-8 JSON"),
    ],
)
def test_a_statement_with_three_bad_answers_is_left_to_the_rules(server, kind, problem):
    server.scripts["LBBB"] = [BAD_ANSWERS[kind]]

    readings = read(server)

    assert (readings["LBBB"].backend, readings["LBBB"].entities) == ("rules", read_statement("LBBB").entities)
    assert {statement: reading.problem for statement, reading in readings.items() if reading.problem} == {
        "LBBB": problem
    }
    assert [entry["subject"] for entry in server.log].count("LBBB") == 3


def test_no_question_is_put_twice_in_the_same_words_and_that_answers_are_drawn_is_said_once(server, caplog):
    server.scripts |= {statement: [BAD_ANSWERS["no JSON"]] for statement in ("LBBB", "PVCs")}

    read(server)

    asked = [json.dumps(entry["payload"]) for entry in server.log if entry["subject"] == "LBBB"]
    temperatures = [json.loads(payload)["temperature"] for payload in asked]
    assert (len(set(asked)), temperatures) == (3, [0.0, 0.0, 0.7])
    assert caplog.text.count("refused twice: further ones are drawn at temperature 0.7") == 1


def test_the_model_is_told_why_an_answer_was_refused(server):
    server.scripts["LBBB"] = [BAD_ANSWERS["invented finding"], ANSWER]

    read(server, ["LBBB"])

    assert 'The statement does not say "ventricular fibrillation"' in server.log[1]["question"]


@pytest.mark.parametrize("kind", [kind for kind in FAILURES if kind not in ("400", "hangs", "drips")])
def test_a_failed_request_is_repeated(server, kind):
    server.scripts["LBBB"] = [FAILURES[kind], FAILURES[kind], ANSWER]

    readings = read(server)

    assert (readings["LBBB"].backend, readings["LBBB"].problem) == ("endpoint", "")
    assert server.count_answers() == dict.fromkeys(STATEMENTS, 1)


@pytest.mark.parametrize(
    ("kind", "problem"),
    [
        ("hangs", "no answer within 1 s"),
        ("drips", "no answer within 1 s"),
        ("429", "HTTP 429"),
        ("500", "HTTP 500"),
        ("drops", "the connection broke off"),
        ("stops halfway", "the connection broke off"),
        ("400", "HTTP 400"),
    ],
)
def test_a_statement_that_always_fails_is_left_to_the_rules(server, kind, problem):
    server.scripts["LBBB"] = [FAILURES[kind]]
    backend = make_backend(server, max_retries=1, request_timeout_s=1.0)

    readings = dict(backend.read(["PVCs"])) | dict(backend.read(["LBBB"]))

    assert (readings["LBBB"].backend, readings["LBBB"].problem) == ("rules", problem)
    assert readings["PVCs"].problem == ""


def test_the_pause_that_the_server_asks_for_is_kept(server):
    server.scripts["LBBB"] = [fail_with(429, retry_after="1"), ANSWER]
    start = time.monotonic()

    read(server, ["LBBB"])

    assert time.monotonic() - start >= 1.0


def test_no_more_requests_than_allowed_are_under_way(server):
    under_way, most = [], []

    def count(handler, statement):
        under_way.append(statement)
        most.append(len(under_way))
        time.sleep(0.02)
        under_way.remove(statement)
        return ANSWER(handler, statement)

    server.default = [count]

    read(server, max_concurrency=2)

    assert max(most) == 2


@pytest.mark.parametrize("accepted", [1, 2], ids=["text-generation-inference", "transformers serve"])
def test_a_server_that_does_not_know_the_way_to_ask_for_json_is_asked_another_way(server, accepted):
    def answer_one_format(handler, statement):
        is_known = handler.payload.get("response_format") == RESPONSE_FORMATS[accepted]
        return ANSWER(handler, statement) if is_known else fail_with(422)(handler, statement)

    server.default = [answer_one_format]

    readings = read(server, max_concurrency=1)

    assert [reading.problem for reading in readings.values()] == [""] * 5
    assert len(server.log) == 5 + accepted


def test_a_server_that_does_not_exist_is_a_clear_error(server):
    server.server_close()

    with pytest.raises(BackendError, match=r"no connection to http://127.0.0.1:\d+\. Start the server"):
        read(server)


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (401, r"refuses access \(HTTP 401\).*OPENAI_API_KEY"),
        (403, r"refuses access \(HTTP 403\)"),
        (404, r"has no chat completions of model 'tiny' .*HTTP 404.*--base_url.*--model"),
        (307, r"HTTP 307.*Redirects are not followed"),
    ],
)
def test_a_server_that_can_read_nothing_is_a_clear_error_at_once(server, status, message):
    server.default = [fail_with(status, location="http://127.0.0.1:9/elsewhere")]

    with pytest.raises(BackendError, match=message):
        read(server, max_concurrency=1)
    assert len(server.log) == 1


def test_what_is_read_before_a_key_expires_is_kept(server):
    server.scripts["PVCs"] = [fail_with(401)]
    kept = {}

    with pytest.raises(BackendError, match="refuses access"):
        kept.update(make_backend(server).read(STATEMENTS))
    assert set(kept) == set(STATEMENTS) - {"PVCs"}


def test_a_server_that_never_works_is_given_up(server):
    server.default = [fail_with(500)]

    with pytest.raises(BackendError, match=r"answered none of 25 statements.*HTTP 500"):
        read(server, [f"PVC {number}" for number in range(100)], max_retries=0)


def test_a_server_that_goes_away_is_not_asked_for_the_rest(server):
    statements = [f"PVC {number}" for number in range(100)]
    server.default = [fail_with(500)]
    server.scripts["PVC 0"] = [ANSWER]

    readings = read(server, statements, max_retries=0, max_concurrency=1)

    assert (len(readings), len(server.log)) == (100, 26)
    assert readings["PVC 99"].problem == "not asked: no answer to 25 statements in a row (HTTP 500)"


def test_a_model_that_never_gives_a_usable_answer_is_given_up(server):
    server.default = [BAD_ANSWERS["no JSON"]]

    with pytest.raises(BackendError, match=r"Not one answer of model 'tiny' to 100 statements could be used"):
        read(server, [f"PVC {number}" for number in range(120)])


def test_the_key_is_sent_to_its_own_server_only(server, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    read(server, ["PVCs"])
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    read(server, ["LBBB"])

    keys = [{name.lower(): value for name, value in entry["headers"].items()} for entry in server.log]

    assert [headers.get("authorization") for headers in keys] == [None, "Bearer sk-secret"]


def test_tokens_and_money_are_counted_from_what_the_server_says(server):
    backend = make_backend(server, input_price=2.0, output_price=10.0)

    list(backend.read(STATEMENTS))

    assert backend.cost == (5, 5000, 250, pytest.approx(5 * (0.002 + 0.0005)), False)


def test_tokens_are_estimated_where_the_server_does_not_say(server):
    server.default = [answer_with(lambda statement: complete(correct(statement), usage=None))]
    backend = make_backend(server)

    list(backend.read(["PVCs"]))

    assert backend.cost.is_estimated
    assert 1000 < backend.cost.input_tokens < 3000


def test_refused_answers_are_paid_for_too(server):
    server.scripts["LBBB"] = [BAD_ANSWERS["extra keys"], ANSWER]
    backend = make_backend(server)

    list(backend.read(["LBBB"]))

    assert backend.cost[:3] == (2, 2000, 100)


def test_the_cost_limit_is_never_exceeded_and_the_rest_is_marked(server):
    backend = make_backend(server, input_price=1.0, output_price=1.0, max_cost=0.006, max_concurrency=2)

    readings = dict(backend.read(STATEMENTS))

    problems = [reading.problem for reading in readings.values() if reading.problem]
    assert 2 <= len(server.log) < 5
    assert problems == ["not asked: the next answer could exceed `--max_cost` (0.006)"] * (5 - len(server.log))
    assert backend.cost.amount <= 0.006


def test_an_estimate_asks_nothing_and_grows_with_the_statements(server):
    backend = make_backend(server, input_price=1.0, output_price=1.0)

    small, large = backend.estimate(STATEMENTS[:1]), backend.estimate(STATEMENTS * 2)

    assert server.log == []
    assert large.num_requests == 10
    assert large.amount == pytest.approx(10 * small.amount, rel=0.05)


@pytest.mark.parametrize("behaviour", [*BAD_ANSWERS.values(), *FAILURES.values()], ids=[*BAD_ANSWERS, *FAILURES])
def test_no_text_of_a_statement_is_logged_at_any_level(server, behaviour, caplog):
    caplog.set_level(logging.DEBUG)
    server.default = [behaviour]
    server.scripts["Sinus rhythm"] = [ANSWER]
    statement = "Left posterior fascicular block of Mrs Miller"

    readings = read(server, ["Sinus rhythm", statement], max_retries=1, request_timeout_s=1.0)

    assert readings[statement].problem
    assert "Miller" not in caplog.text + readings[statement].problem
    assert "ascicular" not in caplog.text


def test_no_text_of_a_statement_is_in_an_error(server):
    server.default = [fail_with(401)]
    statements = ["Sinus rhythm of Mrs Miller"]

    with pytest.raises(BackendError, match="refuses access") as caught:
        read(server, statements)
    assert "Miller" not in "".join(traceback.format_exception(caught.value))


def test_after_sigkill_no_answered_statement_is_asked_again(server, tmp_path):
    reports, output_dir = tmp_path / "reports.csv", tmp_path / "labels"
    pd.DataFrame({"record_id": range(5), "report": STATEMENTS}).to_csv(reports, index=False)
    server.scripts["PVCs"] = [hang, ANSWER]

    process = start_command(server, reports, output_dir)
    wait_until(lambda: "PVCs" in [entry["subject"] for entry in server.log], process)
    wait_until(lambda: count_lines(output_dir / "readings.jsonl") == 4, process)
    process.kill()
    process.wait()
    server.is_closing.set()
    resumed = start_command(server, reports, output_dir)

    assert resumed.wait(120) == 0
    assert server.count_answers() == dict.fromkeys(STATEMENTS, 1)
    assert [entry["subject"] for entry in server.log].count("PVCs") == 2
    lines = (output_dir / "statements.jsonl").read_text(encoding="utf-8").splitlines()
    assert [(json.loads(line)["backend"], json.loads(line)["problem"]) for line in lines] == [("endpoint", "")] * 5
    assert not any(statement in (tmp_path / "log.txt").read_text() for statement in STATEMENTS)


def start_command(server, reports, output_dir):
    """The command in a process of its own, with every log at its most talkative in `log.txt`."""
    command = [sys.executable, "-m", "datasets_scripts.extraction", "--reports", reports, "--output_dir", output_dir]
    command += ["--backend", "endpoint", "--model", "tiny", "--base_url", server.base_url, "--retry_wait_s", "0.01"]
    environment = {**os.environ, "HF_DEBUG": "1", "HF_HUB_OFFLINE": "1"}
    with (reports.parent / "log.txt").open("a") as log:
        return subprocess.Popen([str(part) for part in command], stdout=log, stderr=log, env=environment)


def count_lines(path):
    """Whole lines of a file that may not exist yet."""
    return path.read_bytes().count(b"\n") if path.exists() else 0


def wait_until(condition, process, timeout_s=120):
    """Wait for a condition as long as the process runs."""
    end = time.monotonic() + timeout_s
    while not condition():
        assert process.poll() is None, "the command ended early"
        assert time.monotonic() < end, "the command took too long"
        time.sleep(0.02)
