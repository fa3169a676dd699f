"""Make and describe the checkpoint that the package ships; `make default-checkpoint` runs the whole road.

python -m training_scripts.shipping make --checkpoint runs/default --text_tower runs/text_tower --output_dir shipped
python -m training_scripts.shipping describe --output_dir shipped --evaluations evaluations/super evaluations/rhythm
python -m training_scripts.shipping names --output_dir shipped
python -m training_scripts.shipping zoo --checkpoints shipped runs/another
"""

import sys
from collections.abc import Sequence

from modeling_supreme.command_line import Command, run_command, run_one_of
from modeling_supreme.command_line.closing import closing_line

from .arguments import DescribeArguments, MakeArguments, NamesArguments, ZooArguments


def make(arguments: MakeArguments) -> None:
    """Put a checkpoint and a text tower together."""
    from .make import make_checkpoint

    make_checkpoint(arguments.checkpoint, arguments.text_tower, arguments.output_dir, earlier=arguments.earlier)
    next_step = f"`python -m training_scripts.decisions --model_name_or_path {arguments.output_dir}` calibrates it"
    sys.stderr.write(f"{closing_line([arguments.output_dir], next_step)}\n")


def describe(arguments: DescribeArguments) -> None:
    """Write the card."""
    from .describe import write_shipped_card

    write_shipped_card(arguments.output_dir, arguments.evaluations, training=arguments.training)
    card = f"{arguments.output_dir}/README.md"
    sys.stderr.write(f"{closing_line([card], f'read {card}')}\n")


def names(arguments: NamesArguments) -> None:
    """Take the names of conditions from the terminology."""
    from .names import refresh_names

    path = refresh_names(arguments.output_dir)
    sys.stderr.write(f"{closing_line([path], f'`supreme labels {arguments.output_dir}` lists them')}\n")


def zoo(arguments: ZooArguments) -> None:
    """Print the table."""
    from .zoo import tabulate_cards

    sys.stdout.write(tabulate_cards(arguments.checkpoints) + "\n")


COMMANDS = {
    "make": Command(make, (MakeArguments,), "Put a trained checkpoint and a text tower together, without code."),
    "describe": Command(describe, (DescribeArguments,), "Write the model card from the files of evaluations."),
    "names": Command(names, (NamesArguments,), "Give a checkpoint the other names that its conditions have by now."),
    "zoo": Command(zoo, (ZooArguments,), "Print a table of checkpoints, from their cards."),
}


def main(argv: Sequence[str] | None = None) -> None:
    """Run one command."""
    run_one_of(COMMANDS, argv, description=__doc__)


if __name__ == "__main__":
    run_command(main, refusals=(OSError, ValueError))
