"""`sim2real replay --on sim`, `record --on sim`: logs through the model, simulated episodes bit for bit, faults."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pyarrow.parquet as pq
import pytest

import arm_logs
from drives import record_drives, spoil
from relist import relist
from sim2real.datasets import EpisodeDataset
from sim2real.recordings.origin import INFO
from sim2real.reports.films import logs as log_film
from sim2real.reports.pages import replay as replay_page


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`arm`: three short episodes of an arm in LeRobot's units, without cameras."""
    return arm_logs.write(tmp_path_factory.mktemp("logs") / "arm", arm_logs.logs(arm_logs.parameters(), 3, 1.2))


@pytest.fixture
def arm(recorded: Path, workplace: Path) -> Path:
    return Path(shutil.copytree(recorded, workplace / "arm"))


@pytest.fixture(autouse=True)
def small_films(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rendering takes most of the time."""
    monkeypatch.setattr(log_film, "SIZE", (96, 72))


@pytest.mark.slow
def test_a_log_in_simulation(command: Callable[..., Any], arm: Path, workplace: Path):
    done = command("replay", "arm", "--episode", "2", "--on", "sim", "--out", "run")
    assert done.code == 0 and done.err == "", done
    names = {path.name for path in (workplace / "run").iterdir()}
    assert names == {"config.json", "episode-002.mp4", "episode-002.png", "metrics.json", "report.html"}
    assert "divergence of so101 [rad], the model's nominal servos" in done.out and "shoulder_lift" in done.out
    assert "the recording has no camera; the film shows the simulation and a drawing" in done.out
    metrics = json.loads((workplace / "run/metrics.json").read_text())
    joints = metrics["replayed"]["2"]["joints"]
    assert len(joints) == 6 and joints["elbow_flex"]["rmse"] > 0 and metrics["ahead_seconds"] == 1.0
    with av.open(str(workplace / "run/episode-002.mp4")) as film:
        assert len(list(film.decode(video=0))) == 36
    page = (workplace / "run/report.html").read_text()
    assert "Episode 2" in page and page.count('src="data:image') == 1 and "sim2real replay arm" in page


@pytest.fixture
def unfilmed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Films take most of the time, and other tests look at them."""
    monkeypatch.setattr(replay_page, "film_log", lambda *_: 0)
    monkeypatch.setattr(replay_page, "film_exact", lambda *_: False)


@pytest.mark.slow
@pytest.mark.usefixtures("unfilmed")
def test_identified_servos_are_simulated(command: Callable[..., Any], arm: Path, workplace: Path):
    true = arm_logs.parameters()
    servos = {
        joint: {n: {"value": float(v[j])} for n, v in true.items() if n not in ("braking", "object")}
        for j, joint in enumerate(arm_logs.SO101.joints)
    }
    (workplace / "robot.json").write_text(json.dumps({"format_version": 1, "robot": "so101", "servos": servos}))
    done = command("replay", "arm", "--on", "sim", "--robot", "robot.json", "--out", "run")
    assert done.code == 0 and "the servos of robot.json" in done.out
    assert json.loads((workplace / "run/metrics.json").read_text())["replayed"]["0"]["rmse"] < 0.005  # nominal: 0.02


def column(root: Path, name: str, change: Callable[[np.ndarray], np.ndarray]) -> None:
    """Rewrite a column of all episodes."""
    for k, episode in enumerate(EpisodeDataset(root)):
        for row, value in enumerate(change(episode[name].astype(float))):
            spoil(root, k, row, name, value.tolist())


def drop_row(root: Path, episode: int, row: int) -> None:
    path = root / f"data/chunk-000/file-{episode:03d}.parquet"
    table = pq.read_table(path)
    pq.write_table(table.filter([k != row for k in range(table.num_rows)]), path)
    relist(root)


def swap_frames(root: Path, episode: int) -> None:
    """A frame index that leaves one out, at the right number of rows."""
    spoil(root, episode, 20, "frame_index", 99)


def without_an_episode(root: Path) -> None:
    (root / "meta/episodes/chunk-000/file-001.parquet").unlink()


FAULTS = {
    "nan": (lambda r: spoil(r, 0, 7, "observation.state", [float("nan")] * 6),
            "observation.state of shoulder_pan in frame 7 is nan"),
    "radians": (lambda r: [column(r, n, lambda v: np.deg2rad(v / 3)) for n in ("action", "observation.state")],
                "looks like radians"),
    "ticks": (lambda r: [column(r, n, lambda v: v * 20 + 2048) for n in ("action", "observation.state")], "raw ticks"),
    "row": (lambda r: drop_row(r, 0, 20), "has 35 rows of episode 0, which has 36 frames"),
    "index": (lambda r: swap_frames(r, 0), "frame 20 is missing"),
    "gap": (without_an_episode, "info.json counts 3 episodes, meta/episodes has 2"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("on", ["sim", "rehearsal"])
def test_faults_are_one_line_and_leave_nothing(complains, arm: Path, fault: str, on: str):
    spoiling, message = FAULTS[fault]
    spoiling(arm)
    move = ("--move",) if on == "rehearsal" else ()
    complains(("replay", "arm", "--on", on, *move, "--out", "run"), message)


def test_recordings_that_do_not_fit(complains, arm: Path, workplace: Path):
    arm_logs.write(workplace / "koch", arm_logs.logs(arm_logs.parameters(), 1, 1.2), robot_type="koch")
    record_drives(workplace / "car", [40])
    complains(("replay", "koch", "--on", "sim"), "of a robot 'koch'")
    complains(("replay", "car", "--on", "sim"), "joint positions, which only recordings of arms have")
    complains(("replay", "arm", "--on", "sim", "--episode", "3"), "no episode 3 among the 3 chosen: 0, 1, 2")
    complains(("replay", "arm", "--on", "sim", "--robot", "none.json"), "no such file: none.json")
    complains(("replay", "arm", "--on", "sim", "--checkpoint", "x"), "--checkpoint is for --on policy or viewer")
    complains(("replay", "arm", "--on", "sim", "--move"), "--move is for --on robot or rehearsal, not for --on sim")
    complains(("replay", "arm", "--robot", "x", "--checkpoint", "x"), "--robot is for --on sim or robot")


@pytest.mark.slow
def test_a_simulated_episode_is_recorded_and_reproduced(command: Callable[..., Any], workplace: Path):
    done = command("record", "set", "--on", "sim", "--task", "Reach", "--episodes", "2", "--seed", "5")
    assert done.code == 0 and "2 episodes, 180 frames" in done.out and "success of random actions" in done.out
    assert [episode["seed"] for episode in json.loads((workplace / "set" / INFO).read_text())["episodes"]] == [5, 6]
    done = command("replay", "set", "--episode", "1", "--on", "sim", "--out", "run")
    assert done.code == 0 and "episode 1: every one of 90 states identical, bit for bit" in done.out
    metrics = json.loads((workplace / "run/metrics.json").read_text())
    assert metrics["identical"] and metrics["replayed"]["1"] == {
        **{"states": 90, "identical": 90, "largest_difference": 0.0, "changed": ""}
    }
    assert "Every one of 90 states identical" in (workplace / "run/report.html").read_text()
    with av.open(str(workplace / "run/episode-001.mp4")) as film:
        assert len(list(film.decode(video=0))) == 90


@pytest.mark.slow
@pytest.mark.usefixtures("unfilmed")
def test_a_state_that_differs_is_told_and_ends_with_1(command: Callable[..., Any], workplace: Path):
    assert command("record", "set", "--on", "sim", "--task", "Reach", "--episodes", "1").code == 0
    action = EpisodeDataset(workplace / "set").episode(0)["sim.action"][40]
    spoil(workplace / "set", 0, 40, "sim.action", (-action).tolist())
    done = command("replay", "set", "--on", "sim", "--out", "run")
    assert done.code == 1 and "49 of 90 states differ, from frame 41 on" in done.out
    assert json.loads((workplace / "run/metrics.json").read_text())["identical"] is False


def test_what_cannot_be_recorded_in_simulation(complains, workplace: Path):
    sim = ("record", "set", "--on", "sim", "--task", "Reach")
    complains((*sim, "--teacher", "a", "--checkpoint", "b"), "give either --teacher or --checkpoint")
    complains((*sim, "--episodes", "0"), "episodes must be at least 1")
    complains((*sim[:-1], "Fly"), "no task 'Fly'")
    complains((*sim, "--randomization", "wild"), "no randomization 'wild'")
    complains(("record", "set", "--checkpoint", "b"), "--checkpoint is for --on sim")
    complains(("record", "set", "--randomization", "wide"), "fixed appearance")
    complains((*sim, "--seconds", "3"), "are for --on rehearsal")
