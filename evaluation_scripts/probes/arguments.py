"""Arguments of `evaluate.py` for what is fitted on the training split of a suite."""

from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any

from evaluation_scripts.arguments import EvaluationArguments
from evaluation_scripts.suite_arguments import SuiteArguments
from modeling_supreme.command_line import CommandLineError


RANDOM, DEMOGRAPHICS, INTERVALS = "random", "demographics", "intervals"
BASELINES = (RANDOM, DEMOGRAPHICS, INTERVALS)
ALL = "all"
TRAINING_SPLIT = "train"


@dataclass
class ProbeArguments:
    """Linear probes and baselines of a suite."""

    probe: list[float] | None = field(
        default=None,
        metadata={
            "help": "Linear probe of the checkpoint's encoder with so many percent of the training labels, as in"
            " 1 10 100."
        },
    )
    probe_seeds: int = field(default=5, metadata={"help": "Draws of each share of the training labels below 100 %."})
    baselines: list[str] | None = field(
        default=None,
        metadata={
            "help": "Logistic regressions on what knows little: all, or some of random (an encoder with random"
            " weights), demographics (age and sex) and intervals (heart rate and intervals by neurokit2)."
        },
    )
    transfer: bool = field(
        default=False,
        metadata={
            "help": "Test what a probe learnt of one corpus on the findings that the others share with it by name or"
            " code."
        },
    )

    def __post_init__(self) -> None:
        """Refuse what cannot be meant.

        Raises:
            ValueError: If a share is no percentage, there is no draw, or no such baseline.
        """
        wrong = [share for share in self.probe or () if not 0 < share <= 100]
        if wrong:
            raise ValueError(f"--probe {wrong[0]:g} is no share of labels. Give percent, as in `--probe 1 10 100`.")
        if self.probe_seeds < 1:
            raise ValueError(f"--probe_seeds is {self.probe_seeds}. Give 1 or more.")
        unknown = [name for name in self.baselines or () if name not in (ALL, *BASELINES)]
        if unknown:
            raise ValueError(f"--baselines knows no {unknown[0]}. Choose among {ALL}, {', '.join(BASELINES)}.")
        if self.baselines and ALL in self.baselines:
            self.baselines = list(BASELINES)

    @property
    def is_asked_for(self) -> bool:
        """Whether anything is to be fitted."""
        return bool(self.probe or self.baselines or self.transfer)

    def describe(self) -> dict[str, Any]:
        """What the protocol of eval_results.json says of it."""
        return {name: getattr(self, name) for name in ("probe", "probe_seeds", "baselines", "transfer")}


def check_probes(arguments: EvaluationArguments, suite: SuiteArguments, probes: ProbeArguments) -> None:
    """Refuse probes of what has no suite or no checkpoint, or whose training split is tested.

    Raises:
        CommandLineError: Naming the flags.
    """
    if not probes.is_asked_for:
        return
    flag = next(name for name in ("probe", "baselines", "transfer") if getattr(probes, name))
    if suite.suite is None or suite.predictions is not None or suite.compare is not None:
        raise CommandLineError(f"--{flag} is fitted on the sets of a suite. Add `--suite` and a checkpoint.")
    if TRAINING_SPLIT in (name.strip() for name in arguments.split.split("+")):
        raise CommandLineError(
            f"--{flag} is fitted on the training split, which `--split {arguments.split}` tests. Leave"
            f" {TRAINING_SPLIT} out."
        )
    if INTERVALS in (probes.baselines or ()) and find_spec("neurokit2") is None:
        raise CommandLineError(
            "--baselines intervals measures heart rate and intervals with neurokit2, which is not installed. Install"
            " it with `pip install neurokit2`, or leave `intervals` out."
        )
