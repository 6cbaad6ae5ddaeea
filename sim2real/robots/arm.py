"""An arm of Feetech servos as a `Robot`: what it relies on is checked, and it protects itself. Needs NumPy only."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from types import MappingProxyType
from typing import Any

import numpy as np

from sim2real.robots.calibration import Calibration
from sim2real.robots.feetech import Bus, Felt, unlocked
from sim2real.robots.robot import Ticker
from sim2real.robots.safety import UnsafeCommandError
from sim2real.robots.sts3215 import ERRORS, OVERLOAD
from sim2real.robots.webcam import Webcam

SETTINGS: Mapping[str, int] = MappingProxyType(
    {
        "mode": 0,
        "p": 16,
        "i": 0,
        "d": 32,
        "return_delay": 0,
        "most_acceleration": 254,
        "acceleration": 254,
        "torque_limit": 1000,
    }
)
"""What LeRobot writes at connecting, and full strength, which a program that died may have left lower.

Servos are identified, and policies adapted, with these.
"""
GRIPPER: Mapping[str, int] = MappingProxyType({"most_torque": 500, "protection_current": 250, "overload_torque": 25})
"""The same for a gripper, which is blocked by what it holds."""
MULTITURN = 0x10  # bit of `phase`, with which a servo counts turns
HOT = 65  # degrees Celsius: servos switch off at 70, and the arm would drop
FOLLOWED, SLOW, PATIENCE = 0.25, 0.15, 0.5  # rad off its goal, rad/s and s: a joint that rests so far off is blocked
START = 0.7  # rad between the arm and its first target
EASE, EASE_FROM = 1.5, 0.3  # s in which an arm is let down, from this share of its torque: less than that holds it
SAG = 45  # ticks by which gravity holds a joint off its goal


class ArmError(OSError):
    """An arm that must not go on."""


class FeetechArm:
    """An arm as a `Robot`: joints [rad], one camera. Its servos hold from the first command until `close`.

    Args:
        bus: bus of its servos.
        joints: names of the joints.
        calibration: conversion between ticks and radians.
        camera: name of the camera in observations.
        webcam: the camera; None: observations have no frame.
        ticker: keeps the control period.
        gripper: name of the joint that may be blocked; None: there is none.
    """

    def __init__(
        self,
        bus: Bus,
        joints: Sequence[str],
        calibration: Calibration,
        camera: str,
        webcam: Webcam | None,
        ticker: Ticker,
        gripper: str | None = None,
    ) -> None:
        self.action_names, self.control_dt = tuple(joints), ticker.period
        self._bus, self._calibration, self._camera, self._webcam = bus, calibration, camera, webcam
        self._ticker, self._holds, self._closed = ticker, False, False
        self._touched = False  # torque was switched on: an arm that somebody else holds is not let go
        self._felt: np.ndarray | None = None  # ticks, where it was last
        self._gripper = None if gripper is None else self.action_names.index(gripper)
        self._goal: np.ndarray | None = None  # ticks
        self._latched, self._behind = False, np.zeros(len(self.action_names))
        self._seen = 0.0

    @property
    def exposure(self) -> str:
        """Return what is known of the camera's exposure and white balance; empty without a camera."""
        return "" if self._webcam is None else self._webcam.exposure

    def prepare(self) -> None:
        """Write the settings that driving relies on, where servos have others, and read them back.

        Raises:
            UnsafeCommandError: the servos hold other offsets or limits than the calibration file, would have to let go
                for new settings, or do not keep them.
            OSError: a servo does not answer.
        """
        self._check_calibration()
        wanted = {(j, name): value for j in range(len(self.action_names)) for name, value in SETTINGS.items()}
        if self._gripper is not None:
            wanted |= {(self._gripper, name): value for name, value in GRIPPER.items()}
        wanted |= {(j, "phase"): int(v) & ~MULTITURN for j, v in enumerate(self._bus.registers("phase"))}
        if other := self._different(wanted):
            if self._bus.registers("torque").any():
                raise UnsafeCommandError(
                    f"the arm holds itself, and its servos have other settings ({self._named(other)}): support it, and"
                    " unplug its power for a moment"
                )
            with unlocked(self._bus, sorted({j for j, _ in other})):
                for (j, name), value in other.items():
                    self._bus.set(j, name, value)
            if kept := self._different(other):
                raise UnsafeCommandError(f"servos do not keep their settings ({self._named(kept)}): are they STS3215?")

    def _different(self, wanted: Mapping[tuple[int, str], int]) -> dict[tuple[int, str], int]:
        """Return what servos hold other values of."""
        held = {name: self._bus.registers(name) for name in dict.fromkeys(name for _, name in wanted)}
        return {(j, name): value for (j, name), value in wanted.items() if held[name][j] != value}

    def _named(self, settings: Mapping[tuple[int, str], int]) -> str:
        return ", ".join(f"{self.action_names[j]}: {name} {value}" for (j, name), value in list(settings.items())[:3])

    def _check_calibration(self) -> None:
        own = self._calibration
        for name, expected in (("homing_offset", own.offset), ("low", own.low), ("high", own.high)):
            held = self._bus.registers(name)
            for j in np.flatnonzero(held != expected):
                raise UnsafeCommandError(
                    f"{self.action_names[j]} was calibrated otherwise: its servo holds {name} {held[j]}, the file"
                    f" {expected[j]:.0f}: name this arm's own file by --calibration, or calibrate it again"
                )

    def observe(self) -> dict[str, Any]:
        """Observe as `Robot.observe`.

        Raises:
            ArmError: a servo reports an error, is too hot, or does not follow.
        """
        self._ticker.wait()
        felt = self._bus.read()
        self._felt = felt.position
        self._protect(felt)
        seen: dict[str, Any] = {}
        if self._webcam is not None:
            seen[f"images.{self._camera}"], seen["taken"] = self._webcam.latest()
        return {"state": self._calibration.to_radians(felt.position), **seen, "time": self._ticker.clock()}

    def _protect(self, felt: Felt) -> None:
        for j, name in enumerate(self.action_names):
            error = int(felt.error[j]) & ~(OVERLOAD if j == self._gripper else 0)  # one that holds something is that
            if wrong := [said for bit, said in ERRORS.items() if error & bit]:
                raise ArmError(f"the servo of {name} {' and '.join(wrong)}")
            if felt.temperature[j] >= HOT:
                raise ArmError(f"the servo of {name} is at {felt.temperature[j]:.0f} °C: let it cool down")
        now = self._ticker.clock()
        passed, self._seen = min(now - self._seen, self.control_dt), now
        if self._goal is None or not self._holds:
            return
        off = np.abs(self._calibration.scale * (self._goal - felt.position))
        slow = np.abs(self._calibration.scale * felt.velocity) < SLOW
        self._behind = np.where(slow & (off > FOLLOWED), self._behind + passed, 0.0)
        for j in np.flatnonzero(self._behind > PATIENCE):
            if j != self._gripper:
                raise ArmError(f"{self.action_names[j]} is {off[j]:.2f} rad behind its goal: is the arm blocked?")

    def command(self, action: np.ndarray) -> np.ndarray:
        """Command joint targets (J,) rad as `Robot.command`; returns the targets rounded to ticks.

        Raises:
            OSError: a servo does not answer; if it fails to switch on, all are switched off.
            UnsafeCommandError: as `check_range`, or a target far from the arm, before the servos hold.
        """
        ticks = self._calibration.to_ticks(action)
        if not self._holds:
            self._check_start(ticks)
        self._tell(ticks)
        if not self._holds:  # after the goal is set: the arm would jump to an old one
            self._touched = True
            try:
                self._bus.torque(True)
            except OSError:
                with suppress(OSError):  # an arm with some servos on is worse than a limp one
                    self._bus.torque(False)
                raise
            self._holds = True
        return self._calibration.to_radians(ticks)

    def _tell(self, ticks: np.ndarray) -> None:
        self._bus.write(ticks)
        self._goal, self._latched = ticks, False

    def _check_start(self, ticks: np.ndarray) -> None:
        """Raise UnsafeCommandError where the arm would jump as its servos begin to hold."""
        here = self.check_range()
        far = np.abs(self._calibration.scale * (ticks - here))
        if far.max() > START:
            j = int(far.argmax())
            raise UnsafeCommandError(f"{self.action_names[j]} is {far[j]:.2f} rad from its first target: it would jump")

    def check_range(self) -> np.ndarray:
        """Return the ticks (J,); raises UnsafeCommandError for joints outside their range, which would jump into it."""
        ticks, calibration = self._bus.read().position, self._calibration
        wrong = [
            f"{self.action_names[j]} at {ticks[j]:.0f}, calibrated {calibration.low[j]:.0f}…{calibration.high[j]:.0f}"
            for j in np.flatnonzero(calibration.outside(ticks))
        ]
        if wrong:
            raise UnsafeCommandError(
                f"the arm is outside its calibrated range ({'; '.join(wrong)} ticks): move it in by hand, or calibrate"
                " it again"
            )
        return ticks

    def stop(self) -> None:
        """Hold the position at the first call after a command; an arm that was never commanded stays limp.

        Joints that gravity holds off their goal by SAG keep the goal: told where they are, they would sink again. So
        does the gripper, which would drop what it holds. If a servo does not answer, the others hold where they were.
        """
        if not self._holds or self._latched or self._goal is None:
            return
        try:
            self._felt = self._bus.read().position
        finally:
            here = self._goal if self._felt is None else self._felt
            keep = np.abs(here - self._goal) <= SAG
            if self._gripper is not None:
                keep[self._gripper] = True
            hold = np.where(keep, self._goal, here)
            self._tell(np.clip(hold, self._calibration.low, self._calibration.high).astype(int))
            self._latched = True

    def _ease_down(self) -> None:
        """Take the torque away little by little, so that the arm sinks from wherever it is instead of dropping."""
        for share in np.linspace(EASE_FROM, 0, round(EASE / self.control_dt)):
            for j in range(len(self.action_names)):
                self._bus.set(j, "torque_limit", round(SETTINGS["torque_limit"] * share))
            self._ticker.wait()

    def _let_go(self) -> None:
        """Let the arm down if it was held, and switch all servos off, at once if one does not answer."""
        try:
            if self._holds:
                self._ease_down()
        finally:
            if self._touched:
                self._bus.torque(False)
        if self._holds:  # the next program expects its strength
            for j in range(len(self.action_names)):
                self._bus.set(j, "torque_limit", SETTINGS["torque_limit"])

    def close(self) -> None:
        """Let the arm down, switch torque off and close camera and port, even if one of these fails.

        An arm that was never commanded keeps its torque: somebody may not be there to support it.
        """
        if self._closed:
            return
        self._closed = True
        try:
            self._let_go()
        finally:
            try:
                if self._webcam is not None:
                    self._webcam.close()
            finally:
                self._bus.close()
