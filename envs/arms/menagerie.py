# pyright: reportAttributeAccessIssue=false
"""Other arms: models of MuJoCo Menagerie, downloaded at first use."""

from functools import partial

import mujoco
import numpy as np

from envs.arms.arm import Arm
from envs.arms.servo import Servo
from envs.arms.so101 import SO101
from envs.errors import InputError, suggest

TOOLS = ("attachment_site", "gripperframe", "pinch", "pinch_site", "grasp_site", "ee_site", "end_effector")
OUT = 0.2  # m, of the SO-101's fingertips from its base at home: what an arm's size is relative to
UNLIMITED = 1000.0  # N m


def find_arm(name: str) -> Arm:
    """Return the SO-101, or an arm of MuJoCo Menagerie by its folder's name, downloaded at the first call.

    Raises:
        InputError: no such arm (similar names are listed), the download failed, or it has no position servos.
    """
    if name == SO101.name:
        return SO101
    try:
        import mujoco_menagerie
    except ImportError:
        raise InputError(
            f"for the arm {name!r} MuJoCo Menagerie is needed: pip install 'sim2real[menagerie]'"
        ) from None

    robots = [robot.name for robot in mujoco_menagerie.robots("arm")]
    if name not in robots:
        raise InputError(f"no arm {name!r}; {suggest(name, [SO101.name, *robots])}")
    try:
        return _described(name, _keyed(name))
    except (OSError, mujoco_menagerie.MenagerieError) as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"cannot load {name} from MuJoCo Menagerie: {reason}") from None


def _keyed(name: str) -> mujoco.MjSpec:
    """Return Menagerie's model, with actuators named like their joints, and with a tool site."""
    import mujoco_menagerie

    robot = mujoco_menagerie.get(name)
    spec = robot.spec(robot.default_model)
    for actuator in spec.actuators:
        if actuator.trntype == mujoco.mjtTrn.mjTRN_JOINT:
            actuator.name = actuator.target
    for geom in spec.geoms:
        # By custom, group 3 is for what collides and is not drawn.
        geom.group = 3 if geom.group >= 3 else 1
    if not any(site.name in TOOLS for site in spec.sites):
        _last(spec).add_site(name=TOOLS[0])
    return spec


def _loaded(name: str) -> mujoco.MjSpec:
    spec = _keyed(name)
    for key in list(spec.keys):  # they would not fit a model with more in it
        spec.delete(key)
    return spec


def _last(spec: mujoco.MjSpec) -> mujoco.MjsBody:
    """The body at the end of the longest chain."""

    def depth(body: mujoco.MjsBody) -> int:
        return 0 if body.parent is None else 1 + depth(body.parent)

    return max(spec.bodies, key=depth)


def _described(name: str, spec: mujoco.MjSpec) -> Arm:
    """Return the arm that a model describes."""
    model = spec.compile()
    servos = {}
    for i in range(model.nu):
        joint = int(model.actuator_trnid[i, 0])
        of_joint = model.actuator_trntype[i] == mujoco.mjtTrn.mjTRN_JOINT
        if of_joint and model.jnt_type[joint] == mujoco.mjtJoint.mjJNT_HINGE and model.actuator_biasprm[i, 1] < 0:
            servos[model.joint(joint).name] = _servo(model, i, joint)
    if not servos:
        raise InputError(f"{name} has no position servos that move single joints")
    data = mujoco.MjData(model)
    if model.nkey:
        mujoco.mj_resetDataKeyframe(model, data, 0)
    else:
        hinges = model.jnt_limited.astype(bool)
        data.qpos[model.jnt_qposadr[hinges]] = model.jnt_range[hinges].mean(1)
    mujoco.mj_forward(model, data)
    home = tuple(float(data.joint(joint).qpos[0]) for joint in servos)
    tool = next(name for name in TOOLS if name in {model.site(i).name for i in range(model.nsite)})
    size = float(np.hypot(*data.site(tool).xpos[:2])) / OUT
    return Arm(name, partial(_loaded, name), tuple(servos), tuple(servos.values()), home, tool, size=max(size, 0.5))


def _servo(model: mujoco.MjModel, actuator: int, joint: int) -> Servo:
    """MuJoCo's parameters of an actuator and its joint."""
    dof = int(model.jnt_dofadr[joint])
    limits = (
        model.actuator_forcerange[actuator] if model.actuator_forcelimited[actuator] else (0, 0),
        model.jnt_actfrcrange[joint] if model.jnt_actfrclimited[joint] else (0, 0),
    )
    torque = min((float(limit[1]) for limit in limits if limit[1] > 0), default=UNLIMITED)
    return Servo(
        gain=float(model.actuator_gainprm[actuator, 0]),
        damping=float(model.dof_damping[dof]),
        friction=float(model.dof_frictionloss[dof]),
        armature=float(model.dof_armature[dof]),
        torque=torque,
        braking=float(-model.actuator_biasprm[actuator, 2]),
    )
