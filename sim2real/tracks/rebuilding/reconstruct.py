"""Rebuilding of a track from its log: the public function behind `sim2real reconstruct`."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from envs.lane_follow.scene import NOMINAL_CAMERA
from sim2real.datasets import EpisodeDataset
from sim2real.errors import AlreadyFinished, InputError
from sim2real.progress import Stages, no_stages
from sim2real.runs import start_run
from sim2real.tracks.centre_line import centre_line, one_lap
from sim2real.tracks.ground import GroundView, Mount
from sim2real.tracks.parallel import in_parallel
from sim2real.tracks.rebuilding.drive import CLEAR, Drive
from sim2real.tracks.rebuilding.footage import Footage
from sim2real.tracks.rebuilding.held_out import deviation, held_out
from sim2real.tracks.rebuilding.kept import KeptDrives, nothing_left
from sim2real.tracks.rebuilding.length import certain, length_scale
from sim2real.tracks.rebuilding.localization import localized
from sim2real.tracks.rebuilding.odometry import follow
from sim2real.tracks.rebuilding.placed import known_places, mapped
from sim2real.tracks.rebuilding.rebuild import place, refined
from sim2real.tracks.rebuilding.reconstruct_config import ReconstructConfig
from sim2real.tracks.rebuilding.reconstruction import Reconstruction
from sim2real.tracks.rebuilding.registration import Views
from sim2real.tracks.rebuilding.seed import closed_seed
from sim2real.tracks.rebuilding.vehicle import response, vehicle
from sim2real.tracks.rebuilding.writing import write_track
from sim2real.worlds import read_camera

SHORTEST = 10  # keyframes of the longest drive
LEAST_SEEN = 0.5  # share of neighbouring frames that must register


def reconstruct(
    config: ReconstructConfig, out: Path, resume: bool = False, stages: Stages = no_stages
) -> Reconstruction:
    """Rebuild a track from images, steering and throttle: a map, every frame's pose, the centre line, the vehicle.

    Args:
        out: folder of the track, a new one; until it is finished it keeps the odometry.
        resume: resume an interrupted run; with the same settings, recordings and code.

    Raises:
        InputError: settings, recordings, camera or folder cannot be used, or the frames do not show a flat ground that
            moves.
        AlreadyFinished: the run to resume is finished.
    """
    if (out / "track.json").is_file():
        if resume:
            raise AlreadyFinished(f"{out} is finished: there is nothing to resume")
        raise InputError(f"{out} exists: choose another --out, or remove it first")
    dataset = EpisodeDataset.open(config.dataset)
    camera = NOMINAL_CAMERA.view.camera if config.camera is None else read_camera(config.camera)
    footage = Footage(dataset, Views(GroundView(Mount(camera, config.ahead, config.height, config.pitch, config.roll))))
    made = [each for each in (out, *out.parents) if not each.exists()]
    run, _ = start_run("reconstruct", config, out, resume)
    kept = KeptDrives(run, config, footage)
    with nothing_left(made or [out]):
        pieces = range(len(footage.segments))

        def followed(k: int) -> Drive:
            return kept.drive(k) or follow(footage.images(k), footage.views, footage.periods(k))

        drives = dict(enumerate(in_parallel(followed, pieces, stages("odometry"), kept.keep)))
        _check(config, drives)
        result = _rebuilt(config, drives, footage, stages)
    write_track(out, config, result, dataset.fps)
    return result


def _rebuilt(
    config: ReconstructConfig, drives: Mapping[int, Drive], footage: Footage, stages: Stages
) -> Reconstruction:
    views, fps = footage.views, footage.dataset.fps
    held = held_out(drives, config.hold_out, config.seed)
    length = length_scale(
        {k: drive for k, drive in drives.items() if k not in held}, views.view.mount, stages("measure lengths")
    )
    drives = {k: drive.lengthened(certain(length)) for k, drive in drives.items()}
    pieces = drives
    segments, drives = footage.whole(drives, held)
    placed, scale = closed_seed({k: drive for k, drive in drives.items() if k not in held}, views, stages("close laps"))
    drives = {k: drive.turned(scale) for k, drive in drives.items()}
    part = {k: drive for k, drive in drives.items() if k not in held}
    for name in ("place drives", "place drives again"):
        placed = place(placed, part, mapped(placed, drives, views).raster(), stages(name))
    placed = refined(placed, part, mapped(placed, drives, views).raster(), stages("refine"))
    placed = place(placed, part, mapped(placed, drives, views).raster(), stages("place what is left"), settle=False)
    placed = refined(placed, part, mapped(placed, drives, views).raster(), stages("refine again"))
    mosaic = mapped(placed, drives, views, stages("draw the map"))
    ground, places = mosaic.raster(), known_places(placed, mosaic.raster())
    found = in_parallel(lambda k: localized(drives[k], places, ground), held, stages("locate held-out frames"))
    where = {k: {key: each.pose for key, each in keys.items()} for k, keys in zip(held, found, strict=True)}
    seed = placed.seed
    lap, closed = one_lap(placed.poses[seed], [(m.key, m.node) for m in placed.meetings[seed] if m.drive == seed])
    answers = [
        response(footage.actions(k), each.turned(scale).steps, each.correlation, fps) for k, each in pieces.items()
    ]
    return Reconstruction(
        mount=views.view.mount,
        mosaic=mosaic,
        line=centre_line(mosaic, lap, closed),
        segments=segments,
        drives=drives,
        placed=placed,
        held=held,
        localized=where,
        deviation=deviation(where, placed, drives, views),
        vehicle=vehicle(answers, fps),
        turn_scale=scale,
        length_scale=length,
    )


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
