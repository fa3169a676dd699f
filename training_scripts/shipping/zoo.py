"""A table of checkpoints, read off their cards."""

from collections.abc import Sequence
from pathlib import Path
from typing import cast

from huggingface_hub import ModelCard, ModelCardData

from evaluation_scripts.metrics import format_figure


def tabulate_cards(sources: Sequence[str]) -> str:
    """A Markdown table: a row for each checkpoint, a column for each label set of any of their cards.

    Args:
        sources (`Sequence[str]`):
            Folders of checkpoints, or their ids on the Hub.

    Raises:
        ValueError: If a card has no figures.
    """
    rows: dict[str, dict[str, float]] = {}
    for source in sources:
        data = cast(
            ModelCardData, ModelCard.load(Path(source) / "README.md" if Path(source).is_dir() else source).data
        )
        figures = {
            f"{result.dataset_name}, {result.dataset_split}": float(result.metric_value)
            for result in data.eval_results or ()
        }
        if not figures:
            raise ValueError(f"The card of {source} has no figures. Evaluate it, and write its card anew.")
        rows[data.model_name or Path(source).name] = figures
    columns = list(dict.fromkeys(column for figures in rows.values() for column in figures))
    lines = [f"| checkpoint | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]
    lines += [
        f"| `{name}` | {' | '.join(format_figure(figures.get(column)) for column in columns)} |"
        for name, figures in rows.items()
    ]
    return "\n".join(lines)
