"""Hardware by name: nothing moves unasked, and a person sets up and judges episodes."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from sim2real.robots.boundary import DirectBoundary
from sim2real.robots.hardware import Hardware, open_robot
from sim2real.robots.keyboard import split_keys
from sim2real.robots.loopback import Loopback
from sim2real.robots.operated import OperatedVenue
from sim2real.robots.robot import Ticker

BOUNDARY = DirectBoundary("arm", ("a.pos", "b.pos"), ("a.pos", "b.pos"))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (Hardware(), r"no robot is configured: name one with --robot \(loopback, remote, so101\) .* --on rehearsal"),
        (Hardware("roomba", move=True), "no driver for robot 'roomba'; there are: loopback, remote, so101"),
        (Hardware("loopback"), "--on robot makes loopback move: add --move when nobody is within its reach"),
        (Hardware("so101", move=True), "so101 needs --port"),
        (Hardware("so101", "/dev/none", move=True), "so101 needs --calibration"),
    ],
)
def test_what_is_missing_is_said_in_one_line(settings: Hardware, message: str):
    with pytest.raises(ValueError, match=message) as caught:
        open_robot(settings, BOUNDARY, 0.05, "front")
    assert "\n" not in str(caught.value)


def test_a_policy_for_another_robot_does_not_reach_the_port():
    settings = Hardware("so101", "/dev/none", calibration=Path("none.json"), move=True)
    with pytest.raises(ValueError, match=r"so101 has the joints shoulder_pan, .*; this policy moves a, b"):
        open_robot(settings, BOUNDARY, 0.05, "front")


def test_a_loopback_goes_where_it_is_told():
    robot = open_robot(Hardware("loopback", move=True), BOUNDARY, 0.001, "front")
    assert robot.action_names == ("a", "b")
    assert robot.observe()["images.front"].shape == (120, 160, 3)
    for _ in range(40):
        robot.observe()
        robot.command(np.array([0.4, -0.2]))
    np.testing.assert_allclose(robot.observe()["state"], [0.4, -0.2], atol=1e-4)
    robot.stop()
    robot.close()


def venue(*answers: str) -> tuple[OperatedVenue, list[str]]:
    asked, pending = [], iter(answers)

    def ask(question: str) -> str:
        asked.append(question)
        try:
            return next(pending)
        except StopIteration:
            raise EOFError from None

    robot = Loopback(("a",), 0.001, ())
    return OperatedVenue(robot, BOUNDARY, 10, ask), asked


def test_a_person_sets_up_and_judges():
    place, asked = venue("", "maybe", "F", "", "success")
    place.prepare(7, again=False)
    assert place.outcome(False) is None and len(asked) == 1
    assert place.outcome(True) == "failure" and len(asked) == 3
    place.prepare(7, again=True)
    assert asked[0] == "episode 7: prepare the scene, then press Enter "
    assert asked[3] == "episode 7: prepare the scene, exactly as before, then press Enter "
    assert place.outcome(True) == "success" and np.isnan(place.account()[0])


def test_the_robot_goes_home_slowly_before_the_scene_is_set_up():
    robot = Loopback(BOUNDARY.action_names, 0.05, (), np.array([0.5, -0.5]), sleep=lambda seconds: None)
    commands, command = [robot.position], robot.command
    robot.command = lambda action: commands.append(action) or command(action)  # type: ignore[method-assign]
    asked: list[str] = []
    place = OperatedVenue(robot, BOUNDARY, 10, lambda text: asked.append(text) or "", np.array([0.1, 0.2]))
    place.prepare(0, again=False)
    assert np.abs(np.diff(commands, axis=0)).max() <= 0.5 * 0.05 + 1e-9 and len(commands) > 20
    np.testing.assert_allclose(commands[-1], [0.1, 0.2])
    robot.observe = lambda: (_ for _ in ()).throw(OSError("unplugged"))  # type: ignore[method-assign]
    place.prepare(1, again=False)
    assert [text[:30] for text in asked] == ["episode 0: prepare the scene, ", "the robot did not reach its ho"]


def test_where_nobody_answers_an_episode_is_aborted():
    place, _ = venue()
    assert place.outcome(True) == "aborted"
    with pytest.raises(EOFError):
        place.prepare(0, again=False)


def test_a_ticker_keeps_its_period_and_counts_what_was_missed():
    now = [0.0]
    ticker = Ticker(0.1, clock=lambda: now[0], sleep=lambda seconds: now.__setitem__(0, now[0] + seconds))
    assert [ticker.wait() for _ in range(3)] == [0, 0, 0] and now[0] == pytest.approx(0.2)
    now[0] = 0.25
    assert ticker.wait() == 0 and now[0] == pytest.approx(0.3)
    now[0] = 0.65  # due at 0.4: late by two periods and a half
    assert ticker.wait() == 2 and now[0] == 0.65
    assert ticker.wait() == 0 and now[0] == pytest.approx(0.7)
    ticker.restart()
    now[0] = 5.0
    assert ticker.wait() == 0 and now[0] == 5.0


def test_what_moves_a_robot_needs_neither_torch_nor_mujoco():
    modules = "robot, safety, boundary, loop, loopback, hardware, operated, keyboard, feetech, webcam, bridge, remote"
    program = f"from sim2real.robots import {modules}\nimport sys\n"
    program += "print(*{name.partition('.')[0] for name in sys.modules} & {'torch', 'mujoco', 'warp'})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_keys_that_are_none_do_nothing():
    for sequence in ("\x1b[3~", "\x1b[1;5C", "\x1bs", "\x1b[15~", "\x1bOP"):
        assert split_keys(f"x{sequence}y") == ["x", "y"], sequence
    assert split_keys("\x1b[A\x1bODs") == ["up", "left", "s"]
