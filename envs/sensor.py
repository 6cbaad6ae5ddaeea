"""Image formation after the lens, per world: optics, photosensor, image processor, JPEG and delay."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from envs import image_formation
from envs.errors import InputError
from envs.frame_history import FrameHistory
from envs.image_formation import Part
from envs.random import WorldRandom

_CHUNK = 16  # worlds at a time: their float32 images stay in the cache

LIMITS: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        "exposure": (0.0, 10.0),
        "white_balance": (0.0, 10.0),
        "gamma": (0.1, 10.0),
        "contrast": (0.0, 10.0),
        "saturation": (0.0, 10.0),
        "vignette": (0.0, 1.0),
        "glare": (0.0, 1.0),
        "defocus": (0.0, 10.0),
        "motion_blur": (0.0, 60.0),
        "read_noise": (0.0, 255.0),
        "shot_noise": (0.0, 16.0),
        "jpeg_quality": (0.0, 100.0),
        "latency": (0.0, 50.0),
        "jitter": (0.0, 1.0),
        "drop": (0.0, 1.0),
    }
)
"""Minimum and maximum of every parameter."""


@dataclass(frozen=True)
class SensorConfig:
    """Nominal image formation; the defaults change nothing.

    Attributes:
        exposure: gain of all channels.
        white_balance: gains of red, green, blue.
        gamma: out = 255 (in / 255)^gamma; above 1 is darker.
        contrast: slope about mid-grey.
        saturation: 0 is grey, 1 leaves colours as they are.
        vignette: fraction of light lost in the corners, growing with the square of the distance from the axis.
        glare: brightness, in fractions of white, of a soft blob whose place and size are drawn per episode.
        defocus: sigma of a Gaussian [px].
        motion_blur: horizontal travel of the scene during the exposure [px] (a car mostly yaws).
        read_noise: std of the noise in black [0-255].
        shot_noise: noise grows with light: its variance gains shot_noise^2 per level [sqrt(0-255)].
        jpeg_quality: 1 to 100, rounded to tens; 0 is no JPEG.
        latency: age of the frames that arrive [steps].
        jitter: probability that a frame arrives one step late.
        drop: probability that a frame is lost and the previous one is repeated.

    Raises:
        InputError: for a value outside its LIMITS.
    """

    exposure: float = 1.0
    white_balance: tuple[float, float, float] = (1.0, 1.0, 1.0)
    gamma: float = 1.0
    contrast: float = 1.0
    saturation: float = 1.0
    vignette: float = 0.0
    glare: float = 0.0
    defocus: float = 0.0
    motion_blur: float = 0.0
    read_noise: float = 0.0
    shot_noise: float = 0.0
    jpeg_quality: float = 0.0
    latency: int = 0
    jitter: float = 0.0
    drop: float = 0.0

    def __post_init__(self) -> None:
        for name, size in Sensor.fields().items():
            value, (low, high) = getattr(self, name), LIMITS[name]
            try:
                numbers = np.asarray(value, np.float64)
            except (TypeError, ValueError):
                numbers = np.array(np.nan)
            if numbers.shape != ((size,) if size > 1 else ()) or not ((numbers >= low) & (numbers <= high)).all():
                wanted = f"{size} numbers" if size > 1 else "a number"
                raise InputError(f"sensor: {name} is {value!r}, it must be {wanted} from {low:g} to {high:g}")
        if self.latency != int(self.latency):
            raise InputError(f"sensor: latency is {self.latency!r}, it must be a whole number of steps")
        object.__setattr__(self, "white_balance", tuple(float(v) for v in self.white_balance))

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "SensorConfig":
        """Make a config from parsed TOML or JSON; raises InputError for an unknown name."""
        unknown = [name for name in values if name not in LIMITS]
        if unknown:
            raise InputError(f"sensor: no parameter {unknown[0]!r}; valid: {', '.join(LIMITS)}")
        return cls(**values)


class Sensor:
    """The image formation of one camera in n worlds.

    Args:
        config: nominal parameters.
        num_worlds: number of worlds n.
        height, width: size of the frames [px].
        random: random numbers; every apply() and reset() draws 3 numbers per world.
        center: the optical axis (cx, cy) [px], center of the vignette; by default the middle of the frame.
        window: (left, top, width, height) [px] of the part of the frames for apply(); None: full frames. If its sides
            are multiples of 8 px, the result equals that part of the full frame, except within the reach of the blur
            from the sides.

    Attributes:
        enabled: False makes apply() return an exact copy without delay.
        params: (n, k) float64 per parameter, named as in SensorConfig; changes apply at the next apply(). Values
            outside their LIMITS are clipped.
    """

    def __init__(
        self,
        config: SensorConfig,
        num_worlds: int,
        height: int,
        width: int,
        random: WorldRandom,
        center: tuple[float, float] | None = None,
        window: tuple[int, int, int, int] | None = None,
    ) -> None:
        self.params = {
            name: np.tile(np.atleast_1d(np.asarray(getattr(config, name), np.float64)), (num_worlds, 1))
            for name in self.fields()
        }
        self.enabled = True
        self._random = random
        self._part = part = Part(width, height, *(window or (0, 0, width, height)))
        self._shape = (part.height, part.width, 3)
        vignette = image_formation.vignette_map(height, width, center or ((width - 1) / 2, (height - 1) / 2))
        self._vignette = vignette[:, part.top : part.top + part.height, part.left : part.left + part.width]
        self._glare = np.zeros((num_worlds, 3))
        self._history = FrameHistory(num_worlds, self._shape)
        self.reset(np.arange(num_worlds))

    @staticmethod
    def fields() -> dict[str, int]:
        """Return the number of components of every parameter, by name."""
        return {f.name: np.size(getattr(SensorConfig, f.name)) for f in dataclasses.fields(SensorConfig)}

    def reset(self, ids: np.ndarray, scene: WorldRandom | None = None) -> None:
        """Start new episodes in worlds ids (m,), with a new position of the glare and an empty history.

        The first frame of apply() is repeated until the latency has passed.

        Args:
            scene: random numbers of the glare; None: those of the noise.
        """
        height, width = self._part.frame_height, self._part.frame_width
        low = np.array([0.0, 0.0, 0.1])
        high = np.array([1.0, height / width, 0.4])
        self._glare[ids] = low + (high - low) * (scene or self._random).uniform(ids, 3)
        self._history.clear(ids)

    def apply(self, frames: np.ndarray, ids: np.ndarray | None = None) -> np.ndarray:
        """Return the frames that arrive from the cameras of worlds ids (m,) for rendered frames (m, H, W, 3) uint8.

        Raises:
            ValueError: frames of another shape or type.
        """
        ids = np.arange(len(self._glare)) if ids is None else np.asarray(ids)
        if frames.shape != (len(ids), *self._shape) or frames.dtype != np.uint8:
            wanted = f"{(len(ids), *self._shape)} uint8"
            raise ValueError(f"sensor: frames are {frames.shape} {frames.dtype}, they must be {wanted}")
        if not self.enabled:
            self._history.clear(ids)
            return frames.copy()
        values = {name: np.clip(self.params[name][ids], *limits).astype(np.float32) for name, limits in LIMITS.items()}
        draws = self._random.uniform(ids, 3)
        out = np.empty(frames.shape, np.uint8)
        for start in range(0, len(ids), _CHUNK):
            part = slice(start, start + _CHUNK)
            chunk = {name: value[part] for name, value in values.items()}
            out[part] = _form(
                *(frames[part], chunk, self._vignette, self._glare[ids[part]], draws[part, 0], self._part)
            )
        image_formation.jpeg(out, values["jpeg_quality"][:, 0])
        return self._delay(out, ids, values, draws)

    @property
    def latency(self) -> np.ndarray:
        """Return (n,) the latency of frames in steps; 0 if not enabled."""
        steps = np.rint(np.clip(self.params["latency"][:, 0], *LIMITS["latency"])).astype(np.int64)
        return steps if self.enabled else np.zeros_like(steps)

    def _delay(
        self, frames: np.ndarray, ids: np.ndarray, values: dict[str, np.ndarray], draws: np.ndarray
    ) -> np.ndarray:
        """Return the frames that arrive in this step, with latency, random delay and loss."""
        in_time = not any(self.params[name].any() for name in ("latency", "jitter", "drop"))
        if in_time and self._history.depth == 0:
            return frames
        latency = self.latency
        self._history.deepen(int(latency.max()) + 2)
        self._history.push(ids, frames, draws[:, 1] < values["drop"][:, 0])
        late = draws[:, 2] < values["jitter"][:, 0]
        return self._history.read(ids, latency[ids] + late)


def _form(
    frames: np.ndarray,
    values: dict[str, np.ndarray],
    vignette: np.ndarray,
    glare: np.ndarray,
    draw: np.ndarray,
    part: Part,
) -> np.ndarray:
    """Apply optics, photosensor and image processor, in this order, to (m, H, W, 3) uint8."""
    p = {name: value[:, 0] for name, value in values.items()}
    images = frames.astype(np.float32)
    if p["defocus"].any() or p["motion_blur"].any():
        defocus, motion = image_formation.gaussian_weights(p["defocus"]), image_formation.box_weights(p["motion_blur"])
        images = image_formation.blur(images, defocus, motion)
    if p["vignette"].any():
        images *= 1 - p["vignette"][:, None, None, None] * vignette
    if p["glare"].any():
        image_formation.add_glare(images, p["glare"], glare, part)
    gains = values["exposure"] * values["white_balance"]
    if (gains != 1).any():
        image_formation.gain(images, gains)
    if p["read_noise"].any() or p["shot_noise"].any():
        image_formation.add_noise(images, p["read_noise"], p["shot_noise"], draw, part)
    np.clip(images, 0, 255, out=images)  # the photosensor saturates
    image_formation.tone(images, p["gamma"], p["contrast"], p["saturation"])
    images += 0.5
    return np.clip(images, 0, 255, out=images).astype(np.uint8)
