"""Whether an exported file says what the model says, on strips and queries of every shape."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch

from .formats import Outputs, Runner
from .parts import Inputs, Part


TOLERANCE = 1e-4
TURN_DEG = 360.0


class DisagreementError(RuntimeError):
    """An exported file says something else than the model; the message says what."""


def check_agreement(
    part: Part, runner: Runner, *, circular: Sequence[int] = (), tolerance: float = TOLERANCE
) -> dict[str, dict[str, float]]:
    """Compare a file with the module that it was made from, on every case of the part.

    Args:
        part (`Part`):
            The module, and what to try.
        runner (`Callable`):
            Runs the file.
        circular (`Sequence[int]`):
            Places of measurements that are angles: 180 degrees are -180.
        tolerance (`float`):
            Largest difference of logits, probabilities and embeddings; of measurements, whose units differ, per unit
            of the value where that is more than 1.

    Returns:
        `dict`: By case and output the largest difference, in these terms.

    Raises:
        DisagreementError: If a difference is larger, a shape is another, or a value is NaN in one and not in the
            other.
    """
    differences = {}
    for case, inputs in part.cases.items():
        differences[case] = compare(run_module(part, inputs), runner(inputs), tuple(part.outputs), circular)
        worst = max(differences[case], key=lambda name: differences[case][name])
        if not differences[case][worst] <= tolerance:
            raise DisagreementError(
                f"The exported part {part.name!r} differs from torch: {worst} by up to {differences[case][worst]:.2g},"
                f" with {case} (inputs {_describe(inputs)}), where {tolerance:g} is allowed. Nothing was written. Try"
                " another `--format`, or other versions of torch and of the library that runs it."
            )
    return differences


def run_module(part: Part, inputs: Inputs) -> Outputs:
    """What the model says."""
    with torch.no_grad():
        return [each.numpy() for each in part.module(*inputs.values())]


def compare(wanted: Outputs, found: Outputs, names: Sequence[str], circular: Sequence[int] = ()) -> dict[str, float]:
    """Largest difference of each output; infinite where a shape or a NaN is another.

    Example:
        >>> found = compare([np.array([[0.0, 2.0]])], [np.array([[0.0, 2.5]])], ["logits"])
        >>> {name: round(difference, 4) for name, difference in found.items()}
        {'logits': 0.5, 'probabilities': 0.0433}
    """
    if len(wanted) != len(found):
        return {"the number of outputs": np.inf}
    pairs: dict[str, tuple[np.ndarray, np.ndarray]] = dict(zip(names, zip(wanted, found, strict=True), strict=True))
    differences = {}
    for name, (ours, theirs) in pairs.items():
        if ours.shape != theirs.shape or np.any(np.isnan(ours) != np.isnan(theirs)):
            differences[name] = np.inf
            continue
        difference = np.abs(ours - theirs)
        if name in ("value", "sd"):
            if name == "value" and circular:
                angles = difference[:, list(circular)]
                difference[:, list(circular)] = np.minimum(angles, np.abs(TURN_DEG - angles))
            difference = difference / np.maximum(1.0, np.abs(ours))
        differences[name] = float(np.nanmax(difference, initial=0.0))
        if name == "logits":
            differences["probabilities"] = float(np.nanmax(np.abs(_sigmoid(ours) - _sigmoid(theirs)), initial=0.0))
    return differences


def largest(differences: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """Over all cases."""
    names = dict.fromkeys(name for case in differences.values() for name in case)
    return {name: max(case[name] for case in differences.values()) for name in names}


def _sigmoid(logits: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-logits.astype(np.float64)))


def _describe(inputs: Inputs) -> str:
    return ", ".join(f"{name} {tuple(each.shape)}" for name, each in inputs.items())
