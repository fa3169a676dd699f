"""Ask ECG recordings anything, from the shell.

supreme info FILE                                                   what is in a file; needs no model
supreme plot FILE --output strip.png                                draw it
supreme classify FILES --labels "atrial fibrillation, qrs > 120 ms" score findings on it
supreme classify HOLTER --labels … --aggregate timeline --plot DIR  over all of a long recording
supreme classify FOLDER --labels … --csv FILE --num_proc 8          a table of many, by several processes
supreme measure FILES                                               intervals, rates, axes and voltages
supreme index FOLDER --output INDEX                                 read a corpus once …
supreme ask INDEX "qtc > 500 ms and not paced rhythm" --top 50      … and ask it anything
supreme export --format onnx --output DIR                           run it without this package
supreme app                                                         a page in the browser for all of that

Without `--model` the checkpoint that comes with the package answers.
"""

import sys
from collections.abc import Callable, Sequence
from functools import partial
from importlib.metadata import entry_points

from modeling_supreme.command_line import Command, run_command, run_one_of

from .arguments import (
    AppArguments,
    AskArguments,
    ClassifyArguments,
    ExportArguments,
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


def export(arguments: ExportArguments, model: ModelArguments) -> None:
    """Write a checkpoint for other programs."""
    from .exports import export_model

    export_model(arguments, model)


def app(arguments: AppArguments, model: ModelArguments) -> None:
    """Serve the page in the browser."""
    from .page import serve_page

    serve_page(arguments, model)


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
    "export": Command(
        export,
        (ExportArguments, ModelArguments),
        "Write a checkpoint as ONNX, TorchScript or OpenVINO, checked against torch.",
    ),
    "app": Command(
        app, (AppArguments, ModelArguments), "Serve a page in the browser: drop a file, ask, see what carries answers."
    ),
}


# Commands of the packages above this one, which it does not import: setup.cfg names them as entry points
DOORS = {
    "prepare": "Read the official files of a corpus into Arrow or Parquet.",
    "extract": "Read reports into labels.",
    "simulate": "Look at simulated records, or write them in official layouts.",
}
DOORS_GROUP = "modeling_supreme.commands"


def find_doors() -> dict[str, Command]:
    """The doors of this installation."""
    found = {each.name: each for each in entry_points(group=DOORS_GROUP)}
    return {
        name: Command(partial(_open_door, found[name].load), None, summary)
        for name, summary in DOORS.items()
        if name in found
    }


def _open_door(load: Callable[[], Callable[[Sequence[str]], object]], words: Sequence[str]) -> None:
    """Run the command behind a door."""
    load()(words)


def main(argv: Sequence[str] | None = None) -> None:
    """Run one command."""
    run_one_of(COMMANDS | find_doors(), argv, description=__doc__)


def start() -> None:
    """The console script: what a command refuses is said in a sentence, with exit code 2."""
    try:
        run_command(main, refusals=(OSError, ValueError, TypeError, ImportError, RuntimeError))
    except KeyboardInterrupt:
        sys.stderr.write("interrupted: the same command goes on where it was, if it writes to a file or a folder\n")
        sys.exit(130)
