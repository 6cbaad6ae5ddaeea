# pyright: reportAttributeAccessIssue=false
"""The world of a rebuilt track: its map is a picture on the ground, which no frame saw whole."""

import cv2
import mujoco
import numpy as np

from envs.lane_follow.meshes import road_mesh
from envs.lane_follow.rebuilt import Rebuilt
from envs.lane_follow.scene import MESH, SHELL, VISUAL, CameraMount, add_lamps, add_surroundings, new_world, with_camera
from envs.lane_follow.track import Track

MATERIAL, ROAD = "ground", "road"
BEYOND = 3.7  # m around the line, on both axes: as far as walls stand, so that the picture's end is never seen
_LARGEST = 4096  # px along each side of the picture
_RIM = 2  # cells at the end of what is known, which mix with the black around frames
_GAIN = 1.13  # the sun and the car's headlight reflect 0.885 of a flat floor's colour
_ABOVE = 2e-4  # m: too little to move a pixel


def centred(rebuilt: Rebuilt) -> tuple[Track, np.ndarray]:
    """Return the line about the middle of its extent, and that middle (2,) in the map's coordinates [m].

    The middle is on a corner of cells.
    """
    points = rebuilt.line.points
    middle = (points.min(0) + points.max(0)) / 2
    corner = np.round((middle - rebuilt.origin) / rebuilt.cell + 0.5) - 0.5
    middle = rebuilt.origin + corner * rebuilt.cell
    line = rebuilt.line
    return Track(points - middle, line.heading, line.curvature, line.length), middle


def ground_picture(rebuilt: Rebuilt) -> tuple[np.ndarray, float]:
    """Return the map on a square about the line's middle, and half the square's side [m]; nothing is unknown.

    It is (N, N, 3) uint8 with x to the right and y up.
    """
    line, middle = centred(rebuilt)
    half = int(np.ceil((np.abs(line.points).max() + BEYOND) / rebuilt.cell))
    first = np.round((rebuilt.origin - middle) / rebuilt.cell - 0.5).astype(int) + half
    low, high = np.maximum(first, 0), np.minimum(first + rebuilt.known.shape, 2 * half)
    inside, part = np.s_[low[0] : high[0], low[1] : high[1]], np.s_[low[0] - first[0] :, low[1] - first[1] :]
    colours, known = np.zeros((2 * half, 2 * half, 3), np.float32), np.zeros((2 * half, 2 * half), np.float32)
    size = high - low
    clean = cv2.erode(rebuilt.known.astype(np.uint8), np.ones((2 * _RIM + 1,) * 2), borderValue=0)
    if not clean.any():
        clean = rebuilt.known
    colours[inside] = rebuilt.colours[part][: size[0], : size[1]]
    known[inside] = clean[part][: size[0], : size[1]]
    if 2 * half > _LARGEST:
        colours, known = (cv2.resize(each, (_LARGEST,) * 2, interpolation=cv2.INTER_AREA) for each in (colours, known))
        known = (known > 0.999).astype(np.float32)
    picture = np.round(filled(colours, known)).astype(np.uint8)
    return np.ascontiguousarray(np.flip(picture.transpose(1, 0, 2), 0)), half * rebuilt.cell


def filled(colours: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Return (H, W, 3) float32 where cells of weight 0 in `known` (H, W) continue the colours around them.

    Pull-push (Gortler et al. 1996, "The Lumigraph"): means over ever larger cells, filled in from coarse to fine.
    """
    if max(known.shape) == 1:
        return colours
    size = tuple(-(-side // 2) for side in known.shape[::-1])
    weight = cv2.resize(known, size, interpolation=cv2.INTER_AREA)
    coarse = cv2.resize(colours * known[..., None], size, interpolation=cv2.INTER_AREA)
    coarse = coarse / np.maximum(weight, 1e-9)[..., None]
    below = cv2.resize(filled(coarse, np.minimum(2 * weight, 1)), known.shape[::-1], interpolation=cv2.INTER_LINEAR)
    return known[..., None] * colours + (1 - known[..., None]) * below


def build_rebuilt_model(rebuilt: Rebuilt, camera: CameraMount) -> mujoco.MjModel:
    """Build the world of a rebuilt track, centred on its line.

    Printed tracks' materials are there, so that randomizations apply, but nothing has them.
    """
    line, _ = centred(rebuilt)
    picture, half = ground_picture(rebuilt)
    spec = new_world()
    spec.add_texture(name=MATERIAL, type=mujoco.mjtTexture.mjTEXTURE_2D, builtin=mujoco.mjtBuiltin.mjBUILTIN_FLAT,
                     width=len(picture), height=len(picture))  # fmt: skip
    # MuJoCo lays a picture on an infinite plane over and over, one about the origin, its rows along -y.
    material = spec.add_material(name=MATERIAL, rgba=[_GAIN, _GAIN, _GAIN, 1], specular=0.0, texrepeat=[1 / half] * 2)
    material.textures[mujoco.mjtTextureRole.mjTEXROLE_RGB] = MATERIAL
    spec.geom("floor").material = MATERIAL
    # The road is a part of the picture a little above it: the mask label is where the camera sees this geom.
    vertices, faces = road_mesh(line, rebuilt.width, _ABOVE)
    at = (half + vertices[:, :2] * [1, -1]) / 2  # in units of 1 / texrepeat
    spec.add_mesh(name=ROAD, uservert=vertices.ravel(), userface=faces.ravel(), usertexcoord=at.ravel(),
                  userfacetexcoord=faces.ravel(), inertia=SHELL)  # fmt: skip
    spec.worldbody.add_geom(name=ROAD, type=MESH, meshname=ROAD, material=MATERIAL, **VISUAL)
    add_surroundings(spec.worldbody)
    add_lamps(spec.worldbody)
    model = with_camera(spec, camera)
    # Written here, as the compiler takes a list of numbers, which would be gigabytes.
    first = model.tex_adr[model.texture(MATERIAL).id]
    model.tex_data[first : first + picture.size] = picture.ravel()
    return model
