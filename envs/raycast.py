# ruff: noqa: RUF046, SIM102, UP018 (Warp compiles this: float() declares a variable, static conditions stand alone)
"""Ray casting kernels: many worlds in one launch, a table of rays for each, and per tile only the geoms it may meet.

The shading, the textures and the meshes' trees are those of mujoco_warp, whose own kernel has one table of rays for
all worlds and a tree over a world's geoms that every ray descends. Here rays are grouped into tiles of the image. All
rays of a tile lie in a narrow cone, so that most geoms are ruled out for all of them at once (Amanatides 1984), and
what is left is intersected in the geom's own frame.
"""

from functools import cache
from typing import Any

from envs.warp_start import wp  # before mujoco_warp, which compiles with Warp's settings

from mujoco_warp._src import ray as mjw_ray  # isort: skip
from mujoco_warp._src import render as mjw_render  # isort: skip
from mujoco_warp._src.types import GeomType  # isort: skip

MARGIN = wp.constant(0.01)  # cells, by which faces are taken to be larger
FAR = wp.constant(1.0e10)
# Hits whose distances differ by less than this share count as equal; the geom with the higher id is seen, as in MuJoCo.
TIE = wp.constant(1.0e-6)
_PLANE, _SPHERE, _BOX = int(GeomType.PLANE), int(GeomType.SPHERE), int(GeomType.BOX)
_CAPSULE, _ELLIPSOID, _CYLINDER = int(GeomType.CAPSULE), int(GeomType.ELLIPSOID), int(GeomType.CYLINDER)
_MESH = int(GeomType.MESH)
DRAWN = frozenset({_PLANE, _SPHERE, _BOX, _CAPSULE, _ELLIPSOID, _CYLINDER, _MESH})
"""Kinds of geoms that can be drawn."""


@wp.struct
class Scene:
    """What does not change from frame to frame; arrays per world have one row where all worlds share it."""

    geoms: wp.array(dtype=int)  # (g,) ids of those drawn
    geom_type: wp.array(dtype=int)
    geom_dataid: wp.array2d(dtype=int)
    geom_matid: wp.array2d(dtype=int)
    geom_size: wp.array2d(dtype=wp.vec3)
    geom_rgba: wp.array2d(dtype=wp.vec4)
    mat_rgba: wp.array2d(dtype=wp.vec4)
    mat_texid: wp.array3d(dtype=int)
    mat_texuniform: wp.array2d(dtype=bool)
    mat_texrepeat: wp.array2d(dtype=wp.vec2)
    mat_emission: wp.array2d(dtype=float)
    mat_specular: wp.array2d(dtype=float)
    mat_shininess: wp.array2d(dtype=float)
    light_type: wp.array2d(dtype=int)
    light_castshadow: wp.array2d(dtype=bool)
    light_active: wp.array2d(dtype=bool)
    light_attenuation: wp.array2d(dtype=wp.vec3)
    light_cutoff: wp.array2d(dtype=float)
    light_exponent: wp.array2d(dtype=float)
    light_ambient: wp.array2d(dtype=wp.vec3)
    light_diffuse: wp.array2d(dtype=wp.vec3)
    light_specular: wp.array2d(dtype=wp.vec3)
    mesh: wp.array(dtype=wp.uint64)
    mesh_half: wp.array(dtype=wp.vec3)
    flat: wp.array(dtype=int)  # place of a mesh among the flat ones, or -1
    flat_axis: wp.array(dtype=int)  # along which such a mesh is flat
    flat_low: wp.array(dtype=wp.vec3)  # m, corner of its grid
    flat_cells: wp.array(dtype=wp.vec3)  # cells per m
    flat_first: wp.array3d(dtype=int)  # where the faces of a cell begin in flat_faces, and end
    flat_faces: wp.array(dtype=int)
    flat_corners: wp.array2d(dtype=wp.vec2)  # (faces, 3) cells
    mesh_faceadr: wp.array(dtype=int)
    mesh_faceadr: wp.array(dtype=int)
    mesh_normaladr: wp.array(dtype=int)
    mesh_normal: wp.array(dtype=wp.vec3)
    mesh_facenormal: wp.array(dtype=wp.vec3i)
    mesh_facetexcoord: wp.array(dtype=wp.vec3i)
    mesh_texcoord: wp.array(dtype=wp.vec2)
    mesh_texcoord_offsets: wp.array(dtype=int)
    texel: wp.array(dtype=wp.vec3)  # of all textures, 0…1
    texture_first: wp.array(dtype=int)
    texture_size: wp.array(dtype=wp.vec2i)  # width, height
    skybox_tex_id: wp.array(dtype=int)
    skybox_face_width: wp.array(dtype=int)


@wp.struct
class Poses:
    """Where things are in every world (n, ...)."""

    geom_xpos: wp.array2d(dtype=wp.vec3)
    geom_xmat: wp.array2d(dtype=wp.mat33)
    cam_xpos: wp.array2d(dtype=wp.vec3)
    cam_xmat: wp.array2d(dtype=wp.mat33)
    light_xpos: wp.array2d(dtype=wp.vec3)
    light_xdir: wp.array2d(dtype=wp.vec3)


@wp.struct
class Rays:
    """Directions in the camera's frame, of every world (rows n) or of all alike (one row).

    Pixel p of sample s looks along direction[row, s * pixels + p] and belongs to tile[p]; cone[row, t] is a tile's
    mean direction, and how far its rays stray from it (the length of the difference of unit vectors).
    """

    direction: wp.array2d(dtype=wp.vec3)
    tile: wp.array(dtype=int)
    cone: wp.array2d(dtype=wp.vec4)


@wp.struct
class Near:
    """Per launch and row of it: the camera in the frame of every drawn geom, and what each tile may meet."""

    origin: wp.array2d(dtype=wp.vec3)  # (m, g) m
    turn: wp.array2d(dtype=wp.mat33)  # (m, g) camera's frame to geom's
    half: wp.array2d(dtype=wp.vec3)  # (m, g) half sizes of the box around the geom; negative where it is invisible
    count: wp.array2d(dtype=int)  # (m, t)
    candidate: wp.array3d(dtype=int)  # (m, t, g) places in Scene.geoms


@wp.func
def of_world(world: int, rows: int) -> int:
    """The row of a world in an array that has one for each, or one for all."""
    return wp.min(world, rows - 1)


@wp.func
def material(scene: Scene, world: int, geom: int) -> int:
    """The material by which a geom is drawn, -1 for none."""
    return scene.geom_matid[of_world(world, scene.geom_matid.shape[0]), geom]


@wp.func
def paint(scene: Scene, world: int, geom: int, mat: int) -> wp.vec4:
    """A geom's colour: its own, or its material's where it has MuJoCo's default."""
    own = scene.geom_rgba[of_world(world, scene.geom_rgba.shape[0]), geom]
    if mat >= 0 and own == wp.vec4(0.5, 0.5, 0.5, 1.0):
        return scene.mat_rgba[of_world(world, scene.mat_rgba.shape[0]), mat]
    return own


@wp.func
def half_sizes(scene: Scene, world: int, geom: int) -> wp.vec3:
    """Of the box around a geom, in its frame."""
    kind = scene.geom_type[geom]
    size = scene.geom_size[of_world(world, scene.geom_size.shape[0]), geom]
    if kind == wp.static(_SPHERE):
        return wp.vec3(size[0], size[0], size[0])
    if kind == wp.static(_CAPSULE):
        return wp.vec3(size[0], size[0], size[0] + size[1])
    if kind == wp.static(_CYLINDER):
        return wp.vec3(size[0], size[0], size[1])
    if kind == wp.static(_MESH):
        mesh = scene.geom_dataid[of_world(world, scene.geom_dataid.shape[0]), geom]
        if mesh < 0:
            return wp.vec3(-1.0, -1.0, -1.0)
        # A little more: a flat mesh must not slip between rounding errors.
        return scene.mesh_half[mesh] + wp.vec3(1.0e-5, 1.0e-5, 1.0e-5)
    return size


@wp.kernel
def place(scene: Scene, poses: Poses, camera: int, worlds: wp.array(dtype=int), near: Near):
    """Put the camera into every geom's frame."""
    row, slot = wp.tid()
    world, geom = worlds[row], scene.geoms[slot]
    color = paint(scene, world, geom, material(scene, world, geom))
    back = wp.transpose(poses.geom_xmat[world, geom])
    near.origin[row, slot] = back @ (poses.cam_xpos[world, camera] - poses.geom_xpos[world, geom])
    near.turn[row, slot] = back @ poses.cam_xmat[world, camera]
    near.half[row, slot] = half_sizes(scene, world, geom)
    if color[3] == 0.0:
        near.half[row, slot] = wp.vec3(-1.0, -1.0, -1.0)


@wp.kernel
def cull(scene: Scene, rays: Rays, worlds: wp.array(dtype=int), near: Near):
    """List the geoms that a ray of a tile may meet; those that cannot be met before an endless plane are left out."""
    row, tile = wp.tid()
    cone = rays.cone[of_world(worlds[row], rays.cone.shape[0]), tile]
    axis, stray = wp.vec3(cone[0], cone[1], cone[2]), cone[3]
    count = int(0)
    nearest = float(FAR)
    for slot in range(scene.geoms.shape[0]):
        half = near.half[row, slot]
        if scene.geom_type[scene.geoms[slot]] == wp.static(_PLANE) and half[2] >= 0.0:
            down = wp.dot(near.turn[row, slot][2], axis)
            if down - stray < 0.0 and near.origin[row, slot][2] >= 0.0:
                near.candidate[row, tile, count] = slot
                count += 1
                if down + stray < -1.0e-4 and half[0] <= 0.0 and half[1] <= 0.0:
                    nearest = wp.min(nearest, near.origin[row, slot][2] / -(down + stray))
    for slot in range(scene.geoms.shape[0]):
        half = near.half[row, slot]
        if scene.geom_type[scene.geoms[slot]] != wp.static(_PLANE) and half[2] >= 0.0:
            origin, along = near.origin[row, slot], near.turn[row, slot] @ axis
            enter = float(0.0)
            leave = float(nearest * 1.001 + 1.0e-4)
            for i in range(3):
                low, high = along[i] - stray, along[i] + stray
                if origin[i] > half[i]:
                    enter = wp.where(low < 0.0, wp.max(enter, (origin[i] - half[i]) / wp.max(-low, 1.0e-9)), FAR)
                elif origin[i] < -half[i]:
                    enter = wp.where(high > 0.0, wp.max(enter, (-half[i] - origin[i]) / wp.max(high, 1.0e-9)), FAR)
                if low > 1.0e-6:
                    leave = wp.min(leave, (half[i] - origin[i]) / low)
                elif high < -1.0e-6:
                    leave = wp.min(leave, (origin[i] + half[i]) / -high)
            if enter <= leave:
                near.candidate[row, tile, count] = slot
                count += 1
    near.count[row, tile] = count


@wp.func
def box_span(origin: wp.vec3, along: wp.vec3, half: wp.vec3) -> wp.vec2:
    """Distances at which a ray enters and leaves a box about the origin; it misses where the first is the larger."""
    a = wp.cw_div(-half - origin, along)
    b = wp.cw_div(half - origin, along)
    first, last = wp.min(a, b), wp.max(a, b)
    return wp.vec2(wp.max(wp.max(first[0], first[1]), first[2]), wp.min(wp.min(last[0], last[1]), last[2]))


@wp.func
def entry_normal(origin: wp.vec3, along: wp.vec3, half: wp.vec3, distance: float) -> wp.vec3:
    """Of the face of a box through which a ray enters it."""
    a = wp.cw_div(-half - origin, along)
    b = wp.cw_div(half - origin, along)
    first = wp.min(a, b)
    if first[0] >= distance:
        return wp.vec3(-wp.sign(along[0]), 0.0, 0.0)
    if first[1] >= distance:
        return wp.vec3(0.0, -wp.sign(along[1]), 0.0)
    return wp.vec3(0.0, 0.0, -wp.sign(along[2]))


@wp.struct
class Hit:
    """Where a ray met a geom; normal in the geom's frame, place -1 where it met none."""

    distance: float
    slot: int
    normal: wp.vec3
    u: float
    v: float
    face: int


@wp.func
def turn_of(a: wp.vec2, b: wp.vec2, p: wp.vec2) -> float:
    """Twice the signed area of a triangle."""
    return (b[0] - a[0]) * (p[1] - a[1]) - (b[1] - a[1]) * (p[0] - a[0])


@wp.func
def meet_flat(scene: Scene, mesh: int, place: int, origin: wp.vec3, along: wp.vec3) -> Hit:
    """Where a ray meets a flat mesh: the grid over its plane says which few faces may be there.

    The tree over a mesh has boxes along the axes, of which the faces of an oblique road fill little and overlap much.
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
        whole = first + second + third
        up = wp.where(whole > 0.0, 1.0, -1.0)
        # A little more than the face, so that no ray slips between two.
        if wp.min(wp.min(first * up, second * up), third * up) >= -1.0e-4 and along[axis] * up < 0.0:
            hit.distance = t
            hit.u = first / whole
            hit.v = second / whole
            hit.face = face - scene.mesh_faceadr[mesh]
            normal = wp.vec3(0.0, 0.0, 0.0)
            normal[axis] = up
            hit.normal = normal
            return hit
    return hit


@wp.kernel
def fill_grid(place: wp.array(dtype=int), corners: wp.array2d(dtype=wp.vec2), fill: bool,
              count: wp.array3d(dtype=int), faces: wp.array(dtype=int)):  # fmt: skip
    """Count the faces that touch each cell of the flat meshes' grids, or write them where the counters stand."""
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


@wp.func
def reach(a: wp.vec2, b: wp.vec2, middle: wp.vec2, up: float) -> float:
    """Not negative where a part of the cell about a point lies on the face's side of an edge."""
    return up * turn_of(a, b, middle) + (0.5 + MARGIN) * (wp.abs(b[0] - a[0]) + wp.abs(b[1] - a[1]))


@wp.func
def off_axis(along: wp.vec3) -> wp.vec3:
    """Without exact zeros: fast math, which knows no infinity, could not divide by them."""
    x = wp.where(wp.abs(along[0]) < 1.0e-9, 1.0e-9, along[0])
    y = wp.where(wp.abs(along[1]) < 1.0e-9, 1.0e-9, along[1])
    z = wp.where(wp.abs(along[2]) < 1.0e-9, 1.0e-9, along[2])
    return wp.vec3(x, y, z)


@cache
def _intersect(kinds: frozenset[int]) -> Any:
    """The function that intersects a ray with a geom of one of these kinds, in its frame; others are not compiled."""

    @wp.func
    def intersect(scene: Scene, world: int, geom: int, origin: wp.vec3, along: wp.vec3, half: wp.vec3, limit: float):
        hit = Hit()
        hit.distance = -1.0
        hit.face = -1
        kind = scene.geom_type[geom]
        if wp.static(_PLANE in kinds):
            if kind == wp.static(_PLANE):
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
        if wp.static(_BOX in kinds):
            if kind == wp.static(_BOX):
                if span[0] >= 0.0:  # from inside nothing is seen of it
                    hit.distance = span[0]
                    hit.normal = entry_normal(origin, along, half, span[0])
        zero, same = wp.vec3(0.0, 0.0, 0.0), wp.identity(n=3, dtype=float)
        size = scene.geom_size[of_world(world, scene.geom_size.shape[0]), geom]
        if wp.static(_SPHERE in kinds):
            if kind == wp.static(_SPHERE):
                t, n = mjw_ray.ray_sphere(zero, size[0] * size[0], origin, along)
                hit.distance = t
                hit.normal = n
        if wp.static(_CAPSULE in kinds):
            if kind == wp.static(_CAPSULE):
                t, n = mjw_ray.ray_capsule(zero, same, size, origin, along)
                hit.distance = t
                hit.normal = n
        if wp.static(_ELLIPSOID in kinds):
            if kind == wp.static(_ELLIPSOID):
                t, n = mjw_ray.ray_ellipsoid(zero, same, size, origin, along)
                hit.distance = t
                hit.normal = n
        if wp.static(_CYLINDER in kinds):
            if kind == wp.static(_CYLINDER):
                t, n = mjw_ray.ray_cylinder(zero, same, size, origin, along)
                hit.distance = t
                hit.normal = n
        if wp.static(_MESH in kinds):
            if kind == wp.static(_MESH):
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


@wp.func
def bilinear(scene: Scene, texture: int, u: float, v: float) -> wp.vec3:
    """Colour of a texture at u, v in 0…1, between its four nearest texels; beyond the edge is the edge."""
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
def _sample(kinds: frozenset[int]) -> Any:
    """The function that gives the colour of a texture where a geom was hit, for these kinds of geoms."""

    @wp.func
    def sample(scene: Scene, world: int, geom: int, mat: int, texture: int, local: wp.vec3, hit: Hit, mesh: int):
        size = scene.geom_size[of_world(world, scene.geom_size.shape[0]), geom]
        repeat = scene.mat_texrepeat[of_world(world, scene.mat_texrepeat.shape[0]), mat]
        uniform = scene.mat_texuniform[of_world(world, scene.mat_texuniform.shape[0]), mat]
        kind = scene.geom_type[geom]
        at, off, times = wp.vec2(0.0, 0.0), wp.vec2(0.0, 0.0), wp.vec2(repeat)
        if wp.static(_PLANE in kinds):
            if kind == wp.static(_PLANE):
                at, off, times = mjw_render._texture_plane(local, size, repeat, uniform)
        if wp.static(_SPHERE in kinds or _ELLIPSOID in kinds):
            if kind == wp.static(_SPHERE) or kind == wp.static(_ELLIPSOID):
                sphere = kind == wp.static(_SPHERE)
                at, off, times = mjw_render._texture_sphere_ellipsoid(local, size, repeat, uniform, sphere)
        if wp.static(_CYLINDER in kinds):
            if kind == wp.static(_CYLINDER):
                at, off, times = mjw_render._texture_cylinder(local, hit.normal, size, repeat, uniform)
        if wp.static(_CAPSULE in kinds):
            if kind == wp.static(_CAPSULE):
                at, off, times = mjw_render._texture_capsule(local, size, repeat, uniform)
        if wp.static(_BOX in kinds):
            if kind == wp.static(_BOX):
                at, off, times = mjw_render._texture_box(local, hit.normal, size, repeat, uniform)
        if wp.static(_MESH in kinds):
            if kind == wp.static(_MESH):
                at, off, times = mjw_render._texture_mesh(
                    scene.mesh_faceadr, local, size, repeat, uniform, hit.face, mesh, hit.u, hit.v,
                    scene.mesh_facetexcoord, scene.mesh_texcoord, scene.mesh_texcoord_offsets,
                )  # fmt: skip
        u, v = at[0] * times[0] + off[0], at[1] * times[1] + off[1]
        return bilinear(scene, texture, u - wp.floor(u), v - wp.floor(v))

    return sample


def make_kernel(context: Any, kinds: frozenset[int], lights: int, shadows: bool, together: int) -> Any:
    """The kernel that draws; what a scene does without is not compiled.

    Args:
        context: mujoco_warp's render context of the model.
        kinds: of the geoms drawn, a part of DRAWN.
        lights: of the model.
        together: pixels drawn by one thread of the launch: on a CPU the arguments are then read once for all of them.
    """
    intersect = _intersect(kinds)
    sample = _sample(kinds)
    back = int(context.background_color)
    background = wp.vec3(*(float((back >> shift) & 0xFF) / 255.0 for shift in (16, 8, 0)))
    ambient, headlight, skybox = context.use_ambient_lighting, context.headlight_active, context.render_skybox
    head_ambient, head_diffuse = context.headlight_ambient, context.headlight_diffuse
    head_specular, light_ambient = context.headlight_specular, context.enable_per_light_ambient
    specular, emission = context.enable_specular, context.enable_emission
    textured, smooth, far = context.use_textures, context.enable_vertex_normals, float(context.zfar)
    attenuates, shade = not context.light_attenuation_is_default, float(context.shadow_light_fraction)

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

    @wp.func
    def shine(normal: wp.vec3, towards: wp.vec3, view: wp.vec3, diffuse: wp.vec3, gloss: wp.vec3, base: wp.vec3,
              weight: float, spec: float, exponent: float) -> wp.vec3:  # fmt: skip
        """What one light adds (Blinn-Phong)."""
        facing = wp.max(0.0, wp.dot(normal, towards))
        color = wp.cw_mul(base, diffuse) * (facing * weight)
        if wp.static(specular):
            if facing > 0.0 and spec > 0.0 and exponent > 0.0 and wp.max(gloss) > 0.0:
                middle = wp.normalize(towards + view)
                color += gloss * (spec * wp.pow(wp.max(0.0, wp.dot(normal, middle)), exponent) * weight)
        return color

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
            given = wp.static(head_diffuse)
            color += shine(normal, towards, view, given, wp.static(head_specular), base, 1.0, spec, exponent)
        return color

    @wp.func
    def surface(scene: Scene, poses: Poses, camera: int, world: int, geom: int,
                 hit: Hit, local: wp.vec3, point: wp.vec3, view: wp.vec3) -> wp.vec3:  # fmt: skip
        """The colour of what a ray met."""
        mat = material(scene, world, geom)
        color = paint(scene, world, geom, mat)
        base, flat = wp.vec3(color[0], color[1], color[2]), wp.vec3(hit.normal)
        mesh = int(-1)
        if hit.face >= 0:
            mesh = scene.geom_dataid[of_world(world, scene.geom_dataid.shape[0]), geom]
        if wp.static(smooth):
            if hit.face >= 0:
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
