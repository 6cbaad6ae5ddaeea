"""Splits of recordings by independent units, never by frame."""

import numpy as np

from sim2real.errors import InputError
from sim2real.recordings.frames import Frames
from sim2real.statistics.units import JUDGING, Blocks, between

FEW = 10  # units; with fewer, none is held out to decide when to stop


def folds(frames: Frames, count: int, seed: int = 0, blocks: Blocks = JUDGING) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return at most `count` splits of the frames, as in `Units.sides`; each unit is held out in one of them.

    Units are grouped into similar numbers of frames: longest first, each to the smallest group. Splits with a side
    that guards leave empty are left out.
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
    """Return (kept, held out): random units with about this share of the frames, at least one unit.

    Frames in a guard between the two are in neither.

    Raises:
        InputError: there is only one unit, or guards leave nothing on one side.
    """
    units = frames.units(blocks)
    sizes = np.bincount(units.index)
    if len(sizes) < 2:
        raise InputError(f"only one {units.kind}: nothing can be held out")
    taken, left = [], share * len(frames)
    largest = left * 2 / 3  # a single long unit would not be enough for testing
    for k in np.random.default_rng(seed).permutation(len(sizes)):
        # A unit is skipped if it overshoots the share by more than what is missing.
        if sizes[k] <= min(1.5 * left, largest) and len(taken) < len(sizes) - 1:
            taken.append(int(k))
            left -= sizes[k]
    kept, out = units.sides(taken or [int(np.argmin(sizes))])
    if not kept.any() or not out.any():
        raise InputError(f"{units}: without the frames near the split, one side is empty")
    return frames.select(kept), frames.select(out)


def kept_apart(learned: Frames, test: Frames) -> tuple[Frames, Frames]:
    """Remove frames near the split from both sides of a dataset that was split by episodes.

    Raises:
        InputError: one side is empty.
    """
    sessions, times = ([getattr(part, name) for part in (learned, test)] for name in ("session", "time"))
    guarded = between(sessions, times, JUDGING.averaged(learned.smoothing).guard)
    if any(near.all() for near in guarded):
        raise InputError("all test or all training episodes are within seconds of an episode of the other side")
    return learned.select(~guarded[0]), test.select(~guarded[1])
