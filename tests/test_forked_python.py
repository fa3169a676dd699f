"""A process that is forked is what a new one is, but for the libraries that it finds loaded."""

import json
import os
import signal
import subprocess
import sys

import pytest
from helpers.forked_python import run_forked, start_forked
from helpers.waiting import wait_for


TELL = """
import json, os, sys
print(json.dumps([__name__, sys.argv, os.getcwd(), os.environ.get("OWN"), sys.path, sorted(os.environ)]))
print("said", file=sys.stderr)
"""


@pytest.fixture
def environment(tmp_path):
    """Of a process with a variable and a path of its own."""
    return {**os.environ, "OWN": "mine", "PYTHONPATH": str(tmp_path / "more")}


@pytest.mark.parametrize("words", [["-c", TELL], ["-m", "tell"], ["tell.py"]], ids=["-c", "-m", "a script"])
def test_words_folder_environment_and_paths_are_those_of_a_new_process(words, environment, tmp_path):
    (tmp_path / "tell.py").write_text(TELL, encoding="utf-8")
    new = subprocess.run(
        [sys.executable, *words, "a", "b"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )

    forked = run_forked(*words, "a", "b", cwd=tmp_path, env=environment)

    assert (forked.returncode, json.loads(forked.stdout)) == (0, json.loads(new.stdout))
    assert forked.stderr == "said\n"


@pytest.mark.parametrize(
    ("code", "returncode", "said"),
    [
        ("import atexit; atexit.register(print, 'ended')", 0, ""),
        ("raise SystemExit(3)", 3, ""),
        ("import sys; sys.exit('no way')", 1, "no way\n"),
        ("1 / 0", 1, "ZeroDivisionError: division by zero\n"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL, ""),
    ],
)
def test_it_ends_as_a_new_process_does(code, returncode, said):
    forked = run_forked("-c", code)

    assert forked.returncode == returncode
    assert forked.stderr.endswith(said)
    assert forked.stdout == ("ended\n" if "atexit" in code else "")


def test_torch_is_loaded_and_what_reads_settings_is_not():
    forked = run_forked("-c", "import sys; print(*sys.modules)")

    loaded = set(forked.stdout.split())
    assert "torch" in loaded
    assert loaded.isdisjoint({"transformers", "huggingface_hub", "datasets", "accelerate", "modeling_supreme"})


def test_one_that_runs_can_be_killed(tmp_path):
    forked = start_forked("-c", "import time; print('on', flush=True); time.sleep(600)", stdout=tmp_path / "out")
    wait_for(lambda: (tmp_path / "out").exists() and (tmp_path / "out").read_text())

    assert forked.poll() is None
    forked.send_signal(signal.SIGKILL)
    assert forked.wait() == -signal.SIGKILL


def test_two_draw_different_numbers():
    code = "import random, numpy; print(random.random(), numpy.random.random())"

    drawn = [run_forked("-c", code).stdout.split() for _ in range(2)]

    assert len({number for numbers in drawn for number in numbers}) == 4
