"""Docstrings with the marks of transformers become reStructuredText that says the same."""

import pytest
from helpers.pages.extensions import load_extension


markup = load_extension("docstring_markup")


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("A `strip` in mV.", "A ``strip`` in mV."),
        ("See [`SupremeModel`] and [`~leads.read_lead`].", "See ``SupremeModel`` and ``leads.read_lead``."),
        ("x (`int`, *optional*):", "x (``int``, *optional*):"),
        ("Takes *args, and a_ or |b|.", r"Takes \*args, and a\_ or \|b\|."),
        ("path (`str`), line (`int`):", "path, line (``str``, ``int``):"),
        ("`int`s of a row", r"``int``\ s of a row"),
        ("already ``code`` with stars", "already ``code`` with stars"),
    ],
    ids=["code", "name", "emphasis", "marks", "two names", "plural", "left alone"],
)
def test_a_line_of_prose(written, read):
    assert markup.convert_lines([written]) == [read]


def test_a_fence_is_a_block_of_code():
    assert markup.convert_lines(["Example:", "    ```python", "    a * b", "    ```"]) == [
        *("Example:", "", "    .. code-block:: python", "", "        a * b", ""),
    ]


def test_a_list_stands_alone():
    assert markup.convert_lines(["Returns:", "    - one", "    - two"]) == ["Returns:", "", "    - one", "    - two"]


def test_an_example_is_left_as_it_is():
    lines = [">>> f(*args)", "'a_'", "", "Then *this*."]

    assert markup.convert_lines(lines) == lines
