# pyright: reportMissingImports=false, reportAttributeAccessIssue=false, reportArgumentType=false
"""LeRobot's plugin: the files of an export, and that LeRobot gets what our own loop would send.

`exchange.json` is what LeRobot 0.6.1 gave an exported policy on the emulated arm, and what it got:
`tests/acceptance/lerobot_both_ways.py` keeps it.
"""

import base64
import importlib
import json
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from arms import arm_config
from envs import make_task
from lerobot_stand_ins import stand_ins
from policies import Policy
from sim2real.checkpoints import save_policy
from sim2real.emulation.emulator import emulated_servos
from sim2real.errors import InputError
from sim2real.export.config import ExportConfig
from sim2real.export.export import export_policy
from sim2real.export.exported import ExportedPolicy
from sim2real.export.plugin.episode import NEAR, Episode, grey_levels, lerobot_units
from sim2real.files import write_json
from sim2real.rehearsal.robot import boundary_of, home_of
from sim2real.robots.boundary import JointBoundary
from sim2real.robots.calibration import Calibration, lerobot_folder, new_calibration
from sim2real.robots.loop import SUCCESS, run_episode
from sim2real.robots.safety import UnsafeCommandError
from sim2real.robots.so101 import SO101
from untrained import untrained

torch.set_num_threads(1)
EXCHANGE = json.loads((Path(__file__).parent / "exchange.json").read_text())
KEY = "images.front"
OURS = ("sim2real", "policies", "envs", "launch", "mujoco", "warp", "gymnasium")


@pytest.fixture(scope="module")
def boundary() -> JointBoundary:
    made = boundary_of(make_task("Reach", "rehearsal"))
    assert isinstance(made, JointBoundary)
    return made


class Recorded:
    """An exported policy that repeats recorded actions, and keeps what it saw."""

    task, preprocessing, state = "Reach", SimpleNamespace(key=KEY), 12

    def __init__(self, boundary: JointBoundary, actions: list[Any], home: np.ndarray | None = None) -> None:
        self.boundary, self.home, self._actions, self.seen = boundary, home, iter(actions), []

    def act(self, observation: Mapping[str, np.ndarray]) -> np.ndarray:
        self.seen.append(observation)
        return np.array(next(self._actions))


FRAME = np.zeros((3, 8, 8), np.float32)


def test_lerobot_got_what_the_plugin_returns(boundary: JointBoundary):
    steps = EXCHANGE["steps"]
    assert EXCHANGE["lerobot"] == "0.6.1" and len(steps) > 20
    policy = Recorded(boundary, [step["action"] for step in steps])
    episode = Episode(policy, lerobot_units(boundary))
    for step in steps:
        command = episode.command(FRAME, np.array(step["state"], np.float32))
        assert command.dtype == np.float32
        np.testing.assert_allclose(command, step["command"], atol=1e-4)
        np.testing.assert_allclose(policy.seen[-1]["state"], step["seen"], atol=1e-6)
    assert np.ptp([step["command"] for step in steps], axis=0).max() > 3, "the arm moved"


class Replayed:
    """A robot that measures what was recorded, and keeps what it is sent; it rounds nothing."""

    control_dt, action_names = 1 / 30, SO101.joints

    def __init__(self, states: np.ndarray) -> None:
        self.states, self.sent = states, []

    def observe(self) -> dict[str, Any]:
        k = len(self.sent)
        frame = np.full((8, 8, 3), k, np.uint8)
        return {"state": self.states[min(k, len(self.states) - 1)], KEY: frame, "time": k * self.control_dt}

    def command(self, action: np.ndarray) -> np.ndarray:
        self.sent.append(action)
        return action

    def stop(self) -> None:
        pass

    def close(self) -> None:
        pass


def test_our_own_loop_sends_the_same(boundary: JointBoundary):
    steps, units = EXCHANGE["steps"], lerobot_units(boundary)
    robot = Replayed(units.to_radians(np.array([step["state"] for step in steps])))
    actions = iter([np.array(step["action"]) for step in steps])
    ends = lambda time_is_up: SUCCESS if time_is_up else None  # noqa: E731
    assert run_episode(robot, lambda seen: next(actions), boundary, len(steps), ends).label == SUCCESS
    np.testing.assert_allclose(units.from_radians(np.array(robot.sent)), [s["command"] for s in steps], atol=1e-4)


def test_frames_become_the_bytes_they_were():
    levels = np.arange(256, dtype=np.uint8).reshape(1, 16, 16).repeat(3, 0)
    np.testing.assert_array_equal(grey_levels(levels.astype(np.float32) / 255), levels.transpose(1, 2, 0))
    np.testing.assert_array_equal(grey_levels(levels), levels.transpose(1, 2, 0))
    known = EXCHANGE["frame"]
    bgr = cv2.imdecode(np.frombuffer(base64.b64decode(known["png"]), np.uint8), cv2.IMREAD_COLOR)
    assert bgr is not None and known["shape"] == [1, 3, *bgr.shape[:2]] and known["dtype"] == "torch.float32"
    assert bgr.astype(np.float32).sum() / 255 == pytest.approx(known["sum"], rel=1e-6)
    for wrong, says in ((FRAME[:1], r"\(3, H, W\)"), (FRAME + 2, "0…1"), (FRAME * np.nan, "0…1")):
        with pytest.raises(InputError, match=says):
            grey_levels(wrong)


def test_bad_numbers_are_not_commanded(boundary: JointBoundary):
    start = np.array(EXCHANGE["steps"][0]["state"])
    for action, state in ((np.full(6, np.nan), start), (np.zeros(6), start * np.nan)):
        with pytest.raises((UnsafeCommandError, InputError), match="not finite"):
            Episode(Recorded(boundary, [action]), lerobot_units(boundary)).command(FRAME, state)


def test_an_episode_begins_at_home(boundary: JointBoundary):
    home = np.array(home_of(make_task("Reach", "rehearsal")))
    units, away = lerobot_units(boundary), home + np.array([0.5, 0.3, 0, 0, -0.8, 0.2])
    policy = Recorded(boundary, [np.ones(6)], home)
    episode, here, steps = Episode(policy, units), away, []
    while not policy.seen:
        steps.append(units.to_radians(episode.command(FRAME, units.from_radians(here))) - here)
        here = here + steps[-1]
    assert len(steps) > 30 and np.abs(steps[:-1]).max() < 0.6 / 30 + 1e-6, "slowly"
    np.testing.assert_allclose(here - steps[-1], home, atol=1e-5)
    policy = Recorded(boundary, [np.ones(6)] * 2, home)
    Episode(policy, units).command(FRAME, units.from_radians(home + 0.9 * NEAR))
    Episode(policy, units, home=False).command(FRAME, units.from_radians(away))
    assert len(policy.seen) == 2, "from near it, or where that is not wanted, the policy acts at once"


@given(st.lists(st.integers(0, 4095), min_size=6, max_size=6))
def test_degrees_are_those_of_lerobot(boundary: JointBoundary, ticks: list[int]):
    """With LeRobot's own conversion of ticks: (tick - middle) * 360 / 4095, and 0…100 of a gripper's range."""
    arm, units = _calibrated(), lerobot_units(boundary)
    there = np.clip(ticks, arm.low, arm.high)
    degrees = (there - (arm.low + arm.high) / 2) * 360 / 4095
    degrees[-1] = 100 * (there[-1] - arm.low[-1]) / (arm.high[-1] - arm.low[-1])
    np.testing.assert_allclose(units.to_radians(degrees)[:-1], arm.to_radians(there)[:-1], atol=1e-9)
    rounded = 4e-5  # rad: the gripper's ends are those of the model, whose description here is rounded
    np.testing.assert_allclose(units.to_radians(degrees), arm.to_radians(there), atol=rounded)
    np.testing.assert_allclose(units.from_radians(units.to_radians(degrees)), degrees, atol=1e-9)


@pytest.fixture(scope="module")
def calibration(tmp_path_factory: pytest.TempPathFactory) -> str:
    file = tmp_path_factory.mktemp("arm") / "so101.json"
    write_json(file, emulated_servos()[0])
    return str(file)


@given(st.lists(st.integers(0, 4095), min_size=6, max_size=6))
def test_the_normalized_mode_is_that_of_lerobot(boundary: JointBoundary, calibration: str, ticks: list[int]):
    arm, units = _calibrated(), lerobot_units(boundary, degrees=False, calibration=calibration)
    there = np.clip(ticks, arm.low, arm.high)
    values = 200 * (there - arm.low) / (arm.high - arm.low) - 100
    values[-1] = (values[-1] + 100) / 2
    np.testing.assert_allclose(units.to_radians(values), arm.to_radians(there), atol=1e-9)
    with pytest.raises(InputError, match="calibration"):
        lerobot_units(boundary, degrees=False)


def _calibrated() -> Calibration:
    entries = emulated_servos()[0].values()
    ids, low, high, offset = np.array(
        [[e["id"], e["range_min"], e["range_max"], e["homing_offset"]] for e in entries]
    ).T
    zero, scale = np.zeros(6), np.full(6, 2 * np.pi / 4096)
    gripper = SO101.limits[-1]
    zero[-1], scale[-1] = np.mean(gripper), np.ptp(gripper) / (high[-1] - low[-1])
    return Calibration(tuple(ids.tolist()), low.astype(float), high.astype(float), offset, zero, scale)


def test_lerobots_folder_is_where_lerobot_looks(monkeypatch: pytest.MonkeyPatch):
    """As `huggingface_hub.constants` and `lerobot.utils.constants` have it."""
    for name in ("HF_LEROBOT_CALIBRATION", "HF_LEROBOT_HOME", "HF_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    assert lerobot_folder() == Path.home() / ".cache/huggingface/lerobot/calibration/robots"
    for name, value, expected in (
        ("XDG_CACHE_HOME", "/a", "/a/huggingface/lerobot/calibration/robots"),
        ("HF_HOME", "/b", "/b/lerobot/calibration/robots"),
        ("HF_LEROBOT_HOME", "~/c", str(Path.home() / "c/calibration/robots")),
        ("HF_LEROBOT_CALIBRATION", "/d", "/d/robots"),
    ):
        monkeypatch.setenv(name, value)
        assert lerobot_folder() == Path(expected)


def test_a_new_calibration_lies_where_lerobot_looks_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HF_LEROBOT_CALIBRATION", str(tmp_path))
    assert new_calibration("left", SO101.types) == tmp_path / "robots/so_follower/left.json", "LeRobot 0.6.1"
    (tmp_path / "robots/so101_follower").mkdir(parents=True)
    assert new_calibration("left", SO101.types) == tmp_path / "robots/so101_follower/left.json", "an older one"
    (tmp_path / "robots/so_follower").mkdir()
    assert new_calibration("left", SO101.types) == tmp_path / "robots/so_follower/left.json"


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The export of a policy of Reach that learned nothing, for LeRobot."""
    folder = tmp_path_factory.mktemp("export")
    torch.manual_seed(0)
    save_policy(folder / "policy", Policy(arm_config("Reach")), {}, "# A policy\n")
    export_policy(ExportConfig(folder / "policy", "lerobot"), folder / "exported")
    return folder / "exported"


@pytest.mark.slow
def test_the_files_are_those_that_lerobot_loads(exported: Path):
    folder = exported / "lerobot"
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    assert project["name"].startswith("lerobot_policy_") and (folder / project["name"] / "__init__.py").is_file()
    assert project["version"][0].isdigit()
    settings = json.loads((folder / "checkpoint/config.json").read_text())
    assert settings["type"] == "sim2real" and settings["device"] == "cpu"
    assert settings["input_features"]["observation.images.front"] == {"type": "VISUAL", "shape": [3, 120, 160]}
    assert settings["output_features"]["action"]["shape"] == [6]
    assert settings["action_feature_names"] == [f"{joint}.pos" for joint in SO101.joints]
    for name, steps in EXCHANGE["processors"].items():
        assert json.loads((folder / "checkpoint" / f"{name}.json").read_text()) == steps, "as LeRobot itself writes it"
    for file in folder.rglob("*.py"):
        compile(file.read_text(), file.name, "exec")
    left = [
        file.name for file in folder.rglob("*") if file.is_file() and "@" in file.read_text("latin-1").split("\n")[0]
    ]
    assert not left and "@TASK@" not in (folder / "README.md").read_text() + (folder / "env.py").read_text()


RUN = """
import sys
sys.modules.update(dict.fromkeys({ours!r}))
sys.path[:0] = [{helpers!r}, {plugin!r}]
import lerobot_stand_ins
lerobot_stand_ins.install()
import json, torch
import lerobot_policy_sim2real as plugin
from lerobot_policy_sim2real import modeling_sim2real, processor_sim2real, urlcamera
config = plugin.Sim2RealConfig(home=False)
policy = modeling_sim2real.Sim2RealPolicy.from_pretrained({checkpoint!r}, config=config)
images = torch.arange(2 * 3 * 120 * 160).reshape(2, 3, 120, 160) % 256 / 255
state = torch.tensor([[0.0, -34, 34, 74, 0, 17], [9.0, -14, 50, 76, 4, 9]])
batch = {{"observation.images.front": images, "observation.state": state}}
first, second = policy.select_action(batch), policy.select_action(batch)
policy.reset()
again = policy.predict_action_chunk(batch)[:, 0]
print(json.dumps([one.tolist() for one in (first, second, again)]))
"""


@pytest.mark.slow
def test_the_plugin_acts_without_us_as_the_policy_in_our_loop(exported: Path, boundary: JointBoundary):
    helpers = str(Path(__file__).parents[2] / "helpers")
    plugin, checkpoint = str(exported / "lerobot"), str(exported / "lerobot/checkpoint")
    text = RUN.format(ours=OURS, helpers=helpers, plugin=plugin, checkpoint=checkpoint)
    done = subprocess.run([sys.executable, "-c", text], cwd="/", capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    first, second, again = np.array(json.loads(done.stdout))
    assert first.shape == (2, 6)
    images = (np.arange(2 * 3 * 120 * 160).reshape(2, 3, 120, 160) % 256).astype(np.uint8)
    policy, units = ExportedPolicy(exported), lerobot_units(boundary)
    states = np.array([[0, -34, 34, 74, 0, 17], [9, -14, 50, 76, 4, 9]], float)
    for row in range(2):
        episode = Episode(policy, units, home=False)
        for told in (first, second):
            np.testing.assert_allclose(episode.command(images[row], states[row]), told[row], atol=1e-4)
    np.testing.assert_array_equal(first, again, "a reset begins an episode")
    assert np.abs(first - second).max() > 1e-3, "within it, the last target counts"


@pytest.mark.slow
def test_a_cars_policy_is_refused(tmp_path: Path):
    save_policy(tmp_path / "policy", untrained(), {}, "# A policy\n")
    with pytest.raises(InputError, match="LeRobot drives arms"):
        export_policy(ExportConfig(tmp_path / "policy", "lerobot"), tmp_path / "exported")
    assert not (tmp_path / "exported").exists()


class Stream:
    """A webcam whose frames a test takes."""

    def __init__(self, url: str) -> None:
        self.frame, self.taken, self.closed = np.zeros((12, 16, 3), np.uint8), 5.0, False

    def latest(self) -> tuple[np.ndarray, float]:
        return self.frame, self.taken

    def close(self) -> None:
        self.closed = True


def test_a_camera_with_an_address(monkeypatch: pytest.MonkeyPatch):
    for name, module in stand_ins().items():
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.delitem(sys.modules, "sim2real.export.plugin.urlcamera", raising=False)
    module = importlib.import_module("sim2real.export.plugin.urlcamera")
    monkeypatch.setitem(sys.modules, "sim2real.export.plugin.urlcamera", module)  # forgotten after the test
    clock = SimpleNamespace(now=5.1)
    clock.monotonic, clock.sleep = lambda: clock.now, lambda seconds: setattr(clock, "now", clock.now + seconds)
    monkeypatch.setattr(module, "Webcam", Stream)
    monkeypatch.setattr(module, "time", clock)
    camera = module.UrlCamera(module.UrlCameraConfig(url="http://x", width=16, height=12, fps=30))
    with pytest.raises(OSError, match="not connected"):
        camera.read_latest()
    camera.connect()
    assert camera.is_connected and camera.read_latest().shape == (12, 16, 3)
    with pytest.raises(TimeoutError, match="no new frame for 200 ms"):
        camera.async_read()
    camera._webcam.taken = clock.now
    assert camera.read() is camera._webcam.frame
    clock.now += 0.6
    with pytest.raises(TimeoutError, match="600 ms old"):
        camera.read_latest()
    stream = camera._webcam
    camera.disconnect()
    assert stream.closed and not camera.is_connected
    other = module.UrlCamera(module.UrlCameraConfig(url="http://x", width=640, height=480, fps=30))
    with pytest.raises(OSError, match="gives 16x12 px: set its width to 16"):
        other.connect()
    assert not other.is_connected


def test_the_way_home_waits_for_an_arm_that_does_not_follow(boundary: JointBoundary):
    episode, units = Episode(Recorded(boundary, [np.zeros(6)]), lerobot_units(boundary)), lerobot_units(boundary)
    home, reach = np.zeros(6), boundary.limits.reach
    assert reach is not None
    blocked = home + 1.2
    episode._home = home
    told = [units.to_radians(episode.command(FRAME, units.from_radians(blocked))) for _ in range(200)]
    assert np.abs(np.array(told) - blocked).max() <= reach.max() + 1e-5, "it is not pressed harder and harder"
    with pytest.raises(InputError, match="not finite"):
        episode.command(FRAME, units.from_radians(blocked) * np.nan)
