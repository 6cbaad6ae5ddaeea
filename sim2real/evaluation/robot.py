"""Evaluation of policies in the control loop of `sim2real.robots`, on the rehearsal robot or hardware."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np

from envs import make_task
from policies.policy import Policy
from sim2real.errors import InputError
from sim2real.evaluation.config import EvaluateConfig
from sim2real.evaluation.trials import Trial, in_time
from sim2real.progress import Progress, silent
from sim2real.rehearsal.preset import PRESET
from sim2real.rehearsal.robot import SimulatedRobot, boundary_of, guarded, home_of
from sim2real.robots.boundary import Boundary
from sim2real.robots.hardware import open_robot
from sim2real.robots.keyboard import Keyboard, hand_of, key_lines
from sim2real.robots.loop import Log, Trace, run_episode
from sim2real.robots.operated import OperatedVenue
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

    def prepare(self, seed: int, again: bool) -> None:
        """Prepare the episode of a seed, `again` if the previous one had the same."""
        ...

    def outcome(self, time_is_up: bool) -> str | None:
        """Return the episode's label, or None to continue, for `sim2real.robots.loop.run_episode`."""
        ...

    def hand(self, sent: np.ndarray) -> np.ndarray | None:
        """Return the command of a person who took control, for `sim2real.robots.loop.run_episode`."""
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
    """A simulated robot, in this program or behind a bridge, which prepares episodes and knows their outcome; a person
    may drive or abort.

    Args:
        steps: maximum number of steps of an episode.
        pressed: returns the text typed since its last call.
    """

    def __init__(
        self, robot: SeededRobot, boundary: Boundary, steps: int, pressed: Callable[[], str] = lambda: ""
    ) -> None:
        self.robot, self.boundary, self.steps = robot, boundary, steps
        self._keys = Keyboard(pressed, hand_of(boundary, robot.control_dt))

    def prepare(self, seed: int, again: bool) -> None:
        self.robot.reset(seed)
        self._keys.begin()

    def outcome(self, time_is_up: bool) -> str | None:
        return self._keys.label(("a",)) or self.robot.outcome(time_is_up)

    def hand(self, sent: np.ndarray) -> np.ndarray | None:
        return self._keys.hand(sent)

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
    pressed: Callable[[], str] = lambda: "",
) -> SimulatedVenue:
    """Make the rehearsal robot of a task.

    Args:
        cameras: names of the cameras that policies use.
        preset: the task's randomization that makes the robot.
        layout: number of the one world of all episodes; None: each draws its own.
        real_time: keep the control period in real time.
        pressed: returns the text typed since its last call.

    Raises:
        InputError: an unknown task, or a camera that the robot does not have.
    """
    made = make_task(task, "rehearsal", layout=layout)
    robot = SimulatedRobot(made, cameras, randomization=preset, real_time=real_time, device=device)
    return SimulatedVenue(robot, robot.boundary, robot.steps_at_most, pressed)


def open_venue(config: EvaluateConfig, policies: Sequence[Policy], supervisor: Supervisor) -> Venue:
    """Connect to the robot or its simulated stand-in; nothing moves yet.

    Raises:
        InputError: no robot, one that may not move, or one that does not fit the policies.
        OSError: the robot does not answer.
    """
    name, cameras = policies[0].config.task, sorted({policy.config.preprocessing.camera for policy in policies})
    if config.on == "rehearsal":
        settings = {"preset": config.preset, "layout": config.layout, "device": config.device}
        return rehearsal_venue(name, cameras, real_time=config.real_time, pressed=supervisor.pressed, **settings)
    config.hardware.check()
    if len(cameras) > 1:
        raise InputError(f"the policies use different cameras ({', '.join(cameras)}): evaluate one at a time")
    task = make_task(name, "rehearsal")
    boundary, spec = guarded(boundary_of(task), task), task.spec
    robot = open_robot(config.hardware, boundary, spec.control_dt, cameras[0])
    steps, home = round(spec.episode_seconds / spec.control_dt), home_of(task)
    if isinstance(robot, RemoteRobot) and robot.simulated:
        supervisor.announce("this robot prepares its episodes and tells their outcome itself; a aborts, h takes over")
        return SimulatedVenue(robot, boundary_of(task), steps, supervisor.pressed)
    supervisor.announce(f"an episode lasts {spec.episode_seconds:g} s at most")
    if home is not None:
        supervisor.announce("before every episode the robot moves slowly to its home pose")
    for line in key_lines(boundary) if supervisor.present else []:
        supervisor.announce(line)
    return OperatedVenue(robot, boundary, steps, supervisor.ask, home, supervisor.pressed)


def evaluate_on_robot(
    venue: Venue,
    policies: Sequence[Policy],
    order: Sequence[tuple[int, int]],
    progress: Progress = silent,
    keep: Callable[[list[Trial]], None] = lambda so_far: None,
    *,
    done: Sequence[Trial] = (),
    log: Log = lambda observation, command, by_hand: None,
    save: Callable[[Trial], int | None] = lambda trial: None,
) -> tuple[list[Trial], bool]:
    """Run policies on a robot in the episodes of a session.

    Args:
        order: seed and policy's index of each episode (`Session.order`).
        progress: called with (episodes done, total episodes).
        keep: called after every episode with the trials so far.
        done: trials of an interrupted session, which are not driven again.
        log: as of `run_episode`.
        save: called after every episode; saves it and returns its index in the dataset.

    Returns:
        All trials, and whether Ctrl-C ended the session early; then the last episode is aborted.

    Raises:
        OSError: an episode could not be saved.
    """
    trials, places = list(done), {trial.place for trial in done}
    for place, (seed, which) in enumerate(order):
        if place in places:
            continue
        try:
            venue.prepare(seed, again=place > 0 and order[place - 1][0] == seed)
        except (KeyboardInterrupt, EOFError):
            return trials, True
        robot, act = venue.robot, policies[which].act
        trace = run_episode(robot, act, venue.boundary, venue.steps, venue.outcome, log, venue.hand)
        trial = _trial(place, seed, which, trace, venue)
        trials.append(replace(trial, file=save(trial)))
        keep(trials)
        if trace.interrupted:
            return trials, True
        progress(len(trials), len(order))
    return trials, False


def _trial(place: int, seed: int, policy: int, trace: Trace, venue: Venue) -> Trial:
    reward, failed = venue.account()
    loop = trace.summary()
    valid = in_time(loop["loop_rate_hz"], venue.robot.control_dt)
    return Trial(place, seed, policy, valid, failed, reward, trace.interrupted, loop)
