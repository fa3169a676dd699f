"""An upload holds an allow-list without local paths, and makes nothing public that nobody asked to be."""

import getpass
import json
from types import SimpleNamespace

import pytest
from helpers.training_runs import train
from huggingface_hub.errors import HFValidationError

from modeling_supreme.command_line import CommandLineError
from training_scripts.run import upload
from training_scripts.run.upload import check_hub, choose_files, push_to_hub, strip_paths


pytestmark = pytest.mark.usefixtures("tiny_preset")


class Hub:
    """Stands for `HfApi`: remembers repositories and what was uploaded."""

    def __init__(self, *, repos=(), login="ann", refusal=None):
        self.is_private, self.files = dict(repos), {}
        self.login, self.refusal = login, refusal

    def __call__(self):
        return self

    def whoami(self):
        if self.login is None:
            raise OSError("Token is required")
        return {"name": self.login}

    def create_repo(self, repo_id, *, private, exist_ok):
        assert exist_ok
        if self.refusal:
            raise self.refusal
        self.is_private.setdefault(repo_id, private)
        return SimpleNamespace(repo_id=repo_id)

    def repo_info(self, repo_id):
        return SimpleNamespace(private=self.is_private[repo_id])

    def create_commit(self, repo_id, operations, *, commit_message):
        for operation in operations:
            with operation.as_file() as file:
                self.files[operation.path_in_repo] = file.read()


@pytest.fixture
def hub(monkeypatch):
    """A Hub on which ann is logged in."""
    hub = Hub()
    monkeypatch.setattr(upload, "HfApi", hub)
    return hub


class TestRun:
    @pytest.fixture
    def uploaded(self, flags, hub, tmp_path):
        """What a run uploads from a folder in which an evaluation and a failed step have left files too."""
        for name in ("predictions.parquet", "failed_step_00000.json", "notes.txt", "my_cohort.py"):
            (tmp_path / name).write_text("record 17, patient 4", encoding="utf-8")
        report = {"model": str(tmp_path), "protocol": {}, "results": {}}
        (tmp_path / "eval_results.json").write_text(json.dumps(report), encoding="utf-8")
        steps = ["--checkpointing_steps", "1", "--eval_steps", "1"]
        train(tmp_path, [*flags, *steps, "--push_to_hub", "--hub_model_id", "ann/supreme"])
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


class TestCheck:
    def test_without_a_login_a_run_does_not_begin(self, flags, hub, tmp_path):
        hub.login = None

        with pytest.raises(CommandLineError, match=r"ann/supreme cannot be written to .*`hf auth login`"):
            train(tmp_path / "run", [*flags, "--push_to_hub", "--hub_model_id", "ann/supreme"])

        assert not (tmp_path / "run").exists()

    def test_a_name_that_cannot_be_is_refused(self, hub):
        hub.refusal = HFValidationError("Repo id must use alphanumeric chars")

        with pytest.raises(CommandLineError, match=r"ann/my model cannot be written to .*alphanumeric"):
            check_hub("ann/my model", is_public=False)

    def test_a_repository_of_others_is_refused(self, hub):
        hub.refusal = PermissionError("403")

        with pytest.raises(CommandLineError, match=r"bob/supreme cannot be written to .*a repository of yours"):
            check_hub("bob/supreme", is_public=False)

    def test_a_public_repository_is_refused_unless_it_is_asked_for(self, hub):
        hub.is_private["ann/open"] = False

        check_hub("ann/open", is_public=True)
        with pytest.raises(CommandLineError, match=r"ann/open, to which ann would upload, is public.*--hub_public"):
            check_hub("ann/open", is_public=False)


class TestPaths:
    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            ("/home/ann/ptb-xl/1.0.3", "1.0.3"),
            ("~/runs/best", "best"),
            ("../shared/data/ptb-xl", "ptb-xl"),
            ("ncbi/MedCPT-Query-Encoder", "ncbi/MedCPT-Query-Encoder"),
            ("ptb_xl", "ptb_xl"),
            (0.5, 0.5),
        ],
    )
    def test_the_last_part_of_a_path_is_left(self, value, expected):
        assert strip_paths([{"key": value}]) == [{"key": expected}]

    def test_a_folder_that_is_here_is_a_path(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        (tmp_path / "ann" / "runs").mkdir(parents=True)

        assert strip_paths("ann/runs") == "runs"


def test_nothing_below_a_folder_is_chosen(tmp_path):
    (tmp_path / "best").mkdir()
    (tmp_path / "best" / "model.safetensors").touch()
    (tmp_path / "config.json").touch()

    assert [path.name for path in choose_files(tmp_path)] == ["config.json"]
