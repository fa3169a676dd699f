"""Put several evaluations side by side.

    python -m evaluation_scripts.leaderboard --evaluations O1 O2 O3 --output_dir board

`--evaluations` are folders that `evaluate.py --suite` or `evaluate.py --predictions` wrote. `--output_dir` receives
`leaderboard.json` and `leaderboard.html`, a page that needs no other file and can be hosted as it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from tqdm import tqdm

from evaluation_scripts.suites.leaderboard import make_leaderboard, write_leaderboard
from modeling_supreme.command_line import parse_arguments, run_command


@dataclass
class LeaderboardArguments:
    """What to put side by side."""

    evaluations: list[str] = field(metadata={"help": "Folders that evaluate.py wrote."})
    output_dir: str = field(metadata={"help": "Folder that receives leaderboard.json and leaderboard.html."})


def main(argv: Sequence[str] | None = None) -> None:
    """Read, sort, write."""
    (arguments,) = parse_arguments([LeaderboardArguments], argv, description=__doc__)
    paths = write_leaderboard(arguments.output_dir, make_leaderboard(arguments.evaluations))
    tqdm.write(f"Wrote {' and '.join(map(str, paths))}.")


if __name__ == "__main__":
    run_command(main, refusals=[ValueError, OSError])
