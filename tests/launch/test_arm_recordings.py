"""The same commands on recordings of an arm: it is told a state, and all of its joints are judged."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import torch

from arms import arm_config, record_arm
from drives import new_policy, record_drives, spoil
from envs import make_task
from sim2real.checkpoints import load_policy, save_policy

torch.set_num_threads(1)
JOINTS = make_task("Reach").spec.action_names


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recordings")
    record_arm(folder / "learn", [14, 20, 16])
    record_arm(folder / "judge", [12, 18, 15, 13], seed=7)
    save_policy(folder / "policy", new_policy(config=arm_config()), {}, "# A policy")
    return folder


def left(folder: Path) -> dict:
    return json.loads((folder / "metrics.json").read_text())


@pytest.mark.slow
@pytest.mark.usefixtures("few_simulated")
def test_an_arms_policy_is_adapted_and_judged_by_all_joints(
    command: Callable[..., Any], workplace: Path, recordings: Path
):
    words = ("--test", recordings / "judge", "--plan", "full", "--cotrain", 0.2, "--updates", 5, "--seeds", 1)
    done = command("adapt", recordings / "policy", recordings / "learn", *words, "--out", "run")
    assert done.code == 0 and done.err == "", done
    metrics = left(workplace / "run")
    assert metrics["judged"] == list(JOINTS) == list(metrics["actions"]) and metrics["smoothing"] == 0.1
    assert set(metrics["candidates"]) == set(metrics["actions"]["gripper"]) == {"zero-shot", "gain", "scratch", "full"}
    measured = {"correlation", "mae", "rmse"}
    assert all(set(candidate["test"]) == measured for candidate in metrics["candidates"].values())
    assert metrics["test_frames"] == 58 and "± 0.1 s" in done.out and "6 actions together" in done.out
    assert set(metrics["align"]) == {"right_px", "down_px", "zoom", "roll_deg"} and metrics["align"]["zoom"] != 1
    page = (workplace / "run/report.html").read_text()
    assert "objects appear" in page and "objects appear" in done.out
    assert "Action by action" in page and "elbow_flex" in page and "± 0.1 s" in page
    assert load_policy(workplace / "run/policy").config == arm_config()


@pytest.mark.slow
@pytest.mark.usefixtures("few_simulated")
def test_no_new_head_is_chosen_that_is_told_the_state(command: Callable[..., Any], workplace: Path, recordings: Path):
    words = ("--test", recordings / "judge", "--updates", 5, "--seeds", 1)
    done = command("adapt", recordings / "policy", recordings / "learn", *words, "--out", "run")
    assert done.code == 0, done
    metrics = left(workplace / "run")
    assert set(metrics["auto"]["expected"]) == {"sensor-shift"} and metrics["output"] != "scratch"


@pytest.mark.slow
def test_an_arms_policy_is_compared_with_recordings(command: Callable[..., Any], workplace: Path, recordings: Path):
    done = command("evaluate", recordings / "policy", "--dataset", recordings / "judge", "--out", "run", "--smooth", 0)
    assert done.code == 0 and done.err == "", done
    metrics = left(workplace / "run")
    assert metrics["action"] == "all 6 actions" and list(metrics["further_actions"]) == list(JOINTS)
    assert "gain" not in metrics and set(metrics["further_actions"]["gripper"]["gain"]) == {"gain", "offset"}
    assert metrics["smoothing"] == 0 and "all 6 actions" in done.out
    names = pq.read_table(workplace / "run/predictions.parquet").column_names
    assert names[2:4] == ["actual_shoulder_pan", "predicted_shoulder_pan"] and len(names) == 14
    assert "elbow_flex" in (workplace / "run/report.html").read_text()


@pytest.mark.slow
@pytest.mark.usefixtures("few_simulated")
def test_labels_that_no_policy_can_follow_are_reported(command: Callable[..., Any], workplace: Path, recordings: Path):
    record_arm(workplace / "fast", [14, 20, 16])
    spoil(workplace / "fast", 0, 6, "action", [0.0, 0.0, 90.0, 0.0, 0.0, 0.0])
    policy, line = recordings / "policy", "action exceeds the policy's range: shoulder_pan"
    done = command("evaluate", policy, "--dataset", workplace / "fast", "--out", "compared")
    assert done.code == 0 and line in done.out, done
    assert left(workplace / "compared")["saturated"]["elbow_flex"] == 2
    words = ("--test", recordings / "judge", "--plan", "gain", "--updates", 5, "--seeds", 1)
    done = command("adapt", policy, workplace / "fast", *words, "--out", "run")
    assert done.code == 0 and line in done.out, done
    saturated = left(workplace / "run")["saturated"]
    assert saturated["frames"]["elbow_flex"] == 2 and saturated["test_frames"] == {}


@pytest.mark.slow
@pytest.mark.usefixtures("few_simulated")
def test_an_arms_recordings_are_probed(command: Callable[..., Any], workplace: Path, recordings: Path):
    words = (recordings / "policy", recordings / "learn", "--simulated", 100, "--out", "run")
    done = command("probe", *words)
    assert done.code == 0 and done.err == "", done
    assert left(workplace / "run")["smoothing"] == 0.1 and "recommended: " in done.out


@pytest.mark.parametrize("words", [("adapt", "policy", "set"), ("evaluate", "policy", "--dataset", "set")])
def test_recordings_that_are_not_of_this_arm(complains: Callable[[tuple, str], None], workplace, recordings, words):
    save_policy(workplace / "policy", new_policy(config=arm_config()), {}, "# A policy")
    record_drives(workplace / "set", [4])
    complains((*words, "--out", "run"), "set: action has steering, throttle; so101 has shoulder_pan")


def test_a_measurement_that_is_no_number(complains: Callable[[tuple, str], None], workplace, recordings):
    record_arm(workplace / "set", [5])
    spoil(workplace / "set", 0, 2, "observation.state", [1.0, float("nan"), 3.0, 4.0, 5.0, 6.0])
    words = ("evaluate", recordings / "policy", "--dataset", "set", "--out", "run")
    complains(words, "shoulder_lift.pos is not a number in frame 2 of episode 0")
