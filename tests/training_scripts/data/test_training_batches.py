"""`make_steps`: batches of corpora come step by step, the same from any start and for any number of processes."""

import multiprocessing
from itertools import chain, islice

import pytest
import torch
from threadpoolctl import threadpool_info, threadpool_limits
from torch.utils.data import DataLoader

from datasets_scripts import load_corpus
from modeling_supreme import SupremeEcgFeatureExtractor
from training_scripts.arguments import DataArguments
from training_scripts.data.batches import LabelledStrips, LoaderSettings, StreamedSteps, make_steps, read_loader
from training_scripts.data.training_data import load_data


EXTRACTOR = SupremeEcgFeatureExtractor(sampling_rate=100, num_samples=1000)


@pytest.fixture(scope="module")
def data(ptb_xl_dir):
    """Sixteen training records, and two to validate on."""
    return load_data(DataArguments(["ptb_xl"], ["hierarchy"], [str(ptb_xl_dir)], min_positives=1))


@pytest.fixture(scope="module")
def mixture(load_mixture):
    """Half of a batch is simulated while training."""
    return load_mixture("superclass", dataset_weights=[1, 1], num_records=20)


@pytest.fixture(scope="module")
def streamed_data(ptb_xl_dir, tmp_path_factory):
    """The same sixteen records, in one shard."""
    folder = tmp_path_factory.mktemp("shards")
    corpus = load_corpus("ptb_xl", "hierarchy", data_dir=ptb_xl_dir)
    corpus["train"].to_parquet(folder / "train-00000-of-00001.parquet", batch_size=3)
    corpus["validation"].to_parquet(folder / "validation-00000-of-00001.parquet")
    return load_data(DataArguments([str(folder)], ["hierarchy"], streaming=True, min_positives=1))


def make_source(data, settings):
    """Where the batches of labelled strips come from."""
    train, validation = ([getattr(corpus, split) for corpus in data.corpora] for split in ("train", "validation"))
    return make_steps(train, validation, LabelledStrips(EXTRACTOR, data.labels), settings, weights=data.weights)


def read_steps(data, num_steps, *, first_step=0, **settings):
    """Batches of some steps."""
    settings = LoaderSettings(**{"batch_size": 4, "eval_batch_size": 4, **settings})
    return list(islice(make_source(data, settings).steps(first_step), num_steps))


def name_records(steps):
    """Record ids by step and batch."""
    return [[batch.record_ids for batch in step] for step in steps]


class TestMapped:
    def test_a_batch_has_strips_targets_and_places(self, data):
        ((batch,),) = read_steps(data, 1)

        assert batch.inputs["signal"].shape == (4, 12, 1000)
        assert batch.inputs["labels"].shape == (4, len(data.findings))
        assert (len(batch.record_ids), batch.positions.tolist()) == (4, [0, 1, 2, 3])

    def test_targets_follow_their_records(self, data):
        batches = chain(*read_steps(data, 4))
        normal = data.findings.index("normal ecg")

        found = {
            name: target
            for batch in batches
            for name, target in zip(batch.record_ids, batch.inputs["labels"][:, normal].tolist(), strict=True)
        }

        # records 1, 11, 10 and 20 are normal; 10 and 20 are of the test fold
        assert {name for name, target in found.items() if target == 1} == {"1", "11"}

    @pytest.mark.parametrize("num_workers", [0, 1])
    def test_steps_begin_anywhere_also_with_workers(self, data, num_workers):
        whole = name_records(read_steps(data, 6))

        assert name_records(read_steps(data, 3, first_step=3, num_workers=num_workers)) == whole[3:]

    def test_accumulated_batches_share_a_step(self, data):
        (step,) = read_steps(data, 1, batch_size=3, num_accumulated=2)

        assert [len(batch.record_ids) for batch in step] == [3, 3]
        assert [batch.positions.tolist() for batch in step] == [[0, 1, 2], [3, 4, 5]]

    def test_two_processes_share_what_one_has(self, data):
        one = name_records(read_steps(data, 4))
        shares = [
            name_records(read_steps(data, 4, batch_size=2, num_processes=2, process_index=index)) for index in (0, 1)
        ]

        assert [[first + second] for (first,), (second,) in zip(*shares, strict=True)] == one

    def test_a_batch_that_only_fills_up_names_no_record(self, data):
        # 16 records in steps of 15: one is left, and the second process has none
        (step,) = read_steps(data, 1, first_step=1, batch_size=5, num_processes=3, process_index=2)

        assert step[0].inputs["signal"].shape[0] == 1
        assert step[0].record_ids == ()

    def test_validation_has_every_record_once_over_all_processes(self, data):
        sources = [make_source(data, LoaderSettings(1, 1, num_processes=3, process_index=index)) for index in range(3)]

        ids = [[batch.record_ids for batch in source.validation_batches()] for source in sources]

        assert ids == [[("9",)], [("19",)], [()]]
        assert sources[0].num_validation_records == 2


class TestMixture:
    def test_half_of_a_batch_is_simulated(self, mixture):
        ids = chain(*(batch.record_ids for (batch,) in read_steps(mixture, 3, batch_size=8)))

        names = list(ids)
        assert [sum(name.startswith("sim") for name in names[start : start + 8]) for start in (0, 8, 16)] == [4] * 3
        assert len({name for name in names if name.startswith("sim")}) == 12

    def test_workers_simulate_what_this_process_would(self, mixture):
        mine, theirs = (read_steps(mixture, 1, batch_size=2, num_workers=number) for number in (0, 1))

        assert name_records(mine) == name_records(theirs)
        assert torch.equal(mine[0][0].inputs["signal"], theirs[0][0].inputs["signal"])

    def test_validation_records_of_all_corpora_come_one_after_the_other(self, mixture):
        source = make_source(mixture, LoaderSettings(4, 2))

        ids = [batch.record_ids for batch in source.validation_batches()]

        assert [[name.startswith("sim") for name in batch] for batch in ids] == [[True, True], [False, False]]


class TestStreamed:
    def test_shards_are_streamed(self, streamed_data):
        assert isinstance(make_source(streamed_data, LoaderSettings(4, 4)), StreamedSteps)

    @pytest.mark.parametrize("num_workers", [0, 1])
    def test_steps_begin_anywhere_also_with_workers(self, streamed_data, num_workers):
        settings = {"batch_size": 3, "num_accumulated": 2, "num_workers": num_workers}
        whole = name_records(read_steps(streamed_data, 6, **settings))

        assert name_records(read_steps(streamed_data, 2, first_step=4, **settings)) == whole[4:]

    def test_an_epoch_has_every_record_once(self, streamed_data):
        steps = name_records(read_steps(streamed_data, 3, batch_size=3, num_accumulated=2))

        names = list(chain.from_iterable(chain.from_iterable(steps)))
        assert len(names) == len(set(names)) == 16

    def test_strips_of_a_step_have_places_of_their_own(self, streamed_data):
        steps = [
            read_steps(streamed_data, 1, batch_size=2, num_accumulated=2, num_processes=2, process_index=index)[0]
            for index in (0, 1)
        ]

        places = [batch.positions.tolist() for step in steps for batch in step]
        assert sorted(chain(*places)) == list(range(8))

    def test_validation_can_be_repeated(self, streamed_data):
        source = make_source(streamed_data, LoaderSettings(4, 2))

        ids = [[batch.record_ids for batch in source.validation_batches()] for _ in range(2)]

        assert ids[0] == ids[1] == [("9", "19")]


def test_a_worker_computes_on_one_core():
    class Threads:
        """A corpus whose rows say how many threads BLAS may use."""

        def __len__(self):
            return 1

        def __getitem__(self, index):
            return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]

    with threadpool_limits(2, user_api="blas"):
        (threads,) = DataLoader(Threads(), batch_size=None, **LoaderSettings(1, 1, num_workers=1).loader_options())

    assert set(threads) == {1}


class Damaged:
    """Records the second of which cannot be read."""

    def __len__(self):
        return 8

    def __getitem__(self, index):
        if index == 1:
            raise ValueError("record 1 is damaged")
        return index


class TestWorkersThatHearNoSigterm:
    """Python ends what is left over at exit by SIGTERM, and would wait for these for ever."""

    def test_an_error_of_their_own_ends_them(self):
        loader = DataLoader(Damaged(), batch_size=None, **LoaderSettings(1, 1, num_workers=1).loader_options())

        with pytest.raises(ValueError, match="record 1 is damaged") as caught:
            list(read_loader(loader))

        assert caught.tb is not None  # which keeps all that was at work alive, as at the end of a process
        assert multiprocessing.active_children() == []

    @pytest.mark.parametrize("source", ["data", "streamed_data"])
    def test_the_end_of_the_steps_ends_them(self, request, source):
        settings = LoaderSettings(batch_size=4, eval_batch_size=4, num_workers=1)
        steps = make_source(request.getfixturevalue(source), settings).steps(0)
        next(steps)
        working = multiprocessing.active_children()

        steps.close()

        assert len(working) == 1
        assert multiprocessing.active_children() == []
