"""What becomes of queries before they meet a strip is computed once, and answers for no others and no old weights."""

import copy
import pickle
import weakref

import pytest
import torch

from modeling_supreme.queries import LastResult


class Counter:
    """Counts how often a module runs."""

    def __init__(self, module):
        self.calls = 0
        module.register_forward_hook(self)

    def __call__(self, *_):
        self.calls += 1


class Result:
    """Something that can be referred to weakly."""


@pytest.fixture
def fusion(make_tiny_model):
    """A fusion network whose random weights let queries differ."""
    torch.manual_seed(0)
    network = make_tiny_model("hybrid").fusion.eval()
    for weight in network.parameters():
        torch.nn.init.normal_(weight, std=0.3)
    return network


@pytest.fixture
def asked(fusion):
    """Queries and tokens of strips."""
    return torch.randn(5, fusion.query_projection.in_features), torch.randn(3, 20, fusion.token_projection.in_features)


@torch.no_grad()
def ask(fusion, asked):
    return fusion(*asked)[0]


def ask_anew(fusion, asked):
    """Logits of a copy, which remembers nothing."""
    return ask(copy.deepcopy(fusion), asked)


def test_queries_are_projected_once(fusion, asked):
    projected, first = Counter(fusion.query_projection), Counter(fusion.layers[0].cross_attn.q_proj)

    for _ in range(3):
        ask(fusion, asked)

    assert (projected.calls, first.calls) == (1, 1)


def test_a_remembered_answer_is_the_same_to_the_last_bit(fusion, asked):
    ask(fusion, asked)

    with_gradients = fusion(*asked)[0].detach()  # never remembered

    assert torch.equal(ask(fusion, asked), with_gradients)


@pytest.mark.parametrize(
    "name",
    [
        *("query_norm.weight", "query_norm.bias", "query_projection.weight", "query_projection.bias"),
        *("layers.0.layer_norm1.weight", "layers.0.layer_norm1.bias"),
        *("layers.0.cross_attn.q_proj.weight", "layers.0.cross_attn.q_proj.bias"),
    ],
)
def test_new_weights_answer_even_if_no_version_tells(fusion, asked, name):
    before = ask(fusion, asked)

    fusion.get_parameter(name).data.flatten()[-1] += 1  # which leaves the version of the parameter alone

    assert not torch.equal(ask(fusion, asked), before)
    assert torch.equal(ask(fusion, asked), ask_anew(fusion, asked))


def test_queries_that_changed_in_place_are_others(fusion, asked):
    before = ask(fusion, asked)

    asked[0].data[2] += 1

    assert torch.equal(ask(fusion, asked), ask_anew(fusion, asked))
    assert (ask(fusion, asked) != before).any(dim=0).tolist() == [False, False, True, False, False]


def test_queries_in_turns_are_not_mixed_up(fusion, asked):
    queries, tokens = asked
    sets = [queries, queries[:2], queries.flip(0), torch.empty(0, queries.shape[1])]

    answers = [ask(fusion, (each, tokens)) for each in sets * 2]

    assert [each.shape[1] for each in answers] == [5, 2, 5, 0] * 2
    assert all(torch.equal(each, ask_anew(fusion, (queries, tokens))) for each in (answers[0], answers[2].flip(1)))


def test_training_computes_anew(fusion, asked):
    projected = Counter(fusion.train().query_projection)

    for _ in range(2):
        ask(fusion, asked)

    assert projected.calls == 2


def test_bfloat16_weights_are_remembered_too(fusion, asked):
    fusion, asked = fusion.bfloat16(), tuple(each.bfloat16() for each in asked)
    projected = Counter(fusion.query_projection)

    answers = [ask(fusion, asked) for _ in range(2)]

    assert projected.calls == 1
    assert torch.equal(*answers)


def test_autocast_computes_in_its_own_precision(fusion, asked):
    full = ask(fusion, asked)

    with torch.autocast("cpu", torch.bfloat16):
        half = ask(fusion, asked)

    assert not torch.equal(half, full)
    assert torch.equal(ask(fusion, asked), full)


def test_only_the_last_result_is_kept():
    memory = LastResult()

    with torch.no_grad():
        first = weakref.ref(memory.of([torch.zeros(2)], Result))
        memory.of([torch.ones(2)], Result)

    assert first() is None


def test_a_copy_and_a_pickle_take_nothing_along(fusion, asked):
    size = len(pickle.dumps(fusion.prepared))

    ask(fusion, asked)

    assert len(pickle.dumps(fusion.prepared)) == len(pickle.dumps(copy.deepcopy(fusion).prepared)) == size


def test_a_number_that_is_none_is_computed_again():
    broken = [torch.tensor([float("nan")])]
    memory = LastResult()

    assert memory.of(broken, Result) is not memory.of(broken, Result)
