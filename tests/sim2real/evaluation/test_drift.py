# pyright: reportAttributeAccessIssue=false
"""How far a camera moved since its reference frame, whatever else changed in front of it."""

import json
import math
from functools import cache
from pathlib import Path

import cv2
import mujoco
import numpy as np
import pytest

from envs import make_task
from envs.camera import Camera
from envs.renderer import POSES, BatchRenderer
from sim2real.errors import InputError
from sim2real.evaluation.drift import (
    DRIFTED,
    FINE,
    TOLERANCE,
    UNKNOWN,
    Drift,
    Reference,
    check_drift,
    load_reference,
    save_reference,
)

FOCAL, WIDTH, HEIGHT = 350.0, 320, 240
pytestmark = pytest.mark.slow  # frames are rendered, features are sought in enlarged ones


@cache
def scene() -> tuple[mujoco.MjModel, BatchRenderer]:
    model = make_task("Push", "rehearsal").model
    lens = Camera(WIDTH, HEIGHT, FOCAL, FOCAL, (WIDTH - 1) / 2, (HEIGHT - 1) / 2)
    return model, BatchRenderer(model, 1, lens, "front", samples=2)


def photograph(
    turn: tuple[float, float, float] = (0, 0, 0),
    step: tuple[float, float, float] = (0, 0, 0),
    cube: tuple[float, float] = (0, 0),
    exposure: float = 1.0,
    seed: int = 1,
) -> np.ndarray:
    """The arm's camera, turned (pitch, yaw, roll) [rad] and moved [m], with a cube moved [m], and new noise."""
    model, renderer = scene()
    data = mujoco.MjData(model)
    (free,) = np.flatnonzero(model.jnt_type == mujoco.mjtJoint.mjJNT_FREE)
    at = model.jnt_qposadr[free]
    data.qpos[at : at + 2] += cube
    mujoco.mj_forward(model, data)
    eye = model.camera("front").id
    data.cam_xmat[eye] = (data.cam_xmat[eye].reshape(3, 3) @ cv2.Rodrigues(np.array(turn, float))[0]).ravel()
    data.cam_xpos[eye] += step
    frame = renderer.render({name: getattr(data, name)[None] for name in POSES}).rgb[0]
    noise = np.random.default_rng(seed).normal(0, 4, frame.shape)
    return np.clip(cv2.GaussianBlur(frame, (0, 0), 0.8) * exposure + noise, 0, 255).astype(np.uint8)


@cache
def reference() -> Reference:
    return Reference(photograph(seed=0), "front", FOCAL, "now")


def check(**changes) -> Drift:
    return check_drift(reference(), photograph(**changes))


def test_a_camera_that_stands_is_fine_whatever_else_changes():
    for changes in ({}, {"cube": (0.06, 0.08)}, {"exposure": 0.5}, {"exposure": 1.4, "cube": (-0.05, 0.0)}):
        drift = check(**changes)
        assert drift.verdict == FINE and drift.largest is not None and drift.largest < 0.8, changes
        assert drift.text.startswith("the camera stands as it did: ") and drift.agreeing >= 12


@pytest.mark.parametrize("pitch", [0.0, -0.025])
@pytest.mark.parametrize("yaw", [0.02, -0.04])
def test_a_turn_is_measured_in_pixels_and_degrees(yaw: float, pitch: float):
    drift = check(turn=(pitch, yaw, 0.0), cube=(0.06, 0.08), exposure=0.7)
    assert drift.verdict == DRIFTED and drift.turn is not None and drift.shift is not None
    assert drift.turn == pytest.approx((yaw, pitch), abs=math.radians(0.1))
    assert drift.shift == pytest.approx((FOCAL * math.tan(yaw), FOCAL * math.tan(pitch)), abs=0.8)
    assert f"{math.degrees(drift.turn[0]):+.1f}° yaw" in drift.text


def test_roll_and_zoom_are_told_from_shift():
    rolled = check(turn=(0, 0, 0.04))
    assert rolled.roll == pytest.approx(0.04, abs=0.003) and rolled.zoom == pytest.approx(1, abs=0.005)
    assert rolled.shift == pytest.approx((0, 0), abs=0.6)
    assert rolled.verdict == DRIFTED and rolled.largest == pytest.approx(0.04 * math.hypot(160, 120), abs=1)
    matrix = cv2.getRotationMatrix2D(((WIDTH - 1) / 2, (HEIGHT - 1) / 2), 0, 1.06)
    enlarged = check_drift(reference(), cv2.warpAffine(photograph(), matrix, (WIDTH, HEIGHT)))
    assert enlarged.zoom == pytest.approx(1.06, abs=0.005) and enlarged.verdict == DRIFTED


def test_a_camera_that_was_moved_sideways_drifted():
    assert check(step=(0.0, 0.01, 0.0)).verdict == DRIFTED


def test_what_is_fine_can_be_chosen():
    frame = photograph(turn=(0, 0.005, 0))  # 1.75 px
    assert check_drift(reference(), frame).verdict == FINE
    assert check_drift(reference(), frame, TOLERANCE / 3).verdict == DRIFTED


def test_without_a_focal_length_there_are_no_degrees():
    drift = check_drift(Reference(reference().frame, "front", None, "now"), photograph(turn=(0, 0.02, 0)))
    assert drift.turn is None and "yaw" not in drift.text and "roll" in drift.text


def test_another_scene_tells_nothing():
    random = np.random.default_rng(0)
    noise = cv2.resize(random.integers(0, 256, (24, 32, 3), np.uint8), (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    black, flipped = np.zeros((HEIGHT, WIDTH, 3), np.uint8), np.ascontiguousarray(photograph()[::-1])
    for frame in (noise, black, flipped, photograph(turn=(0, 0.8, 0))):
        drift = check_drift(reference(), frame)
        assert drift.verdict == UNKNOWN and drift.text.startswith("cannot tell whether the camera moved: ")
        assert drift.largest is None and drift.to_dict()["shift"] is None


def test_one_thing_that_is_seen_again_is_not_the_camera():
    covered = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    covered[:60, 150:210] = photograph()[:60, 150:210]  # a part of the arm
    assert check_drift(reference(), covered).verdict == UNKNOWN


def test_a_reference_survives_being_stored(tmp_path: Path):
    save_reference(tmp_path / "camera", reference().frame, "front", FOCAL)
    stored = load_reference(tmp_path / "camera")
    assert np.array_equal(stored.frame, reference().frame)
    assert (stored.camera, stored.focal) == ("front", FOCAL) and stored.taken
    with pytest.raises(InputError, match=r"the frame is 160 × 120 px, the camera's reference 320 × 240: take a new"):
        check_drift(stored, np.zeros((120, 160, 3), np.uint8))


def test_a_damaged_reference_is_said(tmp_path: Path):
    save_reference(tmp_path, reference().frame, "front")
    assert load_reference(tmp_path).focal is None
    facts, picture = (tmp_path / name for name in ("reference.json", "reference.png"))
    content = facts.read_text()
    facts.write_text(json.dumps({"camera": "front"}))
    with pytest.raises(InputError, match="the reference frame is damaged"):
        load_reference(tmp_path)
    facts.write_text(content.replace("320", "640"))
    with pytest.raises(InputError, match=r"reference\.png is not the frame that reference\.json describes"):
        load_reference(tmp_path)
    facts.write_text(content)
    picture.write_bytes(picture.read_bytes()[:100])
    with pytest.raises(InputError, match="the reference frame is damaged"):
        load_reference(tmp_path)
    picture.unlink()
    with pytest.raises(InputError, match="the reference frame is damaged"):
        load_reference(tmp_path)
    with pytest.raises(InputError):
        load_reference(tmp_path / "none")
