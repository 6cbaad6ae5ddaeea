"""Driving on a rebuilt track: the measured car, its laps and interventions, and drivers that must and must not do."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drawn_track import FPS, VEHICLE, write_drawn_track
from sim2real.errors import InputError
from sim2real.statistics.agreement import Estimate
from sim2real.statistics.rates import RateDifference
from sim2real.tracks.drawing.rendering import MapRenderer
from sim2real.tracks.driving.car import DRAWS, Cars, Vehicle, moved
from sim2real.tracks.driving.controls import teacher, zero_steering
from sim2real.tracks.driving.figures import clean_laps, interventions_per_lap, lap_figures
from sim2real.tracks.driving.loop import Act, Situation, TrackEpisodes, draw_episodes, drive
from sim2real.tracks.driving.second import compare
from sim2real.tracks.rebuilt import RebuiltTrack, read_track

LAPS = 12


@pytest.fixture(scope="module")
def track(tmp_path_factory: pytest.TempPathFactory) -> RebuiltTrack:
    return read_track(write_drawn_track(tmp_path_factory.mktemp("track") / "oval"))


def mirrored(act: Act) -> Act:
    return lambda now: act(now) * [-1, 1]


def vehicle(delay: float, gain: float = -2.5, offset: float = 0.1, speed: float = 1.5) -> Vehicle:
    """One car without spread, at a constant speed."""
    one = np.ones(1)
    return Vehicle(gain * one, offset * one, delay * one, 3 * one, (speed, speed), FPS)


@given(st.floats(0, 9), st.floats(-4, -1), st.floats(-0.3, 0.3), st.floats(-1, 1))
def test_a_car_turns_by_its_curvature_after_its_delay(delay: float, gain: float, offset: float, steering: float):
    cars, steps, distance = (
        Cars(vehicle(delay, gain, offset), np.zeros((1, 3)), np.full(1, 1.5), np.zeros(1)),
        15,
        0.075,
    )
    for _ in range(steps):
        cars.step(np.array([[steering, 0.5]]))
    turned = steps * distance * offset + (steps - delay) * distance * gain * steering
    assert cars.poses[0, 2] == pytest.approx(turned, abs=1e-9)


@given(st.floats(-3, 3), st.floats(0, 6), st.integers(1, 9))
def test_arcs_are_driven_exactly(curvature: float, length: float, parts: int):
    poses = np.array([[0.3, -0.2, 0.5]])
    whole, pieces = moved(poses, np.full(1, curvature), np.full(1, length)), poses
    for _ in range(parts):
        pieces = moved(pieces, np.full(1, curvature), np.full(1, length / parts))
    np.testing.assert_allclose(pieces, whole, atol=1e-9)
    around = moved(poses, np.full(1, 2.0), np.full(1, np.pi))  # a circle of half a metre
    np.testing.assert_allclose(around[0, :2], poses[0, :2], atol=1e-9)


def test_the_speed_follows_the_throttle_within_the_drivers_speeds():
    cars = Cars(replace(vehicle(2), speeds=(0.8, 2.0)), np.zeros((1, 3)), np.full(1, 0.8), np.zeros(1))
    for throttle, expected in ((0.5, 1.5), (1.0, 2.0), (-1.0, 0.8)):
        for _ in range(200):
            cars.step(np.array([[0.0, throttle]]))
        assert cars.speed[0] == pytest.approx(expected, abs=1e-3)


def test_cars_are_drawn_from_the_measured_intervals():
    measured = {name: Estimate(**each) for name, each in VEHICLE.items()}
    drawn = Vehicle.drawn(measured, np.random.default_rng(0).random((500, DRAWS)), (1.0, 2.0), FPS)
    for values, name, unit in (
        (drawn.curvature_per_steering, "curvature_per_steering", 1),
        (drawn.curvature_offset, "curvature_offset", 1),
        (drawn.delay, "delay", FPS),
        (drawn.speed_per_throttle, "speed_per_throttle", 1),
    ):
        low, high = VEHICLE[name]["low"] * unit, VEHICLE[name]["high"] * unit
        assert low <= values.min() < low + 0.1 * (high - low) and high - 0.1 * (high - low) < values.max() <= high
    certain = {name: replace(each, low=None, high=None) for name, each in measured.items()}
    alone = Vehicle.drawn(certain, np.random.default_rng(0).random((5, DRAWS)), (1.0, 2.0), FPS)
    assert np.all(alone.curvature_per_steering == -2.5) and np.all(alone.delay == pytest.approx(3.6))


def test_the_teacher_drives_every_lap_and_nobody_else_does(track: RebuiltTrack):
    ready = draw_episodes(track, LAPS, 5)
    assert {*ready.beside.way} == {-1, 1}  # as the log's drivers went
    good, still, wrong = (drive(act, ready) for act in (teacher(ready), zero_steering(ready), mirrored(teacher(ready))))
    assert good.clean.all() and good.steps.offset.std() < 0.04
    assert not still.clean.any() and still.finished.all() and still.interventions.min() >= 3
    assert not wrong.clean.any() and wrong.interventions.mean() > still.interventions.mean()
    for laps in (good, still, wrong):
        assert np.abs(laps.steps.offset).max() <= ready.course.half
    driven = [good.steps.of(k).speed.sum() / track.fps for k in range(LAPS)]
    assert np.allclose(driven, ready.course.lap, rtol=0.05)  # a lap each
    figures = lap_figures(good, track.fps)
    assert figures["laps_without_intervention"]["value"] == 1 and figures["interventions_per_lap"]["high"] < 0.4
    assert lap_figures(still, track.fps)["jerk"] == 0 < figures["jerk"]


def seen(renderer: MapRenderer, ready: TrackEpisodes, sign: int = 1) -> Act:
    """A driver by pixels: it steers to where the grey road is in a few rows of the frame."""
    _, throttle = teacher(ready)(Situation(np.arange(len(ready.seeds)), np.empty((0, 2)), ready.cars(), ready.beside)).T

    def act(now: Situation) -> np.ndarray:
        band = renderer.frames(now.cars.poses[now.which])[:, 60:75].astype(int)
        road = (np.ptp(band, axis=-1) < 25) & (band.mean(-1) < 120)
        middle = (road * np.arange(band.shape[2])).sum((1, 2)) / np.maximum(road.sum((1, 2)), 1)
        return np.column_stack([sign * np.clip((middle - 76) / 80, -1, 1), throttle[now.which]])

    return act


def test_frames_and_steering_have_the_same_right(track: RebuiltTrack):
    ready, renderer = draw_episodes(track, 2, 5), MapRenderer(track)
    right, left = (drive(seen(renderer, ready, sign), ready) for sign in (1, -1))
    assert right.clean.all()
    assert not left.clean.any() and left.interventions.min() > 5


def test_an_episode_depends_on_its_own_seed_only(track: RebuiltTrack):
    many, one = draw_episodes(track, 6, 5), draw_episodes(track, 1, 8)
    for name in ("curvature_per_steering", "curvature_offset", "delay", "speed_per_throttle"):
        values = getattr(many.vehicle, name)
        assert len({*values}) == 6 and values[3] == getattr(one.vehicle, name)[0]
    np.testing.assert_array_equal(many.poses[3], one.poses[0])
    first, alone = drive(teacher(many), many), drive(teacher(one), one)
    np.testing.assert_allclose(first.steps.of(3).pose, alone.steps.pose, atol=1e-9)
    again = drive(teacher(many), many)
    np.testing.assert_array_equal(first.steps.pose, again.steps.pose)


def test_every_frame_has_seeds_of_its_own_episode_and_step(track: RebuiltTrack):
    ready, asked = draw_episodes(track, 3, 5), []

    def act(now: Situation) -> np.ndarray:
        asked.append(now.seeds)
        return teacher(ready)(now)

    laps = drive(act, ready)
    np.testing.assert_array_equal(np.concatenate(asked), laps.frame_seeds(laps.steps))
    for k in range(3):
        own = laps.steps.of(k)
        np.testing.assert_array_equal(laps.frame_seeds(own), [[5 + k, step] for step in range(len(own.step))])


def test_a_second_renderer_agrees_with_itself_and_differs_from_one_that_is_shifted(track: RebuiltTrack):
    ready, line = draw_episodes(track, LAPS, 5), track.line
    good = drive(teacher(ready), ready)
    same = compare(good, good.head(8), line)
    assert len(same.laps.seeds) == 8 and same.differs == [] and same.offset.value == 0 == same.clean.value
    assert not any(place.differs for place in same.places)

    def aside(now: Situation) -> np.ndarray:  # always a little more to the right
        return teacher(ready)(now) + np.array([0.1, 0])

    right, wrong = (drive(act, ready) for act in (aside, mirrored(teacher(ready))))
    shifted = compare(good, right, line)
    assert "offset" in shifted.differs and shifted.offset.value < -0.02
    worse = compare(good, wrong, line)
    assert "laps without intervention" in worse.differs and worse.clean.value == -1
    assert sum(place.interventions[1] for place in worse.places) == wrong.interventions.sum()
    assert sum(place.interventions[0] for place in worse.places) == 0
    assert worse.metrics()["laps_without_intervention"]["map"]["value"] == 1


def test_laps_are_paired(track: RebuiltTrack):
    ready = draw_episodes(track, LAPS, 5)
    good, half = teacher(ready), mirrored(teacher(ready))
    spoiled = drive(lambda now: np.where((now.which % 3 == 0)[:, None], half(now), good(now)), ready)
    assert spoiled.clean.sum() == clean_laps(spoiled).value * LAPS == LAPS - len(range(0, LAPS, 3))
    difference = RateDifference.of(drive(good, ready).clean, spoiled.clean)
    assert (difference.won, difference.lost, difference.count) == (0, 4, LAPS)
    estimate = interventions_per_lap(spoiled)
    assert estimate.low is not None and estimate.high is not None
    assert estimate.low < estimate.value == spoiled.interventions.mean() < estimate.high


def test_an_open_line_is_driven_from_one_end_to_the_other(tmp_path: Path):
    ready = draw_episodes(read_track(write_drawn_track(tmp_path / "half", closed=False)), LAPS, 5)
    count = len(ready.course.line.points)
    starts = {(int(way), int(at)) for way, at in zip(ready.beside.way, ready.beside.at, strict=True)}
    assert all(at < 20 if way > 0 else at >= count - 20 for way, at in starts) and len({way for way, _ in starts}) == 2
    laps = drive(teacher(ready), ready)
    assert laps.clean.all()
    for k in range(LAPS):
        assert laps.steps.of(k).speed.sum() / FPS == pytest.approx(ready.course.lap, rel=0.06)


def test_a_car_that_turns_round_is_put_back(track: RebuiltTrack):
    tight = replace(
        ready := draw_episodes(track, 1, 5), vehicle=replace(ready.vehicle, curvature_per_steering=np.full(1, -9.0))
    )
    laps = drive(lambda now: np.array([[1.0, 0.3]]), tight)
    assert laps.interventions[0] > 5
    assert np.abs(laps.steps.heading).max() <= np.pi / 2


def test_all_cars_drive_at_one_speed_if_it_is_given(track: RebuiltTrack):
    ready = draw_episodes(track, 3, 5, speed=1.2)
    for act in (teacher(ready), lambda now: np.tile([0.0, 1.0], (len(now.which), 1))):
        np.testing.assert_allclose(drive(act, ready).steps.speed, 1.2)


def test_a_log_that_never_steered_is_refused(tmp_path: Path):
    dull = read_track(write_drawn_track(tmp_path / "dull", curvature_per_steering=None, delay=None))
    with pytest.raises(InputError, match="curvature_per_steering, delay"):
        draw_episodes(dull, 1, 0)


def test_without_a_speed_per_throttle_cars_drive_at_the_drivers_median(tmp_path: Path):
    ready = draw_episodes(read_track(write_drawn_track(tmp_path / "slow", speed_per_throttle=None)), 2, 5)
    laps = drive(teacher(ready), ready)
    np.testing.assert_allclose(laps.steps.speed, np.median(ready.course.driver.speed))
    assert laps.clean.all()
