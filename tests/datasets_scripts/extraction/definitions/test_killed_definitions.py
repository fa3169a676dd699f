"""Definitions: a run that is killed asks again what was under way at that moment, and pays for nothing else twice."""

import json
import subprocess
import sys
import time
from collections import Counter
from types import SimpleNamespace

import pytest
import yaml
from helpers.repository import ROOT
from helpers.servers.chat_server import answer_with, complete, serve_chat


NUM_CONDITIONS, CONCURRENCY = 15, 3


def answer_slowly(condition):
    """The body of an answer, after a while."""
    time.sleep(0.1)
    limit = 100 + int(condition.rpartition(" ")[2])
    answer = {"condition": condition, "rationale": "x", "expression": f"qrs_ms > {limit}", "source": "x"}
    return complete(json.dumps(answer))


def start(folder, server):
    """The command in a process of its own."""
    words = ["-m", "datasets_scripts.extraction.definitions", "--conditions", folder / "conditions.txt"]
    words += ["--output_dir", folder / "out", "--model", "m", "--base_url", server.base_url, "--num_simulated", "5"]
    words += ["--max_concurrency", str(CONCURRENCY)]
    return subprocess.Popen([sys.executable, *map(str, words)], cwd=ROOT, stderr=subprocess.PIPE, text=True)


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    """A run that was killed twice, after every number of answers anew, and then ended."""
    folder = tmp_path_factory.mktemp("killed")
    names = [f"wide qrs number {number}" for number in range(NUM_CONDITIONS)]
    (folder / "conditions.txt").write_text("\n".join(names), encoding="utf-8")
    with serve_chat(answer_with(answer_slowly)) as server:
        for num_answers in (5, 15):
            process = start(folder, server)
            while server.count_answers().total() < num_answers and process.poll() is None:
                time.sleep(0.002)
            process.kill()
            process.communicate()
        last = start(folder, server)
        said = last.communicate(timeout=120)[1]
        yield SimpleNamespace(folder=folder, log=server.log, code=last.returncode, said=said)


def test_each_kill_repeats_at_most_the_requests_under_way(killed):
    asked = Counter((entry["subject"], entry["payload"]["seed"]) for entry in killed.log)

    assert killed.code == 0, killed.said
    assert len(asked) == 2 * NUM_CONDITIONS
    assert asked.total() - len(asked) <= 2 * CONCURRENCY


def test_every_condition_is_defined(killed):
    content = yaml.safe_load((killed.folder / "out" / "definitions.yaml").read_text(encoding="utf-8"))

    assert [entry["expression"] for entry in content] == [f"qrs_ms > {100 + number}" for number in range(15)]


def test_a_question_that_is_repeated_has_the_same_key_and_another_sample_another_one(killed):
    keys = {}
    for entry in killed.log:
        headers = {name.lower(): value for name, value in entry["headers"].items()}
        keys.setdefault((entry["subject"], entry["payload"]["seed"]), set()).add(headers["idempotency-key"])

    assert {len(of_question) for of_question in keys.values()} == {1}
    assert len(set().union(*keys.values())) == len(keys)
