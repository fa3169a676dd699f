"""What imports what in this repository, from the source alone: `python tests/import_graph.py` prints the count.

An arrow goes from a file to a file it needs: by an import at the top, within a function or for type checkers alone, by
a name that is imported when it is asked for (the table of corpora), or by a data file opened by its place.
"""

import ast
import functools
import re
import sys
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple, TypeGuard


ROOT = Path(__file__).resolve().parents[1]
# Folders that hold no code of the repository
SKIPPED_FOLDERS = {"api", "build", "dist", "fixtures", "node_modules", "runs", "__pycache__"}
COMMANDS = "commands"


class Layer(NamedTuple):
    """Files that may import each other and what lies below.

    Attributes:
        name (`str`):
            What messages call it.
        height (`int`):
            From below; layers of one height are siblings, with no arrow between them.
        patterns (`tuple[str, ...]`):
            Regular expressions for the paths of its files.
    """

    name: str
    height: int
    patterns: tuple[str, ...]


# From below. A file belongs to the first layer with a pattern that matches its whole path.
LAYERS = (
    Layer("public names", 0, (r"modeling_supreme/__init__\.py",)),
    Layer("modeling_supreme", -1, (r"modeling_supreme/.*",)),
    Layer(
        "rows and readers", 1, (r"datasets_scripts/(schema|page|splits|collator)\.py", r"datasets_scripts/readers/.*")
    ),
    Layer("terminology", 2, (r"datasets_scripts/terminology/.*",)),
    Layer("simulator", 3, (r"datasets_scripts/simulator/.*",)),
    Layer("definitions by models", 4, (r"datasets_scripts/extraction/definitions/.*",)),  # tried on simulated records
    Layer("extraction", 3, (r"datasets_scripts/extraction/.*",)),
    Layer("registry of corpora", 5, (r"datasets_scripts/__init__\.py",)),
    Layer("corpora", 4, (r"datasets_scripts/[^/]*",)),
    Layer("prepare", 6, (r"datasets_scripts/prepare/.*",)),
    Layer(COMMANDS, 7, ()),
    Layer("evaluation_scripts", 8, (r"evaluation_scripts/.*",)),
    Layer("training_scripts", 9, (r"training_scripts/.*",)),
    Layer("metrics", 10, (r"metrics/.*",)),
    Layer("configs", 10, (r"configs/.*",)),
    Layer("scripts", 11, (r"[^/]*",)),
    Layer("what tests share", 11, (r"tests/.*",)),  # a benchmark may damage the files that tests write
    Layer("benchmarks", 12, (r"benchmarks/.*",)),
    Layer("documentation", 12, (r"docs/.*",)),
    Layer("examples", 12, (r"examples/.*",)),
)


class Arrow(NamedTuple):
    """One file needs another; paths are relative to the root, with slashes.

    Attributes:
        source (`str`), line (`int`):
            The file that needs, and where it says so.
        target (`str`):
            What it needs: a module, a data file, or a folder, which ends in a slash.
    """

    source: str
    line: int
    target: str

    def __str__(self) -> str:
        return f"{self.source}:{self.line} -> {self.target}"


class Graph(NamedTuple):
    """Files and arrows of a repository.

    Attributes:
        modules (`dict[str, ast.Module]`):
            The syntax tree of every Python file outside `tests/`, by path.
        arrows (`tuple[Arrow, ...]`):
            What needs what, each pair of files once.
        layers (`dict[str, Layer]`):
            Where each file stands.
    """

    modules: dict[str, ast.Module]
    arrows: tuple[Arrow, ...]
    layers: dict[str, Layer]

    def arrows_up(self) -> list[Arrow]:
        """Arrows to a higher layer, or to a sibling."""
        pairs = ((arrow, self.layers[arrow.source], self.layers[arrow.target]) for arrow in self.arrows)
        return [arrow for arrow, mine, other in pairs if mine != other and other.height >= mine.height]

    def arrows_to_commands(self) -> list[Arrow]:
        """Arrows to a module that is there to be started."""
        return [arrow for arrow in self.arrows if self.layers[arrow.target].name == COMMANDS]

    def circles(self) -> list[list[str]]:
        """Files that reach themselves."""
        return find_circles((arrow.source, arrow.target) for arrow in self.arrows)

    def room_of(self, path: str) -> str:
        """The folder of a file; its layer beside it where files of several layers share the folder."""
        folder = path.rpartition("/")[0] or "."
        return f"{folder} ({self.layers[path].name})"

    def room_arrows(self) -> dict[tuple[str, str], Arrow]:
        """One arrow for each pair of rooms that has any."""
        pairs = {}
        for arrow in self.arrows:
            pair = self.room_of(arrow.source), self.room_of(arrow.target)
            if pair[0] != pair[1]:
                pairs.setdefault(pair, arrow)
        return pairs


def read_graph(root: Path = ROOT) -> Graph:
    """Read every Python file below a root, those of the tests left out."""
    modules = {
        path.relative_to(root).as_posix(): ast.parse(path.read_text(encoding="utf-8"))
        for path in list_files(root)
        if path.suffix == ".py" and path.relative_to(root).parts[0] != "tests"
    }
    found: dict[tuple[str, str], Arrow] = {}
    for source, tree in modules.items():
        for line, target in [*_imports(source, tree, modules), *_opened_files(source, tree, root)]:
            found.setdefault((source, target), Arrow(source, line, target))
    importers = {path for path, tree in modules.items() if any(_is_import_call(node) for node in ast.walk(tree))}
    # Who imports such a module may hand it a table of its own.
    for source in importers | {source for source, target in found if target in importers}:
        for line, target in _imports_by_name(source, modules[source], modules):
            found.setdefault((source, target), Arrow(source, line, target))
    arrows = tuple(sorted(arrow for arrow in found.values() if arrow.source != arrow.target))
    paths = {*modules, *(arrow.target for arrow in arrows)}
    layers = {path: find_layer(path, is_command=path in modules and ends_as_command(modules[path])) for path in paths}
    return Graph(modules, arrows, layers)


def list_files(root: Path) -> list[Path]:
    """Files of a repository, without hidden ones and what tools leave behind."""
    found = []
    for path in sorted(root.iterdir()):
        if path.name.startswith(".") or path.name in SKIPPED_FOLDERS or path.name.endswith(".egg-info"):
            continue
        found += list_files(path) if path.is_dir() else [path]
    return found


def find_layer(path: str, *, is_command: bool = False) -> Layer:
    """The layer of a file; a command of the corpora has its own, wherever it lies."""
    if is_command and path.startswith("datasets_scripts/"):
        return next(layer for layer in LAYERS if layer.name == COMMANDS)
    for layer in LAYERS:
        if any(re.fullmatch(pattern, path) for pattern in layer.patterns):
            return layer
    raise ValueError(f"{path} belongs to no layer. Give its folder a place in LAYERS of {Path(__file__).name}.")


def ends_as_command(tree: ast.Module) -> bool:
    """Whether a module ends in `if __name__ == "__main__":`."""
    return any(isinstance(node, ast.If) and ast.unparse(node.test) == "__name__ == '__main__'" for node in tree.body)


def find_circles(pairs: Iterable[tuple[str, str]]) -> list[list[str]]:
    """Groups of names each of which reaches all others of its group.

    Example:
        >>> find_circles([("a", "b"), ("b", "c"), ("c", "a"), ("c", "d")])
        [['a', 'b', 'c']]
    """
    targets = {}
    for source, target in pairs:
        targets.setdefault(source, set()).add(target)

    @functools.cache
    def reach(start: str) -> frozenset[str]:
        seen, waiting = set(), [start]
        while waiting:
            new = targets.get(waiting.pop(), set()) - seen
            seen |= new
            waiting += new
        return frozenset(seen)

    circles = {tuple(sorted(name for name in reach(start) if start in reach(name))) for start in targets}
    return [list(circle) for circle in sorted(circles) if circle]


def top_level_imports(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Line and dotted name of what runs on import, within `if` and `try` too; relative names keep their dots."""
    waiting = list(tree.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        yield from ((node.lineno, name) for name in _names(node))
        waiting += ast.iter_child_nodes(node)


def _names(node: ast.AST) -> list[str]:
    """Dotted names in an import statement; of `from a import b` it is `a.b`, module or not."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        start = "." * node.level + (node.module or "")
        return [f"{start}.{alias.name}" if node.module else f"{start}{alias.name}" for alias in node.names]
    return []


def _imports(source: str, tree: ast.Module, modules: Collection[str]) -> Iterator[tuple[int, str]]:
    """Line and path of the modules that the import statements of a module name, wherever in it."""
    for node in ast.walk(tree):
        for name in _names(node):
            target = _resolve(name, source, modules)
            if target is not None:
                yield getattr(node, "lineno", 1), target


def _imports_by_name(source: str, tree: ast.Module, modules: Collection[str]) -> Iterator[tuple[int, str]]:
    """Line and path of the modules named by strings: what `import_module` is called with, and entries of tables."""
    for node in ast.walk(tree):
        strings: list[ast.expr | None] = []
        if isinstance(node, ast.Dict):
            strings = [*node.keys, *node.values]
        elif _is_import_call(node):
            strings = [*node.args]
        for string in strings:
            name = string.value if isinstance(string, ast.Constant) and isinstance(string.value, str) else ""
            for place in (name.replace(".", "/"), f"{source.rpartition('/')[0]}/{name}"):
                if f"{place}.py" in modules and "/" in place:
                    yield node.lineno, f"{place}.py"


def _is_import_call(node: ast.AST) -> TypeGuard[ast.Call]:
    """Whether a node calls `importlib.import_module`."""
    return isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module")


def _resolve(name: str, source: str, modules: Collection[str]) -> str | None:
    """The file of this repository that a dotted name stands for, if any."""
    folder = source.split("/")[:-1]
    parts = name.lstrip(".").split(".")
    level = len(name) - len(name.lstrip("."))
    if source.startswith("metrics/") and parts[0] == "evaluate":
        return None  # the library that loads these files, never the script of this name
    # A script also sees its neighbours; a module of a package does not.
    starts = [[]] if "/".join([*folder, "__init__.py"]) in modules else [[], folder]
    if level:
        starts = [folder[: len(folder) - level + 1]]
    for start in starts:
        # The longest name that is a module: the rest are names in it
        for end in range(len(parts), -1 if level else 0, -1):
            stem = "/".join([*start, *parts[:end]])
            for path in (f"{stem}.py", f"{stem}/__init__.py"):
                if path in modules:
                    return path
    return None


def _opened_files(source: str, tree: ast.Module, root: Path) -> Iterator[tuple[int, str]]:
    """Line and path of the files and folders that a module finds from its own place."""
    known: dict[str, Path] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            place = _evaluate(node.value, root / source, known)
            if place is not None:
                known[node.targets[0].id] = place
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        place = _evaluate(node, root / source, known) if isinstance(node, ast.expr) else None
        if place is None:
            waiting += ast.iter_child_nodes(node)
        elif place.exists() and root in place.parents and place not in (root / source).parents:
            yield node.lineno, place.relative_to(root).as_posix() + "/" * place.is_dir()


def _evaluate(node: ast.expr, own_path: Path, known: dict[str, Path]) -> Path | None:
    """What an expression of paths comes to, such as `Path(__file__).parents[1] / "table.csv"`."""
    if isinstance(node, ast.Name):
        return known.get(node.id)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
        return _join(_evaluate(node.left, own_path, known), [node.right])
    if isinstance(node, ast.Attribute) and node.attr == "parent":
        place = _evaluate(node.value, own_path, known)
        return place and place.parent
    if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Attribute) and node.value.attr == "parents":
        place = _evaluate(node.value.value, own_path, known)
        is_literal = isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, int)
        return place.parents[node.slice.value] if place and is_literal else None
    return _evaluate_call(node, own_path, known) if isinstance(node, ast.Call) else None


def _evaluate_call(node: ast.Call, own_path: Path, known: dict[str, Path]) -> Path | None:
    """The same for a call."""
    if ast.unparse(node.func) in ("Path", "pathlib.Path", "files", "resources.files", "importlib.resources.files"):
        own = {"__file__": own_path, "__package__": own_path.parent, "__name__": own_path.parent}
        return own.get(ast.unparse(node.args[0])) if len(node.args) == 1 else None
    if not isinstance(node.func, ast.Attribute):
        return None
    place = _evaluate(node.func.value, own_path, known)
    if node.func.attr in ("resolve", "absolute"):
        return place
    if node.func.attr == "joinpath":
        return _join(place, node.args)
    return _join(place and place.parent, node.args) if node.func.attr == "with_name" else None


def _join(folder: Path | None, names: list[ast.expr]) -> Path | None:
    """A path below a folder, if all parts are spelled out."""
    if folder is None or not all(isinstance(name, ast.Constant) and isinstance(name.value, str) for name in names):
        return None
    return folder.joinpath(*(name.value for name in names if isinstance(name, ast.Constant)))


def describe(graph: Graph) -> str:
    """The count, and what is wrong, in lines."""
    rooms = {graph.room_of(path) for path in graph.modules}
    room_circles = find_circles(graph.room_arrows())
    wrong = [f"up: {arrow}" for arrow in graph.arrows_up()]
    wrong += [f"to a command: {arrow}" for arrow in graph.arrows_to_commands()]
    wrong += [f"circle: {', '.join(circle)}" for circle in [*graph.circles(), *room_circles]]
    counts = (
        f"{len(graph.modules)} files in {len(rooms)} rooms; {len(graph.arrows)} arrows between files,"
        f" {len(graph.room_arrows())} between rooms; {len(graph.arrows_up())} arrows up,"
        f" {len(graph.circles())} circles of files, {len(room_circles)} circles of rooms"
    )
    return "\n".join([counts, *wrong])


if __name__ == "__main__":
    sys.stdout.write(describe(read_graph()) + "\n")
