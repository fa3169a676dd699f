"""Builders of corpora by name, each imported when it is asked for: naming a corpus does not load its reader."""

import importlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from datasets import DatasetBuilder


class Builders(Mapping[str, "type[DatasetBuilder]"]):
    """Builder classes by name of the corpus, which is also the name of the module of this package that has the class.

    Args:
        class_names (`Mapping[str, str]`):
            Name of the class, by corpus.

    Raises:
        KeyError: When a corpus is asked for that is not there.
    """

    def __init__(self, class_names: Mapping[str, str]) -> None:
        self._class_names = dict(class_names)

    def __getitem__(self, name: str) -> "type[DatasetBuilder]":
        class_name = self._class_names[name]
        return getattr(importlib.import_module(f"{__package__}.{name}"), class_name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._class_names)

    def __len__(self) -> int:
        return len(self._class_names)

    def __contains__(self, name: object) -> bool:
        return name in self._class_names

    def __or__(self, class_names: Mapping[str, str]) -> "Builders":
        """These builders and further ones."""
        return Builders({**self._class_names, **class_names})


# Corpora that are read from the files of their publishers, or simulated. What is built on top of them is added by the
# package itself.
CORPORA = Builders(
    {
        "ptb_xl": "PtbXl",
        "simulated": "Simulated",
        "mimic_iv_ecg": "MimicIvEcg",
        "cpsc2018": "Cpsc2018",
        "chapman_shaoxing_ningbo": "ChapmanShaoxingNingbo",
        "challenge2021": "Challenge2021",
        "code15": "Code15",
        "sph": "Sph",
        "ecg_folder": "EcgFolder",
    }
)
