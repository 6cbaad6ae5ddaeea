"""Trials are found on the rebuilt track where they began, and driven again from there."""

from pathlib import Path

import numpy as np
import pytest

from drawn_track import FPS, write_drawn_track
from printed_track import PrintedTrack, record_track
from sim2real.datasets import EpisodeDataset
from sim2real.errors import InputError
from sim2real.evaluation.twins import FEWEST, drive_further, drive_twins, localized_starts
from sim2real.tracks.driving import loop
from sim2real.tracks.rebuilt import RebuiltTrack, read_track
from untrained import untrained

SPEED = 1.5  # m/s


@pytest.fixture(scope="module")
def track(tmp_path_factory: pytest.TempPathFactory) -> RebuiltTrack:
    return read_track(write_drawn_track(tmp_path_factory.mktemp("track") / "oval", shrink=2))


def trials(folder: Path, *drives: np.ndarray) -> EpisodeDataset:
    return EpisodeDataset.open(record_track(folder / "trials", list(drives)))


@pytest.mark.slow
def test_a_trial_is_found_where_it_began(track: RebuiltTrack, tmp_path: Path):
    printed = PrintedTrack()
    drives = [
        printed.poses(200, 40, SPEED / FPS),
        printed.poses(500, 40, SPEED / FPS, back=True, aside=0.08),
        printed.poses(350, FEWEST - 1, SPEED / FPS),
    ]
    starts = localized_starts(track, trials(tmp_path, *drives))
    for start, poses in zip(starts[:2], drives[:2], strict=True):
        assert np.hypot(*(start[:2] - poses[0, :2])) < 0.03
        assert abs(np.angle(np.exp(1j * (start[2] - poses[0, 2])))) < 0.03
        assert start[3] == pytest.approx(np.hypot(*(poses[5] - poses[0])[:2]) / 5 * FPS, rel=0.1)
    assert np.isnan(starts[2]).all()


@pytest.mark.slow
def test_frames_of_another_place_are_found_nowhere(track: RebuiltTrack, tmp_path: Path):
    printed = PrintedTrack()
    printed.__dict__["picture"] = np.random.default_rng(1).integers(0, 256, printed.picture.shape).astype(np.uint8)
    camera = record_track(tmp_path / "trials", [printed.poses(200, 30, SPEED / FPS)], printed)
    assert np.isnan(localized_starts(track, EpisodeDataset.open(camera))).all()


@pytest.mark.slow
def test_twins_begin_where_the_trials_did_and_count_until_the_time_is_up(track: RebuiltTrack, monkeypatch):
    begun = []

    def straight(policy, renderer):
        def act(now: loop.Situation) -> np.ndarray:
            begun.append((now.cars.poses.copy(), now.cars.speed.copy()))
            return np.zeros((len(now.which), 2))

        return act

    monkeypatch.setattr("sim2real.evaluation.twins.policy_driver", straight)
    printed = PrintedTrack()
    starts = np.stack([np.append(printed.poses(k, 2)[0], SPEED) for k in (0, 300, 600)])
    assert drive_twins(track, untrained(), starts, 0.2, seed=0).all()
    np.testing.assert_allclose(begun[0][0], starts[:, :3], atol=1e-12)
    np.testing.assert_allclose(begun[0][1], starts[:, 3])
    assert not drive_twins(track, untrained(), starts, 60.0, seed=0).any(), "who does not steer leaves the road"
    further = drive_further(track, untrained(), 8, 60.0, 0, SPEED)
    assert further.shape == (8,) and not further.any()


def test_frames_of_another_camera_are_refused(track: RebuiltTrack, tmp_path: Path):
    other = read_track(write_drawn_track(tmp_path / "wide", image=(320, 240), shrink=2))
    with pytest.raises(InputError, match=r"frames of 160x120, .* was made of 320x240"):
        localized_starts(other, trials(tmp_path, PrintedTrack().poses(0, 4)))
