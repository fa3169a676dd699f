"""Ask ECG recordings anything, from the shell.

supreme info FILE                                                   what is in a file; needs no model
supreme plot FILE --output strip.png                                draw it
supreme classify FILES --model M --labels "atrial fibrillation, qrs > 120 ms"
supreme classify HOLTER --model M --labels … --aggregate timeline --plot DIR        over all of a long recording
supreme index FOLDER --model M --output INDEX                       read a corpus once …
supreme ask INDEX "qtc > 500 ms and not paced rhythm" --top 50      … and ask it anything
"""

import sys
from collections.abc import Sequence

from modeling_supreme.command_line import Command, run_command, run_one_of

from .arguments import (
    AskArguments,
    ClassifyArguments,
    IndexArguments,
    InfoArguments,
    LabelsArguments,
    MeasureArguments,
    ModelArguments,
    PlotArguments,
    ReadingArguments,
    ScanArguments,
)


def classify(
    arguments: ClassifyArguments, model: ModelArguments, reading: ReadingArguments, scanning: ScanArguments
) -> None:
    """Score findings on recordings."""
    if scanning.options:
        from .timelines import scan_scores

        scan_scores(arguments, model, reading, scanning)
        return
    from .recordings import classify_recordings

    classify_recordings(arguments, model, reading)


def measure(
    arguments: MeasureArguments, model: ModelArguments, reading: ReadingArguments, scanning: ScanArguments
) -> None:
    """Measure recordings."""
    if scanning.options:
        from .timelines import scan_numbers

        scan_numbers(arguments, model, reading, scanning)
        return
    from .recordings import measure_recordings

    measure_recordings(arguments, model, reading)


def info(arguments: InfoArguments, reading: ReadingArguments) -> None:
    """Say what is in files."""
    from .files import describe_files

    describe_files(arguments, reading)


def plot(arguments: PlotArguments, reading: ReadingArguments) -> None:
    """Draw a file."""
    from .files import plot_file

    plot_file(arguments, reading)


def labels(arguments: LabelsArguments) -> None:
    """List what a checkpoint can be asked."""
    from .labels import list_labels

    list_labels(arguments)


def index(arguments: IndexArguments, model: ModelArguments, reading: ReadingArguments) -> None:
    """Encode a corpus."""
    from .corpus import make_index

    make_index(arguments, model, reading)


def ask(arguments: AskArguments) -> None:
    """Score every record of an index."""
    from .corpus import ask_index

    ask_index(arguments)


COMMANDS = {
    "classify": Command(
        classify,
        (ClassifyArguments, ModelArguments, ReadingArguments, ScanArguments),
        "Score findings on files, a folder of them, or a prepared corpus.",
        positional="recordings",
    ),
    "measure": Command(
        measure,
        (MeasureArguments, ModelArguments, ReadingArguments, ScanArguments),
        "Measure intervals, rates, axes and voltages, each with its uncertainty.",
        positional="recordings",
    ),
    "info": Command(
        info, (InfoArguments, ReadingArguments), "Say what is in files, and what of it is used.", positional="files"
    ),
    "plot": Command(plot, (PlotArguments, ReadingArguments), "Draw a file as an ECG sheet.", positional="file"),
    "labels": Command(
        labels, (LabelsArguments,), "List what a checkpoint was trained on, defines and measures.", positional="model"
    ),
    "index": Command(
        index,
        (IndexArguments, ModelArguments, ReadingArguments),
        "Read a folder or a prepared corpus once, so that it can be asked anything.",
        positional="source",
    ),
    "ask": Command(
        ask,
        (AskArguments,),
        "Score every record of an index with any question, without reading a signal again.",
        positional="index_and_queries",
    ),
}


def main(argv: Sequence[str] | None = None) -> None:
    """Run one command."""
    run_one_of(COMMANDS, argv, description=__doc__)


def start() -> None:
    """The console script: what a command refuses is said in a sentence, with exit code 2."""
    try:
        run_command(main, refusals=(OSError, ValueError, TypeError, ImportError, RuntimeError))
    except KeyboardInterrupt:
        sys.stderr.write("interrupted: the same command goes on where it was, if it writes to a file or a folder\n")
        sys.exit(130)
