"""`RunState`: a state is complete or not there, holds no code, and the newest whole one is found."""

import errno
import json
import pickle
import random
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState, GradientState
from torch import nn

from training_scripts.run import states
from training_scripts.run.states import (
    DamagedStateError,
    RunState,
    check_state,
    find_state,
    list_states,
    read_randomness,
    set_randomness,
)
from training_scripts.run.weight_average import WeightAverage


def start_run(folder, *, seed=0):
    """A small model, its optimiser after two steps, an average, and the states of its run."""
    AcceleratorState._reset_state(reset_partial_state=True)
    GradientState._reset_state()
    accelerator = Accelerator()
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 1))
    nn.init.zeros_(model[0].bias).requires_grad_(False)
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    model, optimizer = accelerator.prepare(model, torch.optim.AdamW(trained, lr=0.1))
    average = WeightAverage(model, 0.9)
    run = SimpleNamespace(model=model, optimizer=optimizer, average=average)
    run.states = RunState(accelerator, model, optimizer, states_dir=folder, total_limit=2)
    take_step(run, 1)
    take_step(run, 2)
    return run


def take_step(run, step):
    """A step on random strips, with a mask that stands for dropout; returns the loss."""
    loss = (run.model(torch.randn(8, 3)) * (torch.rand(8, 1) < 0.9)).square().mean()
    loss.backward()
    run.optimizer.step()
    run.optimizer.zero_grad()
    run.average.update(step)
    return loss.item()


@pytest.fixture
def run(tmp_path):
    return start_run(tmp_path)


def save_states(run, steps):
    for step in steps:
        run.states.save(step, {"step": step})


def make_folders(parent, names):
    for name in names:
        (parent / name).mkdir()


class TestGoingOn:
    def test_a_loaded_run_goes_on_as_if_nothing_had_been(self, run, tmp_path):
        state_dir = run.states.save(2, {"step": 2}, run.average)
        expected = [take_step(run, 3), take_step(run, 4)]
        other = start_run(tmp_path, seed=1)

        progress = other.states.load(state_dir, other.average)

        assert progress == {"step": 2}
        assert [take_step(other, 3), take_step(other, 4)] == expected

    def test_the_average_goes_on_too(self, run, tmp_path):
        state_dir = run.states.save(2, {}, run.average)
        other = start_run(tmp_path, seed=1)
        other.states.load(state_dir, other.average)

        with run.average.applied(), other.average.applied():
            pairs = list(zip(run.model.parameters(), other.model.parameters(), strict=True))
        assert all(torch.equal(mine, theirs) for mine, theirs in pairs if mine.requires_grad)

    def test_frozen_weights_are_those_the_run_began_with(self, run):
        state_dir = run.states.save(2, {})

        assert "0.bias" not in states.load_file(state_dir / "model.safetensors")
        assert "1.running_mean" in states.load_file(state_dir / "model.safetensors")

    def test_random_numbers_of_torch_numpy_and_python_go_on(self):
        saved = read_randomness()
        drawn = (torch.rand(1).item(), np.random.rand(), random.random(), random.gauss(0, 1))  # noqa: NPY002

        set_randomness(saved)

        assert drawn == (torch.rand(1).item(), np.random.rand(), random.random(), random.gauss(0, 1))  # noqa: NPY002

    def test_a_state_of_another_model_is_refused(self, run):
        state_dir = run.states.save(2, {})

        with pytest.raises(
            DamagedStateError, match=r"step_00000002 does not fit this run.*settings it was saved with"
        ):
            run.states.load(state_dir, run.average)


class TestFiles:
    def test_a_state_lies_under_its_step_and_holds_numbers_and_text_alone(self, run, tmp_path):
        state_dir = run.states.save(12, {}, run.average)

        assert state_dir == tmp_path / "step_00000012"
        assert {path.suffix for path in state_dir.iterdir()} == {".safetensors", ".json"}

    def test_no_pickle_is_read_or_written(self, run, tmp_path, monkeypatch):
        def refuse(*args, **kwargs):
            raise AssertionError("a pickle was used")

        for owner, name in ((pickle, "load"), (pickle, "loads"), (pickle, "dump"), (torch, "load"), (torch, "save")):
            monkeypatch.setattr(owner, name, refuse)

        state_dir = run.states.save(2, {}, run.average)
        run.states.load(state_dir, run.average)

        assert list_states(tmp_path) == [state_dir]

    def test_every_file_has_its_checksum(self, run):
        state_dir = run.states.save(2, {})

        manifest = json.loads((state_dir / "manifest.json").read_text(encoding="utf-8"))

        assert {*manifest, "manifest.json"} == {path.name for path in state_dir.iterdir()}

    def test_only_the_last_states_are_kept(self, run, tmp_path):
        save_states(run, [8, 9, 10, 11])

        assert [path.name for path in list_states(tmp_path)] == ["step_00000010", "step_00000011"]

    def test_later_states_of_an_earlier_run_are_dropped(self, run, tmp_path):
        save_states(run, [800, 900, 100])

        assert [path.name for path in list_states(tmp_path)] == ["step_00000100"]

    def test_a_state_may_be_saved_again(self, run, tmp_path):
        save_states(run, [1, 1])

        assert [path.name for path in tmp_path.iterdir()] == ["step_00000001"]

    def test_what_broke_off_does_not_reach_the_next_state(self, run, tmp_path):
        remains = tmp_path / "step_00000002.incomplete"
        remains.mkdir()
        (remains / "optimizer_7.bin").touch()

        state_dir = run.states.save(2, {})

        assert not (state_dir / "optimizer_7.bin").exists()

    def test_states_are_listed_by_number_and_alone(self, tmp_path):
        make_folders(
            tmp_path, ["step_100000000", "step_00000100", "notes", "step_00000020", "step_00000030.incomplete"]
        )

        assert [path.name for path in list_states(tmp_path)] == ["step_00000020", "step_00000100", "step_100000000"]


class TestFullDisk:
    @pytest.mark.parametrize("refusing", ["write_tensors", "write_json", "compute_checksum"])
    def test_the_run_goes_on_and_the_state_before_stays(self, run, tmp_path, monkeypatch, caplog, refusing):
        save_states(run, [1])

        def refuse(*args):
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(states, refusing, refuse)
        assert run.states.save(2, {}) is None

        assert [path.name for path in tmp_path.iterdir()] == ["step_00000001"]
        assert "The state of step 2 was not saved" in caplog.text
        assert "No space left on device" in caplog.text

    def test_the_next_state_is_saved_when_there_is_room_again(self, run, tmp_path, monkeypatch):
        with monkeypatch.context() as patch:
            patch.setattr(states, "write_tensors", lambda *args: (_ for _ in ()).throw(OSError("full")))
            run.states.save(1, {})

        assert run.states.save(2, {}) == tmp_path / "step_00000002"


class TestDamage:
    @pytest.mark.parametrize("name", ["model.safetensors", "optimizer.json", "manifest.json"])
    @pytest.mark.parametrize("damage", ["cut", "flipped", "missing"])
    def test_latest_falls_back_to_the_state_before_with_a_message(self, run, tmp_path, caplog, name, damage):
        save_states(run, [1, 2])
        path = tmp_path / "step_00000002" / name
        content = path.read_bytes()
        damaged = {"cut": content[:-5], "flipped": bytes([content[0] ^ 1]) + content[1:], "missing": None}[damage]
        path.unlink()
        if damaged is not None:
            path.write_bytes(damaged)

        assert find_state("latest", tmp_path).name == "step_00000001"
        assert f"step_00000002{'/' if name != 'manifest.json' else ' has no readable'}" in caplog.text
        assert "Going back to the state before it." in caplog.text

    def test_a_damaged_state_that_was_named_is_an_error(self, run, tmp_path):
        save_states(run, [1])
        (tmp_path / "step_00000001" / "progress.json").write_text("{}", encoding="utf-8")

        with pytest.raises(DamagedStateError, match=r"progress\.json is not what was written.*`latest`"):
            find_state(str(tmp_path / "step_00000001"), tmp_path)

    @pytest.mark.parametrize("content", ["[]", "[1, 2]", "7", '"text"', "{}"])
    def test_a_manifest_that_lists_nothing_vouches_for_nothing(self, run, tmp_path, content):
        save_states(run, [1, 2])
        (tmp_path / "step_00000002" / "manifest.json").write_text(content, encoding="utf-8")

        assert find_state("latest", tmp_path).name == "step_00000001"

    def test_a_file_without_a_checksum_is_refused(self, run):
        state_dir = run.states.save(1, {})
        shutil.copy(state_dir / "model.safetensors", state_dir / "average.safetensors")

        with pytest.raises(DamagedStateError, match=r"average\.safetensors is not what was written.*`latest`"):
            check_state(state_dir)

    def test_a_link_out_of_the_state_is_refused_even_if_its_content_is_right(self, run, tmp_path):
        state_dir = run.states.save(1, {})
        (state_dir / "model.safetensors").rename(tmp_path / "elsewhere.safetensors")
        (state_dir / "model.safetensors").symlink_to(tmp_path / "elsewhere.safetensors")

        with pytest.raises(DamagedStateError, match=r"model\.safetensors is missing, or a link.*`latest`"):
            check_state(state_dir)

    def test_a_manifest_cannot_name_files_of_other_folders(self, run, tmp_path):
        state_dir = run.states.save(1, {})
        (tmp_path / "secret").write_text("a", encoding="utf-8")
        manifest = json.loads((state_dir / "manifest.json").read_text(encoding="utf-8"))
        manifest["../secret"] = states.compute_checksum(tmp_path / "secret")
        (state_dir / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")

        with pytest.raises(DamagedStateError, match=r"\.\./secret is missing, or a link to another folder.*`latest`"):
            check_state(state_dir)

    def test_a_state_of_accelerate_itself_is_not_read(self, tmp_path):
        (tmp_path / "optimizer.bin").touch()

        with pytest.raises(DamagedStateError, match=r"has no readable manifest\.json"):
            check_state(tmp_path)

    def test_nothing_but_damaged_states_is_an_error(self, tmp_path):
        make_folders(tmp_path, ["step_00000001", "step_00000002"])

        with pytest.raises(DamagedStateError, match=r"All 2 states in .* are damaged\. Leave out"):
            find_state("latest", tmp_path)


class TestFinding:
    def test_latest_without_a_state_is_none_and_warns(self, tmp_path, caplog):
        assert find_state("latest", tmp_path / "checkpoints") is None
        assert "There is no state in" in caplog.text

    def test_a_folder_is_taken_by_its_name(self, run, tmp_path):
        state_dir = run.states.save(1, {})

        assert find_state(str(state_dir), tmp_path / "checkpoints") == state_dir

    def test_a_missing_folder_is_named_with_a_remedy(self, tmp_path):
        with pytest.raises(FileNotFoundError, match=r"no state .*step_9.*folder below .*checkpoints, or `latest`"):
            find_state(str(tmp_path / "step_9"), tmp_path / "checkpoints")
