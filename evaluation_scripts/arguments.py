"""Arguments of the evaluation script."""

from dataclasses import dataclass, field
from typing import Any, Literal


QueryWording = Literal["name", "all"]
AnswerBy = Literal["auto", "name", "definition", "both"]

PROMPT_SETS = ("names", "wordings", "descriptions", "definitions")
PROMPT_FILE_SUFFIX = ".json"
PROTOCOL_ARGUMENTS = (
    "split",
    "hypothesis_template",
    "prompts",
    "query_wording",
    "answer_by",
    "definitions",
    "measurements",
    "annotation_extensions",
    "explanations",
    "min_positives",
    "num_bootstrap_samples",
    "seed",
    "max_eval_samples",
    "num_records",
    "on_error",
)
SMALLEST_VALUES = {
    "max_eval_samples": 1,
    "preprocessing_num_workers": 1,
    "per_device_eval_batch_size": 1,
    "explanations": 1,
    "min_positives": 1,
    "num_bootstrap_samples": 0,
    "dataloader_num_workers": 0,
}


@dataclass
class EvaluationArguments:
    """What to evaluate, on what, and where to write the figures."""

    model_name_or_path: str = field(default="", metadata={"help": "Folder or Hub id of a checkpoint."})
    dataset_name: str = field(
        default="", metadata={"help": "Name of a corpus of datasets_scripts, or folder or Hub id of a prepared one."}
    )
    output_dir: str = field(
        default="", metadata={"help": "Folder that receives eval_results.json and predictions.parquet."}
    )
    revision: str | None = field(default=None, metadata={"help": "Revision of a checkpoint on the Hub."})
    dataset_config_name: list[str] | None = field(
        default=None, metadata={"help": "Label set, or several separated by commas or blanks."}
    )
    data_dir: str | None = field(default=None, metadata={"help": "Folder with the official files of the corpus."})
    split: str = field(default="test", metadata={"help": "Split, or several joined by +, as in validation+test."})
    num_records: int | None = field(default=None, metadata={"help": "Records of the simulated corpus."})
    preprocessing_num_workers: int | None = field(default=None, metadata={"help": "Processes that read a corpus."})
    on_error: Literal["raise", "skip"] = field(
        default="raise", metadata={"help": "What to do with a record that cannot be read."}
    )
    max_eval_samples: int | None = field(default=None, metadata={"help": "Evaluate the first records only."})
    per_device_eval_batch_size: int = field(default=32, metadata={"help": "Records per batch and device."})
    dataloader_num_workers: int = field(default=0, metadata={"help": "Processes that prepare batches."})
    mixed_precision: Literal["no", "fp16", "bf16"] | None = field(
        default=None, metadata={"help": "Precision of the forward pass; else Accelerate's own."}
    )
    hypothesis_template: str = field(default="{}", metadata={"help": "Sentence around each query; {} is the query."})
    prompts: str | None = field(
        default=None,
        metadata={
            "help": "Words in which conditions are asked for: names, wordings (the mean of name, synonyms and"
            " description), descriptions, definitions, or a JSON file of texts by label."
        },
    )
    query_wording: QueryWording = field(
        default="name",
        metadata={"help": "Ask for a finding by its name, or by the mean of its name, synonyms and description."},
    )
    answer_by: AnswerBy = field(
        default="auto",
        metadata={
            "help": "What answers for a condition that training did not name: its name, its definition where there is"
            " one, both, or what the pipeline lets answer."
        },
    )
    definitions: str | None = field(
        default=None, metadata={"help": "YAML or JSON file of definitions, before those of the checkpoint."}
    )
    measurements: bool = field(
        default=False,
        metadata={"help": "Compare what the checkpoint measures with the column measurements of the corpus."},
    )
    annotation_extensions: list[str] | None = field(
        default=None,
        metadata={
            "help": "Compare it with WFDB annotations of waves beside the records instead: extensions of their files,"
            " as in q1c, or i,ii,iii where each lead has a file."
        },
    )
    explanations: int | None = field(
        default=None,
        metadata={"help": "Test explanations on the first so many positive records of each condition."},
    )
    robustness: list[str] | None = field(
        default=None,
        metadata={
            "help": "Ask the same about disturbed recordings: all, or some of leads, rate, length, wander, muscle,"
            " mains, clipping and arms. Each level is one more pass over the records."
        },
    )
    min_positives: int = field(
        default=1, metadata={"help": "Conditions with fewer positive records are listed, not averaged."}
    )
    num_bootstrap_samples: int = field(default=1000, metadata={"help": "Resamples of the intervals; 0 for none."})
    seed: int = field(default=42, metadata={"help": "Seed of the bootstrap and of the random queries."})

    def __post_init__(self) -> None:
        """Split the lists and refuse values that cannot be meant.

        Raises:
            ValueError: If the template has no place for the query, a number is too small, or a flag is given that
                another one makes useless.
        """
        self.dataset_config_name = _split_words(self.dataset_config_name)
        self.annotation_extensions = _split_words(self.annotation_extensions)
        self._settle_prompts()
        if "{}" not in self.hypothesis_template:
            raise ValueError(
                f"--hypothesis_template {self.hypothesis_template!r} has no place for the query."
                " Write {} where the query goes, as in 'an ECG showing {}'."
            )
        if self.num_records is not None and self.dataset_name != "simulated":
            raise ValueError(
                f"--num_records {self.num_records} is for the simulated corpus, not for {self.dataset_name}. Leave it"
                " out, or limit the records with `--max_eval_samples`."
            )
        if self.definitions is not None and self.answer_by == "name":
            raise ValueError(
                f"--definitions {self.definitions} has no use where names answer. Leave `--answer_by name` out, or the"
                " definitions."
            )
        if self.annotation_extensions and not self.measurements:
            raise ValueError(
                f"--annotation_extensions {','.join(self.annotation_extensions)} says what measurements are compared"
                " with. Add `--measurements`, or leave it out."
            )
        for name, low in SMALLEST_VALUES.items():
            value = getattr(self, name)
            if value is not None and value < low:
                raise ValueError(f"--{name} is {value}. Give {low} or more.")

    def _settle_prompts(self) -> None:
        """Let a prompt set say what words and answers it needs, and refuse what contradicts it."""
        if self.prompts is None:
            return
        if self.prompts not in PROMPT_SETS and not self.prompts.endswith(PROMPT_FILE_SUFFIX):
            raise ValueError(
                f"--prompts {self.prompts} is no set of prompts. Choose one of {', '.join(PROMPT_SETS)}, or a"
                f" {PROMPT_FILE_SUFFIX} file of texts by label."
            )
        if self.query_wording != "name" or self.answer_by != "auto":
            raise ValueError(
                f"--prompts {self.prompts} says how conditions are asked for. Leave `--query_wording` and"
                " `--answer_by` out."
            )
        self.query_wording = "all" if self.prompts == "wordings" else "name"
        self.answer_by = "definition" if self.prompts == "definitions" else "name"


def _split_words(texts: list[str] | None) -> list[str] | None:
    """The words of a list whose entries may be lists themselves, with commas; `None` where there is no word."""
    words = [word.strip().lstrip(".") for text in texts or [] for word in text.split(",")]
    return [word for word in words if word] or None


def describe_protocol(arguments: EvaluationArguments, *, mixed_precision: str) -> dict[str, Any]:
    """What the figures depend on beside the checkpoint and the corpus.

    Args:
        arguments ([`EvaluationArguments`]):
            What was asked for.
        mixed_precision (`str`):
            Precision of the forward pass, as Accelerate settled it.

    Returns:
        `dict`: The `protocol` of eval_results.json.
    """
    return {
        "description": "Labels and splits as the corpus publishes them; macro averages over conditions with at least"
        f" {arguments.min_positives} positive and one negative record; intervals over patients.",
        **{name: getattr(arguments, name) for name in PROTOCOL_ARGUMENTS},
        "mixed_precision": mixed_precision,
    }
