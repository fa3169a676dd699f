"""The losses of MELP are what their definitions say: by hand on small cases, and against a plain double loop."""

import math

import pytest
import torch

from modeling_supreme import MelpConfig
from modeling_supreme.modeling_melp import compare_beats, contrastive_losses, pool_sentences


@pytest.fixture(scope="module")
def config():
    """The temperatures of GLoRIA: 4, 5 and 10."""
    return MelpConfig(num_decoder_layers=0)


def make_unit(*shape, seed=0):
    """Random vectors of length 1."""
    rows = torch.randn(*shape, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.normalize(rows, dim=-1)


def compare_plainly(beats, sentences, config):
    """Similarity of one strip, `(num_beats, width)`, and one report, `(num_sentences, width)`, as the paper has it."""
    total = 0.0
    for sentence in sentences:
        weights = torch.softmax(
            torch.stack([config.attention_temperature * (sentence @ beat) for beat in beats]), dim=0
        )
        found = sum(weight * beat for weight, beat in zip(weights, beats, strict=True))
        cosine = torch.nn.functional.cosine_similarity(sentence, found, dim=0)
        total += torch.exp(config.sentence_temperature * cosine)
    return config.local_temperature * torch.log(total / len(sentences))


class TestContrastiveLosses:
    def test_of_equal_similarities_each_costs_as_if_guessed(self):
        assert contrastive_losses(torch.zeros(4, 4), torch.ones(4).bool()).tolist() == pytest.approx([math.log(4)] * 4)

    def test_by_hand(self):
        # e^ln3 / (e^ln3 + 1) = 3/4 in the first row, 1 / (1 + 1) in the second
        similarities = torch.tensor([[math.log(3), 0.0], [0.0, 0.0]])

        losses = contrastive_losses(similarities, torch.ones(2).bool())

        assert losses.tolist() == pytest.approx([math.log(4 / 3), math.log(2)])

    def test_a_row_finds_its_column_from_the_first_on(self):
        similarities = torch.tensor([[0.0, 0.0, 50.0, 0.0]])

        assert contrastive_losses(similarities, torch.ones(4).bool(), first=2).item() == pytest.approx(0, abs=1e-6)
        assert contrastive_losses(similarities, torch.ones(4).bool(), first=1).item() == pytest.approx(50)

    def test_what_is_not_there_is_no_choice_and_costs_nothing(self):
        similarities = torch.randn(3, 3, requires_grad=True)

        losses = contrastive_losses(similarities, torch.tensor([True, False, True]))
        losses.sum().backward()

        kept = torch.nn.functional.cross_entropy(similarities[[0, 2]][:, [0, 2]], torch.arange(2), reduction="none")
        assert losses[[0, 2]].tolist() == pytest.approx(kept.tolist())
        assert losses[1] == 0
        assert similarities.grad[1].tolist() == [0, 0, 0]
        assert similarities.grad[:, 1].tolist() == [0, 0, 0]

    def test_without_any_pair_there_is_no_loss_and_no_gradient(self):
        similarities = torch.randn(2, 2, requires_grad=True)

        loss = contrastive_losses(similarities, torch.zeros(2).bool()).sum()
        loss.backward()

        assert loss == 0
        assert similarities.grad.tolist() == [[0, 0], [0, 0]]


class TestCompareBeats:
    def test_a_sentence_among_equal_beats_has_its_own_cosine(self, config):
        beats = torch.tensor([[[1.0, 0.0], [1.0, 0.0]]])
        sentences = torch.tensor([[[0.6, 0.8]]])

        # exp(5 * 0.6) of one sentence; the logarithm times 10
        assert compare_beats(beats, sentences, torch.ones(1, 1).bool(), config).item() == pytest.approx(30)

    def test_by_hand_of_two_beats_at_right_angles(self, config):
        beats = torch.tensor([[[1.0, 0.0], [0.0, 1.0]]])
        sentences = torch.tensor([[[1.0, 0.0]]])

        # weights e^4 and 1, so that the cosine to what was found is e^4 / sqrt(e^8 + 1)
        expected = 10 * 5 * math.exp(4) / math.sqrt(math.exp(8) + 1)
        assert compare_beats(beats, sentences, torch.ones(1, 1).bool(), config).item() == pytest.approx(expected)

    def test_it_is_what_a_plain_loop_finds(self, config):
        beats, sentences = make_unit(3, 5, 8), make_unit(4, 6, 8, seed=1)
        counts = [1, 6, 3, 2]
        mask = torch.arange(6) < torch.tensor(counts)[:, None]

        expected = [
            [compare_plainly(beats[strip], sentences[report, : counts[report]], config).item() for report in range(4)]
            for strip in range(3)
        ]

        assert compare_beats(beats, sentences, mask, config).tolist() == [
            pytest.approx(row, rel=1e-5) for row in expected
        ]

    def test_its_gradient_is_that_of_the_loop(self, config):
        found = []
        for compare in (
            lambda beats, sentences: compare_beats(beats, sentences, torch.ones(2, 3).bool(), config)[0, 1],
            lambda beats, sentences: compare_plainly(beats[0], sentences[1], config),
        ):
            beats, sentences = make_unit(2, 4, 8).requires_grad_(), make_unit(2, 3, 8, seed=1).requires_grad_()
            compare(*(torch.nn.functional.normalize(part, dim=-1) for part in (beats, sentences))).backward()
            found.append((beats.grad, sentences.grad))

        for ours, plain in zip(*found, strict=True):
            torch.testing.assert_close(ours, plain, rtol=1e-4, atol=1e-5)

    def test_a_report_is_no_better_for_saying_the_same_twice(self, config):
        beats, sentence = make_unit(1, 5, 8), make_unit(1, 1, 8, seed=1)

        once = compare_beats(beats, sentence, torch.ones(1, 1).bool(), config)
        twice = compare_beats(beats, sentence.expand(1, 2, 8), torch.ones(1, 2).bool(), config)

        assert twice.item() == pytest.approx(once.item(), rel=1e-5)

    def test_a_report_without_sentences_is_finite(self, config):
        found = compare_beats(make_unit(1, 5, 8), make_unit(1, 2, 8), torch.zeros(1, 2).bool(), config)

        assert torch.isfinite(found).all()


class TestPoolSentences:
    def test_a_sentence_is_the_mean_of_its_tokens(self):
        states = torch.tensor([[[9.0], [1.0], [3.0], [5.0]], [[2.0], [4.0], [9.0], [9.0]]])

        sentences, mask = pool_sentences(states, torch.tensor([[-1, 0, 0, 1], [0, 0, -1, -1]]))

        assert sentences[..., 0].tolist() == [[2, 5], [3, 0]]
        assert mask.tolist() == [[True, True], [True, False]]

    def test_texts_of_no_sentence_have_one_that_is_not_there(self):
        sentences, mask = pool_sentences(torch.randn(2, 3, 4), torch.full((2, 3), -1))

        assert sentences.shape == (2, 1, 4)
        assert not mask.any()
