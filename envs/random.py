"""Random numbers per world: each world's stream depends on its own seed alone, whatever the batch around it."""

import numpy as np

from envs.errors import InputError

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def _mix(x: np.ndarray) -> np.ndarray:
    """SplitMix64's finalizer (Steele, Lea & Flood 2014): uint64 in, well-mixed uint64 out."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


class WorldRandom:
    """Counter-based random numbers for many worlds, without a loop over them.

    A NumPy generator per world would need a Python loop at every reset; one generator for all would make a world's
    draws depend on its neighbours. SplitMix64 over (seed, counter) does neither.

    Args:
        seeds: (n,) integers, one per world.
    """

    def __init__(self, seeds: np.ndarray) -> None:
        self._key = _mix(np.asarray(seeds).astype(np.uint64) + _GOLDEN)
        self._count = np.zeros(len(self._key), np.uint64)

    def reseed(self, ids: np.ndarray, seeds: np.ndarray) -> None:
        """Start the streams of worlds ids (m,) anew from seeds (m,)."""
        self._key[ids] = _mix(np.asarray(seeds).astype(np.uint64) + _GOLDEN)
        self._count[ids] = 0

    def bits(self, ids: np.ndarray, k: int) -> np.ndarray:
        """(m, k) uint64 for worlds ids (m,); advances their counters by k."""
        counter = self._count[ids][:, None] + np.arange(1, k + 1, dtype=np.uint64)
        self._count[ids] += np.uint64(k)
        return _mix(self._key[ids][:, None] + counter * _GOLDEN)

    def uniform(self, ids: np.ndarray, k: int) -> np.ndarray:
        """(m, k) float64, uniform in [0, 1)."""
        return (self.bits(ids, k) >> np.uint64(11)) * 2.0**-53

    def normal(self, ids: np.ndarray, k: int) -> np.ndarray:
        """(m, k) float64, standard normal (Box & Muller 1958)."""
        u = self.uniform(ids, 2 * k)
        return np.sqrt(-2.0 * np.log1p(-u[:, :k])) * np.cos(2.0 * np.pi * u[:, k:])

    def integers(self, ids: np.ndarray, k: int, high: int) -> np.ndarray:
        """(m, k) int64, uniform in [0, high)."""
        return np.minimum((self.uniform(ids, k) * high).astype(np.int64), high - 1)

    def ahead(self, ids: np.ndarray, k: int) -> "Ahead":
        """The next k numbers of worlds ids (m,), drawn at once, to be handed out piece by piece."""
        return Ahead(self.bits(ids, k))


class Ahead(WorldRandom):
    """The numbers that a WorldRandom would have given, in as many pieces, at the cost of drawing one.

    Args:
        bits: (m, k) uint64; the ids that the methods are called with stand for these m worlds.
    """

    def __init__(self, bits: np.ndarray) -> None:
        self._bits, self._next = bits, 0

    def bits(self, ids: np.ndarray, k: int) -> np.ndarray:
        """(m, k) uint64, the next ones; raises InputError when fewer are left."""
        first, self._next = self._next, self._next + k
        if self._next > self._bits.shape[1]:
            raise InputError(f"{self._next} numbers asked for, {self._bits.shape[1]} were drawn ahead")
        return self._bits[:, first : self._next]
