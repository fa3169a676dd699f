"""Training targets: 1 present, 0 absent, NaN unknown."""

import numpy as np
import pandas as pd
import pytest
from datasets import Dataset
from helpers.corpus_rows import write_report_labels

from datasets_scripts.schema import corpus_features
from training_scripts.data.label import CorpusLabels, ReportLabels


UNKNOWN = float("nan")


def targets_of(source, *rows, num_labels):
    """Targets of rows given as the sets of their positive and of their unknown labels."""
    return source.targets(
        {
            "labels": [sorted(positive) for positive, _ in rows],
            "label_mask": [[label not in unknown for label in range(num_labels)] for _, unknown in rows],
        }
    )


def make_empty_corpus(label_names):
    """A corpus of no records."""
    features = corpus_features(label_names)
    return Dataset.from_dict({name: [] for name in features}, features=features)


class TestCorpusLabels:
    """Four labels, of which the second and the third ask for the same finding."""

    source = CorpusLabels(
        ["normal ecg", "left bundle branch block", "left bundle branch block", "atrial flutter"],
        ["normal ecg", "left bundle branch block", "atrial flutter"],
    )

    @pytest.mark.parametrize(
        ("positive", "unknown", "expected"),
        [
            (set(), set(), [0, 0, 0]),
            ({0, 3}, set(), [1, 0, 1]),
            ({1}, set(), [0, 1, 0]),
            ({2}, set(), [0, 1, 0]),
            ({1, 2}, set(), [0, 1, 0]),
            (set(), {3}, [0, 0, UNKNOWN]),
            (set(), {2}, [0, UNKNOWN, 0]),
            ({1}, {2}, [0, 1, 0]),
            (set(), {0, 1, 2, 3}, [UNKNOWN, UNKNOWN, UNKNOWN]),
        ],
        ids=[
            "no label",
            "two labels",
            "one of a pair",
            "other of a pair",
            "both of a pair",
            "unknown label",
            "half of a pair unknown",
            "present settles what is half unknown",
            "nothing known",
        ],
    )
    def test_labels_become_targets(self, positive, unknown, expected):
        targets = targets_of(self.source, (positive, unknown), num_labels=4)

        np.testing.assert_array_equal(targets, [expected])
        assert targets.dtype == np.float32

    def test_rows_keep_their_order(self):
        targets = targets_of(self.source, ({0}, set()), ({3}, set()), num_labels=4)

        np.testing.assert_array_equal(targets, [[1, 0, 0], [0, 0, 1]])

    def test_a_selection_keeps_its_order_and_its_targets(self):
        selected = self.source.select(["atrial flutter", "normal ecg"])

        assert selected.findings == ("normal ecg", "atrial flutter")
        np.testing.assert_array_equal(targets_of(selected, ({1, 3}, {0}), num_labels=4), [[UNKNOWN, 1]])

    @pytest.mark.parametrize(
        ("config_name", "finding"),
        [("superclass", "st-t changes"), ("subclass", "nondiagnostic st-t changes")],
    )
    def test_the_configuration_tells_what_a_label_stands_for(self, config_name, finding):
        dataset = make_empty_corpus(["NORM", "STTC"])

        labels = CorpusLabels.from_dataset(dataset, config_name=config_name)

        assert labels.findings == ("normal ecg", finding)

    def test_labels_of_one_finding_are_united(self):
        # a form statement and a subclass of its own, which both are non-specific ST changes
        dataset = make_empty_corpus(["NST_", "subclass:NST_", "SR"])

        labels = CorpusLabels.from_dataset(dataset, config_name="hierarchy")

        assert labels.findings == ("st changes", "sinus rhythm")
        np.testing.assert_array_equal(targets_of(labels, ({1}, set()), num_labels=3), [[1, 0]])

    def test_a_label_the_terminology_does_not_know_is_an_error(self):
        dataset = make_empty_corpus(["VAPOURS"])

        with pytest.raises(ValueError, match=r"No finding answers to the label 'VAPOURS'.*terminology\.csv"):
            CorpusLabels.from_dataset(dataset)


def write_labels(folder, **records):
    """labels.parquet from `record_id=(positive, uncertain)`; every report denies atrial flutter."""
    stated = {name: (*findings, ["atrial flutter"]) for name, findings in records.items()}
    return write_report_labels(folder / "labels.parquet", stated)


class TestReportLabels:
    def test_mentioned_findings_are_present_uncertain_or_absent(self, tmp_path):
        path = write_labels(tmp_path, a=(["sinus rhythm"], ["q waves"]), b=(["early repolarization"], []))

        labels = ReportLabels.from_parquet(path, uncertain_label=0.25)

        assert labels.findings == ("early repolarization", "q waves", "sinus rhythm")
        np.testing.assert_array_equal(labels.targets({"record_id": ["a", "b"]}), [[0, 0.25, 1], [1, 0, 0]])

    def test_a_finding_makes_its_ancestors_as_sure_as_itself(self, tmp_path):
        path = write_labels(
            tmp_path, a=(["inferior myocardial infarction"], []), b=([], ["inferior myocardial infarction"])
        )

        labels = ReportLabels.from_parquet(path)

        assert labels.findings == ("inferior myocardial infarction", "myocardial infarction")
        np.testing.assert_array_equal(labels.targets({"record_id": ["a", "b"]}), [[1, 1], [0.5, 0.5]])

    def test_what_is_present_and_uncertain_is_present(self, tmp_path):
        path = write_labels(
            tmp_path,
            a=(["anterior myocardial infarction"], ["inferior myocardial infarction", "myocardial infarction"]),
        )

        labels = ReportLabels.from_parquet(path)

        assert labels.findings == (
            "anterior myocardial infarction",
            "inferior myocardial infarction",
            "myocardial infarction",
        )
        np.testing.assert_array_equal(labels.targets({"record_id": ["a"]}), [[1, 0.5, 1]])

    def test_a_record_without_labels_is_unknown(self, tmp_path):
        labels = ReportLabels.from_parquet(write_labels(tmp_path, a=(["early repolarization"], [])))

        np.testing.assert_array_equal(labels.targets({"record_id": ["b", "a"]}), [[UNKNOWN], [1]])

    def test_a_record_whose_report_says_nothing_has_nothing(self, tmp_path):
        labels = ReportLabels.from_parquet(write_labels(tmp_path, a=(["early repolarization"], []), b=([], [])))

        np.testing.assert_array_equal(labels.targets({"record_id": ["b"]}), [[0]])

    def test_what_a_report_does_not_mention_may_be_unknown(self, tmp_path):
        path = write_labels(tmp_path, a=(["sinus rhythm"], ["q waves"]), b=(["early repolarization"], []))

        labels = ReportLabels.from_parquet(path, unmentioned="unknown").select(["q waves", "sinus rhythm"])

        np.testing.assert_array_equal(
            labels.targets({"record_id": ["a", "b", "c"]}), [[0.5, 1], [UNKNOWN] * 2, [UNKNOWN] * 2]
        )

    def test_what_a_report_denies_is_absent_even_where_the_unmentioned_is_unknown(self, tmp_path):
        path = write_labels(tmp_path, a=(["early repolarization"], []), b=(["atrial flutter"], []))

        labels = ReportLabels.from_parquet(path, unmentioned="unknown")

        # Both reports deny atrial flutter, a supraventricular arrhythmia, but the second one affirms it too.
        np.testing.assert_array_equal(labels.targets({"record_id": ["a", "b"]}), [[0, 1, UNKNOWN], [1, UNKNOWN, 1]])

    def test_a_negated_finding_is_not_asked_for(self, tmp_path):
        labels = ReportLabels.from_parquet(write_labels(tmp_path, a=(["early repolarization"], [])))

        assert "atrial flutter" not in labels.findings

    def test_a_finding_the_terminology_does_not_know_is_kept(self, tmp_path):
        labels = ReportLabels.from_parquet(write_labels(tmp_path, a=(["electrical alternans of the soul"], [])))

        np.testing.assert_array_equal(labels.targets({"record_id": ["a"]}), [[1]])

    def test_record_ids_may_be_numbers(self, tmp_path):
        path = tmp_path / "labels.parquet"
        pd.DataFrame(
            {"record_id": [15709], "positive": [["early repolarization"]], "uncertain": [[]], "negative": [[]]}
        ).to_parquet(path)

        np.testing.assert_array_equal(ReportLabels.from_parquet(path).targets({"record_id": ["15709"]}), [[1]])

    def test_a_selection_keeps_its_targets(self, tmp_path):
        labels = ReportLabels.from_parquet(
            write_labels(tmp_path, a=(["early repolarization"], ["q waves"]), b=(["sinus rhythm"], [])),
            uncertain_label=0.25,
        )

        selected = labels.select(["q waves", "sinus rhythm"])

        np.testing.assert_array_equal(selected.targets({"record_id": ["a", "b"]}), [[0.25, 0], [0, 1]])

    def test_a_missing_file_is_named_with_the_command_that_writes_it(self, tmp_path):
        with pytest.raises(FileNotFoundError, match=r"no labels at .*none\.parquet.*datasets_scripts\.extraction"):
            ReportLabels.from_parquet(tmp_path / "none.parquet")

    def test_a_missing_column_is_named(self, tmp_path):
        path = tmp_path / "labels.parquet"
        pd.DataFrame({"record_id": ["a"], "positive": [["early repolarization"]]}).to_parquet(path)

        with pytest.raises(ValueError, match=r"labels\.parquet has no column uncertain, negative\. Write it with"):
            ReportLabels.from_parquet(path)
