"""24 simulated records as Parquet, a model that measures, and an index of the records."""

import pytest
from helpers.tiny_models import TINY_MEASUREMENTS

from datasets_scripts.prepare.corpus import prepare_corpus
from modeling_supreme.ecg_index.build import write_index


DEFINITION = {
    "condition": "slow and narrow",
    "names": [],
    "expression": "qrs_ms < 0.1 and not rate_per_min > 0.2",
    "source": "Made up",
    "is_reviewed": True,
}


@pytest.fixture(scope="session")
def corpus_dir(tmp_path_factory):
    """24 simulated records, in files of ten or fewer. Not to be written to."""
    folder = tmp_path_factory.mktemp("corpus")
    prepare_corpus("simulated", output_dir=folder, num_records=24, records_per_shard=10)
    return folder


@pytest.fixture(scope="session")
def measuring_checkpoint_dir(make_checkpoint):
    """A random model with two trained findings, six measurements around zero, and a definition."""
    return make_checkpoint(
        "hybrid",
        trained_queries=["atrial fibrillation", "normal ecg"],
        measurements=list(TINY_MEASUREMENTS),
        definitions=[DEFINITION],
    )


@pytest.fixture(scope="session")
def index_dir(corpus_dir, measuring_checkpoint_dir, tmp_path_factory):
    """An index of `corpus_dir` with seven records a shard. Not to be written to."""
    folder = tmp_path_factory.mktemp("index")
    write_index([corpus_dir], output=folder, model=str(measuring_checkpoint_dir), records_per_shard=7)
    return folder
