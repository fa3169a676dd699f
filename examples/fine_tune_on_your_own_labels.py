# %% [markdown]
"""
# Fine-tune on your own labels: a folder and a CSV

A folder of ECG files with a `metadata.csv` is a corpus. Here the encoder of the checkpoint in the package learns the
labels of your group; the checkpoint is chosen on the validation records, and the test records are read once.
"""

# %%
import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
from transformers import AutoFeatureExtractor, AutoModelForSequenceClassification

import modeling_supreme
from modeling_supreme.ecg_files import read_ecg


FOLDER = Path("my_labelled_files")
NUM_SIMULATED = 40  # stand-ins that are made if there is no such folder
MAX_TRAIN_STEPS = 15  # a few hundred for a corpus of some thousand records
CLONE = Path(modeling_supreme.__file__).parents[1]  # train.py is used from a clone of the repository

# %% [markdown]
# `metadata.csv` has a line for each file. `labels` are names of your own with `;` between them; an empty cell means
# that nothing is known, `none` that the record has none of them. `patient_id` keeps the recordings of one patient on
# one side of the split: leave it out and your test figures are too good. Columns `split` (train, validation, test),
# `age`, `sex` and `report` may follow.
#
# No files at hand? Then simulated ones stand in for them.

# %%
LABELS = ("atrial fibrillation", "left bundle branch block", "myocardial infarction")

if not FOLDER.is_dir():
    from datasets_scripts.simulator import simulate_record
    from datasets_scripts.simulator.export.wfdb_export import write_recording

    lines = []
    for index in range(NUM_SIMULATED):
        record = simulate_record(index, condition=(*LABELS, None)[index % 4])
        write_recording(
            FOLDER / record.record_id,
            1000 * record.strip,
            sampling_rate=500,
            leads=modeling_supreme.STANDARD_LEADS,
            units_per_mv=1000,
        )
        present = [label for label in LABELS if label in record.conditions]
        lines.append(
            {
                "file_name": f"{record.record_id}.hea",
                "patient_id": record.patient_id,
                "labels": ";".join(present) or "none",
                "split": ("train", "train", "validation", "test")[index // 4 % 4],
            }
        )
    pd.DataFrame(lines).to_csv(FOLDER / "metadata.csv", index=False)

print(pd.read_csv(FOLDER / "metadata.csv").head().to_string())

# %% [markdown]
# `--freeze_encoder` would train the last layer alone, a linear probe: the better choice for a few dozen records.
# Without `--model_name_or_path` the encoder begins with random weights. That is the control: what the pretrained
# encoder is worth is the difference between the two.

# %%
words = [
    *("--objective", "classification", "--model_name_or_path", modeling_supreme.default_checkpoint()),
    *("--dataset_name", "ecg_folder", "--data_dir", FOLDER, "--min_positives", 1),
    *("--max_train_steps", MAX_TRAIN_STEPS, "--per_device_train_batch_size", 8, "--learning_rate", 2e-4),
    *("--output_dir", "my_classifier", "--overwrite_output_dir"),
]
subprocess.run([sys.executable, str(CLONE / "train.py"), *map(str, words)], check=True)

# %% [markdown]
# The figures of the test records, with intervals. Ten test records say next to nothing, and their intervals say so.

# %%
results = json.loads(Path("my_classifier/eval_results.json").read_text(encoding="utf-8"))
(result,) = results["results"].values()
table = pd.DataFrame(result["conditions"])
print(table[["label", "num_positives", "auroc", "auroc_ci95"]].to_string(index=False))

# %% [markdown]
# One file:

# %%
model = AutoModelForSequenceClassification.from_pretrained("my_classifier")
extractor = AutoFeatureExtractor.from_pretrained("my_classifier")
recording = read_ecg(next(FOLDER.rglob("*.hea")))
inputs = extractor(
    recording.strip_mv, sampling_rate=recording.sampling_rate, leads=recording.leads, return_tensors="pt"
)
probabilities = model(**inputs).logits.sigmoid()[0]
for index, name in model.config.id2label.items():
    print(f"{probabilities[index].item():.2f}  {name}")

# %% [markdown]
# Next: more records before more steps. Repeat with another `--seed`, and without `--model_name_or_path`. To ask the
# tuned encoder in words again, train with `--objective zero_shot` instead, which keeps its queries.
