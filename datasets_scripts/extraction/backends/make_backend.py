"""From flags to the backend that they ask for: the one place that knows all of them."""

from pathlib import Path
from typing import Any

from datasets_scripts.extraction.readings.reading import Reading

from .backend import Backend, BackendArguments
from .correction_task import CorrectionTask, DoubtTask
from .grouped import GroupedBackend
from .reading_cache import CachedBackend
from .routes import RouteArguments, RoutedBackend
from .rules_backend import RulesBackend
from .statement_task import StatementTask
from .task import Question, Result, Task


READINGS_FILE = "readings.jsonl"
# The prompt for one statement, and the one that takes its place where the model is told of the rules.
FINDINGS_PROMPT, CORRECTIONS_PROMPT = "findings_v1", "corrections_v1"


def make_backend(
    arguments: BackendArguments,
    output_dir: Path,
    *,
    routing: RouteArguments | None = None,
    show_progress: bool = False,
) -> Backend[str, Reading]:
    """Build the backend for statements that the flags ask for.

    Args:
        arguments (`BackendArguments`):
            The flags.
        output_dir (`Path`):
            Folder in which the readings of a language model are kept as they arrive, so that a statement is paid for
            once.
        routing (`RouteArguments`, *optional*):
            Which statements a language model is asked about, and how many at a time; by default all, one by one.
        show_progress (`bool`):
            Whether to show a progress bar.

    Raises:
        BackendError: If the model or a package that it needs is missing.
        FileNotFoundError: If there is no such prompt.
        ValueError: If the file of the prompt is not what it should be.
    """
    if arguments.backend == "rules":
        return RulesBackend()
    routing, path = routing or RouteArguments(), output_dir / READINGS_FILE
    if not routing.tells_of_rules:
        task = StatementTask.load(arguments.prompt_version)
        return make_model_backend(arguments, task, path, show_progress=show_progress)
    grouped = make_grouped_backend(arguments, routing)
    options = {"retry_failed": arguments.retry_failed, "show_progress": show_progress}
    grouped.journal = CachedBackend(grouped, DoubtTask(), path, **options)
    return RoutedBackend(routing.route, grouped.journal)


def make_grouped_backend(arguments: BackendArguments, routing: RouteArguments) -> GroupedBackend:
    """The language model that the flags ask for, which reads several statements at a time and is told of the rules."""
    prompt = CORRECTIONS_PROMPT if arguments.prompt_version == FINDINGS_PROMPT else arguments.prompt_version
    size = routing.statements_per_call
    model = _choose_model(arguments)(arguments, CorrectionTask.load(prompt, statements_per_call=size))
    grouped = GroupedBackend(model, statements_per_call=size)
    model.journal = grouped
    return grouped


def make_model_backend(
    arguments: BackendArguments, task: Task[Question, Result], path: Path, *, show_progress: bool = False
) -> CachedBackend[Question, Result]:
    """Build the language model that the flags ask for, with a file for its answers.

    Args:
        arguments (`BackendArguments`):
            The flags.
        task (`Task`):
            What is asked for.
        path (`Path`):
            File in which answers are kept as they arrive.
        show_progress (`bool`):
            Whether to show a progress bar.

    Raises:
        BackendError: If the model or a package that it needs is missing.
    """
    model = _choose_model(arguments)(arguments, task)
    cached = CachedBackend(model, task, path, retry_failed=arguments.retry_failed, show_progress=show_progress)
    model.journal = cached
    return cached


def _choose_model(arguments: BackendArguments) -> type[Any]:
    """The class of the language model, imported now: only one of them needs a package that may not be installed."""
    if arguments.backend == "endpoint":
        from .endpoint import EndpointBackend

        return EndpointBackend
    from .local_model import LocalModelBackend

    return LocalModelBackend
