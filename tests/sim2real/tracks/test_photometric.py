"""Calibration from pairs of frames of a car that nods, drawn with a known camera."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from printed_track import NOMINAL, PrintedTrack
from sim2real.calibration.judge import disagreement
from sim2real.tracks.photometric.fit import NONE, begun, fit
from sim2real.tracks.photometric.optics import PARAMETERS, STEPS, Optics
from sim2real.tracks.photometric.patches import compared, grey
from sim2real.tracks.photometric.softness import softness
from sim2real.tracks.photometric.warping import MOTION, Grid, Pair, flow, matched
from sim2real.tracks.poses import applied, relative

NODDING = 0.01  # rad, standard deviation
BLUR = 1.3  # px
TRUE = Optics(NOMINAL.camera, NOMINAL.x, NOMINAL.height, NOMINAL.pitch, soft=(BLUR, BLUR))
LENS = np.array([name in ("focal", "cx", "cy", "pitch") for name in PARAMETERS])


def pairs_of(count: int, nodding: float = 0.0, apart: int = 3) -> tuple[list[Pair], np.ndarray]:
    """Return pairs of frames, 8 cm apart each, and their nods (n, 2) rad."""
    track, nods = PrintedTrack(), np.random.default_rng(1).normal(0, 1, (count, 2)) * nodding
    pairs = []
    for k, both in enumerate(nods):
        poses = track.poses(40 * k, apart + 3)[[1, apart + 1]]
        mounts = [replace(NOMINAL, pitch=NOMINAL.pitch + nod) for nod in both]
        first, second = (track.frame(*each, finer=3, blur=BLUR) for each in zip(poses, mounts, strict=True))
        pairs.append(Pair(first, second, relative(poses[0], poses[1]), k, (0, k, k + apart)))
    return pairs, nods


@pytest.mark.parametrize("nod", [-0.03, 0.0, 0.02])
def test_a_nod_is_a_pitch(nod: float):
    pixels = np.array([[60.0, 80.0], [100.0, 110.0], [30.0, 70.0]])
    pitched = replace(TRUE, pitch=TRUE.pitch + nod).on_ground(pixels)
    assert TRUE.level(TRUE.on_ground(pixels), nod) == pytest.approx(pitched, abs=1e-9)
    assert TRUE.level(TRUE.level(pitched, -nod), nod) == pytest.approx(pitched, abs=1e-9)


@pytest.mark.parametrize("name", [*PARAMETERS, *MOTION])
def test_flow_is_how_pictures_move(name: str):
    """What a changed camera or motion shows at a pixel, the unchanged one shows where flow says."""
    grid, motion = Grid.of(TRUE, np.ones(7, bool)), np.array([0.2, 0.01, 0.06, 0.004, -0.003])
    points = np.array([80 * 160 + 60, 90 * 160 + 100, 70 * 160 + 80])
    at = np.stack([points % 160, points // 160], -1).astype(float)

    def seen(optics: Optics, motion: np.ndarray, pixels: np.ndarray) -> np.ndarray:
        there = applied(motion[:3], optics.level(optics.on_ground(pixels), motion[4]))
        return optics.pixels(optics.level(there, -motion[3]))

    k = [*PARAMETERS, *MOTION].index(name)
    step = 10 * STEPS[k] if name in PARAMETERS else 1e-3
    optics = TRUE.moved(step * (np.arange(7) == k)) if name in PARAMETERS else TRUE
    moved = motion + step * (np.arange(7, 12) == k)
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
def test_a_car_that_nods_does_not_bend_the_camera():
    pairs, nods = pairs_of(20, NODDING)
    start = TRUE.moved(np.array([0.03, 1.0, 1.0, 0, 0, np.radians(1), 0]))
    found = fit(pairs, start, LENS)
    away = found.optics.values() - TRUE.values()
    assert abs(away[0]) < 0.01 and np.abs(away[1:3]).max() < 1 and abs(away[5]) < np.radians(0.3)
    seen, true = (each[:, 1] - each[:, 0] for each in (found.motions[:, 3:], nods))
    assert np.corrcoef(seen, true)[0, 1] > 0.95
    assert np.median(disagreement(pairs, found.optics)) < 0.7 * np.median(disagreement(pairs, start))


@pytest.mark.slow
def test_blur_is_found():
    pairs, _ = pairs_of(8)
    assert softness(pairs, replace(TRUE, soft=(1.0, 1.0))) == pytest.approx((BLUR, BLUR), rel=0.35)
