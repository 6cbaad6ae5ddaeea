# pyright: reportAttributeAccessIssue=false
"""The renderer: colours, places through any lens, depth, and agreement with MuJoCo's own renderer."""

import os
import subprocess
import sys
from pathlib import Path

import mujoco
import numpy as np
import pytest

from envs.camera import Camera
from envs.lane_follow.task import LaneFollow
from envs.renderer import POSES, BatchRenderer, RenderedFrames

LENSES = {
    "pinhole": Camera(320, 240, 150, 155, 152, 118),
    "brown-conrady": Camera(320, 240, 150, 155, 152, 118, (-0.12, 0.02, 0.003, -0.002, 0.0), "brown-conrady"),
    "fisheye": Camera(320, 240, 95, 95, 152, 118, (-0.04, 0.03, 0.0, 0.0), "fisheye"),
}
SMALL = Camera.from_fov(40, 30, 1.2)
WIDE = Camera(40, 30, 12, 12, 19, 16, (0.1, 0.0, 0.0, 0.0), "fisheye")


def render(model: mujoco.MjModel, camera: Camera, device: str = "cpu", **options) -> RenderedFrames:
    """One world's frames at the model's default pose, with depth and segmentation."""
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    renderer = BatchRenderer(model, 1, camera, "eye", device=device, depth=True, segmentation=True, **options)
    return renderer.render({name: getattr(data, name)[None] for name in POSES})


def segmented(frames: RenderedFrames) -> np.ndarray:
    """(H, W) geom ids of a single world."""
    assert frames.segmentation is not None
    return frames.segmentation[0]


@pytest.mark.parametrize(("channel", "rgba"), [(0, "1 0 0 1"), (1, "0 1 0 1"), (2, "0 0 1 1")])
def test_a_red_cube_is_red(device, channel, rgba):
    model = mujoco.MjModel.from_xml_string(f"""
      <mujoco><worldbody>
        <light dir="0 0 -1" diffuse="0.9 0.9 0.9"/><camera name="eye" pos="0 0 3"/>
        <geom type="box" size="0.5 0.5 0.5" rgba="{rgba}"/>
      </worldbody></mujoco>""")
    frames = render(model, SMALL, device)
    cube = frames.rgb[0][segmented(frames) == 0].astype(int)
    assert len(cube) > 50 and frames.rgb.shape == (1, 30, 40, 3) and frames.rgb.dtype == np.uint8
    assert (cube[:, [channel]] - np.delete(cube, channel, 1) > 100).all()


def spheres(lens: Camera) -> tuple[mujoco.MjModel, np.ndarray]:
    """Small spheres seen all over the image, and their centres (k, 3) m in OpenCV's camera frame."""
    random = np.random.default_rng(0)
    u, v = np.meshgrid(np.linspace(12, lens.width - 13, 11), np.linspace(12, lens.height - 13, 9))
    rays = lens.unproject(np.stack([u.ravel(), v.ravel()], -1) + random.uniform(-2, 2, (99, 2)))
    distance = random.uniform(1, 3, 99)
    centres = rays * distance[:, None]
    geoms = "".join(  # MuJoCo's camera: y up, looking along -z
        f'<geom size="{3 / lens.fx * d}" pos="{x} {-y} {-z}"/>' for d, (x, y, z) in zip(distance, centres, strict=True)
    )
    xml = f'<mujoco><worldbody><camera name="eye"/><light/>{geoms}</worldbody></mujoco>'
    return mujoco.MjModel.from_xml_string(xml), centres


@pytest.mark.parametrize("name", LENSES)
def test_points_land_where_the_camera_projects_them(device, name):
    model, centres = spheres(LENSES[name])
    seen = segmented(render(model, LENSES[name], device))
    centroid = np.array([np.argwhere(seen == i).mean(0)[::-1] for i in range(len(centres))])
    error = np.linalg.norm(centroid - LENSES[name].project(centres), axis=1)
    assert error.max() < 0.5


def test_rays_along_an_axis_hit_like_their_neighbours(device):
    """An image row or column through the principal point looks along a plane of the world's axes."""
    model = mujoco.MjModel.from_xml_string("""
      <mujoco><worldbody><camera name="eye"/><light/>
        <geom type="box" size="0.5 0.5 0.1" pos="0.1 -0.1 -2"/><geom size="0.2" pos="-0.6 0 -1"/>
      </worldbody></mujoco>""")
    seen = segmented(render(model, Camera(81, 61, 60, 60, 40, 30), device))
    for before, centre, after in ((seen[29], seen[30], seen[31]), (seen[:, 39], seen[:, 40], seen[:, 41])):
        same = before == after
        assert same.sum() > 50 and (centre[same] == before[same]).all()


def test_depth_is_metres_along_the_axis(device):
    wall = mujoco.MjModel.from_xml_string("""
      <mujoco><worldbody><camera name="eye"/><light/>
        <geom type="box" size="1 9 0.5" pos="0 0 -2.5"/>
      </worldbody></mujoco>""")
    for lens in (SMALL, WIDE):
        frames = render(wall, lens, device)
        assert frames.depth is not None
        hit, rays = segmented(frames) == 0, lens.rays()[0]
        front = hit & (np.abs(rays[..., 0] / rays[..., 2]) < 0.49)  # not the sides
        assert front.sum() > 50
        np.testing.assert_allclose(frames.depth[0][front], 2.0, rtol=1e-3)
        assert (~hit).sum() > 50 and (frames.depth[0][~hit] == 0).all() and (segmented(frames)[~hit] == -1).all()


def test_groups_and_shadows_are_as_asked(scene, device):
    geom = {name: scene.geom(name).id for name in ("floor", "box", "ball", "thing", "hidden")}
    frames = render(scene, WIDE, device)
    assert set(np.unique(segmented(frames))) == {-1, *geom.values()} - {geom["hidden"]}
    assert geom["hidden"] in segmented(render(scene, WIDE, device, geom_groups=range(6)))
    change = render(scene, WIDE, device, shadows=True).rgb[0].astype(int) - frames.rgb[0]
    assert change.max() <= 2
    assert (change[segmented(frames) == geom["floor"]].max(-1) < -30).sum() > 3


def test_light_from_straight_above_casts_a_shadow(device):
    model = mujoco.MjModel.from_xml_string("""
      <mujoco><worldbody>
        <light type="directional" dir="0 0 -1" diffuse="0.9 0.9 0.9"/>
        <camera name="eye" pos="0 -3 1" xyaxes="1 0 0 0 0 1"/>
        <geom type="plane" size="9 9 1"/><geom size="0.9" pos="0 0 2.5"/>
      </worldbody></mujoco>""")
    lit, shadowed = (render(model, WIDE, device, shadows=shadows).rgb[0].astype(int) for shadows in (False, True))
    assert ((lit - shadowed).min(-1) > 30).sum() > 3


def test_samples_soften_edges_alone(scene, device):
    single, many = render(scene, SMALL, device), render(scene, SMALL, device, samples=4)
    seen = segmented(single)
    neighbours = [seen[1 + dv : 29 + dv, 1 + du : 39 + du] for dv in (-1, 0, 1) for du in (-1, 0, 1)]
    inside = np.all([n == seen[1:-1, 1:-1] for n in neighbours], 0)
    change = np.abs(single.rgb[0].astype(int) - many.rgb[0]).max(-1)[1:-1, 1:-1]
    assert np.quantile(change[inside], 0.9) <= 3 and change[~inside].mean() > 5


CLASSIC = """
import sys
import mujoco, numpy as np
model = mujoco.MjModel.from_binary_path(sys.argv[1])
model.vis.quality.offsamples = 0  # blended edges have no geom
data = mujoco.MjData(model)
data.qpos[:] = np.load(sys.argv[2])
mujoco.mj_forward(model, data)
option = mujoco.MjvOption()
option.geomgroup[2:] = 0
with mujoco.Renderer(model, 120, 160) as renderer:
    renderer.enable_segmentation_rendering()
    renderer.update_scene(data, sys.argv[3], option)
    objects, kinds = np.moveaxis(renderer.render(), -1, 0)
np.save(sys.argv[2], np.where(kinds == mujoco.mjtObj.mjOBJ_GEOM, objects, -1))
"""


def classic_segmentation(model: mujoco.MjModel, qpos: np.ndarray, camera: str, folder: Path) -> np.ndarray:
    """(120, 160) geom ids from mujoco.Renderer, in a process of its own: OpenGL is chosen at the first import."""
    mujoco.mj_saveModel(model, str(folder / "model.mjb"))
    files, errors = [str(folder / "model.mjb"), str(folder / "array.npy")], []
    for backend in ("egl", "osmesa"):
        np.save(files[1], qpos)
        command = [sys.executable, "-c", CLASSIC, *files, camera]
        run = subprocess.run(command, env=os.environ | {"MUJOCO_GL": backend}, capture_output=True, text=True)
        if run.returncode == 0:
            return np.load(files[1])
        errors.append(f"{backend}: {run.stderr.strip().splitlines()[-1]}")
    pytest.skip(f"no OpenGL here; {'; '.join(errors)}")


def test_segmentation_agrees_with_the_classic_renderer(scene, tmp_path):
    lens = Camera.from_fov(160, 120, np.deg2rad(scene.cam_fovy[scene.camera("eye").id]))
    want = classic_segmentation(scene, scene.qpos0, "eye", tmp_path)
    assert len(np.unique(want)) == 5
    assert (segmented(render(scene, lens)) == want).mean() >= 0.98


def test_segmentation_of_the_lane_agrees_with_the_classic_renderer(lane: LaneFollow, tmp_path):
    model, track = lane.model, lane.tracks[0]
    data = mujoco.MjData(model)
    data.qpos[:2], yaw = track.points[0], track.heading[0]
    data.qpos[3:7] = np.cos(yaw / 2), 0, 0, np.sin(yaw / 2)
    mujoco.mj_forward(model, data)
    want = classic_segmentation(model, data.qpos, "front", tmp_path)
    lens = Camera.from_fov(160, 120, np.deg2rad(model.cam_fovy[model.camera("front").id]))
    renderer = BatchRenderer(model, 1, lens, "front", segmentation=True)
    seen = segmented(renderer.render({name: getattr(data, name)[None] for name in POSES}))
    assert {model.geom(name).id for name in ("road", "edges", "dashes", "floor")} <= set(np.unique(want))
    assert (seen == want).mean() >= 0.98


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"num_worlds": 0}, "at least one world, not 0"),
        ({"camera_name": "eyes"}, "no camera 'eyes' in the model; it has: eye, other"),
        ({"device": "gpu"}, "no device 'gpu' on this machine; available: cpu"),
        ({"per_world": ["geom_rgb"]}, "geom_rgb"),
        ({"samples": 0}, "samples is 0, it must be a positive whole number"),
    ],
)
def test_what_cannot_be_rendered_is_refused_in_one_line(scene, change, message):
    arguments = {"num_worlds": 1, "camera": SMALL, "camera_name": "eye"} | change
    with pytest.raises(ValueError, match=message) as error:
        BatchRenderer(scene, **arguments)
    assert "\n" not in str(error.value)
