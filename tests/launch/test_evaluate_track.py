"""`sim2real evaluate --on track` as a user runs it, on the drawn map of a printed track."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

from drawn_track import write_drawn_track
from envs import make_task
from policies import Policy
from sim2real.checkpoints import save_policy
from sim2real.statistics.rates import RateDifference
from sim2real.training.pretrain_config import PretrainConfig
from sim2real.training.pretraining import policy_config

torch.set_num_threads(1)
ON = ("--on", "track", "--track", "tracks/oval")


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_drawn_track(tmp_path_factory.mktemp("drawn") / "oval")


@pytest.fixture(autouse=True)
def place(workplace: Path, short_lane: str, drawn: Path) -> Path:
    """Two policies that never learned anything, and a track."""
    for seed, name in enumerate(("policy", "other")):
        torch.manual_seed(seed)
        config = policy_config(make_task(short_lane).spec, PretrainConfig(short_lane, width=4))
        save_policy(workplace / name, Policy(config), {}, "# A policy")
    shutil.copytree(drawn, workplace / "tracks" / "oval")
    return workplace


@pytest.mark.slow
def test_policies_drive_the_same_laps(command: Callable[..., Any], place: Path):
    words = ("--episodes", 2, "--seed", 7, "--speed", 2.0)
    done = command("evaluate", "policy", "other", *ON, *words, "--second-renderer", 1, "--out", "both")
    assert done.code == 0 and done.err == "", done
    assert "2 laps each on tracks/oval" in done.out and "other minus policy" in done.out and "frames/s" in done.out
    metrics = json.loads((place / "both" / "metrics.json").read_text())
    assert metrics["finished"] and metrics["laps"] == metrics["laps_without_intervention"]["count"] == 2
    each, controls = metrics["checkpoints"], metrics["controls"]
    assert set(each) == {"policy", "other"} and set(controls) == {"zero_steering", "teacher"}
    checks = {"second_renderer", "validity"}
    assert set(each["policy"]) - checks == set(controls["teacher"]) == set(each["other"]) - {"difference", *checks}
    for figures in each.values():
        assert figures["second_renderer"]["laps"] == 1 and len(figures["second_renderer"]["places"]) == 8
        drawn = figures["validity"]["all"]
        assert drawn["frames"] == 10 and set(drawn) == {"frames", "map", "nearest", "untouched"}
        assert drawn["map"]["crop"]["value"] > drawn["untouched"]["crop"]["value"]
    assert "on 10 held-out frames" in done.out and "a single lap does not tell" in done.out
    assert controls["teacher"]["laps_without_intervention"]["value"] == 1
    assert controls["zero_steering"]["interventions_per_lap"]["value"] > 3
    assert set(metrics["driver"]["offset"]) == {"mean", "std"} and metrics["driver"]["beyond"] == 0
    rows = pq.read_table(place / "both" / "paths.parquet").to_pylist()
    assert {row["lap"] for row in rows if row["driver"] == "policy on the second renderer"} == {0}
    out = {name: {row["lap"] for row in rows if row["driver"] == name and row["out"]} for name in each}
    first, second = (np.array([lap not in out[name] for lap in range(2)]) for name in ("policy", "other"))
    assert each["other"]["difference"] == RateDifference.of(first, second).to_dict()
    page = (place / "both" / "report.html").read_text()
    assert "Laps on a rebuilt track" in page and "control: knows the pose" in page

    film = ("--video", "film.mp4", "--seconds", 0.3)
    alone = command("evaluate", "policy", *ON, *words, "--second-renderer", 0, "--out", "one", *film)
    assert alone.code == 0 and (place / "film.mp4").stat().st_size > 1000
    again = json.loads((place / "one" / "metrics.json").read_text())  # the same seeds, the same figures
    assert "second_renderer" not in again and again["controls"] == controls
    assert {name: again[name] for name in {*each["policy"]} - {"second_renderer"}}.items() <= each["policy"].items()


def without(name: str) -> Callable[[Path], None]:
    return lambda place: (place / "tracks" / "oval" / name).unlink()


def cut(name: str) -> Callable[[Path], None]:
    def damage(place: Path) -> None:
        path = place / "tracks" / "oval" / name
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])

    return damage


def emptied(place: Path) -> None:
    path = place / "tracks" / "oval" / "track.json"
    about = json.loads(path.read_text())
    del about["line"]
    path.write_text(json.dumps(about))


def without_places(place: Path) -> None:
    path = place / "tracks" / "oval" / "poses.parquet"
    pq.write_table(pq.read_table(path).drop_columns(["along"]), path)


def without_images(place: Path) -> None:
    path = place / "tracks" / "oval" / "frames.parquet"
    pq.write_table(pq.read_table(path).drop_columns(["image"]), path)


def narrow(place: Path) -> None:
    shutil.rmtree(place / "tracks" / "oval")
    write_drawn_track(place / "tracks" / "oval", image=(160, 90))


def straight(place: Path) -> None:
    shutil.rmtree(place / "tracks" / "oval")
    write_drawn_track(place / "tracks" / "oval", delay=None)


def arm(place: Path) -> None:
    path = place / "policy" / "config.json"
    path.write_text(path.read_text().replace('"task": "LaneFollow"', '"task": "Reach"'))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (without("track.json"), "tracks/oval is no rebuilt track"),
        (without("map.png"), "map.png"),
        (without("poses.parquet"), "poses.parquet"),
        (without("camera.json"), "camera.json"),
        (cut("track.json"), "track.json"),
        (cut("coverage.png"), "^error: cannot read the map's tracks/oval/coverage.png"),
        (cut("camera.json"), "^error: cannot read a camera from tracks/oval/camera.json"),
        (cut("poses.parquet"), "poses.parquet"),
        (cut("map.png"), "^error: cannot read the map's tracks/oval/map.png: not a complete"),
        (cut("frames.parquet"), "frames.parquet"),
        (without_images, "frames.parquet has no image: reconstruct the track again"),
        (emptied, "track.json is damaged"),
        (without_places, "poses.parquet has no along: reconstruct the track again"),
        (narrow, "tracks/oval has frames of 160x90, policy was made for 160x120"),
        (straight, "tracks/oval does not know the car's delay"),
        (arm, "policy was made for Reach: a rebuilt track is driven by LaneFollow"),
    ],
)
def test_a_track_or_policy_that_does_not_fit(
    complains: Callable[[tuple, str], None], place: Path, damage: Callable[[Path], None], message: str
):
    damage(place)
    complains(("evaluate", "policy", *ON, "--episodes", 2), message)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--on", "track"), "--on track needs --track"),
        (("--track", "tracks/oval"), "--track, --speed and --second-renderer are for --on track"),
        (("--second-renderer", 3), "--track, --speed and --second-renderer are for --on track"),
        ((*ON, "--second-renderer", -1), "second-renderer must be at least 0 laps, not -1"),
        (("--on", "track", "--track", "policy"), "policy is no rebuilt track"),
        ((*ON, "--speed", 0), "speed must be 0.1 to 20 m/s, not 0"),
        (("--on", "track", "--track", "nowhere"), "nowhere is no rebuilt track"),
        (("policy", *ON), "a checkpoint is given twice"),
        ((*ON, "--randomization", "wide"), "--randomization is for --on sim"),
        (("other", *ON, "--video", "film.mp4"), "--video films one checkpoint"),
        ((*ON, "--dataset", "set"), "--dataset moves nothing"),
    ],
)
def test_settings_that_cannot_be(complains: Callable[[tuple, str], None], words: tuple, message: str):
    complains(("evaluate", "policy", *words), message)
