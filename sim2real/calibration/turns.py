"""Whole turns: a car that is back where it was has turned by 360 degrees, whatever its lens."""

from sim2real.datasets import EpisodeDataset
from sim2real.progress import Progress, part_of, silent
from sim2real.tracks.ground import GroundView
from sim2real.tracks.parallel import in_parallel
from sim2real.tracks.photometric.optics import Optics
from sim2real.tracks.rebuilding.drive import Drive
from sim2real.tracks.rebuilding.footage import Footage
from sim2real.tracks.rebuilding.odometry import follow
from sim2real.tracks.rebuilding.registration import Views
from sim2real.tracks.rebuilding.seed import met_again, turn_scale

FRAMES = 3000  # of the longest drives


def scale_of_turns(dataset: EpisodeDataset, optics: Optics, progress: Progress = silent) -> float | None:
    """Return the factor of a camera's odometry's turns by which a log's laps are whole turns; None: no laps are seen.

    That tells focal length from the car's lean, which pairs of frames tell badly: a car that leans more in turns looks
    like one that turns more.
    """
    footage = Footage(dataset, Views(GroundView(optics)))
    longest, frames = [], 0
    for k in sorted(range(len(footage.segments)), key=lambda k: -len(footage.segments[k])):
        if frames < FRAMES:
            longest.append(k)
            frames += len(footage.segments[k])
    views = footage.views

    def followed(k: int) -> Drive:
        return follow(footage.images(k), views, footage.periods(k))

    drives = in_parallel(followed, longest, part_of(progress, 0, 2))
    met = in_parallel(lambda j: met_again(j, drives[j], views), range(len(drives)), part_of(progress, 1, 2))
    return turn_scale(list(zip(drives, met, strict=True)))
