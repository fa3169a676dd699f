"""An extraction that is killed asks again what was under way at that moment, and pays for nothing else twice."""

import json
import subprocess
import sys
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest
from helpers.repository import ROOT


NUM_STATEMENTS, CONCURRENCY = 60, 4
# An answer that names what no statement says is refused, and asked for twice more
REFUSED = json.dumps({"entities": [{"quote": "x", "entity": "what nobody said", "certainty": "positive"}]})
READ = json.dumps({"entities": []})


class CountingServer(ThreadingHTTPServer):
    """Answers chat completions after a while, and counts them by question; every third statement is first refused."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), CountingHandler)
        self.lock = threading.Lock()
        self.asked, self.keys, self.answered = Counter(), {}, set()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, request, client_address):
        """A client that was killed is no error of the server."""


class CountingHandler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        question = body["messages"][-1]["content"]
        with self.server.lock:
            self.server.asked[question] += 1
            self.server.keys.setdefault(question, set()).add(self.headers["idempotency-key"])
        time.sleep(0.05)
        is_refused = "refused" not in question and "statement 3" in question
        answer = {
            "choices": [{"index": 0, "message": {"role": "assistant", "content": REFUSED if is_refused else READ}}]
        }
        content = json.dumps({**answer, "usage": {"prompt_tokens": 9, "completion_tokens": 9}}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
        with self.server.lock:
            self.server.answered.add(question)

    def log_message(self, *words):
        """The log of tests needs no requests."""


def start_extraction(folder, port):
    command = [
        "-m",
        "datasets_scripts.extraction",
        "--reports",
        folder / "reports.csv",
        "--output_dir",
        folder / "out",
    ]
    command += ["--backend", "endpoint", "--model", "m", "--base_url", f"http://127.0.0.1:{port}/v1"]
    command += ["--max_concurrency", str(CONCURRENCY)]
    return subprocess.Popen([sys.executable, *map(str, command)], cwd=ROOT, stderr=subprocess.PIPE, text=True)


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    """A run that was killed twice, after every number of answers anew, and then ended."""
    folder = tmp_path_factory.mktemp("killed")
    rows = [f'{number},"statement {number} of atrial fibrillation"' for number in range(NUM_STATEMENTS)]
    (folder / "reports.csv").write_text("\n".join(["record_id,report", *rows]) + "\n", encoding="utf-8")
    server = CountingServer()
    for num_answers in (10, 40):
        process = start_extraction(folder, server.server_port)
        while len(server.answered) < num_answers and process.poll() is None:
            time.sleep(0.002)
        process.kill()
        process.communicate()
    last = start_extraction(folder, server.server_port)
    said = last.communicate(timeout=120)[1]
    server.shutdown()
    server.server_close()
    return SimpleNamespace(folder=folder, server=server, code=last.returncode, said=said)


def test_each_kill_repeats_at_most_the_requests_under_way(killed):
    num_repeated = sum(count - 1 for count in killed.server.asked.values())

    assert killed.code == 0, killed.said
    assert num_repeated <= 2 * CONCURRENCY


def test_every_statement_is_read(killed):
    lines = (killed.folder / "out" / "statements.jsonl").read_text(encoding="utf-8").splitlines()

    assert len(lines) == NUM_STATEMENTS
    assert {json.loads(line)["backend"] for line in lines} == {"endpoint"}


def test_a_question_that_is_repeated_has_the_same_key_and_another_one_another(killed):
    keys = killed.server.keys

    assert {len(of_question) for of_question in keys.values()} == {1}
    assert len({key for of_question in keys.values() for key in of_question}) == len(keys)


def test_an_answer_that_was_refused_is_not_asked_for_again(killed):
    first = [question for question in killed.server.asked if "refused" not in question and "statement 3" in question]

    assert len(first) == 11  # statements 3 and 30 to 39
    assert sum(killed.server.asked[question] - 1 for question in first) <= 2 * CONCURRENCY


def test_the_run_that_follows_says_that_it_takes_over(killed):
    assert "left by a run that is gone" in killed.said
