"""An index of a checkpoint that decides answers with the same probabilities as the pipeline, to the last bit."""

import pytest
from helpers.decisions import make_decision
from helpers.tiny_models import TINY_MEASUREMENTS
from transformers import pipeline

from modeling_supreme import EcgIndex
from modeling_supreme.ecg_index.build import write_index


LABELS = ["atrial fibrillation", "normal ecg", "slow and narrow", "QRS > 0.1 ms", "gout"]


@pytest.fixture(scope="module")
def deciding_dir(make_checkpoint):
    """A random model with entries for a trained and a defined condition."""
    definition = {
        "condition": "slow and narrow",
        "names": [],
        "expression": "qrs_ms < 0.1 and not rate_per_min > 0.2",
        "source": "Made up",
        "is_reviewed": True,
    }
    return make_checkpoint(
        "hybrid",
        trained_queries=["atrial fibrillation", "normal ecg"],
        measurements=list(TINY_MEASUREMENTS),
        definitions=[definition],
        decisions={
            "atrial fibrillation": make_decision(slope=1.37, offset=-2.1),
            "slow and narrow": make_decision(
                slope=0.41, offset=0.7, answered_by=f"composed: {definition['expression']}"
            ),
        },
    )


def test_its_scores_are_those_of_the_pipeline_to_the_last_bit(deciding_dir, corpus_dir, tmp_path):
    write_index([corpus_dir], output=tmp_path / "index", model=str(deciding_dir))
    classify = pipeline("zero-shot-ecg-classification", model=str(deciding_dir), device="cpu")
    index = EcgIndex(tmp_path / "index")

    table = index.ask(LABELS).to_pylist()

    for record in table[:3]:
        entry = index.read_record(record["record_id"], record["file"]).recording
        answers = {each["label"]: each["score"] for each in classify(entry, candidate_labels=LABELS)}
        found = {row["query"]: row["score"] for row in table if row["record_id"] == record["record_id"]}
        assert found == answers
