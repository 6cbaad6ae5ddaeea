# pyright: reportArgumentType=false
"""The loop that moves robots: what it stamps, what it refuses to send, that nothing is lost when something fails."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from clocks import Clock
from sim2real.robots.boundary import DirectBoundary, JointBoundary, own_units
from sim2real.robots.loop import FrameWatch, StoppedError, Trace, run_episode
from sim2real.robots.loopback import Loopback
from sim2real.robots.safety import Limits

JOINTS, DT = ("a", "b"), 1 / 30


class Steps:
    """Actions are changes of the joint targets by 0.1 rad at most, within 1 rad."""

    lower, upper = -np.ones(2), np.ones(2)

    def target(self, action: np.ndarray, previous: np.ndarray, position: np.ndarray) -> np.ndarray:
        return np.clip(previous + 0.1 * action, self.lower, self.upper)

    def action(self, target: np.ndarray, previous: np.ndarray) -> np.ndarray:
        return np.clip((target - previous) / 0.1, -1, 1)

    def state(self, position: np.ndarray, target: np.ndarray) -> np.ndarray:
        return np.concatenate([position, target - position], -1)


BOUNDARY = JointBoundary("arm", JOINTS, Steps(), own_units(Steps.lower, Steps.upper, None), DT)


class Faulty(Loopback):
    """Does something else at a given observation, counted from 0."""

    def __init__(self, faults: dict[int, Callable[["Faulty", dict[str, Any]], dict[str, Any]]] | None = None) -> None:
        self.clock = Clock()
        super().__init__(JOINTS, DT, ("front",), clock=self.clock, sleep=self.clock.sleep)
        self.faults, self.count, self.sent = faults or {}, 0, []

    def observe(self) -> dict[str, Any]:
        observation = super().observe()
        fault = self.faults.get(self.count)
        self.count += 1
        self.last = observation if fault is None else fault(self, observation)
        return self.last

    def command(self, action: np.ndarray) -> np.ndarray:
        self.sent.append(np.array(action))
        return super().command(action)


def success_at_the_end(time_is_up: bool) -> str | None:
    return "success" if time_is_up else None


def forward(observation: dict[str, Any]) -> np.ndarray:
    return np.array([1.0, -0.5])


def run(robot: Faulty, steps: int = 60, act: Callable[[dict[str, Any]], np.ndarray] = forward, **more: Any) -> Trace:
    return run_episode(robot, act, BOUNDARY, steps, more.pop("outcome", success_at_the_end), **more)


def test_an_episode_is_stamped_step_by_step():
    robot, observations = Faulty(), []
    trace = run(robot, 60, lambda observation: observations.append(observation) or forward(observation))
    assert (trace.label, trace.reason, trace.interrupted) == ("success", "", False)
    assert len(trace.times) == len(trace.latency) == len(trace.dropped) == len(trace.limited) == len(robot.sent) == 60
    np.testing.assert_allclose(np.diff(trace.times), DT)
    assert not any(trace.dropped) and not any(trace.limited) and robot.stopped
    summary = trace.summary()
    assert summary["loop_rate_hz"] == pytest.approx(30) and summary["steps"] == 60 and summary["label"] == "success"
    # The target of the first step counts from where the joints are; of later ones from the target before.
    np.testing.assert_allclose(robot.sent[:3], [[0.1, -0.05], [0.2, -0.1], [0.3, -0.15]])
    np.testing.assert_allclose(observations[1]["state"], [*robot_position(observations[1]), 0.1 - 0.03, -0.05 + 0.015])
    assert observations[0]["images.front"].shape == (120, 160, 3)


def robot_position(observation: dict[str, Any]) -> np.ndarray:
    return observation["state"][:2]


def test_latency_is_the_time_from_an_observation_to_its_command(monkeypatch: pytest.MonkeyPatch):
    clock = Clock()
    monkeypatch.setattr(time, "monotonic", clock)

    def slow(observation: dict[str, Any]) -> np.ndarray:
        clock.sleep(0.02)
        return forward(observation)

    summary = run(Faulty(), 3, slow).summary()
    assert summary["latency_ms"]["median"] == pytest.approx(20)


def test_a_stalled_camera_stops_the_robot_within_a_fifth_of_a_second():
    frozen = {k: lambda robot, now: {**now, "images.front": robot.last["images.front"]} for k in range(20, 100)}
    robot = Faulty(frozen)
    trace = run(robot)
    assert trace.label == "aborted" and trace.reason.startswith(
        "the camera stalled: no new frame (images.front) for 0.2"
    )
    assert len(trace.times) == 20 + 5 and robot.stopped  # 0.2 s are 6 periods
    assert trace.dropped == [False] * 20 + [True] * 5 and trace.summary()["dropped_frames"] == 5


def test_a_camera_that_says_its_frame_is_old_is_believed():
    old = {k: lambda robot, now: {**now, "taken": robot.last["taken"]} for k in range(5, 100)}
    trace = run(Faulty(old))
    assert trace.label == "aborted" and len(trace.times) == 5 + 5


def test_single_frames_that_are_missing_or_late_are_counted_and_no_more():
    def late(robot: Faulty, now: dict[str, Any]) -> dict[str, Any]:
        robot.clock.now += 0.03
        return {**now, "time": robot.clock.now}

    trace = run(Faulty({7: lambda robot, now: {**now, "images.front": robot.last["images.front"]}, 30: late}))
    assert trace.label == "success" and np.flatnonzero(trace.dropped).tolist() == [7, 30]


def test_an_observation_that_is_no_number_stops_the_robot():
    robot = Faulty({9: lambda robot, now: {**now, "state": np.array([0.0, np.nan])}})
    trace = run(robot)
    assert trace.label == "aborted" and "the observation is not finite: [0.0, nan]" in trace.reason
    assert len(trace.times) == len(robot.sent) == 9 and robot.stopped and np.isfinite(robot.sent).all()


@pytest.mark.parametrize("where", ["observe", "act", "command", "outcome"])
def test_ctrl_c_stops_the_robot_and_keeps_what_was_done(where: str, monkeypatch: pytest.MonkeyPatch):
    robot, calls = Faulty(), []

    def interrupted(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*words: Any) -> Any:
            calls.append(1)
            if len(calls) == 6:
                raise KeyboardInterrupt
            return function(*words)

        return call

    for name in ("observe", "command"):
        if where == name:
            monkeypatch.setattr(robot, name, interrupted(getattr(robot, name)))
    act, outcome = (interrupted(f) if where == n else f for n, f in (("act", forward), ("outcome", success_at_the_end)))
    trace = run(robot, act=act, outcome=outcome)
    assert (trace.label, trace.reason, trace.interrupted) == ("aborted", "interrupted", True)
    assert len(trace.times) == 5 and robot.stopped and trace.summary()["loop_rate_hz"] == pytest.approx(30)


def test_a_robot_that_does_not_answer_ends_its_episode_and_not_the_program():
    def silent(robot: Faulty, now: dict[str, Any]) -> dict[str, Any]:
        raise OSError("servo 3 does not answer")

    assert run(Faulty({4: silent})).reason == "servo 3 does not answer"

    class Deaf(Faulty):
        def stop(self) -> None:
            raise OSError("the port is gone")

    trace = run(Deaf())
    assert trace.label == "aborted" and trace.reason == "it did not stop: the port is gone" and len(trace.times) == 60


def test_an_action_that_is_no_number_is_never_sent():
    robot = Faulty()
    trace = run(robot, act=lambda observation: np.array([np.inf if robot.count > 3 else 0.0, np.nan]))
    assert trace.label == "aborted" and "the action is not finite" in trace.reason and not robot.sent


def test_what_a_policy_wants_too_much_of_is_cut():
    class Wild(Steps):
        def target(self, action: np.ndarray, previous: np.ndarray, position: np.ndarray) -> np.ndarray:
            return 5 * np.sign(action)

    robot = Faulty()
    boundary = JointBoundary("arm", JOINTS, Wild(), BOUNDARY.units, DT)
    trace = run_episode(robot, forward, boundary, 20, success_at_the_end)
    path = np.array([[0.0, 0.0], *robot.sent])
    assert np.abs(np.diff(path, axis=0)).max() <= 4.0 * DT + 1e-9 and np.abs(path).max() <= 1 and all(trace.limited)
    assert trace.summary()["limited_commands"] == 20


def test_the_one_who_judges_has_the_last_word():
    assert run(Faulty(), outcome=lambda time_is_up: "failure").label == "failure"
    trace = run(Faulty(), 5, outcome=lambda time_is_up: "aborted" if time_is_up else None)
    assert (trace.label, trace.reason) == ("aborted", "aborted by hand")
    trace = run(Faulty(), 5, outcome=lambda time_is_up: None)
    assert (trace.label, len(trace.times)) == ("aborted", 5) and "no outcome was given" in trace.reason


def test_what_was_answered_is_logged_with_what_was_sent():
    log: list[tuple[float, np.ndarray]] = []
    robot = Faulty({4: lambda robot, now: {**now, "state": np.full(2, np.nan)}})
    trace = run(robot, log=lambda observation, sent, by_hand: log.append((observation["time"], sent)))
    assert [when for when, _ in log] == trace.times and len(log) == 4
    np.testing.assert_array_equal([sent for _, sent in log], robot.sent)


def test_two_cameras_that_miss_frames_in_turn_are_no_stalled_camera():
    watch, frames = FrameWatch(DT), np.random.default_rng(0).integers(0, 256, (80, 4, 4, 3), np.uint8)
    dropped = [
        watch.dropped({"images.a": frames[k - k % 2], "images.b": frames[k - (k + 1) % 2], "time": k * DT})
        for k in range(1, 80)
    ]
    assert all(dropped[1:])
    with pytest.raises(StoppedError, match=r"no new frame \(images.b\)"):
        for k in range(80, 120):
            watch.dropped({"images.a": frames[k - 60], "images.b": frames[0], "time": k * DT})


def test_an_empty_trace_can_be_told():
    summary = Trace("aborted", "nothing happened").summary()
    assert summary["loop_rate_hz"] is None and summary["latency_ms"] is None and summary["steps"] == 0


def test_a_car_is_told_the_actions_themselves():
    boundary = DirectBoundary("car", ("steering",), ("steering",))
    assert boundary.command(np.array([1.5]), np.zeros(1), np.zeros(1)) == 1
    safe, limited = boundary.limits.apply(np.array([-1.0]), np.array([1.0]))
    assert safe == -1 and not limited
    assert isinstance(boundary.limits, Limits)
