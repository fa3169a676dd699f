"""Every message that the packages raise, warn of or log, from their source.

    python docs/extensions/messages.py "some words of a message"

A message is found as it is written: literal text, with `…` where a value stands. Text that reaches an exception
through a name, a branch or a function is followed there. What a message only passes on, such as the sentence of
another error, is found where that sentence is written.
"""

import ast
import builtins
import functools
import itertools
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple


ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("modeling_supreme", "datasets_scripts", "training_scripts", "evaluation_scripts", "metrics")
SCRIPTS = ("train.py", "evaluate.py", "demo.py", "app.py")
LOGGED = {"warning": "warning", "warning_once": "warning", "warn": "warning", "error": "error", "info": "note"}
VALUE = "…"
MIN_LETTERS = 6  # of fixed text: with fewer a message is what it passes on
MIN_BLANKS = 2  # between words: "The recording" is a part of a message
MAX_DEPTH, MAX_WORDINGS, MAX_NAMESAKES = 4, 24, 3


class Message(NamedTuple):
    """Something that the packages may say.

    Attributes:
        text (`str`):
            As it is written, with `…` for each value.
        kind (`str`):
            The exception, or `"warning"`, `"error"` or `"note"` of the log.
        path (`str`), line (`int`):
            Where it is written, from the root of the repository.
        function (`str`):
            Who says it; empty at the top of a module.
        purpose (`str`):
            The first sentence of that function's docstring.
    """

    text: str
    kind: str
    path: str
    line: int
    function: str
    purpose: str

    def is_in(self, text: str) -> bool:
        """Whether a text, such as a traceback in one line, may hold it: its fixed parts, in their order."""
        place = 0
        for part in filter(None, self.text.split(VALUE)):
            place = text.find(part, place) + len(part)
            if place < len(part):
                return False
        return True

    @property
    def num_fixed(self) -> int:
        """Characters that do not depend on values."""
        return len(self.text.replace(VALUE, ""))


class Site(NamedTuple):
    """A place in the source that raises or logs.

    Attributes:
        path (`str`), line (`int`):
            Where it is.
        messages (`tuple[Message, ...]`):
            What is said there; empty where the text of another error is passed on.
    """

    path: str
    line: int
    messages: tuple[Message, ...]


def read_messages(root: Path = ROOT) -> list[Message]:
    """All messages of the packages and scripts below a root, in the order of files and lines, each wording once."""
    found = {
        (message.path, message.text): message
        for site in read_sites(root)
        for message in site.messages
        if has_fixed_text(message.text)
    }
    return list(found.values())


def read_sites(root: Path = ROOT) -> list[Site]:
    """All places below a root that raise or log."""
    files = [path for package in PACKAGES for path in sorted((root / package).rglob("*.py"))]
    files += [root / name for name in SCRIPTS if (root / name).exists()]
    trees = {path.relative_to(root).as_posix(): ast.parse(path.read_text(encoding="utf-8")) for path in files}
    house = House.read(trees)
    return [site for path, tree in trees.items() for site in ModuleReader(path, tree, house).read()]


@functools.cache
def walk(node: ast.AST) -> tuple[ast.AST, ...]:
    """A node and all below it, from above; kept, because the same functions are looked into again and again."""
    return tuple(ast.walk(node))


def has_fixed_text(text: str) -> bool:
    """Whether a message says something by itself, whatever its values are."""
    return sum(character.isalpha() for character in text) >= MIN_LETTERS


def find_messages(text: str, messages: Iterable[Message]) -> list[Message]:
    """The messages that a text may be, the most exact first.

    Args:
        text (`str`):
            A message as it was shown, a line that holds it, or some words of it.
        messages (`Iterable[Message]`):
            What to look among.
    """
    text, messages = _one_line(text), list(messages)
    said = [message for message in messages if message.is_in(text)]
    if not said:
        said = [message for message in messages if text.lower() in message.text.lower()]
    return sorted(said, key=lambda message: -message.num_fixed)


class House(NamedTuple):
    """What modules know of each other.

    Attributes:
        exceptions (`set[str]`):
            Names of all exceptions.
        functions (`dict[str, list[tuple[str, ast.FunctionDef]]]`):
            Functions and methods by name, each with the path of its module.
        kinds (`dict[str, str]`):
            The exception behind the name of a function that makes or raises what it is told.
        constants (`dict[str, list[ast.expr]]`):
            Values of the names in capitals at the top of modules.
    """

    exceptions: set[str]
    functions: dict[str, list[tuple[str, ast.FunctionDef]]]
    kinds: dict[str, str]
    constants: dict[str, list[ast.expr]]

    @classmethod
    def read(cls, trees: Mapping[str, ast.Module]) -> "House":
        """What is in all modules, by path."""
        nodes = [(path, node) for path, tree in trees.items() for node in walk(tree)]
        functions: dict[str, list[tuple[str, ast.FunctionDef]]] = {}
        for path, node in nodes:
            if isinstance(node, ast.FunctionDef):
                functions.setdefault(node.name, []).append((path, node))
        exceptions = find_exceptions([node for _, node in nodes if isinstance(node, ast.ClassDef)])
        constants: dict[str, list[ast.expr]] = {}
        for step in (step for tree in trees.values() for step in tree.body if isinstance(step, ast.Assign)):
            for target in step.targets:
                if isinstance(target, ast.Name) and target.id.isupper():
                    constants.setdefault(target.id, []).append(step.value)
        each = [(name, function) for name, those in functions.items() for _, function in those]
        kinds = {name: kind for name, function in each if (kind := _raised_by(function, exceptions))}
        return cls(exceptions, functions, kinds, constants)

    def only_function(self, name: str) -> ast.FunctionDef | None:
        """The function of a name; `None` where there is none, or more than one."""
        those = self.functions.get(name, [])
        return those[0][1] if len(those) == 1 else None


def find_exceptions(classes: Iterable[ast.ClassDef]) -> set[str]:
    """Names of all exceptions: those of Python, and classes that extend one."""
    names = {name for name, value in vars(builtins).items() if _is_exception(value)}
    classes = list(classes)
    while True:
        new = {node.name for node in classes if any(_last_name(base) in names for base in node.bases)} - names
        if not new:
            return names
        names |= new


class ModuleReader:
    """Reads the messages of one module."""

    def __init__(self, path: str, tree: ast.Module, house: House) -> None:
        self._path = path
        self._tree = tree
        self._house = house
        own = [node for node in walk(tree) if isinstance(node, ast.FunctionDef)]
        self._own = {node.name: node for node in own}
        self._owners = {node: function for function in own for node in walk(function) if node is not function}
        self._classes = {member: node for node in walk(tree) if isinstance(node, ast.ClassDef) for member in node.body}

    def read(self) -> Iterator[Site]:
        """Every place that raises, makes an exception or logs."""
        for node in walk(self._tree):
            if isinstance(node, ast.Raise) and node.exc is not None:
                yield self._site(node, node.exc, _last_name(node.exc))
            elif isinstance(node, ast.Call):
                name = _last_name(node)
                if name in self._house.exceptions or name in self._house.kinds:
                    yield self._site(node, node, name)
                elif name == "__init__" and (owner := self._exception_around(node)):
                    yield self._site(node, node, owner)
                elif isinstance(node.func, ast.Attribute) and name in LOGGED and _is_logger(node.func.value):
                    yield self._site(node, node, LOGGED[name])

    def _site(self, node: ast.Raise | ast.Call, said: ast.expr, kind: str) -> Site:
        function = self._owners.get(node)
        arguments = [*said.args, *(word.value for word in said.keywords)] if isinstance(said, ast.Call) else [said]
        texts = [text for argument in arguments for text in self._wordings(argument, function, 0)]
        if kind in self._house.kinds:
            texts += self._returned(kind, 0)  # a function that makes the exception has most of its words
            kind = self._house.kinds[kind]
        elif kind not in self._house.exceptions | set(LOGGED.values()):
            kind = "Exception"  # one that was made elsewhere
        messages = make_messages(texts, kind, self._path, node.lineno, function)
        return Site(self._path, node.lineno, tuple(messages or self._elsewhere(said, kind)))

    def _exception_around(self, node: ast.Call) -> str:
        """The exception in whose own methods a call stands, by which it composes its text; else empty."""
        method = self._owners.get(node)
        owner = self._classes.get(method) if method is not None else None
        return owner.name if owner is not None and owner.name in self._house.exceptions else ""

    def _elsewhere(self, said: ast.expr, kind: str) -> list[Message]:
        """What is logged of an object by a method of its own, such as `account.line()`: said where that is written."""
        calls = [node for node in walk(said) if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)]
        places = [place for node in calls for place in self._house.functions.get(_last_name(node), ())]
        return [
            message
            for path, function in places[:MAX_NAMESAKES]
            for step in walk(function)
            if isinstance(step, ast.Return)
            for message in make_messages(self._wordings(step.value, function, 1), kind, path, step.lineno, function)
        ]

    def _wordings(self, node: ast.expr | None, function: ast.FunctionDef | None, depth: int) -> list[str]:
        """What an expression may say."""
        if node is None or depth > MAX_DEPTH:
            return []
        if isinstance(node, ast.Constant):
            return [node.value] if isinstance(node.value, str) else []
        if isinstance(node, ast.JoinedStr):
            return self._joined([self._part(part, function, depth) for part in node.values])
        if isinstance(node, ast.BinOp):
            return self._computed(node, function, depth)
        if isinstance(node, ast.IfExp | ast.BoolOp):
            branches = [node.body, node.orelse] if isinstance(node, ast.IfExp) else node.values
            texts = [text for branch in branches for text in self._wordings(branch, function, depth + 1) or [VALUE]]
            return texts if set(texts) != {VALUE} else []
        if isinstance(node, ast.Name):
            values = self._assigned(node.id, function)
            return [text for value in values for text in self._wordings(value, function, depth + 1)]
        if isinstance(node, ast.Subscript):
            return self._wordings(node.value, function, depth + 1)
        if isinstance(node, ast.Dict | ast.Tuple | ast.List):
            members = node.values if isinstance(node, ast.Dict) else node.elts
            return [text for member in members for text in self._wordings(member, function, depth + 1)]
        return self._called(node, function, depth) if isinstance(node, ast.Call) else []

    def _part(self, part: ast.expr, function: ast.FunctionDef | None, depth: int) -> list[str]:
        """What a part of an f-string may say: text, a choice between texts, or a value."""
        if isinstance(part, ast.Constant):
            return [str(part.value)]
        value = part.value if isinstance(part, ast.FormattedValue) else part
        branches = [value.body, value.orelse] if isinstance(value, ast.IfExp) else [value]
        texts = [text for branch in branches for text in self._wordings(branch, function, depth + 1) or [VALUE]]
        return list(dict.fromkeys(texts))

    def _joined(self, parts: list[list[str]]) -> list[str]:
        """All texts that are made of one wording of each part."""
        return ["".join(words) for words in itertools.islice(itertools.product(*parts), MAX_WORDINGS)]

    def _computed(self, node: ast.BinOp, function: ast.FunctionDef | None, depth: int) -> list[str]:
        """What a sum of texts may say, or a template with `%`."""
        left = self._wordings(node.left, function, depth + 1)
        if isinstance(node.op, ast.Mod):
            return [_without_template(text) for text in left]
        right = self._wordings(node.right, function, depth + 1)
        return self._joined([left or [VALUE], right or [VALUE]]) if left or right else []

    def _called(self, node: ast.Call, function: ast.FunctionDef | None, depth: int) -> list[str]:
        """What a call may return: a template that is filled, or what a function of this module says."""
        name = _last_name(node)
        if isinstance(node.func, ast.Attribute) and name == "join" and isinstance(node.args[0], ast.List | ast.Tuple):
            between = (self._wordings(node.func.value, function, depth + 1) or [VALUE])[0]
            members = [(self._wordings(part, function, depth + 1) or [VALUE])[0] for part in node.args[0].elts]
            return [between.join(members)]
        if isinstance(node.func, ast.Attribute) and name in ("format", "replace", "strip"):
            texts = self._wordings(node.func.value, function, depth + 1)
            return [re.sub(r"\{[^{}]*\}", VALUE, text) for text in texts]
        arguments = node.args if name in self._house.exceptions or name in self._house.kinds else []
        return self._returned(name, depth) + [
            text for argument in arguments for text in self._wordings(argument, function, depth + 1)
        ]

    def _returned(self, name: str, depth: int) -> list[str]:
        """What a function of this module may return."""
        if depth > MAX_DEPTH:
            return []
        called = self._own.get(name) or self._house.only_function(name)
        return [
            text
            for step in (walk(called) if called else ())
            if isinstance(step, ast.Return | ast.Yield)
            for text in self._wordings(step.value, called, depth + 1)
        ]

    def _assigned(self, name: str, function: ast.FunctionDef | None) -> list[ast.expr]:
        """What a name is bound to in a function, or at the top of the module."""
        for scope in filter(None, (function, self._tree)):
            steps = walk(scope) if scope is function else iter(self._tree.body)
            values = [value for step in steps for value in _values_of(step, name)]
            if values:
                return values
        return self._house.constants.get(name, [])


def _values_of(step: ast.AST, name: str) -> list[ast.expr]:
    """The values that a statement binds to a name."""
    if isinstance(step, ast.Assign):
        return [value for target in step.targets for value in _matched(target, step.value, name)]
    if isinstance(step, ast.AnnAssign | ast.AugAssign | ast.NamedExpr):
        return [step.value] if step.value is not None and _last_name(step.target) == name else []
    return []


def _matched(target: ast.expr, value: ast.expr, name: str) -> list[ast.expr]:
    """The value that a target gives to a name; of several targets, that in its place."""
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple) and len(target.elts) == len(value.elts):
        pairs = zip(target.elts, value.elts, strict=True)
        return [found for one, its in pairs for found in _matched(one, its, name)]
    return [value] if isinstance(target, ast.Name) and target.id == name else []


def make_messages(
    texts: Iterable[str], kind: str, path: str, line: int, function: ast.FunctionDef | None
) -> list[Message]:
    """What of some texts is a sentence, each once."""
    purpose = (ast.get_docstring(function) or "").partition("\n\n")[0] if function else ""
    name = function.name if function else ""
    texts = map(_without_template, texts) if kind in LOGGED.values() else texts
    sentences = [text for text in dict.fromkeys(map(_one_line, texts)) if text.count(" ") >= MIN_BLANKS]
    return [Message(text, kind, path, line, name, _one_line(purpose)) for text in sentences]


def _raised_by(function: ast.FunctionDef, exceptions: set[str]) -> str:
    """The exception that a function returns for others to raise, or ends in with a word of its caller; else empty."""
    for node in walk(function):
        if isinstance(node, ast.Return) and isinstance(node.value, ast.Call) and _last_name(node.value) in exceptions:
            return _last_name(node.value)
    told = {argument.arg for argument in [*function.args.args, *function.args.kwonlyargs]}
    last = function.body[-1]
    if not isinstance(last, ast.Raise) or last.exc is None or function.name.startswith("__"):
        return ""
    is_told = any(isinstance(node, ast.Name) and node.id in told for node in walk(last))
    return _last_name(last.exc) if is_told and _last_name(last.exc) in exceptions else ""


def _is_exception(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, BaseException)


def _is_logger(node: ast.expr) -> bool:
    """Whether something logs or warns, by its name."""
    return _last_name(node).strip("_") in ("logger", "log", "logging", "warnings")


def _last_name(node: ast.AST) -> str:
    """The last name of `a.b.c` or of what is called; empty for anything else."""
    if isinstance(node, ast.Call):
        return _last_name(node.func)
    return getattr(node, "attr", getattr(node, "id", ""))


def _without_template(text: str) -> str:
    """A template with `%`, with `…` where values go."""
    return re.sub(r"%[-.\d]*[srdfg]", VALUE, text).replace("%%", "%")


def _one_line(text: str) -> str:
    """A text without line breaks, with values that follow each other as one."""
    return re.sub(rf"{VALUE}(\s*{VALUE})+", VALUE, re.sub(r"\s+", " ", text)).strip()


if __name__ == "__main__":
    for known in find_messages(" ".join(sys.argv[1:]), read_messages())[:3]:
        sys.stdout.write(f"{known.path}:{known.line} ({known.kind}) {known.purpose}\n    {known.text}\n")
