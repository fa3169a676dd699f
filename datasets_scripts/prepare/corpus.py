"""Write a corpus as Parquet that `datasets.load_dataset` reads without this package.

    python -m datasets_scripts.prepare ptb_xl --config_name superclass --data_dir D --output_dir O --num_proc 8
    python -m datasets_scripts.prepare ptb_xl --help

The second line also lists the options that only this corpus has. The folder gets `train-00000-of-0000N.parquet` and so
on, a README.md that declares splits and features, build_report.json (how many records each split has, how often each
label occurs, how good the signals are, which records were left out and why), and the same as build_report.html.

After a crash or a kill, the same command goes on where it was: shards that are finished are kept. The files do not
depend on the number of processes, nor on how often the command was interrupted. On many machines that share a file
system, start a Dask scheduler and workers there and add `--dask_scheduler tcp://host:8786`.
"""

import argparse
import hashlib
import json
import logging
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import fields
from pathlib import Path
from typing import Any

from datasets import DatasetBuilder, SplitDict, SplitInfo
from datasets.info import DatasetInfosDict
from datasets.utils.metadata import MetadataConfigs
from datasets.utils.tqdm import tqdm
from huggingface_hub import DatasetCardData, HfApi

from datasets_scripts import BUILDERS

from .cluster import write_shards_on_cluster
from .options import add_options
from .page import write_page
from .report import make_report
from .shards import ROWS_FILENAME, UNFINISHED, Shard, plan_shards, start_worker, write_shard, write_shard_in_worker


logger = logging.getLogger(__name__)

STAGING = ".incomplete"
BUILD_FILENAME = "build.json"  # what the shards in the staging folder are shards of
COMPLETE_FILENAME = "complete"  # all shards are there, and some may have been moved to their place
REPORT_FILENAME = "build_report.json"
PAGE_FILENAME = "build_report.html"
RECORDS_PER_SHARD = 1000  # about 50 MB of Parquet, and what a kill costs at most per process


def prepare_corpus(
    corpus: str,
    *,
    output_dir: str | Path,
    config_name: str | None = None,
    num_proc: int | None = None,
    records_per_shard: int = RECORDS_PER_SHARD,
    dask_scheduler: str | None = None,
    **options: Any,
) -> dict[str, Any]:
    """Write a corpus as Parquet, with a README.md and a report.

    Args:
        corpus (`str`):
            A key of `BUILDERS`.
        output_dir (`str`):
            Folder to write: empty, absent, or with what the same call left when it was interrupted.
        config_name (`str`, *optional*):
            Which labels the rows carry; the builder's default otherwise.
        num_proc (`int`, *optional*):
            Processes that read and write. The files do not depend on it.
        records_per_shard (`int`, defaults to 1000):
            Records that one Parquet file comes from. A record that is cut into several windows has several rows.
        dask_scheduler (`str`, *optional*):
            Address of a Dask scheduler whose workers read and write instead. They must see the same folders.
        options:
            Options of the builder, such as `data_dir`, `on_error` or `max_records`.

    Returns:
        `dict`: What build_report.json holds.

    Raises:
        ValueError: If the corpus or an option is unknown, the folder is in use, or a record cannot be read. In the
            last case the finished shards stay for the next call.
        RuntimeError: If a worker process was killed or crashed; finished shards stay as well.
    """
    began = time.perf_counter()
    output_dir = Path(output_dir).resolve()  # workers elsewhere start in other folders
    _check_request(corpus, options=options, num_proc=num_proc, records_per_shard=records_per_shard)
    staging = output_dir / STAGING
    with tempfile.TemporaryDirectory(prefix="prepare_") as cache_dir:
        builder = BUILDERS[corpus](cache_dir=cache_dir, config_name=config_name, **options)
        plan = plan_shards(builder, staging, records_per_shard=records_per_shard)
    build = _describe_build(corpus, builder, plan, options=options)
    if (report := _finished_report(output_dir)) and report["fingerprint"] == build["fingerprint"]:
        shutil.rmtree(staging, ignore_errors=True)
        logger.info(f"{output_dir} was complete before. Delete the folder to read the records again.")
        return report
    _open_staging(output_dir, build)
    began_reading = time.perf_counter()
    missing, num_kept = _find_missing(plan, staging, on_error=options.get("on_error") or "raise")
    num_proc = min(num_proc or 1, max(1, len(missing)))
    if dask_scheduler:
        progress = write_shards_on_cluster(builder, missing, scheduler=dask_scheduler)
    else:
        progress = _write_all(builder, missing, num_proc=num_proc)
    _follow(progress, num_kept=num_kept, num_missing=sum(shard.num_records for shard in missing))
    (staging / COMPLETE_FILENAME).touch()
    reading_s = time.perf_counter() - began_reading
    files = _place_files(plan, output_dir)
    _write_readme(output_dir, corpus, builder, plan)
    report = build | make_report(builder.info.features or {}, plan, files)
    report["timing"] = {
        "num_proc": num_proc or 1,
        "wall_s": round(time.perf_counter() - began, 6),
        **_timing(plan, num_kept, reading_s=reading_s),
    }
    write_page(report, output_dir / PAGE_FILENAME, files=files)
    (output_dir / REPORT_FILENAME).write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n", "utf-8")
    shutil.rmtree(staging)
    return report


def _check_request(corpus: str, *, options: dict[str, Any], num_proc: int | None, records_per_shard: int) -> None:
    """Refuse what cannot work before any record is read."""
    if corpus not in BUILDERS:
        raise ValueError(f"There is no corpus {corpus!r}. Choose one of {', '.join(BUILDERS)}.")
    known = [field.name for field in fields(BUILDERS[corpus].BUILDER_CONFIG_CLASS)]
    unknown = [f"--{option}" for option in options if option not in known]
    if unknown:
        raise ValueError(f"The corpus {corpus} has no option {', '.join(unknown)}. Leave it out.")
    for flag, value in (("num_proc", num_proc), ("records_per_shard", records_per_shard)):
        if value is not None and value < 1:
            raise ValueError(f"`--{flag}` is {value}. Pass 1 or more.")


def _describe_build(
    corpus: str, builder: DatasetBuilder, plan: dict[str, list[Shard]], *, options: dict[str, Any]
) -> dict[str, Any]:
    """What makes a build what it is. Its fingerprint covers the records of every shard and the label tables.

    `on_error` is no part of it: a run that stopped at a broken record may go on without it.
    """
    options = {name: str(value) if isinstance(value, Path) else value for name, value in options.items()}
    content = {name: value for name, value in options.items() if name != "on_error"}
    fingerprint = hashlib.sha256(repr((corpus, builder.config.create_config_id(content))).encode())
    fingerprint.update(repr((builder.config.version, builder.info.features)).encode())
    for shard in (shard for shards in plan.values() for shard in shards):
        fingerprint.update(json.dumps([shard.folder.name, shard.gen_kwargs], default=str).encode())
    return {
        "corpus": corpus,
        "config_name": builder.config.name,
        "options": options,
        "fingerprint": fingerprint.hexdigest(),
    }


def _finished_report(output_dir: Path) -> dict[str, Any] | None:
    """The report of the build that the folder holds; it is the last file that is written."""
    path = output_dir / REPORT_FILENAME
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def _open_staging(output_dir: Path, build: dict[str, Any]) -> None:
    """Make the folder ready for a new build or for the rest of the same one."""
    staging = output_dir / STAGING
    begun = staging / BUILD_FILENAME
    if begun.is_file() and any(path.is_dir() and path.suffix != UNFINISHED for path in staging.iterdir()):
        stored = json.loads(begun.read_text(encoding="utf-8"))
        if stored["fingerprint"] != build["fingerprint"]:
            raise ValueError(
                f"`--output_dir` {output_dir} holds an unfinished build of {stored['corpus']},"
                f" {stored['config_name']}, with {stored['options']}, and this one differs in its options, tables or"
                f" files. Repeat the command that began it, choose another folder, or delete {staging}."
            )
        for path in staging.glob(f"*{UNFINISHED}"):
            shutil.rmtree(path, ignore_errors=True)
        return
    if output_dir.exists() and any(path.name != STAGING for path in output_dir.iterdir()):
        raise ValueError(
            f"`--output_dir` {output_dir} is not empty. Choose another folder, or delete this one if it may go."
        )
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(parents=True)
    begun.write_text(json.dumps(build), encoding="utf-8")


def _find_missing(plan: dict[str, list[Shard]], staging: Path, *, on_error: str) -> tuple[list[Shard], int]:
    """The shards that are not finished, and the number of records in the others."""
    shards = [shard for shards in plan.values() for shard in shards]
    missing = [shard for shard in shards if not shard.is_finished(on_error=on_error)]
    if (staging / COMPLETE_FILENAME).exists():
        missing = []
    num_kept = sum(shard.num_records for shard in shards) - sum(shard.num_records for shard in missing)
    if num_kept:
        logger.info(f"Going on with {num_kept} records in {len(shards) - len(missing)} finished shards.")
    return missing, num_kept


def _follow(progress: Iterator[int], *, num_kept: int, num_missing: int) -> None:
    """Show how many records are done."""
    with tqdm(total=num_kept + num_missing, initial=num_kept, unit=" records", desc="Preparing") as bar:
        for num_records in progress:
            bar.update(num_records)


def _write_all(builder: DatasetBuilder, shards: list[Shard], *, num_proc: int) -> Iterator[int]:
    """Write shards, in this process or in several others; yields the number of records of each that is done."""
    if num_proc <= 1:
        yield from (write_shard(builder, shard) for shard in shards)
        return
    with ProcessPoolExecutor(num_proc, initializer=start_worker, initargs=(builder,)) as pool:
        futures = [pool.submit(write_shard_in_worker, shard) for shard in shards]
        try:
            yield from (future.result() for future in as_completed(futures))
        except BrokenProcessPool as error:
            raise RuntimeError(
                "A worker process ended without a word: memory ran out, or a damaged file crashed its reader. Finished"
                " shards are kept. Repeat the command with a smaller `--num_proc`; with 1, `python -X faulthandler -m"
                " datasets_scripts.prepare` shows the reader that crashes."
            ) from error
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _place_files(plan: dict[str, list[Shard]], output_dir: Path) -> dict[str, list[Path]]:
    """Give the Parquet files of finished shards the names of the Hub; a shard without rows gets none."""
    files: dict[str, list[Path]] = {}
    for split, shards in plan.items():
        filled = [shard for shard in shards if shard.summary["num_rows"]]
        files[split] = [output_dir / f"{split}-{i:05d}-of-{len(filled):05d}.parquet" for i in range(len(filled))]
        for shard, file in zip(filled, files[split], strict=True):
            if (shard.folder / ROWS_FILENAME).exists():  # else a run that was killed here has moved it
                (shard.folder / ROWS_FILENAME).rename(file)
    return files


def _timing(plan: dict[str, list[Shard]], num_kept: int, *, reading_s: float) -> dict[str, Any]:
    """Time that records took; `seconds_of_work` adds up all processes and the finished shards of interrupted runs."""
    summaries = [shard.summary for shards in plan.values() for shard in shards]
    num_records = sum(summary["num_records"] for summary in summaries)
    seconds_of_work = sum(summary["seconds"] for summary in summaries)
    return {
        "reading_s": round(reading_s, 6),
        "seconds_of_work": round(seconds_of_work, 6),
        "num_records_read": num_records,
        "num_records_kept_from_earlier_runs": num_kept,
        "records_per_s": round((num_records - num_kept) / reading_s, 1),
        "records_per_s_per_process": round(num_records / seconds_of_work, 1) if seconds_of_work else None,
    }


def _write_readme(output_dir: Path, corpus: str, builder: DatasetBuilder, plan: dict[str, list[Shard]]) -> None:
    """A dataset card whose header tells `load_dataset` the splits, their files and the features."""
    info = builder.info.copy()
    info.splits = SplitDict()
    for split, shards in plan.items():
        summaries = [shard.summary for shard in shards]
        num_rows, num_bytes = (sum(summary[name] for summary in summaries) for name in ("num_rows", "num_bytes"))
        if num_rows:
            info.splits[split] = SplitInfo(split, num_bytes=num_bytes, num_examples=num_rows)
    info.download_size = sum(shard.summary["file_size"] for shards in plan.values() for shard in shards)
    info.dataset_size = info.splits.total_num_examples and sum(split.num_bytes for split in info.splits.values())
    card = DatasetCardData(tags=["ecg"])
    DatasetInfosDict({builder.config.name: info}).to_dataset_card_data(card)
    data_files = [{"split": split, "path": f"{split}-*.parquet"} for split in info.splits]
    MetadataConfigs({builder.config.name: {"data_files": data_files}}).to_dataset_card_data(card)
    (output_dir / "README.md").write_text(
        f"---\n{card}\n---\n\n# {corpus}, {builder.config.name}\n\n{info.description}\n\n"
        "12-lead ECG at 500 Hz, 10 s, `int16` microvolts. Read it with `datasets.load_dataset`. Before passing it on,"
        f" mind the licence of the source: {info.license or 'see its publisher'} {info.homepage}\n",
        "utf-8",
    )


def push_to_hub(output_dir: str | Path, repo_id: str) -> None:
    """Upload Parquet and README.md to a private dataset of the Hub; the report, which names local paths, stays."""
    api = HfApi()
    api.create_repo(repo_id, repo_type="dataset", private=True, exist_ok=True)
    api.upload_folder(
        repo_id=repo_id,
        repo_type="dataset",
        folder_path=str(output_dir),
        allow_patterns=["README.md", "*.parquet"],
        commit_message="Upload the prepared corpus",
    )


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line; options that were not given are `None`."""
    parser = argparse.ArgumentParser(
        prog="python -m datasets_scripts.prepare",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("corpus", choices=list(BUILDERS), metavar="corpus", help=f"One of {', '.join(BUILDERS)}.")
    parser.add_argument("--config_name", help="Which labels the rows carry, such as superclass.")
    parser.add_argument("--data_dir", help="Folder with the files of the corpus as its publisher distributes them.")
    parser.add_argument(
        "--output_dir", required=True, help="Folder to write: empty, absent, or left by the same command."
    )
    parser.add_argument("--num_proc", type=int, help="Processes that read and write; 1 otherwise.")
    parser.add_argument(
        "--records_per_shard", type=int, help=f"Records per Parquet file; {RECORDS_PER_SHARD} otherwise."
    )
    parser.add_argument(
        "--dask_scheduler",
        metavar="ADDRESS",
        help="Read and write on the workers of a Dask cluster, as tcp://host:8786.",
    )
    parser.add_argument("--push_to_hub", metavar="ID", help="Dataset of the Hub to upload to (owner/name), private.")
    given = sys.argv[1:] if arguments is None else arguments
    corpus = next((argument for argument in given if argument in BUILDERS), None)
    if corpus is not None:
        add_options(parser.add_argument_group(f"options of {corpus}"), BUILDERS[corpus].BUILDER_CONFIG_CLASS)
    return parser.parse_args(given)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    given = {name: value for name, value in vars(parse_arguments(arguments)).items() if value is not None}
    repo_id = given.pop("push_to_hub", None)
    report = prepare_corpus(**given)
    counts = ", ".join(f"{split['num_rows']} {name}" for name, split in report["splits"].items())
    logger.info(
        f"{given['output_dir']} holds {counts} rows; {len(report['skipped'])} records were left out."
        f" Open {Path(given['output_dir']) / PAGE_FILENAME} for a look at the corpus."
    )
    if repo_id is not None:
        push_to_hub(given["output_dir"], repo_id)
