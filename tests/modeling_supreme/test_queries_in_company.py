"""The score of a query is the same to the last bit, whatever is asked with it and however strips are batched."""

import pytest
import torch

from modeling_supreme import modeling_supreme_ecg
from modeling_supreme.modeling_supreme import LEAST_ROWS, ROWS_AT_ONCE
from modeling_supreme.queries import encode_queries, to_probabilities


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Several threads share out sums at places that depend on their length."""
    known = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(known)


@pytest.fixture
def fusion(make_tiny_model):
    """A fusion network of usual width, whose random weights let queries differ."""
    torch.manual_seed(0)
    network = make_tiny_model("hybrid", fusion_hidden_size=96, fusion_intermediate_size=384).fusion
    for weight in network.parameters():
        torch.nn.init.normal_(weight, std=0.1)
    return network


@pytest.mark.parametrize("num_queries", [1, 2, 5, 16, 17, 20, 33])
def test_a_logit_does_not_depend_on_the_other_queries(fusion, num_queries):
    queries, tokens = torch.randn(40, 32), torch.randn(3, 63, 32)

    with torch.inference_mode():
        some, every = fusion(queries[:num_queries], tokens)[0], fusion(queries, tokens)[0]

    assert torch.equal(some, every[:, :num_queries])


@pytest.mark.parametrize("batch_size", [1, 3, 32])
def test_a_logit_does_not_depend_on_the_batch(fusion, batch_size):
    queries, tokens = torch.randn(2, 32), torch.randn(64, 63, 32)

    with torch.inference_mode():
        parts = [fusion(queries, part)[0] for part in tokens.split(batch_size)]
        whole = fusion(queries, tokens)[0]

    assert torch.equal(torch.cat(parts), whole)


@pytest.mark.parametrize("num_queries", [1, 2, 5, 16, 17])
def test_a_lone_strip_answers_as_one_of_many_that_need_no_padding(fusion, num_queries):
    queries, tokens = torch.randn(num_queries, 32), torch.randn(32, 63, 32)

    with torch.inference_mode():
        together = fusion(queries, tokens)[0]
        alone = [fusion(queries, strip)[0] for strip in tokens.split(1)]

    assert torch.equal(torch.cat(alone), together)


def test_several_strips_take_less_padding_than_one(fusion):
    rows = []
    for layer in fusion.layers:
        layer.mlp.fc1.register_forward_hook(lambda _, inputs, __: rows.append(inputs[0].shape[1]))

    with torch.inference_mode():
        fusion(torch.randn(1, 32), torch.randn(32, 63, 32))
        fusion(torch.randn(1, 32), torch.randn(1, 63, 32))

    assert set(rows[: len(fusion.layers)]) == {ROWS_AT_ONCE}
    assert set(rows[len(fusion.layers) :]) == {LEAST_ROWS}


@pytest.mark.parametrize("num_queries", [20, 100])
def test_many_queries_are_not_padded_where_they_fill_whole_rows(fusion, num_queries):
    rows = []
    fusion.layers[0].mlp.fc1.register_forward_hook(lambda _, inputs, __: rows.append(inputs[0].shape[1]))

    with torch.inference_mode():
        fusion(torch.randn(num_queries, 32), torch.randn(1, 63, 32))

    assert rows == [num_queries]


@pytest.mark.parametrize("numbers_at_once", [1, 10**9])
def test_how_many_strips_are_attended_to_at_once_changes_no_bit(fusion, monkeypatch, numbers_at_once):
    queries, tokens = torch.randn(17, 32), torch.randn(32, 63, 32)
    token_mask = torch.arange(63) < torch.randint(20, 63, (32, 1))

    with torch.inference_mode():
        usual = fusion(queries, tokens, token_mask)[0]
        monkeypatch.setattr(modeling_supreme_ecg, "NUMBERS_AT_ONCE", numbers_at_once)
        other = fusion(queries, tokens, token_mask)[0]

    assert torch.equal(other, usual)


@pytest.mark.parametrize("encoder_type", ["vit", "resnet", "hybrid"])
def test_masks_that_mask_nothing_change_no_bit(make_tiny_model, encoder_type):
    model = make_tiny_model(encoder_type)
    signal, queries = torch.randn(2, 12, 1000), torch.randn(4, 32)
    shapes = {"lead_mask": (2, 12), "sample_mask": (2, 1000), "recorded_mask": (2, 12, 1000)}
    masks = {name: torch.ones(shape, dtype=torch.bool) for name, shape in shapes.items()}

    with torch.inference_mode():
        without = model(signal, query_embeds=queries).logits_per_ecg
        whole = model(signal, query_embeds=queries, **masks).logits_per_ecg
        masks["sample_mask"][1, 500:] = False  # now the masks of the first strip are applied, too
        beside_another = model(signal, query_embeds=queries, **masks).logits_per_ecg

    assert torch.equal(whole, without)
    assert torch.equal(beside_another[0], without[0])


def test_an_embedding_does_not_depend_on_the_longest_query(tiny_model, tiny_processor):
    labels = ["af", "a left bundle branch block with st elevation", "sinus rhythm", "pause"]

    together = encode_queries(tiny_model, tiny_processor.tokenizer, labels)
    alone = [encode_queries(tiny_model, tiny_processor.tokenizer, [label]) for label in labels]

    assert torch.equal(torch.cat(alone), together)


def test_a_probability_does_not_depend_on_its_place():
    logits = torch.linspace(-20, 20, 1001)

    assert torch.equal(torch.stack([to_probabilities(logit) for logit in logits]), to_probabilities(logits))
