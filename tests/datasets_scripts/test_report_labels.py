"""A corpus labelled by its reports: from reports to a table of findings, to labels of rows, to training."""

import json
import shutil

import pytest
from helpers.corpus_rows import write_report_labels
from helpers.records.mimic_iv_ecg_records import write_mimic_corpus
from helpers.training_runs import TINY_VIT, train
from transformers import AutoModel

from datasets_scripts import load_corpus
from datasets_scripts.extraction.__main__ import main as extract
from datasets_scripts.extraction.labels_file import read_finding_names, read_report_findings
from datasets_scripts.prepare import corpus as prepare
from modeling_supreme import ECG_PRESETS


def write_labels(path, records):
    """A labels.parquet from `{record_id: (positive, uncertain)}`; every report denies atrial flutter."""
    return write_report_labels(path, {name: (*stated, ["atrial flutter"]) for name, stated in records.items()})


def label_names_of(row, names):
    return [names[label] for label in row["labels"]]


class TestBuilder:
    @pytest.fixture
    def own_labels(self, tmp_path):
        """Labels of two records of the small PTB-XL."""
        (tmp_path / "own").mkdir()
        return write_labels(
            tmp_path / "own" / "labels.parquet",
            {"1": (["sinus rhythm"], ["early repolarization"]), "4": (["early repolarization"], [])},
        )

    def load(self, labels, ptb_xl_dir, tmp_path, **options):
        return load_corpus(
            "report_labels", data_dir=ptb_xl_dir, report_labels=str(labels), cache_dir=tmp_path / "cache", **options
        )

    def test_rows_are_those_of_the_corpus_with_the_findings_of_their_reports(self, own_labels, ptb_xl_dir, tmp_path):
        corpus = load_corpus("ptb_xl", "all", data_dir=ptb_xl_dir)

        built = self.load(own_labels, ptb_xl_dir, tmp_path, corpus_config_name="all")

        others = [name for name in corpus["train"].column_names if name not in ("labels", "label_mask")]
        assert built["train"].column_names == corpus["train"].column_names
        assert built["train"].features["labels"].feature.names == ["early repolarization", "sinus rhythm"]
        assert {split: rows.select_columns(others)[:] for split, rows in built.items()} == {
            split: rows.select_columns(others)[:] for split, rows in corpus.items()
        }

    def test_a_record_without_an_entry_is_unknown(self, own_labels, ptb_xl_dir, tmp_path):
        rows = self.load(own_labels, ptb_xl_dir, tmp_path)["train"]

        assert rows["record_id"][:4] == ["1", "2", "3", "4"]
        assert rows["labels"][:4] == [[1], [], [], [0]]
        assert rows["label_mask"][:4] == [[False, True], [False, False], [False, False], [True, True]]

    def test_what_is_not_mentioned_may_be_unknown(self, own_labels, ptb_xl_dir, tmp_path):
        built = self.load(own_labels, ptb_xl_dir, tmp_path, unmentioned="unknown")

        assert built["train"][0]["label_mask"] == [False, True]  # early repolarization is uncertain

    def test_another_choice_for_what_is_not_mentioned_is_refused(self, own_labels, ptb_xl_dir, tmp_path):
        with pytest.raises(ValueError, match=r"`unmentioned` is 'maybe'\. Say with 'absent' or 'unknown'"):
            self.load(own_labels, ptb_xl_dir, tmp_path, unmentioned="maybe")

    def test_other_labels_are_another_corpus(self, own_labels, ptb_xl_dir, tmp_path):
        before = self.load(own_labels, ptb_xl_dir, tmp_path)["train"][0]["labels"]
        write_labels(own_labels, {"1": (["early repolarization"], []), "4": (["sinus rhythm"], [])})

        assert (before, self.load(own_labels, ptb_xl_dir, tmp_path)["train"][0]["labels"]) == ([1], [0])

    def test_records_that_cannot_be_read_are_left_out_as_the_corpus_does(self, own_labels, ptb_xl_dir, tmp_path):
        shutil.copytree(ptb_xl_dir, tmp_path / "broken")
        (tmp_path / "broken" / "records500" / "00000" / "00003_hr.dat").unlink()

        built = self.load(own_labels, tmp_path / "broken", tmp_path, on_error="skip", corpus_config_name="all")

        assert "3" not in built["train"]["record_id"][:]
        assert sum(len(rows) for rows in built.values()) == 19

    def test_it_is_prepared_as_other_corpora_are(self, own_labels, ptb_xl_dir, tmp_path):
        options = {"data_dir": str(ptb_xl_dir), "report_labels": str(own_labels), "corpus_config_name": "all"}

        report = prepare.prepare_corpus("report_labels", output_dir=tmp_path / "prepared", **options)

        assert report["splits"]["train"]["labels"]["sinus rhythm"]["num_positives"] == 1

    def test_labels_must_be_given(self, ptb_xl_dir):
        with pytest.raises(ValueError, match=r"no labels were given\. Pass `report_labels=` \(`--report_labels`\)"):
            load_corpus("report_labels", data_dir=ptb_xl_dir)

    @pytest.mark.parametrize("name", ["ptbxl", "report_labels"], ids=["mistyped", "itself"])
    def test_an_unknown_corpus_is_refused(self, own_labels, ptb_xl_dir, tmp_path, name):
        with pytest.raises(ValueError, match=rf"no corpus '{name}' to label\. Pass one of ptb_xl"):
            self.load(own_labels, ptb_xl_dir, tmp_path, corpus_name=name)


@pytest.fixture(scope="module")
def mimic_dir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mimic")
    write_mimic_corpus(folder)
    return folder


@pytest.fixture(scope="module")
def labels_dir(mimic_dir, tmp_path_factory):
    folder = tmp_path_factory.mktemp("labels")
    extract(["--reports", str(mimic_dir / "machine_measurements.csv"), "--output_dir", str(folder)])
    return folder


class TestFromReportsToTraining:
    def test_the_extraction_reads_the_statements_that_the_builder_gives(self, mimic_dir, labels_dir):
        rows = load_corpus("mimic_iv_ecg", data_dir=mimic_dir)["train"]

        lines = (labels_dir / "statements.jsonl").read_text(encoding="utf-8").splitlines()
        assert {text for row in rows["statements"] for text in row} <= {
            json.loads(line)["statement"] for line in lines
        }

    def test_the_builder_gives_each_record_the_findings_of_its_report(self, mimic_dir, labels_dir):
        row = load_corpus("mimic_iv_ecg", data_dir=mimic_dir, report_labels=str(labels_dir))["train"]

        names = row.features["labels"].feature.names
        stated = read_report_findings(labels_dir)[row[0]["record_id"]]
        unknown = [name for name, known in zip(names, row[0]["label_mask"], strict=True) if not known]
        assert label_names_of(row[0], names) == list(stated.positive)
        assert unknown == list(stated.uncertain)

    def test_the_builder_of_labelled_corpora_gives_the_same(self, mimic_dir, labels_dir, tmp_path):
        options = {"data_dir": mimic_dir, "report_labels": str(labels_dir)}

        own = load_corpus("mimic_iv_ecg", **options)
        built = load_corpus("report_labels", corpus_name="mimic_iv_ecg", cache_dir=tmp_path / "cache", **options)

        assert own["train"].features == built["train"].features
        assert {split: rows[:] for split, rows in own.items()} == {split: rows[:] for split, rows in built.items()}

    def test_a_model_trains_on_the_extracted_labels(
        self, mimic_dir, labels_dir, text_encoder_dir, tmp_path, monkeypatch
    ):
        monkeypatch.setitem(ECG_PRESETS, "vit_tiny", TINY_VIT)
        flags = {
            "dataset_name": "mimic_iv_ecg",
            "data_dir": mimic_dir,
            "report_labels": labels_dir / "labels.parquet",
            "text_model_name_or_path": text_encoder_dir,
            "text_pooling": "mean",
            "ecg_encoder": "vit_tiny",
            "fusion_hidden_size": 16,
            "num_fusion_layers": 1,
            "min_positives": 2,
            "per_device_train_batch_size": 4,
            "max_train_steps": 1,
        }

        results = train(tmp_path, [word for name, value in flags.items() for word in (f"--{name}", str(value))])

        assert [results[name] for name in ("num_train_records", "num_validation_records")] == [8, 2]
        asked = AutoModel.from_pretrained(tmp_path).config.trained_queries
        assert asked
        assert set(asked) <= set(read_finding_names(labels_dir))
