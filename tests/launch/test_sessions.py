"""Sessions on a robot: saved episodes, a blind order, keys, a person who takes over, resuming, loops that are slow."""

import errno
import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from envs import make_task
from policies import Policy
from sim2real.checkpoints import read_config, save_policy
from sim2real.datasets import EpisodeDataset, EpisodeWriter
from sim2real.evaluation.trials import Session
from sim2real.robots.loopback import Loopback
from sim2real.training.pretrain_config import PretrainConfig
from sim2real.training.pretraining import policy_config
from stopped import stop

torch.set_num_threads(1)
LOOPBACK = ("--on", "robot", "--robot", "loopback", "--move")
RIGHT, UP = "\x1b[C", "\x1b[A"


def save(folder: Path, seed: int, task: str = "LaneFollow") -> None:
    torch.manual_seed(seed)
    save_policy(folder, Policy(policy_config(make_task(task).spec, PretrainConfig(task, width=4))), {}, "# A policy")


@pytest.fixture(autouse=True)
def policies(workplace: Path, short_lane: str) -> None:
    """Two checkpoints of policies that never learned anything."""
    for seed, name in enumerate(("first", "second")):
        save(workplace / name, seed, short_lane)


def metrics(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "metrics.json").read_text())


def outcomes(folder: Path) -> list[dict[str, Any]]:
    return [outcome or {} for outcome in EpisodeDataset(folder / "episodes").outcomes]


@pytest.mark.slow
@pytest.mark.usefixtures("quick")
def test_every_episode_is_saved_with_what_became_of_it(command: Callable[..., Any], workplace: Path, answers: Callable):
    answers("", "s", "", "f")
    assert command("evaluate", "first", *LOOPBACK, "--episodes", 2, "--seed", 7, "--out", "run").code == 0
    dataset, told = EpisodeDataset(workplace / "run/episodes"), outcomes(workplace / "run")
    assert dataset.lengths.tolist() == [40, 40] and len(set(dataset.sessions)) == 1  # one sitting
    assert [(each["label"], each["seed"], each["checkpoint"]) for each in told] == [
        ("success", 7, "first"), ("failure", 8, "first"),
    ]  # fmt: skip
    assert told[0]["sha256"] == read_config(workplace / "first")["weights"]["sha256"] and told[0]["valid"]
    assert told[0]["loop"]["latency_ms"]["p99"] > 0 and told[0]["loop"]["loop_rate_hz"] == pytest.approx(20)
    assert not dataset.episode(0)["intervention"].any()
    rows = metrics(workplace / "run")["episodes"]
    assert [(row["file"], row["order"], row["policy"], row["valid"]) for row in rows] == [
        (0, 0, 0, True),
        (1, 1, 0, True),
    ]
    done = command(
        "replay", "run/episodes", "--episode", 1, "--on", "policy", "--checkpoint", "first", "--out", "again"
    )
    assert done.code == 0 and "episode 1: 40 frames" in done.out, done


@pytest.mark.usefixtures("quick")
def test_keys_end_an_episode_at_once(command: Callable[..., Any], workplace: Path, answers: Callable, typed: Callable):
    asked = answers("", "", "", "", "f")
    typed({0: "s", 5: "s", 7: "x\x1b[?", 9: "f", 12: "a"})  # what is typed before an episode does not count
    done = command("evaluate", "first", *LOOPBACK, "--episodes", 4, "--out", "run")
    assert done.code == 0 and "1 of 4 episodes aborted" in done.out, done
    rows = metrics(workplace / "run")["episodes"]
    assert [(row["label"], row["steps"]) for row in rows] == [
        ("success", 4), ("failure", 2), ("aborted", 1), ("failure", 40),
    ]  # fmt: skip
    assert len(asked) == 5 and rows[2]["reason"] == "aborted by hand"


@pytest.mark.usefixtures("quick")
def test_a_person_takes_over_and_gives_back(
    command: Callable[..., Any], workplace: Path, answers: Callable, typed: Callable
):
    answers("", "s", "", "s")
    typed({11: RIGHT, 12: RIGHT + RIGHT, 14: UP, 21: " ", 30: "h", 33: "h"})
    done = command("evaluate", "first", *LOOPBACK, "--episodes", 2, "--out", "run")
    assert done.code == 0, done
    first, second = EpisodeDataset(workplace / "run/episodes")
    by_hand, action = first["intervention"], first["action"]
    assert np.flatnonzero(by_hand).tolist() == [*range(10, 20), *range(29, 32)] and not second["intervention"].any()
    steering, throttle = np.diff(action[9:13, 0]), action[9:20, 1]
    assert steering[0] == pytest.approx(0.15, abs=1e-3) and steering[1] == pytest.approx(0.3, abs=1e-3)
    assert abs(action[19, 0]) < 0.6 * abs(action[11, 0])  # it straightens where no key is pressed
    np.testing.assert_allclose(np.diff(throttle), [0, 0, 0, 0.05, 0, 0, 0, 0, 0, 0], atol=1e-6)
    row = metrics(workplace / "run")["episodes"][0]
    assert row["interventions"] == 13 and row["label"] == "success"
    assert metrics(workplace / "run")["success"]["value"] == 0.5, "who needed help did not succeed"
    assert "succeeded in 1 of 2" in done.out


@pytest.mark.slow
@pytest.mark.usefixtures("quick")
@pytest.mark.usefixtures("seeded_order")
def test_a_session_is_resumed_in_its_order_without_telling_results(
    command: Callable[..., Any], workplace: Path, answers: Callable, complains: Callable
):
    words = ("evaluate", "first", "second", *LOOPBACK, "--episodes", 3, "--out", "run")
    answers("", "s", "", "f", "", "s", KeyboardInterrupt)
    done = command(*words)
    assert done.code == 130 and "--resume" in done.out and "3 of 6 episodes done" in done.out
    assert "success" not in done.out and "first:" not in done.out  # nobody at the robot knows yet
    order = json.loads((workplace / "run/session.json").read_text())["order"]
    folders, random = [workplace / "first", workplace / "second"], np.random.default_rng(10_000_000)
    assert order == [list(slot) for slot in Session.draw(folders, 10_000_000, 3, random).order]
    orders = {Session.draw(folders, 10_000_000, 20).order for _ in range(4)}
    assert len(orders) == 4, "who saw one session's order does not know the next one's"
    for k in range(3):
        assert sorted(order[2 * k : 2 * k + 2]) == [[10_000_000 + k, 0], [10_000_000 + k, 1]]
    complains((*words[:-4], "--episodes", 4, "--out", "run", "--resume"), "has other settings: resume it with the same")
    answers("", "f", "", "s", "", "f")
    done = command(*words, "--resume")
    assert done.code == 0 and "second" in done.out, done
    told = outcomes(workplace / "run")
    assert [[each["seed"], each["policy"]] for each in told] == order
    assert [each["label"] for each in told] == ["success", "failure", "success", "failure", "success", "failure"]
    result = metrics(workplace / "run")
    assert result["finished"] and len(result["episodes"]) == len(result["against"]["episodes"]) == 3


@pytest.mark.usefixtures("quick")
def test_an_episode_that_was_interrupted_is_driven_again(
    command: Callable[..., Any], workplace: Path, answers: Callable, monkeypatch: pytest.MonkeyPatch
):
    words, observe, calls = ("evaluate", "first", *LOOPBACK, "--episodes", 2, "--out", "run"), Loopback.observe, []

    def interrupted(self: Loopback) -> dict[str, Any]:
        calls.append(1)
        if len(calls) == 41 + 7:
            raise KeyboardInterrupt
        return observe(self)

    answers("", "s", "")
    with monkeypatch.context() as patch:
        patch.setattr(Loopback, "observe", interrupted)
        assert command(*words).code == 130
    answers("", "f")
    assert command(*words, "--resume").code == 0
    told = [(each["order"], each["label"], each["interrupted"]) for each in outcomes(workplace / "run")]
    assert told == [(0, "success", False), (1, "aborted", True), (1, "failure", False)]
    rows = metrics(workplace / "run")["episodes"]
    assert [(row["label"], row["file"]) for row in rows] == [("success", 0), ("failure", 2)]


@pytest.mark.usefixtures("quick")
def test_weights_that_were_changed_are_not_the_same_session(
    command: Callable[..., Any], workplace: Path, answers: Callable, complains: Callable
):
    words = ("evaluate", "first", *LOOPBACK, "--episodes", 3, "--out", "run")
    answers("", "s", KeyboardInterrupt)
    assert command(*words).code == 130
    save(workplace / "first", 9)
    complains((*words, "--resume"), "first has other weights than when the session was started")


def test_an_episode_whose_loop_was_slow_counts_neither_way(
    command: Callable[..., Any],
    workplace: Path,
    answers: Callable,
    quick: list[Loopback],
    monkeypatch: pytest.MonkeyPatch,
):
    observe, calls = Loopback.observe, []

    def slowly(self: Loopback) -> dict[str, Any]:
        calls.append(1)
        if len(calls) <= 41:  # every step of the first episode takes a fifth longer
            self._ticker._sleep(0.06)
        return observe(self)

    monkeypatch.setattr(Loopback, "observe", slowly)
    answers("", "s", "", "f")
    done = command("evaluate", "first", *LOOPBACK, "--episodes", 2, "--out", "run")
    assert "1 of 2 episodes invalid: their loop ran below 90 % of its rate" in done.out, done
    result = metrics(workplace / "run")
    assert [(row["label"], row["valid"]) for row in result["episodes"]] == [("success", False), ("failure", True)]
    assert result["success"]["count"] == 1 and result["success"]["value"] == 0 and result["invalid"]["value"] == 0.5
    assert result["episodes"][0]["loop_rate_hz"] < 18 and quick[0].closed


def test_a_full_disk_ends_the_session_and_nothing_else(
    command: Callable[..., Any],
    workplace: Path,
    answers: Callable,
    quick: list[Loopback],
    monkeypatch: pytest.MonkeyPatch,
):
    words, keep, calls = ("evaluate", "first", *LOOPBACK, "--episodes", 3, "--out", "run"), EpisodeWriter.flush, []

    def full(self: EpisodeWriter) -> None:
        calls.append(1)
        if len(calls) == 2:
            raise OSError(errno.ENOSPC, "No space left on device", str(self.root / "data"))
        keep(self)

    answers("", "s", "", "f")
    with monkeypatch.context() as patch:
        patch.setattr(EpisodeWriter, "flush", full)
        done = command(*words)
    assert done.code == 2 and "No space left on device" in done.err and done.err.count("\n") == 1
    assert quick[0].closed and [row["label"] for row in metrics(workplace / "run")["episodes"]] == ["success"]
    answers("", "f", "", "s")
    assert command(*words, "--resume").code == 0
    assert [each["label"] for each in outcomes(workplace / "run")] == ["success", "failure", "success"]


@pytest.mark.slow
def test_a_killed_session_loses_the_running_episode(command: Callable[..., Any], workplace: Path):
    run = workplace / "LaneFollow"  # a word with which the command that is killed has short episodes, too
    where = ("--on", "rehearsal", "--real-time", "--episodes", "2", "--seed", "5", "--out", run.name)
    code, _, err = stop(("evaluate", "first", *where), "*/data/*/file-001.parquet", 1, signal.SIGKILL, workplace)
    assert code == -signal.SIGKILL and len(outcomes(run)) == 1, err
    before = metrics(run)["episodes"]
    done = command("evaluate", "first", *where, "--resume")
    assert done.code == 0, done
    rows = metrics(run)["episodes"]
    assert rows[:1] == before and [row["seed"] for row in rows] == [5, 6] == [told["seed"] for told in outcomes(run)]


def test_what_cannot_be_resumed(complains: Callable[[tuple, str], None]):
    complains(("evaluate", "first", "--resume"), "--resume continues a session on a robot")
    complains(("evaluate", "first", *LOOPBACK, "--out", "nowhere", "--resume"), "nothing to resume: nowhere has no")


@pytest.mark.usefixtures("quick")
def test_an_interrupted_session_is_ended_for_good_without_the_robot(
    command: Callable[..., Any], workplace: Path, answers: Callable, quick: list[Loopback]
):
    answers("", "s", "", "f", "", "s", KeyboardInterrupt)
    words = ("evaluate", "first", "second", *LOOPBACK, "--episodes", 3, "--out", "run")
    done = command(*words)
    assert done.code == 130 and "what is told when all are" not in done.err and "succeeded in" not in done.out
    assert not (workplace / "run/report.html").exists()
    opened = len(quick)
    done = command(*words, "--finish")
    assert done.code == 0 and "at every look: " in done.out, done
    assert len(quick) == opened and (workplace / "run/report.html").is_file()
    told = metrics(workplace / "run")
    assert len(told["episodes"]) + len(told["against"]["episodes"]) == 3 and told["finished"]
