"""The demo at the smallest size: the whole mission, gone on with where it was interrupted."""

import functools
import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import cv2
import pytest
from drives import record_drives

from launch import demo
from sim2real.checkpoints import load_policy
from sim2real.transfer.adapt_config import Overrides

SMALL = ("--steps", 8000, "--frames", 500, "--episodes", 3, "--recorded", 4, "--seconds", 2)


def files(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {str(p): (p.stat().st_mtime_ns, p.read_bytes()) for p in folder.rglob("*") if p.is_file()}


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Films of a second, fits of a few steps; what `film` was."""
    monkeypatch.setattr(demo, "film", functools.partial(demo.film, seconds=1.0))
    overrides = Overrides(updates=5)
    monkeypatch.setattr(demo, "AdaptConfig", functools.partial(demo.AdaptConfig, overrides=overrides))
    return demo.film


@pytest.mark.slow
def test_the_demo_goes_on_where_it_was_interrupted(
    command: Callable[..., Any], workplace: Path, quick: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
):
    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(demo, "film", interrupted)
    first = command("demo", *SMALL, "--out", "my demo")
    assert first.code == 130 and first.err == ""
    go_on = shlex.split(first.out.splitlines()[-1])
    assert go_on == ["sim2real", "demo", *map(str, SMALL), "--out", "my demo"]
    place = workplace / "my demo"
    done = {name: files(place / name) for name in ("teacher", "policy")}

    monkeypatch.setattr(demo, "film", quick)
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
    assert set(adapted["arms"]) == {"zero-shot", "gain", "scratch", "sensor-shift"}
    assert driven["success"]["count"] == driven["against"]["success"]["count"] == 3
    assert list((place / "replay").glob("episode-*.mp4"))
    page = (place / "report.html").read_text()
    assert "Driving the rehearsal car" in page and adapted["reason"] in page
    assert "a demo of other recordings or sizes" in command("demo", "--out", "my demo").err
    before = files(place / "adapted")
    assert command(*go_on[1:]).code == 0 and files(place / "adapted") == before  # a third time: nothing is left to do


@pytest.mark.slow
def test_the_demo_takes_ones_own_recordings(command: Callable[..., Any], workplace: Path, quick: Any):
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
