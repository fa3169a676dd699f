"""Code of the pages in Markdown: blocks of Python and of commands, what is run of them, and what is not, and why."""

import configparser
import importlib
import re
import shlex
from pathlib import Path
from typing import NamedTuple

from helpers.repository import ROOT, load_script
from markdown_it import MarkdownIt

from modeling_supreme.command_line.parser import CommandParser


PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
COMMANDS = {"bash", "sh", "shell", ""}
OTHERS = {"cat", "git", "hf"}  # whose flags are not ours
PROGRAMS = {"supreme", "python", "accelerate", "torchrun", "pip", "make", *OTHERS}
# A remark above a block: it is not run here, and why; or it is a command that is run and not only read.
NOT_RUN, RUN = re.compile(r"<!-- not run: (.+?) -->"), "<!-- run -->"


class Block(NamedTuple):
    """A fence of a page.

    Attributes:
        page (`Path`), line (`int`):
            Where it begins.
        language (`str`):
            The first word behind the fence.
        code (`str`):
            Its text.
        remark (`str`):
            The comment right above it, if any.
    """

    page: Path
    line: int
    language: str
    code: str
    remark: str

    @property
    def reason(self):
        """Why it is not run; empty where it is."""
        found = NOT_RUN.fullmatch(self.remark)
        return found[1] if found else ""

    @property
    def is_run(self):
        """Whether it is a block of commands that is run."""
        return self.remark == RUN

    def __str__(self):
        return f"{self.page.name}:{self.line}"


def read_blocks(page):
    """The fences of a page, in order."""
    blocks, remark = [], ""
    for token in MarkdownIt().enable("table").parse(page.read_text(encoding="utf-8")):
        if token.type == "fence":
            language = token.info.strip().partition(" ")[0]
            blocks.append(Block(page, token.map[0] + 1, language, token.content, remark))
        remark = token.content.strip() if token.type == "html_block" else ""
    return blocks


def read_commands(block):
    """The words of each command of a block, without comments, variables set for it, and what `cat` is given."""
    code = re.sub(r"<<(\w+)\n.*?\n\1$", "", block.code, flags=re.DOTALL | re.MULTILINE)
    lines = code.replace("\\\n", " ").splitlines()
    commands = [shlex.split(line, comments=True) for line in lines]
    return [[word for index, word in enumerate(words) if not _is_setting(words, index)] for words in commands if words]


def is_commands(block):
    """Whether a block is one of commands: by its name, or, where it has none, by how it begins."""
    first = re.match(r"\w+", block.code)
    return block.language in COMMANDS and (block.language != "" or (first and first[0] in PROGRAMS))


def check_command(words):
    """Hold a command against what there is: its program, and that its flags and their values can be read.

    Raises:
        Exception: If they cannot.
    """
    program, rest = words[0], words[1:]
    assert program in PROGRAMS, f"{program} is no program that the pages know"
    if program in ("accelerate", "torchrun"):
        rest = _without_launcher(program, rest)
    if program == "pip":
        _check_pip(rest)
    elif program == "make":
        target = rest[0] if rest else "demo"
        assert re.search(rf"^([\w-]+ )*{target}( [\w-]+)*:", (ROOT / "Makefile").read_text(), re.MULTILINE)
    elif program not in OTHERS:
        _check_flags(program, rest)


def run_command_line(words):
    """Run one of our commands, within this process."""
    main, rest = _find_main(words[0], words[1:])
    main(rest)


class _ReadError(Exception):
    """The words were read, and nothing is to be done."""


def _check_flags(program, words):
    """Read the flags of one of our commands."""
    if program == "python" and words[0].startswith("benchmarks/"):
        source = (ROOT / words[0]).read_text() + (ROOT / "benchmarks" / "command_line.py").read_text()
        flags = [word[2:] for word in words if word.startswith("--")]
        assert all(re.search(rf"--{flag}\b|^\s+{flag}:", source, re.MULTILINE) for flag in flags)
        return
    main, rest = _find_main(program, words)
    read = CommandParser.read

    def only_read(parser, flags):
        read(parser, flags)
        raise _ReadError

    CommandParser.read = only_read
    try:
        main(rest)
    except _ReadError:
        pass
    finally:
        CommandParser.read = read


def _find_main(program, words):
    """The function behind a command, and the words it takes."""
    doors = _read_doors()
    if program == "supreme" and words[0] in doors:
        module, _, name = doors[words[0]].partition(":")
        return getattr(importlib.import_module(module), name), words[1:]
    if program == "supreme":
        return importlib.import_module("modeling_supreme.supreme_command.main").main, words
    if words[0] == "-m":
        try:
            module = importlib.import_module(f"{words[1]}.__main__")
        except ModuleNotFoundError:
            module = importlib.import_module(words[1])
        return module.main, words[2:]
    path = ROOT / words[0]
    assert path.is_file(), f"there is no script {words[0]}"
    if path.parent == ROOT:
        return load_script(path.stem).main, words[1:]
    return lambda _: None, []


def _read_doors():
    """Commands of `supreme` that lie in other packages, by name; those of setup.cfg, whatever is installed."""
    setup = configparser.ConfigParser(interpolation=None)
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    lines = setup["options.entry_points"]["modeling_supreme.commands"].split("\n")
    return dict(re.split(r"\s*=\s*", line, maxsplit=1) for line in lines if line)


def _without_launcher(program, words):
    """The script and its words, after the flags of its launcher were read."""
    from accelerate.commands.launch import launch_command_parser
    from torch.distributed.run import get_args_parser

    parser = launch_command_parser() if program == "accelerate" else get_args_parser()
    launched = words[1:] if program == "accelerate" else words
    read = vars(parser.parse_args(launched))
    if read.get("config_file"):
        assert (ROOT / read["config_file"]).is_file(), f"there is no {read['config_file']}"
    return [read["training_script"], *read["training_script_args"]]


def _check_pip(words):
    """The extras and files that are to be installed exist."""
    extras = (ROOT / "setup.cfg").read_text().partition("[options.extras_require]")[2]
    for word in words:
        for extra in re.findall(r"\[([\w,]+)\]", word):
            assert all(re.search(rf"^{name} =", extras, re.MULTILINE) for name in extra.split(","))
        if word.endswith(".txt"):
            assert (ROOT / word).is_file()


def _is_setting(words, index):
    """Whether a word only sets a variable for the command behind it."""
    return all(re.fullmatch(r"[A-Z_]+=\S*", word) for word in words[: index + 1])
