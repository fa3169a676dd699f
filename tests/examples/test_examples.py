"""The examples run as they are written, on stand-ins for a reader's files, and leave what their text says."""

import os
import re
import runpy
import sys
from pathlib import Path

import pandas as pd
import pytest
from helpers.forked_python import fork_instead
from helpers.language_models import save_language_model
from helpers.repository import ROOT


EXAMPLES = ROOT / "examples"


@pytest.fixture
def run_example(tmp_path, monkeypatch, capfd):
    """A function that runs an example in an empty folder, with other settings than the first ones if wanted."""

    def run(name, **settings):
        source = (EXAMPLES / name).read_text(encoding="utf-8")
        for setting, value in settings.items():
            source, count = re.subn(rf"^{setting} = [^#\n]*", f"{setting} = {value!r}  ", source, flags=re.MULTILINE)
            assert count == 1, f"{name} sets {setting} {count} times"
        script = tmp_path / name
        script.write_text(source, encoding="utf-8")
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("PYTHONPATH", f"{ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
        monkeypatch.setattr(sys, "argv", [name])
        fork_instead(monkeypatch)
        runpy.run_path(str(script), run_name="__main__")
        return capfd.readouterr().out

    return run


@pytest.mark.slow
class TestExamples:
    def test_files_of_ones_own_are_asked_measured_and_drawn(self, run_example):
        told = run_example("zero_shot_on_your_own_files.py", NUM_SIMULATED=3)

        assert len(re.findall(r"^sim\S*\s+(?:\d\.\d+\s*){5}$", told, flags=re.MULTILINE)) == 3
        assert re.search(r"^qrs_ms: \d+ \+- \d+ ms, measurable \d+%$", told, flags=re.MULTILINE)
        assert Path("strip.png").stat().st_size > 10_000

    def test_reports_are_read_by_rules_and_by_a_local_model(self, run_example, tmp_path):
        model = save_language_model(tmp_path / "model")

        told = run_example("labels_from_your_own_reports.py", NUM_SIMULATED=6, MODEL=str(model))

        assert re.search(r"^\d+ distinct statements, \d+ of them with words left over$", told, flags=re.MULTILINE)
        assert len(pd.read_parquet("labels_rules/labels.parquet")) == 6
        assert len(pd.read_parquet("labels_model/labels.parquet")) == 6

    def test_a_folder_with_a_table_of_labels_tunes_a_classifier(self, run_example):
        told = run_example("fine_tune_on_your_own_labels.py", NUM_SIMULATED=16, MAX_TRAIN_STEPS=2)

        assert re.search(r"^\d\.\d\d  atrial fibrillation$", told, flags=re.MULTILINE)
        assert Path("my_classifier/eval_results.json").is_file()

    def test_two_models_are_compared_on_the_same_records(self, run_example):
        told = run_example("compare_two_models_honestly.py", NUM_RECORDS=8)

        assert re.search(r"^lead_I less twelve_leads: [+-]\d\.\d{3}, 95 % interval", told, flags=re.MULTILINE)
        assert Path("comparison/comparison.json").is_file()

    def test_a_long_recording_has_episodes_and_a_picture(self, run_example):
        told = run_example("read_a_holter.py", NUM_SIMULATED_STRIPS=6)

        assert re.search(r"^atrial fibrillation: highest score \d\.\d\d at \d+ s$", told, flags=re.MULTILINE)
        assert Path("timeline.png").stat().st_size > 10_000
