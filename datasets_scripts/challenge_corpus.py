"""What corpora of records with SNOMED CT codes in their headers share: finding records, splits, and the columns."""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from datasets import Features, SplitGenerator
from datasets.utils import logging

from datasets_scripts.readers.challenge_headers import (
    HeaderComments,
    find_headers,
    header_states,
    read_comments,
    signal_path,
)

from .corpus_builder import CorpusBuilder, CorpusConfig
from .splits import assign_split, read_split_tables


logger = logging.get_logger(__name__)


@dataclass
class HeaderCorpusConfig(CorpusConfig):
    """Options of a corpus whose labels stand in the headers of its records."""

    split_dir: str | None = field(
        default=None,
        metadata={
            "help": "Folder of published splits, tables that end in _train.csv, _val.csv and _test.csv with the record"
            " in a column filename or ecg_path, such as those of MERL. Only the records that they list are read."
            " Without it, 80 % of the records train, 10 % validate and 10 % test, by a hash of the record's name."
        },
    )

    def create_config_id(self, config_kwargs: dict, custom_features: Features | None = None) -> str:
        """Name of the cache folder: it changes when a header, a list of records or a table of splits does."""
        if self.data_dir is not None:
            config_kwargs = {**config_kwargs, "headers": _digest(list(header_states(self.folder())))}
        if self.split_dir is not None:
            config_kwargs = {**config_kwargs, "splits": _digest(read_split_tables(Path(self.split_dir)))}
        return super().create_config_id(config_kwargs, custom_features)

    def folder(self) -> Path:
        """The folder of the corpus, which must exist."""
        if self.data_dir is None:
            raise ValueError(
                "The corpus is read from your own copy, and no folder was given. Pass `data_dir=` (`--data_dir`): the"
                " folder that its publisher distributes."
            )
        folder = Path(self.data_dir)
        if not folder.is_dir():
            raise FileNotFoundError(
                f"{folder} is no folder. Let `data_dir` (`--data_dir`) be the folder of the corpus."
            )
        return folder


class HeaderCorpus(CorpusBuilder):
    """Base of the corpora that keep SNOMED CT codes in the headers of WFDB records."""

    BUILDER_CONFIG_CLASS = HeaderCorpusConfig
    config: Any  # an instance of BUILDER_CONFIG_CLASS

    # Whether every record is of another patient, so that the record's name tells patients apart.
    one_record_per_patient = False

    def _split_generators(self, dl_manager: object) -> list[SplitGenerator]:
        return self._split_records(self._find_rows(self.config.folder()))

    def _find_rows(self, folder: Path) -> list[dict[str, Any]]:
        """One dict per record, with all that is known before its files are read."""
        headers = self._find_headers(folder)
        if not headers:
            raise FileNotFoundError(
                f"{folder} holds no WFDB headers (*.hea). Let `data_dir` (`--data_dir`) be the folder of the corpus,"
                " or complete the download."
            )
        return [
            {"record_id": header.stem, "path": str(signal_path(header)), "filename": _relative(header, folder)}
            for header in headers
        ]

    def _find_headers(self, folder: Path) -> list[Path]:
        """The headers of the records; folders that are listed but absent stop the run or are counted."""
        if self.config.on_error == "raise":
            return find_headers(folder)
        absent_folders: list[Path] = []
        headers = find_headers(folder, absent_folders=absent_folders)
        if absent_folders:
            logger.warning(f"{len(absent_folders)} listed folders are absent and left out, first {absent_folders[0]}.")
        return headers

    def _split_records(self, rows: list[dict[str, Any]]) -> list[SplitGenerator]:
        """The three splits, by the published tables or by the hash."""
        _check_names(rows)
        split_of = {row["record_id"]: assign_split(row["record_id"]) for row in rows}
        if self.config.split_dir is not None:
            tables = read_split_tables(Path(self.config.split_dir))
            self._check_complete([name for name in tables if name not in split_of])
            split_of = {name: split for name, split in tables.items() if name in split_of}
        return self._split_rows(rows, lambda row: split_of.get(row["record_id"]))

    def _check_complete(self, absent: list[str]) -> None:
        """Refuse a copy of the corpus that lacks records of the published splits, or tell how many it lacks."""
        if not absent:
            return
        message = f"{self.config.split_dir} lists {len(absent)} records that {self.config.data_dir} lacks, first"
        if self.config.on_error == "raise":
            raise ValueError(
                f'{message} {absent[0]}. Complete the download, or go without them: `on_error="skip"`'
                " (`--on_error skip`)."
            )
        logger.warning(f"{message} {absent[0]}. The splits are made without them.")

    def _read_columns(self, row: dict) -> dict[str, Any]:
        path = Path(row["path"]).with_suffix(".hea")
        comments = read_comments(path)
        return {
            **super()._read_columns(row),
            "patient_id": row["record_id"] if self.one_record_per_patient else None,
            "age": comments.age,
            "sex": comments.sex,
            "report": None,
            "statements": [],
            "snomed_ct_codes": list(comments.snomed_ct_codes),
            **self._columns_of_codes(comments, path),
        }

    def _columns_of_codes(self, comments: HeaderComments, path: Path) -> dict[str, Any]:
        """`labels` and `label_mask`; where the header says that the diagnoses are not known, no label is."""
        columns = self._label_columns(comments.snomed_ct_codes, path)
        if not comments.is_labelled:
            columns["label_mask"] = [False] * len(columns["label_mask"])
        return columns

    def _label_columns(self, codes: Sequence[str], path: Path) -> dict[str, Any]:
        """`labels` and `label_mask`, and what else follows from the codes of a record."""
        raise NotImplementedError


def _digest(content: object) -> str:
    """A short name for what a table or a listing says."""
    return hashlib.md5(repr(content).encode("utf-8", errors="surrogateescape")).hexdigest()


def _check_names(rows: list[dict[str, Any]]) -> None:
    """Refuse two records of one name: their rows could not be told apart."""
    places: dict[str, str] = {}
    for row in rows:
        name = row["record_id"]
        if name in places:
            raise ValueError(f"Record {name} is listed twice: {places[name]} and {row['path']}. Remove one of them.")
        places[name] = row["path"]


def _relative(header: Path, folder: Path) -> str:
    """Place of a record in its corpus, without extension."""
    return Path(os.path.relpath(header.with_suffix(""), folder)).as_posix()
