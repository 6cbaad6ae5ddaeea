"""`sim2real evaluate --on robot`: the camera is compared with its reference frame before a session."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from envs import make_task
from policies import Policy
from sim2real.checkpoints import save_policy
from sim2real.robots.loopback import Loopback
from sim2real.training.pretrain_config import PretrainConfig
from sim2real.training.pretraining import policy_config

WORDS = ("evaluate", "first", "--on", "robot", "--robot", "loopback", "--move", "--episodes", 1)


def scene() -> np.ndarray:
    """A frame (120, 160, 3) with edges everywhere."""
    random = np.random.default_rng(0)
    picture = np.full((120, 160, 3), 90, np.uint8)
    for _ in range(60):
        at, size = random.integers(0, (160, 120)), random.integers(4, 16, 2)
        colour = tuple(int(each) for each in random.integers(0, 256, 3))
        cv2.rectangle(picture, tuple(map(int, at)), tuple(map(int, at + size)), colour, -1)
    return picture


@pytest.fixture
def shown(workplace: Path, short_lane: str, quick: list[Loopback], monkeypatch: pytest.MonkeyPatch) -> list[np.ndarray]:
    """What the loopback's camera sees: the last frame of this list; and a policy."""
    torch.manual_seed(0)
    policy = Policy(policy_config(make_task(short_lane).spec, PretrainConfig(short_lane, width=4)))
    save_policy(workplace / "first", policy, {}, "# A policy")
    frames, observe = [scene()], Loopback.observe

    def seen(self: Loopback) -> dict[str, Any]:
        flicker = np.random.default_rng().integers(0, 2, (120, 160, 3), np.uint8)  # else the camera would be stalled
        return {**observe(self), "images.front": np.clip(frames[-1], 0, 254) + flicker}

    monkeypatch.setattr(Loopback, "observe", seen)
    return frames


def test_a_camera_that_moved_is_refused_unless_it_is_accepted(
    command: Callable[..., Any], workplace: Path, answers: Callable, shown: list[np.ndarray]
):
    answers("", "s")
    done = command(*WORDS, "--reference", "camera", "--out", "first_session")
    assert done.code == 0 and "reference frame is stored in camera" in done.out, done
    answers("", "s")
    done = command(*WORDS, "--reference", "camera", "--out", "second_session")
    assert done.code == 0 and "the camera stands as it did" in done.out, done
    metrics = json.loads((workplace / "second_session/metrics.json").read_text())
    assert metrics["camera"]["verdict"] == "fine" and metrics["sequential"]["rates"][0]["count"] == 1
    shown.append(np.roll(scene(), 9, axis=1))
    asked = answers("", "s")
    done = command(*WORDS, "--reference", "camera", "--out", "moved")
    assert done.code == 2 and not asked and "the camera moved: the picture by +" in done.err, done
    assert len(done.err.strip().splitlines()) == 1 and "--accept-drift" in done.err
    done = command(*WORDS, "--reference", "camera", "--out", "moved", "--resume", "--accept-drift")
    assert done.code == 0, done
    assert json.loads((workplace / "moved/metrics.json").read_text())["camera"]["verdict"] == "drifted"


def test_only_a_robots_camera_has_a_reference(complains: Callable[[tuple, str], None], shown: list[np.ndarray]):
    complains(("evaluate", "first", "--reference", "camera"), "--reference and --accept-drift are for --on robot")
