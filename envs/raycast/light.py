# ruff: noqa: SIM102, UP018 (Warp compiles this: float() declares a variable, static conditions stand alone)
"""Lighting of a ray's hit (Blinn-Phong), as in MuJoCo."""

from typing import Any

from envs.raycast.intersect import off_axis
from envs.raycast.scene import Poses, Scene, half_sizes, material, of_world, paint
from envs.warp_start import wp  # before mujoco_warp, which compiles with Warp's settings


def _make_in_shadow(intersect: Any) -> Any:
    """Make the function that checks whether a geom is between a point and a light."""

    @wp.func
    def in_shadow(scene: Scene, poses: Poses, world: int, point: wp.vec3, towards: wp.vec3, limit: float) -> bool:
        for slot in range(scene.geoms.shape[0]):
            geom = scene.geoms[slot]
            color = paint(scene, world, geom, material(scene, world, geom))
            half = half_sizes(scene, world, geom)
            if color[3] != 0.0 and half[2] >= 0.0:
                turn = wp.transpose(poses.geom_xmat[world, geom])
                origin = turn @ (point - poses.geom_xpos[world, geom])
                hit = intersect(scene, world, geom, origin, off_axis(turn @ towards), half, limit)
                if hit.distance >= 0.0 and hit.distance < limit:
                    return True
        return False

    return in_shadow


def _make_shine(specular: bool) -> Any:
    """Make the function that returns the contribution of one light."""

    @wp.func
    def shine(normal: wp.vec3, towards: wp.vec3, view: wp.vec3, diffuse: wp.vec3, gloss: wp.vec3, base: wp.vec3,
              weight: float, spec: float, exponent: float) -> wp.vec3:  # fmt: skip
        """Return the contribution of one light (Blinn-Phong)."""
        facing = wp.max(0.0, wp.dot(normal, towards))
        color = wp.cw_mul(base, diffuse) * (facing * weight)
        if wp.static(specular):
            if facing > 0.0 and spec > 0.0 and exponent > 0.0 and wp.max(gloss) > 0.0:
                near = wp.dot(normal, wp.normalize(towards + view))
                # near ** exponent is at most exp(-exponent * (1 - near)): without effect on 8 bits.
                if exponent * (1.0 - near) < 9.0 and near > 0.0:
                    color += gloss * (spec * wp.pow(near, exponent) * weight)
        return color

    return shine


def make_lit(context: Any, lights: int, shadows: bool, intersect: Any) -> Any:
    """Make the function that returns the colour of a lit point; arguments as for `make_kernel`."""
    in_shadow, shine = _make_in_shadow(intersect), _make_shine(context.enable_specular)
    ambient, headlight, light_ambient = (
        context.use_ambient_lighting,
        context.headlight_active,
        context.enable_per_light_ambient,
    )
    head_ambient, head_diffuse = context.headlight_ambient, context.headlight_diffuse
    head_specular, specular, emission = context.headlight_specular, context.enable_specular, context.enable_emission
    attenuates, shade = not context.light_attenuation_is_default, float(context.shadow_light_fraction)

    @wp.func
    def lit(scene: Scene, poses: Poses, camera: int, world: int, base: wp.vec3, mat: int, normal: wp.vec3,
            point: wp.vec3, view: wp.vec3) -> wp.vec3:  # fmt: skip
        spec, exponent, glow = float(0.5), float(64.0), float(0.0)  # MuJoCo's where there is no material
        if mat >= 0:
            if wp.static(specular):
                spec = scene.mat_specular[of_world(world, scene.mat_specular.shape[0]), mat]
                exponent = 128.0 * scene.mat_shininess[of_world(world, scene.mat_shininess.shape[0]), mat]
            if wp.static(emission):
                glow = scene.mat_emission[of_world(world, scene.mat_emission.shape[0]), mat]
        color = base * glow
        if wp.static(ambient):
            if wp.static(headlight):
                color += wp.cw_mul(base, wp.static(head_ambient))
            elif wp.static(lights == 0):
                color += base * 0.3
        for k in range(wp.static(lights)):
            if scene.light_active[of_world(world, scene.light_active.shape[0]), k]:
                if wp.static(ambient and light_ambient):
                    color += wp.cw_mul(base, scene.light_ambient[of_world(world, scene.light_ambient.shape[0]), k])
                kind = scene.light_type[of_world(world, scene.light_type.shape[0]), k]
                ahead = poses.light_xdir[world, k]
                towards, weight, limit = -ahead, float(1.0), float(1.0e8)
                if kind != 1:  # not directional
                    way = poses.light_xpos[world, k] - point
                    distance = wp.max(wp.length(way), 1.0e-12)
                    towards, limit = way / distance, distance - 1.0e-3
                    if wp.static(attenuates):
                        fall = scene.light_attenuation[of_world(world, scene.light_attenuation.shape[0]), k]
                        weight = 1.0 / wp.max(wp.dot(fall, wp.vec3(1.0, distance, distance * distance)), 1.0e-12)
                    if kind == 0:  # spot
                        inside = wp.dot(-towards, ahead)
                        cutoff = scene.light_cutoff[of_world(world, scene.light_cutoff.shape[0]), k]
                        power = scene.light_exponent[of_world(world, scene.light_exponent.shape[0]), k]
                        if inside < wp.cos(cutoff * wp.static(float(wp.pi) / 180.0)):
                            weight = 0.0
                        # An exponent of 0 is a sharp edge; 0 to the power of 0 is no number with fast math.
                        if power > 0.0:
                            weight *= wp.pow(wp.max(inside, 0.0), power)
                if wp.static(shadows):
                    casts = scene.light_castshadow[of_world(world, scene.light_castshadow.shape[0]), k]
                    if casts and weight > 0.0 and wp.dot(normal, towards) > 0.0:
                        if in_shadow(scene, poses, world, point + normal * 1.0e-4, towards, limit):
                            weight *= wp.static(shade)
                diffuse = scene.light_diffuse[of_world(world, scene.light_diffuse.shape[0]), k]
                gloss = scene.light_specular[of_world(world, scene.light_specular.shape[0]), k]
                color += shine(normal, towards, view, diffuse, gloss, base, weight, spec, exponent)
        if wp.static(headlight):
            forward = poses.cam_xmat[world, camera]
            towards = wp.vec3(forward[0, 2], forward[1, 2], forward[2, 2])
            head = wp.static(head_diffuse)
            color += shine(normal, towards, view, head, wp.static(head_specular), base, 1.0, spec, exponent)
        return color

    return lit
