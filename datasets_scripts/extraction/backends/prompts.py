"""Prompts: versioned files that say how a language model is to answer the questions of a task."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import yaml


HASH_LENGTH = 8
Message = dict[str, str]


class PromptForm(NamedTuple):
    """What the prompts of one task have in common.

    Attributes:
        folder (`Path`):
            Where those of this package lie.
        subject (`str`):
            Key of what is asked about, in questions and examples: "statement".
        write_answer (`Callable`):
            The answer of an example, as a model should write it; refuses an example of another form with a
            `ValueError`, `TypeError` or `LookupError`.
        schema (`Mapping`):
            JSON schema of an answer.
        remedy (`str`):
            What an example needs besides the subject, for the message that refuses a file.
        terms (`Mapping[str, str]`):
            Text for the words in double braces of the rules: "{{measurements}}".
    """

    folder: Path
    subject: str
    write_answer: Callable[[Mapping[str, Any]], str]
    schema: Mapping[str, Any]
    remedy: str
    terms: Mapping[str, str] = {}


@dataclass(frozen=True)
class Prompt:
    """How questions are put to a language model.

    Attributes:
        version (`str`):
            Name of the file and a hash of all that the model is told: another text is another version.
        system (`str`):
            The rules of answering.
        examples (`tuple[tuple[Any, str], ...]`):
            Subjects with the answers they should get.
        subject (`str`):
            What is asked about: "statement".
    """

    version: str
    system: str
    examples: tuple[tuple[Any, str], ...]
    subject: str = "statement"

    def messages(self, content: Any, *, refusal: str = "") -> list[Message]:
        """The conversation that asks a question.

        Args:
            content (`Any`):
                What is asked about, as JSON: a statement of a report, or several with what is known of them.
            refusal (`str`):
                Why an earlier answer was refused; empty on the first attempt.

        Returns:
            `list[dict[str, str]]`: Messages with `role` and `content`, the question in the last one.
        """
        messages = [{"role": "system", "content": self.system}]
        for example, answer in self.examples:
            messages.append({"role": "user", "content": self._put(example)})
            messages.append({"role": "assistant", "content": answer})
        question = self._put(content)
        if refusal:
            question += f"\n\nAn earlier answer was refused: {refusal} Answer again."
        return [*messages, {"role": "user", "content": question}]

    def _put(self, content: Any) -> str:
        """A subject as the user's message."""
        return json.dumps({self.subject: content}, ensure_ascii=False)


def load_prompt(name: str, form: PromptForm) -> Prompt:
    """Read a prompt.

    Args:
        name (`str`):
            Name of a prompt of this package, such as `"findings_v1"`, or path of a YAML file with the keys `system`
            and `examples`.
        form (`PromptForm`):
            What the prompts of the task have in common.

    Raises:
        FileNotFoundError: If there is no such prompt.
        ValueError: If the file lacks a key or an example is not in the form of an answer.
    """
    path = Path(name) if name.endswith((".yaml", ".yml")) else form.folder / f"{name}.yaml"
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in form.folder.glob("*.yaml")))
        raise FileNotFoundError(
            f"There is no prompt {name!r}. `--prompt_version` takes {known}, or the path of a YAML file."
        )
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        system = _fill(content["system"], form.terms)
        examples = tuple((example[form.subject], form.write_answer(example)) for example in content["examples"])
    except (yaml.YAMLError, ValueError, TypeError, LookupError):
        raise ValueError(
            f"{path} is no prompt: it needs the text `system` and the list `examples`, each with `{form.subject}` and"
            f" {form.remedy}, as in the files of {form.folder.name}/."
        ) from None
    unhashed = Prompt("", system, examples, form.subject)
    told = json.dumps([unhashed.messages("", refusal="."), form.schema], sort_keys=True)
    digest = hashlib.sha256(told.encode("utf-8")).hexdigest()[:HASH_LENGTH]
    return Prompt(f"{path.stem}-{digest}", system, examples, form.subject)


def _fill(system: Any, terms: Mapping[str, str]) -> str:
    """The rules of answering with the text of each term."""
    if not isinstance(system, str):
        raise TypeError(f"`system` is {system!r}, not a text.")
    for name, meaning in terms.items():
        system = system.replace(f"{{{{{name}}}}}", meaning)
    return system
