"""Seeds of simulated worlds: what is learned from, selected on, tested on and recorded; no two of them share one.

What an episode shows is drawn from its world's seed alone (`envs.random`), so that other seeds are other episodes.
"""

import numpy as np

from sim2real.errors import InputError

TEST = range(10_000_000, 20_000_000)
RECORDING = range(20_000_000, 30_000_000)  # of the rehearsal robot
SIMULATED_RECORDING = range(30_000_000, 40_000_000)
VALIDATION = range(40_000_000, 50_000_000)  # on which models are selected
HELD_OUT = range(10_000_000, 2**32)
"""Of these learning draws none; beside the ranges above it holds those that people choose for tests of their own."""
DRAWN = 2**40  # seeds that learning draws are below; streams of one world lie further apart (`envs.batch_env.STREAMS`)


def held_out(first: int, worlds: int) -> bool:
    """Whether any of the worlds with seeds first, first + 1, ... has one that is held out."""
    return first < HELD_OUT.stop and first + worlds > HELD_OUT.start


def draw_learning_seed(random: np.random.Generator, worlds: int) -> int:
    """The first seed of so many worlds to learn in, none of which is held out; one draw in 256 is repeated for that."""
    while held_out(seed := int(random.integers(DRAWN)), worlds):
        pass
    return seed


def check_learning_seed(seed: int, worlds: int) -> None:
    """Raise InputError for a seed, chosen by hand, with which worlds that learn would meet what is held out."""
    if held_out(seed, worlds):
        most = f"{HELD_OUT.start - worlds:,}"
        raise InputError(
            f"seed {seed:,} with {worlds} worlds meets seeds that tests are kept on: choose at most {most}"
        )
