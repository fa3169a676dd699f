"""Whether the beat queries of a MELP checkpoint look at beats, by the annotations of the simulator.

    python benchmarks/objectives/beat_attention.py --model_name_or_path runs/melp

Simulated records say when each QRS complex begins. Of the attention of each beat query, the share that lies on tokens
within a complex is compared with the share of the tokens that do: a query that looks everywhere has a ratio of 1. The
table has the mean over queries and the query that looks at beats most, with 95 % intervals over the records.
"""

import argparse
import logging
import sys
from pathlib import Path


sys.path.insert(0, str(Path(__file__).parents[2]))
sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
import torch
from command_line import make_parser, start_logging
from transformers import AutoModel, AutoProcessor

from datasets_scripts.simulator import simulate_record
from modeling_supreme import STANDARD_LEADS


BEFORE_QRS_S, AFTER_QRS_S = 0.04, 0.14  # of the onset: a complex, and what a token beside it sees of it
SEED = 7  # of other patients than those of training

logger = logging.getLogger(__name__)


def find_beat_tokens(onsets_s: list[float], num_tokens: int, token_s: float) -> np.ndarray:
    """Tokens whose time overlaps that of a QRS complex, `(num_tokens,)`.

    Example:
        >>> find_beat_tokens([0.5], num_tokens=4, token_s=0.25).tolist()
        [False, True, True, False]
    """
    starts = np.arange(num_tokens) * token_s
    overlaps = [(starts < onset + AFTER_QRS_S) & (starts + token_s > onset - BEFORE_QRS_S) for onset in onsets_s]
    return np.any(overlaps, axis=0) if overlaps else np.zeros(num_tokens, dtype=bool)


@torch.inference_mode()
def measure_shares(arguments: argparse.Namespace) -> np.ndarray:
    """Of each record and query, attention on beats over the share of tokens on beats, `(num_records, num_queries)`."""
    model = AutoModel.from_pretrained(arguments.model_name_or_path).eval()
    processor = AutoProcessor.from_pretrained(arguments.model_name_or_path)
    ecg_config = model.config.ecg_config
    token_s = ecg_config.token_stride / ecg_config.sampling_rate
    ratios = []
    for number in range(arguments.num_records):
        record = simulate_record(number, seed=SEED)
        inputs = processor(record.strip, sampling_rate=500, leads=STANDARD_LEADS, return_tensors="pt")
        strips = model.read_strips(**inputs, output_attentions=True)
        weights = strips.beat_attentions[0].mean(dim=0).numpy()  # (num_queries, num_tokens)
        is_beat = find_beat_tokens([beat.time for beat in record.rhythm.beats], weights.shape[1], token_s)
        if 0 < is_beat.sum() < len(is_beat):
            ratios.append(weights[:, is_beat].sum(axis=1) / is_beat.mean())
    return np.array(ratios)


def describe(values: np.ndarray) -> str:
    """Mean and its 95 % interval over records."""
    error = 1.96 * values.std(ddof=1) / np.sqrt(len(values))
    return f"{values.mean():.2f} [{values.mean() - error:.2f}, {values.mean() + error:.2f}]"


def main(argv: list[str] | None = None) -> None:
    """Measure and print."""
    start_logging(logger)
    parser = make_parser(__doc__)
    parser.add_argument("--model_name_or_path", required=True, help="Checkpoint of melp or merl.")
    parser.add_argument("--num_records", type=int, default=200, help="Simulated records.")
    ratios = measure_shares(parser.parse_args(argv))
    best = int(ratios.mean(axis=0).argmax())
    logger.info(f"attention on beats / share of tokens on beats, {len(ratios)} records")
    logger.info(f"mean over {ratios.shape[1]} queries: {describe(ratios.mean(axis=1))}")
    logger.info(f"query {best}, which looks at beats most: {describe(ratios[:, best])}")


if __name__ == "__main__":
    main()
