"""Evaluation on recordings: what is printed, what is written, and one line for what cannot be evaluated."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from drives import actions_of, image_of, new_policy, record_drives, spoil

from launch.evaluate_dataset import evaluate_dataset
from policies import save_policy
from policies.folders import CheckpointError
from sim2real.agreement import METRICS, Agreement
from sim2real.datasets import DatasetError
from sim2real.frames import smooth

torch.set_num_threads(1)


@dataclass(frozen=True)
class Config:
    """As much of the command's settings as an evaluation on recordings looks at."""

    checkpoint: Path = Path("policy")
    dataset: str = "set"
    smooth: float = 0.25
    task: str = "policy"


@pytest.fixture(autouse=True)
def made(workplace: Path) -> Path:
    """`set`, three episodes, and `policy`, which never learned anything."""
    record_drives(workplace / "set", [12, 30, 20])
    save_policy(workplace / "policy", new_policy(), {}, "# A policy")
    return workplace


def left(folder: Path) -> dict:
    return json.loads((folder / "metrics.json").read_text())


def test_the_metrics_are_those_of_what_the_policy_would_have_done(workplace: Path):
    evaluate_dataset(Config(), workplace / "run")
    found, policy = left(workplace / "run"), new_policy()
    lengths = (12, 30, 20)
    episode = np.repeat([0, 1, 2], lengths)
    actual = np.concatenate([smooth(actions_of(k, n)[:, :1], 0.25, 20.0)[:, 0] for k, n in enumerate(lengths)])
    images = np.stack([image_of(k, row) for k, n in enumerate(lengths) for row in range(n)])
    predicted = policy.act({"images.front": images})[:, 0]
    expected = Agreement(actual, episode).measure(predicted)
    for name in METRICS:
        for part in ("value", "low", "high"):
            assert found["arms"]["policy"]["set"][name][part] == pytest.approx(getattr(expected[name], part), abs=1e-5)
    assert found["frames"] == 62 and found["episodes"] == 3 and found["smoothing"] == 0.25 and found["finished"]
    slope, offset = np.polyfit(predicted, actual, 1)
    assert found["gain"] == {"gain": pytest.approx(slope, abs=1e-4), "offset": pytest.approx(offset, abs=1e-4)}
    assert [row["episode"] for row in found["per_episode"]] == [1, 2, 0]
    assert found["arms"]["zero"]["set"]["mae"]["value"] == pytest.approx(np.abs(actual).mean(), abs=1e-6)
    assert found["arms"]["mean"]["set"]["correlation"] == {"value": None, "low": None, "high": None}
    assert set(found["further_actions"]) == {"throttle"}
    table = pq.read_table(workplace / "run/predictions.parquet").to_pydict()
    assert table["episode"] == episode.tolist() and np.allclose(table["predicted"], predicted, atol=1e-6)
    assert np.allclose(table["actual"], actual, atol=1e-6) and set(table) == {
        *("episode", "frame", "actual", "predicted", "actual_throttle", "predicted_throttle")
    }


def test_what_is_printed(workplace: Path, capsys: pytest.CaptureFixture[str]):
    spoil(workplace / "set", 1, 5, "observation.images.front", {"bytes": b"no image", "path": "x.png"})
    evaluate_dataset(Config(), workplace / "run")
    said, found = capsys.readouterr().out, left(workplace / "run")
    assert "61 frames of 3 episodes; left out: 1 (damaged image)" in said and found["skipped"] == {"damaged image": 1}
    assert "averaged over ±0.25 s (11 frames)" in said and "With 3 episodes only they are too narrow" in said
    mae = found["arms"]["policy"]["set"]["mae"]
    assert re.search(rf"MAE +│ {mae['value']:.3f} +│ {mae['low']:.3f} … {mae['high']:.3f}", said)
    assert f"driven = {found['gain']['gain']:.3f} × predicted" in said and "throttle" in said and "always 0" in said
    page = (workplace / "run/report.html").read_text()
    assert "policy on set" in page and f"{mae['value']:.3f}" in page and "Where it is most wrong" in page
    assert not re.search(r"https?:", page)


def test_only_the_chosen_episodes_count_and_the_longest_are_listed(workplace: Path, capsys):
    record_drives(workplace / "many", [3 + k % 5 for k in range(20)])
    evaluate_dataset(Config(dataset="many[2:]", smooth=0.0), workplace / "run")
    said, found = capsys.readouterr().out, left(workplace / "run")
    assert "longest 15 of 18 episodes" in said and "too narrow" not in said and "taken as they were given" in said
    assert found["episodes"] == 18 and len(found["per_episode"]) == 18 and list(found["arms"]["policy"]) == ["many"]
    assert min(row["episode"] for row in found["per_episode"]) == 2 and found["dataset"] == "many[2:]"


def test_one_episode_has_no_interval_and_that_is_said(workplace: Path, capsys):
    evaluate_dataset(Config(dataset="set[1]"), workplace / "run")
    said, found = capsys.readouterr().out, left(workplace / "run")
    assert "There is one episode only: no interval can be given" in said
    metrics = found["arms"]["policy"]["set"].values()
    assert all(metric["low"] is None and metric["value"] is not None for metric in metrics)
    assert "one episode only" in (workplace / "run/report.html").read_text()


def test_a_recording_of_steering_alone_is_enough(workplace: Path):
    record_drives(workplace / "steering", [9, 9], names=("steering",))
    evaluate_dataset(Config(dataset="steering"), workplace / "run")
    assert left(workplace / "run")["further_actions"] == {}
    names = pq.read_table(workplace / "run/predictions.parquet").column_names
    assert names == ["episode", "frame", "actual", "predicted"]


@pytest.mark.parametrize(
    ("config", "kind", "message"),
    [
        (Config(dataset="nowhere"), DatasetError, "no such folder: nowhere"),
        (Config(dataset="policy"), DatasetError, "policy is not a LeRobot dataset"),
        (Config(dataset="set[7:9]"), DatasetError, "selects none of the 3 episodes"),
        (Config(dataset="left"), DatasetError, "no camera 'front'; its cameras: observation.images.left"),
        (Config(dataset="throttle"), DatasetError, "no action named steering, only throttle"),
        (Config(dataset="broken"), DatasetError, "steering is not a number in frame 2 of episode 0"),
        (Config(checkpoint=Path("nowhere")), CheckpointError, "no checkpoint folder .*nowhere"),
        (Config(smooth=-1.0), ValueError, "smooth must be 0 or more seconds, not -1.0"),
    ],
)
def test_what_cannot_be_evaluated_leaves_nothing_behind(workplace: Path, config: Config, kind: type, message: str):
    record_drives(workplace / "left", [4], cameras=("observation.images.left",))
    record_drives(workplace / "throttle", [4], names=("throttle",))
    spoil(record_drives(workplace / "broken", [4]), 0, 2, "action", [float("nan"), 0.4])
    with pytest.raises(kind, match=message) as raised:
        evaluate_dataset(config, workplace / "run")  # type: ignore[arg-type]
    assert "\n" not in str(raised.value) and not (workplace / "run").exists()
