"""`load_data`: several corpora become one set of findings; what a corpus does not label stays unknown."""

import numpy as np
import pytest

from training_scripts.arguments import DataArguments
from training_scripts.data.label import CorpusLabels, MixedLabels
from training_scripts.data.training_data import count_labels, load_data


@pytest.fixture
def mixture(load_mixture):
    """Simulated records beside PTB-XL's superclasses."""
    return load_mixture("superclass", dataset_weights=[0.7, 0.3], num_records=40)


class TestMixture:
    def test_the_findings_are_those_of_all_corpora_each_once(self, mixture):
        simulated, ptb_xl = (set(corpus.labels.findings) for corpus in mixture.corpora)

        assert set(mixture.findings) == simulated | ptb_xl
        assert len(mixture.findings) == len(set(mixture.findings)) < len(simulated) + len(ptb_xl)

    def test_what_a_corpus_does_not_label_is_unknown_of_its_records(self, mixture):
        simulated, ptb_xl = (corpus.train[0] for corpus in mixture.corpora)

        targets = mixture.labels.targets([ptb_xl, simulated, ptb_xl], [1, 0, 1])

        is_labelled = np.array([finding in mixture.corpora[1].labels.findings for finding in mixture.findings])
        assert np.isnan(targets[0]).tolist() == (~is_labelled).tolist()
        assert targets[0][is_labelled].sum() == 1  # the first record is normal and nothing else
        np.testing.assert_array_equal(targets[0], targets[2])

    def test_records_are_counted_by_corpus(self, mixture):
        # two of the sixteen training records of PTB-XL have no superclass
        assert [(len(corpus.train), len(corpus.validation)) for corpus in mixture.corpora] == [(32, 4), (14, 2)]
        assert mixture.weights == (0.7, 0.3)

    def test_a_held_out_finding_leaves_every_corpus(self, load_mixture):
        held_out = ["atrial fibrillation", "normal ecg"]

        data = load_mixture("hierarchy", num_records=20, held_out_findings=held_out)

        names = data.corpora[0].train.features["labels"].feature.names
        found = {names[label] for position in range(16) for label in data.corpora[0].train[position]["labels"]}
        assert not set(held_out) & {*found, *data.findings}
        assert not {"1", "3", "11", "13"} & set(data.corpora[1].train["record_id"])


class TestCounts:
    def test_present_and_known_records_of_a_corpus_are_counted(self, ptb_xl_dir):
        data = load_data(DataArguments(["ptb_xl"], ["superclass"], [str(ptb_xl_dir)], min_positives=1))

        num_positive, num_known = count_labels(data)

        # of ten records in a row, folds 1 to 8 hold one normal ECG, infarctions in two, and one without a superclass
        counts = dict(zip(data.findings, num_positive.tolist(), strict=True))
        assert (counts["normal ecg"], counts["myocardial infarction"]) == (2, 4)
        assert num_known.tolist() == [14] * 5

    def test_in_a_mixture_a_corpus_counts_by_its_weight(self, mixture):
        num_positive, num_known = count_labels(mixture)

        # of 32 + 14 records, 70 % count as simulated; both corpora label normal ECGs, one or the other most findings
        assert num_known[mixture.findings.index("normal ecg")] == pytest.approx(46)
        assert set(num_known.round(1)) <= {46.0, 32.2, 13.8}
        assert (num_positive <= num_known + 1e-9).all()


def test_targets_of_a_mixture_keep_the_order_of_the_rows():
    sources = [CorpusLabels(["q waves"], ["q waves"]), CorpusLabels(["pause"], ["pause"])]
    rows = [{"labels": [0], "label_mask": [True]}, {"labels": [], "label_mask": [True]}]

    targets = MixedLabels(sources, ["pause", "q waves"]).targets(rows, [1, 0])

    np.testing.assert_array_equal(targets, [[1, np.nan], [np.nan, 0]])
