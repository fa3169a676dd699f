"""The measurement head: real units, angles on a circle, and no word in what the named queries score."""

import os

import pytest
import torch
from helpers.forked_python import run_forked
from helpers.tiny_models import TINY_MEASUREMENTS, settle_measurements
from huggingface_hub.errors import StrictDataclassError
from transformers import AutoModel

from modeling_supreme import SupremeConfig, SupremeEcgModel
from modeling_supreme.modeling_supreme import LEAST_SCALE, LOGISTIC_SD


KEYS = list(TINY_MEASUREMENTS)
HEADS = ["pooled", "queries", "beats"]
BUFFERS = {"center", "spread", "bias", "sd_factor", "loadings"}


@pytest.fixture(params=HEADS)
def model(make_tiny_model, request):
    """A tiny hybrid with a head, in evaluation mode."""
    return settle_measurements(make_tiny_model(measurements=KEYS, measurement_head=request.param))


def make_signal(num_strips=3, seed=0):
    """Strips of white noise, `(num_strips, 12, 1000)`."""
    return torch.randn(num_strips, 12, 1000, generator=torch.Generator().manual_seed(seed))


def make_query_embeds(num_queries=2):
    """Random queries, `(num_queries, 32)`."""
    return torch.randn(num_queries, 32, generator=torch.Generator().manual_seed(1))


@torch.no_grad()
def measure(model, signal=None, **masks):
    signal = make_signal() if signal is None else signal
    return model(signal, query_embeds=make_query_embeds(), **masks).measurements


def still_head(model):
    """The head of a model made to answer its biases alone, whatever the strip: all of them zero."""
    for layer in (model.measurement_head.location, model.measurement_head.scale, model.measurement_head.presence):
        torch.nn.init.zeros_(layer.weight)
        torch.nn.init.zeros_(layer.bias)
    return model.measurement_head


def column(key):
    return KEYS.index(key)


class TestAnswers:
    def test_there_is_one_number_of_every_measurement_and_strip(self, model):
        found = measure(model)

        assert {name: tuple(found[name].shape) for name in found} == dict.fromkeys(
            ("value", "sd", "measurable", "measurable_logits"), (3, len(KEYS))
        )
        assert {found[name].dtype for name in found} == {torch.float32}

    def test_a_model_without_measurements_has_no_head(self, make_tiny_model):
        model = make_tiny_model()

        assert model.measurement_head is None
        assert model(make_signal(), query_embeds=make_query_embeds()).measurements is None

    def test_a_location_counts_spreads_from_the_center(self, model):
        head = still_head(model)
        head.location.bias.data[column("qrs_ms")] = 1.5

        # 96 ms and one and a half times 20 ms
        assert measure(model).value[:, column("qrs_ms")].tolist() == [126.0] * 3

    def test_the_sd_is_that_of_a_logistic_distribution(self, model):
        from scipy.stats import logistic

        still_head(model)
        scale = 20.0 * (torch.log(torch.tensor(2.0)).item() + LEAST_SCALE)  # softplus of 0 is ln 2

        assert measure(model).sd[0, column("qrs_ms")].item() == pytest.approx(logistic(scale=scale).std(), rel=1e-6)
        assert pytest.approx(logistic.std()) == LOGISTIC_SD

    def test_calibration_shifts_values_and_widens_what_was_too_narrow(self, model):
        before = measure(model)
        model.measurement_head.bias[column("qrs_ms")] = 4.0
        model.measurement_head.sd_factor[column("qrs_ms")] = 2.0

        after = measure(model)

        shift, factor = torch.zeros(len(KEYS)), torch.ones(len(KEYS))
        shift[column("qrs_ms")], factor[column("qrs_ms")] = 4.0, 2.0
        torch.testing.assert_close(after.value, before.value + shift)
        torch.testing.assert_close(after.sd, before.sd * factor)

    def test_measurable_is_the_probability_of_its_logit(self, model):
        still_head(model).presence.bias.data[column("pr_ms")] = -2.0

        assert measure(model).measurable[0, column("pr_ms")].item() == pytest.approx(0.119203, abs=1e-6)

    def test_values_differ_from_strip_to_strip(self, model):
        assert (measure(model).value.std(dim=0) > 0).all()

    @pytest.mark.parametrize("head", HEADS)
    @pytest.mark.parametrize("encoder_type", ["vit", "resnet", "hybrid"])
    def test_padding_and_the_other_strips_change_nothing(self, make_tiny_model, encoder_type, head):
        model = settle_measurements(make_tiny_model(encoder_type, measurements=KEYS, measurement_head=head))
        signal, sample_mask = make_signal(), torch.ones(3, 1000, dtype=torch.bool)
        sample_mask[0, 500:] = False
        signal[0, :, 500:] = 100.0

        together = measure(model, signal, sample_mask=sample_mask)
        alone = measure(model, signal[:1, :, :500])

        torch.testing.assert_close(together.value[:1], alone.value, atol=1e-3, rtol=1e-4)

    def test_a_strip_of_which_nothing_was_recorded_gets_numbers_too(self, model):
        found = measure(model, sample_mask=torch.zeros(3, 1000, dtype=torch.bool))

        assert all(torch.isfinite(found[name]).all() for name in found)


class TestAngles:
    @pytest.mark.parametrize(
        ("cosine", "sine", "degrees"), [(1, 0, 30), (0, 1, 120), (0, -1, -60), (-1, 0, -150), (-1, 1, 165)]
    )
    def test_they_are_turns_from_the_center(self, model, cosine, sine, degrees):
        bias = still_head(model).location.bias.data
        bias[column("axis_deg")], bias[len(KEYS)] = cosine, sine

        assert measure(model).value[0, column("axis_deg")].item() == pytest.approx(degrees, abs=1e-4)

    @pytest.mark.parametrize(("bias", "degrees"), [(149.0, 179.0), (150.0, 180.0), (151.0, -179.0), (-210.0, 180.0)])
    def test_they_lie_above_minus_180_and_up_to_180(self, model, bias, degrees):
        still_head(model).location.bias.data[column("axis_deg")] = 1.0
        model.measurement_head.bias[column("axis_deg")] = bias

        assert measure(model).value[0, column("axis_deg")].item() == pytest.approx(degrees, abs=1e-4)


class TestNamedQueries:
    @pytest.mark.parametrize("head", HEADS)
    def test_their_logits_are_to_the_last_bit_those_of_the_model_without_a_head(self, make_tiny_model, head):
        model = make_tiny_model(measurements=KEYS, measurement_head=head)
        plain = make_tiny_model()
        shared = {name: value for name, value in model.state_dict().items() if "measurement_head" not in name}
        plain.load_state_dict(shared)

        logits = [each(make_signal(), query_embeds=make_query_embeds()).logits_per_ecg for each in (model, plain)]

        assert torch.equal(*logits)

    def test_they_change_no_measurement(self, model):
        few, many = (model(make_signal(), query_embeds=make_query_embeds(number)).measurements for number in (1, 50))

        assert torch.equal(few.value, many.value)

    def test_they_may_be_none(self, model):
        with torch.no_grad():
            output = model(make_signal(), query_embeds=make_query_embeds(num_queries=0))

        assert output.logits_per_ecg.shape == (3, 0)
        assert torch.equal(output.measurements.value, measure(model).value)


class TestLearning:
    def test_a_gradient_reaches_every_parameter_of_the_head_and_the_encoder(self, model):
        found = model.train()(make_signal(), query_embeds=make_query_embeds()).measurements
        (found.value.sum() + found.sd.sum() + found.measurable.sum()).backward()

        parts = {**dict(model.measurement_head.named_parameters()), **dict(model.ecg_model.named_parameters())}
        assert {name for name, parameter in parts.items() if parameter.grad is None} == set()

    def test_what_training_and_calibration_found_is_no_parameter(self, model):
        assert {name for name, _ in model.measurement_head.named_buffers()} == BUFFERS


class TestSaving:
    def test_a_reloaded_model_measures_the_same(self, model, tmp_path):
        for name in BUFFERS:
            buffer = getattr(model.measurement_head, name)
            buffer.copy_(torch.rand(buffer.shape, generator=torch.Generator().manual_seed(7)) / 3)
        model.save_pretrained(tmp_path)

        loaded = AutoModel.from_pretrained(tmp_path)

        assert loaded.config.to_dict()["measurements"] == KEYS
        assert all(torch.equal(value, loaded.state_dict()[name]) for name, value in model.state_dict().items())
        assert torch.equal(measure(loaded).value, measure(model).value)

    def test_buffers_that_a_checkpoint_lacks_are_refused(self, model, tmp_path):
        from safetensors.torch import load_file, save_file

        model.save_pretrained(tmp_path)
        weights = load_file(tmp_path / "model.safetensors")
        del weights["measurement_head.center"]
        save_file(weights, tmp_path / "model.safetensors", {"format": "pt"})

        with pytest.raises(ValueError, match=r"lack tensors of the model \(measurement_head.center\)"):
            AutoModel.from_pretrained(tmp_path)

    def test_the_encoder_of_a_model_with_a_head_loads_alone(self, model, tmp_path):
        model.save_pretrained(tmp_path)

        assert type(SupremeEcgModel.from_pretrained(tmp_path)) is SupremeEcgModel

    def test_the_code_that_travels_measures_too(self, model, tmp_path):
        model.save_pretrained(tmp_path / "checkpoint")
        script = (
            "import sys; sys.modules['modeling_supreme'] = None\n"
            "import torch; from transformers import AutoModel\n"
            f"model = AutoModel.from_pretrained({str(tmp_path / 'checkpoint')!r}, trust_remote_code=True)\n"
            "found = model(torch.zeros(1, 12, 1000), query_embeds=torch.zeros(1, 32)).measurements\n"
            "print(found.value[0, 2].item())\n"
        )

        environment = {**os.environ, "PYTHONPATH": "", "HF_HOME": str(tmp_path / "home")}
        run = run_forked("-c", script, cwd=tmp_path, env=environment)

        assert run.returncode == 0, run.stderr
        expected = measure(model, torch.zeros(1, 12, 1000)).value[0, 2].item()
        assert float(run.stdout) == pytest.approx(expected, rel=1e-5)


class TestConfiguration:
    def test_by_default_nothing_is_measured(self):
        assert (SupremeConfig().measurements, SupremeConfig().measurement_head) == ([], "pooled")

    @pytest.mark.parametrize(
        ("keys", "message"),
        [
            (["qrs_ms", "pulse"], r"names 'pulse', which is no measurement.*'qrs_ms'.*'st_mv_V2'"),
            (["st_mv"], r"names 'st_mv', which is no measurement.*with its lead"),
            (["st_mv_V7"], r"names 'st_mv_V7', which is no measurement"),
            (["qrs_ms_V2"], r"names 'qrs_ms_V2', which is no measurement"),
            (["qrs_ms", "qt_ms", "qrs_ms"], r"names 'qrs_ms' twice\. Name each measurement once"),
            (["qrs_ms"] * 1001, r"`measurements` has 1,001 entries, more than 1,000"),
        ],
    )
    def test_measurements_that_there_are_not_are_refused(self, keys, message):
        with pytest.raises(StrictDataclassError, match=message):
            SupremeConfig(measurements=keys)

    def test_a_head_that_there_is_not_is_refused(self):
        with pytest.raises(StrictDataclassError, match="measurement_head"):
            SupremeConfig(measurement_head="magic")

    @pytest.mark.parametrize("head", HEADS)
    def test_parameters_are_estimated_from_above(self, make_tiny_model, head):
        without, model = make_tiny_model(), make_tiny_model(measurements=KEYS, measurement_head=head)
        added = model.num_parameters() - without.num_parameters()

        estimated = model.config.estimated_parameters - without.config.estimated_parameters

        assert added <= estimated <= 2 * added


def test_a_rate_that_was_counted_is_the_rate_until_something_else_is_learnt(make_tiny_model):
    model = settle_measurements(make_tiny_model(measurements=KEYS, measurement_head="beats"))
    still_head(model)
    signal = torch.zeros(1, 12, 1000)
    signal[..., 60:960:50] = 1.0  # twice a second, at 100 Hz; the usual rate is 80

    rates = [measure(model, strips).value[0, column("rate_per_min")].item() for strips in (signal, 0 * signal)]

    assert rates == pytest.approx([120.0, 80.0], abs=0.01)
