"""Fixing a camera's exposure and white balance, and saying what could not be fixed."""

import time

import cv2
import numpy as np
import pytest

from sim2real.robots import webcam
from sim2real.robots.webcam import Webcam, lock_exposure

EXPOSURE, BALANCE = cv2.CAP_PROP_EXPOSURE, cv2.CAP_PROP_WB_TEMPERATURE
AUTO_EXPOSURE, AUTO_BALANCE = cv2.CAP_PROP_AUTO_EXPOSURE, cv2.CAP_PROP_AUTO_WB


class FakeCapture:
    """A driver with some properties; others it answers with -1 or, as some do, pretends to accept.

    Args:
        off: the value that switches automatic exposure off.
        missing: properties that it does not have.
        lies: whether it says that it set a property which it does not have.
        stuck: properties that keep their value.
    """

    def __init__(
        self, off: float = 1.0, missing: tuple[int, ...] = (), lies: bool = False, stuck: tuple[int, ...] = ()
    ):
        self.values = {AUTO_EXPOSURE: 3.0, EXPOSURE: 157.0, AUTO_BALANCE: 1.0, BALANCE: 4600.0}
        for name in missing:
            del self.values[name]
        self._off, self._lies, self._stuck = off, lies, stuck

    def get(self, name: int) -> float:
        return self.values.get(name, -1.0 if not self._lies else 0.0)

    def set(self, name: int, value: float) -> bool:
        if name not in self.values or (name == AUTO_EXPOSURE and value != self._off):
            return self._lies
        if name not in self._stuck:
            self.values[name] = value
        return True


@pytest.mark.parametrize("off", [1.0, 0.25])
def test_both_are_fixed_at_their_present_values(off: float):
    capture = FakeCapture(off)
    assert lock_exposure(capture) == "exposure and white balance are fixed"
    assert capture.values == {AUTO_EXPOSURE: off, EXPOSURE: 157.0, AUTO_BALANCE: 0.0, BALANCE: 4600.0}


@pytest.mark.parametrize("lies", [False, True])
@pytest.mark.parametrize(
    ("missing", "said"),
    [
        ((AUTO_EXPOSURE,), "exposure"),
        ((AUTO_BALANCE, BALANCE), "white balance"),
        ((AUTO_BALANCE, BALANCE, AUTO_EXPOSURE), "exposure and white balance"),
    ],
)
def test_what_the_camera_does_not_have_is_said(missing: tuple[int, ...], said: str, lies: bool):
    line = lock_exposure(FakeCapture(missing=missing, lies=lies))
    assert line == f"{said} cannot be fixed and may change while the robot moves"


def test_what_the_camera_only_pretends_is_said():
    line = lock_exposure(FakeCapture(stuck=(AUTO_EXPOSURE,)))
    assert line.startswith("exposure cannot be fixed")


def test_a_webcam_fixes_them_once_they_have_settled(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(webcam, "SETTLE", 0.02)

    class Reading(FakeCapture):
        def read(self) -> tuple[bool, np.ndarray]:
            time.sleep(0.001)
            return True, np.zeros((2, 3, 3), np.uint8)

        def release(self) -> None:
            pass

    captures = [Reading(), Reading()]
    cameras = [Webcam("0", lambda source, capture=capture: capture, bool(fix)) for fix, capture in enumerate(captures)]
    until = time.monotonic() + 10
    while not cameras[1].exposure and time.monotonic() < until:
        time.sleep(0.005)
    assert captures[1].values[AUTO_BALANCE] == 0
    for camera in cameras:
        camera.close()
    assert cameras[1].exposure == "exposure and white balance are fixed"
    assert captures[1].values[AUTO_BALANCE] == 1, "the next program finds the automatic on"
    assert cameras[0].exposure == "" and captures[0].values[AUTO_BALANCE] == 1
