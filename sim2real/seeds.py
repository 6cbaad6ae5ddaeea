"""Disjoint seeds of simulated worlds for training, validation, tests and recordings.

An episode depends only on its world's seed (`envs.random`), so that different seeds give different episodes.
"""

import numpy as np

from sim2real.errors import InputError

TEST = range(10_000_000, 20_000_000)
RECORDING = range(20_000_000, 30_000_000)  # of the rehearsal robot
SIMULATED_RECORDING = range(30_000_000, 40_000_000)
VALIDATION = range(40_000_000, 50_000_000)  # for model selection
HELD_OUT = range(10_000_000, 2**32)
"""Seeds that training never draws: the ranges above, and seeds that users choose for their own tests."""
DRAWN = 2**40  # training seeds are below; streams of one world are further apart (`envs.batch_env.STREAMS`)


def has_held_out_seed(first: int, worlds: int) -> bool:
    """Return whether any of the worlds with seeds first, first + 1, ... has a held-out seed."""
    return first < HELD_OUT.stop and first + worlds > HELD_OUT.start


def draw_learning_seed(random: np.random.Generator, worlds: int) -> int:
    """Draw the first seed of training worlds, none of which is held out; one draw in 256 is repeated for that."""
    while has_held_out_seed(seed := int(random.integers(DRAWN)), worlds):
        pass
    return seed


def check_learning_seed(seed: int, worlds: int) -> None:
    """Raise InputError if training worlds with this seed would include held-out seeds."""
    if has_held_out_seed(seed, worlds):
        most = f"{HELD_OUT.start - worlds:,}"
        raise InputError(f"seed {seed:,} with {worlds} worlds includes seeds reserved for tests: choose at most {most}")
