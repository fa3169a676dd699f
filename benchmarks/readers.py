"""How well reports are read: agreement with the codes of cardiologists, words left over, and readers side by side.

    python benchmarks/readers.py --reports ptbxl_reports.csv --folds 1 2 3 4 5 6 7 8
    python benchmarks/readers.py --reports ptbxl_reports.csv --statements statements.txt --num_examples 30
    python benchmarks/readers.py --reports ptbxl_reports.csv --table agreement.csv --num_sampled 50
    python benchmarks/readers.py --annotations annotated.jsonl --backend transformers --model DIR
    python benchmarks/readers.py --annotations annotated.jsonl --backend endpoint --base_url URL --model NAME

`--reports` takes a table in the layout of PTB-XL's `ptbxl_database.csv` (columns `report`, `scp_codes`, `strat_fold`)
and prints as JSON, over all records of the folds together: the sensitivity, the share of codes that are read; and the
positive predictive value (PPV), the share of read codes that are given. A finding read as uncertain counts as read,
under its SCP code, or under those of the nearest findings of which it is a kind ("old high lateral infarction" under
that of lateral infarction, "biatrial enlargement" under two). A code is met by itself and by a code of an ancestor or
descendant: a superclass ("myocardial infarction" for any territory) has none. The figures `with_coarse_codes` also
count a code as met by one that is used for the same words, by the habit of the coders in `COARSE_CODES`. Then the
share of content words (two letters or more, no function word) that are accounted for, the share of statements called
read, and the seconds that reading took.

With `--num_examples` it lists the codes most often missed or added, and the words most often left over. `--table`
writes the agreement of each code; `--num_sampled` lists as many disagreements, drawn at random, for a person to say
whose fault each is: the reader's, the coder's who knew more than the report says, or a matter of wording. Reports of
patients appear there: keep the output where the reports may be.

`--annotations` takes a file as `python -m datasets_scripts.extraction.score` does, and has its statements read by the
rules, by the language model alone (`all`), by the rules with the model where they leave words over (`leftover`), and
by the model beside the rules (`audit`). Each reader has a line of JSON: F1 of the findings, accuracy of the certainty
and difference of its F1 to that of the rules, each with a 95 % interval (percentiles over statements drawn with
replacement, the same for all readers), how many of the statements read otherwise than annotated claim to be read, and
what was asked and how long it took.
"""

import argparse
import ast
import json
import logging
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
from command_line import make_parser


sys.path.insert(0, str(Path(__file__).parents[1]))

from datasets_scripts.extraction.backends.backend import BackendArguments
from datasets_scripts.extraction.backends.make_backend import make_backend
from datasets_scripts.extraction.backends.routes import Route, RouteArguments
from datasets_scripts.extraction.checks.annotation_score import name_canonically
from datasets_scripts.extraction.readings.reading import NEGATIVE, Entity, Reading
from datasets_scripts.extraction.readings.rules import account_for, read_statement
from datasets_scripts.extraction.readings.statements import split_report
from datasets_scripts.terminology.findings import load_terminology


logger = logging.getLogger(__name__)

# Findings that are kinds of one another in the habit of PTB-XL's coders and not in the terminology, where each has its
# own criterion: coders give NST_ for any change of ST, NT_ for "non-specific T wave flattening" (319 of 321 records of
# folds 1 to 8), NDT for the same, and only the code of a voltage criterion where high voltages suggest a hypertrophy.
COARSE_CODES = {
    "st depression": "st changes",
    "st elevation": "st changes",
    "low amplitude t waves": "nonspecific t wave changes",
    "nondiagnostic t wave abnormality": "nonspecific t wave changes",
    "left ventricular hypertrophy by voltage": "high qrs voltage",
}
ROUTES: tuple[Route, ...] = ("all", "leftover", "audit")
INTERVAL = (2.5, 97.5)  # percentiles


def read_report(report: str) -> frozenset[str]:
    """Findings with an SCP code that a report states for sure or with a hedge."""
    entities = (entity for statement in split_report(report) for entity in read_statement(statement).entities)
    named = (name_coded(entity.entity) for entity in entities if entity.certainty != NEGATIVE)
    return frozenset(name for names in named for name in names)


@lru_cache(maxsize=10_000)
def name_coded(name: str) -> frozenset[str]:
    """The findings that own the SCP code of this one, or those of the nearest ones of which it is a kind."""
    terminology = load_terminology()
    if code := terminology[name].scp_code:
        return frozenset([terminology.find_label(code, config_name="all").name])
    return frozenset(coded for parent in terminology[name].parents for coded in name_coded(parent))


def name_codes(scp_codes: str) -> frozenset[str]:
    """Findings of the codes of a record."""
    terminology = load_terminology()
    return frozenset(terminology.find_label(code, config_name="all").name for code in ast.literal_eval(scp_codes))


@lru_cache(maxsize=100_000)
def is_kind_of(first: str, second: str) -> bool:
    """Whether the findings are the same or one is a kind of the other."""
    terminology = load_terminology()
    return first == second or first in terminology.ancestors(second) or second in terminology.ancestors(first)


def is_coded_alike(first: str, second: str) -> bool:
    """Whether the findings are of one kind, or are by the habit of the coders."""
    coarse = COARSE_CODES.get(first, first), COARSE_CODES.get(second, second)
    return is_kind_of(first, second) or is_kind_of(coarse[0], second) or is_kind_of(first, coarse[1])


def compare_records(records: pd.DataFrame) -> pd.DataFrame:
    """Every finding that a record has by its codes or by its report.

    Args:
        records (`pd.DataFrame`):
            Columns `report` and `scp_codes`.

    Returns:
        `pd.DataFrame`: Columns `report`, `scp_codes`, `finding`, `side` (`"coded"` or `"read"`), `is_met`, whether the
        other side has the finding, an ancestor or a descendant of it, and `is_met_coarsely`, by `is_coded_alike`.
    """
    rows = []
    for report, codes in zip(records["report"], records["scp_codes"], strict=True):
        read, coded = read_report(report), name_codes(codes)
        for side, names, others in (("coded", coded, read), ("read", read, coded)):
            for name in sorted(names):
                met = [any(is_alike(name, other) for other in others) for is_alike in (is_kind_of, is_coded_alike)]
                rows.append((report, codes, name, side, *met))
    columns = ["report", "scp_codes", "finding", "side", "is_met", "is_met_coarsely"]
    return pd.DataFrame(rows, columns=cast(Any, columns))


def tabulate_agreement(compared: pd.DataFrame) -> pd.DataFrame:
    """Agreement of each finding, the most frequent code first.

    Args:
        compared (`pd.DataFrame`):
            What `compare_records` returns.

    Returns:
        `pd.DataFrame`: Columns `finding`, `scp_code`, `num_coded`, `num_missed`, `sensitivity`, `num_read`,
        `num_added` and `ppv`.
    """
    counts = compared.groupby(["finding", "side"])["is_met"].agg(["size", "sum"]).unstack(fill_value=0)
    table = pd.DataFrame(index=counts.index)
    table["scp_code"] = [load_terminology()[name].scp_code for name in table.index]
    for side, failed, share in (("coded", "num_missed", "sensitivity"), ("read", "num_added", "ppv")):
        size, met = counts["size"][side], counts["sum"][side]
        table[f"num_{side}"], table[failed], table[share] = size, size - met, (met / size).round(3)
    return table.sort_values(["num_coded", "num_read"], ascending=False).reset_index()


def describe_agreement(compared: pd.DataFrame, column: str = "is_met") -> dict[str, float]:
    """Sensitivity and PPV over all findings of all records together."""
    met: dict[str, float] = cast(Any, compared.groupby("side")[column].mean()).to_dict()
    return {"sensitivity": round(met["coded"], 4), "ppv": round(met["read"], 4)}


def measure_coverage(statements: Iterable[str]) -> tuple[dict[str, float], Counter[str]]:
    """Share of content words accounted for and of statements called read, and the words left over."""
    left_over: Counter[str] = Counter()
    num_words = num_statements = num_read = 0
    for statement in statements:
        account = account_for(statement)
        left_over.update(word.lower() for word in account.left_over)
        num_words += account.num_words
        num_statements += 1
        num_read += account.reading.is_read
    shares = {
        "num_words": num_words,
        "words_accounted_for": round(1 - left_over.total() / num_words, 4),
        "statements_read": round(num_read / num_statements, 4),
    }
    return shares, left_over


def show_examples(counted: Mapping[str, Counter[str]], num_examples: int) -> None:
    """Log the most frequent of what was missed, added and left over."""
    if not num_examples:
        return
    for name, counter in counted.items():
        most = ", ".join(f"{word} {count}" for word, count in counter.most_common(num_examples))
        logger.info("%s: %s", name, most)


def measure_reports(arguments: argparse.Namespace) -> None:
    """Print the agreement with the codes, and the coverage of the words."""
    records = pd.read_csv(arguments.reports).query("strat_fold in @arguments.folds").fillna({"report": ""})
    began = time.perf_counter()
    compared = compare_records(records)
    seconds = round(time.perf_counter() - began, 1)
    statements = [statement for report in records["report"] for statement in split_report(report)]
    shares, left_over = measure_coverage(statements)
    coarse = {"with_coarse_codes": describe_agreement(compared, "is_met_coarsely")}
    figures = {"num_records": len(records), **describe_agreement(compared), **coarse, **shares, "seconds": seconds}
    logger.info("%s", json.dumps({"reports": figures}))
    failed = compared[~compared["is_met"]]
    missed, added = (Counter(failed.query("side == @side")["finding"]) for side in ("coded", "read"))
    show_examples({"missed": missed, "added": added, "left over": left_over}, arguments.num_examples)
    if arguments.table:
        tabulate_agreement(compared).to_csv(arguments.table, index=False)
    drawn = failed.sample(min(arguments.num_sampled, len(failed)), random_state=arguments.seed)
    for row in cast(Any, drawn).to_dict("records"):
        logger.info("%(side)s but not the other: %(finding)s | %(scp_codes)s | %(report)s", row)


def count_shared(annotations: Sequence[Mapping[str, Any]], read: Mapping[str, Sequence[Entity]]) -> np.ndarray:
    """For each statement the findings that are read, annotated, both, and both with one certainty, `(num, 4)`."""
    counts = []
    for annotation in annotations:
        annotated = name_canonically(annotation["entities"])
        found = name_canonically(entity._asdict() for entity in read[annotation["statement"]])
        shared = annotated.keys() & found.keys()
        agreed = sum(annotated[name] == found[name] for name in shared)
        counts.append((len(found), len(annotated), len(shared), agreed))
    return np.array(counts, dtype=float)


def describe_scores(counts: np.ndarray, rules: np.ndarray, weights: np.ndarray) -> dict[str, Any]:
    """F1, accuracy of the certainty and difference of the F1 to the rules', each as value, low and high.

    Args:
        counts (`np.ndarray` of shape `(num_statements, 4)`):
            Of a reader, as `count_shared` returns them.
        rules (`np.ndarray` of shape `(num_statements, 4)`):
            Those of the rules.
        weights (`np.ndarray` of shape `(num_samples + 1, num_statements)`):
            How often each statement was drawn; once each in the first row.
    """
    with np.errstate(invalid="ignore"):
        (found, annotated, shared, agreed), (found_0, annotated_0, shared_0, _) = (
            (weights @ counts).T,
            (weights @ rules).T,
        )
        f1, certainty, f1_rules = (
            2 * shared / (found + annotated),
            agreed / shared,
            2 * shared_0 / (found_0 + annotated_0),
        )
    figures = {"f1": f1, "certainty_accuracy": certainty, "f1_beyond_rules": f1 - f1_rules}
    return {
        name: [round(float(value), 3) for value in (values[0], *np.nanpercentile(values[1:], INTERVAL))]
        for name, values in figures.items()
    }


def compare_readers(arguments: argparse.Namespace, folder: Path) -> None:
    """Print a line for the rules and for each way to ask a language model."""
    lines = arguments.annotations.read_text(encoding="utf-8").splitlines()
    annotations = [json.loads(line) for line in lines if line.strip()]
    statements = list(dict.fromkeys(annotation["statement"] for annotation in annotations))
    num = len(annotations)
    drawn = np.random.default_rng(arguments.seed).multinomial(
        num, np.full(num, 1 / num), arguments.num_bootstrap_samples
    )
    weights = np.concatenate([np.ones((1, num)), drawn])
    by_rules = {statement: read_statement(statement) for statement in statements}
    rules = count_shared(annotations, {statement: reading.entities for statement, reading in by_rules.items()})
    show_reader("rules", annotations, by_rules, describe_scores(rules, rules, weights))
    for route in ROUTES if arguments.backend else ():
        asked = BackendArguments(
            backend=arguments.backend,
            model=arguments.model,
            base_url=arguments.base_url,
            max_new_tokens=arguments.max_new_tokens,
            batch_size=arguments.batch_size,
        )
        routing = RouteArguments(route=route, statements_per_call=arguments.statements_per_call)
        backend = make_backend(asked, folder / route, routing=routing)
        began = time.perf_counter()
        read = dict(backend.read(statements))
        spent = {"seconds": round(time.perf_counter() - began, 1), "spent": str(backend.cost)}
        said = {
            name: reading.entities if reading.opinion is None else reading.opinion for name, reading in read.items()
        }
        show_reader(route, annotations, read, describe_scores(count_shared(annotations, said), rules, weights), spent)


def show_reader(
    name: str,
    annotations: Sequence[Mapping[str, Any]],
    read: Mapping[str, Reading],
    figures: Mapping[str, Any],
    spent: Mapping[str, Any] | None = None,
) -> None:
    """Print what is known of one reader; of an audit, the scores are those of the model's opinion."""
    wrong = [
        annotation["statement"]
        for annotation in annotations
        if name_canonically(annotation["entities"])
        != name_canonically(entity._asdict() for entity in read[annotation["statement"]].entities)
    ]
    claimed = sum(read[statement].is_read for statement in wrong)
    counts = {"num_statements": len(annotations), "num_wrong": len(wrong), "num_wrong_called_read": claimed}
    problems = {"num_left_to_rules": sum(bool(reading.problem) for reading in read.values())}
    logger.info("%s", json.dumps({name: {**counts, **figures, **problems, **(spent or {})}}))


def make_arguments() -> argparse.ArgumentParser:
    """The flags."""
    parser = make_parser(__doc__)
    parser.add_argument("--reports", type=Path, help="Table with report, scp_codes and strat_fold.")
    parser.add_argument("--folds", type=int, nargs="+", default=list(range(1, 9)), help="Folds that are read.")
    parser.add_argument("--statements", type=Path, help="Text file with one statement a line, for the coverage alone.")
    parser.add_argument("--num_examples", type=int, default=0, help="Codes and words to list.")
    parser.add_argument("--table", type=Path, help="CSV file for the agreement of each code.")
    parser.add_argument("--num_sampled", type=int, default=0, help="Disagreements to list, with their reports.")
    parser.add_argument(
        "--annotations", type=Path, help="JSONL file of annotated statements, for readers side by side."
    )
    parser.add_argument("--backend", choices=("endpoint", "transformers"), help="Who answers beside the rules.")
    parser.add_argument("--model", help="Name of the language model, or a folder that holds one.")
    parser.add_argument("--base_url", help="Address of the server.")
    parser.add_argument("--statements_per_call", type=int, default=1, help="Statements in one question.")
    parser.add_argument("--batch_size", type=int, default=4, help="Questions that a local model answers at a time.")
    parser.add_argument("--max_new_tokens", type=int, default=400, help="Tokens that an answer may have.")
    parser.add_argument("--num_bootstrap_samples", type=int, default=2000, help="Draws of the statements.")
    parser.add_argument("--seed", type=int, default=0, help="Of the draws.")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Measure what is asked for and print the figures."""
    parser = make_arguments()
    arguments = parser.parse_args(argv)
    if not (arguments.reports or arguments.statements or arguments.annotations):
        parser.error("there is nothing to read. Give --reports, --statements or --annotations.")
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    if arguments.reports:
        measure_reports(arguments)
    if arguments.statements:
        shares, left_over = measure_coverage(arguments.statements.read_text(encoding="utf-8").splitlines())
        logger.info("%s", json.dumps({"statements": shares}))
        show_examples({"left over": left_over}, arguments.num_examples)
    if arguments.annotations:
        with tempfile.TemporaryDirectory() as folder:
            compare_readers(arguments, Path(folder))


if __name__ == "__main__":
    main()
