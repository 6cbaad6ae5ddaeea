# pyright: reportAttributeAccessIssue=false
"""Rendered frames: the batch renderer against the bare ray tracer beneath it, and against MuJoCo's classic renderer."""

import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import mujoco
import numpy as np

from classic_renderer import KINDS, ClassicRenderer
from common import Result, Work, alternate, compare, skipped
from envs import BatchEnv, Camera, make_task
from envs.renderer import POSES, BatchRenderer
from envs.vision import VISUAL_FIELDS

# After envs.renderer, which sets the compiler's flags: the bare loop then runs the very same kernels.
import mujoco_warp as mjw  # isort: skip

WORLDS, CAMERA = 64, "front"
GEOM_GROUPS = (0, 1)  # the car itself is in group 2 and not seen; the arm is
ARM_SCENE, ARM_THREADS = "Push", 2  # threads of ours; the classic renderer has one core


@dataclass(frozen=True)
class Scene:
    """A task's worlds under `default` randomization, each with looks of its own.

    Attributes:
        camera: the task's lens at the resolution that the policy sees.
        fields: (n, ...) of the model's fields that differ between worlds.
        poses: (n, ...) named as in POSES.
        rays: (n, 1, H, W, 3) of each world's own lens.
        first: model of the first world.
        qpos: of the first world.
    """

    model: mujoco.MjModel
    camera: Camera
    fields: Mapping[str, np.ndarray]
    poses: Mapping[str, np.ndarray]
    rays: np.ndarray
    first: mujoco.MjModel
    qpos: np.ndarray


def make_scene(task: str = "LaneFollow") -> Scene:
    """The same worlds at every call."""
    env = BatchEnv(make_task(task), WORLDS, randomization="default", observations=("state",), threads=1)
    batch = env._batch
    poses = {name: batch.bind(name) for name in POSES}
    env.reset(seed=0)
    batch.forward(stage=int(mujoco.mjtStage.mjSTAGE_POS))
    expanded = {name: batch.expanded(name) for name in sorted(VISUAL_FIELDS)}
    return Scene(
        model=env.task.model,
        camera=env.task_spec.cameras[CAMERA].lens,
        fields={name: values.copy() for name, values in expanded.items() if values is not None},
        poses={name: values.copy() for name, values in poses.items()},
        rays=np.stack([lens.rays() for lens in env._parameters.lenses(CAMERA, np.arange(WORLDS))]),
        first=batch.get_model(0),
        qpos=batch.qpos[0].copy(),
    )


def _ours(scene: Scene, threads: int = 1, own_lens: bool = False, shadows: bool = False) -> Work:
    """BatchRenderer, poses in and RGB frames out."""
    renderer = BatchRenderer(
        scene.model, WORLDS, scene.camera, CAMERA, per_world=tuple(scene.fields), threads=threads,
        geom_groups=GEOM_GROUPS, shadows=shadows,
    )  # fmt: skip
    for name, values in scene.fields.items():
        renderer.set_field(name, np.arange(WORLDS), values)
    if own_lens:
        renderer.set_lens(np.arange(WORLDS), scene.rays)
    return lambda: len(renderer.render(scene.poses).rgb)


def _bare(scene: Scene, first: int = 0, last: int = WORLDS, shadows: bool = False) -> Work:
    """Only mjw.refit_bvh and mjw.render, over and over, for worlds first…last-1; frames stay packed where they are."""
    n, data = last - first, mujoco.MjData(scene.model)
    mujoco.mj_forward(scene.model, data)
    model = mjw.put_model(scene.model, batch_sizes=dict.fromkeys(scene.fields, n))
    data = mjw.put_data(scene.model, data, nworld=n)
    context = mjw.create_render_context(
        scene.model,
        nworld=n,
        cam_res=(scene.camera.width, scene.camera.height),
        cam_active=[CAMERA],
        render_rgb=True,
        use_shadows=shadows,
        enabled_geom_groups=list(GEOM_GROUPS),
        enable_emission=False,
        enable_per_light_ambient=bool(scene.model.light_ambient.any()),
    )
    context.ray.assign(scene.camera.rays().reshape(-1, 3).astype(np.float32))
    for target, arrays in ((model, scene.fields), (data, scene.poses)):
        for name, values in arrays.items():
            host = getattr(target, name).numpy()
            host[:] = values[first:last].reshape(host.shape)

    def work() -> int:
        mjw.refit_bvh(model, data, context)
        mjw.render(model, data, context)
        return n

    return work


def _together(works: list[Work]) -> Work:
    """All at once, a thread each."""
    pool = ThreadPoolExecutor(len(works))
    return lambda: sum(pool.map(lambda work: work(), works))


def rendering() -> list[Result]:
    """One thread: against the bare loop, and against MuJoCo's classic renderer confined to one core."""
    scene = make_scene()
    contenders = {"ours": _ours(scene), "own lenses": _ours(scene, own_lens=True), "bare": _bare(scene)}
    rates = alternate(contenders, 12, 0.4)
    width, height = scene.camera.width, scene.camera.height
    subject = f"BatchRenderer, {WORLDS} worlds, {width}x{height}"
    limit = "limit: refit_bvh + render alone"
    results = [
        compare("rendering", subject, rates["ours"], "frames/s", limit, rates["bare"], 0.9),
        compare(
            "rendering", f"{subject}, a lens per world", rates["own lenses"], "frames/s", limit, rates["bare"], 0.9
        ),
    ]
    return results + _against_classic(scene, contenders["ours"], subject)


def image_formation() -> list[Result]:
    """Steps of the environment with noise, blur, exposure and the rest, against the rendered frames as they are."""
    rates = alternate({"all": _driving({}), "none": _driving({"sensor": None})}, 6, 0.4)
    subject, limit = f"BatchEnv, {WORLDS} worlds, image formation", "limit: rendered frames as they are"
    return [compare("image formation", subject, rates["all"], "frames/s", limit, rates["none"])]


def _driving(options: dict) -> Work:
    env = BatchEnv(make_task("LaneFollow"), WORLDS, randomization="default", threads=1, **options)
    env.reset(seed=0)
    action = np.zeros((WORLDS, 2), np.float32)

    def work() -> int:
        env.step(action)
        return WORLDS

    return work


def _against_classic(
    scene: Scene, ours: Work, subject: str, kinds: Sequence[str] = KINDS, wanted: float | None = None
) -> list[Result]:
    rivals = {kind: f"instead: mujoco.Renderer, {kind}" for kind in kinds}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "scene.mjb"
        mujoco.mj_saveModel(scene.first, str(path), None)
        try:
            classic = ClassicRenderer(path, scene.qpos, CAMERA, (scene.camera.width, scene.camera.height), GEOM_GROUPS)
        except OSError as error:
            value = float(np.median(alternate({"ours": ours}, 3, 0.4)["ours"]))
            return [skipped("rendering", subject, value, "frames/s", rivals[kind], str(error)) for kind in kinds]
        with classic:
            works = {kind: lambda kind=kind: classic.frames(kind, 0.3) for kind in kinds}
            rates = alternate({"ours": ours, **works}, 6, 0.4)
            remark = f"{classic.backend} on one core, pinhole"
    return [
        compare("rendering", subject, rates["ours"], "frames/s", rivals[kind], rates[kind], wanted, remark=remark)
        for kind in kinds
    ]


def arm_rendering() -> list[Result]:
    """The SO-101 with all its meshes, with shadows and without: against the bare loop and the classic renderer."""
    scene, results = make_scene(ARM_SCENE), []
    half, triangles = WORLDS // 2, int(scene.model.mesh_facenum[scene.model.geom_dataid[_meshes(scene.model)]].sum())
    for kind, shadows, factor in zip(KINDS, (True, False), (100, 20), strict=True):
        ours = _ours(scene, ARM_THREADS, shadows=shadows)
        bare = _together([_bare(scene, 0, half, shadows), _bare(scene, half, WORLDS, shadows)])
        rates = alternate({"ours": ours, "bare": bare}, 8, 0.4)
        label = f"SO-101, {triangles:,} triangles, {'shadows' if shadows else 'no shadows'}, {ARM_THREADS} threads"
        limit = f"limit: refit_bvh + render alone, {ARM_THREADS} threads"
        results.append(compare("rendering", label, rates["ours"], "frames/s", limit, rates["bare"], 0.9))
        results += _against_classic(scene, ours, label, (kind,), factor)
    return results


def _meshes(model: mujoco.MjModel) -> np.ndarray:
    """Indices of the geoms that are drawn and meshes."""
    mesh = model.geom_type == mujoco.mjtGeom.mjGEOM_MESH
    return np.flatnonzero(mesh & np.isin(model.geom_group, GEOM_GROUPS))


def scaling() -> list[Result]:
    """Rendering on two threads over one; the limit is what two bare loops on half of the worlds each gain."""
    scene, half = make_scene(), WORLDS // 2
    contenders = {
        "one": _ours(scene),
        "two": _ours(scene, 2),
        "lens one": _ours(scene, 1, own_lens=True),
        "lens two": _ours(scene, 2, own_lens=True),
        "bare one": _bare(scene),
        "bare two": _together([_bare(scene, 0, half), _bare(scene, half, WORLDS)]),
    }
    rates = alternate(contenders, 8, 0.4)
    gain = float(np.median(rates["bare two"] / rates["bare one"]))
    remark = f"limit 2; two bare loops gain {gain:.2f}"
    subject = f"BatchRenderer, {WORLDS} worlds"
    return [
        compare(
            *("scaling", f"{subject}{lens}, 2 threads", rates[f"{key}two"], "frames/s", "1 thread", rates[f"{key}one"]),
            remark=remark,
        )
        for lens, key in (("", ""), (", a lens per world", "lens "))
    ]
