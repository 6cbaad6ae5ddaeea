# pyright: reportAttributeAccessIssue=false
"""Camera images of a batch of worlds, rendered with each world's lens and sensor."""

from collections.abc import Mapping

import mujoco
import numpy as np
from mujoco.batch import Batch

from envs.camera import Camera
from envs.errors import InputError
from envs.frame_history import FrameHistory
from envs.random import WorldRandom
from envs.renderer import POSES, BatchRenderer, RenderedFrames
from envs.sensor import Sensor, SensorConfig
from envs.task import TaskSpec
from envs.world_parameters import WorldParameters

# Model fields that the renderer reads besides poses; all others only affect physics.
VISUAL_FIELDS = frozenset(
    """geom_rgba geom_size geom_matid geom_dataid mat_rgba mat_texid mat_texrepeat mat_specular mat_shininess
    mat_emission mat_reflectance light_active light_ambient light_diffuse light_specular light_attenuation light_cutoff
    light_exponent light_castshadow""".split()  # noqa: SIM905 (one string reads better than nineteen)
)


Windows = Mapping[str, tuple[int, int, int, int]]
"""By camera: (left, top, width, height) px of the part of its frame that is used."""


def widened(spec: TaskSpec, windows: Windows, reach: int) -> Windows:
    """Return the parts to render, so that sensors give the same result in these windows as for full frames.

    JPEG needs complete blocks of 8x8 px, and blur all pixels within its reach [px] of them.

    Raises:
        InputError: an unknown camera, or a window outside its frame.
    """
    wider = {}
    for name, (left, top, width, height) in windows.items():
        if name not in spec.cameras:
            raise InputError(f"{spec.name} has no camera {name!r}; it has: {', '.join(spec.cameras)}")
        lens = spec.cameras[name].lens
        lens.crop(left, top, width, height)  # raises an error
        margin = 8 * -(-reach // 8)
        x, y = max(left // 8 * 8 - margin, 0), max(top // 8 * 8 - margin, 0)
        right = min(-(-(left + width) // 8) * 8 + margin, lens.width)
        bottom = min(-(-(top + height) // 8) * 8 + margin, lens.height)
        wider[name] = (x, y, right - x, bottom - y)
    return wider


def make_sensors(
    spec: TaskSpec, config: SensorConfig | None, num_worlds: int, random: WorldRandom, windows: Windows
) -> dict[str, Sensor]:
    """Make a sensor per camera, for its window if there is one; None is a neutral sensor."""
    sensors = {}
    for name, view in spec.cameras.items():
        size, axis = (view.lens.height, view.lens.width), (view.lens.cx, view.lens.cy)
        sensors[name] = Sensor(config or SensorConfig(), num_worlds, *size, random, axis, windows.get(name))
        sensors[name].enabled = config is not None
    return sensors


class Vision:
    """Renderers and sensors of cameras in n worlds.

    Args:
        maps: size (h, w) of the label maps, see `maps`; None: none.
        windows: the parts to render, as for the sensors; frames are black outside.
    """

    def __init__(
        self,
        model: mujoco.MjModel,
        spec: TaskSpec,
        batch: Batch,
        parameters: WorldParameters,
        sensors: dict[str, Sensor],
        *,
        threads: int,
        device: str,
        shadows: bool,
        samples: int,
        maps: tuple[int, int] | None,
        windows: Windows,
    ) -> None:
        if maps is not None and windows:
            raise ValueError("maps need full frames: leave out the windows")
        self._batch, self._parameters, self._sensors = batch, parameters, sensors
        self._model, self._samples = model, samples
        self._spectators: dict[str, BatchRenderer] = {}
        self._fields = sorted(VISUAL_FIELDS & {*parameters.model_fields, *spec.scene_fields})
        self._poses = {name: batch.bind(name) for name in POSES}
        self._mask_geoms = np.array([model.geom(name).id for name in spec.mask_geoms])
        self._map_size = maps
        self._histories: dict[str, FrameHistory] = {}
        for name in sensors:
            if maps is None:
                break
            lens = spec.cameras[name].lens
            if lens.height % maps[0] or lens.width % maps[1]:
                raise InputError(f"maps of {maps[0]}x{maps[1]} do not divide frames of {lens.height}x{lens.width}")
            self._histories[name] = FrameHistory(batch.nsim, (*maps, 2))
        self._lenses = {name: spec.cameras[name].lens for name in sensors}
        full_frames = {name: (0, 0, lens.width, lens.height) for name, lens in self._lenses.items()}
        self._windows = {name: windows.get(name, frame) for name, frame in full_frames.items()}
        self._renderers = {
            name: BatchRenderer(
                model,
                batch.nsim,
                self._lenses[name].crop(*self._windows[name]),
                name,
                per_world=self._fields,
                device=device,
                threads=threads,
                shadows=shadows,
                samples=samples,
                depth=maps is not None,
                segmentation=maps is not None,
            )
            for name in sensors
        }

    def reset(self, ids: np.ndarray, scene: WorldRandom | None = None) -> None:
        """Update appearance, lenses and sensors of worlds ids (m,); `scene` as in `Sensor.reset`."""
        for name, renderer in self._renderers.items():
            for field in self._fields:
                renderer.set_field(field, ids, self._batch.expand(field)[ids])
            if self._parameters.own_lens:
                lenses = [lens.crop(*self._windows[name]) for lens in self._parameters.lenses(name, ids)]
                rays = np.stack([lens.rays(self._samples) for lens in lenses])
                renderer.set_lens(ids, rays)
            sensor, first = self._sensors[name], next(iter(self._sensors.values()))
            for parameter, values in first.params.items():  # drawn for the first camera; a world has one quality
                sensor.params[parameter][ids] = values[ids]
            sensor.reset(ids, scene)
            if name in self._histories:
                self._histories[name].clear(ids)

    def observe(self, ids: np.ndarray) -> dict[str, np.ndarray]:
        """Return frames (m, H, W, 3) uint8 of worlds ids (m,) by camera name, in the current state."""
        self._batch.forward(ids, stage=int(mujoco.mjtStage.mjSTAGE_POS))
        images = {}
        for name, renderer in self._renderers.items():
            frames = renderer.render(self._poses, None if len(ids) == self._batch.nsim else ids)
            if self._map_size is not None:
                history = self._histories[name]
                history.deepen(int(self._sensors[name].latency.max()) + 1)
                history.push(ids, self._cells(frames), np.zeros(len(ids), bool))
            images[name] = self._framed(name, self._sensors[name].apply(frames.rgb, ids))
        return images

    def _framed(self, camera: str, part: np.ndarray) -> np.ndarray:
        """Return full frames (m, H, W, 3) of a camera with its window (m, h, w, 3) inserted."""
        lens, (left, top, width, height) = self._lenses[camera], self._windows[camera]
        if (width, height) == (lens.width, lens.height):
            return part
        frames = np.zeros((len(part), lens.height, lens.width, 3), np.uint8)
        frames[:, top : top + height, left : left + width] = part
        return frames

    def _cells(self, frames: RenderedFrames) -> np.ndarray:
        """Return (m, h, w, 2) uint8 mask and depth per cell, in 255ths, of newly rendered frames."""
        assert self._map_size is not None and frames.segmentation is not None and frames.depth is not None
        m, height, width = frames.rgb.shape[:3]
        h, w = self._map_size
        mask = np.isin(frames.segmentation, self._mask_geoms).astype(np.float32)
        depth = np.where(frames.depth > 0, 1 / (1 + frames.depth), 0).astype(np.float32)
        cells = (m, h, height // h, w, width // w)
        means = [each.reshape(cells).mean((2, 4)) for each in (mask, depth)]
        return np.round(255 * np.stack(means, -1)).astype(np.uint8)

    def maps(self, camera: str) -> dict[str, np.ndarray]:
        """Return labels per cell of a camera's current frame: `mask` and `depth` (n, h, w) float32.

        The mask is the share of a cell with the task's mask geoms; depth is 1 / (1 + metres), with its resolution near
        the robot, and 0 where nothing was hit. Both have the frame's latency.
        """
        if camera not in self._histories:
            raise ValueError(f"no maps of camera {camera!r}: make the environment with maps=(h, w) and that camera")
        sensor = self._sensors[camera]
        cells = self._histories[camera].read(np.arange(self._batch.nsim), sensor.latency) / np.float32(255)
        return {"mask": cells[..., 0], "depth": cells[..., 1]}

    def render_from(self, camera: str, lens: Camera) -> np.ndarray:
        """Render (n, H, W, 3) uint8 from another camera of the model, robot included; for films, not for policies."""
        if camera not in self._spectators:
            self._spectators[camera] = BatchRenderer(
                self._model,
                self._batch.nsim,
                lens,
                camera,
                per_world=self._fields,
                geom_groups=(0, 1, 2),
                threads=self._batch.nthread,
            )
        spectator = self._spectators[camera]
        everyone = np.arange(self._batch.nsim)
        for field in self._fields:
            spectator.set_field(field, everyone, self._batch.expand(field))
        self._batch.forward(stage=int(mujoco.mjtStage.mjSTAGE_POS))
        return spectator.render(self._poses).rgb

    def close(self) -> None:
        for renderer in (*self._renderers.values(), *self._spectators.values()):
            renderer.close()
