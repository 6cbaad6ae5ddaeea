"""Rays and flat meshes, such as roads: a grid over their plane lists the faces that a ray may hit."""

from envs.raycast.scene import Hit, Scene
from envs.warp_start import wp  # before mujoco_warp, which compiles with Warp's settings

wp.set_module_options({"enable_backward": False})


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
        inward, of_u, of_v = point - scene.flat_shares[face, 0], scene.flat_shares[face, 1], scene.flat_shares[face, 2]
        u, v = wp.dot(of_u, inward), wp.dot(of_v, inward)
        # A little more than the face, so that no ray slips between two.
        if wp.min(wp.min(u, v), 1.0 - u - v) >= -1.0e-4:
            up = wp.sign(of_u[0] * of_v[1] - of_u[1] * of_v[0])
            if along[axis] * up < 0.0:
                hit.distance = t
                hit.u = u
                hit.v = v
                hit.face = face - scene.mesh_faceadr[mesh]
                normal = wp.vec3(0.0, 0.0, 0.0)
                normal[axis] = up
                hit.normal = normal
                return hit
    return hit


@wp.func
def may_hit_flat(scene: Scene, place: int, origin: wp.vec3, axis: wp.vec3, stray: float, enter: float, leave: float):
    """Return whether the rays of a cone may hit a face of a flat mesh between two distances.

    The rays' directions deviate by at most `stray` in every component, so that they meet the plane in a rectangle.
    """
    up, low, cells = scene.flat_axis[place], scene.flat_low[place], scene.flat_cells[place]
    away = low[up] - origin[up]
    # How quickly the rays approach the plane, at least and at most.
    slow, fast = axis[up] * wp.sign(away) - stray, axis[up] * wp.sign(away) + stray
    if fast <= 0.0:
        return False
    first = wp.max(enter, 0.999 * wp.abs(away) / fast)
    last = wp.min(leave, 1.001 * wp.abs(away) / wp.max(slow, 1.0e-9))
    if first > last:
        return False
    a, b = (up + 1) % 3, (up + 2) % 3
    columns = cells[a] * span(origin[a] - low[a], axis[a], stray, first, last)
    rows = cells[b] * span(origin[b] - low[b], axis[b], stray, first, last)
    side = scene.flat_first.shape[1]
    left, right = cell(columns[0], side), cell(columns[1] + 1.0, side)
    top, bottom = cell(rows[0], side), cell(rows[1] + 1.0, side)
    total = scene.flat_sum[place, bottom, right] - scene.flat_sum[place, top, right]
    return total - scene.flat_sum[place, bottom, left] + scene.flat_sum[place, top, left] > 0


@wp.func
def span(start: float, along: float, stray: float, first: float, last: float) -> wp.vec2:
    """Return the least and the largest coordinate of rays between two distances."""
    low, high = along - stray, along + stray
    return wp.vec2(start + wp.min(first * low, last * low), start + wp.max(first * high, last * high))


@wp.func
def cell(at: float, side: int) -> int:
    """Return the cell of a coordinate, within the grid or just after it."""
    return int(wp.clamp(at, 0.0, float(side)))
