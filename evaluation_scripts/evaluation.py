"""The evaluation of one label set: records, answers, figures, and measurements beside their reference."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
from accelerate import Accelerator
from transformers import PreTrainedModel, ProcessorMixin

from evaluation_scripts.passes.kept_shards import UNFINISHED
from evaluation_scripts.robustness.disturbances import Disturbance

from .arguments import EvaluationArguments
from .explanations import evaluate_explanations
from .load import LabelledRecords, load_records
from .measurement_errors import MeasurementPairs, compare_measurements
from .measurement_table import plot_measurements
from .predict import predict
from .prediction_table import Predictions, tabulate_predictions
from .references import read_references
from .results import compile_result
from .robustness_curves import DisturbedCollator, choose_families, trace_curves


def evaluate_label_set(
    model: PreTrainedModel,
    processor: ProcessorMixin,
    config_name: str | None,
    *,
    arguments: EvaluationArguments,
    accelerator: Accelerator,
) -> tuple[str, dict[str, Any], pd.DataFrame]:
    """Evaluate a checkpoint on one configuration of the corpus; of several processes, the main one compiles.

    Args:
        model ([`SupremeModel`]):
            Prepared for evaluation by the accelerator.
        processor ([`SupremeProcessor`]):
            The checkpoint's own.
        config_name (`str`, *optional*):
            Label set of the corpus; its own default otherwise.
        arguments ([`EvaluationArguments`]):
            Corpus, protocol and options.
        accelerator (`Accelerator`):
            Shares the records among processes.

    Returns:
        `tuple`: "corpus/configuration/split", the result of [`compile_result`] with `robustness`, `measurements` and
        `explanations` if they were asked for, and the rows of predictions.parquet; both are empty in all processes but
        the main one.

    Raises:
        ValueError: If the records have neither labels nor measurements to compare with, the model answers NaN, or a
            disturbance does not exist.
    """
    families = choose_families(arguments.robustness or ())  # refused before anything is read
    with accelerator.main_process_first():
        records = load_records(arguments, config_name)
    if not records.label_names and not arguments.measurements:
        raise ValueError(
            f"{records.name} has no labels to evaluate. Add a column `labels` to its table, or compare measurements"
            " with `--measurements`."
        )
    reference = None
    if arguments.measurements and accelerator.is_main_process:
        reference = read_references(
            records,
            model.config.measurements,
            data_dir=arguments.data_dir,
            annotation_extensions=arguments.annotation_extensions,
        )
    ask = partial(
        predict,
        model,
        processor,
        records,
        arguments=arguments,
        accelerator=accelerator,
        kept_dir=Path(arguments.output_dir) / UNFINISHED,
    )
    conditions, predictions = ask()
    bootstrap = {"num_bootstrap_samples": arguments.num_bootstrap_samples, "seed": arguments.seed}
    result: dict[str, Any] = {}
    if accelerator.is_main_process:
        result = compile_result(predictions, conditions, min_positives=arguments.min_positives, **bootstrap)
    if families and conditions:
        ask_disturbed = partial(_ask_disturbed, ask, processor.feature_extractor, accelerator)
        result["robustness"] = trace_curves(families, ask_disturbed, entries=result.get("conditions", ()))
    if not accelerator.is_main_process:
        return records.name, {}, pd.DataFrame()
    measured = None
    if reference is not None:
        measured = MeasurementPairs(list(model.config.measurements), **predictions.measured, reference=reference)
        entries = compare_measurements(measured, predictions.records["patient_id"].tolist(), **bootstrap)
        result["measurements"] = entries
        plot_measurements(_plot_path(arguments, records), measured, entries)
    if arguments.explanations and conditions:
        found = evaluate_explanations(model, processor, records, predictions.labels, arguments=arguments)
        result["explanations"] = found
    return records.name, result, tabulate_predictions(predictions, conditions, measured)


def _ask_disturbed(
    ask: Callable[..., tuple[Any, Predictions]],
    feature_extractor: Any,
    accelerator: Accelerator,
    disturb: Disturbance,
) -> Predictions | None:
    """Scores of the same records under a disturbance, which all processes share; `None` in all but the main one."""
    collator = DisturbedCollator(feature_extractor, disturb)
    _, predictions = ask(collator=collator, has_controls=False)
    return predictions if accelerator.is_main_process else None


def _plot_path(arguments: EvaluationArguments, records: LabelledRecords) -> Path:
    """Where the plot goes; of several label sets, each has its own."""
    is_one = len(arguments.dataset_config_name or [None]) == 1
    return Path(arguments.output_dir) / f"measurements{'' if is_one else f'_{records.config_name}'}.png"
