# pyright: reportAttributeAccessIssue=false
"""Films of recordings replayed in simulation: recorded frames beside simulated ones."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import mujoco
import numpy as np
from mujoco.batch import Batch

from envs import BatchEnv, Camera
from envs.arms.arm import Arm
from envs.arms.scene import build_model
from envs.renderer import POSES, BatchRenderer
from sim2real.datasets import EpisodeDataset
from sim2real.progress import Progress, silent
from sim2real.recordings.footage import recorded_frames
from sim2real.replays.exact_replay import replay_exactly
from sim2real.replays.log_replay import LogReplay
from sim2real.reports.films.video import write_video
from sim2real.reports.pictures.overlay import FONT, INK

SIZE = (320, 240)  # px, size of one picture
AT_ONCE = 16  # number of postures rendered together
OUTSIDE = "spectator"


def postures(arm: Arm, angles: np.ndarray, progress: Progress = silent) -> Iterator[np.ndarray]:
    """Yield pictures (H, W, 3) uint8 RGB of an arm on its table at joint angles (T, J) [rad], seen from outside."""
    model = build_model(arm)
    count = min(AT_ONCE, len(angles))
    batch = Batch(model, count, 1)
    fovy = float(np.deg2rad(model.cam_fovy[model.camera(OUTSIDE).id]))
    lens = Camera.from_fov(*SIZE, fovy)
    renderer = BatchRenderer(model, count, lens, OUTSIDE, geom_groups=(0, 1, 2))
    poses = {name: batch.bind(name) for name in POSES}
    columns = [model.joint(name).qposadr[0] for name in arm.joints]
    try:
        for first in range(0, len(angles), count):
            part = angles[first : first + count]
            batch.bind("qpos")[: len(part), columns] = part
            batch.forward(stage=int(mujoco.mjtStage.mjSTAGE_POS))
            yield from renderer.render(poses).rgb[: len(part)]
            progress(first + len(part), len(angles))
    finally:
        renderer.close()


def film_side_by_side(
    path: Path, columns: Sequence[tuple[str, Iterator[np.ndarray]]], captions: Sequence[str], fps: float
) -> int:
    """Film pictures of several sources side by side, with names and a caption; returns the number of frames.

    Raises:
        InputError, OSError: as `write_video`.
    """
    titles = [_caption(name, SIZE[0]) for name, _ in columns]

    def frames() -> Iterator[np.ndarray]:
        for pictures, caption in zip(zip(*(source for _, source in columns), strict=True), captions, strict=True):
            tiles = [np.concatenate([title, fitted(picture)]) for picture, title in zip(pictures, titles, strict=True)]
            yield np.concatenate([np.concatenate(tiles, 1), _caption(caption, len(tiles) * SIZE[0])])

    return write_video(path, frames(), fps)


def fitted(picture: np.ndarray) -> np.ndarray:
    """Return a picture (h, w, 3) scaled to SIZE, its aspect ratio kept, with borders."""
    width, height = SIZE
    scale = min(width / picture.shape[1], height / picture.shape[0])
    size = max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    tile = np.full((height, width, 3), 255, np.uint8)
    top, left = (height - size[1]) // 2, (width - size[0]) // 2
    tile[top : top + size[1], left : left + size[0]] = small
    return tile


def _caption(text: str, width: int) -> np.ndarray:
    strip = np.full((30, width, 3), 255, np.uint8)
    cv2.putText(strip, text, (10, 20), FONT, 0.45, INK, 1, cv2.LINE_AA)
    return strip


def film_log(
    path: Path,
    arm: Arm,
    replay: LogReplay,
    frames: tuple[str, np.ndarray] | str,
    progress: Progress = silent,
) -> int:
    """Film the recording beside the open-loop simulation.

    Args:
        frames: name and frames of the recording's camera; or the reason why there are none, and the logged posture
            is drawn instead.
    """
    if isinstance(frames, str):
        left = "log: the recorded joints, drawn by the model", postures(arm, replay.log)
    else:
        left = f"log: camera {frames[0]}", iter(frames[1])
    right = f"simulated open loop, {replay.servos}", postures(arm, replay.simulated, progress)
    away = np.abs(replay.divergence)
    captions = [
        f"episode {replay.episode}   frame {k}   {replay.time[k]:.2f} s   largest error: "
        f"{replay.joints[int(row.argmax())]} {row.max():.3f} rad"
        for k, row in enumerate(away)
    ]
    return film_side_by_side(path, (left, right), captions, replay.fps)


def film_exact(path: Path, dataset: EpisodeDataset, k: int, progress: Progress = silent) -> bool:
    """Film an episode recorded in simulation and simulated again, beside its frames if there are any; returns whether
    the task has a camera to film with."""
    pictures: list[np.ndarray] = []

    def watch(env: BatchEnv) -> None:
        outside, model = env.task_spec.film_camera, env.task.model
        if outside is not None and env.vision is not None:
            fovy = float(np.deg2rad(model.cam_fovy[model.camera(outside).id]))
            pictures.append(env.vision.render_from(outside, Camera.from_fov(*SIZE, fovy))[0])

    replay = replay_exactly(dataset, k, watch, progress)
    if not pictures:
        return False
    frames = recorded_frames(dataset, k)
    columns = [("simulated again", iter(pictures))]
    if not isinstance(frames, str):
        columns.insert(0, (f"recorded: camera {frames[0]}", iter(frames[1])))
    same = replay.same
    captions = [
        f"episode {replay.episode}   frame {row}   {row / replay.fps:.2f} s   state "
        + ("identical" if same[row] else f"differs by {replay.difference[row]:.2g}")
        for row in range(len(same))
    ]
    film_side_by_side(path, columns, captions, replay.fps)
    return True
