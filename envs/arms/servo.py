# pyright: reportAttributeAccessIssue=false
"""Model of a hobby servo: position gain, friction, backlash and delay per joint and world.

It uses MuJoCo's position actuator, friction loss and actuator delay; backlash is a play operator before them.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields

import mujoco
import numpy as np
from mujoco.batch import Batch

from envs.errors import InputError

MAX_DELAY = 0.25  # s; length of the command history
UNLIMITED = 1e6  # N m


@dataclass(frozen=True)
class Servo:
    """The servo of one joint.

    Attributes:
        gain: torque per position error [N m/rad].
        damping: viscous damping of gear and bearings [N m s/rad].
        friction: Coulomb friction [N m].
        armature: rotor inertia at the joint [kg m²].
        torque: maximum torque of gain and braking together [N m].
        braking: damping by the servo's control loop [N m s/rad]; unlike damping it is limited by `torque`.
        delay: time from command to torque [s].
        backlash: half the play between command and joint [rad].
    """

    gain: float
    damping: float
    friction: float
    armature: float
    torque: float
    braking: float = 0.0
    delay: float = 0.0
    backlash: float = 0.0

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if not (np.isfinite(value) and value >= 0):
                raise InputError(f"a servo's {name} must be a number from 0 on, not {value!r}")
        if self.delay > MAX_DELAY:
            raise InputError(f"a servo's delay is at most {MAX_DELAY:g} s, not {self.delay:g}")


PARAMETERS = tuple(field.name for field in fields(Servo))


def prepare_actuators(spec: mujoco.MjSpec) -> None:
    """Give all actuators a command history of MAX_DELAY, and a torque limit; call before compiling."""
    for actuator in spec.actuators:
        actuator.nsample = int(np.ceil(MAX_DELAY / spec.option.timestep)) + 2
        actuator.forcelimited = mujoco.mjtLimited.mjLIMITED_TRUE
        if not actuator.forcerange[1]:
            actuator.forcerange = [-UNLIMITED, UNLIMITED]
    for joint in spec.joints:
        # With MuJoCo's default, a joint that friction should hold creeps at 0.1 rad/s.
        joint.solimp_friction = [0.9999, 0.9999, 0.001, 0.5, 2]


class Servos:
    """The servos of n worlds.

    Args:
        model: model with one position servo per joint, prepared by `prepare_actuators`.
        batch: batch of n worlds of it.
        joints: J names, of both the actuators and their joints.
    """

    def __init__(self, model: mujoco.MjModel, batch: Batch, joints: tuple[str, ...]) -> None:
        self._acts = np.array([model.actuator(name).id for name in joints])
        joint = [model.joint(name) for name in joints]
        self.dof, self.qpos = np.array([j.dofadr[0] for j in joint]), np.array([j.qposadr[0] for j in joint])
        self._fields = {
            name: batch.expand(name)
            for name in ("actuator_gainprm", "actuator_biasprm", "actuator_forcerange", "actuator_delay")
        } | {name: batch.expand(name) for name in ("dof_damping", "dof_frictionloss", "dof_armature")}
        self._ctrl = batch.bind("ctrl")
        self._history = batch.bind("history").reshape(batch.nsim, -1)
        self._kept = _slots(model, self._acts)
        self._backlash, self._play = np.zeros((batch.nsim, len(joints))), np.zeros((batch.nsim, len(joints)))

    def set(self, ids: np.ndarray, parameters: Mapping[str, np.ndarray]) -> None:
        """Set parameters (m, J) by their name in `Servo` for worlds ids (m,); the caller updates MuJoCo's derived
        constants (`Batch.set_const`)."""
        at, dof, field = np.ix_(ids, self._acts), np.ix_(ids, self.dof), self._fields
        field["actuator_gainprm"][(*at, 0)] = parameters["gain"]
        field["actuator_biasprm"][(*at, 1)] = -parameters["gain"]
        field["actuator_biasprm"][(*at, 2)] = -parameters["braking"]
        field["actuator_forcerange"][(*at, 0)] = -parameters["torque"]
        field["actuator_forcerange"][(*at, 1)] = parameters["torque"]
        field["actuator_delay"][at] = np.clip(parameters["delay"], 0, MAX_DELAY)
        damping = field["dof_damping"]
        damping[dof] = parameters["damping"].reshape(damping[dof].shape)
        field["dof_frictionloss"][dof] = parameters["friction"]
        field["dof_armature"][dof] = parameters["armature"]
        self._backlash[ids] = parameters["backlash"]

    def hold(self, ids: np.ndarray, position: np.ndarray) -> None:
        """Start at rest: the command history of worlds ids (m,), just reset, is filled with positions (m, J) [rad]."""
        self._play[ids] = position
        self._ctrl[np.ix_(ids, self._acts)] = position
        self._history[np.ix_(ids, self._kept.ravel())] = np.repeat(position, self._kept.shape[1], 1)

    def command(self, target: np.ndarray) -> None:
        """Set target positions (n, J) [rad] in all worlds."""
        self._play[:] = np.clip(self._play, target - self._backlash, target + self._backlash)
        self._ctrl[:, self._acts] = self._play


def _slots(model: mujoco.MjModel, acts: np.ndarray) -> np.ndarray:
    """Return (J, N) the indices of each actuator's commands in `mjData.history`.

    For each actuator it has a user number, the cursor, N times and N values (mj_readCtrl).
    """
    count = model.actuator_history[acts, 0]
    if len(set(count.tolist())) != 1 or count[0] < 1:
        raise ValueError("the actuators have no command history: call servo.prepare_actuators(spec) before compiling")
    return model.actuator_historyadr[acts][:, None] + 2 + count[0] + np.arange(count[0])
