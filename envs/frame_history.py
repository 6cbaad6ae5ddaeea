"""Delay and loss of frames between the world and the policy."""

import numpy as np


class FrameHistory:
    """A ring buffer of the latest frames of every world, which grows with the required depth.

    Args:
        num_worlds: number of worlds n.
        shape, dtype: shape and type of one frame, or of other delayed data.
    """

    def __init__(self, num_worlds: int, shape: tuple[int, ...], dtype: type = np.uint8) -> None:
        self._frames = np.zeros((num_worlds, 0, *shape), dtype)
        self._newest = np.zeros(num_worlds, np.int64)
        self._empty = np.ones(num_worlds, bool)

    @property
    def depth(self) -> int:
        """Return the number of frames kept per world."""
        return self._frames.shape[1]

    def clear(self, ids: np.ndarray) -> None:
        """Clear the frames of worlds ids (m,); the next pushed frame fills the complete history."""
        self._empty[ids] = True

    def deepen(self, depth: int) -> None:
        """Increase the depth to `depth` frames, if it is smaller."""
        old = self.depth
        if depth <= old:
            return
        n = len(self._newest)
        frames = np.zeros((n, depth, *self._frames.shape[2:]), self._frames.dtype)
        if old == 0:
            self._empty[:] = True
        else:
            # Newest last; the oldest kept frame is repeated before it.
            age = np.minimum(np.arange(depth)[::-1], old - 1)
            frames[:] = self._frames[np.arange(n)[:, None], (self._newest[:, None] - age) % old]
        self._frames, self._newest[:] = frames, depth - 1

    def push(self, ids: np.ndarray, frames: np.ndarray, lost: np.ndarray) -> None:
        """Append frames (m, ...) of worlds ids (m,); lost frames (m,) bool are replaced by the previous ones."""
        first = self._empty[ids]
        slot = (self._newest[ids] + 1) % self.depth
        self._frames[ids, slot] = frames
        repeated = lost & ~first
        self._frames[ids[repeated], slot[repeated]] = self._frames[ids[repeated], self._newest[ids[repeated]]]
        self._frames[ids[first]] = frames[first][:, None]
        self._newest[ids] = slot
        self._empty[ids] = False

    def read(self, ids: np.ndarray, age: np.ndarray) -> np.ndarray:
        """Return copies (m, ...) of the frames of worlds ids (m,) that were pushed age (m,) steps ago."""
        return self._frames[ids, (self._newest[ids] - age) % self.depth]
