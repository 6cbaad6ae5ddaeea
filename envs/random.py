"""Random numbers per world: each world's stream depends only on its own seed, independent of the batch."""

import numpy as np

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def _mix(x: np.ndarray) -> np.ndarray:
    """SplitMix64's finalizer (Steele, Lea & Flood 2014): uint64 in, well-mixed uint64 out."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


class WorldRandom:
    """Counter-based random numbers for many worlds, without a loop over worlds.

    A NumPy generator per world would need a Python loop at every reset; with one generator for all, a world's draws
    would depend on its neighbours. SplitMix64 over (seed, counter) avoids both.

    Args:
        seeds: (n,) integers, one per world.
    """

    def __init__(self, seeds: np.ndarray) -> None:
        self._key = _mix(np.asarray(seeds).astype(np.uint64) + _GOLDEN)
        self._count = np.zeros(len(self._key), np.uint64)

    def reseed(self, ids: np.ndarray, seeds: np.ndarray) -> None:
        """Restart the streams of worlds ids (m,) from seeds (m,)."""
        self._key[ids] = _mix(np.asarray(seeds).astype(np.uint64) + _GOLDEN)
        self._count[ids] = 0

    def bits(self, ids: np.ndarray, k: int) -> np.ndarray:
        """Return (m, k) uint64 for worlds ids (m,); advances their counters by k."""
        counter = self._count[ids][:, None] + np.arange(1, k + 1, dtype=np.uint64)
        self._count[ids] += np.uint64(k)
        return _mix(self._key[ids][:, None] + counter * _GOLDEN)

    def uniform(self, ids: np.ndarray, k: int) -> np.ndarray:
        """Return (m, k) float64, uniform in [0, 1)."""
        return (self.bits(ids, k) >> np.uint64(11)) * 2.0**-53

    def normal(self, ids: np.ndarray, k: int) -> np.ndarray:
        """Return (m, k) float64, standard normal (Box & Muller 1958)."""
        u = self.uniform(ids, 2 * k)
        return np.sqrt(-2.0 * np.log1p(-u[:, :k])) * np.cos(2.0 * np.pi * u[:, k:])

    def integers(self, ids: np.ndarray, k: int, high: int) -> np.ndarray:
        """Return (m, k) int64, uniform in [0, high)."""
        return np.minimum((self.uniform(ids, k) * high).astype(np.int64), high - 1)

    def ahead(self, ids: np.ndarray, k: int) -> "Ahead":
        """Draw the next k numbers of worlds ids (m,) at once, for use in pieces."""
        return Ahead(self.bits(ids, k))


class Ahead(WorldRandom):
    """Random numbers drawn in advance: the same as from WorldRandom, at the cost of one draw.

    Args:
        bits: (m, k) uint64; ids in calls refer to these m worlds.
    """

    def __init__(self, bits: np.ndarray) -> None:
        self._bits, self._next = bits, 0

    def bits(self, ids: np.ndarray, k: int) -> np.ndarray:
        """Return the next (m, k) uint64; raises ValueError if fewer are left."""
        first, self._next = self._next, self._next + k
        if self._next > self._bits.shape[1]:
            raise ValueError(f"{self._next} numbers requested, but {self._bits.shape[1]} were drawn in advance")
        return self._bits[:, first : self._next]
