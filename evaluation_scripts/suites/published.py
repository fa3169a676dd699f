"""Zero-shot figures that others published for the six sets: quoted, never measured here."""

from pathlib import Path
from typing import Any

from datasets_scripts.readers.tables import TableFile
from evaluation_scripts.protocols.label_sets import MERL, SUPREME6


PATH = Path(__file__).parents[1] / "protocols" / "published.csv"
MEAN = "mean"


def read_published() -> list[dict[str, Any]]:
    """Macro AUROC by system and set.

    Returns:
        `list[dict]`: `system`, `source`, `protocol` (all follow MERL's), `is_measured_here` (never), `auroc_macro` by
        name of the set, and `mean`; a figure that is not known is `None`.
    """
    names = [label_set.name for label_set in SUPREME6]
    rows = []
    for row in TableFile(PATH, required=("system", *names, MEAN, "source"), remedy="Restore the file."):
        figures = {name: None if row[name] is None else float(row.require(name)) for name in (*names, MEAN)}
        rows.append(
            {
                "system": row.require("system"),
                "source": row.require("source"),
                "protocol": MERL,
                "is_measured_here": False,
                MEAN: figures.pop(MEAN),
                "auroc_macro": figures,
            }
        )
    return rows
