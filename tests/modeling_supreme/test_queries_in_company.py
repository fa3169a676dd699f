"""The score of a query is the same to the last bit, whatever is asked with it and however strips are batched."""

import pytest
import torch

from modeling_supreme.modeling_supreme import QUERIES_AT_ONCE
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


@pytest.mark.parametrize("num_queries", [1, 2, 5, 16, 17, 33])
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


@pytest.mark.parametrize("num_queries", [1, 2, 16, 17])
def test_a_lone_strip_answers_as_one_of_many_that_need_no_padding(fusion, num_queries):
    queries, tokens = torch.randn(num_queries, 32), torch.randn(32, 63, 32)

    with torch.inference_mode():
        together = fusion(queries, tokens)[0]
        alone = [fusion(queries, strip)[0] for strip in tokens.split(1)]

    assert torch.equal(torch.cat(alone), together)


def test_padding_is_not_computed_where_strips_fill_whole_matrices(fusion):
    rows = []
    for layer in fusion.layers:
        layer.mlp.fc1.register_forward_hook(lambda _, inputs, __: rows.append(inputs[0].shape[:2].numel()))

    with torch.inference_mode():
        fusion(torch.randn(1, 32), torch.randn(32, 63, 32))
        fusion(torch.randn(1, 32), torch.randn(1, 63, 32))

    assert set(rows[: len(fusion.layers)]) == {32}
    assert set(rows[len(fusion.layers) :]) == {QUERIES_AT_ONCE}


def test_an_embedding_does_not_depend_on_the_longest_query(tiny_model, tiny_processor):
    labels = ["af", "a left bundle branch block with st elevation", "sinus rhythm", "pause"]

    together = encode_queries(tiny_model, tiny_processor.tokenizer, labels)
    alone = [encode_queries(tiny_model, tiny_processor.tokenizer, [label]) for label in labels]

    assert torch.equal(torch.cat(alone), together)


def test_a_probability_does_not_depend_on_its_place():
    logits = torch.linspace(-20, 20, 1001)

    assert torch.equal(torch.stack([to_probabilities(logit) for logit in logits]), to_probabilities(logits))
