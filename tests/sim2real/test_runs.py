# pyright: reportArgumentType=false
"""Run folders: what is in them, how one goes on in them, and what is said when that cannot be."""

import json
import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from sim2real.errors import CheckpointError
from sim2real.runs import Run, git_revision, load_config, start_run, versions
from sim2real.training.pretrain_config import DistillationConfig, PretrainConfig
from sim2real.training.teacher_config import TeacherConfig, TrainConfig

SETTINGS = TrainConfig("LaneFollow", TeacherConfig(steps=500, hidden=(8, 8)), worlds=4)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def change(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_a_run_says_what_was_asked_for_and_of_which_code(folder: Path):
    run, config = start_run("train", SETTINGS, folder / "deep" / "run", resume=False)
    assert config == SETTINGS and not run.resumed and not run.finished and run.metrics == {}
    assert [p.name for p in run.folder.iterdir()] == ["config.json"]
    content = json.loads((run.folder / "config.json").read_text())
    assert content["command"] == "train" and content["format_version"] == 1
    assert content["config"]["teacher"]["seed"] == 0 and content["config"]["worlds"] == 4
    assert content["versions"] == versions() and set(content["versions"]) > {"python", "torch", "mujoco", "sim2real"}
    assert content["git_revision"] == git_revision()


@pytest.mark.parametrize(
    "settings",
    [
        SETTINGS,
        TrainConfig("LaneFollow", TeacherConfig("sac", learning_rate=1), adr=True),
        PretrainConfig("LaneFollow"),
        PretrainConfig(
            *("LaneFollow", "dagger", "runs/teacher", 3, "my.toml", "resnet18", 8, 2, (64, 48)),
            distillation=DistillationConfig(frames=100, reuse=3, bf16=False),
        ),
    ],
)
def test_a_resumed_run_has_the_settings_it_was_started_with(folder: Path, settings: Any):
    start_run("verb", settings, folder / "run", resume=False)
    run, saved = start_run("verb", type(settings)("LaneFollow"), folder / "run", resume=True)
    assert saved == settings and run.resumed


@dataclass(frozen=True)
class Looking:
    """Settings with a path."""

    task: str
    picture: Path


@dataclass(frozen=True)
class LookingCloser:
    """The same settings in a later version, which has two more; without them, earlier ones looked from 2 m."""

    task: str
    picture: Path
    distance: float = field(default=0.5, metadata={"absent": 2.0})
    colours: bool = True


def test_a_setting_that_came_later_has_in_older_runs_the_value_that_reproduces_them(folder: Path):
    start_run("look", Looking("LaneFollow", Path("a.png")), folder / "run", resume=False)
    _, saved = start_run("look", LookingCloser("LaneFollow", Path("b.png")), folder / "run", resume=True)
    assert saved == LookingCloser("LaneFollow", Path("a.png"), distance=2.0, colours=True)


def test_paths_are_kept_as_text(folder: Path):
    run, _ = start_run("look", Looking("LaneFollow", Path("a/b.png")), folder / "run", resume=False)
    assert json.loads((run.folder / "config.json").read_text())["config"]["picture"] == "a/b.png"


def test_without_a_name_every_run_gets_its_own_and_the_newest_is_resumed(folder: Path):
    first, _ = start_run("train", SETTINGS, None, resume=False)
    assert first.folder.parent == Path("runs") and first.folder.name.startswith("train-LaneFollow-")
    (folder / "runs" / "train-LaneFollow-of-another-day").mkdir()
    (folder / "runs" / "train-LaneFollow-of-another-day" / "config.json").write_bytes(
        (first.folder / "config.json").read_bytes()
    )
    os.utime(first.folder, (time.time() + 9,) * 2)
    assert start_run("train", SETTINGS, None, resume=True)[0].folder == first.folder
    with pytest.raises(ValueError, match=r"nothing to resume: no runs/pretrain-LaneFollow-\* here"):
        start_run("pretrain", PretrainConfig("LaneFollow"), None, resume=True)


def test_a_folder_in_use_is_left_alone(folder: Path):
    start_run("train", SETTINGS, folder / "run", resume=False)
    (folder / "thesis").mkdir()
    (folder / "thesis" / "thesis.tex").write_text("years of work")
    for name in ("run", "thesis", "thesis/thesis.tex"):
        with pytest.raises(ValueError, match=f"{name} exists: add --resume to resume it, or choose another --out"):
            start_run("train", SETTINGS, folder / name, resume=False)
    assert [p.name for p in (folder / "thesis").iterdir()] == ["thesis.tex"]
    (folder / "empty").mkdir()
    start_run("train", SETTINGS, folder / "empty", resume=False)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda path: path.unlink(), "nothing to resume: .*run has no config.json"),
        (lambda path: path.write_bytes(path.read_bytes()[:50]), "config.json is damaged: not complete JSON"),
        (lambda path: change(path, format_version=9), "has format version 9; this program reads version 1"),
        (lambda path: change(path, command="pretrain"), "is a run of `pretrain`, not of `train`"),
        (
            lambda path: change(path, config={"worlds": 4}),
            r"does not fit this version: TrainConfig lacks the field task",
        ),
        (
            lambda path: change(path, config={"task": "LaneFollow", "hurry": True}),
            r"does not fit this version: TrainConfig has no field hurry, only task, teacher",
        ),
        (lambda path: path.write_text(path.read_text().replace('"ppo"', '"pop"')), "no algorithm 'pop'"),
        (
            lambda path: path.write_text(path.read_text().replace('"LaneFollow"', '"Lift"')),
            "a run of Lift, not of Lane",
        ),
    ],
)
def test_what_cannot_be_resumed_is_said_in_one_line(folder: Path, spoil: Any, message: str):
    start_run("train", SETTINGS, folder / "run", resume=False)
    spoil(folder / "run" / "config.json")
    with pytest.raises(ValueError, match=message) as caught:
        start_run("train", SETTINGS, folder / "run", resume=True)
    assert "\n" not in str(caught.value)


def test_a_folder_that_is_no_run_is_said_to_be_none(folder: Path):
    with pytest.raises(CheckpointError, match=r"is not a run: it has no config\.json"):
        load_config(folder, "train", TrainConfig)


def test_metrics_are_replaced_whole(folder: Path, monkeypatch: pytest.MonkeyPatch):
    run = Run(folder, False)
    run.write_metrics({"success": 0.5})
    assert not run.finished
    run.write_metrics({"finished": True, "success": 0.75})
    assert run.finished and run.metrics == {"format_version": 1, "finished": True, "success": 0.75}

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        run.write_metrics({"success": 1.0})
    assert run.metrics["success"] == 0.75 and [p.name for p in folder.iterdir()] == ["metrics.json"]
    with pytest.raises(OSError, match="No space left"):
        start_run("train", SETTINGS, folder / "run", resume=False)
    assert not list((folder / "run").iterdir())  # so that the same command works when there is space again


def test_a_figure_that_is_undefined_is_null_in_the_metrics(folder: Path):
    run = Run(folder, False)
    run.write_metrics({"correlation": {"value": float("nan"), "high": float("inf")}, "each": (1.0, float("-inf"))})

    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is no JSON")

    content = json.loads((folder / "metrics.json").read_text(), parse_constant=refuse)
    assert content == {"format_version": 1, "correlation": {"value": None, "high": None}, "each": [1.0, None]}
    assert run.metrics == content


def test_damaged_metrics_are_said_in_one_line(folder: Path):
    (folder / "metrics.json").write_text('{"finished": tr')
    with pytest.raises(CheckpointError, match=r"metrics\.json is damaged: not complete JSON$"):
        _ = Run(folder, True).finished


def test_the_revision_is_none_where_there_is_no_git(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", "")
    assert git_revision() is None
