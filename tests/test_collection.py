"""Every test that is written is run: no test hides where pytest does not look for it."""

import ast
import re
from collections import Counter
from pathlib import Path

import pytest


TESTS = Path(__file__).parent
TEST_FILES = sorted(TESTS.rglob("*.py"))


def find_hidden_tests(source):
    """One sentence per test of a module that pytest would not run."""
    tree = ast.parse(source)
    classes = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    outside = [
        f"method {name} stands in {cls.name}, which is no Test class"
        for cls in classes
        if not cls.name.startswith("Test")
        for name in names_of(cls)
        if name.startswith("test_")
    ]
    nameless = [
        f"{function.name} is parametrized but not called test_*"
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        and not function.name.startswith("test_")
        and any("parametrize" in ast.unparse(decorator) for decorator in function.decorator_list)
    ]
    repeated = [
        f"{name} is defined {count} times"
        for scope in (tree, *classes)
        for name, count in Counter(names_of(scope)).items()
        if count > 1
    ]
    return outside + nameless + repeated


def names_of(scope):
    """Names of the functions and classes defined directly in a module or class."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return [node.name for node in scope.body if isinstance(node, kinds)]


@pytest.mark.parametrize("path", TEST_FILES, ids=lambda path: path.name)
def test_no_test_of_this_file_is_hidden(path):
    assert find_hidden_tests(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("path", TEST_FILES, ids=lambda path: path.name)
def test_a_file_of_tests_is_named_so_that_pytest_collects_it(path):
    assert path.name.startswith("test_") or not re.search(
        r"(?:def test_|class Test)", path.read_text(encoding="utf-8")
    )


@pytest.mark.parametrize("path", TEST_FILES, ids=lambda path: path.name)
def test_the_file_opens_with_its_claim(path):
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize("path", TEST_FILES, ids=lambda path: path.name)
def test_every_expected_error_is_matched_by_its_message(path):
    calls = [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]
    raises = [call for call in calls if getattr(call.func, "attr", "") == "raises"]  # writing out all takes seconds
    expected_errors = [call for call in raises if ast.unparse(call.func) == "pytest.raises"]

    unmatched = [call.lineno for call in expected_errors if "match" not in {word.arg for word in call.keywords}]

    assert unmatched == []


def test_a_method_outside_a_test_class_is_found():
    source = "class Leads:\n    def test_order(self): ...\n"

    assert find_hidden_tests(source) == ["method test_order stands in Leads, which is no Test class"]


def test_a_parametrized_function_without_the_prefix_is_found():
    source = "@pytest.mark.parametrize('lead', [])\ndef order(lead): ...\n"

    assert find_hidden_tests(source) == ["order is parametrized but not called test_*"]


@pytest.mark.parametrize(
    "source",
    ["def test_a(): ...\ndef test_a(): ...\n", "class TestA:\n    def test_a(self): ...\n    def test_a(self): ...\n"],
    ids=["module", "class"],
)
def test_a_name_defined_twice_is_found(source):
    assert find_hidden_tests(source) == ["test_a is defined 2 times"]


def test_an_ordinary_file_has_no_hidden_tests():
    assert find_hidden_tests("def make(): ...\ndef test_a(): ...\nclass TestB:\n    def test_a(self): ...\n") == []
