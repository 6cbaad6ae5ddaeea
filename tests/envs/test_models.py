# pyright: reportAttributeAccessIssue=false
"""A model is made of its configuration alone: recordings are lived through again in one made anew."""

from collections.abc import Callable

import mujoco
import numpy as np
import pytest

from envs.arms.scene import build_model as arm_model
from envs.arms.so101 import SO101
from envs.lane_follow.meshes import drawn_sizes
from envs.lane_follow.scene import NOMINAL_CAMERA
from envs.lane_follow.scene import build_model as lane_model
from envs.lane_follow.track import TrackConfig, generate_track


def lane() -> mujoco.MjModel:
    tracks, config = [generate_track(seed) for seed in range(2)], TrackConfig()
    return lane_model(tracks, [drawn_sizes(track, config) for track in tracks], config, NOMINAL_CAMERA)


def arm() -> mujoco.MjModel:
    return arm_model(SO101, cube=True)


@pytest.mark.parametrize("make", [lane, arm])
def test_a_model_made_anew_has_the_same_bytes(make: Callable[[], mujoco.MjModel]):
    saved = []
    for _ in range(2):
        model = make()
        saved.append(np.zeros(mujoco.mj_sizeModel(model), np.uint8))
        mujoco.mj_saveModel(model, None, saved[-1])
    np.testing.assert_array_equal(*saved)
