"""How well reports are read: agreement with the codes of cardiologists, words left over, and readers side by side.

    python benchmarks/readers.py --reports ptbxl_reports.csv --folds 1 2 3 4 5 6 7 8
    python benchmarks/readers.py --reports ptbxl_reports.csv --statements statements.txt --num_examples 30
    python benchmarks/readers.py --reports ptbxl_reports.csv --table agreement.csv --num_sampled 50
    python benchmarks/readers.py --annotations annotated.jsonl --backend transformers --model DIR
    python benchmarks/readers.py --annotations annotated.jsonl --backend endpoint --base_url URL --model NAME

`--reports` takes a table in the layout of PTB-XL's `ptbxl_database.csv` (columns `report`, `scp_codes`, `strat_fold`)
and prints as JSON, over all records of the folds together: the sensitivity, the share of codes that are read; and the
positive predictive value (PPV), the share of read codes that are given. A finding read as uncertain counts as read,
and a code counts whatever its likelihood. A code is met by itself and by a code of an ancestor or descendant: a
superclass ("myocardial infarction" for any territory) has none. Beside these figures stand, under `by_definition` and
`by_habit`, those with findings brought to codes as the coders bring them
(`datasets_scripts/extraction/checks/code_agreement.py`), and under each `doubts_open`: without hedged findings that
have no code, and without codes under 50 % likelihood that are not read, since neither says that the reader is wrong.
Then the share of content words (two letters or more, no function word) that are accounted for, the share of statements
called read, and the seconds that reading took.

With `--num_examples` it lists the codes most often missed or added, and the words most often left over. `--table`
writes the agreement of each code and what it costs the pooled figures, `--conventions_table` what each convention
does; `--num_sampled` lists as many disagreements, drawn at random, for a person to say whose fault each is: the
reader's, the coder's who knew more than the report says, or a matter of wording. Reports of patients appear there:
keep the output where the reports may be.

`--annotations` takes a file as `python -m datasets_scripts.extraction.score` does, and has its statements read by the
rules, by the language model alone (`all`), by the rules with the model where they leave words over (`leftover`), and
by the model beside the rules (`audit`). Each reader has a line of JSON: F1 of the findings, accuracy of the certainty
and difference of its F1 to that of the rules, each with a 95 % interval (percentiles over statements drawn with
replacement, the same for all readers), how many of the statements read otherwise than annotated claim to be read, and
what was asked and how long it took.
"""

import argparse
import json
import logging
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
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
from datasets_scripts.extraction.checks.code_agreement import (
    compare_records,
    describe_with_doubts,
    tabulate_agreement,
    tabulate_conventions,
)
from datasets_scripts.extraction.readings.reading import Entity, Reading
from datasets_scripts.extraction.readings.rules import account_for, read_statement
from datasets_scripts.extraction.readings.statements import split_report


logger = logging.getLogger(__name__)

ROUTES: tuple[Route, ...] = ("all", "leftover", "audit")
INTERVAL = (2.5, 97.5)  # percentiles


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
    by_convention = {
        f"by_{basis}": describe_with_doubts(compare_records(records, basis)) for basis in ("definition", "habit")
    }
    figures = {**describe_with_doubts(compared), **by_convention, **shares, "seconds": seconds}
    logger.info("%s", json.dumps({"reports": {"num_records": len(records), **figures}}))
    failed = compared[~compared["is_met"]]
    missed, added = (Counter(failed.query("side == @side")["finding"]) for side in ("coded", "read"))
    show_examples({"missed": missed, "added": added, "left over": left_over}, arguments.num_examples)
    if arguments.table:
        tabulate_agreement(compared).to_csv(arguments.table, index=False)
    if arguments.conventions_table:
        tabulate_conventions(records).to_csv(arguments.conventions_table, index=False)
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
    parser.add_argument("--conventions_table", type=Path, help="CSV file for what each convention does.")
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
