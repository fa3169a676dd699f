"""Batches of a simulated corpus, through the loader that training uses."""

from collections.abc import Iterator
from pathlib import Path
from typing import cast

import torch
from datasets import DatasetDict

from datasets_scripts import load_corpus
from modeling_supreme import SupremeEcgFeatureExtractor
from training_scripts.data.batches import LabelledStrips, LoaderSettings, make_steps
from training_scripts.data.label import CorpusLabels
from training_scripts.data.training_data import Corpus, TrainingData


def simulate_corpus(folder: Path, *, num_records: int, num_workers: int) -> TrainingData:
    """Simulate a corpus into a folder, in Arrow; all of its labels are trained on.

    Args:
        folder (`Path`):
            Receives the corpus.
        num_records (`int`):
            Records, of which most are for training.
        num_workers (`int`):
            Processes that simulate.
    """
    num_proc = num_workers if num_workers > 1 else None
    loaded = load_corpus("simulated", num_records=num_records, cache_dir=folder, num_proc=num_proc)
    splits = cast(DatasetDict, loaded)
    labels = CorpusLabels.from_dataset(splits["train"])
    corpus = Corpus("simulated", splits["train"], splits["validation"], test=None, labels=labels)
    return TrainingData((corpus,), None, labels.findings, ())


def iterate_strips(
    data: TrainingData, *, batch_size: int, num_workers: int, device: torch.device | str = "cpu"
) -> Iterator[dict[str, torch.Tensor]]:
    """Batches of the training strips on a device, without end, read and prepared by worker processes."""
    settings = LoaderSettings(
        batch_size, batch_size, num_workers=num_workers, do_pin_memory=torch.device(device).type == "cuda"
    )
    collator = LabelledStrips(SupremeEcgFeatureExtractor(), data.labels)
    (corpus,) = data.corpora
    for (batch,) in make_steps([corpus.train], [corpus.validation], collator, settings).steps(0):
        yield {name: value for name, value in batch.to(torch.device(device)).inputs.items() if name != "labels"}
