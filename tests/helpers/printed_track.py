"""A printed track that a car with a known camera drove: frames, commands and true poses, drawn without a simulator."""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import cv2
import numpy as np

from envs.lane_follow.scene import NOMINAL_CAMERA
from sim2real.datasets import EpisodeWriter, Feature, camera_feature
from sim2real.tracks.ground import Mount
from sim2real.tracks.poses import relative

CELL = 0.005  # m
ROAD = 0.5  # m between the edge lines
CURVATURE_PER_STEERING, DELAY = -2.5, 4  # 1/m per unit, frames
NOMINAL = Mount(
    NOMINAL_CAMERA.view.camera, NOMINAL_CAMERA.position[0], NOMINAL_CAMERA.position[2], NOMINAL_CAMERA.pitch
)


@dataclass(frozen=True)
class PrintedTrack:
    """A closed road around a bent oval, on a mat with patches; metres, from the lower left corner of its picture."""

    size: tuple[float, float] = (5.6, 4.4)
    patches: int = 60  # what tells places apart
    mat: tuple[int, int, int] = (90, 130, 140)

    @cached_property
    def line(self) -> np.ndarray:
        """(P, 2) m, the centre line, counter-clockwise, in equal steps of about 1 cm."""
        angle = np.linspace(0, 2 * np.pi, 4000, endpoint=False)
        radius = 1.15 + 0.12 * np.cos(3 * angle)
        line = np.stack([1.25 * radius * np.cos(angle), radius * np.sin(angle)], 1) + np.array(self.size) / 2
        along = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(line, axis=0, append=line[:1]), axis=1))])
        at = np.linspace(0, along[-1], round(along[-1] / 0.01), endpoint=False)
        return np.stack([np.interp(at, along, np.append(line[:, k], line[0, k])) for k in (0, 1)], 1)

    @cached_property
    def picture(self) -> np.ndarray:
        """(H, W, 3) uint8 RGB: rows along x, columns along y."""
        random = np.random.default_rng(0)
        shape = tuple(round(each / CELL) for each in self.size)
        mat = np.full((*shape, 3), self.mat, np.uint8)
        for _ in range(self.patches):
            centre = tuple(int(v) for v in random.uniform(0, shape[::-1]))
            axes = tuple(int(v) for v in random.uniform(8, 60, 2))
            colour = tuple(int(v) for v in random.integers(40, 220, 3))
            cv2.ellipse(mat, centre, axes, float(random.uniform(0, 180)), 0, 360, colour, -1)
        points = np.round(self.line[:, ::-1] / CELL).astype(np.int32)[:, None]
        cv2.polylines(mat, [points], True, (235, 230, 225), round((ROAD + 0.03) / CELL), cv2.LINE_AA)
        cv2.polylines(mat, [points], True, (95, 90, 85), round((ROAD - 0.03) / CELL), cv2.LINE_AA)
        for k in range(0, len(points) - 9, 24):
            cv2.polylines(mat, [points[k : k + 9]], False, (200, 180, 60), round(0.02 / CELL), cv2.LINE_AA)
        return cv2.GaussianBlur(mat, (0, 0), 1.5)

    def poses(self, first: int, count: int, step: float = 0.08, back: bool = False, aside: float = 0.0) -> np.ndarray:
        """(count, 3) poses of a car that swings about the line from its sample `first` on."""
        swing = aside + 0.05 * np.sin(np.arange(count) / 9)
        at = (first + np.arange(count) * step / 0.01 * (-1 if back else 1)) % len(self.line)
        index = at.astype(int)
        heading = np.array([self.heading(k) for k in index]) + np.pi * back
        normal = np.stack([-np.sin(heading), np.cos(heading)], 1)
        where = self.line[index] + swing[:, None] * normal
        ahead = np.gradient(where, axis=0)
        return np.column_stack([where, np.unwrap(np.arctan2(ahead[:, 1], ahead[:, 0]))])

    def heading(self, k: int) -> float:
        """Heading [rad] of the line at a sample."""
        ahead = self.line[(k + 3) % len(self.line)] - self.line[k - 3]
        return float(np.arctan2(ahead[1], ahead[0]))

    def frame(self, pose: np.ndarray, mount: Mount = NOMINAL, finer: int = 1, blur: float = 0.0) -> np.ndarray:
        """(120, 160, 3) uint8 RGB, what the camera sees from a pose; grey above the horizon.

        Pixels are means of finer x finer points, after which the lens blurs [px].
        """
        at, down = _ground(mount, finer)
        c, s = np.cos(pose[2]), np.sin(pose[2])
        x, y = pose[0] + c * at[..., 0] - s * at[..., 1], pose[1] + s * at[..., 0] + c * at[..., 1]
        place = np.stack([y, x], -1).astype(np.float32) / CELL
        seen = cv2.remap(self.picture, place[..., 0], place[..., 1], cv2.INTER_LINEAR, borderValue=self.mat)
        fine = np.where(down[..., None], seen, 120).astype(np.float32)
        height, width = down.shape
        pixels = fine.reshape(height // finer, finer, width // finer, finer, 3).mean((1, 3))
        return (np.round(cv2.GaussianBlur(pixels, (0, 0), blur)) if blur else pixels).astype(np.uint8)


@lru_cache(maxsize=4)
def _ground(mount: Mount, finer: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """What (finer h, finer w) parts of all pixels see, see `Mount.ground`."""
    parts = (np.arange(finer) + 0.5) / finer - 0.5
    across, down = ((np.arange(size)[:, None] + parts).ravel() for size in (mount.camera.width, mount.camera.height))
    at = mount.on_ground(np.stack(np.meshgrid(across, down), -1))
    seen = np.asarray(np.isfinite(at).all(-1))
    return np.where(seen[..., None], at, 0.0), seen


def commands_of(poses: np.ndarray) -> np.ndarray:
    """(n, 2) steering and throttle that a car with CURVATURE_PER_STEERING and DELAY was given for poses (n, 3)."""
    steps = relative(poses[:-1], poses[1:])
    distance = np.hypot(steps[:, 0], steps[:, 1])
    steering = np.append(steps[:, 2] / distance, 0) / CURVATURE_PER_STEERING
    steering = np.append(steering[DELAY:], np.zeros(DELAY))
    return np.stack([steering, np.full(len(poses), 0.5)], 1).astype(np.float32)


def record_track(
    root: Path, drives: list[np.ndarray], track: PrintedTrack | None = None, finer: int = 1, blur: float = 0.0
) -> Path:
    """Write a dataset of drives at poses (n, 3), at 20 Hz; finer and blur: see `frame`."""
    track, camera = track or PrintedTrack(), "observation.images.front"
    features = {camera: camera_feature(120, 160), "action": Feature("float32", (2,), ("steering", "throttle"))}
    with EpisodeWriter(root, features, 20) as writer:
        for poses in drives:
            for pose, action in zip(poses, commands_of(poses), strict=True):
                writer.add_frame({camera: track.frame(pose, finer=finer, blur=blur), "action": action})
            writer.save_episode("drive")
    return root
