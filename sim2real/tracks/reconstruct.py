"""Rebuilding of a track from its log: the public function behind `sim2real reconstruct`."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from envs.lane_follow.scene import NOMINAL_CAMERA
from sim2real.datasets import EpisodeDataset
from sim2real.errors import InputError
from sim2real.progress import Stages, no_stages
from sim2real.tracks.centre_line import CentreLine, centre_line, one_lap
from sim2real.tracks.footage import Footage, Segment
from sim2real.tracks.ground import GroundView, Mount
from sim2real.tracks.held_out import Deviation, deviation
from sim2real.tracks.localization import localized
from sim2real.tracks.mosaic import Mosaic
from sim2real.tracks.odometry import CLEAR, Drive, follow
from sim2real.tracks.parallel import in_parallel
from sim2real.tracks.rebuild import Placed, closed_seed, known_places, mapped, place, refined
from sim2real.tracks.reconstruct_config import ReconstructConfig
from sim2real.tracks.registration import Views
from sim2real.tracks.vehicle import Measured, response, vehicle
from sim2real.tracks.writing import write_track
from sim2real.worlds import read_camera

SHORTEST = 10  # keyframes of the longest drive
LEAST_SEEN = 0.5  # share of neighbouring frames that must register


@dataclass(frozen=True)
class Track:
    """A rebuilt track.

    Attributes:
        folder: with the map, poses and figures.
        mosaic: the map.
        line: its centre line.
        placed: the drives that the map was made of.
        segments: pieces of episodes, by drive.
        localized: held-out drive -> keyframe -> (3,) map_from_car.
        deviation: disagreement on held-out frames.
        vehicle: what the car did for its commands.
        seed: of the blocks that were held out.
        metrics: content of `metrics.json`.
    """

    folder: Path
    mosaic: Mosaic
    line: CentreLine
    placed: Placed
    segments: list[Segment]
    localized: dict[int, dict[int, np.ndarray]]
    deviation: Deviation
    vehicle: dict[str, Measured]
    seed: int
    metrics: dict[str, Any]


def reconstruct(config: ReconstructConfig, out: Path, stages: Stages = no_stages) -> Track:
    """Rebuild a track from images, steering and throttle: a map, every frame's pose, the centre line, the vehicle.

    Args:
        out: folder of the track, a new one.

    Raises:
        InputError: settings, recordings, camera or folder cannot be used, or the frames do not show a flat ground that
            moves.
    """
    if out.exists():
        raise InputError(f"{out} exists: choose another --out, or remove it first")
    dataset = EpisodeDataset.open(config.dataset)
    camera = NOMINAL_CAMERA.view.camera if config.camera is None else read_camera(config.camera)
    mount = Mount(camera, config.ahead, config.height, config.pitch)
    footage = Footage(dataset, Views(GroundView(mount)))
    segments = footage.segments
    followed = in_parallel(lambda k: follow(footage.images(k), footage.views), range(len(segments)), stages("odometry"))
    drives = dict(enumerate(followed))
    _check(config, drives)
    held = _held_out(segments, drives, config)
    part = {k: drive for k, drive in drives.items() if k not in held}
    placed = closed_seed(part, footage)
    for name in ("place drives", "place drives again"):
        placed = place(placed, part, mapped(placed, drives, footage).raster(), stages(name))
    placed = refined(placed, part, mapped(placed, drives, footage).raster(), stages("refine"))
    mosaic = mapped(placed, drives, footage, stages("draw the map"))
    ground = mosaic.raster()
    places = known_places(placed, ground)
    found = in_parallel(lambda k: localized(drives[k], places, ground), held, stages("locate held-out frames"))
    where = {k: {key: each.pose for key, each in keys.items()} for k, keys in zip(held, found, strict=True)}
    seed = placed.seed
    lap, closed = one_lap(placed.poses[seed], [(m.key, m.node) for m in placed.meetings[seed] if m.drive == seed])
    line = centre_line(mosaic, lap, closed)
    judged = deviation(where, placed, drives, footage)
    responses = [
        response(footage.actions(k), drive.steps, drive.correlation, dataset.fps) for k, drive in drives.items()
    ]
    car = vehicle(responses, dataset.fps)
    metrics = _metrics(placed, drives, segments, held, where, judged, line, car, closed)
    write_track(out, config, mount, mosaic, line, placed, drives, segments, where, metrics)
    return Track(out, mosaic, line, placed, segments, where, judged, car, config.seed, metrics)


def _check(config: ReconstructConfig, drives: Mapping[int, Drive]) -> None:
    """Raise InputError if the frames show no ground that moves."""
    correlation = np.concatenate([drive.correlation for drive in drives.values()])
    moved = np.concatenate([np.hypot(drive.steps[:, 0], drive.steps[:, 1]) for drive in drives.values()])
    if max(len(drive.rows) for drive in drives.values()) < SHORTEST:
        raise InputError(
            f"{config.dataset}: no episode drives far enough to begin a map: {SHORTEST} keyframes are needed"
        )
    if (correlation >= CLEAR).mean() < LEAST_SEEN:
        raise InputError(
            f"{config.dataset}: only {100 * (correlation >= CLEAR).mean():.0f} % of the frames match the next one on a "
            "flat ground: they are dark, blurred, or of another camera (--camera, --height, --pitch)"
        )
    if np.median(moved) < 0.005:
        raise InputError(f"{config.dataset}: the car stands still in most frames: choose episodes that drive")


def _held_out(segments: list[Segment], drives: Mapping[int, Drive], config: ReconstructConfig) -> list[int]:
    """Return the drives that the map is not made of; never the longest, which begins it."""
    seed = int(np.argmax([drive.travelled[-1] for drive in drives.values()]))
    wanted = config.hold_out * sum(len(each) for each in segments)
    held: list[int] = []
    for k in np.random.default_rng(config.seed).permutation(len(segments)):
        # A block may exceed what is wanted by half of it, so that one that is much too long is left.
        if k != seed and sum(len(segments[h]) for h in held) + len(segments[k]) / 2 < wanted:
            held.append(int(k))
    return sorted(held)


def _metrics(
    placed: Placed,
    drives: Mapping[int, Drive],
    segments: list[Segment],
    held: list[int],
    where: dict[int, dict[int, np.ndarray]],
    judged: Deviation,
    line: CentreLine,
    car: dict[str, Measured],
    closed: bool,
) -> dict[str, Any]:
    """Return the figures of a track."""
    total = sum(len(each) for each in segments)
    made_of = sum(len(drives[k].following(int(key))) for k in placed.poses for key in placed.supported(k))
    found = sum(len(drives[k].following(key)) for k, keys in where.items() for key in keys)
    beside = np.concatenate([line.beside(placed.poses[k][placed.supported(k)])[1] for k in placed.poses])
    return {
        "finished": True,
        "frames": total,
        "placed": (made_of + found) / total,
        "closed": closed,
        "heldout": {
            "frames": sum(len(segments[k]) for k in held),
            "placed": found / max(sum(len(segments[k]) for k in held), 1),
            "compared": len(judged),
            **judged.to_dict(),
        },
        "track": {"length": line.length, "width": line.width, "distinct": line.distinct},
        "driver": {"offset": {"mean": float(beside.mean()), "std": float(beside.std())}},
        "vehicle": {name: {"value": m.value, "low": m.low, "high": m.high} for name, m in car.items()},
    }
