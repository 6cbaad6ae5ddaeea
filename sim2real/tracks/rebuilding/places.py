"""Where on a map a drive took place: a hidden Markov model over places along known paths (as in FAB-MAP, SeqSLAM)."""

from functools import lru_cache

import cv2
import numpy as np
import scipy.sparse as sparse
from scipy.spatial import KDTree

from sim2real.tracks.poses import applied, compose, inverse, relative, wrapped
from sim2real.tracks.rasters import Raster

# What a place looks like: contrast on a coarse grid of the ground near the car.
_AHEAD, _ASIDE = np.arange(0.27, 1.15, 0.05), np.arange(-0.45, 0.451, 0.05)  # m
_GRID = np.stack(np.meshgrid(_AHEAD, _ASIDE, indexing="ij"), -1).reshape(-1, 2)
OFFSETS = tuple((0.0, y, yaw) for y in (-0.2, -0.1, 0.0, 0.1, 0.2) for yaw in (-0.24, -0.12, 0.0, 0.12, 0.24))
"""Poses (m, m, rad) beside a path that are compared with it."""

_SAME = np.array([0.06, 0.35, 0.35])  # m along, m across and rad, within which two poses are one place
_MOVED = np.array([0.06, 0.15, 0.2])  # standard deviations of odometry between two places
_UNKNOWN, _SHARPNESS = 0.55, 12.0  # correlation of a place that is not on the map; log-likelihood per correlation
_LOST, _FOUND = 1e-3, 0.02  # chance per step that a drive leaves the map, and that it comes back
NEAR = 0.3  # m, within which places are neighbours


def looks(seen: Raster, poses: np.ndarray) -> np.ndarray:
    """Return (n, D) unit vectors, what a car at poses (n, 3) in a raster's frame sees; 0 where little is known."""
    values = np.ascontiguousarray(seen.levels[0][..., :3])
    at = np.stack([(applied(pose, _GRID) - seen.origin) / seen.cell for pose in poses]).astype(np.float32)
    found = cv2.remap(values, at[..., 1], at[..., 0], cv2.INTER_LINEAR)
    known = cv2.remap(seen.known.astype(np.float32), at[..., 1], at[..., 0], cv2.INTER_LINEAR)
    vectors = found.reshape(len(poses), -1)
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.where((known.mean(1) > 0.6)[:, None], vectors / np.maximum(length, 1e-6), 0).astype(np.float32)


def views_of(seen: Raster) -> np.ndarray:
    """Return (OFFSETS, D) what a frame's car would look like at OFFSETS beside where it is, of its raster."""
    # A car at offset o beside a path sees as the path does what lies at inverse(o) from it.
    return looks(seen, inverse(np.array(OFFSETS)))


def distinct(poses: np.ndarray) -> np.ndarray:
    """Return the poses (m, 3) of (n, 3) that are not the same place as an earlier one."""
    near = KDTree(poses[:, :2]).query_ball_point(poses[:, :2], float(np.hypot(*_SAME[:2])))
    kept = np.zeros(len(poses), bool)
    for k, pose in enumerate(poses):
        others = np.array([j for j in near[k] if kept[j]], int)
        kept[k] = (np.abs(relative(poses[others], pose)) > _SAME).any(1).all()
    return poses[kept]


class Places:
    """Places along known paths.

    Args:
        poses: (K, 3), of cars.
        looks: (K, D) from `looks`, what they see.
    """

    def __init__(self, poses: np.ndarray, looks: np.ndarray) -> None:
        self.poses, self._looks = poses, looks
        self._tree = KDTree(poses[:, :2])
        self._moves = lru_cache(maxsize=1000)(self._transitions)

    def likeness(self, views: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the correlation (n, K) of frames with places, and the best of OFFSETS (n, K); views (n, O, D)."""
        each = [seen.astype(np.float32) @ self._looks.T for seen in views]
        return np.array([one.max(0) for one in each]), np.array([one.argmax(0) for one in each])

    def found(self, likeness: np.ndarray, steps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the most probable place (n,) of each frame, and the probability (n,) that it is there or near.

        Args:
            likeness: (n, K) from `likeness`; -1: excluded.
            steps: (n - 1, 3) motions between the frames.
        """
        n, count = likeness.shape
        full = np.concatenate([likeness, np.full((n, 1), _UNKNOWN)], 1)
        evidence = np.exp(_SHARPNESS * (full - 1))
        forward, backward = np.empty_like(evidence), np.ones_like(evidence)
        forward[0] = np.append(np.full(count, 0.5 / count), 0.5) * evidence[0]
        forward[0] /= forward[0].sum()
        moves = [self._moves(*np.round(step / (0.02, 0.02, 0.04)).astype(int)) for step in steps]
        for t in range(1, n):
            there, lost = moves[t - 1]
            off = float(forward[t - 1, :count] @ lost)
            back = (off + _FOUND * forward[t - 1, count]) / count
            gone = off + (1 - _FOUND) * forward[t - 1, count]
            forward[t] = np.append(forward[t - 1, :count] @ there + back, gone) * evidence[t]
            forward[t] /= forward[t].sum()
        for t in range(n - 2, -1, -1):
            there, lost = moves[t]
            after = backward[t + 1] * evidence[t + 1]
            mean = after[:count].mean()
            on = there @ after[:count] + lost * (mean + after[count])
            backward[t] = np.append(on, _FOUND * mean + (1 - _FOUND) * after[count])
            backward[t] /= backward[t].max()
        chance = forward * backward
        chance /= chance.sum(1, keepdims=True)
        best = chance[:, :count].argmax(1)
        near = self._tree.query_ball_point(self.poses[:, :2], NEAR)
        sure = np.empty(n)
        for t, k in enumerate(best):
            others = np.array(near[k])
            same = np.abs(wrapped(self.poses[others, 2] - self.poses[k, 2])) < 1.0
            sure[t] = chance[t, others[same]].sum()
        return best, sure

    def _transitions(self, x: int, y: int, yaw: int) -> tuple[sparse.csr_array, np.ndarray]:
        """Return the chances to get from place to place by a step in units of 0.02 m and 0.04 rad.

        Returns:
            (K, K), to places that the step leads to; (K,), to be lost, and the same again to be anywhere.
        """
        count = len(self.poses)
        after = compose(self.poses, np.array([0.02 * x, 0.02 * y, 0.04 * yaw]))
        reach = 3 * float(np.hypot(*_MOVED[:2]))
        pairs = KDTree(after[:, :2]).sparse_distance_matrix(self._tree, reach, output_type="coo_matrix")
        weight = np.exp(-0.5 * np.square(relative(after[pairs.row], self.poses[pairs.col]) / _MOVED).sum(1))
        total = np.bincount(pairs.row, weight, count)
        on = total > 1e-3  # else the step leads off the known paths
        chance = np.where(on, 1 - 2 * _LOST, 0)[pairs.row] * weight / np.maximum(total, 1e-3)[pairs.row]
        return sparse.csr_array((chance, (pairs.row, pairs.col)), (count, count)), np.where(on, _LOST, 0.5)
