"""A corpus labelled by its reports: the builder that puts extracted findings in place of the labels of any corpus."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from datasets import DatasetBuilder, DatasetInfo, Features, SplitGenerator
from datasets.fingerprint import Hasher

from datasets_scripts.extraction.labels_file import find_labels_file, read_finding_names, read_report_findings
from datasets_scripts.extraction.report_findings import ReportFindings
from datasets_scripts.extraction.unmentioned import ReportJudge, Unmentioned, check_unmentioned

from .corpus_builder import CorpusBuilder, CorpusConfig
from .registry import CORPORA
from .schema import corpus_features


LABEL_COLUMNS = ("labels", "label_mask")


@dataclass
class ReportLabelsConfig(CorpusConfig):
    """Options of a corpus that is labelled by its reports; `data_dir` and the rest are those of the corpus."""

    report_labels: str | None = field(
        default=None,
        metadata={"help": "Output folder of python -m datasets_scripts.extraction, or the file labels.parquet in it."},
    )
    corpus_name: str = field(default="ptb_xl", metadata={"help": "The corpus whose records are labelled."})
    corpus_config_name: str | None = field(default=None, metadata={"help": "Its configuration."})
    unmentioned: Unmentioned = field(
        default="absent", metadata={"help": "What a finding is that a report does not mention."}
    )

    def create_config_id(self, config_kwargs: dict, custom_features: Features | None = None) -> str:
        """Name of the cache folder; it changes with the extracted labels and with the corpus."""
        content = [hashlib.md5(self.labels_path.read_bytes()).hexdigest(), self.make_builder().config_id]
        return super().create_config_id({**config_kwargs, "content": Hasher.hash(content)}, custom_features)

    @property
    def labels_path(self) -> Path:
        """The labels.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If no labels were named.
        """
        if self.report_labels is None:
            raise ValueError(
                "The corpus is labelled by its reports, and no labels were given. Pass `report_labels=`"
                " (`--report_labels`): the output folder of `python -m datasets_scripts.extraction`."
            )
        return find_labels_file(self.report_labels)

    def make_builder(self) -> DatasetBuilder:
        """The builder of the corpus, with the options that it knows.

        Raises:
            ValueError: If there is no such corpus.
        """
        if self.corpus_name not in CORPORA:
            raise ValueError(
                f"There is no corpus {self.corpus_name!r} to label. Pass one of {', '.join(CORPORA)} as"
                " `corpus_name` (`--corpus_name`)."
            )
        builder_class = CORPORA[self.corpus_name]
        known = {field.name for field in fields(builder_class.BUILDER_CONFIG_CLASS)} - {"name", "version"}
        own = {field.name for field in fields(CorpusConfig)}
        options = {name: getattr(self, name) for name in known & own}
        return builder_class(config_name=self.corpus_config_name, **options)


class LabelledByReports(CorpusBuilder):
    """A corpus with the findings of its reports in place of labels it may have; a record without any is unknown."""

    BUILDER_CONFIG_CLASS = ReportLabelsConfig
    BUILDER_CONFIGS = [ReportLabelsConfig(name="default")]
    config: ReportLabelsConfig

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        check_unmentioned(self.config.unmentioned)

    @cached_property
    def corpus(self) -> Any:
        """The builder of the corpus."""
        return self.config.make_builder()

    def _info(self) -> DatasetInfo:
        info = self.corpus.info
        labels = corpus_features(read_finding_names(self.config.labels_path))
        features = Features({**info.features, **{name: labels[name] for name in LABEL_COLUMNS}})
        return DatasetInfo(
            description=f"{info.description}, labelled by its reports",
            homepage=info.homepage,
            license=info.license,
            features=features,
        )

    def _split_generators(self, dl_manager: object) -> list[SplitGenerator]:
        return self.corpus._split_generators(dl_manager)

    def _generate_examples(self, **gen_kwargs: Any) -> Iterator[tuple[str, dict[str, Any]]]:
        """Rows of the corpus with other labels."""
        self.corpus._output_dir = self._output_dir  # where it lists the records that it leaves out
        path = self.config.labels_path
        reports = _read_reports(str(path), path.stat().st_mtime_ns)
        names = (self.info.features or {})["labels"].feature.names
        judge = ReportJudge(names, unmentioned=self.config.unmentioned)
        for key, row in self.corpus._generate_examples(**gen_kwargs):
            yield key, {**row, **judge.label_columns(reports.get(row["record_id"]))}


@lru_cache(maxsize=1)
def _read_reports(path: str, changed_ns: int) -> dict[str, ReportFindings]:
    """Findings by record, read once per process; a file that has changed since is read again."""
    return read_report_findings(path)
