"""The model: a score depends on its strip and its query alone, what is masked is not seen, what can learn learns."""

import copy
import math
import shutil

import pytest
import torch
from helpers.tiny_models import fit
from transformers import AutoModel

from modeling_supreme import SupremeConfig, SupremeEcgConfig, SupremeEcgModel, SupremeModel, modeling_supreme_ecg


ENCODERS = ["vit", "resnet", "hybrid"]
TRANSFORMERS = ["vit", "hybrid"]
NAN = float("nan")


@pytest.fixture(params=ENCODERS)
def encoder_type(request):
    return request.param


@pytest.fixture
def model(make_tiny_model, encoder_type):
    """A tiny model of each kind in evaluation mode, its running statistics those of a batch and not their defaults."""
    model = make_tiny_model(encoder_type).train()
    with torch.no_grad():
        model(make_signal(8, seed=9), query_embeds=make_query_embeds(2))
    return model.eval()


def make_signal(num_strips=3, num_samples=1000, seed=0):
    """Strips of white noise, `(num_strips, 12, num_samples)`."""
    return torch.randn(num_strips, 12, num_samples, generator=torch.Generator().manual_seed(seed))


def make_query_embeds(num_queries=4):
    """Random queries, `(num_queries, 32)`."""
    return torch.randn(num_queries, 32, generator=torch.Generator().manual_seed(1))


def make_input_ids(num_queries=3):
    """Random queries of six tokens, `(num_queries, 6)`."""
    return torch.randint(4, 60, (num_queries, 6), generator=torch.Generator().manual_seed(2))


def last_samples_masked(num_strips, num_masked, num_samples=1000):
    """`sample_mask` of strips that all end early."""
    return (torch.arange(num_samples) < num_samples - num_masked).expand(num_strips, num_samples)


def leads_masked(num_strips, *rows):
    """`lead_mask` of strips that all lack the same leads."""
    lead_mask = torch.ones(num_strips, 12, dtype=torch.bool)
    lead_mask[:, list(rows)] = False
    return lead_mask


@torch.no_grad()
def logits_of(model, signal, query_embeds=None, **masks):
    query_embeds = make_query_embeds() if query_embeds is None else query_embeds
    return model(signal, query_embeds=query_embeds, **masks).logits_per_ecg


def assert_same(actual, expected):
    """Equal up to rounding: sums of another shape are added in another order."""
    torch.testing.assert_close(actual, expected, atol=1e-5, rtol=1e-4)


def train_one_step(model, **inputs):
    """Gradients by parameter name after one backward pass in training mode."""
    model.train().zero_grad()
    labels = torch.tensor([[1.0, 0.0, 0.3], [0.0, 1.0, NAN], [1.0, 1.0, 0.0]])
    model(make_signal(3), labels=labels, **inputs).loss.backward()
    return {name: parameter.grad for name, parameter in model.named_parameters() if parameter.grad is not None}


class TestScores:
    def test_strips_and_queries_both_matter(self, model):
        logits = logits_of(model, make_signal())

        assert logits.std(dim=0).min() > 1e-3
        assert logits.std(dim=1).min() > 1e-3

    def test_shapes_are_those_of_the_contract(self, model):
        outputs = model(make_signal(3), input_ids=make_input_ids(5))

        assert outputs.logits_per_ecg.shape == (3, 5)
        assert (outputs.ecg_embeds.shape, outputs.query_embeds.shape) == ((3, 32), (5, 32))
        assert (outputs.loss, outputs.cross_attentions) == (None, None)

    def test_a_batch_of_one_equals_its_row_in_a_batch(self, model):
        signal = make_signal(4)

        alone = torch.cat([logits_of(model, strip[None]) for strip in signal])

        assert_same(alone, logits_of(model, signal))

    def test_a_score_does_not_depend_on_the_other_strips(self, model):
        signal, others = make_signal(4), 100 * make_signal(4, seed=5)

        mixed = logits_of(model, torch.cat([signal[:1], others]))

        assert_same(mixed[0], logits_of(model, signal)[0])

    def test_a_score_does_not_depend_on_padding_of_other_strips(self, model):
        signal = make_signal(2)
        sample_mask = torch.stack([last_samples_masked(1, 0)[0], last_samples_masked(1, 700)[0]])

        assert_same(logits_of(model, signal, sample_mask=sample_mask)[0], logits_of(model, signal)[0])

    def test_query_order_does_not_change_a_score(self, model):
        signal, query_embeds, order = make_signal(), make_query_embeds(6), [3, 0, 5, 1, 4, 2]

        reordered = logits_of(model, signal, query_embeds[order])

        assert_same(reordered, logits_of(model, signal, query_embeds)[:, order])

    @pytest.mark.parametrize("company", [0, 1, 300])
    def test_the_company_of_a_query_does_not_change_its_score(self, model, company):
        signal, query_embeds = make_signal(), make_query_embeds(2)
        others = 10 * torch.randn(company, 32, generator=torch.Generator().manual_seed(3))

        in_company = logits_of(model, signal, torch.cat([query_embeds[:1], others]))[:, :1]

        assert_same(in_company, logits_of(model, signal, query_embeds)[:, :1])

    def test_a_query_asked_twice_scores_the_same_twice(self, model):
        logits = logits_of(model, make_signal(), make_query_embeds(1).repeat(2, 1))

        assert_same(logits[:, 0], logits[:, 1])

    def test_query_embeddings_stand_for_their_tokens(self, model):
        signal, input_ids = make_signal(), make_input_ids()
        attention_mask = torch.tensor([[1, 1, 1, 1, 1, 1], [1, 1, 1, 0, 0, 0], [1, 1, 1, 1, 0, 0]])

        query_embeds = model.get_query_embeds(input_ids, attention_mask)

        outputs = model(signal, input_ids=input_ids, attention_mask=attention_mask)
        assert torch.equal(outputs.query_embeds, query_embeds)
        assert_same(logits_of(model, signal, query_embeds), outputs.logits_per_ecg)

    def test_the_voltage_of_a_strip_matters(self, model):
        signal = make_signal()

        assert (logits_of(model, signal) - logits_of(model, 3 * signal)).abs().max() > 1e-3

    @pytest.mark.parametrize("queries", [{}, {"input_ids": make_input_ids(), "query_embeds": make_query_embeds()}])
    def test_queries_given_twice_or_not_at_all_are_refused(self, tiny_model, queries):
        with pytest.raises(ValueError, match=r"either as `input_ids` or as `query_embeds`.*`get_query_embeds` turns"):
            tiny_model(make_signal(), **queries)

    @pytest.mark.parametrize("shape", [(1, 8, 1000), (1, 12, 1001), (12, 1000)], ids=["leads", "length", "one strip"])
    def test_a_signal_of_another_shape_is_refused(self, model, shape):
        with pytest.raises(
            ValueError, match=r"`signal` has shape \(1.*expected \(batch_size, 12, at most 1000\).*proce"
        ):
            model(torch.zeros(shape), query_embeds=make_query_embeds())


class TestMasks:
    @pytest.mark.parametrize("garbage", [1e3, NAN, float("inf")])
    def test_a_masked_lead_does_not_leak(self, model, garbage):
        signal, lead_mask = make_signal(), leads_masked(3, 2, 11)
        spoiled = signal.masked_fill(~lead_mask[..., None], garbage)

        assert_same(logits_of(model, spoiled, lead_mask=lead_mask), logits_of(model, signal, lead_mask=lead_mask))

    @pytest.mark.parametrize("garbage", [1e3, NAN, float("inf")])
    @pytest.mark.parametrize("num_masked", [400, 390, 1])
    def test_padding_does_not_leak(self, model, garbage, num_masked):
        signal, sample_mask = make_signal(), last_samples_masked(3, num_masked)
        spoiled = signal.masked_fill(~sample_mask[:, None], garbage)

        assert_same(
            logits_of(model, spoiled, sample_mask=sample_mask), logits_of(model, signal, sample_mask=sample_mask)
        )

    @pytest.mark.parametrize("num_samples", [600, 610, 999, 30])
    def test_a_padded_strip_scores_as_the_short_strip_does(self, model, num_samples):
        signal = make_signal()
        padded = logits_of(model, signal, sample_mask=last_samples_masked(3, 1000 - num_samples))

        assert_same(padded, logits_of(model, signal[..., :num_samples]))

    @pytest.mark.parametrize("num_samples", [600, 610])
    def test_a_padded_strip_has_the_embedding_of_the_short_strip(self, model, num_samples):
        signal, sample_mask = make_signal(), last_samples_masked(3, 1000 - num_samples)

        padded, short = model.ecg_model(signal, None, sample_mask), model.ecg_model(signal[..., :num_samples])

        assert_same(padded.pooler_output, short.pooler_output)

    def test_a_short_strip_may_bring_its_own_mask(self, model):
        signal = make_signal(num_samples=610)

        masked = logits_of(model, signal, sample_mask=torch.ones(3, 610, dtype=torch.bool))

        assert_same(masked, logits_of(model, signal))

    def test_masks_that_hide_nothing_change_nothing(self, model):
        signal = make_signal()

        masked = logits_of(model, signal, lead_mask=leads_masked(3), sample_mask=last_samples_masked(3, 0))

        assert_same(masked, logits_of(model, signal))

    def test_masks_that_hide_something_change_the_score(self, model):
        signal = make_signal()
        without_lead = logits_of(model, signal, lead_mask=leads_masked(3, 0))
        without_end = logits_of(model, signal, sample_mask=last_samples_masked(3, 500))

        assert (without_lead - logits_of(model, signal)).abs().max() > 1e-4
        assert (without_end - logits_of(model, signal)).abs().max() > 1e-4

    def test_the_mask_of_tokens_covers_every_token_that_was_begun(self, model):
        sample_mask = last_samples_masked(1, 390)
        stride = model.config.ecg_config.token_stride

        outputs = model.ecg_model(make_signal(1), None, sample_mask)

        assert outputs.token_mask.shape == outputs.last_hidden_state.shape[:2]
        assert outputs.token_mask.sum().item() == math.ceil(610 / stride)


class TestAttention:
    @pytest.fixture
    def inputs(self):
        """Two strips, the second 5 s long and without V6."""
        sample_mask = torch.ones(2, 1000, dtype=torch.bool)
        sample_mask[1, 500:] = False
        lead_mask = torch.ones(2, 12, dtype=torch.bool)
        lead_mask[1, 11] = False
        return {"signal": make_signal(2), "lead_mask": lead_mask, "sample_mask": sample_mask}

    def test_a_cpu_attends_as_the_fused_attention_of_torch_does(self, model, inputs, monkeypatch):
        in_parts = logits_of(model, **inputs)

        monkeypatch.setattr(modeling_supreme_ecg, "is_traced", lambda: True)  # a graph takes the fused one

        assert_same(logits_of(model, **inputs), in_parts)

    def test_eager_equals_sdpa(self, model, inputs, monkeypatch):
        monkeypatch.setattr(modeling_supreme_ecg, "is_traced", lambda: True)
        fused = logits_of(model, **inputs)

        model.set_attn_implementation("eager")

        assert model.fusion.layers[0].cross_attn.config._attn_implementation == "eager"
        assert_same(logits_of(model, **inputs), fused)

    def test_sdpa_is_the_default(self, model):
        assert model.config._attn_implementation == model.config.ecg_config._attn_implementation == "sdpa"

    def test_asking_for_attention_does_not_change_a_score(self, model, inputs):
        outputs = model(**inputs, query_embeds=make_query_embeds(), output_attentions=True)

        assert_same(outputs.logits_per_ecg, logits_of(model, **inputs))

    def test_there_are_weights_for_every_layer_head_query_and_token(self, model, inputs):
        outputs = model(**inputs, query_embeds=make_query_embeds(5), output_attentions=True)

        shape = (2, 2, 5, model.config.ecg_config.num_tokens)  # strips, heads, queries, tokens
        assert [weights.shape for weights in outputs.cross_attentions] == [shape, shape]

    def test_attention_of_a_query_sums_to_one(self, model, inputs):
        outputs = model(**inputs, query_embeds=make_query_embeds(), output_attentions=True)

        total = torch.stack(outputs.cross_attentions).sum(dim=-1)
        torch.testing.assert_close(total, torch.ones_like(total))

    def test_no_query_looks_at_padding(self, model, inputs):
        outputs = model(**inputs, query_embeds=make_query_embeds(), output_attentions=True)

        num_recorded = math.ceil(500 / model.config.ecg_config.token_stride)
        weights = torch.stack(outputs.cross_attentions)[:, 1]
        assert weights[..., num_recorded:].abs().max() == 0
        assert weights[..., :num_recorded].min() > 0

    @pytest.mark.parametrize("encoder_type", TRANSFORMERS, indirect=True)
    def test_no_token_looks_at_padding(self, model, inputs):
        outputs = model.ecg_model(**inputs, output_attentions=True)

        num_recorded = math.ceil(500 / model.config.ecg_config.token_stride)
        weights = torch.stack(outputs.attentions)
        assert weights[:, 1, ..., num_recorded:].abs().max() == 0
        torch.testing.assert_close(weights.sum(dim=-1), torch.ones(weights.shape[:-1]))

    @pytest.mark.parametrize(("encoder_type", "num_layers"), [("vit", 2), ("hybrid", 1)], indirect=["encoder_type"])
    def test_the_encoder_returns_weights_and_tokens_of_every_layer(self, model, inputs, num_layers):
        outputs = model.ecg_model(**inputs, output_attentions=True, output_hidden_states=True)

        num_tokens = model.config.ecg_config.num_tokens
        assert [weights.shape for weights in outputs.attentions] == [(2, 2, num_tokens, num_tokens)] * num_layers
        assert [tokens.shape for tokens in outputs.hidden_states] == [(2, num_tokens, 32)] * (num_layers + 1)

    def test_nothing_is_returned_that_was_not_asked_for(self, model, inputs):
        outputs = model.ecg_model(**inputs)

        assert (outputs.attentions, outputs.hidden_states) == (None, None)


class TestSaving:
    @pytest.fixture
    def reloaded(self, model, tmp_path):
        model.save_pretrained(tmp_path)
        return AutoModel.from_pretrained(tmp_path)

    def test_auto_model_finds_the_class(self, reloaded):
        assert type(reloaded) is SupremeModel
        assert (type(reloaded.config), type(reloaded.config.ecg_config)) == (SupremeConfig, SupremeEcgConfig)

    def test_a_reloaded_model_gives_the_same_outputs(self, model, reloaded):
        inputs = {"signal": make_signal(), "input_ids": make_input_ids(), "lead_mask": leads_masked(3, 4)}

        before, after = model(**inputs), reloaded(**inputs)

        # Not bit for bit: loaded weights lie elsewhere in memory, where sums may be formed in another order.
        assert_same(after.logits_per_ecg, before.logits_per_ecg)
        assert_same(after.ecg_embeds, before.ecg_embeds)
        assert_same(after.query_embeds, before.query_embeds)

    def test_a_reloaded_model_has_the_same_parameters_and_buffers(self, model, reloaded):
        before = {**dict(model.named_parameters()), **dict(model.named_buffers())}
        after = {**dict(reloaded.named_parameters()), **dict(reloaded.named_buffers())}

        assert before.keys() == after.keys()
        assert [name for name in before if not torch.equal(before[name], after[name])] == []

    def test_a_reloaded_model_has_the_same_configuration(self, model, reloaded):
        before, after = (comparable(each.config.to_dict()) for each in (model, reloaded))

        assert before == after

    def test_weights_are_saved_as_safetensors_only(self, model, tmp_path):
        model.save_pretrained(tmp_path)

        assert {path.suffix for path in tmp_path.iterdir()} == {".json", ".safetensors", ".py"}

    def test_the_encoder_alone_is_saved_and_found(self, model, tmp_path):
        model.ecg_model.save_pretrained(tmp_path)

        reloaded = AutoModel.from_pretrained(tmp_path)

        assert type(reloaded) is SupremeEcgModel
        assert_same(reloaded(make_signal()).last_hidden_state, model.ecg_model(make_signal()).last_hidden_state)

    def test_a_new_model_takes_over_the_text_encoder_exactly(self, tiny_model, text_encoder_dir):
        pretrained = AutoModel.from_pretrained(text_encoder_dir).state_dict()

        taken_over = tiny_model.text_model.state_dict()

        assert pretrained.keys() == taken_over.keys()
        assert all(torch.equal(pretrained[name], taken_over[name]) for name in pretrained)


def comparable(config):
    """A configuration without what saving and loading write into it: the folder, and the precision of the weights."""
    config = copy.deepcopy(config)
    del config["_name_or_path"]
    return {
        **config,
        **{part: {**config[part], "dtype": None} for part in ("ecg_config", "text_config")},
        "dtype": None,
    }


class TestTraining:
    def test_a_gradient_reaches_every_trainable_parameter(self, model):
        assert_gradients_reach_all_but_the_text_encoder(model)

    def test_a_gradient_reaches_every_trainable_parameter_after_reloading(self, model, tmp_path):
        model.save_pretrained(tmp_path)

        assert_gradients_reach_all_but_the_text_encoder(AutoModel.from_pretrained(tmp_path))

    @pytest.mark.parametrize("reload", [False, True], ids=["fresh", "reloaded"])
    def test_the_frozen_text_encoder_asks_for_no_gradient(self, model, tmp_path, reload):
        model.save_pretrained(tmp_path)
        model = AutoModel.from_pretrained(tmp_path) if reload else model

        frozen = {name for name, parameter in model.named_parameters() if not parameter.requires_grad}

        assert frozen == {f"text_model.{name}" for name, _ in model.text_model.named_parameters()}

    def test_the_frozen_text_encoder_stays_in_evaluation_mode(self, tiny_model):
        tiny_model.train()

        assert (tiny_model.training, tiny_model.fusion.training) == (True, True)
        assert not any(module.training for module in tiny_model.text_model.modules())

    def test_query_embeddings_are_the_same_in_training_mode(self, tiny_model):
        in_evaluation = tiny_model.get_query_embeds(make_input_ids())

        in_training = tiny_model.train().get_query_embeds(make_input_ids())

        assert torch.equal(in_training, in_evaluation)
        assert not in_training.requires_grad

    def test_the_text_encoder_does_not_run_where_queries_are_embedded_already(self, tiny_model):
        calls = []
        tiny_model.text_model.register_forward_hook(lambda *_: calls.append(1))

        train_one_step(tiny_model, query_embeds=make_query_embeds(3))
        assert len(calls) == 0

        train_one_step(tiny_model, input_ids=make_input_ids(3))
        assert len(calls) == 1

    def test_a_text_encoder_that_is_not_frozen_learns(self, make_tiny_model):
        model = make_tiny_model(freeze_text_encoder=False, text_pooling="mean")

        gradients = train_one_step(model, input_ids=make_input_ids(3))

        # The pooler of BERT is no part of a query's embedding.
        learning = {name for name, _ in model.text_model.named_parameters() if not name.startswith("pooler")}
        assert learning == {name.removeprefix("text_model.") for name in gradients if name.startswith("text_model.")}

    def test_a_text_encoder_that_is_not_frozen_learns_after_reloading(self, make_tiny_model, tmp_path):
        make_tiny_model(freeze_text_encoder=False).save_pretrained(tmp_path)

        model = AutoModel.from_pretrained(tmp_path).train()

        assert all(parameter.requires_grad for parameter in model.parameters())
        assert model.text_model.training

    def test_gradient_checkpointing_gives_the_same_gradients(self, make_tiny_model, encoder_type):
        model = make_tiny_model(encoder_type, fusion_dropout=0.0)
        expected = {
            name: grad.clone() for name, grad in train_one_step(model, query_embeds=make_query_embeds(3)).items()
        }

        model.activation_checkpointing_enable()
        gradients = train_one_step(model, query_embeds=make_query_embeds(3))

        assert model.fusion.layers[0].gradient_checkpointing
        assert gradients.keys() == expected.keys()
        assert max((gradients[name] - expected[name]).abs().max().item() for name in expected) < 1e-5

    def test_eight_strips_can_be_learnt_by_heart(self, make_tiny_model, encoder_type):
        model = make_tiny_model(encoder_type, fusion_dropout=0.0).train()
        labels = torch.randint(2, (8, 3), generator=torch.Generator().manual_seed(4)).float()
        signal, query_embeds = make_signal(8), make_query_embeds(3)

        losses = fit(model, signal=signal, query_embeds=query_embeds, labels=labels, num_steps=60)

        assert losses[0] > 0.5
        assert losses[-1] < 0.05

    def test_unknown_labels_leave_the_loss_to_the_known_ones(self, model):
        signal, query_embeds = make_signal(), make_query_embeds(3)
        labels = torch.tensor([[1.0, NAN, 0.0]] * 3)

        loss = model(signal, query_embeds=query_embeds, labels=labels).loss

        expected = model(signal, query_embeds=query_embeds[[0, 2]], labels=labels[:, [0, 2]]).loss
        torch.testing.assert_close(loss, expected)

    def test_the_loss_is_binary_cross_entropy_with_soft_labels(self, model):
        outputs = model(make_signal(1), query_embeds=make_query_embeds(2), labels=torch.tensor([[0.25, 1.0]]))

        first, second = outputs.logits_per_ecg.sigmoid()[0].tolist()
        terms = [0.25 * math.log(first) + 0.75 * math.log(1 - first), math.log(second)]
        assert outputs.loss.item() == pytest.approx(-sum(terms) / 2, rel=1e-5)

    def test_a_batch_without_a_known_label_moves_no_parameter(self, model):
        loss = model(make_signal(), query_embeds=make_query_embeds(2), labels=torch.full((3, 2), NAN)).loss
        loss.backward()

        assert loss.item() == 0
        assert max(each.grad.abs().max().item() for each in model.parameters() if each.requires_grad) == 0


def assert_gradients_reach_all_but_the_text_encoder(model):
    gradients = train_one_step(model, input_ids=make_input_ids(3))

    assert gradients.keys() == {name for name, _ in model.named_parameters() if not name.startswith("text_model.")}
    # A bias of the keys shifts all weights of a query alike, which softmax takes away again: its gradient is zero.
    flat = [name for name, gradient in gradients.items() if gradient.abs().max() == 0]
    assert [name for name in flat if not name.endswith("k_proj.bias")] == []


class TestPrecision:
    def test_bf16_autocast_stays_close(self, model):
        expected = logits_of(model, make_signal())

        with torch.autocast("cpu", torch.bfloat16):
            logits = logits_of(model, make_signal(), sample_mask=last_samples_masked(3, 0))

        assert_close_in_bf16(logits, expected)

    def test_a_bf16_model_stays_close(self, model):
        expected = logits_of(model, make_signal())

        logits = logits_of(model.to(torch.bfloat16), make_signal(), sample_mask=last_samples_masked(3, 0))

        assert logits.dtype == torch.bfloat16
        assert_close_in_bf16(logits, expected)

    def test_a_model_loads_in_bf16(self, model, tmp_path):
        model.save_pretrained(tmp_path)

        reloaded = AutoModel.from_pretrained(tmp_path, dtype=torch.bfloat16)

        assert {parameter.dtype for parameter in reloaded.parameters()} == {torch.bfloat16}
        assert_close_in_bf16(logits_of(reloaded, make_signal()), logits_of(model, make_signal()))

    def test_attention_can_be_asked_for_in_bf16(self, model):
        outputs = model.to(torch.bfloat16)(make_signal(), query_embeds=make_query_embeds(), output_attentions=True)

        total = torch.stack(outputs.cross_attentions).float().sum(dim=-1)
        torch.testing.assert_close(total, torch.ones_like(total), atol=0.02, rtol=0)

    def test_training_under_bf16_autocast_yields_float32_gradients(self, model):
        with torch.autocast("cpu", torch.bfloat16):
            gradients = train_one_step(model, query_embeds=make_query_embeds(3))

        assert {gradient.dtype for gradient in gradients.values()} == {torch.float32}
        assert all(gradient.isfinite().all() for gradient in gradients.values())


def assert_close_in_bf16(logits, expected):
    """bfloat16 keeps 8 bits: a relative error of 0.4 % for each rounding, a few of which add up."""
    assert (logits.float().sigmoid() - expected.sigmoid()).abs().max() < 0.02


class TestCompile:
    def test_there_are_no_graph_breaks(self, model):
        inputs = {"signal": make_signal(), "query_embeds": make_query_embeds(), "lead_mask": leads_masked(3, 1)}
        inputs["sample_mask"] = last_samples_masked(3, 400)
        expected = logits_of(model, **inputs)

        compiled = torch.compile(model, fullgraph=True, backend="aot_eager")

        assert_same(logits_of(compiled, **inputs), expected)

    @pytest.mark.slow
    @pytest.mark.skipif(shutil.which("g++") is None, reason="the default compiler of PyTorch needs g++ on a CPU")
    @pytest.mark.filterwarnings("ignore:`torch.jit.script_method` is deprecated:DeprecationWarning")  # PyTorch's own
    def test_compiled_kernels_give_the_same_scores(self, tiny_model):
        expected = logits_of(tiny_model, make_signal())

        compiled = torch.compile(tiny_model, fullgraph=True)

        assert_same(logits_of(compiled, make_signal()), expected)

    def test_a_training_step_has_no_graph_breaks(self, make_tiny_model, encoder_type):
        model = make_tiny_model(encoder_type, fusion_dropout=0.0)
        expected = {
            name: grad.clone() for name, grad in train_one_step(model, query_embeds=make_query_embeds(3)).items()
        }

        compiled = torch.compile(model, fullgraph=True, backend="aot_eager")
        gradients = train_one_step(compiled, query_embeds=make_query_embeds(3))

        names = [name.removeprefix("_orig_mod.") for name in gradients]
        assert sorted(names) == sorted(expected)
        assert max((gradients[f"_orig_mod.{name}"] - expected[name]).abs().max().item() for name in names) < 1e-4


class TestSizes:
    @pytest.mark.parametrize(
        ("preset", "num_parameters"),
        # Patches 12 * 50 * 192 + 192, positions 100 * 192, twelve layers of 12 * 192² + 13 * 192, a norm of 2 * 192;
        # ResNet-18 in one dimension: 5,504 before the stages, 49,664 + 181,504 + 723,456 + 2,888,704 in them.
        [("vit_tiny", 5_473_344), ("resnet18", 3_848_832)],
    )
    def test_an_encoder_has_the_size_of_the_architecture_it_is_named_after(self, preset, num_parameters):
        assert count_parameters(SupremeEcgConfig.from_preset(preset)) == num_parameters

    def test_the_hybrid_is_light(self):
        assert count_parameters(SupremeEcgConfig.from_preset("hybrid")) < 1_000_000

    @pytest.mark.parametrize(("preset", "millions"), [("vit_small", 22), ("vit_base", 86)])
    def test_larger_transformers_have_the_sizes_of_deit(self, preset, millions):
        # Touvron et al. 2021, table 1; our patches of 600 values are somewhat smaller than theirs of 768.
        assert count_parameters(SupremeEcgConfig.from_preset(preset)) / 1e6 == pytest.approx(millions, rel=0.04)


def count_parameters(config):
    with torch.device("meta"):
        return sum(parameter.numel() for parameter in SupremeEcgModel(config).parameters())
