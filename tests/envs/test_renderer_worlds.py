# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false
"""Worlds differ exactly where they were told to, whatever their number, the threads, or the subset rendered."""

import copy

import mujoco
import numpy as np
import pytest

from envs.camera import Camera
from envs.renderer import POSES, BatchRenderer, RenderedFrames

LENS = Camera(40, 30, 16, 16, 19, 16, (0.1, 0.0, 0.0, 0.0), "fisheye")
OTHER_LENS = Camera(40, 30, 22, 20, 21, 13, (-0.2, 0.05, 0.01, 0.0), "brown-conrady")
WORLDS = 5


def poses(model: mujoco.MjModel, worlds: int) -> dict[str, np.ndarray]:
    """The model's default pose in every world."""
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    return {name: np.repeat(getattr(data, name)[None], worlds, 0) for name in POSES}


def various(model: mujoco.MjModel, worlds: int) -> dict[str, np.ndarray]:
    """A view and a place of the ball of its own in every world."""
    result = poses(model, worlds)
    shift = np.random.default_rng(1).uniform(-0.3, 0.3, (worlds, 2, 3))
    result["cam_xpos"][:, model.camera("eye").id] += shift[:, 0]
    result["geom_xpos"][:, model.geom("ball").id] += shift[:, 1]
    return result


def renderer(model: mujoco.MjModel, worlds: int = WORLDS, lens: Camera = LENS, **options) -> BatchRenderer:
    return BatchRenderer(model, worlds, lens, "eye", depth=True, segmentation=True, **options)


def arrays(frames: RenderedFrames) -> list[np.ndarray]:
    assert frames.depth is not None and frames.segmentation is not None
    return [frames.rgb, frames.depth, frames.segmentation]


def assert_same(have: RenderedFrames, want: RenderedFrames, rows: object = slice(None)) -> None:
    """That have is want's rows, to the byte."""
    for a, b in zip(arrays(have), arrays(want), strict=True):
        np.testing.assert_array_equal(a, b[rows])


def checked(model: mujoco.MjModel) -> mujoco.MjModel:
    """The scene with the box in checks."""
    model = copy.deepcopy(model)
    model.mat_texid[model.material("cloth").id, mujoco.mjtTextureRole.mjTEXROLE_RGB] = model.texture("checks").id
    return model


LOOKS = {
    "geom_rgba": ("ball", (0.0, 0.0, 1.0, 1.0)),
    "mat_rgba": ("cloth", (1.0, 0.2, 0.2, 1.0)),
    "mat_emission": ("cloth", 0.4),
    "mat_texid": ("cloth", None),
    "mat_texrepeat": ("cloth", (1.0, 1.0)),
    "light_diffuse": ("sun", (0.1, 0.2, 0.3)),
    "light_active": ("sun", False),
    "light_ambient": ("sun", (0.3, 0.0, 0.0)),
    "light_attenuation": ("lamp", (1.0, 1.0, 0.0)),
    "geom_size": ("ball", (0.5, 0.5, 0.5)),
    "geom_dataid": ("thing", None),
}
ACCESS = {"geom": "geom", "mat": "material", "light": "light"}


@pytest.mark.parametrize("field", LOOKS)
def test_a_look_changes_in_the_world_it_was_set_in_and_nowhere_else(scene, device, field):
    model = checked(scene) if field == "mat_texrepeat" else scene
    name, value = LOOKS[field]
    changed, row = copy.deepcopy(model), getattr(model, ACCESS[field.split("_")[0]])(name).id
    if field == "geom_dataid":
        value = model.mesh("slab").id
    getattr(changed, field)[row] = checked(model).mat_texid[row] if field == "mat_texid" else value
    worlds = renderer(model, 3, per_world=[field], device=device)
    before = worlds.render(poses(model, 3))
    worlds.set_field(field, np.array([1]), getattr(changed, field)[None])
    after = worlds.render(poses(model, 3))
    for world in (0, 2):
        np.testing.assert_array_equal(after.rgb[world], before.rgb[world])
    assert (after.rgb[1] != before.rgb[1]).any(-1).mean() > 0.005
    # Beyond differing, it is what a model made that way shows; a mesh keeps the pose of the one that it replaces.
    assert_same(renderer(changed, 1, device=device).render(poses(model, 1)), after, [1])


@pytest.mark.parametrize("field", ["geom_xpos", "cam_xpos", "cam_xmat", "light_xdir"])
def test_poses_are_those_of_each_world(scene, device, field):
    at = poses(scene, 3)
    worlds = renderer(scene, 3, device=device)
    before = worlds.render(at)
    if field == "cam_xmat":
        at[field][1] = poses(scene, 1)["cam_xmat"][:, ::-1]  # as the other camera looks
    else:
        at[field][1, scene.geom("ball").id if field == "geom_xpos" else 0] += 0.4
    after = worlds.render(at)
    np.testing.assert_array_equal(after.rgb[[0, 2]], before.rgb[[0, 2]])
    assert (after.rgb[1] != before.rgb[1]).any(-1).mean() > 0.005
    assert_same(
        renderer(scene, 1, device=device).render({name: values[1:2] for name, values in at.items()}), after, [1]
    )


def test_a_lens_of_its_own_is_that_lens(scene, device):
    at = various(scene, WORLDS)
    base, other = (renderer(scene, lens=lens, device=device).render(at) for lens in (LENS, OTHER_LENS))
    worlds = renderer(scene, device=device)
    own = np.array([1, 4])
    worlds.set_lens(own, np.stack([OTHER_LENS.rays()] * 2))
    frames = worlds.render(at)
    for world in range(WORLDS):
        want = other if world in own else base
        assert_same(RenderedFrames(*(a[[world]] for a in arrays(frames))), want, [world])
    assert (base.rgb[own] != other.rgb[own]).any(-1).mean() > 0.1
    worlds.set_lens(own, np.stack([LENS.rays()] * 2))
    assert_same(worlds.render(at), base)


@pytest.mark.parametrize("lenses", ["shared", "own"])
@pytest.mark.parametrize("ids", [[0], [3, 1], [0, 2, 4]])
def test_a_subset_is_those_rows_of_the_whole(scene, device, ids, lenses):
    at = various(scene, WORLDS)
    worlds = renderer(scene, per_world=["geom_rgba"], device=device)
    colours = np.tile(scene.geom_rgba, (WORLDS, 1, 1))
    colours[:, scene.geom("ball").id, 0] = np.linspace(0, 1, WORLDS)
    worlds.set_field("geom_rgba", np.arange(WORLDS), colours)
    if lenses == "own":
        worlds.set_lens(np.array([1, 2]), np.stack([OTHER_LENS.rays()] * 2))
    all_worlds = worlds.render(at)
    moved = {name: values + 0.05 for name, values in at.items()}  # a new frame, or the test would read an old one
    part = worlds.render(moved, np.array(ids))
    assert part.rgb.shape == (len(ids), 30, 40, 3)
    assert not np.array_equal(part.rgb, all_worlds.rgb[ids])
    assert_same(part, worlds.render(moved), ids)
    assert_same(worlds.render(at), all_worlds)


@pytest.mark.parametrize("threads", [2, 3, 8])
def test_threads_change_no_byte(scene, threads):
    at = various(scene, WORLDS)
    single, many = renderer(scene, shadows=True), renderer(scene, shadows=True, threads=threads)
    assert_same(many.render(at), single.render(at))
    assert_same(many.render(at, np.array([1, 3])), single.render(at), [1, 3])
    for worlds in (single, many):
        worlds.set_lens(np.array([2]), OTHER_LENS.rays()[None])
    assert_same(many.render(at), single.render(at))
    many.close()
    many.close()


def test_frames_are_the_callers_own(scene):
    worlds, at = renderer(scene), various(scene, WORLDS)
    first = worlds.render(at)
    kept = [a.copy() for a in arrays(first)]
    worlds.render(poses(scene, WORLDS))
    for array, was in zip(arrays(first), kept, strict=True):
        np.testing.assert_array_equal(array, was)
        array[:] = 7
    assert_same(worlds.render(at), RenderedFrames(*kept))


def test_every_world_of_a_batch_looks_as_it_does_alone(scene, device):
    at = various(scene, WORLDS)
    together = renderer(scene, device=device).render(at)
    for world in range(WORLDS):
        alone = renderer(scene, 1, device=device).render({name: values[[world]] for name, values in at.items()})
        assert_same(alone, together, [world])
