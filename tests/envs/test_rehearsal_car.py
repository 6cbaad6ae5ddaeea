"""The stand-in for a real car: other layouts, whole frames, and values that are never drawn in pretraining."""

import numpy as np
import pytest

from envs import BatchEnv, LaneFollow, make_task
from envs.lane_follow.looks import PRESETS
from envs.lane_follow.task import RECORDING, REHEARSAL, TEST, TRAIN, LaneFollowConfig

WITHHELD = (
    *("camera.zoom", "camera.cx", "camera.cy", "camera.k1", "camera.pitch", "camera.yaw", "camera.roll"),
    *("sensor.white_balance", "sensor.read_noise", "sensor.vignette"),
    *("task.steer_max", "task.steer_trim", "task.slack", "task.top_speed"),
    *("geom_friction", "body_mass", "actuator_delay"),
)


def test_no_two_splits_share_a_layout():
    seeds = [
        seed for c in (TRAIN, TEST, RECORDING, REHEARSAL) for seed in range(c.layout_seed, c.layout_seed + c.layouts)
    ]
    assert len(set(seeds)) == len(seeds)


def test_its_camera_gives_whole_frames():
    recorded = make_task("LaneFollow", "recording").spec.cameras["front"]
    seen = LaneFollow(LaneFollowConfig(layouts=1)).spec.cameras["front"]
    assert recorded.size == (160, 120) and recorded.lens == recorded.camera == seen.camera
    assert (REHEARSAL.camera, REHEARSAL.off_road, REHEARSAL.episode_seconds) == (RECORDING.camera, 0.5, 30.0)


@pytest.mark.parametrize("field", WITHHELD)
def test_its_values_lie_outside_what_default_draws(field):
    (drawn,) = (vary for vary in PRESETS["default"].varied if vary.field == field)
    own = [vary for vary in PRESETS["rehearsal"].varied if vary.field == field]
    assert own
    for vary in own:
        assert vary.operation == drawn.operation and vary.names == drawn.names
        assert min(vary.range) > max(drawn.range) or max(vary.range) < min(drawn.range)
        assert np.ptp(vary.range) < 0.3 * np.ptp(drawn.range) or field == "sensor.read_noise"  # one car, not many


def test_it_looks_alike_in_every_episode_and_unlike_pretraining():
    config = LaneFollowConfig(layouts=1)
    frames = {}
    for preset in ("rehearsal", "default"):
        env = BatchEnv(LaneFollow(config), 12, randomization=preset, observations=("images.front",))
        frames[preset] = env.reset(seed=0)[0]["images.front"][:, 24:].mean((1, 2))  # colours of the mat
        env.close()
    spread = {preset: float(colours.std(0).mean()) for preset, colours in frames.items()}
    assert 0 < spread["rehearsal"] < 0.5 * spread["default"]


@pytest.mark.parametrize("aside", [0.0, 0.1, -0.2])
def test_pursuit_leads_to_the_line_that_is_aimed_for(cars, aside):
    """On a straight the wheels are straight there, and turned towards it from beside it."""
    lane = LaneFollow(LaneFollowConfig(layouts=12))
    bends = [[np.abs(np.roll(track.curvature, -k)[:100]).max() for k in range(600)] for track in lane.tracks]
    layout = int(np.argmin(np.min(bends, 1)))
    at = np.argmin(bends[layout])
    cars = cars(lane, 3)
    assert np.min(bends) < 0.05  # 1/m: there is a straight
    for offset in (aside, aside + 0.1, aside - 0.1):
        cars.place(layout, np.full(3, at), offset)
        angle = lane.pursuit(aside)
        assert np.allclose(angle, angle[0]) and np.allclose(angle, lane.pursuit(np.full(3, aside)))
        # Pure pursuit (Coulter 1992): tan(wheel angle) = 2 wheelbase x / distance^2, the point lies x to the left.
        away = aside - offset
        reach = lane.config.look_ahead**2 + away**2
        assert angle[0] == pytest.approx(np.arctan(2 * 0.26 * away / reach), abs=0.02)
