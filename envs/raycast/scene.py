"""Inputs of the kernels: a model's arrays, poses, rays, and data computed before drawing."""

from envs.warp_start import wp  # before mujoco_warp, which compiles with Warp's settings

from mujoco_warp._src.types import GeomType  # isort: skip

PLANE, SPHERE, BOX, MESH = (int(getattr(GeomType, name)) for name in ("PLANE", "SPHERE", "BOX", "MESH"))
CAPSULE, ELLIPSOID, CYLINDER = (int(getattr(GeomType, name)) for name in ("CAPSULE", "ELLIPSOID", "CYLINDER"))
DRAWN = frozenset({PLANE, SPHERE, BOX, CAPSULE, ELLIPSOID, CYLINDER, MESH})
"""Kinds of geoms that can be drawn."""
FAR = wp.constant(1.0e10)  # m


@wp.struct
class Scene:
    """Data that do not change between frames; arrays per world have one row if all worlds share it."""

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
    mat_reflectance: wp.array2d(dtype=float)  # of a mirror seen at right angles
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
    flat_sum: wp.array3d(dtype=int)  # faces listed in the cells before a row and before a column
    flat_shares: wp.array2d(dtype=wp.vec2)  # (faces, 3) last corner, gradients of two barycentric coordinates; cells
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
    """Poses in every world (n, ...)."""

    geom_xpos: wp.array2d(dtype=wp.vec3)
    geom_xmat: wp.array2d(dtype=wp.mat33)
    cam_xpos: wp.array2d(dtype=wp.vec3)
    cam_xmat: wp.array2d(dtype=wp.mat33)
    light_xpos: wp.array2d(dtype=wp.vec3)
    light_xdir: wp.array2d(dtype=wp.vec3)


@wp.struct
class Rays:
    """Directions in the camera's frame, per world (n rows) or for all worlds (one row).

    Pixel p of sample s has direction[row, s * pixels + p] and belongs to tile[p]; cone[row, t] is a tile's mean
    direction, and the maximum deviation of its rays (the length of the difference of unit vectors).
    """

    direction: wp.array2d(dtype=wp.vec3)
    tile: wp.array(dtype=int)
    cone: wp.array2d(dtype=wp.vec4)


@wp.struct
class Near:
    """Data per launch: the camera in the frame of every drawn geom, and the geoms that each tile may hit."""

    origin: wp.array2d(dtype=wp.vec3)  # (m, g) m
    turn: wp.array2d(dtype=wp.mat33)  # (m, g) camera's frame to geom's
    half: wp.array2d(dtype=wp.vec3)  # (m, g) half sizes of the box around the geom; negative where it is invisible
    count: wp.array2d(dtype=int)  # (m, t)
    candidate: wp.array3d(dtype=int)  # (m, t, g) places in Scene.geoms


@wp.struct
class Hit:
    """Hit of a ray; normal in the geom's frame, place -1 without a hit."""

    distance: float
    slot: int
    normal: wp.vec3
    u: float
    v: float
    face: int


@wp.func
def of_world(world: int, rows: int) -> int:
    """Return the row of a world in an array with one row per world, or one for all."""
    return wp.min(world, rows - 1)


@wp.func
def material(scene: Scene, world: int, geom: int) -> int:
    """Return the material of a geom, -1 for none."""
    return scene.geom_matid[of_world(world, scene.geom_matid.shape[0]), geom]


@wp.func
def paint(scene: Scene, world: int, geom: int, mat: int) -> wp.vec4:
    """Return a geom's colour: its own, or its material's if it has MuJoCo's default."""
    own = scene.geom_rgba[of_world(world, scene.geom_rgba.shape[0]), geom]
    if mat >= 0 and own == wp.vec4(0.5, 0.5, 0.5, 1.0):
        return scene.mat_rgba[of_world(world, scene.mat_rgba.shape[0]), mat]
    return own


@wp.func
def half_sizes(scene: Scene, world: int, geom: int) -> wp.vec3:
    """Return the half sizes of the box around a geom, in its frame."""
    kind = scene.geom_type[geom]
    size = scene.geom_size[of_world(world, scene.geom_size.shape[0]), geom]
    if kind == wp.static(SPHERE):
        return wp.vec3(size[0], size[0], size[0])
    if kind == wp.static(CAPSULE):
        return wp.vec3(size[0], size[0], size[0] + size[1])
    if kind == wp.static(CYLINDER):
        return wp.vec3(size[0], size[0], size[1])
    if kind == wp.static(MESH):
        mesh = scene.geom_dataid[of_world(world, scene.geom_dataid.shape[0]), geom]
        if mesh < 0:
            return wp.vec3(-1.0, -1.0, -1.0)
        # A little more: a flat mesh must not slip between rounding errors.
        return scene.mesh_half[mesh] + wp.vec3(1.0e-5, 1.0e-5, 1.0e-5)
    return size
