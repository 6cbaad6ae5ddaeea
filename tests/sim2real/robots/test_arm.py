"""The SO-101's driver against a fake bus; at wire level it is tested in `tests/sim2real/emulation`."""

import json
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sim2real.robots import find_robot
from sim2real.robots.arm import FeetechArm
from sim2real.robots.calibration import Calibration
from sim2real.robots.feetech import Felt
from sim2real.robots.robot import Ticker
from sim2real.robots.safety import UnsafeCommandError
from sim2real.robots.webcam import Webcam

ARM = find_robot("so101")
LIMITS = np.array(ARM.limits)


def felt(ticks: np.ndarray) -> Felt:
    """Return what servos feel at rest."""
    rest = np.zeros(6, int)
    return Felt(ticks.copy(), rest, rest, np.full(6, 7.4), np.full(6, 30), rest, rest)


class FakeBus:
    """Servos that are where they were told to be."""

    def __init__(self) -> None:
        self.ticks, self.calls = np.full(6, 2048), []

    def read(self) -> Felt:
        return felt(self.ticks)

    def registers(self, name: str) -> np.ndarray:
        return np.zeros(6, int)

    def set(self, servo: int, name: str, value: int) -> None:
        self.calls.append((name, (servo, value)))

    def write(self, ticks: np.ndarray) -> None:
        self.calls.append(("write", ticks.tolist()))
        self.ticks = np.array(ticks)

    def torque(self, on: bool) -> None:
        self.calls.append(("torque", on))

    def close(self) -> None:
        self.calls.append(("close", None))


class FakeCapture:
    """A camera of n frames; its channels are blue, green, red."""

    def __init__(self, frames: int = 10**6) -> None:
        self.left, self.released = frames, False
        self.next = threading.Event()

    def read(self) -> tuple[bool, np.ndarray | None]:
        self.left -= 1
        self.next.wait(0.001)
        return (True, np.full((4, 6, 3), (1, 2, 3), np.uint8)) if self.left >= 0 else (False, None)

    def release(self) -> None:
        self.released = True


def calibration_file(folder: Path, **changes: Any) -> Path:
    entries = {
        joint: {"id": k + 1, "drive_mode": 0, "homing_offset": 7, "range_min": 1000 + k, "range_max": 3000 - k}
        for k, joint in enumerate(ARM.joints)
    }
    entries["gripper"] |= {"range_min": 2000, "range_max": 3000, **changes}
    path = folder / "arm.json"
    path.write_text(json.dumps(entries))
    return path


def load(path: Path) -> Calibration:
    return Calibration.load(path, ARM.joints, ARM.gripper, LIMITS)


@pytest.fixture
def arm(tmp_path: Path) -> tuple[FeetechArm, FakeBus, FakeCapture]:
    bus, capture = FakeBus(), FakeCapture()
    ticker = Ticker(1 / 30, clock=lambda: 0.0, sleep=lambda seconds: None)
    webcam = Webcam("0", lambda source: capture)
    return FeetechArm(bus, ARM.joints, load(calibration_file(tmp_path)), "front", webcam, ticker), bus, capture


def test_ticks_are_radians_about_the_middle_of_a_joints_range(tmp_path: Path):
    calibration = load(calibration_file(tmp_path))
    assert calibration.ids == (1, 2, 3, 4, 5, 6)
    middle = np.array([2000, 2000, 2000, 2000, 2000, 2500])
    np.testing.assert_allclose(calibration.to_radians(middle)[:5], 0, atol=1e-12)
    np.testing.assert_allclose(calibration.to_radians(middle + 1024)[:5], np.pi / 2)
    # As the recordings have it: the gripper's range is 0…100, closed to open, of the model's own range.
    ends = [calibration.to_radians(np.array([2000] * 5 + [ticks]))[5] for ticks in (2000, 3000)]
    np.testing.assert_allclose(ends, LIMITS[5])
    ticks = np.array([1200, 1500, 2400, 2900, 1100, 2222])
    np.testing.assert_array_equal(calibration.to_ticks(calibration.to_radians(ticks)), ticks)


def test_no_goal_is_outside_the_calibrated_range(tmp_path: Path):
    calibration = load(calibration_file(tmp_path))
    assert calibration.to_ticks(np.full(6, -9.0)).tolist() == [1000, 1001, 1002, 1003, 1004, 2000]
    assert calibration.to_ticks(np.full(6, 9.0)).tolist() == [3000, 2999, 2998, 2997, 2996, 3000]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("not json", "is not a LeRobot calibration"),
        ('{"gripper": {"id": 6}}', "is not a LeRobot calibration"),
        ("[]", "is not a LeRobot calibration"),
        (None, "is not a LeRobot calibration"),
    ],
)
def test_a_file_that_is_no_calibration(tmp_path: Path, content: str | None, message: str):
    path = tmp_path / "arm.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ValueError, match=message):
        load(path)


@pytest.mark.parametrize("changes", [{"range_min": 3000, "range_max": 2000}, {"range_max": 5000}, {"drive_mode": 1}])
def test_a_calibration_that_cannot_be(tmp_path: Path, changes: dict[str, int]):
    with pytest.raises(ValueError, match="every range must be within 0…4095 ticks"):
        load(calibration_file(tmp_path, **changes))


def test_an_arm_is_read_and_told_in_radians(arm: tuple[FeetechArm, FakeBus, FakeCapture]):
    robot, _, _ = arm
    observation = robot.observe()
    np.testing.assert_allclose(observation["state"][:5], 48 * 2 * np.pi / 4096)
    assert observation["images.front"].shape == (4, 6, 3) and observation["images.front"][0, 0].tolist() == [3, 2, 1]
    assert {"time", "taken"} < set(observation)
    sent = robot.command(np.array([0.1, -0.2, 0.3, 0.0, 0.0, 0.5]))
    np.testing.assert_allclose(sent, [0.1, -0.2, 0.3, 0.0, 0.0, 0.5], atol=2 * np.pi / 4096)
    np.testing.assert_allclose(robot.observe()["state"], sent)


def test_servos_hold_only_once_they_know_where(arm: tuple[FeetechArm, FakeBus, FakeCapture]):
    robot, bus, capture = arm
    robot.observe()
    robot.stop()
    assert bus.calls == []  # nothing was commanded: the arm stays limp
    robot.command(np.zeros(6))
    robot.command(np.zeros(6))
    assert [name for name, _ in bus.calls] == ["write", "torque", "write"]
    bus.ticks = np.array([1500, 1500, 1500, 1500, 1500, 2500])
    robot.stop()
    assert bus.calls[-1] == ("write", [1500, 1500, 1500, 1500, 1500, 2500])
    robot.close()
    robot.close()
    assert [call for call in bus.calls if call[0] in ("torque", "close")][-2:] == [("torque", False), ("close", None)]
    assert capture.released


def test_servos_that_would_not_hold_are_tried_again(arm: tuple[FeetechArm, FakeBus, FakeCapture]):
    robot, bus, _ = arm
    failing, torque = [True], bus.torque

    def fails_once(on: bool) -> None:
        torque(on)
        if failing:
            failing.pop()
            raise OSError("servo 2 did not confirm")

    bus.torque = fails_once  # type: ignore[method-assign]
    with pytest.raises(OSError, match="servo 2"):
        robot.command(np.zeros(6))
    assert bus.calls[1:] == [("torque", True), ("torque", False)]
    robot.command(np.zeros(6))
    assert bus.calls[-1] == ("torque", True)


def test_an_arm_outside_its_calibrated_range_does_not_move(arm: tuple[FeetechArm, FakeBus, FakeCapture]):
    robot, bus, _ = arm
    bus.ticks = np.array([400, 2048, 3005, 2048, 2048, 2048])  # the third by a few ticks only
    with pytest.raises(UnsafeCommandError, match=r"range \(shoulder_pan at 400, calibrated 1000…3000 ticks\): move"):
        robot.command(np.zeros(6))
    assert bus.calls == []
    bus.ticks = np.full(6, 2048)
    robot.command(np.zeros(6))
    bus.ticks = np.array([400, 2048, 2048, 2048, 2048, 2048])  # pushed out while it holds
    robot.command(np.zeros(6))


def test_an_arm_without_a_camera(tmp_path: Path):
    ticker, bus = Ticker(1 / 30, clock=lambda: 0.0, sleep=lambda seconds: None), FakeBus()
    robot = FeetechArm(bus, ARM.joints, load(calibration_file(tmp_path)), "", None, ticker)
    assert set(robot.observe()) == {"state", "time"}
    robot.close()
    assert bus.calls[-1] == ("close", None)


def test_everything_is_closed_even_if_a_servo_does_not_answer(arm: tuple[FeetechArm, FakeBus, FakeCapture]):
    robot, bus, capture = arm
    robot.command(np.zeros(6))
    bus.torque = lambda on: (_ for _ in ()).throw(OSError("servo 2 is silent"))  # type: ignore[method-assign]
    with pytest.raises(OSError, match="servo 2 is silent"):
        robot.close()
    assert bus.calls[-1] == ("close", None) and capture.released


def test_a_camera_that_gives_nothing():
    capture = FakeCapture(0)
    with pytest.raises(OSError, match="camera 3 gives no frame"):
        Webcam("3", lambda source: capture)
    assert capture.released


def test_a_camera_that_was_unplugged_gives_its_last_frame_with_its_time():
    camera = Webcam("0", lambda source: FakeCapture(5))
    camera._thread.join(5)
    (frame, then), (other, later) = camera.latest(), camera.latest()
    assert frame is other and then == later
    camera.close()
