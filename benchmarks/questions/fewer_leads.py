"""What a checkpoint still knows with fewer leads: AUROC of every condition by the leads that are left.

python benchmarks/questions/fewer_leads.py --data_dir ptb-xl/1.0.3 --output_dir runs/fewer_leads

The other leads are taken out of the rows, as if nobody had recorded them; limb leads are computed again where two of
I, II and III are left. `--output_dir` receives fewer_leads.json, fewer_leads.md (macro averages, and a row for each
condition) and fewer_leads.png, a curve for each condition.
"""

import argparse
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from accelerate import Accelerator

from evaluation_scripts.arguments import EvaluationArguments
from evaluation_scripts.load import LabelledRecords, load_checkpoint, load_records
from evaluation_scripts.metrics import format_figure
from evaluation_scripts.predict import predict
from evaluation_scripts.results import compile_result
from modeling_supreme import STANDARD_LEADS, default_checkpoint
from modeling_supreme.command_line.scripts import ScriptParser


logger = logging.getLogger(__name__)

LEAD_SETS = {
    "12 leads": STANDARD_LEADS,
    "I, II, V1, V5": ("I", "II", "V1", "V5"),
    "I, II, V2": ("I", "II", "V2"),
    "I, II": ("I", "II"),
    "II": ("II",),
    "I": ("I",),
    "V1": ("V1",),
}
MIN_POSITIVES = 5


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = ScriptParser(__doc__)
    parser.add_argument("--model_name_or_path", help="Checkpoint; by default the one that the package ships.")
    parser.add_argument("--dataset_name", default="ptb_xl", help="Corpus, as evaluate.py takes it.")
    parser.add_argument("--dataset_config_name", default="superclass,subclass,form,rhythm", help="Its label sets.")
    parser.add_argument("--data_dir", help="Folder with the official files of the corpus.")
    parser.add_argument("--split", default="validation+test", help="Splits that training has not seen.")
    parser.add_argument("--max_eval_samples", type=int, help="Evaluate the first records only.")
    parser.add_argument("--output_dir", type=Path, required=True, help="Folder for the table and the curves.")
    return parser.parse_args(arguments)


def keep_leads(row: Mapping[str, Any], leads: Sequence[str]) -> dict[str, Any]:
    """The signal and lead mask of a row without the other leads.

    Args:
        row (`Mapping`):
            `signal` of shape `(12, num_samples)` and `lead_mask` of shape `(12,)`, in the standard order.
        leads (`Sequence[str]`):
            Leads that stay.
    """
    is_kept = np.isin(STANDARD_LEADS, leads)
    signal = np.where(is_kept[:, None], np.asarray(row["signal"], dtype=np.int16), np.int16(0))
    return {"signal": signal, "lead_mask": (is_kept & np.asarray(row["lead_mask"], dtype=bool)).tolist()}


def with_leads(records: LabelledRecords, leads: Sequence[str]) -> LabelledRecords:
    """The same records, as if only these leads had been recorded."""
    if len(leads) == len(STANDARD_LEADS):
        return records
    return replace(records, rows=records.rows.map(keep_leads, fn_kwargs={"leads": leads}, desc=", ".join(leads)))


def evaluate_leads(arguments: EvaluationArguments) -> dict[str, dict[str, dict[str, Any]]]:
    """Results of [`compile_result`] by label set and then by the leads that are left."""
    accelerator = Accelerator()
    model, processor = load_checkpoint(arguments.model_name_or_path)
    model = model.eval().to(accelerator.device)
    results: dict[str, dict[str, dict[str, Any]]] = {}
    for config_name in arguments.dataset_config_name or [None]:
        records = load_records(arguments, config_name)
        results[records.config_name] = {}
        for name, leads in LEAD_SETS.items():
            conditions, predictions = predict(
                model, processor, with_leads(records, leads), arguments=arguments, accelerator=accelerator
            )
            results[records.config_name][name] = compile_result(
                predictions, conditions, min_positives=MIN_POSITIVES, num_bootstrap_samples=0
            )
    return results


def format_table(results: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> str:
    """A Markdown table: AUROC by the leads that are left, of every label set and of its conditions."""
    lines = [f"| condition | positives | {' | '.join(LEAD_SETS)} |", "|---" * (len(LEAD_SETS) + 2) + "|"]
    for config_name, by_leads in results.items():
        macro = [format_figure(result["auroc_macro"]) for result in by_leads.values()]
        lines.append(f"| **{config_name}** (mean) | | {' | '.join(macro)} |")
        for place, entry in enumerate(by_leads["12 leads"]["conditions"]):
            if entry["is_averaged"]:
                cells = [format_figure(result["conditions"][place]["auroc"]) for result in by_leads.values()]
                lines.append(
                    f"| {entry['finding'] or entry['label']} | {entry['num_positives']} | {' | '.join(cells)} |"
                )
    return "\n".join(lines)


def plot_curves(results: Mapping[str, Mapping[str, Mapping[str, Any]]], path: Path) -> None:
    """A panel for each label set, a curve for each condition, and the mean in bold."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.2 * len(results), 5.2), layout="constrained")
    axes = figure.subplots(1, len(results), squeeze=False, sharey=True)[0]
    for panel, (config_name, by_leads) in zip(axes, results.items(), strict=True):
        ends = []
        for place, entry in enumerate(by_leads["12 leads"]["conditions"]):
            if entry["is_averaged"]:
                curve = [result["conditions"][place]["auroc"] for result in by_leads.values()]
                panel.plot(curve, color="#9aa5b1", linewidth=0.8)
                ends.append((curve[-1], entry["finding"] or entry["label"]))
        panel.plot(
            [result["auroc_macro"] for result in by_leads.values()], color="#b3261e", linewidth=2.5, label="mean"
        )
        panel.set_title(f"{config_name} ({len(ends)} conditions)")
        panel.set_xticks(range(len(LEAD_SETS)), LEAD_SETS, rotation=60, ha="right")
        panel.axhline(0.5, color="black", linewidth=0.6, linestyle=":")
        panel.grid(axis="y", alpha=0.3)
    axes[0].set_ylabel("AUROC")
    axes[0].legend(loc="lower left")
    figure.savefig(path, dpi=150)


def main(arguments: Sequence[str] | None = None) -> None:
    """Evaluate with ever fewer leads, and write the tables and the curves."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    options = parse_arguments(arguments)
    options.output_dir.mkdir(parents=True, exist_ok=True)
    results = evaluate_leads(
        EvaluationArguments(
            model_name_or_path=options.model_name_or_path or default_checkpoint(),
            dataset_name=options.dataset_name,
            dataset_config_name=[options.dataset_config_name],
            data_dir=options.data_dir,
            split=options.split,
            on_error="skip",
            max_eval_samples=options.max_eval_samples,
            output_dir=str(options.output_dir),
        )
    )
    table = format_table(results)
    (options.output_dir / "fewer_leads.md").write_text(table + "\n", encoding="utf-8")
    text = json.dumps(results, indent=2, ensure_ascii=False)
    (options.output_dir / "fewer_leads.json").write_text(text + "\n", encoding="utf-8")
    plot_curves(results, options.output_dir / "fewer_leads.png")
    logger.info("%s", table)


if __name__ == "__main__":
    main()
