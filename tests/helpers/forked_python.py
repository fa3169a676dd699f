"""Python processes that find torch loaded when they start: they are forked from one that loads it once for all tests.

A new Python takes seconds of a core to load torch, and a hundred of the tests start one. What they find loaded is what
none of them asks about; `transformers` and what reads settings when imported each loads for itself, as does this
package. A test of what an import brings along starts a Python of its own.
"""

import atexit
import gc
import importlib
import json
import os
import random
import runpy
import signal
import subprocess
import sys
import tempfile
import time
import types
from pathlib import Path


ROOT = Path(__file__).resolve().parents[2]
LIBRARIES = (
    *("torch", "torch._dynamo", "torch.export", "torch.distributed.tensor", "torch.distributed.checkpoint"),
    *("torch.distributed.elastic.agent.server.api", "torch.distributed.fsdp", "scipy.ndimage", "scipy.optimize"),
    *("scipy.signal", "pandas", "pyarrow.dataset", "pyarrow.parquet", "jinja2"),
)


class Fork:
    """A process, with as much of `subprocess.Popen` as tests use."""

    def __init__(self, pid):
        self.pid, self.returncode = pid, None

    def __enter__(self):
        return self

    def __exit__(self, error_class, *_):
        if error_class is not None:
            self.send_signal(signal.SIGKILL)
        self.wait()

    def poll(self):
        """The exit code, the negative number of the signal that ended it, or `None` while it runs."""
        if self.returncode is None:
            self.returncode = _ask("poll", self.pid)
        return self.returncode

    def wait(self, timeout=3600):  # a loaded machine takes its time
        """Wait for the end; returns the exit code."""
        end = time.monotonic() + timeout
        while self.poll() is None:
            if time.monotonic() > end:
                self.send_signal(signal.SIGKILL)
                raise subprocess.TimeoutExpired(str(self.pid), timeout)
            time.sleep(0.02)
        return self.returncode

    def send_signal(self, number):
        """Send a signal if it still runs."""
        if self.poll() is None:
            os.kill(self.pid, number)


def start_forked(*words, cwd=ROOT, env=None, stdout=os.devnull, stderr=os.devnull):
    """Start Python with the words of its command line, `-c`, `-m` or a script first; its output goes to files."""
    request = {
        "words": [str(word) for word in words],
        "cwd": str(cwd),
        "environment": dict(os.environ if env is None else env),
        "outputs": [str(stdout), str(stderr)],
    }
    return Fork(_ask("start", request))


def run_forked(*words, cwd=ROOT, env=None):
    """Run Python to its end; returns what `subprocess.run` does."""
    with tempfile.TemporaryDirectory(prefix="supreme_fork_") as folder:
        outputs = [Path(folder, name) for name in ("stdout", "stderr")]
        code = start_forked(*words, cwd=cwd, env=env, stdout=outputs[0], stderr=outputs[1]).wait()
        return subprocess.CompletedProcess(words, code, *(path.read_text(encoding="utf-8") for path in outputs))


def fork_instead(patch):
    """Let code that runs Python by `subprocess.run` fork it, as long as a patch lasts; what it prints is printed."""
    run = subprocess.run

    def fork(command, *args, check=False, **options):
        if command[0] != sys.executable or args or options:
            return run(command, *args, check=check, **options)
        done = run_forked(*command[1:], cwd=Path.cwd())
        sys.stdout.write(done.stdout)
        sys.stderr.write(done.stderr)
        if check:
            done.check_returncode()
        return done

    patch.setattr(subprocess, "run", fork)


_server = []


def _ask(kind, content):
    """Send a request to the process that the others are forked from; returns its answer."""
    if not _server:
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        _server.append(subprocess.Popen([sys.executable, __file__], env=environment, cwd=ROOT, text=True, **pipes))
        atexit.register(_server[0].communicate)
    (server,) = _server
    print(json.dumps([kind, content]), file=server.stdin, flush=True)
    return json.loads(server.stdout.readline())


def _serve():
    """Fork a process for each request, and say of those that are asked about how they ended.

    Returns in each fork, with what it is to become, and at the end of the input with nothing.
    """
    gc.disable()
    for name in LIBRARIES:
        importlib.import_module(name)
    gc.freeze()
    gc.enable()
    for line in sys.stdin:
        kind, content = json.loads(line)
        if kind == "poll":
            pid, status = os.waitpid(content, os.WNOHANG)
            answer = os.waitstatus_to_exitcode(status) if pid else None
        else:
            answer = os.fork()
            if answer == 0:
                return content
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
    return None


def _become(words, cwd, environment, outputs):
    """Do in this process what Python does when it is started with these words."""
    for number, path in enumerate([os.devnull, *outputs]):
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(file, number)
        os.close(file)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    random.seed()
    sys.modules["numpy"].random.seed()
    given = [path for path in environment.get("PYTHONPATH", "").split(os.pathsep) if path]
    kind, *rest = words
    sys.path[:] = ["", *given, *sys.path[1:]]
    if kind == "-c":
        sys.argv[:] = ["-c", *rest[1:]]
        main = types.ModuleType("__main__")
        _replaced.append(sys.modules["__main__"])
        sys.modules["__main__"] = main
        exec(compile(rest[0], "<string>", "exec"), vars(main))
    elif kind == "-m":
        sys.argv[:], sys.path[0] = rest, cwd
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    else:
        sys.argv[:], sys.path[0] = words, str(Path(kind).parent.resolve())
        runpy.run_path(kind, run_name="__main__")


_replaced = []  # a module whose last reference is gone loses the names that run here


if __name__ == "__main__":
    request = _serve()
    if request is not None:
        _become(**request)
