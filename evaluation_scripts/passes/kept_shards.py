"""What an unfinished evaluation leaves: the outputs of every shard of records that is done."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import torch
from datasets.fingerprint import Hasher
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file
from xxhash import xxh3_128

from modeling_supreme.output_files.atomic_files import replace_when_complete
from modeling_supreme.output_files.disk import told_when_refused


UNFINISHED = "unfinished"


class KeptShards:
    """The outputs of one pass, a file for each shard; whatever they depend on is in the name of their folder.

    Args:
        folder (`Path`, *optional*):
            Of all passes of an evaluation; nothing is kept where there is none.
        depends_on (`Any`):
            What the outputs follow from: weights, records, queries. Hashed as `datasets` hashes.
    """

    def __init__(self, folder: Path | None, *depends_on: Any) -> None:
        self.folder = None if folder is None else folder / Hasher.hash([torch.__version__, *depends_on])

    def read(self, shard: int, *, num_records: int) -> dict[str, np.ndarray] | None:
        """Outputs of a shard, `(num_records, ...)` each; `None` where it was not finished."""
        path = self._path(shard)
        if path is None or not path.is_file():
            return None
        try:
            arrays = load_file(path)
        except (SafetensorError, OSError):  # a broken disk: the shard is asked for again
            return None
        return arrays if arrays and all(len(array) == num_records for array in arrays.values()) else None

    def write(self, shard: int, arrays: dict[str, np.ndarray]) -> None:
        """Keep the outputs of a shard, whole or not at all.

        Raises:
            DiskError: If the disk takes no more.
        """
        path = self._path(shard)
        if path is None:
            return
        told = told_when_refused(
            f"Shard {shard} of the answers",
            path.parent,
            "Make room and start the same command again: the shards before it are kept.",
        )
        with told, replace_when_complete(path) as temporary:
            save_file({name: np.ascontiguousarray(array) for name, array in arrays.items()}, temporary)

    def _path(self, shard: int) -> Path | None:
        """The file of a shard."""
        return None if self.folder is None else self.folder / f"shard-{shard:05d}.safetensors"


def forget_shards(output_dir: str | Path) -> None:
    """Remove what an evaluation kept, once its results are written."""
    shutil.rmtree(Path(output_dir) / UNFINISHED, ignore_errors=True)


def hash_weights(model: torch.nn.Module) -> str:
    """A name for the weights and buffers of a model, bit for bit."""
    digest = xxh3_128()
    for name, tensor in model.state_dict().items():
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()
