"""`LaneFollow:NAME` as a user runs it: trained, evaluated, refused once the track is another one."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from envs import make_task, pinned
from policies import Policy
from sim2real.checkpoints import save_policy
from sim2real.training.pretrain_config import PretrainConfig
from sim2real.training.pretraining import policy_config
from sim2real.training.teacher import load_teacher

torch.set_num_threads(1)
OVAL = "LaneFollow:oval"
SMALL = ("--worlds", 8, "--evaluate", 0)


@pytest.fixture(autouse=True)
def tracks(workplace: Path, rebuilt_tracks: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder `tracks` below the current one, as by default, with `oval`."""
    monkeypatch.delenv("SIM2REAL_TRACKS")
    return Path(shutil.copytree(rebuilt_tracks, workplace / "tracks"))


def untrained(folder: str, **changes: Any) -> None:
    """A policy for the oval, or one that differs from it."""
    torch.manual_seed(0)
    config = policy_config(make_task(OVAL).spec, PretrainConfig(OVAL, width=4))
    save_policy(folder, Policy(replace(config, **changes)), {}, "# A policy")


def another_track(tracks: Path) -> None:
    about = json.loads((tracks / "oval" / "track.json").read_text())
    (tracks / "oval" / "track.json").write_text(json.dumps({**about, "fps": 21}))


def task_of(folder: Path, *keys: str) -> str:
    content = json.loads((folder / "config.json").read_text())
    for key in keys:
        content = content[key]
    return content["task"]


@pytest.mark.slow
def test_teachers_and_policies_keep_their_track(command: Callable[..., Any], tracks: Path, workplace: Path):
    name = pinned(OVAL)
    done = command("train", OVAL, "--steps", 200, "--hidden", 8, *SMALL, "--out", "teacher")
    assert done.code == 0, done
    assert task_of(workplace / "teacher", "config") == name
    load_teacher(workplace / "teacher", OVAL)
    untrained("policy")
    assert task_of(workplace / "policy", "policy") == name
    assert str(workplace) not in (workplace / "policy" / "config.json").read_text()
    another_track(tracks)
    learn = ("pretrain", OVAL, "--teacher", "teacher", *SMALL, "--out", "run")
    for words, line in (
        (("evaluate", "policy", "--episodes", 1), "tracks/oval has changed"),
        (("train", OVAL, "--resume", "--out", "teacher"), f"teacher is a run of {name}, not of {pinned(OVAL)}"),
        (learn, f"teacher has a teacher for {name}, not for {pinned(OVAL)}"),
    ):
        done = command(*words)
        assert done.code == 2 and done.out == "" and len(done.err.strip().splitlines()) == 1
        assert line in done.err
    assert not (workplace / "run").exists()


@pytest.mark.slow
def test_policies_drive_where_evaluate_is_told(command: Callable[..., Any], tracks: Path, workplace: Path):
    untrained("policy", task="LaneFollow")
    words = ("evaluate", "policy", "--world", OVAL, "--episodes", 2, "--out", "run")
    done = command(*words)
    assert done.code == 0, done
    assert pinned(OVAL) in done.out
    config = json.loads((workplace / "run" / "config.json").read_text())["config"]
    assert config["world"] == pinned(OVAL)
    untrained("other", task="Elsewhere", action_names=("left", "right"))
    for wrong, line in (
        (("evaluate", "other", "--world", OVAL), "other was made for Elsewhere: it cannot act in LaneFollow:oval@"),
        (("evaluate", "policy", "--world", "LaneFollow:nowhere"), "no rebuilt track 'nowhere' in tracks/; valid: oval"),
        (("evaluate", "policy", "--on", "rehearsal", "--world", OVAL), "--world is for --on sim"),
        (("look", "LaneFollow:ovel"), "no rebuilt track 'ovel' in tracks/; did you mean oval?"),
    ):
        done = command(*wrong)
        assert done.code == 2 and done.out == "" and len(done.err.strip().splitlines()) == 1
        assert line in done.err
