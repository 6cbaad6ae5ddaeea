"""The robot that a bridge exposes: one of this computer, or the rehearsal robot, with the limits of a task."""

from envs import make_task
from sim2real.errors import InputError
from sim2real.rehearsal.bridged_config import REHEARSAL, BridgedRobot
from sim2real.rehearsal.robot import SimulatedRobot, boundary_of, guarded
from sim2real.robots.hardware import HARDWARE, Hardware, check_driver
from sim2real.robots.robot import Robot
from sim2real.robots.safety import Limits


def open_bridged(config: BridgedRobot) -> tuple[Robot, Limits]:
    """Connect to the robot and return it with the limits of its commands; nothing moves.

    Raises:
        InputError: no such robot, task or camera, or missing settings.
        OSError: the robot does not answer.
    """
    if config.robot == "remote":
        raise InputError("a remote robot already has a bridge: connect to that one")
    settings = Hardware(config.robot, config.port, config.camera, config.calibration)
    if config.robot != REHEARSAL:
        check_driver(config.robot)
        HARDWARE[config.robot].check(settings)
    elif (config.port, config.calibration) != (None, None):
        raise InputError("--port and --calibration are for a robot: the rehearsal robot has none")
    task = make_task(config.task, REHEARSAL)
    view = config.view or next(iter(task.spec.cameras))
    if view not in task.spec.cameras:
        raise InputError(f"{config.task} has no camera {view!r}; it has: {', '.join(task.spec.cameras)}")
    if config.robot == REHEARSAL:
        simulated = SimulatedRobot(task, (view,), real_time=config.real_time)
        return simulated, simulated.boundary.limits
    boundary = guarded(boundary_of(task), task)
    return HARDWARE[config.robot].open(settings, boundary, task.spec.control_dt, view), boundary.limits
