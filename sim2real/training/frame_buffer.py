"""A buffer of the latest frames and labels, written by one thread and sampled by another."""

import threading

import numpy as np


class FrameBuffer:
    """A ring of samples; every sample is a row in each of the named arrays.

    Args:
        capacity: number of samples kept.
    """

    def __init__(self, capacity: int) -> None:
        if capacity < 1:
            raise ValueError(f"a buffer holds at least one sample, not {capacity}")
        self._capacity, self._arrays = capacity, {}
        self._count = 0
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return min(self._count, self._capacity)

    def add(self, rows: dict[str, np.ndarray]) -> None:
        """Append a batch of arrays (m, ...); the oldest samples are dropped.

        Raises:
            ValueError: other names than in the first batch, or arrays of different lengths.
        """
        m = len(next(iter(rows.values())))
        if rows.keys() != (self._arrays or rows).keys() or any(len(values) != m for values in rows.values()):
            raise ValueError(f"every sample needs one row each of: {', '.join(self._arrays or rows)}")
        rows = {name: values[-self._capacity :] for name, values in rows.items()}
        m = min(m, self._capacity)
        with self._lock:
            for name, values in rows.items():
                if name not in self._arrays:
                    self._arrays[name] = np.zeros((self._capacity, *values.shape[1:]), values.dtype)
                self._arrays[name][(self._count + np.arange(m)) % self._capacity] = values
            self._count += m

    def sample(self, size: int, random: np.random.Generator) -> dict[str, np.ndarray]:
        """Return copies of `size` rows drawn uniformly with replacement; raises ValueError if the buffer is empty."""
        with self._lock:
            if not len(self):
                raise ValueError("the buffer is empty")
            index = random.integers(0, len(self), size)
            return {name: values[index] for name, values in self._arrays.items()}
