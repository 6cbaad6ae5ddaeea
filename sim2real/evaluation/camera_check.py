"""Before a session on a robot: does its camera stand where it stood?"""

from pathlib import Path

from envs import make_task
from policies.policy import PolicyConfig
from sim2real.errors import InputError
from sim2real.evaluation.config import EvaluateConfig
from sim2real.evaluation.drift import FINE, Drift, check_drift, has_reference, load_reference, save_reference
from sim2real.recordings.interpretation import known_task
from sim2real.rehearsal.robot import home_of
from sim2real.robots.robot import Robot
from sim2real.robots.supervisor import Supervisor

REFERENCE = "reference"  # folder of the reference frame in a run's folder


def check_camera(
    config: EvaluateConfig, policy: PolicyConfig, robot: Robot, run: Path, supervisor: Supervisor
) -> Drift | None:
    """Compare a frame with the reference of `config.reference` or of the run; without one, the frame becomes it.

    Returns:
        How far the camera moved; None without a reference to compare with, without a camera, and, unless
        `config.reference` names one, for a camera that moves with its robot.

    Raises:
        InputError: the camera moved, or nobody can tell, without `config.accept_drift`; or frames of another size.
        OSError: the robot does not answer, or the disk is full.
    """
    if config.reference is None and known_task(policy.task) is not None and home_of(make_task(policy.task)) is None:
        return None  # the camera moves with the robot: it sees another place
    frame = robot.observe().get(policy.preprocessing.key)
    if frame is None:
        return None
    folder = config.reference or run / REFERENCE
    if not has_reference(folder):
        lens = make_task(policy.task, "rehearsal").spec.cameras[policy.preprocessing.camera].camera
        save_reference(folder, frame, policy.preprocessing.camera, lens.fx * frame.shape[1] / lens.width)
        supervisor.announce(f"the camera's reference frame is stored in {folder}: name that by --reference later")
        return None
    drift = check_drift(load_reference(folder), frame)
    if drift.verdict != FINE and not config.accept_drift:
        how = f"turn it as in {folder / 'reference.png'}, or add --accept-drift"
        raise InputError(f"{drift.text}: {how}; then continue with --resume --out {run}")
    supervisor.announce(drift.text)
    return drift
