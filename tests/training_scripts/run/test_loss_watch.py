"""`LossWatch`: a loss that is no number, or suddenly large, stops the run with the step and the records."""

import json
import math

import pytest

from training_scripts.run.loss_watch import LossWatch


def watch_steps(tmp_path, losses, *, max_ratio=20):
    """Check these losses, from step 1 on."""
    watch = LossWatch(max_ratio, tmp_path / "failed.json")
    for step, loss in enumerate(losses, start=1):
        watch.check(step, loss, [f"r{step}"])


@pytest.mark.parametrize("loss", [math.nan, math.inf])
def test_a_loss_that_is_no_number_stops_the_first_step(tmp_path, loss):
    with pytest.raises(FloatingPointError, match=rf"loss is {loss} at step 1\. Its records are r1, all in .*failed"):
        watch_steps(tmp_path, [loss])


def test_a_loss_far_above_the_median_is_an_explosion(tmp_path):
    with pytest.raises(FloatingPointError, match=r"loss is 21 at step 31, 21 times that of the steps before"):
        watch_steps(tmp_path, [1.0] * 30 + [21])


def test_single_large_losses_do_not_move_the_median(tmp_path):
    with pytest.raises(FloatingPointError, match="at step 42"):
        watch_steps(tmp_path, [1.0, 19.0, 1.0] * 13 + [1.0, 1.0, 21])


@pytest.mark.parametrize(
    ("losses", "max_ratio"),
    [([1.0] * 19 + [1000], 20), ([1.0] * 30 + [19], 20), ([1.0] * 30 + [1000], 0)],
    ids=["too early to say", "below the ratio", "turned off"],
)
def test_other_losses_pass(tmp_path, losses, max_ratio):
    watch_steps(tmp_path, losses, max_ratio=max_ratio)

    assert not (tmp_path / "failed.json").exists()


def test_of_many_records_all_are_listed_and_some_are_named(tmp_path):
    ids = [f"r{number}" for number in range(64)]

    with pytest.raises(FloatingPointError, match=r"r0, r1, r2, r3, r4, r5, r6, r7 and 56 more, all in"):
        LossWatch(20, tmp_path / "failed.json").check(7, math.nan, ids)

    failed = json.loads((tmp_path / "failed.json").read_text(encoding="utf-8"))
    assert failed == {"step": 7, "loss": "nan", "record_ids": ids}
