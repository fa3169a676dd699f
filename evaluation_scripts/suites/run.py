"""A checkpoint on a suite: every set that is there, one after the other, under one protocol."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from accelerate import Accelerator
from accelerate.logging import get_logger
from transformers import PreTrainedModel, ProcessorMixin

from evaluation_scripts.arguments import EvaluationArguments
from evaluation_scripts.passes.kept_shards import UNFINISHED
from evaluation_scripts.predict import predict
from evaluation_scripts.prediction_table import Predictions
from evaluation_scripts.protocols.label_sets import FEWEST_POSITIVES, SUITES
from evaluation_scripts.protocols.label_table import SPLITS, LabelTable
from evaluation_scripts.protocols.read import SuiteTables, read_suite
from evaluation_scripts.robustness.disturbances import Disturbance
from evaluation_scripts.robustness_curves import DisturbedCollator, choose_families, trace_curves
from evaluation_scripts.suite_arguments import SuiteArguments

from .evaluated import EvaluatedSets
from .records import SuiteRecords, load_suite_records, merge_windows
from .wordings import WORDINGS, add_wordings, ask_in


logger = get_logger(__name__)

DESCRIPTIONS = {
    "merl": "Labels, splits, classes and crops of MERL's own tables (Liu et al. 2024, ICML), with their errors; macro"
    " averages over all conditions with a positive and a negative record, whatever their number.",
    "corrected": "Labels by the corpus' own codes, whole recordings, splits by patient where patients are known; macro"
    " averages over conditions with at least ten positive records, the others listed.",
    "corpus": "Labels and splits as the corpus publishes them.",
}


def split_names(text: str) -> list[str]:
    """The splits that `--split` names.

    Raises:
        ValueError: If one is none.
    """
    names = [name.strip() for name in text.split("+")]
    unknown = [name for name in names if name not in SPLITS]
    if unknown:
        raise ValueError(f"--split {text} names {unknown[0]}. Choose among {', '.join(SPLITS)}, joined by +.")
    return names


def make_sets(arguments: EvaluationArguments, protocol: str) -> EvaluatedSets:
    """Room for the figures of several sets, as the arguments ask for them."""
    return EvaluatedSets(
        protocol=protocol,
        splits=split_names(arguments.split),
        min_positives=max(FEWEST_POSITIVES.get(protocol, 1), arguments.min_positives),
        num_bootstrap_samples=arguments.num_bootstrap_samples,
        seed=arguments.seed,
    )


def describe_suite_protocol(
    arguments: EvaluationArguments, suite: SuiteArguments, sets: EvaluatedSets
) -> dict[str, Any]:
    """What the figures of a suite depend on: the `protocol` of eval_results.json."""
    return {
        "name": sets.protocol,
        "description": DESCRIPTIONS[sets.protocol],
        "suite": suite.suite,
        "split": arguments.split,
        "fold_table": suite.fold_table,
        "min_positives": sets.min_positives,
        "num_bootstrap_samples": sets.num_bootstrap_samples,
        "seed": sets.seed,
        "max_eval_samples": arguments.max_eval_samples,
        "on_error": arguments.on_error,
    }


def read_tables(suite: SuiteArguments) -> SuiteTables:
    """The labels of every set of the suite that is there."""
    return read_suite(
        SUITES[suite.suite or ""],
        suite.protocol,
        data_root=suite.data_root,
        split_dir=suite.split_dir,
        fold_table=suite.fold_table,
    )


def load_set(
    table: LabelTable,
    splits: Sequence[str],
    read: SuiteTables,
    *,
    arguments: EvaluationArguments,
    accelerator: Accelerator,
) -> tuple[SuiteRecords | None, dict[str, Any]]:
    """The recordings of one set, as [`load_suite_records`] gives them; one process reads first."""
    with accelerator.main_process_first():
        return load_suite_records(
            table,
            splits,
            data_dir=read.folders[table.label_set.corpus],
            max_records=arguments.max_eval_samples,
            num_proc=arguments.preprocessing_num_workers,
            on_error=arguments.on_error,
        )


def evaluate_suite(
    model: PreTrainedModel,
    processor: ProcessorMixin,
    *,
    arguments: EvaluationArguments,
    suite: SuiteArguments,
    accelerator: Accelerator,
    read: SuiteTables | None = None,
) -> EvaluatedSets:
    """Evaluate a checkpoint on every set of a suite that is there; of several processes, the main one compiles.

    Args:
        model ([`SupremeModel`]):
            Prepared for evaluation by the accelerator.
        processor ([`SupremeProcessor`]):
            The checkpoint's own.
        arguments ([`EvaluationArguments`]):
            How the model is asked.
        suite ([`SuiteArguments`]):
            Which suite, under which protocol, from where.
        accelerator (`Accelerator`):
            Shares the records among processes.
        read (`SuiteTables`, *optional*):
            What [`read_tables`] gives, where it is at hand.

    Returns:
        [`EvaluatedSets`]: Without results in all processes but the main one.

    Raises:
        ValueError: If no set of the suite is there, or the splits leak.
    """
    choose_families(arguments.robustness or ())  # refused before hours are spent
    sets = make_sets(arguments, suite.protocol)
    read = read_tables(suite) if read is None else read
    sets.missing |= read.missing
    splits = [*(() if "validation" in sets.splits else ("validation",)), *sets.splits]
    for table in read.tables:
        label_set = table.label_set
        records, missing = load_set(table, splits, read, arguments=arguments, accelerator=accelerator)
        if missing["num_missing"]:
            logger.warning(
                f"{label_set.name}: {missing['num_missing']} records of the splits are not under {suite.data_root},"
                f" first {missing['first_missing']}."
            )
        if records is None or not set(sets.splits) & set(records.row_splits):
            sets.missing[label_set.name] = f"no record of {arguments.split} is under {suite.data_root}"
            continue
        conditions, predictions = predict(
            model,
            processor,
            records,
            arguments=arguments,
            accelerator=accelerator,
            kept_dir=Path(arguments.output_dir) / UNFINISHED,
        )
        if accelerator.is_main_process:
            answers = merge_windows(predictions, conditions)
            sets.add(label_set.name, conditions, answers, num_missing_records=missing["num_missing"])
            sets.recordings[f"{label_set.name}/{'+'.join(sets.splits)}"] = records
        ask = partial(_ask_again, model, processor, records, sets=sets, accelerator=accelerator)
        _try_further(sets, label_set.name, ask, arguments=arguments, suite=suite)
    for name, reason in sets.missing.items():
        logger.warning(f"{name} is not tested: {reason}.")
    if accelerator.is_main_process and not sets.results:
        raise ValueError(
            f"--suite {suite.suite}: no set can be tested. Let `--data_root` be the folder above those of the corpora."
            f" First: {next(iter(sets.missing.items()), '')}"
        )
    return sets


def _ask_again(
    model: PreTrainedModel,
    processor: ProcessorMixin,
    records: SuiteRecords,
    arguments: EvaluationArguments,
    *,
    sets: EvaluatedSets,
    accelerator: Accelerator,
    disturb: Disturbance | None = None,
) -> Predictions | None:
    """Scores of the records tested in other words or under a disturbance; `None` in all processes but the main one."""
    is_tested = np.isin(records.row_splits, list(sets.splits))
    own = replace(
        records,
        rows=records.rows.select(np.flatnonzero(is_tested)),
        row_splits=[split for split, tested in zip(records.row_splits, is_tested, strict=True) if tested],
        table=records.table.select(is_tested),
    )
    collator = None if disturb is None else DisturbedCollator(processor.feature_extractor, disturb)
    conditions, predictions = predict(
        model,
        processor,
        own,
        arguments=arguments,
        accelerator=accelerator,
        collator=collator,
        has_controls=False,
        kept_dir=Path(arguments.output_dir) / UNFINISHED,
    )
    return merge_windows(predictions, conditions) if accelerator.is_main_process else None


def _try_further(
    sets: EvaluatedSets,
    name: str,
    ask: Callable[..., Predictions | None],
    *,
    arguments: EvaluationArguments,
    suite: SuiteArguments,
) -> None:
    """Add to the result of a set what other wordings and disturbances make of it, where they are asked for."""
    result = sets.results.get(f"{name}/{'+'.join(sets.splits)}")
    if suite.compare_wordings:
        asked = {wording: ask(ask_in(arguments, wording)) for wording in WORDINGS}
        if result is not None:
            add_wordings(result, {wording: own for wording, own in asked.items() if own is not None})
    if arguments.robustness:
        curves = trace_curves(
            choose_families(arguments.robustness),
            lambda disturb: ask(arguments, disturb=disturb),
            entries=(result or {}).get("conditions", ()),
        )
        if result is not None:
            result["robustness"] = curves
