"""An upload holds an allow-list without local paths, and makes nothing public that nobody asked to be."""

import getpass
import json

import pytest
from helpers.made_hub import MadeHub
from helpers.training_runs import train

from modeling_supreme.command_line import CommandLineError
from modeling_supreme.command_line import hub as hub_module
from training_scripts.run.upload import choose_files, push_to_hub, strip_paths, strip_text


pytestmark = pytest.mark.usefixtures("tiny_preset")


@pytest.fixture
def hub(monkeypatch):
    """A Hub on which ann is logged in."""
    hub = MadeHub()
    monkeypatch.setattr(hub_module, "HfApi", hub)
    return hub


class TestRun:
    @pytest.fixture
    def uploaded(self, flags, hub, tmp_path):
        """What a resumed run uploads from a folder in which an evaluation and a failed step have left files too."""
        steps = [*flags, "--checkpointing_steps", "1", "--eval_steps", "1"]
        train(tmp_path, steps)
        for name in ("predictions.parquet", "failed_step_00000.json", "notes.txt", "my_cohort.py"):
            (tmp_path / name).write_text("record 17, patient 4", encoding="utf-8")
        report = {"model": str(tmp_path), "protocol": {}, "results": {}}
        (tmp_path / "eval_results.json").write_text(json.dumps(report), encoding="utf-8")
        resumed = ["--resume_from_checkpoint", "latest", "--push_to_hub", "--hub_model_id", "ann/supreme"]
        train(tmp_path, [*steps, *resumed])
        return hub.files

    def test_it_holds_what_loads_and_describes_the_model_and_nothing_else(self, uploaded):
        names = {name for name in uploaded if not name.endswith(".py")}

        assert names == {
            *("README.md", "model.safetensors", "config.json", "processor_config.json", "preprocessor_config.json"),
            *("tokenizer.json", "tokenizer_config.json"),
            *("train_arguments.yaml", "train_results.json", "eval_results.json", "training_curves.png"),
        }
        assert {"modeling_supreme.py", "pipeline_zero_shot_ecg.py"} <= set(uploaded)
        assert "my_cohort.py" not in uploaded

    def test_no_file_names_a_folder_or_the_user_of_this_machine(
        self, uploaded, tmp_path, ptb_xl_dir, text_encoder_dir
    ):
        secrets = [str(tmp_path), str(ptb_xl_dir), str(text_encoder_dir), f"/{getpass.getuser()}/"]

        leaks = [(name, secret) for name, text in uploaded.items() for secret in secrets if secret.encode() in text]
        assert leaks == []

    def test_the_repository_is_private(self, uploaded, hub):
        assert hub.is_private == {"ann/supreme": True}

    def test_the_arguments_are_still_all_there(self, uploaded, tmp_path):
        kept = (tmp_path / "train_arguments.yaml").read_text(encoding="utf-8").splitlines()

        assert len(uploaded["train_arguments.yaml"].decode().splitlines()) == len(kept)


def test_a_public_repository_is_made_where_it_is_asked_for(hub, tiny_checkpoint_dir):
    push_to_hub(tiny_checkpoint_dir, "ann/supreme", is_public=True)

    assert hub.is_private == {"ann/supreme": False}


def test_a_dry_run_says_what_would_go_where_and_makes_nothing(flags, hub, tmp_path, caplog):
    output_dir = tmp_path / "run"

    with caplog.at_level("INFO"), pytest.raises(FileNotFoundError, match=r"train_results\.json"):
        train(output_dir, [*flags, "--dry_run", "--push_to_hub", "--hub_model_id", "ann/supreme"])

    assert "Would go to ann/supreme (private): README.md, *.safetensors" in caplog.text
    assert hub.is_private == {}


def test_without_a_login_a_run_does_not_begin(flags, hub, tmp_path):
    hub.login = None

    with pytest.raises(CommandLineError, match=r"`--hub_model_id` ann/supreme cannot be .*`hf auth login`"):
        train(tmp_path / "run", [*flags, "--push_to_hub", "--hub_model_id", "ann/supreme"])

    assert not (tmp_path / "run").exists()


def test_an_upload_that_the_hub_refuses_says_where_the_model_is_and_how_to_upload_it(hub, tiny_checkpoint_dir):
    hub.refusal = PermissionError("403")

    with pytest.raises(CommandLineError, match=r"ann/supreme failed .* is whole in .*push_to_hub.*_checkpoint latest"):
        push_to_hub(tiny_checkpoint_dir, "ann/supreme")


class TestPaths:
    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            ("/home/ann/ptb-xl/1.0.3", "1.0.3"),
            ("~/runs/best", "best"),
            ("../shared/data/ptb-xl", "ptb-xl"),
            ("ncbi/MedCPT-Query-Encoder", "ncbi/MedCPT-Query-Encoder"),
            ("ptb_xl", "ptb_xl"),
            ("file:///home/ann/corpus", "corpus"),
            ("C:\\Users\\ann\\runs\\best", "best"),
            ("Continued from /home/ann/runs/best.", "Continued from best."),
            ("s3://bucket/ptb_xl/train-*.parquet", "s3://bucket/ptb_xl/train-*.parquet"),
            (0.5, 0.5),
        ],
    )
    def test_the_last_part_of_a_path_is_left(self, value, expected):
        assert strip_paths([{"key": value}]) == [{"key": expected}]

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("| encoder | '/home/ann/runs/best' |", "| encoder | 'best' |"),
            ("- in ~/data and\n- in `/mnt/ann/ptb-xl/`", "- in data and\n- in `ptb-xl`"),
            (
                "at 100/min, see [it](docs/it.md) or https://hf.co/a/b",
                "at 100/min, see [it](docs/it.md) or https://hf.co/a/b",
            ),
        ],
    )
    def test_a_text_keeps_its_words_and_the_last_part_of_paths(self, text, expected):
        assert strip_text(text) == expected

    def test_a_folder_that_is_here_is_a_path(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        (tmp_path / "ann" / "runs").mkdir(parents=True)

        assert strip_paths("ann/runs") == "runs"


def test_nothing_below_a_folder_is_chosen(tmp_path):
    (tmp_path / "best").mkdir()
    (tmp_path / "best" / "model.safetensors").touch()
    (tmp_path / "config.json").touch()

    assert [path.name for path in choose_files(tmp_path)] == ["config.json"]
