# ruff: noqa: RUF046, UP018 (Warp compiles this: float() declares a variable, static conditions stand alone)
"""Tiles of the image: all rays of a tile are in a narrow cone, which excludes most geoms for all of them."""

import numpy as np

from envs.raycast.flat import may_hit_flat
from envs.raycast.scene import FAR, MESH, PLANE, Near, Poses, Rays, Scene, half_sizes, material, of_world, paint
from envs.warp_start import wp  # before mujoco_warp, which compiles with Warp's settings

wp.set_module_options({"enable_backward": False})

TILE = 8  # px along each side: smaller ones meet fewer geoms, larger ones take less time to find out which


def tiles(width: int, height: int) -> tuple[np.ndarray, int]:
    """Return (H, W) the tile of every pixel, and the number of tiles."""
    columns, rows = -(-width // TILE), -(-height // TILE)
    return (np.arange(height)[:, None] // TILE) * columns + np.arange(width) // TILE, columns * rows


def cones(rays: np.ndarray, tile: np.ndarray, count: int) -> np.ndarray:
    """Return (L, t, 4) float32 per lens and tile: the mean direction, and the maximum deviation of its rays.

    Args:
        rays: (L, samples², H, W, 3) unit directions.
        tile: (H, W) the tile of every pixel.
        count: number of tiles t.
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


@wp.kernel
def place(scene: Scene, poses: Poses, camera: int, worlds: wp.array(dtype=int), near: Near):
    """Transform the camera into every geom's frame."""
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
    """List the geoms that a ray of a tile may hit; geoms behind an infinite plane are left out."""
    row, tile = wp.tid()
    cone = rays.cone[of_world(worlds[row], rays.cone.shape[0]), tile]
    axis, stray = wp.vec3(cone[0], cone[1], cone[2]), cone[3]
    count = int(0)
    nearest = float(FAR)
    for slot in range(scene.geoms.shape[0]):
        half = near.half[row, slot]
        if scene.geom_type[scene.geoms[slot]] == wp.static(PLANE) and half[2] >= 0.0:
            down = wp.dot(near.turn[row, slot][2], axis)
            if down - stray < 0.0 and near.origin[row, slot][2] >= 0.0:
                near.candidate[row, tile, count] = slot
                count += 1
                if down + stray < -1.0e-4 and half[0] <= 0.0 and half[1] <= 0.0:
                    nearest = wp.min(nearest, near.origin[row, slot][2] / -(down + stray))
    for slot in range(scene.geoms.shape[0]):
        half = near.half[row, slot]
        if scene.geom_type[scene.geoms[slot]] != wp.static(PLANE) and half[2] >= 0.0:
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
            met, geom = enter <= leave, scene.geoms[slot]
            if met and scene.geom_type[geom] == wp.static(MESH):
                place = scene.flat[scene.geom_dataid[of_world(worlds[row], scene.geom_dataid.shape[0]), geom]]
                if place >= 0:
                    met = may_hit_flat(scene, place, origin, along, stray, enter, leave)
            if met:
                near.candidate[row, tile, count] = slot
                count += 1
    near.count[row, tile] = count
