# ruff: noqa: SIM102 (Warp compiles this: float() declares a variable, static conditions stand alone)
"""Textures: MuJoCo's coordinates on every kind of geom, and interpolation between texels."""

from functools import cache
from typing import Any

import mujoco
import numpy as np

from envs.raycast.scene import BOX, CAPSULE, CYLINDER, ELLIPSOID, MESH, PLANE, SPHERE, Hit, Scene, of_world
from envs.warp_start import wp  # before mujoco_warp, which compiles with Warp's settings

from mujoco_warp._src import render as mjw_render  # isort: skip
from mujoco_warp._src.render_util import texture_pixels  # isort: skip


def give_textures(scene: Scene, model: mujoco.MjModel) -> None:
    pixels = [texture_pixels(model, k)[..., :3] for k in range(model.ntex)]
    texels = [np.broadcast_to(each, (*each.shape[:2], 3)).reshape(-1, 3) for each in pixels]
    first = np.cumsum([0, *map(len, texels)])[:-1]
    # In single precision: maps of the ground have millions of texels.
    flat = np.concatenate([np.zeros((0, 3), np.uint8), *texels]).astype(np.float32) / np.float32(255)
    scene.texel = wp.array(flat, dtype=wp.vec3)
    scene.texture_first = wp.array(first.astype(np.int32), dtype=int)
    scene.texture_size = wp.array([(each.shape[1], each.shape[0]) for each in pixels], dtype=wp.vec2i)


@wp.func
def bilinear(scene: Scene, texture: int, u: float, v: float) -> wp.vec3:
    """Return a texture's colour at u, v in 0…1, interpolated between four texels and clamped at the edge."""
    size, first = scene.texture_size[texture], scene.texture_first[texture]
    x, y = u * float(size[0]) - 0.5, v * float(size[1]) - 0.5
    left, top = int(wp.floor(x)), int(wp.floor(y))
    right_share, low_share = x - float(left), y - float(top)
    x0, x1 = wp.clamp(left, 0, size[0] - 1), wp.clamp(left + 1, 0, size[0] - 1)
    y0 = first + wp.clamp(top, 0, size[1] - 1) * size[0]
    y1 = first + wp.clamp(top + 1, 0, size[1] - 1) * size[0]
    upper = scene.texel[y0 + x0] * (1.0 - right_share) + scene.texel[y0 + x1] * right_share
    lower = scene.texel[y1 + x0] * (1.0 - right_share) + scene.texel[y1 + x1] * right_share
    return upper * (1.0 - low_share) + lower * low_share


@cache
def sampling(kinds: frozenset[int]) -> Any:
    """Make the function that returns a texture's colour at a hit, for these kinds of geoms."""

    @wp.func
    def sample(scene: Scene, world: int, geom: int, mat: int, texture: int, local: wp.vec3, hit: Hit, mesh: int):
        size = scene.geom_size[of_world(world, scene.geom_size.shape[0]), geom]
        repeat = scene.mat_texrepeat[of_world(world, scene.mat_texrepeat.shape[0]), mat]
        uniform = scene.mat_texuniform[of_world(world, scene.mat_texuniform.shape[0]), mat]
        kind = scene.geom_type[geom]
        at, off, times = wp.vec2(0.0, 0.0), wp.vec2(0.0, 0.0), wp.vec2(repeat)
        if wp.static(PLANE in kinds):
            if kind == wp.static(PLANE):
                at, off, times = mjw_render._texture_plane(local, size, repeat, uniform)
        if wp.static(SPHERE in kinds or ELLIPSOID in kinds):
            if kind == wp.static(SPHERE) or kind == wp.static(ELLIPSOID):
                sphere = kind == wp.static(SPHERE)
                at, off, times = mjw_render._texture_sphere_ellipsoid(local, size, repeat, uniform, sphere)
        if wp.static(CYLINDER in kinds):
            if kind == wp.static(CYLINDER):
                at, off, times = mjw_render._texture_cylinder(local, hit.normal, size, repeat, uniform)
        if wp.static(CAPSULE in kinds):
            if kind == wp.static(CAPSULE):
                at, off, times = mjw_render._texture_capsule(local, size, repeat, uniform)
        if wp.static(BOX in kinds):
            if kind == wp.static(BOX):
                at, off, times = mjw_render._texture_box(local, hit.normal, size, repeat, uniform)
        if wp.static(MESH in kinds):
            if kind == wp.static(MESH):
                at, off, times = mjw_render._texture_mesh(
                    scene.mesh_faceadr, local, size, repeat, uniform, hit.face, mesh, hit.u, hit.v,
                    scene.mesh_facetexcoord, scene.mesh_texcoord, scene.mesh_texcoord_offsets,
                )  # fmt: skip
        u, v = at[0] * times[0] + off[0], at[1] * times[1] + off[1]
        return bilinear(scene, texture, u - wp.floor(u), v - wp.floor(v))

    return sample
