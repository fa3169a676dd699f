"""What a user names on the Hub or in a folder, checked before any work; uploads are private unless asked otherwise."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import httpx2
from huggingface_hub import CommitOperationAdd, HfApi
from huggingface_hub.errors import HFValidationError

from .parser import CommandLineError


RepoType = Literal["model", "dataset"]
# What huggingface_hub raises without a login, without the right, offline, without an answer, and at a name that
# cannot be
HUB_ERRORS = (OSError, HFValidationError, httpx2.HTTPError)


class UploadError(CommandLineError):
    """The Hub did not take what it had said it would take; the message says what is left to do."""


@contextmanager
def told_when_absent(what: str, name: str, *, remedy: str) -> Iterator[None]:
    """Say in a sentence that what is loaded here by its name cannot be, where a library would end in a traceback.

    Args:
        what (`str`):
            Kind of it, such as `"The text encoder"`.
        name (`str`):
            Folder or Hub id, as the user gave it.
        remedy (`str`):
            Sentences on what to do, with the flag that names it.

    Raises:
        CommandLineError: If it is not there, cannot be fetched, or is no file of its kind.
    """
    try:
        yield
    except CommandLineError:
        raise
    except (*HUB_ERRORS, ValueError) as error:
        first_line = next(iter(str(error).strip().splitlines()), type(error).__name__).rstrip(".")
        raise CommandLineError(f"{what} {name} cannot be loaded ({first_line}). {remedy}") from error


def load_config(name: str, *, revision: str | None = None) -> Any:
    """The configuration of a checkpoint that a user named, before its weights are loaded.

    Args:
        name (`str`):
            Its folder or Hub id.
        revision (`str`, *optional*):
            Branch, tag or commit on the Hub.

    Raises:
        CommandLineError: If there is no checkpoint of this name, or the Hub is out of reach.
    """
    from transformers import AutoConfig

    remedy = "Correct its name (`--model`): the folder of a checkpoint, or an id of the Hub."
    with told_when_absent("The checkpoint", name, remedy=remedy):
        return AutoConfig.from_pretrained(name, revision=revision)


def check_hub(repo_id: str, *, flag: str, is_public: bool, repo_type: RepoType = "model") -> None:
    """Make the repository, before hours are spent on what goes there.

    Args:
        repo_id (`str`):
            Repository on the Hub, as owner/name; it is made where there is none.
        flag (`str`):
            Flag that names it, for messages.
        is_public (`bool`):
            Whether a public repository was asked for.
        repo_type (`str`, defaults to `"model"`):
            Kind of the repository.

    Raises:
        CommandLineError: If there is no login, or no right to write there, or the repository is public although nobody
            asked for a public one.
    """
    try:
        HfApi().whoami()
        _open_repo(repo_id, is_public=is_public, repo_type=repo_type)
    except HUB_ERRORS as error:
        raise CommandLineError(
            f"`{flag}` {repo_id} cannot be written to ({_in_one_line(error)}). Log in with"
            " `hf auth login`, or name a repository of yours."
        ) from error


def upload_files(
    files: Mapping[str, Path | bytes],
    repo_id: str,
    *,
    message: str,
    remedy: str,
    is_public: bool,
    repo_type: RepoType = "model",
) -> list[str]:
    """Upload these files and no others, in one commit.

    Args:
        files (`Mapping[str, Path | bytes]`):
            What is uploaded, a file or its content, by name in the repository.
        repo_id (`str`):
            Repository on the Hub, as owner/name; it is made where there is none.
        message (`str`):
            Of the commit.
        remedy (`str`):
            Sentences on where the files are and how to upload them again, should the Hub refuse them.
        is_public (`bool`):
            Whether a public repository was asked for.
        repo_type (`str`, defaults to `"model"`):
            Kind of the repository.

    Returns:
        `list[str]`: Names of the files uploaded.

    Raises:
        CommandLineError: If the repository is public although nobody asked for a public one.
        UploadError: If the Hub refuses the files, or does not answer.
    """
    operations = [CommitOperationAdd(name, content) for name, content in files.items()]
    try:
        repo_id = _open_repo(repo_id, is_public=is_public, repo_type=repo_type)
        HfApi().create_commit(repo_id, operations, repo_type=repo_type, commit_message=message)
    except HUB_ERRORS as error:
        raise UploadError(f"The upload to {repo_id} failed ({_in_one_line(error)}). {remedy}") from error
    return list(files)


def _in_one_line(error: Exception) -> str:
    """An error of the Hub, whose messages have several lines."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"


def _open_repo(repo_id: str, *, is_public: bool, repo_type: RepoType) -> str:
    """The repository with its owner, made where there is none; refuse a public one that nobody asked for."""
    api = HfApi()
    repo_id = api.create_repo(repo_id, repo_type=repo_type, private=not is_public, exist_ok=True).repo_id
    if not is_public and not api.repo_info(repo_id, repo_type=repo_type).private:
        raise CommandLineError(
            f"{repo_id}, to which this would be uploaded, is public. Make it private in its settings, or ask for a"
            " public repository with `--hub_public`."
        )
    return repo_id
