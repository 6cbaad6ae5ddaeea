"""Let policies move a robot through the loop of `sim2real.robots`: the rehearsal robot or hardware, alike."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from envs import make_task
from policies.policy import Policy
from sim2real.errors import InputError
from sim2real.evaluation.config import EvaluateConfig
from sim2real.evaluation.simulation import Episodes
from sim2real.progress import Progress, silent
from sim2real.rehearsal.robot import SimulatedRobot, boundary_of, home_of
from sim2real.robots.boundary import Boundary
from sim2real.robots.hardware import OperatedVenue, open_robot
from sim2real.robots.loop import ABORTED, SUCCESS, Trace, run_episode
from sim2real.robots.robot import Robot
from sim2real.robots.supervisor import Supervisor


class Venue(Protocol):
    """Where episodes take place, and who sets them up and says how they went.

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

    def outcome(self, time_is_up: bool) -> str | None:
        """Return the episode's label, or None to go on, as `sim2real.robots.loop.run_episode` asks."""
        ...

    def account(self) -> tuple[float, bool]:
        """Return of the episode that just ended the sum of its reward (NaN where nobody rewards), and if it failed."""
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

    def outcome(self, time_is_up: bool) -> str | None:
        return self.robot.outcome(time_is_up)

    def account(self) -> tuple[float, bool]:
        return self.robot.reward, self.robot.terminated


def open_venue(
    config: EvaluateConfig, policies: Sequence[Policy], folders: Sequence[Path], supervisor: Supervisor
) -> Venue:
    """Connect to the robot, or to the stand-in for one; nothing moves yet.

    Args:
        folders: of the policies, by which the supervisor is told which of them is next.

    Raises:
        InputError: no robot, one that may not move, or that does not fit the policies.
        OSError: it does not answer.
    """
    name, cameras = policies[0].config.task, sorted({policy.config.preprocessing.camera for policy in policies})
    if config.on == "rehearsal":
        return RehearsalVenue(name, cameras, real_time=config.real_time, device=config.device)
    config.hardware.check()
    if len(cameras) > 1:
        raise InputError(f"the policies look through different cameras ({', '.join(cameras)}): evaluate one at a time")
    task = make_task(name, "rehearsal")
    boundary, spec = boundary_of(task), task.spec
    robot = open_robot(config.hardware, boundary, spec.control_dt, cameras[0])
    steps, home = round(spec.episode_seconds / spec.control_dt), home_of(task)
    if home is not None:
        supervisor.announce("before every episode the robot goes to its home pose, slowly")
    return OperatedVenue(robot, boundary, steps, [str(folder) for folder in folders], supervisor.ask, home)


def evaluate_on_robot(
    venue: Venue,
    policies: Sequence[Policy],
    episodes: int,
    first_seed: int,
    progress: Progress = silent,
    keep: Callable[[list[Episodes]], None] = lambda so_far: None,
) -> tuple[list[Episodes], bool]:
    """Let policies move a robot, each in the same episodes, one after the other at every set-up.

    Args:
        progress: is called with (episodes done, episodes in all), of all policies together.
        keep: is called after every episode with what became of those until then, per policy.

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
        trace = run_episode(venue.robot, policies[which].act, venue.boundary, venue.steps, venue.outcome)
        traces[which].append(trace)
        accounts[which].append(venue.account())
        keep([_episodes(first_seed, *both) for both in zip(traces, accounts, strict=True)])
        interrupted = trace.interrupted
        if interrupted:
            break
        progress(k + 1, episodes * len(policies))
    return [_episodes(first_seed, *both) for both in zip(traces, accounts, strict=True)], interrupted


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
