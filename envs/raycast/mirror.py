# ruff: noqa: RUF046, SIM102, UP018 (Warp compiles this: int() declares a variable, and has no short circuit)
"""Glossy surfaces: what a second ray meets, mixed into the image by Fresnel's law."""

from typing import Any

from envs.raycast.intersect import intersection, off_axis
from envs.raycast.light import make_lit
from envs.raycast.scene import FAR, PLANE, Hit, Poses, Rays, Scene, half_sizes, material, of_world, paint
from envs.raycast.surface import make_surface
from envs.warp_start import wp


@wp.func
def reflection(scene: Scene, poses: Poses, world: int, geom: int, hit: Hit, along: wp.vec3) -> wp.vec4:
    """Return the normal at a hit, as long as the share that is mirrored, and the hit's distance [m].

    The share is the material's `reflectance` for rays at right angles, and more for flat ones (Schlick 1994).
    """
    mat = material(scene, world, geom)
    if mat < 0:
        return wp.vec4(0.0, 0.0, 0.0, 0.0)
    share = scene.mat_reflectance[of_world(world, scene.mat_reflectance.shape[0]), mat]
    if share <= 0.0:
        return wp.vec4(0.0, 0.0, 0.0, 0.0)
    normal = poses.geom_xmat[world, geom] @ hit.normal
    flat = 1.0 - wp.clamp(-wp.dot(along, normal), 0.0, 1.0)
    share += (1.0 - share) * flat * flat * flat * flat * flat
    return wp.vec4(share * normal[0], share * normal[1], share * normal[2], hit.distance)


@wp.func
def passes(middle: wp.vec3, half: wp.vec3, along: wp.vec3) -> bool:
    """Return whether a ray from the origin misses the sphere around a box."""
    ahead, radius = wp.dot(middle, along), wp.dot(half, half)
    away = wp.dot(middle, middle)
    return away > radius and (ahead < 0.0 or away - ahead * ahead > radius)


def make_mirror_kernel(context: Any, kinds: frozenset[int], lights: int, shadows: bool, together: int) -> Any:
    """Make the kernel that adds reflections to drawn images; arguments as for `make_kernel`.

    It is a kernel of its own because the second intersection would make that for matt surfaces four times slower.
    """
    intersect = intersection(kinds)
    surface = make_surface(context, kinds, make_lit(context, lights, shadows, intersect))
    back = int(context.background_color)
    background = wp.vec3(*(float((back >> shift) & 0xFF) / 255.0 for shift in (16, 8, 0)))

    @wp.kernel(module="unique", enable_backward=False, module_options={"fast_math": bool(context.use_fast_math)})
    def mirror_rays(scene: Scene, poses: Poses, rays: Rays, camera: int, worlds: wp.array(dtype=int),
                    mirror: wp.array2d(dtype=wp.vec4), rgb: wp.array3d(dtype=wp.uint8)):  # fmt: skip
        row, group = wp.tid()
        world, pixels = worlds[row], rays.tile.shape[0]
        for pixel in range(group * wp.static(together), wp.min((group + 1) * wp.static(together), pixels)):
            kept = mirror[row, pixel]
            normal = wp.vec3(kept[0], kept[1], kept[2])
            share = wp.length(normal)
            if share > 0.0:
                normal = normal / share
                ahead = poses.cam_xmat[world, camera] @ rays.direction[of_world(world, rays.direction.shape[0]), pixel]
                origin = poses.cam_xpos[world, camera] + ahead * kept[3] + normal * 1.0e-4
                along = ahead - normal * (2.0 * wp.dot(ahead, normal))
                best = Hit()
                best.distance = FAR
                best_geom = int(-1)
                best_local = wp.vec3(0.0, 0.0, 0.0)
                for slot in range(scene.geoms.shape[0]):
                    geom = scene.geoms[slot]
                    half = half_sizes(scene, world, geom)
                    from_origin = poses.geom_xpos[world, geom] - origin
                    plane = scene.geom_type[geom] == wp.static(PLANE)
                    if half[2] >= 0.0 and (plane or not passes(from_origin, half, along)):
                        if paint(scene, world, geom, material(scene, world, geom))[3] != 0.0:
                            turn = wp.transpose(poses.geom_xmat[world, geom])
                            start, way = turn @ -from_origin, off_axis(turn @ along)
                            hit = intersect(scene, world, geom, start, way, half, best.distance)
                            if hit.distance >= 0.0 and hit.distance < best.distance:
                                best = hit
                                best_geom = geom
                                best_local = start + way * hit.distance
                color = wp.static(background)
                if best_geom >= 0:
                    at = origin + along * best.distance
                    color = surface(scene, poses, camera, world, best_geom, best, best_local, at, -along)
                    color = wp.max(wp.min(color, wp.vec3(1.0, 1.0, 1.0)), wp.vec3(0.0, 0.0, 0.0))
                for c in range(3):
                    mixed = float(rgb[row, pixel, c]) * (1.0 - share) + 255.0 * share * color[c]
                    rgb[row, pixel, c] = wp.uint8(mixed)

    return mirror_rays
