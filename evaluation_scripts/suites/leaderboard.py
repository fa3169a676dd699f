"""Put several evaluations side by side: a table for people and machines, ready to be hosted.

    python -m evaluation_scripts.suites.leaderboard --evaluations O1 O2 O3 --output_dir board

`--evaluations` are folders that `evaluate.py --suite` or `evaluate.py --predictions` wrote. `--output_dir` receives
`leaderboard.json` and `leaderboard.html`, a page that needs no other file and can be hosted as it is.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tqdm import tqdm

from datasets_scripts.page import section, table, write_document
from evaluation_scripts.metrics import format_figure
from evaluation_scripts.suites.published import read_published
from modeling_supreme.command_line import parse_arguments, run_command
from modeling_supreme.command_line.closing import closing_line


RESULTS_FILENAME = "eval_results.json"
LEADERBOARD_FILENAME, PAGE_FILENAME = "leaderboard.json", "leaderboard.html"


@dataclass
class LeaderboardArguments:
    """What to put side by side."""

    evaluations: list[str] = field(metadata={"help": "Folders that evaluate.py wrote."})
    output_dir: str = field(metadata={"help": "Folder that receives leaderboard.json and leaderboard.html."})


def read_entry(path: str | Path) -> dict[str, Any]:
    """What a leaderboard says of one evaluation of a suite.

    Args:
        path (`str` or `Path`):
            A folder that `evaluate.py` wrote, or its eval_results.json.

    Returns:
        `dict`: `system`, `protocol`, `split`, `is_measured_here`, `mean` and `mean_ci95` (over sets),
        `num_conditions`, `understood`, `missing` (names of sets) and `sets`: by "corpus/configuration" `auroc_macro`,
        its interval, and `null` where conditions were not seen.

    Raises:
        FileNotFoundError: If there are no results.
        ValueError: If they are not those of a suite or of a file of scores.
    """
    place = Path(path)
    place = place / RESULTS_FILENAME if place.is_dir() else place
    if not place.is_file():
        raise FileNotFoundError(f"{place} does not exist. Name folders that `evaluate.py` wrote.")
    report = json.loads(place.read_text(encoding="utf-8"))
    if "overall" not in report or "name" not in report.get("protocol", {}):
        raise ValueError(
            f"{place} is no evaluation of a suite. Run `evaluate.py --suite supreme6` or `--predictions`."
        )
    overall = report["overall"]
    return {
        "system": report["model"],
        "protocol": report["protocol"]["name"],
        "split": report["protocol"]["split"],
        "is_measured_here": True,
        "mean": overall["auroc_macro"],
        "mean_ci95": overall["auroc_macro_ci95"],
        "num_conditions": overall["num_conditions"],
        "understood": overall["understood"],
        "missing": list(report["missing"]),
        "sets": {name.rpartition("/")[0]: _read_set(result) for name, result in report["results"].items()},
    }


def _read_set(result: Mapping[str, Any]) -> dict[str, Any]:
    """The figures of one set."""
    null_line = ((result["unseen"] or {}).get("null") or {}).get("auroc_macro")
    return {"auroc_macro": result["auroc_macro"], "auroc_macro_ci95": result["auroc_macro_ci95"], "null": null_line}


def make_leaderboard(paths: Sequence[str | Path]) -> dict[str, Any]:
    """All evaluations, grouped by protocol and split, the best mean first; published figures stand apart.

    Args:
        paths (`Sequence[str]`):
            Folders that `evaluate.py` wrote.

    Returns:
        `dict`: `entries`, what [`read_entry`] gives; and `published`.
    """
    entries = [read_entry(path) for path in paths]
    entries.sort(key=lambda entry: (entry["protocol"], entry["split"], -(entry["mean"] or 0.0)))
    return {"entries": entries, "published": read_published()}


def write_leaderboard(output_dir: str | Path, leaderboard: Mapping[str, Any]) -> list[Path]:
    """Write leaderboard.json, and leaderboard.html, a page that needs no other file.

    Args:
        output_dir (`str` or `Path`):
            Folder that receives both.
        leaderboard (`Mapping`):
            What [`make_leaderboard`] gives.
    """
    folder = Path(output_dir)
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / LEADERBOARD_FILENAME, folder / PAGE_FILENAME]
    text = json.dumps(leaderboard, indent=2, ensure_ascii=False, allow_nan=False)
    paths[0].write_text(text + "\n", encoding="utf-8")
    entries = leaderboard["entries"]
    groups = dict.fromkeys((entry["protocol"], entry["split"]) for entry in entries)
    parts = [
        "<header><h1>Leaderboard</h1><p class=muted>Zero-shot macro AUROC. Figures of different protocols are not"
    ]
    parts[0] += " comparable, nor means over different sets.</p></header>"
    for protocol, split in groups:
        own = [entry for entry in entries if (entry["protocol"], entry["split"]) == (protocol, split)]
        parts.append(section(f"Protocol {protocol}, split {split}", _tabulate(own), note=_tell_missing(own)))
    published = [
        [row["system"], *map(format_figure, row["auroc_macro"].values()), format_figure(row["mean"]), row["source"]]
        for row in leaderboard["published"]
    ]
    header = ["system", *leaderboard["published"][0]["auroc_macro"], "mean", "source"]
    note = "Quoted under MERL's protocol, not measured here."
    parts.append(section("Published by others", _scroll(table(header, published)), note=note))
    write_document(paths[1], title="Leaderboard", parts=parts)
    return paths


def _tabulate(entries: Sequence[Mapping[str, Any]]) -> str:
    """Evaluations of one protocol and split."""
    names = list(dict.fromkeys(name for entry in entries for name in entry["sets"]))
    rows = []
    for entry in entries:
        figures = [format_figure(entry["sets"].get(name, {}).get("auroc_macro")) for name in names]
        understood, interval = entry["understood"], entry["mean_ci95"]
        counted = f"{understood['num_understood']} of {understood['num_conditions']}" if understood else "-"
        bounds = " to ".join(map(format_figure, interval)) if interval else "-"
        rows.append([entry["system"], *figures, format_figure(entry["mean"]), bounds, counted])
    return _scroll(table(["system", *names, "mean", "95 % interval", "understood"], rows))


def _tell_missing(entries: Sequence[Mapping[str, Any]]) -> str:
    """Who was not tested on what."""
    return " ".join(f"{entry['system']} lacks {', '.join(entry['missing'])}." for entry in entries if entry["missing"])


def _scroll(content: str) -> str:
    """What may be wider than a phone."""
    return f'<div style="overflow-x: auto">{content}</div>'


def main(argv: Sequence[str] | None = None) -> None:
    """Read, sort, write."""
    (arguments,) = parse_arguments([LeaderboardArguments], argv, description=__doc__)
    paths = write_leaderboard(arguments.output_dir, make_leaderboard(arguments.evaluations))
    tqdm.write(closing_line(paths, "open the page"))


if __name__ == "__main__":
    run_command(main, refusals=[ValueError, OSError])
