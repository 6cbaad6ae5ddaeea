"""A calibrated camera: projection of points, and rays of pixels."""

import math
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from functools import cached_property
from typing import Any

import numpy as np

from envs.errors import InputError
from envs.lens import Lens

COEFFICIENTS = {"pinhole": (0,), "brown-conrady": (4, 5, 8), "fisheye": (4,)}
"""Number of distortion coefficients that each lens model takes."""


@dataclass(frozen=True)
class Camera:
    """Intrinsics and distortion in OpenCV's conventions: pixel centres at integers, coefficients in OpenCV's order.

    Points are in OpenCV's camera frame (x right, y down, z forward). Outside the field in which the lens model is
    one-to-one (see `Lens.limit`), `project` and `unproject` give NaN, and `rays` are those of its rim.

    Attributes:
        width: [px]
        height: [px]
        fx: focal length along x [px]; fy along y.
        cx: principal point [px]; cy along y.
        distortion: () for "pinhole"; k1 k2 p1 p2 [k3 [k4 k5 k6]] for "brown-conrady"; k1 k2 k3 k4 for "fisheye".
        model: one of COEFFICIENTS.

    Raises:
        InputError: for a value that is not finite, a size or focal length that is not positive, an unknown model or a
            number of coefficients that the model does not take.
    """

    width: int
    height: int
    fx: float
    fy: float
    cx: float
    cy: float
    distortion: tuple[float, ...] = ()
    model: str = "pinhole"

    def __post_init__(self) -> None:
        for name in ("width", "height"):
            _check(_is_whole(getattr(self, name)) and getattr(self, name) > 0, name, self, "a positive whole number")
            object.__setattr__(self, name, int(getattr(self, name)))
        for name in ("fx", "fy", "cx", "cy"):
            _check(_is_finite(getattr(self, name)), name, self, "a finite number of pixels")
            object.__setattr__(self, name, float(getattr(self, name)))
        for name in ("fx", "fy"):
            _check(getattr(self, name) > 0, name, self, "positive")
        _check(
            isinstance(self.model, str) and self.model in COEFFICIENTS,
            "model",
            self,
            f"one of {', '.join(COEFFICIENTS)}",
        )
        iterable = isinstance(self.distortion, (tuple, list, np.ndarray))
        _check(iterable and all(map(_is_finite, self.distortion)), "distortion", self, "a list of finite numbers")
        object.__setattr__(self, "distortion", tuple(float(v) for v in self.distortion))
        counts = COEFFICIENTS[self.model]
        wanted = " or ".join(map(str, counts)) + f" coefficients for {self.model}"
        _check(len(self.distortion) in counts, "distortion", self, wanted)

    @classmethod
    def from_fov(cls, width: int, height: int, fovy: float) -> "Camera":
        """Make a pinhole with the vertical field of view fovy [rad], square pixels and a centred principal point."""
        if not (_is_finite(fovy) and 0 < fovy < math.pi):
            raise InputError(f"camera: fovy is {fovy!r}, it must lie between 0 and pi radians")
        f = 0.5 * height / math.tan(0.5 * fovy)
        return cls(width, height, f, f, 0.5 * (width - 1), 0.5 * (height - 1))

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Camera":
        """Make a camera from a calibration file's content, with exactly the keys of `to_dict`.

        Raises:
            InputError: for a missing or unknown key, or a value that `Camera` refuses.
        """
        names = [f.name for f in fields(cls)]
        unknown, missing = [k for k in values if k not in names], [k for k in names if k not in values]
        if unknown or missing:
            problem = f"unknown key {unknown[0]!r}" if unknown else f"key {missing[0]!r} is missing"
            raise InputError(f"camera: {problem}; a calibration has {', '.join(names)}")
        return cls(**values)

    def to_dict(self) -> dict[str, Any]:
        """Return the calibration for JSON."""
        return {**asdict(self), "distortion": list(self.distortion)}

    @property
    def matrix(self) -> np.ndarray:
        """Return the (3, 3) intrinsic matrix [px]."""
        return np.array([[self.fx, 0.0, self.cx], [0.0, self.fy, self.cy], [0.0, 0.0, 1.0]])

    @cached_property
    def _lens(self) -> Lens:
        d = self.distortion
        if self.model == "fisheye":
            return Lens((1.0, *d), ceiling=math.pi)
        if self.model == "brown-conrady":
            return Lens((1.0, d[0], d[1], *d[4:5]), (1.0, *d[5:]), (d[2], d[3]))
        return Lens()

    def project(self, points_camera: np.ndarray) -> np.ndarray:
        """Project points (..., 3) [m] in the camera frame to pixels (..., 2); NaN outside the lens's field."""
        x, y, z = np.moveaxis(np.asarray(points_camera, np.float64), -1, 0)
        r = np.hypot(x, y)
        with np.errstate(all="ignore"):
            if self.model == "fisheye":
                ratio = np.where(r > 0, np.arctan2(r, z) / r, 1.0 / z)
                seen = (r > 0) | (z > 0)
            else:
                ratio, seen = 1.0 / z, z > 0
            u, v = x * ratio, y * ratio
            seen &= self._lens.valid(u, v)
            u_d, v_d, *_ = self._lens.distort(u, v)
            pixels = np.stack([self.fx * u_d + self.cx, self.fy * v_d + self.cy], -1)
        return np.where(seen[..., None], pixels, np.nan)

    def unproject(self, pixels: np.ndarray) -> np.ndarray:
        """Return unit directions (..., 3) in the camera frame of pixels (..., 2); NaN outside the lens's field."""
        pixels = np.asarray(pixels, np.float64)
        return self._directions(pixels.reshape(-1, 2)).reshape(*pixels.shape[:-1], 3)

    def rays(self, samples: int = 1) -> np.ndarray:
        """Return unit directions (samples**2, height, width, 3) in MuJoCo's camera frame: x right, y up, view along -z.

        With samples > 1, each pixel has a regular grid of sub-pixel positions. Pixels outside the lens model's field
        get directions along its rim and not NaN, so that a renderer has a direction for every pixel.
        """
        if not (_is_whole(samples) and samples > 0):
            raise InputError(f"camera: samples is {samples!r}, it must be a positive whole number")
        shift = (np.arange(samples) + 0.5) / samples - 0.5
        dv, du, v, u = np.meshgrid(shift, shift, np.arange(self.height), np.arange(self.width), indexing="ij")
        pixels = np.stack([(u + du).ravel(), (v + dv).ravel()], -1)
        rays = self._directions(pixels, rim=True) * (1.0, -1.0, -1.0)
        return rays.reshape(samples**2, self.height, self.width, 3)

    def _directions(self, pixels: np.ndarray, rim: bool = False) -> np.ndarray:
        """Return (m, 3) from (m, 2); with `rim`, unseen pixels get the outermost direction at their azimuth."""
        u_d, v_d = (pixels[:, 0] - self.cx) / self.fx, (pixels[:, 1] - self.cy) / self.fy
        u, v = self._lens.undistort(u_d, v_d)
        if rim and np.isnan(u).any():
            lost = np.isnan(u)
            # Without an edge the plane is unbounded: stop short of 90 degrees.
            outermost = min(self._lens.limit, 1e3) / np.hypot(u_d[lost], v_d[lost])
            u[lost], v[lost] = u_d[lost] * outermost, v_d[lost] * outermost
        r = np.hypot(u, v)
        if self.model == "fisheye":
            return np.stack([u * np.sinc(r / np.pi), v * np.sinc(r / np.pi), np.cos(r)], -1)
        return np.stack([u, v, np.ones_like(u)], -1) / np.hypot(r, 1.0)[:, None]

    def crop(self, left: int, top: int, width: int, height: int) -> "Camera":
        """Return the camera of this part of the image, in integer pixels; raises InputError if it is not inside."""
        if left < 0 or top < 0 or left + width > self.width or top + height > self.height:
            part = f"{width}x{height} at ({left}, {top})"
            raise InputError(f"camera: crop {part} does not lie inside the {self.width}x{self.height} image")
        return replace(self, width=width, height=height, cx=self.cx - left, cy=self.cy - top)

    def resize(self, width: int, height: int) -> "Camera":
        """Return the camera of the image scaled to this size; pixel areas are kept: u' = (u + 0.5) s - 0.5."""
        sx, sy = width / self.width, height / self.height
        cx, cy = (self.cx + 0.5) * sx - 0.5, (self.cy + 0.5) * sy - 0.5
        return replace(self, width=width, height=height, fx=self.fx * sx, fy=self.fy * sy, cx=cx, cy=cy)


def _is_finite(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, float, np.number)):
        return False
    return bool(abs(value) <= sys.float_info.max)  # which a whole number may exceed, too


def _is_whole(value: object) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def _check(fine: bool, name: str, camera: Camera, wanted: str) -> None:
    if not fine:
        raise InputError(f"camera: {name} is {getattr(camera, name)!r}, it must be {wanted}")
