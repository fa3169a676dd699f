"""Flags of the commands; nothing here loads a library."""

from dataclasses import dataclass, field


@dataclass
class MakeArguments:
    """What is put together."""

    checkpoint: str = field(metadata={"help": "Folder of a trained zero-shot model.", "metavar": "DIR"})
    text_tower: str = field(
        metadata={"help": "Folder of the text encoder that takes the place of its own.", "metavar": "DIR"}
    )
    output_dir: str = field(metadata={"help": "Folder to write, empty or absent.", "metavar": "DIR"})
    earlier: list[str] = field(
        default_factory=list,
        metadata={
            "help": "Folders of the trainings that the checkpoint went on from, the first one first; the card names"
            " them.",
            "metavar": "DIR",
        },
    )


@dataclass
class DescribeArguments:
    """What is described, and by what."""

    output_dir: str = field(metadata={"help": "Folder of the checkpoint, where README.md goes.", "metavar": "DIR"})
    evaluations: list[str] = field(
        metadata={"help": "Folders of `evaluate.py` runs of this checkpoint, or their eval_results.json."}
    )
    training: str = field(
        default="", metadata={"help": "One sentence on the time and machine that training took.", "metavar": "TEXT"}
    )


@dataclass
class NamesArguments:
    """What is renamed."""

    output_dir: str = field(metadata={"help": "Folder of a checkpoint, whose names change.", "metavar": "DIR"})


@dataclass
class ZooArguments:
    """What is listed."""

    checkpoints: list[str] = field(metadata={"help": "Folders of checkpoints with cards, or their ids on the Hub."})
