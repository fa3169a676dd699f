"""`agreement`: kappa, sensitivity and PPV of each finding follow from the records that both label sets have."""

import math

import pandas as pd
import pytest
from sklearn.metrics import cohen_kappa_score, precision_score, recall_score

from datasets_scripts.extraction.__main__ import main as extract
from datasets_scripts.extraction.agreement import main, read_corpus, read_extraction
from datasets_scripts.extraction.checks.label_agreement import LabelSet, measure_agreement, summarize_agreement
from datasets_scripts.extraction.report_findings import ReportFindings


def label_set(**records):
    """Labels of records, given as positive or as pairs of positive and uncertain findings."""
    pairs = {key: value if isinstance(value, tuple) else (value, []) for key, value in records.items()}
    findings = frozenset(name for pair in pairs.values() for names in pair for name in names)
    stated = {key: ReportFindings(tuple(one), tuple(other)) for key, (one, other) in pairs.items()}
    return LabelSet(stated, findings, is_complete=True)


def row_of(agreement, finding):
    """Figures of one finding."""
    return agreement.set_index("finding").loc[finding]


FIRST = label_set(a=["x"], b=["x", "y"], c=[], d=["x"], e=[], only_first=["x"])
SECOND = label_set(a=["x"], b=["x"], c=["x"], d=[], e=[], only_second=["y"])


def test_figures_are_those_of_scikit_learn_over_shared_records():
    found = row_of(measure_agreement(FIRST, SECOND), "x")

    judged, truth = [1, 1, 0, 1, 0], [1, 1, 1, 0, 0]
    assert found["kappa"] == pytest.approx(cohen_kappa_score(truth, judged))
    assert found["sensitivity"] == pytest.approx(recall_score(truth, judged))
    assert found["ppv"] == pytest.approx(precision_score(truth, judged))
    assert found[["num_records", "num_first", "num_second", "num_both"]].tolist() == [5, 3, 3, 2]


def test_a_finding_that_one_side_never_names_agrees_no_better_than_chance():
    found = row_of(measure_agreement(FIRST, SECOND), "y")

    assert found["kappa"] == pytest.approx(0)
    assert math.isnan(found["sensitivity"])


def test_kappa_is_missing_where_both_say_the_same_of_every_record():
    labels = label_set(a=["x"], b=["x"])

    assert math.isnan(row_of(measure_agreement(labels, labels), "x")["kappa"])


@pytest.mark.parametrize(
    ("uncertain", "counts"),
    [("present", [3, 2, 1, 1]), ("absent", [3, 1, 1, 1]), ("excluded", [2, 1, 1, 1])],
)
def test_an_uncertain_finding_counts_as_asked(uncertain, counts):
    first, second = label_set(a=["x"], b=([], ["x"]), c=[]), label_set(a=["x"], b=[], c=[])

    found = row_of(measure_agreement(first, second, uncertain=uncertain), "x")

    assert found[["num_records", "num_first", "num_second", "num_both"]].tolist() == counts


def test_rare_findings_are_not_listed():
    assert measure_agreement(FIRST, SECOND, min_positives=2)["finding"].tolist() == ["x"]


def test_label_sets_of_different_corpora_are_refused():
    with pytest.raises(ValueError, match=r"no record in common: the first has 1, the second 1\. Compare labels"):
        measure_agreement(label_set(a=["x"]), label_set(b=["x"]))


def test_the_summary_pools_all_findings():
    summary = summarize_agreement(measure_agreement(FIRST, SECOND))

    # x: 3 and 3 records, 2 of them shared; y: 1 and none. Three of the four of the first are judged, two are right.
    assert summary["pooled_sensitivity"] == pytest.approx(2 / 3)
    assert summary["pooled_ppv"] == pytest.approx(2 / 4)


def test_the_labels_of_a_corpus_are_findings_closed_upward(ptb_xl_dir):
    labels = read_corpus("ptb_xl", config_name="all", data_dir=str(ptb_xl_dir))

    # Record 2 carries IMI, 1AVB and SR.
    assert {"inferior myocardial infarction", "myocardial infarction", "first degree av block", "av block"} <= set(
        labels.records["2"].positive
    )
    assert len(labels.records) == 20


def test_a_corpus_is_asked_only_for_what_its_labels_can_say(ptb_xl_dir):
    corpus = read_corpus("ptb_xl", config_name="superclass", data_dir=str(ptb_xl_dir))
    reports = label_set(**{"2": ["myocardial infarction", "sinus rhythm"], "3": []})

    found = measure_agreement(reports, corpus)["finding"]
    assert set(found) == {"conduction disturbance", "myocardial infarction"}


@pytest.fixture
def extracted_dir(ptb_xl_dir, tmp_path):
    """Labels from the reports of the small PTB-XL, which all say "sinus rhythm. left axis deviation."."""
    extract(["--reports", str(ptb_xl_dir / "ptbxl_database.csv"), "--output_dir", str(tmp_path / "labels")])
    return tmp_path / "labels"


def test_the_command_compares_two_extractions(extracted_dir, tmp_path, capsys):
    main([str(extracted_dir), str(extracted_dir), "--output_dir", str(tmp_path / "out")])

    assert "sinus rhythm" in capsys.readouterr().out
    table = pd.read_csv(tmp_path / "out" / "agreement.csv")
    assert table.query("finding == 'sinus rhythm'")["num_both"].tolist() == [20]
    assert "left axis deviation" in (tmp_path / "out" / "agreement.html").read_text(encoding="utf-8")


def test_the_command_compares_an_extraction_with_the_labels_of_a_corpus(extracted_dir, ptb_xl_dir, capsys):
    main(
        [str(extracted_dir), "--dataset_name", "ptb_xl", "--dataset_config_name", "all", "--data_dir", str(ptb_xl_dir)]
    )

    line = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("sinus rhythm"))
    # SR stands in ten of the twenty records; the reports claim it of all.
    assert line.split()[2:6] == ["20", "20", "10", "10"]


@pytest.mark.parametrize("given", [["one"], ["one", "two", "three"], ["one", "two", "--dataset_name", "ptb_xl"]])
def test_two_label_sets_are_needed(given, caplog):
    with pytest.raises(SystemExit, match="2"):
        main(given)

    assert "Two label sets are compared, not" in caplog.text


@pytest.mark.data
def test_reports_and_codes_of_ptb_xl_agree_on_what_both_state(data_dir, tmp_path):
    folder = data_dir / "ptb-xl"
    extract(["--reports", str(folder / "ptbxl_database.csv"), "--output_dir", str(tmp_path)])

    codes = read_corpus("ptb_xl", config_name="all", data_dir=str(folder))
    kappa = measure_agreement(read_extraction(tmp_path), codes).set_index("finding")["kappa"]

    assert len(codes.records) == 500
    assert kappa[["sinus rhythm", "atrial fibrillation", "left bundle branch block"]].min() > 0.75
