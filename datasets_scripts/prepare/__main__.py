"""Write a corpus as Parquet that `datasets.load_dataset` reads without this package.

    python -m datasets_scripts.prepare ptb_xl --config_name superclass --data_dir D --output_dir O --num_proc 8
    python -m datasets_scripts.prepare ptb_xl --help

The second line also lists the options of this corpus. The folder gets `train-00000-of-0000N.parquet` and so on, a
card (README.md: licence, citation, splits, label counts, how much was left out), a description for machines
(croissant.json, Croissant 1.0 of MLCommons), build_report.json (how many records each split has, how often each label
occurs, how good the signals are, which records were left out and why, what of the others was not used), and the same
as build_report.html. accounts.jsonl says of each record of which not all was used, what was not.

After a crash or a kill, the same command goes on where it was: shards that are finished are kept, except those that a
file has changed of since; a complete corpus of which one has changed is refused. One command at a time writes to a
folder. The files do not depend on the number of processes, nor on how often the command was interrupted. On many
machines that share a file system, start a Dask scheduler and workers there and add `--dask_scheduler tcp://host:8786`.

`--push_to_hub owner/name` uploads rows, card and croissant.json, and no report, to a private dataset of the Hub. The
right to write there is checked before any record is read, and `--dry_run` says what would go there.
"""

import logging
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, make_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_type_hints

from datasets_scripts import BUILDERS
from modeling_supreme.command_line import CommandLineError, check_name, parse_arguments, run_command
from modeling_supreme.command_line.closing import closing_line
from modeling_supreme.command_line.hub import check_hub

from . import RECORDS_PER_SHARD


if TYPE_CHECKING:
    from datasets import BuilderConfig


logger = logging.getLogger("datasets_scripts.prepare")

SIMULATED = "simulated"  # the corpus that holds no patient


@dataclass
class PrepareArguments:
    """What to read, where to write, and how."""

    output_dir: str = field(metadata={"help": "Folder to write: empty, absent, or left by the same command."})
    config_name: str | None = field(
        default=None, metadata={"help": "Which labels the rows carry, such as superclass; else the corpus' default."}
    )
    data_dir: str | None = field(
        default=None, metadata={"help": "Folder with the files of the corpus as its publisher distributes them."}
    )
    num_proc: int | None = field(default=None, metadata={"help": "Processes that read and write; 1 otherwise."})
    records_per_shard: int = field(default=RECORDS_PER_SHARD, metadata={"help": "Records per Parquet file."})
    dask_scheduler: str | None = field(
        default=None,
        metadata={
            "help": "Read and write on the workers of a Dask cluster, as tcp://host:8786.",
            "metavar": "ADDRESS",
        },
    )
    verify: bool = field(
        default=False,
        metadata={"help": "Compare the files that were read before by checksum, not by size and time alone."},
    )
    push_to_hub: str | None = field(
        default=None,
        metadata={"help": "Dataset of the Hub to upload to (owner/name), private.", "metavar": "ID"},
    )
    hub_public: bool = field(default=False, metadata={"help": "Make the dataset on the Hub a public one."})
    hub_license: str | None = field(
        default=None,
        metadata={
            "help": "Licence by which the source lets you publish its records, by its name on the Hub, such as"
            " cc-by-4.0; a public dataset of patients needs it.",
            "metavar": "LICENSE",
        },
    )
    dry_run: bool = field(
        default=False, metadata={"help": "Say what would be uploaded, and neither read nor write anything."}
    )

    def __post_init__(self) -> None:
        for flag in ("hub_public", "hub_license", "dry_run"):
            if getattr(self, flag) and not self.push_to_hub:
                raise ValueError(f"`--{flag}` is for an upload. Name the dataset with `--push_to_hub`.")


def options_class(config_class: "type[BuilderConfig]", *, title: str) -> type:
    """The options of a corpus beyond those of all builders as a dataclass; an option that is not given is `None`.

    What was given must be told from the defaults, because a build is named after it.

    Args:
        config_class (`type[BuilderConfig]`):
            Configuration of the builder; `metadata["help"]` of a field explains it.
        title (`str`):
            Of the group of flags in `--help`.
    """
    from datasets import BuilderConfig

    common = {option.name for option in fields(BuilderConfig)}
    hints = get_type_hints(config_class)
    options = [
        (option.name, hints[option.name] | None, field(default=None, metadata={"help": _explain(option)}))
        for option in fields(config_class)
        if option.name not in common
    ]
    return make_dataclass(f"{config_class.__name__}Options", options, namespace={"_argument_group_name": title})


def _explain(option: Any) -> str:
    """The explanation of an option with its default, if it has one to tell."""
    told = "" if option.default in (None, "") else f" Default: {option.default}."
    return option.metadata["help"] + told


def read_command_line(argv: Sequence[str]) -> tuple[str, PrepareArguments, dict[str, Any]]:
    """The corpus, the flags of all corpora, and the options of the corpus that were given.

    Raises:
        CommandLineError: If there is no such corpus, or a flag is wrong.
        SystemExit: After `--help`.
    """
    words = list(argv)
    is_first = bool(words) and not words[0].startswith("-")
    corpus = words[0] if is_first else next((word for word in words if word in BUILDERS), None)
    if corpus is None and {"-h", "--help"} & set(words):
        epilog = f"corpora: {', '.join(BUILDERS)}\n\n`CORPUS --help` also explains the options of a corpus."
        parse_arguments([PrepareArguments], ["--help"], description=__doc__, epilog=epilog, command="CORPUS")
    if corpus is None:
        raise CommandLineError(f"No corpus is named. Begin with one of {', '.join(BUILDERS)}.")
    words.remove(check_name(corpus, BUILDERS, kind="corpus"))
    own_options = options_class(BUILDERS[corpus].BUILDER_CONFIG_CLASS, title=f"options of {corpus}")
    arguments, options = parse_arguments([PrepareArguments, own_options], words, description=__doc__, command=corpus)
    return corpus, arguments, {name: value for name, value in asdict(options).items() if value is not None}


def main(argv: Sequence[str] | None = None) -> None:
    """Prepare a corpus, and push it if asked to."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    corpus, arguments, options = read_command_line(sys.argv[1:] if argv is None else argv)
    check_publication(corpus, arguments)
    # Imported here: the libraries take seconds, for which neither `--help` nor a refused flag waits
    from .corpus import prepare_corpus
    from .page import describe_losses
    from .publication import describe_upload, push_to_hub

    if arguments.dry_run:
        folder, repo_id = Path(arguments.output_dir), str(arguments.push_to_hub)
        logger.info(describe_upload(folder, repo_id, is_public=arguments.hub_public))
        return
    if arguments.push_to_hub:
        check_hub(arguments.push_to_hub, flag="--push_to_hub", is_public=arguments.hub_public, repo_type="dataset")
    if arguments.data_dir is not None:
        options = {"data_dir": arguments.data_dir, **options}
    report = prepare_corpus(
        corpus,
        output_dir=arguments.output_dir,
        config_name=arguments.config_name,
        num_proc=arguments.num_proc,
        records_per_shard=arguments.records_per_shard,
        dask_scheduler=arguments.dask_scheduler,
        verify=arguments.verify,
        **options,
    )
    counts = ", ".join(f"{split['num_rows']} {name}" for name, split in report["splits"].items())
    logger.info(
        f"{arguments.output_dir} holds {counts} rows; {len(report['skipped'])} records were left out."
        f" {describe_losses(report)} {closing_line([arguments.output_dir], tell_next_step(corpus, arguments, report))}"
    )
    if arguments.push_to_hub:
        publish = {"is_public": arguments.hub_public, "source_license": arguments.hub_license}
        names = push_to_hub(arguments.output_dir, arguments.push_to_hub, **publish)
        logger.info(f"{arguments.push_to_hub} now has {', '.join(names)}.")


def tell_next_step(corpus: str, arguments: PrepareArguments, report: Mapping[str, Any]) -> str:
    """To look at the corpus, and to give it labels or to train on it."""
    from .labels import are_known, tell_next
    from .page import PAGE_FILENAME

    folder = arguments.output_dir
    look = f"open {Path(folder) / PAGE_FILENAME} for a look at it"
    if not are_known(report["splits"]):
        return f"{look}. No label is known yet. {tell_next(report['splits'], corpus, folder=folder).rstrip('.')}"
    return f"{look}, then `accelerate launch train.py --dataset_name {folder} --output_dir RUN`"


def check_publication(corpus: str, arguments: PrepareArguments) -> None:
    """Refuse to publish records of patients without a word on the right to do so.

    Raises:
        CommandLineError: If a public dataset of them is asked for, and no licence is named.
    """
    if arguments.hub_public and not arguments.hub_license and corpus != SIMULATED:
        raise CommandLineError(
            f"`--hub_public` would publish the records, ids and reports of patients in {corpus}. Name the licence by"
            " which their source allows it with `--hub_license` (cc-by-4.0, odbl, …); data that a person had to sign"
            " for must stay private: leave `--hub_public` out."
        )


if __name__ == "__main__":
    run_command(main, refusals=(OSError, ValueError))
