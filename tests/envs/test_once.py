"""Worlds that live for one episode and then rest."""

import numpy as np
import pytest

from envs import BatchEnv, make_task

KEY = "images.front"


def drive(env, steps, seed=5):
    """Straight on at different speeds: (observations, rewards, ends) of every step."""
    observation, _ = env.reset(seed=seed)
    seen = [observation]
    ends = []
    for _ in range(steps):
        action = np.stack([np.linspace(-1, 1, env.num_envs), np.full(env.num_envs, 0.8)], 1)
        observation, reward, terminated, truncated, info = env.step(action)
        seen.append(observation)
        ends.append((reward, terminated, truncated, info))
    return seen, ends


@pytest.fixture(scope="module")
def driven():
    result = {}
    for once in (False, True):
        env = BatchEnv(make_task("LaneFollow", "test"), 4, randomization="default", once=once, threads=1)
        result[once] = drive(env, 60)
        env.close()
    return result


def first_ends(ends):
    """The step at which each world's first episode ended; the last one where none did."""
    over = np.array([terminated | truncated for _, terminated, truncated, _ in ends])
    return np.where(over.any(0), over.argmax(0), len(ends))


def test_until_its_episode_ends_a_world_is_what_it_is_where_worlds_begin_anew(driven):
    usual, once = driven[False], driven[True]
    until = first_ends(usual[1])
    assert (until < 60).any() and (until != until[0]).any()  # some leave the road, at different times
    np.testing.assert_array_equal(until, first_ends(once[1]))
    for world, end in enumerate(until):
        for step in range(end):
            for key in (KEY, "state"):
                np.testing.assert_array_equal(usual[0][step][key][world], once[0][step][key][world])
            assert usual[1][step][0][world] == once[1][step][0][world]
        if end < 60:
            info = [run[1][end][3]["final_info"] for run in (usual, once)]
            assert info[0]["success"][world] == info[1]["success"][world]
            assert info[0]["steps"][world] == info[1]["steps"][world]


def test_what_has_ended_neither_moves_nor_is_paid_nor_ends_again(driven):
    seen, ends = driven[True]
    for world, end in enumerate(first_ends(ends)):
        for step in range(end + 1, 60):
            reward, terminated, truncated, _ = ends[step]
            assert reward[world] == 0 and not terminated[world] and not truncated[world]
            np.testing.assert_array_equal(seen[step + 1][KEY][world], seen[end][KEY][world])


def test_a_world_that_rests_is_not_rendered_and_moves_again_after_reset(monkeypatch):
    env = BatchEnv(make_task("LaneFollow", "test"), 4, randomization="default", once=True, threads=1)
    rendered = []
    assert env.vision is not None
    observe = env.vision.observe
    monkeypatch.setattr(env.vision, "observe", lambda ids: rendered.append(len(ids)) or observe(ids))
    _, ends = drive(env, 60)
    until = first_ends(ends)
    assert sum(rendered) == 4 + sum(np.minimum(until, 60))
    rendered.clear()
    drive(env, 1)
    assert rendered == [4, 4]
    env.close()
