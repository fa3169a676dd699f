"""`supreme export`: a folder that answers as the checkpoint does, to 1e-4, whole or not at all."""

import hashlib
import json
import re
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.tiny_models import TINY_MEASUREMENTS
from transformers import AutoModel, AutoTokenizer

from modeling_supreme.export import export_checkpoint
from modeling_supreme.export import formats as export_formats
from modeling_supreme.export.agreement import DisagreementError, compare
from modeling_supreme.export.formats import PACKAGES, check_packages, nan_median
from modeling_supreme.export.int8 import quantize
from modeling_supreme.export.strips import draw_strips
from modeling_supreme.supreme_command.main import main


QUERIES = ["atrial fibrillation", "normal ecg", "sinus rhythm"]


def need(name):
    """Skip, and say why, where the libraries of a format are missing."""
    for package in PACKAGES[name]:
        pytest.importorskip(package, reason=f"{package} is not installed: pip install '.[export]'")


@pytest.fixture(scope="module")
def checkpoint_dir(make_checkpoint):
    """A tiny model that scores and measures."""
    return make_checkpoint("vit", trained_queries=QUERIES, measurements=list(TINY_MEASUREMENTS))


@pytest.fixture(scope="module")
def onnx_dir(checkpoint_dir, tmp_path_factory):
    """It as ONNX, by the command."""
    need("onnx")
    folder = tmp_path_factory.mktemp("exported") / "onnx"
    main(["export", "--model", str(checkpoint_dir), "--format", "onnx", "--output", str(folder)])
    return folder


@pytest.fixture(scope="module")
def torchscript(checkpoint_dir, tmp_path_factory):
    """It as TorchScript, which takes no other library."""
    return export_checkpoint(str(checkpoint_dir), tmp_path_factory.mktemp("ts") / "out", format="torchscript")


def open_onnx(path):
    import onnxruntime

    return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])


def make_inputs(num_strips, num_samples, num_queries):
    """Strips without their last three leads, and some queries."""
    signal = draw_strips(num_strips, 12, num_samples, rate_hz=100, seed=11)
    lead_mask = torch.ones(num_strips, 12, dtype=torch.bool)
    lead_mask[:, 9:] = False
    return {
        "signal": signal,
        "lead_mask": lead_mask,
        "sample_mask": torch.ones(num_strips, num_samples, dtype=torch.bool),
        "recorded_mask": torch.ones(num_strips, 12, num_samples, dtype=torch.bool),
        "query_embeds": torch.randn(num_queries, 32, generator=torch.Generator().manual_seed(0)),
    }


class TestAnswers:
    @pytest.mark.slow
    @pytest.mark.parametrize(("num_strips", "num_samples", "num_queries"), [(1, 1000, 1), (3, 617, 20), (2, 1000, 4)])
    def test_onnx_scores_and_measures_as_the_model(
        self, checkpoint_dir, onnx_dir, num_strips, num_samples, num_queries
    ):
        model = AutoModel.from_pretrained(checkpoint_dir)
        inputs = make_inputs(num_strips, num_samples, num_queries)

        logits, value, sd, measurable = open_onnx(onnx_dir / "ecg.onnx").run(
            None, {name: each.numpy() for name, each in inputs.items()}
        )

        with torch.inference_mode():
            wanted = model(**inputs)
        np.testing.assert_allclose(logits, wanted.logits_per_ecg, atol=1e-4)
        np.testing.assert_allclose(value, wanted.measurements.value, rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(sd, wanted.measurements.sd, rtol=1e-4)
        np.testing.assert_allclose(measurable, wanted.measurements.measurable, atol=1e-4)

    @pytest.mark.slow
    def test_the_text_tower_embeds_any_number_of_queries_of_any_length(self, checkpoint_dir, onnx_dir):
        model, tokenizer = (kind.from_pretrained(checkpoint_dir) for kind in (AutoModel, AutoTokenizer))
        words = tokenizer([*QUERIES, "a left bundle branch block"], padding=True, return_tensors="pt")
        inputs = {name: words[name] for name in ("input_ids", "attention_mask")}

        (embeds,) = open_onnx(onnx_dir / "text.onnx").run(None, {name: each.numpy() for name, each in inputs.items()})

        with torch.inference_mode():
            np.testing.assert_allclose(embeds, model.get_query_embeds(**inputs), atol=1e-4)

    @pytest.mark.slow
    def test_the_code_of_the_page_runs_where_the_folder_is(self, onnx_dir, monkeypatch, capsys):
        (code,) = re.findall("```python\n(.*?)```", (onnx_dir / "README.md").read_text(encoding="utf-8"), re.DOTALL)
        np.save(onnx_dir / "strip.npy", 0.2 * draw_strips(1, 12, 800, rate_hz=100, seed=3)[0].numpy())
        monkeypatch.chdir(onnx_dir)

        exec(compile(code, "README.md", "exec"), {})

        printed = capsys.readouterr().out.splitlines()
        assert len(code.splitlines()) <= 15
        assert [line.split("  ")[1] for line in printed] == QUERIES

    def test_torchscript_answers_without_this_package(self, torchscript):
        inputs = make_inputs(2, 700, 3)

        with pytest.warns(DeprecationWarning, match="deprecated"):
            module = torch.jit.load(torchscript.folder / "ecg.pt")
        logits = module(*inputs.values())[0]

        assert logits.shape == (2, 3)
        assert max(torchscript.manifest["parts"]["ecg"]["largest_difference_from_torch"].values()) <= 1e-4

    @pytest.mark.slow
    def test_openvino_answers_as_the_model(self, checkpoint_dir, tmp_path):
        need("openvino")

        done = export_checkpoint(str(checkpoint_dir), tmp_path / "out", format="openvino")

        assert {"ecg.xml", "ecg.bin", "text.xml", "text.bin"} <= {path.name for path in done.folder.iterdir()}
        assert max(done.manifest["parts"]["ecg"]["largest_difference_from_torch"].values()) <= 1e-4

    @pytest.mark.slow
    def test_a_head_that_finds_beats_is_exported_too(self, make_checkpoint, tmp_path):
        need("onnx")
        folder = make_checkpoint("hybrid", measurements=list(TINY_MEASUREMENTS), measurement_head="beats")

        done = export_checkpoint(str(folder), tmp_path / "out")

        assert max(done.manifest["parts"]["ecg"]["largest_difference_from_torch"].values()) <= 1e-4
        assert not (done.folder / "query_embeds.npy").exists()

    @pytest.mark.slow
    def test_weights_in_eight_bits_are_smaller_and_answer_nearly_the_same(self, onnx_dir, tmp_path):
        shutil.copy(onnx_dir / "ecg.onnx", tmp_path / "ecg.onnx")
        inputs = {name: each.numpy() for name, each in make_inputs(2, 1000, 5).items()}

        quantize(tmp_path / "ecg.onnx")

        exact, rough = (open_onnx(folder / "ecg.onnx").run(None, inputs)[0] for folder in (onnx_dir, tmp_path))
        assert (tmp_path / "ecg.onnx").stat().st_size < (onnx_dir / "ecg.onnx").stat().st_size
        assert 0 < np.abs(exact - rough).max() < 0.5
        assert [path.name for path in tmp_path.iterdir()] == ["ecg.onnx"]


class TestManifest:
    def test_it_says_what_goes_in_and_comes_out(self, torchscript):
        manifest = json.loads((torchscript.folder / "manifest.json").read_text(encoding="utf-8"))

        inputs = {each["name"]: (each["dtype"], each["shape"]) for each in manifest["parts"]["ecg"]["inputs"]}
        assert inputs == {
            "signal": ("float32", ["batch", 12, "num_samples"]),
            "lead_mask": ("bool", ["batch", 12]),
            "sample_mask": ("bool", ["batch", "num_samples"]),
            "recorded_mask": ("bool", ["batch", 12, "num_samples"]),
            "query_embeds": ("float32", ["num_queries", 32]),
        }
        assert [each["name"] for each in manifest["parts"]["ecg"]["outputs"]] == [
            "logits",
            "value",
            "sd",
            "measurable",
        ]
        assert manifest["parts"]["ecg"]["bounds"]["num_samples"] == [100, 1000]

    def test_it_says_how_a_strip_is_prepared_and_what_was_trained(self, torchscript):
        manifest = torchscript.manifest

        assert manifest["preparation"]["sampling_rate"] == 100
        assert manifest["preparation"]["scale_mv"] == 0.2
        assert manifest["preparation"]["leads"][:2] == ["I", "II"]
        assert manifest["trained_queries"] == QUERIES
        assert manifest["measurements"][2] == {"key": "qrs_ms", "unit": "ms"}
        assert np.load(torchscript.folder / "query_embeds.npy").shape == (3, 32)

    def test_its_checksums_are_those_of_the_files(self, torchscript):
        content = (torchscript.folder / "ecg.pt").read_bytes()

        assert torchscript.manifest["parts"]["ecg"]["sha256"] == {"ecg.pt": hashlib.sha256(content).hexdigest()}


class TestRefusals:
    def test_a_file_that_answers_otherwise_is_refused_and_nothing_is_left(self, checkpoint_dir, tmp_path, monkeypatch):
        opened = export_formats.open_part

        def open_crooked(path, axes, **options):
            runner = opened(path, axes, **options)
            return lambda inputs: [each + np.float32(0.01) for each in runner(inputs)]

        monkeypatch.setattr(export_formats, "open_part", open_crooked)

        with pytest.raises(
            DisagreementError, match=r"'ecg' differs from torch: \w+ by up to 0\.01.*Nothing was written"
        ):
            export_checkpoint(str(checkpoint_dir), tmp_path / "out", format="torchscript")
        assert list(tmp_path.iterdir()) == []

    def test_a_folder_that_holds_something_is_refused(self, tmp_path):
        (tmp_path / "notes.txt").write_text("mine", encoding="utf-8")

        with pytest.raises(ValueError, match=r"`--output` .* is not empty\. Choose another folder"):
            export_checkpoint("anything", tmp_path)

    @pytest.mark.parametrize("name", ["openvino", "torchscript"])
    def test_eight_bits_are_for_onnx(self, name, tmp_path):
        with pytest.raises(ValueError, match=rf"`--int8` does not go with `--format {name}`.*nncf.*--format onnx"):
            export_checkpoint("anything", tmp_path / "out", format=name, int8=True)

    def test_a_missing_library_is_named_with_what_installs_it(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "onnxruntime", None)
        monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "onnxruntime" else name)

        with pytest.raises(ImportError, match=r"needs onnxruntime, not installed here: `pip install onnxruntime`"):
            check_packages("onnx")

    def test_another_kind_of_model_is_refused(self, tmp_path):
        class Classify:
            model = torch.nn.Linear(1, 1)

        with pytest.raises(ValueError, match="The checkpoint is a Linear, and `SupremeModel` is what can be exported"):
            export_checkpoint(Classify(), tmp_path / "out", format="torchscript")


class TestArithmetic:
    @pytest.mark.parametrize("keepdim", [True, False])
    def test_the_median_by_sorting_is_that_of_torch(self, keepdim):
        values = torch.randn(7, 6, generator=torch.Generator().manual_seed(0))
        values[2, 1:] = torch.nan
        values[3] = torch.nan

        found = nan_median(values, -1, keepdim)[0]

        torch.testing.assert_close(found, values.nanmedian(-1, keepdim).values, rtol=0, atol=0, equal_nan=True)

    def test_a_turn_of_an_angle_is_no_difference(self):
        ours, theirs = (np.array([[0.0, 180.0]]), np.array([[0.0, -180.0]]))

        assert compare([ours], [theirs], ["value"], circular=[1]) == {"value": 0.0}
        assert compare([ours], [theirs], ["value"]) == {"value": 2.0}

    def test_a_nan_is_a_difference(self):
        assert compare([np.array([1.0])], [np.array([np.nan])], ["sd"]) == {"sd": np.inf}


def test_the_example_of_the_documentation_is_that_of_the_page():
    from modeling_supreme.export.page import CODE

    text = (Path(__file__).parents[3] / "docs" / "export.md").read_text(encoding="utf-8")
    (block,) = re.findall("```python\n.*?```", text, re.DOTALL)
    assert [line for line in block.splitlines() if line] == [line for line in CODE.splitlines() if line]
