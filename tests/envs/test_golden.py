"""Pictures that were looked at once and must stay as they are.

After a wanted change, write them anew, and look at them:

    UPDATE_GOLDEN=1 python -m pytest tests/envs/test_golden.py
"""

import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from envs import BatchEnv, Camera, LaneFollow, make_task
from envs.lane_follow.task import LaneFollowConfig
from envs.renderer import POSES, BatchRenderer

FOLDER = Path(__file__).parents[1] / "golden"
# Mean over the picture; fast math rounds differently from CPU to CPU, and an edge that moves by a tenth of a pixel
# is no change of the world.
GREY_LEVELS = 2.0


def golden(name: str, picture: np.ndarray) -> np.ndarray:
    """The golden picture (H, W, 3) RGB of that name, or this one where pictures are to be updated."""
    file = FOLDER / f"{name}.png"
    if os.environ.get("UPDATE_GOLDEN"):
        cv2.imwrite(str(file), picture[..., ::-1])
    stored = cv2.imread(str(file), cv2.IMREAD_COLOR_RGB)
    assert stored is not None, f"no {file}: make it with UPDATE_GOLDEN=1"
    return stored


def difference(name: str, picture: np.ndarray) -> float:
    """Mean absolute difference from the golden picture, in grey levels."""
    return float(np.abs(golden(name, picture).astype(int) - picture).mean())


def tiled(frames: np.ndarray) -> np.ndarray:
    """(4, H, W, 3) as (2H, 2W, 3)."""
    return np.vstack([np.hstack(list(frames[:2])), np.hstack(list(frames[2:]))])


@pytest.fixture(scope="module")
def task() -> LaneFollow:
    return LaneFollow(LaneFollowConfig(layouts=4))


def first_frames(task: LaneFollow, randomization: str) -> np.ndarray:
    env = BatchEnv(task, 4, randomization=randomization, observations=("images.front",))
    frames = env.reset(seed=7)[0]["images.front"]
    env.close()
    return frames


@pytest.mark.parametrize("randomization", ["none", "default", "wide"])
def test_what_the_policy_sees(task, randomization):
    assert difference(f"lane_{randomization}", tiled(first_frames(task, randomization))) < GREY_LEVELS


def test_what_a_film_shows(task):
    env = BatchEnv(task, 1, observations=("images.front",))
    env.reset(seed=7)
    assert env.vision is not None
    film = env.vision.render_from("chase", Camera.from_fov(160, 120, 1.0))[0]
    env.close()
    assert difference("lane_film", film) < GREY_LEVELS


def test_what_is_what(task, cars):
    """Segmentation, every geom in a colour of its own."""
    cars = cars(task, 4, seed=7)
    renderer = BatchRenderer(
        task.model, 4, task.spec.cameras["front"].lens, "front", per_world=task.spec.scene_fields, segmentation=True
    )
    for field in task.spec.scene_fields:
        renderer.set_field(field, cars.everyone, cars.batch.expand(field))
    poses = {name: cars.batch.bind(name) for name in POSES}
    cars.batch.forward()
    geoms = renderer.render(poses).segmentation
    assert geoms is not None
    colours = np.random.default_rng(0).integers(0, 256, (task.model.ngeom + 1, 3)).astype(np.uint8)
    picture = tiled(colours[geoms])
    assert (golden("lane_segmentation", picture) == picture).all(-1).mean() > 0.99


def test_the_tolerance_sees_a_small_change(task):
    """A picture that moved by a pixel, another tint, or another world is beyond the tolerance."""
    if os.environ.get("UPDATE_GOLDEN"):
        pytest.skip("the golden pictures are being written")
    picture = tiled(first_frames(task, "default"))
    for changed in (np.roll(picture, 1, 0), picture * np.array([1, 1, 0.9]), tiled(first_frames(task, "none"))):
        assert difference("lane_default", changed) > GREY_LEVELS


@pytest.mark.parametrize("name", ["Reach", "Push", "Lift"])
def test_what_a_policy_sees_of_an_arm(name):
    env = BatchEnv(make_task(name), 4, randomization="default")
    frames, _ = env.reset(seed=7)
    env.close()
    picture = np.hstack([tiled(frames["images.front"]), tiled(frames["images.wrist"])])
    assert difference(f"arm_{name.lower()}", picture) < GREY_LEVELS
