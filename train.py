"""Pretrain a zero-shot ECG model: text queries learn to read strips from labels.

One CPU, or one GPU:

    accelerate launch train.py configs/ptb_xl_mini.yaml --data_dir ptb-xl/1.0.3 --output_dir runs/ptb_xl_mini
    accelerate launch --mixed_precision bf16 train.py configs/ptb_xl.yaml --data_dir ptb-xl/1.0.3 --output_dir runs/big

Eight GPUs:

    accelerate launch --num_processes 8 --mixed_precision bf16 train.py configs/ptb_xl.yaml ...

A corpus too large for this machine is streamed from Parquet shards; several corpora are mixed; simulated records may
be made while the model trains on them:

    accelerate launch train.py configs/ptb_xl.yaml --streaming --dataset_name "s3://bucket/ptb_xl/train-*.parquet" ...
    accelerate launch train.py --dataset_name simulated ptb_xl --dataset_weights 0.7 0.3 --on_the_fly --data_dir ...

A linear probe of the encoder of a checkpoint, and its fine-tuning, on the labels of a corpus:

    accelerate launch train.py configs/ptb_xl_probe.yaml --model_name_or_path runs/big --data_dir ptb-xl/1.0.3 ...
    accelerate launch train.py configs/ptb_xl_fine_tuning.yaml --model_name_or_path runs/big --train_fraction 0.1 ...

The first word may be a YAML recipe; flags override what it says. `--output_dir` receives a checkpoint that
`from_pretrained` loads, train_arguments.yaml, train_sessions.json (what happened to the run), train_results.json,
train_log.jsonl (every step), validation_log.jsonl (every finding), training_curves.png, a model card (README.md) and,
with `--checkpointing_steps`, the states in checkpoints/ from which `--resume_from_checkpoint latest` goes on. One run
at a time writes to the folder, and a folder that holds another run is refused without `--overwrite_output_dir`. A run
that receives SIGTERM saves its state and ends with exit code 143. A classifier also leaves eval_results.json and
predictions.parquet of the test records, which are read once, in the end.
"""

from collections.abc import Sequence

from modeling_supreme.command_line import parse_arguments, run_command
from modeling_supreme.output_files.disk import DiskError
from training_scripts.arguments import (
    DataArguments,
    ModelArguments,
    ObjectiveArguments,
    RunArguments,
    TrainArguments,
)


def main(argv: Sequence[str] | None = None) -> None:
    """Train, save, describe."""
    parts = (ModelArguments, DataArguments, ObjectiveArguments, TrainArguments)
    arguments = RunArguments(*parse_arguments(parts, argv, description=__doc__))
    # Imported here: the libraries take seconds, for which neither `--help` nor a refused flag waits
    from training_scripts.run.session import train

    train(arguments)


if __name__ == "__main__":
    run_command(main, refusals=[DiskError])
