"""The rehearsal robot behind the interface of hardware: the same class for the car and for the arm."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from clocks import Clock
from envs import ArmTask, LaneFollow, arm_task, make_task
from envs.arms.reach import Reach
from envs.lane_follow.task import RAW, LaneFollowConfig
from policies import Policy
from policies.encoder import EncoderConfig
from policies.heads import HeadsConfig
from policies.policy import PolicyConfig
from policies.preprocessing import Preprocessing
from sim2real.evaluation.rehearsal import evaluate_on_rehearsal
from sim2real.evaluation.robot import evaluate_on_robot, rehearsal_venue
from sim2real.evaluation.trials import episodes_of
from sim2real.rehearsal.robot import SimulatedRobot, boundary_of, measured

torch.set_num_threads(1)


def car() -> LaneFollow:
    return LaneFollow(LaneFollowConfig(layouts=2, episode_seconds=2.0, camera=RAW))


def arm() -> ArmTask:
    task = arm_task(Reach, "rehearsal")
    task.spec = replace(task.spec, episode_seconds=1.0)
    return task


TASKS = {"LaneFollow": car, "Reach": arm}


def small_policy(task: str) -> Policy:
    spec = make_task(task).spec
    view = spec.cameras["front"]
    raw, size = (view.camera.width, view.camera.height), view.size
    torch.manual_seed(0)
    return Policy(
        PolicyConfig(
            EncoderConfig(size=(size[1], size[0]), width=4),
            HeadsConfig(state=len(spec.state_names), reduced=8, hidden=16),
            Preprocessing("front", raw, view.crop, size),
            spec.action_names,
            task,
        )
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", TASKS)
def test_a_policy_does_the_same_behind_the_robots_interface_as_in_a_batch(name: str, monkeypatch: pytest.MonkeyPatch):
    from envs import registry

    monkeypatch.setitem(registry._FACTORIES, name, lambda *words: TASKS[name]())
    policy, said = small_policy(name), []
    batch = evaluate_on_rehearsal([policy], 2, 7)[0]
    venue = rehearsal_venue(name, ("front",), real_time=False)
    trials, interrupted = evaluate_on_robot(venue, [policy], [(7, 0), (8, 0)], lambda *now: said.append(now))
    loop = episodes_of(trials, 0)
    venue.robot.close()
    assert not interrupted and said == [(1, 2), (2, 2)]
    for field in ("seeds", "success", "failed", "steps"):
        np.testing.assert_array_equal(getattr(loop, field), getattr(batch, field))
    # Not to the last bit: torch sums a batch of two in another order than each alone.
    np.testing.assert_allclose(loop.returns, batch.returns, rtol=0.02, atol=0.1)
    rates = [loop["loop_rate_hz"] for loop in loop.loops]
    np.testing.assert_allclose(rates, 1 / venue.robot.control_dt)
    assert loop.labels == batch.labels and all(row["limited_commands"] == 0 for row in loop.rows())


def test_a_person_may_drive_the_rehearsal_car_and_abort(short_lane: str):
    typed = iter(["", "", "", "\x1b[C", "", " ", "", "", "a"])
    venue = rehearsal_venue(short_lane, ("front",), real_time=False, pressed=lambda: next(typed))
    logged: list[tuple[np.ndarray, bool]] = []
    policy = small_policy(short_lane)
    (trial,), _ = evaluate_on_robot(
        venue, [policy], [(7, 0)], log=lambda now, sent, person: logged.append((sent, person))
    )
    venue.robot.close()
    assert trial.label == "aborted" and [person for _, person in logged] == [False, False, True, True, *3 * [False]]
    assert logged[2][0][0] == pytest.approx(min(logged[1][0][0] + 0.15, 1)) and trial.loop["interventions"] == 2


@pytest.mark.parametrize("make", TASKS.values(), ids=TASKS)
def test_it_measures_and_is_told_physical_values(make: Callable[[], LaneFollow | ArmTask]):
    robot = SimulatedRobot(make(), ("front",))
    robot.reset(3)
    first = robot.observe()
    assert set(first) == {"state", "images.front", "time"} and first["images.front"].shape == (120, 160, 3)
    boundary, sent = robot.boundary, first["state"]
    for _ in range(8):
        now = robot.observe()["state"]
        sent = robot.command(boundary.command(np.full(len(robot.action_names), 0.5), now, sent))
    last = robot.observe()
    assert last["time"] == pytest.approx(8 * robot.control_dt)
    again = robot.observe()  # nothing was commanded: nothing happens
    np.testing.assert_array_equal(again["state"], last["state"])
    robot.command(sent)
    robot.stop()
    assert robot.observe()["time"] == last["time"]
    robot.close()
    assert len(boundary.to_log(last["state"])) == len(boundary.state_names)


def test_an_arms_log_is_in_degrees_and_its_gripper_in_percent():
    task = arm()
    boundary = boundary_of(task)
    assert boundary.robot_type == "sim2real_so101"
    assert boundary.action_names == boundary.state_names and boundary.action_names[-1] == "gripper.pos"
    lower, upper = boundary.limits.lower, boundary.limits.upper
    ends = boundary.to_log(np.stack([lower, upper]))
    np.testing.assert_allclose(ends[:, :-1], np.degrees(np.stack([lower, upper]))[:, :-1], rtol=1e-5)
    np.testing.assert_allclose(ends[:, -1], [0, 100], atol=1e-4)
    assert boundary_of(car()).robot_type == "rehearsal-car"


def test_an_arms_targets_come_back_from_its_log():
    """What a recording holds is what the arm was told: the same policy's actions follow from it."""
    robot = SimulatedRobot(arm(), ())
    robot.reset(0)
    boundary, random = robot.boundary, np.random.default_rng(0)
    state = robot.observe()["state"]
    sent = state
    for _ in range(10):
        action = random.uniform(-1, 1, 6)
        target = robot.command(boundary.command(action, state, sent))
        np.testing.assert_allclose(boundary.action(target, sent), action, atol=1e-9)
        state, sent = robot.observe()["state"], target
        np.testing.assert_allclose(robot._env.task.world.target[0], target, atol=1e-12)  # type: ignore[attr-defined]
        np.testing.assert_array_equal(measured(robot._env.task)[0], state)
    robot.close()


def real_time(task: LaneFollow | ArmTask) -> tuple[SimulatedRobot, Clock]:
    clock = Clock(0.0)
    return SimulatedRobot(task, ("front",), real_time=True, clock=clock, sleep=clock.sleep), clock


def test_in_real_time_it_keeps_to_its_period():
    robot, _ = real_time(car())
    times = []
    for _ in range(10):
        now = robot.observe()
        times.append(now["time"])
        robot.command(np.zeros(2))
    robot.close()
    np.testing.assert_allclose(np.diff(times), 0.05)


def test_in_real_time_the_world_does_not_wait_for_a_slow_policy():
    robot, clock = real_time(car())
    on_time, _ = real_time(car())
    for k, (rig, waste) in enumerate(((robot, 0.12), (on_time, 0.0))):
        rig.reset(1)
        for step in range(4):
            rig.observe()
            rig.command(np.array([0.0, 0.5]))
            if step == 2:
                clock.now += waste if k == 0 else 0.0
        rig.observe()
    assert on_time._steps == 4 and robot._steps == 4 + 1  # of 2.4 periods one was due, one was missed
    robot.close()
    on_time.close()


def test_after_the_end_nothing_moves_and_the_outcome_stays():
    robot = SimulatedRobot(LaneFollow(replace(car().config, episode_seconds=0.2)), ())
    for _ in range(4):
        assert robot.outcome() is None
        robot.observe()
        robot.command(np.zeros(2))
    robot.observe()
    assert robot.outcome() == "failure" and not robot.terminated
    reward = robot.reward
    robot.command(np.ones(2))
    robot.observe()
    assert robot.reward == reward and robot.outcome() == "failure"
    robot.reset(0)
    assert robot.outcome() is None and robot.reward == 0
    robot.close()


def test_a_camera_that_it_does_not_have():
    with pytest.raises(ValueError, match=r"does not observe 'images.back'"):
        SimulatedRobot(car(), ("back",))
