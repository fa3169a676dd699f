"""`load_corpus`: one call for every corpus; the cache follows options, tables and files; rows keep their order."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from datasets import Dataset, DatasetDict
from helpers.records.ptb_xl_records import make_microvolts, write_ptb_xl_record
from helpers.repository import ROOT

from datasets_scripts import BUILDERS, load_corpus
from datasets_scripts.ptb_xl import PtbXl
from datasets_scripts.registry import CORPORA


RECORD_4 = "records500/00000/00004_hr"


@pytest.fixture
def changed_dir(ptb_xl_dir, tmp_path):
    """A copy of the small corpus that a test may spoil."""
    return shutil.copytree(ptb_xl_dir, tmp_path / "ptb-xl")


def remove_signals(folder, pattern="*"):
    for path in folder.glob(f"records*/*/{pattern}.dat"):
        path.unlink()


def run_python(code):
    """Last line that a fresh interpreter writes when started in the root of the repository."""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.strip().splitlines()[-1]


class TestBuilders:
    def test_the_corpora_are_listed_by_name(self):
        assert list(BUILDERS)[:2] == ["ptb_xl", "simulated"]
        assert len(BUILDERS) == len(set(BUILDERS))

    def test_a_builder_is_a_class_that_can_be_used_directly(self, ptb_xl_dir, tmp_path):
        builder = BUILDERS["ptb_xl"](config_name="rhythm", data_dir=str(ptb_xl_dir), cache_dir=str(tmp_path))

        builder.download_and_prepare()

        assert builder.as_dataset("train").num_rows == 16

    def test_what_is_built_on_a_corpus_is_no_corpus_itself(self):
        assert set(BUILDERS) - set(CORPORA) == {"report_labels"}
        assert list(CORPORA) == [name for name in BUILDERS if name in CORPORA]

    def test_an_unknown_builder_is_a_key_error(self):
        with pytest.raises(KeyError, match="ptbxl"):
            BUILDERS["ptbxl"]

    def test_a_corpus_is_imported_when_it_is_named_and_no_other_with_it(self):
        code = """if True:
            import sys, datasets_scripts
            before = [name for name in ("wfdb", "datasets_scripts.ptb_xl") if name in sys.modules]
            datasets_scripts.BUILDERS["ptb_xl"]
            print(before, [name for name in sys.modules if "simulat" in name])"""

        assert run_python(code) == "[] []"


class TestSplits:
    def test_three_splits_come_in_one_order(self, ptb_xl_dir):
        corpus = load_corpus("ptb_xl", "superclass", data_dir=ptb_xl_dir)

        assert isinstance(corpus, DatasetDict)
        assert {split: rows.num_rows for split, rows in corpus.items()} == {"train": 14, "validation": 2, "test": 2}
        assert list(corpus) == ["train", "validation", "test"]

    def test_the_default_labels_are_the_superclasses(self, ptb_xl_dir):
        assert load_corpus("ptb_xl", data_dir=ptb_xl_dir)["test"].info.config_name == "superclass"

    @pytest.mark.parametrize(
        ("split", "record_ids"),
        [("test", ["10", "20"]), ("validation+test", ["9", "19", "10", "20"]), ("train[:2]", ["1", "2"])],
    )
    def test_one_or_several_splits_can_be_asked_for(self, ptb_xl_dir, split, record_ids):
        rows = load_corpus("ptb_xl", "superclass", data_dir=ptb_xl_dir, split=split)

        assert isinstance(rows, Dataset)
        assert rows["record_id"][:] == record_ids

    def test_a_split_that_does_not_exist_is_refused(self, ptb_xl_dir):
        with pytest.raises(ValueError, match=r"Unknown split \"dev\".*train"):
            load_corpus("ptb_xl", "superclass", data_dir=ptb_xl_dir, split="dev")

    def test_a_split_without_records_is_present_and_empty(self, changed_dir):
        remove_signals(changed_dir, "00009*")
        remove_signals(changed_dir, "00019*")

        corpus = load_corpus("ptb_xl", "superclass", data_dir=changed_dir, on_error="skip")

        assert {split: rows.num_rows for split, rows in corpus.items()} == {"train": 14, "validation": 0, "test": 2}
        assert corpus["validation"].features == corpus["train"].features

    def test_a_corpus_without_any_file_has_three_empty_splits(self, changed_dir):
        remove_signals(changed_dir)

        corpus = load_corpus("ptb_xl", "superclass", data_dir=changed_dir, on_error="skip", num_proc=2)

        assert [rows.num_rows for rows in corpus.values()] == [0, 0, 0]

    def test_an_empty_split_adds_nothing_to_another(self, changed_dir):
        remove_signals(changed_dir, "000[12]9*")
        remove_signals(changed_dir, "00009*")

        rows = load_corpus("ptb_xl", data_dir=changed_dir, on_error="skip", split="validation+test")

        assert rows["record_id"][:] == ["10", "20"]

    @pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
    @pytest.mark.parametrize("num_proc", [2, 3])
    def test_the_order_of_the_rows_does_not_depend_on_the_number_of_processes(self, ptb_xl_dir, tmp_path, num_proc):
        alone = load_corpus("ptb_xl", "all", data_dir=ptb_xl_dir, split="train")

        together = load_corpus(
            "ptb_xl", "all", data_dir=ptb_xl_dir, split="train", num_proc=num_proc, cache_dir=tmp_path
        )

        assert together["record_id"][:] == alone["record_id"][:]
        np.testing.assert_array_equal(together[13]["signal"], alone[13]["signal"])

    def test_records_per_split_can_be_limited(self, ptb_xl_dir):
        corpus = load_corpus("ptb_xl", "all", data_dir=ptb_xl_dir, max_records=1)

        assert [rows["record_id"][:] for rows in corpus.values()] == [["1"], ["9"], ["10"]]


class TestCache:
    def test_signals_are_read_once(self, changed_dir):
        first = load_corpus("ptb_xl", data_dir=changed_dir)
        remove_signals(changed_dir)

        again = load_corpus("ptb_xl", data_dir=changed_dir)

        assert again["train"].cache_files == first["train"].cache_files

    @pytest.mark.parametrize("filename", ["ptbxl_database.csv", "scp_statements.csv"])
    def test_a_changed_table_is_read_anew(self, changed_dir, filename):
        first = load_corpus("ptb_xl", data_dir=changed_dir)
        path = changed_dir / filename
        path.write_text(path.read_text() + "\n")

        again = load_corpus("ptb_xl", data_dir=changed_dir)

        assert again["train"].cache_files != first["train"].cache_files

    def test_changed_labels_arrive(self, changed_dir):
        load_corpus("ptb_xl", "rhythm", data_dir=changed_dir)
        path = changed_dir / "ptbxl_database.csv"
        path.write_text(path.read_text().replace("AFIB", "AFLT"))

        again = load_corpus("ptb_xl", "rhythm", data_dir=changed_dir, split="train")

        assert again.features["labels"].feature.int2str(again[2]["labels"]) == ["AFLT"]

    def test_a_copy_elsewhere_has_its_own_cache(self, ptb_xl_dir, changed_dir):
        here, there = (load_corpus("ptb_xl", data_dir=folder)["test"] for folder in (ptb_xl_dir, changed_dir))

        assert here.cache_files != there.cache_files

    def test_a_relative_folder_is_the_same_corpus(self, ptb_xl_dir, monkeypatch):
        absolute = load_corpus("ptb_xl", data_dir=ptb_xl_dir)["test"]
        monkeypatch.chdir(ptb_xl_dir.parent)

        relative = load_corpus("ptb_xl", data_dir=ptb_xl_dir.name)["test"]

        assert relative.cache_files == absolute.cache_files

    @pytest.mark.parametrize("option", [{"sampling_rate": 100}, {"max_records": 1}], ids=["rate", "records"])
    def test_options_have_their_own_cache(self, ptb_xl_dir, option):
        plain = load_corpus("ptb_xl", data_dir=ptb_xl_dir)["test"]

        assert load_corpus("ptb_xl", data_dir=ptb_xl_dir, **option)["test"].cache_files != plain.cache_files

    def test_the_cache_can_be_placed(self, ptb_xl_dir, tmp_path):
        rows = load_corpus("ptb_xl", data_dir=ptb_xl_dir, split="test", cache_dir=tmp_path / "here")

        assert Path(rows.cache_files[0]["filename"]).is_relative_to(tmp_path / "here")


class TestBrokenRecords:
    def test_the_default_is_to_stop_at_the_first_one(self, changed_dir):
        remove_signals(changed_dir, "00004*")

        with pytest.raises(ValueError, match=rf'Record 4 of ptb_xl.*{RECORD_4}\.dat does not exist.*on_error="skip"'):
            load_corpus("ptb_xl", data_dir=changed_dir)

    @pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
    def test_worker_processes_say_the_same(self, changed_dir):
        remove_signals(changed_dir, "00004*")

        with pytest.raises(ValueError, match=rf'Record 4 of ptb_xl.*{RECORD_4}\.dat does not exist.*on_error="skip"'):
            load_corpus("ptb_xl", data_dir=changed_dir, num_proc=2)

    def test_after_the_stop_a_repaired_corpus_loads(self, changed_dir):
        remove_signals(changed_dir, "00004*")
        with pytest.raises(ValueError, match=r"Record 4"):
            load_corpus("ptb_xl", data_dir=changed_dir)
        write_ptb_xl_record(changed_dir / RECORD_4, make_microvolts(4), sampling_rate=500)

        assert load_corpus("ptb_xl", data_dir=changed_dir)["train"].num_rows == 14

    @pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
    @pytest.mark.parametrize("num_proc", [None, 2])
    def test_skipped_records_are_counted_in_one_line(self, changed_dir, caplog, num_proc):
        remove_signals(changed_dir, "00004*")
        remove_signals(changed_dir, "00020*")

        load_corpus("ptb_xl", data_dir=changed_dir, on_error="skip", num_proc=num_proc)

        lines = [line for line in caplog.messages if "left out" in line]
        assert len(lines) == 1
        assert "ptb_xl: 2 of 18 records could not be read and were left out (1 in train, 1 in test)" in lines[0]
        assert f"{RECORD_4}.dat does not exist" in lines[0]

    def test_a_cached_corpus_still_tells_what_it_lacks(self, changed_dir, caplog):
        remove_signals(changed_dir, "00004*")
        load_corpus("ptb_xl", data_dir=changed_dir, on_error="skip")
        caplog.clear()

        load_corpus("ptb_xl", data_dir=changed_dir, on_error="skip")

        assert "1 of 18 records" in caplog.text

    def test_a_record_that_arrives_later_is_read(self, changed_dir):
        remove_signals(changed_dir, "00004*")
        load_corpus("ptb_xl", data_dir=changed_dir, on_error="skip")
        write_ptb_xl_record(changed_dir / RECORD_4, make_microvolts(4), sampling_rate=500)

        corpus = load_corpus("ptb_xl", data_dir=changed_dir, on_error="skip")

        assert corpus["train"]["record_id"][:4] == ["1", "2", "3", "4"]

    def test_a_corpus_read_without_the_broken_record_is_not_served_to_a_strict_reader(self, changed_dir):
        remove_signals(changed_dir, "00004*")
        load_corpus("ptb_xl", data_dir=changed_dir, on_error="skip")

        with pytest.raises(ValueError, match=r"Record 4 of ptb_xl cannot be read"):
            load_corpus("ptb_xl", data_dir=changed_dir, on_error="raise")

    def test_the_list_of_a_killed_run_is_forgotten(self, changed_dir, tmp_path):
        remove_signals(changed_dir, "00004*")
        builder = PtbXl(data_dir=str(changed_dir), on_error="skip", cache_dir=str(tmp_path / "cache"))
        left_behind = Path(f"{builder.cache_dir}.incomplete") / "skipped.jsonl"
        left_behind.parent.mkdir(parents=True)
        left_behind.write_text('{"split": "train", "record_id": "1", "path": "", "reason": "", "state": null}\n')

        builder.download_and_prepare()

        assert [skipped["record_id"] for skipped in builder.skipped_records] == ["4"]

    def test_a_clean_corpus_logs_nothing(self, ptb_xl_dir, caplog):
        load_corpus("ptb_xl", "form", data_dir=ptb_xl_dir, on_error="skip")

        assert "left out" not in caplog.text

    def test_only_two_answers_to_broken_records_exist(self, ptb_xl_dir):
        with pytest.raises(ValueError, match=r'on_error` is \'ignore\'.*"raise" or "skip"'):
            load_corpus("ptb_xl", data_dir=ptb_xl_dir, on_error="ignore")


class TestSimulated:
    def test_the_simulated_corpus_needs_no_files(self):
        corpus = load_corpus("simulated", num_records=20, seed=1)

        assert list(corpus) == ["train", "validation", "test"]
        assert sum(rows.num_rows for rows in corpus.values()) == 20

    def test_it_has_no_records_to_skip(self):
        assert load_corpus("simulated", num_records=20, seed=1, on_error="skip", split="test").num_rows == 2


class TestNames:
    @pytest.mark.parametrize("name", ["ptbxl", "./nowhere", "/no/where", "a/b/c"])
    def test_a_name_that_is_no_corpus_is_answered_with_the_list(self, name):
        with pytest.raises(ValueError, match=rf"no corpus '{name}'.*ptb_xl, simulated.*prepare.*Hub"):
            load_corpus(name)

    def test_a_mistyped_name_gets_the_nearest_one(self):
        with pytest.raises(ValueError, match=r"no corpus 'ptbxl'\. Did you mean `ptb_xl`\?"):
            load_corpus("ptbxl")

    def test_an_unknown_configuration_is_answered_with_the_list(self, ptb_xl_dir):
        with pytest.raises(ValueError, match=r"'superclasses' not found.*'superclass'.*'hierarchy'"):
            load_corpus("ptb_xl", "superclasses", data_dir=ptb_xl_dir)

    def test_an_unknown_option_is_named(self, ptb_xl_dir):
        with pytest.raises(ValueError, match=r"doesn't have a 'sampling' key"):
            load_corpus("ptb_xl", data_dir=ptb_xl_dir, sampling=100)

    @pytest.mark.parametrize("option", ["data_dir", "sampling_rate"])
    def test_a_prepared_folder_takes_no_options_of_a_builder(self, tmp_path, option):
        with pytest.raises(ValueError, match=rf"prepared corpus, which takes no {option}\. Leave"):
            load_corpus(str(tmp_path), **{option: "100"})

    def test_the_configuration_is_written_into_the_rows(self, ptb_xl_dir):
        rows = load_corpus("ptb_xl", "rhythm", data_dir=ptb_xl_dir, split="test")

        assert rows.features == PtbXl(config_name="rhythm").info.features
