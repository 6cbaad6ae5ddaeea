"""Recorded frames as a policy sees them, of recordings that need not have actions."""

from collections import Counter

import numpy as np

from policies.policy import PolicyConfig
from sim2real.datasets import EpisodeDataset
from sim2real.errors import DatasetError
from sim2real.progress import Progress, silent
from sim2real.recordings.frames import Frames, clock_of, readable_images, sessions_of


def read_unlabelled(dataset: EpisodeDataset, config: PolicyConfig, progress: Progress = silent) -> Frames:
    """Read the images of a dataset as a policy sees them; the actions are NaN, and there is no state.

    Frames with damaged images are left out and counted.

    Raises:
        DatasetError: a missing camera (the error lists the cameras), a changed file, or no readable frame.
    """
    camera = dataset.camera(config.preprocessing.camera)
    skipped: Counter[str] = Counter()
    parts, times = [], []
    for k in range(len(dataset)):
        episode = dataset.episode(k)
        images, rows = readable_images(episode, camera, config, skipped)
        parts.append((images, np.full(len(rows), episode.index), rows))
        times.append((clock_of(episode), rows))
        progress(k + 1, len(dataset))
    if not sum(len(rows) for *_, rows in parts):
        raise DatasetError(f"{dataset.root} has no frame that can be read")
    images, index, rows = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    actions = np.full((len(images), len(config.action_names)), np.nan, np.float32)
    session, time, kind = sessions_of(dataset, times)
    return Frames(
        images, actions, index, rows, 0.0, dataset.fps, dict(skipped), session=session, time=time, session_kind=kind
    )
