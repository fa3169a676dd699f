# %% [markdown]
"""
# Read a Holter

A recording of any length, window by window: when is a finding seen, how long, and how much of the recording could be
read at all?
"""

# %%
from pathlib import Path

import numpy as np
from transformers import pipeline

import modeling_supreme
from modeling_supreme.plotting import plot_timeline


HOLTER = Path("holter.hea")
NUM_SIMULATED_STRIPS = 12  # of ten seconds, if there is no such file
QUESTIONS = ["atrial fibrillation", "heart rate > 100"]

# %% [markdown]
# No recording at hand? Then two minutes are simulated, with atrial fibrillation in the middle third and ten
# seconds without a signal.

# %%
if not HOLTER.is_file():
    from datasets_scripts.simulator import simulate_record
    from datasets_scripts.simulator.export.wfdb_export import write_recording

    third = NUM_SIMULATED_STRIPS // 3
    rhythms = ["sinus rhythm"] * third + ["atrial fibrillation"] * third + ["sinus rhythm"] * third
    strips = [simulate_record(index, condition=rhythm).strip for index, rhythm in enumerate(rhythms)]
    strips[1] = np.zeros_like(strips[1])
    write_recording(
        HOLTER.with_suffix(""),
        1000 * np.concatenate(strips, axis=1),
        sampling_rate=500,
        leads=modeling_supreme.STANDARD_LEADS,
        units_per_mv=1000,
    )

# %% [markdown]
# `aggregate="timeline"` answers for every window of ten seconds. A window in which nothing was recorded has no score.

# %%
classify = pipeline("zero-shot-ecg-classification")
answers = classify(str(HOLTER), candidate_labels=QUESTIONS, aggregate="timeline", threshold=0.5)
for answer in answers:
    print(f"\n{answer['label']}: highest score {answer['score']:.2f} at {answer['at_s']:.0f} s")
    for episode in answer["episodes"]:
        print(f"  from {episode['start_s']:.0f} to {episode['end_s']:.0f} s, up to {episode['max_score']:.2f}")

# %% [markdown]
# The trend of the heart rate, and all of it as a picture. What was not recorded is hatched.

# %%
rate = classify.measure(str(HOLTER), aggregate="timeline")["rate_per_min"]
print([None if value is None else round(value) for value in rate["timeline"]])
plot_timeline(answers, rate=rate, title=HOLTER.name, path="timeline.png")

# %% [markdown]
# The highest of 8,640 scores of a day is not the probability that the day shows the finding: a threshold that is right
# in 99 of 100 strips is wrong 86 times a day. Ask for episodes of several windows, look at the strips at `at_s`, and
# choose the threshold on recordings of your own. From the shell:
# `supreme classify holter.hea --labels "atrial fibrillation" --aggregate timeline --plot sheets`.
