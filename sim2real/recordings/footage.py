"""Camera frames of a recording, and the reason why they cannot be read, in one line."""

import numpy as np

from sim2real.datasets import DatasetError, Episode, EpisodeDataset
from sim2real.errors import InputError


class NoFootageError(DatasetError):
    """Camera frames that are needed cannot be read."""


def recorded_frames(dataset: EpisodeDataset, k: int) -> tuple[str, np.ndarray] | str:
    """Return name and frames (T, H, W, 3) of the first readable camera in the k-th selected episode, or the reason
    why there is none."""
    if not dataset.cameras:
        return "the recording has no camera"
    why = ""
    for camera in dataset.cameras:
        try:
            return camera.rpartition(".")[2], dataset.episode(k).images(camera)
        except (InputError, OSError) as error:
            why = why or why_missing(dataset, dataset.episode(k), camera, error)
    return why


def why_missing(dataset: EpisodeDataset, episode: Episode, camera: str, error: Exception) -> str:
    """Return why frames of a camera cannot be read, in one line."""
    if isinstance(error, FileNotFoundError):
        folders = dataset.root / "videos", dataset.root / "videos" / camera
        absent = next((folder for folder in folders if not folder.exists()), error.filename or folders[1])
        return f"the videos are missing: no {absent}"
    return f"frames of {camera} in episode {episode.index} cannot be read: {' '.join(str(error).split())}"
