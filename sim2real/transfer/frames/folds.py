"""Splitting recordings by independent units, never by frame."""

import numpy as np

from sim2real.errors import InputError
from sim2real.recordings.frames import Frames
from sim2real.statistics.units import JUDGING, Blocks, between

FEW = 10  # units, below which every one of them is held out in turn


def folds(frames: Frames, count: int, seed: int = 0, blocks: Blocks = JUDGING) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return at most `count` splits of the frames, as `Units.sides`; each unit is held out in one of them.

    Units in groups of about equally many frames: longest first, each to the smallest group. A split of which a guard
    leaves one side empty is left out.
    """
    units = frames.units(blocks)
    sizes = np.bincount(units.index)
    order = np.random.default_rng(seed).permutation(len(sizes))
    order = order[np.argsort(-sizes[order], kind="stable")]
    groups: list[list[int]] = [[] for _ in range(min(count, len(sizes)))]
    filled = np.zeros(len(groups))
    for k in order:
        smallest = int(np.argmin(filled))
        groups[smallest].append(int(k))
        filled[smallest] += sizes[k]
    splits = [units.sides(group) for group in groups]
    return [(rest, out) for rest, out in splits if rest.any() and out.any()]


def held_out(frames: Frames, share: float, seed: int = 0, blocks: Blocks = JUDGING) -> tuple[Frames, Frames]:
    """Return (kept, held out): about this share of the frames as whole units drawn at random, and at least one.

    Frames in a guard between the two are in neither.

    Raises:
        InputError: a single unit, of which nothing can be held out, or nothing is left beside the guards.
    """
    units = frames.units(blocks)
    sizes = np.bincount(units.index)
    if len(sizes) < 2:
        raise InputError(f"one {units.kind} only: nothing can be held out")
    taken, left = [], share * len(frames)
    largest = left * 2 / 3  # one long unit alone would prove nothing
    for k in np.random.default_rng(seed).permutation(len(sizes)):
        # A unit that overshoots by more than it lacks is left where it is.
        if sizes[k] <= min(1.5 * left, largest) and len(taken) < len(sizes) - 1:
            taken.append(int(k))
            left -= sizes[k]
    kept, out = units.sides(taken or [int(np.argmin(sizes))])
    if not kept.any() or not out.any():
        raise InputError(f"{units}: nothing is left of one side when frames near the split are left out")
    return frames.select(kept), frames.select(out)


def kept_apart(learned: Frames, test: Frames) -> tuple[Frames, Frames]:
    """Take frames near the split out of one dataset's frames that were split by episodes, on either side.

    Raises:
        InputError: nothing is left of one side.
    """
    sessions, times = ([getattr(part, name) for part in (learned, test)] for name in ("session", "time"))
    guarded = between(sessions, times, JUDGING.averaged(learned.smoothing).guard)
    if any(near.all() for near in guarded):
        raise InputError("every episode to judge by, or to learn from, is within seconds of one on the other side")
    return learned.select(~guarded[0]), test.select(~guarded[1])
