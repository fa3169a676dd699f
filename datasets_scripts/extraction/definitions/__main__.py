"""Have a language model write, once, what conditions consist of; a person confirms it.

    python -m datasets_scripts.extraction.definitions --conditions conditions.txt --backend endpoint \
        --base_url http://localhost:8000/v1 --model Qwen/Qwen3-8B --output_dir definitions --dry_run
    python -m datasets_scripts.extraction.definitions --conditions conditions.txt --backend transformers \
        --model Qwen/Qwen3-8B --output_dir definitions --corrections corrections.jsonl

Leaves in the output folder `definitions.yaml` (which the pipeline takes as `definitions=`), `definitions.jsonl` (both
samples of each condition, refused answers, and what the expressions say of simulated records) and `definitions.html`,
a page to read, correct and confirm the definitions by, which exports a file for `--corrections`. A run that was
stopped goes on where it was: what a language model has written is kept in `drafts.jsonl`.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from datasets_scripts.extraction.backends.backend import BackendArguments, BackendError
from modeling_supreme.command_line import parse_arguments, run_command


# What a user of the command can set right: told in one sentence, without a traceback.
REFUSALS = (BackendError, OSError, ValueError)


@dataclass
class DefinitionArguments:
    """What to define and where to write."""

    conditions: Path = field(
        metadata={"help": "Names of conditions: one a line or in one column, as TXT, CSV, JSONL or YAML."}
    )
    output_dir: Path = field(metadata={"help": "Folder for definitions.yaml, definitions.jsonl and definitions.html."})
    corrections: Path | None = field(
        default=None, metadata={"help": "JSONL that the page exported: it counts, and the model is not asked again."}
    )
    num_simulated: int = field(
        default=500, metadata={"help": "Simulated records on which the samples of a condition are compared."}
    )

    def __post_init__(self) -> None:
        if self.num_simulated < 1:
            raise ValueError(f"`--num_simulated` is {self.num_simulated}. Give a number of records, 1 or more.")


@dataclass
class WriterArguments(BackendArguments):
    """Flags that choose and configure the language model."""

    backend: Literal["endpoint", "transformers"] = field(  # pyright: ignore[reportIncompatibleVariableOverride]
        default="endpoint", metadata={"help": "Who writes definitions: a server, or a local language model."}
    )
    prompt_version: str = field(
        default="definitions_v1", metadata={"help": "Name of a prompt of this command, or a YAML file with your own."}
    )

    def __post_init__(self) -> None:
        if self.backend == "rules":
            raise ValueError("Rules write no definitions. Choose `--backend endpoint` or `--backend transformers`.")
        super().__post_init__()


def main(argv: Sequence[str] | None = None) -> None:
    """Parse the flags, and have the definitions written."""
    logging.basicConfig(format="%(message)s")
    logging.getLogger("datasets_scripts.extraction.definitions").setLevel(logging.INFO)
    files, writing = parse_arguments((DefinitionArguments, WriterArguments), argv, description=__doc__)
    # Imported here: the simulator takes seconds, for which neither `--help` nor a refused flag waits
    from .write import write_all

    write_all(files, writing)


if __name__ == "__main__":
    run_command(main, refusals=REFUSALS)
