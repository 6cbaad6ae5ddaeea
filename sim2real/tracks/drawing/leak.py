"""Whether drawn frames give away, at their border, how far the car is from the keyframe that they were drawn from.

A simulator of shifted camera frames has borders where the frame ends that it is made of. They tell the shift, and a
policy that learns on such frames reads it there instead of looking at the road (Yang et al. 2025, arXiv 2504.19077,
section on artifacts). The border of an honest frame tells the shift from *any* frame of the same place equally well, by
what it shows: so the frame that was drawn from is compared with another one of the place, the control.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from policies.preprocessing import Preprocessing, normalize
from sim2real.errors import InputError
from sim2real.statistics.agreement import Estimate
from sim2real.statistics.bootstrap import Bootstrap
from sim2real.tracks.drawing.rendering import MapRenderer
from sim2real.tracks.poses import compose, relative

NAMES = ("offset", "yaw")
COUNT = 1200  # frames
_BORDER = 2  # px of the network's image
_ALONG, _OFF, _YAW = 0.3, 0.2, np.radians(15)  # m, m and rad: largest shifts
_PLACE = 1.0  # m, side of a place: no place is learned from and tested on
_FOLDS = 5
_FEWEST = 100  # frames
_STRENGTHS = np.logspace(0, 5, 11)  # of the ridge


@dataclass(frozen=True)
class Leak:
    """How well a linear model reads the shift from a frame's border, in places that it did not learn from: R^2.

    Attributes:
        used: the shift from the keyframe that the frame was drawn from, by NAMES.
        control: from another keyframe of the place.
        excess: their difference; above 0 the border gives the shift away.
    """

    used: dict[str, float]
    control: dict[str, float]
    excess: dict[str, Estimate]

    def metrics(self) -> dict[str, Any]:
        """Return the content for `metrics.json`."""
        return {
            name: {"used": self.used[name], "control": self.control[name], "excess": self.excess[name].to_dict()}
            for name in NAMES
        }


def leak(renderer: MapRenderer, preprocessing: Preprocessing, count: int = COUNT, seed: int = 0) -> Leak:
    """Draw frames at random poses from random keyframes of the place, and read the shift from their borders.

    Raises:
        InputError: hardly a place was seen twice.
    """
    poses, pairs = _drawn_at(renderer, count, np.random.default_rng(seed))
    if len(poses) < _FEWEST:
        raise InputError(f"only {len(poses)} places were seen by two frames: too few to test what borders give away")
    seeds = np.stack([np.full(len(poses), seed), np.arange(len(poses))], 1)
    crops = [preprocessing(renderer.frames_from(*each)) for each in _chunks(poses, pairs[:, 0], seeds)]
    features = border(normalize(np.concatenate(crops), preprocessing.normalization))
    shifts = [relative(renderer.nearby.poses[pairs[:, k]], poses)[:, 1:] for k in (0, 1)]
    place = np.unique(np.floor(poses[:, :2] / _PLACE), axis=0, return_inverse=True)[1].reshape(-1)
    errors = [_errors(features, shift, place) for shift in shifts]
    total = [np.square(shift - shift.mean(0)) for shift in shifts]
    bootstrap = Bootstrap(int(place.max()) + 1)
    result: list[dict[str, Any]] = [{}, {}, {}]
    for j, name in enumerate(NAMES):
        sums = [np.stack([np.bincount(place, each[:, j]) for each in pair]) for pair in zip(errors, total, strict=True)]
        own, other = (1 - each[0].sum() / each[1].sum() for each in sums)
        drawn = np.subtract(
            *(1 - (bootstrap.weights @ s[0]) / np.maximum(bootstrap.weights @ s[1], 1e-9) for s in sums)
        )
        excess = Estimate(float(own - other), *(bootstrap.interval(float(own - other), drawn) or (None, None)))
        for into, value in zip(result, (float(own), float(other), excess), strict=True):
            into[name] = value
    return Leak(*result)


def _chunks(*arrays: np.ndarray, size: int = 64) -> Iterator[tuple[np.ndarray, ...]]:
    return (tuple(each[k : k + size] for each in arrays) for k in range(0, len(arrays[0]), size))


def _drawn_at(renderer: MapRenderer, count: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return poses (n, 3), and two random keyframes (n, 2) near each, in random order."""
    nearby = renderer.nearby
    poses, pairs = [], []
    for k in random.integers(len(nearby.poses), size=4 * count):
        shift = random.uniform(-1, 1, 3) * (0.0, _OFF, _YAW)
        pose = compose(nearby.poses[k], shift)
        near = np.flatnonzero((np.abs(relative(nearby.poses, pose)) < (_ALONG, _OFF, _YAW)).all(1))
        near = random.permutation(near)[:8]
        good = [int(each) for each in near if nearby.agrees(int(each))][:2]
        if len(good) == 2:
            poses.append(pose)
            pairs.append(good)
        if len(poses) == count:
            break
    return np.array(poses), np.array(pairs)


def border(images: np.ndarray) -> np.ndarray:
    """Return (n, D), the outermost pixels of images (n, 3, H, W), and how much neighbours there differ inwards."""
    parts = []
    for turned in (images, images[..., ::-1], images.swapaxes(2, 3), images.swapaxes(2, 3)[..., ::-1]):
        edge = turned[..., :_BORDER]
        parts += [edge, np.abs(np.diff(edge, axis=-1))]
    return np.concatenate([each.reshape(len(images), -1) for each in parts], 1)


def _errors(features: np.ndarray, values: np.ndarray, place: np.ndarray) -> np.ndarray:
    """Return squared errors (n, 2) of ridge regression, for places that it was not fitted to."""
    # The strength is chosen on another fold of places.
    fold, errors = place % _FOLDS, np.zeros(values.shape)
    for k in range(_FOLDS):
        test, inner = fold == k, fold == (k + 1) % _FOLDS
        first = _ridge(features[~test & ~inner], values[~test & ~inner], features[inner])
        best = np.square(first - values[inner]).mean(1).argmin(0)
        found = _ridge(features[~test], values[~test], features[test])
        for j, strength in enumerate(best):
            errors[test, j] = np.square(found[strength, :, j] - values[test, j])
    return errors


def _ridge(x: np.ndarray, y: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Return predictions (strengths, m, 2) at features (m, D) of ridge regression on (n, D) and (n, 2)."""
    mean, spread, middle = x.mean(0), x.std(0) + 1e-6, y.mean(0)
    u, s, vt = np.linalg.svd((x - mean) / spread, full_matrices=False)
    inner, outer = u.T @ (y - middle), ((at - mean) / spread) @ vt.T
    return np.stack([outer @ (inner * (s / (s * s + strength))[:, None]) + middle for strength in _STRENGTHS])
