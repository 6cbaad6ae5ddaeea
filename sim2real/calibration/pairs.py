"""Pairs of frames of a log between which the car moved, spread over all of its time."""

from dataclasses import dataclass, replace

import numpy as np

from sim2real.calibration.config import FEWEST_PAIRS
from sim2real.datasets import EpisodeDataset
from sim2real.errors import InputError
from sim2real.progress import Progress, silent
from sim2real.recordings.frames import clock_of, sessions_of
from sim2real.statistics.units import Units
from sim2real.tracks.ground import GroundView
from sim2real.tracks.parallel import in_parallel
from sim2real.tracks.photometric.optics import Optics
from sim2real.tracks.photometric.warping import Pair
from sim2real.tracks.rebuilding.drive import Drive
from sim2real.tracks.rebuilding.footage import Footage, periods_of
from sim2real.tracks.rebuilding.odometry import follow
from sim2real.tracks.rebuilding.registration import Views

CLIP = 10  # frames at most between those of a pair
DISTANCES = (0.1, 0.16, 0.22, 0.28)  # m between the frames of a pair, in turn
TURN = 0.08  # rad between the frames of a pair, from where on the car turns
_LEAST = 0.06  # m
_CLEAR = 0.55  # correlation of neighbouring frames: the camera may still be wrong


@dataclass(frozen=True)
class Found:
    """Pairs of frames, and their independent units."""

    pairs: list[Pair]
    units: Units


class Clips:
    """Short pieces of a log.

    Raises:
        InputError: too few frames, no car's recordings, or frames of another size than the camera's.
    """

    def __init__(self, dataset: EpisodeDataset, optics: Optics) -> None:
        self.dataset, self._key = dataset, dataset.camera()
        Footage(dataset, Views(GroundView(optics)))  # which checks
        lengths = np.asarray(dataset.lengths) - CLIP
        self._starts = [(k, row) for k, length in enumerate(lengths) for row in range(max(int(length), 0))]

    def pairs(self, optics: Optics, count: int, turn_scale: float | None = None, progress: Progress = silent) -> Found:
        """Return about `count` pairs of frames whose motion a camera can tell, half of them in turns.

        Args:
            turn_scale: of odometry's turns with this camera, by which laps are whole turns; None: not known.

        Raises:
            InputError: too few; says why.
        """
        views = Views(GroundView(optics))
        tried = np.unique(np.linspace(0, len(self._starts) - 1, min(2 * count, len(self._starts))).astype(int))
        tried = tried[tried >= 0]

        def look(j: int) -> Pair | str:
            k, row = self._starts[tried[j]]
            episode, rows = self.dataset.episode(k), np.arange(row, row + CLIP)
            images, late = episode.images(self._key, rows), periods_of(episode, self.dataset.fps)[rows[:-1]]
            return _pair(images, follow(images, views, late), DISTANCES[j % len(DISTANCES)], (k, row), turn_scale)

        looked = in_parallel(look, range(len(tried)), progress)
        found = [each for each in looked if isinstance(each, Pair)]
        if len(found) < FEWEST_PAIRS:
            self._refuse([each for each in looked if isinstance(each, str)], len(found))
        return self._with_units(_balanced(found, count))

    def _refuse(self, why: list[str], found: int) -> None:
        still, root = why.count("still"), self.dataset.root
        if still > len(why) / 2:
            raise InputError(f"{root}: the car stands still in most frames: choose episodes that drive")
        raise InputError(
            f"{root}: only {found} pairs of frames match on a flat ground, {FEWEST_PAIRS} are needed: the log is "
            "short, dark or blurred, or of another camera (--camera, --height, --pitch)"
        )

    def _with_units(self, pairs: list[Pair]) -> Found:
        rows = [[pair.where[1] for pair in pairs if pair.where[0] == k] for k in range(len(self.dataset))]
        clocks = [(clock_of(self.dataset.episode(k)), np.array(part, int)) for k, part in enumerate(rows)]
        units = Units.of(*sessions_of(self.dataset, clocks))
        if len(units) < 2:
            raise InputError(
                f"{self.dataset.root}: too short: two independent units are needed to judge, this is {units}"
            )
        return Found([replace(pair, unit=int(u)) for pair, u in zip(pairs, units.index, strict=True)], units)


def _pair(
    images: np.ndarray, drive: Drive, distance: float, where: tuple[int, int], turn_scale: float | None
) -> Pair | str:
    """Return the first frame and the one that is so far off [m], or why there is none: "still" or "vague"."""
    far = np.hypot(*drive.every[:, :2].T)
    last = int(np.argmax(far > distance)) or len(far) - 1
    if (drive.correlation[:last] < _CLEAR).any():
        return "vague"
    if far[last] < _LEAST:
        return "still"
    motion = drive.every[last]
    turned = None if turn_scale is None else turn_scale * float(motion[2])
    return Pair(images[0], images[last], motion, 0, (*where, where[1] + last), turned)


def _balanced(pairs: list[Pair], count: int) -> list[Pair]:
    """Return `count` of the pairs in their order: half in turns, if there are as many, all spread over the log."""
    if len(pairs) <= count:
        return pairs
    turns = np.array([abs(pair.motion[2]) > TURN for pair in pairs])
    sides = [np.flatnonzero(turns), np.flatnonzero(~turns)]
    sharp = min(max(count // 2, count - len(sides[1])), len(sides[0]))
    taken = [
        side[np.linspace(0, len(side) - 1, n).astype(int)]
        for side, n in zip(sides, (sharp, count - sharp), strict=True)
    ]
    return [pairs[k] for k in sorted({*np.concatenate(taken).tolist()})]
