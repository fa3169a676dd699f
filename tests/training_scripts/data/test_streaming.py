"""Streaming: every record once per epoch, shared without overlap, in an order that a resumed run finds again."""

import pickle
from itertools import chain, pairwise

import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from datasets import Dataset, List, Value
from helpers.corpus_rows import make_corpus_row
from torch.utils.data import DataLoader

from datasets_scripts.collator import StripCollator
from datasets_scripts.schema import corpus_features
from modeling_supreme import SupremeEcgFeatureExtractor
from training_scripts.data.label import CorpusLabels
from training_scripts.data.streaming import RecordShards, RecordStream, find_shards, load_shards
from training_scripts.run.loop import check_order


LABEL_NAMES = ["atrial fibrillation", "normal ecg"]
COLUMNS = ["record_id", "signal"]


def make_signal(number):
    """Noise of up to 0.5 mV that only this record has."""
    return np.random.default_rng(number).integers(-500, 500, (12, 5000), dtype=np.int16)


def make_row(number):
    """A record; every third has atrial fibrillation, and whether it is a normal ECG is known of every second."""
    labels = {"labels": [0] if number % 3 == 0 else [1], "label_mask": [True, number % 2 == 0]}
    return make_corpus_row(str(number), make_signal(number), **labels)


def make_table(numbers, label_names=LABEL_NAMES):
    return Dataset.from_list([make_row(n) for n in numbers], features=corpus_features(label_names)).data.table


def write_shards(folder, counts, *, split="train", row_group_size=4, first=0):
    """Shards with so many records each, numbered through; `folder` may be a URL."""
    edges = np.cumsum([first, *counts])
    fs, path = fsspec.url_to_fs(str(folder))
    fs.makedirs(path, exist_ok=True)
    for index, (start, end) in enumerate(pairwise(edges)):
        with fs.open(f"{path}/{split}-{index:05d}-of-{len(counts):05d}.parquet", "wb") as file:
            pq.write_table(make_table(range(start, end)), file, row_group_size=row_group_size)


@pytest.fixture(scope="module")
def corpus_dir(tmp_path_factory):
    """30 records in three shards and nine row groups; five to validate on."""
    folder = tmp_path_factory.mktemp("corpus")
    write_shards(folder, [13, 7, 10])
    write_shards(folder, [5], split="validation", first=100)
    return folder


@pytest.fixture(scope="module")
def records(corpus_dir):
    return load_shards(str(corpus_dir))["train"]


@pytest.fixture
def memory_url():
    """A folder of a file system that is not this machine's disk, as far as the code can tell."""
    fs = fsspec.filesystem("memory")
    yield "memory://corpus"
    fs.rm("/corpus", recursive=True)


def make_stream(records, **options):
    return RecordStream(records, COLUMNS, **{"batch_size": 4, "shuffle_buffer_size": 8, **options})


def read_ids(batches):
    """Record numbers of batches of rows, batch by batch."""
    return [[int(row["record_id"]) for row in batch] for batch in batches]


def read_loader(stream, *, epoch=0, batch=0):
    """Record numbers in the order in which a loader with the stream's workers hands them out."""
    stream.start_at(epoch=epoch, batch=batch)
    return read_ids(DataLoader(stream, batch_size=None, num_workers=stream.num_workers, collate_fn=list))


def read_epoch(records, *, num_processes=1, num_workers=0, epoch=0, **options):
    """Record numbers of each process' batches."""
    options |= {"num_processes": num_processes, "num_workers": num_workers}
    streams = [make_stream(records, process_index=index, **options) for index in range(num_processes)]
    return [read_loader(stream, epoch=epoch) for stream in streams]


def flatten(batches):
    return list(chain.from_iterable(batches))


class TestSharing:
    @pytest.mark.parametrize("batch_size", [1, 4, 7, 64])
    @pytest.mark.parametrize("num_workers", [0, 2])
    @pytest.mark.parametrize("num_processes", [1, 2, 3])
    def test_every_record_is_seen_once_in_an_epoch(self, records, num_processes, num_workers, batch_size):
        parts = read_epoch(records, num_processes=num_processes, num_workers=num_workers, batch_size=batch_size)

        assert sorted(flatten(flatten(parts))) == list(range(30))

    @pytest.mark.parametrize(("num_processes", "num_batches"), [(1, 8), (2, 4), (4, 2), (7, 2)])
    def test_all_processes_have_as_many_batches_as_announced(self, records, num_processes, num_batches):
        # 30 records in batches of 4: 8; 15 each: 4; 7 or 8 each: 2; 4 or 5 each: 2
        parts = read_epoch(records, num_processes=num_processes)

        assert [len(batches) for batches in parts] == [num_batches] * num_processes
        assert len(make_stream(records, num_processes=num_processes)) == num_batches

    def test_sizes_of_batches_differ_by_one_at_most(self, records):
        sizes = [len(batch) for batch in flatten(read_epoch(records, num_processes=2))]

        assert sorted(sizes) == [3, 3, 4, 4, 4, 4, 4, 4]

    def test_one_shard_is_enough_for_any_number_of_workers(self, tmp_path):
        write_shards(tmp_path, [9])

        parts = read_epoch(load_shards(str(tmp_path))["train"], num_processes=2, num_workers=2, batch_size=1)

        assert sorted(flatten(flatten(parts))) == list(range(9))

    def test_a_process_reads_its_own_row_groups(self, corpus_dir, monkeypatch):
        records = load_shards(str(corpus_dir))["train"]
        read, groups = RecordShards._read_group, []
        monkeypatch.setattr(
            RecordShards,
            "_read_group",
            lambda self, group, columns: groups.append(group) or read(self, group, columns),
        )

        read_epoch(records, num_processes=2, batch_size=3)

        # nine row groups, of which the one where the two stretches meet may be read by both
        assert set(groups) == set(range(9))
        assert len(groups) <= 10

    def test_fewer_records_than_processes_is_an_error(self, records):
        with pytest.raises(
            ValueError, match=r"30 records of .*train-00000.* too few for 31 processes.*--num_processes"
        ):
            make_stream(records, num_processes=31)

    def test_no_records_make_no_batches(self, records):
        stream = make_stream(records.select([]))

        assert len(stream) == 0
        assert read_loader(stream) == []


class TestOrder:
    def test_a_seed_gives_one_order(self, records):
        assert read_epoch(records, seed=1) == read_epoch(records, seed=1)
        assert read_epoch(records, seed=1) != read_epoch(records, seed=2)

    def test_every_epoch_has_its_own_order(self, records):
        orders = {tuple(flatten(read_epoch(records, epoch=epoch)[0])) for epoch in range(5)}

        assert len(orders) == 5

    def test_records_of_a_window_come_from_row_groups_in_random_order(self, records):
        first_windows = [flatten(read_epoch(records, epoch=epoch)[0])[:8] for epoch in range(5)]

        # row groups of up to four records: eight records come from two to four of them
        groups = [np.unique(np.searchsorted(records.starts, window, side="right")) for window in first_windows]
        assert {len(found) for found in groups} <= {2, 3, 4}
        assert len({tuple(found) for found in groups}) > 1

    def test_a_buffer_of_one_keeps_the_records_of_a_row_group_in_order(self, records):
        ids = flatten(read_epoch(records, shuffle_buffer_size=1)[0])

        assert ids != list(range(30))
        # 30 records in nine row groups leave 21 neighbours within them
        assert np.sum(np.diff(ids) == 1) >= 21

    def test_a_buffer_as_large_as_the_corpus_mixes_all_of_it(self, records):
        ids = np.array(flatten(read_epoch(records, shuffle_buffer_size=30)[0]))

        assert sorted(ids) == list(range(30))
        assert np.sum(np.diff(ids) == 1) < 10

    def test_without_a_buffer_records_come_in_the_order_of_the_shards(self, records):
        parts = read_epoch(records, num_processes=2, shuffle_buffer_size=None)

        assert [flatten(batches) for batches in parts] == [list(range(15)), list(range(15, 30))]


class TestResuming:
    @pytest.mark.parametrize("num_workers", [0, 2])
    @pytest.mark.parametrize("num_processes", [1, 2])
    @pytest.mark.parametrize("batch", [0, 1, 3, 4])
    def test_a_pass_goes_on_where_it_was_broken_off(self, records, batch, num_processes, num_workers):
        options = {"num_processes": num_processes, "num_workers": num_workers, "process_index": num_processes - 1}
        whole = read_loader(make_stream(records, **options), epoch=2)

        rest = read_loader(make_stream(records, **options), epoch=2, batch=batch)

        assert len(whole) >= 4
        assert rest == whole[batch:]

    @pytest.mark.parametrize("shuffle_buffer_size", [None, 1, 3, 8, 100])
    def test_so_it_does_with_any_buffer(self, records, shuffle_buffer_size):
        whole = read_loader(make_stream(records, shuffle_buffer_size=shuffle_buffer_size))

        rest = read_loader(make_stream(records, shuffle_buffer_size=shuffle_buffer_size), batch=5)

        assert rest == whole[5:]

    def test_row_groups_of_earlier_windows_are_not_read_again(self, records, monkeypatch):
        read, groups = RecordShards._read_group, []
        monkeypatch.setattr(
            RecordShards,
            "_read_group",
            lambda self, group, columns: groups.append(group) or read(self, group, columns),
        )

        read_loader(make_stream(records), batch=7)  # the last of eight batches

        assert len(groups) <= 3

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"num_processes": 2}, r"num_processes 1 \(now 2\)"),
            ({"num_workers": 3}, r"num_workers 0 \(now 3\)"),
            ({"shuffle_buffer_size": 9}, r"shuffle_buffer_size 8 \(now 9\)"),
            ({"batch_size": 5, "seed": 6}, r"batch_size 4 \(now 5\), seed 0 \(now 6\)"),
        ],
        ids=["processes", "workers", "buffer", "batch and seed"],
    )
    def test_a_state_of_another_order_is_refused(self, records, change, message):
        with pytest.raises(ValueError, match=rf"run with {message}.*Resume with the same setting.*--model_name"):
            check_order(make_stream(records).state_dict(), make_stream(records, **change).state_dict())

    def test_a_state_of_other_records_is_refused(self, records):
        with pytest.raises(ValueError, match=r"run with num_records 30 \(now 29\)"):
            check_order(make_stream(records).state_dict(), make_stream(records.select(range(29))).state_dict())


class TestRows:
    def test_samples_are_those_of_the_record(self, records):
        batches = list(make_stream(records))

        rows = flatten(batches)
        assert {row["signal"].dtype for row in rows} == {np.dtype(np.int16)}
        assert all(np.array_equal(row["signal"], make_signal(int(row["record_id"]))) for row in rows)

    def test_a_batch_is_that_of_the_map_style_path(self, corpus_dir, records):
        table = Dataset(pa.concat_tables([pq.read_table(path) for path in find_shards_locally(corpus_dir)]))
        collator = StripCollator(SupremeEcgFeatureExtractor())
        stream = RecordStream(records, collator.columns, batch_size=30)

        batch = collator(next(iter(stream)))
        expected = collator([collator.select(table)[index] for index in range(30)])

        assert batch.keys() == expected.keys()
        assert all(torch.equal(batch[name], expected[name]) for name in batch)

    def test_chosen_records_alone_are_read(self, records):
        chosen = records.select([0, 3, 5, 11, 12, 13, 29])

        ids = flatten(flatten(read_epoch(chosen, num_workers=2, batch_size=2)))

        assert len(chosen) == 7
        assert sorted(ids) == [0, 3, 5, 11, 12, 13, 29]

    def test_a_choice_can_be_narrowed(self, records):
        assert records.select([1, 3, 5]).select([0, 2]).rows.tolist() == [1, 5]

    def test_labels_are_read_for_the_chosen_records_in_order(self, records):
        batches = list(records.select([0, 1, 14, 20]).iter_columns(["record_id", "labels", "label_mask"]))

        assert [list(batch["record_id"]) for batch in batches] == [["0", "1"], ["14"], ["20"]]
        assert [[list(labels) for labels in batch["labels"]] for batch in batches] == [[[0], [1]], [[1]], [[1]]]
        assert batches[0]["label_mask"].tolist() == [[True, True], [True, False]]

    def test_records_do_not_hold_the_memory_of_their_row_group(self, records):
        row = next(records.iter_rows(np.array([2]), COLUMNS))

        assert row["signal"].base is None

    def test_a_stream_can_be_sent_to_another_process(self, records):
        stream = pickle.loads(pickle.dumps(make_stream(records)))

        assert read_loader(stream) == read_loader(make_stream(records))


def find_shards_locally(folder):
    return sorted(folder.glob("train-*.parquet"))


class TestPlaces:
    def test_a_remote_folder_is_read_like_a_local_one(self, memory_url, records):
        write_shards(memory_url, [13, 7, 10])

        remote = load_shards(memory_url)["train"]

        assert remote.shards[0].url.startswith("memory://")
        assert read_epoch(remote) == read_epoch(records)

    def test_a_pattern_names_the_training_shards(self, memory_url):
        write_shards(memory_url, [2, 3])
        write_shards(memory_url, [4], split="validation")

        splits = load_shards(f"{memory_url}/train-*.parquet")

        assert {split: len(shards) for split, shards in splits.items()} == {"train": 5, "validation": 4}

    def test_one_file_is_a_pattern_too(self, memory_url):
        write_shards(memory_url, [2, 3])

        assert len(load_shards(f"{memory_url}/train-00001-of-00002.parquet")["train"]) == 3

    def test_shards_may_lie_in_the_folder_that_push_to_hub_makes(self, memory_url):
        write_shards(f"{memory_url}/data", [2])

        assert find_shards(memory_url, "train") == ["memory:///corpus/data/train-00000-of-00001.parquet"]

    def test_only_the_columns_asked_for_are_fetched(self, memory_url, monkeypatch):
        write_shards(memory_url, [64], row_group_size=16)
        records = load_shards(memory_url)["train"]
        fetched = count_bytes(monkeypatch)

        list(records.iter_columns(["labels", "label_mask"]))
        labels = sum(fetched)
        list(records.iter_rows(records.rows, COLUMNS))

        assert 0 < labels < sum(fetched) / 10

    def test_missing_validation_shards_are_said_and_leave_the_split_empty(self, memory_url, caplog):
        write_shards(memory_url, [2])

        splits = load_shards(memory_url)

        assert len(splits["validation"]) == 0
        assert "No validation shard matches memory://corpus/validation-*.parquet" in caplog.text


def count_bytes(monkeypatch):
    """A list that gets the number of bytes of every read from the memory file system."""
    fetched = []
    memory_file = type(fsspec.filesystem("memory").open("/corpus/train-00000-of-00001.parquet"))
    read = memory_file.read

    def read_and_count(self, *args):
        data = read(self, *args)
        fetched.append(len(data))
        return data

    monkeypatch.setattr(memory_file, "read", read_and_count)
    return fetched


class TestRefusals:
    def test_no_shard_matches(self, tmp_path):
        with pytest.raises(FileNotFoundError, match=r"No training shard matches .*/train-\*\.parquet.*--dataset_name"):
            load_shards(str(tmp_path))

    def test_a_corpus_that_is_not_prepared(self):
        with pytest.raises(ValueError, match=r"corpus ptb_xl does not have yet.*datasets_scripts\.prepare ptb_xl"):
            load_shards("ptb_xl")

    def test_a_file_that_is_no_parquet(self, tmp_path):
        (tmp_path / "train-00000-of-00001.parquet").write_bytes(b"version https://git-lfs.github.com/spec/v1")

        with pytest.raises(ValueError, match=r"train-00000.*the shard is not Parquet.*download it again"):
            load_shards(str(tmp_path))

    def test_shards_of_two_configurations(self, tmp_path):
        pq.write_table(make_table([0]), tmp_path / "train-00000-of-00002.parquet")
        pq.write_table(make_table([1], ["atrial flutter", "normal ecg"]), tmp_path / "train-00001-of-00002.parquet")

        with pytest.raises(
            ValueError, match=r"train-00001.* has other columns or labels than .*train-00000.*one corpus"
        ):
            load_shards(str(tmp_path))

    def test_missing_label_columns(self, tmp_path):
        table = make_table([0]).drop_columns(["labels"])
        Dataset(table).to_parquet(tmp_path / "train-00000-of-00001.parquet")

        with pytest.raises(ValueError, match=r"train-00000.* has no column labels; it has record_id.*--report_labels"):
            load_shards(str(tmp_path))["train"].check_columns(CorpusLabels.columns)

    def test_labels_without_names(self, tmp_path):
        dataset = Dataset(make_table([0])).cast_column("labels", List(Value("int64")))
        dataset.to_parquet(tmp_path / "train-00000-of-00001.parquet")

        with pytest.raises(ValueError, match=r"train-00000.* has labels without names\. Write shards with"):
            load_shards(str(tmp_path))["train"].check_columns(CorpusLabels.columns)

    def test_signals_of_another_type(self, tmp_path):
        table = make_table([0]).drop_columns(["signal"])
        signal = pa.array([np.zeros((12, 1000), dtype=np.int16).tolist()], pa.list_(pa.list_(pa.int16())))
        pq.write_table(table.append_column("signal", signal), tmp_path / "train-00000-of-00001.parquet")

        with pytest.raises(
            ValueError, match=r"train-00000.*: `signal` is .*12000 values for 1 records, not \(12, 5000\)"
        ):
            next(iter(make_stream(load_shards(str(tmp_path))["train"])))
