"""`sim2real identify sensor`, as its user runs it."""

import json
from pathlib import Path

import numpy as np
import pytest

from drives import CAMERA, record_drives
from envs import BatchEnv, make_task
from envs.batch_env import resolve_randomization
from envs.randomization import Randomization
from sim2real.collection.config import RecordConfig
from sim2real.collection.rehearsal import record_on_rehearsal
from sim2real.datasets import EncodedImage, EpisodeWriter, camera_feature, images

EPISODES = 12
TOLD = ("defocus",)
"""Parameters that must be identified on the rehearsal car."""


def test_bad_input_is_one_line_and_leaves_nothing_behind(complains, workplace):
    good = record_drives(workplace / "good", [60, 60])
    blind = record_drives(workplace / "blind", [60, 60], cameras=())
    tall = record_drives(workplace / "tall", [60, 60], size=(120, 120))
    words = ("identify", "sensor")
    complains((*words, "absent"), "no such folder: absent")
    complains((*words, blind), "no camera 'front'; its cameras: none")
    complains((*words, record_drives(workplace / "few", [10, 10])), "a sensor needs 10: record more")
    complains((*words, tall), "frames of 120x120 px, the task's have 160x120")
    arm = record_drives(workplace / "arm", [60, 60], names=("shoulder_pan.pos", "gripper.pos"))
    complains((*words, arm), "a recording of another robot: its actions are shoulder_pan.pos, gripper.pos")
    complains((*words, covered(workplace / "covered")), "frames show nothing, 90 % of their values lie from 3 to 3")
    complains((*words, good, "--task", "Fly"), "Fly")
    complains((*words, good, "--frames", "3"), "frames must be at least 60")
    complains((*words, good, "--worlds", "2"), "worlds must be at least 16")
    complains(("identify", "lens", good), "no robot 'lens'; there are: so101; or `sensor`")
    (workplace / "used").mkdir()
    (workplace / "used/file").write_text("")
    complains((*words, good, "--out", "used"), "used exists")


def covered(root: Path) -> Path:
    """A dataset of black frames."""
    black = EncodedImage(images.encode(np.full((120, 160, 3), 3, np.uint8)), (120, 160, 3))
    with EpisodeWriter(root, {CAMERA: camera_feature(120, 160)}, 20, robot_type="lane-car") as writer:
        writer.save_columns({CAMERA: [black] * 90}, "drive")
    return root


def test_help_shows_an_example(command):
    done = command("identify", "sensor", "--help")
    assert done.code == 0 and "sim2real identify sensor datasets/track_1" in done.out
    assert "identify sensor" in command("identify", "--help").out


def truth(dataset: Path) -> dict[str, float]:
    """The mean over episodes of what the rehearsal car's sensor drew; recording withholds it."""
    seeds = [int(name.split()[-1]) for name in sessions(dataset)]
    env = BatchEnv(make_task("LaneFollow", "recording"), len(seeds), randomization="rehearsal", observations=("state",))
    env.reset(seed=seeds)
    drawn = [env.episode_parameters(k) for k in range(len(seeds))]
    env.close()
    names = {name: [key for key in drawn[0] if key.startswith(f"sensor.{name}")] for name in TOLD}
    return {name: float(np.mean([each[keys[0]] for each in drawn])) for name, keys in names.items()}


def sessions(dataset: Path) -> list[str]:
    from sim2real.datasets import EpisodeDataset

    return [str(name) for name in EpisodeDataset.open(dataset).sessions]


@pytest.mark.slow
def test_the_withheld_sensor_of_the_rehearsal_car_is_found(command, workplace):
    record_on_rehearsal(workplace / "set", RecordConfig(episodes=EPISODES, seconds=10))
    done = command("identify", "sensor", "set", "--out", "run", "--frames", 360, "--worlds", 64)
    assert done.code == 0, done.err
    found = json.loads((workplace / "run/sensor.json").read_text())
    assert set(found["jpeg_quality"]) == {"50", "60"}
    default = resolve_randomization(make_task("LaneFollow", "train").spec, "default")
    narrow = Randomization.load(workplace / "run/randomization.toml")
    for name, true in truth(workplace / "set").items():
        parameter = found["parameters"][name]
        assert parameter["identified"] and parameter["low"] < true < parameter["high"], (name, parameter, true)
        before, after = (
            [vary.range for vary in each.varied if vary.field == f"sensor.{name}"] for each in (default, narrow)
        )
        assert np.ptp(after[0]) < np.ptp(before[0]), (name, before, after)
    assert "exposure" in found["not_identified"]  # a lamp looks the same
    metrics = json.loads((workplace / "run/metrics.json").read_text())
    assert metrics["finished"] and metrics["distance"]["identified"] < metrics["distance"]["nominal"]
    page = (workplace / "run/report.html").read_text()
    assert "through the identified sensor" in page and "Not identified" in page
