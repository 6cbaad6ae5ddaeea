"""The demo at the smallest size: all of the main job, gone on with where it was interrupted."""

import functools
import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import cv2
import pytest

from launch import demo
from policies import load_policy


def files(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {str(p): (p.stat().st_mtime_ns, p.read_bytes()) for p in folder.rglob("*") if p.is_file()}


@pytest.mark.slow
def test_the_demo_goes_on_where_it_was_interrupted(
    command: Callable[..., Any], workplace: Path, monkeypatch: pytest.MonkeyPatch
):
    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    film = demo.film
    monkeypatch.setattr(demo, "film", interrupted)
    first = command("demo", "--steps", 8000, "--frames", 500, "--episodes", 3, "--out", "my demo")
    assert first.code == 130 and first.err == ""
    go_on = shlex.split(first.out.splitlines()[-1])
    assert " ".join(go_on) == "sim2real demo --steps 8000 --frames 500 --episodes 3 --out my demo"
    done = {name: files(workplace / "my demo" / name) for name in ("teacher", "policy")}

    monkeypatch.setattr(demo, "film", functools.partial(film, seconds=1.0))
    second = command(*go_on[1:])
    assert second.code == 0 and second.err == ""
    assert {name: files(workplace / "my demo" / name) for name in done} == done  # nothing was trained again
    for name, title in (("teacher", "teacher, privileged state"), ("policy", "vision policy, camera alone")):
        rate = json.loads((workplace / "my demo" / name / "metrics.json").read_text())["success"]
        table = second.out.split(title)[1]
        assert f"{100 * rate['low']:.1f} … {100 * rate['high']:.1f} %" in table and rate["count"] == 3
    with av.open(str(workplace / "my demo" / "drive.mp4")) as container:
        assert sum(1 for _ in container.decode(video=0)) == 20
    sheet = cv2.imread(str(workplace / "my demo" / "frames.png"))
    assert sheet is not None and sheet.shape[0] > 300
    assert load_policy(workplace / "my demo" / "policy" / "policy").config.task == "LaneFollow"
    for line in ("video: my demo/drive.mp4", "contact sheet: my demo/frames.png", "policy: my demo/policy/policy"):
        assert line in second.out.splitlines()
