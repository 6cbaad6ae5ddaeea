# pyright: reportAttributeAccessIssue=false
"""The MuJoCo model of the lane world: car, mat with many layouts, clutter, walls and light."""

from dataclasses import dataclass
from pathlib import Path

import mujoco
import numpy as np

from envs.camera import Camera
from envs.lane_follow.track import Track, TrackConfig
from envs.task import View
from envs.textures import add_textures

CLUTTER, MARKINGS, WALLS = 6, 5, 4
TRACK_GEOMS = ("road", "edges", "dashes")

# The printed mat lies in thin layers: the ray tracer needs distinct heights, the tyres feel only the plane.
LAYER = {"marking": 0.001, "road": 0.002, "edges": 0.003, "dashes": 0.004}

# Median colours of the recordings, as the camera saw them under its own light.
RGB = {
    "road": (0.40, 0.36, 0.33),
    "edges": (0.88, 0.85, 0.80),
    "dashes": (0.85, 0.76, 0.25),
    "surround": (0.40, 0.57, 0.61),
    "marking": (0.86, 0.84, 0.80),
    "clutter": (0.40, 0.33, 0.28),
    "wall": (0.51, 0.45, 0.38),
}


@dataclass(frozen=True)
class CameraMount:
    """The camera's view and pose: (x, y, z) m from the car's middle on the ground, pitch down [rad]."""

    view: View
    position: tuple[float, float, float]
    pitch: float


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


def _strip(track: Track, left: float, right: float, first: int = 0, count: int | None = None) -> tuple[list, list]:
    """Return vertices and upward faces of a band between two offsets (m, positive left) along the centre line."""
    n = len(track.points)
    index = np.arange(first, first + (n if count is None else count) + 1) % n
    centre, normal = track.points[index], track.normal[index]
    vertices = np.concatenate([centre + left * normal, centre + right * normal])
    m = len(index)
    a = np.arange(m - 1)
    faces = np.concatenate([np.stack([a, a + m, a + m + 1], 1), np.stack([a, a + m + 1, a + 1], 1)])
    return [vertices], [faces]


def track_meshes(track: Track, config: TrackConfig) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return vertices (V, 3) and faces (F, 3) of road, edge lines and dashes of one layout."""
    half, line = config.road_width / 2, config.line_width / 2
    n, step = len(track.points), track.length / len(track.points)
    period, dash = (config.dash_length + config.dash_gap) / step, max(round(config.dash_length / step), 1)
    starts = np.round(np.arange(max(round(n / period), 1)) * n / max(round(n / period), 1)).astype(int)
    bands = {
        "road": [(half, -half, 0, None)],
        "edges": [(half + line, half - line, 0, None), (-half + line, -half - line, 0, None)],
        "dashes": [(config.dash_width / 2, -config.dash_width / 2, int(s), dash) for s in starts],
    }
    meshes = {}
    for name, pieces in bands.items():
        vertices, faces, base = [], [], 0
        for piece in pieces:
            v, f = _strip(track, *piece)
            vertices, faces = [*vertices, *v], [*faces, f[0] + base]
            base += len(v[0])
        flat = np.concatenate(vertices)
        height = np.full((len(flat), 1), LAYER[name])
        meshes[name] = (np.concatenate([flat, height], 1), np.concatenate(faces))
    return meshes


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


def build_model(tracks: list[Track], config: TrackConfig, camera: CameraMount) -> mujoco.MjModel:
    """Build the lane world with all layouts' meshes; a world's `geom_dataid` selects its layout."""
    spec = mujoco.MjSpec.from_file(str(Path(__file__).with_name("car.xml")))
    add_textures(spec)
    _add_materials(spec)
    for i, track in enumerate(tracks):
        for name, (vertices, faces) in track_meshes(track, config).items():
            spec.add_mesh(name=f"{name}{i}", uservert=vertices.ravel(), userface=faces.ravel(),
                          inertia=mujoco.mjtMeshInertia.mjMESH_INERTIA_SHELL)  # fmt: skip
    _add_surroundings(spec.worldbody)
    lens = camera.view.camera
    spec.body("car").add_camera(name="front", pos=camera.position, quat=camera_quat(camera.pitch),
                                fovy=float(np.rad2deg(2 * np.arctan(lens.height / 2 / lens.fy))))  # fmt: skip
    return spec.compile()


def _add_materials(spec: mujoco.MjSpec) -> None:
    names = ["surround", *TRACK_GEOMS, *(f"marking{i}" for i in range(MARKINGS))]
    names += [f"clutter{i}" for i in range(CLUTTER)] + [f"wall{i}" for i in range(WALLS)]
    for name in names:
        material = spec.add_material(name=name, rgba=[*RGB[name.rstrip("0123456789")], 1], specular=0.1, shininess=0.3)
        if name not in TRACK_GEOMS:  # meshes have no texture coordinates
            material.textures[mujoco.mjtTextureRole.mjTEXROLE_RGB] = "panels" if name.startswith("wall") else "noise"


def _add_surroundings(world: mujoco.MjsBody) -> None:
    """Add track, markings, clutter and walls; their positions are set per world at reset."""
    visual = {"contype": 0, "conaffinity": 0}
    for name in TRACK_GEOMS:
        world.add_geom(name=name, type=mujoco.mjtGeom.mjGEOM_MESH, meshname=f"{name}0", material=name, **visual)
    box = mujoco.mjtGeom.mjGEOM_BOX
    for kind, count, size in (
        ("marking", MARKINGS, (0.3, 0.15, LAYER["marking"])),
        ("clutter", CLUTTER, (0.2, 0.2, 0.4)),
    ):
        for i in range(count):
            # Spread out: the renderer's tree is built once from these positions and only refitted later.
            at = 6 * np.array([np.cos(i), np.sin(i)])
            world.add_geom(name=f"{kind}{i}", type=box, size=size, pos=[*at, 0], material=f"{kind}{i}", **visual)
    for i, (x, y) in enumerate([(8, 0), (0, 8), (-8, 0), (0, -8)]):
        size = (0.05, 12, 1.5) if x else (12, 0.05, 1.5)
        world.add_geom(name=f"wall{i}", type=box, size=size, pos=[x, y, 1.5], material=f"wall{i}", **visual)
