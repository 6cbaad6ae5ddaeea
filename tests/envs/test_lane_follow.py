"""The lane world's measurements against brute force, and its dynamics by looking where things move."""

import numpy as np
import pytest

from envs import BatchEnv, LaneFollow
from envs.lane_follow.looks import PRESETS
from envs.lane_follow.task import LaneFollowConfig

ROAD = 0.5  # m


def wrap(angle: np.ndarray) -> np.ndarray:
    return (angle + np.pi) % (2 * np.pi) - np.pi


def test_offset_and_heading_are_those_of_brute_force(lane, cars):
    cars, random = cars(lane, 40), np.random.default_rng(0)
    for layout in range(3):
        for offset in (-0.24, -0.1, 0.0, 0.2):
            for turned in (-0.6, 0.0, 0.4, 3.0):
                cars.place(layout, random.integers(600, size=40), offset, turned)
                true_offset, _, true_turn = cars.brute_force()
                np.testing.assert_allclose(lane.offset, true_offset, atol=0.003)
                np.testing.assert_allclose(lane.offset, offset, atol=0.003)
                np.testing.assert_allclose(lane.labels()["offset"], 2 * offset / ROAD, atol=0.02)
                np.testing.assert_allclose(wrap(lane.labels()["heading"] - true_turn), 0, atol=0.06)
                np.testing.assert_allclose(wrap(lane.labels()["heading"] - turned), 0, atol=0.06)


@pytest.mark.parametrize("speed", [-4.0, -2.0, 1.0, 3.0, 5.0])
def test_a_fast_car_is_not_lost(cars, speed):
    """At any speed that randomization allows, forwards and back, on a short layout, whose samples lie densest."""
    task = LaneFollow(LaneFollowConfig(layouts=12))
    shortest = int(np.argmin([track.length for track in task.tracks]))
    cars = cars(task, 60)
    cars.place(shortest, np.arange(0, 600, 10), speed=speed)
    task.parameters["top_speed"][:] = abs(speed)
    for _ in range(4):
        way, before = cars.brute_force()[1], task.progress.copy()
        cars.drive(0.0, np.sign(speed))
        offset, now, _ = cars.brute_force()
        length = task.tracks[shortest].length
        moved = (now - way + length / 2) % length - length / 2
        inside = np.abs(offset) < ROAD / 2
        assert inside.sum() > 10 and np.abs(moved).max() > 0.5 * abs(speed) * 0.05
        np.testing.assert_allclose(task.offset[inside], offset[inside], atol=0.005)
        np.testing.assert_allclose((task.progress - before)[inside], moved[inside], atol=0.02)


def test_speed_and_curvature_are_those_of_the_car_and_its_line(lane, cars):
    cars = cars(lane, 60)
    cars.place(1, np.arange(0, 600, 10), speed=1.5)
    value = dict(zip(lane.spec.privileged_names, lane.privileged().T, strict=True))
    np.testing.assert_allclose(value["speed"], 1.5, atol=1e-5)
    track = lane.tracks[1]
    for ahead in (0.0, 0.5, 2.0):
        rows = (np.arange(0, 600, 10) + round(ahead * 600 / track.length)) % 600
        np.testing.assert_allclose(value[f"curvature_{ahead:g}m"], track.curvature[rows], atol=1e-4)


def test_positive_steering_turns_right(lane, cars):
    cars = cars(lane, 3)
    cars.place(0, np.array([100, 100, 100]), speed=1.0)
    yaw, steering = cars.yaw, np.array([0.5, 0.0, -0.5])
    cars.drive(steering, 0.25, steps=10)
    turned = wrap(cars.yaw - yaw)
    assert turned[0] < -0.2 and turned[2] > 0.2 and abs(turned[1]) < 0.05  # seen from above, right is clockwise
    np.testing.assert_allclose(turned[0], -turned[2], atol=0.05)
    assert lane.offset[0] < lane.offset[1] < lane.offset[2]  # and to the right of the line is a negative offset


def test_positive_throttle_drives_ahead(lane, cars):
    cars = cars(lane, 3)
    cars.place(0, np.array([100, 100, 100]))
    cars.drive(0.0, np.array([0.3, 0.0, -0.3]), steps=20)
    assert lane.progress[0] > 0.4 and abs(lane.progress[1]) < 0.01 and lane.progress[2] < -0.4
    cars.drive(0.0, 0.2, steps=20)
    speed = lane.privileged()[:, lane.spec.privileged_names.index("speed")]
    np.testing.assert_allclose(speed, 0.2 * 4.0, rtol=0.3)  # top_speed is that at throttle 1


def road_in_view(env: BatchEnv) -> np.ndarray:
    """(n,) column of the middle of the road in the part of the picture that is far ahead."""
    mask = env.maps("front")["mask"][:, 8:24]
    return (mask * np.arange(80)).sum((1, 2)) / mask.sum((1, 2))


def test_steering_right_moves_the_road_to_the_left_of_the_picture(lane):
    env = BatchEnv(lane, 3, observations=("images.front",), maps=(48, 80))
    for seed in (1, 2, 3):
        env.reset(seed=[seed] * 3)
        start = road_in_view(env)
        assert start[0] == start[1] == start[2]
        for _ in range(8):
            env.step(np.array([[0.6, 0.2], [0.0, 0.2], [-0.6, 0.2]]))
        right, straight, left = road_in_view(env)
        assert right < straight - 3 and left > straight + 3
    env.close()


def test_from_the_left_of_the_road_it_is_seen_on_the_right(lane):
    env = BatchEnv(lane, 40, observations=("images.front",), maps=(48, 80))
    env.reset(seed=0)
    offset = env.labels()["offset"]
    mask = env.maps("front")["mask"][:, 36:]  # near the car, where heading and curvature matter less
    column = (mask * np.arange(80)).sum((1, 2)) / mask.sum((1, 2))
    assert np.corrcoef(offset, column)[0, 1] > 0.8
    env.close()


def controller(env: BatchEnv, throttle: float = 0.4) -> np.ndarray:
    """Steer by what is privileged: the curvature ahead, and back to the line."""
    value = dict(zip(env.task_spec.privileged_names, env.privileged().T, strict=True))
    wheel = 0.26 * value["curvature_0.25m"] - 0.3 * value["offset"] - 0.8 * value["sin_heading"]  # rad, left
    return np.stack([np.clip(-wheel / 0.48, -1, 1), np.full(len(wheel), throttle)], 1)


def drive_to_the_end(env: BatchEnv, throttle: float = 0.4, seconds: float = 30.0) -> dict[str, np.ndarray]:
    """Info on the first episode of every world."""
    result = {name: np.zeros(env.num_envs) for name in ("success", "terminated", "steps")}
    waiting = np.ones(env.num_envs, bool)
    env.reset(seed=0)
    for _ in range(round(seconds / 0.05)):
        info = env.step(controller(env, throttle))[4]
        if "final_info" in info:
            ended = waiting & info["_final_info"]
            for name, values in result.items():
                values[ended] = info["final_info"][name][ended]
            waiting &= ~ended
    assert not waiting.any()
    return result


def test_a_lap_without_leaving_the_lane_is_a_success(lane):
    env = BatchEnv(lane, 8, observations=("state",))
    result = drive_to_the_end(env)
    assert (result["success"] == 1).all() and (result["terminated"] == 0).all() and (result["steps"] == 600).all()


@pytest.mark.parametrize("throttle", [0.0, -0.2, 0.08])
def test_less_than_a_lap_is_no_success(lane, throttle):
    result = drive_to_the_end(BatchEnv(lane, 4, observations=("state",)), throttle)
    assert not result["success"].any()


def test_leaving_the_lane_ends_the_episode(lane, cars):
    around = cars(lane, 4)
    around.place(0, np.full(4, 50), speed=1.0)
    lane.progress[:] = 100  # laps that do not count in the end
    assert lane.success().all()
    rewards = []
    while not lane.terminated().any():
        around.drive(0.4, 0.3)
        np.testing.assert_array_equal(lane.terminated(), np.abs(around.brute_force()[0]) > ROAD / 2)
        rewards.append(lane.reward())
    assert lane.terminated().all() and not lane.success().any() and (rewards[-1] < rewards[-2] - 8).all()


def test_an_episode_ends_off_the_lane_or_in_time():
    def end(limit: int) -> tuple[int, bool, bool]:
        """Step, terminated and truncated when steering hard to the right with this many steps at most."""
        env = BatchEnv(LaneFollow(LaneFollowConfig(layouts=1, episode_seconds=limit * 0.05)), observations=("state",))
        env.reset(seed=0)
        while True:
            _, _, terminated, truncated, info = env.step(np.array([[1.0, 0.4]]))
            if terminated[0] or truncated[0]:
                return int(info["final_info"]["steps"][0]), bool(terminated[0]), bool(truncated[0])

    leaves, *why = end(600)
    assert 5 < leaves < 60 and why == [True, False]
    assert end(leaves - 1) == (leaves - 1, False, True)
    assert end(leaves) == (leaves, True, False)  # leaving the lane in the last step is a failure


def wheel_angles(cars, steering: list[float]) -> np.ndarray:
    """(n, steps) rad, positive left, of a front wheel."""
    column, angles = cars.task.model.joint("steer_left").qposadr[0], []
    for value in steering:
        cars.drive(value, 0.0)
        angles.append(cars.qpos[:, column].copy())
    return np.array(angles).T


def test_slack_is_play_in_the_linkage(lane, cars):
    cars = cars(lane, 2)
    cars.task.parameters["slack"][:, 0] = 0.0, 0.04
    tight, loose = wheel_angles(cars, [0.6] * 10 + [0.52] * 10 + [0.0] * 10)[:, 9::10]  # times 0.48 rad
    np.testing.assert_allclose(tight, [-0.288, -0.25, 0.0], atol=0.015)
    np.testing.assert_allclose(loose, [-0.248, -0.248, -0.04], atol=0.015)  # held until 0.08 rad are taken up


def test_actuator_delay_delays_the_wheels(lane, cars):
    cars = cars(lane, 2)
    cars.batch.expand("actuator_delay")[:] = [[0.0], [0.15]]
    early, late = wheel_angles(cars, [0.6] * 7)
    assert early[0] < -0.1 and np.ptp(late[:3]) < 0.01 and late[3] < -0.1  # three control steps later
    np.testing.assert_allclose(late[4:], early[1:4], atol=0.03)


@pytest.mark.slow
def test_seeing_changes_no_dynamics(lane):
    actions = np.random.default_rng(0).uniform(-1, 1, (60, 4, 2))
    runs = []
    for observations in (("privileged",), ("privileged", "images.front")):
        env = BatchEnv(lane, 4, randomization="wide", observations=observations)
        steps = [env.reset(seed=5)[0]["privileged"]]
        for action in actions:
            observation, reward, terminated, *_ = env.step(action)
            steps += [observation["privileged"], reward, terminated]
        runs.append(b"".join(step.tobytes() for step in steps))
        env.close()
    assert runs[0] == runs[1]


def test_wide_is_wider_than_default():
    wide = {(v.field, v.names, v.operation): v for v in PRESETS["wide"].varied}
    assert PRESETS["none"].varied == ()
    for vary in PRESETS["default"].varied:
        other = wide[vary.field, vary.names, vary.operation]
        assert (other.distribution, other.components, other.each) == (vary.distribution, vary.components, vary.each)
        if vary.distribution == "normal":
            assert other.range[0] == vary.range[0] and other.range[1] > vary.range[1]
        else:
            assert min(other.range) <= min(vary.range) and max(other.range) >= max(vary.range)
