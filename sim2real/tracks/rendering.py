"""Camera frames on a rebuilt track: the ground from its map, or all from the nearest keyframe."""

import numpy as np

from envs.image_formation import Part, add_noise
from sim2real.tracks.appearance import fitted, sharpened
from sim2real.tracks.map_view import MapView
from sim2real.tracks.nearby import Nearby, Warp
from sim2real.tracks.rebuilt import RebuiltTrack


class MapRenderer:
    """Draws the ground from the map; what it does not show, and the world above the horizon, from the nearest keyframe.

    Light, sharpness and noise are those of the recording.

    Attributes:
        nearby: the keyframes that are drawn from.
        appearance: what was fitted to the recording's frames.
    """

    def __init__(self, track: RebuiltTrack) -> None:
        mount, frames = track.mount, track.keyframes
        self.appearance = fitted(track.mosaic, mount, frames)
        self.nearby = Nearby(frames, MapView(track.mosaic, mount), self.appearance.shading)
        self._map = MapView(sharpened(track.mosaic, self.appearance.detail), mount)
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
        draw = np.random.default_rng([episode, frame]).random(1)
        add_noise(image[None], np.array([self.appearance.noise]), np.zeros(1), draw, Part(width, height, 0, 0, width, height))

    def _lit(self, pose: np.ndarray, k: int) -> np.ndarray:
        """Return (h, w, 3) float32, what is seen in the map's light."""
        ground, known = self._map(pose)
        seen, _ = self._warp(self.nearby.image(k), self.nearby.poses[k], pose)
        return ground + seen * (1 - known)


class NearestRenderer(MapRenderer):
    """Draws all from the nearest keyframe, as if the ground were flat; what it did not see of it, from the map."""

    def _lit(self, pose: np.ndarray, k: int) -> np.ndarray:
        seen, inside = self._warp(self.nearby.image(k), self.nearby.poses[k], pose)
        if inside.min() == 1:
            return seen.astype(np.float32)
        ground, known = self._map(pose)
        share = (1 - inside)[..., None] * (known > 0.5)
        return (seen * (1 - share) + ground / np.maximum(known, 1e-3) * share).astype(np.float32)
