"""What the cameras of a batch of worlds deliver: rendered through each world's lens, then through its sensor."""

import mujoco
import numpy as np
from mujoco.batch import Batch

from envs.random import WorldRandom
from envs.renderer import POSES, BatchRenderer, Frames
from envs.sensor import Sensor, SensorConfig
from envs.task import TaskSpec
from envs.world_parameters import WorldParameters

# What the renderer reads beside poses; other model fields are physics alone.
VISUAL_FIELDS = frozenset(
    """geom_rgba geom_size geom_matid geom_dataid mat_rgba mat_texid mat_texrepeat mat_specular mat_shininess
    mat_emission light_active light_ambient light_diffuse light_specular light_attenuation light_cutoff
    light_exponent light_castshadow""".split()  # noqa: SIM905 (one string reads better than eighteen)
)


def make_sensors(
    spec: TaskSpec, config: SensorConfig | None, num_worlds: int, random: WorldRandom
) -> dict[str, Sensor]:
    """A sensor per camera; None is one that changes nothing."""
    sensors = {}
    for name, view in spec.cameras.items():
        lens = view.lens
        axis = (lens.cx, lens.cy)
        sensors[name] = Sensor(config or SensorConfig(), num_worlds, lens.height, lens.width, random, axis)
        sensors[name].enabled = config is not None
    return sensors


class Vision:
    """Renderers and sensors of the cameras named, over n worlds.

    Args:
        maps: also keep mask and depth of the last frames, see `maps`.
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
        maps: bool,
    ) -> None:
        self._batch, self._parameters, self._sensors = batch, parameters, sensors
        self._samples = samples
        self._fields = sorted(VISUAL_FIELDS & {*parameters.model_fields, *spec.scene_fields})
        self._poses = {name: batch.bind(name) for name in POSES}
        self._mask_geoms = np.array([model.geom(name).id for name in spec.mask_geoms])
        self._last: dict[str, Frames] = {}
        self._renderers = {
            name: BatchRenderer(
                model,
                batch.nsim,
                spec.cameras[name].lens,
                name,
                per_world=self._fields,
                device=device,
                threads=threads,
                shadows=shadows,
                samples=samples,
                depth=maps,
                segmentation=maps,
            )
            for name in sensors
        }

    def reset(self, ids: np.ndarray) -> None:
        """Take over the new looks, lenses and sensors of worlds ids (m,)."""
        for name, renderer in self._renderers.items():
            for field in self._fields:
                renderer.set_field(field, ids, self._batch.expand(field)[ids])
            if self._parameters.own_lens:
                rays = np.stack([lens.rays(self._samples) for lens in self._parameters.lenses(name, ids)])
                renderer.set_lens(ids, rays)
            sensor, first = self._sensors[name], next(iter(self._sensors.values()))
            for parameter, values in first.params.items():  # the first one's are drawn; a world has one quality
                sensor.params[parameter][ids] = values[ids]
            sensor.reset(ids)

    def observe(self, ids: np.ndarray) -> dict[str, np.ndarray]:
        """Frames (m, H, W, 3) uint8 of worlds ids (m,) by camera name, at the present state."""
        self._batch.forward(ids, stage=int(mujoco.mjtStage.mjSTAGE_POS))
        images = {}
        for name, renderer in self._renderers.items():
            frames = renderer.render(self._poses, None if len(ids) == self._batch.nsim else ids)
            self._last[name] = frames
            images[name] = self._sensors[name].apply(frames.rgb, ids)
        return images

    def maps(self, camera: str, size: tuple[int, int]) -> dict[str, np.ndarray]:
        """Labels per pixel of the last frames: `mask` and `depth` (n, h, w) float32 at size (h, w).

        The mask is the share of a cell that shows one of the task's mask geoms; depth is 1 / (1 + metres), which
        spends its range near the robot and is 0 where nothing was hit.
        """
        frames = self._last[camera]
        n, height, width = frames.rgb.shape[:3]
        h, w = size
        if height % h or width % w:
            raise ValueError(f"maps of {h}x{w} do not divide frames of {height}x{width}")
        if frames.segmentation is None or frames.depth is None:
            raise ValueError("this environment renders no maps: make it with maps=True")
        mask = np.isin(frames.segmentation, self._mask_geoms).astype(np.float32)
        depth = np.where(frames.depth > 0, 1 / (1 + frames.depth), 0).astype(np.float32)
        cells = (n, h, height // h, w, width // w)
        return {"mask": mask.reshape(cells).mean((2, 4)), "depth": depth.reshape(cells).mean((2, 4))}

    def close(self) -> None:
        for renderer in self._renderers.values():
            renderer.close()
