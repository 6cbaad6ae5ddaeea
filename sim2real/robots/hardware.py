"""Robots by name."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sim2real.errors import InputError
from sim2real.robots import find_robot
from sim2real.robots.boundary import Boundary
from sim2real.robots.connection import parse_address
from sim2real.robots.robot import Robot, Ticker
from sim2real.robots.tokens import read_token


@dataclass(frozen=True)
class Hardware:
    """Which robot is connected, and where.

    Attributes:
        robot: so101; remote, a robot behind `sim2real bridge`; or loopback, a simulated arm to try commands out
            without hardware.
        port: serial port of its servos.
        camera: number of its camera, or a name that OpenCV opens.
        calibration: LeRobot's calibration file of this robot, or the id that LeRobot keeps it by.
        move: move the robot; make sure that nobody is within its reach.
        address: HOST:PORT of a remote robot's bridge.
        token_file: file with the token of that bridge; without it, the environment's SIM2REAL_BRIDGE_TOKEN is used.
    """

    robot: str | None = None
    port: str | None = None
    camera: str = "0"
    calibration: Path | None = None
    move: bool = False
    address: str | None = None
    token_file: Path | None = None

    @property
    def goes_limp(self) -> bool:
        """Return whether closing the robot takes its torque away; a remote one keeps its pose."""
        return self.robot != "remote"

    def check(self) -> None:
        """Raise InputError for missing settings before a robot may move."""
        if self.robot is None:
            raise InputError(
                f"no robot is configured: name one with --robot ({', '.join(sorted(HARDWARE))}) and its --port; without"
                " hardware, --on rehearsal runs the same commands on a simulated stand-in"
            )
        check_driver(self.robot)
        if not self.move:
            raise InputError(f"--on robot makes {self.robot} move: add --move when nobody is within its reach")
        HARDWARE[self.robot].check(self)


@dataclass(frozen=True)
class Driver:
    """How a robot is opened.

    Attributes:
        check: raises InputError for missing settings.
        open: opens the robot from settings, the task's boundary, the control period [s] and the camera's name or None.
    """

    check: Callable[[Hardware], None]
    open: Callable[[Hardware, Boundary, float, str | None], Robot]


def _no_settings(settings: Hardware) -> None:
    """Accept all settings: a loopback needs none."""


def _open_loopback(settings: Hardware, boundary: Boundary, control_dt: float, camera: str | None) -> Robot:
    from sim2real.robots.loopback import Loopback

    names = [name.removesuffix(".pos") for name in boundary.action_names]
    limits = boundary.limits
    return Loopback(names, control_dt, () if camera is None else (camera,), (limits.lower + limits.upper) / 2)


def _so101_settings(settings: Hardware) -> None:
    if settings.port is None:
        raise InputError("so101 needs --port, the serial port of its servos (such as /dev/ttyACM0)")
    if settings.calibration is None:
        raise InputError("so101 needs --calibration, the file that LeRobot's calibration of this arm wrote")


def _open_so101(settings: Hardware, boundary: Boundary, control_dt: float, camera: str | None) -> Robot:
    from sim2real.robots.arm import FeetechArm
    from sim2real.robots.calibration import Calibration, find_calibration
    from sim2real.robots.feetech import FeetechBus
    from sim2real.robots.webcam import Webcam

    assert settings.port is not None and settings.calibration is not None
    arm = find_robot("so101")
    wanted = [name.removesuffix(".pos") for name in boundary.action_names]
    if wanted != list(arm.joints):
        raise InputError(f"so101 has the joints {', '.join(arm.joints)}; this policy moves {', '.join(wanted)}")
    path = find_calibration(settings.calibration, arm.types)
    calibration = Calibration.load(path, arm.joints, arm.gripper, np.array(arm.limits))
    webcam = None if camera is None else Webcam(settings.camera, fix=True)
    try:
        bus = FeetechBus(settings.port, calibration.ids)
    except (OSError, ValueError):
        if webcam is not None:
            webcam.close()
        raise
    robot = FeetechArm(bus, arm.joints, calibration, camera or "", webcam, Ticker(control_dt), arm.gripper)
    try:
        robot.prepare()  # first: by another arm's file this one seems out of its range
        robot.check_range()
    except (OSError, ValueError):
        with suppress(OSError):  # the error has been reported
            robot.close()
        raise
    return robot


def _remote_settings(settings: Hardware) -> None:
    if settings.address is None:
        raise InputError("remote needs --address, the HOST:PORT that `sim2real bridge` printed on the robot's computer")
    parse_address(settings.address)
    read_token(settings.token_file)


def _open_remote(settings: Hardware, boundary: Boundary, control_dt: float, camera: str | None) -> Robot:
    from sim2real.robots.remote import RemoteRobot, check_fits

    assert settings.address is not None
    robot = RemoteRobot(settings.address, read_token(settings.token_file))
    try:
        check_fits(robot, [name.removesuffix(".pos") for name in boundary.action_names], control_dt, camera)
    except InputError:
        robot.close()
        raise
    return robot


HARDWARE: dict[str, Driver] = {
    "loopback": Driver(_no_settings, _open_loopback),
    "remote": Driver(_remote_settings, _open_remote),
    "so101": Driver(_so101_settings, _open_so101),
}
"""Drivers by name; the loopback simulates an arm, to try commands out."""


def check_driver(name: str) -> None:
    """Raise InputError if there is no driver of this name."""
    names = ", ".join(sorted(HARDWARE))
    if name.endswith(".json"):
        raise InputError(f"--robot {name}: a robot.json is for --on sim; here --robot names a driver: {names}")
    if name not in HARDWARE:
        raise InputError(f"no driver for robot {name!r}; there are: {names}")


def open_robot(settings: Hardware, boundary: Boundary, control_dt: float, camera: str | None) -> Robot:
    """Connect to a robot, with a camera of this name or (None) without; it does not move yet.

    Raises:
        InputError: missing settings, or a robot that does not fit the policy.
        OSError: the robot does not answer.
    """
    settings.check()
    assert settings.robot is not None
    return HARDWARE[settings.robot].open(settings, boundary, control_dt, camera)
