"""What a run can learn, by the name that `--objective` gives it. A new objective is a file here and a line below."""

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
        ValueError: If there is none.
    """
    if name not in OBJECTIVES:
        raise ValueError(f"`--objective` is {name}. Choose one of {', '.join(OBJECTIVES)}.")
    return OBJECTIVES[name]
