"""Driver of an arm with Feetech STS3215 servos (the SO-101) on a serial bus.

Needs the extra `so101`, with Feetech's protocol library, and NumPy and OpenCV.
"""

import importlib
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Protocol

import numpy as np

from sim2real.errors import InputError
from sim2real.robots.calibration import Calibration
from sim2real.robots.robot import Ticker
from sim2real.robots.safety import UnsafeCommandError
from sim2real.robots.webcam import Webcam

BAUD = 1_000_000
ATTEMPTS = 3  # bytes are lost occasionally
SIGN = 0x8000  # sign bit of a position: the servo sends sign and magnitude
TORQUE_ENABLE, GOAL_POSITION, PRESENT_POSITION = 40, 42, 56  # addresses in the servo's control table


class Bus(Protocol):
    """The servos of one arm, in the order of its joints."""

    def read(self) -> np.ndarray:
        """Return (J,) present positions [ticks]; raises OSError if a servo does not answer."""
        ...

    def write(self, ticks: np.ndarray) -> None:
        """Write goal positions (J,) [ticks]."""
        ...

    def torque(self, on: bool) -> None:
        """Switch the torque of all servos on or off."""
        ...

    def close(self) -> None:
        """Close the port."""
        ...


class FeetechBus:
    """Servos on a serial port, through Feetech's library.

    Raises:
        InputError: the library is not installed.
        OSError: the port cannot be opened, or not every servo answers.
    """

    def __init__(self, port: str, ids: Sequence[int]) -> None:
        try:
            self._sdk: Any = importlib.import_module("scservo_sdk")
        except ImportError:
            raise InputError("Feetech's library is not installed: pip install 'sim2real[so101]'") from None
        self._ids, self._name = tuple(ids), port
        self._port, self._packets = self._sdk.PortHandler(port), self._sdk.PacketHandler(0)
        if not self._port.openPort() or not self._port.setBaudRate(BAUD):
            raise OSError(f"{port} cannot be opened")
        self._positions = self._sdk.GroupSyncRead(self._port, self._packets, PRESENT_POSITION, 2)
        self._goals = self._sdk.GroupSyncWrite(self._port, self._packets, GOAL_POSITION, 2)
        for number in self._ids:
            self._positions.addParam(number)
        try:
            self.read()
        except OSError:
            self._port.closePort()
            raise

    def read(self) -> np.ndarray:
        """Read as `Bus.read`."""
        for _ in range(ATTEMPTS):
            if self._positions.txRxPacket() == self._sdk.COMM_SUCCESS:
                break
        else:
            raise OSError(f"not all servos {', '.join(map(str, self._ids))} on {self._name} answer")
        raw = np.array([self._positions.getData(number, PRESENT_POSITION, 2) for number in self._ids])
        return np.where(raw & SIGN, -(raw & ~SIGN), raw)

    def write(self, ticks: np.ndarray) -> None:
        """Write as `Bus.write`; raises OSError if the port refuses it."""
        self._goals.clearParam()
        for number, goal in zip(self._ids, ticks, strict=True):
            self._goals.addParam(number, [int(goal) & 0xFF, int(goal) >> 8])
        if self._goals.txPacket() != self._sdk.COMM_SUCCESS:
            raise OSError(f"{self._name} does not take goal positions")

    def torque(self, on: bool) -> None:
        """Switch as `Bus.torque`, all servos; raises OSError afterwards if one did not answer."""
        silent = []
        for number in self._ids:
            for _ in range(ATTEMPTS):
                result, _ = self._packets.write1ByteTxRx(self._port, number, TORQUE_ENABLE, int(on))
                if result == self._sdk.COMM_SUCCESS:
                    break
            else:
                silent.append(str(number))
        if silent:
            raise OSError(f"servos {', '.join(silent)} on {self._name} did not confirm torque {'on' if on else 'off'}")

    def close(self) -> None:
        """Close as `Bus.close`."""
        self._port.closePort()


class FeetechArm:
    """An arm as a `Robot`: joints [rad], one camera. Its servos hold from the first command until `close`.

    Args:
        bus: bus of its servos.
        joints: names of the joints.
        calibration: conversion between ticks and radians.
        camera: name of the camera in observations.
        webcam: the camera; None: observations have no frame.
        ticker: keeps the control period.
    """

    def __init__(
        self,
        bus: Bus,
        joints: Sequence[str],
        calibration: Calibration,
        camera: str,
        webcam: Webcam | None,
        ticker: Ticker,
    ) -> None:
        self.action_names, self.control_dt = tuple(joints), ticker.period
        self._bus, self._calibration, self._camera, self._webcam = bus, calibration, camera, webcam
        self._ticker, self._holds, self._closed = ticker, False, False

    def observe(self) -> dict[str, Any]:
        """Observe as `Robot.observe`."""
        self._ticker.wait()
        position = self._calibration.to_radians(self._bus.read())
        seen: dict[str, Any] = {}
        if self._webcam is not None:
            seen[f"images.{self._camera}"], seen["taken"] = self._webcam.latest()
        return {"state": position, **seen, "time": self._ticker.clock()}

    def command(self, action: np.ndarray) -> np.ndarray:
        """Command joint targets (J,) rad as `Robot.command`; returns the targets rounded to ticks.

        Raises:
            OSError: a servo does not answer; if it fails to switch on, all are switched off.
            UnsafeCommandError: as `check_range`, before the servos hold.
        """
        if not self._holds:
            self.check_range()
        ticks = self._calibration.to_ticks(action)
        self._bus.write(ticks)
        if not self._holds:  # after the goal is set: the arm would jump to an old one
            try:
                self._bus.torque(True)
            except OSError:
                with suppress(OSError):  # an arm with some servos on is worse than a limp one
                    self._bus.torque(False)
                raise
            self._holds = True
        return self._calibration.to_radians(ticks)

    def check_range(self) -> None:
        """Raise UnsafeCommandError for joints outside their calibrated range, which would jump into it."""
        ticks, calibration = self._bus.read(), self._calibration
        wrong = [
            f"{self.action_names[j]} at {ticks[j]:.0f}, calibrated {calibration.low[j]:.0f}…{calibration.high[j]:.0f}"
            for j in np.flatnonzero(calibration.outside(ticks))
        ]
        if wrong:
            raise UnsafeCommandError(
                f"the arm is outside its calibrated range ({'; '.join(wrong)} ticks): move it in by hand, or calibrate"
                " it again"
            )

    def stop(self) -> None:
        """Hold the present position; an arm that was never commanded stays limp."""
        if self._holds:
            self._bus.write(np.clip(self._bus.read(), self._calibration.low, self._calibration.high).astype(int))

    def close(self) -> None:
        """Switch torque off and close camera and port, even if one of these fails."""
        if self._closed:
            return
        self._closed = True
        try:
            self._bus.torque(False)
        finally:
            try:
                if self._webcam is not None:
                    self._webcam.close()
            finally:
                self._bus.close()
