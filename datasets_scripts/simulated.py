"""The corpus that ships with the package: simulated records with reports and the truth about every condition."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from datasets import BuilderConfig, DatasetInfo, Features, GeneratorBasedBuilder, Split, SplitGenerator, Version
from datasets.fingerprint import Hasher

from datasets_scripts.extraction.terminology import load_terminology
from datasets_scripts.schema import NUM_SAMPLES, SAMPLING_RATE, corpus_features, to_microvolts
from datasets_scripts.simulator import CONDITIONS, SIMULATOR_VERSION, label_names, simulate_record
from datasets_scripts.simulator.priors import RECORDS_PER_PATIENT


# Of ten patients in a row eight are for training, one for validation and one for testing.
PATIENTS_PER_FOLD_CYCLE = 10
FOLD_OF_SPLIT = {Split.TRAIN: range(8), Split.VALIDATION: range(8, 9), Split.TEST: range(9, 10)}
MIN_NUM_RECORDS = PATIENTS_PER_FOLD_CYCLE * RECORDS_PER_PATIENT

DESCRIPTION = (
    "Simulated 12-lead ECGs of 10 s with known conditions and reports in the wording of ECG carts. Amplitudes and axes"
    " were adjusted to class-mean beats of PTB-XL, its test folds included."
)


@dataclass
class SimulatedConfig(BuilderConfig):
    """Options of the simulated corpus.

    Attributes:
        num_records (`int`, defaults to 2000):
            Records of all splits together. The records of a smaller corpus are the first ones of a larger one.
        seed (`int`, defaults to 0):
            Another seed gives other patients.
    """

    num_records: int = 2000
    seed: int = 0

    def create_config_id(self, config_kwargs: dict, custom_features: Features | None = None) -> str:
        """Name of the cache folder; it changes with the options, the simulator and what a condition implies."""
        terminology = load_terminology()
        content = {
            "num_records": self.num_records,
            "seed": self.seed,
            "simulator": SIMULATOR_VERSION,
            "labels": label_names(),
            "implied": [sorted(terminology.close_upward([condition])) for condition in CONDITIONS],
        }
        return super().create_config_id({"content": Hasher.hash(content)}, custom_features)


class Simulated(GeneratorBasedBuilder):
    """Simulated records; each depends only on the seed and its number, so that any `num_proc` gives the same rows."""

    BUILDER_CONFIG_CLASS = SimulatedConfig
    BUILDER_CONFIGS = [SimulatedConfig(name="default", version=Version(SIMULATOR_VERSION))]
    DEFAULT_CONFIG_NAME = "default"
    DEFAULT_WRITER_BATCH_SIZE = 200  # 120 KB per record
    config: SimulatedConfig

    def _info(self) -> DatasetInfo:
        return DatasetInfo(description=DESCRIPTION, features=corpus_features(label_names()))

    def _split_generators(self, dl_manager: object) -> list[SplitGenerator]:
        num_records = self.config.num_records
        if num_records < MIN_NUM_RECORDS:
            raise ValueError(
                f"The simulated corpus was asked for {num_records} records, too few for three splits by patient."
                f" Pass `num_records=` (`--num_records`) of at least {MIN_NUM_RECORDS}."
            )
        return [
            SplitGenerator(
                name=str(split),
                gen_kwargs={"record_indices": [index for index in range(num_records) if _fold(index) in folds]},
            )
            for split, folds in FOLD_OF_SPLIT.items()
        ]

    def _generate_examples(self, record_indices: list[int]) -> Iterator[tuple[str, dict[str, Any]]]:
        """Rows of the corpus; `record_indices` is the list that `num_proc` shares out."""
        for record_index in record_indices:
            row = make_row(record_index, seed=self.config.seed)
            yield row["record_id"], row


def _fold(record_index: int) -> int:
    """Number from 0 to 9 that all records of a patient share."""
    return record_index // RECORDS_PER_PATIENT % PATIENTS_PER_FOLD_CYCLE


def make_row(record_index: int, *, seed: int) -> dict[str, Any]:
    """Columns of one simulated record, as `schema.corpus_features` lists them."""
    record = simulate_record(record_index, seed=seed)
    names = label_names()
    return {
        "record_id": record.record_id,
        "patient_id": record.patient_id,
        "signal": to_microvolts(record.strip),
        "lead_mask": [True] * len(record.strip),
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
