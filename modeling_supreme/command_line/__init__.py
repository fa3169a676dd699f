"""The command line that every command of this repository reads."""

from .parser import (
    Command,
    CommandLineError,
    CommandParser,
    MissingRecipeError,
    check_name,
    parse_arguments,
    read_recipe,
    recipe_to_flags,
    run_command,
    run_one_of,
    suggest,
)


__all__ = [
    "Command",
    "CommandLineError",
    "CommandParser",
    "MissingRecipeError",
    "check_name",
    "parse_arguments",
    "read_recipe",
    "recipe_to_flags",
    "run_command",
    "run_one_of",
    "suggest",
]
