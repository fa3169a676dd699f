"""`RecordOrder`: which records a step learns from follows from seed and step alone, and no record is lost."""

from itertools import chain, islice

import numpy as np
import pytest

from training_scripts.data.record_order import ProcessBatches, RecordOrder, share_out, split_step


def read_epoch(order, epoch=0):
    """Indices of the steps of an epoch."""
    first = epoch * order.steps_per_epoch
    return [order.step(step).indices.tolist() for step in range(first, first + order.steps_per_epoch)]


class TestOneCorpus:
    def test_an_epoch_has_every_record_once_and_its_last_step_takes_what_is_left(self):
        steps = read_epoch(RecordOrder([10], step_size=4))

        assert [len(step) for step in steps] == [4, 4, 2]
        assert sorted(chain(*steps)) == list(range(10))

    def test_every_epoch_has_an_order_of_its_own(self):
        order = RecordOrder([50], step_size=50)

        assert read_epoch(order, 0) != read_epoch(order, 1)

    def test_a_step_is_the_same_whatever_was_asked_before(self):
        order = RecordOrder([50], step_size=8, seed=3)
        read_epoch(order)

        assert order.step(9).indices.tolist() == RecordOrder([50], step_size=8, seed=3).step(9).indices.tolist()

    def test_another_seed_gives_another_order(self):
        orders = [RecordOrder([50], step_size=50, seed=seed).step(0).indices.tolist() for seed in (0, 1)]

        assert orders[0] != orders[1]


class TestSeveralCorpora:
    def test_every_step_has_the_share_of_each_corpus(self):
        order = RecordOrder([1000, 30], step_size=20, weights=[0.7, 0.3])

        assert [np.bincount(order.step(step).corpora).tolist() for step in (0, 7)] == [[14, 6]] * 2

    def test_without_weights_a_corpus_has_the_share_of_its_records(self):
        order = RecordOrder([300, 100], step_size=8)

        assert np.bincount(order.step(0).corpora).tolist() == [6, 2]

    def test_a_small_corpus_begins_again_only_when_all_of_it_was_seen(self):
        # 3 of 6 records a step
        order = RecordOrder([100, 6], step_size=6, weights=[1, 1])
        steps = [order.step(step) for step in range(4)]

        seen = [set(step.indices[step.corpora == 1].tolist()) for step in steps]
        assert seen[0] | seen[1] == seen[2] | seen[3] == set(range(6))
        assert seen[0] != seen[2]

    def test_a_corpus_may_end_within_a_step(self):
        order = RecordOrder([100, 4], step_size=12, weights=[1, 1])

        share = order.step(0)

        assert sorted(np.bincount(share.indices[share.corpora == 1])) == [1, 1, 2, 2]

    def test_the_corpora_are_mixed_within_a_step(self):
        corpora = RecordOrder([100, 100], step_size=64).step(0).corpora

        assert 0 < corpora[:32].sum() < 32

    def test_an_endless_corpus_never_repeats(self):
        order = RecordOrder([8, 8], step_size=4, is_endless=[True, False])
        steps = [order.step(step) for step in range(10)]

        indices = np.concatenate([step.indices[step.corpora == 0] for step in steps])
        assert sorted(indices) == list(range(20))

    def test_an_endless_corpus_alone_has_full_steps(self):
        order = RecordOrder([10], step_size=4, is_endless=[True])

        assert order.steps_per_epoch == 3
        assert [sorted(order.step(step).indices) for step in (0, 2)] == [[0, 1, 2, 3], [8, 9, 10, 11]]

    def test_what_the_order_depends_on_is_said_as_json_holds_it(self):
        state = RecordOrder([10, 5], step_size=4, seed=2).state_dict()

        assert state == {"sizes": [10, 5], "step_size": 4, "shares": [3, 1], "is_endless": [False, False], "seed": 2}


class TestShares:
    @pytest.mark.parametrize(
        ("total", "weights", "expected"),
        [(64, [0.7, 0.3], (45, 19)), (3, [1, 1, 1], (1, 1, 1)), (10, [9, 9, 2], (5, 4, 1)), (4, [5], (4,))],
    )
    def test_shares_add_up_and_follow_the_weights(self, total, weights, expected):
        assert share_out(total, weights) == expected

    @pytest.mark.parametrize("weights", [[0.99, 0.01], [1, 0]])
    def test_a_corpus_without_a_share_is_an_error(self, weights):
        with pytest.raises(ValueError, match=r"a corpus has no share of the 16 strips.*`--dataset_weights`"):
            share_out(16, weights)


class TestProcesses:
    @pytest.mark.parametrize("num_records", [1, 5, 24])
    @pytest.mark.parametrize("num_processes", [1, 2, 3])
    def test_every_position_goes_to_one_batch_of_one_process(self, num_records, num_processes):
        parts = split_step(num_records, batch_size=4, num_processes=num_processes)

        sizes = [len(part) for batch in parts for part in batch]
        assert sorted(np.concatenate([part for batch in parts for part in batch])) == list(range(num_records))
        assert max(sizes) <= 4
        assert max(sizes) - min(sizes) <= 1

    def test_processes_together_have_the_records_of_one(self):
        order = RecordOrder([10], step_size=4)
        one = list(islice(ProcessBatches(order, 0, batch_size=4), 3))
        shares = [
            list(islice(ProcessBatches(order, 0, batch_size=2, num_processes=2, process_index=index), 3))
            for index in (0, 1)
        ]

        assert [first + second for first, second in zip(*shares, strict=True)] == one

    def test_a_process_without_a_record_repeats_one_and_says_so(self):
        batches = ProcessBatches(RecordOrder([1], step_size=2), 0, batch_size=1, num_processes=2, process_index=1)

        assert next(iter(batches)) == [(0, 0)]
        assert [len(positions) for positions in batches.positions(0)] == [0]

    def test_batches_begin_at_any_step(self):
        order = RecordOrder([10], step_size=4)
        from_the_start = list(islice(ProcessBatches(order, 0, batch_size=2), 9))

        assert list(islice(ProcessBatches(order, 1, batch_size=2), 7)) == from_the_start[2:]
