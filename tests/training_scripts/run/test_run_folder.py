"""A folder holds one run, says what happened to it, and keeps what is not the run's; a full disk is told in words."""

import errno
import json
import os
import shutil
from types import SimpleNamespace

import pytest
import torch
import yaml
from helpers.training_runs import are_equal, read_weights, train

from modeling_supreme.command_line import CommandLineError
from modeling_supreme.command_line.threads import CHOSEN_BY, Threads
from modeling_supreme.output_files.disk import DiskError
from modeling_supreme.output_files.folder_lock import FolderInUseError, FolderLock
from training_scripts.objectives.supervised import SupervisedObjective
from training_scripts.run import states
from training_scripts.run.folder import BEST_FIGURES
from training_scripts.run.history import SESSIONS_FILENAME
from training_scripts.run.states import find_state


pytestmark = pytest.mark.usefixtures("tiny_preset")
LATEST = ("--resume_from_checkpoint", "latest")


@pytest.fixture(scope="module")
def run_flags(model_flags, voltage_dir):
    """Eight records, four a step, a state every other step; a later flag wins over an earlier one."""
    flags = ["--dataset_name", str(voltage_dir), "--min_positives", "1", "--per_device_train_batch_size", "4"]
    return [*model_flags, *flags, "--checkpointing_steps", "2", "--max_train_steps", "4"]


@pytest.fixture(scope="module")
def finished(tiny_preset, run_flags, tmp_path_factory):
    """A run of four steps with states after two and four."""
    folder = tmp_path_factory.mktemp("finished") / "run"
    train(folder, run_flags)
    return folder


@pytest.fixture
def run(finished, run_flags, tmp_path):
    """A copy of the finished run that may be changed, with files of the user's."""
    folder = shutil.copytree(finished, tmp_path / "run")
    (folder / "notes.txt").write_text("mine")
    (folder / "checkpoints" / "notes.txt").write_text("mine")
    return SimpleNamespace(folder=folder, flags=run_flags)


def snapshot(folder):
    """Every file of a folder with its content."""
    return {path.relative_to(folder): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def read_sessions(folder):
    return json.loads((folder / SESSIONS_FILENAME).read_text(encoding="utf-8"))


class TestUsedFolder:
    def test_it_is_refused_with_what_was_found_and_both_remedies(self, run):
        before = snapshot(run.folder)

        with pytest.raises(
            CommandLineError,
            match=r"run is in use: it holds checkpoints, .*`--resume_from_checkpoint latest`; replace it by"
            r" `--overwrite_output_dir`, or choose another folder",
        ):
            train(run.folder, run.flags)
        assert snapshot(run.folder) == before

    def test_overwriting_removes_the_run_and_nothing_else(self, run):
        train(run.folder, [*run.flags, "--overwrite_output_dir", "--max_train_steps", "2"])

        assert [path.name for path in sorted((run.folder / "checkpoints").iterdir())] == ["notes.txt", "step_00000002"]
        assert (run.folder / "notes.txt").read_text() == "mine"
        assert len(read_sessions(run.folder)["sessions"]) == 1

    def test_overwriting_with_a_flag_that_is_refused_removes_nothing(self, run):
        before = snapshot(run.folder)

        with pytest.raises(ValueError, match="nowhere"):
            train(run.folder, [*run.flags, "--overwrite_output_dir", "--held_out_findings", "nowhere"])

        assert snapshot(run.folder) == before

    @pytest.mark.parametrize("flag", ["resume_from_checkpoint", "model_name_or_path"])
    def test_what_the_run_begins_with_is_not_overwritten(self, run, flag):
        place = {"resume_from_checkpoint": "checkpoints/step_00000002", "model_name_or_path": "."}[flag]

        with pytest.raises(
            CommandLineError, match=rf"`--overwrite_output_dir` would remove what `--{flag}` .*another"
        ):
            train(run.folder, [*run.flags, "--overwrite_output_dir", f"--{flag}", str(run.folder / place)])

    def test_files_of_a_user_alone_are_no_run(self, run_flags, tmp_path):
        (tmp_path / "notes.txt").write_text("mine")

        assert train(tmp_path, run_flags)["num_steps"] == 4

    def test_a_finished_run_without_states_is_not_begun_again_by_latest(self, run):
        shutil.rmtree(run.folder / "checkpoints")

        with pytest.raises(CommandLineError, match=r"no state of this run to go on from; replace it by"):
            train(run.folder, [*run.flags, *LATEST])

    def test_a_run_that_was_killed_before_its_first_state_begins_again(self, run):
        shutil.rmtree(run.folder / "checkpoints")
        for name in ("model.safetensors", "config.json", "train_results.json", "README.md", "training_curves.png"):
            (run.folder / name).unlink()
        for path in [*run.folder.glob("*.py"), *run.folder.glob("*token*"), *run.folder.glob("*processor*")]:
            path.unlink()

        assert train(run.folder, [*run.flags, *LATEST])["num_steps"] == 4


class TestAnotherRun:
    def test_its_states_are_never_the_latest(self, run, caplog):
        other = run.folder.with_name("other")
        train(other, [*run.flags, "--max_train_steps", "6"])
        shutil.copytree(other / "checkpoints" / "step_00000006", run.folder / "checkpoints" / "step_00000006")

        state_dir = find_state("latest", run.folder / "checkpoints", run_id=read_sessions(run.folder)["run_id"])

        assert state_dir.name == "step_00000004"
        assert "1 states in" in caplog.text

    def test_its_state_does_not_go_on_in_this_folder(self, run):
        other = run.folder.with_name("other")
        train(other, run.flags)

        with pytest.raises(CommandLineError, match=r"step_00000002 is of another run; replace it by"):
            train(run.folder, [*run.flags, "--resume_from_checkpoint", str(other / "checkpoints" / "step_00000002")])

    def test_a_state_goes_on_in_a_new_folder_and_brings_its_history(self, run, tmp_path):
        state_dir = run.folder / "checkpoints" / "step_00000002"
        train(tmp_path / "branch", [*run.flags, "--resume_from_checkpoint", str(state_dir)])

        branch, whole = read_sessions(tmp_path / "branch"), read_sessions(run.folder)
        steps = [(session["first_step"], session["last_step"]) for session in branch["sessions"]]
        assert steps == [(0, 2), (2, 4)]
        assert branch["run_id"] != whole["run_id"]

    def test_it_goes_on_with_as_many_threads(self, run, tmp_path, monkeypatch):
        for name in CHOSEN_BY:
            monkeypatch.delenv(name, raising=False)
        before = torch.get_num_threads()
        monkeypatch.setattr(
            "training_scripts.run.launch.choose_threads", lambda: Threads(before + 1, "a test says so")
        )
        try:
            torch.set_num_threads(before + 1)
            state_dir = run.folder / "checkpoints" / "step_00000002"
            train(tmp_path / "branch", [*run.flags, "--resume_from_checkpoint", str(state_dir)])

            assert torch.get_num_threads() == before
        finally:
            torch.set_num_threads(before)

    def test_a_second_run_stops_with_a_word(self, run):
        with (
            FolderLock(run.folder, "train.py"),
            pytest.raises(FolderInUseError, match=rf"in use by another run \(train\.py, process {os.getpid()} on"),
        ):
            train(run.folder, [*run.flags, *LATEST])


class TestHistory:
    def test_a_run_in_one_piece_has_one_session(self, finished):
        (session,) = read_sessions(finished)["sessions"]

        assert (session["first_step"], session["last_step"], session["ended"]) == (0, 4, "finished")
        assert session["versions"].keys() >= {"python", "torch", "transformers", "numpy"}

    @pytest.mark.parametrize(
        ("flag", "value"),
        [
            *(("learning_rate", "0.5"), ("seed", "7"), ("weight_decay", "0.3"), ("ema_decay", "0.9")),
            *(("max_train_samples", "6"), ("fusion_hidden_size", "32"), ("loss_type", "focal")),
        ],
    )
    def test_a_flag_that_the_state_keeps_is_refused_and_nothing_on_disk_changes(self, run, flag, value):
        before = snapshot(run.folder)

        with pytest.raises(
            CommandLineError, match=rf"goes on only as it began: `--{flag}` is {value} and was .*Repeat"
        ):
            train(run.folder, [*run.flags, *LATEST, f"--{flag}", value])

        assert snapshot(run.folder) == before

    def test_another_batch_size_is_refused_and_nothing_on_disk_changes(self, run):
        before = snapshot(run.folder)

        with pytest.raises(CommandLineError, match=r"step_size 4 \(now 2\).*Resume with the same setting"):
            train(run.folder, [*run.flags, *LATEST, "--per_device_train_batch_size", "2"])

        assert snapshot(run.folder) == before

    def test_fewer_steps_than_taken_are_refused(self, run):
        with pytest.raises(CommandLineError, match=r"taken 4 steps, more than the 3 of this run.*--max_train_steps"):
            train(run.folder, [*run.flags, *LATEST, "--max_train_steps", "3"])

    def test_a_flag_that_takes_effect_is_written_down_and_told_by_the_card(self, run):
        train(run.folder, [*run.flags, *LATEST, "--max_train_steps", "6", "--max_grad_norm", "0.5"])

        sessions = read_sessions(run.folder)["sessions"]
        assert [(session["first_step"], session["last_step"]) for session in sessions] == [(0, 4), (4, 6)]
        assert sessions[1]["changed"] == {
            "max_train_steps": {"before": 4, "now": 6},
            "max_grad_norm": {"before": 1.0, "now": 0.5},
        }
        settings = yaml.safe_load((run.folder / "train_arguments.yaml").read_text(encoding="utf-8"))
        assert (settings["max_train_steps"], settings["max_grad_norm"]) == (6, 0.5)
        card = (run.folder / "README.md").read_text(encoding="utf-8")
        assert "Trained in 2 sessions (steps 1 to 4, 5 to 6). From step 5 on:" in card
        assert "`--max_grad_norm` 0.5, before 1.0" in card

    def test_a_corpus_with_other_findings_is_refused(self, run, monkeypatch):
        before = snapshot(run.folder)
        progress = run.folder / "checkpoints" / "step_00000004" / "progress.json"
        content = json.loads(progress.read_text(encoding="utf-8"))
        content["run"]["findings"].append("sinus rhythm")
        progress.write_text(json.dumps(content), encoding="utf-8")
        monkeypatch.setattr(states, "check_state", lambda state_dir: None)

        with pytest.raises(CommandLineError, match=r"without sinus rhythm\): the corpus or its labels have changed"):
            train(run.folder, [*run.flags, *LATEST])

        progress.write_bytes(before[progress.relative_to(run.folder)])
        assert snapshot(run.folder) == before


class TestFullDisk:
    def refuse(self, *args, **options):
        raise OSError(errno.ENOSPC, "No space left on device")

    def test_at_the_final_save_it_is_told_and_the_states_go_on(self, run_flags, tmp_path, monkeypatch):
        save = SupervisedObjective.save

        def save_half(objective, model, folder):
            save(objective, model, folder)
            (folder / "model.safetensors").write_bytes(b"half")
            self.refuse()

        with monkeypatch.context() as patch:
            patch.setattr(SupervisedObjective, "save", save_half)
            with pytest.raises(
                DiskError, match=r"model could not be written to .*the disk is full; .* MiB are free\..*last one"
                r" step_00000004.*--resume_from_checkpoint latest"
            ):  # fmt: skip
                train(tmp_path / "run", run_flags)
        assert not list((tmp_path / "run").glob("model*"))
        assert not (tmp_path / "run" / ".run.lock").exists()

        train(tmp_path / "run", [*run_flags, *LATEST])
        train(tmp_path / "whole", run_flags)
        assert are_equal(read_weights(tmp_path / "run"), read_weights(tmp_path / "whole"))

    def test_at_the_best_checkpoint_training_goes_on(self, run_flags, tmp_path, monkeypatch, caplog):
        flags = [*run_flags, "--eval_steps", "2", "--load_best_model_at_end"]
        save, calls = SupervisedObjective.save, []

        def refuse_first(objective, model, folder):
            calls.append(folder)
            save(objective, model, folder) if len(calls) > 1 else self.refuse()

        monkeypatch.setattr(SupervisedObjective, "save", refuse_first)

        assert train(tmp_path, flags)["num_steps"] == 4
        assert "The best checkpoint was not saved" in caplog.text

    def test_the_curves_are_no_reason_to_lose_the_model(self, run_flags, tmp_path, monkeypatch, caplog):
        monkeypatch.setattr("training_scripts.run.loop.plot_curves", self.refuse)

        assert train(tmp_path, run_flags)["num_steps"] == 4
        assert "The curves were not drawn: the disk is full" in caplog.text


class TestBest:
    def test_a_best_checkpoint_of_a_session_that_broke_off_is_not_taken(
        self, run_flags, tmp_path, monkeypatch, caplog
    ):
        flags = [*run_flags, "--eval_steps", "2", "--load_best_model_at_end"]

        def replace(loop, figures):
            (loop.output_dir / "best").mkdir(exist_ok=True)
            (loop.output_dir / "best" / BEST_FIGURES).write_text(json.dumps({"step": 99}))

        monkeypatch.setattr("training_scripts.run.loop.TrainingLoop._save_best", replace)
        train(tmp_path, flags)

        assert "is not the checkpoint of step" in caplog.text
        assert (tmp_path / "model.safetensors").is_file()


class TestPermissions:
    def test_every_file_has_what_the_umask_leaves(self, run_flags, tmp_path):
        before = os.umask(0o027)
        try:
            train(tmp_path, [*run_flags, "--eval_steps", "2"])
        finally:
            os.umask(before)

        files = [path for path in tmp_path.rglob("*") if path.is_file()]
        assert {path.name: oct(path.stat().st_mode & 0o777) for path in files} == dict.fromkeys(
            (path.name for path in files), "0o640"
        )
