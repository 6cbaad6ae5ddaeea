"""Recorded frames as a policy sees them, with the actions that people gave."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from scipy.ndimage import uniform_filter1d

from policies.policy import PolicyConfig
from sim2real.datasets import Episode, EpisodeDataset
from sim2real.datasets.files import DatasetError

SMOOTHING = 0.25  # s to either side: people correct in jerks, and what they meant is the mean


@dataclass(frozen=True)
class Frames:
    """n frames of a dataset, episode by episode.

    Attributes:
        images: (n, h, w, 3) uint8 RGB, cropped and reduced to the network's size.
        actions: (n, A) float32 in the order of the policy's actions, smoothed; NaN where there is no such action.
        episode: (n,) index of each frame's episode on the disk.
        row: (n,) place of each frame in its episode.
        smoothing: s to either side over which the actions are averaged; 0: as they were given.
        fps: frames per second [Hz].
        skipped: frames left out, counted by reason.
    """

    images: np.ndarray
    actions: np.ndarray
    episode: np.ndarray
    row: np.ndarray
    smoothing: float
    fps: float
    skipped: dict[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.images)

    @property
    def independent(self) -> float:
        """Share of the frames that count as independent: those of a second, or averaged together, are alike."""
        return 1 / max(_window(self.smoothing, self.fps), round(self.fps))

    @property
    def episodes(self) -> np.ndarray:
        """(E,) indices of the episodes, in order of appearance."""
        _, first = np.unique(self.episode, return_index=True)
        return self.episode[np.sort(first)]

    def select(self, where: np.ndarray) -> "Frames":
        """Those of a mask (n,) bool, or of indices."""
        parts = {name: getattr(self, name)[where] for name in ("images", "actions", "episode", "row")}
        return replace(self, **parts)

    def of(self, episodes: np.ndarray) -> "Frames":
        """Those of some episodes."""
        return self.select(np.isin(self.episode, episodes))

    def limited(self, count: int, random: np.random.Generator) -> "Frames":
        """About `count` frames: whole episodes in random order, the last of them cut to consecutive frames.

        Long episodes are drawn the more often, as a frame drawn at random would have it. All frames if there are no
        more than that.
        """
        if count >= len(self):
            return self
        names, sizes = np.unique(self.episode, return_counts=True)
        chosen: list[np.ndarray] = []
        for k in random.choice(len(names), len(names), replace=False, p=sizes / sizes.sum()):
            rows, left = np.flatnonzero(self.episode == names[k]), count - sum(map(len, chosen))
            if len(rows) > left:
                first = random.integers(len(rows) - left + 1)
                chosen.append(rows[first : first + left])
                break
            chosen.append(rows)
        return self.select(np.sort(np.concatenate(chosen)))


def read_frames(
    dataset: EpisodeDataset,
    config: PolicyConfig,
    smoothing: float = SMOOTHING,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Frames:
    """What a policy would see of a dataset, and what was done then.

    A frame whose image is damaged is left out and counted.

    Raises:
        DatasetError: no such camera (those there are, are listed), no such action as the policy's first, an action that
            is not finite, or not one frame that can be read.
    """
    camera = dataset.camera(config.preprocessing.camera)
    columns = _columns(dataset, config.action_names)
    skipped: Counter[str] = Counter()
    parts = []
    for k in range(len(dataset)):
        episode = dataset.episode(k)
        given = np.full((len(episode), len(config.action_names)), np.nan, np.float32)
        for j, column in columns.items():
            given[:, j] = episode["action"].reshape(len(episode), -1)[:, column]
            bad = np.flatnonzero(~np.isfinite(given[:, j]))
            if len(bad):
                what = f"{config.action_names[j]} is not a number in frame {bad[0]} of episode {episode.index}"
                raise DatasetError(
                    f"{dataset.root}: {what} ({len(bad)} such frames): leave the episode out, or repair it"
                )
        images, rows = _readable(episode, camera, config, skipped)
        parts.append((images, smooth(given, smoothing, dataset.fps)[rows], np.full(len(rows), episode.index), rows))
        progress(k + 1, len(dataset))
    if not sum(len(part[3]) for part in parts):
        raise DatasetError(f"{dataset.root} has no frame that can be read")
    images, actions, index, rows = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    return Frames(images, actions, index, rows, smoothing, dataset.fps, dict(skipped))


def smooth(actions: np.ndarray, seconds: float, fps: float) -> np.ndarray:
    """Mean of actions (n, A) over `seconds` to either side; the first and the last frame stand in beyond the ends."""
    return uniform_filter1d(actions, _window(seconds, fps), axis=0, mode="nearest")


def _window(seconds: float, fps: float) -> int:
    return 2 * round(seconds * fps) + 1


def _columns(dataset: EpisodeDataset, wanted: tuple[str, ...]) -> dict[int, int]:
    """Index of the policy's action -> column of the dataset's `action`."""
    feature = dataset.features.get("action")
    names = [] if feature is None else list(feature.names or [])
    found = {j: names.index(name) for j, name in enumerate(wanted) if name in names}
    if 0 not in found:  # the one by which everything is judged
        what = f"has no action named {wanted[0]}; its actions: {', '.join(names) or 'without names'}"
        raise DatasetError(f"{dataset.root} {what}")
    return found


def _readable(
    episode: Episode, camera: str, config: PolicyConfig, skipped: Counter[str]
) -> tuple[np.ndarray, np.ndarray]:
    """Images at the network's size, and their rows; damaged ones are counted in `skipped`."""
    rows = np.arange(len(episode))
    try:
        return config.preprocessing(episode.images(camera, rows)), rows
    except (DatasetError, ValueError):  # a damaged image, or images of several sizes: which, shows one by one
        return _one_by_one(episode, camera, config, skipped)


def _one_by_one(
    episode: Episode, camera: str, config: PolicyConfig, skipped: Counter[str]
) -> tuple[np.ndarray, np.ndarray]:
    height, width = config.encoder.size
    kept, images = [], [np.zeros((0, height, width, 3), np.uint8)]
    for row in range(len(episode)):
        try:
            images.append(config.preprocessing(episode.images(camera, np.array([row]))))
            kept.append(row)
        except DatasetError:
            skipped["damaged image"] += 1
    return np.concatenate(images), np.array(kept, int)
