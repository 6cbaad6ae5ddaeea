"""`sim2real adapt --interventions`: what a person commanded when they took control is learned from, too."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from drives import SMALL, new_policy, record_drives, record_interventions
from sim2real.checkpoints import save_policy
from sim2real.progress import no_stages
from sim2real.transfer.adapt_config import AdaptConfig
from sim2real.transfer.inputs import read_inputs

torch.set_num_threads(1)
QUICK = ("--plan", "gain", "--updates", 2, "--seeds", 1)


@pytest.fixture
def lane(workplace: Path) -> Path:
    """`lane`, a policy; `learn`; `robot`, in which a person took control for 14 frames."""
    save_policy(workplace / "lane", new_policy(config=SMALL), {}, "# A policy")
    record_drives(workplace / "learn", [14, 20, 16])
    record_interventions(workplace / "robot", [30, 20], 12, 19)
    return workplace


def test_the_persons_frames_are_added_to_those_that_are_learned_from(lane: Path):
    alone, more = (
        read_inputs(AdaptConfig(lane / "lane", str(lane / "learn"), interventions=added), no_stages)
        for added in (None, str(lane / "robot"))
    )
    before, after = alone.material.frames, more.material.frames
    assert len(after) == len(before) + 14 and len(more.readings) == len(alone.readings) + 1
    added = ~np.isin(after.episode, before.episode)
    np.testing.assert_allclose(after.actions[added], np.tile([0.5, 0.3], (14, 1)), atol=1e-6)
    np.testing.assert_array_equal(after.images[~added], before.images)
    assert alone.test is not None and more.test is not None
    np.testing.assert_array_equal(alone.test.images, more.test.images)  # nothing is judged on them


@pytest.mark.slow
def test_a_run_tells_what_it_learned_from(command: Callable[..., Any], lane: Path):
    done = command("adapt", "lane", "learn", "--interventions", "robot", "--out", "run", *QUICK)
    assert done.code == 0 and "robot: 36 frames left out: commanded by the policy" in done.out, done
    assert json.loads((lane / "run/metrics.json").read_text())["interventions"] == str(lane / "robot")


def test_what_cannot_be_learned_from_is_said_in_one_line(complains: Callable[[tuple, str], None], lane: Path):
    words = ("adapt", "lane", "learn", "--out", "run", *QUICK, "--interventions")
    complains((*words, "nowhere"), "no such folder")
    complains((*words, "learn"), "is learned from or judged on already: --interventions takes other recordings")
    record_drives(lane / "drives", [9])
    complains((*words, "drives"), "does not tell which frames a person commanded")
