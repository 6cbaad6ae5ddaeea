"""What README.md says about Python is run as it stands there."""

import json
import re
from pathlib import Path

import pytest

from envs.lane_follow.task import LaneFollowConfig
from sim2real.training.pretrain_config import DistillationConfig

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
SMALLER = {"frames": 200, "steps": 8000, "evaluate": 3, "episodes": 4, "seconds": 1}
"""In place of the numbers that stand in the lines."""


def mission() -> str:
    """The lines under "From Python"."""
    (block,) = re.findall(r"```python\n(.*?)```", README.read_text().split("### From Python")[1], re.DOTALL)
    return block


def smaller(lines: str) -> str:
    """The same lines with fewer frames, steps and episodes, and nothing else changed."""
    for name, number in SMALLER.items():
        lines, count = re.subn(rf"\b{name}=[\d_]+", f"{name}={number}", lines)
        assert count, f"nothing to reduce: {name}"
    return lines


def test_the_whole_mission_takes_at_most_15_lines():
    assert len([line for line in mission().splitlines() if line.strip()]) <= 15


@pytest.fixture
def few_frames_and_steps(short_lane: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the lines leave to defaults, smaller too: simulated frames to compare with, gradient steps of a fit."""
    monkeypatch.setattr("sim2real.transfer.inputs.SIMULATED", 100)
    monkeypatch.setattr("sim2real.transfer.fitting.plans.TransferPlan.steps", lambda plan, frames: 5)


@pytest.mark.slow
@pytest.mark.usefixtures("few_frames_and_steps")
def test_the_mission_runs_as_it_stands_in_the_readme(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    exec(compile(smaller(mission()), str(README), "exec"), names)
    runs = {"pretrained": "pretrain", "adapted": "adapt", "driven": "evaluate", "replayed": "replay"}
    for name, command in runs.items():
        folder = names[name].folder
        assert json.loads((folder / "config.json").read_text())["command"] == command
        assert json.loads((folder / "metrics.json").read_text())
        # Functions compute: nothing is drawn.
        assert not [path for path in folder.rglob("*") if path.suffix in (".html", ".png", ".mp4")]
    driven = names["driven"].metrics
    assert driven["success"]["count"] == driven["against"]["success"]["count"] == SMALLER["episodes"]
    printed = capsys.readouterr().out
    assert len(printed.splitlines()) == 1 and "'value':" in printed


def test_a_figure_says_what_was_chosen_by_it():
    """`track_2` chose settings of pretraining: its agreement never stands alone."""
    for name in ("README.md", "CHANGELOG.md"):
        for line in (ROOT / name).read_text().splitlines():
            if "0.927" in line:
                assert "used to choose look-ahead, `share` and `jolt`" in line, f"{name}: {line}"
    readme = README.read_text()
    assert "0.922 [0.915, 0.928]" in readme and "0.075 [0.070, 0.081]" in readme and "0.851 [0.736, 0.885]" in readme
    for config in (DistillationConfig, LaneFollowConfig):
        assert "track_2" in str(config.__doc__)
