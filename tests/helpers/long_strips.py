"""Long strips whose every stretch is another, and what they are asked."""

import numpy as np

from modeling_supreme.leads import STANDARD_LEADS


HOLTER_LEADS = ("II", "V1", "V5")
LABELS = ["normal ecg", "atrial fibrillation"]


def make_long_strip(seconds, *, sampling_rate=100, leads=HOLTER_LEADS):
    """Sines under a slower one, so that no two windows are alike, in mV."""
    time = np.arange(round(seconds * sampling_rate)) / sampling_rate
    rows = np.array([STANDARD_LEADS.index(lead) + 1 for lead in leads])[:, None]
    waves = np.sin(2 * np.pi * (1 + rows % 5) * time) + 0.3 * np.sin(2 * np.pi * 7 * time + rows)
    return (waves * (0.5 + 0.4 * np.sin(2 * np.pi * time / 37))).astype(np.float32)


def write_holter(folder, strip, *, sampling_rate=100, leads=HOLTER_LEADS, name="holter"):
    """A WFDB record of a strip in mV, 1 µV per unit; NaN is stored as not recorded. Returns the header."""
    digital = np.where(np.isnan(strip), -(2**15), np.rint(np.nan_to_num(strip) * 1000)).astype("<i2")
    lines = [f"{name}.dat 16 1000/mV 16 0 0 0 0 {lead}" for lead in leads]
    header = folder / f"{name}.hea"
    header.write_text("\n".join([f"{name} {len(leads)} {sampling_rate} {strip.shape[1]}", *lines]), encoding="utf-8")
    header.with_suffix(".dat").write_bytes(digital.T.tobytes())
    return header
