"""Labels extracted from reports: a dataset of their own, joined to any corpus by record, from table to training."""

import json
import logging
import shutil

import numpy as np
import pandas as pd
import pytest
from conftest import write_report_labels
from datasets import Array2D, Dataset, DatasetDict, Features, Value, load_dataset
from test_mimic_iv_ecg import write_mimic_corpus
from test_train import TINY_VIT, train
from transformers import AutoModel

from datasets_scripts import load_corpus
from datasets_scripts.extraction.__main__ import main as extract
from datasets_scripts.extraction.labels import LABELS_SCHEMA
from datasets_scripts.prepare import corpus as prepare
from datasets_scripts.report_labels import (
    Denials,
    ReportFindings,
    join_report_labels,
    load_report_labels,
    read_finding_names,
    read_report_findings,
)
from modeling_supreme import ECG_PRESETS


# In alphabetical order; infarctions bring their ancestor.
NAMES = ["early repolarization", "inferior myocardial infarction", "myocardial infarction", "sinus rhythm"]


def write_labels(path, records):
    """A labels.parquet from `{record_id: (positive, uncertain)}`; every report denies atrial flutter."""
    return write_report_labels(path, {name: (*stated, ["atrial flutter"]) for name, stated in records.items()})


@pytest.fixture
def labels_path(tmp_path):
    return write_labels(
        tmp_path / "labels.parquet",
        {
            "a": (["inferior myocardial infarction"], ["early repolarization"]),
            "b": (["sinus rhythm"], ["inferior myocardial infarction"]),
            "c": ([], []),
        },
    )


def make_corpus(*record_ids):
    """Rows that bring a signal, so that a join must not lose it."""
    signals = [np.full((12, 5), number, dtype=np.int16) for number in range(len(record_ids))]
    features = Features({"record_id": Value("string"), "signal": Array2D((12, 5), "int16")})
    rows = {"record_id": list(record_ids), "signal": signals}
    return Dataset.from_dict(rows, features=features)


def label_names_of(row, names=NAMES):
    return [names[label] for label in row["labels"]]


class TestReading:
    def test_findings_are_closed_upward_and_positive_ones_are_not_uncertain(self, tmp_path):
        path = write_labels(
            tmp_path / "labels.parquet",
            {"a": (["anterior myocardial infarction"], ["inferior myocardial infarction"])},
        )

        assert read_report_findings(path) == {
            "a": ReportFindings(
                positive=("anterior myocardial infarction", "myocardial infarction"),
                uncertain=("inferior myocardial infarction",),
                negative=("atrial flutter",),
            )
        }

    def test_findings_that_the_extraction_left_as_stated_are_not_closed(self, tmp_path):
        reports = tmp_path / "reports.csv"
        reports.write_text("record_id,report\na,inferior infarct\n", encoding="utf-8")
        extract(["--reports", str(reports), "--output_dir", str(tmp_path), "--no_add_parents"])

        assert read_report_findings(tmp_path)["a"].positive == ("inferior myocardial infarction",)

    def test_equal_reports_share_one_entry(self, tmp_path):
        path = write_labels(tmp_path / "labels.parquet", {"a": (["sinus rhythm"], []), "b": (["sinus rhythm"], [])})

        records = read_report_findings(path)

        assert records["a"] is records["b"]

    def test_the_names_are_those_of_what_is_positive_or_uncertain(self, labels_path):
        assert list(read_finding_names(labels_path)) == NAMES

    def test_a_finding_outside_the_terminology_is_kept(self, tmp_path):
        path = write_labels(tmp_path / "labels.parquet", {"a": (["electrical alternans of the soul"], [])})

        assert read_finding_names(path) == ("electrical alternans of the soul",)

    def test_the_folder_of_an_extraction_names_its_labels(self, labels_path):
        assert read_report_findings(labels_path.parent) == read_report_findings(labels_path)

    def test_labels_without_findings_are_refused(self, tmp_path):
        path = write_labels(tmp_path / "labels.parquet", {"a": ([], []), "b": ([], [])})

        with pytest.raises(ValueError, match=r"no finding for any of 2 records\. Give the extraction the column"):
            read_finding_names(path)

    def test_another_file_is_refused(self, tmp_path):
        path = tmp_path / "labels.parquet"
        path.write_text("record_id,positive\n")

        with pytest.raises(ValueError, match=r"labels\.parquet is no Parquet file .*Write it with"):
            read_report_findings(path)


class TestDenials:
    names = (
        "myocardial infarction",
        "inferior myocardial infarction",
        "left bundle branch block",
        "sinus bradycardia",
    )

    def test_a_denied_finding_denies_its_kinds_but_nothing_above_it(self):
        denials = Denials(self.names)

        assert denials.find(ReportFindings((), (), ("myocardial infarction",))) == set(self.names[:2])
        assert denials.find(ReportFindings((), (), ("inferior myocardial infarction",))) == {self.names[1]}

    def test_a_normal_ecg_denies_what_the_superclasses_of_ptb_xl_stand_for(self):
        assert Denials(self.names).find(ReportFindings(("normal ecg",), ())) == set(self.names[:3])

    def test_what_the_report_names_is_not_denied(self):
        stated = ReportFindings(("left bundle branch block", "normal ecg"), ("inferior myocardial infarction",))

        assert Denials(self.names).find(stated) == {"myocardial infarction"}


class TestDataset:
    def test_a_row_has_the_labels_and_masks_of_its_report(self, labels_path):
        labels = load_report_labels(labels_path)

        assert labels.features["labels"].feature.names == NAMES
        assert [label_names_of(row) for row in labels] == [
            ["inferior myocardial infarction", "myocardial infarction"],
            ["sinus rhythm"],
            [],
        ]
        assert labels["label_mask"][:] == [
            [False, True, True, True],
            [True, False, False, True],
            [True, True, True, True],
        ]

    def test_what_a_report_does_not_mention_may_be_unknown(self, tmp_path):
        path = write_labels(
            tmp_path / "labels.parquet",
            {"a": (["sinus rhythm"], ["early repolarization"]), "b": (["atrial flutter"], [])},
        )

        labels = load_report_labels(path, unmentioned="unknown")

        # Atrial flutter, early repolarization, sinus rhythm, supraventricular arrhythmia (the first is a kind of it);
        # both reports deny atrial flutter, which one of them affirms too.
        assert labels["label_mask"][:] == [[True, False, True, False], [True, False, False, True]]
        assert [len(row) for row in labels["labels"]] == [1, 2]

    def test_what_is_shared_as_parquet_joins_like_the_original(self, labels_path, tmp_path):
        labels = load_report_labels(labels_path)
        (tmp_path / "shared").mkdir()
        labels.to_parquet(tmp_path / "shared" / "train.parquet")

        shared = load_dataset(str(tmp_path / "shared"), split="train")

        assert shared.features == labels.features
        assert join_report_labels(make_corpus("b"), shared)[:] == join_report_labels(make_corpus("b"), labels)[:]

    def test_the_same_file_gives_the_same_fingerprint(self, labels_path):
        assert load_report_labels(labels_path)._fingerprint == load_report_labels(labels_path)._fingerprint

    def test_more_records_than_are_made_at_once_keep_their_order(self, tmp_path, monkeypatch):
        monkeypatch.setattr("datasets_scripts.report_labels.RECORDS_PER_CHUNK", 2)
        path = write_labels(tmp_path / "labels.parquet", {str(number): (NAMES[:number], []) for number in range(5)})

        labels = load_report_labels(path)

        joined = join_report_labels(make_corpus("4", "0", "3", "1", "2"), labels)
        assert [len(row) for row in labels["labels"]] == [0, 1, 3, 3, 4]  # the second finding brings the third
        assert [len(row) for row in joined["labels"]] == [4, 0, 3, 1, 3]


class TestJoining:
    def test_labels_follow_the_record_and_signals_stay(self, labels_path):
        joined = join_report_labels(make_corpus("c", "a"), labels_path)

        assert joined.column_names == ["record_id", "signal", "labels", "label_mask"]
        assert [label_names_of(row) for row in joined] == [
            [],
            ["inferior myocardial infarction", "myocardial infarction"],
        ]
        assert [np.unique(row["signal"]).tolist() for row in joined] == [[0], [1]]

    def test_a_record_without_an_entry_is_unknown_and_counted(self, labels_path, caplog):
        with caplog.at_level(logging.WARNING, logger="datasets_scripts.report_labels"):
            joined = join_report_labels(make_corpus("x", "a"), labels_path)

        assert (joined[0]["labels"], joined[0]["label_mask"]) == ([], [False] * 4)
        assert "1 of 2 records have no report labels" in caplog.text

    def test_labels_that_the_corpus_has_are_replaced_in_their_place(self, ptb_xl_dir, tmp_path):
        corpus = load_corpus("ptb_xl", "all", data_dir=ptb_xl_dir)
        path = write_labels(tmp_path / "own.parquet", {"1": (["sinus rhythm"], ["early repolarization"])})

        joined = join_report_labels(corpus, path)

        assert isinstance(joined, DatasetDict)
        assert joined["train"].column_names == corpus["train"].column_names
        assert joined["train"].features["labels"].feature.names == ["early repolarization", "sinus rhythm"]
        assert (joined["train"][0]["labels"], joined["train"][0]["label_mask"]) == ([1], [False, True])
        np.testing.assert_array_equal(joined["train"][3]["signal"], corpus["train"][3]["signal"])

    def test_windows_of_one_recording_share_its_labels(self, labels_path):
        joined = join_report_labels(make_corpus("a", "a", "b"), labels_path)

        assert [len(row) for row in joined["labels"]] == [2, 2, 1]

    def test_a_selection_keeps_its_rows(self, labels_path):
        selected = make_corpus("a", "b", "c").select([2, 0])

        joined = join_report_labels(selected, labels_path)

        assert joined["record_id"][:] == ["c", "a"]
        assert [np.unique(row["signal"]).tolist() for row in joined] == [[2], [0]]
        assert [len(row) for row in joined["labels"]] == [0, 2]

    def test_an_empty_split_gets_the_columns_too(self, labels_path):
        corpus = DatasetDict(train=make_corpus("a"), test=make_corpus("a").select([]))

        joined = join_report_labels(corpus, labels_path)

        assert joined["test"].features == joined["train"].features
        assert len(joined["test"]) == 0

    def test_the_signals_are_not_copied(self, ptb_xl_dir, tmp_path):
        corpus = load_corpus("ptb_xl", "all", data_dir=ptb_xl_dir, split="train")
        path = write_labels(tmp_path / "own.parquet", {"1": (["sinus rhythm"], [])})

        assert join_report_labels(corpus, path).cache_files == corpus.cache_files

    def test_labels_of_another_corpus_are_refused(self, labels_path):
        with pytest.raises(ValueError, match=r"None of 2 records .* report labels\. Extract labels from the reports"):
            join_report_labels(make_corpus("x", "y"), labels_path)

    def test_labels_that_list_a_record_twice_are_refused(self, labels_path):
        labels = load_report_labels(labels_path).select([0, 1, 0])

        with pytest.raises(ValueError, match=r"list record a more than once\. Load them with `load_report_labels`"):
            join_report_labels(make_corpus("a"), labels)


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

    def test_it_gives_what_joining_gives(self, own_labels, ptb_xl_dir, tmp_path):
        joined = join_report_labels(load_corpus("ptb_xl", "all", data_dir=ptb_xl_dir), own_labels)

        built = self.load(own_labels, ptb_xl_dir, tmp_path, corpus_config_name="all")

        assert built["train"].features == joined["train"].features
        assert {split: rows[:] for split, rows in built.items()} == {split: rows[:] for split, rows in joined.items()}

    def test_what_is_not_mentioned_may_be_unknown(self, own_labels, ptb_xl_dir, tmp_path):
        built = self.load(own_labels, ptb_xl_dir, tmp_path, unmentioned="unknown")

        assert built["train"][0]["label_mask"] == [False, True]  # early repolarization is uncertain

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

    def test_joining_gives_what_the_builder_gives(self, mimic_dir, labels_dir):
        built = load_corpus("mimic_iv_ecg", data_dir=mimic_dir, report_labels=str(labels_dir))
        plain = load_corpus("mimic_iv_ecg", data_dir=mimic_dir)

        joined = join_report_labels(plain, labels_dir)

        assert joined["train"].features == built["train"].features
        assert {split: rows[:] for split, rows in joined.items()} == {split: rows[:] for split, rows in built.items()}

    def test_a_model_trains_on_the_extracted_labels(
        self, mimic_dir, labels_dir, text_encoder_dir, tmp_path, monkeypatch
    ):
        monkeypatch.setitem(ECG_PRESETS, "tiny", TINY_VIT)
        flags = {
            "dataset_name": "mimic_iv_ecg",
            "data_dir": mimic_dir,
            "report_labels": labels_dir / "labels.parquet",
            "text_model_name_or_path": text_encoder_dir,
            "text_pooling": "mean",
            "ecg_encoder": "tiny",
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


def test_the_columns_of_the_extraction_are_those_that_are_read(labels_path):
    assert pd.read_parquet(labels_path).columns.tolist() == LABELS_SCHEMA.names
