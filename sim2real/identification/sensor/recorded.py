"""Frames of a recording for the identification of its sensor: images only, at the size of the task's frames."""

from dataclasses import dataclass

import cv2
import numpy as np

from envs.camera import Camera
from envs.task import TaskSpec
from sim2real.datasets import DatasetError, EpisodeDataset
from sim2real.identification.sensor.compression import stored_quality
from sim2real.identification.sensor.config import FEWEST_FRAMES
from sim2real.progress import Progress, silent
from sim2real.recordings.arm_logs import ACTION
from sim2real.recordings.frames import clock_of, sessions_of
from sim2real.statistics.units import Units

TOGETHER = 6  # frames of a place, recorded or rendered, whose statistics are one: logarithms depend on their number

FEWEST_LEVELS = 16  # of 255, between the 5th and the 95th percentile: in a dark corridor there are 80


@dataclass(frozen=True)
class RecordedFrames:
    """Some frames of a recording.

    Attributes:
        images: (g, TOGETHER, H, W, 3) uint8 in g groups.
        unit: (g,) independent unit of each group.
        units: description of the units.
        stored: quality of the JPEG files they were kept in; 0: without loss; None: unknown, as in a video, or of no
            use, as for frames that were resized.
    """

    images: np.ndarray
    unit: np.ndarray
    units: Units
    stored: int | None


def read_some(text: str, spec: TaskSpec, count: int, progress: Progress = silent) -> RecordedFrames:
    """Read about `count` frames, spread evenly over the recordings, in groups that are spread over their unit.

    Args:
        spec: the task; frames are its first camera's, at its size.

    Raises:
        DatasetError: no dataset, another robot's, no such camera, frames of another shape, damaged ones, too
            few, or without contrast.
    """
    dataset = EpisodeDataset.open(text)
    name, view = next(iter(spec.cameras.items()))
    key, camera = dataset.camera(name), view.camera
    _check_robot(dataset, spec, text)
    chosen = np.unique(np.linspace(0, dataset.frames - 1, min(count, dataset.frames)).astype(int))
    starts = np.cumsum([0, *dataset.lengths[:-1]])  # among the selected ones
    which = np.searchsorted(starts, chosen, side="right") - 1
    rows = [chosen[which == k] - starts[k] for k in range(len(dataset))]
    images, stored = [], 0
    for k, part in enumerate(rows):
        if len(part):
            episode = dataset.episode(k)
            episode.verify(key)
            frames = episode.images(key, part)
            same = frames.shape[1:3] == (camera.height, camera.width) and dataset.features[key].dtype == "image"
            stored = stored_quality(episode.encoded(key, int(part[0]))) if same and stored is not None else None
            images.append(_fitting(frames, camera, text))
        progress(k + 1, len(rows))
    units = Units.of(*sessions_of(dataset, [(clock_of(dataset.episode(k)), part) for k, part in enumerate(rows)]))
    groups = groups_of(units.index)
    if len(groups) * TOGETHER < FEWEST_FRAMES:
        problem = f"{len(chosen)} frames in {units} give {len(groups)} groups of {TOGETHER}"
        raise DatasetError(f"{text}: {problem}; a sensor needs {FEWEST_FRAMES // TOGETHER}: record more")
    dark, bright = np.percentile(np.concatenate(images), (5, 95))
    if bright - dark < FEWEST_LEVELS:
        seen = f"90 % of their values lie from {dark:.0f} to {bright:.0f} of 255"
        raise DatasetError(f"{text}: frames show nothing, {seen}: is the lens covered, the room dark?")
    return RecordedFrames(np.concatenate(images)[groups], units.index[groups[:, 0]], units, stored)


def _check_robot(dataset: EpisodeDataset, spec: TaskSpec, text: str) -> None:
    """Raise DatasetError if a dataset has actions of another robot; without actions any frames will do."""
    names = dataset.features[ACTION].names if ACTION in dataset.features else None
    if names and not any(own in name for own in spec.action_names for name in names):
        problem = f"its actions are {', '.join(names)}, those of {spec.name} are {', '.join(spec.action_names)}"
        raise DatasetError(f"{text}: a recording of another robot: {problem}; choose another --task")


def groups_of(unit: np.ndarray) -> np.ndarray:
    """Return (g, TOGETHER) frames of groups within a unit, each spread over all of it; the rest is left out."""
    parts = [np.flatnonzero(unit == k) for k in np.unique(unit)]
    grids = [part[: len(part) // TOGETHER * TOGETHER].reshape(TOGETHER, -1).T for part in parts]
    return np.concatenate(grids)


def _fitting(frames: np.ndarray, camera: Camera, text: str) -> np.ndarray:
    height, width = frames.shape[1:3]
    if abs(width * camera.height - height * camera.width) > 0.01 * width * camera.height:
        raise DatasetError(f"{text}: frames of {width}x{height} px, the task's have {camera.width}x{camera.height}")
    if (height, width) == (camera.height, camera.width):
        return frames
    size = camera.width, camera.height
    return np.stack([cv2.resize(frame, size, interpolation=cv2.INTER_AREA) for frame in frames])
