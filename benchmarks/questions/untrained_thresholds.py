"""Whether answers to questions that nobody trained are probabilities: thresholds, leads and logic drawn at random.

python benchmarks/questions/untrained_thresholds.py --model_name_or_path runs/simulated --output_dir runs/thresholds

Questions of several kinds are drawn ("qrs_ms > 113", "st_mv_V2 > 0.07 and not pr_ms < 180" ...), with limits among
the values that simulated records have, and put to a checkpoint with a measurement head on records that it never saw.
What is true of each record is known exactly. The table, written to thresholds.md in `--output_dir`, says of each kind
how far probabilities are from shares (expected calibration error over all records and questions, in 15 bins),
the log loss, and the mean AUROC of a question; the last two columns are those of the same numbers taken as
independent.
"""

import argparse
import logging
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from sklearn.metrics import roc_auc_score
from transformers import AutoModel, AutoProcessor

from datasets_scripts.collator import StripCollator
from datasets_scripts.simulated import columns_of
from datasets_scripts.simulator import SimulatedRecord, label_names, simulate_record
from datasets_scripts.terminology.exact_truth import is_true
from evaluation_scripts.decision_figures.calibration import expected_calibration_error
from modeling_supreme import STANDARD_LEADS
from modeling_supreme.command_line.scripts import ScriptParser
from modeling_supreme.definitions import Measured, evaluate_expression
from modeling_supreme.queries import encode_queries
from modeling_supreme.query_grammar import (
    AllOf,
    AnyOf,
    AtLeast,
    Comparison,
    Expression,
    Finding,
    Not,
    Present,
    Term,
    find_measurement,
    normalize_name,
)


logger = logging.getLogger(__name__)

FEWEST_VALUES = 20  # of a number that limits are drawn for
FEWEST_OF_A_KIND = 10  # records for which a question is true, and for which it is not
SMALLEST_CHANCE = 1e-4  # what log loss charges at most
MAX_TRIES = 50


class Figures(NamedTuple):
    """How good the answers to some questions are.

    Attributes:
        calibration_error, log_loss, auroc (`float`):
            Over all answers, over all answers, and the mean over questions.
    """

    calibration_error: float
    log_loss: float
    auroc: float


class Questions:
    """Draws questions with limits among the values of some records.

    Args:
        keys (`Sequence[str]`):
            What a model measures.
        findings (`Sequence[str]`):
            What it was trained to name.
        records (`Sequence[SimulatedRecord]`):
            Whose values limits are drawn from.
        seed (`int`):
            Seed of the questions.
    """

    def __init__(
        self, keys: Sequence[str], findings: Sequence[str], records: Sequence[SimulatedRecord], *, seed: int
    ) -> None:
        self._generator = np.random.default_rng(seed)
        self._findings = list(findings)
        self._measured = [record.measurements for record in records]
        values = {key: np.unique([r.measurements[key] for r in records if key in r.measurements]) for key in keys}
        self._values = {key: own for key, own in values.items() if len(own) >= FEWEST_VALUES}
        self._of_strip = [key for key in self._values if key.rpartition("_")[2] not in STANDARD_LEADS]
        self._of_leads = [key for key in self._values if key.rpartition("_")[2] in STANDARD_LEADS]
        self._sums = self._find_sums()

    def kinds(self) -> dict[str, Callable[[], Expression]]:
        """How a question of each kind is drawn."""
        return {
            "a number of the strip": lambda: self._compare(self._choose(self._of_strip)),
            "a number of a lead": lambda: self._compare(self._choose(self._of_leads)),
            "between two limits": self._between,
            "lead against lead": self._against,
            "something to measure": self._present,
            "two or three with and": lambda: AllOf(self._several(self._atom)),
            "two or three with or": lambda: AnyOf(self._several(self._atom)),
            "with not": lambda: AllOf((self._atom(), Not(self._atom()))),
            "at least two of three to six leads": self._leads,
            "with a named finding": lambda: AllOf((self._atom(), Finding(self._choose(self._findings)))),
        }

    def _choose(self, options: Sequence[Any]) -> Any:
        return options[int(self._generator.integers(len(options)))]

    def _limit(self, key: str) -> float:
        """A limit among the values of a measurement."""
        return self._draw_between(self._values[key])

    def _draw_between(self, values: np.ndarray) -> float:
        """Half way between two neighbours of ascending values, so that none lies on it."""
        place = int(self._generator.integers(len(values) - 1))
        return float((values[place] + values[place + 1]) / 2)

    def _compare(self, key: str) -> Expression:
        limit = self._limit(key)
        is_above = self._generator.random() < 0.5
        return Comparison((Term(key),), above=limit) if is_above else Comparison((Term(key),), below=limit)

    def _atom(self) -> Expression:
        return self._compare(self._choose(self._of_strip if self._generator.random() < 0.5 else self._of_leads))

    def _several(self, draw: Callable[[], Expression]) -> tuple[Expression, ...]:
        return tuple(draw() for _ in range(int(self._generator.integers(2, 4))))

    def _between(self) -> Expression:
        key = self._choose([*self._of_strip, *self._of_leads])
        above, below = sorted((self._limit(key), self._limit(key)))
        return Comparison((Term(key),), above=above, below=below)

    def _against(self) -> Expression:
        """The difference of two waves, and a limit among its values."""
        first, second = self._choose(self._sums)
        values = [own[first.key] - own[second.key] for own in self._measured]
        return Comparison((first, second), above=self._draw_between(np.unique(values)))

    def _present(self) -> Expression:
        counted = [key for key in self._of_strip if (found := find_measurement(key)) and found.is_count]
        return Present(self._choose([*counted, "pr_ms", "p_ms", "atrial_rate_per_min"]))

    def _leads(self) -> Expression:
        """The same limit in several leads of one measurement."""
        key = self._choose(self._of_leads)
        name, limit = key.rpartition("_")[0], self._limit(key)
        own = [lead for lead in STANDARD_LEADS if f"{name}_{lead}" in self._values]
        chosen = self._generator.permutation(own)[: int(self._generator.integers(3, 7))]
        return AtLeast(2, tuple(Comparison((Term(f"{name}_{lead}"),), above=limit) for lead in chosen))

    def _find_sums(self) -> list[tuple[Term, Term]]:
        """Differences of R and S within a lead, and of one wave between two leads."""
        leads = [lead for lead in STANDARD_LEADS if f"r_mv_{lead}" in self._values and f"s_mv_{lead}" in self._values]
        within = [(Term(f"r_mv_{lead}"), Term(f"s_mv_{lead}", -1.0)) for lead in leads]
        return within + [
            (Term(f"{wave}_{first}"), Term(f"{wave}_{second}", -1.0))
            for wave in ("r_mv", "s_mv", "t_mv")
            for first in leads
            for second in leads
            if first != second and f"{wave}_{first}" in self._values and f"{wave}_{second}" in self._values
        ]


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = ScriptParser(__doc__)
    parser.add_argument("--model_name_or_path", required=True, help="Checkpoint with a measurement head.")
    parser.add_argument("--output_dir", type=Path, required=True, help="Folder for the table.")
    parser.add_argument("--num_records", type=int, default=1000, help="Simulated records.")
    parser.add_argument("--num_questions", type=int, default=100, help="Questions of each kind.")
    parser.add_argument("--seed", type=int, default=77, help="Seed of the patients and of the questions.")
    return parser.parse_args(arguments)


def answer(
    model: Any, processor: Any, records: Sequence[SimulatedRecord], findings: Sequence[str], *, batch_size: int = 50
) -> tuple[Measured, dict[str, torch.Tensor]]:
    """What a checkpoint measures on every record, and how probable it holds each finding."""
    collate, names = StripCollator(processor.feature_extractor), label_names()
    queries = encode_queries(model, processor.tokenizer, list(findings))
    parts: list[tuple[torch.Tensor, ...]] = []
    with torch.inference_mode():
        for start in range(0, len(records), batch_size):
            rows = [columns_of(record, names) for record in records[start : start + batch_size]]
            output = model(**collate(rows), query_embeds=queries)
            measured = cast(Measured, Measured.of(model, output.measurements))
            parts.append((*measured[1:4], output.logits_per_ecg.sigmoid()))
    value, sd, measurable, found = (torch.cat(part) for part in zip(*parts, strict=True))
    loadings = model.measurement_head.loadings
    numbers = Measured(tuple(model.config.measurements), value, sd, measurable, loadings)
    return numbers, dict(zip(map(normalize_name, findings), found.unbind(dim=1), strict=True))


def draw_questions(
    draw: Callable[[], Expression], records: Sequence[SimulatedRecord], num_questions: int
) -> Iterator[tuple[Expression, np.ndarray]]:
    """Questions with the truth of every record; those that are true or false of nearly all are drawn again."""
    for _ in range(num_questions * MAX_TRIES):
        if not num_questions:
            return
        question = draw()
        truth = np.array([is_true(question, record.measurements, record.labels) for record in records])
        if FEWEST_OF_A_KIND <= truth.sum() <= len(truth) - FEWEST_OF_A_KIND:
            num_questions -= 1
            yield question, truth


def judge(answers: Sequence[np.ndarray], truths: Sequence[np.ndarray]) -> Figures:
    """Figures of the answers to several questions.

    Args:
        answers (`Sequence[np.ndarray]`, each of shape `(num_records,)`):
            Probabilities.
        truths (`Sequence[np.ndarray]`, each of shape `(num_records,)`):
            What is true.

    Returns:
        [`Figures`]

    Example:
        >>> judge([np.array([0.25, 0.25, 0.25, 0.25])], [np.array([0, 1, 0, 0])]).calibration_error
        0.0
    """
    chances, is_met = np.concatenate(answers), np.concatenate(truths).astype(np.float64)
    error = expected_calibration_error(chances, is_met)
    of_truth = np.clip(np.where(is_met == 1, chances, 1 - chances), SMALLEST_CHANCE, None)
    aurocs = [roc_auc_score(truth, own) for own, truth in zip(answers, truths, strict=True)]
    return Figures(cast(float, error), float(-np.log(of_truth).mean()), float(np.mean(aurocs)))


def main(arguments: Sequence[str] | None = None) -> None:
    """Draw questions, answer them and write the table."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    logger.setLevel(logging.INFO)
    options = parse_arguments(arguments)
    model = AutoModel.from_pretrained(options.model_name_or_path).eval()
    processor = AutoProcessor.from_pretrained(options.model_name_or_path)
    records = [simulate_record(index, seed=options.seed) for index in range(options.num_records)]
    findings = list(model.config.trained_queries)
    measured, found = answer(model, processor, records, findings)
    independent = measured._replace(loadings=torch.zeros_like(measured.loadings))
    questions = Questions(model.config.measurements, findings, records, seed=options.seed)
    header = (
        "questions",
        "number",
        "true of",
        "ECE",
        "log loss",
        "AUROC",
        "ECE, independent",
        "log loss, independent",
    )
    lines = [f"| {' | '.join(header)} |", "|---" * len(header) + "|"]
    for kind, draw in questions.kinds().items():
        drawn = list(draw_questions(draw, records, options.num_questions))
        if not drawn:  # true or false of nearly all records, however often it is drawn
            continue
        truths = [truth for _, truth in drawn]
        ways = [
            judge([evaluate_expression(question, numbers, found).numpy() for question, _ in drawn], truths)
            for numbers in (measured, independent)
        ]
        figures = (*ways[0], *ways[1][:2])
        share = float(np.mean([truth.mean() for truth in truths]))
        lines.append(f"| {kind} | {len(drawn)} | {share:.2f} | {' | '.join(f'{each:.3f}' for each in figures)} |")
        logger.info("%s", lines[-1])
    options.output_dir.mkdir(parents=True, exist_ok=True)
    (options.output_dir / "thresholds.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
