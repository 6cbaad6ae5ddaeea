# pyright: reportArgumentType=false, reportCallIssue=false
"""Rendering only the part of a frame that somebody looks at."""

import itertools
from typing import Any

import numpy as np
import pytest

from envs import BatchEnv, make_task
from policies.preprocessing import Preprocessing

CAR = Preprocessing("front", (160, 120), (0, 24, 160, 96), (80, 48))
CASES = {  # what is looked at, whose frames, drawn how
    "the car's crop, on the rehearsal car": (CAR, "LaneFollow", "rehearsal", "rehearsal"),
    "the car's crop, in default worlds": (CAR, "LaneFollow", "rehearsal", "default"),
    "a corner at no multiple of 8": (
        Preprocessing("front", (160, 120), (51, 37, 70, 42), (35, 21)),
        *("LaneFollow", "rehearsal", "wide"),
    ),
    "the middle of an arm's frames": (
        Preprocessing("front", (160, 120), (33, 41, 60, 52), (30, 26)),
        *("Reach", "rehearsal", "rehearsal"),
    ),
}


def frames(case: tuple, windows: Any, steps: int = 4, worlds: int = 6) -> list[np.ndarray]:
    """What the camera delivers over some steps, of randomized worlds with a lens each."""
    look, task, split, preset = case
    env = BatchEnv(
        *(make_task(task, split), worlds), randomization=preset, observations=(look.key,), threads=1, windows=windows
    )
    seen = [env.reset(seed=77)[0][look.key]]
    action = 0.5 * np.ones(env.action_space.shape)
    for _ in range(steps):
        seen.append(env.step(action)[0][look.key])
    env.close()
    return seen


def window_of(look: Preprocessing, frame: np.ndarray) -> dict[str, tuple[int, int, int, int]]:
    left, top, right, bottom = look.window(frame.shape[2], frame.shape[1])
    return {look.camera: (left, top, right - left, bottom - top)}


@pytest.mark.parametrize("name", CASES)
def test_what_is_looked_at_is_what_whole_frames_show(name):
    look = CASES[name][0]
    full = frames(CASES[name], None)
    part = frames(CASES[name], window_of(look, full[0]))
    assert len(part) == len(full)
    for a, b in zip(full, part, strict=True):
        assert a.shape == b.shape and (a != b).any(), "nothing was left out"
        difference = np.abs(look(a).astype(int) - look(b).astype(int))
        assert difference.max() <= 2
    assert any((look(a) != look(b)).any() for a, b in itertools.pairwise(full))  # they move


def test_without_a_sensor_the_window_is_exact_and_the_rest_black():
    env_whole, env_part = (
        BatchEnv(
            *(make_task("LaneFollow", "rehearsal"), 3),
            randomization="default",
            observations=("images.front",),
            sensor=None,
            threads=1,
            windows=windows,
        )
        for windows in (None, {"front": (40, 48, 64, 32)})
    )
    full, part = (env.reset(seed=3)[0]["images.front"] for env in (env_whole, env_part))
    np.testing.assert_array_equal(full[:, 48:80, 40:104], part[:, 48:80, 40:104])
    part[:, 48:80, 40:104] = 0
    assert not part.any() and full[:, :48].any()
    for env in (env_whole, env_part):
        env.close()


@pytest.mark.parametrize(
    ("windows", "message"),
    [({"back": (0, 0, 8, 8)}, "no camera 'back'"), ({"front": (100, 0, 100, 8)}, "does not lie inside")],
)
def test_a_window_that_is_none_is_refused_in_one_line(windows, message):
    with pytest.raises(ValueError, match=message) as error:
        BatchEnv(make_task("LaneFollow", "rehearsal"), 1, windows=windows)
    assert "\n" not in str(error.value)
