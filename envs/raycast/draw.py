# ruff: noqa: RUF046, SIM102, UP018 (Warp compiles this: float() declares a variable, static conditions stand alone)
"""The kernel that draws: the nearest geom along every ray, and its colour."""

from typing import Any

from envs.raycast.intersect import intersection, off_axis
from envs.raycast.light import make_lit
from envs.raycast.scene import FAR, Hit, Near, Poses, Rays, Scene, material, of_world, paint
from envs.raycast.textures import sampling
from envs.warp_start import wp  # before mujoco_warp, which compiles with Warp's settings

from mujoco_warp._src import render as mjw_render  # isort: skip

# Hits whose distances differ by less than this share count as equal; the geom with the higher id is seen, as in MuJoCo.
TIE = wp.constant(1.0e-6)


def _make_surface(context: Any, kinds: frozenset[int], lit: Any) -> Any:
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


def make_kernel(context: Any, kinds: frozenset[int], lights: int, shadows: bool, together: int) -> Any:
    """Make the kernel that draws; features that a scene does not use are not compiled.

    Args:
        context: mujoco_warp's render context of the model.
        kinds: kinds of the drawn geoms, a subset of DRAWN.
        lights: number of lights of the model.
        together: pixels per thread of the launch: on a CPU the arguments are then read once for all of them.
    """
    intersect = intersection(kinds)
    surface = _make_surface(context, kinds, make_lit(context, lights, shadows, intersect))
    back, skybox, far = int(context.background_color), context.render_skybox, float(context.zfar)
    background = wp.vec3(*(float((back >> shift) & 0xFF) / 255.0 for shift in (16, 8, 0)))

    @wp.kernel(module="unique", enable_backward=False, module_options={"fast_math": bool(context.use_fast_math)})
    def draw_rays(scene: Scene, poses: Poses, textures: wp.array(dtype=wp.Texture2D), rays: Rays, near: Near,
                  camera: int, worlds: wp.array(dtype=int), samples: int, rgb: wp.array3d(dtype=wp.uint8),
                  depth: wp.array2d(dtype=float), seen: wp.array2d(dtype=int)):  # fmt: skip
        row, group = wp.tid()
        world, pixels = worlds[row], rays.tile.shape[0]
        for pixel in range(group * wp.static(together), wp.min((group + 1) * wp.static(together), pixels)):
            tile = rays.tile[pixel]
            total = wp.vec3(0.0, 0.0, 0.0)
            for sample in range(samples):
                direction = rays.direction[of_world(world, rays.direction.shape[0]), sample * pixels + pixel]
                best = Hit()
                best.slot = -1
                best.distance = FAR
                if wp.static(far > 0.0):
                    best.distance = wp.static(far) / wp.max(-direction[2], 1.0e-6)
                best_local = wp.vec3(0.0, 0.0, 0.0)
                for k in range(near.count[row, tile]):
                    slot = near.candidate[row, tile, k]
                    geom = scene.geoms[slot]
                    origin, along = near.origin[row, slot], off_axis(near.turn[row, slot] @ direction)
                    tie = TIE * wp.max(best.distance, 1.0)
                    hit = intersect(scene, world, geom, origin, along, near.half[row, slot], best.distance + tie)
                    if hit.distance >= 0.0:
                        later = best.slot < 0 or slot > best.slot
                        apart = hit.distance - best.distance
                        if apart < -tie or (apart <= tie and later):
                            hit.slot = slot
                            best = hit
                            best_local = origin + along * hit.distance
                ahead = poses.cam_xmat[world, camera] @ direction
                if sample == 0:
                    if depth.shape[0] > 0:
                        depth[row, pixel] = wp.where(best.slot < 0, 0.0, best.distance * -direction[2])
                    if seen.shape[0] > 0:
                        seen[row, pixel] = -1
                        if best.slot >= 0:
                            seen[row, pixel] = scene.geoms[best.slot]
                color = wp.static(background)
                if best.slot >= 0:
                    point = poses.cam_xpos[world, camera] + ahead * best.distance
                    geom = scene.geoms[best.slot]
                    color = surface(scene, poses, camera, world, geom, best, best_local, point, -ahead)
                    color = wp.max(wp.min(color, wp.vec3(1.0, 1.0, 1.0)), wp.vec3(0.0, 0.0, 0.0))
                elif wp.static(skybox):
                    sky = textures[scene.skybox_tex_id[of_world(world, scene.skybox_tex_id.shape[0])]]
                    width = float(scene.skybox_face_width[of_world(world, scene.skybox_face_width.shape[0])])
                    color = mjw_render.sample_skybox(sky, 1.0 / width, ahead)
                total += color
            total = total * (255.0 / float(samples))
            for c in range(3):
                rgb[row, pixel, c] = wp.uint8(total[c])

    return draw_rays
