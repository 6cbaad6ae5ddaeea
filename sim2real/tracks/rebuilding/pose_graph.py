"""Pose graph: the poses that agree best with all measured motions (sparse Gauss-Newton, robust weights)."""

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sparse
from scipy.sparse.linalg import splu

from sim2real.tracks.poses import wrapped

KERNELS = (100.0, 100.0, 100.0, 30.0, 30.0, 30.0, 10.0, 10.0, 10.0, 3.0)
"""Standard deviations, beyond which a residual loses weight, step by step."""
BENT = (1000.0, 1000.0, 1000.0, 300.0, 300.0, 300.0, *KERNELS)
"""The same where poses may begin far from where they belong, and hardly an edge is wrong."""
STEPS = 40
_STILL = 1e-5  # m or rad


@dataclass(frozen=True)
class Edges:
    """Measured motions between poses.

    Attributes:
        first, second: (m,) indices of poses.
        motion: (m, 3) pose of the second in the first one's frame.
        sigma: (m, 3) standard deviations [m, m, rad].
    """

    first: np.ndarray
    second: np.ndarray
    motion: np.ndarray
    sigma: np.ndarray


def residuals(poses: np.ndarray, edges: Edges) -> np.ndarray:
    """Return (m, 3) m, m and rad, by which poses (n, 3) contradict the edges, in the first pose's frame."""
    a, b = poses[edges.first], poses[edges.second]
    c, s = np.cos(a[:, 2]), np.sin(a[:, 2])
    x, y = b[:, 0] - a[:, 0], b[:, 1] - a[:, 1]
    yaw = wrapped(b[:, 2] - a[:, 2] - edges.motion[:, 2])
    return np.stack([c * x + s * y - edges.motion[:, 0], -s * x + c * y - edges.motion[:, 1], yaw], 1)


def optimized(poses: np.ndarray, edges: Edges, kernels: tuple[float, ...] = KERNELS) -> np.ndarray:
    """Return the poses (n, 3) that agree best with the edges, the first one fixed.

    Residuals beyond the kernels lose weight (Cauchy); these narrow step by step, so that edges far off do so only when
    the others have settled (graduated non-convexity, Yang et al. 2020).
    """
    poses, n = poses.copy(), 3 * len(poses)
    for k in range(STEPS):
        kernel = kernels[min(k, len(kernels) - 1)]
        left = residuals(poses, edges) / edges.sigma
        root = (1 + np.square(left).sum(1) / kernel**2) ** -0.5
        scale = sparse.diags_array(np.repeat(root, 3) / edges.sigma.ravel())
        jacobian = scale @ _jacobian(poses, edges, n)
        hessian = sparse.csc_array(jacobian.T @ jacobian + 1e-6 * sparse.eye_array(n))
        hessian[[0, 1, 2], [0, 1, 2]] += 1e9  # the map's frame is free: it is that of the first pose
        # A third of the time of the default order, which is made for matrices that are not symmetric.
        factors = splu(hessian, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True})
        step = -factors.solve(jacobian.T @ (left * root[:, None]).ravel())
        poses += step.reshape(-1, 3)
        if k >= len(kernels) and np.abs(step).max() < _STILL:
            break
    return poses


def _jacobian(poses: np.ndarray, edges: Edges, n: int) -> sparse.csr_array:
    """Return (3 m, n) derivatives of the residuals by all poses."""
    a, b, m = edges.first, edges.second, len(edges.first)
    c, s = np.cos(poses[a, 2]), np.sin(poses[a, 2])
    x, y = (poses[b, k] - poses[a, k] for k in (0, 1))
    one, each = np.ones(m), np.arange(m)
    entries = [
        *((0, 3 * a, -c), (0, 3 * a + 1, -s), (0, 3 * a + 2, c * y - s * x), (0, 3 * b, c), (0, 3 * b + 1, s)),
        *((1, 3 * a, s), (1, 3 * a + 1, -c), (1, 3 * a + 2, -c * x - s * y), (1, 3 * b, -s), (1, 3 * b + 1, c)),
        *((2, 3 * a + 2, -one), (2, 3 * b + 2, one)),
    ]
    rows = np.concatenate([3 * each + row for row, _, _ in entries])
    columns, values = (np.concatenate([entry[k] for entry in entries]) for k in (1, 2))
    return sparse.csr_array((values, (rows, columns)), (3 * m, n))
