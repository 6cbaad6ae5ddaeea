"""Frames of a made-up robot, and a process that records them without end."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from sim2real.datasets import EpisodeWriter, Feature, camera_feature

CAMERA = "observation.images.front"
FEATURES = {
    CAMERA: camera_feature(24, 32),
    "observation.state": Feature("float32", (2,), ("steering", "throttle")),
    "action": Feature("float32", (2,), ("steering", "throttle")),
    "done": Feature("bool", (1,)),
    "pose": Feature("float64", (2, 3)),
    "note": Feature("string", (1,)),
}


def frames(count: int, seed: int = 0, noise: int = 40) -> Iterator[dict[str, Any]]:
    """Frames whose image says their number: its mean is 4 times it, below 240."""
    rng = np.random.default_rng(seed)
    for k in range(count):
        yield {
            CAMERA: (4 * k % 240 + rng.integers(-(noise // 2), noise // 2 + 1, (24, 32, 3)))
            .clip(0, 255)
            .astype(np.uint8),
            "observation.state": np.array([k, seed], np.float32),
            "action": np.array([k + 1, seed], np.float32),
            "done": k == count - 1,
            "pose": np.arange(6.0).reshape(2, 3) + k,
            "note": f"frame {k}",
        }


def record(root: Path, episodes: int, length: int = 12, **settings: Any) -> None:
    """Record some episodes; the k-th is one frame longer than the one before."""
    with EpisodeWriter(root, FEATURES, 20, **settings) as writer:
        for _ in range(episodes):
            number = writer.episodes
            for frame in frames(length + number, number):
                writer.add_frame(frame)
            writer.save_episode(f"task {number % 2}")


if __name__ == "__main__":  # record until killed, a line per saved episode
    writer = EpisodeWriter(Path(sys.argv[1]), FEATURES, 20)
    while True:
        for frame in frames(12, writer.episodes):
            writer.add_frame(frame)
        print(writer.save_episode("drive"), flush=True)
