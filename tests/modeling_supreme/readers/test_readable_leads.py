"""`find_problems`: leads that nobody can read are named with a reason, and hardly a real lead is."""

import numpy as np
import pytest
from helpers.strips import spike_train

from modeling_supreme.ecg_files import find_recordings, read_ecg
from modeling_supreme.signal_quality import (
    NOISE_MV,
    add_quality,
    count_clipped,
    find_problems,
    find_rapid,
    measure_noise,
)


RATE = 500
BEATS = np.asarray(spike_train(RATE), dtype=np.float32)  # a QRS of 1 mV in every second


def noise(size_mv, num_samples=BEATS.shape[1]):
    return np.random.default_rng(0).normal(0, size_mv, (1, num_samples))


def problem_of(strip, sampling_rate=RATE):
    (problem,) = find_problems(strip, sampling_rate)
    return problem


class TestWhatIsRefused:
    @pytest.mark.parametrize(
        ("strip", "problem"),
        [
            (0.0 * BEATS, "flat: it moves by less than 0.02 mV"),
            (noise(0.002), "flat"),
            (BEATS[:, : round(1.9 * RATE)], "too short: 1.9 s were recorded, and it takes 2 s"),
            (BEATS + noise(0.4), "covered by noise: 0.2"),  # .4 times the root of the share of the band
            (noise(0.2), "covered by noise"),
            (BEATS + 6 * np.sin(np.arange(5000) / 800), "off its baseline, which wanders by 1"),
            (np.clip(4 * np.sin(np.arange(5000)[None] / 400), -1.5, 1.5), "saturated: 7"),
        ],
        ids=["off", "amplifier", "short", "noisy", "only noise", "drift", "rails"],
    )
    def test_it_is_named(self, strip, problem):
        assert problem_of(strip).startswith(problem)

    def test_a_lead_that_was_recorded_for_a_second_is_too_short(self):
        strip = BEATS.copy()
        strip[:, RATE:] = np.nan

        assert problem_of(strip).startswith("too short: 1.0 s")


@pytest.mark.parametrize("num_samples", [5000, 4999, 1234, 40])
@pytest.mark.parametrize("share_noisy", [1.0, 0.55])
def test_no_noise_escapes_the_first_look(num_samples, share_noisy):
    sizes_mv = np.linspace(0.05, 0.4, 36)[:, None]
    strips = sizes_mv * np.random.default_rng(0).normal(0, 1, (36, num_samples))
    strips[:, round(share_noisy * num_samples) :] = 0

    between, _ = measure_noise(strips, RATE)

    assert (between > NOISE_MV).any()
    assert find_rapid(strips, RATE)[between > NOISE_MV].all()


class TestWhatIsRead:
    @pytest.mark.parametrize(
        "strip",
        [
            BEATS,
            0.1 * BEATS,
            -BEATS,
            BEATS + noise(0.05),
            BEATS + 0.8 * np.sin(np.arange(5000) / 800),
            BEATS[:, : 2 * RATE],
        ],
        ids=["usual", "low voltage", "upside down", "some noise", "some drift", "two seconds"],
    )
    def test_it_is_not_named(self, strip):
        assert problem_of(strip) == ""

    @pytest.mark.parametrize("sampling_rate", [100, 128, 250, 1000])
    def test_at_any_rate(self, sampling_rate):
        assert problem_of(np.asarray(spike_train(sampling_rate)), sampling_rate) == ""

    def test_fibrillating_ventricles_are_no_noise(self):
        waves = np.sin(2 * np.pi * 5 * np.arange(5000) / RATE)[None]

        assert problem_of(waves) == ""


class TestMeasures:
    def test_a_plateau_counts_from_20_ms(self):
        voltages = np.zeros(1000)
        voltages[100:109], voltages[200:210], voltages[300:340] = 1.2, -1.5, 1.2

        # at 500 Hz ten samples: the first plateau is too short
        assert count_clipped(voltages, RATE) == 10 + 40

    def test_a_plateau_near_zero_is_none(self):
        assert count_clipped(np.clip(BEATS[0], -0.9, 0.9), RATE) == 0

    def test_noise_is_what_is_left_of_it_in_the_band(self):
        between, _ = measure_noise(noise(0.3, 50_000), RATE)

        # white noise has the share of its power that the band has of all frequencies: 130 of 250 Hz
        assert between[0] == pytest.approx(0.3 * np.sqrt(130 / 250), rel=0.03)


@pytest.mark.data
class TestRealRecords:
    def test_none_of_ptb_xl_is_refused_whole_and_few_leads(self, data_dir):
        paths = [path for path in find_recordings(data_dir / "ptb-xl") if "records500" in path.parts]
        problems = [find_problems(read.strip_mv, read.sampling_rate) for read in map(read_ecg, paths)]

        assert sum(all(each) for each in problems) <= 0.01 * len(problems)
        assert np.mean([bool(problem) for each in problems for problem in each]) <= 0.002

    def test_hardly_one_of_other_carts_is(self, data_dir):
        found = [data_dir / "chapman-shaoxing-ningbo", data_dir / "georgia", data_dir / "ptb"]
        paths = [path for folder in found for path in find_recordings(folder)]
        accounts = [add_quality(read.account, read) for read in map(read_ecg, paths)]

        assert sum(set(each.leads_used) <= set(each.unusable) for each in accounts) <= 0.02 * len(accounts)
        assert sum(len(each.unusable) for each in accounts) <= 0.04 * 12 * len(accounts)
