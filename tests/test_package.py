"""The package is laid out so that it installs, travels to the Hub, and hides no other library."""

import ast
import configparser
import sys

import pytest
from helpers.repository import ROOT
from setuptools import find_packages


REMOTE_CODE = sorted(
    path
    for pattern in ("modeling_*", "configuration_*", "feature_extraction_*", "processing_*", "pipeline_*", "leads")
    for path in (ROOT / "modeling_supreme").glob(f"{pattern}.py")
)
ALLOWED_IN_REMOTE_CODE = {"numpy", "scipy", "torch", "transformers", "huggingface_hub"}
PACKAGES = ("modeling_supreme", "datasets_scripts", "training_scripts", "evaluation_scripts")
MODULES = sorted((ROOT / "modeling_supreme").glob("*.py"))


@pytest.fixture(scope="module")
def setup():
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg")
    return parser


def imports_of(path):
    """The import statements of a module."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]


def imported_packages(path):
    """Top names of what a module imports from elsewhere."""
    absolute = [node for node in imports_of(path) if getattr(node, "level", 0) == 0]
    names = [name for node in absolute for name in ([node.module] if isinstance(node, ast.ImportFrom) else node.names)]
    return {getattr(name, "name", name).split(".")[0] for name in names}


@pytest.fixture
def packages(setup):
    """What setuptools finds."""
    return find_packages(str(ROOT), include=setup["options.packages.find"]["include"].split())


class TestMetadata:
    def test_every_folder_of_modules_is_a_package(self, packages):
        folders = {path.parent.relative_to(ROOT) for name in PACKAGES for path in (ROOT / name).rglob("*.py")}

        assert {".".join(folder.parts) for folder in folders} == set(packages)

    def test_train_and_evaluate_are_not_installed_as_modules(self, setup, packages):
        assert "py_modules" not in setup["options"]
        assert not {"train", "evaluate", "metrics", "tests"} & set(packages)

    def test_scripts_of_the_root_are_no_packages(self):
        assert not (ROOT / "evaluate").exists()
        assert not (ROOT / "train").exists()

    @pytest.mark.parametrize("package", PACKAGES)
    def test_types_are_announced(self, package):
        assert (ROOT / package / "py.typed").is_file()

    @pytest.mark.parametrize("package", PACKAGES)
    def test_whatever_lies_beside_the_modules_is_shipped(self, setup, packages, package):
        listed = setup["options.package_data"]
        patterns = f"{listed['*']} {listed.get(package, '')}".replace(",", " ").split()
        shipped = {
            path for name in packages for pattern in patterns for path in ROOT.joinpath(*name.split(".")).glob(pattern)
        }

        data = {path for path in (ROOT / package).rglob("*") if path.is_file() and path.suffix not in (".py", ".pyc")}
        assert {path.name for path in data - shipped} <= {"README.md"}

    @pytest.mark.parametrize("dependency", ["datasets", "pandas", "pyarrow", "scipy", "wfdb", "huggingface_hub"])
    def test_what_the_corpora_need_is_declared(self, setup, dependency):
        declared = [line.split(">")[0].split("<")[0] for line in setup["options"]["install_requires"].split()]

        assert dependency in declared

    @pytest.mark.parametrize("forbidden", ["torchvision", "torchaudio", "timm", "open_clip"])
    def test_nothing_that_drags_in_another_torch_is_required(self, setup, forbidden):
        assert forbidden not in setup["options"]["install_requires"]


class TestRemoteCode:
    def test_only_what_stays_at_home_has_a_folder(self):
        rooms = {path.parent.name for path in (ROOT / "modeling_supreme").glob("*/__init__.py")}

        assert rooms == {
            *(
                "browser_app",
                "command_line",
                "ecg_index",
                "evidence",
                "export",
                "long_recordings",
                "output_files",
                "plotting",
            ),
            *("registration", "report_drafts", "supreme_command"),
        }

    @pytest.mark.parametrize("path", MODULES, ids=lambda path: path.name)
    def test_modules_import_their_neighbours_with_one_dot(self, path):
        levels = {getattr(node, "level", 0) for node in imports_of(path)}

        assert levels <= {0, 1}

    @pytest.mark.parametrize("path", REMOTE_CODE, ids=lambda path: path.name)
    def test_code_that_travels_with_a_checkpoint_needs_few_libraries(self, path):
        assert imported_packages(path) <= ALLOWED_IN_REMOTE_CODE | set(sys.stdlib_module_names)

    @pytest.mark.parametrize("path", MODULES, ids=lambda path: path.name)
    def test_the_model_never_imports_the_corpora(self, path):
        assert not imported_packages(path) & {"datasets_scripts", "training_scripts", "evaluation_scripts", "train"}
