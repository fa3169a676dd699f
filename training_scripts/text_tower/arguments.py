"""Arguments of the distillation of a text tower."""

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from training_scripts.arguments import TrainArguments, check_choices


@dataclass
class TowerArguments:
    """What is distilled, and into what."""

    text_model_name_or_path: str = field(
        default="sentence-transformers/all-MiniLM-L6-v2",
        metadata={"help": "Text encoder to learn from, a BERT: a folder or a Hub id that AutoModel loads."},
    )
    text_pooling: Literal["cls", "mean"] = field(
        default="mean", metadata={"help": "Hidden state that stands for a text, as the text encoder needs."}
    )
    revision: str | None = field(
        default=None, metadata={"help": "Branch, tag or commit of the text encoder on the Hub."}
    )
    layers: list[int] = field(
        default_factory=lambda: [0, 2, 4, 5], metadata={"help": "Layers of the encoder to begin with, counted from 0."}
    )
    intermediate_size: int | None = field(
        default=None, metadata={"help": "Neurons of the feed-forward part of each layer to keep; all by default."}
    )
    vocab_size: int = field(default=9000, metadata={"help": "Pieces of the vocabulary to keep."})
    num_counted_texts: int = field(
        default=200_000, metadata={"help": "Texts by which it is decided which pieces are kept."}
    )
    num_validation_texts: int = field(default=2000, metadata={"help": "Texts to validate with."})
    token_weight: float = field(
        default=1.0, metadata={"help": "Weight of the loss on single tokens beside that on whole texts."}
    )
    held_out_findings: list[str] = field(
        default_factory=list, metadata={"help": "Findings that no text names, in none of their wordings."}
    )

    def __post_init__(self) -> None:
        check_choices(self)
        if not self.layers or self.layers != sorted(set(self.layers)):
            raise ValueError(
                f"`--layers` are {' '.join(map(str, self.layers)) or 'none'}. Name each layer once, in order."
            )
        for name in ("vocab_size", "intermediate_size", "num_counted_texts", "num_validation_texts"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"`--{name}` is {value}. It must be at least 1.")
        if self.token_weight < 0:
            raise ValueError(f"`--token_weight` is {self.token_weight}. Choose 0 or more.")


class TowerRunArguments(NamedTuple):
    """All that is said of a distillation."""

    tower: TowerArguments
    training: TrainArguments
