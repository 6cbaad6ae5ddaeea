"""`sim2real identify`, as its user runs it."""

import json
import os
import signal

import numpy as np
import pytest

import arm_logs
from envs.randomization import Randomization
from recordings import genuine
from sim2real.identification import fit_servos
from sim2real.recordings.arm_logs import Log


def still(count: int, rows: int = 60, amplitude: float = 0.0) -> list[Log]:
    """Episodes that no physics made."""
    time = np.arange(rows)[:, None] / 30
    angles = arm_logs.HOME + amplitude * np.sin(time * (1 + 0.1 * np.arange(6)))
    return [Log(k, angles, angles) for k in range(count)]


def test_bad_input_is_one_line_and_leaves_nothing_behind(complains, workplace):
    moving = still(3, amplitude=0.4)
    good = arm_logs.write(workplace / "good", moving)
    complains(("identify", "koch", good), "no robot 'koch'; there are: so101")
    complains(("identify", "so101", "absent"), "no such folder: absent")
    complains(("identify", "so101_follower", f"{good}[0]"), "nothing to hold out")
    complains(("identify", "so101", f"{good}[7]"), "no such episodes")
    complains(("identify", "so101", good, "--held-out", "1.5"), "held-out must be between 0 and 1")
    complains(("identify", "so101", good, "--frames", "3"), "frames must be at least 100")
    complains(("identify", "so101", arm_logs.write(workplace / "none", [])), "no episodes")
    complains(("identify", "so101", arm_logs.write(workplace / "rest", still(3))), "no joint moves")
    other = arm_logs.write(workplace / "other", moving, robot_type="aloha")
    complains(("identify", "so101", other), "'aloha', not of so101")
    complains(("identify", "so101", arm_logs.write(workplace / "ticks", moving, scale=60.0)), "degrees or -100…100")
    (workplace / "used").mkdir()
    (workplace / "used/file").write_text("")
    complains(("identify", "so101", good, "--out", "used"), "used exists")


def test_help_shows_an_example(command):
    done = command("identify", "--help")
    assert done.code == 0 and "sim2real identify so101 datasets/lift" in done.out


def test_an_interrupted_identification_leaves_nothing(command, workplace, monkeypatch):
    def interrupted(*_):
        os.kill(os.getpid(), signal.SIGINT)

    arm_logs.write(workplace / "logs", arm_logs.logs(arm_logs.parameters(), 3, seconds=2))
    monkeypatch.setattr(fit_servos, "solve", interrupted)
    assert command("identify", "so101", "logs", "--out", "run").code == 130
    assert not (workplace / "run").exists()


@pytest.mark.slow
def test_a_recording_in_degrees_gives_all_files(command, workplace, monkeypatch):
    monkeypatch.setattr(fit_servos, "ITERATIONS", (3, 1))
    monkeypatch.setattr(fit_servos, "ROUNDS", 1)
    arm_logs.write(workplace / "logs", arm_logs.logs(arm_logs.parameters(), 5, seconds=2), "degrees")
    done = command("identify", "so101", "logs", "--out", "run")
    assert done.code == 0, done.err
    metrics = json.loads((workplace / "run/metrics.json").read_text())
    assert metrics["finished"] and metrics["heldout_rmse_after"] < 0.2 * metrics["heldout_rmse_before"]
    robot = json.loads((workplace / "run/robot.json").read_text())
    assert robot["units"]["mode"] == "degrees" and len(robot["servos"]) == 6
    assert Randomization.load(workplace / "run/randomization.toml").varied
    page = (workplace / "run/report.html").read_text()
    assert "shoulder_lift" in page and "not identifiable here" in page
    assert "identified" in done.out and "open loop, all joints" in done.out


@pytest.mark.slow
def test_the_genuine_recording_is_replayed_with_half_the_error(command, workplace, monkeypatch):
    """Already by a quarter of the search."""
    monkeypatch.setattr(fit_servos, "ITERATIONS", (4, 1))
    monkeypatch.setattr(fit_servos, "ROUNDS", 1)
    monkeypatch.setattr(fit_servos, "GRID_FRAMES", 1200)
    done = command("identify", "so101", f"{genuine('so101/lift')}[0:20]", "--frames", 800, "--out", "run")
    assert done.code == 0, done.err
    metrics = json.loads((workplace / "run/metrics.json").read_text())
    assert metrics["heldout_rmse_after"] < 0.5 * metrics["heldout_rmse_before"]
    body = [metrics["open_loop"][arm]["rmse_without_gripper"]["value"] for arm in ("before", "after")]
    assert body[1] < 0.5 * body[0]  # and not by the object in the hand alone
