"""A camera on a car as a vector of parameters: what a fit changes."""

from dataclasses import dataclass, replace

import numpy as np

from envs.camera import Camera
from sim2real.tracks.ground import Mount

PARAMETERS = ("focal", "cx", "cy", "k1", "k2", "pitch", "roll")
"""Share of the focal length (log), px, px, distortion coefficients, rad, rad."""
_RIM = 1e-3  # m: beyond a nodding car's horizon nothing is seen
STEPS = np.array([1e-4, 1e-2, 1e-2, 1e-4, 1e-4, 1e-4, 1e-4])  # of differences, in the parameters' units


@dataclass(frozen=True)
class Optics(Mount):
    """A mount as a vector; yaw is no part of it: it only says what is called ahead.

    Attributes:
        soft: blur of the frames along x and y [px]: lens, moving scene and compression, see `warping.matched`.
    """

    soft: tuple[float, float] = (1.2, 1.2)

    def values(self) -> np.ndarray:
        """Return (7,) the PARAMETERS; the focal length as the log of that along x in px."""
        camera = self.camera
        k = (*camera.distortion, 0.0, 0.0)[:2]
        return np.array([np.log(camera.fx), camera.cx, camera.cy, *k, self.pitch, self.roll])

    def level(self, ground: np.ndarray, nod: float, lean: float = 0.0) -> np.ndarray:
        """Return where points (..., 2) m really lie that are seen while the car nods and leans, as if it did not.

        Args:
            nod: by how much the camera looks farther down [rad].
            lean: by how much it is rolled farther, clockwise as it looks [rad].
        """
        c, s, ahead = np.cos(nod), np.sin(nod), ground[..., 0] - self.x
        cl, sl, down = np.cos(lean), np.sin(lean), ahead * s + self.height * c
        far = self.height / np.maximum(down * cl - ground[..., 1] * sl, _RIM)
        return np.stack([self.x + far * (ahead * c - self.height * s), far * (ground[..., 1] * cl + down * sl)], -1)

    def apparent(self, ground: np.ndarray, nod: float, lean: float) -> np.ndarray:
        """Return where points (..., 2) m seem to lie while the car nods and leans: the inverse of `level`."""
        return self.level(self.level(ground, 0.0, -lean), -nod)

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
