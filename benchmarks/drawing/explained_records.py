"""What carries the answers to ten names and ten expressions on strips with labels: a table, and sheets to look at.

python benchmarks/drawing/explained_records.py --data_root D --output_dir runs/explained_records

`--data_root` has the official files of PTB-XL, CPSC2018, CODE-15 % and the Georgia collection in `ptb-xl`, `cpsc2018`,
`code15` and `georgia`. Nobody chooses the records of the names: the first one with each label of `CONDITIONS`, of
PTB-XL among those that training has not seen; then, of the other conditions of PTB-XL that have a definition, the
surest false alarm, the surest miss, and the next surest of each until there are three, no two of one condition or
record. A label counts for what it is a kind of, too. The expressions are those of `EXPRESSIONS`, on strips named there
and on the first simulated ones with a label. `--output_dir` receives a sheet for each, explained_records.md and .json,
and contradictions.png with the sheets of the three below each other.
"""

import argparse
import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from datasets_scripts import load_corpus
from datasets_scripts.simulator import simulate_record
from datasets_scripts.terminology.findings import load_terminology
from evaluation_scripts.conditions import describe_conditions
from evaluation_scripts.metrics import label_matrix
from modeling_supreme import STANDARD_LEADS, default_checkpoint
from modeling_supreme.command_line.scripts import ScriptParser
from modeling_supreme.composition import join_definitions
from modeling_supreme.ecg_index.encoder import load_classifier
from modeling_supreme.query_grammar import normalize_name
from modeling_supreme.supreme_command.sheets import draw, file_name


logger = logging.getLogger(__name__)

# Corpora by name: folder, label set, splits
CORPORA = {
    "ptb_xl": ("ptb-xl", "hierarchy", "validation+test"),
    "cpsc2018": ("cpsc2018", "default", "train+validation+test"),
    "code15": ("code15", "abnormalities", "train+validation+test"),
}
CONDITIONS = (
    ("ptb_xl", "atrial fibrillation"),
    ("ptb_xl", "left bundle branch block"),
    ("ptb_xl", "left ventricular hypertrophy"),
    ("ptb_xl", "inferior myocardial infarction"),
    ("ptb_xl", "premature ventricular contraction"),
    ("cpsc2018", "right bundle branch block"),
    ("code15", "first degree av block"),
)
NUM_CONTRADICTIONS = 3
# What a cardiologist might type, by the file of the strip, or by the label of a simulated one
EXPRESSIONS = (
    ("ptb-xl/records500/00000/00017_hr", "irregular rhythm and no P waves"),
    ("ptb-xl/records500/00000/00180_hr", "QRS > 120 ms with broad R in V6 and S in V1 > 10 mm"),
    ("ptb-xl/records500/00000/00210_hr", "Q waves in II, III and aVF"),
    ("ptb-xl/records500/00000/00162_hr", "S in V1 + R in V5 or V6 > 35 mm"),
    ("ptb-xl/records500/00000/00218_hr", "PR > 200 ms"),
    ("georgia/g8/E07514", "T inversion in V1 to V4 and HR > 100"),
    ("georgia/g8/E07504", "QTc > 460 ms and QRS < 120 ms"),
    ("cpsc2018/TrainingSet1/A1981.mat", "ST depression >= 1 mm in two contiguous leads"),
    ("st elevation myocardial infarction", "ST elevation >= 2 mm in V2 to V4"),
    ("complete av block", "HR < 50 and atrial rate > 60"),
)
FIRST_SEED, NUM_SEEDS = 3000, 6000  # of simulated strips
ARRAY = {"sampling_rate": 500, "leads": STANDARD_LEADS}  # of files and strips that do not say
MOST_STATEMENTS = 5
PICTURE_WIDTH, NUM_COLORS = 1200, 64  # pixels


class Labelled(NamedTuple):
    """The records of a corpus with their labels, by the findings of the terminology.

    Attributes:
        rows (`Dataset`):
            Of the corpus.
        findings (`list[str]`):
            Names of the conditions.
        labels (`np.ndarray` of shape `(num_records, num_conditions)`):
            1 positive, 0 negative, NaN unknown.
    """

    rows: Any
    findings: list[str]
    labels: np.ndarray


class Question(NamedTuple):
    """What is asked of a strip.

    Attributes:
        title (`str`):
            What the strip is called.
        recording (`Any`):
            As the pipeline takes it.
        options (`Mapping`):
            Sampling rate and leads, where the recording does not say.
        labels (`list[str]`):
            What its corpus says of it.
        asked (`str`):
            A name or an expression.
    """

    title: str
    recording: Any
    options: Mapping[str, Any]
    labels: list[str]
    asked: str


def load_labelled(data_root: Path, corpus: str) -> Labelled:
    """The records of a corpus that may be chosen."""
    folder, config_name, split = CORPORA[corpus]
    known = load_corpus(corpus, config_name, data_dir=data_root / folder, on_error="skip")
    split = "+".join(name for name in split.split("+") if name in known)
    rows: Any = load_corpus(corpus, config_name, data_dir=data_root / folder, on_error="skip", split=split)
    names = rows.features["labels"].feature.names
    truth = rows.select_columns(["labels", "label_mask"])[:]
    described = describe_conditions(names, config_name=config_name, trained_queries=None)
    labels = label_matrix(truth["labels"], len(names), label_masks=truth["label_mask"])
    columns: dict[str, list[int]] = {}
    terminology = load_terminology()
    for place, each in enumerate(described):  # several labels may be one finding, and what is a kind of it counts too
        for finding in {each.query, *terminology.ancestors(each.query)}:
            columns.setdefault(finding, []).append(place)
    findings = list(dict.fromkeys(each.query for each in described))
    joined = np.stack([labels[:, columns[finding]].max(axis=1) for finding in findings], axis=1)
    return Labelled(rows, findings, joined)


def ask(corpus: str, known: Labelled, record: int, finding: str) -> Question:
    """Whether a record of a corpus shows a finding."""
    row = known.rows[record]
    positive = [name for name, label in zip(known.findings, known.labels[record], strict=True) if label == 1]
    return Question(f"{corpus} {row['record_id']}", row, {}, positive, finding)


def choose_first(records: Mapping[str, Labelled]) -> list[Question]:
    """The first record with each of `CONDITIONS`.

    Raises:
        SystemExit: If a corpus has none.
    """
    chosen = []
    for corpus, finding in CONDITIONS:
        known = records[corpus]
        places = np.flatnonzero(known.labels[:, known.findings.index(finding)] == 1)
        if not len(places):
            raise SystemExit(f"{corpus}: no record has {finding}. Pass a folder with one in `--data_root`.")
        chosen.append(ask(corpus, known, int(places[0]), finding))
    return chosen


def choose_expressions(data_root: Path) -> list[Question]:
    """The strips of `EXPRESSIONS`."""
    chosen = []
    for source, expression in EXPRESSIONS:
        if "/" in source:
            options = ARRAY if source.endswith(".mat") else {}
            chosen.append(Question(Path(source).stem, str(data_root / source), options, [], expression))
        else:
            seed, record = find_simulated(source)
            chosen.append(Question(f"simulated {seed}", record.strip, ARRAY, sorted(record.conditions), expression))
    return chosen


def find_simulated(label: str) -> tuple[int, Any]:
    """The first simulated record with a label, and its seed."""
    records = ((seed, simulate_record(seed)) for seed in range(FIRST_SEED, FIRST_SEED + NUM_SEEDS))
    return next((seed, record) for seed, record in records if label in record.conditions)


def choose_contradictions(
    scores: np.ndarray, present: np.ndarray, labels: np.ndarray, most: int = NUM_CONTRADICTIONS
) -> list[tuple[int, int]]:
    """Where answers contradict labels: the surest false alarm, the surest miss, the next of each.

    Args:
        scores (`np.ndarray` of shape `(num_records, num_conditions)`):
            Probabilities.
        present (`np.ndarray` of the same shape):
            1 present, 0 absent, NaN undecided.
        labels (`np.ndarray` of the same shape):
            1 positive, 0 negative, NaN unknown.
        most (`int`):
            How many.

    Returns:
        `list[tuple[int, int]]`: Record and condition, no two with the same of either.

    Example:
        >>> scores = np.array([[0.9, 0.8], [0.1, 0.3]])
        >>> choose_contradictions(scores, np.array([[1, 1], [0, 0]]), np.array([[0, 0], [1, 1]]))
        [(0, 0), (1, 1)]
    """
    alarms, misses = (
        [tuple(map(int, divmod(place, scores.shape[1]))) for place in np.argsort(-sureness, axis=None, kind="stable")]
        for sureness in (scores, 1 - scores)
    )
    is_wrong = {True: (present == 1) & (labels == 0), False: (present == 0) & (labels == 1)}
    ordered = zip_longest(
        [place for place in alarms if is_wrong[True][place]], [place for place in misses if is_wrong[False][place]]
    )
    chosen: list[tuple[int, int]] = []
    for record, condition in filter(None, chain.from_iterable(ordered)):
        if all(record != other and condition != taken for other, taken in chosen):
            chosen.append((record, condition))
    return chosen[:most]


def find_contradictions(classify: Any, known: Labelled, named: Sequence[Question]) -> list[Question]:
    """The contradictions of PTB-XL, among conditions that have a definition, so that statements can be read.

    Args:
        classify (`ZeroShotEcgClassificationPipeline`):
            Answers.
        known ([`Labelled`]):
            The records.
        named (`Sequence[Question]`):
            What is explained already.
    """
    defined = {normalize_name(entry["condition"]) for entry in join_definitions(classify.model.config, None)}
    columns = [place for place, finding in enumerate(known.findings) if normalize_name(finding) in defined]
    asked = [known.findings[place] for place in columns]
    titles = [f"ptb_xl {record}" for record in known.rows["record_id"]]
    scores, present = np.zeros((2, len(known.rows), len(asked)))
    for place, results in enumerate(classify(list(known.rows), candidate_labels=asked)):
        by_label = {result["label"]: result for result in results}
        scores[place] = [by_label[finding]["score"] for finding in asked]
        present[place] = [np.nan if by_label[each]["present"] is None else by_label[each]["present"] for each in asked]
    labels = known.labels[:, columns]
    for question in named:
        labels[[record == question.title for record in titles]] = np.nan
        labels[:, [finding == question.asked for finding in asked]] = np.nan
    found = choose_contradictions(scores, present, labels)
    return [ask("ptb_xl", known, record, asked[condition]) for record, condition in found]


def explain(classify: Any, question: Question, path: Path) -> dict[str, Any]:
    """Explain an answer and draw it; returns what the table says of it."""
    (result,) = classify(question.recording, candidate_labels=[question.asked], explain=True, **question.options)
    draw(question.recording, path, title=question.title, scores=[result], options=question.options)
    return {"strip": question.title, "labels": question.labels, **result}


def format_rows(explained: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Rows of a Markdown table: strip, its labels, what was asked and answered, what carries it."""
    yield "| strip | labels | asked | score | present | statements |"
    yield "|---|---|---|---|---|---|"
    for each in explained:
        statements = "; ".join(
            f"{part['probability']:.2f} {part['statement']}"
            for part in each["evidence"]["statements"][:MOST_STATEMENTS]
        )
        yield (
            f"| {each['strip']} | {', '.join(map(str, each['labels']))} | {each['label']} | {each['score']:.3f} |"
            f" {each['present']} | {statements or 'none'} |"
        )


def stack_pictures(paths: Sequence[Path], path: Path) -> None:
    """Sheets below each other, in few colours."""
    sheets = [Image.open(each).convert("RGB") for each in paths]
    sheets = [each.resize((PICTURE_WIDTH, each.height * PICTURE_WIDTH // each.width)) for each in sheets]
    stacked = Image.new("RGB", (PICTURE_WIDTH, sum(each.height for each in sheets)))
    top = 0
    for each in sheets:
        stacked.paste(each, (0, top))
        top += each.height
    stacked.quantize(NUM_COLORS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(path, optimize=True)


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = ScriptParser(__doc__)
    parser.add_argument("--model_name_or_path", help="Checkpoint; by default the one that the package ships.")
    parser.add_argument("--data_root", type=Path, required=True, help="Folder with the folders of the corpora.")
    parser.add_argument("--output_dir", type=Path, required=True, help="Folder for the sheets and the table.")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    """Choose, explain, draw, write."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    options = parse_arguments(arguments)
    options.output_dir.mkdir(parents=True, exist_ok=True)
    model = options.model_name_or_path or default_checkpoint()
    classify = load_classifier(str(model), device="cpu")
    records = {corpus: load_labelled(options.data_root, corpus) for corpus in CORPORA}
    named = choose_first(records)
    wrong = find_contradictions(classify, records["ptb_xl"], named)
    questions = [*named, *wrong, *choose_expressions(options.data_root)]
    paths = [
        options.output_dir / file_name(place, f"{each.title}_{each.asked}") for place, each in enumerate(questions)
    ]
    explained = [explain(classify, each, path) for each, path in zip(questions, paths, strict=True)]
    table = "\n".join(format_rows(explained))
    (options.output_dir / "explained_records.md").write_text(table + "\n", encoding="utf-8")
    text = json.dumps(explained, indent=2, ensure_ascii=False)
    (options.output_dir / "explained_records.json").write_text(text + "\n", encoding="utf-8")
    stack_pictures(paths[len(named) :][: len(wrong)], options.output_dir / "contradictions.png")
    logger.info("%s", table)


if __name__ == "__main__":
    main()
