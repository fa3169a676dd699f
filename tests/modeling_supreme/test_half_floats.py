"""Weights of 16 bits are stored, and read as 32: what computes is the same on any machine."""

import json

import pytest
import torch
from safetensors.torch import load_file

from modeling_supreme import SupremeModel
from modeling_supreme.checkpoints import CheckpointError, half_floats


def save(model, folder):
    model.save_pretrained(folder, state_dict=half_floats(model.state_dict()))
    return load_file(folder / "model.safetensors")


def test_the_file_holds_16_bits_and_the_configuration_says_32(tiny_model, tmp_path):
    stored = save(tiny_model, tmp_path)

    assert {tensor.dtype for tensor in stored.values() if tensor.is_floating_point()} == {torch.float16}
    assert json.loads((tmp_path / "config.json").read_text(encoding="utf-8"))["dtype"] == "float32"


@pytest.mark.parametrize(
    "options", [{}, {"dtype": "auto"}, {"dtype": torch.float32}], ids=["plain", "auto", "float32"]
)
def test_it_computes_in_32_bits(tiny_model, tmp_path, options):
    save(tiny_model, tmp_path)

    model = SupremeModel.from_pretrained(tmp_path, **options)

    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    assert model.get_query_embeds(torch.tensor([[2, 5, 3]])).dtype == torch.float32


def test_its_weights_are_the_rounded_ones(tiny_model, tmp_path):
    save(tiny_model, tmp_path)

    loaded = SupremeModel.from_pretrained(tmp_path).state_dict()
    assert all(torch.equal(loaded[name], weight.half().float()) for name, weight in tiny_model.state_dict().items())


def test_the_model_that_was_saved_stays_as_it_is(tiny_model, tmp_path):
    save(tiny_model, tmp_path)

    assert tiny_model.dtype == torch.float32


def test_what_is_no_float_stays():
    assert half_floats({"place": torch.tensor([70_000])})["place"].tolist() == [70_000]


def test_a_weight_that_16_bits_do_not_hold_is_refused():
    with pytest.raises(CheckpointError, match=r"^scale: weights are beyond 65,504.*Save them in 32"):
        half_floats({"scale": torch.tensor([1e5])})
