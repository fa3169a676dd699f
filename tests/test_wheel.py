"""The wheel, installed where nothing else of this repository is: it imports, answers, and lacks nothing."""

import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import numpy as np
import pytest
from helpers.repository import ROOT

import modeling_supreme


pytestmark = pytest.mark.slow


def run(*words, cwd):
    """Run a command without this repository on any path; returns what it prints."""
    clean = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PIP_CONSTRAINT")}
    done = subprocess.run(
        [*map(str, words)], cwd=cwd, env=clean | {"HF_HUB_OFFLINE": "1"}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel of the files as they are, built from a copy: setuptools leaves a folder `build` beside them."""
    source = tmp_path_factory.mktemp("source")
    names = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    packages = ("modeling_supreme/", "datasets_scripts/", "training_scripts/", "evaluation_scripts/")
    metadata = ("setup.cfg", "pyproject.toml", "README.md", "LICENSE", "NOTICE")
    for name in (name for name in names if name.startswith(packages) or name in metadata):
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    folder = tmp_path_factory.mktemp("wheel")
    pip = (sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index")
    run(*pip, "--wheel-dir", folder, source, cwd=source)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def python(wheel, tmp_path_factory):
    """A Python with this wheel and the libraries that the tests run with, and without this repository."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False, symlinks=True)
    interpreter = folder / "bin" / "python"
    site = Path(run(interpreter, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=folder).strip())
    run(
        *(
            sys.executable,
            "-m",
            "pip",
            "--python",
            interpreter,
            "install",
            "--quiet",
            "--no-deps",
            "--no-index",
            wheel,
        ),
        cwd=folder,
    )
    # A path in a .pth file is searched after this environment, and no .pth file there is read: no editable package
    (site / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    return interpreter


def test_its_name_has_the_version(wheel):
    assert wheel.name == f"modeling_supreme-{modeling_supreme.__version__}-py3-none-any.whl"


def test_it_holds_the_checkpoint_and_no_script_of_the_root(wheel):
    names = zipfile.ZipFile(wheel).namelist()

    assert "modeling_supreme/default_checkpoint/model.safetensors" in names
    tops = {name.split("/")[0] for name in names}
    packages = {"modeling_supreme", "datasets_scripts", "training_scripts", "evaluation_scripts"}
    assert tops == {*packages, f"modeling_supreme-{modeling_supreme.__version__}.dist-info"}


def test_it_is_below_what_a_package_index_takes(wheel):
    assert wheel.stat().st_size < 100 * 2**20  # bytes; the limit of PyPI for a file


def test_nothing_that_it_requires_is_missing(python):
    words = (sys.executable, "-m", "pip", "--python", str(python), "check")
    told = subprocess.run(words, capture_output=True, text=True, check=False).stdout

    # Others may lack something where the tests run; what is asked is whether this package does
    assert [line for line in told.splitlines() if line.startswith("modeling-supreme ")] == []


def test_it_is_found_in_its_own_environment(python, tmp_path):
    place = run(python, "-c", "import modeling_supreme; print(modeling_supreme.__file__)", cwd=tmp_path)

    assert Path(place.strip()).is_relative_to(python.parents[1])


def test_the_command_answers_with_the_checkpoint_in_it(python, tmp_path):
    strip = np.tile(np.sin(np.arange(5000) * 2 * np.pi / 400) / 2, (12, 1)).T
    np.savetxt(
        tmp_path / "strip.csv", strip, delimiter=",", header=",".join(modeling_supreme.STANDARD_LEADS), comments=""
    )

    told = run(
        *(python.with_name("supreme"), "classify", "strip.csv", "--labels", "atrial fibrillation"),
        *("--sampling_rate", 500, "--json"),
        cwd=tmp_path,
    )

    assert '"label": "atrial fibrillation"' in told


def test_the_doors_of_the_other_packages_are_open(python, tmp_path):
    told = run(python.with_name("supreme"), "--help", cwd=tmp_path)

    assert all(f"    {door} " in told for door in ("prepare", "extract", "simulate"))
    assert "usage: supreme CORPUS" in run(python.with_name("supreme"), "prepare", "--help", cwd=tmp_path)
