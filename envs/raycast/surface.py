# ruff: noqa: RUF046, SIM102, UP018 (Warp compiles this: int() declares a variable, static conditions stand alone)
"""The colour of a ray's hit: material, texture and light."""

from typing import Any

from envs.raycast.scene import Hit, Poses, Scene, material, of_world, paint
from envs.raycast.textures import sampling
from envs.warp_start import wp  # before mujoco_warp, which compiles with Warp's settings

from mujoco_warp._src import render as mjw_render  # isort: skip


def make_surface(context: Any, kinds: frozenset[int], lit: Any) -> Any:
    """Make the function that returns the colour of a ray's hit."""
    sample, textured, smooth = sampling(kinds), context.use_textures, context.enable_vertex_normals

    @wp.func
    def surface(scene: Scene, poses: Poses, camera: int, world: int, geom: int,
                 hit: Hit, local: wp.vec3, point: wp.vec3, view: wp.vec3) -> wp.vec3:  # fmt: skip
        """Return the colour of a ray's hit."""
        mat = material(scene, world, geom)
        color = paint(scene, world, geom, mat)
        base, flat = wp.vec3(color[0], color[1], color[2]), wp.vec3(hit.normal)
        mesh = int(-1)
        if hit.face >= 0:
            mesh = scene.geom_dataid[of_world(world, scene.geom_dataid.shape[0]), geom]
        if wp.static(smooth):
            if hit.face >= 0 and scene.flat[mesh] < 0:
                three = scene.mesh_facenormal[scene.mesh_faceadr[mesh] + hit.face]
                first = scene.mesh_normaladr[mesh]
                mean = mjw_render.vertex_normal(scene.mesh_normal[first + three[0]], hit.normal) * hit.u
                mean += mjw_render.vertex_normal(scene.mesh_normal[first + three[1]], hit.normal) * hit.v
                last = mjw_render.vertex_normal(scene.mesh_normal[first + three[2]], hit.normal)
                flat = wp.normalize(mean + last * (1.0 - hit.u - hit.v))
        if wp.static(textured):
            if mat >= 0:
                texture = scene.mat_texid[of_world(world, scene.mat_texid.shape[0]), mat, 1]
                if texture >= 0:
                    base = wp.cw_mul(base, sample(scene, world, geom, mat, texture, local, hit, mesh))
        normal = poses.geom_xmat[world, geom] @ flat
        return lit(scene, poses, camera, world, base, mat, normal, point, view)

    return surface
