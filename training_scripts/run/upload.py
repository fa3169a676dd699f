"""What goes to the Hub: files of an allow-list without local paths, to a private repository unless asked otherwise.

Whatever else lies in the folder of a run stays on this machine: states and logs, scores and labels of single records,
lists of records whose step failed.
"""

from __future__ import annotations

import json
import re
from fnmatch import fnmatch
from pathlib import Path, PureWindowsPath
from typing import Any

import yaml

from modeling_supreme import leads
from modeling_supreme.command_line.hub import upload_files


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
STRIPPED = ("README.md", "*config.json", "train_arguments.yaml", "train_results.json", "eval_results.json")
# A path in a text: two parts or more from the root or the home folder, after a blank, a quote or a bracket
PATH_IN_TEXT = re.compile(r"""(?<![^\s"'`(\[=])(?:file://)?(?:~|/[\w.+@%=-]+)(?:/[\w.+@%=-]+)*/([\w.+@%=-]+)/?""")


def choose_files(folder: Path) -> list[Path]:
    """The files of a folder that are uploaded, by name."""
    files = sorted(path for path in folder.iterdir() if path.is_file())
    return [path for path in files if path.name in CODE or any(fnmatch(path.name, name) for name in UPLOADED)]


def without_paths(path: Path) -> bytes | Path:
    """A file as it is uploaded: itself, or its content, in which of a local path only the last part is left."""
    if not any(fnmatch(path.name, pattern) for pattern in STRIPPED):
        return path
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".md":
        return strip_text(text).encode()
    if path.suffix == ".yaml":
        return yaml.safe_dump(strip_paths(yaml.safe_load(text)), sort_keys=False).encode()
    return (json.dumps(strip_paths(json.loads(text)), indent=2, ensure_ascii=False) + "\n").encode()


def strip_paths(content: Any) -> Any:
    """A value, or a list or table of values, with the last part of each local path.

    A path is what begins as one (`/`, `~`, `.`, `file:`), or is one on this machine.

    Example:
        >>> strip_paths({"data_dir": ["/home/ann/ptb-xl/1.0.3"], "model": "ncbi/MedCPT-Query-Encoder"})
        {'data_dir': ['1.0.3'], 'model': 'ncbi/MedCPT-Query-Encoder'}
    """
    if isinstance(content, dict):
        return {strip_paths(key): strip_paths(value) for key, value in content.items()}
    if isinstance(content, list):
        return [strip_paths(value) for value in content]
    if not isinstance(content, str) or not {"/", "\\"} & set(content):
        return content
    if "\n" in content:
        return strip_text(content)
    # A name on the Hub has two parts; a folder of that name is taken for what was meant
    is_local = content.startswith(("/", "~", ".", "file:")) or (len(content) < 1024 and Path(content).exists())
    if PureWindowsPath(content).drive:
        return PureWindowsPath(content).name
    return Path(content).name if is_local else strip_text(content)


def strip_text(text: str) -> str:
    """A text with the last part of each local path in it.

    Example:
        >>> strip_text("The encoder of '/home/ann/runs/best', at 100/min.")
        "The encoder of 'best', at 100/min."
    """
    return PATH_IN_TEXT.sub(r"\1", text)


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
            Whether a public repository was asked for.

    Returns:
        `list[str]`: Names of the files uploaded.

    Raises:
        UploadError: If the Hub refuses the files, or does not answer.
    """
    files = {path.name: without_paths(path) for path in choose_files(folder)}
    remedy = (
        f"The checkpoint is whole in {folder}. Upload it with `push_to_hub(Path({str(folder)!r}), {repo_id!r})` of"
        " `training_scripts.run.upload`, or, if the run saved states, repeat the command with"
        " `--resume_from_checkpoint latest`."
    )
    return upload_files(files, repo_id, message="Upload the trained model", remedy=remedy, is_public=is_public)
