"""Evaluation of policies in the control loop of `sim2real.robots`, on the rehearsal robot or hardware."""

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
from sim2real.rehearsal.preset import PRESET
from sim2real.rehearsal.robot import SimulatedRobot, boundary_of, guarded, home_of
from sim2real.robots.boundary import Boundary
from sim2real.robots.hardware import OperatedVenue, open_robot
from sim2real.robots.loop import ABORTED, SUCCESS, Trace, run_episode
from sim2real.robots.remote import RemoteRobot
from sim2real.robots.robot import Robot
from sim2real.robots.supervisor import Supervisor


class Venue(Protocol):
    """The place of episodes, which prepares them and reports their outcome.

    Attributes:
        steps: maximum number of steps of an episode.
    """

    @property
    def robot(self) -> Robot: ...

    @property
    def boundary(self) -> Boundary: ...

    @property
    def steps(self) -> int: ...

    def prepare(self, seed: int, policy: int) -> None:
        """Prepare the episode of a seed, for the policy of this index."""
        ...

    def outcome(self, time_is_up: bool) -> str | None:
        """Return the episode's label, or None to continue, for `sim2real.robots.loop.run_episode`."""
        ...

    def account(self) -> tuple[float, bool]:
        """Return the sum of rewards of the last episode (NaN without rewards), and whether it failed."""
        ...


class SeededRobot(Robot, Protocol):
    """A robot that resets itself, and knows how an episode ended.

    Attributes:
        reward: sum of rewards of the episode.
        terminated: whether it failed before its time was up.
    """

    reward: float
    terminated: bool

    def reset(self, seed: int) -> None: ...

    def outcome(self, time_is_up: bool = False) -> str | None: ...


class SimulatedVenue:
    """A simulated robot, in this program or behind a bridge, which prepares episodes and knows their outcome.

    Args:
        steps: maximum number of steps of an episode.
    """

    def __init__(self, robot: SeededRobot, boundary: Boundary, steps: int) -> None:
        self.robot, self.boundary, self.steps = robot, boundary, steps

    def prepare(self, seed: int, policy: int) -> None:
        self.robot.reset(seed)

    def outcome(self, time_is_up: bool) -> str | None:
        return self.robot.outcome(time_is_up)

    def account(self) -> tuple[float, bool]:
        return self.robot.reward, self.robot.terminated


def rehearsal_venue(
    task: str,
    cameras: Sequence[str],
    *,
    preset: str = PRESET,
    layout: int | None = None,
    real_time: bool = True,
    device: str = "cpu",
) -> SimulatedVenue:
    """Make the rehearsal robot of a task.

    Args:
        cameras: names of the cameras that policies use.
        preset: the task's randomization that makes the robot.
        layout: number of the one world of all episodes; None: each draws its own.
        real_time: keep the control period in real time.

    Raises:
        InputError: an unknown task, or a camera that the robot does not have.
    """
    made = make_task(task, "rehearsal", layout=layout)
    robot = SimulatedRobot(made, cameras, randomization=preset, real_time=real_time, device=device)
    return SimulatedVenue(robot, robot.boundary, robot.steps_at_most)


def open_venue(
    config: EvaluateConfig, policies: Sequence[Policy], folders: Sequence[Path], supervisor: Supervisor
) -> Venue:
    """Connect to the robot or its simulated stand-in; nothing moves yet.

    Args:
        folders: folders of the policies, whose names the supervisor sees.

    Raises:
        InputError: no robot, one that may not move, or one that does not fit the policies.
        OSError: the robot does not answer.
    """
    name, cameras = policies[0].config.task, sorted({policy.config.preprocessing.camera for policy in policies})
    if config.on == "rehearsal":
        settings = {"preset": config.preset, "layout": config.layout, "device": config.device}
        return rehearsal_venue(name, cameras, real_time=config.real_time, **settings)
    config.hardware.check()
    if len(cameras) > 1:
        raise InputError(f"the policies use different cameras ({', '.join(cameras)}): evaluate one at a time")
    task = make_task(name, "rehearsal")
    boundary, spec = guarded(boundary_of(task), task), task.spec
    robot = open_robot(config.hardware, boundary, spec.control_dt, cameras[0])
    steps, home = round(spec.episode_seconds / spec.control_dt), home_of(task)
    if isinstance(robot, RemoteRobot) and robot.simulated:
        return SimulatedVenue(robot, boundary_of(task), steps)
    if home is not None:
        supervisor.announce("before every episode the robot moves slowly to its home pose")
    return OperatedVenue(robot, boundary, steps, [str(folder) for folder in folders], supervisor.ask, home)


def evaluate_on_robot(
    venue: Venue,
    policies: Sequence[Policy],
    episodes: int,
    first_seed: int,
    progress: Progress = silent,
    keep: Callable[[list[Episodes]], None] = lambda so_far: None,
) -> tuple[list[Episodes], bool]:
    """Run policies on a robot in the same episodes; all policies run in turn with every prepared scene.

    Args:
        progress: called with (episodes done, total episodes), over all policies.
        keep: called after every episode with the results so far, per policy.

    Returns:
        The episodes of each policy, and whether Ctrl-C ended them early; then the last episode is aborted.
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
