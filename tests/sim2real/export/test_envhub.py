# pyright: reportAttributeAccessIssue=false, reportArgumentType=false
"""Tasks as LeRobot's environments: the same episodes as of the rehearsal robot, in a dataset's units."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

import sim2real
from envs import make_task
from sim2real.export.envhub import RobotEnv, vector_env
from sim2real.rehearsal.robot import SimulatedRobot

TEMPLATE = Path(sim2real.__file__).parent / "export/templates/lerobot/env.py"


@pytest.mark.slow
def test_episodes_are_those_of_the_rehearsal_robot():
    env, robot = RobotEnv("Reach", "front"), SimulatedRobot(make_task("Reach", "rehearsal"), ("front",))
    boundary, random = robot.boundary, np.random.default_rng(0)
    try:
        seen, _ = env.reset(seed=7)
        robot.reset(7)
        sent = robot.observe()["state"]
        for _ in range(20):
            expected = robot.observe()
            np.testing.assert_array_equal(seen["pixels"]["front"], expected["images.front"])
            np.testing.assert_allclose(seen["agent_pos"], boundary.to_log(expected["state"]), atol=1e-5)
            assert env.observation_space.contains(seen)
            sent = boundary.command(random.uniform(-1, 1, 6), expected["state"], sent)
            robot.command(sent)
            seen, reward, terminated, truncated, info = env.step(boundary.to_log(sent).astype(float))
            assert np.isfinite(reward) and not terminated and not truncated and info == {"is_success": False}
    finally:
        env.close()
        robot.close()


@pytest.mark.slow
def test_an_episode_ends_with_what_lerobot_asks_for():
    worlds = vector_env("Reach", "front", 2, processes=False)
    env = worlds["Reach"][0]
    try:
        seen, _ = env.reset(seed=[3, 4], options={"lerobot_new_rollout": True})
        assert env.call("task_description") == ("touch the ball",) * 2 and env.metadata["render_fps"] == 30
        (most, _), steps = env.call("_max_episode_steps"), 0
        done, info = np.zeros(2, bool), {}
        while not done.all():
            seen, _, terminated, truncated, info = env.step(seen["agent_pos"])
            done |= terminated | truncated
            steps += 1
        assert steps == most and info["final_info"]["is_success"].tolist() == [False, False]
        assert env.envs[0].render().shape == (120, 160, 3)
    finally:
        env.close()


def test_the_file_for_envhub_makes_the_task_of_the_policy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    file = tmp_path / "env.py"
    file.write_text(TEMPLATE.read_text().replace("@TASK@", "Push").replace("@CAMERA@", "front"))
    spec = importlib.util.spec_from_file_location("hub_env", file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    asked: list[tuple] = []
    monkeypatch.setattr(module, "vector_env", lambda *words: asked.append(words))
    module.make_env(n_envs=3, use_async_envs=True, cfg=None)
    assert asked == [("Push", "front", 3, True)]
