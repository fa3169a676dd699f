"""24 simulated records as Parquet, a folder of files, and an index of each."""

import pytest

from datasets_scripts.prepare.corpus import prepare_corpus
from modeling_supreme.ecg_index.build import write_index


@pytest.fixture(scope="session")
def corpus_dir(tmp_path_factory):
    """24 simulated records, in files of ten or fewer. Not to be written to."""
    folder = tmp_path_factory.mktemp("corpus")
    prepare_corpus("simulated", output_dir=folder, num_records=24, records_per_shard=10)
    return folder


@pytest.fixture(scope="session")
def index_dir(corpus_dir, tiny_checkpoint_dir, tmp_path_factory):
    """An index of `corpus_dir` with seven records a shard. Not to be written to."""
    folder = tmp_path_factory.mktemp("index")
    write_index([corpus_dir], output=folder, model=str(tiny_checkpoint_dir), records_per_shard=7)
    return folder
