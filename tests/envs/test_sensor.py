"""The sensor: each world depends on itself alone, and frames arrive late or not at all as the parameters say."""

import re
from typing import Any

import numpy as np
import pytest

from envs.random import WorldRandom
from envs.sensor import LIMITS, Sensor, SensorConfig

EVERYTHING = {
    "exposure": (0.7, 1.4),
    "white_balance": (0.8, 1.2),
    "gamma": (0.7, 1.3),
    "contrast": (0.8, 1.2),
    "saturation": (0.5, 1.5),
    "vignette": (0.0, 0.5),
    "glare": (0.0, 0.5),
    "defocus": (0.0, 1.2),
    "motion_blur": (0.0, 6.0),
    "read_noise": (0.0, 8.0),
    "shot_noise": (0.0, 0.5),
    "jpeg_quality": (30.0, 95.0),
    "latency": (0.0, 3.0),
    "jitter": (0.0, 0.4),
    "drop": (0.0, 0.4),
}


def sensor(seeds: range | list[int] = range(1), **config: Any) -> Sensor:
    return Sensor(SensorConfig(**config), len(seeds), 48, 80, WorldRandom(np.array(seeds)))


def scenes(n: int) -> np.ndarray:
    """(n, 48, 80, 3) smooth colourful pictures with an edge, all different."""
    v, u = np.mgrid[:48, :80]
    k = np.arange(n)[:, None, None]
    red, green = 128 + 100 * np.sin(0.1 * u + k), 128 + 100 * np.cos(0.2 * v - k)
    blue = np.where(u + v > 50 + k, 220.0, 30.0)
    return np.stack([red, green, blue], -1).astype(np.uint8)


def grey(level: int, n: int = 1) -> np.ndarray:
    return np.full((n, 48, 80, 3), level, np.uint8)


def randomized(seeds: range | list[int]) -> Sensor:
    """Every parameter varied, each world's by its own seed; every third world has no noise, blur, JPEG or delay."""
    out = sensor(seeds)
    for name, (low, high) in EVERYTHING.items():
        for i, seed in enumerate(seeds):
            k = out.params[name].shape[1]
            draw = np.random.default_rng([seed, list(EVERYTHING).index(name)]).uniform(low, high, k)
            out.params[name][i] = draw if seed % 3 else getattr(SensorConfig, name)
    return out


def run(of: Sensor, frames: np.ndarray, steps: int = 6) -> np.ndarray:
    return np.stack([of.apply(np.roll(frames, 5 * t, axis=2)) for t in range(steps)])


def test_every_effect_is_covered_here_and_has_limits():
    assert set(Sensor.fields()) == set(LIMITS) == set(EVERYTHING)
    assert Sensor.fields()["white_balance"] == 3 and Sensor.fields()["gamma"] == 1


def test_neutral_parameters_and_the_switch_change_no_byte():
    frames = scenes(4)
    np.testing.assert_array_equal(run(sensor(range(4)), frames)[2], np.roll(frames, 10, axis=2))
    off = randomized(range(4))
    off.enabled = False
    out = off.apply(frames)
    np.testing.assert_array_equal(out, frames)
    assert not np.shares_memory(out, frames)


def test_neutral_worlds_stay_untouched_among_others():
    seeds = range(8)
    frames = scenes(8)
    out = randomized(seeds).apply(frames)
    for i in seeds:
        assert (out[i] == frames[i]).all() == (i % 3 == 0)


def test_equal_seeds_give_equal_bytes_and_others_do_not():
    frames = np.repeat(scenes(1), 6, axis=0)
    first, second = (run(randomized([1, 2, 4, 5, 7, 8]), frames) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    config = {"read_noise": 5.0, "glare": 0.3}
    out = sensor([1, 2, 1], **config).apply(frames[:3])
    np.testing.assert_array_equal(out[0], out[2])
    assert (out[0] != out[1]).mean() > 0.5


@pytest.mark.parametrize("world", [3, 4, 37])
def test_a_world_alone_looks_as_in_the_batch(world: int):
    seeds = range(40)
    frames = scenes(40)
    np.testing.assert_array_equal(
        run(randomized(seeds), frames)[:, world], run(randomized([world]), frames[[world]])[:, 0]
    )


def test_a_subset_of_the_worlds_looks_as_in_the_batch():
    frames, ids = scenes(6), np.array([5, 1])
    full, part = randomized(range(6)), randomized(range(6))
    for t in range(5):
        moved = np.roll(frames, 5 * t, axis=2)
        np.testing.assert_array_equal(full.apply(moved)[ids], part.apply(moved[ids], ids))


def test_outputs_share_no_memory_with_inputs_or_each_other():
    of, frames = sensor(range(2), latency=1), scenes(2)
    before = frames.copy()
    first = of.apply(frames)
    kept = first.copy()
    first[:] = 7
    second = of.apply(frames)
    np.testing.assert_array_equal(second, kept)
    np.testing.assert_array_equal(frames, before)
    assert not np.shares_memory(first, second) and not np.shares_memory(second, frames)


def steps_seen(of: Sensor, steps: int) -> np.ndarray:
    """(steps, n): which step's frame arrived, by frames whose grey level is the step."""
    return np.stack([of.apply(grey(t, len(of.params["drop"])))[:, 0, 0, 0] for t in range(steps)])


def test_latency_gives_the_frame_of_that_many_steps_ago():
    of = sensor(range(3))
    of.params["latency"][:, 0] = (0, 1, 3)
    t = np.arange(10)
    np.testing.assert_array_equal(steps_seen(of, 10), np.stack([t, np.maximum(t - 1, 0), np.maximum(t - 3, 0)], 1))


def test_after_a_reset_nothing_of_the_past_is_seen():
    of = sensor(range(2), latency=2)
    steps_seen(of, 5)
    of.reset(np.array([1]))
    assert of.apply(grey(50, 2))[:, 0, 0, 0].tolist() == [3, 50]
    assert of.apply(grey(51, 2))[:, 0, 0, 0].tolist() == [4, 50]


def test_a_neighbour_with_more_latency_does_not_disturb_a_running_world():
    of = sensor(range(2), latency=1)
    steps_seen(of, 5)
    of.params["latency"][1] = 6
    of.reset(np.array([1]))
    assert of.apply(grey(50, 2))[:, 0, 0, 0].tolist() == [4, 50]
    assert of.apply(grey(51, 2))[:, 0, 0, 0].tolist() == [50, 50]


def test_a_dropped_frame_is_replaced_by_the_one_before():
    assert steps_seen(sensor(drop=1.0), 5).ravel().tolist() == [0] * 5
    seen = steps_seen(sensor(range(40), drop=0.3), 100).astype(int)
    step = np.arange(100)[:, None]
    lost = seen[1:] == seen[:-1]
    assert lost.mean() == pytest.approx(0.3, abs=0.03)
    assert (seen[1:] == np.where(lost, seen[:-1], step[1:])).all()


def test_jitter_delays_by_one_step_now_and_then():
    seen = steps_seen(sensor(range(40), jitter=0.3, latency=1), 100).astype(int)
    age = np.arange(100)[2:, None] - seen[2:]
    assert set(np.unique(age)) == {1, 2}
    assert (age == 2).mean() == pytest.approx(0.3, abs=0.03)
    assert (np.diff(seen, axis=0) >= 0).all()


@pytest.mark.parametrize(
    "config, message",
    [
        ({"latency": -1}, "sensor: latency is -1, it must be a number from 0 to 50"),
        ({"latency": 1.5}, "latency is 1.5, it must be a whole number of steps"),
        ({"vignette": 1.2}, "vignette is 1.2, it must be a number from 0 to 1"),
        ({"jpeg_quality": 101}, "jpeg_quality is 101"),
        ({"white_balance": (1, 1)}, "white_balance is (1, 1), it must be 3 numbers from 0 to 10"),
        ({"white_balance": 1.0}, "it must be 3 numbers"),
        ({"exposure": float("nan")}, "exposure is nan"),
        ({"drop": "often"}, "drop is 'often'"),
        ({"exposre": 1.0}, "sensor: no parameter 'exposre'; valid: exposure, white_balance, gamma"),
    ],
)
def test_a_bad_config_gets_one_line(config: dict, message: str):
    with pytest.raises(ValueError, match=re.escape(message)) as caught:
        SensorConfig.from_dict(config)
    assert "\n" not in str(caught.value)


def test_frames_of_another_size_or_type_are_refused():
    with pytest.raises(ValueError, match=re.escape("frames are (1, 48, 40, 3) uint8, they must be (2, 48, 80, 3)")):
        sensor(range(2)).apply(np.zeros((1, 48, 40, 3), np.uint8))
    with pytest.raises(ValueError, match="float32"):
        sensor().apply(np.zeros((1, 48, 80, 3), np.float32))


def test_draws_outside_the_limits_act_as_the_nearest_value_inside():
    of = sensor(range(2))
    for name, values in {"latency": (-3, 0), "drop": (1.7, 1.0), "vignette": (3, 1), "read_noise": (-4, 0)}.items():
        of.params[name][:, 0] = values
    of.params["white_balance"][:, 1] = (-1, 0)
    first, second = of.apply(grey(90, 2)), of.apply(grey(50, 2))
    np.testing.assert_array_equal(first[0], first[1])
    np.testing.assert_array_equal(second, first)
    assert first[0, 24, 40].tolist() == [90, 0, 90]
