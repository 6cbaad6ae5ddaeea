"""`sim2real bridge`, and what drives a robot through it: settings, Ctrl-C, episodes as without a bridge."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bridges import TOKEN, Remembering, bridged
from envs import make_task
from policies import Policy
from sim2real.checkpoints import save_policy
from sim2real.rehearsal.robot import SimulatedRobot
from sim2real.robots.bridge import Bridge
from sim2real.robots.loopback import Loopback
from sim2real.training.pretrain_config import PretrainConfig
from sim2real.training.pretraining import policy_config

torch.set_num_threads(1)
SLOW: dict[str, Any] = {"limits": None, "timeout": 10.0}


@pytest.fixture
def token(workplace: Path) -> str:
    """The name of a file with the token."""
    file = workplace / "bridge.token"
    file.write_text(TOKEN + "\n")
    file.chmod(0o600)
    return file.name


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--robot", "roomba"), "no driver for robot 'roomba'; there are: loopback, remote, so101"),
        (("--robot", "remote"), "a remote robot already has a bridge"),
        (("--robot", "so101"), "so101 needs --port"),
        (("--port", "/dev/none"), "--port and --calibration are for a robot"),
        (("--task", "Foo"), "no task 'Foo'"),
        (("--view", "belly"), "Reach has no camera 'belly'; it has: front"),
        (("--listen", "here"), "'here' is not an address"),
        (("--jpeg", "200"), "jpeg must be between 0 and 100"),
        (("--robot", "loopback", "--listen", "192.0.2.1:7210"), r"192\.0\.2\.1:7210 cannot be listened on"),
    ],
)
def test_what_cannot_be(complains: Callable[[tuple, str], None], token: str, words: tuple, message: str):
    complains(("bridge", *words), message)


@pytest.mark.parametrize("move", [True, False])
def test_a_bridge_says_where_it_is_and_ctrl_c_stops_the_robot(
    command: Callable[..., Any], workplace: Path, monkeypatch: pytest.MonkeyPatch, move: bool
):
    robots: list[Loopback] = []

    def interrupted(self: Bridge) -> None:
        robots.append(self._robot)
        raise KeyboardInterrupt

    monkeypatch.setattr(Bridge, "serve", interrupted)
    done = command("bridge", "--robot", "loopback", "--listen", "127.0.0.1:0", *(["--move"] if move else []))
    assert done.code == 130 and "loopback at 127.0.0.1:" in done.out and "token in bridge.token" in done.out
    assert ("commands move it" in done.out) == move and ("commands are refused" in done.out) != move
    file = workplace / "bridge.token"
    assert file.stat().st_mode & 0o777 == 0o600 and file.read_text().strip() not in done.out
    assert robots[0].closed and robots[0].control_dt == pytest.approx(1 / 30)


@pytest.mark.slow
def test_a_policy_drives_a_simulated_car_behind_a_bridge_as_without(
    command: Callable[..., Any], workplace: Path, short_lane: str, token: str
):
    """Nobody is asked: it prepares its episodes itself, and knows their outcome."""
    torch.manual_seed(0)
    policy = Policy(policy_config(make_task(short_lane).spec, PretrainConfig(short_lane, width=4)))
    save_policy(workplace / "first", policy, {}, "# A policy")
    car = SimulatedRobot(make_task(short_lane, "rehearsal"), ("front",))
    with bridged(car, **SLOW) as address:
        where = ("--on", "robot", "--robot", "remote", "--address", address, "--token-file", token)
        done = command("evaluate", "first", *where, "--move", "--episodes", 2, "--out", "far")
        assert done.code == 0 and done.err == "" and "goes limp" not in done.out, done
        assert command("evaluate", "first", *where, "--episodes", 2).code == 2, "not without --move"
    car.close()
    command("evaluate", "first", "--on", "rehearsal", "--episodes", 2, "--out", "near")
    far, near = (json.loads((workplace / run / "metrics.json").read_text()) for run in ("far", "near"))
    assert far["robot"] == "remote" and far["success"] == near["success"]
    for one, other in zip(far["episodes"], near["episodes"], strict=True):
        assert (one["label"], one["steps"], one["seed"]) == (other["label"], other["steps"], other["seed"])
        assert one["return"] == pytest.approx(other["return"], rel=0.02, abs=0.1)


@pytest.mark.slow
def test_a_person_judges_a_robot_behind_a_bridge(
    command: Callable[..., Any], workplace: Path, short_lane: str, token: str, monkeypatch: pytest.MonkeyPatch
):
    policy = Policy(policy_config(make_task(short_lane).spec, PretrainConfig(short_lane, width=4)))
    save_policy(workplace / "first", policy, {}, "# A policy")
    answers = iter(["", "s"])
    monkeypatch.setattr("builtins.input", lambda question="": next(answers))

    class Car(Remembering):
        def __init__(self) -> None:
            super().__init__(dt=0.05)
            self.action_names = ("steering", "throttle")

    robot = Car()
    with bridged(robot, **SLOW) as address:
        where = ("--on", "robot", "--robot", "remote", "--address", address, "--token-file", token)
        done = command("evaluate", "first", *where, "--move", "--episodes", 1, "--out", "run")
    assert done.code == 0, done
    (row,) = json.loads((workplace / "run" / "metrics.json").read_text())["episodes"]
    assert row["label"] == "success" and row["steps"] == len(robot.commanded) == 40
    assert robot.stopped and not robot.closed and np.isfinite(robot.position).all()
