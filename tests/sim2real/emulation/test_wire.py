"""The servos' protocol, and the SO-101's driver at wire level: every fault is injected, time is virtual."""

import sys
import termios
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim2real.emulation.emulator import emulated_servos
from sim2real.emulation.packets import READ, WRITE, Receiver, packed
from sim2real.emulation.servo import Servo
from sim2real.emulation.virtual import VirtualPort, VirtualTime
from sim2real.emulation.wire import Wire
from sim2real.files import write_json
from sim2real.robots import find_robot
from sim2real.robots.arm import ArmError, FeetechArm
from sim2real.robots.calibration import Calibration, find_calibration
from sim2real.robots.feetech import REPLY, FeetechBus
from sim2real.robots.homing import calibrated, keep
from sim2real.robots.robot import Ticker
from sim2real.robots.safety import UnsafeCommandError
from sim2real.robots.sts3215 import OVERLOAD

ARM, DT = find_robot("so101"), 1 / 30
LIMITS = np.array(ARM.limits)


class Bench:
    """The arm's driver on its servos, which are where they were told to be once the time is asked for."""

    def __init__(self, folder: Path, calibrated: bool = True) -> None:
        entries, self.servos, _ = emulated_servos(calibrated)
        self.wire, self.time = Wire({servo["id"]: servo for servo in self.servos}), VirtualTime()
        write_json(folder / "so101.json", entries)
        self.calibration = Calibration.load(folder / "so101.json", ARM.joints, ARM.gripper, LIMITS)
        self.place(self.calibration.to_ticks(np.zeros(6)))
        self.bus = FeetechBus(
            "virtual", self.calibration.ids, lambda name: VirtualPort(self.wire, self.time), self.time
        )
        ticker = Ticker(DT, self.time, self.time.sleep)
        self.arm = FeetechArm(self.bus, ARM.joints, self.calibration, "", None, ticker, ARM.gripper)

    def place(self, ticks: np.ndarray) -> None:
        for servo, position in zip(self.servos, ticks, strict=True):
            servo["position"] = int(position)

    def held(self, name: str) -> list[int]:
        return [servo[name] for servo in self.servos]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


@given(st.lists(st.tuples(st.integers(0, 252), st.binary(max_size=20), st.binary(max_size=6)), max_size=6), st.data())
def test_packets_are_found_in_any_pieces_and_noise(sent: list[tuple[int, bytes, bytes]], data: st.DataObject):
    clean = [noise.replace(b"\xff", b"") for _, _, noise in sent]
    stream = b"".join(n + packed(who, WRITE, content) for (who, content, _), n in zip(sent, clean, strict=True))
    receiver, found = Receiver(), []
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        found += receiver.received(stream[:size])
        stream = stream[size:]
    assert [(each.servo, each.parameters) for each in found] == [(who, content) for who, content, _ in sent]


def test_a_packet_as_the_servos_manual_has_it():
    assert packed(1, READ, bytes((0x38, 0x02))) == bytes.fromhex("ffff0104023802be")
    receiver = Receiver()
    assert not list(receiver.received(bytes.fromhex("ffff0104023802bf"))) and receiver.damaged == 1


def test_settings_are_kept_only_unlocked_and_limp():
    servo = Servo(1)
    servo.write(21, bytes((16,)))
    assert servo["p"] == 32  # locked
    servo.write(55, bytes((0,)))
    servo.write(40, bytes((1,)))
    servo.write(21, bytes((16,)))
    assert servo["p"] == 32  # it holds
    servo.write(40, bytes((0,)))
    servo.write(21, bytes((16,)))
    assert servo["p"] == 16
    servo.write(56, bytes((1, 2)))
    assert servo["position"] == 0  # measured


@settings(max_examples=200)
@given(st.integers(-2047, 2047), st.integers(0, 4095))
def test_numbers_are_sign_and_magnitude(offset: int, raw: int):
    servo = Servo(1, {"homing_offset": offset})
    assert servo["homing_offset"] == offset and 0 <= servo.seen(raw) < 4096
    servo["load"] = -300
    assert servo["load"] == -300 and servo.read(60, 2) == bytes((300 & 0xFF, (300 >> 8) | 4))


def test_a_driver_writes_what_it_relies_on(bench: Bench, monkeypatch: pytest.MonkeyPatch):
    assert bench.held("p") == [32] * 6
    bench.arm.prepare()
    assert bench.held("p") == [16] * 6 and bench.held("return_delay") == [0] * 6 and bench.held("lock") == [1] * 6
    assert bench.held("overload_torque") == [80] * 5 + [25] and not bench.held("phase")[0] & 0x10
    written: list[int] = []
    monkeypatch.setattr(Servo, "write", lambda servo, start, data: written.append(start))
    bench.arm.prepare()
    assert not written  # memory wears out


def test_an_arm_that_holds_itself_is_not_let_go(bench: Bench):
    bench.servos[2]["torque"] = 1
    with pytest.raises(UnsafeCommandError, match="support it"):
        bench.arm.prepare()
    assert bench.held("torque") == [0, 0, 1, 0, 0, 0] and bench.held("p") == [32] * 6


@pytest.mark.parametrize(("name", "value"), [("homing_offset", -3), ("low", 0), ("high", 4095)])
def test_an_arm_that_was_calibrated_otherwise_is_refused(bench: Bench, name: str, value: int):
    bench.servos[3][name] = value
    with pytest.raises(
        UnsafeCommandError, match=f"wrist_flex was calibrated otherwise: its servo holds {name} {value}"
    ):
        bench.arm.prepare()
    assert bench.held("torque") == [0] * 6


def test_everything_that_servos_feel_comes_in_one_read(bench: Bench):
    servo = bench.servos[1]
    servo["load"], servo["temperature"], servo["voltage"], servo["current"], servo["velocity"] = -250, 41, 73, 100, -7
    servo.error = OVERLOAD
    asked = bench.wire.packets
    felt = bench.bus.read()
    assert bench.wire.packets == asked + 1
    assert felt.load[1] == -0.25 and felt.temperature[1] == 41 and felt.voltage[1] == pytest.approx(7.3)
    assert (
        felt.current[1] == pytest.approx(0.65) and felt.velocity[1] == -7 and felt.error.tolist() == [0, 32, 0, 0, 0, 0]
    )


@pytest.mark.parametrize("fault", ["lose_every", "corrupt_every"])
@pytest.mark.parametrize("every", [7, 50])
def test_single_lost_packets_do_not_cost_the_loop_its_rate(bench: Bench, fault: str, every: int):
    bench.arm.prepare()
    bench.arm.command(bench.calibration.to_radians(np.array(bench.held("position"))))
    setattr(bench.wire.faults, fault, every)
    bench.arm.observe()
    before = bench.time()
    for _ in range(60):
        bench.arm.command(bench.arm.observe()["state"])
    assert bench.time() - before == pytest.approx(60 * DT, rel=0.02)


@pytest.mark.parametrize("fault", ["silent", "dead"])
def test_a_bus_that_went_silent_is_noticed_in_50_ms(bench: Bench, fault: str):
    setattr(bench.wire.faults, fault, True if fault == "silent" else {4})
    before = bench.time()
    with pytest.raises(OSError, match="servos 1, 2, 3, 4, 5, 6 on" if fault == "silent" else "servos 4 on"):
        bench.bus.read()
    assert bench.time() - before < sum(REPLY) + 0.002 <= 0.0521


def test_a_late_answer_is_not_taken_for_the_next(bench: Bench):
    bench.wire.faults.late_every, bench.wire.faults.late = 5, 0.024
    seen = []
    for k in range(40):
        bench.place(np.full(6, 2000 + k))
        seen.append(bench.bus.read().position.tolist())
        bench.time.sleep(0.01)
    assert seen == [[2000 + k] * 6 for k in range(40)]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda servo: setattr(servo, "error", 32), "elbow_flex is overloaded"),
        (lambda servo: setattr(servo, "error", 5), "elbow_flex has a wrong voltage and is too hot"),
        (lambda servo: servo.__setitem__("temperature", 66), "elbow_flex is at 66 °C"),
    ],
)
def test_servos_in_trouble_end_the_episode(bench: Bench, change: Callable[[Servo], None], said: str):
    bench.arm.observe()
    change(bench.servos[2])
    with pytest.raises(ArmError, match=said):
        bench.arm.observe()


def test_an_arm_that_does_not_follow_is_stopped_but_a_gripper_may_be_blocked(bench: Bench):
    start = bench.arm.observe()["state"]
    bench.arm.command(start)
    bench.arm.command(start + np.array([0, 0, 0, 0, 0, 0.9]))
    for _ in range(30):
        bench.arm.observe()
    bench.arm.command(start + np.array([0, 0.6, 0, 0, 0, 0]))
    with pytest.raises(ArmError, match=r"shoulder_lift is 0.60 rad behind its goal"):
        for _ in range(30):
            bench.arm.observe()
    assert bench.time() < 1 + 0.5 + 5 * DT


def test_a_gripper_keeps_what_it_holds(bench: Bench):
    bench.arm.command(np.zeros(6))
    bench.arm.command(np.array([0, 0, 0, 0, 0, -0.1]))
    goal = bench.held("goal")
    bench.place(np.array(goal) + np.array([0, 0, 0, 0, 0, 300]))
    bench.servos[5].error = OVERLOAD
    for _ in range(100):
        bench.arm.observe()
    bench.arm.stop()
    assert bench.held("goal") == goal
    bench.servos[5].error = 4
    with pytest.raises(ArmError, match="gripper is too hot"):
        bench.arm.observe()


def test_with_a_dead_servo_the_others_are_told_to_hold(bench: Bench):
    bench.arm.command(np.zeros(6))
    bench.arm.observe()
    here = bench.held("position")
    bench.arm.command(np.array([0.5, 0.5, 0.5, 0.5, 0.5, 0]))
    bench.wire.faults.dead = {3}
    with pytest.raises(OSError, match="servos 3"):
        bench.arm.stop()
    assert [bench.held("goal")[j] for j in (0, 1, 3, 4)] == [here[j] for j in (0, 1, 3, 4)]


def test_an_arm_does_not_jump_to_its_first_target(bench: Bench):
    bench.place(np.array(bench.held("position")) + 500)
    with pytest.raises(UnsafeCommandError, match="from its first target: it would jump"):
        bench.arm.command(np.zeros(6))
    assert bench.held("torque") == [0] * 6


def test_an_arm_that_was_refused_is_not_let_go(bench: Bench):
    for servo in bench.servos:
        servo["torque"] = 1
    with pytest.raises(UnsafeCommandError):
        bench.arm.prepare()
    bench.arm.close()
    assert bench.held("torque") == [1] * 6


def test_a_port_that_is_gone_is_an_error_like_others(bench: Bench, monkeypatch: pytest.MonkeyPatch):
    def gone(port: VirtualPort) -> None:
        raise termios.error(5, "Input/output error")

    bench.arm.command(np.zeros(6))
    monkeypatch.setattr(VirtualPort, "clearPort", gone)
    for call in (bench.bus.read, bench.arm.stop, bench.arm.observe, bench.arm.close):
        with pytest.raises(
            OSError, match=r"the port is gone \(Input/output error\)|did not confirm torque off|does not take"
        ):
            call()


def test_stopping_again_and_again_does_not_lower_the_arm(bench: Bench):
    bench.arm.command(np.zeros(6))
    goal = bench.held("goal")
    for _ in range(5):
        bench.place(np.array(bench.held("goal")) - 40)  # gravity
        bench.arm.stop()
    assert bench.held("goal") == goal
    bench.arm.command(np.full(6, 0.3))
    bench.place(np.array(goal))  # still on its way
    bench.arm.stop()
    assert bench.held("goal")[:5] == goal[:5]


@pytest.mark.parametrize("count", [10_000])
def test_no_goal_leaves_the_limits_whatever_is_commanded(bench: Bench, count: int, monkeypatch: pytest.MonkeyPatch):
    random, told = np.random.default_rng(0), list[int]()
    written = Servo.write

    def write(servo: Servo, start: int, data: bytes) -> None:
        if start == 42:  # before the servo limits it itself
            told.append(int.from_bytes(data[:2], "little"))
        written(servo, start, data)

    monkeypatch.setattr(Servo, "write", write)
    bench.wire.faults.corrupt_every = 50
    bench.arm.command(np.zeros(6))
    for _ in range(count):
        bench.arm.command(random.normal(0, 10 ** random.uniform(-2, 3), 6))
    goals = np.array(told).reshape(-1, 6)
    assert len(goals) == count + 1
    assert (goals >= bench.calibration.low).all() and (goals <= bench.calibration.high).all()
    assert (goals.min(0) == bench.calibration.low).all() and (goals.max(0) == bench.calibration.high).all()


def test_all_servos_are_switched_though_one_is_dead(bench: Bench):
    bench.wire.faults.dead = {2}
    with pytest.raises(OSError, match="servos 2 on virtual did not confirm torque on"):
        bench.bus.torque(True)
    assert bench.held("torque") == [1, 0, 1, 1, 1, 1]


def test_a_port_or_a_library_that_is_not_there(bench: Bench, monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(OSError, match="nowhere cannot be opened: no such serial port"):
        FeetechBus("nowhere", [1])
    with pytest.raises(OSError, match="servos 9 on virtual do not answer"):
        FeetechBus("virtual", [9], lambda name: VirtualPort(bench.wire, bench.time), bench.time)
    monkeypatch.setitem(sys.modules, "scservo_sdk", None)
    with pytest.raises(ValueError, match=r"not installed: pip install 'sim2real\[so101\]'"):
        FeetechBus("nowhere", [1])


def test_an_arm_is_calibrated_by_hand_as_it_was_made(tmp_path: Path):
    bench = Bench(tmp_path, calibrated=False)
    made, _, mounted = emulated_servos()
    low, high = (np.array([each[name] for each in made.values()]) for name in ("range_min", "range_max"))
    shafts = mounted + 2048

    def place(present: np.ndarray) -> None:
        bench.place(
            np.array([servo.seen(raw) for servo, raw in zip(bench.servos, shafts + present - 2047, strict=True)])
        )

    poses = iter([low, (low + high) // 2, high, (low + high) // 2])

    def moving(least: np.ndarray, here: np.ndarray, most: np.ndarray) -> bool:
        if (pose := next(poses, None)) is None:
            return False
        place(pose)
        return True

    middle = np.full(6, 2047)
    found = calibrated(bench.bus, ARM.joints, range(1, 7), "wrist_roll", lambda what: place(middle), moving)
    expected = made | {"wrist_roll": made["wrist_roll"] | {"range_min": 0, "range_max": 4095}}
    assert found == expected
    assert bench.held("homing_offset") == [each["homing_offset"] for each in made.values()]
    assert bench.held("lock") == [1] * 6 and bench.held("torque") == [0] * 6
    keep(found, tmp_path / "robots/arm.json")
    with pytest.raises(ValueError, match="is easily lost"):
        keep(found, tmp_path / "robots/arm.json")
    bench.calibration = Calibration.load(tmp_path / "robots/arm.json", ARM.joints, ARM.gripper, LIMITS)
    arm = FeetechArm(bench.bus, ARM.joints, bench.calibration, "", None, Ticker(DT, bench.time, bench.time.sleep))
    arm.prepare()


def test_a_joint_that_was_forgotten_is_named(bench: Bench):
    before = {name: bench.held(name) for name in ("homing_offset", "low", "high")}
    with pytest.raises(ValueError, match="gripper hardly moved"):
        poses = iter(np.array([[500, 500, 500, 500, 500, 2047], [3500, 3500, 3500, 3500, 3500, 2050]]))

        def moving(least: np.ndarray, here: np.ndarray, most: np.ndarray) -> bool:
            if (pose := next(poses, None)) is not None:
                bench.place(pose)
            return pose is not None

        calibrated(bench.bus, ARM.joints, range(1, 7), None, lambda what: bench.place(np.full(6, 2047)), moving)
    assert {name: bench.held(name) for name in before} == before and bench.held("lock") == [1] * 6


def test_a_joint_that_came_to_the_end_of_its_turn_is_named(bench: Bench):
    poses = iter([[4090] * 6, [5] * 6])

    def moving(least: np.ndarray, here: np.ndarray, most: np.ndarray) -> bool:
        if (pose := next(poses, None)) is not None:
            bench.place(np.array(pose))
        return pose is not None

    with pytest.raises(ValueError, match="shoulder_pan came to the end of its servo's turn"):
        calibrated(bench.bus, ARM.joints, range(1, 7), None, lambda what: bench.place(np.full(6, 2047)), moving)


def test_a_calibration_is_found_by_the_id_that_lerobot_keeps_it_by(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HF_LEROBOT_CALIBRATION", str(tmp_path))
    made, _, _ = emulated_servos()
    keep(made, tmp_path / "robots/so101_follower/left.json")
    assert find_calibration(Path("left"), ARM.types) == tmp_path / "robots/so101_follower/left.json"
    with pytest.raises(ValueError, match=r"no calibration right: .*LeRobot knows left"):
        find_calibration(Path("right"), ARM.types)
