# pyright: reportAttributeAccessIssue=false
"""The world of an arm: a table, clutter, walls, lamps and cameras."""

from dataclasses import dataclass

import mujoco
import numpy as np

from envs.arms import servo
from envs.arms.arm import Arm
from envs.camera import Camera
from envs.task import View
from envs.textures import TEXTURES, add_textures

CLUTTER, WALLS = 4, 2
TIME_STEP = 1 / 300  # s
CUBE = 0.014  # m, half its edge
BALL, DISC = 0.03, 0.03  # m, radii
RGB = {
    "table": (0.55, 0.5, 0.45),
    "wall": (0.6, 0.58, 0.55),
    "clutter": (0.4, 0.4, 0.4),
    "cube": (0.75, 0.12, 0.1),
    "goal": (0.15, 0.65, 0.25),
}
_BOX = mujoco.mjtGeom.mjGEOM_BOX


@dataclass(frozen=True)
class FixedCamera:
    """A camera beside the table: its view, position [m], and target point [m]."""

    view: View
    position: tuple[float, float, float]
    target: tuple[float, float, float]


# A webcam on a stand; the square middle of its frame is used.
WEBCAM = View(Camera.from_fov(160, 120, 0.66), crop=(20, 0, 120, 120), size=(64, 64))
FRONT = FixedCamera(WEBCAM, position=(0.58, -0.22, 0.42), target=(0.175, 0.0, 0.085))
WRIST = View(Camera.from_fov(160, 120, 1.3), crop=(20, 0, 120, 120), size=(64, 64))


def looking_at(position: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return the quaternion world_from_camera (w x y z) of an upright camera in MuJoCo's camera frame."""
    back = np.asarray(position, float) - target
    back /= np.linalg.norm(back)
    right = np.cross([0.0, 0.0, 1.0], back)
    right /= np.linalg.norm(right)
    quat = np.zeros(4)
    mujoco.mju_mat2Quat(quat, np.stack([right, np.cross(back, right), back], 1).ravel())
    return quat


def build_model(arm: Arm, *, front: FixedCamera = FRONT, cube: bool = False, goal: str | None = None) -> mujoco.MjModel:
    """Build the arm on its table; the layout is for the SO-101 and scaled to the arm's size.

    Args:
        cube: with a cube that can be pushed and lifted; its body, joint and geom are named `cube`.
        goal: "ball" or "disc": a geom `goal` without contacts, whose position differs between worlds.
    """
    spec = arm.load()
    spec.option.timestep = TIME_STEP
    spec.option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    spec.option.cone = mujoco.mjtCone.mjCONE_ELLIPTIC
    spec.option.impratio = 10  # or grasped objects slip slowly
    servo.prepare_actuators(spec)
    add_textures(spec)
    _add_materials(spec)
    size = arm.size
    _add_room(spec.worldbody, size)
    if cube:
        body = spec.worldbody.add_body(name="cube", pos=[0.25 * size, 0, CUBE * size])
        body.add_freejoint(name="cube")
        body.add_geom(name="cube", type=_BOX, size=[CUBE * size] * 3, mass=0.03 * size**3, material="cube", condim=4,
                      friction=[1.0, 0.02, 0.001], solref=[0.01, 1])  # fmt: skip
    if goal is not None:
        shape = {"ball": mujoco.mjtGeom.mjGEOM_SPHERE, "disc": mujoco.mjtGeom.mjGEOM_CYLINDER}[goal]
        extent = np.array([DISC, 0.001, 0] if goal == "disc" else [BALL, 0, 0]) * size
        spec.worldbody.add_geom(name="goal", type=shape, size=extent, material="goal", contype=0, conaffinity=0,
                                pos=[0.25 * size, 0, 0.1 * size])  # fmt: skip
    _add_cameras(spec, arm, front)
    return spec.compile()


def _add_materials(spec: mujoco.MjSpec) -> None:
    names = ["table", "cube", "goal", *(f"clutter{i}" for i in range(CLUTTER)), *(f"wall{i}" for i in range(WALLS))]
    for name in names:
        material = spec.add_material(name=name, rgba=[*RGB[name.rstrip("0123456789")], 1], specular=0.1, shininess=0.3)
        if name not in ("cube", "goal"):
            material.textures[mujoco.mjtTextureRole.mjTEXROLE_RGB] = TEXTURES[1]


def _add_room(world: mujoco.MjsBody, size: float) -> None:
    visual = {"contype": 0, "conaffinity": 0}

    def box(name: str, half: tuple[float, ...], at: tuple[float, ...], material: str, **settings) -> None:
        scaled = {"size": size * np.array(half), "pos": size * np.array(at)}
        world.add_geom(name=name, type=_BOX, material=material, **scaled, **settings)

    box("table", (0.6, 0.6, 0.02), (0.2, 0, -0.02), "table", friction=[0.8, 0.01, 0.001])
    for i in range(CLUTTER):
        # Spread out: the renderer's tree is built once from these positions and only refitted later.
        at = (0.2 + 0.5 * np.cos(i), 0.5 * np.sin(i), 0.02)
        box(f"clutter{i}", (0.03, 0.03, 0.03), at, f"clutter{i}", **visual)
    box("wall0", (0.02, 2, 1.5), (-0.9, 0, 0), "wall0", **visual)
    box("wall1", (2, 0.02, 1.5), (0, 0.9, 0), "wall1", **visual)
    world.add_light(name="lamp", pos=size * np.array([0.3, 0.3, 1.5]), dir=[-0.1, -0.2, -1], diffuse=[0.7, 0.7, 0.7],
                    ambient=[0.25, 0.25, 0.25], specular=[0.2, 0.2, 0.2])  # fmt: skip
    world.add_light(name="window", pos=size * np.array([1.0, -1.0, 1.2]), dir=[-0.6, 0.6, -0.7],
                    diffuse=[0.3, 0.3, 0.32], castshadow=False)  # fmt: skip


def _add_cameras(spec: mujoco.MjSpec, arm: Arm, front: FixedCamera) -> None:
    def fovy(view: View) -> float:
        return float(np.rad2deg(2 * np.arctan(view.camera.height / 2 / view.camera.fy)))

    for name, at, target, angle in (
        ("front", front.position, front.target, fovy(front.view)),
        ("spectator", (0.75, -0.55, 0.5), (0.12, 0, 0.08), 40),
    ):
        at, quat = arm.size * np.array(at), looking_at(np.array(at), np.array(target))
        spec.worldbody.add_camera(name=name, pos=at, quat=quat, fovy=angle)
    if arm.wrist is not None:
        spec.body(arm.wrist.body).add_camera(
            name="wrist", pos=arm.wrist.position, quat=arm.wrist.quat, fovy=fovy(WRIST)
        )
