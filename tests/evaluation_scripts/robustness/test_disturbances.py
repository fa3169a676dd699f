"""Disturbances: exactly what they say is wrong with a recording, and nothing else."""

import numpy as np
import pytest

from evaluation_scripts.robustness.disturbances import (
    FAMILIES,
    add_noise,
    change_rate,
    clip,
    keep_leads,
    shorten,
    swap_arms,
)
from evaluation_scripts.robustness_curves import choose_families, trace_curves
from modeling_supreme.leads import STANDARD_LEADS
from modeling_supreme.recordings import Account, EcgRecording


def make_recording(num_samples=5000):
    """Leads that hold to Einthoven and Goldberger: two sines for I and II, six others for the chest."""
    seconds = np.arange(num_samples) / 500
    first, second = np.sin(2 * np.pi * seconds), 0.5 * np.sin(2 * np.pi * 3 * seconds + 1)
    limb = [first, second, second - first, -(first + second) / 2, first - second / 2, second - first / 2]
    chest = [np.sin(2 * np.pi * (4 + lead) * seconds) for lead in range(6)]
    account = Account(source="r1")
    return EcgRecording(
        sampling_rate=500, leads=STANDARD_LEADS, strip_mv=np.array([*limb, *chest], np.float32), account=account
    )


def test_swapped_arms_are_what_the_electrodes_would_record():
    swapped = swap_arms(make_recording()).strip_mv

    first, second, third, right, left, foot = make_recording().strip_mv[:6]
    assert swapped[:6] == pytest.approx(np.array([-first, third, second, left, right, foot]), abs=1e-6)
    assert swapped[1] - swapped[0] == pytest.approx(swapped[2], abs=1e-6)
    assert swapped[6:].tolist() == make_recording().strip_mv[6:].tolist()


def test_two_leads_keep_two_leads():
    kept = keep_leads(make_recording(), leads=("I", "II"))

    assert list(kept.leads) == ["I", "II"]
    assert kept.strip_mv.tolist() == make_recording().strip_mv[:2].tolist()


@pytest.mark.parametrize(("rate_hz", "num_samples"), [(1000, 10000), (250, 2500), (100, 1000)])
def test_another_rate_has_the_same_seconds(rate_hz, num_samples):
    changed = change_rate(make_recording(), rate_hz=rate_hz)

    assert (changed.sampling_rate, changed.num_samples) == (rate_hz, num_samples)
    middle = slice(rate_hz, 9 * rate_hz)
    seconds = np.arange(num_samples) / rate_hz
    assert changed.strip_mv[0, middle] == pytest.approx(np.sin(2 * np.pi * seconds)[middle], abs=0.02)


def test_a_shorter_recording_is_its_beginning():
    assert shorten(make_recording(), seconds=2.5).strip_mv.tolist() == make_recording().strip_mv[:, :1250].tolist()


def test_clipping_cuts_at_the_range_of_the_converter():
    clipped = clip(make_recording(), largest_mv=0.5).strip_mv

    assert np.abs(clipped).max() == 0.5
    assert clipped[0] == pytest.approx(np.clip(make_recording().strip_mv[0], -0.5, 0.5))


@pytest.mark.parametrize("kind", ["wander", "muscle", "mains"])
@pytest.mark.parametrize("snr_db", [12.0, 0.0])
def test_noise_has_the_strength_that_is_stated(kind, snr_db):
    recording = make_recording()

    noise = add_noise(recording, kind=kind, snr_db=snr_db).strip_mv.astype(float) - recording.strip_mv

    power = [np.mean((values - values.mean(axis=1, keepdims=True)) ** 2) for values in (recording.strip_mv, noise)]
    assert 10 * np.log10(power[0] / power[1]) == pytest.approx(snr_db, abs=0.05)


def test_noise_lies_in_its_band():
    recording = make_recording()
    spectra = {
        kind: np.abs(np.fft.rfft(add_noise(recording, kind=kind, snr_db=0).strip_mv[1] - recording.strip_mv[1])) ** 2
        for kind in ("wander", "muscle", "mains")
    }
    rates = np.fft.rfftfreq(5000, 1 / 500)

    assert spectra["wander"][rates < 1].sum() > 0.95 * spectra["wander"].sum()
    assert spectra["muscle"][(rates > 15) & (rates < 170)].sum() > 0.95 * spectra["muscle"].sum()
    assert spectra["mains"][np.abs(rates - 50) < 0.5].sum() > 0.99 * spectra["mains"].sum()


def test_a_record_has_the_same_noise_in_every_run():
    one, other = (add_noise(make_recording(), kind="muscle", snr_db=6).strip_mv for _ in range(2))

    assert one.tolist() == other.tolist()


def test_stretches_that_were_not_recorded_stay_so():
    strip = np.tile(np.arange(12, dtype=np.int16)[:, None] * 100, (1, 5000))
    mask = np.ones(strip.shape, dtype=bool)
    mask[3, 1000:2000] = False
    recording = EcgRecording(sampling_rate=500, leads=STANDARD_LEADS, microvolts=strip, is_recorded=mask)

    clipped = clip(recording, largest_mv=0.5).strip_mv

    assert np.isnan(clipped).tolist() == (~mask).tolist()


def test_families_are_chosen_by_name():
    assert choose_families(["all"]) == list(FAMILIES)
    assert choose_families(["arms", "rate"]) == ["arms", "rate"]
    with pytest.raises(ValueError, match=r"--robustness knows no rates\. Choose among all, leads, rate"):
        choose_families(["rates"])


def test_a_curve_has_a_figure_for_every_level_and_condition():
    from helpers.made_predictions import make_predictions

    predictions = make_predictions()
    entries = [{"label": label, "is_averaged": label != "d"} for label in "abcd"]

    curves = trace_curves(["arms", "length"], lambda disturb: predictions, entries=entries)

    assert [level["level"] for level in curves["length"]] == ["10 s", "5 s", "2.5 s"]
    figures = curves["arms"][0]
    assert figures["auroc_macro"] == pytest.approx(np.mean([figures["auroc"][name] for name in "abc"]))
