"""The deletion test: what a map calls important must be missed more than as much at random."""

import pytest

from modeling_supreme.evidence.deletion import (
    NUM_DRAWS,
    choose_most_important,
    count_deleted,
    draw_deletions,
    judge_deletion,
)


class TestVerdict:
    def test_a_drop_far_above_chance_is_faithful(self):
        test = judge_deletion(2.0, [0.0, 0.2, 0.1, 0.1])

        assert test.is_faithful
        assert test.random_drop == pytest.approx(0.1)
        assert test.share_beaten == 1.0

    @pytest.mark.parametrize(
        ("drop", "by_chance"),
        [(0.15, [0.1, 0.1, 0.1, 0.1]), (1.0, [0.0, 2.0, 0.0, 1.0]), (0.05, [-1.0, -1.0, -1.0, -1.0])],
        ids=["hardly larger", "within the scatter", "nothing falls"],
    )
    def test_a_drop_that_chance_may_give_is_not(self, drop, by_chance):
        assert not judge_deletion(drop, by_chance).is_faithful


class TestDeletedParts:
    def test_a_tenth_is_rounded_up(self):
        assert [count_deleted(number) for number in (4, 10, 11, 20, 21)] == [1, 1, 2, 2, 3]

    def test_the_most_important_are_named_in_order_and_the_first_of_equals_wins(self):
        assert choose_most_important([0.0, 5.0, 1.0, 7.0, *[0.0] * 8]) == (1, 3)
        assert choose_most_important([1.0] * 20) == (0, 1)

    def test_draws_are_the_same_every_time_and_as_many_parts_each(self):
        draws = draw_deletions(20)

        assert draws == draw_deletions(20)
        assert len(draws) == NUM_DRAWS
        assert {len(set(draw)) for draw in draws} == {2}
        assert len(set(draws)) > 1
