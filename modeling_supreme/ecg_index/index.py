"""Ask an index: every record gets a score for any question, without a signal being read again."""

import json
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import torch
from safetensors.torch import load_file

from ..checkpoints import check_logits
from ..composition import Composed, Composition
from ..configuration_supreme import SupremeConfig
from ..definitions import Measured
from ..pipeline_zero_shot_ecg import check_labels
from ..queries import encode_queries, to_probabilities
from ..query_grammar import expand, keys_of
from .build import list_starts, one_thread
from .counts import Count, count_present
from .encoder import fingerprint_model, load_classifier
from .sources import SourceRecord, open_source
from .store import (
    CONFIG_FILENAME,
    HEAD_FILENAME,
    IDENTITY,
    TOKENS_FILENAME,
    Manifest,
    logit_column,
    measurable_column,
    read_columns,
    read_tokens,
    sd_column,
    value_column,
)


RECORDS_AT_ONCE = 64  # in the fusion network; larger batches leave the cache of a core
# Shards in work at the same time hold no more than this together, in bytes
MOST_MEMORY = 2**28


class Answers(NamedTuple):
    """Scores of all records of an index.

    Attributes:
        queries (`tuple[str, ...]`):
            What was asked.
        sources (`tuple[str, ...]`):
            How each was understood: `"query"`, `"measured: …"` or `"composed: …"`.
        scores (`np.ndarray` of shape `(num_queries, num_records)`):
            Probabilities of presence, as `float32`, in the order of the index.
    """

    queries: tuple[str, ...]
    sources: tuple[str, ...]
    scores: np.ndarray


class EcgIndex:
    """A corpus whose records were encoded once, and that can be asked anything the model can.

    Questions about measurements, about findings that the model was trained on, and about what is composed of them read
    a few numbers of each record and need no model; other names run the fusion network over the stored tokens.

    Args:
        folder (`str` or `Path`):
            What `supreme index` wrote.
        model (`str` or pipeline, *optional*):
            The checkpoint, where it is no longer where it was; folder, Hub id, or a pipeline that holds it.
        device (`str`, *optional*):
            Where names are scored; a GPU if there is one.

    Raises:
        FileNotFoundError: If the folder is no complete index.

    Example:
        ```python
        index = EcgIndex("runs/index")
        index.ask(["qtc > 500 ms and not paced rhythm", "brugada pattern"], top=50).to_pandas()
        ```
    """

    def __init__(self, folder: str | Path, *, model: Any = None, device: str | None = None) -> None:
        self.folder = Path(folder)
        self.manifest = Manifest.load(self.folder)
        self._model, self._device = model, device
        stored = json.loads((self.folder / CONFIG_FILENAME).read_text(encoding="utf-8"))
        self.config: Any = SupremeConfig.from_dict(stored)
        self._starts = list_starts(self.manifest)

    def __len__(self) -> int:
        return self.manifest.num_records

    def ask(
        self,
        queries: str | Sequence[str],
        *,
        top: int | None = None,
        composed: Composed = "auto",
        definitions: Any = None,
        follow: Callable[[Iterator[int], int, int], None] | None = None,
    ) -> pa.Table:
        """Score every record.

        Args:
            queries (`str` or `list[str]`):
                As the pipeline takes `candidate_labels`; one string is cut at its commas.
            top (`int`, *optional*):
                How many of the best records to return of each query, best first; all by default, in their order.
            composed (`bool` or `"auto"`):
                As the pipeline takes it.
            definitions (`str`, `Path` or `dict`, *optional*):
                As the pipeline takes them.
            follow (`Callable`, *optional*):
                Takes the numbers of records that are done, as they come, how many there were, and how many there are.

        Returns:
            `pa.Table`: One row for each query and record, with `query`, `record_id`, `score`, `source` (how the query
            was understood), `patient_id`, `file` and `start_s`, the time within the record, in seconds.

        Raises:
            ValueError: If a query cannot be asked, `top` is no number of records, the model is not that of the index,
                or a shard is damaged.
        """
        if top is not None and top < 1:
            raise ValueError(f"`top` is {top}. Ask for one record or more, or leave it out for all.")
        return self.tabulate(self.score(queries, composed=composed, definitions=definitions, follow=follow), top=top)

    def score(
        self,
        queries: str | Sequence[str],
        *,
        composed: Composed = "auto",
        definitions: Any = None,
        follow: Callable[[Iterator[int], int, int], None] | None = None,
    ) -> Answers:
        """Scores of all records, without their names; as [`EcgIndex.ask`] else."""
        labels = check_labels(queries)
        composition = Composition.of(self.config, labels, composed, definitions=definitions)
        asked = tuple(dict.fromkeys(composition.ask()))
        new = [name for name in asked if name not in self._places]
        query_embeds = self._embed(new) if new else None
        scores = np.empty((len(labels), len(self)), np.float32)

        def work(place: int) -> int:
            found = dict(zip(new, self._score_tokens(place, query_embeds), strict=True)) if new else {}
            stored, measured = self._read_answers(place, [name for name in asked if name not in found], composition)
            found |= stored
            names = composition.ask()
            num_records = self.manifest.shards[place].num_records
            logits = torch.stack([found[name] for name in names], -1) if names else torch.empty(num_records, 0)
            answers = composition.evaluate(to_probabilities(logits), measured)  # as in the pipeline
            scores[:, self._starts[place] : self._starts[place + 1]] = answers.T.numpy()
            return num_records

        self._work_through(work, reads_tokens=bool(new), follow=follow)
        return Answers(tuple(labels), tuple(composition.sources), scores)

    def _read_answers(
        self, place: int, names: Sequence[str], composition: Composition
    ) -> tuple[dict[str, torch.Tensor], Measured | None]:
        """Logits of trained findings and measurements of the records of a shard, no more than it takes."""
        logits = {name: logit_column(self._places[name]) for name in names}
        expressions = [answer.expression for answer in composition.answers if answer.expression is not None]
        keys = tuple(dict.fromkeys(key for each in expressions for key in keys_of(expand(each))))
        kinds = [[kind(key) for key in keys] for kind in (value_column, sd_column, measurable_column)]
        columns = [*logits.values(), *(column for kind in kinds for column in kind)]
        if not columns:
            return {}, None
        table = read_columns(self.folder, place, self.manifest.shards[place], columns)
        tensors = {name: torch.tensor(table.column(name).to_numpy()) for name in columns}
        found = {name: tensors[column] for name, column in logits.items()}
        if not keys:
            return found, None
        parts = (torch.stack([tensors[column] for column in kind], dim=-1) for kind in kinds)
        rows = [self.manifest.measurements.index(key) for key in keys]
        return found, Measured(keys, *parts, loadings=self._loadings[rows])

    def count(self, queries: str | Sequence[str], **options: Any) -> dict[str, Count]:
        """How many records show each finding, see [`count_present`]; the options are those of [`EcgIndex.score`]."""
        answers = self.score(queries, **options)
        return {query: count_present(scores) for query, scores in zip(answers.queries, answers.scores, strict=True)}

    def tabulate(self, answers: Answers, *, top: int | None = None) -> pa.Table:
        """Scores with the names of their records, as [`EcgIndex.ask`] returns them."""
        chosen = [np.arange(len(self)) if top is None else _best(scores, top) for scores in answers.scores]
        places = np.unique(np.concatenate(chosen))
        identities = self._read_identities(places)
        tables = []
        for query, source, scores, rows in zip(answers.queries, answers.sources, answers.scores, chosen, strict=True):
            found = identities if top is None else identities.take(np.searchsorted(places, rows))
            columns = {
                "query": _repeat(query, len(rows)),
                "record_id": found.column("record_id"),
                "score": pa.array(scores[rows]),
                "source": _repeat(source, len(rows)),
            }
            columns |= {name: found.column(name) for name in IDENTITY if name != "record_id"}
            tables.append(pa.table(columns))
        return pa.concat_tables(tables).unify_dictionaries()

    def read_record(self, record_id: str, file: str) -> SourceRecord:
        """A record as its source has it, for a look at it.

        Raises:
            ValueError: If it is no longer there.
        """
        roots = [Path(each) for each in self.manifest.build["source"]]
        if roots[0].is_dir():
            path = roots[0] / file
        else:  # files that were named one by one, from a folder that may be another now
            path = next((root for root in roots if root.as_posix().endswith(Path(file).as_posix())), Path(file))
        if path.suffix != ".parquet":
            return SourceRecord(path, record_id, file)
        record = open_source([path]).find(record_id) if path.is_file() else None
        if record is None:
            raise ValueError(
                f"Record {record_id} is no longer in {path}, where it was when {self.folder} was made. Put it back, or"
                " make the index again."
            )
        return record

    @cached_property
    def classify(self) -> Any:
        """The pipeline of the checkpoint that made the index.

        Raises:
            ValueError: If another one is where it was.
        """
        build = self.manifest.build
        name = build["model"] if self._model is None else self._model
        classify = load_classifier(name, revision=build["revision"], device=self._device)
        if fingerprint_model(classify) != build["model_fingerprint"]:
            raise ValueError(
                f"{self.folder} was made with another model than"
                f" {name if isinstance(name, str) else 'this one'}: weights, preparation or tokenizer differ, and"
                f" tokens of one mean nothing to another. Name the one that made it ({build['model']}) with `--model`,"
                " or make the index again."
            )
        return classify

    def _embed(self, names: Sequence[str]) -> torch.Tensor:
        """Embed names that the index holds no answers for."""
        with torch.inference_mode():
            return encode_queries(self.classify.model, self.classify.tokenizer, names).to(self.classify.model.dtype)

    @torch.inference_mode()
    def _score_tokens(self, place: int, query_embeds: Any) -> list[torch.Tensor]:
        """Logits of names on the records of a shard, one row per name."""
        model = self.classify.model
        tokens, token_mask = read_tokens(self.folder, place, self.manifest.shards[place])
        parts = zip(tokens.split(RECORDS_AT_ONCE), token_mask.split(RECORDS_AT_ONCE), strict=True)
        logits = [
            model.fusion(query_embeds, part.to(model.device), mask.to(model.device))[0].float().cpu()
            for part, mask in parts
        ]
        joined = torch.cat(logits) if len(tokens) else torch.empty(0, len(query_embeds))
        check_logits(joined, [f"{row} of shard {place}" for row in range(len(joined))])
        return list(joined.unbind(1))

    def _work_through(
        self,
        work: Callable[[int], int],
        *,
        reads_tokens: bool,
        follow: Callable[[Iterator[int], int, int], None] | None,
    ) -> None:
        """Do something with every shard, on as many threads as there are cores and memory for."""
        sizes = [shard.files[TOKENS_FILENAME].size if reads_tokens else 1 for shard in self.manifest.shards]
        # A shard is there twice while its checksum is compared
        most = max(1, MOST_MEMORY // (2 * max(sizes, default=1)))
        num_threads = min(
            len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1, most
        )
        with one_thread(torch.device("cpu")), ThreadPoolExecutor(num_threads) as pool:
            futures = [pool.submit(work, place) for place in range(len(sizes))]
            progress = (future.result() for future in futures)
            try:
                if follow is not None:
                    follow(progress, 0, len(self))
                for future in futures:
                    future.result()
            finally:
                pool.shutdown(cancel_futures=True)  # of a question that stops at a damaged shard

    def _read_identities(self, rows: np.ndarray) -> pa.Table:
        """Names of records, by their places in ascending order; only shards that hold some are read."""
        tables = []
        for place, (start, stop) in enumerate(zip(self._starts[:-1], self._starts[1:], strict=True)):
            first, last = np.searchsorted(rows, (start, stop))
            if first < last:
                table = read_columns(self.folder, place, self.manifest.shards[place], IDENTITY)
                tables.append(table.take(rows[first:last] - start))
        return pa.concat_tables(tables) if tables else pa.table({name: pa.array([], pa.string()) for name in IDENTITY})

    @cached_property
    def _places(self) -> dict[str, int]:
        """Places of the findings whose logits are stored."""
        return {name: place for place, name in enumerate(self.manifest.trained_queries)}

    @cached_property
    def _loadings(self) -> torch.Tensor:
        """How the errors of the measurements go together."""
        return load_file(self.folder / HEAD_FILENAME)["loadings"]


def _best(scores: np.ndarray, top: int) -> np.ndarray:
    """Places of the best scores, best first; of equal ones the earlier first."""
    top = min(top, len(scores))
    if not top:
        return np.arange(0)
    least = np.partition(scores, len(scores) - top)[len(scores) - top]
    candidates = np.flatnonzero(scores >= least)
    return candidates[np.argsort(-scores[candidates], kind="stable")][:top]


def _repeat(text: str, count: int) -> pa.DictionaryArray:
    """A column of one text."""
    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(count, np.int32)), pa.array([text]))
