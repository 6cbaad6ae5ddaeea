"""`sim2real replay`: films, plots and pages of recorded episodes, and one line for what cannot be replayed."""

import importlib.util
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import cv2
import pytest
import torch

from arms import arm_config, record_arm
from drives import new_policy, record_drives, spoil
from sim2real.checkpoints import save_policy

torch.set_num_threads(1)
RERUN = importlib.util.find_spec("rerun") is not None


@pytest.fixture(autouse=True)
def made(workplace: Path) -> Path:
    """`set`, three episodes, and `policy`, which never learned anything."""
    record_drives(workplace / "set", [8, 30, 12])
    save_policy(workplace / "policy", new_policy(), {}, "# A policy")
    return workplace


@pytest.mark.slow
def test_episodes_are_filmed_and_told_of(command: Callable[..., Any], workplace: Path):
    words = ("--episode", "1,0", "--on", "policy", "--checkpoint", "policy", "--out", "run", "--worst", "2")
    done = command("replay", "set", *words)
    assert done.code == 0 and done.err == ""
    names = [f"episode-00{k}{end}" for k in (0, 1) for end in ("-worst.png", ".mp4", ".png")]
    assert {path.name for path in (workplace / "run").iterdir()} == {
        *names,
        "config.json",
        "metrics.json",
        "report.html",
    }
    with av.open(str(workplace / "run/episode-001.mp4")) as film:
        assert len(list(film.decode(video=0))) == 30
    for name in names:
        if name.endswith(".png"):
            picture = cv2.imread(str(workplace / "run" / name))
            assert picture is not None and picture.std() > 10
    assert "episode 1: 30 frames; the recorded actions are averaged over ±0.25 s (11 frames)" in done.out
    assert "as recorded" in done.out and "time [s]" in done.out and "frames of one episode" in done.out
    metrics = json.loads((workplace / "run/metrics.json").read_text())
    assert metrics["finished"] and metrics["smoothing"] == 0.25 and list(metrics["replayed"]) == ["1", "0"]
    replayed = metrics["replayed"]["1"]
    assert replayed["frames"] == 30 and replayed["mae"]["low"] is None and replayed["mae"]["value"] > 0
    page = (workplace / "run/report.html").read_text()
    assert (
        "Replay of set through a policy" in page
        and "sim2real replay set --episode 1,0" in page
        and "episode-001.mp4" in page
    )
    assert page.count('src="data:image') == 2 + 2 + 1  # a plot each, two worst frames, and one of the short episode


def test_a_damaged_frame_is_told_of(command: Callable[..., Any], workplace: Path):
    spoil(workplace / "set", 2, 5, "observation.images.front", {"bytes": b"no image", "path": "x.png"})
    done = command("replay", "set", "--episode", "2", "--checkpoint", "policy", "--smooth", "0", "--out", "run")
    assert done.code == 0 and "episode 2: 11 frames; left out: 1 (damaged image)" in done.out
    assert "the recorded actions are not averaged" in done.out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("nowhere", "--checkpoint", "policy"), "no such folder: nowhere"),
        (("set",), "--on policy needs --checkpoint"),
        (("set", "--checkpoint", "nowhere"), "no checkpoint folder .*nowhere"),
        (("set", "--checkpoint", "set"), "set is not a checkpoint"),
        (("set", "--checkpoint", "policy", "--episode", "3"), "no episode 3 among the 3 chosen: 0, 1, 2"),
        (("set[1:]", "--checkpoint", "policy", "--episode", "0"), "no episode 0 among the 2 chosen: 1, 2"),
        (("set", "--checkpoint", "policy", "--episode", "one"), "an index or several, as 0,3,8, not 'one'"),
        (("set", "--checkpoint", "policy", "--smooth", "nan"), "smooth must be in 0…5 s, not nan"),
        (("set", "--checkpoint", "policy", "--worst", "0"), "worst must be at least 1, not 0"),
        (("set", "--checkpoint", "policy", "--open"), "--open is for --on viewer, not for --on policy"),
    ],
)
def test_a_replay_that_cannot_be(complains: Callable[[tuple, str], None], words: tuple, message: str):
    complains(("replay", *words), message)


def test_recordings_that_do_not_fit_the_policy(complains: Callable[[tuple, str], None], workplace: Path):
    record_drives(workplace / "left", [4], cameras=("observation.images.left",))
    record_drives(workplace / "arm", [4], names=("elbow",))
    complains(("replay", "left", "--checkpoint", "policy"), "no camera 'front'; its cameras: observation.images.left")
    complains(("replay", "arm", "--checkpoint", "policy"), "no action named steering; its actions: elbow")


@pytest.mark.skipif(RERUN, reason="Rerun is installed")
def test_without_rerun_one_line_says_how_to_get_it(complains: Callable[[tuple, str], None]):
    complains(("replay", "set", "--on", "viewer"), r"not installed: pip install 'sim2real\[viewer\]'")


@pytest.mark.skipif(not RERUN, reason="Rerun is not installed (the extra `viewer`)")
@pytest.mark.parametrize("words", [(), ("--checkpoint", "policy")])
def test_recordings_for_the_viewer(command: Callable[..., Any], workplace: Path, words: tuple):
    done = command("replay", "set", "--episode", "0,2", "--on", "viewer", "--out", "run", *words)
    assert done.code == 0 and "open it with: rerun run/episode-000.rrd run/episode-002.rrd" in done.out
    assert json.loads((workplace / "run/metrics.json").read_text())["recordings"] == [
        "episode-000.rrd",
        "episode-002.rrd",
    ]
    assert all((workplace / f"run/episode-00{k}.rrd").stat().st_size > 10_000 for k in (0, 2))


@pytest.mark.slow
def test_an_arm_is_filmed_with_all_its_joints(command: Callable[..., Any], workplace: Path):
    record_arm(workplace / "arm", [12])
    save_policy(workplace / "reach", new_policy(config=arm_config()), {}, "# A policy")
    done = command("replay", "arm", "--checkpoint", "reach", "--out", "run")
    assert done.code == 0 and "averaged over ±0.1 s" in done.out and "episode 0, wrist_roll" in done.out, done
    replayed = json.loads((workplace / "run/metrics.json").read_text())["replayed"]["0"]
    assert list(replayed["actions"]) == list(arm_config().action_names) and replayed["frames"] == 12
    assert {"gain", "mae", "correlation"} <= set(replayed["actions"]["elbow_flex"])
    with av.open(str(workplace / "run/episode-000.mp4")) as film:
        frames = [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)]
    assert len(frames) == 12 and frames[0].shape[0] > 480 + 6 * 20


@pytest.mark.slow
def test_faults_of_an_arms_recording_are_one_line(complains: Callable[[tuple, str], None], workplace: Path):
    record_arm(workplace / "arm", [12])
    record_arm(workplace / "koch", [12], robot_type="koch_follower")
    record_drives(workplace / "car", [12])
    save_policy(workplace / "reach", new_policy(config=arm_config()), {}, "# A policy")
    complains(("replay", "koch", "--checkpoint", "reach"), "koch_follower")
    complains(("replay", "car", "--checkpoint", "reach"), "car")
    complains(("replay", "arm", "--checkpoint", "policy"), "no action named steering")
    spoil(workplace / "arm", 0, 3, "observation.state", [float("nan")] * 6)
    complains(("replay", "arm", "--checkpoint", "reach"), "frame 3 of episode 0")


def test_missing_videos_are_one_line(complains: Callable[[tuple, str], None], workplace: Path):
    record_drives(workplace / "film", [8], video=True)
    shutil.rmtree(workplace / "film/videos")
    complains(("replay", "film", "--checkpoint", "policy"), "the videos are missing: no film/videos: a policy needs")


@pytest.mark.skipif(not RERUN, reason="Rerun is not installed (the extra `viewer`)")
@pytest.mark.parametrize("words", [(), ("--checkpoint", "policy")])
def test_missing_videos_do_not_stop_the_viewer(command: Callable[..., Any], workplace: Path, words: tuple):
    record_drives(workplace / "film", [8], video=True)
    shutil.rmtree(workplace / "film/videos")
    done = command("replay", "film", "--on", "viewer", "--out", "run", *words)
    assert (
        done.code == 0 and done.out.count("note: the videos are missing: no film/videos; everything else is shown") == 1
    )
    assert (workplace / "run/episode-000.rrd").stat().st_size > 5_000
