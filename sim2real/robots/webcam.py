"""A camera whose latest frame is always available; needs OpenCV only."""

import threading
import time
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np

FIRST = 5.0  # s, maximum time until a camera's first frame
SETTLE = 1.0  # s in which a camera's automatic finds its exposure and white balance
SIZE = (640, 480)  # px, requested size; policies resize frames themselves

_LOCKS = {  # switch of the automatic, its values for "off" (Video4Linux, others), property with the value
    "exposure": (cv2.CAP_PROP_AUTO_EXPOSURE, (1.0, 0.25), cv2.CAP_PROP_EXPOSURE),
    "white balance": (cv2.CAP_PROP_AUTO_WB, (0.0,), cv2.CAP_PROP_WB_TEMPERATURE),
}


class Webcam:
    """Reads frames on its own thread, so that the control loop never waits for one.

    Args:
        source: number of the camera, or a name that OpenCV opens.
        opened: opens the source, with `read() -> (bool, BGR frame)` and `release()`; by default OpenCV's.
        fix: fix exposure and white balance as they are after SETTLE.

    Attributes:
        exposure: what could be fixed, in a line; empty before.

    Raises:
        OSError: there is no such camera, or it gives no frame.
    """

    def __init__(self, source: str, opened: Callable[[str], Any] | None = None, fix: bool = False) -> None:
        self._source, self._capture = source, (opened or _open)(source)
        self._frame: np.ndarray | None = None
        self._taken, self._going, self._fix, self.exposure = 0.0, True, fix, ""
        self._lock, self._first = threading.Lock(), threading.Event()
        self._thread = threading.Thread(target=self._read, name=f"camera {source}", daemon=True)
        self._thread.start()
        if not self._first.wait(FIRST) or self._frame is None:
            self.close()
            raise OSError(f"camera {source} gives no frame: is it plugged in, and not in use by another program?")

    def _read(self) -> None:
        begun = time.monotonic()
        if self._fix:  # another program may have left them fixed
            free_exposure(self._capture)
        try:
            self._read_on(begun)
        finally:
            if self.exposure:
                free_exposure(self._capture)

    def _read_on(self, begun: float) -> None:
        while self._going:
            if self._fix and time.monotonic() - begun >= SETTLE:  # here: no other thread may use the capture
                self.exposure, self._fix = lock_exposure(self._capture), False
            delivered, frame = self._capture.read()
            if not delivered:  # unplugged; the control loop detects missing frames
                self._first.set()
                return
            rgb = np.ascontiguousarray(frame[..., ::-1])
            with self._lock:
                self._frame, self._taken = rgb, time.monotonic()
            self._first.set()

    def latest(self) -> tuple[np.ndarray, float]:
        """Return the latest frame (H, W, 3) uint8 RGB and its time [s, time.monotonic], even if it is not new."""
        with self._lock:
            assert self._frame is not None
            return self._frame, self._taken

    def close(self) -> None:
        """Release the camera."""
        self._going = False
        self._thread.join(1.0)
        self._capture.release()


def lock_exposure(capture: Any) -> str:
    """Fix exposure and white balance at their present values; return a line that says what could not be fixed.

    Drivers accept settings that they do not have, so that each is read back.

    Args:
        capture: an open `cv2.VideoCapture` whose automatic has settled.
    """
    locked = {name: _lock(capture, *settings) for name, settings in _LOCKS.items()}
    free = [name for name, fixed in locked.items() if not fixed]
    if not free:
        return f"{' and '.join(locked)} are fixed"
    return f"{' and '.join(free)} cannot be fixed and may change while the robot moves"


def free_exposure(capture: Any) -> None:
    """Switch a camera's automatic exposure and white balance on: drivers keep them beyond a program's end."""
    for value in (0.75, 3.0):  # Video4Linux takes the second
        capture.set(cv2.CAP_PROP_AUTO_EXPOSURE, value)
    capture.set(cv2.CAP_PROP_AUTO_WB, 1.0)


def _lock(capture: Any, automatic: int, manual: tuple[float, ...], value: int) -> bool:
    """Switch an automatic off and keep its value; return whether the camera says that it did."""
    kept = capture.get(value)
    if kept == 0:  # the answer for a property that does not exist
        return False
    for off in manual:
        if capture.set(automatic, off) and abs(capture.get(automatic) - off) < 1e-3:
            return bool(capture.set(value, kept)) and abs(capture.get(value) - kept) <= 0.01 * abs(kept)
    return False


def _open(source: str) -> Any:
    capture = cv2.VideoCapture(int(source) if source.isdigit() else source)
    if not capture.isOpened():
        raise OSError(f"no camera {source!r} on this machine")
    for name, value in zip((cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT), SIZE, strict=True):
        capture.set(name, value)
    capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
    return capture
