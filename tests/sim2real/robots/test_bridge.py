"""A robot behind a bridge, over real sockets: it does what a near one does, and bad clients do it no harm."""

import json
import socket
import struct
import threading
from typing import Any

import numpy as np
import pytest

from bridges import BOUNDARY, DT, JOINTS, TOKEN, Remembering, bridged, episode, wait_for
from sim2real.errors import InputError
from sim2real.robots import greeting
from sim2real.robots.boundary import DirectBoundary
from sim2real.robots.bridge import Bridge, BridgeSettings
from sim2real.robots.greeting import greet
from sim2real.robots.hardware import Hardware, open_robot
from sim2real.robots.loopback import Loopback
from sim2real.robots.messages import Message, encode
from sim2real.robots.remote import RemoteRobot
from sim2real.robots.safety import UnsafeCommandError
from sim2real.robots.tokens import VARIABLE

WIDE: dict[str, Any] = {"timeout": 5.0}  # s, as a machine that is busy with other tests is slow


def still() -> Remembering:
    """A robot whose time passes only when it is asked to observe."""
    now = [0.0]
    return Remembering(lambda: now[0], lambda seconds: now.__setitem__(0, now[0] + seconds))


def test_an_episode_through_a_bridge_is_the_same_as_without():
    near, robot = still(), still()
    near.observe()  # as a bridge does, to tell its client what there is
    expected = episode(near)
    with bridged(robot, **WIDE) as address:
        remote = RemoteRobot(address, TOKEN)
        assert (remote.control_dt, remote.action_names, remote.cameras) == (DT, JOINTS, ("front",))
        assert remote.moves and not remote.simulated
        got = episode(remote)
        assert robot.stopped
        remote.close()
    assert got[0].label == expected[0].label == "success" and got[0].times == expected[0].times
    for one, other in zip(expected[1], got[1], strict=True):
        for a, b in zip(one, other, strict=True):
            np.testing.assert_array_equal(a, b)
    assert not robot.closed, "the next client finds it"


def test_frames_may_be_sent_as_jpeg():
    class Coloured(Remembering):
        def observe(self) -> dict[str, Any]:
            frame = np.zeros((48, 64, 3), np.uint8)
            frame[..., 0] = 200  # red
            return {**super().observe(), "images.front": frame}

    with bridged(Coloured(), jpeg=85, **WIDE) as address:
        remote = RemoteRobot(address, TOKEN)
        frame = remote.observe()["images.front"]
        assert frame.shape == (48, 64, 3) and np.abs(frame.mean((0, 1)) - [200, 0, 0]).max() < 6
        remote.close()


def test_errors_travel():
    robot = Remembering()
    with bridged(robot, **WIDE) as address:
        remote = RemoteRobot(address, TOKEN)
        remote.observe()
        with pytest.raises(UnsafeCommandError, match="not finite"):
            remote.command(np.array([np.nan, 0.0]))
        remote.stop()
        robot.failing = {"observe"}
        with pytest.raises(OSError, match=r"servo 3 does not answer \(observe\)"):
            remote.observe()
        robot.failing = set()
        remote.stop()
        remote.observe()
        remote.command(np.zeros(2))
        remote.close()


def test_a_bridge_that_ends_aborts_the_episode():
    ended = threading.Event()
    bridge = Bridge(Remembering(), TOKEN, BridgeSettings("127.0.0.1:0", move=True, **WIDE))
    thread = threading.Thread(target=lambda: (bridge.serve(), ended.set()))
    thread.start()
    remote = RemoteRobot(f"127.0.0.1:{bridge.address[1]}", TOKEN)

    def act(observation: dict[str, Any]) -> np.ndarray:
        bridge.close()
        return np.zeros(2)

    trace, _ = episode(remote, 1000, act)
    assert trace.label == "aborted" and "the connection" in trace.reason and "did not stop" not in trace.reason
    thread.join(10)
    with pytest.raises(OSError, match="no bridge at 127"):
        remote.observe()
    remote.close()


def test_a_socket_that_is_cut_stops_the_robot_and_the_next_episode_connects_again():
    robot, notes = Remembering(), list[str]()
    with bridged(robot, notes, **WIDE) as address:
        remote = RemoteRobot(address, TOKEN)
        cut = [5]

        def act(observation: dict[str, Any]) -> np.ndarray:
            cut[0] -= 1
            if cut[0] == 0:
                assert remote._line is not None
                remote._line._link.shutdown(socket.SHUT_RDWR)
            return np.zeros(2)

        trace, _ = episode(remote, 60, act)
        assert trace.label == "aborted" and "connection" in trace.reason and len(trace.times) == 4
        wait_for(lambda: len(robot.stops) == 1)
        assert any("the client is gone" in note for note in notes)
        trace, _ = episode(remote, 20)
        assert trace.label == "success"
        remote.close()


def test_ctrl_c_in_the_middle_of_a_question_does_not_mix_up_the_answers(monkeypatch: pytest.MonkeyPatch):
    with bridged(Remembering(), **WIDE) as address:
        remote = RemoteRobot(address, TOKEN)
        assert remote._line is not None
        monkeypatch.setattr(remote._line, "receive", lambda timeout: (_ for _ in ()).throw(KeyboardInterrupt))
        trace, _ = episode(remote)
        assert trace.interrupted
        trace, _ = episode(remote, 10)
        assert trace.label == "success"
        remote.close()


def test_a_bridge_that_stands_still_is_not_waited_for():
    robot, going = Remembering(), threading.Event()
    with bridged(robot, **WIDE) as address:
        remote = RemoteRobot(address, TOKEN, patience=0.1)
        observe = robot.observe
        robot.observe = lambda: going.wait(10) and observe()  # type: ignore[method-assign,assignment]
        with pytest.raises(OSError, match=r"did not answer for 0\.1 s"):
            remote.observe()
        going.set()
        assert remote.observe()["state"].shape == (2,), "it connects again"
        remote.close()


STRANGERS: dict[str, bytes] = {
    "garbage": bytes(range(256)) * 40,
    "a browser": b"GET / HTTP/1.1\r\nHost: robot\r\n\r\n",
    "oversized": struct.pack(">II", 1 << 31, 1 << 31),
    "an array before the token": encode(Message("command", {}, {"action": np.zeros(2)})),
    "half a message": encode(Message("client", {"nonce": "0", "proof": "0"}))[:20],
    "a pickle": struct.pack(">II", 20, 0) + b"cos\nsystem\n(S'true'\ntR.",
    "no proof": encode(Message("client", {"nonce": "0"})),
    "a nonce that is none": encode(Message("client", {"nonce": 7, "proof": 1})),
    "a command": encode(Message("command")),
    "silence": b"",
    "leaves": b"\0",
}


def test_bad_clients_do_no_harm_and_the_next_one_is_served(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(greeting, "PROVED", 0.15)
    robot, notes = Remembering(), list[str]()
    with bridged(robot, notes, **WIDE) as address:
        host, port = address.split(":")
        for name, data in STRANGERS.items():
            with socket.create_connection((host, int(port))) as stranger:
                stranger.settimeout(10)
                stranger.sendall(data)
                if name != "leaves":
                    heard = b""
                    try:
                        while more := stranger.recv(4096):
                            heard += more
                    except ConnectionError:
                        pass
                    assert b"control_dt" not in heard and TOKEN.encode() not in heard, name
        with pytest.raises(InputError, match=rf"the bridge at {address}: wrong token"):
            RemoteRobot(address, TOKEN + "!")
        remote = RemoteRobot(address, TOKEN)
        assert episode(remote, 5)[0].label == "success"
        remote.close()
    assert len(robot.commanded) == 5 and not any(TOKEN in note for note in notes)


def test_a_client_that_knows_the_token_and_then_sends_rubbish_is_left_and_the_robot_stops():
    robot = Remembering()
    with bridged(robot, **WIDE) as address:
        for rubbish in (encode(Message("fly")), struct.pack(">II", 5, 1 << 20), b"\0" * 8):
            remote = RemoteRobot(address, TOKEN)
            remote.observe()
            remote.command(np.zeros(2))
            count = len(robot.stops)
            assert remote._line is not None
            remote._line._link.sendall(rubbish)
            wait_for(lambda count=count: len(robot.stops) > count)
            with pytest.raises(OSError, match="connection"):
                for _ in range(3):
                    remote.observe()
            remote.close()


def test_one_client_at_a_time():
    with bridged(Remembering(), **WIDE) as address:
        first = RemoteRobot(address, TOKEN)
        with pytest.raises(OSError, match="another client is connected"):
            RemoteRobot(address, TOKEN)
        first.observe()
        first.close()
        second = RemoteRobot(address, TOKEN)
        second.close()


def test_a_program_that_does_not_know_the_token_is_no_bridge():
    """It must not learn the token, nor what can be sent to the true bridge."""
    with socket.create_server(("127.0.0.1", 0)) as door:

        def pretend() -> None:
            link, _ = door.accept()
            with link:
                link.sendall(encode(Message("bridge", {"version": 1, "nonce": "0"})))
                heard.append(link.recv(4096))
                link.sendall(encode(Message("welcome", {"proof": "0" * 64, "control_dt": 0.05})))

        heard: list[bytes] = []
        thread = threading.Thread(target=pretend)
        thread.start()
        with pytest.raises(InputError, match="does not know the token"):
            RemoteRobot(f"127.0.0.1:{door.getsockname()[1]}", TOKEN)
        thread.join(10)
    assert heard and TOKEN.encode() not in heard[0]


def test_an_address_in_use_and_a_watchdog_that_is_too_quick_are_said():
    with bridged(Remembering()) as address, pytest.raises(InputError, match=f"{address} cannot be listened on"):
        Bridge(Remembering(), TOKEN, BridgeSettings(address))
    with pytest.raises(InputError, match=r"timeout must be longer than the robot's control period of 0\.2 s"):
        Bridge(Remembering(dt=0.2), TOKEN, BridgeSettings("127.0.0.1:0"))
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"jpeg": 101}, "jpeg must be"), ({"timeout": 0.0}, "timeout must"), ({"listen": "x"}, "x")
    ]  # fmt: skip
    for settings, said in wrong:
        with pytest.raises(InputError, match=said):
            BridgeSettings(**settings)


MISSING = [
    ({}, "remote needs --address"),
    ({"address": "robot"}, "'robot' is not an address"),
    ({"address": "127.0.0.1:1"}, "no token"),
]


@pytest.mark.parametrize(("settings", "message"), MISSING)
def test_what_is_missing_is_said(settings: dict, message: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    with pytest.raises(InputError, match=message):
        open_robot(Hardware("remote", move=True, **settings), BOUNDARY, DT, "front")


def test_a_robot_that_does_not_fit_the_policy_is_left(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(VARIABLE, TOKEN)

    def opened(address: str, boundary: Any = BOUNDARY, dt: float = DT, camera: str = "front") -> Any:
        return open_robot(Hardware("remote", move=True, address=address), boundary, dt, camera)

    with bridged(Remembering(), **WIDE) as address:
        with pytest.raises(InputError, match="moves a, b; this policy moves steering"):
            opened(address, DirectBoundary("car", ("steering",), ("steering",)))
        with pytest.raises(InputError, match="has 30 Hz, 20 Hz are needed"):
            opened(address, dt=0.05)
        with pytest.raises(InputError, match="has no camera 'wrist'; it has: front"):
            opened(address, camera="wrist")
        opened(address).close()
    with bridged(Remembering(), move=False) as address, pytest.raises(InputError, match="start its bridge with --move"):
        opened(address)
    with pytest.raises(OSError, match=f"no bridge at {address} .*: is `sim2real bridge` running"):
        opened(address)


def test_the_summary_of_a_remote_episode_is_plain_json():
    with bridged(Loopback(JOINTS, DT, ("front",)), limits=None, **WIDE) as address:
        remote = RemoteRobot(address, TOKEN)
        trace, _ = episode(remote, 3)
        remote.close()
    assert json.loads(json.dumps(trace.summary()))["label"] == "success"


def test_no_stranger_ends_the_bridge_by_what_he_says():
    line, said = [], {"nonce": "\ud800", "proof": "\ud800"}

    class Stranger:
        def send(self, message: Message) -> None:
            line.append(message)

        def receive(self, timeout: float | None) -> Message:
            return Message("client", said)

    with pytest.raises(ConnectionError, match="wrong token"):
        greet(Stranger(), "a token of some length", dict)
    assert line[-1].kind == "refused"
