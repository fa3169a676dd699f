"""A checkpoint that is damaged or made to harm is refused in words: nothing runs, nothing is answered at random."""

import json
import os
import pickle
import shutil
import time

import numpy as np
import pytest
import torch
from helpers.forked_python import run_forked
from huggingface_hub.errors import StrictDataclassError
from safetensors.torch import load_file, save_file
from transformers import AutoModel, AutoModelForSequenceClassification, pipeline

from modeling_supreme import STANDARD_LEADS, SupremeEcgModel, SupremeForEcgClassification, SupremeModel
from modeling_supreme.checkpoints import CheckpointError, check_logits, load_text_encoder


WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"
LABELS = {0: "atrial fibrillation", 1: "normal ecg"}


class Bomb:
    """Leaves a file where it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


@pytest.fixture
def folder(tiny_checkpoint_dir, tmp_path):
    """A copy of a checkpoint, to be damaged."""
    return shutil.copytree(tiny_checkpoint_dir, tmp_path / "checkpoint")


@pytest.fixture
def strip():
    """Noise on 12 leads, 10 s at 100 Hz, in millivolts."""
    return np.random.default_rng(0).normal(0, 0.5, (12, 1000)).astype(np.float32)


def change_weights(folder, change):
    tensors = load_file(folder / WEIGHTS)
    change(tensors)
    save_file(tensors, folder / WEIGHTS, {"format": "pt"})


def change_config(folder, **fields):
    """Set fields of config.json; "text_config__vocab_size" is a field of a part."""
    config = json.loads((folder / "config.json").read_text())
    for name, value in fields.items():
        *parts, last = name.split("__")
        target = config
        for part in parts:
            target = target[part]
        target[last] = value
    (folder / "config.json").write_text(json.dumps(config))


def write_index(folder, shard, *, source=None, metadata=True):
    """An index that takes every tensor from one file."""
    names = list(load_file(folder / WEIGHTS))
    if source is not None:
        (folder / WEIGHTS).rename(source)
    (folder / WEIGHTS).unlink(missing_ok=True)
    index = {"metadata": {"total_size": 1}, "weight_map": dict.fromkeys(names, shard)}
    (folder / INDEX).write_text(json.dumps(index if metadata else {"weight_map": index["weight_map"]}))


def save_as_pickle(folder, name="pytorch_model.bin"):
    torch.save(load_file(folder / WEIGHTS), folder / name)
    (folder / WEIGHTS).unlink()


def header(length, text=b"{}"):
    return length.to_bytes(8, "little") + text


class TestPickles:
    @pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "model.pkl", "weights.ckpt"])
    def test_a_folder_with_a_pickle_alone_is_refused_with_the_way_to_convert_it(self, folder, name):
        save_as_pickle(folder, name)

        with pytest.raises(CheckpointError, match=rf"has no model.safetensors, only {name}.*save_pretrained"):
            AutoModel.from_pretrained(folder)

    def test_the_pipeline_says_the_same(self, folder):
        save_as_pickle(folder)

        with pytest.raises(ValueError, match=r"only pytorch_model.bin: a pickle, which can run code"):
            pipeline("zero-shot-ecg-classification", model=str(folder))

    @pytest.mark.parametrize("options", [{"use_safetensors": False}, {"gguf_file": "model.gguf"}])
    def test_whoever_asks_for_something_else_is_refused(self, folder, options):
        with pytest.raises(CheckpointError, match=r"what is no safetensors.*leave them out"):
            SupremeModel.from_pretrained(folder, **options)

    def test_a_pickle_given_by_its_path_is_refused(self, folder):
        config = SupremeModel.from_pretrained(folder).config
        save_as_pickle(folder)

        with pytest.raises(CheckpointError, match=r"pytorch_model.bin is no safetensors file"):
            SupremeModel.from_pretrained(folder / "pytorch_model.bin", config=config)

    def test_a_pickle_under_the_name_of_safetensors_does_not_run(self, folder, tmp_path):
        (folder / WEIGHTS).write_bytes(pickle.dumps(Bomb(tmp_path / "ran")))

        with pytest.raises(CheckpointError, match=r"model.safetensors is no safetensors file.*copy it again"):
            AutoModel.from_pretrained(folder)
        assert not (tmp_path / "ran").exists()

    def test_a_pickle_that_the_configuration_names_is_refused(self, folder):
        save_as_pickle(folder, "adapter_model.bin")
        change_config(folder, transformers_weights="adapter_model.bin")

        with pytest.raises(StrictDataclassError, match=r"`transformers_weights` is 'adapter_model.bin'"):
            AutoModel.from_pretrained(folder)

    def test_a_pickle_that_an_index_names_is_refused(self, folder):
        save_as_pickle(folder, "shard.bin")
        (folder / INDEX).write_text(
            json.dumps({"metadata": {}, "weight_map": {"fusion.classifier.bias": "shard.bin"}})
        )

        with pytest.raises(CheckpointError, match=r"index.json points to 'shard.bin', which is no safetensors"):
            AutoModel.from_pretrained(folder)

    def test_a_pickle_beside_safetensors_is_left_alone(self, folder, tmp_path):
        (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Bomb(tmp_path / "ran")))

        AutoModel.from_pretrained(folder)

        assert not (tmp_path / "ran").exists()

    def test_an_adapter_alone_is_refused(self, folder):
        (folder / WEIGHTS).unlink()
        (folder / "adapter_config.json").write_text("{}")

        with pytest.raises(CheckpointError, match=r"only an adapter.*load_adapter"):
            SupremeModel.from_pretrained(folder)

    def test_no_weights_at_all_are_refused(self, folder):
        (folder / WEIGHTS).unlink()

        with pytest.raises(CheckpointError, match=r"the weights are missing.*whole checkpoint"):
            AutoModel.from_pretrained(folder)

    def test_a_text_encoder_with_a_pickle_alone_is_refused(self, text_encoder_dir, tmp_path):
        folder = shutil.copytree(text_encoder_dir, tmp_path / "encoder")
        save_as_pickle(folder)

        with pytest.raises(CheckpointError, match=r"only pytorch_model.bin"):
            load_text_encoder(str(folder))


class TestFiles:
    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (header(2**31), "header too large"),
            (header(99 * 10**6), "invalid header length"),
            (header(2**63), "header too large"),
            (header(8, b"not json"), "no safetensors file"),
            (b"", "no safetensors file"),
            (b"\x00" * 100, "no safetensors file"),
            (b"version https://git-lfs.github.com/spec/v1\n", "no safetensors file"),
        ],
    )
    def test_a_file_that_is_none_fails_fast(self, folder, content, message):
        (folder / WEIGHTS).write_bytes(content)
        started = time.perf_counter()

        with pytest.raises(CheckpointError, match=rf"model.safetensors is no safetensors file.*{message}|{message}"):
            SupremeModel.from_pretrained(folder)
        assert time.perf_counter() - started < 5

    def test_a_file_that_was_cut_off_is_refused(self, folder):
        (folder / WEIGHTS).write_bytes((folder / WEIGHTS).read_bytes()[:-100])

        with pytest.raises(CheckpointError, match=r"not all of it.*Download or copy it again"):
            AutoModel.from_pretrained(folder)

    def test_a_folder_in_the_place_of_weights_is_refused(self, folder):
        (folder / WEIGHTS).unlink()
        (folder / WEIGHTS).mkdir()

        with pytest.raises(CheckpointError, match=r"model.safetensors is no file"):
            AutoModel.from_pretrained(folder)

    @pytest.mark.parametrize(
        "shard",
        ["../stolen.safetensors", "/etc/stolen.safetensors", "a/../../stolen.safetensors", "C:\\s.safetensors"],
    )
    def test_an_index_that_points_out_of_its_folder_is_refused(self, folder, tmp_path, shard):
        write_index(folder, shard, source=tmp_path / "stolen.safetensors")

        with pytest.raises(CheckpointError, match=r"index.json points to .*outside of the folder"):
            AutoModel.from_pretrained(folder)

    @pytest.mark.parametrize("shard", [5, None, ["model.safetensors"], {"a": 1}])
    def test_an_index_of_something_else_is_refused(self, folder, shard):
        (folder / WEIGHTS).unlink()
        (folder / INDEX).write_text(json.dumps({"metadata": {}, "weight_map": {"fusion.classifier.bias": shard}}))

        with pytest.raises(CheckpointError, match=r"index.json"):
            AutoModel.from_pretrained(folder)

    @pytest.mark.parametrize("text", ["", "[]", "{}", '{"weight_map": 5}', '{"weight_map": {}}', "[" * 100_000])
    def test_an_index_that_is_none_is_refused(self, folder, text):
        (folder / WEIGHTS).unlink()
        (folder / INDEX).write_text(text)

        with pytest.raises(CheckpointError, match=r"index.json is no index of weights"):
            AutoModel.from_pretrained(folder)

    def test_a_shard_that_is_missing_is_named(self, folder):
        write_index(folder, "model-00001-of-00001.safetensors")

        with pytest.raises(CheckpointError, match=r"lists model-00001-of-00001.safetensors, which is missing"):
            AutoModel.from_pretrained(folder)

    @pytest.mark.parametrize("name", [WEIGHTS, "model-00001-of-00001.safetensors"])
    def test_a_link_out_of_the_folder_is_refused(self, folder, tmp_path, name):
        write_index(folder, name, source=tmp_path / "other.safetensors")
        (folder / name).symlink_to(tmp_path / "other.safetensors")

        with pytest.raises(CheckpointError, match=r"is a link to .*other.safetensors, outside of the folder"):
            AutoModel.from_pretrained(folder)

    def test_the_cache_of_the_hub_which_is_made_of_links_loads(self, folder, tmp_path):
        blobs = tmp_path / "models--group--model" / "blobs"
        snapshot = tmp_path / "models--group--model" / "snapshots" / "0123"
        blobs.mkdir(parents=True)
        snapshot.mkdir(parents=True)
        for path in folder.iterdir():
            path.rename(blobs / path.name)
            (snapshot / path.name).symlink_to(f"../../blobs/{path.name}")

        assert type(AutoModel.from_pretrained(snapshot)) is SupremeModel

    def test_shards_load(self, folder, tiny_checkpoint_dir):
        shutil.rmtree(folder)
        whole = AutoModel.from_pretrained(tiny_checkpoint_dir)
        whole.save_pretrained(folder, max_shard_size="20KB")

        loaded = AutoModel.from_pretrained(folder)

        assert (folder / INDEX).is_file()
        assert all(torch.equal(value, whole.state_dict()[name]) for name, value in loaded.state_dict().items())


class TestTensors:
    @pytest.mark.parametrize(
        "name", ["fusion.classifier.weight", "text_model.embeddings.word_embeddings.weight", "fusion.layer_norm.bias"]
    )
    def test_a_missing_tensor_is_named(self, folder, name):
        change_weights(folder, lambda tensors: tensors.pop(name))

        with pytest.raises(
            CheckpointError, match=rf"lack tensors of the model \({name}\).*Download the checkpoint again"
        ):
            AutoModel.from_pretrained(folder)

    def test_of_many_missing_tensors_the_first_are_named_and_all_counted(self, folder):
        num_fusion = sum(name.startswith("fusion.") for name in load_file(folder / WEIGHTS))
        change_weights(
            folder, lambda tensors: [tensors.pop(name) for name in [*tensors] if name.startswith("fusion.")]
        )

        with pytest.raises(CheckpointError, match=rf"fusion.classifier.bias, .* and {num_fusion - 3} more"):
            AutoModel.from_pretrained(folder)

    def test_the_pipeline_does_not_answer_with_random_numbers(self, folder):
        change_weights(folder, lambda tensors: tensors.pop("fusion.classifier.weight"))

        with pytest.raises(ValueError, match=r"lack tensors of the model \(fusion.classifier.weight\)"):
            pipeline("zero-shot-ecg-classification", model=str(folder))

    def test_a_tensor_without_a_place_is_named(self, folder):
        change_weights(folder, lambda tensors: tensors.update(extra=torch.zeros(3)))

        with pytest.raises(CheckpointError, match=r"that the model has no place for \(extra\)"):
            AutoModel.from_pretrained(folder)

    @pytest.mark.parametrize("field", ["num_fusion_layers", "text_config__num_hidden_layers"])
    def test_a_configuration_that_leaves_layers_out_is_refused(self, folder, field):
        change_config(folder, **{field: 1})

        with pytest.raises(CheckpointError, match=r"has? tensors that the model has no place for|no place for"):
            AutoModel.from_pretrained(folder)

    def test_a_configuration_that_adds_layers_is_refused(self, folder):
        change_config(folder, num_fusion_layers=3)

        with pytest.raises(CheckpointError, match=r"lack tensors of the model \(fusion.layers.2"):
            AutoModel.from_pretrained(folder)

    def test_swapped_shapes_are_named(self, folder):
        change_weights(folder, lambda tensors: tensors.update({"fusion.classifier.weight": torch.zeros(16, 1)}))

        with pytest.raises(CheckpointError, match=r"fusion.classifier.weight \(16, 1\) instead of \(1, 16\)"):
            AutoModel.from_pretrained(folder)

    def test_a_configuration_of_far_more_parameters_than_the_weights_asks_for_no_memory(self, folder):
        change_config(folder, fusion_hidden_size=20_000, fusion_intermediate_size=40_000, num_fusion_layers=4)

        with pytest.raises(CheckpointError, match=r"describes \d+,\d+,\d+,\d+ parameters, the weights hold"):
            AutoModel.from_pretrained(folder)

    @pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
    def test_weights_that_are_not_finite_are_named(self, folder, value):
        change_weights(folder, lambda tensors: tensors["fusion.classifier.bias"].fill_(value))

        with pytest.raises(CheckpointError, match=r"NaN or infinity \(fusion.classifier.bias\).*earlier checkpoint"):
            AutoModel.from_pretrained(folder)

    @pytest.mark.parametrize("dtype", [torch.int8, torch.uint8, torch.int64, torch.float8_e4m3fn, torch.float8_e5m2])
    def test_numbers_without_their_scale_are_refused(self, folder, dtype):
        name = "fusion.classifier.weight"
        change_weights(folder, lambda tensors: tensors.update({name: tensors[name].to(dtype)}))

        with pytest.raises(CheckpointError, match=rf"{name} \(\w+\) should be floats of 16 bits"):
            AutoModel.from_pretrained(folder)

    @pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
    def test_floats_of_another_width_load(self, folder, dtype):
        name = "fusion.classifier.weight"
        change_weights(folder, lambda tensors: tensors.update({name: tensors[name].to(dtype)}))

        assert AutoModel.from_pretrained(folder).fusion.classifier.weight.dtype == torch.float32

    def test_a_part_is_loaded_on_purpose_alone(self, folder):
        change_weights(folder, lambda tensors: tensors.pop("fusion.classifier.weight"))

        model, report = AutoModel.from_pretrained(folder, ignore_mismatched_sizes=True, output_loading_info=True)

        assert type(model) is SupremeModel
        assert report["missing_keys"] == {"fusion.classifier.weight"}

    def test_logits_that_are_not_finite_are_an_error_with_the_record(self, tiny_model, tiny_processor, strip):
        classify = pipeline(
            "zero-shot-ecg-classification",
            model=tiny_model,
            feature_extractor=tiny_processor.feature_extractor,
            tokenizer=tiny_processor.tokenizer,
        )
        torch.nn.init.constant_(tiny_model.fusion.classifier.bias, torch.nan)
        row = {"array": strip, "sampling_rate": 100, "leads": STANDARD_LEADS, "record_id": "s0007"}

        with pytest.raises(ValueError, match=r"Record s0007: the model answered NaN.*another checkpoint"):
            classify([row], candidate_labels=["atrial fibrillation"])

    def test_of_several_records_the_broken_one_is_named(self):
        logits = torch.tensor([[0.0, 1.0], [0.0, torch.inf], [torch.nan, 0.0]])

        with pytest.raises(ValueError, match=r"Record b and 1 more: "):
            check_logits(logits, ["a", "b", "c"])


class TestClassifiers:
    @pytest.fixture
    def classifier_dir(self, tiny_checkpoint_dir, tmp_path):
        names = {"id2label": LABELS, "label2id": {name: index for index, name in LABELS.items()}}
        SupremeForEcgClassification.from_pretrained(tiny_checkpoint_dir, **names).save_pretrained(
            tmp_path / "classifier"
        )
        return tmp_path / "classifier"

    def test_a_classifier_without_its_head_is_refused(self, classifier_dir):
        change_weights(classifier_dir, lambda tensors: tensors.pop("classifier.weight"))

        with pytest.raises(CheckpointError, match=r"lack tensors of the model \(classifier.weight\)"):
            AutoModelForSequenceClassification.from_pretrained(classifier_dir)

    def test_a_head_is_not_made_up_for_labels_that_a_checkpoint_claims(self, classifier_dir):
        change_weights(
            classifier_dir, lambda tensors: [tensors.pop(f"classifier.{name}") for name in ("weight", "bias")]
        )
        change_weights(
            classifier_dir, lambda tensors: [tensors.pop(f"layer_norm.{name}") for name in ("weight", "bias")]
        )
        change_config(classifier_dir, architectures=["SupremeEcgModel"])

        with pytest.raises(CheckpointError, match=r"lack tensors of the model \(classifier.bias"):
            AutoModelForSequenceClassification.from_pretrained(classifier_dir)

    def test_a_head_that_is_not_finite_is_refused(self, classifier_dir):
        change_weights(classifier_dir, lambda tensors: tensors["classifier.bias"].fill_(torch.nan))

        with pytest.raises(CheckpointError, match=r"NaN or infinity \(classifier.bias\)"):
            SupremeForEcgClassification.from_pretrained(classifier_dir)

    def test_the_encoder_of_a_zero_shot_model_and_of_a_classifier_loads(self, classifier_dir, tiny_checkpoint_dir):
        encoders = [
            SupremeEcgModel.from_pretrained(path).state_dict() for path in (classifier_dir, tiny_checkpoint_dir)
        ]

        assert all(torch.equal(encoders[0][name], value) for name, value in encoders[1].items())


class TestTextEncoders:
    def test_one_that_lacks_tensors_is_refused(self, text_encoder_dir, tmp_path):
        folder = shutil.copytree(text_encoder_dir, tmp_path / "encoder")
        change_weights(folder, lambda tensors: tensors.pop("embeddings.word_embeddings.weight"))

        with pytest.raises(CheckpointError, match=r"lack tensors of the model \(embeddings.word_embeddings.weight\)"):
            load_text_encoder(str(folder))

    def test_a_pooler_may_be_missing_as_no_query_goes_through_it(self, text_encoder_dir, tmp_path):
        folder = shutil.copytree(text_encoder_dir, tmp_path / "encoder")
        change_weights(folder, lambda tensors: [tensors.pop(f"pooler.dense.{name}") for name in ("weight", "bias")])

        assert load_text_encoder(str(folder)).config.model_type == "bert"


class TestConfigurations:
    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("num_fusion_heads", 0),
            ("num_fusion_layers", 0),
            ("num_fusion_layers", 10**9),
            ("fusion_hidden_size", -4),
            ("fusion_hidden_size", 10**9),
            ("fusion_dropout", float("nan")),
            ("ecg_config__num_attention_heads", 0),
            ("ecg_config__num_hidden_layers", 10**9),
            ("ecg_config__hidden_size", 0),
            ("ecg_config__conv_strides", [5, 0, 2, 2]),
            ("ecg_config__conv_strides", [5, -2, 2, 2]),
            ("ecg_config__conv_channels", [10**9, 16, 24, 32]),
            ("ecg_config__conv_channels", []),
            ("ecg_config__conv_kernel_size", 10**9 + 1),
            ("ecg_config__patch_size", 0),
            ("ecg_config__sampling_rate", 0),
            ("ecg_config__sampling_rate", -500),
            ("ecg_config__sampling_rate", float("nan")),
            ("ecg_config__num_samples", 10**12),
            ("ecg_config__leads", ["I", "I"]),
            ("ecg_config__leads", ["I", "Q7"]),
            ("ecg_config__leads", []),
            ("ecg_config__hidden_act", "evil"),
            ("ecg_config", 5),
            ("text_config__num_hidden_layers", 10**9),
            ("text_config__n_layers", 10**9),
            ("text_config__hidden_size", 10**9),
            ("text_config__vocab_size", 10**12),
            ("text_config__num_labels", 10**9),
            ("text_config__model_type", "no such thing"),
            ("text_config", "bert"),
            ("num_labels", 10**9),
            ("id2label", {"0": 5}),
            ("id2label", {"zero": "AFIB"}),
            ("dtype", "int8"),
            ("dtype", "nn"),
            ("trained_queries", ["x"] * 10**6),
            ("trained_queries", "normal ecg"),
            ("composed_rules", [{}] * 10**5),
            ("composed_rules", [5]),
            ("definitions", [{}] * 10**5),
            ("definitions", [5]),
            ("measurements", ["qrs_ms"] * 10**6),
            ("measurements", ["qrs_ms", 5]),
            ("measurements", ["no such thing"]),
            ("measurement_head", "magic"),
            ("architectures", ["BertModel"]),
            ("transformers_weights", "../model.safetensors"),
            ("transformers_weights", "/etc/model.safetensors"),
            ("auto_map", {"AutoModel": "../../evil.Model"}),
            ("auto_map", {"AutoModel": "/etc/evil.Model"}),
            ("custom_pipelines", {"zero-shot-ecg-classification": {"impl": "../evil.Pipe", "pt": ["AutoModel"]}}),
            ("attn_implementation", "evil/kernel"),
            ("text_config__attn_implementation", "evil/kernel"),
        ],
    )
    def test_it_is_refused_by_name_before_anything_is_made(self, folder, field, value):
        change_config(folder, **{field: value})
        started = time.perf_counter()

        with pytest.raises(
            (StrictDataclassError, ValueError), match=r"`|field|dtype|Unrecognized|[Ll]ead |The code|attention"
        ):
            AutoModel.from_pretrained(folder)
        assert time.perf_counter() - started < 5

    @pytest.mark.parametrize(
        ("rule", "message"),
        [
            ({"names": [], "alternatives": []}, r"Rule 0 .*`condition` is no name but None"),
            (
                {"condition": "stach", "names": "x", "alternatives": [{"findings": ["fast"], "source": "x"}]},
                r"'stach': `names`",
            ),
            ({"condition": "stach", "names": [], "alternatives": []}, r"'stach': `alternatives` is no list"),
            (
                {"condition": "stach", "names": [], "alternatives": [{"findings": []}]},
                r"'stach': an alternative has no",
            ),
            (
                {"condition": "stach", "names": [], "alternatives": [{"findings": [1], "source": "x"}]},
                r"'stach': an alternative has no `findings`",
            ),
        ],
    )
    def test_a_malformed_rule_is_named(self, folder, rule, message):
        change_config(folder, composed_rules=[rule])

        with pytest.raises(StrictDataclassError, match=message):
            AutoModel.from_pretrained(folder)

    def test_small_numbers_that_are_large_together_are_refused(self, folder):
        change_config(folder, fusion_hidden_size=60_000, fusion_intermediate_size=240_000, num_fusion_layers=512)

        with pytest.raises(StrictDataclassError, match=r"about [\d,]+ parameters, more than 20,000,000,000"):
            AutoModel.from_pretrained(folder)

    @pytest.mark.parametrize("model_type", ["bert", "gpt2", "no_such_model"])
    def test_another_kind_of_model_does_not_answer(self, folder, strip, model_type):
        change_config(folder, model_type=model_type)

        with pytest.raises(Exception, match=r"."):
            pipeline("zero-shot-ecg-classification", model=str(folder))(
                strip, candidate_labels=["a"], sampling_rate=100, leads=STANDARD_LEADS
            )

    @pytest.mark.parametrize("name", ["tokenizer.json", "preprocessor_config.json", "config.json"])
    def test_a_file_that_is_missing_is_an_error(self, folder, name):
        for path in folder.glob("processor_config.json" if name.startswith("pre") else name):
            path.unlink()
        (folder / name).unlink(missing_ok=True)

        with pytest.raises(Exception, match=r"."):
            pipeline("zero-shot-ecg-classification", model=str(folder))

    def test_python_files_of_a_checkpoint_do_not_run_where_the_package_is(self, folder, tmp_path):
        for path in [*folder.glob("*.py"), folder / "sitecustomize.py", folder / "torch.py"]:
            path.write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")

        pipeline("zero-shot-ecg-classification", model=str(folder))

        assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("umask", [0o022, 0o027, 0o077])
def test_saved_files_have_the_permissions_of_the_users_other_files(tiny_model, tmp_path, umask):
    before = os.umask(umask)
    try:
        tiny_model.save_pretrained(tmp_path / "checkpoint")
    finally:
        os.umask(before)

    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "checkpoint").iterdir()}
    assert modes[WEIGHTS] == 0o666 & ~umask
    assert set(modes.values()) == {0o666 & ~umask}


# Run in a process of its own, in which this package cannot be imported, as if it were not installed
FOREIGN_SCRIPT = """
import sys

sys.modules["modeling_supreme"] = None
from transformers import AutoModel

for folder in sys.argv[1:]:
    try:
        AutoModel.from_pretrained(folder, trust_remote_code=True)
        print("loaded")
    except Exception as error:
        print(type(error).__module__, type(error).__name__, str(error).replace(chr(10), " "))
"""


def test_the_code_that_travels_refuses_too(folder, tmp_path):
    broken, pickled, large = (shutil.copytree(folder, tmp_path / name) for name in ("broken", "pickled", "large"))
    change_weights(broken, lambda tensors: tensors.pop("fusion.classifier.weight"))
    save_as_pickle(pickled)
    change_config(large, num_fusion_layers=10**9)

    environment = {**os.environ, "PYTHONPATH": "", "HF_HOME": str(tmp_path / "home")}
    run = run_forked("-c", FOREIGN_SCRIPT, folder, broken, pickled, large, cwd=tmp_path, env=environment)

    assert run.returncode == 0, run.stderr
    said = run.stdout.splitlines()
    assert said[0] == "loaded"
    assert "transformers_modules" in said[1]
    assert "lack tensors of the model (fusion.classifier.weight)" in said[1]
    assert "only pytorch_model.bin: a pickle" in said[2]
    assert "`num_fusion_layers` is 1000000000, outside 1 to 512" in said[3]
