# pyright: reportArgumentType=false, reportCallIssue=false
"""The arm's tasks: where things lie at the start, and what counts as done."""

import numpy as np
import pytest

from envs import BatchEnv, Rule, arm_task, make_task, registry
from envs.arms.push import AREA, LOST
from envs.arms.scene import CUBE
from envs.arms.task import ArmTask
from envs.arms.world import ArmWorld

NAMES = ("Reach", "Push", "Lift")


def make(name: str, worlds: int = 32, **options) -> BatchEnv:
    return BatchEnv(make_task(name), worlds, observations=("state", "privileged"), **options)


def world_of(env: BatchEnv) -> ArmWorld:
    assert isinstance(env.task, ArmTask)
    return env.task.world


def hold(env: BatchEnv, steps: int) -> None:
    for _ in range(steps):
        env.step(np.zeros(env.action_space.shape))


@pytest.mark.parametrize("name", NAMES)
def test_nothing_moves_by_itself(name):
    env = make(name, randomization="default")
    env.reset(seed=0)
    world = world_of(env)
    tool, cube = world.tool.copy(), world.cube.copy() if name != "Reach" else None
    hold(env, 30)
    # Servos with play sag a little under the arm's weight.
    assert np.linalg.norm(world.tool - tool, axis=1).max() < 0.05
    if cube is not None:
        assert np.abs(world.cube - cube).max() < 0.003
    env.close()


@pytest.mark.parametrize("name", ["Push", "Lift"])
def test_the_cube_lies_within_reach_on_the_table(name):
    env = make(name, 256)
    env.reset(seed=1)
    cube = world_of(env).cube
    (near, far), spread = AREA
    radius, bearing = np.linalg.norm(cube[:, :2], axis=1), np.arctan2(cube[:, 1], cube[:, 0])
    assert radius.min() > near - 1e-9 and radius.max() < far + 1e-9 and np.abs(bearing).max() <= spread
    assert np.ptp(radius) > 0.08 and np.ptp(bearing) > 1.0
    np.testing.assert_allclose(cube[:, 2], CUBE)
    env.close()


def test_the_disc_is_apart_from_the_cube_and_within_reach():
    env = make("Push", 1024)
    env.reset(seed=2)
    world = world_of(env)
    apart = np.linalg.norm((world.goal - world.cube)[:, :2], axis=1)
    assert apart.min() > 0.0499 and apart.max() < 0.1401
    (near, far), spread = AREA
    radius, bearing = np.linalg.norm(world.goal[:, :2], axis=1), np.arctan2(world.goal[:, 1], world.goal[:, 0])
    outside = (radius < near) | (radius > far) | (np.abs(bearing) > spread)
    assert outside.mean() < 0.005 and radius.max() < far + 0.05
    assert not env.task.success().any()
    env.close()


def test_reach_is_done_at_the_ball():
    env = make("Reach", 4)
    env.reset(seed=0)
    world, ids = world_of(env), np.arange(4)
    for distance, done in ((0.0, True), (0.039, True), (0.041, False)):
        world.place_goal(ids, world.tool + np.array([0, 0, distance]))
        assert (env.task.success() == done).all()
    env.close()


def test_push_is_done_on_the_disc_and_lost_out_of_reach():
    env = make("Push", 4)
    env.reset(seed=0)
    world, ids = world_of(env), np.arange(4)
    world.place_cube(ids, world.goal + np.array([0.03, 0, CUBE]), np.zeros(4))
    assert env.task.success().all() and not env.task.terminated().any()
    world.place_cube(ids, np.tile([LOST + 0.01, 0, CUBE], (4, 1)), np.zeros(4))
    assert env.task.terminated().all() and not env.task.success().any()
    env.close()


def test_lift_is_done_in_the_air_and_pays_for_what_is_held():
    env = make("Lift", 4)
    env.reset(seed=0)
    world, ids = world_of(env), np.arange(4)
    low = env.task.reward()
    world.place_cube(ids, world.cube + np.array([0, 0, 0.1]), np.zeros(4))
    assert env.task.success().all()
    thrown = env.task.reward()
    world.place_cube(ids, world.grasp, np.zeros(4))
    assert (env.task.reward() > thrown).all() and (thrown < low + 0.1).all()
    env.close()


@pytest.mark.parametrize("name", ["Reach", "Reach:absolute"])
def test_actions_move_the_joints_that_they_name(name):
    env = make(name, 1)
    env.reset(seed=0)
    world = world_of(env)
    action = env.task.control.action(world.target, world.target)
    assert env.task_spec.name == name
    for joint in range(6):
        env.reset(seed=0)
        moved = action.copy()
        moved[:, joint] = np.clip(action[:, joint] + 0.5, -1, 1)
        before = world.position.copy()
        for _ in range(12):
            env.step(moved)
        change = world.position[0] - before[0]
        assert np.argmax(np.abs(change)) == joint and change[joint] > 0.05, (joint, change)
    env.close()


@pytest.mark.slow
def test_a_task_takes_one_file(monkeypatch):
    class Hover(Rule):
        """Keep the hand 15 cm above the table."""

        name, episode_seconds = "Hover", 1.0
        privileged_names, label_names, mask_geoms = ("height",), ("height",), ("table",)

        def place(self, world, ids):
            pass

        def privileged(self, world):
            return world.tool[:, 2:]

        labels = privileged

        def reward(self, world):
            return -np.abs(world.tool[:, 2] - 0.15)

        def success(self, world):
            return np.abs(world.tool[:, 2] - 0.15) < 0.02

    monkeypatch.setitem(registry._FACTORIES, "Hover", lambda split, *variants: arm_task(Hover, split, *variants))
    env = BatchEnv(make_task("Hover", "test"), 2, randomization="default")
    env.reset(seed=0)
    for _ in range(29):
        env.step(env.action_space.sample())
    _, reward, _, truncated, info = env.step(env.action_space.sample())
    assert truncated.all() and info["final_info"]["success"].shape == (2,) and (reward < 0.2).all()
    env.close()


def test_a_task_without_variants_says_so():
    with pytest.raises(ValueError, match="LaneFollow has no such variants"):
        make_task("LaneFollow:oval:absolute")
