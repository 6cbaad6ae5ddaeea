"""Recorded episodes beside what a policy would have done: film, worst frames, figures."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from policies.policy import Policy
from sim2real.agreement import Agreement, Estimate, fitted_gain
from sim2real.datasets import DatasetError, EpisodeDataset
from sim2real.frames import SMOOTHING, read_frames
from sim2real.offline import judge, predict, worst_rows
from sim2real.overlay import draw_steering
from sim2real.video import grid, write_video

APART = 0.5  # s between two of the worst frames: what follows at once shows the same


@dataclass(frozen=True)
class Replay:
    """One episode through a policy; m frames that could be read.

    Attributes:
        episode: its index on the disk.
        action: name of the action, the policy's first.
        fps: frames per second [Hz].
        images: (m, H, W, 3) uint8 RGB, as recorded.
        row: (m,) place of each frame in the episode.
        time: (m,) s from the episode's start.
        raw: (m,) what the driver commanded.
        driver: (m,) the same, averaged over `smoothing` to either side.
        policy: (m,) what the policy would have done.
        smoothing: s.
        skipped: frames left out, counted by reason.
    """

    episode: int
    action: str
    fps: float
    images: np.ndarray
    row: np.ndarray
    time: np.ndarray
    raw: np.ndarray
    driver: np.ndarray
    policy: np.ndarray
    smoothing: float
    skipped: dict[str, int]

    @property
    def metrics(self) -> dict[str, Estimate]:
        """Of the policy, without intervals: frames of one episode are not independent."""
        return Agreement(self.driver, np.zeros(len(self.driver), int)).measure(self.policy)

    @property
    def gain(self) -> tuple[float, float]:
        """Gain and offset that bring the policy closest to the driver, in hindsight."""
        return fitted_gain(self.policy.astype(np.float64), self.driver.astype(np.float64))

    @property
    def seeing(self) -> np.ndarray:
        """(m,) what remains of the difference after gain and offset: what is no matter of the driver's scale."""
        gain, offset = self.gain
        return gain * self.policy + offset - self.driver

    def worst(self, count: int) -> np.ndarray:
        """Indices of the frames with the largest `seeing`, the worst first, at least half a second apart."""
        nothing = np.zeros(len(self.row), int)
        return worst_rows(self.seeing, nothing, self.row, count, max(1, round(APART * self.fps)))

    def picture(self, k: int, width: int = 640) -> np.ndarray:
        """Frame k with both steering commands drawn; RGB, `width` px wide."""
        caption = f"episode {self.episode}   frame {self.row[k]}   {self.time[k]:.2f} s"
        values = {"driver": float(self.driver[k]), "policy": float(self.policy[k])}
        return draw_steering(self.images[k], values, caption, width, raw=float(self.raw[k]))


def place(dataset: EpisodeDataset, index: int) -> int:
    """Of an episode, known by its index on the disk, among those shown; raises DatasetError that lists these."""
    found = np.flatnonzero(dataset.indices == index)
    if not len(found):
        few = ", ".join(map(str, dataset.indices[:8])) + (", …" if len(dataset) > 8 else "")
        raise DatasetError(f"{dataset.root} has no episode {index} among the {len(dataset)} chosen: {few or 'none'}")
    return int(found[0])


def replay_episode(dataset: EpisodeDataset, index: int, policy: Policy, smoothing: float = SMOOTHING) -> Replay:
    """Take an episode through a policy.

    Args:
        index: of the episode on the disk.

    Raises:
        DatasetError: as `place` and `read_frames`.
        ValueError: as `predict`.
    """
    place(dataset, index)
    one = EpisodeDataset(dataset.root, [index])
    frames, raw = (read_frames(one, policy.config, seconds) for seconds in (smoothing, 0.0))
    predicted = predict(policy, frames.images)
    judge(frames, predicted, policy.config.action_names)  # complains if the recording lacks the action
    episode = one.episode(0)
    seconds = episode["timestamp"].reshape(-1)[frames.row].astype(np.float64)
    images = episode.images(one.camera(policy.config.preprocessing.camera), frames.row)
    return Replay(
        index,
        policy.config.action_names[0],
        one.fps,
        images,
        frames.row,
        seconds,
        *(raw.actions[:, 0], frames.actions[:, 0], predicted[:, 0]),
        smoothing,
        dict(frames.skipped),
    )


def film_replay(replay: Replay, path: Path, progress: Callable[[int, int], None] = lambda done, total: None) -> int:
    """Write the episode as a film at the speed of the recording; returns its frames. Raises as `write_video`."""

    def pictures() -> Iterator[np.ndarray]:
        for k in range(len(replay.row)):
            yield replay.picture(k)
            progress(k + 1, len(replay.row))

    return write_video(path, pictures(), replay.fps)


def worst_sheet(replay: Replay, count: int = 12, columns: int = 4) -> np.ndarray:
    """The worst frames as one picture, the worst first; RGB."""
    chosen = replay.worst(count)
    return grid([replay.picture(int(k), 320) for k in chosen], min(columns, len(chosen)), gap=8)
