"""`sim2real evaluate`: rates with intervals, films, comparisons, and one line for a checkpoint that cannot be read."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import warp as wp

from envs import make_task
from policies import Policy
from sim2real.checkpoints import load_policy, save_policy
from sim2real.evaluation import evaluate as room
from sim2real.evaluation.config import EvaluateConfig
from sim2real.evaluation.simulation import Episodes
from sim2real.models import Checkpoint
from sim2real.runs import start_run
from sim2real.statistics.rates import RateDifference
from sim2real.training.pretrain_config import PretrainConfig
from sim2real.training.pretraining import policy_config

torch.set_num_threads(1)
Complains = Callable[[tuple, str], None]


@pytest.fixture(autouse=True)
def policy(workplace: Path, short_lane: str) -> Path:
    """A checkpoint of a policy that never learned anything, in `policy`."""
    config = policy_config(make_task(short_lane).spec, PretrainConfig(short_lane, width=4))
    save_policy(workplace / "policy", Policy(config), {}, "# A policy")
    return workplace / "policy"


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1000])


def set_version(path: Path) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), "format_version": 7}))


def set_task(path: Path) -> None:
    path.write_text(path.read_text().replace('"task": "LaneFollow"', '"task": "Juggle"'))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda f: set_version(f / "config.json"), "config.json has format version 7; this program reads version 1"),
        (lambda f: truncate(f / "model.safetensors"), r"model.safetensors is damaged: \d+ bytes"),
        (lambda f: truncate(f / "config.json"), "config.json is damaged: not complete JSON"),
        (lambda f: (f / "config.json").unlink(), "policy is not a checkpoint: it has no config.json"),
        (lambda f: (f / "model.safetensors").unlink(), "not a complete checkpoint: it has no model.safetensors"),
        (lambda f: set_task(f / "config.json"), "no task 'Juggle'; valid: LaneFollow"),
    ],
)
def test_a_checkpoint_that_cannot_be_read(complains: Complains, policy: Path, damage: Any, message: str):
    damage(policy)
    complains(("evaluate", "policy"), message)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--episodes", "0"), "episodes must be at least 1, not 0"),
        (("--seconds", "0"), "seconds must be positive, not 0"),
        (("--seed", "-1"), "seed must be at least 0, not -1"),
        (("--video", "film.gif"), r"the name must end in \.mp4, \.mkv or \.mov"),
        (("--randomization", "wild"), "no randomization 'wild'; presets: none, default, wide"),
        (("--out", "policy"), "policy exists: .* choose another --out"),
        (("policy", "--dataset", "set"), "--dataset takes one checkpoint"),
        (("policy", "--video", "film.mp4"), "--video films one checkpoint with --on sim"),
        (("--on", "rehearsal", "--video", "film.mp4"), "--video films one checkpoint with --on sim"),
        (("--on", "rehearsal", "--randomization", "wide"), "the rehearsal robot has a fixed appearance"),
        (("--on", "rehearsal", "--layout", "-1"), "layout must be 0 to 9999, not -1"),
        (("--on", "sim", "--layout", "0"), "--layout is for --on rehearsal: --on sim has no layouts"),
        (("--on", "robot", "--layout", "0"), "--layout is for --on rehearsal: --on robot has no layouts"),
        (("policy", "policy", "--on", "both", "--layout", "0"), "--layout is for --on rehearsal"),
        (("--on", "rehearsal", "--dataset", "set"), "--dataset moves nothing: leave out --on rehearsal"),
        (("nowhere",), "nowhere"),
    ],
)
def test_an_evaluation_that_cannot_be(complains: Complains, words: tuple, message: str):
    complains(("evaluate", "policy", *words), message)


def test_checkpoints_of_two_tasks_are_not_compared(complains: Complains, workplace: Path, policy: Path):
    shutil.copytree(policy, workplace / "other")
    set_task(workplace / "other" / "config.json")
    complains(("evaluate", "policy", "other"), "no task 'Juggle'; valid: LaneFollow")


@pytest.mark.skipif(wp.is_cuda_available(), reason="there is a CUDA device here")
def test_a_gpu_that_is_not_there(complains: Complains):
    complains(("evaluate", "policy", "--device", "cuda"), "no device 'cuda' on this machine; available: cpu")


def test_an_unfinished_run_has_no_policy_to_evaluate(complains: Complains, workplace: Path, short_lane: str):
    run, _ = start_run("pretrain", PretrainConfig(short_lane), workplace / "run", resume=False)
    run.tensorboard.mkdir()
    complains(("evaluate", "run"), "run has no policy: .* did not finish")


@pytest.mark.slow
def test_evaluate_prints_the_rate_with_its_interval_and_films(command: Callable[..., Any], workplace: Path):
    words = ("--episodes", "3", "--video", "film.mp4", "--seconds", "0.2", "--out", "run")
    done = command("evaluate", "policy", "--on", "sim", *words)
    assert done.code == 0 and done.err == ""
    assert "LaneFollow: policy on unseen simulated worlds (default)" in done.out and "95 % interval" in done.out
    rate = json.loads((workplace / "run" / "metrics.json").read_text())["success"]
    assert f"{100 * rate['low']:.1f} … {100 * rate['high']:.1f} %" in done.out and rate["count"] == 3
    assert json.loads((workplace / "run" / "config.json").read_text())["config"]["checkpoint"] == "policy"
    assert (workplace / "film.mp4").stat().st_size > 1000 and "video: film.mp4" in done.out


def test_evaluate_on_the_rehearsal_robot(command: Callable[..., Any], workplace: Path):
    done = command("evaluate", "policy", "--on", "rehearsal", "--episodes", "3", "--out", "run")
    assert done.code == 0 and done.err == ""
    assert "LaneFollow: policy on the rehearsal robot\n" in done.out and "evaluate: " in done.out
    metrics = json.loads((workplace / "run" / "metrics.json").read_text())
    assert metrics["on"] == "rehearsal" and metrics["success"]["count"] == 3 and metrics["finished"]


def test_evaluate_on_one_layout_of_the_rehearsal_robot(command: Callable[..., Any], workplace: Path):
    done = command("evaluate", "policy", "--on", "rehearsal", "--layout", "4", "--episodes", "3", "--out", "run")
    assert done.code == 0 and done.err == "" and "policy on the rehearsal robot (layout 4)\n" in done.out
    assert json.loads((workplace / "run" / "metrics.json").read_text())["layout"] == 4
    assert json.loads((workplace / "run" / "config.json").read_text())["config"]["layout"] == 4


def test_an_arm_has_no_layouts(complains: Complains, workplace: Path):
    config = policy_config(make_task("Reach").spec, PretrainConfig("Reach", width=4))
    save_policy(workplace / "reach", Policy(config), {}, "# A policy")
    complains(("evaluate", "reach", "--on", "rehearsal", "--layout", "0"), "Reach has no layouts")


@pytest.mark.slow
@pytest.mark.parametrize("on", ["sim", "rehearsal"])
def test_two_checkpoints_meet_the_same_episodes(
    command: Callable[..., Any], workplace: Path, short_lane: str, monkeypatch: pytest.MonkeyPatch, on: str
):
    torch.manual_seed(1)
    other = Policy(policy_config(make_task(short_lane).spec, PretrainConfig(short_lane, width=4)))
    save_policy(workplace / "other", other, {}, "# Another policy")
    episodes_of = {}
    for name, wins in (("policy", [True, False, False, False]), ("other", [False, True, True, False])):
        episodes_of[name] = Episodes(5 + np.arange(4), np.array(wins), ~np.array(wins), np.full(4, 9), np.zeros(4))
    started = []

    def driven(
        config: EvaluateConfig, policies: list[Policy], folders: list[Path], progress: Callable[[int, int], None]
    ) -> list[Episodes]:
        started.append([load(config.checkpoint, policies[0]), load(config.against, policies[1])])
        return list(episodes_of.values())

    def load(path: Checkpoint | None, policy: Policy) -> bool:
        assert path is not None
        return torch.equal(next(load_policy(path).parameters()), next(policy.parameters()))

    real = room.act_side_by_side
    seeds = []
    monkeypatch.setattr(room, "act_side_by_side", lambda *words: seeds.extend(real(*words)) or driven(*words))
    done = command("evaluate", "policy", "other", "--on", on, "--episodes", "4", "--seed", "5", "--out", "run")
    assert done.code == 0 and done.err == "" and started == [[True, True]]
    assert len(seeds) == 2 and all(episodes.seeds.tolist() == [5, 6, 7, 8] for episodes in seeds)
    assert "the same 4 episodes" in done.out and "1 of 4" in done.out and "2 of 4" in done.out
    assert "difference, second minus first: +25.0 points, 95 % interval -" in done.out
    assert "episodes in which only the second succeeded: 2, only the first: 1" in done.out
    assert "exact McNemar test: p = 1" in done.out
    metrics = json.loads((workplace / "run" / "metrics.json").read_text())
    assert metrics["success"]["value"] == 0.25 and metrics["against"]["success"]["value"] == 0.5
    first, second = (episodes_of[name].success for name in ("policy", "other"))
    assert metrics["difference"] == RateDifference.of(first, second).to_dict()
    config = json.loads((workplace / "run" / "config.json").read_text())["config"]
    assert (config["checkpoint"], config["against"], config["on"]) == ("policy", "other", on)


def test_help_loads_nothing_heavy():
    heavy = {"torch", "mujoco", "warp", "gymnasium", "scipy", "pyarrow", "cv2", "av", "jinja2"}
    report = "import launch.evaluate, sys; print(*{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", report], capture_output=True, text=True, check=True)
    assert "tyro" in done.stdout.split() and not set(done.stdout.split()) & heavy
