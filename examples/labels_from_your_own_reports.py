# %% [markdown]
"""
# Labels from your own reports, on your own machine

Reports in free text become labels of findings: every distinct statement is read once, by rules or by a language model
that runs here, and brought to standard names and codes. No text leaves this machine, and none is logged.
"""

# %%
import json
import subprocess
import sys
from pathlib import Path

import pandas as pd


REPORTS = Path("reports.csv")  # with the columns record_id and report, or any table: `--record_id_column` and so on
NUM_SIMULATED = 30  # reports that are made if there is no such file
MODEL = None  # a folder or an id of the Hub, such as "Qwen/Qwen3-8B", to have a language model read, too


def run(*words):
    """Run a command with this Python, as in a shell."""
    subprocess.run([sys.executable, *map(str, words)], check=True)


# %% [markdown]
# No reports at hand? Then simulated ones stand in for them.

# %%
if not REPORTS.is_file():
    from datasets_scripts.simulator import simulate_record

    records = [simulate_record(index) for index in range(NUM_SIMULATED)]
    pd.DataFrame([{"record_id": record.record_id, "report": "\n".join(record.report)} for record in records]).to_csv(
        REPORTS, index=False
    )

# %% [markdown]
# The rules need no model, read English and the commonest wordings of eight other languages, and say of every word
# whether they understood it.

# %%
run("-m", "datasets_scripts.extraction", "--reports", REPORTS, "--backend", "rules", "--output_dir", "labels_rules")

statements = [json.loads(line) for line in Path("labels_rules/statements.jsonl").read_text("utf-8").splitlines()]
for statement in statements[:5]:
    found = [f"{entity['entity']} ({entity['certainty']})" for entity in statement["entities"]]
    print(f"{statement['statement']!r}: {', '.join(found) or 'no finding'}")
unread = [statement["statement"] for statement in statements if not statement["is_read"]]
print(f"{len(statements)} distinct statements, {len(unread)} of them with words left over")

# %% [markdown]
# How often was each finding said to be there, perhaps there, or absent? `report.html` in the same folder shows the
# same with every statement: search it, correct it, and export your corrections for `--corrections`.

# %%
findings = pd.read_csv("labels_rules/findings.csv")
print(findings[["finding", "positive", "uncertain", "negative"]].head(10).to_string(index=False))

# %% [markdown]
# A language model on this machine reads under the same schema (`pip install ".[llm]"` in a clone). What it says must
# stand in the statement; what it does not answer properly is left to the rules. `--route leftover` asks it only about
# statements of which the rules leave words over, which is the cheap way to begin. A `--dry_run` says what it would
# take.

# %%
if MODEL:
    words = ("-m", "datasets_scripts.extraction", "--reports", REPORTS, "--backend", "transformers", "--model", MODEL)
    run(*words, "--route", "leftover", "--output_dir", "labels_model")
    run("-m", "datasets_scripts.extraction.agreement", "labels_rules", "labels_model")

# %% [markdown]
# Next: look at `labels_rules/report.html` with somebody who reads ECGs. Annotate some fifty statements and score both
# readers with `python -m datasets_scripts.extraction.score`. Then train on the labels:
# `train.py ... --report_labels labels_rules/labels.parquet`. Labels that a machine has read repeat its mistakes.
