# pyright: reportArgumentType=false
"""Reading LeRobot v3.0 datasets, without LeRobot: episodes as arrays over time."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from sim2real.datasets.checksums import verified
from sim2real.datasets.files import read_meta
from sim2real.datasets.lerobot import stats as statistics
from sim2real.datasets.lerobot.episode import Episode
from sim2real.datasets.lerobot.features import read_features
from sim2real.datasets.lerobot.meta import OUTCOME, SESSION, STATS, read_episodes, read_info, read_tasks
from sim2real.datasets.lerobot.windows import frame_offsets, window_rows
from sim2real.errors import DatasetError, InputError


class EpisodeDataset:
    """All or selected episodes of a LeRobot v3.0 dataset.

    Args:
        root: folder of the dataset.
        episodes: episodes to select, in this order; None: all. They keep their index in the dataset.

    Attributes:
        fps: frame rate [Hz].
        features: features of a frame, by name.
        cameras: names of the features that are images.
        indices: (n,) indices of the episodes in the dataset.
        lengths: (n,) number of frames of each episode.
        tasks: (n,) task text of each episode.
        sessions: (n,) name of each episode's recording session; None if unknown.
        outcomes: (n,) how each episode ended, as its recorder told; None if unknown.
        starts: (n,) number of frames before each episode in the dataset.

    Raises:
        DatasetError: the folder does not exist or is not a dataset, another version, damaged files, or no such episode.
    """

    def __init__(self, root: Path | str, episodes: Sequence[int] | None = None) -> None:
        self.root = Path(root)
        self.info = read_info(self.root)
        self.fps = float(self.info["fps"])
        self.features = read_features(self.info)
        self.cameras = tuple(name for name, feature in self.features.items() if feature.camera)
        entries = read_episodes(self.root, self.info.get("total_episodes", 0))
        self.indices = np.arange(len(entries)) if episodes is None else np.asarray(episodes, np.int64).reshape(-1)
        wrong = [int(k) for k in self.indices if not 0 <= k < len(entries)]
        if wrong:
            raise DatasetError(f"{self.root} has no episode {wrong[0]}: it has {len(entries)}, from 0 on")
        self._entries = [entries[k] for k in self.indices]
        self.lengths = np.array([entry["length"] for entry in self._entries], np.int64)
        self.tasks = tuple((entry["tasks"] or [""])[0] for entry in self._entries)
        self.starts = np.array([entry["dataset_from_index"] for entry in self._entries], np.int64)
        named = [entry.get(SESSION) for entry in self._entries]
        self.sessions = tuple(None if name is None else str(name) for name in named)
        self.outcomes = tuple(_outcome(entry.get(OUTCOME)) for entry in self._entries)
        self._last: tuple[int, Episode] | None = None

    @classmethod
    def open(cls, text: str | Path) -> "EpisodeDataset":
        """Open a path, with an optional slice or indices of episodes: `path`, `path[0:17]`, `path[3]`, `path[1,4,7]`;
        raises DatasetError."""
        selection = re.fullmatch(r"(.+?)\[([-\d:, ]+)\]", str(text))
        if selection is None or Path(text).exists():
            return cls(text)
        dataset = cls(selection[1])
        every, where = np.arange(len(dataset)), selection[2].replace(" ", "")
        try:
            if ":" in where:
                chosen = every[slice(*(int(part) if part else None for part in where.split(":")))]
            else:
                chosen = every[[int(part) for part in where.split(",")]]
        except (ValueError, IndexError, TypeError):
            raise DatasetError(f"no such episodes: [{selection[2]}] of the {len(dataset)} in {selection[1]}") from None
        if not len(chosen):
            raise DatasetError(f"[{selection[2]}] selects none of the {len(dataset)} episodes in {selection[1]}")
        return cls(selection[1], chosen)

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Episode]:
        return (self.episode(k) for k in range(len(self)))

    @property
    def frames(self) -> int:
        """Return the number of frames of all selected episodes."""
        return int(self.lengths.sum())

    @cached_property
    def all_tasks(self) -> dict[str, int]:
        """Return the index of each task's text."""
        return read_tasks(self.root) if len(self) else {}

    @cached_property
    def stats(self) -> dict[str, statistics.Stats]:
        """Return statistics per feature over the dataset: min, max, mean, std, count, quantiles; images in [0, 1]."""
        return statistics.arrays(read_meta(verified(self.root, self.root / STATS)))

    def camera(self, name: str | None = None) -> str:
        """Return the camera's full name; None: the only camera. Raises DatasetError that lists the cameras."""
        matches = [c for c in self.cameras if name in (None, c, c.removeprefix("observation."), c.rpartition(".")[2])]
        if len(matches) != 1:
            problem = f"no camera {name!r}" if name else "several cameras, or none: name one"
            raise DatasetError(f"{self.root} has {problem}; its cameras: {', '.join(self.cameras) or 'none'}")
        return matches[0]

    def episode(self, k: int) -> Episode:
        """Return the k-th selected episode; raises DatasetError if its rows are damaged or incomplete."""
        if self._last is None or self._last[0] != k:
            self._last = k, Episode.read(self.root, self.info, self.features, self._entries[k])
        return self._last[1]

    def window(self, frame: int, deltas: Mapping[str, Sequence[float]]) -> dict[str, np.ndarray]:
        """Return a window of frames like LeRobot's `delta_timestamps`.

        Args:
            frame: index over all selected episodes.
            deltas: per feature, times [s] relative to the frame's.

        Returns:
            Per feature (T, ...), and `<feature>_is_pad` (T,), where the episode's first or last frame is repeated.

        Raises:
            InputError: a time between two frames, or no such frame or feature.
        """
        if not 0 <= frame < self.frames:
            raise InputError(f"no frame {frame}: the dataset has {self.frames}")
        ends = self.lengths.cumsum()
        k = int(np.searchsorted(ends, frame, side="right"))
        episode, at, result = self.episode(k), frame - int(ends[k] - self.lengths[k]), {}
        for name, times in deltas.items():
            rows, padded = window_rows(len(episode), frame_offsets(times, self.fps), at)
            result[name] = episode.images(name, rows[0]) if name in self.cameras else episode[name][rows[0]]
            result[f"{name}_is_pad"] = padded[0]
        return result


def _outcome(text: Any) -> dict[str, Any] | None:
    """Return an episode's outcome; None for another program's column of this name."""
    try:
        outcome = json.loads(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return outcome if isinstance(outcome, dict) else None
