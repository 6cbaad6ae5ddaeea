"""All bad input is one error, whichever package finds it."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

import envs
import sim2real
from envs.camera import Camera
from policies.encoder import EncoderConfig, VisionEncoder
from sim2real import errors
from sim2real.datasets import EpisodeDataset, images
from sim2real.files import write_json
from sim2real.recordings import columns
from sim2real.recordings.footage import recorded_frames
from sim2real.reports.page import Report
from sim2real.robots.safety import Limits
from sim2real.statistics.rates import Rate
from sim2real.training.frame_buffer import FrameBuffer
from sim2real.training.losses import multi_task_loss
from sim2real.training.state import save_state
from sim2real.worlds import own_cameras


def test_there_is_one_error_of_bad_input():
    assert sim2real.InputError is errors.InputError
    assert issubclass(errors.DatasetError, errors.InputError) and issubclass(errors.CheckpointError, errors.InputError)


def test_an_unknown_task_is_bad_input():
    with pytest.raises(errors.InputError, match="no task 'Foo'; valid: LaneFollow"):
        envs.make_task("Foo")


def test_an_unknown_stage_of_an_encoder_is_bad_input():
    encoder = VisionEncoder(EncoderConfig("conv", (16, 16), 4, 1))
    with pytest.raises(errors.InputError, match="unknown encoder stage 'steam'"):
        encoder.forward_stages(torch.zeros(1, 3, 16, 16), until="steam")


def test_an_unreadable_dataset_is_bad_input(tmp_path: Path):
    with pytest.raises(errors.InputError, match="no such folder"):
        EpisodeDataset.open(tmp_path / "nowhere")


CAMERA = Camera.from_fov(4, 3, 1.0).to_dict()
ONE = {"a": torch.zeros(1)}
BUGS: dict[str, Callable[[Path], object]] = {
    "NaN in JSON of ours": lambda folder: write_json(folder / "a.json", {"a": math.nan}),
    "a row that does not fit": lambda _: Report("").table(["a"], [[1, 2]]),
    "a picture of floats": lambda _: Report("").picture(np.zeros((2, 2, 3))),
    "a weight without an output": lambda _: multi_task_loss(ONE, ONE, {"b": 1.0}),
    "no label": lambda _: multi_task_loss(ONE, {}, {"a": 1.0}),
    "a label of another shape": lambda _: multi_task_loss(ONE, {"a": torch.zeros(2)}, {"a": 1.0}),
    "a buffer for nothing": lambda _: FrameBuffer(0),
    "samples of several lengths": lambda _: FrameBuffer(1).add({"a": np.zeros(1), "b": np.zeros(2)}),
    "a state with a set": lambda folder: save_state(folder / "state", {"a": {1}}),
    "a state with an array of objects": lambda folder: save_state(folder / "state", {"a": np.array([{}])}),
    "a rate of nothing": lambda _: Rate.of(0, 0),
    "an image of floats": lambda _: images.encode(np.zeros((2, 2, 3))),
    "limits of several lengths": lambda _: Limits(np.zeros(1), np.ones(2), np.ones(2)),
}


@pytest.mark.parametrize("bug", BUGS)
def test_a_mistake_of_the_program_is_not_bad_input(tmp_path: Path, bug: str):
    """So that the command shows where it is, and asks for a report."""
    with pytest.raises((ValueError, TypeError)) as caught:
        BUGS[bug](tmp_path)
    assert not isinstance(caught.value, errors.InputError)


def broken(*_: Any, **__: Any) -> None:
    raise ValueError("operands could not be broadcast together")  # as NumPy says it


def test_a_mistake_behind_a_camera_file_is_not_the_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "camera.json"
    path.write_text("{}")
    monkeypatch.setattr("sim2real.worlds.Camera.from_dict", broken)
    with pytest.raises(ValueError, match="broadcast") as caught:
        own_cameras(envs.make_task("LaneFollow").spec, str(path))
    assert not isinstance(caught.value, errors.InputError)


@pytest.mark.parametrize(
    "content",
    [
        "", "5", "null", "[]", '{"width": 1}', '{"width": ' + 5000 * "1" + "}", b"\xff", {**CAMERA, "width": "4"},
        {**CAMERA, "model": ["pinhole"]}, {**CAMERA, "fx": 10**400}, {**CAMERA, "distortion": 3},
    ],
)  # fmt: skip
def test_a_file_without_a_camera_is_bad_input(tmp_path: Path, content: Any):
    path = tmp_path / "camera.json"
    text = content if isinstance(content, str | bytes) else json.dumps(content)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(errors.InputError, match=r"camera\.json"):
        own_cameras(envs.make_task("LaneFollow").spec, str(path))


def test_a_mistake_behind_a_recording_is_not_the_recordings(monkeypatch: pytest.MonkeyPatch):
    episode = SimpleNamespace(images=broken, index=0)
    dataset: Any = SimpleNamespace(cameras=["front"], episode=lambda k: episode, info={"robot_type": "so101_follower"})
    with pytest.raises(ValueError, match="broadcast"):
        recorded_frames(dataset, 0)
    monkeypatch.setattr(columns, "joint_columns", lambda *_: [])
    monkeypatch.setattr(columns, "find_units", broken)
    with pytest.raises(ValueError, match="broadcast") as caught:
        columns.joints_of(dataset, envs.make_task("Reach"))
    assert not isinstance(caught.value, errors.InputError)
