"""What a run can learn, by the name that `--objective` gives it. A new objective is a file here and a line below."""

from modeling_supreme.command_line import CommandLineError, suggest

from .classification import ClassificationObjective
from .objective import Objective, ValidationFigures
from .supervised import SupervisedObjective


__all__ = ["OBJECTIVES", "Objective", "ValidationFigures", "find_objective"]

OBJECTIVES: dict[str, type[Objective]] = {
    objective.name: objective
    for objective in (
        SupervisedObjective,
        ClassificationObjective,
    )
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
    return OBJECTIVES[name]
