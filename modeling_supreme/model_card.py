"""The model card, filled from the files of a run."""

from pathlib import Path
from typing import Any

from huggingface_hub import EvalResult, ModelCard, ModelCardData


def write_model_card(
    output_dir: str | Path, *, settings: dict[str, Any], results: dict[str, Any], template_path: str | Path
) -> ModelCard:
    """Fill the template and write it as README.md beside the checkpoint.

    Args:
        output_dir (`str` or `Path`):
            Folder of the checkpoint.
        settings (`dict`):
            Arguments of the run, as in train_arguments.yaml.
        results (`dict`):
            What train_results.json holds.
        template_path (`str` or `Path`):
            The template, in Jinja.

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
            pipeline_tag="zero-shot-classification",
            tags=["ecg", "electrocardiogram", "zero-shot-ecg-classification", "supreme", "custom_code"],
            model_name=model_name,
            eval_results=_eval_results(corpus, results),
        ),
        template_path=str(template_path),
        model_name=model_name,
        model_path=model_path,
        corpus=corpus,
        label_source="extracted from reports" if settings["report_labels"] else "the corpus' own",
        held_out=", ".join(results["held_out_findings"]) or "nothing",
        ecg_encoder=describe_source(settings["model_name_or_path"] or settings["ecg_encoder"]),
        text_encoder=describe_source(settings["model_name_or_path"] or settings["text_model_name_or_path"]),
        validation_auroc=_format(results["validation_auroc_macro"]),
        validation_loss=_format(results["validation_loss"]),
        settings=settings,
        results=results,
    )
    card.save(Path(output_dir) / "README.md")
    return card


def describe_corpus(settings: dict[str, Any]) -> str:
    """Name of the corpus and its configuration, without the folders of this machine."""
    name = describe_source(settings["dataset_name"])
    return f"{name} ({settings['dataset_config_name']})" if settings["dataset_config_name"] else name


def describe_source(name_or_path: str) -> str:
    """A name or Hub id as it is; of a folder of this machine, the last part."""
    path = Path(name_or_path)
    return path.name if path.is_absolute() or path.is_dir() else name_or_path


def _eval_results(corpus: str, results: dict[str, Any]) -> list[EvalResult] | None:
    """The validation figure in the form the Hub reads; none where it is undefined."""
    if results["validation_auroc_macro"] is None:
        return None
    return [
        EvalResult(
            task_type="zero-shot-classification",
            dataset_type=corpus.split(" ")[0],
            dataset_name=corpus,
            dataset_split="validation",
            metric_type="roc_auc",
            metric_name="macro AUROC",
            metric_value=round(results["validation_auroc_macro"], 4),
        )
    ]


def _format(value: float | None) -> str:
    """Three decimals, or a word where there is no figure."""
    return "undefined" if value is None else f"{value:.3f}"
