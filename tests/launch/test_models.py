"""`sim2real models`, and shipped names and addresses wherever a command takes a checkpoint."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sim2real.models.registry import read_registry, shipped_folder

COMMIT = 40 * "a"
TAKING = [
    ("evaluate", "{}", "--episodes", "1"),
    ("evaluate", "lane-follow", "{}", "--episodes", "1"),
    ("adapt", "{}", "set"),
    ("probe", "{}", "set"),
    ("export", "{}"),
    ("record", "set", "--on", "sim", "--checkpoint", "{}"),
    ("matrix", "--policies", "{}", "--recordings", "set"),
]


def test_the_list_shows_every_figure(command: Callable[..., Any]):
    done = command("models")
    assert done.code == 0
    for name, model in read_registry().items():
        assert name in done.out and all(str(figure) in done.out for figure in model.figures)


def test_the_card_of_one(command: Callable[..., Any]):
    done = command("models", "lane-follow")
    folder = shipped_folder("lane-follow")
    assert done.code == 0 and done.out.startswith((folder / "README.md").read_text().rstrip())
    assert str(folder) in done.out


def test_a_name_that_does_not_ship(complains: Callable[[tuple, str], None]):
    complains(("models", "lane-folow"), "no shipped policy 'lane-folow'; did you mean lane-follow")


@pytest.mark.parametrize("words", TAKING, ids=lambda words: f"{words[0]}-{words.index('{}')}")
def test_names_and_addresses_reach_every_command_as_they_were_typed(
    complains: Callable[[tuple, str], None], words: tuple[str, ...]
):
    """With two slashes: an address that is made a path has one."""
    address = "hf://somebody/policies@main"
    complains(tuple(word.format(address) for word in words), f"'{address}' names no commit")
    complains(tuple(word.format("lane-folow") for word in words), "did you mean lane-follow")


def test_a_replay_takes_them_too(complains: Callable[[tuple, str], None]):
    complains(("replay", "set", "--checkpoint", "lane-follow"), "no such folder")


@pytest.mark.slow
def test_a_run_of_a_shipped_policy(command: Callable[..., Any], workplace: Path, short_lane: str):
    done = command("evaluate", "lane-follow", "--on", "sim", "--episodes", "2", "--out", "run")
    assert done.code == 0, done.err
    config = json.loads((workplace / "run" / "config.json").read_text())["config"]
    assert config["checkpoint"] == "lane-follow"
    done = command("evaluate", "lane-follow", "--episodes", "1")
    assert done.code == 0 and "runs/evaluate-lane-follow-" in done.out
