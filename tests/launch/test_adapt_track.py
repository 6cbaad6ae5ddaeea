"""Adapting with a rebuilt track from the command line: plans learn from beside its line, and candidates drive on it."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from drawn_track import drawn_drives, write_drawn_track
from drives import SMALL, new_policy, record_drives
from printed_track import record_track
from sim2real.checkpoints import read_config, save_policy

torch.set_num_threads(1)
LEAST = ("--updates", 2, "--seeds", 1, "--laps", 6, "--plan", "top-layers", "--test", "judge", "--out", "run")


@pytest.fixture(autouse=True)
def made(workplace: Path) -> None:
    """Recordings, a policy that never learned anything, and a track."""
    record_drives(workplace / "learn", [14, 20, 16])
    record_drives(workplace / "judge", [12, 18, 15, 13])
    save_policy(
        workplace / "policy", new_policy(config=dataclasses.replace(SMALL, task="LaneFollow")), {}, "# A policy"
    )
    write_drawn_track(workplace / "oval")


@pytest.mark.slow
@pytest.mark.usefixtures("few_simulated", "short_lane")
def test_plans_learn_from_beside_the_line_and_drive(
    command: Callable[..., Any], workplace: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("sim2real.transfer.inputs.RECOVERY", 40)
    done = command("adapt", "policy", "learn", "--track", "oval", *LEAST)
    assert done.code == 0 and done.err == "", done
    metrics = json.loads((workplace / "run" / "metrics.json").read_text())
    laps = metrics["laps"]["candidates"]
    assert set(laps) == {"zero-shot", "top-layers", "gain", "scratch", "recordings-only"} == set(metrics["candidates"])
    assert metrics["laps"]["track"] == "oval" and all(each["laps"] == 6 for each in laps.values())
    fewest = min(each["interventions_per_lap"]["value"] for each in laps.values())
    assert (
        laps[metrics["output"]]["interventions_per_lap"]["value"] == fewest or "none has clearly" in metrics["reason"]
    )
    assert "laps on oval" in done.out and "Laps on oval" in (workplace / "run" / "report.html").read_text()
    # The same plan without these frames learned something else.
    both = (metrics["candidates"][name]["test"]["mae"]["value"] for name in ("top-layers", "recordings-only"))
    assert np.ptp(list(both)) > 0
    assert read_config(workplace / "run" / "policy")["recipe"]["run"]["track"].endswith("oval")


@pytest.mark.slow
@pytest.mark.usefixtures("few_simulated", "short_lane")
def test_driving_elsewhere_teaches_nothing(command: Callable[..., Any], workplace: Path):
    done = command("adapt", "policy", "learn", "--drive-on", "oval", *LEAST)
    assert done.code == 0 and done.err == "", done
    metrics = json.loads((workplace / "run" / "metrics.json").read_text())
    assert set(metrics["laps"]["candidates"]) == {"zero-shot", "top-layers", "gain", "scratch"}
    page = (workplace / "run" / "report.html").read_text()
    assert "Nothing was learned from frames from beside the line of this track" in page


@pytest.mark.slow
@pytest.mark.usefixtures("few_simulated", "short_lane")
def test_the_log_labels_itself(command: Callable[..., Any], workplace: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("sim2real.transfer.inputs.RECOVERY", 40)
    record_track(workplace / "log", drawn_drives())
    done = command("adapt", "policy", "log", "--track", "oval", "--self-labels", *LEAST)
    assert done.code == 0 and done.err == "", done
    assert "no place beside the line" in done.out and "actions not averaged" in done.out, done.out
    metrics = json.loads((workplace / "run" / "metrics.json").read_text())
    assert set(metrics["laps"]["candidates"]) == {"zero-shot", "top-layers", "gain", "scratch", "recordings-only"}
    assert "labelled with pursuit to the track" in (workplace / "run" / "report.html").read_text()
    other = command("adapt", "policy", "learn", "--track", "oval", "--self-labels", *LEAST[:-1], "other")
    assert other.code == 2 and "oval was not rebuilt from" in other.err, other
    assert len(other.err.splitlines()) == 1 and not (workplace / "other").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--self-labels",), "self-labels are those of a rebuilt track: add --track DIR"),
        (("--track", "nowhere"), "nowhere is no rebuilt track"),
        (("--drive-on", "learn"), "learn is no rebuilt track"),
        (("--track", "wide"), "wide has frames of 240x120"),
        (("--track", "limp"), "limp does not know the car's delay"),
        (("--track", "oval", "--laps", 5), "laps must be at least 6, not 5"),
        (("--recovery", 0.3), "add --track DIR"),
        (("--track", "oval", "--recovery", 1.5), "recovery must be in 0…1, not 1.5"),
    ],
)
def test_a_track_that_cannot_be_used_is_said_in_one_line(
    command: Callable[..., Any], workplace: Path, words: tuple[Any, ...], message: str
):
    write_drawn_track(workplace / "wide", image=(240, 120))
    write_drawn_track(workplace / "limp", delay=None)
    done = command("adapt", "policy", "learn", "--out", "run", *words)
    assert done.code == 2 and message in done.err and len(done.err.splitlines()) == 1, done
    assert not (workplace / "run").exists()
