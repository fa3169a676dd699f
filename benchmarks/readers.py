"""How well the rules read real reports: agreement with the codes that cardiologists gave, and words left over.

    python benchmarks/readers.py --reports ptbxl_reports.csv --folds 1 2 3 4 5 6 7 8
    python benchmarks/readers.py --reports ptbxl_reports.csv --statements statements.txt --num_examples 30

Reads a table in the layout of PTB-XL's `ptbxl_database.csv` (columns `report`, `scp_codes`, `strat_fold`) and prints
as JSON, over all records of the folds together: the sensitivity, the share of coded findings that are read; and the
positive predictive value (PPV), the share of read findings that are coded. A finding read as uncertain counts as
read. A code is met by its own finding, and by an ancestor or descendant of it that has an SCP code too: a superclass
("myocardial infarction" for any territory) does not count. Then the share of content words (two letters or more, no
function word) that are accounted for, the share of statements called read, and the seconds that reading took. With
`--num_examples` it lists the codes most often missed or added, and the words most often left over.
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
    terminology = load_terminology()
    entities = (entity for statement in split_report(report) for entity in read_statement(statement).entities)
    return frozenset(
        entity.entity for entity in entities if entity.certainty != NEGATIVE and terminology[entity.entity].scp_code
    )


def name_codes(scp_codes: str) -> frozenset[str]:
    """Findings of the codes of a record."""
    terminology = load_terminology()
    return frozenset(terminology.find_label(code, config_name="all").name for code in ast.literal_eval(scp_codes))


@lru_cache(maxsize=100_000)
def is_kind_of(first: str, second: str) -> bool:
    """Whether the findings are the same or one is a kind of the other."""
    terminology = load_terminology()
    return first == second or first in terminology.ancestors(second) or second in terminology.ancestors(first)


def measure_agreement(records: pd.DataFrame) -> dict:
    """Pooled counts over records.

    Args:
        records (`pd.DataFrame`):
            Columns `report` and `scp_codes`.

    Returns:
        `dict`: `missed` and `added`, counters of findings; `num_coded`, `num_read`, numbers of findings.
    """
    missed: Counter[str] = Counter()
    added: Counter[str] = Counter()
    num_coded = num_read = 0
    for report, codes in zip(records["report"], records["scp_codes"], strict=True):
        read, coded = read_report(report), name_codes(codes)
        missed.update(name for name in coded if not any(is_kind_of(name, other) for other in read))
        added.update(name for name in read if not any(is_kind_of(name, other) for other in coded))
        num_coded += len(coded)
        num_read += len(read)
    return {"missed": missed, "added": added, "num_coded": num_coded, "num_read": num_read}


def describe_agreement(agreement: Mapping) -> dict[str, float]:
    """Sensitivity and PPV of pooled counts."""
    return {
        "sensitivity": round(1 - agreement["missed"].total() / agreement["num_coded"], 4),
        "ppv": round(1 - agreement["added"].total() / agreement["num_read"], 4),
    }


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
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    records = pd.read_csv(arguments.reports).query("strat_fold in @arguments.folds").fillna({"report": ""})
    began = time.perf_counter()
    agreement = measure_agreement(records)
    seconds = round(time.perf_counter() - began, 1)
    statements = [statement for report in records["report"] for statement in split_report(report)]
    shares, left_over = measure_coverage(statements)
    figures = {"num_records": len(records), **describe_agreement(agreement), **shares, "seconds": seconds}
    logger.info("%s", json.dumps({"reports": figures}))
    counted = {"missed": agreement["missed"], "added": agreement["added"], "left over": left_over}
    show_examples(counted, arguments.num_examples)
    if arguments.statements:
        shares, left_over = measure_coverage(arguments.statements.read_text(encoding="utf-8").splitlines())
        logger.info("%s", json.dumps({"statements": shares}))
        show_examples({"left over": left_over}, arguments.num_examples)


if __name__ == "__main__":
    main()
