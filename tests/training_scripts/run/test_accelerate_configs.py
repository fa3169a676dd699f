"""configs/accelerate/: every file is one that `accelerate launch` reads, and says what it is for."""

from types import SimpleNamespace

import pytest
import yaml
from accelerate.commands.config.config_args import load_config_from_file
from helpers.repository import ROOT

from modeling_supreme import modeling_supreme, modeling_supreme_ecg
from training_scripts.arguments import TrainArguments
from training_scripts.run.launch import set_up_deepspeed


FOLDER = ROOT / "configs" / "accelerate"
CONFIGS = sorted(FOLDER.glob("*.yaml"))


def test_every_setting_has_its_file():
    names = {path.stem for path in CONFIGS}

    assert names == {"cpu", "one_gpu", "multi_gpu", "multi_node", "fsdp2", "deepspeed_zero2"}


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
class TestConfig:
    def test_accelerate_reads_it_and_knows_every_key(self, path):
        written = yaml.safe_load(path.read_text(encoding="utf-8"))

        read = load_config_from_file(str(path)).to_dict()

        assert {key: str(read[key]) for key in written} == {key: str(value) for key, value in written.items()}

    def test_it_opens_with_what_it_is_for(self, path):
        assert path.read_text(encoding="utf-8").startswith("# ")


def test_the_layers_that_are_sharded_exist():
    config = load_config_from_file(str(FOLDER / "fsdp2.yaml"))

    names = config.fsdp_config["fsdp_transformer_layer_cls_to_wrap"].split(",")
    assert all(hasattr(modeling_supreme, name) or hasattr(modeling_supreme_ecg, name) for name in names)


@pytest.mark.parametrize("name", ["checkpointing_steps", "resume_from_checkpoint", "ema_decay"])
def test_what_deepspeed_cannot_do_without_pickles_is_refused(name):
    value = {"checkpointing_steps": 5, "resume_from_checkpoint": "latest", "ema_decay": 0.9}[name]

    with pytest.raises(ValueError, match=rf"`--{name}` does not go with DeepSpeed.*fsdp2\.yaml"):
        set_up_deepspeed(SimpleNamespace(), TrainArguments("o", **{name: value}))


def test_deepspeed_learns_the_batch_size_from_the_arguments():
    plugin = SimpleNamespace(deepspeed_config={})
    accelerator = SimpleNamespace(state=SimpleNamespace(deepspeed_plugin=plugin))

    set_up_deepspeed(accelerator, TrainArguments("o", per_device_train_batch_size=7))

    assert plugin.deepspeed_config == {"train_micro_batch_size_per_gpu": 7}
