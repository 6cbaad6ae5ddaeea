"""What the ray casting kernels read: a model's arrays, room for poses, and how an image is cut into tiles."""

from typing import Any

import mujoco
import numpy as np

from envs.raycast import Poses, Scene, fill_grid
from envs.warp_start import wp  # before mujoco_warp, which compiles with Warp's settings

from mujoco_warp._src.render_util import texture_pixels  # isort: skip

FLAT = 1e-6  # thickness of a flat mesh, as a share of its length
GRID = 128  # cells along each side of the grid over a flat mesh
TILE = 8  # px along each side: smaller ones meet fewer geoms, larger ones take less time to find out which


def scene_of(mujoco_model: mujoco.MjModel, model: Any, context: Any) -> Scene:
    """The arrays of a mujoco_warp model and its render context that drawing needs, shared; and textures and grids."""
    scene = Scene()
    scene.geoms = context.enabled_geom_ids
    scene.mesh, scene.mesh_half = context.mesh_bvh_id, context.mesh_bounds_size
    for name in Scene.vars:
        if hasattr(context, name) or hasattr(model, name):
            setattr(scene, name, getattr(context, name) if hasattr(context, name) else getattr(model, name))
    _give_textures(scene, mujoco_model)
    _give_grids(scene, mujoco_model)
    return scene


def _give_textures(scene: Scene, model: mujoco.MjModel) -> None:
    pixels = [texture_pixels(model, k)[..., :3] for k in range(model.ntex)]
    texels = [np.broadcast_to(each, (*each.shape[:2], 3)).reshape(-1, 3) for each in pixels]
    first = np.cumsum([0, *map(len, texels)])[:-1]
    flat = np.concatenate([np.zeros((0, 3)), *texels]) / 255
    scene.texel = wp.array(flat.astype(np.float32), dtype=wp.vec3)
    scene.texture_first = wp.array(first.astype(np.int32), dtype=int)
    scene.texture_size = wp.array([(each.shape[1], each.shape[0]) for each in pixels], dtype=wp.vec2i)


def _give_grids(scene: Scene, model: mujoco.MjModel) -> None:
    """Of flat meshes: which faces there are in each cell of a grid over the plane that they lie in."""
    places, axes, lows, cells = -np.ones(model.nmesh, np.int32), [], [], []
    corners, owner = np.zeros((model.nmeshface, 3, 2), np.float32), -np.ones(model.nmeshface, np.int32)
    for mesh in range(model.nmesh):
        first, start = model.mesh_vertadr[mesh], model.mesh_faceadr[mesh]
        points = model.mesh_vert[first : first + model.mesh_vertnum[mesh]].astype(np.float64)
        extent, axis = np.ptp(points, axis=0), int(np.ptp(points, axis=0).argmin())
        if extent[axis] > FLAT * extent.max():
            continue
        size = extent.max() / (GRID - 2)
        low = points.min(0) - size
        places[mesh] = len(axes)
        faces = slice(start, start + model.mesh_facenum[mesh])
        corners[faces] = ((points - low) / size)[:, [(axis + 1) % 3, (axis + 2) % 3]][model.mesh_face[faces]]
        owner[faces] = len(axes)
        low[axis] = points[:, axis].mean()
        axes, lows, cells = [*axes, axis], [*lows, low], [*cells, np.full(3, 1 / size)]
    scene.flat, scene.flat_axis = wp.array(places, dtype=int), wp.array(np.array(axes, np.int32), dtype=int)
    scene.flat_low, scene.flat_cells = (wp.array(np.array(v).reshape(-1, 3), dtype=wp.vec3) for v in (lows, cells))
    scene.flat_corners = wp.array(corners, dtype=wp.vec2)
    count = wp.zeros((len(axes), GRID, GRID + 1), dtype=int)  # the last column is a row's end
    inputs = [wp.array(owner, dtype=int), scene.flat_corners]
    wp.launch(fill_grid, dim=len(owner), inputs=[*inputs, False, count, wp.zeros(1, dtype=int)])
    ends = count.numpy().ravel().cumsum().reshape(count.shape)
    scene.flat_first = wp.array((ends - count.numpy()).astype(np.int32), dtype=int)
    scene.flat_faces = wp.zeros(max(int(ends.max(initial=0)), 1), dtype=int)
    wp.launch(fill_grid, dim=len(owner), inputs=[*inputs, True, wp.clone(scene.flat_first), scene.flat_faces])


def poses_of(model: mujoco.MjModel, num_worlds: int) -> Poses:
    """Room for where things are in n worlds."""
    poses = Poses()
    for kind, count in (("geom", model.ngeom), ("cam", model.ncam)):
        setattr(poses, f"{kind}_xpos", wp.zeros((num_worlds, count), dtype=wp.vec3))
        setattr(poses, f"{kind}_xmat", wp.zeros((num_worlds, count), dtype=wp.mat33))
    poses.light_xpos, poses.light_xdir = (wp.zeros((num_worlds, model.nlight), dtype=wp.vec3) for _ in range(2))
    return poses


def tiles(width: int, height: int) -> tuple[np.ndarray, int]:
    """(H, W) the tile of every pixel, and how many there are."""
    columns, rows = -(-width // TILE), -(-height // TILE)
    return (np.arange(height)[:, None] // TILE) * columns + np.arange(width) // TILE, columns * rows


def cones(rays: np.ndarray, tile: np.ndarray, count: int) -> np.ndarray:
    """(L, t, 4) float32 per lens and tile: the mean direction, and how far a ray of it strays from that at most.

    Args:
        rays: (L, samples², H, W, 3) unit directions.
        tile: (H, W) of every pixel.
        count: t.
    """
    directions = rays.transpose(0, 2, 3, 1, 4).reshape(len(rays), -1, rays.shape[1], 3)
    order = np.argsort(tile.ravel(), kind="stable")
    first = np.searchsorted(tile.ravel()[order], np.arange(count))
    directions, owner = directions[:, order], tile.ravel()[order]
    axis = np.add.reduceat(directions.sum(2), first, axis=1)
    axis /= np.linalg.norm(axis, axis=-1, keepdims=True)
    apart = np.linalg.norm(directions - axis[:, owner, None], axis=-1).max(2)
    stray = np.maximum.reduceat(apart, first, axis=1)
    # A little more than that, as kernels reckon in single precision.
    return np.concatenate([axis, 1.001 * stray[..., None] + 1e-5], -1).astype(np.float32)
