# pyright: reportMissingImports=false
"""A network camera in LeRobot, whose own OpenCV camera refuses one: its size and rate cannot be set."""

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from lerobot.cameras.camera import Camera
from lerobot.cameras.configs import CameraConfig

from sim2real.robots.webcam import Webcam

_LOOK = 0.002  # s between two looks for a new frame


@CameraConfig.register_subclass("url")
@dataclass
class UrlCameraConfig(CameraConfig):
    """Settings of a network camera; `width`, `height` and `fps` are what it gives.

    Attributes:
        url: an address that OpenCV opens, such as an MJPEG stream.
    """

    url: str


class UrlCamera(Camera):
    """The latest frame of a network camera, RGB."""

    def __init__(self, config: UrlCameraConfig) -> None:
        super().__init__(config)
        self._url, self._webcam, self._seen = config.url, None, 0.0

    @property
    def is_connected(self) -> bool:
        return self._webcam is not None

    @staticmethod
    def find_cameras() -> list[dict[str, Any]]:
        """Return none: addresses cannot be found."""
        return []

    def connect(self, warmup: bool = True) -> None:
        """Open the stream and wait for its first frame.

        Raises:
            OSError: it gives no frame, or one of another size.
        """
        self._webcam = webcam = Webcam(self._url)
        height, width = webcam.latest()[0].shape[:2]
        if (width, height) != (self.width, self.height):
            self.disconnect()
            raise OSError(f"the camera gives {width}x{height} px: set its width to {width} and its height to {height}")

    def read(self) -> np.ndarray:
        """Return the next frame (H, W, 3) uint8."""
        return self.async_read()

    def async_read(self, timeout_ms: float = 200) -> np.ndarray:
        """Return a frame (H, W, 3) uint8 that was not returned before; raises TimeoutError without one."""
        until = time.monotonic() + timeout_ms / 1000
        while (seen := self._latest())[1] <= self._seen:
            if time.monotonic() > until:
                raise TimeoutError(f"the camera gave no new frame for {timeout_ms:.0f} ms")
            time.sleep(_LOOK)
        frame, self._seen = seen
        return frame

    def read_latest(self, max_age_ms: int = 500) -> np.ndarray:
        """Return the latest frame (H, W, 3) uint8; raises TimeoutError if it is older than that."""
        frame, self._seen = self._latest()
        if (age := 1000 * (time.monotonic() - self._seen)) > max_age_ms:
            raise TimeoutError(f"the camera stalled: its latest frame is {age:.0f} ms old")
        return frame

    def _latest(self) -> tuple[np.ndarray, float]:
        if self._webcam is None:
            raise OSError("the camera is not connected")
        return self._webcam.latest()

    def disconnect(self) -> None:
        """Close the stream."""
        if self._webcam is not None:
            self._webcam.close()
        self._webcam = None
