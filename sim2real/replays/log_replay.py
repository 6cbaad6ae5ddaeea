"""Replay of an arm's episode in its model: open loop, and a second ahead from every logged state."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from sim2real.datasets import DatasetError, EpisodeDataset
from sim2real.identification.simulation import Replayer
from sim2real.recordings.arm_logs import ArmRecording, Log, read_recording
from sim2real.robots import ROBOTS, RobotDescription

AHEAD = 1.0  # s, after which the state-forced replay is compared
FAR = 0.1  # rad, error at which a joint counts as diverged from the log

NOMINAL = "the model's nominal servos"


@dataclass(frozen=True)
class LogReplay:
    """One recorded episode and its simulation.

    Attributes:
        episode: index in the dataset.
        robot: name of the robot.
        fps: frame rate [Hz].
        joints: J names.
        servos: source of the servo parameters, in words.
        log, command: (T, J) rad.
        simulated: (T, J) rad, open loop: started once from the log's first state, then the same commands.
        ahead: (T, J) rad, state-forced: started a second earlier from the logged state; NaN in the first second.
    """

    episode: int
    robot: str
    fps: float
    joints: tuple[str, ...]
    servos: str
    log: np.ndarray
    command: np.ndarray
    simulated: np.ndarray
    ahead: np.ndarray

    @property
    def time(self) -> np.ndarray:
        """Return (T,) s from the episode's start."""
        return np.arange(len(self.log)) / self.fps

    @property
    def divergence(self) -> np.ndarray:
        """Return (T, J) rad, open loop, simulated minus logged."""
        return self.simulated - self.log

    @property
    def metrics(self) -> dict[str, dict[str, float | None]]:
        """Return, per joint, the divergence of the simulation from the log.

        These are open-loop RMSE and largest divergence [rad], seconds until it exceeds FAR (None: never), and RMSE and
        largest divergence a second ahead (None in an episode of at most a second).
        """
        errors = {}
        ahead = self.ahead - self.log
        known = ahead[np.isfinite(ahead).all(1)]
        for j, joint in enumerate(self.joints):
            away = np.abs(self.divergence[:, j])
            late = np.flatnonzero(away > FAR)
            errors[joint] = {
                "rmse": float(np.sqrt((away**2).mean())),
                "largest": float(away.max()),
                "seconds_to_0.1": float(late[0] / self.fps) if len(late) else None,
                "second_ahead_rmse": float(np.sqrt((known[:, j] ** 2).mean())) if len(known) else None,
                "second_ahead_largest": float(np.abs(known[:, j]).max()) if len(known) else None,
            }
        return errors

    @property
    def overall(self) -> dict[str, float | None]:
        """Return the RMSE [rad] over all joints, open loop and a second ahead."""
        ahead = (self.ahead - self.log)[np.isfinite(self.ahead).all(1)]
        return {
            "rmse": float(np.sqrt((self.divergence**2).mean())),
            "second_ahead_rmse": float(np.sqrt((ahead**2).mean())) if len(ahead) else None,
        }

    @property
    def figures(self) -> dict[str, object]:
        """Return the episode's entry for `metrics.json`."""
        return {"joints": self.metrics, **self.overall}


def robot_of(dataset: EpisodeDataset) -> RobotDescription:
    """Return the robot of a dataset, by its robot type or otherwise by its joints.

    Raises:
        DatasetError: the dataset is not of a supported arm.
    """
    kind = str(dataset.info.get("robot_type") or "unknown")
    for robot in ROBOTS.values():
        if kind in (*robot.types, robot.own):
            return robot
    state = dataset.features.get("observation.state")
    names = sorted(name.removesuffix(".pos") for name in (state.names if state else None) or ())
    for robot in ROBOTS.values():
        if kind == "unknown" and names == sorted(robot.joints):
            return robot
    known = ", ".join(sorted(ROBOTS))
    raise DatasetError(
        f"{dataset.root} is of a robot {kind!r} with state {', '.join(names[:8]) or 'without names'}: replay in"
        f" simulation needs joint positions, which only recordings of arms have ({known})"
    )


def replay_log(
    log: Log,
    replayer: Replayer,
    fps: float,
    parameters: Mapping[str, np.ndarray] | None = None,
    servos: str = NOMINAL,
) -> LogReplay:
    """Simulate a log.

    Args:
        replayer: replayer of the robot's arm, at the log's rate.
        parameters: (J,) values per parameter of `identification.simulation.PARAMETERS`; None: nominal.
        servos: source of the parameters, in words.
    """
    chosen = replayer.nominal() if parameters is None else parameters
    sets = {name: np.atleast_2d(values) for name, values in chosen.items()}
    length, second = len(log), round(AHEAD * fps)
    spans = [(log, start, start + second + 1) for start in range(length - second)]
    open_loop, *windows = (angles[0] for angles in replayer.windows(sets, [(log, 0, length), *spans]))
    ahead = np.full(log.state.shape, np.nan)
    for start, angles in enumerate(windows):
        ahead[start + second] = angles[-1]
    arm = replayer.arm
    return LogReplay(log.index, arm.name, fps, arm.joints, servos, log.state, log.command, open_loop, ahead)


def read_logs(dataset: EpisodeDataset, indices: list[int]) -> tuple[RobotDescription, ArmRecording, list[Log]]:
    """Read the logs of episodes by index in the dataset, ignoring errors in other episodes.

    Raises:
        DatasetError: as `robot_of` and `read_recording`, or an episode shorter than a second.
        InputError: values in other units than LeRobot's.
    """
    robot, chosen = robot_of(dataset), EpisodeDataset(dataset.root, indices)
    for index, length in zip(indices, chosen.lengths, strict=True):
        if length < chosen.fps:
            raise DatasetError(f"{dataset.root}: episode {index} is shorter than a second")
    recording = read_recording(chosen, robot)
    return robot, recording, list(recording.logs)
