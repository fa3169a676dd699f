"""Fit what a checkpoint decides, and keep it in the folder of the checkpoint.

On simulated records alone, and with the validation records of a corpus:

    python -m training_scripts.decisions --model_name_or_path runs/demo/checkpoint
    python -m training_scripts.decisions --model_name_or_path runs/demo/checkpoint \
        --dataset_name ptb_xl --dataset_config_name hierarchy --data_dir ptb-xl/1.0.3

A condition with enough positive records among those of the corpus is fitted there, the others on simulated records.
Two thirds of the records, by patients, are fitted; the others say how well. What was fitted goes into `config.json`
(`decisions`) and a section of README.md; beside them lie then `decision_results.json`, with the calibration error of
every condition before and after, and `calibration.png`. docs/decisions.md says what the numbers mean.
"""

from collections.abc import Sequence

from modeling_supreme.command_line import parse_arguments, run_command

from .arguments import DecisionArguments


def main(argv: Sequence[str] | None = None) -> None:
    """Fit, save, describe."""
    (arguments,) = parse_arguments((DecisionArguments,), argv, description=__doc__)
    # Imported here: the libraries take seconds, for which neither `--help` nor a refused flag waits
    from .decide import decide_checkpoint

    decide_checkpoint(arguments)


if __name__ == "__main__":
    run_command(main)
