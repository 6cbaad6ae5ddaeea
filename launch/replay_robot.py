"""`sim2real replay --on robot`: a recorded episode's commands on a robot, or on the stand-in for one."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from envs import ArmConfig, ArmTask
from envs.arms.reach import Reach
from launch.console import INTERRUPTED, print_table, reporting, say, typed_command
from launch.keys import keys
from launch.let_go import let_go
from sim2real.datasets import EpisodeDataset
from sim2real.errors import InputError
from sim2real.identification.models import arm_of
from sim2real.recordings.arm_logs import Log
from sim2real.rehearsal.robot import SimulatedRobot, boundary_of
from sim2real.replays.log_replay import read_logs
from sim2real.reports.pages.playback import playback_page, playback_plot, tracking, tracking_table
from sim2real.robots import RobotDescription
from sim2real.robots.hardware import Hardware, check_driver, open_robot
from sim2real.robots.playback import GO, PAUSE, STOP, Played, Program, ease_to, play, prepare
from sim2real.robots.robot import Robot
from sim2real.runs import start_run

if TYPE_CHECKING:
    from launch.replay import ReplayConfig

HOUR = 3600.0  # s
ABORTED = 1  # exit code: the robot did not come to the end


def replay_on_robot(config: "ReplayConfig", dataset: EpisodeDataset, out: Path | None) -> None:
    """Play one episode's commands.

    Raises:
        InputError: several episodes, a recording of no arm, in other units, with gaps or values that are not numbers,
            or a robot that cannot be reached.
    """
    if len(config.episodes) > 1:
        raise InputError("a robot plays one episode at a time: give --episode one index")
    if config.on == "robot" and config.robot is not None:
        check_driver(config.robot)
    description, recording, logs = read_logs(dataset, config.episodes)
    task = _stand_in(description)
    limits = boundary_of(task).limits
    program = prepare(description.joints, logs[0].command, limits, 1 / recording.fps, config.speed)
    _say_program(description, logs[0], program)
    if not config.move:
        say("nothing was moved: add --move to let it")
        return
    if abs(recording.fps * task.spec.control_dt - 1) > 1e-3:
        raise InputError(f"the recording has {recording.fps:g} Hz, the robot takes {1 / task.spec.control_dt:g} Hz")
    robot = _connect(config, description, task)
    try:
        run, config = start_run("replay", config, out, resume=False)
        start = np.asarray(robot.observe()["state"], float)
        played = _play(robot, program)
        if config.on == "robot" and not played.reason and not sys.stdin.isatty():  # nobody is asked to support it
            say("going back to where it was before, slowly")
            back = ease_to(robot, start, program.limits, program.ease_speed)
            say(f"it did not get there: {back.reason}" if back.reason else "there")
    finally:  # an error of closing must not hide what was done
        let_go(robot, holds=config.on == "robot")
    where = "the rehearsal robot" if config.on == "rehearsal" else config.robot or description.name
    name = f"episode-{logs[0].index:03d}"
    if len(played.error):
        playback_plot(logs[0], program, played).savefig(run.folder / f"{name}.png", dpi=120)
        print_table(*tracking_table(logs[0], program, played), title="tracking error: measured less commanded")
        page = playback_page(f"{Path(config.dataset).name} on {where}", logs[0], program, played)
        page.provenance(typed_command(), dataset=config.dataset)
        page.write(run.folder / "report.html")
    run.write_metrics(_metrics(config, logs[0], program, played))
    if played.reason:
        far = f"after {len(played.error)} of {len(program.commands)} commands"
        say(f"stopped {far if len(played.error) else 'on the way to the first pose'}: {played.reason}")
    say(f"run: {run.folder}")
    if played.reason:
        sys.exit(INTERRUPTED if played.interrupted else ABORTED)


def _stand_in(robot: RobotDescription) -> ArmTask:
    """The robot's arm on its table, told joint positions, for as long as it takes; nothing is asked of it."""
    return ArmTask(Reach(), ArmConfig(arm_of(robot), actions="absolute", seconds=HOUR))


def _connect(config: "ReplayConfig", description: RobotDescription, task: ArmTask) -> Robot:
    if config.on == "rehearsal":
        return SimulatedRobot(task, (), real_time=config.real_time)
    settings = Hardware(config.robot or description.name, config.port, config.camera or "0", config.calibration, True)
    camera = next(iter(task.spec.cameras)) if config.camera else None  # it is not needed
    return open_robot(settings, boundary_of(task), task.spec.control_dt, camera)


def _say_program(robot: RobotDescription, log: Log, program: Program) -> None:
    fast = int(program.speed.argmax())
    say(f"episode {log.index} of a {robot.name}: {len(log)} commands, {len(log) * program.dt:.1f} s at "
        f"{1 / program.dt:g} Hz, after easing in at {program.ease_speed:g} rad/s at most")  # fmt: skip
    limits, low, high = program.limits, log.command.min(0), log.command.max(0)
    rows = [
        (name, log.command[0, j], f"{low[j]:.2f} … {high[j]:.2f}", f"{limits.lower[j]:.2f} … {limits.upper[j]:.2f}",
         program.speed[j], program.limited_speed[j])
        for j, name in enumerate(program.names)
    ]  # fmt: skip
    header = ["joint", "first", "recorded", "allowed", "speed", "as sent"]
    print_table(header, rows, title="joint targets [rad] and their largest speeds [rad/s]")
    say(f"largest recorded speed: {program.speed[fast]:.2f} rad/s ({program.names[fast]}); {program.changed.sum()} of "
        f"{len(log)} commands are changed to keep speed and range")  # fmt: skip


def _play(robot: Robot, program: Program) -> Played:
    say("space: pause and go on; q: stop; Ctrl-C: stop")
    with reporting() as stage, keys() as pressed:
        report = stage("move")
        return play(robot, program, switch(pressed), report)


def switch(pressed: Callable[[], str]) -> Callable[[], str]:
    """What the keys pressed so far ask for: space pauses and goes on, q stops."""
    state = [GO]

    def wish() -> str:
        for key in pressed():
            if key == "q":
                state[0] = STOP
            elif key == " " and state[0] != STOP:
                state[0] = PAUSE if state[0] == GO else GO
        return state[0]

    return wish


def _metrics(config: "ReplayConfig", log: Log, program: Program, played: Played) -> dict[str, Any]:
    return {
        "finished": not played.reason,
        "on": config.on,
        "episode": log.index,
        "commands": int((played.row >= 0).sum()),
        "of": len(program.commands),
        "limited": int(np.asarray(program.changed).sum()),
        "paused_periods": played.paused,
        "reason": played.reason,
        "tracking": tracking(log, program, played) if len(played.error) else None,
    }
