"""Adapting from the command line: what is printed and written, one line for what cannot be done, and going on."""

import dataclasses
import json
import re
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from drives import CAMERA, SMALL, image_of, new_policy, record_drives, spoil
from sim2real.checkpoints import load_policy, save_policy
from sim2real.datasets import images
from sim2real.statistics.agreement import METRICS
from sim2real.transfer.frames.reading import read_apart
from stopped import stop

torch.set_num_threads(1)
QUICK = ("--updates", 10, "--seeds", 2)
LEAST = ("--updates", 2, "--seeds", 1)


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`learn` and `judge`, a few episodes each, and `policy`, which never learned anything."""
    folder = tmp_path_factory.mktemp("originals")
    record_drives(folder / "learn", [14, 20, 16])
    record_drives(folder / "judge", [12, 18, 15, 13])
    save_policy(folder / "policy", new_policy(), {}, "# A policy")
    return folder


@pytest.fixture(autouse=True)
def made(workplace: Path, originals: Path) -> None:
    """Copies of them, where the commands run."""
    shutil.copytree(originals, workplace, dirs_exist_ok=True)


def left(folder: Path) -> dict:
    return json.loads((folder / "metrics.json").read_text())


@pytest.mark.slow
def test_the_candidates_are_compared_and_all_is_written(command: Callable[..., Any], workplace: Path):
    done = command("adapt", "policy", "learn", "--test", "judge", "--curve", "20,50", "--out", "run", *QUICK)
    assert done.code == 0 and done.err == "", done
    metrics = left(workplace / "run")
    assert set(metrics["candidates"]) == {"zero-shot", "gain", "scratch", "sensor-shift"}
    for candidate in metrics["candidates"].values():
        assert set(candidate["test"]) == set(METRICS)
        assert all(set(figure) == {"value", "low", "high"} for figure in candidate["test"].values())
    assert metrics["plan"] == "sensor-shift" and metrics["frames"] == 50 and metrics["episodes"] == 3
    assert metrics["test_frames"] == 58 and metrics["test_episodes"] == 4 and metrics["smoothing"] == 0.25
    assert set(metrics["curve"]) == {"20", "50"} and set(metrics["curve"]["50"]) == set(metrics["candidates"])
    for name, each in metrics[
        "candidates"
    ].items():  # the curve has the mean over the seeds, which are named one by one here
        for metric, values in each["seeds"].items():
            curve = metrics["curve"]["50"][name]["test"][metric]["value"]
            assert len(values) == (1 if name == "zero-shot" else 2) and sum(values) / len(values) == pytest.approx(
                curve
            )
    assert metrics["promoted"] == (metrics["output"] == "sensor-shift")
    assert ("PROMOTED" if metrics["promoted"] else "not promoted") in done.out and "± 0.25 s" in done.out
    page = (workplace / "run" / "report.html").read_text()
    assert "scratch" in page and "sim2real adapt policy learn" in page and "<script" not in page
    assert load_policy(workplace / "run" / "policy").config == SMALL


@pytest.mark.slow
@pytest.mark.parametrize("plan", ["gain", "feature-extraction", "top-layers", "full", "generic-features", "scratch"])
def test_every_plan_runs(command: Callable[..., Any], workplace: Path, plan: str):
    done = command("adapt", "policy", "learn", "--plan", plan, "--out", "run", *LEAST)
    assert done.code == 0 and done.err == "", done
    assert plan in left(workplace / "run")["candidates"]


@pytest.mark.slow
def test_of_one_episode_it_is_said_what_cannot_be_validated(command: Callable[..., Any], workplace: Path):
    done = command("adapt", "policy", "learn[1]", "--out", "run", *LEAST)
    assert done.code == 0 and "nothing could be held out (a single block, and no --test)" in done.out
    metrics = left(workplace / "run")
    assert not metrics["promoted"] and metrics["candidates"] == {} and metrics["episodes"] == 1


@pytest.mark.slow
def test_the_output_is_fitted_to_all_episodes_and_what_was_judged_is_kept(command: Callable[..., Any], workplace: Path):
    record_drives(workplace / "many", [12] * 30)
    wild = new_policy()  # never learned, and does best to do next to nothing
    wild.heads.action.fold(torch.full((2,), 3.0), torch.zeros(2))
    save_policy(workplace / "wild", wild, {}, "# A policy")
    done = command("adapt", "wild", "many", "--plan", "gain", "--out", "run", *QUICK)
    assert done.code == 0 and done.err == "", done
    metrics = left(workplace / "run")
    assert metrics["output"] == "gain" and metrics["refitted"] == {"frames": 360, "episodes": 30}
    assert "fitted again to all 30 episodes" in " ".join(done.out.split())
    page = (workplace / "run" / "report.html").read_text()
    assert "fitted again to all 30 episodes" in page
    assert "fitted again to all 30 episodes" in (workplace / "run" / "policy" / "README.md").read_text()
    apart = f"many[{','.join(map(str, metrics['judged_on']))}]"
    again = command("evaluate", "run/judged", "--dataset", apart, "--out", "check")
    assert again.code == 0, again
    figures = left(workplace / "check")["candidates"]["policy"]["many"]
    assert figures["mae"]["value"] == pytest.approx(metrics["candidates"]["gain"]["test"]["mae"]["value"], abs=1e-5)


@pytest.mark.slow
def test_damaged_images_are_left_out_and_counted(command: Callable[..., Any], workplace: Path):
    jpeg = images.encode(image_of(0, 3), ".jpg")
    spoil(workplace / "learn", 0, 3, CAMERA, {"bytes": b"\x89PNG nothing", "path": "x.png"})
    done = command("adapt", "policy", "learn", "--test", "judge", "--out", "run", *LEAST)
    assert len(jpeg) and done.code == 0 and "learn: 1 frames left out: damaged image" in done.out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("nowhere", "learn"), "no checkpoint folder"),
        (("policy", "nowhere"), "nowhere"),
        (("policy", "learn", "--test", "nowhere"), "nowhere"),
        (("policy", "learn", "--test", "learn[1:]"), "episodes 1, 2 of"),
        (("policy", "learn", "--plan", "full", "--candidates", "full"), "'full' is listed twice"),
        (("policy", "learn", "--plan", "gain", "--rates", "head=1"), "gain is a control"),
        (("policy", "learn", "--cotrain", 0.5), "cotrain needs simulated frames"),
        (("policy", "learn[7:9]"), "selects none of the 3 episodes"),
        (
            ("policy", "learn", "--plan", "sensor-shfit"),
            "no plan 'sensor-shfit'; did you mean sensor-shift? (`sim2real adapt --help` describes the plans)",
        ),
        (("policy", "learn", "--plan", "nowhere.toml:x"), "cannot read plans from nowhere.toml"),
        (("policy", "learn", "--candidates", "full,fulll"), "no plan 'fulll'"),
        (("policy", "learn", "--curve", "50,many"), "--curve must be numbers with commas between"),
        (("policy", "learn", "--frames", 0), "frames must be at least 1"),
        (("policy", "learn", "--seeds", 0), "seeds must be at least 1"),
        (("policy", "learn", "--cotrain", 2), "cotrain must be in"),
        (("policy", "learn", "--rates", "stem:1"), "rates must be like stem=1,head=0.1"),
        (("policy", "learn", "--rates", "steam=1"), "no part 'steam'"),
        (("policy", "learn", "--unlabelled", "nowhere"), "unlabelled frames need simulated ones"),
        (("policy", "learn", "--plan", "unlabelled"), "plan 'unlabelled' needs recordings without actions: add"),
    ],
)
def test_what_cannot_be_adapted_is_said_in_one_line(command: Callable[..., Any], workplace: Path, words, message):
    done = command("adapt", *words, "--out", "run", *(() if "--seeds" in words else QUICK))
    assert done.code == 2 and message in done.err and len(done.err.strip().splitlines()) == 1, done
    assert not (workplace / "run").exists()


def test_a_camera_that_is_not_there_is_answered_with_those_that_are(command: Callable[..., Any], workplace: Path):
    record_drives(workplace / "side", [12, 12], cameras=("observation.images.side", "observation.images.back"))
    done = command("adapt", "policy", "side", "--out", "run", *QUICK)
    assert done.code == 2 and "'front'" in done.err and "observation.images.side, observation.images.back" in done.err


def test_an_action_that_is_no_number_is_pointed_out(command: Callable[..., Any], workplace: Path):
    spoil(workplace / "learn", 1, 5, "action", [float("nan"), 0.1])
    done = command("adapt", "policy", "learn", "--out", "run", *QUICK)
    assert done.code == 2 and "steering is not a number in frame 5 of episode 1" in done.err
    assert not (workplace / "run").exists()


@pytest.mark.slow
def test_images_of_another_size_are_resized_and_that_is_said_once(command: Callable[..., Any], workplace: Path):
    record_drives(workplace / "wide", [14, 20], size=(120, 240))
    done = command("adapt", "policy", "wide", "--out", "run", *LEAST)
    assert done.code == 0 and done.out.count("stretched") == 1, done


@pytest.mark.slow
def test_a_finished_run_is_not_begun_anew(command: Callable[..., Any], workplace: Path):
    words = ("adapt", "policy", "learn", "--out", "run", *LEAST)
    assert command(*words).code == 0
    before = left(workplace / "run")
    assert "exists" in command(*words).err
    again = command(*words, "--resume")
    assert again.code == 0 and "nothing to resume" in again.out and left(workplace / "run") == before


@pytest.mark.slow
def test_a_killed_adaptation_goes_on_where_it_was(command: Callable[..., Any], workplace: Path):
    words = ("adapt", "policy", "learn", "--test", "judge", "--out", "run", *LEAST)
    code, _, err = stop(words, "*/checkpoints/s*-*-[0-9]", 2, signal.SIGKILL, workplace)
    assert code == -signal.SIGKILL and not (workplace / "run" / "metrics.json").exists(), err
    done_before = {path: path.stat().st_mtime_ns for path in (workplace / "run" / "checkpoints").glob("*-[0-9]")}
    assert len(done_before) == 2 and "gain-50-0" in {path.name for path in done_before}
    done = command(*words, "--resume")
    assert done.code == 0 and done.err == "", done
    assert all(path.stat().st_mtime_ns == then for path, then in done_before.items())
    resumed = left(workplace / "run")
    uninterrupted = command(*["whole" if word == "run" else word for word in words])
    assert uninterrupted.code == 0
    for name, each in left(workplace / "whole")["candidates"].items():
        assert each["test"]["mae"]["value"] == pytest.approx(
            resumed["candidates"][name]["test"]["mae"]["value"], abs=1e-5
        )


@pytest.mark.slow
@pytest.mark.usefixtures("few_simulated", "short_lane")
def test_a_policy_of_a_known_task_is_probed_and_its_plan_chosen(command: Callable[..., Any], workplace: Path):
    policy = new_policy(config=dataclasses.replace(SMALL, task="LaneFollow"))
    save_policy(workplace / "lane", policy, {}, "# A policy")
    probed = command("probe", "lane", "learn", "--out", "probed", "--simulated", 100)
    assert probed.code == 0 and probed.err == "" and "recommended: " in probed.out
    metrics = left(workplace / "probed")
    assert set(metrics["shift"]) == {"stem", "stage1", "stage2", "stage3", "stage4"}
    assert all(metrics["shift"][stage] > metrics["usual"][stage] for stage in ("stem", "stage1"))
    assert set(metrics["gradients"]) == {*metrics["shift"], "head"}
    done = command("adapt", "lane", "learn", "--test", "judge", "--plan", "auto", "--out", "run", *QUICK)
    assert done.code == 0 and done.err == "" and "auto: " in done.out
    chosen = left(workplace / "run")["auto"]
    losses = {name: expected["loss"] for name, expected in chosen["expected"].items()}
    assert set(losses) == {"sensor-shift", "strange-place", "scratch"} and set(chosen["errors"]) <= {"gain", *losses}
    assert chosen["candidate"] == min(losses | {"gain": 1.0}, key=lambda name: (losses | {"gain": 1.0})[name])
    assert chosen["plan"] in ("sensor-shift", "strange-place") and chosen["errors"]
    assert "How far the recordings are from simulation" in (workplace / "run" / "report.html").read_text()


@pytest.mark.slow
def test_a_full_disk_is_said_in_one_line_and_what_was_done_is_kept(
    command: Callable[..., Any], workplace: Path, small_disk: Callable[..., Any]
):
    words = ("adapt", "policy", "learn", "--test", "judge", "--out", "run", "--updates", 5, "--seeds", 1)
    with small_disk(8192):
        done = command(*words)
    assert done.code == 2 and "File too large" in done.err and len(done.err.splitlines()) == 1, done
    assert not (workplace / "run" / "policy").exists() and not (workplace / "run" / "metrics.json").exists()
    assert not list((workplace / "run" / "checkpoints").glob("*-[0-9]"))  # nothing half-written
    assert command(*words, "--resume").code == 0  # once there is room again


def test_typical_frames_are_not_the_worst_and_every_output_says_what_is_independent(
    command: Callable[..., Any], workplace: Path
):
    done = command("adapt", "policy", "learn", "--test", "judge", "--out", "run", "--updates", 3, "--seeds", 1)
    assert done.code == 0, done
    page = (workplace / "run" / "report.html").read_text()
    worst, typical = (
        [abs(float(a) - float(p)) for a, p in re.findall(r"([+-]\d\.\d\d), policy ([+-]\d\.\d\d)", part)]
        for part in page.split("Worst frames")[1].split("Typical frames")
    )
    assert 1 <= len(typical) <= 8 and max(typical) < max(worst) and np.median(typical) < 0.8 * np.median(worst)
    said = "4 episodes (each episode counts as a session)"
    assert said in page and said in done.out and f"judged over {said}" in left(workplace / "run")["reason"]
    assert left(workplace / "run")["unit"]["count"] == 4
    assert said in (workplace / "run" / "policy" / "README.md").read_text()


def test_pieces_of_one_drive_are_judged_by_blocks_of_time(command: Callable[..., Any], workplace: Path):
    """Twelve episodes of 9 s of one session are not twelve of anything."""
    record_drives(workplace / "drive", [180] * 12, size=(24, 32), session="22-11-11_0")
    words = ("--plan", "gain", "--updates", 3, "--seeds", 1)
    done = command("adapt", "policy", "drive", "--out", "run", *words)
    metrics = left(workplace / "run")
    assert done.code == 0 and metrics["unit"]["kind"] == "block" and metrics["unit"]["blocks"]["seconds"] == 30
    assert metrics["unit"]["count"] < 6 and "of 30 s of 1 session" in metrics["reason"] and not metrics["promoted"]
    lost = 12 * 180 - metrics["frames"] - metrics["test_frames"]
    assert 40 <= lost <= 4 * 80  # two seconds on both sides of a split
    by_hand, _ = read_apart("drive[0:6]", "drive[6:]", SMALL, 0.25)
    assert [len(frames) for frames in by_hand] == [6 * 180 - 40, 6 * 180 - 40]
