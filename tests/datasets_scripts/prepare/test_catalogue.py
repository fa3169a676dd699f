"""The catalogue: one entry per corpus, the licence that its builder states, and docs/corpora.md made from it."""

import pytest
from helpers.repository import ROOT

from datasets_scripts import BUILDERS
from datasets_scripts.prepare.catalogue import describe_corpus, format_catalogue, read_catalogue
from datasets_scripts.registry import CORPORA


PUBLISHED = [name for name in CORPORA if name not in ("ecg_folder", "simulated")]
REMEDY = "from datasets_scripts.prepare.catalogue import format_catalogue; print(format_catalogue(), end='')"


def test_every_corpus_that_is_read_has_an_entry():
    assert set(read_catalogue()) == set(CORPORA)


@pytest.mark.parametrize("name", PUBLISHED)
def test_licence_and_page_are_those_that_the_builder_states(name, tmp_path):
    info = BUILDERS[name](cache_dir=str(tmp_path)).info

    entry = read_catalogue()[name]
    assert (entry.license, entry.homepage) == (info.license or None, info.homepage)


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_published_corpus_has_traps_and_something_to_cite(name):
    entry = read_catalogue()[name]

    assert entry.citation
    assert len(entry.traps) >= 3


def test_a_licence_has_a_text_and_a_name_on_the_hub_or_none_of_these():
    for name, entry in read_catalogue().items():
        stated = (entry.license is None, entry.license_id is None, entry.license_url is None)
        assert len(set(stated)) == 1, name


def test_a_corpus_labelled_by_its_reports_has_the_licence_of_the_corpus():
    assert describe_corpus("report_labels", labelled_corpus="ptb_xl") == read_catalogue()["ptb_xl"]


def test_what_the_catalogue_does_not_know_has_no_licence():
    assert describe_corpus("a_corpus_of_mine").license is None


def test_the_page_is_made_from_the_table():
    page = (ROOT / "docs" / "corpora.md").read_text(encoding="utf-8")

    assert page == format_catalogue(), f'Run: python -c "{REMEDY}" > docs/corpora.md'
