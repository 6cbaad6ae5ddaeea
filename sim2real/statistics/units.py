# pyright: reportArgumentType=false, reportCallIssue=false
"""Independent units of recordings: sessions, or blocks of time if there are few sessions.

Frames of one drive share light, battery, driver and course, and so do the episodes that a drive was cut into at gaps.
A split between such episodes would test on training conditions, and an interval over them would be too narrow. So
splits and intervals are over sessions. Fewer than six sessions are too few: then each session is divided into blocks
of time, and frames within a guard time of a split belong to neither side (block bootstrap: Künsch 1989;
cross-validation with h left out on either side: Burman, Chow & Nolan 1994). Results over blocks hold for these
sessions only.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

FEWEST = 6  # units: all of them favour a plan without effect by chance once in 64 times
FILLED = 0.6  # share of a block that must be recorded: a block with less joins its neighbour


@dataclass(frozen=True)
class Blocks:
    """How a session is divided if there are few sessions.

    Attributes:
        seconds: length of a block [s], gaps in the recording included.
        guard: time on both sides of a split [s] whose frames are on neither side.
    """

    seconds: float
    guard: float

    def averaged(self, smoothing: float) -> "Blocks":
        """Return blocks for actions averaged over ± `smoothing` s: no average may reach across a split."""
        guard = max(self.guard, smoothing)
        return Blocks(max(self.seconds, 5 * guard), guard)


JUDGING = Blocks(30.0, 2.0)
STOPPING = Blocks(5.0, 0.5)  # within the training data: only for early stopping, never reported


@dataclass(frozen=True)
class Units:
    """The independent unit of each of n frames.

    Attributes:
        session: (n,) int, session of each frame.
        begin: (n,) s, start of the frame's block; 0 if sessions are not divided.
        time: (n,) s of each frame, on the same clock.
        blocks: how sessions are divided; None: not at all.
        session_kind: what counts as a session: "session" where the recordings name theirs, otherwise "episode" or
            "recording" (the whole dataset).
    """

    session: np.ndarray
    begin: np.ndarray
    time: np.ndarray
    blocks: Blocks | None = None
    session_kind: str = "episode"

    @staticmethod
    def of(session: np.ndarray, time: np.ndarray, session_kind: str = "session", blocks: Blocks = JUDGING) -> "Units":
        """Make units from the session (n,) and time (n,) [s] of each frame, on one clock per session, gaps included."""
        names, session = np.unique(session, return_inverse=True)
        if len(names) >= FEWEST:
            return Units.undivided(session, session_kind)
        begin = np.zeros(len(session))
        for k in range(len(names)):
            begin[session == k] = _block_begins(np.asarray(time, float)[session == k], blocks.seconds)
        divided = any(np.ptp(begin[session == k]) > 0 for k in range(len(names)))
        # The rest of a session may be a single block of it.
        if divided or (len(names) == 1 and session_kind != "episode"):
            return Units(session, begin, np.asarray(time, float), blocks, session_kind)
        return Units.undivided(session, session_kind)

    @staticmethod
    def undivided(session: np.ndarray, session_kind: str = "episode") -> "Units":
        """Make sessions the units; `session` (n,) is the session of each frame."""
        nothing = np.zeros(len(session))
        return Units(np.unique(session, return_inverse=True)[1].reshape(-1), nothing, nothing, None, session_kind)

    def __len__(self) -> int:
        return len(self._keys)

    @property
    def kind(self) -> str:
        """Return the name of a unit: "session", "episode", "recording" or "block"."""
        return self.session_kind if self.blocks is None else "block"

    @cached_property
    def index(self) -> np.ndarray:
        """Return (n,) the index of each frame's unit."""
        pairs = np.stack([self.session, self.begin], 1)
        return np.unique(pairs, axis=0, return_inverse=True)[1].reshape(-1)

    @cached_property
    def _keys(self) -> np.ndarray:
        """Return (units, 2) session and start of each unit, in order."""
        return np.unique(np.stack([self.session, self.begin], 1), axis=0)

    def select(self, where: np.ndarray) -> "Units":
        """Return the units of the selected frames: a mask (n,) bool, or indices."""
        return Units(self.session[where], self.begin[where], self.time[where], self.blocks, self.session_kind)

    def sides(self, taken: Iterable[int]) -> tuple[np.ndarray, np.ndarray]:
        """Return masks (rest, taken), (n,) bool, of the frames on the two sides of a split, without those in a guard.

        Args:
            taken: indices of the units that are split off.
        """
        chosen = np.isin(np.arange(len(self)), list(taken))
        out, nobody = chosen[self.index], np.zeros(len(self.session), bool)
        if self.blocks is not None:
            session, begin = self._keys.T
            for k in np.flatnonzero((np.diff(session) == 0) & (chosen[1:] != chosen[:-1])):
                near = np.abs(self.time - begin[k + 1]) < self.blocks.guard
                nobody |= near & (self.session == session[k])
        return ~out & ~nobody, out & ~nobody

    def describe(self) -> dict[str, Any]:
        """Return a description of the units for JSON."""
        blocks = None if self.blocks is None else {"seconds": self.blocks.seconds, "guard": self.blocks.guard}
        sessions = len(np.unique(self.session))
        sizes = {"count": len(self), "sessions": sessions, "blocks": blocks}
        return {"kind": self.kind, "session": self.session_kind, **sizes, "text": str(self)}

    def called(self, before: str = "") -> str:
        """Return the number and kind of units, in words: "5 held-out sessions"."""
        before, sessions = f"{before} " if before else "", len(np.unique(self.session))
        if self.blocks is None:
            return f"{len(self)} {before}{_plural(self.session_kind, len(self))}"
        of = f"{sessions} {_plural(self.session_kind, sessions)}"
        return f"{len(self)} {before}{_plural('block', len(self))} of {self.blocks.seconds:g} s of {of}"

    def __str__(self) -> str:
        return self.called() + TAKEN.get(self.session_kind, "")


TAKEN = {
    "episode": " (each episode counts as a session)",
    "recording": " (the dataset names no sessions and counts as one)",
}


def _plural(noun: str, count: int) -> str:
    return noun if count == 1 else f"{noun}s"


def between(sessions: Sequence[np.ndarray], times: Sequence[np.ndarray], guard: float) -> tuple[np.ndarray, np.ndarray]:
    """Return masks (n,), (m,) of the frames to leave out of the two sides of a manual split.

    Args:
        sessions, times: sessions and times of the frames on either side, on the same clocks.
        guard: time to leave out before and after every change from one side to the other [s].
    """
    nobody = np.zeros(len(times[0]), bool), np.zeros(len(times[1]), bool)
    for name in np.intersect1d(*sessions):
        mine = [np.flatnonzero(session == name) for session in sessions]
        time = np.concatenate([times[side][rows] for side, rows in enumerate(mine)])
        side = np.repeat([0, 1], [len(rows) for rows in mine])
        order = np.argsort(time, kind="stable")
        turns = np.flatnonzero(np.diff(side[order]))
        middles = (time[order][turns] + time[order][turns + 1]) / 2
        near = np.zeros(len(time), bool)
        for middle in middles:
            near |= np.abs(time - middle) < guard
        for k, rows in enumerate(mine):
            nobody[k][rows] = near[side == k]
    return nobody


def _block_begins(time: np.ndarray, seconds: float) -> np.ndarray:
    """Return (n,) s, the start of each frame's block, from the times (n,) of one session's frames."""
    number = ((time - time.min()) // seconds).astype(int)
    grid, inverse, count = np.unique(number, return_inverse=True, return_counts=True)
    steps = np.diff(np.sort(time))
    step = float(np.median(steps[steps > 0])) if (steps > 0).any() else 0.0
    least, first, held = FILLED * seconds / max(step, 1e-9), [0], 0
    for k, frames in enumerate(count):
        if held >= least:
            first, held = [*first, k], 0
        held += frames
    if held < least and len(first) > 1:  # the last holds too little
        first.pop()
    block = np.searchsorted(first, inverse.reshape(-1), side="right") - 1
    return time.min() + grid[np.array(first)][block] * seconds
