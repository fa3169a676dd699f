"""What goes to the Hub: files of an allow-list without local paths, to a private repository unless asked otherwise.

Whatever else lies in the folder of a run stays on this machine: states and logs, scores and labels of single records,
lists of records whose step failed.
"""

from __future__ import annotations

import json
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import yaml
from huggingface_hub import CommitOperationAdd, HfApi
from huggingface_hub.errors import HFValidationError

from modeling_supreme import leads
from modeling_supreme.command_line import CommandLineError


# Names, not paths: nothing below a folder is uploaded.
UPLOADED = (
    *("README.md", "*.safetensors", "*.safetensors.index.json"),
    *("config.json", "processor_config.json", "preprocessor_config.json"),
    *("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"),
    *("vocab.txt", "vocab.json", "merges.txt", "spiece.model", "sentencepiece.bpe.model"),
    *("train_arguments.yaml", "train_results.json", "eval_results.json", "training_curves.png"),
)
# Code that may have travelled with the checkpoint; a script of the user's beside it stays.
CODE = frozenset(path.name for path in Path(leads.__file__).parent.glob("*.py"))
# What may say where on this machine something lay
STRIPPED = ("*config.json", "train_arguments.yaml", "train_results.json", "eval_results.json")


def choose_files(folder: Path) -> list[Path]:
    """The files of a folder that are uploaded, by name."""
    files = sorted(path for path in folder.iterdir() if path.is_file())
    return [path for path in files if path.name in CODE or any(fnmatch(path.name, name) for name in UPLOADED)]


def without_paths(path: Path) -> bytes | Path:
    """A file as it is uploaded: itself, or its content, in which of a local path only the last part is left."""
    if not any(fnmatch(path.name, pattern) for pattern in STRIPPED):
        return path
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".yaml":
        return yaml.safe_dump(strip_paths(yaml.safe_load(text)), sort_keys=False).encode()
    return (json.dumps(strip_paths(json.loads(text)), indent=2, ensure_ascii=False) + "\n").encode()


def strip_paths(content: Any) -> Any:
    """A value, or a list or table of values, with the last part of each local path.

    A path is what begins as one (`/`, `~`, `.`), or is one on this machine.

    Example:
        >>> strip_paths({"data_dir": ["/home/ann/ptb-xl/1.0.3"], "model": "ncbi/MedCPT-Query-Encoder"})
        {'data_dir': ['1.0.3'], 'model': 'ncbi/MedCPT-Query-Encoder'}
    """
    if isinstance(content, dict):
        return {key: strip_paths(value) for key, value in content.items()}
    if isinstance(content, list):
        return [strip_paths(value) for value in content]
    if not isinstance(content, str) or "/" not in content or "\n" in content:
        return content
    path = Path(content)
    # A name on the Hub has two parts; a folder of that name is taken for what was meant
    is_local = content.startswith(("/", "~", ".")) or (len(content) < 1024 and path.exists())
    return path.name if is_local else content


def check_hub(repo_id: str, *, is_public: bool) -> None:
    """Make the repository, before hours are spent on what goes there.

    Raises:
        CommandLineError: If there is no login, or no right to write there, or the repository is public although nobody
            asked for a public one.
    """
    api = HfApi()
    try:
        name = api.whoami()["name"]
        repo_id = api.create_repo(repo_id, private=not is_public, exist_ok=True).repo_id
        is_private = api.repo_info(repo_id).private
    # What huggingface_hub raises without a login, without the right, offline, and at a name that cannot be
    except (OSError, HFValidationError) as error:
        raise CommandLineError(
            f"`--hub_model_id` {repo_id} cannot be written to ({type(error).__name__}: {error}). Log in with"
            " `hf auth login`, or name a repository of yours."
        ) from error
    if not is_private and not is_public:
        raise CommandLineError(
            f"{repo_id}, to which {name} would upload, is public. Make it private in its settings, or ask for a public"
            " repository with `--hub_public`."
        )


def describe_upload(folder: Path, repo_id: str, *, is_public: bool) -> str:
    """What would be uploaded where, for people to read."""
    found = [path.name for path in choose_files(folder)] if folder.is_dir() else []
    kind = "public" if is_public else "private"
    there = f"; of what is in {folder} now: {', '.join(found)}" if found else ""
    listed = ", ".join([*UPLOADED, "the model's code"])
    return f"Would go to {repo_id} ({kind}): {listed}{there}. Local paths are cut to their last part."


def push_to_hub(folder: Path, repo_id: str, *, is_public: bool = False) -> list[str]:
    """Upload a checkpoint with its card, its code and its figures.

    Args:
        folder (`Path`):
            What a run leaves.
        repo_id (`str`):
            Repository on the Hub, as owner/name; it is made where there is none.
        is_public (`bool`):
            Whether everybody may read a repository that is made.

    Returns:
        `list[str]`: Names of the files uploaded.
    """
    api = HfApi()
    repo_id = api.create_repo(repo_id, private=not is_public, exist_ok=True).repo_id
    files = choose_files(folder)
    operations = [CommitOperationAdd(path.name, without_paths(path)) for path in files]
    api.create_commit(repo_id, operations, commit_message="Upload the trained model")
    return [path.name for path in files]
