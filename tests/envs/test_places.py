# pyright: reportAttributeAccessIssue=false
"""Places beside the printed mat: what is there is seen, what is not there is not, and the familiar stays as it was."""

from dataclasses import replace

import mujoco
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from envs import BatchEnv, LaneFollow
from envs.camera import Camera
from envs.lane_follow.looks import PRESETS
from envs.lane_follow.meshes import (
    BARRIER_ASIDE,
    BARRIER_HEIGHT,
    TAPE_WIDTH,
    TRACK_GEOMS,
    clearance,
    drawn_sizes,
    track_meshes,
)
from envs.lane_follow.places import PLACES, STRUCTURE
from envs.lane_follow.scene import HIDDEN
from envs.lane_follow.task import TRAIN, LaneFollowConfig
from envs.lane_follow.track import Track, TrackConfig, generate_track
from envs.randomization import Randomization, Vary
from envs.renderer import POSES, BatchRenderer
from tests.envs.test_golden import difference

ROAD = 0.5  # m
TRACKS = st.integers(0, 2**32).map(generate_track)
STRANGE = ("rehearsal-walls", "rehearsal-tape", "rehearsal-gloss")


def with_structure(base: str, **values: float) -> Randomization:
    fixed = [Vary(f"task.{name}", "choice", (value,), "set") for name, value in values.items()]
    return Randomization((*PRESETS[base].varied, *fixed), "fixed")


def frames_of(randomization: Randomization | str, worlds: int = 4, seed: int = 7) -> np.ndarray:
    env = BatchEnv(
        LaneFollow(LaneFollowConfig(layouts=4)), worlds, randomization=randomization, observations=("images.front",)
    )
    frames = env.reset(seed=seed)[0]["images.front"]
    env.close()
    return frames


@settings(max_examples=20)
@given(TRACKS)
def test_barriers_leave_the_way_free_and_their_size_is_as_stated(track: Track):
    config = TrackConfig()
    meshes = track_meshes(track, config, drawn_sizes(track, config))
    assert tuple(meshes) == TRACK_GEOMS
    vertices, faces = meshes["barrier"]
    gap = np.linalg.norm(vertices[:, None, :2] - track.points[None], axis=-1).min(1)
    least = BARRIER_ASIDE[0] * ROAD
    # Where a wide way bends tightly its inner side crosses the other one; elsewhere it stays beside the way.
    assert np.mean(gap > 0.95 * least) > 0.85
    assert gap.max() < BARRIER_ASIDE[1] * ROAD + 0.1
    assert BARRIER_HEIGHT[0] <= vertices[:, 2].max() <= BARRIER_HEIGHT[1] and vertices[:, 2].min() == 0
    assert faces.min() == 0 and faces.max() == len(vertices) - 1
    tape, _ = meshes["tape"]
    width = np.linalg.norm(tape[: len(tape) // 2] - tape[len(tape) // 2 :], axis=1)
    assert TAPE_WIDTH[0] <= width.min() <= width.max() <= TAPE_WIDTH[1]


def test_training_ends_at_a_barrier_and_goes_on_beyond_the_road_elsewhere():
    """A car that drives straight on leaves the way; beyond a barrier it would see nothing of it."""
    for name, place in (("printed mat", 0), ("corridor", 8)):
        assert list(PLACES)[place] == name
        task = LaneFollow(replace(TRAIN, layouts=8, episode_seconds=30.0))
        env = BatchEnv(task, 16, randomization=with_structure("none", place=place), observations=("privileged",))
        env.reset(seed=0)
        farthest = np.zeros(16)
        for _ in range(120):
            _, _, terminated, _, _ = env.step(np.tile([0.0, 0.4], (16, 1)))
            farthest = np.maximum(farthest, np.where(terminated, 0, np.abs(task.offset) / ROAD))
        env.close()
        assert (farthest.max() > 1.2) == (name == "printed mat")
        assert farthest.max() < (TRAIN.off_road if name == "printed mat" else BARRIER_ASIDE[1])


@settings(max_examples=20)
@given(TRACKS)
def test_clearance_is_what_valid_tracks_keep(track: Track):
    assert clearance(track, TrackConfig()) > 1.2 * ROAD


@pytest.mark.parametrize(("number", "name"), list(enumerate(PLACES)))
def test_a_place_has_what_it_names_and_nothing_else(number, name):
    env = BatchEnv(
        LaneFollow(LaneFollowConfig(layouts=4)),
        3,
        randomization=with_structure("none", place=number),
        observations=("privileged",),
    )
    env.reset(seed=3)
    heights = env.batch.expand("geom_pos")[:, [env.task.model.geom(geom).id for geom in TRACK_GEOMS], 2]
    env.close()
    there = np.array([geom in PLACES[name] for geom in TRACK_GEOMS])
    np.testing.assert_array_equal(heights > HIDDEN, np.tile(there, (3, 1)))


def test_every_place_looks_different_and_the_privileged_state_does_not_know_it():
    frames, known = [], []
    for number in range(len(PLACES)):
        env = BatchEnv(
            LaneFollow(LaneFollowConfig(layouts=4)),
            4,
            randomization=with_structure("none", place=number),
            observations=("images.front", "privileged"),
        )
        observation, _ = env.reset(seed=11)
        frames.append(observation["images.front"].astype(int))
        known.append(observation["privileged"])
        env.close()
    for a in range(len(frames)):
        np.testing.assert_array_equal(known[a], known[0])
        for b in range(a):
            assert np.abs(frames[a] - frames[b]).mean() > 0.5, (a, b)


@pytest.mark.parametrize("seed", [0, 5])
def test_a_printed_mat_without_lamps_is_what_default_draws(seed):
    """Nothing else is drawn for it: the same seed gives the same world, with and without structure."""
    nominal = with_structure("default", **STRUCTURE)
    np.testing.assert_array_equal(frames_of("default", seed=seed), frames_of(nominal, seed=seed))


def test_worlds_do_not_keep_the_structure_of_their_last_episode():
    env = BatchEnv(LaneFollow(LaneFollowConfig(layouts=4)), 6, randomization="places", observations=("images.front",))
    first = env.reset(seed=2)[0]["images.front"].copy()
    env.reset(seed=400)
    np.testing.assert_array_equal(env.reset(seed=2)[0]["images.front"], first)
    env.close()


@pytest.mark.parametrize("preset", ["places", *STRANGE])
def test_what_the_policy_sees_there(preset):
    frames = frames_of(preset, worlds=8)
    picture = np.vstack([np.hstack(list(frames[:4])), np.hstack(list(frames[4:]))])
    assert difference(f"lane_{preset.replace('-', '_')}", picture) < 2.0


def test_strange_rehearsal_cars_differ_from_the_first_in_place_and_light_alone():
    base = PRESETS["rehearsal"].varied
    for name in STRANGE:
        varied = PRESETS[name].varied
        assert varied[: len(base)] == base
        changed = {vary.field for vary in varied[len(base) :]}
        assert not any(field.startswith(("camera.", "cam_", "actuator", "body", "geom_f")) for field in changed)
        assert changed & {"task.place", "mat_reflectance"}


def rendered(xml: str, lens: Camera, reflectance: float | None = None) -> np.ndarray:
    """Two worlds' frames (2, H, W, 3) of a model; a reflectance is given to the second world's first material alone."""
    model = mujoco.MjModel.from_xml_string(xml)
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    renderer = BatchRenderer(model, 2, lens, "eye", per_world=() if reflectance is None else ("mat_reflectance",))
    if reflectance is not None:
        renderer.set_field("mat_reflectance", np.array([1]), np.array([[reflectance, 0.0]]))
    return renderer.render({name: np.repeat(getattr(data, name)[None], 2, 0) for name in POSES}).rgb


def mirrored_share(reflectance: float, pitch: float, per_world: bool = False) -> float:
    """Share of a white ceiling that a black floor mirrors, seen at an angle [rad] below the horizon."""
    c, s = np.cos(pitch), np.sin(pitch)
    xml = f"""
      <mujoco><visual><headlight active="0"/></visual><asset>
        <material name="floor" rgba="0 0 0 1" reflectance="{0 if per_world else reflectance}" specular="0"/>
        <material name="ceiling" rgba="1 1 1 1" emission="1" specular="0"/></asset>
      <worldbody>
        <geom type="plane" size="0 0 1" material="floor"/>
        <geom type="box" size="500 500 0.1" pos="0 0 3" material="ceiling"/>
        <camera name="eye" pos="0 0 1" xyaxes="0 -1 0 {s} 0 {c}"/>
      </worldbody></mujoco>"""
    frames = rendered(xml, Camera(9, 9, 400, 400, 4, 4), reflectance if per_world else None)
    assert not per_world or frames[0].max() == 0  # the other world's floor is matt
    return float(frames[1, 4, 4].mean() / 255)


@pytest.mark.parametrize("per_world", [False, True])
@pytest.mark.parametrize("pitch", [0.1, 0.3, 0.8, 1.5])
@pytest.mark.parametrize("reflectance", [0.04, 0.3, 1.0])
def test_a_glossy_floor_mirrors_by_fresnels_law(reflectance, pitch, per_world):
    flat = 1 - np.sin(pitch)
    wanted = reflectance + (1 - reflectance) * flat**5  # Schlick 1994
    assert mirrored_share(reflectance, pitch, per_world) == pytest.approx(wanted, abs=0.01)


def test_a_matt_floor_mirrors_nothing():
    assert mirrored_share(0.0, 0.2) == 0.0


def test_a_mirror_shows_things_upside_down_where_they_stand():
    """A red box on a perfect mirror: as many red pixels below its foot as above, in the same columns."""
    xml = """
      <mujoco><visual><headlight active="0"/></visual><asset>
        <material name="floor" rgba="0 0 0 1" reflectance="1" specular="0"/>
        <material name="box" rgba="1 0 0 1" emission="1" specular="0"/></asset>
      <worldbody>
        <geom type="plane" size="0 0 1" material="floor"/>
        <geom type="box" size="0.2 0.1 0.3" pos="4 0.5 0.3" material="box"/>
        <camera name="eye" pos="0 0 0.02" xyaxes="0 -1 0 0 0 1"/>
      </worldbody></mujoco>"""
    frames = rendered(xml, Camera(80, 80, 80, 80, 39.5, 39.5))
    red = frames[0, :, :, 0] > 128
    upper, lower = red[:40], red[40:]
    assert upper.sum() > 30
    np.testing.assert_allclose(upper.sum(0), lower.sum(0), atol=1)
