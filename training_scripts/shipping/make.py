"""A trained model with a small text tower in the place of its text encoder, in a folder that holds data alone."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import yaml
from transformers import AutoProcessor, AutoTokenizer

from modeling_supreme import SupremeModel, SupremeProcessor
from modeling_supreme.checkpoints import half_floats, load_text_encoder
from modeling_supreme.output_files.atomic_files import write_text
from training_scripts.run.upload import strip_paths


TEXT_PREFIX = "text_model."
RUN_FILE = "train_arguments.yaml"
EARLIER_FILE = "earlier_train_arguments.yaml"
# What a configuration says of code beside it: the package brings its own
OF_CODE = ("auto_map", "custom_pipelines")


def make_checkpoint(
    checkpoint: str | Path, text_tower: str | Path, output_dir: str | Path, *, earlier: Sequence[str | Path] = ()
) -> None:
    """Write the checkpoint.

    Weights of the text tower have 16 bits in the file, as its own folder has them, and so have the matrices and
    kernels of the ECG side; its vectors, among them the middles and spreads of the measurements, keep their 32. The
    folder says nothing of this machine and holds no code.

    Args:
        checkpoint (`str` or `Path`):
            Folder of a `SupremeModel`.
        text_tower (`str` or `Path`):
            Folder of an encoder that was distilled from the model's own.
        output_dir (`str` or `Path`):
            Folder to write.
        earlier (`Sequence[str | Path]`, *optional*):
            Folders of the trainings that this one went on from, the first one first, whose flags are kept too.

    Raises:
        FileExistsError: If `output_dir` holds files.
        ValueError: If the encoders do not embed alike.
    """
    output_dir = Path(output_dir)
    if output_dir.is_dir() and any(output_dir.iterdir()):
        raise FileExistsError(f"{output_dir} holds files already. Name an empty folder with `--output_dir`.")
    model = SupremeModel.from_pretrained(checkpoint)
    exchange_text_encoder(model, text_tower)
    weights = model.state_dict()
    halved = half_floats(
        {name: weight for name, weight in weights.items() if name.startswith(TEXT_PREFIX) or weight.dim() > 1}
    )
    model.save_pretrained(output_dir, state_dict={**weights, **halved})
    processor: Any = AutoProcessor.from_pretrained(checkpoint)
    SupremeProcessor(processor.feature_extractor, AutoTokenizer.from_pretrained(text_tower)).save_pretrained(
        output_dir
    )
    write_text(output_dir / RUN_FILE, yaml.safe_dump(read_flags(checkpoint), sort_keys=False))
    if earlier:
        rounds = [read_flags(folder) for folder in earlier]
        write_text(output_dir / EARLIER_FILE, yaml.safe_dump(rounds, sort_keys=False))
    leave_data_alone(output_dir)


def read_flags(checkpoint: str | Path) -> Any:
    """The flags of the training that left a checkpoint, without the folders of its machine."""
    return strip_paths(yaml.safe_load((Path(checkpoint) / RUN_FILE).read_text(encoding="utf-8")))


def exchange_text_encoder(model: SupremeModel, text_tower: str | Path) -> None:
    """Put another text encoder in the place of the model's own.

    Raises:
        ValueError: If it embeds in another width.
    """
    config: Any = model.config
    tower = load_text_encoder(str(text_tower), dtype=torch.float32)
    if tower.config.hidden_size != config.text_config.hidden_size:
        raise ValueError(
            f"{text_tower} embeds a text in {tower.config.hidden_size} numbers, and the checkpoint's queries have"
            f" {config.text_config.hidden_size}. Distil the tower from the text encoder that the checkpoint was"
            " trained with."
        )
    config.text_config = tower.config
    model.text_model = tower
    model.eval()


def leave_data_alone(folder: Path) -> None:
    """Remove code from a checkpoint, and what its configurations say of it."""
    for path in folder.glob("*.py"):
        path.unlink()
    for path in folder.glob("*config.json"):
        kept = without_code(strip_paths(json.loads(path.read_text(encoding="utf-8"))))
        write_text(path, json.dumps(kept, indent=2, ensure_ascii=False) + "\n")


def without_code(fields: Any) -> Any:
    """A configuration, and those within it, without the fields [`OF_CODE`].

    Example:
        >>> without_code({"feature_extractor": {"auto_map": {}, "clip_mv": 5.0}})
        {'feature_extractor': {'clip_mv': 5.0}}
    """
    if not isinstance(fields, dict):
        return fields
    return {name: without_code(value) for name, value in fields.items() if name not in OF_CODE}
