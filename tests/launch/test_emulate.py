"""`sim2real emulate`: the README's commands on an emulated arm, from another process, over a real pseudo-terminal."""

import json
import os
import pty
import select
import shlex
import shutil
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
from sim2real.datasets import EpisodeDataset
from sim2real.training.pretrain_config import PretrainConfig
from sim2real.training.pretraining import policy_config

MAIN = (sys.executable, "-c", "from launch.main import main; main()")
README = Path(__file__).parents[2] / "README.md"
START, PATIENCE = 60.0, 120.0  # s
TRIED = 3  # times that a command is run, as a machine that is busy with other tests may starve the emulator
STARVED = ("do not answer", "the camera stalled", "stood still", "episodes aborted", "episodes invalid")
MOVING = 3.0  # s
MADE = {"record": ("datasets/mine",), "replay": (), "evaluate": ("runs/session", "camera")}
ANSWERS = {"press Enter": "\n", "outcome? ": "s\n"}


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


def at_terminal(folder: Path, words: list[str], key: str = "") -> tuple[int, str]:
    """Run a command at a terminal of its own, with a person who answers; returns exit code and what was printed.

    Args:
        key: pressed after MOVING seconds in which nothing is printed: the robot moves.
    """
    master, slave = pty.openpty()
    running = subprocess.Popen([*MAIN, *words], cwd=folder, stdin=slave, stdout=slave, stderr=slave)
    os.close(slave)
    said, seen, until = "", 0, time.monotonic() + PATIENCE
    try:
        while time.monotonic() < until:
            ready, _, _ = select.select([master], [], [], MOVING)
            if not ready:
                if key and running.poll() is None:
                    os.write(master, key.encode())
                continue
            try:
                said += os.read(master, 4096).decode(errors="replace")
            except OSError:  # the other end is closed
                break
            for question, answer in ANSWERS.items():
                if question in said[seen:]:
                    seen = len(said)
                    os.write(master, answer.encode())
        return running.wait(20), said
    finally:
        running.kill()
        os.close(master)


def readme_commands(arm: dict[str, str]) -> list[list[str]]:
    """The README's commands on an SO-101, with an emulated arm's addresses, one episode each, and small."""
    text = README.read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.startswith("sim2real ") and "--robot so101" in line]
    places = {"/dev/ttyACM0": arm["port"], "follower": arm["calibration"]}
    commands = []
    for line in lines:
        words = [places.get(word, word) for word in shlex.split(line.partition("   #")[0])[1:]]
        words[words.index("--camera") + 1] = arm["camera"]
        if "--episodes" in words:
            words[words.index("--episodes") + 1] = "1"
        commands.append(words)
    return commands


@pytest.mark.slow
def test_the_readmes_commands_run_on_an_emulated_arm(arm: dict[str, str], workplace: Path):
    torch.manual_seed(0)
    for name in ("reach", "mine"):
        policy = Policy(policy_config(make_task("Reach").spec, PretrainConfig("Reach", width=4)))
        save_policy(workplace / "runs" / name, policy, {}, "# A policy")
    commands = readme_commands(arm)
    assert [words[0] for words in commands] == ["record", "replay", "evaluate"]
    for words in commands:
        code, said = 1, "nothing was run"
        for _ in range(TRIED):
            code, said = at_terminal(workplace, words, "s" if words[0] == "record" else "")
            if not any(each in said for each in STARVED):
                break
            for made in MADE[words[0]]:
                shutil.rmtree(workplace / made, ignore_errors=True)
        assert code == 0, said
    assert EpisodeDataset.open(workplace / "datasets/mine").lengths.tolist() != []
    metrics = json.loads((workplace / "runs/session/metrics.json").read_text())
    assert metrics["success"]["value"] == 1.0 and metrics["sequential"]["difference"]["count"] == 1
    assert (workplace / "camera/reference.png").is_file() and (workplace / "runs/session/report.html").is_file()
    assert len(EpisodeDataset.open(workplace / "runs/session/episodes")) == 2
    assert_refused(arm, workplace)


def assert_refused(arm: dict[str, str], workplace: Path) -> None:
    """Without leave, and with another arm's calibration."""
    where = [word for name, value in arm.items() for word in (f"--{name}", value)]
    words = ["evaluate", "runs/reach", "--on", "robot", "--robot", "so101", *where, "--episodes", "1"]
    wrong = subprocess.run([*MAIN, *words], cwd=workplace, capture_output=True, text=True, timeout=120)
    assert wrong.returncode == 2 and "add --move" in wrong.stderr
    entries = json.loads((workplace / arm["calibration"]).read_text())
    entries["gripper"]["homing_offset"] += 5
    (workplace / arm["calibration"]).write_text(json.dumps(entries))
    other = subprocess.run([*MAIN, *words, "--move"], cwd=workplace, capture_output=True, text=True, timeout=120)
    assert other.returncode == 2 and "gripper was calibrated otherwise" in other.stderr
    assert len(other.stderr.strip().splitlines()) == 1
