"""A camera on a car as a vector of parameters: what a fit changes."""

from dataclasses import dataclass, replace

import numpy as np

from envs.camera import Camera
from sim2real.tracks.ground import Mount

PARAMETERS = ("focal", "cx", "cy", "k1", "k2", "pitch", "roll")
"""Share of the focal length (log), px, px, distortion coefficients, rad, rad."""
STEPS = np.array([1e-4, 1e-2, 1e-2, 1e-4, 1e-4, 1e-4, 1e-4])  # of differences, in the parameters' units


@dataclass(frozen=True)
class Optics(Mount):
    """A mount that may be tilted to a side; yaw is no part of it: it only says what is called ahead.

    Attributes:
        roll: about the car's axis ahead, clockwise as the camera looks [rad].
    """

    roll: float = 0.0

    def pixels(self, ground: np.ndarray) -> np.ndarray:
        """Project points (..., 2) [m] on the ground in the car's frame to pixels (..., 2); NaN where unseen."""
        ahead, right = ground[..., 0] - self.x, -ground[..., 1]
        c, s, cr, sr = np.cos(self.pitch), np.sin(self.pitch), np.cos(self.roll), np.sin(self.roll)
        across, below = right * cr + self.height * sr, self.height * cr - right * sr
        return self.camera.project(np.stack([across, below * c - ahead * s, ahead * c + below * s], -1))

    def on_ground(self, pixels: np.ndarray) -> np.ndarray:
        """Return the points (..., 2) [m] of the ground that pixels (..., 2) show; NaN above the horizon."""
        ray = self.camera.unproject(pixels)
        c, s, cr, sr = np.cos(self.pitch), np.sin(self.pitch), np.cos(self.roll), np.sin(self.roll)
        below, ahead = ray[..., 1] * c + ray[..., 2] * s, ray[..., 2] * c - ray[..., 1] * s
        right, down = ray[..., 0] * cr - below * sr, below * cr + ray[..., 0] * sr
        far = self.height / np.where(down > 1e-3, down, np.nan)
        return np.stack([self.x + far * ahead, -far * right], -1)

    def values(self) -> np.ndarray:
        """Return (7,) the PARAMETERS; the focal length as the log of that along x in px."""
        camera = self.camera
        k = (*camera.distortion, 0.0, 0.0)[:2]
        return np.array([np.log(camera.fx), camera.cx, camera.cy, *k, self.pitch, self.roll])

    def moved(self, step: np.ndarray) -> "Optics":
        """Return it with PARAMETERS changed by (7,)."""
        camera, scale = self.camera, float(np.exp(step[0]))
        k = camera.distortion
        if step[3] or step[4]:
            k = (k[0] + step[3], k[1] + step[4], *k[2:])
        changed = replace(
            camera,
            fx=camera.fx * scale,
            fy=camera.fy * scale,
            cx=camera.cx + step[1],
            cy=camera.cy + step[2],
            distortion=k,
        )
        return replace(self, camera=changed, pitch=self.pitch + step[5], roll=self.roll + step[6])


def distorted(camera: Camera) -> Camera:
    """Return a camera that has distortion coefficients: a pinhole becomes a Brown-Conrady lens without distortion."""
    return camera if camera.distortion else replace(camera, model="brown-conrady", distortion=(0.0,) * 4)
