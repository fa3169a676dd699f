"""The command line of every command: dataclasses as flags, and a YAML recipe that may come first.

A mistake is named in one sentence with its remedy. Python callers get it as an exception; [`run_command`] writes it to
standard error and ends the process with exit code 2.
"""

import argparse
import dataclasses
import sys
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from copy import copy
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple, cast, get_type_hints

import yaml
from transformers import HfArgumentParser
from transformers.hf_argparser import string_to_bool


RECIPE_SUFFIXES = (".yaml", ".yml")
NO_DEFAULTS = ("", argparse.SUPPRESS)
KINDS = {int: "a whole number", float: "a number", string_to_bool: "true or false"}


class CommandLineError(ValueError):
    """A mistake on a command line or in a recipe; the message names it and says what to do."""


class MissingRecipeError(CommandLineError, FileNotFoundError):
    """There is no recipe where the command line says."""


def parse_arguments(
    argument_classes: Sequence[type],
    argv: Sequence[str] | None = None,
    *,
    description: str | None = None,
    epilog: str | None = None,
    command: str = "",
    positional: str | None = None,
) -> tuple[Any, ...]:
    """Read dataclasses from a YAML recipe and from flags; a flag wins over the recipe.

    Args:
        argument_classes (`Sequence[type]`):
            Dataclasses whose fields are the flags: `metadata["help"]` explains a field, a `Literal` is a choice, and a
            `bool` is a switch (`--flag`, `--flag false`, `--no_flag`).
        argv (`Sequence[str]`, *optional*):
            Words of the command line; those of this process by default. The first may be the path of a recipe.
        description (`str`, *optional*):
            First lines of `--help`.
        epilog (`str`, *optional*):
            Last lines of `--help`.
        command (`str`, defaults to `""`):
            What stands before the flags, for `--help`: the name of a sub-command that was taken off `argv`.
        positional (`str`, *optional*):
            Field that takes the words outside of flags. The recipe, if there is one, must then end in `.yaml`.

    Returns:
        `tuple`: One instance of each class.

    Raises:
        CommandLineError: If a flag is unknown, missing or has a value that it cannot have, also one that the
            `__post_init__` of a class refuses, or if the recipe is no table of flags. A `ValueError`.
        MissingRecipeError: If the recipe does not exist. A `FileNotFoundError`.
        SystemExit: After `--help`.
    """
    parser = CommandParser(
        argument_classes, description=description, epilog=epilog, command=command, positional=positional
    )
    return parser.read(list(sys.argv[1:] if argv is None else argv))


class Command(NamedTuple):
    """One of the commands of a module that has several.

    Attributes:
        run (`Callable`):
            Takes one instance of each class.
        argument_classes (`tuple[type, ...]`, *optional*):
            Dataclasses of its flags; `None` for a command that reads its words itself.
        summary (`str`):
            What it does, for `--help`.
        positional (`str`, *optional*):
            Field that takes the words outside of flags.
    """

    run: Callable[..., object]
    argument_classes: tuple[type, ...] | None
    summary: str
    positional: str | None = None


def run_one_of(
    commands: Mapping[str, Command],
    argv: Sequence[str] | None,
    *,
    description: str | None,
    default: str | None = None,
) -> None:
    """Run the command that the first word names.

    Args:
        commands (`Mapping[str, Command]`):
            The commands, by name.
        argv (`Sequence[str]`, *optional*):
            Words of the command line; those of this process by default.
        description (`str`, *optional*):
            First lines of `--help`.
        default (`str`, *optional*):
            The command that is run where the first word is a flag or a recipe; without one, a command must be named.

    Raises:
        CommandLineError: If there is no such command, or if its flags are wrong.
        SystemExit: After `--help`.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    lines = [f"    {name:10}{command.summary}" for name, command in commands.items()]
    is_named = bool(words) and not words[0].startswith("-") and not is_recipe(words[0])
    asks_for_help = words[:1] in (["-h"], ["--help"])
    if not is_named and default is None:
        if not asks_for_help:
            raise CommandLineError(f"No command is named. Begin with one of {', '.join(commands)}; see --help.")
        _tell(description, "COMMAND", "\n".join(["commands:", *lines, "\n`COMMAND --help` explains its flags."]))
    name = check_name(words.pop(0), commands, kind="command") if is_named else cast(str, default)
    command, about, epilog = commands[name], commands[name].summary, None
    if command.argument_classes is None:
        command.run(words)
        return
    if asks_for_help:
        about = description
        epilog = "\n".join(["commands:", *lines, f"\nThe flags above are those of `{default}`, the default."])
    arguments = parse_arguments(
        command.argument_classes,
        words,
        description=about,
        epilog=epilog,
        command=name,
        positional=command.positional,
    )
    command.run(*arguments)


def _tell(description: str | None, command: str, epilog: str) -> None:
    """Print the help of several commands, and end."""
    parser = argparse.ArgumentParser(
        usage=f"{_program_name()} {command} [--flag value ...]",
        description=description,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.parse_args(["--help"])


def run_command(
    main: Callable[[Sequence[str] | None], object],
    argv: Sequence[str] | None = None,
    *,
    refusals: Sequence[type[Exception]] = (),
) -> None:
    """Run a command; where it refuses its arguments, say so on standard error and exit with 2, without a traceback.

    Args:
        main (`Callable`):
            The command, which takes the words of its command line.
        argv (`Sequence[str]`, *optional*):
            These words; those of this process by default.
        refusals (`Sequence[type[Exception]]`, *optional*):
            Exceptions beside [`CommandLineError`] that are meant for the user of the command.
    """
    try:
        main(argv)
    except (CommandLineError, *refusals) as error:
        sys.stderr.write(f"error: {error}\n")
        sys.exit(2)


def check_name(name: str, names: Collection[str], *, kind: str) -> str:
    """The name, if it is one of those that exist.

    Args:
        name (`str`):
            As it was given.
        names (`Collection[str]`):
            Those that exist.
        kind (`str`):
            What they are names of, such as `"corpus"`.

    Raises:
        CommandLineError: If it is none of them; the message names the nearest.
    """
    if name not in names:
        raise CommandLineError(
            f"There is no {kind} {name!r}.{suggest([name], names)} Choose one of {', '.join(names)}."
        )
    return name


def suggest(words: Iterable[str], names: Collection[str]) -> str:
    """The names nearest to mistyped words as a question, with a blank before it; empty where none is near.

    Example:
        >>> suggest(["outptu_dir"], ["output_dir", "data_dir"])
        ' Did you mean `output_dir`?'
    """
    nearest = [match for word in words for match in get_close_matches(word, names, n=1)]
    return f" Did you mean {', '.join(f'`{name}`' for name in dict.fromkeys(nearest))}?" if nearest else ""


def is_recipe(word: str) -> bool:
    """Whether a word of a command line looks like the path of a recipe."""
    return word.endswith(RECIPE_SUFFIXES)


def read_recipe(path: Path, *, known: set[str]) -> dict[str, Any]:
    """Read a YAML recipe and check that every key is a flag."""
    if not path.is_file():
        raise MissingRecipeError(f"There is no recipe {path}. Recipes are YAML files, such as those in configs/.")
    recipe = yaml.safe_load(path.read_text(encoding="utf-8"))
    if not isinstance(recipe, dict):
        raise CommandLineError(f"{path} holds a {type(recipe).__name__}, not a table. Write one `flag: value` a line.")
    unknown = sorted(set(recipe) - known)
    if unknown:
        raise CommandLineError(
            f"{path} sets {', '.join(unknown)}, which no flag is called.{suggest(unknown, known)} See --help for their"
            " names."
        )
    return recipe


def recipe_to_flags(recipe: dict[str, Any]) -> list[str]:
    """Spell a recipe as words of a command line.

    Example:
        >>> recipe_to_flags({"seed": 1, "held_out_findings": ["atrial flutter", "pause"], "data_dir": None})
        ['--seed', '1', '--held_out_findings', 'atrial flutter', 'pause']
    """
    words = []
    for name, value in recipe.items():
        if value is None or value == []:
            continue  # the default; argparse has no words for an empty list
        words.append(f"--{name}")
        words.extend(str(item) for item in (value if isinstance(value, list) else [value]))
    return words


class CommandParser(HfArgumentParser):
    """The parser behind [`parse_arguments`], whose arguments are explained there."""

    def __init__(
        self,
        argument_classes: Sequence[type],
        *,
        description: str | None = None,
        epilog: str | None = None,
        command: str = "",
        positional: str | None = None,
    ) -> None:
        self._switches: set[str] = set()
        self._positional = positional
        self._has_groups = len(argument_classes) > 1
        leading = filter(None, (_program_name(), command, positional and positional.upper()))
        super().__init__(
            cast(Any, list(argument_classes)),
            usage=f"{' '.join(leading)} [RECIPE.yaml] [--flag value ...]",
            description=description,
            epilog=epilog,
            formatter_class=_HelpFormatter,
            allow_abbrev=False,
        )

    def read(self, words: list[str]) -> tuple[Any, ...]:
        """One instance of each class."""
        flags, stray = self._sort_words(words)
        recipe: dict[str, Any] = {}
        if stray and stray[0] == words[0] and (self._positional is None or is_recipe(words[0])):
            recipe = read_recipe(Path(stray.pop(0)), known=set(self._flag_names()))
        if stray and self._positional:
            flags = [f"--{self._positional}", *stray, *flags]
        elif stray:
            raise CommandLineError(f"`{stray[0]}` belongs to no flag. Write `--flag {stray[0]}`; see --help for all.")
        flags = [*recipe_to_flags(recipe), *flags]
        self._check_required(flags)
        try:
            # A file of flags beside the script, which the parser would look for, is no way to start a command
            *arguments, rest = self.parse_args_into_dataclasses(
                flags, return_remaining_strings=True, look_for_args_file=False
            )
        except CommandLineError:
            raise
        except ValueError as error:  # of the `__post_init__` of a class
            raise CommandLineError(str(error)) from error
        if rest:
            raise CommandLineError(f"`{rest[0]}` is one value too many. See --help for what each flag takes.")
        return tuple(arguments)

    def error(self, message: str) -> Any:
        """Refuse what no other check has named."""
        raise CommandLineError(f"{message}. See --help.")

    def _sort_words(self, words: Sequence[str]) -> tuple[list[str], list[str]]:
        """Flags as they are spelt in the classes, each with its values, and the words that belong to none."""
        flags: list[str] = []
        stray: list[str] = []
        num_free, is_switch = 0, False  # values that the flag at hand may still take
        for word in words:
            if word.startswith("--") or word in self._option_string_actions:
                flag, has_value, value = word.partition("=")
                spelt = [*self._spell(flag), *([value] if has_value else [])]
                flags += spelt
                action = self._option_string_actions[spelt[0]]
                is_switch = f"--{action.dest}" in self._switches
                num_free = {0: 0, "+": len(words)}.get(cast(Any, action.nargs), 1) if len(spelt) == 1 else 0
            elif num_free and (not is_switch or _is_truth(word)):
                flags.append(word)
                num_free -= 1
            else:
                stray.append(word)
        return flags, stray

    def _spell(self, flag: str) -> list[str]:
        """A flag as its class spells it; `--no_flag` of a switch becomes `--flag false`."""
        if flag == "-h":
            return [flag]
        name = f"--{flag[2:].replace('-', '_')}"
        if name in self._option_string_actions:
            return [name]
        positive = f"--{name.removeprefix('--no_')}"
        if name.startswith("--no_") and positive in self._switches:
            return [positive, "false"]
        known = [f"--{known}" for known in self._flag_names()]
        raise CommandLineError(f"There is no flag `{flag}`.{suggest([name], known)} See --help for all flags.")

    def _flag_names(self) -> list[str]:
        """Names of all flags, without dashes."""
        return [action.dest for action in self._actions if action.help is not argparse.SUPPRESS]

    def _check_required(self, flags: Sequence[str]) -> None:
        """Refuse a command line without the flags that have no default."""
        names = [f"--{action.dest}" for action in self._actions if action.required]
        missing = [f"`{name}`" for name in names if name not in flags]
        if missing and not {"-h", "--help"} & set(flags):
            verb, them = ("are", "they are") if len(missing) > 1 else ("is", "it is")
            raise CommandLineError(f"{', '.join(missing)} {verb} missing. See --help for what {them}.")

    def _add_dataclass_arguments(self, dtype: Any) -> None:
        """Add the fields of a class as a group, which its docstring names."""
        name = getattr(dtype, "_argument_group_name", None)
        described = (dtype.__doc__ or "").partition("\n")[0].rstrip(".")
        group = self.add_argument_group(name or (described if self._has_groups else "flags"))
        hints = get_type_hints(dtype)
        for field in map(copy, dataclasses.fields(dtype)):  # the parser writes into what it is given
            field.type = hints[field.name]
            self._parse_dataclass_field(cast(Any, group), field)
            if hints[field.name] in (bool, bool | None):
                self._make_switch(field.name)

    def _make_switch(self, name: str) -> None:
        """Let a flag take "true", "false" or nothing; its `--no_` form is read by [`_spell`]."""
        self._switches.add(f"--{name}")
        switch = self._option_string_actions[f"--{name}"]
        switch.nargs, switch.const, switch.metavar = "?", True, "true|false"
        negative = self._option_string_actions.get(f"--no_{name}")
        if negative is not None:
            negative.help = argparse.SUPPRESS

    def _get_value(self, action: argparse.Action, arg_string: str) -> Any:
        """A word as a value of its flag."""
        try:
            return super()._get_value(action, arg_string)
        except argparse.ArgumentError:
            kind = KINDS.get(cast(Any, action.type), "another value")
            raise CommandLineError(f"`--{action.dest}` is {arg_string}. Give {kind}.") from None

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """Refuse a word that is none of a flag's choices."""
        choices = None if action.choices is None else [str(choice) for choice in action.choices]
        if choices is not None and str(value) not in choices:
            raise CommandLineError(
                f"`--{action.dest}` is {value}.{suggest([str(value)], choices)} Choose one of {', '.join(choices)}."
            )


class _HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """Help that keeps the lines of the description, tells defaults where there are any, and spells a flag one way."""

    def _get_help_string(self, action: argparse.Action) -> str:
        default = action.default
        text = action.help or ""
        if default is True:
            text += f" On by default; --no_{action.dest} turns it off."
        elif isinstance(default, list) and default:
            text += f" Default: {' '.join(map(str, default))}."
        elif isinstance(default, (str, int, float, Path)) and default is not False and default not in NO_DEFAULTS:
            text += f" Default: {default}."
        return text.strip().replace("%", "%%")

    def _format_action_invocation(self, action: argparse.Action) -> str:
        shown = copy(action)
        shown.option_strings = [flag for flag in action.option_strings if "-" not in flag.lstrip("-")]
        return super()._format_action_invocation(shown)


def _is_truth(word: str) -> bool:
    """Whether a word says yes or no."""
    try:
        string_to_bool(word)
    except argparse.ArgumentTypeError:
        return False
    return True


def _program_name() -> str:
    """How this process was started: `python train.py`, `python -m datasets_scripts.prepare`, or `supreme`."""
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    if spec is None:
        script = Path(sys.argv[0]).name
        return f"python {script}" if script.endswith(".py") else script
    return f"python -m {spec.name.removesuffix('.__main__')}"
