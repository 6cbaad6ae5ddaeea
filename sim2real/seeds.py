"""Seeds of simulated worlds: what is learned from, selected on, tested on and recorded; no two of them share one.

What an episode shows is drawn from its world's seed alone (`envs.random`), so that other seeds are other episodes.
"""

VALIDATION = range(40_000_000, 50_000_000)  # on which models are selected
TEST = range(10_000_000, 20_000_000)
RECORDING = range(20_000_000, 30_000_000)  # of the rehearsal robot
SIMULATED_RECORDING = range(30_000_000, 40_000_000)
HELD_OUT = range(10_000_000, 2**32)
"""Of these learning draws none; beside the ranges above it holds those that people choose for tests of their own."""
