"""`EcgIndex`: a corpus is encoded once, and answers new questions as the pipeline does, to the last bit."""

import shutil

import numpy as np
import pytest
from datasets import load_dataset
from transformers import pipeline

from modeling_supreme import EcgIndex
from modeling_supreme.ecg_index.build import write_index
from modeling_supreme.ecg_index.counts import count_present


TRAINED, NEW = "atrial fibrillation", "a block of the left bundle branch"
LABELS = [TRAINED, NEW, "sinus rhythm"]


@pytest.fixture(scope="module")
def classify(tiny_checkpoint_dir):
    """The pipeline of the checkpoint that made the index."""
    return pipeline("zero-shot-ecg-classification", model=str(tiny_checkpoint_dir), device="cpu")


@pytest.fixture(scope="module")
def rows(corpus_dir):
    """All records of the corpus, in the order of its files."""
    splits = load_dataset("parquet", data_files=sorted(map(str, corpus_dir.glob("*.parquet"))), split="train")
    return splits.with_format("numpy", dtype=np.int16)


def scores_of_pipeline(classify, rows, labels):
    """Score by record and label, each record asked alone."""
    answers = {row["record_id"]: classify(row, candidate_labels=labels) for row in rows}
    return {(name, each["label"]): each["score"] for name, found in answers.items() for each in found}


def scores_of_table(table):
    """Score by record and label."""
    return {(row["record_id"], row["query"]): row["score"] for row in table.to_pylist()}


class TestAnswers:
    def test_they_are_those_of_the_pipeline_to_the_last_bit(self, index_dir, classify, rows):
        table = EcgIndex(index_dir).ask(LABELS)

        assert scores_of_table(table) == scores_of_pipeline(classify, rows, LABELS)

    def test_a_name_asked_alone_scores_as_in_company(self, index_dir):
        alone, together = EcgIndex(index_dir).ask([NEW]), EcgIndex(index_dir).ask(LABELS)

        assert scores_of_table(alone) == {
            key: score for key, score in scores_of_table(together).items() if key[1] == NEW
        }

    def test_every_record_has_a_row_for_every_query_in_the_order_of_the_index(self, index_dir, rows):
        table = EcgIndex(index_dir).ask(LABELS)

        assert table.column("record_id").to_pylist() == [row["record_id"] for row in rows] * 3
        assert table.column("query").to_pylist() == [label for label in LABELS for _ in rows]
        assert set(table.column("source").to_pylist()) == {"query"}

    def test_the_best_come_first(self, index_dir):
        index = EcgIndex(index_dir)
        every = index.ask([NEW]).to_pandas().sort_values("score", ascending=False, kind="stable")

        best = index.ask([NEW], top=5).to_pandas()

        assert best["record_id"].tolist() == every["record_id"].tolist()[:5]
        assert best["score"].tolist() == every["score"].tolist()[:5]

    def test_trained_findings_need_no_model(self, index_dir):
        index = EcgIndex(index_dir, model="no/such/model")

        assert index.ask([TRAINED]).num_rows == 24

    def test_a_number_below_one_is_no_top(self, index_dir):
        with pytest.raises(ValueError, match=r"`top` is 0\. Ask for one record or more"):
            EcgIndex(index_dir).ask([TRAINED], top=0)


class TestRefusals:
    def test_another_model_is_refused(self, index_dir, make_checkpoint):
        other = make_checkpoint("vit", trained_queries=["atrial fibrillation", "normal ecg"])

        with pytest.raises(ValueError, match=r"was made with another model than .*--model"):
            EcgIndex(index_dir, model=str(other)).ask([NEW])

    def test_a_folder_that_is_no_index_is_refused(self, tmp_path):
        with pytest.raises(FileNotFoundError, match=r"is no index: it has no manifest\.json.*supreme index"):
            EcgIndex(tmp_path)

    @pytest.mark.parametrize(("name", "query"), [("tokens.safetensors", NEW), ("records.parquet", TRAINED)])
    def test_a_damaged_shard_is_named_and_made_anew(
        self, index_dir, corpus_dir, tiny_checkpoint_dir, tmp_path, name, query
    ):
        folder = shutil.copytree(index_dir, tmp_path / "index")
        damaged = folder / "shards" / "00001" / name
        content = bytearray(damaged.read_bytes())
        content[len(content) // 3] ^= 1
        damaged.write_bytes(content)

        with pytest.raises(ValueError, match=rf"shards/00001/{name} is damaged.*supreme index.*--verify"):
            EcgIndex(folder).ask([query])
        write_index([corpus_dir], output=folder, model=str(tiny_checkpoint_dir), records_per_shard=7, verify=True)

        assert EcgIndex(folder).ask([query]).equals(EcgIndex(index_dir).ask([query]))


class TestCounts:
    def test_the_expected_number_is_the_sum_of_the_scores(self, index_dir):
        index = EcgIndex(index_dir)

        count = index.count([NEW])[NEW]

        assert count.expected == pytest.approx(sum(index.ask([NEW]).column("score").to_pylist()), abs=1e-5)
        assert 0 <= count.low <= count.expected <= count.high <= count.num_records == 24

    def test_certain_records_leave_no_doubt(self):
        assert count_present(np.array([1.0, 1.0, 0.0])) == (2.0, 2, 2, 3)

    def test_the_interval_holds_the_number_in_95_of_100_draws(self):
        probabilities = np.random.default_rng(0).beta(0.2, 2.0, 4000)
        drawn = np.random.default_rng(1).random((2000, 4000)) < probabilities

        count = count_present(probabilities)

        assert 0.94 <= np.mean((drawn.sum(axis=1) >= count.low) & (drawn.sum(axis=1) <= count.high)) <= 0.97
