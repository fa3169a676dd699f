"""Annotations of beats and waves as WFDB files."""

import wfdb

from datasets_scripts.simulator.export.wfdb_export import write_annotations
from datasets_scripts.simulator.truth.annotations import Annotation


def test_annotations_keep_waves_and_rhythm_notes(tmp_path):
    marks = [Annotation(0, "+", 1, "(AFIB"), Annotation(100, "(", 0), Annotation(120, "p", 0), Annotation(150, ")", 0)]

    write_annotations(tmp_path / "r1", marks, sampling_rate=500)

    read = wfdb.rdann(str(tmp_path / "r1"), "atr")
    assert read.aux_note[0].rstrip("\x00") == "(AFIB"
    assert read.num.tolist() == [1, 0, 0, 0]


def test_a_recording_without_annotations_gets_no_file(tmp_path):
    write_annotations(tmp_path / "r1", [], sampling_rate=500)

    assert not list(tmp_path.iterdir())
