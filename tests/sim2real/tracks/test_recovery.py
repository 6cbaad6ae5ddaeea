"""Frames from beside the line of a rebuilt track: what they show, and how they are labelled."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from drawn_track import write_drawn_track
from drives import new_policy
from sim2real.errors import InputError
from sim2real.tracks.drawing.rendering import MapRenderer
from sim2real.tracks.driving.controls import forgetful
from sim2real.tracks.driving.figures import clean_laps
from sim2real.tracks.driving.loop import draw_episodes, drive
from sim2real.tracks.driving.recovery import recovery_frames
from sim2real.tracks.driving.self_labels import self_labels
from sim2real.tracks.rebuilt import RebuiltTrack, read_track


@pytest.fixture(scope="module")
def track(tmp_path_factory: pytest.TempPathFactory) -> RebuiltTrack:
    found = read_track(write_drawn_track(tmp_path_factory.mktemp("track") / "oval"))
    return replace(found, driver={"mean": 0.0, "std": 0.1})


@pytest.fixture(scope="module")
def renderer(track: RebuiltTrack) -> MapRenderer:
    return MapRenderer(track)


def test_labels_lead_back_to_the_line(track: RebuiltTrack, renderer: MapRenderer):
    policy = new_policy()
    found = recovery_frames(track, policy, 120, renderer=renderer)
    steering = policy.config.action_names.index("steering")
    labels = found.actions[:, steering]
    assert len(found) == 120 and found.images.shape[1:] == (*policy.config.encoder.size, 3)
    assert np.isfinite(labels).all() and np.abs(labels).max() <= 1
    others = np.delete(found.actions, steering, 1)
    assert np.isnan(others).all()  # nobody knows how fast the driver would have been
    # Left of the line, or turned to the left, positive steering (to the right) leads back.
    slopes = np.linalg.lstsq(np.column_stack([found.offset, found.heading, np.ones(120)]), labels)[0]
    assert slopes[0] > 0.5 and slopes[1] > 0.3
    assert np.abs(found.offset).max() > 0.15  # drivers did not show that


def test_the_same_seed_gives_the_same_frames_and_another_one_others(track: RebuiltTrack, renderer: MapRenderer):
    first, again, other = (recovery_frames(track, new_policy(), 24, seed, renderer) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.images, again.images)
    np.testing.assert_array_equal(first.actions, again.actions)
    assert not np.array_equal(first.images, other.images)


def test_who_drives_as_the_labels_say_stays_on_the_road(track: RebuiltTrack):
    episodes = draw_episodes(track, 12, 0)
    assert clean_laps(drive(forgetful(episodes), episodes)).value == 1


def test_every_frame_of_the_log_is_labelled_from_its_own_pose(track: RebuiltTrack):
    poses = track.poses
    labels = self_labels(track, poses["episode_index"], poses["frame_index"])
    known = np.isfinite(labels)
    assert known.mean() > 0.8 and np.abs(labels[known]).max() <= 1
    assert np.isnan(self_labels(track, np.array([7, 0]), np.array([0, 9999]))).all()  # has no place
    way, gain = np.where(poses["episode_index"] == 0, 1, -1), track.vehicle["curvature_per_steering"]
    assert gain is not None
    nearest = track.line.beside(np.stack([poses[name] for name in ("x", "y", "yaw")], 1))[0]
    along = way * track.line.curvature[nearest] / gain.value
    on, left = known & (way > 0), known & (way < 0)
    # On the line labels steer as the line bends (half a metre ahead); the second drive was on its left, in right bends.
    assert np.corrcoef(labels[on], along[on])[0, 1] > 0.5
    assert labels[left].mean() / along[left].mean() > labels[on].mean() / along[on].mean() + 0.1


def test_a_car_that_nobody_measured_gives_no_labels(tmp_path: Path):
    track = read_track(write_drawn_track(tmp_path / "oval", delay=None))
    with pytest.raises(InputError, match="does not know the car's delay"):
        recovery_frames(track, new_policy(), 24)
