"""The recordings that visitors of the page in the browser may try: simulated, so that they are of no patient."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from datasets_scripts.schema import SAMPLING_RATE
from modeling_supreme.leads import STANDARD_LEADS
from modeling_supreme.recordings import to_microvolts
from modeling_supreme.signal_processing import resample_strip

from ..simulated_record import SimulatorSettings, simulate_record


STORED_RATE = 250  # Hz: half the bytes, and every wave is still there
LONG_LEADS = ("II", "V1", "V5")
SETTINGS = SimulatorSettings(noise_scale=0.5, has_comorbidity=False)


class Example(NamedTuple):
    """A recording by what its strips of 10 s show, one after the other.

    Attributes:
        conditions (`tuple[str, ...]`):
            Of the simulator, one for each strip.
        leads (`tuple[str, ...]`):
            Those that are stored.
        record_index (`int`):
            Which patient.
    """

    conditions: tuple[str, ...]
    leads: tuple[str, ...] = STANDARD_LEADS
    record_index: int = 0


EXAMPLES = {
    "normal_ecg": Example(("normal ecg",), record_index=20),
    "atrial_fibrillation": Example(("atrial fibrillation",), record_index=4),
    "left_bundle_branch_block": Example(("left bundle branch block",), record_index=8),
    "anterior_myocardial_infarction": Example(("st elevation myocardial infarction",), record_index=12),
    "two_minutes_in_three_leads": Example(
        (*["sinus rhythm"] * 4, *["atrial fibrillation"] * 3, *["sinus rhythm"] * 5), LONG_LEADS, record_index=64
    ),
}


def export_examples(output_dir: Path) -> list[Path]:
    """Write the examples as compressed arrays in microvolts, with their rate, leads and unit.

    Args:
        output_dir (`Path`):
            Folder to write; it is made if need be.

    Returns:
        `list[Path]`: One `.npz` file for each of `EXAMPLES`.
    """
    output_dir.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, example in EXAMPLES.items():
        path = output_dir / f"{name}.npz"
        arrays: dict[str, Any] = {
            "signal": make_microvolts(example),
            "fs": np.array(STORED_RATE),
            "leads": np.array(example.leads),
            "unit": np.array("uV"),
        }
        np.savez_compressed(path, **arrays)
        paths.append(path)
    return paths


def make_microvolts(example: Example) -> np.ndarray:
    """The voltages of an example, `(num_leads, num_samples)`, as `int16` in microvolts at `STORED_RATE`."""
    strips = [
        simulate_record(example.record_index, seed=number, condition=condition, settings=SETTINGS).strip
        for number, condition in enumerate(example.conditions)
    ]
    rows = [STANDARD_LEADS.index(lead) for lead in example.leads]
    return to_microvolts(resample_strip(np.concatenate(strips, axis=1)[rows], SAMPLING_RATE, STORED_RATE))
