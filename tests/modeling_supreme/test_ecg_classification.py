"""`SupremeForEcgClassification` starts from a pretrained encoder and trains its head alone, or everything."""

import json
import math

import pytest
import torch
from helpers.tiny_models import fit
from transformers import AutoModel, AutoModelForSequenceClassification

from modeling_supreme import SupremeEcgConfig, SupremeEcgModel, SupremeForEcgClassification


FINDINGS = ["atrial fibrillation", "left bundle branch block", "sinus bradycardia"]
NAN = float("nan")


@pytest.fixture(scope="module")
def checkpoint_dirs(make_checkpoint):
    """Folders of pretrained zero-shot models, by the kind of their encoder."""
    return {encoder_type: make_checkpoint(encoder_type) for encoder_type in ("vit", "resnet", "hybrid")}


@pytest.fixture(params=["vit", "resnet", "hybrid"])
def checkpoint_dir(request, checkpoint_dirs):
    return checkpoint_dirs[request.param]


def make_classifier(checkpoint_dir, **config_fields):
    """A classifier of three findings with the encoder of a checkpoint."""
    torch.manual_seed(0)
    config_fields = {
        "id2label": dict(enumerate(FINDINGS)),
        "label2id": {finding: index for index, finding in enumerate(FINDINGS)},
        **config_fields,
    }
    return SupremeForEcgClassification.from_pretrained(checkpoint_dir, **config_fields)


@pytest.fixture
def classifier(checkpoint_dir):
    return make_classifier(checkpoint_dir)


def make_signal(num_strips=4, num_samples=1000):
    """Strips of white noise, `(num_strips, 12, num_samples)`."""
    return torch.randn(num_strips, 12, num_samples, generator=torch.Generator().manual_seed(0))


def make_labels(num_strips=4):
    """Random findings, `(num_strips, 3)`."""
    return torch.randint(2, (num_strips, 3), generator=torch.Generator().manual_seed(1)).float()


def learn(model, num_steps=1, num_strips=4):
    """Some steps in training mode; returns the losses before each."""
    batch = {"signal": make_signal(num_strips), "labels": make_labels(num_strips)}
    return fit(model.train(), num_steps=num_steps, learning_rate=5e-3, **batch)


def copy_state(model):
    """Parameters and buffers as they are now."""
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def changed(before, after):
    """Names of what differs."""
    return {name for name in before if not torch.equal(before[name], after[name])}


class TestLoading:
    def test_the_encoder_is_that_of_the_zero_shot_model(self, checkpoint_dir, classifier):
        pretrained = AutoModel.from_pretrained(checkpoint_dir).ecg_model.state_dict()

        assert pretrained.keys() == classifier.ecg_model.state_dict().keys()
        assert changed(pretrained, classifier.ecg_model.state_dict()) == set()

    def test_only_the_head_is_reported_as_new(self, checkpoint_dir):
        _, report = SupremeForEcgClassification.from_pretrained(checkpoint_dir, output_loading_info=True)

        head = {"layer_norm.weight", "layer_norm.bias", "classifier.weight", "classifier.bias"}
        assert report["missing_keys"] == head
        assert (report["unexpected_keys"], report["mismatched_keys"]) == (set(), set())

    def test_an_encoder_alone_is_taken_too(self, checkpoint_dir, classifier, tmp_path):
        AutoModel.from_pretrained(checkpoint_dir).ecg_model.save_pretrained(tmp_path)

        from_encoder = make_classifier(tmp_path)

        assert changed(classifier.ecg_model.state_dict(), from_encoder.ecg_model.state_dict()) == set()

    def test_labels_carry_the_names_of_findings(self, classifier):
        assert classifier.config.id2label == dict(enumerate(FINDINGS))
        assert classifier(make_signal()).logits.shape == (4, 3)

    def test_regression_is_refused(self):
        with pytest.raises(ValueError, match=r"`problem_type` is regression.*Use multi_label_classification or"):
            SupremeForEcgClassification(SupremeEcgConfig.from_preset("hybrid", problem_type="regression"))


class TestSaving:
    @pytest.fixture
    def saved_dir(self, classifier, tmp_path):
        learn(classifier)
        classifier.eval().save_pretrained(tmp_path)
        return tmp_path

    def test_the_auto_class_finds_the_classifier(self, saved_dir):
        assert type(AutoModelForSequenceClassification.from_pretrained(saved_dir)) is SupremeForEcgClassification

    def test_the_code_to_load_it_elsewhere_travels_with_it(self, saved_dir):
        config = json.loads((saved_dir / "config.json").read_text(encoding="utf-8"))

        reference = "modeling_supreme_ecg.SupremeForEcgClassification"
        assert config["auto_map"]["AutoModelForSequenceClassification"] == reference
        modules = {path.name for path in saved_dir.glob("*.py")}
        own = {"configuration_supreme.py", "leads.py", "modeling_supreme_ecg.py"}
        # What a checkpoint is held to: its files, and the definitions and decisions that a configuration may hold
        assert modules == own | {
            "checkpoints.py",
            "composition.py",
            "condition_names.py",
            "decisions.py",
            "definitions.py",
            "queries.py",
            "query_grammar.py",
            "query_words.py",
        }

    def test_a_reloaded_classifier_is_the_same(self, classifier, saved_dir):
        reloaded = AutoModelForSequenceClassification.from_pretrained(saved_dir)

        assert changed(classifier.state_dict(), reloaded.state_dict()) == set()
        assert reloaded.config.id2label == classifier.config.id2label
        torch.testing.assert_close(reloaded(make_signal()).logits, classifier(make_signal()).logits)

    def test_the_fine_tuned_encoder_can_be_taken_out(self, classifier, saved_dir):
        encoder = AutoModel.from_pretrained(saved_dir)

        assert type(encoder) is SupremeEcgModel
        assert changed(classifier.ecg_model.state_dict(), encoder.state_dict()) == set()


class TestScores:
    def test_the_logits_are_the_head_on_the_normalised_mean_token(self, classifier):
        outputs = classifier(make_signal())

        embeds = classifier.ecg_model(make_signal()).pooler_output
        normed = (embeds - embeds.mean(dim=1, keepdim=True)) / embeds.std(dim=1, keepdim=True, correction=0)
        torch.testing.assert_close(outputs.ecg_embeds, embeds)
        torch.testing.assert_close(outputs.logits, classifier.classifier(normed), atol=1e-4, rtol=1e-4)

    def test_a_batch_of_one_equals_its_row_in_a_batch(self, classifier):
        alone = torch.cat([classifier(strip[None]).logits for strip in make_signal()])

        torch.testing.assert_close(alone, classifier(make_signal()).logits, atol=1e-5, rtol=1e-4)

    def test_masked_samples_and_leads_do_not_matter(self, classifier):
        signal, spoiled = make_signal(), make_signal()
        lead_mask, sample_mask = torch.ones(4, 12, dtype=torch.bool), torch.ones(4, 1000, dtype=torch.bool)
        lead_mask[:, 3] = sample_mask[:, 700:] = False
        spoiled[:, 3] = spoiled[:, :, 700:] = NAN

        masks = {"lead_mask": lead_mask, "sample_mask": sample_mask}

        torch.testing.assert_close(classifier(spoiled, **masks).logits, classifier(signal, **masks).logits)


class TestLoss:
    def test_multi_label_loss_is_cross_entropy_of_each_known_label(self, classifier):
        outputs = classifier(make_signal(1), labels=torch.tensor([[1.0, NAN, 0.25]]))

        first, _, third = outputs.logits.sigmoid()[0].tolist()
        terms = [math.log(first), 0.25 * math.log(third) + 0.75 * math.log(1 - third)]
        assert outputs.loss.item() == pytest.approx(-sum(terms) / 2, rel=1e-5)

    def test_single_label_loss_is_cross_entropy_of_the_softmax(self, checkpoint_dirs):
        classifier = make_classifier(checkpoint_dirs["hybrid"], problem_type="single_label_classification")

        outputs = classifier(make_signal(2), labels=torch.tensor([2, 0]))

        probabilities = outputs.logits.softmax(dim=1)
        expected = -(probabilities[0, 2].log() + probabilities[1, 0].log()) / 2
        torch.testing.assert_close(outputs.loss, expected)

    def test_without_labels_there_is_no_loss(self, classifier):
        assert classifier(make_signal()).loss is None


class TestFineTuning:
    def test_a_gradient_reaches_every_parameter(self, classifier):
        learn(classifier)

        gradients = {name: parameter.grad for name, parameter in classifier.named_parameters()}
        # A bias of the keys shifts all weights of a query alike, which softmax takes away again
        flat = [name for name, gradient in gradients.items() if gradient is None or gradient.abs().max() == 0]
        assert [name for name in flat if not name.endswith("k_proj.bias")] == []

    def test_eight_strips_can_be_learnt_by_heart(self, classifier):
        losses = learn(classifier, num_steps=60, num_strips=8)

        assert losses[0] > 0.5
        assert losses[-1] < 0.05


class TestProbing:
    def test_only_the_head_asks_for_gradients(self, classifier):
        classifier.freeze_encoder()

        trained = {name.split(".")[0] for name, each in classifier.named_parameters() if each.requires_grad}

        assert trained == {"layer_norm", "classifier"}

    def test_neither_weights_nor_running_statistics_of_the_encoder_move(self, classifier):
        before = copy_state(classifier)

        learn(classifier.freeze_encoder(), num_steps=2)

        moved = changed(before, classifier.state_dict())
        assert moved == {"layer_norm.weight", "layer_norm.bias", "classifier.weight", "classifier.bias"}

    def test_the_frozen_encoder_stays_in_evaluation_mode(self, classifier):
        classifier.freeze_encoder().train()

        assert (classifier.training, classifier.classifier.training) == (True, True)
        assert not any(module.training for module in classifier.ecg_model.modules())

    def test_freezing_while_training_puts_the_encoder_in_evaluation_mode_at_once(self, classifier):
        classifier.train().freeze_encoder()

        assert (classifier.training, classifier.ecg_model.training) == (True, False)

    def test_a_probe_learns(self, classifier):
        losses = learn(classifier.freeze_encoder(), num_steps=40)

        assert losses[-1] < 0.8 * losses[0]

    def test_a_reloaded_probe_is_not_frozen(self, checkpoint_dirs, tmp_path):
        make_classifier(checkpoint_dirs["hybrid"]).freeze_encoder().save_pretrained(tmp_path)

        reloaded = AutoModelForSequenceClassification.from_pretrained(tmp_path)

        assert all(each.requires_grad for each in reloaded.parameters())
