"""Whether frames that are drawn on a rebuilt track are true: on recorded frames that it was not made of."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from policies.policy import Policy
from sim2real.errors import InputError
from sim2real.progress import Progress, silent
from sim2real.statistics.agreement import Agreement, Estimate
from sim2real.statistics.bootstrap import Bootstrap
from sim2real.statistics.units import Units
from sim2real.tracks.drawing.rendering import MapRenderer
from sim2real.tracks.rebuilt import RebuiltTrack

MOST = 600  # held-out frames that are compared, evenly over the log
HEADER = ("held-out frames", "frames")
UNTOUCHED = "untouched"
NOTE = (
    "Recorded frames that the map was not made of, against what is drawn at their poses, by how the car stood beside "
    "the line; untouched: the nearest mapped frame as it is, which any drawing should beat. In brackets 95 % intervals "
    "by bootstrap over blocks of the log."
)
_BATCH = 64
_OFFSETS, _YAWS = (0.0, 0.05, 0.1, 0.2, np.inf), (0.0, 5.0, 10.0, np.inf)  # m and degrees
_FEWEST = 8  # frames of a row of the table


@dataclass(frozen=True)
class Figures:
    """Agreement of one way to draw frames with true ones.

    Attributes:
        crop: mean correlation of the network's crop.
        mae: mean absolute difference of the policy's steering.
        correlation: of the policy's steering.
        gain: least-squares slope from steering on drawn to steering on true frames.
    """

    crop: Estimate
    mae: Estimate
    correlation: Estimate
    gain: float

    def to_dict(self) -> dict[str, Any]:
        """Return the figures for JSON."""
        each = {name: getattr(self, name).to_dict() for name in ("crop", "mae", "correlation")}
        return {**each, "gain": self.gain}


@dataclass(frozen=True)
class HeldOut:
    """Recorded frames that the map was not made of, and what is drawn at their poses.

    Attributes:
        true: (n, h, w, 3) uint8 RGB.
        drawn: likewise, by the renderer's name; last UNTOUCHED, the nearest mapped frames as they are.
        units: of the frames.
        parts: (n,) bool of each row of the table, by name; the first is "all".
    """

    true: np.ndarray
    drawn: dict[str, np.ndarray]
    units: Units
    parts: dict[str, np.ndarray]


@dataclass(frozen=True)
class Validity:
    """Agreement of drawn with true frames, by how the car stood beside the line.

    Attributes:
        units: over which intervals are made, in words.
        parts: number of frames of each row by name; the first is "all".
        figures: by the name of what is compared, as in HeldOut, and then by row.
    """

    units: str
    parts: dict[str, int]
    figures: dict[str, dict[str, Figures]]

    def metrics(self) -> dict[str, Any]:
        """Return the content for `metrics.json`."""
        return {
            part: {"frames": frames, **{name: each[part].to_dict() for name, each in self.figures.items()}}
            for part, frames in self.parts.items()
        }

    def rows(self, figure: str) -> list[list[Any]]:
        """Return rows of HEADER and the names of `figures`, with one of Figures' estimates."""
        return [
            [part, frames, *(getattr(each[part], figure) for each in self.figures.values())]
            for part, frames in self.parts.items()
        ]


def held_out_frames(track: RebuiltTrack, renderers: Mapping[str, MapRenderer], progress: Progress = silent) -> HeldOut:
    """Draw at the poses of held-out keyframes.

    Raises:
        InputError: the track has too few held-out frames.
    """
    frames = track.keyframes
    chosen = np.flatnonzero(frames.held_out)
    chosen = chosen[np.linspace(0, len(chosen) - 1, min(MOST, len(chosen))).astype(int)]
    if len(chosen) < _FEWEST:
        raise InputError(
            f"{track.folder} has {len(chosen)} held-out frames: too few to tell whether what is drawn is true; "
            "reconstruct it with a larger --hold-out"
        )
    poses, true, parts = frames.poses[chosen], [], []
    for first in range(0, len(poses), _BATCH):
        some = slice(first, first + _BATCH)
        true += [frames.image(int(k)) for k in chosen[some]]
        parts.append([each.frames(poses[some]) for each in renderers.values()])
        progress(len(true), len(poses))
    drawn = {name: np.concatenate(each) for name, each in zip(renderers, zip(*parts, strict=True), strict=True)}
    nearby = next(iter(renderers.values())).nearby
    drawn[UNTOUCHED] = np.stack([frames.image(int(nearby.keys[k])) for k in nearby.nearest(poses)])
    units = Units.of(frames.episode[chosen], frames.frame[chosen] / track.fps, "episode")
    by_place = {name: part for name, part in _parts(track, poses).items() if part.sum() >= _FEWEST}
    return HeldOut(np.stack(true), drawn, units, by_place)


def validity(held_out: HeldOut, policy: Policy) -> Validity:
    """Compare drawn with true frames as a policy sees them.

    Raises:
        InputError: the policy does not steer by an image alone.
    """
    if "steering" not in policy.config.action_names or policy.config.heads.state:
        raise InputError("only a policy that steers by its camera alone can be compared on held-out frames")
    true, units = _seen(policy, held_out.true), held_out.units
    compared = {name: _Compared(*true, *_seen(policy, each)) for name, each in held_out.drawn.items()}
    figures = {
        name: {part: each.figures(rows, units) for part, rows in held_out.parts.items()}
        for name, each in compared.items()
    }
    return Validity(units.called("held-out"), {name: int(part.sum()) for name, part in held_out.parts.items()}, figures)


def crop_correlation(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the correlation (n,) of images (n, h, w, 3) and others; 0 where one shows nothing."""
    x, y = (each.reshape(len(each), -1).astype(np.float32) for each in (a, b))
    x, y = x - x.mean(1, keepdims=True), y - y.mean(1, keepdims=True)
    return (x * y).sum(1) / np.maximum(np.linalg.norm(x, axis=1) * np.linalg.norm(y, axis=1), 1e-6)


def _seen(policy: Policy, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return what the network sees of frames (n, h, w, 3), (n, h', w', 3) uint8, and how it steers (n,)."""
    crops, key = policy.config.preprocessing(images), policy.config.preprocessing.key
    parts = [policy.act({key: crops[k : k + _BATCH]}) for k in range(0, len(crops), _BATCH)]
    return crops, np.concatenate(parts)[:, policy.config.action_names.index("steering")].astype(float)


def _parts(track: RebuiltTrack, poses: np.ndarray) -> dict[str, np.ndarray]:
    """Return masks (n,) of frames by name: all, and by offset from the line and by yaw beside it."""
    _, offset, yaw = track.line.beside(poses)
    offset, yaw = np.abs(offset), np.degrees(np.abs(yaw))
    parts = {"all": np.ones(len(poses), bool)}
    for low, high in pairwise(_OFFSETS):
        name = f"{100 * low:g} … {100 * high:g} cm off" if np.isfinite(high) else f"over {100 * low:g} cm off"
        parts[name] = (offset >= low) & (offset < high)
    for low, high in pairwise(_YAWS):
        name = f"{low:g} … {high:g}° turned" if np.isfinite(high) else f"over {low:g}° turned"
        parts[name] = (yaw >= low) & (yaw < high)
    return parts


@dataclass(frozen=True)
class _Compared:
    true: np.ndarray
    steered: np.ndarray
    seen: np.ndarray
    steering: np.ndarray

    def figures(self, part: np.ndarray, units: Units) -> Figures:
        """Return the figures of the frames in a mask (n,)."""
        own = units.select(part)
        crop = crop_correlation(self.true[part], self.seen[part])
        agreement = Agreement(self.steered[part], own.session, criterion="mae", units=own)
        measured = agreement.measure(self.steering[part])
        gain = float(agreement.fitted(self.steering[part])[0, 0])
        return Figures(_mean(crop, own), measured["mae"], measured["correlation"], gain)


def _mean(values: np.ndarray, units: Units) -> Estimate:
    """Return the mean of values (n,) with its interval over units."""
    bootstrap, mean = Bootstrap(len(units)), float(values.mean())
    totals, counts = (np.bincount(units.index, each, len(units)) for each in (values, np.ones(len(values))))
    drawn = (bootstrap.weights @ totals) / np.maximum(bootstrap.weights @ counts, 1e-9)
    return Estimate(mean, *(bootstrap.interval(mean, drawn, -1.0, 1.0) or (None, None)))
