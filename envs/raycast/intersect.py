# ruff: noqa: SIM102 (Warp compiles this: float() declares a variable, static conditions stand alone)
"""Intersection of rays with geoms, in the geom's own frame."""

from functools import cache
from typing import Any

from envs.raycast.flat import meet_flat
from envs.raycast.scene import BOX, CAPSULE, CYLINDER, ELLIPSOID, MESH, PLANE, SPHERE, Hit, Scene, of_world
from envs.warp_start import wp  # before mujoco_warp, which compiles with Warp's settings

from mujoco_warp._src import ray as mjw_ray  # isort: skip


@wp.func
def box_span(origin: wp.vec3, along: wp.vec3, half: wp.vec3) -> wp.vec2:
    """Return the distances at which a ray enters and leaves a box at the origin; it misses if the first is larger."""
    a = wp.cw_div(-half - origin, along)
    b = wp.cw_div(half - origin, along)
    first, last = wp.min(a, b), wp.max(a, b)
    return wp.vec2(wp.max(wp.max(first[0], first[1]), first[2]), wp.min(wp.min(last[0], last[1]), last[2]))


@wp.func
def entry_normal(origin: wp.vec3, along: wp.vec3, half: wp.vec3, distance: float) -> wp.vec3:
    """Return the normal of the face through which a ray enters a box."""
    a = wp.cw_div(-half - origin, along)
    b = wp.cw_div(half - origin, along)
    first = wp.min(a, b)
    if first[0] >= distance:
        return wp.vec3(-wp.sign(along[0]), 0.0, 0.0)
    if first[1] >= distance:
        return wp.vec3(0.0, -wp.sign(along[1]), 0.0)
    return wp.vec3(0.0, 0.0, -wp.sign(along[2]))


@wp.func
def off_axis(along: wp.vec3) -> wp.vec3:
    """Return a direction without exact zeros, as fast math has no infinity and cannot divide by them."""
    x = wp.where(wp.abs(along[0]) < 1.0e-9, 1.0e-9, along[0])
    y = wp.where(wp.abs(along[1]) < 1.0e-9, 1.0e-9, along[1])
    z = wp.where(wp.abs(along[2]) < 1.0e-9, 1.0e-9, along[2])
    return wp.vec3(x, y, z)


@cache
def intersection(kinds: frozenset[int]) -> Any:
    """Make the function that intersects a ray with geoms of these kinds, in its frame; others are not compiled."""

    @wp.func
    def intersect(scene: Scene, world: int, geom: int, origin: wp.vec3, along: wp.vec3, half: wp.vec3, limit: float):
        hit = Hit()
        hit.distance = -1.0
        hit.face = -1
        kind = scene.geom_type[geom]
        if wp.static(PLANE in kinds):
            if kind == wp.static(PLANE):
                if along[2] < -1.0e-15 and origin[2] >= 0.0:
                    t = -origin[2] / along[2]
                    x, y = wp.abs(origin[0] + t * along[0]), wp.abs(origin[1] + t * along[1])
                    if (half[0] <= 0.0 or x <= half[0]) and (half[1] <= 0.0 or y <= half[1]):
                        hit.distance = t
                        hit.normal = wp.vec3(0.0, 0.0, 1.0)
                return hit
        span = box_span(origin, along, half)
        if span[0] > span[1] or span[1] < 0.0 or span[0] > limit:
            return hit
        if wp.static(BOX in kinds):
            if kind == wp.static(BOX):
                if span[0] >= 0.0:  # from inside nothing is seen of it
                    hit.distance = span[0]
                    hit.normal = entry_normal(origin, along, half, span[0])
        zero, same = wp.vec3(0.0, 0.0, 0.0), wp.identity(n=3, dtype=float)
        size = scene.geom_size[of_world(world, scene.geom_size.shape[0]), geom]
        if wp.static(SPHERE in kinds):
            if kind == wp.static(SPHERE):
                t, n = mjw_ray.ray_sphere(zero, size[0] * size[0], origin, along)
                hit.distance = t
                hit.normal = n
        if wp.static(CAPSULE in kinds):
            if kind == wp.static(CAPSULE):
                t, n = mjw_ray.ray_capsule(zero, same, size, origin, along)
                hit.distance = t
                hit.normal = n
        if wp.static(ELLIPSOID in kinds):
            if kind == wp.static(ELLIPSOID):
                t, n = mjw_ray.ray_ellipsoid(zero, same, size, origin, along)
                hit.distance = t
                hit.normal = n
        if wp.static(CYLINDER in kinds):
            if kind == wp.static(CYLINDER):
                t, n = mjw_ray.ray_cylinder(zero, same, size, origin, along)
                hit.distance = t
                hit.normal = n
        if wp.static(MESH in kinds):
            if kind == wp.static(MESH):
                mesh = scene.geom_dataid[of_world(world, scene.geom_dataid.shape[0]), geom]
                place = scene.flat[mesh]
                if place >= 0:
                    return meet_flat(scene, mesh, place, origin, along)
                else:
                    t, n, u, v, f, _ = mjw_ray.ray_mesh_with_bvh(
                        scene.mesh, mesh, zero, same, origin, along, limit, True
                    )
                    hit.distance = t
                    hit.normal = n
                    hit.u = u
                    hit.v = v
                    hit.face = f
        if hit.distance >= 0.0 and wp.dot(along, hit.normal) > 0.0:  # a back face
            hit.distance = -1.0
        return hit

    return intersect
