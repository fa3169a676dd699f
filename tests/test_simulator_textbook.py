"""In the corpus as it is, with all its co-morbidity, a condition is claimed where the noiseless strip shows it.

Measured on the voltages of the strip, relative to the level before QRS, in records whose atria leave that level alone.
"""

import numpy as np
import pytest

from datasets_scripts.simulator import SimulatorSettings, simulate_record
from modeling_supreme.leads import STANDARD_LEADS


SAMPLING_RATE = 500
ROW = {lead: row for row, lead in enumerate(STANDARD_LEADS)}
CLEAN = SimulatorSettings(noise_scale=0.0)
ATRIAL_WAVES = {
    "atrial fibrillation",
    "atrial flutter",
    "paced rhythm",
    "complete av block",
    "junctional rhythm",
}
NUM_RECORDS = 700


class StripBeat:
    """One usual beat of a strip, cut out of its voltages."""

    def __init__(self, record):
        self.record = record
        beats = [beat for beat in record.rhythm.seen_beats if not beat.is_early and 0.5 < beat.time < 8.5]
        usual = max(beats[1:], key=lambda beat: min(abs(beat.time - other.time) for other in beats if other != beat))
        self.onset = round(usual.time * SAMPLING_RATE)
        self.pr_ms = None if usual.p_time is None else (usual.time - usual.p_time) * 1000
        level = record.strip[:, self.onset - 5, None]
        self.qrs = record.strip[:, self.onset : self.onset + int(record.qrs_duration_ms / 2) + 1] - level

    def high(self, lead):
        return self.qrs[ROW[lead]].max()

    def low(self, lead):
        return -self.qrs[ROW[lead]].min()

    def net(self, lead):
        return self.qrs[ROW[lead]].sum()

    def late(self, lead):
        row = self.qrs[ROW[lead]]
        return row[int(0.55 * len(row)) :]

    @property
    def width_ms(self):
        """Time for which the slope over all leads stays above 3 % of its peak."""
        around = self.record.strip[:, self.onset - 15 : self.onset + 110]
        slope = np.abs(np.diff(around, axis=1)).sum(axis=0)
        return 2 * len(np.flatnonzero(slope > 0.03 * slope.max()))

    @property
    def axis_deg(self):
        return np.degrees(np.arctan2(2 * self.net("II") - self.net("I"), np.sqrt(3) * self.net("I")))


@pytest.fixture(scope="module")
def beats():
    records = [simulate_record(index, seed=13, settings=CLEAN) for index in range(NUM_RECORDS)]
    usual = [r for r in records if not r.conditions & ATRIAL_WAVES and not r.diagnosis.is_ventricular]
    return [StripBeat(record) for record in usual if record.measurements["rate_per_min"] < 110]


def cornell_limit(beat):
    return 2.8 if beat.record.sex == "male" else 2.0


CRITERIA = {
    "left bundle branch block": lambda b: b.record.qrs_duration_ms >= 120 and b.net("V1") < 0 < b.net("V6"),
    "right bundle branch block": lambda b: b.late("V1").max() > 0.08 and b.late("V6").min() < -0.03,
    "left anterior fascicular block": lambda b: -92 < b.axis_deg < -43 and b.low("III") > b.high("III") > 0.01,
    "left posterior fascicular block": lambda b: 88 < b.axis_deg < 182 and b.low("I") > b.high("I") > 0.01,
    "left axis deviation": lambda b: -92 < b.axis_deg < -28,
    "right axis deviation": lambda b: 88 < b.axis_deg % 360 < 182,
    "first degree av block": lambda b: b.pr_ms > 200,
    "limb low qrs voltage": lambda b: np.ptp(b.qrs[:6], axis=1).max() < 0.52,
    "left ventricular hypertrophy": lambda b: (
        max(b.high("V5"), b.high("V6")) + b.low("V1") > 3.4 or b.high("aVL") + b.low("V3") > 0.96 * cornell_limit(b)
    ),
    "right ventricular hypertrophy": lambda b: b.high("V1") > b.low("V1") and b.low("V6") > 0.15,
    "prolonged qt interval": lambda b: b.record.qt_ms / np.sqrt(b.record.rhythm.usual_rr_s) > 460,
}
# What nobody may show without the name being claimed; the other criteria are only one part of their condition.
EXCLUSIVE = {
    "left axis deviation": lambda b: -88 < b.axis_deg < -33,
    "right axis deviation": lambda b: 93 < b.axis_deg < 175,
    "first degree av block": lambda b: b.pr_ms is not None and b.pr_ms > 202 and "av block" not in b.record.conditions,
    "limb low qrs voltage": lambda b: np.ptp(b.qrs[:6], axis=1).max() < 0.46,
    "right bundle branch block": lambda b: (
        b.record.qrs_duration_ms >= 120
        and b.late("V1").max() > 0.25
        and b.late("V6").min() < -0.25
        and b.late("I").min() < -0.2
    ),
}


@pytest.mark.parametrize("condition", CRITERIA)
def test_who_has_the_condition_meets_its_criterion(beats, condition):
    met = [CRITERIA[condition](beat) for beat in beats if condition in beat.record.conditions]

    assert len(met) >= 2
    assert np.mean(met) >= 0.99


@pytest.mark.parametrize("condition", EXCLUSIVE)
def test_who_does_not_have_it_does_not_meet_it(beats, condition):
    met = [EXCLUSIVE[condition](beat) for beat in beats if condition not in beat.record.conditions]

    assert np.mean(met) <= 0.01


def test_bundle_branch_blocks_are_wider_than_normal_beats(beats):
    wide = [beat.width_ms for beat in beats if "left bundle branch block" in beat.record.conditions]
    normal = [beat.width_ms for beat in beats if "normal ecg" in beat.record.conditions]

    assert np.median(wide) > np.median(normal) + 30
