"""Distil a small text tower, as the shipped checkpoint has one, from a sentence encoder.

    python -m training_scripts.text_tower configs/text_tower.yaml --output_dir runs/text_tower
    python -m training_scripts.text_tower configs/text_tower.yaml --output_dir runs/small --layers 0 5

`--output_dir` receives an ordinary encoder, which AutoModel and AutoTokenizer load: `train.py` takes the folder as
`--text_model_name_or_path`, with the same `--text_pooling` as the large one. Beside it lie what every training run
leaves: arguments, results, logs, curves and a card. A run that is broken off goes on with `--resume_from_checkpoint
latest`.
"""

from collections.abc import Sequence

from modeling_supreme.command_line import parse_arguments, run_command
from modeling_supreme.output_files.disk import DiskError
from training_scripts.arguments import TrainArguments

from .arguments import TowerArguments, TowerRunArguments


def main(argv: Sequence[str] | None = None) -> None:
    """Distil, save, describe."""
    arguments = TowerRunArguments(*parse_arguments((TowerArguments, TrainArguments), argv, description=__doc__))
    # Imported here: the libraries take seconds, for which neither `--help` nor a refused flag waits
    from training_scripts.run.session import train_objective

    from .objective import TextTowerObjective

    train_objective(TextTowerObjective, arguments)


if __name__ == "__main__":
    run_command(main, refusals=[DiskError])
