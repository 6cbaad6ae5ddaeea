# pyright: reportArgumentType=false, reportCallIssue=false
"""What every registered environment must keep to, whatever its task."""

import dataclasses
import functools
import gc
import tracemalloc
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.utils import env_checker
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from stable_baselines3.common import env_checker as sb3_env_checker

from envs import BatchEnv, SingleEnv, Task, make_task, task_names

REBUILT = "LaneFollow:oval"  # a rebuilt track that is drawn for these tests
# Of the tasks one in a fast run: that a contract holds for all of them is what takes long.
LISTED = [name if name == "LaneFollow" else pytest.param(name, marks=pytest.mark.slow) for name in task_names()]
PLAIN = pytest.mark.parametrize("name", LISTED)  # of long runs, in which a rebuilt track is a layout like others
TASKS = pytest.mark.parametrize("name", [*LISTED, pytest.param(REBUILT, marks=pytest.mark.slow)])
pytestmark = pytest.mark.usefixtures("rebuilt_tracks")
cached_task = functools.cache(make_task)  # for one environment after the other
SHORT, LONGER = 12, 25  # steps of an episode of what tests play beyond its end
SMALL = (40, 32)  # px; of most contracts, which hold for images of any size


@pytest.fixture(autouse=True)
def warnings_are_errors() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def gymnasium_id(name: str) -> dict[str, str]:
    """What gymnasium takes to make a task: the id, and the name with variants."""
    return {"id": f"sim2real/{name.partition(':')[0]}-v0", "task": name}


@functools.cache
def short_task(name: str, steps: int) -> Task:
    """With episodes of so many steps."""
    task = make_task(name)
    task.spec = dataclasses.replace(task.spec, episode_seconds=steps * task.spec.control_dt)
    return task


def make(name: str, worlds: int, randomization: str = "default", steps: int = SHORT, **options: Any) -> BatchEnv:
    options = {"image_size": SMALL} | options
    return BatchEnv(short_task(name, steps), worlds, randomization=randomization, **options)


def random_actions(env: BatchEnv, steps: int, seed: int = 0) -> np.ndarray:
    """(steps, n, A) that wander, so that the robot gets somewhere; world i's depend on i alone."""
    size = env.action_space.sample().shape[1:]
    noise = [np.random.default_rng([seed, i]).normal(0, 0.5, (steps, *size)) for i in range(env.num_envs)]
    return np.clip(np.cumsum(noise, 1), -1, 1).swapaxes(0, 1)


def flat(value: Any, path: str = "") -> dict[str, np.ndarray]:
    """The arrays in nested dicts and object arrays by path; what is None is left out."""
    if isinstance(value, dict):
        return {k: v for name in value for k, v in flat(value[name], f"{path}/{name}").items()}
    if isinstance(value, (tuple, list)) or (isinstance(value, np.ndarray) and value.dtype == object):
        return {k: v for i, each in enumerate(value) for k, v in flat(each, f"{path}[{i}]").items()}
    return {} if value is None else {path: np.asarray(value)}


def play(env: BatchEnv, steps: int, seed: int = 0) -> list[dict[str, np.ndarray]]:
    """All that reset and every step return, and the labels then."""
    result = [flat(env.reset(seed=seed))]
    for action in random_actions(env, steps):
        result.append(flat([*env.step(action), env.privileged(), env.labels()]))
    return result


def assert_same(first: list[dict[str, np.ndarray]], other: list[dict[str, np.ndarray]]) -> None:
    for step, (a, b) in enumerate(zip(first, other, strict=True)):
        assert a.keys() == b.keys(), step
        for path in a:
            assert a[path].dtype == b[path].dtype
            np.testing.assert_array_equal(a[path], b[path], err_msg=f"step {step}: {path}")


@TASKS
def test_threads_change_no_byte(name):
    runs = []
    for threads in (1, 2):
        env = make(name, 3, threads=threads)
        runs.append(play(env, SHORT + 4))
        env.close()
    assert any("final_obs" in path for step in runs[0] for path in step)  # the runs went past the end of an episode
    for run in runs[1:]:
        assert_same(runs[0], run)


@TASKS
def test_a_seed_is_an_episode(name):
    env = make(name, 3, "wide")
    first = play(env, SHORT + 2, seed=4)
    env.reset()
    assert_same(play(env, SHORT + 2, seed=4), first)
    other = env.reset(seed=5)[0]
    for world in range(2):  # world i has seed + i
        for key, values in flat(other).items():
            np.testing.assert_array_equal(values[world], first[0]["[0]" + key][world + 1])
    env.close()


@TASKS
def test_worlds_and_episodes_differ(name):
    env = make(name, 6, image_size=None)
    episodes = [env.reset(seed=0)[0], env.reset()[0], env.reset(seed=100)[0]]
    for key in ("privileged", *(k for k in env.keys if k.startswith("images."))):
        seen = np.concatenate([e[key] for e in episodes]) if key in env.keys else env.privileged()
        looks = {world.tobytes() for world in seen}
        assert len(looks) == len(seen), key
        if key.startswith("images."):
            pairs = np.abs(seen[:, None].astype(int) - seen[None]).mean((2, 3, 4)) + 99 * np.eye(len(seen))
            assert pairs.min() > 3, key  # grey levels on average: looks, and not noise alone
    parameters = [env.episode_parameters(world) for world in range(6)]
    assert all(len({p[label] for p in parameters}) > 1 for label in parameters[0])
    env.close()


@TASKS
def test_a_world_does_not_depend_on_its_batch(name):
    env = make(name, 5, "wide")
    actions = random_actions(env, SHORT + 4)
    together = [env.reset(seed=20)[0]] + [env.step(action)[:4] for action in actions]
    ended = np.any([step[2] | step[3] for step in together[1:]], 0)
    env.close()
    for world in (0, 3):
        alone = make(name, 1, "wide")
        steps = [alone.reset(seed=20 + world)[0]] + [alone.step(action[[world]])[:4] for action in actions]
        for a, b in zip(steps, together, strict=True):
            for have, want in zip(flat(a).values(), flat(b).values(), strict=True):
                np.testing.assert_array_equal(have[0], want[world])
        alone.close()
    assert ended[[0, 3]].any()  # so that the second episode was compared, too


@TASKS
def test_arrays_belong_to_the_caller(name):
    env = make(name, 3)
    want = play(env, SHORT + 4)
    actions = random_actions(env, SHORT + 4)
    before = flat(env.reset(seed=0))
    for step, action in enumerate(actions):
        got = flat([*env.step(action), env.privileged(), env.labels()])
        for path, array in before.items():
            assert not any(np.shares_memory(array, other) for other in got.values()), path
            if array.flags.writeable and array.ndim:
                array[:] = 77 if array.dtype != bool else True
        action[:] = np.nan
        assert_same([got], [want[step + 1]])
        before = got
    env.close()


def simulated_time_is_that_of_the_episode(env: BatchEnv) -> bool:
    """MuJoCo puts a diverging simulation back to its start without a word; the clock tells."""
    return np.allclose(env._batch.bind("time"), env._steps * env.task_spec.control_dt)


def run_at_random(env: BatchEnv, steps: int) -> int:
    """Steps with actions changing from rarely to in every step, checked; the number of episodes that ended."""
    random, episodes = np.random.default_rng(0), 0
    env.reset(seed=0)
    action = env.action_space.sample() * 0
    for _ in range(steps):
        change = random.random(env.num_envs) < np.linspace(0.05, 1, env.num_envs)
        action = np.where(change[:, None], random.uniform(-1, 1, action.shape), action)
        observation, reward, terminated, truncated, info = env.step(action)
        for path, values in flat([observation, reward, info]).items():
            assert np.isfinite(values).all(), path
        assert env.observation_space.contains(observation)
        assert simulated_time_is_that_of_the_episode(env)
        episodes += int((terminated | truncated).sum())
    return episodes


@PLAIN
@pytest.mark.slow
def test_ten_thousand_random_steps_stay_finite(name):
    """Of 40 worlds together."""
    assert run_at_random(make(name, 40, "wide", LONGER, observations=("state", "privileged")), 250) > 100


@TASKS
def test_random_steps_with_images_stay_finite(name):
    env = make(name, 2, "wide", image_size=None)
    assert run_at_random(env, 3 * SHORT) > 2
    env.close()


@PLAIN
@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="the resident memory is read from /proc")
def test_memory_is_flat_over_resets(name):
    lens = next(iter(make_task(name).spec.cameras.values())).lens
    env = make(name, 3, maps=(lens.height // 4, lens.width // 4), image_size=(lens.width // 2, lens.height // 2))

    def resets(count: int) -> int:
        for _ in range(count):
            env.reset()
            env.step(env.action_space.sample())
        gc.collect()
        return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

    run_at_random(env, 50)  # until every world has come to an end and caches are full
    tracemalloc.start()
    resident = resets(10)
    allocated = tracemalloc.get_traced_memory()[0]
    grown = resets(60) - resident
    more = tracemalloc.get_traced_memory()[0] - allocated
    tracemalloc.stop()
    # Bytes: 1 kB a reset, what is allocated once included, and less than the frames of 3 worlds (43 kB a reset).
    assert more < 60_000 and grown < 2_000_000
    env.close()


@TASKS
def test_the_end_of_an_episode_is_told_as_gymnasium_has_it(name):
    """Against gymnasium's own SAME_STEP vector environment over single ones, up to the first end in each world."""
    worlds, options = 2, {"randomization": "default", "image_size": SMALL}

    def own() -> Task:
        """An arm's episode ends with its time alone, a car's also where it leaves the road."""
        task = make_task(name)
        if not name.startswith("LaneFollow"):
            task.spec = dataclasses.replace(task.spec, episode_seconds=SHORT * task.spec.control_dt)
        return task

    single = [lambda: SingleEnv(BatchEnv(own(), 1, **options))] * worlds
    theirs = SyncVectorEnv(single, autoreset_mode=AutoresetMode.SAME_STEP)
    ours = BatchEnv(own(), worlds, **options)
    assert ours.metadata["autoreset_mode"] == AutoresetMode.SAME_STEP
    assert ours.single_observation_space == theirs.single_observation_space
    assert ours.single_action_space == theirs.single_action_space
    a, b = ours.reset(seed=3)[0], theirs.reset(seed=3)[0]
    going = np.ones(worlds, bool)
    for action in random_actions(ours, 400):
        for key in a:
            np.testing.assert_array_equal(a[key][going], b[key][going])
        (a, *mine, info), (b, *other, their_info) = ours.step(action), theirs.step(action)
        for have, want in zip(mine, other, strict=True):
            np.testing.assert_allclose(have[going], want[going], rtol=1e-6)
        ended = mine[1] | mine[2]
        assert ("final_obs" in info) == ended.any()
        if ended.any():
            np.testing.assert_array_equal(info["_final_obs"], ended)
            np.testing.assert_array_equal(info["_final_info"], ended)
            assert info["final_obs"].dtype == object and info["final_obs"].shape == (worlds,)
            assert all((info["final_obs"][i] is None) != ended[i] for i in range(worlds))
            for field in ("success", "terminated", "steps"):
                assert info["final_info"][field].shape == (worlds,)
                np.testing.assert_array_equal(info["final_info"][f"_{field}"], ended)
        for i in np.flatnonzero(ended & going):
            for key, value in info["final_obs"][i].items():
                np.testing.assert_array_equal(value, their_info["final_obs"][i][key])
            assert info["final_info"]["success"][i] == their_info["final_info"]["success"][i]
        going &= ~ended
        if not going.any():
            break
    assert not going.any()
    ours.close()
    theirs.close()


@TASKS
@pytest.mark.parametrize("checker", ["gymnasium", "stable-baselines3"])
def test_environment_checkers_have_nothing_to_say(name, checker):
    env = gymnasium.make(**gymnasium_id(name), render_mode="rgb_array", randomization="default")
    if checker == "gymnasium":
        env_checker.check_env(env.unwrapped)
    else:
        sb3_env_checker.check_env(env.unwrapped)
    env.close()


@TASKS
def test_make_gives_one_world_and_make_vec_many(name):
    env_of_one = gymnasium.make(**gymnasium_id(name), render_mode="rgb_array")
    observation, _ = env_of_one.reset(seed=1)
    assert env_of_one.observation_space.contains(observation)
    many = gymnasium.make_vec(**gymnasium_id(name), num_envs=3, randomization="default")
    observations, _ = many.reset(seed=1)
    assert many.num_envs == 3 and many.observation_space.contains(observations)
    assert many.step(many.action_space.sample())[1].shape == (3,)
    for env in (env_of_one, many):
        env.close()
        env.close()


@TASKS
def test_a_picture_is_what_the_camera_saw_last(name):
    env = SingleEnv(BatchEnv(cached_task(name), 1), "rgb_array")
    observation, _ = env.reset(seed=0)
    frame = next(value for key, value in observation.items() if key.startswith("images."))
    picture = env.render()
    np.testing.assert_array_equal(picture, frame)
    frame[:] = 0
    np.testing.assert_array_equal(env.render(), picture)
    env.close()


@TASKS
def test_parameters_are_those_of_the_episode_until_its_end(name):
    env = SingleEnv(BatchEnv(cached_task(name), 1, randomization="default", observations=("state",)))
    for seed in range(3):
        _, info = env.reset(seed=seed)
        parameters, ended = info["parameters"], False
        while not ended:
            _, _, terminated, truncated, info = env.step(np.ones(env.action_space.shape))
            ended = terminated or truncated
            assert info["parameters"] == parameters
        assert isinstance(info["success"], bool)
