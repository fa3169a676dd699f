# %% [markdown]
"""
# Ask your own ECG files anything

Put the files of your group into a folder, write down what you want to know, and get a probability for each question
and recording. Nothing is trained, and nothing leaves this machine. WFDB, CSV, NumPy, MATLAB, EDF, BDF and ISHNE are
read as they are; HL7 aECG, SCP-ECG, DICOM, GE MUSE XML and others with `pip install ".[formats]"` in a clone.

For research only. Scores must not guide the care of a patient.
"""

# %%
from pathlib import Path

import pandas as pd
from transformers import pipeline

import modeling_supreme  # also tells transformers of the task
from datasets_scripts.ecg_folder import is_recording


FOLDER = Path("my_ecg_files")
NUM_SIMULATED = 6  # stand-ins that are made if there is no such folder

# %% [markdown]
# A question is the name of a finding, or something that numbers answer. Limits, leads and logic need no training.

# %%
QUESTIONS = [
    "atrial fibrillation",
    "left bundle branch block",
    "QRS > 120 ms",
    "ST elevation >= 1 mm in two contiguous leads",
    "heart rate > 100 and not atrial fibrillation",
]

# %% [markdown]
# No files at hand? Then a few simulated ones stand in for them.

# %%
if not FOLDER.is_dir():
    from datasets_scripts.simulator import simulate_record
    from datasets_scripts.simulator.export.wfdb_export import write_recording

    for index in range(NUM_SIMULATED):
        record = simulate_record(index, condition=("atrial fibrillation", "left bundle branch block", None)[index % 3])
        write_recording(
            FOLDER / record.record_id,
            1000 * record.strip,
            sampling_rate=500,
            leads=modeling_supreme.STANDARD_LEADS,
            units_per_mv=1000,
        )

# %% [markdown]
# The checkpoint that comes with the package answers; `model="runs/mine"` or an id of the Hub takes another.

# %%
classify = pipeline("zero-shot-ecg-classification")
files = sorted(str(path) for path in FOLDER.rglob("*") if is_recording(path))
answers = classify(files, candidate_labels=QUESTIONS, on_error="skip")
# `None` stands for a file that could not be read; the log says why
answered = {file: answer for file, answer in zip(files, answers, strict=True) if answer is not None}
scores = [{entry["label"]: entry["score"] for entry in answer} for answer in answered.values()]
table = pd.DataFrame(scores, index=[Path(file).name for file in answered])[QUESTIONS]
print(table.round(2).to_string())

# %% [markdown]
# How was a question understood, and is the finding called present? `source` says whether a trained name, a definition
# or measurements answered, and `seen` whether training named it. `present` is `None` where the checkpoint abstains.

# %%
file, answer = next(iter(answered.items()))
for entry in answer:
    print(f"{entry['score']:.2f}  present: {entry['present']}  {entry['label']}  ({entry['source']})")

# %% [markdown]
# The numbers themselves, each with its uncertainty, and the strip as a sheet with the scores beside it:

# %%
from modeling_supreme.ecg_files import read_ecg
from modeling_supreme.plotting import plot_strip


measured = classify.measure(file)
for name in ("rate_per_min", "pr_ms", "qrs_ms", "qtc_ms", "axis_deg"):
    value = measured[name]  # in atrial fibrillation there is no PR to measure, whatever its value says
    print(f"{name}: {value['value']:.0f} +- {value['sd']:.0f} {value['unit']}, measurable {value['measurable']:.0%}")

recording = read_ecg(file)
plot_strip(
    recording.strip_mv,
    sampling_rate=recording.sampling_rate,
    leads=recording.leads,
    scores=answer,
    path="strip.png",
)

# %% [markdown]
# Next: `table.to_csv("scores.csv")`; for thousands of files `supreme classify FOLDER --labels ... --csv scores.csv
# --num_proc 8`; for a corpus that is asked again and again `supreme index`. Check some answers by eye before you
# believe any: a finding that training never named may be scored by little more than "abnormal or not".
