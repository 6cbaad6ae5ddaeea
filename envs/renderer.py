# pyright: reportAttributeAccessIssue=false
"""Frames of many worlds by ray casting (mujoco_warp), with the camera's lens, on CPU or CUDA."""

import dataclasses
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import mujoco
import numpy as np

from envs.camera import Camera
from envs.errors import InputError
from envs.warp_start import announce_compilation, wp  # before mujoco_warp, which compiles with Warp's settings

import mujoco_warp as mjw  # isort: skip
from envs.raycast.draw import make_kernel  # isort: skip
from envs.raycast.mirror import make_mirror_kernel  # isort: skip
from envs.raycast.scene import DRAWN, Near, Rays  # isort: skip
from envs.raycast.tables import poses_of, scene_of  # isort: skip
from envs.raycast.tiles import cones, cull, place, tiles  # isort: skip

POSES = ("geom_xpos", "geom_xmat", "cam_xpos", "cam_xmat", "light_xpos", "light_xdir")


@dataclasses.dataclass(frozen=True)
class RenderedFrames:
    """Frames of one camera in all worlds, as new arrays.

    Attributes:
        rgb: (n, H, W, 3) uint8.
        depth: (n, H, W) float32 m along the optical axis, 0 where nothing was hit; None unless requested.
        segmentation: (n, H, W) int32 geom id, -1 where nothing was hit; None unless requested.
    """

    rgb: np.ndarray
    depth: np.ndarray | None = None
    segmentation: np.ndarray | None = None


def available_device(name: str) -> str:
    """Return the name of a warp device of this machine.

    Raises:
        InputError: this machine does not have it; the available ones are listed.
    """
    names = [str(device) for device in wp.get_devices()]
    if name == "cuda" and wp.is_cuda_available():
        return "cuda:0"
    if name not in names:
        raise InputError(f"no device {name!r} on this machine; available: {', '.join(names)}")
    return name


def _room(m: int, drawn: int, tiles: int) -> Any:  # Near, which Warp makes of a class
    """Allocate the data of m worlds that are computed before drawing."""
    near = Near()
    near.origin, near.half = wp.zeros((m, drawn), dtype=wp.vec3), wp.zeros((m, drawn), dtype=wp.vec3)
    near.turn = wp.zeros((m, drawn), dtype=wp.mat33)
    near.count, near.candidate = wp.zeros((m, tiles), dtype=int), wp.zeros((m, tiles, drawn), dtype=int)
    return near


class BatchRenderer:
    """Renders one camera of many worlds.

    Args:
        model: the scene; geoms of geom_groups are drawn.
        num_worlds: number of worlds n.
        camera: the lens, at the resolution to render; its pose is that of the model's camera camera_name.
        per_world: names of model fields that differ between worlds (`geom_rgba`, `mat_texid`, ...).
        threads: number of CPU threads, which share the worlds.
        samples: rays per pixel and axis, averaged.

    Raises:
        InputError: no world, an unknown camera, device or field.
    """

    def __init__(
        self,
        model: mujoco.MjModel,
        num_worlds: int,
        camera: Camera,
        camera_name: str,
        *,
        per_world: Sequence[str] = (),
        device: str = "cpu",
        threads: int = 1,
        shadows: bool = False,
        depth: bool = False,
        segmentation: bool = False,
        geom_groups: Sequence[int] = (0, 1),
        samples: int = 1,
    ) -> None:
        if num_worlds < 1:
            raise InputError(f"a renderer needs at least one world, not {num_worlds}")
        cameras = [model.camera(i).name for i in range(model.ncam)]
        if camera_name not in cameras:
            raise InputError(f"no camera {camera_name!r} in the model; it has: {', '.join(cameras)}")
        rays = camera.rays(samples)[None]
        self.num_worlds, self.camera, self.samples = num_worlds, camera, samples
        self._device, self._depth, self._segmentation = available_device(device), depth, segmentation
        self._camera = cameras.index(camera_name)
        with wp.ScopedDevice(self._device):
            own_mirrors = "mat_reflectance" in per_world
            sizes = dict.fromkeys(sorted({*per_world} - {"mat_reflectance"}), num_worlds)
            self._model = mjw.put_model(model, batch_sizes=sizes)
            self._context = mjw.create_render_context(
                model,
                cam_res=(1, 1),  # its own frames are never drawn
                cam_active=[camera_name],
                enabled_geom_groups=list(geom_groups),
                # The kernel omits features that the model does not use; they must be kept if a world may use them.
                enable_emission="mat_emission" in per_world or bool(model.mat_emission.any()),
                enable_per_light_ambient="light_ambient" in per_world or bool(model.light_ambient.any()),
            )
            self._context.light_attenuation_is_default &= "light_attenuation" not in per_world
            self._scene = scene_of(model, self._model, self._context, num_worlds if own_mirrors else 1)
            self._poses = poses_of(model, num_worlds)
            kinds = frozenset(model.geom_type[self._scene.geoms.numpy()].tolist())
            if not kinds <= DRAWN:
                raise InputError(f"geoms of type {sorted(kinds - DRAWN)} cannot be drawn")
            announce_compilation()
            self._together = 32 if self._device == "cpu" else 1
            mirrors = own_mirrors or bool(model.mat_reflectance.any())
            self._kernel = make_kernel(self._context, kinds, model.nlight, shadows, mirrors, self._together)
            self._tile, self._tiles = tiles(camera.width, camera.height)
            self._rays = Rays()
            self._rays.tile = wp.array(self._tile.ravel(), dtype=int)
            self._give_rays(rays)
            pixels = camera.width * camera.height
            self._rgb = wp.zeros((num_worlds, pixels, 3), dtype=wp.uint8)
            self._far = wp.zeros((num_worlds if depth else 0, pixels), dtype=float)
            self._seen = wp.zeros((num_worlds if segmentation else 0, pixels), dtype=int)
            self._mirror = wp.zeros((num_worlds if mirrors else 0, pixels), dtype=wp.vec4)
            self._gloss = None
            if mirrors:
                self._gloss = make_mirror_kernel(self._context, kinds, model.nlight, shadows, self._together)
            self._pool = ThreadPoolExecutor(threads) if threads > 1 and self._device == "cpu" else None
            shares = min(threads, num_worlds) if self._pool else 1
            most = -(-num_worlds // shares)
            self._rooms = [_room(most, len(self._scene.geoms), self._tiles) for _ in range(shares)]
        self._own_lens = False

    def _give_rays(self, rays: np.ndarray) -> None:
        """Set the directions (L, samples², H, W, 3), for one lens of all worlds or one per world."""
        self._rays.direction = wp.array(rays.reshape(len(rays), -1, 3).astype(np.float32), dtype=wp.vec3)
        self._rays.cone = wp.array(cones(rays, self._tile, self._tiles), dtype=wp.vec4)

    def set_lens(self, ids: np.ndarray, rays: np.ndarray) -> None:
        """Set individual lenses of worlds ids (m,): rays (m, samples², H, W, 3) from Camera.rays()."""
        with wp.ScopedDevice(self._device):
            if not self._own_lens:
                shared = self.camera.rays(self.samples)[None]
                self._give_rays(np.repeat(shared, self.num_worlds, 0))
                self._own_lens = True
            self._write(self._rays.direction, ids, rays)
            self._write(self._rays.cone, ids, cones(rays, self._tile, self._tiles))

    def set_field(self, name: str, ids: np.ndarray, values: np.ndarray) -> None:
        """Set model field name of worlds ids (m,), one of those named per_world, to values (m, ...)."""
        owner = self._scene if name == "mat_reflectance" else self._model
        self._write(getattr(owner, name), ids, values)

    def _write(self, target: wp.array, ids: np.ndarray | slice, values: np.ndarray) -> None:
        """Write rows of a device array; on the CPU directly to its memory."""
        host = target.numpy()  # a view on the CPU, a copy on a GPU
        host[ids] = np.asarray(values).reshape(host[ids].shape)
        if self._device != "cpu":
            target.assign(host)

    def render(self, poses: Mapping[str, np.ndarray], ids: np.ndarray | None = None) -> RenderedFrames:
        """Render frames at the given poses, arrays (n, ...) named as in POSES, for instance bound fields of a Batch.

        Args:
            ids: (m,) the worlds to render; None: all.
        """
        for name in POSES:
            self._write(getattr(self._poses, name), slice(None), poses[name])
        worlds = np.arange(self.num_worlds) if ids is None else np.asarray(ids)
        parts = np.array_split(worlds.astype(np.int32), len(self._rooms))
        starts = np.cumsum([0, *map(len, parts)])[:-1]
        work = [each for each in zip(starts.tolist(), parts, self._rooms, strict=True) if len(each[1])]
        if self._pool is None or len(work) == 1:
            for each in work:
                self._draw(*each)
        else:
            list(self._pool.map(lambda each: self._draw(*each), work))
        return self._collect(len(worlds))

    def _draw(self, start: int, worlds: np.ndarray, near: Any) -> None:
        """Draw worlds (m,) to rows start… of the frames."""
        m, scene, poses, rays = len(worlds), self._scene, self._poses, self._rays
        with wp.ScopedDevice(self._device):
            ids = wp.array(worlds, dtype=int)
            wp.launch(place, dim=(m, len(scene.geoms)), inputs=[scene, poses, self._camera, ids, near])
            wp.launch(cull, dim=(m, self._tiles), inputs=[scene, rays, ids, near])
            kept = (self._rgb, self._far, self._seen, self._mirror)
            pictures = [a[start : start + m] if len(a) else a for a in kept]
            inputs = [scene, poses, self._context.textures, rays, near, self._camera, ids, self.samples**2]
            groups = (m, -(-len(rays.tile) // self._together))
            wp.launch(self._kernel, dim=groups, inputs=[*inputs, *pictures])
            if self._gloss is not None:
                inputs = [scene, poses, rays, self._camera, ids, pictures[-1], pictures[0]]
                wp.launch(self._gloss, dim=groups, inputs=inputs)

    def _collect(self, m: int) -> RenderedFrames:
        size = (m, self.camera.height, self.camera.width)
        rgb = self._rgb.numpy()[:m].reshape(*size, 3).copy()
        depth = self._far.numpy()[:m].reshape(size).copy() if self._depth else None
        segmentation = self._seen.numpy()[:m].reshape(size).copy() if self._segmentation else None
        return RenderedFrames(rgb, depth, segmentation)

    def close(self) -> None:
        """Stop the rendering threads."""
        if self._pool is not None:
            self._pool.shutdown()
