"""`EcgIndex`: a corpus is encoded once, and answers new questions as the pipeline does, to the last bit."""

import shutil

import numpy as np
import pyarrow.parquet as pq
import pytest
from datasets import load_dataset
from transformers import pipeline

from modeling_supreme import EcgIndex
from modeling_supreme.ecg_index.build import write_index
from modeling_supreme.ecg_index.counts import count_present


TRAINED, NEW = "atrial fibrillation", "a block of the left bundle branch"
MEASURED, DEFINED = "QRS > 0.1 ms and not atrial fibrillation", "slow and narrow"
LABELS = [TRAINED, NEW, MEASURED, DEFINED, "sinus rhythm"]


@pytest.fixture(scope="module")
def classify(measuring_checkpoint_dir):
    """The pipeline of the checkpoint that made the index."""
    return pipeline("zero-shot-ecg-classification", model=str(measuring_checkpoint_dir), device="cpu")


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


def flip_a_bit(path):
    """Damage the tokens of a shard, or the logits of its first trained finding, in their last byte."""
    place = path.stat().st_size - 1
    if path.suffix == ".parquet":
        group = pq.read_metadata(path).row_group(0)
        columns = [group.column(column) for column in range(group.num_columns)]
        (logits,) = (column for column in columns if column.path_in_schema == "logit_00000")
        place = logits.data_page_offset + logits.total_compressed_size - 1
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


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

        assert table.column("record_id").to_pylist() == [row["record_id"] for row in rows] * len(LABELS)
        assert table.column("query").to_pylist() == [label for label in LABELS for _ in rows]

    def test_how_a_query_was_understood_is_told(self, index_dir):
        rows = EcgIndex(index_dir).ask(LABELS, top=1).to_pylist()

        assert {row["query"]: row["source"].partition(":")[0] for row in rows} == {
            **dict.fromkeys([TRAINED, NEW, "sinus rhythm"], "query"),
            MEASURED: "measured",
            DEFINED: "composed",
        }

    def test_the_best_come_first(self, index_dir):
        index = EcgIndex(index_dir)
        every = index.ask([NEW]).to_pandas().sort_values("score", ascending=False, kind="stable")

        best = index.ask([NEW], top=5).to_pandas()

        assert best["record_id"].tolist() == every["record_id"].tolist()[:5]
        assert best["score"].tolist() == every["score"].tolist()[:5]

    def test_numbers_and_trained_findings_need_no_model(self, index_dir):
        index = EcgIndex(index_dir, model="no/such/model")

        assert index.ask([TRAINED, MEASURED, DEFINED]).num_rows == 3 * 24

    def test_own_definitions_answer(self, index_dir, classify, rows):
        options = {"definitions": {"broad": "QRS > 0.2 ms or normal ecg"}}

        table = EcgIndex(index_dir).ask(["broad"], **options)

        assert set(table.column("source").to_pylist()) == {'composed: qrs_ms > 0.2 or "normal ecg"'}
        found = {row["record_id"]: classify(row, candidate_labels=["broad"], **options)[0]["score"] for row in rows}
        assert {name: score for (name, _), score in scores_of_table(table).items()} == found

    def test_a_number_below_one_is_no_top(self, index_dir):
        with pytest.raises(ValueError, match=r"`top` is 0\. Ask for one record or more"):
            EcgIndex(index_dir).ask([TRAINED], top=0)


class TestRefusals:
    def test_another_model_is_refused(self, index_dir, make_checkpoint):
        other = make_checkpoint("vit", trained_queries=[TRAINED, "normal ecg"])

        with pytest.raises(ValueError, match=r"was made with another model than .*--model"):
            EcgIndex(index_dir, model=str(other)).ask([NEW])

    def test_a_folder_that_is_no_index_is_refused(self, tmp_path):
        with pytest.raises(FileNotFoundError, match=r"is no index: it has no manifest\.json.*supreme index"):
            EcgIndex(tmp_path)

    @pytest.mark.parametrize(("name", "query"), [("tokens.safetensors", NEW), ("records.parquet", TRAINED)])
    def test_a_damaged_shard_is_named_and_made_anew(
        self, index_dir, corpus_dir, measuring_checkpoint_dir, tmp_path, name, query
    ):
        folder = shutil.copytree(index_dir, tmp_path / "index")
        damaged = folder / "shards" / "00001" / name
        flip_a_bit(damaged)

        with pytest.raises(ValueError, match=rf"shards/00001/{name} is damaged.*supreme index.*--verify"):
            EcgIndex(folder).ask([query])
        write_index([corpus_dir], output=folder, model=str(measuring_checkpoint_dir), records_per_shard=7, verify=True)

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
