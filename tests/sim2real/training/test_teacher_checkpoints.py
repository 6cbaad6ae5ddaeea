# pyright: reportAttributeAccessIssue=false
"""Checkpoints of teachers: they go on exactly where they were, are whole or named, and run nothing when read."""

import base64
import io
import json
import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from stable_baselines3 import PPO, SAC

from sim2real.errors import InputError
from sim2real.training.sb3_teacher import RolloutCallback, Teacher, make_teacher
from sim2real.training.teacher_checkpoints import restore_finished, restore_teacher, save_teacher, write_teacher
from sim2real.training.teacher_config import TeacherConfig
from teachers import ALGORITHMS, SETTINGS, trained, worlds

torch.set_num_threads(1)


def numbers(model: PPO | SAC) -> dict[str, torch.Tensor]:
    """Every tensor that training moves: weights, averages of the optimizers, the entropy coefficient."""
    modules, variables = model._get_torch_save_params()
    values = {name: getattr(model, name).detach().clone() for name in variables}
    for name in modules:
        part: Any = model
        for word in name.split("."):
            part = getattr(part, word)
        flat: dict = part.state_dict()
        if "state" in flat:
            flat = {f"{i}.{key}": value for i, each in flat["state"].items() for key, value in each.items()}
        values |= {f"{name}.{key}": torch.as_tensor(value).clone() for key, value in flat.items()}
    return values


@ALGORITHMS
def test_what_is_restored_is_what_was_saved(tmp_path: Path, algorithm: str):
    model = trained(algorithm)
    save_teacher(tmp_path, model, {"width": 0.35})
    other = make_teacher(SETTINGS[algorithm], worlds())
    assert restore_teacher(other, tmp_path) == {"num_timesteps": 512, "width": 0.35}
    assert other.num_timesteps == 512
    mine, theirs = numbers(other), numbers(model)
    assert mine.keys() == theirs.keys() and len(mine) > 20
    for name, value in theirs.items():
        assert torch.equal(mine[name], value), name
    observation = np.random.default_rng(1).uniform(-1, 1, (5, 1)).astype(np.float32)
    np.testing.assert_array_equal(Teacher(other)(observation), Teacher(model)(observation))


@ALGORITHMS
def test_training_goes_on_from_the_restored_step(tmp_path: Path, algorithm: str):
    save_teacher(tmp_path, trained(algorithm), {})
    model = make_teacher(SETTINGS[algorithm], worlds())
    restore_teacher(model, tmp_path)
    before = numbers(model)["policy.log_std" if algorithm == "ppo" else "log_ent_coef"]
    left, rates = 512, []

    def look(steps: int, _: dict) -> bool:
        rates.append((steps, model.lr_schedule(model._current_progress_remaining)))
        return True

    model.learn(left, callback=RolloutCallback(look), reset_num_timesteps=False)
    assert model.num_timesteps == 1024 and rates[0][0] > 512
    assert not torch.equal(numbers(model)["policy.log_std" if algorithm == "ppo" else "log_ent_coef"], before)
    if algorithm == "ppo":  # the schedule goes on, too: half of the steps were done before
        assert rates[-1][1] < 0.6 * SETTINGS["ppo"].learning_rate


def test_sac_fills_its_replay_buffer_before_it_learns_on(tmp_path: Path):
    save_teacher(tmp_path, trained("sac"), {})
    model = make_teacher(SETTINGS["sac"], worlds())
    first = model.learning_starts
    restore_teacher(model, tmp_path)
    weights = numbers(model)
    model.learn(first - 8, reset_num_timesteps=False)
    assert model.replay_buffer is not None and model.replay_buffer.size() * 8 >= first - 8
    assert all(torch.equal(value, weights[name]) for name, value in numbers(model).items())
    model.learn(32, reset_num_timesteps=False)
    assert not all(torch.equal(value, weights[name]) for name, value in numbers(model).items())


def test_the_last_three_are_kept(tmp_path: Path):
    model = make_teacher(SETTINGS["ppo"], worlds())
    for steps in (1000, 2000, 3000, 4000):
        model.num_timesteps = steps
        save_teacher(tmp_path, model, {})
    assert sorted(p.name for p in tmp_path.iterdir()) == [f"step_00000{n}000.zip" for n in (2, 3, 4)]


def test_nothing_to_restore(tmp_path: Path):
    with pytest.raises(FileNotFoundError, match="no intact checkpoint"):
        restore_teacher(make_teacher(SETTINGS["ppo"], worlds()), tmp_path)


def three_quarters(content: bytes) -> bytes:
    return content[: len(content) * 3 // 4]


def flipped(content: bytes) -> bytes:
    middle = content.index(b"policy.pth") + 2000
    return content[:middle] + bytes([content[middle] ^ 255]) + content[middle + 1 :]


def without(name: str) -> Any:
    def drop(content: bytes) -> bytes:
        out = io.BytesIO()
        with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(out, "w") as new:
            for member in set(old.namelist()) - {name}:
                new.writestr(member, old.read(member))
        return out.getvalue()

    return drop


@pytest.mark.parametrize(
    "damage",
    [
        *(three_quarters, flipped, lambda _: b""),
        *(without(name) for name in ("policy.pth", "policy.optimizer.pth", "sim2real.json")),
    ],
)
def test_a_damaged_zip_is_named_and_the_one_before_is_used(tmp_path: Path, damage: Any):
    model = trained("ppo")
    save_teacher(tmp_path, model, {"width": 0.1})
    expected = numbers(model)
    model.learn(256, reset_num_timesteps=False)
    newest = save_teacher(tmp_path, model, {"width": 0.2})
    newest.write_bytes(damage(newest.read_bytes()))
    other = make_teacher(SETTINGS["ppo"], worlds())
    with pytest.warns(UserWarning, match=rf"{newest.name} is damaged .*; trying the previous checkpoint") as warned:
        assert restore_teacher(other, tmp_path)["width"] == 0.1
    assert "\n" not in str(warned[0].message)
    for name, value in numbers(other).items():
        assert torch.equal(value, expected[name]), name


@pytest.mark.parametrize("damage", [three_quarters, flipped, lambda _: b""])
def test_of_a_finished_run_nothing_half_trained_is_taken(tmp_path: Path, damage: Any):
    model = trained("ppo", 256)
    save_teacher(tmp_path / "checkpoints", model, {})
    model.learn(256, reset_num_timesteps=False)
    newest, expected = save_teacher(tmp_path / "checkpoints", model, {}), numbers(model)
    newest.write_bytes(damage(newest.read_bytes()))
    other = make_teacher(SETTINGS["ppo"], worlds())
    message = r"no intact teacher of its 512 steps, only a checkpoint after 256: resume its training"
    with pytest.warns(UserWarning, match=newest.name), pytest.raises(InputError, match=message):
        restore_finished(other, tmp_path, 512)
    newest.unlink()
    with pytest.raises(InputError, match=message):
        restore_finished(other, tmp_path, 512)
    write_teacher(tmp_path / "teacher.zip", model, {})
    restore_finished(other, tmp_path, 512)
    assert all(torch.equal(value, expected[name]) for name, value in numbers(other).items())
    (tmp_path / "teacher.zip").write_bytes(damage((tmp_path / "teacher.zip").read_bytes()))
    with pytest.warns(UserWarning, match=r"teacher\.zip is damaged"), pytest.raises(InputError, match=message):
        restore_finished(other, tmp_path, 512)


def test_a_network_of_another_shape_is_refused_in_one_line(tmp_path: Path):
    save_teacher(tmp_path, trained("ppo", 256), {})
    other = make_teacher(TeacherConfig(hidden=(16,)), worlds())
    with pytest.raises(ValueError, match="does not fit the networks") as caught:
        restore_teacher(other, tmp_path)
    assert "\n" not in str(caught.value)


def test_a_full_disk_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    model = trained("ppo", 256)
    save_teacher(tmp_path, model, {"width": 0.1})
    before = numbers(model)
    model.learn(256, reset_num_timesteps=False)

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        save_teacher(tmp_path, model, {"width": 0.2})
    assert [p.name for p in tmp_path.iterdir()] == ["step_000000256.zip"]
    other = make_teacher(SETTINGS["ppo"], worlds())
    restore_teacher(other, tmp_path)
    assert all(torch.equal(value, before[name]) for name, value in numbers(other).items())


class Bomb:
    """What a pickle can do to who reads it."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple:
        return os.mkdir, (str(self.trace),)


def with_bomb(path: Path, member: str, bomb: Bomb) -> None:
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    if member == "data":
        data = json.loads(members["data"])
        data["lr_schedule"] = {":type:": "x", ":serialized:": base64.b64encode(pickle.dumps(bomb)).decode()}
        members["data"] = json.dumps(data).encode()
    else:
        content = io.BytesIO()
        torch.save({"weight": bomb}, content)
        members[member] = content.getvalue()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def test_restoring_runs_no_pickle(tmp_path: Path):
    trace, checkpoints = tmp_path / "trace", tmp_path / "checkpoints"
    model = trained("ppo", 256)
    path = save_teacher(checkpoints, model, {})
    with_bomb(path, "data", Bomb(trace))
    PPO.load(path, device="cpu")
    trace.rmdir()  # it was a live bomb
    other = make_teacher(SETTINGS["ppo"], worlds())
    restore_teacher(other, checkpoints)  # what it needs is whole
    assert not trace.exists()
    assert all(torch.equal(value, numbers(model)[name]) for name, value in numbers(other).items())
    with_bomb(path, "policy.pth", Bomb(trace))
    with pytest.warns(UserWarning, match="objects other than tensors"), pytest.raises(FileNotFoundError):
        restore_teacher(other, checkpoints)
    assert not trace.exists()
