"""What a rebuilding found: map, places of all drives, centre line, vehicle, and their figures."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from sim2real.statistics.agreement import Estimate
from sim2real.tracks.centre_line import CentreLine
from sim2real.tracks.ground import Mount
from sim2real.tracks.mosaic import Mosaic
from sim2real.tracks.rebuilding.drive import Drive
from sim2real.tracks.rebuilding.footage import Segment
from sim2real.tracks.rebuilding.held_out import summary
from sim2real.tracks.rebuilding.length import certain
from sim2real.tracks.rebuilding.placed import Placed


@dataclass(frozen=True)
class Reconstruction:
    """A track, rebuilt from its log.

    Attributes:
        mount: the camera on the car.
        mosaic: the map.
        line: its centre line.
        segments: drive -> piece of an episode.
        drives: the motion of each.
        placed: those that the map was made of, on it.
        held: those that it was not made of.
        localized: held-out drive -> keyframe -> (3,) map_from_car.
        deviation: (n, 3) m, m and rad, by which held-out frames disagree with mapped ones: along, across, yaw.
        vehicle: what the car did for its commands; None: not known.
        turn_scale: of odometry's turns, by which laps are whole turns; far from 1 the lens is another one.
        length_scale: of odometry's lengths, as keyframes some way apart show it; used if `certain`.
    """

    mount: Mount
    mosaic: Mosaic
    line: CentreLine
    segments: Mapping[int, Segment]
    drives: Mapping[int, Drive]
    placed: Placed
    held: list[int]
    localized: Mapping[int, Mapping[int, np.ndarray]]
    deviation: np.ndarray
    vehicle: Mapping[str, Estimate | None]
    turn_scale: float
    length_scale: Estimate

    def keyframes(self) -> Iterator[tuple[int, np.ndarray, np.ndarray, bool]]:
        """Yield drive, keyframes (m,), poses (m, 3) and whether it was held out, of all that have a place, in order."""
        for k in sorted({*self.placed.poses, *self.localized}):
            if k in self.localized:
                keys = np.array(sorted(self.localized[k]), int)
                yield k, keys, np.array([self.localized[k][key] for key in keys]).reshape(-1, 3), True
            else:
                keys = self.placed.supported(k)
                yield k, keys, self.placed.poses[k][keys], False

    def metrics(self) -> dict[str, Any]:
        """Return the content of `metrics.json`."""
        total, out_of = sum(map(len, self.segments.values())), sum(len(self.segments[k]) for k in self.held)
        found = {True: 0, False: 0}
        for k, keys, _, held in self.keyframes():
            found[held] += sum(len(self.drives[k].following(int(key))) for key in keys)
        beside = np.concatenate([self.line.beside(poses)[1] for _, _, poses, held in self.keyframes() if not held])
        return {
            "finished": True,
            "frames": total,
            "placed": sum(found.values()) / total,
            "closed": self.line.closed,
            "turn_scale": self.turn_scale,
            "length_scale": {"used": certain(self.length_scale), **self.length_scale.to_dict()},
            "heldout": {
                "frames": out_of,
                "placed": found[True] / max(out_of, 1),
                "compared": len(self.deviation),
                **summary(self.deviation),
            },
            "track": {"length": self.line.length, "width": self.line.width, "distinct": self.line.distinct},
            "driver": {"offset": {"mean": float(beside.mean()), "std": float(beside.std())}},
            "vehicle": {name: None if each is None else each.to_dict() for name, each in self.vehicle.items()},
        }
