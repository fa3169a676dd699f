"""Prompt sets: in which words conditions are asked for, beside their names."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from accelerate.logging import get_logger

from datasets_scripts.terminology.findings import load_terminology

from .arguments import PROMPT_FILE_SUFFIX
from .conditions import Condition, identities


logger = get_logger(__name__)


def word_conditions(
    conditions: Sequence[Condition], prompts: str | None, *, corpus_labels: Sequence[str], config_name: str
) -> list[Condition]:
    """Conditions with the text of a prompt set as their query.

    Args:
        conditions (`Sequence[Condition]`):
            As [`describe_conditions`] gives them, asked for by name.
        prompts (`str`, *optional*):
            `"descriptions"`, what the terminology says a finding is; or the path of a JSON file with a text, or a list
            of texts, by label, name or code. Whatever else leaves the queries as they are.
        corpus_labels (`Sequence[str]`, one per condition):
            What the corpus calls the labels.
        config_name (`str`):
            Configuration of the corpus.

    Returns:
        `list[Condition]`: A condition that the set has no text for keeps its name; these are named in a warning.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is no table of texts.
    """
    if prompts == "descriptions":
        texts = [condition.finding and load_terminology()[condition.finding].description for condition in conditions]
    elif prompts is not None and prompts.endswith(PROMPT_FILE_SUFFIX):
        texts = _find_texts(read_prompts(prompts), conditions, corpus_labels, config_name)
    else:
        return list(conditions)
    absent = [condition.label for condition, text in zip(conditions, texts, strict=True) if not text]
    if absent:
        logger.warning(f"--prompts {prompts} has no text for {', '.join(absent)}, which are asked for by their names.")
    return [
        replace(condition, query=text or condition.query) for condition, text in zip(conditions, texts, strict=True)
    ]


def read_prompts(path: str | Path) -> dict[str, str]:
    """Texts by label, name or code; a list of texts becomes one, with commas.

    Args:
        path (`str` or `Path`):
            A JSON file such as MERL's `CKEPE_prompt.json`.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no table of texts.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist. Let `--prompts` be a JSON file of texts by label.")
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is no JSON ({error}). Write a table of texts by label.") from error
    if not isinstance(table, dict):
        raise ValueError(f"{path} holds a {type(table).__name__}, not a table. Write a text for each label.")
    texts = {}
    for label, value in table.items():
        parts = value if isinstance(value, list) else [value]
        if not all(isinstance(part, str) and part.strip() for part in parts) or not parts:
            raise ValueError(f"{path}: what stands under {label!r} is no text. Write a text, or a list of texts.")
        texts[label] = ", ".join(part.strip() for part in parts)
    return texts


def _find_texts(
    texts: Mapping[str, str], conditions: Sequence[Condition], corpus_labels: Sequence[str], config_name: str
) -> list[str | None]:
    """The text of each condition: under its label first, then under any name or code of its finding."""
    by_identity: dict[str, str] = {}
    for label, text in texts.items():
        for identity in identities(label, config_name):
            by_identity.setdefault(identity, text)
    found = []
    for condition, corpus_label in zip(conditions, corpus_labels, strict=True):
        own = [texts[name] for name in (condition.label, corpus_label) if name in texts]
        own += [by_identity[name] for name in sorted(identities(corpus_label, config_name)) if name in by_identity]
        found.append(own[0] if own else None)
    return found
