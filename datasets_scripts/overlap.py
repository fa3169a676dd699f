"""Find leaks: patients on two sides of a split, and strips that occur twice, within a corpus or between corpora.

    python -m datasets_scripts.overlap prepared/mimic prepared/ptb_xl prepared/cpsc2018 --fail_on_overlap

The arguments are folders written by `datasets_scripts.prepare`. A leak is a patient or a strip on two sides: in the
train split of one folder and the test split of the same or of another, for example. What occurs twice on the same side
is listed too, but is no leak. overlap.json names the records of every pair, so that they can be left out.

Two strips are the same if their int16 microvolts are, in all samples and in the leads that were recorded. That finds
copies, such as the records that the PhysioNet Challenges took over from PTB-XL. It cannot find a copy that was
resampled, filtered, scaled, cut at another moment, or stored with another resolution or with other leads, nor two
recordings of one patient in different corpora. Strips without any voltage are not compared. Patients are compared
where patient ids are known, and only within one corpus: the ids of different corpora mean nothing to each other.
"""

import json
import logging
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from modeling_supreme.command_line import parse_arguments, run_command
from modeling_supreme.command_line.closing import closing_line


logger = logging.getLogger("datasets_scripts.overlap")


@dataclass
class OverlapArguments:
    """What to compare, and where to write."""

    folders: list[str] = field(metadata={"help": "Folders written by datasets_scripts.prepare.", "metavar": "FOLDER"})
    output: str = field(default="overlap.json", metadata={"help": "File to write.", "metavar": "FILE"})
    fail_on_overlap: bool = field(default=False, metadata={"help": "Exit with 1 if there is a leak."})


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command; the exit code is 1 where leaks were found and `--fail_on_overlap` is given."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    (arguments,) = parse_arguments([OverlapArguments], argv, description=__doc__, positional="folders")
    # Imported here: the libraries take seconds, for which neither `--help` nor a refused flag waits
    from datasets_scripts.prepare.overlap import find_overlap, format_overlap

    overlap = find_overlap(arguments.folders)
    Path(arguments.output).write_text(json.dumps(overlap, indent=2) + "\n", encoding="utf-8")
    next_step = "leave out of training what it names" if overlap["num_leaks"] else "train, nothing leaks"
    logger.info(f"{format_overlap(overlap)} {closing_line([arguments.output], next_step)}")
    if arguments.fail_on_overlap and overlap["num_leaks"]:
        sys.exit(1)


if __name__ == "__main__":
    run_command(main, refusals=(OSError, ValueError))
