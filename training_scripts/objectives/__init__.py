"""What a run can learn. A new objective is a file in this folder and a line in the table below."""

import importlib

from modeling_supreme.command_line import CommandLineError, suggest

from .objective import Objective


__all__ = ["OBJECTIVES", "Objective", "find_objective"]

# By the name that `--objective` gives it: the file of the class that has this `name`, imported when it is asked for.
OBJECTIVES = {
    "zero_shot": "supervised",
    "classification": "classification",
    "melp": "melp",
    "merl": "melp",
    "mlm": "mlm",
    "masked_signal": "masked_signal",
}


def find_objective(name: str) -> type[Objective]:
    """The objective of a name.

    Raises:
        CommandLineError: If there is none.
    """
    if name not in OBJECTIVES:
        raise CommandLineError(
            f"`--objective` is {name}.{suggest([name], OBJECTIVES)} Choose one of {', '.join(OBJECTIVES)}."
        )
    module = importlib.import_module(f"{__name__}.{OBJECTIVES[name]}")
    classes = (value for value in vars(module).values() if isinstance(value, type) and issubclass(value, Objective))
    return next(found for found in classes if vars(found).get("name") == name)
