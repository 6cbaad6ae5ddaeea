"""A robot's recordings as states and commands in radians."""

from dataclasses import dataclass

import numpy as np

from sim2real.datasets import DatasetError, Episode, EpisodeDataset
from sim2real.robots.description import RobotDescription
from sim2real.robots.units import JointUnits, check_values

ACTION, STATE = "action", "observation.state"
INTERVENTION = "intervention"  # bool, whether a person commanded the robot, in place of a policy
FOR_UNITS = 100  # maximum number of episodes read to infer the units


@dataclass(frozen=True)
class Log:
    """States and commands of one episode.

    Attributes:
        index: index of the episode in its dataset.
        state: (T, J) rad, measured positions.
        command: (T, J) rad, sent just after the state of the same row was measured.
        session: name of its recording session, of which the recording has several; None: it counts as a session.
    """

    index: int
    state: np.ndarray
    command: np.ndarray
    session: str | None = None

    @property
    def unit(self) -> str:
        """Return what is independent of other logs: its session, or the episode itself."""
        return str(self.index) if self.session is None else self.session

    def __len__(self) -> int:
        return len(self.state)


@dataclass(frozen=True)
class ArmRecording:
    """All usable episodes of a dataset.

    Attributes:
        logs: logs of all episodes of at least a second.
        fps: frame rate [Hz].
        units: units of the dataset.
        short: indices of the shorter episodes, which are left out.
    """

    logs: tuple[Log, ...]
    fps: float
    units: JointUnits
    short: tuple[int, ...]


def joint_columns(dataset: EpisodeDataset, robot: RobotDescription, feature: str) -> list[int]:
    """Return the column of each joint in a feature; raises DatasetError for a dataset of another robot."""
    kind = dataset.info.get("robot_type") or "unknown"
    if kind not in ("unknown", robot.own, *robot.types):
        raise DatasetError(f"{dataset.root} is of a robot {kind!r}, not of {robot.name} ({', '.join(robot.types)})")
    if feature not in dataset.features:
        raise DatasetError(f"{dataset.root} has no {feature}; it has {', '.join(dataset.features)}")
    names = [name.removesuffix(".pos") for name in dataset.features[feature].names or ()]
    if sorted(names) != sorted(robot.joints):
        has = ", ".join(names[:8]) or "no names"
        raise DatasetError(f"{dataset.root}: {feature} has {has}; {robot.name} has {', '.join(robot.joints)}")
    return [names.index(joint) for joint in robot.joints]


def read_recording(dataset: EpisodeDataset, robot: RobotDescription) -> ArmRecording:
    """Read all selected episodes of the dataset, without camera frames.

    Raises:
        DatasetError: no episodes, another robot, damaged files, or values that are not numbers.
        InputError: values in other units than LeRobot's.
    """
    if not len(dataset):
        raise DatasetError(f"{dataset.root} has no episodes yet")
    columns = {feature: joint_columns(dataset, robot, feature) for feature in (STATE, ACTION)}
    kept, short = [], []
    for episode, session in zip(dataset, dataset.sessions, strict=True):
        if len(episode) < dataset.fps:
            short.append(episode.index)
            continue
        values = (_values(dataset, episode, feature, robot, columns[feature]) for feature in (STATE, ACTION))
        kept.append((episode.index, session, *values))
    if not kept:
        raise DatasetError(f"{dataset.root} has no episode of at least a second")
    units = find_units(dataset, robot)
    commands = np.concatenate([command for *_, command in kept])
    check_values(commands, robot.joints, robot.gripper, f"{dataset.root}, {ACTION}")
    names = {session for _, session, *_ in kept}
    several = None not in names and len(names) > 1
    logs = tuple(
        Log(index, units.to_radians(state), units.to_radians(command), session if several else None)
        for index, session, state, command in kept
    )
    return ArmRecording(logs, dataset.fps, units, tuple(short))


def find_units(dataset: EpisodeDataset, robot: RobotDescription) -> JointUnits:
    """Infer the units from the complete dataset, so that they do not depend on the selected episodes.

    Rows that are not finite are skipped, as they may belong to episodes that are not selected.

    Raises:
        DatasetError: another robot, damaged files, or no finite row.
        InputError: values in other units than LeRobot's.
    """
    every_episode, columns = EpisodeDataset(dataset.root), joint_columns(dataset, robot, STATE)
    sampled = np.unique(np.linspace(0, len(every_episode) - 1, min(len(every_episode), FOR_UNITS)).astype(int))
    states = np.concatenate([every_episode.episode(int(k))[STATE][:, columns].astype(float) for k in sampled])
    states = states[np.isfinite(states).all(1)]
    if not len(states):
        raise DatasetError(f"{dataset.root}: {STATE} has no row without missing values")
    return robot.units(states, str(dataset.root), str(dataset.info.get("robot_type")))


def _values(
    dataset: EpisodeDataset, episode: Episode, feature: str, robot: RobotDescription, columns: list[int]
) -> np.ndarray:
    """Return (T, J) values in the dataset's units."""
    rows = episode["frame_index"].reshape(-1)
    if not np.array_equal(rows, np.arange(len(rows))):
        at = int(np.flatnonzero(rows != np.arange(len(rows)))[0])
        raise DatasetError(f"{dataset.root}, episode {episode.index}: frame {at} is missing; record it again or leave"
                           " the episode out")  # fmt: skip
    values = episode[feature][:, columns].astype(float)
    bad = np.argwhere(~np.isfinite(values))
    if len(bad):
        row, j = bad[0]
        raise DatasetError(f"{dataset.root}, episode {episode.index}: {feature} of {robot.joints[j]} in frame {row} is"
                           f" {values[row, j]}; repair or leave out the episode")  # fmt: skip
    return values
