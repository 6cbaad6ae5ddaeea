"""Evaluation on recordings: what is printed, what is written, and one line for what cannot be evaluated."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

from drives import actions_of, image_of, new_policy, record_drives, spoil
from sim2real.checkpoints import save_policy
from sim2real.recordings.smoothing import smooth
from sim2real.statistics.agreement import METRICS, Agreement

torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def made(workplace: Path) -> Path:
    """`set`, three episodes, and `policy`, which never learned anything."""
    record_drives(workplace / "set", [12, 30, 20])
    save_policy(workplace / "policy", new_policy(), {}, "# A policy")
    return workplace


@pytest.fixture
def evaluate(command: Callable[..., Any]) -> Callable[..., str]:
    """Run `sim2real evaluate policy --dataset DATASET --out run …`; what it prints."""

    def run(dataset: str = "set", *words: str) -> str:
        done = command("evaluate", "policy", "--dataset", dataset, "--out", "run", *words)
        assert done.code == 0 and done.err == "", done
        return done.out

    return run


def left(folder: Path) -> dict:
    return json.loads((folder / "metrics.json").read_text())


def test_the_metrics_are_those_of_what_the_policy_would_have_done(workplace: Path, evaluate):
    evaluate()
    metrics, policy = left(workplace / "run"), new_policy()
    lengths = (12, 30, 20)
    episode = np.repeat([0, 1, 2], lengths)
    actual = np.concatenate([smooth(actions_of(k, n)[:, :1], 0.25, 20.0)[:, 0] for k, n in enumerate(lengths)])
    images = np.stack([image_of(k, row) for k, n in enumerate(lengths) for row in range(n)])
    predicted = policy.act({"images.front": images})[:, 0]
    expected = Agreement(actual, episode).measure(predicted)
    measured = metrics["candidates"]["policy"]["set"]
    for name in METRICS:
        for part in ("value", "low", "high"):
            assert measured[name][part] == pytest.approx(getattr(expected[name], part), abs=1e-5)
    assert metrics["frames"] == 62 and metrics["episodes"] == 3 and metrics["smoothing"] == 0.25 and metrics["finished"]
    slope, offset = np.polyfit(predicted, actual, 1)
    assert metrics["gain"] == {"gain": pytest.approx(slope, abs=1e-4), "offset": pytest.approx(offset, abs=1e-4)}
    assert [row["episode"] for row in metrics["per_episode"]] == [1, 2, 0]
    assert metrics["candidates"]["zero"]["set"]["mae"]["value"] == pytest.approx(np.abs(actual).mean(), abs=1e-6)
    assert metrics["candidates"]["mean"]["set"]["correlation"] == {"value": None, "low": None, "high": None}
    assert set(metrics["further_actions"]) == {"throttle"} and "arms" not in metrics
    assert metrics["further_actions"]["throttle"]["candidates"]["zero"]["set"]["mae"]["value"] > 0
    table = pq.read_table(workplace / "run/predictions.parquet").to_pydict()
    assert table["episode"] == episode.tolist() and np.allclose(table["predicted"], predicted, atol=1e-6)
    assert np.allclose(table["actual"], actual, atol=1e-6) and set(table) == {
        *("episode", "frame", "actual", "predicted", "actual_throttle", "predicted_throttle")
    }


def test_what_is_printed(workplace: Path, evaluate):
    spoil(workplace / "set", 1, 5, "observation.images.front", {"bytes": b"no image", "path": "x.png"})
    said, metrics = evaluate(), left(workplace / "run")
    assert "61 frames of 3 episodes; left out: 1 (damaged image)" in said and metrics["skipped"] == {"damaged image": 1}
    assert "averaged over ±0.25 s (11 frames)" in said and "only rough estimates" in said
    assert "by bootstrap over 3 episodes (each episode counts as a session)" in said
    unit = {"kind": "episode", "session": "episode", "count": 3, "sessions": 3, "blocks": None}
    assert unit.items() <= metrics["unit"].items()
    mae = metrics["candidates"]["policy"]["set"]["mae"]
    assert re.search(rf"MAE +│ {mae['value']:.3f} +│ {mae['low']:.3f} … {mae['high']:.3f}", said)
    assert f"recorded = {metrics['gain']['gain']:.3f} × predicted" in said and "throttle" in said and "always 0" in said
    page = (workplace / "run/report.html").read_text()
    assert "policy on set" in page and f"{mae['value']:.3f}" in page and "Largest errors" in page
    assert not re.search(r"https?:", page)


@pytest.mark.slow
def test_only_the_chosen_episodes_count_and_the_longest_are_listed(workplace: Path, evaluate):
    record_drives(workplace / "many", [3 + k % 5 for k in range(20)])
    said, metrics = evaluate("many[2:]", "--smooth", "0"), left(workplace / "run")
    assert "longest 15 of 18 episodes" in said and "rough estimates" not in said and "are not averaged" in said
    assert metrics["episodes"] == 18 and len(metrics["per_episode"]) == 18
    assert list(metrics["candidates"]["policy"]) == ["many"]
    assert min(row["episode"] for row in metrics["per_episode"]) == 2 and metrics["dataset"] == "many[2:]"


def test_one_episode_has_no_interval_and_that_is_said(workplace: Path, evaluate):
    said, figures = evaluate("set[1]"), left(workplace / "run")
    assert "There is only one episode: no interval can be given" in said
    metrics = figures["candidates"]["policy"]["set"].values()
    assert all(metric["low"] is None and metric["value"] is not None for metric in metrics)
    assert "only one episode" in (workplace / "run/report.html").read_text()


def test_a_recording_of_steering_alone_is_enough(workplace: Path, evaluate):
    record_drives(workplace / "steering", [9, 9], names=("steering",))
    evaluate("steering")
    assert left(workplace / "run")["further_actions"] == {}
    names = pq.read_table(workplace / "run/predictions.parquet").column_names
    assert names == ["episode", "frame", "actual", "predicted"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--dataset", "nowhere"), "no such folder: nowhere"),
        (("--dataset", "policy"), "policy is not a LeRobot dataset"),
        (("--dataset", "set[7:9]"), "selects none of the 3 episodes"),
        (("--dataset", "left"), "no camera 'front'; its cameras: observation.images.left"),
        (("--dataset", "throttle"), "no action named steering; its actions: throttle"),
        (("--dataset", "broken"), "steering is not a number in frame 2 of episode 0"),
        (("--dataset", "set", "--smooth", "-1"), "smooth must be 0 or more seconds, not -1.0"),
        (("--dataset", "set", "--out", "policy"), "policy exists: .* choose another --out"),
    ],
)
def test_what_cannot_be_evaluated(complains: Callable[[tuple, str], None], workplace: Path, words: tuple, message: str):
    record_drives(workplace / "left", [4], cameras=("observation.images.left",))
    record_drives(workplace / "throttle", [4], names=("throttle",))
    spoil(record_drives(workplace / "broken", [4]), 0, 2, "action", [float("nan"), 0.4])
    complains(("evaluate", "policy", *words), message)


def test_a_checkpoint_that_is_not_there(complains: Callable[[tuple, str], None]):
    complains(("evaluate", "nowhere", "--dataset", "set"), "no checkpoint folder .*nowhere")
