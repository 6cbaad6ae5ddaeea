"""What the recording's camera does to the light that a map shows: shading, exposure, sharpness, noise."""

from dataclasses import dataclass, replace

import cv2
import numpy as np

from sim2real.tracks.drawing.map_view import MapView
from sim2real.tracks.ground import Mount
from sim2real.tracks.mosaic import Mosaic
from sim2real.tracks.rebuilt import Keyframes

_FRAMES = 120  # keyframes that are compared with their drawings
_AGREES = 0.6  # correlation with its drawing of a frame that is where its pose says
_DETAIL = 0.02  # m, blur whose difference to the map is its detail
_SHARPEST = 1.5  # times the detail that may be added: more draws halos
_FLAT = 1.0  # grey levels per pixel, of a drawing that shows nothing but noise
_LAPLACE = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)  # norm 6 (Immerkaer 1996)


@dataclass(frozen=True)
class Appearance:
    """How the recording's frames differ from what a map draws.

    Attributes:
        shading: (h, w, 1) float32, share of the light that reaches each pixel, 1 in the mean.
        gains: (m, 3) of red, green and blue in m frames.
        detail: how much of the map's detail was lost by joining frames, in times what is left of it.
        noise: standard deviation [grey levels].
    """

    shading: np.ndarray
    gains: np.ndarray
    detail: float
    noise: float


def sharpened(mosaic: Mosaic, amount: float) -> Mosaic:
    """Return a map with `amount` times its detail added (unsharp masking)."""
    colours = mosaic.colours + amount * (mosaic.colours - _blurred(mosaic))
    return replace(mosaic, colours=np.rint(np.clip(colours, 0, 255)).astype(np.uint8))


def _blurred(mosaic: Mosaic) -> np.ndarray:
    """Return (H, W, 3) float32 colours, blurred over what is known."""
    known, sigma = mosaic.known.astype(np.float32)[..., None], _DETAIL / mosaic.cell
    both = cv2.GaussianBlur(np.concatenate([mosaic.colours * known, known], 2), (0, 0), sigma)
    return both[..., :3] / np.maximum(both[..., 3:], 1e-3)


def gains_of(image: np.ndarray, drawn: np.ndarray, known: np.ndarray) -> tuple[np.ndarray, float]:
    """Return the gains (3,) that turn a drawing into an image, both (h, w, 3), and their correlation where known."""
    seen, own = image[known].astype(np.float32), drawn[known]
    if len(own) < 100:
        return np.ones(3), 0.0
    gains = (seen * own).sum(0) / np.maximum(np.square(own).sum(0), 1e-6)
    a, b = (seen - seen.mean(0)).ravel(), (own - own.mean(0)).ravel()
    return gains, float(a @ b / max(np.linalg.norm(a) * np.linalg.norm(b), 1e-6))


def agrees(correlation: float) -> bool:
    """Return whether a frame shows what the map has at its pose."""
    return correlation > _AGREES


def fitted(mosaic: Mosaic, mount: Mount, frames: Keyframes) -> Appearance:
    """Compare keyframes that the map was made of with their drawings."""
    chosen = np.flatnonzero(~frames.held_out)
    chosen = chosen[np.linspace(0, len(chosen) - 1, min(_FRAMES, len(chosen))).astype(int)]
    view, images = MapView(mosaic, mount), np.stack([frames.image(int(k)) for k in chosen]).astype(np.float32)
    drawn, known = map(np.stack, zip(*(view.colours(frames.poses[k]) for k in chosen), strict=True))
    pairs = [gains_of(*each) for each in zip(images, drawn, known, strict=True)]
    good = np.array([agrees(correlation) for _, correlation in pairs])
    shape = (mount.camera.height, mount.camera.width, 1)
    if not good.any():  # a map of nothing: leave it as it is
        return Appearance(np.ones(shape, np.float32), np.ones((1, 3)), 0.0, 0.0)
    images, drawn, known = images[good], drawn[good], known[good]
    gains = np.array([each for each, _ in pairs])[good]
    shading = _shading(images / gains[:, None, None], drawn, known)
    lit = drawn * (gains[:, None, None] * shading)
    gains *= np.array([gains_of(*each)[0] for each in zip(images, lit, known, strict=True)])
    lit = drawn * (gains[:, None, None] * shading)
    soft = MapView(replace(mosaic, colours=np.rint(_blurred(mosaic)).astype(np.uint8)), mount)
    detail = drawn - np.stack([soft.colours(frames.poses[k])[0] for k in chosen[good]])
    return Appearance(
        shading,
        gains,
        _amount(images, lit, detail * (gains[:, None, None] * shading), known),
        _noise(images, lit, known),
    )


def _shading(images: np.ndarray, drawn: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Return (h, w, 1), the quadratic polynomial of pixels that turns drawings into images, all (n, h, w, 3)."""
    height, width = known.shape[1:]
    y, x = np.meshgrid(np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij")
    terms = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], -1)
    part = np.s_[:, ::3, ::3]
    use, basis = known[part], np.broadcast_to(terms[None], (len(known), *terms.shape))[part]
    own, seen, rows = drawn[part][use].sum(-1), images[part][use].sum(-1), basis[use]
    factors = np.linalg.lstsq(rows * own[:, None], seen, rcond=None)[0]
    # Where no drawing is known, above the horizon, the polynomial goes on: within limits.
    return np.clip(terms @ factors, 0.7, 1.3)[..., None].astype(np.float32)


def _amount(images: np.ndarray, lit: np.ndarray, detail: np.ndarray, known: np.ndarray) -> float:
    """Return how much detail gives drawings the images' gradients; all (n, h, w, 3)."""
    seen, own, fine = (_gradients(each.mean(-1), known) for each in (images, lit, detail))
    # |own + a fine|^2 = |seen|^2
    a, b, c = float(fine @ fine), float(own @ fine), float(own @ own - seen @ seen)
    if a < 1e-6 or c >= 0:
        return 0.0
    return float(min((-b + np.sqrt(b * b - a * c)) / a, _SHARPEST))


def _gradients(grey: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Return the differences of neighbouring pixels that are known, in one row."""
    across, down = known[:, :, 1:] & known[:, :, :-1], known[:, 1:] & known[:, :-1]
    return np.concatenate([np.diff(grey, axis=2)[across], np.diff(grey, axis=1)[down]])


def _noise(images: np.ndarray, lit: np.ndarray, known: np.ndarray) -> float:
    """Return the standard deviation of noise where drawings are flat (Immerkaer 1996)."""
    found = []
    for image, own, seen in zip(images.mean(-1), lit.mean(-1), known, strict=True):
        soft = cv2.GaussianBlur(own, (0, 0), 2)
        slope = np.hypot(cv2.Sobel(soft, cv2.CV_32F, 1, 0, scale=0.125), cv2.Sobel(soft, cv2.CV_32F, 0, 1, scale=0.125))
        size = np.ones((7, 7), np.uint8)
        flat = (cv2.dilate(slope, size) < _FLAT) & (cv2.erode(seen.astype(np.uint8), size) > 0)
        found.append(cv2.filter2D(image, -1, _LAPLACE)[flat] / 6)
    values = np.concatenate(found)
    return float(np.sqrt(np.square(values).mean())) if len(values) else 0.0
