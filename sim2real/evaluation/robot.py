"""Policies that move a robot through the loop of `sim2real.robots`: the rehearsal robot or hardware, alike."""

import math
from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np

from envs import make_task
from policies.policy import Policy
from sim2real.evaluation.simulation import Episodes
from sim2real.progress import Progress, silent
from sim2real.rehearsal.robot import SimulatedRobot
from sim2real.robots.boundary import Boundary
from sim2real.robots.loop import ABORTED, SUCCESS, Trace, run_episode
from sim2real.robots.robot import Robot


class Venue(Protocol):
    """Where episodes take place, and who sets them up and judges them.

    Attributes:
        steps: of an episode, after which its time is up.
    """

    @property
    def robot(self) -> Robot: ...

    @property
    def boundary(self) -> Boundary: ...

    @property
    def steps(self) -> int: ...

    def prepare(self, seed: int, policy: int) -> None:
        """Set up the episode of a seed, for the policy of this index."""
        ...

    def judge(self, time_is_up: bool) -> str | None:
        """As `sim2real.robots.loop.run_episode` asks."""
        ...

    def account(self) -> tuple[float, bool]:
        """Of the episode that just ended: the sum of its reward (NaN where nobody rewards), whether it failed."""
        ...


class RehearsalVenue:
    """The rehearsal robot of a task, which sets itself up and knows how it went.

    Args:
        cameras: names of those that policies look through.
        real_time: keep to the control period of the machine's clock.

    Raises:
        ValueError: an unknown task, or a camera that the robot does not have.
    """

    def __init__(self, task: str, cameras: Sequence[str], *, real_time: bool = True, device: str = "cpu") -> None:
        self.robot = SimulatedRobot(make_task(task, "rehearsal"), cameras, real_time=real_time, device=device)
        self.boundary, self.steps = self.robot.boundary, self.robot.steps_at_most

    def prepare(self, seed: int, policy: int) -> None:
        self.robot.reset(seed)

    def judge(self, time_is_up: bool) -> str | None:
        return self.robot.outcome(time_is_up)

    def account(self) -> tuple[float, bool]:
        return self.robot.reward, self.robot.terminated


def evaluate_on_robot(
    venue: Venue,
    policies: Sequence[Policy],
    episodes: int,
    first_seed: int,
    progress: Progress = silent,
    keep: Callable[[list[Episodes]], None] = lambda found: None,
) -> tuple[list[Episodes], bool]:
    """Let policies move a robot, each in the same episodes, one after the other at every set-up.

    Args:
        progress: called with (episodes done, episodes in all), of all policies together.
        keep: called after every episode with what became of those until then, per policy.

    Returns:
        What became of the episodes of each policy, and whether somebody pressed Ctrl-C: then they are those until then,
        the last one aborted.
    """
    traces: list[list[Trace]] = [[] for _ in policies]
    accounts: list[list[tuple[float, bool]]] = [[] for _ in policies]
    interrupted = False
    for k in range(episodes * len(policies)):
        episode, which = divmod(k, len(policies))
        try:
            venue.prepare(first_seed + episode, which)
        except (KeyboardInterrupt, EOFError):
            interrupted = True
            break
        trace = run_episode(venue.robot, policies[which].act, venue.boundary, venue.steps, venue.judge)
        traces[which].append(trace)
        accounts[which].append(venue.account())
        keep([_episodes(first_seed, *both) for both in zip(traces, accounts, strict=True)])
        interrupted = trace.interrupted
        if interrupted:
            break
        progress(k + 1, episodes * len(policies))
    found = [_episodes(first_seed, *both) for both in zip(traces, accounts, strict=True)]
    return found, interrupted


def _episodes(first_seed: int, traces: list[Trace], accounts: list[tuple[float, bool]]) -> Episodes:
    labels = np.array([trace.label for trace in traces], object)
    completed = labels != ABORTED
    return Episodes(
        first_seed + np.arange(len(traces)),
        np.asarray(labels == SUCCESS, bool),
        completed & np.array([early for _, early in accounts], bool),
        np.array([len(trace.times) for trace in traces], int),
        np.where(completed, np.array([value for value, _ in accounts], float), math.nan),
        ~completed,
        tuple(trace.summary() for trace in traces),
    )
