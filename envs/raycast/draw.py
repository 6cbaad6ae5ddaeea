"""The kernel that draws: the nearest geom along every ray, and its colour."""

from typing import Any

from envs.raycast.intersect import intersection, off_axis
from envs.raycast.light import make_lit
from envs.raycast.mirror import reflection
from envs.raycast.scene import FAR, Hit, Near, Poses, Rays, Scene, of_world
from envs.raycast.surface import make_surface
from envs.warp_start import wp  # before mujoco_warp, which compiles with Warp's settings

from mujoco_warp._src import render as mjw_render  # isort: skip

# Hits whose distances differ by less than this share count as equal; the geom with the higher id is seen, as in MuJoCo.
TIE = wp.constant(1.0e-6)


def make_kernel(context: Any, kinds: frozenset[int], lights: int, shadows: bool, mirrors: bool, together: int) -> Any:
    """Make the kernel that draws; features that a scene does not use are not compiled.

    Args:
        context: mujoco_warp's render context of the model.
        kinds: kinds of the drawn geoms, a subset of DRAWN.
        lights: number of lights of the model.
        mirrors: whether a material may have a reflectance: then the kernel stores what `mirror` needs.
        together: pixels per thread of the launch: on a CPU the arguments are then read once for all of them.
    """
    intersect = intersection(kinds)
    surface = make_surface(context, kinds, make_lit(context, lights, shadows, intersect))
    back, skybox, far = int(context.background_color), context.render_skybox, float(context.zfar)
    background = wp.vec3(*(float((back >> shift) & 0xFF) / 255.0 for shift in (16, 8, 0)))

    @wp.kernel(module="unique", enable_backward=False, module_options={"fast_math": bool(context.use_fast_math)})
    def draw_rays(scene: Scene, poses: Poses, textures: wp.array(dtype=wp.Texture2D), rays: Rays, near: Near,
                  camera: int, worlds: wp.array(dtype=int), samples: int, rgb: wp.array3d(dtype=wp.uint8),
                  depth: wp.array2d(dtype=float), seen: wp.array2d(dtype=int),
                  mirror: wp.array2d(dtype=wp.vec4)):  # fmt: skip
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
                    if wp.static(mirrors):
                        mirror[row, pixel] = wp.vec4(0.0, 0.0, 0.0, 0.0)
                        if best.slot >= 0:
                            mirror[row, pixel] = reflection(scene, poses, world, scene.geoms[best.slot], best, ahead)
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
