"""Write an index: each record goes through the encoder once, shard by shard, and a run that was killed goes on."""

import json
import logging
import os
import shutil
import socket
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from itertools import accumulate
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import torch
from safetensors.torch import save_file

from ..output_files.atomic_files import write_text
from ..output_files.disk import told_when_refused
from ..output_files.folder_lock import FolderLock
from ..output_files.workers import work_through
from .encoder import EncodedRecord, RecordEncoder, SkippedRecord, fingerprint_model, load_classifier
from .sources import RecordSource, open_source
from .store import (
    CONFIG_FILENAME,
    FORMAT_VERSION,
    HEAD_FILENAME,
    IDENTITY,
    MANIFEST_FILENAME,
    RECORDS_FILENAME,
    SHARDS_FOLDER,
    SKIPPED_FILENAME,
    SUMMARY_FILENAME,
    TOKENS_FILENAME,
    Manifest,
    ShardSummary,
    describe_file,
    logit_column,
    measurable_column,
    sd_column,
    shard_folder,
    value_column,
    write_records,
    write_tokens,
)


RECORDS_PER_SHARD = 1000
BUILD_FILENAME = "build.json"
UNFINISHED = ".unfinished"
# Model and records may move between two runs: their fingerprints tell whether they are others
PLACES = ("model", "revision", "source")


class Shard(NamedTuple):
    """A stretch of the records.

    Attributes:
        place (`int`):
            Its number.
        start, stop (`int`):
            First record, and the first that is not its own.
    """

    place: int
    start: int
    stop: int


@dataclass(frozen=True)
class IndexWriter:
    """What writing a shard takes; each process loads the model for itself.

    Attributes:
        source ([`RecordSource`]):
            The records.
        folder (`Path`):
            Of the index.
        model (`str`):
            Folder or Hub id.
        revision, device (`str`, *optional*):
            As [`load_classifier`] takes them.
        batch_size (`int`, *optional*):
            Records at once.
        reading (`dict`):
            Of files that do not say, and `on_error`.
    """

    source: RecordSource
    folder: Path
    model: str
    revision: str | None = None
    device: str | None = None
    batch_size: int | None = None
    reading: dict[str, Any] = field(default_factory=dict)

    def make_encoder(self) -> RecordEncoder:
        """The encoder of this process, which is made once."""
        key = (self.model, self.revision, self.device, self.batch_size, json.dumps(self.reading, sort_keys=True))
        with _loading:
            if key not in _encoders:
                _encoders.clear()
                classify = load_classifier(self.model, revision=self.revision, device=self.device)
                _encoders[key] = RecordEncoder(classify, batch_size=self.batch_size, **self.reading)
            return _encoders[key]


_encoders: dict[tuple[Any, ...], RecordEncoder] = {}
_loading = threading.Lock()  # threads of one worker of a cluster share what is loaded


def write_index(
    paths: Sequence[str | Path],
    *,
    output: str | Path,
    model: str,
    revision: str | None = None,
    device: str | None = None,
    batch_size: int | None = None,
    num_proc: int = 1,
    dask_scheduler: str | None = None,
    records_per_shard: int = RECORDS_PER_SHARD,
    verify: bool = False,
    follow: Callable[[Iterator[int], int, int], None] | None = None,
    **reading: Any,
) -> Manifest:
    """Read records once, and keep what any later question needs.

    Args:
        paths (`Sequence[str]`):
            A folder of ECG files or of a prepared corpus, or files.
        output (`str`):
            Folder to write: empty, absent, or with what the same call left when it was interrupted.
        model (`str`):
            Folder or Hub id of a checkpoint.
        revision (`str`, *optional*):
            Branch, tag or commit on the Hub.
        device (`str`, *optional*):
            Such as `"cpu"`; a GPU if there is one.
        batch_size (`int`, *optional*):
            Records encoded at once: 1 on a CPU, as in the pipeline, so that answers agree with it to the last bit.
        num_proc (`int`):
            Processes. The files do not depend on it.
        dask_scheduler (`str`, *optional*):
            Address of a Dask scheduler whose workers encode instead. They must see the same folders.
        records_per_shard (`int`):
            Records of one shard.
        verify (`bool`):
            Whether to compare finished shards with their checksums, and to write those anew that differ.
        follow (`Callable`, *optional*):
            Takes the numbers of records that are done, as they come, how many there were, and how many there will be.
        reading:
            What the pipeline takes for files that do not say (`sampling_rate`, `leads`, `unit`), and `on_error`.

    Returns:
        `Manifest`: What the index holds.

    Raises:
        ValueError: If the folder holds another index, the records have changed since it was begun, or one cannot be
            read. Finished shards stay for the next call.
        DiskError: If the disk is full; finished shards stay as well.
    """
    folder, source = Path(output).resolve(), open_source(paths)
    reading = {name: value for name, value in reading.items() if value is not None}
    model = str(Path(model).resolve()) if Path(model).is_dir() else model
    writer = IndexWriter(source, folder, model, revision, device, batch_size, reading)
    classify = load_classifier(model, revision=revision, device=device)
    build = describe_build(writer, classify, records_per_shard=records_per_shard)
    remedy = "Finished shards are kept. Make room, and repeat the command."
    with FolderLock(folder, "supreme index", flag="--output"), told_when_refused("The index", folder, remedy):
        _open_folder(folder, build)
        shards = plan_shards(source.num_records, records_per_shard)
        missing = [shard for shard in shards if not is_finished(folder, shard, verify=verify)]
        if missing:
            (folder / MANIFEST_FILENAME).unlink(missing_ok=True)
        progress = work_through(
            write_shard,
            writer,
            missing,
            num_proc=min(num_proc, len(missing)),
            dask_scheduler=dask_scheduler,
            start_method="spawn",
        )
        num_missing = sum(shard.stop - shard.start for shard in missing)
        _run(progress, source.num_records - num_missing, source.num_records, follow)
        return _complete(folder, build, classify, shards)


def describe_build(writer: IndexWriter, classify: Any, *, records_per_shard: int) -> dict[str, Any]:
    """What decides about every byte of the shards."""
    return {
        "format_version": FORMAT_VERSION,
        "model": writer.model,
        "revision": writer.revision,
        "model_fingerprint": fingerprint_model(classify),
        "dtype": str(classify.model.dtype).removeprefix("torch."),
        "source": [str(path) for path in _describe_paths(writer.source)],
        "source_fingerprint": writer.source.fingerprint(),
        "num_records": writer.source.num_records,
        "records_per_shard": records_per_shard,
        "batch_size": writer.batch_size,
        "reading": writer.reading,
    }


def _describe_paths(source: Any) -> list[Path]:
    """The folder of the records, or their files where they have none in common."""
    return [source.root.resolve()] if source.root != Path() else [Path(name).resolve() for name in source.names]


def plan_shards(num_records: int, records_per_shard: int) -> list[Shard]:
    """Cut the records into shards that do not depend on who will write them.

    Example:
        >>> plan_shards(5, 2)[-1]
        Shard(place=2, start=4, stop=5)
    """
    starts = range(0, num_records, records_per_shard)
    return [Shard(place, start, min(start + records_per_shard, num_records)) for place, start in enumerate(starts)]


def _open_folder(folder: Path, build: dict[str, Any]) -> None:
    """Begin an index, or go on with one of the same build."""
    path = folder / BUILD_FILENAME
    if not path.is_file():
        others = sorted(each.name for each in folder.iterdir() if not each.name.startswith("."))
        if others:
            raise ValueError(
                f"{folder} holds {others[0]}, and no index. Choose an empty folder with `--output`, or empty this one."
            )
        write_text(path, json.dumps(build, indent=1, ensure_ascii=False) + "\n")
        return
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} cannot be read ({error}). Delete {folder} and repeat the command.") from error
    differing = [name for name in build if name not in PLACES and known.get(name) != build[name]]
    if differing:
        name = differing[0]
        raise ValueError(
            f"{folder} holds an index of which `{name}` is {known.get(name)!r}; here it is {build[name]!r}. Choose"
            " another folder with `--output`, or delete this one."
        )


def is_finished(folder: Path, shard: Shard, *, verify: bool = False) -> bool:
    """Whether a shard is there whole."""
    place = shard_folder(folder, shard.place)
    try:
        summary = ShardSummary.from_dict(json.loads((place / SUMMARY_FILENAME).read_text(encoding="utf-8")))
        if verify:
            return all(describe_file(place / name) == known for name, known in summary.files.items())
        return all((place / name).stat().st_size == known.size for name, known in summary.files.items())
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _run(
    progress: Iterator[int], num_done: int, num_records: int, follow: Callable[[Iterator[int], int, int], None] | None
) -> None:
    """Work through the shards, followed by whoever shows it."""
    if follow is not None:
        follow(progress, num_done, num_records)
        return
    for _ in progress:
        pass


def write_shard(writer: IndexWriter, shard: Shard) -> int:
    """Encode the records of a shard and write them; returns their number.

    The shard's folder appears in one step when all is written: a run that is killed leaves a finished shard or none.
    """
    folder = shard_folder(writer.folder, shard.place)
    unfinished = folder.with_name(f"{folder.name}.{socket.gethostname()}-{os.getpid()}{UNFINISHED}")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    try:
        encoder = writer.make_encoder()
        with one_thread(encoder.model.device), quiet():
            encoded = list(encoder.encode(writer.source.read(shard.start, shard.stop)))
        kept = [each for each in encoded if isinstance(each, EncodedRecord)]
        skipped = [each for each in encoded if isinstance(each, SkippedRecord)]
        _write_kept(unfinished, kept, encoder)
        lines = (json.dumps({"file": each.record.file, "reason": each.reason}, ensure_ascii=False) for each in skipped)
        (unfinished / SKIPPED_FILENAME).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        names = (TOKENS_FILENAME, RECORDS_FILENAME, SKIPPED_FILENAME)
        files = {name: describe_file(unfinished / name) for name in names}
        summary = asdict(ShardSummary(len(kept), len(skipped), files))
        (unfinished / SUMMARY_FILENAME).write_text(json.dumps(summary), encoding="utf-8")
        shutil.rmtree(folder, ignore_errors=True)  # one that cannot be taken as it is
        unfinished.rename(folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return shard.stop - shard.start


@contextmanager
def one_thread(device: torch.device) -> Iterator[None]:
    """On a CPU one thread: how many there are decides about the last bits of some sums, and more gain little.

    The number is the process's: where threads of a worker of a cluster are in here together, the last one out sets it
    back.
    """
    if device.type != "cpu":
        yield
        return
    with _counting:
        _numbers_before.append(torch.get_num_threads())
        torch.set_num_threads(1)
    try:
        yield
    finally:
        with _counting:
            known = _numbers_before.pop()
            if not _numbers_before:
                torch.set_num_threads(known)


_numbers_before: list[int] = []  # the first one is that of the process
_counting = threading.Lock()


@contextmanager
def quiet() -> Iterator[None]:
    """What is not used of each record is stored beside it, and not said once per record."""
    ours = logging.getLogger("modeling_supreme")
    known = ours.level
    ours.setLevel(logging.ERROR)
    try:
        yield
    finally:
        ours.setLevel(known)


def _write_kept(folder: Path, kept: Sequence[EncodedRecord], encoder: RecordEncoder) -> None:
    """Tokens and records of a shard; of none, files without a row."""
    config: Any = encoder.model.config
    tokens = torch.empty(0, config.ecg_config.num_tokens, config.ecg_config.hidden_size, dtype=encoder.model.dtype)
    token_mask = torch.empty(0, config.ecg_config.num_tokens, dtype=torch.bool)
    logits, measured = torch.empty(0, len(config.trained_queries)), torch.empty(0, 3, len(config.measurements))
    if kept:
        parts = ([each.tokens, each.token_mask, each.logits, each.measured] for each in kept)
        tokens, token_mask, logits, measured = (torch.stack(part) for part in zip(*parts, strict=True))
    write_tokens(folder / TOKENS_FILENAME, tokens, token_mask)
    identities = [
        pa.array([each.record.record_id for each in kept], pa.string()),
        pa.array([each.record.patient_id for each in kept], pa.string()),
        pa.array([each.record.file for each in kept], pa.string()),
        pa.array([each.record.start_s for each in kept], pa.float32()),
        pa.array([each.losses for each in kept], pa.string()),
    ]
    columns = dict(zip((*IDENTITY, "losses"), identities, strict=True))
    columns |= {logit_column(place): pa.array(each.numpy()) for place, each in enumerate(logits.unbind(1))}
    for name, values in zip((value_column, sd_column, measurable_column), measured.unbind(1), strict=True):
        columns |= {
            name(key): pa.array(each.numpy()) for key, each in zip(config.measurements, values.unbind(1), strict=True)
        }
    write_records(folder / RECORDS_FILENAME, pa.table(columns))


def _complete(folder: Path, build: dict[str, Any], classify: Any, shards: Sequence[Shard]) -> Manifest:
    """List the records that were left out, and write what answering needs of the model; the manifest is last."""
    config: Any = classify.model.config
    summaries, lines = [], []
    for shard in shards:
        place = shard_folder(folder, shard.place)
        summaries.append(ShardSummary.from_dict(json.loads((place / SUMMARY_FILENAME).read_text(encoding="utf-8"))))
        lines.append((place / SKIPPED_FILENAME).read_text(encoding="utf-8"))
    write_text(folder / SKIPPED_FILENAME, "".join(lines))
    write_text(folder / CONFIG_FILENAME, json.dumps(config.to_dict(), indent=1, ensure_ascii=False) + "\n")
    if classify.model.measurement_head is not None:
        save_file({"loadings": classify.model.measurement_head.loadings.cpu().contiguous()}, folder / HEAD_FILENAME)
    for left in (folder / SHARDS_FOLDER).glob(f"*{UNFINISHED}"):
        shutil.rmtree(left, ignore_errors=True)
    version = sys.modules["modeling_supreme"].__version__  # an import would point up
    manifest = Manifest(version, build, list(config.trained_queries), list(config.measurements), summaries)
    manifest.save(folder)
    return manifest


def list_starts(manifest: Manifest) -> list[int]:
    """Place of the first record of each shard among those that can be asked, and behind them their number."""
    return [0, *accumulate(shard.num_records for shard in manifest.shards)]
