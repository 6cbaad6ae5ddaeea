"""Calibration from pairs of frames of a car that nods, drawn with a known camera."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from printed_track import NOMINAL, PrintedTrack, record_track
from sim2real.calibration.judge import disagreement
from sim2real.calibration.turns import scale_of_turns
from sim2real.datasets import EpisodeDataset
from sim2real.tracks.photometric.fit import NONE, begun, fit
from sim2real.tracks.photometric.optics import PARAMETERS, STEPS, Optics
from sim2real.tracks.photometric.patches import compared, grey
from sim2real.tracks.photometric.softness import softness
from sim2real.tracks.photometric.warping import MOTION, Grid, Pair, flow, matched
from sim2real.tracks.poses import applied, relative

NODDING = 0.01  # rad, standard deviation of nods and of leans
BLUR = 1.3  # px
TRUE = Optics(NOMINAL.camera, NOMINAL.x, NOMINAL.height, NOMINAL.pitch, soft=(BLUR, BLUR))
LENS = np.array([name in ("focal", "cx", "cy", "pitch") for name in PARAMETERS])


def pairs_of(count: int, tilting: float = 0.0, apart: int = 3) -> tuple[list[Pair], np.ndarray]:
    """Return pairs of frames, 8 cm apart each, and their tilts (n, 4) rad: nods of both, leans of both."""
    track, tilts = PrintedTrack(), np.random.default_rng(1).normal(0, 1, (count, 4)) * tilting
    pairs = []
    for k, each in enumerate(tilts):
        poses = track.poses(40 * k, apart + 3)[[1, apart + 1]]
        both = zip(each[:2], each[2:], strict=True)
        mounts = [replace(NOMINAL, pitch=NOMINAL.pitch + nod, roll=NOMINAL.roll + lean) for nod, lean in both]
        first, second = (track.frame(*each, finer=3, blur=BLUR) for each in zip(poses, mounts, strict=True))
        pairs.append(Pair(first, second, relative(poses[0], poses[1]), k, (0, k, k + apart)))
    return pairs, tilts


@pytest.mark.parametrize(("nod", "lean"), [(-0.03, 0.0), (0.0, 0.04), (0.02, -0.03)])
def test_a_tilt_is_one_of_the_mount(nod: float, lean: float):
    pixels = np.array([[60.0, 80.0], [100.0, 110.0], [30.0, 70.0]])
    tilted = replace(TRUE, pitch=TRUE.pitch + nod, roll=TRUE.roll + lean).on_ground(pixels)
    apparent = TRUE.on_ground(pixels)
    assert TRUE.level(apparent, nod, lean) == pytest.approx(tilted, abs=1e-9)
    assert TRUE.apparent(tilted, nod, lean) == pytest.approx(apparent, abs=1e-9)
    slight = TRUE.tilting(apparent) @ (0.01 * np.array([nod, lean]))
    assert TRUE.level(apparent, 0.01 * nod, 0.01 * lean) - apparent == pytest.approx(slight, rel=0.01, abs=1e-7)


@pytest.mark.parametrize("name", [*PARAMETERS, *MOTION])
def test_flow_is_how_pictures_move(name: str):
    """What a changed camera or motion shows at a pixel, the unchanged one shows where flow says."""
    grid, motion = Grid.of(TRUE, np.ones(7, bool)), np.array([0.2, 0.01, 0.06, 0.004, -0.003, 0.01, -0.02])
    points = np.array([80 * 160 + 60, 90 * 160 + 100, 70 * 160 + 80])
    at = np.stack([points % 160, points // 160], -1).astype(float)

    def seen(optics: Optics, motion: np.ndarray, pixels: np.ndarray) -> np.ndarray:
        there = applied(motion[:3], optics.level(optics.on_ground(pixels), motion[4], motion[6]))
        return optics.pixels(optics.apparent(there, motion[3], motion[5]))

    k = [*PARAMETERS, *MOTION].index(name)
    step = 10 * STEPS[k] if name in PARAMETERS else 1e-3
    optics = TRUE.moved(step * (np.arange(7) == k)) if name in PARAMETERS else TRUE
    moved = motion + step * (np.arange(7, 14) == k)
    shift = step * flow(grid, points, motion)[:, :, k]
    assert np.abs(shift).max() > 1e-4
    assert seen(optics, moved, at) == pytest.approx(seen(TRUE, motion, at + shift), abs=0.05 * np.abs(shift).max())


def test_matched_frames_are_equally_sharp():
    (pair, *_), _ = pairs_of(1, apart=5)
    grid, motion = Grid.of(TRUE, NONE), begun([pair])[0]
    images = grey(pair.first), grey(pair.second)
    here, there, known = matched(grid, *images, motion)
    blunt = Grid.of(replace(TRUE, soft=(0.05, 0.05)), NONE)
    plain = matched(blunt, *images, motion)
    assert known.mean() > 0.2

    def unlike(both: tuple[np.ndarray, ...]) -> float:
        """Differences' share of the slopes, as a blur more would lessen both."""
        inside = known > 0.5
        return float(np.std((both[0] - both[1])[inside]) / np.std(cv2.Sobel(both[1], cv2.CV_32F, 1, 0)[inside]))

    assert unlike((here, there)) < 0.6 * unlike(plain)


def test_shading_does_not_move_the_ground():
    (pair, *_), _ = pairs_of(1)
    grid, motion = Grid.of(TRUE, NONE), begun([pair])[0]
    x, y = np.meshgrid(np.linspace(-1, 1, 160), np.linspace(-1, 1, 120))
    shade = (1 - 0.2 * (x**2 + y**2)).astype(np.float32)
    first, second = grey(pair.first), grey(pair.second)
    plain, shaded = (compared(grid, first * s, second * s, motion, 0.5) for s in (np.float32(1), shade))
    moved = replace(pair, motion=motion[:3] + np.array([0.01, 0, 0]))
    astray = compared(grid, first, second, begun([moved])[0], 0.5)
    assert plain.pixels < 0.1 and shaded.pixels < 0.3 < 0.6 < astray.pixels


@pytest.mark.slow
def test_a_car_that_nods_and_leans_does_not_bend_the_camera():
    pairs, tilts = pairs_of(20, NODDING)
    start = TRUE.moved(np.array([0.03, 1.0, 1.0, 0, 0, np.radians(1), 0]))
    found = fit(pairs, start, LENS)
    away = found.optics.values() - TRUE.values()
    assert abs(away[0]) < 0.01 and np.abs(away[1:3]).max() < 1 and abs(away[5]) < np.radians(0.3)
    for k in (0, 2):
        seen, true = (each[:, k + 1] - each[:, k] for each in (found.motions[:, 3:], tilts))
        assert np.corrcoef(seen, true)[0, 1] > 0.95
    assert np.median(disagreement(pairs, found.optics)) < 0.85 * np.median(disagreement(pairs, start))


@pytest.mark.slow
def test_what_laps_tell_of_turns_tells_the_lens():
    pairs, _ = pairs_of(12)
    told = {by: [replace(pair, turned=by * float(pair.motion[2])) for pair in pairs] for by in (0.9, 1.0, 1.1)}
    focal = {by: np.exp(fit(each, TRUE, LENS).optics.values()[0]) for by, each in told.items()}
    assert focal[1.0] == pytest.approx(TRUE.camera.fx, rel=0.003)
    assert focal[1.1] < focal[1.0] < focal[0.9]  # the same picture, and a larger turn: a shorter lens


def test_laps_are_whole_turns(tmp_path: Path):
    dataset = EpisodeDataset.open(record_track(tmp_path / "oval", [PrintedTrack().poses(0, 160)]))
    longer = TRUE.moved(np.array([0.06, 0, 0, 0, 0, 0, 0]))  # that the car seems to turn less with
    true, long = scale_of_turns(dataset, TRUE), scale_of_turns(dataset, longer)
    assert true is not None and long is not None
    assert true == pytest.approx(1, abs=0.02) and long > true + 0.02
    short = EpisodeDataset.open(record_track(tmp_path / "short", [PrintedTrack().poses(0, 60)]))
    assert scale_of_turns(short, TRUE) is None


@pytest.mark.slow
def test_blur_is_found():
    pairs, _ = pairs_of(8)
    assert softness(pairs, replace(TRUE, soft=(1.0, 1.0))) == pytest.approx((BLUR, BLUR), rel=0.35)
