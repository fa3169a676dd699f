"""`supreme index` and `supreme ask`: a corpus is read once, and then answers anything."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import csv

from ..command_line.closing import closing_line
from ..ecg_index.build import SKIPPED_FILENAME, write_index
from ..ecg_index.counts import COVERAGE, count_present
from ..ecg_index.index import Answers, EcgIndex
from ..output_files.atomic_files import replace_when_complete
from .arguments import AskArguments, IndexArguments, ModelArguments, ReadingArguments
from .progress import bar
from .sheets import draw, file_name


DEFAULT_TOP, MOST_SHEETS = 50, 50
ROWS_AT_ONCE = 65_536
MIB = 2**20


def make_index(arguments: IndexArguments, model: ModelArguments, reading: ReadingArguments) -> None:
    """Encode a corpus."""
    manifest = write_index(
        arguments.source,
        output=arguments.output,
        model=model.model,
        batch_size=arguments.batch_size,
        num_proc=arguments.num_proc,
        dask_scheduler=arguments.dask_scheduler,
        records_per_shard=arguments.records_per_shard,
        verify=arguments.verify,
        follow=bar("Indexing"),
        on_error=reading.on_error,
        **model.loading,
        **reading.options,
    )
    num_skipped = sum(shard.num_skipped for shard in manifest.shards)
    size = sum(file.size for shard in manifest.shards for file in shard.files.values()) / MIB
    next_step = f'ask it: `supreme ask {arguments.output} "qrs > 120 ms"`'
    left_out = f" {num_skipped} were left out, see {SKIPPED_FILENAME}." if num_skipped else ""
    sys.stderr.write(
        f"{arguments.output} holds {manifest.num_records} records in {size:.0f} MiB.{left_out}"
        f" {closing_line([arguments.output], next_step)}\n"
    )


def ask_index(arguments: AskArguments) -> None:
    """Score every record of an index."""
    folder, *queries = arguments.index_and_queries
    index = EcgIndex(folder, model=arguments.model, device=arguments.device)
    answers = index.score(queries, definitions=arguments.definitions, follow=bar("Asking"))
    if arguments.count:
        _print_counts(answers)
    elif arguments.csv or arguments.parquet:
        _write_table(index.tabulate(answers, top=arguments.top), Path(arguments.csv or arguments.parquet or ""))
    else:
        _print_best(index.tabulate(answers, top=arguments.top or DEFAULT_TOP), is_json=arguments.json)
    if arguments.plot:
        best = index.tabulate(answers, top=min(arguments.top or MOST_SHEETS, MOST_SHEETS))
        _draw_best(index, best.to_pylist(), Path(arguments.plot))
    tables = () if arguments.count else (arguments.csv, arguments.parquet)
    written = [name for name in (*tables, arguments.plot) if name]
    if written:
        look = "look at some of the recordings before you believe the scores"
        sys.stderr.write(f"{closing_line(written, look)}\n")


def _print_counts(answers: Answers) -> None:
    """How many records show each finding."""
    for query, source, scores in zip(answers.queries, answers.sources, answers.scores, strict=True):
        count = count_present(scores)
        of_all = max(count.num_records, 1)
        shares = ", ".join(f"{each / of_all:.2%}" for each in (count.low, count.high))
        sys.stdout.write(
            f"{query}   ({source})\n  {count.expected:.1f} of {count.num_records} records, {COVERAGE:.0%} interval"
            f" {count.low} to {count.high}; {count.expected / of_all:.2%} ({shares})\n"
        )
    sys.stdout.write(
        "Sums of probabilities, and a translated Poisson interval of as many unequal coins: as right as the"
        " probabilities are calibrated.\n"
    )


def _print_best(table: pa.Table, *, is_json: bool) -> None:
    """The best records of each query, for people or line by line as JSON."""
    last = None
    for row in table.to_pylist():
        if is_json:
            sys.stdout.write(json.dumps(row, ensure_ascii=False) + "\n")
            continue
        if row["query"] != last:
            last = row["query"]
            sys.stdout.write(f"{last}   ({row['source']})\n")
        where = "" if row["file"] == row["record_id"] else f"   {row['file']}"
        sys.stdout.write(f"  {row['score']:.3f}  {row['record_id']}{where}\n")


def _write_table(table: pa.Table, path: Path) -> None:
    """Write a table, whole or not at all."""
    with replace_when_complete(path) as temporary:
        if path.suffix.lower() == ".parquet":
            pq.write_table(table, temporary)
        else:
            # A repeated text is stored once, and written as often as it occurs
            plain = pa.schema(
                [(name, _plain(kind)) for name, kind in zip(table.column_names, table.schema.types, strict=True)]
            )
            with csv.CSVWriter(temporary, plain) as writer:
                for batch in table.to_batches(ROWS_AT_ONCE):
                    writer.write_table(pa.Table.from_batches([batch]).cast(plain))
    sys.stderr.write(f"{path} holds {table.num_rows} rows.\n")


def _plain(kind: pa.DataType) -> pa.DataType:
    """The type of the values of a column."""
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _draw_best(index: EcgIndex, rows: Sequence[dict[str, Any]], folder: Path) -> None:
    """Sheets of the best records, numbered in their order, a folder for each query if there are several."""
    queries = list(dict.fromkeys(row["query"] for row in rows))
    options = {name: value for name, value in index.manifest.build["reading"].items() if name != "on_error"}
    for query in queries:
        target = folder if len(queries) == 1 else folder / file_name(queries.index(query), query).removesuffix(".png")
        for rank, row in enumerate((row for row in rows if row["query"] == query), start=1):
            record = index.read_record(row["record_id"], row["file"])
            draw(
                record.recording,
                target / file_name(rank, row["record_id"]),
                title=f"{row['record_id']}: {query}",
                scores=[{"label": query, "score": row["score"]}],
                options=options,
            )
