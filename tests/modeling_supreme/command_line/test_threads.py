"""Threads are chosen in one place, from the cores that are free, unless the user has chosen."""

import re

import pytest
import torch

from modeling_supreme.command_line import threads


@pytest.fixture
def machine(monkeypatch):
    """A function that sets up a machine on which nobody has chosen: cores, how busy each is, and a quota."""
    known = torch.get_num_threads()

    def make(*, shares, cores, quota=threads.UNLIMITED, used_s=0.0):
        for name in (*threads.CHOSEN_BY, "LOCAL_WORLD_SIZE"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setattr(threads, "list_cores", lambda: list(cores))
        monkeypatch.setattr(threads, "read_quota", lambda: quota)
        usages = iter([0.0, used_s])
        monkeypatch.setattr(threads, "read_usage_s", lambda: next(usages))
        monkeypatch.setattr(threads.time, "perf_counter", iter([0.0, 1.0]).__next__)
        monkeypatch.setattr(threads.psutil, "cpu_percent", lambda interval, percpu: list(shares))
        torch.set_num_threads(8)

    yield make
    torch.set_num_threads(known)


@pytest.mark.parametrize(
    ("shares", "cores", "quota", "used_s", "number"),
    [
        ([2.0, 0.0, 3.0, 1.0], range(4), threads.UNLIMITED, 0.0, 4),
        ([97.0, 0.0, 3.0, 99.0], range(4), threads.UNLIMITED, 0.0, 2),
        ([100.0, 100.0], range(2), threads.UNLIMITED, 0.0, 1),
        ([0.0, 100.0, 0.0, 0.0], (0, 1), threads.UNLIMITED, 0.0, 1),
        ([0.0] * 8, range(8), 2.0, 0.0, 2),
        ([0.0] * 8, range(8), 3.0, 1.1, 2),
    ],
    ids=["idle", "half busy", "all busy", "two cores allowed", "quota of two", "quota shared with others"],
)
def test_free_cores_are_taken(machine, shares, cores, quota, used_s, number):
    machine(shares=shares, cores=cores, quota=quota, used_s=used_s)

    assert threads.choose_threads().number == number
    assert torch.get_num_threads() == number


def test_a_number_set_in_the_environment_stays(machine, monkeypatch):
    machine(shares=[100.0, 100.0], cores=range(2))
    monkeypatch.setenv("OMP_NUM_THREADS", "8")

    assert threads.choose_threads().line() == "Computing with 8 threads: OMP_NUM_THREADS=8 is set."


def test_a_number_set_in_torch_is_not_exceeded(machine):
    machine(shares=[0.0] * 4, cores=range(4))
    torch.set_num_threads(2)

    assert threads.choose_threads().number == 2


def test_processes_of_one_run_share_the_cores(machine, monkeypatch):
    machine(shares=[0.0] * 4, cores=range(4))
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")

    assert threads.choose_threads().number == 2


class TestSessionThatGoesOn:
    def test_it_computes_with_as_many_as_the_session_before(self, machine):
        machine(shares=[0.0], cores=range(1))

        assert threads.keep_threads(3).startswith("Computing with 3 threads: as the session before")
        assert torch.get_num_threads() == 3
        assert threads.keep_threads(3) is None

    def test_what_the_user_has_set_stays_and_is_said(self, machine, monkeypatch):
        machine(shares=[0.0], cores=range(1))
        monkeypatch.setenv("OMP_NUM_THREADS", "8")

        assert re.match(r"OMP_NUM_THREADS=8 is set.*3 threads: last digits may differ", threads.keep_threads(3))
        assert torch.get_num_threads() == 8


def test_a_command_says_which_in_one_line(machine):
    machine(shares=[90.0, 0.0], cores=range(2))
    said = []

    threads.say_threads(said.append)

    assert said == ["Computing with 1 thread: 1 of 2 cores is free.\n"]


def test_quotas_of_this_machine_can_be_read():
    assert threads.read_quota() > 0
    assert threads.read_usage_s() >= 0
