"""What a recording's columns mean to a policy: what it would have been told, and what it would have had to do.

Recordings hold what robots are told and measure, in LeRobot's names and units: an arm's `action` are joint targets and
its `observation.state` joint positions, named `<joint>.pos`. A policy acts in [-1, 1] and is told the state of its
task. In between lies the task's own control, the same in simulation and on hardware.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from envs import make_task, task_names
from envs.arms.control import JointControl
from envs.task import Task
from policies.policy import PolicyConfig
from sim2real.datasets import DatasetError, Episode, EpisodeDataset
from sim2real.recordings.arm_logs import ACTION, STATE
from sim2real.recordings.columns import Columns, joints_of
from sim2real.statistics.agreement import CRITERION

BEYOND = 1.01  # action, from which on a label counts as saturated: rounding in a log is no fast move
SMOOTHING = 0.25  # s to either side, of policies whose task is not known here
Told = tuple[np.ndarray, np.ndarray | None]
Reading = tuple[Callable[[Episode], Told], Callable[[Episode], np.ndarray]]


@dataclass(frozen=True)
class Recorded:
    """How a dataset is read for a policy.

    Attributes:
        judged: indices of the actions by which the policy is compared with what was done.
        smoothing: s to either side over which recorded actions are averaged unless another number is asked for.
        criterion: the metric by which policies are told apart.
        read: of an episode of n frames: actions (n, A) float32 in [-1, 1], NaN where there is no such action, and the
            state (n, S) float32 that the policy would have been told, None if it is told none. Raises DatasetError for
            values that are not finite.
        saturated: of such an episode, where (n, A) what was done lies beyond [-1, 1]: no policy can do that.
    """

    judged: tuple[int, ...]
    smoothing: float
    criterion: str
    read: Callable[[Episode], Told]
    saturated: Callable[[Episode], np.ndarray]


def known_task(name: str) -> Task | None:
    """A registered task; None for a policy of somebody's own. Raises ValueError for one that cannot be made here."""
    # Asked by name: an arm that cannot be downloaded now is no reason to read its recordings as another robot's.
    return make_task(name) if name.partition(":")[0] in task_names() else None


def recorded(dataset: EpisodeDataset, config: PolicyConfig) -> Recorded:
    """How the columns of a dataset become what a policy is told and does.

    Where nobody here knows the policy's task, its first action is what it is judged by.

    Raises:
        DatasetError: a dataset of another robot, in other units, or without an action to judge by or a part of the
            state that the policy is told.
    """
    task, names = known_task(config.task), config.action_names
    judged = names[:1] if task is None else task.spec.judged or names
    if task is not None and task.control is not None:
        read, saturated = _joints(dataset, task, task.control, bool(config.heads.state))
    else:
        read, saturated = _direct(dataset, config, judged, () if task is None else task.spec.state_names)
    smoothing, criterion = (SMOOTHING, CRITERION) if task is None else (task.spec.smoothing, task.spec.criterion)
    return Recorded(tuple(names.index(name) for name in judged), smoothing, criterion, read, saturated)


def _direct(
    dataset: EpisodeDataset, config: PolicyConfig, judged: Sequence[str], state_names: Sequence[str]
) -> Reading:
    """Columns that are the actions and the state themselves, by name."""
    names, state_size = config.action_names, config.heads.state
    actions = Columns.of(dataset, ACTION, names, judged)
    if state_size and len(state_names) != state_size:
        problem = f"the policy is told a state of {state_size} numbers, and no task {config.task!r} here says which"
        raise DatasetError(f"{dataset.root}: {problem}")
    state = Columns.of(dataset, STATE, state_names, state_names) if state_size else None
    places = [names.index(name) for name in actions.names]

    def read(episode: Episode) -> Told:
        commands = np.full((len(episode), len(names)), np.nan, np.float32)
        commands[:, places] = actions(episode)
        return commands, None if state is None else state(episode).astype(np.float32)

    return read, lambda episode: np.abs(read(episode)[0]) > BEYOND  # NaN, where there is no action, is not


def _joints(dataset: EpisodeDataset, task: Task, control: JointControl, with_state: bool) -> Reading:
    """Joint targets and positions in the robot's units, seen through the task's control.

    An action moves the target from where it was one control step earlier: at the recording's frame rate, where that is
    the task's own, from the frame before. Before the first frame the target is where the joints were.
    """
    targets, positions, units = joints_of(dataset, task)
    step = dataset.fps * task.spec.control_dt  # frames

    def moves(episode: Episode) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        target, position = (units.to_radians(column(episode)) for column in (targets, positions))
        return target, earlier(np.concatenate([position[:1], target]), step), position

    def read(episode: Episode) -> Told:
        target, before, position = moves(episode)
        state = control.state(position, before).astype(np.float32) if with_state else None
        return control.action(target, before).astype(np.float32), state

    def saturated(episode: Episode) -> np.ndarray:
        return np.abs(control.unlimited_action(*moves(episode)[:2])) > BEYOND

    return read, saturated


def earlier(values: np.ndarray, frames: float) -> np.ndarray:
    """(n, J) from (n + 1, J) values at frames -1, 0, … n - 1: those `frames` before each of the frames 0 … n - 1."""
    n = len(values) - 1
    times, known = np.arange(n) - frames, np.arange(-1, n)
    return np.stack([np.interp(times, known, column) for column in values.T], 1)
