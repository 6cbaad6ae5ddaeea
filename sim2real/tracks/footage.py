"""Frames of a recording as the rebuilding reads them: pieces of episodes, and their rasters."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from sim2real.datasets import EpisodeDataset
from sim2real.errors import InputError
from sim2real.statistics.units import JUDGING
from sim2real.tracks.registration import Raster, Views

FEWEST = 60  # frames of a recording: less than a look around


@dataclass(frozen=True)
class Segment:
    """A piece of an episode.

    Attributes:
        episode: index among the selected ones.
        index: the same in the dataset.
        first, last: its rows first … last - 1.
    """

    episode: int
    index: int
    first: int
    last: int

    def __len__(self) -> int:
        return self.last - self.first


class Footage:
    """Segments of a dataset of at most the length of a judged block, and their images.

    Raises:
        InputError: too few frames, no steering and throttle, or frames of another size than the camera's.
    """

    def __init__(self, dataset: EpisodeDataset, views: Views) -> None:
        self.dataset, self.views, self.camera = dataset, views, dataset.camera()
        longest = max(round(JUDGING.seconds * dataset.fps), 2)
        self.segments = [
            Segment(k, int(dataset.indices[k]), first, min(first + longest, int(length)))
            for k, length in enumerate(dataset.lengths)
            for first in range(0, int(length), longest)
        ]
        self._images = lru_cache(maxsize=3)(self._read)
        self.raster = lru_cache(maxsize=64)(self._raster)
        self._check()

    def _check(self) -> None:
        root, camera = self.dataset.root, self.views.view.mount.camera
        names = self.dataset.features["action"].names if "action" in self.dataset.features else ()
        if tuple(names or ())[:2] != ("steering", "throttle"):
            raise InputError(f"{root} has no steering and throttle: only a car's recordings show a track")
        if self.dataset.frames < FEWEST:
            raise InputError(f"{root} has {self.dataset.frames} frames: at least {FEWEST} are needed to see a track")
        height, width = self.dataset.features[self.camera].shape[:2]
        if (width, height) != (camera.width, camera.height):
            raise InputError(
                f"{root} has frames of {width}x{height}, the camera is calibrated for {camera.width}x{camera.height}: "
                "give its own calibration by --camera"
            )

    def images(self, segment: int) -> np.ndarray:
        """Return (n, h, w, 3) uint8 RGB of a segment."""
        return self._images(segment)

    def actions(self, segment: int) -> np.ndarray:
        """Return (n, 2) steering and throttle of a segment."""
        part = self.segments[segment]
        return self.dataset.episode(part.episode)["action"][part.first : part.last, :2]

    def _read(self, segment: int) -> np.ndarray:
        part = self.segments[segment]
        return self.dataset.episode(part.episode).images(self.camera, np.arange(part.first, part.last))

    def _raster(self, segment: int, row: int) -> Raster:
        return self.views.raster(self.images(segment)[row])
