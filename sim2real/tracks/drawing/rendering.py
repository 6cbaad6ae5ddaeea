"""Camera frames on a rebuilt track: the ground from its map, or all from the nearest keyframe."""

import numpy as np

from envs.image_formation import Part, add_noise
from sim2real.tracks.drawing.appearance import fitted, sharpened
from sim2real.tracks.drawing.map_view import MapView
from sim2real.tracks.drawing.nearby import Nearby, Warp
from sim2real.tracks.poses import compose, wrapped
from sim2real.tracks.rebuilt import RebuiltTrack

_BESIDE = 0.3  # rad by which the keyframe is turned that goes on beside another's frame


class MapRenderer:
    """Draws the ground from the map; what it does not show, and the world above the horizon, from the nearest keyframe.

    Light, sharpness and noise are those of the recording.

    Args:
        track: the track.
        like: a renderer of it, whose keyframes and fit to the recording are shared; None: new ones.

    Attributes:
        nearby: the keyframes that are drawn from.
        appearance: what was fitted to the recording's frames.
    """

    def __init__(self, track: RebuiltTrack, like: "MapRenderer | None" = None) -> None:
        mount, frames = track.mount, track.keyframes
        self.appearance = fitted(track.mosaic, mount, frames) if like is None else like.appearance
        view = MapView(track.mosaic, mount)
        self.nearby = Nearby(frames, view, self.appearance.shading) if like is None else like.nearby
        self._map = MapView(sharpened(track.mosaic, self.appearance.detail), mount)
        self._rows = mount.camera.height
        self._warp, self._gain = Warp(mount), np.median(self.appearance.gains, 0)

    def frames(self, poses: np.ndarray, seeds: np.ndarray | None = None) -> np.ndarray:
        """Return (n, h, w, 3) uint8 RGB, raw frames of a car.

        Args:
            poses: (n, 3) map_from_car.
            seeds: (n, 2) int, of the episode, which has the exposure of some recorded frame, and of the frame, which
                has its own noise; None: the median exposure and no noise.
        """
        return self.frames_from(poses, self.nearby.nearest(poses), seeds)

    def frames_from(self, poses: np.ndarray, keys: np.ndarray, seeds: np.ndarray | None = None) -> np.ndarray:
        """Return `frames`, completed from given keyframes (n,), indices of `nearby`, instead of the nearest ones."""
        lit = np.stack([self._lit(pose, int(k)) for pose, k in zip(poses, keys, strict=True)])
        if seeds is None:
            lit *= (self.appearance.shading * self._gain).astype(np.float32)
        else:
            for image, seed in zip(lit, seeds, strict=True):
                self._expose(image, *map(int, seed))
        return np.rint(np.clip(lit, 0, 255, out=lit), out=lit).astype(np.uint8)

    def _expose(self, image: np.ndarray, episode: int, frame: int) -> None:
        """Change an image (h, w, 3) float32 in the map's light, in place, to a frame with its exposure and noise."""
        gains, (height, width) = self.appearance.gains, image.shape[:2]
        image *= self.appearance.shading * gains[np.random.default_rng(episode).integers(len(gains))].astype(np.float32)
        draw, noise = np.random.default_rng([episode, frame]).random(1), np.array([self.appearance.noise])
        add_noise(image[None], noise, np.zeros(1), draw, Part(width, height, 0, 0, width, height))

    def _lit(self, pose: np.ndarray, k: int) -> np.ndarray:
        """Return (h, w, 3) float32, what is seen in the map's light."""
        return self._drawn(pose, k)

    def _drawn(self, pose: np.ndarray, k: int) -> np.ndarray:
        """Return the map, and where it shows nothing, what keyframe k shows."""
        ground, known = self._map(pose)
        hidden = np.flatnonzero(known.min((1, 2)) < 1)
        rows = int(hidden[-1]) + 1 if len(hidden) else 0
        ground[:rows] += self._behind(pose, k, rows) * (1 - known[:rows])
        return ground

    def _seen_from(self, pose: np.ndarray, k: int, rows: int) -> tuple[np.ndarray, np.ndarray]:
        """Return what keyframe k shows in the upper rows, (rows, w, 3), and how much of it is known (rows, w, 1)."""
        return self._warp(self.nearby.image(k), self.nearby.poses[k], pose, rows)

    def _behind(self, pose: np.ndarray, k: int, rows: int) -> np.ndarray:
        """Return (rows, w, 3) float32, what keyframe k shows; beside its frame another one that looks there goes on."""
        seen, inside = self._seen_from(pose, k, rows)
        if not rows or inside.min() == 1:
            return seen.astype(np.float32)
        turned = wrapped(pose[2] - self.nearby.poses[k, 2])
        beside = compose(pose, np.array([0.0, 0.0, np.copysign(_BESIDE, turned)]))
        more, there = self._seen_from(pose, int(self.nearby.nearest(beside[None])[0]), rows)
        share = np.where(there > 0, 1 - inside, 0)
        return seen * (1 - share) + more * share


class NearestRenderer(MapRenderer):
    """Draws all from the nearest keyframe, as if the ground were flat; what it did not see, as MapRenderer does."""

    def _lit(self, pose: np.ndarray, k: int) -> np.ndarray:
        seen, inside = self._seen_from(pose, k, self._rows)
        if inside.min() == 1:
            return seen.astype(np.float32)
        return seen * inside + self._drawn(pose, k) * (1 - inside)
