"""Splitting recordings by episode, never by frame."""

import numpy as np

from sim2real.recordings.frames import Frames

FEW = 10  # episodes, below which every one of them is held out in turn


def folds(frames: Frames, count: int, seed: int = 0) -> list[np.ndarray]:
    """Episodes in at most `count` groups of about equally many frames: longest first, each to the smallest group."""
    names, sizes = np.unique(frames.episode, return_counts=True)
    order = np.random.default_rng(seed).permutation(len(names))
    order = order[np.argsort(-sizes[order], kind="stable")]
    groups: list[list[int]] = [[] for _ in range(min(count, len(names)))]
    filled = np.zeros(len(groups))
    for k in order:
        smallest = int(np.argmin(filled))
        groups[smallest].append(int(names[k]))
        filled[smallest] += sizes[k]
    return [np.array(sorted(group)) for group in groups]


def held_out(frames: Frames, share: float, seed: int = 0) -> tuple[Frames, Frames]:
    """(kept, held out): about this share of the frames as whole episodes drawn at random, and at least one.

    Raises:
        ValueError: a single episode, of which nothing can be held out.
    """
    names, sizes = np.unique(frames.episode, return_counts=True)
    if len(names) < 2:
        raise ValueError("one episode only: nothing can be held out")
    taken, left = [], share * len(frames)
    largest = left * 2 / 3  # one long episode alone would prove nothing
    for k in np.random.default_rng(seed).permutation(len(names)):
        # An episode that overshoots by more than it lacks is left where it is.
        if sizes[k] <= min(1.5 * left, largest) and len(taken) < len(names) - 1:
            taken.append(names[k])
            left -= sizes[k]
    taken = taken or [names[np.argmin(sizes)]]
    out = np.isin(frames.episode, taken)
    return frames.select(~out), frames.select(out)
