"""Frames of many worlds at once by ray casting (mujoco_warp), through the camera's own lens, on CPU or CUDA."""

import copy
import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import mujoco
import numpy as np

from envs.camera import Camera
from envs.errors import InputError
from envs.warp_start import announce_compilation, wp  # before mujoco_warp, which compiles with Warp's settings

import mujoco_warp as mjw  # isort: skip

POSES = ("geom_xpos", "geom_xmat", "cam_xpos", "cam_xmat", "light_xpos", "light_xdir")


@dataclasses.dataclass(frozen=True)
class Frames:
    """What one camera saw in every world; arrays are the caller's own.

    Attributes:
        rgb: (n, H, W, 3) uint8.
        depth: (n, H, W) float32 m along the optical axis, 0 where nothing was hit; None unless asked for.
        segmentation: (n, H, W) int32 geom id, -1 where nothing was hit; None unless asked for.
    """

    rgb: np.ndarray
    depth: np.ndarray | None = None
    segmentation: np.ndarray | None = None


def available_device(name: str) -> str:
    """The warp device of that name.

    Raises:
        InputError: this machine does not have it; the ones it has are listed.
    """
    names = [str(device) for device in wp.get_devices()]
    if name == "cuda" and wp.is_cuda_available():
        return "cuda:0"
    if name not in names:
        raise InputError(f"no device {name!r} on this machine; available: {', '.join(names)}")
    return name


def _off_axis(directions: np.ndarray) -> np.ndarray:
    """Without exact zeros: the tree is searched with 1 / direction, and fast math, which knows no infinity, misses."""
    return np.where(np.abs(directions) < 1e-7, 1e-7, directions)


@wp.kernel
def _group_roots(tree: wp.uint64, roots: wp.array[int]):
    world = wp.tid()
    roots[world] = wp.bvh_get_group_root(tree, world)


def _draw(view: tuple) -> None:
    mjw.refit_bvh(*view)
    mjw.render(*view)


class BatchRenderer:
    """Renders one camera of many worlds.

    Args:
        model: the scene; geoms of geom_groups are drawn.
        num_worlds: n.
        camera: the lens, at the resolution to render; its pose is that of the model's camera camera_name.
        per_world: names of model fields that differ between worlds (`geom_rgba`, `mat_texid`, ...).
        threads: CPU threads to render on; worlds are shared out among them.
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
        self.num_worlds, self.camera, self.samples = num_worlds, camera, samples
        self._per_world = tuple(per_world)
        self._device, self._depth, self._segmentation = available_device(device), depth, segmentation
        data = mujoco.MjData(model)
        mujoco.mj_forward(model, data)
        with wp.ScopedDevice(self._device):
            self._model = mjw.put_model(model, batch_sizes=dict.fromkeys(per_world, num_worlds))
            self._data = mjw.put_data(model, data, nworld=num_worlds)
            self._context = mjw.create_render_context(
                model,
                nworld=num_worlds,
                cam_res=(camera.width, camera.height),
                cam_active=[camera_name],
                render_rgb=True,
                render_depth=depth,
                render_seg=segmentation,
                use_shadows=shadows,
                enabled_geom_groups=list(geom_groups),
                samples_per_pixel=samples,
                # The kernel leaves out what the model does without, which must not be what a world may get.
                enable_emission="mat_emission" in per_world or bool(model.mat_emission.any()),
                enable_per_light_ambient="light_ambient" in per_world or bool(model.light_ambient.any()),
            )
            self._context.light_attenuation_is_default &= "light_attenuation" not in per_world
            self._context.ray.assign(self._ordered(camera.rays(samples)))
            announce_compilation()
            mjw.refit_bvh(self._model, self._data, self._context)
            mjw.render(self._model, self._data, self._context)  # compiles the kernel, once per machine
            self._pool = ThreadPoolExecutor(threads) if threads > 1 and self._device == "cpu" else None
            bounds = np.linspace(0, num_worlds, (min(threads, num_worlds) if self._pool else 1) + 1).astype(int)
            shares = itertools.pairwise(bounds)
            self._views = [self._view(int(a), int(b), self._context.ray) for a, b in shares]
        self._own_lens = False
        self._alone: dict[int, tuple] = {}

    @staticmethod
    def _ordered(rays: np.ndarray) -> np.ndarray:
        """(samples², H, W, 3) directions as the context stores them: sample by sample, row by row."""
        return _off_axis(rays).reshape(-1, 3).astype(np.float32)

    def _view(self, first: int, last: int, ray: wp.array) -> tuple:
        """Model, data and context of worlds first…last-1, sharing poses, looks, meshes and pictures with the whole.

        A launch covers all worlds of its data with one ray table, so a thread's share of the worlds, or one world
        with a lens of its own, is a launch on such a view. Only the small tree over a world's geoms is its own: the
        kernel counts its leaves from the first world of the launch.
        """

        def part(whole, names):
            piece = copy.copy(whole)
            for name in names:
                array = getattr(whole, name)
                if array.size:
                    setattr(piece, name, array[first:last])
            return piece

        data = part(self._data, POSES)
        data.nworld = count = last - first
        context = part(self._context, ("rgb_data", "depth_data", "seg_data", "flex_group_root", "aa_accum"))
        context.ray, leaves = ray, context.bvh_ngeom
        context.lower = wp.clone(self._context.lower[first * leaves : last * leaves])
        context.upper = wp.clone(self._context.upper[first * leaves : last * leaves])
        with wp.ScopedDevice(self._device):  # Warp's own default is a GPU wherever there is one
            context.group = wp.array(np.repeat(np.arange(count), leaves), dtype=int)
            context.bvh = wp.Bvh(context.lower, context.upper, groups=context.group, constructor="sah")
            context.bvh_id = context.bvh.id
            context.group_root = wp.zeros(count, dtype=int)
            wp.launch(_group_roots, dim=count, inputs=[context.bvh_id], outputs=[context.group_root])
        return part(self._model, self._per_world), data, context

    def set_lens(self, ids: np.ndarray, rays: np.ndarray) -> None:
        """Give worlds ids (m,) lenses of their own: rays (m, samples², H, W, 3) as Camera.rays() returns them."""
        if not self._own_lens:
            shared = self._context.ray
            self._views = [self._view(i, i + 1, wp.clone(shared)) for i in range(self.num_worlds)]
            self._own_lens = True
        for i, world_rays in zip(ids, rays, strict=True):
            self._views[i][2].ray.assign(self._ordered(world_rays))

    def set_field(self, name: str, ids: np.ndarray, values: np.ndarray) -> None:
        """Set model field name of worlds ids (m,), one of those named per_world, to values (m, ...)."""
        self._write(getattr(self._model, name), ids, values)

    def _write(self, target: wp.array, ids: np.ndarray | slice, values: np.ndarray) -> None:
        """Write rows of a device array; on the CPU through its own memory."""
        host = target.numpy()  # a view on the CPU, a copy on a GPU
        host[ids] = np.asarray(values).reshape(host[ids].shape)
        if self._device != "cpu":
            target.assign(host)

    def render(self, poses: Mapping[str, np.ndarray], ids: np.ndarray | None = None) -> Frames:
        """Frames at the given poses, arrays (n, ...) named as in POSES, for instance bound fields of a Batch.

        Args:
            ids: (m,) the worlds to render; None: all.
        """
        for name in POSES:
            values = _off_axis(poses[name]) if name == "light_xdir" else poses[name]
            self._write(getattr(self._data, name), slice(None), values)
        views = self._views if ids is None else [self._own_view(int(i)) for i in ids]
        with wp.ScopedDevice(self._device):
            if self._pool is None:
                for view in views:
                    _draw(view)
            else:
                list(self._pool.map(_draw, views))
            return self._collect(slice(None) if ids is None else ids)

    def _own_view(self, world: int) -> tuple:
        if self._own_lens:
            return self._views[world]
        if world not in self._alone:
            self._alone[world] = self._view(world, world + 1, self._context.ray)
        return self._alone[world]

    def _collect(self, ids: np.ndarray | slice) -> Frames:
        size = (-1, self.camera.height, self.camera.width)
        # Little-endian 0xAARRGGBB: bytes b, g, r, a.
        packed = self._context.rgb_data.numpy()[ids].view(np.uint8)
        rgb = np.ascontiguousarray(packed.reshape(*size, 4)[..., 2::-1])
        depth = self._context.depth_data.numpy()[ids].reshape(size).copy() if self._depth else None
        segmentation = None
        if self._segmentation:
            segmentation = np.ascontiguousarray(self._context.seg_data.numpy()[ids].reshape(*size, 2)[..., 0])
        return Frames(rgb, depth, segmentation)

    def close(self) -> None:
        """Stop the rendering threads."""
        if self._pool is not None:
            self._pool.shutdown()
