"""What is on its way from the world to the policy: late, or never arriving."""

import numpy as np


class FrameHistory:
    """A ring of the latest frames of every world, each world at its own position; as deep as was ever needed.

    Args:
        num_worlds: n.
        shape, dtype: of one frame, or of whatever else is delayed.
    """

    def __init__(self, num_worlds: int, shape: tuple[int, ...], dtype: type = np.uint8) -> None:
        self._frames = np.zeros((num_worlds, 0, *shape), dtype)
        self._newest = np.zeros(num_worlds, np.int64)
        self._empty = np.ones(num_worlds, bool)

    @property
    def depth(self) -> int:
        """Frames kept per world."""
        return self._frames.shape[1]

    def clear(self, ids: np.ndarray) -> None:
        """Forget the frames of worlds ids (m,); the next one pushed fills all the past."""
        self._empty[ids] = True

    def deepen(self, depth: int) -> None:
        """Keep `depth` frames from now on, if these are more than before."""
        old = self.depth
        if depth <= old:
            return
        n = len(self._newest)
        frames = np.zeros((n, depth, *self._frames.shape[2:]), self._frames.dtype)
        if old == 0:
            self._empty[:] = True
        else:
            # Newest last; what lies before the oldest kept frame is taken to be that frame.
            age = np.minimum(np.arange(depth)[::-1], old - 1)
            frames[:] = self._frames[np.arange(n)[:, None], (self._newest[:, None] - age) % old]
        self._frames, self._newest[:] = frames, depth - 1

    def push(self, ids: np.ndarray, frames: np.ndarray, lost: np.ndarray) -> None:
        """Append frames (m, ...) of worlds ids (m,); where lost (m,) bool, the one before is appended in its place."""
        first = self._empty[ids]
        slot = (self._newest[ids] + 1) % self.depth
        self._frames[ids, slot] = frames
        repeated = lost & ~first
        self._frames[ids[repeated], slot[repeated]] = self._frames[ids[repeated], self._newest[ids[repeated]]]
        self._frames[ids[first]] = frames[first][:, None]
        self._newest[ids] = slot
        self._empty[ids] = False

    def read(self, ids: np.ndarray, age: np.ndarray) -> np.ndarray:
        """Copies (m, ...) of the frames of worlds ids (m,) that were pushed age (m,) steps ago."""
        return self._frames[ids, (self._newest[ids] - age) % self.depth]
