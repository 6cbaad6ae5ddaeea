"""Teachers: SB3's own algorithms and zips, checked settings, actions without noise."""

import base64
import json
import pickletools
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from stable_baselines3 import PPO, SAC
from stable_baselines3.common.envs import IdentityEnvBox

from sim2real.training.sb3_teacher import RolloutCallback, Teacher, _batch_size, make_teacher
from sim2real.training.teacher_checkpoints import save_teacher
from sim2real.training.teacher_config import TeacherConfig
from teachers import ALGORITHMS, SETTINGS, trained, worlds

torch.set_num_threads(1)
SB3 = {"ppo": PPO, "sac": SAC}


@ALGORITHMS
def test_sb3_opens_the_zip(tmp_path: Path, algorithm: str):
    model = trained(algorithm)
    loaded = SB3[algorithm].load(save_teacher(tmp_path, model, {"width": 1.0}), device="cpu")
    observation = np.random.default_rng(1).uniform(-1, 1, (5, 1)).astype(np.float32)
    mine, _ = loaded.predict(observation, deterministic=True)
    np.testing.assert_allclose(mine, Teacher(model)(observation), atol=1e-6)
    assert loaded.num_timesteps == 512
    loaded.set_env(worlds())
    loaded.learn(64, reset_num_timesteps=False)


@ALGORITHMS
def test_the_zip_names_nothing_of_ours(tmp_path: Path, algorithm: str):
    """So that it loads where this package is not installed."""
    with zipfile.ZipFile(save_teacher(tmp_path, trained(algorithm, 256), {})) as archive:
        entries = json.loads(archive.read("data"))
    pickles = [base64.b64decode(e[":serialized:"]) for e in entries.values() if ":serialized:" in str(e)]
    words = {arg for each in pickles for _, arg, _ in pickletools.genops(each) if isinstance(arg, str)}
    assert any(word.startswith("stable_baselines3.") for word in words)
    assert not [word for word in words if word.split(".")[0] in ("policies", "sim2real", "envs", "launch")]


@pytest.mark.slow
def test_the_zip_loads_where_this_package_is_not_installed(tmp_path: Path):
    path = save_teacher(tmp_path, trained("ppo", 256), {})
    code = (
        "import sys; sys.modules.update(policies=None, sim2real=None, envs=None, launch=None)\n"
        "from stable_baselines3 import PPO\n"
        "print(PPO.load(sys.argv[1], device='cpu').num_timesteps)"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", code, path], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("256\n", "")


def test_a_teacher_acts_without_noise_within_its_limits():
    teacher = Teacher(trained("ppo", 256))
    observation = np.random.default_rng(0).uniform(-9, 9, (50, 1)).astype(np.float32)
    action = teacher(observation)
    assert action.shape == (50, 1) and action.dtype == np.float32 and np.abs(action).max() <= 1
    np.testing.assert_array_equal(teacher(observation), action)
    np.testing.assert_allclose(teacher(observation[7:8]), action[7:8], atol=1e-6)


class Succeeding(IdentityEnvBox):
    """Every step is a success."""

    def step(self, action: np.ndarray) -> tuple:
        *rest, info = super().step(action)
        return *rest, {**info, "is_success": True}


def test_progress_reports_and_stops_when_told_to():
    said: list[tuple[int, dict[str, float]]] = []

    def report(steps: int, metrics: dict[str, float]) -> bool:
        said.append((steps, metrics))
        return len(said) < 3

    model = make_teacher(SETTINGS["ppo"], worlds(Succeeding))
    model.learn(100_000, callback=RolloutCallback(report))
    assert [steps for steps, _ in said] == [256, 512, 768]
    figures = said[-1][1]
    assert (figures["episodes"], figures["success"], figures["length"]) == (100, 1, 5)
    assert figures["return"] == pytest.approx(np.mean([e["r"] for e in model.ep_info_buffer or ()]))


@given(st.integers(1, 3000))
def test_a_rollout_is_cut_into_equal_batches(worlds: int):
    size = _batch_size(worlds)
    assert 32 * worlds % size == 0 and 2 <= size <= min(max(2048, worlds), 8 * worlds)
    assert size > 1000 or size == 8 * worlds  # and not into crumbs


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"algorithm": "pop"}, "no algorithm 'pop'; valid: ppo, sac"),
        ({"steps": -1}, "steps must be at least 1, or 0 for the task.s own number, not -1"),
        ({"learning_rate": 0.0}, "learning_rate must be positive, not 0.0"),
        ({"learning_rate": float("nan")}, "learning_rate must be positive, not nan"),
        ({"gamma": 1.5}, "gamma must be between 0 and 1, not 1.5"),
        ({"hidden": (64, 0)}, r"at least one unit each, not \(64, 0\)"),
        ({"seed": -1}, "seed must be between 0 and 4294967295, not -1"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings: dict[str, Any], message: str):
    with pytest.raises(ValueError, match=message):
        TeacherConfig(**settings)
