"""What the control loop does when an emulated arm, its bus, its camera or the computer fails, in virtual time."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from envs import make_task
from sim2real.emulation.arm import EmulatedArm
from sim2real.emulation.emulator import emulated_servos
from sim2real.emulation.virtual import VirtualCamera, VirtualPort, VirtualTime
from sim2real.emulation.wire import Wire
from sim2real.rehearsal.robot import boundary_of
from sim2real.robots import find_robot
from sim2real.robots.arm import SAG, FeetechArm
from sim2real.robots.calibration import Calibration
from sim2real.robots.feetech import FeetechBus
from sim2real.robots.homing import keep
from sim2real.robots.loop import Trace, run_episode
from sim2real.robots.robot import Ticker

ARM, DT = find_robot("so101"), 1 / 30
INJECTED = 1.0  # s
STOPPED = 0.1  # s, from the detection until the arm was told to hold


class Rig:
    """The unmodified driver on an emulated arm that falls, heats and renders, in virtual time."""

    def __init__(self, world: EmulatedArm, folder: Path) -> None:
        entries, self.servos, _ = emulated_servos()
        world.reset(0)
        world.upset.jammed, world.upset.heat, world.upset.volts = set(), {}, 7.4
        self.world, self.time = world, VirtualTime(world, self.servos)
        world.feel(self.servos)
        self.wire = Wire({servo["id"]: servo for servo in self.servos})
        self.camera = VirtualCamera(world, self.time)
        keep(entries, folder / "so101.json")
        calibration = Calibration.load(folder / "so101.json", ARM.joints, ARM.gripper, np.array(ARM.limits))
        self.bus = FeetechBus("virtual", calibration.ids, lambda name: VirtualPort(self.wire, self.time), self.time)
        ticker = Ticker(DT, self.time, self.time.sleep)
        camera: Any = self.camera
        self.arm = FeetechArm(self.bus, ARM.joints, calibration, "front", camera, ticker, ARM.gripper)
        self.arm.prepare()
        self.told: list[float] = []  # when the servos were told something
        self.written = self.bus.write

    def episode(self, act: Callable[[dict[str, Any]], np.ndarray], steps: int = 90) -> Trace:
        def write(ticks: np.ndarray) -> None:
            self.told.append(self.time())
            self.written(ticks)

        self.bus.write = write  # type: ignore[method-assign]
        boundary = boundary_of(make_task("Reach", "rehearsal"))
        return run_episode(self.arm, act, boundary, steps, lambda over: "success" if over else None)


@pytest.fixture(scope="module")
def world() -> Iterator[EmulatedArm]:
    _, _, mounted = emulated_servos()
    task: Any = make_task("Reach", "rehearsal")
    arm = EmulatedArm(task, "front", mounted)
    yield arm
    arm.close()


@pytest.fixture
def rig(world: EmulatedArm, tmp_path: Path) -> Rig:
    return Rig(world, tmp_path)


def still(observation: dict[str, Any]) -> np.ndarray:
    return np.zeros(6)


def swing(observation: dict[str, Any]) -> np.ndarray:
    """Turn and lift, back and forth."""
    return 0.5 * np.sin(3 * observation["time"]) * np.array([1.0, 0.5, -0.5, 0.3, 0.5, 0.2])


def test_an_arm_that_nothing_happens_to_does_what_it_is_told(rig: Rig):
    trace = rig.episode(swing)
    assert trace.label == "success" and len(trace.times) == 90
    assert sum(trace.dropped) <= 3  # camera and loop are not in step
    assert trace.times[-1] - trace.times[0] == pytest.approx(89 * DT, rel=0.01)
    moved = np.ptp([servo["goal"] for servo in rig.servos])
    behind = np.abs([servo["goal"] - servo["position"] for servo in rig.servos])
    assert moved > 100 and behind.max() < 150  # ticks


def jam(rig: Rig) -> None:
    rig.world.upset.jammed = {1}


FAULTS: dict[str, tuple[Callable[[Rig], object], float, str]] = {
    "silent bus": (lambda rig: setattr(rig.wire.faults, "silent", True), 0.05 + DT, "do not answer"),
    "dead servo": (lambda rig: setattr(rig.wire.faults, "dead", {3}), 0.05 + DT, "servos 3 on virtual do not answer"),
    "camera frozen": (lambda rig: setattr(rig.camera, "frozen", True), 0.2 + 2 * DT, "the camera stalled"),
    "camera slow": (lambda rig: setattr(rig.camera, "every", 8), 0.2 + 9 * DT, "the camera stalled"),
    "hot servo": (lambda rig: rig.world.upset.heat.update({2: 68.0}), 2 * DT, "shoulder_lift is at 68 °C"),
    "low voltage": (lambda rig: setattr(rig.world.upset, "volts", 3.5), 2 * DT, "wrong voltage"),
    "blocked joint": (jam, 1.5, "shoulder_pan is (overloaded|.* behind its goal)"),
    "suspended": (lambda rig: rig.time.sleep(1.0), 1.0 + DT, "the computer stood still"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_noticed_in_time_and_the_arm_told_to_hold(rig: Rig, fault: str):
    inject, bound, said = FAULTS[fault]
    rig.time.events[rig.time() + INJECTED] = lambda: inject(rig)
    start = rig.time()
    act = (lambda observation: np.array([1.0, 0, 0, 0, 0, 0])) if fault == "blocked joint" else swing
    trace = rig.episode(act, 150)
    assert trace.label == "aborted", fault
    assert trace.reason and re.search(said, trace.reason), trace.reason
    noticed = rig.time() - start - INJECTED
    print(f"{fault}: noticed and told to hold after {1000 * noticed:.0f} ms")
    assert 0 <= noticed < bound + STOPPED
    held = [servo["torque"] for servo in rig.servos]
    assert held == [1] * 6, "an arm that is let go drops"
    if fault == "silent bus":
        return  # nobody can be told: servos go to their last goal and hold it
    assert rig.told[-1] > trace.times[-1] - rig.arm.control_dt, "it is told to hold"
    rig.time.sleep(0.5)
    off = [abs(servo["goal"] - servo["position"]) for k, servo in enumerate(rig.servos) if k != 5]
    assert max(off) <= SAG + 20, "it stands where it was told to"


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_an_action_that_is_no_number_reaches_no_servo(rig: Rig, value: float):
    calls = []

    def act(observation: dict[str, Any]) -> np.ndarray:
        calls.append(1)
        return np.array([0.1, 0, 0, 0, 0, value if len(calls) > 10 else 0])

    trace = rig.episode(act)
    assert trace.label == "aborted" and "not finite" in trace.reason
    assert len(trace.times) == 10 and len(rig.told) == 11  # the last one holds


def test_a_policy_that_hangs_leaves_an_arm_that_stands(rig: Rig):
    def act(observation: dict[str, Any]) -> np.ndarray:
        if observation["time"] > INJECTED:
            rig.time.sleep(5.0)
        return swing(observation)

    trace = rig.episode(act)
    assert trace.label == "aborted" and "stood still" in trace.reason
    assert np.abs([servo["velocity"] for servo in rig.servos]).max() < 20  # ticks/s


def test_a_corrupted_packet_in_50_is_not_noticed(rig: Rig):
    rig.wire.faults.corrupt_every = 50
    trace = rig.episode(swing)
    assert trace.label == "success" and trace.times[-1] - trace.times[0] == pytest.approx(89 * DT, rel=0.01)


def test_a_gripper_may_hold_something_for_long(rig: Rig):
    rig.world.upset.jammed = {6}
    trace = rig.episode(lambda observation: np.array([0, 0, 0, 0, 0, -1.0]), 120)
    assert trace.label == "success", trace.reason


def test_an_arm_is_let_down_and_does_not_drop(rig: Rig):
    rig.episode(swing, 40)
    strength, fastest = [], 0.0
    held = np.array([servo["position"] for servo in rig.servos])
    waited = rig.time.sleep

    def sleep(seconds: float) -> None:
        nonlocal fastest
        waited(seconds)
        strength.append(rig.servos[1]["torque_limit"])
        fastest = max(fastest, np.abs([servo["velocity"] for servo in rig.servos]).max())

    rig.time.sleep = sleep  # type: ignore[method-assign]
    rig.arm.close()
    after = np.array([servo["position"] for servo in rig.servos])
    assert [servo["torque"] for servo in rig.servos] == [0] * 6
    assert strength[-1] == 1000 and min(strength) == 0 and len(set(strength)) > 20
    assert np.abs(after - held).max() > 20, "it sinks"
    assert fastest < 0.6 * 4096 / (2 * np.pi)


def test_an_arm_whose_bus_went_silent_is_closed_at_once(rig: Rig):
    rig.episode(swing, 10)
    rig.wire.faults.silent, before = True, rig.time()
    with pytest.raises(OSError, match="did not confirm torque off"):
        rig.arm.close()
    assert rig.time() - before < 1.0
