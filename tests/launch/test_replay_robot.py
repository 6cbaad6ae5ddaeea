"""`sim2real replay --on robot` and `--on rehearsal`: nothing moves unasked, keys pause and stop, errors are tracked."""

import builtins
import json
import os
import select
import sys
import termios
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import arm_logs
from launch import keys as terminal
from launch.keys import keys, let_go, operating, switch
from sim2real.robots import find_robot
from sim2real.robots.arm import GRIPPER, SETTINGS
from sim2real.robots.feetech import Felt
from sim2real.robots.loopback import Loopback
from sim2real.robots.playback import GO, PAUSE, STOP


@pytest.fixture(autouse=True)
def arm(workplace: Path) -> Path:
    return arm_logs.write(workplace / "arm", arm_logs.logs(arm_logs.parameters(), 2, 1.2))


@pytest.mark.parametrize("on", ["robot", "rehearsal"])
def test_without_move_it_only_says_what_it_would_do(command: Callable[..., Any], workplace: Path, on: str):
    before = {path.name for path in workplace.iterdir()}
    done = command("replay", "arm", "--episode", "1", "--on", on)
    assert done.code == 0 and "nothing was moved: add --move to move the robot" in done.out
    assert "episode 1 of a so101: 36 commands, 1.2 s at 30 Hz, after a smooth start at 0.5 rad/s at most" in done.out
    assert "largest recorded speed: " in done.out and "shoulder_lift" in done.out
    assert {path.name for path in workplace.iterdir()} == before


@pytest.mark.slow
@pytest.mark.parametrize("where", [("rehearsal",), ("robot", "--robot", "loopback")])
def test_a_playback_is_tracked(command: Callable[..., Any], workplace: Path, where: tuple):
    done = command("replay", "arm", "--on", *where, "--move", "--out", "run")
    assert done.code == 0 and "tracking error: measured minus commanded" in done.out, done
    assert {path.name for path in (workplace / "run").iterdir()} == {
        *("config.json", "metrics.json", "report.html", "episode-000.png"),
    }
    metrics = json.loads((workplace / "run/metrics.json").read_text())
    assert metrics["finished"] and metrics["commands"] == metrics["of"] == 36 and metrics["reason"] == ""
    assert all(0 < joint["rmse"] < 0.5 for joint in metrics["tracking"].values())
    name = "the rehearsal robot" if where[0] == "rehearsal" else "loopback"
    assert ("moving slowly back to the original position\ndone\n" in done.out) == (where[0] == "robot")
    assert f"arm on {name}" in (workplace / "run/report.html").read_text()


def test_a_lower_speed_limits_commands(command: Callable[..., Any], workplace: Path):
    done = command("replay", "arm", "--on", "rehearsal", "--speed", "0.2")
    assert "smooth start at 0.2 rad/s at most" in done.out and " 0 of 36 commands are limited" not in done.out


def test_q_stops_it(command: Callable[..., Any], workplace: Path, monkeypatch: pytest.MonkeyPatch):
    presses = iter(["", "", " ", "", " "] + [""] * 50 + ["q"])
    monkeypatch.setattr(terminal, "switch", lambda pressed: switch(lambda: next(presses)))
    done = command("replay", "arm", "--on", "rehearsal", "--move", "--out", "run")
    assert done.code == 1 and ": stopped by hand" in done.out
    metrics = json.loads((workplace / "run/metrics.json").read_text())
    assert not metrics["finished"] and metrics["reason"] == "stopped by hand" and metrics["paused_periods"] == 2


def test_ctrl_c_stops_it_safely(command: Callable[..., Any], workplace: Path, monkeypatch: pytest.MonkeyPatch):
    calls = iter(range(1000))

    def wish() -> str:
        if next(calls) == 20:
            raise KeyboardInterrupt
        return GO

    monkeypatch.setattr(terminal, "switch", lambda pressed: wish)
    done = command("replay", "arm", "--on", "rehearsal", "--move", "--out", "run")
    assert done.code == 130
    assert json.loads((workplace / "run/metrics.json").read_text())["reason"] == "interrupted"


def test_keys_pause_go_on_and_stop():
    pressed = iter(["", " ", "", "  ", " ", "x", "q", " "])
    wish = switch(lambda: next(pressed))
    assert [wish() for _ in range(8)] == [GO, PAUSE, PAUSE, PAUSE, GO, GO, STOP, STOP]


def test_keys_typed_at_once_are_all_seen(monkeypatch: pytest.MonkeyPatch):
    ours, theirs = os.openpty()
    with os.fdopen(theirs) as terminal:
        monkeypatch.setattr(sys, "stdin", terminal)
        with keys() as pressed:
            assert pressed() == ""
            os.write(ours, b"xq")
            select.select([terminal], [], [], 900)
            assert pressed() == "xq"
    os.close(ours)


def test_what_is_asked_is_answered_with_an_echo_and_then_keys_are_read_again(monkeypatch: pytest.MonkeyPatch):
    ours, theirs = os.openpty()
    with os.fdopen(theirs) as stdin:

        def echoes() -> bool:
            return bool(termios.tcgetattr(stdin)[3] & termios.ECHO)

        seen: list[bool] = []
        monkeypatch.setattr(sys, "stdin", stdin)
        monkeypatch.setattr(builtins, "input", lambda text: seen.append(echoes()) or "yes")
        with operating() as supervisor:
            assert supervisor.present and not echoes()
            assert supervisor.ask("ready?") == "yes" and not echoes()
            os.write(ours, b"h")
            select.select([stdin], [], [], 900)
            assert supervisor.pressed() == "h" and supervisor.pressed() == ""
            supervisor.let_go(Loopback(("a",), 0.05, ()), True)
            assert supervisor.pressed() == ""
        assert seen == [True, True] and echoes()
    os.close(ours)


def test_nobody_drops_an_arm(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    happened: list[str] = []
    robot = Loopback(("a",), 0.05, ())
    robot.close = lambda: happened.append("close")  # type: ignore[method-assign]
    monkeypatch.setattr(sys, "stdin", types.SimpleNamespace(isatty=lambda: True))
    monkeypatch.setattr(builtins, "input", lambda text: happened.append(text) or "")
    let_go(robot, holds=True)
    assert happened == ["support the arm, then press Enter: it will go limp ", "close"]
    let_go(robot, holds=False)
    assert happened[2:] == ["close"]
    robot.close = lambda: (_ for _ in ()).throw(OSError("servo 2 is silent"))  # type: ignore[method-assign]
    let_go(robot, holds=False)
    assert "not closed properly (servo 2 is silent)" in capsys.readouterr().out


def test_without_a_terminal_there_are_no_keys(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys.stdin, "isatty", lambda: False, raising=False)
    with keys() as pressed:
        assert pressed() == ""


def test_what_cannot_be_played(complains: Callable[[tuple, str], None]):
    complains(("replay", "arm", "--on", "robot", "--episode", "0,1"), "a robot plays one episode at a time")
    complains(("replay", "arm", "--on", "robot", "--move"), "so101 needs --port")
    complains(("replay", "arm", "--on", "robot", "--robot", "koch", "--move"), "no driver for robot 'koch'")
    complains(("replay", "arm", "--on", "robot", "--robot", "nonsense"), "no driver for robot 'nonsense'")
    complains(("replay", "arm", "--on", "robot", "--robot", "a/robot.json"), "a robot.json is for --on sim")
    complains(("replay", "arm", "--on", "robot", "--speed", "0"), "speed must be positive, not 0")
    complains(("replay", "arm", "--on", "rehearsal", "--port", "x"), "--port is for --on robot, not for --on rehearsal")
    complains(("replay", "arm", "--on", "robot", "--real-time"), "--real-time is for --on rehearsal")


def test_an_arm_outside_its_calibrated_range_is_one_line(
    complains: Callable[[tuple, str], None], workplace: Path, monkeypatch: pytest.MonkeyPatch
):
    class Bus:
        """Six servos, the first of which was pushed out of its range."""

        closed = False

        def __init__(self, *_: Any) -> None:
            """Open no port."""

        def read(self) -> Felt:
            rest = np.zeros(6, int)
            return Felt(np.array([400, 2048, 2048, 2048, 2048, 2048]), rest, rest, rest, rest, rest, rest)

        def registers(self, name: str) -> np.ndarray:
            held = {"homing_offset": 0, "low": 1000, "high": 3000, "phase": 0, **SETTINGS, **GRIPPER}
            return np.full(6, held[name])

        def torque(self, on: bool) -> None:
            raise AssertionError("nothing was commanded: torque stays as it is")

        def close(self) -> None:
            Bus.closed = True

    entry = {"drive_mode": 0, "homing_offset": 0, "range_min": 1000, "range_max": 3000}
    entries = {joint: {**entry, "id": k + 1} for k, joint in enumerate(find_robot("so101").joints)}
    (workplace / "arm.json").write_text(json.dumps(entries))
    monkeypatch.setattr("sim2real.robots.feetech.FeetechBus", Bus)
    words = ("replay", "arm", "--on", "robot", "--port", "/dev/none", "--calibration", "arm.json", "--move")
    complains(words, r"outside its calibrated range \(shoulder_pan at 400, calibrated 1000…3000 ticks\): move it in by")
    assert Bus.closed
