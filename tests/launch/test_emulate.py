"""`sim2real emulate`: the README's commands on an emulated arm, from another process, over a real pseudo-terminal."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from envs import make_task
from policies import Policy
from sim2real.checkpoints import save_policy
from sim2real.training.pretrain_config import PretrainConfig
from sim2real.training.pretraining import policy_config

MAIN = (sys.executable, "-c", "from launch.main import main; main()")
START, TRIED = 60.0, 3  # s; episodes, as a machine that is busy with other tests may starve the emulator
STARVED = ("do not answer", "the camera stalled", "stood still", '"valid": false')


@pytest.fixture
def arm(workplace: Path) -> Iterator[dict[str, str]]:
    """An emulated arm in a process of its own, by its addresses."""
    running = subprocess.Popen([*MAIN, "emulate", "emulated"], cwd=workplace, stdout=subprocess.PIPE, text=True)
    try:
        until = time.monotonic() + START
        while not (camera := workplace / "emulated/camera").is_file() and time.monotonic() < until:
            time.sleep(0.1)
        yield {"camera": camera.read_text().strip(), "port": "emulated/port", "calibration": "emulated/so101.json"}
    finally:
        running.terminate()
        running.wait(10)
    assert not (workplace / "emulated/port").is_symlink(), "it is unplugged"


def sim2real(folder: Path, *words: str, typed: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run([*MAIN, *words], cwd=folder, input=typed, capture_output=True, text=True, timeout=120)


def evaluated(folder: Path, words: tuple[str, ...], tried: int = 0) -> tuple[subprocess.CompletedProcess[str], dict]:
    """Evaluate an episode; once more if the emulator had no time to answer."""
    done = sim2real(folder, *words, "--out", f"run{tried}", typed="\ns\n")
    assert done.returncode == 0, done.stderr
    metrics = json.loads((folder / f"run{tried}/metrics.json").read_text())
    starved = any(said in done.stdout + json.dumps(metrics) for said in STARVED)
    return evaluated(folder, words, tried + 1) if starved and tried + 1 < TRIED else (done, metrics)


@pytest.mark.slow
def test_a_policy_is_evaluated_and_an_episode_replayed_on_an_emulated_arm(arm: dict[str, str], workplace: Path):
    torch.manual_seed(0)
    policy = Policy(policy_config(make_task("Reach").spec, PretrainConfig("Reach", width=4)))
    save_policy(workplace / "reach", policy, {}, "# A policy")
    where = [word for name, value in arm.items() for word in (f"--{name}", value)]
    words = ("evaluate", "reach", "--on", "robot", "--robot", "so101", *where, "--episodes", "1", "--move")
    done, metrics = evaluated(workplace, words)
    assert metrics["success"]["value"] == 1.0 and "loop of reach: " in done.stdout
    wrong = sim2real(workplace, *words[:-1], "--out", "refused")
    assert wrong.returncode == 2 and "add --move" in wrong.stderr
    entries = json.loads((workplace / arm["calibration"]).read_text())
    entries["gripper"]["homing_offset"] += 5
    (workplace / arm["calibration"]).write_text(json.dumps(entries))
    other = sim2real(workplace, *words, "--out", "other")
    assert other.returncode == 2 and "gripper was calibrated otherwise" in other.stderr
    assert len(other.stderr.strip().splitlines()) == 1
