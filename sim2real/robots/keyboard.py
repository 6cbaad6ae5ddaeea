"""Keys of the person at a robot: labels of episodes, and commands by hand. Needs NumPy only."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from sim2real.robots.boundary import Boundary
from sim2real.robots.loop import ABORTED, FAILURE, SUCCESS

LABELS = {"s": SUCCESS, "f": FAILURE, "a": ABORTED}
TAKE, BACK = "h", " "  # takes control, or gives it back; gives it back
STEER, THROTTLE = 0.15, 0.05  # change of a car's command per key press
STRAIGHTEN = 0.5  # s in which steering returns by a factor e without a key press: terminals report no release
JOINT = 0.03  # rad, change of a joint's target per key press; terminals repeat a held key about 30 times per second
ROWS = "1234567890", "qwertyuiop"  # of the keys that move joints up and down

_ARROWS = {"A": "up", "B": "down", "C": "right", "D": "left"}
_KEY = re.compile(r"\x1b[\[O]([ABCD])|\x1b(?:[\[O][0-9;]*[A-Za-z~]?|.)|(.)", re.DOTALL)  # other sequences are no keys


def split_keys(text: str) -> list[str]:
    """Return the keys in a terminal's text: characters, and "up", "down", "left", "right"."""
    keys = (_ARROWS.get(found[1], found[2]) for found in _KEY.finditer(text))
    return [key for key in keys if key is not None]


@dataclass
class Hand:
    """Commands of a person by keys, each of which changes one component by a step.

    Attributes:
        keys: component and step of each key.
        lower, upper: (A,) range of commands.
        kept: (A,) share of a command that is left after a control period without a key.
        always: whether the person stays in control (a recording).
        rest: (A,) the command from which such an episode starts; None: from where the robot is.
        holds: whether the person is in control.
    """

    keys: Mapping[str, tuple[int, float]]
    lower: np.ndarray
    upper: np.ndarray
    kept: np.ndarray
    always: bool = False
    rest: np.ndarray | None = None
    holds: bool = field(init=False)

    def __post_init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Prepare for a new episode, which the policy begins unless the person is always in control."""
        self.holds, self._change = self.always, np.zeros(len(self.lower))
        self._resting = self.always and self.rest is not None

    def press(self, key: str) -> None:
        """Take control, give it back, or change the next command."""
        if key in self.keys:
            self.holds = True
            component, step = self.keys[key]
            self._change[component] += step
        elif key in (TAKE, BACK):
            self.holds = self.always or (key == TAKE and not self.holds)
            self._change[:] = 0

    def __call__(self, sent: np.ndarray) -> np.ndarray | None:
        """Return the person's command (A,) after the last one (A,) in physical units; None while the policy acts."""
        if not self.holds:
            return None
        change, self._change = self._change, np.zeros_like(self._change)
        sent, self._resting = self.rest if self._resting and self.rest is not None else sent, False
        return np.clip(np.where(change == 0, self.kept * sent, sent + change), self.lower, self.upper)


def car_hand(boundary: Boundary, control_dt: float, always: bool = False) -> Hand:
    """Return commands of a car by arrow keys; without a key it straightens and keeps its throttle.

    A recording starts at rest: a car's state is its last command, also that of the episode before.
    """
    names, limits = boundary.action_names, boundary.limits
    keys = {"left": ("steering", -STEER), "right": ("steering", STEER)}
    keys |= {"up": ("throttle", THROTTLE), "down": ("throttle", -THROTTLE)}
    moves = {key: (names.index(name), step) for key, (name, step) in keys.items() if name in names}
    kept = np.where(np.array(names) == "steering", np.exp(-control_dt / STRAIGHTEN), 1.0)
    return Hand(moves, limits.lower, limits.upper, kept, always, np.zeros(len(names)))


def joint_hand(boundary: Boundary, always: bool = False) -> Hand:
    """Return commands of an arm by a pair of keys per joint, of the first ten."""
    limits, count = boundary.limits, len(boundary.action_names)
    steps = zip(ROWS, (JOINT, -JOINT), strict=True)
    keys = {key: (j, step) for row, step in steps for j, key in enumerate(row[:count])}
    return Hand(keys, limits.lower, limits.upper, np.ones(count), always)


def hand_of(boundary: Boundary, control_dt: float, always: bool = False) -> Hand:
    """Return a person's commands for a robot: a car if it steers, else an arm."""
    if "steering" in boundary.action_names:
        return car_hand(boundary, control_dt, always)
    return joint_hand(boundary, always)


def key_lines(boundary: Boundary, always: bool = False) -> list[str]:
    """Return lines that describe the keys.

    Args:
        always: whether the person is always in control (a recording).
    """
    names = boundary.action_names
    if "steering" in names:
        moves = "left and right arrow: steer; up and down arrow: more and less throttle"
    else:
        pairs = zip(names, *ROWS, strict=False)
        moves = "; ".join(f"{up}, {down}: {name.removesuffix('.pos')} up, down" for name, up, down in pairs)
    labels = "s: success; f: failure; a: abort; each ends the episode at once"
    if always:
        return [moves, labels]
    return [labels, f"to take over: h, or a key that moves ({moves}); space or h gives back to the policy"]


@dataclass
class Keyboard:
    """The keys of an episode: a label that ends it, and commands by hand.

    Attributes:
        pressed: returns the text typed since its last call.
        hand: gets all keys that are not labels.
    """

    pressed: Callable[[], str]
    hand: Hand

    def begin(self) -> None:
        """Forget what was typed, and who was in control."""
        self.pressed()
        self.hand.begin()

    def label(self, labels: Sequence[str] = tuple(LABELS)) -> str | None:
        """Return the label that one of these keys gave the episode since the last call; None without one."""
        for key in split_keys(self.pressed()):
            if key in labels:
                return LABELS[key]
            self.hand.press(key)
        return None
