"""MELP answers queries by cosine, reads reports for its losses, writes drafts, and loads as it was saved."""

import json
import os

import numpy as np
import pytest
import torch
from helpers.forked_python import run_forked
from helpers.tiny_models import TINY_MELP, make_melp
from huggingface_hub.errors import StrictDataclassClassValidationError
from transformers import AutoModel, pipeline

from modeling_supreme import (
    REPORT_TASK,
    STANDARD_LEADS,
    TASK,
    MelpConfig,
    MelpModel,
    SupremeEcgConfig,
    SupremeForEcgClassification,
)
from modeling_supreme.checkpoints import CheckpointError
from modeling_supreme.queries import encode_queries


LABELS = ["atrial fibrillation", "left bundle branch block", "normal ecg"]


@pytest.fixture(scope="module")
def melp(text_encoder_dir):
    return make_melp(text_encoder_dir, trained_queries=["atrial fibrillation"])


@pytest.fixture(scope="module")
def strips():
    """Four strips of noise, `(4, 12, 1000)`."""
    return torch.randn(4, 12, 1000, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def reports(tiny_processor):
    """Four reports of one to three sentences, as the model takes them."""
    texts = ["sinus rhythm.", "atrial flutter. left axis.", "normal.", "sinus. block. infarction."]
    encoding = tiny_processor.tokenizer(texts, padding=True, return_tensors="pt")
    is_stop = encoding["input_ids"] == tiny_processor.tokenizer.convert_tokens_to_ids(".")
    sentence_ids = torch.cumsum(is_stop, dim=1) - is_stop.long()
    is_special = (encoding["input_ids"] < 4) | (encoding["attention_mask"] == 0)
    return {
        "report_ids": encoding["input_ids"],
        "report_mask": encoding["attention_mask"],
        "sentence_ids": sentence_ids.masked_fill(is_special, -1),
    }


@pytest.fixture(scope="module")
def checkpoint_dir(melp, tiny_processor, tmp_path_factory):
    """What a training run leaves."""
    from training_scripts.objectives.supervised import save_zero_shot_model

    folder = tmp_path_factory.mktemp("melp")
    save_zero_shot_model(melp, tiny_processor, folder)
    return folder


@pytest.fixture(scope="module")
def draft(checkpoint_dir):
    return pipeline(REPORT_TASK, model=str(checkpoint_dir))


@pytest.fixture(scope="module")
def recordings():
    """Two strips of noise, in millivolts."""
    return list(np.random.default_rng(0).normal(0, 0.5, (2, 12, 1000)).astype(np.float32))


class TestScores:
    @pytest.mark.parametrize("num_queries", [0, 1, 2, 17])
    def test_a_logit_does_not_depend_on_the_other_queries(self, melp, strips, num_queries):
        queries = torch.randn(40, 32, generator=torch.Generator().manual_seed(1))

        with torch.inference_mode():
            some, every = (melp(strips, query_embeds=each).logits_per_ecg for each in (queries[:num_queries], queries))

        assert torch.equal(some, every[:, :num_queries])

    def test_a_logit_is_the_cosine_times_scale_plus_bias(self, text_encoder_dir, strips):
        model = make_melp(text_encoder_dir, score_scale=7.0, score_bias=-2.0)
        queries = torch.randn(3, 32)

        with torch.inference_mode():
            found = model(strips, query_embeds=queries)
            texts = model.alignment.text_projection(queries)

        cosines = torch.nn.functional.cosine_similarity(found.ecg_embeds[:, None], texts[None], dim=-1)
        torch.testing.assert_close(found.logits_per_ecg, 7 * cosines - 2, rtol=1e-4, atol=1e-5)

    def test_without_a_scale_it_is_the_learned_one_up_to_the_largest(self, text_encoder_dir, strips):
        model = make_melp(text_encoder_dir, logit_scale_init_value=9.0)

        assert model(strips, query_embeds=torch.randn(1, 32)).logit_scale.item() == pytest.approx(100)
        assert make_melp(text_encoder_dir).alignment.scale.item() == pytest.approx(1 / 0.07)

    def test_the_attention_of_a_query_is_shared_out_over_the_strip(self, melp, strips):
        with torch.inference_mode():
            outputs = melp(strips, query_embeds=torch.randn(3, 32), output_attentions=True)

        (weights,) = outputs.cross_attentions
        assert weights.shape == (4, 2, 3, melp.config.ecg_config.num_tokens)
        torch.testing.assert_close(weights.sum(dim=-1), torch.ones(4, 2, 3))

    @pytest.mark.parametrize("given", [{}, {"input_ids": torch.ones(1, 2).long(), "query_embeds": torch.ones(1, 32)}])
    def test_it_is_asked_in_one_way(self, melp, strips, given):
        with pytest.raises(ValueError, match="Give the queries either as `input_ids` or as `query_embeds`"):
            melp(strips, **given)


class TestReports:
    def test_everything_has_the_length_one(self, melp, strips, reports):
        outputs = melp(strips, **reports)

        sentences = outputs.sentence_embeds[outputs.sentence_mask]
        for embeds in (outputs.ecg_embeds, outputs.beat_embeds, outputs.report_embeds, sentences):
            torch.testing.assert_close(embeds.norm(dim=-1), torch.ones(embeds.shape[:-1]))
        assert outputs.sentence_mask.sum(dim=1).tolist() == [1, 2, 1, 3]

    def test_captions_cost_the_cross_entropy_of_the_next_token(self, melp, strips, reports):
        losses = melp(strips, **reports).caption_losses

        read = melp.read_strips(strips)
        captions, _ = melp.caption_pooler(read.tokens, read.token_mask)
        logits = melp.decoder(input_ids=reports["report_ids"], encoder_hidden_states=captions).logits
        wanted = torch.log_softmax(logits, dim=-1)[1, 0, reports["report_ids"][1, 1]]
        assert losses[1, 0].item() == pytest.approx(-wanted.item(), rel=1e-4)
        assert (losses[reports["report_mask"][:, 1:] == 0] == 0).all()

    def test_a_longer_report_beside_it_changes_nothing(self, melp, strips, reports):
        with torch.inference_mode():
            together = melp(strips, **reports)
            alone = melp(
                strips[:1], **{name: rows[:1, : reports["report_mask"][0].sum()] for name, rows in reports.items()}
            )

        torch.testing.assert_close(alone.report_embeds, together.report_embeds[:1], rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(alone.caption_losses.sum(), together.caption_losses[0].sum(), rtol=1e-4, atol=1e-4)

    def test_two_views_differ_in_training_and_are_there_only_if_wanted(self, text_encoder_dir, strips, reports):
        model = make_melp(text_encoder_dir, has_views=True, num_beat_queries=1, num_decoder_layers=0, dropout=0.1)

        outputs = model.train()(strips, **reports)

        assert outputs.view_embeds.shape == (2, 4, 32)
        assert not torch.equal(*outputs.view_embeds)
        assert outputs.caption_losses is None
        assert model.decoder is None


class TestFrozen:
    def test_first_layers_keep_their_weights(self, text_encoder_dir):
        model = make_melp(text_encoder_dir, num_frozen_text_layers=1).train()

        learning = {name for name, weight in model.text_model.named_parameters() if weight.requires_grad}
        assert not [name for name in learning if name.startswith(("embeddings", "encoder.layer.0"))]
        assert [name for name in learning if name.startswith("encoder.layer.1")]
        assert not model.text_model.encoder.layer[0].training

    def test_more_layers_than_there_are_are_refused(self, text_encoder_dir):
        with pytest.raises(ValueError, match="`num_frozen_text_layers` is 5, but the text encoder has 2 layers"):
            make_melp(text_encoder_dir, num_frozen_text_layers=5)

    def test_a_frozen_text_encoder_has_no_gradient(self, text_encoder_dir, strips, reports):
        model = make_melp(text_encoder_dir, freeze_text_encoder=True).train()

        model(strips, **reports).report_embeds.sum().backward()

        assert all(weight.grad is None for weight in model.text_model.parameters())
        assert model.alignment.text_projection[0].weight.grad is not None


class TestGenerate:
    def test_a_memorised_report_is_written(self, text_encoder_dir, tiny_processor):
        tokenizer = tiny_processor.tokenizer
        texts = ["sinus rhythm", "atrial flutter", "left block"]
        encoding = tokenizer(texts, padding=True, return_tensors="pt")
        model = make_melp(text_encoder_dir).train()
        # a rhythm of its own for each
        seconds = torch.arange(1000) / 100
        strips = torch.stack([torch.sin(6.28 * rate * seconds).expand(12, -1) for rate in (1.0, 2.0, 4.0)])
        optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
        for _ in range(150):
            outputs = model(strips, report_ids=encoding["input_ids"], report_mask=encoding["attention_mask"])
            loss = outputs.caption_losses.sum() / encoding["attention_mask"][:, 1:].sum()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if loss.item() < 0.02:
                break

        written = model.eval().generate(strips)
        searched = model.generate(strips, num_beams=2)

        expected = tokenizer.batch_decode(encoding["input_ids"], skip_special_tokens=True)
        assert tokenizer.batch_decode(written, skip_special_tokens=True) == expected
        assert tokenizer.batch_decode(searched, skip_special_tokens=True) == expected

    def test_without_a_decoder_it_is_refused(self, text_encoder_dir, strips):
        with pytest.raises(ValueError, match="has no decoder and writes no reports"):
            make_melp(text_encoder_dir, num_decoder_layers=0).generate(strips)


class TestDraft:
    def test_every_sentence_has_the_score_of_its_query(self, draft, melp, tiny_processor, recordings):
        options = {"sampling_rate": 100, "leads": STANDARD_LEADS}

        found = draft(recordings[0], **options, max_new_tokens=20)

        inputs = tiny_processor(recordings[0], **options, return_tensors="pt")
        assert found["report"] == tiny_processor.tokenizer.decode(
            melp.generate(**inputs, max_new_tokens=20)[0], skip_special_tokens=True
        )
        assert found["sentences"]
        for each in found["sentences"]:
            query = encode_queries(melp, tiny_processor.tokenizer, [each["sentence"]])
            score = melp(**inputs, query_embeds=query).logits_per_ecg.sigmoid().item()
            assert each["score"] == pytest.approx(score)
            assert each["supported"] == (score >= 0.5)

    def test_a_batch_has_the_drafts_of_its_recordings(self, draft, recordings):
        options = {"sampling_rate": 100, "leads": STANDARD_LEADS, "max_new_tokens": 8}

        together = draft(recordings, **options, batch_size=2)

        alone = [draft(recording, **options) for recording in recordings]
        assert [each["report"] for each in together] == [each["report"] for each in alone]
        scores = [[entry["score"] for entry in each["sentences"]] for each in together]
        assert scores == [pytest.approx([entry["score"] for entry in each["sentences"]], rel=1e-4) for each in alone]

    def test_a_higher_threshold_supports_less(self, draft, recordings):
        found = draft(recordings[0], sampling_rate=100, leads=STANDARD_LEADS, max_new_tokens=8, threshold=1.0)

        assert not any(each["supported"] for each in found["sentences"])

    def test_what_it_has_not_is_refused(self, draft, recordings, text_encoder_dir, tiny_processor):
        with pytest.raises(TypeError, match="The pipeline has no option `candidate_labels`"):
            draft(recordings[0], candidate_labels=["af"])
        with pytest.raises(ValueError, match=r"`threshold` is 2\. Scores are probabilities"):
            draft(recordings[0], threshold=2)
        with pytest.raises(ValueError, match="A MelpModel without a decoder writes no reports"):
            pipeline(
                REPORT_TASK,
                model=make_melp(text_encoder_dir, num_decoder_layers=0),
                feature_extractor=tiny_processor.feature_extractor,
                tokenizer=tiny_processor.tokenizer,
            )


class TestCheckpoint:
    def test_it_loads_as_it_was_saved(self, melp, strips, reports, checkpoint_dir):
        model = AutoModel.from_pretrained(checkpoint_dir)

        assert isinstance(model, MelpModel)
        assert model.config.trained_queries == ["atrial fibrillation"]
        with torch.inference_mode():
            ours, theirs = (each(strips, **reports) for each in (melp, model))
        for name in ("ecg_embeds", "report_embeds", "sentence_embeds", "caption_losses", "logit_scale"):
            assert torch.equal(getattr(ours, name), getattr(theirs, name)), name

    def test_the_pipeline_answers_with_the_cosine(self, melp, tiny_processor, checkpoint_dir):
        strip = np.random.default_rng(0).normal(0, 0.5, (12, 1000)).astype(np.float32)
        classify = pipeline(TASK, model=str(checkpoint_dir))

        answers = classify(strip, candidate_labels=LABELS, sampling_rate=100, leads=STANDARD_LEADS)

        inputs = tiny_processor(strip, sampling_rate=100, leads=STANDARD_LEADS, return_tensors="pt")
        queries = encode_queries(melp, tiny_processor.tokenizer, LABELS)
        scores = melp(**inputs, query_embeds=queries).logits_per_ecg.sigmoid()[0].tolist()
        assert {each["label"]: each["score"] for each in answers} == pytest.approx(
            dict(zip(LABELS, scores, strict=True))
        )
        assert {each["label"]: each["seen"] for each in answers} == dict(
            zip(LABELS, [True, False, False], strict=True)
        )

    def test_a_classifier_takes_its_ecg_encoder(self, melp, checkpoint_dir):
        model = SupremeForEcgClassification.from_pretrained(checkpoint_dir, id2label={0: "a"}, label2id={"a": 0})

        weights = melp.ecg_model.state_dict()
        assert all(torch.equal(value, weights[name]) for name, value in model.ecg_model.state_dict().items())

    def test_an_index_refuses_it(self, checkpoint_dir):
        from modeling_supreme.ecg_index.encoder import RecordEncoder

        with pytest.raises(ValueError, match="The index keeps tokens for the fusion network of SuPreME; a MelpModel"):
            RecordEncoder(pipeline(TASK, model=str(checkpoint_dir)))

    def test_missing_weights_are_refused(self, text_encoder_dir, tmp_path):
        make_melp(text_encoder_dir, num_decoder_layers=0).save_pretrained(tmp_path)
        config = json.loads((tmp_path / "config.json").read_text(encoding="utf-8"))
        (tmp_path / "config.json").write_text(json.dumps({**config, "has_views": True}), encoding="utf-8")

        with pytest.raises(CheckpointError, match=r"lack tensors of the model \(alignment\.views"):
            MelpModel.from_pretrained(tmp_path)

    @pytest.mark.slow
    def test_it_scores_and_writes_the_same_where_the_package_is_absent(self, melp, strips, checkpoint_dir, tmp_path):
        script = (
            "import sys, json\n"
            "sys.modules['modeling_supreme'] = sys.modules['datasets_scripts'] = None\n"
            "import torch\nfrom transformers import AutoModel\n"
            f"model = AutoModel.from_pretrained({str(checkpoint_dir)!r}, trust_remote_code=True)\n"
            "torch.manual_seed(0)\nstrips, queries = torch.randn(2, 12, 1000), torch.randn(3, 32)\n"
            "with torch.inference_mode():\n"
            "    logits, written = model(strips, query_embeds=queries).logits_per_ecg, model.generate(strips)\n"
            "print(json.dumps([type(model).__module__, logits.tolist(), written.tolist()]))\n"
        )
        environment = {**os.environ, "PYTHONPATH": "", "HF_HOME": str(tmp_path)}
        run = run_forked("-c", script, cwd=tmp_path, env=environment)
        assert run.returncode == 0, run.stderr

        module, logits, written = json.loads(run.stdout)
        torch.manual_seed(0)
        strips, queries = torch.randn(2, 12, 1000), torch.randn(3, 32)
        with torch.inference_mode():
            assert logits == melp(strips, query_embeds=queries).logits_per_ecg.tolist()
        assert written == melp.generate(strips).tolist()
        assert module.startswith("transformers_modules.")


class TestConfig:
    def test_one_that_is_read_equals_a_fresh_one(self):
        config = MelpConfig(ecg_config=SupremeEcgConfig.from_preset("wav2vec2"), **TINY_MELP)

        assert MelpConfig.from_dict(json.loads(config.to_json_string())).to_dict() == config.to_dict()

    def test_the_estimate_of_the_parameters_is_from_above_and_near(self, melp):
        assert melp.num_parameters() <= melp.config.estimated_parameters < 2 * melp.num_parameters()

    @pytest.mark.parametrize(
        ("fields", "message"),
        [
            ({"num_beat_queries": 10**9}, r"`num_beat_queries` is 1000000000, outside 1 to 4,096"),
            ({"num_decoder_layers": 10**9}, r"`num_decoder_layers` is 1000000000, outside 0 to 512"),
            ({"projection_size": 30}, r"`projection_size` \(30\) is not a multiple of `num_pooling_heads` \(8\)"),
            ({"max_report_tokens": 600}, r"`max_report_tokens` \(600\) is more than the 512"),
            ({"eos_token_id": 40_000}, r"`eos_token_id` \(40000\) is not among the 30522 tokens"),
            ({"text_config": {"model_type": "supreme_ecg"}}, "it is no text encoder"),
            ({"score_scale": float("inf")}, r"`score_scale` is inf, outside 0 to 10,000"),
        ],
    )
    def test_what_no_model_has_is_refused(self, fields, message):
        with pytest.raises(StrictDataclassClassValidationError, match=message):
            MelpConfig(**fields)

    def test_it_measures_nothing(self):
        assert MelpConfig().measurements == []
