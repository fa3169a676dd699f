"""`supreme export`: a checkpoint for other programs."""

import sys

from ..command_line.closing import closing_line
from ..export.checkpoint import export_checkpoint
from .arguments import ExportArguments, ModelArguments


def export_model(arguments: ExportArguments, model: ModelArguments) -> None:
    """Write the files, and say how far they agree with the model."""
    done = export_checkpoint(
        model.model,
        arguments.output,
        format=arguments.format,
        int8=arguments.int8,
        records=arguments.records,
        revision=model.revision,
    )
    sys.stdout.write(f"{done.summary()}\n")
    sys.stderr.write(
        f"{closing_line([arguments.output], f'run it: docs/export.md, and README.md in {arguments.output}')}\n"
    )
