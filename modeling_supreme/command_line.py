"""The command line of every script: dataclasses as flags, and a YAML recipe that may come first."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import yaml
from transformers import HfArgumentParser


def parse_arguments(
    argument_classes: Sequence[type], argv: Sequence[str] | None = None, *, description: str | None = None
) -> tuple[Any, ...]:
    """Read dataclasses from a YAML recipe and from flags; a flag wins over the recipe.

    Args:
        argument_classes (`Sequence[type]`):
            Dataclasses whose fields are the flags.
        argv (`Sequence[str]`, *optional*):
            Words of the command line; those of this process by default. The first may be the path of a recipe.
        description (`str`, *optional*):
            First lines of `--help`.

    Returns:
        `tuple`: One instance of each class.

    Raises:
        FileNotFoundError: If the recipe does not exist.
        ValueError: If the recipe is no table of flags, or sets one that does not exist.
    """
    parser = HfArgumentParser(cast(Any, list(argument_classes)), description=description, allow_abbrev=False)
    words = list(sys.argv[1:] if argv is None else argv)
    recipe: dict[str, Any] = {}
    if words and not words[0].startswith("-"):
        recipe = read_recipe(Path(words.pop(0)), known={action.dest for action in parser._actions})
    return parser.parse_args_into_dataclasses([*recipe_to_flags(recipe), *words])


def read_recipe(path: Path, *, known: set[str]) -> dict[str, Any]:
    """Read a YAML recipe and check that every key is a flag."""
    if not path.is_file():
        raise FileNotFoundError(f"There is no recipe {path}. Recipes are YAML files, such as those in configs/.")
    recipe = yaml.safe_load(path.read_text(encoding="utf-8"))
    if not isinstance(recipe, dict):
        raise ValueError(f"{path} holds a {type(recipe).__name__}, not a table. Write one `flag: value` a line.")
    unknown = sorted(set(recipe) - known)
    if unknown:
        raise ValueError(f"{path} sets {', '.join(unknown)}, which no flag is called. See --help for their names.")
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
