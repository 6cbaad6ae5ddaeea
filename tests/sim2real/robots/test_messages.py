"""Bytes between two computers: what is sent arrives, and nothing else does harm."""

import json
import socket
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim2real.robots.connection import Connection, parse_address
from sim2real.robots.messages import LENGTHS, PAYLOAD, Message, MessageError, decode, encode


def split(data: bytes) -> tuple[bytes, bytes]:
    header, payload = LENGTHS.unpack_from(data)
    assert len(data) == LENGTHS.size + header + payload
    return data[LENGTHS.size : LENGTHS.size + header], data[LENGTHS.size + header :]


def test_a_message_arrives_as_it_was():
    image = np.random.default_rng(0).integers(0, 256, (12, 16, 3), np.uint8)
    state = np.array([0.1, -np.pi, 1e-300])
    message = Message("observation", {"time": 1.5, "label": None}, {"state": state, "images.front": image[:, ::-1]})
    got = decode(*split(encode(message)))
    assert got.kind == message.kind and got.values == message.values
    np.testing.assert_array_equal(got.arrays["state"], state)
    np.testing.assert_array_equal(got.arrays["images.front"], image[:, ::-1])
    assert got.arrays["state"].flags.writeable


def test_frames_as_jpeg_are_small_and_nearly_the_same():
    y, x = np.mgrid[:120, :160]
    image = np.stack([x, y, 200 - y], -1).astype(np.uint8)  # red grows to the right
    message = Message("observation", {}, {"images.front": image, "state": np.array([0.25])})
    raw, small = encode(message), encode(message, 90)
    assert len(small) < len(raw) / 8
    got = decode(*split(small)).arrays
    assert np.abs(got["images.front"].astype(int) - image).max() <= 12 and got["state"] == 0.25


@pytest.mark.parametrize(
    "change",
    [
        {"dtype": "object"},
        {"dtype": "float32"},
        {"shape": [-1]},
        {"shape": [3]},
        {"shape": [1, 1, 2, 1]},
        {"shape": [1 << 40]},
        {"shape": "no"},
        {"bytes": 1 << 40},
        {"bytes": -8},
        {"bytes": 8},
        {"packed": "jpeg", "dtype": "uint8", "shape": [1, 1, 3]},
        {"shape": [float("inf")]},
    ],
    ids=str,
)
def test_an_array_that_is_none_is_refused(change: dict):
    header, payload = split(encode(Message("command", {}, {"action": np.zeros(2)})))
    content = json.loads(header)
    content["arrays"][0] |= change
    with pytest.raises(MessageError, match="not a message"):
        decode(json.dumps(content).encode(), payload)


@given(st.binary(max_size=200), st.binary(max_size=64))
def test_any_bytes_are_a_message_or_an_error(header: bytes, payload: bytes):
    with pytest.raises(MessageError):
        decode(header, payload)


@settings(max_examples=40)
@given(st.recursive(st.none() | st.integers() | st.floats() | st.text(), lambda each: st.lists(each), max_leaves=6))
def test_any_json_in_a_header_is_a_message_or_an_error(value: object):
    for content in (
        value,
        {"kind": value, "values": {}, "arrays": value},
        {"kind": "a", "values": value, "arrays": []},
    ):
        try:
            decode(json.dumps(content).encode(), b"")
        except MessageError:
            continue


def pair() -> tuple[Connection, socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as door:
        near = socket.create_connection(door.getsockname())
        far, _ = door.accept()
    return Connection(near), far


def test_a_message_in_pieces_is_waited_for_and_two_at_once_are_two():
    line, other = pair()
    data = encode(Message("stop")) + encode(Message("observe"))
    other.sendall(data[:10])
    assert line.receive(0.0) is None and line.receive(0.01) is None
    other.sendall(data[10:])
    got = [line.receive(1.0), line.receive(0.0)]
    assert [message.kind for message in got if message] == ["stop", "observe"] and line.receive(0.0) is None
    line.close()
    other.close()


def test_a_length_that_is_too_large_is_refused_before_anything_is_kept():
    line, other = pair()
    other.sendall(struct.pack(">II", 10, PAYLOAD + 1))
    with pytest.raises(MessageError, match="not a message: 10 and"):
        line.receive(1.0)
    line.close()
    other.close()


def test_who_reads_nothing_is_left_and_nobody_waits():
    line, other = pair()
    big = Message("observation", {}, {"images.front": np.zeros((2000, 4000, 3), np.uint8)})
    with pytest.raises(ConnectionError, match="reads nothing"):
        for _ in range(6):
            line.send(big)
    line.close()
    other.close()


def test_who_knocks_at_the_door_all_the_time_keeps_nobody_waiting():
    """The watchdog looks at the clock when `receive` returns."""
    line, other = pair()
    with socket.create_server(("127.0.0.1", 0)) as door, socket.create_connection(door.getsockname()):
        knocked: list[int] = []
        line.beside = door, lambda: knocked.append(1)
        assert line.receive(0.02) is None and knocked
    line.close()
    other.close()


def test_who_left_is_noticed():
    line, other = pair()
    other.close()
    with pytest.raises(ConnectionError, match="closed at the other end"):
        line.receive(5.0)
    line.close()


@pytest.mark.parametrize("text", ["", "robot", ":7210", "robot:", "robot:x", "robot:70000", "robot:-1"])
def test_what_is_no_address_is_said(text: str):
    with pytest.raises(ValueError, match="is not an address: give HOST:PORT"):
        parse_address(text)


def test_addresses():
    assert parse_address("pi.local:7210") == ("pi.local", 7210) and parse_address("[::1]:80") == ("::1", 80)
