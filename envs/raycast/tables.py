"""Arrays of a model for the kernels."""

from typing import Any

import mujoco
import numpy as np

from envs.raycast.flat_grids import give_grids
from envs.raycast.scene import Poses, Scene
from envs.raycast.textures import give_textures
from envs.warp_start import wp


def scene_of(mujoco_model: mujoco.MjModel, model: Any, context: Any, mirrors: int = 1) -> Scene:
    """Return shared arrays of a mujoco_warp model and its render context for drawing, with textures and grids.

    Args:
        mirrors: rows of the materials' reflectance, which mujoco_warp does not have: 1, or one per world.
    """
    scene = Scene()
    scene.geoms = context.enabled_geom_ids
    scene.mesh, scene.mesh_half = context.mesh_bvh_id, context.mesh_bounds_size
    for name in Scene.vars:
        if hasattr(context, name) or hasattr(model, name):
            setattr(scene, name, getattr(context, name) if hasattr(context, name) else getattr(model, name))
    reflectance = np.tile(mujoco_model.mat_reflectance.astype(np.float32), (mirrors, 1))
    scene.mat_reflectance = wp.array(reflectance, dtype=float)
    give_textures(scene, mujoco_model)
    give_grids(scene, mujoco_model)
    return scene


def poses_of(model: mujoco.MjModel, num_worlds: int) -> Poses:
    """Allocate the poses of n worlds."""
    poses = Poses()
    for kind, count in (("geom", model.ngeom), ("cam", model.ncam)):
        setattr(poses, f"{kind}_xpos", wp.zeros((num_worlds, count), dtype=wp.vec3))
        setattr(poses, f"{kind}_xmat", wp.zeros((num_worlds, count), dtype=wp.mat33))
    poses.light_xpos, poses.light_xdir = (wp.zeros((num_worlds, model.nlight), dtype=wp.vec3) for _ in range(2))
    return poses
