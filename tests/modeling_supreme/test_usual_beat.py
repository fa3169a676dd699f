"""The usual beat: where the beats are, what most of them look like, and what of the rhythm is read off them."""

import math

import numpy as np
import pytest
import torch
from helpers.tiny_models import TINY_MEASUREMENTS

from datasets_scripts.simulator import simulate_record
from modeling_supreme.modeling_supreme import BeatReader, describe_rhythm, find_beats, find_usual_beat


RATE_HZ = 250
WINDOW = range(-50, 101)  # 0.2 s before to 0.4 s after the middle of a QRS


def make_strips(seconds, *, heights=None, num_leads=2, num_samples=2500, width_s=0.02):
    """Strips with a bell of 1 mV at each time, or of other heights; the second lead shows half of it."""
    heights = [1.0] * len(seconds) if heights is None else heights
    times = torch.arange(num_samples) / RATE_HZ
    waves = zip(seconds, heights, strict=True)
    bells = [height * torch.exp(-(((times - second) / width_s) ** 2)) for second, height in waves]
    lead = torch.stack(bells).sum(dim=0)
    return torch.stack([lead / (1 + number) for number in range(num_leads)])[None]


def beats_of(strips, sample_mask=None):
    """Times of the beats of the first strip, in seconds."""
    places, is_beat = find_beats(strips, sample_mask, RATE_HZ)
    return (places[0][is_beat[0]] / RATE_HZ).tolist()


def usual_beat_of(strips, sample_mask=None):
    return find_usual_beat(strips, sample_mask, *find_beats(strips, sample_mask, RATE_HZ), WINDOW)


class TestFindingBeats:
    @pytest.mark.parametrize("rr_s", [0.3, 0.8, 2.4])
    def test_each_is_found_at_its_middle(self, rr_s):
        seconds = np.arange(0.6, 9.6, rr_s)

        assert beats_of(make_strips(seconds)) == pytest.approx(seconds.tolist(), abs=0.011)

    def test_low_and_slow_waves_are_none(self):
        seconds, t_waves = np.arange(0.6, 9.0, 0.9), np.arange(0.9, 9.0, 0.9)
        strips = make_strips(seconds) + make_strips(t_waves, heights=[0.5] * len(t_waves), width_s=0.08)

        assert len(beats_of(strips)) == len(seconds)

    def test_the_unit_does_not_matter(self):
        strips = make_strips([1.0, 2.0, 3.5])

        assert beats_of(1000 * strips) == beats_of(strips)

    def test_a_lead_upside_down_changes_nothing(self):
        strips = make_strips([1.0, 2.0, 3.5])

        assert beats_of(-strips) == beats_of(strips)

    def test_the_end_of_a_short_strip_is_no_beat(self):
        strips = make_strips([0.6, 1.4, 2.2]) + 1.0
        sample_mask = (torch.arange(2500) < 750)[None]

        assert len(beats_of(strips * sample_mask, sample_mask)) == 3

    def test_silence_has_none(self):
        assert beats_of(torch.zeros(1, 2, 2500)) == []


class TestTheUsualBeat:
    def test_it_is_the_beat_where_all_are_alike(self):
        strips = make_strips([1.0, 2.0, 3.0, 4.0])

        beat, is_shown = usual_beat_of(strips)

        torch.testing.assert_close(beat, strips[..., 500 - 50 : 500 + 101], atol=0.02, rtol=0)
        assert is_shown.tolist() == [[True, True]]

    def test_noise_leaves_between_the_complexes(self):
        strips = make_strips(np.arange(0.6, 9.4, 0.8))
        noise = 0.05 * torch.randn(strips.shape, generator=torch.Generator().manual_seed(0))

        beat, _ = usual_beat_of(strips + noise)

        # From 0.1 s after the middle of the QRS there is nothing but noise
        assert beat[..., 75:].std() < 0.05 / 1.5

    def test_premature_beats_of_another_shape_are_left_out(self):
        usual, early = [1.0, 2.0, 3.0, 5.0, 6.0, 8.0, 9.0], [4.0, 7.0]
        strips = make_strips(usual) - make_strips(early, heights=[2.0] * 2, width_s=0.05)

        beat, _ = usual_beat_of(strips)

        assert beat.amax().item() == pytest.approx(1.0, abs=0.02)
        assert beat.amin().item() == pytest.approx(0.0, abs=0.02)

    def test_a_lead_that_a_sheet_shows_for_a_while_keeps_its_height(self):
        strips = make_strips(np.arange(0.6, 9.6, 0.8))
        strips[:, 1, :1250] = 0.0

        beat, is_shown = usual_beat_of(strips)

        assert beat[0].amax(dim=-1).tolist() == pytest.approx([1.0, 0.5], abs=0.02)
        assert is_shown.tolist() == [[True, True]]

    def test_a_lead_that_was_not_recorded_is_told(self):
        strips = make_strips([1.0, 2.0, 3.0])
        strips[:, 1] = 0.0

        beat, is_shown = usual_beat_of(strips)

        assert is_shown.tolist() == [[True, False]]
        assert beat[0, 1].abs().max() == 0

    def test_a_beat_at_the_edge_counts_where_there_is_no_other(self):
        beat, is_shown = usual_beat_of(make_strips([0.1]))

        assert beat.amax().item() == pytest.approx(1.0, abs=0.02)
        assert is_shown.all()

    def test_silence_has_none(self):
        beat, is_shown = usual_beat_of(torch.zeros(1, 2, 2500))

        assert (beat.abs().sum().item(), is_shown.any().item()) == (0, False)


class TestTheRhythm:
    def test_it_is_rates_variation_and_extremes(self):
        seconds = torch.tensor([[1.0, 1.5, 2.5, 3.5]])

        rhythm = describe_rhythm(seconds, torch.ones(1, 4, dtype=torch.bool))

        intervals = np.array([0.5, 1.0, 1.0])
        expected = [1 / intervals.mean(), 1.0, intervals.std() / intervals.mean(), 1.0, 0.5, 0.4]
        np.testing.assert_allclose(rhythm[0], expected, rtol=1e-5)

    @pytest.mark.parametrize("num_beats", [0, 1])
    def test_one_beat_has_none(self, num_beats):
        rhythm = describe_rhythm(torch.ones(1, 3), torch.arange(3)[None] < num_beats)

        assert rhythm.tolist() == [[0.0] * 6]


class TestSimulatedStrips:
    def test_the_heart_rate_is_that_of_the_beats(self):
        records = [simulate_record(number) for number in range(700, 760)]
        strips = torch.from_numpy(np.stack([record.strip for record in records]))
        strips = torch.nn.functional.avg_pool1d(strips, 2)
        places, is_beat = find_beats(strips, None, RATE_HZ)

        errors = 60 * describe_rhythm(places / RATE_HZ, is_beat)[:, 0].numpy()
        errors -= [record.measurements["rate_per_min"] for record in records]
        assert np.median(np.abs(errors)) < 0.2
        assert (np.abs(errors) < 5).mean() > 0.9


def test_a_reader_follows_the_rate_of_its_encoder(make_tiny_model):
    model = make_tiny_model(measurements=list(TINY_MEASUREMENTS), measurement_head="beats")
    reader = model.measurement_head.beats

    seen, direct = reader(torch.zeros(2, 12, 1000), None)

    assert isinstance(reader, BeatReader)
    assert (reader.thinning, reader.rate_hz) == (1, 100)
    assert len(reader.window) == 45 + 1 + 65
    assert seen.shape == (2, 96 * math.ceil(111 / 8))
    assert direct.shape == (2, 6 + 3 * 12)
