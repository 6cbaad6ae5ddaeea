# pyright: reportCallIssue=false
"""Small recorded drives, and policies that never learned, for tests of what is done with recordings."""

import functools
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from policies import Policy
from policies.encoder import EncoderConfig
from policies.policy import PolicyConfig
from policies.preprocessing import Preprocessing
from relist import relist
from sim2real.datasets import EpisodeWriter, Feature, camera_feature

CAMERA = "observation.images.front"
SMALL = PolicyConfig(EncoderConfig(size=(24, 40), width=4), preprocessing=Preprocessing(size=(40, 24)))


def actions_of(episode: int, length: int, names: Sequence[str] = ("steering", "throttle")) -> np.ndarray:
    """(length, len(names)) float32: steering swings, throttle stands nearly still."""
    time = np.arange(length) / 20
    known = {"steering": 0.6 * np.sin(2 * time + episode), "throttle": 0.4 + 0.01 * np.cos(5 * time)}
    return np.stack([known.get(name, time) for name in names], 1).astype(np.float32)


def image_of(episode: int, row: int, size: tuple[int, int] = (120, 160)) -> np.ndarray:
    """(H, W, 3) uint8 that differs from frame to frame."""
    coarse = np.random.default_rng([episode, row]).integers(0, 256, (6, 8, 3))
    return np.kron(coarse, np.ones((size[0] // 6, size[1] // 8, 1))).astype(np.uint8)


def record_drives(
    root: Path,
    lengths: Sequence[int],
    *,
    names: tuple[str, ...] = ("steering", "throttle"),
    cameras: Sequence[str] = (CAMERA,),
    size: tuple[int, int] = (120, 160),
    video: bool = False,
    session: str | None = None,
) -> Path:
    """A dataset of episodes of these lengths, at 20 Hz; with a session they are pieces of one drive.

    What is asked for again is a copy of what was written the first time.
    """
    written = _recorded(tuple(lengths), names, tuple(cameras), size, video, session)
    shutil.copytree(Path(written.name, "set"), root)
    return root


@functools.cache
def _recorded(
    lengths: tuple[int, ...],
    names: tuple[str, ...],
    cameras: tuple[str, ...],
    size: tuple[int, int],
    video: bool,
    session: str | None,
) -> tempfile.TemporaryDirectory[str]:
    """A folder, for as long as this process lives, with the dataset in `set`."""
    folder = tempfile.TemporaryDirectory()
    root = Path(folder.name, "set")
    views = {camera: camera_feature(*size) for camera in cameras}
    action = Feature("float32", (len(names),), names)
    with EpisodeWriter(root, {**views, "action": action}, 20, video=video) as writer:
        for episode, length in enumerate(lengths):
            for row, values in enumerate(actions_of(episode, length, names)):
                writer.add_frame({**{camera: image_of(episode, row, size) for camera in cameras}, "action": values})
            writer.save_episode("drive", session)
    return folder


def record_interventions(root: Path, lengths: Sequence[int], first: int, last: int) -> Path:
    """A session on a robot: the policy steers -1, in rows first … last - 1 of each episode a person steers 0.5."""
    names = ("steering", "throttle")
    features = {CAMERA: camera_feature(120, 160), "action": Feature("float32", (2,), names)}
    with EpisodeWriter(root, {**features, "intervention": Feature("bool", (1,))}, 20) as writer:
        for episode, length in enumerate(lengths):
            for row in range(length):
                person = first <= row < last
                action = np.array([0.5 if person else -1, 0.3], np.float32)
                writer.add_frame({CAMERA: image_of(90 + episode, row), "action": action, "intervention": person})
            writer.save_episode("drive", f"robot {episode}")
    return root


def spoil(root: Path, episode: int, row: int, column: str, value: Any) -> None:
    """Put into a dataset what its writer would refuse."""
    path = root / f"data/chunk-000/file-{episode:03d}.parquet"
    table = pq.read_table(path)
    cells = table[column].to_pylist()
    cells[row] = value
    at = table.column_names.index(column)
    spoilt = table.set_column(at, table.schema.field(at), pa.array(cells, table.schema.field(at).type))
    pq.write_table(spoilt, path)
    relist(root)


def new_policy(seed: int = 0, config: PolicyConfig = SMALL) -> Policy:
    """A policy with weights drawn from a seed, whose actions differ visibly from image to image."""
    torch.manual_seed(seed)
    policy = Policy(config).eval()
    with torch.no_grad():
        policy.heads.action.mlp[2].weight.mul_(8)
    return policy
