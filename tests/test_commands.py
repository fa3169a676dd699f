"""All commands speak one dialect: a mistyped flag names the right one, and `--help` explains every flag."""

import importlib
import subprocess
import sys

import pytest
from helpers.repository import ROOT, load_script

from modeling_supreme.command_line import CommandParser, run_command


COMMANDS = {
    "train": [],
    "evaluate": [],
    "demo": [],
    "training_scripts.text_tower.__main__": [],
    "training_scripts.decisions.__main__": [],
    "training_scripts.shipping.__main__ make": ["make"],
    "training_scripts.shipping.__main__ describe": ["describe"],
    "training_scripts.shipping.__main__ names": ["names"],
    "training_scripts.shipping.__main__ zoo": ["zoo"],
    "datasets_scripts.prepare.__main__": ["ptb_xl"],
    "datasets_scripts.overlap": ["folder"],
    "datasets_scripts.extraction.__main__": [],
    "datasets_scripts.extraction.agreement": ["first", "second"],
    "datasets_scripts.extraction.definitions.__main__": [],
    "datasets_scripts.extraction.score": ["annotated.jsonl"],
    "datasets_scripts.simulator.__main__": [],
    "datasets_scripts.simulator.__main__ export": ["export"],
    "datasets_scripts.simulator.__main__ realism": ["realism"],
    "evaluation_scripts.compare_labels": [],
    "evaluation_scripts.suites.leaderboard": [],
    "evaluation_scripts.suites.model_index": [],
    "modeling_supreme.supreme_command.main classify": ["classify"],
    "modeling_supreme.supreme_command.main measure": ["measure"],
    "modeling_supreme.supreme_command.main info": ["info"],
    "modeling_supreme.supreme_command.main plot": ["plot"],
    "modeling_supreme.supreme_command.main labels": ["labels"],
    "modeling_supreme.supreme_command.main index": ["index"],
    "modeling_supreme.supreme_command.main ask": ["ask"],
    "modeling_supreme.supreme_command.main export": ["export"],
}


def load_main(command):
    """The function behind a command."""
    name = command.partition(" ")[0]
    return (importlib.import_module(name) if "." in name else load_script(name)).main


@pytest.fixture(params=COMMANDS)
def command(request):
    """A command and the words that it begins with."""
    return load_main(request.param), COMMANDS[request.param]


def flags_of(command, monkeypatch):
    """Names of all flags of a command."""
    parsers = []
    read = CommandParser.read
    monkeypatch.setattr(CommandParser, "read", lambda parser, words: parsers.append(parser) or read(parser, words))
    main, words = command
    with pytest.raises(SystemExit, match="0"):
        main([*words, "--help"])
    return [name for name in parsers[-1]._flag_names() if name != "help"]


def test_help_mentions_and_explains_every_flag(command, monkeypatch, capsys):
    flags = flags_of(command, monkeypatch)

    text = capsys.readouterr().out
    assert flags
    assert all(f"  --{flag} " in text or f"  --{flag}\n" in text for flag in flags)
    assert "[RECIPE.yaml] [--flag value ...]" in text


def test_a_mistyped_flag_names_the_right_one_without_a_traceback(command, monkeypatch, capsys):
    flags = flags_of(command, monkeypatch)
    flag = next((flag for flag in flags if flag.startswith("output") or flag == "readings"), flags[0])
    mistyped = f"--{flag[:2]}{flag[3]}{flag[2]}{flag[4:]}"
    capsys.readouterr()
    main, words = command

    with pytest.raises(SystemExit, match="2"):
        run_command(main, [*words, mistyped, "there"])

    said = capsys.readouterr().err
    assert said == f"error: There is no flag `{mistyped}`. Did you mean `--{flag}`? See --help for all flags.\n"


@pytest.mark.slow
@pytest.mark.parametrize(
    "command",
    [
        *("train.py", "evaluate.py"),
        *("datasets_scripts.prepare", "datasets_scripts.extraction", "training_scripts.text_tower"),
        *("datasets_scripts.extraction.definitions", "datasets_scripts.overlap", "evaluation_scripts.compare_labels"),
        *("modeling_supreme.supreme_command", "modeling_supreme.supreme_command index"),
    ],
)
def test_help_waits_for_no_library_that_it_does_not_need(command):
    code = """
import runpy, sys
command, *words = sys.argv[1].split()
sys.argv[1:] = [*words, "--help"]
try:
    (runpy.run_path if command.endswith(".py") else runpy.run_module)(command, run_name="__main__")
finally:
    print("loaded:", *sys.modules)
"""

    done = subprocess.run([sys.executable, "-c", code, command], cwd=ROOT, capture_output=True, text=True, check=True)

    text, _, loaded = done.stdout.rpartition("loaded:")
    assert "--output" in text
    assert "modeling_supreme.command_line.parser" in loaded.split()
    assert {"torch", "datasets", "sklearn", "matplotlib"}.isdisjoint(loaded.split())


def test_a_mistyped_command_names_the_right_one():
    with pytest.raises(ValueError, match=r"There is no command 'exprot'\. Did you mean `export`\? Choose one of show"):
        load_main("datasets_scripts.simulator.__main__")(["exprot"])
