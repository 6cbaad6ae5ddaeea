"""The robot's end of a bridge, by an injected clock: when it stops by itself, and what it refuses."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from bridges import DT, LIMITS, Remembering
from clocks import Clock
from sim2real.robots.bridge import serve_client
from sim2real.robots.loopback import Loopback
from sim2real.robots.messages import Message
from sim2real.robots.safety import Limits
from sim2real.robots.watchdog import TIMEOUT, Watchdog

SILENT = 0.05  # s that an arm's driver waits for a bus that is silent
STOPPED = 0.1  # s after its bound in which a robot must have been stopped


def command(*action: float) -> Message:
    return Message("command", {}, {"action": np.array(action or (0.1, 0.1))})


class Client:
    """The other end, which says what it says when it does; then it is silent, and is gone in the end."""

    def __init__(self, clock: Clock, says: list[tuple[float, Message]], gone: float) -> None:
        self.clock, self.says, self.gone, self.heard = clock, says, gone, list[Message]()

    def send(self, message: Message) -> None:
        self.heard.append(message)

    def receive(self, timeout: float | None) -> Message | None:
        assert timeout is not None
        until = min(self.clock.now + timeout, self.gone)
        if self.says and self.says[0][0] <= until:
            at, message = self.says.pop(0)
            self.clock.now = max(self.clock.now, at)
            return message
        self.clock.now = max(self.clock.now, until)
        if self.clock.now >= self.gone:
            raise ConnectionError("the connection was closed at the other end")
        return None


def served(says: list[tuple[float, Message]], gone: float, **more: Any) -> tuple[Remembering, Client, list[str]]:
    clock, notes = Clock(), list[str]()
    robot = Remembering(clock, clock.sleep)
    client = Client(clock, [(100 + at, message) for at, message in says], 100 + gone)
    watchdog = Watchdog(robot, LIMITS, clock=clock, note=notes.append, **more)
    with pytest.raises(ConnectionError):
        serve_client(client, watchdog)
    assert not robot.moving
    return robot, client, notes


def episode(until: float) -> list[tuple[float, Message]]:
    """An observation and a command in every control period."""
    return [(k * DT, each) for k in range(round(until / DT)) for each in (Message("observe"), command())]


@pytest.mark.parametrize("then", [0.01, 0.07, 0.099, 5.0])
def test_a_client_that_stands_still_leaves_a_robot_that_stops(then: float, monkeypatch: pytest.MonkeyPatch):
    """Whenever it stands still: also just after it asked for an observation, which takes as long as a silent bus."""
    says = episode(1.0)
    last = says[-1][0]
    observe = Remembering.observe

    def slow(robot: Remembering) -> dict[str, Any]:
        if len(robot.commanded) == 30:
            robot.clock.now += SILENT
        return observe(robot)

    monkeypatch.setattr(Remembering, "observe", slow)
    robot, _, notes = served([*says, (last + then, Message("observe"))], gone=3.0)
    bound = robot.commanded[-1] + TIMEOUT
    assert len(robot.commanded) == 30 and len(robot.stops) == 1
    late = robot.stops[0] - bound
    print(f"stopped {1000 * late:.0f} ms after the bound of {1000 * TIMEOUT:.0f} ms")
    assert -1e-9 <= late <= STOPPED and late <= SILENT + 1e-9 and (late > 0) == (then in (0.07, 0.099))
    assert any("no command for 0.1 s" in note for note in notes)


def test_a_client_that_is_gone_leaves_a_robot_that_stops_at_once():
    robot, _, notes = served(episode(1.0), gone=1.02)
    assert robot.stops == [pytest.approx(101.02)] and any("gone" in note for note in notes)


def test_a_robot_that_was_never_commanded_waits_as_long_as_it_takes():
    robot, client, notes = served([(9.0, Message("observe")), (30.0, command())], gone=30.05)
    assert len(robot.commanded) == 1 and [message.kind for message in client.heard] == ["observation", "sent"]
    assert robot.stops == [pytest.approx(130.05)] and "no command" not in " ".join(notes)


def test_after_it_stopped_by_itself_commands_are_refused_until_the_client_stops_it():
    says = [(0.0, command()), (0.3, command()), (0.4, command()), (0.5, Message("stop")), (0.6, command())]
    robot, client, _ = served(says, gone=0.65)
    assert [message.kind for message in client.heard] == ["sent", "failed", "failed", "stopped", "sent"]
    assert "no command for 0.1 s; no command is taken until the next episode" in client.heard[1].values["text"]
    assert [at - 100 for at in robot.commanded] == pytest.approx([0.0, 0.6])


def test_a_command_that_waited_while_the_robots_computer_stood_still_is_not_done():
    clock = Clock()
    robot = Remembering(clock, clock.sleep)
    watchdog = Watchdog(robot, LIMITS, clock=clock)

    class Suspended(Client):
        def receive(self, timeout: float | None) -> Message | None:
            if len(self.heard) == 1:
                self.clock.now += 1.0
            return super().receive(timeout)

    client = Suspended(clock, [(100.0, command()), (100.05, command())], 110.0)
    with pytest.raises(ConnectionError):
        serve_client(client, watchdog)
    assert [message.kind for message in client.heard] == ["sent", "failed"] and len(robot.commanded) == 1
    assert robot.stops == [pytest.approx(101.0)]


WRONG: dict[str, tuple[Callable[[], Message], str]] = {
    "nan": (lambda: command(np.nan, 0), "not finite"),
    "infinite": (lambda: command(0, np.inf), "not finite"),
    "too short": (lambda: command(0.1), r"shape \(1,\) for a robot of 2"),
    "nothing": (lambda: Message("command"), r"shape \(0,\) for a robot of 2"),
    "a table": (lambda: Message("command", {}, {"action": np.zeros((2, 1))}), "shape"),
}


@pytest.mark.parametrize("limits", [LIMITS, None], ids=["limits", "none"])
@pytest.mark.parametrize("wrong", WRONG)
def test_a_command_that_is_none_reaches_no_robot_and_stops_it(wrong: str, limits: Any):
    clock = Clock()
    robot = Remembering(clock, clock.sleep)
    watchdog = Watchdog(robot, limits, clock=clock)
    assert watchdog.answer(command()).kind == "sent"
    make, said = WRONG[wrong]
    answer = watchdog.answer(make())
    assert answer.kind == "unsafe" and re.search(said, answer.values["text"])
    assert len(robot.commanded) == 1 and len(robot.stops) == 1
    assert watchdog.answer(command()).kind == "failed", "refused until it is told to stop"


def test_limits_hold_at_the_robots_end_too():
    clock = Clock()
    robot = Remembering(clock, clock.sleep)
    watchdog = Watchdog(robot, LIMITS, clock=clock)
    watchdog.answer(Message("observe"))
    sent = []
    for _ in range(8):
        clock.now += DT
        sent.append(watchdog.answer(command(5.0, -0.05)).arrays["action"])
    np.testing.assert_allclose(sent[0], [0.2, -0.05])  # from where it is
    np.testing.assert_allclose(sent[-1], [1.0, -0.05])


def test_without_leave_to_move_nothing_does():
    robot, client, _ = served([(0.0, Message("observe")), (0.1, command())], gone=1.0, move=False)
    assert not robot.commanded and client.heard[1].kind == "failed"
    assert "started without --move" in client.heard[1].values["text"]


@pytest.mark.parametrize("what", ["observe", "command"])
def test_a_robot_that_fails_is_stopped_and_its_client_told(what: str):
    clock = Clock()
    robot = Remembering(clock, clock.sleep)
    watchdog = Watchdog(robot, LIMITS, clock=clock)
    watchdog.answer(command())
    robot.failing = {what}
    answer = watchdog.answer(command() if what == "command" else Message(what))
    assert answer.kind == "failed" and answer.values["text"] == f"servo 3 does not answer ({what})"
    assert len(robot.stops) == 1 and watchdog.remaining() is None
    robot.failing = set()
    assert watchdog.answer(command()).kind == "failed"
    assert watchdog.answer(Message("stop")).kind == "stopped" and watchdog.answer(command()).kind == "sent"


def test_a_robot_that_does_not_stop_is_told_again_and_somebody_sees_it():
    clock, notes, tried = Clock(), list[str](), list[int]()
    robot = Remembering(clock, clock.sleep)
    watchdog = Watchdog(robot, LIMITS, clock=clock, note=notes.append)
    watchdog.answer(command())

    def stop() -> None:
        tried.append(1)
        raise OSError("the port is gone")

    robot.stop = stop  # type: ignore[method-assign]
    clock.now += 1.0
    watchdog.check()
    assert len(tried) == 3 and notes[-1] == "the robot did not stop: the port is gone"


def test_only_what_is_simulated_can_be_reset():
    with pytest.raises(ConnectionError, match="no request 'reset'; there are: observe, command, stop"):
        Watchdog(Remembering()).answer(Message("reset", {"seed": 1}))


def test_a_client_that_hurries_does_not_move_the_target_faster():
    now = [0.0]
    robot = Loopback(("a", "b"), DT, (), clock=lambda: now[0], sleep=lambda seconds: None)
    limits = Limits(np.full(2, -2.0), np.full(2, 2.0), np.full(2, 0.1), np.full(2, 0.6))
    watchdog = Watchdog(robot, limits, move=True, clock=lambda: now[0])

    def commanded(target: float) -> Message:
        return watchdog.answer(Message("command", {}, {"action": np.full(2, target)}))

    assert commanded(0.1).kind == "unsafe", "nobody knows where the robot is"
    watchdog.answer(Message("stop"))
    watchdog.answer(Message("observe"))
    for _ in range(10):
        now[0] += 0.001
        np.testing.assert_allclose(commanded(2.0).arrays["action"], 0.1)
    now[0] += DT
    np.testing.assert_allclose(commanded(2.0).arrays["action"], 0.2)
    watchdog.leave()
    assert commanded(0.1).kind == "unsafe", "what an earlier client saw does not count"


def test_a_stop_that_fails_once_is_tried_again():
    robot, failures = Loopback(("a",), DT, ()), [OSError("busy"), OSError("busy")]
    stop = robot.stop

    def failing() -> None:
        if failures:
            raise failures.pop()
        stop()

    robot.stop = failing  # type: ignore[method-assign]
    assert Watchdog(robot, None, move=True).answer(Message("stop")).kind == "stopped" and robot.stopped
