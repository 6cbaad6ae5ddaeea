"""The demo at the smallest size: the whole mission, gone on with where it was interrupted."""

import contextlib
import functools
import io
import json
import shlex
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import cv2
import pytest

import lanes
from drives import record_drives
from launch import demo
from launch.main import main
from sim2real.checkpoints import load_policy
from sim2real.reports.films import rollouts
from sim2real.transfer.adapt_config import Overrides

SMALL = ("--steps", 8000, "--frames", 200, "--episodes", 3, "--recorded", 4, "--seconds", 1)


def files(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {str(p): (p.stat().st_mtime_ns, p.read_bytes()) for p in folder.rglob("*") if p.is_file()}


@pytest.fixture(autouse=True)
def quick(short_lane: str, few_simulated: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Films of a second, fits of a few steps."""
    monkeypatch.setattr(rollouts, "film", functools.partial(rollouts.film, seconds=1.0))
    overrides = Overrides(updates=5)
    monkeypatch.setattr(demo, "AdaptConfig", functools.partial(demo.AdaptConfig, overrides=overrides))


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """Where a demo was interrupted before it filmed, and what was then printed."""

    def interrupt(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    place, words, printed = tmp_path_factory.mktemp("demo"), ("demo", *SMALL, "--out", "my demo"), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(printed):
        patch.chdir(place)
        patch.setenv("COLUMNS", "200")
        lanes.shorten(patch)
        patch.setattr(rollouts, "film", interrupt)
        patch.setattr(sys, "argv", ["sim2real", *map(str, words)])
        with pytest.raises(SystemExit) as end:
            main()
    assert end.value.code == 130
    return place / "my demo", printed.getvalue().splitlines()


@pytest.mark.slow
def test_the_demo_goes_on_where_it_was_interrupted(
    command: Callable[..., Any], workplace: Path, interrupted: tuple[Path, list[str]]
):
    shutil.copytree(interrupted[0], workplace / "my demo")
    go_on = shlex.split(interrupted[1][-1])
    assert go_on == ["sim2real", "demo", *map(str, SMALL), "--out", "my demo"]
    place = workplace / "my demo"
    done = {name: files(place / name) for name in ("teacher", "policy")}

    second = command(*go_on[1:])
    assert second.code == 0 and second.err == "", second
    assert {name: files(place / name) for name in done} == done  # nothing was trained again
    for name, title in (("teacher", "teacher, privileged state"), ("policy", "vision policy, camera alone")):
        rate = json.loads((place / name / "metrics.json").read_text())["success"]
        table = second.out.split(title)[1]
        assert f"{100 * rate['low']:.1f} … {100 * rate['high']:.1f} %" in table and rate["count"] == 3
    with av.open(str(place / "drive.mp4")) as container:
        assert sum(1 for _ in container.decode(video=0)) == 20
    sheet = cv2.imread(str(place / "frames.png"))
    assert sheet is not None and sheet.shape[0] > 300
    assert load_policy(place / "adapted" / "policy").config.task == "LaneFollow"
    adapted, driven = (json.loads((place / name / "metrics.json").read_text()) for name in ("adapted", "driven"))
    assert set(adapted["candidates"]) == {"zero-shot", "gain", "scratch", "sensor-shift"}
    assert driven["success"]["count"] == driven["against"]["success"]["count"] == 3
    assert list((place / "replay").glob("episode-*.mp4"))
    page = (place / "report.html").read_text()
    assert "Driving the rehearsal car" in page and adapted["reason"] in page
    assert "a demo of other recordings or sizes" in command("demo", "--out", "my demo").err
    before = files(place / "adapted")
    assert command(*go_on[1:]).code == 0 and files(place / "adapted") == before  # a third time: nothing is left to do


@pytest.mark.slow
def test_the_demo_takes_ones_own_recordings(
    command: Callable[..., Any], workplace: Path, interrupted: tuple[Path, list[str]]
):
    for name in ("teacher", "policy"):  # trained already: that does not depend on recordings
        shutil.copytree(interrupted[0] / name, workplace / "out" / name)
    record_drives(workplace / "mine", [30, 24, 40])
    done = command("demo", *SMALL, "--data", "mine", "--out", "out")
    assert done.code == 0 and done.err == "", done
    assert not (workplace / "out" / "driven").exists() and not (workplace / "out" / "recordings").exists()
    assert "on mine" in (workplace / "out" / "report.html").read_text()


def test_what_is_no_recording_is_refused_before_anything_is_trained(command: Callable[..., Any], workplace: Path):
    (workplace / "mine").mkdir()
    for data in ("mine", "nowhere"):
        done = command("demo", "--data", data, "--out", "out")
        assert done.code == 2 and f"{data} is neither a Donkeycar tub" in done.err
    assert not (workplace / "out").exists()


def test_a_damaged_file_of_an_earlier_start_is_said_in_one_line(complains: Callable[..., None], workplace: Path):
    (workplace / "out").mkdir()
    for content in ("", '{"data": nul', "[]"):
        (workplace / "out" / "demo.json").write_text(content)
        complains(("demo", "--out", "out"), r"out/demo\.json is damaged: not (complete JSON|a JSON object)")
