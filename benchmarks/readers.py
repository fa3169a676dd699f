"""How well the rules read real reports: agreement with the codes that cardiologists gave, and words left over.

    python benchmarks/readers.py --reports ptbxl_reports.csv --folds 1 2 3 4 5 6 7 8
    python benchmarks/readers.py --reports ptbxl_reports.csv --statements statements.txt --num_examples 30
    python benchmarks/readers.py --reports ptbxl_reports.csv --table agreement.csv --num_sampled 50

Reads a table in the layout of PTB-XL's `ptbxl_database.csv` (columns `report`, `scp_codes`, `strat_fold`) and prints
as JSON, over all records of the folds together: the sensitivity, the share of codes that are read; and the positive
predictive value (PPV), the share of read codes that are given. A finding read as uncertain counts as read, under its
SCP code, or under that of the nearest finding of which it is a kind ("old high lateral infarction" under the one of
lateral infarction). A code is met by itself and by a code of an ancestor or descendant: a superclass ("myocardial
infarction" for any territory) has none. Then the share of content words (two letters or more, no function word) that
are accounted for, the share of statements called read, and the seconds that reading took.

With `--num_examples` it lists the codes most often missed or added, and the words most often left over. `--table`
writes the agreement of each code; `--num_sampled` lists as many disagreements, drawn at random, for a person to say
whose fault each is: the reader's, the coder's who knew more than the report says, or a matter of wording. Reports of
patients appear there: keep the output where the reports may be.
"""

import ast
import json
import logging
import sys
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

import pandas as pd
from command_line import make_parser


sys.path.insert(0, str(Path(__file__).parents[1]))

from datasets_scripts.extraction.readings.reading import NEGATIVE
from datasets_scripts.extraction.readings.rules import account_for, read_statement
from datasets_scripts.extraction.readings.statements import split_report
from datasets_scripts.terminology.findings import load_terminology


logger = logging.getLogger(__name__)


def read_report(report: str) -> frozenset[str]:
    """Findings with an SCP code that a report states for sure or with a hedge."""
    entities = (entity for statement in split_report(report) for entity in read_statement(statement).entities)
    named = (name_coded(entity.entity) for entity in entities if entity.certainty != NEGATIVE)
    return frozenset(name for name in named if name)


@lru_cache(maxsize=10_000)
def name_coded(name: str) -> str | None:
    """The finding that owns the SCP code of this one, or of the nearest one of which it is a kind and that has one."""
    terminology = load_terminology()
    codes = (terminology[other].scp_code for other in (name, *terminology.ancestors(name)))
    code = next(filter(None, codes), None)
    return terminology.find_label(code, config_name="all").name if code else None


def name_codes(scp_codes: str) -> frozenset[str]:
    """Findings of the codes of a record."""
    terminology = load_terminology()
    return frozenset(terminology.find_label(code, config_name="all").name for code in ast.literal_eval(scp_codes))


@lru_cache(maxsize=100_000)
def is_kind_of(first: str, second: str) -> bool:
    """Whether the findings are the same or one is a kind of the other."""
    terminology = load_terminology()
    return first == second or first in terminology.ancestors(second) or second in terminology.ancestors(first)


def compare_records(records: pd.DataFrame) -> pd.DataFrame:
    """Every finding that a record has by its codes or by its report.

    Args:
        records (`pd.DataFrame`):
            Columns `report` and `scp_codes`.

    Returns:
        `pd.DataFrame`: Columns `report`, `scp_codes`, `finding`, `side` (`"coded"` or `"read"`) and `is_met`, whether
        the other side has the finding, an ancestor or a descendant of it.
    """
    rows = []
    for report, codes in zip(records["report"], records["scp_codes"], strict=True):
        read, coded = read_report(report), name_codes(codes)
        for side, names, others in (("coded", coded, read), ("read", read, coded)):
            for name in sorted(names):
                rows.append((report, codes, name, side, any(is_kind_of(name, other) for other in others)))
    return pd.DataFrame(rows, columns=cast(Any, ["report", "scp_codes", "finding", "side", "is_met"]))


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


def describe_agreement(compared: pd.DataFrame) -> dict[str, float]:
    """Sensitivity and PPV over all findings of all records together."""
    met: dict[str, float] = cast(Any, compared.groupby("side")["is_met"].mean()).to_dict()
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


def main() -> None:
    """Measure both tables and print the figures."""
    parser = make_parser(__doc__)
    parser.add_argument("--reports", type=Path, required=True, help="Table with report, scp_codes and strat_fold.")
    parser.add_argument("--folds", type=int, nargs="+", default=list(range(1, 9)), help="Folds that are read.")
    parser.add_argument("--statements", type=Path, help="Text file with one statement a line, for the coverage alone.")
    parser.add_argument("--num_examples", type=int, default=0, help="Codes and words to list.")
    parser.add_argument("--table", type=Path, help="CSV file for the agreement of each code.")
    parser.add_argument("--num_sampled", type=int, default=0, help="Disagreements to list, with their reports.")
    parser.add_argument("--seed", type=int, default=0, help="Of the draw.")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    records = pd.read_csv(arguments.reports).query("strat_fold in @arguments.folds").fillna({"report": ""})
    began = time.perf_counter()
    compared = compare_records(records)
    seconds = round(time.perf_counter() - began, 1)
    statements = [statement for report in records["report"] for statement in split_report(report)]
    shares, left_over = measure_coverage(statements)
    figures = {"num_records": len(records), **describe_agreement(compared), **shares, "seconds": seconds}
    logger.info("%s", json.dumps({"reports": figures}))
    failed = compared[~compared["is_met"]]
    missed, added = (Counter(failed.query("side == @side")["finding"]) for side in ("coded", "read"))
    show_examples({"missed": missed, "added": added, "left over": left_over}, arguments.num_examples)
    if arguments.table:
        tabulate_agreement(compared).to_csv(arguments.table, index=False)
    drawn = failed.sample(min(arguments.num_sampled, len(failed)), random_state=arguments.seed)
    for row in cast(Any, drawn).to_dict("records"):
        logger.info("%(side)s but not the other: %(finding)s | %(scp_codes)s | %(report)s", row)
    if arguments.statements:
        shares, left_over = measure_coverage(arguments.statements.read_text(encoding="utf-8").splitlines())
        logger.info("%s", json.dumps({"statements": shares}))
        show_examples({"left over": left_over}, arguments.num_examples)


if __name__ == "__main__":
    main()
