"""From flags to the backend that they ask for: the one place that knows all of them."""

from pathlib import Path

from datasets_scripts.extraction.readings.reading import Reading

from .backend import Backend, BackendArguments
from .reading_cache import CachedBackend
from .rules_backend import RulesBackend
from .statement_task import StatementTask
from .task import Question, Result, Task


READINGS_FILE = "readings.jsonl"


def make_backend(
    arguments: BackendArguments, output_dir: Path, *, show_progress: bool = False
) -> Backend[str, Reading]:
    """Build the backend for statements that the flags ask for.

    Args:
        arguments (`BackendArguments`):
            The flags.
        output_dir (`Path`):
            Folder in which the readings of a language model are kept as they arrive, so that a statement is paid for
            once.
        show_progress (`bool`):
            Whether to show a progress bar.

    Raises:
        BackendError: If the model or a package that it needs is missing.
        FileNotFoundError: If there is no such prompt.
        ValueError: If the file of the prompt is not what it should be.
    """
    if arguments.backend == "rules":
        return RulesBackend()
    task = StatementTask.load(arguments.prompt_version)
    return make_model_backend(arguments, task, output_dir / READINGS_FILE, show_progress=show_progress)


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
    # Each backend is imported when it is asked for: only one of them needs a package that may not be installed.
    if arguments.backend == "endpoint":
        from .endpoint import EndpointBackend as ModelBackend
    else:
        from .local_model import LocalModelBackend as ModelBackend
    model = ModelBackend(arguments, task)
    cached = CachedBackend(model, task, path, retry_failed=arguments.retry_failed, show_progress=show_progress)
    model.journal = cached
    return cached
