# %% [markdown]
"""
# Compare two models honestly

Which of two systems is better, and is the difference more than chance? Both are scored on the same records; their
difference gets an interval by drawing patients again and again, for both systems at once. It works for anybody's
scores: a table with a column per finding is enough, whatever made it.

Here one checkpoint answers with twelve leads and with lead I alone: how much does the lead of a watch leave of it?
"""

# %%
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from transformers import pipeline

import modeling_supreme
from datasets_scripts.simulator import simulate_record


NUM_RECORDS = 24  # some hundred for a difference of .02
FINDINGS = ["atrial fibrillation", "left bundle branch block", "myocardial infarction"]
CLONE = Path(modeling_supreme.__file__).parents[1]  # evaluate.py is used from a clone of the repository


def run(script, *words):
    """Run a script of the repository, as in a shell."""
    subprocess.run([sys.executable, str(CLONE / script), *map(str, words)], check=True)


# %% [markdown]
# The records, simulated here. Yours are a corpus or a folder; what matters is that neither system was trained on them,
# that thresholds and checkpoints were chosen on others, and that you know which of them are of one patient.

# %%
records = [simulate_record(index, seed=7, condition=(*FINDINGS, None)[index % 4]) for index in range(NUM_RECORDS)]
strips = [record.strip for record in records]

# %% [markdown]
# A system is a table: `record_id`, `patient_id`, `score_<finding>`, and the truth as `label_<finding>`.

# %%
classify = pipeline("zero-shot-ecg-classification")


def score(name, strips, leads):
    """Ask for all findings and keep the answers as a table."""
    answers = classify(strips, sampling_rate=500, leads=leads, candidate_labels=FINDINGS)
    table = pd.DataFrame([{f"score_{entry['label']}": entry["score"] for entry in answer} for answer in answers])
    table.insert(0, "record_id", [record.record_id for record in records])
    table.insert(1, "patient_id", [record.patient_id for record in records])
    for finding in FINDINGS:
        table[f"label_{finding}"] = [float(finding in record.conditions) for record in records]
    table.to_parquet(f"{name}.parquet")


score("twelve_leads", strips, list(modeling_supreme.STANDARD_LEADS))
score("lead_I", [np.ascontiguousarray(strip[:1]) for strip in strips], ["I"])

# %% [markdown]
# Each alone, with intervals. Look at the numbers of positive records before the figures.

# %%
for name in ("twelve_leads", "lead_I"):
    run("evaluate.py", "--predictions", f"{name}.parquet", "--min_positives", 1, "--output_dir", name)

# %% [markdown]
# And side by side. Two intervals that overlap say little about a difference; the interval of the difference does.

# %%
run("evaluate.py", "--compare", "twelve_leads", "lead_I", "--min_positives", 1, "--output_dir", "comparison")
comparison = json.loads(Path("comparison/comparison.json").read_text(encoding="utf-8"))
for system in comparison["systems"]:
    (result,) = system["sets"].values()
    low, high = result["difference_ci95"]
    print(
        f"{system['system']} less twelve_leads: {result['difference']:+.3f}, 95 % interval {low:+.3f} to {high:+.3f}"
    )
    print("A difference." if low > 0 or high < 0 else "No difference that these records show.")

# %% [markdown]
# Next: decide which difference would matter before you look. Say how many comparisons you made. Do not choose the
# findings by the result. `evaluate.py --suite supreme6` does the same on six published sets, and `--html page.html`
# shows it on one page.
