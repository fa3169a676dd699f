"""Waiting for what another process does."""

import time


def wait_for(condition, *, timeout_s=120):
    """What a condition returns, once that is true."""
    until = time.monotonic() + timeout_s
    while not (found := condition()):
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.005)
    return found
