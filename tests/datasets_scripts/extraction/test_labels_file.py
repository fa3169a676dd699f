"""`labels.parquet` read back: findings closed upward, shared by equal reports, named, and refused where broken."""

import logging

import pandas as pd
import pytest
from helpers.corpus_rows import write_report_labels

from datasets_scripts.extraction.__main__ import main as extract
from datasets_scripts.extraction.labels_file import (
    LABELS_SCHEMA,
    read_finding_names,
    read_report_findings,
    report_missing,
)
from datasets_scripts.extraction.report_findings import ReportFindings


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


def test_findings_are_closed_upward_and_positive_ones_are_not_uncertain(tmp_path):
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


def test_findings_that_the_extraction_left_as_stated_are_not_closed(tmp_path):
    reports = tmp_path / "reports.csv"
    reports.write_text("record_id,report\na,inferior infarct\n", encoding="utf-8")
    extract(["--reports", str(reports), "--output_dir", str(tmp_path), "--no_add_parents"])

    assert read_report_findings(tmp_path)["a"].positive == ("inferior myocardial infarction",)


def test_equal_reports_share_one_entry(tmp_path):
    path = write_labels(tmp_path / "labels.parquet", {"a": (["sinus rhythm"], []), "b": (["sinus rhythm"], [])})

    records = read_report_findings(path)

    assert records["a"] is records["b"]


def test_the_names_are_those_of_what_is_positive_or_uncertain(labels_path):
    assert list(read_finding_names(labels_path)) == NAMES


def test_a_finding_outside_the_terminology_is_kept(tmp_path):
    path = write_labels(tmp_path / "labels.parquet", {"a": (["electrical alternans of the soul"], [])})

    assert read_finding_names(path) == ("electrical alternans of the soul",)


def test_the_folder_of_an_extraction_names_its_labels(labels_path):
    assert read_report_findings(labels_path.parent) == read_report_findings(labels_path)


def test_labels_without_findings_are_refused(tmp_path):
    path = write_labels(tmp_path / "labels.parquet", {"a": ([], []), "b": ([], [])})

    with pytest.raises(ValueError, match=r"no finding for any of 2 records\. Give the extraction the column"):
        read_finding_names(path)


def test_another_file_is_refused(tmp_path):
    path = tmp_path / "labels.parquet"
    path.write_text("record_id,positive\n")

    with pytest.raises(ValueError, match=r"labels\.parquet is no Parquet file .*Write it with"):
        read_report_findings(path)


def test_records_without_labels_are_counted(caplog):
    with caplog.at_level(logging.WARNING, logger="datasets_scripts.extraction.labels_file"):
        report_missing(0, 2)
        report_missing(1, 2)

    assert [record.getMessage() for record in caplog.records] == [
        "1 of 2 records have no report labels: all labels are unknown there."
    ]


def test_labels_of_another_corpus_are_refused():
    with pytest.raises(ValueError, match=r"None of 2 records .* report labels\. Extract labels from the reports"):
        report_missing(2, 2)


def test_the_columns_of_the_extraction_are_those_that_are_read(labels_path):
    assert pd.read_parquet(labels_path).columns.tolist() == LABELS_SCHEMA.names
