"""Agreement of two label sets: kappa, sensitivity and PPV of each finding follow from the records that both have."""

import math

import pytest
from sklearn.metrics import cohen_kappa_score, precision_score, recall_score

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
