"""Options of a corpus as flags: names, types and explanations come from the configuration class."""

import argparse
from dataclasses import dataclass
from typing import Literal

import pytest
from datasets import BuilderConfig

from datasets_scripts import BUILDERS
from datasets_scripts.prepare.options import add_options


@dataclass
class GeneralConfig(BuilderConfig):
    """Options of some corpora.

    Attributes:
        on_error (`str`, defaults to `"raise"`):
            What to do with a broken record,
            100 % of the time.
        max_records (`int`, *optional*):
            Records to read.
    """

    on_error: str = "raise"
    max_records: int | None = None


@dataclass
class SpecialConfig(GeneralConfig):
    """Options of one corpus.

    Attributes:
        window (`str`, defaults to `"first"`):
            Which 10 s to read.
    """

    window: Literal["first", "all"] = "first"
    scale: float = 1.0
    do_filter: bool = False
    leads: list[str] | None = None
    callback: object = None


def parse(*arguments):
    parser = argparse.ArgumentParser()
    add_options(parser, SpecialConfig)
    return vars(parser.parse_args(arguments))


@pytest.mark.parametrize(
    ("arguments", "option", "value"),
    [
        (["--on_error", "skip"], "on_error", "skip"),
        (["--max_records", "5"], "max_records", 5),
        (["--window", "all"], "window", "all"),
        (["--scale", "0.5"], "scale", 0.5),
        (["--do_filter"], "do_filter", True),
        (["--no-do_filter"], "do_filter", False),
        (["--leads", "I", "II"], "leads", ["I", "II"]),
    ],
)
def test_a_flag_has_the_type_of_its_field(arguments, option, value):
    assert parse(*arguments)[option] == value


def test_a_flag_that_is_not_given_is_none():
    assert set(parse().values()) == {None}


@pytest.mark.parametrize("arguments", [["--window", "last"], ["--max_records", "many"]])
def test_a_value_of_another_type_is_refused(arguments, capsys):
    with pytest.raises(SystemExit, match="2"):
        parse(*arguments)

    assert f"argument {arguments[0]}: invalid" in capsys.readouterr().err


def test_fields_of_every_builder_and_fields_no_flag_can_express_are_left_out():
    assert list(parse()) == ["on_error", "max_records", "window", "scale", "do_filter", "leads"]


def test_explanations_are_inherited_and_defaults_are_told(capsys):
    with pytest.raises(SystemExit, match="0"):
        parse("--help")

    text = " ".join(capsys.readouterr().out.split())
    assert "--on_error ON_ERROR What to do with a broken record, 100 % of the time. Default: raise." in text
    assert (
        "--max_records MAX_RECORDS Records to read. --window {first,all} Which 10 s to read. Default: first." in text
    )


@pytest.mark.parametrize("corpus", list(BUILDERS))
def test_every_option_of_every_corpus_is_explained(corpus):
    parser = argparse.ArgumentParser()

    add_options(parser, BUILDERS[corpus].BUILDER_CONFIG_CLASS)

    unexplained = [action.dest for action in parser._actions if not action.help or action.help.startswith("Default")]
    assert unexplained == []
