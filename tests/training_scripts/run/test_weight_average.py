"""`WeightAverage`: an average that follows the weights, and changes places with them for a while."""

import pytest
import torch
from torch import nn

from training_scripts.run.weight_average import WeightAverage


def make_layer(value):
    """One weight and a frozen bias."""
    layer = nn.Linear(1, 1)
    nn.init.constant_(layer.weight, value)
    layer.bias.requires_grad_(False)
    return layer


def read_average(layer, average):
    with average.applied():
        return layer.weight.item()


@pytest.mark.parametrize(
    ("step", "expected"),
    [(1, 1 - 2 / 11), (1000, 1 - 0.9)],
    ids=["the start is forgotten soon", "later the decay holds"],
)
def test_a_step_takes_in_its_share_of_the_weights(step, expected):
    layer = make_layer(0.0)
    average = WeightAverage(layer, 0.9)
    nn.init.ones_(layer.weight)

    average.update(step)

    # from 0 towards 1 by one minus the smaller of the decay and (1 + step) / (10 + step)
    assert read_average(layer, average) == pytest.approx(expected)


def test_the_weights_come_back_even_after_an_error():
    layer = make_layer(0.0)
    average = WeightAverage(layer, 0.9)
    nn.init.ones_(layer.weight)

    with pytest.raises(KeyError, match="broken"), average.applied():
        raise KeyError("broken")

    assert layer.weight.item() == 1.0
    assert read_average(layer, average) == 0.0


def test_frozen_weights_have_no_average():
    layer = make_layer(1.0)
    average = WeightAverage(layer, 0.9)
    with torch.no_grad():
        layer.bias.fill_(7.0)

    with average.applied():
        assert layer.bias.item() == 7.0


def test_the_average_may_be_set_to_the_weights():
    layer = make_layer(0.0)
    average = WeightAverage(layer, 0.9)
    nn.init.ones_(layer.weight)

    average.set_from_model()

    assert read_average(layer, average) == 1.0
