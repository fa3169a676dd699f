"""Anybody's scores under the protocols: the labels of a suite, of a corpus, or those that the file has itself."""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, cast

import numpy as np
import pandas as pd

from evaluation_scripts.arguments import EvaluationArguments
from evaluation_scripts.load import load_records
from evaluation_scripts.protocols.label_sets import SUITES, LabelSet
from evaluation_scripts.protocols.label_table import LabelTable
from evaluation_scripts.protocols.read import read_suite
from evaluation_scripts.suite_arguments import SuiteArguments

from .evaluated import EvaluatedSets
from .run import make_sets
from .score_file import LABEL, ScoreFile, read_score_file, score_table


logger = logging.getLogger(__name__)

CORPUS = "corpus"


def evaluate_scores(arguments: EvaluationArguments, suite: SuiteArguments) -> tuple[EvaluatedSets, list[str]]:
    """Score a file of predictions; no model is needed.

    Args:
        arguments ([`EvaluationArguments`]):
            Corpus, splits and intervals.
        suite ([`SuiteArguments`]):
            The file, and the suite and protocol if one is meant.

    Returns:
        `tuple`: [`EvaluatedSets`]; and the columns of the file that no condition answers to.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file cannot be read as scores, nothing says what is true of its records, or no column or
            record of it belongs to what is tested.
    """
    scores = read_score_file(suite.predictions or "", control_columns=suite.control_columns or ())
    protocol = suite.protocol if suite.suite else CORPUS
    sets = make_sets(arguments, protocol)
    used: set[str] = set()
    for table in _find_tables(arguments, suite, scores, sets):
        wanted = [*(() if "validation" in sets.splits else ("validation",)), *sets.splits]
        found = score_table(scores, table.of_splits(wanted))
        if found is None or not set(sets.splits) & set(found[1].records["split"]):
            sets.missing[table.label_set.name] = f"no record or no condition of it is in {scores.path}"
            continue
        conditions, predictions, notes = found
        _warn(table.label_set.name, notes)
        absent = notes.pop("missing_records")["num_missing"]
        sets.add(table.label_set.name, conditions, predictions, **notes, num_missing_records=absent)
        used |= {condition.query for condition in conditions}
    if not sets.results:
        raise ValueError(
            f"{scores.path}: no column and record belongs to what is tested ({'; '.join(sets.missing.values())}). Its"
            f" columns are {', '.join(scores.columns[:10])}; call them by the name or code of a condition."
        )
    unknown = [column for column in scores.columns if column not in used and column not in scores.controls]
    if unknown:
        logger.warning(
            f"{scores.path}: no condition answers to the columns {', '.join(unknown)}, which are not scored."
        )
    return sets, unknown


def _find_tables(
    arguments: EvaluationArguments, suite: SuiteArguments, scores: ScoreFile, sets: EvaluatedSets
) -> Iterator[LabelTable]:
    """What is true of the records: by a suite, by a corpus, or by the file."""
    if suite.suite:
        read = read_suite(
            SUITES[suite.suite],
            suite.protocol,
            data_root=suite.data_root,
            split_dir=suite.split_dir,
            fold_table=suite.fold_table,
            needs_signals=False,
        )
        sets.missing |= read.missing
        yield from read.tables
    elif arguments.dataset_name:
        for config_name in arguments.dataset_config_name or [None]:
            yield _read_corpus(arguments, config_name)
    elif scores.is_our_own:
        yield from read_own_labels(scores)
    else:
        raise ValueError(
            f"{scores.path} does not say what is true of its records. Name the sets with `--suite supreme6`, or a"
            " corpus with `--dataset_name` and `--data_dir`; or add a column label_<condition> to each"
            " score_<condition>."
        )


def read_own_labels(scores: ScoreFile) -> Iterator[LabelTable]:
    """The labels in a file that `evaluate.py` wrote, set by set.

    Args:
        scores ([`ScoreFile`]):
            With columns `label_<condition>`, and `corpus`, `config`, `split` and `patient_id` where they are known.
    """
    defaults = {"corpus": "file", "config": "default", "split": "test", "patient_id": None}
    whole = scores.table.assign(**{name: value for name, value in defaults.items() if name not in scores.table})
    for key, group in whole.groupby(["corpus", "config"], sort=False):
        (corpus, config_name), rows = cast("tuple[str, str]", key), cast("Any", group)
        columns = [column for column in rows if str(column).startswith(LABEL) and rows[column].notna().any()]
        names = tuple(str(column).removeprefix(LABEL) for column in columns)
        records = rows[["record_id", "patient_id", "split"]].astype({"record_id": str}).reset_index(drop=True)
        if "is_normal" in rows and rows["is_normal"].notna().all():
            records["is_normal"] = rows["is_normal"].to_numpy(dtype=bool)
        labels = rows[columns].astype("Float64").to_numpy(dtype=np.float64, na_value=np.nan)
        yield _own_table(str(corpus), str(config_name), names, records, labels)


def _read_corpus(arguments: EvaluationArguments, config_name: str | None) -> LabelTable:
    """The labels of one configuration of a corpus, with the records of validation."""
    splits = arguments.split if "validation" in arguments.split else f"validation+{arguments.split}"
    records = load_records(replace(arguments, split=splits), config_name)
    located: Any = records.locate()[["record_id", "patient_id", "split"]]
    names = tuple(records.label_names)
    table = _own_table(records.corpus, records.config_name, names, located, records.read_labels())
    return table.select(np.flatnonzero(~located["record_id"].duplicated()))


def _own_table(
    corpus: str, config_name: str, names: tuple[str, ...], records: pd.DataFrame, labels: np.ndarray
) -> LabelTable:
    """A table of labels that belongs to no suite."""
    label_set = LabelSet(f"{corpus}/{config_name}", f"{corpus}, {config_name}", corpus, config_name, len(names), "")
    return LabelTable(label_set, CORPUS, names, names, records, labels)


def _warn(name: str, notes: Mapping[str, Any]) -> None:
    """Name what of a set the file lacks."""
    if notes["missing_conditions"]:
        logger.warning(f"{name}: no column stands for {', '.join(notes['missing_conditions'])}, which are not scored.")
    absent = notes["missing_records"]
    if absent["num_missing"]:
        logger.warning(f"{name}: {absent['num_missing']} records have no row, first {absent['first_missing']}.")
