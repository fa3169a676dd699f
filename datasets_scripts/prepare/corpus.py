"""Plan the shards of a corpus, write those that are missing, and publish them with a report."""

import hashlib
import json
import logging
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

from datasets import DatasetBuilder
from datasets.utils.tqdm import tqdm

from datasets_scripts import BUILDERS
from modeling_supreme.command_line import check_name
from modeling_supreme.output_files.atomic_files import write_text
from modeling_supreme.output_files.disk import told_when_refused
from modeling_supreme.output_files.folder_lock import LOCK_FILENAME, FolderLock
from modeling_supreme.output_files.workers import work_through

from . import RECORDS_PER_SHARD
from .card import write_card
from .page import PAGE_FILENAME, write_page
from .publication import place_files, write_accounts
from .report import REPORT_FILENAME, make_report
from .shards import UNFINISHED, Shard, plan_shards, write_shard
from .sources import ABSENT, NOT_HASHED, SOURCES_FILENAME, find_changed, join_states, list_sources, read_states


logger = logging.getLogger(__name__)

STAGING = ".incomplete"
BUILD_FILENAME = "build.json"  # what the shards in the staging folder are shards of
BUILD_SOURCES_FILENAME = "build_sources.npz"  # what the files were like that the corpus was read from
NAMED_FILES = 3
COMPLETE_FILENAME = "complete"  # all shards are there, and some may have been moved to their place


def prepare_corpus(
    corpus: str,
    *,
    output_dir: str | Path,
    config_name: str | None = None,
    num_proc: int | None = None,
    records_per_shard: int = RECORDS_PER_SHARD,
    dask_scheduler: str | None = None,
    verify: bool = False,
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
        verify (`bool`, defaults to `False`):
            Whether to compare the files that an earlier call has read with their checksums, and not by size and time
            alone.
        options:
            Options of the builder, such as `data_dir`, `on_error` or `max_records`.

    Returns:
        `dict`: What build_report.json holds.

    Raises:
        ValueError: If the corpus or an option is unknown, the folder is in use, a file has changed since the folder
            was completed, or a record cannot be read. In the last case the finished shards stay for the next call.
        DiskError: If the disk is full; finished shards stay as well.
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
        _check_sources(builder, plan, output_dir, verify=verify)
        shutil.rmtree(staging, ignore_errors=True)
        logger.info(f"{output_dir} was complete before. Delete the folder to read the records again.")
        return report
    remedy = "Finished shards are kept. Make room, and repeat the command."
    with (
        FolderLock(output_dir, "datasets_scripts.prepare"),
        told_when_refused("The corpus", output_dir, remedy),
    ):
        _open_staging(output_dir, build)
        began_reading = time.perf_counter()
        on_error = options.get("on_error") or "raise"
        missing, num_kept = _find_missing(builder, plan, staging, on_error=on_error, verify=verify)
        num_proc = min(num_proc or 1, max(1, len(missing)))
        progress = work_through(
            write_shard,
            builder,
            missing,
            num_proc=num_proc,
            dask_scheduler=dask_scheduler,
            crash_remedy="; with 1, `python -X faulthandler -m datasets_scripts.prepare` shows which reader crashes",
        )
        _follow(progress, num_kept=num_kept, num_missing=sum(shard.num_records for shard in missing))
        (staging / COMPLETE_FILENAME).touch()
        timing = {"num_proc": num_proc, **_timing(plan, num_kept, reading_s=time.perf_counter() - began_reading)}
        return _publish(corpus, builder, plan, output_dir, build, timing=timing, began=began)


def _publish(
    corpus: str,
    builder: DatasetBuilder,
    plan: dict[str, list[Shard]],
    output_dir: Path,
    build: dict[str, Any],
    *,
    timing: dict[str, Any],
    began: float,
) -> dict[str, Any]:
    """Move finished shards to their place and describe them; the report is the last file that is written."""
    files = place_files(plan, output_dir)
    write_accounts(plan, output_dir)
    report = build | make_report(builder.info.features or {}, plan, files)
    write_card(output_dir, corpus, builder, plan, files, report)
    report["timing"] = {"num_proc": timing["num_proc"], "wall_s": round(time.perf_counter() - began, 6), **timing}
    write_page(report, output_dir / PAGE_FILENAME, files=files)
    states = [read_states(shard.folder / SOURCES_FILENAME) for shards in plan.values() for shard in shards]
    known = [state for state in states if state is not None]
    if known and len(known) == len(states):
        join_states(known).save(output_dir / BUILD_SOURCES_FILENAME)
    write_text(output_dir / REPORT_FILENAME, json.dumps(report, indent=2, ensure_ascii=False) + "\n")
    shutil.rmtree(output_dir / STAGING)
    return report


def _check_sources(builder: DatasetBuilder, plan: dict[str, list[Shard]], output_dir: Path, *, verify: bool) -> None:
    """Refuse to call a corpus complete whose files are no longer those that it was made from."""
    then = read_states(output_dir / BUILD_SOURCES_FILENAME)
    if then is None:
        logger.info(f"{output_dir} does not say what its files were like: whether any has changed is not known.")
        return
    shards = (shard for shards in plan.values() for shard in shards)
    paths = [path for shard in shards for path in list_sources(builder, shard.gen_kwargs)]
    changed = list(find_changed(paths, then, verify=verify))
    if changed:
        raise ValueError(
            f"{output_dir} was made from files that have changed since: {_name_some(changed)}. Delete the folder to"
            " prepare the corpus anew, or choose another `--output_dir`."
        )
    if verify:
        num_large = int(((then.checksums == NOT_HASHED) & (then.sizes != ABSENT)).sum())
        large = f", {num_large} large ones by size and time alone" if num_large else ""
        logger.info(f"The {len(paths)} files of the corpus are what they were{large}.")


def _name_some(paths: list[str]) -> str:
    """The first of some files, and how many there are."""
    return ", ".join(paths[:NAMED_FILES]) + (
        f" and {len(paths) - NAMED_FILES} more" if len(paths) > NAMED_FILES else ""
    )


def _check_request(corpus: str, *, options: dict[str, Any], num_proc: int | None, records_per_shard: int) -> None:
    """Refuse what cannot work before any record is read."""
    check_name(corpus, BUILDERS, kind="corpus")
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
    if output_dir.exists() and any(path.name not in (STAGING, LOCK_FILENAME) for path in output_dir.iterdir()):
        raise ValueError(
            f"`--output_dir` {output_dir} is not empty. Choose another folder, or delete this one if it may go."
        )
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(parents=True)
    write_text(begun, json.dumps(build))


def _find_missing(
    builder: DatasetBuilder, plan: dict[str, list[Shard]], staging: Path, *, on_error: str, verify: bool
) -> tuple[list[Shard], int]:
    """The shards that are not finished or whose files have changed, and the number of records in the others."""
    shards = [shard for shards in plan.values() for shard in shards]
    is_complete = (staging / COMPLETE_FILENAME).exists()
    finished = shards if is_complete else [shard for shard in shards if shard.is_finished(on_error=on_error)]
    outdated: list[Shard] = []
    changed: list[str] = []
    for shard in finished:
        then = read_states(shard.folder / SOURCES_FILENAME)
        found = list(find_changed(list_sources(builder, shard.gen_kwargs), then, verify=verify)) if then else []
        outdated += [shard] * bool(found)
        changed += found
    if changed and is_complete:
        raise ValueError(
            f"All shards of {staging.parent} were written, and files have changed since: {_name_some(changed)}. Delete"
            " the folder to prepare the corpus anew, or choose another `--output_dir`."
        )
    if changed:
        logger.warning(
            f"Files have changed since they were read: {_name_some(changed)}. {len(outdated)} shards are made again."
        )
    kept = {shard.folder for shard in finished} - {shard.folder for shard in outdated}
    missing = [shard for shard in shards if shard.folder not in kept]
    num_kept = sum(shard.num_records for shard in shards) - sum(shard.num_records for shard in missing)
    if num_kept:
        logger.info(f"Going on with {num_kept} records in {len(shards) - len(missing)} finished shards.")
    return missing, num_kept


def _follow(progress: Iterator[int], *, num_kept: int, num_missing: int) -> None:
    """Show how many records are done."""
    with tqdm(total=num_kept + num_missing, initial=num_kept, unit=" records", desc="Preparing") as bar:
        for num_records in progress:
            bar.update(num_records)


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
