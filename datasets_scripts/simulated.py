"""The corpus that ships with the package: simulated records with reports and the truth about every condition."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from datasets import (
    BuilderConfig,
    DatasetInfo,
    Features,
    GeneratorBasedBuilder,
    List,
    SplitGenerator,
    Value,
    Version,
)
from datasets.fingerprint import Hasher

from datasets_scripts.terminology.findings import load_terminology

from .schema import NUM_SAMPLES, SAMPLING_RATE, corpus_features, to_microvolts
from .simulator import (
    CONDITIONS,
    FOLDS_OF_SPLIT,
    PATIENTS_PER_FOLD_CYCLE,
    RECORDS_PER_PATIENT,
    SIMULATOR_VERSION,
    Language,
    ReportStyle,
    SimulatedRecord,
    SimulatorSettings,
    condition_names,
    fold_of,
    label_names,
    measurement_keys,
    simulate_record,
)


ANNOTATION_FEATURES = {
    "sample": Value("int32"),
    "symbol": Value("string"),
    "wave": Value("int8"),
    "aux_note": Value("string"),
}
MIN_NUM_RECORDS = PATIENTS_PER_FOLD_CYCLE * RECORDS_PER_PATIENT

DESCRIPTION = (
    "Simulated 12-lead ECGs of 10 s with known conditions and reports in the wording of ECG carts. Amplitudes and axes"
    " were adjusted to class-mean beats of PTB-XL, its test folds included."
)


@dataclass
class SimulatedConfig(BuilderConfig):
    """Options of the simulated corpus; `metadata["help"]` of a field explains it, to `prepare` as well."""

    num_records: int = field(
        default=2000,
        metadata={
            "help": "Records of all splits together. The records of a smaller corpus are the first ones of a larger"
            " one."
        },
    )
    seed: int = field(default=0, metadata={"help": "Another seed gives other patients."})
    report_language: Language = field(
        default="en",
        metadata={
            "help": "Language of the reports: as carts print in MIMIC-IV-ECG (en), or as readers wrote in PTB-XL (de)."
        },
    )
    report_noise: float = field(
        default=1.0,
        metadata={
            "help": "How far reports are from the truth: 0 for complete and certain ones, 2 for twice the usual"
            " omissions, hedges and false statements."
        },
    )
    has_annotations: bool = field(
        default=False,
        metadata={"help": "Give rows the column annotations: onset, peak and offset of every P, QRS and T."},
    )
    has_measurements: bool = field(
        default=False,
        metadata={"help": "Give rows the column measurements: intervals, rates, axis, voltages of every wave."},
    )

    @property
    def label_names(self) -> tuple[str, ...]:
        """Labels of the rows."""
        return condition_names() if self.name == "conditions" else label_names()

    @property
    def settings(self) -> SimulatorSettings:
        """How the records are simulated."""
        return SimulatorSettings(report=ReportStyle(language=self.report_language).scale(self.report_noise))

    def create_config_id(self, config_kwargs: dict, custom_features: Features | None = None) -> str:
        """Name of the cache folder; it changes with the options, the simulator and what a condition implies."""
        terminology = load_terminology()
        content = {
            "num_records": self.num_records,
            "seed": self.seed,
            "simulator": SIMULATOR_VERSION,
            "reports": (self.report_language, self.report_noise),
            "has_annotations": self.has_annotations,
            "measurements": measurement_keys() if self.has_measurements else (),
            "labels": self.label_names,
            "columns": list(corpus_features(())),
            "implied": [sorted(terminology.close_upward([condition])) for condition in CONDITIONS],
        }
        return super().create_config_id({"content": Hasher.hash(content)}, custom_features)


class Simulated(GeneratorBasedBuilder):
    """Simulated records; each depends only on the seed and its number, so that any `num_proc` gives the same rows.

    The labels of the configuration `default` are all that is known: conditions and measured findings. Those of
    `conditions` are the conditions alone.
    """

    BUILDER_CONFIG_CLASS = SimulatedConfig
    BUILDER_CONFIGS = [
        SimulatedConfig(name=name, version=Version(SIMULATOR_VERSION)) for name in ("default", "conditions")
    ]
    DEFAULT_CONFIG_NAME = "default"
    DEFAULT_WRITER_BATCH_SIZE = 200  # 120 KB per record
    config: SimulatedConfig

    def _info(self) -> DatasetInfo:
        columns: dict[str, Any] = {}
        if self.config.has_annotations:
            columns["annotations"] = List(dict(ANNOTATION_FEATURES))
        if self.config.has_measurements:
            columns["measurements"] = measurement_features()
        return DatasetInfo(description=DESCRIPTION, features=corpus_features(self.config.label_names, **columns))

    def _split_generators(self, dl_manager: object) -> list[SplitGenerator]:
        num_records = self.config.num_records
        if num_records < MIN_NUM_RECORDS:
            raise ValueError(
                f"The simulated corpus was asked for {num_records} records, too few for three splits by patient."
                f" Pass `num_records=` (`--num_records`) of at least {MIN_NUM_RECORDS}."
            )
        if self.config.report_noise < 0:
            raise ValueError(
                f"`report_noise` (`--report_noise`) is {self.config.report_noise}. Give 0 for complete reports, 1 for"
                " the usual ones, or more."
            )
        return [
            SplitGenerator(
                name=split,
                gen_kwargs={"record_indices": [index for index in range(num_records) if fold_of(index) in folds]},
            )
            for split, folds in FOLDS_OF_SPLIT.items()
        ]

    def _generate_examples(self, record_indices: list[int]) -> Iterator[tuple[str, dict[str, Any]]]:
        """Rows of the corpus; `record_indices` is the list that `num_proc` shares out."""
        for record_index in record_indices:
            record = simulate_record(record_index, seed=self.config.seed, settings=self.config.settings)
            row = columns_of(record, self.config.label_names)
            if self.config.has_annotations:
                row["annotations"] = [annotation._asdict() for annotation in record.annotations]
            if self.config.has_measurements:
                row["measurements"] = measurements_of(record)
            yield row["record_id"], row


def make_row(record_index: int, *, seed: int) -> dict[str, Any]:
    """Columns of one record of the configuration `default`, its numbers among them."""
    record = simulate_record(record_index, seed=seed)
    return {**columns_of(record, label_names()), "measurements": measurements_of(record)}


def measurement_features() -> dict[str, Value]:
    """The type of the column `measurements`."""
    return {key: Value("float32") for key in measurement_keys()}


def measurements_of(record: SimulatedRecord) -> dict[str, float]:
    """Numbers of a simulated record by their keys, NaN where there is nothing to measure."""
    return {key: record.measurements.get(key, math.nan) for key in measurement_keys()}


def columns_of(record: SimulatedRecord, names: tuple[str, ...]) -> dict[str, Any]:
    """Columns of a simulated record whose labels have the given names."""
    return {
        "record_id": record.record_id,
        "patient_id": record.patient_id,
        "signal": to_microvolts(record.strip),
        "lead_mask": [True] * len(record.strip),
        "not_recorded": [],
        "num_samples": NUM_SAMPLES,
        "window_start_s": 0.0,
        "num_samples_original": NUM_SAMPLES,
        "sampling_rate_original": SAMPLING_RATE,
        "age": record.age,
        "sex": record.sex,
        "report": "\n".join(record.report),
        "statements": list(record.report),
        "labels": [index for index, name in enumerate(names) if name in record.labels],
        "label_mask": [True] * len(names),
    }
