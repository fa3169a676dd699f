"""From flags to the backend that they ask for: the one place that knows all of them."""

from pathlib import Path

from .backend import Backend, BackendArguments
from .prompts import load_prompt
from .reading_cache import CachedBackend
from .rules_backend import RulesBackend


READINGS_FILE = "readings.jsonl"


def make_backend(arguments: BackendArguments, output_dir: Path, *, show_progress: bool = False) -> Backend:
    """Build the backend that the flags ask for.

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
    prompt, path = load_prompt(arguments.prompt_version), output_dir / READINGS_FILE
    options = {"retry_failed": arguments.retry_failed, "show_progress": show_progress}
    # Each backend is imported when it is asked for: only one of them needs a package that may not be installed.
    if arguments.backend == "endpoint":
        from .endpoint import EndpointBackend

        endpoint = EndpointBackend(arguments, prompt)
        endpoint.journal = CachedBackend(endpoint, path, **options)
        return endpoint.journal
    from .local_model import LocalModelBackend

    return CachedBackend(LocalModelBackend(arguments, prompt), path, **options)
