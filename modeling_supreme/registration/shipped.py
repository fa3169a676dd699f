"""The checkpoint that comes with the package."""

from pathlib import Path


DEFAULT_FOLDER = Path(__file__).parents[1] / "default_checkpoint"


def default_checkpoint() -> str:
    """The folder of the checkpoint that comes with the package.

    `pipeline("zero-shot-ecg-classification")` takes it where no model is named; `AutoModel` and `AutoProcessor` load
    it as any other. It needs no network.

    Raises:
        FileNotFoundError: If it was left out of this installation.
    """
    if not (DEFAULT_FOLDER / "model.safetensors").is_file():
        raise FileNotFoundError(
            f"{DEFAULT_FOLDER} holds no weights: this installation of the package is not complete. Install it again,"
            " or name a checkpoint of yours."
        )
    return str(DEFAULT_FOLDER)
