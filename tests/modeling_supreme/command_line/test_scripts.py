"""Scripts that add flags one by one name a mistyped one, too; and every script of the benchmarks is such a one."""

import pytest
from helpers.repository import ROOT

from modeling_supreme.command_line.scripts import ScriptParser


@pytest.fixture
def parser():
    parser = ScriptParser("Measure something.\n\n    python it.py --num_turns 3")
    parser.add_argument("--num_turns", type=int, help="Turns.")
    return parser


@pytest.mark.parametrize("words", [["--num_trun", "3"], ["--num_trun=3"], ["--num_turn", "3"]])
def test_a_mistyped_flag_names_the_right_one(parser, words, capsys):
    with pytest.raises(SystemExit, match="2"):
        parser.parse_args(words)

    told = capsys.readouterr().err
    mistyped = words[0].partition("=")[0]
    assert f"There is no flag `{mistyped}`. Did you mean `--num_turns`? See --help for all flags." in told


def test_a_wrong_value_is_told_as_before(parser, capsys):
    with pytest.raises(SystemExit, match="2"):
        parser.parse_args(["--num_turns", "many"])

    assert "argument --num_turns: invalid int value: 'many'" in capsys.readouterr().err


def test_the_docstring_of_a_script_keeps_its_lines(parser):
    assert "Measure something.\n\n    python it.py --num_turns 3" in parser.format_help()


@pytest.mark.parametrize("path", sorted((ROOT / "benchmarks").rglob("*.py")), ids=lambda path: path.name)
def test_no_benchmark_has_a_parser_of_its_own(path):
    assert "ArgumentParser(" not in path.read_text(encoding="utf-8")
