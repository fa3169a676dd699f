"""The model card, filled from the files of a run."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

from huggingface_hub import EvalResult, ModelCard, ModelCardData

from evaluation_scripts.metrics import format_figure
from modeling_supreme.output_files.atomic_files import write_text
from modeling_supreme.query_grammar import find_measurement


# For objectives that have no template of their own
PLAIN_CARD = Path(__file__).parent / "cards" / "plain.md"


# Of the measurements, those that a card lists: of some kinds one lead stands for all
LISTED_KEYS = (
    *("rate_per_min", "pr_ms", "qrs_ms", "qt_ms", "axis_deg"),
    *("p_mv_II", "r_mv_V5", "s_mv_V2", "st_mv_V2", "t_mv_V5"),
)


class CardStyle(NamedTuple):
    """How a model card presents what was learnt.

    Attributes:
        template (`Path`):
            The template, in Jinja.
        task (`str`):
            Task of the figures, as the Hub calls it.
        pipeline_tag (`str`, *optional*):
            Task of the model, where the Hub has one.
        tags (`tuple[str, ...]`):
            Tags beside those that every model of this package has.
    """

    template: Path
    task: str
    pipeline_tag: str | None = None
    tags: tuple[str, ...] = ()


def write_model_card(
    output_dir: str | Path,
    *,
    settings: dict[str, Any],
    results: dict[str, Any],
    style: CardStyle,
    history: str = "",
) -> ModelCard:
    """Fill the template and write it as README.md beside the checkpoint.

    Args:
        output_dir (`str` or `Path`):
            Folder of the checkpoint.
        settings (`dict`):
            Arguments of the run, as in train_arguments.yaml.
        results (`dict`):
            What train_results.json holds.
        style (`CardStyle`):
            How the objective of the run wants it.
        history (`str`, *optional*):
            Sentences on the sessions that the run took.

    Returns:
        `ModelCard`: The card as written.
    """
    model_path = settings["hub_model_id"] or Path(output_dir).name
    model_name = model_path.split("/")[-1]
    corpus = describe_corpus(settings)
    card = ModelCard.from_template(
        card_data=ModelCardData(
            language="en",
            license="apache-2.0",
            library_name="transformers",
            pipeline_tag=style.pipeline_tag,
            tags=["ecg", "electrocardiogram", "supreme", "custom_code", *style.tags],
            model_name=model_name,
            eval_results=_eval_results(settings, results, style.task),
        ),
        template_path=str(style.template),
        model_name=model_name,
        model_path=model_path,
        corpus=corpus,
        label_source=describe_labels(settings["report_labels"]),
        held_out=describe_held_out(results.get("held_out_findings", []), settings["held_out_records"]),
        ecg_encoder=describe_source(settings["model_name_or_path"] or settings["ecg_encoder"]),
        text_encoder=describe_source(settings["model_name_or_path"] or settings["text_model_name_or_path"]),
        validation_auroc=format_figure(results.get("validation_auroc_macro"), missing="undefined"),
        test_auroc=format_figure(results.get("test_auroc_macro"), missing="undefined"),
        validation_loss=format_figure(results["validation_loss"], missing="undefined"),
        measured=list_measured(results),
        history=history,
        settings=settings,
        results=results,
    )
    write_text(Path(output_dir) / "README.md", str(card))
    return card


def list_measured(results: dict[str, Any]) -> list[tuple[str, ...]]:
    """Key, unit, mean absolute error, bias and coverage of the usual measurements, where numbers were calibrated."""
    figures = results.get("measurements", {}).get("figures", {})
    found = ((key, find_measurement(key), figures[key]) for key in LISTED_KEYS if key in figures)
    return [
        (key, cast(Any, measurement).unit, *(f"{entry[name]:.2f}" for name in ("mae", "bias", "coverage_80")))
        for key, measurement, entry in found
    ]


def describe_held_out(findings: list[str], records: str) -> str:
    """Findings that training never named, and what happened to the records that have them.

    Example:
        >>> describe_held_out(["pause"], "remove"), describe_held_out(["pause"], "keep")
        ('pause', 'pause (by name alone: their records stayed)')
    """
    if not findings:
        return "nothing"
    return ", ".join(findings) + (" (by name alone: their records stayed)" if records == "keep" else "")


def describe_corpus(settings: dict[str, Any]) -> str:
    """Names of the corpora and their configurations, without the folders of this machine, and their shares.

    Example:
        >>> mixed = {"dataset_name": ["simulated", "ptb_xl"], "dataset_config_name": ["none", "hierarchy"]}
        >>> describe_corpus({**mixed, "dataset_weights": [0.7, 0.3]})
        '70 % simulated + 30 % ptb_xl (hierarchy)'
    """
    names = [describe_source(name) for name in settings["dataset_name"]]
    configs, weights = settings["dataset_config_name"] or ["none"] * len(names), settings["dataset_weights"]
    described = [
        name if config == "none" else f"{name} ({config})" for name, config in zip(names, configs, strict=True)
    ]
    if weights:
        described = [
            f"{100 * weight / sum(weights):.0f} % {name}" for weight, name in zip(weights, described, strict=True)
        ]
    return " + ".join(described)


def describe_labels(report_labels: Sequence[str]) -> str:
    """Where the labels of the corpora come from."""
    if not any(path != "none" for path in report_labels):
        return "the corpus' own"
    return "extracted from reports" if "none" not in report_labels else "extracted from reports, or the corpus' own"


def describe_source(name_or_path: str) -> str:
    """A name or Hub id as it is; of a folder of this machine, the last part."""
    path = Path(name_or_path)
    return path.name if path.is_absolute() or path.is_dir() else name_or_path


def _eval_results(settings: dict[str, Any], results: dict[str, Any], task: str) -> list[EvalResult] | None:
    """The figure of the test records, or else of validation, in the form the Hub reads; none where undefined."""
    split = "test" if results.get("test_auroc_macro") is not None else "validation"
    value = results.get(f"{split}_auroc_macro")
    if value is None:
        return None
    return [
        EvalResult(
            task_type=task,
            dataset_type="+".join(describe_source(name) for name in settings["dataset_name"]),
            dataset_name=describe_corpus(settings),
            dataset_split=split,
            metric_type="roc_auc",
            metric_name="macro AUROC",
            metric_value=round(value, 4),
        )
    ]
