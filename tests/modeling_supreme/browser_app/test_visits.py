"""Files of visitors: gathered into one recording, refused in words, and deleted with the visit."""

import zipfile

import numpy as np
import pytest
from helpers.records.ptb_xl_records import make_microvolts, write_ptb_xl_record

from modeling_supreme.browser_app import visits
from modeling_supreme.browser_app.visits import Visits, gather_recording


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "gathered").mkdir()
    return tmp_path / "gathered"


@pytest.fixture
def uploads(tmp_path):
    """The two files of a record, in folders of their own as servers keep uploads."""
    write_ptb_xl_record(tmp_path / "sent" / "record", make_microvolts(1), sampling_rate=500)
    paths = []
    for suffix in (".hea", ".dat"):
        path = tmp_path / suffix / f"record{suffix}"
        path.parent.mkdir()
        (tmp_path / "sent" / path.name).rename(path)
        paths.append(path)
    return paths


def pack(path, entries):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return path


class TestGathering:
    def test_the_files_of_a_record_are_put_side_by_side(self, uploads, folder):
        path = gather_recording(uploads, folder, most_mb=10)

        assert path == folder / "record.hea"
        assert (folder / "record.dat").is_file()

    def test_an_archive_is_unpacked_without_its_folders(self, uploads, folder, tmp_path):
        entries = {f"{up}{path.name}": path.read_bytes() for up, path in zip(("../../", "..\\"), uploads, strict=True)}
        archive = pack(tmp_path / "sent.zip", {**entries, "__MACOSX/._record.dat": b"", ".DS_Store": b""})

        path = gather_recording([archive], folder, most_mb=10)

        assert path == folder / "record.hea"
        assert sorted(each.name for each in folder.iterdir()) == ["record.dat", "record.hea"]

    def test_one_file_is_taken_as_it_is(self, tmp_path, folder):
        (tmp_path / "notes.txt").write_text("no ECG")

        assert gather_recording([tmp_path / "notes.txt"], folder, most_mb=10) == folder / "notes.txt"

    def test_nothing_is_refused(self, folder):
        with pytest.raises(ValueError, match=r"There is no recording yet. Drop an ECG file"):
            gather_recording([], folder, most_mb=10)

    def test_several_recordings_are_refused(self, tmp_path, folder):
        paths = [tmp_path / f"{name}.npy" for name in "ab"]
        for path in paths:
            np.save(path, np.zeros((2, 10)))

        with pytest.raises(ValueError, match=r"hold 2 recordings \(a.npy, b.npy\).*one recording at a time"):
            gather_recording(paths, folder, most_mb=10)

    def test_files_without_a_recording_among_them_are_refused(self, uploads, tmp_path, folder):
        (tmp_path / "notes.txt").write_text("no ECG")

        with pytest.raises(ValueError, match=r"None of the files \(notes.txt, record.dat\).*\.hea\).*together"):
            gather_recording([uploads[1], tmp_path / "notes.txt"], folder, most_mb=10)

    def test_an_archive_that_holds_too_much_is_refused_unread(self, tmp_path, folder):
        archive = pack(tmp_path / "large.zip", {"a.npy": bytes(2_000_000)})

        with pytest.raises(ValueError, match=r"large.zip holds 1 files of 2 MB.*takes 200 files and 1 MB"):
            gather_recording([archive], folder, most_mb=1)
        assert list(folder.iterdir()) == []

    def test_files_that_are_too_large_together_are_refused(self, tmp_path, folder):
        paths = [tmp_path / f"{name}.dat" for name in "ab"]
        for path in paths:
            path.write_bytes(bytes(600_000))

        with pytest.raises(ValueError, match=r"a.dat, b.dat hold 1 MB together, and this page takes 1 MB. Drop one"):
            gather_recording(paths, folder, most_mb=1)

    def test_a_damaged_archive_is_refused(self, tmp_path, folder):
        archive = pack(tmp_path / "damaged.zip", {"a.npy": b"0123456789" * 100})
        content = bytearray(archive.read_bytes())
        content[40] ^= 0xFF  # within what was packed
        archive.write_bytes(bytes(content))

        with pytest.raises(ValueError, match=r"damaged.zip: a.npy cannot be unpacked.*Pack it again"):
            gather_recording([archive], folder, most_mb=10)


class TestVisits:
    def test_a_visitor_finds_what_is_kept_and_nobody_else_does(self, tmp_path):
        kept = Visits(tmp_path)

        assert kept.find("one") is kept.find("one")
        assert kept.find("one").make_folder().parent != kept.find("two").make_folder().parent

    def test_what_a_visitor_brought_is_deleted_at_the_end(self, tmp_path):
        kept, upload = Visits(tmp_path / "visits"), tmp_path / "upload.csv"
        upload.write_text("")
        visit = kept.find("one")
        visit.uploads.add(upload)
        (visit.make_folder() / "copy.csv").write_text("")

        kept.end("one")

        assert not upload.exists()
        assert list((tmp_path / "visits").rglob("*.csv")) == []
        assert len(kept) == 0

    def test_a_forgotten_visit_ends_when_the_next_visitor_comes(self, tmp_path, monkeypatch):
        kept = Visits(tmp_path)
        folder = kept.find("one").make_folder()
        monkeypatch.setattr(visits, "IDLE_S", -1.0)

        kept.find("two")

        assert not folder.exists()
        assert len(kept) == 1
