"""`replay` as a notebook calls it: no console, figures in hand that are those of the run's folder."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import arm_logs
from drives import new_policy, record_drives
from sim2real.checkpoints import save_policy
from sim2real.errors import InputError
from sim2real.replays.config import ReplayConfig
from sim2real.replays.replay import replay
from sim2real.reports.pages.replay import write_replay_report
from sim2real.robots.playback import GO, PAUSE, STOP, Program
from sim2real.robots.robot import Robot
from sim2real.robots.supervisor import Supervisor

torch.set_num_threads(1)


def metrics_of(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "metrics.json").read_text())


@pytest.fixture
def arm(tmp_path: Path) -> Path:
    return arm_logs.write(tmp_path / "arm", arm_logs.logs(arm_logs.parameters(), 2, 1.2))


def test_through_a_policy(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    root = record_drives(tmp_path / "set", [8, 30])
    save_policy(tmp_path / "policy", new_policy(), {}, "# A policy")
    result = replay(ReplayConfig(str(root), "1,0", checkpoint=tmp_path / "policy"), tmp_path / "run")
    assert capsys.readouterr() == ("", "")
    assert {path.name for path in (tmp_path / "run").iterdir()} == {"config.json", "metrics.json"}
    assert result.metrics == metrics_of(tmp_path / "run") and result.metrics["finished"]
    assert [episode.episode for episode in result.through_policy] == result.episodes == [1, 0]
    for episode in result.through_policy:
        figures = result.metrics["replayed"][str(episode.episode)]
        assert figures["frames"] == len(episode.row)
        assert figures["mae"]["value"] == episode.metrics["mae"].value
    assert write_replay_report(result, "a notebook") == {}
    assert {path.name for path in (tmp_path / "run").iterdir()} >= {"report.html", "episode-001.mp4"}
    assert capsys.readouterr() == ("", "")


def test_a_log_in_simulation(arm: Path, tmp_path: Path):
    result = replay(ReplayConfig(str(arm), "1", on="sim"), tmp_path / "run")
    assert result.metrics == metrics_of(tmp_path / "run")
    (log,) = result.logs
    figures = result.metrics["replayed"]["1"]
    assert figures["rmse"] == pytest.approx(np.sqrt((log.divergence**2).mean()))
    assert list(figures["joints"]) == list(log.joints) and result.passed


class Notes:
    """Somebody beside a robot who notes what they are told, and asks for what they are to ask for."""

    def __init__(self, wishes: list[str]) -> None:
        self.wishes, self.heard, self.closed = iter(wishes), list[str](), 0

    def announce(self, text: str, program: Program | None = None) -> None:
        self.heard.append(text if program is None else f"{text}, {len(program.commands)} commands")

    def let_go(self, robot: Robot, holds: bool) -> None:
        self.closed += 1
        self.heard.append("holds" if holds else "simulated")
        robot.close()

    def supervisor(self, present: bool) -> Supervisor:
        return Supervisor(present, self.announce, lambda: next(self.wishes, GO), let_go=self.let_go)


def test_on_a_robot_the_supervisor_is_told_and_obeyed(arm: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    notes = Notes([GO, GO, PAUSE, GO, *[GO] * 30, STOP])
    result = replay(
        ReplayConfig(str(arm), on="rehearsal", move=True), tmp_path / "run", supervisor=notes.supervisor(True)
    )
    assert notes.heard == ["episode 0 of a so101, 36 commands", "simulated"] and notes.closed == 1
    assert result.on_robot is not None and result.on_robot.played is not None and not result.passed
    metrics = metrics_of(tmp_path / "run")
    assert result.metrics == metrics and metrics["reason"] == "stopped by hand" and metrics["paused_periods"] == 1
    assert metrics["commands"] == len(result.on_robot.played.error) < metrics["of"] == 36
    assert capsys.readouterr() == ("", "")


@pytest.mark.slow
@pytest.mark.parametrize("present", [True, False])
def test_an_arm_that_nobody_supports_goes_back_before_it_goes_limp(arm: Path, tmp_path: Path, present: bool):
    notes = Notes([])
    config = ReplayConfig(str(arm), on="robot", robot="loopback", move=True)
    result = replay(config, tmp_path / "run", supervisor=notes.supervisor(present))
    back = [] if present else ["moving slowly back to the original position", "done"]
    assert notes.heard == ["episode 0 of a so101, 36 commands", *back, "holds"]
    assert result.passed and result.on_robot is not None
    assert result.metrics["tracking"] == result.on_robot.tracking


def test_by_default_nobody_is_told_and_nothing_moves(arm: Path, tmp_path: Path):
    result = replay(ReplayConfig(str(arm), on="robot"), tmp_path / "run")
    assert result.folder is None and result.metrics == {} and result.on_robot is not None
    assert result.on_robot.played is None and len(result.on_robot.program.commands) == 36
    assert not (tmp_path / "run").exists()


def test_bad_input_is_told_before_anything_is_written(arm: Path, tmp_path: Path):
    for config, message in (
        (ReplayConfig(str(arm), "7", on="sim"), "no episode 7"),
        (ReplayConfig(str(arm), "0,1", on="robot"), "one episode at a time"),
        (ReplayConfig(str(arm), checkpoint=tmp_path / "none"), "no checkpoint folder"),
    ):
        with pytest.raises(InputError, match=message):
            replay(config, tmp_path / "run")
    assert not (tmp_path / "run").exists()
