# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false
"""Pictures beside those of mujoco_warp's own renderer, which casts every ray at a tree of all geoms."""

import copy

import mujoco
import mujoco_warp as mjw
import numpy as np
import pytest

from envs import BatchEnv, make_task
from envs.renderer import POSES, BatchRenderer
from envs.vision import VISUAL_FIELDS

SCENES = {
    "the rehearsal car's whole frame": ("LaneFollow", "rehearsal", "rehearsal"),
    "a default lane world": ("LaneFollow", "test", "default"),
    "a wide lane world": ("LaneFollow", "test", "wide"),
    "an arm that reaches": ("Reach", "test", "default"),
    "an arm that lifts": ("Lift", "test", "wide"),
}
SEEDS = 2


def drawn_world(task: str, split: str, preset: str, seed: int):
    """The model, the state and the lens of a randomized world that has moved a little."""
    env = BatchEnv(make_task(task, split), 1, randomization=preset, threads=1)
    poses = {name: env.batch.bind(name) for name in POSES}
    env.reset(seed=seed)
    for _ in range(3):
        env.step(0.4 * np.ones(env.action_space.shape))
    model, data = copy.copy(env.task.model), mujoco.MjData(env.task.model)
    for field in VISUAL_FIELDS:
        getattr(model, field)[:] = env.batch.expand(field)[0].reshape(getattr(model, field).shape)
    mujoco.mj_forward(model, data)
    for name in POSES:
        getattr(data, name)[:] = poses[name][0].reshape(getattr(data, name).shape)
    camera, view = next(iter(env.task_spec.cameras.items()))
    env.close()
    return model, data, camera, view.lens


def mujoco_warp_s(model, data, camera, lens, shadows):
    """(H, W, 3) uint8 by mujoco_warp itself."""
    warp_model, warp_data = mjw.put_model(model), mjw.put_data(model, copy.copy(data), nworld=1)
    for pose in POSES:  # what put_data has, it computed anew
        array = getattr(warp_data, pose)
        array.assign(np.asarray(getattr(data, pose), np.float32).reshape(array.numpy().shape))
    context = mjw.create_render_context(
        model,
        nworld=1,
        cam_res=(lens.width, lens.height),
        cam_active=[camera],
        render_rgb=True,
        use_shadows=shadows,
        enabled_geom_groups=[0, 1],
    )
    context.ray.assign(lens.rays().reshape(-1, 3).astype(np.float32))
    mjw.refit_bvh(warp_model, warp_data, context)
    mjw.render(warp_model, warp_data, context)
    packed = context.rgb_data.numpy()[0].view(np.uint8)
    return packed.reshape(lens.height, lens.width, 4)[..., 2::-1]


@pytest.mark.parametrize("name", SCENES)
def test_pictures_are_those_of_mujoco_warp(name):
    differing = total = 0
    for seed in range(SEEDS):
        model, data, camera, lens = drawn_world(*SCENES[name], seed)
        renderer = BatchRenderer(model, 1, lens, camera)
        ours = renderer.render({pose: np.asarray(getattr(data, pose))[None] for pose in POSES}).rgb[0]
        theirs = mujoco_warp_s(model, data, camera, lens, shadows=False)
        assert np.ptp(theirs.astype(int)) > 50
        difference = np.abs(ours.astype(int) - theirs.astype(int)).max(-1)
        differing, total = differing + int((difference > 1).sum()), total + difference.size
    # A ray that passes an edge of a geom within rounding errors may fall to either side.
    assert differing <= 2e-4 * total, f"{differing} of {total} pixels"
