"""Parts for Donkeycar: signs, states, stops. The `Vehicle` is a look-alike that only keeps the parts' contract;
`tests/acceptance/donkeycar_loop.py` drives in Donkeycar's own."""

import threading
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from bridges import TOKEN, bridged
from envs import LaneFollow
from sim2real.rehearsal.robot import SimulatedRobot
from sim2real.robots.bridge import BridgeSettings
from sim2real.robots.donkeycar import BridgePart, Pilot, RemoteActuator, RemoteCamera
from sim2real.robots.remote import RemoteRobot
from sim2real.robots.vehicle import VehicleRobot


class Vehicle:
    """Donkeycar's loop as far as parts see it: named values, conditions, threads, `shutdown` in any case."""

    def __init__(self) -> None:
        self.mem: dict[str, Any] = {}
        self.parts: list[dict[str, Any]] = []
        self.on = True

    def add(self, part: Any, inputs: list[str], outputs: list[str], threaded: bool = False, run_condition: str = ""):
        self.parts.append({"part": part, "in": inputs, "out": outputs, "threaded": threaded, "if": run_condition})

    def start(self, rate_hz: float, max_loop_count: int) -> None:
        for entry in self.parts:
            if entry["threaded"]:
                threading.Thread(target=entry["part"].update, daemon=True).start()
        try:
            for _ in range(max_loop_count):
                for entry in self.parts:
                    if entry["if"] and not self.mem.get(entry["if"]):
                        continue
                    run = entry["part"].run_threaded if entry["threaded"] else entry["part"].run
                    got = run(*(self.mem.get(name) for name in entry["in"]))
                    if got is not None:
                        values = got if len(entry["out"]) > 1 else [got]
                        self.mem.update(zip(entry["out"], values, strict=True))
                if not self.on:
                    break
                time.sleep(1 / rate_hz)
        finally:
            for entry in self.parts:
                entry["part"].shutdown()


class Policy:
    """Steers to where it is bright, and remembers what it was shown."""

    camera = "front"

    def __init__(self, names: tuple[str, ...] = ("steering", "throttle")) -> None:
        self.action_names, self.states = names, []
        self.wrong = False

    def act(self, observation: Mapping[str, Any]) -> np.ndarray:
        image = observation["images.front"].astype(float)
        self.states.append(observation["state"].tolist())
        half = image.shape[1] // 2
        value = {"steering": np.sign(image[:, half:].mean() - image[:, :half].mean()), "throttle": 0.25}
        return np.array([np.nan if self.wrong else 2 * value[name] for name in self.action_names], np.float32)


def bright(side: str) -> np.ndarray:
    image = np.zeros((120, 160, 3), np.uint8)
    image[:, 80:] = 200 if side == "right" else 0
    image[:, :80] = 0 if side == "right" else 200
    return image


@pytest.mark.parametrize("names", [("steering", "throttle"), ("throttle", "steering")])
def test_a_pilot_says_angle_and_throttle_and_what_was_said_is_its_state(names: tuple[str, ...]):
    policy = Policy(names)
    pilot = Pilot(policy)
    assert pilot.run(None) == (0.0, 0.0) and not policy.states
    assert pilot.run(bright("right")) == (1.0, 0.5)  # positive is to the right, as in tubs
    assert pilot.run(bright("left")) == (-1.0, 0.5)
    pilot.run(bright("left"), 0.125, 0.25)  # somebody else drove
    expected = [[0.0, 0.0], [1.0, 0.5], [0.125, 0.25]]
    assert policy.states == [state if names[0] == "steering" else state[::-1] for state in expected]
    assert all(isinstance(value, float) for value in pilot.run(bright("left")))
    policy.wrong = True
    with pytest.raises(ValueError, match="not finite"):
        pilot.run(bright("left"))


def test_a_policy_of_an_arm_is_no_pilot():
    with pytest.raises(ValueError, match="commands a, b, a car takes steering and throttle"):
        Pilot(Policy(("a", "b")))


class Judge:
    """Ends the loop when the car's world says that the episode ended."""

    def __init__(self, robot: RemoteRobot, vehicle: Vehicle) -> None:
        self.robot, self.vehicle, self.label = robot, vehicle, None

    def run(self) -> None:
        self.label = self.robot.outcome()
        self.vehicle.on = self.label is None

    def shutdown(self) -> None:
        """Nothing."""


def steps(observe: Any, robot: Any, policy: Policy, count: int) -> list[np.ndarray]:
    frames = []
    for _ in range(count):
        seen = observe()
        frames.append(seen["images.front"])
        robot.command(np.clip(policy.act(seen), -1, 1))
    return frames


@pytest.mark.slow
def test_a_car_of_another_process_drives_in_a_vehicles_loop_as_it_does_in_ours(lane: LaneFollow):
    car = SimulatedRobot(lane, ("front",))
    car.reset(5)
    expected = steps(car.observe, car, Policy(), 6)
    seen: list[np.ndarray] = []
    with bridged(car, limits=None, timeout=10.0) as address:
        robot = RemoteRobot(address, TOKEN)
        assert robot.simulated
        robot.reset(5)
        vehicle, policy = Vehicle(), Policy()
        vehicle.mem["run_pilot"] = True
        vehicle.add(RemoteCamera(robot), [], ["cam/image_array"])
        judge = Judge(robot, vehicle)
        vehicle.add(judge, [], [])
        pilot = Pilot(policy)
        vehicle.add(pilot, ["cam/image_array"], ["pilot/angle", "pilot/throttle"], run_condition="run_pilot")
        act = policy.act
        policy.act = lambda now: seen.append(now["images.front"]) or act(now)  # type: ignore[method-assign]
        vehicle.add(RemoteActuator(robot), ["pilot/angle", "pilot/throttle"], [])
        vehicle.start(1000, 6)
    np.testing.assert_array_equal(seen, expected)
    assert judge.label is None and not np.array_equal(seen[0], seen[5])
    car.close()


def test_a_vehicle_is_a_robot_for_another_program():
    part = BridgePart(TOKEN, BridgeSettings("127.0.0.1:0", move=True, timeout=0.4), rate_hz=50, note=lambda text: None)
    vehicle, told = Vehicle(), list[tuple[float, float]]()

    class Camera:
        def run(self) -> np.ndarray:
            return bright("right")

        def shutdown(self) -> None:
            """Nothing."""

    class Motor:
        def run(self, angle: float, throttle: float) -> None:
            told.append((angle, throttle))

        def shutdown(self) -> None:
            """Nothing."""

    vehicle.add(Camera(), [], ["cam/image_array"])
    vehicle.add(part, ["cam/image_array"], ["pilot/angle", "pilot/throttle"], threaded=True)
    vehicle.add(Motor(), ["pilot/angle", "pilot/throttle"], [])
    loop = threading.Thread(target=vehicle.start, args=(50, 100_000))
    loop.start()
    try:
        robot = RemoteRobot(f"127.0.0.1:{part.address[1]}", TOKEN)
        assert robot.cameras == ("front",) and robot.action_names == ("steering", "throttle")
        assert robot.control_dt == 0.02 and not robot.simulated
        for _ in range(5):
            assert robot.observe()["images.front"].shape == (120, 160, 3)
            np.testing.assert_allclose(robot.command(np.array([3.0, -0.5])), [1.0, -0.5])
        until = time.monotonic() + 10
        while (1.0, -0.5) not in told and time.monotonic() < until:
            time.sleep(0.01)
        assert (1.0, -0.5) in told
        while told[-1] != (0.0, 0.0) and time.monotonic() < until:  # silence
            time.sleep(0.01)
        assert told[-1] == (0.0, 0.0)
        with pytest.raises(OSError, match=r"no command for 0\.4 s"):
            robot.command(np.zeros(2))
        robot.close()
    finally:
        vehicle.on = False
        loop.join(10)
    assert not loop.is_alive()


def test_a_vehicle_stops_by_its_own_clock_even_if_the_bridges_thread_hangs():
    now = [0.0]
    robot = VehicleRobot("front", 0.05, 0.1, lambda: now[0])
    assert robot.told() == (0.0, 0.0)
    robot.command(np.array([0.5, 0.25]))
    now[0] = 0.1
    assert robot.told() == (0.5, 0.25)
    now[0] = 0.15
    assert robot.told() == (0.0, 0.0)
    robot.command(np.array([0.5, 0.25]))
    robot.stop()
    assert robot.told() == (0.0, 0.0)
    now[0] = 0.2
    robot.show(bright("left"))
    assert robot.observe()["taken"] == 0.2
