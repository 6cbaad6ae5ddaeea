"""Replay of recorded episodes through a policy."""

from dataclasses import dataclass

import numpy as np

from policies.policy import Policy
from sim2real.datasets import DatasetError, EpisodeDataset
from sim2real.evaluation.offline import compare_with_recording, plain, predict, worst_rows
from sim2real.recordings.footage import NoFootageError, why_missing
from sim2real.recordings.frames import read_frames
from sim2real.statistics.agreement import Agreement, Estimate, fitted_gain

APART = 0.5  # s between two of the worst frames, as close frames look the same


@dataclass(frozen=True)
class ActionTrack:
    """One action over an episode's m frames.

    Attributes:
        action: name of the action.
        raw: (m,) recorded action, in [-1, 1].
        driver: (m,) recorded action, averaged by the replay's `smoothing`.
        policy: (m,) the policy's action.
    """

    action: str
    raw: np.ndarray
    driver: np.ndarray
    policy: np.ndarray

    @property
    def metrics(self) -> dict[str, Estimate]:
        """Return the policy's agreement, without intervals: frames of one episode are not independent."""
        return Agreement(self.driver, np.zeros(len(self.driver), int)).measure(self.policy)

    @property
    def gain(self) -> tuple[float, float]:
        """Return the gain and offset from the policy's to the recorded actions that fit best."""
        return fitted_gain(self.policy.astype(np.float64), self.driver.astype(np.float64))

    @property
    def seeing(self) -> np.ndarray:
        """Return (m,) the remaining difference after gain and offset, without a driver's scale."""
        gain, offset = self.gain
        return gain * self.policy + offset - self.driver


@dataclass(frozen=True)
class PolicyReplay:
    """One episode through a policy, with m readable frames.

    Attributes:
        episode: index in the dataset.
        tracks: tracks of the judged actions.
        fps: frame rate [Hz].
        images: (m, H, W, 3) uint8 RGB, as recorded.
        row: (m,) index of each frame in the episode.
        time: (m,) s from the episode's start.
        smoothing: recorded actions are averaged over ± this many seconds.
        skipped: number of frames left out, by reason.
    """

    episode: int
    tracks: tuple[ActionTrack, ...]
    fps: float
    images: np.ndarray
    row: np.ndarray
    time: np.ndarray
    smoothing: float
    skipped: dict[str, int]

    @property
    def action(self) -> str:
        """Return the judged action's name, or the number of judged actions."""
        return self.tracks[0].action if len(self.tracks) == 1 else f"all {len(self.tracks)} actions"

    @property
    def metrics(self) -> dict[str, Estimate]:
        """Return the agreement of all actions together, like `ActionTrack.metrics`."""
        recorded, predicted = (
            np.stack([getattr(track, name) for track in self.tracks], 1) for name in ("driver", "policy")
        )
        return Agreement(recorded, np.zeros(len(recorded), int)).measure(predicted)

    @property
    def seeing(self) -> np.ndarray:
        """Return (m,) the difference after gain and offset; of several actions the root mean square."""
        if len(self.tracks) == 1:
            return self.tracks[0].seeing
        return np.sqrt(np.mean([track.seeing**2 for track in self.tracks], 0))

    @property
    def figures(self) -> dict[str, object]:
        """Return the episode's entry for `metrics.json`."""
        actions = {
            track.action: {"gain": dict(zip(("gain", "offset"), track.gain, strict=True)), **plain(track.metrics)}
            for track in self.tracks
        }
        gains = {"actions": actions} if len(actions) > 1 else {"gain": actions[self.action]["gain"]}
        return {"frames": len(self.row), "skipped": self.skipped, **gains, **plain(self.metrics)}

    def worst(self, count: int) -> np.ndarray:
        """Return the indices of the frames with the largest `seeing`, the worst first, at least half a second apart."""
        nothing = np.zeros(len(self.row), int)
        return worst_rows(self.seeing, nothing, self.row, count, max(1, round(APART * self.fps)))


def position_of(dataset: EpisodeDataset, index: int) -> int:
    """Return the position of an episode, given by its index in the dataset, among those selected; raises DatasetError
    that lists these."""
    places = np.flatnonzero(dataset.indices == index)
    if not len(places):
        few = ", ".join(map(str, dataset.indices[:8])) + (", …" if len(dataset) > 8 else "")
        raise DatasetError(f"{dataset.root} has no episode {index} among the {len(dataset)} chosen: {few or 'none'}")
    return int(places[0])


def replay_episode(dataset: EpisodeDataset, index: int, policy: Policy, smoothing: float | None = None) -> PolicyReplay:
    """Run a policy on a recorded episode.

    Args:
        index: index of the episode in the dataset.
        smoothing: recorded actions are averaged over ± this many seconds; None: the value of the policy's task.

    Raises:
        DatasetError: as `position_of` and `read_frames`.
        NoFootageError: the videos are missing.
        InputError: as `predict`.
    """
    position_of(dataset, index)
    alone, names = EpisodeDataset(dataset.root, [index]), policy.config.action_names
    camera = alone.camera(policy.config.preprocessing.camera)
    try:
        frames, raw = (read_frames(alone, policy.config, seconds) for seconds in (smoothing, 0.0))
        images = alone.episode(0).images(camera, frames.row)
    except FileNotFoundError as error:
        raise NoFootageError(
            f"{why_missing(alone, alone.episode(0), camera, error)}: a policy needs camera frames"
        ) from None
    predicted = predict(policy, frames.images, frames.state)
    compare_with_recording(frames, predicted, names)  # raises DatasetError if the recording lacks an action
    seconds = alone.episode(0)["timestamp"].reshape(-1)[frames.row].astype(np.float64)
    columns = (raw.actions, frames.actions, predicted)
    tracks = tuple(ActionTrack(names[k], *(column[:, k] for column in columns)) for k in frames.judged)
    return PolicyReplay(index, tracks, alone.fps, images, frames.row, seconds, frames.smoothing, dict(frames.skipped))
