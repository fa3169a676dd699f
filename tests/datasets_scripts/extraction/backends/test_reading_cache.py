"""`CachedBackend`: a reading is on disk before the next one is asked for, and what is on disk is not asked again."""

import json

import pytest

from datasets_scripts.extraction.backends.backend import NOT_ASKED, Refusal
from datasets_scripts.extraction.backends.costs import Cost
from datasets_scripts.extraction.backends.reading_cache import CachedBackend
from datasets_scripts.extraction.backends.statement_task import StatementTask
from datasets_scripts.extraction.readings.reading import Entity, Reading


TASK = StatementTask.load("findings_v1")


class ScriptedBackend:
    """Reads what it is asked, notes it, and fails where told so."""

    name, cost = "endpoint", Cost()

    def __init__(self, *, model="tiny", prompt_version="p-1", problems=None):
        self.model, self.prompt_version = model, prompt_version
        self.problems = problems or {}
        self.asked = []

    def read(self, statements):
        for statement in statements:
            self.asked.append(statement)
            if statement in self.problems:
                yield statement, TASK.fall_back(statement, self.problems[statement])
            else:
                entity = Entity(f"what {self.model} reads in {statement}", "positive", "", "")
                yield statement, Reading((entity,), True, self.name, self.model, self.prompt_version)

    def estimate(self, statements):
        return Cost(len(statements))


@pytest.fixture
def path(tmp_path):
    """Where the readings are kept."""
    return tmp_path / "labels" / "readings.jsonl"


def read(path, statements, *, retry_failed=False, **fields):
    """Readings by statement, and what was asked."""
    backend = ScriptedBackend(**fields)
    readings = dict(CachedBackend(backend, TASK, path, retry_failed=retry_failed).read(statements))
    return readings, backend.asked


def test_a_second_run_asks_nothing_and_reads_the_same(path):
    first, asked_first = read(path, ["LVH", "Ischämie"])
    second, asked_second = read(path, ["Ischämie", "LVH"])

    assert (asked_first, asked_second) == (["LVH", "Ischämie"], [])
    assert first == second


def test_a_reading_is_on_disk_before_it_is_handed_on(path):
    readings = CachedBackend(ScriptedBackend(), TASK, path).read(["LVH", "PVCs"])

    next(readings)

    assert [json.loads(line)["key"] for line in path.read_text(encoding="utf-8").splitlines()] == ["lvh"]
    readings.close()


def test_spellings_of_one_statement_are_asked_once(path):
    readings, asked = read(path, ["Sinus rhythm", "SINUS RHYTHM.", "*** Sinus rhythm ***"])

    assert asked == ["Sinus rhythm"]
    assert len(readings) == 3
    assert len(set(readings.values())) == 1


def test_a_statement_without_a_letter_is_not_asked(path):
    readings, asked = read(path, ["***", "PVCs"])

    assert asked == ["PVCs"]
    assert readings["***"].entities == ()


@pytest.mark.parametrize("change", [{"model": "large"}, {"prompt_version": "p-2"}])
def test_another_model_or_prompt_is_asked_anew(path, change):
    read(path, ["LVH"])

    _, asked = read(path, ["LVH"], **change)
    _, asked_again = read(path, ["LVH"])

    assert (asked, asked_again) == (["LVH"], [])


def test_a_failed_statement_is_asked_again_only_on_request(path):
    failed, _ = read(path, ["LVH", "PVCs"], problems={"LVH": "HTTP 500"})
    kept, asked = read(path, ["LVH", "PVCs"])
    retried, asked_on_request = read(path, ["LVH", "PVCs"], retry_failed=True)

    assert (asked, asked_on_request) == ([], ["LVH"])
    assert failed["LVH"] == kept["LVH"]
    assert (kept["LVH"].problem, retried["LVH"].problem) == ("HTTP 500", "")


def test_a_success_is_not_replaced_by_a_later_failure(path):
    read(path, ["LVH"], problems={"LVH": "HTTP 500"})
    read(path, ["LVH"], retry_failed=True)

    readings, asked = read(path, ["LVH"], retry_failed=True, problems={"LVH": "HTTP 500"})

    assert (readings["LVH"].problem, asked) == ("", [])


def test_a_statement_that_was_not_asked_is_asked_by_the_next_run(path):
    read(path, ["LVH", "PVCs"], problems={"PVCs": f"{NOT_ASKED}the money is spent"})

    _, asked = read(path, ["LVH", "PVCs"])

    assert asked == ["PVCs"]


@pytest.mark.parametrize("num_bytes", [1, 10, 60])
def test_a_line_that_was_not_finished_is_passed_over(path, num_bytes):
    read(path, ["LVH", "PVCs"])
    path.write_bytes(path.read_bytes()[:-num_bytes])

    readings, asked = read(path, ["LVH", "PVCs", "RBBB"])
    _, asked_again = read(path, ["LVH", "PVCs", "RBBB"])

    assert [reading.problem for reading in readings.values()] == [""] * 3
    assert asked == ["PVCs", "RBBB"][num_bytes == 1 :]
    assert asked_again == []


@pytest.mark.parametrize("line", ["[]", "{}", "7", '{"key": "lvh", "asked": null, "entities": [1]}', "\ufeff"])
def test_a_line_of_another_kind_is_passed_over(path, line):
    path.parent.mkdir()
    path.write_text(f"{line}\n", encoding="utf-8")

    _, asked = read(path, ["LVH"])

    assert asked == ["LVH"]


@pytest.mark.parametrize("extra", [{}, {"position": 4, "text": "qrs >> 3"}], ids=["an earlier version", "this one"])
def test_a_refusal_on_file_is_known_to_the_next_run(path, extra):
    refusal = {"num_answers": 1, "problem": "it is no JSON", "reason": "It is no JSON.", **extra}
    path.parent.mkdir()
    line = {"key": "lvh", "asked": ["endpoint", "tiny", "p-1"], "refusal": refusal}
    path.write_text(json.dumps(line) + "\n", encoding="utf-8")

    found = CachedBackend(ScriptedBackend(), TASK, path).find_refusals("LVH")

    assert found == (Refusal(**refusal),)


def test_an_estimate_counts_what_is_not_on_file(path):
    read(path, ["LVH"])

    assert CachedBackend(ScriptedBackend(), TASK, path).estimate(["LVH", "PVCs", "pvcs"]) == Cost(1)


def test_an_estimate_leaves_no_file(path):
    CachedBackend(ScriptedBackend(), TASK, path).estimate(["LVH"])

    assert not path.parent.exists()
