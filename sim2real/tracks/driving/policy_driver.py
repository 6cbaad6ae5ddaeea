"""A policy as the driver of cars on a rebuilt track."""

from pathlib import Path
from typing import Protocol

import numpy as np

from policies.policy import Policy
from sim2real.errors import InputError
from sim2real.tracks.driving.loop import Act, Situation
from sim2real.tracks.rebuilt import RebuiltTrack

TASK = "LaneFollow"  # whose car drove the tracks
COMMANDS = ("steering", "throttle")
_BATCH = 64  # frames at a time: activations of more do not stay in the cache


class Renderer(Protocol):
    """Draws camera frames (n, h, w, 3) uint8 RGB at poses (n, 3) map_from_car, with seeds (n, 2) as of a Situation."""

    def frames(self, poses: np.ndarray, seeds: np.ndarray) -> np.ndarray: ...


def policy_driver(policy: Policy, renderer: Renderer) -> Act:
    """Return a driver that sees raw frames, as on the car, and its last command where it needs a state."""
    names, key = policy.config.action_names, policy.config.preprocessing.key
    columns = [names.index(name) for name in COMMANDS]

    def act(now: Situation) -> np.ndarray:
        parts = []
        for first in range(0, len(now.which), _BATCH):
            part = now.which[first : first + _BATCH]
            state = now.cars.last[part].astype(np.float32)
            seen = renderer.frames(now.cars.poses[part], now.seeds[first : first + _BATCH])
            parts.append(policy.act({key: seen, "state": state}))
        return np.concatenate(parts)[:, columns]

    return act


def check_drives(policy: Policy, folder: Path, track: RebuiltTrack) -> None:
    """Raise InputError for a policy (of a folder) of another robot, or of another camera than the track's."""
    camera = track.mount.camera
    if policy.config.task.partition(":")[0] != TASK:
        raise InputError(f"{folder} was made for {policy.config.task}: a rebuilt track is driven by {TASK}")
    width, height = policy.config.preprocessing.raw_size
    if abs(width * camera.height - height * camera.width) > 0.01 * width * camera.height:
        size = f"{camera.width}x{camera.height}"
        raise InputError(f"{track.folder} has frames of {size}, {folder} was made for {width}x{height}")
