"""Lens distortion on the normalized image plane: one radial function with optional tangential terms, and its inverse.

Pinhole, Brown-Conrady and fisheye differ only in what the radius means (tangent of the angle to the axis, or the
angle itself) and in the coefficients; `Camera` maps directions to that plane and the plane to pixels.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

_TOLERANCE = 1e-11  # residual on the normalized plane: 1e-7 px at a focal length of 10,000 px
_ITERATIONS = 12
_WIDEST = 1.55  # arctangent of the largest radius in the table; Newton's method finds what lies beyond on its own


@dataclass(frozen=True)
class Lens:
    """Map u -> u_d = u N(s)/D(s) + tangential terms, s = |u|^2 (Brown 1966; Kannala & Brandt 2006 with D = 1).

    Attributes:
        numerator: coefficients of N in ascending powers of s, the first is 1.
        denominator: coefficients of D, likewise.
        tangential: p1, p2 in OpenCV's order.
        ceiling: largest radius |u| that means a direction (pi for a fisheye, infinity otherwise).
    """

    numerator: tuple[float, ...] = (1.0,)
    denominator: tuple[float, ...] = (1.0,)
    tangential: tuple[float, float] = (0.0, 0.0)
    ceiling: float = np.inf

    @cached_property
    def limit(self) -> float:
        """Return the radius |u| at which the distorted radius stops growing, or the ceiling: the edge of the lens."""
        n, d = np.array(self.numerator[::-1]), np.array(self.denominator[::-1])
        turn = np.polysub(np.polymul(np.polyder(n), d), np.polymul(n, np.polyder(d)))
        slope = np.polyadd(np.polymul(n, d), np.polymul([2.0, 0.0], turn))  # d|u_d| / d|u|, times D^2
        # Roots in 1 / s: both polynomials are 1 at s = 0, so that no tiny leading coefficient is divided by.
        roots = np.concatenate([np.roots(slope[::-1]), np.roots(d[::-1])])
        real = roots.real[(np.abs(roots.imag) <= 1e-9 * np.abs(roots.real)) & (roots.real > 1e-12)]
        return float(min(real.max(initial=0.0) ** -0.5 if len(real) else np.inf, self.ceiling))

    @cached_property
    def _table(self) -> tuple[np.ndarray, np.ndarray]:
        """Return distorted radii (increasing) and their undistorted radii, as start of the inversion."""
        # Dense towards the edge, where the radius changes fast with the distorted radius.
        share = np.sin(np.linspace(0.0, 0.5 * np.pi, 256)) * (1 - 1e-9)
        radius = np.tan(min(np.arctan(self.limit), _WIDEST) * share)
        scale, _ = self._scale(radius**2)
        return np.maximum.accumulate(radius * scale), radius

    @cached_property
    def _reach(self) -> float:
        """Return the maximum distorted radius of the lens."""
        if np.arctan(self.limit) > _WIDEST:
            return np.inf
        p1, p2 = self.tangential
        return self._table[0][-1] + 3 * (abs(p1) + abs(p2)) * self.limit**2

    def _scale(self, s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return N/D and its derivative by s."""
        n, dn = _horner(self.numerator, s)
        if len(self.denominator) == 1:
            return n, dn
        d, dd = _horner(self.denominator, s)
        return n / d, (dn * d - n * dd) / (d * d)

    def distort(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, ...]:
        """Return distorted x, y and the symmetric Jacobian (dx_d/dx, dx_d/dy, dy_d/dy), each shaped like x and y."""
        p1, p2 = self.tangential
        xx, yy, xy = x * x, y * y, x * y
        scale, slope = self._scale(xx + yy)
        slope = 2 * slope
        if p1 == 0 and p2 == 0:
            return x * scale, y * scale, scale + xx * slope, xy * slope, scale + yy * slope
        return (
            x * scale + 2 * p1 * xy + p2 * (3 * xx + yy),
            y * scale + p1 * (xx + 3 * yy) + 2 * p2 * xy,
            scale + xx * slope + 2 * p1 * y + 6 * p2 * x,
            xy * slope + 2 * p1 * x + 2 * p2 * y,
            scale + yy * slope + 6 * p1 * y + 2 * p2 * x,
        )

    def valid(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return whether (x, y) is within the lens: before its radius and the fold of the tangential terms."""
        inside = x * x + y * y < self.limit**2
        if self.tangential == (0.0, 0.0):
            return inside
        _, _, a, b, d = self.distort(x, y)
        return inside & (a * d > b * b) & (a > 0)

    def undistort(self, x_d: np.ndarray, y_d: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return undistorted x, y (m,) of distorted (m,) by Newton's method; NaN without a valid point."""
        distorted, radius = self._table
        r_d = np.hypot(x_d, y_d)
        with np.errstate(all="ignore"):
            ratio = np.where(r_d > 0, np.interp(r_d, distorted, radius) / r_d, 1.0)
            x, y = x_d * ratio, y_d * ratio
            todo = np.flatnonzero(r_d <= self._reach)
            lost = r_d > self._reach
            for _ in range(_ITERATIONS):
                fx, fy, a, b, d = self.distort(x[todo], y[todo])
                fx, fy = fx - x_d[todo], fy - y_d[todo]
                open_ = ~(np.maximum(np.abs(fx), np.abs(fy)) <= _TOLERANCE * np.maximum(1.0, r_d[todo]))
                if not open_.all():
                    todo, fx, fy, a, b, d = (v[open_] for v in (todo, fx, fy, a, b, d))
                if len(todo) == 0:
                    break
                dx, dy = _solve(a, b, d, fx, fy)
                shorten = self._shorten(x[todo], y[todo], dx, dy)
                x[todo] -= shorten * dx
                y[todo] -= shorten * dy
            lost[todo] = True
            lost |= ~self.valid(x, y)
        x[lost] = y[lost] = np.nan
        return x, y

    def _shorten(self, x: np.ndarray, y: np.ndarray, dx: np.ndarray, dy: np.ndarray) -> np.ndarray | float:
        """Return (m,) factors that limit a step -(dx, dy) to half the distance to the edge (beyond are false roots)."""
        if np.isinf(self.limit):
            return 1.0
        outward = np.hypot(x - dx, y - dy) - np.hypot(x, y)
        return np.clip(0.5 * (self.limit - np.hypot(x, y)) / np.maximum(outward, 1e-300), 0.0, 1.0)


def _solve(
    a: np.ndarray, b: np.ndarray, d: np.ndarray, fx: np.ndarray, fy: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the solution (dx, dy) of [[a, b], [b, d]] (dx, dy) = (fx, fy)."""
    det = a * d - b * b
    return (d * fx - b * fy) / det, (a * fy - b * fx) / det


def _horner(coefficients: tuple[float, ...], s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return value and derivative of a polynomial with ascending coefficients."""
    value, slope = np.full_like(s, coefficients[-1]), np.zeros_like(s)
    for c in coefficients[-2::-1]:
        slope = slope * s + value
        value = value * s + c
    return value, slope
