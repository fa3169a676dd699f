"""The errors that a system is surest of, and the strips on which it makes them."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from datasets_scripts.page import encode_png
from datasets_scripts.schema import SAMPLING_RATE
from evaluation_scripts.load import LabelledRecords
from evaluation_scripts.suites.evaluated import EvaluatedSets
from modeling_supreme.leads import STANDARD_LEADS
from modeling_supreme.plotting import plot_strip
from modeling_supreme.recordings import recording_from_row


NUM_WORST = 6
DPI = 80
MICROVOLTS_PER_MILLIVOLT = 1000.0


@dataclass(frozen=True)
class Mistake:
    """One record that a system is wrong about.

    Args:
        set_name (`str`):
            "corpus/configuration/split".
        record_id (`str`):
            The record.
        label (`str`):
            The condition.
        score (`float`):
            What the system says of it.
        is_present (`bool`):
            What is true.
        distance (`float`):
            How far the rank of the score lies from the right end, 0 to 1.
    """

    set_name: str
    record_id: str
    label: str
    score: float
    is_present: bool
    distance: float


def find_worst(sets: EvaluatedSets, *, num_worst: int = NUM_WORST) -> list[Mistake]:
    """The worst mistakes of all sets, at most one of each record and of each condition.

    Scores are compared by their rank among the records of a condition, so that no calibration is asked for.
    """
    mistakes = []
    for name in sets.results:
        tested = sets.tested(name)
        averaged = [entry["is_averaged"] for entry in sets.results[name]["conditions"]]
        record_ids = tested.records["record_id"].tolist()
        for column in np.flatnonzero(averaged).tolist():
            label = sets.predictions[name][0][column].label
            own, truth = tested.scores[:, column], tested.labels[:, column]
            ranks = np.argsort(np.argsort(own, kind="stable")) / max(len(own) - 1, 1)
            for wanted, distance in ((1.0, 1 - ranks), (0.0, ranks)):
                candidates = np.where(truth == wanted, distance, -1.0)
                row = int(np.argmax(candidates))
                if candidates[row] > 0.5:
                    mistakes.append(
                        Mistake(name, record_ids[row], label, float(own[row]), bool(wanted), float(candidates[row]))
                    )
    mistakes.sort(key=lambda mistake: (-mistake.distance, mistake.set_name, mistake.label))
    chosen: list[Mistake] = []
    for mistake in mistakes:
        taken = {(other.record_id, other.label) for other in chosen}
        if all(mistake.record_id != record and mistake.label != label for record, label in taken):
            chosen.append(mistake)
    return chosen[:num_worst]


def draw_mistake(mistake: Mistake, recordings: Mapping[str, LabelledRecords]) -> str | None:
    """The strip of a mistake as PNG in base64; `None` where its recording is not at hand."""
    records = recordings.get(mistake.set_name)
    if records is None:
        return None
    rows = np.flatnonzero(np.array(records.rows["record_id"]) == mistake.record_id)
    if not len(rows):
        return None
    recording = recording_from_row(records.rows[int(rows[0])])
    strip = recording.microvolts.astype(np.float64) / MICROVOLTS_PER_MILLIVOLT
    if recording.is_recorded is not None:
        strip = np.where(recording.is_recorded, strip, np.nan)
    leads = [lead for lead in STANDARD_LEADS if lead in recording.leads]
    figure = plot_strip(strip, sampling_rate=SAMPLING_RATE, leads=leads, title=f"Record {mistake.record_id}")
    return encode_png(figure, dpi=DPI)
