"""Synthetic likelihood of a sensor: statistics of rendered frames through the twin, against those of recordings.

Statistics of one place are normal with the mean and covariance over rendered places (Wood 2010, Statistical inference
for noisy nonlinear ecological dynamic systems). What another material or light does to a statistic is thereby noise,
and a parameter that does nothing else cannot be told apart from the scene.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from envs.image_formation import vignette_map
from envs.task import View
from sim2real.identification.sensor.features import features
from sim2real.identification.sensor.jpeg import compressed
from sim2real.identification.sensor.parameters import SPREAD, values_of
from sim2real.identification.sensor.twin import form

STEP = 0.15  # of differences, in spreads before any frame
SHRINKAGE = 0.1  # of the correlations between statistics, whose number is near that of the worlds


@dataclass(frozen=True)
class Optics:
    """What the statistics need to know of the camera.

    Attributes:
        vignette: (H, W) squared distances from the optical axis, 1 in the farthest corner.
        crop: (left, top, width, height) px, multiples of 8, of the part that is compared.
        axis: column of the optical axis [px].
    """

    vignette: Tensor
    crop: tuple[int, int, int, int]
    axis: float

    @property
    def columns(self) -> Tensor:
        """Return distances of the columns of blocks from the axis, in half widths."""
        left, _, width, _ = self.crop
        middles = left + 8 * torch.arange(width // 8) + 3.5
        return (middles - self.axis).abs() / (width / 2)

    def described(self, frames: Tensor) -> Tensor:
        """Return statistics (K,) of the compared part of frames (n, 3, H, W), in the order of `names`."""
        return torch.stack(list(self._features(frames).values()))

    def names(self, frames: Tensor) -> list[str]:
        """Return the names of the statistics."""
        return list(self._features(frames))

    def _features(self, frames: Tensor) -> dict[str, Tensor]:
        left, top, width, height = self.crop
        return features(frames[:, :, top : top + height, left : left + width], self.columns)


def optics_of(view: View) -> Optics:
    """Return the optics of a task's view; what policies do not see, such as a ceiling, is not compared."""
    camera, (left, top, width, height) = view.camera, view.crop
    squared = vignette_map(camera.height, camera.width, (camera.cx, camera.cy))[0, :, :, 0]
    x, y = -(-left // 8) * 8, -(-top // 8) * 8  # the blocks of JPEG begin at the corner of the whole frame
    part = (x, y, (left + width - x) // 8 * 8, (top + height - y) // 8 * 8)
    return Optics(torch.from_numpy(squared.copy()), part, camera.cx)


def planes(images: np.ndarray) -> Tensor:
    """Return (n, 3, H, W) float32 of images (n, H, W, 3) uint8."""
    return torch.from_numpy(images).permute(0, 3, 1, 2).float().contiguous()


class Scenes:
    """Rendered places, seen through the twin with the same noise at every call.

    Args:
        images: (p, t, H, W, 3) uint8 rendered frames.
        qualities: (p,) quality of the JPEG in each place; 0: none.
        seed: seed of the noise.
        stored: quality of the JPEG files that recordings are kept in, by which all frames are compressed; 0: none.
    """

    def __init__(self, images: np.ndarray, optics: Optics, qualities: np.ndarray, seed: int, stored: int = 0) -> None:
        self.images, self.optics, self.stored = images, optics, stored
        self._qualities, self._seed = qualities, seed

    def __len__(self) -> int:
        return len(self.images)

    def seen(self, z: Tensor | None, place: int) -> Tensor:
        """Return the frames (t, 3, H, W) of a place through the sensor at z (D,); None: through the nominal one."""
        frames = planes(self.images[place])
        if z is not None:
            noise = torch.randn(frames.shape, generator=torch.Generator().manual_seed(self._seed + place))
            frames = form(frames, values_of(z), self.optics.vignette, noise, int(self._qualities[place]))
        return compressed(frames, self.stored) if self.stored else frames

    def place(self, z: Tensor | None, place: int) -> Tensor:
        """Return statistics (K,) of a place."""
        return self.optics.described(self.seen(z, place))

    def statistics(self, z: Tensor | None) -> Tensor:
        """Return statistics (p, K) of all places."""
        with torch.no_grad():
            return torch.stack([self.place(z, k) for k in range(len(self))])

    def jacobian(self, z: Tensor, places: np.ndarray) -> Tensor:
        """Return (K, D) derivatives of statistics, by central differences, averaged over places (m,).

        Differences of finite steps, with the same noise on both sides, see through the steps of JPEG, where a
        derivative is zero almost everywhere.
        """
        columns = []
        with torch.no_grad():
            for step in torch.diag(STEP * SPREAD):
                pairs = [self.place(z + step, k) - self.place(z - step, k) for k in places.tolist()]
                columns.append(torch.stack(pairs).mean(0) / (2 * step.sum()))
        return torch.stack(columns, 1)
