"""Columns of a recording by name, and those of an arm's joints with their units."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from envs.task import Task
from sim2real.datasets import DatasetError, Episode, EpisodeDataset
from sim2real.errors import InputError
from sim2real.recordings.arm_logs import ACTION, STATE, find_units, joint_columns
from sim2real.rehearsal.robot import boundary_of
from sim2real.robots import ROBOTS
from sim2real.robots.boundary import JointBoundary
from sim2real.robots.units import JointUnits


@dataclass(frozen=True)
class Columns:
    """Named columns of a feature of a dataset."""

    dataset: EpisodeDataset
    feature: str
    names: tuple[str, ...]
    places: tuple[int, ...]

    @classmethod
    def of(cls, dataset: EpisodeDataset, feature: str, wanted: Sequence[str], needed: Sequence[str]) -> "Columns":
        """Find the columns of `wanted` that exist, in this order; raises DatasetError if one of `needed` is missing."""
        stored = dataset.features.get(feature)
        names = [] if stored is None else list(stored.names or [])
        missing = [name for name in needed if name not in names]
        if missing:
            kind, kinds = ("action", "its actions") if feature == ACTION else (feature, "its names")
            problem = f"has no {kind} named {', '.join(missing)}; {kinds}: {', '.join(names) or 'without names'}"
            raise DatasetError(f"{dataset.root} {problem}")
        present = [name for name in wanted if name in names]
        return cls(dataset, feature, tuple(present), tuple(names.index(name) for name in present))

    def __call__(self, episode: Episode) -> np.ndarray:
        """Return (n, k) values; raises DatasetError for a value that is not finite."""
        values = episode[self.feature].reshape(len(episode), -1)[:, list(self.places)]
        bad = np.argwhere(~np.isfinite(values.T))
        if len(bad):
            (j, row), many = bad[0], int((bad[:, 0] == bad[0, 0]).sum())
            problem = f"{self.names[j]} is not a number in frame {row} of episode {episode.index} ({many} such frames)"
            raise DatasetError(f"{self.dataset.root}: {problem}: leave the episode out, or repair it")
        return values


def joints_of(dataset: EpisodeDataset, task: Task) -> tuple[Columns, Columns, JointUnits]:
    """Return the columns of joint targets and positions of a task's arm, in order of its actions, and their units.

    Raises:
        DatasetError: a dataset of another robot, or in other units than LeRobot's.
    """
    kind, own = dataset.info.get("robot_type") or "unknown", boundary_of(task)
    if kind == own.robot_type and isinstance(own, JointBoundary):  # recorded in our simulation: known units
        targets = Columns.of(dataset, ACTION, own.action_names, own.action_names)
        return targets, Columns.of(dataset, STATE, own.state_names, own.state_names), own.units
    robot = ROBOTS.get(task.spec.robot)
    if robot is None:
        only = f"of {task.spec.robot} only recordings of its simulation can be read ({own.robot_type})"
        raise DatasetError(f"{dataset.root} is of a robot {kind!r}; {only}")
    targets, positions = (
        Columns(dataset, feature, robot.joints, tuple(joint_columns(dataset, robot, feature)))
        for feature in (ACTION, STATE)
    )
    try:
        return targets, positions, find_units(dataset, robot)
    except InputError as error:
        raise DatasetError(str(error)) from None
