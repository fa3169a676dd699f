"""Annotations of beats and waves agree with the strips, in the vocabulary of WFDB."""

import pytest

from datasets_scripts.simulator import SimulatorSettings, simulate_record
from datasets_scripts.simulator.truth.annotations import P_WAVE, QRS_COMPLEX, T_WAVE


CLEAN = SimulatorSettings(noise_scale=0.0, has_comorbidity=False)


@pytest.fixture(scope="module")
def records():
    return [simulate_record(index, seed=21) for index in range(400)]


def test_annotations_are_in_order_and_close_what_they_open(records):
    for_each = [[mark.sample for mark in record.annotations] for record in records]
    marks = [mark for record in records for mark in record.annotations if 600 < mark.sample < 4400]

    assert all(samples == sorted(samples) for samples in for_each)
    assert {mark.symbol for mark in marks if mark.wave == P_WAVE} <= {"(", ")", "p", "x"}
    assert {mark.symbol for mark in marks if mark.wave == T_WAVE} <= {")", "t"}


def test_every_beat_of_the_strip_is_annotated_with_its_kind():
    record = simulate_record(2, seed=1, condition="ventricular bigeminy", settings=CLEAN)
    symbols = [mark.symbol for mark in record.annotations if mark.wave == QRS_COMPLEX and mark.symbol in "NV"]

    assert len(symbols) in (len(record.rhythm.seen_beats), len(record.rhythm.seen_beats) + 1)
    assert {"NV" in "".join(symbols), "NN" in "".join(symbols)} == {True, False}


@pytest.mark.parametrize(
    ("condition", "note"),
    [
        ("ectopic atrial rhythm", "(EAR"),
        ("atrial bigeminy", "(AB"),
        ("ventricular bigeminy", "(B"),
        ("complete av block", "(B3"),
        ("ventricular tachycardia", "(VT"),
        ("non-sustained ventricular tachycardia", "(N"),
    ],
)
def test_the_rhythm_is_annotated_as_wfdb_writes_it(condition, note):
    record = simulate_record(2, seed=1, condition=condition, settings=CLEAN)

    assert [mark.aux_note for mark in record.annotations if mark.symbol == "+"] == [note]
