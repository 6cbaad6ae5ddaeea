"""All bad input is one error, whichever package finds it."""

from pathlib import Path

import pytest
import torch

import envs
import sim2real
from policies.encoder import EncoderConfig, VisionEncoder
from sim2real import errors
from sim2real.datasets import EpisodeDataset


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
