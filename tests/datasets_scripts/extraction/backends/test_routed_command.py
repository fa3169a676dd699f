"""`--route`: the command asks a server about what the rules leave over, in groups, and tells what it ignores."""

import json
import logging

import pytest
from helpers.servers.chat_server import answer_with, complete, serve_chat

from datasets_scripts.extraction.__main__ import main
from datasets_scripts.extraction.backends.backend import BackendArguments
from datasets_scripts.extraction.backends.make_backend import make_backend
from datasets_scripts.extraction.backends.routes import RouteArguments
from datasets_scripts.extraction.readings.rules import read_statement


def call_all_fusion(subject):
    """A completion that finds fusion complexes in each statement, quoted as its first word left over."""
    readings = [
        {"number": one["number"], "entities": [name_fusion(one["left_over"][0])] if one["left_over"] else []}
        for one in json.loads(subject)
    ]
    return complete(json.dumps({"readings": readings}))


def name_fusion(quote):
    return {"quote": quote, "entity": "fusion complexes", "certainty": "positive"}


@pytest.fixture
def server():
    with serve_chat(answer_with(call_all_fusion)) as running:
        yield running


@pytest.fixture
def reports(tmp_path):
    path = tmp_path / "reports.csv"
    rows = "".join(f'{number},"LBBB. gremlins {letter * 2}"\n' for number, letter in enumerate("abcdef"))
    path.write_text(f"record_id,report\n{rows}", encoding="utf-8")
    return path


def run(reports, server, *flags):
    """Run the command against the server, and return the lines of `statements.jsonl` by statement."""
    output_dir = reports.parent / "labels"
    endpoint = ["--backend", "endpoint", "--base_url", server.base_url, "--model", "m"]
    main(["--reports", str(reports), "--output_dir", str(output_dir), *endpoint, *flags])
    lines = (output_dir / "statements.jsonl").read_text(encoding="utf-8").splitlines()
    return {line["statement"]: line for line in map(json.loads, lines)}


def test_only_what_was_left_over_is_asked_three_statements_at_a_time(reports, server):
    lines = run(reports, server, "--route", "leftover", "--statements_per_call", "3")

    assert [len(json.loads(entry["subject"])) for entry in server.log] == [3, 3]
    assert lines["LBBB"]["backend"] == "rules"
    assert [entity["entity"] for entity in lines["gremlins aa"]["entities"]] == ["fusion complexes"]
    assert lines["gremlins aa"]["quotes"] == {"fusion complexes": "gremlins"}
    assert lines["gremlins aa"]["review"] == ["fusion complexes"]
    assert not lines["gremlins aa"]["is_read"]  # nobody said what "aa" means


def test_a_second_run_asks_nothing(reports, server):
    for _ in range(2):
        run(reports, server, "--route", "leftover", "--statements_per_call", "3")

    assert len(server.log) == 2


def test_an_audit_leaves_the_readings_of_the_rules_and_notes_the_opinion(reports, server):
    lines = run(reports, server, "--route", "audit", "--statements_per_call", "10")

    assert len(server.log) == 1
    assert lines["gremlins aa"]["entities"] == []
    assert [entity["entity"] for entity in lines["gremlins aa"]["opinion"]] == ["fusion complexes"]


def test_a_dry_run_asks_nothing_and_tells_requests_and_time(reports, server, caplog):
    caplog.set_level(logging.INFO, logger="datasets_scripts.extraction")
    flags = ["--route", "leftover", "--statements_per_call", "2", "--seconds_per_answer", "4800", "--dry_run"]
    endpoint = ["--backend", "endpoint", "--base_url", server.base_url, "--model", "m"]

    main(["--reports", str(reports), "--output_dir", str(reports.parent / "labels"), *endpoint, *flags])

    assert server.log == []
    assert "would take 3 requests" in caplog.text
    assert "about 30 minutes" in caplog.text  # 3 answers of 4800 s, 8 at a time


def test_a_server_that_ignores_the_schema_is_told_of_once(server, tmp_path, caplog):
    server.default = [answer_with(lambda subject: complete("Sure! I would say fusion complexes."))]
    arguments = BackendArguments(backend="endpoint", base_url=server.base_url, model="m", retry_wait_s=0.0)
    backend = make_backend(arguments, tmp_path, routing=RouteArguments(route="leftover", statements_per_call=2))

    readings = dict(backend.read(["gremlins aa", "gremlins bb", "gremlins cc"]))

    assert caplog.text.count("ignores `response_format`") == 1
    assert readings["gremlins aa"] == read_statement("gremlins aa")._replace(
        problem="the answer is not JSON, or was cut off"
    )
