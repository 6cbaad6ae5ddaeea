"""Measures how true frames are that are drawn on a rebuilt track, what their borders give away, and how fast they are.

    .venv/bin/python tests/benchmarks/drawing.py TRACK POLICY

Prints for each renderer the table of agreement with held-out frames, R^2 of the shift read from borders, and frames per
CPU second at poses of the driver's spread.
"""

import argparse
import time
from pathlib import Path

import numpy as np

from sim2real.checkpoints import load_policy
from sim2real.tracks.drawing.leak import NAMES, leak
from sim2real.tracks.drawing.rendering import MapRenderer, NearestRenderer
from sim2real.tracks.drawing.validity import HEADER, held_out_frames, validity
from sim2real.tracks.poses import compose
from sim2real.tracks.rebuilt import RebuiltTrack, read_track

FRAMES, SPREAD = 300, (0.0, 0.1, 0.12)  # m, m and rad about recorded poses


def frames_per_second(renderer: MapRenderer, track: RebuiltTrack) -> float:
    """Return frames per CPU second, keyframes decoded."""
    random = np.random.default_rng(0)
    poses = track.keyframes.poses[random.integers(len(track.keyframes.poses), size=FRAMES)]
    poses = compose(poses, random.normal(0, 1, (FRAMES, 3)) * SPREAD)
    seeds = np.stack([np.zeros(FRAMES, int), np.arange(FRAMES)], 1)
    renderer.frames(poses)
    start = time.process_time()
    renderer.frames(poses, seeds)
    return FRAMES / (time.process_time() - start)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("track", type=Path)
    parser.add_argument("policy", type=Path)
    given = parser.parse_args()
    track, policy = read_track(given.track), load_policy(given.policy)
    for kind in (MapRenderer, NearestRenderer):
        start = time.process_time()
        renderer = kind(track)
        opened = time.process_time() - start
        look = renderer.appearance
        print(
            f"{kind.__name__}: opened in {opened:.1f} s; detail {look.detail:.2f}, noise {look.noise:.2f} grey levels"
        )
        found = validity(held_out_frames(track, {kind.__name__: renderer}), policy)
        print(f"over {found.units}")
        for figure in ("crop", "mae", "correlation"):
            print(figure, *(" | ".join(map(str, row)) for row in (HEADER, *found.rows(figure))), sep="\n")
        told = leak(renderer, policy.config.preprocessing)
        for name in NAMES:
            print(f"{name}: R^2 {told.used[name]:.3f}, control {told.control[name]:.3f}, excess {told.excess[name]}")
        print(f"{frames_per_second(renderer, track):.0f} frames per CPU second\n", flush=True)


if __name__ == "__main__":
    main()
