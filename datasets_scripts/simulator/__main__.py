"""Look at simulated records, write them in official layouts, or compare them with real ones.

    python -m datasets_scripts.simulator --condition "left bundle branch block" --plot
    python -m datasets_scripts.simulator list
    python -m datasets_scripts.simulator export --layout ptb_xl --num_records 1000 --output_dir simulated-ptb-xl
    python -m datasets_scripts.simulator realism --data_dir ptb-xl/1.0.3 --output_dir runs/realism

The first line is short for `show`. Every command has its own `--help`. To train on simulated records nothing needs to
be written: the corpus `simulated` is made where it is read.
"""

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import cast

from datasets import Dataset, DatasetDict, concatenate_datasets

from datasets_scripts import load_corpus
from datasets_scripts.schema import SAMPLING_RATE
from datasets_scripts.simulator.export.export_mimic_iv_ecg import export_mimic_iv_ecg
from datasets_scripts.simulator.export.export_ptb_xl import export_ptb_xl
from datasets_scripts.simulator.realism.comparison import PAGE_FILENAME, compare_with_real
from datasets_scripts.simulator.truth.catalogue import CONDITIONS, condition_names
from datasets_scripts.terminology.measured_findings import load_measured_findings
from modeling_supreme.leads import STANDARD_LEADS
from modeling_supreme.plotting import plot_strip

from .report_writer import JOINING_WORDS, ReportStyle
from .simulated_record import SimulatedRecord, SimulatorSettings, simulate_record


EXPORTS = {"ptb_xl": export_ptb_xl, "mimic_iv_ecg": export_mimic_iv_ecg}

logger = logging.getLogger(__name__)


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line; without a command it is `show`."""
    parser = argparse.ArgumentParser(
        prog="python -m datasets_scripts.simulator",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_show(commands.add_parser("show", help="Print what records show and what their reports say; draw them."))
    _add_list(commands.add_parser("list", help="List the conditions and measured findings."))
    _add_export(commands.add_parser("export", help="Write records in the layout of PTB-XL or MIMIC-IV-ECG."))
    _add_realism(commands.add_parser("realism", help="Compare records with those of PTB-XL, on a page."))
    given = list(sys.argv[1:] if arguments is None else arguments)
    is_command = bool(given) and (given[0] in commands.choices or given[0] in ("-h", "--help"))
    return parser.parse_args(given if is_command else ["show", *given])


def _add_show(parser: argparse.ArgumentParser) -> None:
    """Options of `show`."""
    parser.set_defaults(run=show)
    parser.add_argument("--condition", help="Condition that the strips must show; see `list`. Any record otherwise.")
    parser.add_argument("--record_index", type=int, default=0, help="Number of the first record. Default: 0.")
    parser.add_argument("--num_records", type=int, default=1, help="Records to show. Default: 1.")
    parser.add_argument("--no_comorbidity", action="store_true", help="Show the condition alone.")
    parser.add_argument("--plot", action="store_true", help="Draw each record as an ECG sheet.")
    parser.add_argument(
        "--output",
        type=Path,
        help="File of the sheet, such as strip.png, or folder of several; implies --plot. Default: <record_id>.png.",
    )
    _add_settings(parser)


def _add_list(parser: argparse.ArgumentParser) -> None:
    """Options of `list`: none."""
    parser.set_defaults(run=list_conditions)


def _add_export(parser: argparse.ArgumentParser) -> None:
    """Options of `export`."""
    parser.set_defaults(run=export)
    parser.add_argument("--layout", choices=tuple(EXPORTS), required=True, help="Corpus whose layout to write.")
    parser.add_argument("--num_records", type=int, required=True, help="Records to write.")
    parser.add_argument("--output_dir", type=Path, required=True, help="Folder to write.")
    parser.add_argument(
        "--annotations", action="store_true", help="Write beats and waves too, as WFDB annotations (.atr)."
    )
    _add_settings(parser)


def _add_realism(parser: argparse.ArgumentParser) -> None:
    """Options of `realism`."""
    parser.set_defaults(run=compare)
    parser.add_argument("--data_dir", type=Path, required=True, help="Folder of PTB-XL.")
    parser.add_argument("--output_dir", type=Path, required=True, help="Receives realism.html, realism.json, strips/.")
    parser.add_argument(
        "--num_records", type=int, default=500, help="Real records to compare with, at most. Default: 500."
    )
    parser.add_argument("--seed", type=int, default=0, help="Seed of the simulated records. Default: 0.")


def _add_settings(parser: argparse.ArgumentParser) -> None:
    """Options that change how records are simulated."""
    parser.add_argument("--seed", type=int, default=0, help="Another seed gives other patients. Default: 0.")
    parser.add_argument(
        "--noise_scale",
        type=float,
        default=1.0,
        help="Noise of the strips relative to the usual; 0: none. Default: 1.",
    )
    parser.add_argument("--language", choices=tuple(JOINING_WORDS), default="en", help="Of the reports. Default: en.")
    parser.add_argument(
        "--report_noise",
        type=float,
        default=1.0,
        help="Omissions, hedges and false statements of the reports relative to the usual; 0: none. Default: 1.",
    )


def make_settings(options: argparse.Namespace) -> SimulatorSettings:
    """Settings of the simulator from the command line."""
    return SimulatorSettings(
        noise_scale=options.noise_scale,
        has_comorbidity=not getattr(options, "no_comorbidity", False),
        report=ReportStyle(language=options.language).scale(options.report_noise),
    )


def make_title(record: SimulatedRecord) -> str:
    """Who the record belongs to and what its report says, in one line."""
    return f"{record.record_id}, {record.sex}, {record.age:.0f} years: {'; '.join(record.report)}"


def describe(record: SimulatedRecord) -> str:
    """The report and the truth, line by line."""
    numbers = {name: value for name, value in record.measurements.items() if not name.endswith(STANDARD_LEADS)}
    return "\n".join(
        [
            f"{record.record_id}, {record.sex}, {record.age:.0f} years",
            *(f"  {statement}" for statement in record.report),
            f"  conditions: {', '.join(sorted(record.conditions))}",
            f"  measured findings: {', '.join(sorted(record.findings))}",
            f"  measurements: {', '.join(f'{name} {value:.4g}' for name, value in numbers.items())}",
        ]
    )


def show(options: argparse.Namespace) -> None:
    """Print records and draw them if asked to."""
    for index in range(options.record_index, options.record_index + options.num_records):
        record = simulate_record(
            index, seed=options.seed, condition=options.condition, settings=make_settings(options)
        )
        logger.info(describe(record))
        if options.plot or options.output:
            path = _sheet_path(options, record)
            plot_strip(
                record.strip, sampling_rate=SAMPLING_RATE, leads=STANDARD_LEADS, title=make_title(record), path=path
            )
            logger.info(f"  drawn: {path}")


def _sheet_path(options: argparse.Namespace, record: SimulatedRecord) -> Path:
    """Where the sheet of a record goes."""
    if options.output is not None and options.num_records == 1 and options.output.suffix:
        options.output.parent.mkdir(parents=True, exist_ok=True)
        return options.output
    folder = options.output or Path()
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{record.record_id}.png"


def list_conditions(options: argparse.Namespace) -> None:
    """Print what can be asked for."""
    kinds = condition_names()[len(CONDITIONS) :]
    for title, names in (
        ("Conditions", CONDITIONS),
        ("Kinds of conditions (one of them is drawn)", kinds),
        ("Measured findings (labels only)", load_measured_findings()),
    ):
        logger.info("\n".join([f"{title}:", *(f"  {name}" for name in names), ""]))


def export(options: argparse.Namespace) -> None:
    """Write records in an official layout."""
    paths = EXPORTS[options.layout](
        options.output_dir,
        options.num_records,
        seed=options.seed,
        settings=make_settings(options),
        has_annotations=options.annotations,
    )
    logger.info(f"{len(paths)} records written to {options.output_dir} in the layout of {options.layout}.")


def load_real_rows(data_dir: Path, num_records: int) -> Dataset:
    """The first records of PTB-XL, of all splits together."""
    corpus = cast(DatasetDict, load_corpus("ptb_xl", "all", data_dir=data_dir))
    rows = concatenate_datasets([cast(Dataset, part) for part in corpus.values()])
    return rows.select(range(min(num_records, len(rows))))


def compare(options: argparse.Namespace) -> None:
    """Write the realism page."""
    rows = load_real_rows(options.data_dir, options.num_records)
    figures = compare_with_real(rows, options.output_dir, seed=options.seed)
    for name, test in figures["two_sample_auroc"].items():
        logger.info(
            f"AUROC of telling simulated from real by {name}: {test['auroc']}, 95 % interval {test['auroc_ci95']}"
        )
    logger.info(f"Page: {options.output_dir / PAGE_FILENAME}")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stdout)
    logger.setLevel(logging.INFO)
    options = parse_arguments(arguments)
    options.run(options)


if __name__ == "__main__":
    main()
