"""Exported policies act as the policies as trained, in folders that need neither torch nor this package."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch

from arms import arm_config
from envs import make_task, task_names
from policies import EncoderConfig, HeadsConfig, Policy, PolicyConfig, Preprocessing
from sim2real.checkpoints import save_policy
from sim2real.errors import InputError
from sim2real.export import donkeycar_part
from sim2real.export.check import TOLERANCE
from sim2real.export.config import ExportConfig
from sim2real.export.export import export_policy
from sim2real.export.exported import DESCRIPTION, FRAMES, MODEL, ExportedPolicy, describe_boundary, read_boundary
from sim2real.export.graph import write_graph
from sim2real.export.room import renamed
from sim2real.rehearsal.robot import boundary_of

torch.set_num_threads(1)
BLOCKED = ("torch", "mujoco", "warp", "gymnasium", "scipy", "pyarrow", "sim2real", "policies", "envs", "launch")


def small(kind: str = "conv", state: int = 0, normalization: str = "per-image", task: str = "") -> Policy:
    torch.manual_seed(0)
    encoder, heads = EncoderConfig(kind, (24, 40), width=8), HeadsConfig({"lane": 2}, state=state, reduced=8, hidden=32)
    seen = Preprocessing(size=(40, 24), normalization=normalization)
    return Policy(PolicyConfig(encoder, heads, seen, task=task)).eval()


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The export of a policy with a state, an alignment and a gain; of a task that is not registered."""
    folder = tmp_path_factory.mktemp("export")
    policy = small(state=3)
    policy.align.similarity.copy_(torch.tensor([0.03, -0.05, 0.02, 0.04]))
    policy.heads.action.fold(torch.tensor([1.6, 0.7]), torch.tensor([0.1, -0.2]))
    save_policy(folder / "policy", policy, {}, "# A policy\n")
    export_policy(ExportConfig(folder / "policy"), folder / "exported")
    return folder / "exported"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "state", "normalization"), [("conv", 0, "none"), ("conv", 4, "per-channel"), ("resnet18", 2, "per-image")]
)
def test_every_kind_of_policy_acts_the_same_in_batches_of_any_size(tmp_path, kind, state, normalization):
    policy = small(kind, state, normalization)
    write_graph(policy, tmp_path / MODEL, {"task": "none"})
    session = onnxruntime.InferenceSession(tmp_path / MODEL, providers=["CPUExecutionProvider"])
    random = np.random.default_rng(1)
    for count in (1, 2, 5):
        images = random.integers(0, 256, (count, 24, 40, 3), np.uint8)
        states = random.normal(size=(count, state)).astype(np.float32)
        (actions,) = map(np.asarray, session.run(None, {"images": images} | ({"state": states} if state else {})))
        seen = {"images.front": images} | ({"state": states} if state else {})
        np.testing.assert_allclose(actions, policy.act(seen), atol=TOLERANCE)


@pytest.mark.slow
def test_an_export_runs_without_torch_and_without_us(exported: Path):
    lines = f"import sys, runpy; sys.modules.update(dict.fromkeys({BLOCKED!r}))"
    run = [sys.executable, "-c", f"{lines}; runpy.run_path({str(exported / 'check.py')!r}, run_name='__main__')"]
    environment = {"PYTHONPATH": str(exported)}
    done = subprocess.run(run, cwd="/", env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "largest difference of an action" in done.stdout and "99 % within" in done.stdout
    modules = [".".join(file.relative_to(exported).with_suffix("").parts) for file in exported.rglob("runtime/**/*.py")]
    everything = "; ".join(f"import {name.removesuffix('.__init__')}" for name in modules)
    subprocess.run([sys.executable, "-c", f"{lines}; {everything}"], cwd="/", env=environment, check=True)


@pytest.mark.slow
def test_the_check_fails_for_other_actions(exported: Path, tmp_path: Path):
    wrong = tmp_path / "wrong"
    subprocess.run(["cp", "-r", str(exported), str(wrong)], check=True)
    with np.load(exported / FRAMES) as stored:
        np.savez(wrong / FRAMES, images=stored["images"], state=stored["state"], actions=stored["actions"] + 2e-5)
    assert subprocess.run([sys.executable, "check.py"], cwd=wrong, capture_output=True, check=False).returncode == 1
    (wrong / FRAMES).unlink()
    done = subprocess.run([sys.executable, "check.py"], cwd=wrong, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and FRAMES in done.stderr


@pytest.mark.slow
def test_the_file_alone_says_what_it_is(exported: Path):
    session = onnxruntime.InferenceSession(exported / MODEL, providers=["CPUExecutionProvider"])
    told = session.get_modelmeta().custom_metadata_map
    assert json.loads(told["action_names"]) == ["steering", "throttle"] and json.loads(told["state"]) == 3
    assert json.loads(told["preprocessing"])["camera"] == "front" and told["code_revision"]
    assert str(Path(__file__).parents[3]) not in (exported / MODEL).read_bytes().decode("latin-1")


@pytest.mark.slow
def test_bad_input_is_one_line(exported: Path, tmp_path: Path):
    policy = ExportedPolicy(exported)
    frame = np.zeros((120, 160, 3), np.uint8)
    for observation, problem in (
        ({"images.top": frame, "state": np.zeros(3)}, "images.front"),
        ({"images.front": frame}, "needs 'state'"),
        ({"images.front": frame, "state": np.array([0, np.nan, 0])}, "not finite"),
        ({"images.front": frame.astype(float), "state": np.zeros(3)}, "uint8"),
    ):
        with pytest.raises(InputError, match=problem):
            policy.act(observation)
    broken = tmp_path / "broken"
    subprocess.run(["cp", "-r", str(exported), str(broken)], check=True)
    content = (broken / MODEL).read_bytes()
    (broken / MODEL).write_bytes(content[:-9])
    with pytest.raises(InputError, match="damaged"):
        ExportedPolicy(broken)
    values = json.loads((broken / DESCRIPTION).read_text())
    (broken / DESCRIPTION).write_text(json.dumps({**values, "format_version": 9}))
    with pytest.raises(InputError, match="format version 9"):
        ExportedPolicy(broken)
    (broken / DESCRIPTION).write_text(json.dumps({**values, "preprocessing": {"size": 3}}))
    with pytest.raises(InputError, match="does not describe"):
        ExportedPolicy(broken)
    with pytest.raises(InputError, match="no export"):
        ExportedPolicy(tmp_path / "nowhere")


@pytest.mark.slow
@pytest.mark.parametrize("name", [*task_names(), "Reach:absolute"])
def test_the_boundary_of_every_task_survives(name: str):
    task = make_task(name, "rehearsal")
    boundary, dt = boundary_of(task), task.spec.control_dt
    again = read_boundary(json.loads(json.dumps(describe_boundary(boundary))), dt)
    random = np.random.default_rng(0)
    middle = (boundary.limits.lower + boundary.limits.upper) / 2
    for _ in range(20):
        action, measured = random.uniform(-1.2, 1.2, len(middle)), middle + random.normal(0, 0.1, len(middle))
        sent = middle + random.normal(0, 0.1, len(middle))
        np.testing.assert_array_equal(again.command(action, measured, sent), boundary.command(action, measured, sent))
        np.testing.assert_array_equal(again.to_log(measured), boundary.to_log(measured))
        if len(boundary.state_names) == len(middle):
            np.testing.assert_array_equal(again.observed(measured, sent), boundary.observed(measured, sent))
    np.testing.assert_array_equal(again.limits.step, boundary.limits.step)
    assert again.state_names == boundary.state_names and again.action_names == boundary.action_names


def test_imports_of_ours_get_another_name_and_others_keep_theirs():
    ours = "from sim2real.export.exported import A\n    from policies.errors import B\nimport envs.x\n"
    other = "import sim2real_other\n# from us\n"
    expected = "from room.exported import A\n    from room.policies.errors import B\nimport room.envs.x\n"
    assert renamed(ours + other, "room") == expected + other


class Vehicle:
    """Adds and runs parts as Donkeycar's `Vehicle` does, as far as these two need it."""

    def __init__(self) -> None:
        self.memory: dict[str, Any] = {"run_pilot": True, "user/mode": "local"}
        self.parts: list[dict[str, Any]] = []

    def add(self, part: Any, inputs: list[str], outputs: list[str], **options: Any) -> None:
        self.parts.append({"part": part, "inputs": inputs, "outputs": outputs, **options})

    def loop(self) -> dict[str, Any]:
        for entry in self.parts:
            if self.memory.get(entry.get("run_condition", ""), True):
                run = entry["part"].run_threaded if entry.get("threaded") else entry["part"].run
                values = run(*(self.memory.get(name) for name in entry["inputs"]))
                self.memory |= dict(zip(entry["outputs"], values, strict=True))
        return self.memory


@pytest.mark.slow
def test_a_donkeycar_is_driven_by_the_lines_of_its_export(tmp_path: Path):
    save_policy(tmp_path / "policy", small(), {}, "")
    export_policy(ExportConfig(tmp_path / "policy", "donkeycar"), tmp_path / "exported")
    assert "sys.path.insert" in (tmp_path / "exported/donkeycar_part.py").read_text()
    vehicle, policy = Vehicle(), ExportedPolicy(tmp_path / "exported")
    donkeycar_part.add_pilot(vehicle, tmp_path / "exported")
    assert vehicle.loop()["pilot/angle"] == 0.0, "no image yet"
    frame = np.random.default_rng(0).integers(0, 256, (120, 160, 3), np.uint8)
    vehicle.memory["cam/image_array"] = frame
    told = vehicle.loop()
    np.testing.assert_allclose([told["pilot/angle"], told["pilot/throttle"]], policy.act({"images.front": frame}))


@pytest.mark.slow
def test_an_arms_policy_is_no_pilot(tmp_path: Path):
    save_policy(tmp_path / "policy", Policy(arm_config()).eval(), {}, "")
    with pytest.raises(InputError, match="a car takes steering and throttle"):
        export_policy(ExportConfig(tmp_path / "policy", "donkeycar"), tmp_path / "exported")
    assert not (tmp_path / "exported").exists()


def test_a_donkeycar_offers_itself_to_one_computer(tmp_path: Path):
    vehicle = Vehicle()
    part = donkeycar_part.add_bridge(vehicle, "127.0.0.1:0", tmp_path / "token")
    vehicle.memory["cam/image_array"] = np.zeros((120, 160, 3), np.uint8)
    told = vehicle.loop()
    assert (told["pilot/angle"], told["pilot/throttle"]) == (0.0, 0.0), "nobody drives"
    assert (tmp_path / "token").stat().st_mode & 0o077 == 0
    part.shutdown()
