"""Adapting with recordings without actions, from the command line."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from drives import SMALL, new_policy, record_drives
from policies.policy import PolicyConfig
from sim2real.checkpoints import load_policy, save_policy
from sim2real.datasets import EpisodeDataset
from sim2real.transfer.frames.reading import read_images, read_recordings

torch.set_num_threads(1)
QUICK = ("--plan", "gain", "--updates", 2, "--seeds", 1)
LANE: PolicyConfig = dataclasses.replace(SMALL, task="LaneFollow")


@pytest.fixture
def lane(workplace: Path) -> Path:
    """`lane`, a policy; `learn` with actions; `images` with another column in place of the actions."""
    save_policy(workplace / "lane", new_policy(config=LANE), {}, "# A policy")
    record_drives(workplace / "learn", [14, 20, 16])
    record_drives(workplace / "images", [40, 50], names=("battery",))
    return workplace


def errors_of(run: Path) -> dict[str, float]:
    """Return the gain-free error of each candidate."""
    candidates = json.loads((run / "metrics.json").read_text())["candidates"]
    return {name: figures["test"]["gain_free_mae"]["value"] for name, figures in candidates.items()}


@pytest.mark.slow
@pytest.mark.usefixtures("few_simulated", "short_lane")
def test_images_alone_add_a_candidate_that_can_be_handed_out(
    command: Callable[..., Any], lane: Path, monkeypatch: pytest.MonkeyPatch
):
    done = command("adapt", "lane", "learn", "--unlabelled", "images", "--out", "run", *QUICK)
    assert done.code == 0 and done.err == "", done
    assert "to align with, without actions: 90 frames, 2 episodes" in " ".join(done.out.split())
    errors = errors_of(lane / "run")
    assert set(errors) == {"zero-shot", "gain", "scratch", "unlabelled"}
    assert errors["gain"] != pytest.approx(errors["unlabelled"], abs=1e-3)
    page = (lane / "run" / "report.html").read_text()
    assert "aligned with recorded frames" in page and str(lane / "images") in page
    aligned = load_policy(next((lane / "run" / "checkpoints").glob("unlabelled-*")))
    before = new_policy(config=LANE).state_dict()
    changed = {name for name, value in aligned.state_dict().items() if not value.equal(before[name])}
    norms = {f"encoder.stages.{name}.1.{kind}" for name in ("stem", "stage1.0") for kind in ("weight", "bias")}
    assert norms <= changed <= norms | {"heads.action.gain", "heads.action.offset"}

    # As a plan of its own it is what the control is, and without the option nothing of it is there.
    chosen = ("--plan", "unlabelled", *QUICK[2:])
    again = command("adapt", "lane", "learn", "--unlabelled", "images", "--out", "again", *chosen)
    assert again.code == 0, again
    assert errors_of(lane / "again")["unlabelled"] == pytest.approx(errors["unlabelled"], abs=1e-4)
    assert command("adapt", "lane", "learn", "--out", "without", *QUICK).code == 0
    assert errors_of(lane / "without") == pytest.approx(
        {name: error for name, error in errors.items() if name != "unlabelled"}, abs=1e-4
    )


@pytest.mark.usefixtures("few_simulated", "short_lane")
def test_what_cannot_be_aligned_with_is_said_in_one_line(command: Callable[..., Any], lane: Path):
    record_drives(lane / "side", [80], cameras=("observation.images.side",))
    record_drives(lane / "short", [63])
    record_drives(lane / "judge", [80])
    for words, message in (
        (("nowhere",), "nowhere"),
        (("side",), "cameras"),
        (("short",), "short has 63 frames to align with"),
        (("judge", "--test", "judge"), "judge has 0 frames to align with, apart from those for testing"),
    ):
        done = command("adapt", "lane", "learn", "--unlabelled", *words, "--out", "run", *QUICK)
        assert done.code == 2 and message in done.err and len(done.err.strip().splitlines()) == 1, done
        assert not (lane / "run").exists()


def test_test_frames_and_those_near_them_are_not_aligned_with(workplace: Path):
    record_drives(workplace / "drive", [180] * 4, size=(24, 32), session="22-11-11_0")
    record_drives(workplace / "other", [180] * 4, size=(24, 32), session="22-11-11_0")
    test, _ = read_recordings("drive[2]", SMALL, 0.25)
    kept, _ = read_images("drive", "drive", test, SMALL)
    assert sorted(set(kept.episode.tolist())) == [0, 1, 3]
    assert len(kept) == 3 * 180 - 2 * 40  # two seconds before and after the test
    elsewhere, reading = read_images("other", "drive", test, SMALL)
    assert len(elsewhere) == reading.count == 4 * 180
    assert len(EpisodeDataset.open("drive")) == 4
