"""Arguments of `evaluate.py` for suites, for anybody's scores, and for comparisons."""

from dataclasses import dataclass, field
from typing import Literal

from modeling_supreme.command_line import CommandLineError

from .arguments import EvaluationArguments


@dataclass
class SuiteArguments:
    """Suites, anybody's scores, and comparisons."""

    suite: Literal["supreme6"] | None = field(
        default=None,
        metadata={"help": "Evaluate the six published test sets, 106 conditions, or what of them is there."},
    )
    data_root: str | None = field(default=None, metadata={"help": "Folder that holds the folders of the corpora."})
    protocol: Literal["merl", "corrected"] = field(
        default="corrected",
        metadata={
            "help": "merl: MERL's own tables with their errors, its crops and class names; corrected: the corpus' own"
            " codes, whole recordings, splits by patient, and only conditions with ten positives in the mean."
        },
    )
    split_dir: str | None = field(
        default=None, metadata={"help": "MERL's folder finetune/data_split, for --protocol merl."}
    )
    fold_table: str | None = field(
        default=None,
        metadata={"help": "Table with the columns record_id and fold, in place of the protocol's splits."},
    )
    predictions: str | None = field(
        default=None,
        metadata={"help": "Parquet or CSV file with record_id and one column of scores per condition, of any system."},
    )
    control_columns: list[str] | None = field(
        default=None, metadata={"help": "Columns of that file that do not know the name of a condition."}
    )
    compare: list[str] | None = field(
        default=None,
        metadata={
            "help": "Folders or predictions.parquet files of two evaluations or more: the others less the first."
        },
    )
    compare_wordings: bool = field(
        default=False,
        metadata={
            "help": "Ask a checkpoint for every condition of a suite by name, in all wordings, and by description."
        },
    )
    html: str | None = field(default=None, metadata={"help": "HTML file that receives the figures as a page."})

    def __post_init__(self) -> None:
        """Refuse flags that another one makes useless.

        Raises:
            ValueError: Naming both.
        """
        if self.suite is not None and self.protocol == "merl" and self.split_dir is None:
            raise ValueError("--protocol merl reads MERL's own tables. Name their folder with `--split_dir`.")
        if self.control_columns and self.predictions is None:
            raise ValueError(
                f"--control_columns {','.join(self.control_columns)} are columns of a file of scores. Add"
                " `--predictions`, or leave it out."
            )
        if self.compare is not None and len(self.compare) < 2:
            raise ValueError(f"--compare {self.compare[0]} has nothing to be compared with. Name two or more.")
        if self.compare_wordings and (self.suite is None or self.predictions is not None):
            raise ValueError(
                "--compare_wordings asks a checkpoint about a suite. Add `--suite` and a checkpoint, or leave it out."
            )
        if self.html is not None and self.suite is None and self.predictions is None:
            raise ValueError(
                f"--html {self.html} shows a suite or anybody's scores. Add `--suite` or `--predictions`."
            )
        if self.fold_table is not None and self.suite is None:
            raise ValueError(
                f"--fold_table {self.fold_table} splits the sets of a suite. Add `--suite`, or leave it out."
            )


def check_mode(arguments: EvaluationArguments, suite: SuiteArguments) -> None:
    """Refuse a command line that does not say what to evaluate, on what, and where the figures go.

    Raises:
        CommandLineError: Naming the flags that are missing.
    """
    if arguments.robustness and (suite.compare or suite.predictions):
        raise CommandLineError(
            "--robustness asks a checkpoint about disturbed recordings. Leave `--predictions` and `--compare` out, or"
            " leave it out."
        )
    needed = []
    if suite.compare is None:
        needed += [] if suite.predictions else ["model_name_or_path"]
        needed += [] if suite.predictions or suite.suite else ["dataset_name"]
        needed += ["output_dir"]
        needs_corpora = suite.predictions is None or suite.protocol == "corrected"
        if suite.suite and needs_corpora and suite.data_root is None:
            raise CommandLineError(
                f"--suite {suite.suite} reads corpora. Name the folder above them with `--data_root`."
            )
    missing = [f"`--{name}`" for name in needed if not getattr(arguments, name)]
    if missing:
        verb, them = ("are", "they are") if len(missing) > 1 else ("is", "it is")
        raise CommandLineError(f"{', '.join(missing)} {verb} missing. See --help for what {them}.")
