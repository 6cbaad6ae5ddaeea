"""What ships is what was measured, and can be made again; what learned from recordings does not ship."""

import dataclasses
import json
import shlex
from pathlib import Path
from typing import Any

import pytest
import torch
import tyro

from commands import command_line
from ship import ship
from sim2real.checkpoints import load_policy, save_policy
from sim2real.errors import InputError
from sim2real.evaluation.config import EvaluateConfig
from sim2real.models.hashes import CARD
from sim2real.models.registry import read_registry, shipped_folder
from sim2real.runs import start_run
from sim2real.statistics.rates import Rate
from sim2real.training.pretrain_config import DistillationConfig, PretrainConfig
from sim2real.training.teacher_config import TeacherConfig, TrainConfig
from untrained import untrained

torch.set_num_threads(1)
CONFIG = PretrainConfig(
    *("LaneFollow", "dagger", "runs/teacher"), image_size=(40, 24), distillation=DistillationConfig(bf16=False, seed=7)
)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, as a relative path."""
    monkeypatch.chdir(tmp_path)
    return Path()


def pretrained(folder: Path, config: PretrainConfig = CONFIG, weight: float = 0.0, **recipe: Any) -> Path:
    """A run that pretrained a policy, and its teacher's beside it."""
    start_run("pretrain", config, folder, resume=False)
    path = folder / "config.json"  # as of a run of a clean clone
    path.write_text(json.dumps({**json.loads(path.read_text()), "git_revision": "abc"}))
    policy = untrained()
    with torch.no_grad():
        next(policy.parameters()).add_(weight)
    save_policy(folder / "policy", policy, {"method": "dagger", "run": dataclasses.asdict(config), **recipe}, "card")
    if not (folder.parent / "teacher").exists():
        start_run("train", TrainConfig("LaneFollow", TeacherConfig(steps=5)), folder.parent / "teacher", resume=False)
    return folder


def evaluated(folder: Path, policy: Path, metrics: dict[str, Any], **settings: Any) -> Path:
    run, _ = start_run("evaluate", EvaluateConfig(policy, **settings), folder, resume=False)
    run.write_metrics({"finished": True, **metrics})
    return folder


def success(folder: Path, policy: Path) -> Path:
    return evaluated(folder, policy, {"success": Rate.of(9, 10).to_dict()}, episodes=10, seed=3)


def said(command: str, kind: Any) -> tuple[str, Any]:
    """Return the verb of a command line, and its settings."""
    _, verb, *words = shlex.split(command.partition(" --out ")[0])
    return verb, tyro.cli(kind, args=words, config=(tyro.conf.PositionalRequiredArgs,))


def test_what_ships_can_be_made_and_measured_again(here: Path):
    run = pretrained(here / "policy")
    interval = {"value": 0.8, "low": 0.7, "high": 0.9}
    agreement = {"correlation": interval, "gain_free_mae": {**interval, "value": 0.75}}
    offline = {
        "candidates": {"policy": {"track": agreement}},
        "action": "steering",
        "unit": {"kind": "block", "count": 5},
    }
    runs = [success(here / "e1", run), evaluated(here / "e2", run, offline, dataset="datasets/track")]
    room = here / "room"
    model = ship("lane", run, "Drives.", "The only one.", runs, room)
    assert read_registry(room) == {"lane": model} and (model.seed, model.revision) == (7, "abc")
    assert load_policy(shipped_folder("lane", room)).config == untrained().config
    assert said(model.commands[0], TrainConfig) == ("train", TrainConfig("LaneFollow", TeacherConfig(steps=5)))
    assert said(model.commands[1], PretrainConfig) == ("pretrain", CONFIG)
    assert [str(figure) for figure in model.figures] == [
        f"{Rate.of(9, 10)} episodes",
        "0.800 [0.700, 0.900], 5 blocks",
        "0.750 [0.700, 0.900], 5 blocks",
    ]
    assert said(model.figures[0].command, EvaluateConfig)[1] == EvaluateConfig("lane", episodes=10, seed=3)
    card = (shipped_folder("lane", room) / CARD).read_text()
    assert (
        "Drives." in card
        and "Selection: The only one." in card
        and model.commands[1] in card
        and str(model.figures[2]) in card
    )


def test_a_policy_is_replaced_and_the_others_stay(here: Path):
    run, other = pretrained(here / "policy"), pretrained(here / "other", weight=1.0)
    room = here / "room"
    first = ship("a", run, "One.", "", [success(here / "e1", run)], room)
    ship("b", run, "Two.", "", [here / "e1"], room)
    again = ship("a", other, "Better.", "", [success(here / "e2", other)], room)
    assert again.files["model.safetensors"] != first.files["model.safetensors"]
    assert sorted(read_registry(room)) == ["a", "b"]
    assert [shipped_folder(name, room).name for name in ("a", "b")] == ["a", "b"]


def test_what_must_not_ship_is_refused(here: Path, tmp_path: Path):
    run = pretrained(here / "policy")
    figures, room = [success(here / "e", run)], here / "room"

    def refused(message: str, run: Path = run, figures: list[Path] = figures) -> None:
        with pytest.raises(InputError, match=message):
            ship("lane", run, "Drives.", "", figures, room)

    refused("was adapted to recordings", pretrained(here / "adapted", method="adapt"))
    refused("was adapted to recordings", pretrained(here / "planned", plan="full"))
    refused("was not made by the run", pretrained(here / "else", run=dataclasses.asdict(PretrainConfig("Reach"))))
    for change in ({"camera": "mine.json"}, {"task": "LaneFollow:track_1"}):
        refused("which does not ship", pretrained(here / next(iter(change)), dataclasses.replace(CONFIG, **change)))
    refused("is a path of this machine: use relative paths", tmp_path / "policy")
    refused("is no finished evaluation", pretrained(here / "other", weight=1.0))
    refused("is no finished evaluation", figures=[evaluated(here / "u", run, {"finished": False})])
    content = json.loads((run / "config.json").read_text())
    for revision in (None, "abc+changes"):
        (run / "config.json").write_text(json.dumps({**content, "git_revision": revision}))
        refused("train with a clean clone of the code")
    for path in (here / "teacher").iterdir():
        path.unlink()
    (here / "teacher").rmdir()
    refused("no folder runs/teacher, whose commands belong to the policy")
    assert not room.exists()


@pytest.mark.parametrize(
    "config",
    [
        EvaluateConfig("hf://o/r@1", on="rehearsal", real_time=True),
        PretrainConfig("Reach", width=3, teacher_config=TeacherConfig(hidden=(3, 4))),
    ],
)
def test_a_command_line_has_the_settings(config: Any):
    assert said(command_line("verb", config), type(config)) == ("verb", config)
