"""Frames of a recording as the rebuilding reads them: pieces of episodes, and their rasters."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

import numpy as np

from sim2real.datasets import Episode, EpisodeDataset
from sim2real.errors import InputError
from sim2real.recordings.frames import clock_of
from sim2real.statistics.units import JUDGING
from sim2real.tracks.rebuilding.drive import Drive
from sim2real.tracks.rebuilding.odometry import joined
from sim2real.tracks.rebuilding.registration import Views

LONGEST = 80.0  # m of a drive that is placed as one
_LATE = 1.5  # periods, from where on a frame is late: recorders jitter
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
        part = self.segments[segment]
        return self.dataset.episode(part.episode).images(self.camera, np.arange(part.first, part.last))

    def periods(self, segment: int) -> np.ndarray:
        """Return (n - 1,) by how many frames' time each frame of a segment was recorded after the one before."""
        part = self.segments[segment]
        return periods_of(self.dataset.episode(part.episode), self.dataset.fps)[part.first : part.last - 1]

    def actions(self, segment: int) -> np.ndarray:
        """Return (n, 2) steering and throttle of a segment."""
        part = self.segments[segment]
        return self.dataset.episode(part.episode)["action"][part.first : part.last, :2]

    def whole(self, drives: Mapping[int, Drive], held: Collection[int]) -> tuple[dict[int, Segment], dict[int, Drive]]:
        """Return segments and drives with neighbours joined up to LONGEST m; those held out stay as they are."""
        segments, whole = dict(enumerate(self.segments)), dict(drives)
        last: int | None = None
        for k, drive in drives.items():
            if k in held:
                last = None
                continue
            part = segments[k]
            if last is not None:
                before = segments[last]
                together = whole[last].travelled[-1] + drive.travelled[-1]
                if (before.index, before.last) == (part.index, part.first) and together <= LONGEST:
                    segments[last] = replace(before, last=part.last)
                    whole[last] = joined(whole[last], drive, self.views)
                    del segments[k], whole[k]
                    continue
            last = k
        return segments, whole


def periods_of(episode: Episode, fps: float) -> np.ndarray:
    """Return (n - 1,) by how many frames' time each frame of an episode was recorded after the one before.

    It is 1 but after gaps, where the recorder stood still and the car did not.
    """
    clock = clock_of(episode)
    if clock is None:
        return np.ones(max(len(episode) - 1, 0))
    late = np.diff(clock) * fps
    return np.where(late > _LATE, late, 1.0)
