"""`sim2real evaluate --on robot`, `--real-time` and `--on both`: loops, people who judge, Ctrl-C, correlations."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from envs import make_task
from policies import Policy
from sim2real.checkpoints import save_policy
from sim2real.evaluation.trials import Session
from sim2real.rehearsal.robot import SimulatedRobot
from sim2real.reports.pages.correlation import short_names
from sim2real.robots.loopback import Loopback
from sim2real.training.pretrain_config import PretrainConfig
from sim2real.training.pretraining import policy_config

torch.set_num_threads(1)
LOOPBACK = ("--on", "robot", "--robot", "loopback", "--move")


@pytest.fixture(autouse=True)
def policies(workplace: Path, short_lane: str) -> list[str]:
    """Three checkpoints of policies that never learned anything."""
    names = ["first", "second", "third"]
    for seed, name in enumerate(names):
        torch.manual_seed(seed)
        policy = Policy(policy_config(make_task(short_lane).spec, PretrainConfig(short_lane, width=4)))
        save_policy(workplace / name, policy, {}, "# A policy")
    return names


def metrics(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "metrics.json").read_text())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--on", "robot"), "no robot is configured: name one with --robot"),
        (("--on", "robot", "--robot", "loopback"), "--on robot makes loopback move: add --move"),
        (("--on", "robot", "--robot", "so101", "--move"), "so101 needs --port"),
        (
            ("--on", "robot", "--robot", "roomba", "--move"),
            "no driver for robot 'roomba'; there are: loopback, remote, so101",
        ),
        (("--on", "rehearsal", "--move"), "--calibration, --address, --token-file and --move are for --on robot"),
        (("--real-time",), "--real-time is for --on rehearsal"),
        (("second", "--on", "both"), "--on both needs at least three checkpoints"),
        (("second", "third"), "two checkpoints can be compared; with --on both three or more are correlated"),
        (("--on", "robot", "--dataset", "set"), "--dataset moves nothing: leave out --on robot"),
        ((*LOOPBACK, "--randomization", "wide"), "the robot has a fixed appearance"),
    ],
)
def test_what_cannot_be(complains: Callable[[tuple, str], None], words: tuple, message: str):
    complains(("evaluate", "first", *words), message)


@pytest.mark.usefixtures("seeded_order")
def test_a_person_judges_two_policies_at_the_same_set_ups(
    command: Callable[..., Any], workplace: Path, answers: Callable, quick: list[Loopback]
):
    order = Session.draw([workplace / "first", workplace / "second"], 4, 2, np.random.default_rng(4)).order
    judged = {(4, 0): "s", (4, 1): "f", (5, 0): "s", (5, 1): "s"}
    asked = answers(*(word for slot in order for word in ("", judged[slot])))
    done = command("evaluate", "first", "second", *LOOPBACK, "--episodes", 2, "--seed", 4, "--out", "run")
    assert done.code == 0 and done.err == "", done
    scene, again = "episode {}: prepare the scene", ", exactly as before"
    asked_for = [text for seed in (4, 5) for text in (scene.format(seed), scene.format(seed) + again)]
    assert [question.removesuffix(", then press Enter ") for question in asked[::2]] == asked_for  # of no policy
    result = metrics(workplace / "run")
    assert result["success"]["value"] == 1 and result["against"]["success"]["value"] == 0.5 and result["finished"]
    assert [row["label"] for row in result["against"]["episodes"]] == ["failure", "success"]
    row = result["episodes"][0]
    assert row["steps"] == 40 and row["loop_rate_hz"] == pytest.approx(20) and row["dropped_frames"] == 0
    assert row["latency_ms"]["median"] > 0 and row["return"] is None and row["seed"] == 4
    assert row["latency_ms"]["median"] <= row["latency_ms"]["p99"] <= row["latency_ms"]["largest"]
    assert result["difference"]["count"] == 2 and result["settling"]["more"] > 0
    assert "to settle it: if the observed 50.0 points are the true difference, about " in done.out
    assert "loop of first: 20.0 Hz, latency " in done.out and "0 of 80 frames dropped or late" in done.out
    assert " ms (p99 " in done.out and len(quick) == 1 and quick[0].closed and quick[0].stopped


@pytest.mark.parametrize("where", ["prepare", "move"])
def test_ctrl_c_loses_nothing(
    command: Callable[..., Any],
    workplace: Path,
    answers: Callable,
    quick: list[Loopback],
    monkeypatch: pytest.MonkeyPatch,
    where: str,
):
    answers("", "s", *([KeyboardInterrupt] if where == "prepare" else [""]))
    if where == "move":
        observe, calls = Loopback.observe, []

        def interrupted(self: Loopback) -> dict[str, Any]:
            calls.append(1)
            if len(calls) == 41 + 7:
                raise KeyboardInterrupt
            return observe(self)

        monkeypatch.setattr(Loopback, "observe", interrupted)
    done = command("evaluate", "first", *LOOPBACK, "--episodes", 9, "--out", "run")
    assert done.code == 130 and "interrupted" in done.out
    result = metrics(workplace / "run")
    expected = [("success", 40), ("aborted", 6)][: 2 if where == "move" else 1]
    assert [(row["label"], row["steps"]) for row in result["episodes"]] == expected
    assert not result["finished"] and result["success"]["count"] == 1
    assert ("1 of 2 episodes aborted" in done.out) == (where == "move")
    assert quick[0].closed and quick[0].stopped


@pytest.mark.parametrize("error", [OSError("servo 2 is silent"), RuntimeError("a bug")])
def test_what_was_judged_is_kept_whatever_goes_wrong_at_the_end(
    command: Callable[..., Any],
    workplace: Path,
    answers: Callable,
    quick: list[Loopback],
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
):
    answers("", "s", "", "f")

    def close(self: Loopback) -> None:
        raise error

    monkeypatch.setattr(Loopback, "close", close)
    done = command("evaluate", "first", *LOOPBACK, "--episodes", 2, "--out", "run")
    if isinstance(error, OSError):
        assert done.code == 0 and "not closed properly (servo 2 is silent)" in done.out
    else:
        assert done.code == 70 and "RuntimeError: a bug" in done.err
    result = metrics(workplace / "run")
    assert [row["label"] for row in result["episodes"]] == ["success", "failure"]
    assert result["finished"] == isinstance(error, OSError)


def test_where_nobody_answers_nothing_is_claimed(
    command: Callable[..., Any], workplace: Path, answers: Callable, quick: list[Loopback]
):
    answers()
    done = command("evaluate", "first", *LOOPBACK, "--episodes", 2, "--out", "run")
    assert done.code == 130 and metrics(workplace / "run") == {
        "format_version": 1, "finished": False, "on": "robot", "episodes": [],
    }  # fmt: skip
    assert quick[0].closed


@pytest.mark.slow
def test_the_rehearsal_robot_keeps_time_when_it_is_asked_to(
    command: Callable[..., Any], workplace: Path, monkeypatch: pytest.MonkeyPatch
):
    slept: list[float] = []
    start = SimulatedRobot.__init__
    machine = {"clock": lambda: sum(slept), "sleep": slept.append}
    monkeypatch.setattr(SimulatedRobot, "__init__", lambda self, *words, **more: start(self, *words, **more, **machine))
    done = command("evaluate", "first", "--on", "rehearsal", "--real-time", "--episodes", "1", "--out", "run")
    assert done.code == 0 and done.err == "" and "LaneFollow: first on the rehearsal robot\n" in done.out
    row = metrics(workplace / "run")["episodes"][0]
    assert row["label"] in ("success", "failure") and row["loop_rate_hz"] == pytest.approx(20)
    assert row["steps"] == 40 and sum(slept) == pytest.approx(40 / 20, abs=0.11)
    assert "real" not in done.out.replace("sim2real", "").replace("--real-time", "")


@pytest.mark.slow
def test_simulation_and_rehearsal_are_correlated_over_checkpoints(command: Callable[..., Any], workplace: Path):
    done = command("evaluate", "first", "second", "third", "--on", "both", "--episodes", 3, "--out", "run")
    assert done.code == 0 and done.err == "", done
    assert "mean maximum rank violation: " in done.out and "Pearson" in done.out and "Spearman" in done.out
    result = metrics(workplace / "run")
    assert [entry["checkpoint"] for entry in result["checkpoints"]] == ["first", "second", "third"]
    for entry in result["checkpoints"]:
        for side in ("sim", "rehearsal"):
            assert [row["seed"] for row in entry[side]["episodes"]] == [10_000_000, 10_000_001, 10_000_002]
    assert result["correlation"]["checkpoints"] == 3 and result["finished"]
    page = (workplace / "run" / "report.html").read_text()
    assert "simulated stand-in" in page and "rank violation" in page and "third" in page
    assert (workplace / "run" / "correlation.png").stat().st_size > 5000


def test_checkpoints_have_short_names_that_differ(tmp_path: Path):
    assert short_names([tmp_path / "a" / "x", tmp_path / "b" / "y"]) == ["x", "y"]
    assert short_names([tmp_path / "a" / "x", tmp_path / "b" / "x", tmp_path / "c"])[:2] == ["a/x", "b/x"]
