"""Poses (..., 3) on the ground: x [m], y [m], yaw [rad]; named target_from_source."""

import numpy as np


def compose(a_from_b: np.ndarray, b_from_c: np.ndarray) -> np.ndarray:
    """Return a_from_c."""
    a, b = np.asarray(a_from_b), np.asarray(b_from_c)
    c, s = np.cos(a[..., 2]), np.sin(a[..., 2])
    x, y = b[..., 0], b[..., 1]
    return np.stack([a[..., 0] + c * x - s * y, a[..., 1] + s * x + c * y, a[..., 2] + b[..., 2]], -1)


def inverse(a_from_b: np.ndarray) -> np.ndarray:
    """Return b_from_a."""
    a = np.asarray(a_from_b)
    c, s = np.cos(a[..., 2]), np.sin(a[..., 2])
    return np.stack([-c * a[..., 0] - s * a[..., 1], s * a[..., 0] - c * a[..., 1], -a[..., 2]], -1)


def relative(w_from_a: np.ndarray, w_from_b: np.ndarray) -> np.ndarray:
    """Return a_from_b, its yaw in [-pi, pi)."""
    result = compose(inverse(w_from_a), w_from_b)
    result[..., 2] = wrapped(result[..., 2])
    return result


def wrapped(angle: np.ndarray) -> np.ndarray:
    """Return angles [rad] in [-pi, pi)."""
    return (np.asarray(angle) + np.pi) % (2 * np.pi) - np.pi


def chained(steps: np.ndarray) -> np.ndarray:
    """Return (n + 1, 3) poses of a path whose every step (n, 3) is in the frame of the pose before it."""
    poses = [np.zeros(3)]
    for step in steps:
        poses.append(compose(poses[-1], step))
    return np.array(poses)


def applied(a_from_b: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Return points (..., 2) in a of points (..., 2) in b; a pose (3,)."""
    c, s = np.cos(a_from_b[2]), np.sin(a_from_b[2])
    return np.asarray(points @ np.array([[c, s], [-s, c]]) + a_from_b[:2])
