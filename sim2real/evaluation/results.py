"""Results of evaluations: the figures, and the data for pages and films."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sim2real.evaluation.account import RobotSession
from sim2real.evaluation.config import EvaluateConfig
from sim2real.evaluation.offline import ActionComparison
from sim2real.evaluation.simulation import Episodes
from sim2real.recordings.frames import Frames
from sim2real.statistics.correlation import Correlation
from sim2real.statistics.rates import Rate, RateDifference
from sim2real.statistics.settling import Settling
from sim2real.tracks.drawing.rendering import MapRenderer
from sim2real.tracks.drawing.validity import Validity
from sim2real.tracks.driving.laps import Laps
from sim2real.tracks.driving.loop import TrackEpisodes
from sim2real.tracks.driving.second import Comparison
from sim2real.tracks.rebuilt import RebuiltTrack

SIDES = ("sim", "rehearsal")


@dataclass(frozen=True)
class Evaluation:
    """Episodes of one policy, or the same episodes of two.

    Attributes:
        folder: folder of the run.
        metrics: content of the run's `metrics.json`.
        config: settings of the evaluation.
        task: task of the policies.
        checkpoints: folders of the policies.
        episodes: episodes of each policy.
        difference: success of the second policy minus the first; None without a second, or without a common episode.
        settling: number of further episodes that would settle it; None likewise.
        interrupted: whether Ctrl-C ended the evaluation early.
        session: what happened in a control loop, in order; None: there was none.
    """

    folder: Path
    metrics: Mapping[str, Any]
    config: EvaluateConfig
    task: str
    checkpoints: tuple[Path, ...]
    episodes: tuple[Episodes, ...]
    difference: RateDifference | None = None
    settling: Settling | None = None
    interrupted: bool = False
    session: RobotSession | None = None

    @property
    def blind(self) -> bool:
        """Return whether the session goes on, so that nobody at the robot should know the policies' results yet."""
        return self.interrupted and self.session is not None and self.session.blind

    @property
    def has_figures(self) -> bool:
        """Return whether every policy has at least one episode."""
        return all(len(episodes.seeds) for episodes in self.episodes)


@dataclass(frozen=True)
class CorrelationResult:
    """How well simulation predicts success on the rehearsal robot.

    Attributes:
        folder: folder of the run.
        metrics: content of the run's `metrics.json`.
        config: settings of the evaluation.
        task: task of the policies.
        checkpoints: folders of the policies.
        episodes: episodes of each policy, by side: "sim", "rehearsal".
        correlation: correlation of the success rates.
    """

    folder: Path
    metrics: Mapping[str, Any]
    config: EvaluateConfig
    task: str
    checkpoints: tuple[Path, ...]
    episodes: Mapping[str, tuple[Episodes, ...]]
    correlation: Correlation

    @property
    def rates(self) -> dict[str, list[Rate]]:
        """Return the success rate of each policy over its completed episodes, by side."""
        return {
            side: [Rate.of(int(e.success[e.completed].sum()), int(e.completed.sum())) for e in episodes]
            for side, episodes in self.episodes.items()
        }


@dataclass(frozen=True)
class DatasetEvaluation:
    """Agreement of a policy with recordings.

    Attributes:
        folder: folder of the run.
        metrics: content of the run's `metrics.json`.
        config: settings of the evaluation.
        checkpoint: folder of the policy.
        action_names: names of the policy's A actions.
        frames: the n recorded frames.
        predicted: (n, A) predicted actions in [-1, 1].
        comparisons: first that of the judged actions together, then those of the other actions.
        saturation: number of frames by action whose recorded action exceeds the policy's range.
    """

    folder: Path
    metrics: Mapping[str, Any]
    config: EvaluateConfig
    checkpoint: Path
    action_names: tuple[str, ...]
    frames: Frames
    predicted: np.ndarray
    comparisons: tuple[ActionComparison, ...]
    saturation: Mapping[str, int]


@dataclass(frozen=True)
class TrackEvaluation:
    """The same laps of a rebuilt track, driven by one or several policies and by the controls.

    Attributes:
        folder: folder of the run.
        metrics: content of the run's `metrics.json`.
        config: settings of the evaluation.
        checkpoints: folders of the policies.
        track: the track.
        episodes: cars and starts of all laps.
        renderer: what the policies saw.
        laps: by the policy's name, in the order of the checkpoints.
        controls: by name: zero_steering, teacher.
        differences: laps without intervention of each further policy minus those of the first, by name.
        second: the laps that were driven again with the second renderer, by the policy's name; empty: none were.
        validity: agreement of what is drawn with held-out frames, by the policy's name.
        unproven: why a policy is not in `validity`, in words, by its name.
        frames_per_second: of processor time, rendering and policies together.
    """

    folder: Path
    metrics: Mapping[str, Any]
    config: EvaluateConfig
    checkpoints: tuple[Path, ...]
    track: RebuiltTrack
    episodes: TrackEpisodes
    renderer: MapRenderer
    laps: Mapping[str, Laps]
    controls: Mapping[str, Laps]
    differences: Mapping[str, RateDifference]
    second: Mapping[str, Comparison]
    validity: Mapping[str, Validity]
    unproven: Mapping[str, str]
    frames_per_second: float
