"""Grids over flat meshes: the faces in each cell, for `envs.raycast.flat`."""

import mujoco
import numpy as np

from envs.raycast.scene import Scene
from envs.warp_start import wp  # before mujoco_warp, which compiles with Warp's settings

wp.set_module_options({"enable_backward": False})

FLAT = 1e-6  # thickness of a flat mesh, as a share of its length
GRID = 128  # cells along each side of the grid over a flat mesh
MARGIN = wp.constant(0.01)  # cells, by which faces are taken to be larger


@wp.func
def turn_of(a: wp.vec2, b: wp.vec2, p: wp.vec2) -> float:
    """Return twice the signed area of a triangle."""
    return (b[0] - a[0]) * (p[1] - a[1]) - (b[1] - a[1]) * (p[0] - a[0])


@wp.func
def reach(a: wp.vec2, b: wp.vec2, middle: wp.vec2, up: float) -> float:
    """Return a value that is not negative if a part of the cell around a point is on the face's side of an edge."""
    return up * turn_of(a, b, middle) + (0.5 + MARGIN) * (wp.abs(b[0] - a[0]) + wp.abs(b[1] - a[1]))


@wp.kernel
def fill_grid(place: wp.array(dtype=int), corners: wp.array2d(dtype=wp.vec2), fill: bool,
              count: wp.array3d(dtype=int), faces: wp.array(dtype=int)):  # fmt: skip
    """Count the faces that touch each cell of the flat meshes' grids, or write them at the counters' positions."""
    face = wp.tid()
    if place[face] < 0:
        return
    p, q, r = corners[face, 0], corners[face, 1], corners[face, 2]
    low, high = wp.min(wp.min(p, q), r), wp.max(wp.max(p, q), r)
    up = wp.where(turn_of(p, q, r) > 0.0, 1.0, -1.0)
    for row in range(int(low[1] - MARGIN), int(high[1] + MARGIN) + 1):
        for column in range(int(low[0] - MARGIN), int(high[0] + MARGIN) + 1):
            middle = wp.vec2(float(column) + 0.5, float(row) + 0.5)
            # A cell lies beyond an edge if its nearest corner does.
            beyond = wp.min(reach(p, q, middle, up), wp.min(reach(q, r, middle, up), reach(r, p, middle, up)))
            if beyond >= 0.0:
                at = wp.atomic_add(count, place[face], row, column, 1)
                if fill:
                    faces[at] = face


def give_grids(scene: Scene, model: mujoco.MjModel) -> None:
    """Compute the grids of flat meshes: the faces in each cell of a grid over their plane."""
    places, axes, lows, cells = -np.ones(model.nmesh, np.int32), [], [], []
    corners, owner = np.zeros((model.nmeshface, 3, 2), np.float32), -np.ones(model.nmeshface, np.int32)
    for mesh in range(model.nmesh):
        first, start = model.mesh_vertadr[mesh], model.mesh_faceadr[mesh]
        points = model.mesh_vert[first : first + model.mesh_vertnum[mesh]].astype(np.float64)
        extent, axis = np.ptp(points, axis=0), int(np.ptp(points, axis=0).argmin())
        if extent[axis] > FLAT * extent.max():
            continue
        size = extent.max() / (GRID - 2)
        low = points.min(0) - size
        places[mesh] = len(axes)
        faces = slice(start, start + model.mesh_facenum[mesh])
        corners[faces] = ((points - low) / size)[:, [(axis + 1) % 3, (axis + 2) % 3]][model.mesh_face[faces]]
        owner[faces] = len(axes)
        low[axis] = points[:, axis].mean()
        axes, lows, cells = [*axes, axis], [*lows, low], [*cells, np.full(3, 1 / size)]
    scene.flat, scene.flat_axis = wp.array(places, dtype=int), wp.array(np.array(axes, np.int32), dtype=int)
    scene.flat_low, scene.flat_cells = (wp.array(np.array(v).reshape(-1, 3), dtype=wp.vec3) for v in (lows, cells))
    scene.flat_shares = wp.array(_shares(corners), dtype=wp.vec2)
    count = wp.zeros((len(axes), GRID, GRID + 1), dtype=int)  # the last column is a row's end
    inputs = [wp.array(owner, dtype=int), wp.array(corners, dtype=wp.vec2)]
    wp.launch(fill_grid, dim=len(owner), inputs=[*inputs, False, count, wp.zeros(1, dtype=int)])
    ends = count.numpy().ravel().cumsum().reshape(count.shape)
    scene.flat_first = wp.array((ends - count.numpy()).astype(np.int32), dtype=int)
    scene.flat_faces = wp.zeros(max(int(ends.max(initial=0)), 1), dtype=int)
    scene.flat_sum = wp.array(_sums(count.numpy()[..., :GRID]), dtype=int)
    wp.launch(fill_grid, dim=len(owner), inputs=[*inputs, True, wp.clone(scene.flat_first), scene.flat_faces])


def _sums(count: np.ndarray) -> np.ndarray:
    """Return (k, h + 1, w + 1) the sums over the rows and columns before each cell of (k, h, w)."""
    return np.pad(count.cumsum(1).cumsum(2), ((0, 0), (1, 0), (1, 0))).astype(np.int32)


def _shares(corners: np.ndarray) -> np.ndarray:
    """Return for faces (f, 3, 2) the last corner, and the gradients of the first two barycentric coordinates.

    Faces without area get no point: their coordinates are far below 0 everywhere but in a corner.
    """
    first, second, last = np.moveaxis(corners.astype(np.float64), 1, 0)
    edges = np.stack([first - last, second - last], -1)  # point - last = edges @ (u, v)
    area = np.linalg.det(edges)
    flat = np.abs(area) < 1e-9
    inverse = np.linalg.inv(np.where(flat[:, None, None], np.eye(2), edges))
    inverse[flat] = [[-1e6, 0], [0, -1e6]]
    return np.stack([last, inverse[:, 0], inverse[:, 1]], 1).astype(np.float32)
