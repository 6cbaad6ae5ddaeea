"""`sim2real record --on robot`: a person moves a robot by keys; every episode they keep is on disk as it ends."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sim2real.datasets import EpisodeDataset
from sim2real.robots.loopback import Loopback

ROBOT = ("--on", "robot", "--robot", "loopback", "--move")
RIGHT, UP = "\x1b[C", "\x1b[A"


@pytest.mark.usefixtures("short_lane")
def test_a_car_is_driven_by_arrow_keys(
    command: Callable[..., Any], workplace: Path, answers: Callable, typed: Callable, quick: list[Loopback]
):
    asked = answers("", "", "", "s")
    typed({3: UP, 4: RIGHT + UP, 9: "s", 13: RIGHT, 14: "a"})  # s ends the first, a discards the second
    done = command("record", "set", *ROBOT, "--episodes", 2, "--seconds", 1)
    assert done.code == 0 and done.err == "" and "2 episodes, 28 frames; dataset: set" in done.out, done
    assert "left and right arrow: steer" in done.out and "not kept: aborted by hand" in done.out
    first, second = EpisodeDataset(workplace / "set")
    assert [len(asked), len(first), len(second)] == [4, 8, 20] and quick[0].closed
    np.testing.assert_allclose(first["action"][:, 1], [0, 0, 0.05, 0.1, 0.1, 0.1, 0.1, 0.1], atol=1e-6)
    assert first["action"][3, 0] == pytest.approx(0.15) and 0 < first["action"][7, 0] < 0.11  # it straightens
    assert not second["action"].any() and first["intervention"].all()
    assert EpisodeDataset(workplace / "set").info["robot_type"] == "rehearsal-car"


@pytest.mark.slow
def test_an_arm_is_moved_by_a_pair_of_keys_per_joint(
    command: Callable[..., Any], workplace: Path, answers: Callable, typed: Callable, quick: list[Loopback]
):
    asked = answers("", KeyboardInterrupt)
    typed({5: "1", 6: "11", 8: "w", 12: "s"})
    words = ("record", "set", *ROBOT, "--task", "Reach", "--seconds", "1")
    done = command(*words, "--episodes", 3)
    assert done.code == 130 and "1 episodes, 11 frames" in done.out and "--resume" in done.out, done
    assert "1, q: shoulder_pan up, down; 2, w: shoulder_lift up, down" in done.out and len(asked) == 2
    dataset = EpisodeDataset(workplace / "set")
    degrees = np.rad2deg(0.03)
    moved = np.diff(dataset.episode(0)["action"], axis=0)
    assert moved[3:5, 0].tolist() == pytest.approx([degrees, 2 * degrees], abs=1e-4)
    assert moved[6, 1] == pytest.approx(-degrees, abs=1e-4) and np.abs(moved[:, 2:]).max() == 0
    answers("", "f", "", "s", "", "s")  # a failure is not kept
    typed({})
    done = command(*words, "--episodes", 3, "--resume")
    assert done.code == 0 and "not kept: failure" in done.out, done
    assert EpisodeDataset(workplace / "set").lengths.tolist() == [11, 30, 30]
    assert len(set(EpisodeDataset(workplace / "set").sessions)) in (1, 2)  # sittings, by the second


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(("keys", "joint"), [("1", 0), ("2", 1), ("3", 2)])
def test_keys_never_leave_the_limits_nor_press_on(
    command: Callable[..., Any], workplace: Path, answers: Callable, typed: Callable, keys: str, joint: int
):
    """To the end of the pan's range; the others end on the table, where the person's last command is held."""
    answers("", "s")
    typed(dict.fromkeys(range(1, 200), 20 * keys))
    words = ("record", "set", *ROBOT, "--task", "Reach", "--seconds", "5", "--episodes", "1")
    assert command(*words).code == 0
    action = np.deg2rad(EpisodeDataset(workplace / "set").episode(0)["action"][:, :5])
    assert np.abs(np.diff(action, axis=0)).max() <= 4.0 / 30 + 1e-4  # rad per step
    assert len(action) == 150 and (action[-30:] == action[-1]).all() and np.ptp(action[:, joint]) > 0.2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--on", "robot"), "no robot is configured: name one with --robot"),
        (("--on", "robot", "--robot", "loopback"), "add --move when nobody is within its reach"),
        ((*ROBOT, "--teacher", "x"), "are not for --on robot: you move it"),
        ((*ROBOT, "--seconds", "500"), "seconds must be from 0.1 to 120"),
        (("--resume",), "--resume are for --on robot"),
        (("--robot", "loopback"), "are for --on robot"),
    ],
)
def test_what_cannot_be(complains: Callable[[tuple, str], None], words: tuple, message: str):
    complains(("record", "set", *words), message)


@pytest.mark.usefixtures("quick", "short_lane")
def test_a_recording_is_never_appended_to_another(
    command: Callable[..., Any], complains: Callable, answers: Callable, workplace: Path
):
    assert command("record", "set", "--episodes", 1, "--seconds", 0.5).code == 0
    complains(("record", "set", *ROBOT), "set exists: add --resume to continue it, or choose another")
    complains(("record", "set", *ROBOT, "--resume"), "set is not a recording of a rehearsal-car at 20 Hz by this")
