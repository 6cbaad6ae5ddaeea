# pyright: reportArgumentType=false, reportCallIssue=false
"""Keys of the person at a robot: how terminals write them, what they command, and who is in control."""

import numpy as np
import pytest

from sim2real.robots.boundary import DirectBoundary
from sim2real.robots.keyboard import JOINT, STEER, Keyboard, hand_of, key_lines, split_keys

CAR = DirectBoundary("car", ("steering", "throttle"), ("steering", "throttle"))
ARM = DirectBoundary("arm", ("a.pos", "b.pos"), ("a.pos", "b.pos"))


def test_arrows_are_keys_and_no_letters():
    assert split_keys("a\x1b[Ah\x1bOD \x1b[C\x1b[B") == ["a", "up", "h", "left", " ", "right", "down"]
    assert "a" not in split_keys("\x1b[A\x1b[1;5D")  # a capital letter of a sequence aborts nothing
    assert split_keys("") == []


def test_a_person_takes_over_where_the_robot_is_and_gives_back():
    hand, sent = hand_of(CAR, 0.05), np.array([0.4, 0.3])
    assert hand(sent) is None
    hand.press("x")
    assert hand(sent) is None
    hand.press("h")
    np.testing.assert_allclose(hand(sent), [0.4 * np.exp(-0.1), 0.3])
    for back in ("h", " "):
        hand.press("right")
        np.testing.assert_allclose(hand(sent), [0.4 + STEER, 0.3])
        hand.press("right")
        hand.press(back)
        assert hand(sent) is None
    hand.press("h")
    np.testing.assert_allclose(hand(sent), [0.4 * np.exp(-0.1), 0.3])  # no key of before


def test_a_recording_is_always_by_hand_and_a_car_starts_it_at_rest():
    hand = hand_of(CAR, 0.05, always=True)
    np.testing.assert_array_equal(hand(np.array([0.4, 0.3])), [0, 0])
    hand.press(" ")
    hand.press("up")
    assert hand(np.array([0.0, 0.98]))[1] == 1  # type: ignore[index]
    hand.begin()
    np.testing.assert_array_equal(hand(np.array([0.4, 0.3])), [0, 0])


def test_each_joint_has_a_pair_of_keys():
    hand, sent = hand_of(ARM, 0.05, always=True), np.array([0.1, 0.2])
    np.testing.assert_array_equal(hand(sent), sent)
    for key in "11qw2x3":
        hand.press(key)
    np.testing.assert_allclose(hand(sent), [0.1 + JOINT, 0.2])
    assert key_lines(ARM, always=True)[0] == "1, q: a up, down; 2, w: b up, down"


@pytest.mark.parametrize(("text", "label"), [("xs", "success"), ("f", "failure"), ("\x1b[Ca", "aborted"), ("S", None)])
def test_labels_end_an_episode(text: str, label: str | None):
    typed = ["s", text]
    keys = Keyboard(lambda: typed.pop(0), hand_of(CAR, 0.05))
    keys.begin()
    assert keys.label() == label and not typed
    assert keys.hand.holds == text.startswith("\x1b")
