"""Flat meshes, such as roads: a grid over their plane lists the faces that a ray may hit."""

import mujoco
import numpy as np

from envs.raycast.scene import Hit, Scene
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
def meet_flat(scene: Scene, mesh: int, place: int, origin: wp.vec3, along: wp.vec3) -> Hit:
    """Intersect a ray with a flat mesh, using the grid over its plane.

    The tree of a mesh has axis-aligned boxes, which oblique road faces fill badly and which overlap much.
    """
    hit = Hit()
    hit.distance = -1.0
    hit.face = -1
    axis, low, cells = scene.flat_axis[place], scene.flat_low[place], scene.flat_cells[place]
    t = (low[axis] - origin[axis]) / along[axis]
    a, b = (axis + 1) % 3, (axis + 2) % 3
    point = wp.vec2((origin[a] + t * along[a] - low[a]) * cells[a], (origin[b] + t * along[b] - low[b]) * cells[b])
    side = scene.flat_first.shape[1]
    inside = point[0] >= 0.0 and point[1] >= 0.0 and point[0] < float(side) and point[1] < float(side)
    if t < 0.0 or not inside:
        return hit
    row, column = int(point[1]), int(point[0])
    for k in range(scene.flat_first[place, row, column], scene.flat_first[place, row, column + 1]):
        face = scene.flat_faces[k]
        p, q, r = scene.flat_corners[face, 0], scene.flat_corners[face, 1], scene.flat_corners[face, 2]
        first, second, third = turn_of(q, r, point), turn_of(r, p, point), turn_of(p, q, point)
        total = first + second + third
        up = wp.where(total > 0.0, 1.0, -1.0)
        # A little more than the face, so that no ray slips between two.
        if wp.min(wp.min(first * up, second * up), third * up) >= -1.0e-4 and along[axis] * up < 0.0:
            hit.distance = t
            hit.u = first / total
            hit.v = second / total
            hit.face = face - scene.mesh_faceadr[mesh]
            normal = wp.vec3(0.0, 0.0, 0.0)
            normal[axis] = up
            hit.normal = normal
            return hit
    return hit


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
    scene.flat_corners = wp.array(corners, dtype=wp.vec2)
    count = wp.zeros((len(axes), GRID, GRID + 1), dtype=int)  # the last column is a row's end
    inputs = [wp.array(owner, dtype=int), scene.flat_corners]
    wp.launch(fill_grid, dim=len(owner), inputs=[*inputs, False, count, wp.zeros(1, dtype=int)])
    ends = count.numpy().ravel().cumsum().reshape(count.shape)
    scene.flat_first = wp.array((ends - count.numpy()).astype(np.int32), dtype=int)
    scene.flat_faces = wp.zeros(max(int(ends.max(initial=0)), 1), dtype=int)
    wp.launch(fill_grid, dim=len(owner), inputs=[*inputs, True, wp.clone(scene.flat_first), scene.flat_faces])
