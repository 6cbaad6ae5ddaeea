# pyright: reportAttributeAccessIssue=false
"""What only BatchEnv decides: what is observed and when, from which camera, and what it refuses."""

import dataclasses
import re

import mujoco
import numpy as np
import pytest

from envs import BatchEnv, Camera, LaneFollow, Randomization, SensorConfig, Vary, make_task
from envs.task import View

NOW, LATE = (Randomization((Vary("sensor.latency", "choice", (steps,), "set"),)) for steps in (0, 2))


def drive(env: BatchEnv, steps: int = 8) -> list[dict[str, np.ndarray]]:
    """What is known after reset and every step: frame, privileged, labels and maps."""
    env.reset(seed=9)  # of which nothing must be left
    env.step(np.ones((env.num_envs, 2)))
    result, observation = [], env.reset(seed=0)[0]
    for step in range(steps + 1):
        if step:
            observation = env.step(np.tile([0.3 * (-1) ** step, 0.3], (env.num_envs, 1)))[0]
        known = {"frame": observation["images.front"], "privileged": env.privileged()}
        result.append(known | env.labels() | env.maps("front"))
    return result


def test_labels_are_as_late_as_the_frame(lane):
    options = {"observations": ("images.front",), "maps": (12, 20)}
    now = drive(BatchEnv(lane, 3, randomization=NOW, **options))
    late = drive(BatchEnv(lane, 3, randomization=LATE, **options))
    assert not np.array_equal(now[0]["frame"], now[2]["frame"])
    for step, known in enumerate(late):  # before the first frame has arrived, the first is what is seen
        for name, value in known.items():
            np.testing.assert_array_equal(value, now[max(step - 2, 0)][name], err_msg=f"step {step}: {name}")


def test_maps_show_the_road_and_how_far_it_is(lane):
    env = BatchEnv(lane, 20, observations=("images.front",), maps=(12, 20))
    env.reset(seed=0)
    mask, depth = env.maps("front")["mask"], env.maps("front")["depth"]
    assert mask.shape == depth.shape == (20, 12, 20) and mask.dtype == depth.dtype == np.float32
    assert mask.min() >= 0 and mask.max() == 1 and depth.min() >= 0 and depth.max() < 1
    assert mask[:, -1].mean() > 0.5 > 0.05 > mask[:, 0].mean()  # the road lies ahead of the car, not in the sky
    assert (np.diff(np.median(depth, (0, 2))[4:]) > 0).all()  # the ground comes nearer from row to row
    env.close()


def with_second_camera(lane: LaneFollow) -> LaneFollow:
    chase = View(Camera.from_fov(40, 30, 1.0), crop=(0, 0, 40, 30), size=(40, 30))
    lane.spec = dataclasses.replace(lane.spec, cameras={**lane.spec.cameras, "chase": chase})
    return lane


def test_a_camera_observed_alone_has_the_quality_drawn(lane):
    dark = Randomization((Vary("sensor.exposure", "choice", (0.0,), "set"),))
    for keys in (("images.front", "images.chase"), ("images.chase",)):
        env = BatchEnv(with_second_camera(lane), 2, observations=keys, randomization=dark)
        observation, _ = env.reset(seed=0)
        assert observation["images.chase"].shape == (2, 30, 40, 3)
        assert all(observation[key].max() == 0 for key in keys)
        env.close()


def test_what_the_task_lays_out_stands_as_it_was_laid(lane):
    """Also in the first episode and without randomization: MuJoCo remembers which geoms were not turned."""
    env = BatchEnv(lane, 3, observations=("images.front",))
    turned = env._batch.bind("geom_xmat")
    for seed in (0, 1):
        env.reset(seed=seed)
        quat, want = env._batch.expand("geom_quat"), np.zeros(9)
        for world in range(3):
            for geom in np.flatnonzero(lane.model.geom_bodyid == 0):
                mujoco.mju_quat2Mat(want, quat[world, geom])
                np.testing.assert_allclose(turned[world, geom].ravel(), want, atol=1e-9)
    env.close()


def test_image_size_and_sensor_are_as_asked(lane):
    plain, twice = (
        BatchEnv(lane, 2, observations=("images.front",), sensor=sensor, image_size=(40, 24)).reset(seed=0)[0]
        for sensor in (None, SensorConfig(exposure=0.5))
    )
    assert plain["images.front"].shape == (2, 24, 40, 3)
    np.testing.assert_allclose(twice["images.front"], plain["images.front"] / 2, atol=0.51)


PINHOLE = Camera.from_fov(160, 120, 1.0)


def test_frames_are_seen_through_the_camera_that_is_given(lane):
    """A pinhole of another field of view shows something else, and a label map goes with it."""
    ours, theirs, same = (
        BatchEnv(lane, 2, observations=("images.front",), sensor=None, cameras=cameras).reset(seed=0)[0]["images.front"]
        for cameras in (None, {"front": PINHOLE}, {"front": lane.spec.cameras["front"].camera})
    )
    np.testing.assert_array_equal(ours, same)
    assert np.abs(ours.astype(float) - theirs).mean() > 10


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_envs": 0}, "num_envs must be at least 1, not 0"),
        ({"num_envs": -3}, "num_envs must be at least 1, not -3"),
        ({"randomization": "wild"}, "LaneFollow has no randomization 'wild'; presets: none, default, wide"),
        ({"observations": ("image",)}, "LaneFollow does not observe 'image'; it has: state, privileged, images.front"),
        ({"device": "gpu"}, "no device 'gpu' on this machine; available: cpu"),
        ({"image_size": (0, 48)}, "width is 0"),
        ({"cameras": {"rear": PINHOLE}}, "LaneFollow has no camera 'rear'; it has: front"),
        (
            {"cameras": {"front": Camera.from_fov(80, 60, 1.0)}},
            "camera 'front' gives 80x60 px, LaneFollow needs 160x120",
        ),
        ({"maps": (7, 20)}, "maps of 7x20 do not divide frames of 48x80"),
        (
            {"randomization": Randomization((Vary("task.grip", "uniform", (0, 1)),))},
            "no randomizable field 'task.grip'",
        ),
    ],
)
def test_a_bad_option_is_refused_in_one_line(lane, options, message):
    with pytest.raises(ValueError, match=re.escape(message)) as error:
        BatchEnv(lane, **options)
    assert "\n" not in str(error.value)


def test_bad_actions_and_seeds_are_refused(lane):
    env = BatchEnv(lane, 3, observations=("state",))
    with pytest.raises(ValueError, match="2 seeds for 3 worlds"):
        env.reset(seed=[1, 2])
    env.reset(seed=0)
    with pytest.raises(ValueError, match=re.escape("actions of shape (2,); this environment takes (3, 2)")):
        env.step(np.zeros(2))
    with pytest.raises(ValueError, match="the action for world 1 is not finite"):
        env.step(np.array([[0, 0], [0, np.nan], [np.inf, 0]]))
    with pytest.raises(ValueError, match="without images has no maps"):
        env.maps("front")


def test_an_unknown_task_is_answered_with_the_known_ones():
    with pytest.raises(ValueError, match="no task 'LaneFolow'; did you mean LaneFollow"):
        make_task("LaneFolow")
    with pytest.raises(ValueError, match=r"no split 'holdout'; valid: train, .*test"):
        make_task("LaneFollow", "holdout")
    assert make_task("sim2real/LaneFollow-v0").spec.name == "LaneFollow"
