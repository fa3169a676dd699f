"""Draw a simulated strip.

python -m datasets_scripts.simulator --condition "left bundle branch block" --seed 3 --output strip.png
"""

import argparse
from collections.abc import Sequence

from datasets_scripts.schema import SAMPLING_RATE
from datasets_scripts.simulator.record import SimulatedRecord, SimulatorSettings, simulate_record
from modeling_supreme.leads import STANDARD_LEADS
from modeling_supreme.plotting import plot_strip


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m datasets_scripts.simulator",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--condition", help="Condition the strip must show; any record of the corpus otherwise.")
    parser.add_argument("--seed", type=int, default=0, help="Seed of the random numbers.")
    parser.add_argument("--record_index", type=int, default=0, help="Number of the record in the corpus of this seed.")
    parser.add_argument(
        "--noise_scale", type=float, default=1.0, help="Noise relative to that of the corpus; 0: none."
    )
    parser.add_argument("--no_comorbidity", action="store_true", help="Show the condition alone.")
    parser.add_argument("--output", required=True, help="Image to write, such as strip.png.")
    return parser.parse_args(arguments)


def make_title(record: SimulatedRecord) -> str:
    """Who the record belongs to and what its report says, in one line."""
    return f"{record.record_id}, {record.sex}, {record.age:.0f} years: {'; '.join(record.report)}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Simulate one record and draw it."""
    options = parse_arguments(arguments)
    record = simulate_record(
        options.record_index,
        seed=options.seed,
        condition=options.condition,
        settings=SimulatorSettings(noise_scale=options.noise_scale, has_comorbidity=not options.no_comorbidity),
    )
    plot_strip(
        record.strip,
        sampling_rate=SAMPLING_RATE,
        leads=STANDARD_LEADS,
        title=make_title(record),
        path=options.output,
    )


if __name__ == "__main__":
    main()
