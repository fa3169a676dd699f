"""`Augmentation`: strips move in time, lose leads and gain noise; what a cardiologist reads from them stays."""

import numpy as np
import pytest
import torch

from modeling_supreme.leads import STANDARD_LEADS
from training_scripts.objectives.augmentation import Augmentation, change_rate, electrode_matrix, make_noise_bank


NOISE_BANK = make_noise_bank()
LIMB = {lead: STANDARD_LEADS.index(lead) for lead in ("I", "II", "III", "aVR", "aVL", "aVF")}


@pytest.fixture
def batch():
    """Four strips whose samples tell strip, lead and time; the last 20 of 100 samples are padding, V6 is absent."""
    signal = torch.arange(4 * 12 * 100, dtype=torch.float32).view(4, 12, 100)
    lead_mask = torch.ones(4, 12, dtype=torch.bool)
    lead_mask[:, 11] = False
    return signal, lead_mask, torch.arange(100).expand(4, 100) < 80


def make_batch(num_strips, num_samples):
    """Flat strips without padding."""
    shapes = {"leads": (num_strips, 12), "samples": (num_strips, num_samples)}
    return torch.zeros(num_strips, 12, num_samples), *(torch.ones(shape).bool() for shape in shapes.values())


def augment(batch, *, seed=0, positions=None, sampling_rate=10, **changes):
    """Changes of a step of eight strips at least, at 10 samples a second and 1 mV a unit."""
    augmentation = Augmentation(STANDARD_LEADS, sampling_rate, 1.0, **changes)
    step_size = max(8, len(batch[0]))
    draws = augmentation.draw(step_size, torch.Generator().manual_seed(seed))
    positions = torch.arange(len(batch[0])) if positions is None else torch.tensor(positions)
    return augmentation.apply(*batch, draws=draws, positions=positions, noise_bank=NOISE_BANK)


ALL_CHANGES = {
    "lead_dropout": 0.5,
    "noise_mv": 1.0,
    "time_shift_s": 10.0,
    "gain": 0.3,
    "baseline_wander_mv": 0.5,
    "rate_jitter": 0.1,
    "sheet_probability": 0.5,
    "lead_set_probability": 0.5,
}


class TestAll:
    def test_nothing_changes_where_all_is_turned_off(self, batch):
        assert all(torch.equal(*pair) for pair in zip(augment(batch), batch, strict=True))

    @pytest.mark.parametrize("name", ALL_CHANGES)
    def test_each_change_can_be_turned_on_alone(self, batch, name):
        changed = augment(batch, **{name: ALL_CHANGES[name]})

        assert not all(torch.equal(*pair) for pair in zip(changed, batch, strict=True))

    def test_the_batch_given_is_left_as_it_was(self, batch):
        before = [tensor.clone() for tensor in batch]

        augment(batch, **ALL_CHANGES)

        assert all(torch.equal(old, new) for old, new in zip(before, batch, strict=True))

    def test_the_same_seed_gives_the_same_batch_and_another_seed_another(self, batch):
        first, again, other = (augment(batch, seed=seed, **ALL_CHANGES)[0] for seed in (1, 1, 2))

        assert torch.equal(first, again)
        assert not torch.equal(first, other)

    def test_a_strip_is_changed_alike_in_whatever_batch_of_the_step_it_is(self, batch):
        whole = augment(batch, **ALL_CHANGES)
        part = augment(tuple(tensor[2:3] for tensor in batch), positions=[2], **ALL_CHANGES)

        assert all(torch.equal(rows[2:3], row) for rows, row in zip(whole, part, strict=True))

    def test_shapes_and_kinds_are_those_of_the_batch(self, batch):
        augmented = augment(batch, **ALL_CHANGES)

        assert [(tensor.shape, tensor.dtype) for tensor in augmented] == [(part.shape, part.dtype) for part in batch]

    def test_no_lead_is_turned_upside_down(self):
        # a spike in the middle of each lead, 1 to 12 mV
        signal, *masks = make_batch(8, 1000)
        signal[..., 500] = torch.arange(1.0, 13.0)
        quiet = {"noise_mv": 0.01, "baseline_wander_mv": 0.01, "sheet_probability": 0.0}

        changed, *_ = augment((signal, *masks), **{**ALL_CHANGES, **quiet})

        assert (changed.amax(dim=-1) > 4 * -changed.amin(dim=-1)).all()


class TestTime:
    def test_every_sample_stays_in_its_strip_and_lead(self, batch):
        signal, _, _ = augment(batch, time_shift_s=10)

        assert torch.equal(signal.sort(dim=-1).values, batch[0])

    def test_the_whole_batch_moves_by_the_same_time_around_the_end(self, batch):
        signal, _, _ = augment(batch, time_shift_s=10)

        first = int(signal[0, 0, 0])
        assert first != 0
        assert torch.equal(signal, batch[0].roll(-first, dims=-1))

    def test_padding_moves_with_the_strip(self, batch):
        signal, _, sample_mask = augment(batch, time_shift_s=10)

        assert sorted(signal[0, 0][sample_mask[0]].tolist()) == list(range(80))

    def test_a_shift_is_no_longer_than_asked_for(self, batch):
        # what was padding at the end is now at the start; half a second is 5 samples
        shifts = {80 - int(augment(batch, time_shift_s=0.5, seed=seed)[2][0, :80].sum()) for seed in range(9)}

        assert len(shifts) > 1
        assert max(shifts) <= 5


class TestSheets:
    def test_a_sheet_shows_every_lead_in_its_column_and_nothing_is_invented(self):
        signal, *masks = make_batch(400, 1000)

        shown, *_ = augment((signal + 1, *masks), sheet_probability=1.0)

        seconds = shown.sum(dim=-1) / 100  # 10 s of 1 mV at 100 Hz: the sum is the time shown
        assert set(seconds.unique().tolist()) == {2.5, 5.0, 10.0}
        assert set(shown.unique().tolist()) == {0.0, 1.0}
        assert shown.any(dim=1).all()  # at any time some lead is shown

    def test_the_first_column_has_the_limb_leads(self):
        signal, *masks = make_batch(400, 1000)

        shown, *_ = augment((signal + 1, *masks), sheet_probability=1.0)

        is_four = (shown.sum(dim=-1) == 250).sum(dim=1) > 6
        assert (shown[is_four, :3, :250] == 1).all()

    def test_as_many_strips_as_asked_for_are_sheets(self):
        signal, *masks = make_batch(2000, 100)

        shown, *_ = augment((signal + 1, *masks), sheet_probability=0.3)

        assert (shown == 0).any(dim=-1).any(dim=-1).float().mean() == pytest.approx(0.3, abs=0.04)


class TestLeadSets:
    def test_a_reduced_strip_has_the_leads_of_one_recorder(self):
        batch = make_batch(800, 10)

        _, lead_mask, _ = augment(batch, lead_set_probability=1.0)

        kept = {tuple(np.array(STANDARD_LEADS)[row.numpy()].tolist()) for row in lead_mask}
        assert kept == {
            ("I", "II", "III", "aVR", "aVL", "aVF"),
            ("I", "II", "III", "aVR", "aVL", "aVF", "V1"),
            ("I", "II", "III", "aVR", "aVL", "aVF", "V2"),
            ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V5"),
            ("I",),
            ("II",),
            ("V1",),
            ("V1", "V2", "V3", "V4", "V5", "V6"),
        }

    def test_as_many_strips_as_asked_for_are_reduced(self):
        _, lead_mask, _ = augment(make_batch(2000, 10), lead_set_probability=0.3)

        assert (~lead_mask.all(dim=1)).float().mean() == pytest.approx(0.3, abs=0.04)

    def test_a_strip_without_the_leads_of_its_set_keeps_what_it_has(self):
        signal, lead_mask, sample_mask = make_batch(200, 10)
        lead_mask[:, 1:] = False  # lead I alone

        _, kept, _ = augment((signal, lead_mask, sample_mask), lead_set_probability=1.0)

        assert torch.equal(kept, lead_mask)


class TestRate:
    def test_a_strip_played_twice_as_fast_lasts_half_as_long(self):
        signal, sample_mask = torch.arange(10.0).expand(1, 1, 10), torch.ones(1, 10).bool()

        played, lasts = change_rate(signal, sample_mask, torch.tensor([2.0]))

        assert played[0, 0].tolist() == [0, 2, 4, 6, 8, 0, 0, 0, 0, 0]
        assert lasts[0].tolist() == [True] * 5 + [False] * 5

    def test_values_between_samples_lie_on_the_line_between_them(self):
        played, lasts = change_rate(torch.arange(4.0).expand(1, 1, 4), torch.ones(1, 4).bool(), torch.tensor([0.5]))

        assert played[0, 0].tolist() == [0, 0.5, 1, 1.5]
        assert lasts.all()

    def test_padding_stays_padding(self):
        sample_mask = torch.tensor([[True, True, True, False, False]])

        _, lasts = change_rate(torch.ones(1, 1, 5), sample_mask, torch.tensor([1.5]))

        # samples 0, 1.5 and 3 of the strip, of which the last is padding
        assert lasts[0].tolist() == [True, True, False, False, False]

    def test_the_heart_rate_changes_by_no_more_than_asked_for(self):
        # a beat a second: over 10 s a change by 10 % moves the ninth beat by less than a second
        signal, *masks = make_batch(64, 1000)
        signal[..., ::100] = 1

        played, _, lasts = augment((signal, *masks), rate_jitter=0.1, sampling_rate=100)

        seconds = [played[strip, 0, lasts[strip]].gt(0.5).nonzero()[:, 0] / 100 for strip in range(64)]
        periods = torch.stack([beats.diff()[beats.diff() > 0.05].median() for beats in seconds])
        assert 0.9 < periods.min() < 0.94
        assert 1.06 < periods.max() <= 1.11


class TestVoltage:
    def test_a_gain_is_the_same_for_all_leads_so_that_einthoven_holds(self):
        signal, *masks = make_batch(8, 100)
        signal[:, LIMB["I"]], signal[:, LIMB["II"]], signal[:, LIMB["III"]] = 0.5, 1.25, 0.75

        changed, *_ = augment((signal, *masks), gain=0.3)

        torch.testing.assert_close(changed[:, LIMB["I"]] + changed[:, LIMB["III"]], changed[:, LIMB["II"]])
        assert not torch.equal(changed, signal)

    def test_gains_lie_between_the_largest_and_its_inverse_and_halve_as_often_as_they_double(self):
        signal, *masks = make_batch(4000, 2)

        gains = augment((signal + 1, *masks), gain=0.25)[0][:, 0, 0]

        assert 1 / 1.25 <= gains.min() < 0.81
        assert 1.24 < gains.max() <= 1.25
        # the logarithm is uniform from -0.22 to 0.22: its mean has a standard error of 0.13 / sqrt(4000) = 0.002
        assert gains.log().mean().item() == pytest.approx(0, abs=0.01)

    def test_noise_has_the_standard_deviation_asked_for(self):
        # 120,000 samples: the standard error of the standard deviation is 0.1 / sqrt(240,000) = 0.0002
        signal, _, _ = augment(make_batch(10, 1000), noise_mv=0.1)

        assert signal.std().item() == pytest.approx(0.1, abs=0.001)
        assert signal.mean().item() == pytest.approx(0.0, abs=0.001)

    def test_noise_is_another_in_every_strip_and_lead(self):
        signal, _, _ = augment(make_batch(10, 1000), noise_mv=0.1)

        correlations = np.corrcoef(signal.reshape(120, 1000)) - np.eye(120)
        # of 7,140 pairs the largest correlation of 1,000 independent samples is about 4 / sqrt(1000) = 0.13
        assert np.abs(correlations).max() < 0.2

    def test_millivolts_become_units_of_the_signal(self):
        augmentation = Augmentation(STANDARD_LEADS, 10, 0.5, noise_mv=0.1)
        draws = augmentation.draw(8, torch.Generator().manual_seed(0))

        signal, *_ = augmentation.apply(
            *make_batch(8, 1000), draws=draws, positions=torch.arange(8), noise_bank=NOISE_BANK
        )

        assert signal.std().item() == pytest.approx(0.2, abs=0.002)


class TestBaseline:
    def test_it_wanders_slowly_and_no_further_than_asked_for(self):
        signal, _, _ = augment(make_batch(64, 1000), baseline_wander_mv=0.3, sampling_rate=100)

        chest = signal[:, STANDARD_LEADS.index("V1")]
        assert 0.25 < chest.abs().max() <= 0.3
        # a sine of 0.5 Hz and 0.3 mV changes by at most 2 pi * 0.5 * 0.3 mV in a second
        assert chest.diff(dim=-1).abs().max() * 100 <= 2 * np.pi * 0.5 * 0.3 + 1e-3

    def test_limb_leads_wander_as_electrodes_make_them(self):
        wander, _, _ = augment(make_batch(8, 100), baseline_wander_mv=0.3)

        rows = {lead: wander[:, row] for lead, row in LIMB.items()}
        torch.testing.assert_close(rows["I"] + rows["III"], rows["II"])
        torch.testing.assert_close(rows["aVR"], -(rows["I"] + rows["II"]) / 2)
        torch.testing.assert_close(rows["aVL"] + rows["aVF"], -rows["aVR"])

    def test_leads_without_i_and_ii_wander_on_their_own(self):
        np.testing.assert_array_equal(electrode_matrix(["II", "V1"]), np.eye(2))


class TestLeads:
    @pytest.mark.parametrize("seed", range(5))
    def test_even_full_dropout_leaves_each_strip_a_lead(self, batch, seed):
        _, lead_mask, _ = augment(batch, lead_dropout=1.0, seed=seed)

        assert lead_mask.any(dim=1).all()

    def test_a_lead_that_was_not_recorded_is_never_shown(self, batch):
        _, lead_mask, _ = augment(batch, lead_dropout=0.9)

        assert not lead_mask[:, 11].any()

    def test_the_share_of_hidden_leads_averages_half_of_its_largest_value(self):
        # The share is uniform from 0 to 0.6, so 0.3 of all leads; 2,000 strips have a standard error of 0.005.
        _, lead_mask, _ = augment(make_batch(2000, 4), lead_dropout=0.6)

        assert 1 - lead_mask.float().mean().item() == pytest.approx(0.3, abs=0.02)
