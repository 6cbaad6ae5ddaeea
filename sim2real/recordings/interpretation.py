"""Conversion of a recording's columns to a policy's actions and state input.

Recordings hold commands and measurements in LeRobot's names and units: an arm's `action` is joint targets and its
`observation.state` joint positions, named `<joint>.pos`. A policy has actions in [-1, 1] and the task's state as input.
The task's control converts between them, identically in simulation and on hardware.
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

BEYOND = 1.01  # action above which a label counts as saturated, with a margin for rounding
SMOOTHING = 0.25  # s to either side, for policies of unregistered tasks
Told = tuple[np.ndarray, np.ndarray | None]
Reading = tuple[Callable[[Episode], Told], Callable[[Episode], np.ndarray]]


@dataclass(frozen=True)
class Recorded:
    """How a dataset is read for a policy.

    Attributes:
        judged: indices of the actions on which the policy is compared with recordings.
        smoothing: by default, recorded actions are averaged over ± this many seconds.
        criterion: the metric for this comparison.
        read: returns for an episode of n frames the actions (n, A) float32 in [-1, 1], NaN for missing actions, and
            the policy's state input (n, S) float32, None without one. Raises DatasetError for values that are not
            finite.
        saturated: returns for an episode (n, A) bool, whether the recorded action is outside [-1, 1].
    """

    judged: tuple[int, ...]
    smoothing: float
    criterion: str
    read: Callable[[Episode], Told]
    saturated: Callable[[Episode], np.ndarray]


def known_task(name: str) -> Task | None:
    """Return a registered task; None for an unregistered one. Raises InputError if the task cannot be made."""
    # Checked by name: if an arm cannot be downloaded, its recordings must not be read as another robot's.
    return make_task(name) if name.partition(":")[0] in task_names() else None


def recorded(dataset: EpisodeDataset, config: PolicyConfig) -> Recorded:
    """Return how to convert the columns of a dataset to the policy's state and actions.

    For an unregistered task, the policy is judged by its first action.

    Raises:
        DatasetError: a dataset of another robot, in other units, or without a judged action or a part of the policy's
            state.
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
    """Read actions and state directly from columns of the same names."""
    names, state_size = config.action_names, config.heads.state
    actions = Columns.of(dataset, ACTION, names, judged)
    if state_size and len(state_names) != state_size:
        problem = f"the policy has a state of {state_size} numbers, but its task {config.task!r} is not registered"
        raise DatasetError(f"{dataset.root}: {problem}")
    state = Columns.of(dataset, STATE, state_names, state_names) if state_size else None
    places = [names.index(name) for name in actions.names]

    def read(episode: Episode) -> Told:
        commands = np.full((len(episode), len(names)), np.nan, np.float32)
        commands[:, places] = actions(episode)
        return commands, None if state is None else state(episode).astype(np.float32)

    return read, lambda episode: np.abs(read(episode)[0]) > BEYOND  # NaN, a missing action, is not saturated


def _joints(dataset: EpisodeDataset, task: Task, control: JointControl, with_state: bool) -> Reading:
    """Convert joint targets and positions in the robot's units by the task's control.

    An action moves the target from its value one control step earlier, which is the previous frame if the recording has
    the task's rate. Before the first frame the target is the joint position.
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
    """Return (n, J), the values `frames` before each frame 0 … n - 1, from (n + 1, J) values at frames -1 … n - 1."""
    n = len(values) - 1
    times, known = np.arange(n) - frames, np.arange(-1, n)
    return np.stack([np.interp(times, known, column) for column in values.T], 1)
