"""Prompts: versioned files that say how a language model is to read a statement."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard

import yaml

from .answers import ANSWER_SCHEMA


PROMPTS_FOLDER = Path(__file__).with_name("prompts")
HASH_LENGTH = 8
Message = dict[str, str]


@dataclass(frozen=True)
class Prompt:
    """How statements are put to a language model.

    Attributes:
        version (`str`):
            Name of the file and a hash of all that the model is told: another text is another version.
        system (`str`):
            The rules of reading.
        examples (`tuple[tuple[str, str], ...]`):
            Statements with the answers they should get.
    """

    version: str
    system: str
    examples: tuple[tuple[str, str], ...]

    def messages(self, statement: str, *, refusal: str = "") -> list[Message]:
        """The conversation that asks for the findings of a statement.

        Args:
            statement (`str`):
                A statement of a report.
            refusal (`str`):
                Why an earlier answer was refused; empty on the first attempt.

        Returns:
            `list[dict[str, str]]`: Messages with `role` and `content`, the statement in the last one.
        """
        messages = [{"role": "system", "content": self.system}]
        for example, answer in self.examples:
            messages.append({"role": "user", "content": _put_statement(example)})
            messages.append({"role": "assistant", "content": answer})
        question = _put_statement(statement)
        if refusal:
            question += f"\n\nAn earlier answer was refused: {refusal} Answer again."
        return [*messages, {"role": "user", "content": question}]


def load_prompt(name: str) -> Prompt:
    """Read a prompt.

    Args:
        name (`str`):
            Name of a prompt of this package, such as `"findings_v1"`, or path of a YAML file with the keys `system`
            and `examples`.

    Raises:
        FileNotFoundError: If there is no such prompt.
        ValueError: If the file lacks a key or an example is not in the form of an answer.
    """
    path = Path(name) if name.endswith((".yaml", ".yml")) else PROMPTS_FOLDER / f"{name}.yaml"
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in PROMPTS_FOLDER.glob("*.yaml")))
        raise FileNotFoundError(
            f"There is no prompt {name!r}. `--prompt_version` takes {known}, or the path of a YAML file."
        )
    content = _read_yaml(path)
    system = str(content["system"])
    examples = tuple((example["statement"], _write_answer(example)) for example in content["examples"])
    unhashed = Prompt("", system, examples)
    told = json.dumps([unhashed.messages("", refusal="."), ANSWER_SCHEMA], sort_keys=True)
    digest = hashlib.sha256(told.encode("utf-8")).hexdigest()[:HASH_LENGTH]
    return Prompt(f"{path.stem}-{digest}", system, examples)


def _read_yaml(path: Path) -> Mapping[str, Any]:
    """The content of a file that has the form of a prompt."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError):
        content = None
    if not _is_prompt(content):
        raise ValueError(
            f"{path} is no prompt: it needs the text `system` and the list `examples`, each with `statement` and"
            f" `entities` as lists of quote, entity and certainty, as in {PROMPTS_FOLDER.name}/findings_v1.yaml."
        )
    return content


def _is_prompt(content: Any) -> TypeGuard[Mapping[str, Any]]:
    """Whether a file holds the rules of reading, and examples."""
    if not isinstance(content, Mapping) or "system" not in content or not isinstance(content.get("examples"), list):
        return False
    return all(map(_is_example, content["examples"]))


def _is_example(example: Any) -> bool:
    """Whether an example has a statement, and quote, name and certainty of each finding."""
    if not isinstance(example, Mapping) or "statement" not in example:
        return False
    entities = example.get("entities")
    return isinstance(entities, list) and all(isinstance(entity, list) and len(entity) == 3 for entity in entities)


def _put_statement(statement: str) -> str:
    """A statement as the user's message."""
    return json.dumps({"statement": statement}, ensure_ascii=False)


def _write_answer(example: Mapping[str, Any]) -> str:
    """The answer that an example should get."""
    entities = [
        {"quote": quote, "entity": entity, "certainty": certainty} for quote, entity, certainty in example["entities"]
    ]
    return json.dumps({"entities": entities}, ensure_ascii=False, separators=(",", ":"))
