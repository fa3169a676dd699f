"""What answers for each condition: its name, its definition, or both."""

from collections.abc import Sequence
from typing import Any

from modeling_supreme.composition import Composition, join_definitions

from .arguments import AnswerBy


def choose_answers(
    config: Any, queries: Sequence[str], answer_by: AnswerBy, *, definitions: str | None = None
) -> Composition:
    """Decide what answers for conditions that training did not name; those that it named answer by their name.

    Args:
        config (`SupremeConfig`):
            Of the checkpoint.
        queries (`Sequence[str]`):
            Names of the conditions.
        answer_by (`str`):
            `"name"`: the query alone; `"definition"`: the definition alone, where the checkpoint can evaluate one;
            `"both"`: the geometric mean of the two; `"auto"`: as the pipeline does, which is the definition where
            somebody has reviewed it, and both where nobody has.
        definitions (`str`, *optional*):
            A file of definitions, which go before those of the checkpoint.

    Returns:
        `Composition`: Its `sources` say what answers.
    """
    if answer_by == "name":
        return Composition.of(config, queries, composed=False)
    if answer_by == "auto":
        return Composition.of(config, queries, definitions=definitions)
    known = join_definitions(config, definitions)
    return Composition(
        queries,
        trained_queries=config.trained_queries,
        definitions=[{**entry, "is_reviewed": answer_by == "definition"} for entry in known],
        measurements=config.measurements,
        decisions=config.decisions,
        condition_names=config.condition_names,
    )
