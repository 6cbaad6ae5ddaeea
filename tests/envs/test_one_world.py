# pyright: reportAttributeAccessIssue=false, reportOptionalMemberAccess=false
"""A layout of the rehearsal car is one world, whoever makes it: episodes differ in where and which way they start."""

import numpy as np
import pytest

from envs import BatchEnv, LaneFollow, make_task
from envs.errors import InputError
from envs.lane_follow.task import LaneFollowConfig

FIELDS = ("geom_pos", "geom_quat", "geom_size", "geom_dataid", "light_pos", "light_dir", "light_active")


def made(split: str, layout: int, count: int = 4, preset: str = "rehearsal-gloss", seed: int = 0) -> BatchEnv:
    env = BatchEnv(make_task("LaneFollow", split, layout=layout), count, randomization=preset, sensor=None)
    env.reset(seed=seed)
    return env


def scene(env: BatchEnv) -> list[np.ndarray]:
    """Everything that was drawn but the start, a row per world."""
    fields = [env.batch.expand(name).reshape(env.num_envs, -1).copy() for name in FIELDS]
    return [env.randomizer.drawn.copy(), *fields]


def test_all_episodes_of_a_layout_are_in_one_world_in_every_split_and_of_any_seed():
    envs = [made("recording", 7), made("rehearsal", 7, seed=1000)]
    first = [values[:1] for values in scene(envs[0])]
    for env in envs:
        for _ in range(2):
            for values, one in zip(scene(env), first, strict=True):
                np.testing.assert_array_equal(values, np.repeat(one, 4, 0))
            env.reset()  # the next episodes
        env.close()
    tracks = [env.task.tracks for env in envs]
    np.testing.assert_array_equal(tracks[0][0].points, tracks[1][0].points)


def test_layouts_differ_in_track_car_and_look():
    one, other = made("recording", 0), made("recording", 1)
    assert all((a[0] != b[0]).any() for a, b in zip(scene(one)[:2], scene(other)[:2], strict=True))
    assert np.abs(one.task.tracks[0].points - other.task.tracks[0].points).max() > 0.1
    assert one.episode_parameters(0)["task.steer_max/task"] != other.episode_parameters(0)["task.steer_max/task"]
    assert one.lens("front", 0) != other.lens("front", 0)
    one.close()
    other.close()


def test_episodes_start_anywhere_in_both_directions():
    env = made("recording", 3, count=40)
    task = env.task
    assert set(task.layout) == {0, 1}  # directions
    along = task._along / task._length[0]
    assert np.histogram(along, 5, (0, 1))[0].min() >= 2 and len(np.unique(np.round(task.poses, 6), axis=0)) == 40
    line = task.tracks[0]
    for k, (x, y, yaw) in enumerate(task.poses):
        nearest = np.square(line.points - (x, y)).sum(1).argmin()
        forward = np.cos(yaw - line.heading[nearest]) > 0
        assert forward == (task.layout[k] == 0)
    env.close()


def test_without_a_layout_every_episode_draws_its_own_world(lane: LaneFollow):
    env = BatchEnv(lane, 4, randomization="rehearsal-gloss", sensor=None)
    env.reset(seed=0)
    assert lane.world_seed is None and len(lane.tracks) == 3
    for values in scene(env)[:2]:
        assert len(np.unique(values, axis=0)) == 4
    env.close()


def test_the_same_place_looks_the_same_in_a_recording_and_in_an_evaluation():
    """The glare of the lens and the daylight, too; the sensor's noise is the episode's own."""
    frames = {}
    for split, seed in (("recording", 5), ("rehearsal", 99)):
        task = make_task("LaneFollow", split, layout=2)
        env = BatchEnv(task, 2, randomization="rehearsal-gloss", observations=("images.front",))
        env.reset(seed=seed)
        for name in ("latency", "drop", "read_noise", "shot_noise"):
            env._sensor.params[name][:] = 0
        pose = env.batch.bind("qpos")
        pose[:] = frames.setdefault("pose", pose[0].copy())
        frames[split] = env.vision.observe(np.arange(2))["front"]
        env.close()
    np.testing.assert_array_equal(frames["recording"][0], frames["recording"][1])
    np.testing.assert_array_equal(frames["recording"], frames["rehearsal"])
    assert frames["recording"].std() > 5


@pytest.mark.parametrize("seed", range(5))
def test_the_way_back_is_the_same_line(seed: int):
    task = LaneFollow(LaneFollowConfig(layouts=1, layout_seed=seed, one_world=True))
    there, back = task.tracks
    assert back.reversed.points.tolist() == there.points.tolist() and back.length == there.length
    ahead = np.roll(back.points, -1, 0) - np.roll(back.points, 1, 0)
    off = np.arctan2(ahead[:, 1], ahead[:, 0]) - back.heading
    assert np.abs((off + np.pi) % (2 * np.pi) - np.pi).max() < 1e-9
    turned = np.gradient(np.unwrap(back.heading)) / (back.length / len(back.points))
    np.testing.assert_allclose(turned[1:-1], back.curvature[1:-1], atol=1e-9)


def test_what_has_no_layouts():
    with pytest.raises(InputError, match="Reach has no layouts"):
        make_task("Reach", "recording", layout=0)
    with pytest.raises(InputError, match="LaneFollow has one layout in one world, not 3"):
        LaneFollow(LaneFollowConfig(layouts=3, one_world=True))
