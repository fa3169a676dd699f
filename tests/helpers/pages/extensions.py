"""The modules beside the pages, which Sphinx loads, for tests."""

import functools
import importlib.util
import sys

from helpers.repository import ROOT


def load_extension(name):
    """A module of docs/extensions, under the name that its neighbours import it by."""
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, ROOT / "docs" / "extensions" / f"{name}.py")
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
    return sys.modules[name]


@functools.cache
def read_all_messages():
    """The messages of the packages, read once for all tests."""
    return load_extension("messages").read_messages()
