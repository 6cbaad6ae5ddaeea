# pyright: reportAttributeAccessIssue=false
"""The MuJoCo model of the lane world: car, mat with many layouts, clutter, walls and light."""

from dataclasses import dataclass
from pathlib import Path

import mujoco
import numpy as np

from envs.camera import Camera
from envs.lane_follow.meshes import LAYER, PRINTED, TRACK_GEOMS, Sizes, track_meshes
from envs.lane_follow.track import Track, TrackConfig
from envs.task import View
from envs.textures import add_textures

CLUTTER, MARKINGS, WALLS, LAMPS = 6, 5, 4, 4
MESH, BOX = mujoco.mjtGeom.mjGEOM_MESH, mujoco.mjtGeom.mjGEOM_BOX
SHELL = mujoco.mjtMeshInertia.mjMESH_INERTIA_SHELL
VISUAL = {"contype": 0, "conaffinity": 0}
HIDDEN = -5.0  # m, below everything: the height of what is not there

# Median colours of the recordings, as the camera saw them under its own light.
RGB = {
    "road": (0.40, 0.36, 0.33),
    "edges": (0.88, 0.85, 0.80),
    "dashes": (0.85, 0.76, 0.25),
    "surround": (0.40, 0.57, 0.61),
    "marking": (0.86, 0.84, 0.80),
    "clutter": (0.40, 0.33, 0.28),
    "wall": (0.51, 0.45, 0.38),
    "tape": (0.85, 0.83, 0.80),
    "barrier": (0.60, 0.57, 0.53),
    "lamp": (1.0, 1.0, 1.0),
}


@dataclass(frozen=True)
class CameraMount:
    """The camera's view and pose: (x, y, z) m from the car's middle on the ground, pitch down [rad].

    Attributes:
        roll: of the pitched camera about the car's axis ahead, clockwise as it looks [rad].
    """

    view: View
    position: tuple[float, float, float]
    pitch: float
    roll: float = 0.0

    @property
    def quat(self) -> np.ndarray:
        """Return the quaternion car_from_camera, w x y z."""
        result = np.zeros(4)
        turn = np.array([np.cos(self.roll / 2), np.sin(self.roll / 2), 0.0, 0.0])
        mujoco.mju_mulQuat(result, turn, camera_quat(self.pitch))
        return result


# Fitted to 762 frames of the recordings by bundle adjustment of edge lines and dashes; the height scales with the
# road's assumed 0.5 m.
NOMINAL_CAMERA = CameraMount(
    View(
        Camera(160, 120, 94.7, 94.7, 76.0, 60.8, (-0.039, 0.035, 0.0, 0.0), "fisheye"),
        crop=(0, 24, 160, 96),
        size=(80, 48),
    ),
    position=(0.05, 0.0, 0.2215),
    pitch=0.376,
)


def camera_quat(pitch: float, yaw: float = 0.0, roll: float = 0.0) -> np.ndarray:
    """Return the quaternion car_from_camera (w x y z) of a camera looking ahead, tilted down by pitch (rad).

    A MuJoCo camera looks along its -z with y up; the car drives along its x with z up.
    """
    upright, turn = np.zeros(4), np.zeros(4)
    mujoco.mju_mat2Quat(upright, np.array([0.0, 0, -1, -1, 0, 0, 0, 1, 0]))
    mujoco.mju_euler2Quat(turn, np.array([-pitch, -yaw, -roll]), "XYZ")
    result = np.zeros(4)
    mujoco.mju_mulQuat(result, upright, turn)
    return result


def camera_angles(quat: np.ndarray) -> tuple[float, float, float]:
    """Return pitch down, yaw to the right and roll clockwise in the image [rad] of car_from_camera (4,), w x y z.

    From the horizon: the camera is turned about the vertical by its yaw, then down by its pitch, then about its axis.
    """
    matrix = np.zeros(9)
    mujoco.mju_quat2Mat(matrix, np.asarray(quat, float))
    right, up, back = matrix.reshape(3, 3).T  # in the car's frame
    pitch, yaw = np.arcsin(back[2]), np.arctan2(back[1], -back[0])
    level = np.array([-np.sin(yaw), -np.cos(yaw), 0.0])
    return float(pitch), float(yaw), float(np.arctan2(level @ up, level @ right))


def build_model(tracks: list[Track], sizes: list[Sizes], config: TrackConfig, camera: CameraMount) -> mujoco.MjModel:
    """Build the lane world with all layouts' meshes, of these sizes.

    A world's `geom_dataid` selects its layout; what is not there lies HIDDEN below the floor.
    """
    spec = new_world()
    for i, (track, size) in enumerate(zip(tracks, sizes, strict=True)):
        for name, (vertices, faces) in track_meshes(track, config, size).items():
            spec.add_mesh(name=f"{name}{i}", uservert=vertices.ravel(), userface=faces.ravel(), inertia=SHELL)
    for name in PRINTED:
        spec.worldbody.add_geom(name=name, type=MESH, meshname=f"{name}0", material=name, **VISUAL)
    add_surroundings(spec.worldbody)
    for name in TRACK_GEOMS[len(PRINTED) :]:
        spec.worldbody.add_geom(name=name, type=MESH, meshname=f"{name}0", material=name, **VISUAL)
    add_lamps(spec.worldbody)
    return with_camera(spec, camera)


def new_world() -> mujoco.MjSpec:
    """Return the car on a floor, with the patterns and all materials that randomizations name."""
    spec = mujoco.MjSpec.from_file(str(Path(__file__).with_name("car.xml")))
    add_textures(spec)
    _add_materials(spec)
    return spec


def with_camera(spec: mujoco.MjSpec, camera: CameraMount) -> mujoco.MjModel:
    """Mount the camera on the car, and compile."""
    lens = camera.view.camera
    fovy = float(np.rad2deg(2 * np.arctan(lens.height / 2 / lens.fy)))
    spec.body("car").add_camera(name="front", pos=camera.position, quat=camera.quat, fovy=fovy)
    return spec.compile()


def _add_materials(spec: mujoco.MjSpec) -> None:
    names = ["surround", *TRACK_GEOMS, *(f"marking{i}" for i in range(MARKINGS))]
    names += [f"clutter{i}" for i in range(CLUTTER)] + [f"wall{i}" for i in range(WALLS)]
    for name in [*names, "lamp"]:
        material = spec.add_material(name=name, rgba=[*RGB[name.rstrip("0123456789")], 1], specular=0.1, shininess=0.3)
        if name == "lamp":
            material.emission = 1.0
        elif name not in TRACK_GEOMS:  # meshes have no texture coordinates
            material.textures[mujoco.mjtTextureRole.mjTEXROLE_RGB] = "panels" if name.startswith("wall") else "noise"


def add_surroundings(world: mujoco.MjsBody) -> None:
    """Add markings, clutter and walls; their positions are set per world at reset."""
    for kind, count, size in (
        ("marking", MARKINGS, (0.3, 0.15, LAYER["marking"])),
        ("clutter", CLUTTER, (0.2, 0.2, 0.4)),
    ):
        for i in range(count):
            # Spread out: the renderer's tree is built once from these positions and only refitted later.
            at = 6 * np.array([np.cos(i), np.sin(i)])
            world.add_geom(name=f"{kind}{i}", type=BOX, size=size, pos=[*at, 0], material=f"{kind}{i}", **VISUAL)
    for i, (x, y) in enumerate([(8, 0), (0, 8), (-8, 0), (0, -8)]):
        size = (0.05, 12, 1.5) if x else (12, 0.05, 1.5)
        world.add_geom(name=f"wall{i}", type=BOX, size=size, pos=[x, y, 1.5], material=f"wall{i}", **VISUAL)


def add_lamps(world: mujoco.MjsBody) -> None:
    """Add lamps and windows, below the floor until a world lights them."""
    for i in range(LAMPS):
        world.add_geom(name=f"lamp{i}", type=BOX, size=(0.5, 0.5, 0.02), pos=[0, 0, HIDDEN], material="lamp", **VISUAL)
