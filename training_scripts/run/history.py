"""What happened to a run, session by session: in train_sessions.json, in every state, and in a sentence of the card.

A run that is gone on with is the work of several sessions. Their flags and their packages may differ, and what the
last one was told is not what the model has learnt by. Flags that a state keeps are refused when they change; others
count from that step on, and are written down.
"""

from __future__ import annotations

import json
import platform
import shlex
import sys
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import yaml

from modeling_supreme.command_line import CommandLineError
from modeling_supreme.output_files.atomic_files import write_text


ARGUMENTS_FILENAME = "train_arguments.yaml"
SESSIONS_FILENAME = "train_sessions.json"
PROGRESS_FILENAME = "progress.json"  # of a state
PACKAGES = ("modeling-supreme", "torch", "transformers", "accelerate", "datasets", "numpy")
# Which session it is, not how it trains
CONTROLS = ("output_dir", "resume_from_checkpoint", "overwrite_output_dir", "dry_run")
# What a state keeps, whatever a session is told (rate and decay), what its weights are made for (the model), or what
# its steps have been drawn from (records and seed)
KEPT = (
    *("model_name_or_path", "ecg_encoder", "text_model_name_or_path", "text_pooling", "revision"),
    *("fusion_hidden_size", "num_fusion_layers", "freeze_text_encoder", "freeze_encoder", "do_bandpass"),
    *("dataset_name", "dataset_config_name", "dataset_weights", "num_records", "on_the_fly", "streaming"),
    *("report_labels", "uncertain_label", "unmentioned", "min_positives", "held_out_findings", "held_out_records"),
    *(
        "train_fraction",
        "max_train_samples",
        "objective",
        "loss_type",
        "seed",
        "learning_rate",
        "weight_decay",
        "ema_decay",
    ),
    *("layers", "intermediate_size", "vocab_size", "num_counted_texts", "token_weight"),
)


@dataclass
class RunHistory:
    """A run and its sessions.

    Attributes:
        run_id (`str`, *optional*):
            Tells this run from every other; a run that an earlier version began has none.
        settings (`dict`):
            Flags of the last session, as in train_arguments.yaml.
        sessions (`list[dict]`):
            Oldest first. `first_step` and `last_step` are steps done before a session and after it, as far as the
            model still has them: those after the state that a later session began with are not counted.
    """

    run_id: str | None
    settings: dict[str, Any]
    sessions: list[dict[str, Any]]

    def save(self, output_dir: Path) -> None:
        """Write the flags and the sessions."""
        write_text(output_dir / ARGUMENTS_FILENAME, yaml.safe_dump(self.settings, sort_keys=False))
        content = {"run_id": self.run_id, "sessions": self.sessions}
        write_text(output_dir / SESSIONS_FILENAME, json.dumps(content, indent=1) + "\n")

    def at_step(self, step: int) -> dict[str, Any]:
        """As it stands after a step, for a state."""
        *earlier, last = self.sessions
        return {**asdict(self), "sessions": [*earlier, {**last, "last_step": step}]}

    def end(self, output_dir: Path, step: int, how: str) -> None:
        """Note how far the last session has come, and how it ended."""
        self.sessions[-1] |= {"last_step": step, "ended": how}
        self.save(output_dir)


def begin_session(
    settings: dict[str, Any],
    *,
    run_id: str | None,
    state: RunHistory | None,
    known_sessions: list[dict[str, Any]],
    state_dir: Path | None,
    step: int,
    num_processes: int,
) -> RunHistory:
    """The history of a run with a session that begins now.

    Args:
        settings (`dict`):
            Its flags.
        run_id (`str`, *optional*):
            The run.
        state (`RunHistory`, *optional*):
            History of the state that it goes on from.
        known_sessions (`list[dict]`):
            Those that the folder of the run lists; of one that is not in `state`, the model has nothing.
        state_dir (`Path`, *optional*):
            Folder of the state.
        step (`int`):
            Steps done before.
        num_processes (`int`):
            Processes that train.
    """
    sessions = {session["began"]: session for session in known_sessions}
    for session in sessions.values():
        session["last_step"] = session["first_step"]
    sessions |= {session["began"]: session for session in (state.sessions if state else [])}
    for session in sessions.values():
        session.setdefault("ended", "broken off")
    new = {
        "command": shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]),
        "began": datetime.now(UTC).isoformat(),
        "first_step": step,
        "last_step": step,
        "resumed_from": str(state_dir) if state_dir else None,
        "changed": find_changes(state.settings, settings) if state else {},
        "num_processes": num_processes,
        "versions": read_versions(),
    }
    ordered = sorted(sessions.values(), key=lambda session: session["began"])
    return RunHistory(run_id, settings, [*ordered, new])


def new_run_id() -> str:
    """An id that no other run has."""
    return uuid.uuid4().hex


def read_versions() -> dict[str, str]:
    """Versions of Python and of the packages that decide what a run learns, as far as they are installed."""
    versions = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return versions


def read_sessions(output_dir: Path) -> tuple[str | None, list[dict[str, Any]]]:
    """Id and sessions of the run in a folder; none where there is no run, or one that an earlier version began.

    Raises:
        CommandLineError: If the file is not what was written.
    """
    path = output_dir / SESSIONS_FILENAME
    if not path.is_file():
        return None, []
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return content["run_id"], list(content["sessions"])
    except (ValueError, KeyError, TypeError) as error:
        raise CommandLineError(
            f"{path} is damaged ({type(error).__name__}: {error}). Go on from a state in another `--output_dir`, with"
            " its folder as `--resume_from_checkpoint`, or begin again with `--overwrite_output_dir`."
        ) from error


def read_history(state_dir: Path) -> RunHistory:
    """The history that a state was saved with; of one of an earlier version, the flags that lie beside its run."""
    try:
        content = json.loads((state_dir / PROGRESS_FILENAME).read_text(encoding="utf-8"))["run"]
    except (OSError, ValueError, KeyError, TypeError):
        content = None
    if isinstance(content, dict) and content.get("history"):
        return RunHistory(**content["history"])
    path = state_dir.absolute().parents[1] / ARGUMENTS_FILENAME
    settings = yaml.safe_load(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return RunHistory(None, settings, [])


def find_changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Flags that differ, with both values; a file or folder that was moved is no difference.

    Example:
        >>> find_changes({"eval_steps": 5, "data_dir": ["/a/ptb-xl"]}, {"eval_steps": 9, "data_dir": ["/b/ptb-xl"]})
        {'eval_steps': {'before': 5, 'now': 9}}
    """
    return {
        name: {"before": before[name], "now": value}
        for name, value in now.items()
        if name in before and name not in CONTROLS and not _are_same(before[name], value)
    }


def check_kept(before: Mapping[str, Any], now: Mapping[str, Any], state_dir: Path) -> None:
    """Refuse flags that would be recorded and have no effect, or would make another run of this one.

    Raises:
        CommandLineError: If a flag that a state keeps differs from what the state was saved with.
    """
    changes = {name: change for name, change in find_changes(before, now).items() if name in KEPT}
    if changes:
        listed = ", ".join(
            f"`--{name}` is {_spell(change['now'])} and was {_spell(change['before'])}"
            for name, change in changes.items()
        )
        raise CommandLineError(
            f"{state_dir} goes on only as it began: {listed}. Repeat the flags of the run, or begin another run from"
            " its checkpoint with `--model_name_or_path` and another `--output_dir`."
        )


def describe_sessions(sessions: Sequence[Mapping[str, Any]]) -> str:
    r"""How many sessions a model is the work of, and what changed between them, in words.

    Example:
        >>> first = {"first_step": 0, "last_step": 40, "changed": {}, "versions": {"torch": "2.6"}}
        >>> second = {"first_step": 40, "last_step": 90, "versions": {"torch": "2.7"}, "num_processes": 1}
        >>> second["changed"] = {"eval_steps": {"before": 5, "now": 9}}
        >>> print(describe_sessions([first, second]).replace(". ", ".\n"))
        Trained in 2 sessions (steps 1 to 40, 41 to 90).
        From step 41 on: `--eval_steps` 9, before 5; torch 2.7, before 2.6.
    """
    kept = [session for session in sessions if session["last_step"] > session["first_step"]]
    if not kept:
        return ""
    steps = ", ".join(f"{session['first_step'] + 1} to {session['last_step']}" for session in kept)
    lost = f" Of steps 1 to {kept[0]['first_step']} no record is left." if kept[0]["first_step"] else ""
    if len(kept) == 1:
        return f"Trained in one session (steps {steps}).{lost}" + _describe_change(kept[0], {})
    changes = "".join(map(_describe_change, kept[1:], (session["versions"] for session in kept)))
    return f"Trained in {len(kept)} sessions (steps {steps}).{lost}{changes}"


def _describe_change(session: Mapping[str, Any], versions: Mapping[str, str]) -> str:
    """What a session changed, if anything."""
    parts = [
        f"`--{name}` {_spell(change['now'])}, before {_spell(change['before'])}"
        for name, change in session["changed"].items()
    ]
    parts += [
        f"{name} {version}, before {versions[name]}"
        for name, version in session["versions"].items()
        if versions.get(name, version) != version
    ]
    return f" From step {session['first_step'] + 1} on: {'; '.join(parts)}." if parts else ""


def _are_same(before: Any, now: Any) -> bool:
    """Whether two values of a flag mean the same."""
    if isinstance(before, list) and isinstance(now, list):
        return len(before) == len(now) and all(map(_are_same, before, now))
    if isinstance(before, str) and isinstance(now, str):
        return before == now or (_is_place(before) and _is_place(now) and Path(before).name == Path(now).name)
    return before == now


def _is_place(value: str) -> bool:
    """Whether a value is the path of a file or folder rather than a name."""
    return value.startswith(("/", "~", ".")) or Path(value).exists()


def _spell(value: Any) -> str:
    """A value as the command line has it, without the folders of this machine."""
    if isinstance(value, list):
        return " ".join(map(_spell, value)) or "not given"
    if value is None:
        return "not given"
    return Path(value).name if isinstance(value, str) and _is_place(value) else str(value)
