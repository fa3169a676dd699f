"""A Dask cluster of two worker processes on this machine.

It runs in a process of its own: importing `distributed` changes how exceptions are pickled, for all later tests.
"""

import subprocess
import sys
from contextlib import contextmanager

from helpers.repository import ROOT


CLUSTER = """
from distributed import LocalCluster

if __name__ == "__main__":
    with LocalCluster(
        n_workers=2, threads_per_worker=2, host="127.0.0.1", dashboard_address="127.0.0.1:0"
    ) as cluster:
        print(cluster.scheduler_address, flush=True)
        input()
"""


@contextmanager
def started_cluster(folder):
    """Address of the scheduler, while the cluster runs; the folder gets the script that starts it."""
    script = folder / "cluster.py"
    script.write_text(CLUSTER)
    with subprocess.Popen(
        [sys.executable, str(script)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield process.stdout.readline().strip()
        process.communicate("\n", timeout=60)
