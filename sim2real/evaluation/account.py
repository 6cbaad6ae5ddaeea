"""Plain data of a session on a robot, for its page: what was driven, in the order in which it happened."""

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from sim2real.evaluation.config import EvaluateConfig
from sim2real.evaluation.drift import Drift
from sim2real.evaluation.naming import short_names
from sim2real.evaluation.simulation import Episodes
from sim2real.robots.loop import ABORTED, SUCCESS
from sim2real.statistics.rates import Rate, RateDifference
from sim2real.statistics.sequential import (
    ConfidenceSequence,
    SequentialDifference,
    sequential_difference,
    sequential_rate,
)
from sim2real.statistics.suresim import SureSim


@dataclass(frozen=True)
class SessionEpisode:
    """An episode of one policy.

    Attributes:
        place: index in the order in which episodes happened.
        seed: seed of its scene.
        policy: index of the policy.
        label: "success", "failure" or "aborted".
        valid: whether the loop was fast enough for the episode to count.
        reason: reason of an abort.
        rate: loop rate [Hz]; None: too few steps.
        latency: "median", "p95", "p99" (where known), "largest" [ms]; None: no step.
        by_hand: number of commands that a person gave in the policy's place.
        file: index of the saved episode in the session's dataset; None: not saved.
        path: a file about it, such as its film, relative to the page; empty: none.
    """

    place: int
    seed: int
    policy: int
    label: str
    valid: bool = True
    reason: str = ""
    rate: float | None = None
    latency: Mapping[str, float] | None = None
    by_hand: int = 0
    file: int | None = None
    path: str = ""

    @property
    def counts(self) -> bool:
        """Return whether it says something about the policy."""
        return self.valid and self.label != ABORTED

    @property
    def succeeded(self) -> bool:
        return self.label == SUCCESS and not self.by_hand  # who needed help did not succeed


@dataclass(frozen=True)
class RobotSession:
    """A session of evaluated episodes on a robot.

    Attributes:
        task, place: what was done, and on which robot, in words.
        policies: names of the policies, all different.
        weights: SHA-256 of each policy's weights, in hex.
        episodes: all episodes, in the order in which they happened.
        planned: number of scenes that was fixed before the first.
        rate: control rate [Hz].
        by_person: whether a person judged the outcomes; otherwise the simulation did.
        blind: whether that person did not know which policy drove.
        drift: the camera against its reference frame; None: not checked.
        accepted_drift: whether the session went on although the camera had moved, or nobody could tell.
        exposure: what is known of exposure and white balance, in a line; empty: nothing.
        suresim: combined intervals, by the policy's index.
    """

    task: str
    place: str
    policies: tuple[str, ...]
    weights: tuple[str, ...]
    episodes: tuple[SessionEpisode, ...]
    planned: int
    rate: float
    _: KW_ONLY
    by_person: bool = True
    blind: bool = True
    drift: Drift | None = None
    accepted_drift: bool = False
    exposure: str = ""
    suresim: Mapping[int, SureSim] = field(default_factory=dict)

    def of(self, policy: int) -> list[SessionEpisode]:
        """Return the episodes of a policy that count."""
        return [each for each in self.episodes if each.policy == policy and each.counts]

    def outcomes(self, policy: int) -> np.ndarray:
        """Return (n,) bool, successes of a policy's episodes that count, in order."""
        return np.array([each.succeeded for each in self.of(policy)], bool)

    def wilson(self, policy: int) -> Rate | None:
        """Return the success rate of a policy; None without an episode."""
        outcomes = self.outcomes(policy)
        return Rate.of(int(outcomes.sum()), len(outcomes)) if len(outcomes) else None

    @cached_property
    def sequences(self) -> list[ConfidenceSequence | None]:
        """Return each policy's success rate after each of its episodes that count; None without one."""
        outcomes = [self.outcomes(k) for k in range(len(self.policies))]
        return [sequential_rate(each) if len(each) else None for each in outcomes]

    def pairs(self, policy: int) -> tuple[np.ndarray, np.ndarray]:
        """Return (n,), (n,) bool of scenes that count for both: the first policy, and this one, in order.

        A scene takes its place when the later of both episodes ends.
        """
        first, other = ({each.seed: each for each in self.of(k)} for k in (0, policy))
        seeds = sorted(first.keys() & other.keys(), key=lambda seed: max(first[seed].place, other[seed].place))
        sides = [np.array([side[seed].succeeded for seed in seeds], bool) for side in (first, other)]
        return sides[0], sides[1]

    @cached_property
    def differences(self) -> dict[int, tuple[RateDifference, SequentialDifference]]:
        """Return paired differences to the first policy, of a fixed number of scenes and sequential, by policy."""
        pairs = {k: self.pairs(k) for k in range(1, len(self.policies))}
        return {
            k: (RateDifference.of(*each), sequential_difference(*each)) for k, each in pairs.items() if len(each[0])
        }

    def metrics(self) -> dict[str, Any]:
        """Return what `metrics.json` holds beside the rates: intervals at every look, the camera, simulated twins."""
        rates = [None if each is None else each.to_dict() for each in self.sequences]
        figures: dict[str, Any] = {"sequential": {"rates": rates}}
        if 1 in self.differences:
            figures["sequential"]["difference"] = self.differences[1][1].to_dict()
        if self.drift is not None:
            figures["camera"] = self.drift.to_dict()
        if self.suresim:
            figures["twins"] = [
                self.suresim[k].to_dict() if k in self.suresim else None for k in range(len(self.policies))
            ]
        return figures


def session_of(
    config: EvaluateConfig,
    task: str,
    checkpoints: Sequence[Path],
    each: Sequence[Episodes],
    weights: Sequence[str],
    rate: float,
    *,
    path: str = "",
    by_person: bool = True,
    **known: Any,
) -> RobotSession:
    """Return the session of an evaluation in a control loop.

    Args:
        checkpoints: folders of the policies.
        each: episodes of each policy.
        weights: SHA-256 of each policy's weights, as they were when the session began.
        rate: control rate [Hz].
        path: of a file about each saved episode, relative to the page, with {file} for its index; empty: none.
        known: `drift`, `accepted_drift`, `exposure`, `suresim` of the session.
    """
    rows = [
        {"policy": k, "order": len(each) * i + k, **row}
        for k, own in enumerate(each)
        for i, row in enumerate(own.rows())
    ]
    episodes = [_episode(row, path) for row in sorted(rows, key=lambda row: row["order"])]
    names = short_names(checkpoints)
    place = config.hardware.robot if config.on == "robot" else f"the rehearsal robot ({config.preset})"
    return RobotSession(
        *(task, str(place), tuple(names), tuple(weights), tuple(episodes), config.episodes, rate),
        by_person=by_person,
        blind=by_person and len(names) > 1,
        **known,
    )


def _episode(row: Mapping[str, Any], path: str) -> SessionEpisode:
    file = row.get("file")
    return SessionEpisode(
        *(row["order"], row["seed"], row["policy"], row["label"], row.get("valid", True), row.get("reason", "")),
        rate=row.get("loop_rate_hz"),
        latency=row.get("latency_ms"),
        by_hand=row.get("interventions", 0),
        file=file,
        path="" if file is None else path.format(file=file),
    )
