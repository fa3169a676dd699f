"""`MeasurementTargets`: the numbers that a corpus has are learnt, others masked, and none is rounded on its way."""

import math

import numpy as np
import pytest
from datasets import Dataset, Value
from helpers.corpus_rows import make_corpus_row

from datasets_scripts import load_corpus
from datasets_scripts.schema import corpus_features
from datasets_scripts.simulator import measurement_keys, simulate_record
from training_scripts.data.batches import select_arrays
from training_scripts.data.measure import MeasurementTargets, find_units, measured_keys, sample_numbers
from training_scripts.data.simulated_records import SimulatedRecords
from training_scripts.data.streaming import load_shards


KEYS = ["qrs_ms", "pr_ms", "num_early_wide"]
NAN = math.nan


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Sixteen simulated training records with their numbers."""
    folder = tmp_path_factory.mktemp("cache")
    return load_corpus("simulated", num_records=20, has_measurements=True, cache_dir=folder)["train"]


def row(**numbers):
    return {"measurements": numbers}


def targets_of(rows, corpora=None, measured=(KEYS,)):
    return MeasurementTargets(KEYS, measured).targets(rows, corpora or [0] * len(rows))


class TestTargets:
    def test_a_number_is_itself_and_measurable(self):
        found = targets_of([row(qrs_ms=92.4, pr_ms=160.0, num_early_wide=2.0)])

        np.testing.assert_allclose(found.measurements, [[92.4, 160.0, 2.0]], rtol=1e-6)
        assert found.measurable.tolist() == [[1.0, 1.0, 1.0]]

    @pytest.mark.parametrize(("stated", "measurable"), [(NAN, 0.0), (None, NAN), (math.inf, NAN)])
    def test_nan_is_nothing_to_measure_and_null_is_not_known(self, stated, measurable):
        found = targets_of([row(qrs_ms=92.0, pr_ms=stated, num_early_wide=2.0)])

        assert np.isnan(found.measurements).tolist() == [[False, True, False]]
        np.testing.assert_array_equal(found.measurable, [[1.0, measurable, 1.0]])

    def test_a_count_of_zero_is_nothing_to_measure(self):
        found = targets_of([row(qrs_ms=0.0, pr_ms=160.0, num_early_wide=0.0)])

        assert np.isnan(found.measurements).tolist() == [[False, False, True]]
        assert found.measurable.tolist() == [[1.0, 1.0, 0.0]]

    def test_a_row_without_any_number_was_not_looked_at(self):
        found = targets_of([row(qrs_ms=None, pr_ms=None), {"measurements": None}])

        assert np.isnan(found.measurements).all()
        assert np.isnan(found.measurable).all()

    def test_a_mixture_masks_what_a_corpus_does_not_have(self):
        rows = [row(qrs_ms=92.0, pr_ms=160.0, num_early_wide=1.0), {}, row(qrs_ms=100.0, rate_per_min=60.0)]

        found = targets_of(rows, [0, 1, 2], measured=(KEYS, (), ("rate_per_min", "qrs_ms")))

        np.testing.assert_array_equal(found.measurable, [[1, 1, 1], [NAN] * 3, [1, NAN, NAN]])
        np.testing.assert_array_equal(found.measurements[2], [100, NAN, NAN])

    def test_the_column_is_read_where_a_corpus_has_something_of_it(self):
        targets = MeasurementTargets(KEYS, [KEYS, (), ("rate_per_min",)])

        assert [targets.columns(corpus) for corpus in range(3)] == [("measurements",), (), ()]


@pytest.fixture(scope="module")
def stated():
    """A record without P waves of which early beats were not counted, and one of which nothing is known."""
    features = corpus_features(["normal ecg"], measurements=dict.fromkeys(KEYS, Value("float32")))
    numbers = [{"qrs_ms": 90.0, "pr_ms": NAN, "num_early_wide": None}, dict.fromkeys(KEYS)]
    strip = np.zeros((12, 5000), np.int16)
    rows = [make_corpus_row(name, strip, labels=[], measurements=own) for name, own in zip("ab", numbers, strict=True)]
    return Dataset.from_list(rows, features=features)


class TestWaysToTraining:
    """Whatever way a row takes to training, null stays null and NaN stays NaN."""

    EXPECTED = [[1.0, 0.0, NAN], [NAN, NAN, NAN]]

    def test_arrow(self, stated):
        found = targets_of(list(select_arrays(stated, ["signal", "measurements"])))

        np.testing.assert_array_equal(found.measurable, self.EXPECTED)

    def test_parquet(self, stated, tmp_path):
        stated.to_parquet(tmp_path / "train-00000-of-00001.parquet")

        found = targets_of(list(Dataset.from_parquet(str(tmp_path / "*.parquet"), cache_dir=str(tmp_path / "cache"))))

        np.testing.assert_array_equal(found.measurable, self.EXPECTED)

    def test_streamed_shards(self, stated, tmp_path):
        stated.to_parquet(tmp_path / "train-00000-of-00001.parquet")
        shards = load_shards(str(tmp_path))["train"]

        found = targets_of(list(shards.iter_rows(np.arange(2), ["measurements"])))

        np.testing.assert_array_equal(found.measurable, self.EXPECTED)


class TestUnits:
    def test_they_are_mean_and_standard_deviation_of_what_is_known(self):
        center, spread = find_units(np.array([[1.0], [5.0], [NAN]]))

        assert (center.tolist(), spread.tolist()) == ([3.0], [2.0])

    def test_what_never_changes_has_a_tenth_of_its_mean(self):
        assert find_units(np.full((3, 1), -4.0))[1].tolist() == pytest.approx([0.4])

    @pytest.mark.parametrize("values", [[[NAN]], [[0.0]]])
    def test_without_a_spread_a_unit_is_one(self, values):
        assert [part.tolist() for part in find_units(np.array(values))] == [[0.0], [1.0]]

    def test_angles_have_a_mean_direction(self):
        center, spread = find_units(np.array([[170.0], [-170.0]]), circular=[0])

        assert abs(center[0]) == pytest.approx(180.0, abs=1e-4)
        assert spread[0] == pytest.approx(10.0, rel=1e-5)


class TestSimulatedCorpora:
    def test_the_keys_are_those_that_records_have(self):
        found = set().union(*(simulate_record(index).measurements for index in range(300)))

        assert found == set(measurement_keys())

    def test_a_prepared_corpus_has_the_numbers_of_its_records(self, corpus):
        known = simulate_record(3).measurements

        numbers = corpus[3]["measurements"]

        assert {key for key, value in numbers.items() if not math.isnan(value)} == set(known)
        assert numbers["qrs_ms"] == pytest.approx(known["qrs_ms"], rel=1e-6)

    def test_they_are_left_out_unless_asked_for(self, tmp_path):
        corpus = load_corpus("simulated", num_records=20, cache_dir=tmp_path)["train"]

        assert measured_keys(corpus) == ()

    def test_arrays_keep_their_fractions_beside_whole_microvolts(self, corpus):
        rows = select_arrays(corpus, ["record_id", "signal", "labels", "measurements"])

        assert rows[3]["signal"].dtype == np.int16
        assert rows[3]["measurements"]["r_mv_V5"] == pytest.approx(simulate_record(3).measurements["r_mv_V5"])

    def test_records_made_on_the_fly_have_the_same(self, corpus):
        records = SimulatedRecords.of_corpus(20, "train")

        assert measured_keys(records) == measured_keys(corpus) == measurement_keys()
        assert records[3]["measurements"]["pr_ms"] == pytest.approx(corpus[3]["measurements"]["pr_ms"])

    def test_streamed_shards_have_the_same(self, corpus, tmp_path):
        corpus.to_parquet(tmp_path / "train-00000-of-00001.parquet")
        shards = load_shards(str(tmp_path))["train"]

        (row,) = shards.iter_rows(np.array([3]), ["measurements"])

        assert measured_keys(shards) == measurement_keys()
        assert row["measurements"]["qrs_ms"] == pytest.approx(corpus[3]["measurements"]["qrs_ms"])

    def test_a_sample_of_a_mixture_has_the_numbers_of_all(self, corpus):
        features = corpus_features(["normal ecg"], measurements={"qrs_ms": Value("float32")})
        rows = [make_corpus_row("a", np.zeros((12, 5000), np.int16), labels=[], measurements={"qrs_ms": 80.0})]
        other = Dataset.from_list(rows, features=features)
        targets = MeasurementTargets(KEYS, [measured_keys(corpus), measured_keys(other)])

        values = sample_numbers(targets, [corpus, other])

        assert values.shape == (len(corpus) + 1, 3)
        np.testing.assert_array_equal(values[-1], [80.0, NAN, NAN])


def test_a_column_of_other_numbers_is_no_measurement():
    features = corpus_features([], measurements={"qrs_ms": Value("float32"), "mood": Value("float32")})

    assert measured_keys(Dataset.from_dict({name: [] for name in features}, features=features)) == ("qrs_ms",)
