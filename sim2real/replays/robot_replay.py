"""Replay of a recorded episode's commands on a robot or its simulated stand-in."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from envs import ArmConfig, ArmTask
from envs.arms.reach import Reach
from sim2real.datasets import EpisodeDataset
from sim2real.errors import InputError
from sim2real.identification.models import arm_of
from sim2real.progress import Stages
from sim2real.recordings.arm_logs import Log
from sim2real.rehearsal.robot import SimulatedRobot, boundary_of, guarded
from sim2real.replays.config import ReplayConfig
from sim2real.replays.log_replay import read_logs
from sim2real.robots import RobotDescription
from sim2real.robots.hardware import Hardware, check_driver, open_robot
from sim2real.robots.playback import Played, Program, ease_to, make_program, play
from sim2real.robots.robot import Robot
from sim2real.robots.supervisor import Supervisor
from sim2real.runs import Run, start_run

HOUR = 3600.0  # s


@dataclass(frozen=True)
class RobotReplay:
    """The commands for a robot and their execution.

    Attributes:
        robot: name of the recorded robot.
        moved: name of the robot that moves.
        log: the recorded episode.
        program: its commands within the robot's limits.
        played: the executed motion; None if nothing was moved.
    """

    robot: str
    moved: str
    log: Log
    program: Program
    played: Played | None = None

    @property
    def tracking(self) -> dict[str, dict[str, float]]:
        """Return, per joint, RMSE and largest tracking error [rad], and the RMSE in the log of the same commands."""
        return {} if self.played is None else tracking(self.log, self.program, self.played)


def tracking(log: Log, program: Program, played: Played) -> dict[str, dict[str, float]]:
    """Return, per joint, RMSE and largest tracking error [rad], and the RMSE in the log of the same commands.

    It is empty if the first command was not reached.
    """
    if not len(played.error):
        return {}
    rows = played.row[played.row >= 0]
    # Measured one frame later minus commanded; the last frame is repeated.
    recorded = (np.concatenate([log.state[1:], log.state[-1:]]) - log.command)[rows]
    return {
        name: {
            "rmse": float(np.sqrt((played.error[:, j] ** 2).mean())),
            "largest": float(np.abs(played.error[:, j]).max()),
            "rmse_in_log": float(np.sqrt((recorded[:, j] ** 2).mean())),
        }
        for j, name in enumerate(program.names)
    }


def replay_on_robot(
    config: ReplayConfig, dataset: EpisodeDataset, out: Path | None, stages: Stages, supervisor: Supervisor
) -> tuple[Run | None, RobotReplay]:
    """Play one episode's commands and write the result; without `config.move` only announce them.

    Raises:
        InputError: several episodes, a recording not of an arm, in other units, with gaps or values that are not
            numbers, or a robot that cannot be reached.
    """
    if len(config.episodes) > 1:
        raise InputError("a robot plays one episode at a time: give a single index with --episode")
    if config.on == "robot" and config.robot is not None:
        check_driver(config.robot)
    description, recording, (log,) = read_logs(dataset, config.episodes)
    task = _stand_in(description)
    boundary = boundary_of(task)
    limits = (guarded(boundary, task) if config.on == "robot" else boundary).limits
    program = make_program(description.joints, log.command, limits, 1 / recording.fps, config.speed)
    moved = "the rehearsal robot" if config.on == "rehearsal" else config.robot or description.name
    supervisor.announce(f"episode {log.index} of a {description.name}", program)
    if not config.move:
        return None, RobotReplay(description.name, moved, log, program)
    if abs(recording.fps * task.spec.control_dt - 1) > 1e-3:
        raise InputError(f"the recording has {recording.fps:g} Hz, the robot needs {1 / task.spec.control_dt:g} Hz")
    robot = _connect(config, description, task)
    holds = config.on == "robot" and _hardware(config, description).goes_limp
    try:
        run, config = start_run("replay", config, out, resume=False)
        start = np.asarray(robot.observe()["state"], float)
        played = play(robot, program, supervisor.wish, stages("move"))
        replay = RobotReplay(description.name, moved, log, program, played)
        run.write_metrics(_metrics(config, replay, played))
        if holds and not played.reason and not supervisor.present:  # nobody needs to support it
            _return_to(start, robot, program, supervisor)
    finally:  # an error in closing must not hide the result
        supervisor.let_go(robot, holds)
    return run, replay


def _stand_in(robot: RobotDescription) -> ArmTask:
    """Return a task with the robot's arm on its table and joint targets, without a goal or time limit."""
    return ArmTask(Reach(), ArmConfig(arm_of(robot), actions="absolute", seconds=HOUR))


def _connect(config: ReplayConfig, description: RobotDescription, task: ArmTask) -> Robot:
    if config.on == "rehearsal":
        return SimulatedRobot(task, (), real_time=config.real_time)
    settings = _hardware(config, description)
    camera = next(iter(task.spec.cameras)) if config.camera else None  # not needed
    return open_robot(settings, boundary_of(task), task.spec.control_dt, camera)


def _hardware(config: ReplayConfig, description: RobotDescription) -> Hardware:
    remote = {"address": config.address, "token_file": config.token_file}
    name, camera = config.robot or description.name, config.camera or "0"
    return Hardware(name, config.port, camera, config.calibration, config.move, **remote)


def _return_to(start: np.ndarray, robot: Robot, program: Program, supervisor: Supervisor) -> None:
    """Move an arm slowly to its original position (J,) [rad], where it goes limp."""
    supervisor.announce("moving slowly back to the original position")
    back = ease_to(robot, start, program.limits, program.ease_speed)
    supervisor.announce(f"the original position was not reached: {back.reason}" if back.reason else "done")


def _metrics(config: ReplayConfig, replay: RobotReplay, played: Played) -> dict[str, object]:
    return {
        "finished": not played.reason,
        "on": config.on,
        "episode": replay.log.index,
        "commands": int((played.row >= 0).sum()),
        "of": len(replay.program.commands),
        "limited": int(np.asarray(replay.program.changed).sum()),
        "paused_periods": played.paused,
        "reason": played.reason,
        "tracking": replay.tracking or None,
    }
