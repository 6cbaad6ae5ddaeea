"""Recorded frames as a policy sees them, with its state input and the recorded actions."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from policies.policy import PolicyConfig
from sim2real.datasets import Episode, EpisodeDataset
from sim2real.errors import DatasetError
from sim2real.progress import Progress, silent
from sim2real.recordings.arm_logs import INTERVENTION
from sim2real.recordings.interpretation import recorded
from sim2real.recordings.smoothing import smooth, smoothing_window
from sim2real.statistics.agreement import CRITERION
from sim2real.statistics.units import JUDGING, Blocks, Units

CLOCK = "recorded_at"  # s since 1970, in recordings that have it


@dataclass(frozen=True)
class Frames:
    """n frames of a dataset, episode by episode.

    Attributes:
        images: (n, h, w, 3) uint8 RGB, cropped and resized to the network's size.
        actions: (n, A) float32 in the order of the policy's actions, smoothed; NaN for missing actions.
        episode: (n,) index of each frame's episode in the dataset.
        row: (n,) index of each frame in its episode.
        smoothing: actions are averaged over ± this many seconds; 0: not averaged.
        fps: frame rate [Hz].
        skipped: number of frames left out, by reason.
        state: (n, S) float32, the policy's state input; None if it uses images only.
        judged: indices of the actions on which policies are compared with recordings.
        criterion: the metric for this comparison, see `Agreement`.
        saturated: (n, A) bool, whether the recorded action is outside [-1, 1] before smoothing; None: unknown.
        session: (n,) name of each frame's session; None: each episode counts as a session.
        time: (n,) s of each frame on its session's clock, gaps between episodes included; None: from its row.
        session_kind: what counts as a session, see `Units`.
    """

    images: np.ndarray
    actions: np.ndarray
    episode: np.ndarray
    row: np.ndarray
    smoothing: float
    fps: float
    skipped: dict[str, int] = field(default_factory=dict)
    state: np.ndarray | None = None
    judged: tuple[int, ...] = (0,)
    criterion: str = CRITERION
    saturated: np.ndarray | None = None
    session: np.ndarray | None = None
    time: np.ndarray | None = None
    session_kind: str = "episode"

    def __len__(self) -> int:
        return len(self.images)

    @property
    def independent(self) -> float:
        """Return the share of frames that count as independent: frames within a second or an average are similar."""
        return 1 / max(smoothing_window(self.smoothing, self.fps), round(self.fps))

    @property
    def done(self) -> np.ndarray:
        """Return (n, J) the judged actions."""
        return self.actions[:, list(self.judged)]

    @property
    def episodes(self) -> np.ndarray:
        """Return (E,) indices of the episodes, in order of appearance."""
        _, first = np.unique(self.episode, return_index=True)
        return self.episode[np.sort(first)]

    def units(self, blocks: Blocks = JUDGING) -> Units:
        """Return the independent units, for splits and resampling."""
        session = self.episode if self.session is None else self.session
        time = self.row / self.fps if self.time is None else self.time
        return Units.of(session, time, self.session_kind, blocks.averaged(self.smoothing))

    def select(self, where: np.ndarray) -> "Frames":
        """Return the frames of a mask (n,) bool, or of indices."""
        parts = {name: getattr(self, name)[where] for name in ("images", "actions", "episode", "row")}
        for name in ("state", "saturated", "session", "time"):
            values = getattr(self, name)
            parts[name] = None if values is None else values[where]
        return replace(self, **parts)

    def saturation(self, names: Sequence[str]) -> dict[str, int]:
        """Return the number of frames whose label exceeds the policy's range, for actions with such labels."""
        counts = np.zeros(len(names), int) if self.saturated is None else self.saturated.sum(0)
        return {name: int(count) for name, count in zip(names, counts, strict=True) if count}

    def of(self, episodes: np.ndarray) -> "Frames":
        """Return the frames of the given episodes."""
        return self.select(np.isin(self.episode, episodes))

    def limited(self, count: int, random: np.random.Generator) -> "Frames":
        """Return `count` frames, spread evenly over all of them from a random start; all if there are no more.

        Neighbouring frames teach nearly the same: 300 frames of one drive are 15 s of it.
        """
        if count >= len(self):
            return self
        apart = len(self) / count
        return self.select((apart * (np.arange(count) + random.random())).astype(int))


def read_frames(
    dataset: EpisodeDataset,
    config: PolicyConfig,
    smoothing: float | None = None,
    progress: Progress = silent,
    by_hand: bool = False,
) -> Frames:
    """Read the frames of a dataset as a policy sees them, with the recorded actions.

    Frames with damaged images are left out and counted.

    Args:
        smoothing: actions are averaged over ± this many seconds; None: the value of the policy's task.
        by_hand: leave out frames that a policy commanded; actions are averaged over the person's only.

    Raises:
        DatasetError: a missing camera (the error lists the cameras), another robot or other units than the policy's, a
            missing judged action, an action or state that is not finite, a changed file, or no readable frame.
    """
    camera = dataset.camera(config.preprocessing.camera)
    reading = recorded(dataset, config)
    smoothing = reading.smoothing if smoothing is None else smoothing
    skipped: Counter[str] = Counter()
    parts, states, times, saturated = [], [], [], []
    for k in range(len(dataset)):
        episode = dataset.episode(k)
        raw, state = reading.read(episode)
        person = commanded_by_hand(episode) if by_hand else np.ones(len(raw), bool)
        images, rows = readable_images(episode, camera, config, skipped)
        if not person.all():
            skipped["commanded by the policy"] += int((~person).sum())
            images, rows = images[person[rows]], rows[person[rows]]
        parts.append(
            (images, _smooth_runs(raw, person, smoothing, dataset.fps)[rows], np.full(len(rows), episode.index), rows)
        )
        states.append(None if state is None else state[rows])
        saturated.append(reading.saturated(episode)[rows])
        times.append((clock_of(episode), rows))
        progress(k + 1, len(dataset))
    if not sum(len(part[3]) for part in parts):
        what = "that a person commanded" if by_hand else "that can be read"
        raise DatasetError(f"{dataset.root} has no frame {what}")
    images, actions, index, rows = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    state = None if states[0] is None else np.concatenate(states)
    known = reading.judged, reading.criterion
    recorded_there = np.concatenate(saturated), *sessions_of(dataset, times)
    return Frames(images, actions, index, rows, smoothing, dataset.fps, dict(skipped), state, *known, *recorded_there)


def commanded_by_hand(episode: Episode) -> np.ndarray:
    """Return (n,) bool, whether a person commanded the robot; raises DatasetError if the recording does not tell."""
    person = episode.columns.get(INTERVENTION)
    if person is None or person.dtype != bool:
        advice = "it is not one of `evaluate --on robot` or `record --on robot`"
        raise DatasetError(f"the recording does not tell which frames a person commanded ({INTERVENTION}): {advice}")
    return person.reshape(-1)


def _smooth_runs(actions: np.ndarray, chosen: np.ndarray, seconds: float, fps: float) -> np.ndarray:
    """Average actions (n, A) within each run of chosen frames (n,); NaN at the others."""
    if chosen.all():
        return smooth(actions, seconds, fps)
    smoothed = np.full_like(actions, np.nan)
    for run in np.split(np.arange(len(chosen)), np.flatnonzero(np.diff(chosen)) + 1):
        if chosen[run[0]]:
            smoothed[run] = smooth(actions[run], seconds, fps)
    return smoothed


def clock_of(episode: Episode) -> np.ndarray | None:
    """Return (n,) s of an episode's frames by the recorder's clock; None without a usable clock."""
    time = episode.columns.get(CLOCK)
    usable = time is not None and time.dtype == np.float64 and time.ndim == 1 and np.isfinite(time).all()
    return time if usable else None


def sessions_of(
    dataset: EpisodeDataset, clocks: list[tuple[np.ndarray | None, np.ndarray]]
) -> tuple[np.ndarray, np.ndarray, str]:
    """Return session, time and session kind, as in `Frames`, from each episode's clock and rows.

    If a dataset names no sessions, it counts as one session if its episodes share a clock, since they may be pieces of
    one drive; otherwise each episode counts as a session, since other recorders start episodes by hand.
    """
    clocked, named = all(clock is not None for clock, _ in clocks), None not in dataset.sessions
    session_kind = "session" if named else "recording" if clocked else "episode"
    names = {"session": dataset.sessions, "recording": [""] * len(dataset), "episode": dataset.indices}[session_kind]
    times = [
        # Without a clock one after another, as the gaps are unknown.
        clock[rows] if clocked and clock is not None else (start + rows) / dataset.fps
        for start, (clock, rows) in zip(dataset.starts, clocks, strict=True)
    ]
    session = np.repeat([str(name) for name in names], [len(rows) for _, rows in clocks])
    return session, np.concatenate(times), session_kind


def readable_images(
    episode: Episode, camera: str, config: PolicyConfig, skipped: Counter[str]
) -> tuple[np.ndarray, np.ndarray]:
    """Return images at the network's size, and their rows; damaged ones are counted in `skipped`."""
    rows = np.arange(len(episode))
    episode.verify(camera)  # a changed file is refused: leaving out undecodable frames is not enough
    try:
        return config.preprocessing(episode.images(camera, rows)), rows
    except DatasetError:  # a damaged image, or images of several sizes: find out one by one
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
