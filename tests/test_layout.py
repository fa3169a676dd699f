"""The house has one door a room: imports run down, folders stay small, and every file says what it is."""

import ast
import re
import sys
from collections import Counter
from pathlib import Path

import pytest
from import_graph import ROOT, find_circles, list_files, read_graph, top_level_imports


FILES = list_files(ROOT)
PYTHON_FILES = [path for path in FILES if path.suffix == ".py"]
TEST_FILES = [path for path in PYTHON_FILES if path.relative_to(ROOT).parts[0] == "tests"]
# At one level, but for the marker that tells type checkers of a typed package. What travels with a checkpoint cannot
# have folders: the Hub copies the files that one imports with a dot into one folder.
MOST_FILES, MOST_TRAVELLING_FILES = 20, 27
MOST_PAGES = 40  # of documentation, which are read by their contents
MOST_LINES, MOST_LINES_OF_A_MODEL = 600, 800
TRAVELLERS = r"modeling_supreme/(configuration|modeling|feature_extraction|processing|pipeline)_\w+\.py"
LIBRARIES_OF_TRAVELLERS = {"torch", "numpy", "scipy", "transformers", "safetensors", "huggingface_hub"}


@pytest.fixture(scope="module")
def graph():
    """What imports what in this repository; read when asked for, as every worker collects every test."""
    return read_graph()


def complain_of_arrows_up(graph):
    """One sentence per arrow that points to a higher layer or a sibling."""
    return [
        f"{arrow}: {graph.layers[arrow.source].name} lies below or beside {graph.layers[arrow.target].name}. Move what"
        " both need to the lower of the two, or hand it in as an argument."
        for arrow in graph.arrows_up()
    ]


def complain_of_arrows_to_commands(graph):
    """One sentence per import of a module that is there to be started."""
    return [
        f"{arrow}: a command is imported. Move what is needed into a module without `__main__` below both."
        for arrow in graph.arrows_to_commands()
    ]


def complain_of_circles(graph):
    """One sentence per group of files, or of rooms, that need each other."""
    rooms = graph.room_arrows()
    between_files = [
        f"Files {', '.join(circle)} need each other: "
        + "; ".join(str(arrow) for arrow in graph.arrows if {arrow.source, arrow.target} <= set(circle))
        + ". Move what both sides need into a file of its own."
        for circle in graph.circles()
    ]
    return between_files + [
        f"Folders {', '.join(circle)} need each other: "
        + "; ".join(str(arrow) for pair, arrow in rooms.items() if set(pair) <= set(circle))
        + ". Move the file that both sides need to the lower one."
        for circle in find_circles(rooms)
    ]


def find_travellers(graph):
    """The files that the Hub copies into a checkpoint: those with the names it knows, and what these need."""
    waiting = [path for path in graph.modules if re.fullmatch(TRAVELLERS, path)]
    found = set()
    while waiting:
        path = waiting.pop()
        found.add(path)
        waiting += [arrow.target for arrow in graph.arrows if arrow.source == path and arrow.target not in found]
    return sorted(found)


def complain_of_luggage(graph):
    """One sentence per import that is not there where a checkpoint is loaded without this package."""
    complaints = []
    for path in find_travellers(graph):
        if re.fullmatch(r"modeling_supreme/\w+\.py", path) is None:
            complaints.append(f"{path} travels with checkpoints but lies outside of modeling_supreme/. Move it there.")
            continue
        for line, name in top_level_imports(graph.modules[path]):
            library = name.split(".")[0]
            is_neighbour = re.fullmatch(r"\.\w+\.\w+", name) is not None
            if not is_neighbour and library not in LIBRARIES_OF_TRAVELLERS | set(sys.stdlib_module_names):
                complaints.append(
                    f"{path}:{line} imports {name}, and travels with checkpoints. Import neighbours as"
                    " `from .x import y`, and other libraries within the function that needs them."
                )
    return complaints


def complain_of_borrowing(path, source):
    """One sentence per import of a module of tests, which runs with its own fixtures and is no place to share."""
    return [
        f"{path}:{node.lineno} imports from {node.module}. Move what tests share to tests/helpers/."
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.ImportFrom) and re.fullmatch(r"(test_\w+|conftest)", node.module or "")
    ]


def complain_of_full_folders(files, root):
    """One sentence per folder that is too full to be read at a glance."""
    counts = Counter(path.parent for path in files if path.name != "py.typed")
    most = {root / "modeling_supreme": MOST_TRAVELLING_FILES, root / "docs": MOST_PAGES}
    return [
        f"{folder.relative_to(root)}/ holds {count} files, more than {most.get(folder, MOST_FILES)}. Give those of one"
        " concern a folder."
        for folder, count in sorted(counts.items())
        if count > most.get(folder, MOST_FILES)
    ]


def complain_of_module(path, source):
    """Sentences on a module without a docstring, or that is too long."""
    is_model = path.parent.name == "modeling_supreme" and path.name.startswith("modeling_")
    most, num_lines = MOST_LINES_OF_A_MODEL if is_model else MOST_LINES, len(source.splitlines())
    complaints = []
    if source.strip() and not ast.get_docstring(ast.parse(source)):
        complaints.append(f"{path} has no docstring. Open it with one sentence that says what it is for.")
    if num_lines > most:
        complaints.append(f"{path} has {num_lines} lines, more than {most}. Split it where its concern changes.")
    return complaints


class TestImports:
    def test_no_arrow_runs_up(self, graph):
        assert complain_of_arrows_up(graph) == []

    def test_nobody_imports_a_command(self, graph):
        assert complain_of_arrows_to_commands(graph) == []

    def test_there_is_no_circle(self, graph):
        assert complain_of_circles(graph) == []

    def test_what_travels_with_a_checkpoint_travels_light(self, graph):
        assert complain_of_luggage(graph) == []

    def test_a_registered_corpus_is_an_arrow(self, graph):
        sources = {arrow.source for arrow in graph.arrows if arrow.target == "datasets_scripts/ptb_xl.py"}

        assert sources & {"datasets_scripts/__init__.py", "datasets_scripts/registry.py"}


class TestTests:
    @pytest.mark.parametrize("path", TEST_FILES, ids=lambda path: str(path.relative_to(ROOT)))
    def test_no_test_imports_from_another(self, path):
        assert complain_of_borrowing(path.relative_to(ROOT), path.read_text(encoding="utf-8")) == []


class TestFiles:
    def test_no_folder_is_too_full(self):
        assert complain_of_full_folders(FILES, ROOT) == []

    @pytest.mark.parametrize("path", PYTHON_FILES, ids=lambda path: str(path.relative_to(ROOT)))
    def test_a_module_says_what_it_is_and_is_short(self, path):
        assert complain_of_module(path.relative_to(ROOT), path.read_text(encoding="utf-8")) == []


def write_tree(root, files):
    """Files of a made-up repository, `{path: text}`."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


def arrows_of(root, files):
    """Pairs of files between which the graph of a made-up repository has an arrow."""
    return {(arrow.source, arrow.target) for arrow in read_graph(write_tree(root, files)).arrows}


class TestThisTest:
    """On a made-up tree, what is wrong is found."""

    @pytest.mark.parametrize(
        "code",
        [
            "from datasets_scripts.schema import leads\n",
            "import datasets_scripts.schema\n",
            "from datasets_scripts import schema\n",
            "def read():\n    from datasets_scripts.schema import leads\n",
            "if TYPE_CHECKING:\n    from datasets_scripts.schema import leads\n",
            "import importlib\nmodule = importlib.import_module('datasets_scripts.schema')\n",
        ],
        ids=["from", "import", "from package", "lazy", "type checking", "by name"],
    )
    def test_an_arrow_up_is_found_however_it_is_written(self, tmp_path, code):
        files = {
            "modeling_supreme/leads.py": code,
            "datasets_scripts/schema.py": "",
            "datasets_scripts/__init__.py": "",
        }

        complaints = complain_of_arrows_up(read_graph(write_tree(tmp_path, files)))

        assert len(complaints) == 1
        assert "-> datasets_scripts/schema.py: modeling_supreme lies below or beside rows and readers" in complaints[0]

    @pytest.mark.parametrize(
        "expression",
        [
            'Path(__file__).parents[1] / "simulator" / "waves.csv"',
            'Path(__file__).resolve().parent.parent / "simulator/waves.csv"',
            'Path(__file__).parent.with_name("simulator") / "waves.csv"',
        ],
    )
    def test_a_data_file_of_a_sibling_is_an_arrow_up(self, tmp_path, expression):
        files = {
            "datasets_scripts/extraction/words.py": f"table = open({expression})\n",
            "datasets_scripts/simulator/waves.csv": "",
        }

        complaints = complain_of_arrows_up(read_graph(write_tree(tmp_path, files)))

        assert [complaint.partition(": ")[0] for complaint in complaints] == [
            "datasets_scripts/extraction/words.py:1 -> datasets_scripts/simulator/waves.csv"
        ]

    def test_a_path_is_followed_through_the_names_it_gets(self, tmp_path):
        code = "ROOT = Path(__file__).parents[1]\nFOLDER = ROOT / 'configs'\ntext = (FOLDER / 'a.yaml').read_text()\n"
        files = {"benchmarks/gpu.py": code, "configs/a.yaml": ""}

        assert arrows_of(tmp_path, files) == {
            ("benchmarks/gpu.py", "configs/"),
            ("benchmarks/gpu.py", "configs/a.yaml"),
        }

    def test_a_table_of_names_is_an_arrow_to_each(self, tmp_path):
        registry = (
            'import importlib\ndef get(x): importlib.import_module(f"{__package__}.{x}")\nOURS = {"ptb_xl": "PtbXl"}\n'
        )
        files = {
            "datasets_scripts/registry.py": registry,
            "datasets_scripts/__init__.py": 'from .registry import OURS\nALL = OURS | {"report_labels": "train"}\n',
            "datasets_scripts/ptb_xl.py": "",
            "datasets_scripts/report_labels.py": "",
            "train.py": "",
        }

        assert arrows_of(tmp_path, files) == {
            ("datasets_scripts/registry.py", "datasets_scripts/ptb_xl.py"),
            ("datasets_scripts/__init__.py", "datasets_scripts/registry.py"),
            ("datasets_scripts/__init__.py", "datasets_scripts/report_labels.py"),
        }

    def test_a_metric_imports_the_library_and_not_the_script_of_its_name(self, tmp_path):
        files = {
            "metrics/auroc/auroc.py": "import evaluate\n",
            "evaluate.py": "",
            "training_scripts/a.py": "import evaluate\n",
        }

        assert arrows_of(tmp_path, files) == {("training_scripts/a.py", "evaluate.py")}

    def test_a_command_may_look_down_and_may_not_be_imported(self, tmp_path):
        command = 'from datasets_scripts.simulator import a\nif __name__ == "__main__":\n    a()\n'
        files = {
            "datasets_scripts/extraction/score.py": command,
            "datasets_scripts/simulator/__init__.py": "",
            "datasets_scripts/simulator/a.py": "",
            "train.py": "from datasets_scripts.extraction.score import main\n",
        }

        graph = read_graph(write_tree(tmp_path, files))

        assert complain_of_arrows_up(graph) == []
        assert [sentence.split(":")[0] for sentence in complain_of_arrows_to_commands(graph)] == ["train.py"]

    def test_a_circle_of_files_is_found(self, tmp_path):
        files = {
            "training_scripts/a.py": "from .b import x\n",
            "training_scripts/b.py": "def f():\n    from .a import y\n",
        }

        complaints = complain_of_circles(read_graph(write_tree(tmp_path, files)))

        assert len(complaints) == 1
        assert complaints[0].startswith("Files training_scripts/a.py, training_scripts/b.py need each other: ")

    def test_a_circle_of_folders_is_found_though_no_file_is_in_one(self, tmp_path):
        files = {
            "training_scripts/a/one.py": "from training_scripts.b.one import x\n",
            "training_scripts/a/two.py": "",
            "training_scripts/b/one.py": "",
            "training_scripts/b/two.py": "from training_scripts.a.two import x\n",
        }

        complaints = complain_of_circles(read_graph(write_tree(tmp_path, files)))

        assert len(complaints) == 1
        assert complaints[0].startswith("Folders training_scripts/a (training_scripts), training_scripts/b")

    def test_heavy_luggage_is_found_in_what_a_traveller_brings(self, tmp_path):
        files = {
            "modeling_supreme/modeling_x.py": "from .ecg_files import read\n",
            "modeling_supreme/ecg_files.py": "import pandas\ndef read():\n    import wfdb\n",
        }

        complaints = complain_of_luggage(read_graph(write_tree(tmp_path, files)))

        assert [complaint.partition(",")[0] for complaint in complaints] == [
            "modeling_supreme/ecg_files.py:1 imports pandas"
        ]

    def test_a_helper_borrowed_from_a_test_is_found(self):
        source = "from test_train import train\nfrom helpers.runs import start\nfrom conftest import ROOT\n"

        complaints = complain_of_borrowing(Path("tests/test_a.py"), source)

        assert [complaint.split(". ")[0] for complaint in complaints] == [
            "tests/test_a.py:1 imports from test_train",
            "tests/test_a.py:3 imports from conftest",
        ]

    def test_a_full_folder_is_found(self, tmp_path):
        files = write_tree(tmp_path, {f"datasets_scripts/corpus_{number}.py": "" for number in range(21)})

        assert complain_of_full_folders(list_files(files), tmp_path) == [
            "datasets_scripts/ holds 21 files, more than 20. Give those of one concern a folder."
        ]

    def test_what_travels_may_be_fuller(self, tmp_path):
        files = write_tree(tmp_path, {f"modeling_supreme/file_{number}.py": "" for number in range(28)})

        assert complain_of_full_folders(list_files(files), tmp_path) == [
            "modeling_supreme/ holds 28 files, more than 27. Give those of one concern a folder."
        ]

    def test_a_long_module_without_docstring_is_found(self):
        complaints = complain_of_module(Path("training_scripts/run/loop.py"), "x = 1\n" * 601)

        assert [complaint.split(".")[0] for complaint in complaints] == ["training_scripts/run/loop"] * 2

    def test_a_model_may_be_longer(self):
        source = '"""A model."""\n' + "x = 1\n" * 700

        assert complain_of_module(Path("modeling_supreme/modeling_melp.py"), source) == []
        assert len(complain_of_module(Path("modeling_supreme/leads.py"), source)) == 1

    def test_a_folder_without_a_layer_is_refused(self, tmp_path):
        with pytest.raises(ValueError, match=r"apps/demo\.py belongs to no layer.*Give its folder a place in LAYERS"):
            read_graph(write_tree(tmp_path, {"apps/demo.py": ""}))
