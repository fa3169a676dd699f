"""The realism page: pairs with the same main finding, figures and a page that needs no other file."""

import json
import re

import numpy as np
import pytest
from datasets import concatenate_datasets

from datasets_scripts import load_corpus
from datasets_scripts.simulator import simulate_record
from datasets_scripts.simulator.export.export_ptb_xl import export_ptb_xl
from datasets_scripts.simulator.realism.comparison import compare_with_real, mean_beats, summarize
from datasets_scripts.simulator.realism.pairs import MeasuredStrip, Pair
from datasets_scripts.simulator.realism.strip_features import measure_strip


pytestmark = pytest.mark.slow


def load_rows(data_dir, cache_dir, num_records):
    """The first rows of a folder of PTB-XL."""
    corpus = load_corpus("ptb_xl", "all", data_dir=data_dir, cache_dir=cache_dir)
    return concatenate_datasets(list(corpus.values())).select(range(num_records))


@pytest.fixture(scope="module")
def page_dir(tmp_path_factory):
    """The page of a corpus that is simulated on both sides."""
    folder = tmp_path_factory.mktemp("realism")
    export_ptb_xl(folder / "source", 20, seed=9, sampling_rates=[500])
    compare_with_real(load_rows(folder / "source", folder / "cache", 8), folder / "page", seed=1)
    return folder / "page"


def make_pair(index, *, gain):
    features = [
        measure_strip(factor * simulate_record(2 * index, condition="normal ecg").strip) for factor in (1, gain)
    ]
    real, simulated = (MeasuredStrip(f"r{index}", f"p{index}{side}", side_of) for side, side_of in enumerate(features))
    return Pair("normal ecg", real, simulated)


def test_the_files_are_there_and_agree(page_dir):
    figures = json.loads((page_dir / "realism.json").read_text(encoding="utf-8"))
    drawn = {path.name for path in (page_dir / "strips").iterdir()}

    assert figures["num_pairs"] + figures["num_left_out"] == 8
    assert len(drawn) == 2 * len(figures["conditions"])
    assert set(figures["two_sample_auroc"]) >= {"measurements", "spectra"}


def test_the_page_shows_strips_beats_and_distributions_without_other_files(page_dir):
    page = (page_dir / "realism.html").read_text(encoding="utf-8")
    conditions = json.loads((page_dir / "realism.json").read_text(encoding="utf-8"))["conditions"]

    assert page.count("data:image/png;base64,") == 3 * len(conditions)
    assert page.count("<svg") == 2
    assert not re.search(r'(src|href)="(?!data:|#)', page)


def test_a_doubled_voltage_is_found_by_the_two_sample_test_and_in_the_mean_beats():
    pairs = [make_pair(index, gain=2.0) for index in range(8)]

    figures = summarize(pairs, seed=0)

    real, simulated = mean_beats(pairs, "normal ecg")
    np.testing.assert_allclose(simulated, 2 * real, rtol=1e-3, atol=1e-6)
    assert figures["two_sample_auroc"]["spectra"]["auroc"] > 0.8
    assert figures["measurements"]["V5_r_mv"]["auroc"] > 0.8


def test_nothing_to_compare_is_refused(ptb_xl_dir, tmp_path):
    with pytest.raises(ValueError, match=r"no record could be compared.*folder of PTB-XL"):
        compare_with_real(load_rows(ptb_xl_dir, tmp_path / "cache", 0), tmp_path)
