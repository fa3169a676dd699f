"""Files that change while a corpus is prepared, or after, are noticed and named; one command at a time writes."""

import os
import re
import shutil

import numpy as np
import pytest

from datasets_scripts import BUILDERS
from datasets_scripts.prepare import corpus
from datasets_scripts.prepare.corpus import prepare_corpus
from datasets_scripts.prepare.sources import find_changed, list_sources, look_at
from modeling_supreme.output_files.disk import DiskError
from modeling_supreme.output_files.folder_lock import FolderInUseError, FolderLock


RECORD_1, RECORD_9 = "records500/00000/00001_hr.dat", "records500/00000/00009_hr.dat"


@pytest.fixture
def source_dir(ptb_xl_dir, tmp_path):
    """A copy of the small corpus that may be changed."""
    return shutil.copytree(ptb_xl_dir, tmp_path / "ptb-xl")


@pytest.fixture
def begun(source_dir, tmp_path):
    """A build that stopped at record 9, after its first shard; the record is there again."""
    content = (source_dir / RECORD_9).read_bytes()
    (source_dir / RECORD_9).unlink()
    with pytest.raises(ValueError, match="Record 9"):
        prepare(source_dir, tmp_path / "out")
    (source_dir / RECORD_9).write_bytes(content)
    return tmp_path / "out"


def prepare(source_dir, output_dir, **options):
    """Three shards, of which the first has records 1, 2 and 3."""
    return prepare_corpus(
        "ptb_xl", output_dir=output_dir, data_dir=str(source_dir), config_name="rhythm", max_records=3, **options
    )


def change(path, how):
    """Change a file in one of the ways that files change."""
    content, state = bytearray(path.read_bytes()), path.stat()
    if how == "longer":
        content += bytes(240)
    content[100] ^= 4
    path.write_bytes(content)
    if how == "same size and time":
        os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))


def touch(path):
    """Give a file another time, as copying does."""
    os.utime(path, ns=(0, 10**18))


class TestUnfinished:
    @pytest.mark.parametrize(
        ("how", "verify"), [("same size", False), ("same size and time", True)], ids=["by time", "by checksum"]
    )
    def test_the_shard_of_a_file_that_changed_is_made_again(self, begun, source_dir, caplog, how, verify):
        change(source_dir / RECORD_1, how)

        report = prepare(source_dir, begun, verify=verify)

        assert f"Files have changed since they were read: {source_dir / RECORD_1}. 1 shards are made" in caplog.text
        assert report["timing"]["num_records_kept_from_earlier_runs"] == 0

    def test_a_file_that_was_copied_is_the_same(self, begun, source_dir, caplog):
        touch(source_dir / RECORD_1)

        report = prepare(source_dir, begun)

        assert report["timing"]["num_records_kept_from_earlier_runs"] == 3
        assert "have changed" not in caplog.text

    def test_a_header_counts_as_well(self, begun, source_dir, caplog):
        header = (source_dir / RECORD_1).with_suffix(".hea")
        header.write_text(header.read_text() + "# later\n")

        prepare(source_dir, begun)

        assert str(header) in caplog.text


class TestFinished:
    @pytest.mark.parametrize(("how", "verify"), [("same size", False), ("same size and time", True)])
    def test_a_corpus_whose_file_changed_is_refused_with_the_remedy(self, source_dir, tmp_path, how, verify):
        prepare(source_dir, tmp_path / "out")
        change(source_dir / RECORD_9, how)

        named = re.escape(str(source_dir / RECORD_9))
        with pytest.raises(ValueError, match=rf"made from files that have changed since: {named}\. Delete the folder"):
            prepare(source_dir, tmp_path / "out", verify=verify)

    def test_an_unchanged_one_is_complete_and_verified_if_asked(self, source_dir, tmp_path, caplog):
        caplog.set_level("INFO")
        first = prepare(source_dir, tmp_path / "out")

        assert prepare(source_dir, tmp_path / "out", verify=True) == first
        assert "The 14 files of the corpus are what they were." in caplog.text

    def test_one_of_an_earlier_version_says_that_nothing_is_known(self, source_dir, tmp_path, caplog):
        caplog.set_level("INFO")
        first = prepare(source_dir, tmp_path / "out")
        (tmp_path / "out" / "build_sources.npz").unlink()

        assert prepare(source_dir, tmp_path / "out") == first
        assert "whether any has changed is not known" in caplog.text


class TestStates:
    def test_an_absent_file_that_stays_absent_has_not_changed(self, tmp_path):
        paths = [str(tmp_path / "a"), str(tmp_path / "b")]
        then = look_at(paths, are_hashed=True)
        (tmp_path / "b").touch()

        assert list(find_changed(paths, then, verify=True)) == paths[1:]

    def test_a_file_is_looked_at_once(self, source_dir, tmp_path, monkeypatch):
        builder = BUILDERS["ptb_xl"](data_dir=str(source_dir), cache_dir=str(tmp_path), config_name="rhythm")
        rows = builder._split_generators(None)[0].gen_kwargs
        paths = list_sources(builder, rows)
        then, calls, stat = look_at(paths, are_hashed=True), [], os.stat
        monkeypatch.setattr(os, "stat", lambda path, **options: calls.append(path) or stat(path, **options))

        assert list(find_changed(paths, then, verify=False)) == []
        assert calls == paths

    def test_a_corpus_that_is_made_has_no_files(self, tmp_path):
        report = prepare_corpus("simulated", output_dir=tmp_path / "out", num_records=20)

        assert prepare_corpus("simulated", output_dir=tmp_path / "out", num_records=20) == report
        assert np.load(tmp_path / "out" / "build_sources.npz")["sizes"].size == 0


class TestTwoAtOnce:
    def test_the_second_stops_with_a_word(self, source_dir, tmp_path):
        with (
            FolderLock(tmp_path / "out", "datasets_scripts.prepare"),
            pytest.raises(FolderInUseError, match=r"in use by another run \(datasets_scripts\.prepare, process"),
        ):
            prepare(source_dir, tmp_path / "out")

    def test_the_lock_is_gone_in_the_end(self, source_dir, tmp_path):
        prepare(source_dir, tmp_path / "out")

        assert not list((tmp_path / "out").glob(".*"))


def test_a_full_disk_is_told_and_the_finished_shards_stay(begun, source_dir, monkeypatch):
    def refuse(*words, **options):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("datasets_scripts.prepare.shards.np.savez", refuse)
        with pytest.raises(
            DiskError, match=r"The corpus could not be written to .*the disk is full;.*Finished shards are kept\."
        ):
            prepare(source_dir, begun)

    assert prepare(source_dir, begun)["timing"]["num_records_kept_from_earlier_runs"] == 3
    assert (begun / "build_report.json").is_file()
    assert not (begun / corpus.STAGING).exists()
