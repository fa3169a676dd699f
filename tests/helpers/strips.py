"""Invented strips whose shape is known exactly, for tests of what is done to signals."""

import numpy as np

from modeling_supreme.leads import STANDARD_LEADS


HOLTER_LEADS = ("II", "V1", "V5")
INDEPENDENT_LEADS = ("I", "II", "V1", "V2", "V3", "V4", "V5", "V6")


def make_waves(sampling_rate=500, duration_s=10.0, frequencies=(1.0, 7.0, 23.0)):
    """Eight independent leads of 1 to 3 mV peak to peak, band-limited, so that they exist at any sampling rate."""
    time = np.arange(round(duration_s * sampling_rate)) / sampling_rate
    phases = np.arange(8)[:, None, None] + np.array([0.0, 1.0, 2.0])[None, :, None]
    waves = np.sin(2 * np.pi * np.array(frequencies)[None, :, None] * time + phases)
    return (waves * np.array([0.5, 0.3, 0.2])[None, :, None]).sum(1)


def make_strip(leads=STANDARD_LEADS, **kwargs):
    """A 12-lead strip that obeys Einthoven's and Goldberger's laws, rows in the order asked for."""
    rows = dict(zip(INDEPENDENT_LEADS, make_waves(**kwargs), strict=True))
    i, ii = rows["I"], rows["II"]
    rows |= {"III": ii - i, "AVR": -(i + ii) / 2, "AVL": i - ii / 2, "AVF": ii - i / 2}
    return np.stack([rows[lead.upper()] for lead in leads]).astype(np.float32)


def spike_train(sampling_rate=500, duration_s=10.0):
    """One lead with a QRS of 1 mV and 80 ms and a T wave of 0.3 mV and 160 ms in every second; 0 mV between."""
    time = np.arange(round(duration_s * sampling_rate)) / sampling_rate % 1.0
    qrs = np.where(np.abs(time - 0.3) < 0.04, np.cos(np.pi * (time - 0.3) / 0.08), 0)
    t_wave = np.where(np.abs(time - 0.6) < 0.08, 0.3 * np.cos(np.pi * (time - 0.6) / 0.16), 0)
    return (qrs + t_wave).astype(np.float32)[None]


def edit(strip, row, values):
    """The strip with one row replaced."""
    edited = strip.copy()
    edited[row] = values
    return edited


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
