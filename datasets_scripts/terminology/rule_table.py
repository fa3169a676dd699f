"""The table of rules by which conditions are composed of measured findings, checked, and as checkpoints carry it.

`composed_rules.csv` has one row per alternative: the condition, the findings that make it up ("not " before those that
must be absent), and the textbook or guideline that says so. `modeling_supreme.composed_rules` evaluates them.
"""

from collections.abc import Collection
from functools import lru_cache
from pathlib import Path
from typing import Any

from modeling_supreme.composed_rules import ABSENT

from .findings import load_terminology
from .tables import LIST_SEPARATOR, read_table


RULES_PATH = Path(__file__).with_name("composed_rules.csv")


@lru_cache(maxsize=1)
def load_composed_rules() -> tuple[dict[str, Any], ...]:
    """All rules, as `SupremeConfig.composed_rules` stores them.

    Returns:
        `tuple[dict, ...]`: One entry per condition with `condition`, `names` and `alternatives`.

    Raises:
        ValueError: If the terminology does not know a condition or finding, or a row names no source.
    """
    terminology = load_terminology()
    rules: dict[str, dict[str, Any]] = {}
    for number, row in enumerate(read_table(RULES_PATH), start=2):
        findings = row["findings"].split(LIST_SEPARATOR)
        named = [row["condition"], *(text.removeprefix(ABSENT) for text in findings)]
        unknown = [name for name in named if name not in terminology]
        if unknown or not row["source"]:
            problem = f"the unknown finding {unknown[0]!r}" if unknown else "no source"
            raise ValueError(f"{RULES_PATH.name}, line {number}, has {problem}. Correct the line.")
        finding = terminology[row["condition"]]
        names = [name for name in (*finding.synonyms, finding.scp_code) if name]
        rule = rules.setdefault(finding.name, {"condition": finding.name, "names": names, "alternatives": []})
        rule["alternatives"].append({"findings": findings, "source": row["source"]})
    return tuple(rules.values())


def rules_for_checkpoint(trained_queries: Collection[str]) -> list[dict[str, Any]]:
    """The rules of which a checkpoint was trained on at least one finding; a rule can be used if it was on all.

    Args:
        trained_queries (`Collection[str]`):
            Findings that training asked for.
    """
    trained = set(trained_queries)

    def is_touched(rule: dict[str, Any]) -> bool:
        findings = (text for alternative in rule["alternatives"] for text in alternative["findings"])
        return any(text.removeprefix(ABSENT) in trained for text in findings)

    return [rule for rule in load_composed_rules() if is_touched(rule)]
