"""Playing back on a robot: eased in, never too fast or too far, paused and stopped, whatever happens."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from envs import ArmConfig
from envs.arms.reach import Reach
from envs.arms.task import ArmTask
from sim2real.recordings.arm_logs import Log
from sim2real.rehearsal.robot import SimulatedRobot, boundary_of
from sim2real.replays.robot_replay import RobotReplay
from sim2real.reports.pages.playback import playback_plot
from sim2real.robots.playback import GO, PAUSE, STOP, Program, make_program, play
from sim2real.robots.safety import Limits, UnsafeCommandError

DT = 0.05
LIMITS = Limits(np.array([-1.0, -2.0]), np.array([1.0, 2.0]), np.array([0.2, 0.1]))
SLOW = np.stack([np.sin(np.arange(40) / 20), np.cos(np.arange(40) / 20)], 1) * 0.9


class Follower:
    """A robot that is halfway to its target at the next observation, and counts what happens to it."""

    control_dt, action_names = DT, ("a", "b")

    def __init__(self, at: Sequence[float] = (0.5, -0.5), broken: Callable[[int], Any] = lambda count: None) -> None:
        self.position, self.target = np.array(at), np.array(at)
        self.commands: list[np.ndarray] = []
        self.stopped, self._broken = 0, broken

    def observe(self) -> dict[str, Any]:
        wrong = self._broken(len(self.commands))
        if wrong is not None:
            return {"state": wrong, "time": 0.0}
        self.position = self.position + 0.5 * (self.target - self.position)
        return {"state": self.position.copy(), "time": 0.0}

    def command(self, action: np.ndarray) -> np.ndarray:
        self.target = np.array(action)
        self.commands.append(self.target.copy())
        return self.target.copy()

    def stop(self) -> None:
        self.stopped += 1

    def close(self) -> None:
        """Nothing is open."""


def program(wanted: np.ndarray = SLOW, **settings: Any) -> Program:
    return make_program(("a", "b"), wanted, LIMITS, DT, **settings)


def test_a_gentle_recording_is_played_as_it_is():
    robot, plan = Follower(), program()
    assert not plan.changed.any() and np.array_equal(plan.commands, SLOW)
    played = play(robot, plan)
    assert np.allclose(np.array(robot.commands)[played.row >= 0], SLOW) and robot.stopped == 1 and not played.reason
    assert played.row[played.row >= 0].tolist() == list(range(40))
    assert np.allclose(played.error, (played.measured - played.sent)[-40:])
    # Halfway behind at every step: what is left is half the step and half of what was left before.
    assert 0 < np.abs(played.error).max() < 0.2


def test_it_is_eased_in_from_where_the_robot_is():
    robot = Follower(at=(-0.8, 1.9))
    played = play(robot, program())
    ease = played.sent[played.row < 0]
    path = np.concatenate([[[-0.8, 1.9]], ease, SLOW[:1]])
    speed = np.abs(np.diff(path, axis=0)) / DT
    assert speed.max() <= 0.5 + 1e-9 and speed[0].max() < 0.02 and speed[-1].max() < 0.02  # starts and ends at rest
    assert len(ease) > 30
    assert len(play(Follower(at=(0.0, 0.9)), program()).sent) == 40  # there already: nothing to ease


@given(
    wanted=arrays(float, (12, 2), elements=st.floats(-5, 5)),
    start=arrays(float, 2, elements=st.floats(-3, 3)),
    speed=st.none() | st.floats(0.05, 20),
)
def test_no_command_is_ever_too_fast_or_out_of_range(wanted, start, speed):
    plan = program(wanted, speed=speed)
    robot = Follower(at=start.tolist())
    play(robot, plan)
    path = np.array([start, *robot.commands])
    step = LIMITS.step if speed is None else np.minimum(LIMITS.step, speed * DT)
    assert (np.abs(np.diff(path, axis=0)) <= step + 1e-9).all()
    inside = (path >= LIMITS.lower - 1e-9) & (path <= LIMITS.upper + 1e-9)
    for column in range(2):  # one that was outside comes in, and stays in
        rows = np.flatnonzero(inside[:, column])
        assert len(rows) == 0 or inside[rows[0] :, column].all()
    assert plan.limited_speed.max() <= (step / DT).max() + 1e-9
    assert plan.changed.any() == (np.abs(plan.commands - wanted).max() > 1e-9)


def test_it_stands_still_while_paused_and_goes_on_where_it_was():
    wishes = iter([GO] * 60 + [PAUSE] * 25 + [GO] * 1000)
    robot, plan = Follower(), program()
    played = play(robot, plan, lambda: next(wishes))
    assert played.paused == 25 and not played.reason and len(robot.commands) == len(played.sent) + 25
    still = np.array(robot.commands[59:85])
    assert np.ptp(still, axis=0).max() == 0
    assert np.allclose(played.sent[played.row >= 0], SLOW)


def test_stopping_by_hand_ends_it_at_once():
    wishes = iter([GO] * 50 + [STOP] * 1000)
    robot = Follower()
    played = play(robot, program(), lambda: next(wishes))
    assert played.reason == "stopped by hand" and len(robot.commands) == 50 and robot.stopped == 1


def test_ctrl_c_stops_the_robot_and_keeps_what_was_done():
    def wish() -> str:
        if len(robot.commands) == 55:
            raise KeyboardInterrupt
        return GO

    robot = Follower()
    played = play(robot, program(), wish)
    assert played.interrupted and played.reason == "interrupted" and robot.stopped == 1 and len(played.sent) == 55


def test_a_robot_that_is_out_of_range_comes_in_slowly():
    robot = Follower(at=(-1.9, 0.9))
    play(robot, program())
    path = np.array([[-1.9, 0.9], *robot.commands])
    assert np.abs(np.diff(path[path[:, 0] < -0.5], axis=0)).max() <= 0.5 * DT + 1e-9


def test_a_robot_that_cannot_be_stopped_loses_no_record():
    robot = Follower()
    robot.stop = lambda: (_ for _ in ()).throw(OSError("no answer"))  # type: ignore[method-assign]
    played = play(robot, program())
    assert played.reason == "it did not stop: no answer" and len(played.error) == 40


def unplugged(count: int) -> Any:
    if count == 50:
        raise OSError("the servo bus does not answer")
    return None


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (unplugged, "the servo bus does not answer"),
        (lambda count: np.array([np.nan, 0.0]) if count == 50 else None, "the robot's state is not finite"),
        (lambda count: np.zeros(3), "the robot measures 3 values, the recording has 2"),
    ],
)
def test_a_robot_that_fails_is_stopped(broken, reason):
    robot = Follower(broken=broken)
    played = play(robot, program())
    assert played.reason.startswith(reason) and robot.stopped == 1 and len(played.sent) < 51


def test_a_recording_that_cannot_be_played():
    for wanted in (np.zeros((0, 2)), np.zeros(3), np.zeros((4, 3))):
        with pytest.raises(UnsafeCommandError, match=r"commands of shape .* for a robot of 2 components"):
            program(wanted)
    with pytest.raises(UnsafeCommandError, match="not finite"):
        program(np.where(np.arange(80).reshape(40, 2) == 11, np.nan, SLOW))


def test_the_stand_in_for_a_robot_is_played_on_like_one():
    task = ArmTask(Reach(), ArmConfig(actions="absolute", seconds=60.0))
    robot, limits = SimulatedRobot(task, ()), boundary_of(task).limits
    home = np.array(task.config.arm.home)
    wanted = home + 0.2 * np.sin(np.arange(60) / 12)[:, None] * np.array([1, 1, -1, 1, 1, 0])
    log = Log(4, wanted, wanted)
    plan = make_program(task.config.arm.joints, wanted, limits, robot.control_dt)
    try:
        played = play(robot, plan)
    finally:
        robot.close()
    assert not played.reason and len(played.error) == 60
    replay = RobotReplay("so101", "the rehearsal robot", log, plan, played)
    tracking = replay.tracking
    assert all(0 < tracking[name]["rmse"] < 0.15 for name in plan.names[:5])
    moved = np.ptp(played.measured[played.row >= 0], axis=0)
    assert (moved[:5] > 0.15).all() and moved[5] < 0.05
    assert len(playback_plot(replay, played).axes) == len(plan.names)
