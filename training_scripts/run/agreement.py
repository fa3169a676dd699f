"""Whether a saved state is of a run that reads the same records and learns the same findings."""

from typing import Any

from modeling_supreme.command_line import CommandLineError


def check_order(saved: dict[str, Any], current: dict[str, Any]) -> None:
    """Check that the records come in the order of the saved run.

    Raises:
        CommandLineError: If they do not: records would be seen twice or not at all.
    """
    changed = [
        f"{name} {saved.get(name)} (now {value})" for name, value in current.items() if saved.get(name) != value
    ]
    if changed:
        raise CommandLineError(
            f"The state was saved by a run with {', '.join(changed)}, which reads the records in another order."
            " Resume with the same setting, or start from its checkpoint with `--model_name_or_path`."
        )


def name_findings(model: Any) -> list[str] | None:
    """What a model learns to tell, in words, if its configuration says so."""
    config = getattr(model, "config", None)
    queries = getattr(config, "trained_queries", None)
    return list(queries or getattr(config, "id2label", {}).values()) or None


def check_findings(saved: list[str] | None, current: list[str] | None) -> None:
    """Check that a run goes on learning what it learnt; a state of an earlier version does not say.

    Raises:
        CommandLineError: If it does not: the checkpoint would not know what its weights were trained on.
    """
    if saved is None or saved == current:
        return
    now = current or []
    lost = [f"without {name}" for name in saved if name not in set(now)]
    new = [f"with {name}" for name in now if name not in set(saved)]
    shown = ", ".join(lost[:3] + new[:3])
    raise CommandLineError(
        f"The state was saved by a run that learns {len(saved)} findings; this one learns {len(now)}"
        f" ({shown or 'in another order'}): the corpus or its labels have changed. Restore them, or start from its"
        " checkpoint with `--model_name_or_path`."
    )
