"""Lists of conditions that can be asked for by one name."""

from functools import lru_cache
from pathlib import Path

import yaml

from ..command_line import check_name


LISTS_PATH = Path(__file__).with_name("lists.yaml")


@lru_cache(1)
def load_lists() -> dict[str, list[str]]:
    """The conditions of published test sets, by the name of the set."""
    return yaml.safe_load(LISTS_PATH.read_text(encoding="utf-8"))


def read_list(name: str) -> list[str]:
    """The conditions of a list.

    Args:
        name (`str`):
            Name of a list, or the path of a text file with a condition a line.

    Raises:
        CommandLineError: If there is no list of this name, and no such file.
        ValueError: If the file names nothing.
    """
    path = Path(name)
    if not path.is_file():
        return list(load_lists()[check_name(name, load_lists(), kind="list")])
    lines = (line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines())
    conditions = [line for line in lines if line and not line.startswith("#")]
    if not conditions:
        raise ValueError(f"{path} names no condition. Write one a line.")
    return conditions
