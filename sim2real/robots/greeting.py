"""How a bridge and a client make sure of each other: both prove that they know the token, and neither sends it."""

from collections.abc import Callable
from typing import Any

from sim2real.errors import InputError
from sim2real.robots.connection import Line
from sim2real.robots.messages import Message, MessageError
from sim2real.robots.robot import clock
from sim2real.robots.tokens import nonce, proof, proves

VERSION = 1
PROVED = 1.0  # s in which a client must have proved that it knows the token
INTRODUCED = 3.0  # s in which a bridge must have introduced its robot


def greet(line: Line, token: str, card: Callable[[], dict[str, Any]]) -> bool:
    """Let a client prove that it knows the token, prove it to the client, and introduce the robot.

    Args:
        card: returns what a client is told about the robot; raises OSError if that does not answer.

    Returns:
        Whether the client is one, and the robot is ready.

    Raises:
        ConnectionError: it left, or sent something else.
    """
    until, own = clock() + PROVED, nonce()
    line.send(Message("bridge", {"version": VERSION, "nonce": own}))
    said = line.receive(max(until - clock(), 0.0))
    if said is None:
        raise ConnectionError("a program connected and said nothing")
    asked = said.values.get("nonce")
    if (
        not isinstance(asked, str)
        or not asked.isascii()
        or not proves(said.values.get("proof"), token, "client", own, asked)
    ):
        line.send(Message("refused", {"text": "wrong token"}))
        raise ConnectionError("a client with a wrong token was refused")
    try:
        line.send(Message("welcome", {"proof": proof(token, "robot", asked, own), **card()}))
    except ConnectionError:
        raise
    except OSError as error:
        line.send(Message("refused", {"text": " ".join(str(error).split())}))
        return False
    return True


def introduce(line: Line, token: str) -> dict[str, Any]:
    """Prove to a bridge that this client knows the token, and return what it tells about its robot.

    Raises:
        InputError: a bridge of another version, or one that does not know this token.
        OSError: it has another client, its robot does not answer, or it is no bridge.
    """
    greeting, own = _expect(line, "bridge"), nonce()
    if greeting.values.get("version") != VERSION:
        raise InputError("the bridge speaks another version: update it, or this program")
    asked = str(greeting.values.get("nonce"))
    if not asked.isascii():
        raise MessageError("it greets with what is no text: is it `sim2real bridge`?")
    line.send(Message("client", {"nonce": own, "proof": proof(token, "client", asked, own)}))
    card = dict(_expect(line, "welcome").values)
    if not proves(card.pop("proof", ""), token, "robot", own, asked):
        raise InputError("this program does not know the token: it is not the robot's bridge")
    return card


def _expect(line: Line, kind: str) -> Message:
    said = line.receive(INTRODUCED)
    if said is None:
        raise OSError("it does not answer: is it `sim2real bridge`?")
    if said.kind == "refused":
        text = str(said.values.get("text"))
        raise InputError(text) if text == "wrong token" else OSError(text)
    if said.kind != kind:
        raise MessageError(f"{said.kind[:20]!r} was not expected: is it `sim2real bridge`?")
    return said
