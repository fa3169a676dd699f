"""A checkpoint loads where this package is not installed, and scores the same."""

import json
import os
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from helpers.forked_python import run_forked
from transformers import AutoModel, AutoProcessor, pipeline

from modeling_supreme import STANDARD_LEADS, SupremeModel, ZeroShotEcgClassificationPipeline
from training_scripts.objectives.supervised import save_zero_shot_model


LABELS = ["atrial fibrillation", "left bundle branch block", "normal ecg"]

# Run in a process of its own: refuses to import this package, as if it were not installed.
FOREIGN_SCRIPT = '''
import importlib.abc, json, sys


class NotInstalled(importlib.abc.MetaPathFinder):
    """Hides packages, however they were installed."""

    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"modeling_supreme", "datasets_scripts", "wfdb"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


sys.meta_path.insert(0, NotInstalled())
import numpy, torch
from transformers import AutoModel, AutoProcessor, pipeline

checkpoint_dir, strips_path, output_path = sys.argv[1:]
strips, leads, labels = numpy.load(strips_path), LEADS, LABELS
model = AutoModel.from_pretrained(checkpoint_dir, trust_remote_code=True)
processor = AutoProcessor.from_pretrained(checkpoint_dir, trust_remote_code=True)
inputs = processor(list(strips), labels, sampling_rate=500, leads=leads, return_tensors="pt")
with torch.no_grad():
    logits = model(**inputs).logits_per_ecg
classify = pipeline("zero-shot-ecg-classification", model=checkpoint_dir, trust_remote_code=True)
scores = classify(list(strips), candidate_labels=labels, sampling_rate=500, leads=leads)
results = {
    "modules": [type(model).__module__, type(processor).__module__, type(classify).__module__],
    "imported": sorted({name.split(".")[0] for name in sys.modules}),
    "scores": logits.sigmoid().tolist(),
    "pipeline": [{entry["label"]: entry["score"] for entry in recording} for recording in scores],
    "config": model.config.to_dict()["ecg_config"],
    "trained_queries": model.config.trained_queries,
    "buffers": {name: value.double().sum().item() for name, value in model.named_buffers()},
}
with open(output_path, "w", encoding="utf-8") as file:
    json.dump(results, file)
'''


@pytest.fixture(scope="module")
def strips():
    """Three strips of noise, in millivolts, `(3, 12, 5000)`."""
    return np.random.default_rng(0).normal(0, 0.5, (3, 12, 5000)).cumsum(axis=-1).clip(-2, 2).astype(np.float32)


@pytest.fixture(scope="module")
def elsewhere(tiny_checkpoint_dir, strips, tmp_path_factory):
    """What a process says that has the checkpoint and transformers, but not this package."""
    folder = tmp_path_factory.mktemp("elsewhere")
    np.save(folder / "strips.npy", strips)
    script = FOREIGN_SCRIPT.replace("LEADS", repr(list(STANDARD_LEADS))).replace("LABELS", repr(LABELS))
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "HF_"))}
    run = run_forked(
        *("-c", script, tiny_checkpoint_dir, "strips.npy", "results.json"),
        cwd=folder,
        env={**environment, "HF_HOME": str(folder / "home"), "HF_HUB_OFFLINE": "1"},
    )
    assert run.returncode == 0, run.stderr
    return SimpleNamespace(folder=folder, **json.loads((folder / "results.json").read_text(encoding="utf-8")))


class TestElsewhere:
    def test_the_code_comes_from_the_checkpoint(self, elsewhere):
        assert {module.split(".")[0] for module in elsewhere.modules} == {"transformers_modules"}

    def test_this_package_is_not_there(self, elsewhere):
        assert not {"modeling_supreme", "datasets_scripts"} & set(elsewhere.imported)

    def test_the_model_gives_the_same_scores(self, elsewhere, tiny_checkpoint_dir, strips):
        model = AutoModel.from_pretrained(tiny_checkpoint_dir)
        processor = AutoProcessor.from_pretrained(tiny_checkpoint_dir)
        inputs = processor(list(strips), LABELS, sampling_rate=500, leads=STANDARD_LEADS, return_tensors="pt")

        with torch.no_grad():
            scores = model(**inputs).logits_per_ecg.sigmoid()

        np.testing.assert_allclose(elsewhere.scores, scores, atol=1e-5, rtol=0)

    def test_the_pipeline_gives_the_same_scores(self, elsewhere, tiny_checkpoint_dir, strips):
        classify = pipeline("zero-shot-ecg-classification", model=str(tiny_checkpoint_dir))

        results = classify(list(strips), candidate_labels=LABELS, sampling_rate=500, leads=STANDARD_LEADS)

        scores = [{entry["label"]: entry["score"] for entry in recording} for recording in results]
        assert [pytest.approx(recording, abs=1e-5) for recording in scores] == elsewhere.pipeline

    def test_model_and_pipeline_agree(self, elsewhere):
        from_pipeline = [[recording[label] for label in LABELS] for recording in elsewhere.pipeline]

        np.testing.assert_allclose(elsewhere.scores, from_pipeline, atol=1e-5, rtol=0)

    def test_the_scores_differ_from_strip_to_strip_and_from_label_to_label(self, elsewhere):
        scores = np.array(elsewhere.scores)

        assert np.ptp(scores, axis=0).min() > 1e-4
        assert np.ptp(scores, axis=1).min() > 1e-4

    def test_configuration_and_trained_queries_arrive(self, elsewhere, tiny_checkpoint_dir):
        config = AutoModel.from_pretrained(tiny_checkpoint_dir).config

        assert elsewhere.trained_queries == config.trained_queries
        assert elsewhere.config["num_samples"] == config.ecg_config.num_samples
        assert elsewhere.config["leads"] == list(STANDARD_LEADS)

    def test_the_buffers_arrive(self, elsewhere, tiny_checkpoint_dir):
        model = AutoModel.from_pretrained(tiny_checkpoint_dir)

        assert elsewhere.buffers == pytest.approx(
            {name: value.double().sum().item() for name, value in model.named_buffers()}
        )


def read_config(folder):
    """The configuration as a model has it that was loaded from a folder, without the folder's name."""
    return {**AutoModel.from_pretrained(folder).config.to_dict(), "_name_or_path": None}


class TestFilesOfACheckpoint:
    def test_the_checkpoint_names_its_pipeline_for_those_who_lack_the_package(self, tiny_checkpoint_dir):
        config = json.loads((tiny_checkpoint_dir / "config.json").read_text(encoding="utf-8"))

        pipelines = config["custom_pipelines"]
        assert pipelines["zero-shot-ecg-classification"]["impl"].startswith("pipeline_zero_shot_ecg.")

    @pytest.mark.parametrize("options", [{}, {"trust_remote_code": True}], ids=["plain", "trusting"])
    def test_where_the_package_is_installed_its_own_code_runs(self, tiny_checkpoint_dir, options):
        classify = pipeline("zero-shot-ecg-classification", model=str(tiny_checkpoint_dir), **options)

        assert type(classify) is ZeroShotEcgClassificationPipeline
        assert type(classify.model) is SupremeModel

    def test_the_code_travels_with_it(self, tiny_checkpoint_dir):
        files = {path.name for path in tiny_checkpoint_dir.iterdir()}

        assert {
            "configuration_supreme.py",
            "modeling_supreme.py",
            "modeling_supreme_ecg.py",
            "feature_extraction_supreme.py",
            "processing_supreme.py",
            "pipeline_zero_shot_ecg.py",
            "leads.py",
        } <= files

    def test_weights_are_safetensors_alone(self, tiny_checkpoint_dir):
        suffixes = {path.suffix for path in tiny_checkpoint_dir.iterdir()}

        assert ".safetensors" in suffixes
        assert not {".bin", ".pt", ".pkl", ".ckpt"} & suffixes

    def test_a_model_that_was_loaded_saves_the_same_checkpoint(self, tiny_checkpoint_dir, tmp_path):
        model = AutoModel.from_pretrained(tiny_checkpoint_dir)
        processor = AutoProcessor.from_pretrained(tiny_checkpoint_dir)

        save_zero_shot_model(model, processor, tmp_path)

        again, before = (
            {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix in {".py", ".safetensors"}}
            for folder in (tmp_path, tiny_checkpoint_dir)
        )
        assert again == before
        assert read_config(tmp_path) == read_config(tiny_checkpoint_dir)

    def test_training_mode_does_not_change_what_is_saved(self, tiny_model, tiny_processor, tmp_path):
        tiny_model.train()

        save_zero_shot_model(tiny_model, tiny_processor, tmp_path)

        saved = AutoModel.from_pretrained(tmp_path).state_dict()
        assert all(torch.equal(saved[name], value) for name, value in tiny_model.state_dict().items())
