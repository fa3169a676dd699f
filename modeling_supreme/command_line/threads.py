"""How many threads a command computes with: as many as there are cores that nobody else uses.

Two threads that share a core wait for each other, and wait busily: a command that takes all cores of a busy machine is
slower than with one. So cores are counted that this process may use (its affinity and the limits of its control group)
less those that are at work while nobody here is.
"""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import psutil


# Who sets one of these has chosen; `accelerate launch` sets the first
CHOSEN_BY = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")
WATCHED_S = 0.25
CGROUPS = Path("/sys/fs/cgroup")
UNLIMITED = float("inf")


class Threads(NamedTuple):
    """A number of threads, and why.

    Attributes:
        number (`int`):
            At least 1.
        reason (`str`):
            For people.
    """

    number: int
    reason: str

    def line(self) -> str:
        """What a command says of it."""
        return f"Computing with {self.number} thread{'s' if self.number > 1 else ''}: {self.reason}."


def choose_threads() -> Threads:
    """Set the number of threads of torch, unless the user has, and return it; commands say it with [`say_threads`].

    A number set by an environment variable or by `torch.set_num_threads` before is a limit that is never exceeded. The
    processes of one run on a machine (`LOCAL_WORLD_SIZE`) share the cores.
    """
    import torch

    chosen = find_chosen()
    if chosen is not None:
        return Threads(torch.get_num_threads(), f"{chosen} is set")
    threads = count_free_cores()
    num_processes = max(1, int(os.environ.get("LOCAL_WORLD_SIZE", "1") or 1))
    number = max(1, min(threads.number // num_processes, torch.get_num_threads()))
    torch.set_num_threads(number)
    return Threads(number, threads.reason)


def keep_threads(number: int) -> str | None:
    """Compute with as many threads as before, for the same last bits of results, unless the user has chosen.

    Args:
        number (`int`):
            Threads of the session that is gone on from.

    Returns:
        `str` or `None`: What is to be said of it, if that is another number than this session's.
    """
    import torch

    own, chosen = torch.get_num_threads(), find_chosen()
    if own == number:
        return None
    if chosen is not None:
        return (
            f"{chosen} is set, and the session before had {number} threads: last digits may differ from those of an"
            " unbroken run."
        )
    torch.set_num_threads(number)
    return Threads(number, "as the session before, for the last digits depend on it").line()


def say_threads(say: Callable[[str], object] = sys.stderr.write) -> None:
    """Choose, and say which in one line."""
    say(f"{choose_threads().line()}\n")


def find_chosen() -> str | None:
    """The environment variable by which the user has chosen, if there is one."""
    return next((f"{name}={os.environ[name]}" for name in CHOSEN_BY if os.environ.get(name)), None)


def count_free_cores() -> Threads:
    """Cores that this process may use and that are idle now; looking takes a quarter of a second."""
    cores = list_cores()
    quota, used_before = read_quota(), read_usage_s()
    began = time.perf_counter()
    shares = psutil.cpu_percent(interval=WATCHED_S, percpu=True)
    used = (read_usage_s() - used_before) / (time.perf_counter() - began)
    num_busy = sum(shares[core] for core in cores if core < len(shares)) / 100
    most = min(float(len(cores)), quota)
    number = max(1, round(min(len(cores) - num_busy, quota - used)))
    return Threads(number, f"{number} of {most:g} cores {'is' if number == 1 else 'are'} free")


def list_cores() -> list[int]:
    """Numbers of the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def read_quota() -> float:
    """Cores' worth of time that the control groups of this process allow, the smallest of them; else infinity."""
    quotas = [UNLIMITED]
    for folder in _control_groups():
        try:
            quota, period = (folder / "cpu.max").read_text(encoding="ascii").split()
            quotas.append(float(quota) / float(period))
        except (OSError, ValueError):  # "max" is no number; the first group has no such file
            continue
    return min(quotas)


def read_usage_s() -> float:
    """Seconds of computing that this process' control group has had; 0 where that is not told."""
    for folder in _control_groups():
        try:
            fields = dict(line.split() for line in (folder / "cpu.stat").read_text(encoding="ascii").splitlines())
            return int(fields["usage_usec"]) / 1e6
        except (OSError, ValueError, KeyError):
            continue
    return 0.0


def _control_groups() -> list[Path]:
    """Folders of the control group of this process and of those above it."""
    try:
        lines = Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    own = next((line[3:] for line in lines if line.startswith("0::")), "/")
    folder = CGROUPS / own.lstrip("/")
    return [each for each in (folder, *folder.parents) if each.is_relative_to(CGROUPS)]
