"""Outputs of a model for every record, in the order of the rows, whatever number of processes share the work.

Batches are laid once for all processes, each takes every so-manieth, and the last one is as short as it is: a record
has the same neighbours in its batch however many processes there are, and so the same answer to the last digit.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import broadcast_object_list, gather_object, send_to_device
from datasets import Dataset
from torch.utils.data import DataLoader
from tqdm.auto import tqdm

from datasets_scripts.collator import StripCollator

from .kept_shards import KeptShards


RECORDS_PER_SHARD = 4096  # what a kill may cost

Compute = Callable[[dict[str, torch.Tensor]], dict[str, torch.Tensor]]


def pass_over(
    rows: Dataset,
    compute: Compute,
    *,
    collator: StripCollator,
    accelerator: Accelerator,
    batch_size: int,
    num_workers: int = 0,
    description: str = "",
    kept_dir: Path | None = None,
    depends_on: Any = None,
) -> dict[str, np.ndarray]:
    """Compute something of every record.

    Args:
        rows (`Dataset` of `num_records` rows):
            Rows of a corpus.
        compute (`Callable`):
            Takes a batch on the device and returns tensors of one row per record.
        collator ([`StripCollator`]):
            Makes batches of rows.
        accelerator (`Accelerator`):
            Shares the batches among processes.
        batch_size (`int`):
            Records of a batch.
        num_workers (`int`, *optional*):
            Processes that prepare batches.
        description (`str`, *optional*):
            Title of the progress bar.
        kept_dir (`Path`, *optional*):
            Folder in which finished shards are kept, and looked for.
        depends_on (`Any`, *optional*):
            What `compute` depends on; rows, collator and batch size are known.

    Returns:
        `dict[str, np.ndarray]`: Arrays of shape `(num_records, ...)`, float32, in all processes.
    """
    shards = _lay_shards(len(rows), batch_size)
    kept = KeptShards(kept_dir, depends_on, rows._fingerprint, collator, batch_size, str(accelerator.mixed_precision))
    found = _read_kept(kept, shards, accelerator)
    waiting = [number for number in range(len(shards)) if number not in found]
    own = {number: shards[number][accelerator.process_index :: accelerator.num_processes] for number in waiting}
    loader = DataLoader(
        cast("Any", collator.select(rows)),
        batch_sampler=[list(batch) for part in own.values() for batch in part],
        collate_fn=collator,
        num_workers=num_workers,
        pin_memory=accelerator.device.type == "cuda",
    )
    answers = (_to_arrays(compute(cast("Any", send_to_device(batch, accelerator.device)))) for batch in loader)
    is_main = accelerator.is_main_process
    num_done = sum(batch.stop - batch.start for number in found for batch in shards[number])
    with (
        torch.inference_mode(),
        tqdm(total=len(rows), initial=num_done, unit="record", desc=description, disable=not is_main) as bar,
    ):
        for number, part in own.items():
            gathered = gather_object([(batch.start, next(answers)) for batch in part])
            found[number] = _join([arrays for _, arrays in sorted(gathered, key=lambda pair: pair[0])])
            if is_main:
                kept.write(number, found[number])
            bar.update(sum(batch.stop - batch.start for batch in shards[number]))
    return _join([found[number] for number in range(len(shards))])


def _lay_shards(num_records: int, batch_size: int) -> list[list[range]]:
    """The batches of every shard, each a range of rows."""
    starts = range(0, num_records, batch_size)
    batches = [range(start, min(start + batch_size, num_records)) for start in starts]
    per_shard = max(1, RECORDS_PER_SHARD // batch_size)
    return [batches[start : start + per_shard] for start in range(0, len(batches), per_shard)]


def _read_kept(kept: KeptShards, shards: list[list[range]], accelerator: Accelerator) -> dict[int, Any]:
    """The shards that an earlier run finished, by number; the main process reads them for all."""
    found: dict[int, Any] = {}
    if accelerator.is_main_process:
        for number, shard in enumerate(shards):
            arrays = kept.read(number, num_records=shard[-1].stop - shard[0].start)
            found |= {} if arrays is None else {number: arrays}
    return cast("Any", broadcast_object_list([found]))[0]


def _to_arrays(tensors: dict[str, torch.Tensor]) -> dict[str, np.ndarray]:
    """Tensors of any device as arrays."""
    return {name: tensor.float().cpu().numpy() for name, tensor in tensors.items()}


def _join(parts: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Arrays one below the other, by name."""
    return {name: np.concatenate([part[name] for part in parts]) for name in (parts[0] if parts else ())}
