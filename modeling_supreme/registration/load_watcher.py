"""Registers classes with transformers as soon as either side is loaded: importing this package loads neither.

PyTorch, and what transformers loads for a model, take seconds. They are spent by those who ask for a model, and not by
a command that prints its flags or reads a header. Python asks the finders on `sys.meta_path` for each module that is
loaded; the one here finds nothing itself, but notices when a module is loaded that a registration waits for.
"""

import importlib.util
import sys
from collections.abc import Callable, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import NamedTuple


class Registration(NamedTuple):
    """What is done once modules are there.

    Attributes:
        modules (`frozenset[str]`):
            Names of the modules: of transformers the one that keeps the registry, of this package those with classes.
        register (`Callable`):
            Loads those that are missing and registers the classes.
    """

    modules: frozenset[str]
    register: Callable[[], None]


class LoadWatcher(MetaPathFinder):
    """Runs each registration when one of its modules is loaded, and none is half loaded."""

    def __init__(self) -> None:
        self._waiting: list[Registration] = []
        self._loading: set[str] = set()
        self._searched: set[str] = set()

    def add(self, modules: Sequence[str], register: Callable[[], None]) -> None:
        """Register now, if one of the modules is loaded already, or when one is."""
        self._waiting.append(Registration(frozenset(modules), register))
        self._run_ready()

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> ModuleSpec | None:
        """What the other finders find for a module that is waited for, with a loader that says when it is done."""
        is_awaited = any(fullname in registration.modules for registration in self._waiting)
        if not is_awaited or fullname in self._searched:
            return None
        self._searched.add(fullname)
        try:
            spec = importlib.util.find_spec(fullname)  # asks all finders, this one again
        finally:
            self._searched.discard(fullname)
        if spec is not None and spec.loader is not None:
            spec.loader = _TellingLoader(spec.loader, self._load)
        return spec

    def _load(self, loader: Loader, module: ModuleType) -> None:
        self._loading.add(module.__name__)
        try:
            loader.exec_module(module)
        finally:
            self._loading.discard(module.__name__)
        self._run_ready()

    def _run_ready(self) -> None:
        """A registration may load modules on which others wait: each is taken off the list before it is run."""
        for registration in tuple(self._waiting):
            is_loaded = any(name in sys.modules for name in registration.modules)
            if registration in self._waiting and is_loaded and not registration.modules & self._loading:
                self._waiting.remove(registration)
                registration.register()


class _TellingLoader(Loader):
    """Stands for the loader of a module until that is loaded."""

    def __init__(self, loader: Loader, load: Callable[[Loader, ModuleType], None]) -> None:
        self._loader, self._load = loader, load

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        module.__loader__ = self._loader
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        self._load(self._loader, module)
