"""`predict`: a score is the model's own probability for the query, or for the rule, of its condition."""

import numpy as np
import pytest
from accelerate import Accelerator
from transformers import AutoModel, AutoProcessor, pipeline

from datasets_scripts import load_corpus
from datasets_scripts.collator import StripCollator
from datasets_scripts.terminology.findings import load_terminology
from evaluation_scripts.arguments import EvaluationArguments
from evaluation_scripts.controls import NUM_RANDOM_DRAWS
from evaluation_scripts.load import load_checkpoint, load_records
from evaluation_scripts.predict import predict
from evaluation_scripts.prediction_table import tabulate_predictions
from modeling_supreme import STANDARD_LEADS, SupremeEcgFeatureExtractor
from modeling_supreme.queries import encode_query_wordings


@pytest.fixture(scope="module")
def checkpoint_dir(make_checkpoint):
    """A checkpoint trained on the normal ECG."""
    return make_checkpoint("hybrid", trained_queries=["normal ecg"])


def predict_ptb_xl(checkpoint_dir, ptb_xl_dir, config_name="superclass", **options):
    """Conditions and predictions of PTB-XL's test records."""
    arguments = EvaluationArguments(
        model_name_or_path=str(checkpoint_dir),
        output_dir="unused",
        dataset_name="ptb_xl",
        data_dir=str(ptb_xl_dir),
        **options,
    )
    accelerator = Accelerator()
    model, processor = load_checkpoint(arguments.model_name_or_path)
    records = load_records(arguments, config_name)
    return predict(model, processor, records, arguments=arguments, accelerator=accelerator)


def tabulate_ptb_xl(*arguments, **options):
    """The conditions of PTB-XL's test records, and their scores by record."""
    conditions, predictions = predict_ptb_xl(*arguments, **options)
    return conditions, tabulate_predictions(predictions, conditions).set_index("record_id")


def test_a_score_is_the_models_probability_for_the_name_of_the_finding(checkpoint_dir, ptb_xl_dir):
    row = load_corpus("ptb_xl", "superclass", data_dir=ptb_xl_dir)["test"][0]
    model, processor = AutoModel.from_pretrained(checkpoint_dir), AutoProcessor.from_pretrained(checkpoint_dir)
    strip = np.array(row["signal"], dtype=np.float32) / 1000

    inputs = processor(strip, ["hypertrophy"], sampling_rate=500, leads=STANDARD_LEADS, return_tensors="pt")
    score = model(**inputs).logits_per_ecg.sigmoid().item()

    _, table = tabulate_ptb_xl(checkpoint_dir, ptb_xl_dir)
    assert table.loc[row["record_id"], "score_HYP"] == pytest.approx(score, abs=1e-5)


def test_the_template_surrounds_the_query(checkpoint_dir, ptb_xl_dir):
    model, processor = AutoModel.from_pretrained(checkpoint_dir), AutoProcessor.from_pretrained(checkpoint_dir)
    row = load_corpus("ptb_xl", "superclass", data_dir=ptb_xl_dir)["test"][0]

    _, table = tabulate_ptb_xl(checkpoint_dir, ptb_xl_dir, hypothesis_template="an ecg showing {}")

    strip, queries = np.array(row["signal"], dtype=np.float32) / 1000, ["an ecg showing hypertrophy"]
    inputs = processor(strip, queries, sampling_rate=500, leads=STANDARD_LEADS, return_tensors="pt")
    assert table["score_HYP"].iloc[0] == pytest.approx(model(**inputs).logits_per_ecg.sigmoid().item(), abs=1e-5)


def test_a_finding_can_be_asked_for_in_all_its_wordings(checkpoint_dir, ptb_xl_dir):
    model, processor = AutoModel.from_pretrained(checkpoint_dir), AutoProcessor.from_pretrained(checkpoint_dir)
    row = load_corpus("ptb_xl", "superclass", data_dir=ptb_xl_dir)["test"][0]
    embeds = encode_query_wordings(model, processor.tokenizer, [load_terminology().wordings("hypertrophy")])

    _, table = tabulate_ptb_xl(checkpoint_dir, ptb_xl_dir, query_wording="all")

    batch = StripCollator(processor.feature_extractor)([row])
    expected = model(**batch, query_embeds=embeds).logits_per_ecg.sigmoid().item()
    assert table["score_HYP"].iloc[0] == pytest.approx(expected, abs=1e-5)


def test_definitions_answer_what_training_did_not_name(make_checkpoint, ptb_xl_dir):
    rule = {"findings": ["fast heart rate", "not p waves absent"], "source": "Page et al. 2016"}
    rules = [{"condition": "sinus tachycardia", "names": ["STACH"], "alternatives": [rule]}]
    trained = ["fast heart rate", "p waves absent", "sinus bradycardia"]
    checkpoint_dir = make_checkpoint("hybrid", trained_queries=trained, composed_rules=rules)

    conditions, table = tabulate_ptb_xl(checkpoint_dir, ptb_xl_dir, "rhythm", composed_rules=True)
    classify = pipeline("zero-shot-ecg-classification", model=str(checkpoint_dir))
    row = load_corpus("ptb_xl", "rhythm", data_dir=ptb_xl_dir)["test"].with_format("numpy")[0]
    (expected,) = classify(row, candidate_labels=["sinus tachycardia"], composed=True)

    queries = {condition.label: condition.query for condition in conditions}
    score = table.loc[row["record_id"], "score_STACH"]
    assert queries["STACH"] == expected["source"] == 'composed: "fast heart rate" and not "p waves absent"'
    assert queries["SBRAD"] == "sinus bradycardia"
    assert score == pytest.approx(expected["score"], abs=1e-4)


def test_controls_have_the_shape_of_the_scores_in_one_draw_or_several(checkpoint_dir, ptb_xl_dir):
    _, predictions = predict_ptb_xl(checkpoint_dir, ptb_xl_dir)

    assert predictions.scores.shape == predictions.labels.shape == (2, 5)
    assert {name: scores.shape for name, scores in predictions.controls.items()} == {
        "normal_ecg": (2, 5),
        "random_queries": (NUM_RANDOM_DRAWS, 2, 5),
    }
    np.testing.assert_allclose(predictions.controls["normal_ecg"][:, 0], 1 - predictions.scores[:, 0])


def test_samples_and_leads_that_were_not_recorded_are_not_handed_on():
    signal = np.zeros((12, 5000), dtype=np.int16)
    signal[[1, 6], :3000] = np.array([[1000], [-500]]) * np.sign(np.sin(np.arange(3000)))
    lead_mask = np.isin(STANDARD_LEADS, ["II", "V1"])
    row = {"record_id": "short", "signal": signal, "lead_mask": lead_mask, "num_samples": 3000}

    batch = StripCollator(SupremeEcgFeatureExtractor(scale_mv=0.5))([row, row])

    assert batch["signal"].shape == (2, 12, 5000)
    assert batch["signal"].abs().amax(dim=-1)[0].tolist() == [0, 2, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0]
    assert batch["lead_mask"][1].tolist() == lead_mask.tolist()
    assert batch["sample_mask"].sum(dim=-1).tolist() == [3000, 3000]
