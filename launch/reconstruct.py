"""`sim2real reconstruct`: rebuild a track from the log of a car that drove it."""

from pathlib import Path
from typing import Annotated

import tyro

from launch.console import print_table, reporting, resumable, resume_command, say, typed_command
from sim2real.tracks.rebuilding.reconstruct_config import ReconstructConfig


def command(
    config: Annotated[ReconstructConfig, tyro.conf.arg(name="")],
    out: Annotated[Path | None, tyro.conf.arg(help="folder of the track; None: tracks/ and the dataset's name")] = None,
    resume: Annotated[bool, tyro.conf.arg(help="resume an interrupted run")] = False,
) -> None:
    """Rebuild the track that recordings were driven on: a map of the ground, where every frame was, the centre line.

    Needs images, steering and throttle, no poses. Frames are registered on the flat ground, laps are closed, drives in
    both directions find their place on one map. Blocks of frames that the map is not made of judge it. Writes map.png,
    poses.parquet, frames.parquet, track.json, camera.json, metrics.json and report.html.

    Example: sim2real reconstruct datasets/track_2 --out tracks/track_2
    """
    # Imported here because MuJoCo and SciPy take seconds to import, and --help does not need them.
    from sim2real.reports.pages.track import (
        HELD_OUT_HEADER,
        VEHICLE_HEADER,
        held_out_rows,
        track_lines,
        vehicle_rows,
        write_track_report,
    )
    from sim2real.tracks.rebuilding.reconstruct import reconstruct

    out = out or Path("tracks") / config.task
    with resumable(resume_command(out), out), reporting() as stages:
        track = reconstruct(config, out, resume, stages)
    write_track_report(out / "report.html", track, typed_command(), config.seed)
    for line in track_lines(track):
        say(line)
    print_table(HELD_OUT_HEADER, held_out_rows(track))
    print_table(VEHICLE_HEADER, vehicle_rows(track))
    say(f"map: {out / 'map.png'}\nreport: {out / 'report.html'}")
