"""`work_through` on a cluster: what writing takes is sent once, however many shards there are."""

import sys
from types import SimpleNamespace

from modeling_supreme.output_files.workers import work_through


class Future:
    """What a task returned, and what it was given."""

    def __init__(self, value, given):
        self.value, self.given = value, given

    def result(self):
        return self.value


class Client:
    """Stands for a cluster, and does every task at once."""

    sent = []

    def __init__(self, _address):
        self.sent.clear()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        """Nothing is open."""

    def submit(self, function, *given, pure):
        assert not pure
        self.sent.append(given)
        values = [each.value if isinstance(each, Future) else each for each in given]
        return Future(function(*values), given)

    def cancel(self, futures):
        assert len(futures) == 3


def write(writer, shard):
    """Takes a shard of so many records."""
    return writer["records"] * shard


def test_what_writing_takes_is_sent_once(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", SimpleNamespace(Client=Client, as_completed=iter))
    writer = {"records": 10}

    done = list(work_through(write, writer, [1, 2, 3], dask_scheduler="tcp://a:1"))

    assert done == [10, 20, 30]
    assert sum(writer in given for given in Client.sent) == 1
