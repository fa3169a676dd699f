"""Records and tables of the six sets, small."""

import pytest
from helpers.suite_records import write_all_merl_tables, write_suite_root


@pytest.fixture(scope="session")
def suite_root(ptb_xl_dir, tmp_path_factory):
    """A folder with PTB-XL (20 records), CPSC2018 (3) and Chapman-Shaoxing-Ningbo (5). Not to be written to."""
    return write_suite_root(tmp_path_factory.mktemp("suite") / "corpora", ptb_xl_dir)


@pytest.fixture(scope="session")
def split_dir(tmp_path_factory):
    """MERL's tables for these records. Not to be written to."""
    return write_all_merl_tables(tmp_path_factory.mktemp("merl") / "data_split")
