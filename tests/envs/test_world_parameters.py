# pyright: reportAttributeAccessIssue=false
"""Randomization of real models: every field can be varied, what depends on it follows, and the record tells all."""

import copy
import re

import mujoco
import numpy as np
import pytest
from mujoco.batch import MODEL_FIELDS, Batch

from envs import BatchEnv, make_task
from envs.camera import Camera
from envs.random import WorldRandom
from envs.randomization import Randomization, Randomizer, Vary
from envs.world_parameters import WorldParameters

WORLDS = 4
EVERYONE = np.arange(WORLDS)
LENS = Camera(81, 61, 50, 52, 40, 30, (0.1, 0.0, 0.0, 0.0), "fisheye")
GROUPS = {"task": {"slack": (0.5,)}, "sensor": {"exposure": (1.0,), "white_balance": (1.0, 1.0, 1.0)}}
DERIVED = ("body_subtreemass", "body_invweight0", "dof_invweight0", "dof_M0", "actuator_acc0", "cam_pos0", "light_pos0")


def bind(model: mujoco.MjModel, *varied: Vary) -> tuple[Batch, WorldParameters, Randomizer]:
    batch = Batch(model, WORLDS, 1)
    groups = {p: {k: np.tile(v, (WORLDS, 1)) for k, v in group.items()} for p, group in GROUPS.items()}
    parameters = WorldParameters(model, batch, {"eye": LENS}, groups)
    return batch, parameters, Randomizer(Randomization(varied), parameters.resolve, WORLDS)


def draw(model: mujoco.MjModel, *varied: Vary, draws: int = 1) -> tuple[Batch, WorldParameters, Randomizer]:
    """Worlds after that many draws, the last of them from the seeds 0, 1, ..."""
    batch, parameters, randomizer = bind(model, *varied)
    for seed in reversed(range(draws)):
        randomizer.draw(EVERYONE, WorldRandom(EVERYONE + 1000 * seed))
        parameters.follow(EVERYONE)
    return batch, parameters, randomizer


def edit(model: mujoco.MjModel, **changes: np.ndarray) -> mujoco.MjModel:
    """A copy of the model with these fields replaced and MuJoCo's own derived constants."""
    changed = copy.deepcopy(model)
    for name, values in changes.items():
        getattr(changed, name)[:] = values
    mujoco.mj_setConst(changed, mujoco.MjData(changed))
    return changed


def assert_same(have: mujoco.MjModel, want: mujoco.MjModel, *names: str) -> None:
    for name in names:
        np.testing.assert_allclose(getattr(have, name), getattr(want, name), rtol=1e-9, atol=1e-12, err_msg=name)


def test_every_field_that_a_model_has_can_be_varied(arm):
    batch, parameters, _ = bind(arm)
    for field in MODEL_FIELDS:
        size = np.size(getattr(arm.opt, field[4:]) if field.startswith("opt.") else getattr(arm, field))
        if size == 0:
            with pytest.raises(ValueError, match=re.escape(f"{field}: this model has none")):
                parameters.resolve(field)
            continue
        target = parameters.resolve(field)
        assert target.values.shape == (WORLDS, *target.nominal.shape) and target.nominal.size == size, field
        assert len(target.names) == len(target.nominal), field
        np.testing.assert_array_equal(target.values[0], target.nominal, err_msg=field)
        if field not in ("body_inertia", "cam_quat"):  # these wait for mass and camera rotation
            assert np.shares_memory(target.values, batch.expand(field)), field


def test_mass_takes_inertia_with_it_and_derived_constants_follow(arm):
    batch, _, randomizer = draw(arm, Vary("body_mass", "uniform", (0.5, 3.0)), draws=3)
    for world in range(WORLDS):
        factor = np.array([*randomizer.episode(world).values()])
        want = edit(arm, body_mass=arm.body_mass * factor, body_inertia=arm.body_inertia * factor[:, None])
        assert_same(batch.get_model(world), want, "body_mass", "body_inertia", *DERIVED)
    assert not np.allclose(batch.get_model(0).dof_invweight0, batch.get_model(1).dof_invweight0, rtol=0.01)


def test_inertia_can_be_varied_beside_mass(arm):
    varied = Vary("body_mass", "choice", (2.0,), names="load"), Vary("body_inertia", "choice", (3.0,), names="lo.*")
    ratio = draw(arm, *varied, draws=3)[0].get_model(1).body_inertia[1:] / arm.body_inertia[1:]
    for name, factor in (("load", 6), ("lower", 3), ("upper", 1)):
        np.testing.assert_allclose(ratio[arm.body(name).id - 1], factor)


def test_a_camera_can_be_turned_beside_its_mounting(arm):
    varied = Vary("cam_quat", "choice", (0.0, 1.0), "set", each="value"), Vary("camera.yaw", "uniform", (-1, 1), "add")
    batch, _, randomizer = draw(arm, *varied, draws=3)
    for world in range(WORLDS):
        *mounted, yaw = randomizer.episode(world).values()
        want, turn = np.zeros(4), np.array([np.cos(yaw / 2), 0, -np.sin(yaw / 2), 0])
        mujoco.mju_mulQuat(want, np.array(mounted), turn)
        np.testing.assert_allclose(batch.expand("cam_quat")[world, 0], want, atol=1e-12)


@pytest.mark.parametrize(
    ("field", "names"), [("dof_armature", ".*"), ("body_ipos", "upper|lower"), ("body_pos", "lower")]
)
def test_constants_follow_every_field_they_depend_on(arm, field, names):
    batch, _, _ = draw(arm, Vary(field, "uniform", (0.01, 0.05), "add", names, each="value"), draws=2)
    for world in range(WORLDS):
        have = batch.get_model(world)
        assert_same(have, edit(arm, **{field: batch.expand(field)[world]}), field, *DERIVED)
        assert not np.allclose(have.dof_M0, arm.dof_M0)


def test_a_model_that_mujoco_refuses_is_reported_in_one_line(arm):
    with pytest.raises(ValueError, match=r"body_ipos.*body/simple='false'") as error:
        draw(arm, Vary("body_ipos", "uniform", (0.01, 0.05), "add", "load"))
    assert "\n" not in str(error.value)


def test_names_are_those_of_the_objects(arm):
    for field, pattern, want in (
        ("geom_rgba", "low.*", ["lower", "lower_tip"]),
        ("dof_damping", "shoulder|elbow", ["shoulder", "elbow"]),
        ("jnt_stiffness", ".*", ["shoulder", "elbow", "floating"]),
        ("actuator_gainprm", "elbow", ["elbow"]),
        ("light_diffuse", ".*", ["lamp"]),
        ("cam_pos", "eye", ["eye"]),
    ):
        _, _, randomizer = bind(arm, Vary(field, "uniform", (0.5, 1.5), names=pattern))
        assert randomizer.labels == [f"{field}/{name}" for name in want]
    labels = bind(arm, Vary("dof_damping", "uniform", (0.5, 1.5), names="floating"))[2].labels
    assert len(set(labels)) == 6  # the degrees of freedom of one joint share its name


def test_the_record_alone_reproduces_the_world(arm):
    varied = (
        Vary("geom_rgba", "uniform", (0, 1), "set", "lower|upper", (0, 1, 2), "value"),
        Vary("geom_rgba", "uniform", (0.5, 1), "scale", "lower.*", (0, 1, 2)),
        Vary("dof_damping", "log-uniform", (0.1, 10), names="shoulder|elbow"),
        Vary("light_dir", "normal", (0, 0.2), "add", each="value"),
        Vary("actuator_gainprm", "choice", (2, 3), "set", "elbow", (0,)),
        Vary("opt.gravity", "uniform", (0.9, 1.1), components=(2,)),
    )
    batch, _, randomizer = draw(arm, *varied, draws=4)
    for world in range(WORLDS):
        record, model = randomizer.episode(world), batch.get_model(world)
        rgba = arm.geom_rgba.copy()
        for name in ("upper", "lower"):
            rgba[arm.geom(name).id, :3] = [record[f"geom_rgba/{name}[{c}]"] for c in range(3)]
        for name in ("lower", "lower_tip"):
            rgba[arm.geom(name).id, :3] *= record[f"geom_rgba/{name}"]
        np.testing.assert_allclose(model.geom_rgba, rgba, rtol=1e-6)
        damping = arm.dof_damping * [record["dof_damping/shoulder"], record["dof_damping/elbow"], *[1] * 6]
        np.testing.assert_allclose(model.dof_damping, damping)
        direction = arm.light_dir[0] + [record[f"light_dir/lamp[{c}]"] for c in range(3)]
        np.testing.assert_allclose(model.light_dir[0], direction)
        assert model.actuator_gainprm[1, 0] == record["actuator_gainprm/elbow"] in (2, 3)
        assert model.actuator_gainprm[0, 0] == 5
        np.testing.assert_allclose(model.opt.gravity, [0, 0, -9.81 * record["opt.gravity/opt.gravity"]])
        assert len(record) == len(randomizer.labels) == 6 + 2 + 2 + 3 + 1 + 1


@pytest.mark.parametrize(
    ("angle", "seen"),
    [("pitch", (0.0, -1.0)), ("yaw", (-1.0, 0.0)), ("roll", (0.0, 0.0))],
)
def test_the_camera_turns_down_right_and_clockwise(arm, angle, seen):
    """A camera that looks down sees what was ahead above the middle; one that looks right sees it on the left."""
    batch, _, _ = draw(arm, Vary(f"camera.{angle}", "choice", (0.1,), "add"), draws=3)
    turned = batch.bind("cam_xmat")
    batch.forward()
    world_from_camera = turned[0, 0].reshape(3, 3)
    data = mujoco.MjData(arm)
    mujoco.mj_forward(arm, data)
    ahead, right = -data.cam_xmat[0].reshape(3, 3)[:, 2], data.cam_xmat[0].reshape(3, 3)[:, 0]
    opencv = np.diag([1.0, -1.0, -1.0])
    pinhole = Camera(81, 61, 50, 50, 40, 30)
    u, v = pinhole.project(opencv @ world_from_camera.T @ ahead) - [40, 30]
    np.testing.assert_allclose((u, v), 50 * np.tan(0.1) * np.array(seen), atol=1e-9)
    side = pinhole.project(opencv @ world_from_camera.T @ (ahead + 0.1 * right)) - [40, 30]
    if angle == "roll":  # a camera turned clockwise sees what was on its right turned counter-clockwise, higher
        np.testing.assert_allclose(side, 5 * np.array([np.cos(0.1), -np.sin(0.1)]), atol=1e-9)


def test_lenses_differ_by_what_was_drawn(arm):
    varied = [Vary("camera.zoom", "uniform", (0.5, 2)), Vary("camera.cy", "uniform", (-3, 3), "add")]
    _, parameters, randomizer = draw(arm, *varied, Vary("camera.k1", "uniform", (-0.1, 0.1), "add"), draws=2)
    assert parameters.own_lens
    for world, lens in zip(EVERYONE, parameters.lenses("eye", EVERYONE), strict=True):
        zoom, cy, k1 = randomizer.episode(int(world)).values()
        assert (lens.fx, lens.fy, lens.cx, lens.cy) == pytest.approx((50 * zoom, 52 * zoom, 40, 30 + cy))
        assert lens.distortion == pytest.approx((0.1 + k1, 0, 0, 0))
    assert not bind(arm, Vary("camera.pitch", "uniform", (0, 1)))[1].own_lens


@pytest.mark.parametrize(
    ("field", "part"),
    [
        ("geom_rgb", "did you mean geom_rgba"),
        ("body_mas", "body_mass"),
        ("sensor.exposre", "did you mean exposure"),
        ("camera.zoo", "did you mean zoom"),
        ("task.grip", "valid: slack"),
        ("sensors.exposure", "sensor.exposure"),
        ("xyz", "sensor.white_balance, task.slack"),
        ("opt.gravty", "opt.gravity"),
        ("names", "no randomizable field 'names'"),
    ],
)
def test_a_misspelt_field_is_answered_in_one_line_with_the_valid_names(arm, field, part):
    with pytest.raises(ValueError, match=re.escape(part)) as error:
        bind(arm, Vary(field, "uniform", (0, 1)))
    assert str(error.value).startswith(f"no randomizable field {field!r}") and "\n" not in str(error.value)
    assert "tendon" not in str(error.value)  # of which this model has none


@pytest.mark.parametrize("field", ["camera.k1", "camera.k2"])
def test_a_coefficient_that_no_lens_has_is_refused(arm, field):
    """A pinhole has none; what is drawn for it would change nothing."""
    batch = Batch(arm, WORLDS, 1)
    pinhole = Camera(81, 61, 50, 52, 40, 30)
    parameters = WorldParameters(arm, batch, {"eye": pinhole}, {})
    with pytest.raises(ValueError, match=rf"{field}: no camera has this coefficient .*: eye \(pinhole\)") as caught:
        parameters.resolve(field)
    assert "\n" not in str(caught.value)
    assert parameters.resolve("camera.zoom").values.shape == (WORLDS, 1, 1)
    two = WorldParameters(arm, batch, {"eye": pinhole, "other": LENS}, {})
    assert two.resolve(field).values.shape == (WORLDS, 1, 1)


@pytest.mark.slow
def test_a_preset_fits_a_users_pinhole_where_a_randomization_of_ones_own_is_refused():
    task = make_task("LaneFollow")
    lens = task.spec.cameras["front"].camera
    pinhole = {"front": Camera(lens.width, lens.height, lens.fx, lens.fy, lens.cx, lens.cy)}
    env = BatchEnv(task, 2, randomization="default", observations=("privileged",), cameras=pinhole)
    assert "camera.zoom" in {vary.field for vary in env.randomizer.randomization.varied}
    env.close()
    own = Randomization((Vary("camera.k1", "uniform", (-0.1, 0.1), "add"),), "own")
    with pytest.raises(ValueError, match="no camera has this coefficient"):
        BatchEnv(make_task("LaneFollow"), 2, randomization=own, cameras=pinhole)
