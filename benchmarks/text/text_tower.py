"""How near small text towers come to the encoder that they were distilled from, at what size and speed.

    python benchmarks/text/text_tower.py runs/text_tower runs/smaller --texts statements.txt --output_file towers.json

For every folder that `python -m training_scripts.text_tower` left, or for a checkpoint with the tower of
configs/text_tower.yaml in it, such as modeling_supreme/default_checkpoint: megabytes on the disk; mean cosine to the
large encoder's embeddings and Spearman's correlation of the similarities between texts, on texts like those of
training, on the lines of `--texts` that no training text can be equal to, and on texts that name the findings which
the run held out; how often a wording that people write is nearest to the right name of the terminology, by the small
encoder and by the large one; and texts per second.

    python benchmarks/text/text_tower.py runs/text_tower --checkpoint runs/demo/checkpoint --output_dir runs/swapped

also puts the first tower into a checkpoint that was trained with the large encoder, and saves it with weights of 16
bits. `evaluate.py` then says what the exchange costs.
"""

import argparse
import logging
import statistics
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple


sys.path.insert(0, str(Path(__file__).parents[1]))  # what benchmarks share
sys.path.insert(0, str(Path(__file__).parents[2]))

import torch
import yaml
from command_line import add_timing_flags, make_parser, start_logging, write_report
from torch.nn.functional import cosine_similarity, normalize
from transformers import AutoModel, AutoProcessor, AutoTokenizer
from turns import CLOCKS, take_turns

from datasets_scripts.terminology.findings import load_terminology
from modeling_supreme.checkpoints import half_floats, load_text_encoder
from modeling_supreme.modeling_supreme import QueriedModel
from modeling_supreme.modeling_supreme_ecg import masked_mean
from modeling_supreme.queries import find_text_encoder
from modeling_supreme.query_grammar import normalize_name
from training_scripts.text_tower.objective import rank_agreement
from training_scripts.text_tower.texts import TextSources, TextWriter, compile_hidden, load_sources
from training_scripts.text_tower.vocabulary import list_words


logger = logging.getLogger(__name__)

BATCH_SIZE = 64
BYTES_PER_MEGABYTE = 1_000_000
RECIPE = Path(__file__).parents[2] / "configs" / "text_tower.yaml"
SEED = 12345  # of texts that no run with a small seed has drawn
NUM_TEXTS, NUM_DRAWN, MOST_COMPARED = 2000, 60_000, 2000
NUM_TIMED = 256
# How people write a finding of the terminology
WORDINGS = {
    "atrial fibrillation": (
        "AF",
        "afib",
        "afib?",
        "a-fib",
        "an ECG showing atrial fibrillation",
        "atrial fibrilation",
    ),
    "atrial flutter": ("aflutter", "AFL", "flutter waves", "ECG with atrial flutter", "atrial fluter?"),
    "left bundle branch block": (
        "LBBB",
        "lbbb?",
        "complete LBBB",
        "left bundle-branch block",
        "L bundle block",
    ),
    "right bundle branch block": ("RBBB", "rbbb pattern", "right bundle-branch block", "R bundle branch block"),
    "sinus bradycardia": ("sinus brady", "SBRAD", "slow sinus rhythm", "does it show sinus bradycardia?"),
    "sinus tachycardia": ("sinus tach", "STACH", "fast sinus rhythm", "Sinus Tachycardia."),
    "left ventricular hypertrophy": ("LVH", "lvh?", "hypertrophy of the left ventricle", "LV hypertrophy"),
    "first degree av block": ("1st degree AV block", "first-degree heart block", "AV block I", "1AVB"),
    "complete av block": ("complete heart block", "third degree AV block", "3rd degree heart block", "CHB"),
    "premature ventricular contraction": ("PVC", "PVCs", "ventricular extrasystoles", "ventricular premature beats"),
    "premature atrial contraction": ("PAC", "PACs", "atrial extrasystole", "premature atrial beat"),
    "myocardial infarction": ("MI", "heart attack", "infarct", "signs of myocardial infarction"),
    "inferior myocardial infarction": ("inferior MI", "inferior infarct", "IMI", "infarction of the inferior wall"),
    "wolff-parkinson-white pattern": ("WPW", "Wolff Parkinson White", "preexcitation (WPW)", "delta waves"),
    "prolonged qt interval": ("long QT", "QT prolongation", "prolonged QTc", "LQT?"),
    "st elevation": ("ST-elevation", "raised ST segment", "elevated ST segments", "STE"),
    "st depression": ("ST-depression", "depressed ST segment", "STD?", "lowered ST segments"),
    "t wave inversion": ("inverted T waves", "T-wave inversions", "TWI", "negative T waves"),
    "ventricular tachycardia": ("VT", "v-tach", "vtach", "tachycardia from the ventricles"),
    "supraventricular tachycardia": ("SVT", "svt?", "supra-ventricular tachycardia"),
    "left axis deviation": ("LAD", "left axis", "axis deviated to the left"),
    "right axis deviation": ("RAD", "right axis", "axis deviated to the right"),
    "low qrs voltage": ("low voltage", "low voltages", "low amplitude QRS complexes"),
    "paced rhythm": ("pacemaker", "pacemaker rhythm", "electronic pacing"),
    "normal ecg": ("normal", "NORM", "nothing abnormal", "healthy ECG", "within normal limits"),
}


class Encoder(NamedTuple):
    """A text encoder with its tokenizer and its pooling."""

    model: Any
    tokenizer: Any
    pooling: str

    @torch.inference_mode()
    def embed(self, texts: Sequence[str]) -> torch.Tensor:
        """Embeddings, `(num_texts, text_hidden_size)`, in the order of the texts."""
        order = sorted(range(len(texts)), key=lambda place: len(texts[place]))
        parts = []
        for start in range(0, len(texts), BATCH_SIZE):
            batch = [texts[place] for place in order[start : start + BATCH_SIZE]]
            encoding = self.tokenizer(batch, padding=True, truncation=True, return_tensors="pt")
            hidden_states = self.model(**encoding).last_hidden_state
            mask = encoding["attention_mask"]
            parts.append(hidden_states[:, 0] if self.pooling == "cls" else masked_mean(hidden_states, mask))
        return torch.cat(parts)[torch.tensor(order).argsort()]


class Tower(NamedTuple):
    """A small encoder, and how it was made."""

    folder: Path
    encoder: Encoder
    settings: dict[str, Any]


def load_tower(folder: Path) -> Tower:
    """The encoder that a run left, or that of a checkpoint which has the tower of `RECIPE`."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModel.from_pretrained(folder)
    is_checkpoint = isinstance(model, QueriedModel)
    recipe = RECIPE if is_checkpoint else folder / "train_arguments.yaml"
    settings = {"held_out_findings": None, "revision": None} | yaml.safe_load(recipe.read_text(encoding="utf-8"))
    encoder: Any = model.text_model if is_checkpoint else model
    return Tower(folder, Encoder(encoder.eval(), tokenizer, settings["text_pooling"]), settings)


def load_teacher(tower: Tower) -> Encoder:
    """The encoder that a tower learnt from."""
    source, revision = find_text_encoder(tower.settings["text_model_name_or_path"]), tower.settings["revision"]
    tokenizer = AutoTokenizer.from_pretrained(source, revision=revision)
    return Encoder(load_text_encoder(source, revision=revision).eval(), tokenizer, tower.encoder.pooling)


def choose_unseen(lines: Iterable[str], sources: TextSources, number: int) -> list[str]:
    """Distinct lines, evenly taken, that equal no text of the tables, whatever their case and marks."""
    findings = (text.written for text in sources.findings)
    known = {normalize_name(text) for text in (*findings, *sources.statements, *sources.concepts)}
    known |= {normalize_name(text) for text in sources.phrases["sentence"]}
    texts = {normalize_name(line).strip("*. "): line.strip() for line in lines if line.strip()}
    unseen = [line for name, line in texts.items() if name not in known]
    stride = max(1, len(unseen) / number)
    return [unseen[int(place * stride)] for place in range(min(number, len(unseen)))]


def name_text_sets(tower: Tower, sources: TextSources, files: Sequence[Path]) -> dict[str, list[str]]:
    """The texts on which a tower is measured, by what they are."""
    writer = TextWriter(sources)
    sets = {"like training": writer.write(NUM_TEXTS, seed=SEED)}
    for path in files:
        unseen = choose_unseen(path.read_text(encoding="utf-8").splitlines(), sources, NUM_TEXTS)
        sets[f"unseen: {path.name}"] = unseen
    hidden = compile_hidden(tower.settings["held_out_findings"])
    if hidden is not None:
        drawn = dict.fromkeys(writer.write(NUM_DRAWN, seed=SEED + 1))
        sets["held-out findings"] = [text for text in drawn if hidden.search(normalize_name(text))][:NUM_TEXTS]
    return sets


def measure_agreement(embeds: torch.Tensor, wanted: torch.Tensor) -> dict[str, float]:
    """How near embeddings are to the wanted ones."""
    cosines = cosine_similarity(embeds, wanted)
    return {
        "num_texts": len(embeds),
        "cosine": round(float(cosines.mean()), 4),
        "cosine_p05": round(float(cosines.quantile(0.05)), 4),
        "rank_agreement": round(rank_agreement(embeds, wanted, most=MOST_COMPARED), 4),
    }


def measure_wordings(encoder: Encoder) -> dict[str, Any]:
    """How often the name nearest to a wording is the right one, or one that the terminology takes it for."""
    names = [finding.name for finding in load_terminology()]
    index = normalize(encoder.embed(names))
    asked = [(name, wording) for name, wordings in WORDINGS.items() for wording in wordings]
    similarities = normalize(encoder.embed([wording for _, wording in asked])) @ index.T
    nearest = [names[place] for place in similarities.argmax(dim=1).tolist()]
    own = [float(similarities[row, names.index(name)]) for row, (name, _) in enumerate(asked)]
    return {
        "share_right": round(
            statistics.mean(found == name for found, (name, _) in zip(nearest, asked, strict=True)), 3
        ),
        "mean_similarity": round(statistics.mean(own), 3),
        "nearest": {wording: found for (_, wording), found in zip(asked, nearest, strict=True)},
        "similarity": {wording: round(value, 3) for (_, wording), value in zip(asked, own, strict=True)},
    }


def measure_tower(
    tower: Tower, teacher: Encoder, sources: TextSources, arguments: argparse.Namespace
) -> dict[str, Any]:
    """All figures of a tower."""
    embedded = {
        name: (tower.encoder.embed(texts), teacher.embed(texts))
        for name, texts in name_text_sets(tower, sources, arguments.texts).items()
    }
    own, wanted = measure_wordings(tower.encoder), measure_wordings(teacher)
    same = statistics.mean(own["nearest"][wording] == name for wording, name in wanted["nearest"].items())
    timed = TextWriter(sources).write(NUM_TIMED, seed=SEED + 2)
    ways: dict[str, Callable[[], Any]] = {
        "tower": lambda: tower.encoder.embed(timed),
        "teacher": lambda: teacher.embed(timed),
    }
    seconds = take_turns(ways, num_turns=arguments.num_turns, clock=CLOCKS[arguments.clock])
    return {
        "layers": tower.settings["layers"],
        "vocab_size": tower.settings["vocab_size"],
        "num_steps": tower.settings["max_train_steps"],
        "megabytes": round(folder_size(tower.folder), 2),
        "agreement": {name: measure_agreement(*both) for name, both in embedded.items()},
        "wordings": {"tower": own, "teacher": wanted, "share_same_nearest": round(same, 3)},
        "texts_per_s": {name: round(NUM_TIMED / statistics.median(times), 1) for name, times in seconds.items()},
    }


def folder_size(folder: Path) -> float:
    """Megabytes of the weights, configuration and tokenizer of a folder."""
    patterns = ("*.safetensors", "config.json", "tokenizer*", "*processor_config.json", "*.py")
    return sum(path.stat().st_size for pattern in patterns for path in folder.glob(pattern)) / BYTES_PER_MEGABYTE


def swap_text_tower(checkpoint: Path, tower: Tower, output_dir: Path) -> None:
    """Save a checkpoint with another text encoder, and weights of 16 bits."""
    from modeling_supreme import SupremeConfig, SupremeModel
    from training_scripts.objectives.supervised import save_zero_shot_model

    old = SupremeModel.from_pretrained(checkpoint)
    fields: dict[str, Any] = old.config.to_dict() | {"text_config": tower.encoder.model.config.to_dict()}
    model = SupremeModel(SupremeConfig(**fields))
    for name in ("ecg_model", "fusion"):
        getattr(model, name).load_state_dict(getattr(old, name).state_dict())
    model.text_model.load_state_dict(tower.encoder.model.state_dict())
    processor: Any = AutoProcessor.from_pretrained(checkpoint)
    processor.tokenizer = tower.encoder.tokenizer
    save_zero_shot_model(model.eval(), processor, output_dir)
    model.save_pretrained(output_dir, state_dict=half_floats(model.state_dict()))
    logger.info(f"{output_dir}: {folder_size(output_dir):.1f} MB.")


def log_figures(name: str, figures: dict[str, Any]) -> None:
    """Say what was measured of a tower, in a few lines."""
    logger.info(
        f"{name}: layers {figures['layers']}, {figures['vocab_size']} pieces, {figures['megabytes']:.1f} MB,"
        f" {figures['texts_per_s']['tower']:.0f} texts/s ({figures['texts_per_s']['teacher']:.0f} the large one)"
    )
    for kind, each in figures["agreement"].items():
        logger.info(
            f"  {kind} ({each['num_texts']}): cosine {each['cosine']:.4f} (5 % below {each['cosine_p05']:.3f}),"
            f" rank agreement {each['rank_agreement']:.4f}"
        )
    wordings = figures["wordings"]
    logger.info(
        f"  wordings: right {wordings['tower']['share_right']:.3f} ({wordings['teacher']['share_right']:.3f} the large"
        f" one), same nearest name {wordings['share_same_nearest']:.3f}"
    )


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = make_parser(__doc__)
    parser.add_argument("towers", type=Path, nargs="+", help="Folders that the distillation left.")
    parser.add_argument("--texts", type=Path, nargs="*", default=[], help="Files with one text a line.")
    parser.add_argument("--checkpoint", type=Path, help="Checkpoint that gets the first tower.")
    parser.add_argument("--output_dir", type=Path, help="Folder for the checkpoint with the tower.")
    add_timing_flags(parser, num_turns=3)
    parsed = parser.parse_args(arguments)
    if (parsed.checkpoint is None) != (parsed.output_dir is None):
        parser.error("`--checkpoint` and `--output_dir` go together: give both, or none.")
    return parsed


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure every tower, and put one into a checkpoint."""
    parsed = parse_arguments(arguments)
    start_logging(logger)
    torch.set_num_threads(parsed.num_threads)
    figures = {}
    for folder in parsed.towers:
        tower = load_tower(folder)
        teacher = load_teacher(tower)
        sources = load_sources(list_words(teacher.tokenizer.get_vocab()))
        figures[folder.name] = measure_tower(tower, teacher, sources, parsed)
        log_figures(folder.name, figures[folder.name])
    if parsed.checkpoint:
        swap_text_tower(parsed.checkpoint, load_tower(parsed.towers[0]), parsed.output_dir)
    if parsed.output_file:
        write_report(parsed.output_file, parsed, towers=figures)


if __name__ == "__main__":
    main()
