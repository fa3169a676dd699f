"""Look at simulated records, write them in official layouts, or compare them with real ones.

    python -m datasets_scripts.simulator --condition "left bundle branch block" --plot
    python -m datasets_scripts.simulator list
    python -m datasets_scripts.simulator export --layout ptb_xl --num_records 1000 --output_dir simulated-ptb-xl
    python -m datasets_scripts.simulator realism --data_dir ptb-xl/1.0.3 --output_dir runs/realism
    python -m datasets_scripts.simulator people --table ptb-xl/1.0.3/ptbxl_database.csv --output_dir runs/p
    python -m datasets_scripts.simulator examples --output_dir modeling_supreme/browser_app/examples

The first line is short for `show`. Every command has its own `--help`. To train on simulated records nothing needs to
be written: the corpus `simulated` is made where it is read.
"""

import logging
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, cast

from datasets import Dataset, DatasetDict, concatenate_datasets

from datasets_scripts import load_corpus
from datasets_scripts.schema import SAMPLING_RATE
from datasets_scripts.simulator.export.export_examples import export_examples
from datasets_scripts.simulator.export.export_mimic_iv_ecg import export_mimic_iv_ecg
from datasets_scripts.simulator.export.export_ptb_xl import export_ptb_xl
from datasets_scripts.simulator.realism.comparison import PAGE_FILENAME, compare_with_real
from datasets_scripts.simulator.realism.population import (
    COMPANY_FILENAME,
    compare_populations,
    read_recorded,
    simulate_labelled,
)
from datasets_scripts.simulator.truth.catalogue import CONDITIONS, condition_names
from datasets_scripts.terminology.measured_findings import load_measured_findings
from modeling_supreme.command_line import Command, run_command, run_one_of
from modeling_supreme.command_line.closing import closing_line
from modeling_supreme.leads import STANDARD_LEADS
from modeling_supreme.plotting import plot_strip

from .report_writer import Language, ReportStyle
from .simulated_record import SimulatedRecord, SimulatorSettings, simulate_record


Layout = Literal["ptb_xl", "mimic_iv_ecg"]
EXPORTS = {"ptb_xl": export_ptb_xl, "mimic_iv_ecg": export_mimic_iv_ecg}

logger = logging.getLogger("datasets_scripts.simulator")


@dataclass
class SettingsArguments:
    """How records are simulated."""

    seed: int = field(default=0, metadata={"help": "Another seed gives other patients."})
    noise_scale: float = field(
        default=1.0, metadata={"help": "Noise of the strips relative to the usual; 0 for none."}
    )
    language: Language = field(default="en", metadata={"help": "Language of the reports."})
    report_noise: float = field(
        default=1.0,
        metadata={"help": "Omissions, hedges and false statements of the reports relative to the usual; 0 for none."},
    )

    def make_settings(self, *, has_comorbidity: bool = True) -> SimulatorSettings:
        """Settings of the simulator."""
        return SimulatorSettings(
            noise_scale=self.noise_scale,
            has_comorbidity=has_comorbidity,
            report=ReportStyle(language=self.language).scale(self.report_noise),
        )


@dataclass
class ShowArguments:
    """What to show."""

    condition: str | None = field(
        default=None, metadata={"help": "Condition that the strips must show; see `list`. Any record otherwise."}
    )
    record_index: int = field(default=0, metadata={"help": "Number of the first record."})
    num_records: int = field(default=1, metadata={"help": "Records to show."})
    no_comorbidity: bool = field(default=False, metadata={"help": "Show the condition alone."})
    plot: bool = field(default=False, metadata={"help": "Draw each record as an ECG sheet."})
    output: Path | None = field(
        default=None,
        metadata={
            "help": "File of the sheet, such as strip.png, or folder of several; implies --plot. Otherwise"
            " <record_id>.png."
        },
    )

    def sheet_path(self, record: SimulatedRecord) -> Path:
        """Where the sheet of a record goes; its folder is made."""
        is_file = self.output is not None and self.num_records == 1 and self.output.suffix
        path = self.output if self.output and is_file else (self.output or Path()) / f"{record.record_id}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        return path


@dataclass
class ExportArguments:
    """What to write, and where."""

    layout: Layout = field(metadata={"help": "Corpus whose layout to write."})
    num_records: int = field(metadata={"help": "Records to write."})
    output_dir: Path = field(metadata={"help": "Folder to write."})
    annotations: bool = field(
        default=False, metadata={"help": "Write beats and waves too, as WFDB annotations (.atr)."}
    )


@dataclass
class RealismArguments:
    """What to compare, and where to write."""

    data_dir: Path = field(metadata={"help": "Folder of PTB-XL."})
    output_dir: Path = field(metadata={"help": "Receives realism.html, realism.json, strips/."})
    num_records: int = field(default=500, metadata={"help": "Real records to compare with, at most."})
    seed: int = field(default=0, metadata={"help": "Seed of the simulated records."})


@dataclass
class PopulationArguments:
    """Whom to compare, and where to write."""

    table: Path = field(metadata={"help": "ptbxl_database.csv of PTB-XL."})
    output_dir: Path = field(metadata={"help": "Receives conditions.csv, company.csv, population.json."})
    folds: list[int] = field(
        default_factory=lambda: list(range(1, 9)),
        metadata={"help": "Folds of PTB-XL to count. What shapes the simulator may come from 1 to 8 alone."},
    )
    num_records: int = field(default=6000, metadata={"help": "Simulated records to count."})
    seed: int = field(default=0, metadata={"help": "Seed of the simulated records."})


@dataclass
class ExamplesArguments:
    """Where to write."""

    output_dir: Path = field(metadata={"help": "Folder to write."})


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


def show(arguments: ShowArguments, settings: SettingsArguments) -> None:
    """Print records and draw them if asked to."""
    for index in range(arguments.record_index, arguments.record_index + arguments.num_records):
        record = simulate_record(
            index,
            seed=settings.seed,
            condition=arguments.condition,
            settings=settings.make_settings(has_comorbidity=not arguments.no_comorbidity),
        )
        logger.info(describe(record))
        if arguments.plot or arguments.output:
            path = arguments.sheet_path(record)
            plot_strip(
                record.strip, sampling_rate=SAMPLING_RATE, leads=STANDARD_LEADS, title=make_title(record), path=path
            )
            logger.info(f"  drawn: {path}")


def list_conditions() -> None:
    """Print what can be asked for."""
    kinds = condition_names()[len(CONDITIONS) :]
    for title, names in (
        ("Conditions", CONDITIONS),
        ("Kinds of conditions (one of them is drawn)", kinds),
        ("Measured findings (labels only)", load_measured_findings()),
    ):
        logger.info("\n".join([f"{title}:", *(f"  {name}" for name in names), ""]))


def export(arguments: ExportArguments, settings: SettingsArguments) -> None:
    """Write records in an official layout."""
    paths = EXPORTS[arguments.layout](
        arguments.output_dir,
        arguments.num_records,
        seed=settings.seed,
        settings=settings.make_settings(),
        has_annotations=arguments.annotations,
    )
    next_step = (
        f"`python -m datasets_scripts.prepare {arguments.layout} --data_dir {arguments.output_dir} --output_dir O`"
    )
    logger.info(
        f"{len(paths)} records in the layout of {arguments.layout}. {closing_line([arguments.output_dir], next_step)}"
    )


def examples(arguments: ExamplesArguments) -> None:
    """Write the recordings that visitors of `supreme app` may try."""
    paths = export_examples(arguments.output_dir)
    logger.info(f"{len(paths)} recordings written to {arguments.output_dir}.")


def load_real_rows(data_dir: Path, num_records: int) -> Dataset:
    """The first records of PTB-XL, of all splits together."""
    corpus = cast(DatasetDict, load_corpus("ptb_xl", "all", data_dir=data_dir))
    rows = concatenate_datasets([cast(Dataset, part) for part in corpus.values()])
    return rows.select(range(min(num_records, len(rows))))


def compare(arguments: RealismArguments) -> None:
    """Write the realism page."""
    rows = load_real_rows(arguments.data_dir, arguments.num_records)
    figures = compare_with_real(rows, arguments.output_dir, seed=arguments.seed)
    for name, test in figures["two_sample_auroc"].items():
        logger.info(
            f"AUROC of telling simulated from real by {name}: {test['auroc']}, 95 % interval {test['auroc_ci95']}"
        )
    logger.info(closing_line([arguments.output_dir], f"open {arguments.output_dir / PAGE_FILENAME}"))


def compare_people(arguments: PopulationArguments) -> None:
    """Compare who has what among simulated and among recorded people."""
    recorded = read_recorded(arguments.table, folds=arguments.folds)
    simulated = simulate_labelled(arguments.num_records, seed=arguments.seed)
    for difference in compare_populations(recorded, simulated, arguments.output_dir):
        logger.info(difference)
    logger.info(closing_line([arguments.output_dir], f"open {arguments.output_dir / COMPANY_FILENAME}"))


COMMANDS = {
    "show": Command(
        show, (ShowArguments, SettingsArguments), "Print what records show and what their reports say; draw them."
    ),
    "list": Command(list_conditions, (), "List the conditions and measured findings."),
    "export": Command(
        export, (ExportArguments, SettingsArguments), "Write records in the layout of PTB-XL or MIMIC-IV-ECG."
    ),
    "examples": Command(examples, (ExamplesArguments,), "Write the recordings that `supreme app` offers to try."),
    "realism": Command(compare, (RealismArguments,), "Compare records with those of PTB-XL, on a page."),
    "people": Command(
        compare_people, (PopulationArguments,), "Compare who has what, at which age and beside what, with PTB-XL."
    ),
}


def main(argv: Sequence[str] | None = None) -> None:
    """Run one command."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stdout)
    logger.setLevel(logging.INFO)
    run_one_of(COMMANDS, argv, description=__doc__, default="show")


if __name__ == "__main__":
    run_command(main, refusals=(OSError, ValueError))
