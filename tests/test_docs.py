"""What the documentation points at is there: files, folders, and a paragraph for every folder of code."""

import re

import pytest
from import_graph import ROOT, list_files


ARCHITECTURE = ROOT / "docs" / "architecture.md"
TEXT = ARCHITECTURE.read_text(encoding="utf-8")
NAMED = sorted({name for name in re.findall(r"`([^`\s]+)`", TEXT) if "/" in name})
SCRIPTS = sorted(path.name for path in ROOT.glob("*.py"))
PACKAGES = sorted(path.parent.name for path in ROOT.glob("*/__init__.py"))
FOLDERS = sorted({f"{path.parent.relative_to(ROOT).as_posix()}/" for path in list_files(ROOT) if path.suffix == ".py"})


@pytest.mark.parametrize("name", NAMED)
def test_every_path_that_is_named_exists(name):
    path = ROOT / name

    assert path.is_dir() if name.endswith("/") else path.is_file()


@pytest.mark.parametrize("name", [name for name in FOLDERS if not name.startswith(("tests/", "./"))])
def test_every_folder_of_code_is_named(name):
    assert f"`{name}`" in TEXT or f"`{name[:-1]}`" in TEXT


@pytest.mark.parametrize("target", re.findall(r"\]\(([^)#]+)\)", TEXT))
def test_every_link_leads_somewhere(target):
    assert (ARCHITECTURE.parent / target).exists()


@pytest.mark.parametrize("name", [*SCRIPTS, *PACKAGES])
def test_the_picture_names_every_script_and_package(name):
    assert name in ARCHITECTURE.with_suffix(".svg").read_text(encoding="utf-8")
